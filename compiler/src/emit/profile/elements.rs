//! Data elements: values of an application in the octets that the chip stores.

use super::super::{read, value};
use crate::diagnostics::{Change, Problem};
use crate::elaborate::{Elaborator, Typed};
use crate::emit::Frame;
use crate::model::{Decl, MEntry, MExpr, MItem, MKind, Model, Span, dictionary};
use crate::types::{Lengths, Type};
use cardwright_vocabulary::{DataElement, data_element, data_element_in, element_by_name};
use std::collections::BTreeSet;

/// What stands in tag 57 or on a track, part by part.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub(crate) pan: Typed,
    pub(crate) expiry: Typed,
    pub(crate) service: Typed,
    pub(crate) tail: Typed,
}

/// One data element of an application.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    /// Tag, upper-case hexadecimal.
    pub(crate) tag: String,
    /// Octets.
    pub(crate) value: Typed,
    /// The value before it was coded: the PAN's text, the date.
    pub(crate) raw: Option<Typed>,
    /// The octets, when no order decides them.
    pub(crate) constant: Option<Vec<u8>>,
    /// Parts of a track.
    pub(crate) track: Option<Track>,
    /// Only the orders for which this holds have it.
    pub(crate) when: Option<Typed>,
    /// Where it was written.
    pub(crate) span: Span,
}

/// Elements of a profile's `data` block and of its attributes.
pub(crate) fn gather<'a>(
    elaborator: &mut Elaborator<'a>,
    frame: &Frame,
    decl: &'a Decl,
    unknown: &mut BTreeSet<String>,
) -> Vec<Element> {
    let mut elements = written_only(elaborator, decl, unknown);
    from_attributes(elaborator, frame, decl, &mut elements);
    for element in &elements {
        check_length(elaborator, dictionary(decl), element);
    }
    elements
}

/// Elements of a declaration's `data` block.
///
/// `unknown` gets the tags of those whose value is not understood.
pub(super) fn written_only<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &'a Decl,
    unknown: &mut BTreeSet<String>,
) -> Vec<Element> {
    let data = decl.attribute("data").map_or(&[][..], MEntry::entries);
    of_entries(elaborator, decl, data, unknown)
}

/// Elements of a `data` block's entries, whose tags have the meaning of the dictionary that is spoken.
pub(super) fn of_entries<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &'a Decl,
    data: &'a [MEntry],
    unknown: &mut BTreeSet<String>,
) -> Vec<Element> {
    let mut elements = Vec::new();
    for entry in data.iter().filter(|e| e.value.is_some()) {
        let Some(tag) = entry.head.first().and_then(crate::model::shape::tag_of) else {
            continue;
        };
        let tag = tag.to_ascii_uppercase();
        match elaborator.part(decl, ("data", entry), |e| of_entry(e, decl, entry, &tag)) {
            Some(element) => elements.push(element),
            None => {
                unknown.insert(tag);
            }
        }
    }
    elements
}

fn of_entry<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &'a Decl,
    entry: &'a MEntry,
    tag: &str,
) -> Option<Element> {
    own_word(elaborator, decl, entry);
    let when = super::presence::condition(elaborator, entry);
    // Its value is only asked for where the condition holds.
    let element = match &when {
        Some(flag) => elaborator.where_holds(flag, |e| written(e, decl, entry, tag)),
        None => written(elaborator, decl, entry, tag),
    };
    element.map(|element| Element { when, ..element })
}

/// E0351: `mastercard_udol = …` in a profile that reads tags by another dictionary.
fn own_word(elaborator: &mut Elaborator<'_>, decl: &Decl, entry: &MEntry) {
    let name = entry.head.first().and_then(MExpr::word);
    let Some((name, row)) = name.and_then(|name| Some((name, element_by_name(name)?))) else {
        return;
    };
    let own = elaborator.dictionary();
    if row.scheme.is_empty() || row.scheme == own {
        return;
    }
    let speaks = if own.is_empty() { "EMV's own" } else { own };
    let message = format!(
        "`{name}` is a word of the dictionary {}, this profile speaks {speaks}",
        row.scheme
    );
    let help = format!("set `dictionary = {}`, or name the tag", row.scheme);
    let mut problem = Problem::error("E0351", entry.span, message).help(help);
    if decl.attribute("dictionary").is_none() {
        let text = format!("dictionary = {}", row.scheme);
        problem = problem.fix(Change::Entry(decl.span, text));
    }
    elaborator.findings().push(problem);
}

