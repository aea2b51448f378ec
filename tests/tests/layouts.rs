//! Layouts: what the compiler measures is what the printer needs, and every shipped stock, layout
//! and kind of item is drawn and read back by somebody else's program (poppler's pdftotext).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::{Bundle, Content, Environment, Item, ItemKind, Layout};
use cardwright_compiler::emit::{self, measure};
use cardwright_compiler::metrics::Letters;
use cardwright_compiler::project::{MemoryFiles, Project};
use cardwright_paper::PaperDriver;
use cardwright_ports::paper::{
    Alignment, Area, Colour, Mark, PinSource, Placed, Sheet, Stationery,
};
use cardwright_ports::{Paper, PaperError, SecretDigits};
use cardwright_rehearsal::{Order, Picture, Rehearsal, preview};
use cardwright_tests::{projects, workspace};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Fonts of the layouts, by name.
fn stationery() -> Stationery {
    let font = |file: &str| {
        let path = workspace::root().join("layouts/fonts").join(file);
        std::fs::read(path).expect("a font")
    };
    Stationery {
        fonts: BTreeMap::from([
            ("Noto Sans".to_owned(), font("NotoSans-Regular.ttf")),
            ("Noto Sans Bold".to_owned(), font("NotoSans-Bold.ttf")),
            (
                "Noto Naskh Arabic".to_owned(),
                font("NotoNaskhArabic-Regular.ttf"),
            ),
            ("OCR-B".to_owned(), font("OCRB.ttf")),
        ]),
        ..Stationery::default()
    }
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// A page with one text in a box of these micrometres.
fn page(
    lines: &[String],
    fonts: &[String],
    (width_um, height_um): (u32, u32),
    wrap: bool,
) -> Sheet {
    Sheet {
        width_um: 400_000,
        height_um: 400_000,
        background: None,
        test_mark: false,
        pin_reference: None,
        marks: vec![Placed {
            area: Area {
                x_um: 0,
                y_um: 0,
                width_um,
                height_um,
            },
            mark: Mark::Text {
                lines: lines.to_vec(),
                fonts: fonts.to_vec(),
                size_mpt: 10_000,
                smallest_mpt: 7_000,
                wrap,
                leading_mpt: 12_000,
                alignment: Alignment::Start,
                colour: Colour(0, 0, 0),
                spacing_mpt: 0,
            },
        }],
    }
}

/// Characters that the fonts have, of a class, with spaces among them.
fn texts() -> impl Strategy<Value = (Vec<String>, Vec<String>, Letters)> {
    let latin = ("[A-Za-z0-9 .,'&/W@%mM-]{1,40}", Letters::Ascii);
    let capitals = ("[A-ZMW0-9 .,'&/-]{1,40}", Letters::Embossed);
    let digits = ("[0-9]{1,30}", Letters::Digits);
    let greek = ("[A-Za-zÀ-ſΑ-ΡΣ-ωΑά-ώА-яЁё ŒÆ—]{1,40}", Letters::Free);
    let arabic = ("[ء-غف-يگچپژ ٠-٩0-9]{1,40}", Letters::Free);
    let both = ("[A-Zء-غف-ي ]{1,40}", Letters::Free);
    let one = move |(pattern, letters): (&'static str, Letters)| {
        proptest::collection::vec(pattern, 1..4).prop_map(move |lines| (lines, letters))
    };
    let lines = prop_oneof![
        one(latin),
        one(capitals),
        one(digits),
        one(greek),
        one(arabic),
        one(both)
    ];
    let fonts = prop_oneof![
        Just(names(&["Noto Sans", "Noto Naskh Arabic"])),
        Just(names(&["Noto Naskh Arabic", "Noto Sans"])),
        Just(names(&["Noto Sans Bold", "Noto Naskh Arabic"])),
    ];
    (lines, fonts).prop_map(|((lines, letters), fonts)| (lines, fonts, letters))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where the compiler says that text fits at its smallest size, parley lays it out in the box:
    /// for the very characters, and for their class and number.
    #[test]
    fn measured_text_is_never_refused_by_the_printer(
        (lines, fonts, letters) in texts(),
        width_um in 20_000_u32..200_000,
        height_um in 5_000_u32..60_000,
        wrap in any::<bool>(),
    ) {
        let room = measure::Room { width_um, height_um, wrap };
        let exact: Vec<_> = lines.iter().map(|l| measure::Extent::of_text(&fonts, l)).collect();
        let class: Vec<_> = lines
            .iter()
            .map(|l| measure::Extent::of_class(&fonts, letters, l.chars().count() as u32))
            .collect();
        // 7 pt with a leading of 12 * 7 / 10.
        let fits = |extents: &[measure::Extent]| measure::excess(extents, room, 7_000, 8_400).is_none();
        let (exact, class) = (fits(&exact), fits(&class));
        let sheet = page(&lines, &fonts, (width_um, height_um), wrap);
        let drawn = PaperDriver::new().picture(&stationery(), &sheet, 18);
        prop_assert!(!class || exact, "the class is no bound: {lines:?}");
        prop_assert!(!exact || drawn.is_ok(), "{lines:?} {:?}", drawn.err());
    }

    /// The widest character of a class, as often as it may stand, in a box made for it.
    #[test]
    fn a_box_made_to_measure_holds_every_value((lines, fonts, letters) in texts()) {
        let width = lines
            .iter()
            .map(|l| measure::Extent::of_class(&fonts, letters, l.chars().count() as u32).sum)
            .max()
            .unwrap();
        let width_um = u32::try_from(measure::in_um(width, 7_000)).unwrap().max(1_000);
        prop_assume!(width_um < 400_000);
        let sheet = page(&lines, &fonts, (width_um, 20_000), false);
        let drawn = PaperDriver::new().picture(&stationery(), &sheet, 18);
        prop_assert!(drawn.is_ok(), "{lines:?} {:?}", drawn.err());
    }
}

/// The small bank of the examples of codes, with the gallery.
fn gallery() -> MemoryFiles {
    let read = |path: &str| std::fs::read(workspace::root().join(path)).expect(path);
    let manifest = "name = \"small\"\nversion = \"1.0.0\"\nsequence = 1\n";
    MemoryFiles::new()
        .with("cardwright.toml", manifest)
        .with(
            "small.perso",
            examples_keys(&workspace::read("tests/cases/codes/shared/small.perso")),
        )
        .with("gallery.perso", read("tests/cases/layouts/gallery.perso"))
        .with("logo.png", read("tests/cases/layouts/logo.png"))
        .with(
            "keys/issuer-92.cer",
            read("examples/aurora-bank/keys/issuer-92.cer"),
        )
        .with(
            "keys/test-ca-92.pub",
            read("examples/aurora-bank/keys/test-ca-92.pub"),
        )
}

/// The same bank under the example's name, and so with the example's open test keys, whose check
/// values are not stated.
fn examples_keys(source: &str) -> String {
    let named = source.replace("issuer small {", "issuer aurora {");
    let lines = named
        .lines()
        .filter(|l| !l.trim_start().starts_with("check "));
    let line = |line: &str| match line.split_once("; check = ") {
        Some((before, _)) => format!("{before} }}\n"),
        None => format!("{line}\n"),
    };
    lines.map(line).collect()
}

/// Every shipped stock, by the sheets that its standard or its maker says (ISO 216: 210 by 297 mm;
/// ANSI/ASME Y14.1, size A: 8.5 by 11 in, 25.4 mm each), and what lies on it: a label's window,
/// and zones and lines by number.
#[test]
fn every_shipped_stock_has_its_sheet_its_window_and_its_zones() {
    let a4 = (210_000, 297_000);
    let letter = (215_900, 279_400);
    let stocks = [
        ("plain_a4", a4, false, 0),
        ("plain_letter", letter, false, 0),
        ("folded_a4", a4, false, 4),
        ("folded_letter", letter, false, 4),
        ("pintab_a4", a4, true, 3),
        ("pintab_letter", letter, true, 3),
        ("hydalam_a4", a4, true, 5),
        ("hydalam_letter", letter, true, 5),
        ("cs3_a4", a4, true, 5),
        ("cs3_letter", letter, true, 5),
        ("carrier_a4", a4, false, 4),
        ("carrier_letter", letter, false, 4),
        ("labels_a4_3x8", a4, false, 0),
        ("labels_letter_3x10", letter, false, 0),
    ];
    let mut source = String::from("use std.layouts.carrier\nuse std.layouts.stocks\n");
    for (name, ..) in stocks {
        source.push_str(&format!(
            "layout on_{name} : carrier.card for orders.order {{ stock = stocks.{name}\n \
             barcode datamatrix {{ value = run.reference; at = (150 mm, 50 mm); size = 12 mm }} }}\n"
        ));
    }
    let bundle = projects::small_with(&source);
    for (name, (width_um, height_um), window, zones) in stocks {
        let mut layouts = bundle.content().layouts.iter();
        let found = layouts.find(|l| l.name == format!("on_{name}"));
        let found = found.unwrap_or_else(|| panic!("no layout on {name}"));
        assert_eq!(
            (found.width_um, found.height_um),
            (width_um, height_um),
            "{name}"
        );
        assert_eq!(found.window.is_some(), window, "{name}");
        assert_eq!(found.zones.len(), zones, "{name}");
    }
}

/// What poppler reads from a PDF.
fn read_back(pdf: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("page.pdf");
    std::fs::write(&path, pdf).expect("the page");
    let out = std::process::Command::new("pdftotext")
        .args(["-layout", path.to_str().expect("a path"), "-"])
        .output()
        .expect("pdftotext of poppler-utils");
    assert!(out.status.success());
    String::from_utf8(out.stdout).expect("text")
}

/// Left and top edges of a word in a PDF, in points, as poppler has them.
fn place_of(pdf: &[u8], word: &str) -> (f64, f64) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("page.pdf");
    std::fs::write(&path, pdf).expect("the page");
    let out = std::process::Command::new("pdftotext")
        .args(["-bbox", path.to_str().expect("a path"), "-"])
        .output()
        .expect("pdftotext of poppler-utils");
    let text = String::from_utf8(out.stdout).expect("text");
    let line = text.lines().find(|l| l.contains(&format!(">{word}<")));
    let line = line.expect("the word");
    let number = |name: &str| -> f64 {
        let rest = line.split(&format!("{name}=\"")).nth(1).expect("the edge");
        rest.split('"')
            .next()
            .and_then(|n| n.parse().ok())
            .expect("a number")
    };
    (number("xMin"), number("yMin"))
}

