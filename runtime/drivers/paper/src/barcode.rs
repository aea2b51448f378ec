//! DataMatrix ECC 200 (ISO/IEC 16022) as vector squares.

use crate::error::{self, Failure};
use datamatrix::{DataMatrix, SymbolList};
use krilla::geom::{Path, PathBuilder, Rect};

/// Modules of quiet zone on each side (ISO/IEC 16022, 5.1: one).
const QUIET: f32 = 1.0;
/// Smallest module that scanners read, in points (0.2 mm).
const MODULE_MIN: f32 = 0.2 * 72.0 / 25.4;
/// Longest content: what the largest symbol holds of text.
const CONTENT_MAX: usize = 2_335;

/// The symbol and its quiet zone, both to be filled.
pub(crate) struct Symbol {
    /// White ground with the quiet zone.
    pub(crate) ground: Path,
    /// Dark modules.
    pub(crate) modules: Path,
}

/// The largest square symbol for `content` in the middle of `area`.
pub(crate) fn symbol(content: &str, area: Rect, mark: usize) -> Result<Symbol, Failure> {
    if content.is_empty() || content.len() > CONTENT_MAX {
        return Err(error::barcode(mark, "is empty or too long"));
    }
    // ASCII and Latin-1 go out as the standard's default set; other scripts with an ECI for UTF-8.
    let list = SymbolList::default().enforce_square();
    let code = DataMatrix::encode_str(content, list)
        .map_err(|_| error::barcode(mark, "has too much content"))?;
    let bitmap = code.bitmap();
    let modules = bitmap.width().max(bitmap.height()) as f32 + 2.0 * QUIET;
    let side = area.width().min(area.height());
    let module = side / modules;
    if module < MODULE_MIN {
        return Err(error::barcode(mark, "would have modules under 0.2 mm"));
    }
    let left = area.left() + (area.width() - side) / 2.0;
    let top = area.top() + (area.height() - side) / 2.0;
    let mut ground = PathBuilder::new();
    push(&mut ground, left, top, side, side);
    let mut dark = PathBuilder::new();
    let at = |count: usize| (count as f32 + QUIET) * module;
    for (row, bits) in bitmap.bits().chunks(bitmap.width().max(1)).enumerate() {
        // Neighbours in a row are one rectangle: fewer edges, no hairline between modules.
        let mut column = 0;
        for run in bits.chunk_by(|a, b| a == b) {
            if run.first() == Some(&true) {
                let width = run.len() as f32 * module;
                push(&mut dark, left + at(column), top + at(row), width, module);
            }
            column += run.len();
        }
    }
    match (ground.finish(), dark.finish()) {
        (Some(ground), Some(modules)) => Ok(Symbol { ground, modules }),
        _ => Err(error::barcode(mark, "has no modules")),
    }
}

fn push(path: &mut PathBuilder, x: f32, y: f32, width: f32, height: f32) {
    if let Some(rect) = Rect::from_xywh(x, y, width, height) {
        path.push_rect(rect);
    }
}
