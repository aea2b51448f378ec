//! Keys by name: expanded once, each with one algorithm and one use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cardwright_custody_rules::private_keys::point;
use cardwright_ports::custody::Exportability;
use cardwright_ports::hsm::{CheckMethod, KeyHandle, KeyRequest, KeyUse};
use cardwright_rsa::RsaKey;
use cardwright_standards::cipher::{AesKey, KeyBytes, TdesKey};
use cardwright_standards::kcv::{self, Algorithm, Method};
use cardwright_standards::test_keys;
use sha2::{Digest, Sha256};

use crate::error::{self, Refused};

/// Keys of one HSM, and the limit of its handles.
pub(crate) const KEYS_MAX: usize = 1_000;

/// A key with what is needed to use it; can't be printed or copied.
pub(crate) enum Material {
    /// Triple DES: octets and expanded key.
    Tdes(KeyBytes, TdesKey),
    /// AES: octets and expanded key.
    Aes(KeyBytes, AesKey),
    /// RSA private key.
    Rsa(RsaKey),
    /// P-256 private key.
    P256(p256::SecretKey),
}

impl Material {
    /// A symmetric key of an algorithm by its name; weak and misfitting keys are refused.
    pub(crate) fn symmetric(algorithm: &str, octets: &[u8]) -> Result<Self, Refused> {
        let expected = match algorithm {
            "tdes2" | "aes128" => 16,
            "tdes3" | "aes192" => 24,
            "aes256" => 32,
            _ => return Err(unknown_algorithm(algorithm)),
        };
        let differs = || error::KEY_DIFFERS.found(format!("octets that are no {algorithm} key"));
        if octets.len() != expected {
            return Err(differs());
        }
        let bytes = KeyBytes::new(octets).map_err(|_| differs())?;
        if algorithm.starts_with("tdes") {
            if cardwright_standards::des_keys::has_equal_parts(octets) {
                return Err(error::KEY_DIFFERS.found("a triple DES key with two equal parts"));
            }
            let key = TdesKey::new(octets).map_err(|_| differs())?;
            return Ok(Self::Tdes(bytes, key));
        }
        let key = AesKey::new(octets).map_err(|_| differs())?;
        Ok(Self::Aes(bytes, key))
    }

    fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tdes(a, _), Self::Tdes(b, _)) | (Self::Aes(a, _), Self::Aes(b, _)) => a == b,
            (Self::Rsa(a), Self::Rsa(b)) => a.modulus() == b.modulus(),
            (Self::P256(a), Self::P256(b)) => a.public_key() == b.public_key(),
            _ => false,
        }
    }
}

fn unknown_algorithm(algorithm: &str) -> Refused {
    let shown: String = algorithm.chars().take(16).collect();
    error::KEY_DIFFERS.found(format!("the unknown algorithm `{shown}`"))
}

/// A key of the HSM.
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) algorithm: String,
    pub(crate) usage: KeyUse,
    pub(crate) exportability: Exportability,
    pub(crate) material: Material,
    /// Set when it is destroyed while sessions still hold it.
    gone: AtomicBool,
}

impl Key {
    pub(crate) fn new(
        name: &str,
        algorithm: &str,
        usage: KeyUse,
        exportability: Exportability,
        material: Material,
    ) -> Self {
        Self {
            name: name.to_owned(),
            algorithm: algorithm.to_owned(),
            usage,
            exportability,
            material,
            gone: AtomicBool::new(false),
        }
    }

