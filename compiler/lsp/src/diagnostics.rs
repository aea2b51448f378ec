//! Findings as an editor shows them: range, code with its page, help, and the places that belong
//! to a finding, the way of a secret among them.

use crate::uri;
use crate::workspace::Analysis;
use cardwright_compiler::diagnostics::{Finding, Place, Severity};
use lsp_types::{
    CodeDescription, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag,
    Location, NumberOrString, Range, Uri,
};
use std::collections::BTreeMap;

/// Who says it.
const SOURCE: &str = "cardwright";
/// Codes of things that are there for nothing: editors show them faded.
const UNUSED: [&str; 3] = ["E0115", "E0116", "E0118"];

/// All findings of a project by file; a source without findings has an empty list, so that what
/// was shown before is taken back.
pub(crate) fn by_file(analysis: &Analysis) -> BTreeMap<String, (Uri, Vec<Diagnostic>)> {
    let mut files = BTreeMap::new();
    for source in &analysis.checked.model.sources.files {
        if !source.standard
            && let Some(uri) = analysis.uri_of_name(&source.path)
        {
            files.insert(uri.as_str().to_owned(), (uri, Vec::new()));
        }
    }
    for finding in &analysis.checked.findings {
        let Some(uri) = analysis.uri_of_name(&finding.place.file) else {
            continue;
        };
        let list = files
            .entry(uri.as_str().to_owned())
            .or_insert_with(|| (uri, Vec::new()));
        list.1.push(diagnostic(analysis, finding));
    }
    files
}

/// One finding.
pub(crate) fn diagnostic(analysis: &Analysis, finding: &Finding) -> Diagnostic {
    let severity = match finding.severity {
        Severity::Error => DiagnosticSeverity::ERROR,
        Severity::Warning => DiagnosticSeverity::WARNING,
        Severity::Note => DiagnosticSeverity::INFORMATION,
    };
    let message = match &finding.help {
        Some(help) => format!("{}\nhelp: {help}", finding.message),
        None => finding.message.clone(),
    };
    let unused = UNUSED.contains(&finding.code.as_str());
    let related = related(analysis, finding);
    Diagnostic {
        range: range(analysis, &finding.place),
        severity: Some(severity),
        code: Some(NumberOrString::String(finding.code.clone())),
        code_description: uri::of_code(&finding.code).map(|href| CodeDescription { href }),
        source: Some(SOURCE.to_owned()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        tags: unused.then(|| vec![DiagnosticTag::UNNECESSARY]),
        data: None,
    }
}

/// The range of a finding's place; the start of a file that the model does not hold.
pub(crate) fn range(analysis: &Analysis, place: &Place) -> Range {
    let text = analysis.text_of_name(&place.file);
    text.map(|text| text.place_range(place)).unwrap_or_default()
}

fn related(analysis: &Analysis, finding: &Finding) -> Vec<DiagnosticRelatedInformation> {
    let steps = finding.path.iter().enumerate();
    let steps = steps.map(|(n, step)| (format!("{}. {}", n + 1, step.what), &step.place));
    let labels = finding.labels.iter().filter(|_| finding.path.is_empty());
    let labels = labels.map(|label| (label.message.clone(), &label.place));
    steps
        .chain(labels)
        .filter_map(|(message, place)| {
            Some(DiagnosticRelatedInformation {
                location: Location {
                    uri: analysis.uri_of_name(&place.file)?,
                    range: range(analysis, place),
                },
                message,
            })
        })
        .collect()
}
