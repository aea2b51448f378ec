//! `diff`: what changed between two bundles, product by product.

use crate::{
    arguments::{Diff, Format},
    failure::Failure,
    terminal,
};
use cardwright_bundle::{Bundle, Environment};
use cardwright_rehearsal::{Rehearsal, readings};
use cardwright_review::{Change, Comparison, ProductChanges, compare};
use std::collections::{BTreeMap, BTreeSet};

/// The bundles differ, and `--detailed-exitcode` asks.
const DIFFER: u8 = 2;
/// Longest value that is shown whole, characters.
const SHOWN_MAX: usize = 96;

/// Carries the verb out.
pub(crate) fn run(arguments: &Diff) -> Result<u8, Failure> {
    let (old, new) = (
        super::bundle_or_project(&arguments.old)?,
        super::bundle_or_project(&arguments.new)?,
    );
    let mut found = compare(&old, &new);
    if found.differ {
        specimens(&old, &new, &mut found.products);
    }
    let format = if arguments.json {
        Format::Json
    } else {
        arguments.format
    };
    match format {
        Format::Json => terminal::json(&serde_json::to_value(&found).unwrap_or_default()),
        // Sources that were only reformatted change nothing, and nothing is said.
        Format::Human if !found.differ => {}
        Format::Human => human(&found),
    }
    let differ = found.differ && arguments.detailed_exitcode;
    Ok(if differ { DIFFER } else { 0 })
}

/// Compares what a specimen's card says, where both sides may be rehearsed.
fn specimens(old: &Bundle, new: &Bundle, products: &mut [ProductChanges]) {
    let is_test = |bundle: &Bundle| bundle.content().environment == Environment::Test;
    if !is_test(old) || !is_test(new) {
        return;
    }
    let (Ok(mut a), Ok(mut b)) = (Rehearsal::new(old.clone()), Rehearsal::new(new.clone())) else {
        return;
    };
    for product in products
        .iter_mut()
        .filter(|p| matches!(p.state.as_str(), "same" | "changed"))
    {
        let read = |side: &mut Rehearsal| {
            let made = side.specimen(&product.job, &product.code, None);
            made.map_or_else(
                |error| BTreeMap::from([("rehearsal".to_owned(), error.what)]),
                |made| readings(&made),
            )
        };
        let (before, after) = (read(&mut a), read(&mut b));
        let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for path in paths {
            let (old, new) = (before.get(path), after.get(path));
            let said = product
                .changes
                .iter()
                .any(|c| c.path == *path && c.old.as_ref() == old && c.new.as_ref() == new);
            if old != new && !said {
                product.specimen.push(Change {
                    path: path.clone(),
                    title: "a specimen's value".to_owned(),
                    kind: "specimen".to_owned(),
                    old: old.map(|text| short(text)),
                    new: new.map(|text| short(text)),
                    meaning: Vec::new(),
                    also: Vec::new(),
                    place: None,
                    products: Vec::new(),
                });
            }
        }
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((at, _)) => format!(
            "{}… ({} characters)",
            text.get(..at).unwrap_or(text),
            text.len()
        ),
        None => text.to_owned(),
    }
}

fn human(found: &Comparison) {
    let project = |p: &cardwright_review::Project| {
        let environment = if p.test { "TEST" } else { "LIVE" };
        let digest = p.digest.get(..12).unwrap_or(&p.digest);
        format!(
            "{} {} (sequence {}) {environment} {digest}",
            p.name, p.version, p.sequence
        )
    };
    terminal::print(&format!(
        "old  {}\nnew  {}",
        project(&found.old),
        project(&found.new)
    ));
    products(found);
    if !found.shared.is_empty() {
        terminal::print("\nshared");
        found.shared.iter().for_each(change);
    }
    if !found.sources.is_empty() {
        terminal::print(&format!(
            "\nsources that differ: {}",
            found.sources.join(", ")
        ));
    }
    if !found.touches_cards {
        terminal::print("\nNothing on any card changes.");
    }
}

/// Product by product, those with the same changes together.
fn products(found: &Comparison) {
    let mut sets: Vec<(&ProductChanges, Vec<String>)> = Vec::new();
    for product in &found.products {
        let code = match product.code.as_str() {
            "" => String::new(),
            code => format!("/{code}"),
        };
        let name = format!("{}{code} ({})", product.job, product.card);
        let same = sets
            .iter_mut()
            .find(|(p, _)| p.state == product.state && p.changes == product.changes);
        match same {
            Some((_, names)) => names.push(name),
            None => sets.push((product, vec![name])),
        }
    }
    for (product, names) in sets {
        let noun = if names.len() == 1 {
            "product"
        } else {
            "products"
        };
        terminal::print(&format!("\n{noun} {}: {}", names.join(", "), product.state));
        product.changes.iter().for_each(change);
        if !product.specimen.is_empty() {
            terminal::print("  a specimen's card");
            for value in &product.specimen {
                let of = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".into());
                let (old, new) = (of(&value.old), of(&value.new));
                // Certificates and other long octets are read by nobody.
                let cut = |text: &str| text.contains("… (");
                terminal::print(&match cut(&old) && cut(&new) {
                    true => format!("    {}  another value", value.path),
                    false => format!("    {}  {old} -> {new}", value.path),
                });
            }
        }
    }
}

fn change(change: &Change) {
    let place = change.place.as_deref().unwrap_or_default();
    let kind = match change.title.contains(&change.kind) {
        true => String::new(),
        false => format!("  [{}]", change.kind),
    };
    let line = format!("  {}  {}{kind}  {place}", change.path, change.title);
    terminal::print(line.trim_end());
    for (sign, value) in [("-", &change.old), ("+", &change.new)] {
        if let Some(value) = value {
            terminal::print(&format!("    {sign} {value}"));
        }
    }
    for line in &change.meaning {
        terminal::print(&format!("      {line}"));
    }
    if !change.also.is_empty() {
        terminal::print(&format!("    changes with it: {}", change.also.join(", ")));
    }
    if !change.products.is_empty() {
        terminal::print(&format!("    reaches: {}", change.products.join(", ")));
    }
}
