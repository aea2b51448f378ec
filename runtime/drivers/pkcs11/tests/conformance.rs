//! The conformance kit against SoftHSM, opencryptoki's soft token and NSS's softoken.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use cardwright_hsm_conformance::{ClearKey, KeyLoader, Settings, run, run_custody};
use cardwright_pkcs11::{HostMemory, Pkcs11Hsm};
use cardwright_ports::HsmError;
use cardwright_ports::hsm::{Draw, Hsm, KeyRequest, KeyUse};
use common::{Ground, with_nss, with_opencryptoki, with_soft_hsm};
use num_bigint_dig::BigUint;

struct Loader<'h>(&'h Pkcs11Hsm);

impl KeyLoader for Loader<'_> {
    fn load(&self, request: &KeyRequest, key: ClearKey<'_>) -> Result<(), HsmError> {
        match key {
            ClearKey::Symmetric(octets) => self.0.import_key(request, octets),
            ClearKey::Rsa(parts) => self.0.import_rsa_key(request, (&parts.p, &parts.q)),
        }
    }
}

fn kit(ground: &Ground, settings: &Settings<'_>) {
    let hsm = ground.prepared();
    for line in hsm.describe() {
        println!("{line:?}");
    }
    let report = run(&hsm, &Loader(&hsm), settings);
    println!("{report}");
    println!("{:?}", hsm.status());
    println!("{:?}", hsm.calls());
    assert!(report.failures().is_empty());
    assert!(report.rows.len() > 100, "{}", report.rows.len());
}

/// What a token of this kind can't do, by intent and code.
const SETTINGS: Settings<'static> = Settings {
    may_refuse: &[],
    fresh_draws: &["icc_rsa_key"],
};

/// RSA keys of cards come from labelled draws there.
const PREFERRED: Settings<'static> = Settings {
    may_refuse: &[],
    fresh_draws: &[],
};

/// The same without host memory.
const INSIDE: Settings<'static> = Settings {
    may_refuse: &[
        // SoftHSM wraps nothing by triple DES, and cuts nothing out of an RSA key.
        ("export_sealed", "R1336"),
        ("put_keys.emv", "R1336"),
        ("recode.many", "R1336"),
        // A card that holds the master key itself.
        ("put_keys.kdf3", "R1336"),
    ],
    fresh_draws: &["icc_rsa_key"],
};

#[test]
fn soft_hsm_passes_the_kit() {
    with_soft_hsm("soft_hsm_passes_the_kit", 1, |ground| {
        kit(ground, &SETTINGS)
    });
}

// Cards' keys computed in host memory though the token derives: the same values.
#[test]
fn soft_hsm_passes_the_kit_where_host_memory_is_preferred() {
    let test = "soft_hsm_passes_the_kit_where_host_memory_is_preferred";
    with_soft_hsm(test, 1, |ground| {
        let mut settings = ground.settings();
        settings.host_memory = HostMemory::Preferred;
        let hsm = Pkcs11Hsm::open(settings).unwrap();
        hsm.prepare().unwrap();
        let report = run(&hsm, &Loader(&hsm), &PREFERRED);
        println!("{report}");
        assert!(report.failures().is_empty());
        assert!(report.rows.len() > 100, "{}", report.rows.len());
        let calls = hsm.calls();
        // Nothing of a card was derived; the probes at opening do.
        let probes = Pkcs11Hsm::open(ground.settings()).unwrap();
        let once = probes.calls()["C_DeriveKey"] - calls["C_DeriveKey"];
        assert_eq!(calls["C_DeriveKey"], once);
    });
}

#[test]
fn opencryptoki_passes_the_kit() {
    with_opencryptoki("opencryptoki_passes_the_kit", |ground| {
        kit(ground, &SETTINGS);
    });
}

#[test]
fn nss_passes_the_kit() {
    with_nss("nss_passes_the_kit", |ground| kit(ground, &SETTINGS));
}

/// The kit where no working key may be in host memory: what needs one is refused with a code, and all else
/// is what it is elsewhere. Keys come in through key management's other door, as a maker's tools bring them.
fn kit_inside(ground: &Ground, settings: &Settings<'_>) -> Vec<String> {
    let loader = ground.prepared();
    let mut strict = ground.settings();
    strict.host_memory = HostMemory::Refused;
    let hsm = Pkcs11Hsm::open(strict).unwrap();
    for line in hsm.describe() {
        println!("{line:?}");
        assert!(!(line.possible && line.host_memory), "{line:?}");
    }
    let report = run(&hsm, &Loader(&loader), settings);
    println!("{report}");
    println!("{:?}", hsm.calls());
    assert!(report.failures().is_empty());
    let passed = report.passed().into_iter();
    passed.map(|row| row.id.to_owned()).collect()
}

#[test]
fn soft_hsm_passes_the_kit_without_host_memory() {
    with_soft_hsm("soft_hsm_passes_the_kit_without_host_memory", 1, |ground| {
        let passed = kit_inside(ground, &INSIDE);
        // Channels from end to end, their keys never outside.
        for check in [
            "channel.scp02",
            "channel.scp03",
            "unwrap.scp03",
            "recode.keys",
            "put_keys.kdf3_again",
        ] {
            assert!(passed.iter().any(|name| name == check), "{check}");
        }
    });
}

/// The same on NSS: only a card that holds the master key itself gets none.
const NSS_INSIDE: Settings<'static> = Settings {
    may_refuse: &[
        ("put_keys.kdf3", "R1336"),
        // NSS makes no RSA keys with exponent 3.
        ("rsa.icc_key", "R1336"),
        ("draw.icc_key", "R1336"),
    ],
    fresh_draws: &["icc_rsa_key"],
};

