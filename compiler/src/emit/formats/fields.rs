//! Fields of records that are read: place, meaning, secrecy.

use super::super::Context;
use super::{clause_number, layout::Layout, place};
use crate::diagnostics::Problem;
use crate::elaborate::pictures::{picture_args, picture_rules};
use crate::elaborate::{Elaborator, field_def};
use crate::model::{MEntry, MExpr, MKind};
use cardwright_bundle::{Coding, Field, FieldType, FileKind, Framing, Secrecy, Tagging};

/// One field, or nothing when its type or place is not understood (E0915); `number` is what stands
/// for a place where fields are only counted.
pub(super) fn read<'a>(
    context: &mut Context<'a>,
    entry: &'a MEntry,
    layout: &Layout,
    number: u32,
) -> Option<Field> {
    let name = entry.word(0)?.to_owned();
    field_def(context.model, entry).ok()?; // what is wrong with its type has been said
    let Some((field_type, repeat)) = meaning(context, entry) else {
        problem(context, entry, "the field's type is not understood");
        return None;
    };
    let (coding, signed) = coding(context, entry, &field_type);
    check_coding(context, entry, layout, coding, &field_type);
    let natural = natural_width(&field_type, coding);
    let width = clause_number(entry, "width")
        .or(natural)
        .or_else(|| text_length(entry))
        .or_else(|| one_of(entry).map(|words| longest(&words)));
    let place = place(entry).map(|place| place.trim_matches('/').replace('#', ""));
    let at = clause_number(entry, "at");
    let fixed = layout.kind == FileKind::FixedWidth;
    // What is read is held against one number of characters.
    let width = match (width, text_length(entry)) {
        (Some(width), Some(length)) if fixed && length != width => {
            let message =
                format!("the text has {length} characters, its place in the line {width}");
            problem(context, entry, &message);
            return None;
        }
        (Some(width), Some(length)) => Some(width.min(length)),
        _ => width,
    };
    let (at, width) = match (fixed, at, width) {
        (true, Some(at), Some(width)) if at > 0 => (at, width),
        (true, ..) => {
            problem(context, entry, "the field has no place in the line");
            return None;
        }
        (false, Some(0), _) => {
            problem(context, entry, "fields are counted from 1");
            return None;
        }
        // A tag or path is place enough; so is the sequence of fields that are only counted.
        (false, at, _) => (at.unwrap_or(number), width.unwrap_or(0)),
    };
    Some(Field {
        secrecy: field_def(context.model, entry).map_or(Secrecy::Cardholder, |d| d.secrecy),
        name,
        field_type,
        at,
        width,
        repeat,
        optional: entry.clause("optional").is_some(),
        value: None,
        coding,
        signed,
        place,
        // In a file that is read, the number is held against the last one.
        sequence: super::records::sequence(entry).flatten(),
        span: context.shared.spans.id(entry.span),
    })
}

fn problem(context: &mut Context<'_>, entry: &MEntry, message: &str) {
    context.shared.findings.push(
        Problem::error("E0915", entry.span, message)
            .help("write such as `pan : pan at 3 width 19` or `expiry : date \"YYMM\" at 52`"),
    );
}

/// `as packed signed`.
fn coding(context: &mut Context<'_>, entry: &MEntry, field_type: &FieldType) -> (Coding, bool) {
    let (mut coding, mut signed) = (Coding::Text, false);
    let clauses = entry.clauses.iter().filter(|c| c.keyword == "as");
    for word in clauses.flat_map(|c| &c.terms) {
        match word.word() {
            Some("bcd") => coding = Coding::Bcd,
            Some("binary") => coding = Coding::Binary,
            Some("little") => coding = Coding::Little,
            Some("octets") => coding = Coding::Octets,
            Some("packed") => coding = Coding::Packed,
            Some("zoned") => coding = Coding::Zoned,
            Some("signed") if matches!(field_type, FieldType::Number { .. }) => signed = true,
            Some("hex" | "public" | "cardholder" | "sensitive") => {}
            _ => {
                let message = "a field can't stand like this";
                let problem = Problem::error("E0953", word.span, message).help(
                    "after `as`: hex, bcd, binary, little, octets, packed, zoned; `signed` for \
                     numbers; public, cardholder, sensitive",
                );
                context.shared.findings.push(problem);
            }
        }
    }
    (coding, signed)
}

/// A coding against the field's type, and against the file that it stands in.
fn check_coding(
    context: &mut Context<'_>,
    entry: &MEntry,
    layout: &Layout,
    coding: Coding,
    field_type: &FieldType,
) {
    let fits = match coding {
        Coding::Text => return,
        Coding::Octets => matches!(
            field_type,
            FieldType::Hex { .. } | FieldType::PinBlock { .. }
        ),
        Coding::Binary | Coding::Little => matches!(field_type, FieldType::Number { .. }),
        Coding::Bcd | Coding::Packed | Coding::Zoned => matches!(
            field_type,
            FieldType::Number { .. }
                | FieldType::Digits { .. }
                | FieldType::Date { .. }
                | FieldType::Pan
        ),
    };
    let digits_only = match field_type {
        FieldType::Date { pattern } => pattern.bytes().all(|b| matches!(b, b'Y' | b'M' | b'D')),
        _ => true,
    };
    let framed = layout.framing != Framing::Lines;
    let room = match &layout.kind {
        FileKind::Tlv => true,
        FileKind::FixedWidth | FileKind::Tagged(Tagging::Length { .. }) => {
            framed && layout.encoding.is_single()
        }
        _ => false,
    };
    let found = if !fits || !digits_only {
        Some((
            "the field's type has no such coding",
            "packed, zoned and bcd take `n`, `digits`, `pan` and dates of digits; binary and \
             little take `n`; octets take `hex` and PIN blocks",
        ))
    } else if !room {
        Some((
            "octets that are no characters need a file that can hold them",
            "write `framing = blocks` or `prefixed`, and an encoding with one octet for a \
             character; in lines an octet of a number could look like a line end",
        ))
    } else {
        None
    };
    if let Some((message, help)) = found {
        let problem = Problem::error("E0953", entry.span, message).help(help);
        context.shared.findings.push(problem);
    }
}

