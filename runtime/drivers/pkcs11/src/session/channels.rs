//! Secure channels to cards: from INITIALIZE UPDATE to the forgotten session keys. Where the token can, all
//! keys of a channel are objects in it (`inside.rs`), and the lane keeps the session that they live in;
//! else the card's keys are computed with the master key inside the token and are in host memory while the
//! channel is open.

mod inside;

use std::collections::BTreeMap;
use std::sync::Arc;

use cardwright_ports::hsm::{
    ChannelId, ChannelSpec, DekPadding, Diversification, Draw, KeyUse, Sealed,
};
use cardwright_standards::cipher::{KeyBytes, xor};
use cardwright_standards::globalplatform::diversify::{self, kdf3_block, tdes_blocks};
use cardwright_standards::globalplatform::initialize::{self, Answer, Protocol};
use cardwright_standards::globalplatform::{
    C_DECRYPTION, CardKeys, Channel, ChannelError, scp02, scp03,
};
use cardwright_standards::mac::cmac_subkeys;
use zeroize::Zeroizing;

use super::memory::Subkey;
use super::transport::pad;
use super::{Label, Session};
use crate::channel_keys::inside::Step;
use crate::composition::{Intent, Way};
use crate::error::{self, Refused, Trouble};
use crate::held::Held;
use crate::ring::Key;
use crate::tool::{Tool, wrong};

/// Channels of one session at a time; one worker has one card before it.
const CHANNELS_MAX: usize = 64;

use inside::InsideChannel;
pub(super) use inside::NewKey;

/// An open channel.
enum Line {
    /// Its keys are in host memory.
    Host(Channel),
    /// Its keys are in the token.
    Inside(Box<InsideChannel>),
}

/// A channel's life.
enum State {
    /// INITIALIZE UPDATE is on its way to the card.
    Started {
        spec: ChannelSpec,
        key: Arc<Key>,
        host_challenge: [u8; 8],
    },
    /// EXTERNAL AUTHENTICATE is made; commands are secured.
    Open {
        line: Line,
        key_data: [u8; 10],
        /// Whether it enciphers what it carries.
        enciphers: bool,
        /// The key for sensitive data where it never leaves the token.
        dek: Option<Arc<Key>>,
    },
}

/// The channels of a session.
#[derive(Default)]
pub(super) struct Channels {
    states: BTreeMap<u32, State>,
    last: u32,
}

impl Tool<'_> {
    /// A card's three keys out of a master key and the card's key data, in host memory; with the master key's
    /// subkey of CMAC where they are made by it, which need not be asked for a second time.
    pub(super) fn diversified(
        &self,
        master: &Key,
        method: Diversification,
        kdd: &[u8; 10],
        subkey: Option<&[u8; 16]>,
    ) -> Result<(CardKeys, Option<Subkey>), Trouble> {
        let kind = master.kind()?;
        let main = self.objects(master)?.main;
        if !self.plan.host_memory_allowed() {
            let what = "a card's channel keys would be computed in host memory";
            return Err(error::HOST_MEMORY.found(what).into());
        }
        let method = diversification(method);
        let mut blocks = Vec::with_capacity(96);
        for number in 1..=3 {
            match (tdes_blocks(method, kdd, number), kind.block()) {
                (Some(halves), 8) => blocks.extend_from_slice(halves.as_flattened()),
                (None, 16) if method == diversify::Diversification::Kdf3 => {
                    for counter in 1..=kind.octets().div_ceil(16) as u8 {
                        blocks.extend_from_slice(&kdf3_block(kdd, number, counter));
                    }
                }
                (None, _) if method == diversify::Diversification::None => {
                    let what = "the master key itself as a card's key: it never leaves the token";
                    return Err(error::UNSUITABLE.found(what).into());
                }
                _ => return Err(master.unsuitable("what the diversification takes").into()),
            }
        }
        let mut used = None;
        if kind.block() == 16 {
            // CMAC over one whole block: the subkey is added, and the sum enciphered.
            let subkey = match subkey {
                Some(known) => Zeroizing::new(*known),
                None => {
                    let [subkey, _] = cmac_subkeys(self.block16(main, [0; 16])?);
                    Zeroizing::new(subkey)
                }
            };
            let (chunks, _) = blocks.as_chunks_mut::<16>();
            for chunk in chunks {
                *chunk = xor(*chunk, *subkey);
            }
            used = Some(subkey);
        }
        let found = self.ecb(kind, main, &blocks)?;
        let each = found.len() / 3;
        let key = |number: usize| {
            let octets = found.get(number * each..number * each + kind.octets());
            let octets = octets.ok_or_else(|| wrong("too few octets of a card's keys"))?;
            KeyBytes::new(octets).map_err(|e| wrong(e.to_string()))
        };
        let keys = CardKeys {
            enc: key(0)?,
            mac: key(1)?,
            dek: key(2)?,
        };
        Ok((keys, used))
    }
}

