//! Keys that are bound: what the token said of them, and their handles in each token.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cardwright_pkcs11_raw::ck::{self, CK_ULONG};
use cardwright_pkcs11_raw::{Attribute, Failure, Object, Session, Value};
use cardwright_ports::custody::Exportability;
use cardwright_ports::hsm::{KeyHandle, KeyRequest, KeyUse};
use zeroize::Zeroizing;

use crate::error::{self, Refused, Trouble};
use crate::objects::{self, Flags, Kind, LEFT};

/// Keys of one HSM, and the limit of its handles.
pub(crate) const KEYS_MAX: usize = 1_000;

/// A key in one token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objects {
    /// The key.
    pub(crate) main: Object,
    /// Its left half twice.
    pub(crate) left: Option<Object>,
}

/// What kind of key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// A secret key.
    Secret(Kind),
    /// An RSA private key.
    Rsa {
        /// Modulus.
        modulus: Vec<u8>,
        /// Public exponent.
        exponent: u32,
    },
    /// A private key on P-256; the token keeps its point with the public half.
    P256,
}

/// A bound key.
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) usage: KeyUse,
    pub(crate) nature: Nature,
    /// What its objects allow, in every token.
    pub(crate) flags: Flags,
    /// What tells it from others of its name; compared between tokens.
    pub(crate) fingerprint: Vec<u8>,
    /// Handles by token, each with the token's generation.
    places: Mutex<BTreeMap<usize, (u64, Objects)>>,
    /// Set when custody destroyed it while sessions still hold it.
    gone: AtomicBool,
}

/// What a token holds of a request.
pub(crate) struct Located {
    pub(crate) objects: Objects,
    pub(crate) nature: Nature,
    pub(crate) flags: Flags,
}

impl Key {
    pub(crate) fn new(request: &KeyRequest, located: &Located, fingerprint: Vec<u8>) -> Self {
        Self {
            name: request.name.clone(),
            usage: request.usage,
            nature: located.nature.clone(),
            flags: located.flags,
            fingerprint,
            places: Mutex::default(),
            gone: AtomicBool::new(false),
        }
    }

    /// Its handles in a token, found again when the token has changed.
    pub(crate) fn objects(
        &self,
        session: &Session,
        (token, generation): (usize, u64),
    ) -> Result<Objects, Trouble> {
        let known = {
            let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.get(&token).copied()
        };
        if let Some((found_in, objects)) = known
            && found_in == generation
        {
            return Ok(objects);
        }
        let located = locate(session, &self.request())?;
        self.keep(token, generation, located.objects);
        Ok(located.objects)
    }

    pub(crate) fn keep(&self, token: usize, generation: u64, objects: Objects) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(token, (generation, objects));
    }

    /// What would ask for it.
    pub(crate) fn request(&self) -> KeyRequest {
        let (algorithm, bits, exponent) = describe(&self.nature);
        KeyRequest {
            name: self.name.clone(),
            algorithm: algorithm.to_owned(),
            bits,
            exponent,
            usage: self.usage,
        }
    }

    /// Refuses another use than its own.
    pub(crate) fn check_use(&self, usage: KeyUse) -> Result<(), Refused> {
        if self.usage == usage {
            return Ok(());
        }
        Err(error::KEY_USE.found(format!(
            "key {} is for {}, not for {}",
            self.name,
            use_name(self.usage),
            use_name(usage)
        )))
    }

    /// The kind of a secret key.
    pub(crate) fn kind(&self) -> Result<Kind, Refused> {
        match self.nature {
            Nature::Secret(kind) => Ok(kind),
            Nature::Rsa { .. } | Nature::P256 => Err(self.unsuitable("symmetric")),
        }
    }

    /// The kind of a triple DES key.
    pub(crate) fn tdes(&self) -> Result<Kind, Refused> {
        let kind = self.kind()?;
        match kind.block() {
            8 => Ok(kind),
            _ => Err(self.unsuitable("triple DES")),
        }
    }

    /// The kind of a double-length triple DES key.
    pub(crate) fn double(&self) -> Result<Kind, Refused> {
        match self.kind()? {
            Kind::Des2 => Ok(Kind::Des2),
            _ => Err(self.unsuitable("a triple DES key of 16 octets")),
        }
    }

    /// The kind of an AES key.
    pub(crate) fn aes(&self) -> Result<Kind, Refused> {
        let kind = self.kind()?;
        match kind {
            Kind::Aes(_) => Ok(kind),
            _ => Err(self.unsuitable("AES")),
        }
    }

    /// Modulus and exponent.
    pub(crate) fn rsa(&self) -> Result<(&[u8], u32), Refused> {
        match &self.nature {
            Nature::Rsa { modulus, exponent } => Ok((modulus, *exponent)),
            Nature::Secret(_) | Nature::P256 => Err(self.unsuitable("RSA")),
        }
    }

    pub(crate) fn unsuitable(&self, wanted: &str) -> Refused {
        let (algorithm, ..) = describe(&self.nature);
        error::UNSUITABLE.found(format!("key {} is {algorithm}, not {wanted}", self.name))
    }
}

