//! Checks of page layouts: references, clearances, and numbers within their limits.

use super::broken;
use super::references::{FLAG, TEXT, never, program, sink};
use super::taint::Taints;
use crate::RuntimeError;
use cardwright_bundle::{
    Bundle, Card, Face, FieldType, Item, ItemKind, Labels, Layout, NodeId, OrderPicture, Program,
    Rect, Secrecy, Symbology, Table, ValueType,
};

/// Most items of a page.
const ITEMS_MAX: usize = 500;
/// Most pages behind the first.
const PAGES_MAX: usize = 20;
/// Most columns and rows of a table.
const COLUMNS_MAX: usize = 20;
const ROWS_MAX: usize = 100;
/// Most labels of a sheet.
const LABELS_MAX: u64 = 5_000;
/// An ID-1 card (ISO/IEC 7810, 5.1).
const CARD: Rect = Rect {
    x_um: 0,
    y_um: 0,
    width_um: 85_600,
    height_um: 53_980,
};

const LINES: &[ValueType] = &[ValueType::Text, ValueType::TextList];

struct Check<'b> {
    bundle: &'b Bundle,
    layout: &'b Layout,
    program: &'b Program,
    /// What items lie on: the page, or one label.
    page: Rect,
    taints: Taints,
}

/// Checks a layout.
pub(super) fn check(layout: &Layout, bundle: &Bundle) -> Result<(), RuntimeError> {
    let program = program(bundle.content(), layout.program)?;
    let check = Check {
        bundle,
        layout,
        program,
        taints: Taints::of(program, bundle.content()),
        page: Rect {
            x_um: 0,
            y_um: 0,
            width_um: layout.labels.map_or(layout.width_um, |l| l.first.width_um),
            height_um: layout
                .labels
                .map_or(layout.height_um, |l| l.first.height_um),
        },
    };
    if layout.pages.len() > PAGES_MAX {
        return Err(broken("more pages than a layout may have"));
    }
    if let Some(labels) = &layout.labels {
        on_sheet(labels, layout)?;
    }
    check.asset(layout.background.as_deref())?;
    check.items(&layout.items, true)?;
    for page in &layout.pages {
        check.asset(page.background.as_deref())?;
        check.items(&page.items, false)?;
    }
    check.pin()
}

/// Checks the pictures and panels of a card's face.
pub(super) fn face(face: &Face, card: &Card, bundle: &Bundle) -> Result<(), RuntimeError> {
    for image in &face.images {
        let program = program(bundle.content(), card.program)?;
        picture(bundle, program, &image.asset, image.order.as_ref())?;
        if !inside(&image.at, &CARD) {
            return Err(broken("a picture outside its card"));
        }
    }
    match &face.signature {
        Some(at) if !inside(at, &CARD) => Err(broken("a signature panel outside its card")),
        _ => Ok(()),
    }
}

/// A picture of the bundle, or one of the order's own by a field of its record.
fn picture(
    bundle: &Bundle,
    program: &Program,
    name: &str,
    order: Option<&OrderPicture>,
) -> Result<(), RuntimeError> {
    let Some(order) = order else {
        return asset(bundle, name);
    };
    let assets = &bundle.content().assets;
    let pixels = |name: &str| {
        let found = assets.iter().find(|a| a.name == name);
        found.is_some_and(|a| a.media_type.starts_with("image/"))
    };
    if !name.is_empty() {
        asset(bundle, name)?;
        if !pixels(name) {
            return Err(broken("a placeholder that is no picture"));
        }
    }
    let mut formats = bundle.content().formats.iter();
    let format = formats.find(|f| f.name == program.format);
    let mut records = format.iter().flat_map(|f| &f.records);
    let record = records.find(|r| r.name == program.record);
    let mut fields = record.iter().flat_map(|r| &r.fields);
    let found = fields.find(|f| f.name == order.field);
    match found.map(|f| &f.field_type) {
        Some(FieldType::Picture(_)) => Ok(()),
        _ => Err(broken("a picture of a field that is none")),
    }
}

fn asset(bundle: &Bundle, name: &str) -> Result<(), RuntimeError> {
    match bundle.asset(name) {
        Some(_) => Ok(()),
        None => Err(broken(&format!("asset `{name}`"))),
    }
}

