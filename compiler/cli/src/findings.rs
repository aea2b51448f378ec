//! Findings as people see them (miette, with the source) and as programs do (JSON, one a line).

use crate::{arguments::Format, terminal};
use cardwright_compiler::diagnostics::{BrokenRule, Finding, Place, Severity};
use cardwright_compiler::model::{SourceFile, Sources};
use miette::{Diagnostic, GraphicalReportHandler, LabeledSpan, NamedSource, SourceCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

const SCHEMA: u32 = 1;
const WIDTH_CHARACTERS: usize = 100;

/// Prints findings as data, on standard output.
pub(crate) fn print(findings: &[Finding], sources: &Sources, format: Format) {
    for finding in findings {
        match format {
            Format::Human => terminal::print(human(finding, sources).trim_end()),
            Format::Json => terminal::print(&json(finding).to_string()),
        }
    }
}

/// Prints findings beside another verb's data, on standard error.
pub(crate) fn note(findings: &[Finding], sources: &Sources) {
    for finding in findings {
        terminal::note(human(finding, sources).trim_end());
    }
}

/// How many of them are errors.
pub(crate) fn errors(findings: &[Finding]) -> usize {
    findings
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .count()
}

/// `2 errors, 1 warning`.
pub(crate) fn counted(findings: &[Finding]) -> String {
    let count = |severity, one: &str| {
        let n = findings.iter().filter(|f| f.severity == severity).count();
        match n {
            0 => None,
            1 => Some(format!("1 {one}")),
            n => Some(format!("{n} {one}s")),
        }
    };
    let parts = [
        count(Severity::Error, "error"),
        count(Severity::Warning, "warning"),
        count(Severity::Note, "note"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "no findings".to_owned()
    } else {
        parts.join(", ")
    }
}

/// A place in a source.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PlaceShown {
    /// Path inside the project.
    file: String,
    /// From 1.
    line: u32,
    /// From 1, in characters.
    column: u32,
    /// Where it ends.
    end: EndShown,
}

/// Where a place ends.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EndShown {
    line: u32,
    column: u32,
}

/// Another place, and what is there.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LabelShown {
    #[serde(flatten)]
    place: PlaceShown,
    message: String,
}

/// A step on the way of a leak.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StepShown {
    #[serde(flatten)]
    place: PlaceShown,
    what: String,
}

/// A finding as programs read it, one a line.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FindingShown {
    /// 1.
    schema_version: u32,
    /// Code, such as `E0301`.
    code: String,
    /// How grave.
    severity: Severity,
    /// What is wrong, and what was expected.
    message: String,
    /// How to mend it.
    help: Option<String>,
    #[serde(flatten)]
    place: PlaceShown,
    /// Other places that have to do with it.
    labels: Vec<LabelShown>,
    /// The way of a leak, from the secret to where it ends.
    path: Vec<StepShown>,
    /// The rule's own identifier, where the project wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<BrokenRule>,
}

/// One finding as a JSON object.
pub(crate) fn json(finding: &Finding) -> Value {
    let labels = finding.labels.iter().map(|label| LabelShown {
        place: at(&label.place),
        message: label.message.to_string(),
    });
    let path = finding.path.iter().map(|step| StepShown {
        place: at(&step.place),
        what: step.what.to_string(),
    });
    let shown = FindingShown {
        schema_version: SCHEMA,
        code: finding.code.to_string(),
        severity: finding.severity,
        message: finding.message.to_string(),
        help: finding.help.clone(),
        place: at(&finding.place),
        labels: labels.collect(),
        path: path.collect(),
        rule: finding.rule.clone(),
    };
    serde_json::to_value(shown).unwrap_or_default()
}

fn at(place: &Place) -> PlaceShown {
    PlaceShown {
        file: place.file.clone(),
        line: place.line,
        column: place.column,
        end: EndShown {
            line: place.end_line,
            column: place.end_column,
        },
    }
}

