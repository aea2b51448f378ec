//! Key objects: which attributes a key of a use has in the token, and how it is found again.
//!
//! The convention: `CKA_LABEL` is the key's logical name as bundles write it
//! (`aurora.imk_ac`), `CKA_ID` the names of its use and algorithm
//! (`emv.application_cryptogram/tdes2`), so that a key says by itself what it is for; the algorithm
//! may be left out where the token tells the length of AES keys. Behind `@` stands a mark of the label, which need not be there. A third word, `exportable` or
//! `sensitive`, says that the key may leave wrapped; without it the key must be unextractable. A double-length key whose left half is used alone has a second
//! object, labelled with `#left` behind the name: the left half twice, which is single DES. The
//! driver's own keys are labelled `cardwright.storage.…`.

use cardwright_pkcs11_raw::ck::{self, CK_ULONG};
use cardwright_pkcs11_raw::{Attribute, Object, Outcome, Session};
use cardwright_ports::custody::Exportability;
use cardwright_ports::hsm::KeyUse;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Between the words of an identifier and the mark of a label.
const MARK: char = '@';
/// Octets of a label's hash in the mark.
const MARK_OCTETS: usize = 8;
/// Behind the label of the object that holds a left half twice.
pub const LEFT: &str = "#left";
/// Label of the key that seals octets.
pub const SEAL_LABEL: &str = "cardwright.storage.seal";
/// Label of the key that wraps keys.
pub const WRAP_LABEL: &str = "cardwright.storage.wrap";
/// Label of the key that draws and marks.
pub const DRAW_LABEL: &str = "cardwright.storage.draw";

/// What a key object may be used for, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// `CKA_ENCRYPT`.
    pub const ENCRYPT: Self = Self(1);
    /// `CKA_DECRYPT`.
    pub const DECRYPT: Self = Self(2);
    /// `CKA_SIGN`.
    pub const SIGN: Self = Self(4);
    /// `CKA_WRAP`.
    pub const WRAP: Self = Self(8);
    /// `CKA_UNWRAP`.
    pub const UNWRAP: Self = Self(16);
    /// `CKA_DERIVE`.
    pub const DERIVE: Self = Self(32);

    /// Each flag with its attribute and the attribute's name.
    pub const ALL: [(Self, CK_ULONG, &'static str); 6] = [
        (Self::ENCRYPT, ck::CKA_ENCRYPT, "CKA_ENCRYPT"),
        (Self::DECRYPT, ck::CKA_DECRYPT, "CKA_DECRYPT"),
        (Self::SIGN, ck::CKA_SIGN, "CKA_SIGN"),
        (Self::WRAP, ck::CKA_WRAP, "CKA_WRAP"),
        (Self::UNWRAP, ck::CKA_UNWRAP, "CKA_UNWRAP"),
        (Self::DERIVE, ck::CKA_DERIVE, "CKA_DERIVE"),
    ];

    /// Both sets.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of another set are in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in it beyond another set, by name.
    pub fn beyond(self, other: Self) -> impl Iterator<Item = &'static str> {
        let rest = Self(self.0 & !other.0);
        Self::ALL
            .iter()
            .filter(move |(flag, ..)| rest.has(*flag))
            .map(|(.., name)| *name)
    }
}

/// What a key of a use may have, and no more.
pub fn allowed(usage: KeyUse) -> Flags {
    match usage {
        KeyUse::CardVerification | KeyUse::PinVerificationPvv | KeyUse::PinVerificationIbm3624 => {
            Flags::ENCRYPT
        }
        KeyUse::EmvApplicationCryptogram
        | KeyUse::EmvSecureMessagingConfidentiality
        | KeyUse::EmvSecureMessagingIntegrity
        | KeyUse::EmvDynamicNumbers
        | KeyUse::CardKey => Flags::ENCRYPT.and(Flags::DERIVE),
        KeyUse::CardIssuance => Flags::ENCRYPT.and(Flags::DERIVE),
        KeyUse::PinEncryption => Flags::ENCRYPT.and(Flags::DECRYPT),
        KeyUse::Transport => Flags::ENCRYPT
            .and(Flags::DECRYPT)
            .and(Flags::WRAP)
            .and(Flags::UNWRAP),
        KeyUse::KeyBlockProtection => Flags::ENCRYPT.and(Flags::DERIVE),
        // It also signs the requests for its own certificate.
        KeyUse::KeyExchange => Flags::DECRYPT
            .and(Flags::DERIVE)
            .and(Flags::UNWRAP)
            .and(Flags::SIGN),
        KeyUse::EmvIssuerPrivate
        | KeyUse::EmvCaPrivate
        | KeyUse::CertificateSigning
        | KeyUse::ContentSigning
        | KeyUse::PackageSigning => Flags::SIGN,
    }
}

