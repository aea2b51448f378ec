//! A linear look at the brackets before the grammar runs: nesting depth, and where to cut the
//! text when a block was never closed, so that one missing brace does not swallow the file.

use crate::diagnostic::Range;
use crate::limits::NESTING_MAX;

/// What the scan found.
pub(crate) struct Scan {
    /// Pieces to parse one by one; together they are the whole text.
    pub(crate) pieces: Vec<Range>,
    /// The first bracket beyond the nesting limit.
    pub(crate) too_deep: Option<Range>,
}

/// Looks at `source`. A text whose braces balance is one piece; otherwise it is cut before each
/// unindented line that starts an entry while a brace is open.
pub(crate) fn scan(source: &str) -> Scan {
    let balanced = Scanner::new(source, false).run();
    if !balanced.open_brace_left {
        return Scan {
            pieces: vec![Range::new(0, source.len())],
            too_deep: balanced.too_deep,
        };
    }
    let cut = Scanner::new(source, true).run();
    let mut pieces = Vec::with_capacity(cut.cuts.len() + 1);
    let mut start = 0;
    for at in cut.cuts {
        pieces.push(Range::new(start, at));
        start = at;
    }
    pieces.push(Range::new(start, source.len()));
    Scan {
        pieces,
        too_deep: cut.too_deep,
    }
}

struct Scanner<'s> {
    bytes: &'s [u8],
    at: usize,
    cutting: bool,
    stack: Vec<u8>,
    outcome: Outcome,
}

#[derive(Default)]
struct Outcome {
    open_brace_left: bool,
    too_deep: Option<Range>,
    cuts: Vec<usize>,
}

impl<'s> Scanner<'s> {
    fn new(source: &'s str, cutting: bool) -> Scanner<'s> {
        let bytes = source.as_bytes();
        Scanner {
            bytes,
            at: 0,
            cutting,
            stack: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn run(mut self) -> Outcome {
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => self.skip_text(),
                b'/' if self.peek(1) == Some(b'/') => self.skip_line(),
                b'\n' => self.line_start(),
                _ => self.bracket(byte),
            }
            if self.outcome.too_deep.is_some() {
                break;
            }
            self.at += 1;
        }
        self.outcome.open_brace_left = self.stack.contains(&b'{');
        self.outcome
    }

    /// Stops on the last byte of the line.
    fn skip_line(&mut self) {
        while self.peek(1).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    /// Stops on the closing quote or on the last byte of the line. Brackets inside a placeholder
    /// count, because they nest expressions; plain characters do not.
    fn skip_text(&mut self) {
        let outside = self.stack.clone();
        let mut placeholder = false;
        while let Some(byte) = self.peek(1).filter(|byte| *byte != b'\n') {
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' if self.peek(1).is_some_and(|next| next != b'\n') => self.at += 1,
                b'{' => placeholder = true,
                b'}' => {
                    placeholder = false;
                    self.stack.clone_from(&outside);
                }
                _ if placeholder => self.bracket(byte),
                _ => {}
            }
        }
        self.stack = outside;
    }

    fn bracket(&mut self, byte: u8) {
        match byte {
            b'{' | b'(' | b'[' => {
                self.stack.push(byte);
                if self.stack.len() > NESTING_MAX && self.outcome.too_deep.is_none() {
                    self.outcome.too_deep = Some(Range::new(self.at, self.at + 1));
                }
            }
            b'}' => self.close(b'{', false),
            b')' => self.close(b'(', true),
            b']' => self.close(b'[', true),
            _ => {}
        }
    }

    /// Closes the nearest such opener with all that was left open inside it. A closing bracket
    /// that is not a brace never reaches beyond the block that it stands in.
    fn close(&mut self, opener: u8, inside_block: bool) {
        let from = match inside_block {
            true => self
                .stack
                .iter()
                .rposition(|open| *open == b'{')
                .map_or(0, |at| at + 1),
            false => 0,
        };
        let inner = self.stack.get(from..).unwrap_or(&[]);
        if let Some(place) = inner.iter().rposition(|open| *open == opener) {
            self.stack.truncate(from + place);
        }
    }

    fn line_start(&mut self) {
        let next = self.at + 1;
        if self.cutting && self.stack.contains(&b'{') && self.is_entry_line(next) {
            self.outcome.cuts.push(next);
            self.stack.clear();
        }
    }

    /// Whether an unindented line reads `word word …` up to `{`, `:` or `=`, or `use a.b`.
    fn is_entry_line(&self, start: usize) -> bool {
        let line = self.bytes.get(start..).unwrap_or(&[]);
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
        if !line
            .first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        {
            return false;
        }
        let head = line
            .split(|byte| matches!(byte, b'{' | b':' | b'='))
            .next()
            .unwrap_or(&[]);
        let words = head
            .split(|byte| *byte == b' ')
            .filter(|word| !word.is_empty())
            .count();
        let ends_in_sign = head.len() < line.len();
        words >= 2 && (ends_in_sign || line.starts_with(b"use "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balanced_text_is_one_piece() {
        assert_eq!(scan("card a {\ncard b {\n}\n}\n").pieces.len(), 1);
    }

    #[test]
    fn an_open_block_is_cut_at_the_next_unindented_head() {
        let pieces = scan("card a {\n  x = 1\ncard b {\n  y = 2\n}\n").pieces;
        assert_eq!(pieces, [Range::new(0, 17), Range::new(17, 36)]);
    }

    #[test]
    fn brackets_in_texts_and_comments_do_not_count() {
        assert!(
            scan(&format!(
                "a = \"{}\" // {}\n",
                "(".repeat(99),
                "{".repeat(99)
            ))
            .too_deep
            .is_none()
        );
        assert!(
            scan(&format!("a = \"{{{}}}\"", "(".repeat(99)))
                .too_deep
                .is_some()
        );
        assert!(scan(&"(".repeat(NESTING_MAX)).too_deep.is_none());
        assert!(scan(&"(".repeat(NESTING_MAX + 1)).too_deep.is_some());
    }
}
