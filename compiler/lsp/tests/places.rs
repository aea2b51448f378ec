//! What is asked about a place: hover, completion, definition, references, rename.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use common::{Editor, Folder, aurora, find, position, range, uri};
use serde_json::{Value, json};

struct Bank {
    editor: Editor,
    file: String,
    text: String,
}

/// The example bank with one of its files open.
fn bank(name: &str) -> Bank {
    let path = aurora().join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let file = uri(&path);
    let mut editor = Editor::start();
    editor.open(&file, &text);
    Bank { editor, file, text }
}

impl Bank {
    fn hover(&mut self, what: &str, plus: u32) -> String {
        let place = find(&self.text, what, plus);
        let answer = self.editor.at("textDocument/hover", &self.file, place);
        let text = answer["contents"]["value"].as_str();
        text.unwrap_or_default().to_owned()
    }

    /// Labels of what may stand behind some text that is typed in place of another.
    fn complete(&mut self, old: &str, new: &str) -> Vec<String> {
        let text = self.text.replacen(old, new, 1);
        assert_ne!(text, self.text);
        self.editor.replace(&self.file, &text);
        let at = self.text.find(old).unwrap() + new.len();
        let before = &text[..at];
        let line = u32::try_from(before.matches('\n').count()).unwrap();
        let column = before.rsplit('\n').next().unwrap().chars().count();
        let place = (line, u32::try_from(column).unwrap());
        let answer = self.editor.at("textDocument/completion", &self.file, place);
        labels(&answer)
    }
}

fn labels(answer: &Value) -> Vec<String> {
    let items = answer.as_array().expect("a list");
    let labels = items
        .iter()
        .map(|i| i["label"].as_str().unwrap().to_owned());
    labels.collect()
}

fn assert_has(found: &[String], wanted: &[&str]) {
    for label in wanted {
        assert!(found.iter().any(|l| l == label), "no {label} in {found:?}");
    }
}

fn assert_lacks(found: &[String], unwanted: &[&str]) {
    for label in unwanted {
        assert!(!found.iter().any(|l| l == label), "{label} in {found:?}");
    }
}

#[test]
fn hover_says_what_words_mean() {
    let mut bank = bank("debit.perso");
    assert!(
        bank.hover("profile debit :", 2)
            .contains("card application")
    );
    let tag = bank.hover("#5F24 = order.expiry", 2);
    assert!(tag.contains("#5F24") && tag.contains("owner EMV"), "{tag}");
    // EMV Book 3, Annex A: 5F24, application expiration date, n 6, 3 octets.
    assert!(tag.contains("pplication Expiration Date"), "{tag}");
    let function = bank.hover("track2(order.pan", 2);
    assert!(function.contains("track2("), "{function}");
    let field = bank.hover("#5F34 = order.psn", 16);
    assert!(
        field.contains("Field of the record `orders.order`"),
        "{field}"
    );
    assert!(field.contains("digits (2), public"), "{field}");
    let value = bank.hover("services, chip_tail", 12);
    assert!(value.contains("let chip_tail"), "{value}");
    // 1 digit, 4 of the PVV, 3 of the CVV: sensitive as its parts are.
    assert!(value.contains("(8), sensitive"), "{value}");
    let flag = bank.hover("[dda, cda", 2);
    assert!(flag.contains("octet 1, bit 6 (20)"), "{flag}"); // EMV Book 3, Annex C1
}

#[test]
fn hover_decodes_values_and_says_where_they_come_from() {
    let mut bank = bank("debit.perso");
    // DDA 20, cardholder verification 10, terminal risk management 08, CDA 01 (Annex C1).
    let aip = bank.hover("aip      = [dda, cda", 1);
    assert!(aip.contains("= 3900"), "{aip}");
    // 201: international with chip, normal authorization, no restrictions (ISO/IEC 7813).
    let services = bank.hover("services = stripe_service", 1);
    assert!(services.contains("no restrictions"), "{services}");
    // Gold's label stands for that of debit.
    let label = bank.hover("label = \"AURORA GOLD\"\n}", 1);
    assert!(
        label.contains("In the base `aurora.debit`: `\"AURORA DEBIT\"`"),
        "{label}"
    );
    let aid = bank.hover("x\"F0 00 00 00 92 10 10\"", 4);
    assert!(aid.contains("7 octets"), "{aid}");
    assert_eq!(bank.hover("// F0: proprietary", 5), "");
}

#[test]
fn completion_offers_kinds_and_rows_that_are_not_there_yet() {
    let mut bank = bank("debit.perso");
    let top = bank.complete("profile gold :", "pro");
    assert_has(&top, &["profile", "card", "let", "use"]);
    let rows = bank.complete("  label    = \"AURORA DEBIT\"", "  lab");
    assert_has(&rows, &["label"]);
    assert_lacks(&rows, &["aid", "services"]);
    let inside = bank.complete("    denial  = []", "    den");
    assert_has(&inside, &["denial"]);
    assert_lacks(&inside, &["online"]);
}

