//! Codings of fields: one place that says how a field's text stands in octets, both ways.
//!
//! The text between is the same for all codings: decimal digits with a sign for numbers, digits for
//! PANs and dates, capital hexadecimal for octets.

use crate::{CellError, characters::Characters};
use cardwright_bundle::{Coding, Field, FieldType};

/// Most digits of a packed or zoned number; what a 64-bit number surely holds.
const NUMBER_DIGITS_MAX: usize = 18;

/// The text of a field's octets.
pub(crate) fn decode(
    field: &Field,
    octets: &[u8],
    characters: &Characters,
) -> Result<String, CellError> {
    let wrong = |reason: &str| CellError::field("R1522", &field.name, reason);
    if field.coding.is_text() {
        return characters
            .decode(octets)
            .map_err(|reason| CellError::field("R1502", &field.name, reason));
    }
    if field.coding == Coding::Octets {
        return Ok(hex::encode_upper(octets));
    }
    if is_blank(field, octets, characters) {
        return Ok(String::new());
    }
    let (negative, digits) = match field.coding {
        Coding::Packed => packed(octets).ok_or_else(|| wrong("expected packed decimal digits"))?,
        Coding::Zoned => {
            zoned(octets, characters).ok_or_else(|| wrong("expected zoned decimal digits"))?
        }
        Coding::Bcd => (
            false,
            bcd(octets).ok_or_else(|| wrong("expected decimal digits, two an octet"))?,
        ),
        _ => {
            return binary(field, octets).ok_or_else(|| {
                wrong("the binary number is out of bounds: a 64-bit number with a sign is the most")
            });
        }
    };
    shaped(field, negative, digits).map_err(wrong)
}

/// Digits as the field's type wants them.
fn shaped(field: &Field, negative: bool, digits: String) -> Result<String, &'static str> {
    let trimmed = digits.trim_start_matches('0');
    let wanted = match &field.field_type {
        FieldType::Number { .. } => {
            if negative && !field.signed {
                return Err("the number is below zero");
            }
            let number = if trimmed.is_empty() { "0" } else { trimmed };
            let sign = if negative && number != "0" { "-" } else { "" };
            return Ok(format!("{sign}{number}"));
        }
        _ if negative => return Err("digits with a minus sign"),
        FieldType::Pan => return Ok(trimmed.to_owned()),
        FieldType::Digits { digits } => *digits as usize,
        FieldType::Date { pattern } => pattern.len(),
        _ => return Err("a type that has no digits"),
    };
    // A date of zeros is how a host writes no date.
    if matches!(field.field_type, FieldType::Date { .. }) && trimmed.is_empty() {
        return Ok(String::new());
    }
    let surplus = digits.len().saturating_sub(wanted);
    match (digits.get(..surplus), digits.get(surplus..)) {
        (Some(lead), Some(rest)) if lead.bytes().all(|b| b == b'0') => Ok(rest.to_owned()),
        _ => Err("more digits than the type has"),
    }
}

/// Spaces or binary zeros where digits would stand: the host has left the field empty.
fn is_blank(field: &Field, octets: &[u8], characters: &Characters) -> bool {
    let all = |blank: u8| octets.iter().all(|octet| *octet == blank);
    match field.coding {
        Coding::Packed | Coding::Zoned => {
            let space = characters.encode(" ").and_then(|s| s.first().copied());
            all(0) || space.is_some_and(all)
        }
        Coding::Bcd => all(0xFF),
        _ => false,
    }
}

fn halves(octets: &[u8]) -> impl Iterator<Item = u8> + '_ {
    octets.iter().flat_map(|octet| [octet >> 4, octet & 0x0F])
}

fn digit(value: u8) -> Option<char> {
    (value <= 9).then(|| char::from(b'0' + value))
}

/// IBM z/Architecture Principles of Operation, chapter 8: A, C, E, F plus; B, D minus.
fn packed(octets: &[u8]) -> Option<(bool, String)> {
    let last = octets.last()? & 0x0F;
    let negative = match last {
        0xA | 0xC | 0xE | 0xF => false,
        0xB | 0xD => true,
        _ => return None,
    };
    let count = octets.len() * 2 - 1;
    let digits: String = halves(octets)
        .take(count)
        .map(digit)
        .collect::<Option<_>>()?;
    Some((negative, digits))
}

/// The zone of the last digit holds the sign; as characters that is `{`, `A` to `I` for plus and
/// `}`, `J` to `R` for minus, in EBCDIC and in ASCII.
fn zoned(octets: &[u8], characters: &Characters) -> Option<(bool, String)> {
    let text = characters.decode(octets).ok()?;
    let last = text.chars().last()?;
    let (negative, value) = match last {
        '0'..='9' => (false, last),
        '{' => (false, '0'),
        '}' => (true, '0'),
        'A'..='I' => (false, char::from(last as u8 - b'A' + b'1')),
        'J'..='R' => (true, char::from(last as u8 - b'J' + b'1')),
        _ => return None,
    };
    let lead = text.get(..text.len() - 1)?;
    let digits = lead.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| (negative, format!("{lead}{value}")))
}

/// Digits, two an octet; fill F behind them (EMV format cn) is taken off.
fn bcd(octets: &[u8]) -> Option<String> {
    let all: Vec<u8> = halves(octets).collect();
    let used = all
        .iter()
        .rposition(|half| *half != 0xF)
        .map_or(0, |n| n + 1);
    all.get(..used)?.iter().map(|half| digit(*half)).collect()
}

