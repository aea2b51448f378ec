//! Lines of formatted text before they are written: indentation, cells, trailing comment.

/// Spaces a level of indentation.
const INDENT_WIDTH: usize = 2;

/// Spaces before a trailing comment.
const COMMENT_GAP: &str = "  ";

/// One line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Levels of indentation.
    pub(crate) indent: usize,
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
    /// What it starts with (`:`, `=`, `{`, a clause keyword); empty for the head.
    pub(crate) key: String,
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
    pub(crate) fn start_cell(&mut self, key: &str) {
        match self.cells.last_mut() {
            Some(cell) if cell.text.is_empty() => cell.key = key.to_owned(),
            _ => self.cells.push(Cell {
                key: key.to_owned(),
                text: String::new(),
            }),
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

fn spaces(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// Writes all lines out.
pub(crate) fn write(lines: &[Line], comment_pads: &[usize]) -> String {
    let mut out = String::new();
    for (line, pad) in lines.iter().zip(comment_pads) {
        if line.blank_before && !out.is_empty() {
            out.push('\n');
        }
        spaces(line.indent * INDENT_WIDTH, &mut out);
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
