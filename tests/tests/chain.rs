//! What one format writes, the same format reads back: the return file of one job is the order file
//! of a second, in every kind of file, and its numbers go on from job to job.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::{Card, Job, Limits, Trust};
use cardwright_ports::{Hsm as _, Store};
use cardwright_runtime::datagen::CardData;
use cardwright_runtime::intake::{Intake, Order, Record, Shown};
use cardwright_runtime::plan::{BoundKeys, Draws, Fields as _, RunFacts};
use cardwright_runtime::{Date, Loaded, Value, load};
use cardwright_soft_hsm::SoftHsm;
use cardwright_stations::outputs::{Finished, OutputFiles};
use cardwright_store::MemoryStore;
use cardwright_tests::projects;
use proptest::prelude::*;
use std::path::Path;

/// 2026-06-01, 12:00 UTC.
const NOW: i64 = 1_780_315_200;

const HEAD: &str = r#"
issuer chain { name = "Chain Bank"; country = 250; currency = 978; bin = "999992" }
format orders : delimited {
  record order {
    pan    : pan
    expiry : date "YYMM"
    name   : text width 26
    amount : n 8
  }
}
card first_card for orders.order {
  stripe { track2 = track2(order.pan, order.expiry, 101, "000") }
}
card second_card for returns.card {
  stripe { track2 = track2(card.pan, card.expiry, 101, "000") }
}
flow line : machine { feed { stock = "CHAIN"; reject_bin = "reject" }; stripe }
job first  { input = orders;  card = first_card;  flow = line; outputs = [returns] }
job second { input = returns; card = second_card; flow = line }
"#;

/// One format for each kind of file; the same words write and read.
const KINDS: [(&str, &str); 7] = [
    (
        "fixed width",
        r#"format returns : fixed_width for orders.order {
  encoding = latin1
  record header when text(1, 2) == "HD" { number : n 6 at 3 = sequence(files) }
  record card when text(1, 2) == "CD" {
    pan    : pan         at 3  width 19 = order.pan
    expiry : date "YYMM" at 22 = order.expiry
    name   : text        at 26 width 26 = order.name
    amount : n 8         at 52 = order.amount
  }
  record trailer when text(1, 2) == "TR" { cards : n 6 at 3 = count(card); sum : n 12 at 9 = sum(card.amount) }
}"#,
    ),
    (
        "host",
        r#"format returns : fixed_width for orders.order {
  encoding = ebcdic037
  framing  = blocks
  block    = 80
  record header when text(1, 2) == "HD" { number : n 6 at 3 as packed = sequence(files) }
  record card when text(1, 2) == "CD" {
    pan    : pan         at 3  width 10 as packed = order.pan
    expiry : date "YYMM" at 13 as packed = order.expiry
    name   : text        at 20 width 26 = order.name
    amount : n 8         at 50 as binary = order.amount
  }
  record trailer when text(1, 2) == "TR" { cards : n 6 at 3 as packed = count(card); sum : n 12 at 9 as zoned = sum(card.amount) }
}"#,
    ),
    (
        "delimited",
        r#"format returns : delimited for orders.order {
  encoding  = utf16
  delimiter = "|"
  record header when column(1) == "HD" { number : n 6 at 2 = sequence(files) }
  record card when column(1) == "CD" {
    pan    : pan         at 2 = order.pan
    expiry : date "YYMM" at 3 = order.expiry
    name   : text width 26 at 4 = order.name
    amount : n 8         at 5 = order.amount
  }
  record trailer when column(1) == "TR" { cards : n 6 at 2 = count(card); sum : n 12 at 3 = sum(card.amount) }
}"#,
    ),
    (
        "tagged",
        r#"format returns : tagged for orders.order {
  assign    = "="
  separator = ";"
  record header when field("TY") == "HD" { number : n 6 at "NR" = sequence(files) }
  record card when field("TY") == "CD" {
    pan    : pan           at "PA" = order.pan
    expiry : date "YYMM"   at "EX" = order.expiry
    name   : text width 26 at "NA" = order.name
    amount : n 8           at "AM" = order.amount
  }
  record trailer when field("TY") == "TR" { cards : n 6 at "CA" = count(card); sum : n 12 at "SU" = sum(card.amount) }
}"#,
    ),
    (
        "tlv",
        r#"format returns : tlv for orders.order {
  record header at #E1 { number : n 6 at #DF01 = sequence(files) }
  record card at #E2 {
    pan    : pan           at #5A   as bcd = order.pan
    expiry : date "YYMM"   at #5F24 as bcd = order.expiry
    name   : text width 26 at "F0/5F20" = order.name
    amount : n 8           at #DF02 as bcd = order.amount
  }
  record trailer at #E3 { cards : n 6 at #DF03 = count(card); sum : n 12 at #DF04 = sum(card.amount) }
}"#,
    ),
    (
        "xml",
        r#"format returns : xml for orders.order {
  record header at "batch/head" { number : n 6 at "@number" = sequence(files) }
  record card at "batch/cards/card" {
    pan    : pan           at "number" = order.pan
    expiry : date "YYMM"   at "expiry" = order.expiry
    name   : text width 26 at "holder" = order.name
    amount : n 8           at "@amount" = order.amount
  }
  record trailer at "batch/tail" { cards : n 6 at "cards" = count(card); sum : n 12 at "sum" = sum(card.amount) }
}"#,
    ),
    (
        "json",
        r#"format returns : json for orders.order {
  record header at "head" { number : n 6 at "number" = sequence(files) }
  record card at "cards" {
    pan    : pan           at "pan" = order.pan
    expiry : date "YYMM"   at "expiry" = order.expiry
    name   : text width 26 at "name" = order.name
    amount : n 8           at "amount" = order.amount
  }
  record trailer at "tail" { cards : n 6 at "cards" = count(card); sum : n 12 at "sum" = sum(card.amount) }
}"#,
    ),
];

