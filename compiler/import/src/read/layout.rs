//! EMV CPS records with widths of somebody else's: a description names the elements of a record in
//! their order, since no public source fixes how wide each is (docs/import.md).

use super::cps::{CpsApplication, CpsGrouping, CpsRecord, grouping_value, number};
use crate::error::{ImportError, unreadable};
use serde::Deserialize;

/// Elements of a record or an application.
const ELEMENTS_MAX: usize = 64;
/// Octets of a number.
const NUMBER_OCTETS_MAX: usize = 9;
/// Entries that a count may say.
const COUNT_MAX: usize = 4096;

/// A layout.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    /// What stands before the applications.
    record: Vec<Element>,
    /// What stands in each application.
    application: Vec<Element>,
}

/// An element: what it is, and how wide.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Element {
    is: Meaning,
    /// Octets, when it always has as many.
    octets: Option<usize>,
    /// Octets of the length that stands before it, or before each of several.
    length: Option<usize>,
    /// Octets of the count that stands before several.
    count: Option<usize>,
    /// Characters, of a text that always stands there.
    text: Option<String>,
    /// How its numbers are written.
    #[serde(default)]
    coding: Coding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Meaning {
    /// Characters that always stand there, such as the module's identifier.
    Text,
    /// Octets that follow in this record or application.
    Length,
    /// How many applications follow; without it they go on to the end of the record.
    Applications,
    /// What is of no use here.
    Skip,
    /// AID.
    Aid,
    /// Check value of the transport key.
    TransportKey,
    /// Key version of the card's channel.
    KeyVersion,
    /// Secure channel protocol.
    Protocol,
    /// Security level of the channel.
    SecurityLevel,
    /// Numbers and kinds of the groupings that are enciphered.
    Enciphered,
    /// The groupings.
    Groupings,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Coding {
    /// Most significant octet first.
    #[default]
    Binary,
    /// Decimal digits.
    Decimal,
    /// Hexadecimal digits.
    Hexadecimal,
}

/// Reads all records of a file by a description.
pub(super) fn read(octets: &[u8], description: &str) -> Result<Vec<CpsRecord>, ImportError> {
    let layout = layout(description)?;
    let mut rest = octets;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let found = record(&layout, &mut rest);
        let place = format!("record {}", records.len() + 1);
        records.push(found.map_err(|what| unreadable(&place, what))?);
    }
    Ok(records)
}

fn layout(description: &str) -> Result<Layout, ImportError> {
    let wrong = |what: &str| unreadable("the layout", what);
    let layout: Layout = toml::from_str(description).map_err(|e| wrong(e.message()))?;
    for elements in [&layout.record, &layout.application] {
        if elements.len() > ELEMENTS_MAX {
            return Err(wrong("it has more than 64 elements"));
        }
        for element in elements {
            element.check().map_err(wrong)?;
        }
    }
    let has = |elements: &[Element], is: Meaning| elements.iter().any(|e| e.is == is);
    let (record, application) = (&layout.record, &layout.application);
    // Without a length nobody knows where the groupings end.
    let ends = has(application, Meaning::Length)
        || has(application, Meaning::Groupings)
            && application
                .iter()
                .all(|e| e.is != Meaning::Groupings || e.count.is_some())
        || has(record, Meaning::Length) && !has(record, Meaning::Applications);
    if !has(application, Meaning::Groupings) {
        return Err(wrong("an application has no `groupings`"));
    }
    if !ends {
        return Err(wrong(
            "nothing says where an application ends: give it a `length`",
        ));
    }
    if record.is_empty() && application.first().is_none_or(|e| e.is != Meaning::Length) {
        return Err(wrong("nothing says where a record begins"));
    }
    Ok(layout)
}

