//! One sheet onto one page.

use crate::barcode;
use crate::error::Failure;
use crate::pin::{DigitSets, Kind, PagePin};
use crate::shape::{self, Shaper, Style, TextBox};
use crate::stationery::{Stock, read_image};
use crate::test_mark;
use crate::units::{points, size};
use crate::{error, pin};
use cardwright_ports::paper::{Area, Colour, Fit, Mark, PictureData, Placed, Sheet};
use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point, Rect, Size, Transform};
use krilla::num::NormalizedF32;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;

/// Distance of a Bezier handle that makes a quarter circle of radius 1.
const ROUND: f32 = 0.552_284_8;
/// A background may differ from its page by this much, in points (0.5 mm): PDFs are often made in
/// whole points.
const SIZE_TOLERANCE: f32 = 0.5 * 72.0 / 25.4;
const BLACK: Colour = Colour(0, 0, 0);
const WHITE: Colour = Colour(255, 255, 255);

/// What all pages of a document share.
pub(crate) struct Desk<'a> {
    pub(crate) stock: &'a Stock,
    pub(crate) shaper: Shaper<'a>,
    pub(crate) digits: DigitSets,
}

impl Desk<'_> {
    /// Draws a sheet.
    pub(crate) fn draw(
        &mut self,
        surface: &mut Surface<'_>,
        sheet: &Sheet,
        pin: &PagePin,
    ) -> Result<(), Failure> {
        self.background(surface, sheet)?;
        for (index, placed) in sheet.marks.iter().enumerate() {
            self.mark(surface, placed, index + 1, pin)?;
        }
        if sheet.test_mark {
            let number = self.stock.test_face();
            if let Some(face) = self.stock.face(number) {
                let page_size = (points(sheet.width_um), points(sheet.height_um));
                test_mark::draw(&mut self.shaper, surface, (number, &face.font), page_size);
            }
        }
        Ok(())
    }

    fn background(&self, surface: &mut Surface<'_>, sheet: &Sheet) -> Result<(), Failure> {
        let Some(name) = &sheet.background else {
            return Ok(());
        };
        let background = self.stock.background(name)?;
        let wanted = (points(sheet.width_um), points(sheet.height_um));
        let found = background.size;
        let near = |a: f32, b: f32| (a - b).abs() <= SIZE_TOLERANCE;
        if !near(found.0, wanted.0) || !near(found.1, wanted.1) {
            return Err(error::background_size(name, found, wanted));
        }
        // At its own size: a background is never stretched.
        if let Some(size) = Size::from_wh(found.0, found.1) {
            surface.draw_pdf_page(&background.pdf, size, 0);
        }
        Ok(())
    }

    fn mark(
        &mut self,
        surface: &mut Surface<'_>,
        placed: &Placed,
        number: usize,
        page_pin: &PagePin,
    ) -> Result<(), Failure> {
        let area = rectangle(&placed.area).ok_or_else(|| error::outside(number))?;
        match &placed.mark {
            Mark::Text { colour, .. } => {
                surface.set_fill(Some(ink(*colour, 1.0)));
                self.text(surface, &placed.mark, area, number)
            }
            Mark::Pin { font, size_mpt } => {
                self.pin(surface, (font, *size_mpt), area, (page_pin, Kind::Pin))
            }
            Mark::Component { font, size_mpt } => self.pin(
                surface,
                (font, *size_mpt),
                area,
                (page_pin, Kind::Component),
            ),
            Mark::DataMatrix { content } => {
                fill_symbol(surface, &barcode::symbol(content, area, number)?);
                Ok(())
            }
            Mark::Symbol { symbology, content } => {
                let symbol = barcode::other(*symbology, content, area, number)?;
                fill_symbol(surface, &symbol);
                Ok(())
            }
            Mark::Image { name } => self.image(surface, name, area),
            Mark::Picture { picture, fit } => order_picture(surface, picture, *fit, area),
            Mark::Line { colour, dash_um } => {
                surface.set_fill(Some(ink(*colour, 1.0)));
                if let Some(path) = dashes(area, *dash_um) {
                    surface.draw_path(&path);
                }
                Ok(())
            }
            Mark::Fill { colour, radius_um } => {
                surface.set_fill(Some(ink(*colour, 1.0)));
                if let Some(path) = rounded(area, points(*radius_um)) {
                    surface.draw_path(&path);
                }
                Ok(())
            }
        }
    }

    /// A picture in the middle of its area, as large as it fits; a drawing keeps its lines.
    fn image(&self, surface: &mut Surface<'_>, name: &str, area: Rect) -> Result<(), Failure> {
        let image = self.stock.image(name);
        let size = match image {
            Some(image) => {
                let (width, height) = image.size();
                (width as f32, height as f32)
            }
            None => {
                let lacking = || error::bad_image(name, "is not in the bundle");
                self.stock.background(name).map_err(|_| lacking())?.size
            }
        };
        let scale = (area.width() / size.0.max(1e-3)).min(area.height() / size.1.max(1e-3));
        let (width, height) = (size.0 * scale, size.1 * scale);
        let Some(size) = Size::from_wh(width, height) else {
            return Err(error::bad_image(name, "has no size"));
        };
        let left = area.left() + (area.width() - width) / 2.0;
        let top = area.top() + (area.height() - height) / 2.0;
        surface.push_transform(&Transform::from_translate(left, top));
        match image {
            Some(image) => surface.draw_image(image.clone(), size),
            None => {
                let drawing = self.stock.background(name)?;
                surface.draw_pdf_page(&drawing.pdf, size, 0);
            }
        }
        surface.pop();
        Ok(())
    }

    fn text(
        &mut self,
        surface: &mut Surface<'_>,
        mark: &Mark,
        area: Rect,
        number: usize,
    ) -> Result<(), Failure> {
        let Mark::Text {
            lines,
            fonts,
            size_mpt,
            smallest_mpt,
            wrap,
            leading_mpt,
            alignment,
            spacing_mpt,
            ..
        } = mark
        else {
            return Ok(());
        };
        let style = Style {
            faces: self.shaper.faces(fonts)?,
            size: size(*size_mpt),
            spacing: size(*spacing_mpt),
            width: area.width(),
            wrap: *wrap,
            alignment: *alignment,
        };
        let text = TextBox {
            mark: number,
            lines,
            fonts,
            style,
            sizes_mpt: (*size_mpt, *smallest_mpt),
            leading_mpt: *leading_mpt,
            place: (area.left(), area.top(), area.height()),
        };
        let (text_size, runs) = shape::place(&mut self.shaper, &text)?;
        for placed in runs {
            let Some(run) = placed.paragraph.runs.get(placed.run) else {
                continue;
            };
            let Some(face) = self.stock.face(run.face) else {
                continue;
            };
            let start = Point::from_xy(placed.x, placed.y);
            let font = face.font.clone();
            let characters = &placed.paragraph.text;
            surface.draw_glyphs(start, &run.glyphs, font, characters, text_size, false);
        }
        Ok(())
    }

    fn pin(
        &mut self,
        surface: &mut Surface<'_>,
        font: (&str, u32),
        area: Rect,
        (page_pin, kind): (&PagePin, Kind),
    ) -> Result<(), Failure> {
        let set = self.digit_set(font.0, font.1, kind)?;
        let face = self
            .stock
            .face(set.face())
            .ok_or_else(|| error::unknown_font(font.0))?;
        surface.set_fill(Some(ink(BLACK, 1.0)));
        match page_pin {
            PagePin::Clear(digits) => set.draw(surface, &face.font, digits, area),
            PagePin::Masked => {
                if let Some(dots) = set.mask(area) {
                    surface.draw_path(&dots);
                }
                Ok(())
            }
            PagePin::None => Err(error::pin_reference(
                "a page has a PIN field but no reference",
            )),
        }
    }

    /// Puts the digits of every font of PINs and components of the document into its subset, in sheet order.
    pub(crate) fn register_digits(
        &mut self,
        surface: &mut Surface<'_>,
        sheets: &[Sheet],
    ) -> Result<(), Failure> {
        let mut done: Vec<(usize, Kind)> = Vec::new();
        for placed in sheets.iter().flat_map(|sheet| &sheet.marks) {
            let (font, size_mpt, kind) = match &placed.mark {
                Mark::Pin { font, size_mpt } => (font, size_mpt, Kind::Pin),
                Mark::Component { font, size_mpt } => (font, size_mpt, Kind::Component),
                _ => continue,
            };
            let set = self.digit_set(font, *size_mpt, kind)?;
            if !done.contains(&(set.face(), kind)) {
                done.push((set.face(), kind));
                if let Some(face) = self.stock.face(set.face()) {
                    set.register(surface, &face.font);
                }
            }
        }
        Ok(())
    }

    fn digit_set(
        &mut self,
        font: &str,
        size_mpt: u32,
        kind: Kind,
    ) -> Result<std::rc::Rc<pin::DigitSet>, Failure> {
        let number = self.stock.face_number(font)?;
        self.digits.get(&mut self.shaper, number, size_mpt, kind)
    }
}

