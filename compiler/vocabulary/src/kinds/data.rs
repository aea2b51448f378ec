//! Files: formats, records, fields.

use crate::rows::{Attribute, ClauseRow, Is, Kind, Merge, Need, Shape, SpeaksOf};
use crate::{Sink, Want};

use Need::{Default, Optional, Required};

pub(super) static KINDS: &[Kind] = &[FORMAT, RECORD, TABLE];

const FORMAT: Kind = Kind {
    name: "format",
    top: true,
    types: &[
        "fixed_width",
        "delimited",
        "tagged",
        "tlv",
        "xml",
        "json",
        "spreadsheet",
        "cps",
        "machine",
    ],
    inherits: false,
    speaks_of: SpeaksOf::Record,
    merge: Merge::ByKey,
    dictionary: None,
    attributes: &[
        Attribute::value(
            "encoding",
            Is::Word(ENCODINGS),
            Default("utf8"),
            "characters of the file: ISO/IEC 8859-n as `latin1` to `latin10`, EBCDIC by code page",
        ),
        Attribute::value(
            "line",
            Is::Word(&["lf", "crlf", "nel"]),
            Default("lf"),
            "end of a line; `nel` is EBCDIC's own",
        ),
        Attribute::value(
            "framing",
            Is::Word(&["lines", "blocks", "prefixed"]),
            Default("lines"),
            "how records are told apart: by line ends, by their one length, by a length before each",
        ),
        Attribute::value(
            "block",
            Is::Number(1, 65_535),
            Optional,
            "octets of each record, with `framing = blocks`",
        ),
        Attribute::value(
            "prefix",
            Is::Word(PREFIXES),
            Optional,
            "the length before each record, with `framing = prefixed`: octets, the highest or (little) \
             the lowest first; decimal digits; a record descriptor word",
        ),
        Attribute::value(
            "prefix_counts",
            Is::Word(&["record", "all"]),
            Default("record"),
            "whether the length counts the prefix too",
        ),
        Attribute::value(
            "tag_width",
            Is::Number(0, 16),
            Default("2"),
            "tagged records: characters of a tag; with 0 the fields stand in their order",
        ),
        Attribute::value(
            "length_width",
            Is::Number(1, 6),
            Default("3"),
            "tagged records: digits of the length before each value",
        ),
        Attribute::value(
            "assign",
            Is::Text(1),
            Optional,
            "tagged records without lengths: between tag and value, such as `=`",
        ),
        Attribute::value(
            "separator",
            Is::Text(1),
            Default(";"),
            "tagged records without lengths: between fields",
        ),
        Attribute::value(
            "sheet",
            Is::Text(31),
            Optional,
            "a spreadsheet's sheet by its name; the first without it",
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
        Attribute::bare(
            "join <name>",
            "a second file, a record of which belongs to each order; its fields are called by \
             this name: `join branch of branches.branch on order.branch == branch.code`",
        )
        .with(JOIN)
        .many(),
        Attribute::value(
            "sort_by",
            Is::Any,
            Optional,
            "what the orders of a written file are sorted by: a value or a list",
        ),
        Attribute::value(
            "break_by",
            Is::Any,
            Optional,
            "what the orders of a group have in common: a value or a list; the file is sorted by \
             it first",
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

const ENCODINGS: &[&str] = &[
    "ascii",
    "ebcdic037",
    "ebcdic500",
    "ebcdic1047",
    "ebcdic1140",
    "latin1",
    "latin2",
    "latin3",
    "latin4",
    "latin5",
    "latin6",
    "latin7",
    "latin8",
    "latin9",
    "latin10",
    "utf16",
    "utf16be",
    "utf16le",
    "utf8",
];

const PREFIXES: &[&str] = &[
    "binary_2",
    "binary_4",
    "little_2",
    "little_4",
    "decimal_4",
    "decimal_5",
    "decimal_6",
    "rdw",
];

const JOIN: &[ClauseRow] = &[
    ClauseRow {
        keyword: "of",
        takes: Is::Any,
        doc: "format and record of the second file: `branches.branch`",
    },
    ClauseRow {
        keyword: "on",
        takes: Is::Any,
        doc: "the key: fields of the order and of the second file that are equal",
    },
    ClauseRow {
        keyword: "optional",
        takes: Is::Any,
        doc: "an order may find no record; the fields are blank then",
    },
];

const RECORD_WHEN: &[ClauseRow] = &[
    ClauseRow {
        keyword: "when",
        takes: Is::Any,
        doc: "how it is recognised: `text(1, 2) == \"DT\"`, the text at a column of a width; \
              `column(1) == \"DT\"`, a whole column; `field(\"type\") == \"DT\"`, a field by its \
              tag or path",
    },
    ClauseRow {
        keyword: "of",
        takes: Is::Any,
        doc: "the order's record that it is a part of: details, continuation",
    },
    ClauseRow {
        keyword: "at",
        takes: Is::Any,
        doc: "where it stands in XML and JSON, `\"orders/order\"`; its template in TLV, `#E1`",
    },
];

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
    ClauseRow {
        keyword: "per",
        takes: Is::Any,
        doc: "the closing record of a group: the rule holds for each group, not for the file",
    },
];

const RECORD: Kind = Kind {
    name: "format.record",
    top: false,
    types: &[],
    inherits: false,
    speaks_of: SpeaksOf::Nothing,
    merge: Merge::ByKey,
    dictionary: None,
    attributes: &[
        Attribute::bare("once", "it stands once in a file: header, trailer"),
        Attribute::bare(
            "most <number>",
            "how often a part may stand in one order; 1 without it. With more, its fields are lists",
        ),
        Attribute::bare(
            "least <number>",
            "how often a part must stand in one order; 0 without it",
        ),
        Attribute::bare(
            "opens group",
            "it stands before a group of orders, and holds for them",
        ),
        Attribute::bare("closes group", "it stands behind a group of orders"),
        Attribute::row(
            "<name>",
            Shape::Field(Some(Sink::FileField)),
            Optional,
            "a field: `name : type at column width characters`; in a file that is written, \
             `= value`. Types: `text`, `n 8`, `digits 2`, `an 4`, `pan`, `date \"YYMM\"`, \
             `flag \"Y\"`, `one_of(\"DEBI\", \"GOLD\")`, `pin_block(iso4, under: key)`, `hex 8`; \
             `picture(jpeg, png, folder: \"photos\", least: (300, 400))` for a file that comes with the order; \
             `text[4] … each` for several; \
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
        takes: Is::Any,
        doc: "first column, from 1; number of the field; its tag, path or heading as text or tag",
    },
    ClauseRow {
        keyword: "width",
        takes: Is::Number(1, 10_000),
        doc: "columns",
    },
    ClauseRow {
        keyword: "as",
        takes: Is::Word(&[
            "hex",
            "bcd",
            "binary",
            "little",
            "octets",
            "packed",
            "zoned",
            "signed",
            "public",
            "cardholder",
            "sensitive",
        ]),
        doc: "how it stands in the record: hexadecimal, digits two an octet, binary numbers, bare \
              octets, packed or zoned decimal, with a sign; or how secret it is, where its type \
              does not say enough",
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

const TABLE: Kind = Kind {
    name: "table",
    top: true,
    types: &[],
    inherits: false,
    speaks_of: SpeaksOf::Nothing,
    merge: Merge::ByKey,
    dictionary: None,
    attributes: &[
        Attribute::value(
            "key",
            Is::Any,
            Required,
            "what a row is found by: `code`, a column; `prefix(bin)`, the longest beginning of what \
             is looked up; `from..to`, two columns of digits, a range that holds its beginning",
        ),
        Attribute::value(
            "rows",
            Is::Any,
            Optional,
            "the rows, when they stand in the source: `[(\"DEBI\", \"DEBIT\"), …]`, in the order \
             of the columns",
        ),
        Attribute::value(
            "separator",
            Is::Text(1),
            Default(","),
            "between the cells of the file",
        ),
        Attribute::row(
            "<name>",
            Shape::Field(None),
            Optional,
            "a column: `text 30`, `an 4`, `digits 8`, `n 3`, `hex 16`, `flag \"Y\"`; `optional` \
             for a text that may be blank; `as cardholder` or `as sensitive` for what is not public",
        )
        .with(COLUMN),
    ],
    doc: "Rows that are known when compiled, from a CSV file (`table branches = \
          file(\"branches.csv\") { … }`; its first line names the columns) or from the source. \
          `lookup(branches.city, order.branch, else: \"\")` finds a cell, `listed` asks whether a \
          row is there, and `for row in branches` makes a declaration or entry for each row.",
    reference: "RFC 4180 (CSV)",
};

const COLUMN: &[ClauseRow] = &[
    ClauseRow {
        keyword: "as",
        takes: Is::Word(&["public", "cardholder", "sensitive"]),
        doc: "how secret the column is; public when it is left out",
    },
    ClauseRow {
        keyword: "optional",
        takes: Is::Any,
        doc: "it may be blank",
    },
];
