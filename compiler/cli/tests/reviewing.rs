//! `diff`, `why`, `schema`, `doc`: what a reviewer asks.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails loudly"
)]

mod common;

use common::{aurora, cardwright, copy};
use serde_json::Value;
use std::path::Path;

/// The example bank with one text of one file changed.
fn changed(folder: &Path, file: &str, from: &str, to: &str) {
    copy(&aurora(), folder);
    let path = folder.join(file);
    let source = std::fs::read_to_string(&path).expect("a source");
    assert!(source.contains(from), "{from}");
    std::fs::write(&path, source.replacen(from, to, 1)).expect("written");
}

fn difference(file: &str, from: &str, to: &str) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    changed(folder.path(), file, from, to);
    let (old, new) = (
        aurora().display().to_string(),
        folder.path().display().to_string(),
    );
    let arguments = [
        "diff",
        &old,
        &new,
        "--format",
        "json",
        "--detailed-exitcode",
    ];
    let ran = cardwright(folder.path(), &arguments);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    serde_json::from_str(&ran.out).expect("JSON")
}

/// Paths of all changes of a product.
fn paths(found: &Value, code: &str) -> Vec<String> {
    let product = product(found, code);
    let changes = product["changes"].as_array().expect("changes").iter();
    changes
        .map(|c| c["path"].as_str().expect("a path").to_owned())
        .collect()
}

fn product<'v>(found: &'v Value, code: &str) -> &'v Value {
    let mut products = found["products"].as_array().expect("products").iter();
    products.find(|p| p["code"] == code).expect("a product")
}

/// Changes of what products share.
fn shared(found: &Value) -> Vec<&Value> {
    let all = found["shared"].as_array().expect("changes").iter();
    all.collect()
}

#[test]
fn the_same_project_says_nothing() {
    let aurora = aurora().display().to_string();
    let ran = cardwright(
        Path::new("."),
        &["diff", &aurora, &aurora, "--detailed-exitcode"],
    );
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
}

/// EMV Book 3, annex C1: octet 1, 08 is terminal risk management.
#[test]
fn a_flag_is_named_with_its_bit() {
    let from = "aip      = [dda, cda, cardholder_verification, terminal_risk_management]";
    let to = from.replace(", terminal_risk_management", "");
    let found = difference("debit.perso", from, &to);
    // Debit, dual and gold all hold the contact application.
    assert_eq!(paths(&found, "DEBI"), ["chip.debit.#82"]);
    assert_eq!(paths(&found, "GOLD"), ["chip.gold.#82"]);
    let change = &product(&found, "DEBI")["changes"][0];
    assert_eq!(
        (&change["old"], &change["new"]),
        (&"3900".into(), &"3100".into())
    );
    assert_eq!(change["kind"], "flags");
    let meaning = change["meaning"].as_array().expect("lines");
    assert_eq!(meaning.len(), 1, "{change}");
    assert!(
        meaning[0].as_str().expect("text").starts_with("- 1  08  "),
        "{change}"
    );
    // The certificate of the chip's key signs the AIP.
    assert_eq!(change["also"], serde_json::json!(["chip.debit.#9F46"]));
    assert!(shared(&found).is_empty(), "{found}");
    assert_eq!(found["touches_cards"], true);
}

/// EMV Book 3, annex C3: 1F 00 is "no CVM, always", 1E 03 "signature, if supported".
#[test]
fn a_rule_of_verification_is_named() {
    let from = "    no_cvm                 always               else fail\n  }\n  action_codes {\n    denial  = []\n    online  = [oda_not_performed, icc";
    let to = from.replacen(
        "    no_cvm                 always               else fail\n",
        "",
        1,
    );
    let found = difference("debit.perso", from, &to);
    assert_eq!(paths(&found, "DEBI"), ["chip.debit.#8E"]);
    let change = &product(&found, "DEBI")["changes"][0];
    assert_eq!(
        change["meaning"],
        serde_json::json!(["- no_cvm when always else fail"])
    );
    assert_eq!(change["kind"], "cvm list");
}

#[test]
fn a_key_is_named_with_the_products_that_use_it() {
    let found = difference("bank.perso", "key tk      : aes128", "key tk      : aes256");
    let key: Vec<&Value> = shared(&found);
    let paths: Vec<&str> = key.iter().filter_map(|c| c["path"].as_str()).collect();
    assert_eq!(
        paths,
        ["key.aurora.tk.algorithm", "key.aurora.tk.check_value"]
    );
    assert_eq!(
        (&key[0]["old"], &key[0]["new"]),
        (&"aes128".into(), &"aes256".into())
    );
    for code in ["DEBI", "DUAL", "GOLD"] {
        assert!(self::paths(&found, code).is_empty(), "{found}");
    }
    // A transport key stands on no card.
    assert_eq!(found["touches_cards"], false);
}

