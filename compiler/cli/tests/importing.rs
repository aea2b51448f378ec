//! `import`: every kind of input becomes a project that builds, and whose cards are the input again,
//! octet for octet.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use cardwright_bundle::{Bundle, Limits};
use cardwright_rehearsal::{FileNature, Order, Rehearsal, Rehearsed};
use cardwright_standards::tlv;
use common::{Ran, cardwright};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write as _, path::Path};

/// The golden contact card of the project's own vectors: its groupings, as `clear`.
fn golden() -> Vec<(u16, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/vectors/project/vectors_perso.json");
    let text = std::fs::read_to_string(path).expect("the vectors");
    let vectors: Value = serde_json::from_str(&text).expect("JSON");
    let all = vectors["dgis"].as_array().expect("groupings");
    let read = all.iter().map(|dgi| {
        let number = u16::from_str_radix(dgi["dgi"].as_str().expect("a number"), 16);
        let clear = hex::decode(dgi["clear"].as_str().expect("octets"));
        (number.expect("a number"), clear.expect("octets"))
    });
    read.collect()
}

/// Lines of groupings with lengths as EMV CPS has them.
fn dump(aid: &str, groupings: &[(u16, Vec<u8>)]) -> String {
    let mut text = format!("AID: {aid}\n");
    for (number, value) in groupings {
        let length = match u8::try_from(value.len()) {
            Ok(length @ 0..=0xFE) => format!("{length:02X}"),
            _ => format!("FF{:04X}", value.len()),
        };
        let _ = writeln!(text, "{number:04X} {length} {}", hex::encode_upper(value));
    }
    text
}

struct Imported {
    folder: tempfile::TempDir,
    ran: Ran,
}

fn import(input: &[u8], more: &[&str]) -> Imported {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("input"), input).expect("written");
    let arguments = ["import", "input", "-o", "draft"];
    let arguments: Vec<&str> = arguments.iter().chain(more).copied().collect();
    let ran = cardwright(folder.path(), &arguments);
    Imported { folder, ran }
}

impl Imported {
    /// Checks, tests and builds the draft, and makes all its cards.
    fn cards(&self) -> Vec<Rehearsed> {
        assert_eq!(self.ran.code, 0, "{}\n{}", self.ran.out, self.ran.err);
        let draft = self.folder.path().join("draft");
        for verb in ["check", "test", "build"] {
            let ran = cardwright(&draft, &[verb]);
            assert_eq!(ran.code, 0, "{verb}: {}\n{}", ran.out, ran.err);
        }
        let formatted = cardwright(&draft, &["fmt", "--check"]);
        assert_eq!(formatted.code, 0, "{}", formatted.out);
        let octets = std::fs::read(draft.join("draft.cwb")).expect("a bundle");
        let bundle = Bundle::open(&octets, &Limits::default()).expect("a bundle");
        let mut rehearsal = Rehearsal::new(bundle).expect("a rehearsal");
        let mut cards = Vec::new();
        for job in rehearsal.jobs() {
            let file = job.replace("cards", "orders").replace('_', "-") + ".csv";
            let orders = std::fs::read_to_string(draft.join(file)).expect("orders");
            for order in orders_of(&orders) {
                cards.push(rehearsal.order_in(&job, &order).expect("a card"));
            }
        }
        cards
    }

    /// All texts of the draft.
    fn texts(&self) -> String {
        let files = std::fs::read_dir(self.folder.path().join("draft")).expect("a draft");
        let texts = files
            .flatten()
            .map(|f| std::fs::read(f.path()).unwrap_or_default());
        texts
            .map(|t| String::from_utf8_lossy(&t).into_owned())
            .collect()
    }
}

/// No value of these tests holds a comma.
fn orders_of(text: &str) -> Vec<Order> {
    let mut lines = text.lines();
    let heading: Vec<&str> = lines.next().expect("a heading").split(',').collect();
    let order = |line: &str| Order {
        fields: heading
            .iter()
            .zip(line.split(','))
            .map(|(name, value)| ((*name).to_owned(), vec![value.to_owned()]))
            .collect(),
        bin: None,
    };
    lines.map(order).collect()
}

/// Groupings of a made card: octets, or nothing where the HSM sealed them.
fn made(card: &Rehearsed, at: usize) -> BTreeMap<u16, Option<Vec<u8>>> {
    let name = &card.data.applications[at].name;
    let all = card.octets(name).into_iter();
    all.map(|(number, octets)| (number, octets.map(<[u8]>::to_vec)))
        .collect()
}

