//! The functions of the language, and the instruction of the bundle that each becomes.

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Octets.
    Bytes,
    /// Words of a bit field.
    BitWords,
    /// A block of cases: `{ "DEBI" = …; "GOLD" = … }`.
    Cases,
    /// A column of a table.
    Column,
    /// A whole number from the first to the second, known when compiled.
    ConstNumber(i64, i64),
    /// A text that is known when compiled.
    ConstText,
    /// A date.
    Date,
    /// One of these words: expiry orders, PIN block formats.
    Word(&'static [&'static str]),
    /// A key with one of these uses.
    Key(&'static [&'static str]),
    /// A list of lines, or a text.
    Lines,
    /// A number.
    Number,
    /// A PIN.
    Pin,
    /// A record of the format.
    Record,
    /// A service code, three digits.
    Service,
    /// A table.
    Table,
    /// A tag.
    Tag,
    /// Text.
    Text,
}

/// What the result is, and how its length follows from the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// As many octets as the first argument has characters, times so many.
    BytesTimes(u32),
    /// As many octets as the constant argument with this number says.
    BytesOfArg(usize),
    /// Octets: half as many as the first argument has characters, rounded up.
    HalfBytes,
    /// Octets: all arguments one after another.
    SumBytes,
    /// A TLV around the last argument.
    Tlv,
    /// Any octets.
    Bytes,
    /// A date.
    Date,
    /// Exactly so many digits.
    Digits(u32),
    /// A condition.
    Flag,
    /// Text in groups: the first argument with a space after each group.
    Grouped,
    /// Two characters for each octet.
    HexText,
    /// Lines.
    Lines,
    /// A number.
    Number,
    /// A PIN.
    Pin,
    /// Text as long as the pattern, which is the argument with this number.
    Pattern(usize),
    /// The same type as the first argument.
    Same,
    /// Text no longer than the first argument, nor than the constant argument with this number.
    Shortened(usize),
    /// Text of the first argument's length, times so many at most.
    TextTimes(u32),
    /// Text at least as long as the constant argument with this number.
    Padded(usize),
    /// Text no longer than the constant argument with this number, from a place in the first.
    Cut(usize),
    /// Track 1.
    Track1,
    /// Track 2.
    Track2,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Name, for named arguments.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What stands for it when it is left out; `None` when it may not be.
    pub default: Option<&'static str>,
    /// Whether it must be given by name.
    pub named: bool,
}

/// One function.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Name.
    pub name: &'static str,
    /// Name of the bundle's instruction; of a function that the compiler carries out itself its own.
    pub instruction: &'static str,
    /// Parameters.
    pub params: &'static [Param],
    /// Whether the last parameter may be given any number of times.
    pub variadic: bool,
    /// Result.
    pub gives: Gives,
    /// Meaning.
    pub doc: &'static str,
}

const fn p(name: &'static str, takes: Takes) -> Param {
    Param {
        name,
        takes,
        default: None,
        named: false,
    }
}

const fn d(name: &'static str, takes: Takes, default: &'static str) -> Param {
    Param {
        name,
        takes,
        default: Some(default),
        named: false,
    }
}

const fn named(name: &'static str, takes: Takes, default: Option<&'static str>) -> Param {
    Param {
        name,
        takes,
        default,
        named: true,
    }
}

const fn f(
    name: &'static str,
    instruction: &'static str,
    params: &'static [Param],
    gives: Gives,
    doc: &'static str,
) -> Function {
    Function {
        name,
        instruction,
        params,
        variadic: false,
        gives,
        doc,
    }
}

const fn many(mut function: Function) -> Function {
    function.variadic = true;
    function
}

use Takes::{Bytes, ConstNumber, ConstText, Date, Key, Lines, Number, Pin, Record, Service, Text};

