//! What a stock has before anything is printed, drawn over a page's preview: the window of the PIN
//! label, folds and perforations, and where nothing may ink.

use cardwright_bundle::{Content, Layout, Rect};
use cardwright_ports::paper::{Area, Colour, Mark, Placed, Sheet};

/// Ink of a window's edges.
const WINDOW: Colour = Colour(0xC2, 0x18, 0x5B);
/// Ink of zones, folds and perforations.
const ZONE: Colour = Colour(0xE0, 0x8A, 0x00);
/// Thickness of the lines.
const STROKE_UM: u32 = 250;
/// A zone that is no wider is a line across the page: a fold, a perforation.
const LINE_UM: u32 = 2_000;
/// Dash and gap.
const DASH_UM: (u32, u32) = (2_000, 1_200);

/// Draws the stock of the layout that a page is of; faces have none. The PIN's window is on the
/// first page, folds and edges are on every one.
pub(crate) fn draw_over(content: &Content, name: &str, sheet: &mut Sheet) {
    let Some((layout, first)) = layout(content, name) else {
        return;
    };
    if (layout.width_um, layout.height_um) != (sheet.width_um, sheet.height_um) {
        return; // one of several on a sheet
    }
    for zone in &layout.zones {
        outline(&mut sheet.marks, &zone.at, ZONE, Some(DASH_UM));
    }
    if let Some(window) = layout.window.as_ref().filter(|_| first) {
        outline(&mut sheet.marks, window, WINDOW, None);
    }
}

/// The layout that a page's name is of, and whether the page is its first: `letter`, `letter-2`.
fn layout<'c>(content: &'c Content, name: &str) -> Option<(&'c Layout, bool)> {
    let named = |wanted: &str| content.layouts.iter().find(|l| l.name == wanted);
    if let Some(layout) = named(name) {
        return Some((layout, true));
    }
    let (before, number) = name.rsplit_once('-')?;
    let page: u32 = number.parse().ok()?;
    named(before).map(|layout| (layout, page < 2))
}

/// The four edges of a rectangle, or one line where it is as good as one.
fn outline(marks: &mut Vec<Placed>, at: &Rect, colour: Colour, dash_um: Option<(u32, u32)>) {
    let mut line = |x_um, y_um, width_um: u32, height_um: u32| {
        marks.push(Placed {
            area: Area {
                x_um,
                y_um,
                width_um: width_um.max(1),
                height_um: height_um.max(1),
            },
            mark: Mark::Line { colour, dash_um },
        });
    };
    let thin = STROKE_UM;
    if at.height_um <= LINE_UM {
        let middle = at.y_um.saturating_add(at.height_um / 2);
        return line(at.x_um, middle.saturating_sub(thin / 2), at.width_um, thin);
    }
    if at.width_um <= LINE_UM {
        let middle = at.x_um.saturating_add(at.width_um / 2);
        return line(middle.saturating_sub(thin / 2), at.y_um, thin, at.height_um);
    }
    let right = at.x_um.saturating_add(at.width_um).saturating_sub(thin);
    let bottom = at.y_um.saturating_add(at.height_um).saturating_sub(thin);
    line(at.x_um, at.y_um, at.width_um, thin);
    line(at.x_um, bottom, at.width_um, thin);
    line(at.x_um, at.y_um, thin, at.height_um);
    line(right, at.y_um, thin, at.height_um);
}
