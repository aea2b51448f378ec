//! The append-only ledger of physical acts, its replay and its audit.

use crate::codes::error;
use cardwright_ports::MachineError;
use cardwright_ports::machine::Place;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Longest line that a ledger has.
const LINE_BYTES: u64 = 4096;

/// One act.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    pub(crate) act: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) blank: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stock: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    /// Serial on a feed, keyed content hash on a write, keyed identity on an eject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mark: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// Job that the cards fed from here on belong to, on a `job` line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<u64>,
}

/// A card that is in the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resident {
    pub(crate) serial: String,
    /// Job that it was fed for.
    pub(crate) job: u64,
    /// Content hash by act.
    pub(crate) content: BTreeMap<String, String>,
}

/// Cards of one job, wherever they went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobBlanks {
    /// Taken from stock.
    pub issued: u64,
    /// Left as good.
    pub good: u64,
    /// In reject bins.
    pub rejected: u64,
    /// In the machine.
    pub in_machine: u64,
}

/// What the ledger's lines add up to. Nothing in it grows with the number of cards: where a card
/// went that has left is looked up in the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Situation {
    pub(crate) stocks: BTreeMap<String, u64>,
    pub(crate) fed: u64,
    pub(crate) resident: BTreeMap<u64, Resident>,
    /// Job that cards are fed for; 0 before the first.
    pub(crate) job: u64,
    pub(crate) jobs: BTreeMap<u64, JobBlanks>,
}

/// The ledger's files: `ledger.jsonl` and `ledger.key`.
pub struct Ledger {
    folder: PathBuf,
    file: File,
    key: Vec<u8>,
    /// Half a line stands at the end, and could not be cut off.
    torn: bool,
}

/// Two good cards with the same content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The card that left first.
    pub first: u64,
    /// The card that left later.
    pub second: u64,
}

/// What an audit of the ledger found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerAudit {
    /// Cards that were loaded into stocks.
    pub loaded: u64,
    /// Cards left in stocks.
    pub in_stock: u64,
    /// Cards that left a stock.
    pub issued: u64,
    /// Cards that left as good.
    pub good: u64,
    /// Cards in reject bins.
    pub rejected: u64,
    /// Cards in the machine.
    pub in_machine: u64,
    /// Issued cards that are nowhere; must be 0.
    pub unaccounted: i64,
    /// Good cards with the same content; must be empty.
    pub duplicates: Vec<Duplicate>,
    /// Acts that make no physical sense; must be empty.
    pub findings: Vec<String>,
}

impl LedgerAudit {
    /// Whether stock reconciles and no card was made twice.
    pub fn holds(&self) -> bool {
        self.unaccounted == 0 && self.duplicates.is_empty() && self.findings.is_empty()
    }
}

impl Ledger {
    /// Opens a folder's ledger, or makes it. A torn last line is cut off: its act never happened.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Situation), MachineError> {
        std::fs::create_dir_all(folder).map_err(|e| failed("create the folder", &e))?;
        let key = read_or_make_key(&folder.join("ledger.key"))?;
        let path = folder.join("ledger.jsonl");
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&path)
            .map_err(|e| failed("open the ledger", &e))?;
        cut_torn_line(&mut file)?;
        let mut situation = Situation::default();
        for_each_line(&path, |line| situation.apply(line))?;
        let ledger = Self {
            folder: folder.to_path_buf(),
            file,
            key,
            torn: false,
        };
        Ok((ledger, situation))
    }

    /// Audits a folder without opening the machine.
    pub fn audit(folder: &Path) -> Result<LedgerAudit, MachineError> {
        let mut auditor = Auditor::default();
        for_each_line(&folder.join("ledger.jsonl"), |line| auditor.take(line))?;
        Ok(auditor.verdict())
    }

    /// Where a card went that is not in the machine; the last line about it counts.
    pub(crate) fn whereabouts(&self, blank: u64) -> Result<Place, MachineError> {
        let mut place = Place::Unknown;
        for_each_line(&self.folder.join("ledger.jsonl"), |line| {
            if line.blank != Some(blank) {
                return;
            }
            match line.act.as_str() {
                "eject" => place = Place::Ejected,
                "reject" => {
                    let bin = line.bin.clone().unwrap_or_default();
                    place = Place::Rejected { bin };
                }
                _ => {}
            }
        })?;
        Ok(place)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn append(&mut self, line: &Line) -> Result<(), MachineError> {
        let mut text = serde_json::to_string(line)
            .map_err(|e| error("R1260", format!("can't write an act: {e}"), false))?;
        text.push('\n');
        if self.torn {
            cut_torn_line(&mut self.file)?;
            self.torn = false;
        }
        let whole = self
            .file
            .metadata()
            .map_err(|e| failed("read the ledger", &e))?;
        self.file.write_all(text.as_bytes()).map_err(|e| {
            // A full disk takes half a line: the next one must not be joined to it.
            self.torn = self.file.set_len(whole.len()).is_err();
            failed("write an act", &e)
        })
    }

    /// Keyed hash, hexadecimal, 32 characters.
    pub(crate) fn keyed(&self, parts: &[&[u8]]) -> Result<String, MachineError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key)
            .map_err(|_| error("R1260", "the ledger's key has a wrong length", false))?;
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let mut text = hex::encode(mac.finalize().into_bytes());
        text.truncate(32);
        Ok(text)
    }
}

