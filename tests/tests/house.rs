//! The rules of the house that a program can check.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::workspace;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};

/// Who may import whom, our own crates only (ARCHITECTURE, 3). A new edge is a decision: it is
/// written down there first, then here.
const EDGES: &[(&str, &[&str])] = &[
    ("cardwright-dsl", &[]),
    ("cardwright-standards", &[]),
    ("cardwright-bundle", &[]),
    ("cardwright-ports", &[]),
    // Arithmetic only: it has never heard of an HSM or a card.
    ("cardwright-rsa", &[]),
    ("cardwright-files", &["bundle"]),
    // Hostile octets in, clean ones out: it knows a field's limits, nothing of orders.
    ("cardwright-pictures", &["bundle"]),
    ("cardwright-vocabulary", &["standards"]),
    (
        "cardwright-compiler",
        &["dsl", "vocabulary", "bundle", "standards"],
    ),
    (
        "cardwright-runtime",
        &["bundle", "files", "standards", "ports"],
    ),
    (
        "cardwright-stations",
        &[
            "runtime",
            "bundle",
            "files",
            "pictures",
            "standards",
            "ports",
        ],
    ),
    ("cardwright-store", &["ports"]),
    ("cardwright-calc", &["standards"]),
    ("cardwright-exchange", &["standards"]),
    // Key management is pure: what it asks of an HSM and of a store goes through ports.
    (
        "cardwright-keys",
        &["exchange", "ports", "rsa", "standards"],
    ),
    // Drivers know ports and plain codecs: never the bundle, never each other.
    (
        "cardwright-soft-hsm",
        &["custody-rules", "ports", "rsa", "standards"],
    ),
    // What all of them hold to in key custody: pure, and knows no device.
    ("cardwright-custody-rules", &["ports", "standards"]),
    ("cardwright-host-commands", &["ports", "rsa", "standards"]),
    (
        "cardwright-pkcs11",
        &["custody-rules", "pkcs11-raw", "ports", "rsa", "standards"],
    ),
    // Foreign calls, and nothing of ours; a module that fails by plan, for tests.
    ("cardwright-pkcs11-raw", &[]),
    ("cardwright-pkcs11-faults", &[]),
    // Tests of HSM drivers; no program that anybody runs imports it.
    ("cardwright-hsm-conformance", &["ports", "standards"]),
    // The card shares nothing with the code that personalizes it.
    ("cardwright-virtual-card", &["ports"]),
    ("cardwright-machine", &["ports"]),
    ("cardwright-paper", &["ports"]),
    // What a reviewer asks of a bundle is pure: neither runtime nor compiler.
    ("cardwright-review", &["bundle", "standards"]),
    // A draft out of other people's files: pure, what it writes is read by people and the compiler.
    ("cardwright-import", &["dsl", "vocabulary", "standards"]),
    // The author's dry run joins the runtime to soft and virtual drivers.
    (
        "cardwright-rehearsal",
        &[
            "runtime",
            "stations",
            "pictures",
            "bundle",
            "files",
            "standards",
            "ports",
            "soft-hsm",
            "virtual-card",
            "paper",
            "review",
            "import",
        ],
    ),
    (
        "cardwright-lsp",
        &["dsl", "vocabulary", "compiler", "standards"],
    ),
    (
        "cardwright",
        &[
            "dsl",
            "vocabulary",
            "compiler",
            "lsp",
            "import",
            "rehearsal",
            "review",
            "bundle",
            "standards",
        ],
    ),
    // The operator's machine carries no compiler.
    (
        "cardstation",
        &[
            "runtime",
            "stations",
            "store",
            "bundle",
            "files",
            "standards",
            "ports",
            "keys",
            "exchange",
            "calc",
            "host-commands",
            "pkcs11",
            "soft-hsm",
            "virtual-card",
            "machine",
            "paper",
        ],
    ),
    ("aurora-orders", &["standards"]),
];

/// What tests of a crate may import beyond [`EDGES`].
const TEST_EDGES: &[(&str, &[&str])] = &[
    // Every HSM driver passes the same kit.
    ("cardwright-pkcs11", &["hsm-conformance", "pkcs11-faults"]),
    ("cardwright-soft-hsm", &["hsm-conformance"]),
    ("cardwright-host-commands", &["hsm-conformance"]),
    // The engine's tests ask the machine's own ledger, over a real store.
    ("cardwright-runtime", &["machine", "store"]),
    // Acts on keys are cut off at each boundary, over a real store.
    ("cardwright-keys", &["soft-hsm", "store"]),
    // Symbols are no larger than the standards' tables, which the compiler reckons with.
    ("cardwright-paper", &["standards"]),
];

