//! File formats: one declaration reads a file, the same kind of declaration writes one.

use crate::{NodeId, Secrecy};
use serde::{Deserialize, Serialize};

/// How records are told apart and fields laid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FileKind {
    /// Fields at fixed columns, counted in characters.
    FixedWidth,
    /// Fields between delimiters.
    Delimited {
        /// One character.
        delimiter: char,
        /// One character.
        quote: char,
        /// Whether a first line names the fields.
        heading: bool,
    },
    /// EMV CPS personalization device input file; fields give the per-card public items, chip data
    /// is taken from the card.
    Cps,
    /// Machine file with tagged modules (`#EMB#…#ENC#…#CHP#…#END#`).
    Machine,
    /// Fields that each begin with a tag, a length, or both.
    Tagged(Tagging),
    /// BER-TLV (ISO/IEC 8825-1 as EMV uses it), nested.
    Tlv,
    /// Elements and attributes.
    Xml,
    /// Objects and arrays (RFC 8259).
    Json,
    /// Rows of the first or a named sheet of an `.xlsx` file; only read.
    Spreadsheet {
        /// Name of the sheet; the first when there is none.
        sheet: Option<String>,
        /// Whether a first row names the columns.
        heading: bool,
    },
}

impl FileKind {
    /// Whether records are nested trees instead of rows of fields.
    #[must_use]
    pub fn is_tree(&self) -> bool {
        matches!(self, Self::Tlv | Self::Xml | Self::Json)
    }
}

/// How the fields of a tagged record are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tagging {
    /// A tag of so many characters, a length of so many decimal digits, the value. Without a tag
    /// the fields stand in their order (LLVAR).
    Length {
        /// Characters of a tag; 0 for none.
        tag: u8,
        /// Digits of a length.
        length: u8,
    },
    /// `PAN=…;EXP=…`.
    Separated {
        /// Between tag and value.
        assign: char,
        /// Between fields.
        separator: char,
    },
}

/// How records are told apart in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Framing {
    /// Each ends with the format's line end.
    #[default]
    Lines,
    /// Each has so many octets; nothing stands between them.
    Blocks {
        /// Octets.
        octets: u32,
    },
    /// Each begins with its length.
    Prefixed {
        /// How the length is written.
        prefix: Prefix,
        /// Whether the length counts the prefix too.
        counts_itself: bool,
    },
}

impl Framing {
    fn is_lines(&self) -> bool {
        matches!(self, Self::Lines)
    }
}

/// How a record's length is written before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Prefix {
    /// Octets, the highest first.
    Big(u8),
    /// Octets, the lowest first.
    Little(u8),
    /// Decimal digits in the file's encoding.
    Decimal(u8),
    /// Record descriptor word of z/OS data sets: two octets of length that count themselves, two
    /// octets of zero.
    Rdw,
}

/// Character encoding of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// 7 bits.
    Ascii,
    /// IBM code page 037: EBCDIC of the USA, Canada and others.
    Ebcdic037,
    /// IBM code page 500: international EBCDIC.
    Ebcdic500,
    /// IBM code page 1047: EBCDIC of open systems on z/OS.
    Ebcdic1047,
    /// IBM code page 1140: 037 with the euro sign.
    Ebcdic1140,
    /// ISO/IEC 8859-1.
    Latin1,
    /// ISO/IEC 8859-2.
    Latin2,
    /// ISO/IEC 8859-3.
    Latin3,
    /// ISO/IEC 8859-4.
    Latin4,
    /// ISO/IEC 8859-9.
    Latin5,
    /// ISO/IEC 8859-10.
    Latin6,
    /// ISO/IEC 8859-13.
    Latin7,
    /// ISO/IEC 8859-14.
    Latin8,
    /// ISO/IEC 8859-15.
    Latin9,
    /// ISO/IEC 8859-16.
    Latin10,
    /// UTF-16 after its byte order mark; written with the high octet first.
    Utf16,
    /// UTF-16, the high octet first.
    Utf16be,
    /// UTF-16, the low octet first.
    Utf16le,
    /// UTF-8.
    Utf8,
}

impl Encoding {
    /// Whether each character has exactly one octet, so that columns are octets too.
    #[must_use]
    pub fn is_single(self) -> bool {
        !matches!(
            self,
            Self::Utf8 | Self::Utf16 | Self::Utf16be | Self::Utf16le
        )
    }
}

/// Line end of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// 0A; when reading, a 0D before it is an error.
    Lf,
    /// 0D 0A.
    Crlf,
    /// NEL, the line end of EBCDIC text (15; U+0085).
    Nel,
}

/// How a record is recognised: the text at a place equals a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordTest {
    /// First column, from 1; the number of a field where fields are numbered.
    pub at: u32,
    /// Characters; 0 for a whole field.
    pub width: u32,
    /// Expected text.
    pub equals: String,
    /// Tag, path or heading of the field that is looked at, where fields have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// How a field stands in its record, when it is not text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coding {
    /// Characters of the file's encoding.
    #[default]
    Text,
    /// Decimal digits, two an octet, the first half filled with zero.
    Bcd,
    /// A binary number, the highest octet first.
    Binary,
    /// A binary number, the lowest octet first.
    Little,
    /// Octets as they are.
    Octets,
    /// Packed decimal: two digits an octet, the sign in the last half (C or F plus, D minus).
    Packed,
    /// Zoned decimal: a digit an octet, the sign in the zone of the last (C or F plus, D minus).
    Zoned,
}

impl Coding {
    /// Whether it is characters.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text)
    }
}

