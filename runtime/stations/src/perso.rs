//! Personalization: card data goes to a chip by EMV CPS over a GlobalPlatform channel.
//!
//! For each application: SELECT, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, STORE DATA … with the
//! last one marked. Everything that needs a key happens inside the HSM.

use crate::{StationError, content::Manager, script::Stage, transport};
use cardwright_bundle::{Application, Channel, Chip, Padding};
use cardwright_ports::{
    CardChannel, HsmSession,
    hsm::{ChannelId, ChannelSpec, DekPadding, Diversification, Draw},
};
use cardwright_runtime::{
    Loaded,
    datagen::{ApplicationData, CardData, DgiValue},
    plan::BoundKeys,
};
use std::borrow::Cow;

/// Data and status word of a short APDU (ISO/IEC 7816-3, 12.1.1).
const ANSWER_OCTETS_MAX: usize = 258;

/// What was sent to a chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PersoCount {
    /// Command APDUs.
    pub commands: u32,
    /// Octets of command data.
    pub octets: u32,
}

/// Personalizes a chip.
pub fn personalize(
    loaded: &Loaded,
    chip: &Chip,
    keys: &BoundKeys,
    data: &CardData,
    session: &mut dyn HsmSession,
    card: &mut dyn CardChannel,
    draw: &Draw<'_>,
) -> Result<PersoCount, StationError> {
    let spec = chip
        .channel
        .as_ref()
        .map(|channel| channel_spec(chip, channel, keys));
    let spec = spec.transpose()?;
    let mut count = PersoCount::default();
    card.reset()?;
    let step = |purpose| Draw { purpose, ..*draw };
    let mut manager = Manager {
        loaded,
        keys,
        session,
        card,
        count: &mut count,
    };
    manager.before(chip, data, &step("host challenge content"))?;
    for application in &chip.applications {
        let Some(made) = data.of(application)? else {
            continue;
        };
        let purpose = format!("host challenge {}", application.name);
        let draw = Draw {
            purpose: &purpose,
            ..*draw
        };
        let target = Target {
            loaded,
            application,
            data: made,
            keys,
        };
        let (session, card) = (&mut *manager.session, &mut *manager.card);
        match &spec {
            Some(spec) if application.script.as_ref().is_none_or(|s| s.secured) => {
                store_application(spec, &target, session, card, &draw, manager.count)?;
            }
            _ => run_script(&target, None, session, card, manager.count)?,
        }
    }
    manager.after(chip, &step("host challenge close up"))?;
    Ok(count)
}

/// A diversification by its name.
pub(crate) fn diversification(name: &str) -> Result<Diversification, StationError> {
    Ok(match name {
        "emv" => Diversification::Emv,
        "visa2" => Diversification::Visa2,
        "visa" => Diversification::Visa,
        "kdf3" => Diversification::Kdf3,
        "none" => Diversification::None,
        _ => {
            return Err(StationError::new(
                "R1101",
                "a key diversification that this runtime does not know",
                "build the bundle again",
            ));
        }
    })
}

/// What is to be written, and with which keys.
struct Target<'t> {
    loaded: &'t Loaded,
    application: &'t Application,
    data: &'t ApplicationData,
    keys: &'t BoundKeys,
}

/// Runs an application's script, in a channel or without one.
fn run_script(
    target: &Target<'_>,
    channel: Option<ChannelId>,
    session: &mut dyn HsmSession,
    card: &mut dyn CardChannel,
    count: &mut PersoCount,
) -> Result<(), StationError> {
    let script = target.application.script.as_ref();
    let both = script.zip(target.data.script.as_ref());
    let (script, data) = both.ok_or_else(|| no_data(&target.application.name))?;
    let mut stage = Stage {
        loaded: target.loaded,
        keys: target.keys,
        session,
        card,
        channel,
        count,
        signatures: std::collections::BTreeMap::new(),
    };
    stage.run(script, data)
}

fn no_data(application: &str) -> StationError {
    StationError::new(
        "R1101",
        format!("no data for application `{application}`"),
        "make the card's data again",
    )
}

/// The channel of a chip as the HSM wants it.
pub fn channel_spec(
    chip: &Chip,
    channel: &Channel,
    keys: &BoundKeys,
) -> Result<ChannelSpec, StationError> {
    let unknown = |what: &str| StationError::new("R1101", what, "build the bundle again");
    Ok(ChannelSpec {
        protocol: match channel.protocol.as_str() {
            "scp02" => 2,
            "scp03" => 3,
            _ => {
                return Err(unknown(
                    "a channel protocol that this runtime does not speak",
                ));
            }
        },
        option: channel.option,
        security_level: channel.security_level,
        key: keys.get(channel.key)?,
        diversification: diversification(&channel.diversification)?,
        key_version: channel.key_version,
        counts_data_only: chip.applications.iter().any(|a| has(a, "counts_data_only")),
    })
}