/// No page of these tests has a PIN.
struct NoPin;

impl PinSource for NoPin {
    fn reveal(&mut self, _: u64) -> Result<SecretDigits, PaperError> {
        panic!("no page has a PIN")
    }
}

#[test]
fn a_printer_is_corrected_at_its_site() {
    let lines = names(&["Aurora"]);
    let fonts = names(&["Noto Sans"]);
    let sheet = page(&lines, &fonts, (100_000, 20_000), false);
    let place = |driver: PaperDriver| {
        let pdf = driver.pdf(&stationery(), std::slice::from_ref(&sheet), &mut NoPin);
        place_of(pdf.expect("a page").expose(), "Aurora")
    };
    let (plain, moved) = (
        place(PaperDriver::new()),
        place(PaperDriver::calibrated(1_000, 500)),
    );
    // 1 mm is 72/25.4 pt.
    assert!(
        (moved.0 - plain.0 - 2.835).abs() < 0.01,
        "{plain:?} {moved:?}"
    );
    assert!(
        (moved.1 - plain.1 - 1.417).abs() < 0.01,
        "{plain:?} {moved:?}"
    );
    let far = place(PaperDriver::calibrated(i32::MAX, 0));
    assert!((far.0 - plain.0 - 28.346).abs() < 0.01, "at most 10 mm");
}

