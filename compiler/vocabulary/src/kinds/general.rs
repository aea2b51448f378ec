//! Who the bank is, its keys, and what belongs to the language itself.

use crate::rows::{Attribute, ClauseRow, CodeList, Is, Kind, Merge, Need, SpeaksOf};

use Need::{Default, Optional, Required};

pub(super) static KINDS: &[Kind] = &[ISSUER, KEY, LET, FN, RULE, TEST, TEST_EXPECT];

const PLAIN: Kind = Kind {
    name: "",
    top: true,
    types: &[],
    inherits: false,
    speaks_of: SpeaksOf::Nothing,
    merge: Merge::ByKey,
    dictionary: None,
    attributes: &[],
    doc: "",
    reference: "",
};

const ISSUER: Kind = Kind {
    name: "issuer",
    attributes: &[
        Attribute::value("name", Is::Text(64), Required, "name in clear words"),
        Attribute::value(
            "country",
            Is::Code(CodeList::Countries),
            Required,
            "country of the bank",
        )
        .from("ISO 3166-1"),
        Attribute::value(
            "currency",
            Is::Code(CodeList::Currencies),
            Required,
            "currency of its accounts",
        )
        .from("ISO 4217"),
        Attribute::value(
            "bin",
            Is::Text(8),
            Optional,
            "digits that every PAN of the bank begins with",
        )
        .from("ISO/IEC 7812-1"),
    ],
    doc: "The bank that issues the cards.",
    ..PLAIN
};

const KEY: Kind = Kind {
    name: "key",
    types: &["tdes2", "tdes3", "aes128", "aes192", "aes256", "rsa"],
    attributes: &[
        Attribute::value("use", Is::KeyUse, Required, "its only use").from("X9.143 key usage"),
        Attribute::value(
            "check",
            Is::Hex(3, 8),
            Optional,
            "check value of the custodian's key form, `x\"0A1B2C\"`; a TEST build takes the open test key's when it is left out",
        ),
        Attribute::value(
            "check_method",
            Is::Word(&["ecb", "gp", "cmac", "sha256"]),
            Optional,
            "how the check value is made; by default what the algorithm is used to",
        ),
        Attribute::value(
            "rid",
            Is::Hex(5, 5),
            Optional,
            "registered application provider",
        )
        .from("ISO/IEC 7816-5"),
        Attribute::value(
            "ca_index",
            Is::Number(0, 255),
            Optional,
            "CA public key index",
        )
        .from("EMV Book 2, 5.2 (tag 8F)"),
        Attribute::value(
            "certificate",
            Is::File,
            Optional,
            "certificate of an issuer key; of an authority its own (X.509, DER)",
        )
        .from("EMV Book 2, 6.3 (tag 90); RFC 5280"),
        Attribute::value(
            "ca",
            Is::File,
            Optional,
            "public key of the CA that certified it",
        ),
    ],
    doc: "A key that a site binds to an object of its HSM. The bundle carries its use and its \
          check value, never the key.",
    reference: "X9.143 (TR-31)",
    ..PLAIN
};

const LET: Kind = Kind {
    name: "let",
    doc: "A value with a name: `let icvv = cvv(cvk, order.pan, order.expiry, service: 999)`. It \
          is put in wherever its name stands.",
    ..PLAIN
};

const FN: Kind = Kind {
    name: "fn",
    doc: "A value with parameters: `fn short(text) = text |> slice(1, 8)`. It is put in wherever \
          it is called; it may not call itself.",
    ..PLAIN
};

const RULE: Kind = Kind {
    name: "rule",
    speaks_of: SpeaksOf::RecordOrKind,
    attributes: &[
        Attribute::value(
            "severity",
            Is::Word(&["error", "warning", "note"]),
            Default("error"),
            "how grave a breach is",
        ),
        Attribute::value(
            "reference",
            Is::Text(200),
            Optional,
            "where the rule comes from",
        ),
        Attribute::bare("when <expression>", "only where this holds"),
        Attribute::bare("require <expression>", "what must hold")
            .with(BECAUSE)
            .many(),
        Attribute::bare(
            "because <expression>",
            "what is said when the requirement before it does not hold; public",
        )
        .many(),
    ],
    doc: "A rule of a scheme or a bank. For a record of a format (`for orders.order`) it is a \
          condition on each order, which a job's `accept` names; for a kind (`for profile`) it is \
          checked when compiled, on every declaration of that kind.",
    ..PLAIN
};

const BECAUSE: &[ClauseRow] = &[
    ClauseRow {
        keyword: "because",
        takes: Is::Any,
        doc: "what is said when it does not hold; public; `{label}` puts in what is known",
    },
    ClauseRow {
        keyword: "for",
        takes: Is::Any,
        doc: "`for x in applications`: it must hold for every element of a list or block",
    },
];

const TEST: Kind = Kind {
    name: "test",
    attributes: &[
        Attribute::value("order", Is::Record, Required, "the order, field by field"),
        Attribute::block("expect", "test.expect", "what the card must show").many(),
        Attribute::bare("snapshot", "every output byte is kept in a reviewable file"),
    ],
    doc: "An order and what must come of it.",
    ..PLAIN
};

const TEST_EXPECT: Kind = Kind {
    name: "test.expect",
    top: false,
    attributes: &[
        Attribute::bare(
            "<expression>",
            "what must hold, such as `chip.#5F20 == \"…\"`",
        )
        .many(),
        Attribute::bare("<name> <expression>", "`front.line 1 == \"…\"`").many(),
        Attribute::bare(
            "<name> <starts|ends|contains> <text>",
            "`stripe.track2 starts \"…\"`",
        )
        .many(),
        Attribute::bare(
            "<name> <expression> <starts|ends|contains> <text>",
            "`back.panel \"cvv2\" ends \"…\"`",
        )
        .many(),
    ],
    doc: "Conditions over `chip.#TAG`, `chip.APPLICATION.#TAG`, `stripe.track2`, `front.line 1`, \
          `back.panel \"cvv2\"`. A test that looks at `rejected` (the code), `rejected.field` or \
          `rejected.reason` wants its order to be refused.",
    ..PLAIN
};
