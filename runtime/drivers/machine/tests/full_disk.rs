//! A disk that is full in the middle of a line: what was noted stays, the next act is whole again.
//!
//! The limit is the system's own, on the size of a file: a shell sets it and takes its signal away, this
//! test runs itself below it.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use cardwright_machine::{Ledger, MachineSettings, SimulatedMachine};
use cardwright_ports::{CardChannel, CardError, Machine};
use std::{path::Path, process::Command, sync::Arc};

const INSIDE: &str = "CARDWRIGHT_LEDGER_OF_A_FULL_DISK";

struct NoChip;

impl CardChannel for NoChip {
    fn reset(&mut self) -> Result<Vec<u8>, CardError> {
        Ok(vec![0x3B, 0x00])
    }
    fn transmit(&mut self, _: &[u8]) -> Result<Vec<u8>, CardError> {
        Ok(vec![0x90, 0x00])
    }
}

fn machine(folder: &Path) -> SimulatedMachine {
    let chips = Arc::new(|_: &str, _: &str| Box::new(NoChip) as Box<dyn CardChannel>);
    SimulatedMachine::open(folder, MachineSettings::default(), chips).unwrap()
}

/// Cards go through until an act can't be noted; then there is room again.
fn below_the_limit(folder: &Path) {
    let line = machine(folder);
    line.load_stock("AUR", 1_000).unwrap();
    let refused = loop {
        let through = line.feed("AUR").and_then(|card| line.eject(card.number));
        if let Err(refused) = through {
            break refused;
        }
    };
    assert_eq!(refused.code, "R1260");
    let (soft, hard) = rlimit::Resource::FSIZE.get().unwrap();
    assert!(soft < hard, "the limit is a soft one");
    rlimit::Resource::FSIZE.set(hard, hard).unwrap();
    for _ in 0..3 {
        let card = line.feed("AUR").unwrap();
        line.eject(card.number).unwrap();
    }
}

#[test]
fn a_full_disk_tears_no_line_of_the_ledger() {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return below_the_limit(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let said = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -S -f 8; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_disk_tears_no_line_of_the_ledger"])
        .env(INSIDE, folder.path())
        .output()
        .unwrap();
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stdout)
    );
    // Every line is whole: the ledger opens, and accounts for every card.
    let audit = Ledger::audit(folder.path()).unwrap();
    assert!(audit.good > 10, "{audit:?}");
    assert!(audit.holds(), "{audit:?}");
    drop(machine(folder.path()));
}
