//! What a reviewer asks of a bundle: what changed against another one, in the trade's terms.
//!
//! Everything here is pure: two contents go in, a list of changes comes out. A bundle that was only
//! opened may be hostile, so terms are compared by class, without recursion, and prints are cut.

mod align;
mod elements;
mod estimate;
mod groups;
mod load_files;
mod meaning;
mod print;
mod reach;
mod reader;
mod side;
mod tables;
mod walk;

mod compare;

pub use compare::{Change, Comparison, ProductChanges, Project, compare};
pub use elements::{Element, elements};
pub use estimate::{
    Calls, ChipSpeeds, Estimate, HsmSpeeds, Protocol, Resource, Speeds, Work, estimate,
};
pub use reader::Reader;
