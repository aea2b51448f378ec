//! BER-TLV, data object lists and CPS groupings: the chip's own hostile-input readers.
//!
//! They are not those of the standards crate, so that a slip there can't hide behind itself here.

/// Largest nesting of templates that the card walks.
const DEPTH_MAX: u8 = 8;

/// One data object: tag as a number (`9F38` is `0x9F38`) and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Object<'a> {
    pub(crate) tag: u32,
    pub(crate) value: &'a [u8],
}

impl Object<'_> {
    /// Bit 6 of the first tag octet: the value holds data objects.
    pub(crate) fn constructed(&self) -> bool {
        let mut first = self.tag;
        while first > 0xFF {
            first >>= 8;
        }
        first & 0x20 != 0
    }
}

fn read_tag(octets: &[u8]) -> Option<(u32, &[u8])> {
    let (&first, mut rest) = octets.split_first()?;
    let mut tag = u32::from(first);
    if first & 0x1F == 0x1F {
        loop {
            let (&next, after) = rest.split_first()?;
            tag = tag << 8 | u32::from(next);
            rest = after;
            if next & 0x80 == 0 {
                break;
            }
            if tag > 0xFF_FF {
                return None;
            }
        }
    }
    (first != 0 && first != 0xFF).then_some((tag, rest))
}

fn read_length(octets: &[u8]) -> Option<(usize, &[u8])> {
    match octets {
        [length @ 0..=0x7F, rest @ ..] => Some((usize::from(*length), rest)),
        [0x81, length @ 0x80..=0xFF, rest @ ..] => Some((usize::from(*length), rest)),
        [0x82, high @ 1..=0xFF, low, rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => None,
    }
}

/// Reads the first object. Lengths have to be in their shortest form.
pub(crate) fn read(octets: &[u8]) -> Option<(Object<'_>, &[u8])> {
    let (tag, rest) = read_tag(octets)?;
    let (length, rest) = read_length(rest)?;
    let (value, rest) = rest.split_at_checked(length)?;
    Some((Object { tag, value }, rest))
}

/// All objects of a field that holds nothing else.
pub(crate) fn read_all(mut octets: &[u8]) -> Option<Vec<Object<'_>>> {
    let mut objects = Vec::new();
    while !octets.is_empty() {
        let (object, rest) = read(octets)?;
        objects.push(object);
        octets = rest;
    }
    Some(objects)
}

/// Whether a field is well formed down to its leaves.
pub(crate) fn well_formed(octets: &[u8]) -> bool {
    walk(octets, 0)
}

fn walk(octets: &[u8], depth: u8) -> bool {
    depth < DEPTH_MAX
        && read_all(octets).is_some_and(|objects| {
            objects
                .iter()
                .all(|o| !o.constructed() || walk(o.value, depth + 1))
        })
}

/// The only object of a field, when it has this tag.
pub(crate) fn only(octets: &[u8], tag: u32) -> Option<&[u8]> {
    match read(octets)? {
        (object, []) if object.tag == tag => Some(object.value),
        _ => None,
    }
}

/// First object with a tag at the top of a field.
pub(crate) fn find(octets: &[u8], tag: u32) -> Option<&[u8]> {
    let mut rest = octets;
    while !rest.is_empty() {
        let (object, after) = read(rest)?;
        if object.tag == tag {
            return Some(object.value);
        }
        rest = after;
    }
    None
}