/// A picture of one order in the middle of its area.
fn order_picture(
    surface: &mut Surface<'_>,
    picture: &PictureData,
    fit: Fit,
    area: Rect,
) -> Result<(), Failure> {
    const NAME: &str = "of the order";
    let image = read_image(NAME, picture.expose())?;
    let (across, down) = image.size();
    let scales = (
        area.width() / (across as f32).max(1.0),
        area.height() / (down as f32).max(1.0),
    );
    let scale = match fit {
        Fit::Contain => scales.0.min(scales.1),
        Fit::Cover => scales.0.max(scales.1),
    };
    let (width, height) = (across as f32 * scale, down as f32 * scale);
    let (Some(size), Some(clip)) = (Size::from_wh(width, height), rounded(area, 0.0)) else {
        return Err(error::bad_image(NAME, "has no size"));
    };
    let left = area.left() + (area.width() - width) / 2.0;
    let top = area.top() + (area.height() - height) / 2.0;
    surface.push_clip_path(&clip, &FillRule::NonZero);
    surface.push_transform(&Transform::from_translate(left, top));
    surface.draw_image(image, size);
    surface.pop();
    surface.pop();
    Ok(())
}

fn fill_symbol(surface: &mut Surface<'_>, symbol: &barcode::Symbol) {
    surface.set_fill(Some(ink(WHITE, 1.0)));
    surface.draw_path(&symbol.ground);
    surface.set_fill(Some(ink(BLACK, 1.0)));
    surface.draw_path(&symbol.modules);
}

