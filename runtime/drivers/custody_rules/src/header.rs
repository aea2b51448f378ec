//! Headers of key blocks: what one says must be what the key is, and a receiver gets no more
//! freedom than the sender gave.

use cardwright_ports::HsmError;
use cardwright_ports::custody::{Exportability, KeyAlgorithm, NewKey};
use cardwright_ports::hsm::KeyUse;
use cardwright_standards::keyblock::Header;

use crate::refusal::MAY_NOT_TRAVEL;
use crate::rules::{block_algorithm, block_usages};

/// A header to wrap with, which must say what the key is.
///
/// # Errors
/// R1374.
pub fn agreed_header(
    text: &str,
    algorithm: KeyAlgorithm,
    usage: KeyUse,
    exportability: Exportability,
) -> Result<Header, HsmError> {
    let header = parsed(text)?;
    let differs = |what: &str| Err(MAY_NOT_TRAVEL.found(format!("the header says {what}")));
    if !block_usages(usage).contains(&header.usage.as_str()) {
        return differs(&format!("usage {}", header.usage));
    }
    if header.algorithm != block_algorithm(algorithm) {
        return differs(&format!("algorithm {}", header.algorithm));
    }
    // A receiver may do no more with the key than we may.
    let allowed = match exportability {
        Exportability::Sensitive => "ENS",
        Exportability::Exportable => "EN",
        Exportability::NonExportable => "N",
    };
    if !allowed.contains(header.exportability) {
        return differs(&format!("exportability {}", header.exportability));
    }
    Ok(header)
}

/// The header of a block that comes in: usage and algorithm agree, and the key gets no more
/// freedom than its sender gave.
///
/// # Errors
/// R1374.
pub fn received_header(text: &str, key: &NewKey<'_>) -> Result<Header, HsmError> {
    let header = parsed(text)?;
    let theirs = Exportability::ALL
        .iter()
        .find(|(_, letter, _)| header.exportability == *letter);
    let Some((theirs, ..)) = theirs else {
        return Err(MAY_NOT_TRAVEL.found("the header says another exportability"));
    };
    let narrower = match theirs {
        Exportability::NonExportable => key.exportability == Exportability::NonExportable,
        Exportability::Exportable => key.exportability != Exportability::Sensitive,
        Exportability::Sensitive => true,
    };
    if !narrower {
        return Err(MAY_NOT_TRAVEL.found("the header allows less export than was asked for"));
    }
    agreed_header(text, key.algorithm, key.usage, *theirs)
}

fn parsed(text: &str) -> Result<Header, HsmError> {
    Header::from_text(text).map_err(|e| MAY_NOT_TRAVEL.found(e.to_string()))
}

/// Versions A, B and C are triple DES, D and E AES.
///
/// # Errors
/// R1374.
pub fn check_version(header: &Header, under: KeyAlgorithm) -> Result<(), HsmError> {
    let fits = match under {
        KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3 => matches!(header.version, 'A' | 'B' | 'C'),
        KeyAlgorithm::Aes128 | KeyAlgorithm::Aes192 | KeyAlgorithm::Aes256 => {
            matches!(header.version, 'D' | 'E')
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(MAY_NOT_TRAVEL.found(format!(
        "a block of version {} under a key of algorithm {}",
        header.version,
        under.name()
    )))
}
