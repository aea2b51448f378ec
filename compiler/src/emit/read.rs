//! Reading attributes of declarations: words, numbers, rectangles, with findings where one is not
//! what its place takes.

use crate::diagnostics::{Findings, Problem};
use crate::elaborate::constants::{length_um, rect_um, size_mpt};
use crate::model::{Decl, MClause, MEntry, MExpr, MKind, MPhrase, Model, Span, Target};
use cardwright_bundle::Rect;

/// The word of a single value: `coercivity = high` gives `high`.
pub(crate) fn word(entry: &MEntry) -> Option<String> {
    entry.single()?.dotted()
}

/// The text of a single literal value.
pub(crate) fn text(entry: &MEntry) -> Option<String> {
    entry.single()?.literal_text()
}

/// Name and argument of `file("letter.pdf")`.
pub(crate) fn file(entry: &MEntry) -> Option<String> {
    let MKind::Call { callee, args } = &entry.single()?.kind else {
        return None;
    };
    match args.as_slice() {
        [path] if callee.word() == Some("file") => path.value.literal_text(),
        _ => None,
    }
}

/// Terms of a list's items, or the single term; names of lets are followed.
pub(crate) fn items<'a>(model: &'a Model, value: &'a MExpr) -> Vec<&'a MExpr> {
    match &follow(model, value).kind {
        MKind::List(list) => list
            .iter()
            .filter_map(|item| item.phrase.single())
            .collect(),
        _ => vec![value],
    }
}

/// Terms of a list's items with their `when`, if they have one; names of lets are followed.
pub(crate) fn conditional<'a>(
    model: &'a Model,
    value: &'a MExpr,
) -> Vec<(&'a MExpr, Option<&'a MClause>)> {
    let of = |phrase: &'a MPhrase| {
        let when = phrase.clauses.iter().find(|c| c.keyword == "when");
        Some((phrase.single()?, when))
    };
    match &follow(model, value).kind {
        MKind::List(list) => list.iter().filter_map(|item| of(&item.phrase)).collect(),
        _ => vec![(value, None)],
    }
}

/// Terms of each item of a list, or those of the single value.
pub(crate) fn phrases(value: &MExpr) -> Vec<&[MExpr]> {
    match &value.kind {
        MKind::List(list) => list.iter().map(|i| i.phrase.terms.as_slice()).collect(),
        _ => vec![std::slice::from_ref(value)],
    }
}

/// What a name of a `let` stands for, through as many lets as there are; else the term itself.
pub(crate) fn follow<'a>(model: &'a Model, value: &'a MExpr) -> &'a MExpr {
    let mut at = value;
    // Bounded: a chain of lets that is longer is a cycle, which the model has reported.
    for _ in 0..32 {
        let MKind::Name(segments) = &at.kind else {
            return at;
        };
        let Target::Decl { qualified, used } = model.resolve(segments, at.span) else {
            return at;
        };
        let target = model
            .get(&qualified)
            .filter(|d| d.kind == "let" && used == segments.len())
            .and_then(|d| d.value.as_ref()?.single());
        match target {
            Some(next) => at = next,
            None => return at,
        }
    }
    at
}

/// The declaration of a kind that a name stands for.
pub(crate) fn declaration<'a>(model: &'a Model, name: &MExpr, kind: &str) -> Option<&'a Decl> {
    let MKind::Name(segments) = &name.kind else {
        return None;
    };
    match model.resolve(segments, name.span) {
        Target::Decl { qualified, .. } => model.get(&qualified).filter(|d| d.kind == kind),
        Target::Poisoned | Target::Unknown => None,
    }
}

/// The declaration of a kind that a name stands for; the check has reported names that are none.
pub(crate) fn reference<'a>(model: &'a Model, name: &MExpr, kind: &str) -> Option<&'a Decl> {
    declaration(model, name, kind).filter(|d| !d.poisoned)
}

/// `(x, y, width, height)`, or `(x, y)` with a `size` beside it, as a rectangle; E0812 otherwise.
pub(crate) fn rect(entry: &MEntry, size: Option<&MEntry>, findings: &mut Findings) -> Option<Rect> {
    let value = entry.single();
    let given = value.and_then(rect_um).or_else(|| {
        let (x, y) = value.and_then(crate::elaborate::constants::point_um)?;
        let side = size?.single().and_then(length_um)?;
        Some((x, y, side, side))
    });
    let converted = given.and_then(|(x, y, w, h)| {
        Some(Rect {
            x_um: u32::try_from(x).ok()?,
            y_um: u32::try_from(y).ok()?,
            width_um: u32::try_from(w).ok().filter(|w| *w > 0)?,
            height_um: u32::try_from(h).ok().filter(|h| *h > 0)?,
        })
    });
    if converted.is_none() {
        let message = "expected a place on the page: left, top, width and height";
        findings.push(
            Problem::error("E0812", entry.span, message)
                .help("write such as `(25 mm, 50 mm, 85 mm, 30 mm)`; nothing may be negative"),
        );
    }
    converted
}

/// Font name and size of `font = "Noto Sans" 10 pt`.
pub(crate) fn font(entry: &MEntry) -> Option<(String, u32)> {
    let phrase = entry.value.as_ref()?;
    let name = phrase.terms.first()?.literal_text()?;
    let size = phrase.terms.get(1).and_then(size_mpt)?;
    Some((name, size))
}

/// The whole number of a single value, or of the `let` that it names. Its bounds are those of its
/// row; the check has held it against them.
pub(crate) fn integer(model: &Model, entry: &MEntry) -> Option<i64> {
    follow(model, entry.single()?).integer()
}

/// Where a declaration's attribute stands, or the declaration's name.
pub(crate) fn span_of(decl: &Decl, attribute: &str) -> Span {
    decl.attribute(attribute).map_or(decl.span, |e| e.span)
}
