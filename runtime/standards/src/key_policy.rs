//! Which key may leave under which, and in which form: a pure function of what both are.
//!
//! The rules are those of PCI PIN (requirements 18 and 22), ANSI X9.24-1 and X9.143: no key under
//! a weaker one; no key in a weaker form than it came in; no wider use; legacy forms only by an
//! exception that has a reason and a last day.

use crate::keyblock::{Attributes, Context, Exportability, KeyType, Version};
use std::fmt;

/// What a key's strength depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// DES and 3DES; bits with parity: 64, 128, 192.
    Tdes,
    /// AES.
    Aes,
    /// HMAC.
    Hmac,
    /// RSA and DSA, bits of the modulus.
    Rsa,
    /// Elliptic curves, bits of the field.
    Ec,
}

/// A family and its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyKind {
    /// Family.
    pub family: Family,
    /// Length in bits.
    pub bits: u32,
}

impl KeyKind {
    /// 3DES with two keys.
    pub const TDES2: Self = Self::new(Family::Tdes, 128);
    /// 3DES with three keys.
    pub const TDES3: Self = Self::new(Family::Tdes, 192);
    /// AES-128.
    pub const AES128: Self = Self::new(Family::Aes, 128);
    /// AES-192.
    pub const AES192: Self = Self::new(Family::Aes, 192);
    /// AES-256.
    pub const AES256: Self = Self::new(Family::Aes, 256);
    /// NIST P-256.
    pub const P256: Self = Self::new(Family::Ec, 256);

    /// A family and its bits.
    pub const fn new(family: Family, bits: u32) -> Self {
        Self { family, bits }
    }

    /// RSA of so many bits.
    pub const fn rsa(bits: u32) -> Self {
        Self::new(Family::Rsa, bits)
    }

    /// Bits of security, as [`STRENGTHS`] has them; 0 below the weakest row.
    pub fn strength(self) -> u32 {
        let rows = STRENGTHS.iter().filter(|row| row.family == self.family);
        let reached = rows.filter(|row| self.bits >= row.from_bits);
        reached.map(|row| row.strength).max().unwrap_or(0)
    }
}

impl From<KeyType> for KeyKind {
    fn from(key: KeyType) -> Self {
        match key {
            KeyType::Des => Self::new(Family::Tdes, 64),
            KeyType::Tdes2 => Self::TDES2,
            KeyType::Tdes3 => Self::TDES3,
            KeyType::Aes(bits) => Self::new(Family::Aes, bits),
            KeyType::Hmac(bits) => Self::new(Family::Hmac, bits),
            KeyType::Private(form) => match form.algorithm {
                crate::keyblock::Algorithm::EllipticCurve => Self::new(Family::Ec, form.bits),
                _ => Self::rsa(form.bits),
            },
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.family, self.bits) {
            (Family::Tdes, 64) => write!(to, "single DES"),
            (Family::Tdes, 128) => write!(to, "3DES with two keys"),
            (Family::Tdes, _) => write!(to, "3DES with three keys"),
            (Family::Aes, bits) => write!(to, "AES-{bits}"),
            (Family::Hmac, bits) => write!(to, "HMAC of {bits} bits"),
            (Family::Rsa, bits) => write!(to, "RSA-{bits}"),
            (Family::Ec, bits) => write!(to, "an elliptic curve of {bits} bits"),
        }
    }
}

/// From how many bits on a family has a strength.
#[derive(Debug)]
pub struct StrengthRow {
    /// Family.
    pub family: Family,
    /// Fewest bits.
    pub from_bits: u32,
    /// Bits of security.
    pub strength: u32,
}

const fn row(family: Family, from_bits: u32, strength: u32) -> StrengthRow {
    StrengthRow {
        family,
        from_bits,
        strength,
    }
}

