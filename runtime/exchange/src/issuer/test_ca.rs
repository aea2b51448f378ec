//! A local test CA: certifies issuers' test keys, so that a whole chain runs without a scheme. No
//! terminal outside a test trusts it.

use super::Month;
use super::ca_keys::CaKey;
use super::import::CertificateFile;
use super::request::ReadRequest;
use crate::{ExchangeError, RsaPrivate};
use cardwright_standards::emv::certificates::{IssuerCertificate, issuer_block};

/// The CA.
pub struct TestCa<'a> {
    /// Registered application provider identifier; not one of a scheme.
    pub rid: [u8; 5],
    /// Index of its key.
    pub index: u8,
    /// Its key, with the bare operation.
    pub key: &'a dyn RsaPrivate,
    /// Last month of its key.
    pub expiry: Month,
}

impl TestCa<'_> {
    /// Its public key.
    pub fn ca_key(&self) -> CaKey {
        CaKey {
            rid: self.rid,
            index: self.index,
            public: self.key.public_key().clone(),
            expiry: self.expiry,
        }
    }

    /// Certifies what a request asks for; the tracking number becomes the serial number.
    pub fn certify(&self, request: &ReadRequest) -> Result<CertificateFile, ExchangeError> {
        let fields = &request.fields;
        if fields.rid != self.rid || fields.ca_index != self.index {
            return Err(ExchangeError::CaKey("the request is for another CA key"));
        }
        let exponent = request.public.exponent();
        let asked = &fields.request;
        let certificate = IssuerCertificate {
            issuer_identifier: &asked.issuer_identifier,
            expiry_mmyy: &asked.expiry.min(self.expiry).mmyy(),
            serial: asked.tracking,
            modulus: request.public.modulus(),
            exponent: exponent
                .iter()
                .fold(0, |value, octet| value << 8 | u32::from(*octet)),
        };
        let modulus = self.key.public_key().modulus().len();
        let block = issuer_block(&certificate, modulus)?;
        Ok(CertificateFile {
            ca_index: self.index,
            certificate: self.key.raw(&block.block)?,
            remainder: block.remainder,
            exponent: exponent.to_vec(),
        })
    }
}
