//! TLV: octets, hexadecimal, or lines as tools print them:
//!
//! ```text
//! 70
//!   5A: 9999 9200 0000 0029
//!   5F20 [08] Cardholder Name = 544553542F414D59
//!   5F24  Application Expiration Date
//!     281231
//! ```

use super::lines::{Line, lines, octets_of};
use crate::{
    data::Input,
    error::{ImportError, nothing, too_much, unreadable},
    loose::{self, Object},
};
use cardwright_standards::tlv::{self, DEPTH_MAX, OBJECTS_MAX, Tag};

/// Columns that a tab counts for.
const TAB: usize = 4;

/// A data object while its lines are read.
struct Built {
    indent: usize,
    tag: Tag,
    /// Its octets, once a line has them.
    value: Option<Vec<u8>>,
    children: Vec<Object>,
}

/// What a line says.
enum Said {
    /// Data objects, whole.
    Objects(Vec<Object>),
    /// A tag, with its value when it stands there, too.
    Tag(Tag, Option<Vec<u8>>),
    /// Octets that are no object.
    Octets,
    /// Words.
    Nothing,
}

/// Whether the first line that says anything holds a tag.
pub(super) fn is_dump(text: &str) -> bool {
    let first = lines(text).next();
    first.is_some_and(|line| matches!(said(&line), Said::Objects(_) | Said::Tag(..)))
}

/// Reads a dump.
pub(super) fn read(octets: &[u8]) -> Result<Input, ImportError> {
    let mut input = Input::default();
    let objects = match std::str::from_utf8(octets) {
        Ok(text) => of_text(text, &mut input)?,
        Err(_) => parsed(octets).ok_or_else(|| unreadable("the file", "no TLV"))?,
    };
    if objects.is_empty() {
        return Err(nothing());
    }
    loose::card(objects, &mut input)?;
    Ok(input)
}

/// Octets as data objects, templates as they are; none for nothing and for what is no TLV.
pub(super) fn parsed(octets: &[u8]) -> Option<Vec<Object>> {
    // What is inside has to be TLV as well.
    tlv::parse(octets).ok()?;
    let objects = tlv::parse_flat(octets).ok()?;
    let objects = objects.into_iter().map(|(tag, value)| Object {
        tag,
        value: value.to_vec(),
    });
    let objects: Vec<Object> = objects.collect();
    (!objects.is_empty()).then_some(objects)
}

fn of_text(text: &str, input: &mut Input) -> Result<Vec<Object>, ImportError> {
    // One text of hexadecimal over several lines.
    if let Some(objects) = octets_of(text).and_then(|all| parsed(&all)) {
        return Ok(objects);
    }
    let mut stack: Vec<Built> = Vec::new();
    let mut top = Vec::new();
    let mut count = 0usize;
    for line in lines(text) {
        let indent = indent(line.text);
        let inside = stack.last().filter(|open| indent > open.indent);
        let primitive = inside.is_some_and(|open| !open.tag.is_constructed());
        if primitive {
            // Below a primitive tag stand its octets, or words.
            let octets = octets_of(line.text.trim_start_matches(is_drawing));
            if let (Some(octets), Some(open)) = (octets, stack.last_mut()) {
                open.value.get_or_insert_default().extend(octets);
            }
            continue;
        }
        while stack.last().is_some_and(|open| indent <= open.indent) {
            close(&mut stack, &mut top, input);
        }
        match said(&line) {
            Said::Nothing => input.note("lines that hold no tag were left aside"),
            Said::Octets => return Err(unreadable(&line.place(), "octets without a tag")),
            Said::Objects(objects) => match stack.last_mut() {
                Some(open) => open.children.extend(objects),
                None => top.extend(objects),
            },
            Said::Tag(tag, value) => {
                if stack.len() >= DEPTH_MAX {
                    return Err(unreadable(&line.place(), "templates are nested too deep"));
                }
                stack.push(Built {
                    indent,
                    tag,
                    value,
                    children: Vec::new(),
                });
            }
        }
        count += 1;
        if count > OBJECTS_MAX {
            return Err(too_much("the dump", OBJECTS_MAX, "data objects"));
        }
    }
    while !stack.is_empty() {
        close(&mut stack, &mut top, input);
    }
    Ok(top)
}

