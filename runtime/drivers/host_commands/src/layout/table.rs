//! The commands, one row each. Messages of the Apache-2.0 project ut-codec-payshield hold the rows
//! marked `Messages`; see `tests/published.rs`.

use super::Kind::{
    Counted, Der, Digits, Hex, Key, Keys, Literal, Lmk, Octets, Pin, Rest, Text, Until,
};
use super::{Field, Layout, Source};

macro_rules! layouts {
    ($($name:ident $code:literal $what:literal $source:ident $repeat:ident
        [$($request:literal $request_kind:expr),* $(,)?] [$($answer:literal $answer_kind:expr),* $(,)?]
        $([$($warning:literal),*])?;)*) => {
        $(
            #[doc = concat!($code, ": ", $what, ".")]
            pub const $name: Layout = Layout {
                code: $code,
                what: $what,
                source: Source::$source,
                repeatable: repeatable!($repeat),
                warnings: &[$($($warning),*)?],
                request: &[$(Field { name: $request, kind: $request_kind }),*],
                answer: &[$(Field { name: $answer, kind: $answer_kind }),*],
            };
        )*
        /// All rows.
        pub const LAYOUTS: &[&Layout] = &[$(&$name),*];
    };
}

macro_rules! repeatable {
    (again) => {
        true
    };
    (once) => {
        false
    };
}

/// An account number's or PAN's end.
const PAN: super::Kind = Until {
    stop: b';',
    max: 19,
};
/// Octets behind four decimal digits.
const BINARY: super::Kind = Counted {
    digits: 4,
    radix: 10,
};
/// Characters behind four hexadecimal digits.
const CHARACTERS: super::Kind = Counted {
    digits: 4,
    radix: 16,
};
/// Octets behind two hexadecimal digits.
const SHORT: super::Kind = Counted {
    digits: 2,
    radix: 16,
};

