//! `tests/cases/codes`: for each code an example that fails with it and nothing else, and the same
//! repaired, with no finding at all. The pages of the codes show both.
//!
//! `EXXXX/failing.perso` and `repaired.perso` are read as one more file of the package `small`,
//! beside `shared/*.perso`. Where an example needs a manifest or files of its own, `EXXXX/failing/`
//! and `EXXXX/repaired/` are folders; the manifest or the sources that they lack are the bank's. A first line with `--live` checks for LIVE.
//! Where a finding names the change that mends it, the change is made, and the finding is gone.
//! `INSTA_UPDATE=always` writes `message.txt`, what the failing example says; read it before it is
//! kept.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly"
)]

use cardwright_bundle::Environment;
use cardwright_compiler::diagnostics::{Finding, Severity, apply, human};
use cardwright_compiler::emit::{build, check};
use cardwright_compiler::project::{Files as _, MemoryFiles, Project};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Certificates that examples may name: the example bank's, and a CA key of another modulus.
fn keys() -> MemoryFiles {
    let keys = root().join("examples/aurora-bank/keys");
    let certificate = std::fs::read(keys.join("issuer-92.cer")).expect("the certificate");
    let ca = std::fs::read_to_string(keys.join("test-ca-92.pub")).expect("the CA key");
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
        .with("keys/issuer-92.cer", certificate)
        .with("keys/test-ca-92.pub", ca)
        .with("keys/other-ca.pub", other)
}

/// Certificates that somebody else made, without the key that they are for: for tests as they are,
/// in no LIVE bundle, and nothing promised that is not there.
#[test]
fn foreign_certificates_are_for_tests() {
    let folder = root().join("tests/cases/codes/E0354");
    let text = std::fs::read_to_string(folder.join("failing.perso")).expect("the example");
    let block = "sda  { certified_by = issuer_rsa; code = x\"DAC1\"; reason = \"cards for terminal tests\" }";
    let given = "#8F = x\"92\"; #9F32 = x\"03\"; #90 = x\"AA\"; #93 = x\"BB\"";
    let records = "records {
      sfi 1 record 1        = [#8F, #9F32, #90, #93]
      sfi 2 record 1 signed = [#5A, #5F24, #5F28, #5F30, #8C, #8D, #8E, #9F07, #9F08, #9F4A]
      sfi 2 record 2        = [#9F42, #9F49]
    }";
    assert!(text.contains(block));
    let quirk = "quirks { foreign_certificates = \"imported\"; ";
    let text = text
        .replace("  data {\n", &format!("  data {{\n    {given}\n"))
        .replace(block, records)
        .replace("quirks {", quirk);
    let found = |text: &str, environment: Environment| {
        let files = bank().with("copied.perso", text.as_bytes().to_vec());
        let findings = check(&Project::read(&files), environment);
        let errors = findings.findings.iter();
        let errors = errors.filter(|f| f.severity == Severity::Error);
        errors.map(|f| f.code.clone()).collect::<Vec<_>>()
    };
    assert_eq!(found(&text, Environment::Test), [""; 0]);
    assert_eq!(found(&text, Environment::Live), ["E0354"]);
    let without = text.replace(", #93]", "]");
    assert!(found(&without, Environment::Test).contains(&"E0307".to_owned()));
    let unsaid = text.replace(quirk, "quirks { ");
    assert!(found(&unsaid, Environment::Test).contains(&"E0307".to_owned()));
}

/// E0354 against a whole bundle: a job that makes cards which can be copied goes out for TEST, and for
/// LIVE once the chip has a key of its own.
#[test]
fn cards_that_can_be_copied_stand_in_no_live_bundle() {
    let folder = root().join("tests/cases/codes/E0354");
    let job = "
scenario copied_ready : validation for copied_card { contact { select copied; read records } }
job copied_job { input = orders; card = copied_card; scenarios = [copied_ready]; flow = line }
";
    let bundle = |which: &str, environment: Environment| {
        let text = std::fs::read_to_string(folder.join(which)).expect("the example");
        let files = bank().with("copied.perso", (text + job).into_bytes());
        build(&Project::read(&files), environment).map_err(|found| human(&found))
    };
    let refused = bundle("failing.perso", Environment::Live).err();
    let refused = refused.expect("a finding");
    assert!(refused.contains("E0354"), "{refused}");
    assert_eq!(refused.matches(" error ").count(), 1, "{refused}");
    for (which, environment) in [
        ("failing.perso", Environment::Test),
        ("repaired.perso", Environment::Live),
    ] {
        let bundle = bundle(which, environment).expect("a bundle");
        let content = bundle.content();
        assert_eq!(content.environment, environment);
        let made = content.jobs.iter().flat_map(|job| &job.products);
        assert!(made.into_iter().any(|p| p.card == "copied_card"));
        assert!(content.cards.iter().any(|c| c.name == "copied_card"));
    }
}

/// What a source may name is what a bundle may carry.
#[test]
fn deviations_of_the_language_are_those_of_bundles() {
    let words = cardwright_vocabulary::QUIRKS.iter().map(|row| row.name);
    assert!(words.eq(cardwright_bundle::QUIRKS));
}

/// The small bank without an example.
fn bank() -> MemoryFiles {
    let manifest = "name = \"small\"\nversion = \"1.0.0\"\nsequence = 1\n";
    let shared = root().join("tests/cases/codes/shared");
    let mut files = keys().with("cardwright.toml", manifest);
    for entry in std::fs::read_dir(shared)
        .expect("the shared bank")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        files = files.with(&name, std::fs::read(entry.path()).expect("a source"));
    }
    files
}

fn add_folder(mut files: MemoryFiles, folder: &Path, prefix: &str) -> MemoryFiles {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        files = if entry.path().is_dir() {
            add_folder(files, &entry.path(), &format!("{name}/"))
        } else {
            files.with(&name, std::fs::read(entry.path()).expect("a file"))
        };
    }
    files
}

