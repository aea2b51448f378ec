//! Faults as data: which act, the how-manieth, and what goes wrong.

use std::collections::BTreeMap;

/// A physical act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Card out of the stock.
    Feed,
    /// Chip contact.
    Chip,
    /// Stripe written.
    Encode,
    /// Stripe read.
    ReadStripe,
    /// Embossed.
    Emboss,
    /// Printed.
    Print,
    /// Looked at.
    Vision,
    /// Affixed to its carrier.
    Carrier,
    /// Put into an envelope.
    Insert,
    /// Left as good.
    Eject,
    /// Dropped into a bin.
    Reject,
}

impl Act {
    /// The name in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Act::Feed => "feed",
            Act::Chip => "chip",
            Act::Encode => "encode",
            Act::ReadStripe => "read_stripe",
            Act::Emboss => "emboss",
            Act::Print => "print",
            Act::Vision => "vision",
            Act::Carrier => "carrier",
            Act::Insert => "insert",
            Act::Eject => "eject",
            Act::Reject => "reject",
        }
    }

    /// Simulated duration in microseconds, of the order of a desktop card line.
    pub fn duration_us(self) -> u64 {
        match self {
            Act::Feed => 350_000,
            Act::Chip => 2_400_000,
            Act::Encode => 900_000,
            Act::ReadStripe => 300_000,
            Act::Emboss => 2_800_000,
            Act::Print => 1_600_000,
            Act::Vision => 250_000,
            Act::Carrier => 1_200_000,
            Act::Insert => 1_100_000,
            Act::Eject => 200_000,
            Act::Reject => 300_000,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The station says that it did nothing, and did nothing.
    Fails,
    /// The station does it and loses its status.
    DoneStatusLost,
    /// The station does nothing and loses its status.
    JamBefore,
    /// A reading station reads something else; the carrier's station reads the barcode of
    /// another order and does nothing.
    WrongReadBack,
}

/// One fault: the `nth` time (from 1) that `act` is asked for, whichever card it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Act.
    pub act: Act,
    /// Occurrence, from 1.
    pub nth: u64,
    /// Kind.
    pub kind: FaultKind,
}

/// Counts acts and finds the fault that is due.
#[derive(Default)]
pub(crate) struct FaultPlan {
    faults: Vec<Fault>,
    seen: BTreeMap<Act, u64>,
}

impl FaultPlan {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(crate) fn due(&mut self, act: Act) -> Option<FaultKind> {
        let seen = self.seen.entry(act).or_insert(0);
        *seen = seen.saturating_add(1);
        let now = *seen;
        self.faults
            .iter()
            .find(|f| f.act == act && f.nth == now)
            .map(|f| f.kind)
    }
}
