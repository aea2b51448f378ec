//! The plastic: chip, stripe, faces.

use crate::rows::{Attribute, ClauseRow, Is, Kind, Merge, Need, SpeaksOf};
use crate::{Sink, Want};

use Need::{Default, Optional, Required};

pub(super) static KINDS: &[Kind] = &[
    DIRECTORY, PLATFORM, CARD, CHIP, LOAD, PUT_KEYS, STRIPE, FACE, EMBOSS, IMAGE, PRINT,
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

const PLATFORM: Kind = Kind {
    name: "platform",
    top: true,
    inherits: true,
    attributes: &[
        Attribute::value(
            "protocol",
            Is::Word(&["scp02", "scp03"]),
            Required,
            "secure channel protocol",
        )
        .from("GlobalPlatform Card Specification, E; Amendment D"),
        Attribute::value(
            "option",
            Is::Number(0, 255),
            Optional,
            "option i of the protocol; 0x55 for SCP02 and 0x70 for SCP03 by default",
        )
        .from("GlobalPlatform Card Specification, E.1.1; Amendment D, 5.1"),
        Attribute::value(
            "security_level",
            Is::Number(0, 255),
            Optional,
            "P1 of EXTERNAL AUTHENTICATE; 0x03 for SCP02 and 0x33 for SCP03 by default",
        )
        .from("GlobalPlatform Card Specification, E.5.2.3; Amendment D, 7.1.2.1"),
        Attribute::value(
            "keys",
            Is::Key(&["card_issuance"]),
            Optional,
            "master key of the cards' channel keys",
        ),
        Attribute::value(
            "key_version",
            Is::Number(0, 255),
            Default("0"),
            "key version that INITIALIZE UPDATE asks for; 0 is the card's own first",
        ),
        Attribute::value(
            "diversification",
            Is::Word(&["emv", "visa2", "visa", "kdf3", "none"]),
            Optional,
            "how the card's keys come from the master key; `emv` for SCP02 and `kdf3` for SCP03 \
             by default",
        ),
        Attribute::block(
            "quirks",
            "profile.quirks",
            "deviations of the card product that hold for all its applications",
        ),
    ],
    doc: "A GlobalPlatform card as it comes from its maker: how its channel is opened. \
          `platform chip : platforms.scp03_i70 { keys = kmc }`.",
    reference: "GlobalPlatform Card Specification",
    ..BLOCK
};

const DIRECTORY: Kind = Kind {
    name: "directory",
    top: true,
    inherits: true,
    attributes: &[
        Attribute::value("aid", Is::Hex(5, 16), Required, "name by which it is selected")
            .from("EMV Book 1, 12.2; Contactless Book B, 3.3"),
        Attribute::value(
            "interface",
            Is::Word(&["contact", "contactless"]),
            Required,
            "whose applications it lists: in records, or all in the answer to SELECT",
        ),
        Attribute::value(
            "sfi",
            Is::Number(1, 10),
            Default("1"),
            "file of the entries, over the contacts",
        )
        .from("EMV Book 1, 12.2.3 (tag 88)"),
        Attribute::value(
            "languages",
            Is::Text(8),
            Optional,
            "preferred languages, two letters each; over the contacts those of the first application \
             that has some by default",
        )
        .from("ISO 639-1 (tag 5F2D)"),
        Attribute::value(
            "code_table",
            Is::Number(1, 16),
            Optional,
            "part of ISO/IEC 8859 in which preferred names are written",
        )
        .from("EMV Book 1, 12.2.4 (tag 9F11)"),
        Attribute::value(
            "preferred_names",
            Is::Truth,
            Default("false"),
            "whether entries hold the applications' preferred names",
        )
        .from("EMV Book 1, 12.2.4 (tag 9F12)"),
        Attribute::value(
            "iin",
            Is::Hex(3, 4),
            Optional,
            "issuer identification number in the entries",
        )
        .from("EMV Book 1, 12.2.3 (tag 42)"),
        Attribute::value(
            "country",
            Is::Text(2),
            Optional,
            "issuer's country in the entries, two letters",
        )
        .from("ISO 3166-1 (tag 5F55)"),
    ],
    doc: "A directory in which terminals look for applications. `directories = [pse, ppse]` makes the \
          usual ones; a declared one stands in their place.",
    reference: "EMV Book 1, 12; Contactless Book B, 3.3",
    ..BLOCK
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
            Is::CallOrRef(&["globalplatform", "native"], &["platform"]),
            Required,
            "how the chip is personalized: a declared platform; or in one call `globalplatform(\
             scp03, keys: kmc, option: 0x70, security_level: 0x33)`; `native()` for a card that \
             only scripts write",
        )
        .from("GlobalPlatform Card Specification"),
        Attribute::value(
            "applications",
            Is::RefListWhen(&["profile", "application"]),
            Required,
            "what it holds; `when` behind one that only some orders get: `[debit, loyalty when \
             order.product == \"GOLD\"]`",
        ),
        Attribute::value(
            "directories",
            Is::Named(&["pse", "ppse"], &["directory"]),
            Default("[]"),
            "directories that a terminal starts from: `pse`, `ppse`, or declared ones in their place",
        )
        .from("EMV Book 1, 12.2; EMV contactless Book B"),
        Attribute::value(
            "memory",
            Is::Number(1, 4096),
            Optional,
            "kilobytes of the chip that are left for applications; what they need is estimated",
        ),
        Attribute::value(
            "delete",
            Is::Any,
            Optional,
            "AIDs of what the card's maker left and goes first: `[x\"A0 00 00 99 92\"]`; \
             `related x\"A0 00 00 99 92\"` takes along what depends on it",
        )
        .from("GlobalPlatform Card Specification, 11.2"),
        Attribute::block(
            "load <text>",
            "chip.load",
            "a load file that is loaded first",
        )
        .many(),
        Attribute::block(
            "put_keys",
            "chip.put_keys",
            "the issuer's own channel keys, put when all applications are there",
        ),
        Attribute::value(
            "life_cycle",
            Is::Word(&["initialized", "secured"]),
            Optional,
            "what the card's life cycle ends as; as it comes when nothing is said",
        )
        .from("GlobalPlatform Card Specification, 5.1.1"),
    ],
    doc: "The chip and its personalization channel.",
    ..BLOCK
};

