//! What goes wrong inside an HSM: a wrong known answer, dead randomness, a damaged private key.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use cardwright_rsa::{NoRandomness, RandomSource, RsaKey, generate};
use cardwright_soft_hsm::error::of_rsa;
use cardwright_soft_hsm::{EXPECTED, SoftHsm, known_answers, self_test};
use cardwright_standards::test_keys;
use common::{code, unlock};

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

// Inside a file that opens: a factor that is none any more.
#[test]
fn a_key_with_a_flipped_bit_is_r1315_and_names_no_key() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soft-hsm.toml");
    let (p, q) = test_keys::rsa_primes("test.issuer", 1024, 3).unwrap();
    let (p, q) = (hex::encode_upper(&*p), hex::encode_upper(&*q));
    let whole = format!(
        "version = 1\nroot = \"{}\"\n\n[[key]]\nname = \"test.issuer\"\nalgorithm = \"rsa\"\n\
         use = \"emv.issuer_private\"\np = \"{p}\"\nq = \"{q}\"\nexponent = 3\n",
        "5A".repeat(32)
    );
    let middle = p.len() / 2;
    let mut codes = std::collections::BTreeSet::new();
    for digit in ["0", "3", "9", "F"] {
        let damaged = format!("{}{digit}{}", &p[..middle], &p[middle + 1..]);
        if damaged == p {
            continue;
        }
        std::fs::write(&path, whole.replace(&p, &damaged)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let refused = SoftHsm::open(&path, &unlock(folder.path())).err().unwrap();
        assert!(!refused.to_string().contains(&p[..12]), "{refused}");
        codes.insert(refused.code);
    }
    assert!(codes.contains("R1315"), "{codes:?}");
    std::fs::write(&path, &whole).unwrap();
    SoftHsm::open(&path, &unlock(folder.path())).unwrap();
}

// One wrong expected value, and there is no HSM: nothing comes out of it.
#[test]
fn an_injected_wrong_expectation_is_the_error_state() {
    assert!(SoftHsm::expecting([1; 32], EXPECTED).is_ok(), "the control");
    for wrong in 0..EXPECTED.len() {
        let mut expected = EXPECTED.to_vec();
        let spoilt: String = expected[wrong].1.replacen(['4', '7', '8', '9'], "5", 1);
        assert_ne!(spoilt, expected[wrong].1);
        expected[wrong].1 = &spoilt;
        let refused = SoftHsm::expecting([1; 32], &expected).err().unwrap();
        assert_eq!(
            (refused.code, refused.what.as_str()),
            ("R1311", EXPECTED[wrong].0)
        );
        expected.remove(wrong);
        assert_eq!(
            code(SoftHsm::expecting([1; 32], &expected)),
            "R1311",
            "none at all"
        );
    }
}
