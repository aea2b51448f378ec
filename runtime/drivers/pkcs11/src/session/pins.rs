//! PINs: drawn or taken in, given out, made into values. PKCS#11 knows no PIN: between two blocks it
//! is in this program's memory, wiped after its use, whatever the token.

use std::sync::Arc;

use cardwright_ports::hsm::{CardPinFormat, Draw, Ibm3624, KeyHandle, KeyUse, Sealed, SealedPin};
use cardwright_ports::{SecretBytes, SecretDigits};
use cardwright_standards::cipher::xor;
use cardwright_standards::pin::ibm3624::{self, Parameters};
use cardwright_standards::pin::{PIN_DIGITS_MAX, PIN_DIGITS_MIN, Pin, PinError, block, card, pvv};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Label, Session};
use crate::composition::Intent;
use crate::draw::{Stream, context, joined};
use crate::error::{self, Refused, Trouble};
use crate::known::raise;
use crate::ring::Key;
use crate::together::{Job, job};
use crate::tool::Tool;

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
struct Opened {
    pin: Pin,
    origin: Origin,
}

impl Tool<'_> {
    fn seal_pin(&self, pin: &Pin, origin: Origin, context: &[u8]) -> Result<SealedPin, Trouble> {
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
        Ok(SealedPin(self.seal(
            "PIN",
            (b"", context),
            clear.as_slice(),
        )?))
    }

    fn open_pin(&self, pin: &SealedPin) -> Result<Opened, Trouble> {
        opened_pin(&self.open("PIN", b"", &pin.0)?)
    }

    /// The same, with a stream for fill.
    fn open_pin_with_fill(
        &self,
        pin: &SealedPin,
        label: &[u8],
    ) -> Result<(Opened, Stream), Trouble> {
        let (clear, stream) = self.open_with_stream("PIN", (b"", &pin.0), label)?;
        Ok((opened_pin(&clear)?, stream))
    }

    fn mark_of_pan(&self, pan: &str) -> Result<[u8; MARK_OCTETS], Trouble> {
        let mark = self.mark(&joined(&[b"PIN's PAN", pan.as_bytes()]))?;
        Ok(mark.first_chunk().copied().unwrap_or_default())
    }

    /// Refuses what would bind a PIN to another PAN, or to none.
    fn check_translation(&self, origin: Origin, pan: Option<&str>) -> Result<(), Trouble> {
        let Origin::Bound(mark) = origin else {
            return Ok(());
        };
        let same = match pan {
            Some(pan) => bool::from(mark.ct_eq(&self.mark_of_pan(pan)?)),
            None => false,
        };
        match same {
            true => Ok(()),
            false => Err(error::TRANSLATION
                .found("to another PAN, or to a format that is bound to none")
                .into()),
        }
    }
}

