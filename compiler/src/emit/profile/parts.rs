//! Parts at fixed places: `counter : b 2 = 0` in a struct, `reference : pin(iso2) = order.pin` in a
//! blob. A struct is octets; a blob is put together inside the HSM.

use super::super::value;
use super::styles::Holdings;
use crate::diagnostics::{Change, Problem};
use crate::elaborate::{Elaborator, Typed};
use crate::model::{MArg, MEntry, MExpr, MKind, Span};
use crate::types::{ANY_LENGTH, Lengths, Type};
use cardwright_bundle::{DgiField, Padding, ValueType};

/// Uses of issuer keys whose children live on cards.
const CARD_KEYS: &[&str] = &[
    "card_key",
    "emv.application_cryptogram",
    "emv.dynamic_numbers",
    "emv.secure_messaging_confidentiality",
    "emv.secure_messaging_integrity",
];
/// How PINs may stand in a blob.
const PIN_FORMATS: [&str; 6] = ["ascii", "iso0", "iso1", "iso2", "packed", "plain0"];

/// A part: octets, or what the HSM sealed, and how many octets it has when all cards have as many.
struct Part {
    value: Typed,
    sealed: bool,
    octets: Option<u32>,
}

/// A blob: what the HSM sealed, its padding, its octets where all cards have as many, its parts.
pub(super) type Blob = (Typed, Padding, Option<u32>, Vec<DgiField>);

/// The parts by the names that their author gave them.
fn fields(entry: &MEntry, parts: &[Part]) -> Vec<DgiField> {
    let named = entry.entries().iter().zip(parts);
    let field = |(entry, part): (&MEntry, &Part)| DgiField {
        name: entry.word(0).unwrap_or_default().to_owned(),
        node: part.value.node,
        octets: part.octets,
    };
    named.map(field).collect()
}

/// The parts of a struct as octets, and by name.
pub(super) fn positional<'a>(
    elaborator: &mut Elaborator<'a>,
    entry: &'a MEntry,
    holdings: &dyn Holdings,
) -> Option<(Typed, Vec<DgiField>)> {
    let parts = gather(elaborator, entry, holdings)?;
    if let Some((at, _)) = parts.iter().enumerate().find(|(_, part)| part.sealed) {
        let span = entry.entries().get(at).map_or(entry.span, |e| e.span);
        let message = "a struct travels in clear, a key or a PIN may not";
        let mut problem = Problem::error("E0435", span, message)
            .help("write `blob` for `struct`: it is enciphered for the card");
        if let Some(style) = entry.head.get(2) {
            problem = problem.fix(Change::Instead(style.span, "blob".to_owned()));
        }
        elaborator.findings().push(problem);
        return None;
    }
    let fields = fields(entry, &parts);
    let values: Vec<Typed> = parts.into_iter().map(|part| part.value).collect();
    let joined = value::concat(elaborator, &values, entry.span)?;
    Some((joined, fields))
}

/// The parts of a blob as one sealed value.
pub(super) fn blob<'a>(
    elaborator: &mut Elaborator<'a>,
    entry: &'a MEntry,
    holdings: &dyn Holdings,
) -> Option<Blob> {
    let padding = match entry.clause("with").and_then(|c| c.single()?.word()) {
        Some("no_padding") => Padding::None,
        Some("iso7816_always") => Padding::Iso7816Always,
        Some("pkcs7") => Padding::Pkcs7,
        Some("zeros") => Padding::Zeros,
        _ => Padding::Iso7816IfNeeded,
    };
    let parts = gather(elaborator, entry, holdings)?;
    let total: Option<u32> = parts.iter().map(|part| part.octets).sum();
    // Blocks of DES; with AES keys a multiple of sixteen is asked for at the card.
    if padding == Padding::None && total.is_some_and(|n| n % 8 != 0) {
        let message = format!(
            "the blob has {} octets: without padding it is not whole cipher blocks",
            total.unwrap_or_default()
        );
        let mut problem = Problem::error("E0436", entry.span, message)
            .help("add a part of filling, or write `with iso7816_if_needed`");
        if let Some(padding) = entry.clause("with").and_then(|c| c.single()) {
            let padded = "iso7816_if_needed".to_owned();
            problem = problem.fix(Change::Instead(padding.span, padded));
        }
        elaborator.findings().push(problem);
    }
    let fields = fields(entry, &parts);
    let mut joined: Vec<Typed> = Vec::new();
    let mut clear: Vec<Typed> = Vec::new();
    for part in parts {
        if part.sealed {
            joined.extend(flush(elaborator, &mut clear, entry.span)?);
            joined.push(part.value);
        } else {
            clear.push(part.value);
        }
    }
    joined.extend(flush(elaborator, &mut clear, entry.span)?);
    let sealed = match joined.as_slice() {
        [one] if one.ty.value_type() == ValueType::Sealed => one.clone(),
        _ => elaborator.intent("blob.join", &[], &joined, entry.span)?,
    };
    Some((sealed, padding, total, fields))
}

