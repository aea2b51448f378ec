//! The PIV application: who may do what, wrong states, chains, and answers (NIST SP 800-73-4).
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests may fail as tests do"
)]

mod common;

use cardwright_ports::CardChannel;
use cardwright_virtual_card::{PIV_AID, Protocol, VirtualCard};
use common::host::{Host, aes};
use common::{blank, h, ok, select, send, status};
use p256::ecdsa::signature::hazmat::PrehashVerifier;

/// The key of a blank, as open applets have it: twenty-four octets, 01 to 08 three times.
const PUT: &str = "00DB3FFF";

fn card() -> VirtualCard {
    let mut card = blank(Protocol::Scp03 { option: 0x00 }, &[&PIV_AID]);
    let (answer, status_word) = select(&mut card, &PIV_AID);
    assert_eq!(status_word, 0x9000);
    assert_eq!(
        answer[..2],
        [0x61, answer.len() as u8 - 2],
        "application property template"
    );
    card
}

fn administered() -> (VirtualCard, Host) {
    let mut card = card();
    let host = Host::open(&mut card, 0x03, false);
    (card, host)
}

fn tell(card: &mut VirtualCard, host: &mut Host, head: &str, data: &str) -> (Vec<u8>, u16) {
    let head: [u8; 4] = h(head).try_into().unwrap();
    let apdu = host.wrap(head, &h(data));
    send(card, &apdu)
}

#[test]
fn administration_asks_for_the_channel_or_the_management_key() {
    let mut c = card();
    assert_eq!(
        status(&mut c, &format!("{PUT}095C035FC1025302FE00")),
        0x6982
    );
    assert_eq!(status(&mut c, "0047009A05AC0380011100"), 0x6982);
    assert_eq!(
        status(&mut c, &format!("00FFFFFF13089B10{}", "00".repeat(16))),
        0x6982
    );
    let (mut c, mut t) = administered();
    assert_eq!(tell(&mut c, &mut t, PUT, "5C035FC1025302FE00").1, 0x9000);
    assert_eq!(
        tell(&mut c, &mut t, PUT, "5C035FC1025303FE00").1,
        0x6A80,
        "cut"
    );
    assert_eq!(
        tell(&mut c, &mut t, PUT, "5C035FC1225302FE00").1,
        0x6A82,
        "no such container"
    );
    assert_eq!(
        tell(
            &mut c,
            &mut t,
            "00FFFFFF",
            &format!("089B10{}", "11".repeat(16))
        )
        .1,
        0x9000
    );
    let short = format!("0A9B10{}", "11".repeat(16));
    assert_eq!(
        tell(&mut c, &mut t, "00FFFFFF", &short).1,
        0x6A80,
        "sixteen octets are no AES-192"
    );
    assert_eq!(
        tell(&mut c, &mut t, "00470082", "AC03800111").1,
        0x6A86,
        "no such slot"
    );
    assert_eq!(
        tell(&mut c, &mut t, "0047009A", "AC03800107").1,
        0x6A80,
        "RSA is not there"
    );
    containers_are_read_and_the_new_key_counts(&mut c);
}

/// Mutual authentication under the new key, AES-128 of 11 (part 2, appendix A.1), then one-sided.
fn containers_are_read_and_the_new_key_counts(c: &mut VirtualCard) {
    select(c, &PIV_AID);
    assert_eq!(ok(c, "00CB3FFF055C035FC10200"), h("5302FE00"));
    assert_eq!(status(c, "00CB3FFF055C035FC10700"), 0x6A82);
    assert_eq!(status(c, "00CB3F00055C035FC10200"), 0x6A86);
    let key = [0x11; 16];
    assert_eq!(
        status(c, "00870A9B047C02800000"),
        0x6A86,
        "another algorithm"
    );
    let witness = ok(c, "0087089B047C02800000");
    assert_eq!(witness[..4], h("7C128010"));
    let clear = host_decrypts(&key, &witness[4..]);
    let challenge = "00112233445566778899AABBCCDDEEFF";
    let both = format!(
        "0087089B267C248010{}8110{challenge}00",
        hex::encode_upper(clear)
    );
    let answer = ok(c, &both);
    assert_eq!(answer, [h("7C128210"), aes(&key, &h(challenge))].concat());
    assert_eq!(status(c, &format!("{PUT}095C035FC1075302FE00")), 0x9000);
    assert_eq!(status(c, &both), 0x6A80, "a witness is good once");
    // One-sided: the host answers the card's challenge.
    select(c, &PIV_AID);
    assert_eq!(
        status(c, &format!("{PUT}095C035FC1075302FE00")),
        0x6982,
        "it is over"
    );
    let challenge = ok(c, "0087089B047C02810000");
    let response = hex::encode_upper(aes(&key, &challenge[4..]));
    assert_eq!(status(c, &format!("0087089B147C128210{response}")), 0x9000);
    assert_eq!(status(c, &format!("{PUT}095C035FC1075302FE00")), 0x9000);
}

