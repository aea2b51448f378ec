//! Secure channels: how they open, and what must not open.

use cardwright_ports::hsm::{ChannelId, ChannelSpec, Diversification, KeyHandle};
use cardwright_standards::cipher::{AesKey, TdesKey};
use cardwright_standards::globalplatform::diversify::{self, diversify};
use cardwright_standards::globalplatform::initialize::Answer;
use cardwright_standards::globalplatform::{CardKeys, Channel, scp02, scp03};

use super::{checks, draw};
use crate::bench::{Bench, Checked, Stop, ask, equal, holds, reference, refuse};

checks! {
    "channel.check" "check_channel" "what a job may begin with can be opened" PORT check;
    "channel.begin" "begin_channel" "INITIALIZE UPDATE with an own challenge" GP begin;
    "channel.begin_bad" "begin_channel" "a key of another use or algorithm is refused" PORT begin_bad;
    "channel.scp02" "authenticate_channel" "EXTERNAL AUTHENTICATE of SCP02, four diversifications" REFERENCE scp02;
    "channel.scp03" "authenticate_channel" "EXTERNAL AUTHENTICATE of SCP03, with and without KDF" REFERENCE scp03;
    "channel.wrong_card" "authenticate_channel" "a wrong cryptogram, version or status opens nothing" PORT wrong_card;
    "channel.once" "authenticate_channel" "a channel whose card has failed is gone" PORT once;
    "channel.closed" "close_channel" "a closed channel does nothing more" PORT closed;
    "channel.unknown" "wrap" "an unknown or unauthenticated channel does nothing" PORT unknown;
}

/// Key diversification data of the published examples.
pub(super) const KEY_DATA: [u8; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const CHALLENGE_02: [u8; 6] = [0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6];
const CHALLENGE_03: [u8; 8] = [0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8];
const SEQUENCE: [u8; 2] = [0x00, 0x03];

/// What a channel of the kit is like.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) protocol: u8,
    pub(super) option: u8,
    pub(super) level: u8,
    pub(super) diversification: Diversification,
}

pub(super) const SCP02_MAC: Kind = Kind {
    protocol: 2,
    option: 0x15,
    level: 0x01,
    diversification: Diversification::None,
};
pub(super) const SCP02_ENC: Kind = Kind {
    level: 0x03,
    ..SCP02_MAC
};
pub(super) const SCP03_ALL: Kind = Kind {
    protocol: 3,
    option: 0x00,
    level: 0x33,
    diversification: Diversification::None,
};

/// A card that has keys of its own.
pub(super) const SCP03_OF_CARD: Kind = Kind {
    diversification: Diversification::Kdf3,
    ..SCP03_ALL
};

/// An open channel of the HSM, and the same channel as the standards' functions make it.
pub(super) struct Opened {
    pub(super) channel: ChannelId,
    pub(super) host: Channel,
    pub(super) card: CardKeys,
    pub(super) challenge: [u8; 8],
    pub(super) external: Vec<u8>,
}

pub(super) fn spec(kind: Kind, key: KeyHandle) -> ChannelSpec {
    ChannelSpec {
        protocol: kind.protocol,
        option: kind.option,
        security_level: kind.level,
        key,
        diversification: kind.diversification,
        key_version: 1,
        counts_data_only: false,
    }
}

pub(super) fn master(kind: Kind) -> &'static str {
    match kind.protocol {
        2 => "kmc",
        _ => "kmc_aes",
    }
}

/// The card's keys of a kind.
fn card_keys(b: &Bench<'_>, kind: Kind) -> Result<CardKeys, Stop> {
    let octets = b.values.keys.get(master(kind)).map(|k| k.value.as_slice());
    let octets = octets.unwrap_or_default();
    let method = match kind.diversification {
        Diversification::Emv => diversify::Diversification::Emv,
        Diversification::Visa2 => diversify::Diversification::Visa2,
        Diversification::Visa => diversify::Diversification::Visa,
        Diversification::Kdf3 => diversify::Diversification::Kdf3,
        Diversification::None => diversify::Diversification::None,
    };
    diversify(method, octets, &KEY_DATA).map_err(reference)
}

