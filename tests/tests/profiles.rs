//! The profiles that ship: each is built upon as a customer would, compiled without a finding, and
//! its card is made and read back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::KeyPublic;
use cardwright_rehearsal::{Order, Rehearsal, Rehearsed};
use cardwright_runtime::datagen::DgiValue;
use cardwright_standards::tlv;
use cardwright_tests::projects;
use emv::core::oda::{CaPublicKey, recover_issuer_public_key, verify_sda};
use std::collections::BTreeMap;

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

/// Keys of cryptograms and scripts, in [`OWN`].
const KEYS: &str =
    "  keys     { ac = imk_ac; smi = imk_smi; smc = imk_smc; derivation = option_a }\n";

/// Both tracks of magnetic stripe mode.
const TRACKS: &str = r#"
    #56   = track1(order.pan, order.name |> emv_name(26), order.expiry, services, magstripe.tail)
    #9F62 = x"00 00 00 00 01 C0"
    #9F63 = x"00 00 00 00 00 3E"
    #9F64 = x"02"
    #9F6B = track2(order.pan, order.expiry, services, magstripe.tail)
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

/// One order of the small bank.
fn order() -> Order {
    let fields = [
        ("pan", "9999920000000011"),
        ("psn", "01"),
        ("name", "ADA LOVELACE"),
        ("expiry", "2912"),
        ("pin", "1234"),
    ];
    let text = |(name, value): (&str, &str)| (name.to_owned(), vec![value.to_owned()]);
    Order {
        fields: fields.into_iter().map(text).collect(),
        bin: None,
    }
}

/// Makes a card of a profile that builds on a shipped one, with the elements that a contactless
/// one asks for.
fn make(package: &str, base: &str, own: &str, steps: &str) {
    let _ = made(package, base, own, steps);
}

/// The same; gives the card and the issuer's public key.
fn made(package: &str, base: &str, own: &str, steps: &str) -> (Rehearsed, KeyPublic) {
    made_with(package, base, own, steps, "")
}

