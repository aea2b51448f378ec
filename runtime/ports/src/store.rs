//! The job ledger and the audit log.
//!
//! All that changes goes through [`Store::commit`]: a [`Batch`] of changes and audit entries that
//! becomes durable as a whole or not at all. State changes are compare-and-set on state and epoch;
//! one stale change refuses the whole batch. The store holds sealed records only: it never sees a
//! PAN, a PIN or a job key.

use crate::SecretBytes;
use std::collections::BTreeMap;

/// Why the store refused; never holds data of an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {what}; {mend}")]
pub struct StoreError {
    /// Stable code, band R14 (R15 for what intake should tell the bank).
    pub code: &'static str,
    /// What was found and what was expected.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
    /// The order whose compare-and-set failed; nothing of the batch was kept.
    pub conflict: Option<OrderKey>,
}

/// A job's number in the store.
pub type JobId = u64;

/// An order: job and number in the job, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// Job.
    pub job: JobId,
    /// Order number.
    pub order: u64,
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }
        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            /// The name that stores, journals and reports show.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }
            /// By its name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.name() == name)
            }
        }
    };
}

named! {
    /// Where an order stands.
    OrderState {
        /// Waits for its turn.
        Planned = "PLANNED",
        /// An executor has taken it; no card yet.
        Claimed = "CLAIMED",
        /// Bound to one blank and chip serial; from here on it is never taken over.
        Intent = "INTENT",
        /// A station may be writing to the card; `step` says which.
        Writing = "WRITING",
        /// Read back and validated; still inside the machine.
        Verified = "VERIFIED",
        /// The gate is open: the card may have left.
        ReleaseGranted = "RELEASE_GRANTED",
        /// One good card left the machine.
        Done = "DONE",
        /// Nobody knows; two people must find the card.
        Unknown = "UNKNOWN",
        /// No card for this order; code and reason say why.
        Rejected = "REJECTED",
        /// A card is spoilt and about to be dropped into a bin.
        Exception = "EXCEPTION",
        /// Two people approved another card.
        RemakeApproved = "REMAKE_APPROVED",
    }
}

impl OrderState {
    /// Whether the protocol knows this step (ARCHITECTURE 4.6).
    pub fn may_become(self, to: OrderState) -> bool {
        use OrderState as S;
        matches!(
            (self, to),
            (S::Planned, S::Claimed | S::Rejected)
                | (S::Claimed, S::Planned | S::Intent | S::Rejected)
                | (S::Intent, S::Writing | S::Exception | S::Unknown)
                | (
                    S::Writing,
                    S::Writing | S::Verified | S::Exception | S::Unknown
                )
                | (
                    S::Verified,
                    S::Verified | S::ReleaseGranted | S::Exception | S::Unknown
                )
                | (S::ReleaseGranted, S::Done | S::Exception | S::Unknown)
                | (S::Exception, S::Planned | S::Rejected | S::Unknown)
                | (S::Unknown, S::Done | S::RemakeApproved)
                | (S::RemakeApproved, S::Planned)
        )
    }

    /// Whether a card may exist that no final record speaks of.
    pub fn in_flight(self) -> bool {
        use OrderState as S;
        matches!(
            self,
            S::Intent | S::Writing | S::Verified | S::ReleaseGranted | S::Exception
        )
    }
}

named! {
    /// Where an order's PIN mailer stands.
    MailerState {
        /// None will be made: the job has none, the order was rejected, or two people gave it up.
        Absent = "NONE",
        /// Not printed yet.
        Pending = "PENDING",
        /// May be under the print head.
        Printing = "PRINTING",
        /// Printed once.
        Printed = "PRINTED",
        /// It can't be drawn, code and reason say why; surely no paper was touched.
        Undrawn = "UNDRAWN",
        /// Any doubt; the numbered form must be found.
        Unknown = "UNKNOWN",
    }
}

