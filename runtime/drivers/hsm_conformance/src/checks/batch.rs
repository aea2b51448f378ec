//! Many calls at once: each answer is what the call by itself gives.

use std::borrow::Cow;

use cardwright_ports::batch::{CardAnswer, CardCall, Label, PinCall, RsaCall};
use cardwright_ports::hsm::{
    BlobPart, CardPinFormat, Derivation, Ibm3624, IccKeyPath, KeyHandle, Sealed, SealedPin,
};

use super::{LONG_PAN, OTHER_PAN, PAN, checks};
use crate::bench::{Bench, Checked, Stop, holds};

checks! {
    "batch.cards" "batch" "verification values of several cards at once, one of them malformed" PSEC cards;
    "batch.values" "batch" "values of many cards at once are those of one at a time; a bad card has its own error" PORT values;
    "batch.pins" "batch" "PINs of many cards at once are those of one at a time; a bad card has its own error" PORT pins;
    "batch.sealed" "batch" "sealed values and keys of many cards at once are those of one at a time" PORT sealed;
    "batch.rsa" "batch" "RSA keys and signatures of many cards at once are those of one at a time" PORT rsa;
    "batch.mixed" "batch" "calls of every kind in one batch are answered in their order" PORT mixed;
}

/// Expiry, service code and the name of the value; none is refused.
const WANTED: [(&str, &str, Option<&str>); 4] = [
    ("2812", "201", Some("cvv.track")),
    ("2812", "2O1", None),
    ("1228", "000", Some("cvv.printed_mmyy")),
    ("2812", "999", Some("cvv.chip")),
];

fn cards(b: &mut Bench<'_>) -> Checked {
    let key: KeyHandle = b.key("cvk")?;
    let calls: Vec<CardCall<'_>> = WANTED
        .iter()
        .map(
            |(expiry, service_code, _)| CardCall::CardVerificationValue {
                key,
                pan: PAN,
                expiry,
                service_code,
            },
        )
        .collect();
    let answers = b.session.batch(&calls);
    holds(answers.len() == WANTED.len(), "not one answer a call")?;
    for (answer, (_, _, expected)) in answers.into_iter().zip(WANTED) {
        match (answer, expected) {
            (Ok(CardAnswer::Text(digits)), Some(name)) => b.same_text(&digits, name)?,
            (Err(_), None) => {}
            (Err(error), Some(_)) => {
                return Err(Stop::Refused {
                    intent: "batch",
                    error,
                });
            }
            _ => return Err(Stop::Wrong("an answer of another call".to_owned())),
        }
    }
    Ok(())
}

/// PANs of the cards; the last one is none.
const PANS: [&str; 4] = [PAN, OTHER_PAN, LONG_PAN, "4761739"];

/// Asks one call after the other, then all at once, forwards and backwards: the same answers and the
/// same codes. Values that are drawn anew each time are of one kind and length only.
fn compare(b: &mut Bench<'_>, calls: &[CardCall<'_>]) -> Checked {
    let alone: Vec<_> = calls
        .iter()
        .map(|call| call.perform(b.session.as_mut()))
        .collect();
    let backwards: Vec<CardCall<'_>> = calls.iter().rev().cloned().collect();
    let mut turned = b.session.batch(&backwards);
    turned.reverse();
    for together in [b.session.batch(calls), turned] {
        holds(together.len() == calls.len(), "not one answer a call")?;
        for ((call, alone), together) in calls.iter().zip(&alone).zip(&together) {
            let same = match (alone, together) {
                (Ok(a), Ok(b)) => a == b,
                (Err(a), Err(b)) => a.code == b.code,
                _ => false,
            };
            let fresh =
                b.settings.fresh_draws.contains(&intent(call)) && alone.is_ok() == together.is_ok();
            if !same && !fresh {
                let what = format!("{}: {alone:?} alone, {together:?} among many", intent(call));
                return Err(Stop::Wrong(what));
            }
        }
    }
    Ok(())
}

