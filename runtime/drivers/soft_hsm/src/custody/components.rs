//! Components: drawn or typed, sealed for one ceremony and algorithm, joined by XOR.

use cardwright_ports::custody::{CheckValue, KeyAlgorithm, KeyFacts, NewKey, SealedComponent};
use zeroize::Zeroizing;

use super::{Custody, draw, private_keys, random, rules};
use crate::error::{self, Refused};
use rules::{COMPONENTS, same};

const KIND: &str = "component";
const CEREMONY_OCTETS_MAX: usize = 256;

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
            .map_err(|_| {
                error::COMPONENT.found("a component that was not sealed here for this ceremony")
            })?;
        rules::check_form(algorithm, &clear)?;
        Ok(clear)
    }

    pub(super) fn combined(
        &self,
        ceremony: &str,
        components: &[SealedComponent],
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, Refused> {
        self.check_new(key)?;
        if !COMPONENTS.contains(&components.len()) {
            return Err(error::COMPONENT.found(format!("{} components", components.len())));
        }
        let length = rules::octets_of(key.algorithm)?;
        let mut sum = Zeroizing::new(vec![0; length]);
        let mut clear: Vec<Zeroizing<Vec<u8>>> = Vec::with_capacity(components.len());
        for component in components {
            let opened = self.opened_component(ceremony, key.algorithm, component)?;
            if clear.iter().any(|other| same(other, &opened)) {
                return Err(error::COMPONENT.found("the same component twice"));
            }
            for (octet, part) in sum.iter_mut().zip(opened.iter()) {
                *octet ^= part;
            }
            clear.push(opened);
        }
        // An even number of DES components has even parity.
        rules::adjust(key.algorithm, &mut sum);
        self.keep_octets(key, &sum, expected)
    }

    pub(super) fn taken_apart(
        &self,
        ceremony: &str,
        label: &str,
        components: usize,
    ) -> Result<Vec<SealedComponent>, Refused> {
        let key = self.named(label)?;
        super::may_leave(&key)?;
        let algorithm = super::facts(&key)?.algorithm;
        rules::octets_of(algorithm)?;
        if !COMPONENTS.contains(&components) {
            return Err(error::COMPONENT.found(format!("{components} components")));
        }
        for _ in 0..super::DRAWS_MAX {
            // All but the last are drawn; the last is what is missing to the key.
            let mut last = private_keys::block_octets(&key.material)?;
            let mut parts = Vec::with_capacity(components);
            for _ in 1..components {
                let part = draw(algorithm)?;
                for (octet, other) in last.iter_mut().zip(part.iter()) {
                    *octet ^= other;
                }
                parts.push(part);
            }
            rules::adjust(algorithm, &mut last);
            let twice = parts.iter().any(|part| same(part, &last));
            if rules::is_weak(algorithm, &last) || twice {
                continue;
            }
            parts.push(last);
            let seal = |part: &Zeroizing<Vec<u8>>| self.sealed_component(ceremony, algorithm, part);
            return parts.iter().map(seal).collect();
        }
        Err(error::RANDOMNESS.found("sixteen weak components one after another"))
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
