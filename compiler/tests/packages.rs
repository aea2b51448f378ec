//! Packages: by path and from `vendor/`, locked, never in a circle, never under a foreign name.

#![allow(clippy::unwrap_used, reason = "a test that stops says so")]

use cardwright_compiler::check_language;
use cardwright_compiler::diagnostics::{Finding, human};
use cardwright_compiler::project::{LOCK, Lock, LockUse, MemoryFiles, Project};

const USES: &str = "package bank\nuse house.values\nlet number = values.seven\n\
                    fn twice(x) = x + number\n";
const VALUES: &str = "package house.values\nlet seven = 7\n";

fn manifest(name: &str, dependencies: &str) -> String {
    format!(
        "name = \"{name}\"\nversion = \"1.0.0\"\nsequence = 1\n[dependencies]\n{dependencies}\n"
    )
}

/// A bank that uses a house package beside it.
fn bank(dependencies: &str) -> MemoryFiles {
    MemoryFiles::new()
        .with("cardwright.toml", manifest("bank", dependencies))
        .with("bank.perso", USES)
        .with(
            "../house/cardwright.toml",
            "name = \"house\"\nversion = \"1.2.0\"\n",
        )
        .with("../house/values.perso", VALUES)
}

fn errors(files: &MemoryFiles) -> Vec<Finding> {
    let project = Project::read(files);
    let all = check_language(&project).findings;
    all.into_iter().filter(|f| f.code != "E0116").collect()
}

fn codes(files: &MemoryFiles) -> Vec<String> {
    errors(files).into_iter().map(|f| f.code).collect()
}

const HOUSE: &str = "house = { path = \"../house\", version = \"1\" }";

#[test]
fn a_package_by_path_is_used_like_ones_own() {
    let found = errors(&bank(HOUSE));
    assert!(found.is_empty(), "{}", human(&found));
}

#[test]
fn each_way_to_miss_a_package_has_its_code() {
    let house = |text: &str| bank(HOUSE).with("../house/cardwright.toml", text);
    let cases: Vec<(&str, MemoryFiles)> = vec![
        ("E0120", bank("house = { path = \"../home\" }")),
        ("E0120", bank("house = \"1\"")),
        ("E0120", house("name = 1")),
        ("E0121", bank("house = { path = \"/house\" }")),
        ("E0121", bank("house = { path = \"a/../../house\" }")),
        ("E0121", bank("house = { path = \"..\\\\house\" }")),
        ("E0122", house("name = \"home\"\nversion = \"1.2.0\"")),
        ("E0122", bank("std = { path = \"../house\" }")),
        (
            "E0123",
            bank("house = { path = \"../house\", version = \"2\" }"),
        ),
        (
            "E0123",
            bank("house = { path = \"../house\", version = \"new\" }"),
        ),
        ("E0110", bank("House = { path = \"../house\" }")),
        (
            "E0128",
            bank(HOUSE).with("../house/values.perso", "package bank\nlet seven = 7\n"),
        ),
        (
            "E0128",
            bank(HOUSE).with("more.perso", "package house.more\nlet eight = 8\n"),
        ),
    ];
    for (code, files) in cases {
        let found = errors(&files);
        assert!(
            found.iter().any(|f| f.code == code),
            "{code}:\n{}",
            human(&found)
        );
        let told = found.iter().find(|f| f.code == code).unwrap();
        assert!(
            code == "E0110" || told.help.is_some(),
            "{code} says how to mend it"
        );
    }
}

#[test]
fn standard_packages_have_a_version_too() {
    assert!(codes(&bank(&format!("{HOUSE}\nstd = \"0.1\""))).is_empty());
    assert_eq!(codes(&bank(&format!("{HOUSE}\nstd = \"7\""))), ["E0123"]);
}

#[test]
fn a_circle_of_packages_is_told_once_with_its_way() {
    let files = bank(HOUSE)
        .with(
            "../house/cardwright.toml",
            manifest("house", "base = { path = \"../base\" }"),
        )
        .with(
            "../base/cardwright.toml",
            manifest("base", "house = { path = \"../house\" }"),
        );
    let found = errors(&files);
    let circle: Vec<&Finding> = found.iter().filter(|f| f.code == "E0124").collect();
    assert_eq!(circle.len(), 1, "{}", human(&found));
    assert!(circle[0].message.contains("house -> base -> house"));
}

