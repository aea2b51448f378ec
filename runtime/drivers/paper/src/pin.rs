//! The PIN on its page.

use crate::error::{self, Failure};
use crate::shape::{Shaper, Style};
use cardwright_ports::SecretDigits;
use cardwright_ports::paper::{Alignment, PinSource};
use krilla::geom::{Path, PathBuilder};
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

const DIGITS: &str = "0123456789";
/// The text behind the glyphs of a PIN: a digit is only a place in it. Neighbours take their
/// places from different halves, because the PDF writer takes equal places for one cluster and
/// would spell it out.
const PLACES: &str = "01234567890123456789";
/// Digits of a PIN (ISO 9564-1, 8.1).
const LENGTH: std::ops::RangeInclusive<usize> = 4..=12;
/// Dots of a masked PIN; always four, since the mask must not tell the length.
const DOTS: usize = 4;

/// Where PINs come from.
pub(crate) enum Supply<'a> {
    /// From the source, one at a time.
    Source(&'a mut dyn PinSource),
    /// From nowhere: dots are drawn.
    Masked,
}

/// The PIN of the page that is being drawn.
pub(crate) enum PagePin {
    /// The page has none.
    None,
    /// Dots.
    Masked,
    /// Clear; wiped when dropped.
    Clear(SecretDigits),
}

impl Supply<'_> {
    /// The PIN for a page with this reference.
    pub(crate) fn next(&mut self, reference: Option<u64>) -> Result<PagePin, Failure> {
        match (self, reference) {
            (_, None) => Ok(PagePin::None),
            (Self::Masked, Some(_)) => Ok(PagePin::Masked),
            (Self::Source(source), Some(reference)) => {
                let digits = source.reveal(reference)?;
                let clear = digits.expose();
                let sound = LENGTH.contains(&clear.len());
                if sound && clear.bytes().all(|b| b.is_ascii_digit()) {
                    Ok(PagePin::Clear(digits))
                } else {
                    Err(error::pin_value("the PIN is not 4 to 12 digits"))
                }
            }
        }
    }
}

/// The ten digits of one face at one size.
pub(crate) struct DigitSet {
    face: usize,
    size: f32,
    digits: Vec<KrillaGlyph>,
    /// Height above and depth below the baseline, points.
    rise: (f32, f32),
}

/// The digit sets of one document.
#[derive(Default)]
pub(crate) struct DigitSets(HashMap<(usize, u32), Rc<DigitSet>>);

impl DigitSets {
    /// The digits of a face, shaped without any PIN.
    pub(crate) fn get(
        &mut self,
        shaper: &mut Shaper<'_>,
        face: usize,
        size_mpt: u32,
    ) -> Result<Rc<DigitSet>, Failure> {
        if let Some(known) = self.0.get(&(face, size_mpt)) {
            return Ok(known.clone());
        }
        let size = crate::units::size(size_mpt);
        let style = Style {
            faces: vec![face],
            size,
            spacing: 0.0,
            width: 1e6,
            wrap: false,
            alignment: Alignment::Start,
        };
        let lacking = || error::pin_value("the PIN's font lacks digits");
        let paragraph = shaper.set(DIGITS, &style).map_err(|_| lacking())?;
        let digits: Vec<KrillaGlyph> = paragraph
            .runs
            .iter()
            .flat_map(|run| run.glyphs.iter().cloned())
            .collect();
        if digits.len() != DIGITS.len() {
            return Err(lacking());
        }
        let rise = (paragraph.ascent, paragraph.descent);
        let set = Rc::new(DigitSet {
            face,
            size,
            digits,
            rise,
        });
        self.0.insert((face, size_mpt), set.clone());
        Ok(set)
    }
}

impl DigitSet {
    /// Draws all ten digits into a stream that is thrown away: the font's subset then holds them
    /// in this order in every document, whatever PINs follow.
    pub(crate) fn register(&self, surface: &mut Surface<'_>, font: &Font) {
        let mut stream = surface.stream_builder();
        let mut scrap = stream.surface();
        let start = krilla::geom::Point::from_xy(0.0, 0.0);
        scrap.draw_glyphs(start, &self.digits, font.clone(), DIGITS, self.size, false);
        scrap.finish();
        stream.finish();
    }

    /// The number of the face.
    pub(crate) fn face(&self) -> usize {
        self.face
    }

    /// Baseline of the digits in an area of this top and height.
    pub(crate) fn baseline(&self, top: f32, height: f32) -> f32 {
        top + (height - self.rise.0 - self.rise.1) / 2.0 + self.rise.0
    }

    /// Draws a clear PIN in an area.
    pub(crate) fn draw(
        &self,
        surface: &mut Surface<'_>,
        font: &Font,
        pin: &SecretDigits,
        area: krilla::geom::Rect,
    ) -> Result<(), Failure> {
        let mut glyphs: Vec<KrillaGlyph> = Vec::with_capacity(*LENGTH.end());
        for (index, digit) in pin.expose().bytes().enumerate() {
            let digit = usize::from(digit.wrapping_sub(b'0'));
            glyphs.extend(self.digits.get(digit).cloned());
            if let Some(glyph) = glyphs.last_mut() {
                let place = digit + (index % 2) * DIGITS.len();
                glyph.text_range = place..place + 1;
            }
        }
        let width: f32 = glyphs.iter().map(|glyph| glyph.x_advance).sum::<f32>() * self.size;
        let fits = width <= area.width() + 0.01 && self.size <= area.height() + 0.01;
        if fits {
            let y = self.baseline(area.top(), area.height());
            let start = krilla::geom::Point::from_xy(area.left(), y);
            surface.draw_glyphs(start, &glyphs, font.clone(), PLACES, self.size, false);
        }
        wipe(&mut glyphs);
        if fits {
            Ok(())
        } else {
            Err(error::pin_value("the PIN field is too small"))
        }
    }

    /// Dots in place of a PIN, as wide as the digit 0.
    pub(crate) fn mask(&self, area: krilla::geom::Rect) -> Option<Path> {
        let step = self.digits.first()?.x_advance * self.size;
        let y = self.baseline(area.top(), area.height()) - 0.34 * self.size;
        let mut path = PathBuilder::new();
        for dot in 0..DOTS {
            crate::page::push_circle(
                &mut path,
                area.left() + (dot as f32 + 0.5) * step,
                y,
                0.2 * self.size,
            );
        }
        path.finish()
    }
}

/// Overwrites the glyphs before their memory goes back.
fn wipe(glyphs: &mut [KrillaGlyph]) {
    let nothing: Range<usize> = 0..0;
    glyphs.fill(KrillaGlyph::new(
        GlyphId::new(0),
        0.0,
        0.0,
        0.0,
        0.0,
        nothing,
        None,
    ));
    std::hint::black_box(glyphs);
}
