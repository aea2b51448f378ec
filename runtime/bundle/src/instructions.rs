//! The instruction set of a bundle's programs: names, operands, results, effect on secrecy.
//!
//! The compiler emits only these, the loader checks every node against them, the runtime carries
//! them out. A name here has no meaning of its own: what `cvv` computes is the runtime's business.

use crate::{Secrecy, ValueType};

/// What an operand may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Exactly this type.
    One(ValueType),
    /// Either type.
    Either(ValueType, ValueType),
    /// Any type, but the same as the previous operand's.
    Same,
    /// Any public-capable type: text, number, flag, date, octets.
    Plain,
}

/// How secret the result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// As secret as the most secret operand.
    Join,
    /// This level, whatever the operands: a named operation that lowers (or raises).
    Becomes(Secrecy),
    /// Public where all operands are whole values (see [`keeps_whole`]) of cardholder data at most;
    /// else as secret as the most secret operand. Of a PIN block or a verification value, or of a
    /// number cut to four digits first, a mask would hide nothing.
    Lowers,
}

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub struct Instruction {
    /// Name.
    pub name: &'static str,
    /// Number of keys (intents only).
    pub keys: usize,
    /// Operands.
    pub operands: &'static [Operand],
    /// Whether the last operand may be repeated any number of times (also none).
    pub variadic: bool,
    /// Result.
    pub gives: ValueType,
    /// Secrecy of the result.
    pub effect: Effect,
    /// What it does, for the reference book.
    pub doc: &'static str,
}

use Effect::{Becomes, Join, Lowers};
use Operand::{Either, One, Plain, Same};
use ValueType::{Bytes, Certificate, Date, Flag, IccKey, Number, Pin, Sealed, Text, TextList};

const T: Operand = One(Text);
const B: Operand = One(Bytes);
const N: Operand = One(Number);
const D: Operand = One(Date);
const F: Operand = One(Flag);
const P: Operand = One(Pin);

const fn f(
    name: &'static str,
    operands: &'static [Operand],
    variadic: bool,
    gives: ValueType,
    effect: Effect,
    doc: &'static str,
) -> Instruction {
    Instruction {
        name,
        keys: 0,
        operands,
        variadic,
        gives,
        effect,
        doc,
    }
}

const fn blob(name: &'static str, operands: &'static [Operand], doc: &'static str) -> Instruction {
    Instruction {
        name,
        keys: 0,
        operands,
        variadic: true,
        gives: Sealed,
        effect: Becomes(Secrecy::Secret),
        doc,
    }
}

const fn i(
    name: &'static str,
    keys: usize,
    operands: &'static [Operand],
    gives: ValueType,
    effect: Effect,
    doc: &'static str,
) -> Instruction {
    Instruction {
        name,
        keys,
        operands,
        variadic: false,
        gives,
        effect,
        doc,
    }
}

/// Pure functions, in alphabetical order.
pub fn functions() -> &'static [Instruction] {
    &FUNCTIONS
}

/// Operations of the HSM, in alphabetical order.
pub fn intents() -> &'static [Instruction] {
    &INTENTS
}

/// A function by name.
pub fn function(name: &str) -> Option<&'static Instruction> {
    FUNCTIONS.iter().find(|i| i.name == name)
}

/// An intent by name.
pub fn intent(name: &str) -> Option<&'static Instruction> {
    INTENTS.iter().find(|i| i.name == name)
}

/// Functions whose result still holds each whole value that went in, so that a mask of the result is
/// a mask of the values. Fields and constants are whole; parts of them, and what a condition on them
/// chose, are not.
static KEEP_WHOLE: [&str; 8] = [
    "concat_text",
    "greeting_name",
    "groups",
    "latin",
    "lower",
    "pad_left",
    "pad_right",
    "upper",
];

/// Whether a function's result is whole where its operands are.
pub fn keeps_whole(name: &str) -> bool {
    KEEP_WHOLE.contains(&name)
}

