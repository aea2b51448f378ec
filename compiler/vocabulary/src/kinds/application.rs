//! Applications beside EMV's, and data groupings in every style that cards ask for.

use crate::rows::{Attribute, ClauseRow, Is, Kind, Merge, Need, Shape, SpeaksOf};
use crate::{Sink, Want};

use Need::{Default, Optional, Required};

pub(super) static KINDS: &[Kind] = &[APPLICATION, CERTIFICATE, INSTALL, DGIS, STRUCT, BLOB];

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

const APPLICATION: Kind = Kind {
    name: "application",
    top: true,
    inherits: true,
    speaks_of: SpeaksOf::Record,
    attributes: &[
        Attribute::value("aid", Is::Hex(5, 16), Required, "application identifier")
            .from("ISO/IEC 7816-5"),
        Attribute::value(
            "interfaces",
            Is::WordList(&["contact", "contactless"]),
            Default("contact"),
            "where it is reached",
        ),
        Attribute::block(
            "install",
            "application.install",
            "how the instance is made, where the card does not hold it yet",
        ),
        Attribute::value(
            "script",
            Is::Ref(&["script"]),
            Optional,
            "commands that personalize it, in the place of DGIs",
        ),
        Attribute::value(
            "pin",
            Is::Expr(Want::Pin, None),
            Optional,
            "the PIN that a scenario verifies, of an access card",
        ),
        Attribute::block("data", "profile.data", "data elements by tag or by name"),
        Attribute::block(
            "dgis",
            "profile.dgis",
            "data groupings in the order of sending",
        ),
        Attribute::block("quirks", "profile.quirks", "deviations of the card product"),
    ],
    doc: "An application that is not EMV's: what its data groupings hold.",
    reference: "EMV CPS, GlobalPlatform Card Specification",
    ..BLOCK
};

/// Parts of a name and their longest texts (RFC 5280, appendix A.1).
const fn name_part(pattern: &'static str, most: u32, need: Need, doc: &'static str) -> Attribute {
    Attribute::value(
        pattern,
        Is::Expr(Want::Text(most), Some(Sink::ChipClear)),
        need,
        doc,
    )
}

const CERTIFICATE: Kind = Kind {
    name: "certificate",
    top: true,
    inherits: true,
    speaks_of: SpeaksOf::Record,
    attributes: &[
        Attribute::value(
            "issuer",
            Is::Key(&["certificate_signing"]),
            Required,
            "key of the authority that signs",
        ),
        Attribute::value(
            "serial",
            Is::Expr(Want::Octets, Some(Sink::ChipClear)),
            Required,
            "serial number, 1 to 20 octets, another one for each certificate",
        )
        .from("RFC 5280, 4.1.2.2"),
        name_part("common_name", 64, Required, "whose key it is"),
        name_part("serial_number", 64, Optional, "number of the holder"),
        name_part("unit", 64, Optional, "organizational unit"),
        name_part("organization", 64, Optional, "organization"),
        name_part("country", 2, Optional, "country, two letters (ISO 3166-1)"),
        Attribute::value(
            "not_before",
            Is::Expr(Want::Date, Some(Sink::ChipClear)),
            Required,
            "first day",
        ),
        Attribute::value(
            "not_after",
            Is::Expr(Want::Date, Some(Sink::ChipClear)),
            Required,
            "last day",
        ),
        Attribute::value(
            "usage",
            Is::WordList(&[
                "data_encipherment",
                "digital_signature",
                "key_agreement",
                "key_encipherment",
                "non_repudiation",
            ]),
            Default("[digital_signature]"),
            "what the key may be used for",
        )
        .from("RFC 5280, 4.2.1.3"),
        Attribute::value(
            "extended",
            Is::WordList(&[
                "card_authentication",
                "client_authentication",
                "content_signing",
                "email_protection",
                "server_authentication",
                "smart_card_logon",
            ]),
            Default("[]"),
            "purposes",
        )
        .from("RFC 5280, 4.2.1.12; FIPS 201"),
    ],
    doc: "The X.509 certificate of a key that a card makes: `certify(login, own_key)` in a script.",
    reference: "RFC 5280",
    ..BLOCK
};

/// Privileges of an instance.
const PRIVILEGES: &[&str] = &[
    "authorized_management",
    "card_lock",
    "card_terminate",
    "ciphered_load_file",
    "contactless_activation",
    "contactless_self_activation",
    "cvm_management",
    "dap_verification",
    "default_selected",
    "delegated_management",
    "final_application",
    "global_delete",
    "global_lock",
    "global_registry",
    "global_service",
    "mandated_dap_verification",
    "receipt_generation",
    "security_domain",
    "token_verification",
    "trusted_path",
];

