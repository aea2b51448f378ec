//! Applications that only some orders get, and keys that orders choose: made, listed in the
//! directories, written to files, read by a terminal; and what is wrong in a case is said.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_rehearsal::{Order, Rehearsal, Rehearsed};
use cardwright_runtime::datagen::DgiValue;
use cardwright_tests::projects;
use std::collections::BTreeMap;

const AID_DEBIT: &str = "F0000000921010";
const AID_EXTRA: &str = "F0000000921020";
const AID_LAST: &str = "F0000000921030";

/// A card whose first and second applications come and go, and one that every card has.
const LISTS: &str = r#"
let second = order.psn == "02" or order.psn == "03"
profile near : debit { interfaces = [contact, contactless]; cvm { no_cvm always else fail } }
profile first : near { aid = x"F0 00 00 00 92 10 10" }
profile extra : near { aid = x"F0 00 00 00 92 10 20"; label = "EXTRA"; dda { key = rsa(1152, 3); certified_by = issuer_rsa; same_key_as = last } }
profile last  : debit { aid = x"F0 00 00 00 92 10 30"; label = "LAST" }
card some_card : debit_card {
  chip { applications = [first when order.psn != "03", extra when second, last]; directories = [pse, ppse] }
}
scenario some_ready : validation for some_card {
  contact { select first; read records; expect data matches source; purchase 10.00 EUR expect arqc signed_by imk_ac; select extra; read records; expect data matches source; authenticate offline dda; select last; read records; expect data matches source }
  contactless { select extra; read records }
  cross { expect chip.pan == stripe.pan }
}
job other_job { input = orders; card = some_card; scenarios = [some_ready]; flow = line; mailer = letter after produced; outputs = [transfer] }
"#;

fn made(more: &str, psn: &str) -> Rehearsed {
    let mut rehearsal = Rehearsal::new(projects::small_with(more))
        .unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
    let fields = [
        ("pan", "9999920000000011"),
        ("psn", psn),
        ("name", "ADA LOVELACE"),
        ("expiry", "2912"),
        ("pin", "1234"),
    ];
    let text = |(name, value): (&str, &str)| (name.to_owned(), vec![value.to_owned()]);
    let order = Order {
        fields: fields.into_iter().map(text).collect::<BTreeMap<_, _>>(),
        bin: None,
    };
    let made = rehearsal.order_in("other_job", &order);
    let made = made.unwrap_or_else(|e| panic!("{psn}: {} {}", e.code, e.what));
    assert!(!made.verdicts.is_empty());
    for (scenario, verdict) in &made.verdicts {
        assert_eq!(verdict.failure, None, "{psn} {scenario}: {}", verdict.name);
    }
    made
}

fn grouping(made: &Rehearsed, application: &str, number: u16) -> Option<String> {
    let application = made
        .data
        .applications
        .iter()
        .find(|a| a.name == application);
    let dgi = application?.dgis.iter().find(|d| d.number == number)?;
    match &dgi.value {
        DgiValue::Clear(octets) => Some(hex::encode_upper(octets)),
        DgiValue::Sealed(..) => None,
    }
}

/// AIDs in the order of the PSE's records, which have no gap; then those of the PPSE.
fn listed(made: &Rehearsed) -> (Vec<String>, Vec<String>) {
    let aid = |text: &str| {
        text.split_once("4F07")
            .map(|(_, rest)| rest[..14].to_owned())
    };
    let records = (1..=4).map(|record| grouping(made, "pse", 0x0100 | record));
    let records: Vec<Option<String>> = records.collect();
    let there = records.iter().take_while(|r| r.is_some()).count();
    assert!(records.iter().skip(there).all(Option::is_none), "a gap");
    let contact = records.iter().flatten().filter_map(|r| aid(r)).collect();
    let field = grouping(made, "ppse", 0x9102).unwrap_or_default();
    let near = field.split("61").filter_map(aid).collect();
    (contact, near)
}

