//! Magnetic stripe mode: COMPUTE CRYPTOGRAPHIC CHECKSUM, the codes checked with the issuer's key, and
//! the digits put into the tracks as a terminal does.

use super::{
    Failure,
    chip::{Visit, fact},
    modes, objects,
    purchase::key_of,
    terminal::{Terminal, command, exchange},
};
use cardwright_bundle::Check;
use cardwright_ports::hsm::IccKeyPath;
use cardwright_runtime::plan::derivation;
use cardwright_standards::{
    emv::dynamic_track::{Places, PlacesError},
    track,
};

/// What a terminal sends when the card has no list of its own.
const DEFAULT_LIST: [u8; 3] = [0x9F, 0x6A, 0x04];

/// A track: its data, its code, bit maps of code and numbers, the counter's digits.
const TRACKS: [[&str; 5]; 2] = [
    ["9F6B", "9F61", "9F65", "9F66", "9F67"],
    ["56", "9F60", "9F62", "9F63", "9F64"],
];

impl Visit<'_> {
    /// A transaction of magnetic stripe mode: what would go to the issuer, judged as the issuer does.
    pub(super) fn purchase_magstripe(
        &mut self,
        terminal: &mut Terminal,
        check: &Check,
    ) -> Result<(), Failure> {
        let digits = places(terminal, TRACKS[0])?
            .number_digits()
            .map_err(|e| misplaced(&e))?;
        let drawn = self.random("magstripe unpredictable number", 4)?;
        let drawn = drawn.iter().fold(0u64, |n, o| n << 8 | u64::from(*o));
        // As many digits as the tracks have room for; the others are zeros.
        let number = drawn % 10u64.pow(u32::from(digits));
        let packed = hex::decode(format!("{number:08}"))
            .map_err(|_| Failure::new("R1256", "a number that is none"))?;
        let unpredictable: [u8; 4] = packed
            .as_slice()
            .try_into()
            .map_err(|_| Failure::new("R1256", "a number of another length"))?;
        let list = terminal
            .objects
            .get("9F69")
            .unwrap_or(&DEFAULT_LIST)
            .to_vec();
        let mut known = self.terminal_data(check, packed.clone())?;
        known.push(("9F6A", packed));
        let data = self.answer_dol(&list, &known)?;
        let compute = command([0x80, 0x2A, 0x8E, 0x80], &data)?;
        let answer = exchange(self.channel, &compute, "COMPUTE CRYPTOGRAPHIC CHECKSUM")?;
        let given = objects::top(&answer, "77")?;
        let counter: [u8; 2] = objects::top(&given, "9F36")?
            .try_into()
            .map_err(|_| Failure::new("R1255", "a counter that has not two octets"))?;
        let counter = u16::from_be_bytes(counter);
        let (declared, made) = self.application(&terminal.application)?;
        let (pan, psn) = (fact(made, "pan")?.to_owned(), fact(made, "psn")?.to_owned());
        let path = IccKeyPath {
            issuer_master_key: key_of((declared, made), (self.loaded, self.keys), "cvc3")?,
            derivation: derivation(match terminal.mode.as_deref() {
                Some(mode) => &modes::further(declared, mode)?.derivation,
                None => &declared.derivation,
            })?,
            pan: &pan,
            psn: &psn,
            atc: counter,
        };
        for tags in TRACKS {
            let [data, answered, ..] = tags;
            let Some(static_data) = terminal.objects.get(data) else {
                continue;
            };
            let code: [u8; 2] = objects::top(&given, answered)?
                .try_into()
                .map_err(|_| Failure::new("R1255", "a dynamic code that has not two octets"))?;
            let session = &mut *self.session;
            if !session.verify_dynamic_code(&path, static_data, unpredictable, code)? {
                let what = format!("the code in tag {answered} is not made with the card's key");
                return Err(Failure::new("R1228", what));
            }
            let tail = discretionary(data, static_data)?;
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            places(terminal, tags)?
                .fill(&tail, u16::from_be_bytes(code), number, counter)
                .map_err(|e| misplaced(&e))?;
        }
        Ok(())
    }
}

fn misplaced(e: &PlacesError) -> Failure {
    Failure::new("R1258", format!("bit maps of a track: {e}"))
}

fn places(
    terminal: &Terminal,
    [_, _, code, number, counter]: [&str; 5],
) -> Result<Places, Failure> {
    let map = |tag: &str| -> Result<u64, Failure> {
        let octets = terminal.objects.need(tag)?;
        if octets.len() > 8 {
            return Err(Failure::new("R1255", format!("tag {tag} is too long")));
        }
        Ok(octets.iter().fold(0, |n, o| n << 8 | u64::from(*o)))
    };
    Ok(Places {
        code: map(code)?,
        number: map(number)?,
        counter_digits: u8::try_from(map(counter)?).unwrap_or(u8::MAX),
    })
}

/// The discretionary data of a track in a record.
fn discretionary(tag: &str, octets: &[u8]) -> Result<String, Failure> {
    let wrong = || Failure::new("R1258", format!("tag {tag} is no track"));
    if tag == "9F6B" {
        let parts = track::parse_track_2_equivalent(octets).map_err(|_| wrong())?;
        return Ok(parts.discretionary);
    }
    let text = std::str::from_utf8(octets).map_err(|_| wrong())?;
    // Format code and number, name, then expiry and service code before the tail.
    let rest = text.splitn(3, '^').nth(2).and_then(|rest| rest.get(7..));
    rest.map(str::to_owned).ok_or_else(wrong)
}