/// Compares what can be: keys and PINs are the site's, and so are their check values.
fn compare(found: &BTreeMap<u16, Option<Vec<u8>>>, input: &[(u16, Vec<u8>)]) {
    for (number, value) in input {
        match number {
            0x8000 | 0x8010 => assert_eq!(found.get(number), Some(&None), "{number:04X}"),
            // Private keys of the chip and nothing else are left out.
            0x8201..=0x8205 => assert!(!found.contains_key(number), "{number:04X}"),
            0x9000 => assert_eq!(found[number].as_ref().map(Vec::len), Some(value.len())),
            _ => assert_eq!(found[number].as_ref(), Some(value), "{number:04X}"),
        }
    }
}

const GOLDEN_AID: &str = "A0000000031010";
/// The golden card's PAN is of a range for tests.
const GOLDEN_BIN: [&str; 2] = ["--test-bin", "476173"];

#[test]
fn a_dump_of_groupings_comes_back() {
    let golden = golden();
    let imported = import(dump(GOLDEN_AID, &golden).as_bytes(), &GOLDEN_BIN);
    let cards = imported.cards();
    compare(&made(&cards[0], 0), &golden);
    assert_eq!(cards[0].data.pan, "4761739001010119");
    let source = imported.texts();
    for part in [
        "profile app_1 for orders.order {",
        "[sda, dda, cardholder_verification, terminal_risk_management,",
        "#9F4A = [#82]",
        "label      = \"TEST DEBIT\"",
        "plain_pin_offline when supported else next",
        "track2(order.pan, order.expiry, services, order.track2_tail)",
        "sfi 2 record 1 signed = [#5A, #5F24, #5F25, #5F28, #5F34, #9F07, #8E, #9F0D, #9F0E, #9F0F, #9F4A]",
        "{ ac = imk_ac; smi = imk_smi; smc = imk_smc; derivation = option_a }",
        "{ value = reference_pin; tries = 3 }",
    ] {
        assert!(source.contains(part), "{part}\n{source}");
    }
    // Keys and the PIN stand nowhere, whole or in part.
    for (number, value) in golden.iter().filter(|(n, _)| (0x8000..0x9000).contains(n)) {
        for part in value.chunks(8).map(hex::encode_upper) {
            assert!(!source.contains(&part), "{number:04X}");
        }
    }
    assert!(
        imported
            .ran
            .out
            .contains("8205 left out: it is a private key"),
        "{}",
        imported.ran.out
    );
    assert!(
        imported
            .ran
            .out
            .contains("proved: cards made: 1; groupings octet for octet")
    );
}

/// The same as an application: every element and grouping stands where the file has it.
#[test]
fn a_dump_comes_back_without_profiles() {
    let golden = golden();
    let more: Vec<&str> = GOLDEN_BIN.into_iter().chain(["--no-profiles"]).collect();
    let imported = import(dump(GOLDEN_AID, &golden).as_bytes(), &more);
    compare(&made(&imported.cards()[0], 0), &golden);
    let source = imported.texts();
    for part in [
        "application app_1 for orders.order {",
        "#50   = \"TEST DEBIT\"",
        "track2(order.pan, order.expiry, 201, order.track2_tail)",
        "ac  : key(option_a) = imk_ac",
        "dgi 0x0303 template 0x70 = [#93]",
    ] {
        assert!(source.contains(part), "{part}\n{source}");
    }
}

#[test]
fn store_data_comes_back_also_over_several_commands_and_with_macs() {
    let golden = golden();
    let mut stream = Vec::new();
    for (number, value) in golden.iter().filter(|(n, _)| *n < 0x8000 || *n >= 0x9000) {
        stream.extend(number.to_be_bytes());
        stream.push(u8::try_from(value.len()).expect("short"));
        stream.extend(value);
    }
    let blocks: Vec<&[u8]> = stream.chunks(100).collect();
    let mut clear = format!("> 00A4040007{GOLDEN_AID}00\n< 9000\n");
    let mut secured = format!("00A4040007{GOLDEN_AID}00\n8482010010{}\n", "5A".repeat(16));
    for (at, block) in blocks.iter().enumerate() {
        let p1 = if at + 1 == blocks.len() { 0x80 } else { 0x00 };
        let data = hex::encode_upper(block);
        let _ = writeln!(
            clear,
            "> 80E2{p1:02X}{at:02X}{:02X}{data}\n< 9000",
            block.len()
        );
        let mac = "A5".repeat(8);
        let _ = writeln!(
            secured,
            "84E2{p1:02X}{at:02X}{:02X}{data}{mac}",
            block.len() + 8
        );
    }
    let expected: Vec<(u16, Vec<u8>)> = golden
        .iter()
        .filter(|(n, _)| *n < 0x8000 || *n > 0x9000)
        .cloned()
        .collect();
    for text in [clear, secured] {
        let imported = import(text.as_bytes(), &GOLDEN_BIN);
        compare(&made(&imported.cards()[0], 0), &expected);
    }
}

