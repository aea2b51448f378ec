//! PINs: drawn, taken in, given out, and what is calculated from them.

use std::sync::Arc;

use cardwright_ports::hsm::{CardPinFormat, Draw, Ibm3624, KeyHandle, KeyUse, SealedPin};
use cardwright_standards::cipher::Block;
use cardwright_standards::pin::ibm3624::{self, Parameters};
use cardwright_standards::pin::{PIN_DIGITS_MAX, PIN_DIGITS_MIN, Pin, PinError, block, card, pvv};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Session, draw_context};
use crate::error::{self, Refused};
use crate::keys::Key;

/// Octets of the mark that says to which PAN a PIN is bound.
const MARK_OCTETS: usize = 8;
/// Origin, length, digits, mark: all PINs have blobs of one length.
const CLEAR_OCTETS: usize = 2 + PIN_DIGITS_MAX + MARK_OCTETS;

/// From where a PIN came; decides which translations are allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Made here, or taken in without a PAN.
    Free,
    /// Taken in bound to a PAN; the mark is a keyed hash of it.
    Bound([u8; MARK_OCTETS]),
}

/// An opened PIN, for the moment of its use.
pub(super) struct Opened {
    pub(super) pin: Pin,
    origin: Origin,
}

/// A PIN on its way out.
pub(super) enum Leaving {
    /// Done: AES.
    Enciphered(Vec<u8>),
    /// The clear block, and the key of triple DES that it goes out under.
    Clear(Arc<Key>, block::Field8),
}

impl Session {
    fn sealed_pin(&self, pin: &Pin, origin: Origin, context: &[u8]) -> Result<SealedPin, Refused> {
        let (flag, mark) = match origin {
            Origin::Free => (0, [0; MARK_OCTETS]),
            Origin::Bound(mark) => (1, mark),
        };
        let mut clear = Zeroizing::new([0u8; CLEAR_OCTETS]);
        let digits = pin
            .expose()
            .bytes()
            .chain(std::iter::repeat(0))
            .take(PIN_DIGITS_MAX);
        let octets = [flag, pin.length() as u8]
            .into_iter()
            .chain(digits)
            .chain(mark);
        for (slot, octet) in clear.iter_mut().zip(octets) {
            *slot = octet;
        }
        let blob = self
            .shared
            .sealer
            .seal("PIN", b"", context, clear.as_slice())?;
        Ok(SealedPin(blob))
    }

    /// Opens a PIN.
    pub(super) fn opened_pin(&self, pin: &SealedPin) -> Result<Opened, Refused> {
        let refused = || error::SEALED.found("a sealed PIN that does not open");
        let clear = self.shared.sealer.open("PIN", b"", &pin.0)?;
        let (head, rest) = clear.split_first_chunk::<2>().ok_or_else(refused)?;
        let (digits, mark) = rest
            .split_first_chunk::<PIN_DIGITS_MAX>()
            .ok_or_else(refused)?;
        let digits = digits.get(..usize::from(head[1])).ok_or_else(refused)?;
        let origin = match head[0] {
            0 => Origin::Free,
            _ => Origin::Bound(mark.try_into().map_err(|_| refused())?),
        };
        let values = digits.iter().map(|d| d.wrapping_sub(b'0'));
        let pin = Pin::from_values(values).map_err(|_| refused())?;
        Ok(Opened { pin, origin })
    }

    fn mark_of(&self, pan: &str) -> [u8; MARK_OCTETS] {
        let hash = self.shared.root.hash(&[b"PIN's PAN", pan.as_bytes()]);
        hash.first_chunk().copied().unwrap_or_default()
    }

    pub(super) fn generated_pin(&self, length: u8, draw: &Draw<'_>) -> Result<SealedPin, Refused> {
        let length = usize::from(length);
        if !(PIN_DIGITS_MIN..=PIN_DIGITS_MAX).contains(&length) {
            return Err(error::ARGUMENT.found(format!("a PIN of {length} digits")));
        }
        let mut stream = self.shared.root.draw(draw, "PIN");
        let pin =
            Pin::from_values((0..length).map(|_| stream.digit())).map_err(|e| pin_error(&e))?;
        self.sealed_pin(&pin, Origin::Free, &draw_context(draw))
    }

