//! Checks a script: its parts, variables, lengths and status words, before any card hears of it.

use super::broken;
use crate::RuntimeError;
use cardwright_bundle::{
    Application, Chip, Content, Otherwise, Program, SCRIPT_COMMANDS_MAX, SCRIPT_VARIABLES_MAX,
    Script, ScriptCommand, ScriptPart, Secrecy, Split, VARIABLE_OCTETS_MAX, ValueType,
};

/// Checks the way in which an application is personalized.
pub(super) fn check(
    application: &Application,
    chip: &Chip,
    program: &Program,
    content: &Content,
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
    let mut known: Vec<&str> = Vec::new();
    for command in &script.commands {
        self::command(command, script, &known, program, content)?;
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
    script: &Script,
    known: &[&str],
    program: &Program,
    content: &Content,
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
    for part in &command.parts {
        self::part(part, script, known, program, content)?;
    }
    for capture in &command.captures {
        let variable = script.variables.iter().find(|v| v.name == capture.variable);
        let variable = variable.ok_or_else(|| wrong("an unknown variable is captured"))?;
        let last = u32::from(capture.from) + u32::from(variable.octets);
        if capture.from == 0 || last > 257 {
            return Err(wrong("a variable lies beyond the answer"));
        }
    }
    Ok(())
}

fn part(
    part: &ScriptPart,
    script: &Script,
    known: &[&str],
    program: &Program,
    content: &Content,
) -> Result<(), RuntimeError> {
    let name = format!("script `{}`", script.name);
    match part {
        ScriptPart::Value { node } => {
            // Outside a channel everybody at the contacts reads along.
            let clearance = if script.secured {
                Secrecy::Sensitive
            } else {
                Secrecy::Cardholder
            };
            super::references::sink(program, *node, &[ValueType::Bytes], clearance, &name)
        }
        ScriptPart::Variable { name } if known.contains(&name.as_str()) => Ok(()),
        ScriptPart::Variable { .. } => Err(wrong("a variable is used before it is captured")),
        ScriptPart::Secret { node, under, .. } => {
            let key = match under {
                Some(key) => content.keys.get(*key as usize).map(|k| k.usage.as_str()),
                None if script.secured => Some("transport"),
                None => return Err(wrong("a secret without a key to encipher it")),
            };
            if key != Some("transport") {
                return Err(broken("a key that enciphers no secrets for cards"));
            }
            super::references::sink(program, *node, &[ValueType::Sealed], Secrecy::Secret, &name)
        }
    }
}
