//! `import`: a first draft out of existing personalization data. The draft is built and rehearsed at
//! once, card by card: what is said about it has been tried.

use super::new::{check_name, refuse_taken};
use crate::{
    arguments::{Format, Import, ImportKind},
    failure::{Failure, exit},
    project::{Folder, read_file, write_whole},
    terminal,
};
use cardwright_bundle::Environment;
use cardwright_compiler::{Session, diagnostics::Severity};
use cardwright_import::{Content, Draft, Expected, Kind, Options, Product, import};
use cardwright_rehearsal::{Order, Rehearsal, Rehearsed};
use serde_json::json;
use std::{collections::BTreeMap, path::Path};

/// Octets of a file that is read; the import itself takes no more.
const FILE_OCTETS_MAX: u64 = 16 << 20;
/// Octets of a description of a layout.
const LAYOUT_OCTETS_MAX: u64 = 64 << 10;
/// Cards of a product that are made for the proof.
const CARDS_PROVED: usize = 50;

/// What the proof found.
#[derive(Default)]
struct Proof {
    cards: usize,
    /// Groupings that are octet for octet those of the file.
    same: usize,
    /// Groupings of keys and PINs, whose values are the site's.
    keys: usize,
    /// What differs: the application where it is one, words.
    differences: Vec<(Option<String>, String)>,
}

/// Carries the verb out.
pub(crate) fn run(arguments: &Import) -> Result<u8, Failure> {
    let folder = &arguments.output;
    let name = folder
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    check_name(&name)?;
    refuse_taken(folder)?;
    let octets = read_file(&arguments.file, FILE_OCTETS_MAX)?;
    let layout = match &arguments.layout {
        Some(path) => {
            Some(String::from_utf8_lossy(&read_file(path, LAYOUT_OCTETS_MAX)?).into_owned())
        }
        None => None,
    };
    let mut options = Options {
        name,
        kind: arguments.from.map(kind),
        layout,
        test_bins: arguments.test_bin.clone(),
        applications_only: arguments.no_profiles,
        ..Options::default()
    };
    let (draft, proof) = drafted(&octets, &mut options, folder)?;
    match arguments.format {
        Format::Human => human(arguments, &draft, &proof),
        Format::Json => terminal::print(&object(&draft, &proof)),
    }
    match proof.failure() {
        Some(failure) => Err(failure),
        None => Ok(0),
    }
}

/// Writes the draft and tries it. What can't be a profile stays an application: one that is against
/// a rule of EMV, or that would give other octets than the file has.
fn drafted(octets: &[u8], options: &mut Options, folder: &Path) -> Result<(Draft, Proof), Failure> {
    loop {
        let draft = import(octets, options)?;
        std::fs::create_dir_all(folder).map_err(|e| Failure::file(folder, &e))?;
        for (path, text) in &draft.files {
            write_whole(&folder.join(path), text.as_bytes())?;
        }
        let project = Folder::find(Some(folder))?;
        let mut kept = objections(&project, &draft);
        if kept.is_empty() {
            let proof = prove(&project, &draft)?;
            kept = proof.objections(&draft);
            if kept.is_empty() {
                return Ok((draft, proof));
            }
        }
        options.kept.extend(kept);
    }
}

/// Profiles that do not compile, with what is said about each; all of them where an error stands
/// beside them.
fn objections(folder: &Folder, draft: &Draft) -> BTreeMap<String, String> {
    let project = folder.project();
    let checked = Session::default().check(&project, Environment::Test);
    let mut kept = BTreeMap::new();
    let errors = checked.findings.iter();
    for finding in errors.filter(|f| f.severity == Severity::Error) {
        let why = format!("{} ({})", finding.message, finding.code);
        let around = around(draft, &finding.place.file, finding.place.line);
        for name in &draft.profiles {
            if around.is_none_or(|around| around == name) {
                kept.entry(name.clone()).or_insert_with(|| why.clone());
            }
        }
    }
    kept
}

/// The profile that a line of a draft's file belongs to.
fn around<'d>(draft: &'d Draft, file: &str, line: u32) -> Option<&'d str> {
    let (_, text) = draft.files.iter().find(|(path, _)| path == file)?;
    let lines = text.lines().take(usize::try_from(line).ok()?);
    let head = lines
        .filter(|l| l.starts_with(char::is_alphabetic))
        .last()?;
    head.strip_prefix("profile ")?.split(' ').next()
}

fn kind(from: ImportKind) -> Kind {
    match from {
        ImportKind::Dgi => Kind::Dgi,
        ImportKind::Commands => Kind::Commands,
        ImportKind::Cps => Kind::Cps,
        ImportKind::Tlv => Kind::Tlv,
        ImportKind::Csv => Kind::Csv,
    }
}

