//! An HSM in front of which something goes wrong at the n-th call: the session is lost, or the
//! answer is another one.

use cardwright_ports::{
    Hsm, HsmError, HsmSession, SecretBytes, SecretDigits,
    hsm::{
        BlobPart, CardPinFormat, Certificate, ChannelId, ChannelSpec, CheckMethod, DekPadding,
        Derivation, Draw, HsmInfo, Ibm3624, IccCertificateFields, IccKey, IccKeyPath,
        IssuerCertificateFields, KeyHandle, KeyRequest, NewCardKeys, Sealed, SealedPin,
    },
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HsmFault {
    /// The session is gone from this call on.
    Lost,
    /// One bit of this one answer is another.
    Wrong,
}

/// Around an HSM; calls of all sessions are counted together.
pub struct FaultyHsm<'h> {
    hsm: &'h dyn Hsm,
    fault: HsmFault,
    at: u64,
    seen: Arc<AtomicU64>,
    names: Names,
}

/// How often each call of the port was made.
type Names = Arc<Mutex<BTreeMap<&'static str, u64>>>;

impl<'h> FaultyHsm<'h> {
    /// The call of this number, from 0, goes wrong.
    pub fn new(hsm: &'h dyn Hsm, fault: HsmFault, at: u64) -> Self {
        Self {
            hsm,
            fault,
            at,
            seen: Arc::default(),
            names: Arc::default(),
        }
    }

    /// Nothing goes wrong: calls are only counted.
    pub fn sound(hsm: &'h dyn Hsm) -> Self {
        Self::new(hsm, HsmFault::Wrong, u64::MAX)
    }

    /// Calls so far, by the port's names of them.
    pub fn by_name(&self) -> BTreeMap<&'static str, u64> {
        self.names.lock().expect("no panic before").clone()
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.seen.load(Ordering::SeqCst)
    }
}

impl Hsm for FaultyHsm<'_> {
    fn info(&self) -> HsmInfo {
        self.hsm.info()
    }
    fn open_session(&self) -> Result<Box<dyn HsmSession>, HsmError> {
        Ok(Box::new(FaultySession {
            inner: self.hsm.open_session()?,
            fault: self.fault,
            at: self.at,
            seen: Arc::clone(&self.seen),
            names: Arc::clone(&self.names),
        }))
    }
}

struct FaultySession {
    inner: Box<dyn HsmSession>,
    fault: HsmFault,
    at: u64,
    seen: Arc<AtomicU64>,
    names: Names,
}

impl FaultySession {
    /// Whether this call's answer is to be spoilt.
    fn due(&self, name: &'static str) -> Result<bool, HsmError> {
        let mut names = self.names.lock().expect("no panic before");
        *names.entry(name).or_insert(0) += 1;
        let number = self.seen.fetch_add(1, Ordering::SeqCst);
        match self.fault {
            HsmFault::Lost if number >= self.at => Err(HsmError {
                code: "R1303",
                what: "the session is gone".to_owned(),
                mend: "open another session",
                retryable: true,
            }),
            HsmFault::Wrong => Ok(number == self.at),
            HsmFault::Lost => Ok(false),
        }
    }
}

/// An answer that can be another.
trait Spoil: Sized {
    fn spoilt(self) -> Self;
}

impl Spoil for Vec<u8> {
    fn spoilt(mut self) -> Self {
        let middle = self.len() / 2;
        self.get_mut(middle)
            .into_iter()
            .for_each(|octet| *octet ^= 1);
        self
    }
}
impl Spoil for [u8; 2] {
    fn spoilt(self) -> Self {
        let [high, low] = self;
        [high, low ^ 1]
    }
}
impl Spoil for String {
    fn spoilt(self) -> Self {
        let other = |c: char| if c == '7' { '8' } else { '7' };
        self.chars().map(other).collect()
    }
}
impl Spoil for bool {
    fn spoilt(self) -> Self {
        !self
    }
}
impl Spoil for KeyHandle {
    fn spoilt(self) -> Self {
        Self(self.0 ^ 1)
    }
}
impl Spoil for (Vec<u8>, u32) {
    fn spoilt(self) -> Self {
        (self.0.spoilt(), self.1)
    }
}
impl Spoil for (Vec<u8>, Vec<u8>) {
    fn spoilt(self) -> Self {
        (self.0.spoilt(), self.1)
    }
}
impl Spoil for (ChannelId, Vec<u8>) {
    fn spoilt(self) -> Self {
        (self.0, self.1.spoilt())
    }
}
impl Spoil for SecretBytes {
    fn spoilt(self) -> Self {
        Self::new(self.expose().to_vec().spoilt())
    }
}
impl Spoil for SecretDigits {
    fn spoilt(self) -> Self {
        Self::new("none".to_owned())
    }
}
impl Spoil for SealedPin {
    fn spoilt(self) -> Self {
        Self(self.0.spoilt())
    }
}
impl Spoil for Sealed {
    fn spoilt(self) -> Self {
        Self {
            blob: self.blob.spoilt(),
            ..self
        }
    }
}
impl Spoil for IccKey {
    fn spoilt(self) -> Self {
        Self {
            modulus: self.modulus.spoilt(),
            ..self
        }
    }
}
impl Spoil for Certificate {
    fn spoilt(self) -> Self {
        Self {
            certificate: self.certificate.spoilt(),
            ..self
        }
    }
}

