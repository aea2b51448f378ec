//! Card content management: wrong order, wrong state, wrong hash, and what a card answers
//! (GlobalPlatform Card Specification 2.3.1, chapter 11).
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests may fail as tests do"
)]

mod common;

use cardwright_ports::{CardChannel, SecretBytes};
use cardwright_virtual_card::{BlankSpec, DapSpec, Protocol, VirtualCard};
use common::host::Host;
use common::{h, ok, send, status, test_keys};
use sha2::Digest;

const DOMAIN: &str = "00A4040008A00000015100000000";
const PACKAGE: &str = "F00000009260";
const MODULE: &str = "F0000000926001";
const INSTANCE: &str = "F000000092600101";

/// Components of an invented package with one applet (Java Card Virtual Machine Specification, 6).
fn components() -> Vec<u8> {
    let part = |tag: u8, content: &[u8]| [&[tag, 0, content.len() as u8], content].concat();
    let header = h("DECAFFED 02 02 04 00 01 06 F00000009260");
    let applet = h("01 07 F0000000926001 0008");
    let mut all = [
        part(1, &header),
        part(2, &[0; 31]),
        part(4, &[0]),
        part(3, &applet),
    ]
    .concat();
    for tag in [6, 7, 8, 5, 9] {
        all.extend(part(tag, &[0; 40]));
    }
    all
}

fn block(components: &[u8]) -> Vec<u8> {
    let [high, low] = (components.len() as u16).to_be_bytes();
    [&[0xC4, 0x82, high, low][..], components].concat()
}

fn card(dap: Option<DapSpec>) -> (VirtualCard, Host) {
    let protocol = Protocol::Scp03 { option: 0x00 };
    let mut spec = BlankSpec::new(protocol, test_keys(), [0x47; 6], [0, 0, 0, 9], Vec::new());
    spec.dap = dap;
    let mut card = VirtualCard::blank(&spec).unwrap();
    card.reset().unwrap();
    ok(&mut card, DOMAIN);
    let host = Host::open(&mut card, 0x01, false);
    (card, host)
}

fn tell(card: &mut VirtualCard, host: &mut Host, head: &str, data: &str) -> (Vec<u8>, u16) {
    tell_octets(card, host, head, &h(data))
}

fn tell_octets(card: &mut VirtualCard, host: &mut Host, head: &str, data: &[u8]) -> (Vec<u8>, u16) {
    let head: [u8; 4] = h(head).try_into().unwrap();
    let apdu = host.wrap(head, data);
    send(card, &apdu)
}

fn lv(text: &str) -> String {
    format!("{:02X}{text}", text.len() / 2)
}

fn install_for_load(hash: &str) -> String {
    format!("{}00{}0000", lv(PACKAGE), lv(hash))
}

fn install(module: &str, privileges: &str) -> String {
    let aids = [PACKAGE, module, INSTANCE].map(lv).concat();
    format!("{aids}{}02C90000", lv(privileges))
}

/// Loads a file in blocks of 100 octets; the status word of the first that fails, or of the last.
fn load(card: &mut VirtualCard, host: &mut Host, file: &[u8]) -> u16 {
    let pieces: Vec<&[u8]> = file.chunks(100).collect();
    for (at, piece) in pieces.iter().enumerate() {
        let p1 = if at + 1 == pieces.len() { 0x80 } else { 0x00 };
        let (_, status) = tell_octets(card, host, &format!("80E8{p1:02X}{at:02X}"), piece);
        if status != 0x9000 {
            return status;
        }
    }
    0x9000
}

