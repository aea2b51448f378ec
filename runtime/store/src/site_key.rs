//! The site's own key: signs audit checkpoints and keys the identity hashes.

use crate::codes::error;
use cardwright_ports::{SecretBytes, StoreError};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::io::Write;
use std::path::Path;
use zeroize::Zeroizing;

/// An Ed25519 key and a hash key of one site, both from one seed.
pub struct SiteKey {
    signing: SigningKey,
    identity: Zeroizing<[u8; 32]>,
}

impl SiteKey {
    /// From a seed of 32 octets.
    pub fn from_seed(seed: &SecretBytes) -> Result<Self, StoreError> {
        let seed: Zeroizing<[u8; 32]> = seed
            .expose()
            .try_into()
            .map(Zeroizing::new)
            .map_err(|_| error("R1401", "the site key has not 32 octets"))?;
        Ok(Self {
            signing: SigningKey::from_bytes(&seed),
            identity: Zeroizing::new(keyed(seed.as_slice(), b"cardwright identity 1")),
        })
    }

    /// Reads the seed file of a site, or makes it with the system's entropy (mode 600).
    pub fn load_or_create(path: &Path) -> Result<Self, StoreError> {
        let failed = |e: std::io::Error| error("R1401", format!("site key: {e}"));
        if path.exists() {
            let text = Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?);
            let seed = hex::decode(text.trim())
                .map_err(|_| error("R1401", "the site key's file is damaged"))?;
            return Self::from_seed(&SecretBytes::new(seed));
        }
        let mut seed = vec![0u8; 32];
        getrandom::fill(&mut seed).map_err(|e| error("R1401", format!("no entropy: {e}")))?;
        let text = Zeroizing::new(hex::encode(&seed));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Self::from_seed(&SecretBytes::new(seed))
    }

    /// The public half, for auditors.
    pub fn public(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }

    pub(crate) fn identity(&self, material: &[u8]) -> [u8; 32] {
        keyed(self.identity.as_slice(), material)
    }
}

pub(crate) fn signature_holds(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (
        VerifyingKey::from_bytes(public),
        Signature::from_slice(signature),
    ) else {
        return false;
    };
    key.verify_strict(message, &signature).is_ok()
}

/// HMAC-SHA-256; any key length is allowed (RFC 2104).
pub(crate) fn keyed(key: &[u8], message: &[u8]) -> [u8; 32] {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(message);
            mac.finalize().into_bytes().into()
        }
        Err(_) => [0; 32],
    }
}
