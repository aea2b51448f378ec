//! `audit`: the log and its proof.

use crate::{
    arguments::{Audit, AuditVerb, Format},
    failure::{Failure, exit},
    site::Site,
    terminal,
};
use cardwright_ports::store::Store;
use serde_json::json;
use std::path::Path;

/// Shows or verifies.
pub(crate) fn run(site: &Path, arguments: &Audit) -> Result<u8, Failure> {
    let site = Site::open(site)?;
    match &arguments.verb {
        AuditVerb::Verify { format } => verify(&site, *format),
        AuditVerb::Show {
            after,
            limit,
            format,
        } => show(&site, *after, *limit, *format),
    }
}

fn verify(site: &Site, format: Format) -> Result<u8, Failure> {
    let verdict = site.verify_audit()?;
    let holds = verdict.findings.is_empty();
    if format == Format::Json {
        terminal::json(&json!({
            "schema_version": 1,
            "holds": holds,
            "entries": verdict.entries,
            "checkpoints": verdict.checkpoints,
            "anchors": verdict.anchors,
            "head": hex::encode_upper(verdict.head),
            "findings": verdict.findings,
        }));
    } else {
        let word = if holds { "holds" } else { "DOES NOT HOLD" };
        terminal::print(&format!(
            "audit chain {word}: {} entries, {} signed checkpoints, {} anchored",
            verdict.entries, verdict.checkpoints, verdict.anchors
        ));
        for finding in &verdict.findings {
            terminal::print(&format!("  {finding}"));
        }
    }
    Ok(if holds { 0 } else { exit::FINDINGS })
}

fn show(site: &Site, after: u64, limit: usize, format: Format) -> Result<u8, Failure> {
    let records = site.store()?.audit(after, limit)?;
    if format == Format::Json {
        let entries: Vec<_> = records
            .iter()
            .map(|r| {
                json!({
                    "sequence": r.sequence, "at": r.at, "actor": r.entry.actor,
                    "act": r.entry.act, "job": r.entry.key.job, "order": r.entry.key.order,
                    "detail": r.entry.detail, "hash": hex::encode_upper(r.hash),
                })
            })
            .collect();
        terminal::json(&json!({ "schema_version": 1, "entries": entries }));
    } else {
        for r in records {
            terminal::print(&format!(
                "{:>8}  {}  {:<10} {:<14} job {} order {}  {}",
                r.sequence,
                r.at,
                r.entry.actor,
                r.entry.act,
                r.entry.key.job,
                r.entry.key.order,
                r.entry.detail
            ));
        }
    }
    Ok(0)
}
