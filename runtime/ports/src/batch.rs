//! Calls that make a card's data, as data: a driver may carry many of them out with few calls of its
//! own, such as all verification values of a hundred cards in one encryption.

use crate::hsm::{
    BlobPart, CardPinFormat, Certificate, Derivation, Draw, HsmError, HsmSession, Ibm3624,
    IccCertificateFields, IccKey, IccKeyPath, KeyHandle, Sealed, SealedPin,
};
use std::borrow::Cow;

/// What a drawn value is for; see [`Draw`].
#[derive(Clone)]
pub struct Label<'a> {
    /// Job.
    pub job: &'a str,
    /// Order number in the job.
    pub order: u64,
    /// What it is for.
    pub purpose: Cow<'a, str>,
}

impl Label<'_> {
    /// As the port's draws name it.
    pub fn draw(&self) -> Draw<'_> {
        Draw {
            job: self.job,
            order: self.order,
            purpose: &self.purpose,
        }
    }
}

/// A call for one card; each variant is the intent of its name in [`HsmSession`].
#[derive(Clone)]
#[allow(missing_docs, reason = "fields are the arguments of the intent")]
pub enum CardCall<'a> {
    CardVerificationValue {
        key: KeyHandle,
        pan: &'a str,
        expiry: &'a str,
        service_code: &'a str,
    },
    JoinSealed {
        parts: Vec<BlobPart<'a>>,
    },
    IccMasterKeys {
        derivation: Derivation,
        keys: [KeyHandle; 3],
        pan: &'a str,
        psn: &'a str,
    },
    CardKey {
        derivation: Derivation,
        key: KeyHandle,
        account: &'a str,
        sequence: &'a str,
    },
    EncryptForTransport {
        clear: &'a [u8],
        transport: KeyHandle,
    },
    ExportSealed {
        sealed: Cow<'a, Sealed>,
        transport: KeyHandle,
    },
    DynamicCodeVector {
        path: IccKeyPath<'a>,
        track: &'a [u8],
    },
    /// Of a PIN.
    Pin(PinCall<'a>),
    /// Of RSA.
    Rsa(RsaCall<'a>),
}

/// A call about a PIN.
#[derive(Clone)]
#[allow(missing_docs, reason = "fields are the arguments of the intent")]
pub enum PinCall<'a> {
    Generate {
        length: u8,
        label: Label<'a>,
    },
    Import {
        key: KeyHandle,
        format: u8,
        block: &'a [u8],
        pan: &'a str,
    },
    Export {
        pin: &'a SealedPin,
        key: KeyHandle,
        format: u8,
        pan: &'a str,
        label: Label<'a>,
    },
    CardBlock {
        pin: &'a SealedPin,
    },
    CardField {
        pin: &'a SealedPin,
        format: CardPinFormat,
        pan: &'a str,
        label: Label<'a>,
    },
    VerificationValue {
        key: KeyHandle,
        pan: &'a str,
        pin: &'a SealedPin,
        pvki: u8,
    },
    Ibm3624Offset {
        key: KeyHandle,
        pan: &'a str,
        pin: &'a SealedPin,
        parameters: Ibm3624<'a>,
    },
    Natural {
        key: KeyHandle,
        pan: &'a str,
        length: u8,
        parameters: Ibm3624<'a>,
    },
}

/// A call that makes an RSA key or signs with one.
#[derive(Clone)]
#[allow(missing_docs, reason = "fields are the arguments of the intent")]
pub enum RsaCall<'a> {
    IccKey {
        bits: u32,
        exponent: u32,
        label: Label<'a>,
    },
    IccCertificate {
        issuer: KeyHandle,
        pan: &'a str,
        expiry_mmyy: String,
        serial: [u8; 3],
        modulus: &'a [u8],
        exponent: u32,
        static_data: &'a [u8],
    },
    StaticData {
        issuer: KeyHandle,
        data_authentication_code: [u8; 2],
        static_data: &'a [u8],
    },
}

