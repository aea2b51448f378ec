//! Applications of several modes: which of their data groupings a terminal meets in the mode that it
//! offers.

use super::{Failure, objects};
use cardwright_bundle::{Application, FurtherMode};
use cardwright_runtime::datagen::{ApplicationData, DgiValue};
use std::collections::BTreeSet;

/// AIP and AFL of an application's first mode (EMV CPS).
const FIRST: u16 = 0x9104;

/// Data groupings with answers to GET PROCESSING OPTIONS, and the records that they name.
pub(super) struct Answers {
    /// The answer of the mode that the terminal offers.
    pub(super) own: u16,
    /// Answers and records of other modes, without the records that its own AFL names.
    others: BTreeSet<u16>,
}

impl Answers {
    /// What an application was made with, for a terminal of a mode.
    pub(super) fn of(
        declared: &Application,
        made: &ApplicationData,
        mode: Option<&str>,
    ) -> Result<Self, Failure> {
        let own = match mode {
            Some(mode) => further(declared, mode)?.options,
            None => FIRST,
        };
        let mut others = BTreeSet::new();
        if declared.further.is_empty() {
            return Ok(Self { own, others });
        }
        let all = declared.further.iter().map(|further| further.options);
        for number in all.chain([FIRST]).filter(|number| *number != own) {
            others.insert(number);
            others.extend(records(made, number)?);
        }
        for number in records(made, own)? {
            others.remove(&number);
        }
        Ok(Self { own, others })
    }

    /// Whether a data grouping is one that only terminals of another mode meet.
    pub(super) fn are_of_another(&self, number: u16) -> bool {
        self.others.contains(&number)
    }
}

/// A mode beside the first.
pub(super) fn further<'a>(
    declared: &'a Application,
    mode: &str,
) -> Result<&'a FurtherMode, Failure> {
    let mut modes = declared.further.iter();
    let found = modes.find(|further| further.mode == mode);
    found.ok_or_else(|| Failure::new("R1259", format!("the application has no mode `{mode}`")))
}

/// Records that the AFL in a data grouping names, as numbers of data groupings.
fn records(made: &ApplicationData, number: u16) -> Result<Vec<u16>, Failure> {
    let found = made.dgis.iter().find(|dgi| dgi.number == number);
    let Some(DgiValue::Clear(octets)) = found.map(|dgi| &dgi.value) else {
        return Ok(Vec::new()); // a card product has it elsewhere
    };
    let locator = objects::top(octets, "94")?;
    let (entries, _) = locator.as_chunks::<4>();
    let named = entries.iter().flat_map(|[sfi, first, last, _]| {
        (*first..=*last).map(|record| u16::from_be_bytes([*sfi >> 3, record]))
    });
    Ok(named.collect())
}
