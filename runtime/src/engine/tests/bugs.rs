//! Protocol bugs that the oracle must find. They live in the tests' build only.

use crate::engine::effect::{Act, Effect, Event};
use cardwright_ports::StoreError;
use cardwright_ports::store::{
    Approval, AuditRecord, AuditVerdict, Batch, BundleRow, CardData, Change, Counts, Identity,
    JobId, JobRow, NewJob, OrderKey, OrderQuery, OrderRow, OrderState, OutputName, RefusedRow,
    Seen, Store, Tally,
};
use cardwright_store::MemoryStore;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// One bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    AcknowledgeBeforeSync,
    NoGate,
    AutomaticResume,
    StaleEpochAccepted,
    IntentReused,
    SecondMailerPrint,
    AuditSkipped,
    ActBeforeRecord,
    SettledWithoutFinding,
    OnePersonSettles,
    MailerBeforeCard,
    ClaimForgotten,
    DoneBeforeEject,
    NoClearLine,
}

impl Bug {
    pub(crate) const ALL: [Bug; 14] = [
        Bug::AcknowledgeBeforeSync,
        Bug::NoGate,
        Bug::AutomaticResume,
        Bug::StaleEpochAccepted,
        Bug::IntentReused,
        Bug::SecondMailerPrint,
        Bug::AuditSkipped,
        Bug::ActBeforeRecord,
        Bug::SettledWithoutFinding,
        Bug::OnePersonSettles,
        Bug::MailerBeforeCard,
        Bug::ClaimForgotten,
        Bug::DoneBeforeEject,
        Bug::NoClearLine,
    ];
}

/// Bugs of the executor itself.
#[derive(Default)]
pub(crate) struct Bugs {
    pub(crate) bug: Option<Bug>,
    late: Mutex<BTreeMap<OrderKey, Vec<Effect>>>,
}

impl Bugs {
    pub(crate) fn with(bug: Option<Bug>) -> Self {
        Self {
            bug,
            ..Self::default()
        }
    }

    pub(crate) fn mutate(
        &self,
        key: OrderKey,
        pending: &mut Vec<Effect>,
        event: &mut Option<Event>,
    ) {
        match self.bug {
            Some(Bug::NoGate) => {
                if pending.contains(&Effect::Perform(Act::CheckGate)) {
                    pending.retain(|e| matches!(e, Effect::Record(..)));
                    *event = Some(Event::GateOpen);
                } else if pending.contains(&Effect::Perform(Act::Eject)) {
                    pending.retain(|e| matches!(e, Effect::Perform(_)));
                }
            }
            Some(Bug::ActBeforeRecord) => {
                let mut late = self.late.lock().unwrap();
                let (records, acts) = std::mem::take(pending)
                    .into_iter()
                    .partition(|e| matches!(e, Effect::Record(..)));
                let before = late.insert(key, records).unwrap_or_default();
                pending.extend(before);
                let acts: Vec<Effect> = acts;
                pending.extend(acts);
            }
            Some(Bug::DoneBeforeEject) => {
                if let [Effect::Record(changes, _), Effect::Perform(Act::Eject)] = &mut pending[..]
                    && let Some(Change::Order { key, to, .. }) = changes.first().cloned()
                {
                    let mut done = to.clone();
                    done.state = OrderState::Done;
                    changes.push(Change::Order {
                        key,
                        from: to.state,
                        epoch: to.epoch,
                        to: done,
                    });
                }
            }
            _ => {}
        }
    }

    pub(crate) fn mailer_states(&self) -> Vec<OrderState> {
        match self.bug {
            Some(Bug::MailerBeforeCard) => Vec::new(),
            _ => vec![OrderState::Done],
        }
    }
}

/// A store in memory that can lose what it acknowledged, take stale changes, or forget its audit.
pub(crate) struct BuggyStore {
    pub(crate) inner: MemoryStore,
    pub(crate) bug: Option<Bug>,
    pub(crate) fault: Mutex<StoreFault>,
    /// Images of what is on disk, oldest first.
    disk: Mutex<Vec<MemoryStore>>,
}

/// A fault of the store's port, met once: what comes back after a crash has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StoreFault {
    #[default]
    None,
    /// So many commits succeed, the next one says that it failed; `kept` when it did not.
    Commit { after: u64, kept: bool },
    /// Reading this order gives what it was before somebody claimed it.
    Stale(OrderKey),
}

const UNSYNCED: usize = 3;

impl BuggyStore {
    pub(crate) fn new(inner: MemoryStore, bug: Option<Bug>) -> Self {
        Self {
            inner,
            bug,
            fault: Mutex::default(),
            disk: Mutex::new(Vec::new()),
        }
    }

    /// What a crash leaves.
    pub(crate) fn crash(&self) -> Arc<BuggyStore> {
        let mut disk = self.disk.lock().unwrap();
        let image = match self.bug {
            Some(Bug::AcknowledgeBeforeSync) if !disk.is_empty() => disk.remove(0),
            _ => self.inner.image().unwrap(),
        };
        Arc::new(BuggyStore::new(image, self.bug))
    }

    fn before_commit(&self) {
        if self.bug == Some(Bug::AcknowledgeBeforeSync) {
            let mut disk = self.disk.lock().unwrap();
            disk.push(self.inner.image().unwrap());
            if disk.len() > UNSYNCED {
                disk.remove(0);
            }
        }
    }

