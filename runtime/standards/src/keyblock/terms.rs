//! The codes of a key block's header as tables: versions, usages, algorithms, modes of use,
//! exportability and key context (ANSI X9.143, 6.3, tables 1 to 6).
//!
//! The codes and names are public. Which modes go with which usage is taken from what vendors of
//! payment HSM services publish of the standard's table; the print itself was not at hand, so that
//! column is unverified. `N`, no restriction, is allowed everywhere, as HSMs of today write it.

use super::KeyBlockError;

/// Version of a key block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 3DES, variants of the protection key; deprecated.
    A,
    /// 3DES, derived keys.
    B,
    /// 3DES, variants of the protection key, as `A` under the later header rules.
    C,
    /// AES in CBC mode, derived keys.
    D,
    /// AES in CTR mode, derived keys (ISO 20038).
    E,
}

impl Version {
    /// Every version in order.
    pub const ALL: [Self; 5] = [Self::A, Self::B, Self::C, Self::D, Self::E];

    /// The version of a header's first character.
    pub fn of(letter: char) -> Result<Self, KeyBlockError> {
        let found = Self::ALL.into_iter().find(|it| it.letter() == letter);
        found.ok_or(KeyBlockError::Header("the version is not A, B, C, D or E"))
    }

    /// The header's first character.
    pub fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
            Self::D => 'D',
            Self::E => 'E',
        }
    }

    /// Whether the protection key is an AES key, else a 3DES key.
    pub fn is_aes(self) -> bool {
        matches!(self, Self::D | Self::E)
    }

    /// How well it binds: what a key came in under may not leave in a lower one. Variants 0,
    /// derived 3DES keys 1, derived AES keys 2.
    pub fn rank(self) -> u8 {
        match self {
            Self::A | Self::C => 0,
            Self::B => 1,
            Self::D | Self::E => 2,
        }
    }

    /// Octets that the enciphered part is a multiple of.
    pub(super) fn payload_block(self) -> usize {
        match self {
            Self::D => 16,
            Self::E => 1,
            _ => 8,
        }
    }

    /// Characters that the optional blocks are a multiple of. ISO 20038, A.2.1, makes no exception
    /// for version E, so that it pads as D does (unverified; reading takes any length).
    pub(super) fn header_block(self) -> usize {
        if self.is_aes() { 16 } else { 8 }
    }

    /// Octets of the MAC.
    pub(super) fn mac_octets(self) -> usize {
        match self {
            Self::A | Self::C => 4,
            Self::B => 8,
            Self::D | Self::E => 16,
        }
    }
}

/// One usage.
#[derive(Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// Two characters of the header.
    pub code: &'static str,
    /// What the key is for.
    pub name: &'static str,
    /// Algorithms that it may have.
    pub algorithms: &'static str,
    /// Modes of use that it may have.
    pub modes: &'static str,
}

const fn usage(
    code: &'static str,
    name: &'static str,
    algorithms: &'static str,
    modes: &'static str,
) -> UsageRow {
    UsageRow {
        code,
        name,
        algorithms,
        modes,
    }
}

/// Symmetric block ciphers; `D` stands here for what old systems write for 3DES.
const BLOCK: &str = "TAD";
/// Key pairs.
const PAIR: &str = "RES";

