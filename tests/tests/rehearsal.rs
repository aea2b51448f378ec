//! What a rehearsal refuses before a card is made, and what plans and kept data refuse.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::{
    LookupRow, LookupTable, Node, Op, Secrecy, TableColumn, TableKey, ValueType,
};
use cardwright_ports::Hsm;
use cardwright_rehearsal::{Order, Rehearsal, RehearsalError, look};
use cardwright_runtime::{
    RuntimeError, Value,
    datagen::{CardData, Datagen},
    load,
    plan::{BoundKeys, Fields, RunFacts},
};
use cardwright_soft_hsm::SoftHsm;
use cardwright_tests::plant;

fn rehearse(name: &str, values: &[&str]) -> Result<(), RehearsalError> {
    let values = values.iter().map(|v| (*v).to_owned()).collect();
    let order = Order {
        fields: [(name.to_owned(), values)].into(),
        ..plant::order()
    };
    let mut rehearsal = Rehearsal::new(plant::small_bank()).expect("it rehearses");
    rehearsal.order(&order).map(|_| ())
}

#[test]
fn a_field_that_the_record_has_not_is_r1191() {
    rehearse("name", &["ADA LOVELACE"]).expect("the control");
    let refused = rehearse("nickname", &["Ada"]).expect_err("no such field");
    assert_eq!(refused.code, "R1191");
    // The message names the fields that there are.
    assert!(refused.what.contains("nickname"), "{refused}");
    assert!(refused.what.contains("address"), "{refused}");
}

#[test]
fn a_value_that_does_not_fit_its_field_is_r1192() {
    let long = "A".repeat(27);
    for (name, values) in [
        ("name", vec![long.as_str()]),
        ("psn", vec!["00", "01"]),
        ("address", vec!["a", "b", "c", "d", "e"]),
    ] {
        let refused = rehearse(name, &values).expect_err("too much");
        assert_eq!(refused.code, "R1192", "{name}: {refused}");
        assert!(refused.what.contains(name), "{refused}");
        assert!(!refused.what.contains(&long), "the value is not repeated");
    }
}

#[test]
fn a_card_without_what_is_expected_is_r1194() {
    let mut rehearsal = Rehearsal::new(plant::small_bank()).expect("it rehearses");
    let made = rehearsal.order(&plant::order()).expect("a card");
    look(&made, "chip.debit.#5A").expect("the control");
    for subject in [
        "chip.#9F7F",
        "chip.credit.#5A",
        "chip.no_such_fact",
        "chip.#xyz",
        "front.line 9",
        "front.line",
        "back.panel logo",
        "moon",
    ] {
        let refused = look(&made, subject).expect_err("not there");
        assert_eq!(refused.code, "R1194", "{subject}");
        assert!(refused.what.contains(subject), "{refused}");
    }
}

#[test]
fn a_project_without_a_job_is_r1195_and_an_unknown_job_r1105() {
    let idle = plant::changed(|content| content.jobs.clear());
    let mut rehearsal = Rehearsal::new(idle).expect("it loads");
    let refused = rehearsal.order(&plant::order()).err().expect("no job");
    assert_eq!(refused.code, "R1195");
    let mut rehearsal = Rehearsal::new(plant::small_bank()).expect("it rehearses");
    let refused = rehearsal.order_in("weekly", &plant::order());
    let refused = refused.err().expect("no such job");
    assert_eq!(refused.code, "R1105");
    assert!(
        refused.what.contains("daily"),
        "the jobs are named: {refused}"
    );
}

#[test]
fn a_value_that_no_card_can_hold_is_r1108() {
    let refused = rehearse("name", &["日本 太郎"]).expect_err("no name for a card");
    assert_eq!(refused.code, "R1108", "{refused}");
    assert!(!refused.what.contains('日'), "the value is not repeated");
}

#[test]
fn a_card_that_its_issuer_certificate_does_not_cover_is_r1111() {
    // The certificate of the small bank ends with 12/35 and is for PANs that begin with 999992.
    rehearse("expiry", &["3512"]).expect("the last month");
    let refused = rehearse("expiry", &["3601"]).expect_err("a month too long");
    assert_eq!(refused.code, "R1111", "{refused}");
    assert!(refused.what.contains("12/2035"), "{refused}");
    let refused = rehearse("pan", &["9999930000000002"]).expect_err("another range");
    assert_eq!(refused.code, "R1111", "{refused}");
    assert!(!refused.what.contains("99999"), "the PAN is not repeated");
}

#[test]
fn a_deviation_of_tomorrow_is_r1130() {
    let bundle = plant::changed(|content| {
        let chip = content.cards[0].chip.as_mut().expect("a chip");
        let quirk = ("levitates".to_owned(), "it does".to_owned());
        chip.applications[0].quirks.push(quirk);
    });
    let Err(refused) = load::accept(bundle) else {
        panic!("there is no such quirk");
    };
    assert_eq!(refused.code, "R1130");
    assert!(refused.what.contains("levitates"), "{refused}");
}

