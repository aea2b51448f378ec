//! PNG (ISO/IEC 15948): its pixels decoded, and written anew.

use crate::{Header, Refusal, exif, fits, unreadable};
use cardwright_bundle::PictureRules;
use png::{BitDepth, ColorType, Decoder, Limits, Transformations};
use std::io::Cursor;
use zeroize::Zeroizing;

/// What the decoder may take beside the pixels.
const WORK_BYTES: usize = 4 << 20;

/// Header and clean octets.
pub(crate) fn clean(
    octets: &[u8],
    rules: &PictureRules,
) -> Result<(Header, Zeroizing<Vec<u8>>), Refusal> {
    let limits = Limits { bytes: WORK_BYTES };
    let mut decoder = Decoder::new_with_limits(Cursor::new(octets), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let info = decoder.read_header_info().or_else(|_| damaged())?;
    let header = Header {
        width: info.width,
        height: info.height,
        grey: matches!(
            info.color_type,
            ColorType::Grayscale | ColorType::GrayscaleAlpha
        ),
    };
    fits(header, rules)?;
    let mut reader = decoder.read_info().or_else(|_| damaged())?;
    let info = reader.info();
    if info.animation_control.is_some() {
        return unreadable("it moves");
    }
    if info.exif_metadata.as_deref().is_some_and(exif::is_turned) {
        return unreadable("its camera says that it is to be turned: deliver it upright");
    }
    let size = reader.output_buffer_size();
    let mut pixels = Zeroizing::new(vec![0u8; size.map_or_else(damaged, Ok)?]);
    let frame = reader.next_frame(&mut pixels).or_else(|_| damaged())?;
    reader.finish().or_else(|_| damaged())?;
    pixels.truncate(frame.buffer_size());
    let (colours, pixels) = on_white(frame.color_type, pixels)?;
    Ok((header, write(header, colours, &pixels)?))
}

/// Pixels without transparency, as they look on a white card.
fn on_white(
    colours: ColorType,
    pixels: Zeroizing<Vec<u8>>,
) -> Result<(ColorType, Zeroizing<Vec<u8>>), Refusal> {
    let (solid, channels) = match colours {
        ColorType::Grayscale | ColorType::Rgb => return Ok((colours, pixels)),
        ColorType::GrayscaleAlpha => (ColorType::Grayscale, 2),
        ColorType::Rgba => (ColorType::Rgb, 4),
        ColorType::Indexed => return damaged(),
    };
    let mut flat = Zeroizing::new(Vec::with_capacity(pixels.len()));
    for pixel in pixels.chunks_exact(channels) {
        if let Some((alpha, colour)) = pixel.split_last() {
            let alpha = u32::from(*alpha);
            let blend = |c: &u8| (u32::from(*c) * alpha + 255 * (255 - alpha) + 127) / 255;
            flat.extend(colour.iter().map(|c| u8::try_from(blend(c)).unwrap_or(255)));
        }
    }
    Ok((solid, flat))
}

/// A PNG of eight bits a colour, with nothing but its pixels.
pub(crate) fn write(
    header: Header,
    colours: ColorType,
    pixels: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let mut octets = Zeroizing::new(Vec::new());
    let mut encoder = png::Encoder::new(&mut *octets, header.width, header.height);
    encoder.set_color(colours);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().or_else(|_| damaged())?;
    writer.write_image_data(pixels).or_else(|_| damaged())?;
    writer.finish().or_else(|_| damaged())?;
    Ok(octets)
}

fn damaged<T>() -> Result<T, Refusal> {
    unreadable("it is cut short or damaged")
}
