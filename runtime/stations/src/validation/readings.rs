//! What a chip says of its card: number, expiry and service code, over all applications and modes that
//! were read.

use super::{Failure, objects::Objects, terminal::Terminal};
use cardwright_standards::track::{Track2Parts, parse_track_2_equivalent};

/// Something that a card says of itself in more than one place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    /// The PAN, digits.
    Pan,
    /// The expiry, `YYMM`.
    Expiry,
    /// The service code, three digits.
    ServiceCode,
}

/// How an object carries a fact.
#[derive(Clone, Copy)]
enum Form {
    /// Digits, padded with F to whole octets: format `cn`.
    Digits,
    /// `YYMMDD`.
    Date,
    /// Digits after leading zeros: format `n 3`.
    Code,
    /// A track 1 without sentinels, ASCII.
    Track1,
    /// Track 2 equivalent data.
    Track2,
}

/// Which objects carry a fact, the one to be asked first at the head. Tags 5A, 5F24, 5F30 and 57: EMV
/// Book 3, annex A; 9F6B and 56: the tracks of magnetic stripe mode, which has no other objects.
const CARRIERS: [(Fact, &str, Form); 12] = [
    (Fact::Pan, "5A", Form::Digits),
    (Fact::Pan, "57", Form::Track2),
    (Fact::Pan, "9F6B", Form::Track2),
    (Fact::Pan, "56", Form::Track1),
    (Fact::Expiry, "5F24", Form::Date),
    (Fact::Expiry, "57", Form::Track2),
    (Fact::Expiry, "9F6B", Form::Track2),
    (Fact::Expiry, "56", Form::Track1),
    (Fact::ServiceCode, "5F30", Form::Code),
    (Fact::ServiceCode, "57", Form::Track2),
    (Fact::ServiceCode, "9F6B", Form::Track2),
    (Fact::ServiceCode, "56", Form::Track1),
];

impl Fact {
    /// `the PAN`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pan => "the PAN",
            Self::Expiry => "the expiry",
            Self::ServiceCode => "the service code",
        }
    }
}

/// What each reading gives of a fact, in the order of the readings: all of them must say the same.
/// Readings without it (a tag, an access application) are left out; where none has it, R1254.
pub(super) fn all(terminal: Option<&Terminal>, fact: Fact) -> Result<Vec<String>, Failure> {
    let terminal = terminal.ok_or_else(|| Failure::new("R1251", "the chip was not read before"))?;
    let readings = terminal.earlier.iter().chain([&terminal.objects]);
    let mut given = Vec::new();
    for reading in readings {
        given.extend(of(reading, fact)?);
    }
    match given.is_empty() {
        false => Ok(given),
        true => Err(Failure::new(
            "R1254",
            format!(
                "nothing that was read of the chip gives {} (tag {})",
                fact.name(),
                carriers(fact)
                    .map(|(tag, _)| tag)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        )),
    }
}

fn carriers(fact: Fact) -> impl Iterator<Item = (&'static str, Form)> {
    let all = CARRIERS.into_iter();
    all.filter_map(move |(found, tag, form)| (found == fact).then_some((tag, form)))
}

/// What one reading gives of a fact: its first carrier that is there.
fn of(objects: &Objects, fact: Fact) -> Result<Option<String>, Failure> {
    let mut there = carriers(fact).filter_map(|(tag, form)| Some((tag, form, objects.get(tag)?)));
    let Some((tag, form, octets)) = there.next() else {
        return Ok(None);
    };
    let digits = hex::encode(octets);
    let value = match form {
        Form::Digits => Some(digits.trim_end_matches('f').to_owned()),
        Form::Date => digits.get(..4).map(str::to_owned),
        Form::Code => digits
            .get(digits.len().saturating_sub(3)..)
            .map(str::to_owned),
        Form::Track1 => track_1(octets, fact),
        Form::Track2 => parse_track_2_equivalent(octets)
            .ok()
            .map(|parts| part(parts, fact)),
    };
    let value = value.ok_or_else(|| {
        Failure::new(
            "R1258",
            format!("{} can't be read in tag {tag}", fact.name()),
        )
    })?;
    Ok(Some(value))
}

fn part(parts: Track2Parts, fact: Fact) -> String {
    match fact {
        Fact::Pan => parts.pan,
        Fact::Expiry => parts.expiry_yymm,
        Fact::ServiceCode => parts.service_code,
    }
}

/// Format code, PAN, name, then expiry and service code at the head of the third part (ISO/IEC 7813).
fn track_1(octets: &[u8], fact: Fact) -> Option<String> {
    let mut parts = std::str::from_utf8(octets).ok()?.splitn(3, '^');
    let (number, _name, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let found = match fact {
        Fact::Pan => number.strip_prefix('B')?,
        Fact::Expiry => rest.get(..4)?,
        Fact::ServiceCode => rest.get(4..7)?,
    };
    Some(found.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests and their helpers fail loudly")]

    use super::*;
    use crate::validation::objects::object;

    /// Objects of one reading: tags and hexadecimal values.
    fn reading(list: &[(&str, &str)]) -> Objects {
        let mut objects = Objects::default();
        for (tag, value) in list {
            let value = hex::decode(value).unwrap();
            let octets = object(tag, &value).unwrap_or_default();
            assert!(objects.add(&octets).is_ok(), "{tag}");
        }
        objects
    }

    fn given(objects: &Objects) -> [Option<String>; 3] {
        [Fact::Pan, Fact::Expiry, Fact::ServiceCode]
            .map(|fact| of(objects, fact).map_err(|f| f.code).unwrap())
    }

    fn facts(pan: &str) -> [Option<String>; 3] {
        [pan, "2912", "201"].map(|text| Some(text.to_owned()))
    }

    /// One PAN of an odd number of digits, so that every carrier pads it in its own way.
    #[test]
    fn every_carrier_gives_the_same() {
        let pan = "999992000000001";
        let own = [
            ("5A", "999992000000001F"),
            ("5F24", "291231"),
            ("5F30", "0201"),
        ];
        assert_eq!(given(&reading(&own)), facts(pan));
        // PAN, separator D, 2912, 201, discretionary data; F to a whole octet.
        let track = "999992000000001D2912201000000F";
        let odd = &track[..track.len()];
        assert_eq!(given(&reading(&[("57", odd)])), facts(pan));
        assert_eq!(given(&reading(&[("9F6B", odd)])), facts(pan));
        let first = hex::encode(format!("B{pan}^LOVELACE/ADA^2912201000000"));
        assert_eq!(given(&reading(&[("56", &first)])), facts(pan));
        // The object of its own goes before the track.
        let both = reading(&[("5A", "9999920000000018"), ("57", odd)]);
        assert_eq!(given(&both), facts("9999920000000018"));
    }

    #[test]
    fn what_is_not_there_or_can_not_be_read() {
        assert_eq!(given(&reading(&[("9F02", "00")])), [None, None, None]);
        for (tag, value) in [
            ("57", "9999"),
            ("9F6B", "AA"),
            ("56", "425E"),
            ("56", "FF"),
            ("5F24", "29"),
        ] {
            let objects = reading(&[(tag, value)]);
            let codes = [Fact::Pan, Fact::Expiry, Fact::ServiceCode]
                .map(|fact| of(&objects, fact).err().map(|f| f.code));
            assert!(codes.contains(&Some("R1258")), "{tag} {value}: {codes:?}");
        }
    }
}
