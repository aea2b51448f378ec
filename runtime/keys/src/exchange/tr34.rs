//! TR-34: a key token made for a device, or taken in from a host, with both private keys and the key
//! itself in the HSM.

use super::binding::{check_host, use_time};
use super::codes::NOT_ALLOWED;
use super::header::{Wish, export_letter, letter, usage};
use super::{Carrier, Giving, give, kind, refusal, usable};
use crate::inventory::{Inventory, KeyEntry, NewEntry, Origin, People, label};
use crate::issuer::HsmKey;
use crate::{Clerk, KeysError, Ledger};
use cardwright_exchange::tr34::{
    ContentCipher, Delivery, Device, Expected, Freshness, InsideToken, Proven, Sealed,
    inside_key_token, prove_key_token,
};
use cardwright_exchange::{Certificate, ExchangeError, OaepHash, Purpose, Trust};
use cardwright_ports::custody::{
    Enveloped, Frame, KeyAlgorithm, KeyCustody, OaepHash as PortHash, PublicKey,
};
use cardwright_standards::key_policy::{self, Day, Form};

/// A key that a host sends.
#[derive(Clone, Copy)]
pub struct Sending<'a> {
    /// Label of the key.
    pub label: &'a str,
    /// Label of the host's key pair, which signs.
    pub host_key: &'a str,
    /// The host's certificate.
    pub host: &'a Certificate,
    /// The device's certificate.
    pub device: &'a Certificate,
    /// Whom the host trusts.
    pub trust: Trust<'a>,
    /// The device's nonce; none for one pass, which has the time instead.
    pub nonce: Option<&'a [u8]>,
    /// What the inner block is enciphered with.
    pub cipher: ContentCipher,
    /// Hash of RSA-OAEP.
    pub hash: OaepHash,
    /// Mode of use in the header.
    pub mode: Option<char>,
    /// To whom.
    pub to: &'a str,
    /// Today.
    pub today: Day,
}

/// What a device expects of a key token.
#[derive(Clone, Copy, Debug)]
pub enum Fresh<'a> {
    /// Two passes: the nonce that it sent.
    Nonce(&'a [u8]),
    /// One pass: most seconds between the token's time and now, either way.
    Window(u64),
}

/// A key token that came.
#[derive(Clone)]
pub struct Receiving<'a> {
    /// The token.
    pub token: &'a [u8],
    /// Label of the device's key pair.
    pub device_key: &'a str,
    /// The device's certificate.
    pub device: &'a Certificate,
    /// The certificate of the host that the device is bound to.
    pub host: &'a Certificate,
    /// Whom the device trusts.
    pub trust: Trust<'a>,
    /// What says that it is not an old one.
    pub fresh: Fresh<'a>,
    /// The key as the inventory will have it; origin and version are filled in.
    pub key: NewEntry,
    /// Who sent it.
    pub from: &'a str,
    /// Today.
    pub today: Day,
}

fn refused(error: &ExchangeError) -> KeysError {
    NOT_ALLOWED.found(format!("TR-34: {error}"))
}

/// The names of cipher and hash at the port.
fn at_port(cipher: ContentCipher, hash: OaepHash) -> (KeyAlgorithm, PortHash) {
    let cipher = match cipher {
        ContentCipher::Tdes => KeyAlgorithm::Tdes3,
        ContentCipher::Aes128 => KeyAlgorithm::Aes128,
        ContentCipher::Aes256 => KeyAlgorithm::Aes256,
    };
    let hash = match hash {
        OaepHash::Sha1 => PortHash::Sha1,
        OaepHash::Sha256 => PortHash::Sha256,
    };
    (cipher, hash)
}

/// A public exponent as a number.
fn exponent(octets: &[u8]) -> u32 {
    octets
        .iter()
        .fold(0, |value, octet| value << 8 | u32::from(*octet))
}

