//! A program's intents as calls to the HSM, and its answers as values.

use super::Draws;
use crate::{Date, RuntimeError, Value, load::broken};
use cardwright_ports::batch::{CardAnswer, CardCall, Label, PinCall, RsaCall};
use cardwright_ports::hsm::{
    BlobPart, CardPinFormat, Derivation, Ibm3624, IccKey, IccKeyPath, KeyHandle, SealedPin,
};
use std::borrow::Cow;

/// An intent of the instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    BlobJoin,
    CardKey,
    Cvc3Vector,
    Cvv,
    Encrypt,
    IccCertificate,
    Ibm3624Offset,
    MasterKeys,
    PinCardBlock,
    PinCardField,
    PinDraw,
    PinExport,
    PinGenerate,
    PinImport,
    PinNatural,
    Pvv,
    RsaGenerate,
    SignStaticData,
}

impl Intent {
    const NAMES: [(Self, &'static str); 18] = [
        (Self::BlobJoin, "blob.join"),
        (Self::CardKey, "key.card"),
        (Self::Cvc3Vector, "emv.cvc3_vector"),
        (Self::Cvv, "cvv"),
        (Self::Encrypt, "encrypt"),
        (Self::IccCertificate, "emv.icc_certificate"),
        (Self::Ibm3624Offset, "ibm3624_offset"),
        (Self::MasterKeys, "emv.master_keys"),
        (Self::PinCardBlock, "pin.card_block"),
        (Self::PinCardField, "pin.card_field"),
        (Self::PinDraw, "pin.draw"),
        (Self::PinExport, "pin.export"),
        (Self::PinGenerate, "pin.generate"),
        (Self::PinImport, "pin.import"),
        (Self::PinNatural, "pin.natural"),
        (Self::Pvv, "pvv"),
        (Self::RsaGenerate, "rsa.generate"),
        (Self::SignStaticData, "emv.sign_static_data"),
    ];

    /// The intent by its name in the bundle.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(_, n)| *n == name)
            .map(|(intent, _)| *intent)
    }
}

struct Args<'s, 'a>(&'s [&'a Value]);

impl<'a> Args<'_, 'a> {
    fn get(&self, at: usize) -> Result<&'a Value, RuntimeError> {
        self.0
            .get(at)
            .copied()
            .ok_or_else(|| broken("an operand that is not there"))
    }
    fn text(&self, at: usize) -> Result<&'a str, RuntimeError> {
        self.get(at)?.text().ok_or_else(wrong_type)
    }
    fn bytes(&self, at: usize) -> Result<&'a [u8], RuntimeError> {
        self.get(at)?.bytes().ok_or_else(wrong_type)
    }
    fn number(&self, at: usize) -> Result<i64, RuntimeError> {
        self.get(at)?.number().ok_or_else(wrong_type)
    }
    fn small(&self, at: usize) -> Result<u8, RuntimeError> {
        u8::try_from(self.number(at)?).map_err(|_| wrong_type())
    }
    fn date(&self, at: usize) -> Result<Date, RuntimeError> {
        self.get(at)?.date().ok_or_else(wrong_type)
    }
    fn pin(&self, at: usize) -> Result<&'a SealedPin, RuntimeError> {
        self.get(at)?.pin().ok_or_else(wrong_type)
    }
    fn blob(&self) -> Result<Vec<BlobPart<'a>>, RuntimeError> {
        let part = |value: &&'a Value| match *value {
            Value::Bytes(octets) => Ok(BlobPart::Clear(octets)),
            Value::Sealed(sealed) => Ok(BlobPart::Sealed(sealed)),
            _ => Err(wrong_type()),
        };
        self.0.iter().map(part).collect()
    }
    fn icc_key(&self, at: usize) -> Result<&'a IccKey, RuntimeError> {
        match self.get(at)? {
            Value::IccKey(key) => Ok(key),
            _ => Err(wrong_type()),
        }
    }
}

fn wrong_type() -> RuntimeError {
    broken("an operand of another type")
}

fn key(keys: &[KeyHandle], at: usize) -> Result<KeyHandle, RuntimeError> {
    keys.get(at)
        .copied()
        .ok_or_else(|| broken("a key that is not there"))
}

/// What an intent comes to before the HSM is asked.
pub(super) enum Planned<'a> {
    /// It was drawn before.
    Known(Value),
    /// A call, and where its answer is kept.
    Call(CardCall<'a>, Keep),
}