/// What `CKA_ID` says: use, algorithm, and whether the key may leave.
pub fn identifier(usage: KeyUse, algorithm: &str, exportability: Exportability) -> String {
    let usage = crate::ring::use_name(usage);
    let word = |(known, _, word): &(Exportability, char, &'static str)| {
        (*known == exportability).then_some(*word)
    };
    match Exportability::ALL.iter().find_map(word) {
        Some(word) if exportability != Exportability::NonExportable => {
            format!("{usage}/{algorithm}/{word}")
        }
        _ => format!("{usage}/{algorithm}"),
    }
}

/// How a key is protected that may leave, or not.
pub fn protection(exportability: Exportability) -> Protection {
    match exportability {
        Exportability::NonExportable => Protection::Inside,
        Exportability::Exportable | Exportability::Sensitive => Protection::Wrappable,
    }
}

/// Whether a left half is used alone.
pub fn needs_left(usage: KeyUse) -> bool {
    usage == KeyUse::CardVerification
}

/// Kind of a secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Double-length triple DES.
    Des2,
    /// Triple-length triple DES.
    Des3,
    /// AES of so many octets.
    Aes(usize),
    /// Octets for a MAC.
    Generic(usize),
}

impl Kind {
    /// By the name that bundles use.
    pub fn of_algorithm(algorithm: &str) -> Option<Self> {
        Some(match algorithm {
            "tdes2" => Self::Des2,
            "tdes3" => Self::Des3,
            "aes128" => Self::Aes(16),
            "aes192" => Self::Aes(24),
            "aes256" => Self::Aes(32),
            _ => return None,
        })
    }

    /// `CKA_KEY_TYPE`.
    pub fn number(self) -> CK_ULONG {
        match self {
            Self::Des2 => ck::CKK_DES2,
            Self::Des3 => ck::CKK_DES3,
            Self::Aes(_) => ck::CKK_AES,
            Self::Generic(_) => ck::CKK_GENERIC_SECRET,
        }
    }

    /// Length in octets.
    pub fn octets(self) -> usize {
        match self {
            Self::Des2 => 16,
            Self::Des3 => 24,
            Self::Aes(octets) | Self::Generic(octets) => octets,
        }
    }

    /// Octets of a block, 0 for a generic key.
    pub fn block(self) -> usize {
        match self {
            Self::Des2 | Self::Des3 => 8,
            Self::Aes(_) => 16,
            Self::Generic(_) => 0,
        }
    }

    /// Whether the length is said beside the type.
    fn says_length(self) -> bool {
        matches!(self, Self::Aes(_) | Self::Generic(_))
    }
}

/// Where an object lives.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// With its session.
    Session,
    /// In the token, with label and identifier.
    Token(&'a str, &'a str),
}

/// Who may see its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Nobody.
    Inside,
    /// Nobody; it may leave wrapped.
    Wrappable,
    /// This program: for what it may hold in its own memory.
    Readable,
}

/// Attributes of a secret key, all flags said: tokens differ in what they take for granted.
pub fn template(
    kind: Kind,
    flags: Flags,
    place: Place<'_>,
    protection: Protection,
) -> Vec<Attribute> {
    let mut rows = vec![
        Attribute::number(ck::CKA_CLASS, ck::CKO_SECRET_KEY),
        Attribute::number(ck::CKA_KEY_TYPE, kind.number()),
    ];
    placed(&mut rows, place);
    protected(&mut rows, protection);
    for (flag, attribute, _) in Flags::ALL {
        rows.push(Attribute::flag(attribute, flags.has(flag)));
    }
    rows.push(Attribute::flag(ck::CKA_VERIFY, flags.has(Flags::SIGN)));
    rows
}

/// Token or session, label and identifier.
pub fn placed(rows: &mut Vec<Attribute>, place: Place<'_>) {
    rows.push(Attribute::flag(
        ck::CKA_TOKEN,
        matches!(place, Place::Token(..)),
    ));
    if let Place::Token(label, id) = place {
        rows.push(Attribute::octets(ck::CKA_LABEL, label.as_bytes()));
        rows.push(Attribute::octets(ck::CKA_ID, unique(label, id).as_bytes()));
    }
}

