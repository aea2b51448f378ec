//! The machine itself.

use crate::chip::Contacts;
use crate::codes::error;
use crate::faults::{Act, Fault, FaultKind, FaultPlan};
use crate::ledger::{JobBlanks, Ledger, LedgerAudit, Line, Situation};
use cardwright_ports::machine::{
    Blank, BlankNumber, Coercivity, EmbossedLine, MachineInfo, Place, PrintedPanel, PrintedPicture,
    Side, StripeRead, VisionRead,
};
use cardwright_ports::{CardChannel, Machine, MachineError};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

/// Makes the chip of a fresh card from its stock and its serial.
pub type ChipFactory = Arc<dyn Fn(&str, &str) -> Box<dyn CardChannel> + Send + Sync>;

/// ISO/IEC 7811-6: 79 and 40 characters on tracks 1 and 2, sentinels and LRC among them.
const TRACK_CHARACTERS: [usize; 2] = [79, 40];
const TEXT_CHARACTERS: usize = 256;
const MARKS: usize = 64;
const PICTURE_OCTETS: usize = 8 << 20;

/// What a simulated machine is made like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineSettings {
    /// Places for cards inside.
    pub slots: u32,
    /// Reject bins.
    pub bins: Vec<String>,
}

impl Default for MachineSettings {
    fn default() -> Self {
        Self {
            slots: 4096,
            bins: vec!["reject".to_owned(), "unknown".to_owned()],
        }
    }
}

/// A simulated line.
pub struct SimulatedMachine {
    settings: MachineSettings,
    chips: ChipFactory,
    serial_prefix: String,
    inner: Mutex<Inner>,
}

struct Inner {
    ledger: Ledger,
    situation: Situation,
    faults: FaultPlan,
    slots: BTreeMap<BlankNumber, Slot>,
}

/// What is on a card, as long as it is inside. Gone with the process: a card that is found in a
/// slot after a restart can be rejected, not finished.
#[derive(Default)]
struct Slot {
    stock: String,
    contacts: Option<Contacts>,
    track1: Option<String>,
    track2: Option<String>,
    lines: Vec<EmbossedLine>,
    panels: Vec<PrintedPanel>,
}

impl SimulatedMachine {
    /// Switches a machine on; its ledger lives in `folder`.
    pub fn open(
        folder: &Path,
        settings: MachineSettings,
        chips: ChipFactory,
    ) -> Result<Self, MachineError> {
        let (ledger, situation) = Ledger::open(folder)?;
        // Hexadecimal that begins with a letter, so that nobody takes it for a card number.
        let random = ledger.keyed(&[b"serial prefix"])?;
        let serial_prefix = "C".chars().chain(random.chars().take(7)).collect();
        let slots = situation
            .resident
            .keys()
            .map(|blank| (*blank, Slot::default()))
            .collect();
        Ok(Self {
            settings,
            chips,
            serial_prefix,
            inner: Mutex::new(Inner {
                ledger,
                situation,
                faults: FaultPlan::default(),
                slots,
            }),
        })
    }

    /// Puts cards into a stock, counted.
    pub fn load_stock(&self, stock: &str, count: u64) -> Result<(), MachineError> {
        limit(stock.len(), TEXT_CHARACTERS, "a stock's name")?;
        let line = Line {
            act: "load".to_owned(),
            stock: Some(stock.to_owned()),
            count: Some(count),
            ..Line::default()
        };
        self.lock()?.note(line)
    }

    /// Tells the machine which job the cards belong to that are fed from now on.
    pub fn begin_job(&self, job: u64) -> Result<(), MachineError> {
        let mut inner = self.lock()?;
        if inner.situation.job == job {
            return Ok(());
        }
        inner.note(Line {
            act: "job".to_owned(),
            job: Some(job),
            ..Line::default()
        })
    }

    /// A job's cards as the ledger counts them, over all the times that the job ran.
    pub fn blanks_of(&self, job: u64) -> Result<JobBlanks, MachineError> {
        Ok(self.lock()?.situation.blanks_of(job))
    }

    /// Plans a fault; for tests.
    pub fn inject(&self, fault: Fault) -> Result<(), MachineError> {
        self.lock()?.faults.add(fault);
        Ok(())
    }

