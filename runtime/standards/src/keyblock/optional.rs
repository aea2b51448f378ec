//! Optional blocks of a key block, typed (ANSI X9.143, 6.3.6, tables 7 to 23).
//!
//! What is in `FL` was not found in public; its characters are kept and not looked into. A block
//! that no table knows is kept as [`Optional::Unknown`]: whether it is accepted is the caller's
//! policy.

use super::OptionalBlock;
use super::attributes::{Attributes, Fault, Shown};
use super::terms::{Algorithm, Exportability, Mode, Usage};
use crate::hex;

/// Most derivations in `DA`, most certificates in `CT`.
const ENTRIES_MAX: usize = 99;

/// One kind of optional block.
#[derive(Debug)]
pub struct OptionalRow {
    /// Two characters.
    pub id: &'static str,
    /// What it says.
    pub name: &'static str,
    /// Clause of X9.143:2021, `unverified` where its layout was not found in public.
    pub clause: &'static str,
    /// Whether it has a meaning for a key.
    pub goes_with: fn(&Attributes) -> bool,
}

const fn row(
    id: &'static str,
    name: &'static str,
    clause: &'static str,
    goes_with: fn(&Attributes) -> bool,
) -> OptionalRow {
    OptionalRow {
        id,
        name,
        clause,
        goes_with,
    }
}

/// The kinds in the standard's order. `PB`, padding, is written and taken off by the header.
pub static OPTIONAL_BLOCKS: &[OptionalRow] = &[
    row("AL", "asymmetric key life", "6.3.6.1", asymmetric),
    row("BI", "base derivation key identifier", "6.3.6.2", |it| {
        it.usage.code() == "B0"
    }),
    row("CT", "public key certificate", "6.3.6.3", asymmetric),
    row("DA", "derivations allowed", "6.3.6.4", |it| {
        matches!(it.mode, Mode::Derive | Mode::Any)
    }),
    row("FL", "flags", "unverified", any),
    row("HM", "hash of HMAC", "6.3.6.5", |it| it.algorithm.is_hmac()),
    row(
        "IK",
        "initial key identifier of AES DUKPT",
        "6.3.6.6",
        |it| it.usage.code() == "B1" && it.algorithm == Algorithm::Aes,
    ),
    row("KC", "check value of the key", "6.3.6.7", symmetric),
    row("KP", "check value of the protection key", "6.3.6.7", any),
    row(
        "KS",
        "initial key serial number of 3DES DUKPT",
        "6.3.6.8",
        |it| matches!(it.usage.code(), "B0" | "B1") && it.algorithm != Algorithm::Aes,
    ),
    row("LB", "label", "6.3.6.10", any),
    row("PB", "padding", "6.3.6.11", any),
    row(
        "PK",
        "check value of the protection key at export",
        "6.3.6.12",
        any,
    ),
    row("TC", "time of creation", "6.3.6.13", any),
    row("TS", "time stamp", "6.3.6.14", any),
    row("WP", "wrapping pedigree", "6.3.6.15", any),
];

fn any(_: &Attributes) -> bool {
    true
}

fn asymmetric(it: &Attributes) -> bool {
    it.algorithm.is_asymmetric()
}

fn symmetric(it: &Attributes) -> bool {
    !it.algorithm.is_asymmetric()
}

/// How a check value in a block was made (table 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckValueMethod {
    /// `00`: encryption of zeros, up to 3 octets.
    Legacy,
    /// `01`: CMAC over zeros, up to 5 octets.
    Cmac,
}

/// A check value in `KC`, `KP` or `PK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckValue {
    /// How it was made.
    pub method: CheckValueMethod,
    /// Its octets, from the left.
    pub octets: Vec<u8>,
}

impl CheckValue {
    /// A place for the check value that [`super::seal`] writes.
    pub fn placeholder() -> Self {
        Self {
            method: CheckValueMethod::Legacy,
            octets: Vec::new(),
        }
    }
}

/// Hash of an HMAC key (table 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HmacHash(u8);

