//! Registers of a site: keys, ceremonies, packages, certificates. Each row is public text with a
//! version, changed by compare-and-set together with the audit entry that says why.

use crate::StoreError;

macro_rules! registers {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// Which list a row stands in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Register { $($(#[$doc])* $variant,)+ }
        impl Register {
            /// All of them, in order.
            pub const ALL: &'static [Register] = &[$(Register::$variant,)+];
            /// Name in the store and in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Register::$variant => $text,)+ }
            }
            /// By its name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|r| r.name() == name)
            }
        }
    };
}

registers! {
    /// Keys, by logical name and version.
    Keys = "keys",
    /// People with a role in key management.
    Custodians = "custodians",
    /// Ceremonies: what was done, by whom, what is next.
    Ceremonies = "ceremonies",
    /// Components that wait to be combined, sealed by the HSM; removed when they have been.
    Components = "components",
    /// Key packages sent to and received from other sites.
    Packages = "packages",
    /// Public keys of schemes' certification authorities.
    Authorities = "authorities",
    /// Requests for issuer certificates, and the certificates.
    Certificates = "certificates",
    /// Sites that keys are exchanged with: their public identities, and who confirmed them.
    Sites = "sites",
    /// Which key versions a job was bound to.
    Uses = "uses",
    /// Devices of this site and the hosts that they are bound to (TR-34).
    Bindings = "bindings",
    /// Exceptions from the rules of key exchange, dated and signed.
    Exceptions = "exceptions",
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterRow {
    /// List.
    pub register: Register,
    /// Name in the list.
    pub id: String,
    /// From 1; every change adds one.
    pub version: u64,
    /// Last change, seconds since 1970.
    pub changed_at: i64,
    /// Content: JSON without secrets.
    pub body: String,
}

/// A change of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterChange {
    /// List.
    pub register: Register,
    /// Name in the list.
    pub id: String,
    /// Version that it must have; 0 for a row that must not be there.
    pub from: u64,
    /// New content; none removes the row.
    pub body: Option<String>,
}

/// Reads the registers; they change by [`crate::store::Change::Register`].
pub trait Registers: Send + Sync {
    /// One row.
    fn register_row(&self, register: Register, id: &str)
    -> Result<Option<RegisterRow>, StoreError>;
    /// A number that grows with every change of a list: whoever has read the list can tell by one
    /// cheap question whether it is still as it was.
    fn register_epoch(&self, register: Register) -> Result<u64, StoreError>;
    /// All rows of a list, by name.
    fn register_rows(&self, register: Register) -> Result<Vec<RegisterRow>, StoreError>;
}
