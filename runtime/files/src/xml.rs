//! XML: elements and attributes as nodes. Document types and entities are refused (R1524).

use crate::{
    FileError, Place, RECORD_BYTES_MAX,
    characters::Characters,
    read::Unicode,
    tree::{Assembler, Tree, broken},
};
use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};
use std::io::BufRead;

/// Reads a whole document.
pub(crate) fn read(
    file: &mut dyn BufRead,
    characters: &Characters,
    assembler: &mut Assembler<'_>,
) -> Result<(), FileError> {
    let input = Unicode::new(file, characters);
    let state = input.state();
    let mut reader = Reader::from_reader(input);
    reader.config_mut().expand_empty_elements = true;
    let mut depth = 0usize;
    let mut elements = 0u64;
    let mut buffer = Vec::new();
    while !assembler.stopped {
        buffer.clear();
        let place = state.place();
        let event = reader.read_event_into(&mut buffer).map_err(|_| {
            state.failure(&format!(
                "line {}: the XML is not well formed",
                state.line()
            ))
        })?;
        match event {
            Event::Start(start) => {
                if depth == 0 && elements > 0 {
                    return Err(broken("a second root element"));
                }
                elements += 1;
                depth += 1;
                element(&start, place, characters, assembler)?;
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                assembler.close();
                state.record_ended();
            }
            Event::Text(text) => assembler.text(&encoded(&text.xml10_content(), characters)),
            Event::CData(text) => assembler.text(&encoded(&text.xml10_content(), characters)),
            Event::GeneralRef(reference) => {
                let character = resolve(&reference).ok_or_else(|| {
                    refused(&format!("line {}: an entity of its own", place.line))
                })?;
                assembler.text(&encoded(&character.to_string(), characters));
            }
            Event::DocType(_) => {
                return Err(refused(&format!("line {}: a document type", place.line)));
            }
            Event::Eof if depth > 0 || elements == 0 => {
                return Err(FileError::cut(
                    "the XML ends before its root element".to_owned(),
                ));
            }
            Event::Eof => return Ok(()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Empty(_) => {}
        }
    }
    Ok(())
}

/// Text as the tree keeps it: what the encoding lacks stands as a substitute that no field takes.
fn encoded(text: &str, characters: &Characters) -> Vec<u8> {
    characters
        .encode(text)
        .unwrap_or_else(|| characters.encode("\u{1A}").unwrap_or_default())
}

fn refused(what: &str) -> FileError {
    FileError::new(
        "R1524",
        what,
        "have it written without DOCTYPE and entities",
    )
}

fn element(
    start: &BytesStart<'_>,
    place: Place,
    characters: &Characters,
    assembler: &mut Assembler<'_>,
) -> Result<(), FileError> {
    let name = start.local_name();
    assembler.open(name.as_ref(), place)?;
    for attribute in start.attributes() {
        let wrong = || broken(format!("line {}: an attribute that is none", place.line));
        let attribute = attribute.map_err(|_| wrong())?;
        let name = attribute.key.as_ref();
        if name == "xmlns" || name.starts_with("xmlns:") {
            continue;
        }
        let value = quick_xml::escape::unescape(&attribute.value)
            .map_err(|_| refused(&format!("line {}: an entity of its own", place.line)))?;
        if value.len() > RECORD_BYTES_MAX {
            return Err(wrong());
        }
        let name = format!("@{}", attribute.key.local_name().as_ref());
        assembler.leaf(&name, &encoded(&value, characters), place)?;
    }
    Ok(())
}

/// A character reference or one of the five entities that XML itself has.
fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    if reference.is_char_ref() {
        return reference.resolve_char_ref().ok().flatten();
    }
    let name: &str = reference;
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
    }
}

/// Opens an element with its attributes; the text inside follows.
pub(crate) fn begin(tree: &Tree, characters: &Characters) -> String {
    let text = |octets: &[u8]| characters.decode(octets).unwrap_or_default();
    let mut out = format!("<{}", tree.name);
    for child in &tree.children {
        if let Some(name) = child.name.strip_prefix('@') {
            let value = text(&child.octets);
            out.push_str(&format!(" {name}=\"{}\"", escape(&value)));
        }
    }
    out.push('>');
    out.push_str(&escape(&text(&tree.octets)));
    out
}

/// Elements inside an element.
pub(crate) fn inside(tree: &Tree, indent: usize, characters: &Characters) -> String {
    let elements = tree.children.iter().filter(|c| !c.name.starts_with('@'));
    elements
        .map(|child| whole(child, indent, characters))
        .collect()
}

/// A whole element.
pub(crate) fn whole(tree: &Tree, indent: usize, characters: &Characters) -> String {
    let inner = inside(tree, indent + 1, characters);
    let space = "  ".repeat(indent);
    let begin = begin(tree, characters);
    let name = &tree.name;
    if inner.is_empty() {
        format!("{space}{begin}</{name}>\n")
    } else {
        format!("{space}{begin}\n{inner}{space}</{name}>\n")
    }
}

fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}
