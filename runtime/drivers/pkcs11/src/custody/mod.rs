//! Key management: every call of the custody port, over the same objects that production uses.
//!
//! What the token does inside stays inside ([`compositions`]); what needs a key in host memory is
//! refused where the site says so (R1336). A key is in all tokens or in none.

mod agreement;
mod blocks;
mod components;
mod compositions;
mod envelopes;
mod find;
mod inside;
mod make;
pub(crate) mod pairs;
mod private_keys;
pub(crate) mod probes;
mod reveal;
mod spread;
mod steps;
mod wrapping;

pub(crate) use compositions::COMPOSITIONS;

use std::sync::PoisonError;

use cardwright_custody_rules as rules;
use cardwright_ports::SecretBytes;
use cardwright_ports::custody::{
    CheckValue, Enveloped, Exportability, Frame, KeyAlgorithm, KeyCustody, KeyFacts, NewKey,
    PublicKey, SealedComponent, Signing, Spread, Wrapping,
};
use cardwright_ports::hsm::{Certificate, CheckMethod, HsmError, IssuerCertificateFields};

use crate::error::{Refused, Trouble};
use crate::hsm::Shared;
use crate::making::labels_of;
use crate::tool::Tool;
use find::Found;

/// A session of key management.
pub(crate) struct Custody<'h> {
    shared: &'h Shared,
}

impl<'h> Custody<'h> {
    pub(crate) fn new(shared: &'h Shared) -> Self {
        Self { shared }
    }

    /// The key of a label, if there is one.
    fn find(&self, label: &str) -> Result<Option<Found>, Refused> {
        let label = label.to_owned();
        self.shared
            .work(move |tool| find::named(tool.session()?, &label))
    }

    /// The key of a label. Its handle is good in one token: a job finds it again.
    fn found(&self, label: &str) -> Result<Found, Refused> {
        let label = label.to_owned();
        self.shared
            .work(move |tool| find::present(tool.session()?, &label))
    }

    /// A job with one key.
    fn with_one<T: Send + 'static>(
        &self,
        key: &Found,
        job: impl Fn(&Tool<'_>, &Found) -> Result<T, Trouble> + Send + Sync + 'static,
    ) -> Result<T, Refused> {
        let label = key.label.clone();
        self.shared
            .work(move |tool| job(tool, &find::present(tool.session()?, &label)?))
    }

    /// A job with a key and the key that wraps it.
    fn with_both<T: Send + 'static>(
        &self,
        key: &Found,
        under: &Found,
        job: impl Fn(&Tool<'_>, &Found, &Found) -> Result<T, Trouble> + Send + Sync + 'static,
    ) -> Result<T, Refused> {
        let under = under.label.clone();
        self.with_one(key, move |tool, key| {
            job(tool, key, &find::present(tool.session()?, &under)?)
        })
    }
}

/// Whether a key may leave at all.
fn may_leave(key: &Found) -> Result<(), Refused> {
    match key.exportability {
        Exportability::NonExportable => {
            Err(rules::MAY_NOT_TRAVEL.found(format!("key {} is not exportable", key.label)))
        }
        Exportability::Exportable | Exportability::Sensitive => Ok(()),
    }
}

impl KeyCustody for Custody<'_> {
    fn generate(&mut self, key: &NewKey<'_>) -> Result<KeyFacts, HsmError> {
        self.generated(key)
    }

    fn keys(&mut self) -> Result<Vec<KeyFacts>, HsmError> {
        self.shared.work(|tool| {
            find::steadily(tool.session()?, |session| {
                let keys = find::all(session)?;
                keys.iter().map(|key| find::facts(tool, key)).collect()
            })
        })
    }

    fn key(&mut self, label: &str) -> Result<Option<KeyFacts>, HsmError> {
        let label = label.to_owned();
        self.shared.work(move |tool| {
            let key = find::named(tool.session()?, &label)?;
            key.map(|key| find::facts(tool, &key)).transpose()
        })
    }

    fn check_value(&mut self, label: &str, method: CheckMethod) -> Result<CheckValue, HsmError> {
        let label = label.to_owned();
        let octets = self.shared.work(move |tool| {
            let key = find::present(tool.session()?, &label)?;
            find::check_value(tool, &key, method)
        })?;
        Ok(CheckValue { method, octets })
    }

    fn public_key(&mut self, label: &str) -> Result<PublicKey, HsmError> {
        let label = label.to_owned();
        self.shared.work(move |tool| {
            let key = find::present(tool.session()?, &label)?;
            find::public_key(tool.session()?, &key)
        })
    }

    fn destroy(&mut self, label: &str) -> Result<(), HsmError> {
        let removed = self.shared.destroy(&labels_of(label))?;
        let mut ring = self
            .shared
            .ring
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        ring.forget(label);
        match removed {
            0 => Err(rules::LABEL.found(format!("no key {}", rules::shown(label)))),
            _ => Ok(()),
        }
    }

    fn spread(&mut self) -> Result<Vec<Spread>, HsmError> {
        self.spread_of_keys()
    }

    fn copy(&mut self, label: &str) -> Result<KeyFacts, HsmError> {
        self.copied_to_all(label)
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
        self.revealed_component(ceremony, algorithm, component)
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
        self.issuer_certificate(authority, fields)
    }
}
