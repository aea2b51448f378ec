//! Drives waves of orders through the line: one commit for a wave's records, then its acts in
//! parallel. Knows ports only.

use super::codes::EngineError;
use super::control::{Control, Directive, End, Signal, control};
use super::effect::{Act, Effect, Event, Trouble};
use super::hands::{Lane, Workpiece};
use super::order::{Outcome, State, step};
use super::record::{ENGINE, audit, because, in_state, moved, without_mailer};
use super::recovery::Start;
use super::route::Route;
use super::settings::{
    Boundary, NoBoundary, Ports, Progress, RunOutcome, Settings, Stopped, Switch, Turned,
};
use super::sums::{Stopwatch, Sums};
use cardwright_ports::store::{
    AuditEntry, Batch, Change, JobId, JobState, MailerState, OrderKey, OrderQuery, OrderRow,
    OrderState, Require,
};
use cardwright_ports::{Store, StoreError};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// Runs one job with one epoch.
pub struct Executor<'a> {
    ports: Ports<'a>,
    boundary: &'a dyn Boundary,
    settings: Settings,
    route: Arc<Route>,
    job: JobId,
    start: Start,
    watch: Stopwatch,
    #[cfg(test)]
    pub(crate) bugs: super::tests::Bugs,
}

/// Why a wave could not go on.
enum Broken {
    Stopped,
    Store(StoreError),
    Lane(Trouble),
}

impl From<Stopped> for Broken {
    fn from(_: Stopped) -> Self {
        Broken::Stopped
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Broken::Store(error)
    }
}

/// One order of a wave.
struct Slot {
    state: State,
    work: Workpiece,
    pending: Vec<Effect>,
    event: Option<Event>,
    /// What its acts add to the job's sums; kept with the next record.
    sums: Sums,
}

type Lanes<'l> = Vec<Mutex<Box<dyn Lane + 'l>>>;

impl<'a> Executor<'a> {
    /// An executor of a job that was started, joined or authorized.
    pub fn new(
        ports: Ports<'a>,
        job: JobId,
        start: Start,
        route: Route,
        settings: Settings,
    ) -> Self {
        Self {
            ports,
            boundary: &NoBoundary,
            settings,
            route: Arc::new(route),
            job,
            start,
            watch: Stopwatch::begin(ports.clock),
            #[cfg(test)]
            bugs: Default::default(),
        }
    }

    /// With a boundary that may stop it before any effect.
    pub fn with_boundary(self, boundary: &'a dyn Boundary) -> Self {
        Self { boundary, ..self }
    }

    /// Runs until the job ends, pauses or is taken away. An error means that the store, a lane or
    /// the boundary stopped the run in the middle: the job must be recovered.
    pub fn run(
        &self,
        switch: &Switch,
        progress: &dyn Fn(&Progress),
    ) -> Result<RunOutcome, EngineError> {
        match self.try_run(switch, progress) {
            Ok(outcome) => Ok(outcome),
            Err(Broken::Stopped) => Err(EngineError::new("R1452", "stopped at a boundary")),
            Err(Broken::Store(error)) => Err(error.into()),
            Err(Broken::Lane(trouble)) => {
                let what = format!("{}: {}", trouble.code, trouble.reason);
                Err(EngineError::new("R1454", what))
            }
        }
    }

    fn try_run(&self, switch: &Switch, report: &dyn Fn(&Progress)) -> Result<RunOutcome, Broken> {
        let mut lanes: Lanes<'_> = Vec::new();
        for _ in 0..self.settings.lanes.max(1) {
            lanes.push(Mutex::new(self.ports.hands.lane().map_err(Broken::Lane)?));
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.settings.lanes.max(1))
            .build()
            .map_err(|e| Broken::Lane(Trouble::card("R1454", e.to_string())))?;
        let mut run = Run {
            executor: self,
            lanes,
            pool,
            control: Control::new(self.job, self.settings.stop_after_rejects),
            progress: Progress::default(),
        };
        run.clear_line()?;
        let mut directives = run.signal(Signal::Begin);
        while let Some(directive) = directives.pop() {
            directives.extend(run.obey(directive)?);
            report(&run.progress);
            let by = "the operator".to_owned();
            match switch.turned() {
                Turned::Not => {}
                Turned::Pause => drop(run.signal(Signal::Pause { by })),
                Turned::Cancel => drop(run.signal(Signal::Cancel { by })),
            }
        }
        Ok(RunOutcome {
            end: run.control.end.unwrap_or(End::Fenced),
            progress: run.progress,
        })
    }

