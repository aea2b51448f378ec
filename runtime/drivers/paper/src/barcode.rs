//! Symbols as vector rectangles: DataMatrix ECC 200 (ISO/IEC 16022), QR (ISO/IEC 18004), PDF417
//! (ISO/IEC 15438), Code 128 (ISO/IEC 15417), ITF (ISO/IEC 16390).

use crate::error::{self, Failure};
use barcoders::sym::{code128::Code128, tf::TF};
use cardwright_ports::paper::Symbology;
use datamatrix::{DataMatrix, SymbolList};
use krilla::geom::{Path, PathBuilder, Rect};
use qrcode::bits::Bits;
use qrcode::{EcLevel, QrCode, Version};
use rxing::pdf417::encoder::{Compaction, PDF417};

/// Smallest module that scanners read, in points (0.2 mm).
const MODULE_MIN: f32 = 0.2 * 72.0 / 25.4;
/// Rounding of the last bits of lengths, in points.
const TOLERANCE: f32 = 0.002;
/// Longest content: what the largest symbol holds of text.
const CONTENT_MAX: usize = 2_335;
/// Height of a PDF417 row in modules (ISO/IEC 15438, 5.8.2).
const PDF417_ROW: usize = 3;

/// The symbol and its quiet zone, both to be filled.
pub(crate) struct Symbol {
    /// White ground with the quiet zone.
    pub(crate) ground: Path,
    /// Dark modules.
    pub(crate) modules: Path,
}

/// Dark and light modules, row by row, and the quiet zone: modules at the sides, and above and
/// below.
struct Grid {
    width: usize,
    dark: Vec<bool>,
    quiet: (f32, f32),
    /// Whether modules are as high as wide; else rows fill the height.
    square: bool,
}

impl Grid {
    fn rows(&self) -> usize {
        self.dark.len() / self.width.max(1)
    }
}

/// The largest square DataMatrix symbol for `content` in the middle of `area`.
pub(crate) fn symbol(content: &str, area: Rect, mark: usize) -> Result<Symbol, Failure> {
    check_length(content, mark)?;
    // ASCII and Latin-1 go out as the standard's default set; other scripts with an ECI for UTF-8.
    let list = SymbolList::default().enforce_square();
    let code = DataMatrix::encode_str(content, list)
        .map_err(|_| error::barcode(mark, "has too much content"))?;
    let bitmap = code.bitmap();
    let grid = Grid {
        width: bitmap.width(),
        dark: bitmap.bits().to_vec(),
        quiet: (1.0, 1.0), // ISO/IEC 16022, 5.1
        square: true,
    };
    draw(&grid, area, mark)
}

/// The largest symbol of another kind for `content` in the middle of `area`.
pub(crate) fn other(
    symbology: Symbology,
    content: &str,
    area: Rect,
    mark: usize,
) -> Result<Symbol, Failure> {
    check_length(content, mark)?;
    let grid = match symbology {
        Symbology::Code128 => code128(content),
        Symbology::Itf => itf(content),
        Symbology::Pdf417(level) => pdf417(content, level, area),
        Symbology::Qr(level) => qr(content, level),
    };
    let grid = grid
        .ok_or_else(|| error::barcode(mark, "has content that it can't hold, or too much of it"))?;
    draw(&grid, area, mark)
}

fn check_length(content: &str, mark: usize) -> Result<(), Failure> {
    if content.is_empty() || content.len() > CONTENT_MAX {
        return Err(error::barcode(mark, "is empty or too long"));
    }
    Ok(())
}

fn is_digits(content: &str) -> bool {
    content.bytes().all(|b| b.is_ascii_digit())
}

/// One mode for the whole content, so that its size is that of the standard's table: digits in
/// numeric mode, else octets.
fn qr(content: &str, level: u8) -> Option<Grid> {
    let level = match level {
        0 => EcLevel::L,
        1 => EcLevel::M,
        2 => EcLevel::Q,
        _ => EcLevel::H,
    };
    let found = (1..=40).find_map(|version| {
        let mut bits = Bits::new(Version::Normal(version));
        let octets = content.as_bytes();
        let pushed = if is_digits(content) {
            bits.push_numeric_data(octets)
        } else {
            bits.push_byte_data(octets)
        };
        pushed.ok()?;
        bits.push_terminator(level).ok()?;
        Some(bits)
    });
    let code = QrCode::with_bits(found?, level).ok()?;
    Some(Grid {
        width: code.width(),
        dark: code
            .to_colors()
            .iter()
            .map(|c| c.select(true, false))
            .collect(),
        quiet: (4.0, 4.0), // ISO/IEC 18004, 5.3.8
        square: true,
    })
}

