//! Reads a field's text by its type. A reason names what was expected, never what was found.

use crate::{Date, Value};
use cardwright_bundle::{Field, FieldType};
use cardwright_standards::pan;

/// A failure: code and reason.
pub(super) type Wrong = (&'static str, String);

/// Reads the occurrences of a field.
pub(super) fn read(field: &Field, texts: &[String]) -> Result<Value, Wrong> {
    if field.repeat > 1 {
        let lines: Result<Vec<String>, Wrong> = texts
            .iter()
            .map(|text| short_enough(field, clean(text)?).map(str::to_owned))
            .collect();
        let lines = lines?;
        if !field.optional && lines.iter().all(String::is_empty) {
            return Err(blank());
        }
        return Ok(Value::TextList(lines));
    }
    let text = clean(texts.first().map_or("", String::as_str))?;
    let is_flag = matches!(field.field_type, FieldType::Flag { .. });
    if text.is_empty() && !is_flag {
        return if field.optional {
            empty(&field.field_type)
        } else {
            Err(blank())
        };
    }
    if let (FieldType::Number { digits }, Some(below)) = (
        &field.field_type,
        text.strip_prefix('-').filter(|_| field.signed),
    ) {
        return match below.parse::<i64>() {
            Ok(number) if all_digits(below) && significant(below) <= *digits as usize => {
                Ok(Value::Number(-number))
            }
            _ => Err(("R1506", format!("expected at most {digits} digits"))),
        };
    }
    if field.field_type == FieldType::Pan
        && (PAN_DIGITS_MIN..text.len()).contains(&(field.width as usize))
    {
        return Err((
            "R1506",
            format!("expected a PAN of at most {} digits", field.width),
        ));
    }
    typed(&field.field_type, short_enough(field, text)?)
}

/// A text as long as its declaration lets it be; in columns it can't be longer.
fn short_enough<'t>(field: &Field, text: &'t str) -> Result<&'t str, Wrong> {
    let most = field.width as usize;
    if field.field_type == FieldType::Text && most > 0 && text.chars().count() > most {
        return Err(("R1506", format!("expected at most {most} characters")));
    }
    Ok(text)
}

/// Fewest digits of a PAN: a smaller width is that of octets.
const PAN_DIGITS_MIN: usize = 12;

/// Digits of a number without the zeros that it stands behind.
fn significant(text: &str) -> usize {
    text.trim_start_matches('0').len()
}

fn typed(field_type: &FieldType, text: &str) -> Result<Value, Wrong> {
    let wrong = |expected: String| Err(("R1506", format!("expected {expected}")));
    match field_type {
        FieldType::Text => Ok(Value::Text(text.to_owned())),
        FieldType::Number { digits } => match text.parse::<i64>() {
            Ok(number) if all_digits(text) && significant(text) <= *digits as usize => {
                Ok(Value::Number(number))
            }
            _ => wrong(format!("at most {digits} digits")),
        },
        FieldType::Digits { digits } if all_digits(text) && text.len() == *digits as usize => {
            Ok(Value::Text(text.to_owned()))
        }
        FieldType::Digits { digits } => wrong(format!("{digits} digits")),
        FieldType::Alphanumeric { length } => {
            let fits =
                text.len() <= *length as usize && text.bytes().all(|b| b.is_ascii_alphanumeric());
            if fits {
                Ok(Value::Text(text.to_owned()))
            } else {
                wrong(format!("at most {length} letters and digits"))
            }
        }
        FieldType::Pan => read_pan(text),
        FieldType::Date { pattern } => {
            Date::parse(text, pattern).map(Value::Date).ok_or_else(|| {
                (
                    "R1508",
                    format!("expected a date {pattern} of the calendar"),
                )
            })
        }
        FieldType::Flag { word } => match text {
            "" => Ok(Value::Flag(false)),
            _ if text == word => Ok(Value::Flag(true)),
            _ => wrong(format!("`{word}` or blank")),
        },
        FieldType::PinBlock { format, .. } => {
            let octets = if *format == 4 { 16 } else { 8 };
            read_hex(text, octets, octets)
        }
        FieldType::Hex { length } => read_hex(text, 0, *length as usize),
        // The picture itself is fetched when the order is otherwise good.
        FieldType::Picture(_) => Ok(Value::Text(text.to_owned())),
    }
}

fn read_pan(text: &str) -> Result<Value, Wrong> {
    // ISO/IEC 7812-1: 12 to 19 digits here, the last by the Luhn formula.
    if !all_digits(text) || !(12..=19).contains(&text.len()) {
        return Err(("R1506", "expected a PAN of 12 to 19 digits".into()));
    }
    if !pan::luhn_holds(text) {
        return Err(("R1507", "the PAN's check digit is wrong".into()));
    }
    Ok(Value::Text(text.to_owned()))
}

