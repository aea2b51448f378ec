//! Pages: PIN mailers and card carriers.

use crate::rows::{Attribute, ClauseRow, Is, Kind, Merge, Need, Shape, SpeaksOf};
use crate::{Sink, Want};

use Need::{Default, Optional, Required};

pub(super) static KINDS: &[Kind] = &[LAYOUT, STOCK, TEXT, PIN, BARCODE, BAR, FACE];

const BLOCK: Kind = Kind {
    name: "",
    top: false,
    types: &[],
    inherits: false,
    speaks_of: SpeaksOf::Nothing,
    merge: Merge::ByKey,
    attributes: &[],
    doc: "",
    reference: "",
};

const WHEN: &[ClauseRow] = &[ClauseRow {
    keyword: "when",
    takes: Is::Expr(Want::Condition, Some(Sink::Condition)),
    doc: "drawn only when this holds",
}];

const AT: Attribute = Attribute::value(
    "at",
    Is::Place,
    Required,
    "place from the page's top left corner, perhaps with width and height",
);

const LAYOUT: Kind = Kind {
    name: "layout",
    top: true,
    inherits: true,
    speaks_of: SpeaksOf::Record,
    attributes: &[
        Attribute::value("page", Is::Point, Required, "width and height of the page"),
        Attribute::value(
            "purpose",
            Is::Word(&["mailer", "carrier"]),
            Required,
            "what it is for",
        ),
        Attribute::row(
            "stock",
            Shape::ValueAndBlock(Is::Any, "layout.stock"),
            Optional,
            "the paper, and the window of its PIN label",
        ),
        Attribute::value(
            "background",
            Is::File,
            Optional,
            "a one-page PDF under everything",
        ),
        Attribute::value(
            "fallback",
            Is::TextList,
            Optional,
            "fonts for letters that one lacks",
        ),
        Attribute::block("text", "layout.text", "lines of text")
            .with(WHEN)
            .many(),
        Attribute::block("pin", "layout.pin", "the PIN; only in a mailer").with(WHEN),
        Attribute::block("barcode <datamatrix>", "layout.barcode", "a symbol")
            .with(WHEN)
            .many(),
        Attribute::block("bar", "layout.bar", "a filled rectangle")
            .with(WHEN)
            .many(),
        Attribute::block("face <front|back>", "layout.face", "a picture of the card").with(WHEN),
    ],
    doc: "A page: a PIN mailer or a card carrier.",
    ..BLOCK
};

const STOCK: Kind = Kind {
    name: "layout.stock",
    attributes: &[Attribute::value(
        "window",
        Is::Rect,
        Optional,
        "where only the PIN may ink",
    )],
    doc: "What is special about a paper.",
    ..BLOCK
};

const TEXT: Kind = Kind {
    name: "layout.text",
    attributes: &[
        AT,
        Attribute::value("font", Is::Font, Optional, "font and size"),
        Attribute::value("leading", Is::Length, Optional, "from baseline to baseline"),
        Attribute::value(
            "align",
            Is::Word(&["start", "middle", "end"]),
            Default("start"),
            "alignment in its box",
        ),
        Attribute::value(
            "lines",
            Is::Expr(Want::Lines, Some(Sink::CarrierText)),
            Required,
            "what is written; in a mailer never the PAN",
        ),
    ],
    doc: "Lines of text.",
    ..BLOCK
};

const PIN: Kind = Kind {
    name: "layout.pin",
    attributes: &[
        Attribute::value(
            "value",
            Is::Expr(Want::Pin, Some(Sink::MailerPin)),
            Required,
            "the PIN; it is opened only while its page is drawn",
        ),
        AT,
        Attribute::value("font", Is::Font, Optional, "font and size"),
    ],
    doc: "The PIN's place.",
    reference: "ISO 9564-1, PCI PIN",
    ..BLOCK
};

const BARCODE: Kind = Kind {
    name: "layout.barcode",
    attributes: &[
        Attribute::value(
            "value",
            Is::Expr(Want::Text(60), Some(Sink::CarrierText)),
            Required,
            "what it says",
        ),
        AT,
        Attribute::value("size", Is::Length, Required, "side of the symbol"),
    ],
    doc: "A DataMatrix symbol.",
    reference: "ISO/IEC 16022",
    ..BLOCK
};

const BAR: Kind = Kind {
    name: "layout.bar",
    attributes: &[
        Attribute::value("at", Is::Rect, Required, "where"),
        Attribute::value("colour", Is::Colour, Default("000000"), "ink"),
    ],
    doc: "A filled rectangle, such as a rule.",
    ..BLOCK
};

const FACE: Kind = Kind {
    name: "layout.face",
    attributes: &[Attribute::value("at", Is::Rect, Optional, "where")],
    doc: "A picture of a side of the card.",
    ..BLOCK
};
