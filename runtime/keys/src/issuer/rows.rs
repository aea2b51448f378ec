//! Rows of requests and certificates.

use super::codes::CERTIFICATE;
use crate::KeysError;
use cardwright_exchange::issuer::Month;
use cardwright_exchange::issuer::forms::RequestFields;
use cardwright_exchange::issuer::import::CertificateFile;
use cardwright_ports::Registers;
use cardwright_ports::register::{Register, RegisterChange};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A request for an issuer certificate, and the certificate when it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateRow {
    /// 1.
    pub schema_version: u32,
    /// Label of the issuer's key.
    pub key: String,
    /// Form of the request.
    pub form: String,
    /// The issuer.
    pub organization: String,
    /// Registered application provider identifier, hexadecimal.
    pub rid: String,
    /// Index of the CA's key.
    pub ca_index: u8,
    /// Leftmost digits of the PANs.
    pub issuer_identifier: String,
    /// Last month that was asked for, MMYY.
    pub expiry: String,
    /// Tracking number, hexadecimal.
    pub tracking: String,
    /// Service identifier, hexadecimal.
    pub service: String,
    /// Index of the issuer's key, hexadecimal.
    pub key_index: String,
    /// When it was asked, seconds since 1970.
    pub asked_at: i64,
    /// Who asked.
    pub asked_by: Vec<String>,
    /// What came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certified: Option<Certified>,
}

/// A certificate that was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certified {
    /// Tag 90, hexadecimal.
    pub certificate: String,
    /// Tag 92, hexadecimal.
    pub remainder: String,
    /// Tag 9F32, hexadecimal.
    pub exponent: String,
    /// Identifier in the certificate.
    pub issuer_identifier: String,
    /// Last month, MMYY.
    pub expiry: String,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// Last month of the CA's key, MMYY.
    pub ca_expiry: String,
    /// When it was taken in, seconds since 1970.
    pub at: i64,
    /// Who.
    pub by: Vec<String>,
}

fn octets<const N: usize>(text: &str) -> Result<[u8; N], KeysError> {
    let octets = hex::decode(text).ok().and_then(|o| o.try_into().ok());
    octets.ok_or_else(|| CERTIFICATE.found("a row of a certificate can't be read"))
}

impl CertificateRow {
    /// Reads a row.
    pub fn from_row(id: &str, body: &str) -> Result<Self, KeysError> {
        let row: Self = serde_json::from_str(body)
            .map_err(|_| CERTIFICATE.found(format!("the row of {id} can't be read")))?;
        if row.schema_version != 1 || row.key != id {
            return Err(CERTIFICATE.found(format!("the row of {id} is of another version")));
        }
        Ok(row)
    }

    /// The scheme.
    pub fn rid(&self) -> Result<[u8; 5], KeysError> {
        octets(&self.rid)
    }

    /// What was asked for.
    pub fn fields(&self) -> Result<RequestFields, KeysError> {
        Ok(RequestFields {
            issuer_identifier: self.issuer_identifier.clone(),
            expiry: month(&self.expiry)?,
            tracking: octets(&self.tracking)?,
            service: octets(&self.service)?,
            key_index: octets(&self.key_index)?,
        })
    }

    /// The certificate as cards have it.
    pub fn file(&self) -> Result<Option<CertificateFile>, KeysError> {
        let Some(certified) = &self.certified else {
            return Ok(None);
        };
        let read = |text: &str| {
            hex::decode(text).map_err(|_| CERTIFICATE.found("a certificate can't be read"))
        };
        Ok(Some(CertificateFile {
            ca_index: self.ca_index,
            certificate: read(&certified.certificate)?,
            remainder: read(&certified.remainder)?,
            exponent: read(&certified.exponent)?,
        }))
    }

    pub(super) fn put(&self, from: u64) -> Result<RegisterChange, KeysError> {
        let body = serde_json::to_string(self)
            .map_err(|_| CERTIFICATE.found("a row of a certificate can't be written"))?;
        Ok(RegisterChange {
            register: Register::Certificates,
            id: self.key.clone(),
            from,
            body: Some(body),
        })
    }
}

/// A month of MMYY.
pub(super) fn month(text: &str) -> Result<Month, KeysError> {
    Month::from_mmyy(text).map_err(|e| CERTIFICATE.found(e.to_string()))
}

/// All requests and certificates, by key.
pub fn certificates(registers: &dyn Registers) -> Result<Vec<CertificateRow>, KeysError> {
    let rows = registers.register_rows(Register::Certificates)?;
    rows.iter()
        .map(|row| CertificateRow::from_row(&row.id, &row.body))
        .collect()
}

/// The row of a key, with its version.
pub(super) fn row_of(
    registers: &dyn Registers,
    key: &str,
) -> Result<Option<(u64, CertificateRow)>, KeysError> {
    let row = registers.register_row(Register::Certificates, key)?;
    row.map(|row| Ok((row.version, CertificateRow::from_row(&row.id, &row.body)?)))
        .transpose()
}
