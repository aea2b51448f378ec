//! Certificates and signed static data: the standard's block under the issuer's or CA's key, which never
//! leaves the token. Each signature is opened with the public key before it is given out.

use std::sync::Arc;

use cardwright_pkcs11_raw::Mechanism;
use cardwright_pkcs11_raw::ck;
use cardwright_ports::hsm::{
    Certificate, IccCertificateFields, IssuerCertificateFields, KeyHandle, KeyUse,
};
use cardwright_standards::emv::certificates::{
    CertificateError, IccCertificate, IssuerCertificate, ToBeSigned, icc_block, issuer_block,
};
use cardwright_standards::emv::oda::static_data_block;
use cardwright_standards::{piv, x509};
use sha2::{Digest, Sha256};

use super::Session;
use crate::composition::Intent;
use crate::error::{self, Refused};
use crate::known::raise;
use crate::ring::Key;
use crate::together::{Job, job};
use crate::tool::wrong;

/// Most octets of static data: far beyond all records of a card.
const STATIC_OCTETS_MAX: usize = 1 << 16;

impl Session {
    pub(super) fn icc_certificate(
        &self,
        issuer: KeyHandle,
        fields: &IccCertificateFields<'_>,
    ) -> Result<Job<Certificate>, Refused> {
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
        let octets = key.rsa()?.0.len();
        self.signed(&key, icc_block(&fields, octets))
    }

    pub(super) fn issuer_certificate(
        &self,
        ca: KeyHandle,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Job<Certificate>, Refused> {
        let key = self.key_for(ca, KeyUse::EmvCaPrivate)?;
        let fields = IssuerCertificate {
            issuer_identifier: fields.issuer_identifier,
            expiry_mmyy: fields.expiry_mmyy,
            serial: fields.serial,
            modulus: fields.modulus,
            exponent: fields.exponent,
        };
        let octets = key.rsa()?.0.len();
        self.signed(&key, issuer_block(&fields, octets))
    }

    pub(super) fn signed_static_data(
        &self,
        issuer: KeyHandle,
        data_authentication_code: [u8; 2],
        static_data: &[u8],
    ) -> Result<Job<Vec<u8>>, Refused> {
        check_static_data(static_data)?;
        let key = self.key_for(issuer, KeyUse::EmvIssuerPrivate)?;
        let octets = key.rsa()?.0.len();
        let block = static_data_block(data_authentication_code, static_data, octets);
        self.raw_signature(&key, block.map_err(|e| certificate_error(&e))?)
    }

    /// Signs what is a certificate of another's key, and nothing else.
    pub(super) fn signed_certificate(
        &self,
        authority: KeyHandle,
        to_be_signed: &[u8],
    ) -> Result<Job<Vec<u8>>, Refused> {
        let content = self.key_for(authority, KeyUse::ContentSigning);
        let (key, allowed) = match content {
            Ok(key) => (key, piv::signable(to_be_signed)),
            Err(_) => {
                let key = self.key_for(authority, KeyUse::CertificateSigning)?;
                let allowed = x509::signable(to_be_signed, key.rsa()?.0);
                (key, allowed)
            }
        };
        allowed.map_err(|e| error::CERTIFICATE.found(e.to_string()))?;
        let (modulus, _) = key.rsa()?;
        let hash: [u8; 32] = Sha256::digest(to_be_signed).into();
        let block = x509::signature_block(&hash, modulus.len());
        self.raw_signature(&key, block)
    }

    fn signed(
        &self,
        key: &Arc<Key>,
        block: Result<ToBeSigned, CertificateError>,
    ) -> Result<Job<Certificate>, Refused> {
        let ToBeSigned { block, remainder } = block.map_err(|e| certificate_error(&e))?;
        let signature = self.raw_signature(key, block)?;
        Ok(job(move |tool| {
            Ok(Certificate {
                certificate: signature(tool)?,
                remainder: remainder.clone(),
            })
        }))
    }

    /// The private operation inside, and its check outside: a wrong result could give the key away.
    fn raw_signature(&self, key: &Arc<Key>, block: Vec<u8>) -> Result<Job<Vec<u8>>, Refused> {
        let key = Arc::clone(key);
        Ok(job(move |tool| {
            tool.plan.way(Intent::Signatures, key.flags)?;
            let (modulus, exponent) = key.rsa()?;
            let main = tool.objects(&key)?.main;
            let mechanism = Mechanism::Plain(ck::CKM_RSA_X_509);
            let mut signature = tool.session()?.sign(&mechanism, main, &block)?;
            if raise(modulus, exponent, &signature).as_ref() != Some(&block) {
                let what = format!("a signature of key {} that it does not open", key.name);
                return Err(wrong(what).into());
            }
            Ok(std::mem::take(&mut *signature))
        }))
    }
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