/// Ends the innermost object.
fn close(stack: &mut Vec<Built>, top: &mut Vec<Object>, input: &mut Input) {
    let Some(done) = stack.pop() else {
        return;
    };
    let value = match done.value {
        // A template whose octets stand there says the same again below.
        Some(value) => value,
        None if done.tag.is_constructed() => {
            let mut octets = Vec::new();
            for child in &done.children {
                // Lengths up to 65 535 are written; what is longer is no data of a card.
                if tlv::push(&mut octets, child.tag, &child.value).is_err() {
                    input.note(format!("{} is too long and was left aside", child.tag));
                }
            }
            octets
        }
        None => {
            input.note(format!("{} has no value and was left aside", done.tag));
            return;
        }
    };
    let object = Object {
        tag: done.tag,
        value,
    };
    match stack.last_mut() {
        Some(open) if open.value.is_none() => open.children.push(object),
        Some(_) => {}
        None => top.push(object),
    }
}

fn indent(line: &str) -> usize {
    let before = line.chars().take_while(|c| is_drawing(*c));
    before.map(|c| if c == '\t' { TAB } else { 1 }).sum()
}

/// Spaces, and what trees are drawn with.
fn is_drawing(c: char) -> bool {
    c.is_whitespace() || "|+`│├└─".contains(c)
}

fn said(line: &Line<'_>) -> Said {
    let text = line.text.trim_start_matches(is_drawing);
    if text.starts_with(['"', '-', '(']) {
        return Said::Nothing;
    }
    let end = text.find(|c: char| c.is_whitespace() || "=:[(".contains(c));
    let (first, rest) = text
        .split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or((text, ""));
    let tag = Tag::from_hex(first.trim_start_matches('#'));
    if let Some(octets) = octets_of(text) {
        if let Some(tag) = tag.filter(|_| rest.is_empty()) {
            return Said::Tag(tag, None);
        }
        if let Some(objects) = parsed(&octets) {
            return Said::Objects(objects);
        }
        return match tag {
            Some(tag) => Said::Tag(tag, octets_of(rest)),
            None => Said::Octets,
        };
    }
    match tag {
        Some(tag) => Said::Tag(tag, value_behind(rest)),
        None => Said::Nothing,
    }
}

/// The value behind a colon or an equals sign; what stands in brackets behind it is for people.
fn value_behind(rest: &str) -> Option<Vec<u8>> {
    let at = rest.rfind([':', '='])?;
    let value = rest.get(at + 1..)?;
    let value = value.split(['(', '"', '|', '[', '<']).next()?;
    octets_of(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails loudly")]

    use super::*;

    /// Two records' worth of objects, laid out by hand.
    const HEX: &str = "70115A0899999200000000295F20055A2F4F574E6F0784024142A5015000";

    fn objects(text: &str) -> Vec<String> {
        let objects = of_text(text, &mut Input::default()).expect("objects");
        let shown = objects
            .iter()
            .map(|o| format!("{} {}", o.tag, hex::encode_upper(&o.value)));
        shown.collect()
    }

    #[test]
    fn the_same_objects_in_every_spelling() {
        let expected = ["70 5A0899999200000000295F24032812315F340101"];
        for text in [
            "70145A0899999200000000295F24032812315F340101",
            "70 14 5A 08 9999920000000029\n5F24 03 281231 5F34 01 01",
            "70\n  5A: 99 99 92 00 00 00 00 29\n  5F24 = 281231\n  5F34 [01] sequence: 01",
            "70  template\n\t5A  number\n\t\t99999200\n\t\t00000029\n\t5F24 (expiry): 281231 (2028)\n\t5F34 0101",
            "70\n+ 5A 08 9999920000000029\n+ 5F24 03 281231\n+ 5F34\n  | 01\n  | \"01\"",
        ] {
            assert!(is_dump(text), "{text}");
            assert_eq!(objects(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        assert_eq!(read(HEX.as_bytes()).expect_err("cut").code, "E0181");
        assert_eq!(read(b"words only").expect_err("words").code, "E0184");
        assert_eq!(read(&[0xFF, 0xFE, 0x80]).expect_err("binary").code, "E0181");
        let deep: String = (0..40).map(|n| format!("{}70\n", " ".repeat(n))).collect();
        assert_eq!(read(deep.as_bytes()).expect_err("deep").code, "E0181");
    }
}
