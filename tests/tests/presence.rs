//! Data elements and records that only some orders have: made, read by a terminal along the AFL of
//! that order, and authenticated with what that order's certificate signs.

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

const MORE: &str = r#"
let second = order.psn == "02"

profile some : debit {
  data {
    #5F20 = order.name |> emv_name when starts(order.name, "ADA")
    #9F05 = ascii(order.psn)       when second
    #5F50 = "https://bank.example" when second
  }
  records {
    sfi 1 record 1        = [#57, #5F20]
    sfi 2 record 1 signed = [#5A, #5F24, #5F28, #5F30, #5F34, #9F07, #8E, #9F0D, #9F0E, #9F0F, #9F4A]
    sfi 2 record 2        = [#8C, #8D, #9F08, #9F42, #9F49]
    sfi 4 record 1 signed = [#9F05]
    sfi 5 record 1        = [#5F50] when not starts(order.name, "ADA")
  }
}
card some_card : debit_card { chip { applications = [some] } }
scenario some_ready : validation for some_card {
  contact {
    select some
    read records
    expect data matches source
    authenticate offline dda
    verify pin order.pin
    purchase 10.00 EUR  expect arqc signed_by imk_ac
  }
}
job other_job { input = orders; card = some_card; scenarios = [some_ready]; flow = line; mailer = letter after produced }
"#;

fn made(name: &str, psn: &str) -> Rehearsed {
    let mut rehearsal = Rehearsal::new(projects::small_with(MORE))
        .unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
    let fields = [
        ("pan", "9999920000000011"),
        ("psn", psn),
        ("name", name),
        ("expiry", "2912"),
        ("pin", "1234"),
    ];
    let text = |(name, value): (&str, &str)| (name.to_owned(), vec![value.to_owned()]);
    let order = Order {
        fields: fields.into_iter().map(text).collect::<BTreeMap<_, _>>(),
        bin: None,
    };
    let made = rehearsal.order_in("other_job", &order);
    let made = made.unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
    assert!(!made.verdicts.is_empty());
    for (scenario, verdict) in &made.verdicts {
        assert_eq!(verdict.failure, None, "{scenario}: {}", verdict.name);
    }
    made
}

fn grouping(made: &Rehearsed, number: u16) -> Option<String> {
    let application = made.data.applications.iter().find(|a| a.name == "some");
    let dgi = application?.dgis.iter().find(|d| d.number == number)?;
    match &dgi.value {
        DgiValue::Clear(octets) => Some(hex::encode_upper(octets)),
        DgiValue::Sealed(..) => None,
    }
}

/// The locators are worked out by hand (EMV Book 3, 10.2): SFI in the high five bits, first and last
/// record, how many are signed. SFI 6, the first that is free, is that of the certificates.
#[test]
fn each_order_gets_the_records_and_the_locator_of_its_case() {
    let (always, certificates) = ("0801010010010201", "30010300");
    let (signed, address) = ("20010101", "28010100");
    let cases = [
        ("ADA LOVELACE", "01", String::new(), true),
        ("ADA LOVELACE", "02", signed.to_owned(), true),
        ("ALAN TURING", "01", String::new(), false),
        ("ALAN TURING", "02", format!("{signed}{address}"), false),
    ];
    for (name, psn, further, named) in cases {
        let afl = format!("{always}{further}{certificates}");
        let made = made(name, psn);
        let options = grouping(&made, 0x9104).expect("AIP and AFL");
        assert!(options.ends_with(&afl), "{name} {psn}: {options}");
        let track = grouping(&made, 0x0101).expect("the first record");
        assert_eq!(track.contains("5F20"), named, "{name} {psn}");
        let record = grouping(&made, 0x0401);
        let expected = (psn == "02").then(|| "70059F05023032".to_owned());
        assert_eq!(record, expected, "{name} {psn}");
    }
}

#[test]
fn what_is_wrong_in_one_case_is_said_with_it() {
    let more = r#"
profile bare : debit { data { #5F28 = x"0250" when order.psn == "01" } }
card bare_card : debit_card { chip { applications = [bare] } }
job other_job { input = orders; card = bare_card; flow = line; mailer = letter after produced }
"#;
    let found = projects::findings_of_small_with(more);
    assert!(found.contains("E0322"), "{found}");
    assert!(
        found.contains("in the case that `order.psn == \"01\"` does not hold"),
        "{found}"
    );
}

/// Conditions that exclude each other make fewer cases: what would be wrong in none is not said.
#[test]
fn cases_that_no_order_makes_are_not_looked_at() {
    let more = r#"
profile bare : debit {
  data {
    #5F28 = x"0250" when order.psn == "01" or order.psn != "01"
  }
}
card bare_card : debit_card { chip { applications = [bare] } }
job other_job { input = orders; card = bare_card; flow = line; mailer = letter after produced }
"#;
    let found = projects::findings_of_small_with(more);
    assert!(
        found.contains("E0241") && !found.contains("E0322"),
        "{found}"
    );
}

/// What is there only for some orders can't be asked for before it is known; and there are bounds.
#[test]
fn lists_and_keys_of_a_card_are_for_all_orders() {
    let with = |data: &str| {
        projects::findings_of_small_with(&format!(
            "profile bare : debit {{ data {{ {data} }} }}
card bare_card : debit_card {{ chip {{ applications = [bare] }} }}
job other_job {{ input = orders; card = bare_card; flow = line; mailer = letter after produced }}
"
        ))
    };
    assert!(with("#5A = order.pan when order.psn == \"01\"").contains("E0360"));
    let many: String = (1..8)
        .map(|n| format!("#9F5{n} = x\"0{n}\" when order.psn == \"0{n}\"\n"))
        .collect();
    assert!(with(&many).contains("E0361"), "{}", with(&many));
    let pin = with("#9F05 = x\"01\" when order.pin == \"1234\"");
    assert!(pin.contains("E1001"), "{pin}");
}