fn drawn(psn: &str) -> BTreeMap<String, Picture> {
    let files = gallery();
    let project = Project::read(&files);
    let bundle = match emit::build(&project, Environment::Test) {
        Ok(bundle) => bundle,
        Err(findings) => panic!("{findings:#?}"),
    };
    let mut rehearsal = Rehearsal::new(bundle).expect("a rehearsal");
    let fields = [
        ("name", vec!["Zoë Wilhelmina Ångström"]),
        ("psn", vec![psn]),
        (
            "address",
            vec!["12 Long Winding Harbour Way", "2nd floor", "12345 Aurora"],
        ),
    ];
    let order = Order {
        fields: fields
            .into_iter()
            .map(|(name, texts)| (name.to_owned(), names(&texts)))
            .collect(),
        bin: Some("999992".to_owned()),
    };
    let mut pictures = BTreeMap::new();
    for job in ["j1", "j2", "j3", "j4", "j5", "j6"] {
        let made = rehearsal.order_in(job, &order).expect(job);
        for picture in preview(&rehearsal, &made, &|_| true)
            .unwrap_or_else(|e| panic!("pictures of {job}: {e}"))
        {
            pictures.insert(picture.name.clone(), picture);
        }
    }
    if let Some(folder) = std::env::var_os("GALLERY") {
        for (name, picture) in &pictures {
            let path = std::path::Path::new(&folder).join(format!("{name}-{psn}"));
            std::fs::write(path.with_extension("png"), &picture.png).expect("a picture");
            std::fs::write(path.with_extension("pdf"), &picture.pdf).expect("a page");
        }
    }
    pictures
}

