//! `card.perso`: issuer, keys, applications, cards.

use super::{Plan, Written, forms, keys};
use crate::{
    data::Channel,
    groupings::{Form, Node, PIN, Part},
};
use cardwright_standards::tags;
use std::fmt::Write as _;

/// Characters of a list on one line.
const LIST_CHARACTERS: usize = 80;

/// The source.
pub(super) fn source(package: &str, plans: &[Plan]) -> String {
    let country = plans.first().map_or(840, |p| p.country);
    let mut out = format!(
        "//! What the imported cards hold. A first draft: see README.md.\npackage {package}\n\n\
         issuer bank {{\n  name = \"Imported\"  // the bank's own name\n  country = {country}  // ISO 3166-1 numeric\n  \
         currency = {country}  // ISO 4217 numeric\n}}\n\n\
         // Keys that a site binds. The file's own keys were not copied.\n"
    );
    for (name, algorithm) in channels(plans) {
        let _ = writeln!(out, "key {name} : {algorithm} {{ use = card_issuance }}");
    }
    for (name, usage) in keys(plans) {
        let _ = writeln!(out, "key {name} : tdes2 {{ use = {usage} }}");
    }
    let has_pin = |(_, form): &(u16, Form)| match form {
        Form::Blob(_, parts) => parts.iter().any(|(_, _, value)| value == PIN),
        _ => false,
    };
    if forms(plans).any(has_pin) {
        let _ = writeln!(
            out,
            "\n/// The file's own PIN was not copied: a new one is drawn for each order.\n\
             let {PIN} = pin.generate(4)"
        );
    }
    for plan in plans {
        for written in &plan.applications {
            application(&mut out, plan, written);
        }
        card(&mut out, plan);
    }
    out
}

/// Names and algorithms of the channels' keys.
fn channels(plans: &[Plan]) -> Vec<(&'static str, &'static str)> {
    let all = [("kmc", "tdes2"), ("kmc_aes", "aes128")];
    let used = |name: &str| plans.iter().any(|p| channel_key(p.channel) == name);
    all.into_iter().filter(|(name, _)| used(name)).collect()
}

fn channel_key(channel: Channel) -> &'static str {
    if channel.protocol == 3 {
        "kmc_aes"
    } else {
        "kmc"
    }
}

fn application(out: &mut String, plan: &Plan, written: &Written) {
    let (name, suffix) = (&written.name, &plan.suffix);
    let aid = hex::encode_upper(&written.aid);
    let _ = writeln!(
        out,
        "\napplication {name} for orders{suffix}.order {{\n  aid = x\"{aid}\""
    );
    if !written.composed.elements.is_empty() {
        out.push_str("  data {\n");
        for (tag, element) in &written.composed.elements {
            let title = tags::name(*tag).unwrap_or("no meaning in the table");
            for line in &element.says {
                let _ = writeln!(out, "    //   {}", commented(line));
            }
            let value = folded(&element.value);
            let _ = writeln!(out, "    #{tag} = {value}  // {title}");
        }
        out.push_str("  }\n");
    }
    out.push_str("  dgis {\n");
    for (number, form) in &written.composed.groupings {
        grouping(out, *number, form);
    }
    out.push_str("  }\n");
    if written.composed.long_record {
        let _ = writeln!(
            out,
            "  quirks {{ record_of_255 = \"a record of the file has 255 octets, EMV's end at 254\" }}"
        );
    }
    out.push_str("}\n");
}

/// A long list over several lines.
fn folded(value: &str) -> String {
    if !value.starts_with('[') || value.len() <= LIST_CHARACTERS {
        return value.to_owned();
    }
    let mut out = String::new();
    let mut line = 0;
    for (at, item) in value.split(", ").enumerate() {
        if at > 0 {
            out.push(',');
            if line + item.len() > LIST_CHARACTERS {
                out.push_str("\n             ");
                line = 0;
            } else {
                out.push(' ');
            }
        }
        out.push_str(item);
        line += item.len() + 2;
    }
    out
}

/// A comment ends with its line.
fn commented(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn grouping(out: &mut String, number: u16, form: &Form) {
    let _ = match form {
        Form::Template(tag, inside) => {
            writeln!(
                out,
                "    dgi 0x{number:04X} template 0x{tag} = {}",
                list(inside)
            )
        }
        Form::Sequence(nodes) => writeln!(out, "    dgi 0x{number:04X} tlv = {}", list(nodes)),
        Form::Raw(value) => writeln!(out, "    dgi 0x{number:04X} raw = {value}"),
        Form::Empty => writeln!(out, "    dgi 0x{number:04X} empty"),
        Form::Blob(padding, parts) => {
            let with = padding
                .map(|p| format!(" with {}", p.word()))
                .unwrap_or_default();
            writeln!(
                out,
                "    dgi 0x{number:04X} blob{with} {{\n{}    }}",
                lines(parts)
            )
        }
        Form::Struct(parts) => {
            writeln!(
                out,
                "    dgi 0x{number:04X} struct {{\n{}    }}",
                lines(parts)
            )
        }
        Form::LeftOut(why) => writeln!(out, "    // {number:04X} was left out: {why}"),
    };
}

fn lines(parts: &[Part]) -> String {
    let mut out = String::new();
    for (name, ty, value) in parts {
        let _ = writeln!(out, "      {name} : {ty} = {value}");
    }
    out
}

fn list(nodes: &[Node]) -> String {
    let items = nodes.iter().map(|node| match node {
        Node::Leaf(tag) => format!("#{tag}"),
        Node::Inner(tag, inside) => format!("#{tag} {}", list(inside)),
    });
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn card(out: &mut String, plan: &Plan) {
    let (suffix, channel) = (&plan.suffix, plan.channel);
    let names = plan.applications.iter().map(|a| a.name.as_str());
    let names = names.collect::<Vec<_>>().join(", ");
    let psn = plan.fields.all.iter().any(|f| f.name == "psn");
    let psn = if psn { "  psn = order.psn\n" } else { "" };
    let (protocol, option) = match channel.protocol {
        3 => ("scp03", 0x70),
        _ => ("scp02", 0x55),
    };
    let key = channel_key(channel);
    let level = level(channel);
    let version = match channel.key_version {
        0 => String::new(),
        version => format!("  // the file says key version {version:02X}"),
    };
    let _ = writeln!(
        out,
        "\ncard imported{suffix} for orders{suffix}.order {{\n  pan = order.pan\n{psn}  expiry = order.expiry\n\
         chip {{\n    platform = globalplatform({protocol}, keys: {key}, option: 0x{option:02X}, \
         security_level: 0x{level:02X}){version}\n    applications = [{names}]\n  }}\n}}"
    );
}

/// The file's security level where it is one that personalization goes by, else C-MAC and
/// encipherment.
fn level(channel: Channel) -> u8 {
    match (channel.protocol, channel.security_level) {
        (_, level @ (0x01 | 0x03)) => level,
        (3, level @ (0x11 | 0x13 | 0x33)) => level,
        _ => 0x03,
    }
}
