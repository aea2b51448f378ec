//! The same tests and published vectors for every HSM driver; for tests, never for production.
//!
//! [`run`] asks every intent of the port, in good cases with values that other people's programs
//! made and in bad cases that must be refused, and gives a [`Report`] with one row a check. The
//! [`run_custody`] does the same for key custody. The
//! driver's own test says how a clear TEST key gets into its HSM ([`KeyLoader`]) and which intents
//! its HSM may refuse with which code ([`Settings`]).

mod bench;
mod checks;
mod custody;
mod report;
mod values;

use cardwright_ports::HsmError;
use cardwright_ports::hsm::{Hsm, KeyRequest};

pub use checks::{Catalogue, catalogue};
pub use custody::{custody_catalogue, run_custody};
pub use report::{Outcome, Report, Row};
pub use values::RsaParts;

/// A clear TEST key that the kit wants in the HSM.
#[derive(Clone, Copy, Debug)]
pub enum ClearKey<'k> {
    /// Octets of a triple DES (odd parity, except GlobalPlatform's test key) or AES key.
    Symmetric(&'k [u8]),
    /// An RSA private key.
    Rsa(&'k RsaParts),
}

/// How a given key gets into the HSM under test.
pub trait KeyLoader {
    /// Puts a clear key in under a name and a use, so that `bind` finds it. Called once a name.
    ///
    /// # Errors
    /// The driver's own; a code that [`Settings::may_refuse`] lists for `load_key` says that the
    /// HSM takes no such key.
    fn load(&self, request: &KeyRequest, key: ClearKey<'_>) -> Result<(), HsmError>;
}

/// What a driver documents about its HSM.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'s> {
    /// What may be refused: the name of an intent, of a check, or `load_key`; and the code of the
    /// refusal. Anything else that is refused is a failure.
    pub may_refuse: &'s [(&'s str, &'s str)],
    /// Intents that draw anew at each call: the HSM can't give a drawn value twice, and the caller
    /// keeps the first.
    pub fresh_draws: &'s [&'s str],
}

/// Runs all checks against one HSM.
pub fn run(hsm: &dyn Hsm, loader: &dyn KeyLoader, settings: &Settings<'_>) -> Report {
    let values = match values::Values::read() {
        Ok(values) => values,
        Err(what) => return Report::broken(what),
    };
    let session = match hsm.open_session() {
        Ok(session) => session,
        Err(e) => return Report::broken(format!("open_session: {e}")),
    };
    let mut bench = bench::Bench::new(hsm, session, loader, settings, &values);
    let mut rows: Vec<Row> = checks::all()
        .map(|check| check.row((check.test)(&mut bench), settings))
        .collect();
    rows.push(bench.secrets_row());
    Report { rows }
}