#[test]
fn completion_offers_what_the_type_takes() {
    let mut debit = bank("debit.perso");
    assert_has(
        &debit.complete("[dda, cda,", "[dda, c"),
        &["cda", "cardholder_verification"],
    );
    let fields = debit.complete("= order.psn", "= order.");
    assert_has(&fields, &["pan", "psn", "expiry"]);
    assert_lacks(&fields, &["aid", "track2"]);
    let begin = debit.complete("= order.psn", "= ");
    assert_has(&begin, &["order", "chip_tail", "track2", "run"]);
    let tags = debit.complete("#5F34 =", "#5F");
    assert_has(&tags, &["#5F34", "#5F20"]);
    // Keys by their use: only the one for cryptograms.
    let keys = debit.complete("ac = imk_ac", "ac = im");
    assert_has(&keys, &["imk_ac"]);
    assert_lacks(&keys, &["imk_smi", "kmc"]);
    let bases = debit.complete(": cpa.application", ": cpa.");
    assert_has(&bases, &["cpa.application", "cpa.contactless"]);
    let records = debit.complete("for orders.order", "for ");
    assert_has(&records, &["orders.order"]);
    let packages = debit.complete("use std.emv ", "use std.");
    assert_has(&packages, &["std.emv", "std.profiles.cpa"]);
    let methods = debit.complete("enciphered_pin_online  when un", "enci");
    assert_has(&methods, &["enciphered_pin_online", "no_cvm"]);

    let mut keys = bank("bank.perso");
    let uses = keys.complete("emv.application_cryptogram", "emv.");
    assert_has(&uses, &["emv.application_cryptogram", "pin_encryption"]);
    let kinds = keys.complete(": tdes2  { use = emv.a", ": ");
    assert_has(&kinds, &["tdes2", "aes128", "rsa"]);
    assert_eq!(
        keys.complete("\"Aurora Bank\"", "\"Aur"),
        Vec::<String>::new()
    );
    assert_eq!(
        keys.complete("// ISO 3166-1", "// ISO"),
        Vec::<String>::new()
    );

    let mut orders = bank("orders.perso");
    assert_has(
        &orders.complete(": an 4 ", ": "),
        &["an", "digits", "pin_block"],
    );
    assert_has(
        &orders.complete("encoding = utf8", "encoding = "),
        &["ascii", "utf8"],
    );
}

/// PSE and PPSE: their kind, what they build on, their rows, and the words that rows take
/// (EMV Book 1, 12.2; Contactless Book B, 3.3).
#[test]
fn completion_knows_directories() {
    const DIRECTORIES: &str = "package case\n\nuse std.profiles.pse\nuse std.profiles.ppse\n\n\
        directory listed : pse.environment {\n  languages = \"ende\"\n}\n\n\
        directory tapped : ppse.environment {}\n\n\
        directory own {\n  aid       = x\"32 50 41 59\"\n  interface = contact\n  sfi       = 1\n}\n\n\
        card c {\n  chip { directories = [pse, listed] }\n}\n";
    let folder = Folder::with(&[("a.perso", DIRECTORIES)]);
    let file = folder.uri("a.perso");
    let mut editor = Editor::start();
    editor.open(&file, DIRECTORIES);
    let text = DIRECTORIES.to_owned();
    let mut case = Bank { editor, file, text };
    assert_has(&case.complete("directory listed", "dir"), &["directory"]);
    let bases = case.complete("listed : pse.environment", "listed : pse.");
    assert_has(&bases, &["pse.environment"]);
    assert_lacks(&bases, &["c", "pse", "listed"]);
    let bases = case.complete("tapped : ppse.environment", "tapped : ppse.");
    assert_has(&bases, &["ppse.environment"]);
    assert_lacks(&bases, &["c", "ppse", "tapped"]);
    // What the base marks final is not offered again; what is there already neither.
    let rows = case.complete("  languages = \"ende\"", "  ");
    assert_has(
        &rows,
        &["sfi", "languages", "code_table", "preferred_names"],
    );
    assert_lacks(&rows, &["label", "cvm", "data"]);
    let rows = case.complete("  sfi       = 1", "  s");
    assert_has(&rows, &["sfi"]);
    assert_lacks(&rows, &["aid", "interface"]);
    let words = case.complete("interface = contact", "interface = ");
    assert_has(&words, &["contact", "contactless"]);
    assert_lacks(&words, &["pse"]);
    let named = case.complete("[pse, listed]", "[p");
    assert_has(&named, &["pse", "ppse", "listed", "tapped", "own"]);
    assert_lacks(&named, &["c"]);
}

