//! Issuer certificates: a request for a key pair of ours, the scheme's answer verified as a whole
//! against the request, our key and the scheme's own key, and what is due for renewal.

mod authorities;
mod certificates;
mod codes;
mod key;
mod rows;

pub use authorities::{add_authorities, authorities, authority_of_key};
pub use certificates::{Asking, Issued, ask, certify, import, successor};
pub use codes::*;
pub(crate) use key::HsmKey;
pub use rows::{CertificateRow, Certified, certificates};
