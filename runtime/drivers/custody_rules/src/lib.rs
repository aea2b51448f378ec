//! What every HSM driver holds to when keys are made, taken in and given out: labels, uses, form,
//! strength, components, headers of key blocks, private keys as octets, the padding of RSA-OAEP.
//! Policy may ask more.
//!
//! Pure: no I/O, no randomness of its own, no device. The codes are those that all HSMs share.

pub mod components;
pub mod envelope;
mod header;
pub mod oaep;
pub mod private_keys;
mod refusal;
mod rules;

pub use header::{agreed_header, check_version, received_header};
pub use refusal::{
    CHECK_VALUE, COMPONENT, LABEL, LABEL_TAKEN, MAY_NOT_TRAVEL, PARITY, SHARED, Shared, UNSUITABLE,
    WRAPPED,
};
pub use rules::{
    CHECK_OCTETS_MIN, COMPONENTS, RECEIVER_BITS_MIN, adjust, block_algorithm, block_usages,
    check_component, check_form, check_issuer_record, check_label, check_strength, check_use,
    compare, component_value, is_weak, key_value, octets_of, same, shown, use_name, weak_des_parts,
};