#[test]
fn every_shipped_layout_is_drawn_and_read_back() {
    let pictures = drawn("02");
    for name in [
        "pintab_a4",
        "pintab_letter",
        "hydalam_a4",
        "hydalam_letter",
        "cs3_a4",
        "cs3_letter",
        "carrier_a4",
        "carrier_letter",
        "address_a4",
        "address_letter",
    ] {
        let text = read_back(&pictures[name].pdf);
        assert!(text.contains("Zoë Wilhelmina Ångström"), "{name}: {text}");
        assert!(
            text.contains("12 Long Winding Harbour Way"),
            "{name}: {text}"
        );
    }
    let letter = read_back(&pictures["pintab_a4"].pdf);
    assert!(letter.contains("Learn it, destroy this letter"), "{letter}");
    assert!(!letter.contains("رقمك"), "{letter}");
    assert!(read_back(&pictures["pintab_a4-2"].pdf).contains("Terms of use"));
    let carrier = read_back(&pictures["carrier_a4"].pdf);
    for cell in [
        "Service",
        "Fee",
        "Cash at home",
        "A second card",
        "12.00",
        "at least 3.00",
    ] {
        assert!(carrier.contains(cell), "{cell} in {carrier}");
    }
    assert!(
        pictures.contains_key("gallery_card-front") && pictures.contains_key("gallery_card-back")
    );
}

/// Symbols of a page's first sheet, as zxing-cpp reads them from poppler's picture: format and text.
fn symbols(pdf: &[u8]) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    let (page, picture) = (folder.path().join("page.pdf"), folder.path().join("page"));
    std::fs::write(&page, pdf).expect("the page");
    let text = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
    let drawn = std::process::Command::new("pdftoppm")
        .args([
            "-gray",
            "-r",
            "254",
            "-singlefile",
            &text(&page),
            &text(&picture),
        ])
        .status();
    assert!(drawn.expect("pdftoppm of poppler-utils").success());
    let script = workspace::root().join("tests/peers/symbols.py");
    let out = std::process::Command::new(
        // A python of one's own does not see what the system installs.
        std::env::var_os("CARDWRIGHT_PYTHON").unwrap_or_else(|| "python3".into()),
    )
    .args([text(&script), text(&picture.with_extension("pgm"))])
    .output()
    .expect("python3");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        out.status.success(),
        "python3-zxing-cpp, python3-pil: {said}"
    );
    let lines = String::from_utf8(out.stdout).expect("text");
    let line = |line: &str| {
        line.split_once('\t')
            .map(|(f, t)| (f.to_owned(), t.to_owned()))
    };
    lines.lines().filter_map(line).collect()
}

/// All five kinds on one carrier, read by another author's reader.
#[test]
fn every_symbol_is_read_by_zxing_cpp() {
    let pictures = drawn("02");
    let found = symbols(&pictures["carrier_a4"].pdf);
    let text = |format: &str| {
        let plain = |name: &str| name.replace([' ', '-', '_'], "").to_ascii_lowercase();
        let mut all = found.iter();
        let one = all.find(|(name, _)| plain(name).starts_with(format));
        one.unwrap_or_else(|| panic!("no {format} among {found:?}"))
            .1
            .clone()
    };
    let reference = text("datamatrix");
    assert!(!reference.is_empty());
    assert_eq!(text("pdf417"), reference);
    assert_eq!(text("code128"), reference);
    assert_eq!(text("qr"), format!("https://bank.example/a/{reference}"));
    // 0200000123456 and its check digit: weights 3 and 1 from the right, 47 in all.
    assert_eq!(text("itf"), "02000001234563");
}

/// Dots of a page as poppler draws it, at 254 dots an inch: ten to a millimetre.
fn dots(pdf: &[u8]) -> (usize, Vec<[u8; 3]>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("page.pdf");
    std::fs::write(&path, pdf).expect("the page");
    let out = std::process::Command::new("pdftoppm")
        .args([
            "-r",
            "254",
            "-f",
            "1",
            "-l",
            "1",
            path.to_str().expect("a path"),
        ])
        .output()
        .expect("pdftoppm of poppler-utils");
    // `P6`, width, height, the largest value, then three octets a dot.
    let mut words = out.stdout.splitn(4, |b| b.is_ascii_whitespace());
    let mut next = || String::from_utf8_lossy(words.next().expect("a picture")).into_owned();
    assert_eq!(next(), "P6");
    let (width, _) = (next().parse().expect("a width"), next());
    let rest = words.next().expect("dots");
    let rest = &rest[rest.iter().position(|b| *b == b'\n').expect("255") + 1..];
    (
        width,
        rest.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect(),
    )
}