/// Under which purpose an answer is kept for the order.
pub(super) enum Keep {
    Not,
    Pin(String),
    IccKey(String),
}

/// For which order a value is drawn.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) job: &'a str,
    pub(super) order: u64,
}

impl<'a> Place<'a> {
    fn label(self, purpose: impl Into<Cow<'a, str>>) -> Label<'a> {
        Label {
            job: self.job,
            order: self.order,
            purpose: purpose.into(),
        }
    }
}

/// Makes the call of one intent; what was drawn for the order before is taken from its draws.
pub(super) fn plan<'a>(
    intent: Intent,
    keys: &[KeyHandle],
    args: &[&'a Value],
    place: Place<'a>,
    draws: &mut Draws,
) -> Result<Planned<'a>, RuntimeError> {
    let args = Args(args);
    let call = match intent {
        Intent::PinGenerate => return generated_pin(&args, "pin".to_owned(), place, draws),
        Intent::PinDraw => {
            let purpose = format!("pin {}", args.text(1)?);
            return generated_pin(&args, purpose, place, draws);
        }
        Intent::RsaGenerate => return rsa_key(&args, place, draws),
        Intent::Cvv => CardCall::CardVerificationValue {
            key: key(keys, 0)?,
            pan: args.text(0)?,
            expiry: args.text(1)?,
            service_code: args.text(2)?,
        },
        Intent::Encrypt => CardCall::EncryptForTransport {
            clear: args.bytes(0)?,
            transport: key(keys, 0)?,
        },
        Intent::MasterKeys => CardCall::IccMasterKeys {
            derivation: derivation(args.text(0)?)?,
            keys: [key(keys, 0)?, key(keys, 1)?, key(keys, 2)?],
            pan: args.text(1)?,
            psn: args.text(2)?,
        },
        Intent::Cvc3Vector => CardCall::DynamicCodeVector {
            path: IccKeyPath {
                issuer_master_key: key(keys, 0)?,
                derivation: derivation(args.text(0)?)?,
                pan: args.text(1)?,
                psn: args.text(2)?,
                atc: 0,
            },
            track: args.bytes(3)?,
        },
        Intent::BlobJoin => CardCall::JoinSealed {
            parts: args.blob()?,
        },
        Intent::CardKey => CardCall::CardKey {
            derivation: derivation(args.text(0)?)?,
            key: key(keys, 0)?,
            account: args.text(1)?,
            sequence: args.text(2)?,
        },
        Intent::IccCertificate => CardCall::Rsa(icc_certificate(key(keys, 0)?, &args)?),
        Intent::SignStaticData => CardCall::Rsa(RsaCall::StaticData {
            issuer: key(keys, 0)?,
            data_authentication_code: args.bytes(0)?.try_into().map_err(|_| wrong_type())?,
            static_data: args.bytes(1)?,
        }),
        _ => CardCall::Pin(pin_call(intent, keys, &args, place)?),
    };
    Ok(Planned::Call(call, Keep::Not))
}

/// The HSM's answer as a value; what was drawn is kept for the order.
pub(super) fn value(answer: CardAnswer, keep: &Keep, draws: &mut Draws) -> Value {
    match (&answer, keep) {
        (CardAnswer::Pin(pin), Keep::Pin(purpose)) => draws.keep_pin(purpose, pin),
        (CardAnswer::IccKey(key), Keep::IccKey(purpose)) => draws.keep_icc_key(purpose, key),
        _ => {}
    }
    match answer {
        CardAnswer::Text(text) => Value::Text(text),
        CardAnswer::Octets(octets) => Value::Bytes(octets),
        CardAnswer::Pin(pin) => Value::Pin(pin),
        CardAnswer::Sealed(sealed) => Value::Sealed(sealed),
        CardAnswer::IccKey(key) => Value::IccKey(key),
        CardAnswer::Certificate(certificate) => Value::Certificate(certificate),
    }
}

fn generated_pin<'a>(
    args: &Args<'_, 'a>,
    purpose: String,
    place: Place<'a>,
    draws: &Draws,
) -> Result<Planned<'a>, RuntimeError> {
    if let Some(drawn) = draws.pin(&purpose) {
        return Ok(Planned::Known(Value::Pin(drawn)));
    }
    let call = PinCall::Generate {
        length: args.small(0)?,
        label: place.label(purpose.clone()),
    };
    Ok(Planned::Call(CardCall::Pin(call), Keep::Pin(purpose)))
}

