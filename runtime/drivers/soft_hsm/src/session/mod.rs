//! One session: every intent of the port, each a few lines over the standards' functions.

mod access;
mod cards;
mod certificates;
mod channels;
mod new_keys;
mod pins;
mod together;
mod transport;

pub(crate) use certificates::{issuer_certificate, private};

use std::sync::Arc;

use cardwright_ports::batch::{CardAnswer, CardCall};
use cardwright_ports::hsm::{
    BlobPart, CardPinFormat, Certificate, ChannelId, ChannelSpec, CheckMethod, DekPadding,
    Derivation, Draw, HsmError, HsmSession, Ibm3624, IccCertificateFields, IccKey, IccKeyPath,
    IssuerCertificateFields, KeyHandle, KeyRequest, KeyUse, NewCardKeys, Sealed, SealedPin,
};
use cardwright_ports::{SecretBytes, SecretDigits};
use zeroize::Zeroizing;

use crate::error::{self, Refused};
use crate::hsm::Shared;
use crate::keys::Key;

/// Most octets of one random draw.
const RANDOM_OCTETS_MAX: usize = 4_096;
/// Longest text of an argument, such as a job's name.
const TEXT_OCTETS_MAX: usize = 256;
/// Octets of a job's data key.
const JOB_KEY_OCTETS: usize = 32;

/// A session. Keeps the keys that it has used, so that lanes do not wait for each other.
pub(crate) struct Session {
    shared: Arc<Shared>,
    keys: Vec<Option<Arc<Key>>>,
    channels: channels::Channels,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            keys: Vec::new(),
            channels: channels::Channels::default(),
        }
    }

    /// A key for any operation.
    fn key(&mut self, handle: KeyHandle) -> Result<Arc<Key>, Refused> {
        let place = handle.0 as usize;
        if let Some(Some(key)) = self.keys.get(place) {
            if key.is_gone() {
                return Err(error::KEY_HANDLE.found(format!("key {} was destroyed", key.name)));
            }
            return Ok(Arc::clone(key));
        }
        let key = self.shared.key(handle)?;
        // The ring knows the handle, so the list is no longer than the ring.
        if self.keys.len() <= place {
            self.keys.resize(place + 1, None);
        }
        if let Some(slot) = self.keys.get_mut(place) {
            *slot = Some(Arc::clone(&key));
        }
        Ok(key)
    }

    /// A key for one use.
    fn key_for(&mut self, handle: KeyHandle, usage: KeyUse) -> Result<Arc<Key>, Refused> {
        let key = self.key(handle)?;
        key.check_use(usage)?;
        Ok(key)
    }

    /// Seals octets for a card.
    fn seal(&self, clear: &[u8], check_values: Vec<u8>, context: &[u8]) -> Result<Sealed, Refused> {
        let clear_length = clear.len() as u32;
        let bound = bound(clear_length, &check_values);
        Ok(Sealed {
            blob: self.shared.sealer.seal("octets", &bound, context, clear)?,
            clear_length,
            check_values,
        })
    }

    /// Opens what [`Self::seal`] sealed.
    fn open(&self, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let bound = bound(sealed.clear_length, &sealed.check_values);
        self.shared.sealer.open("octets", &bound, &sealed.blob)
    }
}

fn bound(clear_length: u32, check_values: &[u8]) -> Vec<u8> {
    let mut bound = Vec::with_capacity(4 + check_values.len());
    bound.extend_from_slice(&clear_length.to_be_bytes());
    bound.extend_from_slice(check_values);
    bound
}

fn check_draw(draw: &Draw<'_>) -> Result<(), Refused> {
    if draw.job.len() > TEXT_OCTETS_MAX || draw.purpose.len() > TEXT_OCTETS_MAX {
        return Err(error::ARGUMENT.found("a label of more than 256 octets"));
    }
    Ok(())
}

/// What identifies a draw, as context of a seal.
fn draw_context(draw: &Draw<'_>) -> Vec<u8> {
    let mut context = Vec::with_capacity(draw.job.len() + draw.purpose.len() + 9);
    context.extend_from_slice(draw.job.as_bytes());
    context.push(0);
    context.extend_from_slice(&draw.order.to_be_bytes());
    context.extend_from_slice(draw.purpose.as_bytes());
    context
}

impl HsmSession for Session {
    fn bind(&mut self, request: &KeyRequest) -> Result<KeyHandle, HsmError> {
        self.shared.bind(request)
    }

    fn check_value(&mut self, key: KeyHandle, method: CheckMethod) -> Result<Vec<u8>, HsmError> {
        self.key(key)?.check_value(method)
    }

    fn public_key(&mut self, key: KeyHandle) -> Result<(Vec<u8>, u32), HsmError> {
        let key = self.key(key)?;
        let rsa = key.rsa()?;
        Ok((rsa.modulus().to_vec(), rsa.exponent()))
    }

    fn random(&mut self, draw: &Draw<'_>, length: usize) -> Result<Vec<u8>, HsmError> {
        check_draw(draw)?;
        if length > RANDOM_OCTETS_MAX {
            return Err(error::ARGUMENT.found(format!("a draw of {length} octets")));
        }
        let mut octets = vec![0; length];
        self.shared.root.draw(draw, "random").fill(&mut octets);
        Ok(octets)
    }

    fn new_job_key(&mut self, job: &str) -> Result<Vec<u8>, HsmError> {
        if job.len() > TEXT_OCTETS_MAX {
            return Err(error::ARGUMENT.found("a job's name of more than 256 octets"));
        }
        // Not from the root: a job key that is destroyed must not be made a second time.
        let mut key = Zeroizing::new([0; JOB_KEY_OCTETS]);
        getrandom::fill(key.as_mut_slice())
            .map_err(|e| error::RANDOMNESS.found(format!("the operating system says: {e}")))?;
        self.shared
            .sealer
            .seal("job key", job.as_bytes(), b"", key.as_slice())
    }

