//! Figures of this HSM on this machine, each measured for a given time on one core.
//!
//! Where the system tells it, time is the processor's time for this thread, so that other load on
//! the machine counts little; else it is time by the clock.
//!
//! Whoever quotes a figure quotes the peer measured in the same run with it.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use cardwright_rsa::generate;
use cardwright_standards::cipher::{Block, TdesKey, ecb_encrypt};

use cardwright_ports::batch::{CardAnswer, CardCall, Label, PinCall};
use cardwright_ports::hsm::{
    Derivation, Draw, Hsm, HsmSession, IccCertificateFields, KeyHandle, KeyRequest, KeyUse, Sealed,
};

use crate::SoftHsm;
use crate::entropy::Stream;
use crate::error::{self, Refused};

/// A measured figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What was done, in a few words.
    pub name: String,
    /// How often in a unit of time, or how long once.
    pub value: f64,
    /// `keys/s`, `us`, `cards/s`.
    pub unit: &'static str,
}

/// The sizes and exponents of the rows on key generation. 2048 bits are there for peers that make
/// no chip's key.
pub const KEY_ROWS: [(u32, u32); 7] = [
    (1152, 65_537),
    (1152, 3),
    (1408, 65_537),
    (1408, 3),
    (1984, 65_537),
    (1984, 3),
    (2048, 65_537),
];
/// Octets of the row on much data under one triple DES key.
pub const DES_OCTETS: usize = 16_384;

/// Measures how long something takes.
struct Watch {
    clock: Instant,
    processor: Option<Duration>,
}

impl Watch {
    fn start() -> Self {
        Self {
            clock: Instant::now(),
            processor: processor_time(),
        }
    }

    /// Seconds since the start.
    fn passed(&self) -> f64 {
        let processor = self.processor.zip(processor_time());
        let passed = processor.map(|(start, now)| now.saturating_sub(start));
        // A system that does not count shows zeros.
        let passed = passed
            .filter(|time| !time.is_zero())
            .unwrap_or_else(|| self.clock.elapsed());
        passed.as_secs_f64()
    }
}

/// Processor time of this thread so far: the first number, in nanoseconds, of Linux's statistics
/// of the scheduler.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// Repeats some work for about `seconds` by the clock, at least once; the mean time of one, in
/// seconds.
fn mean(seconds: f64, mut work: impl FnMut(u64) -> Result<(), Refused>) -> Result<f64, Refused> {
    let watch = Watch::start();
    let mut done = 0u64;
    loop {
        work(done)?;
        done += 1;
        if watch.clock.elapsed().as_secs_f64() >= seconds {
            return Ok(watch.passed() / done as f64);
        }
    }
}

/// ICC keys made in a second.
pub fn key_generation(bits: u32, exponent: u32, seconds: f64) -> Result<Figure, Refused> {
    let mut source = Stream::new(&[0xB5; 32]);
    let each = mean(seconds, |_| {
        generate(bits, exponent, &mut source)
            .map(|_| ())
            .map_err(error::of_rsa)
    })?;
    Ok(Figure {
        name: format!("RSA-{bits} key, e = {exponent}"),
        value: 1.0 / each,
        unit: "keys/s",
    })
}

/// Time of one private operation, with the check by the public key.
pub fn private_operation(bits: u32, seconds: f64) -> Result<Figure, Refused> {
    let mut source = Stream::new(&[0xB6; 32]);
    let key = generate(bits, 3, &mut source).map_err(error::of_rsa)?;
    let mut text = vec![0x42; key.modulus().len()];
    let each = mean(seconds, |_| {
        text = key.apply(&text, &mut source).map_err(error::of_rsa)?;
        Ok(())
    })?;
    Ok(Figure {
        name: format!("RSA-{bits} private operation"),
        value: each * 1e6,
        unit: "us",
    })
}

/// Keys that two threads make in the time in which one makes one, by the clock: 2 is all there is.
pub fn two_cores(bits: u32, seconds: f64) -> Result<Figure, Refused> {
    let name = format!("RSA-{bits} keys, two threads to one");
    two_to_one(name, seconds, |lane| {
        let mut source = Stream::new(&[0xC0 | lane; 32]);
        Ok(Box::new(move || {
            let made = generate(bits, 65_537, &mut source).map_err(error::of_rsa)?;
            std::hint::black_box(&made);
            Ok(())
        }))
    })
}

