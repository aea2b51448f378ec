//! Forms that no mechanism of the token makes, composed of blocks that it enciphers: AES key wrap,
//! key under key in ECB and CBC, RSA without padding.

use cardwright_pkcs11_raw::{Failure, Mechanism, Value, ck};
use zeroize::Zeroizing;

use super::find::Found;
use super::make::New;
use super::{reveal, rules};
use crate::error::{self, Trouble};
use crate::objects::{Flags, Place, Protection};
use crate::tool::Tool;

/// The check register of RFC 3394, 2.2.3.1.
const REGISTER: [u8; 8] = [0xA6; 8];
/// The constant half of the register of RFC 5649, 3.
const PADDED: [u8; 4] = [0xA6, 0x59, 0x59, 0xA6];

fn refused(what: &str) -> Trouble {
    rules::WRAPPED.found(what).into()
}

/// What a working mechanism refuses to unwrap is a wrapped key that is not what it should be; some tokens
/// have no better word for that than a general failure. A device that fails is no word on the key.
pub(super) fn not_unwrapped(failure: Failure) -> Trouble {
    let told = error::of_failure(&failure);
    let general = [ck::CKR_GENERAL_ERROR, ck::CKR_FUNCTION_FAILED];
    let vague = matches!(&failure.value, Value::Returned(value) if general.contains(value));
    match told.code == error::REFUSED.code || vague {
        true => refused(&told.what),
        false => Trouble::Token(failure),
    }
}

/// RFC 3394, or RFC 5649 when padded, each block enciphered inside.
pub(super) fn key_wrap_out(
    tool: &Tool<'_>,
    under: &Found,
    clear: &[u8],
    padded: bool,
) -> Result<Vec<u8>, Trouble> {
    let mut register = REGISTER;
    let mut parts = Zeroizing::new(clear.to_vec());
    if padded {
        let length = (clear.len() as u32).to_be_bytes();
        register = join(PADDED, length);
        parts.resize(clear.len().next_multiple_of(8), 0);
    }
    let (halves, rest) = parts.as_chunks_mut::<8>();
    if halves.is_empty() || !rest.is_empty() {
        let what = "a key that is no multiple of 8 octets without padding";
        return Err(rules::MAY_NOT_TRAVEL.found(what).into());
    }
    if let ([only], true) = (&*halves, padded) {
        let block = tool.block16(under.main, join16(register, *only))?;
        return Ok(block.to_vec());
    }
    let count = halves.len() as u64;
    for round in 0..6u64 {
        for (half, number) in halves.iter_mut().zip(1u64..) {
            let block = tool.block16(under.main, join16(register, *half))?;
            let (left, right) = apart(block);
            register = (u64::from_be_bytes(left) ^ (round * count + number)).to_be_bytes();
            *half = right;
        }
    }
    Ok([register.as_slice(), parts.as_slice()].concat())
}

/// Opens what [`key_wrap_out`] makes.
pub(super) fn key_wrap_in(
    tool: &Tool<'_>,
    under: &Found,
    wrapped: &[u8],
    padded: bool,
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let least = if padded { 16 } else { 24 };
    if wrapped.len() < least || !wrapped.len().is_multiple_of(8) {
        return Err(refused("a wrapped key of an impossible length"));
    }
    let decipher = |block: [u8; 16]| -> Result<([u8; 8], [u8; 8]), Trouble> {
        let kind = under.kind()?;
        let clear = tool.ecb_back(kind, under.main, &block)?;
        Ok(apart(clear.first_chunk().copied().unwrap_or_default()))
    };
    let mut octets = Zeroizing::new(wrapped.to_vec());
    let (halves, _) = octets.as_chunks_mut::<8>();
    let Some((register, halves)) = halves.split_first_mut() else {
        return Err(refused("a wrapped key of an impossible length"));
    };
    if let [only] = halves {
        (*register, *only) = decipher(join16(*register, *only))?;
    } else {
        let count = halves.len() as u64;
        for round in (0..6u64).rev() {
            for (half, number) in halves.iter_mut().rev().zip((1..=count).rev()) {
                let left = u64::from_be_bytes(*register) ^ (round * count + number);
                (*register, *half) = decipher(join16(left.to_be_bytes(), *half))?;
            }
        }
    }
    let register = *register;
    let key = Zeroizing::new(octets.get(8..).unwrap_or_default().to_vec());
    match padded {
        false if rules::same(&register, &REGISTER) => Ok(key),
        true => unpadded(register, key),
        false => Err(refused("AES key wrap that does not open")),
    }
}

