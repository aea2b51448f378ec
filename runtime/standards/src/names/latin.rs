//! Romanisation to ASCII: Latin letters with marks, Greek (ELOT 743), Arabic (letter by letter).
//!
//! - **Latin**: marks are dropped after canonical decomposition (é is E, ö is O); letters that do
//!   not decompose have a table (ß is ss, ø is o, æ is ae, ł is l, đ is d, þ is th …).
//! - **Greek**: the ELOT 743 transcription with its pairs (ου is ou, αυ is av or af, μπ is b at the
//!   beginning of a word, γγ is ng …).
//! - **Arabic**: one table from letter to letters. Short vowels are written when the name has
//!   them and are missing when it has none, as in machine readable travel documents; this is a
//!   romanisation that any reader can repeat, not a transcription.
//! - Typographic quotes and dashes become `'` and `-`; control characters and others are refused.

use super::{INPUT_CHARACTERS_MAX, NameError};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A text in ASCII, upper and lower case kept.
pub fn latin(text: &str) -> Result<String, NameError> {
    let length = text.chars().count();
    if length > INPUT_CHARACTERS_MAX {
        return Err(NameError::TooLong(length));
    }
    let mut result = String::with_capacity(text.len());
    // Decomposed characters, each with the place of the character that it came from.
    let characters: Vec<(usize, char)> = text
        .chars()
        .enumerate()
        .flat_map(|(index, character)| {
            std::iter::once(character)
                .nfd()
                .map(move |part| (index + 1, part))
        })
        .collect();
    let mut rest = characters.as_slice();
    while let Some(((position, character), after)) = rest.split_first() {
        let taken = one(*character, after, &result).ok_or(NameError::Character {
            position: *position,
            code_point: *character as u32,
        })?;
        if taken.doubled {
            result.extend(taken.text.chars().next());
        }
        push_cased(&mut result, taken.text, *character, after);
        rest = after.get(taken.further..).unwrap_or_default();
    }
    Ok(result)
}

/// What a character becomes, and how many further characters it uses up.
struct Taken {
    text: &'static str,
    doubled: bool,
    further: usize,
}

fn one(character: char, after: &[(usize, char)], before: &str) -> Option<Taken> {
    let text = |text| {
        Some(Taken {
            text,
            doubled: false,
            further: 0,
        })
    };
    if character.is_ascii() {
        return if character.is_ascii_control() {
            None
        } else {
            text(ascii(character))
        };
    }
    if let Some(taken) = greek(character, after, before) {
        return Some(taken);
    }
    if let Some((_, found)) = LETTERS.iter().find(|(letter, _)| *letter == character) {
        return text(found);
    }
    if let Some(taken) = arabic(character, after) {
        return Some(taken);
    }
    if is_combining_mark(character) {
        return text("");
    }
    if character.is_whitespace() {
        return text(" ");
    }
    None
}

/// A one-character text of ASCII without an allocation.
fn ascii(character: char) -> &'static str {
    const ALL: &str = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`\
                       abcdefghijklmnopqrstuvwxyz{|}~";
    let index = (character as usize).wrapping_sub(0x20);
    ALL.get(index..index.wrapping_add(1)).unwrap_or("")
}

/// A table's lower-case letters take the case of the source: all capitals when the next letter is
/// one too, else a leading capital.
fn push_cased(to: &mut String, letters: &str, source: char, after: &[(usize, char)]) {
    if source.is_ascii() || !source.is_uppercase() {
        to.push_str(letters);
        return;
    }
    let next = after
        .iter()
        .map(|(_, next)| *next)
        .find(|next| !is_combining_mark(*next));
    let all = next.is_none_or(|next| !next.is_lowercase());
    let mut letters = letters.chars();
    to.extend(letters.next().map(|first| first.to_ascii_uppercase()));
    to.extend(letters.map(|letter| {
        if all {
            letter.to_ascii_uppercase()
        } else {
            letter
        }
    }));
}

/// Latin letters that do not decompose, and typographic signs.
const LETTERS: &[(char, &str)] = &[
    ('ß', "ss"),
    ('ẞ', "ss"),
    ('æ', "ae"),
    ('Æ', "ae"),
    ('œ', "oe"),
    ('Œ', "oe"),
    ('ø', "o"),
    ('Ø', "o"),
    ('đ', "d"),
    ('Đ', "d"),
    ('ð', "d"),
    ('Ð', "d"),
    ('þ', "th"),
    ('Þ', "th"),
    ('ł', "l"),
    ('Ł', "l"),
    ('ħ', "h"),
    ('Ħ', "h"),
    ('ı', "i"),
    ('ŋ', "ng"),
    ('Ŋ', "ng"),
    ('ŧ', "t"),
    ('Ŧ', "t"),
    ('ĸ', "k"),
    ('ŉ', "n"),
    ('ə', "a"),
    ('Ə', "a"),
    ('ĳ', "ij"),
    ('Ĳ', "ij"),
    ('ŀ', "l"),
    ('ſ', "s"),
    ('‘', "'"),
    ('’', "'"),
    ('ʼ', "'"),
    ('ʻ', "'"),
    ('‛', "'"),
    ('´', "'"),
    ('′', "'"),
    ('`', "'"),
    ('‐', "-"),
    ('‑', "-"),
    ('‒', "-"),
    ('–', "-"),
    ('—', "-"),
    ('−', "-"),
    ('ª', "a"),
    ('º', "o"),
    ('·', "."),
    ('\u{200C}', ""),
    ('\u{200D}', ""),
    ('\u{200E}', ""),
    ('\u{200F}', ""),
    ('\u{00AD}', ""),
    ('،', ","),
    ('ـ', ""),
];

