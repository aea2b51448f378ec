//! Files of the trade's other shapes, through the whole compiler and runtime: read as other programs
//! have written them, written, and read back by the same words.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use cardwright_bundle::{Bundle, Card, Job, Limits, Trust};
use cardwright_ports::{Hsm, Store};
use cardwright_runtime::{
    Date, Loaded, RuntimeError, Value,
    datagen::CardData,
    intake::{Intake, Order, Record, Rejection, Shown},
    load,
    plan::{BoundKeys, Draws, Fields, RunFacts},
};
use cardwright_soft_hsm::SoftHsm;
use cardwright_stations::{
    StationError,
    outputs::{Finished, OutputFiles, WrittenFile},
};
use cardwright_store::MemoryStore;
use cardwright_tests::{projects, workspace};
use std::{ops::ControlFlow, path::Path};

/// 2026-06-01, 12:00 UTC.
const NOW: i64 = 1_780_315_200;

fn loaded(case: &str) -> Loaded {
    let source = workspace::read(&format!("tests/cases/formats/{case}/in.perso"));
    let bundle: Bundle = projects::bundle_of_source(&source);
    let bytes = bundle.to_bytes().expect("a bundle has octets");
    load::load(&bytes, &Limits::default(), &Trust::test_only()).expect("it loads")
}

fn octets(case: &str, name: &str) -> Vec<u8> {
    let path = workspace::root().join("tests/cases/formats").join(case);
    std::fs::read(path.join(name)).expect("a file of the case")
}

/// What a scan found, and what it showed as not taken.
struct Summary {
    orders: u64,
    accepted: u64,
    once_lines: Vec<String>,
    rejections: Vec<Rejection>,
}

type Joined<'j> = &'j [(&'j str, &'j [u8])];

fn scan(
    loaded: &Loaded,
    joined: Joined<'_>,
    bytes: &[u8],
) -> Result<(Summary, Vec<Order>), RuntimeError> {
    let job = loaded.job(None)?;
    let mut intake = Intake::new(loaded, job, Date::from_unix_seconds(NOW))?;
    for (name, file) in joined {
        let mut file = *file;
        intake.join(name, &mut file)?;
    }
    let mut orders = Vec::new();
    let mut rejections = Vec::new();
    let store = MemoryStore::new();
    let mut seen = store.seen().expect("a set");
    let summary = intake.scan(&mut &*bytes, seen.as_mut(), &mut |shown| {
        match shown {
            Shown::Order(order) => orders.push(order),
            Shown::Rejection(rejection) => rejections.push(rejection),
        }
        Ok(())
    })?;
    let summary = Summary {
        orders: summary.orders,
        accepted: summary.accepted,
        once_lines: summary.once_lines,
        rejections,
    };
    Ok((summary, orders))
}

/// The orders as later stations read them again.
fn records(loaded: &Loaded, (summary, orders): &(Summary, Vec<Order>)) -> Vec<Record> {
    let job = loaded.job(None).expect("a job");
    let intake = Intake::new(loaded, job, Date::from_unix_seconds(NOW)).expect("an intake");
    let reread = |order| intake.reread(order, &summary.once_lines);
    orders
        .iter()
        .map(|o| reread(o).expect("a kept order"))
        .collect()
}

fn text(record: &Record, path: &str) -> String {
    let (name, field) = path.split_once('.').expect("record and field");
    match record.field(name, field) {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Date(date)) => date.format("YYYY-MM-DD"),
        Some(Value::Flag(flag)) => flag.to_string(),
        Some(Value::TextList(lines)) => lines.join("|"),
        _ => "(none)".to_owned(),
    }
}

fn write(loaded: &Loaded, records: &[Record], folder: &Path) -> Vec<WrittenFile> {
    try_write(loaded, records, folder).expect("whole files")
}

