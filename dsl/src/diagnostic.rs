//! Diagnostics as plain data: what the parser, the checker and every tool report.

use serde::Serialize;

/// A stretch of source text in bytes, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Range {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl Range {
    /// The range from `start` to `end`; an end before the start gives an empty range at `start`.
    pub fn new(start: usize, end: usize) -> Range {
        Range {
            start,
            end: end.max(start),
        }
    }

    /// The smallest range that holds both.
    pub fn cover(self, other: Range) -> Range {
        Range {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// Whether the range holds no byte.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// Number of bytes.
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }
}

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The source cannot be built.
    Error,
    /// The source can be built but is probably not what was meant.
    Warning,
    /// For information only.
    Note,
}

/// A second place that explains the first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Label {
    /// Where.
    pub range: Range,
    /// What there is to say about it, a few words.
    pub message: String,
}

/// One finding about a source text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnostic {
    /// Stable code, see [`crate::CODES`].
    pub code: &'static str,
    /// Its weight.
    pub severity: Severity,
    /// What was found and what was expected.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The narrowest place that is wrong.
    pub range: Range,
    /// Other places that matter.
    pub labels: Vec<Label>,
    /// A text to put in the place of another, where that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<(Range, String)>,
}

impl Diagnostic {
    /// An error without help or labels.
    pub fn error(code: &'static str, range: Range, message: impl Into<String>) -> Diagnostic {
        let message = message.into();
        Diagnostic {
            code,
            severity: Severity::Error,
            message,
            help: None,
            range,
            labels: Vec::new(),
            fix: None,
        }
    }

    /// The same with advice on how to mend it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// The same with a change of the text that mends it.
    #[must_use]
    pub fn with_fix(mut self, range: Range, text: impl Into<String>) -> Diagnostic {
        self.fix = Some((range, text.into()));
        self
    }

    /// The same with another place pointed at.
    #[must_use]
    pub fn with_label(mut self, range: Range, message: impl Into<String>) -> Diagnostic {
        self.labels.push(Label {
            range,
            message: message.into(),
        });
        self
    }
}
