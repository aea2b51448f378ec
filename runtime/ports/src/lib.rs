//! Ports: what the runtime needs from the outside, as traits and plain types. No implementation.

pub mod batch;
pub mod binding;
pub mod card;
pub mod clock;
pub mod custody;
pub mod hsm;
pub mod machine;
pub mod paper;
pub mod pool;
pub mod register;
pub mod secret;
pub mod store;

pub use binding::Binding;
pub use card::{CardChannel, CardError};
pub use clock::Clock;
pub use custody::{CustodyHsm, KeyCustody};
pub use hsm::{Hsm, HsmError, HsmSession};
pub use machine::{Machine, MachineError};
pub use paper::{Paper, PaperError};
pub use pool::KeyPool;
pub use register::Registers;
pub use secret::{SecretBytes, SecretDigits};
pub use store::{Store, StoreError};