/// Numbers and names of hashes.
const HASHES: &[(u8, &str)] = &[
    (0x10, "SHA-1"),
    (0x20, "SHA-224"),
    (0x21, "SHA-256"),
    (0x22, "SHA-384"),
    (0x23, "SHA-512"),
    (0x24, "SHA-512/224"),
    (0x25, "SHA-512/256"),
    (0x30, "SHA3-224"),
    (0x31, "SHA3-256"),
    (0x32, "SHA3-384"),
    (0x33, "SHA3-512"),
    (0x40, "SHAKE128"),
    (0x41, "SHAKE256"),
];

impl HmacHash {
    /// The hash of a number.
    pub fn of(number: u8) -> Option<Self> {
        let known = HASHES.iter().any(|(known, _)| *known == number);
        known.then_some(Self(number))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let found = HASHES.iter().find(|(number, _)| *number == self.0);
        found.map_or("", |(_, name)| name)
    }
}

/// One derivation that `DA` allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// Usage of the derived key.
    pub usage: Usage,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its mode of use.
    pub mode: Mode,
    /// Its exportability.
    pub exportability: Exportability,
}

/// A certificate in `CT`, in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whether it is an EMV certificate, else X.509.
    pub emv: bool,
    /// Base64 text.
    pub base64: String,
}

/// One optional block, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Optional {
    /// `AL`: whether the key pair is static, else ephemeral.
    KeyLife {
        /// Static.
        is_static: bool,
    },
    /// `BI`: key set identifier of 5 octets (3DES) or base derivation key identifier of 4 (AES).
    BaseKeyId(Vec<u8>),
    /// `CT`.
    Certificates {
        /// Whether they stand as a chain, which may have one; else there is one.
        chain: bool,
        /// From the key's own upwards.
        list: Vec<Certificate>,
    },
    /// `DA`.
    Derivations(Vec<Derivation>),
    /// `FL`, as it stands.
    Flags(String),
    /// `HM`.
    Hmac(HmacHash),
    /// `IK`.
    InitialKeyId([u8; 8]),
    /// `KC`.
    KeyCheck(CheckValue),
    /// `KP`.
    ProtectionKeyCheck(CheckValue),
    /// `KS`: 10 octets, 8 from old systems.
    KeySerial(Vec<u8>),
    /// `LB`.
    Label(String),
    /// `PK`.
    ExportKeyCheck(CheckValue),
    /// `TC`, UTC in one of the four ISO 8601 forms.
    Created(String),
    /// `TS`, UTC in one of the four ISO 8601 forms.
    Stamped(String),
    /// `WP`: 0 to 3.
    Pedigree(u8),
    /// A block that no table knows.
    Unknown {
        /// Two characters.
        id: String,
        /// As it stands.
        data: String,
    },
}

impl Optional {
    /// Reads one block.
    pub fn parse(block: &OptionalBlock) -> Result<Self, Fault> {
        let Some(row) = OPTIONAL_BLOCKS.iter().find(|row| row.id == block.id) else {
            return Ok(Self::Unknown {
                id: block.id.clone(),
                data: block.data.clone(),
            });
        };
        let wrong = |what| Fault::Block { id: row.id, what };
        parse_known(row.id, &block.data).map_err(wrong)
    }

