//! Calls of the token for a card, and cards in an hour: a plain program and this driver with the
//! same work in the same token.
//!
//! The work is the symmetric part of a debit card's data: a PIN block comes in, PVV, CVV, CVV2,
//! iCVV, three ICC master keys with check values, the PIN as a block for somebody else, the ICC
//! certificate, and master keys and RSA key under a transport key. The RSA key was made before.

mod figures;
mod plain;

pub use figures::{Figure, Peer, Unit, figures, figures_inside};
pub use plain::Manner;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Instant;

use cardwright_pkcs11_raw::operations;
use cardwright_ports::batch::{CardAnswer, CardCall, Label, PinCall, RsaCall};
use cardwright_ports::custody::CustodyHsm;
use cardwright_ports::hsm::{
    Derivation, Draw, Hsm, HsmSession, IccKey, KeyHandle, KeyRequest, KeyUse, Sealed, SealedPin,
};
use cardwright_standards::cipher::{TdesKey, ecb_encrypt};
use cardwright_standards::pin::{Pin, block};
use cardwright_standards::test_keys;

use crate::Pkcs11Hsm;
use crate::capability::Capability;
use crate::error::{self, Refused};
use crate::tool::wrong;

/// What is not asked of the token where host memory is preferred.
pub const PREFERRED: [Capability; 3] = [
    Capability::TdesDerive,
    Capability::AesDerive,
    Capability::KeyWrapPad,
];
/// What is not asked of it where keys of cards stay inside; the RSA key is one of the pool in either case.
pub const REFUSED: [Capability; 1] = [Capability::KeyWrapPad];
/// Expiry as tracks write it.
const EXPIRY: &str = "2812";
/// Service codes of CVV, CVV2 and iCVV.
const SERVICE_CODES: [&str; 3] = ["201", "000", "999"];
/// PAN sequence number.
const SEQUENCE: &str = "01";
/// Records that the certificate covers.
const STATIC_DATA: &[u8] = b"static data";
/// Bits of the ICC key and of the issuer's.
const BITS: (u32, u32) = (1_152, 1_408);

/// What a card gets of the token, for comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardWork {
    /// PVV, CVV, CVV2, iCVV.
    pub values: [String; 4],
    /// Check values of the three master keys.
    pub check_values: Vec<u8>,
    /// The first master key under the transport key.
    pub exported: Vec<u8>,
    /// The PIN as an enciphered block.
    pub pin_block: Vec<u8>,
    /// The ICC certificate.
    pub certificate: Vec<u8>,
}

/// What some cards cost.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Cards.
    pub cards: u64,
    /// Calls of functions, by name: all of them, whether the token works for them or not.
    pub calls: BTreeMap<&'static str, u64>,
    /// Seconds.
    pub seconds: f64,
}

impl Cost {
    /// What some cards cost, out of the counts before and after them.
    fn between(
        (before, mut after): (&BTreeMap<&'static str, u64>, BTreeMap<&'static str, u64>),
        cards: u64,
        begun: Instant,
    ) -> Self {
        let seconds = begun.elapsed().as_secs_f64();
        for (name, count) in before {
            if let Some(now) = after.get_mut(name) {
                *now -= count;
            }
        }
        after.retain(|_, count| *count > 0);
        Self {
            cards,
            calls: after,
            seconds,
        }
    }

    /// Operations for a card: what begins and what ends one are one.
    pub fn operations(&self) -> f64 {
        operations(&self.calls) as f64 / self.cards as f64
    }

    /// Calls of functions for a card.
    pub fn functions(&self) -> f64 {
        self.calls.values().sum::<u64>() as f64 / self.cards as f64
    }

    /// Cards in an hour.
    pub fn an_hour(&self) -> f64 {
        self.cards as f64 / self.seconds * 3_600.0
    }
}

/// A token with the keys of the work; TEST.
pub struct Bench {
    hsm: Pkcs11Hsm,
    session: Box<dyn HsmSession>,
    keys: Keys,
    icc: IccKey,
}

/// The names of all keys.
const NAMES: [&str; 8] = ["zpk", "pvk", "cvk", "ac", "smi", "smc", "kek", "issuer"];

