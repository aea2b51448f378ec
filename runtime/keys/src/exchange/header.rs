//! Headers of key blocks: made for what leaves, read and held against policy for what comes in.

use super::codes::{BLOCK, NOT_ALLOWED};
use crate::KeysError;
use cardwright_ports::custody::{Exportability, KeyAlgorithm};
use cardwright_ports::hsm::KeyUse;
use cardwright_standards::keyblock::{Attributes, Header, OptionalBlock, Usage};
use cardwright_standards::keyblock::{KeyVersion, Version};

/// Longest block.
const BLOCK_MAX: usize = 9_999;
/// Octets of a header's fixed part.
const FIXED: usize = 16;

/// The usage that a use has in headers.
pub(super) fn usage(usage: KeyUse) -> &'static str {
    match usage {
        KeyUse::CardVerification => "C0",
        KeyUse::EmvApplicationCryptogram => "E0",
        KeyUse::EmvSecureMessagingConfidentiality => "E1",
        KeyUse::EmvSecureMessagingIntegrity => "E2",
        KeyUse::EmvDynamicNumbers => "E4",
        KeyUse::CardIssuance => "E5",
        KeyUse::CardKey => "E6",
        KeyUse::PinEncryption => "P0",
        KeyUse::PinVerificationIbm3624 => "V1",
        KeyUse::PinVerificationPvv => "V2",
        KeyUse::EmvIssuerPrivate
        | KeyUse::CertificateSigning
        | KeyUse::ContentSigning
        | KeyUse::PackageSigning => "S0",
        KeyUse::EmvCaPrivate => "S2",
        KeyUse::Transport => "K0",
        KeyUse::KeyBlockProtection => "K1",
        KeyUse::KeyExchange => "K3",
    }
}

pub(super) fn letter(algorithm: KeyAlgorithm) -> char {
    match algorithm {
        KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3 => 'T',
        KeyAlgorithm::Rsa { .. } => 'R',
        KeyAlgorithm::P256 => 'E',
        _ => 'A',
    }
}

/// The letter of an exportability.
pub(super) fn export_letter(value: Exportability) -> char {
    let row = Exportability::ALL.iter().find(|row| row.0 == value);
    row.map_or('N', |row| row.1)
}

/// A header for a key, by its fields.
pub(super) struct Wish<'a> {
    /// Version of the block.
    pub(super) version: char,
    /// Use.
    pub(super) usage: KeyUse,
    /// Algorithm.
    pub(super) algorithm: KeyAlgorithm,
    /// Mode of use; the widest that the usage's own purpose needs when none.
    pub(super) mode: Option<char>,
    /// Exportability's letter.
    pub(super) exportability: char,
    /// Optional blocks: identifier and data.
    pub(super) blocks: &'a [(String, String)],
}

/// The first mode of the usage's row, but a signature key signs.
fn usual_mode(usage: &str) -> char {
    let row = Usage::of(usage);
    let takes = |letter: char| {
        let mode = cardwright_standards::keyblock::Mode::of(letter);
        row.zip(mode)
            .is_some_and(|(row, mode)| row.takes_mode(mode))
    };
    ['S', 'B', 'C', 'X']
        .into_iter()
        .find(|mode| takes(*mode))
        .unwrap_or('N')
}

impl Wish<'_> {
    /// The header, if its parts go together.
    pub(super) fn attributes(&self) -> Result<Attributes, KeysError> {
        let code = usage(self.usage);
        let header = Header {
            version: self.version,
            length: 0,
            usage: code.to_owned(),
            algorithm: letter(self.algorithm),
            mode_of_use: self.mode.unwrap_or_else(|| usual_mode(code)),
            key_version: "00".to_owned(),
            exportability: self.exportability,
            reserved: "00".to_owned(),
            blocks: self.optional(),
        };
        Attributes::parse(&header).map_err(|faults| {
            let first = faults.first().map(ToString::to_string);
            NOT_ALLOWED.found(format!("the header: {}", first.unwrap_or_default()))
        })
    }

    /// Check values get their right digits when the block is made; here they only say which.
    fn optional(&self) -> Vec<OptionalBlock> {
        let block = |(id, data): &(String, String)| {
            let aes = match id.as_str() {
                "KP" => matches!(self.version, 'D' | 'E'),
                _ => letter(self.algorithm) == 'A',
            };
            let data = match (id.as_str(), data.is_empty(), aes) {
                ("KC" | "KP", true, true) => "010000000000".to_owned(),
                ("KC" | "KP", true, false) => "00000000".to_owned(),
                _ => data.clone(),
            };
            OptionalBlock {
                id: id.clone(),
                data,
            }
        };
        self.blocks.iter().map(block).collect()
    }
}

