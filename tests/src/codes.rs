//! All tables of codes of all crates, and the pages that are made from them.

#[path = "../../compiler/cli/src/codes.rs"]
mod author;

use crate::examples::{self, Example};
use crate::workspace;
use std::{collections::BTreeMap, fmt::Write as _};

/// A code as its crate's table has it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Such as `E0301`.
    pub code: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why it is.
    pub meaning: &'static str,
    /// What to do.
    pub mend: &'static str,
    /// Standard and clause, or the house's own rule; none for what happens at run time.
    pub source: Option<&'static str>,
}

type WithSource = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);
type WithoutSource = (&'static str, &'static str, &'static str, &'static str);

fn rules(rows: &[WithSource]) -> Vec<Row> {
    let row = |&(code, title, meaning, mend, source): &WithSource| Row {
        code,
        title,
        meaning,
        mend,
        source: Some(source),
    };
    rows.iter().map(row).collect()
}

fn events(rows: &[WithoutSource]) -> Vec<Row> {
    let row = |&(code, title, meaning, mend): &WithoutSource| Row {
        code,
        title,
        meaning,
        mend,
        source: None,
    };
    rows.iter().map(row).collect()
}

/// A crate's table, and the bands that its codes may stand in.
pub struct Table {
    /// Crate or module.
    pub owner: &'static str,
    /// Letters and first two digits.
    pub bands: &'static [&'static str],
    /// Rows.
    pub rows: Vec<Row>,
}

/// What a band is about, for the index (ARCHITECTURE, decision 12).
pub const BANDS: &[(&str, &str)] = &[
    ("E00", "syntax, and the arguments of calculators"),
    ("E01", "names"),
    ("E02", "types"),
    ("E03", "EMV"),
    ("E04", "the card's platform"),
    ("E05", "keys"),
    ("E06", "PINs"),
    ("E07", "magnetic stripe"),
    ("E08", "layouts"),
    ("E09", "flows, jobs and scenarios"),
    ("E10", "secrecy"),
    ("R10", "bundles and trust"),
    ("R11", "plans and rehearsals"),
    ("R12", "devices: cards, machines, paper, files"),
    ("R13", "HSM"),
    ("R14", "store and engine"),
    ("R15", "intake of order files"),
];

/// Every table there is.
pub fn tables() -> Vec<Table> {
    let mut all = of_programs();
    all.extend(of_keys());
    all
}

/// Tables of key management and of HSMs.
fn of_keys() -> Vec<Table> {
    let table = |owner, rows| Table {
        owner,
        bands: &["R13"],
        rows: events(rows),
    };
    vec![
        table("keys: inventory", cardwright_keys::inventory::CODES),
        table("keys: ceremonies", cardwright_keys::ceremony::CODES),
        table("keys: exchange", cardwright_keys::exchange::CODES),
        table("keys: issuer certificates", cardwright_keys::issuer::CODES),
        table("payment HSM", cardwright_host_commands::CODES),
        table("PKCS#11", cardwright_pkcs11::CODES),
        table("soft HSM", cardwright_soft_hsm::CODES),
    ]
}

/// Tables of everything else.
fn of_programs() -> Vec<Table> {
    let table = |owner, bands, rows| Table { owner, bands, rows };
    const CHECKS: &[&str] = &["E01", "E02", "E03", "E05", "E06", "E09", "E10"];
    const EMISSION: &[&str] = &[
        "E01", "E02", "E03", "E04", "E05", "E06", "E07", "E08", "E09", "E10",
    ];
    let mut tables = vec![
        table("dsl", &["E00"], rules(cardwright_dsl::CODES)),
        table(
            "compiler: names and types",
            CHECKS,
            rules(cardwright_compiler::diagnostics::CODES),
        ),
        table(
            "compiler: emission",
            EMISSION,
            rules(cardwright_compiler::emit::CODES),
        ),
        table(
            "compiler: layouts",
            EMISSION,
            rules(cardwright_compiler::emit::LAYOUT_CODES),
        ),
        table("cardwright", &["E01"], rules(author::CODES)),
        table("import", &["E01"], rules(cardwright_import::CODES)),
        table("rehearsal", &["R11"], events(cardwright_rehearsal::CODES)),
        table(
            "standards",
            EMISSION,
            rules(cardwright_standards::codes::CODES),
        ),
    ];
    tables.extend(of_the_operator());
    tables
}

/// The tables of the operator's side.
fn of_the_operator() -> Vec<Table> {
    let table = |owner, bands, rows| Table { owner, bands, rows };
    vec![
        table("calc", &["E00"], rules(cardwright_calc::CODES)),
        table(
            "runtime",
            &["R10", "R11", "R15"],
            events(cardwright_runtime::codes::CODES),
        ),
        table(
            "engine",
            &["R14"],
            events(cardwright_runtime::engine::CODES),
        ),
        table("stations", &["R12"], events(cardwright_stations::CODES)),
        table("files", &["R15"], events(cardwright_files::codes::CODES)),
        table("exchange", &["R139"], events(cardwright_exchange::CODES)),
        table("store", &["R14"], events(cardwright_store::CODES)),
        table(
            "virtual card",
            &["R12"],
            events(cardwright_virtual_card::CODES),
        ),
        table("machine", &["R12"], events(cardwright_machine::CODES)),
        table("paper", &["R12"], events(cardwright_paper::CODES)),
    ]
}

