//! Expressions by kind.

use super::{Elaborator, Typed};
use crate::model::{MExpr, MPhrase};
use crate::types::Type;

impl<'a> Elaborator<'a> {
    /// An expression as a typed node; `want` is what its place takes, and what it is turned into
    /// where the language does that by itself. `None` means that a finding was pushed (or that a
    /// poisoned name was met, about which nothing is said).
    pub fn expr(&mut self, e: &'a MExpr, want: Option<&Type>) -> Option<Typed> {
        let _ = want;
        let text = e.literal_text()?;
        Some(self.text(&text, e.span))
    }

    /// The value phrase of an entry: its single term.
    pub fn phrase(&mut self, phrase: &'a MPhrase, want: Option<&Type>) -> Option<Typed> {
        self.expr(phrase.single()?, want)
    }

    /// The qualified name of the key that an expression names; its use must be one of `uses`
    /// (E0501 names the key, its use, and the use that is needed).
    pub fn key(&mut self, e: &'a MExpr, uses: &[&str]) -> Option<String> {
        let _ = (e, uses, &self.program);
        None
    }
}
