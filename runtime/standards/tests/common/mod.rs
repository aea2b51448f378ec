//! Reads the published vectors that the project keeps.
#![allow(dead_code, reason = "each test program uses its part")]

use serde_json::Value;
use std::path::PathBuf;

/// A file under `tests/vectors`.
pub(crate) fn read(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    std::fs::read_to_string(root.join(path)).expect("the vector file is there")
}

/// The cases of a psec or pyemv file.
pub(crate) fn cases(path: &str) -> Vec<Case> {
    let file: Value = serde_json::from_str(&read(path)).expect("JSON");
    let list = file["cases"].as_array().expect("cases");
    list.iter().map(|case| Case(case.clone())).collect()
}

/// One published case.
pub(crate) struct Case(pub(crate) Value);

impl Case {
    /// What is called.
    pub(crate) fn op(&self) -> &str {
        self.0["op"].as_str().unwrap()
    }

    /// Whether the input must be refused.
    pub(crate) fn rejected(&self) -> bool {
        self.0["rejected"].as_bool().unwrap_or(false)
    }

    /// The expected result as text.
    pub(crate) fn out(&self) -> &str {
        self.0["out"]
            .as_str()
            .unwrap_or_else(|| panic!("no text result in {}", self.0))
    }

    /// An argument as text.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0["in"][name].as_str().unwrap_or("")
    }

    /// An argument as octets.
    pub(crate) fn octets(&self, name: &str) -> Vec<u8> {
        hex(self.text(name))
    }

    /// An argument as octets of a fixed number, none when it has another.
    pub(crate) fn array<const N: usize>(&self, name: &str) -> Option<[u8; N]> {
        self.octets(name).try_into().ok()
    }

    /// An argument as a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.0["in"][name].as_u64()
    }

    /// Digits that the source gives either as text or as the hexadecimal form of ASCII text.
    pub(crate) fn digits(&self, name: &str) -> String {
        let text = self.text(name);
        let ascii = text.len().is_multiple_of(2)
            && !text.is_empty()
            && text
                .as_bytes()
                .chunks(2)
                .all(|pair| pair[0] == b'3' && pair[1].is_ascii_digit());
        if ascii && text.len() >= 4 && !matches!(text, "3333") {
            text.as_bytes()
                .chunks(2)
                .map(|pair| char::from(pair[1]))
                .collect()
        } else {
            text.to_owned()
        }
    }

    /// Compares a result with what was published.
    pub(crate) fn check<T: AsRef<str>, E>(&self, result: Result<T, E>) {
        match result {
            Ok(found) if !self.rejected() => assert_eq!(found.as_ref(), self.out(), "{}", self.0),
            Err(_) if self.rejected() => {}
            Ok(_) => panic!("accepted, but must be refused: {}", self.0),
            Err(_) => panic!("refused, but must be accepted: {}", self.0),
        }
    }
}

/// Octets of hexadecimal text.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    cardwright_standards::hex::decode(text).unwrap_or_else(|_| panic!("not hexadecimal: {text}"))
}

/// Upper-case hexadecimal text.
pub(crate) fn to_hex(octets: impl AsRef<[u8]>) -> String {
    cardwright_standards::hex::encode(octets.as_ref())
}