impl Element {
    fn check(&self) -> Result<(), &'static str> {
        let is_number = |n: Option<usize>| n.is_none_or(|n| (1..=NUMBER_OCTETS_MAX).contains(&n));
        if !is_number(self.length) || !is_number(self.count) {
            return Err("a length or count has 1 to 9 octets");
        }
        match self.is {
            Meaning::Text if self.text.as_ref().is_none_or(String::is_empty) => {
                Err("`text` has its characters as `text`")
            }
            Meaning::Length
            | Meaning::Applications
            | Meaning::KeyVersion
            | Meaning::Protocol
            | Meaning::SecurityLevel
                if self.octets.is_none() || !is_number(self.octets) =>
            {
                Err("a number has 1 to 9 `octets`")
            }
            Meaning::Enciphered if self.count.is_none() => Err("`enciphered` has a `count`"),
            Meaning::Skip | Meaning::Aid | Meaning::TransportKey
                if self.octets.is_none() && self.length.is_none() =>
            {
                Err("an element has `octets`, or a `length` before it")
            }
            _ => Ok(()),
        }
    }

    /// A number of so many octets, or digits.
    fn number(&self, octets: usize, rest: &mut &[u8]) -> Result<usize, &'static str> {
        let found = take(rest, octets)?;
        let text = || std::str::from_utf8(found).map_err(|_| "a number is not written in digits");
        let wrong = |_| "a number is not written in digits";
        match self.coding {
            Coding::Binary => {
                let octets = found.iter().try_fold(0usize, |n, octet| {
                    n.checked_mul(256)?.checked_add(usize::from(*octet))
                });
                octets.ok_or("a number is too large")
            }
            Coding::Decimal => text()?.parse().map_err(wrong),
            Coding::Hexadecimal => usize::from_str_radix(text()?, 16).map_err(wrong),
        }
    }

    fn value<'a>(&self, rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
        let octets = match (self.length, self.octets) {
            (Some(length), _) => self.number(length, rest)?,
            (None, octets) => octets.unwrap_or(0),
        };
        take(rest, octets)
    }

    fn counted(&self, rest: &mut &[u8]) -> Result<Option<usize>, &'static str> {
        let Some(count) = self.count else {
            return Ok(None);
        };
        let count = self.number(count, rest)?;
        if count > COUNT_MAX {
            return Err("a count is too large");
        }
        Ok(Some(count))
    }

    fn one(&self, rest: &mut &[u8]) -> Result<u8, &'static str> {
        let value = self.number(self.octets.unwrap_or(1), rest)?;
        u8::try_from(value).map_err(|_| "a key version, protocol or level is larger than an octet")
    }

    /// What both a record and an application may have; whether it was such an element.
    fn common(&self, rest: &mut &[u8]) -> Result<bool, &'static str> {
        match self.is {
            Meaning::Text => {
                let wanted = self.text.as_deref().unwrap_or_default();
                let found = take(rest, wanted.len())?;
                if found != wanted.as_bytes() {
                    return Err("the text of the layout does not stand there");
                }
            }
            Meaning::Skip => {
                for _ in 0..self.counted(rest)?.unwrap_or(1) {
                    self.value(rest)?;
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn take<'a>(rest: &mut &'a [u8], octets: usize) -> Result<&'a [u8], &'static str> {
    let cut = rest.split_at_checked(octets);
    let (head, tail) = cut.ok_or("it ends before its elements do")?;
    *rest = tail;
    Ok(head)
}

/// A record, and what comes after it stays in `rest`.
fn record(layout: &Layout, rest: &mut &[u8]) -> Result<CpsRecord, &'static str> {
    let mut body = *rest;
    let mut behind = None;
    let mut count = None;
    for element in &layout.record {
        if element.common(&mut body)? {
            continue;
        }
        match element.is {
            Meaning::Length => {
                let length = element.number(element.octets.unwrap_or(1), &mut body)?;
                let own = take(&mut body, length)?;
                behind = Some(body);
                body = own;
            }
            Meaning::Applications => {
                count = Some(element.number(element.octets.unwrap_or(1), &mut body)?);
            }
            _ => return Err("the layout has this element in applications only"),
        }
    }
    let mut applications = Vec::new();
    while count.map_or(!body.is_empty(), |count| applications.len() < count) {
        let before = body.len();
        applications.push(application(layout, &mut body)?);
        if body.len() == before {
            return Err("an application has no octets");
        }
        // A record without a length and a count has one application.
        if behind.is_none() && count.is_none() {
            break;
        }
    }
    if behind.is_some() && !body.is_empty() {
        return Err("octets are left behind the last application");
    }
    let left = behind.unwrap_or(body);
    if left.len() == rest.len() {
        return Err("a record has no octets");
    }
    *rest = left;
    Ok(CpsRecord {
        items: Vec::new(),
        applications,
    })
}

fn application(layout: &Layout, rest: &mut &[u8]) -> Result<CpsApplication, &'static str> {
    let mut body = *rest;
    let mut behind = None;
    let mut kinds: Vec<(u16, u8)> = Vec::new();
    // As most channels are, where the layout does not say it.
    let mut read = CpsApplication {
        aid: Vec::new(),
        transport: Vec::new(),
        key_version: 0,
        protocol: 2,
        security_level: 3,
        groupings: Vec::new(),
    };
    for element in &layout.application {
        if element.common(&mut body)? {
            continue;
        }
        match element.is {
            Meaning::Length => {
                let length = element.number(element.octets.unwrap_or(1), &mut body)?;
                let own = take(&mut body, length)?;
                behind = Some(body);
                body = own;
            }
            Meaning::Aid => read.aid = element.value(&mut body)?.to_vec(),
            Meaning::TransportKey => read.transport = element.value(&mut body)?.to_vec(),
            Meaning::KeyVersion => read.key_version = element.one(&mut body)?,
            Meaning::Protocol => read.protocol = element.one(&mut body)?,
            Meaning::SecurityLevel => read.security_level = element.one(&mut body)?,
            Meaning::Enciphered => {
                for _ in 0..element.counted(&mut body)?.unwrap_or(0) {
                    let number = number(&mut body).ok_or("a number is cut")?;
                    let kind = take(&mut body, 1)?.first().copied().unwrap_or(0);
                    kinds.push((number, kind));
                }
            }
            Meaning::Groupings => {
                let count = element.counted(&mut body)?;
                while count.map_or(!body.is_empty(), |count| read.groupings.len() < count) {
                    read.groupings.push(grouping(&mut body, &kinds)?);
                }
            }
            _ => return Err("the layout has this element in records only"),
        }
    }
    if behind.is_some() && !body.is_empty() {
        return Err("octets are left behind an application's elements");
    }
    *rest = behind.unwrap_or(body);
    Ok(read)
}

