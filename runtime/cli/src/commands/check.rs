//! `check`: is this site fit to work?

use crate::{
    arguments::{Check, Format},
    failure::{Failure, exit},
    site::Site,
    site_hsm::SiteHsm,
    terminal,
};
use cardwright_machine::Ledger;
use cardwright_ports::{Hsm, Store};
use cardwright_runtime::{Loaded, plan::BoundKeys};
use serde_json::json;
use std::path::Path;

struct Finding {
    what: String,
    wrong: Option<String>,
}

fn fine(what: impl Into<String>) -> Finding {
    Finding {
        what: what.into(),
        wrong: None,
    }
}

fn judged(what: impl Into<String>, result: Result<(), String>) -> Finding {
    Finding {
        what: what.into(),
        wrong: result.err(),
    }
}

/// Runs every self-test.
pub(crate) fn run(site: &Path, arguments: &Check) -> Result<u8, Failure> {
    let site = Site::open(site)?;
    let mut findings = Vec::new();
    let hsm = site.hsm()?;
    findings.extend(of_hsm(&hsm));
    findings.push(fine(format!("HSM: {}", hsm.info().name)));
    let lanes = site.lanes(None).map(drop).map_err(|e| e.words());
    findings.push(judged("HSM: sessions for a lane a processor", lanes));
    if let Some(bundle) = &arguments.bundle {
        let loaded = super::bundle::verify(&site, &super::bundle::read(bundle)?)?;
        let name = format!(
            "{} keys with the bundle's check values",
            loaded.content().keys.len()
        );
        let bound = bound(&site, &loaded, &hsm)?;
        findings.push(judged(name, bound.map_err(|e| e.words())));
    }
    let store = site.store()?;
    findings.push(fine(format!("store: {} jobs", store.jobs()?.len())));
    let due = super::keys::due_soon(&site, &store)?;
    let named = "keys: none cut off, past its end, or ending without another to follow";
    findings.push(judged(
        named,
        if due.is_empty() {
            Ok(())
        } else {
            Err(due.join("; "))
        },
    ));
    let audit = store.verify_audit()?;
    findings.push(judged(
        format!("audit chain: {} entries", audit.entries),
        if audit.findings.is_empty() {
            Ok(())
        } else {
            Err(audit.findings.join("; "))
        },
    ));
    let ledger = Ledger::audit(&site.machine_folder())?;
    findings.push(judged(
        format!("machine ledger: {} blanks issued", ledger.issued),
        if ledger.holds() {
            Ok(())
        } else {
            Err(ledger.findings.join("; "))
        },
    ));
    Ok(show(&findings, arguments.format))
}

/// Binds a bundle's keys as a job would.
fn bound(site: &Site, loaded: &Loaded, hsm: &dyn Hsm) -> Result<Result<(), Failure>, Failure> {
    let labels = match super::keys::ready(site, &site.store()?, loaded) {
        Ok(labels) => labels,
        Err(failure) => return Ok(Err(failure)),
    };
    let mut session = hsm.open_session()?;
    let bound = match BoundKeys::bind_as(loaded.content(), session.as_mut(), &labels) {
        Ok(bound) => bound,
        Err(e) => return Ok(Err(Failure::from(e))),
    };
    let able = cardwright_stations::abilities::check(loaded, &bound, session.as_mut());
    Ok(able.map_err(Failure::from))
}

/// What the HSM answers, and how it carries the intents out.
fn of_hsm(hsm: &SiteHsm) -> Vec<Finding> {
    let other = |passed| match passed {
        true => Ok(()),
        false => Err("another answer".to_owned()),
    };
    match hsm {
        SiteHsm::Soft(_) => cardwright_soft_hsm::known_answers()
            .into_iter()
            .map(|(name, passed)| judged(format!("HSM known answer: {name}"), other(passed)))
            .collect(),
        // Opening it has looked at the HSM: diagnostics, LMK, a known answer.
        SiteHsm::Payment(..) => vec![fine("HSM: diagnostics and a known answer hold".to_owned())],
        // Opening it has asked every known answer; a wrong one ends there.
        SiteHsm::Pkcs11(hsm) => {
            let describe = |line: cardwright_pkcs11::Description| {
                let memory = match line.host_memory {
                    true => "a key in host memory",
                    false => "no key in host memory",
                };
                let what = match line.possible {
                    true => format!("HSM {:?}: {} ({memory})", line.intent, line.composition),
                    false => format!("HSM {:?}: not possible: {}", line.intent, line.composition),
                };
                fine(what)
            };
            hsm.describe().into_iter().map(describe).collect()
        }
    }
}

fn show(findings: &[Finding], format: Format) -> u8 {
    let wrong = findings.iter().filter(|f| f.wrong.is_some()).count();
    if format == Format::Json {
        let list: Vec<_> = findings
            .iter()
            .map(|f| json!({"check": f.what, "passed": f.wrong.is_none(), "wrong": f.wrong}))
            .collect();
        terminal::json(&json!({ "schema_version": 1, "passed": wrong == 0, "checks": list }));
    } else {
        for finding in findings {
            match &finding.wrong {
                None => terminal::print(&format!("ok     {}", finding.what)),
                Some(what) => terminal::print(&format!("WRONG  {}: {what}", finding.what)),
            }
        }
    }
    if wrong == 0 { 0 } else { exit::DEVICE }
}