    /// Audits the ledger as it stands.
    pub fn audit(&self) -> Result<LedgerAudit, MachineError> {
        let folder = self.lock()?.ledger.folder().to_path_buf();
        Ledger::audit(&folder)
    }

    fn lock(&self) -> Result<MutexGuard<'_, Inner>, MachineError> {
        self.inner
            .lock()
            .map_err(|_| error("R1260", "the machine stopped in the middle of an act", true))
    }

    /// A writing act: fault plan, then ledger, then the card.
    fn write(
        &self,
        blank: BlankNumber,
        act: Act,
        content: &[&[u8]],
        change: impl FnOnce(&mut Slot),
    ) -> Result<u64, MachineError> {
        let mut inner = self.lock()?;
        inner.resident(blank)?;
        let fault = inner.faults.due(act);
        stop_before(fault, act, blank)?;
        if act == Act::Carrier && fault == Some(FaultKind::WrongReadBack) {
            let what = format!("the carrier's barcode is not that of card {blank}'s order");
            return Err(error("R1269", what, false));
        }
        let mark = match content.is_empty() {
            true => None,
            false => Some(inner.ledger.keyed(content)?),
        };
        inner.note(Line {
            act: act.name().to_owned(),
            blank: Some(blank),
            mark,
            ..Line::default()
        })?;
        change(inner.slots.entry(blank).or_default());
        stop_after(fault, act, blank)
    }

    fn leave(&self, blank: BlankNumber, act: Act, mut line: Line) -> Result<u64, MachineError> {
        let mut inner = self.lock()?;
        inner.resident(blank)?;
        let fault = inner.faults.due(act);
        stop_before(fault, act, blank)?;
        if act == Act::Eject {
            let parts = inner.situation.identity_parts(blank);
            let parts: Vec<&[u8]> = parts.iter().map(|p| p.as_bytes()).collect();
            if !parts.is_empty() {
                line.mark = Some(inner.ledger.keyed(&parts)?);
            }
        }
        line.act = act.name().to_owned();
        line.blank = Some(blank);
        inner.note(line)?;
        if let Some(contacts) = inner.slots.remove(&blank).and_then(|slot| slot.contacts) {
            contacts.lift();
        }
        stop_after(fault, act, blank)
    }
}

impl Inner {
    fn note(&mut self, line: Line) -> Result<(), MachineError> {
        self.ledger.append(&line)?;
        self.situation.apply(&line);
        Ok(())
    }

    fn resident(&self, blank: BlankNumber) -> Result<(), MachineError> {
        match self.situation.resident.contains_key(&blank) {
            true => Ok(()),
            false => {
                let what = format!("card {blank} is not in a slot");
                Err(error("R1263", what, false))
            }
        }
    }
}

impl Machine for SimulatedMachine {
    fn describe(&self) -> MachineInfo {
        let stations = [
            "feed", "chip", "stripe", "emboss", "print", "vision", "carrier", "insert",
        ];
        MachineInfo {
            name: "Cardwright simulated line".to_owned(),
            simulated: true,
            slots: self.settings.slots,
            stations: stations.iter().map(|s| (*s).to_owned()).collect(),
            bins: self.settings.bins.clone(),
        }
    }

    fn stock_level(&self, stock: &str) -> Result<u64, MachineError> {
        let inner = self.lock()?;
        match inner.situation.stocks.get(stock) {
            Some(level) => Ok(*level),
            None => Err(no_stock(stock)),
        }
    }

    fn feed(&self, stock: &str) -> Result<Blank, MachineError> {
        let mut inner = self.lock()?;
        match inner.situation.stocks.get(stock) {
            None => return Err(no_stock(stock)),
            Some(0) => {
                let what = format!("stock {} is empty", short(stock));
                return Err(error("R1261", what, false));
            }
            Some(_) => {}
        }
        if inner.situation.resident.len() >= self.settings.slots as usize {
            let what = format!("all {} slots hold a card", self.settings.slots);
            return Err(error("R1264", what, false));
        }
        let number = inner.situation.fed.saturating_add(1);
        let fault = inner.faults.due(Act::Feed);
        stop_before(fault, Act::Feed, number)?;
        let serial = format!("{}{number:08X}", self.serial_prefix.to_uppercase());
        inner.note(Line {
            act: "feed".to_owned(),
            blank: Some(number),
            stock: Some(stock.to_owned()),
            mark: Some(serial.clone()),
            ..Line::default()
        })?;
        let slot = Slot {
            stock: stock.to_owned(),
            ..Slot::default()
        };
        inner.slots.insert(number, slot);
        let duration_us = stop_after(fault, Act::Feed, number)?;
        Ok(Blank {
            number,
            serial,
            duration_us,
        })
    }

