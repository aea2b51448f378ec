//! The HSM speaks the trade: intents, not raw encryption, so that keys stay inside it.
//!
//! PANs are text of 12 to 19 digits, PAN sequence numbers two digits, expiry `YYMM`, certificate
//! expiry `MMYY`, service codes three digits.

use crate::{SecretBytes, SecretDigits};

/// Why an intent failed; never holds key, PIN or PAN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {what}; {mend}")]
pub struct HsmError {
    /// Stable code, band R13.
    pub code: &'static str,
    /// What happened.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
    /// Whether the same call may succeed on another session.
    pub retryable: bool,
}

/// What a key may be used for; one key, one use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// Card verification values (TR-31 C0).
    CardVerification,
    /// Issuer master key for application cryptograms (E0).
    EmvApplicationCryptogram,
    /// Issuer master key for script confidentiality (E1).
    EmvSecureMessagingConfidentiality,
    /// Issuer master key for script integrity (E2).
    EmvSecureMessagingIntegrity,
    /// Issuer master key for dynamic card verification codes (E4).
    EmvDynamicNumbers,
    /// Master key of keys that a card holds for another purpose than EMV (E6).
    CardKey,
    /// Card issuance master key KMC: GlobalPlatform and CPS channels (E5).
    CardIssuance,
    /// PIN blocks in transit (P0).
    PinEncryption,
    /// PIN verification values, Visa method (V2).
    PinVerificationPvv,
    /// PIN verification, IBM 3624 (V1).
    PinVerificationIbm3624,
    /// Issuer private key that signs ICC certificates (S0).
    EmvIssuerPrivate,
    /// Certification authority's private key; test CA only (S2).
    EmvCaPrivate,
    /// Private key of the authority that certifies keys of access cards (S0).
    CertificateSigning,
    /// Private key that signs what access cards hold: identifiers, security objects (S0).
    ContentSigning,
    /// Transport key between data preparation and personalization device (K0).
    Transport,
    /// Protects key blocks (K1).
    KeyBlockProtection,
    /// Private key that receives keys: RSA-OAEP, ECDH, TR-34 (K3).
    KeyExchange,
    /// Private key that signs key packages and requests of a site (S0).
    PackageSigning,
}

impl KeyUse {
    /// All uses with the names that sources and bundles use.
    pub const NAMES: [(KeyUse, &'static str); 18] = [
        (KeyUse::CardVerification, "card_verification"),
        (
            KeyUse::EmvApplicationCryptogram,
            "emv.application_cryptogram",
        ),
        (
            KeyUse::EmvSecureMessagingConfidentiality,
            "emv.secure_messaging_confidentiality",
        ),
        (
            KeyUse::EmvSecureMessagingIntegrity,
            "emv.secure_messaging_integrity",
        ),
        (KeyUse::CardIssuance, "card_issuance"),
        (KeyUse::CardKey, "card_key"),
        (KeyUse::PinEncryption, "pin_encryption"),
        (KeyUse::PinVerificationPvv, "pin_verification_pvv"),
        (KeyUse::PinVerificationIbm3624, "pin_verification_ibm3624"),
        (KeyUse::EmvDynamicNumbers, "emv.dynamic_numbers"),
        (KeyUse::EmvIssuerPrivate, "emv.issuer_private"),
        (KeyUse::EmvCaPrivate, "emv.ca_private"),
        (KeyUse::CertificateSigning, "certificate_signing"),
        (KeyUse::ContentSigning, "content_signing"),
        (KeyUse::Transport, "transport"),
        (KeyUse::KeyBlockProtection, "key_block_protection"),
        (KeyUse::KeyExchange, "key_exchange"),
        (KeyUse::PackageSigning, "package_signing"),
    ];

    /// The use by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(_, n)| *n == name)
            .map(|(u, _)| *u)
    }
}