#[test]
fn each_order_gets_its_applications_and_directories_that_list_them() {
    let cases = [
        ("01", vec![AID_DEBIT, AID_LAST], vec![AID_DEBIT]),
        (
            "02",
            vec![AID_DEBIT, AID_EXTRA, AID_LAST],
            vec![AID_DEBIT, AID_EXTRA],
        ),
        ("03", vec![AID_EXTRA, AID_LAST], vec![AID_EXTRA]),
    ];
    for (psn, contact, near) in cases {
        let made = made(LISTS, psn);
        // An application that the card does not have costs no key: `extra` shares that of `last`.
        let keys = usize::from(psn != "03") + 1;
        assert_eq!(calls(&made, "rsa.generate"), keys, "{psn}");
        assert_eq!(calls(&made, "emv.icc_certificate"), contact.len(), "{psn}");
        assert_eq!(listed(&made), (strings(&contact), strings(&near)), "{psn}");
        let file = made.files.iter().find(|f| f.format == "transfer");
        let file = hex::encode_upper(&file.expect("the file").octets);
        for aid in [AID_DEBIT, AID_EXTRA, AID_LAST] {
            let block = format!("07{aid}");
            assert_eq!(file.contains(&block), contact.contains(&aid), "{psn} {aid}");
        }
    }
}

/// How often the HSM was asked for something.
fn calls(made: &Rehearsed, kind: &str) -> usize {
    let all = made.calls.values().flatten();
    all.filter(|(found, _)| *found == kind)
        .map(|(_, count)| *count)
        .sum()
}

/// A letter's PIN and a file's field that each have two sides, both of which the HSM makes.
const SIDES: &str = r#"
use std.layouts.mailer
key natural_key : tdes2 { use = pin_verification_ibm3624 }
let gold = order.psn == "02"
let slip = encrypt(order.name |> ascii, under: tk) |> hex
layout other_letter : mailer.pin_a4 for orders.order {
  text { at = (25 mm, 50 mm, 85 mm, 30 mm); shrink = to 6 pt; lines = [order.name] }
  pin  { value = if gold then pin.natural(natural_key, order.pan) else order.pin; at = (124 mm, 95 mm, 46 mm, 8 mm); font = "OCR-B" 14 pt }
}
format slips : delimited for orders.order {
  delimiter = ";"
  file_name = "slips.csv"
  record card { psn : text = order.psn; slip : text = if gold then slip else "none" }
}
job other_job { input = orders; card = debit_card; scenarios = [ready]; flow = line; mailer = other_letter after produced; outputs = [slips] }
"#;

#[test]
fn the_side_of_a_letter_or_file_that_is_not_taken_costs_no_call() {
    for (psn, natural, import, slips) in [("01", 0, 1, 0), ("02", 1, 0, 1)] {
        let made = made(SIDES, psn);
        let count = |stage: &str, kind: &str| {
            let stage = made.calls.get(stage).into_iter().flatten();
            let found = stage.filter(|(found, _)| **found == *kind);
            found.map(|(_, count)| *count).sum::<usize>()
        };
        assert_eq!(count("pages", "pin.natural"), natural, "{psn}");
        assert_eq!(count("pages", "pin.import"), import, "{psn}");
        assert_eq!(count("files", "encrypt"), slips, "{psn}");
        let file = made.files.iter().find(|f| f.format == "slips");
        let file = String::from_utf8_lossy(&file.expect("the file").octets).into_owned();
        assert_eq!(file.contains("none"), psn == "01", "{file}");
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|t| (*t).to_owned()).collect()
}

