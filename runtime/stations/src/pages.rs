//! Pages: a bundle's layout and an order become a neutral sheet.

mod items;

pub(crate) use items::picture as picture_mark;

use crate::StationError;
use cardwright_bundle::{Environment, Item, ItemKind, Layout};
use cardwright_ports::{
    HsmSession, PaperError, SecretDigits,
    hsm::SealedPin,
    paper::{PinSource, Sheet, Stationery},
};
use cardwright_runtime::{
    Loaded, RuntimeError,
    plan::{BoundKeys, Draws, Fields, Part, Prepared, Row, RunFacts, Values},
};
use std::collections::BTreeMap;

/// A layout, ready for its orders.
pub struct Pages<'a> {
    layout: &'a Layout,
    program: Prepared,
    /// Record that the layout speaks of.
    record: &'a str,
    test: bool,
}

/// An order whose page is asked for. `draws` are the order's own, so that a drawn PIN is the card's.
pub struct PageOf<'p> {
    /// Its record.
    pub fields: &'p dyn Fields,
    /// Facts of the run.
    pub facts: &'p RunFacts,
    /// Its number in the job.
    pub order: u64,
    /// What was drawn for it.
    pub draws: &'p Draws,
}

/// A page, and the sealed PIN that goes on it.
pub struct Page {
    /// The first sheet.
    pub sheet: Sheet,
    /// Sheets behind it.
    pub further: Vec<Sheet>,
    /// PIN, sealed.
    pub pin: Option<SealedPin>,
}

impl<'a> Pages<'a> {
    /// Prepares a layout by name.
    pub fn new(loaded: &'a Loaded, name: &str, keys: &BoundKeys) -> Result<Self, StationError> {
        let layout = loaded
            .content()
            .layouts
            .iter()
            .find(|l| l.name == name)
            .ok_or_else(|| {
                StationError::new(
                    "R1101",
                    format!("no layout `{name}`"),
                    "build the bundle again",
                )
            })?;
        let program = loaded.program(layout.program)?;
        let record = program.record.as_str();
        let program = Prepared::of_parts(program, keys, loaded, vec![wanted(layout)])?;
        let test = loaded.content().environment == Environment::Test;
        Ok(Self {
            layout,
            program,
            record,
            test,
        })
    }

    /// Whether an item is a picture of the order: then the record must come with its pictures.
    pub fn shows_pictures(&self) -> bool {
        let further = self.layout.pages.iter().flat_map(|page| &page.items);
        let mut items = self.layout.items.iter().chain(further);
        items.any(|item| matches!(item.draw, ItemKind::Image { order: Some(_), .. }))
    }

    /// Makes one order's page.
    pub fn make(
        &self,
        asked: &PageOf<'_>,
        session: &mut dyn HsmSession,
        job: &str,
    ) -> Result<Page, StationError> {
        let mut pages = self.make_all(std::slice::from_ref(asked), session, job);
        pages.pop().unwrap_or_else(|| {
            Err(StationError::new(
                "R1101",
                "a page of nothing",
                "build the bundle again",
            ))
        })
    }

    /// Makes the pages of some orders of one job, in their order: the HSM gets each kind of call for all of
    /// them together. A page that can't be made has its own reason.
    pub fn make_all(
        &self,
        asked: &[PageOf<'_>],
        session: &mut dyn HsmSession,
        job: &str,
    ) -> Vec<Result<Page, StationError>> {
        let mut draws: Vec<Draws> = asked.iter().map(|page| page.draws.clone()).collect();
        let rows = asked.iter().zip(&mut draws).map(|(page, draws)| Row {
            fields: page.fields,
            facts: page.facts,
            order: page.order,
            draws,
        });
        let mut rows: Vec<Row<'_>> = rows.collect();
        let all = self.program.run_rows(&mut rows, &mut Some(session), job);
        let pages = asked.iter().zip(&all);
        pages
            .map(|(page, values)| self.page(values, page))
            .collect()
    }

    /// The page of a program's values.
    fn page(&self, values: &Values, asked: &PageOf<'_>) -> Result<Page, StationError> {
        let own = (asked.fields, self.record);
        let mut page = Page {
            sheet: self.sheet(&self.layout.background),
            further: Vec::new(),
            pin: None,
        };
        for item in present(&self.layout.items, values) {
            let item = item?;
            let drawn = items::draw(item, values, own)?;
            if let Some(pin) = drawn.pin {
                page.pin = Some(pin);
                page.sheet.pin_reference = Some(asked.order);
            }
            page.sheet.marks.extend(drawn.marks);
        }
        for further in &self.layout.pages {
            let mut sheet = self.sheet(&further.background);
            for item in present(&further.items, values) {
                sheet.marks.extend(items::draw(item?, values, own)?.marks);
            }
            page.further.push(sheet);
        }
        Ok(page)
    }

    fn sheet(&self, background: &Option<String>) -> Sheet {
        let label = self.layout.labels.map(|labels| labels.first);
        Sheet {
            width_um: label.map_or(self.layout.width_um, |l| l.width_um),
            height_um: label.map_or(self.layout.height_um, |l| l.height_um),
            background: background.clone(),
            test_mark: self.test,
            marks: Vec::new(),
            pin_reference: None,
        }
    }

    /// How many orders go on one sheet.
    pub fn to_a_sheet(&self) -> usize {
        let labels = self.layout.labels;
        labels.map_or(1, |l| (l.columns as usize).saturating_mul(l.rows as usize))
    }

    /// Orders' labels side by side on sheets; `first` says whether labels of the first sheet are
    /// gone already.
    pub fn imposed(&self, pages: Vec<Page>, first: bool) -> Vec<Sheet> {
        let Some(labels) = self.layout.labels else {
            return pages.into_iter().flat_map(Page::into_sheets).collect();
        };
        let used = if first {
            labels.start.saturating_sub(1)
        } else {
            0
        };
        let mut sheets: Vec<Sheet> = Vec::new();
        let count = self.to_a_sheet().max(1);
        for (place, page) in (used as usize..).zip(pages) {
            if sheets.is_empty() || place % count == 0 {
                let mut sheet = self.sheet(&None);
                sheet.width_um = self.layout.width_um;
                sheet.height_um = self.layout.height_um;
                sheet.background.clone_from(&self.layout.background);
                sheets.push(sheet);
            }
            let column = u32::try_from(place % count).unwrap_or(0) % labels.columns.max(1);
            let row = u32::try_from(place % count).unwrap_or(0) / labels.columns.max(1);
            let right = labels.first.x_um + column * labels.pitch_x_um;
            let down = labels.first.y_um + row * labels.pitch_y_um;
            let moved = page.sheet.marks.into_iter().map(|mut placed| {
                placed.area.x_um = placed.area.x_um.saturating_add(right);
                placed.area.y_um = placed.area.y_um.saturating_add(down);
                placed
            });
            if let Some(sheet) = sheets.last_mut() {
                sheet.marks.extend(moved);
            }
        }
        sheets
    }
}

impl Page {
    /// All its sheets in order.
    pub fn into_sheets(self) -> Vec<Sheet> {
        let mut sheets = vec![self.sheet];
        sheets.extend(self.further);
        sheets
    }