/// Looks at the register and the fill of RFC 5649, 3.
fn unpadded(register: [u8; 8], mut key: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let (constant, length) = register.split_at(4);
    let length = length.iter().fold(0usize, |n, o| n << 8 | usize::from(*o));
    let fill = key.len().checked_sub(length).filter(|fill| *fill < 8);
    let zeros = key.get(length..).unwrap_or_default();
    let right = rules::same(constant, &PADDED) && zeros.iter().all(|octet| *octet == 0);
    match (right, fill) {
        (true, Some(_)) if length > 0 => {
            key.truncate(length);
            Ok(key)
        }
        _ => Err(refused("AES key wrap that does not open")),
    }
}

fn join(a: [u8; 4], b: [u8; 4]) -> [u8; 8] {
    let both = u64::from(u32::from_be_bytes(a)) << 32 | u64::from(u32::from_be_bytes(b));
    both.to_be_bytes()
}

fn join16(a: [u8; 8], b: [u8; 8]) -> [u8; 16] {
    let both = u128::from(u64::from_be_bytes(a)) << 64 | u128::from(u64::from_be_bytes(b));
    both.to_be_bytes()
}

fn apart(block: [u8; 16]) -> ([u8; 8], [u8; 8]) {
    let both = u128::from_be_bytes(block);
    (
        ((both >> 64) as u64).to_be_bytes(),
        (both as u64).to_be_bytes(),
    )
}

/// Key under key in ECB, or in CBC with vector zero.
pub(super) fn legacy_out(
    tool: &Tool<'_>,
    under: &Found,
    clear: &[u8],
    cbc: bool,
) -> Result<Vec<u8>, Trouble> {
    let kind = under.kind()?;
    check_blocks(clear, kind.block())?;
    if cbc {
        return tool.cbc(kind, under.main, (&vec![0; kind.block()], clear));
    }
    Ok(tool.ecb(kind, under.main, clear)?.to_vec())
}

/// Opens what [`legacy_out`] makes.
pub(super) fn legacy_in(
    tool: &Tool<'_>,
    under: &Found,
    wrapped: &[u8],
    cbc: bool,
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let kind = under.kind()?;
    check_blocks(wrapped, kind.block())?;
    let mut clear = tool.ecb_back(kind, under.main, wrapped)?;
    if cbc {
        let later = clear.iter_mut().skip(kind.block());
        for (octet, chained) in later.zip(wrapped) {
            *octet ^= chained;
        }
    }
    Ok(clear)
}

fn check_blocks(octets: &[u8], block: usize) -> Result<(), Trouble> {
    match octets.len().is_multiple_of(block.max(1)) && !octets.is_empty() {
        true => Ok(()),
        false => Err(rules::PARITY
            .found(format!("{} octets are no whole blocks", octets.len()))
            .into()),
    }
}

/// RSA without padding inside.
pub(super) fn raw_decrypted(
    tool: &Tool<'_>,
    key: &Found,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let (modulus, _) = key.rsa()?;
    if wrapped.len() != modulus.len() || wrapped >= modulus {
        return Err(refused("RSA-OAEP that does not open"));
    }
    let mechanism = Mechanism::Plain(ck::CKM_RSA_X_509);
    let found = tool.session()?.decrypt(&mechanism, key.main, wrapped)?;
    // Some tokens take zeros in front off.
    let mut block = Zeroizing::new(vec![0; modulus.len().saturating_sub(found.len())]);
    block.extend_from_slice(&found);
    Ok(block)
}

/// Unwraps inside for the life of a session, then as [`reveal`].
pub(super) fn moved(
    tool: &Tool<'_>,
    under: &Found,
    (mechanism, wrapped): (&Mechanism, &[u8]),
    new: &New,
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let place = (Place::Session, Protection::Wrappable);
    let rows = super::make::rows_for(new, Flags::NONE, place);
    let key = tool
        .session()?
        .unwrap(mechanism, under.main, wrapped, &rows);
    let main = key.map_err(not_unwrapped)?;
    let key = Found {
        label: new.label.clone(),
        main,
        nature: under.nature.clone(),
        algorithm: new.algorithm,
        usage: new.usage,
        exportability: new.exportability,
        flags: Flags::NONE,
    };
    let octets = reveal::octets(tool, &key);
    tool.session()?.destroy(main)?;
    octets
}