/// The chip's own key: drawn once, then kept.
fn rsa_key<'a>(
    args: &Args<'_, 'a>,
    place: Place<'a>,
    draws: &mut Draws,
) -> Result<Planned<'a>, RuntimeError> {
    let purpose = format!("icc_key {}", args.text(2)?);
    if let Some(drawn) = draws.icc_key(&purpose) {
        return Ok(Planned::Known(Value::IccKey(Box::new(drawn))));
    }
    let bits = u32::try_from(args.number(0)?).map_err(|_| wrong_type())?;
    let exponent = u32::try_from(args.number(1)?).map_err(|_| wrong_type())?;
    if let Some(ready) = draws.take_ready(bits, exponent) {
        draws.keep_icc_key(&purpose, &ready);
        return Ok(Planned::Known(Value::IccKey(Box::new(ready))));
    }
    let call = RsaCall::IccKey {
        bits,
        exponent,
        label: place.label(purpose.clone()),
    };
    Ok(Planned::Call(CardCall::Rsa(call), Keep::IccKey(purpose)))
}

/// Option of ICC master key derivation by its letter.
pub fn derivation(option: &str) -> Result<Derivation, RuntimeError> {
    match option {
        "a" => Ok(Derivation::A),
        "b" => Ok(Derivation::B),
        "c" => Ok(Derivation::C),
        _ => Err(broken("a key derivation option that is none")),
    }
}

fn icc_certificate<'a>(
    issuer: KeyHandle,
    args: &Args<'_, 'a>,
) -> Result<RsaCall<'a>, RuntimeError> {
    let icc_key = args.icc_key(3)?;
    // The serial number is the order's sequence in the job, the low three octets.
    let serial = (args.number(2)? as u64).to_be_bytes();
    let [.., a, b, c] = serial;
    Ok(RsaCall::IccCertificate {
        issuer,
        pan: args.text(0)?,
        expiry_mmyy: args.date(1)?.format("MMYY"),
        serial: [a, b, c],
        modulus: &icc_key.modulus,
        exponent: icc_key.exponent,
        static_data: args.bytes(4)?,
    })
}

fn pin_call<'a>(
    intent: Intent,
    keys: &[KeyHandle],
    args: &Args<'_, 'a>,
    place: Place<'a>,
) -> Result<PinCall<'a>, RuntimeError> {
    Ok(match intent {
        Intent::PinImport => PinCall::Import {
            key: key(keys, 0)?,
            format: args.small(2)?,
            block: args.bytes(0)?,
            pan: args.text(1)?,
        },
        Intent::PinExport => PinCall::Export {
            pin: args.pin(0)?,
            key: key(keys, 0)?,
            format: args.small(2)?,
            pan: args.text(1)?,
            // Another purpose than the PIN's own: a fill must never repeat the PIN's stream.
            label: place.label("pin_block_fill"),
        },
        Intent::PinCardBlock => PinCall::CardBlock { pin: args.pin(0)? },
        Intent::PinCardField => PinCall::CardField {
            pin: args.pin(0)?,
            format: CardPinFormat::from_name(args.text(1)?)
                .ok_or_else(|| broken("a PIN format of cards that is none"))?,
            pan: args.text(2)?,
            // A purpose of its own: a fill must never repeat the PIN's stream.
            label: place.label("card_pin_fill"),
        },
        Intent::Pvv => PinCall::VerificationValue {
            key: key(keys, 0)?,
            pan: args.text(0)?,
            pin: args.pin(1)?,
            pvki: args.small(2)?,
        },
        Intent::Ibm3624Offset => PinCall::Ibm3624Offset {
            key: key(keys, 0)?,
            pan: args.text(0)?,
            pin: args.pin(1)?,
            parameters: ibm(args)?,
        },
        Intent::PinNatural => PinCall::Natural {
            key: key(keys, 0)?,
            pan: args.text(0)?,
            length: args.small(1)?,
            parameters: ibm(args)?,
        },
        _ => return Err(broken("an intent that is not of PINs")),
    })
}

/// Parameters of IBM 3624: table, start, length and pad, from the third operand on.
fn ibm<'a>(args: &Args<'_, 'a>) -> Result<Ibm3624<'a>, RuntimeError> {
    let pad = args.text(5)?;
    Ok(Ibm3624 {
        decimalisation_table: args.text(2)?,
        validation_start: usize::try_from(args.number(3)?).map_err(|_| wrong_type())?,
        validation_length: usize::try_from(args.number(4)?).map_err(|_| wrong_type())?,
        pad: pad.chars().next().ok_or_else(wrong_type)?,
    })
}
