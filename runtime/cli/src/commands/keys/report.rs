//! `keys report`: inventory, due keys, uses and packages on one page; no script, no link.

use super::{
    desk::write_new,
    list::{collect_uses, inventory, origin, values},
    time,
};
use crate::{commands::production::SystemClock, failure::Failure, site::Site, terminal};
use cardwright_keys::{
    inventory::{Due, KeyEntry, Uses},
    packages::{PackageRow, packages},
};
use cardwright_ports::Clock;
use std::{fmt::Write, path::Path};

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;\
padding:0 1rem;color:#1b1f24}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;\
padding:.35rem .6rem;border-bottom:1px solid #d8dde3}th{font-weight:600;background:#f4f6f8}\
td:first-child{font-family:ui-monospace,monospace}@media print{body{margin:0}}";

/// Writes the page.
pub(super) fn run(site: &Site, out: &Path) -> Result<u8, Failure> {
    let store = site.store()?;
    let inventory = inventory(&store)?;
    let now = SystemClock.unix_seconds();
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Keys of {name}</title>\
         <style>{STYLE}</style><body><h1>Keys of {name}</h1><p>{at}</p>",
        name = escape(&site.file.name),
        at = escape(&time::shown(now)),
    );
    let days = site.file.keys.alert_days;
    due(&mut page, &inventory.due(now, days), days);
    keys(&mut page, inventory.entries());
    uses(&mut page, &collect_uses(site, &store, None)?);
    distribution(&mut page, &packages(&store).map_err(Failure::keys)?);
    page.push_str("</body></html>\n");
    write_new(out, page.as_bytes())?;
    terminal::print(&out.display().to_string());
    Ok(0)
}

fn table(page: &mut String, title: &str, head: &[&str], rows: &[Vec<String>]) {
    let _ = write!(page, "<h2>{}</h2>", escape(title));
    if rows.is_empty() {
        page.push_str("<p>None.</p>");
        return;
    }
    page.push_str("<table><tr>");
    for name in head {
        let _ = write!(page, "<th>{}</th>", escape(name));
    }
    page.push_str("</tr>");
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            let _ = write!(page, "<td>{}</td>", escape(cell));
        }
        page.push_str("</tr>");
    }
    page.push_str("</table>");
}

fn due(page: &mut String, due: &[Due], days: u32) {
    let rows: Vec<Vec<String>> = due
        .iter()
        .map(|d| {
            let at = d.at.map_or(String::new(), time::shown);
            vec![
                d.label.clone(),
                at,
                d.why.words().to_owned(),
                d.owner.clone(),
            ]
        })
        .collect();
    let title = format!("Due within {days} days");
    table(page, &title, &["Key", "When", "Why", "Owner"], &rows);
}

fn keys<'k>(page: &mut String, entries: impl Iterator<Item = &'k KeyEntry>) {
    let day = |at: Option<i64>| at.map_or(String::new(), time::shown);
    let rows: Vec<Vec<String>> = entries
        .map(|e| {
            vec![
                e.label(),
                e.state.name().to_owned(),
                e.usage.clone(),
                e.algorithm.clone(),
                values(e),
                day(e.active_from),
                day(e.active_to),
                e.owner.clone(),
                e.zone.clone(),
                origin(e),
            ]
        })
        .collect();
    let head = [
        "Key",
        "State",
        "Use",
        "Algorithm",
        "Check values",
        "From",
        "Until",
        "Owner",
        "Zone",
        "Origin",
    ];
    table(page, "Inventory", &head, &rows);
}

fn uses(page: &mut String, uses: &[Uses]) {
    let rows: Vec<Vec<String>> = uses
        .iter()
        .map(|u| {
            let jobs: Vec<String> = u.jobs.iter().map(u64::to_string).collect();
            vec![
                u.label.clone(),
                u.bundles.join(", "),
                jobs.join(", "),
                u.wrapped.join(", "),
                u.copies.join(", "),
                u.certificates.join(", "),
                u.ceremonies.join(", "),
            ]
        })
        .collect();
    let head = [
        "Key",
        "Bundles",
        "Jobs",
        "Keys under it",
        "Copies",
        "Certificates",
        "Ceremonies",
    ];
    table(page, "Use by key", &head, &rows);
}

fn distribution(page: &mut String, packages: &[PackageRow]) {
    let rows: Vec<Vec<String>> = packages
        .iter()
        .map(|p| {
            let keys: Vec<&str> = p.keys.iter().map(|k| k.label.as_str()).collect();
            vec![
                p.package.clone(),
                p.direction.name().to_owned(),
                p.site.clone(),
                p.state.name().to_owned(),
                time::shown(p.made_at),
                keys.join(", "),
            ]
        })
        .collect();
    let head = ["Package", "Way", "Site", "State", "Made", "Keys"];
    table(page, "Packages", &head, &rows);
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}
