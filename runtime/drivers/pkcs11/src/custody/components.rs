//! Components: drawn by the token or typed, sealed under its storage key for one ceremony and
//! algorithm, joined inside, or by XOR in host memory where the site allows it.

use cardwright_custody_rules::components::{self, KIND, bound};
use cardwright_ports::SecretBytes;
use cardwright_ports::custody::{CheckValue, KeyAlgorithm, KeyFacts, NewKey, SealedComponent};
use zeroize::Zeroizing;

use super::make::{New, Source, system};
use super::{Custody, find, inside, may_leave, reveal, rules};
use crate::composition::{Intent, Way};
use crate::error::{self, Refused, Trouble};
use crate::objects::Flags;
use crate::tool::Tool;

/// Seals a component, which its check value is told with.
fn sealed(
    tool: &Tool<'_>,
    (ceremony, algorithm): (&str, KeyAlgorithm),
    clear: &[u8],
) -> Result<SealedComponent, Trouble> {
    let check_value = rules::component_value(algorithm, clear)?;
    let bound = bound(ceremony, algorithm, &check_value)?;
    // Equal components of two custodians must not show as equal blobs.
    let mut context = [0; 16];
    system(&mut context)?;
    let blob = tool.seal(KIND, (&bound, &context), clear)?;
    Ok(SealedComponent { blob, check_value })
}

/// Opens a component of a ceremony.
fn opened(
    tool: &Tool<'_>,
    (ceremony, algorithm): (&str, KeyAlgorithm),
    component: &SealedComponent,
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let bound = bound(ceremony, algorithm, &component.check_value)?;
    let clear = tool.open(KIND, &bound, &component.blob);
    let clear = clear.map_err(|trouble| match trouble {
        Trouble::Ours(refused) if refused.code == error::SEALED.code => {
            components::not_of_this_ceremony().into()
        }
        trouble => trouble,
    })?;
    rules::check_form(algorithm, &clear)?;
    Ok(clear)
}

impl Custody<'_> {
    /// Refused at a ceremony's first step, not at its last.
    fn components_way(&self, algorithm: KeyAlgorithm) -> Result<Way, Refused> {
        let intent = match algorithm.has_parity() {
            true => Intent::ComponentsTdes,
            false => Intent::ComponentsAes,
        };
        self.shared.plan.way(intent, Flags::NONE)
    }

    pub(super) fn drawn_component(
        &self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
    ) -> Result<SealedComponent, Refused> {
        self.components_way(algorithm)?;
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
        self.components_way(algorithm)?;
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
        let (ceremony, clear) = (ceremony.to_owned(), Zeroizing::new(clear.to_vec()));
        self.shared
            .work(move |tool| sealed(tool, (&ceremony, algorithm), &clear))
    }

    pub(super) fn opened_component(
        &self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
        component: &SealedComponent,
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let (ceremony, component) = (ceremony.to_owned(), component.clone());
        self.shared
            .work(move |tool| opened(tool, (&ceremony, algorithm), &component))
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
        rules::octets_of(key.algorithm)?;
        if self.components_way(key.algorithm)? == Way::Inside {
            let source = self.formed_of(ceremony, parts, &new, expected)?;
            return self.keep(&new, source);
        }
        let sum = components::joined(key.algorithm, parts, |part| {
            self.opened_component(ceremony, key.algorithm, part)
        })?;
        self.keep_octets(&new, sum, expected)
    }

    /// A key of components that are joined inside.
    fn formed_of(
        &self,
        ceremony: &str,
        parts: &[SealedComponent],
        new: &New,
        expected: Option<&CheckValue>,
    ) -> Result<Source, Refused> {
        let (ceremony, parts) = (ceremony.to_owned(), parts.to_vec());
        let (new, expected) = (new.clone(), expected.cloned());
        self.shared.work(move |tool| {
            let of = (ceremony.as_str(), new.algorithm);
            inside::in_moment(tool.session()?, |moment| {
                let sum = inside::joined(moment, &new, &parts, |part| opened(tool, of, part))?;
                inside::formed(tool, moment, &new, sum, expected.as_ref())
            })
        })
    }

    /// Components of a key that is taken apart inside.
    fn parts_of(
        &self,
        ceremony: &str,
        label: &str,
        count: usize,
    ) -> Result<Vec<SealedComponent>, Refused> {
        let (ceremony, label) = (ceremony.to_owned(), label.to_owned());
        self.shared.work(move |tool| {
            let key = find::present(tool.session()?, &label)?;
            let of = (ceremony.as_str(), key.algorithm);
            inside::in_moment(tool.session()?, |moment| {
                inside::taken_apart(tool, moment, &key, count, |part| sealed(tool, of, part))
            })
        })
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
        let way = self.components_way(algorithm)?;
        components::check_count(count)?;
        if way == Way::Inside {
            return self.parts_of(ceremony, label, count);
        }
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
