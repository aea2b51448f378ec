//! The report of a job: counts and reconciliation, rates, rejected orders, time per station,
//! pictures and verdicts, as JSON for programs and as one HTML file for people.

mod html;
mod plot;

use crate::{StationError, error::file_error, outputs::WrittenFile};
use schemars::JsonSchema;
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};

/// Version of `report.json`'s schema.
pub const SCHEMA_VERSION: u32 = 1;

/// Rejected orders that the report names; `rejected.jsonl` beside it has all.
pub const REJECTED_MAX: usize = 1_000;

/// A job's outcome. Public: no PAN, no name, no PIN.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Report {
    /// Version of this schema.
    pub schema_version: u32,
    /// Whether everything was made with test keys.
    pub test: bool,
    /// Bundle, job and site.
    pub subject: Subject,
    /// Orders in the file.
    pub orders: u64,
    /// Orders that intake took.
    pub accepted: u64,
    /// Orders and records that made no card, the first 1,000 by their lines; `rejected.jsonl` beside
    /// the report has all.
    pub rejected: Vec<RejectedOrder>,
    /// Cards that left the machine as good.
    pub produced: u64,
    /// Orders that failed after their card was begun and were not made again.
    pub failed: u64,
    /// Orders of which nobody knows whether their card left.
    pub unknown: u64,
    /// PIN mailers printed.
    pub mailers: u64,
    /// PIN mailers that can't be drawn; no paper of theirs exists.
    pub letters_not_drawn: u64,
    /// Carriers that can't be drawn; their cards left without one.
    pub carriers_not_drawn: u64,
    /// PIN mailers that can't be drawn or may have been printed, and carriers that can't be drawn,
    /// the first 500 of each.
    pub letters_in_doubt: Vec<LetterInDoubt>,
    /// Carriers printed.
    pub carriers: u64,
    /// Validation.
    pub validated: Validated,
    /// Processes that ran the job: one more than it was stopped and gone on with.
    pub runs: u64,
    /// Wall-clock time of these processes, pauses left out.
    pub seconds: f64,
    /// Produced cards by second.
    pub cards_per_second: f64,
    /// What became of every order and every blank.
    pub reconciliation: Reconciliation,
    /// Time by station.
    pub stations: Vec<StationTime>,
    /// Products.
    pub products: BTreeMap<String, u64>,
    /// Output files.
    pub files: Vec<WrittenFile>,
    /// Key versions that others had replaced when cards were begun with data of theirs, from an
    /// earlier run; the journal names the orders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced_keys: Vec<ReplacedKey>,
    /// Why the last run stopped with orders or letters left; absent when the job has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

/// Why a run stopped before its job's end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stopped {
    /// Stable code; empty when an operator paused the job.
    pub code: String,
    /// Why.
    pub reason: String,
}

/// What the report is about.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Subject {
    /// Bank.
    pub issuer: String,
    /// Project.
    pub bundle: String,
    /// Its version.
    pub version: String,
    /// Its digest.
    pub digest: String,
    /// Job name.
    pub job: String,
    /// Job identifier at this site.
    pub job_id: String,
    /// Order file's name.
    pub order_file: String,
    /// Its SHA-256.
    pub order_file_sha256: String,
    /// Day of the run.
    pub date: String,
    /// HSM.
    pub hsm: String,
    /// Machine.
    pub machine: String,
    /// Lanes.
    pub lanes: usize,
}

/// An order or record that made no card.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct RejectedOrder {
    /// Line in the order file.
    pub line: u64,
    /// Number of the order, when the record was one.
    pub order: Option<u64>,
    /// Stable code.
    pub code: String,
    /// Field, if one is to blame.
    pub field: Option<String>,
    /// Why.
    pub reason: String,
}

/// A PIN mailer that stands against the job's end.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct LetterInDoubt {
    /// Number of the order.
    pub order: u64,
    /// Line in the order file.
    pub line: u64,
    /// `UNDRAWN`, `UNKNOWN` or `CARRIER UNDRAWN`.
    pub state: String,
    /// Stable code.
    pub code: String,
    /// Why.
    pub reason: String,
}

/// Validation in numbers.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Validated {
    /// Cards that passed every check.
    pub passed: u64,
    /// Cards that did not.
    pub failed: u64,
    /// Each check: name, passed, failed.
    pub checks: Vec<CheckCount>,
}

/// One check over all cards.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct CheckCount {
    /// `interface check`.
    pub name: String,
    /// Cards that passed.
    pub passed: u64,
    /// Cards that did not.
    pub failed: u64,
}

/// Cards begun with data of a key version that another has replaced.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct ReplacedKey {
    /// Label of the version.
    pub version: String,
    /// Cards.
    pub cards: u64,
}

/// Every order and every blank accounted for.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Reconciliation {
    /// Orders in the file.
    pub input: u64,
    /// Good cards.
    pub produced: u64,
    /// Rejected with a reason.
    pub rejected: u64,
    /// Openly unknown.
    pub unknown: u64,
    /// Input less all of these: 0.
    pub unaccounted: i64,
    /// Blanks taken from stock.
    pub blanks_issued: u64,
    /// Blanks that became good cards.
    pub blanks_good: u64,
    /// Blanks in the reject bins.
    pub blanks_rejected: u64,
    /// Blanks still in the machine.
    pub blanks_in_machine: u64,
    /// Issued less all of these: 0.
    pub blanks_unaccounted: i64,
}

/// Time spent at one station.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct StationTime {
    /// Station.
    pub station: String,
    /// Cards.
    pub count: u64,
    /// Mean, milliseconds.
    pub mean_ms: f64,
    /// Longest, milliseconds.
    pub max_ms: f64,
    /// Whether this is the simulated machine's own time and not this computer's.
    pub simulated: bool,
}

/// A picture for the HTML report.
pub struct Picture {
    /// What it shows.
    pub title: String,
    /// PNG.
    pub png: Vec<u8>,
}

impl Report {
    /// Whether every order was produced or rejected and nothing is unknown.
    pub fn is_clean(&self) -> bool {
        self.unknown == 0
            && self.letters_not_drawn == 0
            && self.carriers_not_drawn == 0
            && self.failed == 0
            && self.reconciliation.unaccounted == 0
            && self.reconciliation.blanks_unaccounted == 0
    }

    /// Writes `report.json` and `report.html`.
    pub fn write(&self, folder: &Path, pictures: &[Picture]) -> Result<(), StationError> {
        let json = serde_json::to_vec_pretty(self).map_err(|_| {
            StationError::new(
                "R1291",
                "the report has no JSON form",
                "report this as a bug",
            )
        })?;
        write_whole(&folder.join("report.json"), &json)?;
        write_whole(
            &folder.join("report.html"),
            html::page(self, pictures).as_bytes(),
        )
    }
}

/// Writes a file so that its name stands for a whole file only. Letters hold PINs and every page a
/// name: nobody but the operator's own account may read them.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StationError> {
    use std::io::Write;
    let part = path.with_extension("part");
    let write = || {
        let mut file = private_file(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().map_err(|e| file_error("a file of the job", &e))
}

/// A new file that only its owner may read, where the system knows owners.
pub(crate) fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
