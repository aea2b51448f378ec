//! The machine as a user of its port sees it: stock, restart, faults, oracle.

#![allow(clippy::unwrap_used)]

use cardwright_machine::{Act, Fault, FaultKind, Ledger, MachineSettings, SimulatedMachine};
use cardwright_ports::machine::{Coercivity, EmbossedLine, Place, PrintedPanel, Side};
use cardwright_ports::{CardChannel, CardError, Machine};
use std::path::Path;
use std::sync::Arc;

/// A chip that counts its commands, to see that one card has one chip.
struct CountingChip(u8);

impl CardChannel for CountingChip {
    fn reset(&mut self) -> Result<Vec<u8>, CardError> {
        Ok(vec![0x3B, 0x00])
    }
    fn transmit(&mut self, _: &[u8]) -> Result<Vec<u8>, CardError> {
        self.0 += 1;
        Ok(vec![self.0, 0x90, 0x00])
    }
}

fn machine(folder: &Path) -> SimulatedMachine {
    let chips = Arc::new(|_: &str, _: &str| Box::new(CountingChip(0)) as Box<dyn CardChannel>);
    SimulatedMachine::open(folder, MachineSettings::default(), chips).unwrap()
}

fn stripe(machine: &SimulatedMachine, blank: u64, track2: &str) {
    machine
        .encode(blank, None, Some(track2), Coercivity::High)
        .unwrap();
}

#[test]
fn a_stock_is_counted_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let line = machine(folder.path());
    assert_eq!(line.feed("AUR").unwrap_err().code, "R1262");
    line.load_stock("AUR", 2).unwrap();
    let first = line.feed("AUR").unwrap();
    let second = line.feed("AUR").unwrap();
    assert_ne!(first.serial, second.serial);
    assert_eq!(line.stock_level("AUR").unwrap(), 0);
    assert_eq!(line.feed("AUR").unwrap_err().code, "R1261");
}

#[test]
fn a_card_has_one_chip_until_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let line = machine(folder.path());
    line.load_stock("AUR", 1).unwrap();
    let card = line.feed("AUR").unwrap();
    let mut one = line.chip(card.number).unwrap();
    assert_eq!(one.transmit(&[0]).unwrap(), [1, 0x90, 0]);
    let mut other = line.chip(card.number).unwrap();
    assert_eq!(other.transmit(&[0]).unwrap(), [2, 0x90, 0]);
    line.eject(card.number).unwrap();
    assert_eq!(one.transmit(&[0]).unwrap_err().code, "R1263");
    assert_eq!(line.eject(card.number).unwrap_err().code, "R1263");
}

#[test]
fn the_ledger_survives_the_process_and_a_torn_line() {
    let folder = tempfile::tempdir().unwrap();
    let line = machine(folder.path());
    line.load_stock("AUR", 5).unwrap();
    let numbers: Vec<u64> = (0..3).map(|_| line.feed("AUR").unwrap().number).collect();
    line.eject(numbers[0]).unwrap();
    line.reject(numbers[1], "reject", "R1265").unwrap();
    drop(line);
    let path = folder.path().join("ledger.jsonl");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(br#"{"act":"eject","bla"#);
    std::fs::write(&path, bytes).unwrap();

    let line = machine(folder.path());
    assert_eq!(line.in_slots().unwrap(), [numbers[2]]);
    assert_eq!(line.where_is(numbers[0]).unwrap(), Place::Ejected);
    let bin = "reject".to_owned();
    assert_eq!(line.where_is(numbers[1]).unwrap(), Place::Rejected { bin });
    assert_eq!(line.where_is(99).unwrap(), Place::Unknown);
    assert_eq!(line.stock_level("AUR").unwrap(), 2);
    assert_eq!(line.feed("AUR").unwrap().number, 4);
    let audit = line.audit().unwrap();
    assert!(audit.holds(), "{audit:?}");
    assert_eq!((audit.issued, audit.good, audit.rejected), (4, 1, 1));
    assert_eq!((audit.in_machine, audit.in_stock), (2, 1));
}

#[test]
fn two_good_cards_with_the_same_content_are_found_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let line = machine(folder.path());
    line.load_stock("AUR", 9).unwrap();
    let first = line.feed("AUR").unwrap().number;
    stripe(&line, first, "4761739001010010=2912201");
    line.eject(first).unwrap();
    let second = line.feed("AUR").unwrap().number;
    stripe(&line, second, "4761739001010010=2912201");
    let spoilt = line.feed("AUR").unwrap().number;
    stripe(&line, spoilt, "4761739001010010=2912201");
    line.reject(spoilt, "reject", "R1265").unwrap();
    drop(line);
    let line = machine(folder.path());
    assert!(line.audit().unwrap().duplicates.is_empty());
    line.eject(second).unwrap();
    let audit = Ledger::audit(folder.path()).unwrap();
    assert_eq!(audit.duplicates.len(), 1);
    assert_eq!(audit.duplicates[0].second, second);
    assert!(!audit.holds());
}