    fn commit(&self, mut changes: Vec<Change>, audit: Vec<AuditEntry>) -> Result<(), Broken> {
        self.boundary.before(None, "record")?;
        let lap = self.watch.lap(self.ports.clock);
        changes.push(Change::Tally(self.job, lap.tally()));
        let batch = Batch {
            at: self.ports.clock.unix_seconds(),
            require: Some(Require {
                job: self.job,
                epoch: self.start.epoch,
            }),
            changes,
            audit,
        };
        self.ports.store.commit(&batch)?;
        self.watch.counted(&lap);
        Ok(())
    }
}

struct Run<'e, 'a> {
    executor: &'e Executor<'a>,
    lanes: Lanes<'e>,
    pool: rayon::ThreadPool,
    control: Control,
    progress: Progress,
}

impl Run<'_, '_> {
    fn signal(&mut self, signal: Signal) -> Vec<Directive> {
        let (next, directives) = control(&self.control, signal);
        self.control = next;
        directives
    }

    fn clear_line(&mut self) -> Result<(), Broken> {
        let executor = self.executor;
        if !executor.start.clear_line {
            return Ok(());
        }
        let key = OrderKey {
            job: executor.job,
            order: 0,
        };
        executor.commit(Vec::new(), vec![audit(ENGINE, "clear_line", key, "")])?;
        executor.boundary.before(None, "clear_line")?;
        match executor.ports.hands.clear_line() {
            Ok(_) => Ok(()),
            Err(trouble) => Err(Broken::Lane(trouble)),
        }
    }

    fn obey(&mut self, directive: Directive) -> Result<Vec<Directive>, Broken> {
        match directive {
            Directive::TakeWave | Directive::TakeMailers if self.is_held() => {
                Ok(self.signal(Signal::QueueEmpty))
            }
            Directive::TakeWave => {
                let settings = &self.executor.settings;
                let wave = settings.wave.max(1);
                let limit = self.control.wave_limit(wave, settings.lanes);
                let rows = self.store().runnable(self.executor.job, limit)?;
                self.wave(rows, false)
            }
            Directive::TakeMailers => {
                let settings = &self.executor.settings;
                let wave = settings.mailers_per_document.max(1) * settings.lanes.max(1);
                let query = OrderQuery {
                    states: self.executor.mailer_states(),
                    mailer: Some(MailerState::Pending),
                    after: 0,
                    limit: wave,
                };
                let rows = self.store().orders(self.executor.job, &query)?;
                self.wave(rows, true)
            }
            Directive::Count => self.tally(),
            Directive::RejectPlanned => {
                self.reject_planned()?;
                Ok(self.signal(Signal::PlannedRejected))
            }
            Directive::Record(change, entry) => {
                // The end of a job destroys its key: what needs it must be written before.
                if let Change::Job { to, .. } = *change
                    && matches!(to, JobState::Done | JobState::Cancelled)
                {
                    self.executor.boundary.before(None, "finish")?;
                    self.executor.ports.hands.finish().map_err(Broken::Lane)?;
                }
                match self.executor.commit(vec![*change], vec![entry]) {
                    Ok(()) => Ok(self.signal(Signal::Recorded)),
                    Err(Broken::Store(error)) if is_fence(&error) => {
                        Ok(self.signal(Signal::FencedOff))
                    }
                    Err(broken) => Err(broken),
                }
            }
        }
    }

    /// Whether the hands want nothing more to be begun; the job then knows why.
    fn is_held(&mut self) -> bool {
        match self.executor.ports.hands.may_go_on() {
            Ok(()) => false,
            Err(trouble) => {
                self.signal(Signal::Line(trouble));
                true
            }
        }
    }