pub(crate) fn describe(nature: &Nature) -> (&'static str, u32, u32) {
    match nature {
        Nature::Secret(Kind::Des2) => ("tdes2", 0, 0),
        Nature::Secret(Kind::Des3) => ("tdes3", 0, 0),
        Nature::Secret(Kind::Aes(16)) => ("aes128", 0, 0),
        Nature::Secret(Kind::Aes(24)) => ("aes192", 0, 0),
        Nature::Secret(Kind::Aes(_)) => ("aes256", 0, 0),
        Nature::Secret(Kind::Generic(_)) => ("generic", 0, 0),
        Nature::Rsa { modulus, exponent } => ("rsa", bits(modulus), *exponent),
        Nature::P256 => ("p256", 0, 0),
    }
}

/// Bits of a number.
fn bits(number: &[u8]) -> u32 {
    let mut octets = number.iter().skip_while(|o| **o == 0);
    let first = octets.next().map_or(0, |o| 8 - o.leading_zeros());
    first + 8 * octets.count() as u32
}

/// The name of a use as sources and bundles write it.
pub(crate) fn use_name(usage: KeyUse) -> &'static str {
    KeyUse::NAMES
        .iter()
        .find(|(u, _)| *u == usage)
        .map_or("an unknown use", |(_, name)| name)
}

/// Attributes that are read of a key object, each with its room.
const READ: [(CK_ULONG, usize); 14] = [
    (ck::CKA_KEY_TYPE, 8),
    (ck::CKA_LABEL, 512),
    (ck::CKA_ID, 128),
    (ck::CKA_SENSITIVE, 1),
    (ck::CKA_EXTRACTABLE, 1),
    (ck::CKA_VALUE_LEN, 8),
    (ck::CKA_MODULUS, 1_024),
    (ck::CKA_PUBLIC_EXPONENT, 8),
    (ck::CKA_ENCRYPT, 1),
    (ck::CKA_DECRYPT, 1),
    (ck::CKA_SIGN, 1),
    (ck::CKA_WRAP, 1),
    (ck::CKA_UNWRAP, 1),
    (ck::CKA_DERIVE, 1),
];

/// Attributes of an object as they were read.
pub(crate) struct Facts {
    values: Vec<Option<Zeroizing<Vec<u8>>>>,
}

impl Facts {
    pub(crate) fn read(session: &Session, object: Object) -> Result<Self, Trouble> {
        Ok(Self {
            values: session.attributes(object, &READ)?,
        })
    }

    fn octets(&self, kind: CK_ULONG) -> Option<&[u8]> {
        let place = READ.iter().position(|(k, _)| *k == kind)?;
        let value = self.values.get(place)?.as_ref()?;
        Some(value.as_slice())
    }

    fn flag(&self, kind: CK_ULONG) -> Option<bool> {
        match self.octets(kind)? {
            [octet] => Some(*octet != 0),
            _ => None,
        }
    }

    fn number(&self, kind: CK_ULONG) -> Option<CK_ULONG> {
        let octets = self.octets(kind)?.try_into().ok()?;
        Some(CK_ULONG::from_ne_bytes(octets))
    }

    pub(crate) fn flags(&self) -> Flags {
        let set = Flags::ALL
            .iter()
            .filter(|(_, attribute, _)| self.flag(*attribute) == Some(true));
        set.fold(Flags::NONE, |flags, (flag, ..)| flags.and(*flag))
    }

    /// Refuses an object that is not protected, or may do more than its use needs.
    pub(crate) fn check_protection(&self, name: &str, allowed: Flags) -> Result<(), Refused> {
        let open = |what: &str| Err(error::KEY_OPEN.found(format!("key {name} {what}")));
        if self.flag(ck::CKA_SENSITIVE) != Some(true) {
            return open("is not sensitive (CKA_SENSITIVE)");
        }
        let leaves = self.exportability() != Exportability::NonExportable;
        match self.flag(ck::CKA_EXTRACTABLE) {
            Some(false) if leaves => {
                return open("is exportable by its CKA_ID, but not by CKA_EXTRACTABLE");
            }
            Some(true) if !leaves => return open("may leave the token (CKA_EXTRACTABLE)"),
            None => return open("does not say whether it may leave (CKA_EXTRACTABLE)"),
            Some(_) => {}
        }
        match self.flags().beyond(allowed).next() {
            Some(more) => open(&format!("may do more than its use needs ({more})")),
            None => Ok(()),
        }
    }