fn binary(field: &Field, octets: &[u8]) -> Option<String> {
    if octets.is_empty() || octets.len() > 8 {
        return None;
    }
    let highest_first: Vec<u8> = match field.coding {
        Coding::Little => octets.iter().rev().copied().collect(),
        _ => octets.to_vec(),
    };
    let negative = field.signed && highest_first.first().is_some_and(|octet| octet & 0x80 != 0);
    let mut wide = [if negative { 0xFF } else { 0 }; 8];
    for (place, octet) in wide.iter_mut().rev().zip(highest_first.iter().rev()) {
        *place = *octet;
    }
    let number = i64::from_be_bytes(wide);
    let fits = field.signed || number >= 0;
    fits.then(|| number.to_string())
}

/// The octets of a field's text; `width` is what the record has for it, none where the field says
/// its own length.
pub(crate) fn encode(
    field: &Field,
    text: &str,
    width: Option<usize>,
    characters: &Characters,
) -> Result<Vec<u8>, CellError> {
    let wrong = |reason: &str| CellError::field("R1526", &field.name, reason);
    let octets = match field.coding {
        Coding::Text => {
            let padded = padded(field, text, width);
            let octets = characters
                .encode(&padded)
                .ok_or_else(|| wrong("a character that the file's encoding lacks"))?;
            return Ok(octets);
        }
        Coding::Octets => hex::decode(text).map_err(|_| wrong("no octets"))?,
        _ if text.is_empty() => blank(field, width.unwrap_or(0), characters),
        Coding::Binary | Coding::Little => {
            to_binary(field, text, width).ok_or_else(|| wrong("no number that its octets hold"))?
        }
        _ => to_digits(field, text, width, characters)
            .ok_or_else(|| wrong("no digits, or more than its octets hold"))?,
    };
    match width {
        Some(width) if octets.len() > width => Err(wrong("longer than its place")),
        Some(width) => {
            let mut octets = octets;
            octets.resize(width, 0);
            Ok(octets)
        }
        None => Ok(octets),
    }
}

/// Numbers stand to the right behind zeros, all else to the left before spaces.
fn padded(field: &Field, text: &str, width: Option<usize>) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let number = matches!(field.field_type, FieldType::Number { .. }) && !text.is_empty();
    match (number, text.strip_prefix('-')) {
        (true, Some(digits)) => format!("-{digits:0>rest$}", rest = width.saturating_sub(1)),
        (true, None) => format!("{text:0>width$}"),
        _ => format!("{text:<width$}"),
    }
}

fn blank(field: &Field, width: usize, characters: &Characters) -> Vec<u8> {
    match field.coding {
        Coding::Bcd => vec![0xFF; width],
        Coding::Binary | Coding::Little => vec![0; width],
        _ => characters.encode(&" ".repeat(width)).unwrap_or_default(),
    }
}

fn to_binary(field: &Field, text: &str, width: Option<usize>) -> Option<Vec<u8>> {
    let number: i64 = text.parse().ok()?;
    if number < 0 && !field.signed {
        return None;
    }
    let width = width.unwrap_or(8).clamp(1, 8);
    let wide = number.to_be_bytes();
    let (high, low) = wide.split_at_checked(8 - width)?;
    let fill = if number < 0 { 0xFF } else { 0 };
    // With a sign the highest bit of what is kept must say it.
    let sign_kept = !field.signed || low.first().is_some_and(|b| (b & 0x80 != 0) == (number < 0));
    if high.iter().any(|octet| *octet != fill) || !sign_kept {
        return None;
    }
    Some(match field.coding {
        Coding::Little => low.iter().rev().copied().collect(),
        _ => low.to_vec(),
    })
}

fn to_digits(
    field: &Field,
    text: &str,
    width: Option<usize>,
    characters: &Characters,
) -> Option<Vec<u8>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) if field.signed => (true, digits),
        Some(_) => return None,
        None => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let is_number = matches!(field.field_type, FieldType::Number { .. });
    if is_number && digits.len() > NUMBER_DIGITS_MAX {
        return None;
    }
    match field.coding {
        Coding::Packed => {
            let count = width.map_or(digits.len() | 1, |w| (w * 2).saturating_sub(1));
            // Signed fields carry C or D; F says that there is no sign to look for.
            let sign = match (negative, field.signed) {
                (true, _) => 'D',
                (false, true) => 'C',
                (false, false) => 'F',
            };
            let all = format!("{digits:0>count$}{sign}");
            hex::decode(all).ok()
        }
        Coding::Bcd => {
            let count = width.map_or(digits.len() + digits.len() % 2, |w| w * 2);
            let all = if matches!(field.field_type, FieldType::Pan) {
                format!("{digits:F<count$}")
            } else {
                format!("{digits:0>count$}")
            };
            hex::decode(all).ok()
        }
        _ => {
            let count = width.unwrap_or(digits.len());
            let mut all: Vec<u8> = format!("{digits:0>count$}").into_bytes();
            if let (true, Some(last)) = (field.signed, all.last_mut()) {
                *last = match (*last - b'0', negative) {
                    (0, false) => b'{',
                    (0, true) => b'}',
                    (value, false) => b'A' + value - 1,
                    (value, true) => b'J' + value - 1,
                };
            }
            characters.encode(&String::from_utf8(all).ok()?)
        }
    }
}