#[test]
fn a_text_of_a_letter_is_named() {
    let from = "Learn it, destroy this letter";
    let found = difference("letters.perso", from, "Learn it, burn this letter");
    let changes = shared(&found);
    assert_eq!(changes.len(), 1, "{found}");
    assert_eq!(changes[0]["path"], "layout.pin_letter.text 2");
    assert_eq!(changes[0]["kind"], "layout item");
    assert!(
        changes[0]["new"]
            .as_str()
            .expect("text")
            .contains("burn this letter")
    );
    assert_eq!(
        changes[0]["products"],
        serde_json::json!(["daily/DEBI", "daily/DUAL", "daily/GOLD"])
    );
    assert_eq!(found["touches_cards"], false);
}

#[test]
fn a_column_of_a_format_is_named() {
    let from = "postcode      : text                           at 296 width 10";
    let found = difference("orders.perso", from, &from.replace("width 10", "width 9"));
    let changes = shared(&found);
    let paths: Vec<&str> = changes.iter().filter_map(|c| c["path"].as_str()).collect();
    assert_eq!(paths, ["format.orders.order.postcode.width"]);
    assert_eq!(
        (&changes[0]["old"], &changes[0]["new"]),
        (&"10".into(), &"9".into())
    );
}

/// ISO/IEC 7813: third digit 1 no restrictions, 6 no restrictions with PIN where feasible.
#[test]
fn a_service_code_is_one_change_wherever_it_stands() {
    let found = difference(
        "values.perso",
        "let stripe_service = 201",
        "let stripe_service = 206",
    );
    assert_eq!(paths(&found, "DEBI"), ["chip.debit.#5F30"]);
    let change = &product(&found, "DEBI")["changes"][0];
    assert_eq!(
        (&change["old"], &change["new"]),
        (&"0201".into(), &"0206".into())
    );
    assert_eq!(
        change["meaning"],
        serde_json::json!(["- no restrictions", "+ no restrictions, PIN where feasible"])
    );
    let also = change["also"].as_array().expect("paths");
    for path in ["chip.debit.#57", "stripe.track1", "stripe.track2"] {
        assert!(also.contains(&path.into()), "{change}");
    }
    // A specimen's track says it, too.
    let specimen = product(&found, "DEBI")["specimen"]
        .as_array()
        .expect("values");
    assert!(
        specimen.iter().any(|c| c["path"] == "stripe.track2"),
        "{specimen:?}"
    );
}

/// The example's bundle in a folder of its own.
fn bundle(folder: &Path) -> String {
    let bundle = folder.join("a.cwb").display().to_string();
    let aurora = aurora().display().to_string();
    let ran = cardwright(folder, &["build", &aurora, "-o", &bundle]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    bundle
}

/// Order 1 of the example's file: its PAN and PIN block are in no answer, in no format.
#[test]
fn why_shows_the_way_and_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = bundle(folder.path());
    let orders = aurora().join("orders-50.txt");
    let text = std::fs::read_to_string(&orders).expect("orders");
    let order: Vec<char> = text
        .lines()
        .nth(1)
        .expect("the first order")
        .chars()
        .collect();
    let columns =
        |at: usize, width: usize| order[at - 1..at - 1 + width].iter().collect::<String>();
    let (pan, block) = (columns(3, 19), columns(104, 32));
    let orders = orders.display().to_string();
    let outputs = [
        "chip:debit:57",
        "chip:debit:57[9..10]",
        "chip:debit:5A",
        "chip:debit:8010",
        "chip:debit:8000",
        "chip:debit:9F46",
        "chip:debit:5F20",
        "track1",
        "track2",
        "front:line:1",
        "back:panel:cvv2",
        "mailer:pin_letter",
        "file:return:2",
        "file:activation:last_four",
    ];
    let product = columns(90, 4);
    for output in outputs {
        let output = if product == "GOLD" {
            output.replace("debit", "gold")
        } else {
            output.into()
        };
        for format in ["human", "json"] {
            let arguments = [
                "why", &bundle, "--orders", &orders, "--order", "1", &output, "--format", format,
            ];
            let ran = cardwright(folder.path(), &arguments);
            assert_eq!(ran.code, 0, "{output}: {}", ran.err);
            let said = format!("{}{}", ran.out, ran.err);
            assert!(
                !said.contains(pan.trim()) && !said.contains(&block),
                "{output}: {said}"
            );
            // Nor as octets, nor in groups.
            let digits: String = said.chars().filter(char::is_ascii_digit).collect();
            assert!(!digits.contains(pan.trim()), "{output}: {said}");
        }
    }
}