fn host_decrypts(key: &[u8], text: &[u8]) -> Vec<u8> {
    use cipher::{BlockCipherDecrypt, KeyInit};
    let mut block = des::cipher::Array::<u8, _>::try_from(text).unwrap();
    ::aes::Aes128::new_from_slice(key)
        .unwrap()
        .decrypt_block(&mut block);
    block.to_vec()
}

#[test]
fn the_pin_is_counted_changed_and_given_back_by_the_puk() {
    let mut c = card();
    assert_eq!(status(&mut c, "00200080"), 0x63C3);
    assert_eq!(status(&mut c, "0020008008313233343536FFFF"), 0x9000);
    assert_eq!(status(&mut c, "00200080"), 0x9000, "it is verified");
    assert_eq!(
        status(&mut c, "0024008010313233343536FFFF3635343332314646"),
        0x6A80,
        "no digits"
    );
    assert_eq!(
        status(&mut c, "0024008010313233343536FFFF363534333231FFFF"),
        0x9000
    );
    for left in [0x63C2, 0x63C1, 0x63C0, 0x6983] {
        assert_eq!(status(&mut c, "0020008008313233343536FFFF"), left);
    }
    assert_eq!(
        status(&mut c, "0020008008363534333231FFFF"),
        0x6983,
        "blocked"
    );
    assert_eq!(
        status(&mut c, "002C0080103132333435363739313233343536FFFF"),
        0x63C2,
        "another PUK"
    );
    assert_eq!(
        status(&mut c, "002C0080103132333435363738313233343536FFFF"),
        0x9000
    );
    assert_eq!(status(&mut c, "0020008008313233343536FFFF"), 0x9000);
    assert_eq!(status(&mut c, "00240080083132333435363738"), 0x6700);
    let kept = c.snapshot().unwrap();
    assert!(VirtualCard::restore(kept.expose()).is_ok());
}

#[test]
fn keys_are_made_and_answer_to_those_who_may_ask() {
    let (mut c, mut t) = administered();
    let hash = [0x5A; 32];
    let ask = |slot: &str| format!("008711{slot}267C2482008120{}00", hex::encode(hash));
    let mut points = Vec::new();
    for slot in ["9A", "9E"] {
        let (answer, word) = tell(&mut c, &mut t, &format!("004700{slot}"), "AC03800111");
        assert_eq!((word, &answer[..5]), (0x9000, &h("7F49438641")[..]));
        points.push(answer[5..].to_vec());
    }
    assert_ne!(points[0], points[1]);
    select(&mut c, &PIV_AID);
    assert_eq!(status(&mut c, &ask("9A")), 0x6982, "it asks for the PIN");
    assert_eq!(status(&mut c, &ask("9C")), 0x6A86, "there is none");
    let proves = |answer: Vec<u8>, point: &[u8]| {
        let signature = p256::ecdsa::Signature::from_der(&answer[4..]).unwrap();
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point).unwrap();
        key.verify_prehash(&hash, &signature).is_ok()
    };
    let answer = ok(&mut c, &ask("9E"));
    assert!(proves(answer.clone(), &points[1]));
    assert!(!proves(answer, &points[0]));
    assert_eq!(status(&mut c, "0020008008313233343536FFFF"), 0x9000);
    let answer = ok(&mut c, &ask("9A"));
    assert!(proves(answer, &points[0]));
    // Over the air only the card's own key answers.
    c.enter_field().unwrap();
    select(&mut c, &PIV_AID);
    assert_eq!(status(&mut c, "0020008008313233343536FFFF"), 0x9000);
    assert_eq!(status(&mut c, &ask("9A")), 0x6982);
    let answer = ok(&mut c, &ask("9E"));
    assert!(proves(answer, &points[1]));
}

#[test]
fn chains_are_of_one_command() {
    let (mut c, mut t) = administered();
    let first = |c: &mut VirtualCard, t: &mut Host| tell(c, t, "10DB3FFF", "5C035FC102").1;
    assert_eq!(first(&mut c, &mut t), 0x9000);
    assert_eq!(tell(&mut c, &mut t, PUT, "5302FE00").1, 0x9000);
    assert_eq!(first(&mut c, &mut t), 0x9000);
    assert_eq!(
        tell(&mut c, &mut t, "0047009A", "AC03800111").1,
        0x6985,
        "another command"
    );
    assert_eq!(first(&mut c, &mut t), 0x9000);
    for _ in 0..12 {
        tell(&mut c, &mut t, "10DB3FFF", &"00".repeat(239));
    }
    assert_eq!(
        tell(&mut c, &mut t, "10DB3FFF", &"00".repeat(239)).1,
        0x6A84,
        "too much"
    );
    // Other applications know no chains.
    ok(&mut c, "00A4040008A00000015100000000");
    assert_eq!(status(&mut c, "10CA004200"), 0x6E00);
}
