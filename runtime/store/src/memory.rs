//! The store in memory, for rehearsals and simulations: the same rules, nothing durable.

use crate::audit::{Head, Verifier};
use crate::codes::error;
use crate::rows::Rows;
use crate::rules;
use crate::site_key::keyed;
use cardwright_ports::StoreError;
use cardwright_ports::pool::{KeyPool, NewPooledKey, PoolLevel, PooledKey};
use cardwright_ports::register::{Register, RegisterRow, Registers};
use cardwright_ports::store::{
    Approval, AuditEntry, AuditRecord, AuditVerdict, Batch, BundleRow, CardData, Counts, Identity,
    JobId, JobRow, JobState, MailerState, NewJob, NewOrder, OrderKey, OrderQuery, OrderRow,
    OrderState, OrderStatus, OutputName, RefusedRow, Seen, Store, Tally, TallyKind, Why,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// A job ledger that dies with the process.
#[derive(Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    tables: Tables,
    audit: Vec<AuditRecord>,
}

/// A transaction works on a copy; large values are shared.
#[derive(Clone, Default)]
struct Tables {
    bundles: Vec<BundleRow>,
    jobs: BTreeMap<JobId, JobRow>,
    last_job: JobId,
    orders: BTreeMap<OrderKey, OrderRow>,
    records: BTreeMap<OrderKey, Arc<Vec<u8>>>,
    pictures: BTreeMap<(OrderKey, [u8; 32]), Arc<Vec<u8>>>,
    identities: BTreeMap<Identity, OrderKey>,
    refused: BTreeMap<JobId, Vec<RefusedRow>>,
    serials: BTreeMap<String, (OrderKey, u32)>,
    card_data: BTreeMap<OrderKey, Arc<CardData>>,
    approvals: Vec<Approval>,
    journal: Vec<(OrderKey, Arc<str>)>,
    tallies: BTreeMap<(JobId, TallyKind, String), Tally>,
    /// Files of an owner and format in their sequence.
    numbered: BTreeMap<(String, String), Vec<(JobId, String)>>,
    /// Numbers of files that were taken, by owner and format.
    taken: BTreeMap<(String, String), BTreeMap<u64, JobId>>,
    pool: Pool,
    registers: BTreeMap<(Register, String), RegisterRow>,
    register_epochs: BTreeMap<Register, u64>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of everything, as a crash of the machine would find it on disk.
    pub fn image(&self) -> Result<MemoryStore, StoreError> {
        let inner = self.lock()?;
        Ok(MemoryStore {
            inner: Mutex::new(Inner {
                tables: inner.tables.clone(),
                audit: inner.audit.clone(),
            }),
        })
    }

    /// Writes rows past every rule, to seed protocol bugs that an oracle must find.
    #[doc(hidden)]
    pub fn forge(
        &self,
        key: OrderKey,
        status: Option<OrderStatus>,
        mailer: Option<(MailerState, u32)>,
    ) -> Result<(), StoreError> {
        let mut inner = self.lock()?;
        if let Some(status) = status {
            inner.tables.put_status(key, &status)?;
        }
        match mailer {
            Some((state, copy)) => inner.tables.put_mailer(key, state, copy, None),
            None => Ok(()),
        }
    }

    /// Moves a job past every rule, to seed protocol bugs.
    #[doc(hidden)]
    pub fn forge_job(&self, job: JobId, state: JobState) -> Result<(), StoreError> {
        let mut inner = self.lock()?;
        let mut row = inner.tables.job(job)?;
        row.state = state;
        inner.tables.put_job(&row)
    }

    /// Notes a chip as used, past every rule.
    #[doc(hidden)]
    pub fn forge_serial(&self, serial: &str, key: OrderKey) -> Result<(), StoreError> {
        self.lock()?.tables.bind_serial(serial, key, 1)
    }

    fn lock(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        self.inner
            .lock()
            .map_err(|_| error("R1401", "the store stopped in the middle of a change"))
    }

    fn transact<T>(
        &self,
        at: i64,
        audit: &[AuditEntry],
        work: impl FnOnce(&mut Tables) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        for entry in audit {
            rules::check_entry(entry)?;
        }
        let mut inner = self.lock()?;
        let mut tables = inner.tables.clone();
        let value = work(&mut tables)?;
        inner.tables = tables;
        let mut head = inner.audit.last().map_or_else(Head::default, |r| Head {
            sequence: r.sequence,
            hash: r.hash,
        });
        for entry in audit {
            let record = head.next(at, entry);
            head = Head {
                sequence: record.sequence,
                hash: record.hash,
            };
            inner.audit.push(record);
        }
        Ok(value)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Tables) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        work(&self.lock()?.tables)
    }
}