impl MailerState {
    /// Whether the protocol knows this step.
    pub fn may_become(self, to: MailerState) -> bool {
        use MailerState as M;
        matches!(
            (self, to),
            (M::Pending, M::Printing | M::Absent)
                | (M::Printing, M::Printed | M::Undrawn | M::Unknown)
                | (M::Undrawn, M::Pending | M::Absent)
                | (M::Unknown, M::Printed | M::Pending)
        )
    }
}

named! {
    /// Where a job stands.
    JobState {
        /// Its order file is being read; disappears if the reading does not end.
        Intake = "INTAKE",
        /// Taken in whole.
        Loaded = "LOADED",
        /// Stopped unexpectedly; nothing physical before an authorization.
        WaitingAuthorization = "WAITING_AUTHORIZATION",
        /// An executor works on it.
        Running = "RUNNING",
        /// Stopped on purpose, between cards.
        Paused = "PAUSED",
        /// Every order is done or rejected; the job key is destroyed.
        Done = "DONE",
        /// Given up; the job key is destroyed.
        Cancelled = "CANCELLED",
    }
}

impl JobState {
    /// Whether the protocol knows this step.
    pub fn may_become(self, to: JobState) -> bool {
        use JobState as J;
        matches!(
            (self, to),
            (J::Intake, J::Loaded)
                | (J::Loaded, J::Running | J::Cancelled)
                | (
                    J::Running,
                    J::Paused | J::Done | J::Cancelled | J::WaitingAuthorization
                )
                | (
                    J::WaitingAuthorization,
                    J::Running | J::Cancelled | J::WaitingAuthorization
                )
                | (
                    J::Paused,
                    J::Running | J::Done | J::Cancelled | J::WaitingAuthorization
                )
        )
    }
}

/// A bundle that a site has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRow {
    /// SHA-256 of its content, hexadecimal.
    pub digest: String,
    /// Project name.
    pub name: String,
    /// Monotonic version; a site never goes back.
    pub sequence: u64,
    /// When, seconds since 1970.
    pub loaded_at: i64,
}

/// A job to be opened, in state `INTAKE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Name of the bundle's job.
    pub name: String,
    /// Digest of a bundle that the store knows.
    pub bundle_digest: String,
    /// SHA-256 of the order file, hexadecimal; the same file is never taken twice (R1515).
    pub file_sha256: String,
    /// Name of the order file, for people.
    pub file_name: String,
    /// The job key, wrapped by the HSM.
    pub wrapped_key: Vec<u8>,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Number.
    pub id: JobId,
    /// Name of the bundle's job.
    pub name: String,
    /// Bundle.
    pub bundle_digest: String,
    /// Order file.
    pub file_sha256: String,
    /// Order file's name.
    pub file_name: String,
    /// State.
    pub state: JobState,
    /// Highest epoch that was given out.
    pub epoch: u64,
    /// Lowest epoch that may still change anything.
    pub fence: u64,
    /// Wrapped job key; none after it was destroyed.
    pub wrapped_key: Option<Vec<u8>>,
    /// When it was opened, seconds since 1970.
    pub opened_at: i64,
}

/// An order at intake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Which.
    pub key: OrderKey,
    /// Line in the order file, from 1.
    pub line: u64,
    /// 0 express, 1 normal.
    pub priority: u8,
    /// Product code.
    pub product: String,
    /// `PENDING` when a mailer is due, else `NONE`.
    pub mailer: MailerState,
    /// Keyed hash of PAN, PSN and expiry, from [`Store::identity_of`].
    pub identity: Identity,
    /// The record, sealed under the job key.
    pub sealed: Vec<u8>,
    /// Its pictures.
    pub pictures: Vec<SealedPicture>,
}

/// A picture that came with an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPicture {
    /// SHA-256 of the clear picture, which the record names it by.
    pub digest: [u8; 32],
    /// Sealed under the job key.
    pub sealed: Vec<u8>,
}

/// A keyed hash that tells whether two orders ask for the same card.
pub type Identity = [u8; 32];

