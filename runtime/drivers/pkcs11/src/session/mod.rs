//! One session: every intent of the port. It holds no session with a token; each job takes a free
//! one, so that many workers share the few that a token has.

mod access;
mod batch;
mod cards;
mod certificates;
mod channels;
mod cryptograms;
mod memory;
mod new_keys;
mod pins;
mod transport;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cardwright_ports::batch::{CardAnswer, CardCall};
use cardwright_ports::hsm::{
    BlobPart, CardPinFormat, CardSecret, Certificate, ChannelId, ChannelSpec, CheckMethod,
    DekPadding, Derivation, Draw, HsmError, HsmSession, Ibm3624, IccCertificateFields, IccKey,
    IccKeyPath, IssuerCertificateFields, KeyHandle, KeyRequest, KeyUse, NewCardKeys, Sealed,
    SealedPin,
};
use cardwright_ports::{SecretBytes, SecretDigits};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::draw::Stream;
use crate::error::{self, Refused, Trouble};
use crate::hsm::Shared;
use crate::objects::Kind;
use crate::ring::{Key, Nature};
use crate::tool::Tool;

/// Most octets of one random draw.
const RANDOM_OCTETS_MAX: usize = 4_096;
/// Longest text of an argument, such as a job's name.
const TEXT_OCTETS_MAX: usize = 256;
/// Octets of a job's data key.
const JOB_KEY_OCTETS: usize = 32;

/// A session.
pub(crate) struct Session {
    shared: Arc<Shared>,
    channels: channels::Channels,
    memory: memory::Memory,
}

/// A draw's label, owned by a job.
#[derive(Clone)]
struct Label {
    job: String,
    order: u64,
    purpose: String,
}

impl Label {
    fn of(draw: &Draw<'_>) -> Result<Self, Refused> {
        if draw.job.len() > TEXT_OCTETS_MAX || draw.purpose.len() > TEXT_OCTETS_MAX {
            return Err(error::ARGUMENT.found("a label of more than 256 octets"));
        }
        Ok(Self {
            job: draw.job.to_owned(),
            order: draw.order,
            purpose: draw.purpose.to_owned(),
        })
    }

    fn draw(&self) -> Draw<'_> {
        Draw {
            job: &self.job,
            order: self.order,
            purpose: &self.purpose,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A session that it keeps goes back first.
        self.channels = channels::Channels::default();
        if self.shared.lanes.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.shared.let_none_wait();
        }
    }
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        shared.lanes.fetch_add(1, Ordering::SeqCst);
        Self {
            shared,
            channels: channels::Channels::default(),
            memory: memory::Memory::default(),
        }
    }

    /// A key for any operation.
    fn key(&self, handle: KeyHandle) -> Result<Arc<Key>, Refused> {
        self.shared.key(handle)
    }

    /// A key for one use.
    fn key_for(&self, handle: KeyHandle, usage: KeyUse) -> Result<Arc<Key>, Refused> {
        let key = self.key(handle)?;
        key.check_use(usage)?;
        Ok(key)
    }

    /// Carries a job out, in the session that the lane keeps where it keeps one.
    fn work<T: Send + 'static>(
        &self,
        job: impl Fn(&Tool<'_>) -> Result<T, Trouble> + Send + Sync + 'static,
    ) -> Result<T, Refused> {
        let Some(held) = self.channels.held() else {
            return self.shared.work(job);
        };
        let job = Arc::new(job);
        let own = Arc::clone(&job);
        match held.work(move |tool| own(tool)) {
            // That session is lost, and its channels with it; this job needs none of them.
            Err(refused) if refused.retryable => self.shared.work(move |tool| job(tool)),
            other => other,
        }
    }

    fn value_of(&self, key: &Arc<Key>, method: CheckMethod) -> Result<Vec<u8>, Refused> {
        let kind = match (&key.nature, method) {
            (Nature::Rsa { modulus, .. }, CheckMethod::Sha256) => {
                return Ok(Sha256::digest(modulus).iter().take(8).copied().collect());
            }
            (Nature::Rsa { .. } | Nature::P256, _) => return Err(key.unsuitable("symmetric")),
            (_, CheckMethod::Sha256) => return Err(key.unsuitable("RSA")),
            (Nature::Secret(kind), _) => *kind,
        };
        let of = Arc::clone(key);
        let value = self.work(move |tool| {
            let (main, of) = (tool.objects(&of)?.main, (kind, of.flags));
            Ok(match (method, kind.block()) {
                (CheckMethod::Cmac, 8) => {
                    let mac = tool.cmac_of_zeros::<8>(of, main)?;
                    mac.map(|mac| mac.iter().take(5).copied().collect())
                }
                (CheckMethod::Cmac, _) => {
                    let mac = tool.cmac_of_zeros::<16>(of, main)?;
                    mac.map(|mac| mac.iter().take(5).copied().collect())
                }
                (method, block) => {
                    // GlobalPlatform takes ones for AES only.
                    let octet = u8::from(method == CheckMethod::Gp && block == 16);
                    let shown = tool.shown_block(of, main, &vec![octet; block])?;
                    shown.map(|block| block.into_iter().take(3).collect::<Vec<u8>>())
                }
            })
        })?;
        value.ok_or_else(|| {
            let what = format!(
                "the token does not tell this check value of key {}",
                key.name
            );
            error::UNSUITABLE.found(what)
        })
    }
}

