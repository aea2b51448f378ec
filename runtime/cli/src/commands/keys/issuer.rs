//! `keys issuer` and `keys ca`: issuer certificates, and the public keys that they are checked with.

use super::desk::{open_desk, write_new};
use super::present;
use crate::{
    arguments::{
        Format,
        inventory::Who,
        issuer::{CaVerb, IssuerRequest, IssuerVerb},
    },
    commands::production::SystemClock,
    failure::{Failure, exit},
    site::{Site, read_file},
    terminal,
};
use cardwright_exchange::issuer::{
    Month,
    ca_keys::CaKeys,
    forms::RequestFields,
    import::{CertificateFile, Imported},
    renewal::{Due, Renewal},
    request::OpenRequest,
};
use cardwright_keys::{
    Ledger,
    issuer::{
        Asking, CERTIFICATE, CertificateRow, Issued, add_authorities, ask, authorities,
        authority_of_key, certificates, certify, import, successor,
    },
};
use cardwright_ports::{Clock, CustodyHsm};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::json;
use std::path::Path;

const FILE_MAX: u64 = 256 << 10;

/// Carries a verb of `keys issuer` out.
pub(super) fn run(site: &Site, verb: &IssuerVerb) -> Result<u8, Failure> {
    match verb {
        IssuerVerb::Request(wanted) => request(site, wanted),
        IssuerVerb::Certify {
            request,
            authority,
            ca_index,
            ca_expiry,
            out,
        } => certified(site, request, authority, (ca_index, ca_expiry), out),
        IssuerVerb::Import {
            file,
            key,
            out,
            who,
        } => imported(site, file, key, out.as_deref(), who),
        IssuerVerb::Renew {
            key,
            by,
            expiry,
            out,
            who,
        } => renew(site, (key, by), expiry, out, who),
        IssuerVerb::List {
            card_months,
            lead_months,
            format,
        } => {
            let renewal = Renewal {
                lead_months: *lead_months,
                card_months: *card_months,
            };
            list(site, renewal, *format)
        }
    }
}

fn usage(what: String) -> Failure {
    Failure::new(exit::USAGE, CERTIFICATE.code, what, "see `--help`")
}

fn octets<const N: usize>(text: &str, what: &str) -> Result<[u8; N], Failure> {
    let octets = hex::decode(text).ok().and_then(|o| o.try_into().ok());
    octets.ok_or_else(|| usage(format!("{what} has {} hexadecimal digits", 2 * N)))
}

fn index(text: &str) -> Result<u8, Failure> {
    octets::<1>(text, "an index").map(|[index]| index)
}

fn month(text: &str) -> Result<Month, Failure> {
    Month::from_mmyy(text).map_err(|_| usage(format!("`{text}` is no month MMYY")))
}

/// This month, UTC.
fn this_month() -> Result<Month, Failure> {
    let at = Timestamp::from_second(SystemClock.unix_seconds());
    let date = at.map(|at| at.to_zoned(TimeZone::UTC).date()).ok();
    let month =
        date.and_then(|date| Month::new(date.year().unsigned_abs(), date.month().unsigned_abs()));
    month.ok_or_else(|| usage("the clock shows a month that can't be".to_owned()))
}

fn request(site: &Site, wanted: &IssuerRequest) -> Result<u8, Failure> {
    let asking = Asking {
        key: &wanted.key,
        form: &wanted.form,
        organization: &wanted.organization,
        rid: octets(&wanted.rid, "an RID")?,
        ca_index: index(&wanted.ca_index)?,
        fields: RequestFields {
            issuer_identifier: wanted.range.clone(),
            expiry: month(&wanted.expiry)?,
            tracking: octets(&wanted.tracking, "a tracking number")?,
            service: octets(&wanted.service, "a service identifier")?,
            key_index: octets(&wanted.key_index, "a key index")?,
        },
    };
    asked(site, &asking, &wanted.out, &wanted.who)
}

fn asked(site: &Site, asking: &Asking<'_>, out: &Path, who: &Who) -> Result<u8, Failure> {
    let people = who.people();
    std::fs::create_dir_all(out).map_err(|e| Failure::file(out, &e))?;
    let (record_path, p10_path) = (out.join("request.rec"), out.join("request.p10"));
    for path in [&record_path, &p10_path] {
        // The request is noted before its files are written: they must be new.
        if path.exists() {
            return Err(Failure::file(
                path,
                &std::io::ErrorKind::AlreadyExists.into(),
            ));
        }
    }
    let Issued { pkcs10, record } = open_desk(site, &people, |store, custody| {
        ask(store, custody, asking, &people).map_err(Failure::keys)
    })?;
    write_new(&record_path, &record)?;
    terminal::print(&record_path.display().to_string());
    if let Some(pkcs10) = pkcs10 {
        write_new(&p10_path, &pkcs10)?;
        terminal::print(&p10_path.display().to_string());
    }
    Ok(0)
}

