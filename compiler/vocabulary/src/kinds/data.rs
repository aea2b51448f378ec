//! Files: formats, records, fields.

use crate::rows::{Attribute, ClauseRow, Is, Kind, Merge, Need, Shape, SpeaksOf};
use crate::{Sink, Want};

use Need::{Default, Optional};

pub(super) static KINDS: &[Kind] = &[FORMAT, RECORD];

const FORMAT: Kind = Kind {
    name: "format",
    top: true,
    types: &["fixed_width", "delimited", "cps", "machine"],
    inherits: false,
    speaks_of: SpeaksOf::Record,
    merge: Merge::ByKey,
    attributes: &[
        Attribute::value(
            "encoding",
            Is::Word(&["ascii", "latin1", "utf8"]),
            Default("utf8"),
            "characters of the file",
        ),
        Attribute::value(
            "line",
            Is::Word(&["lf", "crlf"]),
            Default("lf"),
            "end of a line",
        ),
        Attribute::value("delimiter", Is::Text(1), Default(";"), "between fields"),
        Attribute::value("quote", Is::Text(1), Default("\""), "around a field"),
        Attribute::value(
            "heading",
            Is::Truth,
            Default("false"),
            "a first line names the fields",
        ),
        Attribute::value(
            "file_name",
            Is::Expr(Want::Text(120), Some(Sink::FileName)),
            Optional,
            "name of a file that is written",
        ),
        Attribute::value(
            "transport",
            Is::Key(&["transport"]),
            Optional,
            "key that secrets in the file are under",
        ),
        Attribute::block("record <name>", "format.record", "one kind of line")
            .with(RECORD_WHEN)
            .many(),
        Attribute::bare(
            "require <expression>",
            "a rule on the file or on each record",
        )
        .with(REQUIRE)
        .many(),
    ],
    doc: "A file that is read; with `for`, a file that is written for each record of another.",
    reference: "",
};

const RECORD_WHEN: &[ClauseRow] = &[ClauseRow {
    keyword: "when",
    takes: Is::Any,
    doc: "how it is recognised: `text(1, 2) == \"DT\"`, the text at a column of a width",
}];

const REQUIRE: &[ClauseRow] = &[
    ClauseRow {
        keyword: "reject",
        takes: Is::Word(&["record", "file"]),
        doc: "what a breach refuses; the file by default when the rule speaks of the file",
    },
    ClauseRow {
        keyword: "else",
        takes: Is::Expr(Want::Text(200), Some(Sink::ErrorText)),
        doc: "what is said; public",
    },
];

const RECORD: Kind = Kind {
    name: "format.record",
    top: false,
    types: &[],
    inherits: false,
    speaks_of: SpeaksOf::Nothing,
    merge: Merge::ByKey,
    attributes: &[
        Attribute::bare("once", "it stands once in a file: header, trailer"),
        Attribute::row(
            "<name>",
            Shape::Field(Some(Sink::FileField)),
            Optional,
            "a field: `name : type at column width characters`; in a file that is written, \
             `= value`. Types: `text`, `n 8`, `digits 2`, `an 4`, `pan`, `date \"YYMM\"`, \
             `flag \"Y\"`, `pin_block(iso4, under: key)`, `hex 8`; `text[4] … each` for several; \
             `optional` after the type for one that may be blank",
        )
        .with(FIELD),
    ],
    doc: "One kind of line of a file.",
    reference: "",
};

const FIELD: &[ClauseRow] = &[
    ClauseRow {
        keyword: "at",
        takes: Is::Number(1, 100_000),
        doc: "first column, from 1",
    },
    ClauseRow {
        keyword: "width",
        takes: Is::Number(1, 10_000),
        doc: "columns",
    },
    ClauseRow {
        keyword: "as",
        takes: Is::Word(&["hex", "public", "cardholder", "sensitive"]),
        doc: "octets as hexadecimal; or how secret it is, where its type does not say enough",
    },
    ClauseRow {
        keyword: "optional",
        takes: Is::Any,
        doc: "it may be blank",
    },
    ClauseRow {
        keyword: "each",
        takes: Is::Any,
        doc: "the width is that of one of several",
    },
];
