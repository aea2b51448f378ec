//! Hostile pictures: what is refused, what is left behind. The good ones are Pillow's work.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use cardwright_bundle::{PictureFormat, PictureRules};
use cardwright_pictures::{Clean, Refusal, clean, specimen};
use proptest::prelude::*;

fn rules() -> PictureRules {
    PictureRules {
        formats: vec![PictureFormat::Jpeg, PictureFormat::Png],
        folder: "photos".to_owned(),
        least: (1, 1),
        most: (1_200, 1_600),
        aspect: None,
        octets: 200_000,
        grey: false,
    }
}

fn photo(name: &str) -> Vec<u8> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/kestrel-access/photos/"
    );
    std::fs::read(format!("{folder}{name}")).expect("a photo of the example")
}

fn refused(octets: &[u8], rules: &PictureRules) -> String {
    match clean(octets, rules) {
        Ok(_) => "taken".to_owned(),
        Err(Refusal::Unreadable(reason)) => format!("unreadable: {reason}"),
        Err(Refusal::Unfit(reason)) => format!("unfit: {reason}"),
    }
}

fn taken(octets: &[u8]) -> Clean {
    match clean(octets, &rules()) {
        Ok(clean) => clean,
        Err(refusal) => panic!("{refusal:?}"),
    }
}

/// A segment behind the first marker of a JPEG.
fn with_segment(jpeg: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    let mut octets = vec![0xFF, 0xD8, 0xFF, marker];
    octets.extend(length);
    octets.extend_from_slice(body);
    octets.extend_from_slice(&jpeg[2..]);
    octets
}

/// Where the frame header's marker stands.
fn frame_at(jpeg: &[u8]) -> usize {
    let is_frame = |pair: &[u8]| matches!(pair, [0xFF, 0xC0..=0xC2]);
    jpeg.windows(2).position(is_frame).expect("a frame")
}

/// A small PNG of these colours.
fn png(colours: png::ColorType, size: (u32, u32), pixels: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut encoder = png::Encoder::new(&mut octets, size.0, size.1);
    encoder.set_color(colours);
    encoder.set_depth(png::BitDepth::Eight);
    let text = encoder.add_text_chunk("Author".to_owned(), "SECRET-AUTHOR".to_owned());
    text.unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    octets
}

fn contains(octets: &[u8], word: &[u8]) -> bool {
    octets.windows(word.len()).any(|window| window == word)
}

#[test]
fn good_pictures_are_taken_whole() {
    let baseline = taken(&photo("face-1.jpg"));
    assert_eq!((baseline.width, baseline.height), (300, 400));
    assert_eq!(baseline.format, PictureFormat::Jpeg);
    let progressive = photo("face-2.jpg");
    assert!(contains(&progressive, &[0xFF, 0xC2]));
    assert_eq!(taken(&progressive).format, PictureFormat::Jpeg);
    let png = taken(&photo("face-4.png"));
    assert_eq!((png.format, png.width), (PictureFormat::Png, 300));
    // The pixels are those that the file had.
    let pixels = |octets: &[u8]| {
        let mut reader = png::Decoder::new(std::io::Cursor::new(octets))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    };
    assert!(pixels(&png.octets) == pixels(&photo("face-4.png")));
}

#[test]
fn equal_pictures_are_equal_and_clean_ones_stay_as_they_are() {
    for name in ["face-1.jpg", "face-2.jpg", "face-4.png"] {
        let once = taken(&photo(name));
        assert!(once.octets == taken(&photo(name)).octets, "{name}");
        assert!(once.octets == taken(&once.octets).octets, "{name}");
    }
}

#[test]
fn nothing_but_pixels_is_given_on() {
    let jpeg = photo("face-1.jpg");
    let exif = b"Exif\0\0II\x2a\0\x08\0\0\0\0\0SECRET-PLACE";
    let xmp = b"http://ns.adobe.com/xap/1.0/\0<x>SECRET-NAME</x>";
    let mut laden = with_segment(&jpeg, 0xE1, exif);
    laden = with_segment(&laden, 0xE1, xmp);
    laden = with_segment(&laden, 0xE2, b"ICC_PROFILE\0\x01\x01SECRET-PROFILE");
    laden = with_segment(&laden, 0xFE, b"SECRET-COMMENT");
    laden.extend(b"PK\x03\x04SECRET-ARCHIVE");
    let given = taken(&laden);
    assert!(!contains(&given.octets, b"SECRET"));
    assert!(given.octets == taken(&jpeg).octets);

    let mut laden = png(png::ColorType::Rgb, (1, 1), &[1, 2, 3]);
    assert!(contains(&laden, b"SECRET-AUTHOR"));
    laden.extend(b"PK\x03\x04SECRET-ARCHIVE");
    assert!(!contains(&taken(&laden).octets, b"SECRET"));
}

