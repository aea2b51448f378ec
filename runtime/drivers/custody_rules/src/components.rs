//! Components: what one is sealed for, how they make a key and how a key is taken apart. Sealing,
//! opening and randomness are the driver's.

use cardwright_ports::HsmError;
use cardwright_ports::custody::{CheckValue, KeyAlgorithm};
use zeroize::Zeroizing;

use crate::refusal::{ARGUMENT, COMPONENT, RANDOMNESS};
use crate::rules::{COMPONENTS, adjust, is_weak, octets_of, same};

/// The kind under which a component is sealed.
pub const KIND: &str = "component";
/// Longest name of a ceremony.
const CEREMONY_OCTETS_MAX: usize = 256;
/// Draws of a key before the search for one that is not weak is given up.
const DRAWS_MAX: u32 = 16;

/// A source of randomness: fills octets.
pub type Fill<'a, E> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), E>;

/// Octets of a symmetric key or component, with parity, not weak.
///
/// # Errors
/// R1314 for a key pair, R1312 for a source of weak keys, what the source fails with.
pub fn drawn<E: From<HsmError>>(
    algorithm: KeyAlgorithm,
    random: Fill<'_, E>,
) -> Result<Zeroizing<Vec<u8>>, E> {
    let length = octets_of(algorithm)?;
    for _ in 0..DRAWS_MAX {
        let mut octets = Zeroizing::new(vec![0; length]);
        random(&mut octets)?;
        adjust(algorithm, &mut octets);
        if !is_weak(algorithm, &octets) {
            return Ok(octets);
        }
    }
    Err(RANDOMNESS
        .found("sixteen weak keys one after another")
        .into())
}

/// A scalar of P-256, from 1 to the order less 1 (SP 800-56A, 5.6.1.2.2: candidates are tested).
///
/// # Errors
/// R1312 for a source without one, what the source fails with.
pub fn scalar<E: From<HsmError>>(random: Fill<'_, E>) -> Result<p256::SecretKey, E> {
    for _ in 0..DRAWS_MAX {
        let mut octets = Zeroizing::new([0; 32]);
        random(octets.as_mut_slice())?;
        if let Ok(key) = p256::SecretKey::from_slice(octets.as_slice()) {
            return Ok(key);
        }
    }
    Err(RANDOMNESS
        .found("no scalar below the order of the curve")
        .into())
}

/// What a component is sealed for: ceremony, algorithm, check value.
///
/// # Errors
/// R1307 for a ceremony without a name.
pub fn bound(
    ceremony: &str,
    algorithm: KeyAlgorithm,
    value: &CheckValue,
) -> Result<Vec<u8>, HsmError> {
    if ceremony.is_empty() || ceremony.len() > CEREMONY_OCTETS_MAX {
        return Err(ARGUMENT.found("a ceremony's name of 0 or more than 256 octets"));
    }
    let mut bound = ceremony.as_bytes().to_vec();
    bound.push(0);
    bound.extend_from_slice(algorithm.name().as_bytes());
    bound.push(0);
    bound.extend_from_slice(&value.octets);
    Ok(bound)
}

/// What an HSM says of a component that does not open.
pub fn not_of_this_ceremony() -> HsmError {
    COMPONENT.found("a component that was not sealed here for this ceremony")
}

/// Two to five.
///
/// # Errors
/// R1372.
pub fn check_count(components: usize) -> Result<(), HsmError> {
    match COMPONENTS.contains(&components) {
        true => Ok(()),
        false => Err(COMPONENT.found(format!("{components} components"))),
    }
}

/// The XOR of components that differ, with parity. `open` gives one of them clear.
///
/// # Errors
/// R1372 for a wrong number of them or the same twice, what `open` fails with.
pub fn joined<C, E: From<HsmError>>(
    algorithm: KeyAlgorithm,
    components: &[C],
    mut open: impl FnMut(&C) -> Result<Zeroizing<Vec<u8>>, E>,
) -> Result<Zeroizing<Vec<u8>>, E> {
    check_count(components.len())?;
    let mut sum = Zeroizing::new(vec![0; octets_of(algorithm)?]);
    let mut clear: Vec<Zeroizing<Vec<u8>>> = Vec::with_capacity(components.len());
    for component in components {
        let opened = open(component)?;
        if clear.iter().any(|other| same(other, &opened)) {
            return Err(COMPONENT.found("the same component twice").into());
        }
        exclusive_or(&mut sum, &opened);
        clear.push(opened);
    }
    // An even number of DES components has even parity.
    adjust(algorithm, &mut sum);
    Ok(sum)
}

/// Components whose XOR a key is, none of them weak, no two the same.
///
/// # Errors
/// R1372 for a wrong number of them, R1312 for a source of weak ones, what the source fails with.
pub fn taken_apart<E: From<HsmError>>(
    algorithm: KeyAlgorithm,
    whole: &[u8],
    components: usize,
    random: Fill<'_, E>,
) -> Result<Vec<Zeroizing<Vec<u8>>>, E> {
    check_count(components)?;
    for _ in 0..DRAWS_MAX {
        // All but the last are drawn; the last is what is missing to the key.
        let mut last = Zeroizing::new(whole.to_vec());
        let mut parts = Vec::with_capacity(components);
        for _ in 1..components {
            let part = drawn(algorithm, random)?;
            exclusive_or(&mut last, &part);
            parts.push(part);
        }
        adjust(algorithm, &mut last);
        let twice = parts.iter().any(|part| same(part, &last));
        if !is_weak(algorithm, &last) && !twice {
            parts.push(last);
            return Ok(parts);
        }
    }
    Err(RANDOMNESS
        .found("sixteen weak components one after another")
        .into())
}

fn exclusive_or(to: &mut [u8], other: &[u8]) {
    for (octet, part) in to.iter_mut().zip(other) {
        *octet ^= part;
    }
}
