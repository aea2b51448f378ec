//! Counts and sums over the records of a file or of a group, kept while the file goes by.

use cardwright_bundle::{Content, Format, FormatRule, Op};
use cardwright_files::Cells;
use std::collections::BTreeMap;

/// What a sum is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    record: String,
    field: String,
    digits: u32,
}

/// Counts by record, and sums by field.
#[derive(Clone, Default)]
pub struct Totals {
    counts: BTreeMap<String, i64>,
    /// The field's index in its record, and the sum; none when it left 64 bits.
    sums: BTreeMap<Key, (usize, Option<i64>)>,
}

impl Totals {
    /// The sums that some programs ask for, over a format's records.
    pub fn new<'c>(
        content: &'c Content,
        format: &Format,
        programs: impl Iterator<Item = u32> + 'c,
    ) -> Self {
        let mut totals = Self::default();
        let programs = programs.filter_map(|index| content.programs.get(index as usize));
        for node in programs.flat_map(|program| &program.nodes) {
            let Op::Sum {
                record,
                field,
                digits,
                format: of,
            } = &node.op
            else {
                continue;
            };
            let declared = format.records.iter().find(|r| r.name == *record);
            let index = declared.and_then(|r| r.fields.iter().position(|f| f.name == *field));
            if let (Some(index), true) = (index, *of == format.name) {
                let key = Key {
                    record: record.clone(),
                    field: field.clone(),
                    digits: *digits,
                };
                totals.sums.insert(key, (index, Some(0)));
            }
        }
        totals
    }

    /// The sums that a format's own rules ask for.
    pub(super) fn of_rules(content: &Content, format: &Format) -> Self {
        let programs = format.rules.iter().filter_map(|rule| match rule {
            FormatRule::Require { program, .. } => Some(*program),
            FormatRule::Unique { .. } => None,
        });
        Self::new(content, format, programs)
    }

    /// A record goes by; none of its fields can be read when it has no cells.
    pub fn add(&mut self, record: &str, cells: Option<&Cells>) {
        *self.counts.entry(record.to_owned()).or_default() += 1;
        for (key, (index, sum)) in &mut self.sums {
            if key.record != record {
                continue;
            }
            let texts = cells.map_or(&[][..], |cells| cells.of(*index));
            for text in texts {
                *sum = sum.and_then(|sum| plus(sum, text, key.digits));
            }
        }
    }

    /// How many records of a name went by.
    pub fn count(&self, record: &str) -> i64 {
        self.counts.get(record).copied().unwrap_or(0)
    }

    /// A sum.
    pub fn sum(&self, record: &str, field: &str, digits: u32) -> Option<i64> {
        let key = Key {
            record: record.to_owned(),
            field: field.to_owned(),
            digits,
        };
        self.sums.get(&key).and_then(|(_, sum)| *sum)
    }

    /// All back to zero: a new group.
    pub fn clear(&mut self) {
        self.counts.clear();
        for (_, sum) in self.sums.values_mut() {
            *sum = Some(0);
        }
    }
}

/// Adds a field's text to a sum; what is no number adds nothing, because its record is refused.
pub(super) fn plus(sum: i64, text: &str, digits: u32) -> Option<i64> {
    let text = text.trim_matches(' ');
    if digits == 0 {
        let number: Option<i64> = text.parse().ok();
        return sum.checked_add(number.unwrap_or(0));
    }
    // A hash total: the sum of the values as numbers, of which the low digits are kept.
    let digits = digits.min(18);
    let modulus = 10i64.checked_pow(digits)?;
    let low: String = text.chars().rev().take(digits as usize).collect();
    let low: String = low.chars().rev().collect();
    let all_digits = !low.is_empty() && low.bytes().all(|b| b.is_ascii_digit());
    let value: i64 = if all_digits { low.parse().ok()? } else { 0 };
    Some(sum.checked_add(value)? % modulus)
}

#[cfg(test)]
mod tests {
    use super::plus;

    #[test]
    fn a_hash_total_keeps_the_low_digits() {
        // 9999920000000029 + 9999920000000037 = 19999840000000066, of which ten digits.
        let first = plus(0, "9999920000000029", 10);
        let both = first.and_then(|sum| plus(sum, "9999920000000037", 10));
        assert_eq!(both, Some(66));
        assert_eq!(plus(9_999_999_990, "19", 10), Some(9));
        assert_eq!(plus(40, "-15", 0), Some(25));
        assert_eq!(plus(i64::MAX, "1", 0), None);
        assert_eq!(plus(7, "none", 10), Some(7));
    }
}
