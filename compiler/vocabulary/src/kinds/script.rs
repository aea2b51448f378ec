//! Scripts for cards that are not personalized by STORE DATA.

use crate::rows::{Attribute, ClauseRow, Is, Kind, Merge, Need, Shape, SpeaksOf};

use Need::{Default, Optional, Required};

pub(super) static KINDS: &[Kind] = &[SCRIPT, COMMAND];

const BLOCK: Kind = Kind {
    name: "",
    top: false,
    types: &[],
    inherits: false,
    speaks_of: SpeaksOf::Nothing,
    merge: Merge::Replace,
    dictionary: None,
    attributes: &[],
    doc: "",
    reference: "",
};

const SCRIPT: Kind = Kind {
    name: "script",
    top: true,
    inherits: true,
    speaks_of: SpeaksOf::Record,
    merge: Merge::ByKey,
    attributes: &[
        Attribute::value(
            "secured",
            Is::Truth,
            Default("false"),
            "whether the commands travel in the platform's secure channel, opened after SELECT of \
             the application",
        ),
        Attribute::bare(
            "variable <name>",
            "octets that the card answers and that later commands send back: `variable serial of 4`",
        )
        .with(&[ClauseRow {
            keyword: "of",
            takes: Is::Number(1, 512),
            doc: "octets",
        }])
        .many(),
        Attribute::block(
            "command <text>",
            "script.command",
            "a command, in its turn; one of a base's title goes on where the base's stands",
        ),
    ],
    doc: "Commands that personalize a card or an application, in their order.",
    reference: "ISO/IEC 7816-4; the card's manual",
    ..BLOCK
};

/// `secret under card_tk with iso7816_if_needed { … }`.
const SECRET: &[ClauseRow] = &[
    ClauseRow {
        keyword: "under",
        takes: Is::Key(&["transport"]),
        doc: "key that the card knows; the channel's own when it is left out",
    },
    ClauseRow {
        keyword: "by",
        takes: Is::Word(&["channel"]),
        doc: "no cipher of its own: a part of the data that the secure channel enciphers, known to \
              the HSM alone",
    },
    ClauseRow {
        keyword: "with",
        takes: Is::Word(&[
            "no_padding",
            "iso7816_always",
            "iso7816_if_needed",
            "pkcs7",
            "zeros",
        ]),
        doc: "padding before encryption",
    },
];

const COMMAND: Kind = Kind {
    name: "script.command",
    attributes: &[
        Attribute::value("header", Is::Hex(4, 4), Required, "CLA, INS, P1, P2"),
        Attribute::value(
            "data",
            Is::Any,
            Optional,
            "octets, or a list of pieces: expressions, variables, data elements of the \
             application (`#E104`), `length_of #E104` (two octets), `object(#53, …)` (a data \
             object around pieces), `certify(login, own_key)` (the certificate of a key that the \
             card has made), `signed_identifier(content_key, #5FC102)` (a PIV card holder unique \
             identifier with its signature), `security_object(content_key, group(x\"30 01\", \
             #5FC109))` (a PIV security object over containers)",
        ),
        Attribute::block(
            "secret",
            "dgi.blob",
            "keys and PINs, enciphered; they stand where the entry stands among the data",
        )
        .with(SECRET),
        Attribute::value(
            "le",
            Is::Number(0, 256),
            Optional,
            "octets asked for; 0 is as many as there are",
        ),
        Attribute::value(
            "expect",
            Is::TextList,
            Default("[\"9000\"]"),
            "status words that are fine: `\"9000\"`, `\"61xx\"`, `\"63C0-63CF\"`",
        ),
        Attribute::value(
            "otherwise",
            Is::Any,
            Default("fail"),
            "`fail`, `next` (go on), or `retry 2` (again, so many times)",
        ),
        Attribute::value(
            "split",
            Is::Call(&["offset", "chain"]),
            Optional,
            "long data over several commands: `offset(200)` adds to P1 P2, `chain(255)` marks CLA",
        )
        .from("ISO/IEC 7816-4, 5.3.3 and 11.3"),
        Attribute::row(
            "capture <name>",
            Shape::Value(Is::Call(&["answer"])),
            Optional,
            "fills a variable from this octet of the answer on: `capture serial = answer(16)`",
        ),
    ],
    merge: Merge::ByKey,
    doc: "One command of a script.",
    reference: "ISO/IEC 7816-4",
    ..BLOCK
};