fn written<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &'a Decl,
    entry: &'a MEntry,
    tag: &str,
) -> Option<Element> {
    let term = entry.single()?;
    let span = entry.span;
    if let Some(code) = action_code_of(term)
        && let Some(flags) = decl.attribute("action_codes").and_then(|b| b.inner(code))
    {
        let octets = flags_of(elaborator, flags, "tvr")?;
        return Some(constant(elaborator, tag, octets, flags.span));
    }
    let row = data_element_in(elaborator.dictionary(), tag);
    let coding = row.map_or("", |r| r.coding.as_str());
    let followed = read::follow(elaborator.model(), term);
    if let MKind::Hex(bytes) = &followed.kind {
        return Some(constant(elaborator, tag, bytes.clone(), span));
    }
    if let Some(set) = coding.strip_prefix("flags:") {
        let octets = elaborator.const_flags(followed, set)?;
        return Some(constant(elaborator, tag, octets, span));
    }
    match coding {
        "dol" => {
            let octets = dol(elaborator, followed)?;
            Some(constant(elaborator, tag, octets, span))
        }
        "tags" => {
            let octets = tag_list(elaborator.model(), followed)?;
            Some(constant(elaborator, tag, octets, span))
        }
        "track2" => track2(elaborator, followed, tag, span),
        _ if tag == "56" && is_call(followed, "track1") => track1(elaborator, followed, span),
        "pan" => coded(elaborator, term, tag, &Type::PAN, span),
        "date" => coded(elaborator, term, tag, &Type::Date, span),
        _ => by_format(elaborator, term, tag, row, span),
    }
}

/// `action_codes.online`: the attribute's name.
fn action_code_of(term: &MExpr) -> Option<&'static str> {
    let dotted = term.dotted()?;
    let code = dotted.strip_prefix("action_codes.")?;
    ["denial", "online", "default"]
        .into_iter()
        .find(|c| *c == code)
}

/// A constant element.
pub(crate) fn constant(
    elaborator: &mut Elaborator<'_>,
    tag: &str,
    octets: Vec<u8>,
    span: Span,
) -> Element {
    Element {
        tag: tag.to_owned(),
        value: elaborator.octets(&octets, span),
        raw: None,
        constant: Some(octets),
        track: None,
        when: None,
        span,
    }
}

/// A flag list attribute's octets.
pub(crate) fn flags_of<'a>(
    elaborator: &mut Elaborator<'a>,
    entry: &'a MEntry,
    set: &str,
) -> Option<Vec<u8>> {
    let term = read::follow(elaborator.model(), entry.single()?);
    elaborator.const_flags(term, set)
}

fn coded<'a>(
    elaborator: &mut Elaborator<'a>,
    term: &'a MExpr,
    tag: &str,
    want: &Type,
    span: Span,
) -> Option<Element> {
    let raw = elaborator.expr(term, Some(want))?;
    let octets = match want {
        Type::Date => date(elaborator, &raw, span)?,
        _ => pan(elaborator, &raw, span)?,
    };
    Some(Element {
        tag: tag.to_owned(),
        value: octets,
        raw: Some(raw),
        constant: None,
        track: None,
        when: None,
        span,
    })
}

/// Format cn, as short as possible (tag 5A).
fn pan(elaborator: &mut Elaborator<'_>, raw: &Typed, span: Span) -> Option<Typed> {
    let lengths = raw.ty.lengths().unwrap_or(Lengths::up_to(19));
    let ty = Type::Bytes(Lengths {
        min: lengths.min.div_ceil(2),
        max: lengths.max.div_ceil(2),
    });
    value::apply(elaborator, "compact_cn", &[raw], ty, span)
}

/// Format n 6, YYMMDD (EMV Book 3, annex A).
fn date(elaborator: &mut Elaborator<'_>, raw: &Typed, span: Span) -> Option<Typed> {
    let pattern = elaborator.text("YYMMDD", span);
    let ty = Type::Bytes(Lengths::exactly(3));
    value::apply(elaborator, "date_bcd", &[raw, &pattern], ty, span)
}

/// Digits in so many octets, zeros on the left (format n).
pub(crate) fn numeric(
    elaborator: &mut Elaborator<'_>,
    raw: &Typed,
    octets: u32,
    span: Span,
) -> Option<Typed> {
    let width = elaborator.number(i64::from(octets), span);
    let ty = Type::Bytes(Lengths::exactly(octets));
    value::apply(elaborator, "bcd", &[raw, &width], ty, span)
}

