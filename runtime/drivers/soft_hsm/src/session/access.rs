//! Access cards: certificates of keys that they made, secrets inside their channel, their own
//! management key.

use cardwright_ports::hsm::{ChannelId, KeyHandle, KeyUse, Sealed};
use cardwright_standards::cipher::{AesKey, Block};
use cardwright_standards::{piv, x509};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Session;
use super::channels::channel_error;
use crate::error::{self, Refused};

/// Most clear octets of a command that is enciphered.
const DATA_OCTETS_MAX: usize = 239;

impl Session {
    /// A command whose data were sealed, in a channel that enciphers what it carries.
    pub(super) fn wrapped_sealed(
        &mut self,
        channel: ChannelId,
        header: [u8; 4],
        data: &Sealed,
    ) -> Result<Vec<u8>, Refused> {
        let clear = self.open(data)?;
        let open = self.channels.enciphering(channel)?;
        let length = u8::try_from(clear.len()).ok();
        let length = length.filter(|n| (1..=DATA_OCTETS_MAX).contains(&usize::from(*n)));
        let length = length.ok_or_else(|| {
            error::ARGUMENT.found(format!("{} octets in one command", clear.len()))
        })?;
        let mut command = Zeroizing::new(Vec::with_capacity(clear.len() + 5));
        command.extend_from_slice(&header);
        command.push(length);
        command.extend_from_slice(&clear);
        open.wrap(&command).map_err(|e| channel_error(&e))
    }

    /// Signs what is a certificate of another's key, and nothing else.
    pub(super) fn signed_certificate(
        &mut self,
        authority: KeyHandle,
        to_be_signed: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let content = self.key_for(authority, KeyUse::ContentSigning);
        let (key, allowed) = match content {
            Ok(key) => (key, piv::signable(to_be_signed)),
            Err(_) => {
                let key = self.key_for(authority, KeyUse::CertificateSigning)?;
                let allowed = x509::signable(to_be_signed, key.rsa()?.modulus());
                (key, allowed)
            }
        };
        allowed.map_err(|e| error::CERTIFICATE.found(e.to_string()))?;
        let rsa = key.rsa()?;
        let hash: [u8; 32] = Sha256::digest(to_be_signed).into();
        super::certificates::private(rsa, &x509::signature_block(&hash, rsa.modulus().len()))
    }

    /// One block under a key that was sealed for a card.
    pub(super) fn ciphered_challenge(
        &mut self,
        key: &Sealed,
        block: &[u8],
        decipher: bool,
    ) -> Result<Vec<u8>, Refused> {
        let clear = self.open(key)?;
        // Only what was derived as a card's own key has a check value of three octets.
        if key.check_values.len() != 3 {
            return Err(error::ARGUMENT.found("sealed octets that are no card's key"));
        }
        let key = AesKey::new(&clear).map_err(|e| error::ARGUMENT.found(e.to_string()))?;
        let wrong = || error::ARGUMENT.found("a challenge that is not one block");
        let block: [u8; 16] = block.try_into().map_err(|_| wrong())?;
        Ok(match decipher {
            true => key.decrypt(block).to_vec(),
            false => key.encrypt(block).to_vec(),
        })
    }
}
