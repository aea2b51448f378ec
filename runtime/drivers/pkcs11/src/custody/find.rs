//! Keys by label as a token knows them, and what everybody may know of them.

use cardwright_pkcs11_raw::ck::{self, CK_ULONG};
use cardwright_pkcs11_raw::{Attribute, Object, Session};
use cardwright_ports::custody::{CheckValue, Exportability, KeyAlgorithm, KeyFacts, PublicKey};
use cardwright_ports::hsm::{CheckMethod, KeyUse};
use sha2::{Digest, Sha256};

use super::pairs::point_of;
use crate::error::{self, Trouble};
use crate::objects::{self, Flags, Kind, LEFT};
use crate::ring::{Facts, KEYS_MAX, Nature, check_login, describe, one, use_name};
use crate::tool::Tool;

/// Labels of the driver's own keys begin so.
const OWN: &str = "cardwright.storage.";
/// The classes of keys that have a name.
const CLASSES: [CK_ULONG; 2] = [ck::CKO_SECRET_KEY, ck::CKO_PRIVATE_KEY];

/// A key in one token.
pub(super) struct Found {
    pub(super) label: String,
    pub(super) main: Object,
    pub(super) nature: Nature,
    pub(super) algorithm: KeyAlgorithm,
    pub(super) usage: KeyUse,
    pub(super) exportability: Exportability,
    pub(super) flags: Flags,
}

impl Found {
    /// The kind of a symmetric key.
    pub(super) fn kind(&self) -> Result<Kind, Trouble> {
        match self.nature {
            Nature::Secret(kind) => Ok(kind),
            _ => Err(self.unsuitable("symmetric")),
        }
    }

    /// Modulus and exponent of an RSA key.
    pub(super) fn rsa(&self) -> Result<(&[u8], u32), Trouble> {
        match &self.nature {
            Nature::Rsa { modulus, exponent } => Ok((modulus, *exponent)),
            _ => Err(self.unsuitable("RSA")),
        }
    }

    pub(super) fn unsuitable(&self, wanted: &str) -> Trouble {
        let what = format!(
            "key {} is {}, not {wanted}",
            self.label,
            self.algorithm.name()
        );
        error::UNSUITABLE.found(what).into()
    }

    /// Reads an object; `None` for one that is not a key of this project's convention.
    fn read(session: &Session, class: CK_ULONG, main: Object) -> Result<Option<Self>, Trouble> {
        let facts = Facts::read(session, main)?;
        let Some(label) = facts.label().map(str::to_owned) else {
            return Ok(None);
        };
        if label.starts_with(OWN) || label.ends_with(LEFT) {
            return Ok(None);
        }
        let Some(usage) = KeyUse::from_name(facts.identifier().0) else {
            return Ok(None);
        };
        let differs = || {
            let what = format!("key {label} is of a type that the driver does not know");
            error::KEY_DIFFERS.found(what)
        };
        let nature = facts.nature(class).ok_or_else(differs)?;
        let (name, bits, exponent) = describe(&nature);
        let algorithm = KeyAlgorithm::from_name(name, bits, exponent).ok_or_else(differs)?;
        facts.check_protection(&label, objects::allowed(usage))?;
        Ok(Some(Self {
            main,
            nature,
            algorithm,
            usage,
            exportability: facts.exportability(),
            flags: facts.flags(),
            label,
        }))
    }
}

/// The key of a label.
pub(super) fn named(session: &Session, label: &str) -> Result<Option<Found>, Trouble> {
    let mut found = None;
    for class in CLASSES {
        let Some(object) = one(session, class, label)? else {
            continue;
        };
        if found.is_some() {
            return Err(error::KEY_TWICE.found(format!("key {label}")).into());
        }
        let read = Found::read(session, class, object)?;
        let unknown = || {
            let what = format!("the use of key {label} is not said in CKA_ID");
            error::KEY_USE.found(what)
        };
        found = Some(read.ok_or_else(unknown)?);
    }
    if found.is_none() {
        check_login(session)?;
    }
    Ok(found)
}

/// The key of a label that must be there.
pub(super) fn present(session: &Session, label: &str) -> Result<Found, Trouble> {
    let missing =
        || cardwright_custody_rules::LABEL.found(format!("no key {}", super::rules::shown(label)));
    Ok(named(session, label)?.ok_or_else(missing)?)
}

/// How often a list of keys is read anew because another program's keys come and go.
const READS_MAX: u32 = 4;