impl Check<'_> {
    fn asset(&self, name: Option<&str>) -> Result<(), RuntimeError> {
        name.map_or(Ok(()), |name| asset(self.bundle, name))
    }

    fn items(&self, items: &[Item], first: bool) -> Result<(), RuntimeError> {
        if items.len() > ITEMS_MAX {
            return Err(broken("more items than a page may have"));
        }
        for item in items {
            if !inside(&item.at, &self.page) {
                return Err(broken("an item outside its page"));
            }
            self.when(item.when)?;
            let is_pin = matches!(item.draw, ItemKind::Pin { .. });
            if is_pin && !first {
                return Err(broken("a PIN on another page than the first"));
            }
            self.draw(&item.draw)?;
        }
        Ok(())
    }

    fn when(&self, when: Option<NodeId>) -> Result<(), RuntimeError> {
        when.map_or(Ok(()), |id| {
            let name = "a layout condition";
            sink(self.program, id, FLAG, Secrecy::Cardholder, name)
        })
    }

    /// A value that is drawn. Beside a PIN, and on labels that travel with one, no account stands
    /// (PCI PIN: never a clear PIN together with its account).
    fn to(
        &self,
        id: NodeId,
        types: &[ValueType],
        clearance: Secrecy,
        name: &str,
    ) -> Result<(), RuntimeError> {
        sink(self.program, id, types, clearance, name)?;
        let apart = matches!(self.layout.purpose.as_str(), "mailer" | "label");
        let shown = apart && clearance < Secrecy::Secret && self.taints.shows_account(id);
        never(shown, name, "the account beside a PIN")
    }

    fn draw(&self, draw: &ItemKind) -> Result<(), RuntimeError> {
        let to = |id: NodeId, types: &[ValueType], clearance, name: &str| {
            self.to(id, types, clearance, name)
        };
        match draw {
            ItemKind::Text {
                node,
                fonts,
                size_mpt,
                shrink_mpt,
                ..
            } => {
                to(*node, LINES, Secrecy::Cardholder, "page text")?;
                shrinks(*size_mpt, *shrink_mpt)?;
                fonts.iter().try_for_each(|f| self.asset(Some(f)))
            }
            ItemKind::Pin { node, font, .. } => {
                to(*node, &[ValueType::Pin], Secrecy::Secret, "the PIN field")?;
                self.asset(Some(font))
            }
            ItemKind::DataMatrix { node } => to(*node, TEXT, Secrecy::Public, "a barcode"),
            ItemKind::Symbol {
                node,
                symbology,
                level,
                caption,
                ..
            } => {
                let most = match symbology {
                    Symbology::Qr => 3,
                    Symbology::Pdf417 => 8,
                    Symbology::Code128 | Symbology::Itf => 0,
                };
                if *level > most {
                    return Err(broken("a level of error correction that is none"));
                }
                self.asset(caption.as_ref().map(|c| c.font.as_str()))?;
                to(*node, TEXT, Secrecy::Public, "a barcode")
            }
            ItemKind::Image { order, .. } if order.is_some() && self.layout.labels.is_some() => {
                Err(broken("a picture of the order on a label"))
            }
            ItemKind::Image { asset, order } => {
                picture(self.bundle, self.program, asset, order.as_ref())
            }
            ItemKind::Table(table) => self.table(table),
            ItemKind::Line { .. } | ItemKind::Rule { .. } | ItemKind::Face { .. } => Ok(()),
        }
    }

    fn table(&self, table: &Table) -> Result<(), RuntimeError> {
        let columns = table.columns.len();
        let sound = (1..=COLUMNS_MAX).contains(&columns)
            && table.rows.len() <= ROWS_MAX
            && table.row_um > 0
            && table.rows.iter().all(|row| row.cells.len() == columns);
        if !sound {
            return Err(broken("a table without sense"));
        }
        shrinks(table.size_mpt, table.shrink_mpt)?;
        let fonts = table.fonts.iter().chain(&table.head_font);
        fonts.into_iter().try_for_each(|f| self.asset(Some(f)))?;
        for row in &table.rows {
            self.when(row.when)?;
            for cell in &row.cells {
                self.to(*cell, LINES, Secrecy::Cardholder, "a cell")?;
            }
        }
        Ok(())
    }

    /// A PIN stands in a mailer only, once, inside the window, and alone there.
    fn pin(&self) -> Result<(), RuntimeError> {
        let is_pin = |item: &&Item| matches!(item.draw, ItemKind::Pin { .. });
        let mut pins = self.layout.items.iter().filter(is_pin);
        let (Some(pin), further) = (pins.next(), pins.next()) else {
            return Ok(());
        };
        if further.is_some() || self.layout.purpose != "mailer" || self.layout.labels.is_some() {
            return Err(broken("a PIN where none may be"));
        }
        let Some(window) = &self.layout.window else {
            return Err(broken("a PIN without a window"));
        };
        let others = self.layout.items.iter().filter(|item| !is_pin(item));
        if !inside(&pin.at, window) || others.into_iter().any(|o| overlaps(&o.at, window)) {
            return Err(broken("a PIN outside its window, or ink in it"));
        }
        Ok(())
    }
}

fn shrinks(size_mpt: u32, shrink_mpt: Option<u32>) -> Result<(), RuntimeError> {
    match shrink_mpt {
        Some(smallest) if smallest == 0 || smallest > size_mpt => {
            Err(broken("a size that text can't shrink to"))
        }
        _ => Ok(()),
    }
}

fn on_sheet(labels: &Labels, layout: &Layout) -> Result<(), RuntimeError> {
    let count = u64::from(labels.columns) * u64::from(labels.rows);
    let end = |first: u32, size: u32, pitch: u32, count: u32| {
        u64::from(first) + u64::from(pitch) * u64::from(count.saturating_sub(1)) + u64::from(size)
    };
    let at = &labels.first;
    let sound = (1..=LABELS_MAX).contains(&count)
        && (1..=count).contains(&u64::from(labels.start))
        && end(at.x_um, at.width_um, labels.pitch_x_um, labels.columns)
            <= u64::from(layout.width_um)
        && end(at.y_um, at.height_um, labels.pitch_y_um, labels.rows)
            <= u64::from(layout.height_um);
    if sound {
        Ok(())
    } else {
        Err(broken("labels outside their sheet"))
    }
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
