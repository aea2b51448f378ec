//! The table of the codes of layouts and faces: what each means and how to mend it.

use crate::diagnostics::CodeRow;

/// Codes of pages and faces, sorted; those up to E0813 stand with the others of emission.
pub static CODES: &[CodeRow] = &[
    (
        "E0814",
        "text may be wider than its box",
        "Measured with the fonts' own widths, for the longest value that the text's type allows, \
         made of the widest characters that it may hold.",
        "Let it shrink or wrap, make the box wider, or narrow what the text may hold.",
        "house: every text inside its box at its font's real widths",
    ),
    (
        "E0815",
        "the longest PIN does not fit its field",
        "A PIN has 4 to 12 digits (ISO 9564-1, 8.1). A field that takes only four makes the letter \
         of a longer PIN fail when it is printed, and the others of its document with it.",
        "Make the field wider and higher, or its font smaller.",
        "ISO 9564-1, 8.1",
    ),
    (
        "E0816",
        "a panel is wider than its place on the card",
        "Measured with the font's own widths for the longest value that the panel may show.",
        "Move the panel, shorten its value, or set it smaller: `with \"OCR-B\" 7 pt`.",
        "ISO/IEC 7810, 5.1",
    ),
    (
        "E0817",
        "a symbol is too small for its longest content",
        "Scanners do not read modules under 0.2 mm or bars lower than 5 mm; the quiet zone is \
         part of the symbol (ISO/IEC 15417, 15438, 16022, 16390, 18004).",
        "Make the symbol larger, its content shorter, or its level lower.",
        "ISO/IEC 15417, 15438, 16022, 16390, 18004",
    ),
    (
        "E0818",
        "a symbol can't hold its content",
        "ITF holds digits, Code 128 ASCII; only linear symbols take a check digit and a caption.",
        "Bring the value to what the symbol holds, or take another symbol.",
        "ISO/IEC 15417, 16390",
    ),
    (
        "E0819",
        "the page has no size, or another one than its stock",
        "A stock says how large its sheets are; a layout without one says it itself.",
        "Leave `page` to the stock, or write it when there is none.",
        "house: pages",
    ),
    (
        "E0820",
        "the languages of a layout do not cover those of the orders",
        "Every language that an order can name has items, and none has items in vain.",
        "Add `other { … }`, and take out what can't occur.",
        "house: languages",
    ),
    (
        "E0821",
        "ink where the stock takes none",
        "The stock names edges and zones that feeders, glue or windows need free of ink.",
        "Move the item, or take another stock.",
        "house: stocks",
    ),
    (
        "E0822",
        "a picture can't be used",
        "Pictures are PNG, JPEG or one-page PDF files of the project, of 8 MiB and 40 million \
         pixels at most.",
        "Correct the path, or save the picture in one of these forms.",
        "house: pictures",
    ),
    (
        "E0823",
        "a table does not fit",
        "Each row has one cell a column; columns and rows together lie in the table's box, also \
         when every row is there and every list has its most lines.",
        "Make the box larger, or the table smaller.",
        "house: tables",
    ),
    (
        "E0824",
        "labels do not fit their sheet",
        "The labels lie on the sheet side by side and one below the other, and belong to a layout \
         of `purpose = label`.",
        "Take count, size and gutter from the maker's sheet.",
        "house: labels",
    ),
    (
        "E0825",
        "pages are not numbered in order",
        "The first page is the layout itself; further ones are `page 2`, `page 3` and so on.",
        "Number the pages from 2 without gaps.",
        "house: pages",
    ),
    (
        "E0826",
        "a PIN, symbol or card on a fold or perforation",
        "What is folded or torn there is not read by people or scanners, and a card does not bend.",
        "Move the item away from the fold.",
        "house: stocks",
    ),
    (
        "E0827",
        "a picture is coarse",
        "Below 150 dots an inch print shows its pixels.",
        "Take a larger picture or a smaller box.",
        "house: pictures",
    ),
    (
        "E0828",
        "ink under the card",
        "A carrier's `face` is where the card is glued on.",
        "Move the item away from the card.",
        "house: carriers",
    ),
    (
        "E0829",
        "something on a card's face lies where it must not",
        "The contacts, the stripe, the embossed lines and the signature panel have areas of their \
         own (ISO/IEC 7810, 7811-1, 7811-2, 7816-2); embossing shows on both sides.",
        "Move it into the free part of the face.",
        "ISO/IEC 7810, 7811-1, 7811-2, 7816-2",
    ),
    (
        "E0830",
        "an embossed line with dies that it does not take",
        "The number line has characters of 7 to the inch that machines read, names and addresses \
         smaller ones of 10 to the inch.",
        "Take `farrington_7b` or `ocr_b` for line 1, `standard` for lines 2 to 4.",
        "ISO/IEC 7811-1, 6",
    ),
    (
        "E0831",
        "an image that can't be drawn",
        "An image is a picture of the project (`file`), or the order's own (`value`, a field of the \
         type `picture(…)`). With both, the file stands in for a picture that an optional field \
         leaves out.",
        "Name one of them, or both for an optional field.",
        "house: pictures",
    ),
    (
        "E0832",
        "pictures in colour on a machine that prints one colour",
        "The flow's printer has a black ribbon, and the card shows a picture of its order that may \
         come in colour: a face in black dots is not what its holder sent.",
        "Let the field take only `grey` pictures, or take a machine that prints in colour.",
        "house: pictures",
    ),
    (
        "E0833",
        "a picture where none can be",
        "A picture of an order is drawn on faces and pages. It is no value to compute, compare or \
         write into files and chips, and it comes with the record of its order.",
        "Draw it by `image { value = order.photo; … }`, and leave it out elsewhere.",
        "house: pictures",
    ),
];
