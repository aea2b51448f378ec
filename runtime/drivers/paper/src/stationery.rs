//! Fonts and backgrounds, read once and kept.

use crate::error::{self, Failure};
use crate::limits;
use cardwright_ports::paper::Stationery;
use krilla::Data;
use krilla::image::Image;
use krilla::pdf::{Pdf, PdfDocument};
use krilla::text::Font;
use parley::FontContext;
use parley::fontique::{Blob, Collection, CollectionOptions, FontInfoOverride, SourceCache};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The face of the TEST mark; part of the driver, so that no bundle can take the mark away.
static TEST_FACE: &[u8] = include_bytes!("../../../../layouts/fonts/NotoSans-Bold.ttf");
/// Stationeries that are kept.
const KEPT: usize = 4;

/// One font, as both libraries know it.
pub(crate) struct Face {
    /// Family under which the shaper knows it; ours, so that names inside files mean nothing.
    pub(crate) family: String,
    /// The shaper's number of the font's data.
    pub(crate) blob: u64,
    /// As the PDF writer knows it.
    pub(crate) font: Font,
}

/// A background: a PDF with one page.
pub(crate) struct Background {
    /// As the PDF writer knows it.
    pub(crate) pdf: PdfDocument,
    /// Width and height in points.
    pub(crate) size: (f32, f32),
}

/// A stationery that has been read.
pub(crate) struct Stock {
    of: Stationery,
    faces: Vec<Face>,
    by_name: BTreeMap<String, usize>,
    backgrounds: BTreeMap<String, Background>,
    images: BTreeMap<String, Image>,
    fonts: FontContext,
}

impl Stock {
    /// The number of a font.
    pub(crate) fn face_number(&self, name: &str) -> Result<usize, Failure> {
        let number = self.by_name.get(name).copied();
        number.ok_or_else(|| error::unknown_font(name))
    }

    /// A font by its number.
    pub(crate) fn face(&self, number: usize) -> Option<&Face> {
        self.faces.get(number)
    }

    /// The number of the font whose data the shaper took.
    pub(crate) fn number_of_blob(&self, blob: u64) -> Option<usize> {
        self.faces.iter().position(|face| face.blob == blob)
    }

    /// The number of the face for the TEST mark: the first.
    pub(crate) fn test_face(&self) -> usize {
        0
    }

    /// A background by its name.
    pub(crate) fn background(&self, name: &str) -> Result<&Background, Failure> {
        let found = self.backgrounds.get(name);
        found.ok_or_else(|| error::unknown_background(name))
    }

    /// A picture by its name.
    pub(crate) fn image(&self, name: &str) -> Option<&Image> {
        self.images.get(name)
    }

    /// The name of a background.
    pub(crate) fn name_of_background(&self, pdf: &PdfDocument) -> Option<&str> {
        let found = self.backgrounds.iter().find(|(_, known)| known.pdf == *pdf);
        found.map(|(name, _)| name.as_str())
    }

    /// The shaper's fonts; a copy shares the data.
    pub(crate) fn fonts(&self) -> FontContext {
        self.fonts.clone()
    }

    fn read(stationery: &Stationery) -> Result<Self, Failure> {
        limits::check_stationery(stationery)?;
        let mut stock = Self {
            of: stationery.clone(),
            faces: Vec::new(),
            by_name: BTreeMap::new(),
            backgrounds: BTreeMap::new(),
            images: BTreeMap::new(),
            fonts: FontContext {
                collection: Collection::new(CollectionOptions {
                    shared: false,
                    system_fonts: false,
                }),
                source_cache: SourceCache::default(),
            },
        };
        stock.add_face("the driver's own", TEST_FACE)?;
        for (name, data) in &stationery.fonts {
            let number = stock.add_face(name, data)?;
            stock.by_name.insert(name.clone(), number);
        }
        for (name, data) in &stationery.backgrounds {
            let background = read_background(name, data)?;
            stock.backgrounds.insert(name.clone(), background);
        }
        for (name, data) in &stationery.images {
            let image = read_image(name, data)?;
            stock.images.insert(name.clone(), image);
        }
        Ok(stock)
    }

    fn add_face(&mut self, name: &str, data: &[u8]) -> Result<usize, Failure> {
        let number = self.faces.len();
        let family = format!("face {number}");
        let shared: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(data.to_vec());
        let blob = Blob::new(shared.clone());
        let font = Font::new(shared.into(), 0).ok_or_else(|| error::bad_font(name))?;
        let id = blob.id();
        let renamed = FontInfoOverride {
            family_name: Some(&family),
            ..Default::default()
        };
        let added = self.fonts.collection.register_fonts(blob, Some(renamed));
        if added.is_empty() {
            return Err(error::bad_font(name));
        }
        self.faces.push(Face {
            family,
            blob: id,
            font,
        });
        Ok(number)
    }
}

/// Most pixels of a picture.
const PIXELS_MAX: u64 = 40_000_000;

/// Reads a PNG or JPEG.
pub(crate) fn read_image(name: &str, data: &[u8]) -> Result<Image, Failure> {
    let file = Data::from(data.to_vec());
    let image = if data.starts_with(b"\x89PNG") {
        Image::from_png(file, false)
    } else {
        Image::from_jpeg(file, false)
    };
    let image = image.map_err(|_| error::bad_image(name, "is no PNG or JPEG"))?;
    let (width, height) = image.size();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > PIXELS_MAX {
        return Err(error::bad_image(name, "has too many pixels"));
    }
    Ok(image)
}

fn read_background(name: &str, data: &[u8]) -> Result<Background, Failure> {
    let pdf = Pdf::new(Arc::new(data.to_vec()))
        .map_err(|_| error::bad_background(name, "is no readable PDF"))?;
    let size = match &**pdf.pages() {
        [page] => page.render_dimensions(),
        _ => return Err(error::bad_background(name, "has not exactly one page")),
    };
    Ok(Background {
        pdf: PdfDocument::new(Arc::new(pdf)),
        size,
    })
}

/// The stationeries that were read last. A hit compares the files themselves: exact, and far
/// cheaper than reading them again.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Vec<Arc<Stock>>>);

impl Shelf {
    /// The stock of a stationery, read now or before.
    pub(crate) fn take(&self, stationery: &Stationery) -> Result<Arc<Stock>, Failure> {
        {
            // A panic elsewhere leaves whole entries only, so a poisoned shelf is still good.
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(stock) = kept.iter().find(|stock| stock.of == *stationery) {
                return Ok(stock.clone());
            }
        }
        let stock = Arc::new(Stock::read(stationery)?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(0, stock.clone());
        kept.truncate(KEPT);
        Ok(stock)
    }
}