fn store_application(
    spec: &ChannelSpec,
    target: &Target<'_>,
    session: &mut dyn HsmSession,
    card: &mut dyn CardChannel,
    draw: &Draw<'_>,
    count: &mut PersoCount,
) -> Result<(), StationError> {
    let Target {
        application, data, ..
    } = *target;
    let aid = hex::decode(&application.aid).map_err(|_| no_data(&application.name))?;
    let mut select = vec![0x00, 0xA4, 0x04, 0x00];
    select.push(u8::try_from(aid.len()).map_err(|_| no_data(&application.name))?);
    select.extend_from_slice(&aid);
    select.push(0x00);
    let name = &application.name;
    expect_ok(&send(card, &select, count)?, name, "SELECT")?;
    let (channel, initialize) = session.begin_channel(spec, draw)?;
    let result = (|| {
        let answer = send(card, &initialize, count)?;
        let authenticate = session.authenticate_channel(channel, &answer)?;
        expect_ok(
            &send(card, &authenticate, count)?,
            name,
            "EXTERNAL AUTHENTICATE",
        )?;
        if application.script.is_some() {
            return run_script(target, Some(channel), session, card, count);
        }
        let quirks = Habits::of(application);
        let blocks = blocks(spec, application, data, channel, session)?;
        for (number, block) in blocks.iter().enumerate() {
            let last = number + 1 == blocks.len();
            let command = store_data(block, number, last, &quirks)?;
            let mut wrapped = session.wrap(channel, &command)?;
            if quirks.le_required {
                wrapped.push(0x00);
            }
            let answer = send(card, &wrapped, count)?;
            let answer = session.unwrap(channel, &answer)?;
            expect_ok(
                &answer,
                name,
                &format!("STORE DATA of DGI {}", block.title()),
            )?;
        }
        Ok(())
    })();
    session.close_channel(channel);
    result
}

/// What a card product does otherwise than the standards, as far as the host must know.
struct Habits {
    ber_lengths: bool,
    block_number_per_dgi: bool,
    block_number_zero: bool,
    last_on_every_dgi: bool,
    le_required: bool,
    short_commands: bool,
    /// Check values go as they are in commands that say that they are enciphered.
    clear_check_values: bool,
}

/// Check values of an application's keys (EMV CPS).
const CHECK_VALUES: u16 = 0x9000;

fn has(application: &Application, name: &str) -> bool {
    application.quirks.iter().any(|(quirk, _)| quirk == name)
}

impl Habits {
    fn of(application: &Application) -> Self {
        let has = |name| has(application, name);
        Self {
            ber_lengths: has("ber_dgi_lengths"),
            block_number_per_dgi: has("block_number_per_dgi"),
            block_number_zero: has("block_number_zero"),
            last_on_every_dgi: has("last_block_on_every_dgi"),
            le_required: has("le_required"),
            short_commands: has("commands_of_128"),
            clear_check_values: has("clear_check_values"),
        }
    }
}

/// The data field of one STORE DATA.
struct Block {
    data: Vec<u8>,
    encrypted: bool,
    first: u16,
    /// Number of the command among those of its DGI.
    part: usize,
    /// Whether its last DGI ends in it.
    whole: bool,
}

impl Block {
    fn title(&self) -> String {
        format!("{:04X}", self.first)
    }
}

/// Most clear octets of a STORE DATA: short APDU, less C-MAC, less padding where the data is
/// enciphered (EMV CPS 2.0; GlobalPlatform 2.3.1 E.3, Amendment D 6.2).
fn room(spec: &ChannelSpec, habits: &Habits) -> usize {
    let most = if habits.short_commands { 128 } else { 255 };
    match (spec.security_level & 0x03, spec.protocol) {
        (0x00, _) => most,
        (0x01, _) => most - 8,
        // Whole cipher blocks with at least one octet of padding, and the C-MAC behind them.
        (_, 2) => (most - 8) / 8 * 8 - 1,
        _ => (most - 8) / 16 * 16 - 1,
    }
}

