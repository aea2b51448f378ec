//! The table of this phase's codes: what each means and how to mend it.

mod emv;

use crate::diagnostics::CodeRow;

/// Codes of emission and of its checks, sorted.
pub static CODES: &[CodeRow] = &joined::<{ emv::ROWS.len() }, COUNT>(&emv::ROWS, OTHERS);

const COUNT: usize = emv::ROWS.len() + OTHERS.len();

/// One table after the other.
#[expect(
    clippy::indexing_slicing,
    reason = "reckoned when compiled: an index out of bounds does not compile"
)]
const fn joined<const A: usize, const N: usize>(
    first: &[CodeRow; A],
    second: &[CodeRow],
) -> [CodeRow; N] {
    let mut all = [("", "", "", "", ""); N];
    let mut at = 0;
    while at < A {
        all[at] = first[at];
        at += 1;
    }
    while at < N {
        all[at] = second[at - A];
        at += 1;
    }
    all
}

/// Codes of the other bands, sorted.
const OTHERS: &[CodeRow] = &[
    (
        "E0401",
        "the chip's platform is not known",
        "Known are GlobalPlatform SCP02 and SCP03 with their options i.",
        "Write `platform = globalplatform(scp03, keys: kmc)`.",
        "GlobalPlatform Card Specification, annex E (SCP02); Amendment D (SCP03)",
    ),
    (
        "E0402",
        "the channel's key does not fit",
        "SCP02 is defined for triple DES, SCP03 for AES; the key's use is `card_issuance`.",
        "Name the right key.",
        "GlobalPlatform Card Specification, annex E (SCP02); Amendment D (SCP03)",
    ),
    (
        "E0404",
        "two AIDs begin alike",
        "Selection by the beginning of an AID would find either.",
        "Make them differ.",
        "ISO/IEC 7816-5; EMV Book 1, 12.3",
    ),
    (
        "E0405",
        "the security level does not go with the channel",
        "Personalization needs at least a MAC on every command.",
        "Take 0x01, 0x03, or 0x33 with SCP03.",
        "GlobalPlatform Card Specification, annex E (SCP02); Amendment D (SCP03)",
    ),
    (
        "E0406",
        "an answer of the card is too long",
        "One answer holds 256 octets: SELECT, the directory of contactless applications, the file locator.",
        "Shorten labels and lists, or hold fewer applications.",
        "ISO/IEC 7816-4, 5.1; EMV Book 1, 11.3",
    ),
    (
        "E0407",
        "the chip is too small",
        "Records at their longest, keys and an estimate of what the chip's system adds are more than the chip's `memory`.",
        "Take a larger chip, shorter RSA keys, or fewer applications.",
        "house: an estimate; card products differ",
    ),
    (
        "E0430",
        "a DGI's number can't be used",
        "A DGI has a number from 0001 to FFFF; 7FF0 to 7FFE are reserved for processing that belongs to no application (EMV CPS). Each number stands once.",
        "Take another number, or leave one of the two.",
        "EMV CPS; GlobalPlatform Card Specification, 11.11",
    ),
    (
        "E0431",
        "a template or sequence can't be put together",
        "Templates and sequences list data elements that have a value; a template's own tag is a constructed one (ISO/IEC 8825-1, 8.1.2.5).",
        "Write the value into the `data` block, or correct the list.",
        "ISO/IEC 8825-1, 8.1.2.5",
    ),
    (
        "E0432",
        "a part has not the width of its place",
        "In a struct each part stands where those before it end: a value of another length would move all that follows.",
        "Fill the value up, cut it by name, or change the width.",
        "the house: a struct has fixed places",
    ),
    (
        "E0433",
        "a part has no type that a card could hold",
        "Parts are octets, packed digits, characters, dates, check values; in blobs keys and PINs as well.",
        "Write such as `counter : b 2 = 0` or `reference : pin(iso2) = order.pin`.",
        "EMV Book 3, annex A; ISO 9564-1",
    ),
    (
        "E0434",
        "order and company of DGIs do not hold",
        "`order`, `join` and `leave out` speak of DGIs that the application has, each once; those in one command travel alike (GlobalPlatform, 11.11).",
        "Name DGIs of the application.",
        "GlobalPlatform Card Specification, 11.11",
    ),
    (
        "E0435",
        "a secret in a struct",
        "A struct travels and is kept in clear; keys and PIN blocks belong into a blob, which the HSM enciphers for the card.",
        "Write `blob` for `struct`.",
        "EMV CPS; the house: secrets travel enciphered",
    ),
    (
        "E0436",
        "a blob is not whole cipher blocks",
        "Without padding only whole blocks can be enciphered: 8 octets for triple DES, 16 for AES.",
        "Add filling, or choose a padding: `with iso7816_if_needed`.",
        "EMV Card Personalization Specification, data groupings",
    ),
    (
        "E0437",
        "a deviation that nobody would act on",
        "Quirks have names that compiler, runtime or card know, and a reason. An unknown name would change nothing and hide a spelling mistake.",
        "Take a name from the reference's list of quirks, and say why.",
        "the house: deviations are data with a reason",
    ),
    (
        "E0438",
        "a record of EMV without its template",
        "Records of SFI 1 to 10 are templates of tag 70 (EMV Book 3, 5.3).",
        "Write `dgi 0x0101 template 0x70 = [ … ]`.",
        "EMV Book 3, 5.3",
    ),
    (
        "E0439",
        "a DGI is too long",
        "A record has at most 254 octets; cards keep groupings of up to 4096.",
        "Spread it over several DGIs.",
        "EMV Book 3, 7.5",
    ),
    (
        "E0440",
        "an application that holds nothing",
        "Personalization ends with the last DGI; without one the application stays as it was.",
        "Write its `dgis`.",
        "GlobalPlatform Card Specification, 11.11",
    ),
    (
        "E0450",
        "a script without a command",
        "A script is the commands that personalize a card, in their order.",
        "Write `command \"select\" { header = x\"00 A4 04 00\"; … }`.",
        "the house",
    ),
    (
        "E0451",
        "a script's variable can't be what is written",
        "A variable has a name of its own and 1 to 255 octets, and lies within an answer of 256.",
        "Write `variable serial of 4` and `capture serial = answer(16)`.",
        "ISO/IEC 7816-4",
    ),
    (
        "E0452",
        "not a piece of a command's data",
        "Data are expressions, variables, data elements of the application, and their lengths.",
        "Write such as `[x\"01\", serial, length_of #E104]`.",
        "the house",
    ),
    (
        "E0453",
        "a variable is sent before the card has given it",
        "Commands run in their order; the one that captures comes first.",
        "Move the command, or capture the variable in an earlier one.",
        "the house: commands run in their order",
    ),
    (
        "E0454",
        "a secret would go to the card in clear",
        "Whoever holds the contacts reads along: keys and PINs travel under a key that the card knows, or in its secure channel.",
        "Write `secret under KEY { … }` or `secured = true`.",
        "the house: no secret in clear",
    ),
    (
        "E0455",
        "status words or what to do else are not understood",
        "Status words are four hexadecimal digits, the last ones open (`61xx`), or a range; else the card fails, goes on, or is asked again.",
        "Write such as `expect = [\"9000\", \"61xx\"]` and `otherwise = retry 2`.",
        "ISO/IEC 7816-4, 5.6",
    ),
    (
        "E0456",
        "long data are split in no possible way",
        "A command takes 1 to 255 octets of data.",
        "Write `split = offset(200)` or `split = chain(255)`.",
        "ISO/IEC 7816-4, 5.3.3 and 11.3",
    ),
    (
        "E0457",
        "both a script and data groupings",
        "A script writes the whole application; STORE DATA would write it again.",
        "Leave one of them.",
        "the house",
    ),
    (
        "E0458",
        "a native card without a script of its own",
        "Data groupings and secured scripts need the channel of a GlobalPlatform card.",
        "Give the application a script, or the card a platform.",
        "GlobalPlatform Card Specification",
    ),
    (
        "E0499",
        "the bundle can't be made",
        "A list or a file is larger than a site would load, or a profile can't be made and nothing says why.",
        "Split the project; for a profile, report it.",
        "house: bounded work on any input",
    ),
    (
        "E0503",
        "one key for two purposes",
        "Two declared keys have the same check value: they are one key under two names. What breaks one purpose would break the other.",
        "Have a key made for each purpose.",
        "ANSI X9.143, key usage; PCI PIN Security Requirements, key separation",
    ),
    (
        "E0504",
        "a certificate file can't be read",
        "It is a text file of the project with `name = \"value\"` lines.",
        "Correct the path, or fetch the file again.",
        "house: files of the project",
    ),
    (
        "E0505",
        "the certificate is for another key",
        "Size, exponent or CA index differ from the declaration.",
        "Declare the key as it was certified.",
        "EMV Book 2, 5.1",
    ),
    (
        "E0506",
        "the certificate is for another issuer",
        "Its issuer identifier has to be the beginning of the PAN (EMV Book 2, 5.3).",
        "Take the certificate for this range of PANs.",
        "EMV Book 2, 5.3",
    ),
    (
        "E0508",
        "a key is longer than the one that certifies it",
        "A certificate is as long as the key that signs it (EMV Book 2, 5.1 and 6.1).",
        "Take a shorter key, or a longer one above it.",
        "EMV Book 2, 5.1 and 6.1",
    ),
    (
        "E0509",
        "an RSA key has the wrong size",
        "EMV takes multiples of 8 bits up to 1984, exponents 3 and 65537 (Book 2, annex D1); chips of today have at least 1024 bits.",
        "Write such as `rsa(1152, 3)`.",
        "EMV Book 2, 11.1",
    ),
    (
        "E0510",
        "a strong key under a weak one",
        "A chip's keys are as safe as the key of the channel or file that carries them.",
        "Take a carrying key of the same strength.",
        "PCI PIN Security Requirements, key strength; NIST SP 800-57 part 1, table 2",
    ),
    (
        "E0511",
        "a LIVE bundle without check value",
        "The site could bind any key of that name.",
        "Write the check value of the key form.",
        "house: LIVE keys are bound by their check values",
    ),
    (
        "E0512",
        "a check value has the wrong form",
        "Its length follows from the method.",
        "Write it as hexadecimal.",
        "ANSI X9.24-1, key check values",
    ),
    (
        "E0513",
        "a key without algorithm of today",
        "Single DES and unknown algorithms are not used.",
        "Name one of the known algorithms.",
        "NIST SP 800-131A; ANSI X9.143, algorithm",
    ),
    (
        "E0514",
        "the issuer certificate does not open",
        "It is not signed by this CA key, or it was changed.",
        "Fetch certificate and CA key again.",
        "EMV Book 2, 5.3",
    ),
    (
        "E0516",
        "derivation and algorithm do not fit",
        "Options A and B derive triple DES keys, option C derives AES keys.",
        "Take the option of the keys' algorithm.",
        "EMV Book 2, A1.4",
    ),
    (
        "E0603",
        "a PIN in the wrong place",
        "A mailer has one PIN; nothing else has any.",
        "Keep one `pin` item, in the mailer.",
        "ISO 9564-1; PCI PIN Security Requirements",
    ),
    (
        "E0612",
        "a PIN block under the wrong kind of key",
        "ISO 9564-1: format 4 is for AES, formats 0, 1 and 3 for triple DES.",
        "Change the format or the key.",
        "ISO 9564-1",
    ),
    (
        "E0701",
        "track 1 is too long",
        "It holds 79 characters with sentinels and check character (ISO/IEC 7811-2).",
        "Shorten the discretionary data.",
        "ISO/IEC 7811-2; ISO/IEC 7813",
    ),
    (
        "E0702",
        "track 2 is too long",
        "It holds 40 characters with sentinels and check character (ISO/IEC 7811-2).",
        "Shorten the discretionary data.",
        "ISO/IEC 7811-2; ISO/IEC 7813",
    ),
    (
        "E0703",
        "stripe and chip have different service codes",
        "Terminals compare them.",
        "Use one `let` in both.",
        "ISO/IEC 7813; EMV Book 3, annex A (5F30)",
    ),
    (
        "E0704",
        "the stripe's verification value is made with another service code",
        "The issuer would compute another value and refuse the card.",
        "Make it with the track's service code.",
        "house: the schemes' card verification value",
    ),
    (
        "E0705",
        "the stripe speaks of another account",
        "PAN and expiry are those of the card.",
        "Write the same fields.",
        "ISO/IEC 7813; house: one order, one account",
    ),
    (
        "E0707",
        "a track's parts are not known",
        "Tracks are written by `track1` and `track2`, so that they can be compared with the chip.",
        "Use these functions.",
        "ISO/IEC 7813",
    ),
    (
        "E0801",
        "an embossed line is too long",
        "ISO/IEC 7811-1: 19 characters on the number line, 27 on the others.",
        "Shorten it.",
        "ISO/IEC 7811-1",
    ),
    (
        "E0802",
        "an embossed line may hold other characters",
        "The drum has capital letters, digits and a few signs.",
        "Bring names through `embossing_name`.",
        "ISO/IEC 7811-1",
    ),
    (
        "E0803",
        "no such embossed line",
        "A card has lines 1 to 4.",
        "Write `line 1 = …`.",
        "ISO/IEC 7811-1",
    ),
    (
        "E0804",
        "a panel lies outside the card",
        "ISO/IEC 7810 gives a card 85.60 mm by 53.98 mm; the panel passes one of its edges.",
        "Move the panel, or make it smaller.",
        "ISO/IEC 7810",
    ),
    (
        "E0805",
        "an item lies outside the page",
        "Places count from the top left corner.",
        "Move it, or make it smaller.",
        "house: pages",
    ),
    (
        "E0806",
        "ink in the PIN window",
        "The window is for the PIN alone.",
        "Move the item.",
        "PCI PIN Security Requirements; house: the stock's window",
    ),
    (
        "E0807",
        "the PIN is not in the window",
        "Only the window is hidden by the label.",
        "Move the PIN.",
        "PCI PIN Security Requirements; house: the stock's window",
    ),
    (
        "E0809",
        "no such font",
        "Fonts come with the standard packages.",
        "Name one of them.",
        "house: pages",
    ),
    (
        "E0810",
        "the background can't be used",
        "It is a one-page PDF of the project.",
        "Correct the path, or make the file again.",
        "house: pages",
    ),
    (
        "E0811",
        "the lines do not fit their box",
        "The box must be as high as the most lines that the text may have, wrapped lines included.",
        "Make the box higher or the font smaller, or let it shrink.",
        "house: pages",
    ),
    (
        "E0812",
        "a place is not understood",
        "A place has left, top, width and height.",
        "Write `(25 mm, 50 mm, 85 mm, 30 mm)`.",
        "house: pages",
    ),
    (
        "E0813",
        "a carrier without a symbol",
        "The machine matches carrier and card by it.",
        "Add a `barcode datamatrix`.",
        "house: carrier and card are matched by a symbol",
    ),
    (
        "E0901",
        "the flow lacks a station",
        "The card needs something done that no station does.",
        "Add the station.",
        "house: what a line can do",
    ),
    (
        "E0902",
        "the mailer before its card",
        "A PIN letter is printed only for a card that exists.",
        "Write `after produced`.",
        "house: a mailer only for a card that exists",
    ),
    (
        "E0903",
        "cards that nobody counts",
        "Blanks come from a counted stock, rejects go into a bin.",
        "Name both in `feed`.",
        "PCI Card Production, accounting for card stock",
    ),
    (
        "E0906",
        "products are missing or there twice",
        "A job says for each product code which card is made.",
        "Write one `product` for each code.",
        "docs/language/reference.md",
    ),
    (
        "E0907",
        "a scenario for another card",
        "A scenario speaks of one card.",
        "Name a scenario of this card.",
        "docs/language/reference.md",
    ),
    (
        "E0908",
        "a sentence is not understood",
        "Scenarios are made of fixed sentences; amounts have the code of a currency.",
        "Take one of those that the finding names.",
        "docs/language/reference.md",
    ),
    (
        "E0909",
        "a check that the card can't pass",
        "It asks for something that the card does not have, or of no application.",
        "Change the card or the scenario.",
        "house: a scenario is for its card",
    ),
    (
        "E0910",
        "secrets without transport key",
        "Files with keys and PINs are enciphered.",
        "Write `transport = …` into the format.",
        "PCI PIN Security Requirements; EMV Card Personalization Specification, transport key",
    ),
    (
        "E0911",
        "stations in an impossible order",
        "A card passes the machine in one direction.",
        "Put them in order.",
        "house: what a line can do",
    ),
    (
        "E0912",
        "two records",
        "Cards, profiles, letters, files and jobs of one order speak of one record.",
        "Write the same record behind `for`.",
        "docs/language/reference.md",
    ),
    (
        "E0913",
        "a layout for another purpose",
        "A mailer is no carrier, and a carrier no mailer.",
        "Name the right layout.",
        "docs/language/reference.md",
    ),
    (
        "E0914",
        "a format or record is not understood",
        "A format has a layout of records, a record a mark.",
        "Write such as `record order when text(1, 2) == \"DT\"`.",
        "house: formats of files",
    ),
    (
        "E0915",
        "a field is not understood",
        "A field has a type, a column, and a width where the type has none.",
        "Write such as `pan : pan at 3 width 19`.",
        "house: formats of files",
    ),
    (
        "E0916",
        "no issuer, or more than one",
        "Cards have one issuer; in a project of several the manifest names it.",
        "Declare one, or write `issuer = \"NAME\"` into the manifest.",
        "docs/language/reference.md",
    ),
    (
        "E0917",
        "a job's setting is not understood",
        "A priority is express or normal; a number has bounds.",
        "Write what the finding says.",
        "docs/language/reference.md",
    ),
    (
        "E0918",
        "an input file among the outputs",
        "Outputs are formats that say what record they are written for.",
        "Name such a format.",
        "docs/language/reference.md",
    ),
    (
        "E0919",
        "the camera reads what the card does not show",
        "The flow's `read` names a line or panel that a card of the job does not have: every such card would be rejected.",
        "Change the list, or give the job a flow of its own.",
        "house: a reading has something to read",
    ),
    (
        "E0920",
        "a product that no order can ask for",
        "The product's code is longer than the field that names it.",
        "Correct the code, or widen the field.",
        "house: each product can be ordered",
    ),
    (
        "E0921",
        "a rule that no job looks at",
        "A rule on orders takes effect where a job's `accept` names it.",
        "Add it to `accept`, or take it out.",
        "house: nothing declared in vain",
    ),
    (
        "E0930",
        "a command that the application does not have",
        "Records, transactions and PIN commands are EMV's. An application of another kind is \
         selected, and its data are compared with what was made.",
        "Write `select NAME` and `expect data matches source`.",
        "the house: a scenario asks what the card can answer",
    ),
    (
        "E0950",
        "a framing or encoding that does not go together",
        "Blocks need their length, prefixed records the form of the length; trees and spreadsheets tell records apart by themselves; UTF-16 has no single octets to count.",
        "Write what the finding says.",
        "House rule: a record ends where every reader says that it ends",
    ),
    (
        "E0951",
        "a record in two roles",
        "A record stands once in the file, or around a group, or is a part of an order; a part names the record of the order.",
        "Write such as `record detail of order { most 4; … }`.",
        "House rule: an order is taken whole or not at all",
    ),
    (
        "E0952",
        "a join that can't be made",
        "A join names the record of another format, and fields of both that are equal.",
        "Write `join branch of branches.branch on order.branch == branch.code`.",
        "House rule: one key, one record",
    ),
    (
        "E0953",
        "a coding that the field or the file can't have",
        "Packed, zoned, BCD and binary fields are digits or numbers, and stand in blocks, prefixed records or data objects, where no octet is a line end.",
        "Choose another type or coding, or `framing = blocks`.",
        "IBM z/Architecture Principles of Operation, chapter 8 (decimal formats)",
    ),
    (
        "E0954",
        "a total or number at the wrong place",
        "Totals are known behind the records that they count; a sequence number is the whole value of a field.",
        "Put totals into the trailer; write `number : n 6 = sequence(file)`.",
        "House rule: files are written once, from front to back",
    ),
    (
        "E0955",
        "sorting or groups of a file that has none",
        "Files that are written by fields can be sorted, grouped and named by their orders; group records need `break_by`.",
        "Write `break_by = order.branch`, or leave it out.",
        "House rule: groups are made by what orders have in common",
    ),
    (
        "E0958",
        "two fields of a fixed-width record share columns",
        "What is written there would be overwritten, and what is read there would be read twice: nearly always a width that was copied wrongly from the specification.",
        "Correct `at` or `width` of one of them.",
        "House rule: a column of a file has one meaning",
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