/// Comparable strengths: NIST SP 800-57 part 1 revision 5, tables 2 and 4. Lengths between two
/// rows have the strength of the shorter one. HMAC keys have at most that of the hash, which is not
/// known here; SHA-256 is assumed.
pub static STRENGTHS: &[StrengthRow] = &[
    row(Family::Tdes, 128, 80),
    row(Family::Tdes, 192, 112),
    row(Family::Aes, 128, 128),
    row(Family::Aes, 192, 192),
    row(Family::Aes, 256, 256),
    row(Family::Hmac, 80, 80),
    row(Family::Hmac, 112, 112),
    row(Family::Hmac, 128, 128),
    row(Family::Hmac, 192, 192),
    row(Family::Hmac, 256, 256),
    row(Family::Rsa, 1024, 80),
    row(Family::Rsa, 2048, 112),
    row(Family::Rsa, 3072, 128),
    row(Family::Rsa, 7680, 192),
    row(Family::Rsa, 15_360, 256),
    row(Family::Ec, 160, 80),
    row(Family::Ec, 224, 112),
    row(Family::Ec, 256, 128),
    row(Family::Ec, 384, 192),
    row(Family::Ec, 512, 256),
];

/// How a key travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A key block of X9.143 or ISO 20038.
    KeyBlock(Version),
    /// TR-34: a key with its header under an RSA key, signed.
    Tr34,
    /// AES key wrap, RFC 3394.
    AesKeyWrap,
    /// AES key wrap with padding, RFC 5649.
    AesKeyWrapPadded,
    /// RSA-OAEP.
    RsaOaep,
    /// A key agreed by ECDH, then AES key wrap.
    EcdhKeyWrap,
    /// Components on paper.
    Components,
    /// Each part enciphered by itself (X9.17).
    LegacyEcb,
    /// Parts enciphered in a chain.
    LegacyCbc,
}

/// One form's rules.
#[derive(Debug)]
pub struct FormRow {
    /// Which.
    pub form: Form,
    /// Its name in site files and messages.
    pub name: &'static str,
    /// What the wrapping key is; none for components.
    pub wrapping: Option<Family>,
    /// How well key and use are bound: 0 not even the parts of the key, 1 the key, 2 key and use
    /// under 3DES with derived keys, 3 key and use under AES or a signature.
    pub rank: u8,
    /// Whether it carries usage, mode and exportability.
    pub has_header: bool,
    /// Whether it carries private keys.
    pub carries_private_keys: bool,
}

const fn form(
    form: Form,
    name: &'static str,
    wrapping: Option<Family>,
    rank: u8,
    has_header: bool,
    carries_private_keys: bool,
) -> FormRow {
    FormRow {
        form,
        name,
        wrapping,
        rank,
        has_header,
        carries_private_keys,
    }
}

/// Every form.
pub static FORMS: &[FormRow] = &[
    form(
        Form::KeyBlock(Version::A),
        "key-block-a",
        Some(Family::Tdes),
        1,
        true,
        false,
    ),
    form(
        Form::KeyBlock(Version::B),
        "key-block-b",
        Some(Family::Tdes),
        2,
        true,
        false,
    ),
    form(
        Form::KeyBlock(Version::C),
        "key-block-c",
        Some(Family::Tdes),
        1,
        true,
        false,
    ),
    form(
        Form::KeyBlock(Version::D),
        "key-block-d",
        Some(Family::Aes),
        3,
        true,
        true,
    ),
    form(
        Form::KeyBlock(Version::E),
        "key-block-e",
        Some(Family::Aes),
        3,
        true,
        true,
    ),
    form(Form::Tr34, "tr34", Some(Family::Rsa), 3, true, false),
    form(
        Form::AesKeyWrap,
        "aes-key-wrap",
        Some(Family::Aes),
        1,
        false,
        false,
    ),
    form(
        Form::AesKeyWrapPadded,
        "aes-key-wrap-padded",
        Some(Family::Aes),
        1,
        false,
        true,
    ),
    form(
        Form::RsaOaep,
        "rsa-oaep",
        Some(Family::Rsa),
        1,
        false,
        false,
    ),
    form(
        Form::EcdhKeyWrap,
        "ecdh-key-wrap",
        Some(Family::Ec),
        1,
        false,
        false,
    ),
    form(Form::Components, "components", None, 1, false, false),
    form(
        Form::LegacyEcb,
        "legacy-ecb",
        Some(Family::Tdes),
        0,
        false,
        false,
    ),
    form(
        Form::LegacyCbc,
        "legacy-cbc",
        Some(Family::Tdes),
        0,
        false,
        false,
    ),
];