#[test]
fn a_key_with_another_check_value_is_r1104() {
    let loaded = plant::loaded(|content| content.keys[0].check_value = "000000".to_owned());
    let hsm = SoftHsm::in_memory([1; 32]).expect("an HSM");
    let mut session = hsm.open_session().expect("a session");
    let refused = BoundKeys::bind(loaded.content(), session.as_mut()).err();
    let refused = refused.expect("another key");
    assert_eq!(refused.code, "R1104");
    let name = &loaded.content().keys[0].name;
    assert!(refused.what.contains(name.as_str()), "{refused}");
    assert!(refused.what.contains("000000"), "{refused}");
}

/// A record whose fields have all been lost.
struct Nothing;

impl Fields for Nothing {
    fn field(&self, _: &str, _: &str) -> Option<&Value> {
        None
    }
}

#[test]
fn a_record_without_its_fields_is_r1106() {
    let loaded = plant::loaded(|_| {});
    let hsm = SoftHsm::in_memory([1; 32]).expect("an HSM");
    let mut session = hsm.open_session().expect("a session");
    let keys = BoundKeys::bind(loaded.content(), session.as_mut()).expect("keys");
    let datagen = Datagen::new(&loaded, &loaded.content().cards[0], &keys).expect("a program");
    let facts = RunFacts::default();
    let made = datagen.make(&Nothing, &facts, session.as_mut(), "job", 1);
    let refused: RuntimeError = made.err().expect("no fields");
    assert_eq!(refused.code, "R1106");
    assert!(
        refused.what.contains("order."),
        "the field is named: {refused}"
    );
}

#[test]
fn card_data_that_were_damaged_are_r1107() {
    let mut rehearsal = Rehearsal::new(plant::small_bank()).expect("it rehearses");
    let made = rehearsal.order(&plant::order()).expect("a card");
    let versions = ["test.cvk@1".to_owned()];
    let whole = made.data.to_bytes(&versions).expect("octets");
    let (_, found) = CardData::from_bytes(&whole).expect("the control");
    assert_eq!(found.as_deref(), Some(&versions[..]));
    // What an older program kept ends where the versions begin.
    let older = made.data.to_bytes(&[]).expect("octets").len() - 1;
    let (_, found) = CardData::from_bytes(&whole[..older]).expect("an older program's");
    assert_eq!(found, None);
    for length in [0, 1, 7, whole.len() / 2, older - 1, whole.len() - 1] {
        let refused = CardData::from_bytes(&whole[..length]).err();
        assert_eq!(refused.expect("cut").code, "R1107", "{length} octets");
    }
    assert_eq!(
        CardData::from_bytes(&[0xFF; 64]).err().expect("noise").code,
        "R1107"
    );
}

/// A table of one column with these keys.
fn table(keys: &[&str]) -> LookupTable {
    let row = |key: &&str| LookupRow {
        from: (*key).to_owned(),
        to: String::new(),
        cells: vec!["N".to_owned()],
    };
    LookupTable {
        name: "case.names".to_owned(),
        key: TableKey::Exact,
        columns: vec![TableColumn {
            name: "short".to_owned(),
            gives: ValueType::Text,
            secrecy: Secrecy::Public,
        }],
        rows: keys.iter().map(row).collect(),
        span: 0,
    }
}

#[test]
fn a_table_that_is_not_sorted_is_r1109() {
    load::accept(plant::changed(|c| c.tables.push(table(&["A", "B"])))).expect("the control");
    let Err(refused) = load::accept(plant::changed(|c| c.tables.push(table(&["B", "A"])))) else {
        panic!("a search could not rely on it");
    };
    assert_eq!(refused.code, "R1109");
}

#[test]
fn a_table_that_lost_a_row_is_r1110() {
    let bundle = plant::changed(|content| {
        content.tables.push(table(&["NOBODY"]));
        // A text made of the holder's name comes out of the table instead.
        let program = content.cards[0].program as usize;
        let nodes = &mut content.programs[program].nodes;
        let made = |node: &Node| match &node.op {
            Op::Apply { function, args } if function == "embossing_name" => Some(args[0]),
            _ => None,
        };
        let at = nodes
            .iter()
            .position(|n| made(n).is_some())
            .expect("a name");
        let key = made(&nodes[at]).expect("its text");
        nodes[at].op = Op::Lookup {
            table: 0,
            column: 0,
            key,
            otherwise: None,
        };
    });
    let mut rehearsal = Rehearsal::new(bundle).expect("it rehearses");
    let refused = rehearsal.order(&plant::order()).map(|_| ());
    let refused = refused.expect_err("no such row");
    assert_eq!(refused.code, "R1110", "{refused}");
    assert!(refused.what.contains("case.names"), "{refused}");
}