/// Builds the draft and makes its cards.
fn prove(folder: &Folder, draft: &Draft) -> Result<Proof, Failure> {
    let (_, bundle) = super::built(folder, Environment::Test)?;
    let mut rehearsal = Rehearsal::new(bundle)?;
    let mut proof = Proof::default();
    for product in &draft.products {
        for card in product.cards.iter().take(CARDS_PROVED) {
            let fields = card.order.iter();
            let order = Order {
                fields: fields
                    .map(|(name, value)| (name.clone(), vec![value.clone()]))
                    .collect(),
                bin: None,
            };
            match rehearsal.order_in(&product.job, &order) {
                Ok(made) => proof.compare(product, card, &made),
                // Where a profile's card is refused, an application may do.
                Err(error) if !draft.profiles.is_empty() => {
                    proof.refused(product, card, &error.what);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(proof)
}

impl Proof {
    /// E0187 for a draft that gives something else back.
    fn failure(&self) -> Option<Failure> {
        let (_, first) = self.differences.first()?;
        let what = match self.differences.len() - 1 {
            0 => first.clone(),
            others => format!("{first}, and {others} more"),
        };
        let mend = "correct the grouping in the draft, and report what could not be read";
        Some(Failure::new(exit::FINDINGS, "E0187", what, mend))
    }

    /// Profiles that give something else back; all of the draft's where a whole card does.
    fn objections(&self, draft: &Draft) -> BTreeMap<String, String> {
        let mut kept = BTreeMap::new();
        for (application, what) in &self.differences {
            for name in &draft.profiles {
                if application.as_ref().is_none_or(|a| a == name) {
                    kept.entry(name.clone()).or_insert_with(|| what.clone());
                }
            }
        }
        kept
    }

    /// A card that could not be made: for the application that the error names, or for all.
    fn refused(&mut self, product: &Product, card: &Expected, what: &str) {
        let mut names = product.applications.iter();
        let name = names.find(|name| what.starts_with(&format!("`{name}`")));
        let what = format!("card {}: {what}", card.number);
        self.differences.push((name.cloned(), what));
    }

    fn compare(&mut self, product: &Product, card: &Expected, made: &Rehearsed) {
        self.cards += 1;
        for (scenario, verdict) in &made.verdicts {
            if let Some((code, what)) = &verdict.failure {
                let number = card.number;
                let what = format!("card {number}: {scenario}: {what} ({code})");
                self.differences.push((None, what));
            }
        }
        let applications = product.applications.iter().zip(&product.added);
        for ((name, added), expected) in applications.zip(&card.groupings) {
            let mut found = made.octets(name);
            found.retain(|(number, _)| !added.contains(number));
            if found.len() != expected.len() {
                let number = card.number;
                let what = format!("card {number}: {name} has other groupings");
                self.differences.push((Some(name.clone()), what));
                continue;
            }
            for ((found, octets), (number, content)) in found.iter().zip(expected) {
                let fits = match (content, octets) {
                    (Content::Octets(wanted), Some(made)) => {
                        self.same += 1;
                        wanted == made
                    }
                    (Content::Follows(length), Some(made)) => {
                        self.keys += 1;
                        *length == made.len()
                    }
                    (Content::Sealed(_), None) => {
                        self.keys += 1;
                        true
                    }
                    _ => false,
                };
                if !fits || found != number {
                    let card = card.number;
                    let what = format!("card {card}: {name}, grouping {number:04X} differs");
                    self.differences.push((Some(name.clone()), what));
                }
            }
        }
    }
}

fn human(arguments: &Import, draft: &Draft, proof: &Proof) {
    for line in &draft.report {
        terminal::print(line);
    }
    let (cards, same, keys) = (proof.cards, proof.same, proof.keys);
    if proof.differences.is_empty() {
        terminal::print(&format!(
            "proved: cards made: {cards}; groupings octet for octet as in the file: {same}; from keys: {keys}"
        ));
    }
    for (_, difference) in &proof.differences {
        terminal::print(&format!("DIFFERS  {difference}"));
    }
    let shown = arguments.output.display();
    terminal::note(&format!("made {shown}; next:"));
    for verb in ["check", "test"] {
        terminal::note(&format!("cardwright {verb} {shown}"));
    }
}

fn object(draft: &Draft, proof: &Proof) -> String {
    let files: Vec<&str> = draft.files.iter().map(|(path, _)| path.as_str()).collect();
    json!({
        "schema_version": 1,
        "files": files,
        "report": draft.report,
        "profiles": draft.profiles,
        "proof": {
            "cards": proof.cards,
            "same": proof.same,
            "from_keys": proof.keys,
            "differences": proof.differences.iter().map(|(_, what)| what).collect::<Vec<_>>(),
        },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "a test fails loudly"
    )]

    use super::*;
    use proptest::{collection::vec, prelude::*, sample::select};
    use std::fmt::Write as _;

    /// Imports, writes and proves.
    fn proved(text: &str) -> Result<Proof, Failure> {
        let mut options = Options {
            name: "any".to_owned(),
            kind: Some(Kind::Dgi),
            ..Options::default()
        };
        let folder = tempfile::tempdir().expect("a folder");
        Ok(drafted(text.as_bytes(), &mut options, folder.path())?.1)
    }

    fn object(tag: &str, value: &[u8]) -> String {
        format!("{tag}{:02X}{}", value.len(), hex::encode_upper(value))
    }

    /// A value that a card could have, or any.
    fn value() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            vec(any::<u8>(), 0..20),
            vec(0x20u8..0x7F, 1..20),
            vec(
                prop_oneof![Just(0x01u8), Just(0x12), Just(0x25), Just(0x31), Just(0x99)],
                1..10
            ),
            Just(vec![0x99, 0x99, 0x92, 0, 0, 0, 0, 0x11]),
            Just(vec![
                0x99, 0x99, 0x92, 0, 0, 0, 0, 0x11, 0xD2, 0x81, 0x22, 0x01, 0x12, 0x3F
            ]),
            Just(vec![0x28, 0x12, 0x31]),
        ]
    }

    const TAGS: [&str; 34] = [
        "42", "50", "56", "57", "5A", "5F20", "5F24", "5F25", "5F28", "5F2D", "5F30", "5F34",
        "5F50", "82", "87", "8C", "8E", "8F", "90", "93", "94", "9F07", "9F08", "9F0D", "9F10",
        "9F12", "9F1F", "9F36", "9F42", "9F46", "9F4A", "9F6C", "DF01", "DF8101",
    ];
    const NUMBERS: [u16; 14] = [
        0x0062, 0x0101, 0x0201, 0x0A02, 0x0B01, 0x1E01, 0x3000, 0x7FFF, 0x8000, 0x8010, 0x8400,
        0x9000, 0x9102, 0x9F6C,
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Whatever groupings two cards have: the draft builds, and gives them back.
        #[test]
        fn any_groupings_come_back(
            shape in vec((select(&NUMBERS[..]), 0usize..4, vec(select(&TAGS[..]), 1..5)), 1..7),
            values in vec(value(), 60),
        ) {
            let mut text = String::new();
            let mut values = values.iter().cycle();
            for _ in 0..2 {
                text.push_str("AID: A0000000031010\n");
                for (number, style, tags) in &shape {
                    let elements = tags.iter().zip(&mut values);
                    let elements: String = elements.map(|(t, v)| object(t, v)).collect();
                    let octets = hex::decode(&elements).expect("octets");
                    let grouping = match style {
                        0 => object("70", &octets),
                        1 => elements,
                        2 => object("A5", &octets),
                        _ => hex::encode_upper(values.next().expect("values")),
                    };
                    let _ = writeln!(text, "{number:04X}: {grouping}");
                }
                text.push_str("---\n");
            }
            match proved(&text) {
                Ok(proof) => prop_assert!(proof.differences.is_empty(), "{text}\n{:?}", proof.differences),
                // Nothing in it can be written, such as private keys only.
                Err(failure) => prop_assert!(format!("{failure:?}").contains("E0184"), "{text}\n{failure:?}"),
            }
        }
    }

    #[test]
    fn a_draft_that_gives_something_else_back_is_said() {
        let options = Options {
            name: "tampered".to_owned(),
            ..Options::default()
        };
        let mut draft =
            import(b"AID: F000000001\n9102 04 A5025000\n0B01 02 AABB", &options).expect("a draft");
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in &draft.files {
            std::fs::write(folder.path().join(path), text).expect("written");
        }
        let found = Folder::find(Some(folder.path())).expect("a project");
        let proof = prove(&found, &draft).expect("a proof");
        assert!(proof.failure().is_none(), "{:?}", proof.differences);
        assert_eq!((proof.cards, proof.same), (1, 2));
        draft.products[0].cards[0].groupings[0][1].1 = Content::Octets(vec![0xAA, 0xBC]);
        let proof = prove(&found, &draft).expect("a proof");
        let (name, what) = &proof.differences[0];
        assert_eq!(name.as_deref(), Some("app_1"));
        assert_eq!(what, "card 1: app_1, grouping 0B01 differs");
        let failure = proof.failure().expect("a failure");
        assert!(format!("{failure:?}").contains("E0187"), "{failure:?}");
    }
}
