//! NDEF messages (NFC Forum, NDEF 1.0; record types URI and Text), and the capability container of a
//! Type 4 Tag.

/// Prefixes of the URI record type by their code (NFC Forum RTD URI, table 3).
const PREFIXES: [&str; 36] = [
    "",
    "http://www.",
    "https://www.",
    "http://",
    "https://",
    "tel:",
    "mailto:",
    "ftp://anonymous:anonymous@",
    "ftp://ftp.",
    "ftps://",
    "sftp://",
    "smb://",
    "nfs://",
    "ftp://",
    "dav://",
    "news:",
    "telnet://",
    "imap:",
    "rtsp://",
    "urn:",
    "pop:",
    "sip:",
    "sips:",
    "tftp:",
    "btspp://",
    "btl2cap://",
    "btgoep://",
    "tcpobex://",
    "irdaobex://",
    "file://",
    "urn:epc:id:",
    "urn:epc:tag:",
    "urn:epc:pat:",
    "urn:epc:raw:",
    "urn:epc:",
    "urn:nfc:",
];

/// Record header: first record of a message.
const BEGIN: u8 = 0x80;
/// Record header: last record of a message.
const END: u8 = 0x40;
/// Record header: the payload's length has one octet.
const SHORT: u8 = 0x10;
/// Record header: the record has an identifier.
const IDENTIFIED: u8 = 0x08;
/// Record header: a type that the NFC Forum defines.
const WELL_KNOWN: u8 = 0x01;
/// Most records that are read from a message.
const RECORDS_MAX: usize = 64;

/// A record as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A URI.
    Uri(String),
    /// Text and its language.
    Text {
        /// IETF language tag.
        language: String,
        /// Text.
        text: String,
    },
    /// Another type: type name format and type.
    Other(u8, Vec<u8>),
}

/// A URI record that begins and ends nothing; see [`message`].
#[must_use]
pub fn uri(text: &str) -> Vec<u8> {
    // The longest prefix leaves the least to store.
    let known = PREFIXES.iter().enumerate();
    let (code, prefix) = known
        .filter(|(_, prefix)| text.starts_with(**prefix))
        .max_by_key(|(_, prefix)| prefix.len())
        .unwrap_or((0, &""));
    let mut payload = vec![code as u8];
    payload.extend_from_slice(text.strip_prefix(*prefix).unwrap_or(text).as_bytes());
    record(b'U', &payload)
}

/// A text record in UTF-8; none when the language is no tag of 1 to 63 letters, digits, hyphens.
#[must_use]
pub fn text(text: &str, language: &str) -> Option<Vec<u8>> {
    let fine = language
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let length = u8::try_from(language.len()).ok()?;
    if !fine || !(1..=63).contains(&length) {
        return None;
    }
    let payload = [&[length], language.as_bytes(), text.as_bytes()].concat();
    Some(record(b'T', &payload))
}

fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut octets = match u8::try_from(payload.len()) {
        Ok(length) => vec![WELL_KNOWN | SHORT, 1, length, kind],
        Err(_) => {
            let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            let [a, b, c, d] = length.to_be_bytes();
            vec![WELL_KNOWN, 1, a, b, c, d, kind]
        }
    };
    octets.extend_from_slice(payload);
    octets
}

/// A message of records: the first begins it, the last ends it.
#[must_use]
pub fn message(records: &[&[u8]]) -> Vec<u8> {
    let count = records.len();
    let mut octets = Vec::new();
    for (at, record) in records.iter().enumerate() {
        let Some((header, rest)) = record.split_first() else {
            continue;
        };
        let begin = if at == 0 { BEGIN } else { 0 };
        let end = if at + 1 == count { END } else { 0 };
        octets.push(header & !(BEGIN | END) | begin | end);
        octets.extend_from_slice(rest);
    }
    octets
}

