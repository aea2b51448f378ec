//! Expressions by kind.

use super::{Elaborator, Typed};
use crate::diagnostics::Problem;
use crate::model::{MExpr, MItem, MKind, MPart, MPhrase, Span};
use crate::types::{Lengths, Type};

/// What would become of a PIN: in words, and as the last step of its way.
pub(super) const TEXT: (&str, &str) = ("would become text, where anyone can read it", "as text");
/// The same for a comparison.
pub(super) const COMPARISON: (&str, &str) = (
    "would decide a comparison, whose outcome anyone can watch",
    "in a comparison",
);

impl<'a> Elaborator<'a> {
    /// An expression as a typed node; `want` is what its place takes, and what it is turned into
    /// where the language does that by itself. `None` means that a finding was pushed (or that a
    /// poisoned name was met, about which nothing is said).
    pub fn expr(&mut self, e: &'a MExpr, want: Option<&Type>) -> Option<Typed> {
        if self.fuel == 0 {
            return None;
        }
        self.fuel -= 1;
        self.shared.steps = self.shared.steps.saturating_add(1);
        if self.fuel == 0 || self.depth >= super::DEPTH {
            self.fuel = 0;
            self.say(
                "E0210",
                e.span,
                "this grows beyond all bounds when its lets and functions are put in".to_owned(),
                "functions that call functions several times multiply; give parts to a `let`",
            );
            return None;
        }
        self.depth += 1;
        let typed = self.by_kind(e, want);
        self.depth -= 1;
        match want {
            Some(want) => self.coerce(typed?, want, e.span),
            None => typed,
        }
    }

    /// The value phrase of an entry: its single term.
    pub fn phrase(&mut self, phrase: &'a MPhrase, want: Option<&Type>) -> Option<Typed> {
        match phrase.terms.as_slice() {
            [one] => self.expr(one, want),
            _ => {
                self.say(
                    "E0203",
                    phrase.span,
                    "one value is expected here, there are several".to_owned(),
                    "put a list into brackets, join texts as \"{a} {b}\"",
                );
                None
            }
        }
    }

    fn by_kind(&mut self, e: &'a MExpr, want: Option<&Type>) -> Option<Typed> {
        match &e.kind {
            MKind::Poison => None,
            MKind::Text(parts) => self.text_parts(parts, e.span),
            MKind::Integer(n) => self.integer(*n, want, e.span),
            MKind::Hex(bytes) => Some(self.octets(bytes, e.span)),
            MKind::Name(segments) => self.name(e, segments, want),
            MKind::List(items) => self.list(items, want, e.span),
            MKind::Call { callee, args } => self.call(callee, args, None, want, e.span),
            MKind::Index { base, index } => self.index(base, index, e.span),
            MKind::Pipe { left, right } => self.pipe(left, right, want, e.span),
            MKind::Binary { op, left, right } => self.binary(op, left, right, e.span),
            MKind::Not(inner) => {
                let flag = self.expr(inner, Some(&Type::Flag))?;
                self.apply("not", &[flag], e.span)
            }
            MKind::Negate(inner) => {
                let zero = self.number(0, e.span);
                let n = self.expr(inner, Some(&Type::Number { digits: 18 }))?;
                self.apply("subtract", &[zero, n], e.span)
            }
            MKind::If {
                condition,
                then,
                otherwise,
            } => self.either(condition, then, otherwise, want),
            MKind::Decimal(_)
            | MKind::Quantity { .. }
            | MKind::Record(_)
            | MKind::Tag(_)
            | MKind::Tuple(_) => {
                let want = want.map_or_else(|| "a value".to_owned(), Type::words);
                let what = unusual(&e.kind);
                self.say(
                    "E0203",
                    e.span,
                    format!("{what} has no meaning here, {want} is expected"),
                    "values are texts, numbers, fields, lets, and what functions make of them",
                );
                None
            }
        }
    }