fn by_format<'a>(
    elaborator: &mut Elaborator<'a>,
    term: &'a MExpr,
    tag: &str,
    row: Option<&DataElement>,
    span: Span,
) -> Option<Element> {
    let format = row.map_or("b", |r| r.format.as_str());
    let most = row.map_or(252, |r| r.max);
    let (raw, octets) = match format {
        "n" => {
            let want = Type::Digits(Lengths::up_to(most.saturating_mul(2)));
            let raw = elaborator.expr(term, Some(&want))?;
            let octets = numeric(elaborator, &raw, most, span)?;
            (raw, octets)
        }
        "cn" => {
            let raw = elaborator.expr(term, Some(&Type::text()))?;
            let octets = pan(elaborator, &raw, span)?;
            (raw, octets)
        }
        "an" | "ans" | "a" => {
            let raw = elaborator.expr(term, Some(&Type::text()))?;
            let ty = Type::Bytes(raw.ty.lengths().unwrap_or(Lengths::up_to(most)));
            let octets = value::apply(elaborator, "ascii", &[&raw], ty, span)?;
            (raw, octets)
        }
        _ => {
            let raw = elaborator.expr(term, Some(&Type::bytes()))?;
            (raw.clone(), raw)
        }
    };
    Some(Element {
        tag: tag.to_owned(),
        value: octets,
        raw: Some(raw),
        constant: None,
        track: None,
        when: None,
        span,
    })
}

fn is_call(term: &MExpr, function: &str) -> bool {
    matches!(&term.kind, MKind::Call { callee, .. } if callee.word() == Some(function))
}

/// `track1(pan, name, expiry, service, tail)` in the characters of tag 56.
fn track1<'a>(elaborator: &mut Elaborator<'a>, term: &'a MExpr, span: Span) -> Option<Element> {
    let track = track_of(elaborator, term, "track1", span)?;
    let text = elaborator.expr(term, None)?;
    let ty = Type::Bytes(text.ty.lengths().unwrap_or(Lengths::up_to(76)));
    let value = value::apply(elaborator, "ascii", &[&text], ty, span)?;
    Some(Element {
        tag: "56".to_owned(),
        value,
        raw: None,
        constant: None,
        track: Some(track),
        when: None,
        span,
    })
}

/// `track2(pan, expiry, service, tail)` in the coding of tag 57.
fn track2<'a>(
    elaborator: &mut Elaborator<'a>,
    term: &'a MExpr,
    tag: &str,
    span: Span,
) -> Option<Element> {
    let track = track_of(elaborator, term, "track2", span)?;
    let lengths = |t: &Typed| t.ty.lengths().unwrap_or(Lengths::up_to(19));
    // PAN, separator, YYMM, service code, discretionary data: two to an octet.
    let digits = lengths(&track.pan)
        .plus(lengths(&track.tail))
        .plus(Lengths::exactly(8));
    let ty = Type::Bytes(Lengths {
        min: digits.min.div_ceil(2),
        max: digits.max.div_ceil(2),
    });
    let parts = [&track.pan, &track.expiry, &track.service, &track.tail];
    let value = value::apply(elaborator, "track2_equivalent", &parts, ty, span)?;
    Some(Element {
        tag: tag.to_owned(),
        value,
        raw: None,
        constant: None,
        track: Some(track),
        when: None,
        span,
    })
}

/// Parts of a call of `track1` or `track2`, without the name of track 1; E0707 for anything else.
pub(crate) fn track_of<'a>(
    elaborator: &mut Elaborator<'a>,
    term: &'a MExpr,
    function: &str,
    span: Span,
) -> Option<Track> {
    let term = read::follow(elaborator.model(), term);
    let call = match &term.kind {
        MKind::Call { callee, args } if callee.word() == Some(function) => Some(args),
        _ => None,
    };
    let named = usize::from(function == "track1");
    let Some(args) = call.filter(|args| args.len() == 4 + named) else {
        if !matches!(term.kind, MKind::Poison) {
            let message = format!("this is written by `{function}`, so that its parts are known");
            let name = if named == 1 { "order.name, " } else { "" };
            elaborator
                .findings()
                .push(Problem::error("E0707", span, message).help(format!(
                    "write `{function}(order.pan, {name}order.expiry, 201, tail)`"
                )));
        }
        return None;
    };
    let mut args = args.iter().map(|a| &a.value);
    let pan = elaborator.expr(args.next()?, Some(&Type::PAN))?;
    let mut args = args.skip(named);
    Some(Track {
        pan,
        expiry: elaborator.expr(args.next()?, Some(&Type::Date))?,
        service: elaborator.expr(args.next()?, Some(&Type::Digits(Lengths::exactly(3))))?,
        tail: elaborator.expr(args.next()?, Some(&Type::text()))?,
    })
}

