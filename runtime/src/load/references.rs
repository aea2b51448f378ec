//! Checks that everything a bundle's parts refer to is there, has the right type, and that no sink
//! takes a value above its clearance.

use super::taint::Taints;
use super::{broken, formats};
use crate::RuntimeError;
use cardwright_bundle::{
    Application, Bundle, Card, Constant, Content, FileKind, Job, NodeId, Op, Panel, Program,
    Scenario, Secrecy, ValueType, is_quirk,
};
use cardwright_standards::tags::DICTIONARIES;
use std::collections::BTreeSet;

/// Checks all references of a bundle.
pub(super) fn check(bundle: &Bundle) -> Result<(), RuntimeError> {
    let content = bundle.content();
    for format in &content.formats {
        formats::check(format, content)?;
    }
    for card in &content.cards {
        check_card(card, bundle)?;
        if let Some(chip) = &card.chip {
            super::content_management::check(chip, bundle)?;
        }
        for face in &card.faces {
            super::layouts::face(face, card, bundle)?;
        }
    }
    for layout in &content.layouts {
        super::layouts::check(layout, bundle)?;
    }
    for scenario in &content.scenarios {
        check_scenario(scenario, content)?;
    }
    for job in &content.jobs {
        check_job(job, content)?;
    }
    let names = |list: Vec<&str>| list.iter().collect::<BTreeSet<_>>().len() == list.len();
    let unique = names(content.keys.iter().map(|k| k.name.as_str()).collect())
        && names(content.formats.iter().map(|f| f.name.as_str()).collect())
        && names(content.cards.iter().map(|c| c.name.as_str()).collect())
        && names(content.layouts.iter().map(|l| l.name.as_str()).collect())
        && names(content.jobs.iter().map(|j| j.name.as_str()).collect());
    if unique {
        Ok(())
    } else {
        Err(broken("two things of one name"))
    }
}

pub(super) fn program(content: &Content, index: u32) -> Result<&Program, RuntimeError> {
    content
        .programs
        .get(index as usize)
        .ok_or_else(|| broken("a program that is not there"))
}

/// A sink: the node is there, has one of the types, and is no more secret than the sink may be.
pub(super) fn sink(
    program: &Program,
    id: NodeId,
    types: &[ValueType],
    clearance: Secrecy,
    name: &str,
) -> Result<(), RuntimeError> {
    let node = program
        .nodes
        .get(id as usize)
        .ok_or_else(|| broken(&format!("a value for {name} that is not there")))?;
    if !types.contains(&node.gives) {
        return Err(broken(&format!(
            "a value for {name} of type {:?}",
            node.gives
        )));
    }
    if node.secrecy > clearance {
        return Err(RuntimeError::new(
            "R1103",
            format!(
                "{name} would hold {:?} data and is cleared for {clearance:?}",
                node.secrecy
            ),
            "refuse this bundle and tell its author: a correct compiler never does this",
        ));
    }
    Ok(())
}

/// What a place must not show, whatever its level: R1103.
pub(super) fn never(found: bool, name: &str, what: &str) -> Result<(), RuntimeError> {
    if !found {
        return Ok(());
    }
    Err(RuntimeError::new(
        "R1103",
        format!("{name} would show {what}"),
        "refuse this bundle and tell its author: a correct compiler never does this",
    ))
}

/// What is sensitive on a face is the CVV2, in its panel, and nothing else.
fn panel(panel: &Panel, program: &Program) -> Result<(), RuntimeError> {
    let name = format!("print panel `{}`", panel.name);
    sink(program, panel.node, TEXT, Secrecy::Sensitive, &name)?;
    let node = |id: NodeId| program.nodes.get(id as usize);
    let is_cvv2 = panel.name == "cvv2"
        && match node(panel.node).map(|n| &n.op) {
            Some(Op::Intent { intent, args, .. }) if intent == "cvv" => {
                let service = args.last().and_then(|id| node(*id)).map(|n| &n.op);
                matches!(service, Some(Op::Constant { value: Constant::Text(t) }) if t == "000")
            }
            _ => false,
        };
    let sensitive = node(panel.node).is_some_and(|n| n.secrecy > Secrecy::Cardholder);
    never(
        sensitive && !is_cvv2,
        &name,
        "what only chip and stripe may hold",
    )?;
    match panel.when {
        Some(id) => sink(
            program,
            id,
            FLAG,
            Secrecy::Cardholder,
            "a panel's condition",
        ),
        None => Ok(()),
    }
}

