//! Pure domain code, one module per standard. No I/O, no clock, no randomness: what must be
//! random is passed in. No code here knows the language, a bundle or a device.

pub mod apdu;
pub mod cipher;
pub mod codes;
pub mod components;
pub mod cvv;
mod des;
pub mod des_keys;
pub mod digits;
pub mod emboss;
pub mod emv;
pub mod face;
pub mod formats;
pub mod globalplatform;
pub mod hex;
pub mod kcv;
pub mod key_policy;
pub mod key_wrap;
pub mod keyblock;
pub mod legacy_wrap;
pub mod mac;
pub mod names;
pub mod ndef;
pub mod pan;
pub mod pin;
pub mod piv;
pub mod symbol;
pub mod tags;
pub mod test_keys;
pub mod tlv;
pub mod track;
pub mod x509;
