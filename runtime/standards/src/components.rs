//! Key components: full-length parts whose exclusive or is the key (ANSI X9.24-1). Each of two to
//! five custodians holds one; none alone tells anything of the key.

use crate::cipher::CipherError;
use crate::des_keys::{self, Weakness};
use crate::kcv::{self, Algorithm, Method, check_value};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Fewest components.
pub const COMPONENTS_MIN: usize = 2;
/// Most components.
pub const COMPONENTS_MAX: usize = 5;

/// Why components do not make a key. Never holds any of them; numbers begin with 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// Too few or too many.
    #[error("a key has {COMPONENTS_MIN} to {COMPONENTS_MAX} components, found {0}")]
    Count(usize),
    /// A component of another length than the first, or of no length that the algorithm has.
    #[error("component {number} has {found} octets, which the others or the algorithm do not have")]
    Length {
        /// Which.
        number: usize,
        /// Its octets.
        found: usize,
    },
    /// All of a component is zero, or a whole DES part of it: the others would hold the key.
    #[error("component {0} is zero in a whole part: it hides nothing")]
    Zero(usize),
    /// Two components are the same: they take each other away.
    #[error("components {0} and {1} are the same: they cancel out")]
    Same(usize, usize),
    /// An octet of a component has even parity.
    #[error("component {0} has wrong parity: an octet was mistyped")]
    Parity(usize),
    /// The key that they make is weak.
    #[error("the key that the components make is refused: {0}")]
    Weak(Weakness),
    /// The AES key that they make is zero or one octet repeated.
    #[error("the key that the components make is refused: it is one octet repeated")]
    Repeated,
    /// A component's check value.
    #[error("the check value of component {0} is another: an octet was mistyped")]
    CheckValue(usize),
    /// The check value of the key.
    #[error("the check value of the key is another: a component is missing or wrong")]
    KeyCheckValue,
}

impl ComponentError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CheckValue(_) | Self::KeyCheckValue => "E0597",
            _ => "E0595",
        }
    }
}

/// What becomes of the parity of DES keys. AES keys have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// Each component must have odd parity; the key gets it.
    Odd,
    /// Components are taken as they are; the key gets odd parity.
    Adjusted,
    /// Nothing is looked at and nothing changed.
    Ignored,
}

/// One component as a custodian gives it.
pub struct Component<'a> {
    /// Its octets, as long as the key.
    pub octets: &'a [u8],
    /// Its check value from the form, if there is one.
    pub check_value: Option<&'a [u8]>,
}

/// Splits a key: one component of random octets for each of `random`, and one more that completes
/// them. `random` is the caller's; for 3DES every component gets odd parity.
pub fn split(
    algorithm: Algorithm,
    key: &[u8],
    random: &[&[u8]],
) -> Result<Vec<Zeroizing<Vec<u8>>>, ComponentError> {
    let count = random.len() + 1;
    if !(COMPONENTS_MIN..=COMPONENTS_MAX).contains(&count) {
        return Err(ComponentError::Count(count));
    }
    if !has_length(algorithm, key.len()) {
        let found = key.len();
        return Err(ComponentError::Length { number: 0, found });
    }
    let mut last = Zeroizing::new(key.to_vec());
    let mut components = Vec::with_capacity(count);
    for (octets, number) in random.iter().zip(1..) {
        if octets.len() != key.len() {
            let found = octets.len();
            return Err(ComponentError::Length { number, found });
        }
        exclusive_or(&mut last, octets);
        components.push(Zeroizing::new(octets.to_vec()));
    }
    components.push(last);
    if algorithm == Algorithm::Tdes {
        // Parity bits are no part of the key.
        for component in &mut components {
            des_keys::set_odd_parity(component);
        }
    }
    check_each(
        &components
            .iter()
            .map(|it| it.as_slice())
            .collect::<Vec<_>>(),
    )?;
    Ok(components)
}

