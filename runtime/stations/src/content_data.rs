//! What the commands of card content carry, piece by piece, so that what sends them and what
//! explains them say the same (GlobalPlatform Card Specification 2.3.1, chapter 11).

use crate::StationError;
use cardwright_bundle::{Application, Bundle, Install, LoadFile};
use cardwright_standards::globalplatform::load_file;

/// Octets that belong together, and what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What they are.
    pub title: String,
    /// The octets.
    pub octets: Vec<u8>,
}

fn piece(title: impl Into<String>, octets: Vec<u8>) -> Piece {
    Piece {
        title: title.into(),
        octets,
    }
}

/// The octets of pieces one after another.
#[must_use]
pub fn joined(pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().flat_map(|p| p.octets.clone()).collect()
}

/// Data of INSTALL [for load] (11.5.2.3.1): load file, domain (the issuer's own when there is
/// none), hash, no parameters, no token.
///
/// # Errors
/// R1217 for a load file that is not in the bundle, or that the bundle describes wrongly.
pub fn install_for_load(bundle: &Bundle, load: &LoadFile) -> Result<Vec<Piece>, StationError> {
    let components = asset(bundle, &load.asset)?;
    let hash = load.hash.as_deref();
    let digest = hash.map_or(Some(Vec::new()), |h| load_file::hash(h, components));
    let digest = digest.ok_or_else(|| wrong("a hash that is none"))?;
    let domain = load.dap.as_ref().map(|dap| octets(&dap.domain));
    let domain = domain.transpose()?.unwrap_or_default();
    Ok(vec![
        piece("AID of the load file", counted(&octets(&load.package)?)?),
        piece(
            match domain.is_empty() {
                true => "no other domain than the issuer's",
                false => "AID of the security domain that verifies",
            },
            counted(&domain)?,
        ),
        piece(
            match hash {
                Some(method) => format!("load file data block hash, {method}"),
                None => "no load file data block hash".to_owned(),
            },
            counted(&digest)?,
        ),
        piece("no parameters", vec![0]),
        piece("no load token", vec![0]),
    ])
}

/// What the LOAD commands carry one after another (11.6.2.3): the signature if there is one, the
/// header of the load file data block, the package's components.
///
/// # Errors
/// R1217 for a load file that is not in the bundle.
pub fn load_blocks(bundle: &Bundle, load: &LoadFile) -> Result<Vec<Piece>, StationError> {
    let components = asset(bundle, &load.asset)?;
    let mut pieces = Vec::new();
    if let Some(dap) = &load.dap {
        let aid = [vec![0x4F], counted(&octets(&dap.domain)?)?].concat();
        let signature = [vec![0xC3], counted(asset(bundle, &dap.asset)?)?].concat();
        let both = aid.len() + signature.len();
        let header = counted(&vec![0; both])?;
        let header = header.get(..header.len().saturating_sub(both));
        pieces.push(piece(
            "tag and length of the data authentication pattern",
            [&[0xE2], header.unwrap_or_default()].concat(),
        ));
        pieces.push(piece("AID of the security domain that verifies", aid));
        pieces.push(piece(format!("signature, file {}", dap.asset), signature));
    }
    let block = load_file::data_block(components);
    let header = block.len().saturating_sub(components.len());
    pieces.push(piece(
        "tag and length of the load file data block",
        block.get(..header).unwrap_or_default().to_vec(),
    ));
    for (name, octets) in load_file::components(components) {
        pieces.push(piece(format!("component {name}"), octets.to_vec()));
    }
    Ok(pieces)
}

/// Data of INSTALL [for install and make selectable] (11.5.2.3.2).
///
/// # Errors
/// R1217 for octets that are none.
pub fn install(application: &Application, install: &Install) -> Result<Vec<Piece>, StationError> {
    let parameters = octets(&install.parameters)?;
    let parameters = [vec![0xC9], counted(&parameters)?].concat();
    let privileges = octets(&install.privileges)?;
    let names = load_file::privilege_names(&privileges);
    Ok(vec![
        piece("AID of the load file", counted(&octets(&install.package)?)?),
        piece(
            "AID of the applet in it",
            counted(&octets(&install.module)?)?,
        ),
        piece("AID of the instance", counted(&octets(&application.aid)?)?),
        piece(
            match names.is_empty() {
                true => "no privileges".to_owned(),
                false => format!("privileges: {}", names.join(", ")),
            },
            counted(&privileges)?,
        ),
        piece("parameters of the applet, inside C9", counted(&parameters)?),
        piece("no install token", vec![0]),
    ])
}

fn asset<'b>(bundle: &'b Bundle, name: &str) -> Result<&'b [u8], StationError> {
    let missing = || wrong("a load file that is not in the bundle");
    bundle.asset(name).ok_or_else(missing)
}

pub(crate) fn octets(text: &str) -> Result<Vec<u8>, StationError> {
    hex::decode(text).map_err(|_| wrong("octets that are not hexadecimal"))
}

/// Length and value; lengths from 128 on are in the BER form (GlobalPlatform 2.3.1, 11.1.5).
pub(crate) fn counted(value: &[u8]) -> Result<Vec<u8>, StationError> {
    let [high, low] = match u16::try_from(value.len()) {
        Ok(length) => length.to_be_bytes(),
        Err(_) => return Err(wrong("a value too long")),
    };
    let mut counted = match value.len() {
        0..=0x7F => vec![low],
        0x80..=0xFF => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    counted.extend_from_slice(value);
    Ok(counted)
}

pub(crate) fn wrong(what: &str) -> StationError {
    StationError::new(
        "R1217",
        format!("a load file can't be sent: {what}"),
        "build the bundle again",
    )
}