/// The stock lies over a preview: the edges of the PIN's window all around, folds across.
#[test]
fn a_preview_shows_the_stocks_window_and_folds() {
    let pictures = drawn("02");
    let (width, page) = dots(&pictures["pintab_a4"].pdf);
    let is = |x_mm: f64, y_mm: f64, colour: [u8; 3]| {
        let at = (y_mm * 10.0) as usize * width + (x_mm * 10.0) as usize;
        let near = |a: u8, b: u8| a.abs_diff(b) < 24;
        page[at].iter().zip(colour).all(|(a, b)| near(*a, b))
    };
    // `window = (118 mm, 92 mm, 52 mm, 14 mm)` of the stock `pintab_a4`.
    let window = [0xC2, 0x18, 0x5B];
    for (x, y) in [(118.1, 99.0), (169.9, 99.0), (140.0, 92.1), (140.0, 105.9)] {
        assert!(is(x, y, window), "{x} {y}");
    }
    assert!(!is(117.0, 99.0, window) && !is(171.0, 99.0, window));
    // `fold across 1 = 148.5 mm`, dashed: somewhere along it there is ink.
    let fold = (0..2_000).any(|x| {
        (1_480..1_490).any(|y| {
            let dot = page[y * width + x];
            dot[0] > 0xC0 && dot[2] < 0x40
        })
    });
    assert!(fold, "the fold");
    // The second page is of the same stock and has no label.
    let (width, second) = dots(&pictures["pintab_a4-2"].pdf);
    let dot = second[990 * width + 1_181];
    assert!(dot.iter().all(|c| *c > 0xC0), "{dot:?}");
}

/// A panel's place is the top edge of its line, and the line is 1.2 times as high as its font's
/// size: no ink above it, none below, so that what the compiler keeps clear is clear.
#[test]
fn a_panel_stands_below_its_place() {
    let source = "
use std.layouts.faces
card shown for orders.order : faces.plain_id1 {
  pan = order.pan
  expiry = order.expiry
  face back { print { panel \"help\" = \"HÅgjpq\" at (20 mm, 40 mm) with \"Noto Sans\" 20 pt } }
}
job shown_job { input = orders; card = shown; flow = shown_line }
flow shown_line : machine { feed { stock = \"S\"; reject_bin = \"reject\" }; print }
";
    let mut rehearsal = Rehearsal::new(projects::small_with(source)).expect("a rehearsal");
    let fields = [
        ("pan", "9999920000000011"),
        ("psn", "01"),
        ("expiry", "2912"),
        ("pin", "1234"),
    ];
    let field = |(name, text): (&str, &str)| (name.to_owned(), vec![text.to_owned()]);
    let order = Order {
        fields: fields.into_iter().map(field).collect(),
        bin: None,
    };
    let made = rehearsal.order_in("shown_job", &order).expect("a card");
    let pictures = preview(&rehearsal, &made, &|name| name == "shown-back").expect("a face");
    let (width, face) = dots(&pictures[0].pdf);
    // From 20 to 60 mm, where the panel's word is; the mark TEST stands elsewhere.
    let dark = |y: usize| (200..600).any(|x| face[y * width + x].iter().all(|c| *c < 0x60));
    let inked: Vec<usize> = (330..539).filter(|y| dark(*y)).collect();
    let (first, last) = (inked[0], inked[inked.len() - 1]);
    // 20 pt are 7.06 mm, the line is 8.47 mm high.
    assert!(
        (400..420).contains(&first),
        "ink begins at {first} tenths of a millimetre"
    );
    assert!(last <= 484, "ink ends at {last} tenths of a millimetre");
}

#[test]
fn rows_and_languages_follow_the_order() {
    let pictures = drawn("01");
    let letter = read_back(&pictures["pintab_a4"].pdf);
    assert!(!letter.contains("Learn it"), "{letter}");
    // Presentation forms or letters, as poppler gives them back: at least the full stop's words.
    assert!(
        letter.chars().any(|c| ('\u{600}'..'\u{700}').contains(&c)),
        "{letter}"
    );
    let carrier = read_back(&pictures["carrier_a4"].pdf);
    assert!(!carrier.contains("A second card"), "{carrier}");
    assert!(carrier.contains("Cash abroad"), "{carrier}");
}

/// The gallery's bundle with its content changed by somebody who can sign.
fn tampered(change: impl FnOnce(&mut Content)) -> Result<(), String> {
    let files = gallery();
    let project = Project::read(&files);
    let bundle = emit::build(&project, Environment::Test).expect("a bundle");
    let mut content = bundle.content().clone();
    let assets: BTreeMap<String, (String, Vec<u8>)> = content
        .assets
        .iter()
        .map(|asset| {
            let octets = bundle.asset(&asset.name).expect("its octets").to_vec();
            (asset.name.clone(), (asset.media_type.clone(), octets))
        })
        .collect();
    change(&mut content);
    let bundle = Bundle::seal(content, assets).expect("sealed");
    match cardwright_runtime::load::accept(bundle) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.code.to_owned()),
    }
}

fn layout<'c>(content: &'c mut Content, name: &str) -> &'c mut Layout {
    let found = content.layouts.iter_mut().find(|l| l.name == name);
    found.expect("the layout")
}

