//! Figures of this HSM on this machine, each measured for a given time on one core.
//!
//! Where the system tells it, time is the processor's time for this thread, so that other load on
//! the machine counts little; else it is time by the clock.
//!
//! Whoever quotes a figure quotes the peer measured in the same run with it.

use std::time::{Duration, Instant};

use cardwright_rsa::generate;
use cardwright_standards::cipher::{TdesKey, ecb_encrypt};

use cardwright_ports::hsm::{Derivation, Draw, Hsm, HsmSession, KeyHandle, KeyRequest, KeyUse};

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
    let rate = |threads: u8| -> Result<f64, Refused> {
        let begun = Instant::now();
        let made: Result<Vec<u32>, Refused> = std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..threads)
                .map(|lane| {
                    scope.spawn(move || {
                        let mut source = Stream::new(&[0xC0 | lane; 32]);
                        let mut made = 0;
                        while begun.elapsed().as_secs_f64() < seconds {
                            generate(bits, 65_537, &mut source).map_err(error::of_rsa)?;
                            made += 1;
                        }
                        Ok(made)
                    })
                })
                .collect();
            let failed = |_| error::FAULT.found("a thread that makes keys");
            lanes
                .into_iter()
                .map(|lane| lane.join().map_err(failed)?)
                .collect()
        });
        Ok(f64::from(made?.into_iter().sum::<u32>()) / begun.elapsed().as_secs_f64())
    };
    Ok(Figure {
        name: format!("RSA-{bits} keys, two threads to one"),
        value: rate(2)? / rate(1)?.max(f64::MIN_POSITIVE),
        unit: "times",
    })
}

/// Triple DES of much data under one key, in megabytes a second, by bit planes.
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

/// Triple DES of six blocks under three keys by tables, as a card's three keys need it.
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
        let pan = format!("999992{:010}", card % 10_000_000_000);
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
        assert!(symmetric_data_generation(0.0).unwrap().value > 0.0);
    }
}
