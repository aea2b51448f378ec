//! Checks a script: its parts, variables, lengths and status words, before any card hears of it.

use super::broken;
use crate::RuntimeError;
use cardwright_bundle::{
    Application, Bundle, Chip, DATA_GROUPS_MAX, OBJECT_DEPTH_MAX, Otherwise, Program,
    SCRIPT_COMMANDS_MAX, SCRIPT_VARIABLES_MAX, Script, ScriptCommand, ScriptPart, Secrecy, Split,
    VARIABLE_OCTETS_MAX, ValueType,
};
use cardwright_standards::{piv, x509};

/// Checks the way in which an application is personalized.
pub(super) fn check(
    application: &Application,
    chip: &Chip,
    program: &Program,
    bundle: &Bundle,
) -> Result<(), RuntimeError> {
    let Some(script) = &application.script else {
        if chip.channel.is_none() {
            return Err(wrong("groupings for a card without a channel"));
        }
        return Ok(());
    };
    if !application.dgis.is_empty() {
        return Err(wrong("both a script and data groupings"));
    }
    if script.secured && chip.channel.is_none() {
        return Err(wrong("a secured script for a card without a channel"));
    }
    variables(script)?;
    // Bit 2 of the security level: C-DECRYPTION.
    let enciphers = chip
        .channel
        .as_ref()
        .is_some_and(|c| c.security_level & 0x02 != 0);
    let mut known: Vec<&str> = Vec::new();
    for command in &script.commands {
        self::command(command, (script, enciphers), &known, program, bundle)?;
        known.extend(command.captures.iter().map(|c| c.variable.as_str()));
    }
    Ok(())
}

fn wrong(what: &str) -> RuntimeError {
    RuntimeError::new(
        "R1131",
        format!("a script can't be run: {what}"),
        "build the bundle again with a compiler of this version",
    )
}

fn variables(script: &Script) -> Result<(), RuntimeError> {
    let count = script.variables.len();
    if script.commands.is_empty() || script.commands.len() > SCRIPT_COMMANDS_MAX {
        return Err(wrong("no command, or more than a script may have"));
    }
    if count > SCRIPT_VARIABLES_MAX {
        return Err(wrong("more variables than a script may have"));
    }
    for (at, variable) in script.variables.iter().enumerate() {
        let before = script.variables.iter().take(at);
        if before.clone().any(|v| v.name == variable.name) {
            return Err(wrong("two variables of one name"));
        }
        if !(1..=VARIABLE_OCTETS_MAX).contains(&variable.octets) {
            return Err(wrong("a variable of an impossible length"));
        }
    }
    Ok(())
}

fn command(
    command: &ScriptCommand,
    (script, enciphers): (&Script, bool),
    known: &[&str],
    program: &Program,
    bundle: &Bundle,
) -> Result<(), RuntimeError> {
    let header = hex::decode(&command.header).unwrap_or_default();
    if header.len() != 4 || header.first() == Some(&0xFF) {
        return Err(wrong("a command's header is CLA, INS, P1, P2"));
    }
    if command.le.is_some_and(|le| le > 256) {
        return Err(wrong("Le over 256"));
    }
    if command.expect.is_empty() || command.expect.len() > 16 {
        return Err(wrong("a command expects 1 to 16 kinds of status words"));
    }
    if command.expect.iter().any(|words| words.first > words.last) {
        return Err(wrong("status words from the last to the first"));
    }
    let most = match command.split {
        Some(Split::Offset { octets } | Split::Chain { octets }) => octets,
        None => 255,
    };
    if most == 0 || matches!(command.otherwise, Otherwise::Retry { times } if times > 10) {
        return Err(wrong("a count that can't be"));
    }
    let seen = Seen {
        script,
        known,
        program,
        bundle,
        enciphers,
    };
    for part in &command.parts {
        self::part(part, &seen, OBJECT_DEPTH_MAX)?;
    }
    // The HSM puts a command with a secret inside together: octets and secrets side by side.
    let inside = |p: &ScriptPart| matches!(p, ScriptPart::Secret { inside: true, .. });
    let plain = |p: &ScriptPart| inside(p) || matches!(p, ScriptPart::Value { .. });
    if command.parts.iter().any(inside)
        && (command.split.is_some() || !command.parts.iter().all(plain))
    {
        return Err(wrong(
            "a secret inside a command that the HSM can't put together",
        ));
    }
    for capture in &command.captures {
        let variable = script.variables.iter().find(|v| v.name == capture.variable);
        let variable = variable.ok_or_else(|| wrong("an unknown variable is captured"))?;
        let last = u32::from(capture.from) + u32::from(variable.octets);
        if capture.from == 0 || last > 1 + u32::from(VARIABLE_OCTETS_MAX) {
            return Err(wrong("a variable lies beyond the answer"));
        }
    }
    Ok(())
}

/// What a piece may refer to.
struct Seen<'s> {
    script: &'s Script,
    known: &'s [&'s str],
    program: &'s Program,
    bundle: &'s Bundle,
    /// Whether the card's channel enciphers what it carries.
    enciphers: bool,
}