fn try_write(
    loaded: &Loaded,
    records: &[Record],
    folder: &Path,
) -> Result<Vec<WrittenFile>, StationError> {
    let hsm = SoftHsm::in_memory([7; 32]).expect("a soft HSM");
    let mut session = hsm.open_session().expect("a session");
    let keys = BoundKeys::none();
    let job: &Job = loaded.job(None).expect("a job");
    let card: &Card = loaded.content().cards.first().expect("a card");
    let mut files = OutputFiles::create(folder, loaded, job, &keys).expect("files");
    for (number, record) in (1..).zip(records) {
        let mut facts = RunFacts::default();
        facts.set("date", Value::Date(Date::from_unix_seconds(NOW)));
        let data = CardData {
            card: card.name.clone(),
            pan: String::new(),
            psn: String::new(),
            expiry: String::new(),
            applications: Vec::new(),
            track1: None,
            track2: None,
            emboss: Vec::new(),
            panels: Vec::new(),
            draws: Draws::default(),
        };
        let finished = Finished {
            fields: record,
            facts: &facts,
            card,
            data: &data,
            job: "1",
            order: number,
        };
        files.add(&finished, session.as_mut())?;
    }
    files.finish()
}

/// The texts of a written file as its own format reads them, one line for each record.
fn read_back(loaded: &Loaded, format: &str, octets: &[u8]) -> Vec<String> {
    let formats = &loaded.content().formats;
    let format = formats.iter().find(|f| f.name == format).expect("a format");
    let mut lines = Vec::new();
    cardwright_files::read(format, &mut &octets[..], &mut |found| {
        let record = &format.records[found.record.expect("a record")];
        let cells = found.cells.expect("its fields");
        let cells: Vec<&str> = cells.all().iter().flatten().map(|t| t.trim()).collect();
        lines.push(format!("{} {}", record.name, cells.join(" ")));
        ControlFlow::Continue(())
    })
    .expect("a file");
    lines
}

const EBCDIC: &str = "ebcdic-with-packed-fields";
const XML: &str = "xml-with-details";
const BRANCHES: &[u8] = b"City;Code\nZ\xC3\xBCrich;0001\nOslo;0002\n";

#[test]
fn a_hosts_file_is_read_to_the_octet() {
    let loaded = loaded(EBCDIC);
    let taken = scan(&loaded, &[], &octets(EBCDIC, "orders.bin")).expect("a good file");
    assert_eq!((taken.0.orders, taken.0.accepted), (2, 2));
    let records = records(&loaded, &taken);
    let first = &records[0];
    for (path, expected) in [
        ("header.batch", "7"),
        ("header.created", "2026-05-31"),
        ("branch.code", "0042"),
        ("order.pan", "9999920000000029"),
        ("order.expiry", "2029-12-31"),
        ("order.limit", "1500"),
        ("order.name", "ADA LOVELACE"),
        ("address.line", "1 Code Street|London"),
    ] {
        assert_eq!(text(first, path), expected, "{path}");
    }
    assert_eq!(text(&records[1], "order.limit"), "-250");
    assert_eq!(text(&records[1], "address.line"), "Zürich");
    assert_eq!(first.count("address"), 2);
}

/// A block of the host's file, changed.
fn changed(block: usize, change: impl Fn(&mut Vec<Vec<u8>>, usize)) -> Vec<u8> {
    let all = octets(EBCDIC, "orders.bin");
    let mut blocks: Vec<Vec<u8>> = all.chunks(80).map(<[u8]>::to_vec).collect();
    change(&mut blocks, block);
    blocks.concat()
}

