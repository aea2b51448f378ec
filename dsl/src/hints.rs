//! Advice about text that fits nowhere, from the way it starts.

use crate::kind::Kind;

/// Most characters of a piece of source that a message repeats.
const SHOWN_CHARS_MAX: usize = 24;

/// Starts of misplaced text and what was probably meant. The first that fits is used.
const STARTS: &[(&str, &str)] = &[
    ("\u{201C}", "texts stand in straight quotes: \"…\""),
    ("\u{201D}", "texts stand in straight quotes: \"…\""),
    ("\u{201E}", "texts stand in straight quotes: \"…\""),
    ("\u{2018}", "texts stand in straight double quotes: \"…\""),
    ("\u{2019}", "texts stand in straight double quotes: \"…\""),
    ("\u{AB}", "texts stand in straight quotes: \"…\""),
    ("'", "texts stand in double quotes: \"…\""),
    ("`", "texts stand in double quotes: \"…\""),
    ("\u{2013}", "this is a dash; type a plain minus `-`"),
    ("\u{2014}", "this is a dash; type a plain minus `-`"),
    (
        "\u{2212}",
        "this is a minus sign of typesetting; type a plain `-`",
    ),
    ("\u{A0}", "this is a no-break space; type a plain space"),
    (
        "\u{2026}",
        "the three dots are one character here; write the entries out",
    ),
    (
        "...",
        "`...` stands only before an element of a list: `[a, ...b]`",
    ),
    ("/*", "comments start with `//` and end with their line"),
    ("&&", "write `and`"),
    ("&", "write `and`"),
    ("||", "write `or`"),
    ("|", "a pipe is written `|>`"),
    ("!", "write `not`, or `!=` between two values"),
    ("=>", "write `=` for a value and `>=` for a comparison"),
    ("->", "write `:` for a type, `=` for a value"),
    ("===", "comparison is written `==`"),
    ("==", "`==` compares two values; there is none before it"),
    ("*", "there is no arithmetic but `+` and `-`"),
    (
        "/",
        "there is no arithmetic but `+` and `-`; a comment starts with `//`",
    ),
    ("%", "there is no arithmetic but `+` and `-`"),
    ("^", "there is no arithmetic but `+` and `-`"),
    ("?", "a choice is written `if … then … else …`"),
    (")", "nothing is open here that `)` closes"),
    ("]", "nothing is open here that `]` closes"),
    (
        "<",
        "there is nothing before it to compare; types take arguments in `( )`",
    ),
    (
        ".",
        "a name stands before the dot; a fraction starts with a digit: `0.5`",
    ),
    ("then", "`then` belongs to an `if` before it"),
    ("else", "`else` stands behind what it is the alternative of"),
];

/// Signs of other languages, and the words that stand for them here.
const INSTEAD: &[(&str, &str)] = &[("&&", "and"), ("||", "or"), ("===", "==")];

/// How many bytes at the start of misplaced text are a sign of another language, and the word that
/// stands for it here.
pub(crate) fn instead(text: &str) -> Option<(usize, &'static str)> {
    let mut all = INSTEAD.iter();
    let (sign, word) = all.find(|(sign, _)| text.starts_with(sign))?;
    Some((sign.len(), word))
}

/// What was probably meant.
pub(crate) fn about(text: &str, kind: Kind) -> Option<String> {
    if text.starts_with('=') && !text.starts_with("==") && !text.starts_with("=>") {
        return Some(about_equals(kind).to_owned());
    }
    if text.starts_with(',') {
        return Some("several values are a list: `[a, b]`".to_owned());
    }
    if text.starts_with(':') {
        return Some(about_colon(kind).to_owned());
    }
    let listed = STARTS.iter().find(|(start, _)| text.starts_with(start));
    if let Some((_, help)) = listed {
        return Some((*help).to_owned());
    }
    let first = text.chars().next()?;
    if first.is_alphabetic() && !first.is_ascii() {
        return Some("names are written with a to z, A to Z, 0 to 9 and `_`".to_owned());
    }
    if first.is_ascii_alphanumeric() || first == '"' {
        return Some("put a space before it, or `;` when a new entry starts here".to_owned());
    }
    None
}

fn about_equals(kind: Kind) -> &'static str {
    match kind {
        Kind::ErrorLine => "the name of the entry stands before `=`",
        Kind::MissingBase => "write `name = value`, or a type between `:` and `=`",
        Kind::ErrorItem => "comparison is written `==`; an argument's name is followed by `:`",
        _ => "comparison is written `==`; an entry has one `=`",
    }
}

fn about_colon(kind: Kind) -> &'static str {
    match kind {
        Kind::ErrorLine => "the name of the entry stands before `:`",
        Kind::ErrorItem => "a name with `:` stands only in the arguments of a call: `f(name: a)`",
        _ => "`: base` stands once, before `=`",
    }
}

/// A piece of source short enough for a message, on one line.
pub(crate) fn shown(text: &str) -> String {
    let text = text.trim();
    let mut short: String = text
        .chars()
        .take(SHOWN_CHARS_MAX)
        .map(|character| {
            if character.is_control() {
                '\u{FFFD}'
            } else {
                character
            }
        })
        .collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        short.push('…');
    }
    short
}
