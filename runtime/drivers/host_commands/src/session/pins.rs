//! PINs: under the LMK from the moment that they exist, each bound to an account number.

use cardwright_ports::hsm::{CardPinFormat, Draw, Ibm3624, KeyHandle, KeyUse, Sealed, SealedPin};
use cardwright_ports::{SecretBytes, SecretDigits};
use cardwright_standards::pin::{self, block};

use super::{Session, check_digits, check_pan, octets, text, value};
use crate::error::{self, Refused};
use crate::layout;
use crate::sealed::{ACCOUNT, Pin};

/// The decimalisation table of drawn PINs.
const TABLE: &[u8] = b"0123456789012345";
/// No account: the HSM wants one for a PIN block that has none.
const NO_PAN: &str = "0000000000000";

/// The twelve rightmost digits of a PAN without its check digit.
fn account_of(pan: &str) -> Result<[u8; ACCOUNT], Refused> {
    check_pan(pan)?;
    let mut account = [b'0'; ACCOUNT];
    for (slot, digit) in account.iter_mut().rev().zip(pan.bytes().rev().skip(1)) {
        *slot = digit;
    }
    Ok(account)
}

impl Session {
    pub(super) fn verification_value(
        &self,
        key: KeyHandle,
        pan: &str,
        expiry: &str,
        service_code: &str,
    ) -> Result<String, Refused> {
        let key = self.shared.key_for(key, KeyUse::CardVerification)?;
        check_pan(pan)?;
        check_digits(expiry, 4, "an expiry")?;
        check_digits(service_code, 3, "a service code")?;
        let values = [
            key.block.as_bytes(),
            pan.as_bytes(),
            expiry.as_bytes(),
            service_code.as_bytes(),
        ];
        text(&self.shared.call(&layout::GENERATE_CVV, &values)?, 0)
    }

    fn sealed(
        &self,
        characters: &[u8],
        account: [u8; ACCOUNT],
        mark: Option<[u8; 8]>,
    ) -> Result<SealedPin, Refused> {
        let pin = Pin {
            account,
            characters: characters.to_vec(),
            mark,
        };
        Ok(self.shared.sealer()?.seal_pin(&pin))
    }

    pub(super) fn generated_pin(&self, length: u8, draw: &Draw<'_>) -> Result<SealedPin, Refused> {
        if !(4..=12).contains(&length) {
            return Err(error::ARGUMENT.found(format!("a PIN of {length} digits")));
        }
        let sealer = self.shared.sealer()?;
        let label = sealer.label("PIN", draw);
        let account = sealer.account(&[&label]);
        let found = match &self.shared.settings.draw_key {
            None => {
                let length = format!("{length:02}");
                self.shared
                    .call(&layout::GENERATE_PIN, &[&account, length.as_bytes()])?
            }
            // The same label gives the same PIN: the natural PIN of the label's hash.
            Some(name) => {
                let key = self.shared.named(name)?;
                let key = key.ok_or_else(|| error::KEY.found(format!("there is no key {name}")))?;
                key.for_use(KeyUse::PinVerificationIbm3624)?;
                let mut data = hex::encode_upper(sealer.hash(&[b"validation", &label]));
                data.truncate(11);
                data.push('N');
                self.natural(&key.block, usize::from(length), &account, TABLE, &data)?
            }
        };
        self.sealed(value(&found, 0)?, account, None)
    }

    fn natural(
        &self,
        block: &str,
        length: usize,
        account: &[u8; ACCOUNT],
        table: &[u8],
        data: &str,
    ) -> Result<layout::Values, Refused> {
        let offset = format!("{:F<12}", "0".repeat(length));
        let length = format!("{length:02}");
        let values: [&[u8]; 6] = [
            block.as_bytes(),
            offset.as_bytes(),
            length.as_bytes(),
            account,
            table,
            data.as_bytes(),
        ];
        self.shared.call(&layout::NATURAL_PIN, &values)
    }

    pub(super) fn imported_pin(
        &self,
        key: KeyHandle,
        format: u8,
        enciphered: &[u8],
        pan: &str,
    ) -> Result<SealedPin, Refused> {
        let key = self.shared.key_for(key, KeyUse::PinEncryption)?;
        let (code, octets) = pin_format(format, &key.algorithm)?;
        if enciphered.len() != octets {
            return Err(
                error::ARGUMENT.found(format!("a PIN block of {} octets", enciphered.len()))
            );
        }
        let sealer = self.shared.sealer()?;
        let block = hex::encode_upper(enciphered);
        let (account, mark) = match format {
            // No PAN in the block: an account of its own, so that equal PINs do not look alike.
            1 => (
                sealer.account(&[b"block", pan.as_bytes(), enciphered]),
                None,
            ),
            _ => (account_of(pan)?, Some(sealer.mark(pan))),
        };
        let found = match format {
            4 => {
                let values: [&[u8]; 4] = [
                    key.block.as_bytes(),
                    block.as_bytes(),
                    pan.as_bytes(),
                    &account,
                ];
                self.shared.call(&layout::PIN_IN_AES, &values)?
            }
            _ => {
                let values: [&[u8]; 4] = [
                    key.block.as_bytes(),
                    block.as_bytes(),
                    code.as_bytes(),
                    &account,
                ];
                self.shared.call(&layout::PIN_IN, &values)?
            }
        };
        self.sealed(value(&found, 0)?, account, mark)
    }

