//! A table of tags: a row each of tag, value and perhaps name, with or without a heading.

use super::lines::octets_of;
use crate::{
    data::Input,
    error::{ImportError, nothing, too_much, unreadable},
    loose::{self, Object},
};
use cardwright_standards::{
    formats, tags,
    tlv::{OBJECTS_MAX, Tag},
};

/// Characters between cells that are looked for.
const DELIMITERS: [char; 3] = [';', ',', '\t'];

/// Whether the first line is a heading with `tag`, or a tag and a value.
pub(super) fn is_table(text: &str) -> bool {
    let first = text.lines().find(|l| !l.trim().is_empty());
    let Some((first, delimiter)) = first.and_then(|l| Some((l, delimiter(l)?))) else {
        return false;
    };
    let cells = first.split(delimiter).map(|c| c.trim().trim_matches('"'));
    let cells: Vec<&str> = cells.collect();
    heading(cells.iter().copied()).is_some() || cells.first().is_some_and(|c| tag_of(c).is_some())
}

fn delimiter(line: &str) -> Option<char> {
    DELIMITERS.into_iter().find(|d| line.contains(*d))
}

fn tag_of(cell: &str) -> Option<Tag> {
    let cell = cell.trim().trim_start_matches('#');
    Tag::from_hex(cell.trim_start_matches("0x"))
}

/// Which columns hold what.
#[derive(Clone, Copy)]
struct Columns {
    tag: usize,
    value: usize,
}

/// Reads a table.
pub(super) fn read(text: &str) -> Result<Input, ImportError> {
    let first = text.lines().find(|l| !l.trim().is_empty());
    let first = first.ok_or_else(nothing)?;
    let delimiter = delimiter(first).ok_or_else(|| {
        unreadable(
            "the first line",
            "no table: neither `,` nor `;` nor a tab stands in it",
        )
    })?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(u8::try_from(delimiter).unwrap_or(b','))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut columns = Columns { tag: 0, value: 1 };
    let mut objects = Vec::new();
    let mut input = Input::default();
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|_| unreadable(&format!("row {}", row + 1), "no row"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let place = format!("line {line}");
        if objects.len() == OBJECTS_MAX {
            return Err(too_much("the table", OBJECTS_MAX, "rows"));
        }
        if row == 0
            && let Some(found) = heading(record.iter())
        {
            columns = found;
            continue;
        }
        let cell = |at| record.get(at).unwrap_or_default();
        if record.iter().all(str::is_empty) {
            continue;
        }
        let tag = tag_of(cell(columns.tag)).ok_or_else(|| unreadable(&place, "no tag"))?;
        let value = value_of(tag, cell(columns.value));
        let value = value
            .ok_or_else(|| unreadable(&place, format!("{tag} has no value that can be read")))?;
        objects.push(Object { tag, value });
    }
    loose::card(objects, &mut input)?;
    Ok(input)
}

fn heading<'c>(cells: impl Iterator<Item = &'c str> + Clone) -> Option<Columns> {
    let place = |names: &[&str]| {
        cells
            .clone()
            .position(|c| names.iter().any(|n| c.eq_ignore_ascii_case(n)))
    };
    let tag = place(&["tag"])?;
    let value = place(&["value", "hex", "data"])?;
    Some(Columns { tag, value })
}

/// Hexadecimal, or the text itself where the tag's format is text.
fn value_of(tag: Tag, cell: &str) -> Option<Vec<u8>> {
    if cell.is_empty() {
        return Some(Vec::new());
    }
    if let Some(octets) = octets_of(cell) {
        return Some(octets);
    }
    let element = tags::element_in("", tag)?;
    let is_text = matches!(
        element.format,
        tags::Format::A | tags::Format::An | tags::Format::Ans
    );
    (is_text && cell.is_ascii() && formats::is_ans(cell)).then(|| cell.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails loudly")]

    use super::*;

    #[test]
    fn headings_delimiters_and_texts_are_read() {
        for text in [
            "tag,value,name\n50,4142,label\n5A,9999920000000029\n",
            "Name;Tag;Value\nlabel;50;\"AB X\"\nPAN;5A;99 99 92 00 00 00 00 29\n",
            "50\tAB X\n5A\t9999920000000029\n",
        ] {
            assert!(is_table(text), "{text}");
            let input = read(text).expect("a table");
            assert_eq!(input.cards.len(), 1, "{text}");
        }
        assert!(!is_table("5A 08 9999920000000029"));
        assert_eq!(
            read("tag,value\nXX,00\n").expect_err("no tag").code,
            "E0181"
        );
        assert_eq!(read("5A,AB X\n").expect_err("no value").code, "E0181");
        assert_eq!(read("tag,value\n").expect_err("empty").code, "E0184");
    }
}