impl Tool<'_> {
    /// Session keys of SCP02 for a card that holds the master key itself.
    fn scp02_of_master(
        &self,
        master: &Key,
        sequence: [u8; 2],
    ) -> Result<scp02::SessionKeys, Trouble> {
        let (kind, main) = (master.double()?, self.objects(master)?.main);
        let [enc, mac, rmac, dek] = scp02::derivation_data(sequence).map(|data| {
            let key = Zeroizing::new(self.cbc(kind, main, (&[0; 8], &data))?);
            key_bytes(&key)
        });
        Ok(scp02::SessionKeys {
            enc: enc?,
            mac: mac?,
            rmac: rmac?,
            dek: dek?,
        })
    }

    /// Session keys of SCP03 for a card that holds the master key itself: CMAC over two blocks, of all
    /// texts side by side.
    fn scp03_of_master(
        &self,
        master: &Key,
        context: [u8; 16],
    ) -> Result<scp03::SessionKeys, Trouble> {
        let (kind, main) = (master.aes()?, self.objects(master)?.main);
        let heads = scp03::derivation_heads(kind.octets());
        let [subkey, _] = cmac_subkeys(self.block16(main, [0; 16])?);
        let mut chain = self.ecb(kind, main, heads.as_flattened())?;
        let last = xor(context, subkey);
        let (blocks, _) = chain.as_chunks_mut::<16>();
        for block in blocks {
            *block = xor(*block, last);
        }
        let found = self.ecb(kind, main, &chain)?;
        let each = found.len() / 3;
        let key = |number: usize| {
            let octets = found.get(number * each..number * each + kind.octets());
            key_bytes(octets.unwrap_or_default())
        };
        Ok(scp03::SessionKeys {
            enc: key(0)?,
            mac: key(1)?,
            rmac: key(2)?,
        })
    }
}

fn key_bytes(octets: &[u8]) -> Result<KeyBytes, Trouble> {
    Ok(KeyBytes::new(octets).map_err(|e| wrong(e.to_string()))?)
}

impl Session {
    /// A card's three keys: those of the channel before, when it was the same card's.
    fn channel_keys(
        &mut self,
        key: Arc<Key>,
        spec: &ChannelSpec,
        key_data: [u8; 10],
    ) -> Result<Arc<CardKeys>, Refused> {
        let card = (spec.key, spec.diversification, key_data);
        if let Some(known) = self.memory.channel_keys(&card) {
            return Ok(known);
        }
        let (method, subkey) = (spec.diversification, self.memory.subkey(spec.key));
        let (keys, subkey) =
            self.work(move |tool| tool.diversified(&key, method, &key_data, subkey.as_deref()))?;
        if let Some(subkey) = subkey {
            self.memory.keep_subkey(spec.key, subkey);
        }
        Ok(self.memory.keep_channel_keys(card, keys))
    }

    /// Opens the channel with the card's keys, or, where the card holds the master key itself, with
    /// session keys that the token makes of it. All channels of one card are opened with the keys of the first.
    fn opened_channel(
        &mut self,
        spec: &ChannelSpec,
        key: &Arc<Key>,
        host_challenge: [u8; 8],
        answer: &Answer,
    ) -> Result<(Channel, Vec<u8>), Refused> {
        let refused = |e: ChannelError| channel_error(&e);
        let (key, level) = (Arc::clone(key), spec.security_level);
        let key_data = answer.diversification_data;
        if spec.diversification != Diversification::None {
            let keys = self.channel_keys(key, spec, key_data)?;
            return Channel::open(&keys, spec.option, level, host_challenge, answer)
                .map_err(refused);
        }
        match &answer.protocol {
            Protocol::Scp02(card) => {
                let sequence = card.sequence;
                let session = self.work(move |tool| tool.scp02_of_master(&key, sequence))?;
                let opened = scp02::Channel::open_session(
                    &session,
                    spec.option,
                    level,
                    host_challenge,
                    card,
                );
                let (channel, command) = opened.map_err(refused)?;
                Ok((Channel::Scp02(Box::new(channel)), command))
            }
            Protocol::Scp03(card) => {
                let context = scp03::context(host_challenge, card.challenge);
                let session = self.work(move |tool| tool.scp03_of_master(&key, context))?;
                let opened =
                    scp03::Channel::open_session(&session, None, level, host_challenge, card);
                let (channel, command) = opened.map_err(refused)?;
                Ok((Channel::Scp03(Box::new(channel)), command))
            }
        }
    }