fn certified(
    site: &Site,
    folder: &Path,
    authority: &str,
    (ca_index, ca_expiry): (&str, &str),
    out: &Path,
) -> Result<u8, Failure> {
    only_test(site)?;
    let files = OpenRequest {
        pkcs10: read_file(&folder.join("request.p10"), FILE_MAX)?,
        record: read_file(&folder.join("request.rec"), FILE_MAX)?,
    };
    let hsm = site.hsm()?;
    let mut custody = hsm.open_custody()?;
    let ca = (index(ca_index)?, month(ca_expiry)?);
    let made = certify(custody.as_mut(), authority, ca, &files).map_err(Failure::keys)?;
    let tlv = made.to_tlv().map_err(|e| usage(e.to_string()))?;
    write_new(out, format!("{}\n", hex::encode_upper(tlv)).as_bytes())?;
    terminal::print(&out.display().to_string());
    terminal::note("TEST only: no terminal trusts this CA");
    Ok(0)
}

fn only_test(site: &Site) -> Result<(), Failure> {
    match site.test_keys_only() {
        true => Ok(()),
        false => Err(usage("a test CA certifies at TEST sites only".to_owned())),
    }
}

/// The issuer's certificate as projects have it.
#[derive(Serialize)]
struct IssuerFile<'a> {
    rid: &'a str,
    ca_index: u8,
    certificate: &'a str,
    remainder: &'a str,
    exponent: u32,
    issuer_identifier: &'a str,
    expiry_mmyy: &'a str,
    serial: &'a str,
}

fn imported(
    site: &Site,
    file: &Path,
    key: &str,
    out: Option<&Path>,
    who: &Who,
) -> Result<u8, Failure> {
    let people = who.people();
    let text = read_file(file, FILE_MAX)?;
    let digits: Vec<u8> = text
        .into_iter()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let wrong = || usage(format!("{} has no 8F, 90, 92, 9F32", file.display()));
    let tlv = hex::decode(digits).map_err(|_| wrong())?;
    let read = CertificateFile::from_tlv(&tlv).map_err(|_| wrong())?;
    let now = this_month()?;
    let row = open_desk(site, &people, |store, custody| {
        import(store, custody, (key, &read, now), &people).map_err(Failure::keys)
    })?;
    let Some(held) = &row.certified else {
        return Err(wrong());
    };
    terminal::print(&format!(
        "{key}: certificate for {} by {} {:02X} until {}, serial {}",
        held.issuer_identifier, row.rid, row.ca_index, held.expiry, held.serial
    ));
    if let Some(out) = out {
        let exponent = read
            .exponent
            .iter()
            .fold(0, |n, octet| n << 8 | u32::from(*octet));
        let body = toml::to_string(&IssuerFile {
            rid: &row.rid,
            ca_index: row.ca_index,
            certificate: &held.certificate,
            remainder: &held.remainder,
            exponent,
            issuer_identifier: &held.issuer_identifier,
            expiry_mmyy: &held.expiry,
            serial: &held.serial,
        });
        let body = body.map_err(|_| wrong())?;
        let head = format!(
            "# Issuer certificate of {key}, verified at {}.\n",
            site.file.name
        );
        write_new(out, format!("{head}{body}").as_bytes())?;
        terminal::print(&out.display().to_string());
    }
    Ok(0)
}

fn renew(
    site: &Site,
    (key, by): (&str, &str),
    expiry: &str,
    out: &Path,
    who: &Who,
) -> Result<u8, Failure> {
    let all = certificates(&site.store()?).map_err(Failure::keys)?;
    let row = all.iter().find(|row| row.key == key);
    let row = row.ok_or_else(|| usage(format!("no certificate of {key}")))?;
    let asking = successor(row, by, expiry).map_err(Failure::keys)?;
    asked(site, &asking, out, who)
}

