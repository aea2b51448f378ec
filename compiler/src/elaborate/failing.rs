//! Steps that can fail: an order is refused when one does, and that it was refused is public. Where
//! what a step fails on is sensitive or secret, the refusal would tell a part of it.

use super::{Elaborator, Typed};
use crate::diagnostics::Problem;
use crate::model::Span;
use crate::secrecy::{level, source, way};
use crate::types::{Lengths, Type};
use cardwright_bundle::{Constant, NodeId, Op, Secrecy};
use std::collections::BTreeSet;

/// Most characters of the data between the sentinels (ISO/IEC 7813: 79 and 40 with both sentinels
/// and the check character). Tag 57 has room for one more than track 2, of whose parts it is made.
const TRACK_1: u32 = 76;
const TRACK_2: u32 = 37;

/// Decimal digits that every number of the machine takes, a sum of two such numbers too.
const SAFE_DIGITS: u32 = 18;

impl Elaborator<'_> {
    /// E1006 where a function could fail for what a sensitive argument holds. What the types say is
    /// counted: three digits always fit two octets.
    pub(super) fn refuse_telling(&mut self, name: &str, args: &[Typed], span: Span) {
        if args.iter().all(|arg| !tells(arg)) {
            return;
        }
        let Some((value, why)) = self.telling(name, args) else {
            return;
        };
        let message = format!(
            "{} is {} and `{name}` fails where {why}: the order would be refused, and that it was \
             is public",
            source(value),
            level(value.secrecy),
        );
        let mut path = way(&value.path);
        path.push((span, format!("whether `{name}` fails is public")));
        let mut problem = Problem::error("E1006", span, message).help(
            "make it fit whatever it holds: `digits` of a fixed width, `slice(…, 1, n)`, more octets",
        );
        if let Some((first, source)) = path.first() {
            problem = problem.label(*first, format!("{source} comes from here"));
        }
        problem.path = path;
        self.findings().push(problem);
    }

    /// The argument whose content decides whether the function fails, and on what it does.
    fn telling<'t>(&self, name: &str, args: &'t [Typed]) -> Option<(&'t Typed, &'static str)> {
        let width = args.get(1).and_then(|width| self.constant_number(width));
        let first = args.first().filter(|first| tells(first));
        let found = |bad: bool, why| first.filter(|_| bad).map(|first| (first, why));
        match name {
            // A field as it came: that it is text of a code is asked of orders, not of secrets, and
            // no type of a field says so.
            "ascii" | "latin1" => found(
                !first.is_some_and(|first| first.whole || self.is_ascii(first)),
                "a character has no place in the code",
            ),
            "bcd" | "cn" => {
                let room = width.unwrap_or(0).saturating_mul(2);
                let fits = first.is_some_and(|first| digits(first, room));
                found(!fits, "it is not digits, or too many")
            }
            "compact_cn" => found(
                !first.is_some_and(|first| digits(first, u32::MAX)),
                "it is not digits",
            ),
            "unhex" => found(
                !first.is_some_and(|first| self.is_hexadecimal(first)),
                "it is not hexadecimal",
            ),
            "to_number" => found(
                !first.is_some_and(|first| digits(first, SAFE_DIGITS) && at_least(first, 1)),
                "it is not digits, or too many",
            ),
            "number_text" => found(
                first.is_some_and(|first| self.may_be_negative(first.node)),
                "the number is negative, which is no digits",
            ),
            "number_bytes" => found(
                !first.is_some_and(|first| self.number_fits(first, width.unwrap_or(0))),
                "the number is negative or too large",
            ),
            "date" => found(true, "it is no date"),
            "latin" | "emv_name" | "embossing_name" => found(
                name != "latin" || !first.is_some_and(|first| self.is_ascii(first)),
                "it is no name that a card can hold",
            ),
            "pad_left" | "pad_right" => found(
                first.is_some_and(|first| longest(first) > width.unwrap_or(0)),
                "it is longer than the place",
            ),
            "add" | "subtract" => args
                .iter()
                .find(|arg| tells(arg))
                .filter(|_| !args.iter().all(small))
                .map(|arg| (arg, "the result is too large")),
            "track1" => track(args, TRACK_1, 3 + 4 + 3),
            "track2" => track(args, TRACK_2, 1 + 4 + 3),
            _ => None,
        }
    }

    fn constant_number(&self, typed: &Typed) -> Option<u32> {
        match self.op(typed.node)? {
            Op::Constant {
                value: Constant::Number(n),
            } => u32::try_from(*n).ok(),
            _ => None,
        }
    }

    /// Whether a text is ASCII whatever it holds.
    fn is_ascii(&self, typed: &Typed) -> bool {
        match &typed.ty {
            Type::Digits(_) | Type::Pan(_) | Type::Track1(_) | Type::Track2(_) => true,
            Type::OneOf(words) => words.iter().all(|word| word.is_ascii()),
            _ => matches!(self.op(typed.node), Some(Op::Apply { function, .. })
                if matches!(function.as_str(), "hex" | "format_date" | "number_text")),
        }
    }

    /// Whether a text is pairs of hexadecimal digits whatever it holds.
    fn is_hexadecimal(&self, typed: &Typed) -> bool {
        let even = |l: &Lengths| l.min == l.max && l.max.is_multiple_of(2);
        match &typed.ty {
            Type::Digits(lengths) => even(lengths),
            _ => matches!(self.op(typed.node), Some(Op::Apply { function, .. })
                if function == "hex"),
        }
    }

    /// Whether a number is never negative and fits so many octets whatever it is.
    fn number_fits(&self, typed: &Typed, octets: u32) -> bool {
        let Type::Number { digits } = typed.ty else {
            return false;
        };
        let most = 10_u128.checked_pow(digits);
        let room = 256_u128.checked_pow(octets).unwrap_or(u128::MAX);
        most.is_some_and(|most| most <= room) && !self.may_be_negative(typed.node)
    }

    /// Whether a difference is among what a number is made of.
    fn may_be_negative(&self, node: NodeId) -> bool {
        let mut seen = BTreeSet::from([node]);
        let mut left = vec![node];
        while let Some(node) = left.pop() {
            let parts: &[NodeId] = match self.op(node) {
                Some(Op::Apply { function, .. }) if function == "subtract" => return true,
                Some(Op::Apply { function, args }) if function == "add" => args,
                Some(Op::Choose {
                    then, otherwise, ..
                }) => &[*then, *otherwise],
                _ => &[],
            };
            left.extend(parts.iter().filter(|part| seen.insert(**part)));
        }
        false
    }
}

