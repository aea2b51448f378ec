//! Pages: PIN mailers, card carriers, labels, and the paper that they are printed on.

use crate::rows::{Attribute, ClauseRow, Is, Kind, Merge, Need, Shape, SpeaksOf};
use crate::{Sink, Want};

use Need::{Default, Optional, Required};

pub(super) static KINDS: &[Kind] = &[
    LAYOUT,
    STOCK,
    INLINE_STOCK,
    FURTHER_PAGE,
    LANGUAGES,
    LANGUAGE,
    LABELS,
    TEXT,
    PIN,
    BARCODE,
    BAR,
    LINE,
    IMAGE,
    TABLE,
    FACE,
];

const BLOCK: Kind = Kind {
    name: "",
    top: false,
    types: &[],
    inherits: false,
    speaks_of: SpeaksOf::Nothing,
    merge: Merge::ByKey,
    dictionary: None,
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
const FONT: Attribute = Attribute::value("font", Is::Font, Optional, "font and size");
const LEADING: Attribute =
    Attribute::value("leading", Is::Length, Optional, "from baseline to baseline");
const SHRINK: Attribute = Attribute::value(
    "shrink",
    Is::Any,
    Optional,
    "`to 7 pt`: the smallest size that text which does not fit may be set in",
);
const COLOUR: Attribute = Attribute::value("colour", Is::Colour, Default("000000"), "ink");

const TEXT_ROW: Attribute = Attribute::block("text", "layout.text", "lines of text")
    .with(WHEN)
    .many();
const PIN_ROW: Attribute =
    Attribute::block("pin", "layout.pin", "the PIN; only in a mailer").with(WHEN);
const BARCODE_ROW: Attribute = Attribute::block(
    "barcode <code128|datamatrix|itf|pdf417|qr>",
    "layout.barcode",
    "a symbol for scanners",
)
.with(WHEN)
.many();
const BAR_ROW: Attribute = Attribute::block("bar", "layout.bar", "a filled rectangle")
    .with(WHEN)
    .many();
const LINE_ROW: Attribute = Attribute::block("line", "layout.line", "a straight line")
    .with(WHEN)
    .many();
const IMAGE_ROW: Attribute = Attribute::block("image", "layout.image", "a picture")
    .with(WHEN)
    .many();
const TABLE_ROW: Attribute = Attribute::block("table", "layout.table", "rows and columns of text")
    .with(WHEN)
    .many();
const FACE_ROW: Attribute =
    Attribute::block("face <front|back>", "layout.face", "the place of the card").with(WHEN);
const LANGUAGE_ROW: Attribute = Attribute::row(
    "language",
    Shape::ValueAndBlock(
        Is::Expr(Want::Text(40), Some(Sink::Condition)),
        "layout.languages",
    ),
    Optional,
    "items by the order's language: `language = order.language { en { … } other { … } }`",
);
const BACKGROUND: Attribute = Attribute::value(
    "background",
    Is::File,
    Optional,
    "a one-page PDF under everything",
);

const LAYOUT: Kind = Kind {
    name: "layout",
    top: true,
    inherits: true,
    speaks_of: SpeaksOf::Record,
    attributes: &[
        Attribute::value(
            "page",
            Is::Point,
            Optional,
            "width and height of the page; the stock's, when that has one",
        ),
        Attribute::value(
            "purpose",
            Is::Word(&["mailer", "carrier", "label"]),
            Required,
            "what it is for",
        ),
        Attribute::row(
            "stock",
            Shape::ValueAndBlock(Is::Any, "layout.stock"),
            Optional,
            "the paper: a declared stock, or one described here",
        ),
        BACKGROUND,
        Attribute::value(
            "fallback",
            Is::TextList,
            Optional,
            "fonts for letters that one lacks",
        ),
        TEXT_ROW,
        PIN_ROW,
        BARCODE_ROW,
        BAR_ROW,
        LINE_ROW,
        IMAGE_ROW,
        TABLE_ROW,
        FACE_ROW,
        LANGUAGE_ROW,
        Attribute::block(
            "page <number>",
            "layout.page",
            "a further page: `page 2 { … }`",
        ),
        Attribute::block("labels", "layout.labels", "several orders on one sheet"),
    ],
    doc: "A page: a PIN mailer, a card carrier or an address label.",
    ..BLOCK
};

const FURTHER_PAGE: Kind = Kind {
    name: "layout.page",
    attributes: &[
        BACKGROUND,
        TEXT_ROW,
        BARCODE_ROW,
        BAR_ROW,
        LINE_ROW,
        IMAGE_ROW,
        TABLE_ROW,
        LANGUAGE_ROW,
    ],
    doc: "A page behind the first, of the same size.",
    ..BLOCK
};

const LANGUAGES: Kind = Kind {
    name: "layout.languages",
    attributes: &[
        Attribute::block(
            "<name>",
            "layout.language",
            "items for the language of this code; `other` for all that no other names",
        ),
        Attribute::block(
            "<text>",
            "layout.language",
            "the same, for a code that is no plain word",
        ),
    ],
    doc: "Items by language. One of them is drawn for each order.",
    ..BLOCK
};

const LANGUAGE: Kind = Kind {
    name: "layout.language",
    attributes: &[
        TEXT_ROW,
        BARCODE_ROW,
        BAR_ROW,
        LINE_ROW,
        IMAGE_ROW,
        TABLE_ROW,
    ],
    doc: "Items of one language.",
    ..BLOCK
};

const LABELS: Kind = Kind {
    name: "layout.labels",
    attributes: &[
        Attribute::value(
            "columns",
            Is::Number(1, 50),
            Required,
            "labels side by side",
        ),
        Attribute::value(
            "rows",
            Is::Number(1, 100),
            Required,
            "labels one below the other",
        ),
        Attribute::value(
            "first",
            Is::Rect,
            Required,
            "the first label on its sheet; places of items count from its corner",
        ),
        Attribute::value(
            "gutter",
            Is::Point,
            Optional,
            "space between labels, across and down",
        ),
        Attribute::value(
            "start",
            Is::Number(1, 5000),
            Default("1"),
            "the first label to use on the first sheet, when some are gone",
        ),
    ],
    doc: "Labels on a sheet.",
    ..BLOCK
};

const WINDOW: Attribute =
    Attribute::value("window", Is::Rect, Optional, "where only the PIN may ink");
const NO_INK: Attribute = Attribute::value(
    "no_ink <text>",
    Is::Rect,
    Optional,
    "where nothing may ink, such as the feeder's edge",
);
const FOLD: Attribute = Attribute::value(
    "<fold|perforation> <across|down> <number>",
    Is::Length,
    Optional,
    "a fold or perforation across the page, or down it, from its top or left edge; neither PIN \
     nor symbol may lie on it",
);

const STOCK: Kind = Kind {
    name: "stock",
    top: true,
    inherits: true,
    attributes: &[
        Attribute::value("page", Is::Point, Optional, "width and height of the sheet"),
        WINDOW,
        NO_INK,
        FOLD,
        Attribute::value(
            "clearance",
            Is::Length,
            Default("1.5 mm"),
            "how far PIN and symbols stay from folds and perforations",
        ),
    ],
    doc: "A paper stock: sheet, security window, folds, and where nothing may ink.",
    ..BLOCK
};

const INLINE_STOCK: Kind = Kind {
    name: "layout.stock",
    attributes: &[WINDOW, NO_INK, FOLD],
    doc: "What is special about a paper.",
    ..BLOCK
};

const TEXT: Kind = Kind {
    name: "layout.text",
    attributes: &[
        AT,
        FONT,
        LEADING,
        Attribute::value(
            "align",
            Is::Word(&["start", "middle", "end", "justify"]),
            Default("start"),
            "alignment in its box, in the direction of its script",
        ),
        Attribute::value(
            "wrap",
            Is::Truth,
            Default("true"),
            "whether a line that is too wide goes on below",
        ),
        SHRINK,
        Attribute::value(
            "overflow",
            Is::Word(&["never", "refuse"]),
            Default("never"),
            "`never`: the compiler proves that the longest value fits; `refuse`: the page of an \
             order whose text does not fit is refused when it is printed",
        ),
        COLOUR,
        Attribute::value(
            "lines",
            Is::Expr(Want::Lines, Some(Sink::CarrierText)),
            Required,
            "what is written; in a mailer never the PAN",
        ),
    ],
    doc: "Lines of text, measured when compiled with the widths of their fonts.",
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
        FONT,
    ],
    doc: "The PIN's place, wide enough for twelve digits.",
    reference: "ISO 9564-1, PCI PIN",
    ..BLOCK
};