struct Keys {
    zpk: KeyHandle,
    pvk: KeyHandle,
    cvk: KeyHandle,
    masters: [KeyHandle; 3],
    transport: KeyHandle,
    issuer: KeyHandle,
}

fn request(name: &str, algorithm: &str, usage: KeyUse) -> KeyRequest {
    KeyRequest {
        name: format!("bench.{name}"),
        algorithm: algorithm.to_owned(),
        bits: 0,
        exponent: 0,
        usage,
    }
}

fn issuer_request() -> KeyRequest {
    KeyRequest {
        bits: BITS.1,
        exponent: 3,
        ..request("issuer", "rsa", KeyUse::EmvIssuerPrivate)
    }
}

/// An open test key's octets.
fn open_key(name: &str, algorithm: &str) -> Result<Vec<u8>, Refused> {
    let key = test_keys::symmetric_key(&format!("bench.{name}"), algorithm);
    let key = key.map_err(|e| error::KEY_DIFFERS.found(e.to_string()))?;
    Ok(key.expose().to_vec())
}

/// A card's PAN; its check digit is nobody's business here.
fn pan(card: u64) -> String {
    format!("999992{:010}", card % 10_000_000_000)
}

/// The PIN of a card, as the issuer sends it.
fn pin_block(zpk: &TdesKey, card: u64, pan: &str) -> Result<[u8; 8], Refused> {
    let refused = |e: &dyn std::fmt::Display| error::ARGUMENT.found(e.to_string());
    let pin = Pin::new(&format!("{:04}", card % 10_000)).map_err(|e| refused(&e))?;
    let mut block = *block::encode_0(&pin, pan).map_err(|e| refused(&e))?;
    ecb_encrypt(zpk, &mut block).map_err(|e| refused(&e))?;
    Ok(block)
}

impl Bench {
    /// Puts the keys into a token that holds TEST keys and was prepared.
    ///
    /// # Errors The driver's; for a token whose keys of cards are derived inside, see `avoid` of
    /// its settings.
    pub fn new(hsm: Pkcs11Hsm) -> Result<Self, Refused> {
        let mut session = hsm.open_session()?;
        let mut bind = |request: KeyRequest| {
            hsm.import_test_key(&request)?;
            session.bind(&request)
        };
        let keys = Keys {
            zpk: bind(request("zpk", "tdes2", KeyUse::PinEncryption))?,
            pvk: bind(request("pvk", "tdes2", KeyUse::PinVerificationPvv))?,
            cvk: bind(request("cvk", "tdes2", KeyUse::CardVerification))?,
            masters: [
                bind(request("ac", "tdes2", KeyUse::EmvApplicationCryptogram))?,
                bind(request("smi", "tdes2", KeyUse::EmvSecureMessagingIntegrity))?,
                bind(request(
                    "smc",
                    "tdes2",
                    KeyUse::EmvSecureMessagingConfidentiality,
                ))?,
            ],
            transport: bind(request("kek", "aes256", KeyUse::Transport))?,
            issuer: bind(issuer_request())?,
        };
        let draw = Draw {
            job: "bench",
            order: 0,
            purpose: "icc_key pool",
        };
        let icc = session.icc_rsa_key(BITS.0, 3, &draw)?;
        Ok(Self {
            hsm,
            session,
            keys,
            icc,
        })
    }

    /// Takes the keys out again: what a key may do follows from what the driver was not to ask for.
    ///
    /// # Errors
    /// The driver's.
    pub fn end(self) -> Result<(), Refused> {
        let Self { hsm, session, .. } = self;
        drop(session);
        let mut custody = hsm.open_custody()?;
        for name in NAMES {
            custody.destroy(&format!("bench.{name}"))?;
        }
        Ok(())
    }

    /// Lets at most so many operations begin in a second, as an HSM of that speed would.
    pub fn limit(&self, a_second: Option<f64>) {
        self.hsm.shared.module().limit(a_second);
    }

    /// Holds each operation up for so many microseconds, as a network would.
    pub fn hold_up(&self, microseconds: u64) {
        self.hsm.shared.module().hold_up(microseconds);
    }