/// How a bundle lies.
type Lie = fn(&mut Content);

fn item(layout: &mut Layout, wanted: fn(&ItemKind) -> bool) -> &mut Item {
    let found = layout.items.iter_mut().find(|i| wanted(&i.draw));
    found.expect("the item")
}

#[test]
fn a_hostile_layout_is_refused_when_it_is_loaded() {
    const IS_PIN: fn(&ItemKind) -> bool = |k| matches!(k, ItemKind::Pin { .. });
    const IS_TABLE: fn(&ItemKind) -> bool = |k| matches!(k, ItemKind::Table(_));
    const IS_TEXT: fn(&ItemKind) -> bool = |k| matches!(k, ItemKind::Text { .. });
    const IS_IMAGE: fn(&ItemKind) -> bool = |k| matches!(k, ItemKind::Image { .. });
    assert_eq!(tampered(|_| {}), Ok(()));
    let changes: [(&str, Lie); 11] = [
        ("the PIN beside its window", |c| {
            item(layout(c, "pintab_a4"), IS_PIN).at.y_um = 20_000;
        }),
        ("a PIN on the carrier", |c| {
            let pin = item(layout(c, "pintab_a4"), IS_PIN).clone();
            let carrier = layout(c, "carrier_a4");
            carrier.items.push(pin);
        }),
        ("a PIN on a second page", |c| {
            let pin = item(layout(c, "pintab_a4"), IS_PIN).clone();
            layout(c, "pintab_a4").pages[0].items.push(pin);
        }),
        ("ink in the window", |c| {
            let at = item(layout(c, "pintab_a4"), IS_PIN).at;
            item(layout(c, "pintab_a4"), IS_TEXT).at = at;
        }),
        ("no window", |c| layout(c, "cs3_a4").window = None),
        ("an item over the edge", |c| {
            item(layout(c, "carrier_a4"), IS_TEXT).at.width_um = u32::MAX;
        }),
        ("text that grows by shrinking", |c| {
            if let ItemKind::Text { shrink_mpt, .. } =
                &mut item(layout(c, "carrier_a4"), IS_TEXT).draw
            {
                *shrink_mpt = Some(u32::MAX);
            }
        }),
        ("a table with a cell too few", |c| {
            if let ItemKind::Table(table) = &mut item(layout(c, "carrier_a4"), IS_TABLE).draw {
                table.rows[1].cells.pop();
            }
        }),
        ("a cell that is a PIN", |c| {
            let ItemKind::Pin { node, .. } = item(layout(c, "pintab_a4"), IS_PIN).draw else {
                return;
            };
            let program = layout(c, "pintab_a4").program;
            let carrier = layout(c, "carrier_a4");
            carrier.program = program;
            if let ItemKind::Table(table) = &mut item(carrier, IS_TABLE).draw {
                table.rows[0].cells[0] = node;
            }
        }),
        ("a picture that is not there", |c| {
            if let ItemKind::Image { asset, .. } = &mut item(layout(c, "carrier_a4"), IS_IMAGE).draw
            {
                "gone.png".clone_into(asset);
            }
        }),
        ("labels beyond counting", |c| {
            if let Some(labels) = &mut layout(c, "address_a4").labels {
                (labels.columns, labels.rows) = (u32::MAX, u32::MAX);
            }
        }),
    ];
    for (what, change) in changes {
        assert_eq!(tampered(change), Err("R1101".to_owned()), "{what}");
    }
}
