//! Pages: a bundle's layout and an order become a neutral sheet.

use crate::{StationError, faces};
use cardwright_bundle::{Align, Environment, Item, ItemKind, Layout};
use cardwright_ports::{
    HsmSession, PaperError, SecretDigits,
    hsm::SealedPin,
    paper::{Alignment, Area, Mark, PinSource, Placed, Sheet, Stationery},
};
use cardwright_runtime::{
    Loaded, RuntimeError,
    plan::{BoundKeys, Draws, Fields, Prepared, Run, RunFacts, Values},
};
use std::collections::BTreeMap;

/// A layout, ready for its orders.
pub struct Pages<'a> {
    layout: &'a Layout,
    program: Prepared,
    test: bool,
}

/// A page, and the sealed PIN that goes on it.
pub struct Page {
    /// What to draw.
    pub sheet: Sheet,
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
        let program = Prepared::new(loaded.program(layout.program)?, keys)?;
        let test = loaded.content().environment == Environment::Test;
        Ok(Self {
            layout,
            program,
            test,
        })
    }

    /// Makes one order's page. `draws` are the order's own, so that a drawn PIN is the card's.
    #[allow(clippy::too_many_arguments)]
    pub fn make(
        &self,
        fields: &dyn Fields,
        facts: &RunFacts,
        session: &mut dyn HsmSession,
        job: &str,
        order: u64,
        draws: &Draws,
    ) -> Result<Page, StationError> {
        let mut draws = draws.clone();
        let mut run = Run {
            fields,
            facts,
            session: Some(session),
            job,
            order,
            draws: &mut draws,
        };
        let values = self.program.run(&mut run)?;
        let mut page = Page {
            sheet: Sheet {
                width_um: self.layout.width_um,
                height_um: self.layout.height_um,
                background: self.layout.background.clone(),
                test_mark: self.test,
                marks: Vec::with_capacity(self.layout.items.len()),
                pin_reference: None,
            },
            pin: None,
        };
        for item in &self.layout.items {
            if item
                .when
                .map(|when| values.flag(when))
                .transpose()?
                .unwrap_or(true)
            {
                place(item, &values, order, &mut page)?;
            }
        }
        Ok(page)
    }
}

fn place(item: &Item, values: &Values, order: u64, page: &mut Page) -> Result<(), StationError> {
    let area = Area {
        x_um: item.at.x_um,
        y_um: item.at.y_um,
        width_um: item.at.width_um,
        height_um: item.at.height_um,
    };
    let broken = || RuntimeError::new("R1101", "a page value of another type", "build it again");
    let mark = match &item.draw {
        ItemKind::Text {
            node,
            fonts,
            size_mpt,
            leading_mpt,
            align,
        } => Mark::Text {
            lines: values.get(*node)?.lines().ok_or_else(broken)?,
            fonts: fonts.clone(),
            size_mpt: *size_mpt,
            leading_mpt: *leading_mpt,
            alignment: match align {
                Align::Start => Alignment::Start,
                Align::Middle => Alignment::Middle,
                Align::End => Alignment::End,
            },
            colour: cardwright_ports::paper::Colour(0x16, 0x1C, 0x24),
            spacing_mpt: 0,
        },
        ItemKind::Pin {
            node,
            font,
            size_mpt,
        } => {
            page.pin = Some(values.get(*node)?.pin().ok_or_else(broken)?.clone());
            page.sheet.pin_reference = Some(order);
            Mark::Pin {
                font: font.clone(),
                size_mpt: *size_mpt,
            }
        }
        ItemKind::DataMatrix { node } => Mark::DataMatrix {
            content: values.text(*node)?.to_owned(),
        },
        ItemKind::Rule { colour } => Mark::Fill {
            colour: faces::colour(colour),
            radius_um: 0,
        },
        // The card itself lies here; the carrier shows its place, not a picture with a PAN.
        ItemKind::Face { .. } => return Ok(()),
    };
    page.sheet.marks.push(Placed { area, mark });
    Ok(())
}

/// Fonts and backgrounds of a bundle.
pub fn stationery(loaded: &Loaded) -> Stationery {
    let mut stationery = Stationery::default();
    for asset in &loaded.content().assets {
        let Some(bytes) = loaded.bundle().asset(&asset.name) else {
            continue;
        };
        if asset.media_type.starts_with("font/") {
            stationery.fonts.insert(asset.name.clone(), bytes.to_vec());
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