    /// Cards in an hour whose PVV, CVV, CVV2 and iCVV lanes make, so many cards at once in each
    /// lane.
    ///
    /// # Errors
    /// The driver's.
    pub fn lanes(&self, lanes: usize, together: u64, seconds: f64) -> Result<f64, Refused> {
        let begun = Instant::now();
        let (hsm, keys) = (&self.hsm, &self.keys);
        let lane = |number: usize| -> Result<u64, Refused> {
            let mut session = hsm.open_session()?;
            let first = 1 + (number as u64) * together;
            let pans: Vec<String> = (first..first + together).map(pan).collect();
            let draws = (first..).take(pans.len()).map(|order| {
                CardCall::Pin(PinCall::Generate {
                    length: 4,
                    label: Label {
                        job: "bench",
                        order,
                        purpose: Cow::Borrowed("pin"),
                    },
                })
            });
            let pins = ask(session.as_mut(), draws, pin)?;
            let mut cards = 0;
            while begun.elapsed().as_secs_f64() < seconds {
                verification_values(session.as_mut(), keys, &pans, &pins)?;
                cards += together;
            }
            Ok(cards)
        };
        let cards: Result<Vec<u64>, Refused> = std::thread::scope(|scope| {
            let started: Vec<_> = (0..lanes)
                .map(|number| {
                    let lane = &lane;
                    scope.spawn(move || lane(number))
                })
                .collect();
            let failed = |_| error::TOKEN.found("a lane that is measured");
            let ended = started.into_iter().map(|s| s.join().map_err(failed)?);
            ended.collect()
        });
        let cards: u64 = cards?.into_iter().sum();
        Ok(cards as f64 / begun.elapsed().as_secs_f64() * 3_600.0)
    }

    fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.hsm.calls()
    }

    /// A plain or a naive program: one card after the other, each value by itself.
    ///
    /// # Errors
    /// The driver's.
    pub fn plain(
        &self,
        first: u64,
        cards: u64,
        manner: Manner,
    ) -> Result<(Vec<CardWork>, Cost), Refused> {
        plain::run(self, (first, cards), manner)
    }

    /// This driver, so many cards at once.
    ///
    /// # Errors
    /// The driver's.
    pub fn joined(
        &mut self,
        first: u64,
        cards: u64,
        together: u64,
    ) -> Result<(Vec<CardWork>, Cost), Refused> {
        let (before, begun) = (self.calls(), Instant::now());
        let mut made = Vec::new();
        let mut next = first;
        while next < first + cards {
            let count = together.clamp(1, first + cards - next);
            made.extend(self.group(next, count)?);
            next += count;
        }
        let cost = Cost::between((&before, self.calls()), cards, begun);
        Ok((made, cost))
    }

    /// The data of some cards, kind of call by kind of call, as a line makes them.
    fn group(&mut self, first: u64, count: u64) -> Result<Vec<CardWork>, Refused> {
        let Self {
            session, keys, icc, ..
        } = self;
        let zpk = TdesKey::new_double(&open_key("zpk", "tdes2")?);
        let zpk = zpk.map_err(|e| error::KEY_DIFFERS.found(e.to_string()))?;
        let pans: Vec<String> = (first..first + count).map(pan).collect();
        let cards = || (first..).zip(&pans);
        let blocks = cards().map(|(card, pan)| pin_block(&zpk, card, pan));
        let blocks: Vec<[u8; 8]> = blocks.collect::<Result<_, _>>()?;
        let imports = pans.iter().zip(&blocks).map(|(pan, block)| {
            CardCall::Pin(PinCall::Import {
                key: keys.zpk,
                format: 0,
                block,
                pan,
            })
        });
        let pins: Vec<SealedPin> = ask(session.as_mut(), imports, pin)?;
        let values = verification_values(session.as_mut(), keys, &pans, &pins)?;
        let masters = pans.iter().map(|pan| CardCall::IccMasterKeys {
            derivation: Derivation::A,
            keys: keys.masters,
            pan,
            psn: SEQUENCE,
        });
        let masters: Vec<Sealed> = ask(session.as_mut(), masters, sealed)?;
        let exports = cards().zip(&pins).map(|((order, pan), pin)| {
            CardCall::Pin(PinCall::Export {
                pin,
                key: keys.zpk,
                format: 0,
                pan,
                label: Label {
                    job: "bench",
                    order,
                    purpose: Cow::Borrowed("pin_block_fill"),
                },
            })
        });
        let pin_blocks = ask(session.as_mut(), exports, octets)?;
        let certificates = cards().map(|(card, pan)| certificate_call(keys.issuer, icc, card, pan));
        let certificates = ask(session.as_mut(), certificates, certificate)?;
        let secret = masters
            .iter()
            .flat_map(|master| [master].into_iter().chain(&icc.components));
        let exports = secret.map(|value| CardCall::ExportSealed {
            sealed: Cow::Borrowed(value),
            transport: keys.transport,
        });
        let exported = ask(session.as_mut(), exports, octets)?;
        let mut made = Vec::with_capacity(pans.len());
        for place in 0..pans.len() {
            let value = |kind: usize| values.get(kind).and_then(|v| v.get(place)).cloned();
            let exported = exported.get(6 * place).and_then(|e| e.first_chunk::<16>());
            made.push(CardWork {
                values: [0, 1, 2, 3].map(|kind| value(kind).unwrap_or_default()),
                check_values: masters
                    .get(place)
                    .map(|m| m.check_values.clone())
                    .unwrap_or_default(),
                exported: exported.map(|e| e.to_vec()).unwrap_or_default(),
                pin_block: pin_blocks.get(place).cloned().unwrap_or_default(),
                certificate: certificates.get(place).cloned().unwrap_or_default(),
            });
        }
        Ok(made)
    }
}

