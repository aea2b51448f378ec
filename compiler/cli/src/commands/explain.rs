//! `explain`: what a code, a tag or a value means.

use crate::{
    arguments::Explain,
    codes,
    failure::{Failure, exit},
    terminal,
};
use cardwright_standards::{
    emv::bits::{describe, service_code_meaning},
    tags::DICTIONARIES,
    tlv::{self, Tag},
};
use cardwright_vocabulary::{
    DataElement, Reading, bit_field, data_element, data_element_in, data_elements, element_by_name,
    nearest,
};

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Longest value that is decoded, octets.
const VALUE_MAX: usize = 65_535;

/// Carries the verb out.
pub(crate) fn run(arguments: &Explain) -> Result<u8, Failure> {
    let subject = arguments.subject.trim();
    let upper = subject.to_uppercase();
    if let Some(text) = code(&upper) {
        terminal::print(&text);
        return Ok(0);
    }
    let tag = upper.strip_prefix('#').unwrap_or(&upper);
    let dictionary = arguments.dictionary.as_deref().unwrap_or("");
    if !dictionary.is_empty() && !DICTIONARIES.contains(&dictionary) {
        return Err(Failure::new(
            exit::USAGE,
            "E0196",
            format!("there is no dictionary `{dictionary}`"),
            &format!("dictionaries are: {}", DICTIONARIES.join(", ")),
        ));
    }
    let by_tag = data_element_in(dictionary, tag).or_else(|| data_element(tag));
    let Some(element) = by_tag.or_else(|| element_by_name(subject)) else {
        let Some(lines) = objects(dictionary, &upper) else {
            return Err(unknown(subject, tag));
        };
        terminal::print(&lines);
        return Ok(0);
    };
    // Nothing is printed before all of it can be.
    let value = match &arguments.hex {
        Some(text) => Some(decoded(element, &octets(element, text)?)),
        None => None,
    };
    terminal::print(&page(element));
    if let Some(value) = value {
        terminal::print(&format!("\n{value}"));
    }
    let others = DICTIONARIES.iter().filter_map(|owner| {
        let other = data_element_in(owner, &element.tag)?;
        let own = other.scheme == *owner && other.scheme != element.scheme;
        own.then(|| format!("{owner}: {}", other.title))
    });
    let others: Vec<String> = others.collect();
    if !others.is_empty() {
        let named = others.join("; ");
        terminal::print(&format!(
            "\nin other dictionaries (`--dictionary`)  {named}"
        ));
    }
    Ok(0)
}

/// Data objects that were given without a tag beside them.
fn objects(dictionary: &str, subject: &str) -> Option<String> {
    let octets = hex::decode(subject)
        .ok()
        .filter(|octets| octets.len() > 2)?;
    let objects = tlv::parse(&octets).ok().filter(|found| !found.is_empty())?;
    let mut lines = Vec::new();
    objects
        .iter()
        .for_each(|object| tree(dictionary, object, 0, &mut lines));
    Some(lines.join("\n"))
}

/// Nothing of this name: the nearest that there is.
fn unknown(subject: &str, tag: &str) -> Failure {
    let what = format!("no code, tag or data element `{subject}` here");
    let known = Tag::from_hex(tag).filter(|tag| tag.to_string().len() > 2);
    let names = data_elements().iter().map(|element| element.name.as_str());
    let near = nearest(&subject.to_lowercase(), names).and_then(element_by_name);
    let help = match (known, near) {
        (Some(_), _) => "the tag is well formed, but no dictionary has it: its owner's \
                         specification does"
            .to_owned(),
        (None, Some(near)) => format!("did you mean `{}` ({})?", near.name, near.tag),
        (None, None) => "codes look like E0301, tags like 9F0D, names like cvm_list; a site's \
                         codes: `cardstation explain`"
            .to_owned(),
    };
    Failure::new(exit::FINDINGS, "E0195", what, &help)
}

/// A code's page: the one of the docs, with its examples, or for codes of the runtime its row.
fn code(code: &str) -> Option<String> {
    let tables = [
        codes::CODES,
        cardwright_import::CODES,
        cardwright_dsl::CODES,
        cardwright_standards::codes::CODES,
        cardwright_compiler::diagnostics::CODES,
        cardwright_compiler::emit::CODES,
        cardwright_compiler::emit::LAYOUT_CODES,
    ];
    let found = tables.into_iter().flatten().find(|row| row.0 == code);
    if let Some((code, title, meaning, mend, _)) = found {
        let page = PAGES.iter().find(|(name, _)| name == code);
        return Some(page.map_or_else(|| row(code, title, meaning, mend), |(_, text)| plain(text)));
    }
    let (code, title, meaning, mend) = cardwright_rehearsal::explanation(code)?;
    Some(row(code, title, meaning, mend))
}

/// A code's row as text.
fn row(code: &str, title: &str, meaning: &str, mend: &str) -> String {
    format!("{code}: {title}\n\n{meaning}\n\nWhat to do: {mend}")
}

/// A page as a terminal shows it: without marks, examples indented.
fn plain(page: &str) -> String {
    let mut lines = Vec::new();
    let mut in_example = false;
    for line in page.lines() {
        if line.starts_with("```") {
            in_example = !in_example;
        } else if in_example {
            lines.push(format!("    {line}").trim_end().to_owned());
        } else {
            let line = line.trim_start_matches('#').trim_start();
            lines.push(line.replace("**", ""));
        }
    }
    lines.join("\n")
}