/// Greek letter by letter (ELOT 743, table 1), lower case.
const GREEK: &[(char, &str)] = &[
    ('α', "a"),
    ('β', "v"),
    ('γ', "g"),
    ('δ', "d"),
    ('ε', "e"),
    ('ζ', "z"),
    ('η', "i"),
    ('θ', "th"),
    ('ι', "i"),
    ('κ', "k"),
    ('λ', "l"),
    ('μ', "m"),
    ('ν', "n"),
    ('ξ', "x"),
    ('ο', "o"),
    ('π', "p"),
    ('ρ', "r"),
    ('σ', "s"),
    ('ς', "s"),
    ('τ', "t"),
    ('υ', "y"),
    ('φ', "f"),
    ('χ', "ch"),
    ('ψ', "ps"),
    ('ω', "o"),
];

/// Pairs of Greek letters (ELOT 743, table 2), lower case.
const GREEK_PAIRS: &[(&str, &str)] = &[("γγ", "ng"), ("γξ", "nx"), ("γχ", "nch"), ("ου", "ou")];

/// Greek letters in front of which αυ, ευ, ηυ end in v; in front of others and at the end in f.
const GREEK_VOICED: &str = "αβγδεζηιλμνορυω";

fn greek(character: char, after: &[(usize, char)], before: &str) -> Option<Taken> {
    let lower = |character: char| character.to_lowercase().next().unwrap_or(character);
    let first = lower(character);
    let (_, single) = GREEK.iter().find(|(letter, _)| *letter == first)?;
    let one = Some(Taken {
        text: single,
        doubled: false,
        further: 0,
    });
    // A mark between two letters parts them: άυ is no pair. A dialytika after the second does too.
    let Some((_, second)) = after.first() else {
        return one;
    };
    let second = lower(*second);
    let marks = after
        .iter()
        .skip(1)
        .map(|(_, next)| *next)
        .take_while(|c| is_combining_mark(*c));
    if marks.clone().any(|mark| mark == '\u{0308}') {
        return one;
    }
    let pair = |text| {
        Some(Taken {
            text,
            doubled: false,
            further: 1,
        })
    };
    if second == 'υ' && matches!(first, 'α' | 'ε' | 'η') {
        let next = after.get(1 + marks.count()).map(|(_, next)| lower(*next));
        let voiced = next.is_some_and(|next| GREEK_VOICED.contains(next));
        return pair(match (first, voiced) {
            ('α', true) => "av",
            ('α', false) => "af",
            ('ε', true) => "ev",
            ('ε', false) => "ef",
            (_, true) => "iv",
            (_, false) => "if",
        });
    }
    let begins = !before.ends_with(|last: char| last.is_ascii_alphabetic());
    if first == 'μ' && second == 'π' && begins {
        return pair("b");
    }
    let letters: String = [first, second].into_iter().collect();
    match GREEK_PAIRS.iter().find(|(pair, _)| *pair == letters) {
        Some((_, text)) => pair(text),
        None => one,
    }
}

