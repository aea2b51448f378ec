//! The job's machine: when to take orders, when to stop, how the job ends. Pure.

use super::effect::Trouble;
use super::order::Outcome;
use super::record::{ENGINE, audit};
use cardwright_ports::store::{AuditEntry, Change, JobId, JobState, OrderKey};

/// Why the line stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Code, such as R1457.
    pub code: String,
    /// Reason.
    pub reason: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every order is done or rejected.
    Done,
    /// The job waits: the operator paused it, or the line stopped by itself.
    Paused(Stop),
    /// The job was given up; orders without a card are rejected.
    Cancelled,
    /// Another executor fenced this one off; the job is not ours.
    Fenced,
    /// This station found nothing more to do, others still work on the job.
    LeftToOthers,
}

/// Where the engine stands with a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Job.
    pub job: JobId,
    /// Rejected cards since the start.
    pub rejects: u32,
    /// Rejects at which the line stops by itself; 0 for never.
    pub stop_after_rejects: u32,
    /// How the run ended; none while it goes on.
    pub end: Option<End>,
    stage: Stage,
    wish: Option<Wish>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Cards,
    Mailers,
    /// The job is given up; cards that left get their mailers.
    LastMailers,
    Closing,
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    Stop(Stop),
    Cancel,
}

/// What happened to the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The run begins.
    Begin,
    /// An order's work ended.
    Ended(Outcome),
    /// The line, a port or the store's alarm says: no more.
    Line(Trouble),
    /// A person wants a pause between cards.
    Pause {
        /// Who.
        by: String,
    },
    /// A person gives the job up.
    Cancel {
        /// Who.
        by: String,
    },
    /// A wave is over.
    WaveOver,
    /// There was nothing in the queue.
    QueueEmpty,
    /// The store said that this executor is fenced off.
    FencedOff,
    /// Answer to [`Directive::Count`]: orders and mailers that stand against the end.
    Counted {
        /// Orders that wait, and mailers of good cards.
        open: u64,
        /// Orders and mailers in the hands of other stations.
        others: u64,
        /// Unknown orders and mailers.
        unknown: u64,
        /// Mailers that can't be drawn.
        undrawn: u64,
        /// Names the first of them, with their causes.
        which: String,
        /// Why the books may not be closed now.
        held: Option<Trouble>,
    },
    /// Answer to [`Directive::RejectPlanned`].
    PlannedRejected,
    /// The last record is durable.
    Recorded,
}

/// What the executor must do for the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    /// Take a wave of orders.
    TakeWave,
    /// Take a wave of mailers.
    TakeMailers,
    /// Count what stands against the end.
    Count,
    /// Reject every planned order, because the job was cancelled.
    RejectPlanned,
    /// Make this durable, then signal [`Signal::Recorded`].
    Record(Box<Change>, AuditEntry),
}

impl Control {
    /// A run of a job that has been started.
    pub fn new(job: JobId, stop_after_rejects: u32) -> Self {
        Self {
            job,
            rejects: 0,
            stop_after_rejects,
            end: None,
            stage: Stage::Cards,
            wish: None,
        }
    }

    /// How many orders the next wave may take: fewer when rejects come near their limit.
    pub fn wave_limit(&self, wave: usize, lanes: usize) -> usize {
        if self.stop_after_rejects == 0 || self.rejects == 0 {
            return wave;
        }
        let left = self.stop_after_rejects.saturating_sub(self.rejects) as usize;
        wave.min(left.max(lanes.min(wave)).max(1))
    }

    fn want(&mut self, wish: Wish) {
        // The first reason stays, but giving up outranks a pause; after the last wave it is late.
        let first = self.wish.is_none() || wish == Wish::Cancel;
        if first && !matches!(self.stage, Stage::Closing | Stage::LastMailers) {
            self.wish = Some(wish);
        }
    }

    fn move_job(&self, to: JobState, detail: &str, by: &str) -> Vec<Directive> {
        let change = Change::Job {
            job: self.job,
            from: JobState::Running,
            to,
            fence: None,
        };
        let key = OrderKey {
            job: self.job,
            order: 0,
        };
        let entry = audit(by, "job", key, format!("{} {detail}", to.name()));
        vec![Directive::Record(Box::new(change), entry)]
    }
}

