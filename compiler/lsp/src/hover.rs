//! Hover: what a word means, what a value says decoded, where an effective value comes from.

use crate::documents::Document;
use crate::site::{Level, Part, Site, Wants};
use crate::workspace::Analysis;
use crate::{describe, names};
use cardwright_compiler::model::shape::{key_of, tag_of};
use cardwright_compiler::model::{Decl, MEntry, Model, Named};
use cardwright_dsl::{Kind, Range};
use cardwright_vocabulary::{Attribute, function, kind, signature, takes_markdown};
use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind};

/// What there is to say about a place.
pub(crate) fn at(analysis: &Analysis, document: &Document, offset: usize) -> Option<Hover> {
    let file = analysis.file_of(&document.path)?;
    let model = &analysis.checked.model;
    let (text, range) = names::innermost(document, file, offset, &mut |site| {
        about(model, file, site, offset)
    })?;
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent {
            kind: MarkupKind::Markdown,
            value: text,
        }),
        range: Some(document.text.node_range(range)),
    })
}

fn about(model: &Model, file: u32, site: &Site<'_, '_>, offset: usize) -> Option<(String, Range)> {
    let whole = site.node.range();
    let decl = names::within(model, file, site.top());
    let text = match (site.node.kind(), site.part) {
        (Kind::ClauseKeyword, _) => clause(site)?,
        (Kind::ArgumentName, Part::ArgumentName(name)) => {
            let f = function(name)?;
            format!("`{}`\n\n{}", signature(f), f.doc)
        }
        (Kind::Tag, part) => {
            let tag = site.node.text().trim_start_matches('#');
            let mut text = describe::element(tag)?;
            if part == Part::Head(0) {
                text.push_str(&effective(model, decl, site));
            }
            text
        }
        (Kind::Hex, _) => octets(model, decl, site)?,
        (Kind::Number, _) => describe::service_code(site.node.text(), site.wants)?,
        (Kind::Path, _) => return path(model, file, decl, site, offset),
        _ => return None,
    };
    Some((text, whole))
}

/// A dotted name: its segment under the cursor, as a word of the language or a thing declared.
fn path(
    model: &Model,
    file: u32,
    decl: Option<&Decl>,
    site: &Site<'_, '_>,
    offset: usize,
) -> Option<(String, Range)> {
    let whole = site.node.range();
    let word = site.node.text();
    let top = site.levels.len() == 1;
    if top && site.part == Part::Head(0) {
        let of_kind = kind(word).filter(|k| k.top)?;
        let reference = describe::reference(of_kind.reference);
        return Some((format!("**`{word}`**\n\n{}{reference}", of_kind.doc), whole));
    }
    if let (Wants::Callee, Some(f)) = (site.wants, function(word)) {
        return Some((format!("```\n{}\n```\n{}", signature(f), f.doc), whole));
    }
    let found = names::at(model, file, site);
    let holding = found.iter().find(|f| {
        let range = f.segment.range();
        range.start <= offset && offset <= range.end
    });
    let head = site.part == Part::Head(0) && !top;
    match holding {
        Some(found) if !(head && matches!(found.named, Named::Attribute(..))) => {
            Some((named(model, found.named), found.segment.range()))
        }
        _ if head => {
            let row = site.level()?.row?;
            let text = format!("{}{}", attribute(row), effective(model, decl, site));
            Some((text, whole))
        }
        _ => Some((describe::word(site.wants, word)?, whole)),
    }
}

fn clause(site: &Site<'_, '_>) -> Option<String> {
    let word = site.node.text();
    let level = site.level()?;
    if let Some(row) = level.row {
        let clause = row.clauses.iter().find(|c| c.keyword == word)?;
        return Some(format!("**`{word}`** {}", clause.doc));
    }
    let of_kind = level.inner?;
    (word == "for").then(|| format!("**`for`** what the {} speaks of", of_kind.name))
}

/// A row of the vocabulary.
fn attribute(row: &Attribute) -> String {
    let reference = describe::reference(row.reference);
    let mut text = format!(
        "**`{}`** {}\n\n{}",
        row.pattern,
        takes_markdown(row),
        row.doc
    );
    text.push_str(&reference);
    if let cardwright_vocabulary::Need::Default(value) = row.need {
        text.push_str(&format!("\n\nLeft out, it is `{value}`."));
    }
    text
}

/// The effective value of the attribute at a place, decoded, and what its bases say.
fn effective(model: &Model, decl: Option<&Decl>, site: &Site<'_, '_>) -> String {
    let (Some(decl), Some(level)) = (decl, site.level()) else {
        return String::new();
    };
    let keys = keys(site.levels);
    let mut text = String::new();
    if let Some(entry) = entry_by_keys(&decl.entries, &keys, site.levels) {
        text.push_str(&value(model, decl, level, entry));
    }
    for base in decl.bases.iter().filter_map(|name| model.get(name)) {
        let inherited = entry_by_keys(&base.entries, &keys, site.levels);
        if let Some(entry) = inherited.filter(|e| e.origin == base.qualified) {
            let shown = entry.value.as_ref().map(|v| model.one_line(v.span));
            let shown = shown.map_or_else(|| "a block".to_owned(), |v| format!("`{v}`"));
            text.push_str(&format!("\n\nIn the base `{}`: {shown}", base.qualified));
        }
    }
    text
}

