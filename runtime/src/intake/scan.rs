//! The scan: records of a file go by, orders with their parts are judged whole, one after another.

use super::{
    Intake, Once, Order, Part, RECORDS_MAX, REJECTIONS_MAX, Record, Rejection, Shown, Summary,
    Totals, Visit, pictures,
    record::{self, FieldError, FieldValues},
    refused, rules,
};
use crate::RuntimeError;
use cardwright_bundle::{PartOf, Record as Declared, Role};
use cardwright_files::{Cells, Found, Place};
use cardwright_ports::store::Seen;
use std::{io::BufRead, ops::ControlFlow};

/// Most records that are not taken behind one order.
const BEHIND_MAX: usize = 1000;

/// Goes over a whole file.
pub(super) fn scan(
    intake: &Intake<'_>,
    file: &mut dyn BufRead,
    seen: &mut dyn Seen,
    visit: &mut Visit<'_>,
) -> Result<Summary, RuntimeError> {
    let mut scan = Scan {
        intake,
        summary: Summary::default(),
        totals: intake.totals.clone(),
        group_totals: intake.totals.clone(),
        group: None,
        seen,
        records: 0,
        trailer: None,
        waiting: None,
    };
    let mut failure = None;
    cardwright_files::read(
        intake.format,
        file,
        &mut |found| match scan.found(found, visit) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        },
    )
    .map_err(|e| RuntimeError::new(e.code, e.what, e.mend))?;
    match failure {
        Some(error) => Err(error),
        None => scan.finish(visit),
    }
}

/// An order whose parts may still come.
struct Waiting {
    line: u64,
    number: u64,
    kept: Vec<String>,
    values: Result<FieldValues, FieldError>,
    parts: Vec<Part>,
    /// Records that are not taken and stand behind it.
    behind: Vec<Rejection>,
}

/// The group of orders that is open.
struct Group {
    name: String,
    values: FieldValues,
    kept: String,
    line: u64,
}

struct Scan<'s, 'a> {
    intake: &'s Intake<'a>,
    summary: Summary,
    totals: Totals,
    group_totals: Totals,
    group: Option<Group>,
    seen: &'s mut dyn Seen,
    records: u64,
    /// Name of a record that stands once and came after orders: the end of the file.
    trailer: Option<String>,
    waiting: Option<Waiting>,
}

impl Scan<'_, '_> {
    fn found(&mut self, found: Found, visit: &mut Visit<'_>) -> Result<(), RuntimeError> {
        self.records += 1;
        if self.records > RECORDS_MAX {
            let what = format!("more than {RECORDS_MAX} records");
            return Err(refused("R1503", what, "split the file"));
        }
        let place = found.place;
        let intake = self.intake;
        let declared = found.record.and_then(|n| intake.format.records.get(n));
        let Some(declared) = declared else {
            return self.unknown(place, found.cells, visit);
        };
        if let Some(trailer) = self.trailer.as_ref().filter(|_| !declared.once) {
            let what = format!("line {} comes after the `{trailer}` record", place.line);
            return Err(refused("R1512", what, "have the file written again"));
        }
        self.totals.add(&declared.name, found.cells.as_ref().ok());
        self.group_totals
            .add(&declared.name, found.cells.as_ref().ok());
        if let Some(part_of) = declared.part_of.as_ref() {
            return self.part(declared, part_of, (place, found.cells), visit);
        }
        self.flush(visit)?;
        if declared.name == intake.job.record {
            self.order(place, found.cells);
            return Ok(());
        }
        // A header or trailer that can't be read leaves nothing to trust in the file.
        let broken = |error: FieldError| {
            let field = error.field.map(|f| format!(", {f}")).unwrap_or_default();
            let what = format!(
                "line {}, {}{field}: {}",
                place.line, declared.name, error.reason
            );
            refused("R1512", what, "have the file written again")
        };
        let cells = found.cells.map_err(|e| broken(e.into()))?;
        let values = record::values(declared, &cells).map_err(broken)?;
        let kept = record::kept(&declared.name, &cells);
        match declared.role {
            Some(role) => self.group(declared, role, values, kept, place),
            None => self.once(declared, values, kept),
        }
    }

