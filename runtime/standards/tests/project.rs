//! This project's golden values: every line of `vectors.toml`, the RSA chain, and the complete card
//! as CPS groupings and secured commands.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use cardwright_standards::cipher::{AesKey, Block, KeyBytes, TdesKey, ecb_encrypt};
use cardwright_standards::cvv::cvv;
use cardwright_standards::emv::cryptogram::{self, AcPadding};
use cardwright_standards::emv::{certificates, keys, oda, rsa, script};
use cardwright_standards::globalplatform::cps::{self, Grouping, Packing};
use cardwright_standards::globalplatform::diversify::{Diversification, diversify};
use cardwright_standards::globalplatform::initialize::{
    Answer, Protocol, Scp02Answer, Scp03Answer,
};
use cardwright_standards::globalplatform::{CardKeys, Channel, scp02, scp03};
use cardwright_standards::kcv::{self, Algorithm, Method};
use cardwright_standards::pin::{Pin, block, ibm3624, pvv};
use common::{hex, read, to_hex};
use num_bigint_dig::BigUint;
use serde_json::Value;

const K: &str = "404142434445464748494A4B4C4D4E4F";
const IMK: &str = "0123456789ABCDEFFEDCBA9876543210";
const PAN: &str = "4761739001010119";
const HOST: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const SEQUENCE: [u8; 2] = [0, 3];
const CARD: [u8; 6] = [0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6];
const CARD_03: [u8; 8] = [0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8];

/// The list does not say which 19-digit PAN this line is for. Long PANs are covered by pyemv's
/// cases.
const WITHOUT_INPUT: &str = "ICC MK A 19d";

