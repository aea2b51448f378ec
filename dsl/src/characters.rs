//! Characters that a source must not hold, because a reader could not see what it says.

use crate::diagnostic::{Diagnostic, Range};

/// Tells of the first refused character of every line, and gives what there is to say about tabs,
/// once a file.
pub(crate) fn refused(source: &str, mut tell: impl FnMut(Diagnostic)) -> Option<Diagnostic> {
    // Most sources are plain: a look at the octets is enough.
    let plain = |octet: u8| octet == b'\n' || (b' '..=b'~').contains(&octet);
    if source.bytes().all(plain) {
        return None;
    }
    let mut line_done = false;
    let mut tabs = 0_usize;
    let mut first_tab = None;
    let mut characters = source.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\n' {
            line_done = false;
        }
        let before_line_end = matches!(characters.peek(), Some((_, '\n')));
        if character == '\t' {
            tabs += 1;
            first_tab.get_or_insert(at);
        } else if let Some(name) = name_of(character, before_line_end).filter(|_| !line_done) {
            line_done = true;
            let code_point = u32::from(character);
            let message = format!("U+{code_point:04X}, {name}, does not belong in a source");
            let range = Range::new(at, at + character.len_utf8());
            let help = format!("remove it; in a text write `\\u{{{code_point:X}}}`");
            let diagnostic = Diagnostic::error("E0019", range, message).with_help(help);
            tell(diagnostic.with_fix(range, ""));
        }
    }
    let at = first_tab?;
    let message = match tabs {
        1 => "there is a tab here".to_owned(),
        _ => format!("there is a tab here, the first of {tabs}"),
    };
    let help = "use spaces; `fmt` replaces tabs between words, in a text write `\\u{9}`";
    let range = Range::new(at, at + 1);
    let diagnostic = Diagnostic::error("E0019", range, message).with_help(help);
    // Where no text begins before it on its line, the tab stands between words.
    let line = source
        .get(..at)
        .and_then(|before| before.rsplit('\n').next());
    match line {
        Some(before) if tabs == 1 && !before.contains('"') => Some(diagnostic.with_fix(range, " ")),
        _ => Some(diagnostic),
    }
}

/// What a refused character is called; `None` for one that is welcome.
fn name_of(character: char, before_line_end: bool) -> Option<&'static str> {
    match character {
        '\n' => None,
        '\r' if before_line_end => None,
        '\r' => Some("a carriage return without a line feed"),
        '\0' => Some("a NUL character"),
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            Some("a mark that turns the direction of writing")
        }
        '\u{200E}' | '\u{200F}' | '\u{61C}' => Some("an invisible mark of writing direction"),
        '\u{FEFF}' => Some("a byte order mark"),
        '\u{2028}' | '\u{2029}' => Some("a line separator"),
        other if other.is_control() => Some("a control character"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let tabs = refused(source, |one| found.push(one));
        found.extend(tabs);
        found
    }

    #[test]
    fn hidden_characters_are_named_once_a_line() {
        let found = told("a\u{202E}b\u{202E}\nc\0d\r\ne\rf");
        let codes: Vec<&str> = found.iter().map(|d| &d.message[..6]).collect();
        assert_eq!(codes, ["U+202E", "U+0000", "U+000D"]);
    }

    #[test]
    fn tabs_are_told_of_once() {
        assert_eq!(told("\ta\n\tb\n").len(), 1);
    }

    #[test]
    fn letters_of_the_world_are_welcome() {
        assert!(told("name = \"Ελένη عائشة नीता 玲\"\r\n").is_empty());
    }
}
