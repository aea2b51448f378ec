//! A site folder: what it is made of, opened in one place.
//!
//! ```text
//! site.toml            what this site is and trusts
//! hsm/soft-hsm.toml    soft HSM, TEST keys only, enciphered
//! unlock/soft-hsm.key  what opens it, unless a passphrase does
//! store/store.db       job ledger and audit log
//! anchor/              last signed checkpoints, outside the store (another disk in production)
//! machine/             the simulated machine's own ledger
//! bundles/             bundles that the site has accepted, by digest
//! ```

use crate::failure::{Failure, exit};
use crate::site_hsm::{HsmTable, SiteHsm};
use cardwright_bundle::{PublicKey, Trust};
use cardwright_machine::{ChipFactory, MachineSettings, SimulatedMachine};
use cardwright_paper::PaperDriver;
use cardwright_ports::SecretBytes;
use cardwright_soft_hsm::{SoftHsm, Unlock};
use cardwright_store::{SiteKey, SqliteStore};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const SCHEMA: u32 = 1;

/// `site.toml`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SiteFile {
    /// 1.
    schema: u32,
    /// Name for people.
    pub(crate) name: String,
    /// Orders whose card data are made at once, from 1 to 1,000: an HSM that is reached by PKCS#11 then
    /// gets few large calls. Without it 64 with PKCS#11, else one at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ahead: Option<usize>,
    /// Whose bundles are taken.
    pub(crate) trust: TrustTable,
    /// The machine.
    pub(crate) machine: MachineTable,
    /// Key management.
    #[serde(default, skip_serializing_if = "KeysTable::is_default")]
    pub(crate) keys: KeysTable,
    /// The HSM; keys in a file of the site, TEST only, when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hsm: Option<HsmTable>,
    /// The printer, where its pages are to be moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) printer: Option<PrinterTable>,
    /// Keys of chips that are made ahead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) pool: Vec<crate::commands::pool::PoolTable>,
}

/// Key management.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeysTable {
    /// How many days before its end a key is told.
    #[serde(default = "alert_days")]
    pub(crate) alert_days: u32,
    /// For how many days a package of keys can be opened.
    #[serde(default = "package_days")]
    pub(crate) package_days: u32,
}

fn alert_days() -> u32 {
    30
}

fn package_days() -> u32 {
    7
}

impl KeysTable {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for KeysTable {
    fn default() -> Self {
        Self {
            alert_days: alert_days(),
            package_days: package_days(),
        }
    }
}

/// The printer of letters, carriers and labels.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrinterTable {
    /// How far everything is moved to the right, millimetres; at most 10 either way.
    #[serde(default)]
    x_offset_mm: f64,
    /// How far everything is moved down, millimetres; at most 10 either way.
    #[serde(default)]
    y_offset_mm: f64,
}

impl PrinterTable {
    /// Both offsets in micrometres, when they are within their bounds.
    fn offsets_um(self) -> Option<(i32, i32)> {
        let most = f64::from(cardwright_paper::OFFSET_UM_MAX);
        let um = |mm: f64| {
            let um = (mm * 1_000.0).round();
            (um.abs() <= most).then_some(um as i32)
        };
        Some((um(self.x_offset_mm)?, um(self.y_offset_mm)?))
    }
}

/// Who may sign bundles for this site.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustTable {
    /// Accept TEST bundles of the well-known test signer.
    open_test_signer: bool,
    /// How many signers LIVE needs.
    threshold: usize,
    /// Public keys, hexadecimal.
    signers: Vec<String>,
}

/// The simulated machine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MachineTable {
    /// Cards that are put into a stock when a job first asks for it.
    pub(crate) first_stock: u64,
}

/// An opened site folder.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    pub(crate) file: SiteFile,
}