#[test]
fn two_packages_of_one_name_are_refused_and_one_in_two_places_is_not() {
    let two = |second: &str| {
        bank(&format!("{HOUSE}\nmore = {{ path = \"../more\" }}"))
            .with(
                "../more/cardwright.toml",
                manifest("more", "house = { path = \"../other\" }"),
            )
            .with("../more/m.perso", "package more\nlet one = 1\n")
            .with(
                "../other/cardwright.toml",
                "name = \"house\"\nversion = \"1.2.0\"\n",
            )
            .with("../other/values.perso", second)
    };
    assert!(codes(&two("package house.values\nlet seven = 8\n")).contains(&"E0125".to_owned()));
    assert!(!codes(&two(VALUES)).contains(&"E0125".to_owned()));
}

#[test]
fn a_package_that_nothing_uses_is_a_warning() {
    let files = bank(HOUSE).with("bank.perso", "package bank\nlet one = 1\n");
    assert_eq!(codes(&files), ["E0130"]);
}

#[test]
fn a_lock_pins_every_octet_and_says_which_file_changed() {
    let files = bank(HOUSE);
    let lock = Project::read(&files).new_lock.unwrap();
    assert!(lock.contains("name = \"house\"") && lock.contains("\"values.perso\" = "));
    let locked = files.with(LOCK, lock.clone());
    let project = Project::read(&locked);
    assert!(project.troubles.is_empty() && project.new_lock.is_none());

    let changed = locked.clone().with(
        "../house/values.perso",
        "package house.values\r\nlet seven = 7\r\n",
    );
    let found = errors(&changed);
    assert_eq!(found[0].code, "E0126");
    assert!(
        found[0].message.contains("`values.perso` is another"),
        "{}",
        found[0].message
    );

    let renewed = Project::read_with(&changed, LockUse::Update);
    assert!(renewed.troubles.is_empty());
    assert!(renewed.new_lock.is_some_and(|text| text != lock));
}

#[test]
fn locked_asks_for_a_lock_and_a_broken_one_is_refused() {
    let files = bank(HOUSE);
    let strict = Project::read_with(&files, LockUse::Locked);
    assert_eq!(strict.troubles.first().map(|t| t.code), Some("E0126"));
    let broken = files.with(LOCK, "version = 1\n<<<<<<< HEAD\n");
    assert_eq!(codes(&broken), ["E0127"]);
}

#[test]
fn the_standard_packages_are_pinned_by_version_and_strictly_to_the_octet() {
    let files = bank(&format!("{HOUSE}\nstd = \"0.1\""));
    let mut lock = Lock::of(&Project::read(&files).packages);
    for package in &mut lock.packages {
        if package.name == "std" {
            package.digest = "00".repeat(32);
        }
    }
    let files = files.with(LOCK, lock.text());
    assert!(Project::read(&files).troubles.is_empty());
    let strict = Project::read_with(&files, LockUse::Locked);
    assert_eq!(strict.troubles.first().map(|t| t.code), Some("E0126"));
}

#[test]
fn what_lies_in_vendor_is_taken_first_and_is_the_same_package() {
    let files = bank(HOUSE);
    let lock = Project::read(&files).new_lock.unwrap();
    let alone = MemoryFiles::new()
        .with("cardwright.toml", manifest("bank", HOUSE))
        .with("bank.perso", USES)
        .with(
            "vendor/house/cardwright.toml",
            "name = \"house\"\nversion = \"1.2.0\"\n",
        )
        .with("vendor/house/values.perso", VALUES)
        .with(LOCK, lock);
    let found = errors(&alone);
    assert!(found.is_empty(), "{}", human(&found));
    assert_eq!(
        Project::read(&alone).sources.len(),
        1,
        "vendor is no source of the project"
    );
}

#[test]
fn paths_of_packages_in_findings_say_name_and_version() {
    let files = bank(HOUSE).with(
        "../house/values.perso",
        "package house.values\nlet seven = \n",
    );
    let found = errors(&files);
    assert!(
        found
            .iter()
            .any(|f| f.place.file == "house@1.2.0/values.perso"),
        "{}",
        human(&found)
    );
}