/// Cards whose symmetric data two sessions of one HSM make in the time in which one makes one, by
/// the clock.
pub fn two_sessions(seconds: f64) -> Result<Figure, Refused> {
    let hsm = SoftHsm::in_memory([0xB7; 32])?;
    let name = "symmetric data, two sessions to one".to_owned();
    two_to_one(name, seconds, |lane| {
        let mut session = hsm.open_session()?;
        let keys = Keys::bind(session.as_mut())?;
        let mut card = u64::from(lane) << 32;
        Ok(Box::new(move || {
            card += 1;
            keys.card(session.as_mut(), card).map(|made| {
                std::hint::black_box(made);
            })
        }))
    })
}

/// Work of one thread, done again and again.
type Work<'w> = Box<dyn FnMut() -> Result<(), Refused> + 'w>;

/// What two threads do in the time in which one does one, by the clock.
fn two_to_one<'w>(
    name: String,
    seconds: f64,
    begin: impl Fn(u8) -> Result<Work<'w>, Refused> + Sync,
) -> Result<Figure, Refused> {
    let rate = |threads: u8| -> Result<f64, Refused> {
        let begun = Instant::now();
        let begin = &begin;
        let done: Result<Vec<u32>, Refused> = std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..threads)
                .map(|lane| {
                    scope.spawn(move || {
                        let mut work = begin(lane)?;
                        let mut done = 0;
                        while begun.elapsed().as_secs_f64() < seconds {
                            work()?;
                            done += 1;
                        }
                        Ok(done)
                    })
                })
                .collect();
            let failed = |_| error::FAULT.found("a thread that is measured");
            lanes
                .into_iter()
                .map(|lane| lane.join().map_err(failed)?)
                .collect()
        });
        Ok(f64::from(done?.into_iter().sum::<u32>()) / begun.elapsed().as_secs_f64())
    };
    Ok(Figure {
        name,
        value: rate(2)? / rate(1)?.max(f64::MIN_POSITIVE),
        unit: "times",
    })
}

/// Triple DES of much data under one key, in megabytes a second.
pub fn des_one_key(seconds: f64) -> Result<Figure, Refused> {
    let key = bench_key(1)?;
    let mut data = vec![0u8; DES_OCTETS];
    let each = mean(seconds, |_| {
        ecb_encrypt(&key, &mut data).map_err(|e| error::ARGUMENT.found(e.to_string()))
    })?;
    std::hint::black_box(&data);
    Ok(Figure {
        name: "triple DES, 16 KB under one key".to_owned(),
        value: DES_OCTETS as f64 / each / 1e6,
        unit: "MB/s",
    })
}

/// Triple DES of as many blocks, each under a key of its own, in megabytes a second.
pub fn des_own_keys(blocks: usize, seconds: f64) -> Result<Figure, Refused> {
    let keys: Result<Vec<TdesKey>, Refused> = (0..blocks).map(|n| bench_key(n as u8)).collect();
    let keys = keys?;
    let keys: Vec<&TdesKey> = keys.iter().collect();
    let mut data = vec![[0u8; 8]; blocks];
    let each = mean(seconds, |_| {
        TdesKey::encrypt_batch(&keys, &mut data);
        Ok(())
    })?;
    std::hint::black_box(&data);
    Ok(Figure {
        name: format!("triple DES, {blocks} blocks, as many keys"),
        value: 8.0 * blocks as f64 / each / 1e6,
        unit: "MB/s",
    })
}

/// Triple DES of six blocks under three keys, as a card's three keys need it.
pub fn des_few_blocks(seconds: f64) -> Result<Figure, Refused> {
    let (a, b, c) = (bench_key(1)?, bench_key(2)?, bench_key(3)?);
    let mut blocks = [[0u8; 8]; 6];
    let each = mean(seconds, |_| {
        for _ in 0..100 {
            blocks = TdesKey::encrypt_under([&a, &a, &b, &b, &c, &c], blocks);
        }
        Ok(())
    })?;
    std::hint::black_box(&blocks);
    Ok(Figure {
        name: "triple DES, 6 blocks under 3 keys".to_owned(),
        value: 4.8e-3 / each,
        unit: "MB/s",
    })
}

/// Triple DES of one block after the other, each made of the one before, in megabytes a second.
pub fn des_chain(seconds: f64) -> Result<Figure, Refused> {
    let key = bench_key(1)?;
    let mut block = [0u8; 8];
    let each = mean(seconds, |_| {
        for _ in 0..100 {
            block = key.encrypt(block);
        }
        Ok(())
    })?;
    std::hint::black_box(&block);
    Ok(Figure {
        name: "triple DES, a chain of single blocks".to_owned(),
        value: 8e-4 / each,
        unit: "MB/s",
    })
}

