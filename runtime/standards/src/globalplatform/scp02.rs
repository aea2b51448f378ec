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

/// An open channel.
pub struct Channel {
    enc: TdesKey,
    mac: TdesKey,
    rmac: TdesKey,
    dek: TdesKey,
    option: u8,
    level: u8,
    /// Last C-MAC, not yet enciphered.
    chain: [u8; 8],
    response_chain: [u8; 8],
    /// The clear command whose answer is awaited, for its R-MAC.
    pending: Vec<u8>,
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
        if !matches!(level, 0x00 | 0x01 | 0x03 | 0x10 | 0x11 | 0x13) {
            return Err(ChannelError::Level { protocol: 2, level });
        }
        let enc = TdesKey::new_double(session.enc.expose())?;
        let expected = card_cryptogram(&enc, host_challenge, card.sequence, card.challenge);
        if !bool::from(expected.ct_eq(&card.cryptogram)) {
            return Err(ChannelError::CardCryptogram);
        }
        let host = host_cryptogram(&enc, host_challenge, card.sequence, card.challenge);
        let mut channel = Self {
            enc,
            mac: TdesKey::new_double(session.mac.expose())?,
            rmac: TdesKey::new_double(session.rmac.expose())?,
            dek: TdesKey::new_double(session.dek.expose())?,
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

    /// Secures a command (E.4.4, E.4.6). Without C-MAC in the level it is left as it is.
    pub fn wrap(&mut self, command: &[u8]) -> Result<Vec<u8>, ChannelError> {
        let parsed = Command::parse(command)?;
        if self.level & R_MAC != 0 {
            self.pending = response_mac_input(&parsed);
        }
        if self.level & C_MAC == 0 {
            return Ok(command.to_vec());
        }
        let initial = if self.option & OPTION_ICV_ENCRYPTION != 0 {
            self.mac.left().encrypt(self.chain)
        } else {
            self.chain
        };
        self.secure(parsed, initial)
    }

    /// Checks an answer's R-MAC where the level has it (E.4.5), and takes it off.
    ///
    /// The chaining of R-MACs from the C-MAC of EXTERNAL AUTHENTICATE is from memory, not checked
    /// against a published vector.
    pub fn unwrap(&mut self, answer: &[u8]) -> Result<Vec<u8>, ChannelError> {
        let (data, status) = split_response(answer)?;
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
        let expected = mac::retail_from(&self.rmac, self.response_chain, &input, Padding::Bit)?;
        if !bool::from(expected.ct_eq(found)) {
            return Err(ChannelError::ResponseMac);
        }
        self.response_chain = expected;
        Ok([data, &status.to_be_bytes()].concat())
    }

    /// Enciphers whole blocks in place under the session DEK (E.4.7); the caller pads.
    pub fn encrypt_sensitive(&self, data: &mut [u8]) -> Result<(), ChannelError> {
        Ok(cipher::ecb_encrypt(&self.dek, data)?)
    }

    fn secure(&mut self, mut command: Command, initial: [u8; 8]) -> Result<Vec<u8>, ChannelError> {
        let encrypts = self.level & C_DECRYPTION != 0 && !command.data.is_empty();
        let room = if encrypts { 239 } else { 247 };
        if command.data.len() > room || command.extended {
            return Err(ChannelError::TooLong {
                found: command.data.len(),
                room,
            });
        }
        // The MAC is over the clear data, with the class of logical channel 0.
        let length = command.data.len() as u8 + 8;
        let class = command.cla & 0xFC | 0x04;
        let mut input = vec![class, command.ins, command.p1, command.p2, length];
        input.extend_from_slice(&command.data);
        self.chain = mac::retail_from(&self.mac, initial, &input, Padding::Bit)?;
        if encrypts {
            cipher::pad_80(&mut command.data, 8);
            cipher::cbc_encrypt(&self.enc, [0; 8], &mut command.data)?;
        }
        command.cla |= 0x04;
        command.data.extend_from_slice(&self.chain);
        Ok(command.to_octets()?)
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
