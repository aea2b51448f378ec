//! A card machine: stations that do something to one physical blank.
//!
//! Every act says how long it took. An act that fails says whether it may have been done anyway:
//! a machine that lost its status is not a machine that did nothing.

use crate::{
    CardChannel,
    paper::{Area, Fit, PictureData},
};

/// Why an act failed; never holds track, PAN or PIN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {what}; {mend}")]
pub struct MachineError {
    /// Stable code, band R12 (R1260 to R1289).
    pub code: &'static str,
    /// What happened.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
    /// Whether the act may have been done in spite of the error (jam, lost status).
    pub doubt: bool,
}

/// A number that the machine gives to a physical card when it leaves the stock; never used again.
pub type BlankNumber = u64;

/// A card out of the stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blank {
    /// The machine's number for it.
    pub number: BlankNumber,
    /// The chip's serial, unique in the world as far as the site can tell.
    pub serial: String,
    /// How long the feeder took.
    pub duration_us: u64,
}

/// What the machine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineInfo {
    /// Product name.
    pub name: String,
    /// True when no real card is made.
    pub simulated: bool,
    /// Places in which a card can stand at the same time.
    pub slots: u32,
    /// Stations it has, by the flows' names.
    pub stations: Vec<String>,
    /// Reject bins.
    pub bins: Vec<String>,
}

/// Stripe coercivity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coercivity {
    /// 2750 Oe and over (ISO/IEC 7811-6).
    High,
    /// 300 Oe (ISO/IEC 7811-2).
    Low,
}

/// Side of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// With the chip.
    Front,
    /// With the stripe.
    Back,
}

/// One embossed line.
#[derive(Clone, PartialEq, Eq)]
pub struct EmbossedLine {
    /// 1 to 4.
    pub line: u8,
    /// Text; holds the PAN, hence no `Debug`.
    pub text: String,
}

/// One printed panel.
#[derive(Clone, PartialEq, Eq)]
pub struct PrintedPanel {
    /// Side.
    pub side: Side,
    /// Name, such as `cvv2`.
    pub name: String,
    /// Text; may hold the CVV2, hence no `Debug`.
    pub text: String,
}

/// A picture that is printed on one card.
#[derive(Clone, PartialEq, Eq)]
pub struct PrintedPicture {
    /// Side.
    pub side: Side,
    /// Where, from the card's top left corner.
    pub area: Area,
    /// How it fills its area.
    pub fit: Fit,
    /// A holder's face, hence no `Debug`.
    pub picture: PictureData,
}

/// What the stripe gave back.
#[derive(Clone, PartialEq, Eq)]
pub struct StripeRead {
    /// Track 1, between the sentinels.
    pub track1: Option<String>,
    /// Track 2, between the sentinels.
    pub track2: Option<String>,
    /// How long it took.
    pub duration_us: u64,
}

/// What the camera saw.
#[derive(Clone, PartialEq, Eq)]
pub struct VisionRead {
    /// Embossed lines by number.
    pub lines: Vec<EmbossedLine>,
    /// Printed panels.
    pub panels: Vec<PrintedPanel>,
    /// How long it took.
    pub duration_us: u64,
}

/// Where a card is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the machine.
    Slot,
    /// It left as a good card.
    Ejected,
    /// It lies in a reject bin.
    Rejected {
        /// Which.
        bin: String,
    },
    /// The machine never issued such a blank.
    Unknown,
}

/// A machine. Methods take `&self`; many lanes work at the same time, each on its own card.
/// The number that an act gives back is its duration in microseconds.
pub trait Machine: Send + Sync {
    /// What it is.
    fn describe(&self) -> MachineInfo;
    /// Cards left in a stock.
    fn stock_level(&self, stock: &str) -> Result<u64, MachineError>;
    /// Takes one card out of a stock into a slot. An empty stock is R1261.
    fn feed(&self, stock: &str) -> Result<Blank, MachineError>;
    /// A channel to the chip of a card in a slot.
    fn chip(&self, blank: BlankNumber) -> Result<Box<dyn CardChannel>, MachineError>;
    /// Tells the machine that chip work on a card has ended, for its ledger and its clock.
    fn chip_done(&self, blank: BlankNumber) -> Result<u64, MachineError>;
    /// Writes the stripe.
    fn encode(
        &self,
        blank: BlankNumber,
        track1: Option<&str>,
        track2: Option<&str>,
        coercivity: Coercivity,
    ) -> Result<u64, MachineError>;
    /// Reads the stripe.
    fn read_stripe(&self, blank: BlankNumber) -> Result<StripeRead, MachineError>;
    /// Embosses lines.
    fn emboss(&self, blank: BlankNumber, lines: &[EmbossedLine]) -> Result<u64, MachineError>;
    /// Prints panels, and over the artwork below them the card's own pictures.
    fn print(
        &self,
        blank: BlankNumber,
        panels: &[PrintedPanel],
        pictures: &[PrintedPicture],
    ) -> Result<u64, MachineError>;
    /// Looks at the card.
    fn vision(&self, blank: BlankNumber) -> Result<VisionRead, MachineError>;
    /// Affixes the card to the carrier that shows this reference; the machine compares barcodes.
    fn carrier(&self, blank: BlankNumber, reference: &str) -> Result<u64, MachineError>;
    /// Puts carrier and card into an envelope.
    fn insert(&self, blank: BlankNumber, envelope: &str) -> Result<u64, MachineError>;
    /// Lets the card leave as good; only after the release gate.
    fn eject(&self, blank: BlankNumber) -> Result<u64, MachineError>;
    /// Drops the card into a reject bin, with the code of the reason.
    fn reject(&self, blank: BlankNumber, bin: &str, reason_code: &str)
    -> Result<u64, MachineError>;
    /// Where a card is.
    fn where_is(&self, blank: BlankNumber) -> Result<Place, MachineError>;
    /// Cards in the machine's slots, by number.
    fn in_slots(&self) -> Result<Vec<BlankNumber>, MachineError>;
}