/// Usages in the standard's order (table 2).
pub static USAGES: &[UsageRow] = &[
    usage("B0", "base derivation key (BDK)", BLOCK, "XN"),
    usage("B1", "initial DUKPT key (IK)", BLOCK, "XN"),
    usage("B2", "base key variant key, deprecated", BLOCK, "XYN"),
    usage("B3", "key derivation key, not of X9.24", BLOCK, "XN"),
    usage("C0", "card verification key (CVK)", BLOCK, "CGVN"),
    usage("D0", "symmetric data encryption key", BLOCK, "BDEN"),
    usage("D1", "asymmetric data encryption key", PAIR, "BDEN"),
    usage("D2", "decimalisation table encryption key", BLOCK, "BDEN"),
    usage("D3", "sensitive data encryption key", BLOCK, "BDEN"),
    usage("E0", "EMV issuer master key: cryptograms", BLOCK, "XN"),
    usage(
        "E1",
        "EMV issuer master key: secure messaging, confidentiality",
        BLOCK,
        "XN",
    ),
    usage(
        "E2",
        "EMV issuer master key: secure messaging, integrity",
        BLOCK,
        "XN",
    ),
    usage(
        "E3",
        "EMV issuer master key: data authentication code",
        BLOCK,
        "XN",
    ),
    usage("E4", "EMV issuer master key: dynamic numbers", BLOCK, "XN"),
    usage(
        "E5",
        "EMV issuer master key: card personalization",
        BLOCK,
        "XN",
    ),
    usage("E6", "EMV issuer master key: other", BLOCK, "XN"),
    usage("E7", "EMV key pair for PIN encryption", PAIR, "BDEN"),
    usage("I0", "initialization vector", BLOCK, "N"),
    usage("K0", "key encryption key (KEK)", BLOCK, "BDEN"),
    usage("K1", "key block protection key (KBPK)", BLOCK, "BDEN"),
    usage("K2", "TR-34 key pair of a receiving device", PAIR, "BDEN"),
    usage(
        "K3",
        "key pair for key wrapping or agreement",
        PAIR,
        "BDEXN",
    ),
    usage("K4", "ISO 20038 key block protection key", "AT", "BDEN"),
    usage("M0", "ISO 16609 MAC algorithm 1 with 3DES", "TD", "CGVN"),
    usage("M1", "ISO 9797-1 MAC algorithm 1", BLOCK, "CGVN"),
    usage("M2", "ISO 9797-1 MAC algorithm 2", BLOCK, "CGVN"),
    usage("M3", "ISO 9797-1 MAC algorithm 3", BLOCK, "CGVN"),
    usage("M4", "ISO 9797-1 MAC algorithm 4", BLOCK, "CGVN"),
    usage("M5", "ISO 9797-1:1999 MAC algorithm 5", BLOCK, "CGVN"),
    usage(
        "M6",
        "ISO 9797-1:2011 MAC algorithm 5 (CMAC)",
        BLOCK,
        "CGVN",
    ),
    usage("M7", "HMAC", "HIJ", "CGVN"),
    usage("M8", "ISO 9797-1 MAC algorithm 6", BLOCK, "CGVN"),
    usage("P0", "PIN encryption key", BLOCK, "BDEN"),
    usage("P1", "PIN generation key", BLOCK, "CGVN"),
    usage("S0", "key pair for signatures", PAIR, "SVN"),
    usage("S1", "key pair of a CA", PAIR, "SVN"),
    usage("S2", "key pair, not of X9.24", PAIR, "BDESVXN"),
    usage("V0", "PIN verification key, other", BLOCK, "CGVN"),
    usage("V1", "PIN verification key, IBM 3624", BLOCK, "CGVN"),
    usage("V2", "PIN verification key, Visa PVV", BLOCK, "CGVN"),
    usage(
        "V3",
        "PIN verification key, X9.132 algorithm 1",
        BLOCK,
        "CGVN",
    ),
    usage(
        "V4",
        "PIN verification key, X9.132 algorithm 2",
        BLOCK,
        "CGVN",
    ),
    usage(
        "V5",
        "PIN verification key, X9.132 algorithm 3",
        BLOCK,
        "CGVN",
    ),
];

/// A known usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage(&'static UsageRow);

impl Usage {
    /// The usage of two characters.
    pub fn of(code: &str) -> Option<Self> {
        USAGES.iter().find(|row| row.code == code).map(Self)
    }

    /// Two characters of the header.
    pub fn code(self) -> &'static str {
        self.0.code
    }

    /// What the key is for.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Whether a key of this algorithm may have it.
    pub fn takes_algorithm(self, algorithm: Algorithm) -> bool {
        self.0.algorithms.contains(algorithm.letter())
    }

    /// Whether it goes with a mode of use.
    pub fn takes_mode(self, mode: Mode) -> bool {
        self.0.modes.contains(mode.letter())
    }

    /// Whether other keys are made of it or protected by it.
    pub fn protects_keys(self) -> bool {
        matches!(self.0.code, "K0" | "K1" | "K2" | "K3" | "K4")
    }
}

