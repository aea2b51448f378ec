//! The command line's own error codes.

/// Code, title, what it means, how to mend it, source of the rule.
pub(crate) static CODES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "E0187",
        "the draft does not give back what was imported",
        "After a draft is written, it is built and its cards are made with test keys. A grouping of \
         one of them has other octets than the file.",
        "Correct the grouping that the message names in the draft, and report what could not be read.",
        "house: import (docs/import.md)",
    ),
    (
        "E0188",
        "no such schema",
        "`cardwright schema` knows the formats that this tool reads and writes.",
        "Leave the name out to see all.",
        "house: the command line",
    ),
    (
        "E0189",
        "the file of speeds is not understood",
        "It is TOML with the tables `chip`, `hsm` and `stations` and the number `machines`; all of \
         them may be left out.",
        "Correct what the message names; `cardwright schema speeds` prints the schema.",
        "house: the command line",
    ),
    (
        "E0190",
        "no project here",
        "A project is a folder with `cardwright.toml`. Neither the folder nor one above it has it.",
        "Name the project's folder, or make one with `cardwright new NAME`.",
        "house: the command line",
    ),
    (
        "E0191",
        "the name or place of a new project",
        "A new project needs a name of small letters, digits and hyphens, and a folder that is \
         new or empty.",
        "Choose another name; nothing is ever overwritten.",
        "house: the command line",
    ),
    (
        "E0192",
        "a file can't be read or written",
        "The path is wrong, the rights are missing, or the file is larger than it may be.",
        "Check the path and its permissions.",
        "house: the command line",
    ),
    (
        "E0193",
        "the key file is no signer's key",
        "A signer's private key is an Ed25519 key: a seed of 64 hexadecimal digits, or PKCS#8 PEM.",
        "Make one with `cardwright keygen -o FILE`.",
        "house: signatures and environments (docs/SECURITY.md)",
    ),
    (
        "E0194",
        "the trust file is not understood",
        "It is TOML with `threshold` (a number from 1), `signers` (public keys of 64 hexadecimal \
         digits) and `open_test_signer` (true or false).",
        "Correct the line that the message names.",
        "house: signatures and environments (docs/SECURITY.md)",
    ),
    (
        "E0195",
        "an unknown code or tag",
        "Neither an error code nor a data element of this name is known here.",
        "Codes look like E0301 or R1004, tags like 9F0D, names like cardholder_name.",
        "house: the command line",
    ),
    (
        "E0196",
        "a value that can't be decoded",
        "The value is not hexadecimal, or has not the length that its data element has.",
        "Give the element's value, without tag and length.",
        "house: the command line",
    ),
    (
        "E0197",
        "no such layout or card",
        "The project's jobs draw no layout and make no card of this name.",
        "Leave `--layout` out to draw everything.",
        "house: the command line",
    ),
    (
        "E0198",
        "the bundle is for another environment",
        "`verify --expect` asks for TEST or LIVE, and the bundle says the other.",
        "Build with or without `--live`.",
        "house: signatures and environments (docs/SECURITY.md)",
    ),
    (
        "E0199",
        "the project has errors",
        "A project with errors is not built, rehearsed or drawn.",
        "Correct what `cardwright check` says.",
        "house: the command line",
    ),
];
