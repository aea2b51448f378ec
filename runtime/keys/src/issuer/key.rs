//! An issuer's key in its HSM, as request forms ask for it.

use cardwright_exchange::{ExchangeError, OaepHash, RsaPrivate, RsaPublicKey};
use cardwright_ports::HsmError;
use cardwright_ports::custody::{KeyCustody, PublicKey, Signing};
use std::cell::RefCell;
use zeroize::Zeroizing;

use super::codes::CERTIFICATE;
use crate::KeysError;

/// The key.
pub(crate) struct HsmKey<'a> {
    custody: RefCell<&'a mut dyn KeyCustody>,
    label: &'a str,
    public: RsaPublicKey,
    /// What the HSM said when it did not sign.
    refused: RefCell<Option<HsmError>>,
}

impl<'a> HsmKey<'a> {
    pub(crate) fn of(custody: &'a mut dyn KeyCustody, label: &'a str) -> Result<Self, KeysError> {
        let public = public_key(custody, label)?;
        Ok(Self {
            custody: RefCell::new(custody),
            label,
            public,
            refused: RefCell::new(None),
        })
    }

    fn signed(&self, what: &Signing<'_>) -> Result<Vec<u8>, ExchangeError> {
        let mut custody = self.custody.borrow_mut();
        custody.sign(self.label, what).map_err(|error| {
            self.refused.replace(Some(error));
            ExchangeError::Private("the HSM did not sign")
        })
    }

    /// Why nothing was made: the HSM's own words where it was the HSM that refused.
    pub(crate) fn why(&self, otherwise: KeysError) -> KeysError {
        let refused = self.refused.take();
        refused.map_or(otherwise, KeysError::from)
    }
}

/// The public half of an RSA key.
pub(super) fn public_key(
    custody: &mut dyn KeyCustody,
    label: &str,
) -> Result<RsaPublicKey, KeysError> {
    let PublicKey::Rsa { modulus, exponent } = custody.public_key(label)? else {
        return Err(CERTIFICATE.found(format!("{label} is no RSA key")));
    };
    RsaPublicKey::new(&modulus, &exponent.to_be_bytes())
        .map_err(|e| CERTIFICATE.found(e.to_string()))
}

impl RsaPrivate for HsmKey<'_> {
    fn public_key(&self) -> &RsaPublicKey {
        &self.public
    }

    fn decrypt_oaep(
        &self,
        _hash: OaepHash,
        _ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
        Err(ExchangeError::Private("an issuer's key opens nothing"))
    }

    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        self.signed(&Signing::Sha256 { message: data })
    }

    fn raw(&self, block: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        self.signed(&Signing::IssuerRecord { record: block })
    }
}