/// Policy's word on a key that is to leave for a device.
fn permitted(
    store: &dyn Ledger,
    sending: &Sending<'_>,
    entry: &KeyEntry,
    public: &PublicKey,
) -> Result<(), KeysError> {
    let giving = Giving {
        label: sending.label,
        form: Form::Tr34,
        carrier: Carrier::Oaep {
            receiver: Some(public),
            own: "",
            hash: at_port(sending.cipher, sending.hash).1,
        },
        to: sending.to,
        mode: sending.mode,
        exportability: None,
        blocks: &[],
        exception: None,
        today: sending.today,
    };
    give::allowed(store, &giving, entry, None).map(drop)
}

/// Makes a key token. That the key leaves is durable before this returns the token.
///
/// # Errors
/// R1384 for what policy or a certificate refuses, the HSM's own.
pub fn send(
    store: &dyn Ledger,
    custody: &mut dyn KeyCustody,
    sending: &Sending<'_>,
    people: &People<'_>,
) -> Result<Vec<u8>, KeysError> {
    let inventory = Inventory::read(store)?;
    let entry = inventory.settled(sending.label)?;
    usable(inventory.settled(sending.host_key)?, people.at, true)?;
    let receiver = sending.device.rsa_key().map_err(|e| refused(&e))?;
    let modulus = receiver.modulus().to_vec();
    let public = PublicKey::Rsa {
        modulus: modulus.clone(),
        exponent: exponent(receiver.exponent()),
    };
    permitted(store, sending, entry, &public)?;
    let algorithm = entry.key_algorithm()?;
    let octets = algorithm.octets();
    let octets = octets.ok_or_else(|| NOT_ALLOWED.found("a key pair in a key token"))?;
    let attributes = Wish {
        version: 'D',
        usage: entry.key_use()?,
        algorithm,
        mode: sending.mode,
        exportability: export_letter(entry.key_exportability()?),
        blocks: &[],
    };
    let attributes = attributes.attributes()?;
    let delivery = Delivery {
        attributes: &attributes,
        freshness: match sending.nonce {
            Some(nonce) => Freshness::Nonce(nonce),
            None => Freshness::Time(sending.trust.now),
        },
        kdh: sending.host,
        krd: sending.device,
        cipher: sending.cipher,
        hash: sending.hash,
        // A device that answers nothing has no other way to hear of them.
        revocations: match sending.nonce {
            Some(_) => &[],
            None => sending.trust.revocations,
        },
        exception: None,
        today: sending.today,
    };
    let token = InsideToken {
        delivery,
        kind: kind(algorithm),
        key_octets: octets,
    };
    let (_, noted) =
        inventory.exported(sending.label, (sending.to, "", Form::Tr34.name()), people)?;
    let to = (modulus.as_slice(), exponent(receiver.exponent()));
    let sealed = sealed(custody, sending, &token, to)?;
    let signer = HsmKey::of(custody, sending.host_key)?;
    let made = inside_key_token(&token, &signer, &sending.trust, |_, _| Ok(sealed));
    let made = made.map_err(|e| signer.why(refused(&e)))?;
    store.keep(&noted.into_batch(people.at))?;
    Ok(made)
}

/// The inner block, enciphered by the HSM.
fn sealed(
    custody: &mut dyn KeyCustody,
    sending: &Sending<'_>,
    token: &InsideToken<'_>,
    to: (&[u8], u32),
) -> Result<Sealed, KeysError> {
    let (cipher, hash) = at_port(sending.cipher, sending.hash);
    // Nothing is enciphered for a device that is not trusted.
    let trusted = sending.trust.check(sending.device, Purpose::ReceiveKeys);
    trusted.map_err(|e| refused(&e))?;
    let around = token.frame().map_err(|e| refused(&e))?;
    let frame = Frame {
        before: &around.before,
        after: &around.after,
        cipher,
        hash,
    };
    let made = custody.envelop(sending.label, to, &frame)?;
    Ok(Sealed {
        initial: made.initial,
        content: made.content,
        key: made.key,
    })
}

