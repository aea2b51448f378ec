//! Exceptions from the rules of key exchange: for one form and one partner, dated, with a reason,
//! signed by two security officers.

use super::codes::EXCEPTION;
use crate::KeysError;
use crate::ceremony::{Custodian, Present, Role, Signature, people, two_officers};
use crate::inventory::Changes;
use cardwright_ports::Registers;
use cardwright_ports::register::{Register, RegisterChange};
use cardwright_standards::key_policy::{Day, Exception, Form};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An exception's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionRow {
    /// 1.
    pub schema_version: u32,
    /// `exception-0001` and so on.
    pub id: String,
    /// The only form that it lets pass.
    pub form: String,
    /// The only partner that it is for.
    pub partner: String,
    /// Whether a key may pass under a weaker one.
    pub weaker_wrapping: bool,
    /// Whether a key may leave in a weaker form than it came in.
    pub weaker_form: bool,
    /// First day, `2026-12-01`.
    pub granted: String,
    /// Last day.
    pub until: String,
    /// Why.
    pub reason: String,
    /// Two officers' signatures.
    pub signatures: Vec<Signature>,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Form.
    pub form: Form,
    /// Partner.
    pub partner: String,
    /// Whether a key may pass under a weaker one.
    pub weaker_wrapping: bool,
    /// Whether a key may leave in a weaker form than it came in.
    pub weaker_form: bool,
    /// Last day.
    pub until: Day,
    /// Why.
    pub reason: String,
}

/// A day of `2026-12-01`.
pub fn day(text: &str) -> Option<Day> {
    let mut parts = text.splitn(3, '-').map(str::parse);
    let mut next = || parts.next()?.ok();
    let day = Day::new(next()?, next()?, next()?)?;
    (day.to_string() == text).then_some(day)
}

impl ExceptionRow {
    fn text(&self) -> String {
        format!(
            "Cardwright exception 1\n{}\n{}\n{}\n{} {}\n{} to {}\n{}\n",
            self.id,
            self.form,
            self.partner,
            self.weaker_wrapping,
            self.weaker_form,
            self.granted,
            self.until,
            self.reason
        )
    }

    /// Reads a row.
    pub fn from_row(id: &str, body: &str) -> Result<Self, KeysError> {
        let row: Self = serde_json::from_str(body)
            .map_err(|_| EXCEPTION.found(format!("{id} can't be read")))?;
        if row.schema_version != 1 || row.id != id {
            return Err(EXCEPTION.found(format!("{id} is of another version")));
        }
        Ok(row)
    }

    /// As policy takes it, when its signatures hold.
    pub fn checked(&self, people: &[Custodian]) -> Result<Exception<'_>, KeysError> {
        let wrong = |what: &str| EXCEPTION.found(format!("{}: {what}", self.id));
        let mut signers: Vec<&str> = Vec::new();
        for signature in &self.signatures {
            let officer = people.iter().find(|p| {
                p.name == signature.name
                    && p.public_key == signature.public_key
                    && p.roles.contains(&Role::Officer)
            });
            let officer = officer.ok_or_else(|| wrong("a signer is no security officer"))?;
            if !officer.signed(&self.text(), &signature.signature) {
                return Err(wrong("a signature does not hold"));
            }
            if !signers.contains(&signature.name.as_str()) {
                signers.push(&signature.name);
            }
        }
        if signers.len() < 2 {
            return Err(wrong("it is not signed by two officers"));
        }
        Ok(Exception {
            form: Form::of(&self.form).ok_or_else(|| wrong("its form is unknown"))?,
            weaker_wrapping: self.weaker_wrapping,
            weaker_form: self.weaker_form,
            granted: day(&self.granted).ok_or_else(|| wrong("its first day can't be read"))?,
            until: day(&self.until).ok_or_else(|| wrong("its last day can't be read"))?,
            reason: &self.reason,
        })
    }
}

/// All exceptions.
pub fn exceptions(registers: &dyn Registers) -> Result<Vec<ExceptionRow>, KeysError> {
    let rows = registers.register_rows(Register::Exceptions)?;
    rows.iter()
        .map(|row| ExceptionRow::from_row(&row.id, &row.body))
        .collect()
}

/// Grants an exception in the presence of two officers.
pub fn grant(
    registers: &dyn Registers,
    wish: &Grant,
    officers: &[&Present],
    (at, today): (i64, Day),
) -> Result<(ExceptionRow, Changes), KeysError> {
    two_officers(officers)?;
    let wrong = |what: &str| Err(EXCEPTION.found(what));
    let needed = matches!(
        wish.form.name(),
        "legacy-ecb" | "legacy-cbc" | "key-block-a" | "key-block-c"
    );
    if !needed && !wish.weaker_wrapping && !wish.weaker_form {
        return wrong("this form needs no exception");
    }
    let letters = |text: &str| text.chars().all(|c| !c.is_control()) && text.len() <= 300;
    if wish.reason.trim().len() < 10 || !letters(&wish.reason) {
        return wrong("a reason has 10 to 300 letters");
    }
    if wish.partner.trim().is_empty() || !letters(&wish.partner) {
        return wrong("an exception is for one partner");
    }
    let count = exceptions(registers)?.len();
    let mut row = ExceptionRow {
        schema_version: 1,
        id: format!("exception-{:04}", count + 1),
        form: wish.form.name().to_owned(),
        partner: wish.partner.trim().to_owned(),
        weaker_wrapping: wish.weaker_wrapping,
        weaker_form: wish.weaker_form,
        granted: today.to_string(),
        until: wish.until.to_string(),
        reason: wish.reason.trim().to_owned(),
        signatures: Vec::new(),
    };
    if wish.until < today {
        return wrong("its last day is over");
    }
    let text = row.text();
    row.signatures = officers
        .iter()
        .map(|officer| officer.signature(&text, Role::Officer, at))
        .collect();
    let people: Vec<Custodian> = people(registers)?.into_iter().map(|(_, p)| p).collect();
    row.checked(&people)?;
    let body =
        serde_json::to_string(&row).map_err(|_| EXCEPTION.found("the row can't be written"))?;
    let mut changes = Changes::default();
    changes.changes.push(RegisterChange {
        register: Register::Exceptions,
        id: row.id.clone(),
        from: 0,
        body: Some(body),
    });
    let names: Vec<&str> = officers.iter().map(|o| o.name()).collect();
    let what = format!(
        "{}: {} with {} until {}: {}",
        row.id, row.form, row.partner, row.until, row.reason
    );
    changes.say(&names.join(" and "), "exception-grant", what);
    Ok((row, changes))
}

/// The exception of a name, for a partner, with its signatures checked.
pub(super) fn find(
    registers: &dyn Registers,
    id: &str,
    partner: &str,
) -> Result<(ExceptionRow, Vec<Custodian>), KeysError> {
    let row = registers.register_row(Register::Exceptions, id)?;
    let shown: String = id.chars().filter(|c| !c.is_control()).take(40).collect();
    let row = row.ok_or_else(|| EXCEPTION.found(format!("no exception `{shown}`")))?;
    let row = ExceptionRow::from_row(&row.id, &row.body)?;
    if row.partner != partner {
        let what = format!("{} is for {}, not for {partner}", row.id, row.partner);
        return Err(EXCEPTION.found(what));
    }
    let people = people(registers)?.into_iter().map(|(_, p)| p).collect();
    Ok((row, people))
}
