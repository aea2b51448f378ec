//! Names in an expression: parameters, own attributes, fields, lets, other declarations.

use super::{Elaborator, Env, Typed};
use crate::diagnostics::Problem;
use crate::model::{Decl, MEntry, MExpr, MKind, MSegment, Span, Target};
use crate::types::Type;
use cardwright_vocabulary::{Is, Shape, Want, kind};

/// Lets within lets that are looked at once more for each condition around them. What lies deeper
/// is looked at as if no condition held.
const LETS_UNDER_CONDITIONS: usize = 6;

/// What a name in an expression means.
pub(super) enum Meaning<'a> {
    /// An argument: its expression, and where that stands.
    Argument(&'a MExpr, Env<'a>),
    /// An attribute of a declaration.
    Attribute(&'a Decl, &'a MEntry),
    /// A declaration.
    Decl(&'a Decl),
    /// A field of a record.
    Field(String, String),
    /// A record.
    Record(String),
}

impl<'a> Elaborator<'a> {
    /// What a name means; says E0106 when it means nothing.
    pub(super) fn meaning(&mut self, segments: &'a [MSegment], span: Span) -> Option<Meaning<'a>> {
        let first = segments.first()?;
        if let Some((e, env)) = self.argument(&first.text) {
            if segments.len() == 1 {
                return Some(Meaning::Argument(e, env));
            }
            self.say(
                "E0203",
                span,
                format!("`{}` is a parameter; it has no parts", first.text),
                "give the part itself as the argument",
            );
            return None;
        }
        if let Some(this) = self.env.this
            && let Some(entry) = this.entry(segments)
            && !entry.span.holds(span)
        {
            return Some(Meaning::Attribute(this, entry));
        }
        if let [owner, what] = segments
            && owner.text == "mailer"
            && what.text == "reference"
        {
            return Some(Meaning::Field("run".to_owned(), what.text.clone()));
        }
        if let Some(record) = self.record_named(segments) {
            return match segments.get(1..) {
                Some([]) => Some(Meaning::Record(record)),
                Some([field]) => Some(Meaning::Field(record, field.text.clone())),
                _ => {
                    self.say(
                        "E0203",
                        span,
                        "a field has no parts of its own".to_owned(),
                        "write `record.field`",
                    );
                    None
                }
            };
        }
        self.declared(segments, span)
    }

    fn argument(&self, name: &str) -> Option<(&'a MExpr, Env<'a>)> {
        let frame = self.frames.get(self.env.frame?)?;
        let (_, e) = frame.params.iter().find(|(n, _)| *n == name)?;
        Some((e, frame.caller))
    }

    fn declared(&mut self, segments: &'a [MSegment], span: Span) -> Option<Meaning<'a>> {
        match self.model.resolve(segments, span) {
            Target::Poisoned => None,
            Target::Decl { qualified, used } => {
                let decl = self.model.get(&qualified)?;
                let rest = segments.get(used..)?;
                if rest.is_empty() {
                    return Some(Meaning::Decl(decl));
                }
                if let Some(entry) = decl.entry(rest) {
                    return Some(Meaning::Attribute(decl, entry));
                }
                let names: Vec<&str> = decl.entries.iter().filter_map(|e| e.word(0)).collect();
                let wanted = rest.first().map_or("", |s| s.text.as_str());
                let near = cardwright_vocabulary::nearest(wanted, names);
                let (kind, name) = (&decl.kind, &decl.name);
                let message = format!("the {kind} `{name}` has no `{}`", dotted(rest));
                let at = rest.first().map_or(span, |s| s.span);
                self.findings().push(
                    Problem::error("E0106", span, message)
                        .label(decl.span, "declared here")
                        .meant(at, near, "its attributes stand in its block"),
                );
                None
            }
            Target::Unknown => {
                self.unknown(segments, span);
                None
            }
        }
    }

    fn unknown(&mut self, segments: &[MSegment], span: Span) {
        let name = dotted(segments);
        let problem = Problem::error("E0106", span, format!("there is no `{name}` here"));
        let otherwise = match self.format {
            None => {
                "no record is spoken of here: add `for orders.order`, or name a `let`".to_owned()
            }
            Some(_) => format!(
                "known here are the fields of `{}`, `run`, and what this package declares or \
                 imports",
                self.program.record
            ),
        };
        let problem = self
            .model
            .advise(problem, segments, &[], otherwise.as_str());
        let near = || {
            let own = self.env.this.into_iter().flat_map(|d| d.entries.iter());
            let params = self.env.frame.and_then(|n| self.frames.get(n));
            let params = params
                .into_iter()
                .flat_map(|f| f.params.iter().map(|(n, _)| *n));
            let records = self.format.into_iter().flat_map(|f| f.entries.iter());
            let records = records
                .filter(|e| e.word(0) == Some("record"))
                .filter_map(|e| e.word(1));
            let known = own.filter_map(|e| e.word(0)).chain(params).chain(records);
            let first = segments.first().map_or("", |s| s.text.as_str());
            cardwright_vocabulary::nearest(first, known).map(str::to_owned)
        };
        let problem = match problem.change {
            Some(_) => problem,
            None => problem.meant_name(segments, near().as_deref(), otherwise),
        };
        self.findings().push(problem);
    }

    /// A name as a value.
    pub(super) fn name(
        &mut self,
        e: &'a MExpr,
        segments: &'a [MSegment],
        want: Option<&Type>,
    ) -> Option<Typed> {
        if let Some(word) = e.word() {
            if let Some(Type::Choice(words)) = want
                && let Some((_, number)) = words.iter().find(|(w, _)| *w == word)
            {
                return Some(self.number(*number, e.span));
            }
            if matches!(word, "true" | "false") {
                return Some(self.flag(word == "true", e.span));
            }
        }
        match self.meaning(segments, e.span)? {
            Meaning::Argument(inner, env) => {
                let value = self.in_argument(env, |s| s.expr(inner, want))?;
                Some(value.through(format!("as the argument `{}`", dotted(segments)), e.span))
            }
            Meaning::Attribute(decl, entry) => {
                let name = format!("{}.{}", decl.qualified, dotted(segments));
                self.attribute_value(decl, entry, &name, want, e.span)
            }
            Meaning::Field(record, field) => self.field(&record, &field, e.span),
            Meaning::Decl(decl) if decl.kind == "let" => self.let_value(decl, want, e.span),
            Meaning::Decl(decl) => {
                let help = match decl.kind.as_str() {
                    "key" => "a key goes only into functions that take one, such as `cvv(key, …)`",
                    "fn" => "call it with its arguments",
                    _ => "name one of its attributes",
                };
                let message = format!("the {} `{}` is no value", decl.kind, decl.name);
                let code = if decl.kind == "key" { "E0502" } else { "E0203" };
                self.say(code, e.span, message, help);
                None
            }
            Meaning::Record(record) => {
                let help = format!("name one of its fields: `{record}.pan`");
                self.say(
                    "E0203",
                    e.span,
                    format!("the record `{record}` is no value"),
                    &help,
                );
                None
            }
        }
    }

    fn let_value(&mut self, decl: &'a Decl, want: Option<&Type>, span: Span) -> Option<Typed> {
        let what = format!("through `let {}`", decl.name);
        let memo = format!("{}/{want:?}", decl.qualified);
        if let Some(known) = self.lets.get(&memo) {
            return Some(known.clone().through(what, span));
        }
        let value = decl.value.as_ref()?.single()?;
        self.enter(&decl.qualified, span)?;
        // Values below many others are made once for all conditions: each more would double them.
        let deep = self.open.len() > LETS_UNDER_CONDITIONS;
        let facts = deep.then(|| std::mem::take(&mut self.facts));
        let typed = self.standing(Env::default(), |s| s.expr(value, want));
        self.keep_let(&memo, typed.as_ref());
        self.facts = facts.unwrap_or_else(|| std::mem::take(&mut self.facts));
        self.open.pop();
        Some(typed?.through(what, span))
    }

    /// What holds here because of a condition around need not hold elsewhere.
    fn keep_let(&mut self, memo: &str, typed: Option<&Typed>) {
        if let Some(typed) = typed.filter(|_| self.facts.is_empty()) {
            self.lets.insert(memo.to_owned(), typed.clone());
        }
    }

    fn attribute_value(
        &mut self,
        decl: &'a Decl,
        entry: &'a MEntry,
        name: &str,
        want: Option<&Type>,
        span: Span,
    ) -> Option<Typed> {
        let Some(value) = entry.single() else {
            let help = "name an attribute that has one";
            self.say(
                "E0203",
                span,
                format!("`{name}` has no value of its own"),
                help,
            );
            return None;
        };
        let own = attribute_want(decl, entry);
        let want = want.or(own.as_ref());
        self.enter(name, span)?;
        let env = Env {
            frame: None,
            this: Some(decl),
        };
        let typed = self.standing(env, |s| s.expr(value, want));
        self.open.pop();
        typed.map(|t| t.through(format!("through `{name}`"), span))
    }

    /// Notes that something is being put in; says E0107 when it is in the middle of that already.
    pub(super) fn enter(&mut self, name: &str, span: Span) -> Option<()> {
        if self.open.iter().any(|o| o == name) {
            let short = name.rsplit('.').next().unwrap_or(name).to_owned();
            self.say(
                "E0107",
                span,
                format!("`{short}` is made from itself"),
                "values and functions may not go in circles",
            );
            return None;
        }
        self.open.push(name.to_owned());
        Some(())
    }

    /// The constant expression behind a name: lets and attributes are followed.
    pub(super) fn behind(&mut self, e: &'a MExpr) -> Option<(&'a MExpr, Env<'a>)> {
        let mut at = (e, self.env);
        for _ in 0..32 {
            let MKind::Name(segments) = &at.0.kind else {
                return Some(at);
            };
            let env = at.1;
            let meaning = self.standing(env, |s| s.quiet_meaning(segments, at.0.span));
            at = match meaning {
                Some(Meaning::Argument(inner, env)) => (inner, env),
                Some(Meaning::Decl(decl)) if decl.kind == "let" => {
                    (decl.value.as_ref()?.single()?, Env::default())
                }
                Some(Meaning::Attribute(decl, entry)) => {
                    let env = Env {
                        frame: None,
                        this: Some(decl),
                    };
                    (entry.single()?, env)
                }
                _ => return Some(at),
            };
        }
        None
    }

    fn quiet_meaning(&mut self, segments: &'a [MSegment], span: Span) -> Option<Meaning<'a>> {
        let kept = std::mem::take(&mut self.shared.findings);
        let meaning = self.meaning(segments, span);
        self.shared.findings = kept;
        meaning
    }

    pub(super) fn say(&mut self, code: &str, span: Span, message: String, help: &str) {
        self.findings()
            .push(Problem::error(code, span, message).help(help));
    }
}

/// What an attribute's own row wants, so that a reference to it means the same as its place.
fn attribute_want(decl: &Decl, entry: &MEntry) -> Option<Type> {
    let of_kind = kind(&decl.kind)?;
    let row = crate::model::shape::row_of(of_kind, entry)?;
    match row.shape {
        Shape::Value(Is::Expr(Want::ServiceCode, _)) => want_type(Want::ServiceCode),
        Shape::Value(Is::Flags(set)) => Some(Type::Flags(set)),
        _ => None,
    }
}

/// The type for what the vocabulary wants of an expression.
#[must_use]
pub fn want_type(want: Want) -> Option<Type> {
    use crate::types::Lengths;
    Some(match want {
        Want::Choice(words) => Type::Choice(words),
        Want::Condition => Type::Flag,
        Want::Date => Type::Date,
        Want::Lines => Type::Lines {
            count: 99,
            each: Lengths::up_to(1_000),
        },
        Want::Octets => Type::bytes(),
        Want::Pin => Type::Pin,
        Want::ServiceCode => Type::Digits(Lengths::exactly(3)),
        Want::Text(max) => Type::Text(Lengths::up_to(max)),
        // How long a track may be is judged where the card's stripe is made (E0701, E0702).
        Want::Track1 => Type::Track1(crate::types::ANY_LENGTH),
        Want::Track2 => Type::Track2(crate::types::ANY_LENGTH),
    })
}

pub(super) fn dotted(segments: &[MSegment]) -> String {
    segments
        .iter()
        .map(|s| {
            if s.is_tag {
                format!("#{}", s.text)
            } else {
                s.text.clone()
            }
        })
        .collect::<Vec<_>>()
        .join(".")
}