fn page(element: &DataElement) -> String {
    let format = match element.format.as_str() {
        "n" => "n, digits, two in an octet",
        "cn" => "cn, digits, filled with F on the right",
        "a" => "a, letters",
        "an" => "an, letters and digits",
        "ans" => "ans, letters, digits and signs",
        "b" => "b, octets",
        "c" => "constructed: data objects stand in it",
        other => other,
    };
    let mut lines = vec![
        format!("#{}  {}  ({})", element.tag, element.title, element.name),
        format!("format     {format}"),
        format!("octets     {}", span(element.min, element.max)),
        format!("given by   {}", element.source),
    ];
    if !element.templates.is_empty() {
        lines.push(format!("stands in  {}", element.templates.join(", ")));
    }
    if !element.scheme.is_empty() {
        lines.push(format!("owner      {}", element.scheme));
    }
    let field = element.coding.strip_prefix("flags:").and_then(bit_field);
    if let Some(field) = field {
        lines.push("bits".to_owned());
        for row in field.rows {
            let (word, bits) = match row.reading {
                Reading::Bit => (row.word.to_owned(), row.mask),
                Reading::Code(code) => (row.word.to_owned(), code),
                Reading::Number => (format!("{}(n)", row.word), row.mask),
            };
            lines.push(format!(
                "  {}  {bits:02X}  {word:<36} {}",
                row.octet, row.text
            ));
        }
    }
    lines.join("\n")
}

fn span(least: u32, most: u32) -> String {
    match (least, most) {
        (0, 0) => "any".to_owned(),
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    }
}

/// The octets of a value; digits as a card shows them (`201`, a PAN) are filled up as the format
/// says: `n` with a zero before, `cn` with an F behind (EMV Book 3, 4.3).
fn octets(element: &DataElement, text: &str) -> Result<Vec<u8>, Failure> {
    let mut digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() % 2 == 1 && digits.bytes().all(|b| b.is_ascii_digit()) {
        match element.format.as_str() {
            "n" => digits.insert(0, '0'),
            "cn" => digits.push('F'),
            _ => {}
        }
    }
    let undecodable = |what: &str| {
        Failure::new(
            exit::USAGE,
            "E0196",
            what,
            "give the value, without tag and length, in hex",
        )
    };
    if digits.len() > VALUE_MAX * 2 {
        return Err(undecodable("the value is too long"));
    }
    hex::decode(digits).map_err(|_| undecodable("the value is not hexadecimal"))
}

/// A value in words.
fn decoded(element: &DataElement, octets: &[u8]) -> String {
    let mut lines = vec![format!("value      {}", hex::encode_upper(octets))];
    let length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    if (element.min, element.max) != (0, 0) && !(element.min..=element.max).contains(&length) {
        let expected = span(element.min, element.max);
        lines.push(format!("           {length} octets, {expected} expected"));
    }
    let objects = if element.format == "c" {
        tlv::parse(octets).ok()
    } else {
        None
    };
    match (objects, Tag::from_hex(&element.tag)) {
        (Some(objects), _) => {
            objects
                .iter()
                .for_each(|object| tree(&element.scheme, object, 2, &mut lines));
        }
        (None, Some(_)) if element.coding == "track2" => lines.extend(track2(octets)),
        (None, Some(tag)) => {
            let says = describe(&element.scheme, tag, octets);
            lines.extend(says.into_iter().map(|line| format!("  {line}")));
        }
        (None, None) => {}
    }
    lines.join("\n")
}

/// Track 2 equivalent data: account number, separator, expiry, service code, the rest (ISO/IEC
/// 7813, two digits in an octet).
fn track2(octets: &[u8]) -> Vec<String> {
    let digits = hex::encode_upper(octets);
    let digits = digits.strip_suffix('F').unwrap_or(&digits);
    let Some((pan, rest)) = digits.split_once('D') else {
        return vec!["  no separator D".to_owned()];
    };
    let part = |from: usize, to: usize| rest.get(from..to).unwrap_or_default();
    let mut lines = vec![
        format!("  account number  {pan}"),
        format!("  expiry          {} (YYMM)", part(0, 4)),
        format!("  service code    {}", part(4, 7)),
    ];
    let says = service_code_meaning(part(4, 7)).into_iter().flatten();
    lines.extend(says.map(|line| format!("    {line}")));
    let rest = rest.get(7..).unwrap_or_default();
    lines.push(format!("  discretionary   {rest}"));
    lines
}

/// A data object and what stands in it; what a value says stands below it.
fn tree(dictionary: &str, object: &tlv::Tlv<'_>, indent: usize, lines: &mut Vec<String>) {
    let title = data_element_in(dictionary, &object.tag.to_string())
        .map_or("not in the table", |e| e.title.as_str());
    let tag = object.tag;
    if tag.is_constructed() {
        lines.push(format!("{:indent$}{tag}  {title}", ""));
        for child in &object.children {
            tree(dictionary, child, indent + 2, lines);
        }
        return;
    }
    let value = hex::encode_upper(object.value);
    lines.push(format!("{:indent$}{tag}  {title}  {value}", ""));
    for line in describe(dictionary, tag, object.value) {
        lines.push(format!("{:below$}{line}", "", below = indent + 2));
    }
}