/// When the next certificate is due.
fn due(row: &CertificateRow, renewal: Renewal, now: Month) -> Result<String, Failure> {
    let (Some(held), Some(file)) = (&row.certified, row.file().map_err(Failure::keys)?) else {
        return Ok("waits for the scheme".to_owned());
    };
    let imported = Imported {
        rid: row.rid().map_err(Failure::keys)?,
        file,
        issuer_identifier: held.issuer_identifier.clone(),
        expiry: month(&held.expiry)?,
        serial: octets(&held.serial, "a serial number")?,
        public: cardwright_exchange::RsaPublicKey::new(&[0xFF; 64], &[3])
            .map_err(|e| usage(e.to_string()))?,
        ca_expiry: month(&held.ca_expiry)?,
    };
    Ok(match renewal.due(&imported, now) {
        Due::From(month) => format!("next from {month}"),
        Due::Now => "ask for the next one now".to_owned(),
        Due::Late => "LATE: new cards outlive it".to_owned(),
        Due::Expired => "EXPIRED".to_owned(),
    })
}

fn list(site: &Site, renewal: Renewal, format: Format) -> Result<u8, Failure> {
    let all = certificates(&site.store()?).map_err(Failure::keys)?;
    let now = this_month()?;
    let mut rows = Vec::new();
    for row in &all {
        rows.push((row, due(row, renewal, now)?));
    }
    if format == Format::Json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(row, due)| json!({ "certificate": row, "due": due }))
            .collect();
        terminal::json(&json!({ "schema_version": 1, "certificates": rows }));
        return Ok(0);
    }
    for (row, due) in &rows {
        let until = row.certified.as_ref().map_or("-", |c| c.expiry.as_str());
        terminal::print(&format!(
            "{:<28}{:<9}{} {:02X}  until {until:<6}{due}",
            row.key, row.issuer_identifier, row.rid, row.ca_index
        ));
    }
    if rows.is_empty() {
        terminal::note("no certificate was asked for");
    }
    Ok(0)
}

/// Carries a verb of `keys ca` out.
pub(super) fn run_ca(site: &Site, verb: &CaVerb) -> Result<u8, Failure> {
    match verb {
        CaVerb::Add { file, who } => {
            let text = read_file(file, FILE_MAX)?;
            let text = String::from_utf8(text).map_err(|_| usage("the file is no text".into()))?;
            let people = who.people();
            if people.second.is_some() {
                present::prove(site, who)?;
            }
            let store = site.store()?;
            let (keys, changes) = add_authorities(&store, &text, &people).map_err(Failure::keys)?;
            store.keep(&changes.into_batch(people.at))?;
            print_authorities(&keys);
            Ok(0)
        }
        CaVerb::List { format } => {
            let keys = authorities(&site.store()?).map_err(Failure::keys)?;
            if *format == Format::Json {
                let rows: Vec<_> = keys
                    .iter()
                    .map(|key| {
                        json!({ "rid": hex::encode_upper(key.rid),
                            "index": format!("{:02X}", key.index),
                            "expiry": key.expiry.to_string(),
                            "bits": key.public.bits(),
                            "checksum": hex::encode_upper(key.checksum()) })
                    })
                    .collect();
                terminal::json(&json!({ "schema_version": 1, "authorities": rows }));
                return Ok(0);
            }
            terminal::note_when(
                keys.iter().next().is_none(),
                "no key of an authority was added",
            );
            print_authorities(&keys);
            Ok(0)
        }
        CaVerb::Show { rid, index: number } => {
            let keys = authorities(&site.store()?).map_err(Failure::keys)?;
            let (rid, number) = (octets(rid, "an RID")?, index(number)?);
            let found = keys.find(rid, number);
            let found = found.ok_or_else(|| usage("no such CA key".to_owned()))?;
            let mut one = CaKeys::default();
            one.add(found.clone()).map_err(|e| usage(e.to_string()))?;
            terminal::print(one.to_text().trim_end());
            Ok(0)
        }
        CaVerb::Publish {
            key,
            rid,
            index: number,
            expiry,
        } => {
            only_test(site)?;
            let hsm = site.hsm()?;
            let mut custody = hsm.open_custody()?;
            let what = (octets(rid, "an RID")?, index(number)?, month(expiry)?);
            let line = authority_of_key(custody.as_mut(), key, what).map_err(Failure::keys)?;
            terminal::print(line.trim_end());
            Ok(0)
        }
    }
}

fn print_authorities(keys: &CaKeys) {
    for key in keys.iter() {
        terminal::print(&format!(
            "{} {:02X}  {} bits  until {}  checksum {}",
            hex::encode_upper(key.rid),
            key.index,
            key.public.bits(),
            key.expiry,
            hex::encode_upper(key.checksum())
        ));
    }
}
