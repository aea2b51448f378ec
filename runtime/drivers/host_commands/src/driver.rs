//! The HSM as the port sees it: settings, the pool, the key table, one call at a time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, RwLock};

use cardwright_ports::hsm::{CheckMethod, Hsm, HsmInfo, KeyHandle, KeyRequest, KeyUse};
use cardwright_ports::{HsmError, HsmSession};

use sha2::{Digest, Sha256};

use crate::error::{self, Refused};
use crate::framing::{self, Answer, HEADER_MAX};
use crate::keys::{Entry, KeyTable};
use crate::layout::{self, Context, Layout, Source, Values};
use crate::pool::{Lease, Pool, PoolSettings};
use crate::sealed::Sealer;
use crate::session::Session;

/// How the HSM is set, and what this site allows.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Addresses and times.
    pub pool: PoolSettings,
    /// Characters of the message header: 4 to 16.
    pub header: usize,
    /// Characters of a PIN under the LMK: 5 to 13.
    pub pin_characters: usize,
    /// LMK identifier, two digits, when requests name one.
    pub lmk: Option<[u8; 2]>,
    /// The LMK check value that NC must give, 16 hexadecimal characters.
    pub lmk_check: Option<String>,
    /// Name of the data key (AES, usage D0) that protects job keys and the integrity of sealed
    /// values.
    pub storage_key: String,
    /// Name of the PIN generation key (usage V1) from which PINs are drawn; without it the HSM draws
    /// anew at each call (JA).
    pub draw_key: Option<String>,
    /// Whether layouts may be used that are proposals of ours.
    pub proposed_commands: bool,
    /// Whether a clear PIN may be in this program's memory (NG), for mailers and plain VERIFY.
    pub host_memory: bool,
    /// The HSM holds test keys only: a simulator, or an HSM with a test LMK.
    pub test_only: bool,
}

impl Settings {
    /// Usual settings for HSMs at these addresses: header of 4, PINs of 13 characters, nothing
    /// allowed that is not verified.
    pub fn new(pool: PoolSettings) -> Self {
        Self {
            pool,
            header: 4,
            pin_characters: 13,
            lmk: None,
            lmk_check: None,
            storage_key: "storage".to_owned(),
            draw_key: None,
            proposed_commands: false,
            host_memory: false,
            test_only: false,
        }
    }

    fn check(&self) -> Result<(), Refused> {
        let wrong = |what: &str| Err(error::ARGUMENT.found(format!("the settings: {what}")));
        if self.pool.hosts.is_empty() || self.pool.connections == 0 {
            return wrong("no address or no connection");
        }
        if !(4..=HEADER_MAX).contains(&self.header) || !(5..=13).contains(&self.pin_characters) {
            return wrong("a header of 4 to 16 characters and PINs of 5 to 13 are possible");
        }
        let digits = self.lmk.iter().flatten().all(u8::is_ascii_digit);
        match digits {
            true => Ok(()),
            false => wrong("an LMK identifier is two digits"),
        }
    }
}

/// One or several payment HSMs under one LMK.
pub struct HostCommandHsm {
    shared: Arc<Shared>,
}

/// What all sessions share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pool: Pool,
    keys: RwLock<KeyTable>,
    path: Option<PathBuf>,
    sealer: OnceLock<Sealer>,
    counter: AtomicU32,
}

impl HostCommandHsm {
    /// Connects to HSMs with the key table of a file.
    ///
    /// # Errors
    /// R1347 for settings that can't be; R1345 for the table; R1342, R1349 when no HSM answers or
    /// the first that does is another one.
    pub fn open(settings: Settings, path: &Path) -> Result<Self, HsmError> {
        let keys = KeyTable::read(path)?;
        Self::start(settings, keys, Some(path.to_owned()))
    }