/// The next state of the job and what must be done for it.
pub fn control(state: &Control, signal: Signal) -> (Control, Vec<Directive>) {
    let mut next = state.clone();
    if next.stage == Stage::Over {
        return (next, Vec::new());
    }
    let directives = match signal {
        Signal::Begin => vec![Directive::TakeWave],
        Signal::Ended(outcome) => {
            ended(&mut next, outcome);
            Vec::new()
        }
        Signal::Line(trouble) => {
            next.want(Wish::Stop(stop_of(trouble)));
            Vec::new()
        }
        Signal::Pause { by } => {
            let reason = format!("paused by {by}");
            let code = String::new();
            next.want(Wish::Stop(Stop { code, reason }));
            Vec::new()
        }
        Signal::Cancel { .. } => {
            next.want(Wish::Cancel);
            Vec::new()
        }
        Signal::FencedOff => {
            next.stage = Stage::Over;
            next.end = Some(End::Fenced);
            Vec::new()
        }
        Signal::WaveOver => go_on(&mut next),
        Signal::QueueEmpty => queue_empty(&mut next),
        Signal::PlannedRejected => {
            next.stage = Stage::LastMailers;
            vec![Directive::TakeMailers]
        }
        Signal::Counted {
            open,
            others,
            unknown,
            undrawn,
            which,
            held,
        } => {
            let doubt = doubt(unknown, undrawn, &which).or(held.map(stop_of));
            close(&mut next, open, others, doubt)
        }
        Signal::Recorded => {
            next.stage = Stage::Over;
            Vec::new()
        }
    };
    (next, directives)
}

fn stop_of(trouble: Trouble) -> Stop {
    Stop {
        code: trouble.code,
        reason: trouble.reason,
    }
}

fn ended(state: &mut Control, outcome: Outcome) {
    if matches!(outcome, Outcome::Rejected | Outcome::Remake) {
        state.rejects = state.rejects.saturating_add(1);
    }
    if state.stop_after_rejects > 0 && state.rejects >= state.stop_after_rejects {
        state.want(Wish::Stop(Stop {
            code: "R1457".to_owned(),
            reason: format!("{} rejected cards", state.rejects),
        }));
    }
}

fn go_on(state: &mut Control) -> Vec<Directive> {
    match (&state.wish, &state.stage) {
        (_, Stage::LastMailers) => vec![Directive::TakeMailers],
        (Some(Wish::Cancel), _) => {
            state.stage = Stage::Closing;
            vec![Directive::RejectPlanned]
        }
        (Some(_), _) => {
            state.stage = Stage::Closing;
            vec![Directive::Count]
        }
        (None, Stage::Mailers) => vec![Directive::TakeMailers],
        (None, _) => vec![Directive::TakeWave],
    }
}

fn queue_empty(state: &mut Control) -> Vec<Directive> {
    if state.wish.is_some() && state.stage != Stage::LastMailers {
        return go_on(state);
    }
    if state.stage == Stage::Cards {
        state.stage = Stage::Mailers;
        return vec![Directive::TakeMailers];
    }
    state.stage = Stage::Closing;
    vec![Directive::Count]
}

/// What stands against the end beside the work that is left.
fn doubt(unknown: u64, undrawn: u64, which: &str) -> Option<Stop> {
    let (code, what) = match (unknown, undrawn) {
        (0, 0) => return None,
        (0, _) => ("R1463", format!("{undrawn} letters can't be drawn")),
        (_, 0) => ("R1456", format!("{unknown} unknown orders or mailers")),
        _ => (
            "R1456",
            format!("{unknown} unknown orders or mailers, {undrawn} letters can't be drawn"),
        ),
    };
    Some(Stop {
        code: code.to_owned(),
        reason: format!("{what}: {which}"),
    })
}

fn close(state: &mut Control, open: u64, others: u64, doubt: Option<Stop>) -> Vec<Directive> {
    if others > 0 {
        // Pausing or ending the job now would stop them in the middle of a card.
        state.stage = Stage::Over;
        state.end = Some(End::LeftToOthers);
        return Vec::new();
    }
    match (state.wish.clone(), doubt) {
        (Some(Wish::Stop(stop)), doubt) if open > 0 || doubt.is_some() => pause(state, stop),
        (_, Some(doubt)) => pause(state, doubt),
        (Some(Wish::Cancel), None) if open == 0 => {
            state.end = Some(End::Cancelled);
            state.move_job(JobState::Cancelled, "", ENGINE)
        }
        _ if open > 0 => {
            // Another station has put orders back since; they are for the next run.
            state.stage = Stage::Over;
            state.end = Some(End::LeftToOthers);
            Vec::new()
        }
        _ => {
            state.end = Some(End::Done);
            state.move_job(JobState::Done, "", ENGINE)
        }
    }
}

fn pause(state: &mut Control, stop: Stop) -> Vec<Directive> {
    let detail = format!("{} {}", stop.code, stop.reason);
    let detail = super::record::public(detail.trim());
    state.end = Some(End::Paused(stop));
    state.move_job(JobState::Paused, &detail, ENGINE)
}
