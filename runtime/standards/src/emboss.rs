//! Embossing: ISO/IEC 7811-1. Area 1 holds the number line, area 2 four lines of text. Character
//! counts are from a public extract; fonts and sizes are the machine's.

use crate::digits;
use crate::formats;

/// Most characters of the number line (area 1) when it holds a PAN in groups.
pub const NUMBER_LINE_MAX: usize = 23;
/// Most characters of a line of area 2.
pub const TEXT_LINE_MAX: usize = 27;
/// Lines of area 2.
pub const TEXT_LINES_MAX: usize = 4;

/// A set of dies.
#[derive(Clone, Copy, Debug)]
pub struct Font {
    /// Word in sources.
    pub word: &'static str,
    /// Name in the trade.
    pub name: &'static str,
    /// Characters an inch.
    pub pitch: u32,
    /// Whether it is for the number line (area 1); else for names and addresses (area 2).
    pub numbers: bool,
}

/// Fonts that cards are embossed with (ISO/IEC 7811-1, 6; from memory).
pub static FONTS: &[Font] = &[
    Font {
        word: "farrington_7b",
        name: "Farrington 7B",
        pitch: 7,
        numbers: true,
    },
    Font {
        word: "ocr_b",
        name: "OCR-B 1",
        pitch: 7,
        numbers: true,
    },
    Font {
        word: "standard",
        name: "standard characters of 10 to the inch",
        pitch: 10,
        numbers: false,
    },
];

/// A font by its word.
pub fn font(word: &str) -> Option<&'static Font> {
    FONTS.iter().find(|font| font.word == word)
}

/// Why a line can't be embossed. Never holds its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbossError {
    /// A character that the embosser has no die for.
    #[error(
        "character {0} of the line can't be embossed; letters A to Z, digits and . , - ' / & can"
    )]
    Character(usize),
    /// A character that the number line can't hold.
    #[error("character {0} of the number line is neither digit nor space")]
    Number(usize),
    /// Too long.
    #[error("the line has {found} characters, at most {most} fit")]
    TooLong {
        /// Characters.
        found: usize,
        /// Limit.
        most: usize,
    },
}

impl EmbossError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "E0890"
    }
}

/// Whether a character can be embossed in area 2.
pub fn is_text(character: char) -> bool {
    matches!(character, 'A'..='Z' | '0'..='9' | ' ' | '.' | ',' | '-' | '\'' | '/' | '&')
}

/// Checks a number line.
pub fn check_number_line(text: &str) -> Result<(), EmbossError> {
    let allowed = |character: char| character.is_ascii_digit() || character == ' ';
    if let Some(position) = formats::first_refused(text, allowed) {
        return Err(EmbossError::Number(position));
    }
    fits(text, NUMBER_LINE_MAX)
}

/// Checks a line of area 2.
pub fn check_text_line(text: &str) -> Result<(), EmbossError> {
    if let Some(position) = formats::first_refused(text, is_text) {
        return Err(EmbossError::Character(position));
    }
    fits(text, TEXT_LINE_MAX)
}

/// Digits in groups with spaces between, such as `4761 7390 0101 0119`; text of other characters is
/// grouped as it is.
pub fn groups(text: &str, size: usize) -> String {
    let size = size.max(1);
    let mut grouped = String::with_capacity(text.len() + text.len() / size);
    for (index, character) in text.chars().enumerate() {
        if index > 0 && index % size == 0 {
            grouped.push(' ');
        }
        grouped.push(character);
    }
    grouped
}

/// The PAN as most cards show it: 4-4-4-4, a rest of 1 to 3 digits on its own, Amex's 15 as 4-6-5.
pub fn pan_groups(pan: &str) -> String {
    if pan.len() == 15 && digits::is_digits(pan) {
        let part = |range| pan.get(range).unwrap_or_default();
        return format!("{} {} {}", part(0..4), part(4..10), part(10..15));
    }
    groups(pan, 4)
}

fn fits(text: &str, most: usize) -> Result<(), EmbossError> {
    let found = text.chars().count();
    if found > most {
        Err(EmbossError::TooLong { found, most })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitches_give_the_counts_of_the_areas() {
        // 1 inch is 25.4 mm: 19 characters of 7 an inch from the first middle to the last one.
        let number = font("farrington_7b").map(|f| 18 * 25_400 / f.pitch);
        assert!(number.is_some_and(|um| um < crate::face::NUMBER_LINE.area.width_um));
        // Area 2 is 66.04 mm wide: 27 characters of 10 an inch from the first middle to the last.
        let text = font("standard").map(|f| 26 * 25_400 / f.pitch);
        assert_eq!(text, Some(crate::face::NAME_AND_ADDRESS.area.width_um));
        assert!(font("comic").is_none());
    }

    #[test]
    fn lines_and_groups() {
        assert_eq!(pan_groups("4761739001010119"), "4761 7390 0101 0119");
        assert_eq!(pan_groups("371449635398431"), "3714 496353 98431");
        assert_eq!(pan_groups("4761739001010119123"), "4761 7390 0101 0119 123");
        assert_eq!(
            check_number_line(&pan_groups("4761739001010119123")),
            Ok(())
        );
        assert_eq!(check_number_line("4761-"), Err(EmbossError::Number(5)));
        assert_eq!(check_text_line("O'CONNOR-MULLER & CO."), Ok(()));
        assert_eq!(check_text_line("Ada"), Err(EmbossError::Character(2)));
        let too_long = EmbossError::TooLong {
            found: 28,
            most: 27,
        };
        assert_eq!(check_text_line(&"A".repeat(28)), Err(too_long));
    }
}
