//! Keys: uses, algorithms, check values, certificates; never a key.

mod authority;
mod certificate;
mod check;

use super::Context;
use super::read;
use crate::diagnostics::Problem;
use crate::model::{Decl, MArg, MEntry, MExpr, MKind};
use cardwright_bundle::{Environment, KeyPublic, KeySlot};

/// Security strength in bits of an algorithm (NIST SP 800-57 part 1, table 2).
pub(crate) fn strength(algorithm: &str) -> u32 {
    match algorithm {
        "tdes2" => 80,
        "tdes3" => 112,
        "aes128" => 128,
        "aes192" => 192,
        "aes256" => 256,
        _ => 0,
    }
}

/// Lowers all keys, in the order of their slots.
pub(super) fn lower(context: &mut Context<'_>) {
    let model = context.model;
    for decl in model.keys() {
        let slot = slot(context, decl);
        context.content.keys.push(slot);
    }
}

fn slot(context: &mut Context<'_>, decl: &Decl) -> KeySlot {
    let (algorithm, bits, exponent) = algorithm(decl);
    let usage = decl
        .attribute("use")
        .and_then(read::word)
        .unwrap_or_default();
    // Another size has been reported by the check; what follows from it is not said again.
    let signs = matches!(usage.as_str(), "certificate_signing" | "content_signing");
    let sound = algorithm != "rsa" || signs || rsa_problem(bits, exponent).is_none();
    let authority = signs
        .then(|| authority::read(context, decl, bits, exponent))
        .flatten();
    let public = (usage == "emv.issuer_private" && sound)
        .then(|| certificate::read(context, decl, bits, exponent))
        .flatten();
    let mut slot = KeySlot {
        name: format!("{}.{}", context.content.issuer.id, decl.name),
        check_method: stated_method(decl)
            .unwrap_or_else(|| check::method(&algorithm, &usage).to_owned()),
        check_value: String::new(),
        span: context.shared.spans.id(decl.span),
        algorithm,
        bits: bits.min(if signs { 2048 } else { 1984 }),
        exponent,
        usage,
        public,
    };
    slot.check_value = check_value(context, decl, &slot);
    if let (Some(modulus), true) = (authority, slot.check_value.is_empty()) {
        slot.check_value = check::of_modulus(&modulus);
    }
    slot
}

/// `tdes2`, `aes128`, `rsa(1984, 3)`: name, bits, exponent.
fn algorithm(decl: &Decl) -> (String, u32, u32) {
    let term = decl.base.as_ref().and_then(|b| b.single());
    if let Some(word) = term.and_then(MExpr::word)
        && strength(word) > 0
    {
        return (word.to_owned(), 0, 0);
    }
    if let Some((bits, exponent)) = term.and_then(rsa) {
        return ("rsa".to_owned(), bits, exponent);
    }
    // The check has reported it.
    (String::new(), 0, 0)
}

/// Bits and exponent of `rsa(1152, 3)`.
pub(crate) fn rsa(term: &MExpr) -> Option<(u32, u32)> {
    let MKind::Call { callee, args } = &term.kind else {
        return None;
    };
    match args.as_slice() {
        [MArg { value: bits, .. }, MArg { value: e, .. }] if callee.word() == Some("rsa") => {
            Some((
                u32::try_from(bits.integer()?).ok()?,
                u32::try_from(e.integer()?).ok()?,
            ))
        }
        _ => None,
    }
}

/// The method that a key form names, when it is not the usual one.
fn stated_method(decl: &Decl) -> Option<String> {
    read::word(decl.attribute("check_method")?)
}

/// What is wrong with an RSA key's size or exponent (EMV Book 2, 11.1).
pub(crate) fn rsa_problem(bits: u32, exponent: u32) -> Option<String> {
    if !(512..=1984).contains(&bits) || !bits.is_multiple_of(8) {
        return Some(format!(
            "{bits} bits found, a multiple of 8 from 512 to 1984 expected"
        ));
    }
    if exponent != 3 && exponent != 65_537 {
        return Some(format!("exponent {exponent} found, 3 or 65537 expected"));
    }
    None
}

fn check_value(context: &mut Context<'_>, decl: &Decl, slot: &KeySlot) -> String {
    if let Some(entry) = decl.attribute("check") {
        return stated(context, entry, slot);
    }
    if context.environment == Environment::Live {
        let message = format!("a LIVE bundle needs the check value of `{}`", decl.name);
        context.shared.findings.push(
            Problem::error("E0511", decl.span, message)
                .help("write `check = x\"…\"` as the custodian's key form says"),
        );
        return String::new();
    }
    if slot.algorithm == "rsa" {
        return slot
            .public
            .as_ref()
            .map_or_else(String::new, |public: &KeyPublic| {
                check::of_modulus(&public.modulus)
            });
    }
    check::of_open_test_key(slot).unwrap_or_default()
}

fn stated(context: &mut Context<'_>, entry: &MEntry, slot: &KeySlot) -> String {
    let expected = check::octets(&slot.check_method);
    match entry.single().map(|e| &e.kind) {
        Some(MKind::Hex(bytes)) if bytes.len() == expected => hex::encode_upper(bytes),
        _ => {
            context.shared.findings.push(
                Problem::error(
                    "E0512",
                    entry.span,
                    format!(
                        "the check value of a {} key has {expected} octets",
                        slot.algorithm
                    ),
                )
                .help(format!(
                    "write it as hexadecimal, made by method `{}`: `check = x\"0A1B2C\"`",
                    slot.check_method
                )),
            );
            String::new()
        }
    }
}