/// What a call gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardAnswer {
    /// Digits.
    Text(String),
    /// Octets.
    Octets(Vec<u8>),
    /// A PIN, sealed.
    Pin(SealedPin),
    /// Octets, sealed.
    Sealed(Sealed),
    /// A chip's key.
    IccKey(Box<IccKey>),
    /// A certificate.
    Certificate(Certificate),
}

impl CardCall<'_> {
    /// Carries the call out by itself.
    pub fn perform<S: HsmSession + ?Sized>(&self, session: &mut S) -> Result<CardAnswer, HsmError> {
        use CardAnswer as A;
        Ok(match self {
            Self::CardVerificationValue {
                key,
                pan,
                expiry,
                service_code,
            } => A::Text(session.card_verification_value(*key, pan, expiry, service_code)?),
            Self::JoinSealed { parts } => A::Sealed(session.join_sealed(parts)?),
            Self::IccMasterKeys {
                derivation,
                keys,
                pan,
                psn,
            } => A::Sealed(session.icc_master_keys(*derivation, *keys, pan, psn)?),
            Self::CardKey {
                derivation,
                key,
                account,
                sequence,
            } => A::Sealed(session.card_key(*derivation, *key, account, sequence)?),
            Self::EncryptForTransport { clear, transport } => {
                A::Octets(session.encrypt_for_transport(clear, *transport)?)
            }
            Self::ExportSealed { sealed, transport } => {
                A::Octets(session.export_sealed(sealed, *transport)?)
            }
            Self::DynamicCodeVector { path, track } => {
                A::Octets(session.dynamic_code_vector(path, track)?.to_vec())
            }
            Self::Pin(call) => call.perform(session)?,
            Self::Rsa(call) => call.perform(session)?,
        })
    }
}

impl RsaCall<'_> {
    fn perform<S: HsmSession + ?Sized>(&self, session: &mut S) -> Result<CardAnswer, HsmError> {
        match self {
            Self::IccCertificate {
                issuer,
                pan,
                expiry_mmyy,
                serial,
                modulus,
                exponent,
                static_data,
            } => {
                let fields = IccCertificateFields {
                    pan,
                    expiry_mmyy,
                    serial: *serial,
                    modulus,
                    exponent: *exponent,
                    static_data,
                };
                let certificate = session.sign_icc_certificate(*issuer, &fields)?;
                Ok(CardAnswer::Certificate(certificate))
            }
            Self::StaticData {
                issuer,
                data_authentication_code,
                static_data,
            } => {
                let code = *data_authentication_code;
                let signed = session.sign_static_data(*issuer, code, static_data)?;
                Ok(CardAnswer::Octets(signed))
            }
            Self::IccKey {
                bits,
                exponent,
                label,
            } => {
                let key = session.icc_rsa_key(*bits, *exponent, &label.draw())?;
                Ok(CardAnswer::IccKey(Box::new(key)))
            }
        }
    }
}

impl PinCall<'_> {
    fn perform<S: HsmSession + ?Sized>(&self, session: &mut S) -> Result<CardAnswer, HsmError> {
        use CardAnswer as A;
        Ok(match self {
            Self::Generate { length, label } => {
                A::Pin(session.generate_pin(*length, &label.draw())?)
            }
            Self::Import {
                key,
                format,
                block,
                pan,
            } => A::Pin(session.import_pin_block(*key, *format, block, pan)?),
            Self::Export {
                pin,
                key,
                format,
                pan,
                label,
            } => A::Octets(session.export_pin_block(pin, *key, *format, pan, &label.draw())?),
            Self::CardBlock { pin } => A::Sealed(session.card_pin_block(pin)?),
            Self::CardField {
                pin,
                format,
                pan,
                label,
            } => A::Sealed(session.card_pin_field(pin, *format, pan, &label.draw())?),
            Self::VerificationValue {
                key,
                pan,
                pin,
                pvki,
            } => A::Text(session.pin_verification_value(*key, pan, pin, *pvki)?),
            Self::Ibm3624Offset {
                key,
                pan,
                pin,
                parameters,
            } => A::Text(session.ibm3624_offset(*key, pan, pin, parameters)?),
            Self::Natural {
                key,
                pan,
                length,
                parameters,
            } => A::Pin(session.natural_pin(*key, pan, *length, parameters)?),
        })
    }
}
