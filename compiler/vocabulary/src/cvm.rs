//! Cardholder verification rules: EMV Book 3, Annex C3.

/// A word and its octet.
#[derive(Clone, Copy, Debug)]
pub struct Coded {
    /// Word.
    pub word: &'static str,
    /// Octet.
    pub code: u8,
    /// Meaning.
    pub doc: &'static str,
}

const fn row(word: &'static str, code: u8, doc: &'static str) -> Coded {
    Coded { word, code, doc }
}

/// First octet of a rule, without bit 7 (which `else next` sets).
pub static CVM_CODES: &[Coded] = &[
    row("fail_cvm", 0x00, "verification fails"),
    row(
        "plain_pin_offline",
        0x01,
        "the chip verifies the PIN, sent in clear",
    ),
    row("enciphered_pin_online", 0x02, "the issuer verifies the PIN"),
    row(
        "plain_pin_offline_and_signature",
        0x03,
        "PIN in clear, and signature",
    ),
    row(
        "enciphered_pin_offline",
        0x04,
        "the chip verifies the PIN, sent enciphered",
    ),
    row(
        "enciphered_pin_offline_and_signature",
        0x05,
        "enciphered PIN, and signature",
    ),
    row("signature", 0x1E, "signature on paper"),
    row("no_cvm", 0x1F, "nothing is asked"),
];

/// Second octet of a rule.
pub static CVM_CONDITIONS: &[Coded] = &[
    row("always", 0x00, "in every transaction"),
    row("unattended_cash", 0x01, "cash from a machine"),
    row(
        "not_cash_or_cashback",
        0x02,
        "neither unattended nor manual cash nor cashback",
    ),
    row("supported", 0x03, "where the terminal can"),
    row("manual_cash", 0x04, "cash over a counter"),
    row("cashback", 0x05, "purchase with cashback"),
    row(
        "under_x",
        0x06,
        "below amount X, in the application's currency",
    ),
    row(
        "over_x",
        0x07,
        "above amount X, in the application's currency",
    ),
    row(
        "under_y",
        0x08,
        "below amount Y, in the application's currency",
    ),
    row(
        "over_y",
        0x09,
        "above amount Y, in the application's currency",
    ),
];

/// A rule's method by its word.
#[must_use]
pub fn cvm_code(word: &str) -> Option<u8> {
    CVM_CODES.iter().find(|c| c.word == word).map(|c| c.code)
}

/// A rule's condition by its word.
#[must_use]
pub fn cvm_condition(word: &str) -> Option<u8> {
    CVM_CONDITIONS
        .iter()
        .find(|c| c.word == word)
        .map(|c| c.code)
}
