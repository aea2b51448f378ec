//! The PIN or the key component on its page.

use crate::error::{self, Failure};
use crate::shape::{Shaper, Style};
use cardwright_ports::SecretDigits;
use cardwright_ports::paper::{Alignment, Mark, PinSource, Sheet};
use krilla::geom::{Path, PathBuilder};
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// What a page keeps secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Decimal digits.
    Pin,
    /// Hexadecimal digits in groups.
    Component,
}

impl Kind {
    fn digits(self) -> &'static str {
        match self {
            Self::Pin => "0123456789",
            Self::Component => "0123456789ABCDEF",
        }
    }

    /// The text behind the glyphs: a digit is only a place in it. Neighbours take their places from
    /// different halves, because the PDF writer takes equal places for one cluster and would spell
    /// it out.
    fn places(self) -> &'static str {
        match self {
            Self::Pin => "01234567890123456789",
            Self::Component => "0123456789ABCDEF0123456789ABCDEF",
        }
    }
}

/// Digits of a component: 16, 24 or 32 octets.
const COMPONENT_LENGTHS: [usize; 3] = [32, 48, 64];
/// Digits of a group, groups of a line.
const GROUP: usize = 4;
const LINE: usize = 4 * GROUP;
/// Distance of lines and width of a gap, in sizes and in advances.
const LEADING: f32 = 1.6;
const GAP: f32 = 1.2;
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
    /// The PIN or component for a page.
    pub(crate) fn next(&mut self, sheet: &Sheet) -> Result<PagePin, Failure> {
        let component = |mark: &Mark| matches!(mark, Mark::Component { .. });
        let component = sheet.marks.iter().any(|placed| component(&placed.mark));
        match (self, sheet.pin_reference) {
            (_, None) => Ok(PagePin::None),
            (Self::Masked, Some(_)) => Ok(PagePin::Masked),
            (Self::Source(source), Some(reference)) => {
                let digits = source.reveal(reference)?;
                let clear = digits.expose();
                if component {
                    let sound = COMPONENT_LENGTHS.contains(&clear.len());
                    let hex = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
                    return if sound && clear.bytes().all(hex) {
                        Ok(PagePin::Clear(digits))
                    } else {
                        Err(error::pin_value("the component is not 32 to 64 digits"))
                    };
                }
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

/// The digits of one face at one size.
pub(crate) struct DigitSet {
    kind: Kind,
    face: usize,
    size: f32,
    digits: Vec<KrillaGlyph>,
    /// Height above and depth below the baseline, points.
    rise: (f32, f32),
}

/// The digit sets of one document.
#[derive(Default)]
pub(crate) struct DigitSets(HashMap<(usize, u32, Kind), Rc<DigitSet>>);

impl DigitSets {
    /// The digits of a face, shaped without any PIN.
    pub(crate) fn get(
        &mut self,
        shaper: &mut Shaper<'_>,
        face: usize,
        size_mpt: u32,
        kind: Kind,
    ) -> Result<Rc<DigitSet>, Failure> {
        if let Some(known) = self.0.get(&(face, size_mpt, kind)) {
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
        let lacking = || error::pin_value("the font of the PIN or component lacks digits");
        let paragraph = shaper.set(kind.digits(), &style).map_err(|_| lacking())?;
        let digits: Vec<KrillaGlyph> = paragraph
            .runs
            .iter()
            .flat_map(|run| run.glyphs.iter().cloned())
            .collect();
        if digits.len() != kind.digits().len() {
            return Err(lacking());
        }
        let rise = (paragraph.ascent, paragraph.descent);
        let set = Rc::new(DigitSet {
            kind,
            face,
            size,
            digits,
            rise,
        });
        self.0.insert((face, size_mpt, kind), set.clone());
        Ok(set)
    }
}

impl DigitSet {
    /// Draws all digits into a stream that is thrown away: the font's subset then holds them
    /// in this order in every document, whatever PINs follow.
    pub(crate) fn register(&self, surface: &mut Surface<'_>, font: &Font) {
        let mut stream = surface.stream_builder();
        let mut scrap = stream.surface();
        let start = krilla::geom::Point::from_xy(0.0, 0.0);
        let digits = self.kind.digits();
        scrap.draw_glyphs(start, &self.digits, font.clone(), digits, self.size, false);
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

    /// Draws a clear PIN or component in an area.
    pub(crate) fn draw(
        &self,
        surface: &mut Surface<'_>,
        font: &Font,
        clear: &SecretDigits,
        area: krilla::geom::Rect,
    ) -> Result<(), Failure> {
        match self.kind {
            Kind::Pin => self.draw_pin(surface, font, clear, area),
            Kind::Component => self.draw_component(surface, font, clear, area),
        }
    }

    fn draw_pin(
        &self,
        surface: &mut Surface<'_>,
        font: &Font,
        pin: &SecretDigits,
        area: krilla::geom::Rect,
    ) -> Result<(), Failure> {
        let mut glyphs = self.glyphs(pin.expose());
        let width: f32 = glyphs.iter().map(|glyph| glyph.x_advance).sum::<f32>() * self.size;
        let fits = width <= area.width() + 0.01 && self.size <= area.height() + 0.01;
        if fits {
            let y = self.baseline(area.top(), area.height());
            let start = krilla::geom::Point::from_xy(area.left(), y);
            let places = self.kind.places();
            surface.draw_glyphs(start, &glyphs, font.clone(), places, self.size, false);
        }
        wipe(&mut glyphs);
        if fits {
            Ok(())
        } else {
            Err(error::pin_value("the PIN field is too small"))
        }
    }

    /// Lines of four groups, each group where every component has it, so that only the digits tell
    /// one form from another.
    fn draw_component(
        &self,
        surface: &mut Surface<'_>,
        font: &Font,
        component: &SecretDigits,
        area: krilla::geom::Rect,
    ) -> Result<(), Failure> {
        let widest = self.digits.iter().map(|glyph| glyph.x_advance);
        let step = widest.fold(0.0, f32::max) * self.size;
        let lines = component.expose().len().div_ceil(LINE);
        let width = step * (LINE as f32 + 3.0 * GAP);
        let height = self.size * LEADING * lines as f32;
        if width > area.width() + 0.01 || height > area.height() + 0.01 {
            return Err(error::pin_value("the component field is too small"));
        }
        let places = self.kind.places();
        for (number, digit) in component.expose().bytes().enumerate() {
            let (line, column) = (number / LINE, number % LINE);
            let gaps = (column / GROUP) as f32 * GAP;
            let x = area.left() + step * (column as f32 + gaps);
            let y = area.top() + self.size * (LEADING * line as f32 + 1.0);
            let mut glyph = self.glyphs(char::from(digit).encode_utf8(&mut [0; 4]));
            if let Some(glyph) = glyph.first_mut()
                && number % 2 == 1
            {
                let half = self.kind.digits().len();
                glyph.text_range = glyph.text_range.start + half..glyph.text_range.end + half;
            }
            let start = krilla::geom::Point::from_xy(x, y);
            surface.draw_glyphs(start, &glyph, font.clone(), places, self.size, false);
            wipe(&mut glyph);
        }
        Ok(())
    }

    /// The glyphs of digits.
    fn glyphs(&self, clear: &str) -> Vec<KrillaGlyph> {
        let mut glyphs: Vec<KrillaGlyph> = Vec::with_capacity(*LENGTH.end());
        let half = self.kind.digits().len();
        for (index, digit) in clear.chars().enumerate() {
            let digit = digit.to_digit(16).unwrap_or_default() as usize;
            glyphs.extend(self.digits.get(digit).cloned());
            if let Some(glyph) = glyphs.last_mut() {
                let place = digit + (index % 2) * half;
                glyph.text_range = place..place + 1;
            }
        }
        glyphs
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