/// Two applications with one identifier, of which each order gets one; no order at all gets both a
/// contactless application and none, so that the proximity directory comes and goes with it.
const EITHER: &str = r#"
let gold = order.psn == "02"
key imk_gold : tdes2 { use = emv.application_cryptogram }
profile gold_debit : debit { label = "GOLD"; interfaces = [contact, contactless]; cvm { no_cvm always else fail }; keys { ac = imk_gold; smi = imk_smi; smc = imk_smc; derivation = option_a } }
card some_card : debit_card {
  chip { applications = [debit when not gold, gold_debit when gold]; directories = [pse, ppse] }
}
scenario some_ready : validation for some_card {
  contact { select debit; read records; purchase 10.00 EUR expect arqc signed_by imk_ac; select gold_debit; read records; purchase 10.00 EUR expect arqc signed_by imk_gold }
  contactless { select gold_debit; read records }
}
job other_job { input = orders; card = some_card; scenarios = [some_ready]; flow = line; mailer = letter after produced }
"#;

#[test]
fn one_of_two_applications_with_one_identifier() {
    for (psn, name, other) in [("01", "debit", "gold_debit"), ("02", "gold_debit", "debit")] {
        let made = made(EITHER, psn);
        let names: Vec<&str> = made
            .data
            .applications
            .iter()
            .map(|a| a.name.as_str())
            .collect();
        assert!(
            names.contains(&name) && !names.contains(&other),
            "{names:?}"
        );
        assert_eq!(names.contains(&"ppse"), psn == "02", "{names:?}");
        assert_eq!(listed(&made).0, [AID_DEBIT]);
    }
}