    /// The same with a table in memory, for tests.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn with_keys(settings: Settings, keys: KeyTable) -> Result<Self, HsmError> {
        Self::start(settings, keys, None)
    }

    fn start(settings: Settings, keys: KeyTable, path: Option<PathBuf>) -> Result<Self, HsmError> {
        settings.check()?;
        let shared = Shared {
            pool: Pool::new(settings.pool.clone()),
            settings,
            keys: RwLock::new(keys),
            path,
            sealer: OnceLock::new(),
            counter: AtomicU32::new(0),
        };
        // The first connection looks at the HSM.
        shared.call(&layout::ECHO, &[b"cardwright"])?;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Takes a key in that is under the LMK already, such as an RSA key or one of another table.
    ///
    /// # Errors
    /// R1345.
    pub fn add_key(&self, entry: Entry) -> Result<(), HsmError> {
        self.shared.add(entry).map(|_| ())
    }

    /// Imports a key block that stands under a transport key of the table (A6).
    ///
    /// # Errors
    /// R1344 when the HSM refuses the block, R1345.
    pub fn import_key(
        &self,
        request: &KeyRequest,
        under: &str,
        block: &str,
    ) -> Result<(), HsmError> {
        self.shared.import(request, under, block).map(|_| ())
    }

    /// What the sessions share, for key custody.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Hsm for HostCommandHsm {
    fn info(&self) -> HsmInfo {
        HsmInfo {
            name: "payment HSM by host commands".to_owned(),
            test_only: self.shared.settings.test_only,
        }
    }

    fn open_session(&self) -> Result<Box<dyn HsmSession>, HsmError> {
        Ok(Box::new(Session::new(Arc::clone(&self.shared))))
    }
}

impl Shared {
    /// Most requests at a time.
    pub(crate) fn connections(&self) -> usize {
        self.pool.connections()
    }

    fn context(&self) -> Context {
        Context {
            pin_characters: self.settings.pin_characters,
            lmk: self.settings.lmk,
        }
    }

    /// Asks the HSM.
    pub(crate) fn call(
        &self,
        layout: &'static Layout,
        values: &[&[u8]],
    ) -> Result<Values, Refused> {
        self.ask(layout, values)?
            .map_err(|code| error::of_hsm(layout.code, &code))
    }

    /// Asks the HSM to verify: error 01 says no.
    pub(crate) fn verify(
        &self,
        layout: &'static Layout,
        values: &[&[u8]],
    ) -> Result<bool, Refused> {
        match self.ask(layout, values)? {
            Ok(_) => Ok(true),
            Err(code) if code == "01" => Ok(false),
            Err(code) => Err(error::of_hsm(layout.code, &code)),
        }
    }

    /// Asks the HSM; the inner error is its own code. A lost connection is made anew, at another
    /// HSM if there is one, for commands that may be sent twice.
    fn ask(
        &self,
        layout: &'static Layout,
        values: &[&[u8]],
    ) -> Result<Result<Values, String>, Refused> {
        if layout.source == Source::Proposed && !self.settings.proposed_commands {
            return Err(error::PROPOSED.found(format!("{}: {}", layout.code, layout.what)));
        }
        let tries = self.pool.hosts() + 1;
        let mut last = error::CONNECTION.passing("no HSM answers");
        for _ in 0..tries {
            let mut lease = match self.pool.lease() {
                Ok(lease) => lease,
                // Another address may answer.
                Err(e) if e.code == error::CONNECTION.code => {
                    last = e;
                    continue;
                }
                Err(e) => return Err(e),
            };
            match self
                .known(&mut lease)
                .and_then(|()| self.once(&mut lease, layout, values))
            {
                Ok(values) => return Ok(Ok(values)),
                Err(Try::Code(code)) => return Ok(Err(code)),
                Err(Try::Lost(e)) if layout.repeatable => last = e,
                Err(Try::Unsent(e)) => last = e,
                Err(Try::Lost(e)) => {
                    return Err(HsmError {
                        retryable: false,
                        ..e
                    });
                }
                Err(Try::Final(e)) => return Err(e),
            }
        }
        Err(last)
    }

