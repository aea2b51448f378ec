//! An exportable key in host memory, for the moment in which it is put into a form that no token
//! makes: wrapped in the token under a key of that moment, and opened here.

use cardwright_pkcs11_raw::Mechanism;
use cardwright_pkcs11_raw::ck;
use cardwright_standards::cipher::{self, AesKey};
use cardwright_standards::key_wrap;
use zeroize::Zeroizing;

use super::find::Found;
use super::make::system;
use super::rules;
use crate::composition::{Intent, Way};
use crate::error::Trouble;
use crate::objects::{self, Flags, Kind, Place, Protection};
use crate::tool::{Tool, wrong};

const KEY_OCTETS: usize = 32;

/// The octets of a symmetric key, with parity; PKCS #8 of a private key.
pub(super) fn octets(tool: &Tool<'_>, key: &Found) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let way = tool.plan.way(Intent::KeysOut, Flags::NONE)?;
    let mut moment = Zeroizing::new([0; KEY_OCTETS]);
    system(moment.as_mut_slice())?;
    let place = (Place::Session, Protection::Inside);
    let kind = Kind::Aes(KEY_OCTETS);
    let wrapping = objects::import(tool.session()?, kind, Flags::WRAP, place, moment.as_slice())?;
    let mechanism = match way {
        Way::CbcOut => Mechanism::Initial(ck::CKM_AES_CBC_PAD, vec![0; 16]),
        _ => tool.plan.key_wrap_pad(),
    };
    let wrapped = tool.session()?.wrap(&mechanism, wrapping, key.main)?;
    tool.session()?.destroy(wrapping)?;
    let unreadable = || wrong(format!("key {} does not open as it was wrapped", key.label));
    let mut clear = match way {
        Way::CbcOut => by_cbc(&moment, wrapped).ok_or_else(unreadable)?,
        _ => key_wrap::unwrap_padded(moment.as_slice(), &wrapped).map_err(|_| unreadable())?,
    };
    if let Some(expected) = key.algorithm.octets() {
        if clear.len() != expected {
            return Err(unreadable().into());
        }
        rules::adjust(key.algorithm, &mut clear);
    } else {
        // Some tokens fill a private key up to a block before they wrap it with padding.
        let length = der_length(&clear).ok_or_else(unreadable)?;
        let fill = clear.get(length..).ok_or_else(unreadable)?;
        if fill.len() > 7 || fill.iter().any(|octet| *octet != 0) {
            return Err(unreadable().into());
        }
        clear.truncate(length);
    }
    Ok(clear)
}

/// AES in CBC mode with the padding of PKCS #7, vector zero.
fn by_cbc(key: &[u8; KEY_OCTETS], wrapped: Vec<u8>) -> Option<Zeroizing<Vec<u8>>> {
    let mut clear = Zeroizing::new(wrapped);
    let key = AesKey::new(key).ok()?;
    cipher::cbc_decrypt(&key, [0; 16], &mut clear).ok()?;
    let fill = usize::from(*clear.last()?);
    let length = clear.len().checked_sub(fill)?;
    let padding = clear.get(length..)?;
    let right = (1..=16).contains(&fill) && padding.iter().all(|o| usize::from(*o) == fill);
    clear.truncate(length);
    right.then_some(clear)
}

/// Octets of a SEQUENCE as its head says them.
fn der_length(der: &[u8]) -> Option<usize> {
    match der {
        [0x30, length @ 0..=0x7F, ..] => Some(2 + usize::from(*length)),
        [0x30, 0x81, length, ..] => Some(3 + usize::from(*length)),
        [0x30, 0x82, high, low, ..] => Some(4 + usize::from(u16::from_be_bytes([*high, *low]))),
        _ => None,
    }
}