#[test]
fn a_package_is_loaded_installed_listed_and_deleted() {
    let (mut card, mut host) = card(None);
    let (card, host) = (&mut card, &mut host);
    let file = block(&components());
    assert_eq!(
        tell(card, host, "80E60C00", &install(MODULE, "00")).1,
        0x6A88,
        "not loaded"
    );
    assert_eq!(
        tell(card, host, "80E80000", "C401").1,
        0x6985,
        "not announced"
    );
    assert_eq!(
        tell(card, host, "80E60200", &install_for_load("")).1,
        0x9000
    );
    assert_eq!(load(card, host, &file), 0x9000);
    assert_eq!(
        tell(card, host, "80E60200", &install_for_load("")).1,
        0x6985,
        "twice"
    );
    let other = "F0000000926009";
    assert_eq!(
        tell(card, host, "80E60C00", &install(other, "00")).1,
        0x6A88,
        "no such module"
    );
    assert_eq!(
        tell(card, host, "80E60C00", &install(MODULE, "0000")).1,
        0x6A80,
        "privileges"
    );
    assert_eq!(
        tell(card, host, "80E60C00", &install(MODULE, "04")).1,
        0x9000
    );
    assert_eq!(
        tell(card, host, "80E60C00", &install(MODULE, "00")).1,
        0x6985,
        "AID twice"
    );
    // Table 11-36: E3 { 4F AID, 9F70 life cycle, C5 privileges }.
    let (listed, _) = tell(card, host, "80F24002", &format!("4F{}", lv(INSTANCE)));
    assert_eq!(listed, h("E313 4F08F000000092600101 9F700107 C503040000"));
    assert_eq!(
        tell(card, host, "80F22002", "4F00").0,
        h("E311 4F06F00000009260 9F700101 C503000000")
    );
    let package = format!("4F{}", lv(PACKAGE));
    assert_eq!(
        tell(card, host, "80E40000", &package).1,
        0x6985,
        "an instance is left"
    );
    assert_eq!(tell(card, host, "80E40080", &package).1, 0x9000);
    assert_eq!(tell(card, host, "80F24002", "4F00").1, 0x6A88);
    assert_eq!(tell(card, host, "80E40000", &package).1, 0x6A88, "gone");
    assert_eq!(status(card, &format!("00A4040008{INSTANCE}")), 0x6A82);
}

#[test]
fn what_is_loaded_in_a_wrong_way_is_refused() {
    let file = block(&components());
    let announced = || {
        let (mut card, mut host) = card(None);
        assert_eq!(
            tell(&mut card, &mut host, "80E60200", &install_for_load("")).1,
            0x9000
        );
        (card, host)
    };
    let (mut c, mut t) = announced();
    assert_eq!(
        tell_octets(&mut c, &mut t, "80E80001", &file[..100]).1,
        0x6A86,
        "block 1 first"
    );
    assert_eq!(
        tell_octets(&mut c, &mut t, "80E80000", &file[..100]).1,
        0x6985,
        "it is over"
    );
    let (mut c, mut t) = announced();
    assert_eq!(
        tell_octets(&mut c, &mut t, "80E88000", &file[..100]).1,
        0x6A80,
        "cut"
    );
    for lie in [
        h("C403 010000"),
        block(&components()[4..]),
        [file.clone(), vec![0]].concat(),
        block(&[components(), vec![11, 0, 0]].concat()),
    ] {
        let (mut c, mut t) = announced();
        assert_eq!(load(&mut c, &mut t, &lie), 0x6A80);
    }
    // Another command in between ends it.
    let (mut c, mut t) = announced();
    assert_eq!(tell(&mut c, &mut t, "80F28002", "4F00").1, 0x9000);
    assert_eq!(load(&mut c, &mut t, &file), 0x6985);
    // Nothing of it goes without a channel.
    let (mut c, _) = announced();
    ok(&mut c, DOMAIN);
    for apdu in [
        "80E6020003010203",
        "80E8800000",
        "80E4000000",
        "80F2400200",
        "80F0800F",
    ] {
        assert_eq!(status(&mut c, apdu), 0x6982, "{apdu}");
    }
}

