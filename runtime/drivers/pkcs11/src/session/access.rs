//! Access cards: secrets inside their channel, and their own management key.

use cardwright_ports::hsm::{ChannelId, Sealed};
use cardwright_standards::cipher::{AesKey, Block};
use zeroize::Zeroizing;

use super::Session;
use crate::error::{self, Refused};
use crate::objects::{Flags, Kind, Protection};
use crate::tool::Tool;

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
        self.shared.bind_issuers([data])?;
        let sealed = data.clone();
        let clear = self.work(move |tool| tool.open_sealed(&sealed))?;
        self.channels.check_enciphers(channel)?;
        let length = u8::try_from(clear.len()).ok();
        let length = length.filter(|n| (1..=DATA_OCTETS_MAX).contains(&usize::from(*n)));
        let length = length.ok_or_else(|| {
            error::ARGUMENT.found(format!("{} octets in one command", clear.len()))
        })?;
        let mut command = Zeroizing::new(Vec::with_capacity(clear.len() + 5));
        command.extend_from_slice(&header);
        command.push(length);
        command.extend_from_slice(&clear);
        self.secured(channel, &command)
    }

    /// One block under a key that was sealed for a card; inside, where it was made inside.
    pub(super) fn ciphered_challenge(
        &self,
        key: &Sealed,
        block: &[u8],
        decipher: bool,
    ) -> Result<Vec<u8>, Refused> {
        // Only what was derived as a card's own key has a check value of three octets.
        if key.check_values.len() != 3 {
            return Err(error::ARGUMENT.found("sealed octets that are no card's key"));
        }
        let wrong = || error::ARGUMENT.found("a challenge that is not one block");
        let block: [u8; 16] = block.try_into().map_err(|_| wrong())?;
        self.shared.bind_issuers([key])?;
        let key = key.clone();
        self.work(move |tool| {
            if !Tool::is_keys(&key) {
                let clear = tool.open_sealed(&key)?;
                let key = AesKey::new(&clear).map_err(|e| error::ARGUMENT.found(e.to_string()))?;
                return Ok(match decipher {
                    true => key.decrypt(block).to_vec(),
                    false => key.encrypt(block).to_vec(),
                });
            }
            let flags = Flags::ENCRYPT.and(Flags::DECRYPT);
            let keys = tool.keys_inside(&key, flags, Protection::Inside)?;
            let [(kind @ Kind::Aes(_), object)] = keys.as_slice() else {
                return Err(error::ARGUMENT.found("a key that is not AES").into());
            };
            let found = match decipher {
                true => tool.ecb_back(*kind, *object, &block)?,
                false => tool.ecb(*kind, *object, &block)?,
            };
            tool.destroy(&keys)?;
            Ok(found.to_vec())
        })
    }
}