/// Functions longer than the rule allows. The list may only shrink.
const LONG_FUNCTIONS: &[(&str, &str)] = &[
    (
        "compiler/lsp/tests/places.rs",
        "references_and_rename_follow_a_name_through_all_files",
    ),
    ("compiler/src/elaborate/fields.rs", "base_type"),
    ("compiler/src/elaborate/lookup.rs", "lookup"),
    ("compiler/src/elaborate/operators.rs", "compare"),
    ("compiler/src/model/repeat.rs", "declare"),
    ("compiler/src/model/tables.rs", "sorted"),
    ("runtime/src/load/program.rs", "infer"),
];

/// Lines that no file may pass.
const FILE_LINES_MAX: usize = 800;
/// Lines that no function may pass.
const FUNCTION_LINES_MAX: usize = 70;

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(workspace::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata")
}

fn full_name(short: &str) -> String {
    format!("cardwright-{short}")
}

#[test]
fn crates_import_only_whom_they_may() {
    let metadata = metadata();
    let own: BTreeSet<String> = metadata
        .packages
        .iter()
        .map(|p| p.name.to_string())
        .collect();
    let edges: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let test_edges: BTreeMap<&str, &[&str]> = TEST_EDGES.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in metadata
        .packages
        .iter()
        .filter(|p| p.name.as_str() != "cardwright-tests")
    {
        let name = package.name.as_str();
        let Some(allowed) = edges.get(name) else {
            wrong.push(format!("{name} has no row in EDGES"));
            continue;
        };
        let in_tests = test_edges.get(name).copied().unwrap_or_default();
        for dependency in package
            .dependencies
            .iter()
            .filter(|d| own.contains(&d.name))
        {
            let listed = |list: &[&str]| list.iter().any(|s| full_name(s) == dependency.name);
            let fine = match dependency.kind {
                DependencyKind::Normal => listed(allowed),
                DependencyKind::Development => listed(allowed) || listed(in_tests),
                _ => false,
            };
            if !fine {
                wrong.push(format!(
                    "{name} -> {} ({})",
                    dependency.name, dependency.kind
                ));
            }
        }
    }
    for (name, _) in EDGES {
        if !own.contains(*name) {
            wrong.push(format!("EDGES names {name}, which is no crate"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_dependency_has_a_reason_and_stands_in_one_table() {
    let mut wrong = Vec::new();
    let root = workspace::read("Cargo.toml");
    let table = root
        .split("[workspace.dependencies]")
        .nth(1)
        .expect("the table");
    let table = table.split("\n[").next().unwrap_or_default();
    for line in table
        .lines()
        .filter(|l| l.contains('=') && !l.starts_with('#'))
    {
        let reason = line.rsplit_once(" # ").map(|(_, reason)| reason.trim());
        if reason.is_none_or(str::is_empty) {
            wrong.push(format!("no reason: {line}"));
        }
    }
    for path in workspace::files("Cargo.toml")
        .iter()
        // The fuzz programs are a workspace of their own: they need a nightly compiler.
        .filter(|p| *p != "Cargo.toml" && *p != "tests/fuzz/Cargo.toml")
    {
        let text = workspace::read(path);
        let mut inside = false;
        for line in text.lines() {
            if line.starts_with('[') {
                inside = line.ends_with("dependencies]");
            } else if inside && line.contains('=') && !line.contains("workspace = true") {
                wrong.push(format!("{path}: a dependency outside the table: {line}"));
            }
        }
        let own = OWN_LINTS.contains(&path.as_str());
        if !own && !text.contains("[lints]\nworkspace = true") {
            wrong.push(format!("{path}: the workspace's lints are not taken"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_says_what_it_is_for() {
    let mut wrong = Vec::new();
    for path in workspace::files(".rs") {
        let text = workspace::read(&path);
        let first = text.lines().next().unwrap_or_default();
        if first
            .strip_prefix("//! ")
            .is_none_or(|purpose| purpose.trim().len() < 10)
        {
            wrong.push(path);
        }
    }
    assert!(
        wrong.is_empty(),
        "no purpose in the first line of\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_module_is_part_of_its_crate() {
    let mut wrong = Vec::new();
    for path in workspace::files(".rs")
        .iter()
        .filter(|p| p.contains("src/"))
    {
        let (folder, file) = path.rsplit_once('/').expect("a folder");
        let name = file.trim_end_matches(".rs");
        if matches!(name, "main" | "lib") {
            continue;
        }
        let (home, name) = match name {
            "mod" => folder.rsplit_once('/').expect("a folder"),
            _ => (folder, name),
        };
        let parents = ["lib.rs", "main.rs", "mod.rs"].map(|file| format!("{home}/{file}"));
        let named = parents
            .into_iter()
            .chain([format!("{home}.rs")])
            .any(|parent| {
                let text =
                    std::fs::read_to_string(workspace::root().join(parent)).unwrap_or_default();
                text.contains(&format!("mod {name};"))
            });
        if !named {
            wrong.push(path.clone());
        }
    }
    assert!(
        wrong.is_empty(),
        "no crate has these modules:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn files_and_functions_are_short() {
    let mut wrong = Vec::new();
    let mut listed: BTreeSet<(&str, &str)> = LONG_FUNCTIONS.iter().copied().collect();
    for path in workspace::files(".rs") {
        let text = workspace::read(&path);
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > FILE_LINES_MAX {
            wrong.push(format!("{path}: {} lines", lines.len()));
        }
        for (name, length) in functions(&lines) {
            let known = LONG_FUNCTIONS
                .iter()
                .find(|row| row.0 == path && row.1 == name);
            match known {
                _ if length <= FUNCTION_LINES_MAX => {}
                Some(row) => {
                    listed.remove(row);
                }
                None => wrong.push(format!("{path}: `{name}` has {length} lines")),
            }
        }
    }
    for (path, name) in listed {
        wrong.push(format!(
            "{path}: `{name}` is short now: take it off the list"
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Names and lengths of a formatted file's functions.
fn functions<'t>(lines: &[&'t str]) -> Vec<(&'t str, usize)> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let Some(name) = function_name(line.trim_start()) else {
            continue;
        };
        let end = format!("{indent}}}");
        // The head ends with a brace, or, where a trait only declares, with a semicolon.
        let head = lines[at..].iter().find(|l| l.ends_with(['{', ';', '}']));
        if head.is_some_and(|l| l.ends_with('{'))
            && let Some(length) = lines[at..].iter().position(|l| *l == end)
        {
            found.push((name, length + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line;
    for word in ["pub ", "pub(crate) ", "pub(super) ", "const ", "async "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let rest = rest.strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

/// The files that may hold unsafe code, each with the decision that says why.
const UNSAFE_FILES: &[(&str, &str)] = &[
    (
        "runtime/drivers/pkcs11/faults/src/lib.rs",
        "docs/decisions/0016-foreign-calls.md",
    ),
    (
        "runtime/drivers/pkcs11/raw/src/lib.rs",
        "docs/decisions/0016-foreign-calls.md",
    ),
    (
        "runtime/rsa/src/lanes/ifma.rs",
        "docs/decisions/0015-side-by-side.md",
    ),
    (
        "runtime/standards/src/des/lanes.rs",
        "docs/decisions/0022-des-in-registers.md",
    ),
];
/// Unsafe blocks of all those files together.
const UNSAFE_BLOCKS_MAX: usize = 22;
/// Crates that can't take the workspace's lints, which forbid unsafe code everywhere.
const OWN_LINTS: [&str; 2] = [
    "runtime/drivers/pkcs11/faults/Cargo.toml",
    "runtime/drivers/pkcs11/raw/Cargo.toml",
];

#[test]
fn unsafe_code_is_in_its_files_and_explained() {
    let words = [
        concat!("un", "safe {"),
        concat!("un", "safe fn"),
        concat!("un", "safe impl"),
    ];
    let mut wrong = Vec::new();
    let mut blocks = 0;
    for path in workspace::files(".rs") {
        let text = workspace::read(&path);
        let lines: Vec<&str> = text.lines().collect();
        let listed = UNSAFE_FILES.iter().any(|(file, _)| *file == path);
        for (number, line) in lines.iter().enumerate() {
            if !words.iter().any(|word| line.contains(word)) {
                continue;
            }
            blocks += 1;
            let mut comment = lines[..number].iter().rev().map(|l| l.trim());
            let mut comment = comment.by_ref().take_while(|l| l.starts_with("//"));
            let explained = comment.any(|l| l.starts_with("// SAFETY: "));
            if !listed || !explained {
                wrong.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    for (_, decision) in UNSAFE_FILES {
        assert!(workspace::root().join(decision).is_file(), "{decision}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(blocks <= UNSAFE_BLOCKS_MAX, "{blocks} blocks");
}

#[test]
fn nothing_is_unfinished_or_switched_off() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("#[ig", "nore"),
    ];
    forbid(&[".rs", ".perso", ".toml", ".sh"], &words, |_| false);
}

#[test]
fn the_project_stands_alone() {
    let words = [
        concat!("../", "shared"),
        concat!("work/", "shared"),
        concat!("/wor", "k/"),
        concat!("/ho", "me/"),
        concat!("/tm", "p/"),
        concat!("/Us", "ers/"),
    ];
    let endings = [".rs", ".perso", ".toml", ".md", ".sh", ".py", ".json"];
    // A script may say where a temporary folder goes when the system does not.
    forbid(&endings, &words, |line| {
        line.contains(concat!("TMPDIR:-/tm", "p"))
    });
}

#[test]
fn vendors_are_named_in_drivers_only() {
    let vendors = [
        "thales",
        "utimaco",
        "gemalto",
        "giesecke",
        "datacard",
        "idemia",
        "oberthur",
        "nxp",
        "infineon",
        "entrust",
        "safenet",
        "payshield",
        "nshield",
        "evolis",
        "matica",
    ];
    let mut wrong = Vec::new();
    for path in workspace::files("") {
        let code = [".rs", ".perso", ".toml"]
            .iter()
            .any(|ending| path.ends_with(ending));
        if !code || path.starts_with("runtime/drivers/") || path == "tests/tests/house.rs" {
            continue;
        }
        let text = workspace::read(&path).to_lowercase();
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
        for vendor in vendors.iter().filter(|vendor| words.contains(*vendor)) {
            wrong.push(format!("{path}: {vendor}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn forbid(endings: &[&str], words: &[&str], fine: fn(&str) -> bool) {
    let mut wrong = Vec::new();
    for path in workspace::files("") {
        if !endings.iter().any(|ending| path.ends_with(ending)) {
            continue;
        }
        for (number, line) in workspace::read(&path).lines().enumerate() {
            for word in words
                .iter()
                .filter(|word| line.contains(**word) && !fine(line))
            {
                wrong.push(format!("{path}:{}: {word}", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn data_in_the_language_names_source_licence_quirks_and_tests() {
    let mut wrong = Vec::new();
    let table = workspace::read("docs/profiles.md");
    for folder in ["profiles", "layouts"] {
        for path in workspace::files_below(folder, ".perso") {
            let text = workspace::read(&path);
            let head: Vec<&str> = text.lines().take_while(|l| l.starts_with("//!")).collect();
            let head = head.join("\n");
            let spdx = "SPDX-License-Identifier: Apache-2.0";
            for word in ["Source:", "Licence:", "Quirks:", "Tests:", spdx] {
                if !head.contains(word) {
                    wrong.push(format!("{path}: no `{word}` in its first comment"));
                }
            }
            if !table.contains(&format!("`{path}`")) {
                wrong.push(format!("{path}: no row in docs/profiles.md"));
            }
            let tests = head.split("Tests:").nth(1).unwrap_or_default();
            let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
            let texts: Vec<String> = tests
                .iter()
                .filter(|test| workspace::root().join(test).is_file())
                .map(|test| workspace::read(test))
                .collect();
            if texts.is_empty() || texts.len() != tests.len() {
                wrong.push(format!("{path}: a test that is not there"));
            }
            for name in declared(&text) {
                let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
                if !texts.iter().any(|t| t.split(word).any(|w| w == name)) {
                    wrong.push(format!("{path}: `{name}` is named in none of its tests"));
                }
            }
        }
        for path in workspace::files_below(folder, ".ttf") {
            let fonts = workspace::read("layouts/fonts/fonts.toml");
            let name = path.rsplit('/').next().unwrap_or_default();
            if !fonts.contains(name) {
                wrong.push(format!("{path}: no row in fonts.toml"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a shipped package declares for its users.
fn declared(text: &str) -> Vec<&str> {
    let kinds = [
        "application",
        "card",
        "directory",
        "layout",
        "profile",
        "rule",
        "stock",
    ];
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .filter(|(kind, _)| kinds.contains(kind))
        .filter_map(|(_, rest)| rest.split([' ', ':']).next())
        .collect()
}

#[test]
fn the_top_folder_holds_what_the_plan_says() {
    let allowed = [
        "dsl",
        "compiler",
        "runtime",
        "profiles",
        "layouts",
        "examples",
        "tests",
        "docs",
        "target",
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "clippy.toml",
        "rustfmt.toml",
        "deny.toml",
    ];
    let entries = std::fs::read_dir(workspace::root()).expect("the root");
    let names = entries.map(|e| {
        e.expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    let wrong: Vec<String> = names
        .filter(|n| !n.starts_with('.') && !allowed.contains(&n.as_str()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
