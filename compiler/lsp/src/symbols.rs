//! Symbols: the outline of a file, and declarations of a project by name.

use crate::documents::Document;
use crate::workspace::Analysis;
use cardwright_dsl::ast::{Entry, File};
use lsp_types::{DocumentSymbol, Location, OneOf, SymbolKind, WorkspaceSymbol};

/// Most answers to one question about the workspace.
const ANSWERS_MAX: usize = 500;

/// The outline: declarations, and inside them what has a block or a name of its own.
pub(crate) fn outline(document: &Document) -> Vec<DocumentSymbol> {
    let entries = File::of(&document.parsed.tree).entries();
    entries
        .into_iter()
        .filter_map(|entry| symbol(document, entry, true))
        .collect()
}

#[allow(
    deprecated,
    reason = "the type still has the field that the protocol has given up"
)]
fn symbol(document: &Document, entry: Entry<'_>, top: bool) -> Option<DocumentSymbol> {
    let head = entry.head();
    let terms = head.terms();
    let first = terms.first()?;
    let kind_word = first.word();
    let named = top && terms.len() > 1;
    let (name, detail, selected) = if named {
        let name = terms.get(1)?;
        (name.text().to_owned(), kind_word.clone(), name.range())
    } else {
        let words: Vec<&str> = terms.iter().map(|t| t.text()).collect();
        let last = terms.last()?.range();
        (words.join(" "), None, first.range().cover(last))
    };
    let of_kind = match (top, kind_word.as_deref()) {
        (true, Some(word)) => symbol_kind(word),
        _ if entry.block().is_some() => SymbolKind::NAMESPACE,
        _ if entry.base().is_some() => SymbolKind::FIELD,
        _ => SymbolKind::PROPERTY,
    };
    let inner = entry.block().unwrap_or_default();
    let children: Vec<DocumentSymbol> = inner
        .into_iter()
        .filter_map(|entry| symbol(document, entry, false))
        .collect();
    let name = if name.trim().is_empty() {
        "…".to_owned()
    } else {
        name
    };
    Some(DocumentSymbol {
        name,
        detail,
        kind: of_kind,
        tags: None,
        deprecated: None,
        range: document.text.node_range(entry.range().cover(selected)),
        selection_range: document.text.node_range(selected),
        children: (!children.is_empty()).then_some(children),
    })
}

/// The picture that an editor gives a kind of declaration.
pub(crate) fn symbol_kind(kind: &str) -> SymbolKind {
    match kind {
        "let" => SymbolKind::CONSTANT,
        "fn" => SymbolKind::FUNCTION,
        "key" => SymbolKind::KEY,
        "format" => SymbolKind::STRUCT,
        "rule" => SymbolKind::BOOLEAN,
        "test" | "job" => SymbolKind::EVENT,
        "issuer" => SymbolKind::MODULE,
        "profile" | "application" | "card" => SymbolKind::CLASS,
        _ => SymbolKind::OBJECT,
    }
}

/// Declarations of a project whose names hold the letters of the question, in their order.
pub(crate) fn matching(analysis: &Analysis, query: &str) -> Vec<WorkspaceSymbol> {
    let query = query.to_lowercase();
    let decls = analysis.checked.model.decls.values();
    decls
        .filter(|decl| !decl.standard && holds(&decl.name.to_lowercase(), &query))
        .filter_map(|decl| {
            let Location { uri, range } = analysis.location(decl.span)?;
            Some(WorkspaceSymbol {
                name: decl.name.clone(),
                kind: symbol_kind(&decl.kind),
                tags: None,
                container_name: Some(decl.package.clone()),
                location: OneOf::Left(Location { uri, range }),
                data: None,
            })
        })
        .take(ANSWERS_MAX)
        .collect()
}

fn holds(name: &str, query: &str) -> bool {
    let mut letters = name.chars();
    query.chars().all(|wanted| letters.any(|c| c == wanted))
}
