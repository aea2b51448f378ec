//! An HSM session that lets the recorder see what a secured command carries before it is protected.
//!
//! The clear command is told apart from what the HSM enciphered for the card: of that only the
//! length is known here. ICC keys are remembered, because a rehearsal that is done again draws the
//! same ones.

use crate::recorder::{Carried, Clear};
use cardwright_ports::{HsmError, HsmSession, SecretBytes, SecretDigits, hsm::*};
use cardwright_standards::apdu::Command;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Fewest octets by which the beginning of an enciphered value is known at the end of a command.
const PART_MIN: usize = 4;

/// What session and recorder share.
#[derive(Clone, Default)]
pub(crate) struct Tap(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    /// What the HSM enciphered, in the order in which it will be sent.
    sealed: VecDeque<Vec<u8>>,
    /// The rest of a value that goes on in the next command.
    rest: Vec<u8>,
    /// The command that was wrapped and not sent yet.
    wrapped: Option<Clear>,
}

impl Tap {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was enciphered for another card.
    pub(crate) fn begin(&self) {
        *self.shared() = Shared::default();
    }

    /// What a command carries: what was wrapped into it, or its own data.
    pub(crate) fn carried(&self, command: &[u8]) -> Option<Clear> {
        let mut shared = self.shared();
        match shared.wrapped.take() {
            Some(clear) => Some(clear),
            None => shared.clear(command),
        }
    }
}

impl Shared {
    fn clear(&mut self, command: &[u8]) -> Option<Clear> {
        let command = Command::parse(command).ok()?;
        Some(Clear {
            header: command.header(),
            parts: self.parts(&command.data),
        })
    }

    /// Splits data into what is clear and what the HSM enciphered.
    fn parts(&mut self, data: &[u8]) -> Vec<Carried> {
        let mut parts = Vec::new();
        let mut clear = Vec::new();
        let mut left = data;
        if !self.rest.is_empty() {
            let same = self
                .rest
                .iter()
                .zip(left)
                .take_while(|(a, b)| a == b)
                .count();
            if same == self.rest.len().min(left.len()) && same > 0 {
                parts.push(Carried::Sealed(same));
                left = left.get(same..).unwrap_or_default();
            }
            self.rest.drain(..same.min(self.rest.len()));
        }
        while let Some((first, after)) = left.split_first() {
            let found = self.sealed.front().map_or(0, |value| {
                let same = value.iter().zip(left).take_while(|(a, b)| a == b).count();
                let whole = same == value.len() && same > 0;
                let begun = same == left.len() && same >= PART_MIN;
                if whole || begun { same } else { 0 }
            });
            if found == 0 {
                clear.push(*first);
                left = after;
                continue;
            }
            if !clear.is_empty() {
                parts.push(Carried::Clear(std::mem::take(&mut clear)));
            }
            parts.push(Carried::Sealed(found));
            let value = self.sealed.pop_front().unwrap_or_default();
            self.rest = value.get(found..).unwrap_or_default().to_vec();
            left = left.get(found..).unwrap_or_default();
        }
        if !clear.is_empty() {
            parts.push(Carried::Clear(clear));
        }
        parts
    }
}

/// What an ICC key is drawn for: bits, exponent, job, order, purpose.
type Drawn = (u32, u32, String, u64, String);

/// The session.
pub(crate) struct Tapped {
    inner: Box<dyn HsmSession>,
    tap: Tap,
    keys: BTreeMap<Drawn, IccKey>,
}

impl Tapped {
    pub(crate) fn new(inner: Box<dyn HsmSession>) -> Self {
        Self {
            inner,
            tap: Tap::default(),
            keys: BTreeMap::new(),
        }
    }

    pub(crate) fn tap(&self) -> Tap {
        self.tap.clone()
    }
}

