//! Applications that keep groupings: what was sent in clear comes back, what was enciphered does not.

use super::Failure;
use super::chip::Visit;
use super::objects;
use super::terminal::{Terminal, exchange};
use cardwright_runtime::datagen::DgiValue;

/// First and last grouping that is a record (EMV CPS).
const RECORDS: std::ops::RangeInclusive<u16> = 0x0101..=0x1EFF;
/// FCI proprietary templates.
const TEMPLATES: [u16; 2] = [0x9102, 0x9103];

impl Visit<'_> {
    /// Reads every grouping: records by READ RECORD, the answer to SELECT, others by GET DATA.
    pub(super) fn groupings_match_source(&mut self, terminal: &Terminal) -> Result<(), Failure> {
        let (_, made) = self.application(&terminal.application)?;
        let wanted: Vec<(u16, Option<Vec<u8>>)> = made
            .dgis
            .iter()
            .map(|dgi| match &dgi.value {
                DgiValue::Clear(value) => (dgi.number, Some(value.clone())),
                DgiValue::Sealed(..) => (dgi.number, None),
            })
            .collect();
        for (number, source) in wanted {
            let [high, low] = number.to_be_bytes();
            let title = format!("DGI {number:04X}");
            let get = [0x80, 0xCA, high, low, 0x00];
            let Some(source) = source else {
                let what = format!("GET DATA of {title}");
                if exchange(self.channel, &get, &what).is_ok() {
                    let what = format!("{title} was enciphered, and the card gives it out");
                    return Err(Failure::new("R1229", what));
                }
                continue;
            };
            let found = match number {
                number if RECORDS.contains(&number) && low != 0 => {
                    let read = [0x00, 0xB2, low, high << 3 | 0x04, 0x00];
                    exchange(self.channel, &read, &format!("READ RECORD of {title}"))?
                }
                number if TEMPLATES.contains(&number) => {
                    let contactless = terminal.interface == "contactless";
                    if contactless != (number == 0x9103) {
                        continue;
                    }
                    objects::object("A5", &terminal.fci)?
                }
                _ => exchange(self.channel, &get, &format!("GET DATA of {title}"))?,
            };
            if found != source {
                let what = format!("{title} is not what was made");
                return Err(Failure::new("R1258", what));
            }
        }
        Ok(())
    }
}
