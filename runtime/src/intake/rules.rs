//! The format's rules and the job's conditions on orders.

use super::{BrokenRule, Intake, Record, Totals, look, refused};
use crate::{
    Loaded, RuntimeError, Value,
    plan::{BoundKeys, Fields, Prepared},
};
use cardwright_bundle::{Format, FormatRule, Severity};
use cardwright_ports::store::Seen;
use zeroize::Zeroizing;

/// A rule, prepared.
pub(crate) struct Rule<'a> {
    rule: &'a FormatRule,
    program: Option<Prepared>,
    /// The record that the rule looks at; none for a rule on the file.
    record: Option<String>,
    /// The closing record of the groups that it looks at.
    group: Option<&'a str>,
}

/// Why a record is not taken, and the rule that it breaks if it breaks one.
pub(super) struct Broken {
    pub(super) code: &'static str,
    pub(super) reason: String,
    pub(super) refuses_file: bool,
    pub(super) rule: Option<BrokenRule>,
}

/// Prepares a format's rules.
pub(super) fn prepare<'a>(
    loaded: &'a Loaded,
    format: &'a Format,
) -> Result<Vec<Rule<'a>>, RuntimeError> {
    let prepare = |rule: &'a FormatRule| match rule {
        FormatRule::Require { program, group, .. } => {
            let program = loaded.program(*program)?;
            let record = Some(program.record.clone()).filter(|name| !name.is_empty());
            let program = Some(Prepared::new(program, &BoundKeys::none(), loaded)?);
            Ok(Rule {
                rule,
                program,
                record,
                group: group.as_deref(),
            })
        }
        FormatRule::Unique { record, .. } => Ok(Rule {
            rule,
            program: None,
            record: Some(record.clone()),
            group: None,
        }),
    };
    format.rules.iter().map(prepare).collect()
}

/// Checks the rules that look at each order.
pub(super) fn check_record(
    intake: &Intake<'_>,
    record: &Record,
    number: u64,
    seen: &mut dyn Seen,
) -> Result<Option<Broken>, RuntimeError> {
    for (at, rule) in intake.rules.iter().enumerate() {
        if rule.record.as_deref() != Some(intake.job.record.as_str()) {
            continue;
        }
        match (rule.rule, &rule.program) {
            (
                FormatRule::Require {
                    condition,
                    message,
                    refuses,
                    ..
                },
                Some(program),
            ) => {
                let values = look(program, record, &intake.facts(number))?;
                if !values.flag(*condition)? {
                    return Ok(Some(Broken {
                        code: "R1509",
                        reason: values.text(*message)?.to_owned(),
                        refuses_file: *refuses == Severity::File,
                        rule: Some(BrokenRule::Format(at)),
                    }));
                }
            }
            (
                FormatRule::Unique {
                    record: name,
                    fields,
                    message,
                    refuses,
                    ..
                },
                _,
            ) => {
                let material = material(at, record, name, fields);
                let fresh = seen.note(&material).map_err(|error| {
                    RuntimeError::new(error.code, error.what, "make room in the temporary folder")
                })?;
                if !fresh {
                    return Ok(Some(Broken {
                        code: "R1511",
                        reason: message.clone(),
                        refuses_file: *refuses == Severity::File,
                        rule: Some(BrokenRule::Format(at)),
                    }));
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Checks the rules that look at the whole file, or at a group that ends with a record.
pub(super) fn check_whole(
    intake: &Intake<'_>,
    once: &super::Once,
    totals: &Totals,
    group: Option<&str>,
) -> Result<(), RuntimeError> {
    let whole = Whole { once, totals };
    let rules = intake.rules.iter().filter(|rule| rule.record.is_none());
    for rule in rules.filter(|rule| rule.group == group) {
        if let (
            FormatRule::Require {
                condition, message, ..
            },
            Some(program),
        ) = (rule.rule, &rule.program)
        {
            let values = look(program, &whole, &intake.facts(0))?;
            if !values.flag(*condition)? {
                let what = values.text(*message)?.to_owned();
                return Err(refused("R1510", what, "have the file written again"));
            }
        }
    }
    Ok(())
}

/// Product and priority of an order, or why it has none.
pub(super) fn choose(
    intake: &Intake<'_>,
    record: &Record,
    number: u64,
) -> Result<Result<(String, u8), Broken>, RuntimeError> {
    let values = look(&intake.program, record, &intake.facts(number))?;
    for (at, (condition, message)) in intake.job.accept.iter().enumerate() {
        if !values.flag(*condition)? {
            return Ok(Err(Broken {
                code: "R1514",
                reason: values.text(*message)?.to_owned(),
                refuses_file: false,
                rule: Some(BrokenRule::Job(at)),
            }));
        }
    }
    let code = values.text(intake.job.selector)?;
    if !intake
        .job
        .products
        .iter()
        .any(|product| product.code == code)
    {
        let known: Vec<&str> = intake
            .job
            .products
            .iter()
            .map(|p| p.code.as_str())
            .collect();
        let reason = format!("the product is none of {}", known.join(", "));
        return Ok(Err(Broken {
            code: "R1513",
            reason,
            refuses_file: false,
            rule: None,
        }));
    }
    let priority = match intake.job.priority {
        Some(id) => values.get(id)?.number().unwrap_or(1),
        None => 1,
    };
    Ok(Ok((code.to_owned(), u8::try_from(priority).unwrap_or(1))))
}

/// What must not come again: the rule's number and its fields, lengths before texts.
fn material(rule: usize, record: &Record, name: &str, fields: &[String]) -> Zeroizing<Vec<u8>> {
    let mut material = Zeroizing::new((rule as u64).to_be_bytes().to_vec());
    for field in fields {
        let text = record.field(name, field).map(plain).unwrap_or_default();
        material.extend_from_slice(&(text.len() as u64).to_be_bytes());
        material.extend_from_slice(text.as_bytes());
    }
    material
}

/// A value as text, for comparison only.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Date(date) => date.format("YYYYMMDD"),
        Value::Bytes(bytes) => hex::encode(bytes),
        Value::TextList(lines) => lines.join("\n"),
        _ => String::new(),
    }
}

struct Whole<'a> {
    once: &'a super::Once,
    totals: &'a Totals,
}

impl Fields for Whole<'_> {
    fn field(&self, record: &str, field: &str) -> Option<&Value> {
        self.once.get(record)?.get(field)
    }
    fn count(&self, record: &str) -> i64 {
        self.totals.count(record)
    }
    fn sum(&self, record: &str, field: &str, digits: u32) -> Option<i64> {
        self.totals.sum(record, field, digits)
    }
}
