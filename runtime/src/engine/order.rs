//! One order's machine: pure, no clock, no I/O.

use super::effect::{Act, Effect, Event, Trouble};
use super::record::{
    ENGINE, audit, because, in_state, mailer_moved, moved, next_attempt, public, why,
    without_mailer,
};
use super::route::{Move, Route};
use cardwright_ports::store::{
    AuditEntry, Change, MailerState, OrderKey, OrderRow, OrderState, OrderStatus,
};
use std::sync::Arc;

/// Where the engine stands with one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Which order.
    pub key: OrderKey,
    /// What the store holds once every record so far is durable.
    pub status: OrderStatus,
    /// How this executor's work on it ended; none while it goes on.
    pub outcome: Option<Outcome>,
    /// Microseconds by station, in the order of the acts.
    pub spent: Vec<(&'static str, u64)>,
    epoch: u64,
    mailer: MailerState,
    copy: u32,
    notes: Vec<String>,
    route: Arc<Route>,
    phase: Phase,
}

/// How an executor's work on an order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// One good card left.
    Done,
    /// No card: rejected for good.
    Rejected,
    /// A spoilt card lies in the bin, the order waits for another attempt.
    Remake,
    /// No card was begun, the order waits.
    Requeued,
    /// Two people must find the card or the form.
    Unknown,
    /// Somebody else owns it now.
    Fenced,
    /// The mailer is printed.
    Printed,
    /// The mailer can't be drawn; nothing was printed.
    Undrawn,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Fresh,
    Generating,
    Feeding,
    /// A card that the store refused is on its way to the bin; its order has no intent.
    Discarding,
    Working(usize),
    Leaving,
    Rejecting {
        retryable: bool,
        /// The line was to blame, not the card: the attempt does not count.
        free: bool,
    },
    MailerFresh,
    MailerPrinting,
    Over,
}

impl State {
    /// An order whose turn has come.
    pub fn card(row: &OrderRow, epoch: u64, route: Arc<Route>) -> Self {
        Self::new(row, epoch, route, Phase::Fresh)
    }

    /// A mailer whose turn has come.
    pub fn mailer(row: &OrderRow, epoch: u64, route: Arc<Route>) -> Self {
        Self::new(row, epoch, route, Phase::MailerFresh)
    }

    fn new(row: &OrderRow, epoch: u64, route: Arc<Route>, phase: Phase) -> Self {
        Self {
            key: row.key,
            status: row.status.clone(),
            outcome: None,
            spent: Vec::new(),
            epoch,
            mailer: row.mailer,
            copy: row.mailer_copy,
            notes: Vec::new(),
            route,
            phase,
        }
    }

    fn audit(&self, act: &str, detail: impl Into<String>) -> AuditEntry {
        audit(ENGINE, act, self.key, detail)
    }

    fn current(&self) -> Option<&Move> {
        match self.phase {
            Phase::Working(at) => self.route.moves.get(at),
            _ => None,
        }
    }

    /// Moves the order and gives the change that makes it durable.
    fn go(&mut self, to: OrderStatus) -> Change {
        let change = moved(self.key, &self.status, &to);
        self.status = to;
        change
    }

