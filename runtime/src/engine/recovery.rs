//! Start, restart, authorization and the settlement of what is unknown.

use super::codes::EngineError;
use super::record::{ENGINE, audit, because, in_state, moved, next_attempt};
use cardwright_ports::machine::Place;
use cardwright_ports::store::{
    Approval, AuditEntry, Batch, Change, JobId, JobState, MailerState, OrderKey, OrderQuery,
    OrderRow, OrderState, OrderStatus, Subject, decision,
};
use cardwright_ports::{Clock, Store, StoreError};

/// Orders that recovery looks through at a time.
const PAGE: usize = 500;

/// Leave to run: an epoch that nobody else has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Epoch.
    pub epoch: u64,
    /// Whether cards that still stand in the machine must be dropped first.
    pub clear_line: bool,
}

/// What a recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Orders without a card, back in the queue.
    pub requeued: u64,
    /// Orders whose card must be found.
    pub unknown: Vec<OrderKey>,
    /// Orders whose mailer must be found.
    pub unknown_mailers: Vec<OrderKey>,
}

/// What two people found about an order's card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It left, good.
    GoodCard,
    /// It is destroyed, or locked away in the bin.
    DestroyedCard,
    /// There is none: no blank was used.
    NoCard,
}

impl Found {
    fn decision(self) -> &'static str {
        match self {
            Found::GoodCard => decision::GOOD_CARD,
            Found::DestroyedCard => decision::DESTROYED_CARD,
            Found::NoCard => decision::NO_CARD,
        }
    }
}

/// What two people found about a numbered form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundForm {
    /// Printed whole and undamaged; it may go.
    Printed,
    /// Destroyed, or never printed; another copy may be made.
    Destroyed,
}

impl FoundForm {
    fn decision(self) -> &'static str {
        match self {
            FoundForm::Printed => decision::FORM_PRINTED,
            FoundForm::Destroyed => decision::FORM_DESTROYED,
        }
    }
}

/// What came of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Another person must find the same.
    WaitsForSecond,
    /// Settled.
    Settled,
}

/// What a machine's answer means; `None` while the card still stands in a slot: clear the line
/// first.
pub fn finding(place: &Place) -> Option<Found> {
    match place {
        Place::Ejected => Some(Found::GoodCard),
        Place::Rejected { .. } => Some(Found::DestroyedCard),
        Place::Unknown => Some(Found::NoCard),
        Place::Slot => None,
    }
}

/// Starts a job that is loaded or paused. One that was running is R1452, one that waits R1418.
pub fn start(
    store: &dyn Store,
    clock: &dyn Clock,
    job: JobId,
    who: &str,
) -> Result<Start, EngineError> {
    let row = store.job(job)?;
    match row.state {
        JobState::Loaded | JobState::Paused => {}
        JobState::Running => {
            let what = format!("job {job} was running");
            return Err(EngineError::new("R1452", what));
        }
        JobState::WaitingAuthorization => {
            let what = format!("job {job} waits for an authorization");
            return Err(EngineError {
                code: "R1418",
                what,
                mend: "look at the line, then authorize the job",
            });
        }
        other => {
            let what = format!("job {job} is {}", other.name());
            return Err(EngineError::new("R1461", what));
        }
    }
    let epoch = store.new_epoch(clock.unix_seconds(), job, who)?;
    let change = Change::Job {
        job,
        from: row.state,
        to: JobState::Running,
        fence: Some(epoch),
    };
    let entry = audit(who, "start", whole(job), format!("epoch {epoch}"));
    commit(store, clock, vec![change], vec![entry])?;
    Ok(Start {
        epoch,
        clear_line: false,
    })
}

/// A second station takes part in a running job, with its own epoch and its own machine.
pub fn join(
    store: &dyn Store,
    clock: &dyn Clock,
    job: JobId,
    who: &str,
) -> Result<Start, EngineError> {
    let state = store.job(job)?.state;
    if state != JobState::Running {
        let what = format!("job {job} is {}, not RUNNING", state.name());
        return Err(EngineError::new("R1461", what));
    }
    let epoch = store.new_epoch(clock.unix_seconds(), job, who)?;
    Ok(Start {
        epoch,
        clear_line: false,
    })
}

