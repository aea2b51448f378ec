//! Where marks lie: inside the page, clear of the PIN window, of the card, and of what the stock
//! forbids.

use super::super::Context;
use super::stock::Paper;
use super::{inside, overlaps};
use crate::diagnostics::Problem;
use crate::model::{Decl, MEntry, Span};
use cardwright_bundle::{Item, ItemKind, Layout, Rect};

/// Items against page, window, card and stock.
pub(super) fn check(context: &mut Context<'_>, decl: &Decl, layout: &Layout, paper: &Paper) {
    let page = Rect {
        x_um: 0,
        y_um: 0,
        width_um: layout.labels.map_or(layout.width_um, |l| l.first.width_um),
        height_um: layout
            .labels
            .map_or(layout.height_um, |l| l.first.height_um),
    };
    if let Some(window) = layout.window
        && !inside(&window, &page)
    {
        let message = "the PIN window lies outside the page";
        report(context, decl.span, "E0805", message, PAGE);
    }
    let further = layout.pages.iter().flat_map(|p| &p.items);
    for item in layout.items.iter().chain(further) {
        if !inside(&item.at, &page) {
            let span = span_of(context, item.span, decl);
            let message = "this item reaches over the edge of the page";
            report(context, span, "E0805", message, PAGE);
        }
    }
    for item in &layout.items {
        let span = span_of(context, item.span, decl);
        if let Some(window) = &layout.window {
            in_window(context, span, item, window);
        }
        on_card(context, span, item, layout);
        if layout.labels.is_none() {
            on_stock(context, span, item, layout, paper);
        }
    }
    purpose(context, decl, layout);
}

const PAGE: &str = "places count from the top left corner; check them against `page`";

fn in_window(context: &mut Context<'_>, span: Span, item: &Item, window: &Rect) {
    let is_pin = matches!(item.draw, ItemKind::Pin { .. });
    if is_pin && !inside(&item.at, window) {
        let message = "the PIN lies outside the stock's window";
        let help = "the label hides the window only: move the PIN inside";
        report(context, span, "E0807", message, help);
    }
    if !is_pin && overlaps(&item.at, window) {
        let message = "this item reaches into the PIN window";
        let help = "ink in the window shows through or hides the PIN: move the item";
        report(context, span, "E0806", message, help);
    }
}

/// Nothing inks where the card is glued on: E0828.
fn on_card(context: &mut Context<'_>, span: Span, item: &Item, layout: &Layout) {
    if matches!(item.draw, ItemKind::Face { .. }) {
        return;
    }
    let mut cards = layout
        .items
        .iter()
        .filter(|i| matches!(i.draw, ItemKind::Face { .. }));
    if cards.any(|card| overlaps(&card.at, &item.at)) {
        let message = "this item lies under the card";
        let help = "the card hides it, and glue and ink do not go together: move the item";
        report(context, span, "E0828", message, help);
    }
}

/// E0821: ink where the stock takes none; E0826: PIN, symbol or card on a fold.
fn on_stock(context: &mut Context<'_>, span: Span, item: &Item, layout: &Layout, paper: &Paper) {
    for zone in paper.no_ink.iter().filter(|z| overlaps(&z.at, &item.at)) {
        let message = format!(
            "this item reaches into \"{}\", where the stock {} takes no ink",
            zone.name, paper.name
        );
        let help = "move the item, or take another stock";
        report(context, span, "E0821", &message, help);
    }
    let whole = matches!(
        item.draw,
        ItemKind::Pin { .. }
            | ItemKind::DataMatrix { .. }
            | ItemKind::Symbol { .. }
            | ItemKind::Face { .. }
    );
    if !whole {
        return;
    }
    let size = (layout.width_um, layout.height_um);
    for fold in &paper.folds {
        if overlaps(&fold.area(size, paper.clearance_um), &item.at) {
            let message = format!(
                "this item lies on or too near a {} of the stock {}",
                fold.name, paper.name
            );
            let help = "what is folded or torn there is not read, and no card bends: move the item";
            report(context, span, "E0826", &message, help);
        }
    }
}

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
            let message = "the mailer's stock has no PIN window";
            let help = "write `stock = pintab { window = (118 mm, 92 mm, 52 mm, 14 mm) }`";
            report(context, decl.span, "E0807", message, help);
        }
    }
    let symbols = count(|k| matches!(k, ItemKind::DataMatrix { .. } | ItemKind::Symbol { .. }));
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