    fn integer(&mut self, n: i64, want: Option<&Type>, span: Span) -> Option<Typed> {
        let exact = match want {
            Some(Type::Digits(l)) if l.min == l.max => Some(l.max),
            Some(Type::Digits(_)) => Some(0),
            _ => None,
        };
        let Some(width) = exact else {
            return Some(self.number(n, span));
        };
        let text = format!("{n:0width$}", width = usize::try_from(width).unwrap_or(0));
        Some(self.text(&text, span))
    }

    fn text_parts(&mut self, parts: &'a [MPart], span: Span) -> Option<Typed> {
        let mut typed = Vec::new();
        for part in parts {
            typed.push(match part {
                MPart::Literal(text) => self.text(text, span),
                MPart::Embedded(e) => self.embedded(e)?,
            });
        }
        match typed.as_slice() {
            [] => return Some(self.text("", span)),
            [only] if only.ty.is_text() => return Some(only.clone()),
            _ => {}
        }
        let lengths = typed
            .iter()
            .filter_map(|t| t.ty.lengths())
            .fold(Lengths::exactly(0), Lengths::plus);
        let digits = typed.iter().all(|t| matches!(t.ty, Type::Digits(_)));
        let joined = self.apply("concat_text", &typed, span)?;
        Some(joined.of_type(if digits {
            Type::Digits(lengths)
        } else {
            Type::Text(lengths)
        }))
    }

    /// An expression inside a text.
    fn embedded(&mut self, e: &'a MExpr) -> Option<Typed> {
        let typed = self.expr(e, None)?;
        if typed.ty.is_text() || matches!(typed.ty, Type::Number { .. }) {
            return self.coerce(typed, &Type::text(), e.span);
        }
        let help = match &typed.ty {
            Type::Date => {
                "name it first: `let printed = order.expiry |> \"MM/YY\"`, then `{printed}`"
            }
            Type::Bytes(_) => "write them as `{hex(…)}`",
            Type::Lines { .. } => "take one line: `{order.address[1]}`",
            Type::Pin | Type::PinBlock { .. } => {
                "a PIN is never text; it is drawn by the `pin` block of a mailer"
            }
            _ => "make text of it first",
        };
        if matches!(typed.ty, Type::Pin | Type::PinBlock { .. }) {
            self.report_pin(&typed, e.span, TEXT, help);
            return None;
        }
        let message = format!("{} can't stand in a text", typed.ty.words());
        self.say("E0201", e.span, message, help);
        None
    }

    /// A PIN in a text or a comparison is a leak, whatever that is for: E1001 with its path.
    pub(super) fn report_pin(
        &mut self,
        value: &Typed,
        span: Span,
        (fate, last): (&str, &str),
        help: &str,
    ) {
        let mut steps = crate::secrecy::way(&value.path);
        let source = crate::secrecy::source(value);
        steps.push((span, last.to_owned()));
        let message = format!("{source} {fate}");
        let mut problem = Problem::error("E1001", span, message).help(help);
        problem.path = steps;
        self.findings().push(problem);
    }

    fn list(&mut self, items: &'a [MItem], want: Option<&Type>, span: Span) -> Option<Typed> {
        match want {
            Some(Type::Flags(set)) => {
                let octets = self.flag_list(items, set, span)?;
                Some(self.octets(&octets, span))
            }
            Some(Type::Digits(lengths)) if (lengths.min, lengths.max) == (3, 3) => {
                let code = self.service_words(items, span)?;
                Some(self.text(&code, span))
            }
            Some(Type::Dol) => {
                let octets = self.dol(items)?;
                Some(self.octets(&octets, span))
            }
            Some(Type::TagList) => {
                let octets = self.tag_list(items)?;
                Some(self.octets(&octets, span))
            }
            _ => self.lines(items, span),
        }
    }

