//! Chips that are not EMV's, or not EMV's alone: written to a virtual card and read back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_rehearsal::{Order, Rehearsal, Rehearsed};
use cardwright_runtime::datagen::DgiValue;
use cardwright_tests::projects;
use std::collections::BTreeMap;

/// The small bank with more declarations behind it.
fn rehearsal(more: &str) -> Rehearsal {
    Rehearsal::new(projects::small_with(more)).unwrap_or_else(|e| panic!("{} {}", e.code, e.what))
}

fn order() -> Order {
    let fields = [
        ("pan", "9999920000000011"),
        ("name", "ADA LOVELACE"),
        ("expiry", "2912"),
        ("pin", "1234"),
    ];
    let text = |(name, value): (&str, &str)| (name.to_owned(), vec![value.to_owned()]);
    Order {
        fields: fields.into_iter().map(text).collect::<BTreeMap<_, _>>(),
        bin: None,
    }
}

fn make(more: &str) -> Rehearsed {
    let mut rehearsal = rehearsal(more);
    let made = rehearsal.order_in("other_job", &order());
    made.unwrap_or_else(|e| panic!("{} {}", e.code, e.what))
}

fn all_passed(made: &Rehearsed) {
    assert!(!made.verdicts.is_empty());
    for (scenario, verdict) in &made.verdicts {
        assert_eq!(verdict.failure, None, "{scenario}: {}", verdict.name);
    }
}

/// A card with the small bank's stripe and these applications, and a job that makes it.
fn card(application: &str, scenario: &str) -> String {
    format!(
        "{application}
card other_card : debit_card {{
  chip {{
    platform     = globalplatform(scp02, keys: kmc2, option: 0x15, security_level: 0x01)
    applications = [debit, other]
  }}
}}
key kmc2 : tdes2 {{ use = card_issuance }}
scenario other_ready : validation for other_card {{ {scenario} }}
job other_job {{
  input     = orders
  card      = other_card
  scenarios = [other_ready]
  flow      = line
  mailer    = letter  after produced
}}
"
    )
}

