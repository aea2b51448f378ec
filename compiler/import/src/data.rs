//! What a file says about cards, whatever it was written as.

/// A card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// Applications in the order in which they are personalized.
    pub applications: Vec<Application>,
}

/// An application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// AID; empty when the file does not say it.
    pub aid: Vec<u8>,
    /// Data groupings in the order in which they are sent.
    pub groupings: Vec<Grouping>,
    /// How they are sent, as far as the file says.
    pub channel: Option<Channel>,
}

/// The personalization channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Channel {
    /// Secure channel protocol, 2 or 3.
    pub protocol: u8,
    /// P1 of EXTERNAL AUTHENTICATE.
    pub security_level: u8,
    /// Key version number.
    pub key_version: u8,
}

/// A data grouping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// Number.
    pub number: u16,
    /// Value.
    pub value: Value,
}

/// What is known of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Octets.
    Clear(Vec<u8>),
    /// A key or a PIN: its length and padding, nothing else.
    Sealed {
        /// Octets as the file has them.
        octets: usize,
        /// Padding before encryption, where the file says it.
        padding: Option<Padding>,
    },
    /// Data that go clear to the card but are enciphered in the file, such as tracks.
    Transported {
        /// Octets as the file has them.
        octets: usize,
    },
}

/// Padding before encryption, in the language's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Padding {
    /// `no_padding`.
    None,
    /// `iso7816_always`.
    Always,
    /// `iso7816_if_needed`.
    IfNeeded,
    /// `pkcs7`.
    Pkcs7,
    /// `zeros`.
    Zeros,
}

impl Padding {
    /// The language's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::None => "no_padding",
            Self::Always => "iso7816_always",
            Self::IfNeeded => "iso7816_if_needed",
            Self::Pkcs7 => "pkcs7",
            Self::Zeros => "zeros",
        }
    }
}

/// A file that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Input {
    pub(crate) cards: Vec<Card>,
    /// What was left aside, in words that quote no value.
    pub(crate) notes: Vec<String>,
}

/// Most notes that are kept.
const NOTES_MAX: usize = 100;

impl Input {
    /// Adds a note, once.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if self.notes.len() < NOTES_MAX && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// Whether a grouping of this number holds keys or PINs when nothing else says so: EMV CPS gives
/// the numbers with first octet 80 to 8F to what is enciphered, and products of several vendors
/// keep file keys in A001.
pub(crate) fn is_secret(number: u16) -> bool {
    (0x8000..=0x8FFF).contains(&number) || number == 0xA001
}
