//! Scripts: a card is personalized command by command, as its maker's manual says.
//!
//! The loader has bounded everything; here the card is the stranger. What it answers is taken only
//! in the lengths that the script declares, and never shown.

use crate::{
    StationError,
    perso::{PersoCount, dek_padding, send},
};
use cardwright_bundle::{Otherwise, Script, ScriptCommand, ScriptPart, Split};
use cardwright_ports::{CardChannel, HsmSession, hsm::ChannelId};
use cardwright_runtime::{
    datagen::{DgiValue, ScriptData},
    plan::BoundKeys,
};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// A card under a script.
pub(crate) struct Stage<'s> {
    pub(crate) keys: &'s BoundKeys,
    pub(crate) session: &'s mut dyn HsmSession,
    pub(crate) card: &'s mut dyn CardChannel,
    /// Open channel, for a secured script.
    pub(crate) channel: Option<ChannelId>,
    pub(crate) count: &'s mut PersoCount,
}

type Variables = BTreeMap<String, Zeroizing<Vec<u8>>>;

impl Stage<'_> {
    /// Runs a script to its end or to the first command that fails.
    pub(crate) fn run(&mut self, script: &Script, data: &ScriptData) -> Result<(), StationError> {
        let mut variables = Variables::new();
        for (at, command) in script.commands.iter().enumerate() {
            let values = data.commands.get(at).map_or(&[][..], Vec::as_slice);
            self.command(script, command, values, &mut variables)?;
        }
        Ok(())
    }

    fn command(
        &mut self,
        script: &Script,
        command: &ScriptCommand,
        values: &[Option<DgiValue>],
        variables: &mut Variables,
    ) -> Result<(), StationError> {
        let data = self.data(command, values, variables)?;
        let mut tries = match command.otherwise {
            Otherwise::Retry { times } => times,
            _ => 0,
        };
        loop {
            let (answer, status) = self.exchange(command, &data)?;
            if command.expect.iter().any(|words| words.has(status)) {
                return capture(script, command, &answer, variables);
            }
            match command.otherwise {
                Otherwise::Next => return Ok(()),
                Otherwise::Retry { .. } if tries > 0 => tries -= 1,
                _ => return Err(unexpected(script, command, status)),
            }
        }
    }

    /// The command's data: what the order, the card and the HSM give, one after another.
    fn data(
        &mut self,
        command: &ScriptCommand,
        values: &[Option<DgiValue>],
        variables: &Variables,
    ) -> Result<Zeroizing<Vec<u8>>, StationError> {
        let mut data = Zeroizing::new(Vec::new());
        for (part, value) in command.parts.iter().zip(values) {
            match (part, value) {
                (ScriptPart::Value { .. }, Some(DgiValue::Clear(octets))) => {
                    data.extend_from_slice(octets);
                }
                (ScriptPart::Variable { name }, _) => {
                    let octets = variables.get(name).ok_or_else(|| {
                        StationError::new(
                            "R1214",
                            format!(
                                "`{}` needs `{name}`, which the card never gave",
                                command.title
                            ),
                            "the command that captures it was passed over; the card is rejected",
                        )
                    })?;
                    data.extend_from_slice(octets);
                }
                (ScriptPart::Secret { under, padding, .. }, Some(value)) => {
                    let sealed = value.sealed().ok_or_else(|| no_value(command))?;
                    let octets = match (under, self.channel) {
                        (Some(key), _) => {
                            let key = self.keys.get(*key)?;
                            self.session
                                .encipher_for_card(&sealed, key, dek_padding(*padding))?
                        }
                        (None, Some(channel)) => {
                            self.session
                                .recode(channel, &sealed, dek_padding(*padding))?
                        }
                        (None, None) => return Err(no_value(command)),
                    };
                    data.extend_from_slice(&octets);
                }
                _ => return Err(no_value(command)),
            }
        }
        Ok(data)
    }

    /// Sends a command, in pieces where it is split; the last piece's answer counts.
    fn exchange(
        &mut self,
        command: &ScriptCommand,
        data: &[u8],
    ) -> Result<(Vec<u8>, u16), StationError> {
        let header = hex::decode(&command.header).unwrap_or_default();
        let &[cla, ins, p1, p2] = header.as_slice() else {
            return Err(no_value(command));
        };
        let most = match command.split {
            Some(Split::Offset { octets } | Split::Chain { octets }) => usize::from(octets),
            None => 255,
        };
        if data.len() > most && command.split.is_none() {
            return Err(StationError::new(
                "R1213",
                format!("`{}` has more than 255 octets of data", command.title),
                "split it: `split = offset(200)` or `split = chain(255)`",
            ));
        }
        let pieces: Vec<&[u8]> = match data {
            [] => vec![&[][..]],
            data => data.chunks(most).collect(),
        };
        let mut sent = 0usize;
        let count = pieces.len();
        for (at, piece) in pieces.into_iter().enumerate() {
            let last = at + 1 == count;
            let mut header = [cla, ins, p1, p2];
            match command.split {
                Some(Split::Offset { .. }) => {
                    let place = usize::from(u16::from_be_bytes([p1, p2])) + sent;
                    let place = u16::try_from(place).map_err(|_| no_value(command))?;
                    let [high, low] = place.to_be_bytes();
                    header = [cla, ins, high, low];
                }
                Some(Split::Chain { .. }) if !last => header = [cla | 0x10, ins, p1, p2],
                _ => {}
            }
            sent += piece.len();
            let le = command.le.filter(|_| last);
            let (answer, status) = self.send(header, piece, le)?;
            if last || !command.expect.iter().any(|words| words.has(status)) {
                return Ok((answer, status));
            }
        }
        Err(no_value(command))
    }

    fn send(
        &mut self,
        header: [u8; 4],
        data: &[u8],
        le: Option<u16>,
    ) -> Result<(Vec<u8>, u16), StationError> {
        let mut octets = Zeroizing::new(header.to_vec());
        if let Ok(length @ 1..) = u8::try_from(data.len()) {
            octets.push(length);
            octets.extend_from_slice(data);
        }
        if let Some(le) = le {
            // 256 is coded as 00.
            octets.push(u8::try_from(le).unwrap_or(0));
        }
        if let Some(channel) = self.channel {
            octets = Zeroizing::new(self.session.wrap(channel, &octets)?);
        }
        let mut answer = send(self.card, &octets, self.count)?;
        if let Some(channel) = self.channel {
            answer = self.session.unwrap(channel, &answer)?;
        }
        let mut whole = Vec::new();
        // ISO/IEC 7816-4, 5.6: the rest waits for GET RESPONSE; a card that never ends is cut off.
        for _ in 0..16 {
            let Some((part, &[sw1, sw2])) = answer.split_last_chunk::<2>() else {
                break;
            };
            whole.extend_from_slice(part);
            if sw1 != 0x61 || self.channel.is_some() {
                return Ok((whole, u16::from_be_bytes([sw1, sw2])));
            }
            answer = send(self.card, &[0x00, 0xC0, 0x00, 0x00, sw2], self.count)?;
        }
        Err(StationError::new(
            "R1211",
            "the card's answer has no status word, or no end",
            "the card is rejected",
        ))
    }
}

