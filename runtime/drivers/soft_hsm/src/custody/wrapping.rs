//! Keys under keys: key blocks, AES key wrap, and the legacy forms.

use cardwright_ports::custody::{
    CheckValue, Exportability, KeyAlgorithm, KeyFacts, NewKey, Wrapping,
};
use cardwright_ports::hsm::KeyUse;
use cardwright_standards::cipher as ciphers;
use cardwright_standards::key_wrap;
use cardwright_standards::keyblock::{self, Acceptance, Attributes, Header, Version};
use zeroize::Zeroizing;

use super::{Custody, may_leave, private_keys, random, rules};
use crate::error::{self, Refused};
use crate::keys::{Key, Material};
use rules::{agreed_header, check_version, received_header};

/// Longest thing that comes in.
const WRAPPED_OCTETS_MAX: usize = 9_999;

impl Custody<'_> {
    pub(super) fn wrapped(
        &self,
        label: &str,
        under: &str,
        wrapping: &Wrapping<'_>,
    ) -> Result<Vec<u8>, Refused> {
        let key = self.named(label)?;
        may_leave(&key)?;
        let algorithm = super::facts(&key)?.algorithm;
        match wrapping {
            Wrapping::KeyBlock { header } => {
                let under = self.wrapping_key(under, KeyUse::KeyBlockProtection, algorithm)?;
                let header = agreed_header(header, algorithm, key.usage, key.exportability)?;
                check_version(&header, algorithm_of(&under)?)?;
                block(&key, &under, &header)
            }
            Wrapping::AesKeyWrap { padded } => {
                let under = self.wrapping_key(under, KeyUse::Transport, algorithm)?;
                let clear = private_keys::wrap_octets(&key.material)?;
                aes_wrap(octets_of(&under, true)?, &clear, *padded)
            }
            Wrapping::LegacyEcb | Wrapping::LegacyCbc => {
                if key.exportability != Exportability::Sensitive {
                    return Err(error::MAY_NOT_TRAVEL.found(format!(
                        "key {} leaves in forms of X9.24 only, not in {}",
                        key.name,
                        legacy_name(wrapping)
                    )));
                }
                let under = self.wrapping_key(under, KeyUse::Transport, algorithm)?;
                let Some(_) = algorithm.octets() else {
                    return Err(error::MAY_NOT_TRAVEL.found("a private key without a key block"));
                };
                let mut octets = private_keys::block_octets(&key.material)?;
                legacy(&under, wrapping, &mut octets, true)?;
                Ok(std::mem::take(&mut *octets))
            }
            Wrapping::RsaOaep { receiver, hash } => {
                if !under.is_empty() {
                    return Err(error::ARGUMENT.found("a wrapping key beside a public key"));
                }
                let clear = symmetric_octets(&key)?;
                self.sealed_for(*receiver, *hash, &clear)
            }
            Wrapping::Ecdh { peer, info } => {
                let shared = self.agreed(under, peer, info)?;
                let clear = private_keys::wrap_octets(&key.material)?;
                aes_wrap(shared.as_slice(), &clear, true)
            }
        }
    }

    pub(super) fn unwrapped(
        &self,
        wrapped: &[u8],
        under: &str,
        wrapping: &Wrapping<'_>,
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, Refused> {
        self.check_new(key)?;
        if wrapped.is_empty() || wrapped.len() > WRAPPED_OCTETS_MAX {
            return Err(error::WRAPPED.found(format!("{} octets", wrapped.len())));
        }
        let algorithm = key.algorithm;
        let mut octets = match wrapping {
            Wrapping::KeyBlock { header } => {
                let under = self.wrapping_key(under, KeyUse::KeyBlockProtection, algorithm)?;
                let header = received_header(header, key)?;
                check_version(&header, algorithm_of(&under)?)?;
                let octets = opened_block(wrapped, &under, &header)?;
                if algorithm.octets().is_none() {
                    let material = private_keys::of_block(algorithm, &octets)?;
                    return self.keep(key, material, expected);
                }
                octets
            }
            Wrapping::AesKeyWrap { padded } => {
                let under = self.wrapping_key(under, KeyUse::Transport, algorithm)?;
                aes_unwrap(octets_of(&under, true)?, wrapped, *padded)?
            }
            Wrapping::LegacyEcb | Wrapping::LegacyCbc => {
                let under = self.wrapping_key(under, KeyUse::Transport, algorithm)?;
                let mut octets = Zeroizing::new(wrapped.to_vec());
                legacy(&under, wrapping, &mut octets, false)?;
                // Parity is the only sign that these forms have of the wrong key.
                rules::check_form(algorithm, &octets)?;
                octets
            }
            Wrapping::RsaOaep { hash, .. } => self.opened_by(under, *hash, wrapped)?,
            Wrapping::Ecdh { peer, info } => {
                let shared = self.agreed(under, peer, info)?;
                aes_unwrap(shared.as_slice(), wrapped, true)?
            }
        };
        if algorithm.octets().is_none() {
            let material = private_keys::of_wrap(algorithm, &octets)?;
            return self.keep(key, material, expected);
        }
        // Authenticated forms carry DES keys of any parity, as X9.143's own example does.
        rules::adjust(algorithm, &mut octets);
        self.keep_octets(key, &octets, expected)
    }

    /// The key that wraps, for its only use, no weaker than what it wraps.
    fn wrapping_key(
        &self,
        label: &str,
        usage: KeyUse,
        wrapped: KeyAlgorithm,
    ) -> Result<std::sync::Arc<Key>, Refused> {
        let key = self.named(label)?;
        key.check_use(usage)
            .map_err(|e| error::MAY_NOT_TRAVEL.found(e.what))?;
        rules::check_strength(wrapped, (&key.name, algorithm_of(&key)?))?;
        Ok(key)
    }
}

