//! What goes wrong inside an HSM: a wrong known answer, dead randomness, a damaged private key.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use cardwright_ports::hsm::{Hsm, KeyUse};
use cardwright_rsa::{NoRandomness, RandomSource, RsaKey, generate};
use cardwright_soft_hsm::error::of_rsa;
use cardwright_soft_hsm::{SoftHsm, known_answers, self_test};
use common::{code, rsa_request};

#[test]
fn any_wrong_known_answer_keeps_the_hsm_shut() {
    let answers = known_answers();
    assert_eq!(code(self_test(&answers)), "accepted", "the control");
    for wrong in 0..answers.len() {
        let mut answers = answers.clone();
        answers[wrong].1 = false;
        let refused = self_test(&answers).err().unwrap();
        assert_eq!(refused.code, "R1311");
        assert_eq!(refused.what, answers[wrong].0, "the test is named");
    }
}

/// A source that has stopped: the same octet for ever.
struct Dead(u8);

impl RandomSource for Dead {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness> {
        octets.fill(self.0);
        Ok(())
    }
}

#[test]
fn a_dead_source_of_randomness_makes_no_key() {
    // Zeros only: every base of a primality test is trivial, so that nothing counts as proven.
    assert_eq!(
        code(generate(512, 3, &mut Dead(0)).map_err(of_rsa)),
        "R1312"
    );
}

#[test]
fn a_private_key_with_a_wrong_factor_never_signs() {
    let mut source = cardwright_soft_hsm::entropy::Stream::new(&[0x21; 32]);
    let key = generate(512, 3, &mut source).unwrap();
    let (p, q) = (key.p().to_vec(), key.q().to_vec());
    RsaKey::from_primes(&p, &q, 3).unwrap();
    // Any single bit of the lower half: the number stays odd and as long as it was.
    for bit in (1..8 * 16).step_by(9) {
        let mut wrong = p.clone();
        let last = wrong.len() - 1;
        wrong[last - bit / 8] ^= 1 << (bit % 8);
        let refused = of_rsa(RsaKey::from_primes(&wrong, &q, 3).err().unwrap());
        // A factor that 3 divides one less of is no factor of a key at all.
        assert!(matches!(refused.code, "R1315" | "R1304"), "{refused}");
    }
}

#[test]
fn a_key_file_with_a_flipped_bit_is_r1315_and_names_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let hsm = SoftHsm::create(&path).unwrap();
    let issuer = rsa_request("test.issuer", 1024, 3, KeyUse::EmvIssuerPrivate);
    hsm.open_session().unwrap().bind(&issuer).unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    let value = whole.lines().find(|line| line.starts_with("p = ")).unwrap();
    let digits = value.split('"').nth(1).unwrap();
    let middle = digits.len() / 2;
    let mut codes = std::collections::BTreeSet::new();
    for digit in ["0", "3", "9", "F"] {
        let damaged = format!("{}{digit}{}", &digits[..middle], &digits[middle + 1..]);
        if damaged == digits {
            continue;
        }
        std::fs::write(&path, whole.replace(digits, &damaged)).unwrap();
        let refused = SoftHsm::open(&path).err().unwrap();
        assert!(!refused.to_string().contains(&digits[..12]), "{refused}");
        codes.insert(refused.code);
    }
    assert!(codes.contains("R1315"), "{codes:?}");
    std::fs::write(&path, &whole).unwrap();
    SoftHsm::open(&path).unwrap();
}
