//! Sheets and a PIN source that tests and examples share. Names and addresses are invented.
#![allow(dead_code, clippy::unwrap_used)]

use cardwright_ports::SecretDigits;
use cardwright_ports::paper::{
    Alignment, Area, Colour, Mark, PaperError, PinSource, Placed, Sheet, Stationery,
};
use std::path::{Path, PathBuf};

pub(crate) const INK: Colour = Colour(20, 24, 32);
pub(crate) const LATIN: &[&str] = &["Noto Sans", "Noto Naskh Arabic"];
pub(crate) const BOLD: &[&str] = &["Noto Sans Bold", "Noto Naskh Arabic"];

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The layouts' fonts and the example bank's backgrounds.
pub(crate) fn stationery() -> Stationery {
    let font = |file: &str| std::fs::read(root().join("layouts/fonts").join(file)).unwrap();
    let sheet =
        |file: &str| std::fs::read(root().join("examples/aurora-bank/assets").join(file)).unwrap();
    Stationery {
        fonts: [
            ("Noto Sans", "NotoSans-Regular.ttf"),
            ("Noto Sans Bold", "NotoSans-Bold.ttf"),
            ("Noto Naskh Arabic", "NotoNaskhArabic-Regular.ttf"),
            ("OCR-B", "OCRB.ttf"),
            ("Cardwright Emboss", "CardwrightEmboss.ttf"),
        ]
        .map(|(name, file)| (name.to_owned(), font(file)))
        .into(),
        backgrounds: ["letter.pdf", "carrier.pdf"]
            .map(|name| (name.to_owned(), sheet(name)))
            .into(),
        ..Stationery::default()
    }
}

/// An area in tenths of a millimetre.
pub(crate) fn area(x: u32, y: u32, width: u32, height: u32) -> Area {
    Area {
        x_um: x * 100,
        y_um: y * 100,
        width_um: width * 100,
        height_um: height * 100,
    }
}

/// Left-aligned text.
pub(crate) fn text(place: Area, fonts: &[&str], size_mpt: u32, lines: &[&str]) -> Placed {
    Placed {
        area: place,
        mark: Mark::Text {
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            fonts: fonts.iter().map(|font| (*font).to_owned()).collect(),
            size_mpt,
            smallest_mpt: size_mpt,
            wrap: true,
            leading_mpt: size_mpt + size_mpt / 3,
            alignment: Alignment::Start,
            colour: INK,
            spacing_mpt: 0,
        },
    }
}

/// A page without anything.
pub(crate) fn blank(width_um: u32, height_um: u32) -> Sheet {
    Sheet {
        width_um,
        height_um,
        background: None,
        test_mark: false,
        marks: Vec::new(),
        pin_reference: None,
    }
}

/// An A4 page with one mark.
pub(crate) fn page(mark: Placed) -> Sheet {
    Sheet {
        marks: vec![mark],
        ..blank(210_000, 297_000)
    }
}

/// A PIN letter for order `number`.
pub(crate) fn mailer(number: u64) -> Sheet {
    let (name, street, body): (&str, &str, [&str; 3]) = if number.is_multiple_of(2) {
        (
            "Zoë Ångström-O’Neill",
            "Ελένης Βενιζέλου 12",
            [
                "Dear customer,",
                "this letter holds the personal identification number of your new Aurora Bank \
                 card. You need it at cash machines and whenever a terminal asks for it.",
                "With kind regards, Aurora Bank Card Services",
            ],
        )
    } else {
        (
            "ليلى الحسن",
            "شارع الميناء 7",
            [
                "عزيزي العميل،",
                "تحتوي هذه الرسالة على الرقم السري لبطاقتك الجديدة من Aurora Bank. \
                 لا تخبر أحدا بهذا الرقم أبدا.",
                "مع أطيب التحيات",
            ],
        )
    };
    let reference = format!("AUR-PIN-{number:08}");
    let small = format!("Reference {reference}");
    Sheet {
        background: Some("letter.pdf".into()),
        test_mark: true,
        pin_reference: Some(number),
        marks: vec![
            text(
                area(250, 480, 850, 340),
                LATIN,
                10_500,
                &[name, street, "1000 Northport", "Aurora"],
            ),
            Placed {
                area: area(1240, 950, 400, 80),
                mark: Mark::Pin {
                    font: "OCR-B".into(),
                    size_mpt: 18_000,
                },
            },
            text(area(250, 1300, 1600, 700), LATIN, 10_500, &body),
            text(area(1330, 695, 550, 60), LATIN, 7_600, &[&small]),
            Placed {
                area: area(1780, 180, 150, 150),
                mark: Mark::DataMatrix { content: reference },
            },
        ],
        ..blank(210_000, 297_000)
    }
}

/// The front of a card: chip, name of the product, embossed PAN, expiry and name. The relief is
/// two tones of the same text, a hair apart.
pub(crate) fn card() -> Sheet {
    let fill = |place: Area, colour: Colour, radius_um: u32| Placed {
        area: place,
        mark: Mark::Fill { colour, radius_um },
    };
    let mut marks = vec![
        fill(area(0, 0, 856, 539), Colour(11, 31, 58), 3_180),
        fill(area(0, 330, 856, 209), Colour(15, 44, 76), 3_180),
        fill(area(96, 190, 130, 110), Colour(222, 190, 112), 1_500),
        fill(area(138, 190, 3, 110), Colour(160, 130, 70), 0),
        fill(area(181, 190, 3, 110), Colour(160, 130, 70), 0),
        fill(area(96, 226, 130, 3), Colour(160, 130, 70), 0),
        fill(area(96, 262, 130, 3), Colour(160, 130, 70), 0),
    ];
    let mut bank = text(area(60, 50, 500, 70), BOLD, 13_000, &["Aurora Bank"]);
    if let Mark::Text { colour, .. } = &mut bank.mark {
        *colour = Colour(226, 247, 243);
    }
    marks.push(bank);
    for (x, y, size, spacing, line) in [
        (96, 308, 14_000, 160, "4761 7390 0101 0010"),
        (400, 382, 9_000, 300, "12/29"),
        (96, 440, 9_000, 250, "ADA LOVELACE"),
    ] {
        for (shift, tone) in [(3, Colour(4, 12, 24)), (0, Colour(196, 204, 214))] {
            let mut line = text(
                area(x + shift, y + shift, 850 - x, 80),
                &["Cardwright Emboss"],
                size,
                &[line],
            );
            if let Mark::Text {
                colour,
                spacing_mpt,
                ..
            } = &mut line.mark
            {
                *colour = tone;
                *spacing_mpt = spacing;
            }
            marks.push(line);
        }
    }
    Sheet {
        marks,
        ..blank(85_600, 53_980)
    }
}

/// Gives one PIN for each reference and counts how often it was asked.
pub(crate) struct Pins {
    /// The PIN of reference `n` is entry `n` modulo the length.
    pub(crate) pins: Vec<&'static str>,
    /// References in the order in which they were asked for.
    pub(crate) asked: Vec<u64>,
}

impl Pins {
    pub(crate) fn new(pins: &[&'static str]) -> Self {
        Self {
            pins: pins.to_vec(),
            asked: Vec::new(),
        }
    }
}

impl PinSource for Pins {
    fn reveal(&mut self, reference: u64) -> Result<SecretDigits, PaperError> {
        self.asked.push(reference);
        let count = self.pins.len().max(1) as u64;
        let pin = self.pins.get((reference % count) as usize).copied();
        Ok(SecretDigits::new(pin.unwrap_or_default().to_owned()))
    }
}