/// Every code with its row, sorted.
pub fn all() -> BTreeMap<&'static str, Row> {
    tables()
        .into_iter()
        .flat_map(|table| table.rows)
        .map(|row| (row.code, row))
        .collect()
}

/// The failing cases that name a code: folders of `tests/cases`, and tests that provoke it.
pub fn cases() -> BTreeMap<&'static str, Vec<String>> {
    let mut texts = Vec::new();
    for (code, example) in examples::all() {
        texts.push((example.folder, code));
    }
    for path in workspace::files_below("tests/cases", "") {
        let name = path.rsplit('/').next().unwrap_or_default();
        if matches!(name, "out.txt" | "out.errors") {
            let folder = path
                .rsplit_once('/')
                .map(|p| p.0)
                .unwrap_or_default()
                .to_owned();
            texts.push((folder, workspace::read(&path)));
        }
    }
    for path in workspace::files(".rs") {
        let text = workspace::read(&path);
        if path.contains("/tests/") {
            // The test of the pages names codes that it does not provoke.
            if path != "tests/tests/codes.rs" {
                texts.push((path, text));
            }
        } else if let Some((_, tests)) = text.split_once("#[cfg(test)]\nmod tests {") {
            texts.push((path, tests.to_owned()));
        }
    }
    all()
        .into_keys()
        .map(|code| {
            let named = texts.iter().filter(|(_, text)| text.contains(code));
            (code, named.map(|(path, _)| path.clone()).collect())
        })
        .collect()
}

/// The page of a code.
pub fn page(row: &Row, cases: &[String], example: Option<&Example>) -> String {
    let Row {
        code,
        title,
        meaning,
        mend,
        source,
    } = row;
    let mut text = format!("# {code}: {title}\n\n{meaning}\n\n**What to do.** {mend}\n");
    if let Some(source) = source {
        let _ = writeln!(text, "\n**Source.** {source}");
    }
    if let Some(example) = example {
        text.push_str(&example.shown());
        return text;
    }
    // Sources of tests come and go; folders of cases are there to be read.
    let mut folders = cases
        .iter()
        .filter(|path| path.starts_with("tests/cases/"))
        .peekable();
    if folders.peek().is_some() {
        text.push_str("\nWhere it is shown:\n\n");
        for path in folders.take(CASES_SHOWN) {
            let _ = writeln!(text, "- [{path}](../../{path})");
        }
    }
    text
}

/// Cases that a page links to; more would tell nothing more.
const CASES_SHOWN: usize = 6;

/// The index of all pages.
pub fn index() -> String {
    let mut text = String::from(
        "# Error codes\n\nEvery refusal has a code that stays the same from version to version. \
         `cardwright explain CODE` and\n`cardstation explain CODE` print the same pages.\n",
    );
    let all = all();
    for (band, about) in BANDS {
        let _ = writeln!(text, "\n## {band}: {about}\n");
        for (code, row) in all.iter().filter(|(code, _)| code.starts_with(band)) {
            let _ = writeln!(text, "- [{code}]({code}.md): {}", row.title);
        }
    }
    text
}

/// Tables whose codes are rules on sources.
const RULES: &[&str] = &["dsl", "compiler: names and types", "compiler: emission"];

/// Rules on sources, sorted.
pub fn rules_on_sources() -> BTreeMap<&'static str, Row> {
    tables()
        .into_iter()
        .filter(|table| RULES.contains(&table.owner))
        .flat_map(|table| table.rows)
        .map(|row| (row.code, row))
        .collect()
}

/// `docs/language/rules.md`: every rule with how grave it is, its title and its source.
pub fn rule_book() -> String {
    let rules = rules_on_sources();
    let examples = examples::all();
    let shown = rules.keys().filter(|code| examples.contains_key(**code));
    let mut text = format!(
        "# Rules\n\n<!-- Written by `UPDATE=1 cargo test -p cardwright-tests --test codes`. -->\n\n\
         What the compiler holds a project against: {} rules, {} of them with a failing and a \
         repaired\nexample that the tests run. Each code links to its page.\n",
        rules.len(),
        shown.count()
    );
    for (band, about) in BANDS {
        let mut of_band = rules
            .iter()
            .filter(|(code, _)| code.starts_with(band))
            .peekable();
        if of_band.peek().is_none() {
            continue;
        }
        let _ = writeln!(
            text,
            "\n## {band}: {about}\n\n| code | severity | rule | source |\n|---|---|---|---|"
        );
        for (code, row) in of_band {
            let severity = examples.get(*code).map_or("", Example::severity);
            let _ = writeln!(
                text,
                "| [{code}](../errors/{code}.md) | {severity} | {} | {} |",
                row.title,
                row.source.unwrap_or_default()
            );
        }
    }
    text
}