/// The PIN of clear octets.
fn opened_pin(clear: &[u8]) -> Result<Opened, Trouble> {
    let refused = || error::SEALED.found("a sealed PIN that does not open");
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

impl Session {
    pub(super) fn generated_pin(
        &self,
        length: u8,
        draw: &Draw<'_>,
    ) -> Result<Job<SealedPin>, Refused> {
        let label = Label::of(draw)?;
        let length = usize::from(length);
        if !(PIN_DIGITS_MIN..=PIN_DIGITS_MAX).contains(&length) {
            return Err(error::ARGUMENT.found(format!("a PIN of {length} digits")));
        }
        Ok(job(move |tool| {
            let mut stream = tool.stream(&label.draw(), "PIN")?;
            let digits = (0..length).map(|_| stream.digit());
            let pin = Pin::from_values(digits).map_err(|e| pin_error(&e))?;
            tool.seal_pin(&pin, Origin::Free, &context(&label.draw()))
        }))
    }

    pub(super) fn imported_pin(
        &self,
        key: KeyHandle,
        format: u8,
        enciphered: &[u8],
        pan: &str,
    ) -> Result<Job<SealedPin>, Refused> {
        let key = self.key_for(key, KeyUse::PinEncryption)?;
        let octets = match format {
            4 => key.aes().map(|_| 16)?,
            0 | 1 | 3 => key.tdes().map(|_| 8)?,
            _ => return Err(wrong_format(format)),
        };
        if enciphered.len() != octets {
            return Err(error::PIN_BLOCK.found(format!("{} octets", enciphered.len())));
        }
        let (enciphered, pan) = (enciphered.to_vec(), pan.to_owned());
        Ok(job(move |tool| {
            let pin = opened_block(tool, &key, format, (&enciphered, &pan))?;
            let origin = match format {
                1 => Origin::Free,
                _ => Origin::Bound(tool.mark_of_pan(&pan)?),
            };
            tool.seal_pin(&pin, origin, pan.as_bytes())
        }))
    }

    pub(super) fn exported_pin(
        &self,
        pin: &SealedPin,
        key: KeyHandle,
        format: u8,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Job<Vec<u8>>, Refused> {
        let key = self.key_for(key, KeyUse::PinEncryption)?;
        let (pin, pan, label) = (pin.clone(), pan.to_owned(), Label::of(draw)?);
        match format {
            4 => key.aes().map(drop)?,
            0 | 1 | 3 => key.tdes().map(drop)?,
            _ => return Err(wrong_format(format)),
        }
        Ok(job(move |tool| {
            let Opened { pin, origin } = tool.open_pin(&pin)?;
            tool.check_translation(origin, (format != 1).then_some(&pan))?;
            let mut random = Zeroizing::new([0u8; 16]);
            if format != 0 {
                // Format 0 has no random part.
                let mut stream = tool.stream(&label.draw(), "PIN block")?;
                stream.fill(random.as_mut_slice());
            }
            closed_block(tool, &key, format, (&pin, &pan), &random)
        }))
    }

    pub(super) fn reference_block(&self, pin: &SealedPin) -> Result<Job<Sealed>, Refused> {
        let pin = pin.clone();
        Ok(job(move |tool| {
            let field = block::encode_2(&tool.open_pin(&pin)?.pin);
            tool.seal_octets(field.as_slice(), Vec::new(), &pin.0)
        }))
    }

    pub(super) fn plain_pin_block(&self, pin: &SealedPin) -> Result<SecretBytes, Refused> {
        let pin = pin.clone();
        self.work(move |tool| {
            let field = block::encode_2(&tool.open_pin(&pin)?.pin);
            Ok(SecretBytes::new(field.to_vec()))
        })
    }

    pub(super) fn revealed(&self, pin: &SealedPin) -> Result<SecretDigits, Refused> {
        let pin = pin.clone();
        self.work(move |tool| {
            let opened = tool.open_pin(&pin)?;
            Ok(SecretDigits::new(opened.pin.expose().to_owned()))
        })
    }

    /// The eight octets that a card product keeps of a PIN.
    pub(super) fn card_field(
        &self,
        pin: &SealedPin,
        format: CardPinFormat,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Job<Sealed>, Refused> {
        let (pin, pan, label) = (pin.clone(), pan.to_owned(), Label::of(draw)?);
        Ok(job(move |tool| {
            let opened = tool.open_pin(&pin)?;
            let field = match format {
                CardPinFormat::Ascii => {
                    card::ascii_field(&opened.pin).map_err(|e| pin_error(&e))?
                }
                CardPinFormat::Iso0 => {
                    tool.check_translation(opened.origin, Some(&pan))?;
                    block::encode_0(&opened.pin, &pan).map_err(|e| pin_error(&e))?
                }
                CardPinFormat::Iso1 => {
                    let mut fill = Zeroizing::new([0u8; 16]);
                    tool.stream(&label.draw(), "PIN block")?
                        .fill(fill.as_mut_slice());
                    fill.iter_mut().for_each(|octet| *octet &= 0x0F);
                    block::encode_1(&opened.pin, fill.as_slice()).map_err(|e| pin_error(&e))?
                }
                CardPinFormat::Iso2 => block::encode_2(&opened.pin),
                CardPinFormat::Packed => card::packed_field(&opened.pin),
                CardPinFormat::Plain0 => card::plain_field_0(&opened.pin),
            };
            tool.seal_octets(field.as_slice(), Vec::new(), &pin.0)
        }))
    }

    pub(super) fn visa_value(
        &self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        pvki: u8,
    ) -> Result<Job<String>, Refused> {
        let key = self.key_for(key, KeyUse::PinVerificationPvv)?;
        let kind = key.tdes()?;
        let (pan, pin) = (pan.to_owned(), pin.clone());
        Ok(job(move |tool| {
            tool.plan.way(Intent::Pins, key.flags)?;
            let opened = tool.open_pin(&pin)?;
            let block = pvv::block(&pan, &opened.pin, pvki).map_err(|e| pin_error(&e))?;
            let main = tool.objects(&key)?.main;
            let result = tool.ecb(kind, main, block.as_slice())?;
            let result = result.first_chunk().copied().unwrap_or_default();
            Ok(pvv::value(result).as_str().to_owned())
        }))
    }

    pub(super) fn ibm_offset(
        &self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        parameters: &Ibm3624<'_>,
    ) -> Result<Job<String>, Refused> {
        let (key, block) = self.validation(key, pan, parameters)?;
        let (pin, parameters) = (pin.clone(), Owned::of(parameters));
        Ok(job(move |tool| {
            let result = enciphered_validation(tool, &key, block)?;
            let opened = tool.open_pin(&pin)?;
            let offset = ibm3624::offset_of(&result, &opened.pin, &parameters.borrowed());
            Ok(offset.map_err(|e| pin_error(&e))?)
        }))
    }

    pub(super) fn ibm_natural(
        &self,
        key: KeyHandle,
        pan: &str,
        length: u8,
        parameters: &Ibm3624<'_>,
    ) -> Result<Job<SealedPin>, Refused> {
        let (key, block) = self.validation(key, pan, parameters)?;
        let (pan, parameters) = (pan.to_owned(), Owned::of(parameters));
        Ok(job(move |tool| {
            let result = enciphered_validation(tool, &key, block)?;
            let length = usize::from(length);
            let pin = ibm3624::natural_pin_of(&result, length, &parameters.borrowed());
            let pin = pin.map_err(|e| pin_error(&e))?;
            tool.seal_pin(&pin, Origin::Free, pan.as_bytes())
        }))
    }

    fn validation(
        &self,
        key: KeyHandle,
        pan: &str,
        parameters: &Ibm3624<'_>,
    ) -> Result<(Arc<Key>, [u8; 8]), Refused> {
        let key = self.key_for(key, KeyUse::PinVerificationIbm3624)?;
        key.tdes()?;
        let owned = Owned::of(parameters);
        let block = ibm3624::validation_block(pan, &owned.borrowed());
        Ok((key, block.map_err(|e| pin_error(&e))?))
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
        let label = Label::of(draw)?;
        card::check_offline(modulus.len(), icc_challenge).map_err(|e| pin_error(&e))?;
        if !matches!(exponent, 3 | 65_537) || modulus.first() == Some(&0) {
            return Err(error::RSA_SIZE.found("the card's public key"));
        }
        let (pin, modulus, challenge) = (pin.clone(), modulus.to_vec(), icc_challenge.to_vec());
        self.work(move |tool| {
            let label = crate::draw::label(&label.draw(), "offline PIN");
            let (opened, mut stream) = tool.open_pin_with_fill(&pin, &label)?;
            let fill = |tail: &mut [u8]| stream.fill(tail);
            let clear = card::offline_text(&opened.pin, modulus.len(), &challenge, fill);
            let clear = clear.map_err(|e| pin_error(&e))?;
            let enciphered = raise(&modulus, exponent, &clear);
            Ok(enciphered.ok_or_else(|| error::RSA_SIZE.found("the card's public key"))?)
        })
    }
}

/// The PIN of an enciphered block.
fn opened_block(
    tool: &Tool<'_>,
    key: &Key,
    format: u8,
    (enciphered, pan): (&[u8], &str),
) -> Result<Pin, Trouble> {
    let main = tool.objects(key)?.main;
    let pin = if let (4, Some(outer)) = (format, enciphered.first_chunk::<16>()) {
        let kind = key.aes()?;
        tool.plan.way(Intent::PinsAes, key.flags)?;
        let pan_field = block::pan_field_4(pan).map_err(|e| pin_error(&e))?;
        let inner = tool.ecb_back(kind, main, outer)?;
        let inner = Zeroizing::new(inner.first_chunk::<16>().copied().unwrap_or_default());
        let field = tool.ecb_back(kind, main, &xor(*inner, pan_field))?;
        let field = Zeroizing::new(field.first_chunk::<16>().copied().unwrap_or_default());
        block::decode_pin_field_4(&field)
    } else {
        let kind = key.tdes()?;
        tool.plan.way(Intent::Pins, key.flags)?;
        let clear = tool.ecb_back(kind, main, enciphered)?;
        let clear = Zeroizing::new(clear.first_chunk::<8>().copied().unwrap_or_default());
        match format {
            0 => block::decode_0(&clear, pan),
            1 => block::decode_1(&clear),
            _ => block::decode_3(&clear, pan),
        }
    };
    Ok(pin.map_err(|e| pin_error(&e))?)
}

/// An enciphered block of a PIN.
fn closed_block(
    tool: &Tool<'_>,
    key: &Key,
    format: u8,
    (pin, pan): (&Pin, &str),
    random: &[u8; 16],
) -> Result<Vec<u8>, Trouble> {
    let main = tool.objects(key)?.main;
    let refused = |e: PinError| pin_error(&e);
    if format == 4 {
        let kind = key.aes()?;
        tool.plan.way(Intent::PinsAes, key.flags)?;
        let fill = random.first_chunk().copied().unwrap_or_default();
        let pan_field = block::pan_field_4(pan).map_err(refused)?;
        let inner = tool.ecb(kind, main, block::pin_field_4(pin, fill).as_slice())?;
        let inner = inner.first_chunk::<16>().copied().unwrap_or_default();
        return Ok(tool.ecb(kind, main, &xor(inner, pan_field))?.to_vec());
    }
    let kind = key.tdes()?;
    tool.plan.way(Intent::Pins, key.flags)?;
    let clear = match format {
        0 => block::encode_0(pin, pan),
        1 => {
            let fill = Zeroizing::new(random.map(|octet| octet & 0x0F));
            block::encode_1(pin, fill.as_slice())
        }
        _ => {
            let fill: Zeroizing<Vec<u8>> = Zeroizing::new(block::letter_fill(random).collect());
            block::encode_3(pin, pan, &fill)
        }
    };
    let clear = clear.map_err(refused)?;
    Ok(tool.ecb(kind, main, clear.as_slice())?.to_vec())
}

fn enciphered_validation(
    tool: &Tool<'_>,
    key: &Key,
    block: [u8; 8],
) -> Result<Zeroizing<[u8; 8]>, Trouble> {
    tool.plan.way(Intent::Pins, key.flags)?;
    let main = tool.objects(key)?.main;
    Ok(Zeroizing::new(tool.block8(main, block)?))
}

/// Parameters that a job owns.
struct Owned {
    table: String,
    start: usize,
    length: usize,
    pad: char,
}

impl Owned {
    fn of(parameters: &Ibm3624<'_>) -> Self {
        Self {
            table: parameters.decimalisation_table.to_owned(),
            start: parameters.validation_start,
            length: parameters.validation_length,
            pad: parameters.pad,
        }
    }

    fn borrowed(&self) -> Parameters<'_> {
        Parameters {
            decimalisation_table: &self.table,
            validation_start: self.start,
            validation_length: self.length,
            pad: self.pad,
        }
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
