//! Stable codes of this crate's errors, with what they mean and how to mend them.

/// Code, title, explanation, mend, source of the rule (standard and clause).
pub static CODES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "E0390",
        "value does not fit its format",
        "A data element's text can't be coded as n, cn, an or ans in its length.",
        "Shorten the value or give the element the format that the value has.",
        "EMV Book 3, 4.3",
    ),
    (
        "E0391",
        "malformed data objects",
        "Octets are not TLV, not a data object list or not an AFL: a tag, a length or a count \
         is wrong.",
        "Look at the octet that the message names; templates and lists must end where their \
         length says.",
        "EMV Book 3, 5.4, 7.5 and annex B",
    ),
    (
        "E0392",
        "cryptogram input is wrong",
        "A sequence number or proprietary authentication data have a length that EMV does not \
         allow.",
        "Give two digits for the sequence number and up to 8 octets of authentication data.",
        "EMV Book 2, 8.1 and annex A1.4",
    ),
    (
        "E0393",
        "certificate does not hold",
        "A recovered certificate or signature has a wrong constant or hash.",
        "Check that CA key, issuer key and static data are those that were signed, in this order.",
        "EMV Book 2, 5 and 6",
    ),
    (
        "E0394",
        "certificate can't be made",
        "A field to be certified or a key size is outside what EMV allows.",
        "Modulus of the signer at least as long as the certified one, exponent 3 or 65537, MMYY \
         expiry.",
        "EMV Book 2, 5, 6 and annex D1",
    ),
    (
        "E0490",
        "malformed APDU",
        "A command's Lc and data do not agree, or an answer has no status word.",
        "Check the length octet; an answer must end in two octets.",
        "ISO/IEC 7816-4, 5",
    ),
    (
        "E0491",
        "secure channel can't be opened",
        "The card's answer to INITIALIZE UPDATE is malformed or refused, or the level does not \
         exist.",
        "Check protocol, key version and security level of the profile against the card.",
        "GlobalPlatform Card Specification, annex E (SCP02); Amendment D (SCP03)",
    ),
    (
        "E0492",
        "card cryptogram is wrong",
        "The card does not hold the keys that the channel was opened with.",
        "Check the card issuance key's check value and the diversification in the profile.",
        "GlobalPlatform Card Specification, annex E (SCP02); Amendment D (SCP03)",
    ),
    (
        "E0493",
        "answer's protection is wrong",
        "An answer's MAC or encryption does not hold; it was changed or belongs to another \
         command.",
        "Reject the card; if it happens on every card, check option i of the profile.",
        "GlobalPlatform Card Specification, annex E (SCP02); Amendment D (SCP03)",
    ),
    (
        "E0494",
        "command is too long",
        "A command with its MAC and padding does not fit one APDU.",
        "Segment the data: 239 octets with encryption, 247 with a MAC only.",
        "GlobalPlatform Card Specification, 11.11",
    ),
    (
        "E0495",
        "diversification does not suit the key",
        "A diversification for 3DES was asked with an AES key, or the other way round.",
        "Use `emv`, `visa2` or `visa` with 16-octet 3DES keys and `kdf3` with AES keys.",
        "EMV Card Personalization Specification; GlobalPlatform Amendment D",
    ),
    (
        "E0496",
        "malformed data grouping",
        "A DGI's length is cut, or its value is too long.",
        "A DGI's length is one octet to 254, else FF and two octets; it is not BER.",
        "EMV Card Personalization Specification, data groupings",
    ),
    (
        "E0590",
        "key length",
        "A key's length does not suit the algorithm or the use.",
        "3DES keys have 16 or 24 octets, AES keys 16, 24 or 32.",
        "NIST SP 800-67 (triple DES); FIPS 197 (AES)",
    ),
    (
        "E0591",
        "malformed key block",
        "A TR-31 (X9.143) key block or header is malformed.",
        "Check the header's 16 characters, its length field and its optional blocks.",
        "ANSI X9.143",
    ),
    (
        "E0592",
        "key block MAC",
        "A key block was changed or is under another protection key.",
        "Check the protection key's check value with the sender.",
        "ANSI X9.143",
    ),
    (
        "E0593",
        "data are not whole blocks",
        "Data to be enciphered are not whole blocks, or deciphered data have no padding.",
        "Choose a padding in the profile.",
        "NIST SP 800-38A",
    ),
    (
        "E0594",
        "no such test key",
        "Open test keys exist for tdes2, tdes3, aes128, aes192, aes256 and for RSA of 512 to \
         4096 bits.",
        "Use one of these algorithms.",
        "house: open test keys",
    ),
    (
        "E0595",
        "key components",
        "Components of a key are too few, too many, of different lengths, zero, equal or weak, \
         their parity or check value is wrong, or the key that they make is weak.",
        "Compare each component's check value with its form; let its custodian enter it again, or \
         make new components.",
        "ANSI X9.24-1; NIST SP 800-67, 3.3 (weak keys)",
    ),
    (
        "E0596",
        "key block refused",
        "A key block is whole, but its header has unknown codes, codes that do not go together, a \
         wrong or unknown optional block, or a key of another algorithm.",
        "Ask the sender for a block with the usage, algorithm, mode of use and optional blocks of \
         ANSI X9.143; or let the site's policy take what the message names.",
        "ANSI X9.143, 6.3; ISO 20038, annex A",
    ),
    (
        "E0597",
        "check value of another key",
        "A check value that came with a key, such as KC or KP in a key block, is not that of the \
         key.",
        "Do not use the key. Compare the check values with the sender by telephone and ask for \
         the key again.",
        "ANSI X9.24-1, annex A; ANSI X9.143, 6.3.6.7",
    ),
    (
        "E0598",
        "key may not leave like this",
        "A key would leave under a weaker key, in a weaker form than it came in, with a wider use, \
         or although it is not exportable.",
        "Choose a stronger wrapping key or a key block; a legacy form needs an exception with a \
         reason and a last day.",
        "PCI PIN, 18 and 22; ANSI X9.24-1; NIST SP 800-57 part 1, table 2",
    ),
    (
        "E0599",
        "wrapped key does not open",
        "A wrapped key is under another wrapping key, was changed, is cut, or is no key.",
        "Check the wrapping key's check value with the sender and ask for the key again.",
        "RFC 3394; RFC 5649; ANSI X9.17",
    ),
    (
        "E0690",
        "PIN length",
        "A PIN has 4 to 12 digits.",
        "Correct the PIN's length in the order or profile.",
        "ISO 9564-1",
    ),
    (
        "E0691",
        "PIN block does not hold a PIN",
        "Deciphered, the block has wrong control, length, digits or fill: another key, another \
         PAN.",
        "Check the PIN key's check value and that the block was made for this PAN and format.",
        "ISO 9564-1",
    ),
    (
        "E0692",
        "PIN method parameter",
        "A decimalisation table, validation data, pad, key index or fill is not valid.",
        "Compare the parameters with those of the authorization host.",
        "house: parameters of PIN methods",
    ),
    (
        "E0790",
        "track content",
        "A field does not fit the track's characters, layout or length.",
        "Shorten the discretionary data or correct the field that the message names.",
        "ISO/IEC 7813",
    ),
    (
        "E0791",
        "PAN",
        "A PAN has 8 to 19 digits and ends in its Luhn digit.",
        "Correct the PAN in the order.",
        "ISO/IEC 7812-1",
    ),
    (
        "E0792",
        "card verification value input",
        "The expiry has four digits, the service code three.",
        "Give the expiry as the issuer orders it, and 000 or 999 for CVV2 and iCVV.",
        "house: the schemes' card verification value",
    ),
    (
        "E0793",
        "name can't be romanised",
        "A name has a character that no table writes in Latin letters, or no letters at all.",
        "Ask the bank for a Latin spelling, or extend the romanisation table.",
        "house: romanisation of names (ICAO Doc 9303-3)",
    ),
    (
        "E0794",
        "stripe does not read back",
        "Parity or LRC of a stripe is wrong.",
        "Encode again; clean the head if it happens often.",
        "ISO/IEC 7811-2",
    ),
    (
        "E0890",
        "embossing line",
        "A line has characters that can't be embossed, or too many.",
        "Use A to Z, digits and . , - ' / &; up to 27 characters a line.",
        "ISO/IEC 7811-1",
    ),
];
