//! Pictures: PNG, JPEG, or a one-page PDF, with their size and resolution.

use super::super::read;
use crate::diagnostics::{Problem, Severity};
use crate::model::MEntry;
use crate::project::Project;
use cardwright_bundle::Rect;

/// Most pixels of a picture.
const PIXELS_MAX: u64 = 40_000_000;
/// Most octets of a picture.
const OCTETS_MAX: usize = 8 << 20;
/// Dots an inch below which print looks coarse.
const DPI_MIN: u64 = 150;

/// A picture: its name, media type and octets, and a warning when its resolution is low.
type Picture = (String, (String, Vec<u8>), Option<Problem>);

/// Reads the picture that `file = file("…")` names; E0822 when it can't be used.
///
/// # Errors
/// The file is missing, no picture, or too large.
pub(in super::super) fn read(
    project: &Project<'_>,
    entry: &MEntry,
    at: &Rect,
) -> Result<Picture, Box<Problem>> {
    let refuse = |reason: String| {
        let message = format!("the picture can't be used: {reason}");
        let help = "name a PNG, a JPEG or a one-page PDF of the project: `file = \
                    file(\"logo.png\")`; drawings (SVG) are best saved as PDF";
        Box::new(Problem::error("E0822", entry.span, message).help(help))
    };
    let path = read::file(entry).ok_or_else(|| refuse("its file is not named".to_owned()))?;
    let bytes = project
        .asset(&path)
        .map_err(|error| refuse(error.to_string()))?;
    if bytes.len() > OCTETS_MAX {
        return Err(refuse(format!("`{path}` is larger than 8 MiB")));
    }
    if bytes.starts_with(b"%PDF-") {
        return Ok((path, ("application/pdf".to_owned(), bytes), None));
    }
    let (media, size) = match png_size(&bytes) {
        Some(size) => ("image/png", Some(size)),
        None => ("image/jpeg", jpeg_size(&bytes)),
    };
    let Some((width, height)) = size.filter(|(w, h)| *w > 0 && *h > 0) else {
        return Err(refuse(format!("`{path}` is neither PNG nor JPEG nor PDF")));
    };
    if width.saturating_mul(height) > PIXELS_MAX {
        return Err(refuse(format!("`{path}` has more than 40 million pixels")));
    }
    // Contained: the side that fills its box first says how large a pixel gets.
    let dpi = |pixels: u64, um: u32| pixels * 25_400 / u64::from(um.max(1));
    let dots = dpi(width, at.width_um).max(dpi(height, at.height_um));
    let finding = (dots < DPI_MIN).then(|| {
        let message = format!("at this size the picture has {dots} dots an inch");
        Problem::new(Severity::Warning, "E0827", entry.span, message)
            .help("150 or more print well: take a larger picture or a smaller box")
    });
    Ok((path, (media.to_owned(), bytes), finding))
}

/// Width and height of a PNG (ISO/IEC 15948, 11.2.2: IHDR comes first).
fn png_size(bytes: &[u8]) -> Option<(u64, u64)> {
    let rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    if rest.get(4..8)? != b"IHDR" {
        return None;
    }
    let number = |at: usize| Some(u32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?));
    Some((u64::from(number(8)?), u64::from(number(12)?)))
}

/// Width and height of a JPEG: the first frame header (ITU-T T.81, B.2.2).
fn jpeg_size(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut rest = bytes.strip_prefix(&[0xFF, 0xD8])?;
    loop {
        let (marker, after) = match rest {
            [0xFF, 0xFF, ..] => {
                rest = rest.get(1..)?;
                continue;
            }
            [0xFF, marker, after @ ..] => (*marker, after),
            _ => return None,
        };
        let length = u16::from_be_bytes(after.get(..2)?.try_into().ok()?);
        let frame = matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC);
        if frame {
            let number =
                |at: usize| Some(u16::from_be_bytes(after.get(at..at + 2)?.try_into().ok()?));
            return Some((u64::from(number(5)?), u64::from(number(3)?)));
        }
        rest = after.get(usize::from(length.max(2))..)?;
    }
}
