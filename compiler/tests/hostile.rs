//! No text makes the compiler panic or run away: every prefix and many mutants of the example.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that stops says so"
)]

use cardwright_compiler::check_language;
use cardwright_compiler::project::{MemoryFiles, Project};
use proptest::prelude::*;

const SOURCE: &str = include_str!("../../tests/cases/secrecy/shared.perso");
const MANIFEST: &str = "name = \"case\"\nversion = \"1.0.0\"\nsequence = 1\n";

fn check(source: &str) -> usize {
    let files = MemoryFiles::new()
        .with("cardwright.toml", MANIFEST)
        .with("in.perso", source);
    check_language(&Project::read(&files)).findings.len()
}

#[test]
fn every_prefix_is_checked() {
    for (end, _) in SOURCE.char_indices().step_by(7) {
        check(SOURCE.get(..end).unwrap());
    }
}

#[test]
fn a_manifest_that_is_none_is_a_finding() {
    for manifest in [
        "",
        "name = 3",
        "\u{0}",
        "name = \"A\"\nversion = \"1\"\nsequence = -1",
    ] {
        let files = MemoryFiles::new().with("cardwright.toml", manifest);
        let checked = check_language(&Project::read(&files));
        assert!(checked.findings.iter().any(|f| f.code == "E0110"));
    }
}

fn codes(source: &str) -> Vec<String> {
    let files = MemoryFiles::new()
        .with("cardwright.toml", MANIFEST)
        .with("in.perso", source);
    let checked = check_language(&Project::read(&files));
    checked.findings.into_iter().map(|f| f.code).collect()
}

#[test]
fn ladders_of_any_length_end_in_a_finding() {
    let mut lets = String::from("let v0 = \"x\"\n");
    let mut profiles = String::from("profile p0 { default priority = 1 }\n");
    for n in 1..3_000 {
        lets.push_str(&format!("let v{n} = upper(v{})\n", n - 1));
        profiles.push_str(&format!("profile p{n} : p{} {{ }}\n", n - 1));
    }
    lets.push_str("card c for orders.order { face front { emboss { line 3 = v2999 } } }\n");
    let orders = "format orders : fixed_width { record order { pan : pan at 1 width 19 } }\n";
    assert!(codes(&format!("{orders}{lets}")).contains(&"E0210".to_owned()));
    assert!(codes(&profiles).contains(&"E0107".to_owned()));
    let sum = vec!["1"; 250].join(" + ");
    codes(&format!("let long = {sum}\n{orders}"));
}

#[test]
fn what_names_itself_ends_in_a_finding_or_in_another_thing_of_that_name() {
    let orders = "format orders : fixed_width { record order { pan : pan at 1 width 19 } }\n";
    let key = "key transport : aes128 { use = transport }\n";
    let out = "format out : cps for orders.order { transport = transport }\n";
    assert_eq!(codes(&format!("{orders}{key}{out}")), Vec::<String>::new());
    assert!(codes(&format!("{orders}{out}")).contains(&"E0106".to_owned()));
    let rule = "rule r for profile { require services == aid because \"x\" }\n\
                profile p for orders.order { services = not services; aid = not aid }\n";
    assert!(codes(&format!("{orders}{rule}")).contains(&"E0381".to_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn words_may_stand_anywhere(swaps in prop::collection::vec((0_usize..400, 0_usize..400), 1..4)) {
        let mut words: Vec<&str> = SOURCE.split(' ').collect();
        let count = words.len();
        for (a, b) in swaps {
            words.swap(a % count, b % count);
        }
        check(&words.join(" "));
    }

    #[test]
    fn characters_may_be_lost(at in 0_usize..2000, put in "[{}()\\[\\]\"=:;#.|>a-z0-9 \n]{0,3}") {
        let characters: Vec<char> = SOURCE.chars().collect();
        let at = at % characters.len();
        let mut mutant: String = characters.iter().take(at).collect();
        mutant.push_str(&put);
        mutant.extend(characters.iter().skip(at + 1));
        check(&mutant);
    }
}
