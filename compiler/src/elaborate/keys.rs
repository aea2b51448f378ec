//! Keys, typed by their use: every operation takes keys of one use only.

use super::names::{Meaning, dotted};
use super::{Elaborator, Env, Typed};
use crate::diagnostics::Problem;
use crate::model::{Decl, MExpr, MKind, Span};

/// Most conditions, one inside another, that choose one key.
const CHOICES_MAX: usize = 16;

/// A key, or one of several by conditions on the order.
#[derive(Clone, Debug)]
pub enum KeyChoice {
    /// Always this one: its qualified name.
    One(String),
    /// By a flag.
    Either {
        /// The flag; anyone may see its outcome.
        flag: Typed,
        /// When it holds.
        then: Box<KeyChoice>,
        /// When it does not.
        otherwise: Box<KeyChoice>,
        /// Where.
        span: Span,
    },
}

impl KeyChoice {
    /// The names of all keys, in the order in which they are written.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::One(name) => vec![name],
            Self::Either {
                then, otherwise, ..
            } => [then.names(), otherwise.names()].concat(),
        }
    }

    /// The name of the first key.
    #[must_use]
    pub fn first(&self) -> &str {
        match self {
            Self::One(name) => name,
            Self::Either { then, .. } => then.first(),
        }
    }

    /// The name, where no order chooses.
    #[must_use]
    pub fn only(&self) -> Option<&str> {
        match self {
            Self::One(name) => Some(name),
            Self::Either { .. } => None,
        }
    }
}

impl<'a> Elaborator<'a> {
    /// The key that an expression names, or the keys that it chooses among: `if order.product ==
    /// "GOLD" then imk_gold else imk_ac`. Each has to be for one of `uses`. The condition decides
    /// what a card holds: it may not be secret (E1001).
    pub fn key_choice(&mut self, e: &'a MExpr, uses: &[&str], place: &str) -> Option<KeyChoice> {
        self.choice_within(e, uses, place, CHOICES_MAX)
    }

    fn choice_within(
        &mut self,
        e: &'a MExpr,
        uses: &[&str],
        place: &str,
        left: usize,
    ) -> Option<KeyChoice> {
        let (behind, env) = self.behind(e)?;
        let MKind::If {
            condition,
            then,
            otherwise,
        } = &behind.kind
        else {
            return self.key_for(e, uses, place).map(KeyChoice::One);
        };
        let Some(left) = left.checked_sub(1) else {
            let message = format!("more than {CHOICES_MAX} conditions choose this key");
            let help = "make profiles of their own, and choose among those by `when`";
            self.say("E0502", e.span, message, help);
            return None;
        };
        self.standing(env, |s| {
            let flag = s.expr(condition, Some(&crate::types::Type::Flag));
            let then = s.choice_within(then, uses, place, left);
            let otherwise = s.choice_within(otherwise, uses, place, left);
            let (flag, then, otherwise) = (flag?, then?, otherwise?);
            let what = "what chooses a key";
            s.sink(&flag, crate::secrecy::Sink::Condition, what, condition.span);
            s.judge(&flag, condition.span);
            Some(KeyChoice::Either {
                flag,
                then: Box::new(then),
                otherwise: Box::new(otherwise),
                span: behind.span,
            })
        })
    }

    /// What is made with keys that the order chooses: made for each case that orders can be in.
    pub fn with_keys(
        &mut self,
        keys: &[KeyChoice],
        make: &mut dyn FnMut(&mut Self, &[String]) -> Option<Typed>,
    ) -> Option<Typed> {
        let open = keys.iter().position(|key| key.only().is_none());
        let Some((at, key)) = open.and_then(|at| Some((at, keys.get(at)?))) else {
            let names: Vec<String> = keys.iter().map(|key| key.first().to_owned()).collect();
            return make(self, &names);
        };
        let KeyChoice::Either {
            flag,
            then,
            otherwise,
            span,
        } = key
        else {
            return None;
        };
        let mut side = |elaborator: &mut Self, key: &KeyChoice, holds: bool| {
            let mut keys = keys.to_vec();
            if let Some(slot) = keys.get_mut(at) {
                *slot = key.clone();
            }
            elaborator.in_case(flag, holds, |e| e.with_keys(&keys, make))
        };
        match self.known(flag) {
            Some(true) => side(self, then, true),
            Some(false) => side(self, otherwise, false),
            None => {
                let with = side(self, then, true)?;
                let without = side(self, otherwise, false)?;
                Some(self.choose(flag, &with, &without, *span))
            }
        }
    }

    /// The qualified name of the key that an expression names; its use must be one of `uses`
    /// (E0501 names the key, its use, and the use that is needed). No uses: any key.
    pub fn key(&mut self, e: &'a MExpr, uses: &[&str]) -> Option<String> {
        self.key_for(e, uses, "this place")
    }

    pub(super) fn key_for(&mut self, e: &'a MExpr, uses: &[&str], place: &str) -> Option<String> {
        let MKind::Name(segments) = &e.kind else {
            let help = "name a declared key, such as `cvk`";
            self.say("E0502", e.span, "a key is expected".to_owned(), help);
            return None;
        };
        let decl = match self.meaning(segments, e.span)? {
            Meaning::Argument(inner, env) => {
                return self.in_argument(env, |s| s.key_for(inner, uses, place));
            }
            Meaning::Attribute(owner, entry) => {
                let env = Env {
                    frame: None,
                    this: Some(owner),
                };
                let inner = entry.single()?;
                self.enter(&format!("{}.{}", owner.qualified, dotted(segments)), e.span)?;
                let key = self.standing(env, |s| s.key_for(inner, uses, place));
                self.open.pop();
                return key;
            }
            Meaning::Decl(decl) if decl.kind == "key" => decl,
            Meaning::Decl(decl) => {
                let message = format!("a key is expected, `{}` is a {}", decl.name, decl.kind);
                self.say(
                    "E0502",
                    e.span,
                    message,
                    "name a declared key, such as `cvk`",
                );
                return None;
            }
            Meaning::Field(record, field) => {
                let message = format!("a key is expected, `{record}.{field}` is a field");
                self.say(
                    "E0502",
                    e.span,
                    message,
                    "name a declared key, such as `cvk`",
                );
                return None;
            }
            Meaning::Record(_) => {
                self.say(
                    "E0502",
                    e.span,
                    "a key is expected".to_owned(),
                    "name a declared key",
                );
                return None;
            }
        };
        let usage = decl
            .attribute("use")
            .and_then(|entry| entry.single()?.dotted())
            .unwrap_or_default();
        let unknown = cardwright_vocabulary::key_use(&usage).is_none();
        if uses.is_empty() || unknown || uses.contains(&usage.as_str()) {
            return Some(decl.qualified.clone());
        }
        self.wrong_use(decl, &usage, uses, place, e.span);
        None
    }

    fn wrong_use(&mut self, decl: &Decl, usage: &str, uses: &[&str], place: &str, span: Span) {
        let needed = uses.join("` or `");
        let called = if place == "this place" {
            place.to_owned()
        } else {
            format!("`{place}`")
        };
        self.findings().push(
            Problem::error(
                "E0501",
                span,
                format!(
                    "the key `{}` is for `{usage}`; {called} needs a key for `{needed}`",
                    decl.name
                ),
            )
            .label(decl.span, format!("declared for `{usage}`"))
            .help("a key has one use; name another key, or declare one for this use"),
        );
    }
}
