//! Existing personalization data as the first draft of a project: files in, sources out, no I/O.
//!
//! A file is read into cards (`data`), account numbers that belong to people are replaced
//! (`specimens`), cards of the same shape become one product (`shapes`), and each product is
//! written as sources with the orders that give its cards back (`draft`). Keys and PINs are never
//! copied: only their lengths are kept.

mod codes;
mod data;
mod draft;
mod elements;
mod error;
mod fields;
mod groupings;
mod limits;
mod loose;
mod read;
mod shapes;
mod specimens;

pub use codes::CODES;
pub use data::{Application, Card, Channel, Grouping, Padding, Value};
pub use draft::{Content, Draft, Expected, Product};
pub use error::ImportError;
pub use read::Kind;
pub use read::cps::{CpsApplication, CpsGrouping, CpsRecord, cps_applications, read_cps};

use data::Input;
use std::collections::BTreeMap;

/// What a draft is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Name of the project and its package: small letters, digits and hyphens.
    pub name: String,
    /// What the file is; found out when it is not said.
    pub kind: Option<Kind>,
    /// How CPS records are laid out, where not as Cardwright writes them: TOML (docs/import.md).
    pub layout: Option<String>,
    /// Leading digits of account numbers that belong to nobody, beside 999992: they stay.
    pub test_bins: Vec<String>,
    /// Whether nothing is to be written as a profile.
    pub applications_only: bool,
    /// Names of applications that are not to be written as profiles, and why.
    pub kept: BTreeMap<String, String>,
}

/// Reads a file and writes a project's first draft.
///
/// # Errors
/// E0180 to E0184, see [`CODES`].
pub fn import(octets: &[u8], options: &Options) -> Result<Draft, ImportError> {
    if octets.len() > limits::FILE_OCTETS_MAX {
        return Err(error::too_much(
            "the file",
            limits::FILE_OCTETS_MAX,
            "octets",
        ));
    }
    let kind = match options.kind {
        Some(kind) => kind,
        None if options.layout.is_some() => Kind::Cps,
        None => read::detect(octets)?,
    };
    let Input { mut cards, notes } = read::read(octets, kind, options.layout.as_deref())?;
    limits::check(&cards)?;
    let replaced = specimens::replace(&mut cards, &options.test_bins)?;
    let shapes = shapes::shapes(&cards)?;
    draft::draft(notes, kind, &shapes, replaced, options)
}