impl HsmSession for Tapped {
    fn begin_channel(
        &mut self,
        spec: &ChannelSpec,
        draw: &Draw<'_>,
    ) -> Result<(ChannelId, Vec<u8>), HsmError> {
        self.inner.begin_channel(spec, draw)
    }
    fn wrap(&mut self, channel: ChannelId, command: &[u8]) -> Result<Vec<u8>, HsmError> {
        let wrapped = self.inner.wrap(channel, command)?;
        let mut shared = self.tap.shared();
        let clear = shared.clear(command);
        shared.wrapped = clear;
        Ok(wrapped)
    }
    fn recode(
        &mut self,
        channel: ChannelId,
        sealed: &Sealed,
        padding: DekPadding,
    ) -> Result<Vec<u8>, HsmError> {
        let octets = self.inner.recode(channel, sealed, padding)?;
        self.tap.shared().sealed.push_back(octets.clone());
        Ok(octets)
    }
    fn wrap_sealed(
        &mut self,
        channel: ChannelId,
        header: [u8; 4],
        data: &Sealed,
    ) -> Result<Vec<u8>, HsmError> {
        let wrapped = self.inner.wrap_sealed(channel, header, data)?;
        let octets = usize::try_from(data.clear_length).unwrap_or(0);
        self.tap.shared().wrapped = Some(Clear {
            header,
            parts: vec![Carried::Sealed(octets)],
        });
        Ok(wrapped)
    }
    fn sign_certificate(
        &mut self,
        authority: KeyHandle,
        to_be_signed: &[u8],
    ) -> Result<Vec<u8>, HsmError> {
        self.inner.sign_certificate(authority, to_be_signed)
    }
    fn cipher_challenge(
        &mut self,
        key: &Sealed,
        block: &[u8],
        decipher: bool,
    ) -> Result<Vec<u8>, HsmError> {
        self.inner.cipher_challenge(key, block, decipher)
    }
    fn put_card_keys(
        &mut self,
        channel: ChannelId,
        new: &NewCardKeys,
    ) -> Result<(Vec<u8>, Vec<u8>), HsmError> {
        let (data, answer) = self.inner.put_card_keys(channel, new)?;
        // Version, then type, length, key, check value of each; an AES key has its clear length
        // before it (GlobalPlatform 2.3.1, 11.8.2.3).
        let mut rest = data.get(1..).unwrap_or_default();
        while let [kind, length, body @ ..] = rest {
            let length = usize::from(*length);
            let skipped = usize::from(*kind == 0x88);
            let key = body.get(skipped..length).unwrap_or_default();
            self.tap.shared().sealed.push_back(key.to_vec());
            let value = body.get(length).map_or(0, |n| usize::from(*n));
            rest = body.get(length + 1 + value..).unwrap_or_default();
        }
        Ok((data, answer))
    }
    fn encipher_for_card(
        &mut self,
        sealed: &Sealed,
        transport: KeyHandle,
        padding: DekPadding,
    ) -> Result<Vec<u8>, HsmError> {
        let octets = self.inner.encipher_for_card(sealed, transport, padding)?;
        self.tap.shared().sealed.push_back(octets.clone());
        Ok(octets)
    }
    fn icc_rsa_key(
        &mut self,
        bits: u32,
        exponent: u32,
        draw: &Draw<'_>,
    ) -> Result<IccKey, HsmError> {
        let (job, purpose) = (draw.job.to_owned(), draw.purpose.to_owned());
        let drawn = (bits, exponent, job, draw.order, purpose);
        if let Some(key) = self.keys.get(&drawn) {
            return Ok(key.clone());
        }
        let key = self.inner.icc_rsa_key(bits, exponent, draw)?;
        self.keys.insert(drawn, key.clone());
        Ok(key)
    }
    fn dynamic_code_vector(
        &mut self,
        path: &IccKeyPath<'_>,
        track: &[u8],
    ) -> Result<[u8; 2], HsmError> {
        self.inner.dynamic_code_vector(path, track)
    }
    fn verify_dynamic_code(
        &mut self,
        path: &IccKeyPath<'_>,
        track: &[u8],
        unpredictable_number: [u8; 4],
        code: [u8; 2],
    ) -> Result<bool, HsmError> {
        self.inner
            .verify_dynamic_code(path, track, unpredictable_number, code)
    }
    fn bind(&mut self, request: &KeyRequest) -> Result<KeyHandle, HsmError> {
        self.inner.bind(request)
    }
    fn check_value(&mut self, key: KeyHandle, method: CheckMethod) -> Result<Vec<u8>, HsmError> {
        self.inner.check_value(key, method)
    }
    fn public_key(&mut self, key: KeyHandle) -> Result<(Vec<u8>, u32), HsmError> {
        self.inner.public_key(key)
    }
    fn random(&mut self, draw: &Draw<'_>, length: usize) -> Result<Vec<u8>, HsmError> {
        self.inner.random(draw, length)
    }
    fn new_job_key(&mut self, job: &str) -> Result<Vec<u8>, HsmError> {
        self.inner.new_job_key(job)
    }
    fn open_job_key(&mut self, job: &str, wrapped: &[u8]) -> Result<SecretBytes, HsmError> {
        self.inner.open_job_key(job, wrapped)
    }
    fn card_verification_value(
        &mut self,
        key: KeyHandle,
        pan: &str,
        expiry: &str,
        service_code: &str,
    ) -> Result<String, HsmError> {
        self.inner
            .card_verification_value(key, pan, expiry, service_code)
    }
    fn generate_pin(&mut self, length: u8, draw: &Draw<'_>) -> Result<SealedPin, HsmError> {
        self.inner.generate_pin(length, draw)
    }
    fn import_pin_block(
        &mut self,
        key: KeyHandle,
        format: u8,
        block: &[u8],
        pan: &str,
    ) -> Result<SealedPin, HsmError> {
        self.inner.import_pin_block(key, format, block, pan)
    }
    fn export_pin_block(
        &mut self,
        pin: &SealedPin,
        key: KeyHandle,
        format: u8,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Vec<u8>, HsmError> {
        self.inner.export_pin_block(pin, key, format, pan, draw)
    }
    fn card_pin_block(&mut self, pin: &SealedPin) -> Result<Sealed, HsmError> {
        self.inner.card_pin_block(pin)
    }
    fn card_pin_field(
        &mut self,
        pin: &SealedPin,
        format: CardPinFormat,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Sealed, HsmError> {
        self.inner.card_pin_field(pin, format, pan, draw)
    }
    fn join_sealed(&mut self, parts: &[BlobPart<'_>]) -> Result<Sealed, HsmError> {
        self.inner.join_sealed(parts)
    }
    fn pin_verification_value(
        &mut self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        pvki: u8,
    ) -> Result<String, HsmError> {
        self.inner.pin_verification_value(key, pan, pin, pvki)
    }
    fn ibm3624_offset(
        &mut self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        parameters: &Ibm3624<'_>,
    ) -> Result<String, HsmError> {
        self.inner.ibm3624_offset(key, pan, pin, parameters)
    }
    fn natural_pin(
        &mut self,
        key: KeyHandle,
        pan: &str,
        length: u8,
        parameters: &Ibm3624<'_>,
    ) -> Result<SealedPin, HsmError> {
        self.inner.natural_pin(key, pan, length, parameters)
    }
    fn reveal_pin(&mut self, pin: &SealedPin) -> Result<SecretDigits, HsmError> {
        self.inner.reveal_pin(pin)
    }
    fn icc_master_keys(
        &mut self,
        derivation: Derivation,
        keys: [KeyHandle; 3],
        pan: &str,
        psn: &str,
    ) -> Result<Sealed, HsmError> {
        self.inner.icc_master_keys(derivation, keys, pan, psn)
    }
    fn card_key(
        &mut self,
        derivation: Derivation,
        key: KeyHandle,
        account: &str,
        sequence: &str,
    ) -> Result<Sealed, HsmError> {
        self.inner.card_key(derivation, key, account, sequence)
    }
    fn sign_icc_certificate(
        &mut self,
        issuer: KeyHandle,
        fields: &IccCertificateFields<'_>,
    ) -> Result<Certificate, HsmError> {
        self.inner.sign_icc_certificate(issuer, fields)
    }
    fn sign_static_data(
        &mut self,
        issuer: KeyHandle,
        data_authentication_code: [u8; 2],
        static_data: &[u8],
    ) -> Result<Vec<u8>, HsmError> {
        self.inner
            .sign_static_data(issuer, data_authentication_code, static_data)
    }
    fn sign_issuer_certificate(
        &mut self,
        ca: KeyHandle,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, HsmError> {
        self.inner.sign_issuer_certificate(ca, fields)
    }
    fn export_sealed(
        &mut self,
        sealed: &Sealed,
        transport: KeyHandle,
    ) -> Result<Vec<u8>, HsmError> {
        self.inner.export_sealed(sealed, transport)
    }
    fn encrypt_for_transport(
        &mut self,
        clear: &[u8],
        transport: KeyHandle,
    ) -> Result<Vec<u8>, HsmError> {
        self.inner.encrypt_for_transport(clear, transport)
    }
    fn authenticate_channel(
        &mut self,
        channel: ChannelId,
        answer: &[u8],
    ) -> Result<Vec<u8>, HsmError> {
        self.inner.authenticate_channel(channel, answer)
    }
    fn unwrap(&mut self, channel: ChannelId, answer: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.inner.unwrap(channel, answer)
    }
    fn close_channel(&mut self, channel: ChannelId) {
        self.inner.close_channel(channel)
    }
    fn verify_cryptogram(
        &mut self,
        path: &IccKeyPath<'_>,
        data: &[u8],
        cryptogram: &[u8],
    ) -> Result<bool, HsmError> {
        self.inner.verify_cryptogram(path, data, cryptogram)
    }
    fn arpc(
        &mut self,
        path: &IccKeyPath<'_>,
        arqc: &[u8],
        card_status_update: [u8; 4],
    ) -> Result<Vec<u8>, HsmError> {
        self.inner.arpc(path, arqc, card_status_update)
    }
    fn encipher_offline_pin(
        &mut self,
        pin: &SealedPin,
        modulus: &[u8],
        exponent: u32,
        icc_challenge: &[u8],
        draw: &Draw<'_>,
    ) -> Result<Vec<u8>, HsmError> {
        self.inner
            .encipher_offline_pin(pin, modulus, exponent, icc_challenge, draw)
    }
    fn plain_offline_pin(&mut self, pin: &SealedPin) -> Result<SecretBytes, HsmError> {
        self.inner.plain_offline_pin(pin)
    }
}

#[cfg(test)]
mod tests {
    use super::Shared;
    use crate::recorder::Carried;

    #[test]
    fn what_is_enciphered_is_a_length_also_over_two_commands() {
        let mut shared = Shared::default();
        shared.sealed.push_back(vec![9; 8]);
        let found = shared.parts(&[0x80, 0x00, 0x08, 9, 9, 9, 9, 9, 9, 9, 9, 0x01]);
        let expected = [
            Carried::Clear(vec![0x80, 0x00, 0x08]),
            Carried::Sealed(8),
            Carried::Clear(vec![0x01]),
        ];
        assert_eq!(found, expected);
        shared.sealed.push_back(vec![7, 6, 5, 4, 3, 2, 1, 0]);
        let found = shared.parts(&[0x82, 7, 6, 5, 4, 3]);
        assert_eq!(found, [Carried::Clear(vec![0x82]), Carried::Sealed(5)]);
        let found = shared.parts(&[2, 1, 0, 0xAA]);
        assert_eq!(found, [Carried::Sealed(3), Carried::Clear(vec![0xAA])]);
    }
}
