//! The payment application as a terminal meets it; what it computes stands in [`crate::manual`].

mod cryptogram;
mod fast;
mod issuer;
mod magstripe;
mod pin;
mod reading;
mod script;
mod signature;

pub(crate) use fast::Fast;
pub(crate) use magstripe::Magstripe;

use crate::Quirks;
use crate::apdu::{Answer, Command, sw};
use crate::application::{Application, Interface, Registers};
use crate::crypto::Secret;
use crate::entropy::Entropy;
use crate::profile::Payment;

/// How far a transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// GET PROCESSING OPTIONS is done.
    Initiated,
    /// The card asked for the issuer; the second GENERATE AC is due.
    Online,
    /// The last cryptogram is given.
    Done,
}

/// What offline PIN verification came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PinOutcome {
    NotTried,
    Right,
    Wrong,
}

/// What issuer authentication came to; the card status update when it went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IssuerOutcome {
    NotPerformed,
    Failed,
    Passed([u8; 4]),
}

/// A transaction, from GET PROCESSING OPTIONS to the next SELECT or reset.
pub(crate) struct Transaction {
    aip: [u8; 2],
    pdol_data: Vec<u8>,
    cdol1_data: Vec<u8>,
    stage: Stage,
    pin: PinOutcome,
    signed_dynamic_data: bool,
    issuer: IssuerOutcome,
    session_key: Secret,
    /// First cryptogram, when it was an ARQC.
    arqc: Option<[u8; 8]>,
    /// Full MAC of the last format 1 script command.
    script_chain: Option<Vec<u8>>,
    /// A script command failed; no further one is taken.
    scripts_closed: bool,
    /// What a fast card puts into its record.
    fast: Option<fast::Given>,
}

/// Volatile state of the selected application.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) transaction: Option<Transaction>,
    /// Magnetic stripe mode: options are given, and whether the code is.
    tracks: Option<bool>,
    challenge: Option<[u8; 8]>,
}

/// Everything that a command may touch.
pub(crate) struct Chip<'a> {
    pub(crate) application: &'a mut Application,
    pub(crate) session: &'a mut Session,
    pub(crate) entropy: &'a mut Entropy,
    pub(crate) quirks: &'a Quirks,
    pub(crate) interface: Interface,
    pub(crate) card_blocked: &'a mut bool,
}

/// Instructions of the applications with the classes in which they exist.
const INSTRUCTIONS: [(u8, &[u8]); 15] = [
    (0x16, &[0x84, 0x8C]),
    (0x18, &[0x84, 0x8C]),
    (0x1E, &[0x84, 0x8C]),
    (0x20, &[0x00]),
    (0x24, &[0x84, 0x8C]),
    (0x2A, &[0x80]),
    (0x82, &[0x00]),
    (0x84, &[0x00]),
    (0x88, &[0x00]),
    (0xA4, &[0x00]),
    (0xA8, &[0x80]),
    (0xAE, &[0x80]),
    (0xB2, &[0x00]),
    (0xCA, &[0x80]),
    (0xE2, &[0x80, 0x84]),
];

/// Obeys a command of the selected application.
pub(crate) fn execute(chip: &mut Chip<'_>, command: &Command) -> Answer {
    let classes = INSTRUCTIONS
        .iter()
        .find(|(ins, _)| *ins == command.ins)
        .ok_or(sw::WRONG_INS)?
        .1;
    if !classes.contains(&command.cla) {
        return Err(sw::WRONG_CLA);
    }
    // A challenge serves the next command only.
    let challenge = chip.session.challenge.take();
    let Some(profile) = &chip.application.profile else {
        return Err(sw::CONDITIONS);
    };
    let tracks = profile.magstripe.is_some();
    if magstripe::takes(chip, command) {
        return magstripe::execute(chip, command);
    }
    if tracks && command.ins == 0x2A {
        return Err(sw::CONDITIONS); // another mode was chosen, or none yet
    }
    let Some(profile) = &chip.application.profile else {
        return Err(sw::CONDITIONS);
    };
    if command.ins == 0x2A || (profile.payment.is_none() && command.ins != 0xB2) {
        return Err(sw::WRONG_INS);
    }
    match command.ins {
        0x16 | 0x18 | 0x1E | 0x24 => script::obey(chip, command),
        0x20 => pin::verify(chip, command, challenge),
        0x82 => issuer::external_authenticate(chip, command),
        0x84 => pin::get_challenge(chip, command),
        0x88 => signature::internal_authenticate(chip, command),
        0xA8 => reading::get_processing_options(chip, command),
        0xAE => cryptogram::generate(chip, command),
        0xB2 => reading::read_record(chip, command),
        0xCA => reading::get_data(chip, command),
        _ => Err(sw::WRONG_INS),
    }
}

/// The parts of a personalized payment application, borrowed side by side.
struct Parts<'a> {
    payment: &'a Payment,
    registers: &'a mut Registers,
    transaction: &'a mut Transaction,
    entropy: &'a mut Entropy,
    quirks: &'a Quirks,
}

impl Chip<'_> {
    /// Parts for a command that needs a running transaction.
    fn parts(&mut self) -> Result<Parts<'_>, u16> {
        let profile = self.application.profile.as_ref().ok_or(sw::CONDITIONS)?;
        Ok(Parts {
            payment: profile.payment.as_ref().ok_or(sw::CONDITIONS)?,
            registers: &mut self.application.registers,
            transaction: self.session.transaction.as_mut().ok_or(sw::CONDITIONS)?,
            entropy: self.entropy,
            quirks: self.quirks,
        })
    }
}
