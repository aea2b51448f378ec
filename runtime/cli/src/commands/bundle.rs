//! `bundle`: verify, accept, look.

use crate::{
    arguments::{Bundle, BundleVerb, Format},
    failure::{Failure, exit},
    site::{Site, read_file},
    terminal,
};
use cardwright_bundle::{Content, Environment, Limits};
use cardwright_ports::{
    Clock,
    store::{AuditEntry, Batch, BundleRow, Change, OrderKey, Store},
};
use cardwright_runtime::{Loaded, load};
use serde_json::json;
use std::path::Path;

/// Carries the verb out.
pub(crate) fn run(site: &Path, arguments: &Bundle) -> Result<u8, Failure> {
    let site = Site::open(site)?;
    match &arguments.verb {
        BundleVerb::Load { file } => {
            let bytes = read(file)?;
            let loaded = verify(&site, &bytes)?;
            accept(&site, &site.store()?, &loaded, &bytes)?;
            let digest = hex::encode_upper(loaded.bundle().digest());
            terminal::print(&format!("accepted {} {digest}", loaded.content().name));
        }
        BundleVerb::List { format } => list(&site, *format)?,
        BundleVerb::Show { file, format } => show(&verify(&site, &read(file)?)?, *format),
    }
    Ok(0)
}

/// Reads a bundle's octets.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    read_file(file, Limits::default().bundle_bytes as u64)
}

/// Verifies a bundle for this site, before any key, device or store is touched.
pub(crate) fn verify(site: &Site, bytes: &[u8]) -> Result<Loaded, Failure> {
    let loaded = load::load(bytes, &Limits::default(), &site.trust()?)?;
    if loaded.content().environment == Environment::Live
        && let Some(why) = site.hsm()?.not_for_live()
    {
        return Err(Failure::new(
            exit::TRUST,
            "R1011",
            why,
            "run it at a site with a real HSM that keeps every working key inside",
        ));
    }
    Ok(loaded)
}

/// Accepts a verified bundle: a site never goes back to a lower sequence.
pub(crate) fn accept(
    site: &Site,
    store: &dyn Store,
    loaded: &Loaded,
    bytes: &[u8],
) -> Result<(), Failure> {
    let content = loaded.content();
    let digest = hex::encode_upper(loaded.bundle().digest());
    let rows = store.bundles()?;
    // Also a bundle that was accepted once: its sequence is over when a higher one has come.
    let newer = |row: &&BundleRow| row.name == content.name && row.sequence > content.sequence;
    if let Some(newer) = rows.iter().find(newer) {
        return Err(Failure::new(
            exit::TRUST,
            "R1012",
            format!(
                "{} has sequence {}, this site has accepted {}",
                content.name, content.sequence, newer.sequence
            ),
            "load the newest bundle, or raise `sequence` and build again",
        ));
    }
    if rows.iter().any(|row| row.digest == digest) {
        return Ok(());
    }
    let path = site.bundle_path(&digest);
    std::fs::write(&path, bytes).map_err(|e| Failure::file(&path, &e))?;
    let now = super::production::SystemClock.unix_seconds();
    let row = BundleRow {
        digest: digest.clone(),
        name: content.name.clone(),
        sequence: content.sequence,
        loaded_at: now,
    };
    let audit = AuditEntry {
        actor: "operator".into(),
        act: "bundle".into(),
        key: OrderKey { job: 0, order: 0 },
        detail: format!(
            "{} {} accepted, digest {digest}",
            content.name, content.version
        ),
    };
    let batch = Batch {
        at: now,
        require: None,
        changes: vec![Change::Bundle(row)],
        audit: vec![audit],
    };
    Ok(store.commit(&batch)?)
}

fn list(site: &Site, format: Format) -> Result<(), Failure> {
    let rows = site.store()?.bundles()?;
    if format == Format::Json {
        let rows: Vec<_> = rows
            .iter()
            .map(|r| json!({"name": r.name, "sequence": r.sequence, "digest": r.digest}))
            .collect();
        terminal::json(&json!({ "schema_version": 1, "bundles": rows }));
    } else {
        terminal::note_when(rows.is_empty(), "no bundle was loaded");
        for row in rows {
            terminal::print(&format!(
                "{:<24} {:>6}  {}",
                row.name, row.sequence, row.digest
            ));
        }
    }
    Ok(())
}

fn show(loaded: &Loaded, format: Format) {
    let content = loaded.content();
    let digest = hex::encode_upper(loaded.bundle().digest());
    if format == Format::Json {
        let names = |list: Vec<&String>| list.into_iter().cloned().collect::<Vec<_>>();
        terminal::json(&json!({
            "schema_version": 1,
            "name": content.name, "version": content.version, "sequence": content.sequence,
            "test": content.environment == Environment::Test, "digest": digest,
            "issuer": content.issuer.name,
            "keys": content.keys.iter().map(|k| json!({
                "name": k.name, "algorithm": k.algorithm, "use": k.usage,
                "check_value": k.check_value})).collect::<Vec<_>>(),
            "cards": names(content.cards.iter().map(|c| &c.name).collect()),
            "layouts": names(content.layouts.iter().map(|l| &l.name).collect()),
            "jobs": names(content.jobs.iter().map(|j| &j.name).collect()),
        }));
    } else {
        human(content, &digest);
    }
}

fn human(content: &Content, digest: &str) {
    let environment = match content.environment {
        Environment::Test => "TEST",
        Environment::Live => "LIVE",
    };
    terminal::print(&format!(
        "{} {} (sequence {}) for {}, {environment}\ndigest {digest}\n",
        content.name, content.version, content.sequence, content.issuer.name
    ));
    for key in &content.keys {
        terminal::print(&format!(
            "key      {:<24} {:<8} {:<40} {}",
            key.name, key.algorithm, key.usage, key.check_value
        ));
    }
    for card in &content.cards {
        let applications = card.chip.iter().flat_map(|c| &c.applications);
        let names: Vec<&str> = applications.map(|a| a.name.as_str()).collect();
        terminal::print(&format!("card     {:<24} {}", card.name, names.join(", ")));
    }
    for layout in &content.layouts {
        terminal::print(&format!("layout   {:<24} {}", layout.name, layout.purpose));
    }
    for job in &content.jobs {
        let products: Vec<&str> = job.products.iter().map(|p| p.code.as_str()).collect();
        terminal::print(&format!(
            "job      {:<24} {}",
            job.name,
            products.join(", ")
        ));
    }
}