/// Whether a refusal may not depend on a value.
fn tells(typed: &Typed) -> bool {
    typed.secrecy >= Secrecy::Sensitive
}

fn longest(typed: &Typed) -> u32 {
    typed.ty.lengths().map_or(u32::MAX, |lengths| lengths.max)
}

fn at_least(typed: &Typed, count: u32) -> bool {
    typed.ty.lengths().is_some_and(|l| l.min >= count)
}

fn digits(typed: &Typed, room: u32) -> bool {
    matches!(typed.ty, Type::Digits(_) | Type::Pan(_)) && longest(typed) <= room
}

fn small(typed: &Typed) -> bool {
    matches!(typed.ty, Type::Number { digits } if digits < SAFE_DIGITS)
}

/// A track with a sensitive part: it never fails for its digits, nor for its length where the
/// longest fits, or where that part always has the same length. `signs` are those between the parts,
/// with expiry and service code.
fn track(args: &[Typed], most: u32, signs: u32) -> Option<(&Typed, &'static str)> {
    // The service code is the last but one; it and the expiry are in `signs`. A name is shortened.
    let parts = args
        .iter()
        .enumerate()
        .filter(|(at, _)| at + 2 != args.len());
    let texts = parts.filter_map(|(_, arg)| arg.ty.lengths());
    let total = texts.fold(signs, |sum, l| sum.saturating_add(l.max));
    args.iter().filter(|arg| tells(arg)).find_map(|arg| {
        let Type::Digits(lengths) = arg.ty else {
            return Some((arg, "it holds something else than digits"));
        };
        (total > most && lengths.min != lengths.max).then_some((arg, "the track is too long"))
    })
}
