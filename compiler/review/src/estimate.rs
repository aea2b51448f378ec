//! How long a product's card takes, how many an hour that makes, and what is the bottleneck.
//!
//! Counts come from a rehearsal, speeds from a file or from [`Speeds::default`]. The defaults are
//! **assumptions**, no measurements: write down those of your own machines and HSM.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Octets of a T=1 block beside its information field: prologue 3, LRC 1 (ISO/IEC 7816-3, 11.3).
const T1_BLOCK: usize = 4;
/// Most octets of an information field.
const T1_INFORMATION: usize = 254;
/// Octets of an ISO/IEC 14443-4 block beside its information field: PCB 1, CRC 2.
const CONTACTLESS_BLOCK: usize = 3;
/// Octets of GET RESPONSE and the status that asks for it, T=0.
const GET_RESPONSE: usize = 7;
const SECONDS_AN_HOUR: f64 = 3_600.0;

/// How commands travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Characters of 12 elementary time units, a procedure byte, GET RESPONSE for answers.
    T0,
    /// Blocks of at most 254 octets, characters of 11 elementary time units.
    #[default]
    T1,
    /// ISO/IEC 14443-4: 9 bits an octet, blocks.
    Contactless,
}

/// The chip station.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChipSpeeds {
    /// How commands travel.
    pub protocol: Protocol,
    /// Bits a second on the wire or in the field.
    pub bits_per_second: f64,
    /// Reset or activation of a card, and its handling, milliseconds.
    pub reset_ms: f64,
    /// Chip and reader beside the transfer, milliseconds a command.
    pub command_ms: f64,
    /// Writing to the chip's memory, microseconds for each octet of data sent.
    pub write_us_per_octet: f64,
    /// Cards that are written at once, where the flow does not say.
    pub slots: u32,
}

impl Default for ChipSpeeds {
    fn default() -> Self {
        Self {
            protocol: Protocol::T1,
            bits_per_second: 115_200.0,
            reset_ms: 500.0,
            command_ms: 10.0,
            write_us_per_octet: 100.0,
            slots: 1,
        }
    }
}

/// The HSM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HsmSpeeds {
    /// Calls that are worked on at once.
    pub sessions: u32,
    /// Milliseconds of a call whose kind is not named below.
    pub call_ms: f64,
    /// Milliseconds of a call by kind, such as `rsa.generate`; two kinds have an assumed time of
    /// their own.
    pub calls_ms: BTreeMap<String, f64>,
}

impl Default for HsmSpeeds {
    fn default() -> Self {
        let calls = [("rsa.generate", 250.0), ("emv.icc_certificate", 8.0)];
        Self {
            sessions: 4,
            call_ms: 2.0,
            calls_ms: calls
                .into_iter()
                .map(|(k, ms)| (k.to_owned(), ms))
                .collect(),
        }
    }
}

/// Speeds of a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Speeds {
    /// The chip station.
    pub chip: ChipSpeeds,
    /// The HSM.
    pub hsm: HsmSpeeds,
    /// Seconds of a card at each other station; those that are left out are assumed.
    pub stations: BTreeMap<String, f64>,
    /// Machines that work side by side.
    pub machines: u32,
}

impl Default for Speeds {
    fn default() -> Self {
        let stations = [
            ("carrier", 3.0),
            ("emboss", 4.0),
            ("feed", 1.0),
            ("insert", 2.0),
            ("print", 3.0),
            ("stripe", 1.5),
            ("vision", 0.5),
        ];
        Self {
            chip: ChipSpeeds::default(),
            hsm: HsmSpeeds::default(),
            stations: stations
                .into_iter()
                .map(|(k, s)| (k.to_owned(), s))
                .collect(),
            machines: 1,
        }
    }
}

impl Speeds {
    /// Takes the assumed speeds for the stations and calls that a file leaves out.
    #[must_use]
    pub fn completed(mut self) -> Self {
        let assumed = Self::default();
        for (station, seconds) in assumed.stations {
            self.stations.entry(station).or_insert(seconds);
        }
        for (kind, milliseconds) in assumed.hsm.calls_ms {
            self.hsm.calls_ms.entry(kind).or_insert(milliseconds);
        }
        self
    }
}

/// What one card asks of machine and HSM.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// Data octets of each command, and octets of its answer without the status.
    pub commands: Vec<(usize, usize)>,
    /// HSM calls by what they are made for (`data`, `chip`, `validation`, `pages`, `files`) and by
    /// kind; a part of one where only some cards are looked at.
    pub calls: BTreeMap<(String, String), f64>,
    /// Stations that the card passes, with the slots that the flow gives them.
    pub stations: Vec<(String, Option<u32>)>,
}

/// What a station makes of it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Resource {
    /// Station, or `hsm`.
    pub name: String,
    /// Seconds of one card.
    pub seconds_per_card: f64,
    /// Cards that are worked on at once.
    pub at_once: u32,
    /// Cards an hour if nothing else held them up.
    pub cards_per_hour: f64,
}