#[test]
fn definitions_are_found_across_files() {
    let mut bank = bank("debit.perso");
    let at = |bank: &mut Bank, what: &str, plus| {
        let place = find(&bank.text, what, plus);
        let found = bank.editor.at("textDocument/definition", &bank.file, place);
        let uri = found["uri"].as_str().unwrap_or_default().to_owned();
        let name = uri.rsplit('/').next().unwrap_or_default().to_owned();
        (name, found["range"].clone())
    };
    let (file, place) = at(&mut bank, "chip_tail)", 2);
    let values = std::fs::read_to_string(aurora().join("values.perso")).unwrap();
    let (line, column) = find(&values, "chip_tail   =", 0);
    assert_eq!(file, "values.perso");
    assert_eq!(
        range(&place),
        format!("{line}:{column}-{line}:{}", column + 9)
    );
    assert_eq!(at(&mut bank, "order.psn", 7).0, "orders.perso");
    assert_eq!(at(&mut bank, "for orders.order", 5).0, "orders.perso");
    assert_eq!(at(&mut bank, "ac = imk_ac", 6).0, "bank.perso");
    assert_eq!(at(&mut bank, "profile gold : debit", 16).0, "debit.perso");
    let (base, _) = at(&mut bank, ": cpa.application", 8);
    assert_eq!(base, "cpa.perso");
    // A word of the language has none.
    assert_eq!(at(&mut bank, "[dda, cda", 2).0, "");
}

const TWO: [(&str, &str); 2] = [
    (
        "a.perso",
        "package case\n\
         format orders : fixed_width {\n\
         \x20 record order when text(1, 2) == \"DT\" { pan : pan at 3 width 19\n    name : text at 24 width 20 }\n\
         }\n\
         let tail = order.name\n\
         fn twice(text) = \"{text}{text}\"\n",
    ),
    (
        "b.perso",
        "package case\nlet other = twice(tail)\nlet more = order.name\n\
         test \"t\" { order = { name = \"A\" } }\n",
    ),
];

fn edits(answer: &Value, file: &str) -> Vec<String> {
    let list = answer["changes"][file]
        .as_array()
        .cloned()
        .unwrap_or_default();
    list.iter().map(|e| range(&e["range"])).collect()
}

#[test]
fn references_and_rename_follow_a_name_through_all_files() {
    let folder = Folder::with(&TWO);
    let (a, b) = (folder.uri("a.perso"), folder.uri("b.perso"));
    let mut editor = Editor::start();
    editor.open(&a, TWO[0].1);
    let with = |place, more: Value| {
        let mut params = position(&folder.uri("a.perso"), place);
        params
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        params
    };
    // `name`, the field: in its record, in two lets, in the test's order.
    let field = find(TWO[0].1, "name : text", 1);
    let all = json!({ "context": { "includeDeclaration": true } });
    let found = editor.get("textDocument/references", with(field, all));
    let places: Vec<String> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|l| {
            let name = l["uri"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned();
            format!("{name} {}", range(&l["range"]))
        })
        .collect();
    assert_eq!(
        places,
        [
            "a.perso 3:4-3:8",
            "a.perso 5:17-5:21",
            "b.perso 2:17-2:21",
            "b.perso 3:21-3:25"
        ]
    );
    let renamed = editor.get(
        "textDocument/rename",
        with(field, json!({ "newName": "holder" })),
    );
    assert_eq!(edits(&renamed, &a), ["3:4-3:8", "5:17-5:21"]);
    assert_eq!(edits(&renamed, &b), ["2:17-2:21", "3:21-3:25"]);
    // A function: its name only, not its parameters.
    let function = find(TWO[0].1, "twice(", 2);
    let renamed = editor.get(
        "textDocument/rename",
        with(function, json!({ "newName": "double" })),
    );
    assert_eq!(edits(&renamed, &a), ["6:3-6:8"]);
    assert_eq!(edits(&renamed, &b), ["1:12-1:17"]);
    // A parameter, from one of its uses.
    let parameter = find(TWO[0].1, "{text}", 2);
    let renamed = editor.get(
        "textDocument/rename",
        with(parameter, json!({ "newName": "t" })),
    );
    assert_eq!(edits(&renamed, &a), ["6:9-6:13", "6:19-6:23", "6:25-6:29"]);
    let tail = find(TWO[0].1, "tail =", 1);
    for refused in [
        "other", "order", "when", "run", "1st", "a b", "é", "cvv", "",
    ] {
        let answer = editor.ask(
            "textDocument/rename",
            with(tail, json!({ "newName": refused })),
        );
        assert_eq!(answer.expect_err(refused).code, -32803, "{refused}"); // RequestFailed
    }
    let word = find(TWO[0].1, "text at 24", 1);
    assert!(
        editor
            .ask("textDocument/prepareRename", position(&a, word))
            .is_err()
    );
    let prepared = editor.get("textDocument/prepareRename", position(&a, tail));
    assert_eq!(range(&prepared), "5:4-5:8");
    let marks = editor.at("textDocument/documentHighlight", &a, field);
    assert_eq!(marks.as_array().unwrap().len(), 2);
    editor.end();
}

#[test]
fn standard_packages_are_not_renamed() {
    let mut bank = bank("debit.perso");
    let place = find(&bank.text, ": cpa.application", 8);
    let mut params = position(&bank.file, place);
    params["newName"] = json!("mine");
    let refused = bank
        .editor
        .ask("textDocument/rename", params)
        .expect_err("not ours");
    assert!(
        refused.message.contains("standard package"),
        "{}",
        refused.message
    );
}
