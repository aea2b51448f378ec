//! Codes of this driver: R1260 to R1279.

use cardwright_ports::MachineError;

/// Code, title, explanation, mend.
pub static CODES: &[(&str, &str, &str, &str)] = &[
    (
        "R1260",
        "the machine's ledger can't be written or read",
        "Every physical act is noted in the machine's own ledger. When the ledger's \
         folder is full, missing or damaged, the machine does nothing.",
        "make room or restore the machine's folder, then start again",
    ),
    (
        "R1261",
        "stock is empty",
        "The feeder found no card in the stock that the flow names.",
        "load cards and resume the job",
    ),
    (
        "R1262",
        "no such stock or station",
        "The flow names a stock or a station that this machine does not have.",
        "load the stock under the name that the flow uses, or run on another machine",
    ),
    (
        "R1263",
        "the card is not in the machine",
        "An act was asked for a card that has left the machine or never entered it.",
        "look for the card; `where_is` says where the machine has put it",
    ),
    (
        "R1264",
        "all slots are taken",
        "No card can be fed before another one leaves.",
        "clear the line, or use fewer lanes",
    ),
    (
        "R1265",
        "a station failed",
        "The station said that it did not do the act.",
        "the card goes to the reject bin; look at the station if it goes on",
    ),
    (
        "R1266",
        "a station lost its status",
        "The station jammed or answered nothing: the act may have been done or not.",
        "find the card and look at it",
    ),
    (
        "R1267",
        "no such reject bin",
        "The card can't be dropped into a bin that the machine does not have.",
        "use one of the bins that the machine names",
    ),
    (
        "R1268",
        "a value is too long for the machine",
        "Tracks, embossed lines, panels and references have limits of the standards and \
         of the machine.",
        "correct the layout or the card",
    ),
    (
        "R1269",
        "the carrier shows another reference",
        "The barcode on the carrier is not that of the card's order, so the card was not \
         affixed.",
        "look at the carriers' order in the tray",
    ),
];

pub(crate) fn error(code: &'static str, what: impl Into<String>, doubt: bool) -> MachineError {
    let mend = CODES
        .iter()
        .find(|c| c.0 == code)
        .map_or("see the code's page", |c| c.3);
    MachineError {
        code,
        what: what.into(),
        mend,
        doubt,
    }
}
