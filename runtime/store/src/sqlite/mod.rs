//! The store on SQLite: write-ahead log, synchronous FULL, one writer, secure delete.

mod pool;
mod rows;
mod schema;
mod seen;

use crate::audit::{Anchor, CHECKPOINT_EVERY, Head, SignedHead, Verifier};
use crate::codes::error;
use crate::rows::Rows;
use crate::rules;
use crate::site_key::SiteKey;
use cardwright_ports::StoreError;
use cardwright_ports::register::{Register, RegisterRow, Registers};
use cardwright_ports::store::{
    Approval, AuditEntry, AuditRecord, AuditVerdict, Batch, BundleRow, CardData, Counts, Identity,
    JobId, JobRow, MailerState, NewJob, OrderKey, OrderQuery, OrderRow, OrderState, OutputName,
    RefusedRow, Seen, Store, Tally,
};
use rows::{
    JOB_COLUMNS, ORDER_COLUMNS, REGISTER_COLUMNS, SqlRows, bundle_row, job_row, order_row,
    register_row, tally_row,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

const PAGE: usize = 10_000;

/// A job ledger with its audit log in `store.db`, and the anchor in `audit-anchor.jsonl`.
pub struct SqliteStore {
    key: SiteKey,
    inner: Mutex<Inner>,
}

struct Inner {
    connection: Connection,
    anchor: Anchor,
    /// Set when the anchor could not be written: nothing is accepted any more.
    poisoned: bool,
}

impl SqliteStore {
    /// Opens the store in `folder`, with its anchor in `anchor_folder` (another disk in
    /// production). A database older than its anchor is R1407.
    pub fn open(folder: &Path, anchor_folder: &Path, key: SiteKey) -> Result<Self, StoreError> {
        let connection = open_database(folder)?;
        let mut anchor = open_anchor(anchor_folder)?;
        let last = anchor.last()?;
        if last.is_none() && head(&connection)?.sequence == 0 {
            // A fresh site is anchored before its first entry: a power cut between that entry and
            // its line is no roll-back.
            anchor.append(&SignedHead::sign(&key, Head::default(), 0), true)?;
        } else {
            check_anchor(&connection, last)?;
        }
        Ok(Self {
            key,
            inner: Mutex::new(Inner {
                connection,
                anchor,
                poisoned: false,
            }),
        })
    }

    /// Checks the audit log of a store that may refuse to open; with the site's public key.
    pub fn verify_files(
        folder: &Path,
        anchor_folder: &Path,
        public: [u8; 32],
    ) -> Result<AuditVerdict, StoreError> {
        let connection = open_database(folder)?;
        verify(&connection, &anchor_folder.join(ANCHOR), public)
    }

    fn lock(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        self.inner
            .lock()
            .map_err(|_| error("R1401", "the store stopped in the middle of a change"))
    }

    /// One immediate transaction: rows, audit entries, checkpoint; then the anchor.
    fn transact<T>(
        &self,
        at: i64,
        audit: &[AuditEntry],
        work: impl FnOnce(&mut SqlRows<'_>) -> Result<(T, bool), StoreError>,
    ) -> Result<T, StoreError> {
        let mut inner = self.lock()?;
        if inner.poisoned {
            return Err(error("R1409", "the anchor failed before"));
        }
        let inner = &mut *inner;
        let transaction = inner
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(failed)?;
        let (value, ended) = work(&mut SqlRows(&transaction))?;
        let signed = extend_chain(&transaction, &self.key, at, audit, ended)?;
        transaction.commit().map_err(failed)?;
        if let Some(head) = signed
            && let Err(refused) = inner.anchor.append(&head, ended)
        {
            inner.poisoned = true;
            return Err(refused);
        }
        if ended {
            // The write-ahead log must not keep what was deleted.
            let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
            inner
                .connection
                .query_row(sql, [], |_| Ok(()))
                .map_err(failed)?;
        }
        Ok(value)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&SqlRows<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let inner = self.lock()?;
        work(&SqlRows(&inner.connection))
    }
}

const ANCHOR: &str = "audit-anchor.jsonl";

impl Store for SqliteStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.transact(batch.at, &batch.audit, |rows| {
            Ok(((), rules::apply(rows, batch)?))
        })
    }

    fn open_job(&self, at: i64, job: &NewJob, actor: &str) -> Result<JobId, StoreError> {
        let digest: String = job.file_sha256.chars().take(16).collect();
        let audit = [entry(actor, "open_job", 0, format!("file {digest}"))];
        rules::check_entry(&audit[0])?;
        self.transact(at, &audit, |rows| {
            Ok((rules::open_job(rows, at, job)?, false))
        })
    }

    fn abandon_intake(&self, at: i64, job: JobId, actor: &str) -> Result<(), StoreError> {
        let audit = [entry(actor, "abandon_intake", job, String::new())];
        rules::check_entry(&audit[0])?;
        self.transact(at, &audit, |rows| {
            rules::abandon_intake(rows, job)?;
            Ok(((), false))
        })
    }

    fn new_epoch(&self, at: i64, job: JobId, actor: &str) -> Result<u64, StoreError> {
        let audit = [entry(actor, "new_epoch", job, String::new())];
        rules::check_entry(&audit[0])?;
        self.transact(at, &audit, |rows| Ok((rules::new_epoch(rows, job)?, false)))
    }

    fn bundles(&self) -> Result<Vec<BundleRow>, StoreError> {
        let sql = "SELECT digest, name, sequence, loaded_at FROM bundles ORDER BY name, sequence";
        self.read(|rows| list(rows.0, sql, [], bundle_row))
    }

    fn jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        let sql = format!("SELECT {JOB_COLUMNS} FROM jobs ORDER BY id");
        self.read(|rows| list(rows.0, &sql, [], job_row))
    }

    fn job(&self, job: JobId) -> Result<JobRow, StoreError> {
        self.read(|rows| rows.job(job))
    }

    fn job_of_file(&self, file_sha256: &str) -> Result<Option<JobId>, StoreError> {
        self.read(|rows| rows.job_of_file(file_sha256))
    }

    fn identity_of(&self, material: &[u8]) -> Identity {
        self.key.identity(material)
    }

    fn identity_owner(&self, identity: &Identity) -> Result<Option<OrderKey>, StoreError> {
        self.read(|rows| rows.identity_owner(identity))
    }

    fn order(&self, key: OrderKey) -> Result<OrderRow, StoreError> {
        self.read(|rows| rows.order(key))
    }

    fn orders(&self, job: JobId, query: &OrderQuery) -> Result<Vec<OrderRow>, StoreError> {
        // Names come from closed enumerations, so that they may stand in the text.
        // Without the hint SQLite walks the primary key past every mailer that is printed already.
        let hint = match query.mailer {
            Some(_) => " INDEXED BY orders_by_mailer",
            None => "",
        };
        let mut sql =
            format!("SELECT {ORDER_COLUMNS} FROM orders{hint} WHERE job = ?1 AND number > ?2");
        if !query.states.is_empty() {
            let names: Vec<String> = query
                .states
                .iter()
                .map(|s| format!("'{}'", s.name()))
                .collect();
            sql.push_str(&format!(" AND state IN ({})", names.join(", ")));
        }
        if let Some(mailer) = query.mailer {
            sql.push_str(&format!(" AND mailer = '{}'", mailer.name()));
        }
        sql.push_str(" ORDER BY number LIMIT ?3");
        let limit = query.limit.min(PAGE) as i64;
        self.read(|rows| {
            let values = params![int(job)?, int(query.after)?, limit];
            list(rows.0, &sql, values, order_row)
        })
    }

    fn runnable(&self, job: JobId, limit: usize) -> Result<Vec<OrderRow>, StoreError> {
        let sql = format!(
            "SELECT {ORDER_COLUMNS} FROM orders WHERE job = ?1 AND state = 'PLANNED' \
             ORDER BY priority, number LIMIT ?2"
        );
        let limit = limit.min(PAGE) as i64;
        self.read(|rows| list(rows.0, &sql, params![int(job)?, limit], order_row))
    }

    fn sealed_record(&self, key: OrderKey) -> Result<Vec<u8>, StoreError> {
        let sql = "SELECT sealed FROM records WHERE job = ?1 AND number = ?2";
        self.read(|rows| {
            let values = params![int(key.job)?, int(key.order)?];
            one(rows.0, sql, values, |r| r.get(0))?
                .ok_or_else(|| error("R1414", format!("record of order {}", key.order)))
        })
    }

    fn sealed_picture(&self, key: OrderKey, digest: &[u8; 32]) -> Result<Vec<u8>, StoreError> {
        let sql = "SELECT sealed FROM pictures WHERE job = ?1 AND number = ?2 AND digest = ?3";
        self.read(|rows| {
            let values = params![int(key.job)?, int(key.order)?, digest.as_slice()];
            one(rows.0, sql, values, |r| r.get(0))?
                .ok_or_else(|| error("R1414", format!("a picture of order {}", key.order)))
        })
    }

    fn card_data(&self, key: OrderKey) -> Result<Option<CardData>, StoreError> {
        self.read(|rows| rows.card_data(key))
    }

    fn refused(
        &self,
        job: JobId,
        after_line: u64,
        limit: usize,
    ) -> Result<Vec<RefusedRow>, StoreError> {
        let sql = "SELECT line, reference, code, reason FROM refused WHERE job = ?1 AND line > ?2 \
                   ORDER BY line LIMIT ?3";
        let limit = limit.min(PAGE) as i64;
        self.read(|rows| {
            let values = params![int(job)?, int(after_line)?, limit];
            list(rows.0, sql, values, |r| {
                Ok(RefusedRow {
                    line: from_sql(r.get(0)?),
                    reference: r.get(1)?,
                    code: r.get(2)?,
                    reason: r.get(3)?,
                })
            })
        })
    }

    fn approvals(&self, key: OrderKey) -> Result<Vec<Approval>, StoreError> {
        self.read(|rows| rows.approvals(key))
    }

    fn journal(
        &self,
        job: JobId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, u64, String)>, StoreError> {
        let sql = "SELECT id, number, line FROM journal WHERE job = ?1 AND id > ?2 \
                   ORDER BY id LIMIT ?3";
        let limit = limit.min(PAGE) as i64;
        self.read(|rows| {
            let values = params![int(job)?, int(after)?, limit];
            list(rows.0, sql, values, |r| {
                Ok((from_sql(r.get(0)?), from_sql(r.get(1)?), r.get(2)?))
            })
        })
    }

    fn counts(&self, job: JobId) -> Result<Counts, StoreError> {
        let job = int(job)?;
        let by = |column: &str| {
            format!("SELECT {column}, COUNT(*) FROM orders WHERE job = ?1 GROUP BY {column}")
        };
        let pair = |r: &Row<'_>| Ok((r.get::<_, String>(0)?, from_sql(r.get(1)?)));
        self.read(|rows| {
            let mut counts = Counts::default();
            for (name, count) in list(rows.0, &by("state"), params![job], pair)? {
                if let Some(state) = OrderState::from_name(&name) {
                    counts.orders.insert(state, count);
                }
            }
            for (name, count) in list(rows.0, &by("mailer"), params![job], pair)? {
                if let Some(state) = MailerState::from_name(&name) {
                    counts.mailers.insert(state, count);
                }
            }
            let sql = "SELECT COUNT(*) FROM refused WHERE job = ?1";
            let refused = one(rows.0, sql, params![job], |r| r.get(0))?;
            counts.refused = refused.map_or(0, from_sql);
            Ok(counts)
        })
    }

    fn tallies(&self, job: JobId) -> Result<Vec<Tally>, StoreError> {
        let sql = "SELECT kind, name, count, failed, total_us, longest_us FROM tallies \
                   WHERE job = ?1 ORDER BY kind, name";
        self.read(|rows| list(rows.0, sql, params![int(job)?], tally_row))
    }

    fn file_number(&self, job: JobId, name: &OutputName) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT number FROM file_numbers \
                   WHERE owner = ?1 AND format = ?2 AND job = ?3 AND file = ?4";
        let job = int(job)?;
        self.read(|rows| {
            let of = params![name.owner, name.format, job, name.file];
            Ok(one(rows.0, sql, of, |r| r.get(0))?.map(from_sql))
        })
    }

    fn last_file(&self, owner: &str, format: &str) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT MAX(number) FROM file_numbers WHERE owner = ?1 AND format = ?2";
        let format = rows::incoming(format);
        self.read(|rows| {
            let found: Option<Option<i64>> =
                one(rows.0, sql, params![owner, format], |r| r.get(0))?;
            Ok(found.flatten().map(from_sql))
        })
    }

    fn seen(&self) -> Result<Box<dyn Seen + '_>, StoreError> {
        Ok(Box::new(seen::SeenOnDisk::new(&self.key)?))
    }

    fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        self.read(|rows| audit_page(rows.0, after, limit.min(PAGE)))
    }

    fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        let inner = self.lock()?;
        verify(&inner.connection, inner.anchor.path(), self.key.public())
    }
}

