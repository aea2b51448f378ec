//! From a key pair to a certificate that cards can carry.

use super::authorities::authorities;
use super::codes::CERTIFICATE;
use super::key::{HsmKey, public_key};
use super::rows::{CertificateRow, Certified, month, row_of};
use crate::inventory::{Changes, Inventory, KeyEntry, People};
use crate::{KeysError, Ledger};
use cardwright_exchange::ExchangeError;
use cardwright_exchange::issuer::Month;
use cardwright_exchange::issuer::forms::{self, RequestFields, RequestForm};
use cardwright_exchange::issuer::import::{self as importing, CertificateFile, Imported, Wanted};
use cardwright_exchange::issuer::request::{self, OpenFields, OpenRequest, ReadRequest};
use cardwright_ports::custody::KeyCustody;
use cardwright_ports::hsm::IssuerCertificateFields;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    /// Label of the issuer's key.
    pub key: &'a str,
    /// Form: `open`, or one of a scheme.
    pub form: &'a str,
    /// The issuer.
    pub organization: &'a str,
    /// The scheme.
    pub rid: [u8; 5],
    /// Index of the CA's key that shall certify.
    pub ca_index: u8,
    /// What every form has.
    pub fields: RequestFields,
}

/// The files of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// PKCS #10; in the open form only.
    pub pkcs10: Option<Vec<u8>>,
    /// The record of the form.
    pub record: Vec<u8>,
}

fn refused(error: ExchangeError) -> KeysError {
    CERTIFICATE.found(error.to_string())
}

/// An issuer's RSA key, not destroyed or compromised.
fn issuer_key<'i>(inventory: &'i Inventory, label: &str) -> Result<&'i KeyEntry, KeysError> {
    let entry = inventory.settled(label)?;
    let usable = matches!(entry.state.name(), "pre_active" | "active");
    if entry.usage == "emv.issuer_private" && usable {
        return Ok(entry);
    }
    let what = format!("{label} is {} for {}", entry.state.name(), entry.usage);
    Err(CERTIFICATE.found(what))
}

/// Makes a request for a certificate and notes it. One key has one request.
pub fn ask(
    store: &dyn Ledger,
    custody: &mut dyn KeyCustody,
    asking: &Asking<'_>,
    people: &People<'_>,
) -> Result<Issued, KeysError> {
    let names = people.named()?;
    let inventory = Inventory::read(store)?;
    issuer_key(&inventory, asking.key)?;
    if row_of(store, asking.key)?.is_some() {
        let what = format!("a certificate for {} was asked for already", asking.key);
        return Err(CERTIFICATE.found(what));
    }
    let form = RequestForm::of(asking.form)
        .ok_or_else(|| CERTIFICATE.found(format!("`{}` is no form of request", asking.form)))?;
    let key = HsmKey::of(custody, asking.key)?;
    let issued = match asking.form {
        "open" => {
            let fields = OpenFields {
                organization: asking.organization.to_owned(),
                rid: asking.rid,
                ca_index: asking.ca_index,
                request: asking.fields.clone(),
            };
            let made = request::make(&fields, &key).map_err(|e| key.why(refused(e)));
            let OpenRequest { pkcs10, record } = made?;
            Issued {
                pkcs10: Some(pkcs10),
                record,
            }
        }
        _ => Issued {
            pkcs10: None,
            record: forms::build(form, &asking.fields, &key).map_err(|e| key.why(refused(e)))?,
        },
    };
    let row = CertificateRow {
        schema_version: 1,
        key: asking.key.to_owned(),
        form: form.name.to_owned(),
        organization: asking.organization.to_owned(),
        rid: hex::encode_upper(asking.rid),
        ca_index: asking.ca_index,
        issuer_identifier: asking.fields.issuer_identifier.clone(),
        expiry: asking.fields.expiry.mmyy(),
        tracking: hex::encode_upper(asking.fields.tracking),
        service: hex::encode_upper(asking.fields.service),
        key_index: hex::encode_upper(asking.fields.key_index),
        asked_at: people.at,
        asked_by: names.clone(),
        certified: None,
    };
    let mut changes = Changes::default();
    changes.changes.push(row.put(0)?);
    let what = format!(
        "{} for {} by {} {:02X}, form {}, tracking {}",
        row.key, row.issuer_identifier, row.rid, row.ca_index, row.form, row.tracking
    );
    changes.say(&names.join(" and "), "issuer-request", what);
    store.keep(&changes.into_batch(people.at))?;
    Ok(issued)
}

