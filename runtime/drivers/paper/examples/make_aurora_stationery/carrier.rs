//! The welcome letter that carries the card.

use super::letterhead;
use super::pen::{self, Faces, GREY, HAIR, ICE, NIGHT, Pen, Shape, TEAL, WHITE};

/// The card's place: ISO/IEC 7810 ID-1, 85.60 by 53.98 mm, corners of 3.18 mm.
const CARD: (f32, f32, f32, f32, f32) = (99.4, 118.0, 85.60, 53.98, 3.18);

/// `carrier.pdf`.
pub(crate) fn draw(faces: &Faces) -> Result<Vec<u8>, String> {
    pen::a4("Aurora Bank card carrier", |pen| {
        let warning = "Lost or stolen? Call 0800 000 1200 at once, day or night, \
                       and we will stop the card.";
        letterhead::draw(pen, faces, warning, "Form CAR-A4");
        steps(pen, faces);
        card(pen, faces);
    })
}

fn steps(pen: &mut Pen<'_>, faces: &Faces) {
    pen.text(
        25.0,
        123.4,
        11.0,
        &faces.bold,
        NIGHT,
        "Three steps and it is yours",
    );
    let lines = [
        (
            "Peel the card off.",
            "The glue leaves no trace;",
            "rub it away with a thumb.",
        ),
        (
            "Sign it on the back.",
            "Use a ball-point pen. A card",
            "without signature is not valid.",
        ),
        (
            "Use it with your PIN.",
            "The PIN comes in a letter of its",
            "own, some days after this one.",
        ),
    ];
    for (row, (what, first, second)) in lines.iter().enumerate() {
        let y = 131.6 + 14.6 * row as f32;
        pen.fill(&Shape::default().circle(27.6, y + 0.2, 2.6), TEAL, 1.0);
        let number = (row + 1).to_string();
        pen.text(26.75, y + 1.35, 8.6, &faces.bold, WHITE, &number);
        pen.text(33.0, y, 8.6, &faces.bold, NIGHT, what);
        pen.text(33.0, y + 4.0, 7.6, &faces.regular, GREY, first);
        pen.text(33.0, y + 7.6, 7.6, &faces.regular, GREY, second);
    }
}

fn card(pen: &mut Pen<'_>, faces: &Faces) {
    let (x, y, width, height, radius) = CARD;
    let outline = Shape::default().rectangle(x, y, width, height, radius);
    pen.fill(&outline, ICE, 0.45);
    pen.stroke(&outline, TEAL, 0.25, &[1.6, 1.2]);
    for (cx, cy) in [
        (x, y),
        (x + width, y),
        (x, y + height),
        (x + width, y + height),
    ] {
        corner(pen, cx, cy, cx > x, cy > y);
    }
    // Two dots of glue hold the card; the insertion machine finds them here.
    for dx in [width * 0.3, width * 0.7] {
        let dot = Shape::default().circle(x + dx, y + height / 2.0, 4.0);
        pen.stroke(&dot, HAIR, 0.2, &[0.8, 0.8]);
    }
    let hint = "Your card is fixed here";
    pen.text(
        x + width / 2.0 - 14.0,
        y + height - 5.0,
        7.0,
        &faces.regular,
        GREY,
        hint,
    );
}

/// A crop mark outside a corner, 1.5 mm away from it.
fn corner(pen: &mut Pen<'_>, x: f32, y: f32, right: bool, bottom: bool) {
    let (sx, sy) = (
        if right { 1.0 } else { -1.0 },
        if bottom { 1.0 } else { -1.0 },
    );
    let mark = Shape::default()
        .at(x + 1.5 * sx, y)
        .line(x + 4.0 * sx, y)
        .at(x, y + 1.5 * sy)
        .line(x, y + 4.0 * sy);
    pen.stroke(&mark, HAIR, 0.15, &[]);
}
