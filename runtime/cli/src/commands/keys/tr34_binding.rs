//! `keys tr34`: certificate requests, credential tokens, and tokens that bind, unbind and rebind devices.

use super::desk::{open_desk, write_new};
use super::tr34::{
    Sides, Trusted, certificate, kept_nonce, lists, their_nonce, token, usage, use_up,
};
use super::{present, time};
use crate::{
    arguments::{
        Format,
        inventory::Who,
        tr34::{Tr34Device, Tr34Let, Tr34Released},
    },
    failure::Failure,
    site::Site,
    terminal,
};
use cardwright_exchange::tr34::Binding;
use cardwright_keys::exchange::binding::{self, BindingRow, Letting, OwnDevice, Signed, bindings};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Makes a certificate request. Where people are registered, who is named types their secret.
pub(super) fn request(
    site: &Site,
    what: (&str, &str),
    out: &Path,
    who: &Who,
) -> Result<u8, Failure> {
    present::prove(site, who)?;
    let people = who.people();
    let made = open_desk(site, &people, |store, custody| {
        binding::request(store, custody, what, &people).map_err(Failure::keys)
    })?;
    write_new(out, &made)?;
    Ok(0)
}

/// Makes a credential token.
pub(super) fn credential(
    site: &Site,
    key: &str,
    (own, revocations): (&Path, &[PathBuf]),
    out: &Path,
    who: &Who,
) -> Result<u8, Failure> {
    present::prove(site, who)?;
    let people = who.people();
    let (own, revocations) = (certificate(own)?, lists(revocations)?);
    let made = open_desk(site, &people, |store, custody| {
        let made = binding::credential(store, custody, (key, &own), &revocations, &people);
        made.map_err(Failure::keys)
    })?;
    write_new(out, &made)?;
    Ok(0)
}

/// Binds a device to a host.
pub(super) fn bind(site: &Site, file: &Path, own: &Tr34Device) -> Result<u8, Failure> {
    present::prove(site, &own.who)?;
    let people = own.who.people();
    let (device, trusted) = (certificate(&own.device)?, Trusted::read(&own.trust)?);
    let token = token(file)?;
    let device = OwnDevice {
        key: &own.device_key,
        certificate: &device,
        trust: trusted.at(people.at),
    };
    let row = open_desk(site, &people, |store, custody| {
        binding::bind(store, custody, (&device, &token), &people).map_err(Failure::keys)
    })?;
    say(&own.device_key, &row)?;
    Ok(0)
}

fn say(device: &str, row: &BindingRow) -> Result<(), Failure> {
    let to = match row.host().map_err(Failure::keys)? {
        Some(host) => format!("is bound to {}", host.subject()),
        None => "is bound to nobody".to_owned(),
    };
    terminal::print(&format!("{device} {to}"));
    Ok(())
}

/// Lists bindings.
pub(super) fn list(site: &Site, format: Format) -> Result<u8, Failure> {
    let rows = bindings(&site.store()?).map_err(Failure::keys)?;
    if format == Format::Json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(key, row)| json!({ "device_key": key, "binding": row }))
            .collect();
        terminal::json(&json!({ "schema_version": 1, "bindings": rows }));
        return Ok(0);
    }
    for (key, row) in rows {
        say(&key, &row)?;
        let who = row.who.join(" and ");
        terminal::print(&format!("  since {} by {who}", time::shown(row.at)));
    }
    Ok(0)
}

/// Makes an unbind token, or a rebind token for a new host.
pub(super) fn let_go(
    site: &Site,
    wanted: &Tr34Let,
    new_host: Option<&PathBuf>,
) -> Result<u8, Failure> {
    present::prove(site, &wanted.who)?;
    let people = wanted.who.people();
    let sides = Sides::read(&wanted.sides)?;
    let new_host = new_host.map(|path| certificate(path)).transpose()?;
    let nonce = wanted.nonce.as_deref().map(their_nonce).transpose()?;
    let authority = wanted.authority_certificate.as_deref();
    let authority = authority.map(certificate).transpose()?;
    let signer = (&wanted.host_key, &nonce, &wanted.authority_key, &authority);
    let letting = match signer {
        (Some(key), Some(nonce), ..) => Letting::Host { key, nonce },
        (_, _, Some(key), Some(certificate)) => Letting::Authority { key, certificate },
        _ => {
            return Err(usage(
                "nobody signs the token".to_owned(),
                "name --host-key and --nonce, or --authority-key and --authority-certificate",
            ));
        }
    };
    let ends = Binding {
        krd: &sides.device,
        kdh: &sides.host,
    };
    let trust = sides.trusted.at(people.at);
    let made = open_desk(site, &people, |store, custody| {
        let how = (letting, new_host.as_ref());
        let made = binding::let_go(store, custody, &ends, how, (&trust, &people));
        made.map_err(Failure::keys)
    })?;
    write_new(&wanted.out, &made)?;
    Ok(0)
}

/// Takes an unbind or a rebind token. A nonce is used up by the attempt.
pub(super) fn released(site: &Site, wanted: &Tr34Released, rebind: bool) -> Result<u8, Failure> {
    let own = &wanted.own;
    present::prove(site, &own.who)?;
    let people = own.who.people();
    let (device, trusted) = (certificate(&own.device)?, Trusted::read(&own.trust)?);
    let token = token(&wanted.file)?;
    let nonce = wanted.nonce.as_deref().map(kept_nonce).transpose()?;
    let authority = wanted.signed_by.as_deref().map(certificate).transpose()?;
    let signed = match (&nonce, &authority) {
        (Some(nonce), _) => Signed::Host(nonce),
        (None, Some(authority)) => Signed::Authority(authority),
        (None, None) => {
            let what = "neither nonce nor authority".to_owned();
            return Err(usage(what, "name --nonce or --signed-by"));
        }
    };
    let device = OwnDevice {
        key: &own.device_key,
        certificate: &device,
        trust: trusted.at(people.at),
    };
    use_up(wanted.nonce.as_deref())?;
    let row = open_desk(site, &people, |store, _| {
        let made = binding::released(store, (&device, &token), (signed, rebind), &people);
        made.map_err(Failure::keys)
    })?;
    say(&own.device_key, &row)?;
    Ok(0)
}