    fn open_job_key(&mut self, job: &str, wrapped: &[u8]) -> Result<SecretBytes, HsmError> {
        let mut key = self
            .shared
            .sealer
            .open("job key", job.as_bytes(), wrapped)?;
        Ok(SecretBytes::new(std::mem::take(&mut *key)))
    }

    fn card_verification_value(
        &mut self,
        key: KeyHandle,
        pan: &str,
        expiry: &str,
        service_code: &str,
    ) -> Result<String, HsmError> {
        let key = self.key_for(key, KeyUse::CardVerification)?;
        let value = cardwright_standards::cvv::cvv(key.tdes()?, pan, expiry, service_code);
        value
            .map(|v| v.as_str().to_owned())
            .map_err(|e| error::ARGUMENT.found(e.to_string()))
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
        self.exported_pin(pin, key, format, pan, draw)
    }

    fn card_pin_block(&mut self, pin: &SealedPin) -> Result<Sealed, HsmError> {
        let block = self.reference_block(pin)?;
        self.seal(block.as_slice(), Vec::new(), &pin.0)
    }

    fn card_pin_field(
        &mut self,
        pin: &SealedPin,
        format: CardPinFormat,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Sealed, HsmError> {
        check_draw(draw)?;
        let field = self.card_field(pin, format, pan, draw)?;
        self.seal(field.as_slice(), Vec::new(), &pin.0)
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
        let opened = self.opened_pin(pin)?;
        Ok(SecretDigits::new(opened.pin.expose().to_owned()))
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
        self.dynamic_code_holds(path, track, unpredictable_number, code)
    }

    fn icc_rsa_key(
        &mut self,
        bits: u32,
        exponent: u32,
        draw: &Draw<'_>,
    ) -> Result<IccKey, HsmError> {
        check_draw(draw)?;
        self.card_rsa_key(bits, exponent, draw)
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
        self.signed_static_data(issuer, data_authentication_code, static_data)
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
        let clear = self.open(sealed)?;
        self.encrypt_for(transport, clear, DekPadding::Iso7816IfNeeded)
    }

    fn encipher_for_card(
        &mut self,
        sealed: &Sealed,
        transport: KeyHandle,
        padding: DekPadding,
    ) -> Result<Vec<u8>, HsmError> {
        let clear = self.open(sealed)?;
        self.encrypt_for(transport, clear, padding)
    }

    fn encrypt_for_transport(
        &mut self,
        clear: &[u8],
        transport: KeyHandle,
    ) -> Result<Vec<u8>, HsmError> {
        if clear.len() > crate::seal::CLEAR_OCTETS_MAX {
            return Err(error::ARGUMENT.found(format!("{} octets to encipher", clear.len())));
        }
        let clear = Zeroizing::new(clear.to_vec());
        self.encrypt_for(transport, clear, DekPadding::Iso7816Always)
    }

    fn begin_channel(
        &mut self,
        spec: &ChannelSpec,
        draw: &Draw<'_>,
    ) -> Result<(ChannelId, Vec<u8>), HsmError> {
        check_draw(draw)?;
        self.started_channel(spec, draw)
    }

    fn authenticate_channel(
        &mut self,
        channel: ChannelId,
        answer: &[u8],
    ) -> Result<Vec<u8>, HsmError> {
        self.channels.authenticate(channel, answer)
    }

    fn wrap(&mut self, channel: ChannelId, command: &[u8]) -> Result<Vec<u8>, HsmError> {
        let open = self.channels.open(channel)?;
        open.wrap(command).map_err(|e| channels::channel_error(&e))
    }

    fn unwrap(&mut self, channel: ChannelId, answer: &[u8]) -> Result<Vec<u8>, HsmError> {
        let open = self.channels.open(channel)?;
        open.unwrap(answer).map_err(|e| channels::channel_error(&e))
    }

    fn recode(
        &mut self,
        channel: ChannelId,
        sealed: &Sealed,
        padding: DekPadding,
    ) -> Result<Vec<u8>, HsmError> {
        let mut clear = self.open(sealed)?;
        let open = self.channels.open(channel)?;
        transport::pad(&mut clear, open.sensitive_block(), padding)?;
        open.encrypt_sensitive(&mut clear)
            .map_err(|e| channels::channel_error(&e))?;
        Ok(std::mem::take(&mut *clear))
    }

    fn wrap_sealed(
        &mut self,
        channel: ChannelId,
        header: [u8; 4],
        data: &Sealed,
    ) -> Result<Vec<u8>, HsmError> {
        self.wrapped_sealed(channel, header, data)
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

    fn put_card_keys(
        &mut self,
        channel: ChannelId,
        new: &NewCardKeys,
    ) -> Result<(Vec<u8>, Vec<u8>), HsmError> {
        self.new_card_keys(channel, new)
    }

    fn close_channel(&mut self, channel: ChannelId) {
        self.channels.close(channel);
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
        self.enciphered_offline_pin(pin, (modulus, exponent), icc_challenge, draw)
    }

    fn batch(&mut self, calls: &[CardCall<'_>]) -> Vec<Result<CardAnswer, HsmError>> {
        self.together(calls)
    }

    fn plain_offline_pin(&mut self, pin: &SealedPin) -> Result<SecretBytes, HsmError> {
        Ok(SecretBytes::new(self.reference_block(pin)?.to_vec()))
    }
}
