//! `tests/cases/emv`: each folder is a source that must not compile as it is, and what is said
//! about it. `tests/cases/emit`: sources that compile, and what they become.
//!
//! A new case is a new folder with `in.perso`; `INSTA_UPDATE=always` writes what is beside it, to
//! be read before it is kept.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly"
)]

use cardwright_bundle::{Content, Environment, Op, Program};
use cardwright_compiler::diagnostics::human;
use cardwright_compiler::emit::{build, check};
use cardwright_compiler::project::{MemoryFiles, Project};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A project of one source, with the certificates of the example bank.
fn files(source: &str) -> MemoryFiles {
    let keys = root().join("examples/aurora-bank/keys");
    let certificate = std::fs::read(keys.join("issuer-92.cer")).expect("the certificate");
    let ca = std::fs::read_to_string(keys.join("test-ca-92.pub")).expect("the CA key");
    // Another modulus of the same length: the first octets differ.
    let mut other = String::new();
    for line in ca.lines() {
        match line.split_once('=') {
            Some((name, value)) if name.trim() == "modulus" => {
                let value = value.trim().trim_matches('"');
                let _ = writeln!(other, "modulus = \"C0FFEE{}\"", &value[6..]);
            }
            _ => {
                let _ = writeln!(other, "{line}");
            }
        }
    }
    MemoryFiles::new()
        .with(
            "cardwright.toml",
            "name = \"case\"\nversion = \"1.0.0\"\nsequence = 1\n",
        )
        .with("in.perso", source)
        .with("keys/issuer-92.cer", certificate)
        .with("keys/test-ca-92.pub", ca)
        .with("keys/other-ca.pub", other)
}

fn cases(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("tests/cases").join(folder)).expect("cases");
    let mut folders: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    folders.retain(|p| p.join("in.perso").is_file());
    folders.sort();
    folders
}

/// Compares with the file beside the source, or writes it when asked to.
fn compare(path: &Path, found: &str, wrong: &mut Vec<String>) {
    if std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always") {
        std::fs::write(path, found).expect("the folder can be written");
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected.replace("\r\n", "\n") != found {
        wrong.push(format!("{}\n{found}", path.display()));
    }
}

#[test]
fn failing_cases_say_what_is_wrong() {
    let mut wrong = Vec::new();
    let folders = cases("emv");
    assert!(folders.len() >= 30, "{} cases", folders.len());
    for folder in folders {
        let source = std::fs::read_to_string(folder.join("in.perso")).expect("a source");
        let files = files(&source);
        let checked = check(&Project::read(&files), Environment::Test);
        let found = human(&checked.findings);
        if found.is_empty() {
            wrong.push(format!("{}: nothing is said", folder.display()));
        }
        compare(&folder.join("out.txt"), &found, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn good_cases_become_what_is_beside_them() {
    let mut wrong = Vec::new();
    for folder in cases("emit") {
        let source = std::fs::read_to_string(folder.join("in.perso")).expect("a source");
        let files = files(&source);
        let project = Project::read(&files);
        let checked = check(&project, Environment::Test);
        assert_eq!(human(&checked.findings), "", "{}", folder.display());
        let bundle = build(&project, Environment::Test).expect("it builds");
        compare(
            &folder.join("out.txt"),
            &print(bundle.content()),
            &mut wrong,
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn live_needs_check_values() {
    let source = std::fs::read_to_string(root().join("tests/cases/emit/small-card/in.perso"));
    let files = files(&source.expect("a source"));
    let checked = check(&Project::read(&files), Environment::Live);
    let codes: Vec<&str> = checked.findings.iter().map(|f| f.code.as_str()).collect();
    assert_eq!(codes, vec!["E0511"; 8], "{}", human(&checked.findings));
}

/// Cards and programs in a form that people can read.
fn print(content: &Content) -> String {
    let mut out = String::new();
    for key in &content.keys {
        let _ = writeln!(
            out,
            "key {} {} {} {}",
            key.name, key.algorithm, key.usage, key.check_value
        );
    }
    for card in &content.cards {
        let program = &content.programs[card.program as usize];
        let _ = writeln!(out, "card {}", card.name);
        let Some(chip) = &card.chip else { continue };
        let Some(channel) = &chip.channel else {
            let _ = writeln!(out, "  native");
            continue;
        };
        let _ = writeln!(
            out,
            "  {} {:02X} {:02X} {}",
            channel.protocol, channel.option, channel.security_level, channel.diversification
        );
        for application in &chip.applications {
            let _ = writeln!(
                out,
                "  application {} {}",
                application.name, application.aid
            );
            for dgi in &application.dgis {
                let sealed = if dgi.encrypted { " sealed" } else { "" };
                let _ = writeln!(
                    out,
                    "    {:04X}{sealed} {:?} {}",
                    dgi.number,
                    dgi.padding,
                    term(program, dgi.node)
                );
            }
        }
    }
    for scenario in &content.scenarios {
        for check in &scenario.checks {
            let _ = writeln!(
                out,
                "check {} {} {:?}",
                check.on, check.check, check.settings
            );
        }
    }
    out
}

fn term(program: &Program, node: u32) -> String {
    let list = |args: &[u32]| {
        let terms: Vec<String> = args.iter().map(|a| term(program, *a)).collect();
        terms.join(", ")
    };
    match &program.nodes[node as usize].op {
        Op::Field { record, field } => format!("{record}.{field}"),
        Op::Constant { value } => match value {
            cardwright_bundle::Constant::Text(text) => format!("\"{text}\""),
            cardwright_bundle::Constant::Bytes(octets) => format!("x{octets}"),
            other => format!("{other:?}"),
        },
        Op::Apply { function, args } => format!("{function}({})", list(args)),
        Op::Intent { intent, keys, args } => format!("{intent}{keys:?}({})", list(args)),
        Op::Choose {
            condition,
            then,
            otherwise,
        } => format!("choose({})", list(&[*condition, *then, *otherwise])),
        Op::Count { record } => format!("count({record})"),
        Op::Sum {
            record,
            field,
            digits,
            ..
        } => format!("sum({record}.{field}, {digits})"),
        Op::Listed { table, key } => format!("listed(table {table}, {})", list(&[*key])),
        Op::Lookup {
            table,
            column,
            key,
            otherwise,
        } => {
            let args: Vec<u32> = std::iter::once(*key).chain(*otherwise).collect();
            format!("lookup(table {table}.{column}, {})", list(&args))
        }
    }
}

/// 257 pages of paper are one file more than a site loads.
#[test]
fn a_bundle_that_no_site_would_load_is_not_made() {
    let source = std::fs::read_to_string(root().join("tests/cases/emit/small-card/in.perso"));
    let mut source = source.expect("a source");
    let mut files = files("");
    for n in 0..257 {
        files = files.with(&format!("p{n}.pdf"), b"%PDF-1.7".to_vec());
        let _ = writeln!(
            source,
            "layout page_{n} : sheet {{ background = file(\"p{n}.pdf\") }}"
        );
    }
    let files = files.with("in.perso", source);
    let refused = build(&Project::read(&files), Environment::Test).expect_err("it is too large");
    let mut codes: Vec<&str> = refused.iter().map(|f| f.code.as_str()).collect();
    codes.retain(|code| *code != "E0118"); // no job comes to the pages
    assert_eq!(codes, ["E0499"], "{}", human(&refused));
}
