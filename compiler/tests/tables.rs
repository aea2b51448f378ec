//! Tables, lookups, copies for each row, choices: what is taken, and what is said about the rest.

#![allow(clippy::unwrap_used, reason = "a test that stops says so")]

use cardwright_compiler::check_language;
use cardwright_compiler::diagnostics::{Finding, human};
use cardwright_compiler::project::{MemoryFiles, Project};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const MANIFEST: &str = "name = \"case\"\nversion = \"1.0.0\"\nsequence = 1\n";
const ORDERS: &str = "
format orders : fixed_width {
  record order when text(1, 2) == \"DT\" {
    pan     : pan      at 3  width 19
    branch  : digits 4 at 22
    product : one_of(\"DEBI\", \"GOLD\") at 26
    code    : an 2     at 30
    amount  : n 3      at 32
    pin     : pin_block(iso4, under: zpk) at 40 width 32 as hex
  }
  RULE
}
key zpk : aes128 { use = pin_encryption }
layout page for orders.order { purpose = carrier; text { lines = [shown] } }
";
const BRANCHES: &str = "
table branches = file(\"branches.csv\") {
  key  = code
  code : digits 4
  city : text 30
}
";
const CSV: &str = "code,manager,city\n0001,Ada,\"Berne, West\"\n0002,Bob,Basle\n";

fn files(source: &str, rule: &str) -> MemoryFiles {
    let text = format!("{}{source}", ORDERS.replace("RULE", rule));
    MemoryFiles::new()
        .with("cardwright.toml", MANIFEST)
        .with("in.perso", text)
        .with("branches.csv", CSV)
}

fn findings(files: &MemoryFiles) -> Vec<Finding> {
    let known = ["E0116", "E0109"]; // unused values, and what a layout lacks: not asked here
    let all = check_language(&Project::read(files)).findings;
    all.into_iter()
        .filter(|f| !known.contains(&f.code.as_str()))
        .collect()
}

/// Codes of a source beside the orders' format.
fn codes(source: &str) -> Vec<String> {
    let found = findings(&files(source, ""));
    found.into_iter().map(|f| f.code).collect()
}

fn none(source: &str) {
    let found = findings(&files(source, ""));
    assert!(found.is_empty(), "{source}\n{}", human(&found));
}

#[test]
fn a_lookup_says_what_happens_without_a_row() {
    let with = |value: &str| format!("{BRANCHES}let shown = {value}\n");
    none(&with("lookup(branches.city, order.branch, else: \"\")"));
    none(&with(
        "order.branch |> lookup(branches.city, else: \"Head office\")",
    ));
    none(&with(
        "if listed(branches, order.branch) then lookup(branches.city, order.branch) else \"\"",
    ));
    none(&with("lookup(branches.city, \"0001\")"));
    assert_eq!(
        codes(&with("lookup(branches.city, order.branch)")),
        ["E0236"]
    );
    assert_eq!(codes(&with("lookup(branches.city, \"9999\")")), ["E0237"]);
    assert_eq!(
        codes(&with("lookup(branches.town, order.branch)")),
        ["E0106"]
    );
    assert_eq!(codes(&with("lookup(branches, order.branch)")), ["E0203"]);
    assert_eq!(codes(&with("lookup(branches.city)")), ["E0209"]);
    let rule = "require listed(branches, order.branch) reject record else \"no such branch\"";
    let proved = files(&with("lookup(branches.city, order.branch)"), rule);
    let found = findings(&proved);
    assert!(found.is_empty(), "{}", human(&found));
}