#[test]
fn hash_and_signature_have_to_hold() {
    let parts = components();
    let hash = sha2::Sha256::digest(&parts).to_vec();
    let wrong = "00".repeat(32);
    let (mut c, mut t) = card(None);
    assert_eq!(
        tell(&mut c, &mut t, "80E60200", &install_for_load(&wrong)).1,
        0x9000
    );
    assert_eq!(load(&mut c, &mut t, &block(&parts)), 0x6A80, "another hash");
    assert_eq!(
        tell(&mut c, &mut t, "80E60200", &install_for_load("0102")).1,
        0x6A80
    );

    let domain = "F00000009270";
    let key = h("000102030405060708090A0B0C0D0E0F");
    let signature = {
        use cmac::{KeyInit, Mac};
        let mut mac = cmac::Cmac::<aes::Aes128>::new_from_slice(&key).unwrap();
        mac.update(&hash);
        mac.finalize().into_bytes().to_vec()
    };
    let verified = || {
        let key = SecretBytes::new(key.clone());
        card(Some(DapSpec {
            domain: h(domain),
            key,
        }))
    };
    let announce = |c: &mut VirtualCard, t: &mut Host, hash: &[u8]| {
        let hash = lv(&hex::encode_upper(hash));
        let data = format!("{}{}{hash}0000", lv(PACKAGE), lv(domain));
        tell(c, t, "80E60200", &data).1
    };
    let dap = |signature: &[u8]| {
        let inside = format!("4F{}C3{}", lv(domain), lv(&hex::encode_upper(signature)));
        h(&format!("E2{}", lv(&inside)))
    };
    let (mut c, mut t) = verified();
    assert_eq!(announce(&mut c, &mut t, &[]), 0x6982, "no hash to sign");
    assert_eq!(announce(&mut c, &mut t, &hash), 0x9000);
    assert_eq!(load(&mut c, &mut t, &block(&parts)), 0x6982, "no signature");
    assert_eq!(announce(&mut c, &mut t, &hash), 0x9000);
    let forged = [dap(&[7; 16]), block(&parts)].concat();
    assert_eq!(load(&mut c, &mut t, &forged), 0x6982, "forged");
    assert_eq!(announce(&mut c, &mut t, &hash), 0x9000);
    let signed = [dap(&signature), block(&parts)].concat();
    assert_eq!(load(&mut c, &mut t, &signed), 0x9000);
}

#[test]
fn keys_and_life_cycle_change_once() {
    let (mut c, mut t) = card(None);
    let (c, t) = (&mut c, &mut t);
    let key = h("101112131415161718191A1B1C1D1E1F");
    let filled = common::host::aes(&key, &[1; 16]);
    let field = [&[0x88, 0x11, 0x10][..], &t.hide(&key), &[3], &filled[..3]].concat();
    let set = |version: u8| [&[version][..], &field, &field, &field].concat();
    assert_eq!(
        tell_octets(c, t, "80D80581", &set(2)).1,
        0x6A88,
        "no version 5 to replace"
    );
    assert_eq!(
        tell_octets(c, t, "80D80101", &set(2)).1,
        0x6A86,
        "one key alone"
    );
    let mut wrong = set(2);
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(
        tell_octets(c, t, "80D80181", &wrong).1,
        0x6A80,
        "a wrong check value"
    );
    let (answer, status_word) = tell_octets(c, t, "80D80181", &set(2));
    assert_eq!(status_word, 0x9000);
    let values = [&[2][..], &filled[..3], &filled[..3], &filled[..3]].concat();
    assert_eq!(answer, values, "version and check values");
    assert_eq!(tell(c, t, "80F0800F", "").1, 0x6985, "a step is left out");
    assert_eq!(tell(c, t, "80F08007", "").1, 0x9000);
    assert_eq!(tell(c, t, "80F0800F", "").1, 0x9000);
    assert_eq!(tell(c, t, "80F08007", "").1, 0x6985, "back");
    assert_eq!(
        tell(c, t, "80F28002", "4F00").0,
        h("E313 4F08A000000151000000 9F70010F C503000000")
    );
    ok(c, DOMAIN);
    assert_eq!(
        status(c, "8050010008112233445566778800"),
        0x6A88,
        "version 1 is gone"
    );
    let snapshot = c.snapshot().unwrap();
    let mut again = VirtualCard::restore(snapshot.expose()).unwrap();
    again.reset().unwrap();
    assert_eq!(ok(&mut again, "8050020008112233445566778800")[10], 2);
}

#[test]
fn the_issuer_domain_keeps_its_numbers() {
    let (mut c, mut t) = card(None);
    let (c, t) = (&mut c, &mut t);
    assert_eq!(tell(c, t, "80CA0042", "").1, 0x6A88);
    assert_eq!(tell(c, t, "80E29000", "4203999992 4504 01020304").1, 0x9000);
    assert_eq!(
        tell(c, t, "80E29000", "5A0199").1,
        0x6A80,
        "no object of the domain"
    );
    assert_eq!(
        tell(c, t, "80E21000", "4203999992").1,
        0x6A86,
        "it is the last"
    );
    assert_eq!(
        tell(c, t, "80E28000", "4203999992").1,
        0x6985,
        "data groupings need a target"
    );
    ok(c, DOMAIN);
    assert_eq!(ok(c, "80CA004200"), h("4203999992"));
    assert_eq!(ok(c, "80CA004500"), h("450401020304"));
}
