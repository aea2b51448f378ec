//! From octets to words: what a value of a data element says.

use super::{BitField, CVM_CONDITIONS, CVM_METHODS, Coded, Reading, field, field_of_tag};
use crate::emv::{afl, dol};
use crate::tags::{self, Coding, Format};
use crate::tlv::{self, Tag, Tlv};
use crate::{formats, hex};

/// One thing that a value of a bit field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Octet, from 1.
    pub octet: u8,
    /// Mask in it.
    pub mask: u8,
    /// Word; empty for bits that the table does not know.
    pub word: &'static str,
    /// Number, where the bits count.
    pub number: Option<u8>,
    /// Meaning.
    pub text: &'static str,
}

impl Shown {
    /// As a source would write it: `dda`, `priority(3)`.
    #[must_use]
    pub fn written(&self) -> String {
        match self.number {
            Some(number) => format!("{}({number})", self.word),
            None => self.word.to_owned(),
        }
    }

    /// Its meaning, with the number.
    #[must_use]
    pub fn words(&self) -> String {
        let number = self.number.map(|n| format!(": {n}")).unwrap_or_default();
        format!("{}{number}", self.text)
    }

    /// A line for people: octet, bits, meaning.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}  {:02X}  {}", self.octet, self.mask, self.words())
    }
}

impl BitField {
    /// What a value says, in the table's order, then the bits that the table does not know.
    /// Numbers that are zero and codes that stand for nothing set are said, too: they mean something.
    #[must_use]
    pub fn shown(&self, value: &[u8]) -> Vec<Shown> {
        let mut all: Vec<Shown> = self
            .rows
            .iter()
            .filter_map(|row| {
                let octet = *value.get(usize::from(row.octet).checked_sub(1)?)?;
                let (says, number) = match row.reading {
                    Reading::Bit => (octet & row.mask != 0, None),
                    Reading::Code(code) => (octet & row.mask == code, None),
                    Reading::Number => (true, Some(row.number(octet))),
                };
                says.then_some(Shown {
                    octet: row.octet,
                    mask: row.mask,
                    word: row.word,
                    number,
                    text: row.text,
                })
            })
            .collect();
        for (octet, bits) in (1..).zip(value) {
            let here = self.rows.iter().filter(|row| row.octet == octet);
            let known = here.fold(0u8, |mask, row| mask | row.mask);
            if bits & !known != 0 {
                all.push(Shown {
                    octet,
                    mask: bits & !known,
                    word: "",
                    number: None,
                    text: "no meaning in the table",
                });
            }
        }
        all
    }
}

/// A CVM list, tag 8E (EMV Book 3, 10.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CvmList {
    /// Amount X, in the application currency.
    pub amount_x: u32,
    /// Amount Y.
    pub amount_y: u32,
    /// Code and condition of each rule, in order.
    pub rules: Vec<(u8, u8)>,
}

/// Bit of a rule's first octet: go on with the next rule when this one fails.
const CVM_NEXT: u8 = 0x40;

impl CvmList {
    /// Reads tag 8E; none when it is malformed.
    #[must_use]
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let (x, rest) = octets.split_first_chunk::<4>()?;
        let (y, rest) = rest.split_first_chunk::<4>()?;
        let (rules, odd) = rest.as_chunks::<2>();
        odd.is_empty().then(|| Self {
            amount_x: u32::from_be_bytes(*x),
            amount_y: u32::from_be_bytes(*y),
            rules: rules.iter().map(|[code, when]| (*code, *when)).collect(),
        })
    }

    /// The octets of tag 8E.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let amounts = [self.amount_x.to_be_bytes(), self.amount_y.to_be_bytes()].concat();
        let rules = self.rules.iter().flat_map(|(code, when)| [*code, *when]);
        amounts.into_iter().chain(rules).collect()
    }

    /// Amounts, then each rule as a source would write it.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "amount X {}, amount Y {}",
            self.amount_x, self.amount_y
        )];
        for (code, condition) in &self.rules {
            let method = word(CVM_METHODS, code & 0x3F).unwrap_or("unknown_method");
            let when = word(CVM_CONDITIONS, *condition).unwrap_or("unknown_condition");
            let otherwise = if code & CVM_NEXT == 0 { "fail" } else { "next" };
            lines.push(format!("{method} when {when} else {otherwise}"));
        }
        lines
    }
}

fn word(table: &[Coded], code: u8) -> Option<&'static str> {
    table
        .iter()
        .find(|row| row.code == code)
        .map(|row| row.word)
}

/// What a value of a tag says in a dictionary, a line each; empty when the tables do not know.
#[must_use]
pub fn describe(dictionary: &str, tag: Tag, value: &[u8]) -> Vec<String> {
    match tag.value() {
        0x8E => CvmList::parse(value).map_or_else(Vec::new, |list| list.lines()),
        0x94 => afl_lines(value),
        0x9F10 => issuer_application_data(dictionary, value),
        0x9F4A => tag_list(dictionary, value),
        0x5F30 => service_code(value).unwrap_or_default(),
        _ => match (
            bits_of(dictionary, tag),
            tags::element_in(dictionary, tag).map(|e| e.coding),
        ) {
            (Some(bits), _) => bits.shown(value).iter().map(Shown::line).collect(),
            (None, Some(Coding::Dol)) => object_list(dictionary, value),
            (None, Some(Coding::Tags)) => tag_list(dictionary, value),
            _ => text(dictionary, tag, value).into_iter().collect(),
        },
    }
}

