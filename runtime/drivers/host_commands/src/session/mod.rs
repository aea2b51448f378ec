//! One session: every intent of the port as one or a few host commands.

mod batch;
mod cards;
mod pins;
mod rsa;

use std::sync::Arc;

use cardwright_ports::batch::{CardAnswer, CardCall};
use cardwright_ports::hsm::{
    BlobPart, CardPinFormat, Certificate, ChannelId, ChannelSpec, CheckMethod, DekPadding,
    Derivation, Draw, HsmError, HsmSession, Ibm3624, IccCertificateFields, IccKey, IccKeyPath,
    IssuerCertificateFields, KeyHandle, KeyRequest, NewCardKeys, Sealed, SealedPin,
};
use cardwright_ports::{SecretBytes, SecretDigits};
use zeroize::Zeroizing;

use crate::driver::Shared;
use crate::error::{self, Refused};
use crate::layout::{self, Values};

/// Most octets of one random draw.
const RANDOM_OCTETS_MAX: usize = 4_096;
/// Longest text of an argument.
const TEXT_OCTETS_MAX: usize = 256;
/// Octets of a job's data key.
const JOB_KEY_OCTETS: usize = 32;

/// A session; connections are the pool's.
pub(crate) struct Session {
    shared: Arc<Shared>,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

/// One value of an answer.
fn value(values: &Values, place: usize) -> Result<&[u8], Refused> {
    let value = values.get(place).map(|v| v.as_slice());
    value.ok_or_else(|| error::ANSWER.found("a field is missing"))
}

/// One value of an answer as text.
fn text(values: &Values, place: usize) -> Result<String, Refused> {
    let text = String::from_utf8(value(values, place)?.to_vec());
    text.map_err(|_| error::ANSWER.found("a field is no text"))
}

/// One value of an answer as hexadecimal octets.
fn octets(values: &Values, place: usize) -> Result<Zeroizing<Vec<u8>>, Refused> {
    hex::decode(value(values, place)?)
        .map(Zeroizing::new)
        .map_err(|_| error::ANSWER.found("a field is no hexadecimal text"))
}

/// Digits of a PAN.
fn check_pan(pan: &str) -> Result<(), Refused> {
    let digits = pan.bytes().all(|d| d.is_ascii_digit());
    match digits && (12..=19).contains(&pan.len()) {
        true => Ok(()),
        false => Err(error::ARGUMENT.found("a PAN that has not 12 to 19 digits")),
    }
}

/// Text of so many digits.
fn check_digits(text: &str, length: usize, what: &str) -> Result<(), Refused> {
    match text.len() == length && text.bytes().all(|d| d.is_ascii_digit()) {
        true => Ok(()),
        false => Err(error::ARGUMENT.found(format!("{what} that has not {length} digits"))),
    }
}

fn check_draw(draw: &Draw<'_>) -> Result<(), Refused> {
    match draw.job.len() > TEXT_OCTETS_MAX || draw.purpose.len() > TEXT_OCTETS_MAX {
        true => Err(error::ARGUMENT.found("a label of more than 256 octets")),
        false => Ok(()),
    }
}

fn no_channels() -> Refused {
    error::NOT_OFFERED.found("secure channels to cards")
}

impl HsmSession for Session {
    fn bind(&mut self, request: &KeyRequest) -> Result<KeyHandle, HsmError> {
        self.shared.bind(request)
    }

    fn check_value(&mut self, key: KeyHandle, method: CheckMethod) -> Result<Vec<u8>, HsmError> {
        self.shared.check_value_of(&self.shared.key(key)?, method)
    }

    fn public_key(&mut self, key: KeyHandle) -> Result<(Vec<u8>, u32), HsmError> {
        let key = self.shared.key(key)?;
        match hex::decode(&key.modulus) {
            Ok(modulus) if !modulus.is_empty() => Ok((modulus, key.exponent)),
            _ => Err(error::KEY.found(format!("key {} has no public half", key.name))),
        }
    }

    fn random(&mut self, draw: &Draw<'_>, length: usize) -> Result<Vec<u8>, HsmError> {
        check_draw(draw)?;
        if length > RANDOM_OCTETS_MAX {
            return Err(error::ARGUMENT.found(format!("a draw of {length} octets")));
        }
        // These need not be secret: a keyed hash of the label, so that a draw comes again.
        let sealer = self.shared.sealer()?;
        let label = sealer.label("random", draw);
        let mut drawn = Vec::with_capacity(length + 32);
        let mut counter = 0u32;
        while drawn.len() < length {
            drawn.extend_from_slice(&sealer.hash(&[&label, &counter.to_be_bytes()]));
            counter += 1;
        }
        drawn.truncate(length);
        Ok(drawn)
    }

