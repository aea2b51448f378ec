//! Operators: comparison, sums, conditions, pipes.

use super::expr::COMPARISON;
use super::{Elaborator, Typed};
use crate::model::{MExpr, MKind, Span};
use crate::types::Type;
use cardwright_bundle::ValueType;

const NUMBER: Type = Type::Number { digits: 18 };

impl<'a> Elaborator<'a> {
    pub(super) fn binary(
        &mut self,
        op: &str,
        left: &'a MExpr,
        right: &'a MExpr,
        span: Span,
    ) -> Option<Typed> {
        match op {
            "and" | "or" => {
                let a = self.expr(left, Some(&Type::Flag));
                // The right side is asked only where the left one leaves it open.
                let kept = self.facts.clone();
                if let Some(a) = &a {
                    self.facts = kept.given(&self.program, a.node, op == "and");
                }
                let b = self.expr(right, Some(&Type::Flag));
                self.facts = kept;
                let name = if op == "and" { "all" } else { "any" };
                self.apply(name, &[a?, b?], span)
            }
            "+" | "-" => {
                let a = self.expr(left, None)?;
                if a.ty.is_text() && op == "+" {
                    self.say(
                        "E0202",
                        span,
                        "texts are not added".to_owned(),
                        "join them in a text: \"{order.first} {order.last}\"",
                    );
                    return None;
                }
                let a = self.coerce(a, &NUMBER, left.span)?;
                let b = self.expr(right, Some(&NUMBER))?;
                let name = if op == "+" { "add" } else { "subtract" };
                let digits = a.ty.number_digits().max(b.ty.number_digits());
                let result = self.apply(name, &[a, b], span)?;
                // A sum of 9,999 and 9,999 has one digit more, and so have differences below zero.
                let digits = digits.saturating_add(1).min(18);
                Some(result.of_type(Type::Number { digits }))
            }
            "==" | "!=" | "<" | "<=" | ">" | ">=" => self.compare(op, left, right, span),
            _ => {
                let message = format!("`{op}` has no meaning between values");
                self.say(
                    "E0202",
                    span,
                    message,
                    "there are == != < <= > >= + - and or not |>",
                );
                None
            }
        }
    }

    fn compare(
        &mut self,
        op: &str,
        left: &'a MExpr,
        right: &'a MExpr,
        span: Span,
    ) -> Option<Typed> {
        let a = self.expr(left, None)?;
        let want = match &a.ty {
            Type::Digits(l) if l.min == l.max => Some(a.ty.clone()),
            Type::Number { .. } => Some(NUMBER),
            _ => None,
        };
        let b = match (&want, &right.kind) {
            (Some(want), MKind::Integer(_)) => self.expr(right, Some(want))?,
            _ => self.expr(right, None)?,
        };
        let pin = |t: &Type| matches!(t, Type::Pin | Type::PinBlock { .. });
        if pin(&a.ty) || pin(&b.ty) {
            let value = if pin(&a.ty) { &a } else { &b };
            let help = "no comparison may look at a PIN; the chip or the issuer verifies it";
            let value = value.clone();
            self.report_pin(&value, span, COMPARISON, help);
            return None;
        }
        let mut a = a;
        if matches!(left.kind, MKind::Integer(_)) && b.ty.is_text() {
            a = self.expr(left, Some(&b.ty.clone()))?;
        }
        if b.ty.value_type() != a.ty.value_type() {
            let message = format!("{} and {} can't be compared", a.ty.words(), b.ty.words());
            let help = if a.ty.is_text() && b.ty.value_type() == ValueType::Number {
                "write the number as text, in quotes, or the text as `to_number(…)`"
            } else {
                "make both of one type"
            };
            self.say("E0202", span, message, help);
            return None;
        }
        if matches!(op, "==" | "!=") {
            if matches!(
                a.ty.value_type(),
                ValueType::Sealed | ValueType::IccKey | ValueType::Certificate
            ) {
                let message = format!("{} can't be compared", a.ty.words());
                self.say(
                    "E0202",
                    span,
                    message,
                    "compare texts, numbers, dates or octets",
                );
                return None;
            }
            let before = self.findings().len();
            self.compared(&a, &b, span);
            let told = self.findings().len() > before;
            let equal = self.apply("equal", &[a, b], span)?;
            let result = match op {
                "==" => equal,
                _ => self.apply("not", &[equal], span)?,
            };
            if !told {
                self.judge(&result, span);
            }
            return Some(result);
        }
        self.compared(&a, &b, span);
        let result = self.ordered(op, a, b, span)?;
        self.judge(&result, span);
        Some(result)
    }

    fn ordered(&mut self, op: &str, mut a: Typed, mut b: Typed, span: Span) -> Option<Typed> {
        let less = match a.ty.value_type() {
            ValueType::Number => "less",
            ValueType::Date => "date_before",
            _ => {
                let message = format!("{} has no order", a.ty.words());
                self.say(
                    "E0202",
                    span,
                    message,
                    "numbers and dates are smaller or greater",
                );
                return None;
            }
        };
        if matches!(op, ">" | "<=") {
            std::mem::swap(&mut a, &mut b);
        }
        let result = self.apply(less, &[a, b], span)?;
        if matches!(op, "<=" | ">=") {
            return self.apply("not", &[result], span);
        }
        Some(result)
    }

    pub(super) fn pipe(
        &mut self,
        left: &'a MExpr,
        right: &'a MExpr,
        want: Option<&Type>,
        span: Span,
    ) -> Option<Typed> {
        match &right.kind {
            MKind::Text(_) => {
                let pattern = right.literal_text();
                let date = self.expr(left, Some(&Type::Date))?;
                let Some(pattern) = pattern else {
                    let help = "a pattern is a plain text of YYYY, YY, MM, DD and signs";
                    self.say("E0205", right.span, "a pattern is fixed".to_owned(), help);
                    return None;
                };
                self.dated(date, &pattern, right.span)
            }
            MKind::Name(_) => self.call(right, &[], Some(left), want, span),
            MKind::Call { callee, args } => self.call(callee, args, Some(left), want, span),
            MKind::Poison => None,
            _ => {
                self.say(
                    "E0202",
                    right.span,
                    "after |> stands a function or a date's pattern".to_owned(),
                    "write `order.name |> upper`, `order.expiry |> \"MM/YY\"`",
                );
                None
            }
        }
    }
}
