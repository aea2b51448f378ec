//! Lines of formatted text before they are written: indentation, cells, trailing comment.

/// Spaces a level of indentation.
const INDENT_WIDTH: usize = 2;

/// Spaces before a trailing comment.
const COMMENT_GAP: &str = "  ";

/// Furthest column under a bracket that lines inside it stand at; further to the right they are
/// indented like a block.
const HANG_MAX: usize = 48;

/// Key of the cell behind `final`, `default` and `required`.
pub(crate) const MODIFIED: &str = "modified";

/// A place in the text of an earlier line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Number of the line.
    pub(crate) line: usize,
    /// Number of the cell.
    pub(crate) cell: usize,
    /// Characters of the cell before it.
    pub(crate) offset: usize,
}

/// One line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Levels of indentation; behind `hang` where it stands under an earlier line's bracket.
    pub(crate) indent: usize,
    /// Where it begins when it goes on inside a bracket behind which text stands, and the levels
    /// of indentation there.
    pub(crate) hang: Option<(Place, usize)>,
    /// Whether it goes on inside such a bracket of an entry that began on an earlier line.
    pub(crate) goes_on: bool,
    /// Its text in pieces that may be lined up with the pieces of neighbouring lines.
    pub(crate) cells: Vec<Cell>,
    /// The comment at its end.
    pub(crate) comment: Option<String>,
    /// Whether a blank line stands before it.
    pub(crate) blank_before: bool,
    /// Whether the line is a whole entry, so that its cells may be lined up.
    pub(crate) whole_entry: bool,
}

/// A piece of a line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    /// What it starts with (`:`, `=`, `{`, a clause keyword), or [`MODIFIED`]; empty for the head
    /// and for its last word before clauses.
    pub(crate) key: &'static str,
    /// Its text.
    pub(crate) text: String,
}

impl Line {
    /// An empty line with one empty cell.
    pub(crate) fn new(indent: usize, blank_before: bool) -> Line {
        Line {
            indent,
            blank_before,
            cells: vec![Cell::default()],
            ..Line::default()
        }
    }

    /// Adds text to the last cell.
    pub(crate) fn push(&mut self, text: &str) {
        if let Some(cell) = self.cells.last_mut() {
            cell.text.push_str(text);
        }
    }

    /// Starts a cell; an empty one is only renamed.
    pub(crate) fn start_cell(&mut self, key: &'static str) {
        match self.cells.last_mut() {
            Some(cell) if cell.text.is_empty() => cell.key = key,
            _ => self.cells.push(Cell {
                key,
                text: String::new(),
            }),
        }
    }

    /// Where its text ends now.
    pub(crate) fn end(&self, line: usize) -> Place {
        let text = self.cells.last().map_or("", |cell| cell.text.as_str());
        Place {
            line,
            cell: self.cells.len().saturating_sub(1),
            offset: text.chars().count(),
        }
    }

    /// Writes the text without indentation and comment.
    fn write_body(&self, out: &mut String) {
        let start = out.len();
        for (at, cell) in self.cells.iter().enumerate() {
            if at > 0 {
                out.push(' ');
            }
            out.push_str(&cell.text);
        }
        let body = out.get(start..).unwrap_or("");
        out.truncate(start + body.trim_end().len());
    }

    /// Whether a line end stands in the text.
    pub(crate) fn is_broken(&self) -> bool {
        let shown = self
            .cells
            .iter()
            .rposition(|c| !c.text.trim_end().is_empty());
        let mut cells = self.cells.iter().take(shown.map_or(0, |last| last + 1));
        cells
            .next_back()
            .is_some_and(|c| c.text.trim_end().contains('\n'))
            || cells.any(|c| c.text.contains('\n'))
    }

    /// Width of the text without indentation and comment, in characters.
    pub(crate) fn width(&self) -> usize {
        let mut width = 0;
        let mut shown = 0;
        for (at, cell) in self.cells.iter().enumerate() {
            width += usize::from(at > 0);
            let text = cell.text.trim_end();
            if !text.is_empty() {
                shown = width + text.chars().count();
            }
            width += cell.text.chars().count();
        }
        shown
    }

    /// Width of the text before a cell, in characters.
    pub(crate) fn width_before(&self, cell: usize) -> usize {
        self.cells
            .iter()
            .take(cell)
            .map(|cell| cell.text.chars().count() + 1)
            .sum()
    }
}

/// The column at which each line begins, in characters.
pub(crate) fn starts(lines: &[Line]) -> Vec<usize> {
    let mut starts: Vec<usize> = Vec::with_capacity(lines.len());
    for line in lines {
        let indented = line.indent * INDENT_WIDTH;
        let hung = line.hang.and_then(|(place, levels)| {
            let above = lines.get(place.line)?.width_before(place.cell) + place.offset;
            let column = starts.get(place.line)? + above;
            (column <= HANG_MAX).then_some(column + levels * INDENT_WIDTH)
        });
        starts.push(hung.unwrap_or(indented));
    }
    starts
}

fn spaces(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// Writes all lines out.
pub(crate) fn write(lines: &[Line], starts: &[usize], comment_pads: &[usize]) -> String {
    let mut out = String::new();
    for ((line, start), pad) in lines.iter().zip(starts).zip(comment_pads) {
        if line.blank_before && !out.is_empty() {
            out.push('\n');
        }
        spaces(*start, &mut out);
        line.write_body(&mut out);
        if let Some(comment) = &line.comment {
            spaces(*pad, &mut out);
            out.push_str(COMMENT_GAP);
            out.push_str(comment);
        }
        out.push('\n');
    }
    out
}
