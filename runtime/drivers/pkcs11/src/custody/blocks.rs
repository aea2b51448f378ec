//! Key blocks (X9.143 and ISO 20038) where the token can't make them inside: the block's two keys are
//! derived by encryption under the protection key, which never leaves its token; the key in the block is in
//! host memory for the moment.

use cardwright_ports::custody::KeyAlgorithm;
use cardwright_standards::cipher::xor;
use cardwright_standards::keyblock::{
    self, Acceptance, Attributes, DerivationTexts, Header, ProtectionKeys, Version,
};
use cardwright_standards::mac::cmac_subkeys;
use zeroize::Zeroizing;

use super::find::{Found, check_value};
use super::make::system;
use super::{find, private_keys, reveal, rules};
use crate::composition::{Intent, Plan, Way};
use crate::error::{self, Refused, Trouble};
use crate::objects::Kind;
use crate::tool::{Tool, wrong};
use cardwright_ports::hsm::CheckMethod;

/// How blocks of a version are made and opened under a key, with a key of an algorithm in them.
pub(super) fn way(
    plan: &Plan,
    under: &Found,
    (version, algorithm): (char, KeyAlgorithm),
) -> Result<Way, Refused> {
    let intent = match version {
        _ if algorithm.octets().is_none() => Intent::KeyBlocksPairs,
        'A' | 'C' => Intent::KeyBlocksVariant,
        'B' => Intent::KeyBlocksTdes,
        'E' => Intent::KeyBlocksCounter,
        _ => Intent::KeyBlocksAes,
    };
    let way = plan.way(intent, under.flags);
    way.map_err(|refused| match intent {
        Intent::KeyBlocksVariant if refused.code == error::REFUSED.code => {
            error::REFUSED.found(format!(
                "a block of version {version}: its keys are variants of the protection key; {}",
                refused.what
            ))
        }
        _ => refused,
    })
}

/// The keys of a block, derived by CMAC with the protection key inside.
fn protection_keys(
    tool: &Tool<'_>,
    under: &Found,
    version: char,
) -> Result<ProtectionKeys, Trouble> {
    let kind = under.kind()?;
    let refused = |what: String| error::REFUSED.found(what);
    let version = Version::of(version).map_err(|e| refused(e.to_string()))?;
    let texts = DerivationTexts::of(version, kind.octets()).ok_or_else(|| {
        let letter = version.letter();
        refused(format!(
            "a block of version {letter}: its keys are variants of the protection key, which are made inside only"
        ))
    })?;
    let encryption = derived(tool, under, kind, &texts.encryption)?;
    let mac = derived(tool, under, kind, &texts.mac)?;
    let checks = [
        check_value(tool, under, CheckMethod::Ecb)?,
        check_value(tool, under, CheckMethod::Cmac)?,
    ];
    let keys = ProtectionKeys::derived(version, (&encryption, &mac), checks);
    Ok(keys.map_err(|e| wrong(e.to_string()))?)
}

/// CMAC over each text, one after another, as long as the protection key.
fn derived(
    tool: &Tool<'_>,
    under: &Found,
    kind: Kind,
    texts: &[[u8; 8]],
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let mut blocks = Vec::with_capacity(texts.len() * kind.block());
    if kind.block() == 8 {
        // A text is a whole block.
        let [whole, _] = cmac_subkeys(tool.block8(under.main, [0; 8])?);
        blocks.extend(texts.iter().flat_map(|text| xor(*text, whole)));
    } else {
        let [_, cut] = cmac_subkeys(tool.block16(under.main, [0; 16])?);
        for text in texts {
            let mut padded = [0; 16];
            let marked = text.iter().chain(&[0x80]);
            for (slot, octet) in padded.iter_mut().zip(marked) {
                *slot = *octet;
            }
            blocks.extend(xor(padded, cut));
        }
    }
    let mut key = tool.ecb(kind, under.main, &blocks)?;
    key.truncate(kind.octets());
    Ok(key)
}

/// A block of an exportable key.
pub(super) fn seal(
    tool: &Tool<'_>,
    key: &Found,
    under: &Found,
    header: &Header,
) -> Result<Vec<u8>, Trouble> {
    let refused = |what: String| rules::MAY_NOT_TRAVEL.found(what);
    let keys = protection_keys(tool, under, header.version)?;
    let attributes = Attributes::parse(header).map_err(|faults| {
        let first = faults.first().map(ToString::to_string);
        refused(first.unwrap_or_default())
    })?;
    let octets = reveal::octets(tool, key)?;
    let octets = match key.algorithm {
        KeyAlgorithm::Rsa { .. } | KeyAlgorithm::P256 => {
            private_keys::block_octets(key.algorithm, &octets)?
        }
        _ => octets,
    };
    let fill = keyblock::fill_octets(header, octets.len()).map_err(|e| refused(e.to_string()))?;
    let mut fill = Zeroizing::new(vec![0; fill]);
    system(&mut fill)?;
    let sealed = keyblock::seal_with(&keys, &attributes, &octets, &fill);
    Ok(sealed
        .map(String::into_bytes)
        .map_err(|e| refused(e.to_string()))?)
}

/// The keys with which a block is opened, out of the token.
pub(super) fn opening_keys(
    tool: &Tool<'_>,
    under: &str,
    version: char,
) -> Result<ProtectionKeys, Trouble> {
    protection_keys(tool, &find::present(tool.session()?, under)?, version)
}

/// What a block holds, when its header is the one that was accepted.
pub(super) fn open(
    keys: &ProtectionKeys,
    wrapped: &[u8],
    header: &Header,
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let text = std::str::from_utf8(wrapped)
        .map_err(|_| rules::WRAPPED.found("a key block is ASCII text"))?;
    // What stands in a header is policy's to accept; here it must be what was accepted.
    let acceptance = Acceptance {
        versions: &[Version::B, Version::D, Version::E],
        unknown_blocks: true,
        components: false,
        odd_combinations: true,
    };
    let refused = |e: keyblock::KeyBlockError| rules::WRAPPED.found(e.to_string());
    let opened = keyblock::open_with(keys, text, &acceptance).map_err(refused)?;
    let mut found = Header::from_text(&opened.header_text).map_err(refused)?;
    found.length = header.length;
    match found == *header {
        true => Ok(opened.key),
        false => Err(rules::WRAPPED.found("its header is not the one that was accepted")),
    }
}
