//! The issuer security domain and the channel commands (GlobalPlatform 2.3.1, clause 11).

use crate::apdu::{Answer, Command, sw};
use crate::blank::Protocol;
use crate::card::{Selected, VirtualCard};
use crate::channel::{Handshake, Session};
use crate::{scp02, scp03, tlv};

/// Failed authentications in a row that end the card's channels for good.
const FAILURES_MAX: u8 = 10;
/// SCP02 option bit 7: the card challenge is pseudo-random.
const SCP02_PSEUDO_RANDOM: u8 = 0x40;

/// FCI proprietary template: longest data field of a command.
pub(crate) fn proprietary_template() -> Vec<u8> {
    tlv::write(0xA5, &tlv::write(0x9F65, &[0xFF]))
}

/// INITIALIZE UPDATE: card challenge and cryptogram.
pub(crate) fn initialize_update(card: &mut VirtualCard, command: &Command) -> Answer {
    card.close_channel();
    if command.p2 != 0 {
        return Err(sw::WRONG_P1P2);
    }
    let host: [u8; 8] = command
        .data
        .as_slice()
        .try_into()
        .map_err(|_| sw::WRONG_LENGTH)?;
    let versions_known = !card.platform.quirks.default_key_version_only;
    let known = versions_known && command.p1 == card.platform.key_version;
    if command.p1 != 0 && !known {
        return Err(sw::NO_DATA);
    }
    if card.platform.blocked {
        return Err(sw::CONDITIONS);
    }
    if card.platform.failures >= FAILURES_MAX {
        return Err(sw::METHOD_BLOCKED);
    }
    let platform = &card.platform;
    let mut answer = platform.key_data.to_vec();
    answer.push(platform.key_version);
    let (session, rest, host_cryptogram) = match platform.protocol {
        Protocol::Scp02 { option } => open_scp02(card, option, &host)?,
        Protocol::Scp03 { option } => open_scp03(card, option, &host)?,
    };
    answer.extend_from_slice(&rest);
    card.volatile.handshake = Some(Handshake {
        session,
        host_cryptogram,
    });
    Ok(answer)
}

/// Session, the protocol's part of the answer, and the host cryptogram that is now awaited.
type Opened = (Session, Vec<u8>, [u8; 8]);

fn open_scp02(card: &mut VirtualCard, option: u8, host: &[u8]) -> Result<Opened, u16> {
    // The counter moves on with each channel that is opened; when it is used up, none is.
    let sequence = u16::try_from(card.platform.sequence)
        .ok()
        .filter(|s| *s != u16::MAX)
        .ok_or(sw::CONDITIONS)?;
    let session =
        scp02::Session::derive(&card.platform.keys, sequence, option).ok_or(sw::CONDITIONS)?;
    let challenge = match card.fixed_challenge() {
        Some(fixed) => fixed.to_vec(),
        None if option & SCP02_PSEUDO_RANDOM != 0 => session
            .pseudo_random_challenge(card.selected_aid())
            .ok_or(sw::CONDITIONS)?,
        None => card.platform.entropy.draw().into_iter().take(6).collect(),
    };
    let public = [&sequence.to_be_bytes()[..], &challenge].concat();
    let (mine, theirs) = session.cryptograms(host, &public).ok_or(sw::CONDITIONS)?;
    let answer = [&[0x02], &public[..], &mine].concat();
    Ok((Session::Scp02(session), answer, theirs))
}

fn open_scp03(card: &mut VirtualCard, option: u8, host: &[u8]) -> Result<Opened, u16> {
    let pseudo_random = option & scp03::PSEUDO_RANDOM != 0;
    let mut counter = [0; 3];
    if pseudo_random {
        let next = card.platform.sequence.saturating_add(1);
        let [0, a, b, c] = next.to_be_bytes() else {
            return Err(sw::CONDITIONS);
        };
        counter = [a, b, c];
        card.platform.sequence = next;
    }
    let keys = &card.platform.keys;
    let challenge = match card.fixed_challenge() {
        Some(fixed) => fixed.to_vec(),
        None if pseudo_random => scp03::pseudo_random_challenge(keys, counter, card.selected_aid())
            .ok_or(sw::CONDITIONS)?,
        None => card.platform.entropy.draw().to_vec(),
    };
    let platform = &card.platform;
    let data_only = platform.quirks.counts_data_only;
    let session = scp03::Session::derive(&platform.keys, host, &challenge, data_only)
        .ok_or(sw::CONDITIONS)?;
    let (mine, theirs) = session
        .cryptograms(host, &challenge)
        .ok_or(sw::CONDITIONS)?;
    let mut answer = [&[0x03, option], &challenge[..], &mine].concat();
    if pseudo_random {
        answer.extend_from_slice(&counter);
    }
    Ok((Session::Scp03(session), answer, theirs))
}

