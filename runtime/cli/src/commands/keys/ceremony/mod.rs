//! `keys ceremony`: key ceremonies at the terminal.

mod steps;

use super::custodian::somebody;
use super::forms::Forms;
use super::talk::talk;
use super::time;
use crate::{
    arguments::{
        Format,
        ceremony::{CeremonyVerb, Room, Start},
    },
    commands::production::SystemClock,
    failure::{Failure, exit},
    site::Site,
    terminal,
};
use cardwright_keys::{
    ceremony::{
        Ceremony, Conductor, Kind, Plan, Role, Subject, Wanted, ceremonies, people, record, text,
        verify, wanted,
    },
    inventory::{CheckText, KeyLabel},
};
use cardwright_ports::{Clock, CustodyHsm};
use serde_json::json;

/// Carries a verb out.
pub(super) fn run(site: &Site, verb: &CeremonyVerb) -> Result<u8, Failure> {
    match verb {
        CeremonyVerb::Start(wanted) => start(site, wanted),
        CeremonyVerb::Continue { id, room } => go_on(site, id, room),
        CeremonyVerb::Show { id, format } => show(site, id, *format),
        CeremonyVerb::List { format } => list(site, *format),
        CeremonyVerb::Abandon { id, why, room } => abandon(site, id, why, room),
        CeremonyVerb::Record { id, format } => shown_record(site, id, *format),
    }
}

fn usage(what: String, mend: &str) -> Failure {
    Failure::new(exit::USAGE, "R1382", what, mend)
}

fn plan(site: &Site, start: &Start, test: bool) -> Result<Plan, Failure> {
    let kind = Kind::from_name(&start.kind).ok_or_else(|| {
        let names: Vec<&str> = Kind::ALL.iter().map(|(_, name)| *name).collect();
        usage(
            format!("`{}` is no ceremony", start.kind),
            &format!("ceremonies are {}", names.join(", ")),
        )
    })?;
    let there = matches!(kind, Kind::Export | Kind::Destroy);
    let (name, version) = match KeyLabel::parse(&start.key) {
        Some(label) => (label.name, label.version),
        None if there => {
            let what = format!("`{}` has no version", start.key);
            return Err(usage(
                what,
                "name the key that is there, such as `aurora.zmk@1`",
            ));
        }
        None => (start.key.clone(), 0),
    };
    Ok(Plan {
        kind,
        site: site.file.name.clone(),
        test,
        key: Subject {
            name,
            version,
            owner: match start.owner.is_empty() {
                true => site.file.name.clone(),
                false => start.owner.clone(),
            },
            zone: start.zone.clone(),
            usage: start.usage.clone(),
            algorithm: start.algorithm.clone(),
            bits: start.bits,
            exponent: start.exponent,
            exportability: start.exportability.clone(),
        },
        components: start.components,
        quorum: start.officers,
        auditor: start.auditor,
        expected: start.check_value.as_deref().map(check_value).transpose()?,
    })
}

/// `METHOD:HEX`.
pub(super) fn check_value(text: &str) -> Result<CheckText, Failure> {
    let wrong = || {
        usage(
            format!("`{text}` is no check value"),
            "write method and digits, such as `ecb:08D7B4`",
        )
    };
    let (method, digits) = text.split_once(':').ok_or_else(wrong)?;
    let method = cardwright_keys::inventory::method_from_name(method).ok_or_else(wrong)?;
    let octets = hex::decode(digits.replace(['-', ' '], "")).map_err(|_| wrong())?;
    if !(3..=32).contains(&octets.len()) {
        return Err(wrong());
    }
    Ok(cardwright_keys::inventory::check_text(
        &cardwright_ports::custody::CheckValue { method, octets },
    ))
}

fn start(site: &Site, start: &Start) -> Result<u8, Failure> {
    let test = site.test_keys_only();
    let plan = plan(site, start, test)?;
    let mut talk = talk(start.room.answers.as_deref(), test)?;
    let mut forms = Forms::of(site, &start.room, test)?;
    let store = site.store()?;
    let hsm = site.hsm()?;
    let mut custody = hsm.open_custody()?;
    let mut conductor = Conductor::new(&store, custody.as_mut());
    talk.tell(&format!(
        "A ceremony `{}` for {} at {}.{}",
        plan.kind.name(),
        start.key,
        plan.site,
        if test { " TEST keys." } else { "" }
    ));
    talk.tell(&format!(
        "Security officer 1 of {} comes to the terminal.",
        plan.quorum
    ));
    let officer = somebody(&conductor, talk.as_mut(), None)?;
    let ceremony = conductor
        .open(&plan, &officer, SystemClock.unix_seconds())
        .map_err(Failure::keys)?;
    talk.tell(&format!(
        "{} is open. If it is interrupted, go on with `cardstation keys ceremony continue {}`.",
        ceremony.id, ceremony.id
    ));
    steps::go_on(&mut conductor, &ceremony.id, talk.as_mut(), &mut forms)
}

