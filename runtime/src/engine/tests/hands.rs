//! Hands over a simulated machine, with a witness that looks at the disk before every act.

use crate::engine::{Act, Event, Hands, Lane, Trouble, Workpiece};
use cardwright_machine::{MachineSettings, SimulatedMachine};
use cardwright_ports::machine::{Coercivity, EmbossedLine, Machine, Place, PrintedPanel, Side};
use cardwright_ports::store::{CardData, JobState, MailerState, OrderKey, OrderState};
use cardwright_ports::{CardChannel, CardError, MachineError, Store};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

struct NoChip;

impl CardChannel for NoChip {
    fn reset(&mut self) -> Result<Vec<u8>, CardError> {
        Ok(vec![0x3B, 0x00])
    }
    fn transmit(&mut self, _: &[u8]) -> Result<Vec<u8>, CardError> {
        Ok(vec![0x90, 0x00])
    }
}

pub(crate) fn machine(folder: &Path) -> Arc<SimulatedMachine> {
    let chips = Arc::new(|_: &str, _: &str| Box::new(NoChip) as Box<dyn CardChannel>);
    let settings = MachineSettings::default();
    Arc::new(SimulatedMachine::open(folder, settings, chips).unwrap())
}

/// The printer's own paper: what was physically printed.
#[derive(Default)]
pub(crate) struct Forms {
    pub(crate) printed: Mutex<Vec<(OrderKey, u32)>>,
    /// Order numbers whose next mailer is printed and loses its status, or jams before printing.
    pub(crate) lost: Mutex<BTreeSet<u64>>,
    pub(crate) jammed: Mutex<BTreeSet<u64>>,
    /// Order numbers whose next mailer can't be drawn.
    pub(crate) undrawable: Mutex<BTreeSet<u64>>,
}

pub(crate) type Reader = Arc<dyn Fn() -> Arc<dyn Store> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct FakeHands {
    pub(crate) machine: Arc<SimulatedMachine>,
    pub(crate) forms: Arc<Forms>,
    /// Orders whose first attempt does not validate.
    pub(crate) spoilt: BTreeSet<u64>,
    /// Orders that another card would not mend.
    pub(crate) hopeless: BTreeSet<u64>,
    /// What is on disk; the witness compares it with the act that is about to happen.
    pub(crate) disk: Option<Reader>,
    pub(crate) violations: Arc<Mutex<Vec<String>>>,
    /// Audit entries that were there when the process last died.
    pub(crate) crashed_at: Option<u64>,
    pub(crate) clears: bool,
}

impl Hands for FakeHands {
    fn lane(&self) -> Result<Box<dyn Lane + '_>, Trouble> {
        Ok(Box::new(FakeLane(self)))
    }

    fn clear_line(&self) -> Result<Vec<u64>, Trouble> {
        let blanks = self.machine.in_slots().map_err(trouble)?;
        for blank in blanks.iter().filter(|_| self.clears) {
            take_out(&self.machine, *blank, "R1462");
        }
        Ok(blanks)
    }
}

struct FakeLane<'h>(&'h FakeHands);

impl Lane for FakeLane<'_> {
    fn perform(&mut self, work: &mut Workpiece, act: &Act) -> Event {
        self.0.witness(work, act);
        let key = work.order.key;
        if *act == Act::Generate {
            let mut fingerprint = [0u8; 32];
            fingerprint[0] = u8::try_from(key.order).unwrap();
            return Event::Generated(Some(CardData {
                sealed: key.order.to_be_bytes().to_vec(),
                fingerprint,
                pooled: Vec::new(),
            }));
        }
        if let Act::Feed { stock } = act {
            return match self.0.machine.feed(stock) {
                Ok(blank) => Event::Fed {
                    blank: blank.number,
                    serial: blank.serial,
                    duration_us: blank.duration_us,
                },
                Err(error) => Event::Failed(Trouble {
                    line: true,
                    ..trouble(error)
                }),
            };
        }
        if matches!(act, Act::PrintMailer { .. })
            && self.0.forms.undrawable.lock().unwrap().remove(&key.order)
        {
            return Event::NotDrawn(Trouble::card("R1236", "the text has no room"));
        }
        match self.0.act(work, act) {
            Ok(duration_us) => Event::Did {
                duration_us,
                note: None,
            },
            Err(trouble) => Event::Failed(trouble),
        }
    }
}

