//! Pictures of a card's faces, as neutral pages: ID-1, 85.60 by 53.98 mm (ISO/IEC 7810).

use crate::{StationError, pages::picture_mark, pictures};
use cardwright_bundle::{Card, Face, FaceSide};
use cardwright_ports::paper::{Alignment, Area, Colour, Mark, Placed, Sheet};
use cardwright_runtime::{Value, datagen::CardData, plan::Fields};

/// Width of an ID-1 card.
pub const CARD_WIDTH_UM: u32 = 85_600;
/// Height of an ID-1 card.
pub const CARD_HEIGHT_UM: u32 = 53_980;
const CORNER_UM: u32 = 3_180;

/// What stands in a report for a picture that it may not show.
const HIDDEN: Colour = Colour(0x9A, 0xA3, 0xAB);

/// How a face is looked at.
pub struct Look<'l> {
    /// The order's record, with its pictures.
    pub fields: &'l dyn Fields,
    /// The record's name.
    pub record: &'l str,
    /// Whether what a report may not show is masked; then the record is not asked.
    pub hide: bool,
}

/// No record.
pub struct Nothing;

impl Fields for Nothing {
    fn field(&self, _: &str, _: &str) -> Option<&Value> {
        None
    }
}

/// A page that shows one face with this card's data; none for a side that has nothing.
///
/// # Errors
/// R1107 where the order names a picture that its record does not come with.
pub fn face(
    card: &Card,
    side: FaceSide,
    data: &CardData,
    look: &Look<'_>,
) -> Result<Option<Sheet>, StationError> {
    let Some(face) = card.faces.iter().find(|face| face.side == side) else {
        return Ok(None);
    };
    let hide = look.hide;
    let (ground, ink) = (colour(&face.colours.0), colour(&face.colours.1));
    let mut marks = vec![fill(
        Area {
            x_um: 0,
            y_um: 0,
            width_um: CARD_WIDTH_UM,
            height_um: CARD_HEIGHT_UM,
        },
        ground,
        CORNER_UM,
    )];
    for image in &face.images {
        let own = (look.fields, look.record);
        let mark = match &image.order {
            Some(_) if hide => Some(hidden()),
            order => picture_mark(&image.asset, order.as_ref(), own)?,
        };
        let area = pictures::area(&image.at);
        marks.extend(mark.map(|mark| Placed { area, mark }));
    }
    match side {
        FaceSide::Front => front(&mut marks, card, data, ground, ink, hide),
        FaceSide::Back => back(&mut marks, card, face),
    }
    panels(&mut marks, face, data, ink, hide);
    Ok(Some(Sheet {
        width_um: CARD_WIDTH_UM,
        height_um: CARD_HEIGHT_UM,
        background: None,
        test_mark: true,
        marks,
        pin_reference: None,
    }))
}

/// A sheet as a report shows it: no picture of anybody.
pub(crate) fn without_pictures(mut sheet: Sheet) -> Sheet {
    for placed in &mut sheet.marks {
        if matches!(placed.mark, Mark::Picture { .. }) {
            placed.mark = hidden();
        }
    }
    sheet
}

fn hidden() -> Mark {
    Mark::Fill {
        colour: HIDDEN,
        radius_um: 0,
    }
}

fn front(
    marks: &mut Vec<Placed>,
    card: &Card,
    data: &CardData,
    ground: Colour,
    ink: Colour,
    hide: bool,
) {
    if card.chip.is_some() {
        contacts(marks);
    }
    for (_, number, text) in data.emboss.iter().filter(|(front, _, _)| *front) {
        let (y_um, size_mpt, spacing_mpt) = emboss_place(*number);
        let shown = if hide {
            masked(*number, text)
        } else {
            text.clone()
        };
        // Relief: a dark copy under the line, shifted down and right.
        for (shift_um, colour) in [(150, darker(ground)), (0, ink)] {
            marks.push(Placed {
                area: Area {
                    x_um: 7_650 + shift_um,
                    y_um: y_um + shift_um,
                    width_um: 76_000,
                    height_um: 8_000,
                },
                mark: text_mark(&shown, "Cardwright Emboss", size_mpt, spacing_mpt, colour),
            });
        }
    }
}

/// The contact plate.
fn contacts(marks: &mut Vec<Placed>) {
    // Contacts stand 10.25 mm from the left and 19.23 mm from the top (ISO/IEC 7816-2).
    let gold = Colour(0xD9, 0xB4, 0x5B);
    marks.push(fill(
        Area {
            x_um: 9_600,
            y_um: 18_000,
            width_um: 12_600,
            height_um: 10_800,
        },
        gold,
        1_600,
    ));
    let line = Colour(0xA8, 0x84, 0x32);
    for n in 1..4u32 {
        let y_um = 18_000 + n * 2_700;
        marks.push(fill(
            Area {
                x_um: 9_600,
                y_um,
                width_um: 12_600,
                height_um: 160,
            },
            line,
            0,
        ));
    }
    marks.push(fill(
        Area {
            x_um: 15_800,
            y_um: 18_000,
            width_um: 160,
            height_um: 10_800,
        },
        line,
        0,
    ));
}