#[test]
fn what_is_no_upright_photo_is_refused() {
    let jpeg = photo("face-1.jpg");
    let turned = |orientation: u8| {
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0]);
        with_segment(&jpeg, 0xE1, &exif)
    };
    assert_eq!(refused(&turned(1), &rules()), "taken");
    for orientation in 2..=8 {
        assert!(refused(&turned(orientation), &rules()).contains("upright"));
    }
    let frame = frame_at(&jpeg);
    let patched = |at: usize, octets: &[u8]| {
        let mut jpeg = jpeg.clone();
        jpeg[at..at + octets.len()].copy_from_slice(octets);
        jpeg
    };
    let table: &[(&str, Vec<u8>, &str)] = &[
        ("nothing", Vec::new(), "neither a JPEG nor a PNG"),
        ("a GIF", b"GIF89a\x01\0\x01\0".to_vec(), "neither"),
        ("a PDF", b"%PDF-1.7".to_vec(), "neither"),
        (
            "SVG",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
            "neither",
        ),
        ("WebP", b"RIFF\x10\0\0\0WEBPVP8 ".to_vec(), "neither"),
        ("a signature", b"\x89PNG\r\n\x1a\n".to_vec(), "cut short"),
        ("a start", vec![0xFF, 0xD8, 0xFF], "cut short"),
        (
            "no pixels",
            vec![0xFF, 0xD8, 0xFF, 0xD9],
            "ends before its pixels",
        ),
        (
            "lossless",
            patched(frame + 1, &[0xC3]),
            "neither baseline nor progressive",
        ),
        (
            "arithmetic",
            patched(frame + 1, &[0xC9]),
            "neither baseline nor progressive",
        ),
        ("twelve bits", patched(frame + 4, &[12]), "eight bits"),
        ("no width", patched(frame + 7, &[0, 0]), "no pixels"),
        (
            "a bomb",
            patched(frame + 5, &[0xFF, 0xFF, 0xFF, 0xFF]),
            "65535 by 65535",
        ),
        (
            "RGB",
            with_segment(&jpeg, 0xEE, b"Adobe\0\x64\0\0\0\0\0"),
            "YCbCr",
        ),
        (
            "a marker out of place",
            with_segment(&jpeg, 0xD8, b""),
            "marker",
        ),
        ("DNL", with_segment(&jpeg, 0xDC, &[1, 1]), "no photo has"),
    ];
    for (name, octets, because) in table {
        let said = refused(octets, &rules());
        assert!(said.contains(because), "{name}: {said}");
    }
}

#[test]
fn a_picture_that_is_cut_anywhere_is_refused() {
    for name in ["face-1.jpg", "face-2.jpg", "face-4.png"] {
        let whole = photo(name);
        for length in (0..whole.len()).step_by(whole.len() / 150) {
            let said = refused(&whole[..length], &rules());
            assert!(said.starts_with("unreadable"), "{name} at {length}: {said}");
        }
    }
}

#[test]
fn bombs_are_refused_by_their_headers() {
    // A PNG of 30,000 by 30,000 pixels, whose header is right (CRC-32 of ISO 3309).
    let crc = |octets: &[u8]| {
        !octets.iter().fold(!0_u32, |crc, octet| {
            (0..8).fold(crc ^ u32::from(*octet), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
            })
        })
    };
    let mut bomb = png(png::ColorType::Rgb, (1, 1), &[1, 2, 3]);
    bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let sum = crc(&bomb[12..29]).to_be_bytes();
    bomb[29..33].copy_from_slice(&sum);
    assert!(refused(&bomb, &rules()).contains("30000 by 30000"));

    // Scans without end.
    let jpeg = photo("face-2.jpg");
    let scan = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xDA])
        .unwrap();
    let mut endless = jpeg[..scan].to_vec();
    for _ in 0..5_000 {
        endless.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0, 0x55]);
    }
    endless.extend([0xFF, 0xD9]);
    assert!(refused(&endless, &rules()).contains("more scans"));
    let mut segments = vec![0xFF, 0xD8];
    for _ in 0..5_000 {
        segments.extend([0xFF, 0xDD, 0, 4, 0, 0]);
    }
    assert!(refused(&segments, &rules()).contains("more segments"));
}