    /// A PIN's characters under the LMK for a PAN; one that came in with another PAN is refused, one
    /// that came with none is bound to it now.
    fn for_pan(&self, pin: &SealedPin, pan: &str) -> Result<(Vec<u8>, [u8; ACCOUNT]), Refused> {
        let sealer = self.shared.sealer()?;
        let opened = sealer.open_pin(pin)?;
        let account = account_of(pan)?;
        if opened.mark.is_some_and(|mark| mark != sealer.mark(pan)) {
            return Err(error::ARGUMENT.found("a PIN does not go under another PAN"));
        }
        if opened.account == account {
            return Ok((opened.characters, account));
        }
        let values: [&[u8]; 3] = [&opened.characters, &opened.account, &account];
        let found = self.shared.call(&layout::PIN_ACCOUNT, &values)?;
        Ok((value(&found, 0)?.to_vec(), account))
    }

    pub(super) fn exported_pin(
        &self,
        pin: &SealedPin,
        key: KeyHandle,
        format: u8,
        pan: &str,
    ) -> Result<Vec<u8>, Refused> {
        let key = self.shared.key_for(key, KeyUse::PinEncryption)?;
        let (code, _) = pin_format(format, &key.algorithm)?;
        let bound = self.shared.sealer()?.open_pin(pin)?.mark.is_some();
        if bound && format == 1 {
            return Err(
                error::ARGUMENT.found("a PIN that is bound to a PAN does not go into format 1")
            );
        }
        let pan = match (format, pan) {
            (1, "") => NO_PAN,
            _ => pan,
        };
        let (characters, account) = self.for_pan(pin, pan)?;
        let found = match format {
            4 => {
                let values: [&[u8]; 4] =
                    [key.block.as_bytes(), pan.as_bytes(), &account, &characters];
                self.shared.call(&layout::PIN_OUT_AES, &values)?
            }
            _ => {
                let values: [&[u8]; 4] =
                    [key.block.as_bytes(), code.as_bytes(), &account, &characters];
                self.shared.call(&layout::PIN_OUT, &values)?
            }
        };
        Ok(octets(&found, 0)?.to_vec())
    }

    pub(super) fn visa_value(
        &self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        pvki: u8,
    ) -> Result<String, Refused> {
        let key = self.shared.key_for(key, KeyUse::PinVerificationPvv)?;
        if pvki > 6 {
            return Err(error::ARGUMENT.found(format!("key index {pvki}, known are 0 to 6")));
        }
        let (characters, account) = self.for_pan(pin, pan)?;
        let index = [b'0' + pvki];
        let values: [&[u8]; 4] = [key.block.as_bytes(), &characters, &account, &index];
        text(&self.shared.call(&layout::GENERATE_PVV, &values)?, 0)
    }

    pub(super) fn ibm_offset(
        &self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        parameters: &Ibm3624<'_>,
    ) -> Result<String, Refused> {
        let key = self.shared.key_for(key, KeyUse::PinVerificationIbm3624)?;
        let data = validation_data(pan, parameters)?;
        let (characters, account) = self.for_pan(pin, pan)?;
        let values: [&[u8]; 6] = [
            key.block.as_bytes(),
            &characters,
            b"04",
            &account,
            parameters.decimalisation_table.as_bytes(),
            data.as_bytes(),
        ];
        let found = text(&self.shared.call(&layout::OFFSET, &values)?, 0)?;
        let offset = found.trim_end_matches('F');
        match offset.len() >= 4 && offset.bytes().all(|d| d.is_ascii_digit()) {
            true => Ok(offset.to_owned()),
            false => Err(error::ANSWER.found("DE: no offset")),
        }
    }

    pub(super) fn ibm_natural(
        &self,
        key: KeyHandle,
        pan: &str,
        length: u8,
        parameters: &Ibm3624<'_>,
    ) -> Result<SealedPin, Refused> {
        let key = self.shared.key_for(key, KeyUse::PinVerificationIbm3624)?;
        if !(4..=12).contains(&length) {
            return Err(error::ARGUMENT.found(format!("a PIN of {length} digits")));
        }
        let data = validation_data(pan, parameters)?;
        let account = account_of(pan)?;
        let table = parameters.decimalisation_table.as_bytes();
        let found = self.natural(&key.block, usize::from(length), &account, table, &data)?;
        self.sealed(value(&found, 0)?, account, None)
    }

    pub(super) fn revealed(&self, pin: &SealedPin) -> Result<SecretDigits, Refused> {
        let opened = self.shared.sealer()?.open_pin(pin)?;
        if !self.shared.settings.host_memory {
            return Err(error::NOT_OFFERED.found("a clear PIN in this program's memory"));
        }
        let found = self
            .shared
            .call(&layout::PIN_CLEAR, &[&opened.account, &opened.characters])?;
        let clear = std::str::from_utf8(value(&found, 0)?).unwrap_or_default();
        let digits = clear.trim_end_matches('F');
        match (4..=12).contains(&digits.len()) && digits.bytes().all(|d| d.is_ascii_digit()) {
            true => Ok(SecretDigits::new(digits.to_owned())),
            false => Err(error::ANSWER.found("NG: no PIN")),
        }
    }