    /// Sends one request over one connection.
    fn once(
        &self,
        lease: &mut Lease<'_>,
        layout: &Layout,
        values: &[&[u8]],
    ) -> Result<Values, Try> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let width = self.settings.header;
        let header = format!("{:0width$}", number % 10_000);
        let context = self.context();
        let frame = framing::request(layout, header.as_bytes(), values, &context)
            .map_err(|e| Try::Final(error::ARGUMENT.found(format!("{}, {e}", layout.code))))?;
        let message = lease.exchange(&frame).map_err(|failed| match failed.sent {
            true => Try::Lost(failed.refused),
            false => Try::Unsent(failed.refused),
        })?;
        match framing::read_answer(layout, header.as_bytes(), &message, &context) {
            Ok(Answer::Values(values)) => Ok(values),
            Ok(Answer::Error(code)) => Err(Try::Code(code)),
            Err(e) => {
                lease.close();
                let refused = error::ANSWER.found(format!("{}: {e}", layout.code));
                Err(Try::Final(refused))
            }
        }
    }

    /// Looks at an HSM at its first connection: diagnostics, LMK, and a known answer.
    fn known(&self, lease: &mut Lease<'_>) -> Result<(), Try> {
        if !lease.unknown {
            return Ok(());
        }
        let what = match self.look(lease) {
            Ok(()) => {
                lease.is_known();
                return Ok(());
            }
            Err(Try::Final(e)) => e.what,
            Err(Try::Code(code)) => format!("its diagnostics give error {code}"),
            // Nothing of the caller's was sent yet.
            Err(Try::Lost(e) | Try::Unsent(e)) => return Err(Try::Unsent(e)),
        };
        lease.shut();
        lease.close();
        Err(Try::Unsent(error::IDENTITY.found(what)))
    }

    fn look(&self, lease: &mut Lease<'_>) -> Result<(), Try> {
        let wrong = |what: &str| Err(Try::Final(error::IDENTITY.found(what)));
        let found = self.once(lease, &layout::DIAGNOSTICS, &[])?;
        let check = found.first().map(|v| v.as_slice()).unwrap_or_default();
        if let Some(expected) = &self.settings.lmk_check
            && !expected.as_bytes().eq_ignore_ascii_case(check)
        {
            return wrong("its LMK has another check value");
        }
        // What was said comes back; a device that is no HSM does not get further than this.
        let said = b"known answer";
        let echoed = self.once(lease, &layout::ECHO, &[said])?;
        if echoed.first().is_none_or(|v| v.as_slice() != said) {
            return wrong("its echo is another text");
        }
        // Known answers: the check values of the keys in the table, which were recorded when the
        // keys were made.
        let entry = self
            .keys
            .read()
            .ok()
            .and_then(|keys| keys.iter().find(|e| !e.check_value.is_empty()).cloned());
        if let Some(entry) = entry {
            let values: [&[u8]; 2] = [entry.block.as_bytes(), b"1"];
            let found = self.once(lease, &layout::CHECK_VALUE, &values)?;
            let same = found.first().is_some_and(|v| {
                v.get(..6)
                    .is_some_and(|v| entry.check_value.as_bytes().eq_ignore_ascii_case(v))
            });
            if !same {
                return wrong("a key's check value is not the recorded one");
            }
        }
        Ok(())
    }

    /// The sealer; its secret comes from the storage key, once for all sessions.
    pub(crate) fn sealer(&self) -> Result<&Sealer, Refused> {
        if let Some(sealer) = self.sealer.get() {
            return Ok(sealer);
        }
        let block = self.storage_block()?;
        let secret = self.call(&layout::ENCIPHER, &[block.as_bytes(), Sealer::SEED])?;
        let secret = secret.first().map(|v| v.as_slice()).unwrap_or_default();
        if secret.len() != Sealer::SEED.len() {
            return Err(error::ANSWER.found("M0: another length"));
        }
        let made = Sealer::new(secret);
        Ok(self.sealer.get_or_init(|| made))
    }

    /// The block of the storage key.
    pub(crate) fn storage_block(&self) -> Result<String, Refused> {
        let name = &self.settings.storage_key;
        let keys = self.keys.read().map_err(|_| poisoned())?;
        // Its usage is that of data keys, which no bundle asks for.
        let found = keys.find(name).map(|(_, e)| e.block.clone());
        found.ok_or_else(|| error::KEY.found(format!("there is no storage key {name}")))
    }

    /// A key's check value.
    pub(crate) fn check_value_of(
        &self,
        key: &Entry,
        method: CheckMethod,
    ) -> Result<Vec<u8>, Refused> {
        let (kind, length) = match (key.algorithm.as_str(), method) {
            ("rsa", CheckMethod::Sha256) => {
                let modulus = hex::decode(&key.modulus).unwrap_or_default();
                return Ok(Sha256::digest(modulus).iter().take(8).copied().collect());
            }
            ("tdes2" | "tdes3", CheckMethod::Ecb) => (b"1", 3),
            ("aes128" | "aes192" | "aes256", CheckMethod::Cmac) => (b"0", 5),
            ("aes128" | "aes192" | "aes256", CheckMethod::Ecb | CheckMethod::Gp) => {
                return Err(error::NOT_OFFERED.found("BU gives the CMAC of an AES key only"));
            }
            _ => return Err(error::ARGUMENT.found("a method that does not suit the key")),
        };
        let found = self.call(&layout::CHECK_VALUE, &[key.block.as_bytes(), kind])?;
        let found = found.first().and_then(|v| hex::decode(v.as_slice()).ok());
        let found = found.and_then(|v| v.get(..length).map(<[u8]>::to_vec));
        found.ok_or_else(|| error::ANSWER.found("BU: no check value"))
    }

    /// The handle of a request's key.
    pub(crate) fn bind(&self, request: &KeyRequest) -> Result<KeyHandle, Refused> {
        let keys = self.keys.read().map_err(|_| poisoned())?;
        let Some((handle, entry)) = keys.find(&request.name) else {
            return Err(error::KEY.found(format!("there is no key {}", request.name)));
        };
        entry.fits(request)?;
        Ok(handle)
    }

    /// A key for any operation.
    pub(crate) fn key(&self, handle: KeyHandle) -> Result<Entry, Refused> {
        let keys = self.keys.read().map_err(|_| poisoned())?;
        let entry = keys.get(handle).cloned();
        entry.ok_or_else(|| error::KEY.found(format!("no key has handle {}", handle.0)))
    }

    /// A key for one use.
    pub(crate) fn key_for(&self, handle: KeyHandle, usage: KeyUse) -> Result<Entry, Refused> {
        let entry = self.key(handle)?;
        entry.for_use(usage)?;
        Ok(entry)
    }

    /// A key by its name.
    pub(crate) fn named(&self, name: &str) -> Result<Option<Entry>, Refused> {
        let keys = self.keys.read().map_err(|_| poisoned())?;
        Ok(keys.find(name).map(|(_, e)| e.clone()))
    }

    /// All keys of the table.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, Refused> {
        let keys = self.keys.read().map_err(|_| poisoned())?;
        Ok(keys.iter().cloned().collect())
    }

    /// Takes a key in and keeps the table.
    pub(crate) fn add(&self, entry: Entry) -> Result<KeyHandle, Refused> {
        self.change(|table| table.add(entry))
    }

    /// Forgets a key and keeps the table.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Refused> {
        self.change(|table| table.remove(name))
    }

    /// Changes the table as a whole: first on the disk, then in memory.
    fn change<T>(
        &self,
        what: impl FnOnce(&mut KeyTable) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let mut keys = self.keys.write().map_err(|_| poisoned())?;
        let mut changed = keys.clone();
        let done = what(&mut changed)?;
        if let Some(path) = &self.path {
            write(path, &changed.to_text()?)
                .map_err(|e| error::KEY.found(format!("writing the key table failed: {e}")))?;
        }
        *keys = changed;
        Ok(done)
    }

    /// Imports a key block under a transport key and keeps it.
    pub(crate) fn import(
        &self,
        request: &KeyRequest,
        under: &str,
        block: &str,
    ) -> Result<KeyHandle, Refused> {
        let entry = self.imported(request, under, block)?;
        self.add(entry)
    }

    /// A key block under a transport key, as the HSM takes it in.
    pub(crate) fn imported(
        &self,
        request: &KeyRequest,
        under: &str,
        block: &str,
    ) -> Result<Entry, Refused> {
        let transport = self
            .named(under)?
            .ok_or_else(|| error::KEY.found(format!("there is no key {under}")))?;
        transport.for_use(KeyUse::Transport)?;
        let scheme: String = format!("R{block}");
        let values = [transport.block.as_bytes(), scheme.as_bytes(), b"S"];
        let found = self.call(&layout::IMPORT_KEY, &values)?;
        let (block, check_value) = key_of(&found)?;
        let usage = KeyUse::NAMES.iter().find(|(u, _)| *u == request.usage);
        Ok(Entry {
            name: request.name.clone(),
            algorithm: request.algorithm.clone(),
            r#use: usage.map_or(String::new(), |(_, name)| (*name).to_owned()),
            block,
            check_value,
            modulus: String::new(),
            exponent: 0,
        })
    }
}

/// Key and check value of an answer.
pub(crate) fn key_of(found: &Values) -> Result<(String, String), Refused> {
    let text = |place: usize| {
        let value = found.get(place).map(|v| v.as_slice()).unwrap_or_default();
        String::from_utf8(value.to_vec()).map_err(|_| error::ANSWER.found("a key that is no text"))
    };
    Ok((text(0)?, text(1)?))
}

enum Try {
    /// Not sent: any command may be sent again.
    Unsent(Refused),
    /// Perhaps done: only a repeatable command may be sent again.
    Lost(Refused),
    /// The HSM's own error code.
    Code(String),
    /// The answer is there, and is none.
    Final(Refused),
}

fn poisoned() -> Refused {
    error::KEY.found("the key table was left locked by a worker that failed")
}

/// Writes a file whole: a neighbour first, then renamed over the old one.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let neighbour = path.with_extension(format!("{}.new", std::process::id()));
    let _ = std::fs::remove_file(&neighbour);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&neighbour)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&neighbour, path)?;
    match path.parent().filter(|f| !f.as_os_str().is_empty()) {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
