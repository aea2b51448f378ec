//! Source files, and the way from a byte span to a line and a column.

use crate::diagnostics::Place;
use cardwright_dsl::Parsed;
use std::sync::Arc;

/// A byte range in one of the model's source files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Index into [`Sources::files`].
    pub file: u32,
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

impl Span {
    /// Whether the other span lies within this one.
    #[must_use]
    pub fn holds(self, other: Span) -> bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }

    /// The span from this one's start to the other's end.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span {
            file: self.file,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// One source file.
#[derive(Clone, Debug, Default)]
pub struct SourceFile {
    /// Path inside the project, with forward slashes; standard packages start with `std/`.
    pub path: String,
    /// Text.
    pub text: String,
    /// Whether it belongs to a package rather than to the project: the standard ones, or others.
    pub standard: bool,
    /// Label of the package that it belongs to, `house@1.2.0`, when that is no standard one.
    pub package: Option<String>,
    /// Its tree, when it was parsed.
    pub(crate) tree: Option<Arc<Parsed>>,
    line_starts: Vec<usize>,
}

impl SourceFile {
    /// A file with its table of lines.
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>, standard: bool) -> Self {
        let text = text.into();
        let mut line_starts = vec![0];
        line_starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Self {
            path: path.into(),
            text,
            standard,
            package: None,
            tree: None,
            line_starts,
        }
    }

    /// A file of a package, which its label names.
    #[must_use]
    pub fn of_package(label: &str, path: &str, text: &str) -> Self {
        Self {
            package: Some(label.to_owned()),
            ..Self::new(format!("{label}/{path}"), text, true)
        }
    }

    /// The byte of a line and a column, both from 1, the column in characters; none beyond the text.
    #[must_use]
    pub fn offset(&self, line: u32, column: u32) -> Option<usize> {
        let line = usize::try_from(line).ok()?.checked_sub(1)?;
        let start = *self.line_starts.get(line)?;
        let rest = self.text.get(start..)?;
        let skipped = usize::try_from(column).ok()?.checked_sub(1)?;
        let mut characters = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
        characters.nth(skipped).map(|at| start + at)
    }

    /// Line and column of a byte, both from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self, byte: u32) -> (u32, u32) {
        let byte = usize::try_from(byte)
            .unwrap_or(usize::MAX)
            .min(self.text.len());
        let line = self
            .line_starts
            .partition_point(|start| *start <= byte)
            .max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..byte).unwrap_or("");
        let column = before.chars().count() + 1;
        (
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        )
    }
}

/// All source files of a model.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Files, in the order in which they were read.
    pub files: Vec<SourceFile>,
}

impl Sources {
    /// A file by a span's number.
    #[must_use]
    pub fn file(&self, file: u32) -> Option<&SourceFile> {
        self.files.get(usize::try_from(file).ok()?)
    }

    /// Label of the package that a span belongs to; none for the project and the standard ones.
    #[must_use]
    pub fn package(&self, span: Span) -> Option<&str> {
        self.file(span.file)?.package.as_deref()
    }

    /// The place of a span.
    #[must_use]
    pub fn place(&self, span: Span) -> Place {
        let Some(file) = self.file(span.file) else {
            return Place::default();
        };
        let (line, column) = file.line_column(span.start);
        let (end_line, end_column) = file.line_column(span.end.max(span.start));
        Place {
            file: file.path.clone(),
            line,
            column,
            end_line,
            end_column,
        }
    }

    /// The text of a span.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        let bounds = usize::try_from(span.start)
            .ok()
            .zip(usize::try_from(span.end).ok());
        self.file(span.file)
            .zip(bounds)
            .and_then(|(file, (start, end))| file.text.get(start..end))
            .unwrap_or("")
    }
}