impl Registers for SqliteStore {
    fn register_row(
        &self,
        register: Register,
        id: &str,
    ) -> Result<Option<RegisterRow>, StoreError> {
        self.read(|rows| rows.register_row(register, id))
    }

    fn register_epoch(&self, register: Register) -> Result<u64, StoreError> {
        self.read(|rows| rows.register_epoch(register))
    }

    fn register_rows(&self, register: Register) -> Result<Vec<RegisterRow>, StoreError> {
        let sql =
            format!("SELECT {REGISTER_COLUMNS} FROM registers WHERE register = ?1 ORDER BY id");
        self.read(|rows| list(rows.0, &sql, [register.name()], register_row))
    }
}

fn open_database(folder: &Path) -> Result<Connection, StoreError> {
    std::fs::create_dir_all(folder).map_err(|e| error("R1401", format!("store folder: {e}")))?;
    let connection = Connection::open(folder.join("store.db")).map_err(failed)?;
    connection
        .execute_batch(
            "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;",
        )
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    let version: i64 = connection
        .query_row("PRAGMA user_version", [], |r| r.get(0))
        .map_err(failed)?;
    let Some(upgrade) = schema::upgrade(version) else {
        let what = format!("schema version {version}, expected {}", schema::VERSION);
        return Err(error("R1401", what));
    };
    if version != schema::VERSION {
        let to = schema::VERSION;
        let sql = format!("BEGIN IMMEDIATE; {upgrade} PRAGMA user_version = {to}; COMMIT;");
        connection.execute_batch(&sql).map_err(failed)?;
    }
    Ok(connection)
}