#[test]
fn no_content_reaches_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let line = machine(folder.path());
    line.load_stock("AUR", 1).unwrap();
    let card = line.feed("AUR").unwrap().number;
    stripe(&line, card, "4761739001010010=2912201");
    let text = "4761 7390 0101 0010".to_owned();
    line.emboss(card, &[EmbossedLine { line: 1, text }])
        .unwrap();
    let panel = PrintedPanel {
        side: Side::Back,
        name: "cvv2".to_owned(),
        text: "987".to_owned(),
    };
    line.print(card, &[panel], &[]).unwrap();
    let seen = line.vision(card).unwrap();
    assert_eq!(seen.lines[0].text, "4761 7390 0101 0010");
    assert_eq!(seen.panels[0].text, "987");
    line.eject(card).unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("47617390") && !text.contains("4761 7390"));
        assert!(!text.contains("\"987\""));
    }
}

#[test]
fn faults_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let line = machine(folder.path());
    line.load_stock("AUR", 4).unwrap();
    let plan = [
        (Act::Eject, 1, FaultKind::Fails),
        (Act::Eject, 2, FaultKind::DoneStatusLost),
        (Act::Reject, 1, FaultKind::JamBefore),
        (Act::ReadStripe, 2, FaultKind::WrongReadBack),
    ];
    for (act, nth, kind) in plan {
        line.inject(Fault { act, nth, kind }).unwrap();
    }
    let card = line.feed("AUR").unwrap().number;
    stripe(&line, card, "1=2");
    assert_eq!(line.read_stripe(card).unwrap().track2.unwrap(), "1=2");
    assert_ne!(line.read_stripe(card).unwrap().track2.unwrap(), "1=2");
    let failed = line.eject(card).unwrap_err();
    assert_eq!((failed.code, failed.doubt), ("R1265", false));
    assert_eq!(line.where_is(card).unwrap(), Place::Slot);
    let lost = line.eject(card).unwrap_err();
    assert_eq!((lost.code, lost.doubt), ("R1266", true));
    assert_eq!(line.where_is(card).unwrap(), Place::Ejected);
    let other = line.feed("AUR").unwrap().number;
    assert!(line.reject(other, "reject", "R1").unwrap_err().doubt);
    assert_eq!(line.where_is(other).unwrap(), Place::Slot);
}

#[test]
fn too_long_values_are_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let line = machine(folder.path());
    line.load_stock("AUR", 1).unwrap();
    let card = line.feed("AUR").unwrap().number;
    let long = "1".repeat(41);
    let refused = line.encode(card, None, Some(&long), Coercivity::Low);
    assert_eq!(refused.unwrap_err().code, "R1268");
    assert_eq!(line.reject(card, "floor", "R1").unwrap_err().code, "R1267");
    assert_eq!(line.read_stripe(card).unwrap().track2, None);
}