#[test]
fn an_order_of_several_records_is_taken_whole_or_not_at_all() {
    let loaded = loaded(EBCDIC);
    // Blocks: 0 header, 1 branch, 2 order, 3 and 4 its address, 5 order, 6 its address, 7 end, 8 trailer.
    let rejected = |bytes: &[u8]| {
        let (summary, _) = scan(&loaded, &[], bytes).expect("a file");
        let found = summary.rejections.iter();
        found
            .map(|r| (r.line, r.order, r.code.clone(), r.field.clone()))
            .collect::<Vec<_>>()
    };
    let unreadable = changed(4, |blocks, at| blocks[at][0] = 0x40);
    let found = rejected(&unreadable);
    assert_eq!(found[0], (3, Some(1), "R1519".to_owned(), None));
    assert_eq!(found[1], (5, None, "R1505".to_owned(), None));

    let without = changed(6, |blocks, at| drop(blocks.remove(at)));
    assert_eq!(rejected(&without), [(6, Some(2), "R1519".to_owned(), None)]);

    let four = changed(3, |blocks, at| {
        for _ in 0..2 {
            blocks.insert(at, blocks[at].clone());
        }
    });
    assert_eq!(rejected(&four), [(3, Some(1), "R1519".to_owned(), None)]);

    // A control character in a detail rejects the order, and says which field of which record.
    let control = changed(4, |blocks, at| blocks[at][5] = 0x00);
    let field = Some("address.line".to_owned());
    assert_eq!(
        rejected(&control),
        [(3, Some(1), "R1506".to_owned(), field)]
    );

    let sign = changed(5, |blocks, at| blocks[at][18] = 0x05);
    let found = scan(&loaded, &[], &sign)
        .map(|_| ())
        .expect_err("another sum");
    assert_eq!(found.code, "R1510");
}

#[test]
fn totals_groups_and_structure_refuse_the_whole_file() {
    let loaded = loaded(EBCDIC);
    let refused = |bytes: &[u8]| scan(&loaded, &[], bytes).map(|_| ()).expect_err("refused");
    // The low digit of the hash total, of the limits, of the branch's count.
    for (block, octet) in [(8, 16), (8, 9), (7, 3)] {
        let error = refused(&changed(block, |blocks, at| blocks[at][octet] ^= 0x10));
        assert_eq!(error.code, "R1510", "{}", error.what);
    }
    let no_end = changed(7, |blocks, at| drop(blocks.remove(at)));
    assert_eq!(refused(&no_end).code, "R1512");
    let no_begin = changed(1, |blocks, at| drop(blocks.remove(at)));
    assert_eq!(refused(&no_begin).code, "R1512");
    let cut = octets(EBCDIC, "orders.bin");
    assert_eq!(refused(&cut[..cut.len() - 1]).code, "R1520");
    let alone = changed(2, |blocks, at| drop(blocks.remove(at)));
    let (code, what) = (refused(&alone).code, refused(&alone).what);
    assert_eq!(code, "R1510", "{what}");
}

#[test]
fn a_written_file_is_sorted_grouped_counted_and_read_back() {
    let loaded = loaded(EBCDIC);
    let taken = scan(&loaded, &[], &octets(EBCDIC, "orders.bin")).expect("a good file");
    let records = records(&loaded, &taken);
    let folder = tempfile::tempdir().expect("a folder");
    let written = write(&loaded, &records, folder.path());
    assert_eq!(
        (written[0].name.as_str(), written[0].records),
        ("returns.bin", 2)
    );
    let octets = std::fs::read(folder.path().join("returns.bin")).expect("the file");
    // The first record by hand: descriptor word, `HD`, batch 7.
    assert_eq!(
        octets[..10],
        [0, 10, 0, 0, 0xC8, 0xC4, 0x00, 0x00, 0x00, 0x7F]
    );
    let expected = [
        "header 7",
        "group 0042 0001",
        "card 1 9999920000000037 -250 CHARLES BABBAGE",
        "card 2 9999920000000029 1500 ADA LOVELACE",
        "group_end 2",
        // 9999920000000029 + 9999920000000037, of which ten digits.
        "trailer 2 1250 0000000066 6",
    ];
    assert_eq!(read_back(&loaded, "returns", &octets), expected);
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .collect();
    assert_eq!(left.len(), 1, "neither a part nor what was sorted is left");
}