/// Certifies a request in the open form by a local test CA.
pub fn certify(
    custody: &mut dyn KeyCustody,
    authority: &str,
    (index, last): (u8, Month),
    files: &OpenRequest,
) -> Result<CertificateFile, KeysError> {
    let ReadRequest { fields, public } = request::read(files).map_err(refused)?;
    if fields.ca_index != index {
        return Err(CERTIFICATE.found("the request is for another CA key"));
    }
    let exponent = public.exponent().iter();
    let exponent = exponent.fold(0, |value, octet| value << 8 | u32::from(*octet));
    let asked = &fields.request;
    let certificate = custody.certify_issuer(
        authority,
        &IssuerCertificateFields {
            issuer_identifier: &asked.issuer_identifier,
            expiry_mmyy: &asked.expiry.min(last).mmyy(),
            serial: asked.tracking,
            modulus: public.modulus(),
            exponent,
        },
    )?;
    Ok(CertificateFile {
        ca_index: index,
        certificate: certificate.certificate,
        remainder: certificate.remainder,
        exponent: public.exponent().to_vec(),
    })
}

/// Takes a scheme's certificate in, after all of it was verified.
pub fn import(
    store: &dyn Ledger,
    custody: &mut dyn KeyCustody,
    (key, file, now): (&str, &CertificateFile, Month),
    people: &People<'_>,
) -> Result<CertificateRow, KeysError> {
    let names = people.named()?;
    let inventory = Inventory::read(store)?;
    issuer_key(&inventory, key)?;
    let found = row_of(store, key)?;
    let (version, mut row) =
        found.ok_or_else(|| CERTIFICATE.found(format!("no request was made for {key}")))?;
    if row.certified.is_some() {
        return Err(CERTIFICATE.found(format!("{key} has its certificate already")));
    }
    if file.ca_index != row.ca_index {
        let what = format!("the certificate is by CA key {:02X}", file.ca_index);
        return Err(CERTIFICATE.found(format!("{what}, {:02X} was asked for", row.ca_index)));
    }
    let public = public_key(custody, key)?;
    let wanted = Wanted {
        rid: row.rid()?,
        issuer_identifier: &row.issuer_identifier,
        public: &public,
        now,
    };
    let Imported {
        file,
        issuer_identifier,
        expiry,
        serial,
        ca_expiry,
        ..
    } = importing::import(&wanted, &authorities(store)?, file).map_err(refused)?;
    row.certified = Some(Certified {
        certificate: hex::encode_upper(file.certificate),
        remainder: hex::encode_upper(file.remainder),
        exponent: hex::encode_upper(file.exponent),
        issuer_identifier,
        expiry: expiry.mmyy(),
        serial: hex::encode_upper(serial),
        ca_expiry: ca_expiry.mmyy(),
        at: people.at,
        by: names.clone(),
    });
    let mut changes = Changes::default();
    changes.changes.push(row.put(version)?);
    let what = format!("{key} until {expiry}, serial {}", hex::encode_upper(serial));
    changes.say(&names.join(" and "), "issuer-certificate", what);
    store.keep(&changes.into_batch(people.at))?;
    Ok(row)
}

/// What the next request says: the same issuer and service, the next tracking number, a later
/// month, for a new key.
pub fn successor<'a>(
    row: &'a CertificateRow,
    key: &'a str,
    expiry: &str,
) -> Result<Asking<'a>, KeysError> {
    let last = row.fields()?;
    let expiry = month(expiry)?;
    let current = row
        .certified
        .as_ref()
        .map(|c| month(&c.expiry))
        .transpose()?;
    if expiry <= current.unwrap_or(last.expiry) {
        return Err(CERTIFICATE.found("the next month is not later than the last one"));
    }
    let [high, middle, low] = last.tracking;
    let next = u32::from_be_bytes([0, high, middle, low]) + 1;
    let [overflow, tracking @ ..] = next.to_be_bytes();
    if overflow != 0 {
        return Err(CERTIFICATE.found("the tracking numbers are used up"));
    }
    Ok(Asking {
        key,
        form: &row.form,
        organization: &row.organization,
        rid: row.rid()?,
        ca_index: row.ca_index,
        fields: RequestFields {
            expiry,
            tracking,
            ..last
        },
    })
}