const LOAD: Kind = Kind {
    name: "chip.load",
    attributes: &[
        Attribute::value(
            "file",
            Is::File,
            Required,
            "a `.cap` archive, or its components one after another (`.ijc`)",
        ),
        Attribute::value(
            "hash",
            Is::Word(&["sha1", "sha256"]),
            Optional,
            "the load file data block hash that INSTALL [for load] carries",
        )
        .from("GlobalPlatform Card Specification, C.2"),
        Attribute::value(
            "verified_by",
            Is::Hex(5, 16),
            Optional,
            "AID of the security domain that verifies the signature",
        ),
        Attribute::value(
            "signature",
            Is::File,
            Optional,
            "the load file data block signature (DAP)",
        )
        .from("GlobalPlatform Card Specification, C.3"),
    ],
    doc: "INSTALL [for load] and LOAD: `load \"wallet\" { file = file(\"wallet.cap\") }`.",
    reference: "GlobalPlatform Card Specification, 11.5 and 11.6; Java Card Virtual Machine \
                Specification, 6",
    ..BLOCK
};

const PUT_KEYS: Kind = Kind {
    name: "chip.put_keys",
    attributes: &[
        Attribute::value(
            "keys",
            Is::Key(&["card_issuance"]),
            Required,
            "their master key",
        ),
        Attribute::value("version", Is::Number(1, 127), Required, "their version"),
        Attribute::value(
            "replaces",
            Is::Number(0, 127),
            Default("0"),
            "version that they replace; 0 adds them, as for a maker's initial keys",
        ),
        Attribute::value(
            "diversification",
            Is::Word(&["emv", "visa2", "visa", "kdf3", "none"]),
            Optional,
            "as for the platform; `emv` for triple DES and `kdf3` for AES by default",
        ),
    ],
    doc: "PUT KEY: the card answers with the check values of what it took.",
    reference: "GlobalPlatform Card Specification, 11.8",
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
        Attribute::value(
            "file",
            Is::File,
            Optional,
            "a picture of the project, the same on all cards: PNG, JPEG, or a one-page PDF; beside \
             `value` what stands in for a picture that an order comes without",
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