/// Lays DGIs out over commands. A DGI that does not fit goes on in the next command without a
/// header; small neighbours share a command when the card allows it and both travel alike; one
/// that is joined to the one before has to fit beside it.
fn blocks(
    spec: &ChannelSpec,
    application: &Application,
    data: &ApplicationData,
    channel: ChannelId,
    session: &mut dyn HsmSession,
) -> Result<Vec<Block>, StationError> {
    let habits = Habits::of(application);
    let room = room(spec, &habits);
    let mut blocks: Vec<Block> = Vec::new();
    let secret = data.dgis.iter().filter_map(|dgi| {
        let sealed = dgi.sealed()?;
        Some((sealed, dek_padding(dgi.padding)))
    });
    let secret: Vec<_> = secret.collect();
    let mut recoded = match secret.as_slice() {
        [] => Vec::new(),
        some => session.recode_all(channel, some)?,
    }
    .into_iter();
    for dgi in &data.dgis {
        let value = match &dgi.value {
            DgiValue::Clear(value) => Cow::Borrowed(value.as_slice()),
            DgiValue::Sealed(..) => {
                Cow::Owned(recoded.next().ok_or_else(|| no_data("sealed DGI"))?)
            }
        };
        let coded = code_dgi(dgi.number, &value, &habits)?;
        let encrypted = matches!(dgi.value, DgiValue::Sealed(..))
            || (habits.clear_check_values && dgi.number == CHECK_VALUES);
        let shares = (application.pack && !habits.last_on_every_dgi) || dgi.joined;
        let fits = |open: &&mut Block| {
            shares && open.encrypted == encrypted && open.data.len() + coded.len() <= room
        };
        if let Some(open) = blocks.last_mut().filter(fits) {
            open.data.extend_from_slice(&coded);
            continue;
        }
        if dgi.joined {
            return Err(StationError::new(
                "R1212",
                format!(
                    "DGI {:04X} does not fit into the command of the one before",
                    dgi.number
                ),
                "shorten it, or take it out of its group",
            ));
        }
        let parts = coded.chunks(room).count();
        for (part, octets) in coded.chunks(room).enumerate() {
            blocks.push(Block {
                data: octets.to_vec(),
                encrypted,
                first: dgi.number,
                part,
                whole: part + 1 == parts,
            });
        }
    }
    if blocks.len() > 256 {
        return Err(StationError::new(
            "R1101",
            "more than 256 STORE DATA commands for one application",
            "let small DGIs share a command (`pack`)",
        ));
    }
    Ok(blocks)
}

/// `DGI | length | value`; the length is one octet, or FF and two (EMV CPS 2.0, not BER; some card
/// products take BER all the same).
fn code_dgi(number: u16, value: &[u8], habits: &Habits) -> Result<Vec<u8>, StationError> {
    let length = u16::try_from(value.len()).map_err(|_| no_data("a DGI too long"))?;
    let [high, low] = length.to_be_bytes();
    let mut coded = number.to_be_bytes().to_vec();
    match (habits.ber_lengths, length) {
        (true, 0..=0x7F) | (false, 0..=0xFE) => coded.push(low),
        (true, 0x80..=0xFF) => coded.extend_from_slice(&[0x81, low]),
        (true, _) => coded.extend_from_slice(&[0x82, high, low]),
        (false, _) => coded.extend_from_slice(&[0xFF, high, low]),
    }
    coded.extend_from_slice(value);
    Ok(coded)
}

/// Padding as the HSM names it.
pub(crate) fn dek_padding(padding: Padding) -> DekPadding {
    match padding {
        Padding::None => DekPadding::None,
        Padding::Iso7816Always => DekPadding::Iso7816Always,
        Padding::Iso7816IfNeeded => DekPadding::Iso7816IfNeeded,
        Padding::Pkcs7 => DekPadding::Pkcs7,
        Padding::Zeros => DekPadding::Zeros,
    }
}

/// STORE DATA: P1 b8 last, b7 b6 encryption (11 all, 00 none); P2 the block's number.
fn store_data(
    block: &Block,
    number: usize,
    last: bool,
    habits: &Habits,
) -> Result<Vec<u8>, StationError> {
    let last = last || (habits.last_on_every_dgi && block.whole);
    let p1 = if last { 0x80 } else { 0x00 } | if block.encrypted { 0x60 } else { 0x00 };
    let number = match habits {
        Habits {
            block_number_zero: true,
            ..
        } => 0,
        Habits {
            block_number_per_dgi: true,
            ..
        } => block.part,
        _ => number,
    };
    let p2 = u8::try_from(number).map_err(|_| no_data("too many commands"))?;
    let length = u8::try_from(block.data.len()).map_err(|_| no_data("a command too long"))?;
    let mut command = vec![0x80, 0xE2, p1, p2, length];
    command.extend_from_slice(&block.data);
    Ok(command)
}

/// Sends a command and counts it.
pub(crate) fn send(
    card: &mut dyn CardChannel,
    command: &[u8],
    count: &mut PersoCount,
) -> Result<Vec<u8>, StationError> {
    count.commands += 1;
    count.octets += u32::try_from(command.len()).unwrap_or(u32::MAX);
    let (answer, more) = transport::exchange(card, command)?;
    count.commands += more;
    if !(2..=ANSWER_OCTETS_MAX).contains(&answer.len()) {
        return Err(StationError::new(
            "R1211",
            format!("the card answers with {} octets", answer.len()),
            "the card is rejected; an answer has 2 to 258 octets; look at the reader",
        ));
    }
    Ok(answer)
}

fn expect_ok(answer: &[u8], application: &str, what: &str) -> Result<(), StationError> {
    match answer {
        [.., 0x90, 0x00] => Ok(()),
        [.., a, b] => Err(StationError::new(
            "R1210",
            format!("`{application}`: the card answers {what} with {a:02X}{b:02X}"),
            "see the status word's meaning with `cardwright explain`; the card is rejected",
        )),
        _ => Err(StationError::new(
            "R1211",
            format!("`{application}`: the card answers {what} with less than a status word"),
            "the card is rejected",
        )),
    }
}
