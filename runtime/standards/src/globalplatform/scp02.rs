//! SCP02, host side: Card Specification 2.3.1, annex E. Options i=05, 15, 45 and 55.

use super::initialize::Scp02Answer;
use super::{C_DECRYPTION, C_MAC, CardKeys, ChannelError, R_MAC};
use crate::apdu::{Command, split_response};
use crate::cipher::{self, Block, CipherError, KeyBytes, TdesKey};
use crate::mac::{self, Padding};
use subtle::ConstantTimeEq;

/// Option bit: the chaining value is enciphered before the next C-MAC (i=15, i=55).
pub const OPTION_ICV_ENCRYPTION: u8 = 0x10;
/// Option bit: the card challenge is the well-known pseudo-random one (i=45, i=55).
pub const OPTION_PSEUDO_RANDOM: u8 = 0x40;

/// Session keys (E.4.1).
pub struct SessionKeys {
    /// Encryption, cryptograms.
    pub enc: KeyBytes,
    /// Command MAC.
    pub mac: KeyBytes,
    /// Response MAC.
    pub rmac: KeyBytes,
    /// Sensitive data.
    pub dek: KeyBytes,
}

impl SessionKeys {
    /// 3DES-CBC of `constant | sequence | zeros` under the static key.
    pub fn derive(keys: &CardKeys, sequence: [u8; 2]) -> Result<Self, CipherError> {
        let key = |from: &KeyBytes, data: [u8; 16]| {
            let mut data = zeroize::Zeroizing::new(data);
            let from = TdesKey::new_double(from.expose())?;
            cipher::cbc_encrypt(&from, [0; 8], data.as_mut_slice())?;
            KeyBytes::new(data.as_slice())
        };
        let [enc, mac, rmac, dek] = derivation_data(sequence);
        Ok(Self {
            enc: key(&keys.enc, enc)?,
            mac: key(&keys.mac, mac)?,
            rmac: key(&keys.mac, rmac)?,
            dek: key(&keys.dek, dek)?,
        })
    }
}

/// What is enciphered in CBC mode, with an initial vector of zeros, to make the session keys ENC, MAC,
/// RMAC and DEK (E.4.1).
pub fn derivation_data(sequence: [u8; 2]) -> [[u8; 16]; 4] {
    let [high, low] = sequence;
    [0x82, 0x01, 0x02, 0x81].map(|constant| {
        [
            0x01, constant, high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ]
    })
}

/// Card cryptogram (E.4.2.1).
pub fn card_cryptogram(
    s_enc: &TdesKey,
    host_challenge: [u8; 8],
    sequence: [u8; 2],
    card_challenge: [u8; 6],
) -> [u8; 8] {
    cryptogram(s_enc, &[&host_challenge, &sequence, &card_challenge])
}

/// Host cryptogram (E.4.2.2).
pub fn host_cryptogram(
    s_enc: &TdesKey,
    host_challenge: [u8; 8],
    sequence: [u8; 2],
    card_challenge: [u8; 6],
) -> [u8; 8] {
    cryptogram(s_enc, &[&sequence, &card_challenge, &host_challenge])
}

/// The card challenge of options with [`OPTION_PSEUDO_RANDOM`]: the first 6 octets of the C-MAC
/// over the AID. From memory of E.4.2.3, not checked against a published vector.
pub fn pseudo_random_challenge(s_mac: &TdesKey, aid: &[u8]) -> Result<[u8; 6], CipherError> {
    let [a, b, c, d, e, f, ..] = mac::retail(s_mac, aid, Padding::Bit)?;
    Ok([a, b, c, d, e, f])
}

/// Which key makes a MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacKey {
    /// C-MACs.
    Command,
    /// R-MACs.
    Response,
}

/// What the session keys do, wherever they are: in host memory, or in an HSM that never shows them.
pub trait Keys {
    /// Why it failed.
    type Error: From<ChannelError>;

    /// Enciphers whole blocks by ENC in CBC mode, from a vector of zeros, in place.
    ///
    /// # Errors
    /// Of who keeps the keys.
    fn encipher(&self, data: &mut Vec<u8>) -> Result<(), Self::Error>;

    /// The retail MAC over a text that is padded by a bit, from a first chaining value.
    ///
    /// # Errors
    /// Of who keeps the keys.
    fn mac(&self, key: MacKey, initial: [u8; 8], text: &[u8]) -> Result<[u8; 8], Self::Error>;

