//! Octets under a transport key, and the padding in front of it.

use std::sync::Arc;

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Mechanism, Object};
use cardwright_ports::hsm::{DekPadding, KeyHandle, KeyUse, Sealed};
use cardwright_standards::cipher::pad_80;
use zeroize::Zeroizing;

use super::Session;
use crate::composition::{Intent, Way};
use crate::error::{self, Refused, Trouble};
use crate::objects::{Flags, Kind, Protection};
use crate::ring::Key;
use crate::seal::CLEAR_OCTETS_MAX;
use crate::together::{Job, job};
use crate::tool::{Tool, wrong};

impl Session {
    /// Pads and enciphers public octets: ECB for triple DES, CBC with IV zero for AES.
    pub(super) fn encrypt_clear(
        &self,
        transport: KeyHandle,
        clear: &[u8],
    ) -> Result<Job<Vec<u8>>, Refused> {
        if clear.len() > CLEAR_OCTETS_MAX {
            return Err(error::ARGUMENT.found(format!("{} octets to encipher", clear.len())));
        }
        let key = self.transport(transport)?;
        let mut clear = Zeroizing::new(clear.to_vec());
        pad(&mut clear, key.kind()?.block(), DekPadding::Iso7816Always)?;
        Ok(job(move |tool| {
            let intent = match key.kind()?.block() {
                8 => Intent::TransportTdes,
                _ => Intent::TransportAes,
            };
            tool.plan.way(intent, key.flags)?;
            enciphered(tool, &key, &clear)
        }))
    }

    /// The same of sealed octets; keys that were made inside stay there where the token can.
    pub(super) fn encrypt_sealed(
        &self,
        transport: KeyHandle,
        sealed: &Sealed,
        padding: DekPadding,
    ) -> Result<Job<Vec<u8>>, Refused> {
        let key = self.transport(transport)?;
        self.shared.bind_issuers([sealed])?;
        let sealed = sealed.clone();
        Ok(job(move |tool| {
            let block = key.kind()?.block();
            let intent = match block {
                8 => Intent::ExportTdes,
                _ => Intent::ExportAes,
            };
            if Tool::is_keys(&sealed) && tool.plan.way(intent, key.flags)? == Way::Inside {
                let under = (key.kind()?, tool.objects(&key)?.main);
                return rewrapped(tool, under, &sealed, padding);
            }
            if Tool::is_rsa_part(&sealed) {
                let intent = match block {
                    8 => Intent::ExportRsaTdes,
                    _ => Intent::ExportRsaAes,
                };
                if tool.plan.way(intent, key.flags)? == Way::Inside {
                    let under = (key.kind()?, tool.objects(&key)?.main);
                    let mut found = rsa_numbers(tool, under, &[(&sealed, padding)])?;
                    return Ok(found.pop().unwrap_or_default());
                }
            }
            if !key.flags.has(Flags::ENCRYPT) {
                let what = format!("key {} does not allow CKA_ENCRYPT", key.name);
                return Err(error::REFUSED.found(what).into());
            }
            let mut clear = tool.open_sealed(&sealed)?;
            pad(&mut clear, block, padding)?;
            enciphered(tool, &key, &clear)
        }))
    }

    fn transport(&self, handle: KeyHandle) -> Result<Arc<Key>, Refused> {
        let key = self.key_for(handle, KeyUse::Transport)?;
        key.kind()?;
        Ok(key)
    }
}

fn enciphered(tool: &Tool<'_>, key: &Key, clear: &[u8]) -> Result<Vec<u8>, Trouble> {
    let (kind, main) = (key.kind()?, tool.objects(key)?.main);
    if clear.is_empty() {
        return Ok(Vec::new());
    }
    match kind.block() {
        8 => Ok(tool.ecb(kind, main, clear)?.to_vec()),
        _ => tool.cbc(kind, main, (&[0; 16], clear)),
    }
}

