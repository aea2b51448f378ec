//! What the names at a place mean, as the compiler says it.

use crate::documents::Document;
use crate::position::narrow;
use crate::site::{Level, Part, Site, Wants, walk};
use crate::workspace::Analysis;
use cardwright_compiler::model::{Decl, MSegment, Model, Named, Span};
use cardwright_dsl::{Kind, Node};
use cardwright_vocabulary::{Is, Takes, Want, bit_field, element_by_name};

/// A name in a text: the segment, and what it means.
pub(crate) struct Found<'m, 't> {
    pub(crate) segment: Node<'t>,
    pub(crate) named: Named<'m>,
}

/// The declaration around a place.
pub(crate) fn within<'m>(model: &'m Model, file: u32, top: Option<&Level<'_>>) -> Option<&'m Decl> {
    let name = top?.entry.head.get(1)?;
    model.declared_at(file, name.span.start)
}

/// What each segment of the name at a place means; nothing for words of the language.
pub(crate) fn at<'m, 't>(model: &'m Model, file: u32, site: &Site<'_, 't>) -> Vec<Found<'m, 't>> {
    let decl = within(model, file, site.top());
    let segments: Vec<Node<'t>> = match site.node.kind() {
        Kind::Path => site
            .node
            .children()
            .filter(|n| matches!(n.kind(), Kind::Segment | Kind::Tag))
            .collect(),
        _ => return Vec::new(),
    };
    let words: Vec<MSegment> = segments.iter().map(|n| segment(*n, file)).collect();
    let span = span_of(site.node, file);
    let named = meaning(model, decl, site, &words, span);
    segments
        .into_iter()
        .zip(named)
        .map(|(segment, named)| Found { segment, named })
        .collect()
}

fn meaning<'m>(
    model: &'m Model,
    decl: Option<&'m Decl>,
    site: &Site<'_, '_>,
    words: &[MSegment],
    span: Span,
) -> Vec<Named<'m>> {
    let single = match words {
        [one] => Some(one.text.as_str()),
        _ => None,
    };
    let top = site.levels.len() == 1;
    match (site.part, site.wants) {
        (Part::Import | Part::Package, _) => Vec::new(),
        (Part::Head(1), _) if top => decl.map(Named::Decl).into_iter().collect(),
        (Part::Parameter(n), _) => {
            let known = decl.filter(|d| d.params.get(n).is_some_and(|p| p.2 == span));
            known.map(|d| Named::Parameter(d, n)).into_iter().collect()
        }
        (Part::Head(1), _) => declared_record(decl, site).into_iter().collect(),
        (Part::Head(0), Wants::Word | Wants::Name) if !top => own(decl, site),
        (Part::RecordKey, _) => {
            let ground = model.ground_of(decl);
            let field = ground.and_then(|(format, record)| {
                let record = cardwright_compiler::elaborate::record_of(format, &record)?;
                let field = record.inner(single?)?;
                Some(Named::Field(format, record, field))
            });
            field.into_iter().collect()
        }
        (_, Wants::Base(_) | Wants::For(_) | Wants::Name) => model.declared(words, span),
        (_, Wants::FieldType | Wants::Word) => Vec::new(),
        (_, wants) if single.is_some_and(|word| is_word(wants, word)) => Vec::new(),
        _ => model.names(decl, words, span),
    }
}

/// What the head of a nested entry stands for: a field, or an attribute of its declaration.
fn own<'m>(decl: Option<&'m Decl>, site: &Site<'_, '_>) -> Vec<Named<'m>> {
    let (Some(decl), Some(level)) = (decl, site.level()) else {
        return Vec::new();
    };
    if level.of_kind.is_some_and(|k| k.name == "format.record") {
        let record = site
            .levels
            .get(1)
            .and_then(|l| decl.entries.iter().find(|e| e.span == l.entry.span));
        let field = record.and_then(|r| {
            let own = r.entries().iter().find(|e| e.span == level.entry.span)?;
            (own.base.is_some() || own.value.is_some()).then_some(Named::Field(decl, r, own))
        });
        return field.into_iter().collect();
    }
    let mut entries = decl.entries.as_slice();
    for outer in site.levels.iter().skip(1) {
        let Some(entry) = entries.iter().find(|e| e.span == outer.entry.span) else {
            return Vec::new();
        };
        if outer.entry.span == level.entry.span {
            return vec![Named::Attribute(decl, entry)];
        }
        entries = entry.entries();
    }
    Vec::new()
}