/// The port's name of a call.
fn intent(call: &CardCall<'_>) -> &'static str {
    match call {
        CardCall::CardVerificationValue { .. } => "card_verification_value",
        CardCall::JoinSealed { .. } => "join_sealed",
        CardCall::IccMasterKeys { .. } => "icc_master_keys",
        CardCall::CardKey { .. } => "card_key",
        CardCall::EncryptForTransport { .. } => "encrypt_for_transport",
        CardCall::ExportSealed { .. } => "export_sealed",
        CardCall::DynamicCodeVector { .. } => "dynamic_code_vector",
        CardCall::Pin(PinCall::Generate { .. }) => "generate_pin",
        CardCall::Pin(PinCall::Import { .. }) => "import_pin_block",
        CardCall::Pin(PinCall::Export { .. }) => "export_pin_block",
        CardCall::Pin(PinCall::CardBlock { .. }) => "card_pin_block",
        CardCall::Pin(PinCall::CardField { .. }) => "card_pin_field",
        CardCall::Pin(PinCall::VerificationValue { .. }) => "pin_verification_value",
        CardCall::Pin(PinCall::Ibm3624Offset { .. }) => "ibm3624_offset",
        CardCall::Pin(PinCall::Natural { .. }) => "natural_pin",
        CardCall::Rsa(RsaCall::IccKey { .. }) => "icc_rsa_key",
        CardCall::Rsa(RsaCall::IccCertificate { .. }) => "sign_icc_certificate",
        CardCall::Rsa(RsaCall::StaticData { .. }) => "sign_static_data",
    }
}

fn label(order: usize, purpose: &'static str) -> Label<'static> {
    Label {
        job: "conformance kit",
        order: order as u64,
        purpose: Cow::Borrowed(purpose),
    }
}

/// Keys of the kit, each by its name.
struct Keys {
    cvk: KeyHandle,
    imks: [KeyHandle; 3],
    imks_aes: [KeyHandle; 3],
    dn: KeyHandle,
    transport: KeyHandle,
    transport_aes: KeyHandle,
}

impl Keys {
    fn of(b: &mut Bench<'_>) -> Result<Self, Stop> {
        Ok(Self {
            cvk: b.key("cvk")?,
            imks: [b.key("imk_ac")?, b.key("imk_smi")?, b.key("imk_smc")?],
            imks_aes: [
                b.key("imk_ac_aes")?,
                b.key("imk_smi_aes")?,
                b.key("imk_smc_aes")?,
            ],
            dn: b.key("imk_dn")?,
            transport: b.key("tk")?,
            transport_aes: b.key("tk_aes")?,
        })
    }

    fn values(&self) -> Vec<CardCall<'static>> {
        let mut calls = Vec::new();
        for (number, pan) in PANS.into_iter().enumerate() {
            for service_code in ["201", "000", "999"] {
                calls.push(CardCall::CardVerificationValue {
                    key: self.cvk,
                    pan,
                    expiry: "2812",
                    service_code,
                });
            }
            for transport in [self.transport, self.transport_aes] {
                // From none to some blocks; and the card that is none with a key that is none.
                let clear = pan.as_bytes().get(..4 * number).unwrap_or_default();
                calls.push(CardCall::EncryptForTransport { clear, transport });
            }
            calls.push(CardCall::EncryptForTransport {
                clear: b"a key of another use",
                transport: self.cvk,
            });
            for derivation in [Derivation::A, Derivation::B] {
                calls.push(CardCall::DynamicCodeVector {
                    path: IccKeyPath {
                        issuer_master_key: self.dn,
                        derivation,
                        pan,
                        psn: "00",
                        atc: 0,
                    },
                    track: b"a track's static data",
                });
            }
        }
        calls
    }

    fn derived(&self) -> Vec<CardCall<'static>> {
        let mut calls = Vec::new();
        for (pan, psn) in PANS.into_iter().zip(["00", "01", "02", "03"]) {
            for derivation in [Derivation::A, Derivation::B, Derivation::C] {
                let keys = match derivation {
                    Derivation::C => self.imks_aes,
                    _ => self.imks,
                };
                calls.push(CardCall::IccMasterKeys {
                    derivation,
                    keys,
                    pan,
                    psn,
                });
                let [key, ..] = keys;
                calls.push(CardCall::CardKey {
                    derivation,
                    key,
                    account: pan,
                    sequence: psn,
                });
            }
            // Keys of other uses.
            calls.push(CardCall::CardKey {
                derivation: Derivation::A,
                key: self.cvk,
                account: pan,
                sequence: psn,
            });
        }
        calls
    }
}

