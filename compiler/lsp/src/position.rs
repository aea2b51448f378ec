//! Positions as editors count them: lines from 0, columns in UTF-16 units.

use cardwright_compiler::diagnostics::Place;
use lsp_types::{Position, Range};

/// A text with the table of its lines.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    text: String,
    /// Offset of each line's first octet; a line ends with LF, CR LF, or CR alone.
    starts: Vec<usize>,
}

impl Text {
    pub(crate) fn new(text: String) -> Self {
        let mut starts = vec![0];
        let octets = text.as_bytes();
        for (at, octet) in octets.iter().enumerate() {
            let ends = match octet {
                b'\n' => true,
                b'\r' => octets.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            if ends {
                starts.push(at + 1);
            }
        }
        Self { text, starts }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The position of an octet; one inside a character counts as that character's first.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let offset = floor(&self.text, offset);
        let line = self.starts.partition_point(|start| *start <= offset).max(1) - 1;
        let start = self.starts.get(line).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or("");
        Position {
            line: narrow(line),
            character: narrow(before.encode_utf16().count()),
        }
    }

    /// The octet of a position; beyond the end of a line it is the line's end, beyond the last
    /// line the text's.
    pub(crate) fn offset(&self, position: Position) -> usize {
        let line = usize::try_from(position.line).unwrap_or(usize::MAX);
        let Some(start) = self.starts.get(line).copied() else {
            return self.text.len();
        };
        let end = self
            .starts
            .get(line + 1)
            .copied()
            .unwrap_or(self.text.len());
        let content = self.text.get(start..end).unwrap_or("");
        let content = content.trim_end_matches(['\n', '\r']);
        let mut units = 0;
        for (at, character) in content.char_indices() {
            if units >= position.character {
                return start + at;
            }
            units = units.saturating_add(narrow(character.len_utf16()));
        }
        start + content.len()
    }

    pub(crate) fn range(&self, start: usize, end: usize) -> Range {
        Range {
            start: self.position(start),
            end: self.position(end.max(start)),
        }
    }

    pub(crate) fn node_range(&self, range: cardwright_dsl::Range) -> Range {
        self.range(range.start, range.end)
    }

    pub(crate) fn span_range(&self, span: cardwright_compiler::model::Span) -> Range {
        self.range(wide(span.start), wide(span.end))
    }

    /// The range of a finding's place: lines and columns from 1, columns in characters, lines
    /// ended by LF only.
    pub(crate) fn place_range(&self, place: &Place) -> Range {
        let start = self.place_offset(place.line, place.column);
        let end = self.place_offset(place.end_line, place.end_column);
        self.range(start, end)
    }

    fn place_offset(&self, line: u32, column: u32) -> usize {
        let mut rest = self.text.as_str();
        for _ in 1..line {
            match rest.find('\n') {
                Some(end) => rest = rest.get(end + 1..).unwrap_or(""),
                None => return self.text.len(),
            }
        }
        let start = self.text.len() - rest.len();
        let skipped = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
        let within = rest.char_indices().nth(skipped).map(|(at, _)| at);
        start + within.unwrap_or(rest.len())
    }
}

/// The nearest character boundary at or before an offset.
pub(crate) fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

pub(crate) fn wide(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

pub(crate) fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn columns_count_utf16_units() {
        // U+1F600 has two UTF-16 units and four octets, U+0645 one unit and two octets.
        let text = Text::new("a😀b\nم=x".to_owned());
        assert_eq!(text.position(0), at(0, 0));
        assert_eq!(text.position(1), at(0, 1));
        assert_eq!(text.position(5), at(0, 3));
        assert_eq!(text.position(3), at(0, 1), "inside the emoji");
        assert_eq!(text.position(7), at(1, 0));
        assert_eq!(text.position(9), at(1, 1));
        assert_eq!(text.offset(at(0, 3)), 5);
        assert_eq!(text.offset(at(0, 2)), 5, "between the surrogates");
        assert_eq!(text.offset(at(1, 1)), 9);
        assert_eq!(text.offset(at(0, 99)), 6);
        assert_eq!(text.offset(at(9, 0)), 11);
    }

    #[test]
    fn lines_end_as_the_protocol_says() {
        let text = Text::new("a\r\nb\rc\n".to_owned());
        assert_eq!(text.offset(at(1, 0)), 3);
        assert_eq!(text.offset(at(2, 0)), 5);
        assert_eq!(text.offset(at(0, 5)), 1);
        assert_eq!(text.position(7), at(3, 0));
    }

    #[test]
    fn places_of_findings_count_characters() {
        let text = Text::new("😀 x\nab".to_owned());
        let place = Place {
            line: 1,
            column: 3,
            end_line: 2,
            end_column: 2,
            ..Place::default()
        };
        let range = text.place_range(&place);
        assert_eq!((range.start, range.end), (at(0, 3), at(1, 1)));
    }
}
