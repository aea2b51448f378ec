//! A component is on its form and nowhere else.

use crate::sheets::{Pins, area, blank, stationery};
use cardwright_paper::PaperDriver;
use cardwright_ports::Paper;
use cardwright_ports::paper::{Mark, PaperError, Placed, Sheet};
use lopdf::Document;

fn form() -> Sheet {
    Sheet {
        pin_reference: Some(0),
        test_mark: true,
        marks: vec![Placed {
            area: area(200, 200, 1_600, 400),
            mark: Mark::Component {
                font: "OCR-B".into(),
                size_mpt: 14_000,
            },
        }],
        ..blank(210_000, 297_000)
    }
}

fn draw(component: &'static str) -> Result<Vec<u8>, PaperError> {
    let mut source = Pins::new(&[component]);
    let drawn = PaperDriver::new().pdf(&stationery(), &[form()], &mut source)?;
    Ok(drawn.expose().to_vec())
}

const ONE: &str = "0123456789ABCDEFFEDCBA9876543210";
const TWO: &str = "11112222333344445555666677778888AAAABBBBCCCCDDDD";

#[test]
fn the_form_shows_its_component_in_groups() {
    for component in [ONE, TWO] {
        let document = Document::load_mem(&draw(component).unwrap()).unwrap();
        let text = document.extract_text(&[1]).unwrap();
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        assert!(digits.contains(component), "{text}");
    }
}

#[test]
fn nothing_but_the_page_content_tells_the_component() {
    let (one, two) = (
        draw(ONE).unwrap(),
        draw("FEDCBA98765432100123456789ABCDEF").unwrap(),
    );
    assert!(one != two, "the control: the components are in the files");
    let (one, two) = (
        Document::load_mem(&one).unwrap(),
        Document::load_mem(&two).unwrap(),
    );
    let page = *one.get_pages().get(&1).unwrap();
    let contents = one.get_page_contents(page);
    for (id, object) in &one.objects {
        assert_eq!(
            *object == two.objects[id],
            !contents.contains(id),
            "object {id:?}"
        );
    }
    let mut clear = Vec::new();
    let mut document = one;
    document.decompress();
    document.save_to(&mut clear).unwrap();
    let text = String::from_utf8_lossy(&clear);
    assert!(!text.contains(ONE), "it is no string in the file");
}

#[test]
fn what_is_no_component_is_refused() {
    for wrong in [
        "",
        "0123",
        "0123456789abcdeffedcba9876543210",
        "0123456789ABCDEFFEDCBA987654321G",
    ] {
        let refused = draw(wrong).unwrap_err();
        assert!(!refused.what.contains("0123"), "{}", refused.what);
    }
}
