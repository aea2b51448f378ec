//! TR-34 around its key tokens: certificate requests, credential tokens, and to which host a device of
//! this site is bound, with the tokens that end or change that.
//!
//! A binding is a row of its own register. A device that has one takes keys from that host and no other;
//! unbound, it takes none until it is bound again.

use super::codes::NOT_ALLOWED;
use super::usable;
use crate::inventory::{Changes, Inventory, People, ROW};
use crate::issuer::HsmKey;
use crate::{KeysError, Ledger};
use cardwright_exchange::tr34::{self, Binding};
use cardwright_exchange::{
    Certificate, ExchangeError, Purpose, RevocationList, RsaPrivate, Trust, certificate_request,
};
use cardwright_ports::Registers;
use cardwright_ports::custody::KeyCustody;
use cardwright_ports::hsm::KeyUse;
use cardwright_ports::register::{Register, RegisterChange};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// To which host a device is bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingRow {
    /// 1.
    pub schema_version: u32,
    /// The device's certificate: DER, hexadecimal.
    pub device: String,
    /// The host's certificate: DER, hexadecimal; none after it was unbound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Time of the last token in one pass that was tried, seconds since 1970; only later ones are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_time: Option<u64>,
    /// SHA-256 of the authority's tokens that were used: they have no nonce, and work once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<String>,
    /// Who changed it last.
    pub who: Vec<String>,
    /// When, seconds since 1970.
    pub at: i64,
}

impl BindingRow {
    /// The host's certificate, if the device is bound.
    ///
    /// # Errors
    /// R1354 for a row that can't be read.
    pub fn host(&self) -> Result<Option<Certificate>, KeysError> {
        let read = |text: &String| {
            let octets = hex::decode(text).ok();
            let read = octets.and_then(|octets| Certificate::from_der(&octets).ok());
            read.ok_or_else(|| ROW.found("bindings: a certificate"))
        };
        self.host.as_ref().map(read).transpose()
    }
}

fn refused(error: &ExchangeError) -> KeysError {
    NOT_ALLOWED.found(format!("TR-34: {error}"))
}

fn text_of(certificate: &Certificate) -> Result<String, KeysError> {
    let octets = certificate.to_der().map_err(|e| refused(&e))?;
    Ok(hex::encode_upper(octets))
}

fn read(id: &str, body: &str) -> Result<BindingRow, KeysError> {
    let row: Option<BindingRow> = serde_json::from_str(body).ok();
    row.filter(|row| row.schema_version == 1)
        .ok_or_else(|| ROW.found(format!("bindings {id}")))
}

/// All bindings, by label of the device's key pair.
///
/// # Errors
/// R1354 for a row that can't be read.
pub fn bindings(registers: &dyn Registers) -> Result<Vec<(String, BindingRow)>, KeysError> {
    let rows = registers.register_rows(Register::Bindings)?;
    rows.into_iter()
        .map(|row| Ok((row.id.clone(), read(&row.id, &row.body)?)))
        .collect()
}

/// A device's binding with the version of its row.
fn binding_of(
    store: &dyn Ledger,
    device_key: &str,
) -> Result<(u64, Option<BindingRow>), KeysError> {
    match store.register_row(Register::Bindings, device_key)? {
        Some(row) => Ok((row.version, Some(read(&row.id, &row.body)?))),
        None => Ok((0, None)),
    }
}

fn put(device_key: &str, version: u64, row: &BindingRow) -> Result<RegisterChange, KeysError> {
    let body =
        serde_json::to_string(row).map_err(|_| ROW.found(format!("bindings {device_key}")))?;
    Ok(RegisterChange {
        register: Register::Bindings,
        id: device_key.to_owned(),
        from: version,
        body: Some(body),
    })
}

