//! Key blocks inside (X9.143 versions A to D): the block's two keys are derived in the token, the payload is
//! put together there, enciphered by wrapping and deciphered by unwrapping.
//!
//! The MAC over header and clear payload is the last block of a CBC that wraps the payload under the MAC key:
//! its vector is the chain over the header, and the subkey of CMAC is joined to the payload's last block
//! beforehand. What comes out of that is ciphertext under a key that never leaves. The MAC of a block that
//! comes in is compared before anything is taken out of the payload.

use cardwright_pkcs11_raw::ck::{self, CK_ULONG};
use cardwright_pkcs11_raw::{Mechanism, Object, Outcome};
use cardwright_ports::custody::CheckValue;
use cardwright_standards::cipher::xor;
use cardwright_standards::keyblock::{
    self, Acceptance, Apart, Attributes, CheckValueMethod, DerivationTexts, Header, KeyBlockError,
    Version,
};
use cardwright_standards::mac::cmac_subkeys;
use zeroize::Zeroizing;

use super::super::find::{Found, check_value};
use super::super::make::{New, Source, system};
use super::super::rules;
use super::formed::{FORMED, formed, kind_of};
use super::{Moment, STEP, lifted};
use crate::capability::Capability;
use crate::composition::Plan;
use crate::error::Trouble;
use crate::objects::{Flags, Kind, Protection};
use crate::tool::{Tool, wrong};
use cardwright_ports::hsm::CheckMethod;

/// Octets of the length in front of a key.
const LENGTH_OCTETS: usize = 2;
/// Variants of versions A and C: what each octet of the protection key is joined with.
const VARIANTS: [u8; 2] = [0x45, 0x4D];

/// How the two keys of a block come out of the protection key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Derivation {
    /// SP 800-108 with AES-CMAC, by the token's own mechanism.
    Counter,
    /// CMAC of one block: the text joined with a subkey, enciphered into a key.
    ByData,
    /// The protection key with each octet joined with a constant.
    Variant,
}

impl Derivation {
    fn of(plan: &Plan, version: Version) -> Self {
        match version {
            Version::A | Version::C => Self::Variant,
            Version::D | Version::E if plan.can(Capability::BlocksAesCounter) => Self::Counter,
            _ => Self::ByData,
        }
    }
}

/// The keys of a block.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    encryption: Object,
    mac: Object,
    block: usize,
    cbc: CK_ULONG,
}

impl Keys {
    pub(super) fn derive(
        moment: &Moment<'_>,
        (kind, under): (Kind, Object),
        version: Version,
        derivation: Derivation,
    ) -> Outcome<Self> {
        let (block, cbc) = match kind.block() {
            16 => (16, ck::CKM_AES_CBC),
            _ => (8, ck::CKM_DES3_CBC),
        };
        let uses = [
            Flags::WRAP.and(Flags::UNWRAP),
            Flags::WRAP.and(Flags::ENCRYPT),
        ];
        let [encryption, mac] = uses.map(|flags| (kind, (flags, Protection::Inside)));
        let texts = DerivationTexts::of(version, kind.octets());
        let of = |texts: &[[u8; 8]], variant: u8, to| match derivation {
            Derivation::Variant => moment.xor(under, &vec![variant; kind.octets()], to),
            Derivation::Counter => {
                // The counter is the mechanism's.
                let rest = texts.first().and_then(|text| text.get(1..));
                let mechanism = Mechanism::CounterKdf(rest.unwrap_or_default().to_vec());
                moment.derive(&mechanism, under, to)
            }
            Derivation::ByData => moment.derive(&by_data(moment, (kind, under), texts)?, under, to),
        };
        let (first, second) = match &texts {
            Some(texts) => (texts.encryption.as_slice(), texts.mac.as_slice()),
            None => Default::default(),
        };
        let [of_encryption, of_mac] = VARIANTS;
        Ok(Self {
            encryption: of(first, of_encryption, encryption)?,
            mac: of(second, of_mac, mac)?,
            block,
            cbc,
        })
    }

