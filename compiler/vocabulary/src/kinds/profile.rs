//! What a chip application holds.

use crate::rows::{Attribute, ClauseRow, Is, Kind, Merge, Need, Shape, SpeaksOf};
use crate::{Sink, Want};

use Need::{Default, Optional, Required};

pub(super) static KINDS: &[Kind] = &[
    PROFILE,
    CVM,
    ACTION_CODES,
    DATA,
    RECORDS,
    DDA,
    KEYS,
    OFFLINE_PIN,
    SDA,
    CVC3,
    MAGSTRIPE,
    QUIRKS,
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

const PROFILE: Kind = Kind {
    name: "profile",
    top: true,
    inherits: true,
    speaks_of: SpeaksOf::Record,
    attributes: &[
        Attribute::value("aid", Is::Hex(5, 16), Required, "application identifier")
            .from("ISO/IEC 7816-5 (tag 84)"),
        Attribute::value("label", Is::Text(16), Required, "application label")
            .from("EMV Book 1, 12.2.2 (tag 50)"),
        Attribute::value(
            "preferred_name",
            Is::Text(16),
            Optional,
            "name in the cardholder's script",
        )
        .from("EMV Book 1, 12.2.2 (tag 9F12)"),
        Attribute::value(
            "services",
            Is::Expr(Want::ServiceCode, None),
            Required,
            "service code: tag 57 and 5F30 speak alike",
        )
        .from("ISO/IEC 7813"),
        Attribute::value(
            "aip",
            Is::Flags("aip"),
            Required,
            "application interchange profile",
        )
        .from("EMV Book 3, Annex C1 (tag 82)"),
        Attribute::value(
            "priority",
            Is::Number(0, 15),
            Default("1"),
            "priority in directories",
        )
        .from("EMV Book 1, 12.2.2 (tag 87)"),
        Attribute::value(
            "kernel",
            Is::Hex(1, 8),
            Optional,
            "contactless kernel that its entry in a directory asks for",
        )
        .from("EMV Contactless Book B, 3.3 (tag 9F2A)"),
        Attribute::value(
            "confirmation",
            Is::Truth,
            Default("false"),
            "whether the cardholder must confirm before it is selected",
        )
        .from("EMV Book 1, 12.2.3 (tag 87, bit 8)"),
        Attribute::value(
            "dictionary",
            Is::Word(&["emv", "visa", "mastercard", "amex", "unionpay", "cpa"]),
            Default("emv"),
            "whose meaning of proprietary tags holds: the same tag has different owners",
        ),
        Attribute::value(
            "interfaces",
            Is::WordList(&["contact", "contactless"]),
            Default("contact"),
            "where a terminal finds it",
        ),
        Attribute::value(
            "mode",
            Is::Word(&["emv", "fast", "magstripe"]),
            Default("emv"),
            "how terminals deal with it: by the whole of EMV; over the antenna, by a cryptogram and a \
             signature in GET PROCESSING OPTIONS; by tracks with a dynamic code",
        ),
        Attribute::value(
            "languages",
            Is::Text(8),
            Optional,
            "preferred languages, two letters each",
        )
        .from("ISO 639-1 (tag 5F2D)"),
        Attribute::value(
            "iad",
            Is::Hex(0, 32),
            Optional,
            "issuer application data at first",
        )
        .from("EMV Book 3, Annex A (tag 9F10)"),
        Attribute::value(
            "atc",
            Is::Number(0, 65535),
            Optional,
            "transaction counter at first",
        )
        .from("EMV Book 3, Annex A (tag 9F36)"),
        Attribute::block(
            "cvm",
            "profile.cvm",
            "cardholder verification, rule by rule; not where a terminal looks at no list",
        ),
        Attribute::block("action_codes", "profile.action_codes", "what leads where"),
        Attribute::block("data", "profile.data", "data elements by tag or by name"),
        Attribute::block(
            "records",
            "profile.records",
            "records; the compiler lays them out when this is left out",
        ),
        Attribute::block("dda", "profile.dda", "the chip's own key"),
        Attribute::block(
            "sda",
            "profile.sda",
            "a signature over the card's data, made once: cards for tests",
        ),
        Attribute::block(
            "keys",
            "profile.keys",
            "the chip's symmetric keys; not with `mode = magstripe`",
        ),
        Attribute::block(
            "cvc3",
            "profile.cvc3",
            "the key of dynamic card verification codes, with `mode = magstripe`",
        ),
        Attribute::block(
            "magstripe",
            "profile.magstripe",
            "magnetic stripe mode beside `mode`: its own answer to GET PROCESSING OPTIONS",
        )
        .from("EMV Contactless Book A, 5.7 (tag 9F66): what a terminal offers"),
        Attribute::block(
            "offline_pin",
            "profile.offline_pin",
            "the PIN that the chip verifies",
        ),
        Attribute::block(
            "install",
            "application.install",
            "how the instance is made, where the card does not hold it yet",
        ),
        Attribute::block(
            "dgis",
            "profile.dgis",
            "data groupings beside those of EMV, or in their place; their order",
        ),
        Attribute::block("quirks", "profile.quirks", "deviations of the card product"),
    ],
    doc: "A card application: what the chip holds and how it behaves.",
    reference: "EMV Books 1 to 3, EMV CPS",
    ..BLOCK
};

const RULE: &[ClauseRow] = &[
    ClauseRow {
        keyword: "when",
        takes: Is::Any,
        doc: "condition",
    },
    ClauseRow {
        keyword: "else",
        takes: Is::Word(&["fail", "next"]),
        doc: "when it does not succeed: give up, or try the next rule",
    },
];

const WHEN: &[ClauseRow] = &[ClauseRow {
    keyword: "when",
    takes: Is::Expr(Want::Condition, Some(Sink::Condition)),
    doc: "only the orders for which this holds have it; every case is checked",
}];

const CVM: Kind = Kind {
    name: "profile.cvm",
    merge: Merge::Replace,
    attributes: &[
        Attribute::value("x", Is::Number(0, 4_294_967_295), Default("0"), "amount X"),
        Attribute::value("y", Is::Number(0, 4_294_967_295), Default("0"), "amount Y"),
        Attribute::bare("<name> [always]", "a method, in the order of preference")
            .with(RULE)
            .many(),
    ],
    doc: "Rules of cardholder verification: `enciphered_pin_online when supported else next`.",
    reference: "EMV Book 3, 10.5 and Annex C3 (tag 8E)",
    ..BLOCK
};

const ACTION_CODES: Kind = Kind {
    name: "profile.action_codes",
    attributes: &[
        Attribute::value("denial", Is::Flags("tvr"), Default("[]"), "decline offline")
            .from("tag 9F0E"),
        Attribute::value("online", Is::Flags("tvr"), Default("all"), "go online").from("tag 9F0F"),
        Attribute::value(
            "default",
            Is::Flags("tvr"),
            Default("all"),
            "decline when offline only",
        )
        .from("tag 9F0D"),
    ],
    doc: "Issuer action codes, by the results that lead there.",
    reference: "EMV Book 3, 10.7",
    ..BLOCK
};

const DATA: Kind = Kind {
    name: "profile.data",
    attributes: &[Attribute::value(
        "<tag>",
        Is::Element,
        Optional,
        "a data element: `#5F20 = …` or `cardholder_name = …`; with `when` only for some orders",
    )
    .with(WHEN)],
    doc: "Data elements of the application.",
    reference: "EMV Book 3, Annex A",
    ..BLOCK
};

const RECORDS: Kind = Kind {
    name: "profile.records",
    merge: Merge::Replace,
    attributes: &[Attribute::value(
        "sfi <number> record <number> [signed]",
        Is::TagList,
        Optional,
        "a record; `signed` ones are static data to be authenticated; with `when` only for some \
         orders",
    )
    .with(WHEN)],
    doc: "Files and records of the application; the AFL follows from them.",
    reference: "EMV Book 3, 7.5 and 10.2",
    ..BLOCK
};

const DDA: Kind = Kind {
    name: "profile.dda",
    attributes: &[
        Attribute::value("key", Is::Call(&["rsa"]), Required, "size: `rsa(1408, 3)`"),
        Attribute::value(
            "certified_by",
            Is::Key(&["emv.issuer_private"]),
            Required,
            "issuer key that signs the certificate",
        ),
        Attribute::value(
            "same_key_as",
            Is::Ref(&["profile"]),
            Optional,
            "application whose key this one shares",
        ),
    ],
    doc: "Dynamic data authentication: the chip's RSA key and its certificate.",
    reference: "EMV Book 2, 6",
    ..BLOCK
};

const SDA: Kind = Kind {
    name: "profile.sda",
    attributes: &[
        Attribute::value(
            "certified_by",
            Is::Key(&["emv.issuer_private"]),
            Required,
            "issuer key that signs the data",
        ),
        Attribute::value(
            "code",
            Is::Hex(2, 2),
            Default("x\"0000\""),
            "data authentication code, which a terminal finds inside the signature",
        )
        .from("EMV Book 3, Annex A (tag 9F45)"),
        Attribute::value(
            "reason",
            Is::Text(400),
            Optional,
            "why there are cards that can be copied; asked for where there is no `dda`",
        ),
    ],
    doc: "Static data authentication: signed static application data (tag 93).",
    reference: "EMV Book 2, 5",
    ..BLOCK
};

const KEYS: Kind = Kind {
    name: "profile.keys",
    attributes: &[
        Attribute::value(
            "ac",
            Is::KeyByOrder(&["emv.application_cryptogram"]),
            Required,
            "issuer master key for cryptograms",
        ),
        Attribute::value(
            "smi",
            Is::KeyByOrder(&["emv.secure_messaging_integrity"]),
            Required,
            "issuer master key for MACs of scripts",
        ),
        Attribute::value(
            "smc",
            Is::KeyByOrder(&["emv.secure_messaging_confidentiality"]),
            Required,
            "issuer master key for enciphered scripts",
        ),
        Attribute::value(
            "derivation",
            Is::Word(&["option_a", "option_b", "option_c"]),
            Default("option_a"),
            "how the chip's keys follow from the issuer's",
        )
        .from("EMV Book 2, Annex A1.4"),
    ],
    doc: "Master keys that the chip's own keys are derived from.",
    reference: "EMV Book 2, 8.1",
    ..BLOCK
};

const CVC3: Kind = Kind {
    name: "profile.cvc3",
    attributes: &[
        Attribute::value(
            "key",
            Is::KeyByOrder(&["emv.dynamic_numbers"]),
            Required,
            "issuer master key of the cards' keys",
        ),
        Attribute::value(
            "derivation",
            Is::Word(&["option_a", "option_b"]),
            Default("option_a"),
            "how the card's key follows from the issuer's",
        )
        .from("EMV Book 2, Annex A1.4"),
    ],
    doc: "Dynamic card verification codes of magnetic stripe mode: the card's key and the vectors of \
          its tracks.",
    reference: "public summaries of contactless magnetic stripe mode; DGI numbers of this house",
    ..BLOCK
};

const MAGSTRIPE: Kind = Kind {
    name: "profile.magstripe",
    dictionary: Some("mastercard"),
    attributes: &[
        Attribute::value(
            "aip",
            Is::Flags("aip"),
            Default("x\"00 00\""),
            "application interchange profile of this mode",
        )
        .from("EMV Book 3, Annex C1 (tag 82)"),
        Attribute::block(
            "data",
            "profile.data",
            "what only this mode holds, or holds with another value; tags by the dictionary \
             mastercard",
        ),
        Attribute::block(
            "records",
            "profile.records",
            "records that this mode reads, elements of the profile's own `data` too: one that both \
             modes read is written in both; the compiler lays out `data` when this is left out",
        ),
        Attribute::block("cvc3", "profile.cvc3", "the key of dynamic codes"),
    ],
    doc: "Magnetic stripe mode of an application that has another mode as well. The card answers GET \
          PROCESSING OPTIONS by what the terminal offers in #9F66: EMV mode, else magnetic stripe mode.",
    reference: "public summaries of contactless modes; DGI numbers of this house",
    ..BLOCK
};

const OFFLINE_PIN: Kind = Kind {
    name: "profile.offline_pin",
    attributes: &[
        Attribute::value(
            "value",
            Is::Expr(Want::Pin, Some(Sink::ChipEncrypted)),
            Required,
            "the PIN",
        ),
        Attribute::value(
            "tries",
            Is::Number(1, 15),
            Default("3"),
            "tries before it is blocked",
        )
        .from("tag 9F17"),
    ],
    doc: "The reference PIN; it travels in an encrypted DGI.",
    reference: "EMV CPS, DGI 8010 and 9010",
    ..BLOCK
};

const QUIRKS: Kind = Kind {
    name: "profile.quirks",
    attributes: &[Attribute::row(
        "<name>",
        Shape::Value(Is::Text(400)),
        Optional,
        "a deviation and its reason",
    )],
    doc: "Deviations of a card product as data: name and reason.",
    ..BLOCK
};
