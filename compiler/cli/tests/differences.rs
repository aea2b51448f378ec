//! `diff` over all examples: what an author changes is said in words, and nothing else.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails loudly"
)]

mod common;

use common::{cardwright, copy};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// All examples.
const EXAMPLES: [&str; 5] = [
    "aurora-bank",
    "harbour-prepaid",
    "kestrel-access",
    "lantern-loyalty",
    "meridian-debit",
];

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name)
}

/// An edit of a source: file, what stands there, what stands there then.
type Edit<'e> = (&'e str, &'e str, &'e str);

fn edit(folder: &Path, (file, from, to): Edit<'_>) {
    let path = folder.join(file);
    let source = std::fs::read_to_string(&path).expect("a source");
    assert!(source.contains(from), "{file} has no\n{from}");
    std::fs::write(&path, source.replacen(from, to, 1)).expect("written");
}

/// An example with edits on both sides, and one more on the new side.
struct Pair {
    folder: tempfile::TempDir,
}

impl Pair {
    fn new(name: &str, both: &[Edit<'_>]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = Self { folder };
        copy(&example(name), &pair.path("old"));
        both.iter().for_each(|e| edit(&pair.path("old"), *e));
        let old = pair.path("old").display().to_string();
        let bundle = pair.path("old.cwb").display().to_string();
        let ran = cardwright(pair.folder.path(), &["build", &old, "-o", &bundle]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        pair
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What `diff` says of a bundle and a project folder, as JSON.
    fn says(&self, change: Edit<'_>) -> Value {
        let new = self.path("new");
        let _ = std::fs::remove_dir_all(&new);
        copy(&self.path("old"), &new);
        edit(&new, change);
        let ran = cardwright(
            self.folder.path(),
            &["diff", "old.cwb", "new", "--json", "--detailed-exitcode"],
        );
        assert_eq!(ran.code, 2, "{change:?}\n{}{}", ran.out, ran.err);
        serde_json::from_str(&ran.out).expect("JSON")
    }

    /// The changes, each as `product: title: old -> new: meanings`, `shared` for what is shared.
    fn changes(&self, change: Edit<'_>) -> Vec<String> {
        let found = self.says(change);
        let mut lines = Vec::new();
        for product in found["products"].as_array().expect("products") {
            let name = product["code"].as_str().expect("a code");
            if matches!(product["state"].as_str(), Some("added" | "removed")) {
                lines.push(format!(
                    "{name}: {}",
                    product["state"].as_str().expect("a word")
                ));
            }
            lines.extend(list(&product["changes"]).iter().map(|c| line(name, c)));
        }
        lines.extend(list(&found["shared"]).iter().map(|c| line("shared", c)));
        lines
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn line(product: &str, change: &Value) -> String {
    let side = |key: &str| change[key].as_str().unwrap_or("nothing").to_owned();
    let title = change["title"].as_str().expect("a title");
    let mut line = format!("{product}: {title}: {} -> {}", side("old"), side("new"));
    for said in list(&change["meaning"]) {
        line.push_str(&format!(": {}", said.as_str().expect("a line")));
    }
    line
}

/// Every example: blank lines, comments and spaces change nothing, and nothing is said.
#[test]
fn reformatted_sources_say_nothing() {
    for name in EXAMPLES {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (example(name), folder.path().join("new"));
        copy(&old, &new);
        for entry in std::fs::read_dir(&new).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|e| e == "perso") {
                let source = std::fs::read_to_string(&path).expect("a source");
                let spaced = source.replace("\n}\n", "\n\n// nothing\n}\n\n");
                std::fs::write(&path, spaced.replace(" = ", "   =  ")).expect("written");
            }
        }
        let (old, new) = (old.display().to_string(), new.display().to_string());
        let arguments = ["diff", &old, &new, "--detailed-exitcode"];
        let ran = cardwright(folder.path(), &arguments);
        assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{name}: {}", ran.err);
        let ran = cardwright(folder.path(), &["diff", &old, &new, "--json"]);
        let found: Value = serde_json::from_str(&ran.out).expect("JSON");
        assert_eq!(
            (&found["differ"], &found["same_bytes"]),
            (&false.into(), &false.into())
        );
        assert!(!list(&found["sources"]).is_empty(), "{name}");
    }
}

/// EMV Book 3, annexes C1, C3, C5; tag 94 and the counters of EMV CPS.
#[test]
fn chip_data_of_a_bank() {
    let pair = Pair::new("aurora-bank", &[]);
    let found = pair.changes((
        "debit.perso",
        "exceeds_floor_limit,\n               selected_randomly,",
        "exceeds_floor_limit,",
    ));
    // AC 40 B8 90 40 without octet 4, bit 5.
    let said = "Issuer Action Code - Online: AC40B89040 -> AC40B88040: \
                - 4  10  selected at random for online processing";
    let products = ["DEBI", "DUAL", "GOLD"];
    let all = |said: &str| products.map(|p| format!("{p}: {said}"));
    assert_eq!(found, all(said));
    let found = pair.changes(("debit.perso", "tries = 3", "tries = 5"));
    let said = "grouping 9010 (PIN try counter and limit): x\"0303\" -> x\"0505\"";
    assert_eq!(found, all(said));
    let found = pair.changes((
        "debit.perso",
        "[#5A, #5F24, #5F25, #5F28",
        "[#5A, #5F24, #5F28, #5F25",
    ));
    let rest = "#5F30 #5F34 #9F07 #8E #9F0D #9F0E #9F0F #9F4A";
    let said = format!("record 0201: #5A #5F24 #5F25 #5F28 {rest} -> #5A #5F24 #5F28 #5F25 {rest}");
    assert_eq!(found, all(&said));
    // The day that a card's validity begins with: from the order's column to a day of all cards.
    let found = pair.changes((
        "debit.perso",
        "#5F25 = order.effective",
        "#5F25  = run.date",
    ));
    let said = "Application Effective Date: order.effective -> run.date";
    assert_eq!(found, all(said));
}

/// ISO/IEC 7813: second digit 2 asks the issuer online, 0 follows the normal rules.
#[test]
fn stripes_files_and_rules_of_a_prepaid_programme() {
    let pair = Pair::new("harbour-prepaid", &[]);
    let found = pair.changes(("orders.perso", "let service = 121", "let service = 101"));
    let said = "track1 of stripe: \"121\" -> \"101\": - authorised by the issuer, online: \
                + authorised following normal rules";
    assert_eq!(found, [format!("GIFT: {said}"), format!("TRAV: {said}")]);
    let found = pair.changes(("card.perso", "coercivity = high", "coercivity = low"));
    assert_eq!(found, ["GIFT: coercivity of stripe: high -> low"]);
    let found = pair.changes((
        "orders.perso",
        "order.value <= 25000",
        "order.value <= 15000",
    ));
    let said = "shared: condition of job rule \"a card without a name holds 250.00 at most\": ";
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with(said), "{found:?}");
    assert!(found[0].contains("25000 >= order.value") && found[0].contains("15000 >= order.value"));
    let from = "run.date |> \"YYYY-MM-DD\"";
    let found = pair.changes(("line.perso", from, "run.date |> \"DD.MM.YYYY\""));
    assert_eq!(
        found,
        ["shared: format field day: \"YYYY-MM-DD\" -> \"DD.MM.YYYY\""]
    );
    let found = pair.changes(("line.perso", "outputs = [shipped]", "outputs = []"));
    assert_eq!(found, ["shared: output shipped: shipped -> nothing"]);
    let from =
        "product TRAV { card = travel_card; scenarios = [travel_ready]; stock = \"HRB-TRAV\" }";
    assert_eq!(pair.changes(("line.perso", from, "")), ["TRAV: removed"]);
    let found = pair.changes(("line.perso", "  insert  { envelope = \"DL\" }\n", ""));
    assert_eq!(
        found,
        ["shared: station insert: envelope \"DL\" -> nothing"]
    );
    let found = pair.changes((
        "line.perso",
        "    expect track2 matches source\n  }\n}\n\nscenario travel",
        "  }\n}\n\nscenario travel",
    ));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("GIFT: check ") && found[0].ends_with(" -> nothing"),
        "{found:?}"
    );
}

/// GlobalPlatform Amendment D: level 33 protects commands and answers, 13 leaves answers in clear.
#[test]
fn groupings_and_channel_of_a_badge() {
    let pair = Pair::new("kestrel-access", &[]);
    let one = |from: &str, to: &str| pair.changes(("works.perso", from, to));
    assert_eq!(
        one(
            "  keys = kmc\n}",
            "  keys = kmc\n  security_level = 0x13\n}"
        ),
        [": security level of channel: 33 -> 13: - answers are enciphered"]
    );
    assert_eq!(
        one("blob with iso7816_always", "blob with pkcs7"),
        [": padding of grouping 8301: iso7816_always -> pkcs7"]
    );
    let found = one("      level    : b 1           = order.level\n", "");
    assert_eq!(
        found,
        [": level of grouping 3001: number_bytes(order.level, 1) -> nothing"]
    );
    assert_eq!(
        one("level    : b 1  ", "level    : b 2  "),
        [": octets of level of grouping 3001: 1 -> 2"]
    );
    assert_eq!(
        one("facility : b 2 ", "site     : b 2 "),
        [
            ": facility of grouping 3001: number_bytes(order.facility, 2) -> nothing",
            ": site of grouping 3001: nothing -> number_bytes(order.facility, 2)"
        ]
    );
    assert_eq!(
        one(
            "      badge    : cn 10         = order.badge\n      level    : b 1           = order.level\n",
            "      level    : b 1           = order.level\n      badge    : cn 10         = order.badge\n",
        ),
        [
            ": order of grouping 3001: version facility badge level until proof -> \
          version facility level badge until proof"
        ]
    );
    assert_eq!(
        one(
            "door : key(option_c, of: order.badge) = door_key",
            "door : key(option_c, of: order.badge) = desk_key"
        ),
        [": key of door of grouping 8301: kestrel.door_key -> kestrel.desk_key"]
    );
    assert_eq!(
        one("slots = 2", "slots = 4"),
        ["shared: slots of station chip: 2 -> 4"]
    );
    let spare = "use = card_key }\nkey spare : aes128 { use = transport }";
    let found = one("use = card_key }", spare);
    let said = "shared: key kestrel.spare: nothing -> algorithm aes128, ";
    assert!(found.len() == 1 && found[0].starts_with(said), "{found:?}");
}

/// A tag of another owner: CTQ of Visa's dictionary, 9F6C, octet 1: 80 online PIN, 40 signature.
#[test]
fn another_owner_of_a_tag() {
    let speaks = (
        "debit.perso",
        "aid      = x\"F0 00 00 00 92 20 10\"",
        "dictionary = visa\n  aid      = x\"F0 00 00 00 92 20 10\"",
    );
    let data = (
        "debit.perso",
        "    #5F34 = order.psn",
        "    #5F34 = order.psn\n    #9F6C = [online_pin, signature]",
    );
    let pair = Pair::new("meridian-debit", &[speaks, data]);
    let found = pair.says(("debit.perso", "[online_pin, signature]", "[online_pin]"));
    let change = &found["products"][0]["changes"][0];
    assert_eq!(change["title"], "Card Transaction Qualifiers");
    assert_eq!(
        (&change["old"], &change["new"]),
        (&"C000".into(), &"8000".into())
    );
    let meaning = change["meaning"][0].as_str().expect("a line");
    assert!(meaning.starts_with("- 1  40  "), "{meaning}");
}

#[test]
fn layouts_scripts_and_paths_of_a_club() {
    let pair = Pair::new("lantern-loyalty", &[]);
    let one = |from: &str, to: &str| pair.changes(("club.perso", from, to));
    assert_eq!(
        one(
            "at    = (25 mm, 104 mm, 120 mm, 16 mm)",
            "at    = (25 mm, 106.5 mm, 120 mm, 16 mm)"
        ),
        ["shared: y of layout item text 2: 104 mm -> 106.5 mm"]
    );
    assert_eq!(
        one(
            "date \"YYYY-MM\" at \"until\"",
            "date \"YYYY-MM\" at \"ends\""
        ),
        ["shared: place of format field until: until -> ends"]
    );
    assert_eq!(
        one("background = \"8A6D1F\"", "background = \"8A6D2F\""),
        ["GOLD: colours of face front: 8A6D1F, FFFBEA -> 8A6D2F, FFFBEA"]
    );
    assert_eq!(
        one("at (8 mm, 38 mm)", "at (7 mm, 38 mm)"),
        [
            "CLUB: x of printed panel name: 8 mm -> 7 mm",
            "GOLD: x of printed panel name: 8 mm -> 7 mm"
        ]
    );
    let found = one(
        "https://lantern.example/m/",
        "https://lantern.example/member/",
    );
    let said = "\"https://lantern.example/m/\" -> \"https://lantern.example/member/\"";
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|f| f.ends_with(said)), "{found:?}");
}

