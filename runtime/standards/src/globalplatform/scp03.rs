//! SCP03, host side, with MACs and challenges of 8 octets (S8 mode): GlobalPlatform Amendment D.

use super::diversify::counter_kdf;
use super::initialize::Scp03Answer;
use super::{C_DECRYPTION, C_MAC, CardKeys, ChannelError, R_ENCRYPTION, R_MAC};
use crate::apdu::{Command, split_response};
use crate::cipher::{self, AesKey, Block, CipherError, KeyBytes};
use crate::mac::Cmac;
use subtle::ConstantTimeEq;

/// Option bit: the card challenge is pseudo-random.
pub const OPTION_PSEUDO_RANDOM: u8 = 0x10;

/// Data derivation constants (Amendment D, table 4-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Constant {
    CardCryptogram = 0x00,
    HostCryptogram = 0x01,
    CardChallenge = 0x02,
    SessionEnc = 0x04,
    SessionMac = 0x06,
    SessionRmac = 0x07,
}

/// Session keys (6.2.1). There is no session DEK: the static one is used.
pub struct SessionKeys {
    /// Encryption.
    pub enc: KeyBytes,
    /// Command MAC, cryptograms.
    pub mac: KeyBytes,
    /// Response MAC.
    pub rmac: KeyBytes,
}

impl SessionKeys {
    /// From the static keys and both challenges; as long as the static keys.
    pub fn derive(
        keys: &CardKeys,
        host_challenge: [u8; 8],
        card_challenge: [u8; 8],
    ) -> Result<Self, CipherError> {
        let context = [host_challenge, card_challenge].concat();
        let key = |from: &KeyBytes, constant| {
            derive(
                &AesKey::new(from.expose())?,
                constant,
                from.length(),
                &context,
            )
        };
        Ok(Self {
            enc: key(&keys.enc, Constant::SessionEnc)?,
            mac: key(&keys.mac, Constant::SessionMac)?,
            rmac: key(&keys.mac, Constant::SessionRmac)?,
        })
    }
}

/// Card cryptogram (6.2.2.2).
pub fn card_cryptogram(
    s_mac: &AesKey,
    host_challenge: [u8; 8],
    card_challenge: [u8; 8],
) -> Result<[u8; 8], CipherError> {
    let context = [host_challenge, card_challenge].concat();
    eight(&derive(s_mac, Constant::CardCryptogram, 8, &context)?)
}

/// Host cryptogram (6.2.2.3).
pub fn host_cryptogram(
    s_mac: &AesKey,
    host_challenge: [u8; 8],
    card_challenge: [u8; 8],
) -> Result<[u8; 8], CipherError> {
    let context = [host_challenge, card_challenge].concat();
    eight(&derive(s_mac, Constant::HostCryptogram, 8, &context)?)
}

/// The card challenge of options with [`OPTION_PSEUDO_RANDOM`] (6.2.2.1), so that a host can know
/// it beforehand.
pub fn pseudo_random_challenge(
    k_enc: &AesKey,
    sequence: [u8; 3],
    aid: &[u8],
) -> Result<[u8; 8], CipherError> {
    let context = [&sequence, aid].concat();
    eight(&derive(k_enc, Constant::CardChallenge, 8, &context)?)
}

/// Which key makes a MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacKey {
    /// C-MACs and cryptograms.
    Command,
    /// R-MACs.
    Response,
}

/// What the session keys do, wherever they are: in host memory, or in an HSM that never shows them.
pub trait Keys {
    /// Why it failed.
    type Error: From<ChannelError>;

    /// CMAC over parts of a text.
    ///
    /// # Errors
    /// Of who keeps the keys.
    fn cmac(&self, key: MacKey, parts: &[&[u8]]) -> Result<[u8; 16], Self::Error>;

    /// Enciphers whole blocks by ENC in CBC mode, in place; the vector is the enciphered counter.
    ///
    /// # Errors
    /// Of who keeps the keys.
    fn encipher(&self, counter: [u8; 16], data: &mut Vec<u8>) -> Result<(), Self::Error>;

    /// Deciphers whole blocks in the same way.
    ///
    /// # Errors
    /// Of who keeps the keys, or data that are no whole blocks.
    fn decipher(&self, counter: [u8; 16], data: &mut Vec<u8>) -> Result<(), Self::Error>;
}

/// Session keys in host memory.
pub struct HostKeys {
    enc: AesKey,
    mac: AesKey,
    rmac: AesKey,
    dek: Option<AesKey>,
}

impl HostKeys {
    /// Ready for use, with or without the static key for sensitive data.
    ///
    /// # Errors
    /// Keys of no AES length.
    pub fn new(session: &SessionKeys, dek: Option<&KeyBytes>) -> Result<Self, CipherError> {
        Ok(Self {
            enc: AesKey::new(session.enc.expose())?,
            mac: AesKey::new(session.mac.expose())?,
            rmac: AesKey::new(session.rmac.expose())?,
            dek: dek.map(|key| AesKey::new(key.expose())).transpose()?,
        })
    }
}

