//! Values in the types that sinks take.

use crate::elaborate::{Elaborator, Typed};
use crate::model::{MEntry, Span};
use crate::types::{Lengths, Type};

/// An entry's value as text; numbers, dates and octets are written out.
pub(crate) fn text<'a>(elaborator: &mut Elaborator<'a>, entry: &'a MEntry) -> Option<Typed> {
    elaborator.phrase(entry.value.as_ref()?, Some(&Type::text()))
}

/// A value of the compiler's own making: the name was checked by the caller.
pub(crate) fn apply(
    elaborator: &mut Elaborator<'_>,
    name: &str,
    args: &[&Typed],
    ty: Type,
    span: Span,
) -> Option<Typed> {
    let args: Vec<Typed> = args.iter().map(|t| (*t).clone()).collect();
    Some(elaborator.apply(name, &args, span)?.of_type(ty))
}

/// Octets one after another; a single part is itself.
pub(crate) fn concat(
    elaborator: &mut Elaborator<'_>,
    parts: &[Typed],
    span: Span,
) -> Option<Typed> {
    if let [one] = parts {
        return Some(one.clone());
    }
    let total = parts
        .iter()
        .filter_map(|p| p.ty.lengths())
        .fold(Lengths::exactly(0), Lengths::plus);
    let joined = elaborator.apply("concat", parts, span)?;
    Some(joined.of_type(Type::Bytes(total)))
}

/// A data object: tag, length, value; nothing at all for an empty value when `if_any`.
pub(crate) fn object(
    elaborator: &mut Elaborator<'_>,
    tag: &str,
    value: &Typed,
    if_any: bool,
    span: Span,
) -> Option<Typed> {
    elaborator.object((tag, value, if_any), |e| {
        wrapped(e, (tag, if_any), value, span)
    })
}

fn wrapped(
    elaborator: &mut Elaborator<'_>,
    (tag, if_any): (&str, bool),
    value: &Typed,
    span: Span,
) -> Option<Typed> {
    let octets = hex::decode(tag).ok()?;
    let lengths = value.ty.lengths().unwrap_or(Lengths::up_to(0));
    let wrapped = |n: u32| super::profile::afl::object_octets(tag, n);
    let min = if if_any && lengths.min == 0 {
        0
    } else {
        wrapped(lengths.min)
    };
    let ty = Type::Bytes(Lengths {
        min,
        max: wrapped(lengths.max),
    });
    let tag = elaborator.octets(&octets, span);
    let name = if if_any { "tlv_if_any" } else { "tlv" };
    apply(elaborator, name, &[&tag, value], ty, span)
}
