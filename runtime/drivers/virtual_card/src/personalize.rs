//! STORE DATA: blocks into groupings, groupings into the application (EMV CPS 2.0).

use crate::apdu::{Command, Sw, sw};
use crate::application::Application;
use crate::channel::Channel;
use crate::crypto::Secret;
use crate::{Quirks, groupings, tlv};

/// P1: the last command of the application.
const LAST: u8 = 0x80;
/// P1: bits that say what is enciphered.
const ENCRYPTION: u8 = 0x60;
/// P1: bits that say how the data are structured.
const FORMAT: u8 = 0x18;
/// P1: reserved bits.
const RESERVED: u8 = 0x06;

/// Largest grouping, octets.
const GROUPING_OCTETS_MAX: usize = 4096;
/// Memory of one application, octets.
const APPLICATION_OCTETS_MAX: usize = 32_768;

/// A grouping as it came, still enciphered where it was.
struct Raw {
    number: u16,
    value: Secret,
}

/// A grouping that goes on in the next command.
struct Pending {
    number: u16,
    length: usize,
    encryption: u8,
    value: Secret,
}

/// A sequence of STORE DATA commands to one application.
#[derive(Default)]
pub(crate) struct Stream {
    next_block: u8,
    begun: bool,
    pending: Option<Pending>,
}

/// What a command left behind.
pub(crate) enum Progress {
    /// More commands are to come.
    More,
    /// The application is personalized.
    Complete,
}

/// Why a command was refused: the status word, and words for people who debug.
pub(crate) struct Refusal {
    pub(crate) status: Sw,
    pub(crate) why: String,
}

fn refuse(status: Sw, why: impl Into<String>) -> Refusal {
    Refusal {
        status,
        why: why.into(),
    }
}

impl Stream {
    /// Whether a command of this sequence was taken.
    pub(crate) fn begun(&self) -> bool {
        self.begun
    }

    /// Takes one command. The block number moves on once the command's structure is accepted,
    /// also when the application then refuses a grouping; a device may go on after 6A88.
    pub(crate) fn store(
        &mut self,
        command: &Command,
        application: &mut Application,
        channel: &Channel,
        quirks: &Quirks,
    ) -> Result<Progress, Refusal> {
        let p1 = command.p1;
        if p1 & RESERVED != 0 || p1 & ENCRYPTION == 0x40 || !matches!(p1 & FORMAT, 0x00 | 0x08) {
            return Err(refuse(
                sw::WRONG_P1P2,
                "P1 asks for a coding that is not CPS's",
            ));
        }
        if quirks.le_required && command.le.is_none() {
            return Err(refuse(sw::WRONG_LENGTH, "this card wants Le in STORE DATA"));
        }
        if quirks.block_number_per_dgi && self.pending.is_none() {
            self.next_block = 0;
        }
        let expected = if quirks.block_number_zero {
            0
        } else {
            self.next_block
        };
        if command.p2 != expected && !quirks.any_block_number {
            return Err(refuse(sw::WRONG_P1P2, "the block number is out of order"));
        }
        let groups = self.split(p1 & ENCRYPTION, &command.data, quirks)?;
        self.next_block = self.next_block.wrapping_add(1);
        self.begun = true;
        if p1 & LAST != 0 && self.pending.is_some() {
            self.pending = None;
            return Err(refuse(
                sw::WRONG_DATA,
                "the last command ends inside a grouping",
            ));
        }
        if quirks.last_block_on_every_dgi && (p1 & LAST == 0) == self.pending.is_none() {
            return Err(refuse(
                sw::WRONG_P1P2,
                "this card wants the last block of every grouping marked, and no other",
            ));
        }
        if let Some(rules) = &application.plain {
            crate::plain::in_order(
                rules,
                &application.groups,
                groups.iter().map(|raw| raw.number),
            )
            .map_err(|why| refuse(sw::WRONG_DATA, why))?;
        }
        for raw in groups {
            let last = p1 & LAST != 0;
            keep(raw, p1 & ENCRYPTION, last, application, channel, quirks)?;
        }
        if p1 & LAST == 0 {
            return Ok(Progress::More);
        }
        match application.complete(quirks) {
            Ok(()) => Ok(Progress::Complete),
            Err(_) if quirks.last_block_on_every_dgi => Ok(Progress::More),
            Err(why) => Err(refuse(sw::WRONG_P1P2, why)),
        }
    }

