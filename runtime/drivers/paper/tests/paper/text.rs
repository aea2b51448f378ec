//! Text: place, wrapping, direction, fallback, and what is refused.

use crate::pages::pdf;
use crate::pictures::{Picture, picture};
use crate::sheets::{LATIN, Pins, area, page, stationery, text};
use cardwright_paper::PaperDriver;
use cardwright_ports::Paper;
use cardwright_ports::paper::{Alignment, Mark, PaperError, Placed, Sheet};
use lopdf::Document;

fn refused(mark: Placed) -> PaperError {
    let mut pins = Pins::new(&["4729"]);
    let result = PaperDriver::new().pdf(&stationery(), &[page(mark)], &mut pins);
    result.err().expect("an error")
}

fn aligned(mut mark: Placed, wanted: Alignment) -> Placed {
    if let Mark::Text { alignment, .. } = &mut mark.mark {
        *alignment = wanted;
    }
    mark
}

/// Ink of a mark in tenths of a millimetre: left, top, right, bottom.
fn ink(mark: Placed) -> (u32, u32, u32, u32) {
    let strip = Sheet {
        height_um: 100_000,
        ..page(mark)
    };
    picture(&strip, 254).ink().expect("ink")
}

#[test]
fn text_comes_back_from_the_file_in_all_scripts() {
    let lines = [
        "Zoë Ångström-O’Neill",
        "Ελένη Παπαδοπούλου",
        "Дмитрий Ершов",
        "Łódź € 12,50",
    ];
    let mark = text(area(250, 480, 850, 340), LATIN, 10_500, &lines);
    let document = Document::load_mem(&pdf(&[page(mark)])).unwrap();
    let found = document.extract_text(&[1]).unwrap();
    for line in lines {
        assert!(found.contains(line), "{line} in {found}");
    }
}

#[test]
fn text_starts_where_its_area_starts() {
    // A capital I of Noto Sans has a left bearing of 0.025 em; 72 pt are 25.4 mm.
    let mark = text(area(400, 500, 600, 400), &["Noto Sans"], 72_000, &["H"]);
    let document = Document::load_mem(&pdf(&[page(mark.clone())])).unwrap();
    let (_, id) = document.get_pages().pop_first().unwrap();
    let content = document.get_and_decode_page_content(id).unwrap();
    let set = content
        .operations
        .iter()
        .find(|op| op.operator == "Tm")
        .expect("a text matrix");
    let x = set.operands[4].as_float().unwrap();
    assert!((x - 40.0 * 72.0 / 25.4).abs() < 0.01, "{x}");
    // H is 98 to 643 units wide of 1,000 and 714 high; leading 96 pt, ascent 1069, descent 293:
    // the baseline lies at 50 mm + (96 - 98.064) / 2 pt + 76.968 pt = 76.79 mm.
    let (left, top, right, bottom) = ink(mark);
    assert!(left.abs_diff(425) <= 2, "{left}");
    assert!(right.abs_diff(400 + 163) <= 2, "{right}");
    assert!(bottom.abs_diff(768) <= 2, "{bottom}");
    assert!(top.abs_diff(768 - 181) <= 2, "{top}");
}

#[test]
fn lines_stand_at_start_middle_and_end() {
    let mark = || text(area(400, 500, 1000, 200), &["Noto Sans"], 24_000, &["HHH"]);
    let (start, _, right, _) = ink(aligned(mark(), Alignment::Start));
    let width = right - start;
    assert!(start.abs_diff(408) <= 2, "{start}");
    let (left, _, right, _) = ink(aligned(mark(), Alignment::Middle));
    assert!((left + right).abs_diff(2 * 900) <= 3, "{left} {right}");
    let (left, _, end, _) = ink(aligned(mark(), Alignment::End));
    assert!(end.abs_diff(1400 - 8) <= 2, "{end}");
    assert!((end - left).abs_diff(width) <= 1);
}

#[test]
fn an_arabic_paragraph_starts_at_the_right() {
    let mark = || text(area(400, 500, 1000, 200), LATIN, 24_000, &["ليلى الحسن"]);
    let (_, _, right, _) = ink(aligned(mark(), Alignment::Start));
    assert!(right.abs_diff(1400) <= 10, "{right}");
    let (left, _, _, _) = ink(aligned(mark(), Alignment::End));
    assert!(left.abs_diff(400) <= 10, "{left}");
    // A Latin line beside it keeps its own direction.
    let both = text(area(400, 500, 1000, 400), LATIN, 24_000, &["ليلى", "Leila"]);
    let (left, _, right, _) = ink(both);
    assert!(left < 420 && right > 1380, "{left} {right}");
}