/// Calls of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Calls {
    /// What they are made for: `data`, `chip`, `validation`, `pages` or `files`.
    pub stage: String,
    /// Kind.
    pub kind: String,
    /// Calls for one card; a part of one where only some cards are looked at.
    pub count: f64,
    /// Milliseconds of all of them.
    pub milliseconds: f64,
}

/// An estimate.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Estimate {
    /// Octets that travel to the card's chip and back, with headers and status words.
    pub apdu_octets: usize,
    /// HSM calls of one card.
    pub calls: Vec<Calls>,
    /// Station by station, then the HSM.
    pub resources: Vec<Resource>,
    /// Cards an hour: those of the slowest.
    pub cards_per_hour: f64,
    /// The slowest.
    pub bottleneck: String,
}

/// Estimates a product.
#[must_use]
pub fn estimate(work: &Work, speeds: &Speeds) -> Estimate {
    let machines = speeds.machines.max(1);
    let calls = calls(work, &speeds.hsm);
    let of = |stage: &str| -> f64 {
        let mine = calls
            .iter()
            .filter(|c| stage.is_empty() || c.stage == stage);
        mine.map(|c| c.milliseconds / 1_000.0).sum()
    };
    let mut resources: Vec<Resource> = work
        .stations
        .iter()
        .map(|(station, slots)| {
            let chip = station == "chip";
            let seconds = if chip {
                // The card waits while the HSM protects its next command.
                chip_seconds(&work.commands, &speeds.chip) + of("chip")
            } else {
                speeds.stations.get(station).copied().unwrap_or(0.0)
            };
            let own = if chip { speeds.chip.slots } else { 1 };
            let slots = slots.unwrap_or(own).max(1);
            resource(station, seconds, slots.saturating_mul(machines))
        })
        .collect();
    resources.push(resource("hsm", of(""), speeds.hsm.sessions.max(1)));
    let slowest = resources
        .iter()
        .filter(|r| r.seconds_per_card > 0.0)
        .min_by(|a, b| a.cards_per_hour.total_cmp(&b.cards_per_hour));
    Estimate {
        apdu_octets: work.commands.iter().map(|c| sent(c) + c.1 + 2).sum(),
        cards_per_hour: slowest.map_or(0.0, |r| r.cards_per_hour),
        bottleneck: slowest.map_or_else(String::new, |r| r.name.clone()),
        calls,
        resources,
    }
}

/// Calls with their times.
fn calls(work: &Work, speeds: &HsmSpeeds) -> Vec<Calls> {
    let timed = work.calls.iter().map(|((stage, kind), count)| {
        let each = speeds.calls_ms.get(kind).copied();
        Calls {
            stage: stage.clone(),
            kind: kind.clone(),
            count: rounded(*count),
            milliseconds: rounded(each.unwrap_or(speeds.call_ms) * count),
        }
    });
    timed.collect()
}

fn resource(name: &str, seconds: f64, at_once: u32) -> Resource {
    let hourly = if seconds > 0.0 {
        SECONDS_AN_HOUR / seconds * f64::from(at_once)
    } else {
        0.0
    };
    Resource {
        name: name.to_owned(),
        seconds_per_card: rounded(seconds),
        at_once,
        cards_per_hour: rounded(hourly),
    }
}

/// Header, Lc, data, Le.
fn sent(command: &(usize, usize)) -> usize {
    let lc = usize::from(command.0 > 0);
    let le = usize::from(command.1 > 0);
    4 + lc + command.0 + le
}

/// Seconds of all commands of a card.
fn chip_seconds(commands: &[(usize, usize)], speeds: &ChipSpeeds) -> f64 {
    let mut seconds = speeds.reset_ms / 1_000.0;
    for command in commands {
        let (data, answer) = *command;
        let (there, back) = (sent(command), answer + 2);
        let (octets, bits) = match speeds.protocol {
            // The header is always five octets; the chip acknowledges it by a procedure byte.
            Protocol::T0 => {
                let more = if answer > 0 && data > 0 {
                    GET_RESPONSE
                } else {
                    0
                };
                (5 + data + 1 + back + more, 12.0)
            }
            Protocol::T1 => (framed(there, T1_BLOCK) + framed(back, T1_BLOCK), 11.0),
            Protocol::Contactless => {
                let block = CONTACTLESS_BLOCK;
                (framed(there, block) + framed(back, block), 9.0)
            }
        };
        let rate = speeds.bits_per_second.max(1.0);
        seconds += as_number(octets) * bits / rate;
        seconds += speeds.command_ms / 1_000.0;
        seconds += as_number(data) * speeds.write_us_per_octet / 1_000_000.0;
    }
    seconds
}

/// Octets in blocks; each block but the last is acknowledged by an empty one.
fn framed(octets: usize, block: usize) -> usize {
    let blocks = octets.div_ceil(T1_INFORMATION).max(1);
    octets + blocks * block + (blocks - 1) * block
}

