//! A pen that draws in millimetres from the top left corner of an A4 page.

use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{
    Fill, FillRule, LineCap, LineJoin, LinearGradient, SpreadMethod, Stop, Stroke, StrokeDash,
};
use krilla::surface::Surface;
use krilla::text::{Font, TextDirection};

/// Points in a millimetre.
const POINTS: f32 = 72.0 / 25.4;
/// Distance of a Bezier handle that makes a quarter circle of radius 1.
const ROUND: f32 = 0.552_284_8;

/// A colour of the house.
pub(crate) type Ink = (u8, u8, u8);
pub(crate) const NIGHT: Ink = (11, 31, 58);
pub(crate) const GREY: Ink = (96, 108, 124);
pub(crate) const HAIR: Ink = (190, 199, 209);
pub(crate) const TEAL: Ink = (14, 145, 140);
pub(crate) const GREEN: Ink = (46, 196, 140);
pub(crate) const VIOLET: Ink = (104, 86, 196);
pub(crate) const ICE: Ink = (226, 247, 243);
pub(crate) const WHITE: Ink = (255, 255, 255);

/// The two weights that the stationery is set in.
pub(crate) struct Faces {
    pub(crate) regular: Font,
    pub(crate) bold: Font,
}

impl Faces {
    /// Reads them from the layouts' fonts.
    pub(crate) fn read(folder: &std::path::Path) -> Result<Self, Box<dyn std::error::Error>> {
        let face = |name: &str| -> Result<Font, Box<dyn std::error::Error>> {
            let data = std::fs::read(folder.join(name))?;
            Font::new(data.into(), 0).ok_or_else(|| format!("{name} is not a font").into())
        };
        Ok(Self {
            regular: face("NotoSans-Regular.ttf")?,
            bold: face("NotoSans-Bold.ttf")?,
        })
    }
}

/// Makes a one-page A4 document with the same bytes each time.
pub(crate) fn a4(title: &str, paint: impl FnOnce(&mut Pen<'_>)) -> Result<Vec<u8>, String> {
    let mut document = Document::new_with(krilla::SerializeSettings {
        enable_tagging: false,
        ..Default::default()
    });
    document.set_metadata(
        krilla::metadata::Metadata::new()
            .title(title.into())
            .language("en".into())
            .authors(vec!["Aurora Bank (invented)".into()]),
    );
    let settings = PageSettings::from_wh(210.0 * POINTS, 297.0 * POINTS).ok_or("no page")?;
    let mut page = document.start_page_with(settings);
    let mut pen = Pen {
        surface: page.surface(),
    };
    paint(&mut pen);
    drop(pen);
    page.finish();
    document.finish().map_err(|error| error.to_string())
}

/// Draws on one page.
pub(crate) struct Pen<'a> {
    surface: Surface<'a>,
}

impl Pen<'_> {
    /// One line of text; `x`, `y` is the start of its baseline.
    pub(crate) fn text(&mut self, x: f32, y: f32, size_pt: f32, face: &Font, ink: Ink, text: &str) {
        self.fill_with(plain(ink, 1.0));
        let start = Point::from_xy(x * POINTS, y * POINTS);
        let direction = TextDirection::LeftToRight;
        self.surface
            .draw_text(start, face.clone(), size_pt, text, false, direction);
    }

    /// Fills a shape.
    pub(crate) fn fill(&mut self, shape: &Shape, ink: Ink, opacity: f32) {
        self.fill_with(plain(ink, opacity));
        self.draw(shape);
    }

    /// Fills a shape with the aurora: green, teal, violet from `(x1, y1)` to `(x2, y2)`.
    pub(crate) fn fill_aurora(
        &mut self,
        shape: &Shape,
        from: (f32, f32),
        to: (f32, f32),
        fade: f32,
    ) {
        self.fill_with(aurora(from, to, fade));
        self.draw(shape);
    }

    /// Strokes a shape.
    pub(crate) fn stroke(&mut self, shape: &Shape, ink: Ink, width_mm: f32, dash_mm: &[f32]) {
        self.surface.set_fill(None);
        self.surface.set_stroke(Some(Stroke {
            paint: rgb::Color::new(ink.0, ink.1, ink.2).into(),
            width: width_mm * POINTS,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            dash: (!dash_mm.is_empty()).then(|| StrokeDash {
                array: dash_mm.iter().map(|d| d * POINTS).collect(),
                offset: 0.0,
            }),
            ..Default::default()
        }));
        self.draw(shape);
    }

    /// Draws only inside `shape` (even-odd) what `paint` draws.
    pub(crate) fn clipped(&mut self, shape: &Shape, paint: impl FnOnce(&mut Self)) {
        if let Some(path) = shape.path() {
            self.surface.push_clip_path(&path, &FillRule::EvenOdd);
            paint(self);
            self.surface.pop();
        }
    }

    fn fill_with(&mut self, fill: Fill) {
        self.surface.set_stroke(None);
        self.surface.set_fill(Some(fill));
    }

    fn draw(&mut self, shape: &Shape) {
        if let Some(path) = shape.path() {
            self.surface.draw_path(&path);
        }
    }
}

