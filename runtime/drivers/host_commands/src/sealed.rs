//! Sealed values: what the HSM enciphered, with a keyed hash over it and what it is bound to.
//!
//! The contents are under the LMK or the HSM's storage key and open in the HSM alone. The hash's key
//! comes from the storage key through the HSM and lives in memory; it opens nothing, it notices
//! changes.

use cardwright_ports::hsm::{Draw, Sealed, SealedPin};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::{self, Refused};

/// First octet of every sealed value.
const VERSION: u8 = 1;
/// Octets of the hash.
const TAG: usize = 16;
/// Longest token of the HSM.
const TOKEN_MAX: usize = 9_999;
/// Digits of an account number.
pub(crate) const ACCOUNT: usize = 12;

/// Makes and checks the hashes.
pub(crate) struct Sealer {
    key: Zeroizing<[u8; 32]>,
}

/// An opened sealed PIN: under the LMK still.
pub(crate) struct Pin {
    /// The account number that it is bound to under the LMK.
    pub(crate) account: [u8; ACCOUNT],
    /// Its characters under the LMK.
    pub(crate) characters: Vec<u8>,
    /// The mark of the PAN that it came in with; none when it was made here or came without one.
    pub(crate) mark: Option<[u8; 8]>,
}

impl Sealer {
    /// What the storage key enciphers to give the secret: 64 hexadecimal characters.
    pub(crate) const SEED: &'static [u8] =
        b"43617264777269676874207365616C6564206F6374657473206B657920763121";

    pub(crate) fn new(secret: &[u8]) -> Self {
        Self {
            key: Zeroizing::new(Sha256::digest(secret).into()),
        }
    }

    /// A keyed hash of parts, each with its length.
    pub(crate) fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = match Hmac::<Sha256>::new_from_slice(self.key.as_slice()) {
            Ok(mac) => mac,
            // HMAC takes keys of any length.
            Err(_) => return [0; 32],
        };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// A label as hash.
    pub(crate) fn label(&self, kind: &str, draw: &Draw<'_>) -> [u8; 32] {
        self.hash(&[
            b"draw",
            kind.as_bytes(),
            draw.job.as_bytes(),
            &draw.order.to_be_bytes(),
            draw.purpose.as_bytes(),
        ])
    }

    /// Twelve digits that a label or a context gives.
    pub(crate) fn account(&self, parts: &[&[u8]]) -> [u8; ACCOUNT] {
        let hash = self.hash(&[&[b"account".as_slice()], parts].concat());
        let mut digits = [b'0'; ACCOUNT];
        for (digit, octet) in digits.iter_mut().zip(hash) {
            *digit = b'0' + octet % 10;
        }
        digits
    }

    /// The mark of a PAN.
    pub(crate) fn mark(&self, pan: &str) -> [u8; 8] {
        let hash = self.hash(&[b"PAN", pan.as_bytes()]);
        let mut mark = [0; 8];
        for (slot, octet) in mark.iter_mut().zip(hash) {
            *slot = octet;
        }
        mark
    }

    fn tag(&self, kind: &str, bound: &[u8], body: &[u8]) -> [u8; TAG] {
        let hash = self.hash(&[b"seal", kind.as_bytes(), bound, body]);
        let mut tag = [0; TAG];
        for (slot, octet) in tag.iter_mut().zip(hash) {
            *slot = octet;
        }
        tag
    }

    fn close(&self, kind: &str, bound: &[u8], body: &[u8]) -> Vec<u8> {
        let mut blob = Vec::with_capacity(1 + body.len() + TAG);
        blob.push(VERSION);
        blob.extend_from_slice(body);
        blob.extend_from_slice(&self.tag(kind, bound, body));
        blob
    }

    fn open<'b>(&self, kind: &str, bound: &[u8], blob: &'b [u8]) -> Result<&'b [u8], Refused> {
        let refused = || error::SEALED.found(format!("a sealed {kind} that does not open"));
        let (version, rest) = blob.split_first().ok_or_else(refused)?;
        let (body, tag) = rest.split_last_chunk::<TAG>().ok_or_else(refused)?;
        let same: bool = self.tag(kind, bound, body).ct_eq(tag).into();
        match *version == VERSION && same && body.len() <= TOKEN_MAX {
            true => Ok(body),
            false => Err(refused()),
        }
    }

    pub(crate) fn seal_pin(&self, pin: &Pin) -> SealedPin {
        let mut body = Vec::with_capacity(1 + 8 + ACCOUNT + pin.characters.len());
        body.push(u8::from(pin.mark.is_some()));
        body.extend_from_slice(&pin.mark.unwrap_or_default());
        body.extend_from_slice(&pin.account);
        body.extend_from_slice(&pin.characters);
        SealedPin(self.close("PIN", b"", &body))
    }

    pub(crate) fn open_pin(&self, pin: &SealedPin) -> Result<Pin, Refused> {
        let refused = || error::SEALED.found("a sealed PIN that does not open");
        let body = self.open("PIN", b"", &pin.0)?;
        let (flag, rest) = body.split_first().ok_or_else(refused)?;
        let (mark, rest) = rest.split_first_chunk::<8>().ok_or_else(refused)?;
        let (account, characters) = rest.split_first_chunk::<ACCOUNT>().ok_or_else(refused)?;
        Ok(Pin {
            account: *account,
            characters: characters.to_vec(),
            mark: (*flag == 1).then_some(*mark),
        })
    }

    /// Seals what the HSM gave as token.
    pub(crate) fn seal(&self, token: &[u8], clear_length: u32, check_values: Vec<u8>) -> Sealed {
        let bound = bound(clear_length, &check_values);
        Sealed {
            blob: self.close("octets", &bound, token),
            clear_length,
            check_values,
        }
    }

    /// The HSM's token in a sealed value.
    pub(crate) fn token<'s>(&self, sealed: &'s Sealed) -> Result<&'s [u8], Refused> {
        let bound = bound(sealed.clear_length, &sealed.check_values);
        self.open("octets", &bound, &sealed.blob)
    }

    /// Seals a job key that the storage key enciphered.
    pub(crate) fn seal_job_key(&self, job: &str, enciphered: &[u8]) -> Vec<u8> {
        self.close("job key", job.as_bytes(), enciphered)
    }

    /// The enciphered job key of that job.
    pub(crate) fn open_job_key<'b>(&self, job: &str, blob: &'b [u8]) -> Result<&'b [u8], Refused> {
        self.open("job key", job.as_bytes(), blob)
    }
}

fn bound(clear_length: u32, check_values: &[u8]) -> Vec<u8> {
    let mut bound = clear_length.to_be_bytes().to_vec();
    bound.extend_from_slice(check_values);
    bound
}