/// Arabic and Persian letters, vowel signs and digits.
const ARABIC: &[(char, &str)] = &[
    ('ا', "a"),
    ('ب', "b"),
    ('ت', "t"),
    ('ث', "th"),
    ('ج', "j"),
    ('ح', "h"),
    ('خ', "kh"),
    ('د', "d"),
    ('ذ', "dh"),
    ('ر', "r"),
    ('ز', "z"),
    ('س', "s"),
    ('ش', "sh"),
    ('ص', "s"),
    ('ض', "d"),
    ('ط', "t"),
    ('ظ', "z"),
    ('ع', "a"),
    ('غ', "gh"),
    ('ف', "f"),
    ('ق', "q"),
    ('ك', "k"),
    ('ل', "l"),
    ('م', "m"),
    ('ن', "n"),
    ('ه', "h"),
    ('و', "w"),
    ('ي', "y"),
    ('ى', "a"),
    ('ة', "a"),
    ('ء', ""),
    ('ٱ', "a"),
    ('پ', "p"),
    ('چ', "ch"),
    ('ژ', "zh"),
    ('گ', "g"),
    ('ک', "k"),
    ('ی', "y"),
    ('ہ', "h"),
    ('ھ', "h"),
    ('\u{064B}', "an"),
    ('\u{064C}', "un"),
    ('\u{064D}', "in"),
    ('\u{064E}', "a"),
    ('\u{064F}', "u"),
    ('\u{0650}', "i"),
    ('\u{0652}', ""),
    ('\u{0653}', ""),
    ('\u{0654}', ""),
    ('\u{0655}', ""),
    ('\u{0670}', "a"),
    ('٠', "0"),
    ('١', "1"),
    ('٢', "2"),
    ('٣', "3"),
    ('٤', "4"),
    ('٥', "5"),
    ('٦', "6"),
    ('٧', "7"),
    ('٨', "8"),
    ('٩', "9"),
];

/// Shadda: the first letter of its romanisation is written twice. Canonical order puts it behind
/// the vowel sign, so that it is looked for among all marks that follow.
const SHADDA: char = '\u{0651}';

fn arabic(character: char, after: &[(usize, char)]) -> Option<Taken> {
    if character == SHADDA {
        return Some(Taken {
            text: "",
            doubled: false,
            further: 0,
        });
    }
    let (_, text) = ARABIC.iter().find(|(letter, _)| *letter == character)?;
    let mut marks = after
        .iter()
        .map(|(_, next)| *next)
        .take_while(|c| is_combining_mark(*c));
    let doubled = !is_combining_mark(character) && marks.any(|mark| mark == SHADDA);
    Some(Taken {
        text,
        doubled,
        further: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_letters() {
        for (text, expected) in [
            ("Straße", "Strasse"),
            ("STRAẞE", "STRASSE"),
            ("Łukasz Żółć", "Lukasz Zolc"),
            ("Søren Ærø", "Soren Aero"),
            ("Þórður Ðorđe", "Thordur Dorde"),
            ("O’Connor", "O'Connor"),
            ("İstanbul ılık", "Istanbul ilik"),
            ("Nguyễn Văn Đức", "Nguyen Van Duc"),
        ] {
            assert_eq!(latin(text).as_deref(), Ok(expected));
        }
    }

    // Examples in the public description of ELOT 743.
    #[test]
    fn greek_transcription() {
        for (text, expected) in [
            ("Γεώργιος", "Georgios"),
            ("Ευάγγελος", "Evangelos"),
            ("Ευθύμιος", "Efthymios"),
            ("Παύλος", "Pavlos"),
            ("Μπάμπης", "Bampis"),
            ("Ούρανος", "Ouranos"),
            ("Χρήστος", "Christos"),
            ("ΨΥΧΗ", "PSYCHI"),
            ("Άυλος", "Aylos"),
            ("Μαΐου", "Maiou"),
        ] {
            assert_eq!(latin(text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn arabic_letters() {
        for (text, expected) in [
            ("محمد", "mhmd"),
            ("مُحَمَّد", "muhammad"),
            ("فاطمة", "fatma"),
            ("خالد", "khald"),
            ("أحمد", "ahmd"),
        ] {
            assert_eq!(latin(text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_has_no_table_is_named_by_place() {
        let error = NameError::Character {
            position: 3,
            code_point: 0x674E,
        };
        assert_eq!(latin("A 李"), Err(error));
        assert!(latin("a\u{0007}").is_err());
    }
}
