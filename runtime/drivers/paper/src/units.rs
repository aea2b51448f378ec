//! Lengths: micrometres and thousandths of a point to PDF points.

/// Micrometres to points (1 in = 72 pt = 25,400 µm). Computed in double precision, rounded once.
pub(crate) fn points(um: u32) -> f32 {
    (f64::from(um) * 72.0 / 25_400.0) as f32
}

/// Thousandths of a point to points.
pub(crate) fn size(mpt: u32) -> f32 {
    (f64::from(mpt) / 1000.0) as f32
}

#[cfg(test)]
mod tests {
    use super::points;

    #[test]
    fn a4_and_id1_are_what_the_standards_say() {
        // ISO 216 A4, ISO/IEC 7810 ID-1.
        assert_eq!(points(210_000), 595.275_6);
        assert_eq!(points(297_000), 841.889_8);
        assert_eq!(points(85_600), 242.645_67);
        assert_eq!(points(25_400), 72.0);
    }
}
