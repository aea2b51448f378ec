//! GlobalPlatform secure channels, the host's side: SCP02 and SCP03 (Card Specification 2.3.1,
//! annex E; Amendment D), key diversification, INITIALIZE UPDATE, and EMV CPS containers.

pub mod cps;
pub mod diversify;
pub mod initialize;
pub mod load_file;
pub mod scp02;
pub mod scp03;

use crate::apdu::ApduError;
use crate::cipher::{CipherError, KeyBytes};

/// Why a secure channel failed. Never holds a key or data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// A command or answer that is no APDU.
    #[error(transparent)]
    Apdu(#[from] ApduError),
    /// A key.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// The card's answer to INITIALIZE UPDATE is malformed.
    #[error("INITIALIZE UPDATE: {0}")]
    Initialize(&'static str),
    /// The card refused, with a status word.
    #[error("the card answered {0:04X}")]
    Status(u16),
    /// The card does not know the keys.
    #[error("the card's cryptogram is wrong: other keys, or not that card")]
    CardCryptogram,
    /// An answer's MAC is missing or wrong.
    #[error("the answer's MAC is missing or wrong")]
    ResponseMac,
    /// An answer's encryption is malformed.
    #[error("the answer can't be deciphered")]
    ResponseData,
    /// A security level that the protocol does not have.
    #[error("protocol SCP{protocol:02X} has no security level {level:02X}")]
    Level {
        /// 2 or 3.
        protocol: u8,
        /// P1 of EXTERNAL AUTHENTICATE.
        level: u8,
    },
    /// More data than fits with its MAC and padding.
    #[error("{found} octets do not fit into one secured command, room is {room}")]
    TooLong {
        /// Octets given.
        found: usize,
        /// Octets that fit.
        room: usize,
    },
    /// A diversification that does not suit the key.
    #[error("{0}")]
    Diversification(&'static str),
}

impl ChannelError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Apdu(error) => error.code(),
            Self::Cipher(error) => error.code(),
            Self::Initialize(_) | Self::Status(_) | Self::Level { .. } => "E0491",
            Self::CardCryptogram => "E0492",
            Self::ResponseMac | Self::ResponseData => "E0493",
            Self::TooLong { .. } => "E0494",
            Self::Diversification(_) => "E0495",
        }
    }
}

/// Static keys of one card: K_ENC, K_MAC, K_DEK.
pub struct CardKeys {
    /// Encryption and authentication.
    pub enc: KeyBytes,
    /// MAC.
    pub mac: KeyBytes,
    /// Sensitive data.
    pub dek: KeyBytes,
}

/// Security level bit: command MAC.
pub const C_MAC: u8 = 0x01;
/// Security level bit: command encryption.
pub const C_DECRYPTION: u8 = 0x02;
/// Security level bit: response MAC.
pub const R_MAC: u8 = 0x10;
/// Security level bit: response encryption.
pub const R_ENCRYPTION: u8 = 0x20;

/// An open secure channel of either protocol.
pub enum Channel {
    /// SCP02.
    Scp02(Box<scp02::Channel>),
    /// SCP03.
    Scp03(Box<scp03::Channel>),
}

impl Channel {
    /// Checks the card's cryptogram and opens the channel; gives EXTERNAL AUTHENTICATE to send.
    ///
    /// `option` is the card's option i; SCP03 cards say it themselves, SCP02 cards do not.
    pub fn open(
        keys: &CardKeys,
        option: u8,
        level: u8,
        host_challenge: [u8; 8],
        answer: &initialize::Answer,
    ) -> Result<(Self, Vec<u8>), ChannelError> {
        match &answer.protocol {
            initialize::Protocol::Scp02(card) => {
                let (channel, command) =
                    scp02::Channel::open(keys, option, level, host_challenge, card)?;
                Ok((Self::Scp02(Box::new(channel)), command))
            }
            initialize::Protocol::Scp03(card) => {
                let (channel, command) = scp03::Channel::open(keys, level, host_challenge, card)?;
                Ok((Self::Scp03(Box::new(channel)), command))
            }
        }
    }

    /// For cards whose SCP03 counts only commands with data; SCP02 counts none.
    pub fn count_data_only(&mut self) {
        if let Self::Scp03(channel) = self {
            channel.count_data_only();
        }
    }

    /// Secures a command.
    pub fn wrap(&mut self, command: &[u8]) -> Result<Vec<u8>, ChannelError> {
        match self {
            Self::Scp02(channel) => channel.wrap(command),
            Self::Scp03(channel) => channel.wrap(command),
        }
    }

    /// Checks and opens an answer (data and status word); gives it without MAC and encryption.
    pub fn unwrap(&mut self, answer: &[u8]) -> Result<Vec<u8>, ChannelError> {
        match self {
            Self::Scp02(channel) => channel.unwrap(answer),
            Self::Scp03(channel) => channel.unwrap(answer),
        }
    }

    /// Enciphers sensitive data, whole blocks, in place: ECB under the session DEK (SCP02), CBC
    /// under the static DEK (SCP03).
    pub fn encrypt_sensitive(&self, data: &mut [u8]) -> Result<(), ChannelError> {
        match self {
            Self::Scp02(channel) => channel.encrypt_sensitive(data),
            Self::Scp03(channel) => channel.encrypt_sensitive(data),
        }
    }

    /// Block length of sensitive data.
    pub fn sensitive_block(&self) -> usize {
        match self {
            Self::Scp02(_) => 8,
            Self::Scp03(_) => 16,
        }
    }
}

/// Most clear data octets of one short command at a protocol and security level.
pub fn clear_octets_max(protocol: u8, level: u8) -> usize {
    match (protocol, level & C_DECRYPTION != 0, level & C_MAC != 0) {
        (_, true, _) => 239,
        (_, false, true) => 247,
        _ => 255,
    }
}
