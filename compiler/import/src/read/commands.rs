//! Commands, a line each in hexadecimal: SELECT begins an application, STORE DATA carries its
//! groupings, which may go on in the next command (GlobalPlatform Card Specification, 11.11;
//! EMV CPS). Answers and other commands are left aside.

use super::dgi::{grouping, stream};
use super::lines::{Line, lines, octets_of};
use super::tree;
use crate::{
    data::{Application, Card, Channel, Input},
    error::{ImportError, enciphered, nothing, unreadable},
    loose,
};

/// Octets of a command's MAC under SCP02, and under SCP03 as it is mostly used.
const MAC_OCTETS: usize = 8;
/// Class bit of secured commands.
const SECURED: u8 = 0x04;

/// A command of the interindustry shape, short or extended (ISO/IEC 7816-4).
struct Command {
    class: u8,
    instruction: u8,
    p1: u8,
    data: Vec<u8>,
}

/// Whether a line holds STORE DATA.
pub(super) fn has_store_data(text: &str) -> bool {
    let mut commands = lines(text).filter_map(|line| command(line.text));
    commands.any(|c| c.instruction == 0xE2 && matches!(c.class & 0xF0, 0x00 | 0x80))
}

/// A command, perhaps behind `>>`, `->` or a word with a colon; none for answers and others.
fn command(line: &str) -> Option<Command> {
    let line = line.trim();
    if line.starts_with('<') || line.to_ascii_lowercase().starts_with("r-") {
        return None;
    }
    let start = line.rfind(['>', ':', ']']).map_or(0, |at| at + 1);
    let octets = octets_of(line.get(start..)?)?;
    let &[class, instruction, p1, _, ref body @ ..] = octets.as_slice() else {
        return None;
    };
    let data = match body {
        [] | [_] => &[],
        [0, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            data_of(rest, length, 2)?
        }
        [length, rest @ ..] => data_of(rest, usize::from(*length), 1)?,
    };
    Some(Command {
        class,
        instruction,
        p1,
        data: data.to_vec(),
    })
}

/// The data field; behind it only Le may stand.
fn data_of(rest: &[u8], length: usize, le: usize) -> Option<&[u8]> {
    let (data, behind) = rest.split_at_checked(length)?;
    (behind.len() <= le).then_some(data)
}

/// An application while its commands are read.
#[derive(Default)]
struct Pending {
    aid: Vec<u8>,
    level: Option<u8>,
    key_version: u8,
    octets: Vec<u8>,
    /// What came in BER-TLV format, and the line of its last command.
    objects: Vec<u8>,
    objects_line: usize,
    /// What came enciphered in BER-TLV format, in words, and where first.
    holes: Vec<String>,
    enciphered: Option<String>,
    /// Where each command's octets begin, its P1 and its line.
    commands: Vec<(usize, u8, usize)>,
    secured: bool,
}

/// Reads a list of commands.
pub(super) fn read(text: &str) -> Result<Input, ImportError> {
    let mut input = Input::default();
    let mut card = Card::default();
    let mut pending = Pending::default();
    for line in lines(text) {
        let Some(command) = command(line.text) else {
            input.note("lines that are no commands were left aside");
            continue;
        };
        match command.instruction {
            0xA4 if command.p1 == 0x04 => {
                pending.close(&mut card, &mut input)?;
                pending.aid = command.data;
            }
            // INSTALL for personalization: two empty lengths, the AID behind its length, empty ones.
            0xE6 if command.p1 == 0x20 => {
                pending.close(&mut card, &mut input)?;
                let aid = command.data.get(2).map(|n| usize::from(*n));
                let aid = aid.and_then(|n| command.data.get(3..3 + n));
                pending.aid = aid.unwrap_or_default().to_vec();
            }
            0x50 => pending.key_version = command.p1,
            0x82 if command.class & 0x80 != 0 => pending.level = Some(command.p1),
            0xE2 => pending.store(&line, command)?,
            _ => input.note("commands other than SELECT and STORE DATA were left aside"),
        }
    }
    pending.close(&mut card, &mut input)?;
    if card.applications.is_empty() {
        return Err(nothing());
    }
    input.cards.push(card);
    Ok(input)
}

