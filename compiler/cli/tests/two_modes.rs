//! The reviewer's tools on a card of two contactless modes: what changes when the example bank's card
//! gets a second one, and what each tool says of it.

#![allow(clippy::expect_used, reason = "a test fails loudly")]

mod common;

use common::{aurora, cardwright, copy};
use std::path::Path;

/// Text of a file, and what stands for it.
type Edit<'e> = (&'e str, &'e str, &'e str);

/// What gives the contactless application magnetic stripe mode beside EMV mode.
const SECOND_MODE: [Edit<'static>; 4] = [
    (
        "bank.perso",
        "key issuer_rsa",
        "key imk_cvc3 : tdes2 { use = emv.dynamic_numbers }\nkey issuer_rsa",
    ),
    (
        "debit.perso",
        "profile debit_contactless : cpa.contactless",
        "use std.profiles.two_modes\nprofile debit_contactless : two_modes.contactless",
    ),
    (
        "debit.perso",
        "  dda  { key = rsa(1152, 3); certified_by = issuer_rsa; same_key_as = debit }",
        "  dda  { key = rsa(1152, 3); certified_by = issuer_rsa; same_key_as = debit }
  magstripe {
    cvc3 { key = imk_cvc3 }
    data { #9F6B = track2(order.pan, order.expiry, services, two_modes.tail) }
  }",
    ),
    (
        "line.perso",
        "    select debit_contactless\n",
        "    select debit_contactless magstripe
    read records
    expect data matches source
    purchase 10.00 EUR expect cvc3 signed_by imk_cvc3
    select debit_contactless\n",
    ),
];

fn edit(folder: &Path, edits: &[Edit<'_>]) {
    for (file, from, to) in edits {
        let path = folder.join(file);
        let source = std::fs::read_to_string(&path).expect("a source");
        assert!(source.contains(from), "{from} in {file}");
        std::fs::write(&path, source.replacen(from, to, 1)).expect("written");
    }
}

fn two_modes() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&aurora(), folder.path());
    edit(folder.path(), &SECOND_MODE);
    folder
}

/// Standard output of a tool that ends with a code.
fn said(folder: &Path, arguments: &[&str], code: i32) -> String {
    let ran = cardwright(folder, arguments);
    assert_eq!(ran.code, code, "{arguments:?}: {}{}", ran.out, ran.err);
    ran.out
}

fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}\nin\n{text}");
    }
}

#[test]
fn a_second_mode_is_told_as_what_a_card_gains() {
    let folder = two_modes();
    let old = aurora().to_string_lossy().into_owned();
    let told = said(folder.path(), &["diff", &old, "."], 0);
    holds(
        &told,
        &[
            "SFI 1 record 2, magnetic stripe mode",
            "AIP and AFL of magnetic stripe mode",
            "key of dynamic codes",
            "9F66 4 octets  Terminal Transaction Qualifiers",
            "9F6A 4 octets  Unpredictable Number Numeric",
            "PUNATC Track2  [element]",
            "Magnetic Stripe Application Version Number (card)  [element]",
            "mode \"magstripe\"",
        ],
    );
    // In this mode 9F66 says where digits go: they are no qualifiers of a terminal.
    assert!(!told.contains("offline PIN over contacts"), "{told}");
    assert!(!told.contains("no meaning in the table"), "{told}");
}

#[test]
fn a_change_of_one_mode_leaves_the_other() {
    let (old, new) = (two_modes(), two_modes());
    let digits = ("debit.perso", "two_modes.tail) }", "\"00000000000\") }");
    edit(new.path(), &[digits]);
    let path = old.path().to_string_lossy().into_owned();
    let told = said(new.path(), &["diff", &path, "."], 0);
    holds(&told, &["#9F6B", "Track 2 Data"]);
    assert!(!told.contains("#57"), "{told}");
    let same = said(old.path(), &["diff", &path, "."], 0);
    assert!(!same.contains("changed"), "{same}");
}

/// The first order of the card with two interfaces in the example's file.
const DUAL: &str = "4";

#[test]
fn why_names_a_tag_by_the_mode_that_it_is_in() {
    let folder = two_modes();
    for (output, parts) in [
        (
            "chip:debit_contactless:9F66",
            [
                "9F66 PUNATC Track2",
                "in 0102 SFI 1 record 2, magnetic stripe mode",
                "003E",
            ],
        ),
        (
            "chip:debit_contactless:9F6B",
            ["9F6B Track 2 Data", "field order.pan", "\"0000000000\""],
        ),
        (
            "chip:debit_contactless:57",
            [
                "57 Track 2 Equivalent Data",
                "in 0101 SFI 1 record 1",
                "field order.pan",
            ],
        ),
        (
            "chip:debit_contactless:8400",
            [
                "key of dynamic codes",
                "key aurora.imk_cvc3",
                "field order.psn",
            ],
        ),
    ] {
        let arguments = [
            "why",
            ".",
            output,
            "--orders",
            "orders-50.txt",
            "--order",
            DUAL,
        ];
        holds(&said(folder.path(), &arguments, 0), &parts);
    }
}

#[test]
fn inspect_and_the_book_tell_both_modes() {
    let folder = two_modes();
    let told = said(folder.path(), &["inspect", "."], 0);
    holds(
        &told,
        &[
            "SFI 1 record 2, magnetic stripe mode",
            "AIP and AFL of magnetic stripe mode",
            "key of dynamic codes",
        ],
    );
    let book = folder.path().join("book");
    let path = book.to_string_lossy().into_owned();
    said(folder.path(), &["doc", ".", "-o", &path], 0);
    let page = std::fs::read_to_string(book.join("index.html")).expect("a page");
    holds(
        &page,
        &[
            "PUNATC Track2",
            "Magnetic Stripe Application Version Number",
        ],
    );
}

#[test]
fn a_snapshot_decodes_each_mode_by_its_own_words() {
    let folder = two_modes();
    let tests = "test \"two modes\" {\n  order = { pan = \"9999920000000029\"; name = \"Ada Lovelace\"; \
                 product = \"DUAL\"; expiry = \"2912\" }\n  expect { chip.debit_contactless.#57 != \"\" }\n  snapshot\n}\n";
    let path = folder.path().join("tests.perso");
    let source = std::fs::read_to_string(&path).expect("tests");
    std::fs::write(&path, format!("{source}\n{tests}")).expect("written");
    let update = ["test", ".", "--only", "two modes", "--update"];
    said(folder.path(), &update, 0);
    let snapshot = std::fs::read_to_string(folder.path().join("tests/two-modes.snap"));
    let snapshot = snapshot.expect("a snapshot");
    holds(&snapshot, &["9F66  PUNATC Track2", "9F6B  Track 2 Data"]);
    assert!(
        !snapshot.contains("offline PIN over contacts"),
        "{snapshot}"
    );
}