    /// A record that is none of the format's, or no text at all.
    fn unknown(
        &mut self,
        place: Place,
        cells: Result<Cells, cardwright_files::CellError>,
        visit: &mut Visit<'_>,
    ) -> Result<(), RuntimeError> {
        let error = match cells {
            Err(error) => FieldError::from(error),
            Ok(_) => return Ok(()),
        };
        let has_parts = self
            .intake
            .format
            .records
            .iter()
            .any(|r| r.part_of.is_some());
        if let (true, Some(waiting)) = (has_parts, &mut self.waiting) {
            // It may be a part of the order: then the order is not whole.
            let reason = format!(
                "line {} after it can't be read and may belong to it",
                place.line
            );
            spoil(waiting, "R1519", None, reason);
        }
        let rejection = bad(place.line, None, error.code, error.field, &error.reason);
        self.set_aside(rejection, visit)
    }

    fn part(
        &mut self,
        declared: &Declared,
        part_of: &PartOf,
        (place, cells): (Place, Result<Cells, cardwright_files::CellError>),
        visit: &mut Visit<'_>,
    ) -> Result<(), RuntimeError> {
        let waiting = self
            .waiting
            .as_mut()
            .filter(|_| part_of.record == self.intake.job.record);
        let Some(waiting) = waiting else {
            let reason = format!(
                "a `{}` record without its `{}` before it",
                declared.name, part_of.record
            );
            return self.set_aside(bad(place.line, None, "R1519", None, &reason), visit);
        };
        let found = waiting
            .parts
            .iter()
            .filter(|p| p.name == declared.name)
            .count();
        if found >= part_of.most as usize {
            let reason = format!("more than {} `{}` records", part_of.most, declared.name);
            spoil(waiting, "R1519", None, reason);
            return Ok(());
        }
        let read = cells.map_err(FieldError::from).and_then(|cells| {
            Ok((
                record::values(declared, &cells)?,
                record::kept(&declared.name, &cells),
            ))
        });
        match read {
            Ok((values, kept)) => {
                let name = declared.name.clone();
                waiting.parts.push(Part { name, values, kept });
            }
            Err(error) => {
                let name = &declared.name;
                let field = match error.field {
                    Some(field) => format!("{name}.{field}"),
                    None => name.clone(),
                };
                let reason = format!("line {}: {}", place.line, error.reason);
                spoil(waiting, error.code, Some(field), reason);
            }
        }
        Ok(())
    }

    fn order(&mut self, place: Place, cells: Result<Cells, cardwright_files::CellError>) {
        self.summary.orders += 1;
        let name = &self.intake.job.record;
        let declared = self.intake.format.records.iter().find(|r| r.name == *name);
        let mut kept = Vec::new();
        let values = match (cells, declared) {
            (Ok(cells), Some(declared)) => {
                kept.push(record::kept(name, &cells));
                record::values(declared, &cells)
            }
            (Err(error), _) => Err(error.into()),
            (Ok(_), None) => return,
        };
        self.waiting = Some(Waiting {
            line: place.line,
            number: self.summary.orders,
            kept,
            values,
            parts: Vec::new(),
            behind: Vec::new(),
        });
    }

    fn once(
        &mut self,
        declared: &Declared,
        values: FieldValues,
        kept: String,
    ) -> Result<(), RuntimeError> {
        if declared.once && self.summary.once.contains_key(&declared.name) {
            let what = format!("a second `{}` record", declared.name);
            return Err(refused("R1512", what, "have the file written again"));
        }
        if declared.once && self.summary.orders > 0 {
            self.trailer = Some(declared.name.clone());
        }
        if declared.once {
            self.summary.once.insert(declared.name.clone(), values);
            self.summary.once_lines.push(kept);
        }
        Ok(())
    }