#[test]
fn a_dump_of_tlv_comes_back_in_every_spelling() {
    let golden = golden();
    let wanted = [
        0x9102u16, 0x9104, 0x0101, 0x0201, 0x0202, 0x0301, 0x0302, 0x0303,
    ];
    let value = |number: u16| &golden.iter().find(|(n, _)| *n == number).expect("there").1;
    let mut octets = hex::decode(format!("8407{GOLDEN_AID}")).expect("octets");
    let mut lines = format!("84: {GOLDEN_AID}\n");
    for number in wanted {
        octets.extend(value(number));
        let objects = tlv::parse(value(number)).expect("TLV");
        objects.iter().for_each(|o| print(o, 0, &mut lines));
    }
    let hexadecimal = hex::encode(&octets);
    let expected: Vec<(u16, Vec<u8>)> = wanted.iter().map(|n| (*n, value(*n).clone())).collect();
    for input in [octets.as_slice(), hexadecimal.as_bytes(), lines.as_bytes()] {
        let imported = import(input, &GOLDEN_BIN);
        let cards = imported.cards();
        // The AFL gives the records their numbers back.
        compare(&made(&cards[0], 0), &expected);
        assert!(imported.texts().contains("profile app_1 for"));
        // Counter, keys and PIN are added: nobody reads them from a card.
        let more: Vec<u16> = made(&cards[0], 0).into_keys().collect();
        let more = more.into_iter().filter(|n| !wanted.contains(n));
        assert!(more.eq([0x3000, 0x8000, 0x8010, 0x9000, 0x9010]));
    }
}

/// As tools print it.
fn print(object: &tlv::Tlv<'_>, depth: usize, to: &mut String) {
    let indent = "  ".repeat(depth);
    if object.children.is_empty() {
        let _ = writeln!(
            to,
            "{indent}{}: {}",
            object.tag,
            hex::encode_upper(object.value)
        );
    } else {
        let _ = writeln!(to, "{indent}{} -- a template", object.tag);
        object.children.iter().for_each(|c| print(c, depth + 1, to));
    }
}

/// Tags and values of all elements that are no template.
fn leaves(octets: &[u8]) -> Vec<(String, String)> {
    fn visit(object: &tlv::Tlv<'_>, to: &mut Vec<(String, String)>) {
        if object.tag.is_constructed() {
            object.children.iter().for_each(|c| visit(c, to));
        } else {
            to.push((object.tag.to_string(), hex::encode_upper(object.value)));
        }
    }
    let mut all = Vec::new();
    let objects = tlv::parse(octets).expect("TLV");
    objects.iter().for_each(|o| visit(o, &mut all));
    all
}