const TEXT: Param = p("text", Text);
const BYTES: Param = p("bytes", Bytes);
const PAN: Param = p("pan", Text);
const EXPIRY: Param = p("expiry", Date);
const CVK: Param = p("key", Key(&["card_verification"]));
const IBM: Param = p("key", Key(&["pin_verification_ibm3624"]));
const ORDER: Param = named("order", Takes::Word(&["YYMM", "MMYY"]), Some("YYMM"));
const TABLE: Param = named("table", ConstText, Some("0123456789012345"));
const START: Param = named("start", ConstNumber(1, 19), Some("1"));
const WIDTH: Param = named("length", ConstNumber(1, 16), Some("12"));
const PAD: Param = named("pad", ConstText, Some("F"));
const FORMATS: Takes = Takes::Word(&["iso0", "iso1", "iso2", "iso3", "iso4"]);

/// All functions, in alphabetical order.
pub static FUNCTIONS: &[Function] = &[
    f(
        "ascii",
        "ascii",
        &[TEXT],
        Gives::BytesTimes(1),
        "text as ASCII octets",
    ),
    f(
        "bcd",
        "bcd",
        &[TEXT, p("octets", ConstNumber(1, 255))],
        Gives::BytesOfArg(1),
        "digits as EMV format n in so many octets",
    ),
    f(
        "bits",
        "bits",
        &[p("field", ConstText), p("words", Takes::BitWords)],
        Gives::Bytes,
        "octets of a bit field out of its words, such as `bits(csu, [issuer_approves])`",
    ),
    f(
        "character_count",
        "character_count",
        &[TEXT],
        Gives::Number,
        "how many characters a text has",
    ),
    f(
        "cn",
        "cn",
        &[TEXT, p("octets", ConstNumber(1, 255))],
        Gives::BytesOfArg(1),
        "digits as EMV format cn in so many octets, filled with F",
    ),
    f(
        "compact_cn",
        "compact_cn",
        &[TEXT],
        Gives::HalfBytes,
        "digits as EMV format cn, as short as possible",
    ),
    many(f(
        "concat",
        "concat",
        &[BYTES],
        Gives::SumBytes,
        "octets one after another",
    )),
    f(
        "count",
        "count",
        &[p("record", Record)],
        Gives::Number,
        "how many records of a kind the file or group holds, or an order of its parts",
    ),
    f(
        "cvv",
        "cvv",
        &[CVK, PAN, EXPIRY, named("service", Service, None), ORDER],
        Gives::Digits(3),
        "card verification value for a service code: 999 makes the chip's iCVV",
    ),
    f(
        "cvv2",
        "cvv",
        &[CVK, PAN, EXPIRY, ORDER],
        Gives::Digits(3),
        "card verification value that is printed (service code 000)",
    ),
    f(
        "date",
        "date",
        &[TEXT, p("pattern", ConstText)],
        Gives::Date,
        "a date from text by a pattern of YYYY, YY, MM, DD",
    ),
    f(
        "embossing_name",
        "embossing_name",
        &[TEXT, d("characters", ConstNumber(2, 99), "26")],
        Gives::Shortened(1),
        "a name in the embosser's letters, shortened by the trade's rules",
    ),
    f(
        "emv_name",
        "emv_name",
        &[TEXT, d("characters", ConstNumber(2, 99), "26")],
        Gives::Shortened(1),
        "a name as SURNAME/FIRST, as tag 5F20 and track 1 have it",
    ),
    f(
        "encrypt",
        "encrypt",
        &[BYTES, named("under", Key(&["transport"]), None)],
        Gives::Bytes,
        "octets under a transport key: the operation that lets sensitive data into a file",
    ),
    f(
        "format_date",
        "format_date",
        &[p("date", Date), p("pattern", ConstText)],
        Gives::Pattern(1),
        "a date by a pattern; `date |> \"MM/YY\"` says the same",
    ),
    f(
        "greeting_name",
        "greeting_name",
        &[TEXT],
        Gives::Same,
        "a name as written, spaces tidied",
    ),
    f(
        "groups",
        "groups",
        &[TEXT, d("size", ConstNumber(1, 99), "4")],
        Gives::Grouped,
        "text in groups with spaces between",
    ),
    f(
        "hash_total",
        "",
        &[p("field", Record), p("digits", ConstNumber(1, 18))],
        Gives::Number,
        "the low digits of a field's sum over the records of the file or group",
    ),
    f(
        "hex",
        "hex",
        &[BYTES],
        Gives::HexText,
        "octets as hexadecimal",
    ),
    f(
        "ibm3624_offset",
        "ibm3624_offset",
        &[IBM, PAN, p("pin", Pin), TABLE, START, WIDTH, PAD],
        Gives::Digits(4),
        "IBM 3624 offset of a PIN",
    ),
    f(
        "icvv",
        "cvv",
        &[CVK, PAN, EXPIRY, ORDER],
        Gives::Digits(3),
        "card verification value of the chip (service code 999)",
    ),
    f(
        "is_blank",
        "is_blank",
        &[TEXT],
        Gives::Flag,
        "whether a text is empty or only spaces",
    ),
    f(
        "kcv",
        "",
        &[p("key", Key(&[]))],
        Gives::HexText,
        "the check value of a key: public",
    ),
    f(
        "last_digits",
        "last_digits",
        &[TEXT],
        Gives::Digits(4),
        "the last four characters: public, of a whole value of cardholder data",
    ),
    f(
        "latin",
        "latin",
        &[TEXT],
        Gives::TextTimes(2),
        "text in Latin letters without accents",
    ),
    f(
        "latin1",
        "latin1",
        &[TEXT],
        Gives::BytesTimes(1),
        "text as ISO/IEC 8859-1 octets",
    ),
    f(
        "length",
        "length",
        &[BYTES],
        Gives::Number,
        "how many octets",
    ),
    f(
        "line",
        "one_line",
        &[p("lines", Lines), p("number", ConstNumber(1, 99))],
        Gives::TextTimes(1),
        "one line of a list, from 1; blank when there is none",
    ),
    many(f(
        "lines",
        "lines",
        &[p("line", Lines)],
        Gives::Lines,
        "a list of lines",
    )),
    f(
        "listed",
        "",
        &[p("table", Takes::Table), p("key", Text)],
        Gives::Flag,
        "whether a table has a row for a key",
    ),
    f(
        "lookup",
        "",
        &[
            p("column", Takes::Column),
            p("key", Text),
            named("else", Text, Some("")),
        ],
        Gives::Same,
        "a cell of the row that a key finds: `lookup(branches.city, order.branch, else: \"\")`; \
         without `else` where a rule or a condition says that the key is `listed`",
    ),
    f("lower", "lower", &[TEXT], Gives::Same, "small letters"),
    f(
        "luhn",
        "luhn",
        &[TEXT],
        Gives::Flag,
        "whether the check digit is right",
    ),
    f(
        "mask",
        "mask",
        &[TEXT],
        Gives::TextTimes(1),
        "first six and last four characters, stars between: public, of a whole value of cardholder \
         data",
    ),
    f(
        "match",
        "",
        &[
            p("value", Text),
            p("cases", Takes::Cases),
            named("else", Text, Some("")),
        ],
        Gives::Same,
        "the value of the case that fits: `match(order.product, { \"DEBI\" = …; \"GOLD\" = … }, \
         else: …)`; without `else` where the cases are all that the value's type allows",
    ),
    f(
        "month_end",
        "month_end",
        &[p("date", Date)],
        Gives::Date,
        "the last day of the month",
    ),
    Function {
        variadic: true,
        ..f(
            "ndef_message",
            "ndef_message",
            &[BYTES],
            Gives::Bytes,
            "NDEF records as one message: `ndef_message(ndef_uri(\"https://…\"), ndef_text(…))`",
        )
    },
    f(
        "ndef_text",
        "ndef_text",
        &[TEXT, d("language", ConstText, "en")],
        Gives::Bytes,
        "an NDEF text record in a language, such as `\"en\"`",
    ),
    f(
        "ndef_uri",
        "ndef_uri",
        &[TEXT],
        Gives::Bytes,
        "an NDEF record with a web address or another URI, shortened as the standard says",
    ),
    f(
        "number_bytes",
        "number_bytes",
        &[p("number", Number), p("octets", ConstNumber(1, 255))],
        Gives::BytesOfArg(1),
        "a number in so many octets",
    ),
    f(
        "number_text",
        "number_text",
        &[p("number", Number), d("digits", ConstNumber(1, 18), "1")],
        Gives::Padded(1),
        "a number with at least so many digits",
    ),
    f(
        "pad_left",
        "pad_left",
        &[
            TEXT,
            p("width", ConstNumber(1, 999)),
            d("fill", ConstText, " "),
        ],
        Gives::Padded(1),
        "filled on the left",
    ),
    f(
        "pad_right",
        "pad_right",
        &[
            TEXT,
            p("width", ConstNumber(1, 999)),
            d("fill", ConstText, " "),
        ],
        Gives::Padded(1),
        "filled on the right",
    ),
    f(
        "pin.generate",
        "pin.generate",
        &[d("digits", ConstNumber(4, 12), "4")],
        Gives::Pin,
        "a random PIN, drawn once for each order; each call that is written draws its own: name it by a `let` where card and letter have one",
    ),
    f(
        "pin.natural",
        "pin.natural",
        &[
            IBM,
            PAN,
            d("digits", ConstNumber(4, 12), "4"),
            TABLE,
            START,
            WIDTH,
            PAD,
        ],
        Gives::Pin,
        "IBM 3624 natural PIN",
    ),
    f(
        "pin_block",
        "pin.export",
        &[
            p("pin", Pin),
            PAN,
            named("format", FORMATS, Some("iso0")),
            named("under", Key(&["pin_encryption"]), None),
        ],
        Gives::Bytes,
        "an enciphered PIN block",
    ),
    f(
        "pvv",
        "pvv",
        &[
            p("key", Key(&["pin_verification_pvv"])),
            PAN,
            p("pin", Pin),
            named("index", ConstNumber(1, 6), Some("1")),
        ],
        Gives::Digits(4),
        "PIN verification value",
    ),
    f(
        "sequence",
        "",
        &[p(
            "of",
            Takes::Word(&["file", "files", "group", "lines", "groups"]),
        )],
        Gives::Number,
        "the whole value of a written field: numbers its records in the file or the group, all \
         records of the file, or the groups",
    ),
    f(
        "slice",
        "slice",
        &[
            TEXT,
            p("from", ConstNumber(1, 9_999)),
            p("count", ConstNumber(1, 9_999)),
        ],
        Gives::Cut(2),
        "characters from a place (1 is the first)",
    ),
    f(
        "starts",
        "starts",
        &[TEXT, p("beginning", Text)],
        Gives::Flag,
        "whether a text begins so",
    ),
    f(
        "sum",
        "",
        &[p("field", Record)],
        Gives::Number,
        "the sum of a field over the records of the file or group, or over the parts of an order",
    ),
    f(
        "tidy_lines",
        "tidy_lines",
        &[p("lines", Lines)],
        Gives::Lines,
        "lines without the blank ones",
    ),
    f(
        "tlv",
        "tlv",
        &[p("tag", Takes::Tag), BYTES],
        Gives::Tlv,
        "octets as BER-TLV",
    ),
    f(
        "to_number",
        "to_number",
        &[TEXT],
        Gives::Number,
        "digits as a number",
    ),
    many(f(
        "track1",
        "track1",
        &[
            PAN,
            p("name", Text),
            EXPIRY,
            p("service", Service),
            p("discretionary", Text),
        ],
        Gives::Track1,
        "track 1 between its sentinels",
    )),
    many(f(
        "track2",
        "track2",
        &[PAN, EXPIRY, p("service", Service), p("discretionary", Text)],
        Gives::Track2,
        "track 2 between its sentinels; as octets (tag 57) its equivalent",
    )),
    f(
        "unhex",
        "unhex",
        &[TEXT],
        Gives::HalfBytes,
        "hexadecimal as octets",
    ),
    many(f(
        "unique",
        "unique",
        &[p("field", Text)],
        Gives::Flag,
        "whether no other record has the same fields; only in rules of a format",
    )),
    f("upper", "upper", &[TEXT], Gives::Same, "capital letters"),
    f(
        "utf8",
        "utf8",
        &[TEXT],
        Gives::BytesTimes(4),
        "text as UTF-8 octets",
    ),
];

/// A function by its name.
#[must_use]
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS
        .binary_search_by(|f| f.name.cmp(name))
        .ok()
        .and_then(|n| FUNCTIONS.get(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_so_that_the_search_finds_all() {
        for f in FUNCTIONS {
            assert_eq!(function(f.name).map(|g| g.name), Some(f.name));
        }
    }
}
