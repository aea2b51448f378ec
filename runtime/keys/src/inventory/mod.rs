//! The inventory: which keys a site has, what they are for, in which state they are, who did what
//! to them and where they are used.

mod acts;
mod book;
mod codes;
mod compare;
mod due;
mod enter;
mod entry;
mod needs;
mod recovery;
mod state;
mod uses;
mod watch;

pub use acts::{Outcome, WAIT_SECONDS, Wish};
pub use book::{Changes, Inventory, People};
pub(crate) use book::{person, shown};
pub use codes::*;
pub(crate) use compare::not_everywhere;
pub use compare::{Difference, DifferenceKind};
pub use due::{Due, Why};
pub use enter::{NewEntry, use_name};
pub(crate) use enter::{list, verify};
pub(crate) use entry::same_check;
pub use entry::{
    Asked, CheckText, Compromise, Export, KeyEntry, KeyLabel, Origin, Pending, PendingAct, Step,
    check_text, label, method_from_name, method_name,
};
pub use needs::{Labels, Missing, Need};
pub use recovery::Ending;
pub use state::{Act, Allowed, RULES, Rule, State};
pub use uses::{BundleKeys, JobKeys, Uses, bound_keys, jobs, note_job};
pub use watch::BoundVersions;

/// Version of a key's row.
pub const SCHEMA_VERSION: u32 = 1;