const INSTALL: Kind = Kind {
    name: "application.install",
    attributes: &[
        Attribute::value(
            "module",
            Is::Hex(5, 16),
            Required,
            "AID of the applet in its load file",
        ),
        Attribute::value(
            "package",
            Is::Hex(5, 16),
            Optional,
            "AID of the load file, where the card's maker has loaded it; else the card's `load`",
        ),
        Attribute::value(
            "privileges",
            Is::WordList(PRIVILEGES),
            Default("[]"),
            "what the instance may do beyond its own data",
        )
        .from("GlobalPlatform Card Specification, 11.1.2"),
        Attribute::value(
            "parameters",
            Is::Hex(0, 120),
            Default("x\"\""),
            "the applet's own parameters (inside C9)",
        )
        .from("GlobalPlatform Card Specification, 11.5.2.3.7"),
    ],
    doc: "INSTALL [for install and make selectable].",
    reference: "GlobalPlatform Card Specification, 11.5",
    ..BLOCK
};

/// `dgi 0x8400 blob with pkcs7 { … }`.
const PADDED: &[ClauseRow] = &[ClauseRow {
    keyword: "with",
    takes: Is::Word(&[
        "no_padding",
        "iso7816_always",
        "iso7816_if_needed",
        "pkcs7",
        "zeros",
    ]),
    doc: "padding before encryption",
}];

const DGIS: Kind = Kind {
    name: "profile.dgis",
    attributes: &[
        Attribute::value(
            "grouping",
            Is::Word(&["pack", "one_per_command"]),
            Default("pack"),
            "whether small DGIs share a command",
        )
        .from("EMV CPS"),
        Attribute::value(
            "order",
            Is::Any,
            Optional,
            "numbers of DGIs that go first, in this order; the others follow as they stand",
        )
        .from("EMV CPS, ORDER"),
        Attribute::bare(
            "join <number> to <number>",
            "the first DGI travels in the command of the second",
        )
        .from("EMV CPS, GROUP")
        .many(),
        Attribute::bare(
            "leave out <number>",
            "a DGI that the compiler would make and this card does not take",
        )
        .many(),
        Attribute::value(
            "dgi <number> template <number>",
            Is::Any,
            Optional,
            "a template around data elements: `dgi 0x9102 template 0xA5 = [#50, #87]`; a list \
             behind a tag is a template inside it",
        ),
        Attribute::value(
            "dgi <number> tlv",
            Is::Any,
            Optional,
            "data elements one after another: `dgi 0x3000 tlv = [#9F36, #9F10]`",
        ),
        Attribute::value(
            "dgi <number> raw",
            Is::Expr(Want::Octets, Some(Sink::ChipClear)),
            Optional,
            "octets as they are",
        ),
        Attribute::bare(
            "dgi <number> empty",
            "a DGI of no octets, such as a command to the card",
        ),
        Attribute::block(
            "dgi <number> struct",
            "dgi.struct",
            "parts at fixed places, without tags",
        ),
        Attribute::block(
            "dgi <number> blob",
            "dgi.blob",
            "the same, enciphered under the channel's data encryption key: keys and PINs",
        )
        .with(PADDED),
    ],
    doc: "Data groupings: in a profile they stand for those that the compiler would make, or \
          beside them; an application has only these.",
    reference: "EMV CPS; GlobalPlatform Card Specification, 11.11",
    ..BLOCK
};

const PARTS: &str = "a part: `b 2` octets or a number, `n 6` packed digits, `cn 10` digits with F \
                     behind, `an 8` and `ans 16` text with spaces behind, `date \"YYMMDD\"`, \
                     `check_value(option_a)` of a key";

const STRUCT: Kind = Kind {
    name: "dgi.struct",
    merge: Merge::Replace,
    attributes: &[Attribute::row("<name>", Shape::Part, Optional, PARTS)],
    doc: "Parts in their order: `counter : b 2 = 0`.",
    ..BLOCK
};

const BLOB: Kind = Kind {
    name: "dgi.blob",
    merge: Merge::Replace,
    attributes: &[Attribute::row(
        "<name>",
        Shape::Part,
        Optional,
        "a part as in a struct, or `pin(iso2)` (formats ascii, iso0, iso1, iso2, packed, plain0), \
         or `key(option_a)`: the card's own key of an issuer master key",
    )],
    doc: "Parts in their order, put together inside the HSM: `reference : pin(iso2) = order.pin`.",
    ..BLOCK
};
