//! The one thing in Exif data that changes how a picture looks: its orientation.

/// The orientation that Exif data ask for: 1 is upright (TIFF 6.0, tag 274); none where they say
/// nothing that can be read.
pub(crate) fn orientation(tiff: &[u8]) -> Option<u16> {
    let big = match tiff.get(..4)? {
        [b'M', b'M', 0, 42] => true,
        [b'I', b'I', 42, 0] => false,
        _ => return None,
    };
    let number = |at: usize, octets: usize| {
        let field = tiff.get(at..at.checked_add(octets)?)?;
        let add = |sum: u32, octet: &u8| sum << 8 | u32::from(*octet);
        Some(match big {
            true => field.iter().fold(0, add),
            false => field.iter().rev().fold(0, add),
        })
    };
    let first = usize::try_from(number(4, 4)?).ok()?;
    let entries = usize::try_from(number(first, 2)?).ok()?;
    (0..entries).find_map(|entry| {
        let at = first.checked_add(2)?.checked_add(entry * 12)?;
        let is_orientation = number(at, 2)? == 274;
        let value = number(at.checked_add(8)?, 2)?;
        is_orientation.then(|| u16::try_from(value).ok())?
    })
}

/// Whether a picture must be turned or mirrored before it is shown.
pub(crate) fn is_turned(tiff: &[u8]) -> bool {
    orientation(tiff).is_some_and(|o| o > 1)
}

#[cfg(test)]
mod tests {
    use super::orientation;

    #[test]
    fn both_octet_orders_are_read_and_nonsense_is_not() {
        let intel = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        let motorola = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0";
        assert_eq!(orientation(intel), Some(6));
        assert_eq!(orientation(motorola), Some(6));
        for cut in 0..intel.len() {
            let found = orientation(intel.get(..cut).unwrap_or_default());
            assert!(found.is_none() || cut >= 20, "{cut}");
        }
        assert_eq!(orientation(b"II\x2a\0\xff\xff\xff\xff\xff\xff"), None);
    }
}