/// Every line of the file, computed and compared.
#[test]
fn every_line_of_the_list() {
    let file: toml::Table = read("project/vectors.toml").parse().unwrap();
    let lines: Vec<&str> = file["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["text"].as_str().unwrap())
        .filter(|line| !line.starts_with(WITHOUT_INPUT))
        .collect();
    let computed = [
        diversified(&[
            Diversification::Emv,
            Diversification::Visa2,
            Diversification::Visa,
        ]),
        scp02_lines(),
        scp03_lines(),
        emv_lines(),
        pin_lines(),
        channel_lines(),
        diversified(&[Diversification::Kdf3]),
    ]
    .concat();
    for line in &lines {
        assert!(
            computed.iter().any(|own| own == line),
            "not computed: {line}\n{computed:#?}"
        );
    }
    assert_eq!(lines.len(), computed.len());
    assert_eq!(lines.len(), 44);
}

fn tdes(key: &str) -> TdesKey {
    TdesKey::new(&hex(key)).unwrap()
}

fn master_as_card_keys() -> CardKeys {
    diversify(Diversification::None, &hex(K), &[0; 10])
        .ok()
        .unwrap()
}

fn check_value(algorithm: Algorithm, method: Method, key: &[u8]) -> String {
    to_hex(kcv::check_value(algorithm, method, key).unwrap())
}

fn diversified(methods: &[Diversification]) -> Vec<String> {
    let mut lines = Vec::new();
    for method in methods {
        let keys = diversify(*method, &hex(K), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
            .ok()
            .unwrap();
        let (head, algorithm) = match method {
            Diversification::Emv => ("DIV emv", Algorithm::Tdes),
            Diversification::Visa2 => ("DIV visa2", Algorithm::Tdes),
            Diversification::Visa => ("DIV visa", Algorithm::Tdes),
            _ => ("KDF3", Algorithm::Aes),
        };
        for (name, key) in [("ENC", keys.enc), ("MAC", keys.mac), ("DEK", keys.dek)] {
            let value = check_value(algorithm, Method::GlobalPlatform, key.expose());
            lines.push(format!(
                "{head} {name} {} KCV {value}",
                to_hex(key.expose())
            ));
        }
    }
    lines
}

fn scp02_lines() -> Vec<String> {
    let session = scp02::SessionKeys::derive(&master_as_card_keys(), SEQUENCE).unwrap();
    let line = |name: &str, key: &KeyBytes| {
        let value = check_value(Algorithm::Tdes, Method::Ecb, key.expose());
        format!("SCP02 {name} {} KCV {value}", to_hex(key.expose()))
    };
    let enc = TdesKey::new(session.enc.expose()).unwrap();
    let card = scp02::card_cryptogram(&enc, HOST, SEQUENCE, CARD);
    let host = scp02::host_cryptogram(&enc, HOST, SEQUENCE, CARD);
    vec![
        line("S-MAC", &session.mac),
        line("S-RMAC", &session.rmac),
        line("S-DEK", &session.dek),
        line("S-ENC", &session.enc),
        format!(
            "SCP02 card cryptogram {} host {}",
            to_hex(card),
            to_hex(host)
        ),
    ]
}

fn open_02(option: u8, level: u8) -> (Channel, Vec<u8>) {
    let session = scp02::SessionKeys::derive(&master_as_card_keys(), SEQUENCE).unwrap();
    let enc = TdesKey::new(session.enc.expose()).unwrap();
    let cryptogram = scp02::card_cryptogram(&enc, HOST, SEQUENCE, CARD);
    let card = Scp02Answer {
        sequence: SEQUENCE,
        challenge: CARD,
        cryptogram,
    };
    let protocol = Protocol::Scp02(card);
    let answer = Answer {
        diversification_data: [0; 10],
        key_version: 1,
        protocol,
    };
    Channel::open(&master_as_card_keys(), option, level, HOST, &answer)
        .ok()
        .unwrap()
}

fn scp03_lines() -> Vec<String> {
    let session = scp03::SessionKeys::derive(&master_as_card_keys(), HOST, CARD_03).unwrap();
    let mac = AesKey::new(session.mac.expose()).unwrap();
    let card = scp03::card_cryptogram(&mac, HOST, CARD_03).unwrap();
    let host = scp03::host_cryptogram(&mac, HOST, CARD_03).unwrap();
    let value = |method| check_value(Algorithm::Aes, method, &hex(K));
    vec![
        format!(
            "SCP03 S-ENC {} S-MAC {} S-RMAC {}",
            to_hex(session.enc.expose()),
            to_hex(session.mac.expose()),
            to_hex(session.rmac.expose())
        ),
        format!("SCP03 card crypt {} host {}", to_hex(card), to_hex(host)),
        format!(
            "AES KCV GP(01*16) {} zero {} CMAC-KCV5 {}",
            value(Method::GlobalPlatform),
            value(Method::Ecb),
            value(Method::Cmac)
        ),
    ]
}

fn emv_lines() -> Vec<String> {
    let imk = tdes(IMK);
    let shown = |key: &KeyBytes| to_hex(key.expose());
    let mk = keys::option_a(&imk, PAN, "01").ok().unwrap();
    let mk_key = TdesKey::new(mk.expose()).unwrap();
    let sk = keys::common_session(&mk_key, keys::r_of_atc(1))
        .ok()
        .unwrap();
    let sk_key = TdesKey::new(sk.expose()).unwrap();
    let input = "00000000100000000000000008400000000000084023010100112233445800000103A00000";
    let arqc = cryptogram::ac(&sk_key, &hex(input), AcPadding::Emv).unwrap();
    let cvn10 = cryptogram::ac(&mk_key, &hex(input), AcPadding::Visa).unwrap();
    let arpc_1 = cryptogram::arpc_1(&sk_key, arqc, [0x30, 0x30]);
    let arpc_2 = cryptogram::arpc_2(&sk_key, arqc, [0, 0x82, 0, 0], &[]).unwrap();
    let sm = keys::common_session(&mk_key, arqc).ok().unwrap();
    let sm_key = TdesKey::new(sm.expose()).unwrap();
    let command = [hex("841E000008"), hex("0001"), arqc.to_vec()].concat();
    let mac = script::command_mac(&sm_key, &command).unwrap();
    let mk_c = keys::option_c(&AesKey::new(&hex(K)).unwrap(), PAN, "01")
        .ok()
        .unwrap();
    let aes_mk = AesKey::new(mk_c.expose()).unwrap();
    let aes_sk = keys::common_session_aes(&aes_mk, keys::r_of_atc(1))
        .ok()
        .unwrap();
    let aes_ac = cryptogram::ac_aes(&AesKey::new(aes_sk.expose()).unwrap(), &hex(input));
    let value = |expiry, service| {
        cvv(&imk, PAN, expiry, service)
            .ok()
            .unwrap()
            .as_str()
            .to_owned()
    };
    vec![
        format!("ICC MK A {}", shown(&mk)),
        format!("CSK ATC=0001 {}", shown(&sk)),
        format!("AC input {input}"),
        format!("AC (EMV pad) {}", to_hex(arqc)),
        format!("CVN10-style AC {}", to_hex(cvn10)),
        format!("ARPC1 ARC 3030 {}", to_hex(arpc_1)),
        format!("ARPC2 CSU 00820000 {}", to_hex(arpc_2)),
        format!("SM SK from ARQC {}", shown(&sm)),
        format!("Script MAC APPLICATION BLOCK 841E000008 {}", to_hex(mac)),
        cvc3_line(&mk_key),
        ivcvc3_line(&mk_key),
        format!(
            "CVV {} CVV2(MMYY... issuer choice) YYMM {} MMYY {} iCVV {}",
            value("2812", "201"),
            value("2812", "000"),
            value("1228", "000"),
            value("2812", "999")
        ),
        format!("Option C AES-128 ICC MK (own code) {}", shown(&mk_c)),
        format!("AES SK {} AC CMAC8 {}", shown(&aes_sk), to_hex(aes_ac)),
    ]
}

/// The static track 2 data behind the two CVC3 lines; the unpredictable number is pyemv's 00000899.
const TRACK_2: &str = "4761739001010119D28122010000000000000F";

fn cvc3_line(key: &TdesKey) -> String {
    let value = cryptogram::cvc3(key, &hex(TRACK_2), [0x00, 0x00, 0x08, 0x99], 1).unwrap();
    format!("CVC3 {value:05}")
}

fn ivcvc3_line(key: &TdesKey) -> String {
    format!(
        "IVCVC3t2 {}",
        to_hex(cryptogram::ivcvc3(key, &hex(TRACK_2)).unwrap())
    )
}

fn pin_lines() -> Vec<String> {
    let key = tdes(IMK);
    let pin = Pin::new("1234").unwrap();
    let parameters = ibm3624::Parameters {
        decimalisation_table: "0123456789012345",
        validation_start: 3,
        validation_length: 12,
        pad: 'F',
    };
    let natural = ibm3624::natural_pin(&key, PAN, 4, &parameters)
        .ok()
        .unwrap();
    let mut dek_block = block::encode_2(&pin).to_vec();
    let session = scp02::SessionKeys::derive(&master_as_card_keys(), SEQUENCE).unwrap();
    ecb_encrypt(&TdesKey::new(session.dek.expose()).unwrap(), &mut dek_block).unwrap();
    vec![
        format!(
            "PVV {}",
            pvv::pvv(&key, PAN, &pin, 1).ok().unwrap().as_str()
        ),
        format!(
            "IBM natural {} offset for 1234 {}",
            natural.expose(),
            ibm3624::offset(&key, PAN, &pin, &parameters).ok().unwrap()
        ),
        format!(
            "ISO0 {} ISO2 {} PANfield4 {}",
            to_hex(*block::encode_0(&pin, PAN).ok().unwrap()),
            to_hex(*block::encode_2(&pin)),
            to_hex(block::pan_field_4(PAN).ok().unwrap())
        ),
        format!("SKU_DEK ECB of 241234FFFFFFFFFF: {}", to_hex(dek_block)),
    ]
}

fn channel_lines() -> Vec<String> {
    let command = hex("80E28000059010020303");
    let mac_of = |octets: &[u8]| to_hex(&octets[octets.len() - 8..]);
    let (_, auth) = open_02(0x15, 0x03);
    let auth_mac: [u8; 8] = auth[auth.len() - 8..].try_into().unwrap();
    let session = scp02::SessionKeys::derive(&master_as_card_keys(), SEQUENCE).unwrap();
    let s_mac = TdesKey::new(session.mac.expose()).unwrap();
    let (mut encrypted_icv, _) = open_02(0x15, 0x03);
    let (mut plain_icv, _) = open_02(0x05, 0x03);
    let secured = encrypted_icv.wrap(&command).ok().unwrap();
    let plain = plain_icv.wrap(&command).ok().unwrap();

    let session = scp03::SessionKeys::derive(&master_as_card_keys(), HOST, CARD_03).unwrap();
    let mac = AesKey::new(session.mac.expose()).unwrap();
    let cryptogram = scp03::card_cryptogram(&mac, HOST, CARD_03).unwrap();
    let card = Scp03Answer {
        option: 0x70,
        challenge: CARD_03,
        cryptogram,
        sequence: None,
    };
    let protocol = Protocol::Scp03(card);
    let answer = Answer {
        diversification_data: [0; 10],
        key_version: 1,
        protocol,
    };
    let (mut channel, auth_03) = Channel::open(&master_as_card_keys(), 0, 0x33, HOST, &answer)
        .ok()
        .unwrap();
    let chain = cardwright_standards::mac::Cmac::over(&mac, &[&[0; 16], &auth_03[..13]]);
    let store = channel.wrap(&command).ok().unwrap();
    vec![
        format!("SCP02 EXT AUTH C-MAC (P1=03) {}", to_hex(auth_mac)),
        format!(
            "SCP02 next ICV (i=15/55, encrypted) {}",
            to_hex(s_mac.left().encrypt(auth_mac))
        ),
        format!(
            "SCP02 C-MAC of 84E280000D|9010020303 with encrypted ICV: {} with plain ICV \
             (i=05/45): {}",
            mac_of(&secured),
            mac_of(&plain)
        ),
        format!(
            "SCP02 SL03 encrypted data: {} full APDU: {}",
            to_hex(&secured[5..secured.len() - 8]),
            to_hex(&secured)
        ),
        format!(
            "SCP03 EXT AUTH P1=33 C-MAC: {} chaining: {}",
            mac_of(&auth_03),
            to_hex(chain)
        ),
        format!(
            "SCP03 STORE DATA {} {}",
            to_hex(&store[..5]),
            to_hex(&store[5..])
        ),
    ]
}

/// Raw RSA with the private exponent, for the tests' own signatures.
fn sign(key: &Value, text: &[u8]) -> Vec<u8> {
    let number = |name: &str| BigUint::from_bytes_be(&hex(key[name].as_str().unwrap()));
    let n = number("n");
    let signature = BigUint::from_bytes_be(text)
        .modpow(&number("d"), &n)
        .to_bytes_be();
    let mut padded = vec![0; text.len() - signature.len()];
    padded.extend(signature);
    padded
}

#[test]
fn the_rsa_chain() {
    let file: Value = serde_json::from_str(&read("project/vectors_rsa.json")).unwrap();
    let text = |name: &str| hex(file[name].as_str().unwrap());
    let modulus = |name: &str| hex(file[name]["n"].as_str().unwrap());
    let (ca, issuer, icc) = (modulus("ca"), modulus("issuer"), modulus("icc"));
    let static_data = [text("signed_records_concat"), text("aip")].concat();
    let verified = certificates::recover_issuer_certificate(
        &ca,
        3,
        &text("tag90"),
        &text("tag92"),
        &text("tag9F32"),
    );
    let issuer_key = verified.ok().unwrap();
    assert_eq!(issuer_key.modulus, issuer);
    assert!(issuer_key.is_for(PAN));
    let icc_key = certificates::recover_icc_certificate(
        &issuer_key,
        &text("tag9F46"),
        &text("tag9F48"),
        &text("tag9F47"),
        &static_data,
    );
    let icc_key = icc_key.ok().unwrap();
    assert_eq!(icc_key.modulus, icc);
    assert_eq!(icc_key.identifier, PAN);
    let pin_key = certificates::recover_icc_certificate(
        &issuer_key,
        &text("tag9F2D"),
        &text("tag9F2F"),
        &text("tag9F2E"),
        &[],
    );
    assert_eq!(pin_key.ok().unwrap().modulus, modulus("icc_pin"));
    let dac = oda::verify_ssad(&issuer_key, &text("tag93"), &static_data).unwrap();
    assert_eq!(to_hex(dac), file["dac"].as_str().unwrap());
    let sdad = &file["sdad"];
    let member = |name: &str| hex(sdad[name].as_str().unwrap());
    let number = oda::verify_sdad_dda(&icc_key, &member("tag9F4B"), &member("un")).unwrap();
    assert_eq!(number, member("icc_dynamic_number"));
    assert!(oda::verify_sdad_dda(&icc_key, &member("tag9F4B"), &[0; 4]).is_err());
}

/// The blocks that are signed are those of the published signatures.
#[test]
fn the_blocks_behind_the_rsa_chain() {
    let file: Value = serde_json::from_str(&read("project/vectors_rsa.json")).unwrap();
    let text = |name: &str| hex(file[name].as_str().unwrap());
    let modulus = |name: &str| hex(file[name]["n"].as_str().unwrap());
    let static_data = [text("signed_records_concat"), text("aip")].concat();
    let opened =
        |key: &str, signature: &[u8]| rsa::public_operation(&modulus(key), 3, signature).unwrap();
    let recovered = certificates::recover_issuer_certificate(
        &modulus("ca"),
        3,
        &text("tag90"),
        &text("tag92"),
        &text("tag9F32"),
    );
    let issuer = recovered.ok().unwrap();
    let fields = certificates::IssuerCertificate {
        issuer_identifier: &issuer.identifier,
        expiry_mmyy: &to_hex(issuer.expiry_mmyy),
        serial: issuer.serial,
        modulus: &modulus("issuer"),
        exponent: 3,
    };
    let made = certificates::issuer_block(&fields, modulus("ca").len()).unwrap();
    assert_eq!(made.block, opened("ca", &text("tag90")));
    assert_eq!(made.remainder, text("tag92"));
    assert_eq!(sign(&file["ca"], &made.block), text("tag90"));
    for (key, tags, data) in [
        ("icc", ["tag9F46", "tag9F48"], static_data.as_slice()),
        ("icc_pin", ["tag9F2D", "tag9F2F"], &[]),
    ] {
        let certificate = text(tags[0]);
        let block = opened("issuer", &certificate);
        let fields = certificates::IccCertificate {
            pan: PAN,
            expiry_mmyy: &to_hex(&block[12..14]),
            serial: block[14..17].try_into().unwrap(),
            modulus: &modulus(key),
            exponent: 3,
            static_data: data,
        };
        let made = certificates::icc_block(&fields, modulus("issuer").len()).unwrap();
        assert_eq!(made.block, block);
        assert_eq!(made.remainder, text(tags[1]));
    }
    let dac = text("dac").try_into().unwrap();
    let ssad = oda::static_data_block(dac, &static_data, 128).unwrap();
    assert_eq!(ssad, opened("issuer", &text("tag93")));
    let sdad = &file["sdad"];
    let member = |name: &str| hex(sdad[name].as_str().unwrap());
    let dda = oda::dda_block(&member("icc_dynamic_number"), &member("un"), 120).unwrap();
    assert_eq!(dda, opened("icc", &member("tag9F4B")));
}

/// Every changed bit and every cut of a certificate is refused.
#[test]
fn hostile_certificates() {
    let file: Value = serde_json::from_str(&read("project/vectors_rsa.json")).unwrap();
    let text = |name: &str| hex(file[name].as_str().unwrap());
    let ca = hex(file["ca"]["n"].as_str().unwrap());
    let (certificate, remainder) = (text("tag90"), text("tag92"));
    let recover = |certificate: &[u8], remainder: &[u8], exponent: &[u8]| {
        certificates::recover_issuer_certificate(&ca, 3, certificate, remainder, exponent)
    };
    for place in (0..certificate.len()).step_by(7) {
        let mut changed = certificate.clone();
        changed[place] ^= 0x04;
        assert!(recover(&changed, &remainder, &[3]).is_err());
        assert!(recover(&certificate[..place], &remainder, &[3]).is_err());
    }
    assert!(recover(&certificate, &remainder[1..], &[3]).is_err());
    assert!(recover(&certificate, &remainder, &[1, 0, 1]).is_err());
    assert!(recover(&ca, &remainder, &[3]).is_err());
}

/// CDA: block, signature with the published ICC key, and what a terminal reads out of it.
#[test]
fn combined_signature() {
    let file: Value = serde_json::from_str(&read("project/vectors_rsa.json")).unwrap();
    let icc = &file["icc"];
    let data = oda::CombinedData {
        dynamic_number: vec![1, 2, 3, 4, 5, 6, 7, 8],
        cryptogram_information: 0x80,
        cryptogram: [9; 8],
        transaction_data_hash: oda::transaction_data_hash(&[b"pdol", b"cdol1", b"answer"]),
    };
    let block = oda::cda_block(&data, [1, 2, 3, 4], 120).unwrap();
    let key = certificates::RecoveredKey {
        modulus: hex(icc["n"].as_str().unwrap()),
        exponent: 3,
        identifier: PAN.to_owned(),
        expiry_mmyy: [0x12, 0x30],
        serial: [0; 3],
    };
    let sdad = sign(icc, &block);
    assert_eq!(
        oda::verify_sdad_cda(&key, &sdad, [1, 2, 3, 4]).unwrap(),
        data
    );
    assert!(oda::verify_sdad_cda(&key, &sdad, [1, 2, 3, 5]).is_err());
}

#[test]
fn enciphered_pin_block() {
    let file: Value = serde_json::from_str(&read("project/vectors_rsa.json")).unwrap();
    let key = &file["icc_pin"];
    let modulus = hex(key["n"].as_str().unwrap());
    let pin = Pin::new("1234").unwrap();
    let block = oda::pin_encipherment_block(&pin, [7; 8], &[0x55; 200], modulus.len()).unwrap();
    let enciphered = rsa::public_operation(&modulus, 3, &block).unwrap();
    let (field, challenge) = oda::open_pin_encipherment_block(&sign(key, &enciphered)).unwrap();
    assert_eq!(to_hex(*field), "241234FFFFFFFFFF");
    assert_eq!(challenge, [7; 8]);
    assert!(oda::pin_encipherment_block(&pin, [7; 8], &[0; 8], modulus.len()).is_err());
}

/// The complete card: each grouping and each secured command.
#[test]
fn the_whole_card() {
    let file: Value = serde_json::from_str(&read("project/vectors_perso.json")).unwrap();
    let (mut channel, auth) = open_02(0x15, 0x01);
    let mut groupings = Vec::new();
    for entry in file["dgis"].as_array().unwrap() {
        let text = |name: &str| entry[name].as_str().unwrap();
        let encrypted = entry["encrypted"].as_bool().unwrap();
        let mut value = hex(text("clear"));
        if encrypted {
            channel.encrypt_sensitive(&mut value).ok().unwrap();
        }
        assert_eq!(to_hex(&value), text("sent"));
        let dgi = u16::from_str_radix(text("dgi"), 16).unwrap();
        groupings.push(Grouping {
            dgi,
            value,
            encrypted,
        });
    }
    let mut sent = vec![to_hex(auth)];
    for command in cps::segment(&groupings, 247, Packing::OnePerCommand).unwrap() {
        let head = [0x80, 0xE2, command.p1, command.p2, command.data.len() as u8];
        sent.push(to_hex(
            channel
                .wrap(&[&head, command.data.as_slice()].concat())
                .ok()
                .unwrap(),
        ));
    }
    let expected: Vec<String> = file["apdus"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["apdu"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(sent, expected);
}