#[test]
fn a_table_of_tags_comes_back() {
    let golden = golden();
    let clear = golden
        .iter()
        .filter(|(n, _)| *n < 0x8000 || [0x9102, 0x9104].contains(n));
    let mut expected: Vec<(String, String)> = clear.flat_map(|(_, value)| leaves(value)).collect();
    let mut table = format!("tag,value,name\n84,{GOLDEN_AID},AID\n");
    for (tag, value) in &expected {
        let _ = writeln!(table, "{tag},{value},\"a name, perhaps\"");
    }
    let imported = import(table.as_bytes(), &GOLDEN_BIN);
    let cards = imported.cards();
    let found = made(&cards[0], 0).into_iter();
    // Check values and counters of keys and a PIN that no table has.
    let found = found.filter(|(number, _)| ![0x9000, 0x9010].contains(number));
    let found = found.filter_map(|(_, octets)| octets);
    let mut found: Vec<(String, String)> = found.flat_map(|octets| leaves(&octets)).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

fn rehearsal(example: &str) -> Rehearsal {
    let folder = tempfile::tempdir().expect("a folder");
    let project = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(example);
    let bundle = folder.path().join("it.cwb");
    let path = bundle.to_str().expect("a path");
    let ran = cardwright(&project, &["build", "-o", path]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let octets = std::fs::read(&bundle).expect("a bundle");
    let bundle = Bundle::open(&octets, &Limits::default()).expect("a bundle");
    Rehearsal::new(bundle).expect("a rehearsal")
}

fn order(fields: &[(&str, &str)]) -> Order {
    let fields = fields
        .iter()
        .map(|(n, v)| ((*n).to_owned(), vec![(*v).to_owned()]));
    Order {
        fields: fields.collect(),
        bin: None,
    }
}

#[test]
fn records_of_cps_with_several_cards_and_products_come_back() {
    let mut bank = rehearsal("aurora-bank");
    let people = [
        ("9999920000000029", "Ada Lovelace", "GOLD"),
        ("9999920000000037", "Jo Specimen", "DEBI"),
        ("9999920000000045", "Alan Turing", "GOLD"),
        ("9999920000000052", "Grace Hopper", "DUAL"),
    ];
    let mut records = Vec::new();
    let mut originals = Vec::new();
    for (pan, name, product) in people {
        let order = order(&[
            ("pan", pan),
            ("name", name),
            ("product", product),
            ("expiry", "2912"),
        ]);
        let card = bank.order(&order).expect("a card");
        let file = card.files.iter().find(|f| f.nature == FileNature::Cps);
        records.extend(&file.expect("CPS").octets);
        originals.push(card);
    }
    let imported = import(&records, &[]);
    let cards = imported.cards();
    // Products in the order of their first cards: gold, debit, dual.
    let order = [0, 2, 1, 3];
    let mut same = 0;
    for (card, at) in cards.iter().zip(order) {
        let original = &originals[at];
        assert_eq!(
            card.data.applications.len(),
            original.data.applications.len()
        );
        for n in 0..card.data.applications.len() {
            let theirs = made(original, n);
            for (number, octets) in made(card, n) {
                match (octets, &theirs[&number]) {
                    (Some(octets), Some(theirs)) if number != 0x9000 => {
                        assert_eq!(octets, *theirs, "{number:04X}");
                        same += 1;
                    }
                    (Some(octets), Some(theirs)) => assert_eq!(octets.len(), theirs.len()),
                    (None, None) => {}
                    _ => unreachable!("{number:04X} is sealed on one side only"),
                }
            }
        }
    }
    assert!(same > 60, "{same}");
    // Tracks are under the transport key, which nobody gave us.
    assert!(
        imported.ran.out.contains("under a transport key"),
        "{}",
        imported.ran.out
    );
    let check = imported.texts();
    assert!(check.contains("globalplatform(scp03"), "{check}");
    assert!(check.contains("globalplatform(scp02"), "{check}");
}

/// docs/formats/cps.md as a description, with a record's length in six hexadecimal digits behind a
/// serial number: the same cards come back as from the layout of our own.
#[test]
fn records_of_another_layout_come_back() {
    const LAYOUT: &str = r##"
        record = [
          { is = "text", text = "CARD" },
          { is = "skip", octets = 3 },
          { is = "length", octets = 6, coding = "hexadecimal" },
          { is = "applications", octets = 1 },
        ]
        application = [
          { is = "length", octets = 4 },
          { is = "aid", length = 1 },
          { is = "transport_key", length = 1 },
          { is = "skip", octets = 2 },
          { is = "key_version", octets = 1 },
          { is = "protocol", octets = 1 },
          { is = "security_level", octets = 1 },
          { is = "skip", count = 1, octets = 2 },
          { is = "enciphered", count = 1 },
          { is = "groupings" },
        ]"##;
    // F000000001; SCP03, level 33; 9102 clear, 8000 enciphered: laid out by hand.
    let application = "05 F000000001 03 54A1C0 01 02 01 03 33 02 9102 8000 01 8000 00 \
                       9102 06 A50450025858 8000 10 00112233445566778899AABBCCDDEEFF";
    let application = hex::decode(application.replace(' ', "")).expect("octets");
    let mut body = vec![1];
    body.extend(
        u32::try_from(application.len())
            .expect("short")
            .to_be_bytes(),
    );
    body.extend(application);
    let mut file = b"CARD001".to_vec();
    file.extend(format!("{:06X}", body.len()).into_bytes());
    file.extend(body);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("layout.toml"), LAYOUT).expect("written");
    std::fs::write(folder.path().join("input"), &file).expect("written");
    let arguments = ["import", "input", "--layout", "layout.toml", "-o", "draft"];
    let ran = cardwright(folder.path(), &arguments);
    let imported = Imported { folder, ran };
    let found = made(&imported.cards()[0], 0);
    assert_eq!(found[&0x9102], hex::decode("A50450025858").ok());
    assert_eq!(found[&0x8000], None);
    assert!(imported.texts().contains("globalplatform(scp03"));
}

#[test]
fn cards_of_the_other_examples_come_back_from_their_groupings() {
    for example in ["kestrel-access", "meridian-debit"] {
        let mut project = rehearsal(example);
        let (job, product) = project.products().remove(0);
        let card = project.specimen(&job, &product, None).expect("a card");
        let mut text = String::new();
        let mut inputs = Vec::new();
        let applications = &project.bundle().content().cards[0]
            .chip
            .as_ref()
            .expect("a chip")
            .applications;
        for (n, application) in applications.iter().enumerate() {
            let groupings = made(&card, n);
            // What the HSM sealed has a length only; any octets stand for it.
            let lengths = card.groupings(&application.name);
            let input: Vec<(u16, Vec<u8>)> = lengths
                .into_iter()
                .map(|(number, length)| {
                    let sealed = match length {
                        cardwright_rehearsal::SealedOrClear::Sealed(n)
                        | cardwright_rehearsal::SealedOrClear::Clear(n) => vec![0xEE; n],
                    };
                    (number, groupings[&number].clone().unwrap_or(sealed))
                })
                .collect();
            // An application that is written by a script has no groupings.
            if !input.is_empty() {
                text.push_str(&dump(&application.aid, &input));
                inputs.push(input);
            }
        }
        assert!(!inputs.is_empty(), "{example}");
        let imported = import(text.as_bytes(), &["--from", "dgi", "--test-bin", "99999"]);
        let cards = imported.cards();
        // A payment application is a profile again.
        let is_profile = imported.texts().contains("profile app_1 for");
        assert_eq!(is_profile, example == "meridian-debit");
        for (n, input) in inputs.iter().enumerate() {
            let clear: Vec<_> = input
                .iter()
                .filter(|(number, _)| !(0x8000..=0x9000).contains(number))
                .cloned()
                .collect();
            assert!(!clear.is_empty());
            compare(&made(&cards[0], n), &clear);
        }
    }
}

#[test]
fn people_do_not_stand_in_a_draft() {
    // A number that many tests use, which is of an issuer's range all the same; once more shifted
    // by half an octet in octets that are no TLV.
    let input = "AID: A0000000031010\n\
                 0101: 702E5F2008444F452F4A414E4557114111111111111111D281220199990001235A0841111111111111115F2403281231\n\
                 0B01: 04111111111111111F\n";
    let imported = import(input.as_bytes(), &[]);
    let card = &imported.cards()[0];
    let found = made(card, 0);
    let record = "702E5F200853504543494D454E57119999920000000011D281220199990001235A0899999200000000115F2403281231";
    assert_eq!(found[&0x0101], hex::decode(record).ok());
    assert_eq!(found[&0x0B01], hex::decode("09999920000000011F").ok());
    let all = imported.texts();
    assert!(
        !all.contains("4111111111111111") && !all.contains("DOE"),
        "{all}"
    );
    let said = "replaced by specimens: 1 account number and 1 name";
    assert!(imported.ran.out.contains(said), "{}", imported.ran.out);
}

#[test]
fn refusals_leave_nothing_behind() {
    for (input, more, code) in [
        (&b"nothing"[..], &[][..], "E0180"),
        (b"0101 05 70", &["--from", "dgi"], "E0181"),
        (
            b"84820300\n84E2800010AABBCCDDEEFF00112233445566778899",
            &[],
            "E0183",
        ),
        (b"# nothing", &["--from", "tlv"], "E0184"),
    ] {
        let imported = import(input, more);
        assert_eq!(imported.ran.code, 3, "{code}: {}", imported.ran.err);
        assert!(imported.ran.err.contains(code), "{}", imported.ran.err);
        assert!(!imported.folder.path().join("draft").exists());
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("input"), "0101: 7000").expect("written");
    let ran = cardwright(folder.path(), &["import", "input", "-o", "A Draft"]);
    assert!(ran.code == 2 && ran.err.contains("E0191"), "{}", ran.err);
    let ran = cardwright(folder.path(), &["import", "input", "-o", "."]);
    assert!(ran.code != 0, "{}", ran.err);
}
