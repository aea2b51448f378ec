//! Pictures that come with orders, such as a holder's photo: read as hostile, given on clean.
//!
//! Nothing is believed of a file but its octets. Width and height are held against the field's
//! limits before a pixel is decoded, the whole picture is decoded once, and what is given on is
//! written anew: a PNG from its pixels, a JPEG from the segments that its pixels need. Exif, XMP,
//! thumbnails, comments, profiles and whatever hides behind the end are left behind.
#![forbid(unsafe_code)]

mod exif;
mod jpeg;
mod png;
mod specimen;

use cardwright_bundle::{PictureFormat, PictureRules};
use zeroize::Zeroizing;

pub use specimen::specimen;

/// Most octets of a picture that is given on.
pub const CLEAN_BYTES_MAX: usize = 1_000_000;

/// A picture that was read whole: its pixels, and nothing else.
pub struct Clean {
    /// PNG or JPEG.
    pub octets: Zeroizing<Vec<u8>>,
    /// Which of the two.
    pub format: PictureFormat,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Why a picture is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It can't be read whole, or holds what no photo needs.
    Unreadable(String),
    /// It is a good picture, but not such as the field asks for.
    Unfit(String),
}

fn unreadable<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Unreadable(reason.into()))
}

/// What a header says of a picture.
#[derive(Clone, Copy)]
struct Header {
    width: u32,
    height: u32,
    grey: bool,
}

/// Reads a picture by its field's rules and gives it on clean; equal octets give equal octets.
///
/// # Errors
/// Another format, too many octets or pixels, another shape, colour where grey is asked for; a
/// file that is cut short, damaged, moving, or to be turned before it is shown.
pub fn clean(octets: &[u8], rules: &PictureRules) -> Result<Clean, Refusal> {
    if octets.len() > rules.octets as usize {
        let most = rules.octets;
        let reason = format!("it has more than {most} octets");
        return Err(Refusal::Unfit(reason));
    }
    let format = match octets {
        [0x89, b'P', b'N', b'G', ..] => PictureFormat::Png,
        [0xFF, 0xD8, 0xFF, ..] => PictureFormat::Jpeg,
        _ => return unreadable("it is neither a JPEG nor a PNG"),
    };
    if !rules.formats.contains(&format) {
        let reason = format!("it is a {}, which the field does not take", name(format));
        return Err(Refusal::Unfit(reason));
    }
    let (header, clean) = match format {
        PictureFormat::Png => png::clean(octets, rules)?,
        PictureFormat::Jpeg => jpeg::clean(octets, rules)?,
    };
    if clean.len() > CLEAN_BYTES_MAX {
        let reason = format!("its pixels alone need more than {CLEAN_BYTES_MAX} octets");
        return Err(Refusal::Unfit(reason));
    }
    Ok(Clean {
        octets: clean,
        format,
        width: header.width,
        height: header.height,
    })
}

/// The trade's name of a format.
pub fn name(format: PictureFormat) -> &'static str {
    match format {
        PictureFormat::Jpeg => "JPEG",
        PictureFormat::Png => "PNG",
    }
}

/// Size, shape and colour against the field's rules; before any pixel is decoded.
fn fits(header: Header, rules: &PictureRules) -> Result<(), Refusal> {
    let Header { width, height, .. } = header;
    let unfit = |reason: String| Err(Refusal::Unfit(reason));
    let (least, most) = (rules.least, rules.most);
    if width == 0 || height == 0 {
        return unreadable("it has no pixels");
    }
    if width > most.0 || height > most.1 {
        let reason = format!(
            "it has {width} by {height} pixels, at most {} by {}",
            most.0, most.1
        );
        return unfit(format!("{reason} are taken"));
    }
    if width < least.0 || height < least.1 {
        let reason = format!(
            "it has {width} by {height} pixels, at least {} by {}",
            least.0, least.1
        );
        return unfit(format!("{reason} are needed"));
    }
    if let Some((across, down)) = rules.aspect {
        // Half a pixel of rounding either way, and a hundredth of the shape.
        let wide = u64::from(width) * u64::from(down);
        let high = u64::from(height) * u64::from(across);
        let slack = wide.max(high) / 100 + u64::from(across.max(down));
        if wide.abs_diff(high) > slack {
            let reason = format!("it has {width} by {height} pixels, its shape should be");
            return unfit(format!("{reason} {across} to {down}"));
        }
    }
    if rules.grey && !header.grey {
        return unfit("it is in colour, the field takes grey".to_owned());
    }
    Ok(())
}