/// A number that the writing of a file gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sequence {
    /// Records of this name in the file, from 1.
    File,
    /// The file itself among all that jobs of this bundle's name wrote by this format, from 1; kept
    /// in the site's store.
    Files,
    /// Records of this name in the group, from 1.
    Group,
    /// All records of the file, headers and trailers too, from 1.
    Lines,
    /// Groups of the file, from 1.
    Groups,
}

/// Where a record stands in a group of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// At the head of a group: what it says holds for the orders that follow.
    Opens,
    /// At the end of a group.
    Closes,
}

/// A record that belongs to the order before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartOf {
    /// Name of the order's record.
    pub record: String,
    /// How often it may stand for one order; 1 gives single fields, more gives lists.
    pub most: u32,
    /// How often it must stand.
    pub least: u32,
}

/// What a field's text means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FieldType {
    /// Any text; trailing fill is taken off.
    Text,
    /// `n`: decimal digits, at most so many; gives a number.
    Number {
        /// Most digits.
        digits: u32,
    },
    /// Digits that stay text (leading zeros count), exactly so many.
    Digits {
        /// Number of digits.
        digits: u32,
    },
    /// `an`: letters and digits, at most so many.
    Alphanumeric {
        /// Most characters.
        length: u32,
    },
    /// 12 to 19 digits with a right Luhn digit.
    Pan,
    /// A date by pattern (`YYYYMMDD`, `YYMM`, `YYMMDD`); without a day it is the month's last.
    Date {
        /// The pattern.
        pattern: String,
    },
    /// True when the text equals the word, false when blank.
    Flag {
        /// The word for true.
        word: String,
    },
    /// An enciphered PIN block.
    PinBlock {
        /// ISO 9564-1 format number.
        format: u8,
        /// Index of the key slot that it is under.
        key: u32,
    },
    /// Octets as hexadecimal.
    Hex {
        /// Most octets.
        length: u32,
    },
    /// The name of a picture's file that comes with the order.
    Picture(crate::PictureRules),
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Name.
    pub name: String,
    /// Meaning.
    pub field_type: FieldType,
    /// Fixed width: first column from 1. Delimited: number of the column from 1.
    pub at: u32,
    /// Fixed width: characters of one occurrence. Else what the source says of the longest one, or 0;
    /// a PAN has no more digits, a text no more characters.
    pub width: u32,
    /// Occurrences; more than one gives a list of texts.
    pub repeat: u32,
    /// Whether it may be blank.
    pub optional: bool,
    /// How secret.
    pub secrecy: Secrecy,
    /// For a format that is written: the node of the record's program that gives its value.
    pub value: Option<NodeId>,
    /// How it stands in the record.
    #[serde(default, skip_serializing_if = "Coding::is_text")]
    pub coding: Coding,
    /// Whether a number may be below zero.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
    /// Tag, path or heading, where fields have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// For a format that is written: the number that the writing gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Sequence>,
    /// Where it was declared.
    pub span: u32,
}

/// One kind of record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Name.
    pub name: String,
    /// How it is recognised; none when the format has one kind of record.
    pub when: Option<RecordTest>,
    /// Whether it stands once in a file (header, trailer).
    pub once: bool,
    /// Fields.
    pub fields: Vec<Field>,
    /// For a format that is written: index of the program that gives the fields.
    pub program: Option<u32>,
    /// The record that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<PartOf>,
    /// Its place in a group of orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Where nested records stand: `orders/order`; a template's tags in a TLV file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// A second file, joined to each order by key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Name that its fields are called by: `branch.city`.
    pub name: String,
    /// Format of the second file.
    pub format: String,
    /// Its record.
    pub record: String,
    /// Fields of the order, and of the second file's record, that must be equal.
    pub on: Vec<(String, String)>,
    /// Whether an order may find nothing; its fields are blank then.
    pub optional: bool,
    /// Where it was written.
    pub span: u32,
}

/// Orders come sorted into a written file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrangement {
    /// Index of the program that gives the values below, for each order.
    pub program: u32,
    /// What the orders are sorted by, first things first.
    pub sort: Vec<NodeId>,
    /// What a group has in common; the leading values of `sort`.
    pub groups: u32,
    /// The file's name, where there is one file for each value.
    pub file_name: Option<NodeId>,
}

/// What a broken rule refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The whole file.
    File,
    /// The record.
    Record,
}

/// A rule on a file or on its records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "rule", deny_unknown_fields)]
pub enum FormatRule {
    /// A condition; run once at the end of the file when the program's record is empty, for each
    /// record otherwise.
    Require {
        /// Index of the program.
        program: u32,
        /// Its flag node.
        condition: NodeId,
        /// Its text node that says what is wrong; public.
        message: NodeId,
        /// What is refused.
        refuses: Severity,
        /// The closing record at which it is checked for each group; none for the end of the file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<String>,
        /// Where it was written.
        span: u32,
    },
    /// No two records have the same values in these fields.
    Unique {
        /// Record.
        record: String,
        /// Fields.
        fields: Vec<String>,
        /// What is wrong.
        message: String,
        /// What is refused: the file, or the second record.
        refuses: Severity,
        /// Where it was written.
        span: u32,
    },
}

/// One file format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// Name.
    pub name: String,
    /// Layout of records.
    pub kind: FileKind,
    /// Encoding.
    pub encoding: Encoding,
    /// Line end.
    pub line: Line,
    /// Records.
    pub records: Vec<Record>,
    /// Rules.
    pub rules: Vec<FormatRule>,
    /// File name of a format that is written, such as `return.csv`.
    pub file_name: Option<String>,
    /// How records are told apart.
    #[serde(default, skip_serializing_if = "Framing::is_lines")]
    pub framing: Framing,
    /// Second files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<Join>,
    /// Order and groups of a file that is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrangement: Option<Arrangement>,
    /// Where it was declared.
    pub span: u32,
}
