//! Text to glyphs: shaping, fallback along the list of fonts, direction, wrapping.

use crate::error::{self, Failure};
use crate::stationery::Stock;
use crate::units;
use cardwright_ports::paper::Alignment;
use krilla::text::{GlyphId, KrillaGlyph};
use parley::layout::PositionedLayoutItem;
use parley::{
    AlignmentOptions, FontContext, FontFamily, FontFamilyName, LayoutContext, LineHeight,
    OverflowWrap, Run, StyleProperty, TextWrapMode,
};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// A text is as wide as the sum of its glyphs' own advances, which is what the compiler measured:
/// no kerning, no ligatures but those that a script demands.
const PLAIN: &str = "\"kern\" 0, \"liga\" 0, \"clig\" 0, \"calt\" 0";
/// Rounding of the last bits of lengths, in points.
const TOLERANCE: f32 = 0.01;
/// Paragraphs that are kept; a letter's fixed text is shaped once for all its pages.
const KEPT_MAX: usize = 2_048;

/// How a paragraph is set.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Style {
    /// Numbers of the faces, in order of preference.
    pub(crate) faces: Vec<usize>,
    /// Points.
    pub(crate) size: f32,
    /// Points after each character.
    pub(crate) spacing: f32,
    /// Width to wrap in, points.
    pub(crate) width: f32,
    /// Whether a line that is too wide goes on below.
    pub(crate) wrap: bool,
    /// Alignment.
    pub(crate) alignment: Alignment,
}

/// Glyphs of one face on one line.
pub(crate) struct GlyphLine {
    /// Number of the face.
    pub(crate) face: usize,
    /// Start, from the area's left, points.
    pub(crate) x: f32,
    /// Which line of the paragraph.
    pub(crate) line: usize,
    /// Glyphs; lengths are fractions of the size.
    pub(crate) glyphs: Vec<KrillaGlyph>,
}

/// One paragraph: a line of the mark, wrapped.
pub(crate) struct Paragraph {
    /// The characters that the glyphs stand for.
    pub(crate) text: String,
    /// How many lines it takes; an empty paragraph takes one.
    pub(crate) lines: usize,
    /// Height above the baseline of the first face, points.
    pub(crate) ascent: f32,
    /// Depth below the baseline of the first face, points.
    pub(crate) descent: f32,
    /// What to draw.
    pub(crate) runs: Vec<GlyphLine>,
}

/// Why a paragraph can't be set; the caller knows which mark it is.
pub(crate) enum Trouble {
    /// A word is wider than the area.
    Wide,
    /// A character is in no font.
    Missing,
}

/// Shapes paragraphs of one document.
pub(crate) struct Shaper<'a> {
    stock: &'a Stock,
    fonts: FontContext,
    scratch: LayoutContext<()>,
    styles: Vec<Style>,
    kept: HashMap<(usize, String), Rc<Paragraph>>,
}

impl<'a> Shaper<'a> {
    /// A shaper with the fonts of a stock.
    pub(crate) fn new(stock: &'a Stock) -> Self {
        Self {
            stock,
            fonts: stock.fonts(),
            scratch: LayoutContext::new(),
            styles: Vec::new(),
            kept: HashMap::new(),
        }
    }

    /// Finds the faces of a text's fonts.
    pub(crate) fn faces(&self, names: &[String]) -> Result<Vec<usize>, Failure> {
        names
            .iter()
            .map(|name| self.stock.face_number(name))
            .collect()
    }

    /// Sets a paragraph.
    pub(crate) fn set(&mut self, text: &str, style: &Style) -> Result<Rc<Paragraph>, Trouble> {
        let number = match self.styles.iter().position(|known| known == style) {
            Some(number) => number,
            None => {
                self.styles.push(style.clone());
                self.styles.len() - 1
            }
        };
        let key = (number, text.to_owned());
        if let Some(known) = self.kept.get(&key) {
            return Ok(known.clone());
        }
        let paragraph = Rc::new(self.shape(text, style)?);
        if self.kept.len() < KEPT_MAX {
            self.kept.insert(key, paragraph.clone());
        }
        Ok(paragraph)
    }

