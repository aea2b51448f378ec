//! Records whose fields each begin with a tag, a length, or both.

use crate::{CellError, Cells, RECORD_BYTES_MAX, characters::Characters, coding, flat};
use cardwright_bundle::{Format, Record, Tagging};

/// One field as it stands in a record.
pub(crate) struct Tagged {
    tag: String,
    octets: Vec<u8>,
}

/// Cuts a record into its fields.
pub(crate) fn split(
    tagging: &Tagging,
    octets: &[u8],
    characters: &Characters,
) -> Result<Vec<Tagged>, CellError> {
    match tagging {
        Tagging::Length { tag, length } => by_length(*tag, *length, octets, characters),
        Tagging::Separated { assign, separator } => {
            let text = characters
                .decode(octets)
                .map_err(|reason| CellError::record("R1502", reason))?;
            by_separator(*assign, *separator, &text, characters)
        }
    }
}

fn by_length(
    tag: u8,
    length: u8,
    octets: &[u8],
    characters: &Characters,
) -> Result<Vec<Tagged>, CellError> {
    let wrong = |number: usize| {
        let reason = format!("field {number} of the record has no length that fits");
        CellError::record("R1521", reason)
    };
    let mut fields = Vec::new();
    let mut rest = octets;
    while !rest.is_empty() {
        let number = fields.len() + 1;
        let (head, after) = rest
            .split_at_checked(usize::from(tag) + usize::from(length))
            .ok_or_else(|| wrong(number))?;
        let head = characters.decode(head).map_err(|_| wrong(number))?;
        let (tag, digits) = head
            .split_at_checked(usize::from(tag))
            .ok_or_else(|| wrong(number))?;
        let count: usize = digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse().ok())
            .flatten()
            .ok_or_else(|| wrong(number))?;
        let (value, after) = after.split_at_checked(count).ok_or_else(|| wrong(number))?;
        fields.push(Tagged {
            tag: tag.to_owned(),
            octets: value.to_vec(),
        });
        rest = after;
    }
    Ok(fields)
}

fn by_separator(
    assign: char,
    separator: char,
    text: &str,
    characters: &Characters,
) -> Result<Vec<Tagged>, CellError> {
    let text = text.strip_suffix(separator).unwrap_or(text);
    let parts = text.split(separator).enumerate();
    let fields = parts.map(|(at, part)| {
        let wrong = || {
            let reason = format!("field {} of the record has no `{assign}`", at + 1);
            CellError::record("R1521", reason)
        };
        let (tag, value) = part.split_once(assign).ok_or_else(wrong)?;
        Ok(Tagged {
            tag: tag.trim().to_owned(),
            octets: characters.encode(value).ok_or_else(wrong)?,
        })
    });
    fields.collect()
}

/// The fields of a tag, or the field of a number where there are no tags.
fn of_tag<'t>(fields: &'t [Tagged], tag: Option<&str>, at: u32) -> Vec<&'t Tagged> {
    match tag {
        Some(tag) => fields.iter().filter(|f| f.tag == tag).collect(),
        None => fields
            .iter()
            .skip(at.saturating_sub(1) as usize)
            .take(1)
            .collect(),
    }
}

/// The declared record that these fields are.
pub(crate) fn find(format: &Format, fields: &[Tagged], characters: &Characters) -> Option<usize> {
    format.records.iter().position(|record| match &record.when {
        None => true,
        Some(test) => of_tag(fields, test.place.as_deref(), test.at)
            .first()
            .and_then(|field| characters.decode(&field.octets).ok())
            .is_some_and(|text| text == test.equals),
    })
}

/// The cells of a record; a field that is not there is blank.
pub(crate) fn cut(
    record: &Record,
    fields: &[Tagged],
    characters: &Characters,
) -> Result<Cells, CellError> {
    for field in &record.fields {
        let found = of_tag(fields, field.place.as_deref(), field.at).len();
        let most = if field.place.is_some() {
            field.repeat
        } else {
            1
        };
        if found > most as usize {
            let reason = "the field stands more often than the format says";
            return Err(CellError::field("R1504", &field.name, reason));
        }
    }
    let known = |tag: &str| {
        let mark = record.when.iter().filter_map(|test| test.place.as_deref());
        let mut places = record.fields.iter().filter_map(|f| f.place.as_deref());
        places.any(|place| place == tag) || mark.into_iter().any(|place| place == tag)
    };
    if let Some(at) = fields
        .iter()
        .position(|f| !f.tag.is_empty() && !known(&f.tag))
    {
        let reason = format!(
            "field {} of the record has a tag that the format lacks",
            at + 1
        );
        return Err(CellError::record("R1504", reason));
    }
    flat::gather(record, |field, n| {
        let found = of_tag(fields, field.place.as_deref(), field.at);
        match found.get(n as usize) {
            Some(found) => coding::decode(field, &found.octets, characters),
            None => Ok(String::new()),
        }
    })
}

/// A record, to be written; optional fields that are blank are left out where tags tell the rest.
pub(crate) fn written(
    record: &Record,
    cells: &Cells,
    tagging: &Tagging,
    characters: &Characters,
) -> Result<Vec<u8>, CellError> {
    let mut parts: Vec<(u32, String, Vec<u8>)> = Vec::new();
    if let Some(test) = &record.when {
        let mark = characters.encode(&test.equals).unwrap_or_default();
        parts.push((test.at, test.place.clone().unwrap_or_default(), mark));
    }
    for (index, field) in record.fields.iter().enumerate() {
        for text in cells.of(index) {
            if text.is_empty() && field.place.is_some() {
                continue;
            }
            let octets = coding::encode(field, text, None, characters)?;
            parts.push((field.at, field.place.clone().unwrap_or_default(), octets));
        }
    }
    // Without tags the number of a field is its place; with tags all are equal and keep their order.
    parts.sort_by_key(|(at, tag, _)| if tag.is_empty() { *at } else { 0 });
    let mut octets = Vec::new();
    for (_, tag, value) in &parts {
        let part = part(tag, value, tagging, characters).ok_or_else(|| {
            CellError::record("R1526", "a field that is longer than its length can say")
        })?;
        octets.extend_from_slice(&part);
    }
    if let Tagging::Separated { separator, .. } = tagging {
        let end = characters
            .encode(&separator.to_string())
            .unwrap_or_default();
        octets.truncate(octets.len().saturating_sub(end.len()));
    }
    if octets.len() > RECORD_BYTES_MAX {
        return Err(CellError::record("R1526", "a record above the limit"));
    }
    Ok(octets)
}

fn part(tag: &str, value: &[u8], tagging: &Tagging, characters: &Characters) -> Option<Vec<u8>> {
    match tagging {
        Tagging::Length { length, .. } => {
            let size = usize::from(*length);
            let digits = format!("{:0>size$}", value.len());
            let head = characters.encode(&format!("{tag}{digits}"))?;
            (digits.len() == size).then(|| [head.as_slice(), value].concat())
        }
        Tagging::Separated { assign, separator } => {
            let text = characters.decode(value).ok()?;
            let fits = !text.contains(*separator);
            fits.then(|| characters.encode(&format!("{tag}{assign}{text}{separator}")))?
        }
    }
}
