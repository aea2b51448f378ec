//! Key blocks as they are accepted for use: the standards' own examples, and everything that must
//! be refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use cardwright_standards::kcv::{self, Method};
use cardwright_standards::keyblock::{
    self, Acceptance, Attributes, CheckValue, Fault, Header, KeyBlockError, KeyType, Optional,
    OptionalBlock, USAGES, Version,
};
use common::{hex, read, to_hex};

const EVERY: Acceptance<'_> = Acceptance {
    versions: &Version::ALL,
    unknown_blocks: false,
    components: false,
    odd_combinations: false,
};
/// A protection key that 3DES and AES take.
const KBPK: [u8; 16] = *b"\xFE\x01key of no bank";

fn attributes(header: &str) -> Result<Attributes, Vec<Fault>> {
    Attributes::parse(&Header::from_text(header).unwrap())
}

fn sealed(header: &str, key: &[u8]) -> Result<String, KeyBlockError> {
    let attributes = attributes(header).unwrap();
    let fill = keyblock::fill_octets(&attributes.header(), key.len()).unwrap();
    keyblock::seal(&KBPK, &attributes, key, &vec![0x5A; fill])
}

/// Wraps without looking whether header and key go together.
fn wrapped(header: &str, key: &[u8]) -> String {
    let header = Header::from_text(header).unwrap();
    let fill = keyblock::fill_octets(&header, key.len()).unwrap();
    keyblock::wrap(&KBPK, &header, key, &vec![0x5A; fill]).unwrap()
}

fn refusal(header: &str, key: &[u8]) -> KeyBlockError {
    let opened = keyblock::open(&KBPK, &wrapped(header, key), &EVERY);
    opened.err().unwrap_or_else(|| panic!("accepted: {header}"))
}

#[test]
fn every_published_block() {
    let file: toml::Table = read("keyblock/x9143.toml").parse().unwrap();
    let text = |case: &toml::Value, name: &str| case.get(name)?.as_str().map(str::to_owned);
    for case in file["case"].as_array().unwrap() {
        let clause = text(case, "clause").unwrap();
        let (kbpk, block) = (text(case, "kbpk").unwrap(), text(case, "block").unwrap());
        let acceptance = Acceptance {
            odd_combinations: case.get("odd").is_some(),
            ..EVERY
        };
        let opened = keyblock::open(&hex(&kbpk), &block, &acceptance);
        let opened = opened.unwrap_or_else(|error| panic!("{clause}: {error}"));
        if let Some(key) = text(case, "key") {
            assert_eq!(to_hex(&*opened.key), key, "{clause}");
        }
        if let Some(expected) = text(case, "kcv") {
            let (algorithm, method) = match opened.key_type {
                KeyType::Aes(_) => (kcv::Algorithm::Aes, Method::Cmac),
                _ => (kcv::Algorithm::Tdes, Method::Ecb),
            };
            let found = to_hex(kcv::check_value(algorithm, method, &opened.key).unwrap());
            assert!(found.starts_with(&expected), "{clause}: {found}");
        }
        if let Some(expected) = text(case, "protection_kcv") {
            let value = kcv::check_value(kcv::Algorithm::Aes, Method::Cmac, &hex(&kbpk));
            assert_eq!(to_hex(value.unwrap()), expected, "{clause}");
            assert!(opened.protection_key_checked, "{clause}");
        }
        if let Some(modulus) = text(case, "modulus_begins") {
            assert_eq!(to_hex(&opened.key[12..28]), modulus, "{clause}");
        }
        // Wrapped again with the same fill, the block is the same to the last character.
        let header = Header::from_text(&opened.header_text).unwrap();
        let fill = keyblock::unwrap(&hex(&kbpk), &block).ok().unwrap().fill;
        let again = keyblock::wrap(&hex(&kbpk), &header, &opened.key, &fill);
        assert_eq!(again.unwrap(), block, "{clause}");
    }
    for case in file["refused"].as_array().unwrap() {
        let (kbpk, block) = (text(case, "kbpk").unwrap(), text(case, "block").unwrap());
        let error = keyblock::open(&hex(&kbpk), &block, &EVERY).err().unwrap();
        assert_eq!(Some(error.code()), case["code"].as_str(), "{error}");
    }
}