/// Reads many objects. Another session may destroy one of them meanwhile, and then a token says all
/// sorts of things about it: what failed is read again if the objects are no longer the same.
pub(super) fn steadily<T>(
    session: &Session,
    read: impl Fn(&Session) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let objects = || -> Result<Vec<Object>, Trouble> {
        let template = [Attribute::flag(ck::CKA_TOKEN, true)];
        let mut found = session.find(&template, KEYS_MAX)?;
        found.sort_unstable_by_key(|object| object.0);
        Ok(found)
    };
    let mut before = objects()?;
    for _ in 1..READS_MAX {
        let failed = match read(session) {
            Ok(value) => return Ok(value),
            Err(failed) => failed,
        };
        let now = objects()?;
        if now == before {
            return Err(failed);
        }
        before = now;
    }
    read(session)
}

/// All keys that can be named, by label. Objects of other programs are left out.
pub(super) fn all(session: &Session) -> Result<Vec<Found>, Trouble> {
    let mut keys = Vec::new();
    for class in CLASSES {
        let template = [
            Attribute::number(ck::CKA_CLASS, class),
            Attribute::flag(ck::CKA_TOKEN, true),
        ];
        for object in session.find(&template, KEYS_MAX)? {
            keys.extend(Found::read(session, class, object)?);
        }
    }
    if keys.is_empty() {
        check_login(session)?;
    }
    keys.sort_by(|a, b| a.label.cmp(&b.label));
    let twin = keys.windows(2).find_map(|pair| match pair {
        [a, b] if a.label == b.label => Some(a.label.clone()),
        _ => None,
    });
    match twin {
        Some(label) => Err(error::KEY_TWICE.found(format!("key {label}")).into()),
        None => Ok(keys),
    }
}

/// The public half of a key pair.
pub(super) fn public_key(session: &Session, key: &Found) -> Result<PublicKey, Trouble> {
    match &key.nature {
        Nature::Rsa { modulus, exponent } => Ok(PublicKey::Rsa {
            modulus: modulus.clone(),
            exponent: *exponent,
        }),
        Nature::P256 => {
            let public = one(session, ck::CKO_PUBLIC_KEY, &key.label)?;
            let missing = || {
                let what = format!("the public half of key {}", key.label);
                error::KEY_MISSING.found(what)
            };
            let point = point_of(session, public.ok_or_else(missing)?)?;
            Ok(PublicKey::P256(point))
        }
        Nature::Secret(_) => Err(key.unsuitable("a key pair")),
    }
}

/// A check value by a method that suits the algorithm.
pub(super) fn check_value(
    tool: &Tool<'_>,
    key: &Found,
    method: CheckMethod,
) -> Result<Vec<u8>, Trouble> {
    let first = |octets: &[u8], length: usize| octets.iter().take(length).copied().collect();
    let kind = match (&key.nature, method) {
        (Nature::Secret(_), CheckMethod::Sha256) => return Err(key.unsuitable("a key pair")),
        (Nature::Secret(kind), _) => *kind,
        (_, CheckMethod::Sha256) => {
            let hash = match public_key(tool.session()?, key)? {
                PublicKey::Rsa { modulus, .. } => Sha256::digest(modulus),
                PublicKey::P256(point) => Sha256::digest(point),
            };
            return Ok(first(&hash, 8));
        }
        _ => return Err(key.unsuitable("symmetric")),
    };
    let of = (kind, key.flags);
    let value = match (method, kind.block()) {
        (CheckMethod::Cmac, 8) => tool
            .cmac_of_zeros::<8>(of, key.main)?
            .map(|mac| first(&mac, 5)),
        (CheckMethod::Cmac, _) => tool
            .cmac_of_zeros::<16>(of, key.main)?
            .map(|mac| first(&mac, 5)),
        (method, block) => {
            // GlobalPlatform takes ones for AES only.
            let octet = u8::from(method == CheckMethod::Gp && block == 16);
            let shown = tool.shown_block(of, key.main, &vec![octet; block])?;
            shown.map(|block| first(&block, 3))
        }
    };
    let untold = || {
        let what = format!(
            "the token does not tell this check value of key {}, which is for {}",
            key.label,
            use_name(key.usage)
        );
        error::UNSUITABLE.found(what)
    };
    Ok(value.ok_or_else(untold)?)
}

/// What everybody may know of a key.
pub(super) fn facts(tool: &Tool<'_>, key: &Found) -> Result<KeyFacts, Trouble> {
    let methods: &[CheckMethod] = match key.algorithm {
        KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3 => &[CheckMethod::Ecb],
        KeyAlgorithm::Rsa { .. } | KeyAlgorithm::P256 => &[CheckMethod::Sha256],
        _ => &[CheckMethod::Cmac, CheckMethod::Gp],
    };
    let value = |method: &CheckMethod| {
        Ok(CheckValue {
            method: *method,
            octets: check_value(tool, key, *method)?,
        })
    };
    Ok(KeyFacts {
        label: key.label.clone(),
        algorithm: key.algorithm,
        usage: key.usage,
        exportability: key.exportability,
        check_values: methods.iter().map(value).collect::<Result<_, Trouble>>()?,
    })
}