static FUNCTIONS: [Instruction; 59] = [
    f("add", &[N, N], false, Number, Join, "sum of two numbers"),
    f("all", &[F], true, Flag, Join, "true when every flag is"),
    f("any", &[F], true, Flag, Join, "true when one flag is"),
    f(
        "ascii",
        &[T],
        false,
        Bytes,
        Join,
        "text as ASCII octets; another character is an error",
    ),
    f(
        "bcd",
        &[T, N],
        false,
        Bytes,
        Join,
        "digits as EMV format n in so many octets, zeros left",
    ),
    f(
        "certificate_bytes",
        &[One(Certificate)],
        false,
        Bytes,
        Join,
        "the certificate (tags 90, 9F46)",
    ),
    f(
        "certificate_remainder",
        &[One(Certificate)],
        false,
        Bytes,
        Join,
        "what did not fit (tags 92, 9F48); may be empty",
    ),
    f(
        "character_count",
        &[T],
        false,
        Number,
        Join,
        "characters of a text",
    ),
    f(
        "check_values",
        &[One(Sealed)],
        false,
        Bytes,
        Becomes(Secrecy::Public),
        "public check values of sealed keys (DGI 9000)",
    ),
    f(
        "cn",
        &[T, N],
        false,
        Bytes,
        Join,
        "digits as EMV format cn in so many octets, F right",
    ),
    f(
        "compact_cn",
        &[T],
        false,
        Bytes,
        Join,
        "digits as EMV format cn, as short as possible",
    ),
    f(
        "concat",
        &[B],
        true,
        Bytes,
        Join,
        "octets one after another",
    ),
    f(
        "concat_text",
        &[T],
        true,
        Text,
        Join,
        "texts one after another",
    ),
    f(
        "date",
        &[T, T],
        false,
        Date,
        Join,
        "a date from text by pattern",
    ),
    f(
        "date_bcd",
        &[D, T],
        false,
        Bytes,
        Join,
        "a date by pattern as packed digits",
    ),
    f(
        "date_before",
        &[D, D],
        false,
        Flag,
        Join,
        "true when the first date is earlier",
    ),
    f(
        "embossing_name",
        &[T, N],
        false,
        Text,
        Join,
        "a name in the embossing character set, shortened by trade rules to so many characters",
    ),
    f(
        "emv_name",
        &[T, N],
        false,
        Text,
        Join,
        "a name as SURNAME/FIRST in the character set of tag 5F20 and track 1, shortened to at \
         most so many characters",
    ),
    f(
        "equal",
        &[Plain, Same],
        false,
        Flag,
        Join,
        "true when both are the same",
    ),
    f(
        "format_date",
        &[D, T],
        false,
        Text,
        Join,
        "a date by pattern (YY, YYYY, MM, DD)",
    ),
    f(
        "greeting_name",
        &[T],
        false,
        Text,
        Join,
        "a name as written, spaces tidied",
    ),
    f(
        "groups",
        &[T, N],
        false,
        Text,
        Join,
        "text in groups of so many characters",
    ),
    f(
        "hex",
        &[B],
        false,
        Text,
        Join,
        "octets as upper-case hexadecimal",
    ),
    f(
        "icc_component",
        &[One(IccKey), N],
        false,
        Sealed,
        Becomes(Secrecy::Secret),
        "component \
         0 to 4: qinv, dq, dp, q, p",
    ),
    f(
        "icc_exponent",
        &[One(IccKey)],
        false,
        Bytes,
        Becomes(Secrecy::Public),
        "public exponent",
    ),
    f(
        "icc_modulus",
        &[One(IccKey)],
        false,
        Bytes,
        Becomes(Secrecy::Public),
        "modulus",
    ),
    f(
        "is_blank",
        &[T],
        false,
        Flag,
        Join,
        "true when nothing but spaces",
    ),
    f(
        "last_digits",
        &[T],
        false,
        Text,
        Lowers,
        "the last four characters: a lowering of the PAN that reports may show",
    ),
    f(
        "latin",
        &[T],
        false,
        Text,
        Join,
        "transliterated to Latin letters without accents",
    ),
    f(
        "latin1",
        &[T],
        false,
        Bytes,
        Join,
        "text as ISO/IEC 8859-1 octets",
    ),
    f("length", &[B], false, Number, Join, "number of octets"),
    f(
        "less",
        &[N, N],
        false,
        Flag,
        Join,
        "true when the first is smaller",
    ),
    f(
        "lines",
        &[Either(Text, TextList)],
        true,
        TextList,
        Join,
        "a list of lines",
    ),
    f(
        "luhn",
        &[T],
        false,
        Flag,
        Join,
        "true when the check digit is right",
    ),
    f("lower", &[T], false, Text, Join, "small letters"),
    f(
        "mask",
        &[T],
        false,
        Text,
        Lowers,
        "first six and last four characters, stars between",
    ),
    f(
        "month_end",
        &[D],
        false,
        Date,
        Join,
        "the last day of a date's month",
    ),
    f(
        "ndef_message",
        &[B],
        true,
        Bytes,
        Join,
        "NDEF records as one message",
    ),
    f(
        "ndef_text",
        &[T, T],
        false,
        Bytes,
        Join,
        "NDEF text record: text, language",
    ),
    f("ndef_uri", &[T], false, Bytes, Join, "NDEF URI record"),
    f("not", &[F], false, Flag, Join, "true when false"),
    f(
        "number_bytes",
        &[N, N],
        false,
        Bytes,
        Join,
        "a number in so many octets, big endian",
    ),
    f(
        "number_text",
        &[N, N],
        false,
        Text,
        Join,
        "a number with at least so many digits",
    ),
    f(
        "one_line",
        &[One(TextList), N],
        false,
        Text,
        Join,
        "line number n from 1, or blank",
    ),
    f(
        "pad_left",
        &[T, N, T],
        false,
        Text,
        Join,
        "filled on the left to so many characters",
    ),
    f(
        "pad_right",
        &[T, N, T],
        false,
        Text,
        Join,
        "filled on the right to so many characters",
    ),
    f(
        "slice",
        &[T, N, N],
        false,
        Text,
        Join,
        "characters from a place (1 is the first), at most so many",
    ),
    f(
        "starts",
        &[T, T],
        false,
        Flag,
        Join,
        "true when the first begins with the second",
    ),
    f(
        "subtract",
        &[N, N],
        false,
        Number,
        Join,
        "difference of two numbers",
    ),
    f(
        "tidy_lines",
        &[One(TextList)],
        false,
        TextList,
        Join,
        "lines without the blank ones",
    ),
    f(
        "tlv",
        &[B, B],
        false,
        Bytes,
        Join,
        "BER-TLV: tag, length, value",
    ),
    f(
        "tlv_if_any",
        &[B, B],
        false,
        Bytes,
        Join,
        "BER-TLV, or nothing for an empty value",
    ),
    f("to_number", &[T], false, Number, Join, "digits as a number"),
    f(
        "track1",
        &[T, T, D, T, T],
        false,
        Text,
        Becomes(Secrecy::Sensitive),
        "track 1 without sentinels: PAN, name (brought into track 1's form), expiry, service code, \
         discretionary data",
    ),
    f(
        "track2",
        &[T, D, T, T],
        false,
        Text,
        Becomes(Secrecy::Sensitive),
        "track 2 without sentinels: PAN, expiry, service code, discretionary data",
    ),
    f(
        "track2_equivalent",
        &[T, D, T, T],
        false,
        Bytes,
        Becomes(Secrecy::Sensitive),
        "tag 57: PAN, expiry, service code, discretionary data",
    ),
    f("unhex", &[T], false, Bytes, Join, "hexadecimal as octets"),
    f("upper", &[T], false, Text, Join, "capital letters"),
    f("utf8", &[T], false, Bytes, Join, "text as UTF-8 octets"),
];

