//! The HSM: a root, a sealer and a key ring that all its sessions share.

use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};

use cardwright_ports::custody::{CustodyHsm, Exportability, KeyCustody};
use cardwright_ports::hsm::{Hsm, HsmInfo, KeyHandle, KeyRequest};
use cardwright_ports::{HsmError, HsmSession};

use crate::custody::Custody;
use crate::entropy::Root;
use crate::error::{self, Refused};
use crate::file;
use crate::keys::{Key, Material, Ring, rsa_from_primes};
use crate::known_answers::{self, EXPECTED, Expected};
use crate::protection::Unlock;
use crate::seal::Sealer;
use crate::session::Session;

/// An HSM in memory. TEST keys only: it says so, and a runtime refuses LIVE bundles with it.
pub struct SoftHsm {
    shared: Arc<Shared>,
}

/// What all sessions of one HSM share.
pub(crate) struct Shared {
    pub(crate) root: Root,
    pub(crate) sealer: Sealer,
    ring: RwLock<Ring>,
    kept: Option<file::Kept>,
    /// Which writing of the file the ring has.
    seen: Mutex<Option<Stamp>>,
}

/// What tells one writing of the file from another.
type Stamp = (std::time::SystemTime, u64, u64);

impl SoftHsm {
    /// A new HSM with a root secret of its own, kept in a new file that is enciphered under a
    /// passphrase or a key file.
    ///
    /// # Errors
    /// R1310 when there is a file already or it can't be written; R1311, R1312.
    pub fn create(path: &Path, unlock: &Unlock) -> Result<Self, HsmError> {
        let (root, ring) = (Root::fresh()?, Ring::default());
        let kept = file::create(path, unlock, &root, &ring)?;
        Self::start(root, ring, Some(kept), EXPECTED)
    }

    /// The HSM of a file. One of version 1, with keys in clear, is written anew, enciphered.
    ///
    /// # Errors
    /// R1310 for a file that is missing, changed, readable for others, or protected by what is not
    /// at hand; R1311.
    pub fn open(path: &Path, unlock: &Unlock) -> Result<Self, HsmError> {
        let (root, ring, kept) = file::read(path, unlock)?;
        Self::start(root, ring, Some(kept), EXPECTED)
    }

    /// An HSM without a file, for tests and rehearsals: the same seed draws the same values.
    ///
    /// # Errors
    /// R1311 when a known answer is wrong.
    pub fn in_memory(seed: [u8; 32]) -> Result<Self, HsmError> {
        Self::start(Root::new(seed), Ring::default(), None, EXPECTED)
    }

    /// The same with other expected values for the known answers: for tests of the error state.
    ///
    /// # Errors
    /// R1311 when a known answer is not the expected one.
    pub fn expecting(seed: [u8; 32], expected: &[Expected<'_>]) -> Result<Self, HsmError> {
        Self::start(Root::new(seed), Ring::default(), None, expected)
    }

    fn start(
        root: Root,
        ring: Ring,
        kept: Option<file::Kept>,
        expected: &[Expected<'_>],
    ) -> Result<Self, HsmError> {
        known_answers::self_test(&known_answers::answers_against(expected))?;
        Ok(Self {
            shared: Arc::new(Shared {
                sealer: Sealer::new(&root),
                root,
                ring: RwLock::new(ring),
                kept,
                seen: Mutex::new(None),
            }),
        })
    }

    /// Takes a symmetric TEST key in, such as one that was agreed with a partner for tests; it is
    /// kept in the file, if there is one.
    ///
    /// # Errors
    /// R1301 for octets that do not fit the request or a weak key, R1302 when another key has the
    /// same octets for another use, R1310 when there is a key of that name already.
    pub fn add_test_key(&self, request: &KeyRequest, octets: &[u8]) -> Result<(), HsmError> {
        let key = Key::new(
            &request.name,
            &request.algorithm,
            request.usage,
            Exportability::NonExportable,
            Material::symmetric(&request.algorithm, octets)?,
        );
        self.shared.add(key).map(|_| ())
    }

    /// Takes an RSA TEST key in by its two primes; kept like [`Self::add_test_key`].
    ///
    /// # Errors
    /// R1301 when the primes do not make the key of the request, R1304, R1315; else as above.
    pub fn add_test_rsa_key(
        &self,
        request: &KeyRequest,
        first: &[u8],
        second: &[u8],
    ) -> Result<(), HsmError> {
        let rsa = rsa_from_primes(first, second, request.exponent)?;
        if request.algorithm != "rsa" || rsa.bits() != request.bits {
            return Err(error::KEY_DIFFERS.found(format!("primes of {} bits", rsa.bits())));
        }
        let key = Key::new(
            &request.name,
            &request.algorithm,
            request.usage,
            Exportability::NonExportable,
            Material::Rsa(rsa),
        );
        self.shared.add(key).map(|_| ())
    }

    /// Names, algorithms and uses of the keys that are bound or stored, in order of names.
    pub fn keys(&self) -> Vec<(String, String, &'static str)> {
        let Ok(ring) = self.shared.ring.read() else {
            return Vec::new();
        };
        let mut keys: Vec<_> = ring
            .iter()
            .map(|k| {
                (
                    k.name.clone(),
                    k.algorithm.clone(),
                    crate::keys::use_name(k.usage),
                )
            })
            .collect();
        keys.sort();
        keys
    }
}

impl Hsm for SoftHsm {
    fn info(&self) -> HsmInfo {
        HsmInfo {
            name: "Cardwright soft HSM, TEST keys only".to_owned(),
            test_only: true,
        }
    }

    fn open_session(&self) -> Result<Box<dyn HsmSession>, HsmError> {
        Ok(Box::new(Session::new(Arc::clone(&self.shared))))
    }
}

impl CustodyHsm for SoftHsm {
    fn open_custody(&self) -> Result<Box<dyn KeyCustody + '_>, HsmError> {
        Ok(Box::new(Custody::new(&self.shared)))
    }
}

impl Shared {
    /// The key of a request: the stored one, or the open test key of that name.
    pub(crate) fn bind(&self, request: &KeyRequest) -> Result<KeyHandle, Refused> {
        if let Some(handle) = self.ring.read().map_err(|_| poisoned())?.find(request)? {
            return Ok(handle);
        }
        if request.name.contains('@') {
            // A label with a version is a key of the key management, never an open test key; it
            // may have been made since this process began.
            let mut ring = self.ring.write().map_err(|_| poisoned())?;
            self.follow(&mut ring)?;
            let found = ring.find(request)?;
            return found.ok_or_else(|| error::LABEL.found(format!("no key {}", request.name)));
        }
        let key = Key::open_test_key(request)?;
        let mut ring = self.ring.write().map_err(|_| poisoned())?;
        let _alone = self.alone(&mut ring)?;
        // Another session may have been faster.
        if let Some(handle) = ring.find(request)? {
            return Ok(handle);
        }
        let slow_to_make = matches!(key.material, Material::Rsa(_));
        let handle = ring.add(key)?;
        if let (true, Some(kept)) = (slow_to_make, &self.kept) {
            file::replace(kept, &self.root, &ring)?;
        }
        Ok(handle)
    }