impl Keys for HostKeys {
    type Error = ChannelError;

    fn cmac(&self, key: MacKey, parts: &[&[u8]]) -> Result<[u8; 16], ChannelError> {
        let key = match key {
            MacKey::Command => &self.mac,
            MacKey::Response => &self.rmac,
        };
        Ok(Cmac::over(key, parts))
    }

    fn encipher(&self, counter: [u8; 16], data: &mut Vec<u8>) -> Result<(), ChannelError> {
        let initial = self.enc.encrypt(counter);
        Ok(cipher::cbc_encrypt(&self.enc, initial, data)?)
    }

    fn decipher(&self, counter: [u8; 16], data: &mut Vec<u8>) -> Result<(), ChannelError> {
        let initial = self.enc.encrypt(counter);
        cipher::cbc_decrypt(&self.enc, initial, data).map_err(|_| ChannelError::ResponseData)
    }
}

/// An open channel.
pub struct Channel<K = HostKeys> {
    keys: K,
    level: u8,
    /// Whole C-MAC of the last command.
    chain: [u8; 16],
    /// Commands since EXTERNAL AUTHENTICATE, each counted.
    counter: u128,
    /// Deviation of some cards: commands without data are not counted.
    counts_data_only: bool,
}

/// Whether SCP03 has a security level.
pub fn has_level(level: u8) -> bool {
    matches!(level, 0x00 | 0x01 | 0x03 | 0x11 | 0x13 | 0x33)
}

impl Channel {
    /// Checks the card's cryptogram; gives the channel and EXTERNAL AUTHENTICATE.
    pub fn open(
        keys: &CardKeys,
        level: u8,
        host_challenge: [u8; 8],
        card: &Scp03Answer,
    ) -> Result<(Self, Vec<u8>), ChannelError> {
        let session = SessionKeys::derive(keys, host_challenge, card.challenge)?;
        Self::open_session(&session, Some(&keys.dek), level, host_challenge, card)
    }

    /// The same for session keys that were made elsewhere, such as in an HSM; without a DEK the channel
    /// enciphers no sensitive data by itself.
    pub fn open_session(
        session: &SessionKeys,
        dek: Option<&KeyBytes>,
        level: u8,
        host_challenge: [u8; 8],
        card: &Scp03Answer,
    ) -> Result<(Self, Vec<u8>), ChannelError> {
        let keys = HostKeys::new(session, dek)?;
        Self::open_with(keys, level, host_challenge, card)
    }

    /// Enciphers whole blocks in place under the static DEK, CBC with IV zero (6.2.8).
    pub fn encrypt_sensitive(&self, data: &mut [u8]) -> Result<(), ChannelError> {
        let missing = ChannelError::Diversification("the channel does not hold its DEK");
        let dek = self.keys.dek.as_ref().ok_or(missing)?;
        Ok(cipher::cbc_encrypt(dek, [0; 16], data)?)
    }
}

impl<K: Keys> Channel<K> {
    /// Checks the card's cryptogram with session keys that are wherever they are; gives the channel and
    /// EXTERNAL AUTHENTICATE.
    ///
    /// # Errors
    /// A level that SCP03 does not have, a wrong cryptogram, or what the keys failed with.
    pub fn open_with(
        keys: K,
        level: u8,
        host_challenge: [u8; 8],
        card: &Scp03Answer,
    ) -> Result<(Self, Vec<u8>), K::Error> {
        if !has_level(level) {
            return Err(ChannelError::Level { protocol: 3, level }.into());
        }
        // The KDF with eight octets of result: the first of one CMAC over two blocks.
        let cryptogram = |constant| -> Result<[u8; 8], K::Error> {
            let head = head(constant, 8, 1);
            let parts = [head.as_slice(), &host_challenge, &card.challenge];
            let whole = keys.cmac(MacKey::Command, &parts)?;
            Ok(whole.first_chunk::<8>().copied().unwrap_or_default())
        };
        let expected = cryptogram(Constant::CardCryptogram)?;
        if !bool::from(expected.ct_eq(&card.cryptogram)) {
            return Err(ChannelError::CardCryptogram.into());
        }
        let host = cryptogram(Constant::HostCryptogram)?;
        let mut channel = Self {
            keys,
            level,
            chain: [0; 16],
            counter: 0,
            counts_data_only: false,
        };
        let command = Command::new([0x84, 0x82, level, 0x00], host.to_vec(), None);
        let secured = channel.add_mac(command)?;
        Ok((channel, secured))
    }

    /// The keys.
    pub fn keys(&self) -> &K {
        &self.keys
    }

    /// For cards that count only commands with data, against 6.2.6.
    pub fn count_data_only(&mut self) {
        self.counts_data_only = true;
    }