/// EMV and ISO/IEC 7813 behind a track: verification values, their keys, fields with their columns.
#[test]
fn why_names_the_hsm_the_keys_and_the_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = bundle(folder.path());
    let orders = aurora().join("orders-50.txt").display().to_string();
    let ask = |output: &str| {
        let arguments = ["why", &bundle, "--orders", &orders, "--order", "1", output];
        cardwright(folder.path(), &arguments)
    };
    let track = ask("track2").out;
    for part in [
        "hsm pvv",
        "key aurora.pvk: pin_verification_pvv",
        "key aurora.cvk: card_verification",
        "field order.pan = \"999992",
        "from the order file, line 2, column 3, 19 characters",
        "rules that the order keeps",
        "<sensitive",
        "values.perso:8",
    ] {
        assert!(track.contains(part), "{part}\n{track}");
    }
    let unknown = ask("chip:debit:DF99");
    assert!(unknown.err.contains("R1198"), "{}", unknown.err);
    let arguments = [
        "why", &bundle, "--orders", &orders, "--order", "999", "track2",
    ];
    let beyond = cardwright(folder.path(), &arguments);
    assert!(beyond.err.contains("R1197"), "{}", beyond.err);
}

/// Example, order file, output, and what its tree says.
const OUTPUTS: &[(&str, &str, &str, &str)] = &[
    (
        "lantern-loyalty",
        "orders.json",
        "chip:member:message",
        "field order.number",
    ),
    (
        "lantern-loyalty",
        "orders.json",
        "front:panel:name",
        "embossing_name",
    ),
    (
        "kestrel-access",
        "orders.txt",
        "chip:badge:3001[2..3]",
        "field order.facility",
    ),
    (
        "kestrel-access",
        "orders.txt",
        "chip:badge:8301",
        "key kestrel.door_key: card_key",
    ),
    (
        "kestrel-access",
        "orders.txt",
        "file:doors:level",
        "field order.level",
    ),
    (
        "harbour-prepaid",
        "orders.csv",
        "carrier:welcome:3",
        "Here is your Harbour card.",
    ),
    (
        "meridian-debit",
        "orders.bin",
        "mailer:pin_letter",
        "hsm pin.natural",
    ),
    (
        "meridian-debit",
        "orders.bin",
        "file:returns:number",
        "writer counts",
    ),
    (
        "meridian-debit",
        "orders.bin",
        "front:line:1",
        "field order.pan = \"999992",
    ),
];

/// Exit code and words of `why` about the first order of an example.
fn why(name: &str, orders: &str, output: &str) -> (i32, String) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name);
    let orders = example.join(orders).display().to_string();
    let project = example.display().to_string();
    let arguments = ["why", &project, "--orders", &orders, "--order", "1", output];
    let ran = cardwright(Path::new("."), &arguments);
    (ran.code, format!("{}{}", ran.out, ran.err))
}

/// Parts of a struct by their names, and the commands that bring an applet onto the card
/// (GlobalPlatform Card Specification 2.3.1, 11.5 and 11.6).
#[test]
fn why_names_parts_and_card_content() {
    // Parts by their names, and the commands that bring the applet onto the card.
    for (output, parts) in [
        (
            "chip:badge:3001",
            ["facility: number_bytes", "proof: check_values"],
        ),
        (
            "chip:badge:3001:level",
            ["part level of data grouping 3001", "field order.level"],
        ),
        (
            "chip:load:F00000009260[1..4]",
            ["load file data block = C482", "works.perso:173"],
        ),
        (
            "chip:load:F00000009260[5..24]",
            ["component Header = 01001", "works.perso:173"],
        ),
        (
            "chip:install:F00000009260",
            ["hash, sha256 = 20", "AID of the load file = 06F0"],
        ),
        (
            "chip:install:badge",
            ["AID of the instance = 08F0", "works.perso:74"],
        ),
    ] {
        let (code, said) = why("kestrel-access", "orders.txt", output);
        assert_eq!(code, 0, "{said}");
        for part in parts {
            assert!(said.contains(part), "{output}: {part}\n{said}");
        }
        let header = said.contains("component Header");
        assert_eq!(header, output.ends_with("[5..24]"), "{output}: {said}");
    }
}

