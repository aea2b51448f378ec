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

/// An open channel.
pub struct Channel {
    enc: AesKey,
    mac: AesKey,
    rmac: AesKey,
    dek: Option<AesKey>,
    level: u8,
    /// Whole C-MAC of the last command.
    chain: [u8; 16],
    /// Commands since EXTERNAL AUTHENTICATE, each counted.
    counter: u128,
    /// Deviation of some cards: commands without data are not counted.
    counts_data_only: bool,
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
        if !matches!(level, 0x00 | 0x01 | 0x03 | 0x11 | 0x13 | 0x33) {
            return Err(ChannelError::Level { protocol: 3, level });
        }
        let mac = AesKey::new(session.mac.expose())?;
        let expected = card_cryptogram(&mac, host_challenge, card.challenge)?;
        if !bool::from(expected.ct_eq(&card.cryptogram)) {
            return Err(ChannelError::CardCryptogram);
        }
        let host = host_cryptogram(&mac, host_challenge, card.challenge)?;
        let mut channel = Self {
            enc: AesKey::new(session.enc.expose())?,
            mac,
            rmac: AesKey::new(session.rmac.expose())?,
            dek: dek.map(|key| AesKey::new(key.expose())).transpose()?,
            level,
            chain: [0; 16],
            counter: 0,
            counts_data_only: false,
        };
        let command = Command::new([0x84, 0x82, level, 0x00], host.to_vec(), None);
        let secured = channel.add_mac(command)?;
        Ok((channel, secured))
    }

    /// For cards that count only commands with data, against 6.2.6.
    pub fn count_data_only(&mut self) {
        self.counts_data_only = true;
    }

    /// Secures a command (6.2.4, 6.2.6). Without C-MAC in the level it is left as it is.
    pub fn wrap(&mut self, command: &[u8]) -> Result<Vec<u8>, ChannelError> {
        let mut parsed = Command::parse(command)?;
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
            });
        }
        if encrypts {
            cipher::pad_80(&mut parsed.data, 16);
            let initial = self.enc.encrypt(self.counter.to_be_bytes());
            cipher::cbc_encrypt(&self.enc, initial, &mut parsed.data)?;
        }
        self.add_mac(parsed)
    }

    /// Checks and deciphers an answer (6.2.5, 6.2.7). Errors come without a MAC.
    pub fn unwrap(&mut self, answer: &[u8]) -> Result<Vec<u8>, ChannelError> {
        let (data, status) = split_response(answer)?;
        let status_octets = status.to_be_bytes();
        let secured = status == 0x9000 || matches!(status_octets, [0x62 | 0x63, _]);
        if self.level & R_MAC == 0 || (!secured && data.is_empty()) {
            return Ok(answer.to_vec());
        }
        let (data, found) = data
            .split_last_chunk::<8>()
            .ok_or(ChannelError::ResponseMac)?;
        let mac = Cmac::over(&self.rmac, &[&self.chain, data, &status_octets]);
        let (expected, _) = mac
            .split_first_chunk::<8>()
            .ok_or(ChannelError::ResponseMac)?;
        if !bool::from(expected.ct_eq(found)) {
            return Err(ChannelError::ResponseMac);
        }
        let mut clear = data.to_vec();
        if self.level & R_ENCRYPTION != 0 && !clear.is_empty() {
            let counter = self.counter | 0x80 << 120;
            let initial = self.enc.encrypt(counter.to_be_bytes());
            cipher::cbc_decrypt(&self.enc, initial, &mut clear)
                .map_err(|_| ChannelError::ResponseData)?;
            let length = cipher::strip_80(&clear)
                .map_err(|_| ChannelError::ResponseData)?
                .len();
            clear.truncate(length);
        }
        clear.extend_from_slice(&status_octets);
        Ok(clear)
    }

    /// Enciphers whole blocks in place under the static DEK, CBC with IV zero (6.2.8).
    pub fn encrypt_sensitive(&self, data: &mut [u8]) -> Result<(), ChannelError> {
        let missing = ChannelError::Diversification("the channel does not hold its DEK");
        let dek = self.dek.as_ref().ok_or(missing)?;
        Ok(cipher::cbc_encrypt(dek, [0; 16], data)?)
    }

    fn add_mac(&mut self, mut command: Command) -> Result<Vec<u8>, ChannelError> {
        command.cla |= 0x04;
        let header = [command.cla & 0xFC, command.ins, command.p1, command.p2];
        let length = [command.data.len() as u8 + 8];
        self.chain = Cmac::over(&self.mac, &[&self.chain, &header, &length, &command.data]);
        command.data.extend(self.chain.iter().take(8));
        Ok(command.to_octets()?)
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

fn eight(key: &KeyBytes) -> Result<[u8; 8], CipherError> {
    let wrong = CipherError::KeyLength {
        found: key.length(),
        expected: "8 octets",
    };
    key.expose().try_into().map_err(|_| wrong)
}