    /// Takes a key in and keeps it: in ring and file, or in neither.
    pub(crate) fn add(&self, key: Key) -> Result<KeyHandle, Refused> {
        let name = key.name.clone();
        let mut ring = self.ring.write().map_err(|_| poisoned())?;
        let _alone = self.alone(&mut ring)?;
        let handle = ring.add(key)?;
        if let Some(kept) = &self.kept
            && let Err(refused) = file::replace(kept, &self.root, &ring)
        {
            ring.remove(&name);
            return Err(refused);
        }
        Ok(handle)
    }

    /// Takes a key out of file and ring; the file first, so that a key that stays is still usable.
    pub(crate) fn destroy(&self, label: &str) -> Result<(), Refused> {
        let mut ring = self.ring.write().map_err(|_| poisoned())?;
        let _alone = self.alone(&mut ring)?;
        if ring.named(label).is_none() {
            return Err(error::LABEL.found(format!("no key {label}")));
        }
        if let Some(kept) = &self.kept {
            file::replace_without(kept, &self.root, &ring, label)?;
        }
        ring.remove(label);
        Ok(())
    }

    /// Keeps other processes from writing, and knows what they have written.
    fn alone(&self, ring: &mut Ring) -> Result<Option<std::fs::File>, Refused> {
        let Some(kept) = &self.kept else {
            return Ok(None);
        };
        let guard = file::locked(kept)?;
        self.follow(ring)?;
        Ok(Some(guard))
    }

    /// Takes over what other processes have written.
    fn follow(&self, ring: &mut Ring) -> Result<(), Refused> {
        let Some(kept) = &self.kept else {
            return Ok(());
        };
        // Looked at before it is read: what is written in between is read once more.
        let stamp = file::stamp(kept);
        let mut seen = self.seen.lock().map_err(|_| poisoned())?;
        if stamp.is_none() || *seen != stamp {
            ring.follow(&file::read_again(kept)?)?;
            *seen = stamp;
        }
        Ok(())
    }

    /// The key of a label, if there is one; it may have been made or destroyed by another process.
    pub(crate) fn named(&self, label: &str) -> Result<Option<Arc<Key>>, Refused> {
        let mut ring = self.ring.write().map_err(|_| poisoned())?;
        self.follow(&mut ring)?;
        Ok(ring.named(label).map(Arc::clone))
    }

    /// All keys, by label.
    pub(crate) fn all(&self) -> Result<Vec<Arc<Key>>, Refused> {
        let mut ring = self.ring.write().map_err(|_| poisoned())?;
        self.follow(&mut ring)?;
        let mut keys: Vec<_> = ring.iter().map(Arc::clone).collect();
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(keys)
    }

    pub(crate) fn key(&self, handle: KeyHandle) -> Result<Arc<Key>, Refused> {
        let ring = self.ring.read().map_err(|_| poisoned())?;
        ring.get(handle).map(Arc::clone)
    }
}

fn poisoned() -> Refused {
    error::KEY_HANDLE.found("the key ring was left locked by a worker that failed")
}
