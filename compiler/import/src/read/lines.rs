//! Lines of text with their numbers, without comments.

use crate::error::{ImportError, unreadable};

/// A line that says something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'t> {
    /// From 1.
    pub(super) number: usize,
    /// Without comment and spaces behind; spaces before are kept.
    pub(super) text: &'t str,
}

impl Line<'_> {
    /// `line 3`.
    pub(super) fn place(&self) -> String {
        format!("line {}", self.number)
    }
}

/// The file as text.
pub(super) fn text(octets: &[u8]) -> Result<&str, ImportError> {
    let text = std::str::from_utf8(octets)
        .map_err(|e| unreadable(&format!("octet {}", e.valid_up_to()), "no UTF-8 text"))?;
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}

/// Lines that are more than a comment. A comment begins with `//`, with `#` and a space, or with
/// `#` or `;` at the start of the line.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let lines = (1..).zip(text.lines());
    lines.filter_map(|(number, line)| {
        let start = line.trim_start();
        let tag_behind = |c: char| c.is_ascii_hexdigit();
        let hash = start.strip_prefix('#');
        if start.starts_with(';') || hash.is_some_and(|rest| !rest.starts_with(tag_behind)) {
            return None;
        }
        let end = [line.find("//"), line.find("# ")];
        let end = end.into_iter().flatten().min().unwrap_or(line.len());
        let text = line.get(..end).unwrap_or(line).trim_end();
        (!text.trim().is_empty()).then_some(Line { number, text })
    })
}

/// Hexadecimal with spaces between; none for anything else and for nothing.
pub(super) fn octets_of(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.is_empty() {
        return None;
    }
    hex::decode(digits).ok()
}