    fn new_job_key(&mut self, job: &str) -> Result<Vec<u8>, HsmError> {
        if job.len() > TEXT_OCTETS_MAX {
            return Err(error::ARGUMENT.found("a job's name of more than 256 octets"));
        }
        let drawn = self.shared.call(&layout::RANDOM, &[b"032"])?;
        let key = value(&drawn, 0)?;
        if key.len() != JOB_KEY_OCTETS {
            return Err(error::ANSWER.found("N0: another length"));
        }
        let clear = Zeroizing::new(hex::encode_upper(key));
        let block = self.shared.storage_block()?;
        let values: [&[u8]; 2] = [block.as_bytes(), clear.as_bytes()];
        let enciphered = self.shared.call(&layout::ENCIPHER, &values)?;
        let enciphered = octets(&enciphered, 0)?;
        Ok(self.shared.sealer()?.seal_job_key(job, &enciphered))
    }

    fn open_job_key(&mut self, job: &str, wrapped: &[u8]) -> Result<SecretBytes, HsmError> {
        let enciphered = self.shared.sealer()?.open_job_key(job, wrapped)?;
        let enciphered = hex::encode_upper(enciphered);
        let block = self.shared.storage_block()?;
        let values: [&[u8]; 2] = [block.as_bytes(), enciphered.as_bytes()];
        let clear = self.shared.call(&layout::DECIPHER, &values)?;
        let mut clear = octets(&clear, 0)?;
        match clear.len() == JOB_KEY_OCTETS {
            true => Ok(SecretBytes::new(std::mem::take(&mut *clear))),
            false => Err(error::ANSWER.found("M2: another length")),
        }
    }

    fn card_verification_value(
        &mut self,
        key: KeyHandle,
        pan: &str,
        expiry: &str,
        service_code: &str,
    ) -> Result<String, HsmError> {
        self.verification_value(key, pan, expiry, service_code)
    }

    fn generate_pin(&mut self, length: u8, draw: &Draw<'_>) -> Result<SealedPin, HsmError> {
        check_draw(draw)?;
        self.generated_pin(length, draw)
    }

    fn import_pin_block(
        &mut self,
        key: KeyHandle,
        format: u8,
        block: &[u8],
        pan: &str,
    ) -> Result<SealedPin, HsmError> {
        self.imported_pin(key, format, block, pan)
    }