fn open_anchor(folder: &Path) -> Result<Anchor, StoreError> {
    std::fs::create_dir_all(folder).map_err(|e| error("R1409", format!("anchor folder: {e}")))?;
    Anchor::open(&folder.join(ANCHOR))
}

fn check_anchor(connection: &Connection, last: Option<SignedHead>) -> Result<(), StoreError> {
    let head = head(connection)?;
    let Some(anchor) = last else {
        let what = format!("{} entries and no anchor", head.sequence);
        return Err(error("R1407", what));
    };
    if anchor.sequence == 0 {
        return Ok(());
    }
    let sql = "SELECT hash FROM audit WHERE sequence = ?1";
    let hash: Option<Vec<u8>> = one(connection, sql, params![int(anchor.sequence)?], |r| {
        r.get(0)
    })?;
    match hash {
        Some(hash) if hex::encode(&hash) == anchor.hash => Ok(()),
        Some(_) => Err(error(
            "R1407",
            format!("entry {} is another", anchor.sequence),
        )),
        None => {
            let what = format!(
                "the anchor knows {} entries, the database {}",
                anchor.sequence, head.sequence
            );
            Err(error("R1407", what))
        }
    }
}

fn head(connection: &Connection) -> Result<Head, StoreError> {
    let sql = "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1";
    let head = one(connection, sql, [], |r| {
        Ok(Head {
            sequence: from_sql(r.get(0)?),
            hash: r.get(1)?,
        })
    })?;
    Ok(head.unwrap_or_default())
}

