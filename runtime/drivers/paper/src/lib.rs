//! Draws neutral sheets as PDF (krilla, text shaped by parley) and as PNG (hayro).
//!
//! Only the fonts of the stationery are used, never the system's; equal sheets give equal bytes.
//! A clear PIN is asked for when its page is drawn and wiped when the page is done. It is never
//! handed to a text shaper and never a string in the document: it is drawn as glyph numbers, and
//! the embedded font always holds all ten digits in the same order, so that only the page's own
//! content can tell the PIN. What krilla copies on its way into the file (the page's content
//! stream, before and after compression, and the buffers that the file is joined from) can't be
//! wiped by us; the finished file is, since it comes back as `SecretBytes`.
#![forbid(unsafe_code)]

mod barcode;
mod barrier;
mod document;
mod error;
mod limits;
mod page;
mod picture;
mod pin;
mod shape;
mod stationery;
mod test_mark;
mod units;

pub use error::CODES;
pub use limits::{BYTES_MAX, DPI_MAX, DPI_MIN, PAGES_MAX, PIXELS_MAX};

/// Most that a printer's offset may be, micrometres: beyond 10 mm the paper lies wrong.
pub const OFFSET_UM_MAX: i32 = 10_000;

use cardwright_ports::SecretBytes;
use cardwright_ports::paper::{Paper, PaperError, PinSource, Sheet, Stationery};
use stationery::Shelf;

/// The paper driver. One is enough for a process: it may be shared by all lanes, and keeps the
/// fonts and backgrounds that it read last.
#[derive(Default)]
pub struct PaperDriver {
    shelf: Shelf,
    offset_um: (i32, i32),
}

impl PaperDriver {
    /// A driver that has read nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A driver for a printer that lays its pages so far off: everything is moved to the right and
    /// down by these micrometres, of at most [`OFFSET_UM_MAX`] either way. Pictures are not moved.
    pub fn calibrated(right_um: i32, down_um: i32) -> Self {
        let bounded = |um: i32| um.clamp(-OFFSET_UM_MAX, OFFSET_UM_MAX);
        Self {
            shelf: Shelf::default(),
            offset_um: (bounded(right_um), bounded(down_um)),
        }
    }
}

impl Paper for PaperDriver {
    fn pdf(
        &self,
        stationery: &Stationery,
        sheets: &[Sheet],
        pins: &mut dyn PinSource,
    ) -> Result<SecretBytes, PaperError> {
        barrier::guarded(|| {
            limits::check_sheets(sheets)?;
            let stock = self.shelf.take(stationery)?;
            document::write(&stock, sheets, pin::Supply::Source(pins), self.offset_um)
        })
    }

    fn picture(
        &self,
        stationery: &Stationery,
        sheet: &Sheet,
        dots_per_inch: u32,
    ) -> Result<Vec<u8>, PaperError> {
        barrier::guarded(|| {
            limits::check_sheets(std::slice::from_ref(sheet))?;
            limits::check_picture(sheet, dots_per_inch)?;
            let stock = self.shelf.take(stationery)?;
            let sheets = std::slice::from_ref(sheet);
            let pdf = document::write(&stock, sheets, pin::Supply::Masked, (0, 0))?;
            picture::draw(pdf.expose(), sheet, dots_per_inch)
        })
    }
}
