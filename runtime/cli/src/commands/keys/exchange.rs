//! `keys export`, `keys import`, `keys public-key`: keys under other keys.

use super::desk::{open_desk, write_new};
use super::present;
use crate::{
    arguments::exchange::{CarrierArguments, Export, Import, IncomingKey},
    failure::{Failure, exit},
    site::{Site, read_file},
    terminal,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use cardwright_keys::{
    exchange::{
        Carrier, Giving, NOT_ALLOWED, Taking, give, public_key_der, public_key_of_der, take,
    },
    inventory::{KeyEntry, KeyLabel, NewEntry, Origin},
};
use cardwright_ports::{
    CustodyHsm,
    custody::{Exportability, KeyAlgorithm, OaepHash, PublicKey},
    hsm::KeyUse,
};
use cardwright_standards::key_policy::{Day, Form};
use jiff::{Timestamp, tz::TimeZone};
use std::path::Path;

const FILE_MAX: u64 = 64 << 10;
const PEM_HEAD: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_TAIL: &str = "-----END PUBLIC KEY-----";

fn usage(what: String, mend: &str) -> Failure {
    Failure::new(exit::USAGE, NOT_ALLOWED.code, what, mend)
}

/// The form of a name.
pub(super) fn form(name: &str) -> Result<Form, Failure> {
    Form::of(name).ok_or_else(|| {
        let names: Vec<&str> = cardwright_standards::key_policy::FORMS
            .iter()
            .map(|row| row.name)
            .collect();
        let what = format!("`{name}` is no form of exchange");
        usage(what, &format!("forms are {}", names.join(", ")))
    })
}

/// The day of a moment, UTC.
pub(super) fn today(at: i64) -> Result<Day, Failure> {
    let date = Timestamp::from_second(at).map(|t| t.to_zoned(TimeZone::UTC).date());
    let day = date.ok().and_then(|date| {
        let (year, month, day) = (date.year(), date.month(), date.day());
        Day::new(
            year.unsigned_abs().into(),
            month.unsigned_abs().into(),
            day.unsigned_abs().into(),
        )
    });
    day.ok_or_else(|| {
        let what = "the clock shows a day that can't be";
        Failure::new(exit::ENVIRONMENT, "R1385", what, "set the clock")
    })
}

/// A public key file, PEM or DER.
pub(super) fn public_key(path: &Path) -> Result<PublicKey, Failure> {
    let octets = read_file(path, FILE_MAX)?;
    let wrong = || {
        usage(
            format!("{} is no public key", path.display()),
            "ask for it as PEM",
        )
    };
    let der = match std::str::from_utf8(&octets) {
        Ok(text) if text.trim_start().starts_with(PEM_HEAD) => {
            let body = text.trim().strip_prefix(PEM_HEAD).unwrap_or_default();
            let body = body.strip_suffix(PEM_TAIL).ok_or_else(wrong)?;
            let digits: String = body.split_whitespace().collect();
            BASE64_STANDARD.decode(digits).map_err(|_| wrong())?
        }
        _ => octets,
    };
    public_key_of_der(&der).map_err(Failure::keys)
}

fn hash(name: &str) -> Result<OaepHash, Failure> {
    match name {
        "sha256" => Ok(OaepHash::Sha256),
        "sha1" => Ok(OaepHash::Sha1),
        _ => Err(usage(
            format!("`{name}` is no hash of rsa-oaep"),
            "hashes are sha256, sha1",
        )),
    }
}

fn carrier<'a>(
    wanted: &'a CarrierArguments,
    form: Form,
    peer: Option<&'a PublicKey>,
) -> Result<Carrier<'a>, Failure> {
    Ok(match form {
        Form::RsaOaep => Carrier::Oaep {
            receiver: peer,
            own: &wanted.under,
            hash: hash(&wanted.hash)?,
        },
        Form::EcdhKeyWrap => Carrier::Ecdh {
            own: &wanted.under,
            peer: peer.ok_or_else(|| {
                usage(
                    "no public key of the other side".to_owned(),
                    "name it with `--peer`",
                )
            })?,
            info: wanted.info.as_bytes(),
        },
        _ => Carrier::Under(&wanted.under),
    })
}

