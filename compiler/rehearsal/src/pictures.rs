//! Pictures of faces and pages for snapshots, and what differs between two of them.

use crate::{
    preview::sheets,
    rehearse::{Rehearsal, Rehearsed},
};
use cardwright_paper::PaperDriver;
use cardwright_ports::{Paper, paper::Sheet};
use cardwright_stations::{StationError, pages};
use std::io::Cursor;

/// Dots an inch: enough to see every line of text, small enough to be kept.
const DOTS_PER_INCH: u32 = 72;
/// Bits of a channel that a kept picture has: gradients take a third of the room.
const CHANNEL_MASK: u8 = 0xF8;
/// A pixel differs when a channel is further off than this, of 255. Machines round the edges of
/// letters differently by a level or two, which is one step of a kept picture at most; a thing that
/// is drawn or not is further off by far.
pub const CHANNEL_TOLERANCE: u8 = 8;

/// What a picture is drawn from.
pub type Drawing = (String, Sheet);

/// All faces and pages of a finished order, not yet drawn.
///
/// # Errors
/// R1107 where the order's own picture is not there.
pub fn drawings(rehearsal: &Rehearsal, made: &Rehearsed) -> Result<Vec<Drawing>, StationError> {
    sheets(rehearsal, made)
}

/// Draws them: name and PNG, the PIN masked.
///
/// # Errors
/// R12 when a page can't be drawn.
pub fn pictures(
    rehearsal: &Rehearsal,
    drawings: &[Drawing],
) -> Result<Vec<(String, Vec<u8>)>, StationError> {
    let stationery = pages::stationery(&rehearsal.loaded);
    let paper = PaperDriver::new();
    let drawn = drawings.iter().map(|(name, sheet)| {
        let mut sheet = sheet.clone();
        sheet.test_mark = true;
        let png = paper.picture(&stationery, &sheet, DOTS_PER_INCH)?;
        Ok((name.clone(), smaller(&png).unwrap_or(png)))
    });
    drawn.collect()
}

/// The same picture in fewer colours.
fn smaller(png: &[u8]) -> Option<Vec<u8>> {
    let pixels = decode(png)?;
    let width = u32::try_from(pixels.width).ok()?;
    let height = u32::try_from(pixels.octets.len() / 3 / pixels.width.max(1)).ok()?;
    let octets: Vec<u8> = pixels.octets.iter().map(|o| o & CHANNEL_MASK).collect();
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&octets).ok()?;
    writer.finish().ok()?;
    Some(out)
}

/// What differs between two pictures, in words; none when nothing can be seen.
#[must_use]
pub fn picture_difference(kept: &[u8], found: &[u8]) -> Option<String> {
    if kept == found {
        return None;
    }
    let Some(kept) = decode(kept) else {
        return Some("the kept picture can't be read".to_owned());
    };
    let Some(found) = decode(found) else {
        return Some("the drawn picture can't be read".to_owned());
    };
    if kept.width != found.width || kept.octets.len() != found.octets.len() {
        return Some("it has another size".to_owned());
    }
    let pairs = kept.octets.chunks(3).zip(found.octets.chunks(3));
    let differs = |(a, b): (&[u8], &[u8])| {
        let mut channels = a.iter().zip(b);
        channels.any(|(a, b)| a.abs_diff(*b) > CHANNEL_TOLERANCE)
    };
    let width = kept.width.max(1);
    let mut bounds: Option<[usize; 4]> = None;
    let mut count = 0usize;
    for (at, _) in pairs.enumerate().filter(|(_, pair)| differs(*pair)) {
        let (x, y) = (at % width, at / width);
        count += 1;
        let [left, top, right, bottom] = bounds.unwrap_or([x, y, x, y]);
        bounds = Some([left.min(x), top.min(y), right.max(x), bottom.max(y)]);
    }
    let [left, top, right, bottom] = bounds?;
    let millimetres = |pixels: usize| pixels as f64 * 25.4 / f64::from(DOTS_PER_INCH);
    Some(format!(
        "pixels that differ: {count}, between ({:.0}, {:.0}) and ({:.0}, {:.0}) mm",
        millimetres(left),
        millimetres(top),
        millimetres(right + 1),
        millimetres(bottom + 1)
    ))
}

struct Pixels {
    width: usize,
    octets: Vec<u8>,
}

/// Red, green and blue of a picture as the paper driver writes it; anything else is unreadable.
fn decode(png: &[u8]) -> Option<Pixels> {
    let mut reader = png::Decoder::new(Cursor::new(png)).read_info().ok()?;
    let mut octets = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut octets).ok()?;
    if (info.color_type, info.bit_depth) != (png::ColorType::Rgb, png::BitDepth::Eight) {
        return None;
    }
    octets.truncate(info.buffer_size());
    Some(Pixels {
        width: info.width as usize,
        octets,
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "a test fails loudly"
    )]

    use super::picture_difference;

    fn png(pixels: &[[u8; 3]], width: u32) -> Vec<u8> {
        let mut octets = Vec::new();
        let height = u32::try_from(pixels.len()).expect("few") / width;
        let mut encoder = png::Encoder::new(&mut octets, width, height);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(&pixels.concat()).expect("data");
        writer.finish().expect("an end");
        octets
    }

    #[test]
    fn a_level_or_two_are_rounding_a_dot_is_not() {
        let mut pixels = vec![[255; 3]; 144 * 72];
        let kept = png(&pixels, 144);
        pixels[0] = [255, 247, 255];
        assert_eq!(picture_difference(&kept, &png(&pixels, 144)), None);
        pixels[144 * 36 + 72] = [0; 3];
        let found = picture_difference(&kept, &png(&pixels, 144)).expect("a difference");
        assert_eq!(
            found,
            "pixels that differ: 1, between (25, 13) and (26, 13) mm"
        );
        assert!(picture_difference(&kept, &png(&pixels, 72)).is_some());
        assert!(picture_difference(b"", &kept).is_some());
    }
}