#[test]
fn a_full_machine_feeds_nothing_until_a_card_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let chips = Arc::new(|_: &str, _: &str| Box::new(CountingChip(0)) as Box<dyn CardChannel>);
    let settings = MachineSettings {
        slots: 2,
        ..MachineSettings::default()
    };
    let line = SimulatedMachine::open(folder.path(), settings, chips).unwrap();
    line.load_stock("AUR", 5).unwrap();
    let first = line.feed("AUR").unwrap().number;
    line.feed("AUR").unwrap();
    let refused = line.feed("AUR").unwrap_err();
    assert_eq!((refused.code, refused.doubt), ("R1264", false));
    assert!(refused.what.contains('2'), "{refused}");
    assert_eq!(line.stock_level("AUR").unwrap(), 3, "no card was lost");
    line.eject(first).unwrap();
    line.feed("AUR").unwrap();
}

#[test]
fn a_carrier_of_another_order_gets_no_card() {
    let folder = tempfile::tempdir().unwrap();
    let line = machine(folder.path());
    line.load_stock("AUR", 1).unwrap();
    let card = line.feed("AUR").unwrap().number;
    line.inject(Fault {
        act: Act::Carrier,
        nth: 1,
        kind: FaultKind::WrongReadBack,
    })
    .unwrap();
    let refused = line.carrier(card, "J00001-0000001").unwrap_err();
    assert_eq!((refused.code, refused.doubt), ("R1269", false));
    let ledger = std::fs::read_to_string(folder.path().join("ledger.jsonl")).unwrap();
    assert!(!ledger.contains("carrier"), "nothing was affixed");
    line.carrier(card, "J00001-0000001").unwrap();
}

fn refused(folder: &Path) -> &'static str {
    let chips = Arc::new(|_: &str, _: &str| Box::new(CountingChip(0)) as Box<dyn CardChannel>);
    let opened = SimulatedMachine::open(folder, MachineSettings::default(), chips);
    opened.err().map_or("accepted", |error| error.code)
}

#[test]
fn a_machine_without_its_ledger_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"no folder").unwrap();
    assert_eq!(refused(&file), "R1260");
    let line = machine(folder.path());
    line.load_stock("AUR", 3).unwrap();
    line.feed("AUR").unwrap();
    drop(line);
    let path = folder.path().join("ledger.jsonl");
    let whole = std::fs::read_to_string(&path).unwrap();
    // A line in the middle that is no act: what else it hides, nobody knows.
    for damage in [
        whole.replacen("load", "lo\u{0}ad\"", 1),
        whole.replacen('{', "[", 1),
        format!("{{\"act\":\"{}\"}}\n{whole}", "x".repeat(5_000)),
    ] {
        std::fs::write(&path, damage).unwrap();
        assert_eq!(refused(folder.path()), "R1260");
        assert_eq!(Ledger::audit(folder.path()).unwrap_err().code, "R1260");
    }
    std::fs::write(&path, &whole).unwrap();
    std::fs::write(folder.path().join("ledger.key"), "no key").unwrap();
    assert_eq!(refused(folder.path()), "R1260");
}

/// The ledger's disk is full: nothing is done that can't be noted.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_moves_no_card() {
    let folder = tempfile::tempdir().unwrap();
    drop(machine(folder.path()));
    let path = folder.path().join("ledger.jsonl");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    // The device reads as endless zeros without a line, so that the ledger seems new and empty.
    let chips = Arc::new(|_: &str, _: &str| Box::new(CountingChip(0)) as Box<dyn CardChannel>);
    let line = SimulatedMachine::open(folder.path(), MachineSettings::default(), chips);
    let line = match line {
        Ok(line) => line,
        Err(error) => return assert_eq!(error.code, "R1260"),
    };
    assert_eq!(line.load_stock("AUR", 3).unwrap_err().code, "R1260");
    assert_eq!(
        line.feed("AUR").unwrap_err().code,
        "R1262",
        "no stock came in"
    );
}
