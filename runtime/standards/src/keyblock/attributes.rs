//! What a key block's header says, as types, and what in it does not go together.

use super::optional::{self, Optional};
use super::terms::{Algorithm, Context, Exportability, Mode, Usage, Version};
use super::{Header, OptionalBlock};
use std::fmt;

/// Characters of a header for a message; a header is public.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shown([u8; 2]);

impl Shown {
    pub(super) fn of(text: &str) -> Self {
        let mut octets = text.bytes().filter(u8::is_ascii_graphic);
        Self([octets.next().unwrap_or(b' '), octets.next().unwrap_or(b' ')])
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0.map(char::from);
        match second {
            ' ' => write!(to, "{first}"),
            _ => write!(to, "{first}{second}"),
        }
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

/// Why a header, its optional blocks or its key are not accepted. Never holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The caller does not take this version.
    #[error("version {0} is not accepted here")]
    Version(char),
    /// No usage of the table.
    #[error("{0} is no key usage of X9.143")]
    Usage(Shown),
    /// No algorithm of the table.
    #[error("{0} is no algorithm of X9.143")]
    Algorithm(Shown),
    /// No mode of the table.
    #[error("{0} is no mode of use of X9.143")]
    Mode(Shown),
    /// Neither `E`, `N` nor `S`.
    #[error("the exportability is E, N or S, not {0}")]
    Exportability(Shown),
    /// Neither `00`, `c` and a digit, nor two letters or digits.
    #[error("{0} is no key version: 00, c and a digit for a component, or two letters or digits")]
    KeyVersion(Shown),
    /// Neither `0`, `1` nor `2`.
    #[error("the key context is 0, 1 or 2, not {0}")]
    Context(Shown),
    /// The last character is reserved.
    #[error("the header's last character is reserved and 0, not {0}")]
    Reserved(Shown),
    /// The block carries a component, where a key is needed.
    #[error("the block holds component {0} of a key, not a key")]
    Component(char),
    /// Usage and algorithm.
    #[error("a key of usage {usage} can't have algorithm {algorithm}")]
    UsageAlgorithm {
        /// Usage.
        usage: &'static str,
        /// Algorithm.
        algorithm: char,
    },
    /// Usage and mode of use.
    #[error("a key of usage {usage} can't have mode of use {mode}")]
    UsageMode {
        /// Usage.
        usage: &'static str,
        /// Mode of use.
        mode: char,
    },
    /// An asymmetric key in a block of 3DES.
    #[error("a private key of algorithm {0} needs a block of version D or E")]
    Asymmetric(char),
    /// An optional block that no table knows.
    #[error("optional block {0} is unknown and not accepted here")]
    UnknownBlock(Shown),
    /// An optional block stands twice.
    #[error("optional block {0} stands twice")]
    RepeatedBlock(Shown),
    /// The data of a known optional block.
    #[error("optional block {id}: {what}")]
    Block {
        /// Which.
        id: &'static str,
        /// What is expected.
        what: &'static str,
    },
    /// A block that does not go with the key.
    #[error(
        "optional block {id} does not go with a key of usage {usage} and algorithm {algorithm}"
    )]
    Misplaced {
        /// Which.
        id: &'static str,
        /// Usage.
        usage: &'static str,
        /// Algorithm.
        algorithm: char,
    },
    /// A needed block is missing.
    #[error("a key of algorithm {algorithm} needs the optional block {id}")]
    MissingBlock {
        /// Which.
        id: &'static str,
        /// Algorithm.
        algorithm: char,
    },
    /// The key has a length that its algorithm does not have.
    #[error("the key has {found} octets, and {expected}")]
    KeyLength {
        /// Octets found.
        found: usize,
        /// What the algorithm allows.
        expected: &'static str,
    },
    /// Private keys are DER.
    #[error("the private key is not the DER form that algorithm {0} has in a key block")]
    PrivateKey(char),
}

/// What the key version field says (table 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyVersion {
    /// `00`: not used.
    Unused,
    /// `c` and a digit: the block holds this component of a key.
    Component(char),
    /// A version of the key.
    Number([char; 2]),
}

impl KeyVersion {
    /// Reads the two characters.
    pub fn of(text: &str) -> Option<Self> {
        let mut characters = text.chars();
        match (characters.next()?, characters.next()?, characters.next()) {
            ('0', '0', None) => Some(Self::Unused),
            ('c', digit, None) if digit.is_ascii_digit() => Some(Self::Component(digit)),
            (first, second, None)
                if first.is_ascii_alphanumeric() && second.is_ascii_alphanumeric() =>
            {
                Some(Self::Number([first, second]))
            }
            _ => None,
        }
    }

    /// The two characters.
    pub fn text(self) -> String {
        match self {
            Self::Unused => "00".to_owned(),
            Self::Component(digit) => format!("c{digit}"),
            Self::Number(characters) => characters.iter().collect(),
        }
    }
}

