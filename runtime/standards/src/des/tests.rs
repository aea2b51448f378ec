//! Every engine against the crate `des`, published vectors, weak keys, every place of a vector.

use super::*;
use cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// The engines that this processor has; the portable one is always there.
fn engines() -> Vec<Engine> {
    let mut engines = vec![Engine::Words];
    engines.extend(Some(Engine::best()).filter(|best| *best != Engine::Words));
    engines
}

fn next(state: &mut u64) -> [u8; 8] {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    (*state ^ *state >> 29).to_be_bytes()
}

fn keys(state: &mut u64) -> Keys {
    std::array::from_fn(|_| next(state))
}

/// The crate `des`.
fn peer(keys: Keys, block: [u8; 8], way: Way) -> [u8; 8] {
    let peer = ::des::TdesEde3::new_from_slice(keys.as_flattened()).unwrap();
    let mut block = Array(block);
    match way {
        Way::Encrypt => peer.encrypt_block(&mut block),
        Way::Decrypt => peer.decrypt_block(&mut block),
    }
    block.0
}

fn single_peer(key: [u8; 8], block: [u8; 8], way: Way) -> [u8; 8] {
    // One key three times is one DES.
    peer([key; 3], block, way)
}

#[test]
fn single_blocks_agree_with_another_implementation() {
    for engine in engines() {
        let mut state = 7;
        for _ in 0..2_000 {
            let (key, block) = (next(&mut state), next(&mut state));
            let ours = Schedule::by(engine, key);
            for way in [Way::Encrypt, Way::Decrypt] {
                let expected = single_peer(key, block, way);
                assert_eq!(ours.single(block, way), expected, "{engine:?}");
            }
        }
        let key = next(&mut state);
        let ours = Schedule::by(engine, key);
        for count in [0, 1, 8, 9, 17, 32, 33, 70] {
            let clear: Vec<[u8; 8]> = (0..count).map(|_| next(&mut state)).collect();
            for way in [Way::Encrypt, Way::Decrypt] {
                let mut blocks = clear.clone();
                ours.many(&mut blocks, way);
                let expected = clear.iter().map(|block| single_peer(key, *block, way));
                assert_eq!(blocks, expected.collect::<Vec<_>>(), "{engine:?}, {count}");
            }
        }
    }
}

fn side_by_side<const L: usize>(engine: Engine, state: &mut u64) {
    let octets: [Keys; L] = std::array::from_fn(|_| keys(state));
    let own = octets.map(|octets| Triple::by(engine, octets));
    let blocks: [[u8; 8]; L] = std::array::from_fn(|_| next(state));
    for way in [Way::Encrypt, Way::Decrypt] {
        let ours = Triple::each(own.each_ref(), blocks, way);
        for (lane, found) in ours.iter().enumerate() {
            let expected = peer(octets[lane], blocks[lane], way);
            assert_eq!(*found, expected, "{engine:?}, lane {lane} of {L}");
        }
        assert_eq!(Triple::each(own.each_ref(), ours, way.other()), blocks);
    }
}

#[test]
fn blocks_side_by_side_agree_in_every_lane() {
    for engine in engines() {
        let mut state = 11;
        for _ in 0..100 {
            side_by_side::<1>(engine, &mut state);
            side_by_side::<2>(engine, &mut state);
            side_by_side::<3>(engine, &mut state);
            side_by_side::<4>(engine, &mut state);
            side_by_side::<6>(engine, &mut state);
            side_by_side::<8>(engine, &mut state);
            side_by_side::<9>(engine, &mut state);
            side_by_side::<17>(engine, &mut state);
        }
    }
}

#[test]
fn any_number_of_blocks_agrees_under_one_key_and_under_their_own() {
    for engine in engines() {
        let mut state = 5;
        for count in [
            0, 1, 2, 4, 5, 7, 8, 9, 31, 32, 33, 63, 64, 65, 200, 256, 257, 600,
        ] {
            let octets: Vec<Keys> = (0..count.max(1)).map(|_| keys(&mut state)).collect();
            let own: Vec<Triple> = octets.iter().map(|o| Triple::by(engine, *o)).collect();
            let own: Vec<&Triple> = own.iter().collect();
            let clear: Vec<[u8; 8]> = (0..count).map(|_| next(&mut state)).collect();
            for used in [&own[..], &own[..1]] {
                for way in [Way::Encrypt, Way::Decrypt] {
                    let mut blocks = clear.clone();
                    Triple::many(used, &mut blocks, way);
                    for (place, block) in blocks.iter().enumerate() {
                        let key = octets[place.min(used.len() - 1)];
                        let expected = peer(key, clear[place], way);
                        assert_eq!(*block, expected, "{engine:?}, {place} of {count}");
                    }
                    Triple::many(used, &mut blocks, way.other());
                    assert_eq!(blocks, clear);
                }
            }
        }
    }
}

