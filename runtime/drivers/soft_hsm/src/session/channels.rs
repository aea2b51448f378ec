//! Secure channels to cards: from INITIALIZE UPDATE to the forgotten session keys.

use std::collections::BTreeMap;

use cardwright_ports::hsm::{ChannelId, ChannelSpec, Diversification, Draw, KeyUse};
use cardwright_standards::globalplatform::diversify::{self, diversify};
use cardwright_standards::globalplatform::initialize::{self, Answer, Protocol};
use cardwright_standards::globalplatform::{C_DECRYPTION, Channel, ChannelError};
use std::sync::Arc;

use super::Session;
use crate::error::{self, Refused};
use crate::keys::{Key, Material};

/// Channels of one session at a time; one worker has one card before it.
const CHANNELS_MAX: usize = 64;

/// A channel's life.
enum State {
    /// INITIALIZE UPDATE is on its way to the card.
    Started {
        spec: ChannelSpec,
        key: Arc<Key>,
        host_challenge: [u8; 8],
    },
    /// EXTERNAL AUTHENTICATE is made; commands are secured. The card's key data make its next keys.
    Open {
        channel: Channel,
        key_data: [u8; 10],
        /// Whether it enciphers what it carries.
        enciphers: bool,
    },
}

/// The channels of a session.
#[derive(Default)]
pub(super) struct Channels {
    states: BTreeMap<u32, State>,
    last: u32,
}

impl Session {
    pub(super) fn started_channel(
        &mut self,
        spec: &ChannelSpec,
        draw: &Draw<'_>,
    ) -> Result<(ChannelId, Vec<u8>), Refused> {
        let key = self.key_for(spec.key, KeyUse::CardIssuance)?;
        let suits = matches!(
            (spec.protocol, &key.material),
            (2, Material::Tdes(..)) | (3, Material::Aes(..))
        );
        if !suits {
            return Err(error::UNSUITABLE.found(format!(
                "protocol SCP{:02X} with a key of {}",
                spec.protocol, key.algorithm
            )));
        }
        if self.channels.states.len() >= CHANNELS_MAX {
            return Err(error::CHANNEL.found(format!("{CHANNELS_MAX} channels are open")));
        }
        let mut host_challenge = [0; 8];
        self.shared
            .root
            .draw(draw, "host challenge")
            .fill(&mut host_challenge);
        let command = initialize::command(spec.key_version, 0, host_challenge);
        let started = State::Started {
            spec: *spec,
            key,
            host_challenge,
        };
        self.channels.last = self.channels.last.wrapping_add(1);
        self.channels.states.insert(self.channels.last, started);
        Ok((ChannelId(self.channels.last), command))
    }
}

impl Channels {
    /// Checks the card's answer and opens the channel. A channel whose card has failed is gone.
    pub(super) fn authenticate(
        &mut self,
        channel: ChannelId,
        answer: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let Some(State::Started {
            spec,
            key,
            host_challenge,
        }) = self.states.remove(&channel.0)
        else {
            return Err(error::CHANNEL.found("no INITIALIZE UPDATE of it is on its way"));
        };
        let refused = |e: ChannelError| channel_error(&e);
        let answer = Answer::parse(answer).map_err(refused)?;
        let protocol = match answer.protocol {
            Protocol::Scp02(_) => 2,
            Protocol::Scp03(_) => 3,
        };
        if protocol != spec.protocol {
            return Err(error::CARD.found(format!(
                "protocol SCP{protocol:02X} where SCP{:02X} was expected",
                spec.protocol
            )));
        }
        // Version 0 asks for the card's first key set, whatever its number.
        if spec.key_version != 0 && answer.key_version != spec.key_version {
            return Err(error::CARD.found(format!(
                "key version {:02X} where {:02X} was asked for",
                answer.key_version, spec.key_version
            )));
        }
        let (Material::Tdes(master, _) | Material::Aes(master, _)) = &key.material else {
            return Err(error::UNSUITABLE.found("an RSA key as card issuance key"));
        };
        let method = diversification(spec.diversification);
        let keys =
            diversify(method, master.expose(), &answer.diversification_data).map_err(refused)?;
        let (mut open, command) = Channel::open(
            &keys,
            spec.option,
            spec.security_level,
            host_challenge,
            &answer,
        )
        .map_err(refused)?;
        if spec.counts_data_only {
            open.count_data_only();
        }
        let opened = State::Open {
            channel: open,
            key_data: answer.diversification_data,
            enciphers: spec.security_level & C_DECRYPTION != 0,
        };
        self.states.insert(channel.0, opened);
        Ok(command)
    }

    /// The open channel of an identifier.
    pub(super) fn open(&mut self, channel: ChannelId) -> Result<&mut Channel, Refused> {
        match self.states.get_mut(&channel.0) {
            Some(State::Open { channel, .. }) => Ok(channel),
            Some(State::Started { .. }) => {
                Err(error::CHANNEL.found("the card has not authenticated itself"))
            }
            None => Err(error::CHANNEL.found("it is unknown or closed")),
        }
    }

    /// An open channel that enciphers what it carries.
    pub(super) fn enciphering(&mut self, channel: ChannelId) -> Result<&mut Channel, Refused> {
        let fits = matches!(
            self.states.get(&channel.0),
            Some(State::Open {
                enciphers: true,
                ..
            })
        );
        match fits {
            true => self.open(channel),
            false => Err(error::CHANNEL.found("it is not open, or carries data in clear")),
        }
    }

    /// The card's key data at the other end of an open channel.
    pub(super) fn key_data(&self, channel: ChannelId) -> Result<[u8; 10], Refused> {
        match self.states.get(&channel.0) {
            Some(State::Open { key_data, .. }) => Ok(*key_data),
            _ => Err(error::CHANNEL.found("it is not open")),
        }
    }

    /// Forgets a channel; its keys are wiped as they are dropped.
    pub(super) fn close(&mut self, channel: ChannelId) {
        self.states.remove(&channel.0);
    }
}

pub(super) fn diversification(of_port: Diversification) -> diversify::Diversification {
    match of_port {
        Diversification::Emv => diversify::Diversification::Emv,
        Diversification::Visa2 => diversify::Diversification::Visa2,
        Diversification::Visa => diversify::Diversification::Visa,
        Diversification::Kdf3 => diversify::Diversification::Kdf3,
        Diversification::None => diversify::Diversification::None,
    }
}

/// The card's fault or the caller's.
pub(super) fn channel_error(e: &ChannelError) -> Refused {
    match e {
        ChannelError::Apdu(_)
        | ChannelError::Cipher(_)
        | ChannelError::Level { .. }
        | ChannelError::TooLong { .. } => error::ARGUMENT.found(e.to_string()),
        ChannelError::Diversification(_) => error::UNSUITABLE.found(e.to_string()),
        _ => error::CARD.found(e.to_string()),
    }
}
