//! Command layouts: rows of fields, and one encoder and decoder for all of them.
//!
//! Both are pure. Every length has a limit, every character a set; a decoder takes a message whole
//! or not at all.

mod table;

pub use table::*;

use zeroize::Zeroizing;

/// Longest field that counts itself.
const COUNTED_MAX: usize = 16_384;
/// Shortest and longest key block behind its scheme letter.
const BLOCK: std::ops::RangeInclusive<usize> = 16..=9_999;
/// Most keys in a row.
const KEYS_MAX: usize = 9;

/// Where a layout comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Held by messages that a public project publishes in its tests.
    Messages,
    /// From public descriptions of the command; no message was at hand.
    Description,
    /// A proposal of ours: no public layout is known.
    Proposed,
}

/// What stands in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Fixed characters; no value.
    Literal(&'static str),
    /// Decimal digits.
    Digits(usize),
    /// Hexadecimal characters.
    Hex(usize),
    /// Letters and digits.
    Text(usize),
    /// Octets.
    Octets(usize),
    /// A key: a scheme letter with its characters, or a key block.
    Key,
    /// Two to nine keys.
    Keys,
    /// Printable characters up to a delimiter.
    Until {
        /// The delimiter.
        stop: u8,
        /// Most characters before it.
        max: usize,
    },
    /// Octets behind their number.
    Counted {
        /// Digits of the number.
        digits: usize,
        /// 10 or 16.
        radix: u32,
    },
    /// A PIN under the LMK, or in clear: as many characters as the HSM is set to.
    Pin,
    /// `%` and the LMK identifier, where the settings have one; no value.
    Lmk,
    /// A DER SEQUENCE.
    Der,
    /// What is left, between two lengths.
    Rest(usize, usize),
}

/// A field with its name for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name.
    pub name: &'static str,
    /// Kind.
    pub kind: Kind,
}

/// A command and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Two-character code.
    pub code: &'static str,
    /// What it does.
    pub what: &'static str,
    /// Where the layout comes from.
    pub source: Source,
    /// Whether it may be sent again when its answer was lost.
    pub repeatable: bool,
    /// Error codes that come with an answer all the same.
    pub warnings: &'static [&'static str],
    /// Fields behind the code.
    pub request: &'static [Field],
    /// Fields behind the error code.
    pub answer: &'static [Field],
}

impl Layout {
    /// The answer's code: the second character one further.
    pub fn answer_code(&self) -> [u8; 2] {
        let mut code = [0; 2];
        for (slot, octet) in code.iter_mut().zip(self.code.bytes()) {
            *slot = octet;
        }
        let [first, second] = code;
        [first, second.wrapping_add(1)]
    }
}

/// What the HSM is set to.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Characters of a PIN under the LMK: 5 to 13.
    pub pin_characters: usize,
    /// LMK identifier, when requests name one.
    pub lmk: Option<[u8; 2]>,
}

/// A field that does not fit; never holds its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {field}: {what}")]
pub struct LayoutError {
    /// Name.
    pub field: &'static str,
    /// What is wrong.
    pub what: &'static str,
}

/// Values of fields, in the order of the layout.
pub type Values = Vec<Zeroizing<Vec<u8>>>;

/// Puts values into fields.
///
/// # Errors
/// A value that does not fit its field, or another number of values.
pub fn encode(
    fields: &[Field],
    values: &[&[u8]],
    context: &Context,
) -> Result<Zeroizing<Vec<u8>>, LayoutError> {
    let mut message = Zeroizing::new(Vec::with_capacity(512));
    let mut values = values.iter();
    for field in fields {
        match field.kind {
            Kind::Literal(text) => message.extend_from_slice(text.as_bytes()),
            Kind::Lmk => {
                if let Some(lmk) = context.lmk {
                    message.push(b'%');
                    message.extend_from_slice(&lmk);
                }
            }
            kind => {
                let missing = LayoutError {
                    field: field.name,
                    what: "no value",
                };
                let value = values.next().ok_or(missing)?;
                push(&mut message, field.name, kind, value, context)?;
            }
        }
    }
    match values.next() {
        None => Ok(message),
        Some(_) => Err(LayoutError {
            field: "end",
            what: "more values than fields",
        }),
    }
}

fn push(
    message: &mut Vec<u8>,
    field: &'static str,
    kind: Kind,
    value: &[u8],
    context: &Context,
) -> Result<(), LayoutError> {
    let wrong = |what| Err(LayoutError { field, what });
    match kind {
        Kind::Counted { digits, radix } => {
            let count = match radix {
                16 => format!("{:0digits$X}", value.len()),
                _ => format!("{:0digits$}", value.len()),
            };
            if count.len() != digits || value.len() > COUNTED_MAX {
                return wrong("too long");
            }
            message.extend_from_slice(count.as_bytes());
            message.extend_from_slice(value);
        }
        Kind::Until { stop, .. } => {
            message.extend_from_slice(value);
            message.push(stop);
        }
        _ => message.extend_from_slice(value),
    }
    // What was written must read back as the same value.
    let mut reader = Reader {
        rest: match kind {
            Kind::Counted { .. } => return Ok(()),
            _ => value,
        },
        context,
    };
    let kind = match kind {
        Kind::Until { max, .. } => Kind::Rest(1, max),
        other => other,
    };
    match reader.take(kind) {
        Ok(read) if read.as_slice() == value && reader.rest.is_empty() => Ok(()),
        Ok(_) => wrong("another length"),
        Err(what) => wrong(what),
    }
}

