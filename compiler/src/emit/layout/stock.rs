//! Paper stocks: declared ones, and those that a layout describes itself.

use super::super::{Context, read};
use crate::diagnostics::Problem;
use crate::elaborate::constants::{length_um, point_um};
use crate::model::{Decl, MEntry, MExpr};
use cardwright_bundle::{Rect, Zone};

/// How far PIN and symbols stay from folds when the stock does not say, micrometres.
const CLEARANCE_UM: u32 = 1_500;

/// A fold or perforation.
pub(super) struct Fold {
    /// `fold` or `perforation`.
    pub(super) name: String,
    /// Whether it goes across the page, else down it.
    pub(super) across: bool,
    /// From the top edge, or from the left.
    pub(super) at_um: u32,
}

/// What a layout is printed on.
pub(super) struct Paper {
    pub(super) name: String,
    pub(super) page: Option<(u32, u32)>,
    pub(super) window: Option<Rect>,
    pub(super) no_ink: Vec<Zone>,
    pub(super) folds: Vec<Fold>,
    pub(super) clearance_um: u32,
}

impl Paper {
    /// What previews show of it: zones without ink, and folds as thin rectangles.
    pub(super) fn shown(&self, (width, height): (u32, u32)) -> Vec<Zone> {
        let fold = |fold: &Fold| Zone {
            name: fold.name.clone(),
            at: fold.area((width, height), 0),
        };
        let mut zones = self.no_ink.clone();
        zones.extend(self.folds.iter().map(fold));
        zones
    }
}

impl Fold {
    /// The strip of the page within a distance.
    pub(super) fn area(&self, (width, height): (u32, u32), distance: u32) -> Rect {
        let start = self.at_um.saturating_sub(distance);
        let thick = (self.at_um - start) + distance;
        if self.across {
            Rect {
                x_um: 0,
                y_um: start,
                width_um: width,
                height_um: thick.max(1),
            }
        } else {
            Rect {
                x_um: start,
                y_um: 0,
                width_um: thick.max(1),
                height_um: height,
            }
        }
    }
}

/// The stock of a layout.
pub(super) fn of(context: &mut Context<'_>, decl: &Decl) -> Paper {
    let mut paper = Paper {
        name: "plain".to_owned(),
        page: None,
        window: None,
        no_ink: Vec::new(),
        folds: Vec::new(),
        clearance_um: CLEARANCE_UM,
    };
    let Some(entry) = decl.attribute("stock") else {
        return paper;
    };
    if let Some(name) = read::word(entry) {
        name.rsplit('.')
            .next()
            .unwrap_or("")
            .clone_into(&mut paper.name);
    }
    if entry.block.is_some() {
        fill(context, &mut paper, entry.entries());
        return paper;
    }
    let model = context.model;
    let name = entry.single();
    let found = name.and_then(|n| read::reference(model, n, "stock"));
    if found.is_none() {
        let message = format!("there is no stock `{}`", paper.name);
        context.push(
            Problem::error("E0106", entry.span, message).help(
                "name one of `std.layouts.stocks`, or declare it: `stock ours { page = (…) }`",
            ),
        );
    }
    if let Some(found) = found {
        paper.name.clone_from(&found.name);
        fill(context, &mut paper, &found.entries);
    }
    paper
}

fn fill(context: &mut Context<'_>, paper: &mut Paper, entries: &[MEntry]) {
    let findings = &mut context.shared.findings;
    for entry in entries {
        match entry.word(0) {
            Some("page") => {
                paper.page = entry
                    .single()
                    .and_then(point_um)
                    .and_then(|(w, h)| Some((u32::try_from(w).ok()?, u32::try_from(h).ok()?)));
            }
            Some("window") => paper.window = read::rect(entry, None, findings),
            Some("no_ink") => {
                let name = entry.head.get(1).and_then(MExpr::literal_text);
                if let Some(at) = read::rect(entry, None, findings) {
                    let name = name.unwrap_or_default();
                    paper.no_ink.push(Zone { name, at });
                }
            }
            Some("clearance") => {
                if let Some(um) = length(entry) {
                    paper.clearance_um = um;
                }
            }
            Some(name @ ("fold" | "perforation")) => {
                let across = entry.word(1) == Some("across");
                if let Some(at_um) = length(entry) {
                    let name = name.to_owned();
                    paper.folds.push(Fold {
                        name,
                        across,
                        at_um,
                    });
                }
            }
            _ => {}
        }
    }
    bounds(context, paper, entries);
}

fn length(entry: &MEntry) -> Option<u32> {
    let um = entry.single().and_then(length_um)?;
    u32::try_from(um).ok()
}

/// Zones of a stock lie on its sheet: E0805.
fn bounds(context: &mut Context<'_>, paper: &Paper, entries: &[MEntry]) {
    let Some((width, height)) = paper.page else {
        return;
    };
    let sheet = Rect {
        x_um: 0,
        y_um: 0,
        width_um: width,
        height_um: height,
    };
    for zone in paper
        .no_ink
        .iter()
        .filter(|z| !super::inside(&z.at, &sheet))
    {
        let span = entries.iter().find(|e| {
            e.head.get(1).and_then(MExpr::literal_text).as_deref() == Some(zone.name.as_str())
        });
        let span = span.map(|e| e.span).unwrap_or_default();
        let message = format!("\"{}\" lies outside the stock's sheet", zone.name);
        context.push(
            Problem::error("E0805", span, message)
                .help("places count from the top left corner; check them against `page`"),
        );
    }
}
