//! What can go wrong on paper: the codes and their makers. No maker takes text of a page.

pub(crate) use cardwright_ports::paper::PaperError as Failure;

/// Codes with title, explanation and mend, for the pages of the docs and for `explain`.
pub static CODES: &[(&str, &str, &str, &str)] = &[
    (
        "R1231",
        "The layout names a font that its bundle does not hold",
        "Paper is set with the bundle's own fonts only, never with those of the machine, so that \
         the same sheets give the same pages everywhere.",
        UNKNOWN_FONT,
    ),
    (
        "R1232",
        "A font can't be read",
        "The file is no TrueType or OpenType font with outlines, or it is damaged.",
        BAD_FONT,
    ),
    (
        "R1233",
        "The layout names a background that its bundle does not hold",
        "A background is a PDF of one page that the bundle carries.",
        UNKNOWN_BACKGROUND,
    ),
    (
        "R1234",
        "A background can't be used",
        "The file is no readable PDF of version 1.7 or lower with exactly one page.",
        BAD_BACKGROUND,
    ),
    (
        "R1235",
        "A background has another size than its page",
        "The bank's PDF is laid under the page at its own size; it is never stretched, because a \
         window or a card's place would move.",
        BACKGROUND_SIZE,
    ),
    (
        "R1236",
        "Text does not fit its area",
        "After wrapping, a line is wider than the area or there are more lines than the area has \
         room for. Nothing is cut silently: a cut name or address is a wrong letter.",
        NO_ROOM,
    ),
    (
        "R1237",
        "A character is in none of the fonts",
        "Every font that the text lists was tried. A box in place of a letter would be a wrong \
         name on the page.",
        NO_GLYPH,
    ),
    (
        "R1238",
        "A symbol can't be drawn",
        "The content is empty, too long or of characters that the symbol does not have, or its \
         modules would be smaller than 0.2 mm in this area, which scanners do not read.",
        BARCODE,
    ),
    (
        "R1239",
        "PIN field and PIN reference do not agree",
        "A page with a PIN field needs a reference that the PIN is asked for by, and a page \
         without one must have none.",
        PIN_REFERENCE,
    ),
    (
        "R1240",
        "The PIN can't be drawn",
        "What came for the reference is not 4 to 12 decimal digits (ISO 9564-1), or the field is \
         too small for it at this size.",
        PIN_VALUE,
    ),
    (
        "R1241",
        "A number is outside its limits",
        "Pages, marks, text, sizes and files have limits, so that a damaged or hostile bundle \
         can't take the machine's memory.",
        LIMIT,
    ),
    (
        "R1242",
        "Text holds a control character",
        "Control characters and direction overrides have no place in printed data: they can hide \
         or reorder what the reader sees.",
        CONTROL,
    ),
    (
        "R1243",
        "A mark lies outside its page",
        "The area of a mark must lie on the page.",
        OUTSIDE,
    ),
    (
        "R1244",
        "The document could not be written",
        "A library refused one of the fonts or backgrounds while the file was made.",
        LIBRARY,
    ),
    (
        "R1245",
        "A picture can't be used",
        "A page names a picture that its bundle does not hold, or the file is no PNG or JPEG of \
         at most 40 million pixels.",
        BAD_IMAGE,
    ),
];

const UNKNOWN_FONT: &str = "add the font to the project's layout or name one that it has";
const BAD_FONT: &str = "replace the file by a TrueType or OpenType font";
const UNKNOWN_BACKGROUND: &str = "add the background to the layout or correct its name";
const BAD_BACKGROUND: &str = "export the background anew as one page of PDF 1.7";
const BACKGROUND_SIZE: &str = "export the background in the layout's page size";
const NO_ROOM: &str = "make the area larger, the size smaller or the text shorter";
const NO_GLYPH: &str = "add a font that has the script to the text's list of fonts";
const BARCODE: &str = "make the area larger or the content shorter";
const PIN_REFERENCE: &str = "give the page a PIN field and a reference, or neither";
const PIN_VALUE: &str = "check the PIN's length and the size of the field";
const LIMIT: &str = "split the job or correct the layout";
const CONTROL: &str = "remove the character from the order's data or the layout's text";
const OUTSIDE: &str = "move the mark onto the page or correct the page's size";
const BAD_IMAGE: &str = "replace the picture by a PNG or JPEG, and build the bundle again";
const LIBRARY: &str = "check the bundle's fonts and backgrounds";

