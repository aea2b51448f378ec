//! What a record holds before its fields have a meaning: texts; and why one can't be read.

use zeroize::Zeroize;

/// The texts of a record, by field in the order of its declaration; wiped when dropped.
#[derive(Default)]
pub struct Cells(Vec<Vec<String>>);

impl Cells {
    /// Texts by field and occurrence.
    pub fn new(texts: Vec<Vec<String>>) -> Self {
        Self(texts)
    }

    /// The occurrences of a field.
    pub fn of(&self, field: usize) -> &[String] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }

    /// The first text of a field.
    pub fn first(&self, field: usize) -> &str {
        self.of(field).first().map_or("", String::as_str)
    }

    /// All fields.
    pub fn all(&self) -> &[Vec<String>] {
        &self.0
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        self.0.iter_mut().flatten().for_each(Zeroize::zeroize);
    }
}

/// Where a record begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Line of a text file, row of a spreadsheet, else the record's number; from 1.
    pub line: u64,
    /// Octet of the file, from 0; 0 where it is not known.
    pub octet: u64,
}

/// Why a record, or one field of it, is wrong. The reason names what was expected, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellError {
    /// Stable code.
    pub code: &'static str,
    /// Field, if one is to blame.
    pub field: Option<String>,
    /// Why.
    pub reason: String,
}

impl CellError {
    pub(crate) fn record(code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            code,
            field: None,
            reason: reason.into(),
        }
    }

    pub(crate) fn field(code: &'static str, field: &str, reason: impl Into<String>) -> Self {
        Self {
            code,
            field: Some(field.to_owned()),
            reason: reason.into(),
        }
    }
}

/// Why a whole file is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// Stable code.
    pub code: &'static str,
    /// What is wrong and where.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
}

impl FileError {
    pub(crate) fn new(code: &'static str, what: impl Into<String>, mend: &'static str) -> Self {
        Self {
            code,
            what: what.into(),
            mend,
        }
    }

    pub(crate) fn unreadable(error: &std::io::Error) -> Self {
        let what = format!("the file can't be read: {error}");
        Self::new("R1501", what, "check the file and the disk")
    }

    pub(crate) fn too_large(what: String) -> Self {
        Self::new("R1503", what, "check that this is the right file")
    }

    pub(crate) fn cut(what: String) -> Self {
        Self::new("R1520", what, "fetch the file again: it may be cut short")
    }
}