fn part(part: &ScriptPart, seen: &Seen<'_>, depth: usize) -> Result<(), RuntimeError> {
    let Seen {
        script,
        known,
        program,
        ..
    } = seen;
    let title = format!("script `{}`", script.name);
    let captured = |name: &String| match known.contains(&name.as_str()) {
        true => Ok(()),
        false => Err(wrong("a variable is used before it is captured")),
    };
    match part {
        ScriptPart::Value { node } => {
            // Outside a channel everybody at the contacts reads along.
            let clearance = if script.secured {
                Secrecy::Sensitive
            } else {
                Secrecy::Cardholder
            };
            super::references::sink(program, *node, &[ValueType::Bytes], clearance, &title)
        }
        ScriptPart::Variable { name } => captured(name),
        ScriptPart::Secret { .. } => secret(part, seen, &title),
        ScriptPart::Object { tag, parts } => {
            let tag = cardwright_standards::tlv::Tag::from_hex(tag);
            match tag {
                None => Err(wrong("a data object that can't be")),
                Some(_) => inside(parts, seen, depth),
            }
        }
        ScriptPart::Certificate { key, .. } => {
            captured(key)?;
            certificate(part, seen, &title)
        }
        ScriptPart::SignedIdentifier {
            signer,
            certificate,
            parts,
        } => {
            signs(*signer, certificate, seen)?;
            inside(parts, seen, depth)
        }
        ScriptPart::SecurityObject {
            signer,
            certificate,
            groups,
        } => {
            signs(*signer, certificate, seen)?;
            if groups.is_empty() || groups.len() > DATA_GROUPS_MAX {
                return Err(wrong("a security object has 1 to 10 data groups"));
            }
            groups
                .iter()
                .try_for_each(|group| inside(&group.parts, seen, depth))
        }
    }
}

/// A secret: under a transport key, or in a channel that enciphers it.
fn secret(part: &ScriptPart, seen: &Seen<'_>, title: &str) -> Result<(), RuntimeError> {
    let ScriptPart::Secret {
        node,
        under,
        inside,
        ..
    } = part
    else {
        return Ok(());
    };
    let keys = &seen.bundle.content().keys;
    let key = match under {
        Some(_) if *inside => return Err(wrong("a secret under a key and inside")),
        Some(key) => keys.get(*key as usize).map(|k| k.usage.as_str()),
        None if seen.script.secured && (!inside || seen.enciphers) => Some("transport"),
        None => return Err(wrong("a secret without a key to encipher it")),
    };
    if key != Some("transport") {
        return Err(broken("a key that enciphers no secrets for cards"));
    }
    super::references::sink(
        seen.program,
        *node,
        &[ValueType::Sealed],
        Secrecy::Secret,
        title,
    )
}

/// Pieces inside another: no secrets, and not too deep.
fn inside(parts: &[ScriptPart], seen: &Seen<'_>, depth: usize) -> Result<(), RuntimeError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(wrong("data objects that lie too deep"));
    };
    if parts.len() > SCRIPT_COMMANDS_MAX {
        return Err(wrong("a data object of too many pieces"));
    }
    parts.iter().try_for_each(|inner| match inner {
        ScriptPart::Secret { .. } => Err(wrong("a secret inside a data object")),
        inner => self::part(inner, seen, depth),
    })
}

/// A key that signs contents, with its certificate.
fn signs(signer: u32, certificate: &str, seen: &Seen<'_>) -> Result<(), RuntimeError> {
    let slot = seen.bundle.content().keys.get(signer as usize);
    let file = seen.bundle.asset(certificate).unwrap_or_default();
    let file = piv::Signer::read(file).map_err(|e| wrong(&e.to_string()))?;
    let own = |slot: &cardwright_bundle::KeySlot| {
        slot.usage == "content_signing" && slot.bits as usize == file.modulus.len() * 8
    };
    match slot.is_some_and(own) {
        true => Ok(()),
        false => Err(wrong(
            "a signature that the key of its certificate does not make",
        )),
    }
}

/// A certificate: its authority, its nodes, and usages that there are.
fn certificate(part: &ScriptPart, seen: &Seen<'_>, title: &str) -> Result<(), RuntimeError> {
    let ScriptPart::Certificate {
        issuer,
        authority,
        serial,
        name,
        not_before,
        not_after,
        usage,
        extended,
        ..
    } = part
    else {
        return Ok(());
    };
    let slot = seen.bundle.content().keys.get(*issuer as usize);
    let file = seen.bundle.asset(authority).unwrap_or_default();
    let file = x509::Authority::read(file).map_err(|e| wrong(&e.to_string()))?;
    let own = |slot: &cardwright_bundle::KeySlot| {
        slot.usage == "certificate_signing" && slot.bits as usize == file.modulus.len() * 8
    };
    if !slot.is_some_and(own) {
        return Err(wrong("a certificate that its authority does not sign"));
    }
    let known = |list: &[&str], word: &String| list.contains(&word.as_str());
    let extended_known = |word: &String| {
        x509::EXTENDED_USAGES
            .iter()
            .any(|(known, _)| *known == word.as_str())
    };
    let parts_known = name.iter().all(|(part, _)| known(&x509::NAME_PARTS, part));
    if !parts_known
        || name.is_empty()
        || name.len() > x509::NAME_PARTS.len()
        || !usage.iter().all(|word| known(&x509::USAGES, word))
        || !extended.iter().all(extended_known)
    {
        return Err(wrong("a name or a usage that a certificate has not"));
    }
    let sink = |node: u32, kind: ValueType| {
        super::references::sink(seen.program, node, &[kind], Secrecy::Cardholder, title)
    };
    sink(*serial, ValueType::Bytes)?;
    sink(*not_before, ValueType::Date)?;
    sink(*not_after, ValueType::Date)?;
    name.iter()
        .try_for_each(|(_, node)| sink(*node, ValueType::Text))
}
