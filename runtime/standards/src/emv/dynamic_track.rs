//! Tracks with a dynamic code: where the digits of CVC3, unpredictable number and transaction counter
//! go in the discretionary data of contactless magnetic stripe mode.
//!
//! From public summaries of the terminal's part, not compared with its text: a bit map tells the
//! places, its lowest bit is the rightmost digit; numbers fill their places from the right.

use std::fmt;

/// What a track's bit maps say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Digits of CVC3 (PCVC3).
    pub code: u64,
    /// Digits of unpredictable number and transaction counter (PUNATC).
    pub number: u64,
    /// How many of the latter are the counter's, the leftmost (NATC).
    pub counter_digits: u8,
}

/// Why places can't be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacesError {
    /// Fewer than three digits of the code.
    CodeTooShort,
    /// Two things in one place.
    Overlap,
    /// A place left of the discretionary data, or one whose digit is no zero.
    NoRoom,
    /// The rightmost digit is taken: it tells how many digits the unpredictable number has.
    CountTaken,
    /// More digits of the counter than there are places, or more than five.
    Counter,
    /// More than eight digits of the unpredictable number.
    Number,
}

impl fmt::Display for PlacesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CodeTooShort => "the code has fewer than three digits",
            Self::Overlap => "the code and the numbers share a place",
            Self::NoRoom => "a place is outside of the discretionary data, or holds no zero",
            Self::CountTaken => "the rightmost digit is taken; it tells the number's length",
            Self::Counter => "the counter has more digits than places, or more than five",
            Self::Number => "the unpredictable number would have more than eight digits",
        })
    }
}

impl std::error::Error for PlacesError {}

impl Places {
    /// Digits of the unpredictable number.
    ///
    /// # Errors
    /// [`PlacesError`] when the maps contradict themselves or each other.
    pub fn number_digits(&self) -> Result<u8, PlacesError> {
        let places = self.number.count_ones();
        let counter = u32::from(self.counter_digits);
        if counter > places || counter > 5 {
            return Err(PlacesError::Counter);
        }
        if self.code & self.number != 0 {
            return Err(PlacesError::Overlap);
        }
        if (self.code | self.number) & 1 != 0 {
            return Err(PlacesError::CountTaken);
        }
        if self.code.count_ones() < 3 {
            return Err(PlacesError::CodeTooShort);
        }
        match u8::try_from(places - counter) {
            Ok(digits) if digits <= 8 => Ok(digits),
            _ => Err(PlacesError::Number),
        }
    }

    /// Whether a template of discretionary data has zeros where digits go.
    ///
    /// # Errors
    /// [`PlacesError`] as [`Self::number_digits`], or for a place that is not free.
    pub fn fit(&self, discretionary: &str) -> Result<(), PlacesError> {
        self.number_digits()?;
        let length = discretionary.len();
        let taken = self.code | self.number | 1;
        if length < 64 && taken >> length != 0 {
            return Err(PlacesError::NoRoom);
        }
        let free = |(place, digit): (usize, u8)| {
            let bit = u32::try_from(place).ok().and_then(|p| taken.checked_shr(p));
            bit.is_none_or(|bits| bits & 1 == 0) || digit == b'0'
        };
        let mut digits = discretionary.bytes().rev().enumerate();
        if digits.all(free) {
            Ok(())
        } else {
            Err(PlacesError::NoRoom)
        }
    }

    /// The discretionary data of a transaction: the code's digits, those of the unpredictable
    /// number and of the counter, and at the right end how many the number has.
    ///
    /// # Errors
    /// [`PlacesError`] as [`Self::fit`].
    pub fn fill(
        &self,
        discretionary: &str,
        code: u16,
        number: u32,
        counter: u16,
    ) -> Result<String, PlacesError> {
        self.fit(discretionary)?;
        let digits = self.number_digits()?;
        let mut text: Vec<u8> = discretionary.bytes().collect();
        put(&mut text, places_of(self.code), u64::from(code));
        let mut places = places_of(self.number);
        let counters = places.split_off(usize::from(digits).min(places.len()));
        put(&mut text, places, u64::from(number));
        put(&mut text, counters, u64::from(counter));
        put(&mut text, vec![0], u64::from(digits));
        Ok(text.into_iter().map(char::from).collect())
    }
}

/// Set bits, the lowest first: places from the right, from 0.
fn places_of(map: u64) -> Vec<usize> {
    (0..64).filter(|place| map >> place & 1 == 1).collect()
}

/// A number's digits into places, its last digit into the rightmost.
fn put(text: &mut [u8], places: Vec<usize>, mut number: u64) {
    for place in places {
        let at = text.len().checked_sub(place + 1);
        if let Some(slot) = at.and_then(|at| text.get_mut(at)) {
            *slot = b'0' + (number % 10) as u8;
        }
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand: thirteen digits, code at bits 11 to 13, number at bits 8 to 10 with one digit
    /// of the counter at bit 10, two digits of the number at bits 8 and 9, the count at bit 1.
    #[test]
    fn digits_stand_where_the_maps_say() {
        let places = Places {
            code: 0b1_1100_0000_0000,
            number: 0b11_1000_0000,
            counter_digits: 1,
        };
        assert_eq!(places.number_digits(), Ok(2));
        // CVC3 33419 gives 419, number 00000899 gives 99, counter 0x005E (94) gives 4.
        let filled = places.fill("0000000000000", 33_419, 899, 94);
        assert_eq!(filled.as_deref(), Ok("4194990000002"));
    }

    #[test]
    fn maps_that_contradict_themselves_are_refused() {
        let fine = Places {
            code: 0b1110,
            number: 0b1111_0000,
            counter_digits: 2,
        };
        assert_eq!(fine.fit("00000000"), Ok(()));
        let cases = [
            (
                Places {
                    code: 0b110,
                    ..fine
                },
                PlacesError::CodeTooShort,
            ),
            (
                Places {
                    number: 0b1000,
                    ..fine
                },
                PlacesError::Counter,
            ),
            (
                Places {
                    number: 0b1_1000,
                    ..fine
                },
                PlacesError::Overlap,
            ),
            (
                Places {
                    code: 0b1111,
                    ..fine
                },
                PlacesError::CountTaken,
            ),
            (
                Places {
                    counter_digits: 5,
                    ..fine
                },
                PlacesError::Counter,
            ),
            (
                Places {
                    number: 0x3FF0,
                    ..fine
                },
                PlacesError::NoRoom,
            ),
            (
                Places {
                    number: 0xFFF_FFF0,
                    counter_digits: 0,
                    ..fine
                },
                PlacesError::Number,
            ),
        ];
        for (places, error) in cases {
            assert_eq!(places.fit("00000000"), Err(error), "{places:?}");
        }
        assert_eq!(fine.fit("00000010"), Err(PlacesError::NoRoom));
        assert_eq!(fine.fit("000"), Err(PlacesError::NoRoom));
    }
}
