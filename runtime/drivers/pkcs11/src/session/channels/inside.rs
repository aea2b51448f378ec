//! Channels whose keys are objects in the token.

use std::sync::Arc;

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Mechanism, Object};
use cardwright_ports::hsm::{
    CardSecret, ChannelId, ChannelSpec, DekPadding, Diversification, KeyUse, Sealed,
};
use cardwright_standards::globalplatform::initialize::{
    Answer, Protocol, Scp02Answer, Scp03Answer,
};
use cardwright_standards::globalplatform::{R_ENCRYPTION, R_MAC, scp02, scp03};
use zeroize::Zeroizing;

use super::super::Session;
use super::super::transport::{pad, rewrapped, rsa_numbers};
use super::{Line, diversification, refused};
use crate::channel_keys::inside::{Inside, Step};
use crate::channel_keys::{self, AesKeys, Made, Sort, TdesKeys, inside};
use crate::composition::{Intent, Plan, Way};
use crate::error::{self, Refused, Trouble};
use crate::held::{Held, Kept};
use crate::objects::{Flags, Kind, Protection};
use crate::ring::Key;
use crate::tool::{Tool, wrong};

/// Numbers of a card's keys.
const ENC: u8 = 1;
const MAC: u8 = 2;
const DEK: u8 = 3;

/// The protocol's state beside its keys.
enum Secured {
    Tdes(scp02::Channel<Inside<Arc<Kept>, TdesKeys>>),
    Aes(scp03::Channel<Inside<Arc<Kept>, AesKeys>>),
}

/// An open channel.
pub(super) struct InsideChannel {
    secured: Secured,
    kept: Arc<Kept>,
    dek: Dek,
}

/// Where the key for sensitive data comes from; it is derived when it is needed first.
#[derive(Clone)]
struct Dek {
    card: CardOf,
    /// SCP02's counter.
    sequence: [u8; 2],
    made: Option<Object>,
}

/// Whose card it is.
#[derive(Clone)]
struct CardOf {
    master: Arc<Key>,
    method: Diversification,
    key_data: [u8; 10],
}

impl CardOf {
    /// One of the card's keys; the master key itself where the card holds that.
    fn key(
        &self,
        tool: &Tool<'_>,
        number: u8,
        sort: Sort,
        made: &mut Made,
    ) -> Result<Object, Trouble> {
        let (kind, main) = (self.master.kind()?, tool.objects(&self.master)?.main);
        let method = diversification(self.method);
        let unsuitable = || self.master.unsuitable("what the diversification takes");
        match (self.method, kind) {
            (Diversification::None, _) => Ok(main),
            (Diversification::Kdf3, Kind::Aes(_)) => {
                let from = (kind, main);
                let of = (&self.key_data, number);
                let key = channel_keys::aes_card_key(tool.session()?, from, of, sort, made)?;
                Ok(key)
            }
            (_, Kind::Des2) => {
                let of = (method, &self.key_data, number);
                let key = channel_keys::tdes_card_key(tool.session()?, main, of, sort, made)?;
                Ok(key.ok_or_else(unsuitable)?)
            }
            _ => Err(unsuitable().into()),
        }
    }

    /// What is wrapped of a card's new key: the key itself, of triple DES its octets as they were derived.
    fn wrappable(
        &self,
        tool: &Tool<'_>,
        number: u8,
        (kind, key): (Kind, Object),
        made: &mut Made,
    ) -> Result<Object, Trouble> {
        if kind.block() == 16 {
            return Ok(key);
        }
        let of = (diversification(self.method), &self.key_data, number);
        let main = tool.objects(&self.master)?.main;
        let octets = channel_keys::tdes_card_octets(tool.session()?, main, of, made)?;
        let unsuitable = || self.master.unsuitable("what the diversification takes");
        Ok(octets.ok_or_else(unsuitable)?)
    }
}

/// A new key of a card under its channel's key for sensitive data.
pub(in super::super) struct NewKey {
    /// Enciphered, whole blocks.
    pub(in super::super) wrapped: Vec<u8>,
    /// Length of the key.
    pub(in super::super) octets: usize,
    /// Three octets.
    pub(in super::super) check_value: [u8; 3],
}

/// Destroys what was made on the way to what stays.
fn clear(tool: &Tool<'_>, made: Made) -> Result<(), Trouble> {
    for object in made {
        tool.session()?.destroy(object)?;
    }
    Ok(())
}

