//! Sheets to one PDF.

use crate::error::{self, Failure};
use crate::page::Desk;
use crate::pin::{DigitSets, PagePin, Supply};
use crate::shape::Shaper;
use crate::stationery::Stock;
use crate::units::points;
use cardwright_ports::SecretBytes;
use cardwright_ports::paper::Sheet;
use krilla::error::KrillaError;
use krilla::geom::Transform;
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::{Document, SerializeSettings};

/// Writes a page for each sheet. Metadata is fixed: no clock, no random identifier.
///
/// `offset_um` moves all of a page to the right and down, as its printer needs it.
pub(crate) fn write(
    stock: &Stock,
    sheets: &[Sheet],
    mut supply: Supply<'_>,
    offset_um: (i32, i32),
) -> Result<SecretBytes, Failure> {
    let mut document = Document::new_with(SerializeSettings {
        enable_tagging: false,
        xmp_metadata: false,
        ..Default::default()
    });
    document.set_metadata(Metadata::new().producer("Cardwright".to_owned()));
    let mut desk = Desk {
        stock,
        shaper: Shaper::new(stock),
        digits: DigitSets::default(),
    };
    for (index, sheet) in sheets.iter().enumerate() {
        let settings = PageSettings::from_wh(points(sheet.width_um), points(sheet.height_um))
            .ok_or_else(|| error::library("a page has no size"))?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        let drawn = if index == 0 {
            desk.register_digits(&mut surface, sheets)
        } else {
            Ok(())
        };
        let drawn = drawn.and_then(|()| {
            // The PIN lives for this page only: asked for here, wiped at the end of the block.
            let pin: PagePin = supply.next(sheet)?;
            if offset_um == (0, 0) {
                return desk.draw(&mut surface, sheet, &pin);
            }
            surface.push_transform(&moved(offset_um));
            let drawn = desk.draw(&mut surface, sheet, &pin);
            surface.pop();
            drawn
        });
        surface.finish();
        page.finish();
        drawn?;
    }
    let octets = document.finish().map_err(|error| refusal(stock, &error))?;
    Ok(SecretBytes::new(octets))
}

fn moved((right, down): (i32, i32)) -> Transform {
    let points = |um: i32| points(um.unsigned_abs()) * um.signum() as f32;
    Transform::from_translate(points(right), points(down))
}

/// The writer's refusal in the layout's words.
fn refusal(stock: &Stock, error: &KrillaError) -> Failure {
    match error {
        KrillaError::Pdf(pdf, ..) => match stock.name_of_background(pdf) {
            Some(name) => error::bad_background(name, "is of a PDF version above 1.7"),
            None => error::library("a background was refused by the PDF writer"),
        },
        _ => error::library("a font was refused by the PDF writer"),
    }
}
