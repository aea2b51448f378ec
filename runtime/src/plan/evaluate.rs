//! Runs a prepared program for one record.

use super::{Bound, Draws, Fields, Prepared, RunFacts, intents};
use crate::load::{broken, cell_value};
use crate::{RuntimeError, Value};
use cardwright_bundle::{LookupRow, LookupTable, NodeId};
use cardwright_ports::hsm::HsmSession;
use zeroize::Zeroize;

/// Everything that a run of a program needs beside the program.
pub struct Run<'a> {
    /// The record.
    pub fields: &'a dyn Fields,
    /// Facts of the run.
    pub facts: &'a RunFacts,
    /// Session; none where the program may not reach the HSM.
    pub session: Option<&'a mut dyn HsmSession>,
    /// Job identifier, for draws.
    pub job: &'a str,
    /// Order number, for draws.
    pub order: u64,
    /// What was drawn for this order.
    pub draws: &'a mut Draws,
}

/// The values of a program's nodes; wiped when dropped. A node whose value could not be made keeps
/// the reason: it matters only if somebody asks for the value, which a choice may not.
pub struct Values(Vec<Result<Value, RuntimeError>>);

impl Drop for Values {
    fn drop(&mut self) {
        self.0.iter_mut().flatten().for_each(Zeroize::zeroize);
    }
}

impl Values {
    /// A node's value.
    pub fn get(&self, id: NodeId) -> Result<&Value, RuntimeError> {
        match self.0.get(id as usize) {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(error.clone()),
            None => Err(broken("a node that is not there")),
        }
    }

    /// A text node.
    pub fn text(&self, id: NodeId) -> Result<&str, RuntimeError> {
        self.get(id)?
            .text()
            .ok_or_else(|| broken("a text that is none"))
    }

    /// A flag node.
    pub fn flag(&self, id: NodeId) -> Result<bool, RuntimeError> {
        self.get(id)?
            .flag()
            .ok_or_else(|| broken("a flag that is none"))
    }
}

impl Prepared {
    /// Runs the program; linear in its length.
    pub fn run(&self, run: &mut Run<'_>) -> Result<Values, RuntimeError> {
        let mut values = Values(Vec::with_capacity(self.steps.len()));
        for step in &self.steps {
            let value = evaluate(step, &values, run);
            values.0.push(value);
        }
        Ok(values)
    }
}

fn evaluate(step: &Bound, values: &Values, run: &mut Run<'_>) -> Result<Value, RuntimeError> {
    match step {
        Bound::Field { record, field } => {
            let value = if record == "run" {
                run.facts.get(field)
            } else {
                run.fields.field(record, field)
            };
            value.cloned().ok_or_else(|| {
                RuntimeError::new(
                    "R1106",
                    format!("`{record}.{field}` has no value here"),
                    "use a field of the record that this part runs for",
                )
            })
        }
        Bound::Constant(value) => Ok(value.clone()),
        Bound::Apply { function, args } => function.apply(&gather(values, args)?),
        Bound::Intent { intent, keys, args } => {
            let args = gather(values, args)?;
            let (job, order) = (run.job, run.order);
            let Some(session) = run.session.as_deref_mut() else {
                return Err(broken("an HSM where none may be used"));
            };
            intents::perform(*intent, keys, &args, session, job, order, run.draws)
        }
        Bound::Choose {
            condition,
            then,
            otherwise,
        } => {
            let chosen = if values.flag(*condition)? {
                *then
            } else {
                *otherwise
            };
            values.get(chosen).cloned()
        }
        Bound::Listed { table, key } => Ok(Value::Flag(table.find(values.text(*key)?).is_some())),
        Bound::Lookup {
            table,
            column,
            key,
            otherwise,
        } => match (table.find(values.text(*key)?), otherwise) {
            (Some(row), _) => cell(table, *column, row),
            (None, Some(id)) => values.get(*id).cloned(),
            (None, None) => Err(RuntimeError::new(
                "R1110",
                format!("the table `{}` has no row for this order", table.name),
                "add the row to the table, or correct the order",
            )),
        },
        Bound::Count { record } => Ok(Value::Number(run.fields.count(record))),
        Bound::Sum {
            record,
            field,
            digits,
        } => match run.fields.sum(record, field, *digits) {
            Some(sum) => Ok(Value::Number(sum)),
            None => Err(RuntimeError::new(
                "R1106",
                format!("the sum of `{record}.{field}` is not known here, or above 64 bits"),
                "sum in the rules, groups and trailers of the format that has the records",
            )),
        },
    }
}

fn cell(table: &LookupTable, column: usize, row: &LookupRow) -> Result<Value, RuntimeError> {
    let gives = table.columns.get(column).map(|c| c.gives);
    let found = gives.zip(row.cells.get(column));
    found
        .and_then(|(gives, cell)| cell_value(gives, cell))
        .ok_or_else(|| broken("a cell that is not there"))
}

fn gather<'v>(values: &'v Values, args: &[NodeId]) -> Result<Vec<&'v Value>, RuntimeError> {
    args.iter().map(|id| values.get(*id)).collect()
}
