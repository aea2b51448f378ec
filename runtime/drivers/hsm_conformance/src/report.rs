//! What came out: one row a check, and a table for people.

use std::fmt;

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As expected.
    Passed,
    /// The reason; holds no secret but the kit's own test values.
    Failed(String),
    /// The HSM does not do this, and the driver's documents say so: the code of the refusal, or
    /// `fresh` for a value that is drawn anew.
    NotOffered(String),
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Stable name, `cvv.values`.
    pub id: &'static str,
    /// The intent of the port that it asks.
    pub intent: &'static str,
    /// What is checked, in a few words.
    pub what: &'static str,
    /// Where the expected values come from.
    pub source: &'static str,
    /// How it ended.
    pub outcome: Outcome,
}

/// All checks of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// In the order in which they ran.
    pub rows: Vec<Row>,
}

impl Report {
    /// A report of nothing but a start that failed.
    pub(crate) fn broken(what: String) -> Self {
        Self {
            rows: vec![Row {
                id: "start",
                intent: "open_session",
                what: "the kit starts",
                source: "the port",
                outcome: Outcome::Failed(what),
            }],
        }
    }

    /// The checks that failed.
    pub fn failures(&self) -> Vec<&Row> {
        self.select(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    /// The checks that passed.
    pub fn passed(&self) -> Vec<&Row> {
        self.select(|outcome| *outcome == Outcome::Passed)
    }

    /// The checks that the HSM does not offer, with codes.
    pub fn not_offered(&self) -> Vec<&Row> {
        self.select(|outcome| matches!(outcome, Outcome::NotOffered(_)))
    }

    fn select(&self, wanted: impl Fn(&Outcome) -> bool) -> Vec<&Row> {
        self.rows.iter().filter(|r| wanted(&r.outcome)).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let (mark, more) = match &row.outcome {
                Outcome::Passed => ("passed", ""),
                Outcome::Failed(why) => ("FAILED", why.as_str()),
                Outcome::NotOffered(code) => ("not offered", code.as_str()),
            };
            writeln!(
                f,
                "{mark:<12} {:<28} {:<26} {} [{}] {more}",
                row.id, row.intent, row.what, row.source
            )?;
        }
        writeln!(
            f,
            "{} passed, {} failed, {} not offered",
            self.passed().len(),
            self.failures().len(),
            self.not_offered().len()
        )
    }
}