    /// CBC of public octets under the MAC key, vector zero: its last block.
    fn chained(&self, moment: &Moment<'_>, text: &[u8]) -> Outcome<Vec<u8>> {
        let mechanism = Mechanism::Initial(self.cbc, vec![0; self.block]);
        let found = moment.session.encrypt(&mechanism, self.mac, text)?;
        Ok(last(&found, self.block))
    }

    /// CMAC over header and payload.
    fn mac_over(
        &self,
        moment: &Moment<'_>,
        text: &str,
        (payload, octets): (Object, usize),
    ) -> Outcome<Vec<u8>> {
        let zeros = self.chained(moment, &vec![0; self.block])?;
        let subkey = match self.block {
            16 => subkey::<16>(&zeros),
            _ => subkey::<8>(&zeros),
        };
        let mut mask = vec![0; octets.saturating_sub(self.block)];
        mask.extend_from_slice(&subkey);
        let masked = moment.xor(payload, &mask, (Kind::Generic(octets), STEP))?;
        let initial = self.chained(moment, text.as_bytes())?;
        let mechanism = Mechanism::Initial(self.cbc, initial);
        let chain = moment.session.wrap(&mechanism, self.mac, masked)?;
        Ok(last(&chain, self.block))
    }

    /// Enciphers the payload; gives the ciphertext and the MAC.
    pub(super) fn seal(
        &self,
        moment: &Moment<'_>,
        version: Version,
        text: &str,
        payload: (Object, usize),
    ) -> Outcome<(Vec<u8>, Vec<u8>)> {
        let wrap = |initial: Vec<u8>| {
            let mechanism = Mechanism::Initial(self.cbc, initial);
            moment.session.wrap(&mechanism, self.encryption, payload.0)
        };
        if matches!(version, Version::A | Version::C) {
            let data = wrap(first(text.as_bytes(), self.block))?;
            let mac = self.chained(moment, &[text.as_bytes(), &data].concat())?;
            return Ok((data, first(&mac, 4)));
        }
        let mac = self.mac_over(moment, text, payload)?;
        Ok((wrap(mac.clone())?, mac))
    }

    /// The payload of a block whose MAC is right.
    pub(super) fn open(&self, moment: &Moment<'_>, block: &Apart) -> Outcome<Option<Object>> {
        let text = block.header_text.as_bytes();
        let kind = Kind::Generic(block.data.len());
        let unwrap = |initial: Vec<u8>| {
            let mechanism = Mechanism::Initial(self.cbc, initial);
            moment.unwrap(&mechanism, self.encryption, (&block.data, kind))
        };
        if matches!(block.version, Version::A | Version::C) {
            let mac = self.chained(moment, &[text, &block.data].concat())?;
            if !rules::same(&first(&mac, 4), &block.mac) {
                return Ok(None);
            }
            return unwrap(first(text, self.block)).map(Some);
        }
        let payload = unwrap(block.mac.clone())?;
        let mac = self.mac_over(moment, &block.header_text, (payload, block.data.len()))?;
        Ok(rules::same(&mac, &block.mac).then_some(payload))
    }

    /// Which of these lengths stands in front of the key: the payload's first block is compared with one
    /// that says so, both enciphered.
    pub(super) fn length(
        &self,
        moment: &Moment<'_>,
        (payload, octets): (Object, usize),
        candidates: &[usize],
    ) -> Outcome<Option<usize>> {
        let mechanism = Mechanism::Initial(self.cbc, vec![0; self.block]);
        let shown = |head: Object| moment.session.wrap(&mechanism, self.mac, head);
        let head = moment.part(payload, 0, (Kind::Generic(self.block), STEP))?;
        let rest_octets = self.block - LENGTH_OCTETS;
        let rest = (Kind::Generic(rest_octets), STEP);
        let rest = moment.part(payload, LENGTH_OCTETS, rest)?;
        let found = shown(head)?;
        for length in candidates {
            let head = moment.before(&bits(*length), (rest, rest_octets))?;
            if LENGTH_OCTETS + length <= octets && shown(head)? == found {
                return Ok(Some(*length));
            }
        }
        Ok(None)
    }
}

