//! This crate's error codes, and the tables of everything that it joins.

/// A code's page: code, title, what it means, how to mend it.
type CodeRow = (&'static str, &'static str, &'static str, &'static str);

/// Codes of rehearsals.
pub static CODES: &[CodeRow] = &[
    (
        "R1190",
        "only TEST can be rehearsed",
        "A rehearsal uses open test keys and a virtual card. A LIVE bundle names the check values \
         of real keys, and its data must never leave a site.",
        "Build without `--live`; rehearse the TEST bundle of the same sources.",
    ),
    (
        "R1191",
        "the order has no such field",
        "A test's `order` names a field that the record of the job's input format does not have.",
        "Correct the name, or add the field to the format.",
    ),
    (
        "R1192",
        "a value does not fit its field",
        "What a test gives for a field is longer than the field, has more values than the field \
         occurs, or can't be written in the file's encoding.",
        "Shorten the value, or widen the field in the format.",
    ),
    (
        "R1193",
        "the order is rejected",
        "Intake reads a test's order as it would read a bank's file, by the same format and rules. \
         This order would be rejected there.",
        "Correct the field that the message names. A rehearsal is dated 2026-01-01.",
    ),
    (
        "R1194",
        "the card has no such thing",
        "An expectation looks at a data element, a track, a line or a panel that the card does \
         not have.",
        "Correct the expectation, or add the thing to the card.",
    ),
    (
        "R1195",
        "nothing to rehearse",
        "The project has no job, or the order's product is made by no job.",
        "Declare a job with the card, or name one of its products in the order.",
    ),
    (
        "R1196",
        "no scratch folder",
        "The output files of a rehearsal are written into a scratch folder, and read from there. \
         It could not be made, or is full.",
        "Make room in the folder for temporary files, or name another one (`TMPDIR`).",
    ),
    (
        "R1197",
        "the file has no such order",
        "`why` was asked for an order whose number is larger than that of the file's last.",
        "Orders are numbered from 1 in the order of their lines, rejected ones counted.",
    ),
    (
        "R1198",
        "the card has no such output",
        "`why` was asked for an output that the order's card, its pages and its files have not, or \
         in a way that names none.",
        "Name one, such as chip:debit:57, track2, front:line:1, mailer:pin_letter, file:return:3; \
         a range such as [3..5] counts from 1.",
    ),
];

/// The page of a runtime code, from whichever part's table has it.
#[must_use]
pub fn explanation(code: &str) -> Option<CodeRow> {
    let tables = [
        CODES,
        cardwright_runtime::codes::CODES,
        cardwright_runtime::engine::CODES,
        cardwright_stations::CODES,
        cardwright_soft_hsm::CODES,
        cardwright_virtual_card::CODES,
        cardwright_paper::CODES,
    ];
    tables
        .into_iter()
        .flatten()
        .find(|row| row.0 == code)
        .copied()
}