    /// Its row; none for an unknown block.
    pub fn row(&self) -> Option<&'static OptionalRow> {
        OPTIONAL_BLOCKS.iter().find(|row| row.id == self.id())
    }

    /// Two characters.
    pub fn id(&self) -> &str {
        match self {
            Self::KeyLife { .. } => "AL",
            Self::BaseKeyId(_) => "BI",
            Self::Certificates { .. } => "CT",
            Self::Derivations(_) => "DA",
            Self::Flags(_) => "FL",
            Self::Hmac(_) => "HM",
            Self::InitialKeyId(_) => "IK",
            Self::KeyCheck(_) => "KC",
            Self::ProtectionKeyCheck(_) => "KP",
            Self::KeySerial(_) => "KS",
            Self::Label(_) => "LB",
            Self::ExportKeyCheck(_) => "PK",
            Self::Created(_) => "TC",
            Self::Stamped(_) => "TS",
            Self::Pedigree(_) => "WP",
            Self::Unknown { id, .. } => id,
        }
    }

    /// The data as they stand in a block.
    pub fn data(&self) -> String {
        match self {
            Self::KeyLife { is_static } => format!("01{:02X}", u8::from(*is_static)),
            Self::BaseKeyId(octets) => {
                format!("{:02X}{}", u8::from(octets.len() == 4), hex::encode(octets))
            }
            Self::Certificates { chain, list } => certificates_text(*chain, list),
            Self::Derivations(list) => {
                let entries = list.iter().map(|it| {
                    let (algorithm, mode) = (it.algorithm.letter(), it.mode.letter());
                    let exportability = it.exportability.letter();
                    format!("{}{algorithm}{mode}{exportability}", it.usage.code())
                });
                format!("01{}", entries.collect::<String>())
            }
            Self::Hmac(hash) => format!("{:02X}", hash.0),
            Self::InitialKeyId(octets) => hex::encode(octets),
            Self::KeyCheck(value)
            | Self::ProtectionKeyCheck(value)
            | Self::ExportKeyCheck(value) => {
                let method = u8::from(value.method == CheckValueMethod::Cmac);
                format!("{method:02X}{}", hex::encode(&value.octets))
            }
            Self::KeySerial(octets) => hex::encode(octets),
            Self::Flags(text)
            | Self::Label(text)
            | Self::Created(text)
            | Self::Stamped(text)
            | Self::Unknown { data: text, .. } => text.clone(),
            Self::Pedigree(value) => format!("00{value}"),
        }
    }
}

impl From<&Optional> for OptionalBlock {
    fn from(block: &Optional) -> Self {
        Self {
            id: block.id().to_owned(),
            data: block.data(),
        }
    }
}

/// Reads every block; what is wrong goes to `faults`.
pub(super) fn parse_all(blocks: &[OptionalBlock], faults: &mut Vec<Fault>) -> Vec<Optional> {
    let mut read: Vec<Optional> = Vec::with_capacity(blocks.len());
    for block in blocks {
        if read.iter().any(|it| it.id() == block.id) {
            faults.push(Fault::RepeatedBlock(Shown::of(&block.id)));
        }
        match Optional::parse(block) {
            Ok(block) => read.push(block),
            Err(fault) => faults.push(fault),
        }
    }
    read
}

fn parse_known(id: &str, data: &str) -> Result<Optional, &'static str> {
    // One spelling for one meaning.
    let capitals = !data.bytes().any(|digit| digit.is_ascii_lowercase());
    let octets = || match hex::decode(data) {
        Ok(octets) if capitals => Ok(octets),
        _ => Err("hexadecimal digits in capitals are expected"),
    };
    Ok(match id {
        "AL" => match data {
            "0100" => Optional::KeyLife { is_static: false },
            "0101" => Optional::KeyLife { is_static: true },
            _ => return Err("0100 for an ephemeral or 0101 for a static key is expected"),
        },
        "BI" => match (octets()?.as_slice().split_first(), data.len()) {
            (Some((0, id)), 12) | (Some((1, id)), 10) => Optional::BaseKeyId(id.to_vec()),
            _ => return Err("00 and 5 octets or 01 and 4 octets are expected"),
        },
        "CT" => Optional::Certificates {
            chain: data.starts_with("02"),
            list: parse_certificates(data)?,
        },
        "DA" => Optional::Derivations(parse_derivations(data)?),
        "FL" => Optional::Flags(data.to_owned()),
        "HM" => {
            let hash = match octets()?.as_slice() {
                [number] => HmacHash::of(*number),
                _ => None,
            };
            Optional::Hmac(hash.ok_or("the number of a hash is expected, such as 21 for SHA-256")?)
        }
        "IK" => {
            let octets = octets()?.try_into();
            Optional::InitialKeyId(octets.map_err(|_| "8 octets are expected")?)
        }
        "KC" => Optional::KeyCheck(parse_check_value(&octets()?)?),
        "KP" => Optional::ProtectionKeyCheck(parse_check_value(&octets()?)?),
        "PK" => Optional::ExportKeyCheck(parse_check_value(&octets()?)?),
        "KS" => {
            let octets = octets()?;
            if !matches!(octets.len(), 8 | 10) {
                return Err("10 octets are expected, 8 from old systems");
            }
            Optional::KeySerial(octets)
        }
        // The characters of every block were looked at when the header was read.
        "LB" => Optional::Label(data.to_owned()),
        "TC" => Optional::Created(time(data)?),
        "TS" => Optional::Stamped(time(data)?),
        "WP" => match data {
            "000" => Optional::Pedigree(0),
            "001" => Optional::Pedigree(1),
            "002" => Optional::Pedigree(2),
            "003" => Optional::Pedigree(3),
            _ => return Err("00 and a digit from 0 to 3 are expected"),
        },
        _ => return Err("padding stands in the header only"),
    })
}