impl Site {
    /// Makes a new site.
    pub(crate) fn create(folder: &Path, first_stock: u64) -> Result<Self, Failure> {
        let taken = folder.exists()
            && std::fs::read_dir(folder)
                .map_err(|e| Failure::file(folder, &e))?
                .next()
                .is_some();
        if taken {
            return Err(Failure::new(
                exit::ENVIRONMENT,
                "R1293",
                format!("{} is not empty", folder.display()),
                "name a new folder; a site is never made over another one",
            ));
        }
        for part in ["hsm", "store", "anchor", "machine", "bundles"] {
            let path = folder.join(part);
            std::fs::create_dir_all(&path).map_err(|e| Failure::file(&path, &e))?;
        }
        let name = folder.file_name().map(|n| n.to_string_lossy().into_owned());
        let file = SiteFile {
            schema: SCHEMA,
            name: name.unwrap_or_else(|| "site".into()),
            ahead: None,
            trust: TrustTable {
                open_test_signer: true,
                threshold: 1,
                signers: Vec::new(),
            },
            machine: MachineTable { first_stock },
            keys: KeysTable::default(),
            hsm: None,
            printer: None,
            pool: Vec::new(),
        };
        let site = Self {
            folder: folder.to_path_buf(),
            file,
        };
        SoftHsm::create(&site.hsm_path(), &site.unlock()?)?;
        site.site_key()?;
        site.store()?;
        // The machine's ledger begins with the site, so that it can be checked from the first day.
        site.machine(crate::commands::no_chips())?;
        let text = toml::to_string_pretty(&site.file).unwrap_or_default();
        let path = site.folder.join("site.toml");
        let text = format!("# A Cardwright site. TEST keys only: it refuses LIVE bundles.\n{text}");
        std::fs::write(&path, text).map_err(|e| Failure::file(&path, &e))?;
        Ok(site)
    }

