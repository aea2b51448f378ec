//! Definition, references, highlights and rename: the same question, asked of one or of all files.

use crate::documents::{Document, Documents};
use crate::names::{self, at, at_offset};
use crate::position::wide;
use crate::site::walk;
use crate::workspace::Analysis;
use cardwright_compiler::model::{Decl, Model, Named, Span};
use cardwright_dsl::words::{CLAUSE_KEYWORDS, EXPRESSION_KEYWORDS, FILE_KEYWORDS};
use cardwright_dsl::{Parsed, parse};
use cardwright_vocabulary::function;
use lsp_types::{Location, TextEdit, Uri};
use std::collections::BTreeMap;

/// Longest name that anything is given.
const NAME_MAX: usize = 64;

/// Where the thing under the cursor is declared.
pub(crate) fn definition(
    analysis: &Analysis,
    document: &Document,
    offset: usize,
) -> Option<Location> {
    let (named, range) = at_offset(analysis, document, offset)?;
    let mut span = declared(named)?;
    let file = analysis.file_of(&document.path)?;
    let here = span.file == file && wide(span.start) == range.start;
    if here && let Named::Attribute(decl, entry) = named {
        // The attribute of a derived declaration: what it stands for is the base's.
        span = in_bases(&analysis.checked.model, decl, entry.word(0)?)?;
    }
    analysis.location(span)
}

/// Where the nearest base says something of an attribute.
fn in_bases(model: &Model, decl: &Decl, name: &str) -> Option<Span> {
    let mut bases = decl.bases.iter().filter_map(|base| model.get(base));
    bases.find_map(|base| {
        let entry = base.attribute(name)?;
        (entry.origin == base.qualified).then(|| entry.head_span())
    })
}

/// The name of a thing where it is declared.
fn declared(named: Named<'_>) -> Option<Span> {
    match named {
        Named::Attribute(_, entry) => Some(entry.head_span()),
        Named::Decl(decl) => Some(declared_name(decl)),
        Named::Field(_, _, field) => Some(field.head_span()),
        Named::Parameter(decl, n) => decl.params.get(n).map(|p| p.2),
        Named::Record(_, record) => record.head.get(1).map(|name| name.span),
        Named::Package | Named::Run | Named::RunField(_) => None,
    }
}

/// The span of a declaration's name alone; a function's name span holds its parameters, too.
fn declared_name(decl: &Decl) -> Span {
    let length = u32::try_from(decl.name.len()).unwrap_or(u32::MAX);
    let end = decl.span.start.saturating_add(length);
    if decl.kind == "test" {
        return decl.span;
    }
    Span {
        end: end.min(decl.span.end),
        ..decl.span
    }
}

/// All places of the project's own files that name the thing under the cursor.
pub(crate) fn references(
    analysis: &Analysis,
    documents: &Documents,
    document: &Document,
    offset: usize,
    with_declaration: bool,
) -> Option<Vec<Location>> {
    let (named, _) = at_offset(analysis, document, offset)?;
    let target = declared(named)?;
    let mut spans = uses(analysis, documents, target);
    if with_declaration {
        spans.push(target);
    } else {
        spans.retain(|span| *span != target);
    }
    spans.sort();
    spans.dedup();
    let found = spans.into_iter().filter_map(|span| analysis.location(span));
    Some(found.collect())
}

/// Places of the project's own files whose names mean what is declared at a span.
fn uses(analysis: &Analysis, documents: &Documents, target: Span) -> Vec<Span> {
    let model = &analysis.checked.model;
    let mut found = Vec::new();
    for (number, source) in model.sources.files.iter().enumerate() {
        let Ok(file) = u32::try_from(number) else {
            break;
        };
        if source.standard || !source.path.ends_with(".perso") {
            continue;
        }
        let open = documents
            .all()
            .find(|d| analysis.file_of(&d.path) == Some(file));
        let own: Parsed;
        let tree = match open {
            Some(document) => &document.parsed.tree,
            None => {
                own = parse(&source.text);
                &own.tree
            }
        };
        walk(tree, file, &mut |site| {
            for one in at(model, file, &site) {
                if declared(one.named) == Some(target) {
                    found.push(names::span_of(one.segment, file));
                }
            }
        });
    }
    found
}

/// Why something is not renamed.
pub(crate) type Refusal = String;