/// Looks through a job whose process ended. Fences every older executor off first; then orders
/// without a card go back to the queue, orders with one and mailers under the print head become
/// unknown. May be repeated. Nothing physical happens; the job waits for [`authorize`].
pub fn recover(
    store: &dyn Store,
    clock: &dyn Clock,
    job: JobId,
    who: &str,
) -> Result<Recovery, EngineError> {
    let row = store.job(job)?;
    match row.state {
        JobState::Running | JobState::WaitingAuthorization | JobState::Paused => {}
        other => {
            let what = format!("job {job} is {}", other.name());
            return Err(EngineError::new("R1461", what));
        }
    }
    let epoch = store.new_epoch(clock.unix_seconds(), job, who)?;
    let change = Change::Job {
        job,
        from: row.state,
        to: JobState::WaitingAuthorization,
        fence: Some(epoch),
    };
    let entry = audit(who, "recover", whole(job), format!("epoch {epoch}"));
    commit(store, clock, vec![change], vec![entry])?;
    let mut recovery = Recovery::default();
    recover_orders(store, clock, job, epoch, &mut recovery)?;
    recover_mailers(store, clock, job, &mut recovery)?;
    Ok(recovery)
}

fn recover_orders(
    store: &dyn Store,
    clock: &dyn Clock,
    job: JobId,
    epoch: u64,
    recovery: &mut Recovery,
) -> Result<(), EngineError> {
    let query = OrderQuery {
        states: vec![
            OrderState::Claimed,
            OrderState::Intent,
            OrderState::Writing,
            OrderState::Verified,
            OrderState::ReleaseGranted,
            OrderState::Exception,
        ],
        limit: PAGE,
        ..OrderQuery::default()
    };
    loop {
        // Every page leaves these states, so that the next begins at the start.
        let rows = store.orders(job, &query)?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut changes = Vec::new();
        let mut entries = Vec::new();
        for row in &rows {
            let (to, entry) = recovered(row, epoch);
            match to.state {
                OrderState::Unknown => recovery.unknown.push(row.key),
                _ => recovery.requeued += 1,
            }
            changes.push(moved(row.key, &row.status, &to));
            entries.push(entry);
        }
        commit(store, clock, changes, entries)?;
    }
}

fn recovered(row: &OrderRow, epoch: u64) -> (OrderStatus, AuditEntry) {
    let status = OrderStatus {
        epoch,
        ..row.status.clone()
    };
    if !row.status.state.in_flight() {
        let entry = audit(ENGINE, "requeue", row.key, "after a crash");
        return (in_state(&status, OrderState::Planned), entry);
    }
    let was = row.status.state.name();
    let reason = format!("the process ended while the order was {was}");
    let unknown = in_state(&status, OrderState::Unknown);
    let entry = audit(ENGINE, "unknown", row.key, format!("was {was}"));
    (because(unknown, "R1462", &reason), entry)
}

fn recover_mailers(
    store: &dyn Store,
    clock: &dyn Clock,
    job: JobId,
    recovery: &mut Recovery,
) -> Result<(), EngineError> {
    let query = OrderQuery {
        mailer: Some(MailerState::Printing),
        limit: PAGE,
        ..OrderQuery::default()
    };
    loop {
        let rows = store.orders(job, &query)?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut changes = Vec::new();
        let mut entries = Vec::new();
        for row in &rows {
            recovery.unknown_mailers.push(row.key);
            changes.push(Change::Mailer {
                key: row.key,
                from: MailerState::Printing,
                copy: row.mailer_copy,
                to: MailerState::Unknown,
                new_copy: row.mailer_copy,
            });
            let detail = format!("copy {} after a crash", row.mailer_copy);
            entries.push(audit(ENGINE, "mailer_unknown", row.key, detail));
        }
        commit(store, clock, changes, entries)?;
    }
}

