//! The profiles that ship: each is built upon as a customer would, compiled without a finding, and
//! its card is made and read back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_rehearsal::{Order, Rehearsal};
use cardwright_tests::projects;

/// What every derived profile says for itself.
const OWN: &str = r#"
  aid      = x"F0 00 00 00 92 70 01"
  label    = "SHIPPED"
  services = service
  keys     { ac = imk_ac; smi = imk_smi; smc = imk_smc; derivation = option_a }
  data {
    #5A   = order.pan
    #57   = track2(order.pan, order.expiry, services, chip_cvv)
    #5F24 = order.expiry
    #5F34 = order.psn
    MORE
  }
"#;

/// What those say that have a certificate.
const CERTIFIED: &str = r#"
  dda    { key = rsa(1152, 3); certified_by = issuer_rsa }
  quirks { record_of_255 = "the issuer key has 1984 bits" }
"#;

/// Verification and codes, for bases that leave them open.
const CODES: &str = r#"
  aip = [dda, cardholder_verification, terminal_risk_management]
  cvm {
    enciphered_pin_online  when supported  else next
    signature              when supported  else next
    no_cvm                 always          else fail
  }
  action_codes { denial = []; online = [oda_not_performed, dda_failed]; default = [dda_failed] }
"#;

const PURCHASE: &str = "purchase 10.00 EUR expect arqc signed_by imk_ac";

/// Makes a card of a profile that builds on a shipped one, with the elements that a contactless
/// one asks for.
fn make(package: &str, base: &str, own: &str, steps: &str) {
    let contactless = steps.starts_with("contactless");
    let (directory, more) = match contactless {
        true => ("ppse", "#9F6C = [online_pin, signature]"),
        false => ("pse", ""),
    };
    let own = format!("{} {own}", OWN.replace("MORE", more));
    let source = format!(
        "
use std.profiles.{package}
profile shipped : {package}.{base} for orders.order {{ {own} }}
card shipped_card : debit_card {{ chip {{ applications = [shipped]; directories = [{directory}] }} }}
scenario shipped_ready : validation for shipped_card {{ {steps} }}
job shipped_job {{
  input = orders; card = shipped_card; scenarios = [shipped_ready]; flow = line
  mailer = letter after produced
}}
"
    );
    assert_eq!(
        projects::findings_of_small_with(&source),
        "",
        "{package}.{base}"
    );
    let mut rehearsal = Rehearsal::new(projects::small_with(&source))
        .unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
    let fields = [
        ("pan", "9999920000000011"),
        ("psn", "01"),
        ("name", "ADA LOVELACE"),
        ("expiry", "2912"),
        ("pin", "1234"),
    ];
    let text = |(name, value): (&str, &str)| (name.to_owned(), vec![value.to_owned()]);
    let order = Order {
        fields: fields.into_iter().map(text).collect(),
        bin: None,
    };
    let made = rehearsal
        .order_in("shipped_job", &order)
        .unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
    assert!(!made.verdicts.is_empty());
    for (scenario, verdict) in &made.verdicts {
        assert_eq!(verdict.failure, None, "{scenario}: {}", verdict.name);
    }
}

fn contact(steps: &str) -> String {
    format!(
        "contact {{ select shipped; read records; expect data matches source; {steps}; {PURCHASE} }}"
    )
}

#[test]
fn generic_debit_and_credit() {
    let own = format!("{CERTIFIED} offline_pin {{ value = order.pin; tries = 3 }}");
    let steps = contact("authenticate offline dda; verify pin order.pin");
    for base in ["debit", "credit"] {
        make("contact", base, &own, &steps);
    }
}

#[test]
fn online_only_over_both_interfaces() {
    let steps = format!(
        "contact {{ select shipped; read records; expect data matches source; {PURCHASE} }}"
    );
    make("online", "application", "", &steps);
    let steps = steps.replace("contact {", "contactless {");
    make("online", "contactless", "", &steps);
}

#[test]
fn cpa_and_its_contactless_sister() {
    let own = format!("{CERTIFIED} {CODES}");
    let steps = contact("authenticate offline dda");
    make("cpa", "application", &own, &steps);
    let steps = steps.replace("contact {", "contactless {");
    make("cpa", "contactless", &own, &steps);
}

#[test]
fn families_by_their_deviations() {
    let own = format!("{CERTIFIED} {CODES}");
    let steps = contact("authenticate offline dda");
    for base in ["ber_lengths", "one_grouping", "counting_data"] {
        make("families", base, &own, &steps);
    }
}
