//! Choices: `match(value, { "A" = …; "B" = … }, else: …)`, and conditions that decide nothing.

use super::{Elaborator, Typed};
use crate::diagnostics::{Change, Problem};
use crate::model::{MArg, MEntry, MExpr, MKind, Span};
use crate::types::Type;
use cardwright_bundle::{Constant, Op};

/// What `match` is given.
struct Cases<'a> {
    subject: &'a MExpr,
    cases: &'a [MEntry],
    otherwise: Option<&'a MExpr>,
}

impl<'a> Elaborator<'a> {
    /// `match(order.product, { "DEBI" = "DEBIT"; "GOLD" = "GOLD" }, else: "CARD")`.
    pub(super) fn cases(
        &mut self,
        args: &'a [MArg],
        piped: Option<&'a MExpr>,
        want: Option<&Type>,
        span: Span,
    ) -> Option<Typed> {
        let Some(given) = given(args, piped) else {
            let help = "write `match(order.product, { \"DEBI\" = …; \"GOLD\" = … }, else: …)`";
            let message = "`match` takes a value, a block of cases, and perhaps `else`";
            self.say("E0209", span, message.to_owned(), help);
            return None;
        };
        let subject = self.expr(given.subject, None)?;
        let kept = self.facts.clone();
        let found = self.all_cases(&given, &subject, want, span);
        self.facts = kept;
        found
    }

    fn all_cases(
        &mut self,
        given: &Cases<'a>,
        subject: &Typed,
        want: Option<&Type>,
        span: Span,
    ) -> Option<Typed> {
        let mut arms: Vec<(Typed, Typed, Span)> = Vec::new();
        let mut closed = false;
        for case in given.cases {
            let flag = self.case(case, subject)?;
            let truth = self.facts.truth(&self.program, flag.node);
            if truth == Some(false) {
                self.never(
                    case.head_span(),
                    "no order comes here",
                    "take the case out",
                    true,
                );
                continue;
            }
            closed = truth == Some(true);
            let before = std::mem::take(&mut self.facts);
            self.facts = before.given(&self.program, flag.node, true);
            let value = case.value.as_ref().and_then(|v| self.phrase(v, want));
            self.facts = before.given(&self.program, flag.node, false);
            arms.push((flag, value?, case.span));
        }
        let last = match (given.otherwise, closed) {
            (Some(e), true) => {
                self.never(
                    e.span,
                    "the cases are all there are",
                    "take `else` out",
                    true,
                );
                arms.pop()?.1
            }
            (Some(e), false) => self.expr(e, want)?,
            (None, true) => arms.pop()?.1,
            (None, false) => {
                let message = "the cases do not say what every order gets";
                let help = "add `else: …`; or give the field its words: \
                            `product : one_of(\"DEBI\", \"GOLD\")`";
                self.say("E0242", span, message.to_owned(), help);
                return None;
            }
        };
        let mut result = last;
        for (flag, value, at) in arms.into_iter().rev() {
            if value.ty.value_type() != result.ty.value_type() {
                let message = format!(
                    "the cases differ: {} and {}",
                    value.ty.words(),
                    result.ty.words()
                );
                self.say("E0206", at, message, "make all of one type");
                return None;
            }
            result = self.choose(&flag, &value, &result, at);
        }
        Some(result)
    }

    /// One case as a condition.
    fn case(&mut self, case: &'a MEntry, subject: &Typed) -> Option<Typed> {
        let [head] = case.head.as_slice() else {
            self.no_case(case.head_span());
            return None;
        };
        if case.value.is_none() || !matches!(head.kind, MKind::Text(_) | MKind::Integer(_)) {
            self.no_case(case.head_span());
            return None;
        }
        let want = match &subject.ty {
            Type::Number { .. } => Type::Number { digits: 18 },
            ty if ty.is_text() => match (&head.kind, ty) {
                (MKind::Integer(_), Type::Digits(l)) if l.min == l.max => ty.clone(),
                _ => Type::text(),
            },
            ty => {
                let message = format!("cases are texts or numbers, this is {}", ty.words());
                self.say(
                    "E0202",
                    case.head_span(),
                    message,
                    "write `if … then … else …`",
                );
                return None;
            }
        };
        let constant = self.expr(head, Some(&want))?;
        self.compared(subject, &constant, head.span);
        self.apply("equal", &[subject.clone(), constant], head.span)
    }

    fn no_case(&mut self, span: Span) {
        let help = "write `\"GOLD\" = …`, one case a line";
        self.say("E0209", span, "this is no case".to_owned(), help);
    }