    /// One block by single DES with the left half of MAC.
    ///
    /// # Errors
    /// Of who keeps the keys.
    fn vector(&self, block: [u8; 8]) -> Result<[u8; 8], Self::Error>;
}

/// Session keys in host memory.
pub struct HostKeys {
    enc: TdesKey,
    mac: TdesKey,
    rmac: TdesKey,
    dek: TdesKey,
}

impl HostKeys {
    /// Ready for use.
    ///
    /// # Errors
    /// Keys that have not 16 octets.
    pub fn new(session: &SessionKeys) -> Result<Self, CipherError> {
        Ok(Self {
            enc: TdesKey::new_double(session.enc.expose())?,
            mac: TdesKey::new_double(session.mac.expose())?,
            rmac: TdesKey::new_double(session.rmac.expose())?,
            dek: TdesKey::new_double(session.dek.expose())?,
        })
    }
}

impl Keys for HostKeys {
    type Error = ChannelError;

    fn encipher(&self, data: &mut Vec<u8>) -> Result<(), ChannelError> {
        Ok(cipher::cbc_encrypt(&self.enc, [0; 8], data)?)
    }

    fn mac(&self, key: MacKey, initial: [u8; 8], text: &[u8]) -> Result<[u8; 8], ChannelError> {
        let key = match key {
            MacKey::Command => &self.mac,
            MacKey::Response => &self.rmac,
        };
        Ok(mac::retail_from(key, initial, text, Padding::Bit)?)
    }

    fn vector(&self, block: [u8; 8]) -> Result<[u8; 8], ChannelError> {
        Ok(self.mac.left().encrypt(block))
    }
}

/// An open channel.
pub struct Channel<K = HostKeys> {
    keys: K,
    option: u8,
    level: u8,
    /// Last C-MAC, not yet enciphered.
    chain: [u8; 8],
    response_chain: [u8; 8],
    /// The clear command whose answer is awaited, for its R-MAC.
    pending: Vec<u8>,
}

/// Whether SCP02 has a security level.
pub fn has_level(level: u8) -> bool {
    matches!(level, 0x00 | 0x01 | 0x03 | 0x10 | 0x11 | 0x13)
}

impl Channel {
    /// Checks the card's cryptogram; gives the channel and EXTERNAL AUTHENTICATE.
    pub fn open(
        keys: &CardKeys,
        option: u8,
        level: u8,
        host_challenge: [u8; 8],
        card: &Scp02Answer,
    ) -> Result<(Self, Vec<u8>), ChannelError> {
        let session = SessionKeys::derive(keys, card.sequence)?;
        Self::open_session(&session, option, level, host_challenge, card)
    }

    /// The same for session keys that were made elsewhere, such as in an HSM.
    pub fn open_session(
        session: &SessionKeys,
        option: u8,
        level: u8,
        host_challenge: [u8; 8],
        card: &Scp02Answer,
    ) -> Result<(Self, Vec<u8>), ChannelError> {
        let keys = HostKeys::new(session)?;
        Self::open_with(keys, option, level, host_challenge, card)
    }

    /// Enciphers whole blocks in place under the session DEK (E.4.7); the caller pads.
    pub fn encrypt_sensitive(&self, data: &mut [u8]) -> Result<(), ChannelError> {
        Ok(cipher::ecb_encrypt(&self.keys.dek, data)?)
    }
}

impl<K: Keys> Channel<K> {
    /// Checks the card's cryptogram with session keys that are wherever they are; gives the channel and
    /// EXTERNAL AUTHENTICATE.
    ///
    /// # Errors
    /// A level that SCP02 does not have, a wrong cryptogram, or what the keys failed with.
    pub fn open_with(
        keys: K,
        option: u8,
        level: u8,
        host_challenge: [u8; 8],
        card: &Scp02Answer,
    ) -> Result<(Self, Vec<u8>), K::Error> {
        if !has_level(level) {
            return Err(ChannelError::Level { protocol: 2, level }.into());
        }
        let cryptogram = |parts: [&[u8]; 3]| -> Result<[u8; 8], K::Error> {
            let mut text = parts.concat();
            cipher::pad_80(&mut text, 8);
            keys.encipher(&mut text)?;
            Ok(text.last_chunk::<8>().copied().unwrap_or_default())
        };
        let expected = cryptogram([&host_challenge, &card.sequence, &card.challenge])?;
        if !bool::from(expected.ct_eq(&card.cryptogram)) {
            return Err(ChannelError::CardCryptogram.into());
        }
        let host = cryptogram([&card.sequence, &card.challenge, &host_challenge])?;
        let mut channel = Self {
            keys,
            option,
            level: C_MAC,
            chain: [0; 8],
            response_chain: [0; 8],
            pending: Vec::new(),
        };
        // The first C-MAC has a clear ICV of zeros, and the command is never enciphered.
        let command = Command::new([0x84, 0x82, level, 0x00], host.to_vec(), None);
        let secured = channel.secure(command, [0; 8])?;
        channel.level = level;
        channel.response_chain = channel.chain;
        Ok((channel, secured))
    }