/// Takes a key in out of a key token. When anything does not agree, neither HSM nor inventory keeps a
/// trace of it but the audit entries of the attempt.
///
/// # Errors
/// R1384 for a token that does not hold or says another use or algorithm, the HSM's own.
pub fn receive(
    store: &dyn Ledger,
    custody: &mut dyn KeyCustody,
    receiving: &Receiving<'_>,
    people: &People<'_>,
) -> Result<KeyEntry, KeysError> {
    let inventory = Inventory::read(store)?;
    let under = receiving.device_key;
    let wrapping = inventory.settled(under)?;
    usable(wrapping, people.at, false)?;
    let proven = proven(store, receiving, people)?;
    agrees(&proven, &receiving.key)?;
    let kinds = (
        kind(wrapping.key_algorithm()?),
        kind(receiving.key.algorithm),
    );
    key_policy::may_wrap(kinds.0, kinds.1, Form::Tr34, None, receiving.today).map_err(refusal)?;
    let octets = receiving.key.algorithm.octets();
    let octets = octets.ok_or_else(|| NOT_ALLOWED.found("a key pair in a key token"))?;
    let frames = proven.frames(octets).map_err(|e| refused(&e))?;
    let (cipher, hash) = at_port(proven.cipher, proven.hash);
    let frames: Vec<Frame<'_>> = frames
        .iter()
        .map(|around| Frame {
            before: &around.before,
            after: &around.after,
            cipher,
            hash,
        })
        .collect();
    let enveloped = Enveloped {
        initial: proven.sealed.initial.clone(),
        content: proven.sealed.content.clone(),
        key: proven.sealed.key.clone(),
    };
    let mut key = receiving.key.clone();
    let version = key.version.unwrap_or(inventory.next_version(&key.name));
    key.version = Some(version);
    key.origin = Origin::Imported {
        from: receiving.from.to_owned(),
        under: under.to_owned(),
        form: Form::Tr34.name().to_owned(),
    };
    let group = format!("import {}", label(&key.name, version));
    let made = Clerk::new(store, custody).make(
        std::slice::from_ref(&key),
        (&group, "import"),
        people,
        &mut |custody, new, expected| {
            custody.open_envelope(&enveloped, under, &frames, new, expected)
        },
    )?;
    let none = || NOT_ALLOWED.found("the key is not in the inventory");
    made.into_iter().next().ok_or_else(none)
}

/// A token whose sender, signature and freshness hold. The time of one in one pass is used up.
fn proven(
    store: &dyn Ledger,
    receiving: &Receiving<'_>,
    people: &People<'_>,
) -> Result<Proven, KeysError> {
    let under = receiving.device_key;
    let device = Device {
        krd: receiving.device,
        bound_kdh: receiving.host,
        trust: receiving.trust,
    };
    let bound = check_host(store, under, receiving.host)?;
    let expected = match receiving.fresh {
        Fresh::Nonce(nonce) => Expected::Nonce(nonce),
        Fresh::Window(window) => {
            let none =
                || NOT_ALLOWED.found(format!("TR-34: {under} is not bound; one pass needs that"));
            let last = bound.ok_or_else(none)?.last_time;
            Expected::Time { window, last }
        }
    };
    let proven = prove_key_token(&device, receiving.token, expected);
    let proven = proven.map_err(|e| refused(&e))?;
    if let Some(time) = proven.time {
        use_time(store, under, time, people)?;
    }
    Ok(proven)
}

/// The header that the host signed must say what the key is to be here.
fn agrees(proven: &Proven, key: &NewEntry) -> Result<(), KeysError> {
    let header = proven.attributes.header();
    let theirs = header.exportability;
    let ours = export_letter(key.exportability);
    let narrower = match theirs {
        'S' => true,
        'E' => ours != 'S',
        _ => ours == 'N',
    };
    if header.usage == usage(key.usage) && header.algorithm == letter(key.algorithm) && narrower {
        return Ok(());
    }
    Err(NOT_ALLOWED.found(format!(
        "TR-34: the header says usage {}, algorithm {}, exportability {theirs}",
        header.usage, header.algorithm
    )))
}
