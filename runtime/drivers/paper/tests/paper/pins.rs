//! The PIN is on its page and nowhere else.

use crate::sheets::{Pins, area, blank, mailer, stationery};
use cardwright_paper::PaperDriver;
use cardwright_ports::Paper;
use cardwright_ports::paper::{Mark, Placed, Sheet};
use lopdf::{Document, ObjectId};
use std::collections::BTreeSet;

fn draw(sheets: &[Sheet], pins: &[&'static str]) -> (Vec<u8>, Vec<u64>) {
    let mut source = Pins::new(pins);
    let pdf = PaperDriver::new()
        .pdf(&stationery(), sheets, &mut source)
        .unwrap();
    (pdf.expose().to_vec(), source.asked)
}

fn only_pin(font: &str, reference: u64) -> Sheet {
    Sheet {
        pin_reference: Some(reference),
        marks: vec![Placed {
            area: area(100, 100, 600, 100),
            mark: Mark::Pin {
                font: font.into(),
                size_mpt: 14_000,
            },
        }],
        ..blank(210_000, 297_000)
    }
}

#[test]
fn each_page_shows_its_own_pin_and_asks_once_in_page_order() {
    let sheets = [mailer(2), blank(210_000, 297_000), mailer(1)];
    let (pdf, asked) = draw(&sheets, &["4729", "830156"]);
    assert_eq!(asked, [2, 1]);
    let document = Document::load_mem(&pdf).unwrap();
    let text = |page: u32| document.extract_text(&[page]).unwrap();
    assert!(text(1).contains("4729") && !text(1).contains("830156"));
    assert!(text(3).contains("830156") && !text(3).contains("4729"));
    assert!(!text(2).contains("4729") && !text(2).contains("830156"));
}

/// What the content streams of all pages are.
fn contents(document: &Document) -> BTreeSet<ObjectId> {
    document
        .get_pages()
        .values()
        .flat_map(|page| document.get_page_contents(*page))
        .collect()
}

#[test]
fn nothing_but_the_page_content_depends_on_the_pin() {
    let sheets = [only_pin("OCR-B", 0), only_pin("Noto Sans", 1)];
    let (one, _) = draw(&sheets, &["1111", "2222"]);
    let (two, _) = draw(&sheets, &["9080", "7654"]);
    assert!(one != two, "the control: the PINs are in the files");
    let (one, two) = (
        Document::load_mem(&one).unwrap(),
        Document::load_mem(&two).unwrap(),
    );
    let pages = contents(&one);
    assert_eq!(pages.len(), 2);
    assert_eq!(pages, contents(&two));
    assert_eq!(one.objects.len(), two.objects.len());
    for (id, object) in &one.objects {
        let other = &two.objects[id];
        let same = object == other;
        assert_eq!(same, !pages.contains(id), "object {id:?}");
    }
}

#[test]
fn the_pin_is_no_string_in_the_file() {
    // With a pair of equal digits, which a PDF writer may take for one cluster and spell out.
    let (pdf, _) = draw(&[only_pin("OCR-B", 0)], &["470913528846"]);
    let mut document = Document::load_mem(&pdf).unwrap();
    document.decompress();
    let mut clear = Vec::new();
    document.save_to(&mut clear).unwrap();
    for octets in [&pdf, &clear] {
        let found = octets.windows(12).any(|window| window == b"470913528846");
        assert!(!found, "glyph numbers only");
        assert!(!octets.windows(10).any(|window| window == b"ActualText"));
    }
    let shown = Document::load_mem(&pdf)
        .unwrap()
        .extract_text(&[1])
        .unwrap();
    assert!(shown.contains("470913528846"), "the control: {shown:?}");
}

#[test]
fn a_pin_that_is_none_is_refused_without_showing_it() {
    for bad in ["", "123", "1234567890123", "12a4", "１２３４"] {
        let mut source = Pins {
            pins: vec![bad],
            asked: Vec::new(),
        };
        let result = PaperDriver::new().pdf(&stationery(), &[only_pin("OCR-B", 0)], &mut source);
        let error = result.err().unwrap();
        assert_eq!(error.code, "R1240");
        assert!(bad.is_empty() || !error.to_string().contains(bad));
    }
}

#[test]
fn field_and_reference_belong_together() {
    let mut source = Pins::new(&["4729"]);
    let none = Sheet {
        pin_reference: None,
        ..only_pin("OCR-B", 0)
    };
    let stray = Sheet {
        pin_reference: Some(7),
        ..blank(210_000, 297_000)
    };
    for sheet in [none, stray] {
        let result = PaperDriver::new().pdf(&stationery(), &[sheet], &mut source);
        assert_eq!(result.err().unwrap().code, "R1239");
    }
    assert!(source.asked.is_empty(), "no PIN was asked for");
}

#[test]
fn a_field_that_is_too_small_is_refused() {
    let mut sheet = only_pin("OCR-B", 0);
    sheet.marks[0].area.width_um = 8_000;
    let result = PaperDriver::new().pdf(&stationery(), &[sheet], &mut Pins::new(&["4729"]));
    assert_eq!(result.err().unwrap().code, "R1240");
}

#[test]
fn an_error_of_the_source_comes_through() {
    struct Broken;
    impl cardwright_ports::paper::PinSource for Broken {
        fn reveal(
            &mut self,
            _: u64,
        ) -> Result<cardwright_ports::SecretDigits, cardwright_ports::PaperError> {
            Err(cardwright_ports::PaperError {
                code: "R1300",
                what: "away".into(),
                mend: "wait",
            })
        }
    }
    let result = PaperDriver::new().pdf(&stationery(), &[only_pin("OCR-B", 0)], &mut Broken);
    assert_eq!(result.err().unwrap().code, "R1300");
}
