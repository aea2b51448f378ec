//! Start, join, recovery after a crash, authorization, cancellation.

use super::codes::EngineError;
use super::record::{ENGINE, audit, because, in_state, mailer_moved, moved, without_mailer};
use cardwright_ports::store::{
    Approval, AuditEntry, Batch, Change, JobId, JobState, MailerState, OrderKey, OrderQuery,
    OrderRow, OrderState, OrderStatus, Subject, Why, decision,
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
    try_undrawn_again(store, clock, job)?;
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
                why: Some(Why {
                    code: "R1462".to_owned(),
                    reason: "the process ended while the letter was being printed".to_owned(),
                }),
            });
            let detail = format!("copy {} after a crash", row.mailer_copy);
            entries.push(audit(ENGINE, "mailer_unknown", row.key, detail));
        }
        commit(store, clock, changes, entries)?;
    }
}

/// Letters that could not be drawn get another chance with every start: no paper of theirs exists,
/// and what was in the way may have been mended.
fn try_undrawn_again(store: &dyn Store, clock: &dyn Clock, job: JobId) -> Result<(), EngineError> {
    let query = OrderQuery {
        mailer: Some(MailerState::Undrawn),
        limit: PAGE,
        ..OrderQuery::default()
    };
    loop {
        let rows = store.orders(job, &query)?;
        if rows.is_empty() {
            return Ok(());
        }
        let (from, to) = (MailerState::Undrawn, MailerState::Pending);
        let changes = rows
            .iter()
            .map(|row| mailer_moved(row.key, row.mailer_copy, from, to));
        let entries = rows
            .iter()
            .map(|row| audit(ENGINE, "mailer_again", row.key, "it was not drawn"));
        commit(store, clock, changes.collect(), entries.collect())?;
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
    try_undrawn_again(store, clock, job)?;
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
    let undrawn = counts.mailers_in(MailerState::Undrawn);
    if unknown + undrawn > 0 {
        let what = format!("{unknown} unknown orders or mailers, {undrawn} letters not drawn");
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
            changes.extend(without_mailer(row.key, row.mailer, row.mailer_copy));
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

fn whole(job: JobId) -> OrderKey {
    OrderKey { job, order: 0 }
}

pub(crate) fn commit(
    store: &dyn Store,
    clock: &dyn Clock,
    changes: Vec<Change>,
    audit: Vec<AuditEntry>,
) -> Result<(), EngineError> {
    Ok(commit_raw(store, clock, changes, audit)?)
}

pub(crate) fn commit_raw(
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
