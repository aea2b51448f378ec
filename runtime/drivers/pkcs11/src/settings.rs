//! What a site says of its HSM: module, tokens, PIN, policy and limits.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::capability::Capability;
use crate::error::{self, Refused};

/// Longest PIN in octets.
const PIN_OCTETS_MAX: usize = 256;
/// Most sessions with one token.
pub const SESSIONS_MAX: usize = 256;
/// Most tokens.
pub const TOKENS_MAX: usize = 16;

/// Whether a working key may ever be in this program's own memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostMemory {
    /// Never: what the token can't do inside is refused.
    Refused,
    /// Where the token can't do it inside; the memory is wiped.
    Allowed,
    /// Wherever that takes fewer calls of the token: cards' keys, their channels and transactions. The
    /// memory is wiped.
    Preferred,
}

/// What happens when the token has logged the user out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relogin {
    /// The driver stops.
    Never,
    /// One more login for each token.
    Once,
    /// As often as needed.
    Always,
}

/// The user's PIN: can't be printed or copied, and is wiped.
pub struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// A PIN of 1 to 256 octets.
    ///
    /// # Errors
    /// R1324.
    pub fn new(octets: Vec<u8>) -> Result<Self, Refused> {
        let octets = Zeroizing::new(octets);
        match octets.len() {
            1..=PIN_OCTETS_MAX => Ok(Self(octets)),
            0 => Err(error::PIN_FILE.found("the PIN is empty")),
            _ => Err(error::PIN_FILE.found("the PIN is longer than 256 octets")),
        }
    }

    /// The first line of a file that its owner alone may read.
    ///
    /// # Errors
    /// R1324.
    pub fn from_file(path: &Path) -> Result<Self, Refused> {
        let shown = path.display();
        let failed = |e: std::io::Error| error::PIN_FILE.found(format!("{shown}: {e}"));
        let file = std::fs::File::open(path).map_err(failed)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
            if mode & 0o077 != 0 {
                return Err(error::PIN_FILE.found(format!("{shown} has mode {mode:04o}")));
            }
        }
        // Room for all at once: growing would leave copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(PIN_OCTETS_MAX + 2));
        let most = PIN_OCTETS_MAX as u64 + 2;
        file.take(most).read_to_end(&mut text).map_err(failed)?;
        let line = text.split(|octet| matches!(octet, b'\n' | b'\r')).next();
        Self::new(line.unwrap_or_default().to_vec())
    }

    /// The value of an environment variable.
    ///
    /// # Errors
    /// R1324.
    pub fn from_environment(variable: &str) -> Result<Self, Refused> {
        match std::env::var(variable) {
            Ok(text) => Self::new(text.into_bytes()),
            Err(_) => Err(error::PIN_FILE.found(format!("the variable {variable} is not set"))),
        }
    }

    /// The octets, for the moment of the login.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Which token is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenName {
    /// By its label.
    Label(String),
    /// By the number of its slot.
    Slot(cardwright_pkcs11_raw::ck::CK_ULONG),
}

impl std::fmt::Display for TokenName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Label(label) => write!(f, "token {label}"),
            Self::Slot(number) => write!(f, "slot {number}"),
        }
    }
}

/// All settings.
pub struct Settings {
    /// The maker's library.
    pub module: PathBuf,
    /// What its `C_Initialize` is told, where the library takes a text.
    pub parameters: Option<String>,
    /// Tokens that hold the same keys; the first one stores new keys first.
    pub tokens: Vec<TokenName>,
    /// The user's PIN, the same for all tokens.
    pub pin: Pin,
    /// Whether working keys may be in host memory.
    pub host_memory: HostMemory,
    /// What happens after a logout.
    pub relogin: Relogin,
    /// Longest time of one job in the token.
    pub deadline: Duration,
    /// Sessions with each token.
    pub sessions: usize,
    /// Longest wait for a free session.
    pub wait: Duration,
    /// How long a lane may leave its channel alone before another lane that waits gets its session.
    pub channel: Duration,
    /// How long a token that failed is left out.
    pub rest: Duration,
    /// What the token could do but must not be asked for.
    pub avoid: Vec<Capability>,
    /// Whether it holds TEST keys only.
    pub test_only: bool,
    /// Whether LIVE work is taken to a token that wraps keys which say that they may not leave it.
    pub accept_wrapping_of_all_keys: bool,
}

impl Settings {
    /// Settings with the usual limits: refused host memory, one more login, ten seconds, four
    /// sessions.
    pub fn new(module: PathBuf, tokens: Vec<TokenName>, pin: Pin) -> Self {
        Self {
            module,
            parameters: None,
            tokens,
            pin,
            host_memory: HostMemory::Refused,
            relogin: Relogin::Once,
            deadline: Duration::from_secs(10),
            sessions: 4,
            wait: Duration::from_secs(30),
            channel: Duration::from_secs(120),
            rest: Duration::from_secs(10),
            avoid: Vec::new(),
            test_only: false,
            accept_wrapping_of_all_keys: false,
        }
    }

    /// Refuses what can't be meant.
    ///
    /// # Errors
    /// R1338.
    pub fn check(&self) -> Result<(), Refused> {
        let wrong = |what: &str| Err(error::SETTINGS.found(what));
        if self.tokens.is_empty() || self.tokens.len() > TOKENS_MAX {
            return wrong("hsm.tokens names 1 to 16 tokens");
        }
        let twice = |name: &TokenName| self.tokens.iter().filter(|t| *t == name).count() > 1;
        if self.tokens.iter().any(twice) {
            return wrong("hsm.tokens names a token twice");
        }
        if !(1..=SESSIONS_MAX).contains(&self.sessions) {
            return wrong("hsm.sessions is from 1 to 256");
        }
        if self.deadline < Duration::from_millis(10) || self.deadline > Duration::from_secs(600) {
            return wrong("hsm.deadline_ms is from 10 to 600000");
        }
        Ok(())
    }
}
