//! The settlement of what is unknown: two different people find the card or the form.

use super::codes::EngineError;
use super::record::{ENGINE, audit, in_state, moved, next_attempt};
use super::recovery::{commit, commit_raw};
use cardwright_ports::machine::Place;
use cardwright_ports::store::{
    Approval, AuditEntry, Change, MailerState, OrderKey, OrderRow, OrderState, OrderStatus,
    Subject, decision,
};
use cardwright_ports::{Clock, Store, StoreError};

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
    /// It could not be drawn and is given up; the bank has been told.
    GivenUp,
}

impl FoundForm {
    fn decision(self) -> &'static str {
        match self {
            FoundForm::Printed => decision::FORM_PRINTED,
            FoundForm::Destroyed => decision::FORM_DESTROYED,
            FoundForm::GivenUp => decision::FORM_GIVEN_UP,
        }
    }

    /// The state of a mailer that this may be found about.
    fn about(self) -> MailerState {
        match self {
            FoundForm::Printed | FoundForm::Destroyed => MailerState::Unknown,
            FoundForm::GivenUp => MailerState::Undrawn,
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
    let row = doubtful_mailer(store, key, found)?;
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
    let row = doubtful_mailer(store, key, found)?;
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

fn doubtful_mailer(
    store: &dyn Store,
    key: OrderKey,
    found: FoundForm,
) -> Result<OrderRow, EngineError> {
    let row = store.order(key)?;
    if row.mailer != found.about() {
        let what = format!(
            "the letter of order {} is {}; this is found about letters that are {}",
            key.order,
            row.mailer.name(),
            found.about().name()
        );
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
        FoundForm::GivenUp => (MailerState::Absent, copy),
    };
    let change = Change::Mailer {
        key: row.key,
        from: found.about(),
        copy,
        to,
        new_copy,
        why: None,
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