/// Declares an enum of header letters with its table.
macro_rules! letters {
    ($(#[$doc:meta])* $name:ident, $row:ident, $table:ident,
     $($variant:ident $letter:literal $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = $text] $variant,)*
        }

        impl $name {
            /// The value of a header's letter.
            pub fn of(letter: char) -> Option<Self> {
                match letter {
                    $($letter => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The header's letter.
            pub fn letter(self) -> char {
                match self {
                    $(Self::$variant => $letter,)*
                }
            }

            /// What it means.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        #[doc = concat!("Letters of [`", stringify!($name), "`] with their names.")]
        pub static $table: &[$row] = &[$(($letter, $text),)*];
    };
}

/// A letter and its name.
pub type AlgorithmRow = (char, &'static str);
/// A letter and its name.
pub type ModeRow = (char, &'static str);
/// A letter and its name.
type OtherRow = (char, &'static str);

letters! {
    /// Algorithm of the key (table 3; `I` and `J` are ISO 20038's, unverified).
    Algorithm, AlgorithmRow, ALGORITHMS,
    Aes 'A' "AES",
    Des 'D' "DES, in old systems also 3DES",
    EllipticCurve 'E' "elliptic curve",
    Hmac 'H' "HMAC",
    HmacSha2 'I' "HMAC with SHA-2 (ISO 20038)",
    HmacSha3 'J' "HMAC with SHA-3 (ISO 20038)",
    Rsa 'R' "RSA",
    Dsa 'S' "DSA",
    Tdes 'T' "3DES",
}

impl Algorithm {
    /// Whether the key is a key pair.
    pub fn is_asymmetric(self) -> bool {
        matches!(self, Self::EllipticCurve | Self::Rsa | Self::Dsa)
    }

    /// Whether the key is for HMAC.
    pub fn is_hmac(self) -> bool {
        matches!(self, Self::Hmac | Self::HmacSha2 | Self::HmacSha3)
    }
}

letters! {
    /// What the key may do (table 4).
    Mode, ModeRow, MODES,
    Both 'B' "encrypt and decrypt, wrap and unwrap",
    GenerateAndVerify 'C' "generate and verify",
    Decrypt 'D' "decrypt or unwrap only",
    Encrypt 'E' "encrypt or wrap only",
    Generate 'G' "generate only",
    Any 'N' "no restriction but that of the usage",
    Sign 'S' "sign only",
    Verify 'V' "verify only",
    Derive 'X' "derive other keys",
    Variant 'Y' "make key variants",
}

impl Mode {
    /// Whether a key with this mode may do all that a key with `other` may.
    pub fn covers(self, other: Self) -> bool {
        self == other
            || match self {
                Self::Any => true,
                Self::Both => matches!(other, Self::Encrypt | Self::Decrypt),
                Self::GenerateAndVerify => matches!(other, Self::Generate | Self::Verify),
                _ => false,
            }
    }
}

letters! {
    /// Whether and how a key may leave (table 6).
    Exportability, OtherRow, EXPORTABILITIES,
    Trusted 'E' "exportable in a trusted key block only",
    None 'N' "not exportable",
    Sensitive 'S' "sensitive: exportable in other forms too",
}

impl Exportability {
    /// How freely a key leaves: 0 not at all, 1 in key blocks, 2 in other forms too.
    pub fn rank(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Trusted => 1,
            Self::Sensitive => 2,
        }
    }
}

letters! {
    /// Where the block may be used (table 1; formerly a reserved character, always `0`).
    Context, OtherRow, CONTEXTS,
    FromWrappingKey '0' "as the wrapping key has it",
    Storage '1' "storage only",
    Exchange '2' "key exchange only",
}
