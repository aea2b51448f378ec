//! A PIV application (NIST SP 800-73-4): containers, PIN and PUK, a management key, keys that the
//! card makes itself.
//!
//! Administration asks for the issuer's secure channel or for the management key; setting that key
//! is `00 FF FF FF`, as open applets have it. Facts of status words and initial values are not
//! verified against a product.

use crate::apdu::{Answer, Command, sw};
use crate::application::{Groupings, Interface};
use crate::crypto::{Cipher, Family, same, secret};
use crate::entropy::Entropy;
use crate::tlv;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::elliptic_curve::sec1::ToEncodedPoint;

/// AID of PIV applications: registered part and version.
pub const PIV_AID: [u8; 11] = [
    0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00,
];
/// First two octets of the tags of containers.
const CONTAINERS: u32 = 0x5F_C1;
/// Most octets of a container's value.
const CONTAINER_OCTETS_MAX: usize = 3_000;
/// Tries of PIN and PUK.
const TRIES: u8 = 3;
/// P2 and grouping of the PIN; its tries stand one behind.
const PIN: u16 = 0x8000;
/// P2 and grouping of the PUK.
const PUK: u16 = 0x8100;
/// Grouping of the management key: algorithm, key.
const MANAGEMENT: u16 = 0x9B00;
/// Algorithm identifiers (SP 800-78-4, table 6-2).
const AES: [(u8, usize); 3] = [(0x08, 16), (0x0A, 24), (0x0C, 32)];
const P256: u8 = 0x11;

/// State that SELECT and reset clear.
#[derive(Default)]
pub(crate) struct Session {
    verified: bool,
    managed: bool,
    /// Block that the host has to decipher or to encipher.
    awaited: Option<(Step, Vec<u8>)>,
    /// Instruction, P1, P2 and data of a chain that goes on.
    chain: Option<([u8; 3], Vec<u8>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Witness,
    Challenge,
}

/// What the application has to do with.
pub(crate) struct Piv<'p> {
    pub(crate) groups: &'p mut Groupings,
    pub(crate) session: &'p mut Session,
    pub(crate) entropy: &'p mut Entropy,
    pub(crate) interface: Interface,
    /// Whether the command came through the issuer's secure channel.
    pub(crate) secured: bool,
}

/// A PIV application as it leaves its maker: PIN 123456, PUK 12345678, an AES-192 key.
pub(crate) fn blank() -> Groupings {
    let mut key = vec![0x0A];
    key.extend((1..=8u8).cycle().take(24));
    Groupings::from([
        (PIN, secret(b"123456\xFF\xFF")),
        (PIN + 1, secret(&[TRIES])),
        (PUK, secret(b"12345678")),
        (PUK + 1, secret(&[TRIES])),
        (MANAGEMENT, secret(&key)),
    ])
}

/// Whether restored groupings are a PIV application's.
pub(crate) fn whole(groups: &Groupings) -> bool {
    let length = |number: u16| groups.get(&number).map(|value| value.len());
    let management = groups.get(&MANAGEMENT).is_some_and(|key| {
        let [algorithm, octets @ ..] = key.as_slice() else {
            return false;
        };
        AES.contains(&(*algorithm, octets.len()))
    });
    let tries =
        |number: u16| matches!(groups.get(&number).map(|v| v.as_slice()), Some([0..=TRIES]));
    [PIN, PUK]
        .iter()
        .all(|n| length(*n) == Some(8) && tries(n + 1))
        && management
}

/// FCI of SELECT: application property template (SP 800-73-4 part 2, table 3).
pub(crate) fn property_template() -> Vec<u8> {
    let authority = tlv::write(
        0x79,
        &tlv::write(0x4F, PIV_AID.get(..5).unwrap_or_default()),
    );
    let pix = tlv::write(0x4F, PIV_AID.get(5..).unwrap_or_default());
    tlv::write(0x61, &[pix, authority].concat())
}

