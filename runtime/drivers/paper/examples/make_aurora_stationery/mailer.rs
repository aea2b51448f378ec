//! The PIN letter: a frame with a security pattern around the label's window and how to open it.

use super::letterhead;
use super::pen::{self, Faces, GREY, HAIR, ICE, Ink, NIGHT, Pen, Shape, TEAL, VIOLET, WHITE};

/// Window of the laser PIN label on the stock; stays free of ink.
const WINDOW: (f32, f32, f32, f32) = (118.0, 92.0, 52.0, 14.0);

/// `letter.pdf`.
pub(crate) fn draw(faces: &Faces) -> Result<Vec<u8>, String> {
    pen::a4("Aurora Bank PIN letter", |pen| {
        let warning = "Never tell anybody your PIN. Aurora Bank will never ask you for it, \
                       in any way, at any time.";
        letterhead::draw(pen, faces, warning, "Form PIN-A4");
        steps(pen, faces);
        label(pen, faces);
        rule(pen);
    })
}

fn steps(pen: &mut Pen<'_>, faces: &Faces) {
    pen.text(
        25.0,
        92.4,
        11.0,
        &faces.bold,
        NIGHT,
        "Your PIN is under the label",
    );
    let lines = [
        (
            "Check that the label is whole.",
            "If it was opened, call us and destroy the card.",
        ),
        (
            "Lift it at the arrow and pull.",
            "Nobody may look over your shoulder.",
        ),
        (
            "Learn the PIN, then shred this letter.",
            "Keep no note of it, and none on the card.",
        ),
    ];
    for (row, (what, why)) in lines.iter().enumerate() {
        let y = 98.6 + 8.4 * row as f32;
        pen.fill(&Shape::default().circle(27.6, y + 0.2, 2.6), TEAL, 1.0);
        let number = (row + 1).to_string();
        pen.text(26.75, y + 1.35, 8.6, &faces.bold, WHITE, &number);
        pen.text(33.0, y, 8.2, &faces.bold, NIGHT, what);
        pen.text(33.0, y + 3.7, 7.4, &faces.regular, GREY, why);
    }
}

/// The frame is drawn around the label, never under its window.
fn label(pen: &mut Pen<'_>, faces: &Faces) {
    let (x, y, width, height) = WINDOW;
    let frame = Shape::default()
        .rectangle(x - 6.0, y - 6.0, width + 14.0, height + 12.0, 3.0)
        .rectangle(x - 1.0, y - 1.0, width + 2.0, height + 2.0, 1.2);
    pen.fill(&frame, ICE, 1.0);
    pen.clipped(&frame, |pen| {
        guilloche(pen, x + width / 2.0 + 1.0, y + height / 2.0)
    });
    pen.stroke(&frame, TEAL, 0.3, &[]);
    tab(pen, x + width + 1.6, y + height / 2.0);
    pen.text(
        x - 6.0,
        y - 8.2,
        7.4,
        &faces.bold,
        TEAL,
        "CONFIDENTIAL · FOR THE CARDHOLDER ONLY",
    );
    let hint = "Sealed label. A torn, scratched or lifted label must not be accepted.";
    pen.text(x - 6.0, y + height + 9.4, 6.4, &faces.regular, GREY, hint);
}

/// Interlaced waves whose phase and height drift, as on a bank note: hard to copy, easy to see.
fn guilloche(pen: &mut Pen<'_>, centre_x: f32, centre_y: f32) {
    let wave = |phase: f32, swing: f32, rise: f32| {
        Shape::default().through((0..=180).map(move |step| {
            let t = step as f32 / 180.0;
            let x = centre_x - 36.0 + 72.0 * t;
            let turn = std::f32::consts::TAU;
            let swell = swing * (0.65 + 0.35 * sine(turn * (1.5 * t + phase)));
            (x, centre_y + rise + swell * sine(turn * (6.0 * t + phase)))
        }))
    };
    let families: [(Ink, f32, f32); 3] = [(TEAL, 0.0, 2.6), (VIOLET, 0.5, 2.2), (TEAL, 0.25, 3.4)];
    for rise in [-9.6, -3.2, 3.2, 9.6] {
        for (ink, offset, swing) in families {
            for line in 0..5 {
                let phase = offset + line as f32 * 0.035;
                pen.stroke(&wave(phase, swing, rise), pale(ink), 0.09, &[]);
            }
        }
    }
}

fn pale(ink: Ink) -> Ink {
    let mix = |c: u8| (f32::from(c) * 0.6 + 255.0 * 0.4) as u8;
    (mix(ink.0), mix(ink.1), mix(ink.2))
}

/// Sine by a polynomial: the platform's own differs in the last bit, and our bytes must not.
fn sine(angle: f32) -> f32 {
    let turn = std::f32::consts::TAU;
    let a = angle - turn * (angle / turn).round();
    let b = 4.0 / std::f32::consts::PI * a
        - 4.0 / (std::f32::consts::PI * std::f32::consts::PI) * a * a.abs();
    0.225 * (b * b.abs() - b) + b
}

/// The arrow that says where to lift.
fn tab(pen: &mut Pen<'_>, x: f32, y: f32) {
    let arrow = Shape::default()
        .at(x, y - 2.6)
        .line(x + 3.6, y)
        .line(x, y + 2.6)
        .close();
    pen.fill(&arrow, TEAL, 1.0);
}

fn rule(pen: &mut Pen<'_>) {
    pen.stroke(
        &Shape::default().at(25.0, 124.0).line(185.0, 124.0),
        HAIR,
        0.15,
        &[],
    );
}