#[test]
fn private_keys_tell_their_form() {
    let file: toml::Table = read("keyblock/x9143.toml").parse().unwrap();
    let forms = [("8.5", 2048, 1), ("8.6", 256, 2)];
    for (clause, bits, certificates) in forms {
        let case = file["case"].as_array().unwrap().iter().find(|case| {
            case["clause"]
                .as_str()
                .is_some_and(|it| it.contains(&format!("2021, {clause} ")))
        });
        let case = case.unwrap();
        let (kbpk, block) = (&case["kbpk"], &case["block"]);
        let opened = keyblock::open(
            &hex(kbpk.as_str().unwrap()),
            block.as_str().unwrap(),
            &Acceptance::STRICT,
        );
        let opened = opened.ok().unwrap();
        assert!(
            matches!(opened.key_type, KeyType::Private(form) if form.bits == bits && !form.pkcs8)
        );
        let chain = opened
            .attributes
            .optional
            .iter()
            .find_map(|block| match block {
                Optional::Certificates { list, .. } => Some(list.len()),
                _ => None,
            });
        assert_eq!(chain, Some(certificates));
        // The same key in a block of 3DES is refused, and so is the key of another algorithm.
        let pair = opened.attributes.algorithm.letter();
        let other = if pair == 'R' { 'E' } else { 'R' };
        let tdes = refusal(&format!("B0000S0{pair}S00N0000"), &opened.key);
        assert_eq!(tdes.code(), "E0596");
        let crossed = refusal(&format!("D0000S0{other}S00N0000"), &opened.key);
        assert_eq!(crossed, KeyBlockError::Refused(Fault::PrivateKey(other)));
        let cut = refusal(
            &format!("D0000S0{pair}S00N0000"),
            &opened.key[..opened.key.len() - 1],
        );
        assert_eq!(cut, KeyBlockError::Refused(Fault::PrivateKey(pair)));
    }
}

#[test]
fn every_row_of_the_table_can_be_sealed_and_nothing_beside_it() {
    let (mut accepted, mut refused) = (0, 0);
    for row in USAGES {
        for algorithm in "ADEHIJRST".chars() {
            for mode in "BCDEGNSVXY".chars() {
                let hash = if algorithm == 'H' {
                    "0200HM0621PB0A000000"
                } else {
                    "0000"
                };
                let header = format!("D0000{}{algorithm}{mode}00E{hash}", row.code);
                let right = row.algorithms.contains(algorithm) && row.modes.contains(mode);
                let found = attributes(&header);
                assert_eq!(found.is_ok(), right, "{header}: {found:?}");
                if right && !"RES".contains(algorithm) {
                    let block = sealed(&header, &[0x31; 16]).unwrap();
                    let opened = keyblock::open(&KBPK, &block, &EVERY).ok().unwrap();
                    assert_eq!(*opened.key, vec![0x31; 16]);
                    accepted += 1;
                } else if !right {
                    refused += 1;
                }
            }
        }
    }
    assert!(accepted > 300 && refused > 2000, "{accepted} {refused}");
}

#[test]
fn check_values_are_written_and_verified() {
    for (header, key) in [
        ("D0000P0TE00E0200KC0A0000AAKP0A0000AA", vec![7u8; 24]),
        ("D0000P0AE00E0200KC0A0000AAKP0A0000AA", vec![7u8; 32]),
        ("B0000P0TE00E0200KC0A0000AAKP0A0000AA", vec![7u8; 16]),
    ] {
        let block = sealed(header, &key).unwrap();
        let opened = keyblock::open(&KBPK, &block, &EVERY).ok().unwrap();
        assert!(opened.key_checked && opened.protection_key_checked);
        // A sender that put the check value of another key into a block that is otherwise whole.
        let mut other = opened.attributes.header();
        other.blocks[0].data.replace_range(2..4, "00");
        let fill = keyblock::fill_octets(&other, key.len()).unwrap();
        let block = keyblock::wrap(&KBPK, &other, &key, &vec![0; fill]).unwrap();
        let error = keyblock::open(&KBPK, &block, &EVERY).err().unwrap();
        assert_eq!(
            (error.code(), error),
            ("E0597", KeyBlockError::CheckValue("KC"))
        );
        let mut other = opened.attributes.header();
        other.blocks[1].data.replace_range(2..4, "00");
        let block = keyblock::wrap(&KBPK, &other, &key, &vec![0; fill]).unwrap();
        let error = keyblock::open(&KBPK, &block, &EVERY).err().unwrap();
        assert_eq!(error, KeyBlockError::CheckValue("KP"));
    }
}

// openemv's test of KC and KP has this header: the check values of the key and of the protection
// key of X9.143, 8.1.
#[test]
fn check_values_of_another_implementation() {
    let kbpk = hex("88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6");
    let key = hex("3F419E1CB7079442AA37474C2EFBF8B8");
    let mut attributes = attributes("D0000P0TE00E0000").unwrap();
    attributes.optional = vec![
        Optional::KeyCheck(CheckValue::placeholder()),
        Optional::ProtectionKeyCheck(CheckValue::placeholder()),
    ];
    let block = keyblock::seal(&kbpk, &attributes, &key, &[0; 14]).unwrap();
    assert!(
        block.starts_with("D0144P0TE00E0300KC0C0057C409KP10012331550BC9PB04"),
        "{block}"
    );
}