/// An order's changeable part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderStatus {
    /// State.
    pub state: OrderState,
    /// Epoch of the executor that owns it.
    pub epoch: u64,
    /// From 1; a remake is the next.
    pub attempt: u32,
    /// Index of the station in the flow.
    pub step: u32,
    /// Blank, from `INTENT` on.
    pub blank: Option<u64>,
    /// Chip serial, from `INTENT` on.
    pub serial: Option<String>,
    /// Code of the reason for `REJECTED`, `EXCEPTION`, `UNKNOWN`.
    pub code: Option<String>,
    /// Reason, public.
    pub reason: Option<String>,
}

impl OrderStatus {
    /// What a fresh order has.
    pub fn planned() -> Self {
        Self {
            state: OrderState::Planned,
            epoch: 0,
            attempt: 1,
            step: 0,
            blank: None,
            serial: None,
            code: None,
            reason: None,
        }
    }
}

/// An order, without its sealed record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// Which.
    pub key: OrderKey,
    /// Line in the order file.
    pub line: u64,
    /// 0 express, 1 normal.
    pub priority: u8,
    /// Product code.
    pub product: String,
    /// Changeable part.
    pub status: OrderStatus,
    /// Mailer.
    pub mailer: MailerState,
    /// Copy of the mailer, from 1; another copy needs two people.
    pub mailer_copy: u32,
    /// Why the mailer is `UNDRAWN` or `UNKNOWN`.
    pub mailer_why: Option<Why>,
}

/// A code and its reason, public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// Stable code.
    pub code: String,
    /// Words.
    pub reason: String,
}

/// A record that intake refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Line in the order file.
    pub line: u64,
    /// The bank's reference if it could be read; never a PAN.
    pub reference: String,
    /// Code, band R15.
    pub code: String,
    /// Field and reason, public.
    pub reason: String,
}

/// Data drawn once for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardData {
    /// Sealed under the job key.
    pub sealed: Vec<u8>,
    /// Keyed hash of the clear data: tells the same draw from another one.
    pub fingerprint: [u8; 32],
    /// Keys of the pool that are in it; binding the data uses them up. Empty when it is read.
    pub pooled: Vec<u64>,
}

/// What an approval is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An `UNKNOWN` order.
    Order,
    /// An `UNKNOWN` mailer.
    Mailer,
    /// Going on after a restart; order number 0, one person.
    Restart,
}

impl Subject {
    /// Name in the store.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Order => "order",
            Subject::Mailer => "mailer",
            Subject::Restart => "restart",
        }
    }

    /// By its name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Subject::Order, Subject::Mailer, Subject::Restart]
            .into_iter()
            .find(|s| s.name() == name)
    }
}

/// Decisions that approvals name.
pub mod decision {
    /// The card was found outside, good.
    pub const GOOD_CARD: &str = "good_card";
    /// The card was found and destroyed.
    pub const DESTROYED_CARD: &str = "destroyed_card";
    /// There is no card: the blank was never written.
    pub const NO_CARD: &str = "no_card";
    /// The numbered form was found, printed whole and undamaged.
    pub const FORM_PRINTED: &str = "form_printed";
    /// The numbered form was found and destroyed; another may be printed.
    pub const FORM_DESTROYED: &str = "form_destroyed";
    /// A mailer that can't be drawn is given up: the bank has been told.
    pub const FORM_GIVEN_UP: &str = "form_given_up";
    /// The line was looked at and may go on.
    pub const GO_ON: &str = "go_on";
}

