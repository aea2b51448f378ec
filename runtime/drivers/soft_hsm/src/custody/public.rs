//! Key pairs at work: signatures, RSA-OAEP, agreement on P-256.

use cardwright_ports::custody::{OaepHash, Signing};
use cardwright_ports::hsm::KeyUse;
use cardwright_standards::x509;
use p256::ecdsa::signature::Signer;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Custody, random, rules};
use crate::error::{self, Refused};
use crate::keys::{Key, Material, use_name};
use crate::oaep;
use crate::session::private;

/// Longest message that is signed.
const MESSAGE_OCTETS_MAX: usize = 1 << 24;
/// Longest shared information.
const INFO_OCTETS_MAX: usize = 4_096;

impl Custody<'_> {
    pub(super) fn signature(&self, label: &str, what: &Signing<'_>) -> Result<Vec<u8>, Refused> {
        let key = self.named(label)?;
        match what {
            Signing::Sha256 { message } => sha256(&key, message),
            Signing::IssuerRecord { record } => issuer_record(&key, record),
        }
    }

    /// RSA-OAEP for somebody's public key (RFC 8017, 7.1).
    pub(super) fn sealed_for(
        &self,
        (modulus, exponent): (&[u8], u32),
        hash: OaepHash,
        clear: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        if modulus.len() * 8 < rules::RECEIVER_BITS_MIN {
            return Err(error::MAY_NOT_TRAVEL.found(format!(
                "a receiver's modulus of {} bits, at least {} are needed",
                modulus.len() * 8,
                rules::RECEIVER_BITS_MIN
            )));
        }
        let mut seed = Zeroizing::new(vec![0; oaep::hash_octets(hash)]);
        random(&mut seed)?;
        let block = oaep::encode(hash, clear, &seed, modulus.len())
            .ok_or_else(|| error::MAY_NOT_TRAVEL.found("a key that is too long for the modulus"))?;
        cardwright_rsa::raise(modulus, exponent, &block).map_err(error::of_rsa)
    }

    /// Opens RSA-OAEP with the private key of a label.
    pub(super) fn opened_by(
        &self,
        label: &str,
        hash: OaepHash,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        // One error for everything: its kind must not tell how far the padding went.
        let refused = || error::WRAPPED.found("RSA-OAEP that does not open");
        let key = self.receiving(label)?;
        let rsa = key.rsa()?;
        if wrapped.len() != rsa.modulus().len() {
            return Err(refused());
        }
        let block = Zeroizing::new(private(rsa, wrapped).map_err(|_| refused())?);
        oaep::decode(hash, &block).ok_or_else(refused)
    }

    /// The 256 bits that both sides of an agreement derive: one-step KDF with SHA-256
    /// (SP 800-56C, 4.1) over the shared x-coordinate.
    pub(super) fn agreed(
        &self,
        label: &str,
        peer: &[u8],
        info: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, Refused> {
        let key = self.receiving(label)?;
        let secret = key.p256()?;
        if peer.len() != 65 || info.len() > INFO_OCTETS_MAX {
            return Err(error::ARGUMENT.found("a point has 65 octets, information up to 4096"));
        }
        let peer = p256::PublicKey::from_sec1_bytes(peer)
            .map_err(|_| error::ARGUMENT.found("a point that is not on P-256"))?;
        let shared = p256::ecdh::diffie_hellman(secret.to_nonzero_scalar(), peer.as_affine());
        let mut hash = Sha256::new();
        hash.update(1u32.to_be_bytes());
        hash.update(shared.raw_secret_bytes());
        hash.update(info);
        Ok(Zeroizing::new(hash.finalize().into()))
    }

    /// A key pair that receives keys.
    fn receiving(&self, label: &str) -> Result<std::sync::Arc<Key>, Refused> {
        let key = self.named(label)?;
        key.check_use(KeyUse::KeyExchange)
            .map_err(|e| error::MAY_NOT_TRAVEL.found(e.what))?;
        Ok(key)
    }
}

/// RSASSA-PKCS1-v1_5 (RFC 8017, 8.2), or ECDSA in DER with the deterministic number of RFC 6979.
fn sha256(key: &Key, message: &[u8]) -> Result<Vec<u8>, Refused> {
    // An issuer's key signs its own request only; 00 01 in front keeps this apart from EMV's blocks.
    let signs = matches!(
        key.usage,
        KeyUse::PackageSigning
            | KeyUse::CertificateSigning
            | KeyUse::ContentSigning
            | KeyUse::KeyExchange
            | KeyUse::EmvIssuerPrivate
    );
    if !signs || message.len() > MESSAGE_OCTETS_MAX {
        return Err(error::KEY_USE.found(format!(
            "key {} is for {}, which signs no messages of {} octets",
            key.name,
            use_name(key.usage),
            message.len()
        )));
    }
    if let Material::P256(secret) = &key.material {
        let signature: p256::ecdsa::DerSignature =
            p256::ecdsa::SigningKey::from(secret).sign(message);
        return Ok(signature.as_bytes().to_vec());
    }
    let rsa = key.rsa()?;
    let hash: [u8; 32] = Sha256::digest(message).into();
    private(rsa, &x509::signature_block(&hash, rsa.modulus().len()))
}

/// Raw signature over an issuer's record of its own public key, and over nothing else: what a
/// terminal would take for an ICC's certificate or for signed data of a card has another format.
fn issuer_record(key: &Key, record: &[u8]) -> Result<Vec<u8>, Refused> {
    key.check_use(KeyUse::EmvIssuerPrivate)?;
    let rsa = key.rsa()?;
    rules::check_issuer_record(record, rsa.modulus())?;
    private(rsa, record)
}
