//! Issuer certificates: an issuer's RSA key asks a scheme's CA to be certified, and what comes back
//! is verified before a card is made with it.
//!
//! [`request`] makes the open form, a PKCS#10 request with an EMV self-signed record beside it.
//! [`forms`] has scheme forms as tables of fields; a new form is a new table. [`import`] takes the
//! certificate (tags 90, 92, 9F32), [`ca_keys`] holds the CAs' public keys, [`renewal`] says when
//! the next request is due and which certificate a card gets. [`test_ca`] certifies with test keys,
//! so that the whole chain runs here. [`ecc`] reads and makes issuer certificates of EMV's newer
//! method.

pub mod ca_keys;
pub mod ecc;
pub mod forms;
pub mod import;
pub mod renewal;
pub mod request;
pub mod test_ca;

use crate::ExchangeError;
use std::fmt;

/// A month of a certificate: MMYY in the trade, compared as year and month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: u16,
    month: u8,
}

impl Month {
    /// A month from 2000 to 2099.
    pub fn new(year: u16, month: u8) -> Option<Self> {
        let right = (2000..=2099).contains(&year) && (1..=12).contains(&month);
        right.then_some(Self { year, month })
    }

    /// Reads MMYY.
    pub fn from_mmyy(text: &str) -> Result<Self, ExchangeError> {
        let wrong = ExchangeError::Issuer("the expiry is MMYY with a month from 01 to 12");
        let digits = text.len() == 4 && text.bytes().all(|digit| digit.is_ascii_digit());
        let part = |from: usize| text.get(from..from + 2)?.parse::<u8>().ok();
        match (digits, part(0), part(2)) {
            (true, Some(month), Some(year)) => {
                Self::new(2000 + u16::from(year), month).ok_or(wrong)
            }
            _ => Err(wrong),
        }
    }

    /// Reads two octets of BCD, as certificates have them.
    pub fn from_bcd(octets: [u8; 2]) -> Result<Self, ExchangeError> {
        let [month, year] = octets;
        Self::from_mmyy(&format!("{month:02X}{year:02X}"))
    }

    /// MMYY.
    pub fn mmyy(self) -> String {
        format!("{:02}{:02}", self.month, self.year % 100)
    }

    /// So many months later.
    pub fn plus(self, months: u16) -> Self {
        let all = u32::from(self.year) * 12 + u32::from(self.month) - 1 + u32::from(months);
        Self {
            year: (all / 12) as u16,
            month: (all % 12) as u8 + 1,
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}-{:02}", self.year, self.month)
    }
}

/// The issuer identifier: the leftmost 3 to 8 digits of the PAN (EMV Book 2, table 6).
pub(crate) fn check_identifier(text: &str) -> Result<(), ExchangeError> {
    let digits = text.bytes().all(|digit| digit.is_ascii_digit());
    match digits && (3..=8).contains(&text.len()) {
        true => Ok(()),
        false => Err(ExchangeError::Issuer(
            "the issuer identifier has 3 to 8 digits",
        )),
    }
}