/// The records of a message; none when it is not well formed.
#[must_use]
pub fn read(mut octets: &[u8]) -> Option<Vec<Read>> {
    let mut records = Vec::new();
    loop {
        let (&header, rest) = octets.split_first()?;
        let (&kind_length, rest) = rest.split_first()?;
        let (length, rest) = if header & SHORT != 0 {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length), rest)
        } else {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (usize::try_from(u32::from_be_bytes(*length)).ok()?, rest)
        };
        let (identifier, rest) = if header & IDENTIFIED != 0 {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length), rest)
        } else {
            (0, rest)
        };
        let (kind, rest) = rest.split_at_checked(usize::from(kind_length))?;
        let (_, rest) = rest.split_at_checked(identifier)?;
        let (payload, rest) = rest.split_at_checked(length)?;
        // The first record begins the message, no other does; chunks (bit 6) are not for tags.
        if (header & BEGIN != 0) != records.is_empty() || header & 0x20 != 0 {
            return None;
        }
        records.push(payload_of(header & 0x07, kind, payload)?);
        if header & END != 0 {
            return rest.is_empty().then_some(records);
        }
        if records.len() >= RECORDS_MAX {
            return None;
        }
        octets = rest;
    }
}

fn payload_of(format: u8, kind: &[u8], payload: &[u8]) -> Option<Read> {
    match (format, kind) {
        (WELL_KNOWN, b"U") => {
            let (code, rest) = payload.split_first()?;
            let prefix = PREFIXES.get(usize::from(*code))?;
            let rest = std::str::from_utf8(rest).ok()?;
            Some(Read::Uri(format!("{prefix}{rest}")))
        }
        (WELL_KNOWN, b"T") => {
            let (status, rest) = payload.split_first()?;
            let (language, text) = rest.split_at_checked(usize::from(status & 0x3F))?;
            // Bit 8 says UTF-16, which nobody writes.
            (status & 0x80 == 0).then_some(())?;
            Some(Read::Text {
                language: String::from_utf8(language.to_vec()).ok()?,
                text: String::from_utf8(text.to_vec()).ok()?,
            })
        }
        _ => Some(Read::Other(format, kind.to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages that ndeflib 0.3.3 (nfcpy project, ISC licence) made from the same records.
    #[test]
    fn messages_are_those_of_ndeflib() {
        let long = "x".repeat(300);
        let cases: [(Vec<Vec<u8>>, String); 6] = [
            (
                vec![uri("https://harbour.example/m/0042")],
                "D101175504686172626F75722E6578616D706C652F6D2F30303432".into(),
            ),
            (
                vec![uri("http://www.example.org/"), text("Zoë 42", "fr").unwrap()],
                "91010D55016578616D706C652E6F72672F51010A540266725A6FC3AB203432".into(),
            ),
            (
                vec![uri("urn:x-harbour:7")],
                "D1010C5513782D686172626F75723A37".into(),
            ),
            (
                vec![text(&long, "en").unwrap()],
                format!("C1010000012F5402656E{}", "78".repeat(300)),
            ),
            (
                vec![
                    uri("tel:+33100000000"),
                    uri("mailto:a@example.org"),
                    text("hi", "en").unwrap(),
                ],
                "91010D55052B333331303030303030303011010E550661406578616D706C652E6F72675101055402656E6869"
                    .into(),
            ),
            (
                vec![uri("https://www.example.org/"), uri("http://example.org/")],
                "91010D55026578616D706C652E6F72672F51010D55036578616D706C652E6F72672F".into(),
            ),
        ];
        for (records, expected) in cases {
            let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
            let octets = message(&records);
            assert_eq!(hex::encode_upper(&octets), expected);
            assert_eq!(read(&octets).unwrap().len(), records.len());
        }
    }

    #[test]
    fn what_is_cut_or_begins_twice_is_no_message() {
        let whole = message(&[&uri("https://example.org/"), &text("a", "en").unwrap()]);
        assert_eq!(
            read(&whole).unwrap(),
            [
                Read::Uri("https://example.org/".into()),
                Read::Text {
                    language: "en".into(),
                    text: "a".into()
                }
            ]
        );
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
        assert_eq!(read(&[whole.clone(), whole].concat()), None);
        assert_eq!(text("a", ""), None);
        assert_eq!(text("a", "en us"), None);
    }
}
