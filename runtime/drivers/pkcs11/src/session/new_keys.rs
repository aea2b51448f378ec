//! New channel keys for a card: what PUT KEY carries.

use std::sync::Arc;

use cardwright_ports::hsm::{ChannelId, KeyUse, NewCardKeys};
use cardwright_standards::cipher::{AesKey, CipherError, TdesKey};
use cardwright_standards::kcv;
use zeroize::Zeroizing;

use super::Session;
use crate::error::{self, Refused};

/// Key type of triple DES keys (GlobalPlatform 2.3.1, table 11-16).
const DES: u8 = 0x80;
/// Key type of AES keys.
const AES: u8 = 0x88;

impl Session {
    /// The three keys of a new set, diversified for the card at the other end and enciphered for
    /// it; and the answer that proves that it took them.
    pub(super) fn new_card_keys(
        &mut self,
        channel: ChannelId,
        new: &NewCardKeys,
    ) -> Result<(Vec<u8>, Vec<u8>), Refused> {
        let key = self.key_for(new.key, KeyUse::CardIssuance)?;
        let key_data = self.channels.key_data(channel)?;
        let block = self.channels.open(channel)?.sensitive_block();
        if key.kind()?.block() != block {
            return Err(error::UNSUITABLE.found("new keys of another algorithm"));
        }
        let (master, method) = (Arc::clone(&key), new.diversification);
        let keys = self.work(move |tool| tool.diversified(&master, method, &key_data))?;
        let des = block == 8;
        let (mut data, mut answer) = (vec![new.version], vec![new.version]);
        for key in [&keys.enc, &keys.mac, &keys.dek] {
            let clear = key.expose();
            let value = check_value_of(clear, des)?;
            let mut enciphered = Zeroizing::new(clear.to_vec());
            enciphered.resize(clear.len().next_multiple_of(block), 0);
            self.encrypt_sensitive(channel, &mut enciphered)?;
            let length = |n: usize| u8::try_from(n).unwrap_or_default();
            // Triple DES leaves the clear length out, AES has it (11.8.2.3.1).
            if des {
                data.extend_from_slice(&[DES, length(enciphered.len())]);
            } else {
                data.extend_from_slice(&[AES, length(enciphered.len() + 1), length(clear.len())]);
            }
            data.extend_from_slice(&enciphered);
            data.push(3);
            data.extend_from_slice(&value);
            answer.extend_from_slice(&value);
        }
        Ok((data, answer))
    }
}

fn check_value_of(key: &[u8], des: bool) -> Result<[u8; 3], Refused> {
    let wrong = |e: CipherError| error::ARGUMENT.found(e.to_string());
    if des {
        Ok(kcv::tdes(&TdesKey::new_double(key).map_err(wrong)?))
    } else {
        Ok(kcv::aes(&AesKey::new(key).map_err(wrong)?))
    }
}