/// Takes values out of fields.
///
/// # Errors
/// A field that is malformed or cut, or octets behind the last one.
pub fn decode(fields: &[Field], message: &[u8], context: &Context) -> Result<Values, LayoutError> {
    let mut reader = Reader {
        rest: message,
        context,
    };
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let value = reader.take(field.kind).map_err(|what| LayoutError {
            field: field.name,
            what,
        })?;
        if !matches!(field.kind, Kind::Literal(_) | Kind::Lmk) {
            values.push(value);
        }
    }
    match reader.rest.is_empty() {
        true => Ok(values),
        false => Err(LayoutError {
            field: "end",
            what: "octets behind the last field",
        }),
    }
}

/// The keys of a field of kind [`Kind::Keys`], one by one.
pub fn split_keys(keys: &[u8]) -> Vec<&[u8]> {
    let mut rest = keys;
    let mut found = Vec::new();
    while let Some(length) = key_length(rest) {
        let Some((key, behind)) = rest.split_at_checked(length) else {
            break;
        };
        found.push(key);
        rest = behind;
    }
    found
}

/// Characters of the key at the start of some text.
fn key_length(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'U' | b'X' => Some(33),
        b'T' | b'Y' => Some(49),
        b'S' | b'R' => {
            let digits = std::str::from_utf8(text.get(2..6)?).ok()?;
            let plain = digits.bytes().all(|d| d.is_ascii_digit());
            let length = digits.parse().ok().filter(|_| plain)?;
            BLOCK.contains(&length).then_some(1 + length)
        }
        _ => None,
    }
}

struct Reader<'m> {
    rest: &'m [u8],
    context: &'m Context,
}

type Read = Result<Zeroizing<Vec<u8>>, &'static str>;

impl<'m> Reader<'m> {
    fn cut(&mut self, length: usize) -> Result<&'m [u8], &'static str> {
        let (head, tail) = self.rest.split_at_checked(length).ok_or("cut")?;
        self.rest = tail;
        Ok(head)
    }

    fn only(&mut self, length: usize, allowed: fn(&u8) -> bool) -> Read {
        let text = self.cut(length)?;
        match text.iter().all(allowed) {
            true => Ok(Zeroizing::new(text.to_vec())),
            false => Err("a character that can't be"),
        }
    }

    fn take(&mut self, kind: Kind) -> Read {
        match kind {
            Kind::Literal(text) => match self.cut(text.len())? == text.as_bytes() {
                true => Ok(Zeroizing::default()),
                false => Err("another constant"),
            },
            Kind::Digits(length) => self.only(length, u8::is_ascii_digit),
            Kind::Hex(length) => self.only(length, u8::is_ascii_hexdigit),
            Kind::Text(length) => self.only(length, u8::is_ascii_alphanumeric),
            Kind::Pin => self.only(self.context.pin_characters, u8::is_ascii_hexdigit),
            Kind::Octets(length) => self.only(length, |_| true),
            Kind::Key => self.key(),
            Kind::Keys => self.keys(),
            Kind::Until { stop, max } => self.until(stop, max),
            Kind::Counted { digits, radix } => self.counted(digits, radix),
            Kind::Lmk => self.lmk(),
            Kind::Der => self.der(),
            Kind::Rest(min, max) => match (min..=max).contains(&self.rest.len()) {
                true => self.only(self.rest.len(), |_| true),
                false => Err("a length that can't be"),
            },
        }
    }

    fn key(&mut self) -> Read {
        let length = key_length(self.rest).ok_or("no key")?;
        let hexadecimal = !matches!(self.rest.first(), Some(b'S' | b'R'));
        let key = self.only(length, u8::is_ascii_graphic)?;
        let body = key.get(1..).unwrap_or_default();
        match !hexadecimal || body.iter().all(u8::is_ascii_hexdigit) {
            true => Ok(key),
            false => Err("a character that can't be"),
        }
    }

    fn keys(&mut self) -> Read {
        let mut keys = Zeroizing::new(Vec::new());
        let mut count = 0;
        while key_length(self.rest).is_some() {
            keys.extend_from_slice(&self.key()?);
            count += 1;
        }
        match (2..=KEYS_MAX).contains(&count) {
            true => Ok(keys),
            false => Err("not two to nine keys"),
        }
    }

    fn until(&mut self, stop: u8, max: usize) -> Read {
        let place = self.rest.iter().take(max + 1).position(|o| *o == stop);
        let place = place.filter(|p| *p > 0).ok_or("no delimiter in time")?;
        let text = self.only(place, |o| o.is_ascii_graphic() || *o == b' ')?;
        self.cut(1)?;
        Ok(text)
    }

    fn counted(&mut self, digits: usize, radix: u32) -> Read {
        let count = self.only(digits, u8::is_ascii_hexdigit)?;
        let count = std::str::from_utf8(&count).map_err(|_| "no number")?;
        let count = usize::from_str_radix(count, radix).map_err(|_| "no number")?;
        match count <= COUNTED_MAX {
            true => self.only(count, |_| true),
            false => Err("too long"),
        }
    }

    fn lmk(&mut self) -> Read {
        if self.rest.first() == Some(&b'%') {
            let text = self.cut(3)?;
            let digits = text.iter().skip(1).all(u8::is_ascii_digit);
            if !digits {
                return Err("no LMK identifier");
            }
        }
        Ok(Zeroizing::default())
    }

    fn der(&mut self) -> Read {
        let long = |octets: &[u8]| octets.iter().fold(0, |n, o| n << 8 | usize::from(*o));
        let length = match self.rest {
            [0x30, n @ 0..=0x7F, ..] => 2 + usize::from(*n),
            [0x30, 0x81, n, ..] => 3 + usize::from(*n),
            [0x30, 0x82, high, low, ..] => 4 + long(&[*high, *low]),
            _ => return Err("no DER sequence"),
        };
        match length <= COUNTED_MAX {
            true => self.only(length, |_| true),
            false => Err("too long"),
        }
    }
}