    pub(crate) fn nature(&self, class: CK_ULONG) -> Option<Nature> {
        let number = self.number(ck::CKA_KEY_TYPE)?;
        if class == ck::CKO_PRIVATE_KEY && number == ck::CKK_EC {
            return Some(Nature::P256);
        }
        if class == ck::CKO_PRIVATE_KEY {
            let exponent = self.octets(ck::CKA_PUBLIC_EXPONENT)?;
            let mut exponent = exponent.iter().skip_while(|o| **o == 0);
            let exponent = exponent.try_fold(0u32, |value, octet| {
                Some(value.checked_mul(256)? + u32::from(*octet))
            })?;
            let modulus: Vec<u8> = self.octets(ck::CKA_MODULUS)?.to_vec();
            let zeros = modulus.iter().take_while(|o| **o == 0).count();
            let modulus = modulus.get(zeros..)?.to_vec();
            return (number == ck::CKK_RSA).then_some(Nature::Rsa { modulus, exponent });
        }
        Some(Nature::Secret(match number {
            ck::CKK_DES2 => Kind::Des2,
            ck::CKK_DES3 => Kind::Des3,
            ck::CKK_AES => match self.number(ck::CKA_VALUE_LEN) {
                Some(octets @ 1..) => Kind::Aes(usize::try_from(octets).ok()?),
                // Some tokens do not tell the length of a key that was brought in.
                _ => Kind::of_algorithm(self.identifier().1?).filter(|k| k.block() == 16)?,
            },
            _ => return None,
        }))
    }

    /// Use and algorithm as `CKA_ID` says them.
    pub(crate) fn identifier(&self) -> (&str, Option<&str>) {
        let mut parts = self.words();
        (parts.next().unwrap_or_default(), parts.next())
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        objects::words(self.octets(ck::CKA_ID).unwrap_or_default())
    }