/// What the issuer domain does (GlobalPlatform Card Specification 2.3.1, chapter 11): load files,
/// instances and their privileges (table 11-7), PUT KEY, the card's life cycle (5.1.1).
#[test]
fn card_content_of_a_badge() {
    let keys = "put_keys { keys = kmc_own; version = 2; replaces = 1 }";
    let both = [
        (
            "works.perso",
            "key door_key :",
            "key kmc_own  : aes128 { use = card_issuance }\nkey kmc_more : aes128 { use = card_issuance }\nkey door_key :",
        ),
        (
            "works.perso",
            "hash = sha256 }\n",
            "hash = sha256 }\n    put_keys { keys = kmc_own; version = 2; replaces = 1 }\n    \
             life_cycle = initialized\n    delete = [x\"A0 00 00 99 92 01\"]\n",
        ),
    ];
    let pair = Pair::new("kestrel-access", &both);
    let one = |from: &str, to: &str| pair.changes(("works.perso", from, to));
    let put = |from: &str, to: &str| one(keys, &keys.replace(from, to));
    assert_eq!(
        put("version = 2", "version = 3"),
        [": version of new card keys: 2 -> 3"]
    );
    assert_eq!(
        put("replaces = 1", "replaces = 0"),
        [": replaces of new card keys: 01 -> 00"]
    );
    assert_eq!(
        put("kmc_own", "kmc_more"),
        [": key of new card keys: kestrel.kmc_own -> kestrel.kmc_more"]
    );
    let found = one(keys, "");
    assert_eq!(
        found,
        [
            ": new card keys: diversification kdf3, key kestrel.kmc_own, replaces 01, version 2 -> nothing"
        ]
    );
    assert_eq!(
        one("life_cycle = initialized", "life_cycle = secured"),
        [": life cycle of chip: initialized -> secured"]
    );
    assert_eq!(
        one("delete = [x", "delete = [related x"),
        [": related of deletion of A00000999201: no -> yes"]
    );
    assert_eq!(
        one("; hash = sha256", ""),
        [": hash of load file F00000009260: sha256 -> nothing"]
    );
    let install = "install { module = x\"F0 00 00 00 92 60 01\" }";
    assert_eq!(
        one(
            install,
            &install.replace(" }", "; privileges = [default_selected] }")
        ),
        [": privileges of installation badge: 00 -> 04: + default selected"]
    );
    assert_eq!(
        one(
            install,
            &install.replace(" }", "; parameters = x\"01 02\" }")
        ),
        [": parameters of installation badge: nothing -> 0102"]
    );
}