    /// The keys.
    pub fn keys(&self) -> &K {
        &self.keys
    }

    /// Secures a command (E.4.4, E.4.6). Without C-MAC in the level it is left as it is.
    pub fn wrap(&mut self, command: &[u8]) -> Result<Vec<u8>, K::Error> {
        let parsed = Command::parse(command).map_err(ChannelError::from)?;
        if self.level & R_MAC != 0 {
            self.pending = response_mac_input(&parsed);
        }
        if self.level & C_MAC == 0 {
            return Ok(command.to_vec());
        }
        let initial = if self.option & OPTION_ICV_ENCRYPTION != 0 {
            self.keys.vector(self.chain)?
        } else {
            self.chain
        };
        self.secure(parsed, initial)
    }

    /// Checks an answer's R-MAC where the level has it (E.4.5), and takes it off.
    ///
    /// The chaining of R-MACs from the C-MAC of EXTERNAL AUTHENTICATE is from memory, not checked
    /// against a published vector.
    pub fn unwrap(&mut self, answer: &[u8]) -> Result<Vec<u8>, K::Error> {
        let (data, status) = split_response(answer).map_err(ChannelError::from)?;
        if self.level & R_MAC == 0 {
            return Ok(answer.to_vec());
        }
        let (data, found) = data
            .split_last_chunk::<8>()
            .ok_or(ChannelError::ResponseMac)?;
        let mut input = std::mem::take(&mut self.pending);
        input.push(data.len() as u8);
        input.extend_from_slice(data);
        input.extend_from_slice(&status.to_be_bytes());
        let chain = self.response_chain;
        let expected = self.keys.mac(MacKey::Response, chain, &input)?;
        if !bool::from(expected.ct_eq(found)) {
            return Err(ChannelError::ResponseMac.into());
        }
        self.response_chain = expected;
        Ok([data, &status.to_be_bytes()].concat())
    }

    fn secure(&mut self, mut command: Command, initial: [u8; 8]) -> Result<Vec<u8>, K::Error> {
        let encrypts = self.level & C_DECRYPTION != 0 && !command.data.is_empty();
        let room = if encrypts { 239 } else { 247 };
        if command.data.len() > room || command.extended {
            return Err(ChannelError::TooLong {
                found: command.data.len(),
                room,
            }
            .into());
        }
        // The MAC is over the clear data, with the class of logical channel 0.
        let length = command.data.len() as u8 + 8;
        let class = command.cla & 0xFC | 0x04;
        let mut input = vec![class, command.ins, command.p1, command.p2, length];
        input.extend_from_slice(&command.data);
        self.chain = self.keys.mac(MacKey::Command, initial, &input)?;
        if encrypts {
            cipher::pad_80(&mut command.data, 8);
            self.keys.encipher(&mut command.data)?;
        }
        command.cla |= 0x04;
        command.data.extend_from_slice(&self.chain);
        Ok(command.to_octets().map_err(ChannelError::from)?)
    }
}

/// `CLA INS P1 P2 Lc data` of the clear command, with the low 3 bits of the class cleared.
fn response_mac_input(command: &Command) -> Vec<u8> {
    let mut input = vec![command.cla & 0xF8, command.ins, command.p1, command.p2];
    input.push(command.data.len() as u8);
    input.extend_from_slice(&command.data);
    input
}

fn cryptogram(key: &TdesKey, parts: &[&[u8]]) -> [u8; 8] {
    mac::cbc_mac(key, &parts.concat(), Padding::Bit)
}