/// A line as rectangles along the longer side of its area.
fn dashes(area: Rect, dash_um: Option<(u32, u32)>) -> Option<Path> {
    let mut path = PathBuilder::new();
    let Some((on, off)) = dash_um.map(|(on, off)| (points(on), points(off))) else {
        path.push_rect(area);
        return path.finish();
    };
    let across = area.width() >= area.height();
    let length = area.width().max(area.height());
    let mut start = 0.0;
    // The shortest dash of the limits and the longest page bound the number of turns.
    while start < length {
        let dash = on.min(length - start);
        let rect = if across {
            Rect::from_xywh(area.left() + start, area.top(), dash, area.height())
        } else {
            Rect::from_xywh(area.left(), area.top() + start, area.width(), dash)
        };
        if let Some(rect) = rect {
            path.push_rect(rect);
        }
        start += on + off;
    }
    path.finish()
}

/// A plain ink.
pub(crate) fn ink(colour: Colour, opacity: f32) -> Fill {
    Fill {
        paint: rgb::Color::new(colour.0, colour.1, colour.2).into(),
        opacity: NormalizedF32::new(opacity).unwrap_or(NormalizedF32::ONE),
        rule: FillRule::NonZero,
    }
}

/// Adds a circle to a path.
pub(crate) fn push_circle(path: &mut PathBuilder, x: f32, y: f32, radius: f32) {
    let (r, k) = (radius, radius * ROUND);
    path.move_to(x + r, y);
    path.cubic_to(x + r, y + k, x + k, y + r, x, y + r);
    path.cubic_to(x - k, y + r, x - r, y + k, x - r, y);
    path.cubic_to(x - r, y - k, x - k, y - r, x, y - r);
    path.cubic_to(x + k, y - r, x + r, y - k, x + r, y);
    path.close();
}

fn rectangle(area: &Area) -> Option<Rect> {
    let edge = |start: u32, length: u32| points(start.saturating_add(length));
    Rect::from_ltrb(
        points(area.x_um),
        points(area.y_um),
        edge(area.x_um, area.width_um),
        edge(area.y_um, area.height_um),
    )
}

/// A rectangle with round corners; a radius over half a side is that half.
fn rounded(area: Rect, radius: f32) -> Option<Path> {
    let radius = radius.min(area.width() / 2.0).min(area.height() / 2.0);
    let mut path = PathBuilder::new();
    if radius <= 0.0 {
        path.push_rect(area);
        return path.finish();
    }
    let (x, y, r, b) = (area.left(), area.top(), area.right(), area.bottom());
    let k = radius * (1.0 - ROUND);
    path.move_to(x + radius, y);
    path.line_to(r - radius, y);
    path.cubic_to(r - k, y, r, y + k, r, y + radius);
    path.line_to(r, b - radius);
    path.cubic_to(r, b - k, r - k, b, r - radius, b);
    path.line_to(x + radius, b);
    path.cubic_to(x + k, b, x, b - k, x, b - radius);
    path.line_to(x, y + radius);
    path.cubic_to(x, y + k, x + k, y, x + radius, y);
    path.close();
    path.finish()
}
