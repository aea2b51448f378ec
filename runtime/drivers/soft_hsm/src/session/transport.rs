//! Octets under a transport key, and the padding in front of it.

use std::sync::Arc;

use cardwright_ports::hsm::{DekPadding, KeyHandle, KeyUse};
use cardwright_standards::cipher::{cbc_encrypt, ecb_encrypt, pad_80};
use zeroize::Zeroizing;

use super::Session;
use crate::error::{self, Refused};
use crate::keys::{Key, Material};

impl Session {
    /// Pads and enciphers under a transport key: ECB for triple DES, CBC with IV zero for AES.
    pub(super) fn encrypt_for(
        &mut self,
        transport: KeyHandle,
        mut clear: Zeroizing<Vec<u8>>,
        padding: DekPadding,
    ) -> Result<Vec<u8>, Refused> {
        let key = self.transport_key(transport, &mut clear, padding)?;
        let done = match &key.material {
            Material::Tdes(_, key) => ecb_encrypt(key, &mut clear),
            Material::Aes(_, key) => cbc_encrypt(key, [0; 16], &mut clear),
            Material::Rsa(_) | Material::P256(_) => Ok(()),
        };
        done.map_err(|e| error::ARGUMENT.found(e.to_string()))?;
        Ok(std::mem::take(&mut *clear))
    }

    /// A transport key, with octets padded for its blocks.
    pub(super) fn transport_key(
        &mut self,
        transport: KeyHandle,
        clear: &mut Zeroizing<Vec<u8>>,
        padding: DekPadding,
    ) -> Result<Arc<Key>, Refused> {
        let key = self.key_for(transport, KeyUse::Transport)?;
        let block = match &key.material {
            Material::Tdes(..) => 8,
            Material::Aes(..) => 16,
            Material::Rsa(_) | Material::P256(_) => {
                return Err(error::UNSUITABLE.found("a key pair as transport key"));
            }
        };
        pad(clear, block, padding)?;
        Ok(key)
    }
}

/// Pads clear octets to whole blocks.
pub(super) fn pad(
    clear: &mut Zeroizing<Vec<u8>>,
    block: usize,
    padding: DekPadding,
) -> Result<(), Refused> {
    let aligned = clear.len().is_multiple_of(block);
    match padding {
        DekPadding::Iso7816IfNeeded if aligned => {}
        DekPadding::None if aligned => {}
        DekPadding::None => {
            return Err(error::ARGUMENT.found(format!(
                "{} octets without padding under a cipher of {block}-octet blocks",
                clear.len()
            )));
        }
        DekPadding::Zeros if aligned => {}
        DekPadding::Zeros | DekPadding::Pkcs7 => {
            let missing = block - clear.len() % block;
            let fill = match padding {
                DekPadding::Pkcs7 => u8::try_from(missing).unwrap_or_default(),
                _ => 0,
            };
            let mut padded = Zeroizing::new(Vec::with_capacity(clear.len() + block));
            padded.extend_from_slice(clear);
            padded.resize(clear.len() + missing, fill);
            *clear = padded;
        }
        DekPadding::Iso7816Always | DekPadding::Iso7816IfNeeded => {
            // Growing in place could leave the old copy behind; a new vector is filled instead.
            let mut padded = Zeroizing::new(Vec::with_capacity(clear.len() + block));
            padded.extend_from_slice(clear);
            pad_80(&mut padded, block);
            *clear = padded;
        }
    }
    Ok(())
}
