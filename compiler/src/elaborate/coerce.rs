//! From one type to another, where the language does it by itself.

use super::{Elaborator, Typed};
use crate::model::Span;
use crate::types::{Lengths, Type};

/// The type that holds either.
#[must_use]
pub fn join(a: &Type, b: &Type) -> Type {
    if a == b {
        return a.clone();
    }
    match (a, b) {
        (Type::Digits(x), Type::Digits(y)) => Type::Digits(x.or(*y)),
        (Type::Bytes(x), Type::Bytes(y)) => Type::Bytes(x.or(*y)),
        (Type::Number { digits: x }, Type::Number { digits: y }) => Type::Number {
            digits: *x.max(y),
        },
        (
            Type::Lines { count: x, each: l },
            Type::Lines { count: y, each: m },
        ) => Type::Lines {
            count: *x.max(y),
            each: l.or(*m),
        },
        _ if a.is_text() && b.is_text() => {
            let lengths = |t: &Type| t.lengths().unwrap_or(Lengths::up_to(0));
            Type::Text(lengths(a).or(lengths(b)))
        }
        _ => a.clone(),
    }
}

impl Elaborator<'_> {
    /// The value as the wanted type, or E0201.
    pub fn coerce(&mut self, value: Typed, want: &Type, _span: Span) -> Option<Typed> {
        if value.ty.value_type() == want.value_type() {
            return Some(value);
        }
        None
    }
}