pub(super) const TEXT: &[ValueType] = &[ValueType::Text];
pub(super) const FLAG: &[ValueType] = &[ValueType::Flag];

/// What decides about an order, and what is said of it in public.
fn condition_and_message(
    program: &Program,
    condition: NodeId,
    message: NodeId,
    name: &str,
) -> Result<(), RuntimeError> {
    sink(program, condition, FLAG, Secrecy::Cardholder, name)?;
    let name = format!("{name}'s message");
    sink(program, message, TEXT, Secrecy::Public, &name)
}

pub(super) fn no_intents(program: &Program) -> Result<(), RuntimeError> {
    let clean = program
        .nodes
        .iter()
        .all(|n| !matches!(n.op, cardwright_bundle::Op::Intent { .. }));
    if clean {
        Ok(())
    } else {
        Err(broken("an HSM where only the order file may decide"))
    }
}

fn check_card(card: &Card, bundle: &Bundle) -> Result<(), RuntimeError> {
    let content = bundle.content();
    let program = program(content, card.program)?;
    sink(program, card.pan, TEXT, Secrecy::Cardholder, "the PAN")?;
    sink(
        program,
        card.psn,
        TEXT,
        Secrecy::Cardholder,
        "the PAN sequence number",
    )?;
    sink(
        program,
        card.expiry,
        &[ValueType::Date],
        Secrecy::Cardholder,
        "the expiry",
    )?;
    if let Some(chip) = &card.chip {
        let key = chip.channel.as_ref().map(|channel| channel.key as usize);
        if key.is_some_and(|key| key >= content.keys.len()) {
            return Err(broken("a channel key that is not there"));
        }
        for application in &chip.applications {
            super::script::check(application, chip, program, bundle)?;
            check_application(application, program, content)?;
        }
    }
    let taints = Taints::of(program, content);
    if let Some(stripe) = &card.stripe {
        for id in [stripe.track1, stripe.track2].into_iter().flatten() {
            let name = "a stripe track";
            sink(program, id, TEXT, Secrecy::Sensitive, name)?;
            never(taints.holds_pin(id), name, "an enciphered PIN")?;
        }
    }
    for face in &card.faces {
        for line in &face.emboss {
            sink(
                program,
                line.node,
                TEXT,
                Secrecy::Cardholder,
                "an embossed line",
            )?;
            let known = |font: &str| cardwright_standards::emboss::font(font).is_some();
            if line.font.as_deref().is_some_and(|font| !known(font)) {
                return Err(broken("embossing dies that are none"));
            }
        }
        for panel in &face.print {
            self::panel(panel, program)?;
        }
    }
    Ok(())
}

fn check_application(
    application: &Application,
    program: &Program,
    content: &Content,
) -> Result<(), RuntimeError> {
    hex::decode(&application.aid)
        .ok()
        .filter(|aid| (5..=16).contains(&aid.len()))
        .ok_or_else(|| broken("an AID that is none"))?;
    if let Some(when) = application.when {
        let name = "an application's condition";
        sink(program, when, FLAG, Secrecy::Cardholder, name)?;
    }
    check_groupings(application, program, content)?;
    let types = [
        ValueType::Text,
        ValueType::Date,
        ValueType::Bytes,
        ValueType::Pin,
        ValueType::Number,
    ];
    for (name, id) in &application.facts {
        let name = format!("fact `{name}`");
        sink(program, *id, &types, Secrecy::Secret, &name)?;
    }
    if let Some((quirk, _)) = application.quirks.iter().find(|(q, _)| !is_quirk(q)) {
        return Err(RuntimeError::new(
            "R1130",
            format!("`{quirk}` is no deviation that this runtime knows"),
            "build the bundle with a compiler of this version, or run a newer station",
        ));
    }
    let dictionary = application.dictionary.as_str();
    let own = application.dgis.iter().map(|dgi| dgi.dictionary.as_str());
    let mut dictionaries = own.chain([dictionary]);
    if dictionaries.any(|name| !name.is_empty() && !DICTIONARIES.contains(&name)) {
        return Err(broken("a dictionary of tags that nobody has"));
    }
    if application.dgis.first().is_some_and(|dgi| dgi.joined) {
        return Err(broken("a DGI that is joined to none"));
    }
    let keys = &application.keys;
    match keys
        .iter()
        .all(|(_, key)| (*key as usize) < content.keys.len())
    {
        true => Ok(()),
        false => Err(broken("an application key that is not there")),
    }
}

