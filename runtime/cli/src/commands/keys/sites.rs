//! `keys site`: this site's identity, and the sites that it trusts.

use super::{
    desk::{at_desk, write_new},
    present,
};
use crate::{
    arguments::{
        Format,
        inventory::{SiteVerb, Who},
    },
    commands::production::SystemClock,
    failure::Failure,
    site::{Site, read_file},
    terminal,
};
use cardwright_keys::{
    inventory::{self, Act, People, Wish},
    packages::{Identity, Own, SiteRow, Trust, sites},
    reports::SitesReport,
};
use cardwright_ports::{Clock, Store, custody::KeyAlgorithm};
use std::path::Path;

/// Longest identity file.
const IDENTITY_OCTETS_MAX: u64 = 16_384;

/// Carries a verb out.
pub(super) fn run(site: &Site, verb: &SiteVerb) -> Result<u8, Failure> {
    match verb {
        SiteVerb::Make { rsa, owner, who } => make(site, *rsa, owner, who),
        SiteVerb::Show { out } => show(site, out.as_deref()),
        SiteVerb::Trust {
            file,
            fingerprint,
            who,
        } => trust(site, file, fingerprint, who),
        SiteVerb::List { format } => list(site, *format),
    }
}

/// Makes the key pairs, and puts them in the place of those that are in use.
fn make(site: &Site, rsa: bool, owner: &str, who: &Who) -> Result<u8, Failure> {
    let people = who.people();
    if people.second.is_none() {
        let what = "a site's identity is made by two people";
        return Err(Failure::keys(inventory::TWO_PEOPLE.found(what)));
    }
    present::prove(site, who)?;
    let algorithm = match rsa {
        true => KeyAlgorithm::Rsa {
            bits: 3072,
            exponent: 65_537,
        },
        false => KeyAlgorithm::P256,
    };
    at_desk(site, &people, |clerk| {
        for key in Own::keys(owner, algorithm, algorithm) {
            let made = clerk.generate(&key, &people).map_err(Failure::keys)?;
            let inventory = clerk.inventory().map_err(Failure::keys)?;
            let before = inventory.in_use(&key.name, people.at).map(|e| e.label());
            let label = made.label();
            let wish = Wish {
                label: &label,
                ..Wish::default()
            };
            match before {
                Some(old) => clerk.replace(&old, &label, &wish, &people),
                None => clerk.act(Act::Activate, &wish, &people).map(drop),
            }
            .map_err(Failure::keys)?;
        }
        let own = clerk
            .own_site(&site.file.name, people.at)
            .map_err(Failure::keys)?;
        print_own(&own);
        Ok(0)
    })
}

fn print_own(own: &Own) {
    terminal::print(&format!(
        "site        {}\nfingerprint {}\nkeys        {}, {}",
        own.identity.name, own.fingerprint, own.exchange, own.signing
    ));
}

fn show(site: &Site, out: Option<&Path>) -> Result<u8, Failure> {
    let people = People {
        who: "operator",
        second: None,
        at: SystemClock.unix_seconds(),
    };
    let own = at_desk(site, &people, |clerk| {
        clerk
            .own_site(&site.file.name, people.at)
            .map_err(Failure::keys)
    })?;
    if let Some(out) = out {
        let text = serde_json::to_string_pretty(&own.identity).unwrap_or_default();
        write_new(out, format!("{text}\n").as_bytes())?;
    }
    print_own(&own);
    Ok(0)
}

fn trust(site: &Site, file: &Path, fingerprint: &str, who: &Who) -> Result<u8, Failure> {
    let octets = read_file(file, IDENTITY_OCTETS_MAX)?;
    let identity = Identity::parse(&String::from_utf8_lossy(&octets)).map_err(Failure::keys)?;
    present::prove(site, who)?;
    let store = site.store()?;
    let people = who.people();
    let trust = SiteRow::trust(&store, &identity, fingerprint, &people).map_err(Failure::keys)?;
    let (changes, words) = match trust {
        Trust::Trusted(changes) => (changes, format!("{} is trusted", identity.name)),
        Trust::Waits(changes) => {
            let words = "noted; another person must compare the fingerprint, too";
            (changes, words.to_owned())
        }
    };
    store.commit(&changes.into_batch(people.at))?;
    terminal::print(&words);
    Ok(0)
}

fn list(site: &Site, format: Format) -> Result<u8, Failure> {
    let rows = sites(&site.store()?).map_err(Failure::keys)?;
    if format == Format::Json {
        let report = SitesReport::new(rows);
        terminal::json(&serde_json::to_value(report).unwrap_or_default());
        return Ok(0);
    }
    terminal::note_when(rows.is_empty(), "no other site is known");
    for (name, row) in rows {
        if let Some(trusted) = &row.trusted {
            let who = trusted.who.join(" and ");
            terminal::print(&format!(
                "{name:<20} trusted   {}  {who}",
                trusted.fingerprint
            ));
        }
        if let Some(waits) = &row.proposed {
            let who = waits.who.join(" and ");
            terminal::print(&format!(
                "{name:<20} confirmed {}  {who}",
                waits.fingerprint
            ));
        }
    }
    Ok(0)
}
