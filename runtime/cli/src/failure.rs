//! A failure at the command line: code, words, mend, exit code. `cardwright` has the like with codes and
//! sources of its own: the two programs share no crate that may print, so that neither drags the other's
//! side in (ARCHITECTURE, 4).

use crate::terminal;
use cardwright_stations::StationError;

/// Exit codes (fixed; scripts rely on them).
pub(crate) mod exit {
    /// Findings.
    pub(crate) const FINDINGS: u8 = 1;
    /// Usage.
    pub(crate) const USAGE: u8 = 2;
    /// File or environment.
    pub(crate) const ENVIRONMENT: u8 = 3;
    /// Signature or trust.
    pub(crate) const TRUST: u8 = 4;
    /// Device or HSM.
    pub(crate) const DEVICE: u8 = 5;
    /// Job only partly done.
    pub(crate) const PARTLY: u8 = 6;
}

/// A failure.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: u8,
    code: String,
    what: String,
    mend: String,
}

impl Failure {
    pub(crate) fn new(exit: u8, code: &str, what: impl Into<String>, mend: &str) -> Self {
        Self {
            exit,
            code: code.into(),
            what: what.into(),
            mend: mend.into(),
        }
    }

    /// Reading or writing a file failed.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(
            exit::ENVIRONMENT,
            "R1290",
            format!("{}: {error}", path.display()),
            "check the path and its permissions",
        )
    }

    /// Code, what happened, what to do: on one line of a list.
    pub(crate) fn words(&self) -> String {
        format!("{}: {}; {}", self.code, self.what, self.mend)
    }

    /// A refusal of key management.
    pub(crate) fn keys(error: cardwright_keys::KeysError) -> Self {
        Self::new(exit_code(error.code), error.code, error.what, error.mend)
    }

    /// Prints the failure for a person.
    pub(crate) fn show(&self) {
        let report = miette::miette!(
            code = self.code.clone(),
            help = self.mend.clone(),
            "{}",
            self.what
        );
        terminal::note(format!("{report:?}").trim_end());
    }
}

impl<E: Into<StationError>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        Self::new(exit_code(error.code), error.code, error.what, error.mend)
    }
}

/// The exit code of a code's band: R10 trust, R12 and R13 devices, the rest environment. What
/// intake refuses is a finding about the file.
fn exit_code(code: &str) -> u8 {
    if code == "R1418" || code == "R1452" {
        return exit::PARTLY;
    }
    match code.get(..3) {
        Some("R10") => exit::TRUST,
        Some("R12" | "R13") if code != "R1290" && code != "R1291" => exit::DEVICE,
        Some("R15") => exit::FINDINGS,
        _ => exit::ENVIRONMENT,
    }
}