fn loaded(returns: &str) -> Loaded {
    let bundle = projects::bundle_of_source(&format!("package chain\n{HEAD}{returns}\n"));
    let bytes = bundle.to_bytes().expect("a bundle has octets");
    load::load(&bytes, &Limits::default(), &Trust::test_only()).expect("it loads")
}

/// The orders of a file as a job reads them, and what stands once around them.
fn read(loaded: &Loaded, job: &str, octets: &[u8]) -> Vec<Record> {
    let job = loaded.job(Some(job)).expect("a job");
    let intake = Intake::new(loaded, job, Date::from_unix_seconds(NOW)).expect("an intake");
    let (mut orders, mut rejected): (Vec<Order>, Vec<String>) = Default::default();
    let store = MemoryStore::new();
    let mut seen = store.seen().expect("a set");
    let summary = intake.scan(&mut &*octets, seen.as_mut(), &mut |shown| {
        match shown {
            Shown::Order(order) => orders.push(order),
            Shown::Rejection(rejection) => rejected.push(format!("{rejection:?}")),
        }
        Ok(())
    });
    let summary = summary.unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
    assert!(rejected.is_empty(), "{rejected:?}");
    let reread = |order| intake.reread(order, &summary.once_lines);
    orders
        .iter()
        .map(|o| reread(o).expect("a kept order"))
        .collect()
}

/// Writes the files of the first job and gives the only one's octets.
fn write(loaded: &Loaded, records: &[Record], folder: &Path, number: u64) -> Vec<u8> {
    let hsm = SoftHsm::in_memory([7; 32]).expect("a soft HSM");
    let mut session = hsm.open_session().expect("a session");
    let keys = BoundKeys::none();
    let job: &Job = loaded.job(Some("first")).expect("a job");
    let cards = &loaded.content().cards;
    let card: &Card = cards.iter().find(|c| c.name == "first_card").expect("it");
    let numbers = |_: &str, _: &str| Ok(number);
    let files = OutputFiles::numbered(folder, loaded, job, &keys, &numbers);
    let mut files = files.unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
    for (order, record) in (1..).zip(records) {
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
            order,
        };
        let added = files.add(&finished, session.as_mut());
        added.unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
    }
    let written = files
        .finish()
        .unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
    assert_eq!(written.len(), 1);
    std::fs::read(folder.join(&written[0].name)).expect("the file")
}

fn shown(record: &Record, name: &str) -> Vec<String> {
    let field = |field: &str| match record.field(name, field) {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Date(date)) => date.format("YYMM"),
        _ => panic!("{name}.{field}"),
    };
    ["pan", "expiry", "name", "amount"].map(field).to_vec()
}

fn number(record: &Record, name: &str, field: &str) -> i64 {
    match record.field(name, field) {
        Some(Value::Number(number)) => *number,
        _ => panic!("{name}.{field}"),
    }
}

/// A PAN of the bank with its check digit (ISO/IEC 7812-1, annex B).
fn pan(account: u32) -> String {
    let digits = format!("999992{account:09}");
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_return_file_of_one_job_is_the_order_file_of_another(
        orders in prop::collection::btree_map(
            0u32..1_000_000, ("[A-Z][A-Z ]{0,20}[A-Z]", 0i64..100_000_000, 1u8..=12), 1..6),
        file in 1u64..1_000,
    ) {
        for (kind, returns) in KINDS {
            let loaded = loaded(returns);
            let lines: Vec<String> = orders
                .iter()
                .map(|(account, (name, amount, month))| {
                    format!("{};29{month:02};{name};{amount}\n", pan(*account))
                })
                .collect();
            let first = read(&loaded, "first", lines.concat().as_bytes());
            prop_assert_eq!(first.len(), orders.len(), "{}", kind);
            let folder = tempfile::tempdir().expect("a folder");
            let octets = write(&loaded, &first, folder.path(), file);
            let second = read(&loaded, "second", &octets);
            let before: Vec<_> = first.iter().map(|r| shown(r, "order")).collect();
            let after: Vec<_> = second.iter().map(|r| shown(r, "card")).collect();
            prop_assert_eq!(&before, &after, "{}", kind);
            let sum: i64 = orders.values().map(|(_, amount, _)| amount).sum();
            for record in &second {
                prop_assert_eq!(number(record, "header", "number"), file as i64, "{}", kind);
                prop_assert_eq!(number(record, "trailer", "cards"), orders.len() as i64, "{}", kind);
                prop_assert_eq!(number(record, "trailer", "sum"), sum, "{}", kind);
            }
        }
    }
}