    fn group(
        &mut self,
        declared: &Declared,
        role: Role,
        values: FieldValues,
        kept: String,
        place: Place,
    ) -> Result<(), RuntimeError> {
        let closes = self
            .intake
            .format
            .records
            .iter()
            .any(|r| r.role == Some(Role::Closes));
        let wrong = |what: String| Err(refused("R1512", what, "have the file written again"));
        match (role, &self.group) {
            (Role::Opens, Some(open)) if closes => wrong(format!(
                "line {}: the group of line {} has no end",
                place.line, open.line
            )),
            (Role::Opens, _) => {
                self.group_totals.clear();
                self.group = Some(Group {
                    name: declared.name.clone(),
                    values,
                    kept,
                    line: place.line,
                });
                Ok(())
            }
            (Role::Closes, open) => {
                let opens = self
                    .intake
                    .format
                    .records
                    .iter()
                    .any(|r| r.role == Some(Role::Opens));
                if opens && open.is_none() {
                    return wrong(format!(
                        "line {}: the end of a group that did not begin",
                        place.line
                    ));
                }
                let mut once = self.once_now();
                once.insert(declared.name.clone(), values);
                let name = Some(declared.name.as_str());
                rules::check_whole(self.intake, &once, &self.group_totals, name).map_err(
                    |mut e| {
                        e.what = format!("line {}: {}", place.line, e.what);
                        e
                    },
                )?;
                self.group = None;
                self.group_totals.clear();
                Ok(())
            }
        }
    }

    /// What stands around an order: header, trailer if it came, the group's head.
    fn once_now(&self) -> Once {
        let mut once = self.summary.once.clone();
        if let Some(group) = &self.group {
            once.insert(group.name.clone(), group.values.clone());
        }
        once
    }

    /// The order that waits has all its parts: judge it.
    fn flush(&mut self, visit: &mut Visit<'_>) -> Result<(), RuntimeError> {
        let Some(mut waiting) = self.waiting.take() else {
            return Ok(());
        };
        let behind = std::mem::take(&mut waiting.behind);
        self.weigh(waiting, visit)?;
        let mut behind = behind.into_iter();
        behind.try_for_each(|rejection| self.reject(rejection, visit))
    }

    fn weigh(&mut self, waiting: Waiting, visit: &mut Visit<'_>) -> Result<(), RuntimeError> {
        let (line, number) = (waiting.line, waiting.number);
        let values = match waiting.values {
            Ok(values) => values,
            Err(error) => {
                let rejection = bad(line, Some(number), error.code, error.field, &error.reason);
                return self.reject(rejection, visit);
            }
        };
        let mut kept = waiting.kept;
        let mut once = self.once_now();
        if let Some(missing) = self.missing(&waiting.parts) {
            return self.reject(bad(line, Some(number), "R1519", None, &missing), visit);
        }
        for table in &self.intake.tables {
            let found = table.find(&values)?;
            let name = &table.join.name;
            match found {
                Some(part) => {
                    kept.push(part.kept);
                    once.insert(part.name, part.values);
                }
                None if table.join.optional => {
                    once.insert(name.clone(), table.blank());
                }
                None => {
                    let reason = format!("the file of `{name}` has no record with this key");
                    return self.reject(bad(line, Some(number), "R1533", None, &reason), visit);
                }
            }
        }
        kept.extend(waiting.parts.iter().map(|part| part.kept.clone()));
        kept.extend(self.group.iter().map(|group| group.kept.clone()));
        let name = self.intake.job.record.clone();
        let record = Record::new(self.intake.format, name, values, waiting.parts, once);
        self.judge(record, (line, number), kept, visit)
    }

    fn missing(&self, parts: &[Part]) -> Option<String> {
        self.intake.format.records.iter().find_map(|declared| {
            let part_of = declared.part_of.as_ref()?;
            let found = parts.iter().filter(|p| p.name == declared.name).count();
            let lacks = part_of.record == self.intake.job.record && found < part_of.least as usize;
            lacks.then(|| format!("fewer than {} `{}` records", part_of.least, declared.name))
        })
    }