    fn tally(&mut self) -> Result<Vec<Directive>, Broken> {
        let counts = self.store().counts(self.executor.job)?;
        let query = OrderQuery {
            states: vec![OrderState::Done],
            mailer: Some(MailerState::Pending),
            after: 0,
            limit: 1,
        };
        let unprinted = self.store().orders(self.executor.job, &query)?.len() as u64;
        let which = super::doubts::name_them(self.store(), self.executor.job)?;
        let planned = counts.in_state(OrderState::Planned);
        let unknown =
            counts.in_state(OrderState::Unknown) + counts.mailers_in(MailerState::Unknown);
        let others: u64 = OrderState::ALL
            .iter()
            .filter(|s| s.in_flight() || **s == OrderState::Claimed)
            .map(|s| counts.in_state(*s))
            .sum();
        Ok(self.signal(Signal::Counted {
            open: planned + unprinted,
            others: others + counts.mailers_in(MailerState::Printing),
            unknown,
            undrawn: counts.mailers_in(MailerState::Undrawn),
            which,
            held: self.executor.ports.hands.may_go_on().err(),
        }))
    }

    fn store(&self) -> &dyn Store {
        self.executor.ports.store
    }

    fn reject_planned(&mut self) -> Result<(), Broken> {
        loop {
            let rows = self.store().runnable(self.executor.job, 500)?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut changes = Vec::new();
            let mut entries = Vec::new();
            for row in rows {
                let rejected = in_state(&row.status, OrderState::Rejected);
                let to = because(rejected, "R1460", "the job was cancelled");
                changes.push(moved(row.key, &row.status, &to));
                changes.extend(without_mailer(row.key, row.mailer, row.mailer_copy));
                entries.push(audit(ENGINE, "reject_order", row.key, "R1460"));
                self.progress.rejected += 1;
            }
            self.executor.commit(changes, entries)?;
        }
    }

    fn wave(&mut self, rows: Vec<OrderRow>, mailers: bool) -> Result<Vec<Directive>, Broken> {
        if rows.is_empty() {
            return Ok(self.signal(Signal::QueueEmpty));
        }
        let epoch = self.executor.start.epoch;
        let mut slots: Vec<Slot> = rows
            .into_iter()
            .map(|row| {
                let route = Arc::clone(&self.executor.route);
                let fresh = match mailers {
                    true => State::mailer(&row, epoch, route),
                    false => State::card(&row, epoch, route),
                };
                Slot {
                    state: fresh,
                    work: Workpiece::new(row),
                    pending: Vec::new(),
                    event: Some(Event::Begin),
                    sums: Sums::default(),
                }
            })
            .collect();
        while slots.iter().any(|s| s.event.is_some()) {
            self.advance(&mut slots);
            self.record(&mut slots)?;
            self.perform(&mut slots)?;
        }
        for slot in &slots {
            self.count(&slot.state);
        }
        Ok(self.signal(Signal::WaveOver))
    }

    /// Steps every order that has an event.
    fn advance(&mut self, slots: &mut [Slot]) {
        for slot in slots {
            let Some(event) = slot.event.take() else {
                continue;
            };
            if let Event::Failed(trouble) | Event::NotDrawn(trouble) = &event
                && trouble.line
            {
                self.signal(Signal::Line(trouble.clone()));
            }
            if let Event::Fed { blank, serial, .. } = &event {
                slot.work.blank = Some((*blank, serial.clone()));
            }
            let (next, effects) = step(&slot.state, event);
            slot.state = next;
            slot.pending = effects;
            #[cfg(test)]
            self.executor
                .bugs
                .mutate(slot.state.key, &mut slot.pending, &mut slot.event);
        }
    }

    /// Makes all pending records durable in one commit. An order whose compare-and-set fails is
    /// taken out, the others are tried again: nothing of the failed commit was kept.
    fn record(&mut self, slots: &mut [Slot]) -> Result<(), Broken> {
        loop {
            let mut changes = Vec::new();
            let mut entries = Vec::new();
            for effect in slots.iter().flat_map(|slot| &slot.pending) {
                if let Effect::Record(c, e) = effect {
                    changes.extend(c.iter().cloned());
                    entries.extend(e.iter().cloned());
                }
            }
            if entries.is_empty() && changes.is_empty() {
                return Ok(());
            }
            let sums = Sums::joined(slots.iter().map(|slot| &slot.sums));
            changes.extend(sums.changes(self.executor.job));
            let refusal = match self.executor.commit(changes, entries) {
                Ok(()) => {
                    for slot in slots.iter_mut() {
                        slot.pending.retain(|e| matches!(e, Effect::Perform(_)));
                        slot.sums = Sums::default();
                    }
                    return Ok(());
                }
                Err(Broken::Store(error)) => error,
                Err(broken) => return Err(broken),
            };
            self.refused(slots, refusal)?;
        }
    }

