//! Codes of the store: R1401 to R1419 (all taken). The same file or card again is intake's R1515 or R1517.

use cardwright_ports::StoreError;
use cardwright_ports::store::{JobId, OrderKey};

/// Code, title, explanation, mend.
pub static CODES: &[(&str, &str, &str, &str)] = &[
    (
        "R1401",
        "the store can't be opened, read or written",
        "The database gave an error: a full disk, a missing folder, a lock or damage. \
         Nothing of the batch was kept, so nothing physical happens.",
        "look at the disk and the site's folder, then start again",
    ),
    (
        "R1402",
        "a change without an audit entry",
        "State and audit are one commit. A batch that changes something and says nothing \
         about it is refused.",
        "this is a bug of ours; keep the journal and report it",
    ),
    (
        "R1403",
        "an older bundle",
        "The site has accepted a bundle of this name with a higher sequence, or another \
         bundle with the same one. A site never goes back.",
        "build the bundle anew with a higher sequence",
    ),
    (
        "R1404",
        "a step that the protocol does not know",
        "An order, mailer or job was asked to go from one state to another that can't \
         follow it.",
        "look at the order's journal; nothing was changed",
    ),
    (
        "R1405",
        "somebody else was faster",
        "An order, mailer or job was not in the state or epoch that the change expected. \
         Nothing of the batch was kept.",
        "read the order again; if a card is in the machine, it stays there until it is \
         settled",
    ),
    (
        "R1406",
        "this executor was fenced off",
        "The job was recovered or paused by somebody else; an executor with an older \
         epoch may change nothing any more.",
        "stop this executor; settle its cards as unknown",
    ),
    (
        "R1407",
        "the audit log does not fit its anchor",
        "The database is older than the anchor beside it, or another one: it was rolled \
         back, cut or exchanged.",
        "keep both files, run the audit check, and call the security officer",
    ),
    (
        "R1408",
        "a text for the audit log holds what looks like a card number",
        "The audit log and the journal are public. A run of 12 to 19 digits with a right \
         Luhn digit is refused.",
        "name the order by its number",
    ),
    (
        "R1409",
        "the anchor can't be written",
        "The anchor of the audit log lies outside the database. When it can't be written, \
         the store takes no more changes.",
        "make room for the anchor file, then start again",
    ),
    (
        "R1410",
        "other card data for the same order",
        "Random values are drawn once. A second run of the same order gave another \
         result, which is an alarm; the first data stay.",
        "stop the job and look for a changed key, bundle or record",
    ),
    (
        "R1411",
        "this chip was used before",
        "A chip's serial is bound to one order once and for all.",
        "take the card out of the stock and look where it comes from",
    ),
    (
        "R1412",
        "an approval that does not count",
        "The approval has no name, or the same person has approved this already.",
        "another person must approve",
    ),
    (
        "R1413",
        "two people are needed",
        "What is unknown is settled by two different people who found the same, for this \
         very attempt and within a day.",
        "let a second person look and approve",
    ),
    (
        "R1414",
        "no such job, order or bundle",
        "The store does not hold what was asked for.",
        "list the jobs and look at the number",
    ),
    (
        "R1415",
        "a sealed value can't be opened",
        "The value was changed, belongs to another order, or the job key is not its key.",
        "look at the store's integrity and at the HSM that wrapped the job key",
    ),
    (
        "R1416",
        "a value is too long for the store",
        "Every text and record has a limit.",
        "shorten the value",
    ),
    (
        "R1417",
        "the job key was destroyed",
        "A job that has ended can't be read any more; that is meant so.",
        "take the order file in again if cards are missing, with new approvals",
    ),
    (
        "R1418",
        "an authorization is needed",
        "After a restart nothing physical happens before somebody has looked at the line \
         and said so.",
        "look at the line, then authorize the job",
    ),
    (
        "R1419",
        "a key of the pool twice",
        "Each key that was made ahead serves one order. This one was bound to another order, \
         or a key with its modulus is or was in the pool. Nothing of the batch was kept.",
        "run the job again; if it happens twice, make new keys and look at the random generator",
    ),
];

pub(crate) fn error(code: &'static str, what: impl Into<String>) -> StoreError {
    let mend = CODES
        .iter()
        .find(|c| c.0 == code)
        .map_or("see the code's page", |c| c.3);
    StoreError {
        code,
        what: what.into(),
        mend,
        conflict: None,
    }
}

/// A file that was taken before: intake's own code.
pub(crate) fn same_file(job: JobId) -> StoreError {
    StoreError {
        code: "R1515",
        what: format!("this file was taken before, as job {job}"),
        mend: "if the cards are really wanted again, ask the bank for a new file",
        conflict: None,
    }
}

/// A file with a number that another one had: intake's own code.
pub(crate) fn same_number(number: u64) -> StoreError {
    StoreError {
        code: "R1534",
        what: format!("a file with number {number} was taken before"),
        mend: "ask the customer for a file with the next number",
        conflict: None,
    }
}

/// A card that another order has asked for: intake's own code.
pub(crate) fn same_card(asking: OrderKey, owner: OrderKey) -> StoreError {
    StoreError {
        code: "R1517",
        what: format!("job {} has this card as order {}", owner.job, owner.order),
        mend: "take the order out; a second card of the same identity is a remake",
        conflict: Some(asking),
    }
}

/// A failed compare-and-set on an order.
pub(crate) fn conflict(key: OrderKey, what: impl Into<String>) -> StoreError {
    StoreError {
        conflict: Some(key),
        ..error("R1405", what)
    }
}
