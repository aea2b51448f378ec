//! AES-256-GCM under a job's key. The key comes from the HSM and stays in memory.

use crate::codes::error;
use crate::site_key::keyed;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use cardwright_ports::store::{SealContext, Sealer};
use cardwright_ports::{SecretBytes, StoreError};
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 12;

/// Seals records and card data of one job.
pub struct JobSealer {
    cipher: Aes256Gcm,
    fingerprint: Zeroizing<[u8; 32]>,
}

impl JobSealer {
    /// From the unwrapped job key (32 octets): one key for encryption, another for fingerprints.
    pub fn new(key: &SecretBytes) -> Result<Self, StoreError> {
        if key.expose().len() != 32 {
            return Err(error("R1415", "the job key has not 32 octets"));
        }
        let encryption = Zeroizing::new(keyed(key.expose(), b"cardwright seal 1"));
        let cipher = Aes256Gcm::new_from_slice(encryption.as_slice())
            .map_err(|_| error("R1415", "the job key has a wrong length"))?;
        let fingerprint = Zeroizing::new(keyed(key.expose(), b"cardwright fingerprint 1"));
        Ok(Self {
            cipher,
            fingerprint,
        })
    }
}

impl Sealer for JobSealer {
    fn seal(&self, context: &SealContext<'_>, clear: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|e| error("R1415", format!("no entropy: {e}")))?;
        let place = place(context);
        let payload = Payload {
            msg: clear,
            aad: &place,
        };
        let body = self
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| error("R1415", "a value could not be sealed"))?;
        let mut sealed = nonce.to_vec();
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    fn open(&self, context: &SealContext<'_>, sealed: &[u8]) -> Result<SecretBytes, StoreError> {
        let refused = || {
            let what = format!("order {}, {}", context.order, context.purpose);
            error("R1415", what)
        };
        let (nonce, body) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or_else(refused)?;
        let place = place(context);
        let payload = Payload {
            msg: body,
            aad: &place,
        };
        self.cipher
            .decrypt(&Nonce::from(*nonce), payload)
            .map(SecretBytes::new)
            .map_err(|_| refused())
    }

    fn fingerprint(&self, context: &SealContext<'_>, clear: &[u8]) -> [u8; 32] {
        let mut message = Zeroizing::new(place(context));
        message.extend_from_slice(clear);
        keyed(self.fingerprint.as_slice(), &message)
    }
}

/// Order, length of the purpose, purpose: no two contexts give the same octets.
fn place(context: &SealContext<'_>) -> Vec<u8> {
    let mut place = context.order.to_be_bytes().to_vec();
    place.extend_from_slice(&(context.purpose.len() as u64).to_be_bytes());
    place.extend_from_slice(context.purpose.as_bytes());
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: SealContext<'_> = SealContext {
        order: 7,
        purpose: "record",
    };

    fn sealer(octet: u8) -> JobSealer {
        JobSealer::new(&SecretBytes::new(vec![octet; 32])).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_only_whole_and_in_its_place() {
        let sealed = sealer(1).seal(&RECORD, b"ada").unwrap();
        assert_eq!(sealer(1).open(&RECORD, &sealed).unwrap().expose(), b"ada");
        assert!(sealer(2).open(&RECORD, &sealed).is_err());
        let elsewhere = [(8, "record"), (7, "card")];
        for (order, purpose) in elsewhere {
            let context = SealContext { order, purpose };
            assert!(sealer(1).open(&context, &sealed).is_err());
        }
        for octet in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[octet] ^= 1;
            assert!(sealer(1).open(&RECORD, &broken).is_err());
            assert!(sealer(1).open(&RECORD, &sealed[..octet]).is_err());
        }
    }

    #[test]
    fn fingerprints_tell_data_and_places_apart() {
        let one = sealer(1).fingerprint(&RECORD, b"ada");
        assert_eq!(one, sealer(1).fingerprint(&RECORD, b"ada"));
        assert_ne!(one, sealer(1).fingerprint(&RECORD, b"adb"));
        assert_ne!(one, sealer(2).fingerprint(&RECORD, b"ada"));
    }
}