    fn shape(&mut self, text: &str, style: &Style) -> Result<Paragraph, Trouble> {
        let families: Vec<FontFamilyName<'_>> = style
            .faces
            .iter()
            .filter_map(|number| self.stock.face(*number))
            .map(|face| FontFamilyName::named(&face.family))
            .collect();
        let mut builder = self
            .scratch
            .ranged_builder(&mut self.fonts, text, 1.0, false);
        builder.push_default(StyleProperty::FontFamily(FontFamily::List(families.into())));
        builder.push_default(StyleProperty::FontSize(style.size));
        builder.push_default(StyleProperty::LetterSpacing(style.spacing));
        builder.push_default(StyleProperty::LineHeight(LineHeight::FontSizeRelative(1.0)));
        builder.push_default(StyleProperty::FontFeatures(PLAIN.into()));
        builder.push_default(StyleProperty::OverflowWrap(OverflowWrap::Anywhere));
        if !style.wrap {
            builder.push_default(StyleProperty::TextWrapMode(TextWrapMode::NoWrap));
        }
        let mut layout = builder.build(text);
        // The space after a line's last character is not ink: it may hang over the edge.
        let width = style.width + style.spacing;
        layout.break_all_lines(Some(width + TOLERANCE));
        layout.align(alignment(style.alignment), AlignmentOptions::default());
        let metrics = layout.root_span_metrics();
        let mut paragraph = Paragraph {
            text: text.to_owned(),
            lines: layout.len().max(1),
            ascent: metrics.as_ref().map_or(style.size * 0.8, |m| m.ascent),
            descent: metrics.as_ref().map_or(style.size * 0.2, |m| m.descent),
            runs: Vec::new(),
        };
        for (number, line) in layout.lines().enumerate() {
            let metrics = line.metrics();
            if metrics.advance - metrics.hanging_advance > width + TOLERANCE {
                return Err(Trouble::Wide);
            }
            for item in line.items() {
                let PositionedLayoutItem::GlyphRun(run) = item else {
                    continue;
                };
                let blob = run.run().font().data.id();
                let face = self.stock.number_of_blob(blob).ok_or(Trouble::Missing)?;
                let glyphs = glyphs(run.run(), style.size)?;
                paragraph.runs.push(GlyphLine {
                    face,
                    x: run.offset(),
                    line: number,
                    glyphs,
                });
            }
        }
        Ok(paragraph)
    }
}

/// The glyphs of a run from left to right, each with the characters it stands for.
fn glyphs(run: &Run<'_, ()>, size: f32) -> Result<Vec<KrillaGlyph>, Trouble> {
    let mut glyphs: Vec<KrillaGlyph> = Vec::new();
    let mut waiting: Option<Range<usize>> = None;
    for cluster in run.visual_clusters() {
        let mut range = cluster.text_range();
        if cluster.is_ligature_continuation() {
            // A ligature's later characters have no glyph: left to right they follow theirs,
            // right to left they come before it.
            match glyphs.last_mut() {
                Some(glyph) if !run.is_rtl() => glyph.text_range.end = range.end,
                _ => waiting = Some(join(waiting.take(), range)),
            }
            continue;
        }
        if let Some(before) = waiting.take() {
            range = join(Some(before), range);
        }
        for glyph in cluster.glyphs() {
            if glyph.id == 0 {
                return Err(Trouble::Missing);
            }
            glyphs.push(KrillaGlyph::new(
                GlyphId::new(glyph.id),
                glyph.advance / size,
                glyph.x / size,
                // The shaper's y grows downwards, the PDF writer's offset upwards.
                -glyph.y / size,
                0.0,
                range.clone(),
                None,
            ));
        }
    }
    Ok(glyphs)
}

fn join(one: Option<Range<usize>>, two: Range<usize>) -> Range<usize> {
    match one {
        Some(one) => one.start.min(two.start)..one.end.max(two.end),
        None => two,
    }
}

fn alignment(alignment: Alignment) -> parley::Alignment {
    match alignment {
        Alignment::Start => parley::Alignment::Start,
        Alignment::Middle => parley::Alignment::Center,
        Alignment::End => parley::Alignment::End,
        Alignment::Justify => parley::Alignment::Justify,
    }
}

/// A run in its place on the page.
pub(crate) struct PlacedRun {
    /// The paragraph.
    pub(crate) paragraph: Rc<Paragraph>,
    /// Which of its runs.
    pub(crate) run: usize,
    /// Baseline start, points from the page's top left.
    pub(crate) x: f32,
    /// Baseline, points from the page's top.
    pub(crate) y: f32,
}

