//! An HSM in memory for TEST keys: nothing that it holds protects a real card.
//!
//! [`SoftHsm`] carries out the intents of the port with the algorithms of the standards and an RSA
//! of its own (`cardwright-rsa`). Random values are labelled draws from the site's root secret
//! ([`entropy`]), so that lanes, order of calls and repetition do not change what a card gets.

pub mod bench;
mod custody;
pub mod entropy;
pub mod error;
mod file;
mod gcm;
mod hsm;
mod keys;
mod known_answers;
use cardwright_custody_rules::oaep;
mod protection;
mod seal;
mod session;
pub mod test_ca;

pub use error::CODES;
pub use hsm::SoftHsm;
pub use known_answers::{Answer, EXPECTED, Expected, known_answers, self_test};
pub use protection::Unlock;