/// A header whose codes are known and go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Version of the block.
    pub version: Version,
    /// What the key is for.
    pub usage: Usage,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// What it may do.
    pub mode: Mode,
    /// Its version, or which component it is.
    pub key_version: KeyVersion,
    /// Whether and how it may leave.
    pub exportability: Exportability,
    /// Where the block may be used.
    pub context: Context,
    /// Optional blocks in their order, without padding.
    pub optional: Vec<Optional>,
}

impl Attributes {
    /// Reads a header; every fault that it has.
    pub fn parse(header: &Header) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let attributes = Self::read(header, &mut faults);
        let attributes = attributes.inspect(|it| it.check(&mut faults));
        match attributes {
            Some(attributes) if faults.is_empty() => Ok(attributes),
            _ => Err(faults),
        }
    }

    /// Reads a header whose codes are known, whether or not they go together.
    pub(super) fn tolerant(header: &Header) -> Option<Self> {
        let mut faults = Vec::new();
        Self::read(header, &mut faults).filter(|_| faults.is_empty())
    }

    fn read(header: &Header, faults: &mut Vec<Fault>) -> Option<Self> {
        let letter = |letter: char| Shown::of(letter.encode_utf8(&mut [0; 4]));
        let mut reserved = header.reserved.chars();
        let (context, last) = (reserved.next(), reserved.next().unwrap_or(' '));
        let context = context.unwrap_or(' ');
        let version = take(Version::of(header.version).ok(), faults, || {
            Fault::Version(header.version)
        });
        let usage = take(Usage::of(&header.usage), faults, || {
            Fault::Usage(Shown::of(&header.usage))
        });
        let algorithm = take(Algorithm::of(header.algorithm), faults, || {
            Fault::Algorithm(letter(header.algorithm))
        });
        let mode = take(Mode::of(header.mode_of_use), faults, || {
            Fault::Mode(letter(header.mode_of_use))
        });
        let key_version = take(KeyVersion::of(&header.key_version), faults, || {
            Fault::KeyVersion(Shown::of(&header.key_version))
        });
        let exportability = Exportability::of(header.exportability);
        let exportability = take(exportability, faults, || {
            Fault::Exportability(letter(header.exportability))
        });
        let context = take(Context::of(context), faults, || {
            Fault::Context(letter(context))
        });
        if last != '0' {
            faults.push(Fault::Reserved(letter(last)));
        }
        let optional = optional::parse_all(&header.blocks, faults);
        Some(Self {
            version: version?,
            usage: usage?,
            algorithm: algorithm?,
            mode: mode?,
            key_version: key_version?,
            exportability: exportability?,
            context: context?,
            optional,
        })
    }

    /// What does not go together.
    fn check(&self, faults: &mut Vec<Fault>) {
        let (usage, algorithm) = (self.usage.code(), self.algorithm.letter());
        if !self.usage.takes_algorithm(self.algorithm) {
            faults.push(Fault::UsageAlgorithm { usage, algorithm });
        }
        if !self.usage.takes_mode(self.mode) {
            let mode = self.mode.letter();
            faults.push(Fault::UsageMode { usage, mode });
        }
        if self.algorithm.is_asymmetric() && !self.version.is_aes() {
            faults.push(Fault::Asymmetric(algorithm));
        }
        for block in &self.optional {
            if let Some(row) = block.row()
                && !(row.goes_with)(self)
            {
                let id = row.id;
                faults.push(Fault::Misplaced {
                    id,
                    usage,
                    algorithm,
                });
            }
        }
        // ISO 20038 puts the hash into the algorithm's letter; X9.143 into HM.
        let hash = || {
            self.optional
                .iter()
                .any(|it| matches!(it, Optional::Hmac(_)))
        };
        if self.algorithm == Algorithm::Hmac && self.version != Version::E && !hash() {
            let id = "HM";
            faults.push(Fault::MissingBlock { id, algorithm });
        }
    }

    /// The header in text form; its length is written when a key is wrapped.
    pub fn header(&self) -> Header {
        Header {
            version: self.version.letter(),
            length: 0,
            usage: self.usage.code().to_owned(),
            algorithm: self.algorithm.letter(),
            mode_of_use: self.mode.letter(),
            key_version: self.key_version.text(),
            exportability: self.exportability.letter(),
            reserved: format!("{}0", self.context.letter()),
            blocks: self.optional.iter().map(OptionalBlock::from).collect(),
        }
    }

    /// Optional blocks that no table knows.
    pub fn unknown_blocks(&self) -> impl Iterator<Item = &str> {
        self.optional.iter().filter_map(|block| match block {
            Optional::Unknown { id, .. } => Some(id.as_str()),
            _ => None,
        })
    }
}

fn take<T>(value: Option<T>, faults: &mut Vec<Fault>, fault: impl Fn() -> Fault) -> Option<T> {
    if value.is_none() {
        faults.push(fault());
    }
    value
}
