//! Barcodes: how large a symbol gets, and check digits.
//!
//! Sizes are for the worst content of a length, so that what is drawn is never larger: octets in
//! binary encodation, digits in a numeric one. A quiet zone is part of the symbol.

/// Thinnest module that scanners read from office print, micrometres.
pub const MODULE_UM_MIN: u32 = 200;
/// Height of a PDF417 row in modules (ISO/IEC 15438, 5.8.2: at least 3).
pub const PDF417_ROW: u32 = 3;
/// Height of a linear symbol, micrometres: 5 mm (ISO/IEC 15417 and 16390 recommend 5 mm or 15 %).
pub const LINEAR_UM_MIN: u32 = 5_000;

/// Side of square ECC 200 symbols and their data codewords (ISO/IEC 16022, table 7).
const DATA_MATRIX: [(u32, u32); 24] = [
    (10, 3),
    (12, 5),
    (14, 8),
    (16, 12),
    (18, 18),
    (20, 22),
    (22, 30),
    (24, 36),
    (26, 44),
    (32, 62),
    (36, 86),
    (40, 114),
    (44, 144),
    (48, 174),
    (52, 204),
    (64, 280),
    (72, 368),
    (80, 456),
    (88, 576),
    (96, 696),
    (104, 816),
    (120, 1_050),
    (132, 1_304),
    (144, 1_558),
];

/// Octets that the versions 1 to 40 hold at the levels L, M, Q, H (ISO/IEC 18004, table 7).
const QR_OCTETS: [[u32; 4]; 40] = [
    [17, 14, 11, 7],
    [32, 26, 20, 14],
    [53, 42, 32, 24],
    [78, 62, 46, 34],
    [106, 84, 60, 44],
    [134, 106, 74, 58],
    [154, 122, 86, 64],
    [192, 152, 108, 84],
    [230, 180, 130, 98],
    [271, 213, 151, 119],
    [321, 251, 177, 137],
    [367, 287, 203, 155],
    [425, 331, 241, 177],
    [458, 362, 258, 194],
    [520, 412, 292, 220],
    [586, 450, 322, 250],
    [644, 504, 364, 280],
    [718, 560, 394, 310],
    [792, 624, 442, 338],
    [858, 666, 482, 382],
    [929, 711, 509, 403],
    [1_003, 779, 565, 439],
    [1_091, 857, 611, 461],
    [1_171, 911, 661, 511],
    [1_273, 997, 715, 535],
    [1_367, 1_059, 751, 593],
    [1_465, 1_125, 805, 625],
    [1_528, 1_190, 868, 658],
    [1_628, 1_264, 908, 698],
    [1_732, 1_370, 982, 742],
    [1_840, 1_452, 1_030, 790],
    [1_952, 1_538, 1_112, 842],
    [2_068, 1_628, 1_168, 898],
    [2_188, 1_722, 1_228, 958],
    [2_303, 1_809, 1_283, 983],
    [2_431, 1_911, 1_351, 1_051],
    [2_563, 1_989, 1_423, 1_093],
    [2_699, 2_099, 1_499, 1_139],
    [2_809, 2_213, 1_579, 1_219],
    [2_953, 2_331, 1_663, 1_273],
];

/// Modules on a side of a DataMatrix symbol for so many octets, quiet zone of one module
/// (ISO/IEC 16022, 5.1) included; `digits` when all are digits, two to a codeword.
#[must_use]
pub fn data_matrix(octets: u32, digits: bool) -> Option<u32> {
    // Binary: a latch and one or two octets of length; a character set takes two more.
    let codewords = if digits {
        octets.div_ceil(2)
    } else {
        octets.saturating_add(5)
    };
    let found = DATA_MATRIX.iter().find(|(_, room)| *room >= codewords);
    found.map(|(side, _)| side + 2)
}

