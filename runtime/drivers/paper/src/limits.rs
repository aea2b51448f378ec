//! Limits on everything that comes from outside, checked before anything is drawn.

use crate::error::{self, Failure};
use cardwright_ports::paper::{Mark, Placed, Sheet, Stationery};

/// Pages of one document; larger jobs come in chunks, which also bounds memory.
pub const PAGES_MAX: usize = 5_000;
/// Octets of one font or background.
pub const BYTES_MAX: usize = 32 << 20;
/// Lowest resolution of a picture.
pub const DPI_MIN: u32 = 18;
/// Highest resolution of a picture.
pub const DPI_MAX: u32 = 1_200;
/// Pixels of one picture.
pub const PIXELS_MAX: usize = 100_000_000;

const FILES_MAX: usize = 64;
const MARKS_MAX: usize = 5_000;
const LINES_MAX: usize = 200;
const FONTS_OF_TEXT_MAX: usize = 16;
const TEXT_OCTETS_MAX: usize = 20_000;
const SIDE_UM_MIN: u32 = 5_000;
const SIDE_UM_MAX: u32 = 1_500_000;
const DASH_UM_MIN: u32 = 50;
const SIZE_MPT_MIN: u32 = 500;
const SIZE_MPT_MAX: u32 = 500_000;

/// Checks the number and size of the files.
pub(crate) fn check_stationery(stationery: &Stationery) -> Result<(), Failure> {
    let files = stationery.fonts.len() + stationery.backgrounds.len() + stationery.images.len();
    most("fonts, backgrounds and pictures", files, FILES_MAX)?;
    for file in stationery
        .fonts
        .values()
        .chain(stationery.backgrounds.values())
        .chain(stationery.images.values())
    {
        most("octets of a font or background", file.len(), BYTES_MAX)?;
    }
    Ok(())
}

/// Checks every number of the sheets, and that marks lie on their page.
pub(crate) fn check_sheets(sheets: &[Sheet]) -> Result<(), Failure> {
    least("pages", sheets.len(), 1)?;
    most("pages", sheets.len(), PAGES_MAX)?;
    sheets.iter().try_for_each(check_sheet)
}

/// Checks the pixels of a picture.
pub(crate) fn check_picture(sheet: &Sheet, dots_per_inch: u32) -> Result<(), Failure> {
    between("dots per inch", dots_per_inch, DPI_MIN, DPI_MAX)?;
    let side = |um: u32| (u64::from(um) * u64::from(dots_per_inch)).div_ceil(25_400);
    let (width, height) = (side(sheet.width_um), side(sheet.height_um));
    let longest = usize::try_from(width.max(height)).unwrap_or(usize::MAX);
    most("pixels of a side", longest, usize::from(u16::MAX))?;
    let pixels = usize::try_from(width.saturating_mul(height)).unwrap_or(usize::MAX);
    most("pixels", pixels, PIXELS_MAX)
}

fn check_sheet(sheet: &Sheet) -> Result<(), Failure> {
    between("page width in µm", sheet.width_um, SIDE_UM_MIN, SIDE_UM_MAX)?;
    between(
        "page height in µm",
        sheet.height_um,
        SIDE_UM_MIN,
        SIDE_UM_MAX,
    )?;
    most("marks of a page", sheet.marks.len(), MARKS_MAX)?;
    for (index, placed) in sheet.marks.iter().enumerate() {
        check_area(sheet, placed, index + 1)?;
        check_mark(&placed.mark, index + 1)?;
    }
    let has_pin = sheet
        .marks
        .iter()
        .any(|p| matches!(p.mark, Mark::Pin { .. } | Mark::Component { .. }));
    match (has_pin, sheet.pin_reference) {
        (true, None) => Err(error::pin_reference(
            "a page has a PIN field but no reference",
        )),
        (false, Some(_)) => Err(error::pin_reference(
            "a page has a reference but no PIN field",
        )),
        _ => Ok(()),
    }
}

fn check_area(sheet: &Sheet, placed: &Placed, number: usize) -> Result<(), Failure> {
    let area = &placed.area;
    let right = u64::from(area.x_um) + u64::from(area.width_um);
    let bottom = u64::from(area.y_um) + u64::from(area.height_um);
    let on_page = right <= u64::from(sheet.width_um) && bottom <= u64::from(sheet.height_um);
    if on_page && area.width_um > 0 && area.height_um > 0 {
        Ok(())
    } else {
        Err(error::outside(number))
    }
}

fn check_mark(mark: &Mark, number: usize) -> Result<(), Failure> {
    match mark {
        Mark::Text {
            lines,
            fonts,
            size_mpt,
            smallest_mpt,
            leading_mpt,
            spacing_mpt,
            ..
        } => {
            between("text size in mpt", *size_mpt, SIZE_MPT_MIN, SIZE_MPT_MAX)?;
            let smallest = ("smallest text size in mpt", *smallest_mpt);
            between(smallest.0, smallest.1, SIZE_MPT_MIN, *size_mpt)?;
            between(
                "leading in mpt",
                *leading_mpt,
                size_mpt / 2,
                2 * SIZE_MPT_MAX,
            )?;
            between("spacing in mpt", *spacing_mpt, 0, SIZE_MPT_MAX)?;
            most("lines of a text", lines.len(), LINES_MAX)?;
            least("fonts of a text", fonts.len(), 1)?;
            most("fonts of a text", fonts.len(), FONTS_OF_TEXT_MAX)?;
            most(
                "octets of a text",
                lines.iter().map(String::len).sum(),
                TEXT_OCTETS_MAX,
            )?;
            if lines.iter().flat_map(|line| line.chars()).any(is_control) {
                return Err(error::control(number));
            }
            Ok(())
        }
        Mark::Pin { size_mpt, .. } | Mark::Component { size_mpt, .. } => {
            between("PIN size in mpt", *size_mpt, SIZE_MPT_MIN, SIZE_MPT_MAX)
        }
        Mark::Line {
            dash_um: Some((on, off)),
            ..
        } => {
            // Finer dashes are no dashes, and a page of them has no end.
            between("length of a dash in µm", *on, DASH_UM_MIN, SIDE_UM_MAX)?;
            between("gap between dashes in µm", *off, DASH_UM_MIN, SIDE_UM_MAX)
        }
        Mark::Picture { picture, .. } => {
            most("octets of a picture", picture.expose().len(), BYTES_MAX)
        }
        Mark::DataMatrix { .. }
        | Mark::Fill { .. }
        | Mark::Image { .. }
        | Mark::Line { .. }
        | Mark::Symbol { .. } => Ok(()),
    }
}

/// C0, C1, line and paragraph separators, and the overrides of UAX #9 section 2.2.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202D}' | '\u{202E}')
}

fn most(what: &str, found: usize, most: usize) -> Result<(), Failure> {
    if found > most {
        Err(error::limit(what, found, most))
    } else {
        Ok(())
    }
}

fn least(what: &str, found: usize, least: usize) -> Result<(), Failure> {
    if found < least {
        Err(error::too_small(what, found, least))
    } else {
        Ok(())
    }
}

fn between(what: &str, found: u32, low: u32, high: u32) -> Result<(), Failure> {
    least(what, found as usize, low as usize)?;
    most(what, found as usize, high as usize)
}
