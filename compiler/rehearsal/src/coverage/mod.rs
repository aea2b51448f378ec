//! Which branches of a bundle the tests took.
//!
//! A branch is a side of a choice in a program, of a `when` on a page or of an application, or of a
//! rule on orders; a
//! product; an input field that may be left out; a record. The evaluation of a program is
//! deterministic, so the same programs are run once more for a finished order, and the sides that
//! its card, pages and files asked for are noted. Choices that nobody asked for are not.

mod points;
mod roots;

pub use points::{Point, Tally, live_nodes};

use crate::refusal::Refusal;
use cardwright_bundle::{Card, Constant, Content, FormatRule, Job, Layout, NodeId, Op, Program};
use cardwright_ports::HsmSession;
use cardwright_runtime::{
    Loaded, RuntimeError, Value,
    datagen::CardData,
    intake::BrokenRule,
    plan::{BoundKeys, Fields, Prepared, Run, RunFacts, Values},
};
use std::collections::{BTreeMap, BTreeSet};

/// Sides that were taken: when it holds, when it does not.
pub(crate) type Sides = [bool; 2];

/// What the tests reached so far.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Choices: program and node.
    pub(crate) choices: BTreeMap<(u32, NodeId), Sides>,
    /// Conditions of applications, items, rows and panels: program and node.
    pub(crate) shown: BTreeMap<(u32, NodeId), Sides>,
    /// Conditions of jobs on orders: job and number.
    pub(crate) accepts: BTreeMap<(String, usize), Sides>,
    /// Rules of formats on orders: format and number.
    pub(crate) rules: BTreeMap<(String, usize), Sides>,
    /// Products: job and code.
    pub(crate) products: BTreeSet<(String, String)>,
    /// Fields that may be left out, given and blank: record and field.
    pub(crate) fields: BTreeMap<(String, String), Sides>,
    /// Records of input files.
    pub(crate) records: BTreeSet<String>,
}

/// A finished order, as coverage sees it.
pub(crate) struct Finished<'f> {
    pub(crate) loaded: &'f Loaded,
    pub(crate) job: &'f Job,
    pub(crate) card: &'f Card,
    pub(crate) product: &'f str,
    pub(crate) keys: &'f BoundKeys,
    pub(crate) fields: &'f dyn Fields,
    pub(crate) facts: &'f RunFacts,
    pub(crate) data: &'f CardData,
    pub(crate) order: u64,
}

impl Coverage {
    /// Notes what a finished order took.
    pub(crate) fn made(
        &mut self,
        order: &Finished<'_>,
        session: &mut dyn HsmSession,
    ) -> Result<(), RuntimeError> {
        let (content, job) = (order.loaded.content(), order.job);
        let product = (job.name.clone(), order.product.to_owned());
        self.products.insert(product);
        self.input(content, order);
        let values = order.run(order.card.program, session)?;
        let mut nodes = roots::card(order.card);
        for application in roots::applications(order.card) {
            if self.shows(order.card.program, application.when, &values, &mut nodes) {
                nodes.extend(roots::application(application));
            }
        }
        for panel in roots::panels(order.card) {
            if self.shows(order.card.program, panel.when, &values, &mut nodes) {
                nodes.push(panel.node);
            }
        }
        self.take(order, order.card.program, &values, nodes);
        // The job's own choices were made at intake: it has no HSM, and needs none.
        let values = order.run(job.program, session)?;
        self.take(order, job.program, &values, roots::job(job));
        for at in 0..job.accept.len() {
            let sides = self.accepts.entry((job.name.clone(), at)).or_default();
            note(sides, true);
        }
        for name in roots::pages(job) {
            if let Some(layout) = content.layouts.iter().find(|l| l.name == name) {
                let values = order.run(layout.program, session)?;
                self.page(order, layout, &values);
            }
        }
        for output in &job.outputs {
            let format = content.formats.iter().find(|f| f.name == output.format);
            for record in format.into_iter().flat_map(|f| &f.records) {
                if let (Some(program), false) = (record.program, record.once) {
                    let values = order.run(program, session)?;
                    let nodes = record.fields.iter().filter_map(|f| f.value);
                    self.take(order, program, &values, nodes.collect());
                }
            }
        }
        Ok(())
    }