/// Length of a key in bits.
fn bits(octets: usize) -> [u8; 2] {
    (octets as u16 * 8).to_be_bytes()
}

fn first(octets: &[u8], count: usize) -> Vec<u8> {
    octets.iter().take(count).copied().collect()
}

fn last(octets: &[u8], count: usize) -> Vec<u8> {
    let at = octets.len().saturating_sub(count);
    octets.get(at..).unwrap_or_default().to_vec()
}

/// The subkey of CMAC for whole blocks.
fn subkey<const N: usize>(enciphered_zeros: &[u8]) -> Vec<u8> {
    let zeros = enciphered_zeros.first_chunk().copied().unwrap_or([0; N]);
    let [whole, _] = cmac_subkeys(zeros);
    whole.to_vec()
}

/// The blocks whose encipherment is CMAC over each text.
fn by_data(
    moment: &Moment<'_>,
    (kind, under): (Kind, Object),
    texts: &[[u8; 8]],
) -> Outcome<Mechanism> {
    let ecb = |mechanism, block: &[u8]| {
        let found = moment
            .session
            .encrypt(&Mechanism::Plain(mechanism), under, block);
        found.map(Zeroizing::new)
    };
    if kind.block() == 8 {
        let zeros = ecb(ck::CKM_DES3_ECB, &[0; 8])?;
        let [whole, _] = cmac_subkeys(zeros.first_chunk().copied().unwrap_or([0; 8]));
        let blocks = texts.iter().flat_map(|text| xor(*text, whole)).collect();
        return Ok(Mechanism::Data(ck::CKM_DES3_ECB_ENCRYPT_DATA, blocks));
    }
    let zeros = ecb(ck::CKM_AES_ECB, &[0; 16])?;
    let [_, cut] = cmac_subkeys(zeros.first_chunk().copied().unwrap_or([0; 16]));
    let padded = |text: &[u8; 8]| {
        let mut block = [0; 16];
        for (slot, octet) in block.iter_mut().zip(text.iter().chain(&[0x80])) {
            *slot = *octet;
        }
        xor(block, cut)
    };
    let blocks = texts.iter().flat_map(padded).collect();
    Ok(Mechanism::Data(ck::CKM_AES_ECB_ENCRYPT_DATA, blocks))
}

/// `length | key | fill`.
pub(super) fn payload(
    moment: &Moment<'_>,
    (key, octets): (Object, usize),
    fill: &[u8],
) -> Outcome<(Object, usize)> {
    let framed = moment.before(&bits(octets), (key, octets))?;
    let octets = octets + LENGTH_OCTETS;
    match fill.is_empty() {
        true => Ok((framed, octets)),
        false => Ok((moment.behind((framed, octets), fill)?, octets + fill.len())),
    }
}

/// Check values of the protection key: from zeros enciphered, and by CMAC.
fn protection_checks(tool: &Tool<'_>, under: &Found) -> Result<[Vec<u8>; 2], Trouble> {
    Ok([
        check_value(tool, under, CheckMethod::Ecb)?,
        check_value(tool, under, CheckMethod::Cmac)?,
    ])
}

fn version_of(header: &Header) -> Result<Version, Trouble> {
    let version = Version::of(header.version);
    Ok(version.map_err(|e| rules::WRAPPED.found(e.to_string()))?)
}