#[test]
fn a_long_line_wraps_inside_its_area() {
    let long = "Never tell anybody your PIN and keep no note of it near the card.";
    let mark = text(area(400, 500, 400, 300), &["Noto Sans"], 12_000, &[long]);
    let (left, top, right, bottom) = ink(mark);
    assert!(left >= 400 && right <= 801, "{left} {right}");
    assert!(
        top >= 500 && bottom <= 800 && bottom - top > 150,
        "{top} {bottom}"
    );
}

#[test]
fn spacing_follows_each_character() {
    // Seven characters to the inch: OCR-B's are 723 of 1,000 units wide, at 14 pt 10.122 pt;
    // 72 / 7 - 10.122 = 0.164 pt. Ten pitches of 3.629 mm lie between the first and the last 1.
    let mark = |count: usize| {
        let ones = "1".repeat(count);
        let mut mark = text(
            area(100, 100, 1900, 80),
            &["Cardwright Emboss"],
            14_000,
            &[&ones],
        );
        if let Mark::Text { spacing_mpt, .. } = &mut mark.mark {
            *spacing_mpt = 164;
        }
        mark
    };
    let (_, _, one, _) = ink(mark(1));
    let (_, _, eleven, _) = ink(mark(11));
    assert!((eleven - one).abs_diff(363) <= 1, "{one} {eleven}");
}

#[test]
fn what_does_not_fit_is_refused_and_not_shown() {
    let name = "Wolfeschlegelsteinhausenbergerdorff";
    // One line high: a line without a place to break is broken anywhere, and the second has no room.
    let wide = refused(text(area(0, 0, 200, 70), &["Noto Sans"], 12_000, &[name]));
    assert_eq!(wide.code, "R1236");
    let high = refused(text(
        area(0, 0, 900, 100),
        &["Noto Sans"],
        12_000,
        &["a", "b", "c"],
    ));
    assert_eq!(high.code, "R1236");
    let wrapped = "one two three four five six seven eight nine ten eleven twelve";
    let wraps = refused(text(
        area(0, 0, 300, 70),
        &["Noto Sans"],
        12_000,
        &[wrapped],
    ));
    assert_eq!(wraps.code, "R1236");
    for error in [wide, high, wraps] {
        assert!(!error.to_string().contains(name) && !error.to_string().contains("twelve"));
    }
}

#[test]
fn the_last_bit_of_room_is_enough() {
    // Three lines of 16 pt leading are 48 pt = 16.93 mm high.
    let mark = |height: u32| text(area(0, 0, 900, height), &["Noto Sans"], 12_000, &["a"; 3]);
    assert_eq!(refused(mark(169)).code, "R1236");
    pdf(&[page(mark(170))]);
}

#[test]
fn a_character_without_a_font_is_refused_whatever_the_machine_has() {
    for missing in ["漢字", "ليلى", "🙂", "\u{E000}"] {
        let error = refused(text(
            area(0, 0, 900, 100),
            &["Noto Sans"],
            9_000,
            &[missing],
        ));
        assert_eq!(error.code, "R1237", "{missing}");
        assert!(!error.to_string().contains(missing));
    }
}

#[test]
fn control_characters_are_refused() {
    for bad in ["a\tb", "a\nb", "a\0", "a\u{85}", "a\u{202E}b", "a\u{2028}b"] {
        let error = refused(text(area(0, 0, 900, 100), LATIN, 9_000, &[bad]));
        assert_eq!(error.code, "R1242", "{bad:?}");
    }
}

#[test]
fn invisible_characters_leave_no_box() {
    let bare = text(area(400, 500, 800, 100), LATIN, 12_000, &["ab"]);
    let full = text(
        area(400, 500, 800, 100),
        LATIN,
        12_000,
        &["a\u{200D}\u{200E}b"],
    );
    let picture = |mark: Placed| -> Picture { picture(&page(mark), 100) };
    assert!(picture(bare) == picture(full));
}
