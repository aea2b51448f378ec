//! Entries against the rows of their kind.

use super::placeholder::line;
use super::{expressions, values};
use crate::diagnostics::{Change, Problem};
use crate::elaborate::Elaborator;
use crate::model::shape::{block_kind, row_of};
use crate::model::{Decl, MEntry, Span};
use cardwright_vocabulary::{Attribute, Is, Kind, Need, Piece, Shape, nearest, pieces};

/// Checks the entries of a declaration or block; `whole` asks for what is required as well.
pub(super) fn entries<'a>(
    of_kind: &'static Kind,
    decl: &'a Decl,
    entries: &'a [MEntry],
    elaborator: &mut Elaborator<'a>,
    whole: bool,
) {
    block(
        of_kind,
        decl,
        entries,
        elaborator,
        whole.then_some(decl.span),
    );
}

/// The same for one block; what is required is asked for when there is a place to put it, the head
/// of the block's owner.
fn block<'a>(
    of_kind: &'static Kind,
    decl: &'a Decl,
    entries: &'a [MEntry],
    elaborator: &mut Elaborator<'a>,
    whole: Option<Span>,
) {
    let mut meant = Vec::new();
    let mut there = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(row) = row_of(of_kind, entry) else {
            meant.extend(unknown(of_kind, decl, entry, elaborator));
            continue;
        };
        there.push(row.pattern);
        let asked = entry.mark.is_some() && entry.value.is_none() && entry.block.is_none();
        if asked {
            continue; // the base's demand; the Model says who does not meet it
        }
        let whole = whole.map(|_| entry.head_span());
        let place = std::ptr::from_ref(row).addr();
        if entry.origin != decl.qualified {
            // It is the base's, with all that stands in its block. A block that is no declaration's own
            // is held against what it must have, or is not: the place of a row is even.
            elaborator.once(
                decl,
                entry,
                place + usize::from(whole.is_some()),
                |elaborator| {
                    one(of_kind, decl, row, entry, elaborator);
                    inside(decl, row, entry, elaborator, whole);
                },
            );
            continue;
        }
        elaborator.once(decl, entry, place, |elaborator| {
            one(of_kind, decl, row, entry, elaborator);
        });
        inside(decl, row, entry, elaborator, whole);
    }
    if let Some(owner) = whole {
        missing(of_kind, decl, owner, (&there, &meant), elaborator);
    }
}

/// The block of an entry.
fn inside<'a>(
    decl: &'a Decl,
    row: &'static Attribute,
    entry: &'a MEntry,
    elaborator: &mut Elaborator<'a>,
    whole: Option<Span>,
) {
    if let Some(inner) = block_kind(row) {
        elaborator.speaking(inner.dictionary, |elaborator| {
            block(inner, decl, entry.entries(), elaborator, whole);
        });
    }
}

/// One entry, without its block.
fn one<'a>(
    of_kind: &'static Kind,
    decl: &'a Decl,
    row: &'static Attribute,
    entry: &'a MEntry,
    elaborator: &mut Elaborator<'a>,
) {
    shape(of_kind, row, entry, elaborator);
    clauses(decl, row, entry, elaborator);
    match row.shape {
        Shape::Value(is) | Shape::ValueAndBlock(is, _) => {
            values::value(decl, row, is, entry, elaborator);
        }
        Shape::Field(sink) => expressions::field(decl, sink, entry, elaborator),
        Shape::Bare => expressions::sentence(of_kind, decl, row, entry, elaborator),
        // Parts are checked where they are put together: see `emit`.
        Shape::Block(_) | Shape::BareOrBlock(_) | Shape::Part => {}
    }
}

/// Says that an entry is no row, and gives the word that it was probably meant to be.
fn unknown(
    of_kind: &'static Kind,
    decl: &Decl,
    entry: &MEntry,
    elaborator: &mut Elaborator<'_>,
) -> Option<&'static str> {
    let word = entry.word(0).unwrap_or("");
    let written = crate::model::shape::key_of(None, entry);
    let owner = of_kind.name.rsplit('.').next().unwrap_or(of_kind.name);
    let place = if of_kind.top {
        let article = if owner.starts_with(['a', 'e', 'i', 'o', 'u']) {
            "an"
        } else {
            "a"
        };
        format!("{article} {owner}")
    } else {
        format!("`{owner}` of the {} `{}`", decl.kind, decl.name)
    };
    let firsts = first_words(of_kind);
    let same: Vec<&str> = of_kind
        .attributes
        .iter()
        .map(|a| a.pattern)
        .filter(|p| p.split(' ').next() == Some(word))
        .collect();
    let near = nearest(word, firsts.iter().copied());
    let help = if word == "for" && of_kind.name == "rule" {
        "write it behind the requirement, on its line: `require … for x in list because \"…\"`"
            .to_owned()
    } else if !same.is_empty() {
        format!("write it as `{}`", same.join("` or `"))
    } else if let Some(near) = near {
        format!("did you mean `{near}`?")
    } else {
        let patterns: Vec<&str> = of_kind.attributes.iter().map(|a| a.pattern).collect();
        if patterns.is_empty() {
            "leave its block empty or out".to_owned()
        } else {
            format!("it has: {}", patterns.join(", "))
        }
    };
    let message = format!("{place} has no `{written}`");
    let mut problem = Problem::error("E0102", entry.head_span(), message).help(help);
    if let (Some(near), Some(first), true) = (near, entry.head.first(), same.is_empty()) {
        problem = problem.fix(Change::Instead(first.span, near.to_owned()));
    }
    elaborator.findings().push(problem);
    near
}