    /// Notes which rule refused an order. Of one that refuses the whole file only the reason is known:
    /// those that say it.
    pub(crate) fn refused(&mut self, loaded: &Loaded, refusal: &Refusal) {
        let content = loaded.content();
        match &refusal.rule {
            Some((job, BrokenRule::Job(at))) => {
                return note(self.accepts.entry((job.clone(), *at)).or_default(), false);
            }
            Some((job, BrokenRule::Format(at))) => {
                let job = content.jobs.iter().find(|j| j.name == *job);
                let input = job.map(|j| j.input.clone()).unwrap_or_default();
                return note(self.rules.entry((input, *at)).or_default(), false);
            }
            None if refusal.at_intake => return,
            None => {}
        }
        // `line 2: ` stands before it.
        let (_, reason) = refusal.reason.split_once(": ").unwrap_or_default();
        let says = |program: u32, node: NodeId| {
            let program = content.programs.get(program as usize);
            let op = program.and_then(|p| Some(&p.nodes.get(node as usize)?.op));
            matches!(op, Some(Op::Constant { value: Constant::Text(text) }) if text == reason)
        };
        for format in &content.formats {
            for (at, rule) in format.rules.iter().enumerate() {
                let said = match rule {
                    FormatRule::Require {
                        program, message, ..
                    } => says(*program, *message),
                    FormatRule::Unique { message, .. } => message == reason,
                };
                if said {
                    let sides = self.rules.entry((format.name.clone(), at)).or_default();
                    note(sides, false);
                }
            }
        }
    }

    fn input(&mut self, content: &Content, order: &Finished<'_>) {
        let job = order.job;
        let Some(format) = content.formats.iter().find(|f| f.name == job.input) else {
            return;
        };
        for at in 0..format.rules.len() {
            let sides = self.rules.entry((format.name.clone(), at)).or_default();
            note(sides, true);
        }
        for record in &format.records {
            let own = record.name == job.record;
            if own || record.once || order.fields.count(&record.name) > 0 {
                self.records.insert(record.name.clone());
            }
            for field in record.fields.iter().filter(|f| f.optional && own) {
                let blank = match order.fields.field(&record.name, &field.name) {
                    None => true,
                    Some(Value::Text(text)) => text.trim().is_empty(),
                    Some(Value::TextList(texts)) => texts.iter().all(|t| t.trim().is_empty()),
                    Some(Value::Bytes(octets)) => octets.is_empty(),
                    Some(Value::Flag(flag)) => !flag,
                    Some(_) => false,
                };
                let key = (record.name.clone(), field.name.clone());
                note(self.fields.entry(key).or_default(), !blank);
            }
        }
    }

    fn page(&mut self, order: &Finished<'_>, layout: &Layout, values: &Values) {
        let mut nodes = Vec::new();
        for item in roots::items(layout) {
            for part in roots::parts(item) {
                let drawn = self.shows(layout.program, part.when, values, &mut nodes);
                if drawn {
                    nodes.extend(part.draws);
                } else if part.kind == "item" {
                    break;
                }
            }
        }
        self.take(order, layout.program, values, nodes);
    }

    /// Whether something is drawn; its condition is asked for, too.
    fn shows(
        &mut self,
        program: u32,
        when: Option<NodeId>,
        values: &Values,
        asked: &mut Vec<NodeId>,
    ) -> bool {
        let Some(when) = when else {
            return true;
        };
        asked.push(when);
        let drawn = values.flag(when).unwrap_or(false);
        note(self.shown.entry((program, when)).or_default(), drawn);
        drawn
    }

    /// Follows what is asked for, through the chosen sides only.
    fn take(&mut self, order: &Finished<'_>, index: u32, values: &Values, mut asked: Vec<NodeId>) {
        let Ok(program) = order.loaded.program(index) else {
            return;
        };
        let mut seen = BTreeSet::new();
        while let Some(id) = asked.pop() {
            if !seen.insert(id) {
                continue;
            }
            let Some(node) = program.nodes.get(id as usize) else {
                continue;
            };
            let Op::Choose {
                condition,
                then,
                otherwise,
            } = &node.op
            else {
                asked.extend(roots::arguments(&node.op));
                continue;
            };
            asked.push(*condition);
            if let Ok(holds) = values.flag(*condition) {
                let sides = self.choices.entry((index, id)).or_default();
                note(sides, holds);
                asked.push(if holds { *then } else { *otherwise });
            }
        }
    }
}

/// A side was taken.
fn note([holds, fails]: &mut Sides, held: bool) {
    *(if held { holds } else { fails }) = true;
}

impl Finished<'_> {
    fn run(&self, index: u32, session: &mut dyn HsmSession) -> Result<Values, RuntimeError> {
        let program: &Program = self.loaded.program(index)?;
        let mut draws = self.data.draws.clone();
        Prepared::new(program, self.keys, self.loaded)?.run(&mut Run {
            fields: self.fields,
            facts: self.facts,
            session: Some(session),
            job: &self.job.name,
            order: self.order,
            draws: &mut draws,
        })
    }
}
