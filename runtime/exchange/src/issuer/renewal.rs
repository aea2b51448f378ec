//! Renewal: when the next certificate is asked for, what the request says, and which of several
//! certificates of an issuer a card gets.

use super::Month;
use super::forms::RequestFields;
use super::import::Imported;
use crate::ExchangeError;

/// How an issuer renews.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Months before a certificate stops being enough for new cards at which the next is asked for.
    pub lead_months: u16,
    /// Months for which a new card is valid.
    pub card_months: u16,
}

/// What is to be done about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing before this month.
    From(Month),
    /// Ask for the next one.
    Now,
    /// New cards outlive it already: none can be made with it.
    Late,
    /// It is expired.
    Expired,
}

impl Renewal {
    /// When the certificate that follows this one is due.
    pub fn due(&self, certificate: &Imported, now: Month) -> Due {
        if certificate.expiry < now {
            return Due::Expired;
        }
        if certificate.expiry < now.plus(self.card_months) {
            return Due::Late;
        }
        let mut begin = now;
        // The first month at which a card and the lead no longer fit before the expiry.
        while begin.plus(self.card_months).plus(self.lead_months) < certificate.expiry {
            begin = begin.plus(1);
        }
        match begin == now {
            true => Due::Now,
            false => Due::From(begin),
        }
    }

    /// The request that follows a certificate: the same issuer, the next tracking number, a later
    /// expiry. Key index and service stay; the key is a new one.
    pub fn successor(
        &self,
        last: &RequestFields,
        current: &Imported,
        expiry: Month,
    ) -> Result<RequestFields, ExchangeError> {
        let same = last
            .issuer_identifier
            .starts_with(current.issuer_identifier.as_str());
        if !same {
            return Err(ExchangeError::Issuer(
                "the request is of another issuer identifier",
            ));
        }
        if expiry <= current.expiry {
            return Err(ExchangeError::Issuer("the next expiry is not later"));
        }
        if expiry < current.expiry.plus(self.card_months) {
            return Err(ExchangeError::Issuer(
                "the next certificate would not outlive the cards made until the last one ends",
            ));
        }
        let [high, middle, low] = last.tracking;
        let next = u32::from_be_bytes([0, high, middle, low]) + 1;
        let [overflow, tracking @ ..] = next.to_be_bytes();
        if overflow != 0 {
            return Err(ExchangeError::Issuer("the tracking numbers are used up"));
        }
        Ok(RequestFields {
            expiry,
            tracking,
            ..last.clone()
        })
    }
}

/// The certificate for a card that is valid to a month: of those that outlive the card and are for
/// its PAN, the one that ends first, so that the newest is kept for the cards that need it.
pub fn choose<'c>(certificates: &'c [Imported], pan: &str, card: Month) -> Option<&'c Imported> {
    let fits = certificates.iter().filter(|it| {
        it.expiry >= card && it.ca_expiry >= card && pan.starts_with(it.issuer_identifier.as_str())
    });
    fits.min_by_key(|it| (it.expiry, it.serial))
}