/// An example in a folder; the manifest or the sources that it lacks are the bank's.
fn project(folder: &Path) -> MemoryFiles {
    let own = add_folder(MemoryFiles::new(), folder, "");
    let own_source = |path: &String| path.ends_with(".perso") && !path.contains('/');
    let has_sources = own.list("").iter().any(own_source);
    let whole = has_sources && folder.join("cardwright.toml").is_file();
    add_folder(if whole { keys() } else { bank() }, folder, "")
}

/// Files of an example, what they are checked for, and whether its declarations are for a job.
type Example = (MemoryFiles, Environment, bool);

fn example(folder: &Path, which: &str) -> Example {
    let single = folder.join(format!("{which}.perso"));
    let (files, live) = if single.is_file() {
        let text = std::fs::read(&single).expect("a source");
        let first = text.split(|b| *b == b'\n').next().unwrap_or_default();
        let live = String::from_utf8_lossy(first).contains("--live");
        (bank().with(&format!("{which}.perso"), text), live)
    } else {
        (project(&folder.join(which)), false)
    };
    let environment = if live {
        Environment::Live
    } else {
        Environment::Test
    };
    (files, environment, folder.ends_with("E0118"))
}

/// What an example says: a check, and where that is quiet, a build.
fn findings((files, environment, jobs): &Example) -> Vec<Finding> {
    let environment = *environment;
    let project = Project::read(files);
    let mut found = check(&project, environment).findings;
    // Examples are short: what no job comes to is said in the example of E0118 alone.
    if !*jobs {
        found.retain(|f| f.code != "E0118");
    }
    if found.is_empty() {
        return build(&project, environment).err().unwrap_or_default();
    }
    found
}

/// How often a finding's words are among findings.
fn told(found: &[Finding], one: &Finding) -> usize {
    let same = |f: &&Finding| (&f.code, &f.message) == (&one.code, &one.message);
    found.iter().filter(same).count()
}

/// Makes the change that each finding names: the finding must go, and no other error may come.
/// Gives how many changes there were.
fn mended(example: &Example, before: &[Finding], wrong: &mut Vec<String>) -> usize {
    let mut made = 0;
    for finding in before {
        let Some(fix) = &finding.fix else { continue };
        made += 1;
        let name = &fix.edits.first().expect("an edit").place.file;
        let text = String::from_utf8(example.0.read(name).expect("the file")).expect("a text");
        let changed = apply(&text, fix);
        let files = example.0.clone().with(name, changed.as_bytes());
        let after = (files, example.1, example.2);
        let after = findings(&after);
        let still = told(&after, finding) >= told(before, finding);
        let new = |f: &&Finding| f.severity == Severity::Error && told(&after, f) > told(before, f);
        let more: Vec<Finding> = after.iter().filter(new).cloned().collect();
        if still || !more.is_empty() {
            let (code, title) = (&finding.code, &fix.title);
            let said = human(if more.is_empty() { &after } else { &more });
            wrong.push(format!(
                "{code}, after `{title}` ({}): {}\n{said}\n{changed}",
                finding.message,
                if still {
                    "it is still there"
                } else {
                    "there are more"
                },
            ));
        }
    }
    made
}

/// Whether a help says to write something definite.
fn is_definite(help: &str) -> bool {
    let verbs = ["add `", "set `", "take `", "write `"];
    let mut said = verbs.iter().flat_map(|verb| help.split(verb).skip(1));
    said.any(|rest| {
        rest.split('`')
            .next()
            .is_some_and(|text| !text.contains('…'))
    })
}