impl Form {
    /// Its rules.
    pub fn row(self) -> Option<&'static FormRow> {
        FORMS.iter().find(|row| row.form == self)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// The form of a name.
    pub fn of(name: &str) -> Option<Self> {
        let found = FORMS.iter().find(|row| row.name == name);
        found.map(|row| row.form)
    }

    /// Whether only an exception lets it pass.
    pub fn is_legacy(self) -> bool {
        matches!(self, Self::LegacyEcb | Self::LegacyCbc)
    }
}

/// A day of the Gregorian calendar; days compare as they follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(u32);

impl Day {
    /// A day; none if the calendar does not have the month or the day can be in no month.
    pub fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        let right = (2000..=9999).contains(&year) && (1..=12).contains(&month);
        (right && (1..=31).contains(&day)).then_some(Self(year * 10_000 + month * 100 + day))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = (self.0 / 10_000, self.0 / 100 % 100, self.0 % 100);
        write!(to, "{year}-{month:02}-{day:02}")
    }
}

/// An exception that somebody has written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception<'a> {
    /// The only form that it lets pass.
    pub form: Form,
    /// Whether it also lets a key pass under a weaker one.
    pub weaker_wrapping: bool,
    /// Whether it also lets a key leave in a weaker form than it came in.
    pub weaker_form: bool,
    /// Its first day.
    pub granted: Day,
    /// Its last day.
    pub until: Day,
    /// Why and by whom.
    pub reason: &'a str,
}

/// Longest exception in years.
const EXCEPTION_YEARS_MAX: u32 = 1;

impl Exception<'_> {
    /// Whether it holds on a day for a form.
    fn check(&self, form: Form, today: Day) -> Result<(), Refusal> {
        let longest = Day(self.granted.0 + EXCEPTION_YEARS_MAX * 10_000);
        if self.form != form {
            return Err(Refusal::ExceptionForm(self.form.name()));
        }
        if self.reason.trim().len() < 10 || self.until > longest {
            return Err(Refusal::ExceptionIncomplete);
        }
        if !(self.granted..=self.until).contains(&today) {
            return Err(Refusal::ExceptionDay(self.granted, self.until));
        }
        Ok(())
    }
}

