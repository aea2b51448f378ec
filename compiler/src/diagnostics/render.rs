//! Findings as plain text: the stable print that snapshots and pipes get.

use super::{Finding, Severity};
use std::fmt::Write as _;

/// Findings as text, one block each.
#[must_use]
pub fn human(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let word = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let place = &finding.place;
        let _ = writeln!(
            out,
            "{}:{}:{}: {word} {}: {}",
            place.file, place.line, place.column, finding.code, finding.message
        );
        for (n, step) in finding.path.iter().enumerate() {
            let _ = writeln!(
                out,
                "  {}. {}:{}:{}: {}",
                n + 1,
                step.place.file,
                step.place.line,
                step.place.column,
                step.what
            );
        }
        let labels = finding.labels.iter().filter(|_| finding.path.is_empty());
        for label in labels {
            let _ = writeln!(
                out,
                "  {}:{}:{}: {}",
                label.place.file, label.place.line, label.place.column, label.message
            );
        }
        if let Some(help) = &finding.help {
            let _ = writeln!(out, "  help: {help}");
        }
    }
    out
}
