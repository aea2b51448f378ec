//! Components: drawn by the token or typed, sealed under its storage key for one ceremony and
//! algorithm, joined by XOR in host memory where the site allows it.

use cardwright_ports::SecretBytes;
use cardwright_ports::custody::{CheckValue, KeyAlgorithm, KeyFacts, NewKey, SealedComponent};
use zeroize::Zeroizing;

use super::make::{DRAWS_MAX, draw, system};
use super::{Custody, find, may_leave, reveal, rules};
use crate::composition::Intent;
use crate::error::{self, Refused};
use crate::objects::Flags;

const KIND: &str = "component";
const CEREMONY_OCTETS_MAX: usize = 256;

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
            draw(algorithm, &mut |octets| {
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
            code if code == error::SEALED.code => {
                rules::COMPONENT.found("a component that was not sealed here for this ceremony")
            }
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
        components: &[SealedComponent],
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, Refused> {
        let new = self.check_new(key)?;
        self.components_allowed()?;
        if !rules::COMPONENTS.contains(&components.len()) {
            return Err(rules::COMPONENT.found(format!("{} components", components.len())));
        }
        let length = rules::octets_of(key.algorithm)?;
        let mut sum = Zeroizing::new(vec![0; length]);
        let mut clear: Vec<Zeroizing<Vec<u8>>> = Vec::with_capacity(components.len());
        for component in components {
            let opened = self.opened_component(ceremony, key.algorithm, component)?;
            if clear.iter().any(|other| rules::same(other, &opened)) {
                return Err(rules::COMPONENT.found("the same component twice"));
            }
            for (octet, part) in sum.iter_mut().zip(opened.iter()) {
                *octet ^= part;
            }
            clear.push(opened);
        }
        // An even number of DES components has even parity.
        rules::adjust(key.algorithm, &mut sum);
        self.keep_octets(&new, sum, expected)
    }

    pub(super) fn taken_apart(
        &self,
        ceremony: &str,
        label: &str,
        components: usize,
    ) -> Result<Vec<SealedComponent>, Refused> {
        let key = self.found(label)?;
        may_leave(&key)?;
        let algorithm = key.algorithm;
        rules::octets_of(algorithm)?;
        self.components_allowed()?;
        if !rules::COMPONENTS.contains(&components) {
            return Err(rules::COMPONENT.found(format!("{components} components")));
        }
        let label = label.to_owned();
        let parts = self.shared.work(move |tool| {
            let whole = reveal::octets(tool, &find::present(tool.session()?, &label)?)?;
            for _ in 0..DRAWS_MAX {
                // All but the last are drawn; the last is what is missing to the key.
                let mut last = whole.clone();
                let mut parts = Vec::with_capacity(components);
                for _ in 1..components {
                    let part = draw(algorithm, &mut |octets| {
                        Ok(tool.session()?.random(octets)?)
                    })?;
                    for (octet, other) in last.iter_mut().zip(part.iter()) {
                        *octet ^= other;
                    }
                    parts.push(part);
                }
                rules::adjust(algorithm, &mut last);
                let twice = parts.iter().any(|part| rules::same(part, &last));
                if !rules::is_weak(algorithm, &last) && !twice {
                    parts.push(last);
                    return Ok(parts);
                }
            }
            let what = "sixteen weak components one after another";
            Err(error::RANDOMNESS.found(what).into())
        })?;
        parts
            .iter()
            .map(|part| self.sealed_component(ceremony, algorithm, part))
            .collect()
    }
}

/// What a component is sealed for: ceremony, algorithm, check value.
fn bound(ceremony: &str, algorithm: KeyAlgorithm, value: &CheckValue) -> Result<Vec<u8>, Refused> {
    if ceremony.is_empty() || ceremony.len() > CEREMONY_OCTETS_MAX {
        return Err(error::ARGUMENT.found("a ceremony's name of 0 or more than 256 octets"));
    }
    let mut bound = ceremony.as_bytes().to_vec();
    bound.push(0);
    bound.extend_from_slice(algorithm.name().as_bytes());
    bound.push(0);
    bound.extend_from_slice(&value.octets);
    Ok(bound)
}
