//! `line.perso`, `tests.perso`, order files and the manifest: what the cards need to be made.

use super::{Content, Expected, Plan, Product, Written};
use crate::fields::Fields;
use std::fmt::Write as _;

/// `cardwright.toml`.
pub(super) fn manifest(name: &str) -> String {
    format!(
        "# A first draft, made by `cardwright import`. TEST only until people have read it.\n\
         name     = \"{name}\"\nversion  = \"0.1.0\"\nsequence = 1\nissuer   = \"bank\"\n\n\
         [dependencies]\nstd = \"0.1\"\n"
    )
}

/// Formats, flow, scenarios and jobs.
pub(super) fn source(package: &str, plans: &[Plan]) -> String {
    let mut out = format!("//! Order files, machine and jobs. A first draft.\npackage {package}\n");
    for plan in plans {
        format(&mut out, plan);
    }
    out.push_str(
        "\nflow line : machine {\n  feed { stock = \"BLANK\"; reject_bin = \"reject\" }\n  \
         chip { slots = 1; retry = 1 }\n}\n",
    );
    for plan in plans {
        let suffix = &plan.suffix;
        let _ = writeln!(
            out,
            "\nscenario holds{suffix} : validation for imported{suffix} {{"
        );
        for interface in ["contact", "contactless"] {
            interface_checks(&mut out, plan, interface);
        }
        let _ = writeln!(
            out,
            "}}\n\njob cards{suffix} {{\n  input = orders{suffix}\n  card = imported{suffix}\n  \
             flow = line\n  scenarios = [holds{suffix}]\n}}"
        );
    }
    out
}

/// What a terminal does with the applications that it finds on an interface.
fn interface_checks(out: &mut String, plan: &Plan, interface: &str) {
    let here = |application: &&Written| {
        let contact = application.profile.as_ref().map_or(true, |p| p.contact);
        contact == (interface == "contact")
    };
    let mut block = String::new();
    for application in plan.applications.iter().filter(here) {
        let _ = writeln!(block, "    select {}", application.name);
        if application.profile.as_ref().is_ok_and(|p| p.reads) {
            block.push_str("    read records\n");
        }
        block.push_str(if application.reads_back {
            "    expect data matches source\n"
        } else {
            "    // DGI 9102 is no template A5: a terminal can't read it back\n"
        });
    }
    if !block.is_empty() {
        let _ = write!(out, "  {interface} {{\n{block}  }}\n");
    }
}

fn format(out: &mut String, plan: &Plan) {
    let suffix = &plan.suffix;
    let _ = writeln!(
        out,
        "\nformat orders{suffix} : delimited {{\n  delimiter = \",\"\n  heading = true\n  record order {{"
    );
    for field in &plan.fields.all {
        let (name, ty, tail) = (&field.name, &field.ty, &field.tail);
        let _ = writeln!(out, "    {name} : {ty} at \"{name}\"{tail}");
    }
    out.push_str("  }\n}\n");
}

/// An order file: a heading, and a line for each card.
pub(super) fn orders<'o>(
    fields: &Fields,
    orders: impl Iterator<Item = &'o [(String, String)]>,
) -> String {
    let heading: Vec<&str> = fields.all.iter().map(|f| f.name.as_str()).collect();
    let mut out = heading.join(",");
    out.push('\n');
    for order in orders {
        let cells = order.iter().map(|(_, value)| {
            if value.contains(',') {
                format!("\"{value}\"")
            } else {
                value.clone()
            }
        });
        out.push_str(&cells.collect::<Vec<_>>().join(","));
        out.push('\n');
    }
    out
}

/// A test for the first card of each product.
pub(super) fn tests(package: &str, plans: &[Plan], products: &[Product]) -> String {
    let mut out =
        format!("//! The first card of each product, as the file has it.\npackage {package}\n");
    for (plan, product) in plans.iter().zip(products) {
        if let Some(card) = product.cards.first() {
            test(&mut out, plan, card);
        }
    }
    out
}

fn test(out: &mut String, plan: &Plan, card: &Expected) {
    let _ = writeln!(
        out,
        "\ntest \"card {} of the file\" {{\n  order = {{",
        card.number
    );
    for (name, value) in &card.order {
        let _ = writeln!(out, "    {name} = \"{value}\"");
    }
    out.push_str("  }\n  expect {\n");
    let _ = writeln!(out, "    card == \"imported{}\"", plan.suffix);
    for (application, groupings) in plan.applications.iter().zip(&card.groupings) {
        for (tag, octets) in look(groupings) {
            let (name, value) = (&application.name, hex::encode_upper(octets));
            let _ = writeln!(out, "    chip.{name}.#{tag} == x\"{value}\"");
        }
    }
    out.push_str("  }\n}\n");
}

/// Elements that a person looks at first: label, AIP, AFL, track, dates.
const LOOKED_AT: [&str; 6] = ["50", "82", "94", "57", "5A", "5F24"];

fn look(groupings: &[(u16, Content)]) -> Vec<(&'static str, Vec<u8>)> {
    use cardwright_standards::tlv::{Tag, parse};
    let mut found: Vec<(&'static str, Vec<u8>)> = Vec::new();
    for tag in LOOKED_AT {
        let values = groupings.iter().filter_map(|(_, content)| {
            let Content::Octets(octets) = content else {
                return None;
            };
            let objects = parse(octets).ok()?;
            let object = objects.iter().find_map(|o| o.find(Tag::from_hex(tag)?))?;
            Some(object.value.to_vec())
        });
        let values: Vec<Vec<u8>> = values.collect();
        // Where it stands once, there is no doubt which is meant.
        if let [value] = values.as_slice() {
            found.push((tag, value.clone()));
        }
    }
    found
}
