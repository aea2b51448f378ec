//! New channel keys for a card: what PUT KEY carries.

use std::sync::Arc;

use cardwright_ports::hsm::{ChannelId, Diversification, KeyUse, NewCardKeys};
use cardwright_standards::cipher::{AesKey, CipherError, TdesKey};
use cardwright_standards::kcv;
use zeroize::Zeroizing;

use super::Session;
use super::channels::NewKey;
use crate::composition::{Intent, Way};
use crate::error::{self, Refused};
use crate::ring::Key;

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
        let block = self.channels.sensitive_block(channel)?;
        if key.kind()?.block() != block {
            return Err(error::UNSUITABLE.found("new keys of another algorithm"));
        }
        let des = block == 8;
        let intent = match des {
            true => Intent::PutKeysTdes,
            false => Intent::PutKeysAes,
        };
        let way = self.shared.plan.way(intent, key.flags)?;
        let keys = match way == Way::Inside && self.channels.wraps(channel)? {
            true => self.new_keys_inside(channel, (&key, new.diversification))?,
            false => self.new_keys_outside(channel, (&key, new.diversification), key_data)?,
        };
        let (mut data, mut answer) = (vec![new.version], vec![new.version]);
        for key in keys {
            let length = |n: usize| u8::try_from(n).unwrap_or_default();
            // Triple DES leaves the clear length out, AES has it (11.8.2.3.1).
            if des {
                data.extend_from_slice(&[DES, length(key.wrapped.len())]);
            } else {
                data.extend_from_slice(&[AES, length(key.wrapped.len() + 1), length(key.octets)]);
            }
            data.extend_from_slice(&key.wrapped);
            data.push(3);
            data.extend_from_slice(&key.check_value);
            answer.extend_from_slice(&key.check_value);
        }
        Ok((data, answer))
    }

    /// The keys, computed in host memory.
    fn new_keys_outside(
        &mut self,
        channel: ChannelId,
        (key, method): (&Arc<Key>, Diversification),
        key_data: [u8; 10],
    ) -> Result<Vec<NewKey>, Refused> {
        let block = self.channels.sensitive_block(channel)?;
        let master = Arc::clone(key);
        let made = self.work(move |tool| tool.diversified(&master, method, &key_data, None));
        let (keys, _) = made?;
        let mut new = Vec::with_capacity(3);
        for key in [&keys.enc, &keys.mac, &keys.dek] {
            let clear = key.expose();
            let check_value = check_value_of(clear, block == 8)?;
            let octets = clear.len();
            let mut enciphered = Zeroizing::new(Vec::with_capacity(octets.next_multiple_of(block)));
            enciphered.extend_from_slice(clear);
            enciphered.resize(octets.next_multiple_of(block), 0);
            self.encrypt_sensitive(channel, &mut enciphered)?;
            new.push(NewKey {
                wrapped: std::mem::take(&mut *enciphered),
                octets,
                check_value,
            });
        }
        Ok(new)
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
