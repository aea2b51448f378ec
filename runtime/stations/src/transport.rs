//! What a reader over T=0 leaves to its host (ISO/IEC 7816-3, 12.2; 7816-4, 5.6).

use cardwright_ports::{CardChannel, CardError};

/// Commands that one answer may ask for; a card that asks for more is not followed.
const ROUNDS_MAX: u32 = 4;

/// Sends a command. Where nothing but `61xx` comes back, the answer is fetched; where nothing but
/// `6Cxx` does, a command without data is said again with the length that the card names. Gives the
/// answer, and how many commands it took more than one. Data that go on in a second answer are the
/// caller's business.
pub(crate) fn exchange(
    card: &mut dyn CardChannel,
    command: &[u8],
) -> Result<(Vec<u8>, u32), CardError> {
    let mut answer = card.transmit(command)?;
    let mut more = 0;
    while more < ROUNDS_MAX {
        let next = match (answer.as_slice(), command) {
            ([0x61, length], _) => [0x00, 0xC0, 0x00, 0x00, *length],
            ([0x6C, length], [cla, ins, p1, p2, _]) => [*cla, *ins, *p1, *p2, *length],
            _ => break,
        };
        answer = card.transmit(&next)?;
        more += 1;
    }
    Ok((answer, more))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Card(Vec<Vec<u8>>, Vec<Vec<u8>>);

    impl CardChannel for Card {
        fn reset(&mut self) -> Result<Vec<u8>, CardError> {
            Ok(Vec::new())
        }
        fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError> {
            self.0.push(command.to_vec());
            Ok(match self.1.len() {
                1 => self.1[0].clone(),
                _ => self.1.remove(0),
            })
        }
    }

    /// ISO/IEC 7816-3, 12.2.1: case 2 with a wrong length, case 4 with a waiting answer.
    #[test]
    fn answers_are_fetched_as_the_card_says() {
        let read = [0x00, 0xB2, 0x01, 0x0C, 0x00];
        let mut card = Card(vec![], vec![vec![0x6C, 0x02], vec![1, 2, 0x90, 0x00]]);
        let found = exchange(&mut card, &read).expect("an answer");
        assert_eq!(found, (vec![1, 2, 0x90, 0x00], 1));
        assert_eq!(card.0[1], [0x00, 0xB2, 0x01, 0x0C, 0x02]);
        let select = [0x00, 0xA4, 0x04, 0x00, 0x01, 0xA0, 0x00];
        let mut card = Card(vec![], vec![vec![0x61, 0x01], vec![9, 0x90, 0x00]]);
        let found = exchange(&mut card, &select).expect("an answer");
        assert_eq!(found, (vec![9, 0x90, 0x00], 1));
        assert_eq!(card.0[1], [0x00, 0xC0, 0x00, 0x00, 0x01]);
    }

    #[test]
    fn a_card_that_never_ends_is_left() {
        let mut card = Card(vec![], vec![vec![0x61, 0x00]]);
        let (answer, more) = exchange(&mut card, &[0x00, 0xA4, 0x04, 0x00, 0x00]).expect("one");
        assert_eq!((answer, more), (vec![0x61, 0x00], ROUNDS_MAX));
        // A command with data has no length to be said again.
        let mut card = Card(vec![], vec![vec![0x6C, 0x05]]);
        let store = [0x80, 0xE2, 0x00, 0x00, 0x01, 0x00];
        assert_eq!(exchange(&mut card, &store).expect("one").1, 0);
    }
}