/// Modules on a side of a QR code for so many octets at a level (0 to 3: L, M, Q, H), quiet zone
/// of four modules (ISO/IEC 18004, 5.3.8) included.
#[must_use]
pub fn qr(octets: u32, level: u8) -> Option<u32> {
    let fits = |row: &[u32; 4]| {
        row.get(usize::from(level))
            .is_some_and(|room| *room >= octets)
    };
    let version = QR_OCTETS.iter().position(fits)?;
    let version = u32::try_from(version).ok()? + 1;
    Some(17 + 4 * version + 8)
}

/// Modules across a Code 128 symbol, quiet zones of ten modules (ISO/IEC 15417, 4.3) included:
/// set B, or set C for an even number of digits.
#[must_use]
pub fn code128(characters: u32, digits: bool) -> u32 {
    let symbols = if digits && characters.is_multiple_of(2) {
        characters / 2
    } else {
        characters
    };
    // Start and check characters of 11 modules, a stop of 13.
    symbols.saturating_mul(11).saturating_add(11 + 11 + 13 + 20)
}

/// Modules across an ITF symbol of so many digits with wide bars of three modules, quiet zones
/// of ten modules (ISO/IEC 16390, 4.4) included. An odd number gets a zero in front.
#[must_use]
pub fn itf(digits: u32) -> u32 {
    let pairs = digits.div_ceil(2);
    pairs.saturating_mul(18).saturating_add(4 + 5 + 20)
}

/// Columns and rows of a PDF417 symbol for so many octets at a level, as wide as `modules_wide`
/// allows; the quiet zone of two modules (ISO/IEC 15438, 5.8.3) is part of that width.
#[must_use]
pub fn pdf417(octets: u32, level: u8, modules_wide: u32) -> Option<(u32, u32)> {
    let columns = pdf417_columns(modules_wide)?;
    // Six octets are five codewords; one starts the mode, one is the length of the symbol, and a
    // character set may take two.
    let data = (octets / 6).saturating_mul(5) + octets % 6 + 4;
    let correction = 2_u32.checked_shl(u32::from(level.min(8)))?;
    let codewords = data.saturating_add(correction);
    if codewords > 928 {
        return None;
    }
    let rows = codewords.div_ceil(columns).max(3);
    (rows <= 90).then_some((columns, rows))
}

/// Columns of data that fit: 17 modules each, 69 for start, stop, row indicators, 4 for the quiet
/// zone (ISO/IEC 15438, 5.4).
#[must_use]
pub fn pdf417_columns(modules_wide: u32) -> Option<u32> {
    let columns = modules_wide.checked_sub(69 + 4)? / 17;
    (columns >= 1).then_some(columns.min(30))
}

/// Modulo 10 check digit with weights 3 and 1 from the right, as GS1 has it (General
/// Specifications, 7.9).
///
/// `None` when the text is not all digits.
#[must_use]
pub fn check_digit(digits: &str) -> Option<char> {
    let mut sum = 0_u32;
    for (place, c) in digits.chars().rev().enumerate() {
        let weight = if place % 2 == 0 { 3 } else { 1 };
        sum = (sum + c.to_digit(10)? * weight) % 10;
    }
    char::from_digit((10 - sum) % 10, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_of_published_numbers() {
        // GS1 General Specifications, example of 7.9: 629104150021 has 3; an SSCC.
        assert_eq!(check_digit("629104150021"), Some('3'));
        assert_eq!(check_digit("1540014128876"), Some('3'));
        assert_eq!(check_digit("12A"), None);
    }

    #[test]
    fn sizes_grow_with_their_content() {
        // ISO/IEC 16022: 16 by 16 holds 24 digits; ISO/IEC 18004: version 1-L holds 17 octets.
        assert_eq!(data_matrix(24, true), Some(18));
        assert_eq!(data_matrix(25, true), Some(20));
        assert_eq!(qr(17, 0), Some(29));
        assert_eq!(qr(18, 0), Some(33));
        assert_eq!(qr(2_954, 0), None);
        assert_eq!(code128(10, false), 165);
        assert_eq!(itf(14), 155);
        assert_eq!(pdf417_columns(72), None);
        assert_eq!(pdf417(100, 2, 73 + 17 * 6), Some((6, 16)));
        assert_eq!(pdf417(2_000, 2, 500), None);
    }
}