fn parse_check_value(octets: &[u8]) -> Result<CheckValue, &'static str> {
    let (method, most) = match octets.first() {
        Some(0) => (CheckValueMethod::Legacy, 3),
        Some(1) => (CheckValueMethod::Cmac, 5),
        _ => return Err("it begins with 00 (encrypted zeros) or 01 (CMAC)"),
    };
    match octets.get(1..) {
        Some(value) if (2..=most).contains(&value.len()) => Ok(CheckValue {
            method,
            octets: value.to_vec(),
        }),
        _ => Err("2 to 3 octets of encrypted zeros or 2 to 5 of a CMAC are expected"),
    }
}

/// `01`, then five characters a derivation.
fn parse_derivations(data: &str) -> Result<Vec<Derivation>, &'static str> {
    let wrong = "01 and usage, algorithm, mode and exportability of each derivation are expected";
    let list = data.strip_prefix("01").filter(|list| {
        !list.is_empty() && list.len().is_multiple_of(5) && list.len() <= 5 * ENTRIES_MAX
    });
    let list = list.ok_or(wrong)?;
    let derivation = |at: usize| {
        let mut letters = list.get(at + 2..at + 5)?.chars();
        Some(Derivation {
            usage: Usage::of(list.get(at..at + 2)?)?,
            algorithm: Algorithm::of(letters.next()?)?,
            mode: Mode::of(letters.next()?)?,
            exportability: Exportability::of(letters.next()?)?,
        })
    };
    let derivations = (0..list.len()).step_by(5).map(derivation);
    derivations.collect::<Option<_>>().ok_or(wrong)
}

/// `00` or `01` and one certificate, or `02` and for each its format, four digits of length, data.
fn parse_certificates(data: &str) -> Result<Vec<Certificate>, &'static str> {
    let wrong = "00 or 01 and a certificate in base64, or 02 and a chain, are expected";
    let (format, rest) = data.split_at_checked(2).ok_or(wrong)?;
    let certificate = |format: &str, base64: &str| {
        let emv = match format {
            "00" => false,
            "01" => true,
            _ => return None,
        };
        is_base64(base64).then(|| Certificate {
            emv,
            base64: base64.to_owned(),
        })
    };
    if format != "02" {
        return certificate(format, rest).map(|it| vec![it]).ok_or(wrong);
    }
    let mut chain = Vec::new();
    let mut rest = rest;
    while !rest.is_empty() && chain.len() < ENTRIES_MAX {
        let (head, tail) = rest.split_at_checked(6).ok_or(wrong)?;
        let (format, digits) = head.split_at(2);
        let hexadecimal = digits
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
        let length = usize::from_str_radix(digits, 16)
            .ok()
            .filter(|_| hexadecimal);
        let (base64, after) = tail.split_at_checked(length.ok_or(wrong)?).ok_or(wrong)?;
        chain.push(certificate(format, base64).ok_or(wrong)?);
        rest = after;
    }
    if chain.is_empty() || !rest.is_empty() {
        return Err(wrong);
    }
    Ok(chain)
}

fn certificates_text(chain: bool, list: &[Certificate]) -> String {
    let format = |it: &Certificate| if it.emv { "01" } else { "00" };
    match list {
        [one] if !chain => format!("{}{}", format(one), one.base64),
        _ => {
            let entry =
                |it: &Certificate| format!("{}{:04X}{}", format(it), it.base64.len(), it.base64);
            format!("02{}", list.iter().map(entry).collect::<String>())
        }
    }
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let letters = body
        .bytes()
        .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/'));
    !body.is_empty() && letters && text.len() - body.len() <= 2 && text.len().is_multiple_of(4)
}