impl Rows for Tables {
    fn newest_bundle(&self, name: &str) -> Result<Option<BundleRow>, StoreError> {
        let of_name = self.bundles.iter().filter(|b| b.name == name);
        Ok(of_name.max_by_key(|b| b.sequence).cloned())
    }

    fn has_bundle(&self, digest: &str) -> Result<bool, StoreError> {
        Ok(self.bundles.iter().any(|b| b.digest == digest))
    }

    fn put_bundle(&mut self, row: &BundleRow) -> Result<(), StoreError> {
        self.bundles.push(row.clone());
        Ok(())
    }

    fn job_of_file(&self, file_sha256: &str) -> Result<Option<JobId>, StoreError> {
        let job = self.jobs.values().find(|j| j.file_sha256 == file_sha256);
        Ok(job.map(|j| j.id))
    }

    fn add_job(&mut self, at: i64, job: &NewJob) -> Result<JobId, StoreError> {
        self.last_job += 1;
        let row = JobRow {
            id: self.last_job,
            name: job.name.clone(),
            bundle_digest: job.bundle_digest.clone(),
            file_sha256: job.file_sha256.clone(),
            file_name: job.file_name.clone(),
            state: JobState::Intake,
            epoch: 0,
            fence: 0,
            wrapped_key: Some(job.wrapped_key.clone()),
            opened_at: at,
        };
        self.jobs.insert(row.id, row);
        Ok(self.last_job)
    }

    fn job(&self, job: JobId) -> Result<JobRow, StoreError> {
        let row = self.jobs.get(&job).cloned();
        row.ok_or_else(|| error("R1414", format!("job {job}")))
    }

    fn put_job(&mut self, row: &JobRow) -> Result<(), StoreError> {
        self.jobs.insert(row.id, row.clone());
        Ok(())
    }

    fn remove_job(&mut self, job: JobId) -> Result<(), StoreError> {
        self.orders.retain(|key, _| key.job != job);
        self.records.retain(|key, _| key.job != job);
        self.pictures.retain(|(key, _), _| key.job != job);
        self.identities.retain(|_, key| key.job != job);
        self.journal.retain(|(key, _)| key.job != job);
        self.tallies.retain(|(of, ..), _| *of != job);
        self.refused.remove(&job);
        self.jobs.remove(&job);
        Ok(())
    }

    fn identity_owner(&self, identity: &Identity) -> Result<Option<OrderKey>, StoreError> {
        Ok(self.identities.get(identity).copied())
    }

    fn free_identity(&mut self, key: OrderKey) -> Result<(), StoreError> {
        self.identities.retain(|_, owner| *owner != key);
        Ok(())
    }

    fn add_order(&mut self, order: &NewOrder) -> Result<(), StoreError> {
        let row = OrderRow {
            key: order.key,
            line: order.line,
            priority: order.priority,
            product: order.product.clone(),
            status: OrderStatus::planned(),
            mailer: order.mailer,
            mailer_copy: 1,
            mailer_why: None,
        };
        if self.orders.insert(order.key, row).is_some() {
            let what = format!("order {} twice", order.key.order);
            return Err(error("R1401", what));
        }
        let sealed = Arc::new(order.sealed.clone());
        self.records.insert(order.key, sealed);
        for picture in &order.pictures {
            let sealed = Arc::new(picture.sealed.clone());
            self.pictures.insert((order.key, picture.digest), sealed);
        }
        self.identities.insert(order.identity, order.key);
        Ok(())
    }

    fn order(&self, key: OrderKey) -> Result<OrderRow, StoreError> {
        let row = self.orders.get(&key).cloned();
        row.ok_or_else(|| error("R1414", format!("order {} of job {}", key.order, key.job)))
    }

    fn put_status(&mut self, key: OrderKey, status: &OrderStatus) -> Result<(), StoreError> {
        if let Some(row) = self.orders.get_mut(&key) {
            row.status = status.clone();
        }
        Ok(())
    }

    fn put_mailer(
        &mut self,
        key: OrderKey,
        state: MailerState,
        copy: u32,
        why: Option<&Why>,
    ) -> Result<(), StoreError> {
        if let Some(row) = self.orders.get_mut(&key) {
            row.mailer = state;
            row.mailer_copy = copy;
            row.mailer_why = why.cloned();
        }
        Ok(())
    }

    fn add_refused(&mut self, job: JobId, row: &RefusedRow) -> Result<(), StoreError> {
        self.refused.entry(job).or_default().push(row.clone());
        Ok(())
    }

