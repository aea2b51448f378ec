//! Damaged and hostile files end in an error with a code.

use crate::sheets::{Pins, area, blank, page, stationery, text};
use cardwright_paper::{BYTES_MAX, PaperDriver};
use cardwright_ports::Paper;
use cardwright_ports::paper::{Mark, Placed, Sheet, Stationery};

fn on_background(data: Vec<u8>) -> Result<(), &'static str> {
    let stock = Stationery {
        backgrounds: [("b".to_owned(), data)].into(),
        ..Stationery::default()
    };
    let sheet = Sheet {
        background: Some("b".into()),
        ..blank(210_000, 297_000)
    };
    let result = PaperDriver::new().pdf(&stock, &[sheet], &mut Pins::new(&["4729"]));
    result.map(|_| ()).map_err(|error| error.code)
}

fn in_font(data: Vec<u8>) -> Result<(), &'static str> {
    let stock = Stationery {
        fonts: [("f".to_owned(), data)].into(),
        ..Stationery::default()
    };
    let sheet = page(text(area(100, 100, 900, 100), &["f"], 9_000, &["AB 0123"]));
    let result = PaperDriver::new().pdf(&stock, &[sheet], &mut Pins::new(&["4729"]));
    result.map(|_| ()).map_err(|error| error.code)
}

/// A small generator of places, the same in every run.
fn places(length: usize, count: usize) -> impl Iterator<Item = usize> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..count).map(move |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963);
        (state >> 33) as usize % length
    })
}

#[test]
fn a_background_must_be_one_page_of_a_readable_pdf() {
    assert_eq!(on_background(Vec::new()), Err("R1234"));
    assert_eq!(on_background(b"%PDF-1.7\n".to_vec()), Err("R1234"));
    assert_eq!(on_background(vec![0xFF; 10_000]), Err("R1234"));
    let two = crate::pages::pdf(&[blank(210_000, 297_000), blank(210_000, 297_000)]);
    assert_eq!(on_background(two), Err("R1234"));
    let one = crate::pages::pdf(&[blank(210_000, 297_000)]);
    assert_eq!(on_background(one), Ok(()), "the control");
}

#[test]
fn a_background_of_a_newer_version_is_refused() {
    let mut pdf = crate::pages::pdf(&[blank(210_000, 297_000)]);
    assert_eq!(&pdf[..8], b"%PDF-1.7");
    pdf[5..8].copy_from_slice(b"2.0");
    assert_eq!(on_background(pdf), Err("R1234"));
}

#[test]
fn damaged_backgrounds_never_panic() {
    let letter = stationery().backgrounds["carrier.pdf"].clone();
    for place in places(letter.len(), 40) {
        let _ = on_background(letter[..place].to_vec());
        let mut flipped = letter.clone();
        flipped[place] ^= 0x55;
        let _ = on_background(flipped);
    }
}

#[test]
fn a_font_must_be_a_font() {
    assert_eq!(in_font(Vec::new()), Err("R1232"));
    assert_eq!(in_font(vec![0; 5_000]), Err("R1232"));
    assert_eq!(in_font(b"OTTO".repeat(100)), Err("R1232"));
    assert_eq!(
        in_font(stationery().fonts["OCR-B"].clone()),
        Ok(()),
        "the control"
    );
}

#[test]
fn damaged_fonts_never_panic() {
    let font = stationery().fonts["OCR-B"].clone();
    for place in places(font.len(), 40) {
        let _ = in_font(font[..place].to_vec());
        let mut flipped = font.clone();
        flipped[place] ^= 0xFF;
        let _ = in_font(flipped);
    }
}

#[test]
fn files_have_a_size_limit() {
    assert_eq!(in_font(vec![0; BYTES_MAX + 1]), Err("R1241"));
    assert_eq!(on_background(vec![0; BYTES_MAX + 1]), Err("R1241"));
}

#[test]
fn pictures_that_are_none_are_r1245() {
    let drawn = |images: &[(&str, Vec<u8>)], name: &str| {
        let stock = Stationery {
            images: images
                .iter()
                .map(|(n, d)| ((*n).to_owned(), d.clone()))
                .collect(),
            ..Stationery::default()
        };
        let mark = Placed {
            area: area(100, 100, 200, 200),
            mark: Mark::Image { name: name.into() },
        };
        let result = PaperDriver::new().pdf(&stock, &[page(mark)], &mut Pins::new(&["4729"]));
        result.map(|_| ()).map_err(|error| error.code)
    };
    assert_eq!(drawn(&[("i", b"no picture".to_vec())], "i"), Err("R1245"));
    assert_eq!(drawn(&[("i", Vec::new())], "i"), Err("R1245"));
    // A PNG's signature and nothing behind it.
    assert_eq!(
        drawn(&[("i", b"\x89PNG\r\n\x1a\n".to_vec())], "i"),
        Err("R1245")
    );
    assert_eq!(drawn(&[], "i"), Err("R1245"));
}

/// A font whose tables are damaged one by one: what its first reader lets pass, the PDF writer or
/// the last barrier refuses; no table's damage is more than one document's error.
#[test]
fn each_damaged_table_of_a_font_is_an_error_with_a_code() {
    let font = stationery().fonts["OCR-B"].clone();
    let count = usize::from(u16::from_be_bytes([font[4], font[5]]));
    let mut seen = std::collections::BTreeMap::new();
    for entry in 0..count {
        let at = 12 + 16 * entry;
        let tag = String::from_utf8_lossy(&font[at..at + 4]).into_owned();
        let number = |place: usize| u32::from_be_bytes(font[place..place + 4].try_into().unwrap());
        let (offset, length) = (number(at + 8) as usize, number(at + 12) as usize);
        let mut judge = |what: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let mut damaged = font.clone();
            change(&mut damaged);
            seen.insert(format!("{tag} {what}"), in_font(damaged));
        };
        judge("zeros", &|font| font[offset..offset + length].fill(0));
        judge("ones", &|font| font[offset..offset + length].fill(0xFF));
        judge("gone", &|font| font[at..at + 4].copy_from_slice(b"xxxx"));
        judge("short", &|font| {
            font[at + 12..at + 16].copy_from_slice(&[0, 0, 0, 4])
        });
    }
    let known = |code: &str| matches!(code, "R1232" | "R1236" | "R1237" | "R1244");
    assert!(
        seen.values()
            .all(|r| r.as_ref().err().is_none_or(|c| known(c))),
        "{seen:#?}"
    );
    assert!(seen.values().any(|r| *r == Err("R1244")), "{seen:#?}");
}
