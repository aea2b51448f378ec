//! Cardholder names: to ASCII, to the form of track 1 and tag 5F20, to embossing.
//!
//! An order's name may be in any script that the tables know; each accepted name has a form that
//! every card technology can hold.

pub mod latin;

use crate::emboss;
use crate::track::{NAME_MAX, NAME_MIN, is_track_1_data};
pub use latin::latin;

/// Longest name that is taken from an order, in characters.
pub const INPUT_CHARACTERS_MAX: usize = 200;

/// Why a name has no such form. Never holds the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A character that no table romanises.
    #[error(
        "character {position} of the name (U+{code_point:04X}) can't be written in Latin letters"
    )]
    Character {
        /// From 1.
        position: usize,
        /// Unicode.
        code_point: u32,
    },
    /// Nothing is left.
    #[error("the name has no letters")]
    Empty,
    /// Too long to be read.
    #[error("the name has {0} characters, at most {INPUT_CHARACTERS_MAX} are read")]
    TooLong(usize),
}

impl NameError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "E0793"
    }
}

/// Words in front of a surname that belong to it, upper case.
const PARTICLES: &[&str] = &[
    "AL", "BEN", "BIN", "BINT", "DA", "DAL", "DE", "DEL", "DELLA", "DEN", "DER", "DI", "DOS", "DU",
    "EL", "IBN", "LA", "LE", "MC", "SAN", "ST", "ST.", "TEN", "TER", "VAN", "VON", "ZU", "ZUM",
    "ZUR",
];

/// The form of track 1 and tag 5F20 (ISO/IEC 7813): `SURNAME/FIRST MIDDLE`, upper case, 2 to 26
/// characters.
///
/// - A name with `/` is taken as surname and first names; with `,` as `Surname, First`; else the
///   last word is the surname, together with the particles (van, de, al …) in front of it.
/// - Spaces are made single; characters outside track 1's set are dropped.
/// - A lone word becomes `SURNAME/`.
/// - What is longer than 26 is shortened: middle names to initials from the last to the first,
///   then the first name to its initial, then middle initials go, then the surname is cut.
pub fn emv_name(name: &str) -> Result<String, NameError> {
    let text = latin(name)?.to_ascii_uppercase();
    let (surname, first) = parts(&text);
    let surname = words(&surname);
    let first = words(&first);
    let (surname, first) = if surname.is_empty() {
        (first, Vec::new())
    } else {
        (surname, first)
    };
    if surname.is_empty() {
        return Err(NameError::Empty);
    }
    Ok(shortened(surname.join(" "), first))
}

/// A line for embossing: upper case, only characters that the embosser has, at most `characters`.
/// Shortened as [`emv_name`] does: middle names to initials, the first name, the surname last.
pub fn embossing_name(name: &str, characters: usize) -> Result<String, NameError> {
    let text = latin(name)?.to_ascii_uppercase();
    let (surname, first) = parts(&text);
    let clean = |text: &str| -> String {
        text.chars()
            .filter(|character| emboss::is_text(*character))
            .collect()
    };
    let surname = words(&clean(&surname)).join(" ");
    let mut first = words(&clean(&first));
    if surname.is_empty() && first.is_empty() {
        return Err(NameError::Empty);
    }
    let line = |first: &[String]| {
        let all = first.iter().map(String::as_str).chain([surname.as_str()]);
        all.filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    };
    shorten(&mut first, |first| line(first).len() <= characters);
    Ok(line(&first)
        .chars()
        .take(characters)
        .collect::<String>()
        .trim_end()
        .to_owned())
}