    /// Opens a site.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join("site.toml");
        let text = std::fs::read_to_string(&path).map_err(|_| {
            Failure::new(
                exit::ENVIRONMENT,
                "R1294",
                format!("no site at {}", folder.display()),
                "make one with `cardstation init DIR`, or name it with `--site`",
            )
        })?;
        let file: SiteFile = toml::from_str(&text).map_err(|e| {
            let what = format!("site.toml: {}", e.message());
            Failure::new(exit::ENVIRONMENT, "R1295", what, "correct site.toml")
        })?;
        if file.schema != SCHEMA {
            let what = format!("site.toml has schema {}, {SCHEMA} expected", file.schema);
            return Err(Failure::new(
                exit::ENVIRONMENT,
                "R1295",
                what,
                "use a matching version",
            ));
        }
        if file.printer.is_some_and(|p| p.offsets_um().is_none()) {
            return Err(Failure::new(
                exit::ENVIRONMENT,
                "R1295",
                "site.toml moves its printer's pages by more than 10 mm".to_owned(),
                "measure again: [printer] x_offset_mm and y_offset_mm are from -10 to 10",
            ));
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            file,
        })
    }

    pub(crate) fn hsm_path(&self) -> PathBuf {
        self.folder.join("hsm").join("soft-hsm.toml")
    }

    /// What opens the soft HSM's file: a passphrase from the environment or from a file that the
    /// environment names, else the site's own key file.
    pub(crate) fn unlock(&self) -> Result<Unlock, Failure> {
        let unlock = Unlock::key_file(self.folder.join("unlock").join("soft-hsm.key"));
        let passphrase = match std::env::var_os("CARDSTATION_HSM_PASSPHRASE_FILE") {
            Some(path) => {
                let path = PathBuf::from(path);
                let text = std::fs::read(&path).map_err(|e| Failure::file(&path, &e))?;
                Some(text)
            }
            None => std::env::var("CARDSTATION_HSM_PASSPHRASE")
                .ok()
                .map(String::into_bytes),
        };
        Ok(match passphrase {
            Some(mut octets) => {
                // A line end belongs to the file, not to the passphrase.
                while matches!(octets.last(), Some(b'\n' | b'\r')) {
                    octets.pop();
                }
                unlock.with_passphrase(SecretBytes::new(octets))
            }
            None => unlock,
        })
    }

    /// Whom the site trusts.
    pub(crate) fn trust(&self) -> Result<Trust, Failure> {
        let wrong = || {
            let what = "site.toml: a signer is not 64 hexadecimal digits";
            Failure::new(
                exit::ENVIRONMENT,
                "R1295",
                what,
                "copy the signer's public key again",
            )
        };
        let signers = self.file.trust.signers.iter().map(|text| {
            let octets = hex::decode(text).map_err(|_| wrong())?;
            Ok(PublicKey(octets.try_into().map_err(|_| wrong())?))
        });
        Ok(Trust {
            signers: signers.collect::<Result<_, Failure>>()?,
            threshold: self.file.trust.threshold,
            open_test_signer: self.file.trust.open_test_signer,
        })
    }

    /// The HSM.
    pub(crate) fn hsm(&self) -> Result<SiteHsm, Failure> {
        self.hsm_for(1)
    }

    /// The HSM, for a job with so many lanes.
    pub(crate) fn hsm_for(&self, lanes: usize) -> Result<SiteHsm, Failure> {
        SiteHsm::open(self, lanes)
    }

    /// Lanes of a job: as many as were asked for, else one a processor. Refused when the HSM's
    /// settings are too small for them.
    pub(crate) fn lanes(&self, asked: Option<usize>) -> Result<usize, Failure> {
        let lanes = asked.unwrap_or_else(crate::commands::pool::processors);
        let lanes = lanes.clamp(1, 256);
        if let Some(table) = &self.file.hsm {
            table.suffices(lanes)?;
        }
        Ok(lanes)
    }

    /// Whether the HSM holds TEST keys only, by the site's own words: the HSM may be away.
    pub(crate) fn test_keys_only(&self) -> bool {
        self.file.hsm.as_ref().is_none_or(HsmTable::test_only)
    }

    fn site_key(&self) -> Result<SiteKey, Failure> {
        Ok(SiteKey::load_or_create(
            &self.folder.join("hsm").join("site.key"),
        )?)
    }

    /// The store.
    pub(crate) fn store(&self) -> Result<SqliteStore, Failure> {
        let (store, anchor) = (self.folder.join("store"), self.folder.join("anchor"));
        Ok(SqliteStore::open(&store, &anchor, self.site_key()?)?)
    }

    /// The audit log of a store that may not open.
    pub(crate) fn verify_audit(&self) -> Result<cardwright_ports::store::AuditVerdict, Failure> {
        let (store, anchor) = (self.folder.join("store"), self.folder.join("anchor"));
        Ok(SqliteStore::verify_files(
            &store,
            &anchor,
            self.site_key()?.public(),
        )?)
    }

    /// Folder of the machine's own ledger.
    pub(crate) fn machine_folder(&self) -> PathBuf {
        self.folder.join("machine")
    }

    /// The machine, with blanks that carry these chips.
    pub(crate) fn machine(&self, chips: ChipFactory) -> Result<SimulatedMachine, Failure> {
        let folder = self.machine_folder();
        Ok(SimulatedMachine::open(
            &folder,
            MachineSettings::default(),
            chips,
        )?)
    }

    /// Keeps every other process off the machine until the guard is dropped.
    pub(crate) fn lock_machine(&self) -> Result<std::fs::File, Failure> {
        let path = self.machine_folder().join("lock");
        let file = std::fs::File::create(&path).map_err(|e| Failure::file(&path, &e))?;
        file.try_lock().map_err(|_| {
            Failure::new(
                exit::DEVICE,
                "R1299",
                "another process works with this machine",
                "wait until it has ended, or pause its job",
            )
        })?;
        Ok(file)
    }

    /// A file whose being there asks the running job to pause.
    pub(crate) fn pause_wish(&self, job: u64) -> PathBuf {
        self.folder.join("machine").join(format!("pause-{job}"))
    }

    /// Paper, moved as the site's printer needs it.
    pub(crate) fn paper(&self) -> PaperDriver {
        let offsets = self.file.printer.and_then(PrinterTable::offsets_um);
        offsets.map_or_else(PaperDriver::new, |(right, down)| {
            PaperDriver::calibrated(right, down)
        })
    }

    /// Where an accepted bundle lies.
    pub(crate) fn bundle_path(&self, digest: &str) -> PathBuf {
        self.folder.join("bundles").join(format!("{digest}.cwb"))
    }
}

/// Reads a file, no larger than a limit.
pub(crate) fn read_file(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let length = std::fs::metadata(path)
        .map_err(|e| Failure::file(path, &e))?
        .len();
    if length > most {
        let what = format!("{} is larger than {most} octets", path.display());
        return Err(Failure::new(
            exit::ENVIRONMENT,
            "R1290",
            what,
            "name the right file",
        ));
    }
    std::fs::read(path).map_err(|e| Failure::file(path, &e))
}
