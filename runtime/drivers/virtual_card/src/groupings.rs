//! The data groupings that an application takes (EMV CPS 2.0), each checked as it comes.

use crate::apdu::{Sw, sw};
use crate::application::Role;
use crate::crypto::{Secret, secret, unpad};
use crate::{Quirks, tlv};

/// First record grouping: SFI 1, record 1.
const RECORD_FIRST: u16 = 0x0101;
/// Last record grouping: SFI 30, record 255.
const RECORD_LAST: u16 = 0x1EFF;
/// Most octets of a record with its template (EMV Book 3, 7.1).
const RECORD_OCTETS_MAX: usize = 254;

/// Numbers of groupings, in numeric order.
pub(crate) mod number {
    /// File creation.
    pub(crate) const FILES: u16 = 0x0062;
    /// Internal data.
    pub(crate) const INTERNAL: u16 = 0x3000;
    /// Further internal data.
    pub(crate) const INTERNAL_MORE: u16 = 0x3001;
    /// Completion data, in the last command only.
    pub(crate) const COMPLETION: u16 = 0x7FFF;
    /// Master keys: cryptograms, script integrity, script confidentiality.
    pub(crate) const KEYS: u16 = 0x8000;
    /// Reference PIN block.
    pub(crate) const PIN: u16 = 0x8010;
    /// Key of dynamic codes (magnetic stripe mode; this house's number).
    pub(crate) const CODE_KEY: u16 = 0x8400;
    /// First CRT component of the ICC key; five follow each other.
    pub(crate) const ICC_KEY: u16 = 0x8201;
    /// First CRT component of the PIN encipherment key.
    pub(crate) const PIN_KEY: u16 = 0x8301;
    /// Check values of the master keys.
    pub(crate) const CHECK_VALUES: u16 = 0x9000;
    /// Check value of the key of dynamic codes.
    pub(crate) const CODE_CHECK: u16 = 0x9400;
    /// Vectors of dynamic codes: track 1, track 2.
    pub(crate) const CODE_VECTORS: u16 = 0x9401;
    /// PIN try counter and limit.
    pub(crate) const PIN_TRIES: u16 = 0x9010;
    /// FCI proprietary template, contact.
    pub(crate) const FCI: u16 = 0x9102;
    /// FCI proprietary template, contactless.
    pub(crate) const FCI_CONTACTLESS: u16 = 0x9103;
    /// Processing options, contact.
    pub(crate) const OPTIONS: u16 = 0x9104;
    /// Processing options, contactless.
    pub(crate) const OPTIONS_CONTACTLESS: u16 = 0x9105;
    /// Processing options of magnetic stripe mode, beside those of another mode (this house's number).
    pub(crate) const OPTIONS_MAGSTRIPE: u16 = 0x9106;
}

/// Internal data objects whose length is fixed: tag and octets.
const INTERNAL_LENGTHS: [(u32, usize); 8] = [
    (0x5F34, 1),
    (0x9F08, 2),
    (0x9F10, 32),
    (0x9F13, 2),
    (0x9F14, 1),
    (0x9F17, 1),
    (0x9F23, 1),
    (0x9F36, 2),
];

/// Internal data objects that may also come as groupings of their own.
const OBJECT_GROUPINGS: [u16; 6] = [0x9F10, 0x9F13, 0x9F14, 0x9F23, 0x9F36, 0x9F4F];

/// Whether an application of a role knows a grouping.
pub(crate) fn known(grouping: u16, role: Role) -> bool {
    let directory = matches!(grouping, number::FCI | number::FCI_CONTACTLESS)
        || (is_record(grouping) && grouping & 0xFF != 0);
    if matches!(role, Role::Plain | Role::Tag | Role::Piv) {
        return false; // its own rules say what it knows
    }
    let payment = matches!(
        grouping,
        number::FILES
            | number::INTERNAL
            | number::INTERNAL_MORE
            | number::KEYS
            | number::PIN
            | 0x8201..=0x8205
            | 0x8301..=0x8305
            | number::CHECK_VALUES
            | number::CODE_KEY
            | number::CODE_CHECK
            | number::CODE_VECTORS
            | number::PIN_TRIES
            | number::OPTIONS
            | number::OPTIONS_CONTACTLESS
            | number::OPTIONS_MAGSTRIPE
    ) || OBJECT_GROUPINGS.contains(&grouping);
    directory || grouping == number::COMPLETION || (role == Role::Payment && payment)
}

/// Whether a grouping is a record.
pub(crate) fn is_record(grouping: u16) -> bool {
    (RECORD_FIRST..=RECORD_LAST).contains(&grouping)
}

/// Whether a grouping may only travel enciphered.
pub(crate) fn is_secret(grouping: u16) -> bool {
    grouping & 0xF000 == 0x8000
}

/// Whether a grouping is a data object that has its tag as number.
pub(crate) fn is_object(grouping: u16) -> bool {
    OBJECT_GROUPINGS.contains(&grouping)
}

