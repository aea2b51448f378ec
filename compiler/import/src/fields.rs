//! The fields of a product's orders: what differs from card to card.

use cardwright_standards::{digits, pan, tlv::Tag};

/// A field and its value for each card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Type, such as `hex 8`.
    pub(crate) ty: String,
    /// What stands behind the heading, such as ` width 26`.
    pub(crate) tail: String,
    pub(crate) values: Vec<String>,
}

/// All fields of a product.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    pub(crate) all: Vec<Field>,
}

impl Fields {
    /// Adds a field, or finds one that says the same; gives its name.
    pub(crate) fn add(
        &mut self,
        name: &str,
        ty: impl Into<String>,
        tail: impl Into<String>,
        values: Vec<String>,
    ) -> String {
        let mut field = Field {
            name: name.to_owned(),
            ty: ty.into(),
            tail: tail.into(),
            values,
        };
        for number in 2.. {
            match self.all.iter().find(|f| f.name == field.name) {
                None => break,
                Some(same) if *same == field => return field.name,
                Some(_) => field.name = format!("{name}_{number}"),
            }
        }
        let found = field.name.clone();
        self.all.push(field);
        found
    }

    /// Octets as a field of hexadecimal.
    pub(crate) fn octets(&mut self, name: &str, secrecy: &str, values: &[&[u8]]) -> String {
        let most = values.iter().map(|v| v.len()).max().unwrap_or(0).max(1);
        let values = values.iter().map(hex::encode_upper).collect();
        let tail = if secrecy.is_empty() {
            String::new()
        } else {
            format!(" as {secrecy}")
        };
        self.add(name, format!("hex {most}"), tail, values)
    }
}

/// Who a card is for: what keys are derived from, and what a card needs in any case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// Account numbers; specimens where the file has none.
    pub(crate) pan: Vec<String>,
    /// Digits YYMMDD of tag 5F24, where all cards have a date.
    pub(crate) expiry: Option<Vec<String>>,
    /// Digits of tag 5F34.
    pub(crate) psn: Option<Vec<String>>,
}

impl Identity {
    /// YYMM of the expiry, or of a specimen's.
    pub(crate) fn expiry_yymm(&self, at: usize) -> String {
        let expiry = self.expiry.as_ref().and_then(|all| all.get(at));
        let digits = expiry.and_then(|e| e.get(..4)).unwrap_or("3012");
        digits.to_owned()
    }
}

/// Digits that a field of type `pan` takes.
const PAN_DIGITS: std::ops::RangeInclusive<usize> = 12..=19;

/// Digits of tag 5A when they are coded as short as possible, with a right check digit.
pub(crate) fn pan_of(value: &[u8]) -> Option<String> {
    let text = hex::encode(value);
    let number = text.strip_suffix('f').unwrap_or(&text);
    pan::check(number).ok()?;
    PAN_DIGITS
        .contains(&number.len())
        .then(|| number.to_owned())
}

/// Digits YYMMDD of a date that exists.
pub(crate) fn date_of(value: &[u8]) -> Option<String> {
    let text = hex::encode(value);
    let [_, month, day] = value else {
        return None;
    };
    let (month, day) = (hex::encode([*month]), hex::encode([*day]));
    let (month, day): (u8, u8) = (month.parse().ok()?, day.parse().ok()?);
    let year: u32 = text.get(..2)?.parse().ok()?;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) => 29,
        2 => 28,
        _ => return None,
    };
    ((1..=days).contains(&day) && digits::is_digits(&text)).then_some(text)
}

/// Digits of format n.
pub(crate) fn digits_of(value: &[u8]) -> Option<String> {
    let text = hex::encode(value);
    digits::is_digits(&text).then_some(text)
}

/// Text that a source and an order file can hold as it is: letters, digits and signs without quotes,
/// braces and backslashes, and no space at either end.
pub(crate) fn text_of(value: &[u8]) -> Option<String> {
    let plain = |c: &u8| matches!(c, b' '..=b'~') && !b"\"{}\\".contains(c);
    let fits = !value.is_empty() && value.iter().all(plain) && value.trim_ascii() == value;
    fits.then(|| String::from_utf8(value.to_vec()).ok())?
}

/// A tag as part of a name.
pub(crate) fn tag_name(tag: Tag) -> String {
    format!("tag_{}", hex::encode(tag.to_octets()))
}