fn values(b: &mut Bench<'_>) -> Checked {
    let keys = Keys::of(b)?;
    compare(b, &keys.values())
}

/// The pins that the checks work with: taken in bound to a PAN, made here, and one that is none.
fn pins_of(b: &mut Bench<'_>) -> Result<Vec<(SealedPin, &'static str)>, Stop> {
    let zpk = b.key("zpk")?;
    let block = b.values.octets("pin.block0");
    let bound = b.session.import_pin_block(zpk, 0, &block, PAN);
    let bound = b.kept("import_pin_block", bound)?;
    let made = b.session.generate_pin(5, &label(1, "pin").draw());
    let made = b.kept("generate_pin", made)?;
    let mut changed = bound.clone();
    if let Some(octet) = changed.0.last_mut() {
        *octet ^= 1;
    }
    let none = SealedPin(Vec::new());
    Ok(vec![
        (bound, PAN),
        (made, OTHER_PAN),
        (changed, PAN),
        (none, PAN),
    ])
}

const TABLE: Ibm3624<'static> = Ibm3624 {
    decimalisation_table: "0123456789012345",
    validation_start: 3,
    validation_length: 12,
    pad: 'F',
};

fn pin_calls<'p>(
    b: &mut Bench<'_>,
    pins: &'p [(SealedPin, &'static str)],
    blocks: &'p [(u8, Vec<u8>)],
) -> Result<Vec<CardCall<'p>>, Stop> {
    let (zpk, pvk, ibm) = (b.key("zpk")?, b.key("pvk")?, b.key("pvk_ibm")?);
    let mut calls = Vec::new();
    for (order, length) in [(2, 4), (3, 12), (4, 13)] {
        let label = label(order, "pin");
        calls.push(PinCall::Generate { length, label });
    }
    for (format, block) in blocks {
        let (key, format) = (zpk, *format);
        for pan in [PAN, OTHER_PAN] {
            calls.push(PinCall::Import {
                key,
                format,
                block,
                pan,
            });
        }
    }
    for (order, (pin, pan)) in pins.iter().enumerate() {
        for format in [0, 1, 3, 9] {
            calls.push(PinCall::Export {
                pin,
                key: zpk,
                format,
                pan,
                label: label(order, "fill"),
            });
        }
        calls.push(PinCall::CardBlock { pin });
        for (_, format) in CardPinFormat::NAMES {
            calls.push(PinCall::CardField {
                pin,
                format,
                pan,
                label: label(order, "card fill"),
            });
        }
        calls.push(PinCall::VerificationValue {
            key: pvk,
            pan,
            pin,
            pvki: 1,
        });
        calls.push(PinCall::VerificationValue {
            key: zpk,
            pan,
            pin,
            pvki: 1,
        });
        calls.push(PinCall::Ibm3624Offset {
            key: ibm,
            pan,
            pin,
            parameters: TABLE,
        });
        calls.push(PinCall::Natural {
            key: ibm,
            pan,
            length: 4,
            parameters: TABLE,
        });
    }
    Ok(calls.into_iter().map(CardCall::Pin).collect())
}