#[test]
fn nss_passes_the_kit_without_host_memory() {
    with_nss("nss_passes_the_kit_without_host_memory", |ground| {
        let passed = kit_inside(ground, &NSS_INSIDE);
        for check in [
            "channel.scp02",
            "recode.keys",
            "put_keys.emv",
            "recode.many",
        ] {
            assert!(passed.iter().any(|name| name == check), "{check}");
        }
    });
}

/// The numbers of cards' RSA keys, cut out and wrapped in the token, make the key of the modulus: many keys, so
/// that numbers with leading zeros are among them.
#[test]
fn nss_gives_the_numbers_of_rsa_keys_under_a_transport_key() {
    let test = "nss_gives_the_numbers_of_rsa_keys_under_a_transport_key";
    with_nss(test, |ground| {
        let loader = ground.prepared();
        let mut strict = ground.settings();
        strict.host_memory = HostMemory::Refused;
        let hsm = Pkcs11Hsm::open(strict).unwrap();
        println!("{:?}", hsm.capabilities());
        let mut session = hsm.open_session().unwrap();
        for (name, algorithm, key) in [
            ("kit.rsa_tdes", "tdes2", common::DOUBLE),
            ("kit.rsa_aes", "aes128", "000102030405060708090A0B0C0D0E0F"),
        ] {
            let wanted = common::request(name, algorithm, KeyUse::Transport);
            loader.import_key(&wanted, &common::unhex(key)).unwrap();
            let transport = session.bind(&wanted).unwrap();
            let mut short = 0;
            for order in 0..40 {
                let draw = Draw {
                    job: "job",
                    order,
                    purpose: "rsa",
                };
                let bits = [768, 1_024, 1_152, 1_408][order as usize % 4];
                let made = session.icc_rsa_key(bits, 65_537, &draw).unwrap();
                let numbers = made.components.map(|sealed| {
                    let wrapped = session.export_sealed(&sealed, transport).unwrap();
                    opened(algorithm, &common::unhex(key), &wrapped, bits as usize / 16)
                });
                short += numbers.iter().filter(|number| number[0] == 0).count();
                let numbers = numbers.map(|number| BigUint::from_bytes_be(&number));
                let [q_inverse, d_q, d_p, q, p] = &numbers;
                let (one, e) = (BigUint::from(1u8), BigUint::from(65_537u32));
                assert!(p > q, "cards want the larger prime first");
                assert_eq!((p * q).to_bytes_be(), made.modulus);
                assert_eq!(d_p * &e % (p - &one), one);
                assert_eq!(d_q * &e % (q - &one), one);
                assert_eq!(q * q_inverse % p, one);
            }
            println!("{algorithm}: {short} numbers with leading zeros");
        }
    });
}

/// What a transport key's holder sees.
fn opened(algorithm: &str, key: &[u8], wrapped: &[u8], octets: usize) -> Vec<u8> {
    use cardwright_standards::cipher::{AesKey, TdesKey, cbc_decrypt, ecb_decrypt};
    let mut clear = wrapped.to_vec();
    match algorithm {
        "tdes2" => ecb_decrypt(&TdesKey::new_double(key).unwrap(), &mut clear).unwrap(),
        _ => cbc_decrypt(&AesKey::new(key).unwrap(), [0; 16], &mut clear).unwrap(),
    }
    clear.truncate(octets);
    clear
}

#[test]
fn nss_passes_the_kit_of_custody() {
    with_nss("nss_passes_the_kit_of_custody", |ground| {
        custody_kit(ground, &NSS_CUSTODY, 42);
    });
}

/// NSS gives an unwrapped private key more uses than its template says, and none on a curve that its
/// template does not give a point of: neither is kept.
const NSS_CUSTODY: Settings<'static> = Settings {
    may_refuse: &[
        ("custody.wrap.padded", "R1335"),
        ("custody.openssl.rsa", "R1335"),
        ("custody.openssl.p256", "R1375"),
    ],
    fresh_draws: &[],
};

fn custody_kit(ground: &Ground, settings: &Settings<'_>, offered: usize) {
    let hsm = ground.prepared();
    let report = run_custody(&hsm, settings);
    println!("{report}");
    println!("{:?}", hsm.calls());
    assert!(report.failures().is_empty());
    assert_eq!(report.passed().len(), offered, "{:?}", report.not_offered());
}

#[test]
fn soft_hsm_passes_the_kit_of_custody() {
    with_soft_hsm("soft_hsm_passes_the_kit_of_custody", 1, |ground| {
        custody_kit(ground, &SETTINGS, 45);
    });
}

/// opencryptoki 3.8.1 has no elliptic curves in its soft token, and wraps no double-length keys.
const OPENCRYPTOKI: Settings<'static> = Settings {
    may_refuse: &[
        ("custody.generate.p256", "R1331"),
        ("custody.block.pairs", "R1331"),
        ("custody.sign.p256", "R1331"),
        ("custody.ecdh", "R1331"),
        ("custody.openssl.p256", "R1331"),
        ("custody.openssl.ecdh", "R1331"),
        ("custody.split", "R1331"),
        ("custody.block.b", "R1331"),
        ("custody.wrap.padded", "R1331"),
        ("custody.legacy", "R1331"),
        ("custody.may_leave", "R1331"),
    ],
    fresh_draws: &["icc_rsa_key"],
};

#[test]
fn opencryptoki_passes_the_kit_of_custody() {
    with_opencryptoki("opencryptoki_passes_the_kit_of_custody", |ground| {
        custody_kit(ground, &OPENCRYPTOKI, 34);
    });
}
