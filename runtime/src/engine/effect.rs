//! What the pure step asks for and what comes back.

use cardwright_ports::store::{AuditEntry, CardData, Change};

/// An act on a card, a form or the data behind it. `step` is the station's index in the flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Make the card's data with the HSM; no card yet.
    Generate,
    /// Take a card out of a stock.
    Feed {
        /// Stock.
        stock: String,
    },
    /// Personalize the chip.
    WriteChip {
        /// Station.
        step: u32,
    },
    /// Write the stripe.
    Encode {
        /// Station.
        step: u32,
    },
    /// Read the stripe back and compare.
    ReadStripe {
        /// Station.
        step: u32,
    },
    /// Emboss.
    Emboss {
        /// Station.
        step: u32,
    },
    /// Print.
    Print {
        /// Station.
        step: u32,
    },
    /// Look at the card and compare.
    Vision {
        /// Station.
        step: u32,
    },
    /// Read the whole card as a terminal would.
    Validate,
    /// Look whether the card may leave; the executor itself does this.
    CheckGate,
    /// Affix the card to its carrier.
    Carrier {
        /// Station.
        step: u32,
    },
    /// Put it into its envelope.
    Insert {
        /// Station.
        step: u32,
    },
    /// Let it leave as good.
    Eject,
    /// Drop it into a bin.
    Reject {
        /// Bin.
        bin: String,
        /// Code of the reason.
        code: String,
    },
    /// Print the PIN mailer.
    PrintMailer {
        /// Copy, from 1.
        copy: u32,
    },
}

impl Act {
    /// Name in audit, journal and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Act::Generate => "generate",
            Act::Feed { .. } => "feed",
            Act::WriteChip { .. } => "chip",
            Act::Encode { .. } => "encode",
            Act::ReadStripe { .. } => "read_stripe",
            Act::Emboss { .. } => "emboss",
            Act::Print { .. } => "print",
            Act::Vision { .. } => "vision",
            Act::Validate => "validate",
            Act::CheckGate => "gate",
            Act::Carrier { .. } => "carrier",
            Act::Insert { .. } => "insert",
            Act::Eject => "eject",
            Act::Reject { .. } => "reject",
            Act::PrintMailer { .. } => "mailer",
        }
    }

    /// Whether it changes a card so that a record must announce it.
    pub(crate) fn writes(&self) -> bool {
        matches!(
            self,
            Act::WriteChip { .. } | Act::Encode { .. } | Act::Emboss { .. } | Act::Print { .. }
        )
    }

    /// Whether it handles a finished card.
    pub(crate) fn handles(&self) -> bool {
        matches!(self, Act::Carrier { .. } | Act::Insert { .. })
    }
}

/// What must happen next, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make this durable before anything that follows.
    Record(Vec<Change>, Vec<AuditEntry>),
    /// Do this and say what came of it.
    Perform(Act),
}

/// Why an act did not end well. Public words only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Stable code.
    pub code: String,
    /// Reason; never data of the card.
    pub reason: String,
    /// Whether the act may have been done in spite of it.
    pub doubt: bool,
    /// Whether another card may do better.
    pub retryable: bool,
    /// Whether the line itself is in trouble (empty stock, lost HSM): nothing more is begun.
    pub line: bool,
}

impl Trouble {
    /// A fault of this card only, with nothing in doubt.
    pub fn card(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            reason: reason.into(),
            doubt: false,
            retryable: false,
            line: false,
        }
    }
}

/// What came of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The order's turn has come.
    Begin,
    /// Data are made; `None` when nothing was drawn for this card.
    Generated(Option<CardData>),
    /// Data were made in an earlier turn, and are taken.
    Kept {
        /// Labels of the key versions in them that others have replaced since.
        replaced: Vec<String>,
    },
    /// A card is in a slot.
    Fed {
        /// The machine's number for it.
        blank: u64,
        /// Its chip's serial.
        serial: String,
        /// How long the feeder took.
        duration_us: u64,
    },
    /// The act is done.
    Did {
        /// How long it took.
        duration_us: u64,
        /// A public word for the journal, such as a verdict.
        note: Option<String>,
    },
    /// The gate is open.
    GateOpen,
    /// The act failed, or its outcome is in doubt.
    Failed(Trouble),
    /// The mailer can't be drawn: it was found out before any paper was touched.
    NotDrawn(Trouble),
    /// The store would not take the record: another executor owns the order now.
    Fenced,
    /// The store would not take the record for a reason of this order's data or card.
    Refused(Trouble),
}
