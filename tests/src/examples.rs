//! The failing and the repaired example of a code, from `tests/cases/codes`.
//!
//! That they fail and pass is held by the compiler's test `codes`; here they are only read.

use crate::workspace;
use std::{collections::BTreeMap, fmt::Write as _};

/// Where the examples stand.
const FOLDER: &str = "tests/cases/codes";

/// Names and texts of an example's files.
type Texts = Vec<(String, String)>;

/// A code's examples.
#[derive(Clone, Debug)]
pub struct Example {
    /// The folder, from the workspace's root.
    pub folder: String,
    failing: Texts,
    repaired: Texts,
    message: String,
    severity: &'static str,
}

impl Example {
    /// How grave the finding is; empty when the failing example says nothing yet.
    #[must_use]
    pub fn severity(&self) -> &'static str {
        self.severity
    }

    /// Whether both examples are there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.failing.is_empty() && !self.repaired.is_empty() && !self.message.is_empty()
    }

    /// The examples as a part of the code's page.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut text = format!("\n## Failing\n{}", blocks(&self.failing));
        let _ = write!(text, "\nThe finding:\n\n```text\n{}```\n", self.message);
        let _ = write!(text, "\n## Repaired\n{}", blocks(&self.repaired));
        text
    }
}

/// Every code's examples.
pub fn all() -> BTreeMap<String, Example> {
    let mut found: BTreeMap<String, Example> = BTreeMap::new();
    for path in workspace::files_below(FOLDER, "") {
        let inside = path.strip_prefix(FOLDER).unwrap_or_default();
        let Some((code, file)) = inside.trim_start_matches('/').split_once('/') else {
            continue;
        };
        if code == "shared" {
            continue;
        }
        let folder = format!("{FOLDER}/{code}");
        let example = found.entry(code.to_owned()).or_insert_with(|| Example {
            folder,
            failing: Texts::new(),
            repaired: Texts::new(),
            message: String::new(),
            severity: "",
        });
        let octets = std::fs::read(workspace::root().join(&path)).unwrap_or_default();
        let text = String::from_utf8_lossy(&octets).replace("\r\n", "\n");
        let name = file.split_once('/').map_or(file, |(_, name)| name);
        if file == "message.txt" {
            example.severity = severity(&text, code);
            example.message = text;
        } else if file.starts_with("failing") {
            example.failing.push((name.to_owned(), text));
        } else {
            example.repaired.push((name.to_owned(), text));
        }
    }
    found
}

/// The word before the code in the finding's first line.
fn severity(message: &str, code: &str) -> &'static str {
    ["error", "warning", "note"]
        .into_iter()
        .find(|word| message.contains(&format!(": {word} {code}: ")))
        .unwrap_or_default()
}

/// Longest line of an example that a page shows whole, characters.
const LINE_MAX: usize = 200;

/// Most lines of a file that a page shows.
const LINES_MAX: usize = 60;

fn blocks(texts: &Texts) -> String {
    let mut out = String::new();
    for (name, text) in texts {
        if texts.len() > 1 {
            let _ = writeln!(out, "\n`{name}`:");
        }
        let language = name.rsplit('.').next().unwrap_or_default();
        let _ = writeln!(out, "\n```{language}");
        for line in text.lines().take(LINES_MAX) {
            let shown: String = line.chars().take(LINE_MAX).collect();
            let more = if shown.len() < line.len() { "…" } else { "" };
            let _ = writeln!(out, "{shown}{more}");
        }
        if text.lines().count() > LINES_MAX {
            let _ = writeln!(out, "…");
        }
        out.push_str("```\n");
    }
    out
}