/// The same in one line, parts separated by semicolons and without places; none when the tables do
/// not know.
#[must_use]
pub fn describe_value(dictionary: &str, tag: Tag, value: &[u8]) -> Option<String> {
    let lines: Vec<String> = match bits_of(dictionary, tag) {
        Some(bits) => bits.shown(value).iter().map(Shown::words).collect(),
        None => describe(dictionary, tag, value),
    };
    (!lines.is_empty()).then(|| lines.join("; "))
}

fn bits_of(dictionary: &str, tag: Tag) -> Option<&'static BitField> {
    match tags::element_in(dictionary, tag).map(|e| e.coding) {
        Some(Coding::Bits(name)) => field(name),
        _ => field_of_tag(tag.value(), dictionary),
    }
}

fn text(dictionary: &str, tag: Tag, value: &[u8]) -> Option<String> {
    let element = tags::element_in(dictionary, tag)?;
    match element.format {
        Format::N => formats::numeric_text(value).ok(),
        Format::Cn => formats::compressed_numeric_text(value).ok(),
        Format::A | Format::An | Format::Ans => {
            let text = std::str::from_utf8(value).ok()?;
            (!text.is_empty() && formats::is_ans(text)).then(|| text.to_owned())
        }
        Format::Template => {
            let objects = tlv::parse(value).ok()?;
            Some(objects.iter().map(one_line).collect::<Vec<_>>().join(", "))
        }
        Format::B | Format::Unknown => None,
    }
}

fn one_line(object: &Tlv<'_>) -> String {
    let name = tags::name(object.tag).unwrap_or("not in the table");
    format!("{} {name}", object.tag)
}

fn service_code(value: &[u8]) -> Option<Vec<String>> {
    let code = formats::numeric_text(value).ok()?;
    let meaning = super::service_code_meaning(code.get(1..)?)?;
    Some(meaning.map(str::to_owned).to_vec())
}

fn afl_lines(value: &[u8]) -> Vec<String> {
    let Ok(entries) = afl::parse(value) else {
        return Vec::new();
    };
    let line = |e: &afl::Entry| {
        let afl::Entry {
            sfi,
            first,
            last,
            signed,
        } = e;
        format!("SFI {sfi} records {first} to {last}, {signed} signed")
    };
    entries.iter().map(line).collect()
}

fn object_list(dictionary: &str, value: &[u8]) -> Vec<String> {
    let Ok(entries) = dol::parse(value) else {
        return Vec::new();
    };
    let lines = entries.iter().map(|entry| {
        let name = tags::element_in(dictionary, entry.tag).map_or("not in the table", |e| e.title);
        format!("{} {} octets  {name}", entry.tag, entry.octets)
    });
    lines.collect()
}

fn tag_list(dictionary: &str, value: &[u8]) -> Vec<String> {
    let mut rest = value;
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let Some((tag, after)) = tlv::read_tag(rest) else {
            return Vec::new();
        };
        let name = tags::element_in(dictionary, tag).map_or("not in the table", |e| e.title);
        lines.push(format!("{tag}  {name}"));
        rest = after;
    }
    lines
}

/// Issuer application data: format A of the Common Core Definitions (EMV Book 3, Annex C9), else
/// the public layouts of the dictionary's owner.
fn issuer_application_data(dictionary: &str, value: &[u8]) -> Vec<String> {
    let results = |name: &str, octets: &[u8]| {
        let shown = field(name).map(|f| f.shown(octets)).unwrap_or_default();
        shown
            .into_iter()
            .map(|s| format!("results {}", s.line()))
            .collect::<Vec<_>>()
    };
    match (dictionary, value) {
        (_, [0x0F, cci, dki, rest @ ..]) if value.len() == 32 && value.get(16) == Some(&0x0F) => {
            let algorithm = match cci {
                0xA5 => "triple DES",
                0xA6 => "AES",
                _ => "unknown algorithm",
            };
            let mut lines = vec![
                "format A of the Common Core Definitions".to_owned(),
                format!("common core identifier {cci:02X}: {algorithm}"),
                format!("derivation key index {dki:02X}"),
            ];
            lines.extend(results("cvr", rest.get(..5).unwrap_or_default()));
            let counters = hex::encode(rest.get(5..13).unwrap_or_default());
            let discretionary = hex::encode(rest.get(14..).unwrap_or_default());
            lines.push(format!("counters {counters}"));
            lines.push(format!("issuer discretionary data {discretionary}"));
            lines
        }
        ("visa", [0x06, dki, cvn, 0x03, rest @ ..]) if rest.len() >= 3 => {
            let mut lines = vec![
                format!("derivation key index {dki:02X}"),
                format!("cryptogram version {cvn:02X}"),
            ];
            lines.extend(results("visa_cvr", rest.get(..3).unwrap_or_default()));
            lines
        }
        ("mastercard", [kdi, cvn, rest @ ..]) if matches!(value.len(), 18 | 20 | 26 | 28) => {
            let mut lines = vec![
                format!("key derivation index {kdi:02X}"),
                format!("cryptogram version {cvn:02X}"),
            ];
            lines.extend(results("mastercard_cvr", rest.get(..6).unwrap_or_default()));
            lines
        }
        _ => Vec::new(),
    }
}