/// Adds entries; the signed head of the chain when there were any.
fn extend_chain(
    connection: &Connection,
    key: &SiteKey,
    at: i64,
    audit: &[AuditEntry],
    ended: bool,
) -> Result<Option<SignedHead>, StoreError> {
    if audit.is_empty() {
        return Ok(None);
    }
    let first = head(connection)?;
    let mut now = first;
    let mut insert = connection
        .prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
        .map_err(failed)?;
    for entry in audit {
        let record = now.next(at, entry);
        insert
            .execute(params![
                int(record.sequence)?,
                at,
                entry.actor,
                entry.act,
                int(entry.key.job)?,
                int(entry.key.order)?,
                entry.detail,
                record.hash.as_slice()
            ])
            .map_err(failed)?;
        now = Head {
            sequence: record.sequence,
            hash: record.hash,
        };
    }
    let signed = SignedHead::sign(key, now, at);
    if ended || first.sequence / CHECKPOINT_EVERY != now.sequence / CHECKPOINT_EVERY {
        connection
            .prepare_cached("INSERT INTO checkpoints VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut s| {
                let values = params![now.sequence as i64, signed.hash, at, signed.signature];
                s.execute(values)
            })
            .map_err(failed)?;
    }
    Ok(Some(signed))
}

fn audit_page(
    connection: &Connection,
    after: u64,
    limit: usize,
) -> Result<Vec<AuditRecord>, StoreError> {
    let sql = "SELECT sequence, at, actor, act, job, number, detail, hash FROM audit \
               WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
    list(connection, sql, params![int(after)?, limit as i64], |r| {
        Ok(AuditRecord {
            sequence: from_sql(r.get(0)?),
            at: r.get(1)?,
            entry: AuditEntry {
                actor: r.get(2)?,
                act: r.get(3)?,
                key: OrderKey {
                    job: from_sql(r.get(4)?),
                    order: from_sql(r.get(5)?),
                },
                detail: r.get(6)?,
            },
            hash: r.get(7)?,
        })
    })
}