/// Another load file under the same name: its octets and digest, not the name of an asset.
#[test]
fn a_load_file_with_other_octets() {
    let pair = Pair::new("kestrel-access", &[]);
    let new = pair.path("new");
    copy(&pair.path("old"), &new);
    // The same package with empty components: header, directory, import, applet, class, method,
    // static fields, constant pool, reference locations.
    let components = "010011DECAFFED020204000106F0000000926000 020000 04000B01030107A0000000620101 \
                      03000B0107F00000009260010008 060000 070000 080000 050000 090000";
    let octets = hex::decode(components.replace(' ', "")).expect("octets");
    std::fs::write(new.join("doors.cap"), octets).expect("another file");
    let ran = cardwright(pair.folder.path(), &["diff", "old.cwb", "new", "--json"]);
    let found: Value = serde_json::from_str(&ran.out).expect("JSON");
    let changes = list(&found["products"][0]["changes"]).iter();
    let said: Vec<String> = changes.map(|c| line("", c)).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[0], ": octets of load file F00000009260: 1083 -> 66");
    assert!(
        said[1].starts_with(": sha256 of load file F00000009260: "),
        "{said:?}"
    );
    assert!(list(&found["shared"]).is_empty(), "{}", ran.out);
    assert_eq!(found["touches_cards"], true);
}

