//! Carries a program's intents to the HSM.

use super::Draws;
use crate::{Date, RuntimeError, Value, load::broken};
use cardwright_ports::hsm::{
    BlobPart, CardPinFormat, Derivation, Draw, HsmSession, Ibm3624, IccCertificateFields, IccKey,
    IccKeyPath, KeyHandle, SealedPin,
};

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
    PinExport,
    PinGenerate,
    PinImport,
    PinNatural,
    Pvv,
    RsaGenerate,
    SignStaticData,
}

impl Intent {
    const NAMES: [(Self, &'static str); 17] = [
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

struct Args<'a>(&'a [&'a Value]);

impl<'a> Args<'a> {
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

/// Carries one intent out.
pub(super) fn perform(
    intent: Intent,
    keys: &[KeyHandle],
    args: &[&Value],
    session: &mut dyn HsmSession,
    job: &str,
    order: u64,
    draws: &mut Draws,
) -> Result<Value, RuntimeError> {
    let args = Args(args);
    match intent {
        Intent::Cvv => {
            let (pan, expiry, service) = (args.text(0)?, args.text(1)?, args.text(2)?);
            let digits = session.card_verification_value(key(keys, 0)?, pan, expiry, service)?;
            Ok(Value::Text(digits))
        }
        Intent::Encrypt => Ok(Value::Bytes(
            session.encrypt_for_transport(args.bytes(0)?, key(keys, 0)?)?,
        )),
        Intent::MasterKeys => {
            let option = derivation(args.text(0)?)?;
            let keys = [key(keys, 0)?, key(keys, 1)?, key(keys, 2)?];
            Ok(Value::Sealed(session.icc_master_keys(
                option,
                keys,
                args.text(1)?,
                args.text(2)?,
            )?))
        }
        Intent::Cvc3Vector => cvc3_vector(key(keys, 0)?, &args, session),
        Intent::BlobJoin => Ok(Value::Sealed(session.join_sealed(&args.blob()?)?)),
        Intent::CardKey => Ok(Value::Sealed(session.card_key(
            derivation(args.text(0)?)?,
            key(keys, 0)?,
            args.text(1)?,
            args.text(2)?,
        )?)),
        Intent::IccCertificate => icc_certificate(key(keys, 0)?, &args, session),
        Intent::SignStaticData => {
            let code = args.bytes(0)?.try_into().map_err(|_| wrong_type())?;
            Ok(Value::Bytes(session.sign_static_data(
                key(keys, 0)?,
                code,
                args.bytes(1)?,
            )?))
        }
        Intent::RsaGenerate => rsa_key(
            &args,
            session,
            Draw {
                job,
                order,
                purpose: "",
            },
            draws,
        ),
        _ => pin_intent(
            intent,
            keys,
            &args,
            session,
            &Draw {
                job,
                order,
                purpose: "pin",
            },
            draws,
        ),
    }
}

/// What a card starts the dynamic codes of a track from.
fn cvc3_vector(
    issuer: KeyHandle,
    args: &Args<'_>,
    session: &mut dyn HsmSession,
) -> Result<Value, RuntimeError> {
    let path = IccKeyPath {
        issuer_master_key: issuer,
        derivation: derivation(args.text(0)?)?,
        pan: args.text(1)?,
        psn: args.text(2)?,
        atc: 0,
    };
    let vector = session.dynamic_code_vector(&path, args.bytes(3)?)?;
    Ok(Value::Bytes(vector.to_vec()))
}

/// The chip's own key: drawn once, then kept.
fn rsa_key(
    args: &Args<'_>,
    session: &mut dyn HsmSession,
    draw: Draw<'_>,
    draws: &mut Draws,
) -> Result<Value, RuntimeError> {
    let purpose = format!("icc_key {}", args.text(2)?);
    if let Some(drawn) = draws.icc_key(&purpose) {
        return Ok(Value::IccKey(Box::new(drawn)));
    }
    let bits = u32::try_from(args.number(0)?).map_err(|_| wrong_type())?;
    let exponent = u32::try_from(args.number(1)?).map_err(|_| wrong_type())?;
    let draw = Draw {
        purpose: &purpose,
        ..draw
    };
    let icc_key = match draws.take_ready(bits, exponent) {
        Some(ready) => ready,
        None => session.icc_rsa_key(bits, exponent, &draw)?,
    };
    draws.keep_icc_key(&purpose, &icc_key);
    Ok(Value::IccKey(Box::new(icc_key)))
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

fn icc_certificate(
    issuer: KeyHandle,
    args: &Args<'_>,
    session: &mut dyn HsmSession,
) -> Result<Value, RuntimeError> {
    let icc_key = args.icc_key(3)?;
    let expiry = args.date(1)?.format("MMYY");
    // The serial number is the order's sequence in the job, the low three octets.
    let serial = (args.number(2)? as u64).to_be_bytes();
    let [.., a, b, c] = serial;
    let fields = IccCertificateFields {
        pan: args.text(0)?,
        expiry_mmyy: &expiry,
        serial: [a, b, c],
        modulus: &icc_key.modulus,
        exponent: icc_key.exponent,
        static_data: args.bytes(4)?,
    };
    Ok(Value::Certificate(
        session.sign_icc_certificate(issuer, &fields)?,
    ))
}

fn pin_intent(
    intent: Intent,
    keys: &[KeyHandle],
    args: &Args<'_>,
    session: &mut dyn HsmSession,
    draw: &Draw<'_>,
    draws: &mut Draws,
) -> Result<Value, RuntimeError> {
    Ok(match intent {
        Intent::PinGenerate => {
            if let Some(drawn) = draws.pin(draw.purpose) {
                return Ok(Value::Pin(drawn));
            }
            let pin = session.generate_pin(args.small(0)?, draw)?;
            draws.keep_pin(draw.purpose, &pin);
            Value::Pin(pin)
        }
        Intent::PinImport => Value::Pin(session.import_pin_block(
            key(keys, 0)?,
            args.small(2)?,
            args.bytes(0)?,
            args.text(1)?,
        )?),
        Intent::PinExport => Value::Bytes(session.export_pin_block(
            args.pin(0)?,
            key(keys, 0)?,
            args.small(2)?,
            args.text(1)?,
            // Another purpose than the PIN's own: a fill must never repeat the PIN's stream.
            &Draw {
                purpose: "pin_block_fill",
                ..*draw
            },
        )?),
        Intent::PinCardBlock => Value::Sealed(session.card_pin_block(args.pin(0)?)?),
        Intent::PinCardField => card_field(args, session, draw)?,
        Intent::Pvv => Value::Text(session.pin_verification_value(
            key(keys, 0)?,
            args.text(0)?,
            args.pin(1)?,
            args.small(2)?,
        )?),
        Intent::Ibm3624Offset => {
            let (start, length) = (args.number(3)?, args.number(4)?);
            let parameters = ibm(args.text(2)?, start, length, args.text(5)?)?;
            Value::Text(session.ibm3624_offset(
                key(keys, 0)?,
                args.text(0)?,
                args.pin(1)?,
                &parameters,
            )?)
        }
        Intent::PinNatural => {
            let (start, length) = (args.number(3)?, args.number(4)?);
            let parameters = ibm(args.text(2)?, start, length, args.text(5)?)?;
            Value::Pin(session.natural_pin(
                key(keys, 0)?,
                args.text(0)?,
                args.small(1)?,
                &parameters,
            )?)
        }
        _ => return Err(broken("an intent that is not of PINs")),
    })
}

/// A PIN as a card product keeps it.
fn card_field(
    args: &Args<'_>,
    session: &mut dyn HsmSession,
    draw: &Draw<'_>,
) -> Result<Value, RuntimeError> {
    let format = CardPinFormat::from_name(args.text(1)?);
    let format = format.ok_or_else(|| broken("a PIN format of cards that is none"))?;
    // A purpose of its own: a fill must never repeat the PIN's stream.
    let draw = Draw {
        purpose: "card_pin_fill",
        ..*draw
    };
    let sealed = session.card_pin_field(args.pin(0)?, format, args.text(2)?, &draw)?;
    Ok(Value::Sealed(sealed))
}

fn ibm<'a>(
    table: &'a str,
    start: i64,
    length: i64,
    pad: &str,
) -> Result<Ibm3624<'a>, RuntimeError> {
    Ok(Ibm3624 {
        decimalisation_table: table,
        validation_start: usize::try_from(start).map_err(|_| wrong_type())?,
        validation_length: usize::try_from(length).map_err(|_| wrong_type())?,
        pad: pad.chars().next().ok_or_else(wrong_type)?,
    })
}
