//! The audit chain: hashes, signed checkpoints, and the anchor outside the database.

use crate::codes::error;
use crate::site_key::{SiteKey, signature_holds};
use cardwright_ports::StoreError;
use cardwright_ports::store::{AuditEntry, AuditRecord, AuditVerdict};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A checkpoint is signed into the database at least every so many entries.
pub(crate) const CHECKPOINT_EVERY: u64 = 1_000;
const ANCHOR_LINE_BYTES: u64 = 1_024;
const FINDINGS: usize = 100;

/// The end of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) sequence: u64,
    pub(crate) hash: [u8; 32],
}

impl Head {
    /// The chain with one more entry.
    pub(crate) fn next(&self, at: i64, entry: &AuditEntry) -> AuditRecord {
        let sequence = self.sequence.saturating_add(1);
        AuditRecord {
            sequence,
            at,
            entry: entry.clone(),
            hash: link(&self.hash, sequence, at, entry),
        }
    }
}

/// SHA-256 over the previous hash and the entry's canonical octets: lengths before texts, numbers
/// big endian.
fn link(previous: &[u8; 32], sequence: u64, at: i64, entry: &AuditEntry) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"cardwright audit 1\0");
    hash.update(previous);
    hash.update(sequence.to_be_bytes());
    hash.update(at.to_be_bytes());
    hash.update(entry.key.job.to_be_bytes());
    hash.update(entry.key.order.to_be_bytes());
    for text in [&entry.actor, &entry.act, &entry.detail] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().into()
}

/// A signed head; in the database a checkpoint, in the anchor file a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedHead {
    pub(crate) sequence: u64,
    pub(crate) hash: String,
    pub(crate) at: i64,
    pub(crate) signature: String,
}

impl SignedHead {
    pub(crate) fn sign(key: &SiteKey, head: Head, at: i64) -> Self {
        let signature = key.sign(&Self::message(head.sequence, &head.hash, at));
        Self {
            sequence: head.sequence,
            hash: hex::encode(head.hash),
            at,
            signature: hex::encode(signature),
        }
    }

    fn holds(&self, public: &[u8; 32]) -> bool {
        let (Ok(hash), Ok(signature)) = (hex::decode(&self.hash), hex::decode(&self.signature))
        else {
            return false;
        };
        signature_holds(
            public,
            &Self::message(self.sequence, &hash, self.at),
            &signature,
        )
    }

    fn message(sequence: u64, hash: &[u8], at: i64) -> Vec<u8> {
        let mut message = b"cardwright audit head 1\0".to_vec();
        message.extend_from_slice(&sequence.to_be_bytes());
        message.extend_from_slice(&at.to_be_bytes());
        message.extend_from_slice(hash);
        message
    }
}

/// The file outside the database that gets the signed head of every commit.
pub(crate) struct Anchor {
    path: PathBuf,
    file: File,
    /// Half a line stands at the end, and could not be cut off.
    torn: bool,
}

