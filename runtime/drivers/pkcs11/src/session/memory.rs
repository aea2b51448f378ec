//! What a lane remembers: the keys of the card before it, where the site allows them in host memory, so that they
//! are computed once for all its channels and transactions, and a seed for what need not be secret.
//!
//! A card's keys are wiped when the next card's come, when the lane says that the card has left, and with the
//! session. Where keys are derived inside, nothing comes here.

use std::sync::Arc;

use cardwright_ports::hsm::{Diversification, Draw, KeyHandle};
use cardwright_standards::cipher::KeyBytes;
use cardwright_standards::globalplatform::CardKeys;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Label, Session};
use crate::draw::{SEED_OCTETS, joined};
use crate::error::Refused;

/// Most keys of a card's applications at a time.
const APPLICATION_KEYS_MAX: usize = 4;

/// Whose channel keys they are: master key, method, the card's key data.
pub(super) type ChannelCard = (KeyHandle, Diversification, [u8; 10]);
/// Whose application key it is: master key, and what is enciphered under it.
pub(super) type ApplicationCard = (KeyHandle, Vec<u8>);
/// A subkey of CMAC.
pub(super) type Subkey = Zeroizing<[u8; 16]>;

/// The memory of a session.
#[derive(Default)]
pub(super) struct Memory {
    channel: Option<(ChannelCard, Arc<CardKeys>)>,
    applications: Vec<(ApplicationCard, Arc<KeyBytes>)>,
    /// Of the master key of channels, which is the same for all cards.
    subkey: Option<(KeyHandle, Subkey)>,
    /// The job whose challenges are made here, and their seed.
    seed: Option<(String, Zeroizing<[u8; SEED_OCTETS]>)>,
}

impl Memory {
    pub(super) fn channel_keys(&self, card: &ChannelCard) -> Option<Arc<CardKeys>> {
        let known = self.channel.as_ref().filter(|(known, _)| known == card);
        known.map(|(_, keys)| Arc::clone(keys))
    }

    /// Keeps a card's channel keys; those of the card before are wiped, and all else that was its.
    pub(super) fn keep_channel_keys(&mut self, card: ChannelCard, keys: CardKeys) -> Arc<CardKeys> {
        self.forget_card();
        let keys = Arc::new(keys);
        self.channel = Some((card, Arc::clone(&keys)));
        keys
    }

    pub(super) fn application_key(&self, card: &ApplicationCard) -> Option<Arc<KeyBytes>> {
        let mut known = self.applications.iter().filter(|(known, _)| known == card);
        known.next().map(|(_, key)| Arc::clone(key))
    }

    /// Keeps a key of one of the card's applications.
    pub(super) fn keep_application_key(&mut self, card: ApplicationCard, key: &Arc<KeyBytes>) {
        if self.applications.len() >= APPLICATION_KEYS_MAX {
            self.applications.remove(0);
        }
        self.applications.push((card, Arc::clone(key)));
    }

    pub(super) fn subkey(&self, master: KeyHandle) -> Option<Subkey> {
        let known = self.subkey.as_ref().filter(|(known, _)| *known == master);
        known.map(|(_, subkey)| subkey.clone())
    }

    pub(super) fn keep_subkey(&mut self, master: KeyHandle, subkey: Subkey) {
        self.subkey = Some((master, subkey));
    }

    /// Wipes what is a card's.
    pub(super) fn forget_card(&mut self) {
        self.channel = None;
        self.applications.clear();
    }
}

impl Session {
    /// Octets out of the job's seed, which the token draws once for a job, for what everybody will see and
    /// nobody may know before: challenges, a terminal's numbers.
    pub(super) fn known_soon(
        &mut self,
        label: &Label,
        kind: &[u8],
    ) -> Result<Zeroizing<[u8; SEED_OCTETS]>, Refused> {
        self.shared.check_state()?;
        let known = self.memory.seed.as_ref();
        if known.is_none_or(|(job, _)| *job != label.job) {
            let job = label.job.clone();
            let seed = self.work(move |tool| {
                let draw = Draw {
                    job: &job,
                    order: 0,
                    purpose: "",
                };
                tool.mark(&crate::draw::label(&draw, "host challenges"))
            })?;
            self.memory.seed = Some((label.job.clone(), seed));
        }
        let seed = self.memory.seed.as_ref().map(|(_, seed)| seed.as_slice());
        let (seed, order) = (seed.unwrap_or_default(), label.order.to_be_bytes());
        let text = match kind {
            // Challenges, as they always were.
            [] => joined(&[seed, &order, label.purpose.as_bytes()]),
            kind => joined(&[seed, kind, &order, label.purpose.as_bytes()]),
        };
        Ok(Zeroizing::new(Sha256::digest(&text).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(octet: u8) -> KeyBytes {
        KeyBytes::new(&[octet; 16]).unwrap()
    }

    fn keys(octet: u8) -> CardKeys {
        CardKeys {
            enc: key(octet),
            mac: key(octet),
            dek: key(octet),
        }
    }

    #[test]
    fn a_card_finds_its_own_keys_and_no_others() {
        let mut memory = Memory::default();
        let card = |octet| (KeyHandle(1), Diversification::Kdf3, [octet; 10]);
        memory.keep_channel_keys(card(1), keys(1));
        memory.keep_application_key((KeyHandle(2), vec![1]), &Arc::new(key(2)));
        assert!(memory.channel_keys(&card(1)).is_some());
        assert!(memory.channel_keys(&card(2)).is_none());
        let other_master = (KeyHandle(9), Diversification::Kdf3, [1; 10]);
        assert!(memory.channel_keys(&other_master).is_none());
        assert!(memory.application_key(&(KeyHandle(2), vec![1])).is_some());
        assert!(memory.application_key(&(KeyHandle(2), vec![2])).is_none());
        // The next card's channel leaves nothing of the card before.
        memory.keep_channel_keys(card(2), keys(2));
        assert!(memory.channel_keys(&card(1)).is_none());
        assert!(memory.application_key(&(KeyHandle(2), vec![1])).is_none());
        memory.forget_card();
        assert!(memory.channel_keys(&card(2)).is_none());
    }

    #[test]
    fn few_keys_are_kept() {
        let mut memory = Memory::default();
        for octet in 0..6 {
            memory.keep_application_key((KeyHandle(1), vec![octet]), &Arc::new(key(octet)));
        }
        assert_eq!(memory.applications.len(), APPLICATION_KEYS_MAX);
        assert!(memory.application_key(&(KeyHandle(1), vec![1])).is_none());
        assert!(memory.application_key(&(KeyHandle(1), vec![5])).is_some());
    }
}