/// Combines components; verifies each one's check value, then that of the key.
pub fn combine(
    algorithm: Algorithm,
    method: Method,
    parity: Parity,
    components: &[Component<'_>],
    key_check_value: Option<&[u8]>,
) -> Result<Zeroizing<Vec<u8>>, ComponentError> {
    if !(COMPONENTS_MIN..=COMPONENTS_MAX).contains(&components.len()) {
        return Err(ComponentError::Count(components.len()));
    }
    let length = components.first().map_or(0, |it| it.octets.len());
    for (component, number) in components.iter().zip(1..) {
        let found = component.octets.len();
        if found != length || !has_length(algorithm, found) {
            return Err(ComponentError::Length { number, found });
        }
        let odd = des_keys::has_odd_parity(component.octets);
        if algorithm == Algorithm::Tdes && parity == Parity::Odd && !odd {
            return Err(ComponentError::Parity(number));
        }
        if let Some(expected) = component.check_value
            && !matches(algorithm, method, component.octets, expected)
        {
            return Err(ComponentError::CheckValue(number));
        }
    }
    let octets: Vec<&[u8]> = components.iter().map(|it| it.octets).collect();
    check_each(&octets)?;
    let mut key = Zeroizing::new(vec![0; length]);
    for component in octets {
        exclusive_or(&mut key, component);
    }
    if algorithm == Algorithm::Tdes && parity != Parity::Ignored {
        des_keys::set_odd_parity(&mut key);
    }
    check_key(algorithm, &key)?;
    match key_check_value {
        Some(expected) if !matches(algorithm, method, &key, expected) => {
            Err(ComponentError::KeyCheckValue)
        }
        _ => Ok(key),
    }
}

/// Check value of one component or key, for its form; one DES part alone has none.
pub fn component_check_value(
    algorithm: Algorithm,
    method: Method,
    octets: &[u8],
) -> Result<Vec<u8>, CipherError> {
    check_value(algorithm, method, octets)
}

/// Whether a combined key may be used.
pub fn check_key(algorithm: Algorithm, key: &[u8]) -> Result<(), ComponentError> {
    match algorithm {
        Algorithm::Tdes => match des_keys::weakness(key) {
            Some(weakness) => Err(ComponentError::Weak(weakness)),
            None => Ok(()),
        },
        Algorithm::Aes => {
            let first = key.first().copied().unwrap_or(0);
            match key.iter().all(|octet| *octet == first) {
                true => Err(ComponentError::Repeated),
                false => Ok(()),
            }
        }
    }
}

/// No component is zero in a whole part, no two are the same.
fn check_each(components: &[&[u8]]) -> Result<(), ComponentError> {
    for (component, number) in components.iter().zip(1..) {
        let zero = |part: &[u8]| part.iter().all(|octet| octet & 0xFE == 0);
        if component.chunks(8).any(zero) {
            return Err(ComponentError::Zero(number));
        }
        for (other, second) in components.iter().zip(1..).skip(number) {
            let differs = component
                .iter()
                .zip(*other)
                .any(|(a, b)| (a ^ b) & 0xFE != 0);
            if !differs {
                return Err(ComponentError::Same(number, second));
            }
        }
    }
    Ok(())
}

fn has_length(algorithm: Algorithm, octets: usize) -> bool {
    match algorithm {
        Algorithm::Tdes => matches!(octets, 16 | 24),
        Algorithm::Aes => matches!(octets, 16 | 24 | 32),
    }
}

/// Compares as many octets as the form has; fewer than two say nothing.
fn matches(algorithm: Algorithm, method: Method, key: &[u8], expected: &[u8]) -> bool {
    let Ok(found) = kcv::check_value(algorithm, method, key) else {
        return false;
    };
    let found = found.get(..expected.len()).unwrap_or_default();
    expected.len() >= 2 && found.len() == expected.len() && bool::from(found.ct_eq(expected))
}

fn exclusive_or(to: &mut [u8], other: &[u8]) {
    for (octet, other) in to.iter_mut().zip(other) {
        *octet ^= other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    fn combined(
        algorithm: Algorithm,
        parity: Parity,
        components: &[&str],
    ) -> Result<String, ComponentError> {
        let octets: Vec<Vec<u8>> = components
            .iter()
            .map(|it| hex::decode(it).unwrap())
            .collect();
        let components: Vec<Component<'_>> = octets
            .iter()
            .map(|octets| Component {
                octets,
                check_value: None,
            })
            .collect();
        combine(algorithm, Method::Ecb, parity, &components, None).map(|key| hex::encode(&key))
    }

    // 0123456789ABCDEFFEDCBA9876543210 has the check value 08D7B4 in pyemv's tests.
    #[test]
    fn a_key_comes_back_from_its_components() {
        let key = hex::decode("0123456789ABCDEFFEDCBA9876543210").unwrap();
        for count in 1..=4u8 {
            let random: Vec<Vec<u8>> = (1..=count)
                .map(|i| {
                    (0..16)
                        .map(|j| i.wrapping_mul(73) ^ (j * 11) ^ 0x2C)
                        .collect()
                })
                .collect();
            let random: Vec<&[u8]> = random.iter().map(Vec::as_slice).collect();
            let parts = split(Algorithm::Tdes, &key, &random).unwrap();
            assert_eq!(parts.len(), usize::from(count) + 1);
            assert!(parts.iter().all(|part| des_keys::has_odd_parity(part)));
            let values: Vec<Vec<u8>> = parts
                .iter()
                .map(|part| check_value(Algorithm::Tdes, Method::Ecb, part).unwrap())
                .collect();
            let given: Vec<Component<'_>> = parts
                .iter()
                .zip(&values)
                .map(|(octets, value)| Component {
                    octets,
                    check_value: Some(value),
                })
                .collect();
            let kcv: Option<&[u8]> = Some(&[0x08, 0xD7, 0xB4]);
            let (algorithm, method) = (Algorithm::Tdes, Method::Ecb);
            let back = combine(algorithm, method, Parity::Odd, &given, kcv).unwrap();
            assert_eq!(*back, key);
            let wrong = combine(
                algorithm,
                method,
                Parity::Odd,
                &given,
                Some(&[8, 0xD7, 0xB5]),
            );
            assert_eq!(wrong.err(), Some(ComponentError::KeyCheckValue));
            let short = combine(algorithm, method, Parity::Odd, &given, Some(&[8]));
            assert_eq!(short.err(), Some(ComponentError::KeyCheckValue));
        }
    }

    #[test]
    fn a_mistyped_component_is_named() {
        let (first, second) = ([0x3B; 16], [0xC8; 16]);
        let value = check_value(Algorithm::Aes, Method::Cmac, &first).unwrap();
        let mut mistyped = first;
        mistyped[7] ^= 0x10;
        let given = [
            Component {
                octets: &second,
                check_value: None,
            },
            Component {
                octets: &mistyped,
                check_value: Some(&value),
            },
        ];
        let result = combine(Algorithm::Aes, Method::Cmac, Parity::Odd, &given, None);
        assert_eq!(result.err(), Some(ComponentError::CheckValue(2)));
    }

    #[test]
    fn bad_components_and_keys() {
        let tdes = |components: &[&str]| combined(Algorithm::Tdes, Parity::Odd, components);
        let aes = |components: &[&str]| combined(Algorithm::Aes, Parity::Odd, components);
        let a = "0123456789ABCDEFFEDCBA9876543210";
        let b = "3E736BF8D37664348A04E3ABE00DEFC1";
        assert_eq!(tdes(&[a]), Err(ComponentError::Count(1)));
        assert_eq!(tdes(&[a; 6]), Err(ComponentError::Count(6)));
        let short = ComponentError::Length {
            number: 2,
            found: 8,
        };
        assert_eq!(tdes(&[a, "0123456789ABCDEF"]), Err(short));
        assert_eq!(tdes(&[a, a]), Err(ComponentError::Same(1, 2)));
        let zero = "01010101010101013E736BF8D3766434";
        assert_eq!(tdes(&[a, zero]), Err(ComponentError::Zero(2)));
        assert_eq!(
            aes(&[a, "00000000000000000000000000000000"]),
            Err(ComponentError::Zero(2))
        );
        let even = "3E736BF8D37664348A04E3ABE00DEFC0";
        assert_eq!(tdes(&[a, even]), Err(ComponentError::Parity(2)));
        assert!(combined(Algorithm::Tdes, Parity::Adjusted, &[a, even]).is_ok());
        assert!(tdes(&[a, b]).is_ok());
        // Halves that become equal, and a half that becomes weak.
        let equal = "3F502E9F5ADDA9DBC0AFD160A5225624";
        assert_eq!(
            combined(Algorithm::Tdes, Parity::Adjusted, &[a, equal]),
            Err(ComponentError::Weak(Weakness::EqualParts))
        );
        let weak = "0022446688AACCEE74D859339659DDD1";
        assert_eq!(
            combined(Algorithm::Tdes, Parity::Adjusted, &[a, weak]),
            Err(ComponentError::Weak(Weakness::Weak(1)))
        );
        let inverse = "FEDCBA98765432100123456789ABCDEF";
        assert_eq!(aes(&[a, inverse]), Err(ComponentError::Repeated));
    }
}