    pub(super) fn imported_pin(
        &mut self,
        key: KeyHandle,
        format: u8,
        enciphered: &[u8],
        pan: &str,
    ) -> Result<SealedPin, Refused> {
        let key = self.key_for(key, KeyUse::PinEncryption)?;
        let length = || error::PIN_BLOCK.found(format!("{} octets", enciphered.len()));
        let pin = if format == 4 {
            let enciphered = enciphered.try_into().map_err(|_| length())?;
            block::decipher_4(key.aes()?, enciphered, pan)
        } else {
            let enciphered = <[u8; 8]>::try_from(enciphered).map_err(|_| length())?;
            let clear = Zeroizing::new(key.tdes()?.decrypt(enciphered));
            match format {
                0 => block::decode_0(&clear, pan),
                1 => block::decode_1(&clear),
                3 => block::decode_3(&clear, pan),
                _ => return Err(wrong_format(format)),
            }
        };
        let pin = pin.map_err(|e| pin_error(&e))?;
        let origin = match format {
            1 => Origin::Free,
            _ => Origin::Bound(self.mark_of(pan)),
        };
        self.sealed_pin(&pin, origin, pan.as_bytes())
    }

    pub(super) fn exported_pin(
        &mut self,
        pin: &SealedPin,
        key: KeyHandle,
        format: u8,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Vec<u8>, Refused> {
        Ok(match self.pin_to_export(pin, key, format, pan, draw)? {
            Leaving::Enciphered(block) => block,
            Leaving::Clear(key, clear) => key.tdes()?.encrypt(*clear).to_vec(),
        })
    }

    /// A PIN up to the one block of triple DES that it leaves by.
    pub(super) fn pin_to_export(
        &mut self,
        pin: &SealedPin,
        key: KeyHandle,
        format: u8,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Leaving, Refused> {
        let key = self.key_for(key, KeyUse::PinEncryption)?;
        let Opened { pin, origin } = self.opened_pin(pin)?;
        let misplaced = match origin {
            Origin::Free => false,
            Origin::Bound(mark) => format == 1 || !bool::from(mark.ct_eq(&self.mark_of(pan))),
        };
        if misplaced {
            return Err(error::TRANSLATION.found(format!("to format {format}")));
        }
        let mut random = Zeroizing::new([0u8; 16]);
        if format != 0 {
            // Format 0 has no random part.
            let mut stream = self.shared.root.draw(draw, "PIN block");
            stream.fill(random.as_mut_slice());
        }
        let refused = |e: PinError| pin_error(&e);
        if format == 4 {
            let fill = random.first_chunk().copied().unwrap_or_default();
            let block = block::encipher_4(key.aes()?, &pin, pan, fill).map_err(refused)?;
            return Ok(Leaving::Enciphered(block.to_vec()));
        }
        let clear = match format {
            0 => block::encode_0(&pin, pan),
            1 => {
                let fill = Zeroizing::new(random.map(|octet| octet & 0x0F));
                block::encode_1(&pin, fill.as_slice())
            }
            3 => {
                let fill: Zeroizing<Vec<u8>> =
                    Zeroizing::new(block::letter_fill(random.as_slice()).collect());
                block::encode_3(&pin, pan, &fill)
            }
            _ => return Err(wrong_format(format)),
        };
        key.tdes()?;
        Ok(Leaving::Clear(key, clear.map_err(refused)?))
    }

    /// The clear block of format 2.
    pub(super) fn reference_block(&self, pin: &SealedPin) -> Result<block::Field8, Refused> {
        Ok(block::encode_2(&self.opened_pin(pin)?.pin))
    }

    /// The eight octets that a card product keeps of a PIN.
    pub(super) fn card_field(
        &self,
        pin: &SealedPin,
        format: CardPinFormat,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<block::Field8, Refused> {
        let Opened { pin, origin } = self.opened_pin(pin)?;
        let refused = |e: PinError| pin_error(&e);
        Ok(match format {
            CardPinFormat::Ascii => card::ascii_field(&pin).map_err(refused)?,
            CardPinFormat::Iso0 => {
                if let Origin::Bound(mark) = origin
                    && !bool::from(mark.ct_eq(&self.mark_of(pan)))
                {
                    return Err(error::TRANSLATION.found("to another PAN"));
                }
                block::encode_0(&pin, pan).map_err(refused)?
            }
            CardPinFormat::Iso1 => {
                let mut random = Zeroizing::new([0u8; 16]);
                let mut stream = self.shared.root.draw(draw, "PIN block");
                stream.fill(random.as_mut_slice());
                let fill = Zeroizing::new(random.map(|octet| octet & 0x0F));
                block::encode_1(&pin, fill.as_slice()).map_err(refused)?
            }
            CardPinFormat::Iso2 => block::encode_2(&pin),
            CardPinFormat::Packed => card::packed_field(&pin),
            CardPinFormat::Plain0 => card::plain_field_0(&pin),
        })
    }

    pub(super) fn visa_value(
        &mut self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        pvki: u8,
    ) -> Result<String, Refused> {
        let (key, block) = self.visa_block(key, pan, pin, pvki)?;
        Ok(pvv::value(key.tdes()?.encrypt(*block)).as_str().to_owned())
    }

    /// The block that a PVV is made of, and the key that enciphers it.
    pub(super) fn visa_block(
        &mut self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        pvki: u8,
    ) -> Result<(Arc<Key>, block::Field8), Refused> {
        let key = self.key_for(key, KeyUse::PinVerificationPvv)?;
        let opened = self.opened_pin(pin)?;
        key.tdes()?;
        let block = pvv::block(pan, &opened.pin, pvki).map_err(|e| pin_error(&e))?;
        Ok((key, block))
    }

    pub(super) fn ibm_offset(
        &mut self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        parameters: &Ibm3624<'_>,
    ) -> Result<String, Refused> {
        let key = self.key_for(key, KeyUse::PinVerificationIbm3624)?;
        let opened = self.opened_pin(pin)?;
        ibm3624::offset(key.tdes()?, pan, &opened.pin, &of_port(parameters))
            .map_err(|e| pin_error(&e))
    }

    pub(super) fn ibm_natural(
        &mut self,
        key: KeyHandle,
        pan: &str,
        length: u8,
        parameters: &Ibm3624<'_>,
    ) -> Result<SealedPin, Refused> {
        let key = self.key_for(key, KeyUse::PinVerificationIbm3624)?;
        let pin = ibm3624::natural_pin(key.tdes()?, pan, usize::from(length), &of_port(parameters));
        let pin = pin.map_err(|e| pin_error(&e))?;
        self.sealed_pin(&pin, Origin::Free, pan.as_bytes())
    }

    /// `7F`, the block of format 2, the card's challenge, random fill: under the card's public key
    /// (EMV Book 2, 7.2, table 25).
    pub(super) fn enciphered_offline_pin(
        &self,
        pin: &SealedPin,
        (modulus, exponent): (&[u8], u32),
        icc_challenge: &[u8],
        draw: &Draw<'_>,
    ) -> Result<Vec<u8>, Refused> {
        let opened = self.opened_pin(pin)?.pin;
        let mut stream = self.shared.root.draw(draw, "offline PIN");
        let fill = |tail: &mut [u8]| stream.fill(tail);
        let clear = card::offline_text(&opened, modulus.len(), icc_challenge, fill);
        let clear = clear.map_err(|e| pin_error(&e))?;
        cardwright_rsa::raise(modulus, exponent, &clear).map_err(error::of_rsa)
    }
}

fn of_port<'a>(parameters: &Ibm3624<'a>) -> Parameters<'a> {
    Parameters {
        decimalisation_table: parameters.decimalisation_table,
        validation_start: parameters.validation_start,
        validation_length: parameters.validation_length,
        pad: parameters.pad,
    }
}

fn wrong_format(format: u8) -> Refused {
    error::ARGUMENT.found(format!(
        "PIN block format {format}, known are 0, 1, 3 and 4"
    ))
}

fn pin_error(e: &PinError) -> Refused {
    match e {
        PinError::Control(_) | PinError::Content | PinError::BlockLength { .. } => {
            error::PIN_BLOCK.found(e.to_string())
        }
        _ => error::ARGUMENT.found(e.to_string()),
    }
}