/// A data object list: tags, each with the length of its element or one that stands beside it.
fn dol<'a>(elaborator: &mut Elaborator<'a>, term: &'a MExpr) -> Option<Vec<u8>> {
    let MKind::List(items) = &term.kind else {
        return elaborator.const_bytes(term);
    };
    let mut octets = Vec::new();
    for item in items {
        let (tag, length) = dol_entry(item)?;
        octets.extend(hex::decode(&tag).ok()?);
        octets.push(length);
    }
    Some(octets)
}

fn dol_entry(item: &MItem) -> Option<(String, u8)> {
    // What is no tag, and a length that is not known, have been reported by the check.
    let tag = crate::model::shape::tag_of(item.phrase.terms.first()?)?.to_owned();
    let stated = item.phrase.terms.get(1).and_then(MExpr::integer);
    let length = stated.or_else(|| data_element(&tag).map(|row| i64::from(row.asked)))?;
    Some((tag, u8::try_from(length).ok()?))
}

/// Tags one after another; the check has reported what is none.
fn tag_list(model: &Model, term: &MExpr) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    for item in read::items(model, term) {
        octets.extend(hex::decode(crate::model::shape::tag_of(item)?).ok()?);
    }
    Some(octets)
}

/// Elements that follow from the profile's attributes and from the issuer, unless `data` says them.
fn from_attributes<'a>(
    elaborator: &mut Elaborator<'a>,
    frame: &Frame,
    decl: &'a Decl,
    elements: &mut Vec<Element>,
) {
    let has = |elements: &[Element], tag: &str| elements.iter().any(|e| e.tag == tag);
    if !has(elements, "5F30")
        && let Some(entry) = decl.attribute("services")
        && let Some(element) =
            elaborator.part(decl, ("services", entry), |e| service_code(e, entry))
    {
        elements.push(element);
    }
    let codes = [("9F0D", "default"), ("9F0E", "denial"), ("9F0F", "online")];
    for (tag, name) in codes {
        let entry = decl.attribute("action_codes").and_then(|b| b.inner(name));
        if let Some(entry) = entry.filter(|_| !has(elements, tag))
            && let Some(element) = elaborator.part(decl, (tag, entry), |e| {
                let octets = flags_of(e, entry, "tvr")?;
                Some(constant(e, tag, octets, entry.span))
            })
        {
            elements.push(element);
        }
    }
    if !has(elements, "8E")
        && let Some(list) = super::cvm_list(elaborator.model(), decl)
    {
        let span = read::span_of(decl, "cvm");
        let element = constant(elaborator, "8E", list.bytes(), span);
        elements.push(element);
    }
    let codes = [
        ("5F28", frame.issuer.country),
        ("9F42", frame.issuer.currency),
    ];
    for (tag, code) in codes {
        if !has(elements, tag) && code > 0 {
            let octets = hex::decode(format!("{code:04}")).unwrap_or_default();
            let element = constant(elaborator, tag, octets, decl.span);
            elements.push(element);
        }
    }
}

fn service_code<'a>(elaborator: &mut Elaborator<'a>, entry: &'a MEntry) -> Option<Element> {
    let want = Type::Digits(Lengths::exactly(3));
    let raw = elaborator.phrase(entry.value.as_ref()?, Some(&want))?;
    let value = numeric(elaborator, &raw, 2, entry.span)?;
    Some(Element {
        tag: "5F30".to_owned(),
        value,
        raw: Some(raw),
        constant: None,
        track: None,
        when: None,
        span: entry.span,
    })
}

/// EMV Book 3, annex A: an element has the length of its row.
pub(super) fn check_length(elaborator: &mut Elaborator<'_>, dictionary: &str, element: &Element) {
    let Some(row) = data_element_in(dictionary, &element.tag) else {
        return;
    };
    let Some(lengths) = element.value.ty.lengths() else {
        return;
    };
    let unknown = lengths.max >= crate::types::ANY_LENGTH.max;
    if unknown || (lengths.max <= row.max && lengths.max >= row.min) {
        return;
    }
    let expected = if row.min == row.max {
        format!("{}", row.min)
    } else {
        format!("{} to {}", row.min, row.max)
    };
    let (found, help) = if lengths.max < row.min {
        let help = format!("write all of it: it has {expected} octets");
        (format!("{} octets", lengths.max), help)
    } else {
        let help = "shorten it, such as by `slice` or `emv_name`, or take another field";
        (format!("up to {} octets", lengths.max), help.to_owned())
    };
    let message = format!(
        "{} (#{}) would have {found}, {expected} are allowed",
        row.title, row.tag
    );
    let problem = Problem::error("E0302", element.span, message).help(help);
    elaborator.findings().push(problem);
}
