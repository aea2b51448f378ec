//! Why an output is what it is: the expression, rules, order fields and HSM operations behind it.
//!
//! An order of a real order file is read as the site would read it, the program runs, and the tree
//! of its operations is shown. Values of cardholders are masked, sensitive and secret values are
//! never shown; TEST only, like every rehearsal.

mod card_content;
mod find;
mod tree;

use crate::rehearse::{Rehearsal, rehearsal_day};
use cardwright_bundle::{Card, Constant, FormatRule, Job, Node, Op, Program};
use cardwright_ports::{StoreError, store::Seen};
use cardwright_runtime::{
    Value,
    intake::{Intake, Order, Record, Shown},
    plan::{Draws, Prepared, Run, RunFacts},
};
use cardwright_stations::{StationError, line};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::BufRead;

pub use tree::{Because, Input, Key};

/// Name of a second file and what it holds.
pub type SecondFile<'f> = (String, &'f mut dyn BufRead);

/// Why an output of an order is what it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Why {
    /// 1.
    pub schema_version: u32,
    /// Job.
    pub job: String,
    /// Number of the order in its file, from 1.
    pub order: u64,
    /// Its line, from 1.
    pub line: u64,
    /// Product code.
    pub product: String,
    /// Card.
    pub card: String,
    /// What was asked for.
    pub output: String,
    /// Where it goes, in words.
    pub title: String,
    /// Expressions, outermost first.
    pub because: Vec<Because>,
    /// Rules on the fields behind it, which this order keeps.
    pub rules: Vec<Kept>,
}

/// A rule that the order keeps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Kept {
    /// Where it was written, `file:line:column`.
    pub place: String,
    /// What it asks for.
    pub rule: String,
}

/// Files of a rehearsal are small: what came before stays in memory.
struct Before(BTreeSet<Vec<u8>>);

impl Seen for Before {
    fn note(&mut self, material: &[u8]) -> Result<bool, StoreError> {
        Ok(self.0.insert(material.to_vec()))
    }
}

impl Rehearsal {
    /// Says why an output of an order is what it is.
    ///
    /// # Errors
    /// R1198 for an output that the order's card has not, R1197 for an order that the file has not,
    /// R1193 for one that intake rejects; what intake and data generation say.
    pub fn why(
        &mut self,
        job: Option<&str>,
        orders: &mut dyn BufRead,
        seconds: Vec<SecondFile<'_>>,
        number: u64,
        output: &str,
    ) -> Result<Why, StationError> {
        let loaded = &self.loaded;
        let job = loaded.job(job)?;
        let (taken, record) = self.taken(job, orders, seconds, number)?;
        let product = job.products.iter().find(|p| p.code == taken.product);
        let cards = &loaded.content().cards;
        let card = product.and_then(|p| cards.iter().find(|c| c.name == p.card));
        let card = card.ok_or_else(|| {
            let what = format!("job `{}` makes no product `{}`", job.name, taken.product);
            StationError::new("R1195", what, "name one of the job's products in the order")
        })?;
        let (output_name, range) = find::range(output)?;
        let found = find::output(loaded.bundle(), job, card, output_name)?;
        let program = loaded.program(found.program)?;
        let facts = facts(number);
        let prepared = Prepared::new(program, &self.keys, loaded)?;
        let mut draws = Draws::default();
        let values = prepared.run(&mut Run {
            fields: &record,
            facts: &facts,
            session: Some(&mut self.session),
            job: &job.name,
            order: number,
            draws: &mut draws,
        })?;
        let teller = tree::Teller::new(loaded.content(), job, program, &values, taken.line);
        let teller = teller.named(&found.parts);
        let told = found.nodes.iter().map(|node| teller.tell(*node, range));
        let mut because: Vec<Because> = told.collect();
        because.extend(card_content::within(found.told, range));
        let fields = teller.fields();
        let (job_name, card_name) = (job.name.clone(), card.name.clone());
        Ok(Why {
            schema_version: 1,
            job: job_name,
            order: number,
            line: taken.line,
            product: taken.product.clone(),
            card: card_name,
            output: output.to_owned(),
            title: found.title,
            because,
            rules: self.rules(job, card, &fields),
        })
    }