const BARCODE: Kind = Kind {
    name: "layout.barcode",
    attributes: &[
        Attribute::value(
            "value",
            Is::Expr(Want::Text(300), Some(Sink::CarrierText)),
            Required,
            "what it says",
        ),
        AT,
        Attribute::value("size", Is::Length, Optional, "side of a square symbol"),
        Attribute::value(
            "level",
            Is::Any,
            Optional,
            "error correction: `l`, `m`, `q`, `h` for qr (m by default), 0 to 8 for pdf417 (2)",
        ),
        Attribute::value(
            "check",
            Is::Word(&["none", "mod10"]),
            Default("none"),
            "a check digit behind the digits of itf and code128",
        ),
        Attribute::value(
            "caption",
            Is::Font,
            Optional,
            "font and size of the content below a linear symbol",
        ),
    ],
    doc: "A DataMatrix, QR, Code 128, PDF417 or ITF symbol, measured when compiled for the \
          longest content.",
    reference: "ISO/IEC 16022, 18004, 15417, 15438, 16390",
    ..BLOCK
};

const BAR: Kind = Kind {
    name: "layout.bar",
    attributes: &[Attribute::value("at", Is::Rect, Required, "where"), COLOUR],
    doc: "A filled rectangle.",
    ..BLOCK
};