/// One person's signature under a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Order; number 0 for the whole job.
    pub key: OrderKey,
    /// About what.
    pub subject: Subject,
    /// Attempt (orders) or copy (mailers) it speaks of, so that it can't be replayed; the epoch for
    /// a restart.
    pub round: u64,
    /// Decision, such as `good_card`.
    pub decision: String,
    /// Who.
    pub who: String,
    /// When, seconds since 1970.
    pub at: i64,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Accepts a bundle; a lower sequence of the same name is R1403.
    Bundle(BundleRow),
    /// Adds an order to a job in `INTAKE`.
    Add(NewOrder),
    /// Notes a refused record of a job in `INTAKE`.
    Refuse(JobId, RefusedRow),
    /// Moves a job. Ending it (`DONE`, `CANCELLED`) destroys its wrapped key.
    Job {
        /// Which.
        job: JobId,
        /// State it must be in.
        from: JobState,
        /// State it gets.
        to: JobState,
        /// Raises the fence: lower epochs can change nothing any more.
        fence: Option<u64>,
    },
    /// Moves an order.
    Order {
        /// Which.
        key: OrderKey,
        /// State it must be in.
        from: OrderState,
        /// Epoch it must have.
        epoch: u64,
        /// All of its new changeable part.
        to: OrderStatus,
    },
    /// Binds card data, once. The same fingerprint again changes nothing; another is R1410.
    CardData(OrderKey, CardData),
    /// Moves a mailer.
    Mailer {
        /// Which.
        key: OrderKey,
        /// State it must be in.
        from: MailerState,
        /// Copy it must have.
        copy: u32,
        /// State it gets.
        to: MailerState,
        /// Copy it gets; higher only for `UNKNOWN` to `PENDING`.
        new_copy: u32,
        /// Why, for `UNDRAWN` and `UNKNOWN`.
        why: Option<Why>,
    },
    /// Adds an approval; the same person twice for one round and decision is R1412.
    Approve(Approval),
    /// Adds a line to the job's journal: public JSON about an order.
    Journal(OrderKey, String),
    /// Adds to a sum of the job.
    Tally(JobId, Tally),
    /// Numbers a file that the job writes: the next of its owner and format. A file that has its
    /// number keeps it, so that a job that is ended again after a crash loses and doubles none.
    NumberFile(JobId, OutputName),
    /// Notes the number that a customer gave a file that the job took; the same number of an owner
    /// and format a second time is R1534.
    TakeFile(JobId, OutputName, u64),
    /// Adds a key to the pool; one that was ever in it is R1419.
    PoolKey(crate::pool::NewPooledKey),
    /// Changes a row of a register; another version than expected is R1405.
    Register(crate::register::RegisterChange),
}

/// An output file, as the ledger numbers them from job to job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutputName {
    /// Name of the bundle whose format it is.
    pub owner: String,
    /// Format.
    pub format: String,
    /// Name of the file.
    pub file: String,
}

named! {
    /// What a sum of a job counts.
    TallyKind {
        /// Cards that were validated: those that passed every check, and those that did not.
        Cards = "cards",
        /// A check by its name: passed, failed.
        Check = "check",
        /// An act's time on this computer.
        Computer = "computer",
        /// An act's time as the machine claims it.
        Machine = "machine",
        /// Cards begun with data of a key version that another has replaced, by its label.
        Replaced = "replaced",
        /// Wall-clock time of the processes that ran the job.
        Run = "run",
    }
}

/// A sum over a job, whatever number of processes added to it. It is kept in the commit that
/// records what it counts, so that a crash loses or doubles nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// What it counts.
    pub kind: TallyKind,
    /// Check or act.
    pub name: String,
    /// How many; for checks and cards those that passed.
    pub count: u64,
    /// How many failed.
    pub failed: u64,
    /// Sum of times.
    pub total_us: u64,
    /// Longest time.
    pub longest_us: u64,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(kind: TallyKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            count: 0,
            failed: 0,
            total_us: 0,
            longest_us: 0,
        }
    }

    /// One check or card that passed or did not.
    pub fn verdict(kind: TallyKind, name: impl Into<String>, passed: bool) -> Self {
        Self {
            count: u64::from(passed),
            failed: u64::from(!passed),
            ..Self::new(kind, name)
        }
    }

    /// One act that took so long.
    pub fn time(kind: TallyKind, name: impl Into<String>, spent_us: u64) -> Self {
        Self {
            count: 1,
            total_us: spent_us,
            longest_us: spent_us,
            ..Self::new(kind, name)
        }
    }

    /// Adds another sum of the same thing.
    pub fn add(&mut self, other: &Tally) {
        self.count = self.count.saturating_add(other.count);
        self.failed = self.failed.saturating_add(other.failed);
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.longest_us = self.longest_us.max(other.longest_us);
    }
}

