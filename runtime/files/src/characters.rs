//! Characters of a file: octets to Unicode and back.

use crate::ebcdic;
use cardwright_bundle::Encoding;

/// One encoding, prepared.
pub(crate) struct Characters {
    encoding: Encoding,
    /// For encodings of one octet a character: what each octet is.
    octets: Vec<Option<char>>,
    /// The other way, sorted.
    characters: Vec<(char, u8)>,
    /// Whether a UTF-16 file has its low octets first.
    little: bool,
}

/// ISO/IEC 8859-9, where it differs from 8859-1.
const LATIN_5: [(u8, char); 6] = [
    (0xD0, 'Ğ'),
    (0xDD, 'İ'),
    (0xDE, 'Ş'),
    (0xF0, 'ğ'),
    (0xFD, 'ı'),
    (0xFE, 'ş'),
];

impl Characters {
    /// Prepares an encoding.
    pub(crate) fn new(encoding: Encoding) -> Self {
        let mut octets = Vec::new();
        if encoding.is_single() {
            octets = (0..=u8::MAX).map(|octet| single(encoding, octet)).collect();
        }
        let mut characters: Vec<(char, u8)> = (0..=u8::MAX)
            .zip(&octets)
            .filter_map(|(octet, character)| Some(((*character)?, octet)))
            .collect();
        characters.sort_unstable();
        Self {
            encoding,
            octets,
            characters,
            little: encoding == Encoding::Utf16le,
        }
    }

    /// The encoding.
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Looks at the first octets of a file for a byte order mark; gives how many to skip.
    pub(crate) fn mark(&mut self, first: &[u8]) -> usize {
        match self.encoding {
            Encoding::Utf8 if first.starts_with(&[0xEF, 0xBB, 0xBF]) => 3,
            Encoding::Utf16 | Encoding::Utf16le if first.starts_with(&[0xFF, 0xFE]) => {
                self.little = true;
                2
            }
            Encoding::Utf16 | Encoding::Utf16be if first.starts_with(&[0xFE, 0xFF]) => 2,
            _ => 0,
        }
    }

    /// Whether two octets make a unit, the low one first or last.
    pub(crate) fn is_little(&self) -> bool {
        self.little
    }

    /// The text of octets, or what is wrong with them.
    pub(crate) fn decode(&self, octets: &[u8]) -> Result<String, String> {
        match self.encoding {
            Encoding::Utf8 => std::str::from_utf8(octets)
                .map(str::to_owned)
                .map_err(|e| format!("octet {} is not valid UTF-8", e.valid_up_to() + 1)),
            Encoding::Utf16 | Encoding::Utf16be | Encoding::Utf16le => self.decode_pairs(octets),
            Encoding::Ascii if !octets.is_ascii() => Err("a character that is not ASCII".into()),
            _ => (1..)
                .zip(octets)
                .map(|(at, octet)| {
                    let found = self.octets.get(usize::from(*octet)).copied().flatten();
                    found.ok_or_else(|| format!("octet {at} is no character of the encoding"))
                })
                .collect(),
        }
    }

    fn decode_pairs(&self, octets: &[u8]) -> Result<String, String> {
        let pairs = octets.chunks_exact(2);
        if !pairs.remainder().is_empty() {
            return Err("half a UTF-16 unit".into());
        }
        let units = pairs.map(|pair| {
            let pair = [
                pair.first().copied().unwrap_or(0),
                pair.get(1).copied().unwrap_or(0),
            ];
            if self.little {
                u16::from_le_bytes(pair)
            } else {
                u16::from_be_bytes(pair)
            }
        });
        (1u32..)
            .zip(char::decode_utf16(units))
            .map(|(at, found)| {
                found.map_err(|_| format!("character {at} is half of a UTF-16 pair"))
            })
            .collect()
    }

    /// The octets of a text; `None` when the encoding lacks one of its characters.
    pub(crate) fn encode(&self, text: &str) -> Option<Vec<u8>> {
        match self.encoding {
            Encoding::Utf8 => Some(text.as_bytes().to_vec()),
            Encoding::Utf16 | Encoding::Utf16be | Encoding::Utf16le => Some(
                text.encode_utf16()
                    .flat_map(|unit| {
                        if self.little {
                            unit.to_le_bytes()
                        } else {
                            unit.to_be_bytes()
                        }
                    })
                    .collect(),
            ),
            _ => text
                .chars()
                .map(|character| {
                    let found = self
                        .characters
                        .binary_search_by(|(c, _)| c.cmp(&character))
                        .ok()?;
                    self.characters.get(found).map(|(_, octet)| *octet)
                })
                .collect(),
        }
    }
}

