//! This crate's error codes.

/// Code, title, what it means, how to mend it, source of the rule.
type CodeRow = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// Codes of imports.
pub static CODES: &[CodeRow] = &[
    (
        "E0180",
        "not known what is to be imported",
        "The file is neither CPS records, nor lines of DGIs or commands, nor TLV, nor a table of \
         tags; or it says nothing at all.",
        "Say what it is with `--from`.",
        "house: import (docs/import.md)",
    ),
    (
        "E0181",
        "a part of the file can't be read",
        "A line is no hexadecimal, a length says more than there is, or an element is no TLV. \
         Nothing is guessed: a draft out of half a card would be wrong.",
        "Correct the place that the message names; what is no data can stand behind `#`.",
        "house: import (docs/import.md); EMV CPS; EMV Book 3, Annex B",
    ),
    (
        "E0182",
        "too much to import",
        "A draft is for people. Files of 16 MB, 10 000 cards and 16 products at most are read.",
        "Import a few cards of each product.",
        "house: limits (docs/limits.md)",
    ),
    (
        "E0183",
        "commands under session keys",
        "The commands were recorded on their way to a card, and their data are enciphered. The keys \
         of that session are not known here, and should be known nowhere.",
        "Take the commands before they are secured, or the data groupings; or read a finished card and import what it gives as TLV. \
         Objects that STORE DATA enciphers in BER-TLV format are named in the report and left out, as long as others are clear.",
        "GlobalPlatform Card Specification, Annex E",
    ),
    (
        "E0184",
        "nothing to import",
        "The file was read, and holds no data grouping and no data element of a card.",
        "Look at the file, and say what it is with `--from`.",
        "house: import (docs/import.md)",
    ),
];