fn bench_key(number: u8) -> Result<TdesKey, Refused> {
    let octets: [u8; 24] = std::array::from_fn(|i| (i as u8).wrapping_mul(37) ^ number);
    TdesKey::new(&octets).map_err(|e| error::ARGUMENT.found(e.to_string()))
}

/// Cards whose symmetric data are made in a second: a PIN; three ICC master keys of option A with
/// their check values, exported under a transport key; CVV, CVV2, iCVV; PVV; the PIN as block of
/// format 0 and of format 3. The same work as `tests/peers/psec_pyemv.py`.
pub fn symmetric_data_generation(seconds: f64) -> Result<Figure, Refused> {
    let hsm = SoftHsm::in_memory([0xB7; 32])?;
    let mut session = hsm.open_session()?;
    let keys = Keys::bind(session.as_mut())?;
    let each = mean(seconds, |card| {
        keys.card(session.as_mut(), card)
            .map(std::hint::black_box)
            .map(|_| ())
    })?;
    Ok(Figure {
        name: "symmetric data generation".to_owned(),
        value: 1.0 / each,
        unit: "cards/s",
    })
}

/// The same for so many cards at once, in calls that a line which makes data ahead asks.
pub fn symmetric_together(cards: u64, seconds: f64) -> Result<Figure, Refused> {
    let hsm = SoftHsm::in_memory([0xB7; 32])?;
    let mut session = hsm.open_session()?;
    let keys = Keys::bind(session.as_mut())?;
    let each = mean(seconds, |turn| {
        let made = keys.cards(session.as_mut(), turn * cards..(turn + 1) * cards)?;
        std::hint::black_box(made);
        Ok(())
    })?;
    Ok(Figure {
        name: format!("symmetric data, {cards} cards together"),
        value: cards as f64 / each,
        unit: "cards/s",
    })
}

/// Bits of the issuer's key in the rows on whole cards: the longest that a chip takes.
pub const ISSUER_BITS: u32 = 1_984;
/// Bits of the chip's key in those rows.
pub const CHIP_BITS: u32 = 1_152;
/// Keys that stand ready in the row on pooled keys.
const POOL: usize = 16;

/// Whole cards with DDA in a second: symmetric data as in [`symmetric_data_generation`], the ICC
/// key, its certificate, its five parts exported. The key is made for the card, or was made ahead.
pub fn dda_cards(pooled: bool, seconds: f64) -> Result<Figure, Refused> {
    let hsm = SoftHsm::in_memory([0xB9; 32])?;
    let mut session = hsm.open_session()?;
    let session = session.as_mut();
    let keys = Keys::bind(session)?;
    let issuer = session.bind(&KeyRequest {
        name: "bench.issuer".to_owned(),
        algorithm: "rsa".to_owned(),
        bits: ISSUER_BITS,
        exponent: 3,
        usage: KeyUse::EmvIssuerPrivate,
    })?;
    let new_key = |session: &mut dyn HsmSession, order| {
        let draw = Draw {
            job: "bench",
            order,
            purpose: "icc_key",
        };
        session.icc_rsa_key(CHIP_BITS, 65_537, &draw)
    };
    let mut pool = Vec::new();
    for order in 0..if pooled { POOL as u64 } else { 0 } {
        pool.push(new_key(session, order)?);
    }
    let each = mean(seconds, |card| {
        let own = match pool.is_empty() {
            true => Some(new_key(session, card)?),
            false => None,
        };
        let ready = pool.get(card as usize % POOL);
        let Some(key) = own.as_ref().or(ready) else {
            return Err(error::FAULT.found("an empty pool"));
        };
        let fields = IccCertificateFields {
            pan: &pan_of(card),
            expiry_mmyy: "1229",
            serial: [0, 0, 1],
            modulus: &key.modulus,
            exponent: key.exponent,
            static_data: &[0x5A; 64],
        };
        let mut made = keys.card(session, card)?;
        let certificate = session.sign_icc_certificate(issuer, &fields)?;
        made.extend(certificate.certificate);
        for part in &key.components {
            made.extend(session.export_sealed(part, keys.transport)?);
        }
        std::hint::black_box(made);
        Ok(())
    })?;
    let how = if pooled {
        "key of the pool"
    } else {
        "key made for it"
    };
    Ok(Figure {
        name: format!("whole DDA card, RSA-{CHIP_BITS}, {how}"),
        value: 1.0 / each,
        unit: "cards/s",
    })
}

/// The PAN of a card of these rows.
fn pan_of(card: u64) -> String {
    format!("999992{:010}", card % 10_000_000_000)
}

struct Keys {
    masters: [KeyHandle; 3],
    transport: KeyHandle,
    cvk: KeyHandle,
    pvk: KeyHandle,
    zpk: KeyHandle,
}