impl Anchor {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(path)
            .map_err(|e| error("R1409", format!("open the anchor: {e}")))?;
        let mut anchor = Self {
            path: path.to_path_buf(),
            file,
            torn: false,
        };
        anchor.cut_torn_line()?;
        Ok(anchor)
    }

    /// A power cut may leave half a line; its commit is in the database, the next line anchors it.
    fn cut_torn_line(&mut self) -> Result<(), StoreError> {
        let (length, tail) = self.tail()?;
        let whole = tail.iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1);
        match (tail.len() - whole) as u64 {
            0 => Ok(()),
            torn => self
                .file
                .set_len(length - torn)
                .map_err(|e| error("R1409", format!("mend the anchor: {e}"))),
        }
    }

    /// The file's length and its last octets.
    fn tail(&mut self) -> Result<(u64, Vec<u8>), StoreError> {
        let failed = |e: std::io::Error| error("R1409", format!("read the anchor: {e}"));
        let length = self.file.seek(SeekFrom::End(0)).map_err(failed)?;
        let window = length.min(2 * ANCHOR_LINE_BYTES);
        let start = SeekFrom::Start(length - window);
        self.file.seek(start).map_err(failed)?;
        let mut tail = Vec::new();
        (&self.file)
            .take(window)
            .read_to_end(&mut tail)
            .map_err(failed)?;
        Ok((length, tail))
    }

    pub(crate) fn append(&mut self, head: &SignedHead, durable: bool) -> Result<(), StoreError> {
        let failed = |e: std::io::Error| error("R1409", format!("write the anchor: {e}"));
        let mut line = serde_json::to_string(head)
            .map_err(|e| error("R1409", format!("write the anchor: {e}")))?;
        line.push('\n');
        if self.torn {
            self.cut_torn_line()?;
            self.torn = false;
        }
        let whole = self.file.metadata().map_err(failed)?.len();
        self.file.write_all(line.as_bytes()).map_err(|e| {
            // A full disk takes half a line: the next one must not be joined to it.
            self.torn = self.file.set_len(whole).is_err();
            failed(e)
        })?;
        if durable {
            self.file.sync_data().map_err(failed)?;
        }
        Ok(())
    }

    /// The last whole line, without reading the others.
    pub(crate) fn last(&mut self) -> Result<Option<SignedHead>, StoreError> {
        let (_, tail) = self.tail()?;
        let text = String::from_utf8_lossy(&tail);
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        match whole.lines().next_back() {
            None => Ok(None),
            Some(line) => serde_json::from_str(line)
                .map(Some)
                .map_err(|_| error("R1407", "the anchor's last line is damaged")),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Walks a chain record by record and compares it with signed heads.
pub(crate) struct Verifier {
    public: [u8; 32],
    head: Head,
    /// Heads still to be met: sequence, hash as text, where it stands.
    expected: BTreeMap<u64, Vec<(String, &'static str)>>,
    verdict: AuditVerdict,
}

impl Verifier {
    pub(crate) fn new(public: [u8; 32]) -> Self {
        Self {
            public,
            head: Head::default(),
            expected: BTreeMap::new(),
            verdict: AuditVerdict {
                entries: 0,
                checkpoints: 0,
                anchors: 0,
                head: [0; 32],
                findings: Vec::new(),
            },
        }
    }

    pub(crate) fn expect_checkpoint(&mut self, head: &SignedHead) {
        self.verdict.checkpoints += 1;
        self.must_be(head, "checkpoint");
    }

    /// Takes every line of an anchor file; a torn last line is no finding.
    pub(crate) fn expect_anchor(&mut self, path: &Path) -> Result<(), StoreError> {
        let failed = |e: std::io::Error| error("R1409", format!("read the anchor: {e}"));
        if !path.exists() {
            self.find("the anchor is missing".to_owned());
            return Ok(());
        }
        let mut reader = BufReader::new(File::open(path).map_err(failed)?);
        loop {
            let mut line = String::new();
            let taken = reader
                .by_ref()
                .take(ANCHOR_LINE_BYTES)
                .read_line(&mut line)
                .map_err(failed)?;
            let whole = line.ends_with('\n');
            if taken == 0 || !whole && (taken as u64) < ANCHOR_LINE_BYTES {
                return Ok(());
            }
            self.verdict.anchors += 1;
            match serde_json::from_str::<SignedHead>(&line) {
                Ok(head) => self.must_be(&head, "anchor"),
                Err(_) => {
                    let number = self.verdict.anchors;
                    self.find(format!("line {number} of the anchor is damaged"));
                    if !whole {
                        // What follows an endless line can't be told apart from it.
                        return Ok(());
                    }
                }
            }
        }
    }

    fn must_be(&mut self, head: &SignedHead, place: &'static str) {
        if !head.holds(&self.public) {
            let sequence = head.sequence;
            self.find(format!(
                "{place} of entry {sequence} is not signed by the site"
            ));
        }
        if head.sequence == 0 {
            // The first line of an anchor stands before any entry.
            return;
        }
        let heads = self.expected.entry(head.sequence).or_default();
        heads.push((head.hash.clone(), place));
    }

    pub(crate) fn take(&mut self, record: &AuditRecord) {
        self.verdict.entries += 1;
        let expected = self.head.next(record.at, &record.entry);
        if record.sequence != expected.sequence {
            let what = format!(
                "entry {} follows entry {}",
                record.sequence, self.head.sequence
            );
            self.find(what);
        }
        if record.hash != expected.hash {
            self.find(format!("entry {} does not fit its chain", record.sequence));
        }
        self.head = Head {
            sequence: record.sequence,
            hash: record.hash,
        };
        for (hash, place) in self.expected.remove(&record.sequence).unwrap_or_default() {
            if hash != hex::encode(record.hash) {
                self.find(format!("entry {} is not the {place}'s", record.sequence));
            }
        }
    }

    pub(crate) fn finish(mut self) -> AuditVerdict {
        let missing: Vec<(u64, &str)> = std::mem::take(&mut self.expected)
            .into_iter()
            .flat_map(|(sequence, heads)| heads.into_iter().map(move |(_, p)| (sequence, p)))
            .collect();
        for (sequence, place) in missing {
            self.find(format!("entry {sequence} of the {place} is gone"));
        }
        self.verdict.head = self.head.hash;
        self.verdict
    }

    fn find(&mut self, what: String) {
        if self.verdict.findings.len() < FINDINGS {
            self.verdict.findings.push(what);
        }
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "tests fail loudly")]
mod tests {
    use super::*;

    const INSIDE: &str = "CARDWRIGHT_ANCHOR_OF_A_FULL_DISK";

    fn head(sequence: u64) -> SignedHead {
        SignedHead {
            sequence,
            hash: "00".repeat(32),
            at: 100,
            signature: "00".repeat(64),
        }
    }

    /// Heads are anchored until the disk is full; then there is room again.
    fn below_the_limit(path: &Path) -> u64 {
        let mut anchor = Anchor::open(path).unwrap();
        let mut sequence = 1;
        while anchor.append(&head(sequence), false).is_ok() {
            sequence += 1;
        }
        let (soft, hard) = rlimit::Resource::FSIZE.get().unwrap();
        assert!(soft < hard, "the limit is a soft one");
        rlimit::Resource::FSIZE.set(hard, hard).unwrap();
        anchor.append(&head(sequence), true).unwrap();
        sequence
    }

    #[test]
    fn a_full_disk_tears_no_line_of_the_anchor() {
        if let Some(path) = std::env::var_os(INSIDE) {
            assert!(below_the_limit(Path::new(&path)) > 3);
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchor.jsonl");
        let said = std::process::Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -S -f 4; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "audit::tests::a_full_disk_tears_no_line_of_the_anchor",
            ])
            .env(INSIDE, &path)
            .output()
            .unwrap();
        assert!(
            said.status.success(),
            "{}",
            String::from_utf8_lossy(&said.stdout)
        );
        let text = std::fs::read_to_string(&path).unwrap();
        let heads: Vec<SignedHead> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let numbers: Vec<u64> = heads.iter().map(|h| h.sequence).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    }
}