const EVERY_STYLE: &str = r#"
application other for orders.order {
  aid = x"F0 00 00 00 92 50 01"
  data {
    #50   = "LOYALTY"
    #9F4D = x"0B 0A"
    #DF01 = order.name |> ascii
  }
  dgis {
    order = [0x8301, 0x9200]
    join 0x3002 to 0x3001
    dgi 0x9102 template 0xA5 = [#50, #BF0C [#9F4D]]
    dgi 0x0B01 tlv           = [#DF01]
    dgi 0x0101 template 0x70 = [#DF01, #50]
    dgi 0x3001 struct {
      counter : b 2 = 258
      limit   : n 6 = 5000
      account : cn 19 = order.pan
      holder  : ans 30 = order.name
      expires : date "YYMM" = order.expiry
      proof   : check_value(option_a) = imk_ac
    }
    dgi 0x3002 raw = x"CA FE"
    dgi 0x9200 empty
    dgi 0x8301 blob with pkcs7 {
      tries     : b 1 = 3
      reference : pin(iso2) = order.pin
      master    : key(option_a) = imk_ac
    }
    dgi 0x8302 blob with zeros { reference : pin(ascii) = order.pin; mark : b 1 = 1 }
    dgi 0x8303 blob with iso7816_always { reference : pin(plain0) = order.pin }
    dgi 0x8304 blob with no_padding { reference : pin(packed) = order.pin }
  }
  quirks { QUIRKS }
}
"#;

/// Octets worked out by hand from the source above and the order.
const STRUCT: &str = "0102\
                      005000\
                      9999920000000011FFFF\
                      414441204C4F56454C414345202020202020202020202020202020202020\
                      2912";

fn every_style(quirks: &str) -> Rehearsed {
    let scenario = "contact { select other; expect data matches source }";
    let source = EVERY_STYLE.replace("QUIRKS", quirks);
    // What is joined can't stay so where each grouping has a command of its own.
    let source = match quirks.starts_with("one_dgi") {
        true => source.replace("join 0x3002 to 0x3001", ""),
        false => source,
    };
    make(&card(&source, scenario))
}

/// STORE DATA commands to the application: P1, P2, octets of data.
fn store_data(made: &Rehearsed) -> Vec<(u8, u8, usize)> {
    let aid = hex::decode("F0000000925001").expect("an AID");
    let start = made.exchanges.iter().position(|e| e.name == aid);
    made.exchanges[start.expect("selected")..]
        .iter()
        .skip(1)
        .take_while(|e| e.header[1] != 0xA4)
        .filter(|e| e.header[1] == 0xE2)
        .map(|e| (e.header[2], e.header[3], e.data_octets))
        .collect()
}

/// The clear value of a grouping.
fn clear(made: &Rehearsed, number: u16) -> String {
    let application = made.data.applications.iter().find(|a| a.name == "other");
    let dgi = application.and_then(|a| a.dgis.iter().find(|d| d.number == number));
    match dgi.map(|d| &d.value) {
        Some(DgiValue::Clear(octets)) => hex::encode_upper(octets),
        _ => "sealed, or not there".to_owned(),
    }
}

#[test]
fn every_style_reaches_the_card_and_comes_back() {
    let made = every_style("");
    all_passed(&made);
    let application = made.data.applications.iter().find(|a| a.name == "other");
    let numbers: Vec<u16> = application
        .expect("made")
        .dgis
        .iter()
        .map(|d| d.number)
        .collect();
    assert_eq!(
        numbers,
        [
            0x8301, 0x9200, 0x9102, 0x0B01, 0x0101, 0x3001, 0x3002, 0x8302, 0x8303, 0x8304
        ]
    );
    let found = clear(&made, 0x3001);
    assert_eq!(
        found.len(),
        STRUCT.len() + 6,
        "three octets of check value behind it"
    );
    assert!(found.starts_with(STRUCT), "{found}");
    assert_eq!(clear(&made, 0x9200), "");
    assert_eq!(clear(&made, 0x3002), "CAFE");
    // A template with one inside: A5 { 50 LOYALTY, BF0C { 9F4D } }.
    assert_eq!(
        clear(&made, 0x9102),
        "A51150074C4F59414C5459BF0C059F4D020B0A"
    );
    for secret in [0x8301, 0x8302, 0x8303, 0x8304] {
        assert_eq!(clear(&made, secret), "sealed, or not there");
    }
    // P1: what is enciphered travels apart from what is not; one last block.
    let commands = store_data(&made);
    assert!(
        commands
            .iter()
            .all(|(p1, ..)| matches!(p1 & 0x7F, 0x00 | 0x60))
    );
}

#[test]
fn each_deviation_that_the_host_knows_changes_what_it_sends() {
    let plain = store_data(&every_style(""));
    let last = |commands: &[(u8, u8, usize)]| commands.iter().filter(|c| c.0 & 0x80 != 0).count();
    assert_eq!(last(&plain), 1);
    assert!(plain.iter().enumerate().all(|(n, c)| usize::from(c.1) == n));

    // The card has the same deviation and refuses a host that has not.
    let quirk = |name: &str| {
        let made = every_style(&format!("{name} = \"a test\""));
        all_passed(&made);
        store_data(&made)
    };
    assert!(quirk("one_dgi_per_command").len() > plain.len());
    assert!(quirk("block_number_zero").iter().all(|c| c.1 == 0));
    assert!(quirk("block_number_per_dgi").iter().all(|c| c.1 == 0));
    assert_eq!(last(&quirk("last_block_on_every_dgi")), 9);
    quirk("le_required");
    quirk("default_key_version_only");
    quirk("ber_dgi_lengths");
}

#[test]
fn emv_groupings_can_be_written_anew_and_moved() {
    let profile = "
profile other : debit {
  aid   = x\"F0 00 00 00 92 10 20\"
  label = \"OTHER\"
  dgis {
    grouping = one_per_command
    order    = [0x8000, 0x9000]
    dgi 0x9102 template 0xA5 = [#50, #87, #BF0C [#9F4D]]
    dgi 0x8010 blob { reference : pin(iso2) = order.pin }
  }
  data { #9F4D = x\"0B 0A\" }
  dda { same_key_as = debit }
}
";
    let scenario = "contact { select other; read records; expect data matches source; \
                    authenticate offline dda; verify pin order.pin; \
                    purchase 10.00 EUR expect arqc signed_by imk_ac }";
    let made = make(&card(profile, scenario));
    all_passed(&made);
    let application = made.data.applications.iter().find(|a| a.name == "other");
    let numbers: Vec<u16> = application
        .expect("made")
        .dgis
        .iter()
        .map(|d| d.number)
        .collect();
    assert_eq!(numbers[..2], [0x8000, 0x9000]);
}

/// A loyalty tag on a native card: what it holds is public, and no key is needed.
const LOYALTY: &str = r#"
use std.profiles.ndef

application loyalty : ndef.tag for orders.order {
  data {
    #E104 = ndef_message(ndef_uri("https://harbour.example/m/{order.psn}"),
                         ndef_text("Bonjour {order.name}", "fr"))
  }
}
card tag_card for orders.order {
  pan    = order.pan
  expiry = order.expiry
  chip { platform = native(); applications = [loyalty] }
}
scenario tag_ready : validation for tag_card {
  contactless { select loyalty; read ndef }
}
flow tag_line : machine {
  feed { stock = "TAG"; reject_bin = "reject" }
  chip { slots = 1 }
}
job other_job {
  input     = orders
  card      = tag_card
  scenarios = [tag_ready]
  flow      = tag_line
}
"#;

#[test]
fn a_native_tag_is_written_by_its_script_and_read_as_a_telephone_reads() {
    let made = make(LOYALTY);
    all_passed(&made);
    let names: Vec<(u8, u8)> = made
        .exchanges
        .iter()
        .map(|e| (e.header[1], e.header[3]))
        .collect();
    // Length zero, message, length, and the access condition last.
    assert_eq!(
        names,
        [
            (0xA4, 0x00),
            (0xA4, 0x0C),
            (0xD6, 0x00),
            (0xD6, 0x02),
            (0xD6, 0x00),
            (0xA4, 0x0C),
            (0xD6, 0x0E)
        ]
    );
}

/// A card without a chip: stripe, printing, nothing else.
const STRIPE_ONLY: &str = r#"
let gift_service = 101
let gift_cvv     = cvv(cvk, order.pan, order.expiry, service: gift_service)
card gift_card for orders.order {
  stripe {
    track1     = track1(order.pan, order.name, order.expiry, gift_service, gift_cvv)
    track2     = track2(order.pan, order.expiry, gift_service, gift_cvv)
    coercivity = low
  }
  face back { print { panel "cvv2" = cvv2(cvk, order.pan, order.expiry) at (62 mm, 18 mm) } }
}
scenario gift_ready : validation for gift_card {
  stripe { expect track1 matches source; expect track2 matches source }
}
flow gift_line : machine {
  feed   { stock = "GIFT"; reject_bin = "reject" }
  stripe { verify = read_back }
  print
}
job other_job {
  input     = orders
  card      = gift_card
  scenarios = [gift_ready]
  flow      = gift_line
}
"#;

#[test]
fn a_card_without_a_chip_is_made_and_read_back() {
    let made = make(STRIPE_ONLY);
    all_passed(&made);
    assert!(made.exchanges.is_empty());
    assert!(made.data.applications.is_empty());
    let track2 = made.data.track2.as_deref().unwrap_or_default();
    assert!(track2.starts_with("9999920000000011=2912101"), "{track2}");
}
