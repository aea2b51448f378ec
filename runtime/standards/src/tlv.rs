//! BER-TLV of EMV Book 3, annex B (ISO/IEC 8825-1): hostile input with limits on depth, count and
//! length, and building.

/// Deepest nesting that is read.
pub const DEPTH_MAX: usize = 12;
/// Most data objects that are read from one text.
pub const OBJECTS_MAX: usize = 4096;
/// Longest value.
pub const VALUE_OCTETS_MAX: usize = 65_535;

/// Why octets are not TLV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlvError {
    /// A tag is cut or longer than 4 octets.
    #[error("octet {0}: not a tag")]
    Tag(usize),
    /// A length is cut, indefinite or over the limit.
    #[error("octet {0}: not a length")]
    Length(usize),
    /// A value is longer than what is left.
    #[error("octet {at}: the value has {expected} octets, {found} are left")]
    Truncated {
        /// Where the value begins, from 0.
        at: usize,
        /// What the length says.
        expected: usize,
        /// What is left.
        found: usize,
    },
    /// Nested too deep.
    #[error("templates are nested deeper than {DEPTH_MAX}")]
    Depth,
    /// Too many objects.
    #[error("more than {OBJECTS_MAX} data objects")]
    Count,
}

impl TlvError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "E0391"
    }
}

/// A tag of 1 to 4 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u32);

impl Tag {
    /// A tag that a table of this crate vouches for.
    pub(crate) const fn constant(value: u32) -> Self {
        Self(value)
    }

    /// From its octets as a number, such as `0x9F02`; none when they are not one whole tag.
    pub fn new(value: u32) -> Option<Self> {
        let octets = value.to_be_bytes();
        let start = octets.iter().position(|octet| *octet != 0)?;
        Self::from_octets(octets.get(start..)?)
    }

    /// From its octets; none when they are not one whole tag.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let (tag, rest) = read_tag(octets)?;
        rest.is_empty().then_some(tag)
    }

    /// From hexadecimal text such as `9F02`.
    pub fn from_hex(text: &str) -> Option<Self> {
        Self::from_octets(&crate::hex::decode(text).ok()?)
    }

    /// The octets as a number.
    pub fn value(self) -> u32 {
        self.0
    }

    /// The octets.
    pub fn to_octets(self) -> Vec<u8> {
        let octets = self.0.to_be_bytes();
        octets.into_iter().skip_while(|octet| *octet == 0).collect()
    }

    /// Whether its value holds further data objects (bit 6 of the first octet).
    pub fn is_constructed(self) -> bool {
        self.to_octets()
            .first()
            .is_some_and(|first| first & 0x20 != 0)
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&crate::hex::encode(&self.to_octets()))
    }
}

/// A data object.
#[derive(Clone, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Tag.
    pub tag: Tag,
    /// Value; for a template its octets.
    pub value: &'a [u8],
    /// Data objects within; empty for primitive tags.
    pub children: Vec<Tlv<'a>>,
}

impl<'a> Tlv<'a> {
    /// The first object with a tag, here or at any depth below.
    pub fn find(&self, tag: Tag) -> Option<&Tlv<'a>> {
        if self.tag == tag {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(tag))
    }
}

/// Reads data objects, templates with what is in them. Octets 00 before, between and after objects
/// have no meaning (annex B1).
pub fn parse(octets: &[u8]) -> Result<Vec<Tlv<'_>>, TlvError> {
    let mut count = 0;
    parse_level(octets, 0, 0, &mut count)
}

/// Reads data objects of one level: templates stay octets.
pub fn parse_flat(octets: &[u8]) -> Result<Vec<(Tag, &[u8])>, TlvError> {
    let mut objects = Vec::new();
    let mut rest = octets;
    while let Some((tag, value, after)) = next(rest, octets.len() - rest.len())? {
        if objects.len() == OBJECTS_MAX {
            return Err(TlvError::Count);
        }
        objects.push((tag, value));
        rest = after;
    }
    Ok(objects)
}

/// Appends a data object with the shortest length.
pub fn push(to: &mut Vec<u8>, tag: Tag, value: &[u8]) -> Result<(), TlvError> {
    to.extend_from_slice(&tag.to_octets());
    push_length(to, value.len())?;
    to.extend_from_slice(value);
    Ok(())
}

/// A data object with the shortest length.
pub fn build(tag: Tag, value: &[u8]) -> Result<Vec<u8>, TlvError> {
    let mut octets = Vec::with_capacity(value.len() + 7);
    push(&mut octets, tag, value)?;
    Ok(octets)
}

/// Appends a BER length in its shortest form: 1, 2 (81) or 3 (82) octets.
pub fn push_length(to: &mut Vec<u8>, length: usize) -> Result<(), TlvError> {
    let [high, low] = u16::try_from(length)
        .map_err(|_| TlvError::Length(0))?
        .to_be_bytes();
    match length {
        0..=0x7F => to.push(low),
        0x80..=0xFF => to.extend_from_slice(&[0x81, low]),
        _ => to.extend_from_slice(&[0x82, high, low]),
    }
    Ok(())
}

