//! AES key wrap with the RFCs' own examples.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use cardwright_standards::key_wrap::{unwrap, unwrap_padded, wrap, wrap_padded};
use common::{hex, read, to_hex};

/// Wrapping key, key and wrapped key of each example.
fn cases(path: &str) -> Vec<[String; 3]> {
    let file: toml::Table = read(path).parse().unwrap();
    let cases = file["case"].as_array().unwrap().iter();
    let text = |case: &toml::Value, name: &str| case[name].as_str().unwrap().to_owned();
    cases
        .map(|case| ["kek", "key", "wrapped"].map(|name| text(case, name)))
        .collect()
}

#[test]
fn examples_of_rfc_3394() {
    let cases = cases("keywrap/rfc3394.toml");
    assert_eq!(cases.len(), 6);
    for [kek, key, wrapped] in cases {
        assert_eq!(to_hex(wrap(&hex(&kek), &hex(&key)).unwrap()), wrapped);
        assert_eq!(to_hex(&*unwrap(&hex(&kek), &hex(&wrapped)).unwrap()), key);
    }
}

#[test]
fn examples_of_rfc_5649() {
    let cases = cases("keywrap/rfc5649.toml");
    assert_eq!(cases.len(), 2);
    for [kek, key, wrapped] in cases {
        assert_eq!(
            to_hex(wrap_padded(&hex(&kek), &hex(&key)).unwrap()),
            wrapped
        );
        assert_eq!(
            to_hex(&*unwrap_padded(&hex(&kek), &hex(&wrapped)).unwrap()),
            key
        );
    }
}
