//! Pages: mailers and carriers. Lengths are micrometres from the page's top left corner.

use crate::NodeId;
use serde::{Deserialize, Serialize};

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rect {
    /// Left.
    pub x_um: u32,
    /// Top.
    pub y_um: u32,
    /// Width.
    pub width_um: u32,
    /// Height.
    pub height_um: u32,
}

/// Alignment of text in its box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    /// At the start of the text's direction.
    Start,
    /// In the middle.
    Middle,
    /// At the end.
    End,
    /// Both edges; a paragraph's last line at the start.
    Justify,
}

/// A kind of barcode other than DataMatrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Symbology {
    /// Code 128 (ISO/IEC 15417).
    Code128,
    /// Interleaved 2 of 5 (ISO/IEC 16390).
    Itf,
    /// PDF417 (ISO/IEC 15438).
    Pdf417,
    /// QR code (ISO/IEC 18004).
    Qr,
}

/// A font and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FontUse {
    /// Asset name.
    pub font: String,
    /// Thousandths of a point.
    pub size_mpt: u32,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Width.
    pub width_um: u32,
    /// Alignment of its cells.
    pub align: Align,
}

/// A row of a table, or as many as its longest list has lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableRow {
    /// Text or text-list nodes, one a column.
    pub cells: Vec<NodeId>,
    /// Flag node: the row is there only when true; the rows below move up.
    pub when: Option<NodeId>,
    /// Whether it is set in the head's font.
    pub head: bool,
}

/// A table: rows of one height, cells of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Columns from the start of the line.
    pub columns: Vec<Column>,
    /// Rows from the top.
    pub rows: Vec<TableRow>,
    /// Height of a row.
    pub row_um: u32,
    /// Between a cell's edge and its text.
    pub padding_um: u32,
    /// Fonts of the cells.
    pub fonts: Vec<String>,
    /// Font of the head's cells; fallback fonts as those of the others.
    pub head_font: Option<String>,
    /// Thousandths of a point.
    pub size_mpt: u32,
    /// Thousandths of a point.
    pub leading_mpt: u32,
    /// Smallest size that a cell may shrink to.
    pub shrink_mpt: Option<u32>,
    /// Whether a cell's text goes on below.
    pub wrap: bool,
    /// Thickness of the rules between rows; 0 for none.
    pub rule_um: u32,
    /// Ink of the rules, `RRGGBB`.
    pub colour: String,
    /// Whether columns count from the right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub right_to_left: bool,
}

/// What an item draws.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum ItemKind {
    /// Lines of text.
    Text {
        /// Text or text-list node.
        node: NodeId,
        /// Asset names: the first font that has the character.
        fonts: Vec<String>,
        /// Thousandths of a point.
        size_mpt: u32,
        /// Thousandths of a point from baseline to baseline.
        leading_mpt: u32,
        /// Alignment.
        align: Align,
        /// Whether a line that is too wide goes on below.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        wrap: bool,
        /// Smallest size that the text may shrink to, thousandths of a point.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shrink_mpt: Option<u32>,
        /// `RRGGBB`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        colour: Option<String>,
    },
    /// The PIN, drawn by the printer from a sealed value.
    Pin {
        /// Pin node.
        node: NodeId,
        /// Asset name.
        font: String,
        /// Thousandths of a point.
        size_mpt: u32,
    },
    /// A DataMatrix symbol.
    DataMatrix {
        /// Text node.
        node: NodeId,
    },
    /// A filled rectangle, such as a rule.
    Rule {
        /// `RRGGBB`.
        colour: String,
    },
    /// A barcode other than DataMatrix.
    Symbol {
        /// Text node.
        node: NodeId,
        /// Which.
        symbology: Symbology,
        /// Error correction level: 0 to 3 for QR (L, M, Q, H), 0 to 8 for PDF417.
        level: u8,
        /// Whether a check digit (modulo 10, weights 3 and 1) is put behind the digits.
        check_digit: bool,
        /// Whether, and how, its content is written below.
        caption: Option<FontUse>,
    },
    /// A picture of the bundle, as large as its box allows without stretching.
    Image {
        /// Asset name; with `order` what is drawn for an order without a picture, blank for nothing.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        asset: String,
        /// The order's own picture in the place of an asset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<crate::OrderPicture>,
    },
    /// A straight line along the longer side of its rectangle, as thick as the shorter.
    Line {
        /// `RRGGBB`.
        colour: String,
        /// Lengths of dash and gap; none when it is whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dash_um: Option<(u32, u32)>,
    },
    /// A table.
    Table(Box<Table>),
    /// A specimen picture: the card's face.
    Face {
        /// `front` or `back`.
        side: crate::FaceSide,
    },
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Where.
    pub at: Rect,
    /// What.
    pub draw: ItemKind,
    /// Flag node: drawn only when true.
    pub when: Option<NodeId>,
    /// Where it was written.
    pub span: u32,
}

/// A page behind the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FurtherPage {
    /// Asset name of a one-page PDF that lies under everything.
    pub background: Option<String>,
    /// Items in drawing order.
    pub items: Vec<Item>,
}

/// Several orders on one sheet. Places of items then count from their label's corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// Labels side by side.
    pub columns: u32,
    /// Labels one below the other.
    pub rows: u32,
    /// The first label on the sheet.
    pub first: Rect,
    /// From a label's left edge to the next one's.
    pub pitch_x_um: u32,
    /// From a label's top edge to the next one's.
    pub pitch_y_um: u32,
    /// Number of the first label that is used on the first sheet, from 1.
    pub start: u32,
}

/// Something of the stock that previews show and items keep clear of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Name, such as `feeder edge`.
    pub name: String,
    /// Where.
    pub at: Rect,
}

/// One page layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Name.
    pub name: String,
    /// `mailer` or `carrier`.
    pub purpose: String,
    /// Index of the program.
    pub program: u32,
    /// Page width.
    pub width_um: u32,
    /// Page height.
    pub height_um: u32,
    /// Asset name of a one-page PDF that lies under everything.
    pub background: Option<String>,
    /// The stock's PIN window: only the PIN may ink here.
    pub window: Option<Rect>,
    /// Stock name.
    pub stock: String,
    /// Items in drawing order.
    pub items: Vec<Item>,
    /// Pages behind the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<FurtherPage>,
    /// Several orders on one sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    /// Zones of the stock without ink, folds and perforations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<Zone>,
    /// Where it was declared.
    pub span: u32,
}

const fn yes() -> bool {
    true
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
const fn is_yes(flag: &bool) -> bool {
    *flag
}