/// New keys of a chip's channel (GlobalPlatform Card Specification 2.3.1, 11.8; Amendment D): which
/// ones, by what derivation, in whose place; never their octets.
#[test]
fn why_names_new_channel_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kestrel-access");
    copy(&example, folder.path());
    let file = folder.path().join("works.perso");
    let source = std::fs::read_to_string(&file).expect("a source");
    let why = |output: &str, keys: &str| {
        let own = "key kmc_own : aes128 { use = card_issuance }\nkey door_key :";
        let with = source.replacen("key door_key :", own, 1).replacen(
            "hash = sha256 }\n",
            &format!("hash = sha256 }}\n{keys}\n"),
            1,
        );
        std::fs::write(&file, &with).expect("written");
        let row = keys.split_whitespace().next().unwrap_or("nothing");
        let line = with.lines().position(|l| l.trim_start().starts_with(row));
        let ran = cardwright(
            folder.path(),
            &["why", ".", "--orders", "orders.txt", "--order", "1", output],
        );
        let place = format!("works.perso:{}", line.map_or(0, |at| at + 1));
        (ran.code, format!("{}{}", ran.out, ran.err), place)
    };
    let new = "put_keys { keys = kmc_own; version = 2; replaces = 1 }";
    let (code, said, place) = why("chip:put_keys", new);
    assert_eq!(code, 0, "{said}");
    for part in [
        "(PUT KEY)",
        "order 1 (line 2), card staff_badge",
        "key version = 02, in the place of version 01",
        "hsm put_card_keys = <secret, enciphered by the HSM for the card>",
        "key kestrel.kmc_own: card_issuance",
        "derived for the card by = kdf3",
        &place,
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    // The version is the first octet of the command's data, the keys are the others.
    let (_, first, _) = why("chip:put_keys[1..1]", new);
    assert!(
        first.contains("key version") && !first.contains("hsm put_card_keys"),
        "{first}"
    );
    let (_, others, _) = why("chip:put_keys[2..3]", new);
    assert!(
        !others.contains("key version") && others.contains("hsm put_card_keys"),
        "{others}"
    );
    let added = new.replace("; replaces = 1", "; replaces = 0");
    let (_, said, _) = why("chip:put_keys", &added);
    assert!(
        said.contains("key version = 02, added to those that the card has"),
        "{said}"
    );
    // A card that keeps its keys has no such output.
    let (code, said, _) = why("chip:put_keys", "");
    assert!(code == 1 && said.contains("R1198"), "{said}");
}

/// Applications that scripts write, structs without tags, boxes of a page, counted fields.
#[test]
fn why_reaches_every_sort_of_output() {
    for (name, orders, output, part) in OUTPUTS {
        let (code, said) = why(name, orders, output);
        assert!(
            code == 0 && said.contains(part),
            "{name} {output}: {part}\n{said}"
        );
        assert!(
            said.contains(".perso:") || part.contains("counts"),
            "no place:\n{said}"
        );
    }
    // The second and third octet of the struct come from one field alone.
    let (_, facility) = why("kestrel-access", "orders.txt", "chip:badge:3001[2..3]");
    assert!(
        !facility.contains("order.level") && !facility.contains("door_key"),
        "{facility}"
    );
    let (code, said) = why("lantern-loyalty", "orders.json", "track1");
    assert_eq!(code, 1, "{said}");
    for part in [
        "R1198",
        "front:panel:name",
        "chip:member:COMMAND",
        "carrier:welcome",
    ] {
        assert!(said.replace("\n", " ").contains(part), "{part}: {said}");
    }
}

/// Names of a bank that would be marks of HTML are letters on the page.
#[test]
fn a_page_escapes_what_it_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("p");
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kestrel-access"),
        &project,
    );
    let path = project.join("works.perso");
    let source = std::fs::read_to_string(&path).expect("a source");
    let source = source.replace("\"Kestrel Works\"", "\"<script>K&W</script>\"");
    let source = source.replace("the badge number has another", "<img src=x> has another");
    std::fs::write(&path, source).expect("written");
    let (project, out) = (
        project.display().to_string(),
        folder.path().display().to_string(),
    );
    let ran = cardwright(folder.path(), &["doc", &project, "-o", &out]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let page = std::fs::read_to_string(folder.path().join("index.html")).expect("a page");
    assert!(
        !page.contains("<script") && !page.contains("<img src=x"),
        "marks of a name"
    );
    assert!(page.contains("&lt;script&gt;K&amp;W") && page.contains("&lt;img src"));
    // One file: nothing is fetched, every reference stays on the page.
    for reference in page.split("href=\"").skip(1) {
        let target = reference.split('"').next().expect("its end");
        let id = target.strip_prefix('#').expect("a place on the page");
        assert!(
            page.contains(&format!("id=\"{id}\"")),
            "{target} leads nowhere"
        );
    }
}