/// A set of hashes that its user fills and throws away. It costs the same memory however many
/// there are.
pub trait Seen {
    /// Notes the material's keyed hash; whether it is new.
    fn note(&mut self, material: &[u8]) -> Result<bool, StoreError>;
}

/// What happened, for auditors; public words only. The store refuses a text that holds what looks
/// like a PAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who: a person, or `engine`.
    pub actor: String,
    /// Verb, such as `intent`, `eject`, `authorize`.
    pub act: String,
    /// Job and order, 0 when none.
    pub key: OrderKey,
    /// Details.
    pub detail: String,
}

/// An entry in its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// From 1, without gaps.
    pub sequence: u64,
    /// When, seconds since 1970.
    pub at: i64,
    /// What.
    pub entry: AuditEntry,
    /// SHA-256 over the previous hash and this entry.
    pub hash: [u8; 32],
}

/// What a check of the audit log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerdict {
    /// Entries seen.
    pub entries: u64,
    /// Signed checkpoints seen.
    pub checkpoints: u64,
    /// Anchored heads seen.
    pub anchors: u64,
    /// Hash of the last entry.
    pub head: [u8; 32],
    /// What is wrong, in words; empty when all holds.
    pub findings: Vec<String>,
}

/// An executor's claim to be alive: its epoch must not be under the job's fence and the job must
/// be running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Require {
    /// Job.
    pub job: JobId,
    /// Epoch.
    pub epoch: u64,
}

/// Changes and audit entries of one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Time of all entries, seconds since 1970.
    pub at: i64,
    /// Condition on the whole batch.
    pub require: Option<Require>,
    /// Changes in order.
    pub changes: Vec<Change>,
    /// Audit entries in order; a batch with changes and without entries is R1402.
    pub audit: Vec<AuditEntry>,
}

/// Which orders to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderQuery {
    /// In one of these states; empty means any.
    pub states: Vec<OrderState>,
    /// With a mailer in this state.
    pub mailer: Option<MailerState>,
    /// Numbers after this one.
    pub after: u64,
    /// At most so many; stores cap it at 10,000.
    pub limit: usize,
}

/// How many orders stand where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Orders by state.
    pub orders: BTreeMap<OrderState, u64>,
    /// Mailers by state.
    pub mailers: BTreeMap<MailerState, u64>,
    /// Records refused at intake.
    pub refused: u64,
}

impl Counts {
    /// Orders in a state.
    pub fn in_state(&self, state: OrderState) -> u64 {
        self.orders.get(&state).copied().unwrap_or(0)
    }
    /// Mailers in a state.
    pub fn mailers_in(&self, state: MailerState) -> u64 {
        self.mailers.get(&state).copied().unwrap_or(0)
    }
    /// All orders.
    pub fn total(&self) -> u64 {
        self.orders.values().sum()
    }
}

/// A job ledger with its audit log.
pub trait Store: Send + Sync {
    /// Makes a batch durable, as a whole or not at all. When it gives an error, no physical act
    /// that the batch announces may follow.
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;
    /// Opens a job in state `INTAKE`.
    fn open_job(&self, at: i64, job: &NewJob, actor: &str) -> Result<JobId, StoreError>;
    /// Removes a job that is still in `INTAKE`, so that its file can be read again.
    fn abandon_intake(&self, at: i64, job: JobId, actor: &str) -> Result<(), StoreError>;
    /// Gives out an epoch that nobody has had.
    fn new_epoch(&self, at: i64, job: JobId, actor: &str) -> Result<u64, StoreError>;