/// A key as a bundle asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    /// Name, qualified by the issuer: `aurora.imk_ac`.
    pub name: String,
    /// `tdes2`, `tdes3`, `aes128`, `aes192`, `aes256`, `rsa`.
    pub algorithm: String,
    /// RSA modulus bits, else 0.
    pub bits: u32,
    /// RSA public exponent, else 0.
    pub exponent: u32,
    /// Its only use.
    pub usage: KeyUse,
}

/// A bound key of one HSM; a number that means nothing elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHandle(pub u32);

/// How a check value is made (see the standards' page on check values).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckMethod {
    /// First 3 octets of the encryption of zeros (DES).
    Ecb,
    /// First 3 octets of the encryption of sixteen 01 (AES, GlobalPlatform and CPS).
    Gp,
    /// First 5 octets of the CMAC over zeros (AES, X9.24).
    Cmac,
    /// First 8 octets of SHA-256 over the modulus (RSA).
    Sha256,
}

/// For what a random value is drawn. A value is drawn once and bound to its order; a soft HSM
/// derives it from its own entropy and this label, so that lanes can't change it.
#[derive(Clone, Copy, Debug)]
pub struct Draw<'a> {
    /// Job identifier.
    pub job: &'a str,
    /// Order number in the job.
    pub order: u64,
    /// What it is for, such as `icc_key debit`.
    pub purpose: &'a str,
}

/// A PIN under the HSM's own storage key. Opaque; safe to store encrypted at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPin(pub Vec<u8>);

/// Octets under the HSM's own storage key, authenticated. Opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Ciphertext.
    pub blob: Vec<u8>,
    /// Length of the clear octets.
    pub clear_length: u32,
    /// Check values that may be public, such as DGI 9000's; may be empty.
    pub check_values: Vec<u8>,
}

/// A new ICC key: public half, and the five CRT components sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IccKey {
    /// Modulus, big endian.
    pub modulus: Vec<u8>,
    /// Public exponent.
    pub exponent: u32,
    /// q^-1 mod p, d mod q-1, d mod p-1, q, p: the order of DGIs 8201 to 8205, each of
    /// ceil(bits / 16) octets.
    pub components: [Sealed; 5],
}

/// Key derivation option of EMV Book 2 A1.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derivation {
    /// Option A.
    A,
    /// Option B: hash for PANs over 16 digits.
    B,
    /// Option C: AES.
    C,
}

/// What an ICC public key certificate (9F46) says beside the key.
#[derive(Clone, Copy, Debug)]
pub struct IccCertificateFields<'a> {
    /// PAN.
    pub pan: &'a str,
    /// MMYY.
    pub expiry_mmyy: &'a str,
    /// Serial number.
    pub serial: [u8; 3],
    /// ICC modulus.
    pub modulus: &'a [u8],
    /// ICC exponent.
    pub exponent: u32,
    /// Static data to be authenticated.
    pub static_data: &'a [u8],
}

/// What an issuer public key certificate (90) says; for the test CA.
#[derive(Clone, Copy, Debug)]
pub struct IssuerCertificateFields<'a> {
    /// Leftmost 3 to 8 digits of the PAN.
    pub issuer_identifier: &'a str,
    /// MMYY.
    pub expiry_mmyy: &'a str,
    /// Serial number.
    pub serial: [u8; 3],
    /// Issuer modulus.
    pub modulus: &'a [u8],
    /// Issuer exponent.
    pub exponent: u32,
}

/// A certificate and what did not fit into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Tag 90 or 9F46.
    pub certificate: Vec<u8>,
    /// Tag 92 or 9F48; empty when the whole modulus fits.
    pub remainder: Vec<u8>,
}

/// IBM 3624 parameters.
#[derive(Clone, Copy, Debug)]
pub struct Ibm3624<'a> {
    /// Sixteen digits.
    pub decimalisation_table: &'a str,
    /// First PAN digit of the validation data, from 0.
    pub validation_start: usize,
    /// Digits of the validation data.
    pub validation_length: usize,
    /// Pad nibble, `0` to `F`.
    pub pad: char,
}