fn single(encoding: Encoding, octet: u8) -> Option<char> {
    use encoding_rs as rs;
    let table = match encoding {
        Encoding::Ascii => return octet.is_ascii().then_some(char::from(octet)),
        Encoding::Ebcdic037 | Encoding::Ebcdic500 | Encoding::Ebcdic1047 | Encoding::Ebcdic1140 => {
            return Some(ebcdic::character(encoding, octet));
        }
        Encoding::Latin5 => {
            let other = LATIN_5.iter().find(|(at, _)| *at == octet);
            return Some(other.map_or(char::from(octet), |(_, c)| *c));
        }
        Encoding::Latin2 => rs::ISO_8859_2,
        Encoding::Latin3 => rs::ISO_8859_3,
        Encoding::Latin4 => rs::ISO_8859_4,
        Encoding::Latin6 => rs::ISO_8859_10,
        Encoding::Latin7 => rs::ISO_8859_13,
        Encoding::Latin8 => rs::ISO_8859_14,
        Encoding::Latin9 => rs::ISO_8859_15,
        Encoding::Latin10 => rs::ISO_8859_16,
        _ => return Some(char::from(octet)),
    };
    let octet = [octet];
    let text = table.decode_without_bom_handling_and_without_replacement(&octet)?;
    text.chars().next()
}

#[cfg(test)]
mod tests {
    use super::Characters;
    use cardwright_bundle::Encoding;

    /// Made by glibc's iconv and by Python's codecs; the file says how.
    const OCTETS: &str = include_str!("../../../tests/vectors/encodings/octets.txt");

    fn encoding(name: &str) -> Encoding {
        match name {
            "IBM037" | "cp037" => Encoding::Ebcdic037,
            "IBM500" | "cp500" => Encoding::Ebcdic500,
            "IBM1047" => Encoding::Ebcdic1047,
            "IBM1140" | "cp1140" => Encoding::Ebcdic1140,
            "iso8859-1" => Encoding::Latin1,
            "iso8859-2" => Encoding::Latin2,
            "iso8859-3" => Encoding::Latin3,
            "iso8859-4" => Encoding::Latin4,
            "iso8859-9" => Encoding::Latin5,
            "iso8859-10" => Encoding::Latin6,
            "iso8859-13" => Encoding::Latin7,
            "iso8859-14" => Encoding::Latin8,
            "iso8859-15" => Encoding::Latin9,
            "iso8859-16" => Encoding::Latin10,
            other => panic!("no encoding {other}"),
        }
    }

    #[test]
    fn every_octet_means_what_iconv_and_python_say() {
        let mut lines = 0;
        for line in OCTETS.lines().filter(|l| !l.starts_with('#')) {
            let mut words = line.split(' ');
            let (_, name) = (words.next(), words.next().expect("a name"));
            let characters = Characters::new(encoding(name));
            let points: Vec<&str> = words.collect();
            assert_eq!(points.len(), 256, "{name}");
            for (octet, point) in (0..=u8::MAX).zip(points) {
                let found = characters.decode(&[octet]).ok();
                let expected = (point != "-").then(|| {
                    let point = u32::from_str_radix(point, 16).expect("a code point");
                    char::from_u32(point).expect("a character").to_string()
                });
                assert_eq!(found, expected, "{name} {octet:02X}");
                if let Some(text) = expected {
                    assert_eq!(characters.encode(&text), Some(vec![octet]), "{name} {text}");
                }
            }
            lines += 1;
        }
        assert_eq!(lines, 17);
    }

    #[test]
    fn utf_16_follows_its_mark() {
        // Python: "Zoë 𝄞".encode("utf-16-le").hex()
        let little = [0x5A, 0, 0x6F, 0, 0xEB, 0, 0x20, 0, 0x34, 0xD8, 0x1E, 0xDD];
        let mut characters = Characters::new(Encoding::Utf16);
        assert_eq!(characters.mark(&[0xFF, 0xFE]), 2);
        assert_eq!(characters.decode(&little).as_deref(), Ok("Zoë 𝄞"));
        assert_eq!(characters.encode("Zoë 𝄞").as_deref(), Some(&little[..]));
        assert!(characters.decode(&little[..9]).is_err());
        assert!(characters.decode(&[0x34, 0xD8]).is_err());
    }

    #[test]
    fn a_character_that_is_not_there_is_refused() {
        assert_eq!(Characters::new(Encoding::Ascii).encode("é"), None);
        assert_eq!(Characters::new(Encoding::Ebcdic037).encode("€"), None);
        assert_eq!(Characters::new(Encoding::Ebcdic1140).encode("¤"), None);
        assert!(Characters::new(Encoding::Ascii).decode(&[0xE9]).is_err());
        assert!(Characters::new(Encoding::Latin3).decode(&[0xA5]).is_err());
    }
}
