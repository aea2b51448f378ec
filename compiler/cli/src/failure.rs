//! A failure at the command line: code, words, mend, exit code.

use crate::terminal;
use cardwright_bundle::BundleError;
use cardwright_import::ImportError;
use cardwright_rehearsal::RehearsalError;
use std::path::Path;

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
    /// A bug of ours.
    pub(crate) const BUG: u8 = 101;
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
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::new(
            exit::ENVIRONMENT,
            "E0192",
            format!("{}: {error}", path.display()),
            "check the path and its permissions",
        )
    }

    /// The project has errors, which were shown.
    pub(crate) fn errors(count: usize) -> Self {
        let noun = if count == 1 { "error" } else { "errors" };
        Self::new(
            exit::FINDINGS,
            "E0199",
            format!("the project has {count} {noun}"),
            "correct what was said, and see `cardwright explain CODE`",
        )
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

impl From<BundleError> for Failure {
    fn from(error: BundleError) -> Self {
        Self::new(exit::TRUST, error.code, error.what, error.mend)
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        Self::new(exit::ENVIRONMENT, error.code, error.what, error.mend)
    }
}

impl From<RehearsalError> for Failure {
    fn from(error: RehearsalError) -> Self {
        let exit = match error.code.get(..3) {
            Some("R10") => exit::TRUST,
            Some("R12" | "R13") => exit::DEVICE,
            _ => exit::FINDINGS,
        };
        Self::new(exit, error.code, error.what, error.mend)
    }
}