fn blocks_of(b: &Bench<'_>) -> Vec<(u8, Vec<u8>)> {
    vec![
        (0, b.values.octets("pin.block0")),
        (3, b.values.octets("pin.block3")),
        (1, b.values.octets("pin.block1")),
        (0, vec![0; 7]),
    ]
}

fn pins(b: &mut Bench<'_>) -> Checked {
    let (pins, blocks) = (pins_of(b)?, blocks_of(b));
    let calls = pin_calls(b, &pins, &blocks)?;
    compare(b, &calls)
}

/// Sealed values of several sources, and one that was changed.
fn sealed_values(b: &mut Bench<'_>, keys: &Keys) -> Result<Vec<Sealed>, Stop> {
    let mut made = Vec::new();
    for pan in [PAN, OTHER_PAN] {
        let of_card = b
            .session
            .icc_master_keys(Derivation::A, keys.imks, pan, "01");
        made.push(b.kept("icc_master_keys", of_card)?);
    }
    let (pin, _) = pins_of(b)?.swap_remove(0);
    let block = b.session.card_pin_block(&pin);
    made.push(b.kept("card_pin_block", block)?);
    let mut changed = made.first().cloned();
    if let Some(octet) = changed.as_mut().and_then(|c| c.blob.last_mut()) {
        *octet ^= 1;
    }
    made.extend(changed);
    Ok(made)
}

fn sealed_calls<'s>(keys: &Keys, values: &'s [Sealed]) -> Vec<CardCall<'s>> {
    let mut calls = Vec::new();
    for value in values {
        for transport in [keys.transport, keys.transport_aes, keys.cvk] {
            calls.push(CardCall::ExportSealed {
                sealed: Cow::Borrowed(value),
                transport,
            });
        }
        calls.push(CardCall::JoinSealed {
            parts: vec![BlobPart::Clear(b"head"), BlobPart::Sealed(value)],
        });
    }
    calls
}

fn sealed(b: &mut Bench<'_>) -> Checked {
    let keys = Keys::of(b)?;
    compare(b, &keys.derived())?;
    let values = sealed_values(b, &keys)?;
    compare(b, &sealed_calls(&keys, &values))
}

fn rsa_calls<'r>(issuer: KeyHandle, modulus: &'r [u8], data: &'r [u8]) -> Vec<CardCall<'r>> {
    let mut calls = Vec::new();
    for (order, (bits, exponent)) in [(512, 3), (1023, 3), (512, 65_537)].into_iter().enumerate() {
        calls.push(RsaCall::IccKey {
            bits,
            exponent,
            label: label(order, "icc key"),
        });
    }
    for (serial, pan) in PANS.into_iter().enumerate() {
        calls.push(RsaCall::IccCertificate {
            issuer,
            pan,
            expiry_mmyy: "1228".to_owned(),
            serial: [0, 0, serial as u8],
            modulus,
            exponent: 3,
            static_data: data,
        });
        calls.push(RsaCall::StaticData {
            issuer,
            data_authentication_code: [0, serial as u8],
            static_data: data,
        });
    }
    calls.into_iter().map(CardCall::Rsa).collect()
}

fn rsa(b: &mut Bench<'_>) -> Checked {
    let issuer = b.key("issuer")?;
    let (modulus, data) = (b.values.octets("icc.modulus"), b.values.octets("static"));
    compare(b, &rsa_calls(issuer, &modulus, &data))
}

fn mixed(b: &mut Bench<'_>) -> Checked {
    let keys = Keys::of(b)?;
    let (pins, blocks) = (pins_of(b)?, blocks_of(b));
    let values = sealed_values(b, &keys)?;
    let issuer = b.key("issuer")?;
    let (modulus, data) = (b.values.octets("icc.modulus"), b.values.octets("static"));
    let mut calls = pin_calls(b, &pins, &blocks)?;
    calls.extend(keys.values());
    calls.extend(rsa_calls(issuer, &modulus, &data));
    calls.extend(keys.derived());
    calls.extend(sealed_calls(&keys, &values));
    compare(b, &calls)
}