#[test]
fn xml_orders_come_with_their_details_and_their_branch() {
    let loaded = loaded(XML);
    let joined: Joined<'_> = &[("branch", BRANCHES)];
    let taken = scan(&loaded, joined, &octets(XML, "orders.xml")).expect("a good file");
    assert_eq!(taken.0.accepted, 2);
    let records = records(&loaded, &taken);
    for (path, expected) in [
        ("header.number", "12"),
        ("order.name", "Zoë & <Ada>"),
        ("order.expiry", "2029-12-31"),
        ("order.urgent", "true"),
        ("branch.city", "Zürich"),
        ("item.text", "first|second"),
        ("item.amount", "100|50"),
    ] {
        assert_eq!(text(&records[0], path), expected, "{path}");
    }
    assert_eq!(text(&records[1], "branch.city"), "Oslo");
    assert_eq!(text(&records[1], "order.urgent"), "false");

    let folder = tempfile::tempdir().expect("a folder");
    let written = write(&loaded, &records, folder.path());
    let names: Vec<&str> = written.iter().map(|w| w.name.as_str()).collect();
    assert_eq!(names, ["returns-0001.json", "returns-0002.json"]);
    let octets = std::fs::read(folder.path().join("returns-0001.json")).expect("the file");
    let value: serde_json::Value = serde_json::from_slice(&octets).expect("JSON");
    let expected = serde_json::json!({
        "cards": [{
            "number": "1", "card": "999992******0029", "city": "Zürich",
            "items": ["first", "second"],
        }],
        "end": {"cards": "1"},
    });
    assert_eq!(value, expected);
    let back = read_back(&loaded, "returns", &octets);
    assert_eq!(
        back,
        ["card 1 999992******0029 Zürich first second ", "trailer 1"]
    );
}

#[test]
fn second_files_are_whole_and_their_keys_stand_once() {
    let loaded = loaded(XML);
    let orders = octets(XML, "orders.xml");
    let code = |joined: Joined<'_>| {
        let result = scan(&loaded, joined, &orders);
        result.map(|_| ()).expect_err("refused").code
    };
    assert_eq!(code(&[]), "R1532");
    assert_eq!(code(&[("branches", BRANCHES)]), "R1532");
    assert_eq!(
        code(&[("branch", b"City;Code\nOslo;0001\nBern;0001\n")]),
        "R1531"
    );
    assert_eq!(code(&[("branch", b"City;Code\nOslo;1\n")]), "R1530");
    assert_eq!(code(&[("branch", b"Town;Code\nOslo;0001\n")]), "R1530");
    let joined: Joined<'_> = &[("branch", b"City;Code\nOslo;0001\n")];
    let (summary, taken) = scan(&loaded, joined, &orders).expect("a file");
    let found = summary.rejections.iter();
    let found: Vec<_> = found.map(|r| (r.order, r.code.as_str())).collect();
    assert_eq!((taken.len(), found), (1, vec![(Some(2), "R1533")]));
}

#[test]
fn a_rule_on_details_rejects_the_order() {
    let loaded = loaded(XML);
    let orders = String::from_utf8(octets(XML, "orders.xml")).expect("text");
    let orders = orders
        .replace("amount=\"50\"", "amount=\"450\"")
        .replace("150<", "550<");
    let joined: Joined<'_> = &[("branch", BRANCHES)];
    let (summary, _) = scan(&loaded, joined, orders.as_bytes()).expect("a file");
    let found = &summary.rejections[0];
    assert_eq!((found.order, found.code.as_str()), (Some(1), "R1509"));
    assert_eq!(found.reason, "the items come to 550, 500 is the most");
}

#[test]
fn a_job_does_not_make_files_without_end() {
    let loaded = loaded(XML);
    let card = "<card number='9999920000000029'><expiry>2029-12</expiry></card>";
    let mut orders = String::from("<batch><head number='1'/><orders>");
    let mut branches = String::from("City;Code\n");
    for branch in 1..=201 {
        orders.push_str(&format!(
            "<order>{card}<holder>A</holder><branch>{branch:04}</branch></order>"
        ));
        branches.push_str(&format!("Oslo;{branch:04}\n"));
    }
    orders.push_str("</orders><tail><total>0</total></tail></batch>");
    let joined: Joined<'_> = &[("branch", branches.as_bytes())];
    let taken = scan(&loaded, joined, orders.as_bytes()).expect("a good file");
    let folder = tempfile::tempdir().expect("a folder");
    let error = try_write(&loaded, &records(&loaded, &taken), folder.path());
    assert_eq!(error.map(|_| ()).expect_err("too many").code, "R1288");
}