/// Secure channel protocol and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelSpec {
    /// 2 or 3.
    pub protocol: u8,
    /// Option i.
    pub option: u8,
    /// Security level of EXTERNAL AUTHENTICATE.
    pub security_level: u8,
    /// Card issuance master key.
    pub key: KeyHandle,
    /// Diversification of the master key.
    pub diversification: Diversification,
    /// Key version number.
    pub key_version: u8,
    /// Deviation of some cards: SCP03 counts only commands with data.
    pub counts_data_only: bool,
}

/// New channel keys of a card: PUT KEY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewCardKeys {
    /// Card issuance master key of the same algorithm as the channel's.
    pub key: KeyHandle,
    /// Diversification, over the card's own key data.
    pub diversification: Diversification,
    /// Version of the new keys.
    pub version: u8,
}

/// What a chip takes under its channel's key for sensitive data and no program may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CardSecret {
    /// Derived master keys, as they are.
    MasterKeys,
    /// Derived master keys among other octets of one value.
    JoinedKeys,
    /// The numbers of the chip's own RSA key.
    RsaKey,
    /// New channel keys.
    NewKeys {
        /// Their master key.
        key: KeyHandle,
        /// Its diversification.
        diversification: Diversification,
    },
}

/// How card keys come from the master key (GlobalPlatform practice).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Diversification {
    /// EMV CPS: KDD octets 4 to 9.
    Emv,
    /// VISA2.
    Visa2,
    /// VISA1.
    Visa,
    /// CMAC counter KDF for AES.
    Kdf3,
    /// The master key itself; test cards only.
    None,
}

/// An open channel inside one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelId(pub u32);

/// Padding before encryption for the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DekPadding {
    /// None.
    None,
    /// `80 00…` always.
    Iso7816Always,
    /// `80 00…` if not aligned.
    Iso7816IfNeeded,
    /// PKCS #7.
    Pkcs7,
    /// Zeros if not aligned.
    Zeros,
}

/// How a PIN stands in what a card keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardPinFormat {
    /// Digits in ASCII, filled with FF to 8 octets (SP 800-73).
    Ascii,
    /// ISO 9564-1 format 0, bound to the PAN.
    Iso0,
    /// Format 1: `1 L`, digits, random fill.
    Iso1,
    /// Format 2: `2 L`, digits, F fill.
    Iso2,
    /// Digits packed, F fill, 8 octets.
    Packed,
    /// `0 L`, digits, F fill, without a PAN.
    Plain0,
}

impl CardPinFormat {
    /// All formats with the names that sources and bundles use, sorted.
    pub const NAMES: [(&'static str, CardPinFormat); 6] = [
        ("ascii", CardPinFormat::Ascii),
        ("iso0", CardPinFormat::Iso0),
        ("iso1", CardPinFormat::Iso1),
        ("iso2", CardPinFormat::Iso2),
        ("packed", CardPinFormat::Packed),
        ("plain0", CardPinFormat::Plain0),
    ];

    /// The format by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, format)| *format)
    }
}

/// A part of a blob that the HSM puts together.
#[derive(Clone, Copy, Debug)]
pub enum BlobPart<'a> {
    /// Octets.
    Clear(&'a [u8]),
    /// Octets that the HSM sealed.
    Sealed(&'a Sealed),
}

/// Which card's keys an issuer-side EMV operation needs.
#[derive(Clone, Copy, Debug)]
pub struct IccKeyPath<'a> {
    /// Issuer master key.
    pub issuer_master_key: KeyHandle,
    /// Option.
    pub derivation: Derivation,
    /// PAN.
    pub pan: &'a str,
    /// PAN sequence number.
    pub psn: &'a str,
    /// Application transaction counter.
    pub atc: u16,
}

/// What an HSM says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HsmInfo {
    /// Product name.
    pub name: String,
    /// True when it may hold test keys only and must refuse LIVE bundles.
    pub test_only: bool,
}

/// An HSM.
pub trait Hsm: Send + Sync {
    /// Name and kind.
    fn info(&self) -> HsmInfo;
    /// Opens a session; one per worker.
    fn open_session(&self) -> Result<Box<dyn HsmSession>, HsmError>;
}