    fn export_pin_block(
        &mut self,
        pin: &SealedPin,
        key: KeyHandle,
        format: u8,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Vec<u8>, HsmError> {
        check_draw(draw)?;
        self.exported_pin(pin, key, format, pan)
    }

    fn card_pin_block(&mut self, pin: &SealedPin) -> Result<Sealed, HsmError> {
        self.card_field(pin, CardPinFormat::Iso2, None)
    }

    fn card_pin_field(
        &mut self,
        pin: &SealedPin,
        format: CardPinFormat,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Sealed, HsmError> {
        check_draw(draw)?;
        self.card_field(pin, format, Some(pan))
    }

    fn join_sealed(&mut self, parts: &[BlobPart<'_>]) -> Result<Sealed, HsmError> {
        self.joined(parts)
    }

    fn pin_verification_value(
        &mut self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        pvki: u8,
    ) -> Result<String, HsmError> {
        self.visa_value(key, pan, pin, pvki)
    }

    fn ibm3624_offset(
        &mut self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        parameters: &Ibm3624<'_>,
    ) -> Result<String, HsmError> {
        self.ibm_offset(key, pan, pin, parameters)
    }

    fn natural_pin(
        &mut self,
        key: KeyHandle,
        pan: &str,
        length: u8,
        parameters: &Ibm3624<'_>,
    ) -> Result<SealedPin, HsmError> {
        self.ibm_natural(key, pan, length, parameters)
    }

    fn reveal_pin(&mut self, pin: &SealedPin) -> Result<SecretDigits, HsmError> {
        self.revealed(pin)
    }

    fn icc_master_keys(
        &mut self,
        derivation: Derivation,
        keys: [KeyHandle; 3],
        pan: &str,
        psn: &str,
    ) -> Result<Sealed, HsmError> {
        self.card_keys(derivation, keys, pan, psn)
    }

    fn card_key(
        &mut self,
        derivation: Derivation,
        key: KeyHandle,
        account: &str,
        sequence: &str,
    ) -> Result<Sealed, HsmError> {
        self.one_card_key(derivation, key, account, sequence)
    }

    fn icc_rsa_key(
        &mut self,
        bits: u32,
        exponent: u32,
        draw: &Draw<'_>,
    ) -> Result<IccKey, HsmError> {
        check_draw(draw)?;
        self.card_rsa_key(bits, exponent)
    }

    fn sign_icc_certificate(
        &mut self,
        issuer: KeyHandle,
        fields: &IccCertificateFields<'_>,
    ) -> Result<Certificate, HsmError> {
        self.icc_certificate(issuer, fields)
    }

    fn sign_static_data(
        &mut self,
        issuer: KeyHandle,
        data_authentication_code: [u8; 2],
        static_data: &[u8],
    ) -> Result<Vec<u8>, HsmError> {
        self.static_data(issuer, data_authentication_code, static_data)
    }

    fn sign_issuer_certificate(
        &mut self,
        ca: KeyHandle,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, HsmError> {
        self.issuer_certificate(ca, fields)
    }

    fn export_sealed(
        &mut self,
        sealed: &Sealed,
        transport: KeyHandle,
    ) -> Result<Vec<u8>, HsmError> {
        self.enciphered(sealed, transport, DekPadding::Iso7816IfNeeded)
    }

    fn encipher_for_card(
        &mut self,
        sealed: &Sealed,
        transport: KeyHandle,
        padding: DekPadding,
    ) -> Result<Vec<u8>, HsmError> {
        self.enciphered(sealed, transport, padding)
    }

    fn encrypt_for_transport(
        &mut self,
        clear: &[u8],
        transport: KeyHandle,
    ) -> Result<Vec<u8>, HsmError> {
        let sealed = self.joined(&[BlobPart::Clear(clear)])?;
        self.enciphered(&sealed, transport, DekPadding::Iso7816Always)
    }

    fn begin_channel(
        &mut self,
        _: &ChannelSpec,
        _: &Draw<'_>,
    ) -> Result<(ChannelId, Vec<u8>), HsmError> {
        Err(no_channels())
    }

    fn authenticate_channel(&mut self, _: ChannelId, _: &[u8]) -> Result<Vec<u8>, HsmError> {
        Err(no_channels())
    }

    fn wrap(&mut self, _: ChannelId, _: &[u8]) -> Result<Vec<u8>, HsmError> {
        Err(no_channels())
    }

    fn unwrap(&mut self, _: ChannelId, _: &[u8]) -> Result<Vec<u8>, HsmError> {
        Err(no_channels())
    }

    fn recode(&mut self, _: ChannelId, _: &Sealed, _: DekPadding) -> Result<Vec<u8>, HsmError> {
        Err(no_channels())
    }

    fn wrap_sealed(&mut self, _: ChannelId, _: [u8; 4], _: &Sealed) -> Result<Vec<u8>, HsmError> {
        Err(no_channels())
    }

    fn sign_certificate(
        &mut self,
        authority: KeyHandle,
        to_be_signed: &[u8],
    ) -> Result<Vec<u8>, HsmError> {
        self.signed_certificate(authority, to_be_signed)
    }

    fn cipher_challenge(
        &mut self,
        key: &Sealed,
        block: &[u8],
        decipher: bool,
    ) -> Result<Vec<u8>, HsmError> {
        self.ciphered_challenge(key, block, decipher)
    }

    fn batch(&mut self, calls: &[CardCall<'_>]) -> Vec<Result<CardAnswer, HsmError>> {
        self.side_by_side(calls)
    }

    fn put_card_keys(
        &mut self,
        _: ChannelId,
        _: &NewCardKeys,
    ) -> Result<(Vec<u8>, Vec<u8>), HsmError> {
        Err(no_channels())
    }

    fn close_channel(&mut self, _: ChannelId) {}

    fn dynamic_code_vector(
        &mut self,
        path: &IccKeyPath<'_>,
        track: &[u8],
    ) -> Result<[u8; 2], HsmError> {
        self.track_vector(path, track)
    }

    fn verify_dynamic_code(
        &mut self,
        path: &IccKeyPath<'_>,
        track: &[u8],
        unpredictable_number: [u8; 4],
        code: [u8; 2],
    ) -> Result<bool, HsmError> {
        self.track_code_holds(path, track, unpredictable_number, code)
    }

    fn verify_cryptogram(
        &mut self,
        path: &IccKeyPath<'_>,
        data: &[u8],
        cryptogram: &[u8],
    ) -> Result<bool, HsmError> {
        self.cryptogram_holds(path, data, cryptogram)
    }

    fn arpc(
        &mut self,
        path: &IccKeyPath<'_>,
        arqc: &[u8],
        card_status_update: [u8; 4],
    ) -> Result<Vec<u8>, HsmError> {
        self.issuer_answer(path, arqc, card_status_update)
    }

    fn encipher_offline_pin(
        &mut self,
        pin: &SealedPin,
        modulus: &[u8],
        exponent: u32,
        icc_challenge: &[u8],
        draw: &Draw<'_>,
    ) -> Result<Vec<u8>, HsmError> {
        check_draw(draw)?;
        self.offline_pin(pin, (modulus, exponent), icc_challenge)
    }

    fn plain_offline_pin(&mut self, pin: &SealedPin) -> Result<SecretBytes, HsmError> {
        self.plain_block(pin)
    }
}
