//! Inlay hints: what a line makes that it does not say. Lengths of elements, records and data
//! groupings, what a list of data objects asks for, flags behind hexadecimal digits, and what is
//! inherited or overridden.

use crate::describe;
use crate::documents::Document;
use crate::names;
use crate::position::wide;
use crate::site::{Level, Site, walk};
use crate::workspace::Analysis;
use cardwright_compiler::model::shape::{key_of, tag_of};
use cardwright_compiler::model::{Decl, MEntry, MKind, Model, dictionary};
use cardwright_dsl::{Kind, Node};
use cardwright_vocabulary::data_element;
use lsp_types::{
    InlayHint, InlayHintKind, InlayHintLabel, InlayHintTooltip, MarkupContent, MarkupKind, Range,
};

/// Most characters of one hint; what is more goes into its tooltip.
const LABEL_MAX: usize = 60;

/// The hints of a part of a document.
pub(crate) fn hints(analysis: &Analysis, document: &Document, range: Range) -> Vec<InlayHint> {
    let Some(file) = analysis.file_of(&document.path) else {
        return Vec::new();
    };
    let mut hints = Hints {
        analysis,
        document,
        found: Vec::new(),
    };
    hints.measures(file);
    let model = &analysis.checked.model;
    let mut last = None;
    walk(&document.parsed.tree, file, &mut |site| {
        // Every place of an entry is shown; each entry is looked at once.
        let Some(level) = site.level() else { return };
        if last.replace(level.entry.span) == Some(level.entry.span) {
            return;
        }
        let Some(decl) = names::within(model, file, site.top()) else {
            return;
        };
        hints.entry(model, decl, &site, level);
    });
    hints.found.retain(|hint| {
        let at = hint.position;
        range.start <= at && at <= range.end
    });
    hints.found.sort_by_key(|hint| hint.position);
    hints
        .found
        .dedup_by(|a, b| a.position == b.position && same(&a.label, &b.label));
    hints.found
}

fn same(a: &InlayHintLabel, b: &InlayHintLabel) -> bool {
    match (a, b) {
        (InlayHintLabel::String(a), InlayHintLabel::String(b)) => a == b,
        _ => false,
    }
}

struct Hints<'a> {
    analysis: &'a Analysis,
    document: &'a Document,
    found: Vec<InlayHint>,
}

