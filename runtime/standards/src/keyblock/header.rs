//! The readable header of a key block and its optional blocks (ANSI X9.143, 6).

use super::{CHARACTERS_MAX, KeyBlockError};

/// Octets of the fixed part.
const FIXED: usize = 16;
/// Most optional blocks: two decimal digits.
const BLOCKS_MAX: usize = 99;
/// Padding block.
const PADDING_ID: &str = "PB";

/// An optional block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionalBlock {
    /// Two letters or digits, such as `KS`.
    pub id: String,
    /// Printable ASCII.
    pub data: String,
}

/// A key block's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// `A`, `B`, `C`, `D` or `E`.
    pub version: char,
    /// Length of the whole key block; written anew when a key is wrapped.
    pub length: usize,
    /// Key usage, such as `P0`.
    pub usage: String,
    /// Algorithm, such as `T` or `A`.
    pub algorithm: char,
    /// Mode of use, such as `E`.
    pub mode_of_use: char,
    /// Key version number, `00` when not used.
    pub key_version: String,
    /// Exportability: `E`, `N` or `S`.
    pub exportability: char,
    /// Key context and a reserved character, `00` in practice.
    pub reserved: String,
    /// Optional blocks but for padding.
    pub blocks: Vec<OptionalBlock>,
}

impl Header {
    /// Reads header and optional blocks; gives also their text and what follows.
    pub(super) fn parse(block: &str) -> Result<(Self, &str, &str), KeyBlockError> {
        let (mut header, count) = Self::parse_fixed(block)?;
        let mut at = FIXED;
        for _ in 0..count {
            let rest = block.get(at..).unwrap_or_default();
            let (optional, taken) = parse_optional(rest)?;
            if optional.id != PADDING_ID {
                header.blocks.push(optional);
            }
            at += taken;
        }
        let (text, rest) = block.split_at_checked(at).ok_or(KeyBlockError::Length)?;
        Ok((header, text, rest))
    }

    /// Reads a header that stands alone, to wrap a key with. Its length field is not looked at.
    pub fn from_text(text: &str) -> Result<Self, KeyBlockError> {
        if !text.is_ascii() || text.len() > CHARACTERS_MAX {
            return Err(KeyBlockError::Header("it is not ASCII or too long"));
        }
        let (header, _, rest) = Self::parse(text)?;
        if rest.is_empty() {
            Ok(header)
        } else {
            Err(KeyBlockError::Header(
                "characters follow the last optional block",
            ))
        }
    }

    /// Reads the header of a block, or one that stands alone, without opening the block.
    pub fn of_block(text: &str) -> Result<Self, KeyBlockError> {
        if !text.is_ascii() || text.len() > CHARACTERS_MAX {
            return Err(KeyBlockError::Header("it is not ASCII or too long"));
        }
        Self::parse(text).map(|(header, _, _)| header)
    }

    /// Header and optional blocks as text, padded to whole blocks, for `tail` characters behind it.
    pub(super) fn to_text(&self, block: usize, tail: usize) -> Result<String, KeyBlockError> {
        let mut optional = String::new();
        let mut count = self.blocks.len();
        for entry in &self.blocks {
            push_optional(&mut optional, &entry.id, &entry.data)?;
        }
        if !optional.len().is_multiple_of(block) {
            let zeros = (optional.len() + 4).next_multiple_of(block) - optional.len() - 4;
            push_optional(&mut optional, PADDING_ID, &"0".repeat(zeros))?;
            count += 1;
        }
        let length = FIXED + optional.len() + tail;
        if length > CHARACTERS_MAX || count > BLOCKS_MAX {
            return Err(KeyBlockError::Length);
        }
        let text = format!(
            "{}{length:04}{}{}{}{}{}{count:02}{}{optional}",
            self.version,
            self.usage,
            self.algorithm,
            self.mode_of_use,
            self.key_version,
            self.exportability,
            self.reserved
        );
        // The fields are public; what is wrong with them is found by reading them back.
        let (read, again, _) = Self::parse(&text)?;
        if read.blocks == self.blocks && again.len() == text.len() {
            Ok(text)
        } else {
            Err(KeyBlockError::Header("a field has the wrong length"))
        }
    }