/// Codes whose help says to write something definite, and whose example names no change: what is
/// meant there depends on what only the author knows.
fn unmended(folder: &Path) -> bool {
    let code = folder.file_name().unwrap_or_default().to_string_lossy();
    let found = findings(&example(folder, "failing"));
    let mut own = found.iter().filter(|f| f.code == code);
    own.any(|f| f.fix.is_none() && f.help.as_deref().is_some_and(is_definite))
}

fn wrong_with(folder: &Path, wrong: &mut Vec<String>) -> usize {
    let code = folder.file_name().unwrap_or_default().to_string_lossy();
    let broken = example(folder, "failing");
    let failing = findings(&broken);
    let made = mended(&broken, &failing, wrong);
    let said = human(&failing);
    let others = failing
        .iter()
        .any(|f| f.code != code && f.severity == Severity::Error);
    if others || !failing.iter().any(|f| f.code == code) {
        wrong.push(format!("{code}, failing: {code} alone is expected\n{said}"));
    }
    // What a check does not say, no editor shows.
    let checked = check(&Project::read(&broken.0), broken.1).findings;
    if failing.iter().any(|f| f.code == code) && !checked.iter().any(|f| f.code == code) {
        wrong.push(format!("{code}: only a build says it"));
    }
    let repaired = human(&findings(&example(folder, "repaired")));
    if !repaired.is_empty() {
        wrong.push(format!("{code}, repaired: nothing is expected\n{repaired}"));
    }
    let path = folder.join("message.txt");
    if std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always") {
        std::fs::write(path, said).expect("the folder can be written");
        return made;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected.replace("\r\n", "\n") != said {
        wrong.push(format!("{code}: message.txt differs\n{said}"));
    }
    made
}

/// Runs the folders of one band.
fn band(prefix: &str) {
    let entries = std::fs::read_dir(root().join("tests/cases/codes")).expect("examples");
    let mut folders: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    folders.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(prefix)
    });
    folders.sort();
    let mut wrong = Vec::new();
    let (mut mending, mut left) = (Vec::new(), Vec::new());
    for folder in folders {
        if unmended(&folder) {
            let name = folder.file_name().unwrap_or_default();
            left.push(name.to_string_lossy().into_owned());
        }
        if wrong_with(&folder, &mut wrong) > 0 {
            mending.push(
                folder
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let listed = include_str!("codes-with-a-fix.txt");
    let listed: Vec<&str> = listed.lines().filter(|l| l.starts_with(prefix)).collect();
    assert_eq!(
        mending, listed,
        "tests/codes-with-a-fix.txt is a list of them"
    );
    let listed = include_str!("codes-left-to-the-author.txt");
    let listed: Vec<&str> = listed.lines().filter(|l| l.starts_with(prefix)).collect();
    assert_eq!(
        left, listed,
        "a help that names a definite change gives it as a fix, or is in \
         tests/codes-left-to-the-author.txt"
    );
}

#[test]
fn the_small_bank_has_no_finding_in_test_and_live() {
    let files = bank();
    let project = Project::read(&files);
    for environment in [Environment::Test, Environment::Live] {
        let found = human(&check(&project, environment).findings);
        assert_eq!(found, "", "{environment:?}");
        assert!(build(&project, environment).is_ok(), "{environment:?}");
    }
}

#[test]
fn every_folder_is_a_code_or_the_bank() {
    let entries = std::fs::read_dir(root().join("tests/cases/codes")).expect("examples");
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = cardwright_compiler::diagnostics::explanation(&name).is_some();
        let run = BANDS.iter().any(|band| name.starts_with(band));
        assert!(
            known && run || name == "shared",
            "{name} is no code of a source, or no band has it"
        );
    }
}

/// One test a band, so that they run side by side.
macro_rules! bands {
    ($($name:ident $prefix:literal)*) => {
        const BANDS: &[&str] = &[$($prefix),*];
        $(#[test]
        fn $name() {
            band($prefix);
        })*
    };
}

bands! {
    syntax "E00"
    names "E01"
    types "E02"
    emv_lower "E030"
    emv_mid "E031"
    emv_dol "E032"
    emv_upper "E033"
    emv_elements "E034"
    emv_cards "E035"
    emv_presence "E036"
    rules "E038"
    values "E039"
    platform "E04"
    keys_of_uses "E050"
    keys_of_sizes "E051"
    keys_of_kinds "E052"
    pins "E06"
    stripe "E07"
    layouts "E08"
    flows "E09"
    secrecy "E10"
}