fn no_value(command: &ScriptCommand) -> StationError {
    StationError::new(
        "R1213",
        format!("`{}` has no value for its data", command.title),
        "make the card's data again",
    )
}

fn unexpected(script: &Script, command: &ScriptCommand, status: u16) -> StationError {
    StationError::new(
        "R1210",
        format!(
            "`{}`: the card answers `{}` with {status:04X}",
            script.name, command.title
        ),
        "see the status word's meaning with `cardwright explain`; the card is rejected",
    )
}

fn capture(
    script: &Script,
    command: &ScriptCommand,
    answer: &[u8],
    variables: &mut Variables,
) -> Result<(), StationError> {
    for capture in &command.captures {
        let declared = script.variables.iter().find(|v| v.name == capture.variable);
        let octets = declared.map_or(0, |v| usize::from(v.octets));
        let from = usize::from(capture.from).saturating_sub(1);
        let Some(found) = answer.get(from..from + octets) else {
            return Err(StationError::new(
                "R1214",
                format!(
                    "`{}`: the answer is too short to hold `{}`",
                    command.title, capture.variable
                ),
                "correct the place in the script, or the card is another one than it is for",
            ));
        };
        variables.insert(capture.variable.clone(), Zeroizing::new(found.to_vec()));
    }
    Ok(())
}