    fn chip(&self, blank: BlankNumber) -> Result<Box<dyn CardChannel>, MachineError> {
        let mut inner = self.lock()?;
        inner.resident(blank)?;
        let serial = inner.situation.resident.get(&blank);
        let serial = serial.map(|card| card.serial.clone()).unwrap_or_default();
        let slot = inner.slots.entry(blank).or_default();
        let contacts = slot
            .contacts
            .get_or_insert_with(|| Contacts::new((self.chips)(&slot.stock, &serial)));
        contacts.channel()
    }

    fn chip_done(&self, blank: BlankNumber) -> Result<u64, MachineError> {
        self.write(blank, Act::Chip, &[], |_| {})
    }

    fn encode(
        &self,
        blank: BlankNumber,
        track1: Option<&str>,
        track2: Option<&str>,
        coercivity: Coercivity,
    ) -> Result<u64, MachineError> {
        for (track, most) in [track1, track2].into_iter().zip(TRACK_CHARACTERS) {
            limit(track.map_or(0, |t| t.chars().count()), most, "a track")?;
        }
        let one = track1.unwrap_or("").as_bytes();
        let two = track2.unwrap_or("").as_bytes();
        let force: &[u8] = match coercivity {
            Coercivity::High => b"high",
            Coercivity::Low => b"low",
        };
        self.write(blank, Act::Encode, &[b"stripe", one, two, force], |slot| {
            slot.track1 = track1.map(str::to_owned);
            slot.track2 = track2.map(str::to_owned);
        })
    }

    fn read_stripe(&self, blank: BlankNumber) -> Result<StripeRead, MachineError> {
        let mut inner = self.lock()?;
        inner.resident(blank)?;
        let fault = inner.faults.due(Act::ReadStripe);
        stop_before(fault, Act::ReadStripe, blank)?;
        let duration_us = stop_after(fault, Act::ReadStripe, blank)?;
        let slot = inner.slots.entry(blank).or_default();
        let mut read = StripeRead {
            track1: slot.track1.clone(),
            track2: slot.track2.clone(),
            duration_us,
        };
        if fault == Some(FaultKind::WrongReadBack) {
            read.track2 = read.track2.map(|t| spoil(&t));
            read.track1 = read.track1.map(|t| spoil(&t));
        }
        Ok(read)
    }

    fn emboss(&self, blank: BlankNumber, lines: &[EmbossedLine]) -> Result<u64, MachineError> {
        limit(lines.len(), MARKS, "the number of embossed lines")?;
        let mut content: Vec<&[u8]> = vec![b"emboss"];
        for line in lines {
            limit(
                line.text.chars().count(),
                TEXT_CHARACTERS,
                "an embossed line",
            )?;
            content.push(line.text.as_bytes());
        }
        self.write(blank, Act::Emboss, &content, |slot| {
            slot.lines.extend(lines.iter().cloned());
        })
    }

    fn print(
        &self,
        blank: BlankNumber,
        panels: &[PrintedPanel],
        pictures: &[PrintedPicture],
    ) -> Result<u64, MachineError> {
        limit(panels.len(), MARKS, "the number of panels")?;
        limit(pictures.len(), MARKS, "the number of pictures")?;
        let mut content: Vec<&[u8]> = vec![b"print"];
        for panel in panels {
            limit(panel.text.chars().count(), TEXT_CHARACTERS, "a panel")?;
            let side: &[u8] = match panel.side {
                Side::Front => b"front",
                Side::Back => b"back",
            };
            content.extend([side, panel.name.as_bytes(), panel.text.as_bytes()]);
        }
        for picture in pictures {
            let octets = picture.picture.expose();
            limit(octets.len(), PICTURE_OCTETS, "a picture")?;
            content.extend([b"picture", octets]);
        }
        self.write(blank, Act::Print, &content, |slot| {
            slot.panels.extend(panels.iter().cloned());
        })
    }