impl Keys {
    fn bind(session: &mut dyn HsmSession) -> Result<Self, Refused> {
        let mut bind = |name: &str, usage| {
            session.bind(&KeyRequest {
                name: format!("bench.{name}"),
                algorithm: "tdes2".to_owned(),
                bits: 0,
                exponent: 0,
                usage,
            })
        };
        Ok(Self {
            masters: [
                bind("imk_ac", KeyUse::EmvApplicationCryptogram)?,
                bind("imk_smi", KeyUse::EmvSecureMessagingIntegrity)?,
                bind("imk_smc", KeyUse::EmvSecureMessagingConfidentiality)?,
            ],
            transport: bind("kek", KeyUse::Transport)?,
            cvk: bind("cvk", KeyUse::CardVerification)?,
            pvk: bind("pvk", KeyUse::PinVerificationPvv)?,
            zpk: bind("zpk", KeyUse::PinEncryption)?,
        })
    }

    /// All octets that a card's symmetric part has, as one text.
    fn card(&self, session: &mut dyn HsmSession, card: u64) -> Result<Vec<u8>, Refused> {
        let draw = Draw {
            job: "bench",
            order: card,
            purpose: "pin",
        };
        let pan = pan_of(card);
        let pin = session.generate_pin(4, &draw)?;
        let keys = session.icc_master_keys(Derivation::A, self.masters, &pan, "01")?;
        let mut made = session.export_sealed(&keys, self.transport)?;
        made.extend_from_slice(&keys.check_values);
        for service in ["201", "000", "999"] {
            let value = session.card_verification_value(self.cvk, &pan, "2912", service)?;
            made.extend_from_slice(value.as_bytes());
        }
        let pvv = session.pin_verification_value(self.pvk, &pan, &pin, 1)?;
        made.extend_from_slice(pvv.as_bytes());
        for format in [0, 3] {
            made.extend(session.export_pin_block(&pin, self.zpk, format, &pan, &draw)?);
        }
        Ok(made)
    }

    /// The same of many cards, a batch of calls for each step: all octets as one text.
    fn cards(
        &self,
        session: &mut dyn HsmSession,
        cards: std::ops::Range<u64>,
    ) -> Result<Vec<u8>, Refused> {
        let pans: Vec<String> = cards.clone().map(pan_of).collect();
        let label = |order| Label {
            job: "bench",
            order,
            purpose: "pin".into(),
        };
        let mut pins = Vec::new();
        for order in cards.clone() {
            pins.push(session.generate_pin(4, &label(order).draw())?);
        }
        let mut made = Vec::new();
        let mut ask = |calls: Vec<CardCall<'_>>| answers(session, &calls, &mut made);
        let masters = pans.iter().map(|pan| CardCall::IccMasterKeys {
            derivation: Derivation::A,
            keys: self.masters,
            pan,
            psn: "01",
        });
        let keys = ask(masters.collect())?;
        for service_code in ["201", "000", "999"] {
            let values = pans.iter().map(|pan| CardCall::CardVerificationValue {
                key: self.cvk,
                pan,
                expiry: "2912",
                service_code,
            });
            ask(values.collect())?;
        }
        let visa = pans.iter().zip(&pins).map(|(pan, pin)| {
            CardCall::Pin(PinCall::VerificationValue {
                key: self.pvk,
                pan,
                pin,
                pvki: 1,
            })
        });
        ask(visa.collect())?;
        for format in [0, 3] {
            let blocks = pans.iter().zip(&pins).zip(cards.clone());
            let blocks = blocks.map(|((pan, pin), order)| {
                CardCall::Pin(PinCall::Export {
                    pin,
                    key: self.zpk,
                    format,
                    pan,
                    label: label(order),
                })
            });
            ask(blocks.collect())?;
        }
        let out = keys.iter().map(|keys| CardCall::ExportSealed {
            sealed: Cow::Borrowed(keys),
            transport: self.transport,
        });
        ask(out.collect())?;
        Ok(made)
    }
}