    fn refused(&mut self, slots: &mut [Slot], refusal: StoreError) -> Result<(), Broken> {
        if refusal.code == "R1406" {
            self.signal(Signal::FencedOff);
            slots.iter_mut().for_each(|slot| turn(slot, Event::Fenced));
            return Ok(());
        }
        let Some(key) = refusal.conflict else {
            return Err(Broken::Store(refusal));
        };
        let trouble = Trouble::card(refusal.code, refusal.what.clone());
        if refusal.code == "R1410" {
            self.signal(Signal::Line(trouble.clone()));
        }
        let event = match refusal.code {
            "R1405" => Event::Fenced,
            _ => Event::Refused(trouble),
        };
        match slots
            .iter_mut()
            .find(|slot| slot.state.key == key && !slot.pending.is_empty())
        {
            Some(slot) => {
                turn(slot, event);
                Ok(())
            }
            None => Err(Broken::Store(refusal)),
        }
    }

    /// Carries out the acts that are due: the feeder one after the other in the order of the wave,
    /// so that cards meet orders the same way with any number of lanes; all others in parallel.
    fn perform(&mut self, slots: &mut [Slot]) -> Result<(), Broken> {
        let gate = self.gate(slots)?;
        for slot in slots.iter_mut() {
            let due = due(slot);
            if let Some(Act::Feed { .. }) = due {
                self.act(slot, 0)?;
            } else if due == Some(Act::CheckGate) {
                slot.pending.clear();
                slot.event = Some(gate(slot));
            }
        }
        let is_mailers = slots
            .iter()
            .any(|s| matches!(due(s), Some(Act::PrintMailer { .. })));
        if is_mailers {
            return self.print(slots);
        }
        let this = &*self;
        if self.executor.settings.lanes <= 1 {
            return slots.iter_mut().try_for_each(|slot| this.act(slot, 0));
        }
        self.pool.install(|| {
            slots
                .par_iter_mut()
                .with_max_len(1)
                .try_for_each(|slot| this.act(slot, rayon::current_thread_index().unwrap_or(0)))
        })
    }

    fn act(&self, slot: &mut Slot, lane: usize) -> Result<(), Broken> {
        let Some(act) = due(slot) else {
            return Ok(());
        };
        slot.pending.clear();
        let key = Some(slot.state.key);
        self.executor.boundary.before(key, act.name())?;
        let Some(lane) = self.lanes.get(lane) else {
            slot.event = Some(Event::Failed(broke_down()));
            return Ok(());
        };
        let mut lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
        let work = &mut slot.work;
        let clock = self.executor.ports.clock;
        let begun = clock.monotonic_us();
        let event = catch_unwind(AssertUnwindSafe(|| lane.perform(work, &act)));
        let event = event.unwrap_or_else(|_| Event::Failed(broke_down()));
        let spent = clock.monotonic_us().saturating_sub(begun);
        slot.sums.acted(act.name(), spent, &event);
        slot.sums.checked(slot.work.checks.drain(..));
        slot.event = Some(event);
        Ok(())
    }

    /// Prints documents of a fixed number of mailers, several documents at the same time.
    fn print(&self, slots: &mut [Slot]) -> Result<(), Broken> {
        let size = self.executor.settings.mailers_per_document.max(1);
        let document = |slots: &mut [Slot]| -> Result<(), Broken> {
            let lane = rayon::current_thread_index().unwrap_or(0);
            self.document(slots, lane)
        };
        if self.executor.settings.lanes <= 1 {
            return slots.chunks_mut(size).try_for_each(document);
        }
        self.pool
            .install(|| slots.par_chunks_mut(size).try_for_each(document))
    }

