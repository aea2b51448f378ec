//! A test certification authority: an issuer certificate and the CA's public key as files.
//!
//! Open test keys only; see the standards' page on them. No terminal outside a test trusts this CA.

use cardwright_ports::hsm::{Hsm, IssuerCertificateFields, KeyRequest, KeyUse};
use serde::Serialize;

use crate::SoftHsm;
use crate::error::{self, Refused};

/// Who certifies whom.
#[derive(Clone, Copy, Debug)]
pub struct TestCa<'a> {
    /// Registered application provider identifier, hexadecimal.
    pub rid: &'a str,
    /// Index of the CA's key (tag 8F).
    pub ca_index: u8,
    /// Name of the CA's open test key.
    pub ca_key: &'a str,
    /// Name of the issuer's open test key.
    pub issuer_key: &'a str,
    /// Bits of both moduli.
    pub bits: u32,
    /// Both exponents.
    pub exponent: u32,
    /// Leftmost 3 to 8 digits of the issuer's PANs.
    pub issuer_identifier: &'a str,
    /// MMYY.
    pub expiry_mmyy: &'a str,
    /// Serial number of the certificate.
    pub serial: [u8; 3],
}

/// The example bank's chain.
pub const AURORA: TestCa<'static> = TestCa {
    rid: "F000000092",
    ca_index: 0x92,
    ca_key: "open.test_ca_92",
    issuer_key: "aurora.issuer_rsa",
    bits: 1984,
    exponent: 3,
    issuer_identifier: "999992",
    expiry_mmyy: "1235",
    serial: [0, 0, 1],
};

/// The two files, TOML.
pub struct Files {
    /// The issuer's certificate: tags 8F, 90, 92, 9F32 and what they say.
    pub issuer_certificate: String,
    /// The CA's public key.
    pub ca_public_key: String,
}

#[derive(Serialize)]
struct IssuerFile<'a> {
    rid: &'a str,
    ca_index: u8,
    certificate: String,
    remainder: String,
    exponent: u32,
    issuer_identifier: &'a str,
    expiry_mmyy: &'a str,
    serial: String,
}

#[derive(Serialize)]
struct CaFile<'a> {
    rid: &'a str,
    ca_index: u8,
    modulus: String,
    exponent: u32,
}

/// Certifies the issuer's open test key by the CA's.
pub fn files(hsm: &SoftHsm, chain: &TestCa<'_>) -> Result<Files, Refused> {
    let request = |name: &str, usage| KeyRequest {
        name: name.to_owned(),
        algorithm: "rsa".to_owned(),
        bits: chain.bits,
        exponent: chain.exponent,
        usage,
    };
    let mut session = hsm.open_session()?;
    let ca = session.bind(&request(chain.ca_key, KeyUse::EmvCaPrivate))?;
    let issuer = session.bind(&request(chain.issuer_key, KeyUse::EmvIssuerPrivate))?;
    let (modulus, exponent) = session.public_key(issuer)?;
    let fields = IssuerCertificateFields {
        issuer_identifier: chain.issuer_identifier,
        expiry_mmyy: chain.expiry_mmyy,
        serial: chain.serial,
        modulus: &modulus,
        exponent,
    };
    let certificate = session.sign_issuer_certificate(ca, &fields)?;
    let (ca_modulus, ca_exponent) = session.public_key(ca)?;
    let issuer_certificate = text(&IssuerFile {
        rid: chain.rid,
        ca_index: chain.ca_index,
        certificate: hex::encode_upper(certificate.certificate),
        remainder: hex::encode_upper(certificate.remainder),
        exponent,
        issuer_identifier: chain.issuer_identifier,
        expiry_mmyy: chain.expiry_mmyy,
        serial: hex::encode_upper(chain.serial),
    })?;
    let ca_public_key = text(&CaFile {
        rid: chain.rid,
        ca_index: chain.ca_index,
        modulus: hex::encode_upper(ca_modulus),
        exponent: ca_exponent,
    })?;
    Ok(Files {
        issuer_certificate,
        ca_public_key,
    })
}

fn text(content: &impl Serialize) -> Result<String, Refused> {
    let body = toml::to_string(content)
        .map_err(|_| error::CERTIFICATE.found("its content can't be written as TOML"))?;
    Ok(format!(
        "# TEST: made from open test keys by the example make_test_ca.\n{body}"
    ))
}