impl Pending {
    fn store(&mut self, line: &Line<'_>, command: Command) -> Result<(), ImportError> {
        let mut data = command.data;
        if command.class & SECURED != 0 {
            if self.level.is_some_and(|level| level & 0x02 != 0) {
                return Err(enciphered(&line.place()));
            }
            let kept = data.len().checked_sub(MAC_OCTETS);
            let kept = kept.ok_or_else(|| unreadable(&line.place(), "no room for a MAC"))?;
            data.truncate(kept);
            self.secured = true;
        }
        if command.p1 & 0x18 == 0x10 {
            if command.p1 & 0x60 != 0 {
                self.hole(line, &data);
                return Ok(());
            }
            self.objects.extend(data);
            self.objects_line = line.number;
            return Ok(());
        }
        self.commands
            .push((self.octets.len(), command.p1, line.number));
        self.octets.extend(data);
        Ok(())
    }

    /// Objects whose values are enciphered: their tags and lengths, where those are clear.
    fn hole(&mut self, line: &Line<'_>, data: &[u8]) {
        let place = line.place();
        let key = "the data encryption key of the channel";
        self.enciphered.get_or_insert_with(|| place.clone());
        let Some(objects) = tree::parsed(data).filter(|objects| !objects.is_empty()) else {
            let octets = data.len();
            self.holes.push(format!(
                "{place}: {octets} octets under {key} were left out, their tags too: write what they hold"
            ));
            return;
        };
        for object in objects {
            let (tag, octets) = (object.tag, object.value.len());
            self.holes.push(format!(
                "{place}: {tag} was left out, {octets} octets under {key}: a key or a PIN goes into a `blob`"
            ));
        }
    }