/// What a batch of calls gives: its octets to those before, its sealed values by themselves.
fn answers(
    session: &mut dyn HsmSession,
    calls: &[CardCall<'_>],
    made: &mut Vec<u8>,
) -> Result<Vec<Sealed>, Refused> {
    let mut sealed = Vec::new();
    for answer in session.batch(calls) {
        match answer? {
            CardAnswer::Text(text) => made.extend_from_slice(text.as_bytes()),
            CardAnswer::Octets(octets) => made.extend(octets),
            CardAnswer::Sealed(keys) => {
                made.extend_from_slice(&keys.check_values);
                sealed.push(keys);
            }
            _ => return Err(error::FAULT.found("an answer of another kind")),
        }
    }
    Ok(sealed)
}

/// The `rsa` crate's key generation, a peer; with the feature `peers` only.
#[cfg(feature = "peers")]
pub fn rsa_crate_key_generation(bits: u32, exponent: u32, seconds: f64) -> Result<Figure, Refused> {
    /// Its generator speaks an older generation of the random traits.
    struct Old(Stream);

    impl rsa::rand_core::RngCore for Old {
        fn next_u32(&mut self) -> u32 {
            rsa::rand_core::impls::next_u32_via_fill(self)
        }
        fn next_u64(&mut self) -> u64 {
            rsa::rand_core::impls::next_u64_via_fill(self)
        }
        fn fill_bytes(&mut self, octets: &mut [u8]) {
            self.0.fill(octets);
        }
        fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
            self.fill_bytes(octets);
            Ok(())
        }
    }

    impl rsa::rand_core::CryptoRng for Old {}

    let mut source = Old(Stream::new(&[0xB8; 32]));
    let exponent_number = rsa::BigUint::from(exponent);
    let each = mean(seconds, |_| {
        rsa::RsaPrivateKey::new_with_exp(&mut source, bits as usize, &exponent_number)
            .map(|_| ())
            .map_err(|e| crate::error::RANDOMNESS.found(e.to_string()))
    })?;
    Ok(Figure {
        name: format!("rsa 0.9: RSA-{bits} key, e = {exponent}"),
        value: 1.0 / each,
        unit: "keys/s",
    })
}

/// AWS-LC's key generation, a peer; it makes 2048 bits and more, with 65537 only.
#[cfg(feature = "aws-lc")]
pub fn aws_lc_key_generation(seconds: f64) -> Result<Figure, Refused> {
    let each = mean(seconds, |_| aws_lc_key().map(|_| ()))?;
    Ok(Figure {
        name: "aws-lc: RSA-2048 key, e = 65537".to_owned(),
        value: 1.0 / each,
        unit: "keys/s",
    })
}

/// AWS-LC's signature with 2048 bits: the private operation, with a hash of little text.
#[cfg(feature = "aws-lc")]
pub fn aws_lc_private(seconds: f64) -> Result<Figure, Refused> {
    let key = aws_lc_key()?;
    let random = aws_lc_rs::rand::SystemRandom::new();
    let mut signature = vec![0; key.public_modulus_len()];
    let each = mean(seconds, |_| {
        key.sign(
            &aws_lc_rs::signature::RSA_PKCS1_SHA256,
            &random,
            &[0x42; 32],
            &mut signature,
        )
        .map_err(|_| error::FAULT.found("aws-lc does not sign"))
    })?;
    Ok(Figure {
        name: "aws-lc: RSA-2048 private operation".to_owned(),
        value: each * 1e6,
        unit: "us",
    })
}

#[cfg(feature = "aws-lc")]
fn aws_lc_key() -> Result<aws_lc_rs::rsa::KeyPair, Refused> {
    aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)
        .map_err(|_| error::RANDOMNESS.found("aws-lc makes no key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_gives_a_figure() {
        assert!(key_generation(512, 3, 0.0).unwrap().value > 0.0);
        assert!(private_operation(512, 0.0).unwrap().value > 0.0);
        assert!(two_cores(512, 0.01).unwrap().value > 0.0);
        assert!(des_one_key(0.0).unwrap().value > 0.0);
        assert!(des_own_keys(64, 0.0).unwrap().value > 0.0);
        assert!(des_few_blocks(0.0).unwrap().value > 0.0);
        assert!(des_chain(0.0).unwrap().value > 0.0);
        assert!(symmetric_data_generation(0.0).unwrap().value > 0.0);
        assert!(symmetric_together(3, 0.0).unwrap().value > 0.0);
        assert!(two_sessions(0.01).unwrap().value > 0.0);
    }

    #[test]
    fn cards_together_are_those_one_by_one() {
        let hsm = SoftHsm::in_memory([0xB7; 32]).unwrap();
        let mut session = hsm.open_session().unwrap();
        let keys = Keys::bind(session.as_mut()).unwrap();
        let sorted = |mut octets: Vec<u8>| {
            octets.sort_unstable();
            octets
        };
        let each = (5..12).flat_map(|card| keys.card(session.as_mut(), card).unwrap());
        let each = sorted(each.collect());
        assert_eq!(sorted(keys.cards(session.as_mut(), 5..12).unwrap()), each);
    }
}