const LINE: Kind = Kind {
    name: "layout.line",
    attributes: &[
        Attribute::value("from", Is::Point, Required, "one end"),
        Attribute::value("to", Is::Point, Required, "the other end"),
        Attribute::value("width", Is::Length, Default("0.2 mm"), "thickness"),
        Attribute::value("dash", Is::Point, Optional, "lengths of dash and gap"),
        COLOUR,
    ],
    doc: "A line across the page or down it, whole or dashed.",
    ..BLOCK
};

const IMAGE: Kind = Kind {
    name: "layout.image",
    attributes: &[
        Attribute::value("at", Is::Rect, Required, "the box that it is fitted into"),
        Attribute::value(
            "file",
            Is::File,
            Optional,
            "a picture of the project: PNG, JPEG, or a one-page PDF for drawings; beside `value` \
             what stands in for a picture that an order comes without",
        ),
        Attribute::value(
            "value",
            Is::Any,
            Optional,
            "the order's own picture, a field of the type `picture(…)`: `order.photo`",
        ),
        Attribute::value(
            "fit",
            Is::Word(&["contain", "cover"]),
            Default("contain"),
            "how the order's picture fills its box: whole, or cut to fill it",
        ),
    ],
    doc: "A picture of the project or of the order, never stretched.",
    ..BLOCK
};

const TABLE: Kind = Kind {
    name: "layout.table",
    attributes: &[
        Attribute::value("at", Is::Rect, Required, "where"),
        FONT,
        LEADING,
        SHRINK,
        Attribute::value(
            "wrap",
            Is::Truth,
            Default("false"),
            "whether a cell's text goes on below, inside its row",
        ),
        Attribute::value(
            "columns",
            Is::Any,
            Required,
            "widths with their alignment: `[60 mm, 30 mm end]`",
        ),
        Attribute::value(
            "row_height",
            Is::Length,
            Optional,
            "of each row; one and a half lines by default",
        ),
        Attribute::value(
            "padding",
            Is::Length,
            Default("1 mm"),
            "between a cell's edge and its text",
        ),
        Attribute::value(
            "rule",
            Is::Length,
            Optional,
            "thickness of lines between rows",
        ),
        Attribute::value(
            "direction",
            Is::Word(&["left_to_right", "right_to_left"]),
            Default("left_to_right"),
            "where the first column stands",
        ),
        Attribute::value(
            "head_font",
            Is::Text(60),
            Optional,
            "font of the head's cells",
        ),
        COLOUR,
        Attribute::bare(
            "head <expression>",
            "the row of headings: `head [\"Fee\", \"Amount\"]`",
        ),
        Attribute::bare(
            "row <expression>",
            "a row: `row [\"Cash\", order.fee]`; a cell that is a list makes as many rows as it \
             has lines",
        )
        .with(WHEN)
        .many(),
    ],
    doc: "Rows and columns of text; a row whose `when` does not hold is left out, and the rows \
          below move up.",
    ..BLOCK
};

const FACE: Kind = Kind {
    name: "layout.face",
    attributes: &[Attribute::value("at", Is::Rect, Optional, "where")],
    doc: "The place of the card on its carrier: nothing else may ink there.",
    reference: "ISO/IEC 7810",
    ..BLOCK
};