    /// Notes what a lookup may find, where all of that is known.
    fn looked_up(&mut self, value: &Typed) {
        let Some(Op::Lookup {
            table,
            column,
            otherwise,
            ..
        }) = self.op(value.node)
        else {
            return;
        };
        let (Ok(table), Ok(column)) = (usize::try_from(*table), usize::try_from(*column)) else {
            return;
        };
        let other = match otherwise.map(|id| self.op(id)) {
            None => None,
            Some(Some(Op::Constant {
                value: Constant::Text(text),
            })) => Some(text.clone()),
            Some(Some(Op::Constant {
                value: Constant::Number(n),
            })) => Some(n.to_string()),
            Some(_) => return, // anything may stand in for a missing row
        };
        let name = self.shared.tables.get(table);
        let Some(data) = name.and_then(|name| self.model.table(name)) else {
            return;
        };
        let Some(gives) = data.table.columns.get(column).map(|c| c.gives) else {
            return;
        };
        let rows = data.table.rows.iter();
        let cells = rows.filter_map(|row| row.cells.get(column).map(String::as_str));
        self.facts
            .found(value.node, gives, cells.chain(other.as_deref()));
    }

    /// Notes what the types of two compared values say, and warns of a comparison whose outcome
    /// they decide.
    pub(super) fn compared(&mut self, a: &Typed, b: &Typed, span: Span) {
        self.facts.typed(&self.program, a.node, &a.ty);
        self.facts.typed(&self.program, b.node, &b.ty);
        self.looked_up(a);
        self.looked_up(b);
        for (value, other) in [(a, b), (b, a)] {
            let Some(cardwright_bundle::Op::Constant {
                value: cardwright_bundle::Constant::Text(text),
            }) = self.op(other.node)
            else {
                continue;
            };
            let field = matches!(
                self.op(value.node),
                Some(cardwright_bundle::Op::Field { .. })
            );
            if field && let Some(reason) = can_not_be(&value.ty, text) {
                let message = format!("{} is never {text:?}: {reason}", value.ty.words());
                self.warn(
                    "E0240",
                    span,
                    message,
                    "correct the text, or the field's type",
                );
            }
        }
    }

    /// Says that a condition decides nothing, where an author wrote it for this place: a function
    /// is for many places, and what holds in one need not hold in all.
    pub(super) fn judge(&mut self, flag: &Typed, span: Span) {
        if matches!(
            self.op(flag.node),
            Some(cardwright_bundle::Op::Constant { .. })
        ) {
            return;
        }
        match self.facts.truth(&self.program, flag.node) {
            Some(false) => {
                self.never(
                    span,
                    "this never holds here",
                    "take it out, or correct it",
                    false,
                );
            }
            Some(true) => {
                let message = "this always holds here".to_owned();
                self.warn(
                    "E0241",
                    span,
                    message,
                    "take the condition out, or correct it",
                );
            }
            None => {}
        }
    }

    /// Says that something is never come to; `alone` when nothing is lost by taking it out.
    fn never(&mut self, span: Span, message: &str, help: &str, alone: bool) {
        if self.env.frame.is_none() {
            let mut problem = Problem::warning("E0240", span, message).help(help);
            problem.change = alone.then_some(Change::Out(span));
            self.findings().push(problem);
        }
    }

    fn warn(&mut self, code: &str, span: Span, message: String, help: &str) {
        if self.env.frame.is_none() {
            self.findings()
                .push(Problem::warning(code, span, message).help(help));
        }
    }
}

fn given<'a>(args: &'a [MArg], piped: Option<&'a MExpr>) -> Option<Cases<'a>> {
    let plain = args.iter().filter(|a| a.name.is_none()).map(|a| &a.value);
    let positional: Vec<&MExpr> = piped.into_iter().chain(plain).collect();
    let mut named = args.iter().filter(|a| a.name.is_some());
    let otherwise = named.next();
    if named.next().is_some() || otherwise.is_some_and(|a| a.name.as_deref() != Some("else")) {
        return None;
    }
    match positional.as_slice() {
        [subject, cases] => match &cases.kind {
            MKind::Record(entries) if !entries.is_empty() => Some(Cases {
                subject,
                cases: entries,
                otherwise: otherwise.map(|a| &a.value),
            }),
            _ => None,
        },
        _ => None,
    }
}

/// Why a field of a type can't hold a text; blank fields are blank whatever their type.
fn can_not_be(ty: &Type, text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return None;
    }
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let too_long = ty.lengths().is_some_and(|l| length > l.max);
    match ty {
        Type::OneOf(words) if !words.iter().any(|w| w == text) => Some("it is none of its words"),
        Type::Digits(l) if length < l.min => Some("it is too short"),
        Type::Digits(_) | Type::Pan(_) if !text.bytes().all(|b| b.is_ascii_digit()) => {
            Some("it is not all digits")
        }
        Type::Alphanumeric(_) | Type::Digits(_) | Type::Text(_) | Type::Pan(_) if too_long => {
            Some("it is too long")
        }
        _ => None,
    }
}