/// A text mark in numbers.
pub(crate) struct TextBox<'a> {
    /// The mark's number on its page, from 1.
    pub(crate) mark: usize,
    /// Lines as given.
    pub(crate) lines: &'a [String],
    /// Fonts as given.
    pub(crate) fonts: &'a [String],
    /// Style.
    pub(crate) style: Style,
    /// Largest and smallest size, thousandths of a point.
    pub(crate) sizes_mpt: (u32, u32),
    /// Baseline to baseline at the largest size, thousandths of a point.
    pub(crate) leading_mpt: u32,
    /// Left, top, height in points.
    pub(crate) place: (f32, f32, f32),
}

/// Steps in which text shrinks.
const STEP_MPT: u32 = 500;

/// Places text at the largest of its sizes at which it fits; gives that size, too.
pub(crate) fn place(
    shaper: &mut Shaper<'_>,
    text: &TextBox<'_>,
) -> Result<(f32, Vec<PlacedRun>), Failure> {
    let (largest, smallest) = text.sizes_mpt;
    let mut size_mpt = largest;
    loop {
        let mut style = text.style.clone();
        style.size = units::size(size_mpt);
        let leading = u64::from(text.leading_mpt) * u64::from(size_mpt) / u64::from(largest.max(1));
        let leading_mpt = u32::try_from(leading).unwrap_or(u32::MAX);
        match place_at(shaper, text, &style, leading_mpt) {
            Ok(placed) => return Ok((style.size, placed)),
            Err(failure) if size_mpt <= smallest || failure.code != error::NO_ROOM_CODE => {
                return Err(failure);
            }
            Err(_) => size_mpt = size_mpt.saturating_sub(STEP_MPT).max(smallest),
        }
    }
}

/// Places the lines of a text: each takes one leading, the first face's letters in its middle.
fn place_at(
    shaper: &mut Shaper<'_>,
    text: &TextBox<'_>,
    style: &Style,
    leading_mpt: u32,
) -> Result<Vec<PlacedRun>, Failure> {
    let leading = units::size(leading_mpt);
    let (left, top, height) = text.place;
    let mut placed = Vec::new();
    let mut lines = 0_usize;
    for line in text.lines {
        let paragraph = shaper.set(line, style).map_err(|trouble| match trouble {
            Trouble::Wide => error::no_room(text.mark, "wide"),
            Trouble::Missing => error::no_glyph(text.mark, text.fonts),
        })?;
        let middle = (leading - paragraph.ascent - paragraph.descent) / 2.0;
        for (number, run) in paragraph.runs.iter().enumerate() {
            let row = (lines + run.line) as f32;
            placed.push(PlacedRun {
                paragraph: paragraph.clone(),
                run: number,
                x: left + run.x,
                y: top + row * leading + middle + paragraph.ascent,
            });
        }
        lines += paragraph.lines;
        if lines as f32 * leading > height + TOLERANCE {
            return Err(error::no_room(text.mark, "high"));
        }
    }
    Ok(placed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Shaper, Style};
    use crate::stationery::Shelf;
    use cardwright_ports::paper::{Alignment, Stationery};

    /// Glyph numbers, left to right.
    fn shaped(text: &str) -> Vec<u32> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../layouts/fonts/");
        let data = std::fs::read(format!("{folder}NotoNaskhArabic-Regular.ttf")).unwrap();
        let stationery = Stationery {
            fonts: [("naskh".to_owned(), data)].into(),
            ..Stationery::default()
        };
        let stock = Shelf::default().take(&stationery).unwrap();
        let mut shaper = Shaper::new(&stock);
        let style = Style {
            faces: shaper.faces(&["naskh".to_owned()]).unwrap(),
            size: 10.0,
            spacing: 0.0,
            width: 500.0,
            wrap: true,
            alignment: Alignment::Start,
        };
        let paragraph = shaper.set(text, &style).ok().unwrap();
        let runs = paragraph.runs.iter().flat_map(|run| &run.glyphs);
        runs.map(|glyph| glyph.glyph_id.to_u32()).collect()
    }

    #[test]
    fn arabic_letters_join() {
        // From HarfBuzz 15.0.0 (uharfbuzz) with the same file.
        assert_eq!(shaped("\u{628}\u{628}\u{628}"), [35, 36, 37]);
        assert_eq!(
            shaped("\u{633}\u{644}\u{627}\u{645}"),
            [474, 1545, 443, 247]
        );
        // Unicode's presentation forms of beh: final FE90, medial FE92, initial FE91.
        let form = |letter: &str| shaped(letter).first().copied().unwrap();
        let forms = [form("\u{FE90}"), form("\u{FE92}"), form("\u{FE91}")];
        assert_eq!(shaped("\u{628}\u{628}\u{628}"), forms);
    }
}