/// Magnetic stripe mode: the issuer's key of dynamic codes, its derivation, the places of digits.
#[test]
fn dynamic_codes_of_a_bank() {
    let own = "key imk_cvc3 : tdes2 { use = emv.dynamic_numbers }\n\
               key imk_more : tdes2 { use = emv.dynamic_numbers }\n\
               profile codes : magstripe.contactless for orders.order {\n  \
               aid = x\"F0 00 00 00 92 10 50\"\n  label = \"AURORA CODES\"\n  \
               services = stripe_service\n  cvc3 { key = imk_cvc3 }\n  data {\n    \
               #5A = order.pan\n    #5F24 = order.expiry\n    #5F34 = order.psn\n    \
               #9F6B = track2(order.pan, order.expiry, services, magstripe.tail)\n  }\n}\n\n";
    let both = [
        (
            "debit.perso",
            "use std.profiles.cpa ",
            "use std.profiles.magstripe\nuse std.profiles.cpa ",
        ),
        (
            "debit.perso",
            "profile gold_contactless",
            &format!("{own}profile gold_contactless"),
        ),
        (
            "cards.perso",
            "[gold, gold_contactless]",
            "[gold, gold_contactless, codes]",
        ),
    ];
    let pair = Pair::new("aurora-bank", &both);
    let one = |from: &str, to: &str| pair.changes(("debit.perso", from, to));
    let found = one("cvc3 { key = imk_cvc3 }", "cvc3 { key = imk_more }");
    assert_eq!(
        found,
        [
            "GOLD: key of grouping 8400 (key of dynamic codes): aurora.imk_cvc3 -> aurora.imk_more",
            "GOLD: key of part 2 of grouping 9401 (vectors of dynamic codes): aurora.imk_cvc3 -> \
             aurora.imk_more",
            "GOLD: key cvc3: aurora.imk_cvc3 -> aurora.imk_more",
        ]
    );
    let found = one(
        "cvc3 { key = imk_cvc3 }",
        "cvc3 { key = imk_cvc3; derivation = option_b }",
    );
    assert_eq!(
        found,
        [
            "GOLD: derivation of application codes: a -> b",
            "GOLD: derivation option of grouping 8400 (key of dynamic codes): \"a\" -> \"b\"",
        ]
    );
    let found = one(
        "    #5A = order.pan\n",
        "    #5A = order.pan\n    #9F67 = x\"03\"\n",
    );
    assert_eq!(found, ["GOLD: NATC Track2: 02 -> 03"]);
}