impl FakeHands {
    fn act(&self, work: &Workpiece, act: &Act) -> Result<u64, Trouble> {
        let key = work.order.key;
        let blank = work.blank.as_ref().map_or(0, |b| b.0);
        let track2 = format!("{:016}=2912201", 4_000_000_000 + key.order);
        let machine = &self.machine;
        match act {
            Act::WriteChip { .. } => machine.chip_done(blank).map_err(trouble),
            Act::Encode { .. } => machine
                .encode(blank, None, Some(&track2), Coercivity::High)
                .map_err(trouble),
            Act::ReadStripe { .. } => {
                let read = machine.read_stripe(blank).map_err(trouble)?;
                same(read.track2.as_deref() == Some(&track2)).map(|()| read.duration_us)
            }
            Act::Emboss { .. } => {
                let text = track2;
                let lines = [EmbossedLine { line: 1, text }];
                machine.emboss(blank, &lines).map_err(trouble)
            }
            Act::Print { .. } => {
                let panel = PrintedPanel {
                    side: Side::Back,
                    name: "name".to_owned(),
                    text: format!("order {}", key.order),
                };
                machine.print(blank, &[panel], &[]).map_err(trouble)
            }
            Act::Vision { .. } => {
                let read = machine.vision(blank).map_err(trouble)?;
                same(read.lines.iter().all(|l| l.text == track2)).map(|()| read.duration_us)
            }
            Act::Validate => {
                let first = self.spoilt.contains(&key.order) && work.order.status.attempt == 1;
                same(!first && !self.hopeless.contains(&key.order)).map(|()| 1)
            }
            Act::Carrier { .. } => {
                let reference = format!("{}-{}", key.job, key.order);
                machine.carrier(blank, &reference).map_err(trouble)
            }
            Act::Insert { .. } => machine.insert(blank, "C5").map_err(trouble),
            Act::Eject => machine.eject(blank).map_err(trouble),
            Act::Reject { bin, code } => machine.reject(blank, bin, code).map_err(trouble),
            Act::PrintMailer { copy } => self.print(key, *copy),
            Act::Generate | Act::Feed { .. } | Act::CheckGate => unreachable!("{act:?}"),
        }
    }

    fn print(&self, key: OrderKey, copy: u32) -> Result<u64, Trouble> {
        let lost = Trouble {
            doubt: true,
            ..Trouble::card("R1266", "the printer lost its status")
        };
        if self.forms.jammed.lock().unwrap().remove(&key.order) {
            return Err(lost);
        }
        self.forms.printed.lock().unwrap().push((key, copy));
        match self.forms.lost.lock().unwrap().remove(&key.order) {
            true => Err(lost),
            false => Ok(1),
        }
    }

    /// Durable before the act: the disk must announce what is about to happen (I5, I7).
    fn witness(&self, work: &Workpiece, act: &Act) {
        let Some(disk) = &self.disk else { return };
        let disk = disk();
        let Ok(row) = disk.order(work.order.key) else {
            let what = format!("{} while the disk has no such order", act.name());
            return self.violations.lock().unwrap().push(what);
        };
        let state = row.status.state;
        let fits = match act {
            Act::Generate | Act::Feed { .. } => state == OrderState::Claimed,
            Act::Carrier { .. } | Act::Insert { .. } => state == OrderState::Verified,
            Act::Eject => state == OrderState::ReleaseGranted,
            Act::Reject { .. } => matches!(state, OrderState::Exception | OrderState::Claimed),
            Act::PrintMailer { copy } => {
                state == OrderState::Done
                    && row.mailer == MailerState::Printing
                    && row.mailer_copy == *copy
            }
            _ => state == OrderState::Writing,
        };
        let authorized = match self.crashed_at {
            None => true,
            Some(after) => disk
                .audit(after, usize::MAX)
                .unwrap()
                .iter()
                .any(|r| r.entry.act == "authorize"),
        };
        let running = disk.job(work.order.key.job).unwrap().state == JobState::Running;
        if !(fits && authorized && running) {
            let what = format!(
                "{} of order {} while the disk says {} (authorized {authorized})",
                act.name(),
                work.order.key.order,
                state.name()
            );
            self.violations.lock().unwrap().push(what);
        }
    }
}

/// People do not give up when a bin jams.
pub(crate) fn take_out(machine: &SimulatedMachine, blank: u64, code: &str) {
    for _ in 0..5 {
        if machine.where_is(blank).unwrap() == Place::Slot {
            machine.reject(blank, "unknown", code).ok();
        }
    }
}

fn same(holds: bool) -> Result<(), Trouble> {
    match holds {
        true => Ok(()),
        false => Err(Trouble {
            retryable: true,
            ..Trouble::card("R1299", "read back is not what was written")
        }),
    }
}

fn trouble(error: MachineError) -> Trouble {
    Trouble {
        code: error.code.to_owned(),
        reason: error.what,
        doubt: error.doubt,
        retryable: true,
        line: false,
    }
}