static INTENTS: [Instruction; 18] = [
    blob(
        "blob.join",
        &[Either(Bytes, Sealed)],
        "octets and sealed octets one after another, sealed as one value: a key or PIN blob",
    ),
    i(
        "cvv",
        1,
        &[T, T, T],
        Text,
        Becomes(Secrecy::Sensitive),
        "card verification value: PAN, expiry (four digits as the issuer orders them), service \
         code",
    ),
    i(
        "emv.cvc3_vector",
        1,
        &[T, T, T, B],
        Bytes,
        Becomes(Secrecy::Sensitive),
        "what a card starts its dynamic codes of a track from: option (a, b), PAN, PSN, the track's \
         static data",
    ),
    i(
        "emv.icc_certificate",
        1,
        &[T, D, N, One(IccKey), B],
        Certificate,
        Becomes(Secrecy::Cardholder),
        "ICC public key certificate: PAN, expiry, serial, key, static data to be authenticated",
    ),
    i(
        "emv.master_keys",
        3,
        &[T, T, T],
        Sealed,
        Becomes(Secrecy::Secret),
        "ICC master keys AC, SMI, SMC: option (a, b, c), PAN, PSN",
    ),
    i(
        "emv.sign_static_data",
        1,
        &[B, B],
        Bytes,
        Becomes(Secrecy::Cardholder),
        "signed static application data: data authentication code, static data",
    ),
    i(
        "encrypt",
        1,
        &[B],
        Bytes,
        Becomes(Secrecy::Public),
        "octets under a transport key: the lowering that lets sensitive data into a file",
    ),
    i(
        "ibm3624_offset",
        1,
        &[T, P, T, N, N, T],
        Text,
        Becomes(Secrecy::Sensitive),
        "IBM 3624 offset: PAN, PIN, decimalisation table, validation start, length, pad",
    ),
    i(
        "key.card",
        1,
        &[T, T, T],
        Sealed,
        Becomes(Secrecy::Secret),
        "a card's own key of any issuer master key, with its check value: option (a, b, c), \
         account, sequence number",
    ),
    i(
        "pin.card_block",
        0,
        &[P],
        Sealed,
        Becomes(Secrecy::Secret),
        "reference PIN block of format 2 for the chip",
    ),
    i(
        "pin.card_field",
        0,
        &[P, T, T],
        Sealed,
        Becomes(Secrecy::Secret),
        "the PIN as a card product keeps it: PIN, format, PAN",
    ),
    i(
        "pin.draw",
        0,
        &[N, T],
        Pin,
        Becomes(Secrecy::Secret),
        "a random PIN of so many digits for a purpose of its own: digits, purpose",
    ),
    i(
        "pin.export",
        1,
        &[P, T, N],
        Bytes,
        Becomes(Secrecy::Sensitive),
        "enciphered PIN block: PIN, PAN, format",
    ),
    i(
        "pin.generate",
        0,
        &[N],
        Pin,
        Becomes(Secrecy::Secret),
        "a random PIN of so many digits",
    ),
    i(
        "pin.import",
        1,
        &[B, T, N],
        Pin,
        Becomes(Secrecy::Secret),
        "a PIN from an enciphered block: block, PAN, format",
    ),
    i(
        "pin.natural",
        1,
        &[T, N, T, N, N, T],
        Pin,
        Becomes(Secrecy::Secret),
        "IBM 3624 natural PIN: PAN, length, table, validation start, length, pad",
    ),
    i(
        "pvv",
        1,
        &[T, P, N],
        Text,
        Becomes(Secrecy::Sensitive),
        "PIN verification value: PAN, PIN, PIN verification key index",
    ),
    i(
        "rsa.generate",
        0,
        &[N, N, T],
        IccKey,
        Becomes(Secrecy::Secret),
        "a new ICC RSA key: bits, exponent, purpose",
    ),
];