/// A block of an exportable symmetric key.
pub(in super::super) fn sealed(
    tool: &Tool<'_>,
    moment: &Moment<'_>,
    (key, under): (&Found, &Found),
    header: &Header,
) -> Result<Vec<u8>, Trouble> {
    let refused = |what: String| rules::MAY_NOT_TRAVEL.found(what);
    let version = version_of(header)?;
    let attributes = Attributes::parse(header).map_err(|faults| {
        let first = faults.first().map(ToString::to_string);
        refused(first.unwrap_or_default())
    })?;
    let lifted = lifted(tool, moment, key)?;
    let fill = keyblock::fill_octets(header, lifted.1).map_err(|e| refused(e.to_string()))?;
    let mut fill = Zeroizing::new(vec![0; fill]);
    system(&mut fill)?;
    let checks = protection_checks(tool, under)?;
    let carried = header.blocks.iter().any(|block| block.id == "KC");
    let method = match key.kind()?.block() {
        16 => CheckMethod::Cmac,
        _ => CheckMethod::Ecb,
    };
    let of_key = carried
        .then(|| check_value(tool, key, method))
        .transpose()?;
    let octets = (lifted.1, fill.len());
    let text = keyblock::prepared(&attributes, octets, &checks, of_key);
    let text = text.map_err(|e| refused(e.to_string()))?;
    let derivation = Derivation::of(tool.plan, version);
    let keys = Keys::derive(moment, (under.kind()?, under.main), version, derivation)?;
    let payload = payload(moment, lifted, &fill)?;
    let (data, mac) = keys.seal(moment, version, &text, payload)?;
    if data.len() != payload.1 {
        return Err(wrong("a wrapped payload of another length").into());
    }
    let hexadecimal = hex::encode_upper([data, mac].concat());
    Ok([text, hexadecimal].concat().into_bytes())
}

/// The key of a block, looked at and wrapped for all tokens, when the block's header is the one that was
/// accepted.
pub(in super::super) fn opened(
    tool: &Tool<'_>,
    moment: &Moment<'_>,
    under: &Found,
    (block, header): (&[u8], &Header),
    (new, expected): (&New, Option<&CheckValue>),
) -> Result<Source, Trouble> {
    let refused = |e: KeyBlockError| Trouble::from(rules::WRAPPED.found(e.to_string()));
    let ascii = |_| rules::WRAPPED.found("a key block is ASCII text");
    let block = std::str::from_utf8(block).map_err(ascii)?;
    let apart = Apart::of(block).map_err(refused)?;
    if apart.version.letter() != header.version {
        return Err(refused(KeyBlockError::Header("its version is another one")));
    }
    let derivation = Derivation::of(tool.plan, apart.version);
    let under_it = (under.kind()?, under.main);
    let keys = Keys::derive(moment, under_it, apart.version, derivation)?;
    let payload = keys.open(moment, &apart)?;
    let payload = payload.ok_or_else(|| refused(KeyBlockError::Mac))?;
    let whole = (payload, apart.data.len());
    let wanted = kind_of(new)?;
    let candidates: &[usize] = match wanted.block() {
        16 => &[16, 24, 32],
        _ => &[16, 24, 8],
    };
    let found = keys.length(moment, whole, candidates)?;
    let octets = found.ok_or_else(|| refused(KeyBlockError::Key))?;
    // What stands in a header is policy's to accept; here it must be what was accepted.
    let acceptance = Acceptance {
        versions: &[Version::A, Version::B, Version::C, Version::D],
        unknown_blocks: true,
        components: false,
        odd_combinations: true,
    };
    let checks = protection_checks(tool, under)?;
    let carried = apart.accepted(block, octets, &acceptance, &checks);
    let carried = carried.map_err(refused)?;
    let mut told = apart.header.clone();
    told.length = header.length;
    if told != *header {
        let what = "its header is not the one that was accepted";
        return Err(rules::WRAPPED.found(what).into());
    }
    if octets != wanted.octets() {
        let what = format!("{octets} octets where {} has others", new.algorithm.name());
        return Err(rules::PARITY.found(what).into());
    }
    let key = moment.part(payload, LENGTH_OCTETS, (wanted, FORMED))?;
    if let Some(carried) = carried {
        let method = match carried.method {
            CheckValueMethod::Legacy => CheckMethod::Ecb,
            CheckValueMethod::Cmac => CheckMethod::Cmac,
        };
        let of_key = super::formed::value_of(tool, new, key, method)?;
        carried.compare(&of_key).map_err(refused)?;
    }
    formed(tool, moment, new, key, expected)
}
