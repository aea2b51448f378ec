//! Calls: the vocabulary's functions become instructions, the author's own are put in.

use super::fields::pin_format;
use super::keys::KeyChoice;
use super::names::dotted;
use super::{Elaborator, Env, Frame, Typed};
use crate::diagnostics::{Change, Problem};
use crate::model::{Decl, MArg, MExpr, MKind, Span};
use crate::types::{ANY_LENGTH, Lengths, Type};
use cardwright_bundle::Op;
use cardwright_vocabulary::{FUNCTIONS, Function, Gives, Param, Sink, Takes, function, nearest};

/// An argument that was bound to a parameter.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    Expression(&'a MExpr),
    Default(&'static str),
    /// A key that an order has chosen: its qualified name.
    Key(&'a str),
}

/// An argument after it was looked at.
enum Ready {
    Key(String),
    Value(Typed),
    Word(String),
}

impl<'a> Elaborator<'a> {
    pub(super) fn call(
        &mut self,
        callee: &'a MExpr,
        args: &'a [MArg],
        piped: Option<&'a MExpr>,
        want: Option<&Type>,
        span: Span,
    ) -> Option<Typed> {
        let MKind::Name(segments) = &callee.kind else {
            let help = "write `function(arguments)`";
            self.say(
                "E0202",
                callee.span,
                "this can't be called".to_owned(),
                help,
            );
            return None;
        };
        let name = dotted(segments);
        match name.as_str() {
            "listed" => return self.listed(args, piped, span),
            "lookup" => return self.lookup(args, piped, span),
            "match" => return self.cases(args, piped, want, span),
            _ => {}
        }
        if let Some(row) = function(&name) {
            let bound = self.bind(row, args, piped, span)?;
            return self.builtin(row, &bound, want, span);
        }
        match self.model.resolve(segments, callee.span) {
            crate::model::Target::Poisoned => None,
            crate::model::Target::Decl { qualified, used } if used == segments.len() => {
                let decl = self.model.get(&qualified)?;
                if decl.kind == "fn" {
                    return self.inline(decl, args, piped, want, span);
                }
                let message = format!("the {} `{}` is no function", decl.kind, decl.name);
                self.say(
                    "E0202",
                    callee.span,
                    message,
                    "name it without parentheses or |>",
                );
                None
            }
            _ => {
                self.unknown_function(&name, callee.span);
                None
            }
        }
    }

    fn unknown_function(&mut self, name: &str, span: Span) {
        let own = self.model.of_kind("fn").map(|d| d.name.as_str());
        let known = FUNCTIONS.iter().map(|f| f.name).chain(own);
        let near = nearest(name, known).map(str::to_owned);
        let otherwise = "the reference book lists all functions; your own are declared as \
                         `fn name(parameters) = …`";
        let problem = Problem::error("E0106", span, format!("there is no function `{name}`"));
        let problem = problem.meant(span, near.as_deref(), otherwise);
        self.findings().push(problem);
    }

    /// Puts a function of the author's in: its parameters stand for the arguments.
    fn inline(
        &mut self,
        decl: &'a Decl,
        args: &'a [MArg],
        piped: Option<&'a MExpr>,
        want: Option<&Type>,
        span: Span,
    ) -> Option<Typed> {
        let mut params: Vec<(&'a str, Option<&'a MExpr>)> = decl
            .params
            .iter()
            .map(|(name, _, _)| (name.as_str(), None))
            .collect();
        let positional = piped
            .into_iter()
            .chain(args.iter().filter(|a| a.name.is_none()).map(|a| &a.value));
        let mut too_many = 0;
        for value in positional {
            match params.iter_mut().find(|(_, given)| given.is_none()) {
                Some(slot) => slot.1 = Some(value),
                None => too_many += 1,
            }
        }
        for arg in args {
            let Some(name) = &arg.name else { continue };
            match params.iter_mut().find(|(n, _)| n == name) {
                Some(slot) if slot.1.is_none() => slot.1 = Some(&arg.value),
                _ => too_many += 1,
            }
        }
        let bound: Option<Vec<(&'a str, &'a MExpr)>> = params
            .into_iter()
            .map(|(name, given)| Some((name, given?)))
            .collect();
        let Some(bound) = bound.filter(|_| too_many == 0) else {
            let names: Vec<&str> = decl.params.iter().map(|(n, _, _)| n.as_str()).collect();
            self.findings().push(
                Problem::error(
                    "E0209",
                    span,
                    format!("`{}` takes other arguments", decl.name),
                )
                .label(decl.span, "declared here")
                .help(format!("it takes: {}", names.join(", "))),
            );
            return None;
        };
        let body = decl.value.as_ref()?.single()?;
        let open = self.open.len();
        self.enter(&decl.qualified, span)?;
        let frame = self.frames.len();
        self.frames.push(Frame {
            params: bound,
            caller: self.env,
            site: span,
            open,
        });
        let env = Env {
            frame: Some(frame),
            this: None,
        };
        let typed = self.standing(env, |s| s.expr(body, want));
        self.frames.pop();
        self.open.pop();
        typed.map(|t| t.through(format!("through `fn {}`", decl.name), span))
    }

    fn bind(
        &mut self,
        row: &'static Function,
        args: &'a [MArg],
        piped: Option<&'a MExpr>,
        span: Span,
    ) -> Option<Vec<(&'static Param, Given<'a>)>> {
        let mut bound: Vec<(&'static Param, Given<'a>)> = Vec::new();
        let mut slots: Vec<(&'static Param, Option<&'a MExpr>)> =
            row.params.iter().map(|p| (p, None)).collect();
        self.bind_named(row, args, &mut slots)?;
        if let Some(piped) = piped {
            let open = |s: &&mut (&Param, Option<&MExpr>)| {
                s.1.is_none() && !s.0.named && !matches!(s.0.takes, Takes::Key(_))
            };
            if let Some(slot) = slots.iter_mut().find(open) {
                slot.1 = Some(piped);
            }
        }
        let mut extra: Vec<&'a MExpr> = Vec::new();
        for value in args.iter().filter(|a| a.name.is_none()).map(|a| &a.value) {
            match slots
                .iter_mut()
                .find(|(p, given)| given.is_none() && !p.named)
            {
                Some(slot) => slot.1 = Some(value),
                None => extra.push(value),
            }
        }
        for (param, given) in slots {
            match (given, param.default) {
                (Some(e), _) => bound.push((param, Given::Expression(e))),
                (None, Some(default)) => bound.push((param, Given::Default(default))),
                (None, None) => {
                    let message = format!("`{}` needs `{}`", row.name, param.name);
                    self.say(
                        "E0209",
                        span,
                        message,
                        &format!("write it as {}", signature(row)),
                    );
                    return None;
                }
            }
        }
        let last = row.params.last().filter(|_| row.variadic);
        match (last, extra.first()) {
            (Some(last), _) => {
                bound.extend(extra.into_iter().map(|e| (last, Given::Expression(e))));
            }
            (None, Some(first)) => {
                let message = format!("`{}` takes fewer arguments", row.name);
                self.say(
                    "E0209",
                    first.span,
                    message,
                    &format!("write it as {}", signature(row)),
                );
                return None;
            }
            (None, None) => {}
        }
        Some(bound)
    }

    fn bind_named(
        &mut self,
        row: &'static Function,
        args: &'a [MArg],
        slots: &mut [(&'static Param, Option<&'a MExpr>)],
    ) -> Option<()> {
        for arg in args {
            let Some(name) = &arg.name else { continue };
            let Some(slot) = slots.iter_mut().find(|(p, _)| p.name == name) else {
                let names: Vec<&str> = row.params.iter().map(|p| p.name).collect();
                let message = format!("`{}` takes no argument `{name}`", row.name);
                let problem = Problem::error("E0209", arg.value.span, message);
                let problem = match nearest(name, names.iter().copied()) {
                    Some(near) => problem
                        .help(format!("did you mean `{near}`?"))
                        .fix(Change::Argument(arg.value.span, near.to_owned())),
                    None => problem.help(format!("it takes: {}", signature(row))),
                };
                self.findings().push(problem);
                return None;
            };
            slot.1 = Some(&arg.value);
        }
        Some(())
    }

    fn builtin(
        &mut self,
        row: &'static Function,
        bound: &[(&'static Param, Given<'a>)],
        want: Option<&Type>,
        span: Span,
    ) -> Option<Typed> {
        if let Some((at, choice)) = self.chosen_key(row, bound)? {
            return self.by_key(row, (bound, at), choice, want, span);
        }
        if let Ok(special) = self.special(row.name, bound, span) {
            return special;
        }
        let mut ready = Vec::new();
        let mut failed = false;
        for (param, given) in bound {
            match self.ready(row, param, *given, span) {
                Some(r) => ready.push(r),
                None => failed = true,
            }
        }
        if failed {
            return None;
        }
        let mut keys = Vec::new();
        let mut values = Vec::new();
        let mut words = Vec::new();
        for r in ready {
            match r {
                Ready::Key(key) => keys.push(key),
                Ready::Value(value) => values.push(value),
                Ready::Word(word) => words.push(word),
            }
        }
        let typed = match row.name {
            "kcv" => return self.check_value(&keys, span),
            "format_date" => return self.format_date(values, span),
            "cvv" | "cvv2" | "icvv" => self.verification(row, &keys, values, &words, span),
            "track1" | "track2" => self.track(row, values, span),
            "pin_block" => {
                let format = words.first().and_then(|w| pin_format(w)).unwrap_or(0);
                values.push(self.number(i64::from(format), span));
                self.intent(row.instruction, &keys, &values, span)
            }
            "pin.generate" => self.drawn_pin(values, span),
            _ if cardwright_bundle::intent(row.instruction).is_some() => {
                self.intent(row.instruction, &keys, &values, span)
            }
            _ => {
                if row.name.starts_with("ndef_") {
                    for value in &values {
                        self.sink(value, Sink::NdefMessage, "the tag's message", span);
                    }
                }
                let ty = self.result(row, &values);
                let typed = self.apply(row.instruction, &values, span)?;
                return Some(typed.of_type(ty));
            }
        }?;
        let ty = match (row.gives, &typed.ty) {
            (Gives::Track1 | Gives::Track2, ty) => ty.clone(),
            _ => self.result(row, &values_of(&typed)),
        };
        let _ = want;
        Some(typed.of_type(ty))
    }

    /// `bits(field, [words])`: octets that are known when compiled.
    pub(super) fn bits(
        &mut self,
        bound: &[(&'static Param, Given<'a>)],
        span: Span,
    ) -> Option<Typed> {
        let mut given = bound.iter().filter_map(|(_, given)| match given {
            Given::Expression(e) => Some(*e),
            Given::Default(_) | Given::Key(_) => None,
        });
        let (name, words) = (given.next()?, given.next()?);
        let field = name.word().and_then(cardwright_vocabulary::bit_field);
        let Some(field) = field else {
            let known: Vec<&str> = cardwright_vocabulary::bit_fields()
                .map(|f| f.name)
                .collect();
            let shown = name.dotted().unwrap_or_default();
            let near = nearest(&shown, known.iter().copied());
            let otherwise = format!("fields are: {}", known.join(", "));
            let message = format!("`{shown}` is no field of named bits");
            let problem = Problem::error("E0207", name.span, message);
            self.findings()
                .push(problem.meant(name.span, near, otherwise));
            return None;
        };
        let octets = self.const_flags(words, field.name)?;
        Some(self.octets(&octets, span))
    }

    fn ready(
        &mut self,
        row: &'static Function,
        param: &'static Param,
        given: Given<'a>,
        span: Span,
    ) -> Option<Ready> {
        let e = match given {
            Given::Expression(e) => e,
            Given::Default(text) => return self.default_value(param, text, span),
            Given::Key(name) => return Some(Ready::Key(name.to_owned())),
        };
        let value = |typed: Typed| Some(Ready::Value(typed));
        match param.takes {
            Takes::Text => {
                let typed = self.expr(e, None)?;
                value(self.coerce(typed, &Type::text(), e.span)?)
            }
            Takes::Bytes => value(self.expr(e, Some(&Type::bytes()))?),
            Takes::Date => value(self.expr(e, Some(&Type::Date))?),
            Takes::Number => value(self.expr(e, Some(&Type::Number { digits: 18 }))?),
            Takes::Pin => value(self.expr(e, Some(&Type::Pin))?),
            Takes::Lines => value(self.expr(
                e,
                Some(&Type::Lines {
                    count: 99,
                    each: ANY_LENGTH,
                }),
            )?),
            Takes::Service => value(self.expr(e, Some(&Type::Digits(Lengths::exactly(3))))?),
            Takes::ConstNumber(least, most) => {
                let n = self.const_number(e)?;
                if !(least..=most).contains(&n) {
                    let message =
                        format!("`{}` is {n}, it goes from {least} to {most}", param.name);
                    self.say("E0209", e.span, message, "write a number within");
                    return None;
                }
                value(self.number(n, e.span))
            }
            Takes::ConstText => {
                let text = self.const_text(e)?;
                value(self.text(&text, e.span))
            }
            Takes::Tag => {
                let Some(tag) = crate::model::shape::tag_of(e) else {
                    let message = "a tag is expected".to_owned();
                    self.say("E0208", e.span, message, "write `#9F37`");
                    return None;
                };
                let octets = hex::decode(tag).ok()?;
                value(self.octets(&octets, e.span))
            }
            Takes::Key(uses) => Some(Ready::Key(self.key_for(e, uses, row.name)?)),
            Takes::Word(words) => match self.followed_word(e) {
                Some(word) if words.contains(&word.as_str()) => Some(Ready::Word(word)),
                _ => {
                    let message = format!("`{}` is one of: {}", param.name, words.join(", "));
                    self.say("E0209", e.span, message, "write the word itself");
                    None
                }
            },
            Takes::BitWords | Takes::Cases | Takes::Column | Takes::Record | Takes::Table => None,
        }
    }

    /// The first argument that is a key by a condition, with its keys; `None` inside where there is
    /// no such argument.
    #[allow(clippy::type_complexity, reason = "said once")]
    fn chosen_key(
        &mut self,
        row: &Function,
        bound: &[(&'static Param, Given<'a>)],
    ) -> Option<Option<(usize, KeyChoice)>> {
        for (at, (param, given)) in bound.iter().enumerate() {
            let (Takes::Key(uses), Given::Expression(e)) = (param.takes, given) else {
                continue;
            };
            let chosen = self
                .behind(e)
                .is_some_and(|(e, _)| matches!(e.kind, MKind::If { .. }));
            if chosen {
                return Some(Some((at, self.key_choice(e, uses, row.name)?)));
            }
        }
        Some(None)
    }

    /// A call with each of the keys that an order may choose.
    fn by_key(
        &mut self,
        row: &'static Function,
        (bound, at): (&[(&'static Param, Given<'a>)], usize),
        choice: KeyChoice,
        want: Option<&Type>,
        span: Span,
    ) -> Option<Typed> {
        let model = self.model;
        let typed = self.with_keys(&[choice], &mut |elaborator, names| {
            let decl = model.get(names.first()?)?;
            let mut bound = bound.to_vec();
            bound.get_mut(at)?.1 = Given::Key(&decl.qualified);
            elaborator.builtin(row, &bound, want, span)
        })?;
        Some(typed)
    }

    fn followed_word(&mut self, e: &'a MExpr) -> Option<String> {
        let (behind, _) = self.behind(e)?;
        let text = behind.literal_text();
        behind.word().map(str::to_owned).or(text)
    }

    fn default_value(&mut self, param: &Param, text: &str, span: Span) -> Option<Ready> {
        Some(match param.takes {
            Takes::ConstNumber(..) | Takes::Number => {
                Ready::Value(self.number(text.parse().unwrap_or(0), span))
            }
            Takes::Word(_) => Ready::Word(text.to_owned()),
            _ => Ready::Value(self.text(text, span)),
        })
    }

    /// A PIN of its own for each place that draws one. A bundle's first goes without a purpose, as
    /// it always did; where a function draws, each of its calls is a place.
    fn drawn_pin(&mut self, mut values: Vec<Typed>, span: Span) -> Option<Typed> {
        let mut site = vec![span];
        let mut at = self.env.frame;
        while let Some(frame) = at.and_then(|n| self.frames.get(n)) {
            site.push(frame.site);
            at = frame.caller.frame;
        }
        let number = self.shared.pin(site);
        if number == 1 {
            return self.intent("pin.generate", &[], &values, span);
        }
        values.push(self.text(&number.to_string(), span));
        self.intent("pin.draw", &[], &values, span)
    }

    fn check_value(&mut self, keys: &[String], span: Span) -> Option<Typed> {
        let decl = self.model.get(keys.first()?)?;
        let written = decl.attribute("check").and_then(|e| e.single());
        let check = written.and_then(|e| match &e.kind {
            MKind::Hex(octets) => Some(hex::encode_upper(octets)),
            _ => e.literal_text(),
        });
        let Some(check) = check else {
            self.findings().push(
                Problem::error(
                    "E0205",
                    span,
                    format!("`{}` states no check value", decl.name),
                )
                .label(decl.span, "declared here")
                .help("add `check = x\"…\"` to the key"),
            );
            return None;
        };
        Some(self.text(&check, span))
    }

    /// A date as text by a pattern of YYYY, YY, MM, DD and signs.
    pub(super) fn dated(&mut self, date: Typed, pattern: &str, span: Span) -> Option<Typed> {
        let rest = ["YYYY", "YY", "MM", "DD"]
            .iter()
            .fold(pattern.to_owned(), |rest, part| rest.replace(part, ""));
        if rest == pattern || rest.chars().any(char::is_alphanumeric) || pattern.len() > 20 {
            let message = format!("\"{pattern}\" is no pattern of a date");
            let help = "patterns are made of YYYY, YY, MM, DD and signs: \"MM/YY\", \"YYYY-MM-DD\"";
            self.say("E0205", span, message, help);
            return None;
        }
        let length = Lengths::exactly(u32::try_from(pattern.chars().count()).unwrap_or(0));
        let ty = if rest.is_empty() {
            Type::Digits(length)
        } else {
            Type::Text(length)
        };
        let pattern = self.text(pattern, span);
        let text = self.apply("format_date", &[date, pattern], span)?;
        Some(text.of_type(ty))
    }

    fn format_date(&mut self, mut values: Vec<Typed>, span: Span) -> Option<Typed> {
        let pattern = values.pop()?;
        let text = self.constant_text(&pattern)?;
        self.dated(values.pop()?, &text, span)
    }

    pub(super) fn constant_text(&self, typed: &Typed) -> Option<String> {
        match self.op(typed.node)? {
            Op::Constant {
                value: cardwright_bundle::Constant::Text(text),
            } => Some(text.clone()),
            _ => None,
        }
    }

    fn verification(
        &mut self,
        row: &Function,
        keys: &[String],
        mut values: Vec<Typed>,
        words: &[String],
        span: Span,
    ) -> Option<Typed> {
        let service = match row.name {
            "cvv" => values.pop()?,
            "cvv2" => self.text("000", span),
            _ => self.text("999", span),
        };
        let order = words.first().map_or("YYMM", String::as_str);
        let expiry = self.dated(values.pop()?, order, span)?;
        let pan = values.pop()?;
        self.intent(row.instruction, keys, &[pan, expiry, service], span)
    }

    fn track(&mut self, row: &Function, mut values: Vec<Typed>, span: Span) -> Option<Typed> {
        let fixed = row.params.len().saturating_sub(1);
        let discretionary = values.split_off(fixed.min(values.len()));
        let tail = match discretionary.as_slice() {
            [one] => one.clone(),
            several => {
                let lengths = several
                    .iter()
                    .filter_map(|t| t.ty.lengths())
                    .fold(Lengths::exactly(0), Lengths::plus);
                let digits = several.iter().all(|t| matches!(t.ty, Type::Digits(_)));
                let joined = self.apply("concat_text", several, span)?;
                joined.of_type(if digits {
                    Type::Digits(lengths)
                } else {
                    Type::Text(lengths)
                })
            }
        };
        values.push(tail);
        // PAN, expiry of 4 and service code of 3, tail; track 1 with its name, format code and
        // three separators, track 2 with one (ISO/IEC 7813).
        let signs = if row.name == "track1" {
            3 + 4 + 3
        } else {
            1 + 4 + 3
        };
        let lengths = values
            .iter()
            .enumerate()
            .filter(|(n, t)| t.ty != Type::Date && *n + 2 != values.len())
            .filter_map(|(_, t)| t.ty.lengths())
            .fold(Lengths::exactly(signs), |sum, l| {
                sum.plus(Lengths {
                    min: l.min,
                    // A name is shortened to 26 characters by the track itself.
                    max: l.max.min(40),
                })
            });
        let name_max = values
            .get(1)
            .and_then(|t| t.ty.lengths())
            .map_or(0, |l| l.max);
        let typed = self.apply(row.instruction, &values, span)?;
        Some(typed.of_type(if row.name == "track1" {
            Type::Track1(Lengths {
                min: 0,
                max: lengths
                    .max
                    .saturating_sub(name_max.min(40).saturating_sub(26)),
            })
        } else {
            Type::Track2(lengths)
        }))
    }
}

fn values_of(typed: &Typed) -> Vec<Typed> {
    vec![typed.clone()]
}

/// How a function is written, for advice.
fn signature(row: &Function) -> String {
    let mut text = format!("`{}(", row.name);
    for (n, param) in row.params.iter().enumerate() {
        if n > 0 {
            text.push_str(", ");
        }
        text.push_str(param.name);
        if param.named {
            text.push_str(": …");
        }
    }
    text.push_str(")`");
    text
}
