//! Words for tags, values, types and declarations, from the vocabulary's and the standards' tables.

use crate::site::Wants;
use cardwright_compiler::Secrecy;
use cardwright_compiler::elaborate::{Typed, want_type};
use cardwright_compiler::model::shape::tag_of;
use cardwright_compiler::model::{Decl, MEntry, MExpr, MKind, Model, dictionary};
use cardwright_compiler::types::Type;
use cardwright_standards::emv::bits;
use cardwright_standards::tlv::Tag;
use cardwright_vocabulary::{
    Attribute, CVM_CODES, CVM_CONDITIONS, Is, KEY_ALGORITHMS, Shape, Takes, Want, bit_field,
    data_element, element_by_name, key_use,
};

/// A clause of a standard, in a line of its own.
pub(crate) fn reference(reference: &str) -> String {
    match reference {
        "" => String::new(),
        text => format!("\n\nSource: {text}"),
    }
}

/// A data element: title, format, lengths, owner.
pub(crate) fn element(tag: &str) -> Option<String> {
    let element = data_element(&tag.to_ascii_uppercase())?;
    let lengths = match (element.min, element.max) {
        (0, 0) => "any length".to_owned(),
        (min, max) if min == max => format!("{min} octets"),
        (min, max) => format!("{min} to {max} octets"),
    };
    let owner = match element.scheme.as_str() {
        "" => "EMV",
        other => other,
    };
    Some(format!(
        "**#{}** {} (`{}`)\n\nformat {}, {lengths}; given by {}; owner {owner}",
        element.tag, element.title, element.name, element.format, element.source
    ))
}

/// Bits of an octet as standards count them, from 8, the highest, to 1, with their mask.
pub(crate) fn bits(mask: u8) -> String {
    let numbers: Vec<String> = (1..=8_u8)
        .rev()
        .filter(|number| mask >> (number - 1) & 1 == 1)
        .map(|number| number.to_string())
        .collect();
    let word = if numbers.len() == 1 { "bit" } else { "bits" };
    format!("{word} {} ({mask:02X})", numbers.join(", "))
}

/// A word of the language where it stands.
pub(crate) fn word(wants: Wants, word: &str) -> Option<String> {
    let flag = |set: &str| {
        let field = bit_field(set)?;
        let row = field.row(word)?;
        Some(format!(
            "**`{word}`** {}\n\n{}, octet {}, {}{}",
            row.text,
            field.title,
            row.octet,
            bits(row.mask),
            reference(field.reference)
        ))
    };
    let element_word = || element(&element_by_name(word)?.tag);
    match wants {
        Wants::Is(Is::Flags(set)) => flag(set),
        Wants::Is(Is::KeyUse) => {
            let row = key_use(word)?;
            Some(format!("**`{word}`** {} (X9.143 {})", row.doc, row.tr31))
        }
        Wants::Element(tag) => {
            let coding = &data_element(tag)?.coding;
            match coding.strip_prefix("flags:") {
                Some(set) => flag(set),
                None => element_word(),
            }
        }
        Wants::Base(_) => {
            let row = KEY_ALGORITHMS.iter().find(|(name, _)| *name == word)?;
            Some(format!("**`{word}`** {}", row.1))
        }
        Wants::Is(Is::TagList) | Wants::Tag | Wants::Param(Takes::Tag) => element_word(),
        _ => {
            let mut coded = CVM_CODES.iter().chain(CVM_CONDITIONS);
            let row = coded.find(|row| row.word == word)?;
            Some(format!("**`{word}`** {}", row.doc))
        }
    }
}

/// What three digits of a service code say.
pub(crate) fn service_code(text: &str, wants: Wants) -> Option<String> {
    if !matches!(
        wants,
        Wants::Is(Is::Expr(Want::ServiceCode, _)) | Wants::Param(Takes::Service)
    ) {
        return None;
    }
    let [area, authorization, services] = bits::service_code_meaning(text)?;
    Some(format!(
        "Service code {text} (ISO/IEC 7813): {area}; {authorization}; {services}"
    ))
}

/// What octets say as the value of a tag.
pub(crate) fn octets(dictionary: &str, tag: &str, octets: &[u8]) -> Vec<String> {
    Tag::from_hex(tag).map_or_else(Vec::new, |tag| bits::describe(dictionary, tag, octets))
}

/// What octets say as the value of an attribute that takes flags.
pub(crate) fn flags(shape: Shape, octets: &[u8]) -> Vec<String> {
    let (Shape::Value(Is::Flags(set)) | Shape::ValueAndBlock(Is::Flags(set), _)) = shape else {
        return Vec::new();
    };
    let shown = bit_field(set).map(|field| field.shown(octets));
    let shown = shown.unwrap_or_default();
    shown.iter().map(bits::Shown::line).collect()
}

/// The name of the set of flags that an entry's value is.
pub(crate) fn flag_set(row: Option<&Attribute>, entry: &MEntry) -> Option<&'static str> {
    match row?.shape {
        Shape::Value(Is::Flags(set)) | Shape::ValueAndBlock(Is::Flags(set), _) => Some(set),
        Shape::Value(Is::Element) | Shape::ValueAndBlock(Is::Element, _) => {
            let element = data_element(entry.head.first().and_then(tag_of)?)?;
            element.coding.strip_prefix("flags:")
        }
        _ => None,
    }
}