#[test]
fn headers_and_keys_that_disagree() {
    let length = |header: &str, octets: usize| refusal(header, &vec![1; octets]).to_string();
    assert!(length("D0000P0AE00E0000", 17).contains("17 octets"));
    assert!(length("D0000P0TE00E0000", 32).contains("32 octets"));
    assert!(length("B0000P0TE00E0000", 8).contains("8 octets"));
    assert!(length("D0000P0AE00E0000", 0).contains("0 octets"));
    for (header, fault) in [
        ("D0000Q0AE00E0000", "Q0 is no key usage"),
        ("D0000P0QE00E0000", "Q is no algorithm"),
        ("D0000P0AQ00E0000", "Q is no mode"),
        ("D0000P0AE00Q0000", "E, N or S, not Q"),
        ("D0000P0AE00E0030", "0, 1 or 2, not 3"),
        ("D0000P0AE00E0001", "reserved and 0, not 1"),
        ("D0000P0ASc1E0000", "mode of use S"),
        ("D0000P0AEc1E0000", "component 1"),
        ("D0000C0RE00E0000", "usage C0 can't have algorithm R"),
        ("D0000M7HG00E0000", "needs the optional block HM"),
        ("D0000P0AE00E0200HM0621PB0A000000", "HM does not go with"),
        ("D0000P0AE00E010099080000", "99 is unknown"),
        ("D0000P0AE00E0200LB08hereLB08here", "LB stands twice"),
        ("D0000P0AE00E0100TS0Anow!!!", "TS: a UTC time"),
    ] {
        let error = refusal(header, &[1; 16]);
        assert!(error.to_string().contains(fault), "{header}: {error}");
        assert_eq!(error.code(), "E0596");
    }
    let old = keyblock::open(
        &KBPK,
        &wrapped("A0000P0TE00E0000", &[1; 16]),
        &Acceptance::STRICT,
    );
    assert_eq!(old.err(), Some(KeyBlockError::Refused(Fault::Version('A'))));
}

#[test]
fn unknown_blocks_are_kept_when_asked_for() {
    let block = wrapped("D0000P0AE00E020010080000LB08here", &[1; 16]);
    let acceptance = Acceptance {
        unknown_blocks: true,
        ..EVERY
    };
    let opened = keyblock::open(&KBPK, &block, &acceptance).ok().unwrap();
    assert_eq!(opened.unknown, ["10"]);
    assert_eq!(
        OptionalBlock::from(&opened.attributes.optional[0]).data,
        "0000"
    );
}

#[test]
fn every_octet_and_cut_of_every_version() {
    for header in [
        "A0000P0TE00E0100LB0Clabel 01",
        "B0000P0TE00E0100LB0Clabel 01",
        "C0000P0TE00E0100LB0Clabel 01",
        "D0000P0TE00E0100LB0Clabel 01",
        "E0000P0TE00E0100LB0Clabel 01",
        "E0000P0AE00E0000",
    ] {
        let block = sealed(header, &[0xC7; 16]).unwrap();
        assert!(keyblock::open(&KBPK, &block, &EVERY).is_ok());
        for at in 0..block.len() {
            assert!(keyblock::open(&KBPK, &block[..at], &EVERY).is_err());
            for bit in 0..7 {
                let mut changed = block.clone().into_bytes();
                changed[at] ^= 1 << bit;
                let changed = String::from_utf8(changed).unwrap();
                let opened = keyblock::open(&KBPK, &changed, &EVERY);
                assert!(opened.is_err(), "{at} {changed}");
            }
        }
        let longer = format!("{block}00");
        assert!(keyblock::open(&KBPK, &longer, &EVERY).is_err());
    }
}

#[test]
fn the_length_of_a_block_does_not_tell_the_keys() {
    for version in "ABCDE".chars() {
        for (algorithm, lengths) in [('T', &[16, 24][..]), ('A', &[16, 24, 32][..])] {
            let header = format!("{version}0000P0{algorithm}E00E0000");
            let blocks = lengths
                .iter()
                .map(|octets| sealed(&header, &vec![9; *octets]).unwrap());
            let mut sizes: Vec<usize> = blocks.map(|block| block.len()).collect();
            sizes.dedup();
            assert_eq!(sizes.len(), 1, "{header}");
        }
    }
}
