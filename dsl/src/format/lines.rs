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

    /// The text without indentation and comment.
    pub(crate) fn body(&self) -> String {
        let cells: Vec<&str> = self.cells.iter().map(|cell| cell.text.as_str()).collect();
        cells.join(" ").trim_end().to_owned()
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

/// Writes all lines out.
pub(crate) fn write(lines: &[Line], comment_pads: &[usize]) -> String {
    let mut out = String::new();
    for (line, pad) in lines.iter().zip(comment_pads) {
        if line.blank_before && !out.is_empty() {
            out.push('\n');
        }
        let body = line.body();
        out.push_str(&" ".repeat(line.indent * INDENT_WIDTH));
        out.push_str(&body);
        if let Some(comment) = &line.comment {
            out.push_str(&" ".repeat(*pad));
            out.push_str(COMMENT_GAP);
            out.push_str(comment);
        }
        out.push('\n');
    }
    out
}