/// The card's answer to INITIALIZE UPDATE, with its status word.
fn answer(kind: Kind, card: &CardKeys, challenge: [u8; 8]) -> Result<Vec<u8>, Stop> {
    let mut answer = KEY_DATA.to_vec();
    match kind.protocol {
        2 => {
            let keys = scp02::SessionKeys::derive(card, SEQUENCE).map_err(reference)?;
            let enc = TdesKey::new(keys.enc.expose()).map_err(reference)?;
            answer.extend_from_slice(&[0x01, 0x02]);
            answer.extend_from_slice(&SEQUENCE);
            answer.extend_from_slice(&CHALLENGE_02);
            let cryptogram = scp02::card_cryptogram(&enc, challenge, SEQUENCE, CHALLENGE_02);
            answer.extend_from_slice(&cryptogram);
        }
        _ => {
            let keys =
                scp03::SessionKeys::derive(card, challenge, CHALLENGE_03).map_err(reference)?;
            let mac = AesKey::new(keys.mac.expose()).map_err(reference)?;
            answer.extend_from_slice(&[0x01, 0x03, kind.option]);
            answer.extend_from_slice(&CHALLENGE_03);
            let cryptogram = scp03::card_cryptogram(&mac, challenge, CHALLENGE_03);
            answer.extend_from_slice(&cryptogram.map_err(reference)?);
        }
    }
    answer.extend_from_slice(&[0x90, 0x00]);
    Ok(answer)
}

/// Starts a channel: its number, the host's challenge, and the card's answer.
fn started(b: &mut Bench<'_>, kind: Kind) -> Result<(ChannelId, [u8; 8], Vec<u8>), Stop> {
    let key = b.key(master(kind))?;
    let (channel, command) = ask!(b.begin_channel(&spec(kind, key), &draw(1, "channel")));
    let head = [0x80, 0x50, 0x01, 0x00, 0x08];
    equal(
        "INITIALIZE UPDATE",
        command.get(..5).unwrap_or_default(),
        &head,
    )?;
    let challenge = command.get(5..13).and_then(|c| c.try_into().ok());
    let challenge = challenge.ok_or_else(|| Stop::Wrong("no challenge of 8 octets".to_owned()))?;
    let card = card_keys(b, kind)?;
    Ok((channel, challenge, answer(kind, &card, challenge)?))
}

/// Opens a channel of the HSM and its twin.
pub(super) fn opened(b: &mut Bench<'_>, kind: Kind) -> Result<Opened, Stop> {
    let (channel, challenge, answer) = started(b, kind)?;
    let external = ask!(b.authenticate_channel(channel, &answer));
    let card = card_keys(b, kind)?;
    let parsed = Answer::parse(&answer).map_err(reference)?;
    let (host, expected) =
        Channel::open(&card, kind.option, kind.level, challenge, &parsed).map_err(reference)?;
    equal("EXTERNAL AUTHENTICATE", &external, &expected)?;
    Ok(Opened {
        channel,
        host,
        card,
        challenge,
        external,
    })
}

/// The card challenge of a kind, for who plays the card.
pub(super) fn card_challenge() -> [u8; 8] {
    CHALLENGE_03
}

/// An HSM that says before a job that it can must be able to.
fn check(b: &mut Bench<'_>) -> Checked {
    for kind in [SCP02_MAC, SCP02_ENC, SCP03_ALL, SCP03_OF_CARD] {
        let key = b.key(master(kind))?;
        ask!(b.check_channel(&spec(kind, key), &[]));
        let open = opened(b, kind)?;
        b.session.close_channel(open.channel);
    }
    Ok(())
}

fn begin(b: &mut Bench<'_>) -> Checked {
    let (channel, first, _) = started(b, SCP02_MAC)?;
    b.session.close_channel(channel);
    let key = b.key("kmc")?;
    let other = draw(2, "channel");
    let (channel, command) = ask!(b.begin_channel(&spec(SCP02_MAC, key), &other));
    b.session.close_channel(channel);
    let challenge = command.get(5..13).unwrap_or_default();
    holds(challenge != first, "one challenge for two cards")
}

