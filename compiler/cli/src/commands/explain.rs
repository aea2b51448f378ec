//! `explain`: what a code, a tag or a value means.

use crate::{
    arguments::Explain,
    codes,
    failure::{Failure, exit},
    terminal,
};
use cardwright_standards::{emv::flags, tlv};
use cardwright_vocabulary::{DataElement, data_element, element_by_name};

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
    let Some(element) = data_element(tag).or_else(|| element_by_name(subject)) else {
        return Err(Failure::new(
            exit::FINDINGS,
            "E0195",
            format!("no code, tag or data element `{subject}` here"),
            "codes look like E0301, tags like 9F0D; a site's codes: `cardstation explain`",
        ));
    };
    terminal::print(&page(element));
    if let Some(text) = &arguments.hex {
        terminal::print(&format!("\n{}", decoded(element, &octets(text)?)));
    }
    Ok(0)
}

/// A code's page: the one of the docs, with its examples, or for codes of the runtime its row.
fn code(code: &str) -> Option<String> {
    let tables = [
        codes::CODES,
        cardwright_dsl::CODES,
        cardwright_standards::codes::CODES,
        cardwright_compiler::diagnostics::CODES,
        cardwright_compiler::emit::CODES,
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
    if let Some(flags) = flags_of(&element.tag) {
        lines.push("bits".to_owned());
        for flag in flags.flags {
            let octet = flag.octet + 1;
            lines.push(format!(
                "  {octet}  {:02X}  {:<36} {}",
                flag.mask, flag.name, flag.text
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

fn flags_of(tag: &str) -> Option<&'static flags::Flags> {
    flags::of_tag(u32::from_str_radix(tag, 16).ok()?)
}

fn octets(text: &str) -> Result<Vec<u8>, Failure> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
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
    if let Some(flags) = flags_of(&element.tag) {
        bits(flags, octets, &mut lines);
    } else if element.tag == "8E" {
        methods(octets, &mut lines);
    } else if element.coding == "dol" {
        object_list(octets, &mut lines);
    } else if element.format == "c" {
        objects(octets, &mut lines);
    } else if let Some(text) = text(element, octets) {
        lines.push(format!("reads      {text}"));
    }
    lines.join("\n")
}

fn bits(flags: &flags::Flags, octets: &[u8], lines: &mut Vec<String>) {
    for flag in flags.set_in(octets) {
        lines.push(format!(
            "  {}  {:02X}  {}",
            flag.octet + 1,
            flag.mask,
            flag.text
        ));
    }
    for (n, unknown) in flags.unknown_in(octets).into_iter().enumerate() {
        if unknown != 0 {
            lines.push(format!(
                "  {}  {unknown:02X}  no meaning in the table",
                n + 1
            ));
        }
    }
}

/// A list of cardholder verification methods (EMV Book 3, 10.5 and annex C3).
fn methods(octets: &[u8], lines: &mut Vec<String>) {
    let Some(list) = flags::CvmList::parse(octets) else {
        lines.push("  no CVM list: eight octets of amounts, then two octets a rule".to_owned());
        return;
    };
    lines.push(format!(
        "  amount X {}, amount Y {}",
        list.amount_x, list.amount_y
    ));
    for (n, (method, condition)) in list.rules.iter().enumerate() {
        let low = method & 0x3F;
        let name = flags::code_name(flags::CVM_METHODS, low).unwrap_or("unknown method");
        let when =
            flags::code_name(flags::CVM_CONDITIONS, *condition).unwrap_or("unknown condition");
        let then = if method & flags::CVM_NEXT != 0 {
            "else next"
        } else {
            "else fail"
        };
        lines.push(format!(
            "  {}  {method:02X}{condition:02X}  {name} when {when} {then}",
            n + 1
        ));
    }
}

/// A data object list: tags and lengths (EMV Book 3, 5.4).
fn object_list(octets: &[u8], lines: &mut Vec<String>) {
    match cardwright_standards::emv::dol::parse(octets) {
        Ok(entries) => {
            for entry in entries {
                let tag = hex::encode_upper(entry.tag.to_octets());
                lines.push(format!(
                    "  {tag:<6} {:>3}  {}",
                    entry.octets,
                    name(entry.tag)
                ));
            }
        }
        Err(error) => lines.push(format!("  no data object list: {error}")),
    }
}

fn objects(octets: &[u8], lines: &mut Vec<String>) {
    match tlv::parse(octets) {
        Ok(found) => found.iter().for_each(|object| tree(object, 2, lines)),
        Err(error) => lines.push(format!("  no data objects: {error}")),
    }
}

fn tree(object: &tlv::Tlv<'_>, indent: usize, lines: &mut Vec<String>) {
    let tag = hex::encode_upper(object.tag.to_octets());
    let title = name(object.tag);
    if object.tag.is_constructed() {
        lines.push(format!("{:indent$}{tag}  {title}", ""));
        object
            .children
            .iter()
            .for_each(|child| tree(child, indent + 2, lines));
    } else {
        let value = hex::encode_upper(object.value);
        lines.push(format!("{:indent$}{tag}  {title}  {value}", ""));
    }
}

fn name(tag: tlv::Tag) -> String {
    let text = hex::encode_upper(tag.to_octets());
    data_element(&text).map_or_else(|| "not in the table".to_owned(), |e| e.title.clone())
}

/// A value as its format writes it (EMV Book 3, 4.3).
fn text(element: &DataElement, octets: &[u8]) -> Option<String> {
    use cardwright_standards::formats;
    match element.format.as_str() {
        "n" => formats::numeric_text(octets).ok(),
        "cn" => formats::compressed_numeric_text(octets).ok(),
        "a" | "an" | "ans" => std::str::from_utf8(octets).ok().map(str::to_owned),
        _ => None,
    }
}