fn parse_level<'a>(
    octets: &'a [u8],
    base: usize,
    depth: usize,
    count: &mut usize,
) -> Result<Vec<Tlv<'a>>, TlvError> {
    if depth > DEPTH_MAX {
        return Err(TlvError::Depth);
    }
    let mut objects = Vec::new();
    let mut rest = octets;
    while let Some((tag, value, after)) = next(rest, base + octets.len() - rest.len())? {
        *count += 1;
        if *count > OBJECTS_MAX {
            return Err(TlvError::Count);
        }
        let children = if tag.is_constructed() {
            let start = base + octets.len() - after.len() - value.len();
            parse_level(value, start, depth + 1, count)?
        } else {
            Vec::new()
        };
        objects.push(Tlv {
            tag,
            value,
            children,
        });
        rest = after;
    }
    Ok(objects)
}

type Object<'a> = (Tag, &'a [u8], &'a [u8]);

/// Tag, value and what follows; none at the end. `at` is the place of the first octet.
fn next(octets: &[u8], at: usize) -> Result<Option<Object<'_>>, TlvError> {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let octets = octets.get(zeros..).unwrap_or_default();
    let at = at + zeros;
    if octets.is_empty() {
        return Ok(None);
    }
    let (tag, rest) = read_tag(octets).ok_or(TlvError::Tag(at))?;
    let at = at + octets.len() - rest.len();
    let (length, rest) = read_length(rest).ok_or(TlvError::Length(at))?;
    let found = rest.len();
    let (value, after) = rest.split_at_checked(length).ok_or(TlvError::Truncated {
        at,
        expected: length,
        found,
    })?;
    Ok(Some((tag, value, after)))
}

/// A tag and what follows; none when it is cut or too long.
pub(crate) fn read_tag(octets: &[u8]) -> Option<(Tag, &[u8])> {
    let (first, mut rest) = octets.split_first()?;
    let mut value = u32::from(*first);
    if *first == 0 {
        return None;
    }
    if first & 0x1F == 0x1F {
        for further in 1.. {
            let (octet, after) = rest.split_first()?;
            value = value << 8 | u32::from(*octet);
            rest = after;
            if octet & 0x80 == 0 {
                break;
            }
            if further == 3 {
                return None;
            }
        }
    }
    Some((Tag(value), rest))
}

/// A definite length of 1 to 5 octets and what follows.
fn read_length(octets: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = octets.split_first()?;
    if first & 0x80 == 0 {
        return Some((usize::from(*first), rest));
    }
    let count = usize::from(first & 0x7F);
    if !(1..=4).contains(&count) {
        return None;
    }
    let (octets, rest) = rest.split_at_checked(count)?;
    let length = octets
        .iter()
        .fold(0usize, |length, octet| length << 8 | usize::from(*octet));
    (length <= VALUE_OCTETS_MAX).then_some((length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        crate::hex::decode(text).unwrap()
    }

    #[test]
    fn templates_hold_objects() {
        let octets = hex("6F1A840E315041592E5359532E4444463031A5088801015F2D02656E");
        let parsed = parse(&octets).unwrap();
        let language = parsed[0].find(Tag::new(0x5F2D).unwrap()).unwrap();
        assert_eq!(language.value, b"en");
        assert_eq!(parsed[0].children.len(), 2);
        let flat = parse_flat(&octets).unwrap();
        assert_eq!(flat.len(), 1);
    }

    #[test]
    fn limits_hold() {
        let mut deep = vec![];
        for _ in 0..20 {
            deep = build(Tag::new(0xE0).unwrap(), &deep).unwrap();
        }
        assert_eq!(parse(&deep).err(), Some(TlvError::Depth));
        assert_eq!(parse(&[0x9C, 0].repeat(5000)).err(), Some(TlvError::Count));
        assert_eq!(parse(&hex("9C84FFFFFFFF")).err(), Some(TlvError::Length(1)));
        assert_eq!(parse(&hex("9C80")).err(), Some(TlvError::Length(1)));
        let truncated = TlvError::Truncated {
            at: 3,
            expected: 2,
            found: 1,
        };
        assert_eq!(parse(&hex("E0039C02FF")).err(), Some(truncated));
        assert!(build(Tag::new(0x9C).unwrap(), &[0; 70_000]).is_err());
    }

    #[test]
    fn tags_are_whole() {
        assert_eq!(
            Tag::new(0x9F02).map(|tag| tag.to_string()),
            Some("9F02".to_owned())
        );
        assert_eq!(Tag::new(0x9F), None);
        assert_eq!(Tag::new(0x5A01), None);
        assert_eq!(Tag::new(0), None);
        assert!(Tag::new(0xBF0C).unwrap().is_constructed());
    }

    proptest::proptest! {
        #[test]
        fn anything_is_read_without_panic(octets: Vec<u8>) {
            let _ = parse(&octets);
            let _ = parse_flat(&octets);
        }
    }
}