impl Situation {
    pub(crate) fn blanks_of(&self, job: u64) -> JobBlanks {
        self.jobs.get(&job).copied().unwrap_or_default()
    }

    /// A card leaves the machine; it counts for the job that it was fed for.
    fn leaves(&mut self, blank: u64, count: impl FnOnce(&mut JobBlanks)) {
        if let Some(card) = self.resident.remove(&blank) {
            let job = self.jobs.entry(card.job).or_default();
            job.in_machine = job.in_machine.saturating_sub(1);
            count(job);
        }
    }

    /// Content identity of a card: stripe, embossing and print, or else its carrier's reference.
    pub(crate) fn identity_parts(&self, blank: u64) -> Vec<String> {
        let Some(card) = self.resident.get(&blank) else {
            return Vec::new();
        };
        let faces: Vec<String> = ["encode", "emboss", "print"]
            .iter()
            .filter_map(|act| card.content.get(*act).cloned())
            .collect();
        if faces.is_empty() {
            card.content.get("carrier").cloned().into_iter().collect()
        } else {
            faces
        }
    }

    pub(crate) fn apply(&mut self, line: &Line) {
        let blank = line.blank.unwrap_or(0);
        match line.act.as_str() {
            "load" => {
                let level = self.stocks.entry(line.stock.clone().unwrap_or_default());
                let level = level.or_insert(0);
                *level = level.saturating_add(line.count.unwrap_or(0));
            }
            "feed" => {
                if let Some(level) = self.stocks.get_mut(line.stock.as_deref().unwrap_or("")) {
                    *level = level.saturating_sub(1);
                }
                self.fed = self.fed.max(blank);
                let card = Resident {
                    serial: line.mark.clone().unwrap_or_default(),
                    job: self.job,
                    content: BTreeMap::new(),
                };
                self.resident.insert(blank, card);
                let job = self.jobs.entry(self.job).or_default();
                job.issued += 1;
                job.in_machine += 1;
            }
            "eject" => self.leaves(blank, |job| job.good += 1),
            "reject" => self.leaves(blank, |job| job.rejected += 1),
            "job" => self.job = line.job.unwrap_or(0),
            act => {
                if let (Some(card), Some(mark)) = (self.resident.get_mut(&blank), &line.mark) {
                    card.content.insert(act.to_owned(), mark.clone());
                }
            }
        }
    }
}

#[derive(Default)]
struct Auditor {
    found: LedgerAudit,
    inside: BTreeSet<u64>,
    good: BTreeMap<String, u64>,
}