/// A header as text, for the HSM: its length is filled in there.
pub(super) fn text(attributes: &Attributes) -> String {
    let header = attributes.header();
    let mut text = format!(
        "{}0000{}{}{}{}{}{:02}{}",
        header.version,
        header.usage,
        header.algorithm,
        header.mode_of_use,
        header.key_version,
        header.exportability,
        header.blocks.len(),
        header.reserved
    );
    for block in &header.blocks {
        let short = block.data.len() + 4;
        match short <= 0xFF {
            true => text.push_str(&format!("{}{short:02X}{}", block.id, block.data)),
            false => {
                let long = block.data.len() + 10;
                text.push_str(&format!("{}0002{long:04X}{}", block.id, block.data));
            }
        }
    }
    text
}

/// The header of a block that came in, with its text. Nothing of it is proven yet.
pub(super) fn read(block: &[u8]) -> Result<(String, Attributes), KeysError> {
    let wrong = |what: &str| BLOCK.found(what.to_owned());
    let text = std::str::from_utf8(block)
        .ok()
        .filter(|text| text.is_ascii() && text.len() <= BLOCK_MAX)
        .ok_or_else(|| wrong("a key block is ASCII text of up to 9999 characters"))?;
    let end = header_end(text).ok_or_else(|| wrong("it is shorter than its header says"))?;
    let text = text.get(..end).unwrap_or_default();
    let header = Header::from_text(text).map_err(|e| BLOCK.found(e.to_string()))?;
    if header.length != block.len() {
        let (found, said) = (block.len(), header.length);
        return Err(BLOCK.found(format!("it has {found} characters, its header says {said}")));
    }
    let attributes = Attributes::parse(&header).map_err(|faults| {
        let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
        BLOCK.found(all.join("; "))
    })?;
    Ok((text.to_owned(), attributes))
}

/// Where the optional blocks end.
fn header_end(text: &str) -> Option<usize> {
    let count: usize = text.get(12..14)?.parse().ok()?;
    let number = |from: usize, length: usize| {
        let digits = text.get(from..from.checked_add(length)?)?;
        usize::from_str_radix(digits, 16).ok()
    };
    let mut at = FIXED;
    for _ in 0..count {
        let length = match number(at + 2, 2)? {
            0 => {
                let octets = number(at + 4, 2).filter(|o| (1..=4).contains(o))?;
                number(at + 6, 2 * octets)?
            }
            short => short,
        };
        // A block is at least as long as its own head, so that this ends.
        at = at
            .checked_add(length.max(4))
            .filter(|end| *end <= text.len())?;
    }
    Some(at)
}

/// What a site takes: nothing unknown unless it is told so, and no components.
pub(super) fn acceptable(attributes: &Attributes, unknown: bool) -> Result<(), KeysError> {
    if let KeyVersion::Component(digit) = attributes.key_version {
        let what = format!("it holds component {digit} of a key; components come by ceremony");
        return Err(BLOCK.found(what));
    }
    match attributes.unknown_blocks().next() {
        Some(id) if !unknown => {
            let id: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
            Err(BLOCK.found(format!("no table knows its optional block {id}")))
        }
        _ => Ok(()),
    }
}

/// The form of a block's version.
pub(super) fn form(version: Version) -> cardwright_standards::key_policy::Form {
    cardwright_standards::key_policy::Form::KeyBlock(version)
}
