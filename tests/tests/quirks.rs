//! Each deviation of card products (quirk) that ships: what a bundle without it does to a card that
//! deviates, and that with it in both the card is made and passes its checks. The virtual card has to
//! show the deviation, the compiler and the line have to follow it; a deviation without a row fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::{Bundle, QUIRKS};
use cardwright_ports::{
    Hsm,
    hsm::Draw,
    machine::{StripeRead, VisionRead},
};
use cardwright_rehearsal::{Rehearsal, rehearsal_day};
use cardwright_runtime::{load, plan::BoundKeys};
use cardwright_soft_hsm::SoftHsm;
use cardwright_stations::{
    perso,
    validation::{Specimen, Validator},
};
use cardwright_tests::plant::{self, Lent, REHEARSAL_SEED, TrickCard};
use std::collections::BTreeSet;

const DRAW: Draw<'static> = Draw {
    job: "job",
    order: 1,
    purpose: "test",
};

/// A bundle and a card that need not know of each other.
type Sides = (&'static [&'static str], &'static [&'static str]);

/// What becomes of a bundle that does not know its card.
enum Unknown {
    /// It fails, and the failure says this.
    Fails(&'static str),
    /// Terminals take either: this command's answer (class and instruction) begins with these
    /// octets on a card that deviates, and with others on one that does not.
    Shown([u8; 2], &'static [u8]),
}

struct Row {
    name: &'static str,
    /// Change of the bank's source; it sees the bundle's deviations.
    setup: fn(String, &[&str]) -> String,
    /// Both know it.
    right: Sides,
    /// One does not.
    wrong: Sides,
    unknown: Unknown,
}

fn as_it_is(source: String, _: &[&str]) -> String {
    source
}

/// Over SCP02, where components of 72 octets are whole blocks.
fn scp02(source: String, _: &[&str]) -> String {
    replaced(
        &replaced(&source, "key kmc     : aes128", "key kmc     : tdes2"),
        "scp03, keys: kmc, option: 0x70, security_level: 0x33",
        "scp02, keys: kmc, option: 0x15, security_level: 0x01",
    )
}

/// Keys with a version of their own.
fn key_version(source: String, _: &[&str]) -> String {
    replaced(
        &source,
        "security_level: 0x33",
        "security_level: 0x33, key_version: 0x20",
    )
}

/// A key of 128 octets.
fn short_key(source: String, _: &[&str]) -> String {
    replaced(&source, "rsa(1152, 3)", "rsa(1024, 3)")
}

/// A clear PIN where the bundle does not know better.
fn clear_pin(source: String, quirks: &[&str]) -> String {
    match quirks.contains(&"no_clear_pin") {
        true => source,
        false => replaced(
            &source,
            "enciphered_pin_offline  when",
            "plain_pin_offline  when",
        ),
    }
}

/// A card that does not get the key that its certificate is for, and is not asked for it.
fn keyless(source: String, _: &[&str]) -> String {
    let leave = "  dgis {\n    leave out 0x8201; leave out 0x8202; leave out 0x8203\n    \
                 leave out 0x8204; leave out 0x8205\n  }\n  quirks {";
    let source = replaced(&source, "  quirks {", leave);
    let source = replaced(&source, "    authenticate offline dda\n", "");
    let plain = "plain_pin_offline  when";
    replaced(&source, "enciphered_pin_offline  when", plain)
}

/// A secured script with a command without data, and one with data behind it.
fn reading_script(source: String, _: &[&str]) -> String {
    let script = r#"
script numbers {
  secured = true
  command "key information" { header = x"80 CA 00 E0"; le = 0 }
  command "issuer and card numbers" {
    header = x"80 E2 90 00"
    data   = x"42 03 99 99 92 45 04 01 02 03 04"
  }
}
application domain for orders.order {
  aid    = x"A0 00 00 01 51 00 00 00"
  script = numbers
}
"#;
    let source = replaced(
        &source,
        "applications = [debit]",
        "applications = [debit, domain]",
    );
    format!("{source}{script}")
}

const NOTHING: &[&str] = &[];

/// A deviation that a host without it is refused for.
const fn refused(name: &'static str, alone: &'static [&'static str], says: &'static str) -> Row {
    Row {
        name,
        setup: as_it_is,
        right: (alone, alone),
        wrong: (NOTHING, alone),
        unknown: Unknown::Fails(says),
    }
}

/// A deviation that terminals take as it comes.
const fn shown(
    name: &'static str,
    alone: &'static [&'static str],
    command: [u8; 2],
    answer: &'static [u8],
) -> Row {
    Row {
        unknown: Unknown::Shown(command, answer),
        ..refused(name, alone, "")
    }
}

const ROWS: [Row; QUIRKS.len()] = [
    Row {
        // The host numbers its blocks in order whatever the card asks for: a host that does not.
        right: (
            &["any_block_number", "block_number_zero"],
            &["any_block_number"],
        ),
        wrong: (&["block_number_zero"], NOTHING),
        ..refused("any_block_number", NOTHING, "6A86")
    },
    refused("ber_dgi_lengths", &["ber_dgi_lengths"], "6A80"),
    refused("block_number_per_dgi", &["block_number_per_dgi"], "6A86"),
    refused("block_number_zero", &["block_number_zero"], "6A86"),
    refused("clear_check_values", &["clear_check_values"], "6A80"),
    Row {
        // VERIFY with an enciphered PIN is as long as the key (E0364).
        setup: short_key,
        ..refused("commands_of_128", &["commands_of_128"], "6700")
    },
    Row {
        // What most cards ask for is what a host does that knows nothing.
        setup: scp02,
        wrong: (&["component_padding_never"], &["component_padding_always"]),
        ..refused(
            "component_padding_always",
            &["component_padding_always"],
            "6A86",
        )
    },
    Row {
        setup: scp02,
        ..refused(
            "component_padding_never",
            &["component_padding_never"],
            "6A86",
        )
    },
    Row {
        setup: reading_script,
        ..refused("counts_data_only", &["counts_data_only"], "6982")
    },
    Row {
        setup: key_version,
        ..refused(
            "default_key_version_only",
            &["default_key_version_only"],
            "6A88",
        )
    },
    Row {
        setup: keyless,
        wrong: (&["foreign_certificates"], NOTHING),
        ..refused("foreign_certificates", &["foreign_certificates"], "6A86")
    },
    shown(
        "generate_ac_format_1",
        &["generate_ac_format_1"],
        [0x80, 0xAE],
        &[0x80],
    ),
    shown(
        "internal_authenticate_format_1",
        &["internal_authenticate_format_1"],
        [0x00, 0x88],
        &[0x80],
    ),
    refused(
        "last_block_on_every_dgi",
        &["last_block_on_every_dgi"],
        "6A86",
    ),
    refused("le_required", &["le_required"], "6700"),
    Row {
        setup: clear_pin,
        ..refused("no_clear_pin", &["no_clear_pin"], "6985")
    },
    refused("one_dgi_per_command", &["one_dgi_per_command"], "6A80"),
    shown(
        "processing_options_format_1",
        &["processing_options_format_1"],
        [0x80, 0xA8],
        &[0x80],
    ),
    Row {
        // A bundle without it is not built (E0312): the card that does not know it.
        right: (NOTHING, NOTHING),
        wrong: (NOTHING, &["-record_of_255"]),
        ..refused("record_of_255", NOTHING, "6A80")
    },
    shown(
        "t0_status_words",
        &["t0_status_words"],
        [0x80, 0xA8],
        &[0x61],
    ),
];

fn replaced(source: &str, from: &str, to: &str) -> String {
    assert!(source.contains(from), "the small bank has no `{from}`");
    source.replace(from, to)
}

/// The small bank with deviations in its profile. Its issuer key has 1984 bits, so that each has one
/// deviation already.
fn bank(row: &Row, quirks: &[&str]) -> Bundle {
    plant::bank_of(|source| {
        let source = (row.setup)(source, quirks);
        let lines: String = quirks
            .iter()
            .map(|quirk| format!("; {quirk} = \"a test\""))
            .collect();
        let there = "record_of_255 = \"the issuer key has 1984 bits\"";
        replaced(&source, there, &format!("{there}{lines}"))
    })
}

/// Class, instruction and first octets of each answer of a card.
type Trace = Vec<([u8; 2], Vec<u8>)>;

/// Makes a card and checks it. The failure in words, or what the card has answered.
fn made(row: &Row, (host, card): Sides) -> Result<Trace, String> {
    let bundle = bank(row, host);
    let mut rehearsal = Rehearsal::new(bundle.clone()).expect("it rehearses");
    let data = rehearsal.order(&plant::order()).expect("a card").data;
    let loaded = load::accept(bundle).expect("it loads");
    let hsm = SoftHsm::in_memory(REHEARSAL_SEED).expect("an HSM");
    let mut session = hsm.open_session().expect("a session");
    let keys = BoundKeys::bind(loaded.content(), session.as_mut()).expect("its keys");
    let content = loaded.content();
    let chip = content.cards[0].chip.as_ref().expect("a chip");
    let mut quirks: BTreeSet<&str> = card.iter().copied().collect();
    if !quirks.remove("-record_of_255") {
        quirks.insert("record_of_255");
    }
    let quirks: Vec<&str> = quirks.into_iter().collect();
    let mut blank = plant::deviating(content, chip, [0, 0, 0, 7], &quirks);
    let session = session.as_mut();
    perso::personalize(&loaded, chip, &keys, &data, session, &mut blank, &DRAW)
        .map_err(|error| format!("{} {}", error.code, error.what))?;
    let mut trace = Trace::new();
    let stripe = StripeRead {
        track1: data.track1.clone(),
        track2: data.track2.clone(),
        duration_us: 0,
    };
    let vision = VisionRead {
        lines: Vec::new(),
        panels: Vec::new(),
        duration_us: 0,
    };
    let verdicts = {
        let mut traced = TrickCard::new(Lent(&mut blank), |_, command, answer| {
            trace.push(([command[0], command[1]], answer.clone()));
            Ok(answer)
        });
        let validator = Validator::new(&loaded, "ready", &keys, rehearsal_day());
        let specimen = Specimen {
            data: &data,
            chip: Some(&mut traced),
            stripe: Some(&stripe),
            vision: Some(&vision),
        };
        validator.expect("a scenario").run(specimen, session, &DRAW)
    };
    assert!(verdicts.len() > 5);
    let failures: Vec<String> = verdicts
        .iter()
        .filter_map(|v| v.failure.clone())
        .map(|(code, words)| format!("{code} {words}"))
        .collect();
    match failures.is_empty() {
        true => Ok(trace),
        false => Err(failures.join("; ")),
    }
}

fn row(name: &str) -> &'static Row {
    static TABLE: [Row; QUIRKS.len()] = ROWS;
    let found = TABLE.iter().find(|row| row.name == name);
    found.unwrap_or_else(|| panic!("the deviation `{name}` has no row in this test"))
}

fn begins(trace: &Trace, command: [u8; 2], octets: &[u8]) -> bool {
    let mut answers = trace.iter().filter(|(header, _)| *header == command);
    let (_, answer) = answers
        .next()
        .unwrap_or_else(|| panic!("no {command:02X?}"));
    answer.starts_with(octets)
}

fn holds(name: &str) {
    let row = row(name);
    let right = made(row, row.right);
    let right = right.unwrap_or_else(|why| panic!("{name}: with it in both: {why}"));
    let wrong = made(row, row.wrong);
    match row.unknown {
        Unknown::Fails(says) => {
            let why = wrong.map(|_| "the card was made").unwrap_err_or(name);
            assert!(why.contains(says), "{name}: {why}");
        }
        Unknown::Shown(command, answer) => {
            let seen = wrong.unwrap_or_else(|why| panic!("{name}: in the card alone: {why}"));
            let plain = made(row, (NOTHING, NOTHING));
            let plain = plain.unwrap_or_else(|why| panic!("{name}: in neither: {why}"));
            assert!(begins(&right, command, answer), "{name}: not shown");
            assert!(begins(&seen, command, answer), "{name}: not shown");
            assert!(!begins(&plain, command, answer), "{name}: shown without it");
        }
    }
}

trait Failing {
    fn unwrap_err_or(self, name: &str) -> String;
}

impl Failing for Result<&'static str, String> {
    fn unwrap_err_or(self, name: &str) -> String {
        match self {
            Ok(what) => panic!("{name}: {what}, though one side did not know it"),
            Err(why) => why,
        }
    }
}