/// Set C for an even number of digits, else set B.
fn code128(content: &str) -> Option<Grid> {
    let digits = content.len().is_multiple_of(2) && is_digits(content);
    let set = if digits { '\u{0106}' } else { '\u{0181}' };
    let code = Code128::new(format!("{set}{content}")).ok()?;
    linear(&code.encode())
}

/// An odd number of digits gets a zero in front.
fn itf(content: &str) -> Option<Grid> {
    if !is_digits(content) {
        return None;
    }
    let even = match content.len() % 2 {
        0 => content.to_owned(),
        _ => format!("0{content}"),
    };
    linear(&TF::interleaved(even).ok()?.encode())
}

fn linear(bars: &[u8]) -> Option<Grid> {
    (!bars.is_empty()).then(|| Grid {
        width: bars.len(),
        dark: bars.iter().map(|bar| *bar == 1).collect(),
        quiet: (10.0, 0.0), // ISO/IEC 15417, 4.3; ISO/IEC 16390, 4.4
        square: false,
    })
}

/// As many columns as the area has room for at the smallest module.
fn pdf417(content: &str, level: u8, area: Rect) -> Option<Grid> {
    let wide = ((area.width() + TOLERANCE) / MODULE_MIN).floor() as u32;
    // 69 modules for start, stop and row indicators, 4 for the quiet zone (ISO/IEC 15438, 5.4).
    let columns = (wide.checked_sub(69 + 4)? / 17).min(30);
    if columns == 0 {
        return None;
    }
    let mut code = PDF417::new();
    code.setDimensions(columns, columns, 90, 3);
    code.setCompaction(if is_digits(content) {
        Compaction::NUMERIC
    } else {
        Compaction::BYTE
    });
    code.setEncoding(Some(rxing::common::CharacterSet::UTF8));
    code.generateBarcodeLogic(content, u32::from(level.min(8)))
        .ok()?;
    let matrix = code.getBarcodeMatrix().as_ref()?;
    let rows = matrix.getMatrix();
    let width = rows.first()?.len();
    let mut dark = Vec::with_capacity(width * rows.len() * PDF417_ROW);
    // The encoder's rows come from the bottom up. Drawn so, the symbol would be its own mirror image,
    // which no scanner reads.
    for row in rows.iter().rev().filter(|row| row.len() == width) {
        for _ in 0..PDF417_ROW {
            dark.extend(row.iter().map(|module| *module == 1));
        }
    }
    Some(Grid {
        width,
        dark,
        quiet: (2.0, 2.0), // ISO/IEC 15438, 5.8.3
        square: true,
    })
}

fn draw(grid: &Grid, area: Rect, mark: usize) -> Result<Symbol, Failure> {
    let across = grid.width as f32 + 2.0 * grid.quiet.0;
    let down = grid.rows() as f32 + 2.0 * grid.quiet.1;
    let mut module = area.width() / across;
    let mut high = area.height() / down;
    if grid.square {
        module = module.min(high);
        high = module;
    }
    if module < MODULE_MIN - TOLERANCE {
        return Err(error::barcode(mark, "would have modules under 0.2 mm"));
    }
    let (width, height) = (across * module, down * high);
    let left = area.left() + (area.width() - width) / 2.0;
    let top = area.top() + (area.height() - height) / 2.0;
    let mut ground = PathBuilder::new();
    push(&mut ground, left, top, width, height);
    let mut dark = PathBuilder::new();
    let x = |count: usize| left + (count as f32 + grid.quiet.0) * module;
    let y = |count: usize| top + (count as f32 + grid.quiet.1) * high;
    for (row, modules) in grid.dark.chunks(grid.width.max(1)).enumerate() {
        // Neighbours in a row are one rectangle: fewer edges, no hairline between modules.
        let mut column = 0;
        for run in modules.chunk_by(|a, b| a == b) {
            if run.first() == Some(&true) {
                push(
                    &mut dark,
                    x(column),
                    y(row),
                    run.len() as f32 * module,
                    high,
                );
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