/// `K|K` and `K` of a double-length key derived inside, for retail MACs.
fn halves(blocks: [[u8; 8]; 2]) -> (Vec<u8>, Vec<u8>) {
    let [left, _] = blocks;
    ([left, left].concat(), blocks.concat())
}

fn kind_of(derivation: Derivation, issuer: &Key) -> Result<Kind, Refused> {
    match derivation {
        Derivation::A | Derivation::B => issuer.double(),
        Derivation::C => issuer.aes(),
    }
}

impl HsmSession for Session {
    fn bind(&mut self, request: &KeyRequest) -> Result<KeyHandle, HsmError> {
        self.shared.bind(request)
    }

    fn check_value(&mut self, key: KeyHandle, method: CheckMethod) -> Result<Vec<u8>, HsmError> {
        let key = self.key(key)?;
        self.value_of(&key, method)
    }

    fn public_key(&mut self, key: KeyHandle) -> Result<(Vec<u8>, u32), HsmError> {
        self.shared.check_state()?;
        let key = self.key(key)?;
        let (modulus, exponent) = key.rsa()?;
        Ok((modulus.to_vec(), exponent))
    }

    fn random(&mut self, draw: &Draw<'_>, length: usize) -> Result<Vec<u8>, HsmError> {
        let label = Label::of(draw)?;
        if length > RANDOM_OCTETS_MAX {
            return Err(error::ARGUMENT.found(format!("a draw of {length} octets")));
        }
        let mut octets = vec![0; length];
        let seed = self.known_soon(&label, b"random")?;
        Stream::new(&seed).fill(&mut octets);
        Ok(octets)
    }

    fn new_job_key(&mut self, job: &str) -> Result<Vec<u8>, HsmError> {
        if job.len() > TEXT_OCTETS_MAX {
            return Err(error::ARGUMENT.found("a job's name of more than 256 octets"));
        }
        let job = job.to_owned();
        self.work(move |tool| {
            // Not by a label: a job key that is destroyed must not be made a second time.
            let mut key = Zeroizing::new([0; JOB_KEY_OCTETS]);
            tool.session()?.random(key.as_mut_slice())?;
            tool.seal("job key", (job.as_bytes(), b""), key.as_slice())
        })
    }

    fn open_job_key(&mut self, job: &str, wrapped: &[u8]) -> Result<SecretBytes, HsmError> {
        let (job, wrapped) = (job.to_owned(), wrapped.to_vec());
        self.work(move |tool| {
            let mut key = tool.open("job key", job.as_bytes(), &wrapped)?;
            Ok(SecretBytes::new(std::mem::take(&mut *key)))
        })
    }

    fn card_verification_value(
        &mut self,
        key: KeyHandle,
        pan: &str,
        expiry: &str,
        service_code: &str,
    ) -> Result<String, HsmError> {
        self.work(self.verification_value(key, pan, expiry, service_code)?)
    }

    fn generate_pin(&mut self, length: u8, draw: &Draw<'_>) -> Result<SealedPin, HsmError> {
        self.work(self.generated_pin(length, draw)?)
    }

    fn import_pin_block(
        &mut self,
        key: KeyHandle,
        format: u8,
        block: &[u8],
        pan: &str,
    ) -> Result<SealedPin, HsmError> {
        self.work(self.imported_pin(key, format, block, pan)?)
    }

