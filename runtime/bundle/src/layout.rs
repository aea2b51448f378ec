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
    /// Where it was declared.
    pub span: u32,
}