/// Number line 21.42 mm above the bottom edge; lines 2 to 4 in the name and address area
/// (ISO/IEC 7811-1). Sizes are for the picture.
fn emboss_place(line: u8) -> (u32, u32, u32) {
    match line {
        1 => (CARD_HEIGHT_UM - 24_500, 13_500, 900),
        2 => (CARD_HEIGHT_UM - 16_600, 8_500, 600),
        3 => (CARD_HEIGHT_UM - 11_400, 8_500, 600),
        _ => (CARD_HEIGHT_UM - 6_600, 8_500, 600),
    }
}

fn masked(line: u8, text: &str) -> String {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if line != 1 || digits < 12 {
        return text.to_owned();
    }
    let mut seen = 0;
    text.chars()
        .map(|c| {
            if c.is_ascii_digit() {
                seen += 1;
                if seen > 6 && seen <= digits - 4 {
                    '0'
                } else {
                    c
                }
            } else {
                c
            }
        })
        .collect()
}

fn back(marks: &mut Vec<Placed>, card: &Card, face: &Face) {
    if card.stripe.is_some() {
        // The stripe's area ends 15.82 mm below the top edge (ISO/IEC 7811-2).
        let stripe = Area {
            x_um: 0,
            y_um: 4_000,
            width_um: CARD_WIDTH_UM,
            height_um: 11_800,
        };
        marks.push(fill(stripe, Colour(0x1C, 0x1C, 0x1E), 0));
    }
    let signature = face.signature;
    let panel_area = Area {
        x_um: signature.map_or(8_000, |s| s.x_um),
        y_um: signature.map_or(19_500, |s| s.y_um),
        width_um: signature.map_or(52_000, |s| s.width_um),
        height_um: signature.map_or(9_000, |s| s.height_um),
    };
    marks.push(fill(panel_area, Colour(0xFF, 0xFF, 0xFF), 600));
}

/// Printed panels of a side.
fn panels(marks: &mut Vec<Placed>, face: &Face, data: &CardData, ink: Colour, hide: bool) {
    let front = face.side == FaceSide::Front;
    for panel in &face.print {
        let mut made = data.panels.iter();
        let Some(made) = made.find(|p| p.front == front && p.name == panel.name) else {
            continue;
        };
        let shown = if hide {
            "•".repeat(made.text.chars().count())
        } else {
            made.text.clone()
        };
        let height_um = panel.size_mpt.saturating_mul(353) / 1_000 * 2;
        let y_um = panel.y_um;
        marks.push(Placed {
            area: Area {
                x_um: panel.x_um,
                y_um,
                width_um: CARD_WIDTH_UM.saturating_sub(panel.x_um),
                height_um: height_um
                    .max(6_000)
                    .min(CARD_HEIGHT_UM.saturating_sub(y_um)),
            },
            mark: panel_mark(
                &shown,
                if hide { "Noto Sans" } else { &panel.font },
                panel.size_mpt,
                ink,
            ),
        });
    }
}

fn fill(area: Area, colour: Colour, radius_um: u32) -> Placed {
    Placed {
        area,
        mark: Mark::Fill { colour, radius_um },
    }
}

/// A panel's text: its place is the top edge of its line. Marks on capitals and descenders stay
/// within 1.2 times the font's size, which is what the compiler keeps clear.
fn panel_mark(text: &str, font: &str, size_mpt: u32, ink: Colour) -> Mark {
    let mut mark = text_mark(text, font, size_mpt, 0, ink);
    if let Mark::Text { leading_mpt, .. } = &mut mark {
        *leading_mpt = size_mpt.saturating_mul(11) / 10;
    }
    mark
}

fn text_mark(text: &str, font: &str, size_mpt: u32, spacing_mpt: u32, colour: Colour) -> Mark {
    Mark::Text {
        lines: vec![text.to_owned()],
        fonts: vec![font.to_owned(), "Noto Sans".to_owned()],
        size_mpt,
        smallest_mpt: size_mpt,
        wrap: true,
        leading_mpt: size_mpt.saturating_mul(6) / 5,
        alignment: Alignment::Start,
        colour,
        spacing_mpt,
    }
}

fn darker(Colour(r, g, b): Colour) -> Colour {
    Colour(r / 2, g / 2, b / 2)
}

/// `RRGGBB`; anything else is grey.
pub(crate) fn colour(text: &str) -> Colour {
    match hex::decode(text).as_deref() {
        Ok([r, g, b]) => Colour(*r, *g, *b),
        _ => Colour(0x88, 0x88, 0x88),
    }
}
