//! Completion: what may stand at the cursor, by the kind of the block, the row and the type.
//!
//! A marker word is put in at the cursor and the text parsed with it, so that a half-written entry
//! has a place for what is about to be typed. Names come from the check of the text as it is.

use crate::completion_items::{Items, Prefix};
use crate::documents::Document;
use crate::names;
use crate::site::{Part, Site, walk};
use crate::workspace::Analysis;
use cardwright_dsl::{Kind, Node, Tree, parse};
use cardwright_vocabulary::{kind, top_kinds};
use lsp_types::{CompletionItem, CompletionItemKind};

/// Nobody's name.
const MARKER: &str = "zqcursorqz";

/// What may stand at an offset.
pub(crate) fn at(analysis: &Analysis, document: &Document, offset: usize) -> Vec<CompletionItem> {
    let Some(file) = analysis.file_of(&document.path) else {
        return Vec::new();
    };
    let offset = crate::position::floor(document.text.as_str(), offset);
    let (before, after) = document.text.as_str().split_at(offset);
    let marked = parse(&format!("{before}{MARKER}{after}"));
    let Some(leaf) = leaf_at(&marked.tree, offset) else {
        return Vec::new();
    };
    if matches!(
        leaf.kind(),
        Kind::Comment | Kind::DocComment | Kind::FileDoc | Kind::TextChars | Kind::ErrorHex
    ) {
        return Vec::new();
    }
    let typed = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if typed.ends_with('#') {
        let mut items = Items::new(
            analysis,
            file,
            None,
            document.text.range(typed.len() - 1, offset),
        );
        items.tags();
        return items.finish();
    }
    let mut answer = None;
    walk(&marked.tree, file, &mut |site| {
        let range = site.node.range();
        if site.node.kind() == Kind::Path && range.start <= offset && offset < range.end {
            answer = Some(for_site(analysis, document, file, &site, offset));
        }
    });
    answer.unwrap_or_else(|| around(analysis, document, file, leaf, offset))
}

fn leaf_at(tree: &Tree, offset: usize) -> Option<Node<'_>> {
    let mut at = tree.root();
    while !at.is_leaf() {
        at = at.children().find(|child| {
            let range = child.range();
            range.start <= offset && offset < range.end
        })?;
    }
    Some(at)
}

/// The place was understood.
fn for_site(
    analysis: &Analysis,
    document: &Document,
    file: u32,
    site: &Site<'_, '_>,
    offset: usize,
) -> Vec<CompletionItem> {
    let model = &analysis.checked.model;
    let start = site.node.range().start;
    let decl = names::within(model, file, site.top());
    let written = document.text.as_str().get(start..offset).unwrap_or("");
    let prefix = Prefix::of(written);
    let mut items = Items::new(analysis, file, decl, document.text.range(start, offset));
    let top = site.levels.len() == 1;
    match site.part {
        Part::Import => items.packages(),
        Part::Head(0) if top => top_words(&mut items),
        Part::Head(1) if top => {}
        Part::Head(0) => {
            let present = siblings(site);
            if let Some(of_kind) = site.level().and_then(|l| l.of_kind) {
                items.rows(of_kind, &present);
                items.head(of_kind, site, &prefix);
            }
        }
        Part::Head(_) => {
            if let Some(of_kind) = site.level().and_then(|l| l.of_kind) {
                items.head(of_kind, site, &prefix);
            }
        }
        Part::RecordKey => items.fields_of_ground(),
        _ if follows_a_term(site.node) => items.clauses(site),
        _ => items.wanted(site.wants, &prefix),
    }
    items.finish()
}

/// The place was not understood: rows of the block around it, or kinds.
fn around(
    analysis: &Analysis,
    document: &Document,
    file: u32,
    leaf: Node<'_>,
    offset: usize,
) -> Vec<CompletionItem> {
    let text = document.text.as_str().get(..offset).unwrap_or("");
    let word = text.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let mut items = Items::new(
        analysis,
        file,
        None,
        document.text.range(word.len(), offset),
    );
    let mut at = Some(leaf);
    let mut inside = None;
    while let Some(node) = at {
        if node.kind() == Kind::Entry {
            inside = Some(node);
            break;
        }
        at = node.parent();
    }
    match inside {
        None => top_words(&mut items),
        Some(entry) => {
            // Only a declaration's own block: deeper ones were understood, or are too broken.
            let head = entry.child(Kind::Head).and_then(|h| h.expressions().next());
            let in_block = entry
                .child(Kind::Block)
                .is_some_and(|block| block.range().start < offset);
            if let Some(of_kind) = head.and_then(|w| kind(w.text())).filter(|_| in_block) {
                items.rows(of_kind, &[]);
            }
        }
    }
    items.finish()
}

fn top_words(items: &mut Items<'_>) {
    for of_kind in top_kinds() {
        items.word(of_kind.name, CompletionItemKind::KEYWORD, of_kind.doc);
    }
    items.word("use", CompletionItemKind::KEYWORD, "imports a package");
    items.word(
        "package",
        CompletionItemKind::KEYWORD,
        "the package that the file belongs to",
    );
}

/// First words of the entries beside the one at the cursor.
fn siblings<'t>(site: &Site<'_, 't>) -> Vec<&'t str> {
    let Some(own) = site.level().map(|l| l.node) else {
        return Vec::new();
    };
    let entries = own
        .parent()
        .into_iter()
        .flat_map(|b| b.children_of(Kind::Entry));
    entries
        .filter(|entry| entry.range() != own.range())
        .filter_map(|entry| entry.child(Kind::Head)?.expressions().next())
        .map(Node::text)
        .collect()
}

/// Whether a finished term stands before this one in the same phrase: then clauses follow.
fn follows_a_term(node: Node<'_>) -> bool {
    let phrase = node.parent().is_some_and(|p| {
        matches!(
            p.kind(),
            Kind::Value | Kind::Base | Kind::Phrase | Kind::Clause
        )
    });
    phrase && node.siblings_before().any(|n| n.kind().is_expression())
}
