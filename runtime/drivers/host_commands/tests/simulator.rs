//! Commands that the driver does not send, answered by the simulator with published values.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use cardwright_host_commands::framing::{self, Answer};
use cardwright_host_commands::layout::{self, Context, Layout};
use cardwright_host_commands::simulator::Simulator;
use common::{PAN, simulator, unhex};

const DOUBLE: &str = "0123456789ABCDEFFEDCBA9876543210";
const ACCOUNT: &[u8] = b"173900101011";
/// The values of the conformance kit, by psec, pyemv and OpenSSL.
const VALUES: &str = include_str!("../../../../tests/vectors/hsm/values.json");

/// A value of the kit's file.
fn kit(name: &str) -> String {
    let start = format!("\"{name}\": \"");
    let rest = VALUES.split(&start).nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// A symmetric key of the kit's file.
fn kit_key(name: &str) -> Vec<u8> {
    let rest = VALUES.split(&format!("\"{name}\": {{")).nth(1).unwrap();
    let rest = rest.split("\"value\": \"").nth(1).unwrap();
    unhex(rest.split('"').next().unwrap())
}

/// Asks the simulator; the error code, or the values.
fn ask(simulator: &Simulator, layout: &Layout, values: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
    let context = Context {
        pin_characters: 13,
        lmk: None,
    };
    let frame = framing::request(layout, b"0001", values, &context).unwrap();
    let answer = simulator.answer(&frame[2..]);
    match framing::read_answer(layout, b"0001", &answer, &context).unwrap() {
        Answer::Values(values) => Ok(values.iter().map(|v| v.to_vec()).collect()),
        Answer::Error(code) => Err(code),
    }
}

fn block(simulator: &Simulator, usage: &str, algorithm: char, key: &[u8]) -> Vec<u8> {
    let made = simulator.lmk().protect(usage, algorithm, "00", key);
    made.unwrap().into_bytes()
}

#[test]
fn verification_values_and_pvvs_are_verified() {
    let simulator = simulator();
    let cvk = block(&simulator, "C0", 'T', &kit_key("cvk"));
    let verify = |value: &str| {
        let values = [&cvk[..], value.as_bytes(), PAN.as_bytes(), b"2812", b"201"];
        ask(&simulator, &layout::VERIFY_CVV, &values)
    };
    assert_eq!(verify(&kit("cvv.track")), Ok(vec![]));
    assert_eq!(verify("000"), Err("01".to_owned()));

    let zpk = block(&simulator, "P0", 'T', &kit_key("zpk"));
    let pvk = block(&simulator, "V2", 'T', &kit_key("pvk"));
    let (pin, pvv) = (kit("pin.block0"), kit("pin.pvv1"));
    for layout in [&layout::VERIFY_PVV, &layout::VERIFY_PVV_TERMINAL] {
        let verify = |zpk: &[u8], pvk: &[u8], pvv: &str| {
            let values = [
                zpk,
                pvk,
                pin.as_bytes(),
                b"01",
                ACCOUNT,
                b"1",
                pvv.as_bytes(),
            ];
            ask(&simulator, layout, &values)
        };
        assert_eq!(verify(&zpk, &pvk, &pvv), Ok(vec![]));
        assert_eq!(verify(&zpk, &pvk, "0000"), Err("01".to_owned()));
        // Keys in each other's place: their usages are in their blocks.
        assert_eq!(verify(&pvk, &zpk, &pvv), Err("A6".to_owned()));
        let other = block(&simulator, "P0", 'T', &unhex(DOUBLE));
        assert_eq!(verify(&other, &pvk, &pvv), Err("20".to_owned()));
    }
}

#[test]
fn pins_are_translated_and_stay_with_their_pan() {
    let simulator = simulator();
    let from = block(&simulator, "P0", 'T', &kit_key("zpk"));
    let to = block(&simulator, "P0", 'T', &kit_key("zpk3"));
    let (pin, same) = (kit("pin.block0"), kit("pin.block0_3"));
    for layout in [&layout::PIN_ACROSS, &layout::PIN_FROM_TERMINAL] {
        let values = [&from[..], &to, b"12", pin.as_bytes(), b"01", b"01", ACCOUNT];
        let expected = vec![b"04".to_vec(), same.clone().into_bytes(), b"01".to_vec()];
        assert_eq!(ask(&simulator, layout, &values), Ok(expected));
        let values = [&from[..], &to, b"12", pin.as_bytes(), b"01", b"05", ACCOUNT];
        assert_eq!(ask(&simulator, layout, &values), Err("69".to_owned()));
        let long = kit("pin.block0_long");
        let values = [
            &from[..],
            &to,
            b"04",
            long.as_bytes(),
            b"01",
            b"01",
            ACCOUNT,
        ];
        assert_eq!(ask(&simulator, layout, &values), Err("24".to_owned()));
    }
    // Under the LMK a PIN is bound to its account: another one does not open it.
    let values = [&from[..], pin.as_bytes(), b"01", ACCOUNT];
    let held = ask(&simulator, &layout::PIN_IN, &values).unwrap().remove(0);
    let clear = ask(&simulator, &layout::PIN_CLEAR, &[ACCOUNT, &held]).unwrap();
    assert_eq!(clear[0], b"1234FFFFFFFFF");
    let mut opened = 0;
    for last in 0..=9u8 {
        let mut other = ACCOUNT.to_vec();
        other[11] = b'0' + last;
        let answer = ask(&simulator, &layout::PIN_CLEAR, &[&other, &held]);
        opened += usize::from(answer.is_ok());
    }
    assert_eq!(opened, 1);
}

// This project's list by pyemv: the older method's cryptogram under the card's master key itself.
#[test]
fn the_older_cryptogram_is_verified() {
    let simulator = simulator();
    let imk = block(&simulator, "E0", 'T', &unhex(DOUBLE));
    // PAN and sequence number, the rightmost sixteen digits.
    let card = unhex("6173900101011901");
    let data = unhex("00000000100000000000000008400000000000084023010100112233445800000103A00000");
    let verify = |scheme: &[u8], cryptogram: &str| {
        let cryptogram = unhex(cryptogram);
        let values = [scheme, &imk, &card, &[0, 1], &[0; 4], &data, &cryptogram];
        ask(&simulator, &layout::VERIFY_ARQC_STATIC, &values)
    };
    assert_eq!(verify(b"0", "1DBFBC8FA57F1841"), Ok(vec![]));
    assert_eq!(verify(b"0", "1DBFBC8FA57F1842"), Err("01".to_owned()));
    assert_eq!(
        verify(b"1", "1DBFBC8FA57F1841"),
        Err("05".to_owned()),
        "not offered"
    );
}

// Wrong blocks: each octet changed, another LMK's, a token in place of a key.
#[test]
fn key_blocks_are_authentic_or_refused() {
    let simulator = simulator();
    let key = block(&simulator, "C0", 'T', &unhex(DOUBLE));
    let check = |key: &[u8]| {
        // A block whose length or scheme is spoilt is no key for the layout either.
        let message = [b"0001BUFFF", key, b";FFF;001"].concat();
        simulator.answer(&message)
    };
    assert_eq!(check(&key), b"0001BV0008D7B4");
    for place in 0..key.len() {
        let mut changed = key.clone();
        changed[place] ^= 1;
        let answer = check(&changed);
        assert!(!answer.starts_with(b"0001BV00"), "octet {place}");
    }
    let mut elsewhere = cardwright_host_commands::simulator::SimulatorSettings::local([8; 32]);
    elsewhere.header = 4;
    let other = Simulator::start(elsewhere).unwrap();
    assert_eq!(
        check(&block(&other, "C0", 'T', &unhex(DOUBLE))),
        b"0001BVA4"
    );
}
