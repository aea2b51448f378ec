//! Times of periods: days and moments in UTC.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// A day's first second, or a moment: `2026-12-01`, `2026-12-01T06:00:00Z`.
pub(super) fn parse(text: &str) -> Option<i64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_second());
    }
    let day: Date = text.parse().ok().filter(|_| text.len() == 10)?;
    let moment = day.to_zoned(TimeZone::UTC).ok()?;
    Some(moment.timestamp().as_second())
}

/// A moment for people: the day alone where it is a day's first second.
pub(super) fn shown(at: i64) -> String {
    let text = Timestamp::from_second(at).map_or_else(|_| at.to_string(), |t| t.to_string());
    match text.strip_suffix("T00:00:00Z") {
        Some(day) => day.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Seconds by `date -u -d … +%s` of GNU coreutils.
    #[test]
    fn days_and_moments() {
        assert_eq!(parse("2026-12-01"), Some(1_796_083_200));
        assert_eq!(parse("2026-12-01T06:00:00Z"), Some(1_796_104_800));
        assert_eq!(parse("2026-12-01T06:00:00+01:00"), Some(1_796_101_200));
        for wrong in [
            "",
            "tomorrow",
            "2026-13-01",
            "2026-02-29",
            "2026-12-01T06:00:00",
            "1796083200",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(shown(1_796_083_200), "2026-12-01");
        assert_eq!(shown(1_796_104_800), "2026-12-01T06:00:00Z");
    }
}
