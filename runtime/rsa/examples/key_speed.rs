//! Keys a second and time of a private operation, by each arithmetic of this processor.
//!
//! `cargo run --release -p cardwright-rsa --example key_speed -- 2`

use std::time::Instant;

use cardwright_rsa::{Arithmetic, NoRandomness, RandomSource, RsaError, generate_by};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

struct Seeded(ChaCha20Rng);

impl RandomSource for Seeded {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness> {
        self.0.fill_bytes(octets);
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "an example's output")]
fn main() -> Result<(), RsaError> {
    let seconds = std::env::args()
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or(1.0);
    let mut ways = vec![Arithmetic::best(), Arithmetic::Scalar];
    ways.dedup();
    for way in ways {
        for bits in [1152, 1408, 1984] {
            let mut source = Seeded(ChaCha20Rng::from_seed([7; 32]));
            for exponent in [65_537, 3] {
                let (begun, mut keys) = (Instant::now(), 0);
                while begun.elapsed().as_secs_f64() < seconds {
                    let _ = generate_by(way, bits, exponent, &mut source)?;
                    keys += 1;
                }
                let rate = f64::from(keys) / begun.elapsed().as_secs_f64();
                println!(
                    "{:<14} key {bits}, e = {exponent:<6} {rate:8.1} keys/s",
                    way.name()
                );
            }
            let key = generate_by(way, bits, 65_537, &mut source)?;
            let mut text = vec![0x42; key.modulus().len()];
            let (begun, mut done) = (Instant::now(), 0);
            while begun.elapsed().as_secs_f64() < seconds {
                text = key.apply(&text, &mut source)?;
                done += 1;
            }
            let each = begun.elapsed().as_secs_f64() * 1e6 / f64::from(done);
            println!("{:<14} private operation {bits} {each:8.1} us", way.name());
        }
    }
    Ok(())
}