fn failure(code: &'static str, what: String, mend: &'static str) -> Failure {
    Failure { code, what, mend }
}

pub(crate) fn unknown_font(name: &str) -> Failure {
    failure("R1231", format!("there is no font `{name}`"), UNKNOWN_FONT)
}

pub(crate) fn bad_font(name: &str) -> Failure {
    failure(
        "R1232",
        format!("the font `{name}` can't be read"),
        BAD_FONT,
    )
}

pub(crate) fn unknown_background(name: &str) -> Failure {
    let what = format!("there is no background `{name}`");
    failure("R1233", what, UNKNOWN_BACKGROUND)
}

pub(crate) fn bad_background(name: &str, why: &str) -> Failure {
    let what = format!("the background `{name}` {why}");
    failure("R1234", what, BAD_BACKGROUND)
}

pub(crate) fn background_size(name: &str, found: (f32, f32), wanted: (f32, f32)) -> Failure {
    let mm = |pt: f32| pt * 25.4 / 72.0;
    let what = format!(
        "the background `{name}` is {:.1} by {:.1} mm, the page {:.1} by {:.1} mm",
        mm(found.0),
        mm(found.1),
        mm(wanted.0),
        mm(wanted.1)
    );
    failure("R1235", what, BACKGROUND_SIZE)
}

/// The code of text that does not fit; smaller text may.
pub(crate) const NO_ROOM_CODE: &str = "R1236";

pub(crate) fn no_room(mark: usize, direction: &str) -> Failure {
    let what = format!("the text of mark {mark} is too {direction} for its area");
    failure(NO_ROOM_CODE, what, NO_ROOM)
}

pub(crate) fn no_glyph(mark: usize, fonts: &[String]) -> Failure {
    let tried = fonts.join(", ");
    let what = format!("mark {mark} has a character that none of its fonts has ({tried})");
    failure("R1237", what, NO_GLYPH)
}

pub(crate) fn bad_image(name: &str, why: &str) -> Failure {
    let what = format!("the picture `{name}` {why}");
    failure("R1245", what, BAD_IMAGE)
}

pub(crate) fn barcode(mark: usize, why: &str) -> Failure {
    failure("R1238", format!("the symbol of mark {mark} {why}"), BARCODE)
}

pub(crate) fn pin_reference(what: &str) -> Failure {
    failure("R1239", what.to_owned(), PIN_REFERENCE)
}

pub(crate) fn pin_value(what: &str) -> Failure {
    failure("R1240", what.to_owned(), PIN_VALUE)
}

pub(crate) fn limit(what: &str, found: usize, most: usize) -> Failure {
    let what = format!("{what}: found {found}, the limit is {most}");
    failure("R1241", what, LIMIT)
}

pub(crate) fn too_small(what: &str, found: usize, least: usize) -> Failure {
    let what = format!("{what}: found {found}, at least {least} is needed");
    failure("R1241", what, LIMIT)
}

pub(crate) fn control(mark: usize) -> Failure {
    let what = format!("mark {mark} holds a control character");
    failure("R1242", what, CONTROL)
}

pub(crate) fn outside(mark: usize) -> Failure {
    failure("R1243", format!("mark {mark} is not on its page"), OUTSIDE)
}

pub(crate) fn library(what: &str) -> Failure {
    failure("R1244", what.to_owned(), LIBRARY)
}