#[allow(clippy::cast_precision_loss, reason = "counts of one card are small")]
fn as_number(count: usize) -> f64 {
    count as f64
}

/// To thousandths.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speeds() -> Speeds {
        Speeds {
            chip: ChipSpeeds {
                protocol: Protocol::T1,
                bits_per_second: 11_000.0,
                reset_ms: 500.0,
                command_ms: 20.0,
                write_us_per_octet: 1_000.0,
                slots: 1,
            },
            hsm: HsmSpeeds {
                sessions: 2,
                call_ms: 10.0,
                calls_ms: BTreeMap::from([("rsa.generate".to_owned(), 900.0)]),
            },
            stations: BTreeMap::from([("emboss".to_owned(), 4.0)]),
            machines: 1,
        }
    }

    fn work() -> Work {
        Work {
            commands: vec![(95, 0), (10, 28)],
            calls: BTreeMap::from([
                (("data".to_owned(), "cvv".to_owned()), 3.0),
                (("data".to_owned(), "rsa.generate".to_owned()), 1.0),
                (("chip".to_owned(), "channel.wrap".to_owned()), 2.0),
                (("validation".to_owned(), "emv.arpc".to_owned()), 0.1),
            ]),
            stations: vec![("chip".to_owned(), Some(8)), ("emboss".to_owned(), None)],
        }
    }

    /// By hand. A character of T=1 is 11 bits, so 11,000 bits a second are 1,000 octets.
    /// First command: 4 + 1 + 95 = 100 octets there, 2 back, two blocks of 4 more: 110 ms.
    /// Second: 4 + 1 + 10 + 1 = 16 there, 30 back, 8: 54 ms. Reset 500, commands 2 x 20,
    /// writing 105 x 1 ms, two calls of the HSM 20: 500 + 110 + 54 + 40 + 105 + 20 = 829 ms. Eight
    /// slots: 3600 / 0.829 x 8. HSM: (3 + 2 + 0.1) x 10 + 900 = 951 ms, two sessions: 3600 / 0.951
    /// x 2. Embosser: 3600 / 4 = 900.
    #[test]
    fn the_hand_comes_to_the_same() {
        let found = estimate(&work(), &speeds());
        assert_eq!(found.apdu_octets, 100 + 2 + 16 + 30);
        let of = |n: usize| {
            let r = found.resources.get(n).expect("a resource");
            (
                r.name.as_str(),
                r.seconds_per_card,
                r.at_once,
                r.cards_per_hour,
            )
        };
        assert_eq!(of(0), ("chip", 0.829, 8, 34_740.651));
        assert_eq!(of(1), ("emboss", 4.0, 1, 900.0));
        assert_eq!(of(2), ("hsm", 0.951, 2, 7_570.978));
        assert_eq!(
            (found.bottleneck.as_str(), found.cards_per_hour),
            ("emboss", 900.0)
        );
    }

    /// T=0: 12 bits a character, 5 octets of header, 1 procedure byte, 2 of status; an answer to
    /// data is fetched: 7 more. 12,000 bits a second are 1,000 octets: (5+95+1+2) + (5+10+1+30+7).
    #[test]
    fn the_older_protocol_and_the_field() {
        let mut speeds = speeds();
        speeds.chip.protocol = Protocol::T0;
        speeds.chip.bits_per_second = 12_000.0;
        let seconds = |s: &Speeds| {
            estimate(&work(), s)
                .resources
                .first()
                .map(|r| r.seconds_per_card)
        };
        assert_eq!(seconds(&speeds), Some(0.821)); // 500 + 103 + 53 + 40 + 105 + 20
        speeds.chip.protocol = Protocol::Contactless;
        speeds.chip.bits_per_second = 9_000.0;
        // 9 bits an octet, blocks of 3: (100+2+6) + (16+30+6) octets at 1,000 a second.
        assert_eq!(seconds(&speeds), Some(0.825));
    }

    #[test]
    fn what_a_file_leaves_out_is_assumed() {
        let found = speeds().completed();
        assert_eq!(found.stations.get("emboss"), Some(&4.0));
        assert_eq!(found.stations.get("print"), Some(&3.0));
        let calls = found.hsm.calls_ms;
        assert_eq!(calls.get("rsa.generate"), Some(&900.0));
        assert_eq!(calls.get("emv.icc_certificate"), Some(&8.0));
    }

    #[test]
    fn long_commands_go_in_several_blocks() {
        assert_eq!(framed(254, 4), 258);
        assert_eq!(framed(255, 4), 255 + 3 * 4);
    }

    #[test]
    fn nothing_to_do_has_no_bottleneck() {
        let found = estimate(&Work::default(), &Speeds::default());
        assert_eq!((found.bottleneck.as_str(), found.cards_per_hour), ("", 0.0));
    }
}