    pub(super) fn started_channel(
        &mut self,
        spec: &ChannelSpec,
        draw: &Draw<'_>,
    ) -> Result<(ChannelId, Vec<u8>), Refused> {
        let label = Label::of(draw)?;
        let key = self.key_for(spec.key, KeyUse::CardIssuance)?;
        let suits = matches!((spec.protocol, key.kind()?.block()), (2, 8) | (3, 16));
        if !suits {
            return Err(key.unsuitable(&format!("what SCP{:02X} takes", spec.protocol)));
        }
        if self.channels.states.len() >= CHANNELS_MAX {
            return Err(error::CHANNEL.found(format!("{CHANNELS_MAX} channels are open")));
        }
        // Before the card is asked for anything.
        self.channel_way(&key)?;
        let host_challenge = self.host_challenge(&label)?;
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

    fn host_challenge(&mut self, label: &Label) -> Result<[u8; 8], Refused> {
        let digest = self.known_soon(label, &[])?;
        Ok(digest.first_chunk().copied().unwrap_or_default())
    }

    /// Checks the card's answer and opens the channel. A channel whose card has failed is gone.
    pub(super) fn authenticated_channel(
        &mut self,
        channel: ChannelId,
        answer: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        self.shared.check_state()?;
        let Some(State::Started {
            spec,
            key,
            host_challenge,
        }) = self.channels.states.remove(&channel.0)
        else {
            return Err(error::CHANNEL.found("no INITIALIZE UPDATE of it is on its way"));
        };
        let answer = Answer::parse(answer).map_err(|e| channel_error(&e))?;
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
        let (line, command) = match self.channel_way(&key)? {
            Way::Inside => self.opened_inside(&spec, &key, host_challenge, &answer)?,
            _ => {
                let (mut open, command) =
                    self.opened_channel(&spec, &key, host_challenge, &answer)?;
                if spec.counts_data_only {
                    open.count_data_only();
                }
                (Line::Host(open), command)
            }
        };
        let host = matches!(line, Line::Host(_));
        let own_dek = host && protocol == 3 && spec.diversification == Diversification::None;
        let opened = State::Open {
            line,
            key_data: answer.diversification_data,
            enciphers: spec.security_level & C_DECRYPTION != 0,
            dek: own_dek.then_some(key),
        };
        self.channels.states.insert(channel.0, opened);
        Ok(command)
    }

    /// How channels with a key are carried out.
    fn channel_way(&self, key: &Key) -> Result<Way, Refused> {
        let intent = Intent::of_channels(key.kind()?);
        self.shared.plan.way(intent, key.flags)
    }

    /// Secures a command. A channel whose keys the token has lost is gone.
    pub(super) fn secured(
        &mut self,
        channel: ChannelId,
        command: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let result = self.channels.line(channel)?.wrap(command);
        self.channels.settle(channel, result)
    }

    /// Checks and opens an answer.
    pub(super) fn opened_answer(
        &mut self,
        channel: ChannelId,
        answer: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let result = self.channels.line(channel)?.unwrap(answer);
        self.channels.settle(channel, result)
    }

    /// Sealed octets under the channel's own key for sensitive data; opened together.
    pub(super) fn recoded(
        &mut self,
        channel: ChannelId,
        values: &[(Sealed, DekPadding)],
    ) -> Result<Vec<Vec<u8>>, Refused> {
        self.shared
            .bind_issuers(values.iter().map(|(sealed, _)| sealed))?;
        if let Line::Inside(_) = self.channels.line(channel)? {
            return self.recoded_inside(channel, values);
        }
        let sealed: Vec<Sealed> = values.iter().map(|(sealed, _)| sealed.clone()).collect();
        let opened = self.work(move |tool| tool.open_all_sealed(&sealed))?;
        let mut recoded = Vec::with_capacity(values.len());
        for (mut clear, (_, padding)) in opened.into_iter().zip(values) {
            let block = self.channels.line(channel)?.sensitive_block();
            pad(&mut clear, block, *padding)?;
            self.encrypt_sensitive(channel, &mut clear)?;
            recoded.push(std::mem::take(&mut *clear));
        }
        Ok(recoded)
    }

    /// Whole blocks under the channel's key for sensitive data, in place.
    pub(super) fn encrypt_sensitive(
        &mut self,
        channel: ChannelId,
        data: &mut Zeroizing<Vec<u8>>,
    ) -> Result<(), Refused> {
        if let Some(State::Open { dek: Some(dek), .. }) = self.channels.states.get(&channel.0) {
            let (dek, clear) = (Arc::clone(dek), data.clone());
            let found = self.work(move |tool| {
                let main = tool.objects(&dek)?.main;
                tool.cbc(dek.aes()?, main, (&[0; 16], &clear))
            })?;
            *data = Zeroizing::new(found);
            return Ok(());
        }
        match self.channels.line(channel)? {
            Line::Host(open) => open.encrypt_sensitive(data).map_err(|e| channel_error(&e)),
            Line::Inside(_) => self.encrypt_inside(channel, data),
        }
    }
}

impl Line {
    fn wrap(&mut self, command: &[u8]) -> Result<Vec<u8>, Step> {
        match self {
            Self::Host(channel) => Ok(channel.wrap(command)?),
            Self::Inside(channel) => channel.wrap(command),
        }
    }