fn verify(
    connection: &Connection,
    anchor: &Path,
    public: [u8; 32],
) -> Result<AuditVerdict, StoreError> {
    let mut verifier = Verifier::new(public);
    let sql = "SELECT sequence, hash, at, signature FROM checkpoints ORDER BY sequence";
    let checkpoints = list(connection, sql, [], |r| {
        Ok(SignedHead {
            sequence: from_sql(r.get(0)?),
            hash: r.get(1)?,
            at: r.get(2)?,
            signature: r.get(3)?,
        })
    })?;
    for checkpoint in &checkpoints {
        verifier.expect_checkpoint(checkpoint);
    }
    verifier.expect_anchor(anchor)?;
    let mut after = 0;
    loop {
        let page = audit_page(connection, after, 1_000)?;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        page.iter().for_each(|record| verifier.take(record));
    }
    Ok(verifier.finish())
}

fn entry(actor: &str, act: &str, job: JobId, detail: String) -> AuditEntry {
    AuditEntry {
        actor: actor.to_owned(),
        act: act.to_owned(),
        key: OrderKey { job, order: 0 },
        detail,
    }
}

pub(crate) fn failed(cause: rusqlite::Error) -> StoreError {
    // SQLite names tables and columns in its messages, never values.
    error("R1401", format!("database: {cause}"))
}

/// SQLite's integers are signed.
pub(crate) fn int(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| error("R1416", "a number over 2^63"))
}

pub(crate) fn from_sql(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A name that our own enumerations must know.
pub(crate) fn stored<T>(value: Option<T>) -> rusqlite::Result<T> {
    value.ok_or(rusqlite::Error::InvalidQuery)
}

pub(crate) fn one<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    statement.query_row(values, read).optional().map_err(failed)
}

pub(crate) fn list<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let rows = statement.query_map(values, read).map_err(failed)?;
    rows.collect::<rusqlite::Result<Vec<T>>>().map_err(failed)
}