/// The same with further data elements.
fn made_with(
    package: &str,
    base: &str,
    own: &str,
    steps: &str,
    data: &str,
) -> (Rehearsed, KeyPublic) {
    let contactless = steps.starts_with("contactless");
    let (directory, more) = match contactless {
        true => ("ppse", "#9F6C = [online_pin, signature]"),
        false => ("pse", ""),
    };
    let mut own = format!("{} {own}", OWN.replace("MORE", &format!("{more} {data}")));
    let mut keys = "";
    if package == "two_modes" {
        keys = "key imk_cvc3 : tdes2 { use = emv.dynamic_numbers }";
    }
    if package == "magstripe" {
        own = own
            .replace(KEYS, "")
            .replace(
                "    #57   = track2(order.pan, order.expiry, services, chip_cvv)\n",
                "",
            )
            .replace("#9F6C = [online_pin, signature]", TRACKS);
        keys = "key imk_cvc3 : tdes2 { use = emv.dynamic_numbers }";
    }
    let source = format!(
        "
{keys}
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
    let made = rehearsal
        .order_in("shipped_job", &order())
        .unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
    assert!(!made.verdicts.is_empty());
    for (scenario, verdict) in &made.verdicts {
        assert_eq!(verdict.failure, None, "{scenario}: {}", verdict.name);
    }
    let mut keys = rehearsal.bundle().content().keys.iter();
    let public = keys.find_map(|slot| slot.public.clone());
    (made, public.expect("the issuer key's public half"))
}

/// Data elements in the records of an application's card, and the records' contents by grouping.
fn records(made: &Rehearsed) -> (BTreeMap<String, Vec<u8>>, BTreeMap<u16, Vec<u8>>) {
    let (mut elements, mut contents) = (BTreeMap::new(), BTreeMap::new());
    let application = made.data.applications.iter().find(|a| a.name == "shipped");
    for dgi in &application.expect("the application").dgis {
        let DgiValue::Clear(octets) = &dgi.value else {
            continue;
        };
        if !(0x0101..=0x1EFF).contains(&dgi.number) {
            continue;
        }
        let record = tlv::parse_flat(octets).expect("a record");
        let (_, content) = record.first().expect("the template");
        contents.insert(dgi.number, content.to_vec());
        for (tag, value) in tlv::parse_flat(content).expect("its elements") {
            elements.insert(tag.to_string(), value.to_vec());
        }
    }
    (elements, contents)
}

/// The certification authority's key, as another author's terminal holds it.
fn authority(public: &KeyPublic) -> CaPublicKey {
    CaPublicKey {
        rid: [0xF0, 0x00, 0x00, 0x00, 0x92],
        index: public.ca_index,
        modulus: hex::decode(&public.ca_modulus).expect("a modulus"),
        exponent: vec![u8::try_from(public.ca_exponent).expect("a small exponent")],
    }
}

const STATIC: &str = r#"
  sda    { certified_by = issuer_rsa }
  quirks { record_of_255 = "the issuer key has 1984 bits" }
"#;

#[test]
fn static_data_is_signed_and_another_terminal_finds_it_so() {
    let steps = contact("authenticate offline sda");
    let (made, public) = made("sda", "application", STATIC, &steps);
    let (elements, contents) = records(&made);
    let issuer = recover_issuer_public_key(
        &authority(&public),
        &elements["90"],
        elements.get("92").map(Vec::as_slice),
        &elements["9F32"],
        &elements["5A"],
        [0x11, 0x26],
    )
    .expect("the issuer certificate opens");
    // The signed record, then the AIP, as tag 9F4A says.
    let signed = |content: &[u8]| [content, &[0x58, 0x00]].concat();
    let data = signed(&contents[&0x0201]);
    let code = verify_sda(&issuer, &elements["93"], &data).expect("the signature holds");
    assert_eq!(code, [0xDA, 0xC1]);
    let mut other = contents[&0x0201].clone();
    other[5] ^= 1;
    assert!(verify_sda(&issuer, &elements["93"], &signed(&other)).is_err());
}

const FAST: &str = r#"
  dda    { key = rsa(BITS, 3); certified_by = issuer_rsa }
  quirks { record_of_255 = "the issuer key has 1984 bits" }
"#;

/// A fast card's signature stands in the first answer while the key is short, else in the record of
/// tag 9F69. Another author's terminal checks such signatures in the virtual card's own tests.
#[test]
fn fast_cards_sign_in_an_answer_or_in_a_record() {
    let steps = "contactless { select shipped; read records; expect data matches source; \
                 authenticate offline fdda }";
    for bits in ["1024", "1152"] {
        let own = FAST.replace("BITS", bits);
        make("fast", "contactless", &own, steps);
    }
}

#[test]
fn a_fast_purchase_goes_online() {
    let own = FAST.replace("BITS", "1024");
    let steps = format!(
        "contactless {{ select shipped; read records; authenticate offline fdda; {PURCHASE} }}"
    );
    make("fast", "contactless", &own, &steps);
}

/// Magnetic stripe mode with both tracks: the validation judges the codes as the issuer does. That
/// the card computes them as pyemv does is a test of the virtual card.
#[test]
fn dynamic_codes_of_magnetic_stripe_mode() {
    let own = "cvc3 { key = imk_cvc3 }";
    let steps = "contactless { select shipped; read records; expect data matches source; \
                 purchase 10.00 EUR expect cvc3 signed_by imk_cvc3 }";
    let (made, _) = made("magstripe", "contactless", own, steps);
    let (elements, _) = records(&made);
    assert_eq!(elements["56"].first(), Some(&b'B'));
    // 16 digits of PAN, separator, expiry, service code, ten of the tail: 34 halves.
    assert_eq!(elements["9F6B"].len(), 17);
}

/// The block of magstripe mode beside another mode, with both tracks.
fn beside() -> String {
    let tracks = TRACKS.replace("magstripe.tail", "two_modes.tail");
    format!("magstripe {{ cvc3 {{ key = imk_cvc3 }}; data {{ {tracks} }} }}")
}

/// Steps of a terminal that offers magnetic stripe mode alone.
const STRIPE_ALONE: &str = "select shipped magstripe; read records; expect data matches source; \
                            purchase 10.00 EUR expect cvc3 signed_by imk_cvc3";

/// A record's places by the AFL in a grouping, and its AIP.
fn answer(made: &Rehearsed, number: u16) -> (Vec<u8>, Vec<[u8; 4]>) {
    let application = made.data.applications.iter().find(|a| a.name == "shipped");
    let mut dgis = application.expect("the application").dgis.iter();
    let Some(DgiValue::Clear(octets)) = dgis.find(|d| d.number == number).map(|d| &d.value) else {
        panic!("no grouping {number:04X} in clear");
    };
    let objects: BTreeMap<String, Vec<u8>> = tlv::parse_flat(octets)
        .expect("objects")
        .iter()
        .map(|(tag, value)| (tag.to_string(), value.to_vec()))
        .collect();
    let (entries, _) = objects["94"].as_chunks::<4>();
    (objects["82"].clone(), entries.to_vec())
}

/// EMV mode and magnetic stripe mode in one application: two answers, each with records of its own,
/// and every mode goes through the whole of its transaction.
#[test]
fn emv_and_magnetic_stripe_mode_in_one_application() {
    let own = format!("{CERTIFIED} {CODES} {}", beside());
    let steps = format!(
        "contactless {{ select shipped; read records; expect data matches source; \
         authenticate offline dda; {PURCHASE}; {STRIPE_ALONE} }}"
    );
    let (made, _) = made("two_modes", "contactless", &own, &steps);
    let (aip, files) = answer(&made, 0x9104);
    let (stripe_aip, stripe_files) = answer(&made, 0x9106);
    assert_eq!((aip[0] & 0x20, stripe_aip), (0x20, vec![0, 0]));
    // SFI 1 record 1 is the track of EMV mode, record 2 the tracks of the other; nothing is signed.
    assert_eq!(files[0], [0x08, 1, 1, 0]);
    assert_eq!(stripe_files, [[0x08, 2, 2, 0]]);
    let (_, contents) = records(&made);
    let tags = tlv::parse_flat(&contents[&0x0102]).expect("its elements");
    let tags: Vec<String> = tags.iter().map(|(tag, _)| tag.to_string()).collect();
    for tag in [
        "56", "9F62", "9F63", "9F64", "9F65", "9F66", "9F67", "9F69", "9F6B", "9F6C",
    ] {
        assert!(tags.contains(&tag.to_owned()), "{tag}");
    }
    assert_eq!(tags.len(), 10);
}

/// A fast answer and magnetic stripe mode: tags 9F69 and 9F6C mean one thing in one mode and another
/// in the other.
#[test]
fn fast_and_magnetic_stripe_mode_in_one_application() {
    for bits in ["1024", "1152"] {
        let own = format!("{} {}", FAST.replace("BITS", bits), beside());
        let steps = format!(
            "contactless {{ select shipped; read records; expect data matches source; \
             authenticate offline fdda; {PURCHASE}; {STRIPE_ALONE} }}"
        );
        let (made, _) = made("two_modes", "fast_contactless", &own, &steps);
        let (_, stripe_files) = answer(&made, 0x9106);
        assert_eq!(
            stripe_files,
            [[0x08, 1, 1, 0]],
            "the fast card has no record in file 1"
        );
    }
}

/// Static and dynamic data authentication in one application: one issuer certificate, two uses.
#[test]
fn static_and_dynamic_together() {
    let own = format!("{CERTIFIED} {CODES} sda {{ certified_by = issuer_rsa; code = x\"DA C2\" }}")
        .replace("aip = [dda,", "aip = [sda, dda,");
    let steps = contact("authenticate offline sda; authenticate offline dda");
    make("cpa", "application", &own, &steps);
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

/// Data groupings of a card's directories, in clear, by application and number.
fn directories(lines: &str) -> BTreeMap<(String, u16), Vec<u8>> {
    let own = OWN.replace("MORE", "#9F6C = [online_pin, signature]");
    let source = format!(
        "
use std.profiles.pse
use std.profiles.ppse
use std.profiles.online
directory own_pse : pse.environment {{
  languages = \"defr\"; code_table = 1; preferred_names = true; sfi = 3
}}
directory own_ppse : ppse.environment {{ iin = x\"99 99 92\"; country = \"FR\" }}
directory plain_pse : pse.environment {{ sfi = 1 }}
directory plain_ppse : ppse.environment {{ preferred_names = false }}
profile shipped : online.contactless for orders.order {{
  {own} interfaces = [contact, contactless]; preferred_name = \"Näme\"; kernel = x\"03\"
}}
card shipped_card : debit_card {{ chip {{ applications = [shipped]; directories = {lines} }} }}
scenario shipped_ready : validation for shipped_card {{
  contact     {{ select shipped; read records; {PURCHASE} }}
  contactless {{ select shipped; read records; {PURCHASE} }}
}}
job shipped_job {{
  input = orders; card = shipped_card; scenarios = [shipped_ready]; flow = line
  mailer = letter after produced
}}
"
    );
    assert_eq!(projects::findings_of_small_with(&source), "");
    let mut rehearsal = Rehearsal::new(projects::small_with(&source)).expect("a rehearsal");
    let made = rehearsal.order_in("shipped_job", &order()).expect("a card");
    for (scenario, verdict) in &made.verdicts {
        assert_eq!(verdict.failure, None, "{scenario}: {}", verdict.name);
    }
    let mut found = BTreeMap::new();
    for application in made
        .data
        .applications
        .iter()
        .filter(|a| a.name != "shipped")
    {
        for dgi in &application.dgis {
            if let DgiValue::Clear(octets) = &dgi.value {
                found.insert((application.name.clone(), dgi.number), octets.clone());
            }
        }
    }
    found
}

/// The short form and the packages make the same octets; attributes make the objects that EMV Book 1,
/// 12.2, and Contactless Book B, 3.3 place there.
#[test]
fn directories_by_word_and_by_declaration() {
    let usual = directories("[pse, ppse]");
    assert_eq!(usual, directories("[plain_pse, plain_ppse]"));
    let entry = "4F07F0000000927001500753484950504544870101";
    let hex = |text: &str| hex::decode(text).expect("hexadecimal");
    let pse = |number| ("pse".to_owned(), number);
    let ppse = |number| ("ppse".to_owned(), number);
    assert_eq!(usual[&pse(0x0101)], hex(&format!("70176115{entry}")));
    assert_eq!(usual[&pse(0x9102)], hex("A5088801015F2D02656E"));
    // The kernel is the application's own word, said to the antenna only.
    let contactless = format!("{entry}9F2A0103");
    assert_eq!(
        usual[&ppse(0x9102)],
        hex(&format!("A51EBF0C1B6119{contactless}"))
    );
    let own = directories("[own_pse, own_ppse]");
    assert_eq!(
        own[&pse(0x0301)],
        hex(&format!("701E611C{entry}9F12044EE46D65"))
    );
    assert_eq!(own[&pse(0x9102)], hex("A50E8801035F2D04646566729F110101"));
    let contactless = format!("{entry}42039999925F5502 46529F2A0103").replace(' ', "");
    assert_eq!(
        own[&ppse(0x9102)],
        hex(&format!("A528BF0C256123{contactless}"))
    );
}

/// Tables of the Common Payment Application travel as octets in a data grouping of their own, and
/// stand in no record.
#[test]
fn tables_of_the_common_payment_application() {
    let tables = r#"
    #C1   = x"00 00 01"
    #BF3E = x"DF 01 01 02"
    #BF3F = x"DF 01 02 00 01"
    #BF34 = x"DF 01 03 00 00 00"
    #BF30 = x"DF 01 06 00 00 00 00 00 00"
    #BF32 = x"DF 01 01 80"
    #BF35 = x"DF 01 01 00"
    #BF37 = x"DF 01 01 40"
"#;
    let own = format!("{CERTIFIED} {CODES}");
    let steps = contact("authenticate offline dda");
    let (made, _) = made_with("cpa", "tables", &own, &steps, tables);
    let mut applications = made.data.applications.iter();
    let application = applications
        .find(|a| a.name == "shipped")
        .expect("it is there");
    let mut dgis = application.dgis.iter();
    let found = dgis.find(|d| d.number == 0x3001).expect("the tables");
    let DgiValue::Clear(octets) = &found.value else {
        panic!("tables travel in clear")
    };
    let expected = "C103000001BF3E04DF010102BF3F05DF01020001BF3406DF0103000000\
                    BF3009DF0106000000000000BF3204DF010180BF3504DF010100BF3704DF010140";
    assert_eq!(hex::encode_upper(octets), expected.replace(' ', ""));
}

/// Each rule of `std.rules` with a declaration that breaks it, and none without one.
#[test]
fn rules_of_a_house_are_broken_one_by_one() {
    let profile = |more: &str| {
        let own = OWN.replace("MORE", "");
        format!(
            "use std.rules\nuse std.profiles.cpa\n\
             profile shipped : cpa.application for orders.order {{ {own} {CERTIFIED} {CODES} {more} }}\n"
        )
    };
    let sound = profile("");
    let said = |source: &str| projects::findings_of_small_with(source);
    assert_eq!(said(&sound), "");
    let card = "card other for orders.order { chip { \
                platform = globalplatform(scp03, keys: kmc); applications = [debit] } }";
    // What nobody builds on says nothing of what a base asks for.
    let bare = "use std.rules\nprofile bare for orders.order { aip = [cardholder_verification] }";
    let bare = bare.to_owned();
    let broken = [
        (
            "label_is_short",
            sound.replace("SHIPPED", "SEVENTEEN LETTERS"),
        ),
        (
            "aid_has_a_provider",
            sound.replace("F0 00 00 00 92 70 01", "F0 00 00 92"),
        ),
        ("priority_is_one_of_fifteen", profile("priority = 0")),
        ("cardholder_verification_has_a_list", bare.clone()),
        ("dda_has_a_key", sound.replace(CERTIFIED, "")),
        (
            "tries_are_few",
            profile("offline_pin { value = order.pin; tries = 9 }"),
        ),
        (
            "key_is_strong",
            format!("{sound} key short : rsa(1024, 3) {{ use = emv.issuer_private }}"),
        ),
        (
            "exponent_is_usual",
            format!("{sound} key odd : rsa(1984, 17) {{ use = emv.issuer_private }}"),
        ),
        ("chip_has_a_directory", format!("{sound} {card}")),
        (
            "outside_is_applied_for",
            format!("{bare} {}", card.replace("[debit]", "[bare]")),
        ),
    ];
    for (rule, source) in broken {
        let found = said(&source);
        assert!(found.contains(rule), "{rule}: {found}");
    }
}

#[test]
fn families_by_their_deviations() {
    let own = format!("{CERTIFIED} {CODES}");
    let steps = contact("authenticate offline dda");
    for base in ["ber_lengths", "one_grouping", "counting_data"] {
        make("families", base, &own, &steps);
    }
}

/// A card on a declared platform that builds on a shipped one.
fn on_platform(base: &str, algorithm: &str) {
    let own = OWN.replace("MORE", "");
    let source = format!(
        "
use std.profiles.platforms
use std.profiles.families
use std.profiles.online
key kmc_own : {algorithm} {{ use = card_issuance }}
platform chip_of_2026 : {base} {{ keys = kmc_own }}
profile shipped : online.application for orders.order {{ {own} }}
card shipped_card : debit_card {{
  chip {{ platform = chip_of_2026; applications = [shipped]; directories = [pse] }}
}}
scenario shipped_ready : validation for shipped_card {{
  contact {{ select shipped; read records; expect data matches source }}
}}
job shipped_job {{
  input = orders; card = shipped_card; scenarios = [shipped_ready]; flow = line
  mailer = letter after produced
}}
"
    );
    let unused = match base.starts_with("platforms") {
        true => "use std.profiles.families\n",
        false => "use std.profiles.platforms\n",
    };
    let source = source.replace(unused, "");
    assert_eq!(projects::findings_of_small_with(&source), "", "{base}");
    let mut rehearsal = Rehearsal::new(projects::small_with(&source))
        .unwrap_or_else(|e| panic!("{base}: {} {}", e.code, e.what));
    let made = rehearsal.specimen("shipped_job", "", Some("999992"));
    let made = made.unwrap_or_else(|e| panic!("{base}: {} {}", e.code, e.what));
    for (scenario, verdict) in &made.verdicts {
        assert_eq!(
            verdict.failure, None,
            "{base}: {scenario}: {}",
            verdict.name
        );
    }
}

#[test]
fn platforms_open_their_channels() {
    for option in ["scp02_i15", "scp02_i55", "open_sample"] {
        on_platform(&format!("platforms.{option}"), "tdes2");
    }
    for option in ["scp03_i00", "scp03_i10", "scp03_i60", "scp03_i70"] {
        on_platform(&format!("platforms.{option}"), "aes256");
    }
}

#[test]
fn families_of_platforms_deviate_for_all_applications() {
    for base in ["scp02_version_0", "scp02_short"] {
        on_platform(&format!("families.{base}_i15"), "tdes2");
    }
    for base in ["scp03_ber_lengths", "scp03_le"] {
        on_platform(&format!("families.{base}_i70"), "aes128");
    }
}