/// Words that rows of a kind begin with.
fn first_words(of_kind: &'static Kind) -> Vec<&'static str> {
    of_kind
        .attributes
        .iter()
        .filter_map(|a| match pieces(a.pattern).into_iter().next() {
            Some(Piece::Word(word)) => Some(word),
            _ => None,
        })
        .collect()
}

fn shape(of_kind: &Kind, row: &Attribute, entry: &MEntry, elaborator: &mut Elaborator<'_>) {
    let (takes_value, takes_block) = match row.shape {
        Shape::Bare => (Some(false), Some(false)),
        Shape::Block(_) => (Some(false), Some(true)),
        Shape::BareOrBlock(_) => (Some(false), None),
        Shape::Field(_) => (None, Some(false)),
        Shape::Part | Shape::Value(_) => (Some(true), Some(false)),
        Shape::ValueAndBlock(..) => (None, None),
    };
    let (has_value, has_block) = (entry.value.is_some(), entry.block.is_some());
    let wrong = match (takes_value, has_value, takes_block, has_block) {
        (Some(true), false, ..) => "needs a value: write `=` and the value after it",
        (Some(false), true, ..) => "takes no value",
        (.., Some(true), false) => "needs a block: write `{ … }` after it",
        (.., Some(false), true) => "takes no block",
        _ => "",
    };
    let name = crate::model::shape::key_of(Some(row), entry);
    if !wrong.is_empty() {
        let message = format!("`{name}` {wrong}");
        let help = format!("{}: {}", row.pattern, row.doc);
        elaborator
            .findings()
            .push(Problem::error("E0212", entry.head_span(), message).help(help));
    }
    if let Some(base) = &entry.base
        && !matches!(row.shape, Shape::Field(_) | Shape::Part)
    {
        let owner = of_kind.name;
        let message = format!("`{name}` of {owner} takes nothing after a colon");
        elaborator
            .findings()
            .push(Problem::error("E0212", base.span, message).help("write `=` for a value"));
    }
}

fn clauses<'a>(
    decl: &'a Decl,
    row: &Attribute,
    entry: &'a MEntry,
    elaborator: &mut Elaborator<'a>,
) {
    for clause in &entry.clauses {
        let Some(takes) = row.clauses.iter().find(|c| c.keyword == clause.keyword) else {
            let free = matches!(row.shape, Shape::Value(Is::RefList(_) | Is::Any))
                || matches!(row.shape, Shape::Field(_)) && clause.keyword == "optional";
            if !free {
                unknown_clause(row, &clause.keyword, clause.span, elaborator);
            }
            continue;
        };
        // What a rule of a format says is typed with its condition: both speak of one record.
        let of_rule = decl.kind == "format" && clause.keyword == "else";
        match (takes.takes, clause.single()) {
            (Is::Expr(..), Some(_)) if of_rule => {}
            (Is::Expr(want, sink), Some(e)) => {
                let what = format!("`{}`", clause.keyword);
                expressions::expression(decl, want, sink, e, &what, elaborator);
            }
            (Is::Word(words), Some(e)) if clause.keyword != "as" => {
                values::word(words, e, elaborator);
            }
            (Is::Number(least, most), Some(e)) => values::number(least, most, e, elaborator),
            (Is::Point, Some(e)) => values::point(e, elaborator),
            _ => {}
        }
    }
}

fn unknown_clause(
    row: &Attribute,
    keyword: &str,
    span: crate::model::Span,
    elaborator: &mut Elaborator<'_>,
) {
    let known: Vec<&str> = row.clauses.iter().map(|c| c.keyword).collect();
    let help = if known.is_empty() {
        "leave it out".to_owned()
    } else {
        format!("it takes: {}", known.join(", "))
    };
    let message = format!("`{}` takes no `{keyword}`", row.pattern);
    let mut problem = Problem::error("E0213", span, message).help(help);
    if known.is_empty() {
        problem = problem.fix(Change::Out(span));
    }
    elaborator.findings().push(problem);
}

fn missing(
    of_kind: &'static Kind,
    decl: &Decl,
    owner: Span,
    (there, meant): (&[&str], &[&str]),
    elaborator: &mut Elaborator<'_>,
) {
    for row in of_kind.attributes {
        if row.need != Need::Required || meant.contains(&row.pattern) {
            continue;
        }
        if there.contains(&row.pattern) {
            continue;
        }
        let block = of_kind.name.rsplit('.').next().unwrap_or(of_kind.name);
        let place = if of_kind.top {
            format!("{} `{}`", decl.kind, decl.name)
        } else {
            format!("`{block}` of the {} `{}`", decl.kind, decl.name)
        };
        let message = format!("{place} lacks `{}`", row.pattern);
        let mut problem = Problem::error("E0109", decl.span, message)
            .help(format!("`{}`: {}", row.pattern, row.doc));
        problem.change = line(elaborator.model(), decl, row).map(|l| Change::Entry(owner, l));
        elaborator.findings().push(problem);
    }
}