#[test]
fn schemas_on_the_shelf_are_fresh() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = folder.path().join("schemas").display().to_string();
    let ran = cardwright(folder.path(), &["schema", "-o", &made]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let shelf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    for path in ran.out.lines().map(Path::new) {
        let kept = shelf.join(path.file_name().expect("a name"));
        let text = std::fs::read_to_string(path).expect("a schema");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(&shelf).expect("a folder");
            std::fs::write(&kept, &text).expect("written");
        }
        let kept = std::fs::read_to_string(&kept).unwrap_or_default();
        assert!(kept == text, "{}: UPDATE=1 writes it anew", path.display());
    }
    let unknown = cardwright(folder.path(), &["schema", "nothing"]);
    assert!(
        unknown.code == 2 && unknown.err.contains("E0188"),
        "{}",
        unknown.err
    );
}

#[test]
fn speeds_are_read_and_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = bundle(folder.path());
    let speeds = folder.path().join("speeds.toml");
    std::fs::write(&speeds, "[stations]\nemboss = 36000.0\n").expect("written");
    let speeds = speeds.display().to_string();
    let arguments = ["inspect", &bundle, "--speeds", &speeds, "--format", "json"];
    let ran = cardwright(folder.path(), &arguments);
    let said: Value = serde_json::from_str(&ran.out).expect("JSON");
    let estimate = &said["products"][0]["estimate"];
    // Ten hours a card: a tenth of a card an hour.
    assert_eq!(estimate["bottleneck"], "emboss");
    assert_eq!(estimate["cards_per_hour"], 0.1);
    std::fs::write(&speeds, "[chip]\nbaud = 9600\n").expect("written");
    let ran = cardwright(folder.path(), &["inspect", &bundle, "--speeds", &speeds]);
    assert!(ran.code == 2 && ran.err.contains("E0189"), "{}", ran.err);
}

#[test]
fn a_project_has_a_page_and_the_language_a_book() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("doc").display().to_string();
    let aurora = aurora().display().to_string();
    let ran = cardwright(folder.path(), &["doc", &aurora, "-o", &out]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let page = std::fs::read_to_string(folder.path().join("doc/index.html")).expect("a page");
    for part in [
        "Aurora Bank",
        "9F0D",
        "debit.perso:11",
        "inherited",
        "aurora.imk_ac",
        "data:image/png;base64,",
        "postcode",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
    let ran = cardwright(folder.path(), &["doc", "--reference", "-o", &out]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let book = std::fs::read_to_string(folder.path().join("doc/reference.html")).expect("a book");
    assert!(
        book.contains("<h1 id=\"language-reference\">")
            && book.contains("<th scope=\"col\">entry</th>")
    );
}

/// The calls of data generation stand in the bundle's programs: a rehearsal makes the same ones,
/// for every product of every example.
#[test]
fn programs_and_rehearsals_count_the_same_calls() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for name in [
        "aurora-bank",
        "harbour-prepaid",
        "kestrel-access",
        "lantern-loyalty",
        "meridian-debit",
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let bundle = folder.path().join("a.cwb").display().to_string();
        let project = examples.join(name).display().to_string();
        let ran = cardwright(folder.path(), &["build", &project, "-o", &bundle]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let ran = cardwright(folder.path(), &["inspect", &bundle, "--format", "json"]);
        let said: Value = serde_json::from_str(&ran.out).expect("JSON");
        for product in said["products"].as_array().expect("products") {
            let calls = product["estimate"]["calls"].as_array().expect("calls");
            let made: serde_json::Map<String, Value> = calls
                .iter()
                .filter(|call| call["stage"] == "data")
                .map(|call| {
                    let kind = call["kind"].as_str().expect("a kind").to_owned();
                    (
                        kind,
                        (call["count"].as_f64().expect("a number") as u64).into(),
                    )
                })
                .collect();
            assert_eq!(
                product["hsm_calls"],
                Value::Object(made),
                "{name}: {product}"
            );
            assert!(
                product["estimate"]["cards_per_hour"].as_f64() > Some(0.0),
                "{name}"
            );
        }
    }
}