/// The value of an entry: as written when it is inherited, and what it says.
fn value(model: &Model, decl: &Decl, level: &Level<'_>, entry: &MEntry) -> String {
    let mut text = String::new();
    if entry.origin != decl.qualified
        && let Some(value) = &entry.value
    {
        let shown = model.one_line(value.span);
        text.push_str(&format!(
            "\n\nEffective: `{shown}`, from `{}`",
            entry.origin
        ));
    }
    let lines = describe::decoded(model, decl, level.row, entry);
    if !lines.is_empty() {
        text.push_str(&format!("\n\n```\n{}\n```", lines.join("\n")));
    } else if let Some(typed) = describe::typed(model, decl, level.row, entry) {
        text.push_str(&format!("\n\n{typed}"));
    }
    text
}

fn keys(levels: &[Level<'_>]) -> Vec<String> {
    let inner = levels.iter().skip(1);
    inner.map(|l| key_of(l.row, &l.entry)).collect()
}

/// The entry that a way of keys leads to.
fn entry_by_keys<'m>(
    entries: &'m [MEntry],
    keys: &[String],
    levels: &[Level<'_>],
) -> Option<&'m MEntry> {
    let mut entries = entries;
    let mut found = None;
    for (key, level) in keys.iter().zip(levels.iter().skip(1)) {
        let here = entries
            .iter()
            .rev()
            .find(|e| key_of(level.row, e) == *key)?;
        entries = here.entries();
        found = Some(here);
    }
    found
}

/// Octets: how many, as text, and decoded where a tag stands before them.
fn octets(model: &Model, decl: Option<&Decl>, site: &Site<'_, '_>) -> Option<String> {
    let digits = site.node.text().trim_start_matches("x\"");
    let digits: String = digits.chars().filter(char::is_ascii_hexdigit).collect();
    let octets = hex::decode(&digits).ok()?;
    let mut text = match octets.len() {
        1 => "1 octet".to_owned(),
        n => format!("{n} octets"),
    };
    let printable = octets.iter().all(|o| o.is_ascii_graphic() || *o == b' ');
    if printable && !octets.is_empty() {
        text.push_str(&format!(", as text `{}`", String::from_utf8_lossy(&octets)));
    }
    let level = site.level()?;
    let tag = level.entry.head.first().and_then(tag_of);
    let dictionary = decl.map_or("", cardwright_compiler::model::dictionary);
    let lines = match (tag, level.row.map(|r| r.shape)) {
        (Some(tag), _) => describe::octets(dictionary, tag, &octets),
        (None, Some(shape)) => describe::flags(shape, &octets),
        _ => Vec::new(),
    };
    let _ = model;
    if !lines.is_empty() {
        text.push_str(&format!("\n\n```\n{}\n```", lines.join("\n")));
    }
    Some(text)
}

/// A thing that is declared.
pub(crate) fn named(model: &Model, named: Named<'_>) -> String {
    match named {
        Named::Attribute(decl, entry) => {
            let of_kind = kind(&decl.kind);
            let row = of_kind.and_then(|k| cardwright_compiler::model::shape::row_of(k, entry));
            let name = model.one_line(entry.head_span());
            let mut text = format!("`{name}` of the {} `{}`", decl.kind, decl.name);
            if let Some(value) = &entry.value {
                text.push_str(&format!("\n\n`{}`", model.one_line(value.span)));
            }
            if entry.origin != decl.qualified {
                text.push_str(&format!(", from `{}`", entry.origin));
            }
            let lines = describe::decoded(model, decl, row, entry);
            if !lines.is_empty() {
                text.push_str(&format!("\n\n```\n{}\n```", lines.join("\n")));
            }
            if let Some(row) = row {
                text.push_str(&format!("\n\n{}", row.doc));
            }
            text
        }
        Named::Decl(decl) => describe::declaration(model, decl),
        Named::Field(format, record, field) => {
            let owner = record.word(1).unwrap_or_default();
            let mut text = format!("```\n{}\n```\n", model.one_line(field.span));
            text.push_str(&format!("Field of the record `{}.{owner}`", format.name));
            if let Some(def) = model.field_type(field) {
                let optional = if def.optional { ", may be blank" } else { "" };
                let secrecy = describe::secrecy(def.secrecy);
                text.push_str(&format!(": {}, {secrecy}{optional}", def.ty.words()));
            }
            if let Some(doc) = &field.doc {
                text.push_str(&format!("\n\n{doc}"));
            }
            text
        }
        Named::Package => "A package.".to_owned(),
        Named::Parameter(decl, n) => {
            let name = decl.params.get(n).map_or("", |p| p.0.as_str());
            format!("Parameter `{name}` of the function `{}`", decl.name)
        }
        Named::Record(format, record) => {
            let name = record.word(1).unwrap_or_default();
            let doc = record.doc.as_deref().unwrap_or_default();
            format!("Record `{name}` of the format `{}`\n\n{doc}", format.name)
        }
        Named::Run => "What is known of the run itself.".to_owned(),
        Named::RunField(field) => format!("`run.{}`: {}", field.name, field.doc),
    }
}