impl Auditor {
    fn take(&mut self, line: &Line) {
        let blank = line.blank.unwrap_or(0);
        match line.act.as_str() {
            "load" => {
                self.found.loaded = self.found.loaded.saturating_add(line.count.unwrap_or(0));
            }
            "feed" => {
                self.found.issued += 1;
                if !self.inside.insert(blank) {
                    self.odd(blank, "was fed twice");
                }
            }
            "eject" => {
                self.leaves(blank);
                self.found.good += 1;
                let Some(mark) = &line.mark else { return };
                if let Some(first) = self.good.insert(mark.clone(), blank) {
                    self.found.duplicates.push(Duplicate {
                        first,
                        second: blank,
                    });
                }
            }
            "reject" => {
                self.leaves(blank);
                self.found.rejected += 1;
            }
            "job" => {}
            _ if !self.inside.contains(&blank) => self.odd(blank, "was worked on from outside"),
            _ => {}
        }
    }

    fn leaves(&mut self, blank: u64) {
        if !self.inside.remove(&blank) {
            self.odd(blank, "left without being in the machine");
        }
    }

    fn odd(&mut self, blank: u64, what: &str) {
        self.found.findings.push(format!("card {blank} {what}"));
    }

    fn verdict(mut self) -> LedgerAudit {
        let found = &mut self.found;
        found.in_machine = self.inside.len() as u64;
        found.in_stock = found.loaded.saturating_sub(found.issued);
        let placed = found.good + found.rejected + found.in_machine;
        found.unaccounted = found.issued as i64 - placed as i64;
        if found.issued > found.loaded {
            let what = format!("{} issued of {} loaded", found.issued, found.loaded);
            found.findings.push(what);
        }
        self.found
    }
}

fn for_each_line(path: &Path, mut take: impl FnMut(&Line)) -> Result<(), MachineError> {
    let file = File::open(path).map_err(|e| failed("read the ledger", &e))?;
    let mut reader = BufReader::new(file);
    let mut number = 0u64;
    loop {
        let mut text = String::new();
        let taken = reader
            .by_ref()
            .take(LINE_BYTES)
            .read_line(&mut text)
            .map_err(|e| failed("read the ledger", &e))?;
        number += 1;
        let whole = text.ends_with('\n');
        // Half a line at the end is an act that never happened; an endless one is damage.
        if taken == 0 || !whole && (taken as u64) < LINE_BYTES {
            return Ok(());
        }
        let line = serde_json::from_str(&text).ok().filter(|_| whole);
        let line: Line = line.ok_or_else(|| {
            let what = format!("line {number} of the ledger is damaged");
            error("R1260", what, false)
        })?;
        take(&line);
    }
}

fn cut_torn_line(file: &mut File) -> Result<(), MachineError> {
    let length = file
        .seek(SeekFrom::End(0))
        .map_err(|e| failed("read the ledger", &e))?;
    let window = length.min(LINE_BYTES);
    file.seek(SeekFrom::Start(length - window))
        .map_err(|e| failed("read the ledger", &e))?;
    let mut tail = Vec::new();
    file.take(window)
        .read_to_end(&mut tail)
        .map_err(|e| failed("read the ledger", &e))?;
    let whole = tail.iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1);
    let torn = (tail.len() - whole) as u64;
    if torn > 0 {
        file.set_len(length - torn)
            .map_err(|e| failed("mend the ledger", &e))?;
    }
    Ok(())
}

fn read_or_make_key(path: &Path) -> Result<Vec<u8>, MachineError> {
    if let Ok(text) = std::fs::read_to_string(path) {
        return hex::decode(text.trim())
            .ok()
            .filter(|k| k.len() == 32)
            .ok_or_else(|| error("R1260", "the ledger's key is damaged", false));
    }
    let mut key = vec![0u8; 32];
    getrandom::fill(&mut key).map_err(|e| {
        error(
            "R1260",
            format!("no entropy for the ledger's key: {e}"),
            false,
        )
    })?;
    std::fs::write(path, hex::encode(&key)).map_err(|e| {
        // Half a key would be taken for a damaged one.
        let _ = std::fs::remove_file(path);
        failed("write the ledger's key", &e)
    })?;
    Ok(key)
}

fn failed(what: &str, cause: &std::io::Error) -> MachineError {
    error("R1260", format!("can't {what}: {cause}"), false)
}
