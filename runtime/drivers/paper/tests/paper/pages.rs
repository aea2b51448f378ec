//! Pages as another PDF library sees them.

use crate::sheets::{Pins, area, blank, mailer, page, stationery, text};
use cardwright_paper::{CODES, PaperDriver};
use cardwright_ports::Paper;
use cardwright_ports::paper::{Mark, Sheet, Stationery};
use lopdf::{Document, Object};

pub(crate) fn pdf(sheets: &[Sheet]) -> Vec<u8> {
    let mut pins = Pins::new(&["4729", "830156"]);
    let driver = PaperDriver::new();
    let pdf = driver.pdf(&stationery(), sheets, &mut pins).unwrap();
    pdf.expose().to_vec()
}

fn code(stationery: &Stationery, sheet: Sheet) -> &'static str {
    let mut pins = Pins::new(&["4729"]);
    let result = PaperDriver::new().pdf(stationery, &[sheet], &mut pins);
    let error = result.err().expect("an error");
    let known = CODES
        .iter()
        .find(|(code, ..)| *code == error.code)
        .expect("a listed code");
    assert_eq!(known.3, error.mend);
    error.code
}

fn numbers(object: &Object) -> Vec<f32> {
    object
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_float().unwrap())
        .collect()
}

#[test]
fn a_page_has_exactly_the_size_of_its_sheet() {
    // ISO 216 A4 and ISO/IEC 7810 ID-1 in points, to the last bit of a float.
    let sizes = [(210_000, 297_000), (85_600, 53_980), (25_400, 50_800)];
    let sheets: Vec<Sheet> = sizes.iter().map(|(w, h)| blank(*w, *h)).collect();
    let document = Document::load_mem(&pdf(&sheets)).unwrap();
    for ((_, id), (width, height)) in document.get_pages().iter().zip(sizes) {
        let box_ = document
            .get_dictionary(*id)
            .unwrap()
            .get(b"MediaBox")
            .unwrap();
        let points = |um: u32| (f64::from(um) * 72.0 / 25_400.0) as f32;
        let wanted = [0.0, 0.0, points(width), points(height)];
        let close = |(a, b): (&f32, &f32)| (a - b).abs() < 0.001;
        assert!(numbers(box_).iter().zip(&wanted).all(close), "{box_:?}");
    }
}

#[test]
fn every_font_is_embedded() {
    let document = Document::load_mem(&pdf(&[mailer(0), mailer(1)])).unwrap();
    let mut fonts = 0;
    for object in document.objects.values() {
        let Ok(dictionary) = object.as_dict() else {
            continue;
        };
        if !dictionary.has_type(b"Font") {
            continue;
        }
        fonts += 1;
        let subtype = dictionary.get(b"Subtype").unwrap().as_name().unwrap();
        if subtype == b"Type0" {
            continue; // its descendant holds the file
        }
        let descriptor = dictionary.get(b"FontDescriptor").expect("a descriptor");
        let (_, descriptor) = document.dereference(descriptor).unwrap();
        let descriptor = descriptor.as_dict().unwrap();
        assert!(descriptor.has(b"FontFile2") || descriptor.has(b"FontFile3"));
    }
    assert!(fonts >= 6, "{fonts}");
}

#[test]
fn the_background_is_in_the_file_once_for_all_pages() {
    let one = pdf(&[mailer(0)]).len();
    let many: Vec<Sheet> = (0..20).map(|n| mailer(n * 2)).collect();
    let background = stationery().backgrounds["letter.pdf"].len();
    assert!(
        pdf(&many).len() < one + background,
        "20 pages hold one background"
    );
}

#[test]
fn the_same_sheets_give_the_same_bytes() {
    let sheets = [mailer(0), mailer(1), crate::sheets::card()];
    assert!(pdf(&sheets) == pdf(&sheets));
    // A driver that has read the stationery before gives what a new one gives.
    let driver = PaperDriver::new();
    let draw = || {
        let mut pins = Pins::new(&["4729", "830156"]);
        driver
            .pdf(&stationery(), &sheets, &mut pins)
            .unwrap()
            .expose()
            .to_vec()
    };
    assert!(draw() == draw() && draw() == pdf(&sheets));
}

#[test]
fn the_test_mark_is_on_every_page_that_asks_for_it() {
    let plain = Sheet {
        test_mark: false,
        ..mailer(0)
    };
    let document = Document::load_mem(&pdf(&[mailer(0), plain, mailer(1)])).unwrap();
    for (number, marked) in [(1, true), (2, false), (3, true)] {
        let text = document.extract_text(&[number]).unwrap();
        assert_eq!(text.contains("TEST"), marked, "page {number}");
        assert_eq!(
            text.contains("made with test keys"),
            marked,
            "page {number}"
        );
    }
}

#[test]
fn names_that_the_stationery_lacks_are_refused() {
    let fonts = ["Comic"];
    let lost = page(text(area(0, 0, 900, 100), &fonts, 9_000, &["x"]));
    assert_eq!(code(&stationery(), lost), "R1231");
    let lost = Sheet {
        background: Some("other.pdf".into()),
        ..blank(210_000, 297_000)
    };
    assert_eq!(code(&stationery(), lost), "R1233");
    let small = Sheet {
        background: Some("letter.pdf".into()),
        ..blank(148_000, 210_000)
    };
    assert_eq!(code(&stationery(), small), "R1235");
}

#[test]
fn numbers_outside_their_limits_are_refused() {
    let none = Stationery::default();
    assert_eq!(code(&none, blank(0, 297_000)), "R1241");
    assert_eq!(code(&none, blank(u32::MAX, u32::MAX)), "R1241");
    let fonts = ["Noto Sans"];
    let place = area(0, 0, 900, 100);
    assert_eq!(code(&none, page(text(place, &fonts, 0, &["x"]))), "R1241");
    assert_eq!(code(&none, page(text(place, &[], 9_000, &["x"]))), "R1241");
    let long = "x".repeat(30_000);
    assert_eq!(
        code(&none, page(text(place, &fonts, 9_000, &[&long]))),
        "R1241"
    );
    let mut outside = page(text(area(2000, 0, 200, 100), &fonts, 9_000, &["x"]));
    assert_eq!(code(&none, outside.clone()), "R1243");
    outside.marks[0].area.x_um = u32::MAX;
    outside.marks[0].area.width_um = u32::MAX;
    assert_eq!(code(&none, outside), "R1243");
    let many = vec![text(place, &fonts, 9_000, &["x"]); 5_001];
    assert_eq!(
        code(
            &none,
            Sheet {
                marks: many,
                ..blank(210_000, 297_000)
            }
        ),
        "R1241"
    );
    let code = |sheets: &[Sheet]| {
        let result = PaperDriver::new().pdf(&none, sheets, &mut Pins::new(&["4729"]));
        result.err().unwrap().code
    };
    assert_eq!(code(&[]), "R1241");
    assert_eq!(code(&vec![blank(210_000, 297_000); 5_001]), "R1241");
}

#[test]
fn a_symbol_that_no_scanner_could_read_is_refused() {
    let symbol = |content: &str, side: u32| {
        let mark = Mark::DataMatrix {
            content: content.into(),
        };
        page(cardwright_ports::paper::Placed {
            area: area(100, 100, side, side),
            mark,
        })
    };
    assert_eq!(code(&stationery(), symbol("", 100)), "R1238");
    assert_eq!(code(&stationery(), symbol("AUR-PIN-00000001", 20)), "R1238");
    assert_eq!(
        code(&stationery(), symbol(&"x".repeat(5_000), 1000)),
        "R1238"
    );
}