    /// Whether it was destroyed.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// The open test key of a request; the same at every site.
    pub(crate) fn open_test_key(request: &KeyRequest) -> Result<Self, Refused> {
        let refused = |e: test_keys::TestKeyError| error::KEY_DIFFERS.found(e.to_string());
        let material = if request.algorithm == "rsa" {
            cardwright_rsa::check_size(request.bits, request.exponent).map_err(error::of_rsa)?;
            let (first, second) =
                test_keys::rsa_primes(&request.name, request.bits, request.exponent)
                    .map_err(refused)?;
            Material::Rsa(rsa_from_primes(&first, &second, request.exponent)?)
        } else {
            let octets =
                test_keys::symmetric_key(&request.name, &request.algorithm).map_err(refused)?;
            Material::symmetric(&request.algorithm, octets.expose())?
        };
        Ok(Self::new(
            &request.name,
            &request.algorithm,
            request.usage,
            Exportability::NonExportable,
            material,
        ))
    }

    /// Bits and exponent of an RSA key, else zeros.
    pub(crate) fn size(&self) -> (u32, u32) {
        match &self.material {
            Material::Rsa(key) => (key.bits(), key.exponent()),
            _ => (0, 0),
        }
    }

    /// Whether it is what a bundle asks for.
    fn check(&self, request: &KeyRequest) -> Result<(), Refused> {
        if self.algorithm != request.algorithm || self.size() != (request.bits, request.exponent) {
            let (bits, exponent) = self.size();
            return Err(error::KEY_DIFFERS.found(format!(
                "key {} is {} {bits} {exponent}, the bundle asks for {} {} {}",
                self.name, self.algorithm, request.algorithm, request.bits, request.exponent
            )));
        }
        self.check_use(request.usage)
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

    /// The triple DES key.
    pub(crate) fn tdes(&self) -> Result<&TdesKey, Refused> {
        match &self.material {
            Material::Tdes(_, key) => Ok(key),
            _ => Err(self.unsuitable("triple DES")),
        }
    }

    /// The AES key.
    pub(crate) fn aes(&self) -> Result<&AesKey, Refused> {
        match &self.material {
            Material::Aes(_, key) => Ok(key),
            _ => Err(self.unsuitable("AES")),
        }
    }

    /// The RSA key.
    pub(crate) fn rsa(&self) -> Result<&RsaKey, Refused> {
        match &self.material {
            Material::Rsa(key) => Ok(key),
            _ => Err(self.unsuitable("RSA")),
        }
    }

    /// The P-256 key.
    pub(crate) fn p256(&self) -> Result<&p256::SecretKey, Refused> {
        match &self.material {
            Material::P256(key) => Ok(key),
            _ => Err(self.unsuitable("P-256")),
        }
    }

    fn unsuitable(&self, wanted: &str) -> Refused {
        error::UNSUITABLE.found(format!(
            "key {} is {}, not {wanted}",
            self.name, self.algorithm
        ))
    }

    /// Check value by a method that suits the algorithm.
    pub(crate) fn check_value(&self, method: CheckMethod) -> Result<Vec<u8>, Refused> {
        let (algorithm, octets) = match &self.material {
            Material::Tdes(octets, _) => (Algorithm::Tdes, octets),
            Material::Aes(octets, _) => (Algorithm::Aes, octets),
            Material::Rsa(key) => return self.hash_value(method, key.modulus()),
            Material::P256(key) => return self.hash_value(method, &point(key)),
        };
        let method = match method {
            CheckMethod::Ecb => Method::Ecb,
            CheckMethod::Gp => Method::GlobalPlatform,
            CheckMethod::Cmac => Method::Cmac,
            CheckMethod::Sha256 => return Err(self.unsuitable("RSA")),
        };
        kcv::check_value(algorithm, method, octets.expose())
            .map_err(|e| error::UNSUITABLE.found(e.to_string()))
    }

    /// Check value of a key pair: the first 8 octets of SHA-256 over its public half.
    fn hash_value(&self, method: CheckMethod, public: &[u8]) -> Result<Vec<u8>, Refused> {
        match method {
            CheckMethod::Sha256 => Ok(Sha256::digest(public).iter().take(8).copied().collect()),
            _ => Err(self.unsuitable("symmetric")),
        }
    }
}

/// A key from two primes in any order.
pub(crate) fn rsa_from_primes(
    first: &[u8],
    second: &[u8],
    exponent: u32,
) -> Result<RsaKey, Refused> {
    // Both have the same length, so that octets compare as numbers do.
    let (p, q) = if first > second {
        (first, second)
    } else {
        (second, first)
    };
    RsaKey::from_primes(p, q, exponent).map_err(error::of_rsa)
}

/// The name of a use as sources and bundles write it.
pub(crate) fn use_name(usage: KeyUse) -> &'static str {
    KeyUse::NAMES
        .iter()
        .find(|(u, _)| *u == usage)
        .map_or("an unknown use", |(_, name)| name)
}