#[test]
fn every_deviation_has_a_row_and_a_switch() {
    let rows: BTreeSet<&str> = ROWS.iter().map(|row| row.name).collect();
    assert_eq!(rows, QUIRKS.into_iter().collect());
    for name in QUIRKS {
        let mut quirks = cardwright_virtual_card::Quirks::default();
        assert!(quirks.declare(name), "{name}");
        assert_ne!(quirks, cardwright_virtual_card::Quirks::default(), "{name}");
    }
}

/// A fifth of the rows each, so that they run side by side.
fn part(number: usize) {
    for name in QUIRKS.iter().skip(number).step_by(5) {
        holds(name);
    }
}

#[test]
fn the_1st_6th_and_so_on_hold() {
    part(0);
}

#[test]
fn the_2nd_7th_and_so_on_hold() {
    part(1);
}

#[test]
fn the_3rd_8th_and_so_on_hold() {
    part(2);
}

#[test]
fn the_4th_9th_and_so_on_hold() {
    part(3);
}

#[test]
fn the_5th_10th_and_so_on_hold() {
    part(4);
}

/// Components of 72 octets are no whole blocks of AES: they are padded on cards that pad only those.
#[test]
fn components_that_are_no_whole_blocks_are_padded_on_either_card() {
    let row = Row {
        setup: as_it_is,
        ..refused("component_padding_never", &["component_padding_never"], "")
    };
    made(&row, row.right).expect("a card over AES");
}