    fn unwrap(&mut self, answer: &[u8]) -> Result<Vec<u8>, Step> {
        match self {
            Self::Host(channel) => Ok(channel.unwrap(answer)?),
            Self::Inside(channel) => channel.unwrap(answer),
        }
    }

    /// Block length of sensitive data.
    pub(super) fn sensitive_block(&self) -> usize {
        match self {
            Self::Host(channel) => channel.sensitive_block(),
            Self::Inside(channel) => channel.sensitive_block(),
        }
    }
}

impl Channels {
    /// The open channel of an identifier.
    fn line(&mut self, channel: ChannelId) -> Result<&mut Line, Refused> {
        match self.states.get_mut(&channel.0) {
            Some(State::Open { line, .. }) => Ok(line),
            Some(State::Started { .. }) => {
                Err(error::CHANNEL.found("the card has not authenticated itself"))
            }
            None => Err(error::CHANNEL.found("it is unknown or closed")),
        }
    }

    /// Block length of sensitive data of an open channel.
    pub(super) fn sensitive_block(&mut self, channel: ChannelId) -> Result<usize, Refused> {
        Ok(self.line(channel)?.sensitive_block())
    }

    /// What a step gave. When the token failed it the channel is gone: it may have counted what the card
    /// has not.
    fn settle<T>(&mut self, channel: ChannelId, result: Result<T, Step>) -> Result<T, Refused> {
        result.map_err(|step| {
            if !matches!(step, Step::Channel(_)) {
                self.close(channel);
            }
            refused(step)
        })
    }

    /// Refuses a channel that does not encipher what it carries.
    pub(super) fn check_enciphers(&self, channel: ChannelId) -> Result<(), Refused> {
        match self.states.get(&channel.0) {
            Some(State::Open {
                enciphers: true, ..
            }) => Ok(()),
            _ => Err(error::CHANNEL.found("it is not open, or carries data in clear")),
        }
    }

    /// Whether an open channel has a key in the token under which others can be wrapped.
    pub(super) fn wraps(&mut self, channel: ChannelId) -> Result<bool, Refused> {
        Ok(match self.line(channel)? {
            Line::Inside(inside) => !inside.holds_master(),
            Line::Host(_) => false,
        })
    }

    /// The session that this lane keeps for a channel whose keys live in it.
    pub(super) fn held(&self) -> Option<Arc<Held>> {
        self.states.values().find_map(|state| match state {
            State::Open {
                line: Line::Inside(inside),
                ..
            } => Some(Arc::clone(inside.held())).filter(|held| held.lives()),
            _ => None,
        })
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

fn diversification(of_port: Diversification) -> diversify::Diversification {
    match of_port {
        Diversification::Emv => diversify::Diversification::Emv,
        Diversification::Visa2 => diversify::Diversification::Visa2,
        Diversification::Visa => diversify::Diversification::Visa,
        Diversification::Kdf3 => diversify::Diversification::Kdf3,
        Diversification::None => diversify::Diversification::None,
    }
}

/// Why a step of a channel was refused.
fn refused(step: Step) -> Refused {
    match step {
        Step::Channel(e) => channel_error(&e),
        Step::Token(failure) => error::of_failure(&failure),
        Step::Hsm(refused) => refused,
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
