//! The plan's text print: every step of every product, as a reviewer reads it.
//!
//! `UPDATE=1 cargo test -p cardwright-tests --test plan` writes the print; read it before it is
//! committed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_runtime::{load, print};
use cardwright_tests::projects;
use std::path::Path;

#[test]
fn the_plan_of_the_small_bank_is_the_one_that_was_read() {
    let loaded = load::accept(projects::small()).expect("a bundle of our own compiler");
    let plan = print::plan(&loaded).expect("a plan");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/plan/small-card/out.plan");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(kept.parent().expect("a folder")).expect("makes the folder");
        std::fs::write(&kept, &plan).expect("writes the plan");
    }
    let expected = std::fs::read_to_string(&kept).expect("the plan that was read");
    assert_eq!(
        plan, expected,
        "the plan has changed: read it, then UPDATE=1"
    );
}

#[test]
fn a_plan_shows_no_key_and_no_secret_in_clear() {
    let loaded = load::accept(projects::small()).expect("a bundle of our own compiler");
    let plan = print::plan(&loaded).expect("a plan");
    // What is secret comes from the HSM and goes to a sink that is enciphered: never a constant.
    for line in plan.lines().filter(|line| line.contains(": Sealed Secret")) {
        assert!(
            line.contains("hsm ") || line.contains("icc_component("),
            "{line}"
        );
    }
    assert!(plan.contains("hsm emv.master_keys["), "{plan}");
}