/// What `CKA_ID` holds: behind the words a mark of the label, since two keys of one class with one identifier
/// are one key to NSS, of which the second takes the first one's place.
fn unique(label: &str, id: &str) -> String {
    let digest = Sha256::digest(label.as_bytes());
    let mark = digest.get(..MARK_OCTETS).unwrap_or_default();
    format!("{id}{MARK}{}", hex::encode(mark))
}

/// The words of an identifier, without the mark.
pub fn words(id: &[u8]) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(id).unwrap_or_default();
    text.split(MARK).next().unwrap_or_default().split('/')
}

/// Private, and who may see the value.
pub fn protected(rows: &mut Vec<Attribute>, protection: Protection) {
    rows.push(Attribute::flag(ck::CKA_PRIVATE, true));
    rows.push(Attribute::flag(
        ck::CKA_SENSITIVE,
        protection != Protection::Readable,
    ));
    rows.push(Attribute::flag(
        ck::CKA_EXTRACTABLE,
        protection != Protection::Inside,
    ));
}

/// Brings a key in.
///
/// # Errors
/// What the token returned.
pub fn import(
    session: &Session,
    kind: Kind,
    flags: Flags,
    (place, protection): (Place<'_>, Protection),
    value: &[u8],
) -> Outcome<Object> {
    let mut rows = template(kind, flags, place, protection);
    rows.push(Attribute::octets(ck::CKA_VALUE, value));
    session.create(&rows)
}

/// Attributes of a key that a derivation or unwrapping makes; the length is said where the type does
/// not say it.
pub fn made(kind: Kind, flags: Flags, protection: Protection, with_length: bool) -> Vec<Attribute> {
    let mut rows = template(kind, flags, Place::Session, protection);
    if with_length && kind.says_length() {
        let octets = kind.octets() as CK_ULONG;
        rows.push(Attribute::number(ck::CKA_VALUE_LEN, octets));
    }
    rows
}

/// A key to be generated.
pub fn generated(
    kind: Kind,
    flags: Flags,
    place: Place<'_>,
    protection: Protection,
) -> Vec<Attribute> {
    let mut rows = template(kind, flags, place, protection);
    if kind.says_length() {
        let octets = kind.octets() as CK_ULONG;
        rows.push(Attribute::number(ck::CKA_VALUE_LEN, octets));
    }
    rows
}

/// The value of a readable key.
///
/// # Errors
/// What the token returned; no value is an answer without sense.
pub fn value(session: &Session, object: Object, octets: usize) -> Outcome<Zeroizing<Vec<u8>>> {
    let mut values = session.all_attributes(object, &[(ck::CKA_VALUE, octets)])?;
    match values.pop().flatten() {
        Some(value) if value.len() == octets => Ok(value),
        _ => Err(cardwright_pkcs11_raw::Failure {
            function: "C_GetAttributeValue",
            value: cardwright_pkcs11_raw::Value::Nonsense("no value of a readable key"),
        }),
    }
}

/// The octets of the left half twice, which is single DES under the left half.
pub fn left_twice(key: &[u8]) -> Option<Zeroizing<[u8; 16]>> {
    let left = key.first_chunk::<8>()?;
    let mut twice = Zeroizing::new([0; 16]);
    for (slot, octet) in twice.iter_mut().zip(left.iter().chain(left)) {
        *slot = *octet;
    }
    Some(twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_sets() {
        let both = Flags::ENCRYPT.and(Flags::SIGN);
        assert!(both.has(Flags::SIGN) && !both.has(Flags::WRAP));
        let beyond: Vec<_> = both.beyond(Flags::ENCRYPT).collect();
        assert_eq!(beyond, ["CKA_SIGN"]);
    }

    #[test]
    fn identifiers_of_two_labels_differ_and_say_the_same() {
        let (one, two) = (unique("a", "x/y/z"), unique("b", "x/y/z"));
        assert_ne!(one, two);
        for id in [one.as_str(), &two, "x/y/z"] {
            assert_eq!(words(id.as_bytes()).collect::<Vec<_>>(), ["x", "y", "z"]);
        }
    }

    #[test]
    fn no_use_may_do_everything() {
        for (usage, name) in KeyUse::NAMES {
            let flags = allowed(usage);
            assert_ne!(flags, Flags::NONE, "{name}");
            assert!(!flags.has(Flags::SIGN.and(Flags::ENCRYPT)), "{name}");
        }
    }
}
