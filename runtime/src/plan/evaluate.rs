//! Runs a prepared program for one record or for many.

use super::parts::Walk;
use super::{Bound, Draws, Fields, Prepared, RunFacts, intents};
use crate::load::{broken, cell_value};
use crate::{RuntimeError, Value};
use cardwright_bundle::{LookupRow, LookupTable, NodeId};
use cardwright_ports::hsm::{HsmSession, KeyHandle};
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
/// the reason: it matters only if somebody asks for the value, which a choice may not. A node that
/// nobody asked for has none.
pub struct Values(Vec<Option<Result<Value, RuntimeError>>>);

impl Drop for Values {
    fn drop(&mut self) {
        let made = self.0.iter_mut().flatten();
        made.flatten().for_each(Zeroize::zeroize);
    }
}

impl Values {
    fn of_length(length: usize) -> Self {
        let mut values = Vec::new();
        values.resize_with(length, || None);
        Self(values)
    }

    /// A node's value.
    pub fn get(&self, id: NodeId) -> Result<&Value, RuntimeError> {
        match self.0.get(id as usize) {
            Some(Some(Ok(value))) => Ok(value),
            Some(Some(Err(error))) => Err(error.clone()),
            Some(None) => Err(broken("a value that nobody asked for")),
            None => Err(broken("a node that is not there")),
        }
    }

    /// Whether a node was worked out.
    fn is_there(&self, id: NodeId) -> bool {
        matches!(self.0.get(id as usize), Some(Some(_)))
    }

    fn set(&mut self, id: NodeId, value: Result<Value, RuntimeError>) {
        if let Some(slot) = self.0.get_mut(id as usize) {
            *slot = Some(value);
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

/// One of many records that a program runs for at once.
pub struct Row<'a> {
    /// The record.
    pub fields: &'a dyn Fields,
    /// Facts of the run.
    pub facts: &'a RunFacts,
    /// Order number, for draws.
    pub order: u64,
    /// What was drawn for this order.
    pub draws: &'a mut Draws,
}

impl Prepared {
    /// Runs the program; each node is worked out once at most.
    pub fn run(&self, run: &mut Run<'_>) -> Result<Values, RuntimeError> {
        let row = Row {
            fields: run.fields,
            facts: run.facts,
            order: run.order,
            draws: &mut *run.draws,
        };
        let mut values = self.run_rows(&mut [row], &mut run.session, run.job);
        values.pop().ok_or_else(|| broken("a run of nothing"))
    }

    /// Runs the program for many records: each goes as far as it can without the HSM, then the HSM
    /// gets one kind of call for all that wait for it. The lowest node goes first, so that a record
    /// that needs less waits for the others.
    pub fn run_rows(
        &self,
        rows: &mut [Row<'_>],
        session: &mut Option<&mut dyn HsmSession>,
        job: &str,
    ) -> Vec<Values> {
        let length = self.steps.len();
        let mut all: Vec<Values> = rows.iter().map(|_| Values::of_length(length)).collect();
        let walks = rows.iter().map(|_| Walk::new(&self.wanted));
        let mut walks: Vec<Walk<'_>> = walks.collect();
        loop {
            let mut waiting = Vec::with_capacity(rows.len());
            for ((walk, values), row) in walks.iter_mut().zip(&mut all).zip(rows.iter()) {
                waiting.push(self.advance(walk, values, row));
            }
            let Some(id) = waiting.iter().copied().flatten().min() else {
                return all;
            };
            let Some(Bound::Intent { intent, keys, args }) = self.steps.get(id as usize) else {
                return all;
            };
            let these: Vec<bool> = waiting.iter().map(|at| *at == Some(id)).collect();
            let made = ask(*intent, keys, args, (&all, &these), rows, session, job);
            let pairs = walks.iter_mut().zip(&mut all).zip(these);
            let asked = pairs.filter_map(|(pair, this)| this.then_some(pair));
            for ((walk, values), value) in asked.zip(made) {
                values.set(id, value);
                walk.done();
            }
        }
    }

    /// Takes a record as far as it goes without the HSM; gives the intent that it waits for.
    fn advance(&self, walk: &mut Walk<'_>, values: &mut Values, row: &Row<'_>) -> Option<NodeId> {
        loop {
            let id = walk.turn(&self.steps, values)?;
            let step = self.steps.get(id as usize)?;
            if let Bound::Intent { .. } = step {
                return Some(id);
            }
            if let Bound::Choose {
                condition,
                then,
                otherwise,
            } = step
                && let Ok(holds) = values.flag(*condition)
            {
                let side = if holds { *then } else { *otherwise };
                if !values.is_there(side) && side < id {
                    // Its turn comes before this node's, which is looked at again then.
                    walk.want(side, &self.steps);
                    continue;
                }
            }
            values.set(id, evaluate(step, values, row));
            walk.done();
        }
    }
}

/// One intent for the records that wait for it: a call for each, in one batch.
fn ask(
    intent: intents::Intent,
    keys: &[KeyHandle],
    args: &[NodeId],
    (all, these): (&[Values], &[bool]),
    rows: &mut [Row<'_>],
    session: &mut Option<&mut dyn HsmSession>,
    job: &str,
) -> Vec<Result<Value, RuntimeError>> {
    let asking = rows.iter_mut().zip(all).zip(these);
    let asking = asking.filter_map(|(pair, this)| this.then_some(pair));
    let Some(session) = session else {
        return asking
            .map(|_| Err(broken("an HSM where none may be used")))
            .collect();
    };
    let mut calls = Vec::new();
    let mut places = Vec::new();
    for (row, values) in asking {
        let place = intents::Place {
            job,
            order: row.order,
        };
        let planned = gather(values, args)
            .and_then(|args| intents::plan(intent, keys, &args, place, row.draws));
        places.push(match planned {
            Ok(intents::Planned::Known(value)) => Place::Done(Ok(value)),
            Ok(intents::Planned::Call(call, keep)) => {
                calls.push(call);
                Place::Asked(keep)
            }
            Err(error) => Place::Done(Err(error)),
        });
    }
    let mut answers = match calls.as_slice() {
        // One call needs no joining.
        [call] => vec![call.perform(&mut **session)],
        [] => Vec::new(),
        many => session.batch(many),
    }
    .into_iter();
    let mut value = |(place, row): (Place, &mut Row<'_>)| match place {
        Place::Done(value) => value,
        Place::Asked(keep) => {
            let answer = answers
                .next()
                .ok_or_else(|| broken("an HSM that answered less than it was asked"))?;
            Ok(intents::value(answer?, &keep, row.draws))
        }
    };
    let asked = rows.iter_mut().zip(these);
    let asked = asked.filter_map(|(row, this)| this.then_some(row));
    places.into_iter().zip(asked).map(&mut value).collect()
}

/// Where a record's value of an intent comes from.
enum Place {
    Done(Result<Value, RuntimeError>),
    Asked(intents::Keep),
}

fn evaluate(step: &Bound, values: &Values, run: &Row<'_>) -> Result<Value, RuntimeError> {
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
        Bound::Intent { .. } => Err(broken("an intent outside a batch")),
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