/// A person has looked at the line and lets a recovered job go on.
pub fn authorize(
    store: &dyn Store,
    clock: &dyn Clock,
    job: JobId,
    who: &str,
) -> Result<Start, EngineError> {
    let row = store.job(job)?;
    if row.state != JobState::WaitingAuthorization {
        let what = format!("job {job} is {}", row.state.name());
        return Err(EngineError::new("R1461", what));
    }
    // A crash during recovery leaves orders behind; nothing goes on before they are looked at.
    recover_orders(store, clock, job, row.fence, &mut Recovery::default())?;
    recover_mailers(store, clock, job, &mut Recovery::default())?;
    let epoch = store.new_epoch(clock.unix_seconds(), job, who)?;
    let approval = Approval {
        key: whole(job),
        subject: Subject::Restart,
        round: row.fence,
        decision: decision::GO_ON.to_owned(),
        who: who.to_owned(),
        at: clock.unix_seconds(),
    };
    let change = Change::Job {
        job,
        from: JobState::WaitingAuthorization,
        to: JobState::Running,
        fence: Some(epoch),
    };
    let entry = audit(who, "authorize", whole(job), format!("epoch {epoch}"));
    let changes = vec![Change::Approve(approval), change];
    commit(store, clock, changes, vec![entry])?;
    Ok(Start {
        epoch,
        clear_line: true,
    })
}

/// Gives up a job that is not running. A running one is cancelled through its executor's switch.
/// Unknown orders or mailers stand against it (R1456).
pub fn cancel(
    store: &dyn Store,
    clock: &dyn Clock,
    job: JobId,
    who: &str,
) -> Result<(), EngineError> {
    let row = store.job(job)?;
    if row.state == JobState::Running {
        return Err(EngineError::new("R1461", format!("job {job} is RUNNING")));
    }
    let counts = store.counts(job)?;
    let unknown = counts.in_state(OrderState::Unknown) + counts.mailers_in(MailerState::Unknown);
    if unknown > 0 {
        let what = format!("{unknown} unknown orders or mailers");
        return Err(EngineError::new("R1456", what));
    }
    let unprinted = OrderQuery {
        states: vec![OrderState::Done],
        mailer: Some(MailerState::Pending),
        after: 0,
        limit: 1,
    };
    if !store.orders(job, &unprinted)?.is_empty() {
        let what = "good cards wait for their mailers: run the job and cancel it there";
        return Err(EngineError::new("R1456", what));
    }
    loop {
        let rows = store.runnable(job, PAGE)?;
        if rows.is_empty() {
            break;
        }
        let mut changes = Vec::new();
        let mut entries = Vec::new();
        for row in &rows {
            let rejected = in_state(&row.status, OrderState::Rejected);
            let to = because(rejected, "R1460", "the job was cancelled");
            changes.push(moved(row.key, &row.status, &to));
            entries.push(audit(who, "reject_order", row.key, "R1460"));
        }
        commit(store, clock, changes, entries)?;
    }
    let change = Change::Job {
        job,
        from: row.state,
        to: JobState::Cancelled,
        fence: None,
    };
    let entry = audit(who, "job", whole(job), JobState::Cancelled.name());
    commit(store, clock, vec![change], vec![entry])
}

/// One person says what they found about an unknown order's card. The second different person who
/// found the same settles it.
pub fn approve(
    store: &dyn Store,
    clock: &dyn Clock,
    key: OrderKey,
    found: Found,
    who: &str,
) -> Result<Settlement, EngineError> {
    let row = unknown_order(store, key)?;
    let (change, entry) = order_approval(&row, found, who, clock);
    commit(store, clock, vec![change], vec![entry])?;
    let (changes, entry) = order_settlement(&row, found);
    second(commit_raw(store, clock, changes, vec![entry]))
}

/// Two people settle an unknown order at once.
pub fn settle(
    store: &dyn Store,
    clock: &dyn Clock,
    key: OrderKey,
    found: Found,
    by: [&str; 2],
) -> Result<(), EngineError> {
    let row = unknown_order(store, key)?;
    let (mut changes, mut entries): (Vec<_>, Vec<_>) = by
        .iter()
        .map(|who| order_approval(&row, found, who, clock))
        .unzip();
    let (moves, entry) = order_settlement(&row, found);
    changes.extend(moves);
    entries.push(entry);
    commit(store, clock, changes, entries)
}

/// One person says what they found about a mailer in doubt; the second settles it.
pub fn approve_mailer(
    store: &dyn Store,
    clock: &dyn Clock,
    key: OrderKey,
    found: FoundForm,
    who: &str,
) -> Result<Settlement, EngineError> {
    let row = store.order(key)?;
    let (change, entry) = form_approval(&row, found, who, clock);
    commit(store, clock, vec![change], vec![entry])?;
    let (change, entry) = form_settlement(&row, found);
    second(commit_raw(store, clock, vec![change], vec![entry]))
}