/// EXTERNAL AUTHENTICATE: opens the channel at the level that P1 asks for.
pub(crate) fn external_authenticate(card: &mut VirtualCard, command: Command) -> Answer {
    let handshake = card.volatile.handshake.take();
    card.close_channel();
    let handshake = handshake.ok_or(sw::CONDITIONS)?;
    if !card.platform.protocol.allows(command.p1) || command.p2 != 0 {
        return Err(sw::WRONG_P1P2);
    }
    if command.data.len() != 16 {
        return Err(sw::WRONG_LENGTH);
    }
    // Counted before it is checked, so that pulling the card out does not give a free try.
    card.platform.failures = card.platform.failures.saturating_add(1);
    let channel = handshake.authenticate(command)?;
    card.platform.failures = 0;
    if matches!(card.platform.protocol, Protocol::Scp02 { .. }) {
        card.platform.sequence += 1;
    }
    card.volatile.channel = Some(channel);
    Ok(Vec::new())
}

/// Other commands to the issuer domain.
pub(crate) fn execute(card: &mut VirtualCard, command: &Command, secured: bool) -> Answer {
    match (command.cla, command.ins) {
        (0x00 | 0x80, 0xCA) => get_data(card, command),
        (0x80, 0xE6) if secured => install(card, command),
        // Content management asks for a channel.
        (0x80, 0xE4 | 0xE8 | 0xD8 | 0xF0 | 0xF2) if !secured => Err(sw::SECURITY),
        (0x80 | 0x84, 0xE6) | (0x84, 0xCA) => Err(sw::SECURITY),
        (_, 0x50 | 0x82 | 0xA4 | 0xCA | 0xE2 | 0xE6) => Err(sw::WRONG_CLA),
        _ => Err(sw::WRONG_INS),
    }
}

/// GET DATA: life cycle data, card data, key information, key data and sequence counter.
fn get_data(card: &VirtualCard, command: &Command) -> Answer {
    if !command.data.is_empty() {
        return Err(sw::WRONG_LENGTH);
    }
    let platform = &card.platform;
    let tag = u32::from(u16::from_be_bytes([command.p1, command.p2]));
    match tag {
        0x0066 => Ok(tlv::write(tag, &card_recognition_data(platform.protocol))),
        0x00C1 => {
            let octets = platform.sequence.to_be_bytes();
            let length = match platform.protocol {
                Protocol::Scp02 { .. } => 2,
                Protocol::Scp03 { .. } => 3,
            };
            Ok(tlv::write(
                tag,
                octets.get(4 - length..).unwrap_or_default(),
            ))
        }
        0x00CF => Ok(tlv::write(tag, &platform.key_data)),
        0x00E0 => Ok(tlv::write(tag, &key_information(card))),
        0x0042 | 0x0045 => {
            let kept = platform.domain_data.get(&tag).ok_or(sw::NO_DATA)?;
            Ok(tlv::write(tag, kept))
        }
        0x9F7F => Ok(tlv::write(tag, &platform.cplc)),
        _ => Err(sw::NO_DATA),
    }
}

/// Card recognition data (GlobalPlatform 2.3.1, H.2): framework, version and channel protocol.
fn card_recognition_data(protocol: Protocol) -> Vec<u8> {
    // 1.2.840.114283 is GlobalPlatform's arc.
    const ARC: [u8; 7] = [0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 0x00];
    let arc = |tail: &[u8]| tlv::write(0x06, &[ARC.get(..6).unwrap_or_default(), tail].concat());
    let (number, option) = match protocol {
        Protocol::Scp02 { option } => (2, option),
        Protocol::Scp03 { option } => (3, option),
    };
    let inside = [
        arc(&[0x01]),
        tlv::write(0x60, &arc(&[0x02, 0x02, 0x03, 0x01])),
        tlv::write(0x63, &arc(&[0x03])),
        tlv::write(0x64, &arc(&[0x04, number, option])),
    ]
    .concat();
    tlv::write(0x73, &inside)
}

/// Key information template: one `C0` a key with identifier, version, type and length.
fn key_information(card: &VirtualCard) -> Vec<u8> {
    let platform = &card.platform;
    let kind = match platform.protocol {
        Protocol::Scp02 { .. } => 0x80,
        Protocol::Scp03 { .. } => 0x88,
    };
    let length = u8::try_from(platform.keys.enc.len()).unwrap_or_default();
    [1, 2, 3]
        .iter()
        .flat_map(|id| tlv::write(0xC0, &[*id, platform.key_version, kind, length]))
        .collect()
}

/// INSTALL [for personalization]: names the application that STORE DATA goes to.
fn install(card: &mut VirtualCard, command: &Command) -> Answer {
    if (command.p1, command.p2) != (0x20, 0x00) {
        return Err(sw::WRONG_P1P2);
    }
    let [0, 0, length, rest @ ..] = command.data.as_slice() else {
        return Err(sw::WRONG_DATA);
    };
    let (aid, tail) = rest
        .split_at_checked(usize::from(*length))
        .ok_or(sw::WRONG_DATA)?;
    if tail != [0, 0, 0] {
        return Err(sw::WRONG_DATA);
    }
    let index = card
        .applications
        .iter()
        .position(|a| a.aid == aid)
        .ok_or(sw::NO_DATA)?;
    debug_assert_eq!(card.volatile.selected, Selected::Domain);
    card.volatile.target = Some(index);
    card.volatile.stream = crate::personalize::Stream::default();
    Ok(Vec::new())
}