/// Keys wrapped under a transport key or a channel's, without being seen: for AES each key goes on from the
/// ciphertext of the one before, which is what CBC over all of them is.
pub(super) fn rewrapped(
    tool: &Tool<'_>,
    (kind, main): (Kind, Object),
    sealed: &Sealed,
    padding: DekPadding,
) -> Result<Vec<u8>, Trouble> {
    let block = kind.block();
    let total = sealed.clear_length as usize;
    // Only the padding is known here, and it is all that is needed.
    let mut fill = Zeroizing::new(vec![0u8; total]);
    pad(&mut fill, block, padding)?;
    let tail = fill.get(total..).unwrap_or_default().to_vec();
    let waiting = tool.waiting_keys(sealed);
    let keys = match &waiting {
        Some(waiting) => waiting.keys.clone(),
        None => tool.keys_inside(sealed, Flags::NONE, Protection::Wrappable)?,
    };
    let whole = keys
        .iter()
        .all(|(inner, _)| inner.octets().is_multiple_of(block));
    if !whole || !tail.len().is_multiple_of(block) {
        let what = "keys that do not end with a block of the transport key";
        return Err(error::HOST_MEMORY.found(what).into());
    }
    let mut out: Vec<u8> = Vec::with_capacity(total + tail.len());
    for (inner, key) in &keys {
        let mechanism = match block {
            8 => Mechanism::Plain(ck::CKM_DES3_ECB),
            _ => {
                let chain = out.last_chunk::<16>().copied().unwrap_or_default();
                Mechanism::Initial(ck::CKM_AES_CBC, chain.to_vec())
            }
        };
        let wrapped = tool.wrapped(&mechanism, main, *key)?;
        if wrapped.len() != inner.octets() {
            return Err(wrong(format!("{} octets of a wrapped key", wrapped.len())).into());
        }
        out.extend_from_slice(&wrapped);
    }
    match &waiting {
        Some(waiting) => waiting.end(),
        None => tool.destroy(&keys)?,
    }
    if !tail.is_empty() {
        let chain = out.last_chunk::<16>().copied().unwrap_or_default();
        out.extend(match block {
            8 => tool.ecb(kind, main, &tail)?.to_vec(),
            _ => tool.cbc(kind, main, (&chain, &tail))?,
        });
    }
    Ok(out)
}

/// Numbers of RSA keys under a transport key or a channel's, cut out and padded inside.
pub(super) fn rsa_numbers(
    tool: &Tool<'_>,
    (kind, main): (Kind, Object),
    values: &[(&Sealed, DekPadding)],
) -> Result<Vec<Vec<u8>>, Trouble> {
    let session = tool.session()?;
    let mut last = None;
    let mut out = Vec::with_capacity(values.len());
    for (sealed, padding) in values {
        let total = sealed.clear_length as usize;
        // Only the padding is known here, and it is all that is needed.
        let mut fill = Zeroizing::new(vec![0u8; total]);
        pad(&mut fill, kind.block(), *padding)?;
        let tail = fill.get(total..).unwrap_or_default();
        let object = tool.rsa_number(sealed, tail, &mut last)?;
        let mechanism = match kind.block() {
            8 => Mechanism::Plain(ck::CKM_DES3_ECB),
            _ => Mechanism::Initial(ck::CKM_AES_CBC, vec![0; 16]),
        };
        let wrapped = session.wrap(&mechanism, main, object)?;
        if wrapped.len() != fill.len() {
            return Err(wrong(format!("{} octets of a wrapped number", wrapped.len())).into());
        }
        session.destroy(object)?;
        out.push(wrapped);
    }
    if let Some((_, apart)) = last {
        apart.end(session)?;
    }
    Ok(out)
}

/// Pads clear octets to whole blocks.
pub(super) fn pad(
    clear: &mut Zeroizing<Vec<u8>>,
    block: usize,
    padding: DekPadding,
) -> Result<(), Refused> {
    let aligned = clear.len().is_multiple_of(block);
    // Growing in place could leave the old copy behind; a new vector is filled instead.
    let roomy = |clear: &[u8]| {
        let mut padded = Zeroizing::new(Vec::with_capacity(clear.len() + block));
        padded.extend_from_slice(clear);
        padded
    };
    match padding {
        DekPadding::Iso7816IfNeeded | DekPadding::None | DekPadding::Zeros if aligned => {}
        DekPadding::None => {
            return Err(error::ARGUMENT.found(format!(
                "{} octets without padding under a cipher of {block}-octet blocks",
                clear.len()
            )));
        }
        DekPadding::Zeros | DekPadding::Pkcs7 => {
            let missing = block - clear.len() % block;
            let fill = match padding {
                DekPadding::Pkcs7 => u8::try_from(missing).unwrap_or_default(),
                _ => 0,
            };
            let mut padded = roomy(clear);
            padded.resize(clear.len() + missing, fill);
            *clear = padded;
        }
        DekPadding::Iso7816Always | DekPadding::Iso7816IfNeeded => {
            let mut padded = roomy(clear);
            pad_80(&mut padded, block);
            *clear = padded;
        }
    }
    Ok(())
}