/// `YYYYMMDDhhmmssZ`, with hundredths `YYYYMMDDhhmmssssZ`, and both with `-`, `T`, `:` and `.`.
fn time(text: &str) -> Result<String, &'static str> {
    let wrong = "a UTC time such as 20260131235959Z or 2026-01-31T23:59:59Z is expected";
    const FORMS: [&str; 4] = [
        "YYYYMMDDhhmmssZ",
        "YYYYMMDDhhmmss00Z",
        "YYYY-MM-DDThh:mm:ssZ",
        "YYYY-MM-DDThh:mm:ss.00Z",
    ];
    let form = FORMS.iter().find(|form| form.len() == text.len());
    let form = form.ok_or(wrong)?;
    let mut fields = [0u32; 6];
    for (octet, place) in text.bytes().zip(form.bytes()) {
        let field = match place {
            b'Y' => 0,
            b'M' => 1,
            b'D' => 2,
            b'h' => 3,
            b'm' => 4,
            b's' => 5,
            b'0' if octet.is_ascii_digit() => continue,
            fixed if fixed == octet => continue,
            _ => return Err(wrong),
        };
        if !octet.is_ascii_digit() {
            return Err(wrong);
        }
        if let Some(value) = fields.get_mut(field) {
            *value = *value * 10 + u32::from(octet - b'0');
        }
    }
    let [year, month, day, hour, minute, second] = fields;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    // A leap second is 60.
    let right = (1..=days).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    right.then(|| text.to_owned()).ok_or(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(id: &str, data: &str) -> Result<Optional, Fault> {
        Optional::parse(&OptionalBlock {
            id: id.into(),
            data: data.into(),
        })
    }

    #[test]
    fn what_is_read_is_written_again() {
        for (id, data) in [
            ("AL", "0101"),
            ("BI", "000102030405"),
            ("BI", "0101020304"),
            ("CT", "00MIIB"),
            ("CT", "02000004MIIB"),
            ("CT", "02000004MIIB010008MIIBMIIB"),
            ("DA", "01E0TXEP0AES"),
            ("FL", "x y"),
            ("HM", "21"),
            ("IK", "0123456789ABCDEF"),
            ("KC", "00AABBCC"),
            ("KP", "01AABBCCDDEE"),
            ("KS", "00604B120F9292800000"),
            ("LB", "ZMK of Aurora ~"),
            ("PK", "01AABB"),
            ("TC", "20240229235960Z"),
            ("TS", "2024-02-29T00:00:00.99Z"),
            ("WP", "003"),
            ("10", "IBMC01"),
        ] {
            let block = read(id, data).unwrap();
            assert_eq!((block.id(), block.data().as_str()), (id, data));
        }
    }

    #[test]
    fn wrong_data_are_refused() {
        for (id, data) in [
            ("AL", "0102"),
            ("AL", "01"),
            ("BI", "0001020304"),
            ("BI", "0201020304"),
            ("CT", "00MII"),
            ("CT", "02"),
            ("CT", "02000005MIIB"),
            ("CT", "02000+04MIIB"),
            ("CT", "03MIIB"),
            ("CT", "00MI B"),
            ("DA", "01"),
            ("DA", "01E0TX"),
            ("DA", "01E0TXQ"),
            ("HM", "22A"),
            ("HM", "99"),
            ("KC", "00aabbcc"),
            ("IK", "0123456789ABCD"),
            ("KC", "00AABBCCDD"),
            ("KC", "02AABBCC"),
            ("KP", "01"),
            ("KS", "VM9A"),
            ("PB", "0000"),
            ("TC", "20230229000000Z"),
            ("TS", "2018-06-18T20:42:39.22"),
            ("TS", "20181318204239Z"),
            ("TS", "20180618204239+"),
            ("WP", "004"),
        ] {
            assert!(read(id, data).is_err(), "{id} {data}");
        }
    }
}