/// Surname and first names.
fn parts(text: &str) -> (String, String) {
    if let Some((surname, first)) = text.split_once('/').or_else(|| text.split_once(',')) {
        return (surname.replace('/', " "), first.replace(['/', ','], " "));
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut start = words.len().saturating_sub(1);
    // The first word stays a first name even if it looks like a particle.
    while start > 1
        && words
            .get(start - 1)
            .is_some_and(|word| PARTICLES.contains(word))
    {
        start -= 1;
    }
    let (first, surname) = words.split_at_checked(start).unwrap_or((&[], &words));
    (surname.join(" "), first.join(" "))
}

fn words(text: &str) -> Vec<String> {
    let allowed = |character: &char| is_track_1_data(*character) && *character != '/';
    text.split_whitespace()
        .map(|word| word.chars().filter(allowed).collect::<String>())
        .filter(|word| {
            word.chars()
                .any(|character| character.is_ascii_alphanumeric())
        })
        .collect()
}

fn shortened(surname: String, mut first: Vec<String>) -> String {
    let form = |first: &[String]| format!("{surname}/{}", first.join(" "));
    shorten(&mut first, |first| form(first).len() <= NAME_MAX);
    let text = form(&first);
    if text.len() <= NAME_MAX {
        return text;
    }
    let tail = format!("/{}", first.join(" "));
    let room = NAME_MAX.saturating_sub(tail.len()).max(NAME_MIN);
    let cut: String = surname.chars().take(room).collect();
    format!("{}{tail}", cut.trim_end())
        .chars()
        .take(NAME_MAX)
        .collect()
}

/// Shortens first names step by step until `fits` holds or one initial is left.
fn shorten(first: &mut Vec<String>, fits: impl Fn(&[String]) -> bool) {
    for index in (0..first.len()).rev() {
        if fits(first) {
            return;
        }
        if let Some(word) = first.get_mut(index) {
            *word = word.chars().take(1).collect();
        }
    }
    while !fits(first) && first.len() > 1 {
        first.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surname_first() {
        for (name, expected) in [
            ("Ada Lovelace", "LOVELACE/ADA"),
            ("  ada   king  lovelace ", "LOVELACE/ADA KING"),
            ("LOVELACE/ADA", "LOVELACE/ADA"),
            ("Lovelace, Ada", "LOVELACE/ADA"),
            ("Vincent van Gogh", "VAN GOGH/VINCENT"),
            ("Van Morrison", "MORRISON/VAN"),
            ("Sinéad O'Connor", "O'CONNOR/SINEAD"),
            ("Jean-Luc Müller-Weiß", "MULLER-WEISS/JEAN-LUC"),
            ("Cher", "CHER/"),
            ("Νίκος Παπαδόπουλος", "PAPADOPOULOS/NIKOS"),
            ("50% ^Ada? Smith", "SMITH/50 ADA"),
        ] {
            assert_eq!(emv_name(name).as_deref(), Ok(expected), "{name}");
        }
    }

    #[test]
    fn long_names_are_shortened_and_never_too_long() {
        for (name, expected) in [
            (
                "Maximilian Alexander Bartholomew Worthington",
                "WORTHINGTON/MAXIMILIAN A B",
            ),
            (
                "Maximiliano Wolfeschlegelsteinhausen",
                "WOLFESCHLEGELSTEINHAUSEN/M",
            ),
            (
                "Ann Wolfeschlegelsteinhausenbergerdorff",
                "WOLFESCHLEGELSTEINHAUSEN/A",
            ),
        ] {
            assert_eq!(emv_name(name).as_deref(), Ok(expected));
            assert!(expected.len() <= NAME_MAX);
        }
        let embossed = embossing_name("Maximilian Alexander Bartholomew Worthington", 26);
        assert_eq!(embossed.as_deref(), Ok("MAXIMILIAN A B WORTHINGTON"));
    }

    #[test]
    fn names_without_letters_are_refused() {
        assert_eq!(emv_name("  %^? "), Err(NameError::Empty));
        assert_eq!(emv_name(""), Err(NameError::Empty));
        assert!(matches!(
            emv_name("李 小龍"),
            Err(NameError::Character { position: 1, .. })
        ));
        assert!(matches!(
            emv_name(&"a".repeat(201)),
            Err(NameError::TooLong(201))
        ));
    }

    proptest::proptest! {
        #[test]
        fn any_accepted_name_fits_track_1(name in "\\PC{0,60}") {
            if let Ok(text) = emv_name(&name) {
                proptest::prop_assert!(crate::track::check_name(&text).is_ok());
            }
            if let Ok(text) = embossing_name(&name, 21) {
                proptest::prop_assert!(text.chars().all(emboss::is_text) && text.len() <= 21);
            }
        }
    }
}