    fn tolerates(&self, code: &str) -> bool {
        match self.bug {
            Some(Bug::StaleEpochAccepted) => matches!(code, "R1404" | "R1405" | "R1406"),
            Some(Bug::OnePersonSettles) => matches!(code, "R1412" | "R1413"),
            Some(Bug::MailerBeforeCard) => code == "R1404",
            Some(Bug::ActBeforeRecord | Bug::NoGate) => matches!(code, "R1404" | "R1405"),
            _ => false,
        }
    }

    /// Writes the batch past the rules.
    fn force(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut rest = batch.clone();
        rest.require = None;
        rest.changes.clear();
        for change in &batch.changes {
            match change {
                Change::Order { key, to, .. } => self.inner.forge(*key, Some(to.clone()), None)?,
                Change::Mailer {
                    key, to, new_copy, ..
                } => self.inner.forge(*key, None, Some((*to, *new_copy)))?,
                Change::Job { job, to, .. } => self.inner.forge_job(*job, *to)?,
                Change::Approve(_) => {}
                other => rest.changes.push(other.clone()),
            }
        }
        self.inner.commit(&rest)
    }
}

impl BuggyStore {
    /// The planned fault of a commit, when its turn has come: whether the batch is kept.
    fn failing(&self) -> Option<bool> {
        let mut fault = self.fault.lock().unwrap();
        match *fault {
            StoreFault::Commit { after: 0, kept } => {
                *fault = StoreFault::None;
                Some(kept)
            }
            StoreFault::Commit { after, kept } => {
                let after = after - 1;
                *fault = StoreFault::Commit { after, kept };
                None
            }
            _ => None,
        }
    }
}

impl Store for BuggyStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        if let Some(kept) = self.failing() {
            if kept {
                self.inner.commit(batch)?;
            }
            return Err(StoreError {
                code: "R1401",
                what: "an input or output error".to_owned(),
                mend: "look at the disk",
                conflict: None,
            });
        }
        self.before_commit();
        let mut batch = batch.clone();
        if self.bug == Some(Bug::AuditSkipped) {
            batch.audit.iter_mut().for_each(|e| {
                if e.act == "emboss" {
                    e.act = "note".to_owned();
                }
            });
        }
        match self.inner.commit(&batch) {
            Err(error) if self.tolerates(error.code) => self.force(&batch),
            other => other,
        }
    }
    fn open_job(&self, at: i64, job: &NewJob, actor: &str) -> Result<JobId, StoreError> {
        self.inner.open_job(at, job, actor)
    }
    fn abandon_intake(&self, at: i64, job: JobId, actor: &str) -> Result<(), StoreError> {
        self.inner.abandon_intake(at, job, actor)
    }
    fn new_epoch(&self, at: i64, job: JobId, actor: &str) -> Result<u64, StoreError> {
        self.inner.new_epoch(at, job, actor)
    }
    fn bundles(&self) -> Result<Vec<BundleRow>, StoreError> {
        self.inner.bundles()
    }
    fn tallies(&self, job: JobId) -> Result<Vec<Tally>, StoreError> {
        self.inner.tallies(job)
    }
    fn file_number(&self, job: JobId, name: &OutputName) -> Result<Option<u64>, StoreError> {
        self.inner.file_number(job, name)
    }
    fn last_file(&self, owner: &str, format: &str) -> Result<Option<u64>, StoreError> {
        self.inner.last_file(owner, format)
    }
    fn seen(&self) -> Result<Box<dyn Seen + '_>, StoreError> {
        self.inner.seen()
    }
    fn jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        self.inner.jobs()
    }
    fn job(&self, job: JobId) -> Result<JobRow, StoreError> {
        self.inner.job(job)
    }
    fn job_of_file(&self, file_sha256: &str) -> Result<Option<JobId>, StoreError> {
        self.inner.job_of_file(file_sha256)
    }
    fn identity_of(&self, material: &[u8]) -> Identity {
        self.inner.identity_of(material)
    }
    fn identity_owner(&self, identity: &Identity) -> Result<Option<OrderKey>, StoreError> {
        self.inner.identity_owner(identity)
    }
    fn order(&self, key: OrderKey) -> Result<OrderRow, StoreError> {
        let mut row = self.inner.order(key)?;
        if *self.fault.lock().unwrap() == StoreFault::Stale(key) {
            row.status.epoch = 0;
        }
        Ok(row)
    }
    fn orders(&self, job: JobId, query: &OrderQuery) -> Result<Vec<OrderRow>, StoreError> {
        self.inner.orders(job, query)
    }
    fn runnable(&self, job: JobId, limit: usize) -> Result<Vec<OrderRow>, StoreError> {
        self.inner.runnable(job, limit)
    }
    fn sealed_record(&self, key: OrderKey) -> Result<Vec<u8>, StoreError> {
        self.inner.sealed_record(key)
    }
    fn sealed_picture(&self, key: OrderKey, digest: &[u8; 32]) -> Result<Vec<u8>, StoreError> {
        self.inner.sealed_picture(key, digest)
    }
    fn card_data(&self, key: OrderKey) -> Result<Option<CardData>, StoreError> {
        self.inner.card_data(key)
    }
    fn refused(&self, job: JobId, after: u64, limit: usize) -> Result<Vec<RefusedRow>, StoreError> {
        self.inner.refused(job, after, limit)
    }
    fn approvals(&self, key: OrderKey) -> Result<Vec<Approval>, StoreError> {
        self.inner.approvals(key)
    }
    fn journal(
        &self,
        job: JobId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, u64, String)>, StoreError> {
        self.inner.journal(job, after, limit)
    }
    fn counts(&self, job: JobId) -> Result<Counts, StoreError> {
        self.inner.counts(job)
    }
    fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        self.inner.audit(after, limit)
    }
    fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        self.inner.verify_audit()
    }
}