/// One object as octets.
pub(crate) fn write(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = tag
        .to_be_bytes()
        .into_iter()
        .skip_while(|o| *o == 0)
        .collect();
    let [.., high, low] = (value.len() as u64).to_be_bytes();
    match value.len() {
        0..=0x7F => out.push(low),
        0x80..=0xFF => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend_from_slice(value);
    out
}

/// A data object list (EMV Book 3, 5.4): tags with the length that the card asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dol(Vec<(u32, usize)>);

impl Dol {
    /// Reads a list of primitive tags with one-octet lengths.
    pub(crate) fn parse(mut octets: &[u8]) -> Option<Self> {
        let mut entries = Vec::new();
        while !octets.is_empty() {
            let (tag, rest) = read_tag(octets)?;
            let (&length, rest) = rest.split_first()?;
            if (Object { tag, value: &[] }).constructed() {
                return None;
            }
            entries.push((tag, usize::from(length)));
            octets = rest;
        }
        Some(Self(entries))
    }

    /// Octets that a terminal sends for this list.
    pub(crate) fn length(&self) -> usize {
        self.0.iter().map(|(_, length)| length).sum()
    }

    /// Tags with their values cut out of what the terminal sent.
    pub(crate) fn values<'a>(&self, mut sent: &'a [u8]) -> Vec<(u32, &'a [u8])> {
        let mut values = Vec::new();
        for (tag, length) in &self.0 {
            let Some((value, rest)) = sent.split_at_checked(*length) else {
                break;
            };
            values.push((*tag, value));
            sent = rest;
        }
        values
    }

    /// Value of one tag in what the terminal sent.
    pub(crate) fn value<'a>(&self, sent: &'a [u8], tag: u32) -> Option<&'a [u8]> {
        self.values(sent)
            .into_iter()
            .find(|(t, _)| *t == tag)
            .map(|(_, v)| v)
    }

    /// Whether the list asks for a tag.
    pub(crate) fn asks(&self, tag: u32) -> bool {
        self.0.iter().any(|(t, _)| *t == tag)
    }
}

/// Header of a CPS data grouping: identifier and length in one or three octets (EMV CPS 2.0).
/// With the `ber` quirk the length is coded as in BER.
pub(crate) fn read_grouping_header(octets: &[u8], ber: bool) -> Option<(u16, usize, &[u8])> {
    let (&[high, low], rest) = octets.split_first_chunk::<2>()?;
    let number = u16::from_be_bytes([high, low]);
    if ber {
        let (length, rest) = read_length(rest)?;
        return Some((number, length, rest));
    }
    match rest {
        [0xFF, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            (0xFF..0xFFFF)
                .contains(&length)
                .then_some((number, length, rest))
        }
        [0xFF, ..] | [] => None,
        [length, rest @ ..] => Some((number, usize::from(*length), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_come_back_as_written() {
        for length in [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x1234] {
            let value = vec![0xA5; length];
            let octets = write(0x9F46, &value);
            let (object, rest) = read(&octets).unwrap();
            assert_eq!(
                (object.tag, object.value, rest.len()),
                (0x9F46, &value[..], 0)
            );
        }
    }

    #[test]
    fn what_is_not_ber_is_refused() {
        // Length beyond the field, longer form than needed, indefinite form, cut tag, null tag.
        for bad in [
            "5002AA",
            "508101AA",
            "5080AA0000",
            "9F",
            "0001AA",
            "5082000100",
        ] {
            assert!(read(&hex::decode(bad).unwrap()).is_none(), "{bad}");
        }
        assert!(!well_formed(&hex::decode("7003500280").unwrap()));
    }

    /// EMV CPS 2.0: `FF hh ll`, never BER's `81`.
    #[test]
    fn grouping_lengths() {
        let read = |text: &str, ber| {
            read_grouping_header(&hex::decode(text).unwrap(), ber).map(|(n, l, _)| (n, l))
        };
        assert_eq!(read("0301B3", false), Some((0x0301, 0xB3)));
        assert_eq!(read("0301FF0100", false), Some((0x0301, 0x100)));
        assert_eq!(read("030181B3", true), Some((0x0301, 0xB3)));
        assert_eq!(read("0301FF0010", false), None);
        assert_eq!(read("0301FFFFFF", false), None);
        assert_eq!(read("0301FF01", false), None);
        assert_eq!(read("0301", false), None);
        assert_eq!(read("03", false), None);
    }

    #[test]
    fn lists_of_data_objects() {
        let list = Dol::parse(&hex::decode("9F02069F37048A02").unwrap()).unwrap();
        assert_eq!(list.length(), 12);
        let sent = hex::decode("00000000100011223344 3030".replace(' ', "")).unwrap();
        assert_eq!(list.value(&sent, 0x9F37).unwrap(), [0x11, 0x22, 0x33, 0x44]);
        assert!(Dol::parse(&hex::decode("9F02").unwrap()).is_none());
        assert!(Dol::parse(&hex::decode("7002").unwrap()).is_none());
    }
}
