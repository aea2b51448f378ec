//! Components: drawn by the token or typed, sealed under its storage key for one ceremony and
//! algorithm, joined by XOR in host memory where the site allows it.

use cardwright_custody_rules::components::{self, KIND, bound};
use cardwright_ports::SecretBytes;
use cardwright_ports::custody::{CheckValue, KeyAlgorithm, KeyFacts, NewKey, SealedComponent};
use zeroize::Zeroizing;

use super::make::system;
use super::{Custody, find, may_leave, reveal, rules};
use crate::composition::Intent;
use crate::error::{self, Refused};
use crate::objects::Flags;

impl Custody<'_> {
    /// Refused at a ceremony's first step, not at its last.
    fn components_allowed(&self) -> Result<(), Refused> {
        let plan = &self.shared.plan;
        plan.way(Intent::Components, Flags::NONE).map(drop)
    }

    pub(super) fn drawn_component(
        &self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
    ) -> Result<SealedComponent, Refused> {
        self.components_allowed()?;
        let clear = self.shared.work(move |tool| {
            components::drawn(algorithm, &mut |octets| {
                Ok(tool.session()?.random(octets)?)
            })
        })?;
        self.sealed_component(ceremony, algorithm, &clear)
    }

    pub(super) fn taken_component(
        &self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
        clear: &[u8],
    ) -> Result<SealedComponent, Refused> {
        self.components_allowed()?;
        rules::check_form(algorithm, clear)?;
        rules::check_component(algorithm, clear)?;
        self.sealed_component(ceremony, algorithm, clear)
    }

    fn sealed_component(
        &self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
        clear: &[u8],
    ) -> Result<SealedComponent, Refused> {
        let check_value = rules::component_value(algorithm, clear)?;
        let bound = bound(ceremony, algorithm, &check_value)?;
        // Equal components of two custodians must not show as equal blobs.
        let mut context = [0; 16];
        system(&mut context)?;
        let clear = Zeroizing::new(clear.to_vec());
        let blob = self
            .shared
            .work(move |tool| tool.seal(KIND, (&bound, &context), &clear))?;
        Ok(SealedComponent { blob, check_value })
    }

    pub(super) fn opened_component(
        &self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
        component: &SealedComponent,
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let bound = bound(ceremony, algorithm, &component.check_value)?;
        let blob = component.blob.clone();
        let clear = self.shared.work(move |tool| tool.open(KIND, &bound, &blob));
        let clear = clear.map_err(|refused| match refused.code {
            code if code == error::SEALED.code => components::not_of_this_ceremony(),
            _ => refused,
        })?;
        rules::check_form(algorithm, &clear)?;
        Ok(clear)
    }

    pub(super) fn revealed_component(
        &self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
        component: &SealedComponent,
    ) -> Result<SecretBytes, Refused> {
        let mut clear = self.opened_component(ceremony, algorithm, component)?;
        Ok(SecretBytes::new(std::mem::take(&mut *clear)))
    }

    pub(super) fn combined(
        &self,
        ceremony: &str,
        parts: &[SealedComponent],
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, Refused> {
        let new = self.check_new(key)?;
        self.components_allowed()?;
        let sum = components::joined(key.algorithm, parts, |part| {
            self.opened_component(ceremony, key.algorithm, part)
        })?;
        self.keep_octets(&new, sum, expected)
    }

    pub(super) fn taken_apart(
        &self,
        ceremony: &str,
        label: &str,
        count: usize,
    ) -> Result<Vec<SealedComponent>, Refused> {
        let key = self.found(label)?;
        may_leave(&key)?;
        let algorithm = key.algorithm;
        rules::octets_of(algorithm)?;
        self.components_allowed()?;
        components::check_count(count)?;
        let label = label.to_owned();
        let parts = self.shared.work(move |tool| {
            let whole = reveal::octets(tool, &find::present(tool.session()?, &label)?)?;
            components::taken_apart(algorithm, &whole, count, &mut |octets| {
                Ok(tool.session()?.random(octets)?)
            })
        })?;
        parts
            .iter()
            .map(|part| self.sealed_component(ceremony, algorithm, part))
            .collect()
    }
}