impl Dek {
    fn of(card: CardOf, sequence: [u8; 2]) -> Self {
        Self {
            card,
            sequence,
            made: None,
        }
    }

    /// The key, and what it is; it may wrap where the token wraps under it.
    fn derive(&self, tool: &Tool<'_>) -> Result<(Object, Made), Trouble> {
        let (mut on_the_way, mut made) = (Made::new(), Made::new());
        let flags = Flags::ENCRYPT.and(Flags::WRAP);
        let key = match self.card.master.kind()? {
            Kind::Aes(_) => self.card.key(tool, DEK, inside(flags), &mut made)?,
            _ => {
                let card = self
                    .card
                    .key(tool, DEK, inside(Flags::DERIVE), &mut on_the_way)?;
                let session = tool.session()?;
                channel_keys::tdes_dek(session, card, self.sequence, flags, &mut made)?
            }
        };
        clear(tool, on_the_way)?;
        Ok((key, made))
    }
}

impl InsideChannel {
    pub(super) fn wrap(&mut self, command: &[u8]) -> Result<Vec<u8>, Step> {
        match &mut self.secured {
            Secured::Tdes(channel) => channel.wrap(command),
            Secured::Aes(channel) => channel.wrap(command),
        }
    }

    pub(super) fn unwrap(&mut self, answer: &[u8]) -> Result<Vec<u8>, Step> {
        match &mut self.secured {
            Secured::Tdes(channel) => channel.unwrap(answer),
            Secured::Aes(channel) => channel.unwrap(answer),
        }
    }

    pub(super) fn sensitive_block(&self) -> usize {
        match &self.secured {
            Secured::Tdes(_) => 8,
            Secured::Aes(_) => 16,
        }
    }

    /// The session that its keys live in.
    pub(super) fn held(&self) -> &Arc<Held> {
        self.kept.held()
    }

    /// Its key for sensitive data, derived the first time.
    fn dek(&mut self) -> Result<(Kind, Object), Refused> {
        let kind = self.dek.card.master.kind()?;
        if let Some(known) = self.dek.made {
            return Ok((kind, known));
        }
        let dek = self.dek.clone();
        let (key, made) = self.kept.held().work(move |tool| dek.derive(tool))?;
        made.into_iter().for_each(|object| self.kept.add(object));
        self.dek.made = Some(key);
        Ok((kind, key))
    }

    /// Whether the card holds the master key itself, which wraps nothing.
    pub(super) fn holds_master(&self) -> bool {
        let aes = matches!(self.secured, Secured::Aes(_));
        aes && self.dek.card.method == Diversification::None
    }
}

impl Session {
    /// The session that this lane keeps; a new one where it keeps none.
    fn held(&self) -> Result<Arc<Held>, Refused> {
        match self.channels.held() {
            Some(held) => Ok(held),
            None => Ok(Arc::new(self.shared.hold()?)),
        }
    }

    /// Opens a channel whose keys are derived in the token and stay there.
    pub(super) fn opened_inside(
        &self,
        spec: &ChannelSpec,
        key: &Arc<Key>,
        host_challenge: [u8; 8],
        answer: &Answer,
    ) -> Result<(Line, Vec<u8>), Refused> {
        let held = self.held()?;
        let opened = self.opened_in(&held, spec, key, host_challenge, answer);
        match opened {
            // The session was lost before the card was sent anything.
            Err(refused) if refused.retryable && !held.lives() => {
                let held = self.held()?;
                self.opened_in(&held, spec, key, host_challenge, answer)
            }
            other => other,
        }
    }

    fn opened_in(
        &self,
        held: &Arc<Held>,
        spec: &ChannelSpec,
        key: &Arc<Key>,
        host_challenge: [u8; 8],
        answer: &Answer,
    ) -> Result<(Line, Vec<u8>), Refused> {
        let card = CardOf {
            master: Arc::clone(key),
            method: spec.diversification,
            key_data: answer.diversification_data,
        };
        match &answer.protocol {
            Protocol::Scp02(answer) => opened_tdes(held, spec, card, host_challenge, answer),
            Protocol::Scp03(answer) => opened_aes(held, spec, card, host_challenge, answer),
        }
    }