fn parsed(text: &str) -> Result<Header, Refused> {
    Header::from_text(text).map_err(|e| error::MAY_NOT_TRAVEL.found(e.to_string()))
}

/// What a symmetric key is made of; a key pair protects no block.
fn algorithm_of(key: &Key) -> Result<KeyAlgorithm, Refused> {
    Ok(super::facts(key)?.algorithm)
}

fn block(key: &Key, under: &Key, header: &Header) -> Result<Vec<u8>, Refused> {
    let refused = |e: keyblock::KeyBlockError| error::MAY_NOT_TRAVEL.found(e.to_string());
    let octets = private_keys::block_octets(&key.material)?;
    let fill = keyblock::fill_octets(header, octets.len()).map_err(refused)?;
    let mut fill = Zeroizing::new(vec![0; fill]);
    random(&mut fill)?;
    let attributes = Attributes::parse(header).map_err(|faults| {
        let first = faults.first().map(ToString::to_string);
        error::MAY_NOT_TRAVEL.found(first.unwrap_or_default())
    })?;
    keyblock::seal(octets_of(under, false)?, &attributes, &octets, &fill)
        .map(String::into_bytes)
        .map_err(refused)
}

fn opened_block(
    wrapped: &[u8],
    under: &Key,
    header: &Header,
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let text = std::str::from_utf8(wrapped)
        .map_err(|_| error::WRAPPED.found("a key block is ASCII text"))?;
    // What stands in a header is policy's to accept; here it must be what was accepted.
    let acceptance = Acceptance {
        versions: &[Version::A, Version::B, Version::C, Version::D, Version::E],
        unknown_blocks: true,
        components: false,
        odd_combinations: true,
    };
    let opened = keyblock::open(octets_of(under, false)?, text, &acceptance)
        .map_err(|e| error::WRAPPED.found(e.to_string()))?;
    let mut found = parsed(&opened.header_text)?;
    found.length = header.length;
    if found != *header {
        return Err(error::WRAPPED.found("its header is not the one that was accepted"));
    }
    Ok(opened.key)
}

/// The octets of a key that wraps.
fn octets_of(key: &Key, aes: bool) -> Result<&[u8], Refused> {
    match &key.material {
        Material::Aes(octets, _) => Ok(octets.expose()),
        Material::Tdes(octets, _) if !aes => Ok(octets.expose()),
        _ => Err(error::MAY_NOT_TRAVEL.found(format!(
            "key {} is {}, AES is needed",
            key.name, key.algorithm
        ))),
    }
}

/// The octets of a key that has no structure.
pub(super) fn symmetric_octets(key: &Key) -> Result<Zeroizing<Vec<u8>>, Refused> {
    match &key.material {
        Material::Tdes(..) | Material::Aes(..) => private_keys::block_octets(&key.material),
        _ => Err(error::MAY_NOT_TRAVEL.found("a private key under RSA-OAEP")),
    }
}

/// RFC 3394, or RFC 5649 when padded.
fn aes_wrap(key: &[u8], clear: &[u8], padded: bool) -> Result<Vec<u8>, Refused> {
    let done = match padded {
        true => key_wrap::wrap_padded(key, clear),
        false => key_wrap::wrap(key, clear),
    };
    done.map_err(|e| error::MAY_NOT_TRAVEL.found(e.to_string()))
}

/// Opens what [`aes_wrap`] made.
fn aes_unwrap(key: &[u8], wrapped: &[u8], padded: bool) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let done = match padded {
        true => key_wrap::unwrap_padded(key, wrapped),
        false => key_wrap::unwrap(key, wrapped),
    };
    done.map_err(|e| error::WRAPPED.found(e.to_string()))
}

fn legacy_name(wrapping: &Wrapping<'_>) -> &'static str {
    match wrapping {
        Wrapping::LegacyCbc => "CBC",
        _ => "ECB",
    }
}

/// Key under key in ECB, or in CBC with IV zero.
fn legacy(
    under: &Key,
    wrapping: &Wrapping<'_>,
    octets: &mut Zeroizing<Vec<u8>>,
    encrypt: bool,
) -> Result<(), Refused> {
    let cbc = matches!(wrapping, Wrapping::LegacyCbc);
    let done = match &under.material {
        Material::Tdes(_, key) => match (cbc, encrypt) {
            (true, true) => ciphers::cbc_encrypt(key, [0; 8], octets),
            (true, false) => ciphers::cbc_decrypt(key, [0; 8], octets),
            (false, true) => ciphers::ecb_encrypt(key, octets),
            (false, false) => ciphers::ecb_decrypt(key, octets),
        },
        Material::Aes(_, key) => match (cbc, encrypt) {
            (true, true) => ciphers::cbc_encrypt(key, [0; 16], octets),
            (true, false) => ciphers::cbc_decrypt(key, [0; 16], octets),
            (false, true) => ciphers::ecb_encrypt(key, octets),
            (false, false) => ciphers::ecb_decrypt(key, octets),
        },
        _ => return Err(error::MAY_NOT_TRAVEL.found("a key under a key pair in ECB or CBC")),
    };
    done.map_err(|e| error::PARITY.found(e.to_string()))
}