    /// Accepted bundles, by name and sequence.
    fn bundles(&self) -> Result<Vec<BundleRow>, StoreError>;
    /// Jobs, oldest first.
    fn jobs(&self) -> Result<Vec<JobRow>, StoreError>;
    /// One job.
    fn job(&self, job: JobId) -> Result<JobRow, StoreError>;
    /// The job that took this file.
    fn job_of_file(&self, file_sha256: &str) -> Result<Option<JobId>, StoreError>;
    /// Keyed hash of what makes a card unique (PAN, PSN, expiry).
    fn identity_of(&self, material: &[u8]) -> Identity;
    /// The order that asks for this card already; rejected orders do not count.
    fn identity_owner(&self, identity: &Identity) -> Result<Option<OrderKey>, StoreError>;
    /// One order.
    fn order(&self, key: OrderKey) -> Result<OrderRow, StoreError>;
    /// A page of orders, by number.
    fn orders(&self, job: JobId, query: &OrderQuery) -> Result<Vec<OrderRow>, StoreError>;
    /// `PLANNED` orders, express first, then by number.
    fn runnable(&self, job: JobId, limit: usize) -> Result<Vec<OrderRow>, StoreError>;
    /// An order's sealed record.
    fn sealed_record(&self, key: OrderKey) -> Result<Vec<u8>, StoreError>;
    /// A picture of an order, as it was given at intake.
    fn sealed_picture(&self, key: OrderKey, digest: &[u8; 32]) -> Result<Vec<u8>, StoreError>;
    /// An order's card data.
    fn card_data(&self, key: OrderKey) -> Result<Option<CardData>, StoreError>;
    /// Refused records after a line.
    fn refused(
        &self,
        job: JobId,
        after_line: u64,
        limit: usize,
    ) -> Result<Vec<RefusedRow>, StoreError>;
    /// Approvals of an order (number 0: of the job), oldest first.
    fn approvals(&self, key: OrderKey) -> Result<Vec<Approval>, StoreError>;
    /// Journal lines of a job, after a position: (position, order, line).
    fn journal(
        &self,
        job: JobId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, u64, String)>, StoreError>;
    /// Counts of a job.
    fn counts(&self, job: JobId) -> Result<Counts, StoreError>;
    /// Sums of a job, by kind and name.
    fn tallies(&self, job: JobId) -> Result<Vec<Tally>, StoreError>;
    /// The number of a job's file; `None` before [`Change::NumberFile`].
    fn file_number(&self, job: JobId, name: &OutputName) -> Result<Option<u64>, StoreError>;
    /// The highest number of the files of an owner and format that jobs took; `None` before
    /// [`Change::TakeFile`].
    fn last_file(&self, owner: &str, format: &str) -> Result<Option<u64>, StoreError>;
    /// An empty set for one reading of an order file.
    fn seen(&self) -> Result<Box<dyn Seen + '_>, StoreError>;
    /// Audit records after a sequence number.
    fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, StoreError>;
    /// Checks chain, checkpoints and anchor.
    fn verify_audit(&self) -> Result<AuditVerdict, StoreError>;
}

/// Seals records under a job's key. Contexts bind a sealed value to its place.
pub trait Sealer: Send + Sync {
    /// Encrypts and authenticates.
    fn seal(&self, context: &SealContext<'_>, clear: &[u8]) -> Result<Vec<u8>, StoreError>;
    /// Opens; a value moved to another order or purpose is refused.
    fn open(&self, context: &SealContext<'_>, sealed: &[u8]) -> Result<SecretBytes, StoreError>;
    /// Keyed hash of clear data: equal only for equal data at the same place.
    fn fingerprint(&self, context: &SealContext<'_>, clear: &[u8]) -> [u8; 32];
}

/// Where a sealed value belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealContext<'a> {
    /// Number of the order inside its job; the key is the job's own.
    pub order: u64,
    /// Such as `record`, `card`.
    pub purpose: &'a str,
}