    pub(super) fn plain_block(&self, pin: &SealedPin) -> Result<SecretBytes, Refused> {
        let clear = self.revealed(pin)?;
        let pin = pin::Pin::new(clear.expose());
        let pin = pin.map_err(|_| error::ANSWER.found("NG: no PIN"))?;
        Ok(SecretBytes::new(block::encode_2(&pin).to_vec()))
    }

    /// The PIN as a card keeps it.
    pub(super) fn card_field(
        &self,
        pin: &SealedPin,
        format: CardPinFormat,
        pan: Option<&str>,
    ) -> Result<Sealed, Refused> {
        let sealer = self.shared.sealer()?;
        let opened = sealer.open_pin(pin)?;
        let pan = match (format, pan) {
            (CardPinFormat::Iso0, Some(pan)) => {
                check_pan(pan)?;
                if opened.mark.is_some_and(|mark| mark != sealer.mark(pan)) {
                    return Err(error::ARGUMENT.found("a PIN does not go under another PAN"));
                }
                pan
            }
            _ => NO_PAN,
        };
        let format: &[u8] = match format {
            CardPinFormat::Ascii => b"0",
            CardPinFormat::Iso0 => b"1",
            CardPinFormat::Iso1 => b"2",
            CardPinFormat::Iso2 => b"3",
            CardPinFormat::Packed => b"4",
            CardPinFormat::Plain0 => b"5",
        };
        let values: [&[u8]; 4] = [&opened.characters, &opened.account, format, pan.as_bytes()];
        let found = self.shared.call(&layout::PIN_FIELD, &values)?;
        Ok(sealer.seal(value(&found, 0)?, 8, Vec::new()))
    }

    pub(super) fn offline_pin(
        &self,
        pin: &SealedPin,
        (modulus, exponent): (&[u8], u32),
        challenge: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let opened = self.shared.sealer()?.open_pin(pin)?;
        if challenge.len() != 8 || !(64..=256).contains(&modulus.len()) {
            return Err(error::ARGUMENT.found("a challenge or a modulus of another length"));
        }
        let exponent = format!("{exponent:05}");
        let values: [&[u8]; 5] = [
            &opened.characters,
            &opened.account,
            modulus,
            exponent.as_bytes(),
            challenge,
        ];
        let found = self.shared.call(&layout::OFFLINE_PIN, &values)?;
        let sent = value(&found, 0)?;
        match sent.len() == modulus.len() {
            true => Ok(sent.to_vec()),
            false => Err(error::ANSWER.found("ZC: another length")),
        }
    }
}

/// The format's code and the octets of its block; it must suit the key.
fn pin_format(format: u8, algorithm: &str) -> Result<(&'static str, usize), Refused> {
    let (code, octets, aes) = match format {
        0 => ("01", 8, false),
        1 => ("05", 8, false),
        3 => ("47", 8, false),
        4 => ("48", 16, true),
        _ => {
            return Err(error::ARGUMENT.found(format!(
                "PIN block format {format}, known are 0, 1, 3 and 4"
            )));
        }
    };
    match algorithm.starts_with("aes") == aes {
        true => Ok((code, octets)),
        false => Err(error::KEY.found(format!("PIN block format {format} under {algorithm}"))),
    }
}

/// Validation data as the commands have it: sixteen nibbles, of which the account number's last
/// five digits are the character N.
fn validation_data(pan: &str, parameters: &Ibm3624<'_>) -> Result<String, Refused> {
    let wrong = |what: &str| error::ARGUMENT.found(format!("IBM 3624: {what}"));
    let table = parameters.decimalisation_table;
    if table.len() != 16 || !table.bytes().all(|d| d.is_ascii_digit()) {
        return Err(wrong("a decimalisation table has sixteen digits"));
    }
    let account = account_of(pan)?;
    let end = parameters
        .validation_start
        .checked_add(parameters.validation_length);
    let digits = end.and_then(|end| pan.get(parameters.validation_start..end));
    let digits = digits
        .filter(|d| (1..=16).contains(&d.len()))
        .ok_or_else(|| wrong("the PAN has no such digits"))?;
    if !parameters.pad.is_ascii_hexdigit() {
        return Err(wrong("the pad is no hexadecimal character"));
    }
    let mut data = digits.to_owned();
    while data.len() < 16 {
        data.push(parameters.pad.to_ascii_uppercase());
    }
    let (_, last) = account.split_at(ACCOUNT - 5);
    let last = std::str::from_utf8(last).unwrap_or_default();
    let place = data.rfind(last);
    let split = place.and_then(|p| data.get(..p).zip(data.get(p + 5..)));
    match split {
        Some((head, tail)) => Ok(format!("{head}N{tail}")),
        None => Err(error::NOT_OFFERED
            .found("validation data without the five digits before the check digit")),
    }
}
