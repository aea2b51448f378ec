//! The catalogue of checks: data first, one function each.

mod batch;
mod cards;
mod certificates;
mod channels;
mod commands;
mod draws;
mod keys;
mod pins;
mod sealed;
mod values;

use crate::Settings;
use crate::bench::{Bench, Checked, Stop};
use crate::report::{Outcome, Row};
use cardwright_ports::hsm::Draw;

/// The PAN of the published examples.
pub(crate) const PAN: &str = "4761739001010119";
/// The same card's neighbour.
pub(crate) const OTHER_PAN: &str = "4761739001010127";
/// More than sixteen digits: option B differs from option A.
pub(crate) const LONG_PAN: &str = "9999921234567890127";
/// PAN sequence number of the examples.
pub(crate) const PSN: &str = "01";

/// Sources as rows name them.
pub(crate) const PSEC: &str = "psec 1.3 and OpenSSL";
pub(crate) const PYEMV: &str = "pyemv 1.5 and OpenSSL";
pub(crate) const OPENSSL: &str = "OpenSSL";
pub(crate) const CHAIN: &str = "tests/vectors/project/vectors_rsa.json";
pub(crate) const GP: &str = "GlobalPlatform 2.3.1 and GlobalPlatformPro's check values";
pub(crate) const REFERENCE: &str = "the standards' functions, themselves held by published vectors";
pub(crate) const PORT: &str = "the port's own rules";

/// One check.
pub(crate) struct Check {
    pub(crate) id: &'static str,
    pub(crate) intent: &'static str,
    pub(crate) what: &'static str,
    pub(crate) source: &'static str,
    pub(crate) test: fn(&mut Bench<'_>) -> Checked,
}

/// Names a check's row; `id intent what source function`.
macro_rules! checks {
    ($($id:literal $intent:literal $what:literal $source:ident $test:path;)*) => {
        /// The checks of this module.
        pub(crate) const CHECKS: &[$crate::checks::Check] = &[
            $($crate::checks::Check {
                id: $id,
                intent: $intent,
                what: $what,
                source: $crate::checks::$source,
                test: $test,
            },)*
        ];
    };
}
pub(crate) use checks;

impl Check {
    /// How it ended, as a row.
    pub(crate) fn row(&self, checked: Checked, settings: &Settings<'_>) -> Row {
        let outcome = match checked {
            Ok(()) => Outcome::Passed,
            Err(Stop::Fresh) => Outcome::NotOffered("fresh".to_owned()),
            Err(Stop::Wrong(what)) => Outcome::Failed(what),
            Err(Stop::Refused { intent, error }) => {
                let documented = [intent, self.id]
                    .iter()
                    .any(|name| settings.allows(name, error.code));
                match documented {
                    true => Outcome::NotOffered(error.code.to_owned()),
                    false => Outcome::Failed(format!("{intent}: {error}")),
                }
            }
        };
        Row {
            id: self.id,
            intent: self.intent,
            what: self.what,
            source: self.source,
            outcome,
        }
    }
}

/// All checks in the order in which they run.
pub(crate) fn all() -> impl Iterator<Item = &'static Check> {
    [
        keys::CHECKS,
        values::CHECKS,
        pins::CHECKS,
        sealed::CHECKS,
        cards::CHECKS,
        certificates::CHECKS,
        channels::CHECKS,
        commands::CHECKS,
        draws::CHECKS,
        batch::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// A check as documents list it: id, intent, what, source.
pub type Catalogue = (&'static str, &'static str, &'static str, &'static str);

/// All checks, for documents and for tests of the kit.
pub fn catalogue() -> Vec<Catalogue> {
    all().map(|c| (c.id, c.intent, c.what, c.source)).collect()
}

/// A label of the kit.
pub(crate) fn draw(order: u64, purpose: &'static str) -> Draw<'static> {
    Draw {
        job: "conformance kit",
        order,
        purpose,
    }
}
