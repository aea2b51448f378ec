//! The table of this phase's codes: what each means and how to mend it.

/// A code's page: code, title, explanation, how to mend.
type CodeRow = (&'static str, &'static str, &'static str, &'static str);

/// Codes of emission and of its checks, sorted.
pub static CODES: &[CodeRow] = &[
    (
        "E0301",
        "a mandatory data element is missing",
        "EMV Book 3, 7.2 lists what every application must hold; a terminal ends the transaction \
         when one of them is missing. DDA needs tag 9F49 as well.",
        "Write the element into the profile's `data` block, or inherit from a profile that has it.",
    ),
    (
        "E0302",
        "a data element has the wrong length",
        "Each data element has a length in EMV Book 3, annex A. The longest value that the \
         expression can give is reckoned from the lengths of the fields in it.",
        "Shorten the value, or take another field.",
    ),
    (
        "E0303",
        "the PAN in tag 57 is not the one in tag 5A",
        "Terminals compare both and refuse the card.",
        "Write the same field in both elements.",
    ),
    (
        "E0304",
        "the expiry in tag 57 is not the one in tag 5F24",
        "Issuer and terminal would disagree on whether the card is valid.",
        "Write the same field in both elements.",
    ),
    (
        "E0305",
        "the service code in tag 57 is not the one in tag 5F30",
        "The chip would allow what its own track forbids.",
        "Write `services` in the track.",
    ),
    (
        "E0306",
        "the chip holds the stripe's verification value",
        "Tag 57 can be read by anybody near the card. With the stripe's value in it a stripe can be \
         forged from the chip; the iCVV, made with service code 999, is worth nothing on a stripe.",
        "Make the chip's value with `service: 999`.",
    ),
    (
        "E0307",
        "the AIP promises authentication that the card can't do",
        "The terminal would look for keys and certificates, not find them, and go on as after a \
         failed authentication.",
        "Add the `dda` block, or take the flag out of `aip`.",
    ),
    (
        "E0308",
        "the chip has a key of its own that the AIP hides",
        "No terminal would use it.",
        "Add `dda` or `cda` to `aip`.",
    ),
    (
        "E0309",
        "the AIP and the rules of cardholder verification disagree",
        "The flag in the AIP tells the terminal to read the list in tag 8E.",
        "Set `cardholder_verification` in `aip` exactly when the `cvm` block has rules.",
    ),
    (
        "E0310",
        "a record is too long",
        "A READ RECORD answer holds at most 254 octets (EMV Book 3, 7.5). The longest value of each \
         element counts.",
        "Move elements to another record; for certificates take a shorter issuer key.",
    ),
    (
        "E0311",
        "something stands twice",
        "A record number or a data element is used twice in one application; terminals refuse such \
         a card.",
        "Leave one of them.",
    ),
    (
        "E0312",
        "records and values do not match",
        "A record names an element without value, or a mandatory element stands in no record.",
        "Write the value, or change the list of the record.",
    ),
    (
        "E0313",
        "a data element does not belong into a record",
        "It is given by SELECT or GET PROCESSING OPTIONS, or it is the chip's internal data.",
        "Take it out of the record.",
    ),
    (
        "E0314",
        "a record's place is not possible",
        "Short file identifiers go from 1 to 30, records from 1 to 255 (EMV Book 3, 5.3).",
        "Write `sfi 2 record 1 signed = [ … ]`.",
    ),
    (
        "E0315",
        "signed records and signatures do not match",
        "Static data to be authenticated is what the certificate covers; certificates themselves \
         can't be part of it.",
        "Mark the records with the account's data as `signed`, and only those.",
    ),
    (
        "E0316",
        "a rule of cardholder verification is not understood",
        "A rule has a method and a condition of EMV Book 3, annex C3.",
        "Write such as `signature when supported else next`.",
    ),
    (
        "E0317",
        "an offline PIN is asked for that the chip does not have",
        "The terminal would send VERIFY and fail.",
        "Add an `offline_pin` block, or take the rule out.",
    ),
    (
        "E0318",
        "a condition needs the application's currency",
        "Amounts X and Y are in the currency of tag 9F42.",
        "State the issuer's currency, or tag 9F42.",
    ),
    (
        "E0319",
        "an offline PIN over the contactless interface",
        "The card is away from the terminal while the PIN is keyed.",
        "Take `enciphered_pin_online`.",
    ),
    (
        "E0320",
        "an enciphered PIN without a key to encipher it",
        "The terminal enciphers the PIN under the chip's public key (EMV Book 2, 7.1).",
        "Add a `dda` block.",
    ),
    (
        "E0321",
        "an action code looks at a result that can't happen",
        "The method is not offered by the AIP, so its failure is never reported.",
        "Take the flag out, or offer the method.",
    ),
    (
        "E0322",
        "usage control without a country",
        "Tag 9F07 distinguishes home and abroad by tag 5F28.",
        "State the issuer's country.",
    ),
    (
        "E0323",
        "the first cryptogram does not cover what it must",
        "EMV Book 2, 8.1.1 names the minimum; without the unpredictable number a cryptogram can be \
         replayed.",
        "Take `emv.cdol1`, or add the tags.",
    ),
    (
        "E0324",
        "a list of tags is wrong",
        "An entry is no data element that a terminal knows.",
        "Name tags of EMV Book 3, annex A.",
    ),
    (
        "E0326",
        "issuer authentication is promised by the wrong command",
        "Common Core applications take the issuer's answer in the second GENERATE AC.",
        "Take `issuer_authentication` out of `aip`.",
    ),
    (
        "E0327",
        "the issuer application data has the wrong form",
        "Format A of the Common Core Definitions begins with 0F and A5 (triple DES) or A6 (AES).",
        "Take `emv.iad_ccd_tdes` or `emv.iad_ccd_aes`.",
    ),
    (
        "E0328",
        "an AID or a label has the wrong form",
        "An AID has 5 to 16 octets (ISO/IEC 7816-5), a label 1 to 16 letters, digits and spaces.",
        "Correct it.",
    ),
    (
        "E0329",
        "the service code and the chip disagree",
        "The first digit tells a stripe reader whether to ask for the chip (ISO/IEC 7813).",
        "Begin it with 2 or 6 for cards with a chip, with 1 or 5 for others.",
    ),
    (
        "E0330",
        "directories and applications do not match",
        "PSE lists contact applications, PPSE contactless ones; without PPSE no contactless \
         terminal finds the card.",
        "Name the directories that the applications need.",
    ),
    (
        "E0331",
        "tag 9F4A names something other than the AIP",
        "EMV Book 3, 10.3: then offline data authentication fails.",
        "Write `#9F4A = [#82]`.",
    ),
    (
        "E0332",
        "two applications of a card speak of two accounts",
        "PAN, expiry and sequence number are those of one order.",
        "Write the same fields in both profiles.",
    ),
    (
        "E0333",
        "the chip gets a PIN that nobody asks for",
        "No rule of cardholder verification uses it.",
        "Add a rule, or leave `offline_pin` out.",
    ),
    (
        "E0334",
        "a shared key is not there",
        "`same_key_as` names an application of the same card with a key of the same size.",
        "Name the right one, or leave it out to have a key made.",
    ),
    (
        "E0340",
        "not a data element",
        "A `data` entry begins with a tag or with a data element's name.",
        "Write such as `#5F20 = …`.",
    ),
    (
        "E0341",
        "a value stands in no record",
        "No terminal would read it.",
        "Add it to a record.",
    ),
    (
        "E0342",
        "rules of cardholder verification that are never reached",
        "`no_cvm always` succeeds always; `else next` at the end leads nowhere.",
        "Change the order.",
    ),
    (
        "E0401",
        "the chip's platform is not known",
        "Known are GlobalPlatform SCP02 and SCP03 with their options i.",
        "Write `platform = globalplatform(scp03, keys: kmc)`.",
    ),
    (
        "E0402",
        "the channel's key does not fit",
        "SCP02 is defined for triple DES, SCP03 for AES; the key's use is `card_issuance`.",
        "Name the right key.",
    ),
    (
        "E0404",
        "two AIDs begin alike",
        "Selection by the beginning of an AID would find either.",
        "Make them differ.",
    ),
    (
        "E0405",
        "the security level does not go with the channel",
        "Personalization needs at least a MAC on every command.",
        "Take 0x01, 0x03, or 0x33 with SCP03.",
    ),
    (
        "E0498",
        "a profile can't be emitted",
        "A defect of the compiler: no finding says why.",
        "Report it with the profile.",
    ),
    (
        "E0499",
        "the bundle can't be sealed",
        "A list or a file is larger than a bundle may hold.",
        "Split the project.",
    ),
    (
        "E0503",
        "one key for two purposes",
        "What breaks one purpose would break the other.",
        "Declare a key for each purpose.",
    ),
    (
        "E0504",
        "a certificate file can't be read",
        "It is a text file of the project with `name = \"value\"` lines.",
        "Correct the path, or fetch the file again.",
    ),
    (
        "E0505",
        "the certificate is for another key",
        "Size, exponent or CA index differ from the declaration.",
        "Declare the key as it was certified.",
    ),
    (
        "E0506",
        "the certificate is for another issuer",
        "Its issuer identifier has to be the beginning of the PAN (EMV Book 2, 5.3).",
        "Take the certificate for this range of PANs.",
    ),
    (
        "E0508",
        "a key is longer than the one that certifies it",
        "A certificate is as long as the key that signs it (EMV Book 2, 5.1 and 6.1).",
        "Take a shorter key, or a longer one above it.",
    ),
    (
        "E0509",
        "an RSA key has the wrong size",
        "EMV takes multiples of 8 bits up to 1984, exponents 3 and 65537 (Book 2, annex D1).",
        "Write such as `rsa(1152, 3)`.",
    ),
    (
        "E0510",
        "a strong key under a weak one",
        "A file's keys are as safe as the transport key that they are under.",
        "Take a transport key of the same strength.",
    ),
    (
        "E0511",
        "a LIVE bundle without check value",
        "The site could bind any key of that name.",
        "Write the check value of the key form.",
    ),
    (
        "E0512",
        "a check value has the wrong form",
        "Its length follows from the method.",
        "Write it as hexadecimal.",
    ),
    (
        "E0513",
        "a key without algorithm of today",
        "Single DES and unknown algorithms are not used.",
        "Name one of the known algorithms.",
    ),
    (
        "E0514",
        "the issuer certificate does not open",
        "It is not signed by this CA key, or it was changed.",
        "Fetch certificate and CA key again.",
    ),
    (
        "E0515",
        "a key without use",
        "A key has exactly one use.",
        "Write `use = …`.",
    ),
    (
        "E0516",
        "algorithm and use do not fit",
        "What computes with a key is defined for certain algorithms only.",
        "Take one of the algorithms that the finding names.",
    ),
    (
        "E0603",
        "a PIN in the wrong place",
        "A mailer has one PIN; nothing else has any.",
        "Keep one `pin` item, in the mailer.",
    ),
    (
        "E0611",
        "a try limit is out of bounds",
        "A PIN may be tried 1 to 15 times; 3 is usual.",
        "Write `tries = 3`.",
    ),
    (
        "E0612",
        "a PIN block under the wrong kind of key",
        "ISO 9564-1: format 4 is for AES, formats 0, 1 and 3 for triple DES.",
        "Change the format or the key.",
    ),
    (
        "E0701",
        "track 1 is too long",
        "It holds 79 characters with sentinels and check character (ISO/IEC 7811-2).",
        "Shorten the discretionary data.",
    ),
    (
        "E0702",
        "track 2 is too long",
        "It holds 40 characters with sentinels and check character (ISO/IEC 7811-2).",
        "Shorten the discretionary data.",
    ),
    (
        "E0703",
        "stripe and chip have different service codes",
        "Terminals compare them.",
        "Use one `let` in both.",
    ),
    (
        "E0704",
        "the stripe's verification value is made with another service code",
        "The issuer would compute another value and refuse the card.",
        "Make it with the track's service code.",
    ),
    (
        "E0705",
        "the stripe speaks of another account",
        "PAN and expiry are those of the card.",
        "Write the same fields.",
    ),
    (
        "E0706",
        "coercivity is high or low",
        "The encoder has to know.",
        "Write `coercivity = high`.",
    ),
    (
        "E0707",
        "a track's parts are not known",
        "Tracks are written by `track1` and `track2`, so that they can be compared with the chip.",
        "Use these functions.",
    ),
    (
        "E0801",
        "an embossed line is too long",
        "ISO/IEC 7811-1: 19 characters on the number line, 27 on the others.",
        "Shorten it.",
    ),
    (
        "E0802",
        "an embossed line may hold other characters",
        "The drum has capital letters, digits and a few signs.",
        "Bring names through `embossing_name`.",
    ),
    (
        "E0803",
        "no such embossed line",
        "A card has lines 1 to 4.",
        "Write `line 1 = …`.",
    ),
    (
        "E0804",
        "a panel lies outside the card",
        "ISO/IEC 7810 gives a card 85.60 mm by 53.98 mm; the panel passes one of its edges.",
        "Move the panel, or make it smaller.",
    ),
    (
        "E0805",
        "an item lies outside the page",
        "Places count from the top left corner.",
        "Move it, or make it smaller.",
    ),
    (
        "E0806",
        "ink in the PIN window",
        "The window is for the PIN alone.",
        "Move the item.",
    ),
    (
        "E0807",
        "the PIN is not in the window",
        "Only the window is hidden by the label.",
        "Move the PIN.",
    ),
    (
        "E0809",
        "no such font",
        "Fonts come with the standard packages.",
        "Name one of them.",
    ),
    (
        "E0810",
        "the background can't be used",
        "It is a one-page PDF of the project.",
        "Correct the path, or make the file again.",
    ),
    (
        "E0811",
        "the lines do not fit their box",
        "The box must be as high as the most lines that the text may have.",
        "Make the box higher or the font smaller.",
    ),
    (
        "E0812",
        "a place is not understood",
        "A place has left, top, width and height.",
        "Write `(25 mm, 50 mm, 85 mm, 30 mm)`.",
    ),
    (
        "E0813",
        "a carrier without a symbol",
        "The machine matches carrier and card by it.",
        "Add a `barcode datamatrix`.",
    ),
    (
        "E0901",
        "the flow lacks a station",
        "The card needs something done that no station does.",
        "Add the station.",
    ),
    (
        "E0902",
        "the mailer before its card",
        "A PIN letter is printed only for a card that exists.",
        "Write `after produced`.",
    ),
    (
        "E0903",
        "cards that nobody counts",
        "Blanks come from a counted stock, rejects go into a bin.",
        "Name both in `feed`.",
    ),
    (
        "E0904",
        "no such station",
        "The stations of a machine are fixed.",
        "Take one of them.",
    ),
    (
        "E0905",
        "a name of the wrong kind",
        "The place takes a declaration of one kind.",
        "Name one of that kind.",
    ),
    (
        "E0906",
        "products are missing or there twice",
        "A job says for each product code which card is made.",
        "Write one `product` for each code.",
    ),
    (
        "E0907",
        "a scenario for another card",
        "A scenario speaks of one card.",
        "Name a scenario of this card.",
    ),
    (
        "E0908",
        "a sentence is not understood",
        "Scenarios are made of fixed sentences.",
        "Take one of those that the finding names.",
    ),
    (
        "E0909",
        "a check that the card can't pass",
        "It asks for something that the card does not have.",
        "Change the card or the scenario.",
    ),
    (
        "E0910",
        "secrets without transport key",
        "Files with keys and PINs are enciphered.",
        "Write `transport = …` into the format.",
    ),
    (
        "E0911",
        "stations in an impossible order",
        "A card passes the machine in one direction.",
        "Put them in order.",
    ),
    (
        "E0912",
        "two records",
        "Cards, profiles and jobs of one order speak of one record.",
        "Write the same record behind `for`.",
    ),
    (
        "E0913",
        "a layout for another purpose",
        "A mailer is no carrier, and a carrier no mailer.",
        "Name the right layout.",
    ),
    (
        "E0914",
        "a format or record is not understood",
        "A format has a layout of records, a record a mark.",
        "Write such as `record order when text(1, 2) == \"DT\"`.",
    ),
    (
        "E0915",
        "a field is not understood",
        "A field has a type, a column, and a width where the type has none.",
        "Write such as `pan : pan at 3 width 19`.",
    ),
    (
        "E0916",
        "no issuer",
        "Cards have an issuer.",
        "Declare one.",
    ),
    (
        "E0917",
        "a job's setting is not understood",
        "A priority is express or normal; a number has bounds.",
        "Write what the finding says.",
    ),
    (
        "E0918",
        "an input file among the outputs",
        "Outputs are formats that say what record they are written for.",
        "Name such a format.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_each_stands_once() {
        for pair in CODES.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
    }
}
