//! The plastic: chip, stripe, faces.

use crate::rows::{Attribute, ClauseRow, Is, Kind, Merge, Need, SpeaksOf};
use crate::{Sink, Want};

use Need::{Default, Optional, Required};

pub(super) static KINDS: &[Kind] = &[CARD, CHIP, STRIPE, FACE, EMBOSS, IMAGE, PRINT];

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

const CARD: Kind = Kind {
    name: "card",
    top: true,
    inherits: true,
    speaks_of: SpeaksOf::Record,
    attributes: &[
        Attribute::value(
            "pan",
            Is::Expr(Want::Text(19), Some(Sink::CardIdentity)),
            Optional,
            "the PAN; the record's field of type pan by default",
        ),
        Attribute::value(
            "psn",
            Is::Expr(Want::Text(2), Some(Sink::CardIdentity)),
            Optional,
            "PAN sequence number; the record's field psn by default, else 00",
        ),
        Attribute::value(
            "expiry",
            Is::Expr(Want::Date, Some(Sink::CardIdentity)),
            Optional,
            "the expiry; the record's field expiry by default",
        ),
        Attribute::block("chip", "card.chip", "the chip"),
        Attribute::block("stripe", "card.stripe", "the magnetic stripe"),
        Attribute::block("face <front|back>", "card.face", "a side of the card"),
    ],
    doc: "A card product.",
    reference: "ISO/IEC 7810, 7811, 7813",
    ..BLOCK
};

const CHIP: Kind = Kind {
    name: "card.chip",
    attributes: &[
        Attribute::value(
            "platform",
            Is::Call(&["globalplatform", "native"]),
            Required,
            "how the chip is personalized: `globalplatform(scp03, keys: kmc, option: 0x70, \
             security_level: 0x33)`; `native()` for a card that only scripts write",
        )
        .from("GlobalPlatform Card Specification"),
        Attribute::value(
            "applications",
            Is::RefList(&["profile", "application"]),
            Required,
            "what it holds",
        ),
        Attribute::value(
            "directories",
            Is::WordList(&["pse", "ppse"]),
            Default("[]"),
            "directories that a terminal starts from",
        )
        .from("EMV Book 1, 12.2; EMV contactless Book B"),
        Attribute::value(
            "memory",
            Is::Number(1, 4096),
            Optional,
            "kilobytes of the chip that are left for applications; what they need is estimated",
        ),
    ],
    doc: "The chip and its personalization channel.",
    ..BLOCK
};

const STRIPE: Kind = Kind {
    name: "card.stripe",
    attributes: &[
        Attribute::value(
            "track1",
            Is::Expr(Want::Track1, Some(Sink::Stripe)),
            Optional,
            "track 1",
        ),
        Attribute::value(
            "track2",
            Is::Expr(Want::Track2, Some(Sink::Stripe)),
            Optional,
            "track 2",
        ),
        Attribute::value(
            "coercivity",
            Is::Word(&["high", "low"]),
            Default("high"),
            "how hard the stripe is to erase",
        ),
    ],
    doc: "The magnetic stripe.",
    reference: "ISO/IEC 7811-2 and -6, ISO/IEC 7813",
    ..BLOCK
};

const FACE: Kind = Kind {
    name: "card.face",
    attributes: &[
        Attribute::value(
            "background",
            Is::Colour,
            Optional,
            "colour in pictures of the card",
        ),
        Attribute::value(
            "ink",
            Is::Colour,
            Optional,
            "colour of the characters in pictures",
        ),
        Attribute::value(
            "signature",
            Is::Rect,
            Optional,
            "the signature panel, which nothing else may print on",
        ),
        Attribute::block("emboss", "card.emboss", "embossed lines"),
        Attribute::block("image", "card.image", "a picture").many(),
        Attribute::block("print", "card.print", "printed panels"),
    ],
    doc: "One side of the card.",
    ..BLOCK
};

const DIES: &[ClauseRow] = &[ClauseRow {
    keyword: "with",
    takes: Is::Word(&["farrington_7b", "ocr_b", "standard"]),
    doc: "the dies: `farrington_7b` or `ocr_b` for line 1, `standard` for the others",
}];

const EMBOSS: Kind = Kind {
    name: "card.emboss",
    attributes: &[Attribute::value(
        "line <number>",
        Is::Expr(Want::Text(27), Some(Sink::Embossing)),
        Optional,
        "line 1 is the number line (19 characters), lines 2 to 4 have 27",
    )
    .with(DIES)],
    doc: "Embossed lines.",
    reference: "ISO/IEC 7811-1",
    ..BLOCK
};

const IMAGE: Kind = Kind {
    name: "card.image",
    attributes: &[
        Attribute::value(
            "at",
            Is::Rect,
            Required,
            "where, from the card's top left corner",
        ),
        Attribute::value("file", Is::File, Required, "PNG, JPEG, or a one-page PDF"),
    ],
    doc: "A picture on a side of the card, never stretched.",
    ..BLOCK
};

const PANEL: &[ClauseRow] = &[
    ClauseRow {
        keyword: "at",
        takes: Is::Point,
        doc: "left and top edge",
    },
    ClauseRow {
        keyword: "with",
        takes: Is::Font,
        doc: "font and size: `with \"OCR-B\" 9 pt`",
    },
    ClauseRow {
        keyword: "when",
        takes: Is::Expr(Want::Condition, Some(Sink::Condition)),
        doc: "printed only when this holds",
    },
];

const PRINT: Kind = Kind {
    name: "card.print",
    attributes: &[Attribute::value(
        "panel <text>",
        Is::Expr(Want::Text(40), Some(Sink::PrintPanel)),
        Optional,
        "a printed panel, `at` the top left corner of its line; only the panel \"cvv2\" may hold a \
         card verification value",
    )
    .with(PANEL)],
    doc: "Printed panels.",
    ..BLOCK
};