/// Whether a host may send this device keys: the one that it is bound to, or, for a device that was never
/// bound, the one that its people name.
///
/// # Errors
/// R1384.
pub(super) fn check_host(
    store: &dyn Ledger,
    device_key: &str,
    host: &Certificate,
) -> Result<Option<BindingRow>, KeysError> {
    let (_, row) = binding_of(store, device_key)?;
    let Some(row) = row else { return Ok(None) };
    match row.host()? {
        Some(bound) if bound == *host => Ok(Some(row)),
        Some(bound) => Err(NOT_ALLOWED.found(format!(
            "TR-34: {device_key} is bound to another host, {}",
            bound.subject()
        ))),
        None => Err(NOT_ALLOWED.found(format!("TR-34: {device_key} was unbound; bind it first"))),
    }
}

/// Notes the time of a token in one pass before it is tried: it is used up by the attempt.
pub(super) fn use_time(
    store: &dyn Ledger,
    device_key: &str,
    time: u64,
    people: &People<'_>,
) -> Result<(), KeysError> {
    let (version, row) = binding_of(store, device_key)?;
    let none = || NOT_ALLOWED.found(format!("TR-34: {device_key} is not bound"));
    let mut row = row.ok_or_else(none)?;
    row.last_time = Some(time);
    let mut changes = Changes::default();
    changes.changes.push(put(device_key, version, &row)?);
    let names = people.named()?;
    let what = format!("{device_key}: a token of second {time}");
    changes.say(&names.join(" and "), "tr34-one-pass", what);
    Ok(store.keep(&changes.into_batch(people.at))?)
}

/// The key pair behind a label, in use now, and whether a certificate is its own.
fn own_key<'a>(
    store: &dyn Ledger,
    custody: &'a mut dyn KeyCustody,
    (label, certificate): (&'a str, Option<&Certificate>),
    people: &People<'_>,
) -> Result<(HsmKey<'a>, KeyUse), KeysError> {
    let inventory = Inventory::read(store)?;
    let entry = inventory.settled(label)?;
    usable(entry, people.at, true)?;
    let usage = entry.key_use()?;
    let signs = [
        KeyUse::KeyExchange,
        KeyUse::PackageSigning,
        KeyUse::CertificateSigning,
    ];
    if !signs.contains(&usage) {
        let what = format!("TR-34: {label} is for another use");
        return Err(NOT_ALLOWED.found(what));
    }
    let key = HsmKey::of(custody, label)?;
    if let Some(certificate) = certificate {
        let certified = certificate.rsa_key().map_err(|e| refused(&e))?;
        if certified != *key.public_key() {
            let what = format!(
                "TR-34: {} certifies another key than {label}",
                certificate.subject()
            );
            return Err(NOT_ALLOWED.found(what));
        }
    }
    Ok((key, usage))
}

fn note(
    store: &dyn Ledger,
    (act, what): (&str, String),
    people: &People<'_>,
) -> Result<(), KeysError> {
    let names = people.named()?;
    let mut changes = Changes::default();
    changes.say(&names.join(" and "), act, what);
    Ok(store.keep(&changes.into_batch(people.at))?)
}

/// A certificate request (PKCS #10) for a host's or a device's key pair. A pair of use `key_exchange`
/// asks to receive keys, others to sign.
///
/// # Errors
/// R1384 for a key that is not in use, a subject that is no name; the HSM's own.
pub fn request(
    store: &dyn Ledger,
    custody: &mut dyn KeyCustody,
    (label, subject): (&str, &str),
    people: &People<'_>,
) -> Result<Vec<u8>, KeysError> {
    let (key, usage) = own_key(store, custody, (label, None), people)?;
    let purpose = match usage {
        KeyUse::KeyExchange => Purpose::ReceiveKeys,
        _ => Purpose::Sign,
    };
    let made = certificate_request(subject, purpose, &key).map_err(|e| key.why(refused(&e)))?;
    note(store, ("tr34-request", label.to_owned()), people)?;
    Ok(made)
}