/// Keys that orders choose, in a profile and in a function: what a card's cryptograms are held
/// against is its own key, and the verification value is that of the key named for the case.
const KEYS: &str = r#"
let gold = order.psn == "02"
key imk_gold : tdes2 { use = emv.application_cryptogram }
key cvk_gold : tdes2 { use = card_verification }
profile own : debit {
  data { #57 = track2(order.pan, order.expiry, 201, cvv(if gold then cvk_gold else cvk, order.pan, order.expiry, service: 999)) }
  keys { ac = if gold then imk_gold else imk_ac; smi = imk_smi; smc = imk_smc; derivation = option_a }
}
card some_card : debit_card { chip { applications = [own] } }
card always_gold : debit_card { chip { applications = [golden] } }
profile golden : debit {
  data { #57 = track2(order.pan, order.expiry, 201, cvv(cvk_gold, order.pan, order.expiry, service: 999)) }
  keys { ac = imk_gold; smi = imk_smi; smc = imk_smc; derivation = option_a }
}
scenario some_ready : validation for some_card {
  contact { select own; read records; purchase 10.00 EUR expect arqc }
}
job other_job { input = orders; card = some_card; scenarios = [some_ready]; flow = line; mailer = letter after produced }
"#;

#[test]
fn orders_choose_keys() {
    let golden = KEYS.replace(
        "card = some_card; scenarios = [some_ready]",
        "card = always_gold; scenarios = [steady]",
    ) + "scenario steady : validation for always_gold { contact { select golden; read records } }";
    let check =
        |made: &Rehearsed, name| (grouping(made, name, 0x9000), grouping(made, name, 0x0101));
    let (plain, gold) = (made(KEYS, "01"), made(KEYS, "02"));
    let (plain, gold) = (check(&plain, "own"), check(&gold, "own"));
    let (a, b) = (
        plain.0.expect("check values"),
        gold.0.expect("check values"),
    );
    // Three octets for each of three keys: the first, for cryptograms, is another one.
    assert_ne!(a[..6], b[..6]);
    assert_eq!(plain.1.map(|r| r.len()), gold.1.as_ref().map(String::len));
    let always = made(&golden, "02");
    let always = check(&always, "golden");
    assert_eq!(
        (Some(b), gold.1),
        always,
        "as where the keys are the only ones"
    );
}

fn findings(chip: &str) -> String {
    projects::findings_of_small_with(&format!(
        "profile extra : debit {{ aid = x\"F0 00 00 00 92 10 20\" }}
profile near : debit {{ interfaces = [contactless]; cvm {{ no_cvm always else fail }}; aid = x\"F0 00 00 00 92 10 40\" }}
profile cousin : debit {{ label = \"COUSIN\" }}
profile other : debit {{ aid = x\"F0 00 00 00 92 10 50\"; data {{ #5F34 = \"07\"; }} }}
card some_card : debit_card {{ chip {{ {chip} }} }}
job other_job {{ input = orders; card = some_card; flow = line; mailer = letter after produced }}
"
    ))
}

#[test]
fn what_is_wrong_in_a_case_is_said() {
    let said = |chip: &str, code: &str| {
        let found = findings(chip);
        assert!(found.contains(code), "{chip}: {code} expected\n{found}");
    };
    let fine = |chip: &str| {
        let found = findings(chip);
        assert!(!found.contains("error"), "{chip}\n{found}");
    };
    // No application for some orders.
    said("applications = [debit when order.psn == \"01\"]", "E0362");
    fine("applications = [debit when order.psn == \"01\", extra when order.psn != \"01\"]");
    // One identifier twice, where an order can get both, and where none can.
    said(
        "applications = [debit, cousin when order.psn == \"01\"]",
        "E0404",
    );
    fine("applications = [debit when order.psn == \"01\", cousin when order.psn != \"01\"]");
    said(
        "applications = [debit when order.psn == \"01\", debit when order.psn != \"01\"]",
        "E0404",
    );
    // Another sequence number, where an order gets both; where none does, the card has to say it.
    said(
        "applications = [debit, other when order.psn == \"01\"]",
        "E0332",
    );
    said(
        "applications = [debit when order.psn == \"01\", other when order.psn != \"01\"]",
        "E0332",
    );
    // A contactless application of some orders only needs its directory all the same.
    said(
        "applications = [debit, near when order.psn == \"01\"]",
        "E0330",
    );
    fine("applications = [debit, near when order.psn == \"01\"]; directories = [pse, ppse]");
    // Who has the card sees what is on it.
    said(
        "applications = [debit, extra when order.pin == \"1234\"]",
        "E1001",
    );
    // Nothing else may stand behind a name.
    said("applications = [debit, extra else debit]", "E0203");
    said("applications = [debit extra]", "E0203");
    said(
        "applications = [debit, extra when order.nothing == \"1\"]",
        "E0106",
    );
    said("applications = [debit, extra when order.name]", "E02");
    let many: Vec<String> = (1..8)
        .map(|n| format!("extra when order.psn == \"0{n}\""))
        .collect();
    said(
        &format!("applications = [debit, {}]", many.join(", ")),
        "E0361",
    );
}

#[test]
fn a_key_chosen_by_a_secret_or_of_another_use_is_refused() {
    let with = |keys: &str| {
        projects::findings_of_small_with(&format!(
            "profile bare : debit {{ keys {{ {keys}; smi = imk_smi; smc = imk_smc; derivation = option_a }} }}
card bare_card : debit_card {{ chip {{ applications = [bare] }} }}
job other_job {{ input = orders; card = bare_card; flow = line; mailer = letter after produced }}
"
        ))
    };
    assert!(with("ac = if order.pin == \"1234\" then imk_ac else imk_ac").contains("E1001"));
    assert!(with("ac = if order.psn == \"01\" then imk_ac else cvk").contains("E0501"));
    assert!(with("ac = if order.psn == \"01\" then imk_ac else \"no key\"").contains("E0502"));
    let deep = (0..20).fold("imk_ac".to_owned(), |e, n| {
        format!("if order.psn == \"{n:02}\" then imk_ac else {e}")
    });
    assert!(with(&format!("ac = {deep}")).contains("E0502"));
    // A scenario names no key where orders choose it.
    let named = KEYS.replace("expect arqc }", "expect arqc signed_by imk_ac }");
    assert!(projects::findings_of_small_with(&named).contains("E0909"));
}