/// Obeys a command, after the chain that it may end.
pub(crate) fn execute(piv: &mut Piv<'_>, command: &Command) -> Answer {
    let head = [command.ins, command.p1, command.p2];
    let before = match piv.session.chain.take() {
        Some((chained, _)) if chained != head => return Err(sw::CONDITIONS),
        Some((_, data)) => data,
        None => Vec::new(),
    };
    let data = [&before[..], &command.data].concat();
    if data.len() > CONTAINER_OCTETS_MAX + 16 {
        return Err(sw::NO_MEMORY);
    }
    match command.cla & !0x04 {
        0x10 => {
            piv.session.chain = Some((head, data));
            return Ok(Vec::new());
        }
        0x00 => {}
        _ => return Err(sw::WRONG_CLA),
    }
    match head {
        [0xCB, 0x3F, 0xFF] => piv.get_data(&data),
        [0xDB, 0x3F, 0xFF] => piv.put_data(&data),
        [0x20, 0x00, 0x80] => piv.verify(&data),
        [0x24, 0x00, 0x80] => piv.change(PIN, &data),
        [0x24, 0x00, 0x81] => piv.change(PUK, &data),
        [0x2C, 0x00, 0x80] => piv.reset_retry(&data),
        [0x47, 0x00, slot] => piv.generate(slot, &data),
        [0x87, algorithm, 0x9B] => piv.manage(algorithm, &data),
        [0x87, P256, slot] => piv.sign(slot, &data),
        [0xFF, 0xFF, 0xFF] => piv.set_management(&data),
        [0xCB | 0xDB | 0x20 | 0x24 | 0x2C | 0x47 | 0x87 | 0xFF, ..] => Err(sw::WRONG_P1P2),
        _ => Err(sw::WRONG_INS),
    }
}