    /// Copies of all its sheets in order.
    pub fn sheets(&self) -> impl Iterator<Item = Sheet> + '_ {
        std::iter::once(&self.sheet).chain(&self.further).cloned()
    }
}

/// What the page's items are drawn from: nothing else is worked out.
fn wanted(layout: &Layout) -> Part {
    let further = layout.pages.iter().flat_map(|page| &page.items);
    Part {
        parts: layout.items.iter().chain(further).map(of_item).collect(),
        ..Part::default()
    }
}

fn of_item(item: &Item) -> Part {
    let mut part = Part {
        when: item.when,
        ..Part::default()
    };
    match &item.draw {
        ItemKind::Text { node, .. }
        | ItemKind::Pin { node, .. }
        | ItemKind::DataMatrix { node }
        | ItemKind::Symbol { node, .. } => part.nodes.push(*node),
        ItemKind::Table(table) => {
            let rows = table.rows.iter().map(|row| Part {
                when: row.when,
                nodes: row.cells.clone(),
                ..Part::default()
            });
            part.parts = rows.collect();
        }
        ItemKind::Image { .. }
        | ItemKind::Line { .. }
        | ItemKind::Rule { .. }
        | ItemKind::Face { .. } => {}
    }
    part
}

/// Items whose condition holds.
fn present<'i>(
    items: &'i [Item],
    values: &'i Values,
) -> impl Iterator<Item = Result<&'i Item, RuntimeError>> + 'i {
    items.iter().filter_map(
        |item| match item.when.map(|when| values.flag(when)).transpose() {
            Ok(Some(false)) => None,
            Ok(_) => Some(Ok(item)),
            Err(error) => Some(Err(error)),
        },
    )
}

/// Fonts, backgrounds and pictures of a bundle.
pub fn stationery(loaded: &Loaded) -> Stationery {
    let mut stationery = Stationery::default();
    for asset in &loaded.content().assets {
        let Some(bytes) = loaded.bundle().asset(&asset.name) else {
            continue;
        };
        if asset.media_type.starts_with("font/") {
            stationery.fonts.insert(asset.name.clone(), bytes.to_vec());
        } else if asset.media_type.starts_with("image/") {
            stationery.images.insert(asset.name.clone(), bytes.to_vec());
        } else if asset.media_type == "application/pdf" {
            stationery
                .backgrounds
                .insert(asset.name.clone(), bytes.to_vec());
        }
    }
    stationery
}

/// Reveals sealed PINs one at a time, for the page that is being drawn.
pub struct Revealer<'a> {
    pins: BTreeMap<u64, SealedPin>,
    session: &'a mut dyn HsmSession,
}

impl<'a> Revealer<'a> {
    /// For these pages.
    pub fn new<'p>(
        pages: impl IntoIterator<Item = &'p Page>,
        session: &'a mut dyn HsmSession,
    ) -> Self {
        let pins = pages
            .into_iter()
            .filter_map(|page| Some((page.sheet.pin_reference?, page.pin.clone()?)))
            .collect();
        Self { pins, session }
    }
}

impl PinSource for Revealer<'_> {
    fn reveal(&mut self, reference: u64) -> Result<SecretDigits, PaperError> {
        let gone = || PaperError {
            code: "R1221",
            what: "a page asks for a PIN that is not its own".into(),
            mend: "print each letter once",
        };
        // Taken out: no PIN is drawn twice from one source.
        let pin = self.pins.remove(&reference).ok_or_else(gone)?;
        self.session.reveal_pin(&pin).map_err(|error| PaperError {
            code: error.code,
            what: error.what,
            mend: error.mend,
        })
    }
}
