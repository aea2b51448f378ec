//! Readers: one a kind of file, all to the same cards.

mod commands;
pub(crate) mod cps;
mod dgi;
mod layout;
mod lines;
mod table;
mod tree;

use crate::{
    data::Input,
    error::{ImportError, unknown_kind},
};
use cardwright_standards::tlv;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Lines of data groupings: `0101 25 7023…`, or `0101: 7023…`.
    Dgi,
    /// Commands, a line each: SELECT, STORE DATA.
    Commands,
    /// EMV CPS records as Cardwright's output files of kind `cps` have them, or by a description.
    Cps,
    /// TLV: octets, hexadecimal, or lines such as `5A: 9999…`, indented below their templates.
    Tlv,
    /// A table: tag, value, perhaps a name.
    Csv,
}

impl Kind {
    /// In words, for reports.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Dgi => "data groupings",
            Self::Commands => "commands",
            Self::Cps => "CPS records",
            Self::Tlv => "TLV",
            Self::Csv => "a table of tags",
        }
    }
}

/// Finds out what a file is; E0180 when nothing fits.
pub(crate) fn detect(octets: &[u8]) -> Result<Kind, ImportError> {
    if octets.starts_with(cps::MODULE) {
        return Ok(Kind::Cps);
    }
    let Ok(text) = std::str::from_utf8(octets) else {
        let objects = tlv::parse(octets).map_err(|_| unknown_kind())?;
        return if objects.is_empty() {
            Err(unknown_kind())
        } else {
            Ok(Kind::Tlv)
        };
    };
    if table::is_table(text) {
        return Ok(Kind::Csv);
    }
    if commands::has_store_data(text) {
        return Ok(Kind::Commands);
    }
    if dgi::is_dump(text) {
        return Ok(Kind::Dgi);
    }
    if tree::is_dump(text) {
        return Ok(Kind::Tlv);
    }
    Err(unknown_kind())
}

/// Reads a file of a kind; CPS records by a description where there is one.
pub(crate) fn read(octets: &[u8], kind: Kind, layout: Option<&str>) -> Result<Input, ImportError> {
    match kind {
        Kind::Cps => cps::read(octets, layout),
        Kind::Dgi => dgi::read(lines::text(octets)?),
        Kind::Commands => commands::read(lines::text(octets)?),
        Kind::Csv => table::read(lines::text(octets)?),
        Kind::Tlv => tree::read(octets),
    }
}
