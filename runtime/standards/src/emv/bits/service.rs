//! Service codes: three digits, each with its own meaning (ISO/IEC 7813).

/// A word for one digit of a service code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceCode {
    /// Which digit, from 1.
    pub place: u8,
    /// The digit.
    pub digit: u8,
    /// Word in the language.
    pub word: &'static str,
    /// Meaning.
    pub text: &'static str,
}

const fn s(place: u8, digit: u8, word: &'static str, text: &'static str) -> ServiceCode {
    ServiceCode {
        place,
        digit,
        word,
        text,
    }
}

/// All words, digit by digit.
#[rustfmt::skip]
pub static SERVICE_CODE_WORDS: &[ServiceCode] = &[
    s(1, 1, "international", "international interchange"),
    s(1, 2, "international_chip", "international interchange, use the chip where feasible"),
    s(1, 5, "national", "national interchange only"),
    s(1, 6, "national_chip", "national interchange only, use the chip where feasible"),
    s(1, 7, "private", "no interchange except under bilateral agreement"),
    s(1, 9, "test", "test"),
    s(2, 0, "normal_authorization", "authorised following normal rules"),
    s(2, 2, "online_authorization", "authorised by the issuer, online"),
    s(2, 4, "online_unless_agreed", "authorised by the issuer, online, except under bilateral agreement"),
    s(3, 0, "no_restrictions_pin", "no restrictions, PIN required"),
    s(3, 1, "no_restrictions", "no restrictions"),
    s(3, 2, "goods_and_services", "goods and services only"),
    s(3, 3, "atm_pin", "ATM only, PIN required"),
    s(3, 4, "cash_only", "cash only"),
    s(3, 5, "goods_and_services_pin", "goods and services only, PIN required"),
    s(3, 6, "no_restrictions_pin_where_feasible", "no restrictions, PIN where feasible"),
    s(3, 7, "goods_and_services_pin_where_feasible", "goods and services only, PIN where feasible"),
];

/// What the three digits of a service code say; none for a digit without meaning.
pub fn service_code_meaning(code: &str) -> Option<[&'static str; 3]> {
    let digits = <[u8; 3]>::try_from(code.as_bytes()).ok()?;
    let says = |place: u8, digit: u8| {
        let value = digit.checked_sub(b'0')?;
        let mut rows = SERVICE_CODE_WORDS.iter();
        let row = rows.find(|row| row.place == place && row.digit == value)?;
        Some(row.text)
    };
    let [first, second, third] = digits;
    Some([says(1, first)?, says(2, second)?, says(3, third)?])
}

/// The code of three words, one for each digit in any order; the word that does not go, or nothing
/// when a digit is left open, as the error.
///
/// # Errors
/// An unknown word, a second word for a digit, or a digit without a word (`None`).
pub fn service_code_of<'w>(
    words: impl IntoIterator<Item = &'w str>,
) -> Result<u16, Option<&'w str>> {
    let mut digits: [Option<u8>; 3] = [None; 3];
    for word in words {
        let row = SERVICE_CODE_WORDS.iter().find(|row| row.word == word);
        let slot = row.and_then(|row| {
            let slot = digits.get_mut(usize::from(row.place).checked_sub(1)?)?;
            slot.is_none().then_some((slot, row.digit))
        });
        let (slot, digit) = slot.ok_or(Some(word))?;
        *slot = Some(digit);
    }
    match digits {
        [Some(a), Some(b), Some(c)] => Ok(u16::from(a) * 100 + u16::from(b) * 10 + u16::from(c)),
        _ => Err(None),
    }
}