/// The word under the cursor, when it is one that may get another name.
pub(crate) fn renameable(
    analysis: &Analysis,
    document: &Document,
    offset: usize,
) -> Result<cardwright_dsl::Range, Refusal> {
    let (named, range) = at_offset(analysis, document, offset)
        .ok_or("only declarations, lets, functions, parameters, records and fields have names")?;
    target(analysis, named)?;
    Ok(range)
}

fn target(analysis: &Analysis, named: Named<'_>) -> Result<Span, Refusal> {
    let span = match named {
        Named::Decl(decl) if decl.kind == "test" => None,
        Named::Attribute(..) => None,
        other => declared(other),
    };
    let span = span.ok_or("this word belongs to the language")?;
    let (source, _) = analysis.source(span.file).ok_or("its file is not open")?;
    if source.standard {
        return Err("it belongs to a standard package, which is not changed from here".into());
    }
    Ok(span)
}

/// The edits of all files that give a thing another name.
pub(crate) fn rename(
    analysis: &Analysis,
    documents: &Documents,
    document: &Document,
    offset: usize,
    name: &str,
) -> Result<BTreeMap<String, (Uri, Vec<TextEdit>)>, Refusal> {
    let (named, _) = at_offset(analysis, document, offset).ok_or("there is no name here")?;
    let target = target(analysis, named)?;
    fits(name)?;
    free(analysis, named, name)?;
    let mut spans = uses(analysis, documents, target);
    spans.push(target);
    spans.sort();
    spans.dedup();
    let mut files: BTreeMap<String, (Uri, Vec<TextEdit>)> = BTreeMap::new();
    for location in spans.into_iter().filter_map(|s| analysis.location(s)) {
        let Location { uri, range } = location;
        let edits = files
            .entry(uri.as_str().to_owned())
            .or_insert((uri, Vec::new()));
        edits.1.push(TextEdit {
            range,
            new_text: name.to_owned(),
        });
    }
    Ok(files)
}

/// Whether a word can be a name at all.
fn fits(name: &str) -> Result<(), Refusal> {
    let mut letters = name.chars();
    let starts = letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !starts || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') || name.len() > NAME_MAX {
        return Err(format!(
            "a name has 1 to {NAME_MAX} letters, digits and _, and no digit first"
        ));
    }
    let reserved = [CLAUSE_KEYWORDS, EXPRESSION_KEYWORDS, FILE_KEYWORDS];
    let word = reserved.iter().any(|list| list.contains(&name));
    if word || matches!(name, "run" | "mailer" | "true" | "false") {
        return Err(format!("`{name}` is a word of the language"));
    }
    Ok(())
}

/// Whether a name would clash with another one where it would stand.
fn free(analysis: &Analysis, named: Named<'_>, name: &str) -> Result<(), Refusal> {
    let taken = match named {
        Named::Decl(decl) => {
            let own_package = analysis
                .checked
                .model
                .decls
                .values()
                .any(|d| d.package == decl.package && d.kind != "test" && d.name == name);
            let hides = matches!(decl.kind.as_str(), "let" | "fn") && function(name).is_some();
            let visible = analysis.checked.model.visible(decl.span.file);
            let seen = visible
                .iter()
                .any(|v| v.written == name || v.written.split('.').next() == Some(name));
            own_package || hides || seen || record_named(analysis, name)
        }
        Named::Field(_, record, _) => record.inner(name).is_some(),
        Named::Record(format, _) => {
            cardwright_compiler::elaborate::record_of(format, name).is_some()
                || analysis
                    .checked
                    .model
                    .visible(format.span.file)
                    .iter()
                    .any(|v| v.written == name)
        }
        Named::Parameter(decl, _) => {
            let visible = analysis.checked.model.visible(decl.span.file);
            decl.params.iter().any(|p| p.0 == name)
                || visible.iter().any(|v| v.written == name)
                || record_named(analysis, name)
        }
        _ => false,
    };
    if taken {
        return Err(format!("`{name}` means something else there already"));
    }
    Ok(())
}

/// Whether a record of any format has this name: a declaration of that name would be hidden by it.
fn record_named(analysis: &Analysis, name: &str) -> bool {
    let formats = analysis.checked.model.of_kind("format");
    formats
        .filter(|f| !f.standard)
        .any(|f| cardwright_compiler::elaborate::record_of(f, name).is_some())
}
