//! Types of results, with their lengths: what a sink can rely on.

use super::{Elaborator, Typed};
use crate::types::{ANY_LENGTH, Lengths, Type};
use cardwright_bundle::Op;
use cardwright_vocabulary::{Function, Gives};

impl Elaborator<'_> {
    /// The type of a result, with its lengths.
    pub(super) fn result(&self, row: &Function, values: &[Typed]) -> Type {
        let nothing = Lengths::up_to(0);
        let first = values
            .first()
            .and_then(|v| v.ty.lengths())
            .unwrap_or(nothing);
        let arg = |n: usize| -> u32 {
            let constant = values.get(n).and_then(|v| self.op(v.node));
            match constant {
                Some(Op::Constant {
                    value: cardwright_bundle::Constant::Number(n),
                }) => u32::try_from(*n).unwrap_or(0),
                _ => 0,
            }
        };
        let times = |l: Lengths, n: u32| Lengths {
            min: l.min,
            max: l.max.saturating_mul(n).min(ANY_LENGTH.max),
        };
        match row.gives {
            Gives::BytesTimes(n) => Type::Bytes(times(first, n)),
            Gives::BytesOfArg(n) => Type::Bytes(Lengths::exactly(arg(n))),
            Gives::HalfBytes => Type::Bytes(Lengths {
                min: first.min.div_ceil(2),
                max: first.max.div_ceil(2),
            }),
            Gives::SumBytes => Type::Bytes(
                values
                    .iter()
                    .filter_map(|v| v.ty.lengths())
                    .fold(Lengths::exactly(0), Lengths::plus),
            ),
            Gives::Tlv | Gives::Bytes => Type::bytes(),
            Gives::Date => Type::Date,
            Gives::Digits(n) => Type::Digits(Lengths::exactly(n)),
            Gives::Flag => Type::Flag,
            Gives::Grouped => {
                let size = arg(1).max(1);
                let grouped = |n: u32| n + n.saturating_sub(1) / size;
                Type::Text(Lengths {
                    min: grouped(first.min),
                    max: grouped(first.max),
                })
            }
            Gives::HexText => Type::Text(Lengths {
                min: first.min.saturating_mul(2),
                max: first.max.saturating_mul(2).min(ANY_LENGTH.max),
            }),
            Gives::Lines => lines_of(values),
            Gives::Number => number(row, values),
            Gives::Pin => Type::Pin,
            Gives::Pattern(_) => Type::text(),
            Gives::Same => same(values, first),
            Gives::Shortened(n) => Type::Text(Lengths {
                min: 0,
                max: arg(n),
            }),
            Gives::TextTimes(n) => match values.first().map(|v| &v.ty) {
                Some(Type::Lines { each, .. }) => Type::Text(Lengths::up_to(each.max)),
                _ => Type::Text(times(first, n)),
            },
            Gives::Padded(n) => padded(row, values, first, arg(n)),
            Gives::Cut(n) => cut(values, first, arg(1), arg(n)),
            Gives::Track1 => Type::Track1(ANY_LENGTH),
            Gives::Track2 => Type::Track2(ANY_LENGTH),
        }
    }
}

/// Of a text of digits as many as it has; else a count.
fn number(row: &Function, values: &[Typed]) -> Type {
    let digits = match values.first().map(|v| &v.ty) {
        Some(Type::Digits(l) | Type::Pan(l)) if row.name == "to_number" => l.max.clamp(1, 18),
        _ => 10,
    };
    Type::Number { digits }
}

fn same(values: &[Typed], first: Lengths) -> Type {
    match values.first().map(|v| &v.ty) {
        Some(ty @ (Type::Digits(_) | Type::Pan(_) | Type::Alphanumeric(_))) => ty.clone(),
        _ => Type::Text(first),
    }
}

/// Filled up to a width. A number as text has as many digits as it may have, and a sign where it is
/// negative, which what takes digits refuses then.
fn padded(row: &Function, values: &[Typed], first: Lengths, width: u32) -> Type {
    let wide = |l: Lengths| Lengths {
        min: l.min.max(width),
        max: l.max.max(width),
    };
    let numeral = |v: &Typed| matches!(v.ty, Type::Digits(_) | Type::Pan(_));
    match values.first() {
        Some(v) if row.name == "number_text" => {
            Type::Digits(wide(Lengths::up_to(v.ty.number_digits())))
        }
        // Digits filled up with digits.
        Some(v) if numeral(v) && values.last().is_some_and(numeral) => Type::Digits(wide(first)),
        _ => Type::Text(wide(first)),
    }
}

/// So many from a place on, counted from 1; fewer where the text ends before.
fn cut(values: &[Typed], first: Lengths, from: u32, count: u32) -> Type {
    let rest = |n: u32| n.saturating_sub(from.saturating_sub(1)).min(count);
    let lengths = Lengths {
        min: rest(first.min),
        max: rest(first.max),
    };
    match values.first().map(|v| &v.ty) {
        Some(Type::Digits(_) | Type::Pan(_)) => Type::Digits(lengths),
        _ => Type::Text(lengths),
    }
}

fn lines_of(values: &[Typed]) -> Type {
    let mut count = 0_u32;
    let mut each = Lengths::up_to(0);
    for value in values {
        match &value.ty {
            Type::Lines { count: n, each: l } => {
                count = count.saturating_add(*n);
                each = each.or(*l);
            }
            ty => {
                count = count.saturating_add(1);
                each = each.or(ty.lengths().unwrap_or(Lengths::up_to(0)));
            }
        }
    }
    Type::Lines { count, each }
}