/// Data groupings and their parts: values of the right type, no more secret than their place.
fn check_groupings(
    application: &Application,
    program: &Program,
    content: &Content,
) -> Result<(), RuntimeError> {
    let taints = Taints::of(program, content);
    for dgi in &application.dgis {
        let name = format!("DGI {:04X} of `{}`", dgi.number, application.name);
        let (types, clearance) = if dgi.encrypted {
            (&[ValueType::Sealed][..], Secrecy::Secret)
        } else {
            (&[ValueType::Bytes][..], Secrecy::Sensitive)
        };
        sink(program, dgi.node, types, clearance, &name)?;
        if let Some(when) = dgi.when {
            sink(
                program,
                when,
                FLAG,
                Secrecy::Cardholder,
                "a DGI's condition",
            )?;
        }
        let kinds = match dgi.encrypted {
            true => &[ValueType::Bytes, ValueType::Sealed][..],
            false => types,
        };
        for field in &dgi.fields {
            let name = format!("field `{}` of {name}", field.name);
            sink(program, field.node, kinds, clearance, &name)?;
        }
        let bare = !dgi.encrypted && taints.holds_pin(dgi.node);
        never(bare, &name, "an enciphered PIN")?;
    }
    Ok(())
}

fn check_scenario(scenario: &Scenario, content: &Content) -> Result<(), RuntimeError> {
    let card = content
        .cards
        .iter()
        .find(|card| card.name == scenario.card)
        .ok_or_else(|| broken(&format!("card `{}`", scenario.card)))?;
    let program = program(content, card.program)?;
    for check in &scenario.checks {
        let nodes = check
            .nodes
            .iter()
            .all(|(_, id)| (*id as usize) < program.nodes.len());
        let keys = check
            .keys
            .iter()
            .all(|(_, key)| (*key as usize) < content.keys.len());
        if !nodes || !keys {
            return Err(broken(&format!(
                "something in scenario `{}`",
                scenario.name
            )));
        }
    }
    Ok(())
}

fn check_job(job: &Job, content: &Content) -> Result<(), RuntimeError> {
    check_selection(job, content)?;
    let input = content.formats.iter().find(|f| f.name == job.input);
    has(
        input.is_some_and(|f| f.records.iter().any(|r| r.name == job.record && !r.once)),
        &job.record,
    )?;
    has(content.flows.iter().any(|f| f.name == job.flow), &job.flow)?;
    for product in &job.products {
        has(
            content.cards.iter().any(|c| c.name == product.card),
            &product.card,
        )?;
        for used in &product.scenarios {
            let known = content.scenarios.iter().any(|s| s.name == used.scenario);
            has(known && used.of > 0, &used.scenario)?;
        }
    }
    let mailer = job.mailer.iter().map(|m| (&m.layout, "mailer"));
    let carrier = job.carrier.iter().map(|name| (name, "carrier"));
    let labels = job.labels.iter().map(|name| (name, "label"));
    for (name, purpose) in mailer.chain(carrier).chain(labels) {
        // A mailer in the place of a carrier would go out with the card.
        let mut layouts = content.layouts.iter();
        let found = layouts.any(|l| l.name == *name && l.purpose == purpose);
        has(found, name)?;
    }
    check_outputs(job, content)
}

/// What the job's program says about an order: product, turn, whether it is accepted.
fn check_selection(job: &Job, content: &Content) -> Result<(), RuntimeError> {
    let program = program(content, job.program)?;
    no_intents(program)?;
    sink(
        program,
        job.selector,
        TEXT,
        Secrecy::Cardholder,
        "the product selector",
    )?;
    if let Some(id) = job.priority {
        let number = &[ValueType::Number];
        sink(program, id, number, Secrecy::Cardholder, "the priority")?;
    }
    for (condition, message) in &job.accept {
        condition_and_message(program, *condition, *message, "an order rule")?;
    }
    Ok(())
}

fn check_outputs(job: &Job, content: &Content) -> Result<(), RuntimeError> {
    for output in &job.outputs {
        let format = content.formats.iter().find(|f| f.name == output.format);
        has(format.is_some(), &output.format)?;
        let secret = format.is_some_and(|f| matches!(f.kind, FileKind::Cps | FileKind::Machine));
        has(
            !secret || output.transport_key.is_some(),
            "a transport key for a file with secrets",
        )?;
        let known = output
            .transport_key
            .is_none_or(|key| (key as usize) < content.keys.len());
        has(known, "a transport key")?;
    }
    Ok(())
}

fn has(found: bool, name: &str) -> Result<(), RuntimeError> {
    match found {
        true => Ok(()),
        false => Err(broken(&format!("`{name}`"))),
    }
}
