//! Envelopes: a key in its frame, padded, under a content key in CBC mode.

use cardwright_ports::HsmError;
use cardwright_ports::custody::{Enveloped, Frame, KeyAlgorithm};
use cardwright_standards::cipher::{self, AesKey, TdesKey};
use zeroize::Zeroizing;

use crate::refusal::{UNSUITABLE, WRAPPED};

/// Longest frame, far beyond that of a key token.
const FRAME_OCTETS_MAX: usize = 4_096;

/// Octets of the content key and of a block.
///
/// # Errors
/// R1314 for what enciphers no content.
pub fn sizes(cipher: KeyAlgorithm) -> Result<(usize, usize), HsmError> {
    match (cipher, cipher.octets()) {
        (KeyAlgorithm::Tdes3, Some(octets)) => Ok((octets, 8)),
        (KeyAlgorithm::Aes128 | KeyAlgorithm::Aes192 | KeyAlgorithm::Aes256, Some(octets)) => {
            Ok((octets, 16))
        }
        _ => Err(UNSUITABLE.found(format!("an envelope under {}", cipher.name()))),
    }
}

/// Enciphers the frame with the key in it.
///
/// # Errors
/// R1314 for a frame or content key that can't be.
pub fn seal(
    key: &[u8],
    frame: &Frame<'_>,
    (content_key, initial): (&[u8], &[u8]),
) -> Result<Vec<u8>, HsmError> {
    let (_, block) = sizes(frame.cipher)?;
    if frame.before.len() + frame.after.len() > FRAME_OCTETS_MAX {
        return Err(UNSUITABLE.found("a frame of more than 4096 octets"));
    }
    let length = frame.before.len() + key.len() + frame.after.len();
    let fill = block - length % block;
    // Room for all at once: growing would leave copies behind.
    let mut data = Zeroizing::new(Vec::with_capacity(length + fill));
    data.extend_from_slice(frame.before);
    data.extend_from_slice(key);
    data.extend_from_slice(frame.after);
    data.extend(std::iter::repeat_n(fill as u8, fill));
    let refused = || UNSUITABLE.found("a content key of a wrong length");
    match block {
        8 => {
            let initial = initial.try_into().map_err(|_| refused())?;
            let key = TdesKey::new(content_key).map_err(|_| refused())?;
            cipher::cbc_encrypt(&key, initial, &mut data).map_err(|_| refused())?;
        }
        _ => {
            let initial = initial.try_into().map_err(|_| refused())?;
            let key = AesKey::new(content_key).map_err(|_| refused())?;
            cipher::cbc_encrypt(&key, initial, &mut data).map_err(|_| refused())?;
        }
    }
    Ok(std::mem::take(&mut *data))
}

/// The key of so many octets in one of the frames; one error for everything that is wrong.
///
/// # Errors
/// R1375.
pub fn open(
    enveloped: &Enveloped,
    content_key: &[u8],
    frames: &[Frame<'_>],
    octets: usize,
) -> Result<Zeroizing<Vec<u8>>, HsmError> {
    let refused = || WRAPPED.found("an envelope that does not open");
    let cipher = frames.first().ok_or_else(refused)?.cipher;
    let (key_octets, block) = sizes(cipher)?;
    let whole = enveloped.content.len().is_multiple_of(block) && !enveloped.content.is_empty();
    if content_key.len() != key_octets || !whole {
        return Err(refused());
    }
    let mut data = Zeroizing::new(enveloped.content.clone());
    match block {
        8 => {
            let initial = enveloped.initial.as_slice().try_into();
            let key = TdesKey::new(content_key).map_err(|_| refused())?;
            cipher::cbc_decrypt(&key, initial.map_err(|_| refused())?, &mut data)
                .map_err(|_| refused())?;
        }
        _ => {
            let initial = enveloped.initial.as_slice().try_into();
            let key = AesKey::new(content_key).map_err(|_| refused())?;
            cipher::cbc_decrypt(&key, initial.map_err(|_| refused())?, &mut data)
                .map_err(|_| refused())?;
        }
    }
    let fill = usize::from(data.last().copied().unwrap_or(0));
    let padded = (1..=block).contains(&fill)
        && data
            .iter()
            .rev()
            .take(fill)
            .all(|o| usize::from(*o) == fill);
    let end = data.len().checked_sub(fill).filter(|_| padded);
    let clear = end.and_then(|end| data.get(..end)).ok_or_else(refused)?;
    for frame in frames {
        let rest = clear.strip_prefix(frame.before);
        let key = rest.and_then(|rest| rest.strip_suffix(frame.after));
        if let Some(key) = key.filter(|key| key.len() == octets) {
            return Ok(Zeroizing::new(key.to_vec()));
        }
    }
    Err(refused())
}

/// Whether frames that are tried one after another are of one envelope.
///
/// # Errors
/// R1314.
pub fn check_frames(frames: &[Frame<'_>]) -> Result<(), HsmError> {
    let alike = frames.windows(2).all(|pair| match pair {
        [a, b] => a.cipher == b.cipher && a.hash == b.hash,
        _ => true,
    });
    match alike && !frames.is_empty() {
        true => Ok(()),
        false => Err(UNSUITABLE.found("frames of different envelopes, or none")),
    }
}
