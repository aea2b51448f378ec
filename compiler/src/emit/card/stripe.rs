//! The stripe, and that chip and stripe can't be taken for each other (ISO/IEC 7811-2, 7813).

use super::super::Context;
use super::super::profile::{Element, Track, track_of};
use super::super::read;
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, Typed};
use crate::model::{Decl, MEntry, Span};
use crate::secrecy::Sink;
use crate::types::{ANY_LENGTH, Type};
use cardwright_bundle::{Constant, NodeId, Op, Program, Stripe};

/// Characters between the sentinels: the standard's 79 and 40 with sentinels and LRC.
const TRACK1_MOST: u32 = 76;
const TRACK2_MOST: u32 = 37;
/// Longest name on track 1.
const NAME_MOST: u32 = 26;

/// What the tracks consist of.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) track1: Option<Track>,
    pub(super) track2: Option<Track>,
    pub(super) span: Span,
}

/// Lowers the `stripe` block.
pub(super) fn lower<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &'a Decl,
    entry: &'a MEntry,
) -> Option<(Stripe, Parts)> {
    elaborator.part(decl, ("stripe", entry), |e| block(e, entry))
}

fn block<'a>(elaborator: &mut Elaborator<'a>, entry: &'a MEntry) -> Option<(Stripe, Parts)> {
    let (track1, first) = track(elaborator, entry, "track1").unzip();
    let (track2, second) = track(elaborator, entry, "track2").unzip();
    let coercivity = entry.inner("coercivity").and_then(read::word);
    let coercivity = coercivity.unwrap_or_else(|| "high".to_owned());
    let stripe = Stripe {
        track1: track1.map(|t| t.node),
        track2: track2.map(|t| t.node),
        coercivity,
    };
    let parts = Parts {
        track1: first,
        track2: second,
        span: entry.span,
    };
    Some((stripe, parts))
}

fn track<'a>(
    elaborator: &mut Elaborator<'a>,
    entry: &'a MEntry,
    name: &str,
) -> Option<(Typed, Track)> {
    let attribute = entry.inner(name)?;
    let term = attribute.single()?;
    let first = name == "track1";
    let most = if first { TRACK1_MOST } else { TRACK2_MOST };
    let want = if first {
        Type::Track1(ANY_LENGTH)
    } else {
        Type::Track2(ANY_LENGTH)
    };
    let parts = track_of(elaborator, term, name, attribute.span)?;
    let value = elaborator.expr(term, Some(&want))?;
    elaborator.sink(&value, Sink::Stripe, name, attribute.span);
    let longest = |t: &Typed| t.ty.lengths().map_or(19, |l| l.max);
    // Format code and two separators on track 1, one separator on track 2; expiry and service.
    let fixed = if first { 3 + NAME_MOST + 7 } else { 1 + 7 };
    let total = fixed + longest(&parts.pan) + longest(&parts.tail);
    if total > most {
        let code = if first { "E0701" } else { "E0702" };
        let message = format!("{name} would have up to {total} characters, {most} fit");
        elaborator
            .findings()
            .push(Problem::error(code, attribute.span, message).help(format!(
                "shorten the discretionary data by {} characters",
                total - most
            )));
    }
    Some((value, parts))
}

/// PAN and expiry of the tracks are those of the card; their verification value is the stripe's.
pub(super) fn check(
    context: &mut Context<'_>,
    program: &Program,
    parts: &Parts,
    pan: &Typed,
    expiry: &Typed,
) {
    for (name, track) in [("track 1", &parts.track1), ("track 2", &parts.track2)] {
        let Some(track) = track else {
            continue;
        };
        if track.pan.node != pan.node || track.expiry.node != expiry.node {
            let message = format!("PAN or expiry on {name} are not those of the card");
            context.push(
                Problem::error("E0705", parts.span, message)
                    .help("write the same fields in chip and stripe"),
            );
        }
        let service = text_of(program, track.service.node);
        for value in verification_values(program, track.tail.node) {
            if value.is_some() && service.is_some() && value != service {
                let message = format!(
                    "the verification value on {name} is made with service code {}, the track \
                     says {}",
                    value.unwrap_or_default(),
                    service.clone().unwrap_or_default()
                );
                context.push(
                    Problem::error("E0704", parts.span, message)
                        .help("make it with the service code that stands on the track"),
                );
            }
        }
    }
}

/// The verification value in the chip's track is made with 999, so that it is worth nothing on a
/// stripe.
pub(super) fn chip_value(
    context: &mut Context<'_>,
    program: &Program,
    element: &Element,
    name: &str,
) {
    let Some(track) = &element.track else {
        return;
    };
    for value in verification_values(program, track.tail.node) {
        if value.as_deref() != Some("999") {
            let message = format!(
                "#57 of `{name}` holds a verification value made with service code {}: who reads \
                 the chip could write a stripe",
                value.unwrap_or_else(|| "of the order".to_owned())
            );
            context.push(
                Problem::error("E0306", element.span, message)
                    .help("make it with `service: 999` (iCVV)"),
            );
        }
    }
}

/// Chip and stripe say one service code, and its first digit says whether there is a chip.
pub(super) fn service_code(
    context: &mut Context<'_>,
    program: &Program,
    parts: &Parts,
    chip: Option<&(Typed, Span)>,
    card: Span,
) {
    let tracks = [&parts.track1, &parts.track2].into_iter().flatten();
    let mut tracks = tracks.collect::<Vec<_>>();
    if let Some((service, span)) = chip
        && tracks.iter().any(|t| t.service.node != service.node)
    {
        context.push(
            Problem::error(
                "E0703",
                parts.span,
                "stripe and chip have different service codes",
            )
            .label(*span, "the chip's")
            .help("write one `let` and use it in both"),
        );
    }
    let Some(track) = tracks.pop() else {
        return;
    };
    let digits = text_of(program, track.service.node);
    let Some(first) = digits.as_deref().and_then(|d| d.chars().next()) else {
        return;
    };
    // ISO/IEC 7813, table 1: 2 and 6 are cards with a chip, 1 and 5 without.
    let promises = matches!(first, '2' | '6');
    if promises != chip.is_some() && matches!(first, '1' | '2' | '5' | '6') {
        let (message, help) = if promises {
            (
                "the service code promises a chip, the card has none",
                "begin it with 1 or 5",
            )
        } else {
            (
                "the card has a chip, its service code says none",
                "begin it with 2 or 6",
            )
        };
        context.push(Problem::error("E0329", card, message).help(help));
    }
}

/// The service codes of all verification values that reach a node; `None` for one that an order
/// decides.
fn verification_values(program: &Program, from: NodeId) -> Vec<Option<String>> {
    let mut values = Vec::new();
    let mut open = vec![from];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        match program.nodes.get(id as usize).map(|n| &n.op) {
            Some(Op::Intent { intent, args, .. }) if intent == "cvv" => {
                values.push(args.get(2).and_then(|s| text_of(program, *s)));
            }
            Some(Op::Intent { args, .. } | Op::Apply { args, .. }) => open.extend(args),
            Some(Op::Choose {
                then, otherwise, ..
            }) => open.extend([*then, *otherwise]),
            Some(Op::Lookup { otherwise, .. }) => open.extend(otherwise),
            _ => {}
        }
    }
    values
}

/// The text of a constant node.
fn text_of(program: &Program, id: NodeId) -> Option<String> {
    match &program.nodes.get(id as usize)?.op {
        Op::Constant {
            value: Constant::Text(text),
        } => Some(text.clone()),
        _ => None,
    }
}