fn grouping(body: &mut &[u8], kinds: &[(u16, u8)]) -> Result<CpsGrouping, &'static str> {
    let number = number(body).ok_or("a data grouping has no number")?;
    let value = grouping_value(body).ok_or("a data grouping ends before its length says")?;
    let kind = kinds.iter().find(|(n, _)| *n == number);
    Ok(CpsGrouping {
        number,
        kind: kind.map(|(_, kind)| *kind),
        value: value.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "a test fails loudly"
    )]

    use super::*;
    use crate::read::cps::read_cps;

    /// docs/formats/cps.md as a description.
    const OURS: &str = r##"
        record = [
          { is = "text", text = "#CHIP01" },
          { is = "length", octets = 7, coding = "decimal" },
          { is = "text", text = "02.2" },
          { is = "skip", count = 1, length = 1 },
          { is = "applications", octets = 1 },
        ]
        application = [
          { is = "length", octets = 4 },
          { is = "aid", length = 1 },
          { is = "transport_key", length = 1 },
          { is = "skip", octets = 2 },
          { is = "key_version", octets = 1 },
          { is = "protocol", octets = 1 },
          { is = "security_level", octets = 1 },
          { is = "skip", count = 1, octets = 2 },
          { is = "enciphered", count = 1 },
          { is = "groupings" },
        ]"##;

    /// Laid out by hand from docs/formats/cps.md.
    const RECORD: &str = "23434849503031 30303030303439 30322E32 01 04 44454249 01 \
                          00000022 05 F000000001 03 54A1C0 01 02 01 03 33 02 0101 8000 01 8000 00 \
                          0101 02 7000 8000 02 AABB";

    fn octets(text: &str) -> Vec<u8> {
        hex::decode(text.replace([' ', '\n'], "")).expect("hexadecimal")
    }

    #[test]
    fn our_own_layout_can_be_described() {
        let two = [octets(RECORD), octets(RECORD)].concat();
        let mut ours = read_cps(&two).expect("records");
        ours.iter_mut().for_each(|record| record.items.clear());
        assert_eq!(read(&two, OURS).expect("records"), ours);
        let one = octets(RECORD);
        for cut in 1..one.len() {
            assert_eq!(read(&one[..cut], OURS).expect_err("cut").code, "E0181");
        }
    }

    /// Another house's: a record length in four hexadecimal digits, no items, an AID of a fixed width,
    /// one application, a count of groupings, a line end. Laid out by hand.
    #[test]
    fn another_layout_is_read() {
        let layout = r#"
            record = [{ is = "text", text = "ICC" }, { is = "skip", octets = 2 }]
            application = [
              { is = "length", octets = 4, coding = "hexadecimal" },
              { is = "aid", octets = 7 },
              { is = "enciphered", count = 2, coding = "decimal" },
              { is = "groupings", count = 1 },
              { is = "text", text = "\r\n" },
            ]"#;
        // ICC, two octets, 001B = 27 octets: AID, "01", 8000 with kind 00, two groupings, CR LF.
        let file = octets(
            "494343 0000 30303142 A0000000031010 3031 8000 00 02 0101 02 7000 8000 04 01020304 0D0A",
        );
        let records = read(&file, layout).expect("a record");
        let application = &records[0].applications[0];
        assert_eq!(application.aid, octets("A0000000031010"));
        let shown: Vec<_> = application
            .groupings
            .iter()
            .map(|g| (g.number, g.kind))
            .collect();
        assert_eq!(shown, [(0x0101, None), (0x8000, Some(0))]);
    }

    #[test]
    fn layouts_that_say_nothing_are_refused() {
        for layout in [
            "",
            "record = []\napplication = [{ is = \"groupings\" }]",
            "record = []\napplication = [{ is = \"length\", octets = 2 }]",
            "record = [{ is = \"text\" }]\napplication = [{ is = \"length\", octets = 2 }, { is = \"groupings\" }]",
            "record = [{ is = \"length\", octets = 99 }]\napplication = [{ is = \"groupings\" }]",
            "record = [{ is = \"skip\", octets = 0 }]\napplication = [{ is = \"groupings\" }]",
        ] {
            assert_eq!(read(b"anything", layout).expect_err(layout).code, "E0181");
        }
    }
}