/// All keys of an HSM. The place of a destroyed key stays empty, so that no handle changes its
/// meaning.
#[derive(Default)]
pub(crate) struct Ring {
    keys: Vec<Option<Arc<Key>>>,
    by_name: BTreeMap<String, u32>,
}

impl Ring {
    /// The handle of a request's key, checked; `None` when there is no such key.
    pub(crate) fn find(&self, request: &KeyRequest) -> Result<Option<KeyHandle>, Refused> {
        let Some(&number) = self.by_name.get(&request.name) else {
            return Ok(None);
        };
        let handle = KeyHandle(number);
        self.get(handle)?.check(request)?;
        Ok(Some(handle))
    }

    pub(crate) fn get(&self, handle: KeyHandle) -> Result<&Arc<Key>, Refused> {
        self.keys
            .get(handle.0 as usize)
            .and_then(Option::as_ref)
            .ok_or_else(|| error::KEY_HANDLE.found(format!("handle {}", handle.0)))
    }

    /// Takes a key in; refuses a second one of the name, and the same octets for another use.
    pub(crate) fn add(&mut self, key: Key) -> Result<KeyHandle, Refused> {
        self.add_shared(Arc::new(key))
    }

    fn add_shared(&mut self, key: Arc<Key>) -> Result<KeyHandle, Refused> {
        if self.by_name.len() >= KEYS_MAX || self.by_name.contains_key(&key.name) {
            return Err(error::KEY_FILE.found(format!("no room for a key {}", key.name)));
        }
        let twin = self.iter().find(|k| k.material.same_as(&key.material));
        if let Some(twin) = twin.filter(|k| k.usage != key.usage) {
            return Err(error::KEY_USE.found(format!(
                "keys {} and {} are the same octets for two uses",
                twin.name, key.name
            )));
        }
        let number = self.keys.len() as u32;
        self.by_name.insert(key.name.clone(), number);
        self.keys.push(Some(key));
        Ok(KeyHandle(number))
    }

    /// Takes over what another process has written: keys that it made, and the loss of labelled
    /// keys that it destroyed. Open test keys have no version in their names and stay.
    pub(crate) fn follow(&mut self, there: &Ring) -> Result<(), Refused> {
        let gone = |key: &&Arc<Key>| key.name.contains('@') && there.named(&key.name).is_none();
        let gone: Vec<String> = self.iter().filter(gone).map(|k| k.name.clone()).collect();
        for label in gone {
            self.remove(&label);
        }
        for key in there.iter() {
            if self.named(&key.name).is_none() {
                self.add_shared(Arc::clone(key))?;
            }
        }
        Ok(())
    }

    /// The key of a label.
    pub(crate) fn named(&self, label: &str) -> Option<&Arc<Key>> {
        let number = self.by_name.get(label)?;
        self.keys.get(*number as usize)?.as_ref()
    }

    /// Takes a key out for ever; sessions that hold it will refuse it.
    pub(crate) fn remove(&mut self, label: &str) -> Option<Arc<Key>> {
        let number = self.by_name.remove(label)?;
        let key = self.keys.get_mut(number as usize)?.take()?;
        key.gone.store(true, Ordering::Release);
        Some(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.iter().flatten()
    }
}
