//! Primary account numbers: ISO/IEC 7812-1, with its Luhn check digit (annex B).

use crate::digits;

/// Shortest PAN that is accepted.
pub const PAN_DIGITS_MIN: usize = 8;
/// Longest PAN of ISO/IEC 7812-1.
pub const PAN_DIGITS_MAX: usize = 19;

/// Why a PAN is not one. Never holds the PAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PanError {
    /// Wrong number of characters.
    #[error("a PAN has {PAN_DIGITS_MIN} to {PAN_DIGITS_MAX} digits, found {0} characters")]
    Length(usize),
    /// A character that is not a digit.
    #[error("a PAN has digits only")]
    NotDigits,
    /// The Luhn check digit is wrong.
    #[error("the last digit of the PAN is not its Luhn check digit")]
    CheckDigit,
}

impl PanError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "E0791"
    }
}

/// Checks length and characters, not the check digit.
pub fn check_format(pan: &str) -> Result<(), PanError> {
    if !digits::is_digits(pan) {
        return Err(PanError::NotDigits);
    }
    if !(PAN_DIGITS_MIN..=PAN_DIGITS_MAX).contains(&pan.len()) {
        return Err(PanError::Length(pan.len()));
    }
    Ok(())
}

/// Checks length, characters and check digit.
pub fn check(pan: &str) -> Result<(), PanError> {
    check_format(pan)?;
    if luhn_holds(pan) {
        Ok(())
    } else {
        Err(PanError::CheckDigit)
    }
}

/// Whether the last digit of a number is its Luhn check digit; false when it has other characters
/// or is empty.
pub fn luhn_holds(number: &str) -> bool {
    !number.is_empty()
        && digits::values(number).is_some_and(|values| luhn_sum(values.rev()) % 10 == 0)
}

/// The Luhn check digit to append to a number; none when it is empty or has other characters.
pub fn luhn_digit(number: &str) -> Option<char> {
    if number.is_empty() {
        return None;
    }
    let values = digits::values(number)?;
    let sum = luhn_sum(std::iter::once(0).chain(values.rev()));
    let digit = (10 - sum % 10) % 10;
    char::from_digit(digit, 10)
}

/// Digits from right to left, every second one doubled.
fn luhn_sum(values: impl Iterator<Item = u8>) -> u32 {
    values
        .enumerate()
        .map(|(position, value)| {
            let value = u32::from(value);
            if position % 2 == 1 {
                value / 5 + value * 2 % 10
            } else {
                value
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The worked example of the public article on the Luhn formula: 1789372997 has check digit 4.
    #[test]
    fn the_check_digit_of_the_worked_example() {
        assert_eq!(luhn_digit("1789372997"), Some('4'));
        assert!(luhn_holds("17893729974"));
        assert!(!luhn_holds("17893729975"));
        assert!(!luhn_holds(""));
        assert_eq!(luhn_digit("12a"), None);
    }

    #[test]
    fn faults_are_told_apart() {
        assert_eq!(check("4761739001010119"), Ok(()));
        assert_eq!(check("4761739001010118"), Err(PanError::CheckDigit));
        assert_eq!(check("47617390010101x9"), Err(PanError::NotDigits));
        assert_eq!(check("4761739"), Err(PanError::Length(7)));
        assert_eq!(check("47617390010101194761"), Err(PanError::Length(20)));
    }
}
