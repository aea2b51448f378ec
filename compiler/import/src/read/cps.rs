//! EMV CPS records as the outputs write them (docs/formats/cps.md).

use crate::{
    data::{Application, Card, Channel, Grouping, Input, Padding, Value},
    error::{ImportError, nothing, unreadable},
};

/// What each record begins with.
pub(crate) const MODULE: &[u8] = b"#CHIP01";

/// A data grouping in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpsGrouping {
    /// Number.
    pub number: u16,
    /// How it is enciphered, if it is: the kinds of the format's table.
    pub kind: Option<u8>,
    /// Value; under the transport key when it has a kind.
    pub value: Vec<u8>,
}

/// An application in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpsApplication {
    /// AID.
    pub aid: Vec<u8>,
    /// Check value of the transport key.
    pub transport: Vec<u8>,
    /// Key version of the card's channel.
    pub key_version: u8,
    /// Secure channel protocol, 2 or 3.
    pub protocol: u8,
    /// Security level of EXTERNAL AUTHENTICATE.
    pub security_level: u8,
    /// Groupings in the order in which they are sent.
    pub groupings: Vec<CpsGrouping>,
}

/// One card's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpsRecord {
    /// Public items of the format.
    pub items: Vec<String>,
    /// Applications.
    pub applications: Vec<CpsApplication>,
}

/// Reads all records; none when the octets are not CPS as we write it.
#[must_use]
pub fn read_cps(octets: &[u8]) -> Option<Vec<CpsRecord>> {
    let mut rest = octets;
    let mut records = Vec::new();
    while !rest.is_empty() {
        (take(&mut rest, 7)? == MODULE).then_some(())?;
        let length = std::str::from_utf8(take(&mut rest, 7)?).ok()?;
        let mut body = take(&mut rest, length.parse().ok()?)?;
        (take(&mut body, 4)? == b"02.2").then_some(())?;
        let count = one(&mut body)?;
        let items = (0..count).map(|_| String::from_utf8(short(&mut body)?.to_vec()).ok());
        let items = items.collect::<Option<_>>()?;
        let applications = cps_applications(&mut body)?;
        body.is_empty().then_some(())?;
        records.push(CpsRecord {
            items,
            applications,
        });
    }
    Some(records)
}

/// The chip data of a record, which a machine file has too; takes them off what is left. None when
/// they are not as the format has them.
#[must_use]
pub fn cps_applications(body: &mut &[u8]) -> Option<Vec<CpsApplication>> {
    let count = one(body)?;
    (0..count)
        .map(|_| {
            let length = u32::from_be_bytes(take(body, 4)?.try_into().ok()?);
            let mut block = take(body, usize::try_from(length).ok()?)?;
            let read = application(&mut block)?;
            block.is_empty().then_some(read)
        })
        .collect()
}

fn application(block: &mut &[u8]) -> Option<CpsApplication> {
    let aid = short(block)?.to_vec();
    let transport = short(block)?.to_vec();
    let &[_, _, key_version, protocol, security_level] = take(block, 5)? else {
        return None;
    };
    let count = one(block)?;
    let order = (0..count).map(|_| number(block));
    let order: Vec<u16> = order.collect::<Option<_>>()?;
    let count = one(block)?;
    let kinds = (0..count).map(|_| Some((number(block)?, one(block)?)));
    let kinds: Vec<(u16, u8)> = kinds.collect::<Option<_>>()?;
    let groupings = order.into_iter().map(|expected| {
        let number = number(block).filter(|n| *n == expected)?;
        let value = grouping_value(block)?.to_vec();
        let kind = kinds.iter().find(|(n, _)| *n == number).map(|(_, k)| *k);
        Some(CpsGrouping {
            number,
            kind,
            value,
        })
    });
    Some(CpsApplication {
        aid,
        transport,
        key_version,
        protocol,
        security_level,
        groupings: groupings.collect::<Option<_>>()?,
    })
}

/// Length of one octet, or `FF` and two (EMV CPS 2.0), and the value.
pub(crate) fn grouping_value<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = match one(rest)? {
        0xFF => usize::from(number(rest)?),
        length => usize::from(length),
    };
    take(rest, length)
}

pub(crate) fn number(rest: &mut &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(take(rest, 2)?.try_into().ok()?))
}

fn short<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::from(one(rest)?);
    take(rest, length)
}

fn one(rest: &mut &[u8]) -> Option<u8> {
    take(rest, 1)?.first().copied()
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

/// Reads a file of records.
pub(super) fn read(octets: &[u8], layout: Option<&str>) -> Result<Input, ImportError> {
    let records = match layout {
        Some(layout) => super::layout::read(octets, layout)?,
        None => read_cps(octets).ok_or_else(|| {
            let what =
                "no CPS records as docs/formats/cps.md has them; `--layout` describes others";
            unreadable("the file", what)
        })?,
    };
    let mut input = Input::default();
    for record in records {
        if !record.items.is_empty() {
            input.note("the items of the records, which are no data of the chip, were left aside");
        }
        let applications = record
            .applications
            .into_iter()
            .map(|application| Application {
                aid: application.aid,
                channel: Some(Channel {
                    protocol: application.protocol,
                    security_level: application.security_level,
                    key_version: application.key_version,
                }),
                groupings: application.groupings.into_iter().map(of_record).collect(),
            });
        input.cards.push(Card {
            applications: applications.collect(),
        });
    }
    if input.cards.is_empty() {
        return Err(nothing());
    }
    Ok(input)
}

/// The kinds of the format's table: what is enciphered for the card, and what only on its way.
fn of_record(grouping: CpsGrouping) -> Grouping {
    let octets = grouping.value.len();
    let sealed = |padding| Value::Sealed {
        octets,
        padding: Some(padding),
    };
    let value = match grouping.kind {
        None => Value::Clear(grouping.value),
        Some(0) => sealed(Padding::None),
        Some(1) => sealed(Padding::Always),
        Some(2) => sealed(Padding::IfNeeded),
        Some(3) => sealed(Padding::Pkcs7),
        Some(4) => sealed(Padding::Zeros),
        Some(_) => Value::Transported { octets },
    };
    Grouping {
        number: grouping.number,
        value,
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails loudly"
    )]

    use super::read_cps;

    /// Laid out by hand from docs/formats/cps.md.
    const RECORD: &str = "23434849503031 30303030303439 30322E32 01 04 44454249 01 \
                          00000022 05 F000000001 03 54A1C0 01 02 01 03 33 02 0101 8000 01 8000 00 \
                          0101 02 7000 8000 02 AABB";

    #[test]
    fn a_record_laid_out_by_hand_is_read() {
        let octets = hex::decode(RECORD.replace(' ', "")).expect("hexadecimal");
        let records = read_cps(&octets).expect("a record");
        let [record] = records.as_slice() else {
            panic!("{records:?}")
        };
        assert_eq!(record.items, ["DEBI"]);
        let application = record.applications.first().expect("one");
        assert_eq!(
            (application.protocol, application.security_level),
            (3, 0x33)
        );
        let kinds: Vec<_> = application
            .groupings
            .iter()
            .map(|g| (g.number, g.kind))
            .collect();
        assert_eq!(kinds, [(0x0101, None), (0x8000, Some(0))]);
        for cut in 1..octets.len() {
            assert!(read_cps(&octets[..cut]).is_none(), "{cut}");
        }
    }
}