    /// Reads the file up to the order.
    fn taken(
        &self,
        job: &Job,
        orders: &mut dyn BufRead,
        seconds: Vec<SecondFile<'_>>,
        number: u64,
    ) -> Result<(Order, Record), StationError> {
        let mut intake = Intake::new(&self.loaded, job, rehearsal_day())?;
        for (name, file) in seconds {
            intake.join(&name, file)?;
        }
        let mut before = Before(BTreeSet::new());
        let (mut taken, mut rejected) = (None, None);
        let summary = intake.scan(orders, &mut before, &mut |shown| {
            match shown {
                Shown::Order(order) if order.number == number => taken = Some(order),
                Shown::Rejection(bad) if bad.order == Some(number) => rejected = Some(bad),
                _ => {}
            }
            Ok(())
        })?;
        if let Some(bad) = rejected {
            let field = bad.field.map(|f| format!("`{f}`: ")).unwrap_or_default();
            let (line, reason, code) = (bad.line, bad.reason, bad.code);
            return Err(StationError::new(
                "R1193",
                format!("line {line}: intake rejects order {number}: {field}{reason} ({code})"),
                "correct the order's field; a rehearsal is dated 2026-01-01",
            ));
        }
        let taken = taken.ok_or_else(|| {
            let what = format!(
                "the file holds {} orders, not number {number}",
                summary.orders
            );
            StationError::new(
                "R1197",
                what,
                "orders are numbered from 1, rejected ones counted",
            )
        })?;
        let record = intake.reread(&taken, &summary.once_lines)?;
        Ok((taken, record))
    }

    /// Rules of the file and of the job that look at one of these fields.
    fn rules(&self, job: &Job, _: &Card, fields: &BTreeSet<(String, String)>) -> Vec<Kept> {
        let content = self.loaded.content();
        let mut kept = BTreeSet::new();
        let mut looks = |program: u32, condition: u32, message: u32| {
            let Some(program) = content.programs.get(program as usize) else {
                return;
            };
            if reached(program, condition).is_disjoint(fields) {
                return;
            }
            let said = program.nodes.get(message as usize).and_then(constant);
            let place = program.nodes.get(condition as usize);
            kept.insert(Kept {
                place: place.map_or_else(String::new, |n| tree::place(content, n.span)),
                rule: match said {
                    Some(text) => format!("else it is refused: \"{text}\""),
                    None => "a condition on the order".to_owned(),
                },
            });
        };
        for (condition, message) in &job.accept {
            looks(job.program, *condition, *message);
        }
        let format = content.formats.iter().find(|f| f.name == job.input);
        let rules = format.map(|f| f.rules.as_slice()).unwrap_or_default();
        for rule in rules {
            if let FormatRule::Require {
                program,
                condition,
                message,
                ..
            } = rule
            {
                looks(*program, *condition, *message);
            }
        }
        for rule in rules {
            if let FormatRule::Unique {
                record,
                fields: of,
                message,
                span,
                ..
            } = rule
                && of
                    .iter()
                    .any(|f| fields.contains(&(record.clone(), f.clone())))
            {
                kept.insert(Kept {
                    place: tree::place(content, *span),
                    rule: format!("else it is refused: \"{message}\""),
                });
            }
        }
        kept.into_iter().collect()
    }
}

fn facts(number: u64) -> RunFacts {
    let mut facts = RunFacts::default();
    facts.set("date", Value::Date(rehearsal_day()));
    facts.set(
        "sequence",
        Value::Number(i64::try_from(number).unwrap_or(i64::MAX)),
    );
    facts.set("reference", Value::Text(line::reference(1, number)));
    facts.set("job", Value::Text("1".to_owned()));
    facts.set("result", Value::Text("produced".to_owned()));
    facts.set("serial", Value::Text(String::new()));
    facts
}

fn constant(node: &Node) -> Option<&str> {
    match &node.op {
        Op::Constant {
            value: Constant::Text(text),
        } => Some(text),
        _ => None,
    }
}

/// The fields that a node is computed from.
fn reached(program: &Program, node: u32) -> BTreeSet<(String, String)> {
    let mut fields = BTreeSet::new();
    let mut open = vec![node];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        let Some(node) = program.nodes.get(id as usize).filter(|_| seen.insert(id)) else {
            continue;
        };
        if let Op::Field { record, field } = &node.op {
            fields.insert((record.clone(), field.clone()));
        }
        open.extend(tree::operands(&node.op));
    }
    fields
}
