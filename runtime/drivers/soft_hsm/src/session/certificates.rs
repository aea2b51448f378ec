//! Certificates and signed static data: the standard's block under the issuer's or CA's key.

use cardwright_ports::hsm::{
    Certificate, IccCertificateFields, IssuerCertificateFields, KeyHandle, KeyUse,
};
use cardwright_standards::emv::certificates::{
    CertificateError, IccCertificate, IssuerCertificate, ToBeSigned, icc_block, issuer_block,
};
use cardwright_standards::emv::oda::static_data_block;

use cardwright_rsa::RsaKey;

use super::Session;
use crate::entropy::System;
use crate::error::{self, Refused};
use crate::keys::Key;

/// Most octets of static data: far beyond all records of a card.
const STATIC_OCTETS_MAX: usize = 1 << 16;

impl Session {
    pub(super) fn icc_certificate(
        &mut self,
        issuer: KeyHandle,
        fields: &IccCertificateFields<'_>,
    ) -> Result<Certificate, Refused> {
        check_static_data(fields.static_data)?;
        let key = self.key_for(issuer, KeyUse::EmvIssuerPrivate)?;
        let fields = IccCertificate {
            pan: fields.pan,
            expiry_mmyy: fields.expiry_mmyy,
            serial: fields.serial,
            modulus: fields.modulus,
            exponent: fields.exponent,
            static_data: fields.static_data,
        };
        let rsa = key.rsa()?;
        signed(rsa, icc_block(&fields, rsa.modulus().len()))
    }

    pub(super) fn issuer_certificate(
        &mut self,
        ca: KeyHandle,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, Refused> {
        let key = self.key_for(ca, KeyUse::EmvCaPrivate)?;
        issuer_certificate(&key, fields)
    }

    pub(super) fn signed_static_data(
        &mut self,
        issuer: KeyHandle,
        data_authentication_code: [u8; 2],
        static_data: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        check_static_data(static_data)?;
        let key = self.key_for(issuer, KeyUse::EmvIssuerPrivate)?;
        let rsa = key.rsa()?;
        let block = static_data_block(data_authentication_code, static_data, rsa.modulus().len());
        private(rsa, &block.map_err(|e| certificate_error(&e))?)
    }
}

/// The private operation, blinded by the operating system's randomness.
pub(crate) fn private(rsa: &RsaKey, block: &[u8]) -> Result<Vec<u8>, Refused> {
    rsa.apply(block, &mut System).map_err(error::of_rsa)
}

/// An issuer's certificate by a CA's key, whose use was checked.
pub(crate) fn issuer_certificate(
    ca: &Key,
    fields: &IssuerCertificateFields<'_>,
) -> Result<Certificate, Refused> {
    let fields = IssuerCertificate {
        issuer_identifier: fields.issuer_identifier,
        expiry_mmyy: fields.expiry_mmyy,
        serial: fields.serial,
        modulus: fields.modulus,
        exponent: fields.exponent,
    };
    let rsa = ca.rsa()?;
    signed(rsa, issuer_block(&fields, rsa.modulus().len()))
}

fn signed(
    rsa: &RsaKey,
    block: Result<ToBeSigned, CertificateError>,
) -> Result<Certificate, Refused> {
    let ToBeSigned { block, remainder } = block.map_err(|e| certificate_error(&e))?;
    Ok(Certificate {
        certificate: private(rsa, &block)?,
        remainder,
    })
}

fn check_static_data(data: &[u8]) -> Result<(), Refused> {
    if data.len() > STATIC_OCTETS_MAX {
        return Err(error::ARGUMENT.found(format!("{} octets of static data", data.len())));
    }
    Ok(())
}

fn certificate_error(e: &CertificateError) -> Refused {
    error::CERTIFICATE.found(e.to_string())
}
