//! INITIALIZE UPDATE: the command, and the card's answer, which is hostile until its cryptogram
//! was checked (Card Specification 2.3.1, E.5.1; Amendment D, 7.1.1).

use super::ChannelError;
use crate::apdu::split_response;

/// SCP02's part of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Scp02Answer {
    /// Sequence counter.
    pub sequence: [u8; 2],
    /// Card challenge.
    pub challenge: [u8; 6],
    /// Card cryptogram.
    pub cryptogram: [u8; 8],
}

/// SCP03's part of the answer, with challenges of 8 octets (S8 mode).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Scp03Answer {
    /// Option i.
    pub option: u8,
    /// Card challenge.
    pub challenge: [u8; 8],
    /// Card cryptogram.
    pub cryptogram: [u8; 8],
    /// Sequence counter, when the challenge is pseudo-random.
    pub sequence: Option<[u8; 3]>,
}

/// What depends on the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// SCP02.
    Scp02(Scp02Answer),
    /// SCP03.
    Scp03(Scp03Answer),
}

/// A card's answer to INITIALIZE UPDATE.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Key diversification data (CPS: KEYDATA).
    pub diversification_data: [u8; 10],
    /// Key version number; FF on factory keys.
    pub key_version: u8,
    /// The rest.
    pub protocol: Protocol,
}

/// `80 50 version identifier 08 challenge 00`.
pub fn command(key_version: u8, key_identifier: u8, host_challenge: [u8; 8]) -> Vec<u8> {
    let mut command = vec![0x80, 0x50, key_version, key_identifier, 0x08];
    command.extend_from_slice(&host_challenge);
    command.push(0x00);
    command
}

impl Answer {
    /// Reads data and status word.
    pub fn parse(answer: &[u8]) -> Result<Self, ChannelError> {
        let (data, status) = split_response(answer)?;
        if status != 0x9000 {
            return Err(ChannelError::Status(status));
        }
        Self::parse_data(data)
    }

    /// Reads the data without a status word.
    pub fn parse_data(data: &[u8]) -> Result<Self, ChannelError> {
        let short = ChannelError::Initialize("the answer is too short");
        let (diversification_data, rest) = data.split_first_chunk::<10>().ok_or(short)?;
        let ([key_version, protocol], rest) = rest.split_first_chunk::<2>().ok_or(short)?;
        let protocol = match protocol {
            0x02 => Protocol::Scp02(scp02(rest)?),
            0x03 => Protocol::Scp03(scp03(rest)?),
            _ => {
                return Err(ChannelError::Initialize(
                    "the protocol is neither SCP02 nor SCP03",
                ));
            }
        };
        Ok(Self {
            diversification_data: *diversification_data,
            key_version: *key_version,
            protocol,
        })
    }
}

fn scp02(rest: &[u8]) -> Result<Scp02Answer, ChannelError> {
    let length = ChannelError::Initialize("an SCP02 answer has 28 octets");
    let (sequence, rest) = rest.split_first_chunk::<2>().ok_or(length)?;
    let (challenge, rest) = rest.split_first_chunk::<6>().ok_or(length)?;
    let cryptogram = <[u8; 8]>::try_from(rest).map_err(|_| length)?;
    Ok(Scp02Answer {
        sequence: *sequence,
        challenge: *challenge,
        cryptogram,
    })
}

fn scp03(rest: &[u8]) -> Result<Scp03Answer, ChannelError> {
    let length = ChannelError::Initialize("an SCP03 answer has 29 octets, 32 with a counter");
    let (option, rest) = rest.split_first().ok_or(length)?;
    let (challenge, rest) = rest.split_first_chunk::<8>().ok_or(length)?;
    let (cryptogram, rest) = rest.split_first_chunk::<8>().ok_or(length)?;
    let sequence = match rest {
        [] => None,
        [a, b, c] => Some([*a, *b, *c]),
        _ => return Err(length),
    };
    Ok(Scp03Answer {
        option: *option,
        challenge: *challenge,
        cryptogram: *cryptogram,
        sequence,
    })
}
