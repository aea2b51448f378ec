//! Pictures of faces, carriers and mailers, with specimen data and a specimen PIN.

use crate::{
    pin_block::SPECIMEN_PIN,
    rehearse::{Rehearsal, Rehearsed},
    stock,
};
use cardwright_bundle::FaceSide;
use cardwright_paper::PaperDriver;
use cardwright_ports::{
    Paper, PaperError, SecretDigits,
    paper::{PinSource, Sheet, Stationery},
};
use cardwright_stations::{StationError, faces, pages};

/// Dots an inch of a picture: sharp on a screen, small on a disk.
const DOTS_PER_INCH: u32 = 150;

/// A page or face, as document and as picture.
pub struct Picture {
    /// Name: a layout's, or a card's with `-front` or `-back`.
    pub name: String,
    /// PDF.
    pub pdf: Vec<u8>,
    /// PNG, the PIN masked.
    pub png: Vec<u8>,
}

/// Draws what an order's card, carrier and mailer look like, with the stock's windows, folds and
/// edges over it. Every page is marked TEST, and the PIN on a mailer is the specimen's, whatever
/// the order's is.
///
/// # Errors
/// R12 when a page can't be drawn: a font that is missing, text that does not fit.
pub fn preview(
    rehearsal: &Rehearsal,
    made: &Rehearsed,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<Picture>, StationError> {
    let mut sheets = sheets(rehearsal, made)?;
    for (name, sheet) in &mut sheets {
        stock::draw_over(rehearsal.bundle().content(), name, sheet);
    }
    let stationery = pages::stationery(&rehearsal.loaded);
    let paper = PaperDriver::new();
    sheets
        .into_iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, sheet)| draw(&paper, &stationery, name, sheet))
        .collect()
}

/// The sheets of an order: faces, then carrier and mailer.
pub(crate) fn sheets(
    rehearsal: &Rehearsal,
    made: &Rehearsed,
) -> Result<Vec<(String, Sheet)>, StationError> {
    let content = rehearsal.bundle().content();
    let mut sheets: Vec<(String, Sheet)> = Vec::new();
    if let Some(card) = content.cards.iter().find(|card| card.name == made.card) {
        for (side, word) in [(FaceSide::Front, "front"), (FaceSide::Back, "back")] {
            let look = faces::Look {
                fields: &made.record,
                record: &made.record_name,
                hide: false,
            };
            if let Some(sheet) = faces::face(card, side, &made.data, &look)? {
                sheets.push((format!("{}-{word}", card.name), sheet));
            }
        }
    }
    let made_pages = made.pages.iter();
    sheets.extend(made_pages.map(|page| (page.layout.clone(), page.sheet.clone())));
    Ok(sheets)
}

fn draw(
    paper: &PaperDriver,
    stationery: &Stationery,
    name: String,
    mut sheet: Sheet,
) -> Result<Picture, StationError> {
    sheet.test_mark = true;
    let pdf = paper.pdf(stationery, std::slice::from_ref(&sheet), &mut SpecimenPin)?;
    let png = paper.picture(stationery, &sheet, DOTS_PER_INCH)?;
    Ok(Picture {
        name,
        pdf: pdf.expose().to_vec(),
        png,
    })
}

/// Everybody's PIN: no page of a preview ever asks for another.
struct SpecimenPin;

impl PinSource for SpecimenPin {
    fn reveal(&mut self, _reference: u64) -> Result<SecretDigits, PaperError> {
        Ok(SecretDigits::new(SPECIMEN_PIN.to_owned()))
    }
}
