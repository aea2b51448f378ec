//! Tables. Order rows live under their job, so that a job's pages are neighbours on disk.

/// Version of the schema, in `PRAGMA user_version`.
pub(crate) const VERSION: i64 = 6;

const TALLIES: &str = "
CREATE TABLE tallies (
    job INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL,
    failed INTEGER NOT NULL, total_us INTEGER NOT NULL, longest_us INTEGER NOT NULL,
    PRIMARY KEY (job, kind, name)) WITHOUT ROWID;
";

/// Files that jobs wrote, numbered by owner and format from job to job.
const FILE_NUMBERS: &str = "
CREATE TABLE file_numbers (
    owner TEXT NOT NULL, format TEXT NOT NULL, number INTEGER NOT NULL, job INTEGER NOT NULL,
    file TEXT NOT NULL, PRIMARY KEY (owner, format, number),
    UNIQUE (job, owner, format, file)) WITHOUT ROWID;
";

/// Keys, ceremonies, packages and certificates.
const REGISTERS: &str = "
CREATE TABLE registers (
    register TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
    changed_at INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (register, id)) WITHOUT ROWID;
";

/// How often each register has changed.
const REGISTER_EPOCHS: &str = "
CREATE TABLE register_epochs (
    register TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
";

/// Keys made ahead. A used key keeps its row, without its sealed parts: it is never made again.
const POOL: &str = "
CREATE TABLE pool (
    id INTEGER PRIMARY KEY AUTOINCREMENT, bits INTEGER NOT NULL, exponent INTEGER NOT NULL,
    digest BLOB NOT NULL UNIQUE, key BLOB, job INTEGER, number INTEGER);
CREATE INDEX pool_unused ON pool (bits, exponent, id) WHERE key IS NOT NULL;
";

/// Pictures of orders, apart from their records: most readings of a record need none.
const PICTURES: &str = "
CREATE TABLE pictures (
    job INTEGER NOT NULL, number INTEGER NOT NULL, digest BLOB NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (job, number, digest));
";

/// The text that brings a database of a version to [`VERSION`]; none for one that is not ours.
pub(crate) fn upgrade(from: i64) -> Option<String> {
    let text = match from {
        0 => format!("{SCHEMA}{TALLIES}{FILE_NUMBERS}{REGISTERS}{REGISTER_EPOCHS}{POOL}{PICTURES}"),
        // A rejected order's mailer stood as PENDING for ever.
        1 => format!(
            "ALTER TABLE orders ADD COLUMN mailer_code TEXT;
             ALTER TABLE orders ADD COLUMN mailer_reason TEXT;
             UPDATE orders SET mailer = 'NONE' WHERE mailer = 'PENDING' AND state = 'REJECTED';
             {TALLIES}{FILE_NUMBERS}{REGISTERS}{REGISTER_EPOCHS}{POOL}{PICTURES}"
        ),
        2 => format!("{FILE_NUMBERS}{REGISTERS}{REGISTER_EPOCHS}{POOL}{PICTURES}"),
        3 => format!("{REGISTERS}{REGISTER_EPOCHS}{POOL}{PICTURES}"),
        4 => format!("{REGISTER_EPOCHS}{PICTURES}"),
        5 => PICTURES.to_owned(),
        VERSION => String::new(),
        _ => return None,
    };
    Some(text)
}

const SCHEMA: &str = "
CREATE TABLE bundles (
    digest TEXT PRIMARY KEY, name TEXT NOT NULL, sequence INTEGER NOT NULL,
    loaded_at INTEGER NOT NULL, UNIQUE (name, sequence));
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,
    bundle_digest TEXT NOT NULL REFERENCES bundles (digest),
    file_sha256 TEXT NOT NULL UNIQUE, file_name TEXT NOT NULL, state TEXT NOT NULL,
    epoch INTEGER NOT NULL, fence INTEGER NOT NULL, wrapped_key BLOB,
    opened_at INTEGER NOT NULL);
CREATE TABLE orders (
    job INTEGER NOT NULL REFERENCES jobs (id), number INTEGER NOT NULL,
    line INTEGER NOT NULL, priority INTEGER NOT NULL, product TEXT NOT NULL,
    state TEXT NOT NULL, epoch INTEGER NOT NULL, attempt INTEGER NOT NULL,
    step INTEGER NOT NULL, blank INTEGER, serial TEXT, code TEXT, reason TEXT,
    mailer TEXT NOT NULL, mailer_copy INTEGER NOT NULL,
    mailer_code TEXT, mailer_reason TEXT,
    PRIMARY KEY (job, number)) WITHOUT ROWID;
CREATE INDEX orders_by_turn ON orders (job, state, priority, number);
CREATE INDEX orders_by_mailer ON orders (job, mailer, number);
CREATE TABLE records (
    job INTEGER NOT NULL, number INTEGER NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (job, number));
CREATE TABLE identities (
    identity BLOB PRIMARY KEY, job INTEGER NOT NULL, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX identities_by_order ON identities (job, number);
CREATE TABLE refused (
    job INTEGER NOT NULL, line INTEGER NOT NULL, reference TEXT NOT NULL,
    code TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX refused_by_line ON refused (job, line);
CREATE TABLE serials (
    serial TEXT PRIMARY KEY, job INTEGER NOT NULL, number INTEGER NOT NULL,
    attempt INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE card_data (
    job INTEGER NOT NULL, number INTEGER NOT NULL, sealed BLOB NOT NULL,
    fingerprint BLOB NOT NULL, PRIMARY KEY (job, number));
CREATE TABLE approvals (
    id INTEGER PRIMARY KEY AUTOINCREMENT, job INTEGER NOT NULL, number INTEGER NOT NULL,
    subject TEXT NOT NULL, round INTEGER NOT NULL, decision TEXT NOT NULL,
    who TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX approvals_by_order ON approvals (job, number);
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT, job INTEGER NOT NULL, number INTEGER NOT NULL,
    line TEXT NOT NULL);
CREATE INDEX journal_by_job ON journal (job, id);
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL,
    act TEXT NOT NULL, job INTEGER NOT NULL, number INTEGER NOT NULL,
    detail TEXT NOT NULL, hash BLOB NOT NULL);
CREATE TABLE checkpoints (
    sequence INTEGER PRIMARY KEY, hash TEXT NOT NULL, at INTEGER NOT NULL,
    signature TEXT NOT NULL);
";