    fn judge(
        &mut self,
        record: Record,
        (line, number): (u64, u64),
        mut kept: Vec<String>,
        visit: &mut Visit<'_>,
    ) -> Result<(), RuntimeError> {
        if let Some(broken) = rules::check_record(self.intake, &record, number, self.seen)? {
            if broken.refuses_file {
                let what = format!("line {line}: {}", broken.reason);
                return Err(refused(broken.code, what, "have the file written again"));
            }
            return self.reject(broke(line, number, broken), visit);
        }
        let (product, priority) = match rules::choose(self.intake, &record, number)? {
            Ok(chosen) => chosen,
            Err(broken) => return self.reject(broke(line, number, broken), visit),
        };
        // Last, since it costs most: only orders that are good otherwise get so far.
        let pictures = match pictures::fetch(self.intake, &record, &mut kept) {
            Ok(pictures) => pictures,
            Err((field, error)) => {
                let rejection = bad(line, Some(number), error.code, Some(field), &error.reason);
                return self.reject(rejection, visit);
            }
        };
        self.summary.accepted += 1;
        visit(Shown::Order(Order {
            number,
            line,
            product,
            priority,
            text: record::bound(&kept),
            pictures,
        }))
    }

    fn reject(&mut self, rejection: Rejection, visit: &mut Visit<'_>) -> Result<(), RuntimeError> {
        if self.summary.rejected >= REJECTIONS_MAX {
            let what = format!("more than {REJECTIONS_MAX} bad records");
            return Err(refused(
                "R1503",
                what,
                "check that this is the right file and format",
            ));
        }
        self.summary.rejected += 1;
        visit(Shown::Rejection(rejection))
    }

    /// A record that is not taken, shown behind the order that waits: in the sequence of lines.
    fn set_aside(
        &mut self,
        rejection: Rejection,
        visit: &mut Visit<'_>,
    ) -> Result<(), RuntimeError> {
        match &mut self.waiting {
            Some(waiting) if waiting.behind.len() < BEHIND_MAX => {
                waiting.behind.push(rejection);
                Ok(())
            }
            Some(_) => Err(refused(
                "R1503",
                format!("more than {BEHIND_MAX} bad records in one order"),
                "check that this is the right file and format",
            )),
            None => self.reject(rejection, visit),
        }
    }

    fn finish(mut self, visit: &mut Visit<'_>) -> Result<Summary, RuntimeError> {
        self.flush(visit)?;
        for declared in self.intake.format.records.iter().filter(|r| r.once) {
            if !self.summary.once.contains_key(&declared.name) {
                let what = format!("the file has no `{}` record", declared.name);
                return Err(refused(
                    "R1512",
                    what,
                    "fetch the file again: it may be cut short",
                ));
            }
        }
        let closes = self
            .intake
            .format
            .records
            .iter()
            .any(|r| r.role == Some(Role::Closes));
        if let Some(open) = self.group.as_ref().filter(|_| closes) {
            let what = format!("the group of line {} has no end", open.line);
            return Err(refused(
                "R1512",
                what,
                "fetch the file again: it may be cut short",
            ));
        }
        rules::check_whole(self.intake, &self.summary.once, &self.totals, None)?;
        Ok(self.summary)
    }
}

/// An order that can't be taken, for the first reason that is found.
fn spoil(waiting: &mut Waiting, code: &'static str, field: Option<String>, reason: String) {
    if waiting.values.is_ok() {
        waiting.values = Err(FieldError {
            code,
            field,
            reason,
        });
    }
}

/// A record that is not taken.
fn bad(
    line: u64,
    order: Option<u64>,
    code: &str,
    field: Option<String>,
    reason: &str,
) -> Rejection {
    Rejection {
        line,
        order,
        code: code.to_owned(),
        field,
        reason: reason.to_owned(),
        rule: None,
    }
}

/// An order that breaks a rule, or asks for what the job does not make.
fn broke(line: u64, number: u64, broken: rules::Broken) -> Rejection {
    Rejection {
        rule: broken.rule,
        ..bad(line, Some(number), broken.code, None, &broken.reason)
    }
}
