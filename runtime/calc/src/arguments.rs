//! Arguments of a calculator, read by name; errors name the argument and never its value.

use crate::CalcError;
use cardwright_standards::cipher::{AesKey, CipherError, TdesKey};
use cardwright_standards::hex;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Longest hexadecimal argument in characters.
const HEX_CHARACTERS_MAX: usize = 1 << 20;

/// The members of the object.
pub(crate) struct Arguments<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Arguments<'a> {
    /// A text that may be missing. Numbers are taken as text: `"pvki": 1`.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<String>, CalcError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(wrong(name, "is neither text nor number")),
        }
    }

    /// A text.
    pub(crate) fn text(&self, name: &'static str) -> Result<String, CalcError> {
        self.optional(name)?.ok_or_else(|| missing(name))
    }

    /// A text, or a default.
    pub(crate) fn text_or(&self, name: &'static str, default: &str) -> Result<String, CalcError> {
        Ok(self.optional(name)?.unwrap_or_else(|| default.to_owned()))
    }

    /// Octets in hexadecimal.
    pub(crate) fn octets(&self, name: &'static str) -> Result<Zeroizing<Vec<u8>>, CalcError> {
        self.optional_octets(name)?.ok_or_else(|| missing(name))
    }

    /// Octets in hexadecimal that may be missing.
    pub(crate) fn optional_octets(
        &self,
        name: &'static str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, CalcError> {
        let Some(text) = self.optional(name)?.map(Zeroizing::new) else {
            return Ok(None);
        };
        if text.len() > HEX_CHARACTERS_MAX {
            return Err(wrong(name, "is too long"));
        }
        let octets = hex::decode(&text).map_err(|error| wrong(name, &error.to_string()))?;
        Ok(Some(Zeroizing::new(octets)))
    }

    /// A fixed number of octets in hexadecimal.
    pub(crate) fn array<const N: usize>(&self, name: &'static str) -> Result<[u8; N], CalcError> {
        let octets = self.octets(name)?;
        let fault = format!("has {} octets, {N} are needed", octets.len());
        <[u8; N]>::try_from(octets.as_slice()).map_err(|_| wrong(name, &fault))
    }

    /// A number.
    pub(crate) fn number(&self, name: &'static str) -> Result<usize, CalcError> {
        self.text(name)?
            .parse()
            .map_err(|_| wrong(name, "is not a whole number"))
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(
        &self,
        name: &'static str,
        given: &str,
        words: &[(&str, T)],
    ) -> Result<T, CalcError> {
        let found = words.iter().find(|(word, _)| *word == given);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            wrong(name, &format!("is none of {}", known.join(", ")))
        })
    }

    /// A 3DES key.
    pub(crate) fn tdes(&self, name: &'static str) -> Result<TdesKey, CalcError> {
        TdesKey::new(&self.octets(name)?).map_err(|error| key_fault(name, error))
    }

    /// An AES key.
    pub(crate) fn aes(&self, name: &'static str) -> Result<AesKey, CalcError> {
        AesKey::new(&self.octets(name)?).map_err(|error| key_fault(name, error))
    }
}

/// A missing argument.
pub(crate) fn missing(name: &'static str) -> CalcError {
    CalcError::new("E0092", format!("argument `{name}` is missing"))
}

/// An argument that is there and wrong.
pub(crate) fn wrong(name: &'static str, what: &str) -> CalcError {
    CalcError::new("E0093", format!("argument `{name}` {what}"))
}

/// A key of the wrong length.
pub(crate) fn key_fault(name: &'static str, error: CipherError) -> CalcError {
    CalcError::new(error.code(), format!("argument `{name}`: {error}"))
}

/// A closure for `map_err` on errors of the standards crate, which have codes and texts of their
/// own.
macro_rules! fault {
    () => {
        |error| $crate::CalcError::new(error.code(), error.to_string())
    };
}
pub(crate) use fault;

/// Upper-case hexadecimal text as a result.
pub(crate) fn hex_value(octets: impl AsRef<[u8]>) -> Value {
    Value::String(hex::encode(octets.as_ref()))
}

/// Random octets where no fill was given.
pub(crate) fn random(octets: usize) -> Result<Zeroizing<Vec<u8>>, CalcError> {
    random_from(octets, getrandom::fill)
}

/// Octets from a source of random octets.
fn random_from<E>(
    octets: usize,
    source: impl FnOnce(&mut [u8]) -> Result<(), E>,
) -> Result<Zeroizing<Vec<u8>>, CalcError> {
    let mut fill = Zeroizing::new(vec![0u8; octets]);
    source(&mut fill).map_err(|_| CalcError::new("E0095", "the system gives no random octets"))?;
    Ok(fill)
}

#[cfg(test)]
mod tests {
    use super::random_from;

    #[test]
    fn a_system_without_randomness_is_said() {
        let refused = random_from(16, |_| Err(())).map(|_| ());
        assert_eq!(refused.map_err(|e| e.code), Err("E0095"));
        assert_eq!(
            random_from(16, |_| Ok::<(), ()>(())).map(|r| r.len()),
            Ok(16)
        );
    }
}