/// Sorting, encodings and columns; and a table that was added on both sides.
#[test]
fn files_and_tables_of_a_host() {
    let table = "table branches {\n  key = code\n  code : digits 4\n  city : text 30\n  \
                 rows = [(\"0001\", \"Berne\"), (\"0002\", \"Basle\")]\n}\n\n\
                 let city = lookup(branches.city, order.branch, else: \"-\")\n\n/// Says nothing";
    let both = [
        ("line.perso", "/// Says nothing", table),
        ("line.perso", "   branch {order.branch}", "   {city}"),
        (
            "line.perso",
            "(25 mm, 190 mm, 160 mm, 6 mm)",
            "(25 mm, 190 mm, 160 mm, 12 mm)",
        ),
    ];
    let pair = Pair::new("meridian-debit", &both);
    let one = |file: &str, from: &str, to: &str| pair.changes((file, from, to));
    assert_eq!(
        one("line.perso", "\"Basle\"", "\"Basel\""),
        ["shared: city of row 0002: Basle -> Basel"]
    );
    assert_eq!(
        one(
            "line.perso",
            "(\"0002\", \"Basle\")",
            "(\"0003\", \"Thun\"), (\"0002\", \"Basle\")"
        ),
        ["shared: row 0003: nothing -> cells 0003, Thun"]
    );
    let found = pair.says(("line.perso", "\"Basle\"", "\"Basel\""));
    assert_eq!(found["shared"][0]["products"], serde_json::json!(["daily"]));
    assert_eq!(
        one(
            "bank.perso",
            "encoding = ebcdic500",
            "encoding = ebcdic1140"
        ),
        ["shared: encoding of format orders: ebcdic500 -> ebcdic1140"]
    );
    assert_eq!(
        one("bank.perso", "  sort_by   = order.branch\n", ""),
        ["shared: arrangement of a file: groups 0, sort order.branch -> nothing"]
    );
    assert_eq!(
        one(
            "bank.perso",
            "at 19         as zoned ",
            "at 19         as packed "
        ),
        [
            "shared: coding of format field branch: zoned -> packed",
            "shared: width of format field branch: 4 -> 3"
        ]
    );
    assert_eq!(
        one(
            "line.perso",
            "  mailer    = pin_letter after produced\n",
            ""
        ),
        ["shared: mailer of job daily: after produced, layout pin_letter -> nothing"]
    );
    assert_eq!(
        one("line.perso", "purchase 10.00 EUR", "purchase 12.00 EUR"),
        [": amount minor of check purchase 1: 1000 -> 1200"]
    );
}
