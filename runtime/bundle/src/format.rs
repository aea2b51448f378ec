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
}

/// Character encoding of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// 7 bits.
    Ascii,
    /// ISO/IEC 8859-1.
    Latin1,
    /// UTF-8.
    Utf8,
}

/// Line end of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// 0A; when reading, a 0D before it is an error.
    Lf,
    /// 0D 0A.
    Crlf,
}

/// How a record is recognised: the text at a place equals a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordTest {
    /// First column, from 1.
    pub at: u32,
    /// Characters.
    pub width: u32,
    /// Expected text.
    pub equals: String,
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
    /// Fixed width: characters of one occurrence. Delimited: 0.
    pub width: u32,
    /// Occurrences; more than one gives a list of texts.
    pub repeat: u32,
    /// Whether it may be blank.
    pub optional: bool,
    /// How secret.
    pub secrecy: Secrecy,
    /// For a format that is written: the node of the record's program that gives its value.
    pub value: Option<NodeId>,
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
    /// Where it was declared.
    pub span: u32,
}