fn begin_bad(b: &mut Bench<'_>) -> Checked {
    let label = draw(1, "channel");
    let (tk, kmc) = (b.key("tk")?, b.key("kmc")?);
    refuse!(
        b.begin_channel(&spec(SCP02_MAC, tk), &label),
        "a key of another use"
    );
    refuse!(
        b.begin_channel(&spec(SCP03_ALL, kmc), &label),
        "triple DES for SCP03"
    );
    let nowhere = spec(SCP02_MAC, KeyHandle(u32::MAX - 9));
    refuse!(b.begin_channel(&nowhere, &label), "an unknown handle");
    let unknown = Kind {
        protocol: 9,
        ..SCP02_MAC
    };
    refuse!(
        b.begin_channel(&spec(unknown, kmc), &label),
        "an unknown protocol"
    );
    Ok(())
}

fn scp02(b: &mut Bench<'_>) -> Checked {
    for diversification in [
        Diversification::None,
        Diversification::Emv,
        Diversification::Visa2,
        Diversification::Visa,
    ] {
        for level in [0x01, 0x03] {
            let kind = Kind {
                diversification,
                level,
                ..SCP02_MAC
            };
            let open = opened(b, kind)?;
            b.session.close_channel(open.channel);
        }
    }
    Ok(())
}

fn scp03(b: &mut Bench<'_>) -> Checked {
    for diversification in [Diversification::None, Diversification::Kdf3] {
        for level in [0x01, 0x03, 0x11, 0x33] {
            let kind = Kind {
                diversification,
                level,
                ..SCP03_ALL
            };
            let open = opened(b, kind)?;
            b.session.close_channel(open.channel);
        }
    }
    Ok(())
}

fn wrong_card(b: &mut Bench<'_>) -> Checked {
    // Key version, protocol, sequence, challenge, cryptogram, status word.
    for place in [10, 11, 13, 15, 20, 27, 28] {
        let (channel, _, mut answer) = started(b, SCP02_MAC)?;
        if let Some(octet) = answer.get_mut(place) {
            *octet ^= 0x01;
        }
        refuse!(b.authenticate_channel(channel, &answer), "a wrong card");
        b.session.close_channel(channel);
    }
    for length in [0, 2, 27, 29] {
        let (channel, _, answer) = started(b, SCP02_MAC)?;
        let part = answer.get(..length).unwrap_or_default();
        refuse!(b.authenticate_channel(channel, part), "a cut answer");
        b.session.close_channel(channel);
    }
    Ok(())
}

fn once(b: &mut Bench<'_>) -> Checked {
    let (channel, _, right) = started(b, SCP02_MAC)?;
    let mut wrong = right.clone();
    if let Some(octet) = wrong.get_mut(22) {
        *octet ^= 1;
    }
    refuse!(b.authenticate_channel(channel, &wrong), "a wrong card");
    refuse!(
        b.authenticate_channel(channel, &right),
        "a second try in one channel"
    );
    Ok(())
}

fn closed(b: &mut Bench<'_>) -> Checked {
    let open = opened(b, SCP02_ENC)?;
    let sealed = super::sealed::reference_block(b)?;
    let command = [0x80, 0xE2, 0x00, 0x00, 0x01, 0x42];
    ask!(b.wrap(open.channel, &command));
    b.session.close_channel(open.channel);
    let header = [0x80, 0xE2, 0x00, 0x00];
    refuse!(b.wrap(open.channel, &command), "a closed channel");
    refuse!(b.unwrap(open.channel, &[0x90, 0x00]), "a closed channel");
    let none = cardwright_ports::hsm::DekPadding::None;
    refuse!(b.recode(open.channel, &sealed, none), "a closed channel");
    refuse!(
        b.wrap_sealed(open.channel, header, &sealed),
        "a closed channel"
    );
    // Closing once more does nothing.
    b.session.close_channel(open.channel);
    Ok(())
}

fn unknown(b: &mut Bench<'_>) -> Checked {
    let command = [0x80, 0xE2, 0x00, 0x00, 0x01, 0x42];
    let nowhere = ChannelId(u32::MAX - 3);
    refuse!(b.wrap(nowhere, &command), "an unknown channel");
    refuse!(b.unwrap(nowhere, &[0x90, 0x00]), "an unknown channel");
    refuse!(
        b.authenticate_channel(nowhere, &[0x90, 0x00]),
        "an unknown channel"
    );
    let (channel, _, _) = started(b, SCP02_MAC)?;
    refuse!(
        b.wrap(channel, &command),
        "a card that did not authenticate"
    );
    b.session.close_channel(channel);
    Ok(())
}