    fn vision(&self, blank: BlankNumber) -> Result<VisionRead, MachineError> {
        let mut inner = self.lock()?;
        inner.resident(blank)?;
        let fault = inner.faults.due(Act::Vision);
        stop_before(fault, Act::Vision, blank)?;
        let duration_us = stop_after(fault, Act::Vision, blank)?;
        let slot = inner.slots.entry(blank).or_default();
        let mut read = VisionRead {
            lines: slot.lines.clone(),
            panels: slot.panels.clone(),
            duration_us,
        };
        if fault == Some(FaultKind::WrongReadBack) {
            read.lines.iter_mut().for_each(|l| l.text = spoil(&l.text));
            read.panels.iter_mut().for_each(|p| p.text = spoil(&p.text));
        }
        Ok(read)
    }

    fn carrier(&self, blank: BlankNumber, reference: &str) -> Result<u64, MachineError> {
        limit(reference.chars().count(), TEXT_CHARACTERS, "a reference")?;
        let content: [&[u8]; 2] = [b"carrier", reference.as_bytes()];
        self.write(blank, Act::Carrier, &content, |_| {})
    }

    fn insert(&self, blank: BlankNumber, envelope: &str) -> Result<u64, MachineError> {
        limit(
            envelope.chars().count(),
            TEXT_CHARACTERS,
            "an envelope's name",
        )?;
        self.write(blank, Act::Insert, &[], |_| {})
    }

    fn eject(&self, blank: BlankNumber) -> Result<u64, MachineError> {
        self.leave(blank, Act::Eject, Line::default())
    }

    fn reject(
        &self,
        blank: BlankNumber,
        bin: &str,
        reason_code: &str,
    ) -> Result<u64, MachineError> {
        limit(reason_code.len(), 16, "a reason's code")?;
        if !self.settings.bins.iter().any(|b| b == bin) {
            let what = format!("no bin is called {}", short(bin));
            return Err(error("R1267", what, false));
        }
        let line = Line {
            bin: Some(bin.to_owned()),
            code: Some(reason_code.to_owned()),
            ..Line::default()
        };
        self.leave(blank, Act::Reject, line)
    }

    fn where_is(&self, blank: BlankNumber) -> Result<Place, MachineError> {
        let inner = self.lock()?;
        match inner.situation.resident.contains_key(&blank) {
            true => Ok(Place::Slot),
            false => inner.ledger.whereabouts(blank),
        }
    }

    fn in_slots(&self) -> Result<Vec<BlankNumber>, MachineError> {
        Ok(self.lock()?.situation.resident.keys().copied().collect())
    }
}

fn stop_before(fault: Option<FaultKind>, act: Act, blank: u64) -> Result<(), MachineError> {
    match fault {
        Some(FaultKind::Fails) => {
            let what = format!("{} of card {blank} was not done", act.name());
            Err(error("R1265", what, false))
        }
        Some(FaultKind::JamBefore) => Err(lost(act, blank)),
        _ => Ok(()),
    }
}

fn stop_after(fault: Option<FaultKind>, act: Act, blank: u64) -> Result<u64, MachineError> {
    match fault {
        Some(FaultKind::DoneStatusLost) => Err(lost(act, blank)),
        _ => Ok(act.duration_us()),
    }
}

fn lost(act: Act, blank: u64) -> MachineError {
    let what = format!("{} of card {blank} gave no status", act.name());
    error("R1266", what, true)
}

fn no_stock(stock: &str) -> MachineError {
    error(
        "R1262",
        format!("no stock is called {}", short(stock)),
        false,
    )
}

fn limit(found: usize, most: usize, what: &str) -> Result<(), MachineError> {
    if found > most {
        let what = format!("{what} has {found} where {most} fit");
        return Err(error("R1268", what, false));
    }
    Ok(())
}

fn short(name: &str) -> String {
    name.chars().take(40).collect()
}

/// Another text of the same length.
fn spoil(text: &str) -> String {
    let mut spoilt: String = text.chars().skip(1).collect();
    spoilt.push(if text.starts_with('?') { '!' } else { '?' });
    spoilt
}