    fn export_pin_block(
        &mut self,
        pin: &SealedPin,
        key: KeyHandle,
        format: u8,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Vec<u8>, HsmError> {
        self.work(self.exported_pin(pin, key, format, pan, draw)?)
    }

    fn card_pin_block(&mut self, pin: &SealedPin) -> Result<Sealed, HsmError> {
        self.work(self.reference_block(pin)?)
    }

    fn card_pin_field(
        &mut self,
        pin: &SealedPin,
        format: CardPinFormat,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Sealed, HsmError> {
        self.work(self.card_field(pin, format, pan, draw)?)
    }

    fn join_sealed(&mut self, parts: &[BlobPart<'_>]) -> Result<Sealed, HsmError> {
        self.work(self.joined(parts)?)
    }

    fn pin_verification_value(
        &mut self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        pvki: u8,
    ) -> Result<String, HsmError> {
        self.work(self.visa_value(key, pan, pin, pvki)?)
    }

    fn ibm3624_offset(
        &mut self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        parameters: &Ibm3624<'_>,
    ) -> Result<String, HsmError> {
        self.work(self.ibm_offset(key, pan, pin, parameters)?)
    }

    fn natural_pin(
        &mut self,
        key: KeyHandle,
        pan: &str,
        length: u8,
        parameters: &Ibm3624<'_>,
    ) -> Result<SealedPin, HsmError> {
        self.work(self.ibm_natural(key, pan, length, parameters)?)
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
        self.work(self.card_keys(derivation, keys, pan, psn)?)
    }

    fn card_key(
        &mut self,
        derivation: Derivation,
        key: KeyHandle,
        account: &str,
        sequence: &str,
    ) -> Result<Sealed, HsmError> {
        self.work(self.one_card_key(derivation, key, account, sequence)?)
    }

    fn icc_rsa_key(
        &mut self,
        bits: u32,
        exponent: u32,
        draw: &Draw<'_>,
    ) -> Result<IccKey, HsmError> {
        self.card_rsa_key(bits, exponent, draw)
    }

    fn sign_icc_certificate(
        &mut self,
        issuer: KeyHandle,
        fields: &IccCertificateFields<'_>,
    ) -> Result<Certificate, HsmError> {
        self.work(self.icc_certificate(issuer, fields)?)
    }

    fn sign_static_data(
        &mut self,
        issuer: KeyHandle,
        data_authentication_code: [u8; 2],
        static_data: &[u8],
    ) -> Result<Vec<u8>, HsmError> {
        self.work(self.signed_static_data(issuer, data_authentication_code, static_data)?)
    }

    fn sign_issuer_certificate(
        &mut self,
        ca: KeyHandle,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, HsmError> {
        self.work(self.issuer_certificate(ca, fields)?)
    }

    fn export_sealed(
        &mut self,
        sealed: &Sealed,
        transport: KeyHandle,
    ) -> Result<Vec<u8>, HsmError> {
        self.work(self.encrypt_sealed(transport, sealed, DekPadding::Iso7816IfNeeded)?)
    }

    fn encipher_for_card(
        &mut self,
        sealed: &Sealed,
        transport: KeyHandle,
        padding: DekPadding,
    ) -> Result<Vec<u8>, HsmError> {
        self.work(self.encrypt_sealed(transport, sealed, padding)?)
    }

    fn encrypt_for_transport(
        &mut self,
        clear: &[u8],
        transport: KeyHandle,
    ) -> Result<Vec<u8>, HsmError> {
        self.work(self.encrypt_clear(transport, clear)?)
    }

    fn check_channel(
        &mut self,
        spec: &ChannelSpec,
        secrets: &[CardSecret],
    ) -> Result<(), HsmError> {
        self.shared.check_state()?;
        self.checked_channel(spec, secrets)
    }

    fn begin_channel(
        &mut self,
        spec: &ChannelSpec,
        draw: &Draw<'_>,
    ) -> Result<(ChannelId, Vec<u8>), HsmError> {
        self.started_channel(spec, draw)
    }

    fn authenticate_channel(
        &mut self,
        channel: ChannelId,
        answer: &[u8],
    ) -> Result<Vec<u8>, HsmError> {
        self.authenticated_channel(channel, answer)
    }

    fn wrap(&mut self, channel: ChannelId, command: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.shared.check_state()?;
        self.secured(channel, command)
    }

    fn unwrap(&mut self, channel: ChannelId, answer: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.shared.check_state()?;
        self.opened_answer(channel, answer)
    }

    fn recode(
        &mut self,
        channel: ChannelId,
        sealed: &Sealed,
        padding: DekPadding,
    ) -> Result<Vec<u8>, HsmError> {
        let mut recoded = self.recoded(channel, &[(sealed.clone(), padding)])?;
        recoded
            .pop()
            .ok_or_else(|| error::CHANNEL.found("nothing to recode"))
    }

    fn recode_all(
        &mut self,
        channel: ChannelId,
        values: &[(Sealed, DekPadding)],
    ) -> Result<Vec<Vec<u8>>, HsmError> {
        self.recoded(channel, values)
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
        self.work(self.signed_certificate(authority, to_be_signed)?)
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
        self.many(calls)
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

    fn forget_card(&mut self) {
        self.memory.forget_card();
    }

    fn dynamic_code_vector(
        &mut self,
        path: &IccKeyPath<'_>,
        track: &[u8],
    ) -> Result<[u8; 2], HsmError> {
        Ok(self.work(self.dynamic_code(path, track, [0; 4])?)?.0)
    }

    fn verify_dynamic_code(
        &mut self,
        path: &IccKeyPath<'_>,
        track: &[u8],
        unpredictable_number: [u8; 4],
        code: [u8; 2],
    ) -> Result<bool, HsmError> {
        let code_of = self.dynamic_code(path, track, unpredictable_number)?;
        let (_, expected) = self.work(code_of)?;
        Ok(subtle::ConstantTimeEq::ct_eq(expected.as_slice(), code.as_slice()).into())
    }

    fn verify_cryptogram(
        &mut self,
        path: &IccKeyPath<'_>,
        data: &[u8],
        cryptogram: &[u8],
    ) -> Result<bool, HsmError> {
        let expected = self.session_mac(path, data)?;
        Ok(subtle::ConstantTimeEq::ct_eq(expected.as_slice(), cryptogram).into())
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
        self.enciphered_offline_pin(pin, (modulus, exponent), icc_challenge, draw)
    }

    fn plain_offline_pin(&mut self, pin: &SealedPin) -> Result<SecretBytes, HsmError> {
        self.plain_pin_block(pin)
    }
}
