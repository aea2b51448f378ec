//! What a card's issuer certificates cover: a card that its certificate does not speak of, or that
//! outlives it, is refused before anything is made (EMV Book 2, 5.3 and 6.4: the issuer identifier
//! is the beginning of the PAN; no certificate is used after its month).

use crate::{Loaded, RuntimeError, load::broken, value::Date};
use cardwright_bundle::{Application, Card, KeySlot};
use cardwright_standards::emv::certificates::{self, RecoveredKey};

/// The issuer certificates of a card's applications, in their order; none where there is no key.
pub(crate) struct Certified {
    certificates: Vec<Option<RecoveredKey>>,
}

impl Certified {
    /// Opens the certificates of a card product.
    ///
    /// # Errors
    /// R1101 for a certificate that its own CA key does not open.
    pub(crate) fn new(loaded: &Loaded, card: &Card) -> Result<Self, RuntimeError> {
        let applications = card.chip.iter().flat_map(|chip| &chip.applications);
        let slots = &loaded.content().keys;
        let certificates = applications
            .map(|application| {
                issuer_slot(application)
                    .and_then(|slot| slots.get(slot as usize))
                    .map_or(Ok(None), recovered)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { certificates })
    }

    /// Holds one application's PAN and expiry (YYMMDD) against its certificate.
    ///
    /// # Errors
    /// R1111 for a card that the certificate does not cover.
    pub(crate) fn check(
        &self,
        application: usize,
        pan: Option<&str>,
        expiry: Option<&str>,
    ) -> Result<(), RuntimeError> {
        let Some(Some(certificate)) = self.certificates.get(application) else {
            return Ok(());
        };
        if pan.is_some_and(|pan| !certificate.is_for(pan)) {
            return Err(uncovered(
                "the PAN is not in the issuer certificate's range",
            ));
        }
        let [month, year] = certificate.expiry_mmyy;
        let ends = Date::parse(&format!("{year:02X}{month:02X}"), "YYMM")
            .ok_or_else(|| broken("an issuer certificate without a month of expiry"))?;
        let expiry = expiry.and_then(|expiry| Date::parse(expiry, "YYMMDD"));
        if expiry.is_some_and(|expiry| expiry > ends) {
            return Err(uncovered(&format!(
                "the card would be valid for longer than its issuer certificate, which ends with \
                 {}",
                ends.format("MM/YYYY")
            )));
        }
        Ok(())
    }
}

/// The digits that every PAN of a bundle's cards begins with, as its first issuer certificate says:
/// what a specimen needs that nobody else gave a PAN.
#[must_use]
pub fn issuer_identifier(loaded: &Loaded) -> Option<String> {
    let mut slots = loaded.content().keys.iter();
    let found = slots.find_map(|slot| recovered(slot).ok().flatten());
    found.map(|certificate| certificate.identifier)
}

fn issuer_slot(application: &Application) -> Option<u32> {
    let mut keys = application.keys.iter();
    keys.find(|(role, _)| role == "issuer")
        .map(|(_, slot)| *slot)
}

fn recovered(slot: &KeySlot) -> Result<Option<RecoveredKey>, RuntimeError> {
    let Some(public) = &slot.public else {
        return Ok(None);
    };
    let octets = |text: &str| hex::decode(text).map_err(|_| broken("a certificate that is none"));
    let exponent: Vec<u8> = slot
        .exponent
        .to_be_bytes()
        .into_iter()
        .skip_while(|octet| *octet == 0)
        .collect();
    certificates::recover_issuer_certificate(
        &octets(&public.ca_modulus)?,
        public.ca_exponent,
        &octets(&public.certificate)?,
        &octets(&public.remainder)?,
        &exponent,
    )
    .map(Some)
    .map_err(|_| broken("an issuer certificate that its CA key does not open"))
}

fn uncovered(what: &str) -> RuntimeError {
    RuntimeError::new(
        "R1111",
        what,
        "have a certificate for it made by the CA and built into the bundle, or correct the order",
    )
}
