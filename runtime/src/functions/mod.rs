//! The pure functions of the instruction set. The loader has checked arity and types; here a
//! value may still be too long or hold a character that its place does not take.

mod octets;
mod text;
mod trade;

use crate::{Date, RuntimeError, Value, load::broken};

/// A function, found once and run for each record.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    name: &'static str,
    run: fn(&Args<'_>) -> Result<Value, RuntimeError>,
}

impl Function {
    /// Runs it.
    pub(crate) fn apply(&self, args: &[&Value]) -> Result<Value, RuntimeError> {
        (self.run)(&Args(args)).map_err(|mut error| {
            error.what = format!("`{}`: {}", self.name, error.what);
            error
        })
    }
}

/// A function by its name in the bundle.
pub(crate) fn find(name: &str) -> Option<Function> {
    [text::TABLE, octets::TABLE, trade::TABLE]
        .into_iter()
        .flatten()
        .find(|(known, _)| *known == name)
        .map(|(name, run)| Function { name, run: *run })
}

type Row = (&'static str, fn(&Args<'_>) -> Result<Value, RuntimeError>);

/// Operands.
struct Args<'a>(&'a [&'a Value]);

impl<'a> Args<'a> {
    fn get(&self, at: usize) -> Result<&'a Value, RuntimeError> {
        self.0
            .get(at)
            .copied()
            .ok_or_else(|| broken("an operand that is not there"))
    }
    fn all(&self) -> impl Iterator<Item = &'a Value> {
        self.0.iter().copied()
    }
    fn text(&self, at: usize) -> Result<&'a str, RuntimeError> {
        self.get(at)?.text().ok_or_else(wrong_type)
    }
    fn bytes(&self, at: usize) -> Result<&'a [u8], RuntimeError> {
        self.get(at)?.bytes().ok_or_else(wrong_type)
    }
    fn number(&self, at: usize) -> Result<i64, RuntimeError> {
        self.get(at)?.number().ok_or_else(wrong_type)
    }
    /// A length or count; bounded, so that no bundle can ask for gigabytes.
    fn length(&self, at: usize) -> Result<usize, RuntimeError> {
        let number = self.number(at)?;
        usize::try_from(number)
            .ok()
            .filter(|n| *n <= 65_535)
            .ok_or_else(|| no_fit("a length outside 0 to 65,535"))
    }
    fn flag(&self, at: usize) -> Result<bool, RuntimeError> {
        self.get(at)?.flag().ok_or_else(wrong_type)
    }
    fn date(&self, at: usize) -> Result<Date, RuntimeError> {
        self.get(at)?.date().ok_or_else(wrong_type)
    }
    fn list(&self, at: usize) -> Result<&'a [String], RuntimeError> {
        match self.get(at)? {
            Value::TextList(lines) => Ok(lines),
            _ => Err(wrong_type()),
        }
    }
}

fn wrong_type() -> RuntimeError {
    broken("an operand of another type")
}

/// A value that does not fit its place; the text names the place, never the value.
fn no_fit(what: impl Into<String>) -> RuntimeError {
    RuntimeError::new(
        "R1108",
        what,
        "correct the order, or the expression in the source",
    )
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn the_whole_instruction_set_is_there() {
        for instruction in cardwright_bundle::functions() {
            assert!(find(instruction.name).is_some(), "{}", instruction.name);
        }
        let known = [
            super::text::TABLE,
            super::octets::TABLE,
            super::trade::TABLE,
        ];
        let count: usize = known.iter().map(|table| table.len()).sum();
        assert_eq!(count, cardwright_bundle::functions().len());
    }
}
