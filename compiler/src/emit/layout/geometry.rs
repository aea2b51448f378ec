//! Where marks lie: inside the page, and clear of the PIN window.

use super::super::Context;
use crate::diagnostics::Problem;
use crate::model::{Decl, MEntry, Span};
use cardwright_bundle::{ItemKind, Layout, Rect};

/// Items against page and window.
pub(super) fn check(context: &mut Context<'_>, decl: &Decl, layout: &Layout) {
    let page = Rect {
        x_um: 0,
        y_um: 0,
        width_um: layout.width_um,
        height_um: layout.height_um,
    };
    if let Some(window) = layout.window
        && !inside(&window, &page)
    {
        report(
            context,
            decl.span,
            "E0805",
            "the PIN window lies outside the page",
            PAGE,
        );
    }
    for item in &layout.items {
        let span = span_of(context, item.span, decl);
        if !inside(&item.at, &page) {
            report(
                context,
                span,
                "E0805",
                "this item reaches over the edge of the page",
                PAGE,
            );
        }
        let is_pin = matches!(item.draw, ItemKind::Pin { .. });
        let Some(window) = &layout.window else {
            continue;
        };
        if is_pin && !inside(&item.at, window) {
            let help = "the label hides the window only: move the PIN inside";
            report(
                context,
                span,
                "E0807",
                "the PIN lies outside the stock's window",
                help,
            );
        }
        if !is_pin && overlaps(&item.at, window) {
            let help = "ink in the window shows through or hides the PIN: move the item";
            report(
                context,
                span,
                "E0806",
                "this item reaches into the PIN window",
                help,
            );
        }
    }
    purpose(context, decl, layout);
}

const PAGE: &str = "places count from the top left corner; check them against `page`";

/// A mailer has one PIN and a window; a carrier a symbol to match the card by.
fn purpose(context: &mut Context<'_>, decl: &Decl, layout: &Layout) {
    let count = |test: fn(&ItemKind) -> bool| layout.items.iter().filter(|i| test(&i.draw)).count();
    let pins = count(|k| matches!(k, ItemKind::Pin { .. }));
    if layout.purpose == "mailer" {
        // A `pin` item that could not be made has said why.
        if pins == 0 && !written(decl, "pin") {
            let help = "write `pin { value = order.pin; at = (…) }`";
            report(context, decl.span, "E0603", "the mailer shows no PIN", help);
        }
        if layout.window.is_none() {
            let help = "write `stock = pintab { window = (118 mm, 92 mm, 52 mm, 14 mm) }`";
            report(
                context,
                decl.span,
                "E0807",
                "the mailer's stock has no PIN window",
                help,
            );
        }
    }
    let symbols = count(|k| matches!(k, ItemKind::DataMatrix { .. }));
    if layout.purpose == "carrier" && symbols == 0 {
        let help = "write `barcode datamatrix { value = run.reference; at = (…); size = 12 mm }`";
        let message = "the machine can't match the carrier with its card: there is no symbol";
        report(context, decl.span, "E0813", message, help);
    }
}

fn written(decl: &Decl, word: &str) -> bool {
    decl.entries
        .iter()
        .filter(|e| e.word(0) == Some(word))
        .any(|e: &MEntry| e.block.is_some())
}

fn inside(inner: &Rect, outer: &Rect) -> bool {
    let end = |at: u32, size: u32| u64::from(at) + u64::from(size);
    inner.x_um >= outer.x_um
        && inner.y_um >= outer.y_um
        && end(inner.x_um, inner.width_um) <= end(outer.x_um, outer.width_um)
        && end(inner.y_um, inner.height_um) <= end(outer.y_um, outer.height_um)
}

fn overlaps(a: &Rect, b: &Rect) -> bool {
    let end = |at: u32, size: u32| u64::from(at) + u64::from(size);
    u64::from(a.x_um) < end(b.x_um, b.width_um)
        && u64::from(b.x_um) < end(a.x_um, a.width_um)
        && u64::from(a.y_um) < end(b.y_um, b.height_um)
        && u64::from(b.y_um) < end(a.y_um, a.height_um)
}

fn span_of(context: &Context<'_>, id: u32, decl: &Decl) -> Span {
    let spans = context.shared.spans.spans();
    spans.get(id as usize).copied().unwrap_or(decl.span)
}

fn report(context: &mut Context<'_>, span: Span, code: &str, message: &str, help: &str) {
    context.push(Problem::error(code, span, message).help(help));
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn rect(x_um: u32, y_um: u32, width_um: u32, height_um: u32) -> Rect {
        Rect {
            x_um,
            y_um,
            width_um,
            height_um,
        }
    }

    #[test]
    fn edges_that_touch_do_not_overlap() {
        let window = rect(10, 10, 10, 10);
        assert!(!overlaps(&rect(0, 0, 10, 30), &window));
        assert!(overlaps(&rect(0, 0, 11, 30), &window));
        assert!(inside(&rect(10, 10, 10, 10), &window));
        assert!(!inside(&rect(10, 10, 11, 10), &window));
    }
}
