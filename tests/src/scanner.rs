//! Looks for secrets in octets: a canary is searched for in every encoding in which it could
//! leave by accident.

use base64::{Engine, engine::general_purpose::STANDARD};

/// A secret that must not be found, with its disguises.
pub struct Canary {
    /// What it is, for the message.
    pub name: String,
    disguises: Vec<(&'static str, Vec<u8>)>,
}

/// A canary that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Which canary.
    pub name: String,
    /// In which encoding.
    pub encoding: &'static str,
    /// Where, in octets.
    pub offset: usize,
}

impl Canary {
    /// A text, such as a PIN or a PAN.
    pub fn text(name: impl Into<String>, text: &str) -> Self {
        let mut disguises = octet_disguises(text.as_bytes());
        let wide = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect();
        disguises.push(("UTF-16LE", wide(u16::to_le_bytes)));
        disguises.push(("UTF-16BE", wide(u16::to_be_bytes)));
        if text.len() >= 8 && text.bytes().all(|b| b.is_ascii_digit()) {
            // Digits as nibbles, as in a track on a chip or in a PIN block's plain part.
            for (name, front) in [("packed digits", ""), ("packed digits, shifted", "0")] {
                let mut packed = format!("{front}{text}");
                // A half octet at an end is anybody's: only whole octets are searched for.
                packed.truncate(packed.len() / 2 * 2);
                let octets = hex::decode(&packed).expect("digits are hexadecimal");
                disguises.push((name, octets[front.len()..].to_vec()));
            }
            let groups = |mark: &str| {
                let chunks: Vec<&str> = (0..text.len())
                    .step_by(4)
                    .map(|at| &text[at..(at + 4).min(text.len())])
                    .collect();
                chunks.join(mark).into_bytes()
            };
            disguises.push(("groups of four", groups(" ")));
            disguises.push(("groups of four, hyphens", groups("-")));
            disguises.push(("backwards", text.bytes().rev().collect()));
            disguises.push(("digit values", text.bytes().map(|b| b - b'0').collect()));
        }
        Self {
            name: name.into(),
            disguises,
        }
    }

    /// Octets, such as a key.
    pub fn octets(name: impl Into<String>, octets: &[u8]) -> Self {
        Self {
            name: name.into(),
            disguises: octet_disguises(octets),
        }
    }

    /// The encodings that are searched for, with the octets of each.
    pub fn disguises(&self) -> &[(&'static str, Vec<u8>)] {
        &self.disguises
    }
}

fn octet_disguises(octets: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let spaced = |mark: &str, upper: bool| {
        let digits = octets.iter().map(|b| {
            if upper {
                format!("{b:02X}")
            } else {
                format!("{b:02x}")
            }
        });
        digits.collect::<Vec<_>>().join(mark).into_bytes()
    };
    let decimal: Vec<String> = octets.iter().map(u8::to_string).collect();
    let mut disguises = vec![
        ("plain", octets.to_vec()),
        ("HEX", spaced("", true)),
        ("hex", spaced("", false)),
        ("H E X", spaced(" ", true)),
        ("h e x", spaced(" ", false)),
        ("h:e:x", spaced(":", false)),
        ("Debug print", spaced(", 0x", true)),
        ("list of numbers", decimal.join(", ").into_bytes()),
        ("JSON list", decimal.join(",").into_bytes()),
        ("reversed octets", octets.iter().rev().copied().collect()),
    ];
    for (name, shift) in [
        ("base64", 0),
        ("base64, shifted", 1),
        ("base64, shifted twice", 2),
    ] {
        if let Some(text) = base64_inside(octets, shift) {
            disguises.push((name, text));
        }
    }
    disguises
}

/// The characters that octets give inside a longer base64 text, at one of three alignments; those
/// at the ends that neighbours decide are left out.
fn base64_inside(octets: &[u8], shift: usize) -> Option<Vec<u8>> {
    let padded = [&[0u8; 2][..shift], octets].concat();
    let whole = padded.len() / 3 * 3;
    let text = STANDARD.encode(&padded[..whole]);
    // The first group holds octets that are not ours.
    let first = if shift == 0 { 0 } else { 4 };
    let inside = text.get(first..)?;
    (inside.len() >= 8).then(|| inside.as_bytes().to_vec())
}

/// Everything that is found of these canaries.
pub fn search(octets: &[u8], canaries: &[Canary]) -> Vec<Hit> {
    let mut hits = Vec::new();
    for canary in canaries {
        for (encoding, needle) in &canary.disguises {
            if let Some(offset) = find(octets, needle) {
                hits.push(Hit {
                    name: canary.name.clone(),
                    encoding,
                    offset,
                });
            }
        }
    }
    hits
}

/// Where a needle stands: the first octet by a table, the rest by comparing.
fn find(octets: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, rest) = needle.split_first()?;
    let mut from = 0;
    while let Some(at) = octets.get(from..)?.iter().position(|b| b == first) {
        let start = from + at;
        if octets.get(start + 1..)?.starts_with(rest) {
            return Some(start);
        }
        from = start + 1;
    }
    None
}

/// What a PDF shows and holds: its text as a reader would copy it, and its streams unpacked.
pub fn pdf_inside(octets: &[u8]) -> (String, Vec<u8>) {
    let mut document = lopdf::Document::load_mem(octets).expect("a PDF");
    let pages: Vec<u32> = document.get_pages().into_keys().collect();
    let text = document.extract_text(&pages).expect("its text");
    document.decompress();
    let mut streams = Vec::new();
    for object in document.objects.values() {
        if let Ok(stream) = object.as_stream() {
            streams.extend_from_slice(&stream.content);
            streams.push(b'\n');
        }
    }
    (text, streams)
}

/// Pages of a PDF.
pub fn pdf_pages(octets: &[u8]) -> usize {
    lopdf::Document::load_mem(octets)
        .expect("a PDF")
        .get_pages()
        .len()
}

/// The text of each page of a PDF.
pub fn pdf_page_texts(octets: &[u8]) -> Vec<String> {
    let document = lopdf::Document::load_mem(octets).expect("a PDF");
    let pages = document.get_pages().into_keys();
    pages
        .map(|page| document.extract_text(&[page]).expect("its text"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Canary, search};

    /// The positive control: a scanner that finds nothing proves nothing.
    #[test]
    fn every_disguise_is_found_wherever_it_stands() {
        let pin = Canary::text("PIN", "904718263549");
        let key = Canary::octets("key", b"\x10\x32\x54\x76\x98\xBA\xDC\xFE\x01\x23\x45\x67");
        for canary in [pin, key] {
            assert!(canary.disguises().len() >= 12);
            for (name, needle) in canary.disguises().to_vec() {
                for before in 0..5 {
                    let hay = [&vec![b'.'; before][..], &needle, b"...."].concat();
                    let hits = search(&hay, std::slice::from_ref(&canary));
                    assert!(
                        hits.iter().any(|h| h.encoding == name),
                        "{name} after {before}"
                    );
                }
            }
        }
    }

    #[test]
    fn base64_is_found_inside_a_longer_text() {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let canary = Canary::text("PAN", "9999927700000019");
        for before in 0..6 {
            for after in 0..4 {
                let text = format!(
                    "{}9999927700000019{}",
                    "x".repeat(before),
                    "y".repeat(after)
                );
                let hay = STANDARD.encode(text);
                assert!(!search(hay.as_bytes(), std::slice::from_ref(&canary)).is_empty());
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let canary = Canary::text("PIN", "904718263549");
        let noise: Vec<u8> = (0..100_000u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        assert!(search(&noise, &[canary]).is_empty());
    }
}
