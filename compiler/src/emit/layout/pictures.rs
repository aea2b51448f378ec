//! Pictures: PNG, JPEG, or a one-page PDF, with their size and resolution.

use super::super::read;
use crate::diagnostics::{Problem, Severity};
use crate::elaborate::{Elaborator, pictures};
use crate::model::MEntry;
use crate::project::Project;
use cardwright_bundle::{Fit, OrderPicture, Rect};

/// Most pixels of a picture.
const PIXELS_MAX: u64 = 40_000_000;
/// Most octets of a picture.
const OCTETS_MAX: usize = 8 << 20;
/// Dots an inch below which print looks coarse.
const DPI_MIN: u64 = 150;

/// A picture: its name, media type and octets, and a warning when its resolution is low.
type Picture = (String, (String, Vec<u8>), Option<Problem>);

/// What an `image` draws: a file's name and octets, and the picture of the order.
type Drawn = (String, Option<(String, Vec<u8>)>, Option<OrderPicture>);

/// What an `image` draws: a picture of the project (`file`), or the order's own (`value`) with a
/// picture of the project for orders without one. E0831, and E0822 and E0827 of files.
pub(in super::super) fn drawn(
    elaborator: &mut Elaborator<'_>,
    project: &Project<'_>,
    entry: &MEntry,
    at: &Rect,
) -> Option<Drawn> {
    let (file, value, fit) = (
        entry.inner("file"),
        entry.inner("value"),
        entry.inner("fit"),
    );
    let order = match value {
        Some(value) => Some(elaborator.order_picture(value, fit)?),
        None => None,
    };
    let wrong = match (&order, file, fit) {
        (None, None, _) => Some("this image draws nothing"),
        (None, _, Some(_)) => Some("`fit` is for pictures of orders: the project's keep whole"),
        (Some(order), Some(_), _) if !order.optional => {
            Some("every order has its picture: the placeholder is never drawn")
        }
        _ => None,
    };
    if let Some(message) = wrong {
        let help = "write `file = file(\"logo.png\")` for a picture of the project, `value = \
                    order.photo` for the order's own, both where the field is `optional`: then \
                    the file stands in for a picture that does not come";
        let problem = Problem::error("E0831", entry.span, message).help(help);
        elaborator.findings().push(problem);
        return None;
    }
    if let Some(finding) = order.as_ref().and_then(|o| coarse(entry, o, at)) {
        elaborator.findings().push(finding);
    }
    let order_picture = order.map(|o| o.order);
    let Some(file) = file else {
        return Some((String::new(), None, order_picture));
    };
    match read(project, file, at) {
        Ok((_, (media, _), _)) if order_picture.is_some() && !media.starts_with("image/") => {
            let message = "a placeholder is a PNG or JPEG, as the pictures are that it stands for";
            let problem = Problem::error("E0831", file.span, message);
            elaborator
                .findings()
                .push(problem.help("save the drawing as PNG"));
            None
        }
        Ok((name, asset, finding)) => {
            if let Some(finding) = finding {
                elaborator.findings().push(finding);
            }
            Some((name, Some(asset), order_picture))
        }
        Err(problem) => {
            elaborator.findings().push(*problem);
            None
        }
    }
}

/// The smallest picture that the field takes, in its box: E0827.
fn coarse(entry: &MEntry, drawn: &pictures::Drawn, at: &Rect) -> Option<Problem> {
    let dpi = |pixels: u32, um: u32| u64::from(pixels) * 25_400 / u64::from(um.max(1));
    let (across, down) = drawn.rules.least;
    let sides = (dpi(across, at.width_um), dpi(down, at.height_um));
    let dots = match drawn.order.fit {
        Fit::Contain => sides.0.max(sides.1),
        Fit::Cover => sides.0.min(sides.1),
    };
    let needed = |um: u32| (u64::from(um) * DPI_MIN).div_ceil(25_400);
    (dots < DPI_MIN).then(|| {
        let message = format!("the smallest picture that the field takes has {dots} dots an inch");
        let help = format!(
            "150 or more print well: ask for `least: ({}, {})`, or take a smaller box",
            needed(at.width_um),
            needed(at.height_um)
        );
        Problem::new(Severity::Warning, "E0827", entry.span, message).help(help)
    })
}

/// Reads the picture that `file = file("…")` names; E0822 when it can't be used.
///
/// # Errors
/// The file is missing, no picture, or too large.
fn read(project: &Project<'_>, entry: &MEntry, at: &Rect) -> Result<Picture, Box<Problem>> {
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