/// PVV, CVV, CVV2 and iCVV of all cards, kind by kind.
fn verification_values(
    session: &mut dyn HsmSession,
    keys: &Keys,
    pans: &[String],
    pins: &[SealedPin],
) -> Result<Vec<Vec<String>>, Refused> {
    let pvvs = pans.iter().zip(pins).map(|(pan, pin)| {
        CardCall::Pin(PinCall::VerificationValue {
            key: keys.pvk,
            pan,
            pin,
            pvki: 1,
        })
    });
    let mut values = vec![ask(session, pvvs, text)?];
    for service_code in SERVICE_CODES {
        let cvvs = pans.iter().map(|pan| CardCall::CardVerificationValue {
            key: keys.cvk,
            pan,
            expiry: EXPIRY,
            service_code,
        });
        values.push(ask(session, cvvs, text)?);
    }
    Ok(values)
}

fn certificate_call<'c>(
    issuer: KeyHandle,
    icc: &'c IccKey,
    card: u64,
    pan: &'c str,
) -> CardCall<'c> {
    let [.., a, b, c] = card.to_be_bytes();
    CardCall::Rsa(RsaCall::IccCertificate {
        issuer,
        pan,
        expiry_mmyy: "1228".to_owned(),
        serial: [a, b, c],
        modulus: &icc.modulus,
        exponent: icc.exponent,
        static_data: STATIC_DATA,
    })
}

/// One kind of call for all cards.
fn ask<'c, T>(
    session: &mut dyn HsmSession,
    calls: impl Iterator<Item = CardCall<'c>>,
    of: fn(CardAnswer) -> Option<T>,
) -> Result<Vec<T>, Refused> {
    let calls: Vec<CardCall<'c>> = calls.collect();
    let other = || wrong("an answer of another kind");
    let answers = match calls.as_slice() {
        // As the runtime does: one call needs no joining.
        [call] => vec![call.perform(session)],
        many => session.batch(many),
    };
    answers
        .into_iter()
        .map(|answer| of(answer?).ok_or_else(other))
        .collect()
}

fn pin(answer: CardAnswer) -> Option<SealedPin> {
    match answer {
        CardAnswer::Pin(pin) => Some(pin),
        _ => None,
    }
}

fn text(answer: CardAnswer) -> Option<String> {
    match answer {
        CardAnswer::Text(text) => Some(text),
        _ => None,
    }
}

fn sealed(answer: CardAnswer) -> Option<Sealed> {
    match answer {
        CardAnswer::Sealed(sealed) => Some(sealed),
        _ => None,
    }
}

fn octets(answer: CardAnswer) -> Option<Vec<u8>> {
    match answer {
        CardAnswer::Octets(octets) => Some(octets),
        _ => None,
    }
}

fn certificate(answer: CardAnswer) -> Option<Vec<u8>> {
    match answer {
        CardAnswer::Certificate(certificate) => Some(certificate.certificate),
        _ => None,
    }
}
