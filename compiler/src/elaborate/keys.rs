//! Keys, typed by their use: every operation takes keys of one use only.

use super::names::{Meaning, dotted};
use super::{Elaborator, Env};
use crate::diagnostics::Problem;
use crate::model::{Decl, MExpr, MKind, Span};

impl<'a> Elaborator<'a> {
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
