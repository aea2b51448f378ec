//! The specimen picture of previews and tests: a drawn head and shoulders, nobody's.

use crate::{Clean, Header, png};
use cardwright_bundle::{PictureFormat, PictureRules};

/// Width that a specimen has where the rules let it.
const WIDTH: u32 = 300;
/// Height of a picture that may have any shape.
const HEIGHT: u32 = 400;
/// Ground, clothes, skin, hair.
const COLOURS: [[u8; 3]; 4] = [
    [0xC9, 0xD6, 0xDF],
    [0x3F, 0x5B, 0x73],
    [0xD9, 0xB3, 0x8C],
    [0x4A, 0x3B, 0x2F],
];

/// A specimen that the rules let pass, as PNG whatever the formats.
pub fn specimen(rules: &PictureRules) -> Option<Clean> {
    let (width, height) = size(rules);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let colour = COLOURS.get(part(x, y, width, height))?;
            match rules.grey {
                // Luma of ITU-R BT.601.
                true => {
                    let [r, g, b] = colour.map(u32::from);
                    let luma = (299 * r + 587 * g + 114 * b) / 1_000;
                    pixels.push(u8::try_from(luma).unwrap_or(255));
                }
                false => pixels.extend(colour),
            }
        }
    }
    let header = Header {
        width,
        height,
        grey: rules.grey,
    };
    let colours = match rules.grey {
        true => ::png::ColorType::Grayscale,
        false => ::png::ColorType::Rgb,
    };
    Some(Clean {
        octets: png::write(header, colours, &pixels).ok()?,
        format: PictureFormat::Png,
        width,
        height,
    })
}

/// A size between the limits, in the shape that is asked for.
fn size(rules: &PictureRules) -> (u32, u32) {
    let (least, most) = (rules.least, rules.most);
    let Some((across, down)) = rules.aspect else {
        let within = |wanted: u32, least: u32, most: u32| wanted.max(least).min(most).max(1);
        return (
            within(WIDTH, least.0, most.0),
            within(HEIGHT, least.1, most.1),
        );
    };
    let (across, down) = (across.max(1), down.max(1));
    let wanted = WIDTH / across;
    let smallest = least.0.div_ceil(across).max(least.1.div_ceil(down));
    let largest = (most.0 / across).min(most.1 / down);
    let times = wanted.max(smallest).min(largest).max(1);
    (across.saturating_mul(times), down.saturating_mul(times))
}

/// Which of the colours a place has, in thousandths of the shorter side.
fn part(x: u32, y: u32, width: u32, height: u32) -> usize {
    let side = i64::from(width.min(height).max(1));
    let across = (2 * i64::from(x) + 1 - i64::from(width)) * 500 / side;
    let down = (2 * i64::from(y) + 1 - i64::from(height)) * 500 / side;
    let inside = |cx: i64, cy: i64, rx: i64, ry: i64| {
        let (dx, dy) = ((across - cx) * 1_000 / rx, (down - cy) * 1_000 / ry);
        dx * dx + dy * dy <= 1_000_000
    };
    if inside(0, -90, 165, 215) && down > -210 {
        2
    } else if inside(0, -120, 200, 235) && down < 60 {
        3
    } else if inside(0, 90, 70, 150) {
        2
    } else if inside(0, 560, 400, 360) {
        1
    } else {
        0
    }
}
