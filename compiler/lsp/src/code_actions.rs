//! Code actions: the changes that findings name, one by one or all of a file at once.

use crate::diagnostics;
use crate::documents::Document;
use crate::workspace::Analysis;
use cardwright_compiler::diagnostics::{Finding, Fix};
use lsp_types::{CodeAction, CodeActionKind, Diagnostic, Range, TextEdit, Uri, WorkspaceEdit};
use std::collections::HashMap;

/// All fixes of a file at once: ours, below the protocol's `source.fixAll`.
pub(crate) const FIX_ALL: CodeActionKind = CodeActionKind::new("source.fixAll.cardwright");

/// A fix of the document, as an editor takes it.
struct Offer {
    title: String,
    diagnostic: Diagnostic,
    edits: Vec<TextEdit>,
}

/// What can be done about the findings at a place; `only` names kinds that are asked for.
pub(crate) fn at(
    analysis: &Analysis,
    document: &Document,
    uri: &Uri,
    range: Range,
    only: Option<&[CodeActionKind]>,
) -> Vec<CodeAction> {
    let wanted = |kind: &CodeActionKind| {
        only.is_none_or(|only| only.iter().any(|asked| is_below(kind, asked)))
    };
    let offers = offers(analysis, document);
    let mut actions = Vec::new();
    if wanted(&CodeActionKind::QUICKFIX) {
        for offer in offers.iter().filter(|o| touches(o, range)) {
            actions.push(action(
                offer.title.clone(),
                CodeActionKind::QUICKFIX,
                vec![offer.diagnostic.clone()],
                uri,
                offer.edits.clone(),
            ));
        }
    }
    let all = together(&offers);
    if wanted(&FIX_ALL) && !all.is_empty() {
        let title = match offers.len() {
            1 => offers.first().map_or_else(String::new, |o| o.title.clone()),
            _ => "mend all that names its own remedy in this file".to_owned(),
        };
        // Beside a single fix in a menu it would be the same thing twice.
        if only.is_some() || offers.len() > 1 {
            let found = offers.into_iter().map(|o| o.diagnostic).collect();
            actions.push(action(title, FIX_ALL, found, uri, all));
        }
    }
    actions
}

/// `source.fixAll` asks for all kinds below it.
fn is_below(kind: &CodeActionKind, asked: &CodeActionKind) -> bool {
    let rest = kind.as_str().strip_prefix(asked.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || asked.as_str().is_empty())
}

fn action(
    title: String,
    kind: CodeActionKind,
    found: Vec<Diagnostic>,
    uri: &Uri,
    edits: Vec<TextEdit>,
) -> CodeAction {
    // The protocol's own type; identifiers have no cells that could change.
    #[allow(
        clippy::mutable_key_type,
        reason = "lsp_types keys changes by identifier"
    )]
    let changes: HashMap<Uri, Vec<TextEdit>> = HashMap::from([(uri.clone(), edits)]);
    CodeAction {
        title,
        is_preferred: Some(kind == CodeActionKind::QUICKFIX),
        kind: Some(kind),
        diagnostics: Some(found),
        edit: Some(WorkspaceEdit {
            changes: Some(changes),
            ..WorkspaceEdit::default()
        }),
        ..CodeAction::default()
    }
}

/// Fixes of one document, each once, in the order of the findings.
fn offers(analysis: &Analysis, document: &Document) -> Vec<Offer> {
    let Some(source) = analysis
        .file_of(&document.path)
        .and_then(|n| analysis.source(n))
    else {
        return Vec::new();
    };
    let name = source.0.path.as_str();
    let mut found: Vec<Offer> = Vec::new();
    let here = |f: &&Finding| f.place.file == name;
    for finding in analysis.checked.findings.iter().filter(here) {
        let Some(fix) = &finding.fix else { continue };
        let Some(edits) = edits(analysis, name, fix) else {
            continue;
        };
        // A template's fault is told for every copy; it is mended once.
        if found
            .iter()
            .any(|o| o.edits == edits && o.title == fix.title)
        {
            continue;
        }
        found.push(Offer {
            title: fix.title.clone(),
            diagnostic: diagnostics::diagnostic(analysis, finding),
            edits,
        });
    }
    found
}

/// Edits of a fix that changes this file and no other.
fn edits(analysis: &Analysis, name: &str, fix: &Fix) -> Option<Vec<TextEdit>> {
    let text = analysis.text_of_name(name)?;
    let edits = fix.edits.iter().map(|edit| {
        (edit.place.file == name).then(|| TextEdit {
            range: text.place_range(&edit.place),
            new_text: edit.text.clone(),
        })
    });
    edits.collect()
}

fn touches(offer: &Offer, range: Range) -> bool {
    let found = offer.diagnostic.range;
    found.start <= range.end && range.start <= found.end
}

/// Edits of all fixes that do not touch one another; of those that do, the first.
fn together(offers: &[Offer]) -> Vec<TextEdit> {
    let mut taken: Vec<TextEdit> = Vec::new();
    for offer in offers {
        let apart = |a: &Range, b: &Range| a.end < b.start || b.end < a.start;
        let free = |edit: &TextEdit| taken.iter().all(|t| apart(&t.range, &edit.range));
        if offer.edits.iter().all(free) {
            taken.extend(offer.edits.iter().cloned());
        }
    }
    taken.sort_by_key(|edit| (edit.range.start, edit.range.end));
    taken
}