fn unit(value: f32) -> NormalizedF32 {
    NormalizedF32::new(value).unwrap_or(NormalizedF32::ONE)
}

fn plain(ink: Ink, opacity: f32) -> Fill {
    Fill {
        paint: rgb::Color::new(ink.0, ink.1, ink.2).into(),
        opacity: unit(opacity),
        rule: FillRule::EvenOdd,
    }
}

fn aurora(from: (f32, f32), to: (f32, f32), fade: f32) -> Fill {
    // Mixed with white instead of transparent: simple inks print alike on every machine.
    let stop = |offset: f32, ink: Ink| {
        let mix = |c: u8| (f32::from(c) * (1.0 - fade) + 255.0 * fade) as u8;
        Stop {
            offset: unit(offset),
            color: rgb::Color::new(mix(ink.0), mix(ink.1), mix(ink.2)).into(),
            opacity: NormalizedF32::ONE,
        }
    };
    Fill {
        paint: LinearGradient {
            x1: from.0 * POINTS,
            y1: from.1 * POINTS,
            x2: to.0 * POINTS,
            y2: to.1 * POINTS,
            transform: Default::default(),
            spread_method: SpreadMethod::Pad,
            stops: vec![stop(0.0, GREEN), stop(0.5, TEAL), stop(1.0, VIOLET)],
            anti_alias: false,
        }
        .into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::EvenOdd,
    }
}

/// One stroke of a shape.
#[derive(Clone, Copy)]
enum Step {
    Move(f32, f32),
    Line(f32, f32),
    Curve(f32, f32, f32, f32, f32, f32),
    Close,
}

/// A shape in millimetres.
#[derive(Clone, Default)]
pub(crate) struct Shape(Vec<Step>);

impl Shape {
    /// Starts a new outline.
    pub(crate) fn at(mut self, x: f32, y: f32) -> Self {
        self.0.push(Step::Move(x, y));
        self
    }

    /// A straight line.
    pub(crate) fn line(mut self, x: f32, y: f32) -> Self {
        self.0.push(Step::Line(x, y));
        self
    }

    /// A Bezier curve over two handles.
    pub(crate) fn curve(mut self, a: (f32, f32), b: (f32, f32), end: (f32, f32)) -> Self {
        self.0.push(Step::Curve(a.0, a.1, b.0, b.1, end.0, end.1));
        self
    }

    /// Closes the outline.
    pub(crate) fn close(mut self) -> Self {
        self.0.push(Step::Close);
        self
    }

    /// Adds a rectangle with round corners.
    pub(crate) fn rectangle(self, x: f32, y: f32, width: f32, height: f32, radius: f32) -> Self {
        let (r, b) = (x + width, y + height);
        let k = radius * (1.0 - ROUND);
        self.at(x + radius, y)
            .line(r - radius, y)
            .curve((r - k, y), (r, y + k), (r, y + radius))
            .line(r, b - radius)
            .curve((r, b - k), (r - k, b), (r - radius, b))
            .line(x + radius, b)
            .curve((x + k, b), (x, b - k), (x, b - radius))
            .line(x, y + radius)
            .curve((x, y + k), (x + k, y), (x + radius, y))
            .close()
    }

    /// Adds a circle.
    pub(crate) fn circle(self, x: f32, y: f32, radius: f32) -> Self {
        self.rectangle(x - radius, y - radius, 2.0 * radius, 2.0 * radius, radius)
    }

    /// Adds a polyline through `points`.
    pub(crate) fn through(mut self, points: impl IntoIterator<Item = (f32, f32)>) -> Self {
        for (index, (x, y)) in points.into_iter().enumerate() {
            self.0.push(if index == 0 {
                Step::Move(x, y)
            } else {
                Step::Line(x, y)
            });
        }
        self
    }

    fn path(&self) -> Option<Path> {
        let mut path = PathBuilder::new();
        let p = POINTS;
        for step in &self.0 {
            match *step {
                Step::Move(x, y) => path.move_to(x * p, y * p),
                Step::Line(x, y) => path.line_to(x * p, y * p),
                Step::Curve(a, b, c, d, x, y) => {
                    path.cubic_to(a * p, b * p, c * p, d * p, x * p, y * p);
                }
                Step::Close => path.close(),
            }
        }
        path.finish()
    }
}