    /// Refuses before a job what a chip would be refused in it: the channel, and what it takes under the
    /// channel's key for sensitive data.
    pub(in super::super) fn checked_channel(
        &self,
        spec: &ChannelSpec,
        secrets: &[CardSecret],
    ) -> Result<(), Refused> {
        let key = self.key_for(spec.key, KeyUse::CardIssuance)?;
        self.channel_way(&key)?;
        let plan = &self.shared.plan;
        let aes = key.kind()?.block() == 16;
        let nothing_wraps = aes && spec.diversification == Diversification::None;
        for secret in secrets {
            let (intent, flags) = match (secret, aes) {
                (CardSecret::MasterKeys, false) => (Intent::CardSecretsTdes, Flags::NONE),
                (CardSecret::MasterKeys, true) => (Intent::CardSecretsAes, Flags::NONE),
                (CardSecret::NewKeys { key, .. }, aes) => {
                    let new = self.key_for(*key, KeyUse::CardIssuance)?;
                    match aes {
                        false => (Intent::PutKeysTdes, new.flags),
                        true => (Intent::PutKeysAes, new.flags),
                    }
                }
                (CardSecret::RsaKey, false) => (Intent::CardRsaNumbersTdes, Flags::NONE),
                (CardSecret::RsaKey, true) => (Intent::CardRsaNumbersAes, Flags::NONE),
                (CardSecret::JoinedKeys, _) => {
                    may_open(plan)?;
                    continue;
                }
            };
            plan.way(intent, flags)?;
            if nothing_wraps && !plan.host_memory_allowed() {
                return Err(master_wraps_nothing());
            }
        }
        Ok(())
    }

    fn inside(&mut self, channel: ChannelId) -> Result<&mut InsideChannel, Refused> {
        match self.channels.line(channel)? {
            Line::Inside(inside) => Ok(inside),
            Line::Host(_) => Err(error::CHANNEL.found("its keys are not in the token")),
        }
    }

    /// Sealed values under the channel's key for sensitive data: keys that were made inside are wrapped
    /// without being seen where the token can; octets, which host memory holds anyway, are enciphered.
    pub(super) fn recoded_inside(
        &mut self,
        channel: ChannelId,
        values: &[(Sealed, DekPadding)],
    ) -> Result<Vec<Vec<u8>>, Refused> {
        let inside = self.inside(channel)?;
        let holds_master = inside.holds_master();
        let under = inside.dek()?;
        let values = values.to_vec();
        self.in_channel(channel, move |tool| {
            recoded_values(tool, under, holds_master, &values)
        })
    }

    /// Whole blocks under the channel's key for sensitive data, in place.
    pub(super) fn encrypt_inside(
        &mut self,
        channel: ChannelId,
        data: &mut Zeroizing<Vec<u8>>,
    ) -> Result<(), Refused> {
        let under = self.inside(channel)?.dek()?;
        let clear = data.clone();
        let found = self.in_channel(channel, move |tool| sensitive(tool, under, &clear))?;
        *data = Zeroizing::new(found);
        Ok(())
    }

    /// New keys for the card of a channel, each with its check value and wrapped under the channel's key
    /// for sensitive data: derived inside, and seen by nobody.
    pub(in super::super) fn new_keys_inside(
        &mut self,
        channel: ChannelId,
        (master, method): (&Arc<Key>, Diversification),
    ) -> Result<Vec<NewKey>, Refused> {
        let key_data = self.channels.key_data(channel)?;
        let opened = self.inside(channel)?;
        let (kind, under) = opened.dek()?;
        let of_card = CardOf {
            master: Arc::clone(master),
            method,
            key_data,
        };
        let new = master.kind()?;
        if method == Diversification::None {
            let what = "the master key itself as a card's key: it never leaves the token";
            return Err(error::UNSUITABLE.found(what));
        }
        if !new.octets().is_multiple_of(kind.block()) {
            let what = "a key that no whole blocks hold is not wrapped by this token";
            return Err(error::HOST_MEMORY.found(what));
        }
        self.in_channel(channel, move |tool| {
            let mut made = Made::new();
            let mut keys = Vec::with_capacity(3);
            for number in [ENC, MAC, DEK] {
                let sort = (Flags::ENCRYPT, Protection::Wrappable);
                let key = of_card.key(tool, number, sort, &mut made)?;
                let octet = u8::from(new.block() == 16);
                let shown = tool.ecb(new, key, &vec![octet; new.block()])?;
                let mechanism = match kind.block() {
                    8 => Mechanism::Plain(ck::CKM_DES3_ECB),
                    _ => Mechanism::Initial(ck::CKM_AES_CBC, vec![0; 16]),
                };
                let key = of_card.wrappable(tool, number, (new, key), &mut made)?;
                let wrapped = tool.session()?.wrap(&mechanism, under, key)?;
                if wrapped.len() != new.octets() {
                    return Err(wrong(format!("{} octets of a wrapped key", wrapped.len())).into());
                }
                keys.push(NewKey {
                    wrapped,
                    octets: new.octets(),
                    check_value: shown.first_chunk().copied().unwrap_or_default(),
                });
            }
            clear(tool, made)?;
            Ok(keys)
        })
    }