fn go_on(site: &Site, id: &str, room: &Room) -> Result<u8, Failure> {
    let test = site.test_keys_only();
    let mut talk = talk(room.answers.as_deref(), test)?;
    let mut forms = Forms::of(site, room, test)?;
    let store = site.store()?;
    let hsm = site.hsm()?;
    let mut custody = hsm.open_custody()?;
    let mut conductor = Conductor::new(&store, custody.as_mut());
    let ceremony = conductor.ceremony(id).map_err(Failure::keys)?;
    if !ceremony.is_open() {
        terminal::note(&format!("{id} is over"));
        return Ok(0);
    }
    let officers: Vec<&str> = ceremony
        .with_role(Role::Officer)
        .map(|p| p.name.as_str())
        .collect();
    talk.tell(&format!(
        "{id} goes on. An officer of this ceremony comes to the terminal: {}.",
        officers.join(" or ")
    ));
    let officer = somebody(&conductor, talk.as_mut(), None)?;
    conductor
        .resume(id, &officer, SystemClock.unix_seconds())
        .map_err(Failure::keys)?;
    steps::go_on(&mut conductor, id, talk.as_mut(), &mut forms)
}

fn abandon(site: &Site, id: &str, why: &str, room: &Room) -> Result<u8, Failure> {
    let mut talk = talk(room.answers.as_deref(), site.test_keys_only())?;
    let store = site.store()?;
    let hsm = site.hsm()?;
    let mut custody = hsm.open_custody()?;
    let mut conductor = Conductor::new(&store, custody.as_mut());
    conductor.ceremony(id).map_err(Failure::keys)?;
    talk.tell("A security officer comes to the terminal.");
    let officer = somebody(&conductor, talk.as_mut(), None)?;
    conductor
        .abandon(id, &officer, why, SystemClock.unix_seconds())
        .map_err(Failure::keys)?;
    terminal::print(&format!(
        "{id} is given up; its components are removed. Collect its forms and destroy them."
    ));
    Ok(0)
}

/// What a ceremony waits for, in words.
pub(super) fn waits(ceremony: &Ceremony) -> String {
    match wanted(ceremony) {
        Wanted::Officer { number, of } => format!("security officer {number} of {of}"),
        Wanted::Auditor => "the auditor".to_owned(),
        Wanted::Custodian { number } => format!("custodian {number}"),
        Wanted::Draw { number } => format!("component {number} from the HSM"),
        Wanted::Print { number } => format!("the form of component {number}"),
        Wanted::Confirm { number } => format!("the check value of form {number}"),
        Wanted::Enter { number } => format!("component {number} from its custodian"),
        Wanted::Hsm(_) => "the HSM".to_owned(),
        Wanted::Sign { name, .. } => format!("the signature of {name}"),
        Wanted::Nothing => "nothing".to_owned(),
    }
}

fn phase(ceremony: &Ceremony) -> String {
    let name = serde_json::to_value(ceremony.phase).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

fn list(site: &Site, format: Format) -> Result<u8, Failure> {
    let all = ceremonies(&site.store()?).map_err(Failure::keys)?;
    if format == Format::Json {
        let rows: Vec<_> = all
            .iter()
            .map(|c| {
                json!({ "id": c.id, "kind": c.kind.name(), "key": c.key.label(),
                    "phase": phase(c), "waits_for": waits(c),
                    "begun": c.log.first().map(|line| time::shown(line.at)) })
            })
            .collect();
        terminal::json(&json!({ "schema_version": 1, "ceremonies": rows }));
        return Ok(0);
    }
    for c in &all {
        let begun = c
            .log
            .first()
            .map_or_else(String::new, |l| time::shown(l.at));
        terminal::print(&format!(
            "{:<15}{:<10}{:<24}{:<11}{begun}",
            c.id,
            c.kind.name(),
            c.key.label(),
            phase(c)
        ));
    }
    if all.is_empty() {
        terminal::note("no ceremony yet");
    }
    Ok(0)
}

fn load(site: &Site, id: &str) -> Result<Ceremony, Failure> {
    let store = site.store()?;
    let hsm = site.hsm()?;
    let mut custody = hsm.open_custody()?;
    let conductor = Conductor::new(&store, custody.as_mut());
    conductor.ceremony(id).map_err(Failure::keys)
}

fn show(site: &Site, id: &str, format: Format) -> Result<u8, Failure> {
    let ceremony = load(site, id)?;
    if format == Format::Json {
        let value = serde_json::to_value(&ceremony).unwrap_or_default();
        terminal::json(&json!({ "schema_version": 1, "ceremony": value,
            "waits_for": waits(&ceremony) }));
        return Ok(0);
    }
    terminal::print(&text(&ceremony, &time::shown));
    terminal::print(&format!("\nWaits for {}", waits(&ceremony)));
    Ok(0)
}

fn shown_record(site: &Site, id: &str, format: Format) -> Result<u8, Failure> {
    let ceremony = load(site, id)?;
    let people = people(&site.store()?).map_err(Failure::keys)?;
    let people: Vec<_> = people.into_iter().map(|(_, person)| person).collect();
    if ceremony.digest.is_none() {
        return Err(Failure::new(
            exit::FINDINGS,
            "R1379",
            format!("{id} has no record yet: it waits for {}", waits(&ceremony)),
            "go on with `cardstation keys ceremony continue`",
        ));
    }
    let verdict = verify(&ceremony, &people).map_err(Failure::keys)?;
    match format {
        Format::Json => terminal::json(&json!({
            "schema_version": 1,
            "record": record(&ceremony),
            "digest": ceremony.digest,
            "signatures": ceremony.signatures,
            "verdict": verdict,
        })),
        Format::Human => terminal::print(&text(&ceremony, &time::shown)),
    }
    for finding in &verdict.findings {
        terminal::note(&format!("R1388: {finding}"));
    }
    Ok(match verdict.findings.is_empty() {
        true => 0,
        false => exit::FINDINGS,
    })
}
