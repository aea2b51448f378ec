//! `card.perso`: issuer, keys, applications, cards.

use super::{Ground, Plan, Written, forms, keys, profile::Profile};
use crate::{
    data::Channel,
    groupings::{Form, Node, PIN, Part},
};
use cardwright_standards::tags;
use std::fmt::Write as _;

/// Characters of a list on one line.
const LIST_CHARACTERS: usize = 80;

/// The source.
pub(super) fn source(package: &str, plans: &[Plan], ground: Ground) -> String {
    let Ground { country, currency } = ground;
    let mut out = format!(
        "//! What the imported cards hold. A first draft: see README.md.\npackage {package}\n\n\
         issuer bank {{\n  name = \"Imported\"  // the bank's own name\n  country = {country}  // ISO 3166-1 numeric\n  \
         currency = {currency}  // ISO 4217 numeric\n}}\n\n\
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
    let mut profiles = plans.iter().flat_map(|p| &p.applications);
    let verified = profiles.any(|a| a.profile.as_ref().is_ok_and(|p| p.pin));
    if verified || forms(plans).any(has_pin) {
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
    let profile = written.profile.as_ref().ok();
    let kind = if profile.is_some() {
        "profile"
    } else {
        "application"
    };
    let _ = writeln!(
        out,
        "\n{kind} {name} for orders{suffix}.order {{\n  aid = x\"{aid}\""
    );
    if let Some(profile) = profile {
        out.push_str(&profile.head);
    }
    data(out, written, profile);
    if let Some(profile) = profile {
        out.push_str(&profile.tail);
    }
    groupings(out, written, profile);
    let mut quirks = profile.map_or_else(Vec::new, |p| p.quirks.clone());
    if written.composed.long_record {
        quirks.push("record_of_255 = \"a record of the file has 255 octets, EMV's end at 254\"");
    }
    if !quirks.is_empty() {
        let _ = writeln!(out, "  quirks {{\n    {}\n  }}", quirks.join("\n    "));
    }
    out.push_str("}\n");
}

/// The block `data`: of a profile without what its attributes say.
fn data(out: &mut String, written: &Written, profile: Option<&Profile>) {
    let said = |tag| profile.is_some_and(|p| p.taken.contains(tag));
    let elements = written.composed.elements.iter();
    let elements: Vec<_> = elements.filter(|(tag, _)| !said(tag)).collect();
    if elements.is_empty() {
        return;
    }
    out.push_str("  data {\n");
    for (tag, element) in elements {
        let title = tags::name(*tag).unwrap_or("no meaning in the table");
        for line in &element.says {
            let _ = writeln!(out, "    //   {}", commented(line));
        }
        let instead = profile.and_then(|p| p.instead.get(tag));
        let value = folded(instead.unwrap_or(&element.value));
        let _ = writeln!(out, "    #{tag} = {value}  // {title}");
    }
    out.push_str("  }\n");
}

/// The block `dgis`: of a profile only what it would not make by itself.
fn groupings(out: &mut String, written: &Written, profile: Option<&Profile>) {
    let mut block = String::new();
    for (number, form) in &written.composed.groupings {
        let own = profile.is_none_or(|p| p.own.contains(number));
        if own || matches!(form, Form::LeftOut(_)) {
            grouping(&mut block, *number, form);
        }
    }
    block.push_str(profile.map_or("", |p| p.rules.as_str()));
    if !block.is_empty() {
        let _ = write!(out, "  dgis {{\n{block}  }}\n");
    }
}

/// A long list over several lines.
pub(super) fn folded(value: &str) -> String {
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
    let mut profiles = plan.applications.iter().flat_map(|a| &a.profile);
    let directories = if profiles.any(|p| p.contactless) {
        "    directories = [ppse]  // no terminal finds a contactless application otherwise\n"
    } else {
        ""
    };
    let level = level(channel);
    let version = match channel.key_version {
        0 => String::new(),
        version => format!("  // the file says key version {version:02X}"),
    };
    let _ = writeln!(
        out,
        "\ncard imported{suffix} for orders{suffix}.order {{\n  pan = order.pan\n{psn}  expiry = order.expiry\n\
         chip {{\n    platform = globalplatform({protocol}, keys: {key}, option: 0x{option:02X}, \
         security_level: 0x{level:02X}){version}\n    applications = [{names}]\n{directories}  }}\n}}"
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
