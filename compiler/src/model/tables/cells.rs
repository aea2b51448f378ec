//! One cell: what is written, as what its column says.

use super::Column;
use crate::types::Type;

/// The canonical text of a cell.
///
/// # Errors
/// What is expected instead, in words.
pub(super) fn canonical(column: &Column, written: &str) -> Result<String, String> {
    let written = written.trim();
    if written.is_empty() && column.def.optional {
        return Ok(String::new());
    }
    if written.is_empty() && column.def.ty != Type::Flag {
        return Err(format!("`{}` is missing", column.name));
    }
    let wrong = || Err(format!("{written:?} is not {}", column.def.ty.words()));
    let length = u32::try_from(written.chars().count()).unwrap_or(u32::MAX);
    match &column.def.ty {
        Type::Text(l) | Type::Alphanumeric(l) => {
            let printable = !written.chars().any(char::is_control);
            let narrow = matches!(column.def.ty, Type::Alphanumeric(_));
            if length > l.max || !printable || (narrow && !written.is_ascii()) {
                return wrong();
            }
            Ok(written.to_owned())
        }
        Type::Digits(l) => {
            let digits = written.bytes().all(|b| b.is_ascii_digit());
            if !digits || length < l.min || length > l.max {
                return wrong();
            }
            Ok(written.to_owned())
        }
        Type::Number { digits } => match written.parse::<i64>() {
            Ok(n) if n >= 0 && n.to_string().len() <= *digits as usize => Ok(n.to_string()),
            _ => wrong(),
        },
        Type::Bytes(l) => {
            let joined: String = written.split_whitespace().collect();
            match hex::decode(&joined) {
                Ok(octets) if octets.len() <= l.max as usize => Ok(hex::encode_upper(octets)),
                _ => wrong(),
            }
        }
        Type::Flag => match (column.yes.as_deref(), written) {
            (Some(yes), _) if yes == written => Ok("true".to_owned()),
            (_, "") => Ok("false".to_owned()),
            (Some(yes), _) => Err(format!("{written:?} is neither {yes:?} nor blank")),
            (None, _) => wrong(),
        },
        _ => wrong(),
    }
}
