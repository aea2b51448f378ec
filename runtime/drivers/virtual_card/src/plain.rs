//! Plain applets: what a proprietary application keeps is what its maker says, grouping by grouping.
//!
//! Their commands are READ RECORD for groupings that are records, and GET DATA, whose P1 P2 is the
//! number of a grouping; what came enciphered is never given out.

use crate::apdu::{Answer, Command, sw};
use crate::application::{Application, Groupings};
use crate::crypto::{Secret, secret, unpad};
use crate::groupings::{is_record, number};
use crate::profile::{Profile, Reason};
use crate::tlv;
use serde::{Deserialize, Serialize};

/// How an enciphered grouping is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlainPadding {
    /// Not at all.
    None,
    /// `80 00…` always.
    Always,
    /// `80 00…` when it is not whole blocks.
    IfNeeded,
    /// PKCS #7.
    Pkcs7,
    /// Zeros when it is not whole blocks.
    Zeros,
}

/// A grouping that a plain applet keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlainGrouping {
    /// Number.
    pub number: u16,
    /// Whether it travels enciphered.
    pub secret: bool,
    /// Padding, where it does.
    pub padding: PlainPadding,
    /// Clear octets, where all cards have as many.
    pub octets: Option<usize>,
    /// Whether it travels in the command of the one before.
    pub joined: bool,
}

/// A plain applet that the card's maker installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlainApplet {
    /// AID.
    pub aid: Vec<u8>,
    /// What it keeps, in the order in which it wants it.
    pub groupings: Vec<PlainGrouping>,
}

impl PlainGrouping {
    /// Takes the padding off; nothing when it is not as the maker says.
    pub(crate) fn unpad(&self, clear: &[u8]) -> Option<Secret> {
        let whole = || Some(secret(clear));
        match self.padding {
            PlainPadding::None => whole(),
            PlainPadding::Always => unpad(clear).map(secret),
            PlainPadding::IfNeeded => match self.octets {
                Some(octets) if octets == clear.len() => whole(),
                _ => unpad(clear).map(secret),
            },
            PlainPadding::Pkcs7 => {
                let count = usize::from(*clear.last()?);
                let (value, fill) = clear.split_at_checked(clear.len().checked_sub(count)?)?;
                let fine =
                    (1..=16).contains(&count) && fill.iter().all(|o| usize::from(*o) == count);
                fine.then(|| secret(value))
            }
            PlainPadding::Zeros => {
                let (value, fill) = clear.split_at_checked(self.octets.unwrap_or(clear.len()))?;
                (fill.len() < 16 && fill.iter().all(|o| *o == 0)).then(|| secret(value))
            }
        }
    }
}

/// The groupings of a command come in the maker's order, joined ones beside each other.
pub(crate) fn in_order(
    rules: &[PlainGrouping],
    kept: &Groupings,
    coming: impl Iterator<Item = u16>,
) -> Result<(), Reason> {
    let place = |number: u16| rules.iter().position(|rule| rule.number == number);
    let mut last = rules
        .iter()
        .rposition(|rule| kept.contains_key(&rule.number));
    for (at, number) in coming.enumerate() {
        let Some(now) = place(number) else {
            continue; // refused as unknown
        };
        if last.is_some_and(|last| now <= last) {
            return Err(format!("DGI {number:04X} comes too late"));
        }
        let joined = rules.get(now).is_some_and(|rule| rule.joined);
        if joined && (at == 0 || last != now.checked_sub(1)) {
            return Err(format!(
                "DGI {number:04X} travels in the command of the one before"
            ));
        }
        last = Some(now);
    }
    Ok(())
}

/// The application, once all its groupings are there.
pub(crate) fn build(groups: &Groupings, rules: &[PlainGrouping]) -> Result<Profile, Reason> {
    let missing = rules.iter().find(|rule| !groups.contains_key(&rule.number));
    if let Some(rule) = missing {
        return Err(format!("DGI {:04X} is missing", rule.number));
    }
    let template = |grouping| {
        let value = groups.get(&grouping)?;
        tlv::only(value, 0xA5)?;
        Some(value.to_vec())
    };
    let records = groups.iter().filter(|(grouping, _)| is_record(**grouping));
    Ok(Profile {
        contact_fci: template(number::FCI).unwrap_or_else(|| tlv::write(0xA5, &[])),
        contactless_fci: template(number::FCI_CONTACTLESS),
        records: records
            .map(|(grouping, value)| {
                let [sfi, record] = grouping.to_be_bytes();
                ((sfi, record), value.to_vec())
            })
            .collect(),
        options: None,
        payment: None,
        magstripe: None,
    })
}

/// Obeys a command to a plain applet.
pub(crate) fn execute(
    application: &Application,
    rules: &[PlainGrouping],
    command: &Command,
) -> Answer {
    let profile = application.profile.as_ref().ok_or(sw::CONDITIONS)?;
    if !command.data.is_empty() {
        return Err(sw::WRONG_LENGTH);
    }
    match (command.cla, command.ins) {
        (0x00, 0xB2) => {
            if command.p2 & 0x07 != 0x04 || command.p1 == 0 {
                return Err(sw::WRONG_P1P2);
            }
            let record = profile.records.get(&(command.p2 >> 3, command.p1));
            record.cloned().ok_or(sw::NO_RECORD)
        }
        (0x80, 0xCA) => {
            let number = u16::from_be_bytes([command.p1, command.p2]);
            let rule = rules.iter().find(|rule| rule.number == number);
            if rule.ok_or(sw::NO_DATA)?.secret {
                return Err(sw::SECURITY);
            }
            let value = application.groups.get(&number).ok_or(sw::NO_DATA)?;
            Ok(value.to_vec())
        }
        (_, 0xB2 | 0xCA) => Err(sw::WRONG_CLA),
        _ => Err(sw::WRONG_INS),
    }
}