/// One session. Handles are valid in every session of the same HSM.
pub trait HsmSession: Send {
    /// Finds a key and checks algorithm, size and use. A soft HSM makes the open test key of that
    /// name when it has none.
    fn bind(&mut self, request: &KeyRequest) -> Result<KeyHandle, HsmError>;
    /// Check value.
    fn check_value(&mut self, key: KeyHandle, method: CheckMethod) -> Result<Vec<u8>, HsmError>;
    /// Modulus and exponent of an RSA key.
    fn public_key(&mut self, key: KeyHandle) -> Result<(Vec<u8>, u32), HsmError>;
    /// Random octets that need not be secret, such as a terminal's unpredictable number.
    fn random(&mut self, draw: &Draw<'_>, length: usize) -> Result<Vec<u8>, HsmError>;

    /// A new data key for a job (32 octets), wrapped under the HSM's storage key.
    fn new_job_key(&mut self, job: &str) -> Result<Vec<u8>, HsmError>;
    /// Unwraps a job key for use in memory.
    fn open_job_key(&mut self, job: &str, wrapped: &[u8]) -> Result<SecretBytes, HsmError>;

    /// CVV, CVV2 (service 000), iCVV (service 999): three digits. `expiry` as the issuer orders it.
    fn card_verification_value(
        &mut self,
        key: KeyHandle,
        pan: &str,
        expiry: &str,
        service_code: &str,
    ) -> Result<String, HsmError>;

    /// A random PIN of 4 to 12 digits.
    fn generate_pin(&mut self, length: u8, draw: &Draw<'_>) -> Result<SealedPin, HsmError>;
    /// Takes an enciphered PIN block in (formats 0, 1, 3, 4).
    fn import_pin_block(
        &mut self,
        key: KeyHandle,
        format: u8,
        block: &[u8],
        pan: &str,
    ) -> Result<SealedPin, HsmError>;
    /// Gives a PIN out as an enciphered block (formats 0, 1, 3, 4).
    fn export_pin_block(
        &mut self,
        pin: &SealedPin,
        key: KeyHandle,
        format: u8,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Vec<u8>, HsmError>;
    /// Reference PIN block of format 2 for the card (DGI 8010), sealed.
    fn card_pin_block(&mut self, pin: &SealedPin) -> Result<Sealed, HsmError>;
    /// The PIN as a card product keeps it, sealed; random fill is drawn.
    fn card_pin_field(
        &mut self,
        pin: &SealedPin,
        format: CardPinFormat,
        pan: &str,
        draw: &Draw<'_>,
    ) -> Result<Sealed, HsmError>;
    /// Octets and sealed octets one after another, sealed as one value; its check values are those
    /// of the parts.
    fn join_sealed(&mut self, parts: &[BlobPart<'_>]) -> Result<Sealed, HsmError>;
    /// Visa PIN verification value, four digits.
    fn pin_verification_value(
        &mut self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        pvki: u8,
    ) -> Result<String, HsmError>;
    /// IBM 3624 offset.
    fn ibm3624_offset(
        &mut self,
        key: KeyHandle,
        pan: &str,
        pin: &SealedPin,
        parameters: &Ibm3624<'_>,
    ) -> Result<String, HsmError>;
    /// IBM 3624 natural PIN.
    fn natural_pin(
        &mut self,
        key: KeyHandle,
        pan: &str,
        length: u8,
        parameters: &Ibm3624<'_>,
    ) -> Result<SealedPin, HsmError>;
    /// The clear PIN, for the page that is being drawn and for nothing else.
    fn reveal_pin(&mut self, pin: &SealedPin) -> Result<SecretDigits, HsmError>;

    /// ICC master keys AC, SM integrity, SM confidentiality in this order, sealed as one value
    /// (DGI 8000); `check_values` holds theirs in the same order (DGI 9000).
    fn icc_master_keys(
        &mut self,
        derivation: Derivation,
        keys: [KeyHandle; 3],
        pan: &str,
        psn: &str,
    ) -> Result<Sealed, HsmError>;
    /// A card's own key by EMV's derivation from an issuer master key of any card use, sealed;
    /// `check_values` holds its three octets.
    fn card_key(
        &mut self,
        derivation: Derivation,
        key: KeyHandle,
        account: &str,
        sequence: &str,
    ) -> Result<Sealed, HsmError>;
    /// A new ICC RSA key; bits is a multiple of 8 from 512 to 1984, exponent 3 or 65537.
    fn icc_rsa_key(
        &mut self,
        bits: u32,
        exponent: u32,
        draw: &Draw<'_>,
    ) -> Result<IccKey, HsmError>;
    /// ICC public key certificate (EMV Book 2, 6.1).
    fn sign_icc_certificate(
        &mut self,
        issuer: KeyHandle,
        fields: &IccCertificateFields<'_>,
    ) -> Result<Certificate, HsmError>;
    /// Signed static application data (tag 93).
    fn sign_static_data(
        &mut self,
        issuer: KeyHandle,
        data_authentication_code: [u8; 2],
        static_data: &[u8],
    ) -> Result<Vec<u8>, HsmError>;
    /// Issuer public key certificate by a test CA.
    fn sign_issuer_certificate(
        &mut self,
        ca: KeyHandle,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, HsmError>;

    /// Sealed octets under a transport key, for an output file: ECB for DES keys, CBC with IV zero
    /// for AES keys, `80 00…` padded if needed (EMV CPS 2.0).
    fn export_sealed(&mut self, sealed: &Sealed, transport: KeyHandle)
    -> Result<Vec<u8>, HsmError>;
    /// The same for a card that knows the transport key, padded as it wants it.
    fn encipher_for_card(
        &mut self,
        sealed: &Sealed,
        transport: KeyHandle,
        padding: DekPadding,
    ) -> Result<Vec<u8>, HsmError>;
    /// Public octets that are sensitive (a track) under a transport key; same padding, always.
    fn encrypt_for_transport(
        &mut self,
        clear: &[u8],
        transport: KeyHandle,
    ) -> Result<Vec<u8>, HsmError>;

    /// Whether this HSM can open such channels and send such secrets in them, asked before a job begins,
    /// so that no chip is spoilt to find out. An HSM that refuses at the moment of use says nothing here.
    fn check_channel(
        &mut self,
        _spec: &ChannelSpec,
        _secrets: &[CardSecret],
    ) -> Result<(), HsmError> {
        Ok(())
    }
    /// Starts a GlobalPlatform channel: the INITIALIZE UPDATE command.
    fn begin_channel(
        &mut self,
        spec: &ChannelSpec,
        draw: &Draw<'_>,
    ) -> Result<(ChannelId, Vec<u8>), HsmError>;
    /// Checks the card's answer (data and status word) and gives EXTERNAL AUTHENTICATE.
    fn authenticate_channel(
        &mut self,
        channel: ChannelId,
        answer: &[u8],
    ) -> Result<Vec<u8>, HsmError>;
    /// Secures a command: `CLA INS P1 P2 Lc data` becomes what goes over the wire.
    fn wrap(&mut self, channel: ChannelId, command: &[u8]) -> Result<Vec<u8>, HsmError>;
    /// Checks and opens an answer (data and status word).
    fn unwrap(&mut self, channel: ChannelId, answer: &[u8]) -> Result<Vec<u8>, HsmError>;
    /// Sealed octets under the channel's data encryption key, padded as the card wants it.
    fn recode(
        &mut self,
        channel: ChannelId,
        sealed: &Sealed,
        padding: DekPadding,
    ) -> Result<Vec<u8>, HsmError>;
    /// Many sealed values of one card, each with its padding, as [`HsmSession::recode`] gives them one by
    /// one; a driver that can opens them with fewer calls of its own.
    fn recode_all(
        &mut self,
        channel: ChannelId,
        values: &[(Sealed, DekPadding)],
    ) -> Result<Vec<Vec<u8>>, HsmError> {
        let each = values.iter();
        each.map(|(sealed, padding)| self.recode(channel, sealed, *padding))
            .collect()
    }
    /// Secures a command whose data the HSM alone knows, in a channel that enciphers them.
    fn wrap_sealed(
        &mut self,
        channel: ChannelId,
        header: [u8; 4],
        data: &Sealed,
    ) -> Result<Vec<u8>, HsmError>;
    /// Signs with SHA-256 and RSA (PKCS #1 v1.5) and gives the signature: a key for certificates the
    /// TBSCertificate of a card's key (RFC 5280), a key for contents the signed attributes of a PIV
    /// object (RFC 5652, 5.4; FIPS 201-2, 4.2.1). Neither signs what is the other's.
    fn sign_certificate(
        &mut self,
        authority: KeyHandle,
        to_be_signed: &[u8],
    ) -> Result<Vec<u8>, HsmError>;
    /// One block of a challenge and response under a card's own AES key, which was sealed; what a
    /// host does to authenticate itself (SP 800-73-4 part 2, appendix A.1).
    fn cipher_challenge(
        &mut self,
        key: &Sealed,
        block: &[u8],
        decipher: bool,
    ) -> Result<Vec<u8>, HsmError>;
    /// Data of PUT KEY for the card at the other end of a channel, and the answer that proves that
    /// it took them: version and check values (GlobalPlatform 2.3.1, 11.8).
    fn put_card_keys(
        &mut self,
        channel: ChannelId,
        new: &NewCardKeys,
    ) -> Result<(Vec<u8>, Vec<u8>), HsmError>;
    /// Many calls of card data at once, answered in their order; a driver that can joins them into
    /// fewer calls of its own. Each answer is what the call by itself would give.
    fn batch(
        &mut self,
        calls: &[crate::batch::CardCall<'_>],
    ) -> Vec<Result<crate::batch::CardAnswer, HsmError>> {
        calls.iter().map(|call| call.perform(self)).collect()
    }
    /// Forgets a channel and its session keys.
    fn close_channel(&mut self, channel: ChannelId);
    /// The card before this worker has left: whatever a driver keeps of its keys, so that they are made
    /// once for all its channels and transactions, is wiped.
    fn forget_card(&mut self) {}

    /// The vector that a card starts its dynamic codes from: the last two octets of the MAC over a
    /// track's static data under the card's own key. The path's counter says nothing here.
    fn dynamic_code_vector(
        &mut self,
        path: &IccKeyPath<'_>,
        track: &[u8],
    ) -> Result<[u8; 2], HsmError>;
    /// Whether a dynamic card verification code (CVC3) is the card's, for a track's static data, the
    /// terminal's number and the path's counter.
    fn verify_dynamic_code(
        &mut self,
        path: &IccKeyPath<'_>,
        track: &[u8],
        unpredictable_number: [u8; 4],
        code: [u8; 2],
    ) -> Result<bool, HsmError>;
    /// Whether an application cryptogram is the card's (common session key, EMV padding; DES MAC
    /// or, for option C, CMAC).
    fn verify_cryptogram(
        &mut self,
        path: &IccKeyPath<'_>,
        data: &[u8],
        cryptogram: &[u8],
    ) -> Result<bool, HsmError>;
    /// Issuer's answer by ARPC method 2: 4 octets over ARQC and card status update.
    fn arpc(
        &mut self,
        path: &IccKeyPath<'_>,
        arqc: &[u8],
        card_status_update: [u8; 4],
    ) -> Result<Vec<u8>, HsmError>;
    /// The PIN enciphered for VERIFY (EMV Book 2, 7.2): under the card's public key, with the
    /// card's challenge.
    fn encipher_offline_pin(
        &mut self,
        pin: &SealedPin,
        modulus: &[u8],
        exponent: u32,
        icc_challenge: &[u8],
        draw: &Draw<'_>,
    ) -> Result<Vec<u8>, HsmError>;
    /// The clear format 2 block for a plain VERIFY; validation of test cards only.
    fn plain_offline_pin(&mut self, pin: &SealedPin) -> Result<SecretBytes, HsmError>;
}