layouts! {
    // The HSM itself.
    ECHO "B2" "echo" Messages again ["data" CHARACTERS] ["data" Rest(0, 9_999)];
    DIAGNOSTICS "NC" "diagnostics" Description again [] ["LMK check" Hex(16), "firmware" Rest(1, 64)];
    RANDOM "N0" "random octets" Description once ["length" Digits(3)] ["octets" Rest(1, 256)];

    // Keys.
    GENERATE_KEY "A0" "generate a key under a key block LMK" Messages once
        ["mode" Literal("0"), "type" Literal("FFF"), "scheme" Literal("S"), "LMK" Lmk, "delimiter" Literal("#"),
         "usage" Text(2), "algorithm" Text(2), "mode of use" Text(1), "version" Text(2), "exportability" Text(1),
         "optional blocks" Literal("00")]
        ["key" Key, "check value" Hex(6)];
    FORM_KEY "A4" "form a key from encrypted components" Messages once
        ["count" Digits(1), "type" Literal("FFF"), "scheme" Literal("S"), "components" Keys, "LMK" Lmk,
         "delimiter" Literal("#"), "version" Text(2), "optional blocks" Literal("00")]
        ["key" Key, "check value" Hex(6)];
    IMPORT_KEY "A6" "import a key" Messages again
        ["type" Literal("FFF"), "ZMK" Key, "key" Key, "scheme" Text(1), "LMK" Lmk]
        ["key" Key, "check value" Hex(6)] ["01"];
    EXPORT_KEY "A8" "export a key" Messages again
        ["type" Literal("FFF"), "ZMK" Key, "key" Key, "scheme" Text(1), "LMK" Lmk, "delimiter" Literal("&"),
         "exportability" Text(1)]
        ["key" Key, "check value" Hex(6)];
    CHECK_VALUE "BU" "check value of a key" Messages again
        ["code" Literal("FF"), "length" Literal("F"), "key" Key, "type" Literal(";FFF;00"), "kind" Digits(1)]
        ["check value" Rest(6, 16)];

    // Card verification values.
    GENERATE_CVV "CW" "generate a card verification value" Messages again
        ["CVK" Key, "PAN" PAN, "expiry" Digits(4), "service code" Digits(3)] ["CVV" Digits(3)];
    VERIFY_CVV "CY" "verify a card verification value" Messages again
        ["CVK" Key, "CVV" Digits(3), "PAN" PAN, "expiry" Digits(4), "service code" Digits(3)] [];

    // PINs.
    GENERATE_PIN "JA" "generate a random PIN" Description once
        ["account" Digits(12), "length" Digits(2)] ["PIN" Pin];
    PIN_IN "JE" "translate a PIN from a ZPK to the LMK" Messages again
        ["ZPK" Key, "PIN block" Hex(16), "format" Digits(2), "account" Digits(12), "LMK" Lmk] ["PIN" Pin];
    PIN_IN_AES "JE" "the same for a PIN block of format 4" Proposed again
        ["ZPK" Key, "PIN block" Hex(32), "format" Literal("48"), "PAN" PAN, "account" Digits(12), "LMK" Lmk] ["PIN" Pin];
    PIN_OUT "JG" "translate a PIN from the LMK to a ZPK" Messages again
        ["ZPK" Key, "format" Digits(2), "account" Digits(12), "PIN" Pin, "LMK" Lmk] ["PIN block" Hex(16)];
    PIN_OUT_AES "JG" "the same for a PIN block of format 4" Proposed again
        ["ZPK" Key, "format" Literal("48"), "PAN" PAN, "account" Digits(12), "PIN" Pin, "LMK" Lmk] ["PIN block" Hex(32)];
    PIN_ACROSS "CC" "translate a PIN from one ZPK to another" Messages again
        ["source" Key, "destination" Key, "longest PIN" Digits(2), "PIN block" Hex(16), "format" Digits(2),
         "new format" Digits(2), "account" Digits(12), "LMK" Lmk]
        ["length" Digits(2), "PIN block" Hex(16), "format" Digits(2)];
    PIN_FROM_TERMINAL "CA" "translate a PIN from a TPK to a ZPK" Messages again
        ["source" Key, "destination" Key, "longest PIN" Digits(2), "PIN block" Hex(16), "format" Digits(2),
         "new format" Digits(2), "account" Digits(12)]
        ["length" Digits(2), "PIN block" Hex(16), "format" Digits(2)];
    PIN_ACCOUNT "QK" "translate a PIN to another account number" Messages again
        ["PIN" Pin, "account" Digits(12), "new account" Digits(12)] ["PIN" Pin];
    PIN_CLEAR "NG" "decrypt a PIN, in the authorised state" Description again
        ["account" Digits(12), "PIN" Pin] ["PIN" Pin, "reference" Digits(12)];
    GENERATE_PVV "DG" "generate a PVV of a PIN under the LMK" Messages again
        ["PVK" Key, "PIN" Pin, "account" Digits(12), "index" Digits(1), "LMK" Lmk] ["PVV" Digits(4)];
    VERIFY_PVV_TERMINAL "DC" "verify a terminal's PIN by its PVV" Messages again
        ["TPK" Key, "PVK" Key, "PIN block" Hex(16), "format" Digits(2), "account" Digits(12), "index" Digits(1),
         "PVV" Digits(4)] [];
    VERIFY_PVV "EC" "verify an interchange PIN by its PVV" Messages again
        ["ZPK" Key, "PVK" Key, "PIN block" Hex(16), "format" Digits(2), "account" Digits(12), "index" Digits(1),
         "PVV" Digits(4), "LMK" Lmk] [];
    OFFSET "DE" "generate an IBM offset of a PIN under the LMK" Messages again
        ["PVK" Key, "PIN" Pin, "check length" Digits(2), "account" Digits(12), "table" Hex(16),
         "validation data" Text(12), "LMK" Lmk] ["offset" Hex(12)] ["02"];
    NATURAL_PIN "EE" "derive a PIN by the IBM method" Messages again
        ["PVK" Key, "offset" Hex(12), "check length" Digits(2), "account" Digits(12), "table" Hex(16),
         "validation data" Text(12), "LMK" Lmk] ["PIN" Pin] ["02"];

    // Cryptograms.
    VERIFY_ARQC_STATIC "KQ" "verify a cryptogram by the older methods" Messages again
        ["mode" Literal("0"), "scheme" Digits(1), "key" Key, "PAN and sequence" Octets(8), "ATC" Octets(2),
         "number" Octets(4), "data" SHORT, "delimiter" Literal(";"), "cryptogram" Octets(8), "LMK" Lmk] [];
    VERIFY_ARQC "KW" "verify a cryptogram, common session keys, option A" Messages again
        ["mode" Literal("0"), "scheme" Literal("2"), "key" Key, "PAN and sequence" Octets(8), "ATC" Octets(2),
         "data" SHORT, "delimiter" Literal(";"), "cryptogram" Octets(8)] [];
    VERIFY_ARQC_LONG "KW" "verify a cryptogram, common session keys, option B" Description again
        ["mode" Literal("0"), "scheme" Literal("3"), "key" Key, "PAN and sequence" Counted { digits: 2, radix: 10 },
         "delimiter" Literal(";"), "ATC" Octets(2), "data" SHORT, "delimiter" Literal(";"), "cryptogram" Octets(8)] [];
    ARPC "KW" "answer by method 2, common session keys, option A" Messages again
        ["mode" Literal("4"), "scheme" Literal("2"), "key" Key, "PAN and sequence" Octets(8), "ATC" Octets(2),
         "cryptogram" Octets(8), "status update" Octets(4), "authentication data" Counted { digits: 1, radix: 16 }]
        ["answer" Rest(4, 8)];
    ARPC_LONG "KW" "answer by method 2, common session keys, option B" Description again
        ["mode" Literal("4"), "scheme" Literal("3"), "key" Key, "PAN and sequence" Counted { digits: 2, radix: 10 },
         "delimiter" Literal(";"), "ATC" Octets(2), "cryptogram" Octets(8), "status update" Octets(4),
         "authentication data" Counted { digits: 1, radix: 16 }]
        ["answer" Rest(4, 8)];

    // Data and RSA.
    ENCIPHER "M0" "encipher a data block, ECB" Messages again
        ["mode" Literal("00"), "in" Literal("1"), "out" Literal("1"), "type" Literal("FFF"), "key" Key,
         "data" CHARACTERS] ["data" CHARACTERS];
    DECIPHER "M2" "decipher a data block, ECB" Messages again
        ["mode" Literal("00"), "in" Literal("1"), "out" Literal("1"), "type" Literal("FFF"), "key" Key,
         "data" CHARACTERS, "LMK" Lmk] ["data" CHARACTERS];
    GENERATE_RSA "EI" "generate an RSA key pair" Description once
        ["type" Digits(1), "bits" Digits(4), "encoding" Literal("01"), "exponent bits" Digits(4), "exponent" Octets(3)]
        ["public key" Der, "private key" BINARY];
    SIGN "EW" "sign by PKCS #1" Description again
        ["hash" Digits(2), "algorithm" Literal("01"), "padding" Literal("01"), "message" BINARY, "delimiter" Literal(";"),
         "flag" Literal("99"), "private key" BINARY]
        ["signature" BINARY];

    // Proposals: what a card's data need and no public layout offers.
    DERIVE_CARD_KEYS "Z0" "derive a card's three master keys" Proposed again
        ["option" Text(1), "count" Literal("3"), "keys" Keys, "delimiter" Literal(";"), "PAN" PAN, "sequence" Digits(2)]
        ["keys" CHARACTERS, "check values" SHORT];
    DERIVE_CARD_KEY "Z0" "derive one key of a card" Proposed again
        ["option" Text(1), "count" Literal("1"), "key" Key, "delimiter" Literal(";"), "PAN" PAN, "sequence" Digits(2)]
        ["key" CHARACTERS, "check value" SHORT];
    PIN_FIELD "Z2" "the PIN as a card keeps it" Proposed again
        ["PIN" Pin, "account" Digits(12), "format" Digits(1), "PAN" PAN] ["field" CHARACTERS];
    JOIN "Z4" "join clear and sealed parts" Proposed again ["parts" CHARACTERS] ["joined" CHARACTERS];
    RECIPHER "Z6" "sealed octets under a transport key" Proposed again
        ["sealed" CHARACTERS, "key" Key, "padding" Digits(1)] ["data" CHARACTERS];
    SIGN_EMV "Z8" "sign a block of EMV Book 2" Proposed again
        ["kind" Text(1), "block" CHARACTERS, "private key" BINARY] ["signature" BINARY];
    CARD_RSA_KEY "ZA" "make a card's RSA key" Proposed once
        ["bits" Digits(4), "exponent" Digits(5)]
        ["modulus" BINARY, "q^-1" CHARACTERS, "d mod q-1" CHARACTERS, "d mod p-1" CHARACTERS, "q" CHARACTERS,
         "p" CHARACTERS];
    OFFLINE_PIN "ZC" "the PIN enciphered for VERIFY" Proposed again
        ["PIN" Pin, "account" Digits(12), "modulus" BINARY, "exponent" Digits(5), "challenge" Octets(8)] ["data" BINARY];
    TRACK_VECTOR "ZE" "the vector of a track" Proposed again
        ["key" Key, "option" Text(1), "PAN" PAN, "sequence" Digits(2), "track" SHORT] ["vector" Octets(2)];
    VERIFY_TRACK_CODE "ZG" "verify a dynamic code of a track" Proposed again
        ["key" Key, "option" Text(1), "PAN" PAN, "sequence" Digits(2), "track" SHORT, "number" Octets(4), "ATC" Octets(2),
         "code" Octets(2)] [];
    CHALLENGE "ZI" "one block under a card's own key" Proposed again
        ["sealed" CHARACTERS, "direction" Digits(1), "block" Octets(16)] ["block" Octets(16)];
}