#[test]
fn a_lookup_is_as_secret_as_its_key() {
    let found = findings(&files(
        &format!("{BRANCHES}let shown = lookup(branches.city, order.pin, else: \"\")\n"),
        "",
    ));
    assert_eq!(
        found.first().map(|f| f.code.as_str()),
        Some("E1001"),
        "{}",
        human(&found)
    );
    // A PAN as the key: what it finds may not be said in public.
    let source = "
table bins { key = prefix(bin); bin : digits 6; scheme : an 10; rows = [(\"999992\", \"AURORA\")] }
let shown = lookup(bins.scheme, order.pan, else: \"other\")
rule known for orders.order {
  require order.branch != \"0000\"
  because \"the scheme {shown} has no such branch\"
}";
    let found = codes(source);
    assert!(found.iter().any(|c| c.starts_with("E10")), "{found:?}");
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_line_and_column() {
    let csv = |text: &str| {
        let source = format!("{BRANCHES}let shown = \"\"\n");
        findings(&files(&source, "").with("branches.csv", text))
    };
    let at = |text: &str| {
        let found = csv(text);
        let first = found
            .first()
            .unwrap_or_else(|| panic!("nothing found in {text:?}"));
        (first.code.clone(), first.place.line, first.place.column)
    };
    assert_eq!(at("code,city\n1,Berne\n"), ("E0232".into(), 2, 1));
    assert_eq!(
        at("code,city\n0001,\"a\nb\"\n0002,\n"),
        ("E0232".into(), 2, 6)
    );
    assert_eq!(
        at("code,city\r\n0001,Berne\r\n0002,\r\n"),
        ("E0232".into(), 3, 6)
    );
    assert_eq!(at("code,city\n0001\n").0, "E0232");
    assert_eq!(at("code,city\n0001,a\n0001,b\n"), ("E0233".into(), 3, 1));
    assert_eq!(at("code,town\n0001,a\n"), ("E0231".into(), 1, 1));
    assert_eq!(at("").0, "E0231");
    assert!(csv("\u{FEFF}code,city\n0001,a\n").is_empty());
    let latin = files(&format!("{BRANCHES}let shown = \"\"\n"), "");
    let latin = latin.with("branches.csv", b"code,city\n0001,Z\xfcrich\n".to_vec());
    assert_eq!(
        findings(&latin).first().map(|f| f.code.as_str()),
        Some("E0231")
    );
    let gone = format!(
        "{}let shown = \"\"\n",
        BRANCHES.replace("branches.csv", "../x.csv")
    );
    assert_eq!(codes(&gone), ["E0231"]);
}

#[test]
fn ranges_are_disjoint_and_tables_are_whole() {
    let ranges = |rows: &str| {
        codes(&format!(
            "table bins {{ key = low..high; low : digits 6; high : digits 6; name : an 9; \
             rows = [{rows}] }}\nlet shown = lookup(bins.name, order.pan, else: \"?\")\n"
        ))
    };
    assert!(ranges("(\"400000\", \"499999\", \"A\"), (\"500000\", \"500000\", \"B\")").is_empty());
    assert_eq!(
        ranges("(\"400000\", \"499999\", \"A\"), (\"499999\", \"500000\", \"B\")"),
        ["E0234"]
    );
    assert_eq!(ranges("(\"400000\", \"300000\", \"A\")"), ["E0234"]);
    assert_eq!(ranges("(\"400000\", \"499999\")"), ["E0232"]);
    assert_eq!(ranges("(order.branch, \"499999\", \"A\")"), ["E0232"]);
    let odd = |block: &str| codes(&format!("table t {{ {block} }}\nlet shown = \"\"\n"));
    assert_eq!(odd("key = code; code : an 4"), ["E0230"]);
    assert_eq!(odd("key = kode; code : an 4; rows = []"), ["E0230"]);
    assert_eq!(odd("key = code; code : pan; rows = []"), ["E0230"]);
    assert_eq!(odd("key = a..b; a : an 4; b : an 4; rows = []"), ["E0230"]);
}

#[test]
fn a_million_rows_are_refused_at_once() {
    let mut text = String::from("code,city\n");
    for n in 0..1_000_000 {
        let _ = writeln!(text, "{n},x");
    }
    let source = format!("{}let shown = \"\"\n", BRANCHES.replace("digits 4", "an 8"));
    let files = files(&source, "").with("branches.csv", text);
    let start = Instant::now();
    let found = findings(&files);
    assert_eq!(
        found.first().map(|f| f.code.as_str()),
        Some("E0235"),
        "{}",
        human(&found)
    );
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "it does not run away"
    );
}

#[test]
fn each_row_makes_a_declaration_that_is_like_any_other() {
    let tiers = "
table tiers {
  key = code
  code : an 4; label : text 16; service : digits 3
  rows = [(\"DEBI\", \"AURORA DEBIT\", \"201\"), (\"GOLD\", \"AURORA GOLD\", \"221\")]
}
let shown = \"\"
";
    let model = |source: &str| {
        let files = files(&format!("{tiers}{source}"), "");
        check_language(&Project::read(&files))
    };
    let made = model(
        "profile base_profile { required label; final priority = 1 }
         profile \"{t.code}_{way}\" : base_profile for t in tiers when t.service != \"221\" \
         for way in [\"contact\", \"contactless\"] { label = t.label; services = t.service }\n",
    );
    let names: Vec<&str> = made
        .model
        .of_kind("profile")
        .map(|d| d.name.as_str())
        .collect();
    assert_eq!(names, ["base_profile", "DEBI_contact", "DEBI_contactless"]);
    let one = made.model.get("case.DEBI_contact").unwrap();
    let label = one
        .attribute("label")
        .and_then(|e| e.single()?.literal_text());
    assert_eq!(label.as_deref(), Some("AURORA DEBIT"));
    assert!(one.attribute("priority").is_some(), "inherited");

    let wrong = |source: &str, code: &str| {
        let found = model(source).findings;
        assert!(
            found.iter().any(|f| f.code == code),
            "{source}\n{}",
            human(&found)
        );
    };
    wrong("profile \"{t.code} x\" for t in tiers { }\n", "E0142");
    wrong("profile \"{t.kode}\" for t in tiers { }\n", "E0142");
    wrong("profile same for t in tiers { }\n", "E0105");
    wrong("profile \"{t.code}\" for t in tears { }\n", "E0140");
    wrong(
        "profile \"{t.code}\" for t in tiers when order.code == t.code { }\n",
        "E0140",
    );
    wrong(
        "profile fixed { final priority = 1 }
         profile \"{t.code}\" : fixed for t in tiers { priority = 2 }\n",
        "E0108",
    );
    let several = "for a in tiers for b in tiers for c in tiers for d in tiers for e in tiers \
                   for f in tiers for g in tiers for h in tiers for i in tiers for j in tiers \
                   for k in tiers for l in tiers for m in tiers";
    wrong(
        &format!("profile \"{{a.code}}{{b.code}}\" {several} {{ }}\n"),
        "E0141",
    );
}

#[test]
fn a_fault_in_a_copy_names_the_copy_and_its_row() {
    let source = "
table tiers { key = code; code : an 4; index : n 3; rows = [(\"DEBI\", 1), (\"GOLD\", 300)] }
let shown = \"\"
key \"{t.code}_key\" : tdes2 for t in tiers { use = card_verification; ca_index = t.index }
";
    let found = findings(&files(source, ""));
    let told = found.iter().find(|f| f.message.contains("in `GOLD_key`"));
    let told = told.unwrap_or_else(|| panic!("{}", human(&found)));
    assert!(
        told.labels
            .iter()
            .any(|l| l.message.contains("is made here")),
        "{told:?}"
    );
    assert!(!found.iter().any(|f| f.message.contains("DEBI_key")));
}

#[test]
fn conditions_that_decide_nothing_are_told() {
    let value = |e: &str| codes(&format!("let shown = {e}\n"));
    let if_so = |c: &str| value(&format!("if {c} then \"a\" else \"b\""));
    for never in [
        "order.code == \"ABC\"",
        "order.branch == \"12\"",
        "order.branch == \"12A4\"",
        "order.product == \"PLAT\"",
        "order.amount > 999",
        "order.amount == 1000",
        "order.code == \"AB\" and order.code == \"CD\"",
        "order.amount < 5 and order.amount > 7",
    ] {
        assert_eq!(if_so(never), ["E0240"], "{never}");
    }
    for always in [
        "order.amount <= 999",
        "order.amount >= 0",
        "order.code == \"A\" or order.code != \"A\"",
    ] {
        assert_eq!(if_so(always), ["E0241"], "{always}");
    }
    for open in [
        "order.code == \"AB\"",
        "order.code == \"\"",
        "order.amount < 5 or order.amount > 7",
        "order.product == \"GOLD\"",
        "order.amount > 100 and order.amount < 200",
    ] {
        assert!(if_so(open).is_empty(), "{open}: {:?}", if_so(open));
    }
    let chain =
        "if order.code == \"A\" then \"1\" else if order.code == \"A\" then \"2\" else \"3\"";
    assert_eq!(value(chain), ["E0240"]);
    let all = "if order.product == \"DEBI\" then \"1\" else if order.product == \"GOLD\" then \"2\" else \"3\"";
    assert_eq!(value(all), ["E0241"], "the last case is all that is left");
    // A function is for many places.
    none("fn tell(x) = if x == \"ABC\" then \"a\" else \"b\"\nlet shown = tell(order.code)\n");
}

/// What a lookup may find is what its column holds, and what stands in for a missing row.
#[test]
fn conditions_on_lookups_know_the_column() {
    let table = "table fees { key = code; code : digits 4; fee : n 4; tier : text 8; \
                 rows = [(\"0001\", 10, \"low\"), (\"0002\", 30, \"high\")] }\n";
    let value = |e: &str| codes(&format!("{table}let shown = {e}\n"));
    let if_so = |c: &str| value(&format!("if {c} then \"a\" else \"b\""));
    let fee = "lookup(fees.fee, order.branch, else: 20)";
    let tier = "lookup(fees.tier, order.branch, else: \"low\")";
    for (condition, expected) in [
        (format!("{fee} > 30"), Some("E0240")),
        (format!("{fee} < 10"), Some("E0240")),
        (format!("{fee} >= 10"), Some("E0241")),
        (format!("{fee} > 20"), None),
        (format!("{tier} == \"middle\""), Some("E0240")),
        (format!("{tier} == \"high\""), None),
        (
            "lookup(fees.tier, order.branch, else: order.code) == \"middle\"".to_owned(),
            None,
        ),
    ] {
        let found = if_so(&condition);
        assert_eq!(found.first().map(String::as_str), expected, "{condition}");
    }
    let closed = format!("match({tier}, {{ \"low\" = \"a\"; \"high\" = \"b\" }})");
    assert!(value(&closed).is_empty(), "{:?}", value(&closed));
    let more = format!("match({tier}, {{ \"low\" = \"a\"; \"none\" = \"c\"; \"high\" = \"b\" }})");
    assert_eq!(value(&more), ["E0240"]);
}

#[test]
fn cases_cover_what_the_type_allows() {
    let value = |e: &str| codes(&format!("let shown = match({e})\n"));
    assert!(value("order.product, { \"DEBI\" = \"a\"; \"GOLD\" = \"b\" }").is_empty());
    assert!(value("order.code, { \"DE\" = \"a\" }, else: \"b\"").is_empty());
    assert!(value("order.amount, { 1 = \"a\"; 2 = \"b\" }, else: \"c\"").is_empty());
    assert_eq!(value("order.product, { \"DEBI\" = \"a\" }"), ["E0242"]);
    assert_eq!(value("order.code, { \"DE\" = \"a\" }"), ["E0242"]);
    assert_eq!(
        value("order.product, { \"DEBI\" = \"a\"; \"GOLD\" = \"b\" }, else: \"c\""),
        ["E0240"]
    );
    assert_eq!(
        value("order.code, { \"DE\" = \"a\"; \"DE\" = \"b\" }, else: \"c\""),
        ["E0240"]
    );
    assert_eq!(
        value("order.code, { \"DE\" = \"a\"; \"FR\" = 1 }, else: \"c\""),
        ["E0206"]
    );
    assert_eq!(value("order.code"), ["E0209"]);
}
