//! Every key block case of psec's tests, and hostile blocks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use cardwright_standards::keyblock::{self, Header, OptionalBlock};
use common::{Case, cases, hex, to_hex};

#[test]
fn every_case() {
    let (mut wrapped, mut unwrapped, mut single) = (0, 0, 0);
    for case in cases("psec/tr31.json") {
        // psec takes a single DES key to protect others with; no standard of today does, nor do we.
        if kbpk(&case).len() == 8 {
            let refused = match case.op().ends_with(".wrap") {
                true => wrap(&case).is_err(),
                false => keyblock::unwrap(&kbpk(&case), case.text("key_block")).is_err(),
            };
            assert!(refused);
            single += 1;
            continue;
        }
        if case.op().ends_with(".wrap") {
            case.check(wrap(&case));
            wrapped += 1;
        } else {
            let kbpk = kbpk(&case);
            let result = keyblock::unwrap(&kbpk, case.text("key_block"));
            case.check(result.map(|opened| to_hex(&*opened.key)));
            unwrapped += 1;
        }
    }
    assert_eq!((wrapped, unwrapped, single), (71, 100, 24));
}

fn kbpk(case: &Case) -> Vec<u8> {
    let object = &case.0["in"]["self"]["kbpk"];
    hex(object.as_str().unwrap_or_else(|| case.text("kbpk")))
}

/// Fill is random in the published blocks: it is taken out of them, so that ours must be the same
/// to the last character.
fn wrap(case: &Case) -> Result<String, ()> {
    let kbpk = kbpk(case);
    let text = match case.0["in"]["header"].as_str() {
        Some(text) => text.to_owned(),
        None => header_text(case),
    };
    let header = Header::from_text(&text).map_err(|_| ())?;
    let fill = match case.rejected() {
        true => vec![0; 6],
        false => keyblock::unwrap(&kbpk, case.out())
            .map_err(|_| ())?
            .fill
            .to_vec(),
    };
    let key = case.octets("key");
    if !case.rejected() && case.0["in"]["masked_key_len"].is_null() {
        assert_eq!(
            keyblock::fill_octets(&header, key.len()),
            Ok(fill.len()),
            "{}",
            case.0
        );
    }
    keyblock::wrap(&kbpk, &header, &key, &fill).map_err(|_| ())
}

fn header_text(case: &Case) -> String {
    let header = &case.0["in"]["self"]["header"];
    let field = |name: &str| header[name].as_str().unwrap();
    format!(
        "{}0000{}{}{}{}{}00{}",
        field("version_id"),
        field("key_usage"),
        field("algorithm"),
        field("mode_of_use"),
        field("version_num"),
        field("exportability"),
        field("reserved")
    )
}

#[test]
fn optional_blocks_come_back() {
    for (version, octets) in [("A", 16), ("B", 24), ("C", 24), ("D", 32), ("E", 32)] {
        let kbpk: Vec<u8> = (1..=octets).collect();
        let mut header = Header::from_text("B0000P0TE00N0000").unwrap();
        header.version = version.chars().next().unwrap();
        header.blocks = vec![
            OptionalBlock {
                id: "KS".into(),
                data: "00604B120F9292800000".into(),
            },
            OptionalBlock {
                id: "TS".into(),
                data: "x".repeat(300),
            },
        ];
        let fill = vec![9; keyblock::fill_octets(&header, 16).unwrap()];
        let block = keyblock::wrap(&kbpk, &header, &[7; 16], &fill).unwrap();
        let opened = keyblock::unwrap(&kbpk, &block).ok().unwrap();
        assert_eq!(opened.header.blocks, header.blocks);
        assert_eq!(*opened.key, vec![7; 16]);
        assert_eq!(opened.header.length, block.len());
    }
}

#[test]
fn every_changed_character_and_cut_is_refused() {
    let kbpk = [0xAB; 16];
    for version in ["A", "B", "C", "D", "E"] {
        let header = Header::from_text(&format!("{version}0000P0TE00N0000")).unwrap();
        let fill = vec![3; keyblock::fill_octets(&header, 16).unwrap()];
        let block = keyblock::wrap(&kbpk, &header, &[0xCD; 16], &fill).unwrap();
        // Version E has no whole blocks to fill.
        let short = keyblock::wrap(&kbpk, &header, &[0xCD; 16], &fill[1..]);
        assert_eq!(short.is_err(), version != "E");
        for place in 0..block.len() {
            assert!(keyblock::unwrap(&kbpk, &block[..place]).is_err());
            let mut changed = block.clone().into_bytes();
            changed[place] = if changed[place] == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(
                keyblock::unwrap(&kbpk, &changed).is_err(),
                "{version} {place}"
            );
        }
    }
    assert!(keyblock::unwrap(&kbpk, "D0016P0TE00N9900é").is_err());
}
