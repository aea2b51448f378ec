//! The inventory: which keys a site has, what they are for, in which state they are, who did what
//! to them and where they are used.

mod codes;
mod entry;
mod state;

pub use codes::*;
pub use entry::{
    Asked, CheckText, Compromise, Export, KeyEntry, KeyLabel, Origin, Pending, PendingAct, Step,
    check_text, label, method_from_name, method_name,
};
pub use state::{Act, Allowed, RULES, Rule, State};

/// Version of a key's row.
pub const SCHEMA_VERSION: u32 = 1;
