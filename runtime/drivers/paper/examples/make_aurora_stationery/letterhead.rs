//! What both sheets share: logo, sender, fold marks, footer.

use super::pen::{Faces, GREEN, GREY, HAIR, ICE, NIGHT, Pen, Shape, TEAL, VIOLET, WHITE};

/// Head and foot of a letter. Kept free for data: address (25, 46)-(110, 84), barcode
/// (176, 16)-(196, 36) and the body.
pub(crate) fn draw(pen: &mut Pen<'_>, faces: &Faces, warning: &str, form: &str) {
    logo(pen, 25.0, 14.0);
    pen.text(43.5, 21.6, 19.0, &faces.bold, NIGHT, "Aurora Bank");
    pen.text(
        43.7,
        27.0,
        8.0,
        &faces.regular,
        TEAL,
        "Banking under northern lights",
    );
    let sender = "Aurora Bank · Card Services · P.O. Box 1200 · 1000 Northport";
    pen.text(25.0, 43.4, 6.2, &faces.regular, GREY, sender);
    pen.stroke(
        &Shape::default().at(25.0, 44.8).line(87.5, 44.8),
        HAIR,
        0.12,
        &[],
    );
    contact(pen, faces);
    fold_marks(pen);
    horizon(pen);
    footer(pen, faces, warning, form);
}

/// A night sky with three curtains of light over a horizon, 14 mm square.
fn logo(pen: &mut Pen<'_>, x: f32, y: f32) {
    let sky = Shape::default().rectangle(x, y, 14.0, 14.0, 3.2);
    pen.fill(&sky, NIGHT, 1.0);
    pen.clipped(&sky, |pen| {
        for (shift, ink) in [(0.0, VIOLET), (3.0, TEAL), (6.0, GREEN)] {
            pen.fill(&curtain(x + 1.2 + shift, y), ink, 0.85);
        }
        let hills = Shape::default()
            .at(x, y + 12.1)
            .curve(
                (x + 3.0, y + 10.4),
                (x + 5.5, y + 12.6),
                (x + 8.0, y + 11.6),
            )
            .curve(
                (x + 10.5, y + 10.6),
                (x + 12.0, y + 11.0),
                (x + 14.0, y + 12.0),
            )
            .line(x + 14.0, y + 14.0)
            .line(x, y + 14.0)
            .close();
        pen.fill(&hills, WHITE, 1.0);
        for (dx, dy, r) in [(2.4, 2.6, 0.34), (11.6, 5.4, 0.24), (4.6, 1.6, 0.18)] {
            pen.fill(&Shape::default().circle(x + dx, y + dy, r), ICE, 1.0);
        }
    });
}

fn curtain(x: f32, y: f32) -> Shape {
    Shape::default()
        .at(x + 3.6, y + 1.4)
        .curve((x + 0.2, y + 4.4), (x + 4.2, y + 6.6), (x, y + 11.4))
        .line(x + 2.0, y + 11.4)
        .curve((x + 5.4, y + 7.4), (x + 2.4, y + 4.8), (x + 4.6, y + 1.0))
        .close()
}

fn contact(pen: &mut Pen<'_>, faces: &Faces) {
    let x = 137.0;
    pen.stroke(
        &Shape::default().at(133.5, 46.6).line(133.5, 67.4),
        TEAL,
        0.35,
        &[],
    );
    pen.text(x, 49.0, 8.0, &faces.bold, NIGHT, "Card Services");
    let lines = [
        "Day and night: 0800 000 1200",
        "From abroad: +00 800 000 1200",
        "www.aurora.example",
        "cards@aurora.example",
    ];
    for (row, line) in lines.iter().enumerate() {
        let y = 53.6 + 4.3 * row as f32;
        pen.text(x, y, 7.6, &faces.regular, GREY, line);
    }
}

fn fold_marks(pen: &mut Pen<'_>) {
    for (y, length) in [(99.0, 4.0), (148.5, 6.0), (198.0, 4.0)] {
        pen.stroke(
            &Shape::default().at(5.0, y).line(5.0 + length, y),
            HAIR,
            0.18,
            &[],
        );
    }
}

/// Pale ribbons of light that sweep over the foot of the page.
fn horizon(pen: &mut Pen<'_>) {
    let ribbons = [
        (256.0, 240.0, 5.0, 0.95),
        (262.0, 234.0, 8.0, 0.93),
        (266.0, 246.0, 11.0, 0.91),
        (269.0, 256.0, 12.0, 0.88),
    ];
    let frame = Shape::default().rectangle(12.0, 222.0, 186.0, 48.0, 0.0);
    pen.clipped(&frame, |pen| {
        for (left, right, thick, fade) in ribbons {
            let low = thick * 0.35;
            let ribbon = Shape::default()
                .at(12.0, left)
                .curve((70.0, left - 22.0), (128.0, left + 14.0), (198.0, right))
                .line(198.0, right + thick)
                .curve(
                    (132.0, left + 14.0 + thick),
                    (74.0, left - 22.0 + low),
                    (12.0, left + 0.4),
                )
                .close();
            pen.fill_aurora(&ribbon, (12.0, left), (198.0, right), fade);
        }
    });
    let line = Shape::default().rectangle(12.0, 270.0, 186.0, 0.7, 0.0);
    pen.fill_aurora(&line, (12.0, 270.0), (198.0, 270.0), 0.0);
}

fn footer(pen: &mut Pen<'_>, faces: &Faces, warning: &str, form: &str) {
    pen.text(25.0, 276.0, 7.6, &faces.bold, NIGHT, warning);
    let lines = [
        "Aurora Bank plc · 1 Polar Quay, 1000 Northport · Company no. 0000 1200 · \
         Chair: A. Example",
        "Specimen stationery. Aurora Bank is invented; no such bank, address or number exists.",
    ];
    for (row, line) in lines.iter().enumerate() {
        let y = 280.4 + 3.6 * row as f32;
        pen.text(25.0, y, 6.4, &faces.regular, GREY, line);
    }
    pen.text(176.0, 284.0, 6.4, &faces.regular, GREY, form);
}