fn flush(
    elaborator: &mut Elaborator<'_>,
    clear: &mut Vec<Typed>,
    span: Span,
) -> Option<Option<Typed>> {
    let parts = std::mem::take(clear);
    if parts.is_empty() {
        return Some(None);
    }
    value::concat(elaborator, &parts, span).map(Some)
}

fn gather<'a>(
    elaborator: &mut Elaborator<'a>,
    entry: &'a MEntry,
    holdings: &dyn Holdings,
) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut complete = true;
    for inner in entry.entries() {
        let part = part(elaborator, inner, holdings);
        complete &= part.is_some();
        parts.extend(part);
    }
    if parts.is_empty() && complete {
        elaborator.findings().push(
            Problem::error("E0433", entry.span, "it has no parts")
                .help("write such as `counter : b 2 = 0`; a DGI of no octets is `dgi … empty`"),
        );
        return None;
    }
    complete.then_some(parts)
}

fn unknown(elaborator: &mut Elaborator<'_>, span: Span) {
    elaborator.findings().push(
        Problem::error("E0433", span, "this is no type of a part").help(
            "parts are such as `b 2`, `n 6`, `cn 10`, `an 8`, `ans 16`, `date \"YYMMDD\"`, \
             `check_value(option_a)`; in blobs `pin(iso2)` and `key(option_a)` as well",
        ),
    );
}

fn part<'a>(
    elaborator: &mut Elaborator<'a>,
    entry: &'a MEntry,
    holdings: &dyn Holdings,
) -> Option<Part> {
    let base = entry.base.as_ref();
    let Some(first) = base.and_then(|b| b.terms.first()) else {
        unknown(elaborator, entry.span);
        return None;
    };
    let value = entry.single()?;
    if let MKind::Call { callee, args } = &first.kind {
        return match callee.word() {
            Some("pin") => pin(elaborator, args, value, first.span, holdings),
            Some("key") => key(elaborator, args, value, first.span, holdings),
            Some("check_value") => {
                let key = key(elaborator, args, value, first.span, holdings)?.value;
                let ty = Type::Bytes(Lengths::exactly(3));
                let value = value::apply(elaborator, "check_values", &[&key], ty, first.span)?;
                Some(clear(value, Some(3)))
            }
            _ => {
                unknown(elaborator, first.span);
                None
            }
        };
    }
    let size = base.and_then(|b| b.terms.get(1));
    let width = size
        .and_then(MExpr::integer)
        .and_then(|n| u32::try_from(n).ok());
    match (first.word(), width) {
        (Some("b"), Some(width @ 1..=4096)) => octets(elaborator, value, width, first.span),
        (Some("n"), Some(digits @ 1..=40)) => packed(elaborator, value, digits, first.span, "bcd"),
        (Some("cn"), Some(digits @ 1..=40)) => packed(elaborator, value, digits, first.span, "cn"),
        (Some("an" | "ans"), Some(width @ 1..=255)) => text(elaborator, value, width, first.span),
        (Some("date"), None) => date(elaborator, value, size, first.span),
        _ => {
            unknown(elaborator, first.span);
            None
        }
    }
}

fn clear(value: Typed, octets: Option<u32>) -> Part {
    Part {
        value,
        sealed: false,
        octets,
    }
}

/// `b 2`: a number, or octets of just this length.
fn octets<'a>(
    elaborator: &mut Elaborator<'a>,
    value: &'a MExpr,
    width: u32,
    span: Span,
) -> Option<Part> {
    let typed = elaborator.expr(value, None)?;
    if typed.ty.value_type() == ValueType::Number {
        if let Some(n) = value.integer()
            && width < 8
            && u64::try_from(n).map_or(true, |n| n >> (8 * width) != 0)
        {
            wrong_width(elaborator, value.span, &format!("{n}"), width);
            return None;
        }
        let wide = elaborator.number(i64::from(width), span);
        let ty = Type::Bytes(Lengths::exactly(width));
        let value = value::apply(elaborator, "number_bytes", &[&typed, &wide], ty, span)?;
        return Some(clear(value, Some(width)));
    }
    let typed = elaborator.coerce(typed, &Type::bytes(), value.span)?;
    let found = typed.ty.lengths().unwrap_or(ANY_LENGTH);
    if found != Lengths::exactly(width) {
        let shown = match (found.min, found.max) {
            (_, max) if max >= ANY_LENGTH.max => "octets of unknown length".to_owned(),
            (min, max) if min == max => format!("{max} octets"),
            (min, max) => format!("{min} to {max} octets"),
        };
        wrong_width(elaborator, value.span, &shown, width);
        return None;
    }
    Some(clear(typed, Some(width)))
}

fn wrong_width(elaborator: &mut Elaborator<'_>, span: Span, shown: &str, width: u32) {
    let message = format!("{shown} for a part of {width} octets");
    elaborator.findings().push(
        Problem::error("E0432", span, message)
            .help("a part has a fixed width, so that what follows has a fixed place; fill it up"),
    );
}