    /// A job with a channel's own objects, which are in no other session. When the session is lost the
    /// channel is gone.
    fn in_channel<T: Send + 'static>(
        &mut self,
        channel: ChannelId,
        job: impl FnOnce(&Tool<'_>) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Refused> {
        let held = Arc::clone(self.inside(channel)?.held());
        let result = held.work(job);
        if !held.lives() {
            self.channels.close(channel);
        }
        result
    }
}

fn opened_tdes(
    held: &Arc<Held>,
    spec: &ChannelSpec,
    card: CardOf,
    host_challenge: [u8; 8],
    answer: &Scp02Answer,
) -> Result<(Line, Vec<u8>), Refused> {
    let level = spec.security_level;
    if !scp02::has_level(level) {
        return Err(level_refused(2, level));
    }
    let (sequence, responses, of_card) = (answer.sequence, level & R_MAC != 0, card.clone());
    let (keys, made) = derived_in(held, move |tool, made| {
        let mut on_the_way = Made::new();
        let derives = inside(Flags::DERIVE);
        let mut key = |number| of_card.key(tool, number, derives, &mut on_the_way);
        let pair = [key(ENC)?, key(MAC)?];
        let keys = TdesKeys::derive(tool.session()?, pair, sequence, responses, made)?;
        clear(tool, on_the_way)?;
        Ok(keys)
    })?;
    let kept = Arc::new(Kept::new(Arc::clone(held), made));
    let asks = Arc::clone(&kept);
    let keys = Inside { asks, keys };
    let (channel, command) =
        scp02::Channel::open_with(keys, spec.option, level, host_challenge, answer)
            .map_err(refused)?;
    let channel = InsideChannel {
        secured: Secured::Tdes(channel),
        kept,
        dek: Dek::of(card, sequence),
    };
    Ok((Line::Inside(Box::new(channel)), command))
}

fn opened_aes(
    held: &Arc<Held>,
    spec: &ChannelSpec,
    card: CardOf,
    host_challenge: [u8; 8],
    answer: &Scp03Answer,
) -> Result<(Line, Vec<u8>), Refused> {
    let level = spec.security_level;
    if !scp03::has_level(level) {
        return Err(level_refused(3, level));
    }
    let context = scp03::context(host_challenge, answer.challenge);
    let ways = (level & R_MAC != 0, level & R_ENCRYPTION != 0);
    let (kind, of_card) = (card.master.aes()?, card.clone());
    let (keys, made) = derived_in(held, move |tool, made| {
        let mut on_the_way = Made::new();
        let derives = inside(Flags::DERIVE.and(Flags::ENCRYPT));
        let mut key = |number| of_card.key(tool, number, derives, &mut on_the_way);
        let from = (kind, [key(ENC)?, key(MAC)?]);
        let keys = AesKeys::derive(tool.session()?, from, context, ways, made)?;
        clear(tool, on_the_way)?;
        Ok(keys)
    })?;
    let kept = Arc::new(Kept::new(Arc::clone(held), made));
    let asks = Arc::clone(&kept);
    let keys = Inside { asks, keys };
    let (mut channel, command) =
        scp03::Channel::open_with(keys, level, host_challenge, answer).map_err(refused)?;
    if spec.counts_data_only {
        channel.count_data_only();
    }
    let channel = InsideChannel {
        secured: Secured::Aes(channel),
        kept,
        dek: Dek::of(card, [0; 2]),
    };
    Ok((Line::Inside(Box::new(channel)), command))
}

/// How a sealed value gets under a channel's key for sensitive data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coded {
    /// Whole keys, wrapped.
    Keys,
    /// A number of an RSA key, cut out and wrapped.
    RsaNumber,
    /// Octets, opened and enciphered.
    Octets,
}