    fn serial_owner(&self, serial: &str) -> Result<Option<(OrderKey, u32)>, StoreError> {
        Ok(self.serials.get(serial).copied())
    }

    fn bind_serial(&mut self, serial: &str, key: OrderKey, attempt: u32) -> Result<(), StoreError> {
        self.serials.insert(serial.to_owned(), (key, attempt));
        Ok(())
    }

    fn card_data(&self, key: OrderKey) -> Result<Option<CardData>, StoreError> {
        Ok(self.card_data.get(&key).map(|d| d.as_ref().clone()))
    }

    fn add_card_data(&mut self, key: OrderKey, data: &CardData) -> Result<(), StoreError> {
        let kept = CardData {
            pooled: Vec::new(),
            ..data.clone()
        };
        self.card_data.insert(key, Arc::new(kept));
        Ok(())
    }

    fn approvals(&self, key: OrderKey) -> Result<Vec<Approval>, StoreError> {
        let of_order = self.approvals.iter().filter(|a| a.key == key);
        Ok(of_order.cloned().collect())
    }

    fn add_approval(&mut self, approval: &Approval) -> Result<(), StoreError> {
        self.approvals.push(approval.clone());
        Ok(())
    }

    fn add_journal(&mut self, key: OrderKey, line: &str) -> Result<(), StoreError> {
        self.journal.push((key, Arc::from(line)));
        Ok(())
    }

    fn add_tally(&mut self, job: JobId, tally: &Tally) -> Result<(), StoreError> {
        let fresh = || Tally::new(tally.kind, tally.name.clone());
        let sum = (job, tally.kind, tally.name.clone());
        self.tallies.entry(sum).or_insert_with(fresh).add(tally);
        Ok(())
    }

    fn take_file(
        &mut self,
        job: JobId,
        name: &OutputName,
        number: u64,
    ) -> Result<bool, StoreError> {
        let of = (name.owner.clone(), name.format.clone());
        let files = self.taken.entry(of).or_default();
        if files.contains_key(&number) {
            return Ok(false);
        }
        files.insert(number, job);
        Ok(true)
    }

    fn number_file(&mut self, job: JobId, name: &OutputName) -> Result<(), StoreError> {
        let of = (name.owner.clone(), name.format.clone());
        let files = self.numbered.entry(of).or_default();
        let file = (job, name.file.clone());
        if !files.contains(&file) {
            files.push(file);
        }
        Ok(())
    }

    fn register_row(
        &self,
        register: Register,
        id: &str,
    ) -> Result<Option<RegisterRow>, StoreError> {
        Ok(self.registers.get(&(register, id.to_owned())).cloned())
    }

    fn register_epoch(&self, register: Register) -> Result<u64, StoreError> {
        Ok(self.register_epochs.get(&register).copied().unwrap_or(0))
    }

    fn next_register_epoch(&mut self, register: Register) -> Result<(), StoreError> {
        *self.register_epochs.entry(register).or_default() += 1;
        Ok(())
    }

    fn put_register_row(&mut self, row: &RegisterRow) -> Result<(), StoreError> {
        let place = (row.register, row.id.clone());
        self.registers.insert(place, row.clone());
        Ok(())
    }

    fn remove_register_row(&mut self, register: Register, id: &str) -> Result<(), StoreError> {
        self.registers.remove(&(register, id.to_owned()));
        Ok(())
    }

    fn add_pool_key(&mut self, key: &NewPooledKey) -> Result<bool, StoreError> {
        let keys = &mut self.pool.keys;
        if keys.values().any(|(there, _)| there.digest == key.digest) {
            return Ok(false);
        }
        let id = keys.last_key_value().map_or(1, |(id, _)| id + 1);
        keys.insert(id, (key.clone(), None));
        Ok(true)
    }

