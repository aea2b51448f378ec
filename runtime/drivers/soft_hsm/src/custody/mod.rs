//! Key management: every call of the custody port, over the same ring that production uses.
//!
//! Keys and components come from the operating system's randomness, never from the root: what was
//! destroyed can't be drawn again.

mod components;
mod envelopes;
mod private_keys;
mod public;
mod wrapping;

use std::sync::Arc;

use cardwright_custody_rules as rules;
use cardwright_ports::SecretBytes;
use cardwright_ports::custody::{
    CheckValue, Enveloped, Exportability, Frame, KeyAlgorithm, KeyCustody, KeyFacts, NewKey,
    PublicKey, SealedComponent, Signing, Wrapping,
};
use cardwright_ports::hsm::{Certificate, CheckMethod, HsmError, IssuerCertificateFields, KeyUse};
use cardwright_rsa::RsaKey;
use zeroize::Zeroizing;

use crate::entropy::System;
use crate::error::{self, Refused};
use crate::hsm::Shared;
use crate::keys::{Key, Material};

/// A session of key management.
pub(crate) struct Custody<'a> {
    shared: &'a Shared,
}

impl<'a> Custody<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        Self { shared }
    }

    /// The key of a label.
    fn named(&self, label: &str) -> Result<Arc<Key>, Refused> {
        self.shared
            .named(label)?
            .ok_or_else(|| error::LABEL.found(format!("no key {}", rules::shown(label))))
    }

    /// Refuses a new key that can't be before anything is drawn or opened.
    fn check_new(&self, key: &NewKey<'_>) -> Result<(), Refused> {
        rules::check_label(key.label)?;
        rules::check_use(key.algorithm, key.usage)?;
        if self.shared.named(key.label)?.is_some() {
            return Err(error::LABEL_TAKEN.found(format!("key {} is there", key.label)));
        }
        Ok(())
    }

    /// Takes a key in whose check value, when one is expected, is right.
    fn keep(
        &self,
        key: &NewKey<'_>,
        material: Material,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, Refused> {
        let made = Key::new(
            key.label,
            key.algorithm.name(),
            key.usage,
            key.exportability,
            material,
        );
        if let Some(expected) = expected {
            compare(&made, expected)?;
        }
        let facts = facts(&made)?;
        self.shared.add(made)?;
        Ok(facts)
    }

    /// Takes the octets of a symmetric key in.
    fn keep_octets(
        &self,
        key: &NewKey<'_>,
        octets: &[u8],
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, Refused> {
        rules::check_form(key.algorithm, octets)?;
        if rules::is_weak(key.algorithm, octets) {
            return Err(error::COMPONENT.found("a weak key"));
        }
        let material = Material::symmetric(key.algorithm.name(), octets)?;
        self.keep(key, material, expected)
    }
}

/// What everybody may know of a key.
fn facts(key: &Key) -> Result<KeyFacts, Refused> {
    let (bits, exponent) = key.size();
    let algorithm = KeyAlgorithm::from_name(&key.algorithm, bits, exponent)
        .ok_or_else(|| error::KEY_DIFFERS.found("an algorithm without a name"))?;
    let methods: &[CheckMethod] = match algorithm {
        KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3 => &[CheckMethod::Ecb],
        KeyAlgorithm::Rsa { .. } | KeyAlgorithm::P256 => &[CheckMethod::Sha256],
        _ => &[CheckMethod::Cmac, CheckMethod::Gp],
    };
    let value = |method: &CheckMethod| {
        Ok(CheckValue {
            method: *method,
            octets: key.check_value(*method)?,
        })
    };
    Ok(KeyFacts {
        label: key.name.clone(),
        algorithm,
        usage: key.usage,
        exportability: key.exportability,
        check_values: methods.iter().map(value).collect::<Result<_, Refused>>()?,
    })
}

/// Compares as many octets as the shorter of two check values has.
fn compare(key: &Key, expected: &CheckValue) -> Result<(), Refused> {
    rules::compare(&key.name, &key.check_value(expected.method)?, expected)
}

/// Fills octets from the operating system.
fn random(octets: &mut [u8]) -> Result<(), Refused> {
    getrandom::fill(octets)
        .map_err(|e| error::RANDOMNESS.found(format!("the operating system says: {e}")))
}

/// Octets of a symmetric key or component, with parity, not weak.
fn draw(algorithm: KeyAlgorithm) -> Result<Zeroizing<Vec<u8>>, Refused> {
    rules::components::drawn(algorithm, &mut random)
}

/// A new RSA key.
fn generate(bits: u32, exponent: u32) -> Result<RsaKey, Refused> {
    cardwright_rsa::generate(bits, exponent, &mut System).map_err(error::of_rsa)
}

impl KeyCustody for Custody<'_> {
    fn generate(&mut self, key: &NewKey<'_>) -> Result<KeyFacts, HsmError> {
        self.check_new(key)?;
        let material = match key.algorithm {
            KeyAlgorithm::Rsa { bits, exponent } => Material::Rsa(generate(bits, exponent)?),
            KeyAlgorithm::P256 => Material::P256(rules::components::scalar(&mut random)?),
            symmetric => Material::symmetric(symmetric.name(), &draw(symmetric)?)?,
        };
        self.keep(key, material, None)
    }

    fn keys(&mut self) -> Result<Vec<KeyFacts>, HsmError> {
        self.shared.all()?.iter().map(|key| facts(key)).collect()
    }

    fn key(&mut self, label: &str) -> Result<Option<KeyFacts>, HsmError> {
        self.shared.named(label)?.map(|key| facts(&key)).transpose()
    }

    fn check_value(&mut self, label: &str, method: CheckMethod) -> Result<CheckValue, HsmError> {
        let octets = self.named(label)?.check_value(method)?;
        Ok(CheckValue { method, octets })
    }

    fn public_key(&mut self, label: &str) -> Result<PublicKey, HsmError> {
        let key = self.named(label)?;
        match &key.material {
            Material::P256(secret) => Ok(PublicKey::P256(rules::private_keys::point(secret))),
            _ => key.rsa().map(|rsa| PublicKey::Rsa {
                modulus: rsa.modulus().to_vec(),
                exponent: rsa.exponent(),
            }),
        }
    }

    fn destroy(&mut self, label: &str) -> Result<(), HsmError> {
        self.shared.destroy(label)
    }

    fn new_component(
        &mut self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
    ) -> Result<SealedComponent, HsmError> {
        self.drawn_component(ceremony, algorithm)
    }

    fn take_component(
        &mut self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
        clear: &SecretBytes,
    ) -> Result<SealedComponent, HsmError> {
        self.taken_component(ceremony, algorithm, clear.expose())
    }

    fn reveal_component(
        &mut self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
        component: &SealedComponent,
    ) -> Result<SecretBytes, HsmError> {
        let mut clear = self.opened_component(ceremony, algorithm, component)?;
        Ok(SecretBytes::new(std::mem::take(&mut *clear)))
    }

    fn combine(
        &mut self,
        ceremony: &str,
        components: &[SealedComponent],
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError> {
        self.combined(ceremony, components, key, expected)
    }

    fn split(
        &mut self,
        ceremony: &str,
        label: &str,
        components: usize,
    ) -> Result<Vec<SealedComponent>, HsmError> {
        self.taken_apart(ceremony, label, components)
    }

    fn wrap(
        &mut self,
        label: &str,
        under: &str,
        wrapping: &Wrapping<'_>,
    ) -> Result<Vec<u8>, HsmError> {
        self.wrapped(label, under, wrapping)
    }

    fn unwrap(
        &mut self,
        wrapped: &[u8],
        under: &str,
        wrapping: &Wrapping<'_>,
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError> {
        self.unwrapped(wrapped, under, wrapping, key, expected)
    }

    fn envelop(
        &mut self,
        label: &str,
        receiver: (&[u8], u32),
        frame: &Frame<'_>,
    ) -> Result<Enveloped, HsmError> {
        self.enveloped(label, receiver, frame)
    }

    fn open_envelope(
        &mut self,
        enveloped: &Enveloped,
        under: &str,
        frames: &[Frame<'_>],
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError> {
        self.opened_envelope(enveloped, under, frames, key, expected)
    }

    fn sign(&mut self, label: &str, what: &Signing<'_>) -> Result<Vec<u8>, HsmError> {
        self.signature(label, what)
    }

    fn certify_issuer(
        &mut self,
        authority: &str,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, HsmError> {
        let key = self.named(authority)?;
        key.check_use(KeyUse::EmvCaPrivate)?;
        crate::session::issuer_certificate(&key, fields)
    }
}

/// Whether a key may leave at all.
fn may_leave(key: &Key) -> Result<(), Refused> {
    if key.exportability == Exportability::NonExportable {
        return Err(error::MAY_NOT_TRAVEL.found(format!("key {} is not exportable", key.name)));
    }
    Ok(())
}
