//! A channel to a card that remembers what was said, without what may not be told.

use cardwright_ports::{CardChannel, CardError, SecretBytes};

/// SELECT by name (ISO/IEC 7816-4): the only command whose data are kept.
const SELECT: [u8; 2] = [0x00, 0xA4];

/// A command and its answer. Data under a secure channel are counted, not kept: their clear form
/// stands beside them as data groupings, their enciphered form says nothing to a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// CLA, INS, P1, P2.
    pub header: [u8; 4],
    /// Data of a SELECT; empty for other commands.
    pub name: Vec<u8>,
    /// Octets of command data.
    pub data_octets: usize,
    /// Octets of the answer before its status word.
    pub answer_octets: usize,
    /// Status word.
    pub status: u16,
}

/// Passes everything on to a card and records it.
pub(crate) struct Recorder<'c> {
    card: &'c mut dyn CardChannel,
    exchanges: Vec<Exchange>,
}

impl<'c> Recorder<'c> {
    pub(crate) fn new(card: &'c mut dyn CardChannel) -> Self {
        Self {
            card,
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
        let answer = self.card.transmit(command)?;
        self.exchanges.push(exchange(command, &answer));
        Ok(answer)
    }

    fn enter_field(&mut self) -> Result<(), CardError> {
        self.card.enter_field()
    }

    fn snapshot(&self) -> Option<SecretBytes> {
        None
    }
}

fn exchange(command: &[u8], answer: &[u8]) -> Exchange {
    let header = command.first_chunk::<4>().copied().unwrap_or_default();
    let data_octets = command.get(4).copied().map_or(0, usize::from);
    let name = if command.starts_with(&SELECT) {
        command.get(5..5 + data_octets).unwrap_or_default().to_vec()
    } else {
        Vec::new()
    };
    let status = answer
        .last_chunk::<2>()
        .copied()
        .map_or(0, u16::from_be_bytes);
    Exchange {
        header,
        name,
        data_octets,
        answer_octets: answer.len().saturating_sub(2),
        status,
    }
}

#[cfg(test)]
mod tests {
    use super::exchange;

    #[test]
    fn only_names_are_kept() {
        let select = exchange(
            &[0x00, 0xA4, 0x04, 0x00, 0x02, 0xF0, 0x01, 0x00],
            &[0x90, 0x00],
        );
        assert_eq!((select.name, select.status), (vec![0xF0, 0x01], 0x9000));
        let store = exchange(&[0x84, 0xE2, 0x80, 0x00, 0x03, 1, 2, 3], &[0x6A, 0x80]);
        assert_eq!(
            (store.name.len(), store.data_octets, store.status),
            (0, 3, 0x6A80)
        );
    }
}
