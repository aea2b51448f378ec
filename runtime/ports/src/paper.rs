//! Paper: neutral pages in, PDF or pixels out. Lengths are micrometres from the top left corner.

use crate::SecretDigits;
use std::{collections::BTreeMap, fmt, sync::Arc};
use zeroize::Zeroizing;

/// Why a page could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {what}; {mend}")]
pub struct PaperError {
    /// Stable code, band R12.
    pub code: &'static str,
    /// What happened; never text of the page.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Left.
    pub x_um: u32,
    /// Top.
    pub y_um: u32,
    /// Width.
    pub width_um: u32,
    /// Height.
    pub height_um: u32,
}

/// Alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// Start of the paragraph's direction.
    Start,
    /// Middle.
    Middle,
    /// End.
    End,
    /// Both edges; a paragraph's last line at the start.
    Justify,
}

/// Red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

/// A kind of symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbology {
    /// Code 128: ASCII.
    Code128,
    /// Interleaved 2 of 5: digits.
    Itf,
    /// PDF417 at this level of error correction, 0 to 8.
    Pdf417(u8),
    /// QR at this level of error correction: 0 to 3 for L, M, Q, H.
    Qr(u8),
}

/// A picture of one order, PNG or JPEG, already read and clean. It is wiped with its last copy and
/// never printed in a message.
#[derive(Clone, PartialEq, Eq)]
pub struct PictureData(Arc<Zeroizing<Vec<u8>>>);

impl PictureData {
    /// Takes the octets over.
    pub fn new(octets: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(octets)))
    }

    /// The octets, for the moment of their use.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PictureData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PictureData({} octets)", self.0.len())
    }
}

/// How a picture of an order fills its area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Whole, as large as the area allows.
    Contain,
    /// The whole area; what stands over is cut off alike on both sides.
    Cover,
}

/// What to draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// Text; it shrinks as far as it may, text that does not fit the area then is an error.
    Text {
        /// Lines.
        lines: Vec<String>,
        /// Font names; the first that has a character draws it.
        fonts: Vec<String>,
        /// Thousandths of a point.
        size_mpt: u32,
        /// Smallest size that it may shrink to; `size_mpt` when it may not.
        smallest_mpt: u32,
        /// Whether a line that is too wide goes on below; where it has no place to break, it is
        /// broken anywhere.
        wrap: bool,
        /// Baseline to baseline at the full size, thousandths of a point; it shrinks alike.
        leading_mpt: u32,
        /// Alignment.
        alignment: Alignment,
        /// Ink.
        colour: Colour,
        /// Extra space after each character, thousandths of a point (embossing pitch).
        spacing_mpt: u32,
    },
    /// Where the PIN goes; the value comes from the [`PinSource`] while the page is drawn.
    Pin {
        /// Font name.
        font: String,
        /// Thousandths of a point.
        size_mpt: u32,
    },
    /// Where a key component goes, in groups of four digits, four groups a line; the value, 32 to 64
    /// hexadecimal digits, comes from the [`PinSource`] as a PIN does.
    Component {
        /// Font name.
        font: String,
        /// Thousandths of a point.
        size_mpt: u32,
    },
    /// DataMatrix ECC 200 symbol that fills the area.
    DataMatrix {
        /// Content.
        content: String,
    },
    /// Another symbol, as large as the area allows.
    Symbol {
        /// Which.
        symbology: Symbology,
        /// Content.
        content: String,
    },
    /// A picture of the stationery, as large as the area allows without stretching.
    Image {
        /// Name of an image or background.
        name: String,
    },
    /// A picture of one order, never stretched.
    Picture {
        /// PNG or JPEG.
        picture: PictureData,
        /// How it fills the area.
        fit: Fit,
    },
    /// A line along the longer side of the area, as thick as the shorter.
    Line {
        /// Ink.
        colour: Colour,
        /// Lengths of dash and gap; none when it is whole.
        dash_um: Option<(u32, u32)>,
    },
    /// Filled rectangle with rounded corners.
    Fill {
        /// Ink.
        colour: Colour,
        /// Corner radius.
        radius_um: u32,
    },
}

/// A mark and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Where.
    pub area: Area,
    /// What.
    pub mark: Mark,
}

/// One page.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// Width.
    pub width_um: u32,
    /// Height.
    pub height_um: u32,
    /// Name of a one-page PDF in the [`Stationery`] that lies under the marks.
    pub background: Option<String>,
    /// Whether `TEST` is drawn across the page; everything made with test keys has it.
    pub test_mark: bool,
    /// Marks in drawing order.
    pub marks: Vec<Placed>,
    /// Reference that the PIN source is asked for; none when the page has neither PIN nor component.
    pub pin_reference: Option<u64>,
}

/// Fonts, backgrounds and pictures, by asset name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stationery {
    /// TrueType or OpenType fonts.
    pub fonts: BTreeMap<String, Vec<u8>>,
    /// One-page PDFs.
    pub backgrounds: BTreeMap<String, Vec<u8>>,
    /// PNG and JPEG pictures.
    pub images: BTreeMap<String, Vec<u8>>,
}

/// Gives the clear PIN or component of one page at the moment when it is drawn.
pub trait PinSource {
    /// The PIN for a reference.
    fn reveal(&mut self, reference: u64) -> Result<SecretDigits, PaperError>;
}

/// Draws pages.
pub trait Paper: Send + Sync {
    /// One PDF with a page for each sheet; same sheets, same bytes. The document with a PIN in it
    /// comes back as [`crate::SecretBytes`].
    fn pdf(
        &self,
        stationery: &Stationery,
        sheets: &[Sheet],
        pins: &mut dyn PinSource,
    ) -> Result<crate::SecretBytes, PaperError>;
    /// A picture (PNG) of one sheet with its PIN masked.
    fn picture(
        &self,
        stationery: &Stationery,
        sheet: &Sheet,
        dots_per_inch: u32,
    ) -> Result<Vec<u8>, PaperError>;
}