/// The constant octets of an entry's value, when it has some: flags by name, or written out.
pub(crate) fn constant(
    model: &Model,
    decl: &Decl,
    row: Option<&Attribute>,
    entry: &MEntry,
) -> Option<Vec<u8>> {
    let value = entry.single()?;
    if let MKind::Hex(octets) = &value.kind {
        return Some(octets.clone());
    }
    model.flags_of(decl, value, flag_set(row, entry)?)
}

/// What a constant value says, a line each: flags, lists, a service code.
pub(crate) fn decoded(
    model: &Model,
    decl: &Decl,
    row: Option<&Attribute>,
    entry: &MEntry,
) -> Vec<String> {
    if let Some(code) = service_code_of(model, decl, row, entry) {
        let meaning = bits::service_code_meaning(&code);
        return meaning.map_or_else(Vec::new, |parts| {
            parts.iter().map(|part| (*part).to_owned()).collect()
        });
    }
    let Some(value) = constant(model, decl, row, entry) else {
        return Vec::new();
    };
    let tag = entry.head.first().and_then(tag_of);
    let listed = !matches!(entry.single().map(|e| &e.kind), Some(MKind::Hex(_)));
    let mut lines = Vec::new();
    if listed {
        lines.push(format!("= {}", hex::encode_upper(&value)));
    }
    lines.extend(match (tag, row) {
        (Some(tag), _) => octets(dictionary(decl), tag, &value),
        (None, Some(row)) => flags(row.shape, &value),
        _ => Vec::new(),
    });
    lines
}

/// The digits of an attribute that is a service code, through lets.
pub(crate) fn service_code_of(
    model: &Model,
    decl: &Decl,
    row: Option<&Attribute>,
    entry: &MEntry,
) -> Option<String> {
    let is_code = matches!(row?.shape, Shape::Value(Is::Expr(Want::ServiceCode, _)));
    let mut value = entry.single().filter(|_| is_code)?;
    // A let that names a let, and so on; a chain that is longer is a circle.
    for _ in 0..32 {
        match &value.kind {
            MKind::Integer(n) => return Some(format!("{n:03}")),
            MKind::Text(_) => return value.literal_text(),
            MKind::Name(segments) => {
                let found = model.resolve_decl(segments, value.span)?;
                value = found.value.as_ref()?.single()?;
            }
            _ => return None,
        }
    }
    let _ = decl;
    None
}

/// Type and secrecy of an entry's value, in words.
pub(crate) fn typed(
    model: &Model,
    decl: &Decl,
    row: Option<&Attribute>,
    entry: &MEntry,
) -> Option<String> {
    let want = match row?.shape {
        Shape::Value(Is::Expr(want, _)) => want_type(want),
        Shape::Value(Is::Element) | Shape::Part => None,
        _ => return None,
    };
    let typed = model.typed(decl, entry.single()?, want.as_ref())?;
    Some(in_words(&typed))
}

/// Type and secrecy of a value, in words.
pub(crate) fn in_words(typed: &Typed) -> String {
    format!("{}, {}", typed.ty.words(), secrecy(typed.secrecy))
}

/// The value of a `let`; what its own text says where nothing else is known of it.
pub(crate) fn value_of(model: &Model, decl: &Decl) -> Option<Typed> {
    let e: &MExpr = decl.value.as_ref()?.single()?;
    if matches!(e.kind, MKind::List(_)) {
        return None;
    }
    model.typed(decl, e, None::<&Type>)
}

/// A declaration: how it begins, its comment, and of a let what it is.
pub(crate) fn declaration(model: &Model, decl: &Decl) -> String {
    let mut head = format!("{} {}", decl.kind, decl.name);
    if decl.kind == "fn" {
        let names: Vec<&str> = decl.params.iter().map(|(name, ..)| name.as_str()).collect();
        head.push_str(&format!("({})", names.join(", ")));
    }
    if let Some(base) = &decl.base {
        head.push_str(&format!(" : {}", model.one_line(base.span)));
    }
    for clause in &decl.clauses {
        head.push_str(&format!(" {}", model.one_line(clause.span)));
    }
    if let Some(value) = &decl.value {
        head.push_str(&format!(" = {}", model.one_line(value.span)));
    }
    let mut text = format!("```\n{head}\n```");
    if decl.kind == "let"
        && let Some(typed) = value_of(model, decl)
    {
        text.push_str(&format!("\n{}", in_words(&typed)));
    }
    if decl.kind == "key"
        && let Some(name) = decl.attribute("use").and_then(|e| e.single()?.dotted())
    {
        let doc = key_use(&name).map_or("", |row| row.doc);
        text.push_str(&format!("\n`{name}`: {doc}"));
    }
    if let Some(doc) = &decl.doc {
        text.push_str(&format!("\n\n{doc}"));
    }
    text.push_str(&format!("\n\n`{}`", decl.qualified));
    text
}

/// How secret, in a word.
pub(crate) fn secrecy(level: Secrecy) -> &'static str {
    match level {
        Secrecy::Public => "public",
        Secrecy::Cardholder => "cardholder data",
        Secrecy::Sensitive => "sensitive",
        Secrecy::Secret => "secret",
    }
}