fn read_hex(text: &str, least: usize, most: usize) -> Result<Value, Wrong> {
    match hex::decode(text) {
        Ok(bytes) if (least..=most).contains(&bytes.len()) => Ok(Value::Bytes(bytes)),
        _ if least == most => Err(("R1506", format!("expected {} hexadecimal digits", most * 2))),
        _ => Err((
            "R1506",
            format!("expected at most {} hexadecimal digits", most * 2),
        )),
    }
}

/// Takes the fill off and refuses what has no place in an order.
fn clean(text: &str) -> Result<&str, Wrong> {
    let text = text.trim_matches(' ');
    if text.chars().any(char::is_control) {
        return Err(("R1506", "a control character".into()));
    }
    if let Some(hidden) = text.chars().find(|c| is_hidden(*c)) {
        let what = format!("the invisible character U+{:04X}", u32::from(hidden));
        return Err(("R1518", what));
    }
    Ok(text)
}

/// Characters that no name, address or number needs and that let a text show as another: those with
/// the property Bidi_Control (UAX #9, 2.1 to 2.4 and 2.6), separators of lines and paragraphs, and
/// spaces without width. The joiners U+200C and U+200D stay: Persian and Indic names need them, and
/// they turn nothing around. A name's own direction comes from its letters.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'
            ..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
    )
}

/// What a blank field of a type holds.
pub(super) fn empty(field_type: &FieldType) -> Result<Value, Wrong> {
    Ok(match field_type {
        FieldType::Number { .. } => Value::Number(0),
        FieldType::PinBlock { .. } | FieldType::Hex { .. } => Value::Bytes(Vec::new()),
        FieldType::Date { .. } => return Err(("R1506", "a date can't be left out".into())),
        _ => Value::Text(String::new()),
    })
}

fn blank() -> Wrong {
    ("R1506", "the field is blank and must not be".into())
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{clean, read};
    use cardwright_bundle::{Coding, Field, FieldType};

    fn field(field_type: FieldType, width: u32, repeat: u32) -> Field {
        Field {
            name: "field".to_owned(),
            field_type,
            at: 1,
            width,
            repeat,
            optional: false,
            secrecy: cardwright_bundle::Secrecy::Cardholder,
            coding: Coding::Text,
            value: None,
            signed: false,
            place: None,
            sequence: None,
            span: 0,
        }
    }

    /// Letters count, not octets; the fill around a text does not. Without a width any length goes.
    #[test]
    fn a_text_is_no_longer_than_its_field_says() {
        let code = |width, texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|t| (*t).to_owned()).collect();
            let repeat = u32::try_from(texts.len()).expect("few");
            read(&field(FieldType::Text, width, repeat), &texts)
                .map_err(|w| w.0)
                .err()
        };
        assert_eq!(code(4, &["  Zürs  "]), None);
        assert_eq!(code(6, &["Zürich"]), None);
        assert_eq!(code(5, &["Zürich"]), Some("R1506"));
        assert_eq!(code(0, &["Zürich"]), None);
        assert_eq!(code(6, &["Zürich", "Bern"]), None);
        assert_eq!(code(5, &["Bern", "Zürich"]), Some("R1506"));
    }

    /// Test PANs with a right check digit (ISO/IEC 7812-1).
    #[test]
    fn a_pan_is_no_longer_than_its_field_says() {
        let (short, long) = ("9999920000000029", "9999920000000000001");
        let code = |width, pan: &str| {
            read(&field(FieldType::Pan, width, 1), &[pan.to_owned()])
                .map_err(|w| w.0)
                .err()
        };
        assert_eq!(code(16, short), None);
        assert_eq!(code(16, long), Some("R1506"));
        assert_eq!((code(0, long), code(19, long)), (None, None));
        // Octets of packed digits.
        assert_eq!(code(10, long), None);
    }

    #[test]
    fn invisible_characters_are_refused_and_joiners_are_not() {
        // The property Bidi_Control of the Unicode Character Database (PropList.txt).
        let bidi = [
            0x061C, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068,
            0x2069,
        ];
        for code in bidi
            .into_iter()
            .chain([0x200B, 0x2028, 0x2029, 0x2060, 0xFEFF])
        {
            let text = format!("Ada{}ecalevoL", char::from_u32(code).expect("a character"));
            assert_eq!(clean(&text).map_err(|w| w.0), Err("R1518"), "U+{code:04X}");
        }
        for name in [
            "\u{0645}\u{06CC}\u{200C}\u{062E}\u{0648}",
            "\u{05D0}\u{05D3}\u{05D4}",
            "O'Neill",
        ] {
            assert_eq!(clean(name), Ok(name));
        }
    }
}
