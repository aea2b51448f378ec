//! Text, numbers, flags, dates.

use super::{Args, Row, no_fit, wrong_type};
use crate::{Date, RuntimeError, Value};

type Result<T = Value> = std::result::Result<T, RuntimeError>;

/// Functions on text, numbers, flags and dates.
pub(super) static TABLE: &[Row] = &[
    ("add", |a| number(a.number(0)?.checked_add(a.number(1)?))),
    ("all", |a| {
        flags(a).map(|mut flags| Value::Flag(flags.all(|f| f)))
    }),
    ("any", |a| {
        flags(a).map(|mut flags| Value::Flag(flags.any(|f| f)))
    }),
    ("character_count", |a| {
        number(i64::try_from(a.text(0)?.chars().count()).ok())
    }),
    ("concat_text", |a| {
        let texts: Result<Vec<&str>> = a.all().map(|v| v.text().ok_or_else(wrong_type)).collect();
        Ok(Value::Text(texts?.concat()))
    }),
    ("date", |a| {
        let date = Date::parse(a.text(0)?, a.text(1)?);
        date.map(Value::Date)
            .ok_or_else(|| no_fit("not a date of the pattern"))
    }),
    ("date_before", |a| Ok(Value::Flag(a.date(0)? < a.date(1)?))),
    ("equal", equal),
    ("format_date", |a| {
        Ok(Value::Text(a.date(0)?.format(a.text(1)?)))
    }),
    ("greeting_name", |a| {
        Ok(Value::Text(
            a.text(0)?.split_whitespace().collect::<Vec<_>>().join(" "),
        ))
    }),
    ("groups", |a| {
        let size = a.length(1)?.max(1);
        let characters: Vec<char> = a.text(0)?.chars().collect();
        let groups: Vec<String> = characters
            .chunks(size)
            .map(|c| c.iter().collect())
            .collect();
        Ok(Value::Text(groups.join(" ")))
    }),
    ("is_blank", |a| {
        Ok(Value::Flag(a.text(0)?.trim().is_empty()))
    }),
    ("last_digits", |a| {
        let text = a.text(0)?;
        let skip = text.chars().count().saturating_sub(4);
        Ok(Value::Text(text.chars().skip(skip).collect()))
    }),
    ("less", |a| Ok(Value::Flag(a.number(0)? < a.number(1)?))),
    ("lines", |a| {
        let lines: Option<Vec<Vec<String>>> = a.all().map(Value::lines).collect();
        Ok(Value::TextList(lines.ok_or_else(wrong_type)?.concat()))
    }),
    ("lower", |a| Ok(Value::Text(a.text(0)?.to_lowercase()))),
    ("mask", |a| Ok(Value::Text(mask(a.text(0)?)))),
    ("month_end", |a| Ok(Value::Date(a.date(0)?.month_end()))),
    ("not", |a| Ok(Value::Flag(!a.flag(0)?))),
    ("number_text", |a| {
        let width = a.length(1)?;
        Ok(Value::Text(format!("{:0width$}", a.number(0)?)))
    }),
    ("one_line", |a| {
        let at = a.length(1)?;
        let line = at
            .checked_sub(1)
            .and_then(|at| a.list(0).ok()?.get(at).cloned());
        Ok(Value::Text(line.unwrap_or_default()))
    }),
    ("pad_left", |a| {
        pad(a).map(|(fill, text)| Value::Text(fill + text))
    }),
    ("pad_right", |a| {
        pad(a).map(|(fill, text)| Value::Text(text.to_owned() + &fill))
    }),
    ("slice", |a| {
        let from = a
            .length(1)?
            .checked_sub(1)
            .ok_or_else(|| no_fit("places count from 1"))?;
        Ok(Value::Text(
            a.text(0)?.chars().skip(from).take(a.length(2)?).collect(),
        ))
    }),
    ("starts", |a| {
        Ok(Value::Flag(a.text(0)?.starts_with(a.text(1)?)))
    }),
    ("subtract", |a| {
        number(a.number(0)?.checked_sub(a.number(1)?))
    }),
    ("tidy_lines", |a| {
        let lines = a.list(0)?.iter().filter(|line| !line.trim().is_empty());
        Ok(Value::TextList(lines.cloned().collect()))
    }),
    ("to_number", |a| {
        let text = a.text(0)?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        number(text.parse().ok().filter(|_| digits))
    }),
    ("upper", |a| Ok(Value::Text(a.text(0)?.to_uppercase()))),
];

fn number(value: Option<i64>) -> Result {
    value
        .map(Value::Number)
        .ok_or_else(|| no_fit("not a number of this machine"))
}

fn flags<'a>(args: &Args<'a>) -> Result<impl Iterator<Item = bool> + use<>> {
    let flags: Result<Vec<bool>> = args
        .all()
        .map(|v| v.flag().ok_or_else(wrong_type))
        .collect();
    Ok(flags?.into_iter())
}

fn equal(args: &Args<'_>) -> Result {
    Ok(Value::Flag(match (args.get(0)?, args.get(1)?) {
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => a == b,
        (Value::Flag(a), Value::Flag(b)) => a == b,
        (Value::Date(a), Value::Date(b)) => a == b,
        _ => return Err(wrong_type()),
    }))
}

fn pad<'a>(args: &Args<'a>) -> Result<(String, &'a str)> {
    let (text, width) = (args.text(0)?, args.length(1)?);
    let fill = args.text(2)?.chars().next().unwrap_or(' ');
    let length = text.chars().count();
    if length > width {
        return Err(no_fit(format!(
            "{length} characters for a place of {width}"
        )));
    }
    Ok((std::iter::repeat_n(fill, width - length).collect(), text))
}

/// First six and last four (PCI DSS 3.4.1); a short text shows nothing but its length.
fn mask(text: &str) -> String {
    let count = text.chars().count();
    text.chars()
        .enumerate()
        .map(|(at, c)| {
            if count >= 13 && (at < 6 || at + 4 >= count) {
                c
            } else {
                '*'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn a_mask_never_shows_a_short_number() {
        assert_eq!(mask("4761739001010119"), "476173******0119");
        assert_eq!(mask("999999999999"), "************");
    }
}
