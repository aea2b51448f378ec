//! Values under the HSM's own storage key: AES-256-GCM with a nonce made of content and context.
//!
//! The nonce is a keyed hash of what is sealed and of the card it is for. The same value for the
//! same card gives the same blob, in every lane and every run; the same PIN of two cards gives two
//! blobs, so that nobody who sees blobs learns who shares a PIN.

use zeroize::Zeroizing;

use crate::entropy::{KeyedHash, Root};
use crate::error::{self, Refused};
use crate::gcm::{Gcm, NONCE_OCTETS, TAG_OCTETS};

/// First octet of every blob.
const VERSION: u8 = 1;
/// Longest clear value.
pub(crate) const CLEAR_OCTETS_MAX: usize = 4_096;

/// Seals and opens under one root.
pub(crate) struct Sealer {
    cipher: Gcm,
    nonces: KeyedHash,
}

impl Sealer {
    pub(crate) fn new(root: &Root) -> Self {
        let key = root.derive("storage");
        Self {
            cipher: Gcm::new(&key),
            nonces: KeyedHash::new(&root.derive("storage nonce")),
        }
    }

    /// Seals a clear value. `kind` and `bound` must be the same at opening; `context` says for
    /// which card or draw it is and is not needed again.
    pub(crate) fn seal(
        &self,
        kind: &str,
        bound: &[u8],
        context: &[u8],
        clear: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let failed = || error::ARGUMENT.found(format!("{} octets to seal", clear.len()));
        if clear.len() > CLEAR_OCTETS_MAX {
            return Err(failed());
        }
        let hash = self.nonces.over(&[kind.as_bytes(), bound, context, clear]);
        let nonce: [u8; NONCE_OCTETS] = *hash.first_chunk().ok_or_else(failed)?;
        let mut blob = Vec::with_capacity(1 + NONCE_OCTETS + clear.len() + TAG_OCTETS);
        blob.push(VERSION);
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(clear);
        let body = blob.get_mut(1 + NONCE_OCTETS..).ok_or_else(failed)?;
        let tag = self.cipher.encrypt(&nonce, &associated(kind, bound), body);
        blob.extend_from_slice(&tag);
        Ok(blob)
    }

    /// Opens a blob of the same kind and bound data.
    pub(crate) fn open(
        &self,
        kind: &str,
        bound: &[u8],
        blob: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let refused = || error::SEALED.found(format!("a sealed {kind} that does not open"));
        let (&version, rest) = blob.split_first().ok_or_else(refused)?;
        let (nonce, rest) = rest
            .split_first_chunk::<NONCE_OCTETS>()
            .ok_or_else(refused)?;
        let (body, tag) = rest.split_last_chunk::<TAG_OCTETS>().ok_or_else(refused)?;
        if version != VERSION || body.len() > CLEAR_OCTETS_MAX {
            return Err(refused());
        }
        let mut clear = Zeroizing::new(body.to_vec());
        self.cipher
            .decrypt(nonce, &associated(kind, bound), &mut clear, tag)
            .ok_or_else(refused)?;
        Ok(clear)
    }
}

/// Kind and bound data as one text that no other pair gives.
fn associated(kind: &str, bound: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(kind.len() + bound.len() + 2);
    text.push(VERSION);
    text.extend_from_slice(kind.as_bytes());
    text.push(0);
    text.extend_from_slice(bound);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_refused() {
        let sealer = Sealer::new(&Root::new([5; 32]));
        let blob = sealer.seal("pin", b"b", b"card 1", b"secret").unwrap();
        assert_eq!(
            sealer.open("pin", b"b", &blob).unwrap().as_slice(),
            b"secret"
        );
        for bit in 0..8 * blob.len() {
            let mut changed = blob.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                sealer.open("pin", b"b", &changed).err().unwrap().code,
                "R1305"
            );
        }
        for length in 0..blob.len() {
            assert!(sealer.open("pin", b"b", &blob[..length]).is_err());
        }
        assert!(sealer.open("octets", b"b", &blob).is_err());
        assert!(sealer.open("pin", b"c", &blob).is_err());
        assert!(
            Sealer::new(&Root::new([6; 32]))
                .open("pin", b"b", &blob)
                .is_err()
        );
    }

    #[test]
    fn blobs_depend_on_content_and_context_only() {
        let sealer = Sealer::new(&Root::new([5; 32]));
        let blob = |context: &[u8], clear: &[u8]| sealer.seal("pin", b"", context, clear).unwrap();
        assert_eq!(blob(b"1", b"1234"), blob(b"1", b"1234"));
        assert_ne!(blob(b"1", b"1234"), blob(b"2", b"1234"));
        assert_ne!(blob(b"1", b"1234")[1..13], blob(b"1", b"1235")[1..13]);
    }
}