// SP 800-67, 3.3.2: under a weak key enciphering twice gives the text back; a semi-weak key undoes
// its pair.
#[test]
fn weak_keys_do_what_the_standard_says() {
    let weak = [
        0x0101_0101_0101_0101u64,
        0xFEFE_FEFE_FEFE_FEFE,
        0xE0E0_E0E0_F1F1_F1F1,
        0x1F1F_1F1F_0E0E_0E0E,
    ];
    let pairs = [
        (0x01FE_01FE_01FE_01FEu64, 0xFE01_FE01_FE01_FE01u64),
        (0x1FE0_1FE0_0EF1_0EF1, 0xE01F_E01F_F10E_F10E),
        (0x01E0_01E0_01F1_01F1, 0xE001_E001_F101_F101),
        (0x1FFE_1FFE_0EFE_0EFE, 0xFE1F_FE1F_FE0E_FE0E),
        (0x011F_011F_010E_010E, 0x1F01_1F01_0E01_0E01),
        (0xE0FE_E0FE_F1FE_F1FE, 0xFEE0_FEE0_FEF1_FEF1),
    ];
    let same = weak.map(|key| (key, key));
    let text = *b"weakness";
    for engine in engines() {
        for (first, second) in same.iter().chain(&pairs) {
            let [first, second] = [first, second].map(|key| key.to_be_bytes());
            let once = Schedule::by(engine, first).single(text, Way::Encrypt);
            assert_eq!(once, single_peer(first, text, Way::Encrypt));
            let twice = Schedule::by(engine, second).single(once, Way::Encrypt);
            assert_eq!(twice, text, "{engine:?}");
        }
    }
}

// The classic worked example (key 133457799BBCDFF1), and NIST SP 500-20's first and last rows of
// the variable plaintext, initial permutation and permutation tests.
#[test]
fn published_single_blocks() {
    let rows = [
        (
            0x1334_5779_9BBC_DFF1u64,
            0x0123_4567_89AB_CDEFu64,
            0x85E8_1354_0F0A_B405u64,
        ),
        (
            0x0101_0101_0101_0101,
            0x8000_0000_0000_0000,
            0x95F8_A5E5_DD31_D900,
        ),
        (
            0x0101_0101_0101_0101,
            0x0000_0000_0000_0001,
            0x166B_40B4_4ABA_4BD6,
        ),
        (
            0x8001_0101_0101_0101,
            0x0000_0000_0000_0000,
            0x95A8_D728_13DA_A94D,
        ),
        (
            0x1046_9134_8998_0131,
            0x0000_0000_0000_0000,
            0x88D5_5E54_F54C_97B4,
        ),
        (
            0x7CA1_1045_4A1A_6E57,
            0x01A1_D6D0_3977_6742,
            0x690F_5B0D_9A26_939B,
        ),
    ];
    for engine in engines() {
        for (key, clear, enciphered) in rows {
            let key = Schedule::by(engine, key.to_be_bytes());
            let found = key.single(clear.to_be_bytes(), Way::Encrypt);
            assert_eq!(u64::from_be_bytes(found), enciphered, "{engine:?}");
            assert_eq!(key.single(found, Way::Decrypt), clear.to_be_bytes());
        }
    }
}

// SP 800-67's example, in any place of a batch.
#[test]
fn a_published_block_in_any_place() {
    let octets: Keys = [
        0x0123_4567_89AB_CDEFu64,
        0x2345_6789_ABCD_EF01,
        0x4567_89AB_CDEF_0123,
    ]
    .map(u64::to_be_bytes);
    for engine in engines() {
        let key = Triple::by(engine, octets);
        for place in 0..70 {
            let mut blocks = vec![[0; 8]; 70];
            blocks[place] = *b"The qufc";
            Triple::many(&[&key], &mut blocks, Way::Encrypt);
            assert_eq!(blocks[place], 0xA826_FD8C_E53B_855Fu64.to_be_bytes());
        }
    }
}