    fn use_pool_key(&mut self, id: u64, key: OrderKey) -> Result<bool, StoreError> {
        match self.pool.keys.get_mut(&id) {
            Some((pooled, user @ None)) => {
                pooled.key.clear();
                *user = Some(key);
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// Keys made ahead; a used one keeps its digest.
#[derive(Clone, Default)]
struct Pool {
    keys: BTreeMap<u64, (NewPooledKey, Option<OrderKey>)>,
}

impl KeyPool for MemoryStore {
    fn pool_levels(&self) -> Result<Vec<PoolLevel>, StoreError> {
        self.read(|tables| {
            let mut levels: BTreeMap<(u32, u32), (u64, u64)> = BTreeMap::new();
            for (key, user) in tables.pool.keys.values() {
                let level = levels.entry((key.bits, key.exponent)).or_default();
                level.0 += u64::from(user.is_none());
                level.1 += u64::from(user.is_some());
            }
            let level = |((bits, exponent), (unused, used))| PoolLevel {
                bits,
                exponent,
                unused,
                used,
            };
            Ok(levels.into_iter().map(level).collect())
        })
    }

    fn pool_keys(
        &self,
        bits: u32,
        exponent: u32,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PooledKey>, StoreError> {
        self.read(|tables| {
            let later = tables.pool.keys.range(after.saturating_add(1)..);
            let fits = later.filter(|(_, (key, user))| {
                user.is_none() && (key.bits, key.exponent) == (bits, exponent)
            });
            let page = fits.take(limit).map(|(id, (key, _))| PooledKey {
                id: *id,
                key: key.key.clone(),
            });
            Ok(page.collect())
        })
    }
}

impl Registers for MemoryStore {
    fn register_row(
        &self,
        register: Register,
        id: &str,
    ) -> Result<Option<RegisterRow>, StoreError> {
        self.read(|tables| tables.register_row(register, id))
    }

    fn register_epoch(&self, register: Register) -> Result<u64, StoreError> {
        self.read(|tables| tables.register_epoch(register))
    }

    fn register_rows(&self, register: Register) -> Result<Vec<RegisterRow>, StoreError> {
        self.read(|tables| {
            let rows = tables.registers.iter();
            let of = rows.filter(|((list, _), _)| *list == register);
            Ok(of.map(|(_, row)| row.clone()).collect())
        })
    }
}

impl Store for MemoryStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.transact(batch.at, &batch.audit, |tables| {
            rules::apply(tables, batch).map(|_| ())
        })
    }

    fn open_job(&self, at: i64, job: &NewJob, actor: &str) -> Result<JobId, StoreError> {
        self.transact(at, &[entry(actor, "open_job", 0)], |tables| {
            rules::open_job(tables, at, job)
        })
    }

    fn abandon_intake(&self, at: i64, job: JobId, actor: &str) -> Result<(), StoreError> {
        self.transact(at, &[entry(actor, "abandon_intake", job)], |tables| {
            rules::abandon_intake(tables, job)
        })
    }

    fn new_epoch(&self, at: i64, job: JobId, actor: &str) -> Result<u64, StoreError> {
        self.transact(at, &[entry(actor, "new_epoch", job)], |tables| {
            rules::new_epoch(tables, job)
        })
    }

    fn bundles(&self) -> Result<Vec<BundleRow>, StoreError> {
        self.read(|tables| {
            let mut bundles = tables.bundles.clone();
            bundles.sort_by(|a, b| (&a.name, a.sequence).cmp(&(&b.name, b.sequence)));
            Ok(bundles)
        })
    }

    fn jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        self.read(|tables| Ok(tables.jobs.values().cloned().collect()))
    }

    fn job(&self, job: JobId) -> Result<JobRow, StoreError> {
        self.read(|tables| tables.job(job))
    }

    fn job_of_file(&self, file_sha256: &str) -> Result<Option<JobId>, StoreError> {
        self.read(|tables| tables.job_of_file(file_sha256))
    }

    fn identity_of(&self, material: &[u8]) -> Identity {
        keyed(b"a store in memory has no secret", material)
    }

    fn identity_owner(&self, identity: &Identity) -> Result<Option<OrderKey>, StoreError> {
        self.read(|tables| tables.identity_owner(identity))
    }

    fn order(&self, key: OrderKey) -> Result<OrderRow, StoreError> {
        self.read(|tables| tables.order(key))
    }

    fn orders(&self, job: JobId, query: &OrderQuery) -> Result<Vec<OrderRow>, StoreError> {
        self.read(|tables| {
            let rows = tables.orders.values().filter(|row| {
                row.key.job == job
                    && row.key.order > query.after
                    && (query.states.is_empty() || query.states.contains(&row.status.state))
                    && query.mailer.is_none_or(|m| m == row.mailer)
            });
            Ok(rows.take(query.limit).cloned().collect())
        })
    }

    fn runnable(&self, job: JobId, limit: usize) -> Result<Vec<OrderRow>, StoreError> {
        self.read(|tables| {
            let planned = tables
                .orders
                .values()
                .filter(|r| r.key.job == job && r.status.state == OrderState::Planned);
            let mut rows: Vec<OrderRow> = planned.cloned().collect();
            rows.sort_by_key(|r| (r.priority, r.key.order));
            rows.truncate(limit);
            Ok(rows)
        })
    }

    fn sealed_record(&self, key: OrderKey) -> Result<Vec<u8>, StoreError> {
        self.read(|tables| {
            let record = tables.records.get(&key).map(|r| r.as_ref().clone());
            record.ok_or_else(|| error("R1414", format!("record of order {}", key.order)))
        })
    }

    fn sealed_picture(&self, key: OrderKey, digest: &[u8; 32]) -> Result<Vec<u8>, StoreError> {
        self.read(|tables| {
            let picture = tables.pictures.get(&(key, *digest));
            let picture = picture.map(|p| p.as_ref().clone());
            picture.ok_or_else(|| error("R1414", format!("a picture of order {}", key.order)))
        })
    }

    fn card_data(&self, key: OrderKey) -> Result<Option<CardData>, StoreError> {
        self.read(|tables| Rows::card_data(tables, key))
    }

    fn refused(
        &self,
        job: JobId,
        after_line: u64,
        limit: usize,
    ) -> Result<Vec<RefusedRow>, StoreError> {
        self.read(|tables| {
            let rows = tables.refused.get(&job).into_iter().flatten();
            let rows = rows.filter(|r| r.line > after_line);
            let mut rows: Vec<RefusedRow> = rows.cloned().collect();
            rows.sort_by_key(|r| r.line);
            rows.truncate(limit);
            Ok(rows)
        })
    }

    fn approvals(&self, key: OrderKey) -> Result<Vec<Approval>, StoreError> {
        self.read(|tables| Rows::approvals(tables, key))
    }

    fn journal(
        &self,
        job: JobId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, u64, String)>, StoreError> {
        self.read(|tables| {
            let lines = (1u64..).zip(&tables.journal);
            let lines = lines.filter(|(at, (key, _))| *at > after && key.job == job);
            Ok(lines
                .take(limit)
                .map(|(at, (key, line))| (at, key.order, line.to_string()))
                .collect())
        })
    }

    fn counts(&self, job: JobId) -> Result<Counts, StoreError> {
        self.read(|tables| {
            let mut counts = Counts::default();
            for row in tables.orders.values().filter(|r| r.key.job == job) {
                *counts.orders.entry(row.status.state).or_insert(0) += 1;
                *counts.mailers.entry(row.mailer).or_insert(0) += 1;
            }
            counts.refused = tables.refused.get(&job).map_or(0, |r| r.len() as u64);
            Ok(counts)
        })
    }

    fn tallies(&self, job: JobId) -> Result<Vec<Tally>, StoreError> {
        self.read(|tables| {
            let of_job = tables.tallies.iter().filter(|((of, ..), _)| *of == job);
            Ok(of_job.map(|(_, tally)| tally.clone()).collect())
        })
    }

    fn file_number(&self, job: JobId, name: &OutputName) -> Result<Option<u64>, StoreError> {
        self.read(|tables| {
            let of = (name.owner.clone(), name.format.clone());
            let mut files = tables.numbered.get(&of).into_iter().flatten();
            let at = files.position(|(by, file)| *by == job && *file == name.file);
            Ok(at.map(|at| at as u64 + 1))
        })
    }

    fn last_file(&self, owner: &str, format: &str) -> Result<Option<u64>, StoreError> {
        self.read(|tables| {
            let of = (owner.to_owned(), format.to_owned());
            let files = tables.taken.get(&of);
            Ok(files.and_then(|files| files.keys().next_back().copied()))
        })
    }

    fn seen(&self) -> Result<Box<dyn Seen + '_>, StoreError> {
        Ok(Box::new(SeenInMemory::default()))
    }

    fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        let inner = self.lock()?;
        let records = inner.audit.iter().filter(|r| r.sequence > after);
        Ok(records.take(limit).cloned().collect())
    }

    fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        let inner = self.lock()?;
        let mut verifier = Verifier::new([0; 32]);
        inner.audit.iter().for_each(|record| verifier.take(record));
        Ok(verifier.finish())
    }
}

/// For rehearsals and tests; it grows.
#[derive(Default)]
struct SeenInMemory(BTreeSet<Identity>);

impl Seen for SeenInMemory {
    fn note(&mut self, material: &[u8]) -> Result<bool, StoreError> {
        Ok(self.0.insert(keyed(b"a set in memory", material)))
    }
}

fn entry(actor: &str, act: &str, job: JobId) -> AuditEntry {
    AuditEntry {
        actor: actor.to_owned(),
        act: act.to_owned(),
        key: OrderKey { job, order: 0 },
        detail: String::new(),
    }
}
