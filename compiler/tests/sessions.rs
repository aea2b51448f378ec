//! What a session finds after any change is what a fresh check finds: findings, lengths and
//! declarations, over the shipped examples and random changes of their files.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use cardwright_compiler::emit::{build, build_checked};
use cardwright_compiler::project::{Files as _, MemoryFiles, Project};
use cardwright_compiler::{Checked, Environment, Session, check, check_language};
use std::path::Path;

#[path = "sessions/alone.rs"]
mod alone;
#[path = "sessions/bases.rs"]
mod bases;

/// Changes of each example, one upon the other.
const CHANGES: usize = 20;
/// After so many changes the example is what it was.
const BACK: usize = 5;

/// Numbers from a seed (SplitMix64), so that a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let n = u64::try_from(n.max(1)).expect("small");
        usize::try_from((z ^ (z >> 31)) % n).expect("small")
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn folder(path: &Path, prefix: &str, mut files: MemoryFiles) -> MemoryFiles {
    let entries = std::fs::read_dir(path).expect("a folder").flatten();
    for entry in entries.filter(|e| !e.file_name().to_string_lossy().starts_with('.')) {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            if name != "target" && name != "generator" && name != "tests" {
                files = folder(&entry.path(), &format!("{name}/"), files);
            }
        } else {
            files = files.with(&name, std::fs::read(entry.path()).expect("a file"));
        }
    }
    files
}

/// Words that are put in: some mean something anywhere, some nowhere.
const WORDS: &[&str] = &[
    "}",
    "{",
    "x",
    "= 1",
    "use std.emv\n",
    "let extra = 12\n",
    "// a comment\n",
    "\"",
    "order.pan",
    "poisoned",
    "profile",
    "[",
    "required ",
    "#9F14 = x\"01\"\n",
    "key k : aes128 { use = transport }\n",
];

/// One change of a text: a line or a word comes, goes, is doubled or becomes another.
fn changed(text: &str, random: &mut Random) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = random.below(lines.len());
    let mut out: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    if out.is_empty() {
        return "let first = 1\n".to_owned();
    }
    match random.below(9) {
        0 | 1 => out.insert(at, "// seen\n".to_owned()),
        2 => {
            out.remove(at);
        }
        3 => out.insert(at, lines[random.below(lines.len())].to_owned()),
        4 => {
            let digits: String = lines[at]
                .chars()
                .map(|c| if c.is_ascii_digit() { '7' } else { c })
                .collect();
            out[at] = digits;
        }
        5 => {
            let words: Vec<&str> = lines[at].split(' ').collect();
            let drop = random.below(words.len());
            let kept = words.iter().enumerate().filter(|(n, _)| *n != drop);
            out[at] = kept.map(|(_, w)| *w).collect::<Vec<_>>().join(" ");
        }
        6 => out.swap(at, random.below(lines.len())),
        _ => {
            let ends: Vec<usize> = lines[at].char_indices().map(|(n, _)| n).collect();
            let place = ends[random.below(ends.len())];
            out[at].insert_str(place, WORDS[random.below(WORDS.len())]);
        }
    }
    out.concat()
}

fn same(kept: &Checked, fresh: &Checked, what: &str) {
    assert_eq!(kept.findings, fresh.findings, "findings, {what}");
    assert_eq!(kept.measures, fresh.measures, "lengths, {what}");
    assert_eq!(kept.model.decls, fresh.model.decls, "declarations, {what}");
    assert_eq!(kept.model.tables, fresh.model.tables, "tables, {what}");
}

fn wander(name: &str, whole: &MemoryFiles, seed: u64) {
    let mut random = Random(seed);
    let mut session = Session::default();
    let mut files = whole.clone();
    let all = whole.list("");
    let sources: Vec<&String> = all.iter().filter(|n| n.ends_with(".perso")).collect();
    let others: Vec<&String> = all
        .iter()
        .filter(|n| n.ends_with(".csv") || n.ends_with(".toml") || n.ends_with(".cer"))
        .collect();
    for n in 0..CHANGES {
        let what = format!("{name}, seed {seed}, change {n}");
        let kept = session.check(&Project::read(&files), Environment::Test);
        let fresh = check(&Project::read(&files), Environment::Test);
        same(&kept, &fresh, &what);
        if n % BACK == BACK - 1 {
            files = whole.clone();
            continue;
        }
        let path = match (random.below(8), others.is_empty()) {
            (0, false) => others[random.below(others.len())],
            _ => sources[random.below(sources.len())],
        };
        let octets = files.read(path).expect("a file");
        files = match String::from_utf8(octets) {
            Ok(text) => files.with(path, changed(&text, &mut random)),
            // A certificate in DER.
            Err(octets) => {
                let octets = octets.into_bytes();
                let cut = random.below(octets.len());
                files.with(path, octets.get(..cut).unwrap_or_default())
            }
        };
    }
}

fn example(name: &str, seed: u64) {
    let files = folder(&root().join("examples").join(name), "", MemoryFiles::new());
    wander(name, &files, seed);
}

#[test]
fn the_example_bank() {
    example("aurora-bank", 1);
}

#[test]
fn a_prepaid_programme() {
    example("harbour-prepaid", 2);
}

#[test]
fn an_access_card() {
    example("kestrel-access", 3);
}

#[test]
fn a_loyalty_card() {
    example("lantern-loyalty", 4);
}

#[test]
fn a_file_in_ebcdic() {
    example("meridian-debit", 5);
}

