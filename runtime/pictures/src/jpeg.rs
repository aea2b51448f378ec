//! JPEG (ITU-T T.81): its segments walked strictly, those that the pixels need written anew.

use crate::{Header, Refusal, exif, fits, unreadable};
use cardwright_bundle::PictureRules;
use zeroize::Zeroizing;
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

/// Most scans of a progressive picture: encoders write about ten, and each one is a walk over all
/// pixels.
const SCANS_MAX: usize = 32;
/// Most segments that are kept; encoders write about ten and two a scan.
const SEGMENTS_MAX: usize = 256;
/// Marker `APP0` with version 1.02 and square pixels, and no thumbnail (ITU-T T.871, 10.1).
const JFIF: [u8; 18] = [
    0xFF, 0xE0, 0, 16, b'J', b'F', b'I', b'F', 0, 1, 2, 0, 0, 1, 0, 1, 0, 0,
];

/// Header and clean octets.
pub(crate) fn clean(
    octets: &[u8],
    rules: &PictureRules,
) -> Result<(Header, Zeroizing<Vec<u8>>), Refusal> {
    let mut walk = Walk {
        rest: octets.get(2..).unwrap_or_default(),
        rules,
        header: None,
        scans: 0,
        segments: 0,
        kept: Zeroizing::new(Vec::with_capacity(octets.len().saturating_add(JFIF.len()))),
    };
    walk.kept.extend([0xFF, 0xD8]);
    walk.kept.extend(JFIF);
    let header = walk.run()?;
    let kept = walk.kept;
    decode(&kept, header)?;
    Ok((header, kept))
}

struct Walk<'a> {
    rest: &'a [u8],
    rules: &'a PictureRules,
    header: Option<Header>,
    scans: usize,
    segments: usize,
    kept: Zeroizing<Vec<u8>>,
}

impl<'a> Walk<'a> {
    /// Until the end of the picture; what stands behind it is nothing to us.
    fn run(&mut self) -> Result<Header, Refusal> {
        loop {
            let marker = self.marker()?;
            if marker == 0xD9 {
                self.kept.extend([0xFF, 0xD9]);
                return match self.header {
                    Some(header) if self.scans > 0 => Ok(header),
                    _ => unreadable("it ends before its pixels"),
                };
            }
            let body = self.segment(marker)?;
            match marker {
                0xC0..=0xC2 => self.frame(marker, body)?,
                0xC4 | 0xDB | 0xDD => self.keep(marker, body)?,
                0xDA => self.scan(body)?,
                0xE1 => {
                    if body.strip_prefix(b"Exif\0\0").is_some_and(exif::is_turned) {
                        return unreadable(
                            "its camera says that it is to be turned: deliver it upright",
                        );
                    }
                }
                0xEE => {
                    // Transform 0: three components are red, green, blue as they stand.
                    if body.starts_with(b"Adobe") && body.get(11) == Some(&0) && !self.is_grey() {
                        return unreadable("its colours are not stored as a photo's (YCbCr)");
                    }
                }
                0xE0..=0xEF | 0xFE => {}
                0xC3 | 0xC5..=0xCF => {
                    return unreadable("its coding is neither baseline nor progressive");
                }
                _ => return unreadable("it holds a segment that no photo has"),
            }
        }
    }

    fn is_grey(&self) -> bool {
        self.header.is_some_and(|header| header.grey)
    }

    /// The next marker, past fill octets.
    fn marker(&mut self) -> Result<u8, Refusal> {
        let [0xFF, rest @ ..] = self.rest else {
            return cut();
        };
        let mut rest = rest;
        while let [0xFF, after @ ..] = rest {
            rest = after;
        }
        let [marker, rest @ ..] = rest else {
            return cut();
        };
        self.rest = rest;
        Ok(*marker)
    }

    /// The octets of a segment, without its length.
    fn segment(&mut self, marker: u8) -> Result<&'a [u8], Refusal> {
        if matches!(marker, 0x00..=0x01 | 0xD0..=0xD8) {
            return unreadable("a marker stands where none may");
        }
        let [high, low, ..] = self.rest else {
            return cut();
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        match self.rest.get(2..length) {
            Some(body) => {
                self.rest = self.rest.get(length..).unwrap_or_default();
                Ok(body)
            }
            None => cut(),
        }
    }

    fn keep(&mut self, marker: u8, body: &[u8]) -> Result<(), Refusal> {
        self.segments += 1;
        if self.segments > SEGMENTS_MAX {
            return unreadable("it has more segments than any photo");
        }
        let length = u16::try_from(body.len() + 2).unwrap_or(u16::MAX);
        self.kept.extend([0xFF, marker]);
        self.kept.extend(length.to_be_bytes());
        self.kept.extend_from_slice(body);
        Ok(())
    }

    /// The frame header: precision, height, width, components (B.2.2).
    fn frame(&mut self, marker: u8, body: &[u8]) -> Result<(), Refusal> {
        let [8, h1, h0, w1, w0, components, specified @ ..] = body else {
            return unreadable("it does not have eight bits a colour");
        };
        let names: Vec<u8> = specified
            .chunks(3)
            .filter_map(|c| c.first().copied())
            .collect();
        let whole = specified.len() == usize::from(*components) * 3;
        if self.header.is_some() || !whole || !matches!(components, 1 | 3) {
            return unreadable("it is neither in grey nor in three colours");
        }
        if names == *b"RGB" {
            return unreadable("its colours are not stored as a photo's (YCbCr)");
        }
        let header = Header {
            width: u32::from(u16::from_be_bytes([*w1, *w0])),
            height: u32::from(u16::from_be_bytes([*h1, *h0])),
            grey: *components == 1,
        };
        fits(header, self.rules)?;
        self.header = Some(header);
        self.keep(marker, body)
    }

    /// A scan's header and its entropy-coded octets, up to the next marker (B.1.1.5).
    fn scan(&mut self, body: &[u8]) -> Result<(), Refusal> {
        self.scans += 1;
        if self.header.is_none() || self.scans > SCANS_MAX {
            return unreadable("it has more scans than any photo, or one before its size is said");
        }
        self.keep(0xDA, body)?;
        let coded = self.rest;
        let is_end =
            |pair: &[u8]| matches!(pair, [0xFF, next] if !matches!(next, 0x00 | 0xD0..=0xD7));
        let Some(length) = coded.windows(2).position(is_end) else {
            return cut();
        };
        self.kept
            .extend_from_slice(coded.get(..length).unwrap_or_default());
        self.rest = coded.get(length..).unwrap_or_default();
        Ok(())
    }
}

fn cut<T>() -> Result<T, Refusal> {
    unreadable("it is cut short or damaged")
}

/// Decodes what will be given on: a picture that can't be shown is found now, not at the printer.
fn decode(octets: &[u8], header: Header) -> Result<(), Refusal> {
    let colours = match header.grey {
        true => ColorSpace::Luma,
        false => ColorSpace::RGB,
    };
    let side = |n: u32| usize::try_from(n).unwrap_or(0);
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_use_unsafe(false)
        .set_max_width(side(header.width))
        .set_max_height(side(header.height))
        .jpeg_set_max_scans(SCANS_MAX)
        .jpeg_set_out_colorspace(colours);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(octets), options);
    match decoder.decode() {
        Ok(pixels) => {
            let pixels = Zeroizing::new(pixels);
            let wanted = side(header.width) * side(header.height) * colours.num_components();
            if pixels.len() == wanted {
                Ok(())
            } else {
                cut()
            }
        }
        Err(_) => cut(),
    }
}
