//! What one heir takes over from another in a check is what it would have by itself: a check that
//! shares against the emission of a bundle, which makes every card from the beginning.

use super::bases;
use cardwright_compiler::emit::{build, emit};
use cardwright_compiler::project::{MemoryFiles, Project};
use cardwright_compiler::{Checked, Environment, Measure, Session, check};

/// Heirs beside those of the base's tests: PINs that are drawn at one place, at two, in another order;
/// the same element under different conditions.
const MORE: &str = "package small

use std.emv

let first = pin.generate(4)
let second = pin.generate(5)

profile draws_one : root { aid = x\"F0 00 00 00 92 21 01\"; offline_pin { value = first } }
profile draws_other : root { aid = x\"F0 00 00 00 92 21 02\"; offline_pin { value = second } }
profile draws_too : root { aid = x\"F0 00 00 00 92 21 03\"; offline_pin { value = first } }
profile at_one : root { aid = x\"F0 00 00 00 92 21 04\"; data { #9F23 = x\"05\" when order.psn == \"01\" } }
profile at_two : root { aid = x\"F0 00 00 00 92 21 05\"; data { #9F23 = x\"05\" when order.psn == \"02\" } }
profile in_steps : draws_one { aid = x\"F0 00 00 00 92 21 06\"; data { #9F14 = x\"04\" } }

card c_one : root_card { chip { applications = [draws_one] } }
card c_two : root_card { chip { applications = [draws_other] } }
card c_both : root_card { chip { applications = [draws_other, draws_one] } }
card c_turned : root_card { chip { applications = [draws_one, draws_other] } }
card c_too : root_card { chip { applications = [draws_too] } }
card c_at_one : root_card { chip { applications = [at_one] } }
card c_at_two : root_card { chip { applications = [at_two] } }
card c_steps : root_card { chip { applications = [in_steps] } }
";

/// Values of the base of which there is something to say, with the way that they came: by the heir's
/// own attributes, by a let, by a field.
const SAID: &[(&str, &str, &str)] = &[
    (
        "a_root.perso",
        "#9F14 = x\"03\"",
        "#9F14 = cvv(cvk, order.pan, order.expiry, service: services) |> ascii",
    ),
    ("a_root.perso", "#9F14 = x\"03\"", "#9F14 = \"{first}\""),
    (
        "a_root.perso",
        "#5F20 = order.name |> emv_name",
        "#5F20 = first",
    ),
    (
        "a_root.perso",
        "tail(order.pan, order.expiry))",
        "tail(order.pan, order.expiry)) when order.psn == \"01\"",
    ),
    (
        "a_root.perso",
        "let chip_service = 999",
        "let chip_service = 201",
    ),
    ("d_more.perso", "pin.generate(5)", "pin.generate(4)"),
    ("d_more.perso", "value = second", "value = first"),
    ("d_more.perso", "value = second", "value = services"),
    (
        "d_more.perso",
        "let first = pin.generate(4)",
        "let first = second",
    ),
    (
        "d_more.perso",
        "when order.psn == \"02\"",
        "when order.psn == \"01\"",
    ),
    ("d_more.perso", "when order.psn == \"02\"", ""),
    ("d_more.perso", "#9F14 = x\"04\"", "#9F14 = x\"04 05\""),
    ("d_more.perso", "#9F14 = x\"04\"", "#57 = x\"99\""),
];

fn bank() -> MemoryFiles {
    bases::bank().with("d_more.perso", MORE)
}

fn lengths(measures: &[Measure]) -> Vec<String> {
    let mut lengths: Vec<String> = measures.iter().map(|m| format!("{m:?}")).collect();
    lengths.sort();
    lengths.dedup();
    lengths
}

/// Whether findings and lengths of a check are those of an emission that shares nothing.
fn as_alone(files: &MemoryFiles, checked: &Checked, what: &str) {
    let project = Project::read(files);
    match build(&project, Environment::Test) {
        Err(found) => assert_eq!(checked.findings, found, "{what}"),
        Ok(_) => {
            assert!(checked.is_good(), "{what}: {:#?}", checked.findings);
            let (emitted, found) = emit(&checked.model, &project, Environment::Test);
            let found = found.resolve(&checked.model.sources);
            let missing = found.iter().find(|f| !checked.findings.contains(f));
            assert_eq!(missing, None, "{what}");
            assert_eq!(
                lengths(&checked.measures),
                lengths(&emitted.measures),
                "{what}"
            );
        }
    }
}

#[test]
fn what_heirs_take_over_is_what_they_would_have_alone() {
    let whole = bank();
    let mut session = Session::default();
    let sound = check(&Project::read(&whole), Environment::Test);
    assert!(sound.is_good(), "all is made: {:#?}", sound.findings);
    as_alone(&whole, &sound, "the whole");
    let mut told = 0;
    for change in SAID.iter().chain(bases::BELOW) {
        let what = format!("{}, {:?} to {:?}", change.0, change.1, change.2);
        let other = bases::instead(&whole, *change);
        let other = other.unwrap_or_else(|| panic!("it has no {what}"));
        let kept = session.check(&Project::read(&other), Environment::Test);
        as_alone(&other, &kept, &what);
        told += usize::from(kept.findings.iter().any(|f| f.code == "E1001"));
    }
    assert!(told >= 2, "secrets with the way that they came: {told}");
}
