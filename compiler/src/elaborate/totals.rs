//! Counts and totals over records: control totals, hash totals.

use super::call::Given;
use super::fields::{field_def, record_of};
use super::{Elaborator, Typed, build::step};
use crate::model::{Decl, MEntry, MKind, Span};
use crate::types::Type;
use cardwright_bundle::{Op, Secrecy};
use cardwright_vocabulary::Param;

/// Most digits of a total.
const DIGITS_MAX: u32 = 18;
/// A hash total of PANs with so few digits shows no more than a truncated PAN (PCI DSS 3.4.1).
const DIGITS_PUBLIC: u32 = 4;

impl<'a> Elaborator<'a> {
    /// The record of a name in the format that is written, or in the one that is read.
    fn counted(&self, record: &str) -> Option<(&'a Decl, &'a MEntry)> {
        let formats = [self.written, self.format];
        let mut formats = formats.into_iter().flatten();
        formats.find_map(|format| Some((format, record_of(format, record)?)))
    }

    pub(super) fn count(
        &mut self,
        bound: &[(&'static Param, Given<'a>)],
        span: Span,
    ) -> Option<Typed> {
        let Some((_, Given::Expression(e))) = bound.first() else {
            return None;
        };
        let name = e.word().filter(|name| self.counted(name).is_some());
        let Some(name) = name else {
            let help = "write `count(order)`, in a rule of the format that declares the record";
            self.say("E0106", e.span, "a record is expected".to_owned(), help);
            return None;
        };
        let op = Op::Count {
            record: name.to_owned(),
        };
        let digits = 8;
        Some(self.number_of(
            op,
            digits,
            Secrecy::Public,
            format!("`count({name})`"),
            span,
        ))
    }

    /// `sum(order.amount)`, `hash_total(order.pan, 10)`.
    pub(super) fn total(
        &mut self,
        bound: &[(&'static Param, Given<'a>)],
        span: Span,
    ) -> Option<Typed> {
        let Some((_, Given::Expression(e))) = bound.first() else {
            return None;
        };
        let digits = self.kept_digits(bound)?;
        let found = match &e.kind {
            MKind::Name(segments) => match segments.as_slice() {
                [record, field] => self.counted(&record.text).and_then(|(format, entry)| {
                    let mut fields = entry.entries().iter();
                    let field = fields.find(|f| f.word(0) == Some(field.text.as_str()))?;
                    Some((format, record.text.clone(), field))
                }),
                _ => None,
            },
            _ => None,
        };
        let Some((format, record, field)) = found else {
            let help = "write record and field: `sum(order.amount)`";
            self.say(
                "E0106",
                e.span,
                "a field of a record is expected".to_owned(),
                help,
            );
            return None;
        };
        let def = field_def(self.model, field).ok()?;
        self.summable(&def.ty, digits, e.span)?;
        // With one record a sum is the value itself. What is written is at most cardholder data.
        let least = if field.value.is_some() {
            Secrecy::Cardholder
        } else {
            Secrecy::Public
        };
        let secrecy = if matches!(def.ty, Type::Pan(_)) && (1..=DIGITS_PUBLIC).contains(&digits) {
            Secrecy::Public
        } else {
            def.secrecy.max(least)
        };
        let name = field.word(0).unwrap_or_default().to_owned();
        let what = format!("a total of `{record}.{name}`");
        let op = Op::Sum {
            format: format.name.clone(),
            record,
            field: name,
            digits,
        };
        let length = if digits == 0 { DIGITS_MAX } else { digits };
        Some(self.number_of(op, length, secrecy, what, span))
    }

    /// How many low digits a hash total keeps; 0 for a plain sum.
    fn kept_digits(&mut self, bound: &[(&'static Param, Given<'a>)]) -> Option<u32> {
        let Some((_, Given::Expression(digits))) = bound.get(1) else {
            return Some(0);
        };
        let number = self.const_number(digits)?;
        let kept = u32::try_from(number)
            .ok()
            .filter(|n| (1..=DIGITS_MAX).contains(n));
        if kept.is_none() {
            let message = format!("a hash total keeps 1 to {DIGITS_MAX} digits");
            self.say("E0209", digits.span, message, "write such as `10`");
        }
        kept
    }

    fn summable(&mut self, ty: &Type, digits: u32, span: Span) -> Option<()> {
        let summable = match ty {
            Type::Number { .. } => true,
            Type::Pan(_) | Type::Digits(_) => digits > 0,
            _ => false,
        };
        if !summable {
            let message = format!("{} can't be summed", ty.words());
            let help = "`sum` takes numbers (`n 8`); `hash_total` takes PANs and digits, too";
            self.say("E0209", span, message, help);
        }
        summable.then_some(())
    }

    /// The operations that are no instruction with operands; `Err` for those that have some.
    pub(super) fn special(
        &mut self,
        name: &str,
        bound: &[(&'static Param, Given<'a>)],
        span: Span,
    ) -> Result<Option<Typed>, ()> {
        let (code, message, help) = match name {
            "bits" => return Ok(self.bits(bound, span)),
            "count" => return Ok(self.count(bound, span)),
            "hash_total" | "sum" => return Ok(self.total(bound, span)),
            "sequence" => (
                "E0954",
                "`sequence` is the whole value of a field",
                "write `number : n 6 = sequence(file)` in a record that is written",
            ),
            "unique" => (
                "E0202",
                "`unique` is a whole rule of a format: `require unique(…)`",
                "let it stand alone in its rule",
            ),
            _ => return Err(()),
        };
        self.say(code, span, message.to_owned(), help);
        Ok(None)
    }

    fn number_of(
        &mut self,
        op: Op,
        digits: u32,
        secrecy: Secrecy,
        what: String,
        span: Span,
    ) -> Typed {
        let ty = Type::Number { digits };
        let node = self.node(op, ty.value_type(), secrecy, span);
        Typed {
            node,
            ty,
            secrecy,
            shows_pan: false,
            holds_pin: false,
            whole: false,
            path: step(what, span, None),
        }
    }
}
