//! Values of literals: numbers, escapes, hex bytes, tags.

/// A number without a unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NumberValue {
    Integer(i64),
    Decimal(String),
}

/// The value of `12`, `0x92` or `10.00`; `None` when an integer does not fit 64 bits.
pub(crate) fn number(text: &str) -> Option<NumberValue> {
    if let Some(digits) = text.strip_prefix("0x") {
        return i64::from_str_radix(digits, 16)
            .ok()
            .map(NumberValue::Integer);
    }
    if text.contains('.') {
        return Some(NumberValue::Decimal(text.to_owned()));
    }
    text.parse().ok().map(NumberValue::Integer)
}

/// The character that an escape stands for.
pub(crate) fn escape(text: &str) -> Option<char> {
    let body = text.strip_prefix('\\')?;
    match body {
        "n" => Some('\n'),
        "\"" => Some('"'),
        "\\" => Some('\\'),
        "{" => Some('{'),
        "}" => Some('}'),
        _ => {
            let digits = body.strip_prefix("u{")?.strip_suffix('}')?;
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)
        }
    }
}

/// The bytes of `x"A0 00"`.
pub(crate) fn hex_bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .skip(1)
        .filter_map(|character| character.to_digit(16))
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_values_or_none() {
        assert_eq!(number("0x92"), Some(NumberValue::Integer(146)));
        assert_eq!(number("10.00"), Some(NumberValue::Decimal("10.00".into())));
        assert_eq!(number("99999999999999999999"), None);
    }

    #[test]
    fn escapes_are_characters() {
        assert_eq!(escape("\\u{20AC}"), Some('€'));
        assert_eq!(escape("\\u{D800}"), None);
        assert_eq!(escape("\\{"), Some('{'));
    }

    #[test]
    fn hex_bytes_ignore_spaces() {
        assert_eq!(hex_bytes("x\"A0 00 0 3\""), [0xA0, 0x00, 0x03]);
    }
}