    /// The groupings of what was read; those of a command whose P1 says so are sealed.
    fn close(&mut self, card: &mut Card, input: &mut Input) -> Result<(), ImportError> {
        let done = std::mem::take(self);
        // What the channel says holds for the SELECT that follows it, too.
        self.level = done.level;
        let channel = done.level.map(|security_level| Channel {
            protocol: 2,
            security_level,
            key_version: done.key_version,
        });
        done.holes.iter().for_each(|hole| input.note(hole.clone()));
        if !done.objects.is_empty() {
            let place = format!("commands up to line {}", done.objects_line);
            if !done.commands.is_empty() {
                let what = "data groupings and BER-TLV objects stand in one application";
                return Err(unreadable(&place, what));
            }
            let objects = tree::parsed(&done.objects);
            let objects =
                objects.ok_or_else(|| unreadable(&place, "they hold no whole objects"))?;
            input.note(
                "data objects came by STORE DATA in BER-TLV format: the draft sends them in data \
                 groupings, where EMV CPS has them",
            );
            let mut application = loose::application(objects, input)?;
            application.aid = done.aid;
            application.channel = channel;
            card.applications.push(application);
            return Ok(());
        }
        if let Some(place) = done.enciphered.filter(|_| done.commands.is_empty()) {
            return Err(enciphered(&place));
        }
        if done.commands.is_empty() {
            return Ok(());
        }
        let place = done.commands.last().map_or(0, |(_, _, line)| *line);
        let Some(all) = stream(&done.octets) else {
            let place = format!("commands up to line {place}");
            if done.secured && done.level.is_none() {
                return Err(enciphered(&place));
            }
            return Err(unreadable(&place, "they hold no whole data groupings"));
        };
        let sealed = |at: usize| {
            let before = done.commands.iter().take_while(|(start, ..)| *start <= at);
            before.last().is_some_and(|(_, p1, _)| p1 & 0x60 == 0x60)
        };
        let groupings = all
            .iter()
            .map(|raw| grouping(raw.number, raw.value, sealed(raw.at)));
        card.applications.push(Application {
            aid: done.aid,
            groupings: groupings.collect(),
            channel,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails loudly")]

    use super::*;
    use crate::data::Value;

    #[test]
    fn groupings_go_over_commands_and_p1_says_what_is_sealed() {
        // Laid out by hand from GlobalPlatform 11.11 and EMV CPS.
        let text = "00A4040007A000000003101000\n>> 80 E2 00 00 06 0101 04 7002 50\n\
                    80E2000101 00\n<< 9000\n80E2600206 A002 03 AABBCC\n80E2800303 9102 00";
        assert!(has_store_data(text));
        let input = read(text).expect("commands");
        let card = input.cards.first().expect("a card");
        let application = card.applications.first().expect("an application");
        assert_eq!(hex::encode_upper(&application.aid), "A0000000031010");
        let values: Vec<_> = application.groupings.iter().map(|g| &g.value).collect();
        let sealed = Value::Sealed {
            octets: 3,
            padding: None,
        };
        let (first, last) = (Value::Clear(vec![0x70, 2, 0x50, 0]), Value::Clear(vec![]));
        assert_eq!(values, [&first, &sealed, &last]);
    }

    #[test]
    fn macs_are_taken_off_and_what_is_enciphered_is_refused() {
        let clear = "8482010010AABBCCDDEEFF00112233445566778899\n\
                     84E280000D0101 02 7000 1122334455667788";
        assert_eq!(read(clear).expect("MAC only").cards.len(), 1);
        let enciphered = clear.replace("84820100", "84820300");
        assert_eq!(read(&enciphered).expect_err("enciphered").code, "E0183");
        let unknown = "84E2800010AABBCCDDEEFF00112233445566778899";
        assert_eq!(read(unknown).expect_err("enciphered").code, "E0183");
        assert_eq!(read("00A4040000").expect_err("no data").code, "E0184");
        assert_eq!(read("80E2F0000450024142").expect_err("BER").code, "E0183");
        let both = "80E29000045002414280E2";
        assert_eq!(read(&both[..18]).expect("BER").cards.len(), 1);
        let mixed = "80E2100004 50024142\n80E280000401010170";
        assert_eq!(read(mixed).expect_err("both formats").code, "E0181");
        assert_eq!(read("80E2900003500241").expect_err("cut").code, "E0181");
    }

    /// P1 with bits 5 and 4 of `10` says BER-TLV (GlobalPlatform 11.11.2.1, table 11-89); EMV CPS
    /// has an application label in DGI 9102, inside A5, and an expiry in a record.
    #[test]
    fn objects_of_ber_tlv_go_where_emv_has_them() {
        let text = "00A4040007A000000003101000\n80E2100004 50024142\n80E2900106 5F2403 281231";
        let input = read(text).expect("commands");
        let card = input.cards.first().expect("a card");
        let application = card.applications.first().expect("an application");
        assert_eq!(hex::encode_upper(&application.aid), "A0000000031010");
        let found = |octets: &[u8]| {
            application.groupings.iter().any(|g| match &g.value {
                Value::Clear(value) => value.windows(octets.len()).any(|w| w == octets),
                _ => false,
            })
        };
        assert!(found(&[0x50, 2, 0x41, 0x42]) && found(&[0x5F, 0x24, 3, 0x28, 0x12, 0x31]));
        assert!(input.notes.iter().any(|note| note.contains("BER-TLV")));
    }

    /// P1 with bits 7 and 6 of `11` says that values are enciphered (GlobalPlatform 11.11.2.1).
    #[test]
    fn enciphered_objects_are_holes_with_names() {
        let text = "00A4040007A000000003101000\n80E2100004 50024142\n80E2700004 DF010211AA\n\
                    80E2700103 998877\n80E2900106 5F2403 281231";
        let input = read(&text.replace("80E2700004 DF010211AA", "80E2700005 DF010211AA"));
        let input = input.expect("commands");
        let noted = |what: &str| input.notes.iter().any(|note| note.contains(what));
        assert!(noted(
            "line 3: DF01 was left out, 2 octets under the data encryption key"
        ));
        assert!(noted("line 4: 3 octets under the data encryption key"));
        let applications = input.cards.iter().flat_map(|card| &card.applications);
        let values = applications.flat_map(|a| &a.groupings).map(|g| &g.value);
        let octets = values.map(|value| format!("{value:?}")).collect::<String>();
        assert!(
            !octets.contains("153") && !octets.contains("170"),
            "{octets}"
        );
    }
}
