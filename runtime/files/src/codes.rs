//! Codes of files, in the band of intake; the codes that intake shares are in the runtime's table.

/// Code, title, what it means, how to mend it.
pub static CODES: &[(&str, &str, &str, &str)] = &[
    (
        "R1520",
        "file ends inside a record",
        "A record, an element or a length promises more than the file holds: nothing was taken.",
        "Fetch the file again; it may be cut short, or not be of this format.",
    ),
    (
        "R1521",
        "length that can't be",
        "The length before a record, a field or a data object is no number, or longer than what holds it.",
        "Check that the file was transferred in binary mode and is of this format.",
    ),
    (
        "R1522",
        "coded number that is none",
        "A packed, zoned, binary or BCD field holds halves that are no digits, a sign where none may be, or a number out of bounds.",
        "Correct the field; check that no character conversion ran over the file.",
    ),
    (
        "R1523",
        "broken structure",
        "The XML, JSON, TLV or spreadsheet is not well formed, is nested too deeply, or names one thing twice: nothing was taken.",
        "Have the file written again; the place is in the message.",
    ),
    (
        "R1524",
        "document type in XML",
        "The file declares a document type or uses entities of its own. Such a file can grow without bounds or read other files, so it is refused.",
        "Have it written without DOCTYPE and entities.",
    ),
    (
        "R1525",
        "spreadsheet that can't be taken",
        "The file is no `.xlsx`, has no such sheet or column, or is larger unpacked than the limit.",
        "Save the sheet as `.xlsx`, with the columns' names as the format has them.",
    ),
    (
        "R1526",
        "value does not fit its place in the file",
        "A text is longer than its field, has a character that the encoding lacks, or is no number where the coding needs one.",
        "Widen the field, or shorten the value where it is made.",
    ),
];
