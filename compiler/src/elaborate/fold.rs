//! Folding: a function whose arguments are all constants is a constant, where both sides agree on
//! every octet by the plainest of definitions.

use super::{Elaborator, Typed};
use crate::model::Span;
use cardwright_bundle::{Constant, Op, Secrecy};

/// Those functions.
const FOLDED: [&str; 9] = [
    "add",
    "ascii",
    "concat",
    "concat_text",
    "hex",
    "lower",
    "number_text",
    "subtract",
    "upper",
];

impl Elaborator<'_> {
    pub(super) fn folded(&mut self, name: &str, args: &[Typed], typed: Typed, span: Span) -> Typed {
        if !FOLDED.contains(&name) {
            return typed;
        }
        if args.iter().any(|arg| arg.secrecy > Secrecy::Public) {
            return typed; // a cell of a table that is not public stays what it is
        }
        let values: Option<Vec<Constant>> = args
            .iter()
            .map(|arg| match self.op(arg.node) {
                Some(Op::Constant { value }) => Some(value.clone()),
                _ => None,
            })
            .collect();
        let constant = values.and_then(|values| fold(name, &values));
        match constant {
            Some(Constant::Text(text)) => self.text(&text, span),
            Some(Constant::Bytes(text)) => match hex::decode(text) {
                Ok(bytes) => self.octets(&bytes, span),
                Err(_) => typed,
            },
            Some(Constant::Number(n)) => self.number(n, span),
            Some(Constant::Flag(flag)) => self.flag(flag, span),
            None => typed,
        }
    }
}

fn fold(name: &str, args: &[Constant]) -> Option<Constant> {
    match (name, args) {
        ("concat_text", _) => {
            let mut joined = String::new();
            for arg in args {
                joined.push_str(text(arg)?);
            }
            Some(Constant::Text(joined))
        }
        ("concat", _) => {
            let mut joined = String::new();
            for arg in args {
                match arg {
                    Constant::Bytes(octets) => joined.push_str(octets),
                    _ => return None,
                }
            }
            Some(Constant::Bytes(joined))
        }
        ("upper", [arg]) => {
            let text = text(arg).filter(|t| t.is_ascii())?;
            Some(Constant::Text(text.to_ascii_uppercase()))
        }
        ("lower", [arg]) => {
            let text = text(arg).filter(|t| t.is_ascii())?;
            Some(Constant::Text(text.to_ascii_lowercase()))
        }
        ("ascii", [arg]) => {
            let text = text(arg).filter(|t| t.is_ascii())?;
            Some(Constant::Bytes(hex::encode_upper(text)))
        }
        ("hex", [Constant::Bytes(octets)]) => Some(Constant::Text(octets.clone())),
        ("number_text", [Constant::Number(n), Constant::Number(width)]) if *n >= 0 => {
            let width = usize::try_from(*width).ok().filter(|w| *w <= 64)?;
            Some(Constant::Text(format!("{n:0width$}")))
        }
        ("add", [Constant::Number(a), Constant::Number(b)]) => {
            a.checked_add(*b).map(Constant::Number)
        }
        ("subtract", [Constant::Number(a), Constant::Number(b)]) => {
            a.checked_sub(*b).map(Constant::Number)
        }
        _ => None,
    }
}

fn text(constant: &Constant) -> Option<&str> {
    match constant {
        Constant::Text(text) => Some(text),
        _ => None,
    }
}
