//! Labels: several orders on one sheet.

use super::super::{Context, read};
use crate::diagnostics::Problem;
use crate::elaborate::constants::point_um;
use crate::model::{Decl, MExpr};
use cardwright_bundle::{Labels, Rect};

/// The layout's `labels`, held against the sheet: E0824.
pub(super) fn of(context: &mut Context<'_>, decl: &Decl, sheet: (u32, u32)) -> Option<Labels> {
    let entry = decl.attribute("labels")?;
    let number = |name: &str, default: u32| {
        let n = entry.inner(name).and_then(|e| e.single()?.integer());
        n.map_or(Some(default), |n| u32::try_from(n).ok())
    };
    let first = read::rect(entry.inner("first")?, None, &mut context.shared.findings)?;
    let gutter = entry
        .inner("gutter")
        .and_then(|e| point_um(e.single()?))
        .and_then(|(x, y)| Some((u32::try_from(x).ok()?, u32::try_from(y).ok()?)));
    let (gutter_x, gutter_y) = gutter.unwrap_or((0, 0));
    let labels = Labels {
        columns: number("columns", 1)?,
        rows: number("rows", 1)?,
        first,
        pitch_x_um: first.width_um.saturating_add(gutter_x),
        pitch_y_um: first.height_um.saturating_add(gutter_y),
        start: number("start", 1)?,
    };
    let span = entry.head.first().map_or(entry.span, |e: &MExpr| e.span);
    let purpose = decl.attribute("purpose").and_then(read::word);
    let problem = if purpose.as_deref() != Some("label") {
        Some("only a layout of `purpose = label` is printed several to a sheet")
    } else if !on_sheet(&labels, sheet) {
        Some("the labels reach over the edge of the sheet")
    } else if labels.start > labels.columns.saturating_mul(labels.rows) {
        Some("the first label to use is none of the sheet's")
    } else {
        None
    };
    if let Some(message) = problem {
        context.push(Problem::error("E0824", span, message).help(
            "write `purpose = label` and, inside `labels`, the count and size of the labels as \
             the maker states them",
        ));
    }
    Some(labels)
}

fn on_sheet(labels: &Labels, (width, height): (u32, u32)) -> bool {
    let end = |first: u32, size: u32, pitch: u32, count: u32| {
        u64::from(first) + u64::from(pitch) * u64::from(count.saturating_sub(1)) + u64::from(size)
    };
    let Rect {
        x_um,
        y_um,
        width_um,
        height_um,
    } = labels.first;
    end(x_um, width_um, labels.pitch_x_um, labels.columns) <= u64::from(width)
        && end(y_um, height_um, labels.pitch_y_um, labels.rows) <= u64::from(height)
}
