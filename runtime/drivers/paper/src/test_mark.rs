//! The mark on everything that is made with test keys.

use crate::page;
use crate::shape::{Shaper, Style};
use cardwright_ports::paper::{Alignment, Colour};
use krilla::geom::{Point, Transform};
use krilla::surface::Surface;

const WORD: &str = "TEST";
const NOTE: &str = "TEST – made with test keys";
const INK: Colour = Colour(214, 20, 60);
/// Light enough to read through and for a scanner to see through; too plain to overlook.
const OPACITY: f32 = 0.14;
/// Part of the page's diagonal that the word takes.
const REACH: f32 = 0.62;
/// Height of capitals of the driver's face, as part of its size (OS/2 sCapHeight 714 of 1000).
const CAPITALS: f32 = 0.714;

/// Draws `TEST` from corner to corner and says why in the margin.
pub(crate) fn draw(
    shaper: &mut Shaper<'_>,
    surface: &mut Surface<'_>,
    face: (usize, &krilla::text::Font),
    page_size: (f32, f32),
) {
    let (width, height) = page_size;
    let diagonal = (f64::from(width).powi(2) + f64::from(height).powi(2)).sqrt() as f32;
    let angle = -angle_degrees(width, height);
    // "TEST" in the driver's face is about 2.3 times as wide as its size.
    let size = diagonal * REACH / 2.3;
    if let Some((word, advance)) = one_line(shaper, face.0, size, WORD) {
        let turn = Transform::from_rotate_at(angle, width / 2.0, height / 2.0);
        surface.push_transform(&turn);
        surface.set_fill(Some(page::ink(INK, OPACITY)));
        let x = (width - advance) / 2.0;
        let y = height / 2.0 + size * CAPITALS / 2.0;
        word.draw(surface, face.1, Point::from_xy(x, y), size, WORD);
        surface.pop();
    }
    let small = (width.min(height) * 0.0125).clamp(2.2, 8.0);
    if let Some((note, _)) = one_line(shaper, face.0, small, NOTE) {
        surface.set_fill(Some(page::ink(INK, 1.0)));
        let at = Point::from_xy(width * 0.06, height - height * 0.014 - small * 0.25);
        note.draw(surface, face.1, at, small, NOTE);
    }
}

struct Word(std::rc::Rc<crate::shape::Paragraph>);

impl Word {
    fn draw(
        &self,
        surface: &mut Surface<'_>,
        font: &krilla::text::Font,
        at: Point,
        size: f32,
        text: &str,
    ) {
        for run in &self.0.runs {
            let start = Point::from_xy(at.x + run.x, at.y);
            surface.draw_glyphs(start, &run.glyphs, font.clone(), text, size, false);
        }
    }
}

fn one_line(shaper: &mut Shaper<'_>, face: usize, size: f32, text: &str) -> Option<(Word, f32)> {
    let style = Style {
        faces: vec![face],
        size,
        spacing: 0.0,
        width: 1e6,
        wrap: false,
        alignment: Alignment::Start,
    };
    let paragraph = shaper.set(text, &style).ok()?;
    let glyphs = paragraph.runs.iter().flat_map(|run| run.glyphs.iter());
    let advance = glyphs.map(|glyph| glyph.x_advance).sum::<f32>() * size;
    Some((Word(paragraph), advance))
}

/// The angle of the page's diagonal in whole degrees. By a table walk, not by `atan`, whose last
/// bits differ between platforms.
fn angle_degrees(width: f32, height: f32) -> f32 {
    let slope = height / width;
    let steps = [
        (0.2, 10.0),
        (0.4, 20.0),
        (0.65, 30.0),
        (0.9, 38.0),
        (1.1, 45.0),
        (1.3, 50.0),
        (1.6, 55.0),
        (2.2, 62.0),
        (4.0, 70.0),
    ];
    steps
        .iter()
        .find(|(limit, _)| slope < *limit)
        .map_or(80.0, |(_, angle)| *angle)
}