    fn document(&self, slots: &mut [Slot], lane: usize) -> Result<(), Broken> {
        let mut live: Vec<&mut Slot> = slots.iter_mut().filter(|s| due(s).is_some()).collect();
        let mut batch = Vec::new();
        for slot in &mut live {
            self.executor
                .boundary
                .before(Some(slot.state.key), "mailer")?;
            let row = slot.work.order.clone();
            batch.push(std::mem::replace(&mut slot.work, Workpiece::new(row)));
        }
        let lane = self.lanes.get(lane).or_else(|| self.lanes.first());
        let begun = self.executor.ports.clock.monotonic_us();
        let mut events = match lane {
            Some(lane) => {
                let mut lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
                let printed = AssertUnwindSafe(|| lane.print_mailers(&mut batch));
                catch_unwind(printed).unwrap_or_default()
            }
            None => Vec::new(),
        }
        .into_iter();
        let spent = self.executor.ports.clock.monotonic_us();
        let spent = spent.saturating_sub(begun) / (live.len().max(1) as u64);
        for slot in live {
            slot.pending.clear();
            // A lane that says less than it was asked leaves the rest in doubt.
            let event = events.next().unwrap_or(Event::Failed(broke_down()));
            slot.sums.acted("mailer", spent, &event);
            slot.event = Some(event);
        }
        Ok(())
    }

    /// The release gate: the store must still hold this card's order verified, under our epoch, in
    /// a running job. The compare-and-set that follows is the last word.
    fn gate(&self, slots: &[Slot]) -> Result<impl Fn(&Slot) -> Event + use<>, Broken> {
        let mut open: BTreeMap<OrderKey, bool> = BTreeMap::new();
        if slots.iter().any(|s| due(s) == Some(Act::CheckGate)) {
            let job = self.store().job(self.executor.job)?;
            let alive = job.state == JobState::Running && self.executor.start.epoch >= job.fence;
            for slot in slots.iter().filter(|s| due(s) == Some(Act::CheckGate)) {
                let row = self.store().order(slot.state.key)?;
                let same = row.status == slot.state.status;
                let verified = row.status.state == OrderState::Verified;
                open.insert(slot.state.key, alive && same && verified);
            }
        }
        Ok(move |slot: &Slot| match open.get(&slot.state.key) {
            Some(true) => Event::GateOpen,
            _ => Event::Failed(Trouble::card("R1455", "the release gate is closed")),
        })
    }

    fn count(&mut self, state: &State) {
        let Some(outcome) = state.outcome.clone() else {
            return;
        };
        let counter = match &outcome {
            Outcome::Done => Some(&mut self.progress.done),
            Outcome::Rejected => Some(&mut self.progress.rejected),
            Outcome::Remake => Some(&mut self.progress.remakes),
            Outcome::Unknown => Some(&mut self.progress.unknown),
            Outcome::Printed => Some(&mut self.progress.mailers),
            Outcome::Undrawn => Some(&mut self.progress.undrawn),
            Outcome::Requeued | Outcome::Fenced => None,
        };
        if let Some(counter) = counter {
            *counter += 1;
        }
        // Only a spoilt card says something about the lot of blanks; an order that never met one,
        // such as one with a wrong PIN block, must not stop the line.
        if outcome == Outcome::Rejected && state.status.blank.is_none() {
            return;
        }
        self.signal(Signal::Ended(outcome));
    }
}

impl Executor<'_> {
    #[cfg(not(test))]
    fn mailer_states(&self) -> Vec<OrderState> {
        vec![OrderState::Done]
    }

    #[cfg(test)]
    fn mailer_states(&self) -> Vec<OrderState> {
        self.bugs.mailer_states()
    }
}

fn turn(slot: &mut Slot, event: Event) {
    let (next, effects) = step(&slot.state, event);
    slot.state = next;
    slot.pending = effects;
}

fn due(slot: &Slot) -> Option<Act> {
    slot.pending.iter().find_map(|effect| match effect {
        Effect::Perform(act) => Some(act.clone()),
        Effect::Record(..) => None,
    })
}

fn broke_down() -> Trouble {
    Trouble {
        doubt: true,
        line: true,
        ..Trouble::card("R1454", "a lane broke down in the middle of an act")
    }
}

fn is_fence(error: &StoreError) -> bool {
    matches!(error.code, "R1405" | "R1406")
}
