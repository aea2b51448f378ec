//! A chip as strict as a real one, in memory: GlobalPlatform channels, EMV CPS personalization and
//! an EMV payment application with the common core's coding. TEST keys only.
//!
//! It shares nothing with the code that personalizes it, so that a misreading of a standard on one
//! side shows up as a status word on the other. What the payment application computes is
//! described in [`manual`].

mod apdu;
mod application;
mod blank;
mod card;
mod channel;
mod content;
mod crypto;
mod domain;
mod emv;
mod entropy;
mod fault;
mod groupings;
mod keys;
pub mod manual;
mod personalize;
mod piv;
mod plain;
mod profile;
mod quirks;
mod rsa;
mod scp02;
mod scp03;
mod snapshot;
mod tag;
mod tlv;
pub mod vpcd;

pub use application::Interface;
pub use blank::{BlankKeys, BlankSpec, ISSUER_DOMAIN_AID, PPSE_AID, PSE_AID, Protocol};
pub use card::VirtualCard;
pub use content::{DapSpec, PackageSpec};
pub use fault::{CODES, CardFault};
pub use piv::PIV_AID;
pub use plain::{PlainApplet, PlainGrouping, PlainPadding};
pub use quirks::Quirks;
pub use rsa::ComponentPadding;
pub use tag::NDEF_AID;
