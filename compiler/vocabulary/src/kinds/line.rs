//! Production: the machine, what a finished card must show, and the job.

use crate::rows::{Attribute, ClauseRow, Is, Kind, Merge, Need, Shape, SpeaksOf};
use crate::{Sink, Want};

use Need::{Default, Optional, Required};

pub(super) static KINDS: &[Kind] = &[
    FLOW,
    FEED,
    FLOW_CHIP,
    FLOW_STRIPE,
    FLOW_EMBOSS,
    FLOW_PRINT,
    VISION,
    FLOW_CARRIER,
    INSERT,
    SCENARIO,
    CONTACT,
    SCENARIO_STRIPE,
    CROSS,
    JOB,
    PRODUCT,
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

const fn station(pattern: &'static str, kind: &'static str, doc: &'static str) -> Attribute {
    Attribute::row(pattern, Shape::BareOrBlock(kind), Optional, doc)
}

const FLOW: Kind = Kind {
    name: "flow",
    top: true,
    types: &["machine"],
    inherits: true,
    attributes: &[
        station("feed", "flow.feed", "takes a blank from the counted stock"),
        station("chip", "flow.chip", "personalizes the chip"),
        station("stripe", "flow.stripe", "encodes the stripe"),
        station("emboss", "flow.emboss", "embosses"),
        station("print", "flow.print", "prints"),
        station("vision", "flow.vision", "reads what is on the card"),
        station("carrier", "flow.carrier", "glues the card onto its carrier"),
        station("insert", "flow.insert", "puts it into an envelope"),
    ],
    doc: "A machine: its stations in the order in which a card passes them.",
    ..BLOCK
};

const FEED: Kind = Kind {
    name: "flow.feed",
    attributes: &[
        Attribute::value(
            "stock",
            Is::Text(40),
            Required,
            "article number of the blanks",
        ),
        Attribute::value(
            "count",
            Is::Word(&["always", "at_end"]),
            Default("always"),
            "counting",
        ),
        Attribute::value(
            "reject_bin",
            Is::Text(20),
            Optional,
            "required: bin of rejected cards, by the machine's own name",
        ),
    ],
    doc: "Feeder.",
    ..BLOCK
};

const FLOW_CHIP: Kind = Kind {
    name: "flow.chip",
    attributes: &[
        Attribute::value(
            "slots",
            Is::Number(1, 64),
            Default("1"),
            "chips at the same time",
        ),
        Attribute::value(
            "retry",
            Is::Number(0, 3),
            Default("0"),
            "tries after a failed contact, before anything is written",
        ),
    ],
    doc: "Chip station.",
    ..BLOCK
};

const FLOW_STRIPE: Kind = Kind {
    name: "flow.stripe",
    attributes: &[Attribute::value(
        "verify",
        Is::Word(&["read_back", "none"]),
        Default("read_back"),
        "whether the track is read again",
    )],
    doc: "Stripe encoder.",
    ..BLOCK
};

const FLOW_EMBOSS: Kind = Kind {
    name: "flow.emboss",
    doc: "Embosser.",
    ..BLOCK
};

const FLOW_PRINT: Kind = Kind {
    name: "flow.print",
    attributes: &[Attribute::value(
        "ribbon",
        Is::Word(&["colour", "black"]),
        Default("colour"),
        "what it prints with: a black ribbon prints no pictures in colour",
    )],
    doc: "Printer.",
    ..BLOCK
};

const VISION: Kind = Kind {
    name: "flow.vision",
    attributes: &[Attribute::value(
        "read",
        Is::Readings,
        Required,
        "what the camera reads: `[front.line 1, front.line 3]`",
    )],
    doc: "Camera.",
    ..BLOCK
};

const FLOW_CARRIER: Kind = Kind {
    name: "flow.carrier",
    attributes: &[
        Attribute::value("layout", Is::Ref(&["layout"]), Required, "the page"),
        Attribute::value(
            "match",
            Is::Word(&["barcode"]),
            Default("barcode"),
            "how card and page are matched",
        ),
    ],
    doc: "Carrier attacher.",
    ..BLOCK
};

const INSERT: Kind = Kind {
    name: "flow.insert",
    attributes: &[
        Attribute::value("envelope", Is::Text(20), Required, "envelope"),
        Attribute::value(
            "sort_by",
            Is::Expr(Want::Text(40), Some(Sink::Routing)),
            Optional,
            "order of the envelopes",
        ),
    ],
    doc: "Inserter.",
    ..BLOCK
};

const SCENARIO: Kind = Kind {
    name: "scenario",
    top: true,
    types: &["validation"],
    inherits: true,
    speaks_of: SpeaksOf::Decl("card"),
    attributes: &[
        Attribute::block("contact", "scenario.interface", "through the contacts"),
        Attribute::block("contactless", "scenario.interface", "through the antenna"),
        Attribute::block("stripe", "scenario.stripe", "through the stripe reader"),
        Attribute::block("cross", "scenario.cross", "one against the other"),
    ],
    doc: "What a finished card must show to a terminal.",
    reference: "EMV Books 1 to 4",
    ..BLOCK
};

const CONTACT: Kind = Kind {
    name: "scenario.interface",
    merge: Merge::Replace,
    attributes: &[
        Attribute::bare("select <name>", "selects an application").many(),
        Attribute::bare(
            "select <name> magstripe",
            "selects it as a terminal that offers this mode alone",
        )
        .many(),
        Attribute::bare("read ndef", "reads a tag's message, as a telephone does").many(),
        Attribute::bare("read records", "reads all that the AFL names").many(),
        Attribute::bare(
            "expect data matches source",
            "each element is what the bundle says",
        )
        .many(),
        Attribute::bare(
            "authenticate offline <dda|cda|fdda|sda>",
            "verifies the certificates and a dynamic signature, or the one over static data",
        )
        .many(),
        Attribute::bare(
            "authenticate card",
            "the keys of an access card answer a challenge, as their certificates say",
        )
        .many(),
        Attribute::bare(
            "authenticate management",
            "card and issuer prove to each other that they know an access card's management key",
        )
        .many(),
        Attribute::bare("verify pin <expression>", "VERIFY with the order's PIN").many(),
        Attribute::bare(
            "purchase <money> expect <arqc|cvc3> signed_by <name>",
            "a transaction that goes online, its cryptogram or dynamic code verified with the \
             issuer's key",
        )
        .many(),
        Attribute::bare(
            "purchase <money> expect <arqc|cvc3>",
            "the same, verified with the application's own key, also where orders choose it",
        )
        .many(),
    ],
    doc: "Steps over one interface.",
    ..BLOCK
};

const SCENARIO_STRIPE: Kind = Kind {
    name: "scenario.stripe",
    merge: Merge::Replace,
    attributes: &[Attribute::bare(
        "expect <track1|track2> matches source",
        "the track is what it should be",
    )
    .many()],
    doc: "Steps with the stripe reader.",
    ..BLOCK
};

const CROSS: Kind = Kind {
    name: "scenario.cross",
    merge: Merge::Replace,
    attributes: &[
        Attribute::bare(
            "expect embossing matches source",
            "the lines are what they should be",
        ),
        Attribute::bare(
            "expect <expression>",
            "what every application and mode read above says: `chip.pan == stripe.pan`, `chip.expiry == stripe.expiry`, `chip.service_code == stripe.service_code`, `chip.pan == embossed.pan`",
        )
        .many(),
    ],
    doc: "Comparisons between chip, stripe and embossing.",
    ..BLOCK
};

const AFTER: &[ClauseRow] = &[ClauseRow {
    keyword: "after",
    takes: Is::Word(&["produced"]),
    doc: "when it may be printed: never before the card",
}];

const JOB: Kind = Kind {
    name: "job",
    top: true,
    attributes: &[
        Attribute::value("input", Is::Ref(&["format"]), Required, "the order file"),
        Attribute::value("record", Is::Any, Optional, "the record that is an order"),
        Attribute::value("flow", Is::Ref(&["flow"]), Required, "the machine"),
        Attribute::value(
            "card",
            Is::Ref(&["card"]),
            Optional,
            "the card, when there is only one",
        ),
        Attribute::value(
            "scenarios",
            Is::RefList(&["scenario"]),
            Optional,
            "scenarios of the only card: `[outgoing sample 1 of 200]`",
        ),
        Attribute::value(
            "products",
            Is::Expr(Want::Text(40), Some(Sink::Routing)),
            Optional,
            "the field that says which product an order asks for",
        ),
        Attribute::block("product <name>", "job.product", "a product by its code").many(),
        Attribute::value(
            "accept",
            Is::RefList(&["rule"]),
            Optional,
            "rules that each order must keep",
        ),
        Attribute::value("mailer", Is::Ref(&["layout"]), Optional, "the PIN mailer").with(AFTER),
        Attribute::value(
            "carrier",
            Is::Ref(&["layout"]),
            Optional,
            "the carrier, without a flow's",
        ),
        Attribute::value(
            "labels",
            Is::Ref(&["layout"]),
            Optional,
            "address labels, printed with the carriers",
        ),
        Attribute::value(
            "outputs",
            Is::RefList(&["format"]),
            Optional,
            "files that are written",
        ),
        Attribute::value(
            "priority",
            Is::Expr(Want::Choice(PRIORITY), Some(Sink::Routing)),
            Default("normal"),
            "which orders go first",
        ),
        Attribute::value(
            "stop_after_rejects",
            Is::Number(1, 1_000_000),
            Default("20"),
            "rejected cards after which the line stops by itself",
        ),
    ],
    doc: "A job: an order file, its cards, the line, and what the bank gets back.",
    ..BLOCK
};

const PRIORITY: &[(&str, i64)] = &[("express", 0), ("normal", 1)];

const PRODUCT: Kind = Kind {
    name: "job.product",
    attributes: &[
        Attribute::value("card", Is::Ref(&["card"]), Required, "its card"),
        Attribute::value(
            "scenarios",
            Is::RefList(&["scenario"]),
            Optional,
            "what its cards must show: `[debit_ready sample 1 of 200]`",
        ),
        Attribute::value(
            "stock",
            Is::Text(40),
            Optional,
            "article number of its blanks, when it is not the flow's",
        ),
    ],
    doc: "A product.",
    ..BLOCK
};
