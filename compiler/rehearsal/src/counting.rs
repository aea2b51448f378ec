//! An HSM session that counts what is asked of it, by kind.

use cardwright_ports::{
    HsmError, HsmSession, SecretBytes, SecretDigits,
    hsm::{
        BlobPart, CardPinFormat, Certificate, ChannelId, ChannelSpec, CheckMethod, DekPadding,
        Derivation, Draw, Ibm3624, IccCertificateFields, IccKey, IccKeyPath,
        IssuerCertificateFields, KeyHandle, KeyRequest, NewCardKeys, Sealed, SealedPin,
    },
};
use std::collections::BTreeMap;

/// Calls by kind: a program's intents by their names, the others by what they do.
pub type Calls = BTreeMap<String, usize>;

/// The session.
pub(crate) struct Counting<'s> {
    inner: &'s mut dyn HsmSession,
    calls: &'s mut Calls,
}

impl<'s> Counting<'s> {
    /// For what calls are made for, such as `data`.
    pub(crate) fn of(
        inner: &'s mut dyn HsmSession,
        stages: &'s mut BTreeMap<String, Calls>,
        stage: &str,
    ) -> Self {
        let calls = stages.entry(stage.to_owned()).or_default();
        Self { inner, calls }
    }

    fn count(&mut self, kind: &str) {
        *self.calls.entry(kind.to_owned()).or_insert(0) += 1;
    }
}

macro_rules! counted {
    ($($kind:literal fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        fn $name(&mut self, $($argument: $type),*) -> Result<$answer, HsmError> {
            self.count($kind);
            self.inner.$name($($argument),*)
        }
    )*};
}

impl HsmSession for Counting<'_> {
    counted! {
        "key.bind" fn bind(request: &KeyRequest) -> KeyHandle;
        "key.check_value" fn check_value(key: KeyHandle, method: CheckMethod) -> Vec<u8>;
        "key.public" fn public_key(key: KeyHandle) -> (Vec<u8>, u32);
        "random" fn random(draw: &Draw<'_>, length: usize) -> Vec<u8>;
        "job.new_key" fn new_job_key(job: &str) -> Vec<u8>;
        "job.open_key" fn open_job_key(job: &str, wrapped: &[u8]) -> SecretBytes;
        "cvv" fn card_verification_value(
            key: KeyHandle, pan: &str, expiry: &str, service_code: &str) -> String;
        "pin.generate" fn generate_pin(length: u8, draw: &Draw<'_>) -> SealedPin;
        "pin.import" fn import_pin_block(
            key: KeyHandle, format: u8, block: &[u8], pan: &str) -> SealedPin;
        "pin.export" fn export_pin_block(
            pin: &SealedPin, key: KeyHandle, format: u8, pan: &str, draw: &Draw<'_>) -> Vec<u8>;
        "pin.card_block" fn card_pin_block(pin: &SealedPin) -> Sealed;
        "pin.card_field" fn card_pin_field(
            pin: &SealedPin, format: CardPinFormat, pan: &str, draw: &Draw<'_>) -> Sealed;
        "blob.join" fn join_sealed(parts: &[BlobPart<'_>]) -> Sealed;
        "pvv" fn pin_verification_value(
            key: KeyHandle, pan: &str, pin: &SealedPin, pvki: u8) -> String;
        "ibm3624_offset" fn ibm3624_offset(
            key: KeyHandle, pan: &str, pin: &SealedPin, parameters: &Ibm3624<'_>) -> String;
        "pin.natural" fn natural_pin(
            key: KeyHandle, pan: &str, length: u8, parameters: &Ibm3624<'_>) -> SealedPin;
        "pin.reveal" fn reveal_pin(pin: &SealedPin) -> SecretDigits;
        "emv.master_keys" fn icc_master_keys(
            derivation: Derivation, keys: [KeyHandle; 3], pan: &str, psn: &str) -> Sealed;
        "key.card" fn card_key(
            derivation: Derivation, key: KeyHandle, account: &str, sequence: &str) -> Sealed;
        "rsa.generate" fn icc_rsa_key(bits: u32, exponent: u32, draw: &Draw<'_>) -> IccKey;
        "emv.icc_certificate" fn sign_icc_certificate(
            issuer: KeyHandle, fields: &IccCertificateFields<'_>) -> Certificate;
        "emv.sign_static_data" fn sign_static_data(
            issuer: KeyHandle, code: [u8; 2], static_data: &[u8]) -> Vec<u8>;
        "emv.issuer_certificate" fn sign_issuer_certificate(
            ca: KeyHandle, fields: &IssuerCertificateFields<'_>) -> Certificate;
        "transport.export" fn export_sealed(sealed: &Sealed, transport: KeyHandle) -> Vec<u8>;
        "encrypt" fn encrypt_for_transport(clear: &[u8], transport: KeyHandle) -> Vec<u8>;
        "card.encipher" fn encipher_for_card(
            sealed: &Sealed, transport: KeyHandle, padding: DekPadding) -> Vec<u8>;
        "channel.open" fn begin_channel(
            spec: &ChannelSpec, draw: &Draw<'_>) -> (ChannelId, Vec<u8>);
        "channel.authenticate" fn authenticate_channel(
            channel: ChannelId, answer: &[u8]) -> Vec<u8>;
        "channel.wrap" fn wrap(channel: ChannelId, command: &[u8]) -> Vec<u8>;
        "channel.unwrap" fn unwrap(channel: ChannelId, answer: &[u8]) -> Vec<u8>;
        "channel.recode" fn recode(
            channel: ChannelId, sealed: &Sealed, padding: DekPadding) -> Vec<u8>;
        "channel.wrap_sealed" fn wrap_sealed(
            channel: ChannelId, header: [u8; 4], data: &Sealed) -> Vec<u8>;
        "x509.sign" fn sign_certificate(authority: KeyHandle, to_be_signed: &[u8]) -> Vec<u8>;
        "card.challenge" fn cipher_challenge(
            key: &Sealed, block: &[u8], decipher: bool) -> Vec<u8>;
        "channel.put_keys" fn put_card_keys(
            channel: ChannelId, new: &NewCardKeys) -> (Vec<u8>, Vec<u8>);
        "emv.verify_cryptogram" fn verify_cryptogram(
            path: &IccKeyPath<'_>, data: &[u8], cryptogram: &[u8]) -> bool;
        "emv.arpc" fn arpc(
            path: &IccKeyPath<'_>, arqc: &[u8], card_status_update: [u8; 4]) -> Vec<u8>;
        "emv.cvc3_vector" fn dynamic_code_vector(
            path: &IccKeyPath<'_>, track: &[u8]) -> [u8; 2];
        "cvc3.verify" fn verify_dynamic_code(
            path: &IccKeyPath<'_>, track: &[u8], number: [u8; 4], code: [u8; 2]) -> bool;
        "pin.encipher_offline" fn encipher_offline_pin(
            pin: &SealedPin, modulus: &[u8], exponent: u32, icc_challenge: &[u8], draw: &Draw<'_>
        ) -> Vec<u8>;
        "pin.plain_offline" fn plain_offline_pin(pin: &SealedPin) -> SecretBytes;
    }

    fn close_channel(&mut self, channel: ChannelId) {
        self.inner.close_channel(channel);
    }
}