#[test]
fn a_field_says_what_it_takes() {
    let jpeg = photo("face-1.jpg");
    let table: &[(PictureRules, &str)] = &[
        (
            PictureRules {
                octets: 1_000,
                ..rules()
            },
            "more than 1000 octets",
        ),
        (
            PictureRules {
                formats: vec![PictureFormat::Png],
                ..rules()
            },
            "it is a JPEG",
        ),
        (
            PictureRules {
                least: (301, 1),
                ..rules()
            },
            "at least 301 by 1",
        ),
        (
            PictureRules {
                most: (300, 399),
                ..rules()
            },
            "at most 300 by 399",
        ),
        (
            PictureRules {
                aspect: Some((1, 1)),
                ..rules()
            },
            "1 to 1",
        ),
        (
            PictureRules {
                grey: true,
                ..rules()
            },
            "the field takes grey",
        ),
        (
            PictureRules {
                aspect: Some((3, 4)),
                ..rules()
            },
            "taken",
        ),
    ];
    for (rules, because) in table {
        let said = refused(&jpeg, rules);
        assert!(said.contains(because), "{because}: {said}");
    }
}

#[test]
fn grey_and_a_shape_are_asked_for() {
    let grey = PictureRules {
        grey: true,
        ..rules()
    };
    let octets = png(png::ColorType::Grayscale, (2, 1), &[7, 9]);
    assert_eq!(refused(&octets, &grey), "taken");
    // A shape is kept to within a hundredth and the rounding of a pixel.
    let shape = PictureRules {
        aspect: Some((3, 4)),
        ..rules()
    };
    let of = |w: u32, h: u32| {
        png(
            png::ColorType::Grayscale,
            (w, h),
            &vec![0; (w * h) as usize],
        )
    };
    assert_eq!(refused(&of(299, 400), &shape), "taken");
    assert!(refused(&of(290, 400), &shape).contains("3 to 4"));
}

#[test]
fn transparency_lies_on_white_and_moving_pictures_are_refused() {
    let octets = png(
        png::ColorType::Rgba,
        (2, 1),
        &[200, 0, 0, 255, 10, 20, 30, 0],
    );
    let given = taken(&octets);
    let mut reader = png::Decoder::new(std::io::Cursor::new(given.octets.as_slice()))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(frame.color_type, png::ColorType::Rgb);
    assert_eq!(pixels[..6], [200, 0, 0, 255, 255, 255]);

    let mut octets = Vec::new();
    let mut encoder = png::Encoder::new(&mut octets, 1, 1);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[1]).unwrap();
    writer.write_image_data(&[2]).unwrap();
    writer.finish().unwrap();
    assert!(refused(&octets, &rules()).contains("moves"));
}

#[test]
fn a_specimen_is_such_as_its_rules_ask_for() {
    let all = [
        rules(),
        PictureRules {
            grey: true,
            ..rules()
        },
        PictureRules {
            aspect: Some((3, 4)),
            least: (240, 320),
            ..rules()
        },
        PictureRules {
            least: (700, 100),
            most: (800, 110),
            ..rules()
        },
        PictureRules {
            aspect: Some((16, 9)),
            most: (170, 100),
            ..rules()
        },
    ];
    for rules in all {
        let drawn = specimen(&rules).expect("a drawing");
        let given = clean(&drawn.octets, &rules).expect("it is taken");
        assert_eq!((given.width, given.height), (drawn.width, drawn.height));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is changed: no panic, and what is taken can be taken again.
    #[test]
    fn damage_is_refused_or_harmless(
        which in 0_usize..3,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut octets = photo(["face-1.jpg", "face-2.jpg", "face-4.png"][which]);
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        if let Ok(once) = clean(&octets, &rules()) {
            let again = clean(&once.octets, &rules());
            prop_assert!(again.is_ok_and(|again| again.octets == once.octets));
        }
    }
}