    /// The 16 characters of the header alone, for forms that carry it without a block.
    pub fn fixed_text(&self, length: usize) -> Result<String, KeyBlockError> {
        let bare = Self {
            length,
            blocks: Vec::new(),
            ..self.clone()
        };
        let text = format!(
            "{}{length:04}{}{}{}{}{}00{}",
            bare.version,
            bare.usage,
            bare.algorithm,
            bare.mode_of_use,
            bare.key_version,
            bare.exportability,
            bare.reserved
        );
        match Self::parse_fixed(&text) {
            Ok((read, 0)) if read == bare && text.len() == FIXED => Ok(text),
            _ => Err(KeyBlockError::Header("a field has the wrong length")),
        }
    }

    fn parse_fixed(block: &str) -> Result<(Self, usize), KeyBlockError> {
        let text = block.get(..FIXED).filter(|text| text.is_ascii());
        let text = text.ok_or(KeyBlockError::Header("it is shorter than 16 characters"))?;
        if !text.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
            return Err(KeyBlockError::Header(
                "it has characters beyond letters and digits",
            ));
        }
        let field = |from: usize, length: usize| text.get(from..from + length).unwrap_or_default();
        let letter = |at: usize| field(at, 1).chars().next().unwrap_or(' ');
        let number = |from, length| {
            let digits = field(from, length);
            digits
                .bytes()
                .all(|octet| octet.is_ascii_digit())
                .then(|| digits.parse().ok())
                .flatten()
        };
        let length = number(1, 4).ok_or(KeyBlockError::Header("the length has four digits"))?;
        let count = number(12, 2);
        let count = count.ok_or(KeyBlockError::Header("the block count has two digits"))?;
        let header = Self {
            version: letter(0),
            length,
            usage: field(5, 2).to_owned(),
            algorithm: letter(7),
            mode_of_use: letter(8),
            key_version: field(9, 2).to_owned(),
            exportability: letter(11),
            reserved: field(14, 2).to_owned(),
            blocks: Vec::new(),
        };
        Ok((header, count))
    }
}

/// `ID(2) | length(2 hex) | data`; length 00 is followed by how many octets code the length.
fn parse_optional(rest: &str) -> Result<(OptionalBlock, usize), KeyBlockError> {
    let wrong = KeyBlockError::Header("an optional block is malformed");
    let id = rest.get(..2).ok_or(wrong)?;
    if !id.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
        return Err(wrong);
    }
    let number = |from: usize, length: usize| {
        let text = rest.get(from..from.checked_add(length)?)?;
        text.bytes()
            .all(|octet| octet.is_ascii_hexdigit())
            .then(|| usize::from_str_radix(text, 16).ok())
            .flatten()
    };
    let (length, head) = match number(2, 2).ok_or(wrong)? {
        0 => {
            let digits = number(4, 2)
                .filter(|octets| (1..=4).contains(octets))
                .ok_or(wrong)?
                * 2;
            (number(6, digits).ok_or(wrong)?, 6 + digits)
        }
        length => (length, 4),
    };
    let data = rest.get(head..length).ok_or(wrong)?;
    if !data.bytes().all(|octet| (0x20..=0x7E).contains(&octet)) {
        return Err(wrong);
    }
    Ok((
        OptionalBlock {
            id: id.to_owned(),
            data: data.to_owned(),
        },
        length,
    ))
}

fn push_optional(to: &mut String, id: &str, data: &str) -> Result<(), KeyBlockError> {
    let short = data.len() + 4;
    to.push_str(id);
    if short <= 0xFF {
        to.push_str(&format!("{short:02X}"));
    } else if data.len() + 10 <= 0xFFFF {
        to.push_str(&format!("0002{:04X}", data.len() + 10));
    } else {
        return Err(KeyBlockError::Length);
    }
    to.push_str(data);
    Ok(())
}