/// CT-KDH or CT-KRD: this side's certificate for the other one.
///
/// # Errors
/// R1384 for a certificate of another key; the HSM's own.
pub fn credential(
    store: &dyn Ledger,
    custody: &mut dyn KeyCustody,
    (label, certificate): (&str, &Certificate),
    revocations: &[RevocationList],
    people: &People<'_>,
) -> Result<Vec<u8>, KeysError> {
    own_key(store, custody, (label, Some(certificate)), people)?;
    let made = tr34::credential_token(certificate, revocations).map_err(|e| refused(&e))?;
    let what = format!("{label}, {}", certificate.subject());
    note(store, ("tr34-credential", what), people)?;
    Ok(made)
}

/// A device of this site, and whom it trusts.
#[derive(Clone, Copy)]
pub struct OwnDevice<'a> {
    /// Label of its key pair.
    pub key: &'a str,
    /// Its certificate.
    pub certificate: &'a Certificate,
    /// Whom it trusts.
    pub trust: Trust<'a>,
}

/// Binds a device to the host whose credential token came.
///
/// # Errors
/// R1384 for a token, host or device that is not trusted, and for a device that is bound to another host.
pub fn bind(
    store: &dyn Ledger,
    custody: &mut dyn KeyCustody,
    (device, token): (&OwnDevice<'_>, &[u8]),
    people: &People<'_>,
) -> Result<BindingRow, KeysError> {
    own_key(
        store,
        custody,
        (device.key, Some(device.certificate)),
        people,
    )?;
    let trusted = device.trust.check(device.certificate, Purpose::ReceiveKeys);
    trusted.map_err(|e| refused(&e))?;
    let opened = tr34::open_credential(token, &device.trust, Purpose::Sign);
    let host = opened.map_err(|e| refused(&e))?.certificate;
    let (version, old) = binding_of(store, device.key)?;
    if let Some(bound) = old.as_ref().map(BindingRow::host).transpose()?.flatten()
        && bound != host
    {
        let what = format!(
            "TR-34: {} is bound to {}, which must let it go first",
            device.key,
            bound.subject()
        );
        return Err(NOT_ALLOWED.found(what));
    }
    let act = ("tr34-bind", format!("{} to {}", device.key, host.subject()));
    changed(store, device, (version, old), (Some(&host), act), people)
}

/// Puts a binding's new host in place, with an audit entry.
fn changed(
    store: &dyn Ledger,
    device: &OwnDevice<'_>,
    (version, old): (u64, Option<BindingRow>),
    (host, (act, what)): (Option<&Certificate>, (&str, String)),
    people: &People<'_>,
) -> Result<BindingRow, KeysError> {
    let names = people.named()?;
    let (last_time, used) = old.map_or((None, Vec::new()), |row| (row.last_time, row.used));
    let row = BindingRow {
        schema_version: 1,
        device: text_of(device.certificate)?,
        host: host.map(text_of).transpose()?,
        last_time,
        used,
        who: names.clone(),
        at: people.at,
    };
    let mut changes = Changes::default();
    changes.changes.push(put(device.key, version, &row)?);
    changes.say(&names.join(" and "), act, what);
    store.keep(&changes.into_batch(people.at))?;
    Ok(row)
}

/// Who lets a device go, or gives it on.
#[derive(Clone, Copy)]
pub enum Letting<'a> {
    /// Its host, by the nonce that the device sent.
    Host {
        /// Label of the host's key pair.
        key: &'a str,
        /// The device's nonce.
        nonce: &'a [u8],
    },
    /// The device's authority, without the host.
    Authority {
        /// Label of the authority's key pair.
        key: &'a str,
        /// Its certificate.
        certificate: &'a Certificate,
    },
}

