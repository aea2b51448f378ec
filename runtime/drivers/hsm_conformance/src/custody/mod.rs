//! Key custody: the same checks for every driver that offers it.

mod blocks;
mod components;
mod desk;
mod keys;
mod pairs;
mod peers;
mod wraps;

use cardwright_ports::custody::CustodyHsm;

use crate::Settings;
use crate::bench::{Checked, Stop};
use crate::report::{Outcome, Report, Row};
use desk::Desk;

/// One check.
pub(crate) struct Check {
    id: &'static str,
    intent: &'static str,
    what: &'static str,
    source: &'static str,
    test: fn(&mut Desk<'_>) -> Checked,
}

/// Names a check's row; `id intent what source function`.
macro_rules! rows {
    ($($id:literal $intent:literal $what:literal $source:literal $test:path;)*) => {
        /// The checks of this module.
        pub(super) const CHECKS: &[super::Check] = &[
            $(super::Check {
                id: $id,
                intent: $intent,
                what: $what,
                source: $source,
                test: $test,
            },)*
        ];
    };
}
pub(crate) use rows;

impl Check {
    fn row(&self, checked: Checked, settings: &Settings<'_>) -> Row {
        let outcome = match checked {
            Ok(()) => Outcome::Passed,
            Err(Stop::Fresh) => Outcome::NotOffered("fresh".to_owned()),
            Err(Stop::Wrong(what)) => Outcome::Failed(what),
            Err(Stop::Refused { intent, error }) => {
                let names = [intent, self.id];
                match names.iter().any(|name| settings.allows(name, error.code)) {
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

fn all() -> impl Iterator<Item = &'static Check> {
    [
        keys::CHECKS,
        components::CHECKS,
        blocks::CHECKS,
        wraps::CHECKS,
        pairs::CHECKS,
        peers::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// All checks of custody, for documents and for tests of the kit.
pub fn custody_catalogue() -> Vec<crate::Catalogue> {
    all().map(|c| (c.id, c.intent, c.what, c.source)).collect()
}

/// Runs all checks of custody against one HSM. It makes keys whose labels begin
/// with `kit.` and destroys every key of such a label after each check.
pub fn run_custody(hsm: &dyn CustodyHsm, settings: &Settings<'_>) -> Report {
    let mut desk = match Desk::new(hsm, settings) {
        Ok(desk) => desk,
        Err(e) => return Report::broken(format!("open_custody: {e}")),
    };
    let mut rows: Vec<Row> = all()
        .map(|check| {
            let checked = (check.test)(&mut desk);
            let tidied = desk.tidied();
            check.row(checked.and(tidied), settings)
        })
        .collect();
    rows.push(desk.secrets_row());
    Report { rows }
}
