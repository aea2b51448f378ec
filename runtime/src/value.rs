//! Values that a program computes. Nothing here can be printed; text and octets are wiped.

use cardwright_bundle::ValueType;
use cardwright_ports::hsm::{Certificate, IccKey, Sealed, SealedPin};
use zeroize::Zeroize;

/// A calendar date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Four digits.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Date {
    /// A date that exists in the calendar.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let valid = (1..=12).contains(&month) && day >= 1 && day <= days_in(year, month);
        valid.then_some(Self { year, month, day })
    }

    /// The last day of the month.
    pub fn month_end(self) -> Self {
        Self {
            day: days_in(self.year, self.month),
            ..self
        }
    }

    /// Reads digits by a pattern of `YYYY`, `YY`, `MM`, `DD`; two-digit years are 2000 to 2099, as
    /// a card's are; without a day it is the month's last.
    pub fn parse(text: &str, pattern: &str) -> Option<Self> {
        if text.len() != pattern.len() || !text.is_ascii() || !pattern.is_ascii() {
            return None;
        }
        let (mut year, mut month, mut day) = (0u16, 0u8, None::<u8>);
        let (mut year_digits, mut has_month) = (0u8, false);
        for (digit, place) in text.bytes().zip(pattern.bytes()) {
            let value = digit.wrapping_sub(b'0');
            match place {
                b'Y' | b'M' | b'D' if value > 9 => return None,
                b'Y' => {
                    year = year.checked_mul(10)?.checked_add(u16::from(value))?;
                    year_digits = year_digits.saturating_add(1);
                }
                b'M' => {
                    month = month.checked_mul(10)?.checked_add(value)?;
                    has_month = true;
                }
                b'D' => day = Some(day.unwrap_or(0).checked_mul(10)?.checked_add(value)?),
                _ if digit == place => {}
                _ => return None,
            }
        }
        if year_digits == 2 {
            year = year.checked_add(2000)?;
        }
        if !has_month || year_digits == 0 {
            return None;
        }
        let last = Self {
            year,
            month,
            day: 1,
        };
        match day {
            Some(day) => Self::new(year, month, day),
            None if (1..=12).contains(&month) => Some(last.month_end()),
            None => None,
        }
    }

    /// Writes by a pattern of `YYYY`, `YY`, `MM`, `DD`; other characters stand for themselves.
    pub fn format(self, pattern: &str) -> String {
        let mut out = String::with_capacity(pattern.len());
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            let (text, taken) = if rest.starts_with("YYYY") {
                (format!("{:04}", self.year), 4)
            } else if rest.starts_with("YY") {
                (format!("{:02}", self.year % 100), 2)
            } else if rest.starts_with("MM") {
                (format!("{:02}", self.month), 2)
            } else if rest.starts_with("DD") {
                (format!("{:02}", self.day), 2)
            } else {
                (first.to_string(), first.len_utf8())
            };
            out.push_str(&text);
            rest = rest.get(taken..).unwrap_or("");
        }
        out
    }

    /// The date of a time stamp, in UTC (civil-from-days algorithm of the proleptic calendar).
    pub fn from_unix_seconds(seconds: i64) -> Self {
        let days = seconds.div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self {
            year: u16::try_from(year).unwrap_or(u16::MAX),
            month: u8::try_from(month).unwrap_or(1),
            day: u8::try_from(day).unwrap_or(1),
        }
    }
}

fn days_in(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// A value of a program's node.
#[derive(Clone)]
pub enum Value {
    /// Text.
    Text(String),
    /// Lines.
    TextList(Vec<String>),
    /// Octets.
    Bytes(Vec<u8>),
    /// Number.
    Number(i64),
    /// Flag.
    Flag(bool),
    /// Date.
    Date(Date),
    /// PIN, sealed by the HSM.
    Pin(SealedPin),
    /// Octets, sealed by the HSM.
    Sealed(Sealed),
    /// ICC key.
    IccKey(Box<IccKey>),
    /// Certificate.
    Certificate(Certificate),
}

impl Value {
    /// Its type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Text(_) => ValueType::Text,
            Self::TextList(_) => ValueType::TextList,
            Self::Bytes(_) => ValueType::Bytes,
            Self::Number(_) => ValueType::Number,
            Self::Flag(_) => ValueType::Flag,
            Self::Date(_) => ValueType::Date,
            Self::Pin(_) => ValueType::Pin,
            Self::Sealed(_) => ValueType::Sealed,
            Self::IccKey(_) => ValueType::IccKey,
            Self::Certificate(_) => ValueType::Certificate,
        }
    }

    /// Text, or none.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// Octets, or none.
    pub fn bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self {
            Some(bytes)
        } else {
            None
        }
    }

    /// Number, or none.
    pub fn number(&self) -> Option<i64> {
        if let Self::Number(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    /// Flag, or none.
    pub fn flag(&self) -> Option<bool> {
        if let Self::Flag(flag) = self {
            Some(*flag)
        } else {
            None
        }
    }

    /// Date, or none.
    pub fn date(&self) -> Option<Date> {
        if let Self::Date(date) = self {
            Some(*date)
        } else {
            None
        }
    }

    /// Sealed PIN, or none.
    pub fn pin(&self) -> Option<&SealedPin> {
        if let Self::Pin(pin) = self {
            Some(pin)
        } else {
            None
        }
    }

    /// Lines; a text is one line.
    pub fn lines(&self) -> Option<Vec<String>> {
        match self {
            Self::TextList(lines) => Some(lines.clone()),
            Self::Text(text) => Some(vec![text.clone()]),
            _ => None,
        }
    }
}

impl Zeroize for Value {
    fn zeroize(&mut self) {
        match self {
            Self::Text(text) => text.zeroize(),
            Self::TextList(lines) => lines.iter_mut().for_each(Zeroize::zeroize),
            Self::Bytes(bytes) => bytes.zeroize(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(Date::parse("2912", "YYMM"), Date::new(2029, 12, 31));
        assert_eq!(Date::parse("2802", "YYMM"), Date::new(2028, 2, 29));
        assert_eq!(Date::parse("20260229", "YYYYMMDD"), None);
        assert_eq!(Date::parse("2613", "YYMM"), None);
        assert_eq!(Date::parse("26é", "YYMM"), None);
        assert_eq!(
            Date::new(2029, 12, 31).map(|d| d.format("MM/YY")),
            Some("12/29".into())
        );
        // 2026-11-22T00:00:00Z is 1795305600 (date -u -d @1795305600).
        assert_eq!(
            Date::from_unix_seconds(1_795_305_600),
            Date::new(2026, 11, 22).expect("a date")
        );
        assert_eq!(
            Date::from_unix_seconds(0),
            Date::new(1970, 1, 1).expect("a date")
        );
    }
}
