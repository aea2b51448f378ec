//! The HSM of a site: `[hsm]` in `site.toml`, and whichever driver it names.

use crate::failure::{Failure, exit};
use crate::site::Site;
use crate::site_payment::PaymentTable;
use cardwright_host_commands::HostCommandHsm;
use cardwright_pkcs11::capability::Capability;
use cardwright_pkcs11::settings::{SESSIONS_MAX, TokenName};
use cardwright_pkcs11::{HostMemory, Pin, Pkcs11Hsm, Relogin, Settings};
use cardwright_ports::custody::{CustodyHsm, KeyCustody};
use cardwright_ports::hsm::{Hsm, HsmError, HsmInfo, HsmSession};
use cardwright_soft_hsm::SoftHsm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which HSM, and how it is reached.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum HsmTable {
    /// Keys in a file of the site, TEST only; also when the table is left out.
    Soft {},
    /// A PKCS#11 module of an HSM's maker.
    Pkcs11(Box<Pkcs11Table>),
    /// A payment HSM by host commands.
    Payment(Box<PaymentTable>),
}

/// A PKCS#11 module.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pkcs11Table {
    /// The maker's library.
    module: PathBuf,
    /// What the library is told when it starts, where it takes a text: NSS is told its database so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parameters: Option<String>,
    /// Labels of tokens that hold the same keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<String>,
    /// Numbers of slots, where labels can't be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    slots: Vec<u32>,
    /// File with the user's PIN, mode 0600; a relative path begins at the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin_file: Option<PathBuf>,
    /// Environment variable with the user's PIN, instead of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin_variable: Option<String>,
    /// Whether a working key may ever be in this program's memory: `refused` (for LIVE), `allowed` where the token
    /// can't do it inside, or `preferred` wherever that takes fewer calls.
    #[serde(default)]
    host_memory: HostMemoryWord,
    /// What happens when the token has logged the user out: `never`, `once` or `always` again.
    #[serde(default)]
    relogin: ReloginWord,
    /// Longest time of one job in the token, milliseconds.
    #[serde(default = "ten_seconds")]
    deadline_ms: u64,
    /// Sessions with each token: at least one more than a job has lanes. Without it as many, and at
    /// least four.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sessions: Option<usize>,
    /// Longest wait for a free session, milliseconds.
    #[serde(default = "half_a_minute")]
    wait_ms: u64,
    /// How long a lane may leave an open chip alone before another lane that waits gets its session,
    /// milliseconds.
    #[serde(default = "two_minutes")]
    channel_ms: u64,
    /// How long a token that failed is left out, milliseconds.
    #[serde(default = "ten_seconds")]
    rest_ms: u64,
    /// What the token could do but must not be asked for, as `cardstation hsm show` names it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    avoid: Vec<String>,
    /// Whether LIVE bundles run on a token that wraps keys which say that they may not leave it
    /// (`keys_stay_inside` of `cardstation hsm show`); without it they are refused there.
    #[serde(default)]
    accept_wrapping_of_all_keys: bool,
    /// Whether the tokens hold TEST keys only; then LIVE bundles are refused.
    #[serde(default)]
    test_only: bool,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HostMemoryWord {
    #[default]
    Refused,
    Allowed,
    Preferred,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ReloginWord {
    Never,
    #[default]
    Once,
    Always,
}

fn ten_seconds() -> u64 {
    10_000
}

fn half_a_minute() -> u64 {
    30_000
}

fn two_minutes() -> u64 {
    120_000
}

/// Sessions with each token where the site says nothing.
const SESSIONS: usize = 4;

/// What a job of so many lanes needs: each may keep a session for the chip that it has open, and one
/// is left for everything else.
fn sessions_for(lanes: usize) -> usize {
    lanes.saturating_add(1).min(SESSIONS_MAX)
}

impl Pkcs11Table {
    /// Refuses sessions that are too few for the lanes of a job.
    fn suffices(&self, lanes: usize) -> Result<(), HsmError> {
        let needed = sessions_for(lanes);
        match self.sessions {
            Some(sessions) if sessions < needed => {
                let lanes = match lanes {
                    1 => "a job with 1 lane needs".to_owned(),
                    lanes => format!("a job with {lanes} lanes needs"),
                };
                Err(cardwright_pkcs11::error::SETTINGS.found(format!(
                    "hsm.sessions is {sessions}, {lanes} {needed}: write `sessions = {needed}`, or \
                     run it with fewer lanes (`--lanes`)"
                )))
            }
            _ => Ok(()),
        }
    }

    fn settings(&self, site: &Path, lanes: usize) -> Result<Settings, HsmError> {
        let wrong = |what: &str| cardwright_pkcs11::error::SETTINGS.found(what);
        let pin = match (&self.pin_file, &self.pin_variable) {
            (Some(file), None) => Pin::from_file(&site.join(file))?,
            (None, Some(variable)) => Pin::from_environment(variable)?,
            _ => return Err(wrong("one of hsm.pin_file and hsm.pin_variable is needed")),
        };
        let labels = self.tokens.iter().cloned().map(TokenName::Label);
        let slots = self
            .slots
            .iter()
            .map(|slot| TokenName::Slot((*slot).into()));
        let avoid = self.avoid.iter().map(|word| {
            Capability::from_word(word)
                .ok_or_else(|| wrong(&format!("hsm.avoid names {word}, which nothing is called")))
        });
        let mut settings = Settings::new(self.module.clone(), labels.chain(slots).collect(), pin);
        settings.parameters.clone_from(&self.parameters);
        settings.avoid = avoid.collect::<Result<_, _>>()?;
        settings.host_memory = match self.host_memory {
            HostMemoryWord::Refused => HostMemory::Refused,
            HostMemoryWord::Allowed => HostMemory::Allowed,
            HostMemoryWord::Preferred => HostMemory::Preferred,
        };
        settings.relogin = match self.relogin {
            ReloginWord::Never => Relogin::Never,
            ReloginWord::Once => Relogin::Once,
            ReloginWord::Always => Relogin::Always,
        };
        settings.deadline = Duration::from_millis(self.deadline_ms);
        settings.wait = Duration::from_millis(self.wait_ms);
        if self.channel_ms < 1_000 {
            return Err(wrong("hsm.channel_ms is at least 1000"));
        }
        settings.channel = Duration::from_millis(self.channel_ms);
        settings.rest = Duration::from_millis(self.rest_ms);
        settings.sessions = self
            .sessions
            .unwrap_or_else(|| sessions_for(lanes).max(SESSIONS));
        settings.test_only = self.test_only;
        settings.accept_wrapping_of_all_keys = self.accept_wrapping_of_all_keys;
        Ok(settings)
    }
}

impl HsmTable {
    /// Refuses settings that are too small for the lanes of a job.
    pub(crate) fn suffices(&self, lanes: usize) -> Result<(), HsmError> {
        match self {
            Self::Soft {} | Self::Payment(_) => Ok(()),
            Self::Pkcs11(table) => table.suffices(lanes),
        }
    }

    /// Whether it holds TEST keys only; asks nobody, so that it can be told while the HSM is away.
    pub(crate) fn test_only(&self) -> bool {
        match self {
            Self::Soft {} => true,
            Self::Pkcs11(table) => table.test_only,
            Self::Payment(table) => table.test_only,
        }
    }
}

/// A site's HSM.
pub(crate) enum SiteHsm {
    /// Keys in a file.
    Soft(SoftHsm),
    /// A PKCS#11 module.
    Pkcs11(Pkcs11Hsm),
    /// A payment HSM; and whether layouts of our own proposal are allowed.
    Payment(HostCommandHsm, bool),
}

impl SiteHsm {
    /// Opens the HSM that a site names, for a job with so many lanes.
    pub(crate) fn open(site: &Site, lanes: usize) -> Result<Self, Failure> {
        match &site.file.hsm {
            None | Some(HsmTable::Soft {}) => {
                let soft = SoftHsm::open(&site.hsm_path(), &site.unlock()?)?;
                Ok(Self::Soft(soft))
            }
            Some(HsmTable::Pkcs11(table)) => {
                let settings = table.settings(&site.folder, lanes)?;
                Ok(Self::Pkcs11(Pkcs11Hsm::open(settings)?))
            }
            Some(HsmTable::Payment(table)) => {
                Ok(Self::Payment(table.open(&site.folder)?, table.proposes()))
            }
        }
    }

    /// Why it may not work with LIVE bundles.
    pub(crate) fn not_for_live(&self) -> Option<&'static str> {
        match self {
            _ if self.info().test_only => Some("a LIVE bundle on an HSM with test keys"),
            Self::Pkcs11(hsm) if hsm.host_memory_allowed() => {
                Some("a LIVE bundle where working keys may be in host memory")
            }
            Self::Pkcs11(hsm) if !hsm.keys_stay_inside() => Some(
                "a LIVE bundle on a token that wraps keys which say that they may not leave it \
                 (`keys_stay_inside`)",
            ),
            Self::Payment(_, true) => {
                Some("a LIVE bundle where proposed command layouts are allowed")
            }
            _ => None,
        }
    }

    /// Orders whose data are made at once where the site says nothing: many where their calls are
    /// joined.
    pub(crate) fn ahead(&self) -> usize {
        match self {
            Self::Pkcs11(_) => 64,
            Self::Soft(_) | Self::Payment(..) => 1,
        }
    }

    /// Operations of the token so far, where they are counted.
    pub(crate) fn operations(&self) -> Option<u64> {
        match self {
            Self::Pkcs11(hsm) => Some(hsm.operations()),
            Self::Soft(_) | Self::Payment(..) => None,
        }
    }

    /// The driver of a PKCS#11 module, for what only it can do.
    pub(crate) fn pkcs11(&self) -> Result<&Pkcs11Hsm, Failure> {
        match self {
            Self::Pkcs11(hsm) => Ok(hsm),
            Self::Soft(_) | Self::Payment(..) => Err(Failure::new(
                exit::USAGE,
                "R1338",
                "the site's HSM is not reached by PKCS#11",
                "write [hsm] with kind = \"pkcs11\" into site.toml",
            )),
        }
    }
}

impl Hsm for SiteHsm {
    fn info(&self) -> HsmInfo {
        match self {
            Self::Soft(hsm) => hsm.info(),
            Self::Pkcs11(hsm) => hsm.info(),
            Self::Payment(hsm, _) => hsm.info(),
        }
    }

    fn open_session(&self) -> Result<Box<dyn HsmSession>, HsmError> {
        match self {
            Self::Soft(hsm) => hsm.open_session(),
            Self::Pkcs11(hsm) => hsm.open_session(),
            Self::Payment(hsm, _) => hsm.open_session(),
        }
    }
}

impl CustodyHsm for SiteHsm {
    fn open_custody(&self) -> Result<Box<dyn KeyCustody + '_>, HsmError> {
        match self {
            Self::Soft(hsm) => hsm.open_custody(),
            Self::Payment(hsm, _) => hsm.open_custody(),
            Self::Pkcs11(hsm) => hsm.open_custody(),
        }
    }
}