    fn lines(&mut self, items: &'a [MItem], span: Span) -> Option<Typed> {
        let mut parts = Vec::new();
        let mut count = 0_u32;
        let mut each = Lengths::up_to(0);
        for item in items {
            let typed = self.phrase(&item.phrase, None)?;
            match (&typed.ty, item.spread) {
                (Type::Lines { count: n, each: l }, true) => {
                    count = count.saturating_add(*n);
                    each = each.or(*l);
                    parts.push(typed);
                }
                (Type::Lines { .. }, false) => {
                    self.say(
                        "E0201",
                        item.phrase.span,
                        "a list stands where a line is expected".to_owned(),
                        "write `...` before it to take its lines one by one",
                    );
                    return None;
                }
                (ty, _) if ty.is_text() || matches!(ty, Type::Number { .. }) => {
                    let line = self.coerce(typed, &Type::text(), item.phrase.span)?;
                    count = count.saturating_add(1);
                    each = each.or(line.ty.lengths().unwrap_or(Lengths::up_to(0)));
                    parts.push(line);
                }
                (Type::Pin | Type::PinBlock { .. }, _) => {
                    let help = "a PIN is drawn by the `pin` block of a mailer, never as text";
                    self.report_pin(&typed, item.phrase.span, TEXT, help);
                    return None;
                }
                (ty, _) => {
                    let message = format!("a line is text, this is {}", ty.words());
                    self.say("E0201", item.phrase.span, message, "make text of it first");
                    return None;
                }
            }
        }
        let lines = if parts.is_empty() {
            let empty = self.text("", span);
            self.apply("lines", &[empty], span)?
        } else {
            self.apply("lines", &parts, span)?
        };
        Some(lines.of_type(Type::Lines { count, each }))
    }

    fn index(&mut self, base: &'a MExpr, index: &'a MExpr, span: Span) -> Option<Typed> {
        let list = self.expr(base, None)?;
        let Type::Lines { count, each } = list.ty else {
            let message = format!(
                "only a list has numbered lines, this is {}",
                list.ty.words()
            );
            self.say(
                "E0201",
                base.span,
                message,
                "take a part of a text by `slice(text, 1, 4)`",
            );
            return None;
        };
        let n = self.const_number(index)?;
        if n < 1 || n > i64::from(count) {
            let message = format!("there are lines 1 to {count}, and no line {n}");
            self.say("E0205", index.span, message, "lines count from 1");
            return None;
        }
        let number = self.number(n, index.span);
        let line = self.apply("one_line", &[list, number], span)?;
        Some(line.of_type(Type::Text(Lengths::up_to(each.max))))
    }

    fn either(
        &mut self,
        condition: &'a MExpr,
        then: &'a MExpr,
        otherwise: &'a MExpr,
        want: Option<&Type>,
    ) -> Option<Typed> {
        let before = self.findings().len();
        let flag = self.expr(condition, Some(&Type::Flag));
        let kept = self.facts.clone();
        if let Some(flag) = &flag {
            if self.findings().len() == before {
                self.judge(flag, condition.span);
            }
            self.facts = kept.given(&self.program, flag.node, true);
        }
        let first = self.expr(then, want);
        if let Some(flag) = &flag {
            self.facts = kept.given(&self.program, flag.node, false);
        }
        let second = self.expr(otherwise, want);
        self.facts = kept;
        let (flag, mut first, mut second) = (flag?, first?, second?);
        let span = then.span.to(otherwise.span);
        if matches!(first.ty, Type::PinBlock { .. }) && matches!(second.ty, Type::Pin) {
            first = self.coerce(first, &Type::Pin, then.span)?;
        }
        if matches!(second.ty, Type::PinBlock { .. }) && matches!(first.ty, Type::Pin) {
            second = self.coerce(second, &Type::Pin, otherwise.span)?;
        }
        if first.ty.value_type() != second.ty.value_type() {
            let message = format!(
                "the two branches differ: {} and {}",
                first.ty.words(),
                second.ty.words()
            );
            self.say("E0206", span, message, "make both of one type");
            return None;
        }
        Some(self.choose(&flag, &first, &second, condition.span.to(span)))
    }
}

fn unusual(kind: &MKind) -> String {
    match kind {
        MKind::Decimal(text) => format!("the decimal number {text}"),
        MKind::Quantity { number, unit } => format!("the quantity {number} {unit}"),
        MKind::Record(_) => "a block".to_owned(),
        MKind::Tag(tag) => format!("the tag #{tag}"),
        _ => "a group in parentheses".to_owned(),
    }
}