    /// Secures a command (6.2.4, 6.2.6). Without C-MAC in the level it is left as it is.
    pub fn wrap(&mut self, command: &[u8]) -> Result<Vec<u8>, K::Error> {
        let mut parsed = Command::parse(command).map_err(ChannelError::from)?;
        if self.level & C_MAC == 0 {
            return Ok(command.to_vec());
        }
        if !self.counts_data_only || !parsed.data.is_empty() {
            self.counter = self.counter.wrapping_add(1);
        }
        let encrypts = self.level & C_DECRYPTION != 0 && !parsed.data.is_empty();
        let room = if encrypts { 239 } else { 247 };
        if parsed.data.len() > room || parsed.extended {
            return Err(ChannelError::TooLong {
                found: parsed.data.len(),
                room,
            }
            .into());
        }
        if encrypts {
            cipher::pad_80(&mut parsed.data, 16);
            let counter = self.counter.to_be_bytes();
            self.keys.encipher(counter, &mut parsed.data)?;
        }
        self.add_mac(parsed)
    }

    /// Checks and deciphers an answer (6.2.5, 6.2.7). Errors come without a MAC.
    pub fn unwrap(&mut self, answer: &[u8]) -> Result<Vec<u8>, K::Error> {
        let (data, status) = split_response(answer).map_err(ChannelError::from)?;
        let status_octets = status.to_be_bytes();
        let secured = status == 0x9000 || matches!(status_octets, [0x62 | 0x63, _]);
        if self.level & R_MAC == 0 || (!secured && data.is_empty()) {
            return Ok(answer.to_vec());
        }
        let (data, found) = data
            .split_last_chunk::<8>()
            .ok_or(ChannelError::ResponseMac)?;
        let parts = [self.chain.as_slice(), data, &status_octets];
        let mac = self.keys.cmac(MacKey::Response, &parts)?;
        let (expected, _) = mac
            .split_first_chunk::<8>()
            .ok_or(ChannelError::ResponseMac)?;
        if !bool::from(expected.ct_eq(found)) {
            return Err(ChannelError::ResponseMac.into());
        }
        let mut clear = data.to_vec();
        if self.level & R_ENCRYPTION != 0 && !clear.is_empty() {
            if !clear.len().is_multiple_of(16) {
                return Err(ChannelError::ResponseData.into());
            }
            let counter = self.counter | 0x80 << 120;
            self.keys.decipher(counter.to_be_bytes(), &mut clear)?;
            let length = cipher::strip_80(&clear)
                .map_err(|_| ChannelError::ResponseData)?
                .len();
            clear.truncate(length);
        }
        clear.extend_from_slice(&status_octets);
        Ok(clear)
    }

    fn add_mac(&mut self, mut command: Command) -> Result<Vec<u8>, K::Error> {
        command.cla |= 0x04;
        let header = [command.cla & 0xFC, command.ins, command.p1, command.p2];
        let length = [command.data.len() as u8 + 8];
        let parts = [self.chain.as_slice(), &header, &length, &command.data];
        self.chain = self.keys.cmac(MacKey::Command, &parts)?;
        command.data.extend(self.chain.iter().take(8));
        Ok(command.to_octets().map_err(ChannelError::from)?)
    }
}

/// The KDF of 4.1.5: counter mode of SP 800-108 with CMAC; `octets` up to 32.
fn derive(
    key: &AesKey,
    constant: Constant,
    octets: usize,
    context: &[u8],
) -> Result<KeyBytes, CipherError> {
    let part = |counter: u8| Cmac::over(key, &[&head(constant, octets, counter), context]);
    counter_kdf(octets, part)
}

/// The first block of the KDF's text: label, separator, length in bits, counter.
fn head(constant: Constant, octets: usize, counter: u8) -> [u8; 16] {
    let [high, low] = ((octets * 8) as u16).to_be_bytes();
    [
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        constant as u8,
        0,
        high,
        low,
        counter,
    ]
}

/// The first blocks of the texts whose CMACs are the session keys ENC, MAC and RMAC, each of `octets`
/// octets; the second block of each text is the host's challenge and the card's.
pub fn derivation_heads(octets: usize) -> Vec<[u8; 16]> {
    let constants = [
        Constant::SessionEnc,
        Constant::SessionMac,
        Constant::SessionRmac,
    ];
    let parts = octets.div_ceil(16) as u8;
    constants
        .into_iter()
        .flat_map(|constant| (1..=parts).map(move |counter| head(constant, octets, counter)))
        .collect()
}

/// The second block of each text: the host's challenge and the card's.
pub fn context(host_challenge: [u8; 8], card_challenge: [u8; 8]) -> [u8; 16] {
    let mut context = [0; 16];
    let both = host_challenge.into_iter().chain(card_challenge);
    for (slot, octet) in context.iter_mut().zip(both) {
        *slot = octet;
    }
    context
}

fn eight(key: &KeyBytes) -> Result<[u8; 8], CipherError> {
    let wrong = CipherError::KeyLength {
        found: key.length(),
        expected: "8 octets",
    };
    key.expose().try_into().map_err(|_| wrong)
}