/// Sealed values under a channel's key for sensitive data.
fn recoded_values(
    tool: &Tool<'_>,
    under: (Kind, Object),
    holds_master: bool,
    values: &[(Sealed, DekPadding)],
) -> Result<Vec<Vec<u8>>, Trouble> {
    let coded = values
        .iter()
        .map(|(sealed, _)| coded(tool.plan, under.0, holds_master, sealed));
    let coded: Vec<Coded> = coded.collect::<Result<_, _>>()?;
    let of = |wanted: Coded| {
        let each = values.iter().zip(&coded);
        each.filter(move |(_, coded)| **coded == wanted)
            .map(|((sealed, padding), _)| (sealed, *padding))
    };
    let numbers: Vec<(&Sealed, DekPadding)> = of(Coded::RsaNumber).collect();
    let mut numbers = rsa_numbers(tool, under, &numbers)?.into_iter();
    let clear: Vec<Sealed> = of(Coded::Octets)
        .map(|(sealed, _)| sealed.clone())
        .collect();
    let mut opened = tool.open_all_sealed(&clear)?.into_iter();
    let missing = || wrong("too few opened values");
    let each = values.iter().zip(&coded);
    each.map(|((sealed, padding), coded)| match coded {
        Coded::Keys => rewrapped(tool, under, sealed, *padding),
        Coded::RsaNumber => Ok(numbers.next().ok_or_else(missing)?),
        Coded::Octets => {
            let mut clear = opened.next().ok_or_else(missing)?;
            pad(&mut clear, under.0.block(), *padding)?;
            sensitive(tool, under, &clear)
        }
    })
    .collect()
}

fn coded(plan: &Plan, under: Kind, holds_master: bool, sealed: &Sealed) -> Result<Coded, Refused> {
    let (keys, number) = (Tool::is_keys(sealed), Tool::is_rsa_part(sealed));
    if !keys && !number {
        return Ok(Coded::Octets);
    }
    if holds_master && !plan.host_memory_allowed() {
        return Err(master_wraps_nothing());
    }
    let (intent, coded) = match (keys, under.block()) {
        (true, 8) => (Intent::CardSecretsTdes, Coded::Keys),
        (true, _) => (Intent::CardSecretsAes, Coded::Keys),
        (false, 8) => (Intent::CardRsaNumbersTdes, Coded::RsaNumber),
        (false, _) => (Intent::CardRsaNumbersAes, Coded::RsaNumber),
    };
    let inside = plan.way(intent, Flags::NONE)? == Way::Inside && !holds_master;
    Ok(if inside { coded } else { Coded::Octets })
}

/// What only host memory can do for a chip.
fn may_open(plan: &Plan) -> Result<(), Refused> {
    if plan.host_memory_allowed() {
        return Ok(());
    }
    let what = "a derived key among other octets of one value: a token wraps whole keys only";
    Err(error::HOST_MEMORY.found(what))
}

fn master_wraps_nothing() -> Refused {
    error::HOST_MEMORY.found("the card holds the master key itself, which wraps nothing")
}

/// ECB for triple DES, CBC from zeros for AES.
fn sensitive(
    tool: &Tool<'_>,
    (kind, key): (Kind, Object),
    clear: &[u8],
) -> Result<Vec<u8>, Trouble> {
    if clear.is_empty() {
        return Ok(Vec::new());
    }
    match kind.block() {
        8 => Ok(tool.ecb(kind, key, clear)?.to_vec()),
        _ => tool.cbc(kind, key, (&[0; 16], clear)),
    }
}

/// Derives session keys in a kept session. When it fails half way the session is given up, and what was
/// made goes with it.
fn derived_in<K: Send + 'static>(
    held: &Arc<Held>,
    derive: impl FnOnce(&Tool<'_>, &mut Made) -> Result<K, Trouble> + Send + 'static,
) -> Result<(K, Made), Refused> {
    let derived = held.work(move |tool| {
        let mut made = Made::new();
        let keys = derive(tool, &mut made)?;
        Ok((keys, made))
    });
    if derived.is_err() {
        held.give_up();
    }
    derived
}

fn level_refused(protocol: u8, level: u8) -> Refused {
    let what = format!("protocol SCP{protocol:02X} has no security level {level:02X}");
    error::ARGUMENT.found(what)
}
