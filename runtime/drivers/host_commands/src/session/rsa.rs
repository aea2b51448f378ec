//! RSA: card keys, certificates, signed data. Every signature is opened before it is believed.

use cardwright_ports::hsm::{
    Certificate, IccCertificateFields, IccKey, IssuerCertificateFields, KeyHandle, KeyUse,
};
use cardwright_standards::emv::certificates::{
    CertificateError, IccCertificate, IssuerCertificate, ToBeSigned, icc_block, issuer_block,
};
use cardwright_standards::emv::oda::static_data_block;
use cardwright_standards::{piv, x509};
use sha2::{Digest, Sha256};

use super::{Session, value};
use crate::error::{self, Refused};
use crate::keys::Entry;
use crate::layout::{self, Layout};

/// Largest ICC modulus (EMV Book 2, B2.1).
const ICC_BITS_MAX: u32 = 1_984;
/// Most octets of static data.
const STATIC_MAX: usize = 1 << 16;

/// An RSA key of the table: modulus and private key.
struct Rsa {
    modulus: Vec<u8>,
    private: Vec<u8>,
    exponent: u32,
}

fn rsa_of(entry: &Entry) -> Result<Rsa, Refused> {
    let octets = |text: &str| hex::decode(text).unwrap_or_default();
    let (modulus, private) = (octets(&entry.modulus), octets(&entry.block));
    match modulus.is_empty() {
        true => Err(error::KEY.found(format!("key {} is no RSA key", entry.name))),
        false => Ok(Rsa {
            modulus,
            private,
            exponent: entry.exponent,
        }),
    }
}

fn certificate_error(e: CertificateError) -> Refused {
    error::ARGUMENT.found(e.to_string())
}

impl Session {
    pub(super) fn card_rsa_key(&self, bits: u32, exponent: u32) -> Result<IccKey, Refused> {
        let fits = bits.is_multiple_of(8) && (512..=ICC_BITS_MAX).contains(&bits);
        if !fits || !matches!(exponent, 3 | 65_537) {
            return Err(
                error::ARGUMENT.found(format!("an ICC key of {bits} bits, exponent {exponent}"))
            );
        }
        let values = [format!("{bits:04}"), format!("{exponent:05}")];
        let values = values.each_ref().map(|v| v.as_bytes());
        let found = self.shared.call(&layout::CARD_RSA_KEY, &values)?;
        let modulus = value(&found, 0)?.to_vec();
        let sealer = self.shared.sealer()?;
        let part = |place| {
            Ok::<_, Refused>(sealer.seal(value(&found, place)?, bits.div_ceil(16), Vec::new()))
        };
        let components = [part(1)?, part(2)?, part(3)?, part(4)?, part(5)?];
        let whole = modulus.len() == bits as usize / 8;
        match whole && modulus.first().is_some_and(|high| *high >= 0x80) {
            true => Ok(IccKey {
                modulus,
                exponent,
                components,
            }),
            false => Err(error::ANSWER.found("ZA: a modulus of another size")),
        }
    }

    /// Asks for a signature and opens it with the public key.
    fn signature(
        &self,
        layout: &'static Layout,
        values: &[&[u8]],
        key: &Rsa,
        block: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let found = self.shared.call(layout, values)?;
        let signature = value(&found, 0)?.to_vec();
        let opened = cardwright_rsa::raise(&key.modulus, key.exponent, &signature);
        match opened {
            Ok(opened) if opened == block => Ok(signature),
            _ => Err(error::ANSWER.found(format!(
                "{}: a signature that its public key does not confirm",
                layout.code
            ))),
        }
    }

    fn emv(&self, kind: &[u8], key: &Rsa, block: &[u8]) -> Result<Vec<u8>, Refused> {
        let values = [kind, block, &key.private];
        self.signature(&layout::SIGN_EMV, &values, key, block)
    }

    pub(super) fn icc_certificate(
        &self,
        issuer: KeyHandle,
        fields: &IccCertificateFields<'_>,
    ) -> Result<Certificate, Refused> {
        let key = rsa_of(&self.shared.key_for(issuer, KeyUse::EmvIssuerPrivate)?)?;
        if fields.static_data.len() > STATIC_MAX {
            return Err(error::ARGUMENT.found("static data that are too long"));
        }
        let fields = IccCertificate {
            pan: fields.pan,
            expiry_mmyy: fields.expiry_mmyy,
            serial: fields.serial,
            modulus: fields.modulus,
            exponent: fields.exponent,
            static_data: fields.static_data,
        };
        let ToBeSigned { block, remainder } =
            icc_block(&fields, key.modulus.len()).map_err(certificate_error)?;
        Ok(Certificate {
            certificate: self.emv(b"I", &key, &block)?,
            remainder,
        })
    }

    pub(super) fn issuer_certificate(
        &self,
        ca: KeyHandle,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, Refused> {
        self.certified(&self.shared.key(ca)?, fields)
    }

    /// An issuer certificate by a CA's key.
    pub(crate) fn certified(
        &self,
        ca: &Entry,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, Refused> {
        ca.for_use(KeyUse::EmvCaPrivate)?;
        let key = rsa_of(ca)?;
        let fields = IssuerCertificate {
            issuer_identifier: fields.issuer_identifier,
            expiry_mmyy: fields.expiry_mmyy,
            serial: fields.serial,
            modulus: fields.modulus,
            exponent: fields.exponent,
        };
        let ToBeSigned { block, remainder } =
            issuer_block(&fields, key.modulus.len()).map_err(certificate_error)?;
        Ok(Certificate {
            certificate: self.emv(b"C", &key, &block)?,
            remainder,
        })
    }

    pub(super) fn static_data(
        &self,
        issuer: KeyHandle,
        code: [u8; 2],
        static_data: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let key = rsa_of(&self.shared.key_for(issuer, KeyUse::EmvIssuerPrivate)?)?;
        if static_data.len() > STATIC_MAX {
            return Err(error::ARGUMENT.found("static data that are too long"));
        }
        let block =
            static_data_block(code, static_data, key.modulus.len()).map_err(certificate_error)?;
        self.emv(b"S", &key, &block)
    }

    pub(super) fn signed_certificate(
        &self,
        authority: KeyHandle,
        to_be_signed: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let content = self.shared.key_for(authority, KeyUse::ContentSigning);
        let (entry, allowed) = match content {
            Ok(entry) => (entry, piv::signable(to_be_signed)),
            Err(_) => {
                let usage = KeyUse::CertificateSigning;
                let entry = self.shared.key_for(authority, usage)?;
                let allowed = x509::signable(to_be_signed, &rsa_of(&entry)?.modulus);
                (entry, allowed)
            }
        };
        allowed.map_err(|e| error::ARGUMENT.found(e.to_string()))?;
        self.signed_message(&entry, to_be_signed)
    }

    /// PKCS #1 v1.5 with SHA-256.
    pub(crate) fn signed_message(
        &self,
        entry: &Entry,
        to_be_signed: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let key = rsa_of(entry)?;
        let hash: [u8; 32] = Sha256::digest(to_be_signed).into();
        let block = x509::signature_block(&hash, key.modulus.len());
        // Hash 06 is SHA-256.
        let values = [b"06".as_slice(), to_be_signed, &key.private];
        self.signature(&layout::SIGN, &values, &key, &block)
    }
}
