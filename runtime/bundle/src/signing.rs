//! Ed25519 signatures, m of n.

use crate::{BundleError, Environment};
use ed25519_dalek::{Signer, Verifier};
use sha2::{Digest, Sha256};

/// Seed of the well-known test signer. Its key ships in the open, so it means nothing but TEST.
pub const OPEN_TEST_SIGNER_SEED: &[u8] = b"Cardwright open test signer, TEST bundles only";

/// Separates bundle signatures from any other use of a key.
const DOMAIN: &[u8] = b"cardwright bundle signature v1\0";

/// A signer's public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

/// A signature with the key that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Signer.
    pub signer: PublicKey,
    /// Ed25519 signature over the domain, the signer's key and the digest.
    pub bytes: [u8; 64],
}

/// A signer's private key; wiped by its own crate on drop.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// From a 32-octet seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The well-known test signer.
    pub fn open_test_signer() -> Self {
        Self::from_seed(&Sha256::digest(OPEN_TEST_SIGNER_SEED).into())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a bundle digest.
    pub fn sign(&self, digest: &[u8; 32]) -> Signature {
        let signer = self.public();
        Signature {
            signer,
            bytes: self.0.sign(&message(&signer, digest)).to_bytes(),
        }
    }
}

impl Signature {
    /// Checks the signature with the key it names; says nothing of trust.
    pub fn verify(&self, digest: &[u8; 32]) -> Result<(), BundleError> {
        let wrong = || {
            BundleError::new(
                "R1009",
                "a signature does not fit the content",
                "fetch the bundle again, or have it signed again",
            )
        };
        let key = ed25519_dalek::VerifyingKey::from_bytes(&self.signer.0).map_err(|_| wrong())?;
        let signature = ed25519_dalek::Signature::from_bytes(&self.bytes);
        key.verify_strict(&message(&self.signer, digest), &signature)
            .and_then(|()| key.verify(&message(&self.signer, digest), &signature))
            .map_err(|_| wrong())
    }
}

fn message(signer: &PublicKey, digest: &[u8; 32]) -> Vec<u8> {
    [DOMAIN, &signer.0, digest].concat()
}

/// Who may sign for a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Signers for LIVE (and TEST) bundles.
    pub signers: Vec<PublicKey>,
    /// How many different ones must have signed; at least 1.
    pub threshold: usize,
    /// Whether the open test signer suffices for TEST.
    pub open_test_signer: bool,
}

impl Trust {
    /// What a site made by `init` trusts.
    pub fn test_only() -> Self {
        Self {
            signers: Vec::new(),
            threshold: 1,
            open_test_signer: true,
        }
    }

    /// Checks that enough trusted signers have signed. Signatures themselves are checked by
    /// [`crate::Bundle::open`].
    pub fn check(
        &self,
        environment: Environment,
        signatures: &[Signature],
    ) -> Result<(), BundleError> {
        let open = SigningKey::open_test_signer().public();
        if environment == Environment::Test
            && self.open_test_signer
            && signatures.iter().any(|s| s.signer == open)
        {
            return Ok(());
        }
        let mut signers: Vec<PublicKey> = signatures
            .iter()
            .map(|s| s.signer)
            // The open test signer is public: it never counts towards anything else.
            .filter(|key| *key != open && self.signers.contains(key))
            .collect();
        signers.sort();
        signers.dedup();
        if signers.len() >= self.threshold.max(1) {
            return Ok(());
        }
        Err(BundleError::new(
            "R1010",
            format!(
                "{} of {} needed trusted signatures found",
                signers.len(),
                self.threshold.max(1)
            ),
            "have the bundle signed by the people whom this site trusts: `cardwright sign`",
        ))
    }
}