/// Makes an unbind token, or, with a new host, a rebind token. That it was made is durable before it is
/// returned.
///
/// # Errors
/// R1384 for a certificate that is not the key's, or that is not trusted; the HSM's own.
pub fn let_go(
    store: &dyn Ledger,
    custody: &mut dyn KeyCustody,
    binding: &Binding<'_>,
    (letting, new_host): (Letting<'_>, Option<&Certificate>),
    (trust, people): (&Trust<'_>, &People<'_>),
) -> Result<Vec<u8>, KeysError> {
    let (label, certificate) = match letting {
        Letting::Host { key, .. } => (key, binding.kdh),
        Letting::Authority { key, certificate } => (key, certificate),
    };
    let trusted = trust.check(binding.krd, Purpose::ReceiveKeys);
    trusted.map_err(|e| refused(&e))?;
    if let Some(host) = new_host {
        trust.check(host, Purpose::Sign).map_err(|e| refused(&e))?;
    }
    let (key, _) = own_key(store, custody, (label, Some(certificate)), people)?;
    let made = match (letting, new_host) {
        (Letting::Host { nonce, .. }, None) => tr34::unbind_token(binding, nonce, &key),
        (Letting::Host { nonce, .. }, Some(host)) => tr34::rebind_token(binding, host, nonce, &key),
        (Letting::Authority { certificate, .. }, None) => {
            tr34::authority_unbind_token(binding, (certificate, &key))
        }
        (Letting::Authority { certificate, .. }, Some(host)) => {
            tr34::authority_rebind_token(binding, host, (certificate, &key))
        }
    };
    let made = made.map_err(|e| key.why(refused(&e)))?;
    let device = binding.krd.subject();
    let act = match new_host {
        None => ("tr34-unbind", format!("{device}, by {label}")),
        Some(host) => {
            let to = host.subject();
            ("tr34-rebind", format!("{device} to {to}, by {label}"))
        }
    };
    note(store, act, people)?;
    Ok(made)
}

/// By whom a token that ends or changes a binding is signed.
#[derive(Clone, Copy)]
pub enum Signed<'a> {
    /// The bound host, over the nonce that the device sent.
    Host(&'a [u8]),
    /// The device's authority.
    Authority(&'a Certificate),
}

/// A device takes an unbind or a rebind token: afterwards it is bound to nobody, or to the new host.
///
/// # Errors
/// R1384 for a token that does not hold, is for another binding, or was used before.
pub fn released(
    store: &dyn Ledger,
    (device, token): (&OwnDevice<'_>, &[u8]),
    (signed, rebind): (Signed<'_>, bool),
    people: &People<'_>,
) -> Result<BindingRow, KeysError> {
    let (version, row) = binding_of(store, device.key)?;
    let none = || NOT_ALLOWED.found(format!("TR-34: {} is not bound", device.key));
    let mut row = row.ok_or_else(none)?;
    let host = row.host()?.ok_or_else(none)?;
    let hash = hex::encode_upper(Sha256::digest(token));
    if row.used.contains(&hash) {
        return Err(NOT_ALLOWED.found("TR-34: the token was used before"));
    }
    let binding = Binding {
        krd: device.certificate,
        kdh: &host,
    };
    let trust = &device.trust;
    let new_host = match (signed, rebind) {
        (Signed::Host(nonce), false) => {
            tr34::open_unbind(&binding, token, nonce, trust).map(|()| None)
        }
        (Signed::Host(nonce), true) => {
            tr34::open_rebind(&binding, token, nonce, trust).map(|new| Some(new.kdh))
        }
        (Signed::Authority(by), false) => {
            tr34::open_authority_unbind(&binding, token, by, trust).map(|()| None)
        }
        (Signed::Authority(by), true) => {
            tr34::open_authority_rebind(&binding, token, by, trust).map(|new| Some(new.kdh))
        }
    };
    let new_host = new_host.map_err(|e| refused(&e))?;
    if matches!(signed, Signed::Authority(_)) {
        row.used.push(hash);
    }
    let what = match &new_host {
        None => format!("{} from {}", device.key, host.subject()),
        Some(new) => format!(
            "{} from {} to {}",
            device.key,
            host.subject(),
            new.subject()
        ),
    };
    let act = match rebind {
        true => "tr34-rebound",
        false => "tr34-unbound",
    };
    let row = (version, Some(row));
    changed(store, device, row, (new_host.as_ref(), (act, what)), people)
}
