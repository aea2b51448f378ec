//! Pictures: size, ink, barcode, masked PIN.

use crate::sheets::{area, blank, card, mailer, page, stationery};
use cardwright_paper::PaperDriver;
use cardwright_ports::Paper;
use cardwright_ports::paper::{Colour, Mark, Placed, Sheet};
use rxing::BarcodeFormat;

/// Grey values of a picture.
#[derive(PartialEq)]
pub(crate) struct Picture {
    width: u32,
    height: u32,
    luma: Vec<u8>,
    rgb: Vec<u8>,
}

impl Picture {
    /// Grey values, width, height.
    pub(crate) fn grey(&self) -> (Vec<u8>, u32, u32) {
        (self.luma.clone(), self.width, self.height)
    }

    fn read(octets: &[u8]) -> Self {
        let mut reader = png::Decoder::new(std::io::Cursor::new(octets))
            .read_info()
            .unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut rgb).unwrap();
        let grey = |p: &[u8]| (p.iter().map(|c| u32::from(*c)).sum::<u32>() / 3) as u8;
        let luma = rgb.chunks(3).map(grey).collect();
        Self {
            width: frame.width,
            height: frame.height,
            luma,
            rgb,
        }
    }

    /// Left, top, right, bottom of what is darker than half, right and bottom exclusive.
    pub(crate) fn ink(&self) -> Option<(u32, u32, u32, u32)> {
        let dark = (0_u32..).zip(&self.luma).filter(|(_, grey)| **grey < 128);
        dark.map(|(index, _)| (index % self.width, index / self.width))
            .fold(None, |found, (x, y)| {
                let (left, top, right, bottom) = found.unwrap_or((x, y, 0, 0));
                Some((left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1)))
            })
    }

    /// A square of the page in millimetres, at 300 dots per inch, and its pixels a side.
    fn corner(&self, x: u32, y: u32, side: u32) -> (Vec<u8>, u32) {
        let pixels = |mm: u32| mm * 3000 / 254;
        let rows = pixels(y)..pixels(y + side);
        let columns = pixels(x)..pixels(x) + rows.len() as u32;
        let row = |row: u32| &self.luma[(row * self.width) as usize..][..self.width as usize];
        let part = |line: u32| row(line)[columns.start as usize..columns.end as usize].to_vec();
        (rows.clone().flat_map(part).collect(), rows.len() as u32)
    }

    fn at(&self, x: u32, y: u32) -> Colour {
        let start = ((y * self.width + x) * 3) as usize;
        Colour(self.rgb[start], self.rgb[start + 1], self.rgb[start + 2])
    }
}

pub(crate) fn picture(sheet: &Sheet, dots_per_inch: u32) -> Picture {
    let png = PaperDriver::new()
        .picture(&stationery(), sheet, dots_per_inch)
        .unwrap();
    Picture::read(&png)
}

#[test]
fn pixels_are_the_millimetres_of_the_sheet() {
    // 254 dots per inch are ten to the millimetre.
    let a4 = picture(&blank(210_000, 297_000), 254);
    assert_eq!((a4.width, a4.height), (2100, 2970));
    let card = picture(&blank(85_600, 53_980), 254);
    assert_eq!((card.width, card.height), (856, 540));
}

#[test]
fn a_fill_covers_exactly_its_area() {
    let mark = Mark::Fill {
        colour: Colour(10, 20, 30),
        radius_um: 0,
    };
    let drawn = picture(
        &page(Placed {
            area: area(200, 300, 100, 50),
            mark,
        }),
        254,
    );
    assert_eq!(drawn.ink(), Some((200, 300, 300, 350)));
    assert_eq!(drawn.at(250, 325), Colour(10, 20, 30));
    assert_eq!(drawn.at(199, 325), Colour(255, 255, 255));
}

#[test]
fn corners_are_round_and_backgrounds_lie_under() {
    let drawn = picture(&card(), 254);
    assert_eq!(
        drawn.at(1, 1),
        Colour(255, 255, 255),
        "ISO/IEC 7810: radius 3.18 mm"
    );
    assert_eq!(drawn.at(12, 12), Colour(11, 31, 58));
    let letter = picture(&mailer(0), 100);
    // The frame around the label's window, in the bank's own PDF.
    let frame = letter.at(114 * 100 / 25, 90 * 100 / 25);
    assert!(frame != Colour(255, 255, 255));
}

#[test]
fn the_barcode_reads_back_under_the_test_mark() {
    for (number, content) in [(0, "AUR-PIN-00000000"), (41, "AUR-PIN-00000041")] {
        let (luma, side) = picture(&mailer(number), 300).corner(170, 10, 30);
        let format = Some(BarcodeFormat::DATA_MATRIX);
        let found = rxing::helpers::detect_in_luma(luma, side, side, format).unwrap();
        assert_eq!(found.getText(), content);
    }
}

#[test]
fn the_symbol_fills_its_area_but_the_quiet_zone() {
    // Eight characters and eight digits take 12 codewords, a symbol of 16 modules (ISO/IEC 16022,
    // table 7); with one module of quiet zone on each side a module in 20 mm is 20/18 mm.
    let content = "AUR-PIN-00000041".to_owned();
    let mark = Mark::DataMatrix { content };
    let drawn = picture(
        &page(Placed {
            area: area(500, 600, 300, 200),
            mark,
        }),
        254,
    );
    assert_eq!(drawn.ink(), Some((561, 611, 739, 789)));
}

#[test]
fn a_picture_never_shows_a_pin() {
    // There is no PIN source to ask; whatever the order, the same four dots are drawn.
    let at = |reference: u64| Sheet {
        pin_reference: Some(reference),
        ..mailer(2)
    };
    assert!(picture(&at(1), 100) == picture(&at(2), 100));
    let only = Sheet {
        pin_reference: Some(1),
        marks: vec![Placed {
            area: area(100, 100, 600, 100),
            mark: Mark::Pin {
                font: "OCR-B".into(),
                size_mpt: 14_000,
            },
        }],
        ..blank(210_000, 297_000)
    };
    let dots = picture(&only, 254);
    let (left, top, right, bottom) = dots.ink().unwrap();
    // Four dots of 0.4 em (1.98 mm), 0.723 em (3.57 mm) apart.
    assert!((right - left).abs_diff(107 + 20) <= 2, "{left} {right}");
    assert!((bottom - top).abs_diff(20) <= 2, "{top} {bottom}");
}

#[test]
fn the_test_mark_shows_and_lets_data_show() {
    let marked = Sheet {
        test_mark: true,
        ..blank(210_000, 297_000)
    };
    let drawn = picture(&marked, 50);
    let tinted = drawn.luma.iter().filter(|grey| **grey < 245).count();
    assert!(
        tinted * 25 > drawn.luma.len(),
        "at least a twenty-fifth of the page is tinted"
    );
    let light = drawn.luma.iter().filter(|grey| **grey < 160).count();
    assert!(
        light * 500 < drawn.luma.len(),
        "but for the note in the margin it is light"
    );
    assert_eq!(picture(&blank(210_000, 297_000), 50).ink(), None);
}

#[test]
fn resolutions_have_limits() {
    let driver = PaperDriver::new();
    for dots in [0, 5, 5_000, u32::MAX] {
        let result = driver.picture(&stationery(), &card(), dots);
        assert_eq!(result.err().unwrap().code, "R1241");
    }
    let result = driver.picture(&stationery(), &blank(1_500_000, 1_500_000), 1_200);
    assert_eq!(result.err().unwrap().code, "R1241");
}