/// Why a key may not leave like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The form's wrapping key is of another family.
    #[error("{form} takes no {wrapping} to wrap with")]
    WrappingKey {
        /// Form.
        form: &'static str,
        /// Wrapping key.
        wrapping: KeyKind,
    },
    /// The form does not carry such a key.
    #[error("{form} does not carry {wrapped}")]
    Carries {
        /// Form.
        form: &'static str,
        /// Key to be wrapped.
        wrapped: KeyKind,
    },
    /// The wrapping key is weaker.
    #[error(
        "{wrapping} ({} bits of security) is weaker than {wrapped} ({})",
        wrapping.strength(),
        wrapped.strength()
    )]
    Weaker {
        /// Wrapping key.
        wrapping: KeyKind,
        /// Key to be wrapped.
        wrapped: KeyKind,
    },
    /// Single DES and the like.
    #[error("{0} protects nothing")]
    TooWeak(KeyKind),
    /// A legacy form without an exception.
    #[error("{0} needs an exception with a reason and a last day")]
    NeedsException(&'static str),
    /// The exception is for another form.
    #[error("the exception is for {0} only")]
    ExceptionForm(&'static str),
    /// The exception does not hold today.
    #[error("the exception holds from {0} to {1}, not today")]
    ExceptionDay(Day, Day),
    /// The exception says too little or lasts too long.
    #[error("an exception has a reason of at least 10 characters and lasts a year at most")]
    ExceptionIncomplete,
    /// Not exportable.
    #[error("the key is not exportable (N)")]
    NotExportable,
    /// Exportable in key blocks only.
    #[error("the key is exportable in key blocks only (E), not as {0}")]
    KeyBlocksOnly(&'static str),
    /// For storage only.
    #[error("the key's block is for storage only (key context 1)")]
    StorageOnly,
    /// A weaker form than that it came in.
    #[error("the key came in as {came} and may not leave as {leaves}, which binds it less")]
    Downgrade {
        /// How it came.
        came: &'static str,
        /// How it would leave.
        leaves: &'static str,
    },
    /// The header to leave with is missing or stands where none can be.
    #[error("{0} carries a header, and a header only goes with it")]
    Header(&'static str),
    /// Usage, algorithm, mode, exportability or context would be wider.
    #[error("the {0} may not become another or wider one")]
    Widened(&'static str),
}

impl Refusal {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "E0598"
    }
}

/// Whether one key may wrap another in a form.
pub fn may_wrap(
    wrapping: KeyKind,
    wrapped: KeyKind,
    form: Form,
    exception: Option<&Exception<'_>>,
    today: Day,
) -> Result<(), Refusal> {
    let name = form.name();
    let row = form.row().ok_or(Refusal::NeedsException(name))?;
    match row.wrapping {
        Some(family) if family == wrapping.family => {}
        _ => {
            return Err(Refusal::WrappingKey {
                form: name,
                wrapping,
            });
        }
    }
    let private = matches!(wrapped.family, Family::Rsa | Family::Ec);
    let foreign = form.is_legacy() && wrapped.family != Family::Tdes;
    if foreign || private && !row.carries_private_keys {
        return Err(Refusal::Carries {
            form: name,
            wrapped,
        });
    }
    let excepted = match exception {
        Some(exception) => {
            exception.check(form, today)?;
            true
        }
        None => false,
    };
    if form.is_legacy() && !excepted {
        return Err(Refusal::NeedsException(name));
    }
    if wrapping.strength() == 0 {
        return Err(Refusal::TooWeak(wrapping));
    }
    let weaker = wrapping.strength() < wrapped.strength();
    if weaker && !exception.is_some_and(|it| it.weaker_wrapping) {
        return Err(Refusal::Weaker { wrapping, wrapped });
    }
    Ok(())
}

/// A key as it is held.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The form that it came in; none when it was made here.
    pub came_in: Option<Form>,
    /// What is known of its use.
    pub attributes: &'a Attributes,
}

/// Whether a held key may leave in a form, with a header where the form has one.
pub fn may_leave(
    held: &Held<'_>,
    form: Form,
    header: Option<&Attributes>,
    exception: Option<&Exception<'_>>,
    today: Day,
) -> Result<(), Refusal> {
    let name = form.name();
    let row = form.row().ok_or(Refusal::NeedsException(name))?;
    if let Some(exception) = exception {
        exception.check(form, today)?;
    } else if form.is_legacy() {
        return Err(Refusal::NeedsException(name));
    }
    match held.attributes.exportability {
        Exportability::None => return Err(Refusal::NotExportable),
        Exportability::Trusted if !row.has_header => return Err(Refusal::KeyBlocksOnly(name)),
        _ => {}
    }
    if held.attributes.context == Context::Storage {
        return Err(Refusal::StorageOnly);
    }
    let came = held.came_in.and_then(Form::row);
    if let Some(came) = came
        && row.rank < came.rank
        && !exception.is_some_and(|it| it.weaker_form)
    {
        return Err(Refusal::Downgrade {
            came: came.name,
            leaves: name,
        });
    }
    match (header, row.has_header) {
        (Some(header), true) => may_become(held.attributes, header),
        (None, false) => Ok(()),
        _ => Err(Refusal::Header(name)),
    }
}

/// Whether a key's header may be written as another: the same use, or a narrower one.
pub fn may_become(held: &Attributes, leaves: &Attributes) -> Result<(), Refusal> {
    let context = leaves.context == held.context || held.context == Context::FromWrappingKey;
    let checks = [
        (leaves.usage == held.usage, "usage"),
        (leaves.algorithm == held.algorithm, "algorithm"),
        (held.mode.covers(leaves.mode), "mode of use"),
        (
            leaves.exportability.rank() <= held.exportability.rank(),
            "exportability",
        ),
        (context, "key context"),
        (leaves.key_version == held.key_version, "key version"),
    ];
    match checks.into_iter().find(|(holds, _)| !holds) {
        Some((_, what)) => Err(Refusal::Widened(what)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