    /// What makes a rejection durable: the order, its mailer that nobody will print, the journal.
    fn rejection(&mut self, to: OrderStatus) -> Vec<Change> {
        let order = self.go(to);
        let mailer = without_mailer(self.key, self.mailer, self.copy);
        let journal = self.journal("rejected");
        [Some(order), mailer, Some(journal)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn end(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
        self.phase = Phase::Over;
    }

    fn card_detail(&self) -> String {
        let blank = self.status.blank.unwrap_or(0);
        format!("blank {blank} attempt {}", self.status.attempt)
    }

    /// One public line about a finished attempt.
    fn journal(&self, outcome: &str) -> Change {
        let stations: Vec<serde_json::Value> = self
            .spent
            .iter()
            .map(|(name, spent)| serde_json::json!([name, spent]))
            .collect();
        let line = serde_json::json!({
            "order": self.key.order, "outcome": outcome, "attempt": self.status.attempt,
            "blank": self.status.blank, "code": self.status.code,
            "reason": self.status.reason, "stations": stations, "notes": self.notes,
        });
        Change::Journal(self.key, line.to_string())
    }
}

/// The next state and what must happen. Every event is answered, also one that can't be.
pub fn step(state: &State, event: Event) -> (State, Vec<Effect>) {
    let mut next = state.clone();
    let effects = match (&state.phase, event) {
        (Phase::Over, _) => Vec::new(),
        (_, Event::Fenced) => {
            next.end(Outcome::Fenced);
            Vec::new()
        }
        (Phase::Fresh, Event::Begin) => claim(&mut next),
        (Phase::Generating, event) => after_generate(&mut next, event),
        (Phase::Feeding, event) => after_feed(&mut next, event),
        (Phase::Discarding, event) => after_discard(&mut next, event),
        (Phase::Working(at), event) => after_work(&mut next, *at, event),
        (Phase::Leaving, event) => after_eject(&mut next, event),
        (Phase::Rejecting { retryable, free }, event) => {
            after_reject(&mut next, (*retryable, *free), event)
        }
        (Phase::MailerFresh, Event::Begin) => print_mailer(&mut next),
        (Phase::MailerPrinting, event) => after_mailer(&mut next, event),
        (Phase::Fresh | Phase::MailerFresh, _) => {
            next.end(Outcome::Requeued);
            Vec::new()
        }
    };
    (next, effects)
}

fn claim(state: &mut State) -> Vec<Effect> {
    let to = OrderStatus {
        epoch: state.epoch,
        ..in_state(&state.status, OrderState::Claimed)
    };
    let change = state.go(to);
    state.phase = Phase::Generating;
    let entry = state.audit("claim", format!("epoch {}", state.epoch));
    vec![
        Effect::Record(vec![change], vec![entry]),
        Effect::Perform(Act::Generate),
    ]
}

fn after_generate(state: &mut State, event: Event) -> Vec<Effect> {
    match event {
        Event::Generated(data) => {
            let mut changes = Vec::new();
            let mut entries = Vec::new();
            if let Some(data) = data {
                changes.push(Change::CardData(state.key, data));
                entries.push(state.audit("card_data", ""));
            }
            feed(state, changes, entries)
        }
        Event::Kept { replaced } => {
            let entry = (!replaced.is_empty()).then(|| {
                let versions = replaced.join(", ");
                state.audit(
                    "card_data_kept",
                    format!("made with {versions}, since replaced"),
                )
            });
            feed(state, Vec::new(), entry.into_iter().collect())
        }
        Event::Failed(trouble) if trouble.line || trouble.retryable => requeue(state, &trouble),
        other => {
            let trouble = trouble_of(other);
            let rejected = in_state(&state.status, OrderState::Rejected);
            let to = because(rejected, &trouble.code, &trouble.reason);
            let changes = state.rejection(to);
            let entry = state.audit("reject_order", trouble.code);
            state.end(Outcome::Rejected);
            vec![Effect::Record(changes, vec![entry])]
        }
    }
}

/// The order has its data: a card for it.
fn feed(state: &mut State, changes: Vec<Change>, mut entries: Vec<AuditEntry>) -> Vec<Effect> {
    let stock = state.route.stock.clone();
    entries.push(state.audit("feed", format!("stock {stock}")));
    state.phase = Phase::Feeding;
    vec![
        Effect::Record(changes, entries),
        Effect::Perform(Act::Feed { stock }),
    ]
}

/// Back to the queue: no card of this order exists.
fn requeue(state: &mut State, trouble: &Trouble) -> Vec<Effect> {
    let change = state.go(in_state(&state.status, OrderState::Planned));
    let entry = state.audit("requeue", trouble.code.clone());
    state.end(Outcome::Requeued);
    vec![Effect::Record(vec![change], vec![entry])]
}

fn after_feed(state: &mut State, event: Event) -> Vec<Effect> {
    match event {
        Event::Fed {
            blank,
            serial,
            duration_us,
        } => {
            state.spent.push(("feed", duration_us));
            let intent = OrderStatus {
                blank: Some(blank),
                serial: Some(serial),
                ..in_state(&state.status, OrderState::Intent)
            };
            let change = state.go(intent);
            let entry = state.audit("intent", state.card_detail());
            let mut effects = proceed(state, 0);
            if let Some(Effect::Record(changes, entries)) = effects.first_mut() {
                changes.insert(0, change);
                entries.insert(0, entry);
            } else {
                effects.insert(0, Effect::Record(vec![change], vec![entry]));
            }
            effects
        }
        // The store would not bind this card's data; no card was fed.
        Event::Refused(trouble) => {
            let trouble = Trouble::card(trouble.code, trouble.reason);
            after_generate(state, Event::Failed(trouble))
        }
        other => requeue(state, &trouble_of(other)),
    }
}

/// The chip was used before: the card goes to the bin, the order never had it.
fn discard(state: &mut State, trouble: Trouble) -> Vec<Effect> {
    let detail = format!("{} {}", state.card_detail(), trouble.code);
    let entry = state.audit("reject", detail);
    state.status = OrderStatus {
        blank: None,
        serial: None,
        step: 0,
        ..in_state(&state.status, OrderState::Claimed)
    };
    state.phase = Phase::Discarding;
    let bin = state.route.bin.clone();
    vec![
        Effect::Record(Vec::new(), vec![entry]),
        Effect::Perform(Act::Reject {
            bin,
            code: trouble.code,
        }),
    ]
}

fn after_discard(state: &mut State, event: Event) -> Vec<Effect> {
    let change = state.go(in_state(&state.status, OrderState::Planned));
    let (outcome, entry) = match event {
        Event::Did { .. } => (Outcome::Remake, state.audit("discarded", "")),
        other => {
            let code = trouble_of(other).code;
            (Outcome::Requeued, state.audit("requeue", code))
        }
    };
    state.end(outcome);
    vec![Effect::Record(vec![change], vec![entry])]
}

/// Goes on with the act at an index of the line.
fn proceed(state: &mut State, at: usize) -> Vec<Effect> {
    let Some(Move { act, step }) = state.route.moves.get(at).cloned() else {
        return except(state, Trouble::card("R1453", "the line has no such act"));
    };
    let validated = act.handles() || act == Act::CheckGate;
    let mut changes = Vec::new();
    let mut entries = Vec::new();
    if validated && state.status.state != OrderState::Verified {
        changes.push(state.go(in_state(&state.status, OrderState::Verified)));
        entries.push(state.audit("verified", state.card_detail()));
    }
    let first = state.status.state == OrderState::Intent;
    if act.writes() || act.handles() || first {
        let kept = if validated {
            OrderState::Verified
        } else {
            OrderState::Writing
        };
        let to = OrderStatus {
            step,
            ..in_state(&state.status, kept)
        };
        changes.push(state.go(to));
        entries.push(state.audit(act.name(), state.card_detail()));
    }
    state.phase = Phase::Working(at);
    let mut effects = Vec::new();
    if !entries.is_empty() {
        effects.push(Effect::Record(changes, entries));
    }
    effects.push(Effect::Perform(act));
    effects
}

fn after_work(state: &mut State, at: usize, event: Event) -> Vec<Effect> {
    let act = state.current().map(|m| m.act.clone());
    let is_gate = act == Some(Act::CheckGate);
    match event {
        // The intent itself was refused; the act behind it was never begun.
        Event::Refused(trouble) if at == 0 => discard(state, trouble),
        Event::GateOpen if is_gate => {
            let change = state.go(in_state(&state.status, OrderState::ReleaseGranted));
            let entry = state.audit("eject", state.card_detail());
            state.phase = Phase::Leaving;
            vec![
                Effect::Record(vec![change], vec![entry]),
                Effect::Perform(Act::Eject),
            ]
        }
        Event::Did { duration_us, note } if !is_gate => {
            let name = act.map_or("", |a| a.name());
            state.spent.push((name, duration_us));
            state.notes.extend(note.as_deref().map(public));
            proceed(state, at.saturating_add(1))
        }
        other => except(state, trouble_of(other)),
    }
}

/// The card is spoilt or in doubt: to the bin with it.
fn except(state: &mut State, trouble: Trouble) -> Vec<Effect> {
    let spoilt = in_state(&state.status, OrderState::Exception);
    let change = state.go(because(spoilt, &trouble.code, &trouble.reason));
    let detail = format!("{} {}", state.card_detail(), trouble.code);
    let entry = state.audit("reject", detail);
    state.phase = Phase::Rejecting {
        retryable: trouble.retryable,
        free: trouble.retryable && trouble.line,
    };
    let bin = state.route.bin.clone();
    vec![
        Effect::Record(vec![change], vec![entry]),
        Effect::Perform(Act::Reject {
            bin,
            code: trouble.code,
        }),
    ]
}

fn after_eject(state: &mut State, event: Event) -> Vec<Effect> {
    match event {
        Event::Did { duration_us, note } => {
            state.spent.push(("eject", duration_us));
            state.notes.extend(note.as_deref().map(public));
            let done = OrderStatus {
                code: None,
                reason: None,
                ..in_state(&state.status, OrderState::Done)
            };
            let change = state.go(done);
            let entry = state.audit("done", state.card_detail());
            let journal = state.journal("done");
            state.end(Outcome::Done);
            vec![Effect::Record(vec![change, journal], vec![entry])]
        }
        Event::Failed(trouble) if !trouble.doubt => except(state, trouble),
        other => lose(state, trouble_of(other)),
    }
}

/// Nobody knows where the card is.
fn lose(state: &mut State, trouble: Trouble) -> Vec<Effect> {
    let unknown = in_state(&state.status, OrderState::Unknown);
    let change = state.go(because(unknown, &trouble.code, &trouble.reason));
    let detail = format!("{} {}", state.card_detail(), trouble.code);
    let entry = state.audit("unknown", detail);
    let journal = state.journal("unknown");
    state.end(Outcome::Unknown);
    vec![Effect::Record(vec![change, journal], vec![entry])]
}

fn after_reject(state: &mut State, (retryable, free): (bool, bool), event: Event) -> Vec<Effect> {
    match event {
        Event::Did { duration_us, .. } => {
            state.spent.push(("reject", duration_us));
            let again = free || retryable && state.status.attempt <= state.route.retries;
            let detail = state.card_detail();
            let (changes, act, outcome) = if again {
                let journal = state.journal("remake");
                let change = state.go(next_attempt(&state.status));
                (vec![change, journal], "remake", Outcome::Remake)
            } else {
                let to = in_state(&state.status, OrderState::Rejected);
                (state.rejection(to), "reject_order", Outcome::Rejected)
            };
            let entry = state.audit(act, detail);
            state.end(outcome);
            vec![Effect::Record(changes, vec![entry])]
        }
        other => lose(state, trouble_of(other)),
    }
}

fn print_mailer(state: &mut State) -> Vec<Effect> {
    let copy = state.copy;
    let change = mailer_moved(state.key, copy, MailerState::Pending, MailerState::Printing);
    let entry = state.audit("mailer", format!("copy {copy}"));
    state.phase = Phase::MailerPrinting;
    vec![
        Effect::Record(vec![change], vec![entry]),
        Effect::Perform(Act::PrintMailer { copy }),
    ]
}

/// Any doubt is UNKNOWN, also a failure that says it did nothing: the form must be found. Only a
/// letter that was never handed to the printer is UNDRAWN.
fn after_mailer(state: &mut State, event: Event) -> Vec<Effect> {
    let copy = state.copy;
    let (to, act, trouble, outcome) = match event {
        Event::Did { .. } => (
            MailerState::Printed,
            "mailer_printed",
            None,
            Outcome::Printed,
        ),
        Event::NotDrawn(trouble) => (
            MailerState::Undrawn,
            "mailer_undrawn",
            Some(trouble),
            Outcome::Undrawn,
        ),
        other => (
            MailerState::Unknown,
            "mailer_unknown",
            Some(trouble_of(other)),
            Outcome::Unknown,
        ),
    };
    let change = Change::Mailer {
        key: state.key,
        from: MailerState::Printing,
        copy,
        to,
        new_copy: copy,
        why: trouble.as_ref().map(why),
    };
    let detail = trouble.map(|t| public(&t.code)).unwrap_or_default();
    let entry = state.audit(act, format!("copy {copy} {detail}").trim_end().to_owned());
    state.end(outcome);
    vec![Effect::Record(vec![change], vec![entry])]
}

fn trouble_of(event: Event) -> Trouble {
    match event {
        Event::Failed(trouble) | Event::Refused(trouble) => trouble,
        _ => Trouble {
            doubt: true,
            ..Trouble::card("R1453", "an answer that does not fit the act")
        },
    }
}