macro_rules! pass {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        fn $name(&mut self, $($argument: $type),*) -> Result<$answer, HsmError> {
            let spoil = self.due(stringify!($name))?;
            let answer = self.inner.$name($($argument),*)?;
            Ok(if spoil { answer.spoilt() } else { answer })
        }
    )*};
}

impl HsmSession for FaultySession {
    pass! {
        fn bind(request: &KeyRequest) -> KeyHandle;
        fn check_value(key: KeyHandle, method: CheckMethod) -> Vec<u8>;
        fn public_key(key: KeyHandle) -> (Vec<u8>, u32);
        fn random(draw: &Draw<'_>, length: usize) -> Vec<u8>;
        fn new_job_key(job: &str) -> Vec<u8>;
        fn open_job_key(job: &str, wrapped: &[u8]) -> SecretBytes;
        fn card_verification_value(
            key: KeyHandle, pan: &str, expiry: &str, service_code: &str) -> String;
        fn generate_pin(length: u8, draw: &Draw<'_>) -> SealedPin;
        fn import_pin_block(key: KeyHandle, format: u8, block: &[u8], pan: &str) -> SealedPin;
        fn export_pin_block(
            pin: &SealedPin, key: KeyHandle, format: u8, pan: &str, draw: &Draw<'_>) -> Vec<u8>;
        fn card_pin_block(pin: &SealedPin) -> Sealed;
        fn card_pin_field(
            pin: &SealedPin, format: CardPinFormat, pan: &str, draw: &Draw<'_>) -> Sealed;
        fn pin_verification_value(
            key: KeyHandle, pan: &str, pin: &SealedPin, pvki: u8) -> String;
        fn ibm3624_offset(
            key: KeyHandle, pan: &str, pin: &SealedPin, parameters: &Ibm3624<'_>) -> String;
        fn natural_pin(
            key: KeyHandle, pan: &str, length: u8, parameters: &Ibm3624<'_>) -> SealedPin;
        fn reveal_pin(pin: &SealedPin) -> SecretDigits;
        fn icc_master_keys(
            derivation: Derivation, keys: [KeyHandle; 3], pan: &str, psn: &str) -> Sealed;
        fn card_key(derivation: Derivation, key: KeyHandle, pan: &str, psn: &str) -> Sealed;
        fn join_sealed(parts: &[BlobPart<'_>]) -> Sealed;
        fn icc_rsa_key(bits: u32, exponent: u32, draw: &Draw<'_>) -> IccKey;
        fn sign_icc_certificate(
            issuer: KeyHandle, fields: &IccCertificateFields<'_>) -> Certificate;
        fn dynamic_code_vector(path: &IccKeyPath<'_>, track: &[u8]) -> [u8; 2];
        fn verify_dynamic_code(
            path: &IccKeyPath<'_>, track: &[u8], number: [u8; 4], code: [u8; 2]) -> bool;
        fn sign_static_data(
            issuer: KeyHandle, code: [u8; 2], static_data: &[u8]) -> Vec<u8>;
        fn sign_issuer_certificate(
            ca: KeyHandle, fields: &IssuerCertificateFields<'_>) -> Certificate;
        fn export_sealed(sealed: &Sealed, transport: KeyHandle) -> Vec<u8>;
        fn encrypt_for_transport(clear: &[u8], transport: KeyHandle) -> Vec<u8>;
        fn encipher_for_card(
            sealed: &Sealed, key: KeyHandle, padding: DekPadding) -> Vec<u8>;
        fn begin_channel(spec: &ChannelSpec, draw: &Draw<'_>) -> (ChannelId, Vec<u8>);
        fn authenticate_channel(channel: ChannelId, answer: &[u8]) -> Vec<u8>;
        fn wrap(channel: ChannelId, command: &[u8]) -> Vec<u8>;
        fn unwrap(channel: ChannelId, answer: &[u8]) -> Vec<u8>;
        fn recode(channel: ChannelId, sealed: &Sealed, padding: DekPadding) -> Vec<u8>;
        fn wrap_sealed(channel: ChannelId, header: [u8; 4], data: &Sealed) -> Vec<u8>;
        fn sign_certificate(authority: KeyHandle, to_be_signed: &[u8]) -> Vec<u8>;
        fn cipher_challenge(key: &Sealed, block: &[u8], decipher: bool) -> Vec<u8>;
        fn put_card_keys(channel: ChannelId, new: &NewCardKeys) -> (Vec<u8>, Vec<u8>);
        fn verify_cryptogram(path: &IccKeyPath<'_>, data: &[u8], cryptogram: &[u8]) -> bool;
        fn arpc(path: &IccKeyPath<'_>, arqc: &[u8], update: [u8; 4]) -> Vec<u8>;
        fn encipher_offline_pin(
            pin: &SealedPin, modulus: &[u8], exponent: u32, challenge: &[u8], draw: &Draw<'_>
        ) -> Vec<u8>;
        fn plain_offline_pin(pin: &SealedPin) -> SecretBytes;
    }

    fn close_channel(&mut self, channel: ChannelId) {
        self.inner.close_channel(channel);
    }
}
