//! Changes and audit entries that the step asks to be made durable.

use super::effect::Trouble;
use cardwright_ports::store::{
    AuditEntry, Change, MailerState, OrderKey, OrderState, OrderStatus, Why,
};

/// Who the engine is in the audit log.
pub(crate) const ENGINE: &str = "engine";

pub(crate) fn audit(
    actor: &str,
    act: &str,
    key: OrderKey,
    detail: impl Into<String>,
) -> AuditEntry {
    AuditEntry {
        actor: actor.to_owned(),
        act: act.to_owned(),
        key,
        detail: detail.into(),
    }
}

/// A compare-and-set of an order from what it is to what it shall be.
pub(crate) fn moved(key: OrderKey, from: &OrderStatus, to: &OrderStatus) -> Change {
    Change::Order {
        key,
        from: from.state,
        epoch: from.epoch,
        to: to.clone(),
    }
}

pub(crate) fn mailer_moved(key: OrderKey, copy: u32, from: MailerState, to: MailerState) -> Change {
    Change::Mailer {
        key,
        from,
        copy,
        to,
        new_copy: copy,
        why: None,
    }
}

/// A rejected order gets no mailer: what must stand behind the order's own change.
pub(crate) fn without_mailer(key: OrderKey, mailer: MailerState, copy: u32) -> Option<Change> {
    let due = mailer == MailerState::Pending;
    due.then(|| mailer_moved(key, copy, mailer, MailerState::Absent))
}

/// Why a mailer is not printed, fit for the store.
pub(crate) fn why(trouble: &Trouble) -> Why {
    Why {
        code: public(&trouble.code),
        reason: public(&trouble.reason),
    }
}

/// The same order in another state, the rest unchanged.
pub(crate) fn in_state(status: &OrderStatus, state: OrderState) -> OrderStatus {
    OrderStatus {
        state,
        ..status.clone()
    }
}

/// An order that waits for its next attempt, without a card.
pub(crate) fn next_attempt(status: &OrderStatus) -> OrderStatus {
    OrderStatus {
        state: OrderState::Planned,
        attempt: status.attempt.saturating_add(1),
        step: 0,
        blank: None,
        serial: None,
        ..status.clone()
    }
}

/// With the reason why.
pub(crate) fn because(status: OrderStatus, code: &str, reason: &str) -> OrderStatus {
    OrderStatus {
        code: Some(public(code)),
        reason: Some(public(reason)),
        ..status
    }
}

/// A text from a lane, cut and without long runs of digits, so that no card number gets through.
pub(crate) fn public(text: &str) -> String {
    let mut clean = String::new();
    let mut digits = 0usize;
    for c in text.chars().take(500) {
        digits = match c {
            '0'..='9' => digits.saturating_add(1),
            ' ' | '-' => digits,
            _ => 0,
        };
        clean.push(if c.is_ascii_digit() && digits > 8 {
            '*'
        } else {
            c
        });
    }
    clean
}
