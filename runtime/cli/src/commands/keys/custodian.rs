//! `keys custodian`: who takes part in key management.

use super::talk::{Talk, talk};
use super::time;
use crate::{
    arguments::{Format, ceremony::CustodianVerb},
    commands::production::SystemClock,
    failure::{Failure, exit},
    site::Site,
    terminal,
};
use cardwright_keys::{
    KeysError, Ledger,
    ceremony::{
        Care, Conductor, Cost, Custodian, Present, Role, SECRET_MIN, care, people, register,
    },
    inventory::Changes,
};
use cardwright_ports::{Clock, CustodyHsm};
use serde_json::json;

/// Carries a verb out.
pub(super) fn run(site: &Site, verb: &CustodianVerb) -> Result<u8, Failure> {
    match verb {
        CustodianVerb::Add {
            name,
            role,
            answers,
        } => {
            let mut talk = talk(answers.as_deref(), site.test_keys_only())?;
            add(site, name, role, talk.as_mut())
        }
        CustodianVerb::List { format } => list(site, *format),
        CustodianVerb::Remove { name, answers } => {
            let mut talk = talk(answers.as_deref(), site.test_keys_only())?;
            cared(site, name, Care::Remove, talk.as_mut())
        }
        CustodianVerb::Unlock { name, answers } => {
            let mut talk = talk(answers.as_deref(), site.test_keys_only())?;
            cared(site, name, Care::Unlock, talk.as_mut())
        }
    }
}

/// How a test's people are spared the cost of Argon2.
fn cost(test: bool) -> Cost {
    match test {
        true => Cost {
            memory_kib: 1_024,
            passes: 1,
        },
        false => Cost::USUAL,
    }
}

fn add(site: &Site, name: &str, roles: &[String], talk: &mut dyn Talk) -> Result<u8, Failure> {
    let mut wanted = Vec::new();
    for role in roles {
        wanted.push(Role::from_name(role).ok_or_else(|| {
            Failure::new(
                exit::USAGE,
                "R1378",
                format!("`{role}` is no role"),
                "roles are officer, auditor, custodian:1 to custodian:5",
            )
        })?);
    }
    let store = site.store()?;
    let test = site.test_keys_only();
    let known = people(&store).map_err(Failure::keys)?;
    let officers = known
        .iter()
        .filter(|(_, p)| p.roles.contains(&Role::Officer));
    let there = match officers.count() {
        0 | 1 => Vec::new(),
        _ => two_officers(site, &store, talk)?,
    };
    talk.tell(&format!(
        "{name}, choose a secret of at least {SECRET_MIN} characters, such as five words. Nothing is shown."
    ));
    let secret = talk.secret("Secret: ")?;
    let again = talk.secret("The same again: ")?;
    if secret.expose() != again.expose() {
        return Err(Failure::new(
            exit::FINDINGS,
            "R1381",
            "the two are not the same",
            "begin again",
        ));
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| {
        let what = "the operating system gives no randomness";
        Failure::new(exit::ENVIRONMENT, "R1312", what, "check its generator")
    })?;
    let by: Vec<String> = there.iter().map(|p| p.name().to_owned()).collect();
    let now = SystemClock.unix_seconds();
    let person = Custodian::new(name, &wanted, &secret, (salt, cost(test)), (now, &by));
    let person = person.map_err(Failure::keys)?;
    let there: Vec<&Present> = there.iter().collect();
    let changes = register(&store, &person, &there).map_err(Failure::keys)?;
    keep(&store, changes, now)?;
    talk.clear();
    terminal::print(&format!("{} is registered", person.name));
    Ok(0)
}

fn keep(store: &dyn Ledger, changes: Changes, now: i64) -> Result<(), Failure> {
    Ok(store.keep(&changes.into_batch(now))?)
}

/// Two security officers who have typed their secrets.
pub(super) fn two_officers(
    site: &Site,
    store: &dyn Ledger,
    talk: &mut dyn Talk,
) -> Result<Vec<Present>, Failure> {
    let hsm = site.hsm()?;
    let mut custody = hsm.open_custody()?;
    let conductor = Conductor::new(store, custody.as_mut());
    let mut there: Vec<Present> = Vec::new();
    for which in ["first", "second"] {
        talk.tell(&format!(
            "The {which} security officer comes to the terminal."
        ));
        let officer = somebody(&conductor, talk, None)?;
        officer.check(Role::Officer).map_err(Failure::keys)?;
        there.push(officer);
    }
    Ok(there)
}

/// A person at the terminal: name and secret. A wrong secret may be typed again until the name is
/// locked.
pub(super) fn somebody(
    conductor: &Conductor<'_>,
    talk: &mut dyn Talk,
    name: Option<&str>,
) -> Result<Present, Failure> {
    loop {
        let typed = match name {
            Some(name) => name.to_owned(),
            None => talk.ask("Name: ")?,
        };
        let secret = talk.secret(&format!("Secret of {typed} (nothing is shown): "))?;
        match conductor.authenticate(&typed, &secret, SystemClock.unix_seconds()) {
            Ok(present) => return Ok(present),
            Err(error) if error.code == "R1377" => talk.tell(&said(&error)),
            Err(error) => return Err(Failure::keys(error)),
        }
    }
}

/// An error as people read it between two questions.
pub(super) fn said(error: &KeysError) -> String {
    format!("{}: {}. {}", error.code, error.what, error.mend)
}

fn cared(site: &Site, name: &str, what: Care, talk: &mut dyn Talk) -> Result<u8, Failure> {
    let store = site.store()?;
    let there = two_officers(site, &store, talk)?;
    let there: Vec<&Present> = there.iter().collect();
    let changes = care(&store, name, what, &there).map_err(Failure::keys)?;
    keep(&store, changes, SystemClock.unix_seconds())?;
    let done = match what {
        Care::Remove => "removed",
        Care::Unlock => "unlocked",
    };
    terminal::print(&format!("{name} is {done}"));
    Ok(0)
}

fn list(site: &Site, format: Format) -> Result<u8, Failure> {
    let known = people(&site.store()?).map_err(Failure::keys)?;
    let roles = |p: &Custodian| p.roles.iter().map(Role::to_string).collect::<Vec<_>>();
    if format == Format::Json {
        let rows: Vec<_> = known
            .iter()
            .map(|(_, p)| {
                json!({ "name": p.name, "roles": roles(p), "locked": p.locked(),
                    "registered": time::shown(p.created_at), "by": p.created_by,
                    "public_key": p.public_key })
            })
            .collect();
        terminal::json(&json!({ "schema_version": 1, "custodians": rows }));
        return Ok(0);
    }
    for (_, p) in &known {
        let locked = if p.locked() { "  LOCKED" } else { "" };
        terminal::print(&format!("{:<24}{}{locked}", p.name, roles(p).join(", ")));
    }
    if known.is_empty() {
        terminal::note("nobody is registered; begin with two security officers");
    }
    Ok(0)
}
