//! A page to pixels.

use crate::error::{self, Failure};
use cardwright_ports::paper::Sheet;
use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use std::sync::Arc;

/// Draws the first page of a PDF on white and gives PNG.
pub(crate) fn draw(pdf: &[u8], sheet: &Sheet, dots_per_inch: u32) -> Result<Vec<u8>, Failure> {
    let unreadable = || error::library("the page could not be read back");
    let pdf = Pdf::new(Arc::new(pdf.to_vec())).map_err(|_| unreadable())?;
    let page = pdf.pages().first().ok_or_else(unreadable)?;
    // Whole pixels: the scale is stretched by less than a pixel so that no edge is lost.
    let pixels = |um: u32| {
        (f64::from(um) * f64::from(dots_per_inch) / 25_400.0)
            .round()
            .max(1.0)
    };
    let (width, height) = page.render_dimensions();
    let scale = |wanted: f64, points: f32| ((wanted + 0.01) / f64::from(points)) as f32;
    let pixmap = render(
        page,
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &RenderSettings {
            hinting: false,
            ..Default::default()
        },
        &PixmapSettings {
            x_scale: scale(pixels(sheet.width_um), width),
            y_scale: scale(pixels(sheet.height_um), height),
            bg_color: WHITE,
        },
    );
    let size = (u32::from(pixmap.width()), u32::from(pixmap.height()));
    // On white every pixel is opaque, so red, green and blue are all there is to keep.
    let rgb: Vec<u8> = pixmap
        .data()
        .iter()
        .flat_map(|pixel| [pixel.r, pixel.g, pixel.b])
        .collect();
    encode(&rgb, size, dots_per_inch).ok_or_else(|| error::library("the picture failed"))
}

fn encode(rgb: &[u8], size: (u32, u32), dots_per_inch: u32) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut encoder = png::Encoder::new(&mut octets, size.0, size.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let per_metre = (f64::from(dots_per_inch) / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_metre,
        yppu: per_metre,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(rgb).ok()?;
    writer.finish().ok()?;
    Some(octets)
}
