//! The language's types: richer than what a bundle's nodes carry, with lengths.

use cardwright_bundle::ValueType;

/// Shortest and longest, in characters or octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// Shortest.
    pub min: u32,
    /// Longest.
    pub max: u32,
}

impl Lengths {
    /// Exactly so many.
    #[must_use]
    pub const fn exactly(n: u32) -> Self {
        Self { min: n, max: n }
    }

    /// From nothing to so many.
    #[must_use]
    pub const fn up_to(max: u32) -> Self {
        Self { min: 0, max }
    }

    /// One after the other.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            min: self.min.saturating_add(other.min),
            max: self.max.saturating_add(other.max),
        }
    }

    /// One or the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}

/// Longest text that the language reckons with when nothing is known.
pub const ANY_LENGTH: Lengths = Lengths::up_to(9999);

/// A type of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Letters and digits of known length (`an`).
    Alphanumeric(Lengths),
    /// Octets.
    Bytes(Lengths),
    /// A public key certificate with its remainder.
    Certificate,
    /// One of these words; as a value the word's number.
    Choice(&'static [(&'static str, i64)]),
    /// A calendar date.
    Date,
    /// Decimal digits that stay text.
    Digits(Lengths),
    /// A data object list: tags with the lengths that a terminal gives; as a value octets.
    Dol,
    /// True or false.
    Flag,
    /// Named bits of a set of the vocabulary; as a value octets.
    Flags(&'static str),
    /// An ICC RSA key of so many bits.
    IccKey {
        /// Modulus length.
        bits: u32,
    },
    /// A list of lines.
    Lines {
        /// Most lines.
        count: u32,
        /// Characters of a line.
        each: Lengths,
    },
    /// A whole number of at most so many decimal digits.
    Number {
        /// Most digits.
        digits: u32,
    },
    /// One of these texts.
    OneOf(Vec<String>),
    /// A primary account number, 12 to 19 digits; fewer where its field has no room for more.
    Pan(Lengths),
    /// A PIN; the HSM keeps it.
    Pin,
    /// A picture that comes with the order; it is drawn, and no value to compute with.
    Picture,
    /// An enciphered PIN block.
    PinBlock {
        /// ISO 9564-1 format number.
        format: u8,
        /// Qualified name of the key that it is under.
        key: String,
    },
    /// Octets that the HSM has sealed.
    Sealed,
    /// Tags one after another; as a value octets.
    TagList,
    /// Text.
    Text(Lengths),
    /// Track 1 between its sentinels.
    Track1(Lengths),
    /// Track 2 between its sentinels.
    Track2(Lengths),
}

/// Digits of a PAN (ISO/IEC 7812-1; EMV Book 3, Annex A, tag 5A).
const PAN_DIGITS: Lengths = Lengths { min: 12, max: 19 };

impl Type {
    /// Any PAN.
    pub const PAN: Self = Self::Pan(PAN_DIGITS);

    /// A PAN in a field that has room for so many digits.
    #[must_use]
    pub const fn pan_within(width: Option<u32>) -> Self {
        match width {
            Some(max) if max >= PAN_DIGITS.min && max < PAN_DIGITS.max => Self::Pan(Lengths {
                min: PAN_DIGITS.min,
                max,
            }),
            _ => Self::PAN,
        }
    }

    /// The type of the bundle's node.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Type::Alphanumeric(_)
            | Type::Digits(_)
            | Type::OneOf(_)
            | Type::Pan(_)
            | Type::Picture
            | Type::Text(_)
            | Type::Track1(_)
            | Type::Track2(_) => ValueType::Text,
            Type::Bytes(_) | Type::Dol | Type::Flags(_) | Type::PinBlock { .. } | Type::TagList => {
                ValueType::Bytes
            }
            Type::Certificate => ValueType::Certificate,
            Type::Date => ValueType::Date,
            Type::Flag => ValueType::Flag,
            Type::IccKey { .. } => ValueType::IccKey,
            Type::Lines { .. } => ValueType::TextList,
            Type::Choice(_) | Type::Number { .. } => ValueType::Number,
            Type::Pin => ValueType::Pin,
            Type::Sealed => ValueType::Sealed,
        }
    }

    /// Lengths in characters or octets; a date and a flag have none.
    #[must_use]
    pub fn lengths(&self) -> Option<Lengths> {
        match self {
            Type::Alphanumeric(l)
            | Type::Bytes(l)
            | Type::Digits(l)
            | Type::Pan(l)
            | Type::Text(l)
            | Type::Track1(l)
            | Type::Track2(l) => Some(*l),
            Type::OneOf(words) => {
                let long = words.iter().map(|w| w.chars().count()).max().unwrap_or(0);
                Some(Lengths::up_to(u32::try_from(long).unwrap_or(u32::MAX)))
            }
            Type::PinBlock { format, .. } => {
                Some(Lengths::exactly(if *format == 4 { 16 } else { 8 }))
            }
            Type::Lines { count, each } => Some(Lengths {
                min: 0,
                max: count.saturating_mul(each.max),
            }),
            _ => None,
        }
    }

    /// Most decimal digits of a number; as many as a number may have where nothing is known.
    #[must_use]
    pub fn number_digits(&self) -> u32 {
        match self {
            Type::Number { digits } => *digits,
            _ => 18,
        }
    }

    /// The type in words, for messages.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Type::Alphanumeric(l) => format!("letters and digits{}", range(*l)),
            Type::Bytes(l) => format!("octets{}", range(*l)),
            Type::Certificate => "a public key certificate".into(),
            Type::Choice(words) => {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                format!("one of: {}", words.join(", "))
            }
            Type::Date => "a date".into(),
            Type::Digits(l) => format!("digits{}", range(*l)),
            Type::Dol => "a data object list".into(),
            Type::Flags(set) => format!("flags of the set {set}"),
            Type::TagList => "a list of tags".into(),
            Type::Flag => "a condition (yes or no)".into(),
            Type::IccKey { bits } => format!("an ICC RSA key of {bits} bits"),
            Type::Lines { count, .. } => format!("a list of up to {count} lines"),
            Type::Number { .. } => "a number".into(),
            Type::OneOf(words) => format!("one of: {}", words.join(", ")),
            Type::Pan(_) => "a PAN".into(),
            Type::Pin => "a PIN".into(),
            Type::Picture => "a picture of the order".into(),
            Type::PinBlock { format, .. } => format!("a PIN block of format {format}"),
            Type::Sealed => "sealed octets".into(),
            Type::Text(l) => format!("text{}", range(*l)),
            Type::Track1(_) => "track 1".into(),
            Type::Track2(_) => "track 2".into(),
        }
    }

    /// Any text.
    #[must_use]
    pub const fn text() -> Self {
        Type::Text(ANY_LENGTH)
    }

    /// Any octets.
    #[must_use]
    pub const fn bytes() -> Self {
        Type::Bytes(ANY_LENGTH)
    }

    /// Whether a node of this type is text for the bundle.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.value_type() == ValueType::Text
    }
}

fn range(lengths: Lengths) -> String {
    match (lengths.min, lengths.max) {
        (_, max) if max >= ANY_LENGTH.max => String::new(),
        (min, max) if min == max => format!(" ({max})"),
        (0, max) => format!(" (at most {max})"),
        (min, max) => format!(" ({min} to {max})"),
    }
}