/// Two people settle a mailer in doubt at once.
pub fn settle_mailer(
    store: &dyn Store,
    clock: &dyn Clock,
    key: OrderKey,
    found: FoundForm,
    by: [&str; 2],
) -> Result<(), EngineError> {
    let row = store.order(key)?;
    let (mut changes, mut entries): (Vec<_>, Vec<_>) = by
        .iter()
        .map(|who| form_approval(&row, found, who, clock))
        .unzip();
    let (change, entry) = form_settlement(&row, found);
    changes.push(change);
    entries.push(entry);
    commit(store, clock, changes, entries)
}

fn unknown_order(store: &dyn Store, key: OrderKey) -> Result<OrderRow, EngineError> {
    let row = store.order(key)?;
    if row.status.state != OrderState::Unknown {
        let what = format!("order {} is {}", key.order, row.status.state.name());
        return Err(EngineError::new("R1461", what));
    }
    Ok(row)
}

fn order_approval(
    row: &OrderRow,
    found: Found,
    who: &str,
    clock: &dyn Clock,
) -> (Change, AuditEntry) {
    let approval = Approval {
        key: row.key,
        subject: Subject::Order,
        round: u64::from(row.status.attempt),
        decision: found.decision().to_owned(),
        who: who.to_owned(),
        at: clock.unix_seconds(),
    };
    let entry = audit(who, "approve", row.key, found.decision());
    (Change::Approve(approval), entry)
}

fn order_settlement(row: &OrderRow, found: Found) -> (Vec<Change>, AuditEntry) {
    let entry = audit(ENGINE, "settled", row.key, found.decision());
    if found == Found::GoodCard {
        let done = OrderStatus {
            code: None,
            reason: None,
            ..in_state(&row.status, OrderState::Done)
        };
        return (vec![moved(row.key, &row.status, &done)], entry);
    }
    let approved = in_state(&row.status, OrderState::RemakeApproved);
    let again = OrderStatus {
        code: None,
        reason: None,
        ..next_attempt(&approved)
    };
    let changes = vec![
        moved(row.key, &row.status, &approved),
        moved(row.key, &approved, &again),
    ];
    (changes, entry)
}

fn form_approval(
    row: &OrderRow,
    found: FoundForm,
    who: &str,
    clock: &dyn Clock,
) -> (Change, AuditEntry) {
    let approval = Approval {
        key: row.key,
        subject: Subject::Mailer,
        round: u64::from(row.mailer_copy),
        decision: found.decision().to_owned(),
        who: who.to_owned(),
        at: clock.unix_seconds(),
    };
    let detail = format!("{} copy {}", found.decision(), row.mailer_copy);
    let entry = audit(who, "approve", row.key, detail);
    (Change::Approve(approval), entry)
}

fn form_settlement(row: &OrderRow, found: FoundForm) -> (Change, AuditEntry) {
    let copy = row.mailer_copy;
    let (to, new_copy) = match found {
        FoundForm::Printed => (MailerState::Printed, copy),
        FoundForm::Destroyed => (MailerState::Pending, copy.saturating_add(1)),
    };
    let change = Change::Mailer {
        key: row.key,
        from: MailerState::Unknown,
        copy,
        to,
        new_copy,
    };
    let entry = audit(ENGINE, "settled_mailer", row.key, found.decision());
    (change, entry)
}

fn second(result: Result<(), StoreError>) -> Result<Settlement, EngineError> {
    match result {
        Ok(()) => Ok(Settlement::Settled),
        Err(error) if error.code == "R1413" => Ok(Settlement::WaitsForSecond),
        Err(error) => Err(error.into()),
    }
}

fn whole(job: JobId) -> OrderKey {
    OrderKey { job, order: 0 }
}

fn commit(
    store: &dyn Store,
    clock: &dyn Clock,
    changes: Vec<Change>,
    audit: Vec<AuditEntry>,
) -> Result<(), EngineError> {
    Ok(commit_raw(store, clock, changes, audit)?)
}

fn commit_raw(
    store: &dyn Store,
    clock: &dyn Clock,
    changes: Vec<Change>,
    audit: Vec<AuditEntry>,
) -> Result<(), StoreError> {
    store.commit(&Batch {
        at: clock.unix_seconds(),
        require: None,
        changes,
        audit,
    })
}