    /// Cuts a block into groupings; the tail of one may stay pending.
    fn split(
        &mut self,
        encryption: u8,
        block: &[u8],
        quirks: &Quirks,
    ) -> Result<Vec<Raw>, Refusal> {
        let mut groups = Vec::new();
        let mut rest = block;
        if let Some(mut pending) = self.pending.take() {
            if pending.encryption != encryption {
                return Err(refuse(
                    sw::WRONG_P1P2,
                    "a grouping changes its encryption midway",
                ));
            }
            let missing = pending.length.saturating_sub(pending.value.len());
            let (part, after) = rest.split_at(missing.min(rest.len()));
            pending.value.extend_from_slice(part);
            if part.len() < missing {
                self.pending = Some(pending);
                return Ok(groups);
            }
            groups.push(Raw {
                number: pending.number,
                value: pending.value,
            });
            rest = after;
        }
        while !rest.is_empty() {
            let (number, length, body) = tlv::read_grouping_header(rest, quirks.ber_dgi_lengths)
                .ok_or_else(|| refuse(sw::WRONG_DATA, "a grouping's header can't be read"))?;
            if length > GROUPING_OCTETS_MAX {
                return Err(refuse(sw::NO_MEMORY, "a grouping is too long for the card"));
            }
            let (part, after) = body.split_at(length.min(body.len()));
            let mut value = Secret::new(Vec::with_capacity(length));
            value.extend_from_slice(part);
            if part.len() < length {
                self.pending = Some(Pending {
                    number,
                    length,
                    encryption,
                    value,
                });
            } else {
                groups.push(Raw { number, value });
            }
            rest = after;
        }
        if quirks.one_dgi_per_command && groups.len() + usize::from(self.pending.is_some()) > 1 {
            self.pending = None;
            return Err(refuse(
                sw::WRONG_DATA,
                "this card takes one grouping a command",
            ));
        }
        Ok(groups)
    }
}

/// Deciphers, checks and keeps one grouping.
fn keep(
    raw: Raw,
    encryption: u8,
    last: bool,
    application: &mut Application,
    channel: &Channel,
    quirks: &Quirks,
) -> Result<(), Refusal> {
    if let Some(rules) = application.plain.clone() {
        return keep_plain(raw, encryption, &rules, application, channel);
    }
    let number = raw.number;
    let completion = number == groupings::number::COMPLETION;
    if !groupings::known(number, application.role()) || (completion && !last) {
        return Err(refuse(
            sw::NO_DATA,
            format!("this application does not know DGI {number:04X}"),
        ));
    }
    let bad = |what: &str| refuse(sw::WRONG_DATA, format!("DGI {number:04X} {what}"));
    let secret = groupings::is_secret(number);
    let clear_anyway = quirks.clear_check_values && number == groupings::number::CHECK_VALUES;
    let enciphered = match encryption {
        0x00 => false,
        0x20 => secret,
        _ => !clear_anyway,
    };
    if clear_anyway && encryption != 0x60 {
        return Err(bad("belongs to a command that is marked as enciphered"));
    }
    if secret && !enciphered {
        return Err(bad("has to be enciphered"));
    }
    let clear = if enciphered {
        channel
            .decipher(&raw.value)
            .ok_or_else(|| bad("is not a whole number of cipher blocks"))?
    } else {
        raw.value
    };
    let value = groupings::accept(number, clear, quirks).map_err(|_| bad("has a wrong value"))?;
    if application.octets() + value.len() > APPLICATION_OCTETS_MAX {
        return Err(refuse(sw::NO_MEMORY, "the application's memory is full"));
    }
    if !completion {
        application.groups.insert(number, value);
    }
    Ok(())
}

/// A grouping of a plain applet, by its maker's rules.
fn keep_plain(
    raw: Raw,
    encryption: u8,
    rules: &[crate::PlainGrouping],
    application: &mut Application,
    channel: &Channel,
) -> Result<(), Refusal> {
    let number = raw.number;
    let Some(rule) = rules.iter().find(|rule| rule.number == number) else {
        let why = format!("this application does not know DGI {number:04X}");
        return Err(refuse(sw::NO_DATA, why));
    };
    let bad = |what: &str| refuse(sw::WRONG_DATA, format!("DGI {number:04X} {what}"));
    // P1 says how the groupings travel: none enciphered, all, or each as the application knows.
    if rule.secret && encryption == 0x00 || !rule.secret && encryption == 0x60 {
        return Err(bad("travels otherwise than its maker says"));
    }
    let value = if rule.secret {
        let clear = channel
            .decipher(&raw.value)
            .ok_or_else(|| bad("is not a whole number of cipher blocks"))?;
        rule.unpad(&clear)
            .ok_or_else(|| bad("is padded in another way"))?
    } else {
        raw.value
    };
    if rule.octets.is_some_and(|octets| octets != value.len()) {
        return Err(bad("has a wrong length"));
    }
    if application.octets() + value.len() > APPLICATION_OCTETS_MAX {
        return Err(refuse(sw::NO_MEMORY, "the application's memory is full"));
    }
    application.groups.insert(number, value);
    Ok(())
}