    /// Whether it may leave, as `CKA_ID` says.
    pub(crate) fn exportability(&self) -> Exportability {
        let said = self.words().nth(2);
        let known = |(_, _, word): &&(Exportability, char, &'static str)| Some(*word) == said;
        let found = Exportability::ALL.iter().find(known);
        found.map_or(Exportability::NonExportable, |(known, ..)| *known)
    }

    /// The label.
    pub(crate) fn label(&self) -> Option<&str> {
        std::str::from_utf8(self.octets(ck::CKA_LABEL)?).ok()
    }
}

/// The one object of a class and label.
pub(crate) fn one(
    session: &Session,
    class: CK_ULONG,
    label: &str,
) -> Result<Option<Object>, Trouble> {
    let template = [
        Attribute::number(ck::CKA_CLASS, class),
        Attribute::octets(ck::CKA_LABEL, label.as_bytes()),
    ];
    match session.find(&template, 2)?.as_slice() {
        [] => Ok(None),
        [object] => Ok(Some(*object)),
        _ => Err(error::KEY_TWICE.found(format!("key {label}")).into()),
    }
}

/// Who is logged out sees no keys: then it is the session that is lost, not the key.
pub(crate) fn check_login(session: &Session) -> Result<(), Trouble> {
    match session.is_logged_in()? {
        true => Ok(()),
        false => Err(Trouble::Token(Failure {
            function: "C_GetSessionInfo",
            value: Value::Returned(ck::CKR_USER_NOT_LOGGED_IN),
        })),
    }
}

/// Finds the key of a request and checks all that the bundle and the site ask of it.
pub(crate) fn locate(session: &Session, request: &KeyRequest) -> Result<Located, Trouble> {
    let name = request.name.as_str();
    let rsa = request.algorithm == "rsa";
    let class = match rsa {
        true => ck::CKO_PRIVATE_KEY,
        false => ck::CKO_SECRET_KEY,
    };
    let Some(main) = one(session, class, name)? else {
        check_login(session)?;
        return Err(error::KEY_MISSING.found(format!("key {name}")).into());
    };
    let facts = Facts::read(session, main)?;
    let Some(nature) = facts.nature(class) else {
        let what = format!("key {name} is of a type that the driver does not know");
        return Err(error::KEY_DIFFERS.found(what).into());
    };
    let found = describe(&nature);
    if found != (request.algorithm.as_str(), request.bits, request.exponent) {
        return Err(error::KEY_DIFFERS
            .found(format!(
                "key {name} is {} {} {}, the bundle asks for {} {} {}",
                found.0, found.1, found.2, request.algorithm, request.bits, request.exponent
            ))
            .into());
    }
    check_id(&facts, request)?;
    facts.check_protection(name, objects::allowed(request.usage))?;
    let flags = facts.flags();
    let mut left = None;
    if objects::needs_left(request.usage) && found.0 == "tdes2" {
        let label = format!("{name}{LEFT}");
        left = one(session, ck::CKO_SECRET_KEY, &label)?;
        if let Some(left) = left {
            let facts = Facts::read(session, left)?;
            check_id(&facts, request)?;
            facts.check_protection(&label, objects::allowed(request.usage))?;
        }
    }
    Ok(Located {
        objects: Objects { main, left },
        nature,
        flags,
    })
}

fn check_id(facts: &Facts, request: &KeyRequest) -> Result<(), Refused> {
    let wanted = use_name(request.usage);
    let (usage, algorithm) = facts.identifier();
    let name = &request.name;
    if usage != wanted {
        let known = KeyUse::from_name(usage).map_or("not said in CKA_ID", use_name);
        let what = format!("the use of key {name} is {known}, not {wanted}");
        return Err(error::KEY_USE.found(what));
    }
    match algorithm {
        Some(said) if said != request.algorithm => {
            let what = format!("CKA_ID says that key {name} is another algorithm");
            Err(error::KEY_DIFFERS.found(what))
        }
        _ => Ok(()),
    }
}

/// All bound keys.
#[derive(Default)]
pub(crate) struct Ring {
    keys: Vec<Arc<Key>>,
    by_name: BTreeMap<String, u32>,
}

impl Ring {
    /// The handle of a request's key, checked; `None` when it is not bound yet.
    pub(crate) fn find(&self, request: &KeyRequest) -> Result<Option<KeyHandle>, Refused> {
        let Some(&number) = self.by_name.get(&request.name) else {
            return Ok(None);
        };
        let handle = KeyHandle(number);
        let key = self.get(handle)?;
        let bound = key.request();
        if bound.algorithm != request.algorithm
            || (bound.bits, bound.exponent) != (request.bits, request.exponent)
        {
            return Err(error::KEY_DIFFERS.found(format!(
                "key {} is {} {} {}, the bundle asks for {} {} {}",
                key.name,
                bound.algorithm,
                bound.bits,
                bound.exponent,
                request.algorithm,
                request.bits,
                request.exponent
            )));
        }
        key.check_use(request.usage)?;
        Ok(Some(handle))
    }

    pub(crate) fn get(&self, handle: KeyHandle) -> Result<&Arc<Key>, Refused> {
        self.keys
            .get(handle.0 as usize)
            .filter(|key| !key.gone.load(Ordering::Acquire))
            .ok_or_else(|| error::KEY_HANDLE.found(format!("handle {}", handle.0)))
    }

    /// Forgets a key that was destroyed; sessions that hold it are refused.
    pub(crate) fn forget(&mut self, name: &str) {
        let number = self.by_name.remove(name);
        if let Some(key) = number.and_then(|number| self.keys.get(number as usize)) {
            key.gone.store(true, Ordering::Release);
        }
    }

    /// Takes a key in.
    pub(crate) fn add(&mut self, key: Arc<Key>) -> Result<KeyHandle, Refused> {
        if self.keys.len() >= KEYS_MAX {
            return Err(error::KEY_HANDLE.found(format!("{KEYS_MAX} keys are bound")));
        }
        let twin = self.keys.iter().find(|k| {
            !k.gone.load(Ordering::Acquire)
                && k.usage != key.usage
                && k.nature == key.nature
                && k.fingerprint == key.fingerprint
        });
        // A check value of three octets may be the same by chance; an RSA modulus may not.
        if let Some(twin) = twin.filter(|k| matches!(k.nature, Nature::Rsa { .. })) {
            return Err(error::KEY_USE.found(format!(
                "keys {} and {} are one key for two uses",
                twin.name, key.name
            )));
        }
        let number = self.keys.len() as u32;
        self.by_name.insert(key.name.clone(), number);
        self.keys.push(key);
        Ok(KeyHandle(number))
    }

    pub(crate) fn keys(&self) -> Vec<Arc<Key>> {
        let there = |key: &&Arc<Key>| !key.gone.load(Ordering::Acquire);
        self.keys.iter().filter(there).cloned().collect()
    }
}