/// Checks a clear value and gives it in the form in which the card keeps it.
pub(crate) fn accept(grouping: u16, value: Secret, quirks: &Quirks) -> Result<Secret, Sw> {
    let fine = match grouping {
        number::FILES => tlv::well_formed(&value) && all_files(&value),
        _ if is_record(grouping) => record(grouping, &value, quirks),
        number::INTERNAL | number::INTERNAL_MORE => {
            tlv::well_formed(&value) && internal_lengths(&value)
        }
        number::KEYS => return exact(&value, &[48, 72, 96]),
        number::CODE_KEY => return exact(&value, &[16]),
        number::CODE_CHECK => value.len() == 3,
        number::CODE_VECTORS => value.len() == 4,
        number::PIN => return exact(&value, &[8]).and_then(reference_pin),
        0x8201..=0x8205 | 0x8301..=0x8305 => (32..=144).contains(&value.len()),
        number::CHECK_VALUES => value.len() == 9,
        number::PIN_TRIES => {
            matches!(value.as_slice(), [left, limit] if left <= limit && (1..=15).contains(limit))
        }
        number::FCI | number::FCI_CONTACTLESS => {
            tlv::only(&value, 0xA5).is_some() && tlv::well_formed(&value)
        }
        number::OPTIONS | number::OPTIONS_CONTACTLESS | number::OPTIONS_MAGSTRIPE => {
            options(&value)
        }
        number::COMPLETION => true,
        _ => object_length(u32::from(grouping), value.len()),
    };
    if fine { Ok(value) } else { Err(sw::WRONG_DATA) }
}

/// Keeps a value of an exact length; padding to the cipher's block comes off.
fn exact(value: &[u8], lengths: &[usize]) -> Result<Secret, Sw> {
    if lengths.contains(&value.len()) {
        return Ok(secret(value));
    }
    unpad(value)
        .filter(|clear| lengths.contains(&clear.len()) && value.len() - clear.len() <= 16)
        .map(secret)
        .ok_or(sw::WRONG_DATA)
}

/// ISO 9564-1 format 2: `2 L`, digits, `F` fill.
fn reference_pin(block: Secret) -> Result<Secret, Sw> {
    if pin_length(&block).is_some() {
        Ok(block)
    } else {
        Err(sw::WRONG_DATA)
    }
}

/// Digits in a format 2 block; nothing when it is not one.
pub(crate) fn pin_length(block: &[u8]) -> Option<usize> {
    let nibbles: Secret = Secret::new(block.iter().flat_map(|o| [o >> 4, o & 0x0F]).collect());
    let (&control, rest) = nibbles.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (digits, fill) = rest.split_at_checked(usize::from(length))?;
    (block.len() == 8
        && control == 2
        && (4..=12).contains(&length)
        && digits.iter().all(|d| *d <= 9)
        && fill.iter().all(|f| *f == 0x0F))
    .then_some(usize::from(length))
}

fn all_files(value: &[u8]) -> bool {
    tlv::read_all(value).is_some_and(|all| !all.is_empty() && all.iter().all(|o| o.tag == 0x62))
}

fn record(grouping: u16, value: &[u8], quirks: &Quirks) -> bool {
    let most = RECORD_OCTETS_MAX + usize::from(quirks.record_of_255);
    let sized = !value.is_empty() && value.len() <= most;
    let payment = grouping >> 8 <= 10;
    sized && (!payment || (tlv::only(value, 0x70).is_some() && tlv::well_formed(value)))
}

fn internal_lengths(value: &[u8]) -> bool {
    tlv::read_all(value).is_some_and(|objects| {
        !objects.is_empty() && objects.iter().all(|o| object_length(o.tag, o.value.len()))
    })
}

fn object_length(tag: u32, length: usize) -> bool {
    INTERNAL_LENGTHS
        .iter()
        .find(|(t, _)| *t == tag)
        .is_none_or(|(_, fixed)| *fixed == length)
}

fn options(value: &[u8]) -> bool {
    tlv::well_formed(value)
        && tlv::find(value, 0x82).is_some_and(|aip| aip.len() == 2)
        && tlv::find(value, 0x94).is_some_and(|afl| crate::profile::read_afl(afl).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(grouping: u16, text: &str) -> Option<Sw> {
        accept(
            grouping,
            secret(&hex::decode(text).unwrap()),
            &Quirks::default(),
        )
        .err()
    }

    #[test]
    fn values_that_do_not_fit_their_grouping_are_refused() {
        let keys = "11".repeat(48);
        let fine = [
            (0x0101, "70025000"),
            (0x0B01, "0102"),
            (0x3000, "9F36020000"),
            (0x8000, &keys[..]),
            (0x8010, "241234FFFFFFFFFF"),
            (0x8010, "241234FFFFFFFFFF8000000000000000"),
            (0x9010, "0303"),
            (0x9102, "A503500141"),
            (0x9104, "82027D00940408010100"),
        ];
        for (grouping, text) in fine {
            assert_eq!(verdict(grouping, text), None, "{grouping:04X}");
        }
        for (grouping, text) in [
            (0x0101, "70035000"),
            (0x0101, "5000"),
            (0x3000, ""),
            (0x3000, "9F360100"),
            (0x8000, "1122"),
            (0x8010, "041234FFFFFFFFFF"),
            (0x8010, "24123AFFFFFFFFFF"),
            (0x8010, "231234FFFFFFFFFF"),
            (0x9000, "DEEE3D"),
            (0x9010, "0403"),
            (0x9010, "0000"),
            (0x9102, "500141"),
            (0x9104, "82027D00"),
            (0x9104, "82027D00940408020100"),
            (0x9F36, "00"),
        ] {
            assert_eq!(
                verdict(grouping, text),
                Some(0x6A80),
                "{grouping:04X} {text}"
            );
        }
    }
}
