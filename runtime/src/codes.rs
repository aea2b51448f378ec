//! The runtime's error codes: the source of their pages and of `explain`.

/// Code, title, what it means, how to mend it.
pub static CODES: &[(&str, &str, &str, &str)] = &[
    (
        "R1001",
        "not a bundle",
        "The file does not begin as a Cardwright bundle of this version does.",
        "Pass the `.cwb` file that `cardwright build` wrote.",
    ),
    (
        "R1002",
        "bundle of another schema",
        "The content was made for another version of cardstation.",
        "Use matching versions, or build the bundle again.",
    ),
    (
        "R1003",
        "bundle cut short or too long",
        "The file ends too early, or octets follow its end.",
        "Fetch the bundle again and compare its digest.",
    ),
    (
        "R1004",
        "content can't be read",
        "The content is not what a compiler of this version writes.",
        "Fetch the bundle again, or build it again.",
    ),
    (
        "R1005",
        "content not canonical",
        "The same content could be written in another way; a bundle has one form only.",
        "Build the bundle again with `cardwright build`.",
    ),
    (
        "R1006",
        "asset changed",
        "A font, background or certificate does not have the hash that the content names.",
        "Fetch the bundle again.",
    ),
    (
        "R1007",
        "bundle too large",
        "A length is above the site's limits.",
        "Split the project, or raise the limits.",
    ),
    (
        "R1008",
        "signatures out of order",
        "Signers stand in order of their keys, each once.",
        "Sign the bundle again.",
    ),
    (
        "R1009",
        "wrong signature",
        "A signature does not fit the content or its signer. It is never skipped: it is a sign of tampering.",
        "Fetch the bundle again, or have it signed again.",
    ),
    (
        "R1010",
        "not enough trusted signatures",
        "Fewer people whom this site trusts have signed than the site asks for.",
        "Have it signed with `cardwright sign`, or add the signer to the site's trust.",
    ),
    (
        "R1011",
        "LIVE bundle on a test HSM",
        "A LIVE bundle needs a real HSM; the soft HSM holds test keys only.",
        "Run it at a site with a real HSM.",
    ),
    (
        "R1012",
        "older than what this site has run",
        "A bundle of the same name with a higher sequence was loaded before.",
        "Load the newest bundle, or raise `sequence` and build again.",
    ),
    (
        "R1101",
        "bundle refers to something that is not there",
        "A reference, type or count inside the bundle does not hold. A correct compiler never writes such a bundle.",
        "Build it again with a compiler of this version.",
    ),
    (
        "R1102",
        "data passes as less secret than it is",
        "A node of a program claims a lower secrecy level than its operands give it.",
        "Refuse the bundle and tell its author.",
    ),
    (
        "R1103",
        "value above its sink's clearance",
        "A sink would hold data that is more secret than it may hold.",
        "Refuse the bundle and tell its author.",
    ),
    (
        "R1104",
        "check value differs",
        "The key that this site has bound is not the key that the bundle was built for.",
        "Bind the right key, or build the bundle for this key.",
    ),
    (
        "R1105",
        "which job?",
        "The bundle has several jobs, or none of that name.",
        "Name one with `--job`.",
    ),
    (
        "R1106",
        "field without a value",
        "A program asks for a field that its record does not have.",
        "Use a field of the record that this part runs for.",
    ),
    (
        "R1107",
        "kept job data can't be read",
        "Card data or an order that the store kept is damaged.",
        "Restore the job's data from a backup.",
    ),
    (
        "R1108",
        "value does not fit",
        "A value is too long for its place, or holds a character that has no place there.",
        "Correct the order, or the expression that makes the value.",
    ),
    (
        "R1109",
        "a table out of order",
        "A lookup table of the bundle has rows out of order, two rows of one key, ranges that \
         overlap, or a cell that is not what its column says.",
        "Refuse the bundle: a correct compiler never makes it.",
    ),
    (
        "R1110",
        "no row for this order",
        "A lookup has no row for the key that the order gives, and no value for that case.",
        "Add the row to the table and build again, or correct the order.",
    ),
    (
        "R1111",
        "card that its issuer certificate does not cover",
        "A terminal refuses a chip whose PAN does not begin with the certificate's issuer \
         identifier, or whose issuer certificate has ended (EMV Book 2, 5.3). The order is rejected \
         before a card is made.",
        "Have a certificate for it made by the CA and built into the bundle, or correct the order.",
    ),
    (
        "R1130",
        "a deviation of a card product that this runtime does not know",
        "A bundle names deviations (quirks) of its cards; one that nobody acts on would spoil cards.",
        "Build the bundle with a compiler of this version, or run a newer station.",
    ),
    (
        "R1131",
        "a script that can't be run",
        "A script's parts are checked before any card hears of it: headers, lengths, variables, \
         status words, and that no secret goes to the card in clear.",
        "Build the bundle again with a compiler of this version.",
    ),
    (
        "R1132",
        "card content that can't be managed",
        "Load files, AIDs, privileges, hashes and new keys are checked before any card hears of \
         them.",
        "Build the bundle again with a compiler of this version.",
    ),
    (
        "R1501",
        "order file can't be read",
        "The file is missing, or the disk failed.",
        "Check the file and the disk.",
    ),
    (
        "R1502",
        "character outside the encoding",
        "The line holds octets that the format's encoding does not have.",
        "Have the file written in the encoding that the format names.",
    ),
    (
        "R1503",
        "order file above its limits",
        "A line, the number of records or the number of bad records is above the limit.",
        "Check that this is the right file; split it if it is.",
    ),
    (
        "R1504",
        "record of the wrong length",
        "The record ends before its last field, or goes on after it.",
        "Have the record written as the format says.",
    ),
    (
        "R1505",
        "unknown record",
        "No record of the format begins like this line.",
        "Check the record's mark, or the format's `when`.",
    ),
    (
        "R1506",
        "field of the wrong form",
        "The field's text is not what its type says.",
        "Correct the field.",
    ),
    (
        "R1507",
        "wrong check digit",
        "The PAN's last digit is not the one of the Luhn formula (ISO/IEC 7812-1).",
        "Correct the PAN.",
    ),
    (
        "R1508",
        "no such date",
        "The date is not one of the calendar, or not of the pattern.",
        "Correct the date.",
    ),
    (
        "R1509",
        "order breaks a rule of the format",
        "A `require` of the format does not hold for this record.",
        "Correct the order; the reason is the rule's own.",
    ),
    (
        "R1510",
        "file breaks a rule of the format",
        "A `require` of the format does not hold for the file: nothing of it was taken.",
        "Have the file written again.",
    ),
    (
        "R1511",
        "the same card twice",
        "Two orders of the file ask for the same card.",
        "Take one out.",
    ),
    (
        "R1512",
        "header or trailer missing, doubled or broken",
        "A record that stands once in a file is not there once, or can't be read: nothing was taken.",
        "Fetch the file again; it may be cut short.",
    ),
    (
        "R1513",
        "unknown product",
        "The order asks for a product that the job does not have.",
        "Correct the product code, or add the product to the job.",
    ),
    (
        "R1514",
        "order breaks a rule of the job",
        "An `accept` condition of the job does not hold.",
        "Correct the order; the reason is the rule's own.",
    ),
    (
        "R1515",
        "the same file again",
        "A file with the same content was taken before.",
        "If the cards are really wanted again, ask the bank for a new file.",
    ),
    (
        "R1516",
        "wrong line end",
        "Lines end in another way than the format says.",
        "Transfer the file in binary mode.",
    ),
    (
        "R1517",
        "the same card again",
        "An earlier job, or an earlier order of this one, asks for a card with the same identity.",
        "A second card needs an approved remake.",
    ),
    (
        "R1518",
        "invisible character in a field",
        "The field holds a character that shows nothing and turns the direction of text or breaks \
         its line (such as U+200E, U+202E, U+2066): a name could show as another.",
        "Have the field written without it; the letters of a name know their own direction.",
    ),
    (
        "R1519",
        "order that is not whole",
        "An order of several records has too few or too many of a kind, or a record that can't be read among them. Such an order is never taken in part.",
        "Have the order written again with all its records.",
    ),
    (
        "R1530",
        "bad record in a second file",
        "A record of a file that orders are joined with can't be read. Nothing was taken: an order might have needed it.",
        "Correct the second file.",
    ),
    (
        "R1531",
        "key twice in a second file",
        "Two records of a joined file have the same key, so nobody knows which one an order means.",
        "Leave one of them in the file.",
    ),
    (
        "R1532",
        "second file not given",
        "The format joins orders with a second file, which was not named, or another one was.",
        "Name it when the order file is taken: `--with NAME=FILE`.",
    ),
    (
        "R1533",
        "no record for this order in a second file",
        "The joined file has no record with the order's key.",
        "Add the record to the second file, correct the order, or let the join be `optional`.",
    ),
    (
        "R1534",
        "a file out of its sequence",
        "The format numbers its files (`sequence(files)`), and this one is not the next after the last that was taken: one was lost \
         on its way, or one came twice. Nothing was taken.",
        "Take the missing file first. Where the customer says that it will never come, name the number: `--file-number N`. A number that was there needs a new file.",
    ),
    (
        "R1535",
        "a picture's name that is no plain file name",
        "The field names a picture of the delivery. A name with parts of a path, hidden files, devices and other characters than \
         letters, digits, `.`, `-` and `_` are refused, so that no order can point at another file of the site.",
        "Correct the order: the name of a file in the delivery's folder, such as `0001.jpg`.",
    ),
    (
        "R1536",
        "an order's picture is missing",
        "The delivery's folder has no file of that name, or what stands there is a link, a folder or a device.",
        "Ask for the picture, and deliver the order again.",
    ),
    (
        "R1537",
        "an order's picture can't be read",
        "It is neither JPEG nor PNG, is cut short or damaged, moves, is to be turned by its camera's word, or is stored in a way that no photo is. \
         Every picture is decoded whole before its order is taken, so that no card is spoilt by it.",
        "Ask for the picture as a plain JPEG or PNG, upright, and deliver the order again.",
    ),
    (
        "R1538",
        "an order's picture is not such as the field takes",
        "It has more octets, more or fewer pixels, another shape or format than the field's type says, or colour where grey is asked for.",
        "Ask for another picture, or change the limits in the format and build the bundle again.",
    ),
    (
        "R1539",
        "the folder of pictures is missing",
        "The orders name pictures in a folder of the delivery, and no such folder stands beside the order file; a link is none. Nothing was taken.",
        "Put the folder beside the order file, and take the file again.",
    ),
];