/// Gives a key out. Where people are registered, who is named types their secret.
pub(super) fn export(site: &Site, wanted: &Export) -> Result<u8, Failure> {
    present::prove(site, &wanted.who)?;
    let people = wanted.who.people();
    let form = form(&wanted.carrier.form)?;
    let peer = wanted.carrier.peer.as_deref().map(public_key).transpose()?;
    let blocks: Vec<(String, String)> = wanted
        .blocks
        .iter()
        .map(|text| {
            let (id, data) = text.split_once('=').unwrap_or((text, ""));
            (id.to_owned(), data.to_owned())
        })
        .collect();
    let giving = Giving {
        label: &wanted.key,
        form,
        carrier: carrier(&wanted.carrier, form, peer.as_ref())?,
        to: &wanted.to,
        mode: wanted.mode,
        exportability: wanted.exportability,
        blocks: &blocks,
        exception: wanted.carrier.exception.as_deref(),
        today: today(people.at)?,
    };
    let given = open_desk(site, &people, |store, custody| {
        give(store, custody, &giving, &people).map_err(Failure::keys)
    })?;
    let text = match form {
        Form::KeyBlock(_) => String::from_utf8_lossy(&given.wrapped).into_owned(),
        _ => hex::encode_upper(&given.wrapped),
    };
    match &wanted.out {
        Some(path) => write_new(path, format!("{text}\n").as_bytes())?,
        None => terminal::print(&text),
    }
    for value in &given.check_values {
        terminal::note(&format!("{}: {} {}", wanted.key, value.method, value.value));
    }
    for value in &given.under_check_values {
        terminal::note(&format!("wrapping key: {} {}", value.method, value.value));
    }
    Ok(0)
}

/// The entry of a key that comes in, without origin; bits and exponent are those of an RSA key, else 0.
pub(super) fn new_entry(
    wanted: &IncomingKey,
    (bits, exponent): (u32, u32),
) -> Result<NewEntry, Failure> {
    let (name, version) = match KeyLabel::parse(&wanted.key) {
        Some(label) => (label.name, Some(label.version)),
        None => (wanted.key.clone(), None),
    };
    let none = |what: &str, text: &str| usage(format!("no {what} `{text}`"), "see `--help`");
    let algorithm = KeyAlgorithm::from_name(&wanted.algorithm, bits, exponent);
    let exportability = Exportability::ALL.iter();
    let exportability = exportability
        .into_iter()
        .find(|row| row.2 == wanted.exportability);
    let expected = wanted.check_value.as_deref();
    Ok(NewEntry {
        name,
        version,
        owner: wanted.owner.clone(),
        usage: KeyUse::from_name(&wanted.usage).ok_or_else(|| none("use", &wanted.usage))?,
        algorithm: algorithm.ok_or_else(|| none("algorithm", &wanted.algorithm))?,
        exportability: exportability
            .ok_or_else(|| none("exportability", &wanted.exportability))?
            .0,
        zone: wanted.zone.clone(),
        origin: Origin::Adopted {},
        custodians: Vec::new(),
        period: (None, None),
        check_values: expected
            .map(super::ceremony::check_value)
            .transpose()?
            .into_iter()
            .collect(),
        transient: false,
    })
}

/// Says that a key has come in, with its check values.
pub(super) fn tell_taken(taken: &KeyEntry) {
    terminal::print(&format!("{} is pre-active", taken.label()));
    for value in &taken.check_values {
        terminal::print(&format!("check value {} {}", value.method, value.value));
    }
}

/// Takes a key in. Where people are registered, who is named types their secret.
pub(super) fn import(site: &Site, wanted: &Import) -> Result<u8, Failure> {
    present::prove(site, &wanted.who)?;
    let people = wanted.who.people();
    let form = form(&wanted.carrier.form)?;
    let peer = wanted.carrier.peer.as_deref().map(public_key).transpose()?;
    let text = read_file(&wanted.file, FILE_MAX)?;
    let kept: Vec<u8> = text
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let wrapped = match form {
        // Labels in optional blocks may hold spaces: only the line's end goes.
        Form::KeyBlock(_) => text.trim_ascii().to_vec(),
        _ => hex::decode(&kept).map_err(|_| {
            let what = format!("{} is not hexadecimal", wanted.file.display());
            usage(what, "write the wrapped key as hexadecimal digits")
        })?,
    };
    let taking = Taking {
        wrapped: &wrapped,
        form,
        carrier: carrier(&wanted.carrier, form, peer.as_ref())?,
        key: new_entry(&wanted.new, (wanted.bits, wanted.exponent))?,
        from: &wanted.new.from,
        unknown_blocks: wanted.accept_unknown_blocks,
        exception: wanted.carrier.exception.as_deref(),
        today: today(people.at)?,
    };
    let taken: KeyEntry = open_desk(site, &people, |store, custody| {
        take(store, custody, &taking, &people).map_err(Failure::keys)
    })?;
    tell_taken(&taken);
    if wanted.new.check_value.is_none() {
        terminal::note("no check value was expected: compare it with the sender before its use");
    }
    Ok(0)
}

/// Prints the public half of a key pair as PEM.
pub(super) fn print_public(site: &Site, label: &str) -> Result<u8, Failure> {
    let hsm = site.hsm()?;
    let mut custody = hsm.open_custody()?;
    let der = public_key_der(&custody.public_key(label)?).map_err(Failure::keys)?;
    let text = BASE64_STANDARD.encode(der);
    terminal::print(PEM_HEAD);
    for line in text.as_bytes().chunks(64) {
        terminal::print(&String::from_utf8_lossy(line));
    }
    terminal::print(PEM_TAIL);
    Ok(0)
}