/// Type and number of occurrences.
fn meaning<'a>(context: &mut Context<'a>, entry: &'a MEntry) -> Option<(FieldType, u32)> {
    let base = entry.base.as_ref()?;
    let first = base.terms.first()?;
    let second = base.terms.get(1);
    if let MKind::Index { base, index } = &first.kind {
        let repeat = u32::try_from(index.integer()?).ok()?;
        return (base.word() == Some("text")).then_some((FieldType::Text, repeat));
    }
    if let Some((span, args)) = picture_args(entry) {
        let rules = picture_rules(span, args).ok()?;
        return Some((FieldType::Picture(rules), 1));
    }
    if let Some(words) = one_of(entry) {
        let plain = words
            .iter()
            .all(|w| w.bytes().all(|b| b.is_ascii_alphanumeric()));
        let length = longest(&words);
        // A rule of the format holds it to its words; see `rules`.
        return Some(match plain {
            true => (FieldType::Alphanumeric { length }, 1),
            false => (FieldType::Text, 1),
        });
    }
    if let MKind::Call { callee, args } = &first.kind {
        let format = args
            .first()?
            .value
            .word()?
            .strip_prefix("iso")?
            .parse()
            .ok()?;
        let key = args.iter().find(|a| a.name.as_deref() == Some("under"))?;
        let key = key_slot(context, entry, &key.value, format)?;
        return (callee.word() == Some("pin_block"))
            .then_some((FieldType::PinBlock { format, key }, 1));
    }
    let length = || {
        second
            .and_then(MExpr::integer)
            .and_then(|n| u32::try_from(n).ok())
    };
    let word = second.and_then(MExpr::literal_text);
    let field_type = match first.word()? {
        "text" | "ans" => FieldType::Text,
        "n" => FieldType::Number { digits: length()? },
        "digits" => FieldType::Digits { digits: length()? },
        "an" => FieldType::Alphanumeric { length: length()? },
        "hex" | "b" => FieldType::Hex { length: length()? },
        "pan" => FieldType::Pan,
        "date" => FieldType::Date { pattern: word? },
        "flag" => FieldType::Flag { word: word? },
        _ => return None,
    };
    Some((field_type, 1))
}

/// Longest text of a field `city : text 20`.
fn text_length(entry: &MEntry) -> Option<u32> {
    let terms = &entry.base.as_ref()?.terms;
    let word = terms.first().and_then(MExpr::word);
    word.filter(|word| matches!(*word, "text" | "ans"))?;
    terms.get(1)?.integer().and_then(|n| u32::try_from(n).ok())
}

/// The words of a field `product : one_of("DEBI", "GOLD")`.
pub(super) fn one_of(entry: &MEntry) -> Option<Vec<String>> {
    let MKind::Call { callee, args } = &entry.base.as_ref()?.terms.first()?.kind else {
        return None;
    };
    let words = args.iter().map(|a| a.value.literal_text());
    (callee.word() == Some("one_of")).then(|| words.collect())?
}

fn longest(words: &[String]) -> u32 {
    let most = words.iter().map(|w| w.chars().count()).max().unwrap_or(0);
    u32::try_from(most).unwrap_or(u32::MAX)
}

fn key_slot<'a>(
    context: &mut Context<'a>,
    entry: &MEntry,
    name: &'a MExpr,
    format: u8,
) -> Option<u32> {
    let model = context.model;
    let mut elaborator = Elaborator::new(model, &mut context.shared, "", "");
    let key = elaborator.key(name, &["pin_encryption"])?;
    drop(elaborator);
    let slot = model.key_id(&key)?;
    let algorithm = context.content.keys.get(slot as usize)?.algorithm.clone();
    // ISO 9564-1, 9.3: format 4 is defined for AES, the others for 8-octet blocks.
    if (format == 4) != algorithm.starts_with("aes") || !matches!(format, 0 | 1 | 3 | 4) {
        context.shared.findings.push(
            Problem::error(
                "E0612",
                entry.span,
                format!("a PIN block of format {format} can't be under a {algorithm} key"),
            )
            .help("format 4 goes under AES, formats 0, 1 and 3 under triple DES (ISO 9564-1)"),
        );
    }
    Some(slot)
}

/// Width that a type has by itself in its coding, in characters or octets.
fn natural_width(field_type: &FieldType, coding: Coding) -> Option<u32> {
    let text = match field_type {
        FieldType::Number { digits } | FieldType::Digits { digits } => *digits,
        FieldType::Alphanumeric { length } => *length,
        FieldType::Date { pattern } => u32::try_from(pattern.len()).ok()?,
        FieldType::Flag { word } => u32::try_from(word.chars().count()).ok()?,
        FieldType::PinBlock { format, .. } => {
            if *format == 4 {
                32
            } else {
                16
            }
        }
        FieldType::Hex { length } => length.checked_mul(2)?,
        FieldType::Text | FieldType::Pan | FieldType::Picture(_) => return None,
    };
    Some(match coding {
        Coding::Text | Coding::Zoned => text,
        Coding::Packed => text / 2 + 1,
        Coding::Bcd => text.div_ceil(2),
        Coding::Octets => text / 2,
        // As hosts count them: a half word, a word, a double word.
        Coding::Binary | Coding::Little => match text {
            0..=4 => 2,
            5..=9 => 4,
            _ => 8,
        },
    })
}
