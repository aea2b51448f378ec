//! A session: check after check of one project while its files change, doing again only what a
//! change reaches.
//!
//! Kept are the trees of files by their text, declarations by what they were written and merged
//! from, and the outcomes of single tasks (a declaration held against the vocabulary or a rule, a
//! card made, a layout laid out) with the questions that they asked of the Model: as long as all
//! answers stay the same, the outcome does. What only moved, because the text above it changed, is
//! not another thing; its spans are moved.
//!
//! The findings are always those of a fresh check, which is a session's first.

mod clean;
mod memo;
pub(crate) mod pool;
pub(crate) mod turn;

pub(crate) use clean::{Clean, Place};
pub(crate) use memo::{Keeper, Memo, Outcome, Task};

use crate::diagnostics::Findings;
use crate::model::{Kept, lower_kept};
use crate::project::Project;
use crate::{Checked, check, emit};
use cardwright_bundle::Environment;

/// What is kept between the checks of one project.
#[derive(Debug, Default)]
pub struct Session {
    kept: Kept,
    memo: Memo,
    environment: Option<Environment>,
}

/// Tasks that are begun side by side before the work that they made is counted.
pub(crate) const AT_ONCE: usize = 64;

/// Values that name values are worked out by recursion to a depth of 300: a thread whose stack has
/// less room left than this gets another.
const STACK_LEAST: usize = 6 << 20;
const STACK_MOST: usize = 8 << 20;

impl Session {
    /// All findings of a project: of the language, and of what it makes.
    ///
    /// Where names or syntax are broken, nothing is emitted: what follows would speak of ruins.
    #[must_use]
    pub fn check(&mut self, project: &Project<'_>, environment: Environment) -> Checked {
        stacker::maybe_grow(STACK_LEAST, STACK_MOST, || {
            self.check_all(project, environment)
        })
    }

    fn check_all(&mut self, project: &Project<'_>, environment: Environment) -> Checked {
        if self.environment != Some(environment) {
            *self = Self {
                environment: Some(environment),
                ..Self::default()
            };
        }
        let mut findings = Findings::new();
        let mut model = lower_kept(project, &mut findings, &mut self.kept);
        self.kept.listen(&mut model);
        self.memo.begin(&self.kept);
        let mut keeper = Keeper {
            kept: &self.kept,
            memo: &mut self.memo,
            project,
        };
        check::check(&model, &mut findings, Some(&mut keeper));
        let measures = emit::go_on(&model, &mut findings, environment, &mut keeper);
        self.kept.hear_out(&mut model);
        Checked {
            findings: findings.resolve(&model.sources),
            model,
            measures,
        }
    }

    /// The same for the language alone: names, types, inheritance, keys, secrecy, rules.
    #[must_use]
    pub fn check_language(&mut self, project: &Project<'_>) -> Checked {
        stacker::maybe_grow(STACK_LEAST, STACK_MOST, || self.check_words(project))
    }

    fn check_words(&mut self, project: &Project<'_>) -> Checked {
        let mut findings = Findings::new();
        let mut model = lower_kept(project, &mut findings, &mut self.kept);
        self.kept.listen(&mut model);
        self.memo.begin(&self.kept);
        let mut keeper = Keeper {
            kept: &self.kept,
            memo: &mut self.memo,
            project,
        };
        check::check(&model, &mut findings, Some(&mut keeper));
        self.kept.hear_out(&mut model);
        Checked {
            findings: findings.resolve(&model.sources),
            model,
            measures: Vec::new(),
        }
    }
}
