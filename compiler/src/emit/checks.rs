//! Checks over the whole bundle: keys against what they carry and what they serve.

use super::Context;
use super::keys::strength;
use crate::diagnostics::Problem;
use crate::model::Span;
use cardwright_bundle::{Op, Program};
use std::collections::BTreeMap;

/// All of them.
pub(super) fn lower(context: &mut Context<'_>) {
    transport(context);
    purposes(context);
}

fn span(context: &Context<'_>, id: u32) -> Span {
    let spans = context.shared.spans.spans();
    spans.get(id as usize).copied().unwrap_or_default()
}

/// A key travels under one that is at least as strong (ISO 11568, X9.24-1).
fn transport(context: &mut Context<'_>) {
    let jobs = context.content.jobs.clone();
    let keys = context.content.keys.clone();
    let carried: Vec<&str> = keys
        .iter()
        .filter(|k| k.usage.starts_with("emv.") && k.algorithm != "rsa")
        .map(|k| k.algorithm.as_str())
        .collect();
    let strongest = carried.iter().max_by_key(|a| strength(a)).copied();
    for output in jobs.iter().flat_map(|j| &j.outputs) {
        let Some(key) = output.transport_key.and_then(|k| keys.get(k as usize)) else {
            continue;
        };
        if strongest.is_some_and(|s| strength(s) > strength(&key.algorithm)) {
            let message = format!(
                "`{}` ({}) would carry {} keys in `{}`: a chain is as strong as its weakest key",
                key.name,
                key.algorithm,
                strongest.unwrap_or_default(),
                output.format
            );
            let at = span(context, key.span);
            context.push(
                Problem::error("E0510", at, message)
                    .help("make the transport key as strong as the keys that it carries"),
            );
        }
    }
}

/// What each intent takes: a key of one use, the same use everywhere.
fn purposes(context: &mut Context<'_>) {
    let keys = context.content.keys.clone();
    let mut served: BTreeMap<u32, BTreeMap<&'static str, u32>> = BTreeMap::new();
    for program in &context.content.programs {
        collect(program, &mut served);
    }
    for (id, uses) in served {
        let Some(key) = keys.get(id as usize).filter(|_| uses.len() > 1) else {
            continue;
        };
        let names: Vec<&str> = uses.keys().copied().collect();
        let message = format!("`{}` would serve {}", key.name, names.join(" and "));
        let at = span(context, key.span);
        context.push(Problem::error("E0503", at, message).help("declare a key for each purpose"));
    }
}

fn collect(program: &Program, served: &mut BTreeMap<u32, BTreeMap<&'static str, u32>>) {
    const MASTERS: [&str; 3] = ["cryptograms", "script MACs", "script encryption"];
    for node in &program.nodes {
        let Op::Intent { intent, keys, .. } = &node.op else {
            continue;
        };
        let purposes: &[&'static str] = match intent.as_str() {
            "cvv" => &["card verification"],
            "emv.master_keys" => &MASTERS,
            "emv.icc_certificate" | "emv.sign_static_data" => &["certificates"],
            "pvv" => &["PIN verification values"],
            "ibm3624_offset" | "pin.natural" => &["IBM 3624"],
            "pin.import" | "pin.export" => &["PIN blocks"],
            "encrypt" => &["transport"],
            _ => &[],
        };
        for (key, purpose) in keys.iter().zip(purposes) {
            served.entry(*key).or_default().insert(purpose, node.span);
        }
    }
}
