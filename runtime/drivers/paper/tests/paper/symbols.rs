//! Symbols, read back by rxing from the drawn picture, and no larger than the standards' tables
//! say.

use crate::pictures::picture;
use crate::sheets::{area, page, stationery};
use cardwright_paper::PaperDriver;
use cardwright_ports::Paper;
use cardwright_ports::paper::{Area, Mark, Placed, Sheet, Symbology};
use cardwright_standards::symbol;
use proptest::prelude::*;
use rxing::BarcodeFormat;

fn sheet(place: Area, symbology: Symbology, content: &str) -> Sheet {
    page(Placed {
        area: place,
        mark: Mark::Symbol {
            symbology,
            content: content.to_owned(),
        },
    })
}

fn read(sheet: &Sheet, format: BarcodeFormat) -> String {
    let drawn = picture(sheet, 300);
    let (luma, width, _) = drawn.grey();
    // The symbol with a margin: the reader finds a long symbol badly on a whole page.
    let Area {
        x_um,
        y_um,
        width_um,
        height_um,
    } = sheet.marks[0].area;
    let dots = |um: u32| usize::try_from(u64::from(um) * 300 / 25_400).expect("dots"); // 300 dots an inch
    let (left, top) = (dots(x_um - 3_000), dots(y_um - 3_000));
    let (wide, high) = (dots(width_um + 6_000), dots(height_um + 6_000));
    let across = usize::try_from(width).expect("a page");
    let cut: Vec<u8> = (top..top + high)
        .flat_map(|y| luma[y * across + left..][..wide].iter().copied())
        .collect();
    let found = rxing::helpers::detect_in_luma(
        cut,
        u32::try_from(wide).expect("dots"),
        u32::try_from(high).expect("dots"),
        Some(format),
    );
    match found {
        Ok(found) => found.getText().to_owned(),
        Err(error) => panic!("rxing reads no {format}: {error}"),
    }
}

#[test]
fn each_kind_reads_back() {
    let wide = area(200, 200, 1_200, 200);
    let square = area(200, 200, 400, 400);
    let cases = [
        (
            wide,
            Symbology::Code128,
            "AUR-2026-000123",
            BarcodeFormat::CODE_128,
        ),
        (
            wide,
            Symbology::Code128,
            "00123456",
            BarcodeFormat::CODE_128,
        ),
        (wide, Symbology::Itf, "15400141288763", BarcodeFormat::ITF),
        (
            square,
            Symbology::Qr(1),
            "https://bank.example/?r=42",
            BarcodeFormat::QR_CODE,
        ),
        (
            square,
            Symbology::Qr(3),
            "Zoë Ångström",
            BarcodeFormat::QR_CODE,
        ),
        (
            square,
            Symbology::Qr(0),
            "99999212345678",
            BarcodeFormat::QR_CODE,
        ),
        (
            wide,
            Symbology::Pdf417(2),
            "AUR-2026-000123",
            BarcodeFormat::PDF_417,
        ),
        (
            wide,
            Symbology::Pdf417(5),
            "99999212345678",
            BarcodeFormat::PDF_417,
        ),
    ];
    for (place, symbology, content, format) in cases {
        assert_eq!(read(&sheet(place, symbology, content), format), content);
    }
}

#[test]
fn an_odd_number_of_digits_gets_a_zero_in_front() {
    let sheet = sheet(area(200, 200, 1_200, 200), Symbology::Itf, "1234567");
    assert_eq!(read(&sheet, BarcodeFormat::ITF), "01234567");
}

#[test]
fn what_a_symbol_can_not_hold_is_refused() {
    let wide = area(200, 200, 1_000, 300);
    let small = area(200, 200, 60, 60);
    let long = "A".repeat(2_000);
    for (place, symbology, content) in [
        (wide, Symbology::Itf, "12A4"),
        (wide, Symbology::Code128, "Ωμέγα"),
        (wide, Symbology::Qr(1), ""),
        (small, Symbology::Qr(1), "AUR-2026-000123"),
        (small, Symbology::Code128, "AUR-2026-000123"),
        (small, Symbology::Pdf417(2), "AUR-2026-000123"),
        (wide, Symbology::Pdf417(2), long.as_str()),
    ] {
        let sheet = sheet(place, symbology, content);
        let found = PaperDriver::new().picture(&stationery(), &sheet, 100);
        let error = found.expect_err("refused");
        assert_eq!(error.code, "R1238");
        assert!(content.is_empty() || !error.to_string().contains(content));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// What the compiler reckons from the standards' tables always suffices.
    #[test]
    fn no_symbol_is_larger_than_reckoned(
        content in "[ -~]{1,60}|[0-9]{1,60}|[α-ωA-Z]{1,40}",
        level in 0_u8..4,
    ) {
        let octets = u32::try_from(content.len()).unwrap();
        let digits = content.bytes().all(|b| b.is_ascii_digit());
        let um = |modules: u32| modules * symbol::MODULE_UM_MIN;
        let at = |width_um, height_um| Area { x_um: 10_000, y_um: 10_000, width_um, height_um };
        let qr = um(symbol::qr(octets, level).unwrap());
        let mut wanted = vec![(at(qr, qr), Symbology::Qr(level))];
        if content.is_ascii() {
            let wide = um(symbol::code128(octets, digits && octets % 2 == 0));
            wanted.push((at(wide, 6_000), Symbology::Code128));
        }
        if digits {
            wanted.push((at(um(symbol::itf(octets)), 6_000), Symbology::Itf));
        }
        let (_, rows) = symbol::pdf417(octets, level, 73 + 17 * 4).unwrap();
        let high = um(rows * symbol::PDF417_ROW + 4);
        wanted.push((at(um(73 + 17 * 4), high), Symbology::Pdf417(level)));
        let driver = PaperDriver::new();
        for (place, symbology) in wanted {
            let sheet = sheet(place, symbology, &content);
            let drawn = driver.picture(&stationery(), &sheet, 40);
            prop_assert!(drawn.is_ok(), "{symbology:?} {:?}", drawn.err());
        }
        let side = um(symbol::data_matrix(octets, digits).unwrap());
        let mark = Mark::DataMatrix { content: content.clone() };
        let sheet = page(Placed { area: at(side, side), mark });
        let drawn = driver.picture(&stationery(), &sheet, 40);
        prop_assert!(drawn.is_ok(), "{:?}", drawn.err());
    }
}
