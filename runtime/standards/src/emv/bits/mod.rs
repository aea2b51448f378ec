//! Named bits of EMV's bit fields: one table for the language, its checks, every decoder and the
//! reference book.
//!
//! A row names a place in an octet and how that place reads: a bit, one of several codes, or a
//! number. The tables keep the standards' order; octets count from 1 and masks stand as printed,
//! so that bit 8 is 80.

mod decode;
mod generic;
mod proprietary;
mod service;

pub use decode::{CvmList, Shown, describe, describe_value};
pub use generic::{CVM_CONDITIONS, CVM_METHODS, Coded};
pub use service::{SERVICE_CODE_WORDS, ServiceCode, service_code_meaning, service_code_of};

/// How a place in an octet reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A single bit: set or not.
    Bit,
    /// Several bits that mean this when they have this value, in place.
    Code(u8),
    /// Several bits that count.
    Number,
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bit {
    /// Octet, from 1.
    pub octet: u8,
    /// Mask in it.
    pub mask: u8,
    /// How it reads.
    pub reading: Reading,
    /// Name in the language.
    pub word: &'static str,
    /// Meaning.
    pub text: &'static str,
}

impl Bit {
    /// The bits of a number at this place; none when it does not fit.
    #[must_use]
    pub const fn place(&self, number: u32) -> Option<u8> {
        let shift = self.mask.trailing_zeros();
        if number > (self.mask as u32) >> shift {
            return None;
        }
        // Fits: it is no more than the mask, moved back.
        #[allow(clippy::cast_possible_truncation, reason = "at most 255")]
        Some((number << shift) as u8)
    }

    /// The number at this place of an octet.
    #[must_use]
    pub const fn number(&self, octet: u8) -> u8 {
        (octet & self.mask) >> self.mask.trailing_zeros()
    }
}

/// A field of named bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitField {
    /// Name in the language.
    pub name: &'static str,
    /// Tags whose values these are; the first is its own.
    pub tags: &'static [u32],
    /// Whose tag it is: `` for EMV, else a dictionary.
    pub dictionary: &'static str,
    /// Name in the standard.
    pub title: &'static str,
    /// Octets.
    pub octets: usize,
    /// Standard and clause.
    pub reference: &'static str,
    /// Rows in the standard's order.
    pub rows: &'static [Bit],
}

/// Why words are no value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitError {
    /// No row has this word.
    Unknown,
    /// The row counts and no number stands beside its word.
    NumberMissing,
    /// The row is a bit or a code and a number stands beside its word.
    NumberTooMuch,
    /// The number does not fit; this is the largest.
    NumberTooLarge(u32),
    /// Another word has already given these bits another value.
    Clash,
}

impl BitField {
    /// A row by its word.
    #[must_use]
    pub fn row(&self, word: &str) -> Option<&'static Bit> {
        self.rows.iter().find(|row| row.word == word)
    }

    /// Sets what a word says in a value of this field.
    ///
    /// # Errors
    /// See [`BitError`]; the value is then as it was.
    pub fn set(&self, value: &mut Word, word: &str, number: Option<u32>) -> Result<(), BitError> {
        let row = self.row(word).ok_or(BitError::Unknown)?;
        let bits = match (row.reading, number) {
            (Reading::Bit, None) => row.mask,
            (Reading::Code(code), None) => code,
            (Reading::Number, None) => return Err(BitError::NumberMissing),
            (Reading::Number, Some(number)) => {
                let most = u32::from(row.number(u8::MAX));
                row.place(number).ok_or(BitError::NumberTooLarge(most))?
            }
            (_, Some(_)) => return Err(BitError::NumberTooMuch),
        };
        let at = usize::from(row.octet).saturating_sub(1);
        let (Some(octet), Some(given)) = (value.octets.get_mut(at), value.given.get_mut(at)) else {
            return Err(BitError::Unknown);
        };
        let before = *given & row.mask;
        if before != 0 && (*octet & before) != (bits & before) {
            return Err(BitError::Clash);
        }
        *octet = (*octet & !row.mask) | bits;
        *given |= row.mask;
        Ok(())
    }

    /// A value out of words that need no number.
    ///
    /// # Errors
    /// The word that does not go, and why.
    pub fn value<'w>(
        &self,
        words: impl IntoIterator<Item = &'w str>,
    ) -> Result<Vec<u8>, (&'w str, BitError)> {
        let mut value = Word::new(self);
        for word in words {
            self.set(&mut value, word, None).map_err(|e| (word, e))?;
        }
        Ok(value.octets)
    }

    /// Whether a value has a bit; false for words that are no bit of this field.
    #[must_use]
    pub fn has(&self, value: &[u8], word: &str) -> bool {
        self.row(word).is_some_and(|row| {
            let octet = value.get(usize::from(row.octet).saturating_sub(1));
            octet.is_some_and(|octet| match row.reading {
                Reading::Bit | Reading::Number => octet & row.mask != 0,
                Reading::Code(code) => octet & row.mask == code,
            })
        })
    }
}

/// A value while its words are being set: which bits were given is kept, so that two words that
/// contradict each other are noticed.
#[derive(Clone, Debug)]
pub struct Word {
    /// The value.
    pub octets: Vec<u8>,
    given: Vec<u8>,
}

impl Word {
    /// Nothing set.
    #[must_use]
    pub fn new(field: &BitField) -> Self {
        Self {
            octets: vec![0; field.octets],
            given: vec![0; field.octets],
        }
    }

    /// Adds the bits of another value.
    pub fn add(&mut self, other: &[u8]) {
        for (at, more) in other.iter().enumerate() {
            if let (Some(octet), Some(given)) = (self.octets.get_mut(at), self.given.get_mut(at)) {
                *octet |= more;
                *given |= more;
            }
        }
    }
}

/// All fields: EMV's own, then those of dictionaries.
pub fn fields() -> impl Iterator<Item = &'static BitField> {
    generic::FIELDS.iter().chain(proprietary::FIELDS)
}

/// A field by its name.
#[must_use]
pub fn field(name: &str) -> Option<&'static BitField> {
    fields().find(|field| field.name == name)
}

/// The field of a tag: the dictionary's own meaning before EMV's. None where the dictionary gives the
/// tag a meaning that is no field: 9F66 is PUNATC to one owner, whose digits are no bits of a TTQ.
#[must_use]
pub fn field_of_tag(tag: u32, dictionary: &str) -> Option<&'static BitField> {
    let of = |owner: &str| {
        let mut all = fields();
        all.find(|field| field.dictionary == owner && field.tags.contains(&tag))
    };
    let plain = crate::tags::is_plain_of(dictionary, tag);
    of(dictionary).or_else(|| of("").filter(|_| !plain))
}

const fn b(octet: u8, mask: u8, word: &'static str, text: &'static str) -> Bit {
    row(octet, mask, Reading::Bit, word, text)
}

const fn c(octet: u8, mask: u8, code: u8, word: &'static str, text: &'static str) -> Bit {
    row(octet, mask, Reading::Code(code), word, text)
}

const fn n(octet: u8, mask: u8, word: &'static str, text: &'static str) -> Bit {
    row(octet, mask, Reading::Number, word, text)
}

const fn row(octet: u8, mask: u8, reading: Reading, word: &'static str, text: &'static str) -> Bit {
    Bit {
        octet,
        mask,
        reading,
        word,
        text,
    }
}

#[cfg(test)]
mod tests;
