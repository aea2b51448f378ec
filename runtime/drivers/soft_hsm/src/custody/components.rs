//! Components: drawn or typed, sealed for one ceremony and algorithm, joined by XOR.

use cardwright_custody_rules::components::{self, KIND, bound};
use cardwright_ports::custody::{CheckValue, KeyAlgorithm, KeyFacts, NewKey, SealedComponent};
use zeroize::Zeroizing;

use super::{Custody, draw, private_keys, random, rules};
use crate::error::Refused;

impl Custody<'_> {
    pub(super) fn drawn_component(
        &self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
    ) -> Result<SealedComponent, Refused> {
        self.sealed_component(ceremony, algorithm, &draw(algorithm)?)
    }

    pub(super) fn taken_component(
        &self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
        clear: &[u8],
    ) -> Result<SealedComponent, Refused> {
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
        random(&mut context)?;
        Ok(SealedComponent {
            blob: self.shared.sealer.seal(KIND, &bound, &context, clear)?,
            check_value,
        })
    }

    pub(super) fn opened_component(
        &self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
        component: &SealedComponent,
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let bound = bound(ceremony, algorithm, &component.check_value)?;
        let clear = self
            .shared
            .sealer
            .open(KIND, &bound, &component.blob)
            .map_err(|_| components::not_of_this_ceremony())?;
        rules::check_form(algorithm, &clear)?;
        Ok(clear)
    }

    pub(super) fn combined(
        &self,
        ceremony: &str,
        parts: &[SealedComponent],
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, Refused> {
        self.check_new(key)?;
        let sum = components::joined(key.algorithm, parts, |part| {
            self.opened_component(ceremony, key.algorithm, part)
        })?;
        self.keep_octets(key, &sum, expected)
    }

    pub(super) fn taken_apart(
        &self,
        ceremony: &str,
        label: &str,
        count: usize,
    ) -> Result<Vec<SealedComponent>, Refused> {
        let key = self.named(label)?;
        super::may_leave(&key)?;
        let algorithm = super::facts(&key)?.algorithm;
        rules::octets_of(algorithm)?;
        components::check_count(count)?;
        let whole = private_keys::block_octets(&key.material)?;
        let parts = components::taken_apart(algorithm, &whole, count, &mut random)?;
        let seal = |part: &Zeroizing<Vec<u8>>| self.sealed_component(ceremony, algorithm, part);
        parts.iter().map(seal).collect()
    }
}
