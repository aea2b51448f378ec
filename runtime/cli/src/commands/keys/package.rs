//! `keys package`: keys to other sites and from them.

use super::{
    desk::{at_desk, write_new},
    present, time,
};
use crate::{
    arguments::{
        Format,
        inventory::{PackageVerb, Who},
    },
    failure::{Failure, exit},
    site::{Site, read_file},
    terminal,
};
use cardwright_keys::{
    KeysError,
    packages::{FILE_OCTETS_MAX, Opening, PackageRow, Packing, packages},
    reports::PackagesReport,
};
use std::path::Path;

const DAY_SECONDS: i64 = 86_400;

/// Carries a verb out.
pub(super) fn run(site: &Site, verb: &PackageVerb) -> Result<u8, Failure> {
    match verb {
        PackageVerb::Make {
            keys,
            to,
            out,
            days,
            who,
        } => make(site, keys, to, (out, *days), who),
        PackageVerb::Open { file, receipt, who } => open(site, file, receipt, who),
        PackageVerb::Receipt { package, out, who } => receipt(site, package, out, who),
        PackageVerb::Acknowledge { file, who } => acknowledge(site, file, who),
        PackageVerb::List { format } => list(site, *format),
    }
}

/// A number that nobody has had.
fn number() -> Result<String, Failure> {
    let mut octets = [0; 8];
    getrandom::fill(&mut octets).map_err(|_| {
        Failure::new(
            exit::ENVIRONMENT,
            "R1290",
            "the system gives no random octets",
            "start the system anew",
        )
    })?;
    Ok(format!("p{}", hex::encode(octets)))
}

fn make(
    site: &Site,
    keys: &[String],
    to: &str,
    (out, days): (&Path, Option<u32>),
    who: &Who,
) -> Result<u8, Failure> {
    refuse_old(out)?;
    present::prove(site, who)?;
    let people = who.people();
    let package = number()?;
    let days = days.unwrap_or(site.file.keys.package_days);
    let packing = Packing {
        package: &package,
        own: &site.file.name,
        to,
        labels: keys,
        expires_at: people.at.saturating_add(i64::from(days) * DAY_SECONDS),
    };
    let row = at_desk(site, &people, |clerk| {
        let made = clerk.pack(&packing, &people, &mut |octets| {
            write_new(out, octets).map_err(|failure| KeysError {
                code: "R1290",
                what: failure.words(),
                mend: "name a file that can be written; make the package again",
            })
        });
        made.map_err(Failure::keys)
    })?;
    terminal::print(&format!(
        "{} for {to}, {}; can be opened before {}\n{}",
        row.package,
        counted(&row),
        time::shown(row.expires_at),
        out.display()
    ));
    Ok(0)
}

/// Refuses a file that is there before anything is done.
fn refuse_old(path: &Path) -> Result<(), Failure> {
    match path.exists() {
        false => Ok(()),
        true => Err(Failure::new(
            exit::ENVIRONMENT,
            "R1290",
            format!("{} is there", path.display()),
            "name a new file",
        )),
    }
}

fn open(site: &Site, file: &Path, receipt: &Path, who: &Who) -> Result<u8, Failure> {
    refuse_old(receipt)?;
    let octets = read_file(file, FILE_OCTETS_MAX as u64)?;
    present::prove(site, who)?;
    let people = who.people();
    at_desk(site, &people, |clerk| {
        let opening = Opening {
            own: &site.file.name,
            file: &octets,
        };
        let row = clerk.unpack(&opening, &people).map_err(Failure::keys)?;
        for key in &row.keys {
            let values: Vec<String> = key
                .check_values
                .iter()
                .map(|c| format!("{} {}", c.method, c.value))
                .collect();
            terminal::print(&format!(
                "{:<28} pre_active  {}",
                key.label,
                values.join(", ")
            ));
        }
        let signed = clerk
            .receipt(&site.file.name, &row.package, &people)
            .map_err(Failure::keys)?;
        write_new(receipt, &signed)?;
        terminal::print(&format!(
            "{} is opened; send {} back",
            row.package,
            receipt.display()
        ));
        Ok(0)
    })
}

fn receipt(site: &Site, package: &str, out: &Path, who: &Who) -> Result<u8, Failure> {
    let people = who.people();
    at_desk(site, &people, |clerk| {
        let signed = clerk.receipt(&site.file.name, package, &people);
        write_new(out, &signed.map_err(Failure::keys)?)?;
        terminal::print(&out.display().to_string());
        Ok(0)
    })
}

fn acknowledge(site: &Site, file: &Path, who: &Who) -> Result<u8, Failure> {
    let octets = read_file(file, FILE_OCTETS_MAX as u64)?;
    let people = who.people();
    at_desk(site, &people, |clerk| {
        let row = clerk
            .acknowledge(&site.file.name, &octets, &people)
            .map_err(Failure::keys)?;
        terminal::print(&format!(
            "{} has arrived at {}: {} with the same check values",
            row.package,
            row.site,
            counted(&row)
        ));
        Ok(0)
    })
}

fn list(site: &Site, format: Format) -> Result<u8, Failure> {
    let rows = packages(&site.store()?).map_err(Failure::keys)?;
    if format == Format::Json {
        let report = PackagesReport::new(rows);
        terminal::json(&serde_json::to_value(report).unwrap_or_default());
    } else {
        terminal::note_when(rows.is_empty(), "no package was made or taken in");
        rows.iter()
            .for_each(|row| terminal::print(&package_line(row)));
    }
    Ok(0)
}

pub(super) fn package_line(row: &PackageRow) -> String {
    format!(
        "{}  {:<8} {:<20} {:<12} {:>8}  {}",
        row.package,
        row.direction.name(),
        row.site,
        row.state.name(),
        counted(row),
        time::shown(row.made_at)
    )
}

fn counted(row: &PackageRow) -> String {
    match row.keys.len() {
        1 => "1 key".to_owned(),
        count => format!("{count} keys"),
    }
}