impl Hints<'_> {
    fn push(&mut self, offset: usize, label: &str, tooltip: &str) {
        let (label, rest) = match label.char_indices().nth(LABEL_MAX) {
            Some((at, _)) => (format!("{}…", label.get(..at).unwrap_or("")), label),
            None => (label.to_owned(), ""),
        };
        let tooltip = [rest, tooltip].join("\n").trim().to_owned();
        self.found.push(InlayHint {
            position: self.document.text.position(offset),
            label: InlayHintLabel::String(label),
            kind: Some(InlayHintKind::TYPE),
            text_edits: None,
            tooltip: (!tooltip.is_empty()).then(|| {
                InlayHintTooltip::MarkupContent(MarkupContent {
                    kind: MarkupKind::Markdown,
                    value: format!("```\n{tooltip}\n```"),
                })
            }),
            padding_left: Some(true),
            padding_right: None,
            data: None,
        });
    }

    /// Lengths that the compiler came upon when it made the cards.
    fn measures(&mut self, file: u32) {
        let all = self.analysis.checked.measures.iter();
        for measure in all.filter(|m| m.span.file == file) {
            self.push(wide(measure.span.end), &measure.words, "");
        }
    }

    fn entry(&mut self, model: &Model, decl: &Decl, site: &Site<'_, '_>, level: &Level<'_>) {
        if site.levels.len() == 1 {
            self.inherited(model, decl, level.node);
            return;
        }
        let Some(entry) = own(decl, site.levels) else {
            return;
        };
        let end = level.node.range().end;
        if let Some(MKind::Hex(octets)) = entry.single().map(|e| &e.kind) {
            let lines = decoded(decl, level, octets);
            if let Some(first) = lines.first() {
                let label = format!("= {}", lines.join(", "));
                let _ = first;
                self.push(end, &label, &lines.join("\n"));
            }
        }
        if let Some(asked) = object_list(entry) {
            self.push(end, &asked, "");
        }
        self.overridden(model, decl, site.levels, entry, end);
    }

    /// What a declaration takes over from its bases, at its opening brace.
    fn inherited(&mut self, model: &Model, decl: &Decl, node: Node<'_>) {
        let Some(base) = decl.bases.first() else {
            return;
        };
        let taken: Vec<&MEntry> = decl
            .entries
            .iter()
            .filter(|e| e.origin != decl.qualified)
            .collect();
        if taken.is_empty() {
            return;
        }
        let place = match node.child(Kind::Block) {
            Some(block) => block.range().start + 1,
            None => node.range().end,
        };
        let names: Vec<String> = taken.iter().map(|e| key_of(None, e)).collect();
        let lines: Vec<String> = taken
            .iter()
            .map(|entry| {
                let value = entry.value.as_ref().map(|v| model.one_line(v.span));
                let value = value.map_or_else(|| "{ … }".to_owned(), |v| format!("= {v}"));
                format!("{} {value}   from {}", key_of(None, entry), entry.origin)
            })
            .collect();
        let base = base.rsplit('.').next().unwrap_or(base);
        let label = format!("inherits {} from {base}", names.join(", "));
        self.push(place, &label, &lines.join("\n"));
    }

    /// What stands in the base where a value is given anew.
    fn overridden(
        &mut self,
        model: &Model,
        decl: &Decl,
        levels: &[Level<'_>],
        entry: &MEntry,
        end: usize,
    ) {
        if entry.value.is_none() {
            return;
        }
        for base in decl.bases.iter().filter_map(|name| model.get(name)) {
            let Some(theirs) = by_keys(&base.entries, levels) else {
                continue;
            };
            let Some(value) = &theirs.value else { return };
            let shown = model.one_line(value.span);
            let label = format!("instead of {shown}");
            self.push(end, &label, &format!("in {}", theirs.origin));
            return;
        }
    }
}

/// The entry of a declaration that stands where the levels lead.
fn own<'m>(decl: &'m Decl, levels: &[Level<'_>]) -> Option<&'m MEntry> {
    let mut entries = decl.entries.as_slice();
    let mut found = None;
    for level in levels.iter().skip(1) {
        let entry = entries.iter().find(|e| e.span == level.entry.span)?;
        entries = entry.entries();
        found = Some(entry);
    }
    found
}

fn by_keys<'m>(entries: &'m [MEntry], levels: &[Level<'_>]) -> Option<&'m MEntry> {
    let mut entries = entries;
    let mut found = None;
    for level in levels.iter().skip(1) {
        let key = key_of(level.row, &level.entry);
        let entry = entries.iter().rev().find(|e| key_of(level.row, e) == key)?;
        entries = entry.entries();
        found = Some(entry);
    }
    found
}

/// What octets say, in words; nothing for those that are no flags.
fn decoded(decl: &Decl, level: &Level<'_>, octets: &[u8]) -> Vec<String> {
    let lines = match (level.entry.head.first().and_then(tag_of), level.row) {
        (Some(tag), _) => describe::octets(dictionary(decl), tag, octets),
        (None, Some(row)) => describe::flags(row.shape, octets),
        _ => Vec::new(),
    };
    lines.iter().map(|line| line.trim().to_owned()).collect()
}

/// How much a list of data objects asks the terminal for.
fn object_list(entry: &MEntry) -> Option<String> {
    let tag = entry.head.first().and_then(tag_of)?;
    let coding = &data_element(tag)?.coding;
    let MKind::List(items) = &entry.single()?.kind else {
        return None;
    };
    if coding != "dol" {
        return None;
    }
    let mut total = 0;
    for item in items {
        let asked = item.phrase.terms.get(1).and_then(|e| e.integer());
        let tag = tag_of(item.phrase.terms.first()?)?;
        let asked = asked.or_else(|| data_element(tag).map(|row| i64::from(row.asked)))?;
        total += asked;
    }
    let elements = items.len();
    Some(format!("asks for {total} octets in {elements} elements"))
}