fn human(finding: &Finding, sources: &Sources) -> String {
    let shown = Shown::new(finding, sources);
    let mut text = String::new();
    let theme = miette::GraphicalTheme::unicode();
    let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH_CHARACTERS);
    if handler.render_report(&mut text, &shown).is_err() {
        return cardwright_compiler::diagnostics::human(std::slice::from_ref(finding));
    }
    text
}

/// A finding, ready for miette.
#[derive(Debug)]
struct Shown {
    message: String,
    code: String,
    severity: miette::Severity,
    help: Option<String>,
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
}

impl Shown {
    fn new(finding: &Finding, sources: &Sources) -> Self {
        let file = sources
            .files
            .iter()
            .find(|f| f.path == finding.place.file && !f.text.is_empty());
        let source = file.map(|f| NamedSource::new(&f.path, f.text.clone()));
        let mut labels = Vec::new();
        // Places in other files stand in words below: an excerpt shows one file.
        let mut elsewhere = Vec::new();
        let mut point = |place: &Place, text: String, primary: bool| match file {
            Some(file) if file.path == place.file => {
                labels.push(labeled(file, place, text, primary))
            }
            Some(_) | None if primary && place.file.is_empty() => {}
            _ => elsewhere.push(format!(
                "{}:{}:{} {text}",
                place.file, place.line, place.column
            )),
        };
        point(&finding.place, String::new(), true);
        let aside = |place: &Place| {
            place.file != finding.place.file
                || (place.end_line, place.end_column) <= (finding.place.line, finding.place.column)
                || (place.line, place.column) >= (finding.place.end_line, finding.place.end_column)
        };
        // What the path tells need not be told twice; what lies inside the excerpt can't be drawn.
        let labels_shown = finding
            .labels
            .iter()
            .filter(|l| finding.path.is_empty() && aside(&l.place));
        for label in labels_shown {
            point(&label.place, label.message.clone(), false);
        }
        let mut help = finding.help.iter().cloned().collect::<Vec<_>>();
        help.extend(elsewhere);
        // The way of a secret is a list: its steps lie inside one another, arrows would cross.
        for (n, step) in finding.path.iter().enumerate() {
            let Place {
                file, line, column, ..
            } = &step.place;
            help.push(format!(
                "{:>2}. {}  ({file}:{line}:{column})",
                n + 1,
                step.what
            ));
        }
        Self {
            message: finding.message.clone(),
            code: finding.code.clone(),
            severity: match finding.severity {
                Severity::Error => miette::Severity::Error,
                Severity::Warning => miette::Severity::Warning,
                Severity::Note => miette::Severity::Advice,
            },
            help: (!help.is_empty()).then(|| help.join("\n")),
            source,
            labels,
        }
    }
}

fn labeled(file: &SourceFile, place: &Place, text: String, primary: bool) -> LabeledSpan {
    let start = offset(&file.text, place.line, place.column);
    let end = offset(&file.text, place.end_line, place.end_column).max(start);
    let text = (!text.is_empty()).then_some(text);
    if primary {
        LabeledSpan::new_primary_with_span(text, (start, end - start))
    } else {
        LabeledSpan::new(text, start, end - start)
    }
}

/// The byte of a line and column, both from 1, columns in characters.
fn offset(text: &str, line: u32, column: u32) -> usize {
    let before = line.saturating_sub(1) as usize;
    let start: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let skip = column.saturating_sub(1) as usize;
    start + rest.chars().take(skip).map(char::len_utf8).sum::<usize>()
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(&self.code))
    }
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::offset;

    #[test]
    fn columns_count_characters() {
        let text = "é = 1\nαβγ = x\n";
        assert_eq!(offset(text, 1, 1), 0);
        assert_eq!(offset(text, 1, 2), 2);
        assert_eq!(offset(text, 2, 3), 7 + 4);
        assert_eq!(offset(text, 99, 1), text.len());
    }
}
