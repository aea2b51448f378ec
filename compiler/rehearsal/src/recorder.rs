//! A channel to a card that remembers what was said, without what may not be told.

use crate::tap::Tap;
use cardwright_ports::{CardChannel, CardError, SecretBytes};

/// SELECT by name (ISO/IEC 7816-4).
const SELECT: [u8; 2] = [0x00, 0xA4];

/// A piece of a command's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// Octets as they are.
    Clear(Vec<u8>),
    /// So many octets that the HSM enciphered for the card.
    Sealed(usize),
}

/// A command before secure messaging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clear {
    /// CLA, INS, P1, P2.
    pub header: [u8; 4],
    /// Its data.
    pub parts: Vec<Carried>,
}

/// A command and its answer. Of secured commands only lengths are kept of what travels; what they
/// carry is kept as it was before it was protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// CLA, INS, P1, P2.
    pub header: [u8; 4],
    /// Data of a SELECT; empty for other commands.
    pub name: Vec<u8>,
    /// Octets of command data.
    pub data_octets: usize,
    /// What the command carries.
    pub carries: Option<Clear>,
    /// The answer before its status word; empty for a secured command.
    pub answer: Vec<u8>,
    /// Octets of the answer before its status word.
    pub answer_octets: usize,
    /// Status word.
    pub status: u16,
}

impl Exchange {
    /// Whether it travelled under secure messaging.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        self.carries
            .as_ref()
            .is_some_and(|clear| clear.header != self.header)
    }
}

/// Passes everything on to a card and records it.
pub(crate) struct Recorder<'c> {
    card: &'c mut dyn CardChannel,
    tap: Tap,
    exchanges: Vec<Exchange>,
}

impl<'c> Recorder<'c> {
    pub(crate) fn new(card: &'c mut dyn CardChannel, tap: Tap) -> Self {
        tap.begin();
        Self {
            card,
            tap,
            exchanges: Vec::new(),
        }
    }

    pub(crate) fn into_exchanges(self) -> Vec<Exchange> {
        self.exchanges
    }
}

impl CardChannel for Recorder<'_> {
    fn reset(&mut self) -> Result<Vec<u8>, CardError> {
        self.card.reset()
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError> {
        let carries = self.tap.carried(command);
        let answer = self.card.transmit(command)?;
        self.exchanges.push(exchange(command, &answer, carries));
        Ok(answer)
    }

    fn enter_field(&mut self) -> Result<(), CardError> {
        self.card.enter_field()
    }

    fn snapshot(&self) -> Option<SecretBytes> {
        None
    }
}

fn exchange(command: &[u8], answer: &[u8], carries: Option<Clear>) -> Exchange {
    let header = command.first_chunk::<4>().copied().unwrap_or_default();
    let data_octets = command.get(4).copied().map_or(0, usize::from);
    let name = if command.starts_with(&SELECT) {
        command.get(5..5 + data_octets).unwrap_or_default().to_vec()
    } else {
        Vec::new()
    };
    let (answer, status) = match answer.split_last_chunk::<2>() {
        Some((data, status)) => (data, u16::from_be_bytes(*status)),
        None => (&[][..], 0),
    };
    let mut exchange = Exchange {
        header,
        name,
        data_octets,
        carries,
        answer: Vec::new(),
        answer_octets: answer.len(),
        status,
    };
    if !exchange.is_secured() {
        exchange.answer = answer.to_vec();
    }
    exchange
}

#[cfg(test)]
mod tests {
    use super::{Carried, Clear, exchange};

    #[test]
    fn of_secured_commands_only_what_they_carry_is_kept() {
        let select = exchange(
            &[0x00, 0xA4, 0x04, 0x00, 0x02, 0xF0, 0x01, 0x00],
            &[0x6F, 0x00, 0x90, 0x00],
            None,
        );
        assert_eq!((select.name, select.status), (vec![0xF0, 0x01], 0x9000));
        assert_eq!(select.answer, [0x6F, 0x00]);
        let carries = Clear {
            header: [0x80, 0xE2, 0x80, 0x00],
            parts: vec![Carried::Sealed(3)],
        };
        let store = exchange(
            &[0x84, 0xE2, 0x80, 0x00, 0x03, 1, 2, 3],
            &[1, 2, 0x6A, 0x80],
            Some(carries),
        );
        assert!(store.is_secured() && store.name.is_empty() && store.answer.is_empty());
        assert_eq!(
            (store.answer_octets, store.data_octets, store.status),
            (2, 3, 0x6A80)
        );
    }
}