impl Piv<'_> {
    /// Administration: through the channel, or after the management key.
    fn administered(&self) -> Result<(), u16> {
        match self.secured || self.session.managed {
            true => Ok(()),
            false => Err(sw::SECURITY),
        }
    }

    fn get_data(&mut self, data: &[u8]) -> Answer {
        let tag = tlv::only(data, 0x5C).ok_or(sw::WRONG_DATA)?;
        let number = container(tag).ok_or(sw::NOT_FOUND)?;
        // Fingerprints, face and printed information are for the holder (part 1, table 2).
        if matches!(number, 0x03 | 0x08 | 0x09) && !self.session.verified {
            return Err(sw::SECURITY);
        }
        let value = self.groups.get(&u16::from(number)).ok_or(sw::NOT_FOUND)?;
        Ok(tlv::write(0x53, value))
    }

    /// PUT DATA of one container: `5C 03 tag, 53 value`; an empty value takes it away.
    fn put_data(&mut self, data: &[u8]) -> Answer {
        self.administered()?;
        let objects = tlv::read_all(data).ok_or(sw::WRONG_DATA)?;
        let [tag, value] = objects.as_slice() else {
            return Err(sw::WRONG_DATA);
        };
        if tag.tag != 0x5C || value.tag != 0x53 || value.value.len() > CONTAINER_OCTETS_MAX {
            return Err(sw::WRONG_DATA);
        }
        let number = u16::from(container(tag.value).ok_or(sw::NOT_FOUND)?);
        if !value.value.is_empty() && tlv::read_all(value.value).is_none() {
            return Err(sw::WRONG_DATA);
        }
        match value.value {
            [] => self.groups.remove(&number),
            octets => self.groups.insert(number, secret(octets)),
        };
        Ok(Vec::new())
    }

    /// VERIFY; without data it tells the tries that are left.
    fn verify(&mut self, data: &[u8]) -> Answer {
        let left = self.left(PIN);
        if data.is_empty() {
            return match (self.session.verified, left) {
                (true, _) => Ok(Vec::new()),
                (false, 0) => Err(sw::METHOD_BLOCKED),
                (false, left) => Err(sw::TRIES_LEFT | u16::from(left)),
            };
        }
        self.session.verified = false;
        self.compare(PIN, data)?;
        self.session.verified = true;
        Ok(Vec::new())
    }

    fn left(&self, number: u16) -> u8 {
        let tries = self.groups.get(&(number + 1));
        tries.and_then(|t| t.first().copied()).unwrap_or(0)
    }

    /// Compares a reference, counted before it is looked at.
    fn compare(&mut self, number: u16, given: &[u8]) -> Result<(), u16> {
        let left = self.left(number).checked_sub(1).ok_or(sw::METHOD_BLOCKED)?;
        if !reference(given) {
            return Err(sw::WRONG_DATA);
        }
        self.groups.insert(number + 1, secret(&[left]));
        let kept = self.groups.get(&number).ok_or(sw::CONDITIONS)?;
        if !same(kept, given) {
            return Err(sw::TRIES_LEFT | u16::from(left));
        }
        self.groups.insert(number + 1, secret(&[TRIES]));
        Ok(())
    }

    /// CHANGE REFERENCE DATA: old and new, eight octets each.
    fn change(&mut self, number: u16, data: &[u8]) -> Answer {
        let (old, new) = halves(data)?;
        self.compare(number, old)?;
        if !reference(new) {
            return Err(sw::WRONG_DATA);
        }
        self.groups.insert(number, secret(new));
        Ok(Vec::new())
    }

    /// RESET RETRY COUNTER: the PUK and a new PIN.
    fn reset_retry(&mut self, data: &[u8]) -> Answer {
        let (puk, new) = halves(data)?;
        self.compare(PUK, puk)?;
        if !reference(new) {
            return Err(sw::WRONG_DATA);
        }
        self.groups.insert(PIN, secret(new));
        self.groups.insert(PIN + 1, secret(&[TRIES]));
        Ok(Vec::new())
    }

    /// GENERATE ASYMMETRIC KEY PAIR of P-256 in slots 9A, 9C, 9D, 9E.
    fn generate(&mut self, slot: u8, data: &[u8]) -> Answer {
        self.administered()?;
        if !matches!(slot, 0x9A | 0x9C..=0x9E) {
            return Err(sw::WRONG_P1P2);
        }
        let control = tlv::only(data, 0xAC).ok_or(sw::WRONG_DATA)?;
        if tlv::only(control, 0x80) != Some(&[P256]) {
            return Err(sw::WRONG_DATA);
        }
        // One draw has less than a key's octets; a number that is no scalar is drawn again.
        let key = loop {
            let mut octets = secret(&[]);
            while octets.len() < 32 {
                octets.extend_from_slice(&self.entropy.draw());
            }
            octets.truncate(32);
            if let Ok(key) = p256::SecretKey::from_slice(&octets) {
                break key;
            }
        };
        let point = key.public_key().to_encoded_point(false);
        self.groups.insert(slot_of(slot), secret(&key.to_bytes()));
        Ok(tlv::write(0x7F49, &tlv::write(0x86, point.as_bytes())))
    }

    /// GENERAL AUTHENTICATE with an asymmetric key: `7C { 82, 81 hash }`.
    fn sign(&mut self, slot: u8, data: &[u8]) -> Answer {
        let key = self.groups.get(&slot_of(slot)).ok_or(sw::WRONG_P1P2)?;
        // The card authentication key is for everybody, also over the air; the others ask for the
        // PIN, and are of the contacts.
        let free = slot == 0x9E;
        if !free && (!self.session.verified || self.interface == Interface::Contactless) {
            return Err(sw::SECURITY);
        }
        let template = tlv::only(data, 0x7C).ok_or(sw::WRONG_DATA)?;
        let hash = tlv::find(template, 0x81).filter(|hash| hash.len() == 32);
        let (hash, Some([])) = (hash.ok_or(sw::WRONG_DATA)?, tlv::find(template, 0x82)) else {
            return Err(sw::WRONG_DATA);
        };
        let key = p256::ecdsa::SigningKey::from_slice(key).map_err(|_| sw::CONDITIONS)?;
        let signature: p256::ecdsa::Signature =
            key.sign_prehash(hash).map_err(|_| sw::CONDITIONS)?;
        // The signature key asks for the PIN each time (part 1, table 4).
        self.session.verified &= slot != 0x9C;
        let answer = tlv::write(0x82, signature.to_der().as_bytes());
        Ok(tlv::write(0x7C, &answer))
    }

    /// GENERAL AUTHENTICATE with the management key, one-sided and mutual (part 2, appendix A.1).
    fn manage(&mut self, algorithm: u8, data: &[u8]) -> Answer {
        let kept = self.groups.get(&MANAGEMENT).ok_or(sw::CONDITIONS)?;
        let (kind, key) = kept.split_first().ok_or(sw::CONDITIONS)?;
        if *kind != algorithm {
            return Err(sw::WRONG_P1P2);
        }
        let cipher = Cipher::new(Family::Aes, key).ok_or(sw::CONDITIONS)?;
        let template = tlv::only(data, 0x7C).ok_or(sw::WRONG_DATA)?;
        let part = |tag: u32| tlv::find(template, tag);
        let awaited = self.session.awaited.take();
        match (part(0x80), part(0x81), part(0x82), awaited) {
            (Some([]), None, None, _) => {
                let witness = self.entropy.draw().into_iter().cycle().take(16);
                let witness: Vec<u8> = witness.collect();
                let text = cipher.ecb_encrypt(&witness);
                self.session.awaited = Some((Step::Witness, witness));
                Ok(tlv::write(0x7C, &tlv::write(0x80, &text)))
            }
            (None, Some([]), None, _) => {
                let challenge = self.entropy.draw().into_iter().cycle().take(16);
                let challenge: Vec<u8> = challenge.collect();
                self.session.awaited = Some((Step::Challenge, challenge.clone()));
                Ok(tlv::write(0x7C, &tlv::write(0x81, &challenge)))
            }
            (Some(witness), Some(challenge), _, Some((Step::Witness, expected))) => {
                if !same(witness, &expected) || challenge.len() != 16 {
                    return Err(sw::SECURITY);
                }
                let text = cipher.ecb_encrypt(challenge);
                self.session.managed = true;
                Ok(tlv::write(0x7C, &tlv::write(0x82, &text)))
            }
            (None, None, Some(response), Some((Step::Challenge, challenge))) => {
                if !same(response, &cipher.ecb_encrypt(&challenge)) {
                    return Err(sw::SECURITY);
                }
                self.session.managed = true;
                Ok(Vec::new())
            }
            _ => Err(sw::WRONG_DATA),
        }
    }

    /// A new management key: algorithm, `9B`, length, key.
    fn set_management(&mut self, data: &[u8]) -> Answer {
        self.administered()?;
        let [algorithm, 0x9B, length, key @ ..] = data else {
            return Err(sw::WRONG_DATA);
        };
        let known = AES.contains(&(*algorithm, key.len()));
        if !known || usize::from(*length) != key.len() {
            return Err(sw::WRONG_DATA);
        }
        let kept = [&[*algorithm][..], key].concat();
        self.groups.insert(MANAGEMENT, secret(&kept));
        self.session.managed = false;
        Ok(Vec::new())
    }
}

/// The last octet of a container's tag, `5FC1xx`.
fn container(tag: &[u8]) -> Option<u8> {
    match tag {
        [a, b, number @ 0x01..=0x21] if u32::from(u16::from_be_bytes([*a, *b])) == CONTAINERS => {
            Some(*number)
        }
        _ => None,
    }
}

fn slot_of(slot: u8) -> u16 {
    u16::from_be_bytes([slot, 0x10])
}

fn halves(data: &[u8]) -> Result<(&[u8], &[u8]), u16> {
    match data.len() {
        16 => data.split_at_checked(8).ok_or(sw::WRONG_LENGTH),
        _ => Err(sw::WRONG_LENGTH),
    }
}

/// Six to eight digits and FF behind them.
fn reference(octets: &[u8]) -> bool {
    let digits = octets.iter().take_while(|o| o.is_ascii_digit()).count();
    let rest = octets.get(digits..).unwrap_or_default();
    octets.len() == 8 && digits >= 6 && rest.iter().all(|o| *o == 0xFF)
}