/// `n 6`, `cn 10`: packed digits.
fn packed<'a>(
    elaborator: &mut Elaborator<'a>,
    value: &'a MExpr,
    digits: u32,
    span: Span,
    function: &str,
) -> Option<Part> {
    let want = Type::Digits(Lengths::up_to(digits));
    let typed = elaborator.expr(value, Some(&want))?;
    let octets = digits.div_ceil(2);
    let wide = elaborator.number(i64::from(octets), span);
    let ty = Type::Bytes(Lengths::exactly(octets));
    let value = value::apply(elaborator, function, &[&typed, &wide], ty, span)?;
    Some(clear(value, Some(octets)))
}

/// `an 8`, `ans 16`: ASCII with spaces behind.
fn text<'a>(
    elaborator: &mut Elaborator<'a>,
    value: &'a MExpr,
    width: u32,
    span: Span,
) -> Option<Part> {
    let typed = elaborator.expr(value, Some(&Type::Text(Lengths::up_to(width))))?;
    let wide = elaborator.number(i64::from(width), span);
    let space = elaborator.text(" ", span);
    let exact = Type::Text(Lengths::exactly(width));
    let filled = value::apply(
        elaborator,
        "pad_right",
        &[&typed, &wide, &space],
        exact,
        span,
    )?;
    let ty = Type::Bytes(Lengths::exactly(width));
    let value = value::apply(elaborator, "ascii", &[&filled], ty, span)?;
    Some(clear(value, Some(width)))
}

fn date<'a>(
    elaborator: &mut Elaborator<'a>,
    value: &'a MExpr,
    pattern: Option<&MExpr>,
    span: Span,
) -> Option<Part> {
    let pattern = pattern.and_then(MExpr::literal_text);
    let packed = |p: &String| p.len().is_multiple_of(2) && p.chars().all(|c| "YMD".contains(c));
    let Some(pattern) = pattern.filter(packed) else {
        unknown(elaborator, span);
        return None;
    };
    let octets = u32::try_from(pattern.len() / 2).unwrap_or_default();
    let typed = elaborator.expr(value, Some(&Type::Date))?;
    let pattern = elaborator.text(&pattern, span);
    let ty = Type::Bytes(Lengths::exactly(octets));
    let value = value::apply(elaborator, "date_bcd", &[&typed, &pattern], ty, span)?;
    Some(clear(value, Some(octets)))
}

/// `pin(iso2)`.
fn pin<'a>(
    elaborator: &mut Elaborator<'a>,
    args: &'a [MArg],
    value: &'a MExpr,
    span: Span,
    holdings: &dyn Holdings,
) -> Option<Part> {
    let format = args.first().and_then(|a| a.value.word());
    let Some(format) = format.filter(|f| PIN_FORMATS.contains(f)) else {
        let help = format!("formats are: {}", PIN_FORMATS.join(", "));
        let problem = Problem::error("E0433", span, "a card keeps no PIN in this format");
        elaborator.findings().push(problem.help(help));
        return None;
    };
    let pin = elaborator.expr(value, Some(&Type::Pin))?;
    let pan = match format {
        "iso0" => holdings.account(elaborator)?.0,
        _ => elaborator.text("", span),
    };
    let format = elaborator.text(format, span);
    let value = elaborator.intent("pin.card_field", &[], &[pin, format, pan], span)?;
    Some(Part {
        value,
        sealed: true,
        octets: Some(8),
    })
}

/// `key(option_a)`, `key(option_c, of: order.number)`: the card's own key.
fn key<'a>(
    elaborator: &mut Elaborator<'a>,
    args: &'a [MArg],
    value: &'a MExpr,
    span: Span,
    holdings: &dyn Holdings,
) -> Option<Part> {
    let option = match args.first().and_then(|a| a.value.word()) {
        Some("option_a") => "a",
        Some("option_b") => "b",
        Some("option_c") => "c",
        _ => {
            elaborator.findings().push(
                Problem::error("E0433", span, "a card's key is derived by an option of EMV")
                    .help("write `key(option_a)`, `key(option_b)` or, for AES, `key(option_c)`"),
            );
            return None;
        }
    };
    let name = elaborator.key(value, CARD_KEYS)?;
    let of = args.iter().find(|a| a.name.as_deref() == Some("of"));
    let (account, sequence) = match of {
        Some(of) => {
            let account = elaborator.expr(&of.value, Some(&Type::Digits(Lengths::up_to(19))))?;
            (account, elaborator.text("00", span))
        }
        None => holdings.account(elaborator)?,
    };
    let option_text = elaborator.text(option, span);
    let value = elaborator.intent("key.card", &[name], &[option_text, account, sequence], span)?;
    Some(Part {
        value,
        sealed: true,
        octets: (option != "c").then_some(16),
    })
}