fn declared_record<'m>(decl: Option<&'m Decl>, site: &Site<'_, '_>) -> Option<Named<'m>> {
    let (decl, level) = (decl?, site.level()?);
    let is_record = decl.kind == "format" && level.entry.word(0) == Some("record");
    let own = decl.entries.iter().find(|e| e.span == level.entry.span)?;
    is_record.then_some(Named::Record(decl, own))
}

/// Whether a word is one of the language where it stands, whatever is declared under that name.
pub(crate) fn is_word(wants: Wants, word: &str) -> bool {
    let flag = |set: &str| bit_field(set).is_some_and(|f| f.row(word).is_some());
    match wants {
        Wants::Is(is) => match is {
            Is::Call(words) | Is::CallOrRef(words, _) | Is::Word(words) | Is::WordList(words) => {
                words.contains(&word)
            }
            Is::Expr(Want::Choice(words), _) => words.iter().any(|(w, _)| *w == word),
            Is::Flags(set) => flag(set),
            Is::KeyUse | Is::Truth => true,
            Is::TagList => element_by_name(word).is_some(),
            _ => false,
        },
        Wants::Element(tag) => {
            let coding = cardwright_vocabulary::data_element(tag).map_or("", |e| &e.coding);
            match coding {
                "dol" | "tags" => element_by_name(word).is_some(),
                other => other.strip_prefix("flags:").is_some_and(flag),
            }
        }
        Wants::Param(Takes::Word(words)) => words.contains(&word),
        Wants::Param(Takes::Tag) | Wants::Tag => element_by_name(word).is_some(),
        Wants::Word | Wants::FieldType => true,
        _ => false,
    }
}

fn segment(node: Node<'_>, file: u32) -> MSegment {
    let is_tag = node.kind() == Kind::Tag;
    let text = node.text();
    MSegment {
        text: if is_tag {
            text.trim_start_matches('#').to_ascii_uppercase()
        } else {
            text.to_owned()
        },
        is_tag,
        span: span_of(node, file),
    }
}

/// The span of a node in a file of the model.
pub(crate) fn span_of(node: Node<'_>, file: u32) -> Span {
    let range = node.range();
    Span {
        file,
        start: narrow(range.start),
        end: narrow(range.end),
    }
}

/// Calls `then` with the smallest place that holds an offset.
pub(crate) fn innermost<'t, T>(
    document: &'t Document,
    file: u32,
    offset: usize,
    then: &mut dyn for<'w> FnMut(&Site<'w, 't>) -> Option<T>,
) -> Option<T> {
    let mut best: Option<(usize, Option<T>)> = None;
    walk(&document.parsed.tree, file, &mut |site| {
        let range = site.node.range();
        let holds = range.start <= offset && offset <= range.end && !range.is_empty();
        if holds
            && best
                .as_ref()
                .is_none_or(|(length, _)| range.len() <= *length)
        {
            best = Some((range.len(), then(&site)));
        }
    });
    best.and_then(|(_, answer)| answer)
}

/// What the name at an offset means.
pub(crate) fn at_offset<'m>(
    analysis: &'m Analysis,
    document: &Document,
    offset: usize,
) -> Option<(Named<'m>, cardwright_dsl::Range)> {
    let file = analysis.file_of(&document.path)?;
    let model = &analysis.checked.model;
    innermost(document, file, offset, &mut |site| {
        let found = at(model, file, site);
        let holding = found.into_iter().find(|f| {
            let range = f.segment.range();
            range.start <= offset && offset <= range.end
        })?;
        Some((holding.named, holding.segment.range()))
    })
}