const ROWS: &str = "code,label\nA,FIRST\nB,SECOND\n";
const BASE: &str = "package small\n\nlet limit = 3\nprofile base : debit { label = \"BASE\" }\n";
const HEIRS: &str = "package small\n\nuse std.emv\n\n\
    table names = file(\"names.csv\") { key = code; code : text 4; label : text 16 }\n\
    rule short for profile { require length(label) <= 12 because \"{label} is long\" }\n\
    profile \"heir_{row.code}\" : base for row in names { label = row.label }\n\
    profile own : base { label = \"OWN\"; offline_pin { value = order.pin; tries = limit } }\n\
    card c1 : debit_card { chip { applications = [own] } }\n\
    card c2 : debit_card { chip { applications = [heir_A] } }\n";

/// Changes that reach far: path, what stands there, what comes instead.
const FAR: &[(&str, &str, &str)] = &[
    ("a_base.perso", "\"BASE\"", "\"A LONGER BASE\""),
    ("a_base.perso", "limit = 3", "limit = 300"),
    ("a_base.perso", "let limit", "// above\nlet limit"),
    (
        "a_base.perso",
        "profile base",
        "let order = 3\nprofile base",
    ),
    (
        "a_base.perso",
        "profile base : debit",
        "profile base : nothing",
    ),
    ("b_heirs.perso", "\"OWN\"", "\"A LABEL OF ITS OWN\""),
    ("b_heirs.perso", "<= 12", "<= 4"),
    ("b_heirs.perso", "card c1", "// above\ncard c1"),
    ("b_heirs.perso", "card c2", "card c3"),
    ("b_heirs.perso", "use std.emv\n", ""),
    ("names.csv", "SECOND", "A SECOND ROW"),
    ("names.csv", "A,FIRST\n", ""),
    ("names.csv", "B,", "AB,"),
    ("names.csv", "code,label\n", "label,code\n"),
    ("keys/issuer-92.cer", "9", "8"),
    ("cardwright.toml", "1.0.0", "1.0.1"),
    (
        "small.perso",
        "key imk_ac ",
        "key new_one : aes128 { use = transport }\nkey imk_ac ",
    ),
    ("small.perso", "width 19", "width 18"),
    ("small.perso", "tries = 3", "tries = 03"),
    ("small.perso", "999992", "999991"),
    ("small.perso", "card debit_card", "card debit_card_2"),
    ("small.perso", "shrink = to 6 pt", "shrink = to 9 pt"),
];

/// The small bank of the codes' cases, with heirs by a table, a rule, and cards.
fn small_bank() -> MemoryFiles {
    let keys = root().join("examples/aurora-bank/keys");
    let shared = root().join("tests/cases/codes/shared");
    folder(&shared, "", folder(&keys, "keys/", MemoryFiles::new()))
        .with(
            "cardwright.toml",
            "name = \"small\"\nversion = \"1.0.0\"\nsequence = 1\n",
        )
        .with("a_base.perso", BASE)
        .with("b_heirs.perso", HEIRS)
        .with("names.csv", ROWS)
}

/// A base, a key, a format, a rule, a table, a name that comes or goes.
#[test]
fn what_reaches_far_is_done_again() {
    let whole = small_bank();
    let mut session = Session::default();
    for (n, (path, old, new)) in FAR.iter().enumerate() {
        let text = String::from_utf8(whole.read(path).expect("a file")).expect("text");
        assert!(text.contains(old), "{path} has {old}");
        let other = whole.clone().with(path, text.replacen(old, new, 1));
        for files in [&whole, &other] {
            let kept = session.check(&Project::read(files), Environment::Test);
            let fresh = check(&Project::read(files), Environment::Test);
            same(
                &kept,
                &fresh,
                &format!("{path}, {old:?} to {new:?}, change {n}"),
            );
        }
    }
    for environment in [Environment::Live, Environment::Test] {
        let kept = session.check(&Project::read(&whole), environment);
        same(
            &kept,
            &check(&Project::read(&whole), environment),
            "the environment",
        );
    }
    let kept = session.check_language(&Project::read(&whole));
    same(
        &kept,
        &check_language(&Project::read(&whole)),
        "the language",
    );
}

/// What a bundle is made of when the Model of a check is used, once more changed and changed back,
/// is what it is made of from the beginning.
#[test]
fn a_checked_project_gives_the_same_bundle() {
    for example in [
        "aurora-bank",
        "harbour-prepaid",
        "kestrel-access",
        "lantern-loyalty",
        "meridian-debit",
    ] {
        let path = root().join("examples").join(example);
        let files = folder(&path, "", MemoryFiles::new());
        let fresh = build(&Project::read(&files), Environment::Test).expect("it builds");
        let fresh = fresh.to_bytes().expect("octets");
        let mut session = Session::default();
        let source = files.list("").into_iter().find(|f| f.ends_with(".perso"));
        let source = source.expect("a source");
        let text = files.read(&source).expect("read");
        let moved = [b"// first\n", text.as_slice()].concat();
        let moved = files.clone().with(&source, moved);
        for (files, whole) in [(&files, true), (&moved, false), (&files, true)] {
            let project = Project::read(files);
            let checked = session.check(&project, Environment::Test);
            let bundle = build_checked(&checked, &project, Environment::Test).expect("it builds");
            let octets = bundle.to_bytes().expect("octets");
            // The bundle of the changed project says what its sources were.
            assert_eq!(octets == fresh, whole, "{example}");
        }
    }
}
