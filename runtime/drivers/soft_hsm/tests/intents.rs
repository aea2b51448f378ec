//! Intents through the port, against published values and against the card's side.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use cardwright_ports::hsm::{
    CheckMethod, DekPadding, Derivation, Draw, Hsm, HsmSession, Ibm3624, IccCertificateFields,
    IccKeyPath, IssuerCertificateFields, KeyUse, Sealed,
};
use cardwright_standards::cipher::{AesKey, Block, TdesKey, cbc_decrypt};
use cardwright_standards::emv::certificates::{
    recover_icc_certificate, recover_issuer_certificate,
};
use cardwright_standards::emv::oda::verify_ssad;
use common::{DOUBLE, PAN, code, hsm, hsm_with, open_key, rsa_request, unhex};

const DRAW: Draw<'static> = Draw {
    job: "job",
    order: 7,
    purpose: "test",
};

// Values CVV, CVV2 and iCVV of this project's list, made with psec.
#[test]
fn card_verification_values() {
    let (hsm, cvk) = hsm_with("cvk", "tdes2", KeyUse::CardVerification, &DOUBLE);
    let mut session = hsm.open_session().unwrap();
    let mut value = |expiry, service| {
        session
            .card_verification_value(cvk, PAN, expiry, service)
            .unwrap()
    };
    assert_eq!(value("2812", "201"), "479");
    assert_eq!(value("2812", "000"), "260");
    assert_eq!(value("1228", "000"), "445");
    assert_eq!(value("2812", "999"), "324");
    let refused = session.card_verification_value(cvk, "47617390x", "2812", "201");
    assert_eq!(code(refused), "R1307");
}

// PVV 0949; IBM natural PIN 7321 and offset 4913 for PIN 1234, made with psec.
#[test]
fn pin_verification() {
    let (hsm, pvk) = hsm_with("pvk", "tdes2", KeyUse::PinVerificationPvv, &DOUBLE);
    let mut session = hsm.open_session().unwrap();
    let pin = pin_1234(session.as_mut());
    assert_eq!(
        session.pin_verification_value(pvk, PAN, &pin, 1).unwrap(),
        "0949"
    );

    let (hsm, pvk) = hsm_with("pvk", "tdes2", KeyUse::PinVerificationIbm3624, &DOUBLE);
    let mut session = hsm.open_session().unwrap();
    let pin = pin_1234(session.as_mut());
    let parameters = Ibm3624 {
        decimalisation_table: "0123456789012345",
        validation_start: 3,
        validation_length: 12,
        pad: 'F',
    };
    assert_eq!(
        session.ibm3624_offset(pvk, PAN, &pin, &parameters).unwrap(),
        "4913"
    );
    let natural = session.natural_pin(pvk, PAN, 4, &parameters).unwrap();
    assert_eq!(session.reveal_pin(&natural).unwrap().expose(), "7321");
}

/// PIN 1234, brought in as a block of format 4 that the test enciphers by itself.
fn pin_1234(session: &mut dyn HsmSession) -> cardwright_ports::hsm::SealedPin {
    let (zpk, octets) = open_key(session, "zpk", "aes128", KeyUse::PinEncryption);
    let key = AesKey::new(&octets).unwrap();
    let field = unhex("441234AAAAAAAAAA0102030405060708");
    let pan_field = unhex("44761739001010119000000000000000");
    let inner = key.encrypt(field.try_into().unwrap());
    let mixed: Vec<u8> = inner.iter().zip(&pan_field).map(|(a, b)| a ^ b).collect();
    let block = key.encrypt(mixed.try_into().unwrap());
    session.import_pin_block(zpk, 4, &block, PAN).unwrap()
}

// ISO0 041223C6FFEFEFEE and ISO2 241234FFFFFFFFFF of this project's list, made with psec.
#[test]
fn pin_blocks_go_in_and_out() {
    let hsm = hsm();
    let mut session = hsm.open_session().unwrap();
    let pin = pin_1234(session.as_mut());
    let (zpk, octets) = open_key(session.as_mut(), "zpk3", "tdes2", KeyUse::PinEncryption);
    let key = TdesKey::new(&octets).unwrap();
    let block = session.export_pin_block(&pin, zpk, 0, PAN, &DRAW).unwrap();
    assert_eq!(
        key.decrypt(block.as_slice().try_into().unwrap()).to_vec(),
        unhex("041223C6FFEFEFEE")
    );
    assert_eq!(
        session.plain_offline_pin(&pin).unwrap().expose(),
        unhex("241234FFFFFFFFFF")
    );
    assert_eq!(session.reveal_pin(&pin).unwrap().expose(), "1234");

    for format in [0, 3] {
        let block = session
            .export_pin_block(&pin, zpk, format, PAN, &DRAW)
            .unwrap();
        let again = session.import_pin_block(zpk, format, &block, PAN).unwrap();
        assert_eq!(again, pin, "the same PIN of the same card is the same blob");
    }
    // Format 0 notices another PAN; format 3 can't always, its fill is random.
    let other = session.import_pin_block(zpk, 0, &block, "4761739001010127");
    assert_eq!(code(other), "R1306");
    // A block of another format, of a wrong length, under a wrong kind of key.
    let block = session.export_pin_block(&pin, zpk, 3, PAN, &DRAW).unwrap();
    assert_eq!(code(session.import_pin_block(zpk, 0, &block, PAN)), "R1306");
    assert_eq!(
        code(session.import_pin_block(zpk, 0, &block[..7], PAN)),
        "R1306"
    );
    assert_eq!(
        code(session.import_pin_block(zpk, 4, &[0; 16], PAN)),
        "R1314"
    );
    assert_eq!(code(session.import_pin_block(zpk, 2, &block, PAN)), "R1307");
}

#[test]
fn translation_follows_the_standard() {
    let hsm = hsm();
    let mut session = hsm.open_session().unwrap();
    let bound = pin_1234(session.as_mut());
    let (zpk, _) = open_key(session.as_mut(), "zpk3", "tdes2", KeyUse::PinEncryption);
    // Bound to a PAN: neither into format 1 nor under another PAN.
    assert_eq!(
        code(session.export_pin_block(&bound, zpk, 1, PAN, &DRAW)),
        "R1316"
    );
    let other = "4761739001010127";
    assert_eq!(
        code(session.export_pin_block(&bound, zpk, 0, other, &DRAW)),
        "R1316"
    );
    // Made here: any, and through format 1 it comes back.
    for length in 4..=12 {
        let free = session.generate_pin(length, &DRAW).unwrap();
        let block = session.export_pin_block(&free, zpk, 1, "", &DRAW).unwrap();
        let again = session.import_pin_block(zpk, 1, &block, "").unwrap();
        let (first, second) = (
            session.reveal_pin(&free).unwrap(),
            session.reveal_pin(&again).unwrap(),
        );
        assert_eq!(first.expose(), second.expose());
        assert_eq!(first.expose().len(), usize::from(length));
    }
    assert_eq!(code(session.generate_pin(3, &DRAW)), "R1307");
    assert_eq!(code(session.generate_pin(13, &DRAW)), "R1307");
}

// ICC MK A, AC, ARPC2 of this project's list, made with pyemv.
#[test]
fn card_keys_and_cryptograms() {
    let (hsm, imk) = hsm_with("imk_ac", "tdes2", KeyUse::EmvApplicationCryptogram, &DOUBLE);
    let mut session = hsm.open_session().unwrap();
    let s = session.as_mut();
    let (smi, _) = open_key(s, "smi", "tdes2", KeyUse::EmvSecureMessagingIntegrity);
    let (smc, _) = open_key(s, "smc", "tdes2", KeyUse::EmvSecureMessagingConfidentiality);
    let (transport, octets) = open_key(s, "tk", "tdes2", KeyUse::Transport);
    let sealed = s
        .icc_master_keys(Derivation::A, [imk, smi, smc], PAN, "01")
        .unwrap();
    assert_eq!((sealed.clear_length, sealed.check_values.len()), (48, 9));
    let exported = s.export_sealed(&sealed, transport).unwrap();
    let key = TdesKey::new(&octets).unwrap();
    let clear: Vec<u8> = exported
        .chunks(8)
        .flat_map(|block| key.decrypt(block.try_into().unwrap()))
        .collect();
    assert_eq!(clear[..16], unhex("80A89B585BBF64C2F12915BF578FABE0"));
    for (i, part) in clear.chunks(16).enumerate() {
        let check = TdesKey::new(part).unwrap().encrypt([0; 8]);
        assert_eq!(check[..3], sealed.check_values[3 * i..3 * i + 3]);
    }
    assert_eq!(
        code(s.icc_master_keys(Derivation::A, [smi, imk, smc], PAN, "01")),
        "R1302"
    );
    assert_eq!(
        code(s.icc_master_keys(Derivation::C, [imk, smi, smc], PAN, "01")),
        "R1314"
    );
    assert_eq!(
        code(s.icc_master_keys(Derivation::A, [imk, smi, smc], PAN, "1")),
        "R1307"
    );

    let path = IccKeyPath {
        issuer_master_key: imk,
        derivation: Derivation::A,
        pan: PAN,
        psn: "01",
        atc: 1,
    };
    let data = unhex("00000000100000000000000008400000000000084023010100112233445800000103A00000");
    let cryptogram = unhex("48E61816BC3D6216");
    assert!(s.verify_cryptogram(&path, &data, &cryptogram).unwrap());
    assert!(!s.verify_cryptogram(&path, &data[1..], &cryptogram).unwrap());
    assert!(!s.verify_cryptogram(&path, &data, &cryptogram[..7]).unwrap());
    let answer = s
        .arpc(&path, &cryptogram, [0x00, 0x82, 0x00, 0x00])
        .unwrap();
    assert_eq!(answer, unhex("AE6D7189"));
}

#[test]
fn option_c_uses_aes() {
    let (hsm, imk) = hsm_with(
        "imk_ac",
        "aes128",
        KeyUse::EmvApplicationCryptogram,
        &DOUBLE,
    );
    let mut session = hsm.open_session().unwrap();
    let path = IccKeyPath {
        issuer_master_key: imk,
        derivation: Derivation::C,
        pan: PAN,
        psn: "01",
        atc: 1,
    };
    let data = unhex("00000000100000000000000008400000000000084023010100112233445800000103A00000");
    // The card's side with the cipher alone: Y is PAN and sequence number in 16 octets, the
    // session key is the encipherment of the ATC (EMV Book 2, A1.4.3 and A1.3.1).
    let card = AesKey::new(&DOUBLE).unwrap().encrypt(
        unhex("00000000000000476173900101011901")
            .try_into()
            .unwrap(),
    );
    let mut r = [0u8; 16];
    r[1] = 1;
    let session_key = AesKey::new(&AesKey::new(&card).unwrap().encrypt(r)).unwrap();
    let mac = cardwright_standards::mac::Cmac::over(&session_key, &[&data]);
    assert!(session.verify_cryptogram(&path, &data, &mac[..8]).unwrap());
}

#[test]
fn transport_pads_as_it_says() {
    let hsm = hsm();
    let mut session = hsm.open_session().unwrap();
    let (transport, octets) = open_key(session.as_mut(), "tk", "aes128", KeyUse::Transport);
    let mut sent = session
        .encrypt_for_transport(b"a track of sixteen octets or more", transport)
        .unwrap();
    cbc_decrypt(&AesKey::new(&octets).unwrap(), [0; 16], &mut sent).unwrap();
    assert_eq!(&sent[..33], b"a track of sixteen octets or more");
    assert_eq!(sent[33..], unhex("80000000000000000000000000000000")[..15]);
    let aligned = session.encrypt_for_transport(&[1; 16], transport).unwrap();
    assert_eq!(aligned.len(), 32, "always padded");
    let pin = session.generate_pin(4, &DRAW).unwrap();
    let block = session.card_pin_block(&pin).unwrap();
    assert_eq!(session.export_sealed(&block, transport).unwrap().len(), 16);
    let (cvk, _) = open_key(session.as_mut(), "cvk", "tdes2", KeyUse::CardVerification);
    assert_eq!(code(session.export_sealed(&block, cvk)), "R1302");
}

#[test]
fn a_chain_of_certificates_holds() {
    let hsm = hsm();
    let mut session = hsm.open_session().unwrap();
    let s = session.as_mut();
    let ca = s
        .bind(&rsa_request("test.ca", 1152, 65_537, KeyUse::EmvCaPrivate))
        .unwrap();
    let issuer = s
        .bind(&rsa_request(
            "test.issuer",
            1024,
            3,
            KeyUse::EmvIssuerPrivate,
        ))
        .unwrap();
    let (ca_modulus, ca_exponent) = s.public_key(ca).unwrap();
    let (modulus, exponent) = s.public_key(issuer).unwrap();
    let fields = IssuerCertificateFields {
        issuer_identifier: "476173",
        expiry_mmyy: "1230",
        serial: [0, 0, 1],
        modulus: &modulus,
        exponent,
    };
    let made = s.sign_issuer_certificate(ca, &fields).unwrap();
    let recovered = recover_issuer_certificate(
        &ca_modulus,
        ca_exponent,
        &made.certificate,
        &made.remainder,
        &[3],
    )
    .unwrap();
    assert!(recovered.modulus == modulus && recovered.is_for(PAN));

    let card = s.icc_rsa_key(960, 3, &DRAW).unwrap();
    let fields = IccCertificateFields {
        pan: PAN,
        expiry_mmyy: "1228",
        serial: [0, 0, 2],
        modulus: &card.modulus,
        exponent: card.exponent,
        static_data: b"records",
    };
    let made = s.sign_icc_certificate(issuer, &fields).unwrap();
    let icc = recover_icc_certificate(
        &recovered,
        &made.certificate,
        &made.remainder,
        &[3],
        b"records",
    )
    .unwrap();
    assert!(icc.modulus == card.modulus && icc.is_for(PAN));
    let ssad = s
        .sign_static_data(issuer, [0xDA, 0xC0], b"records")
        .unwrap();
    assert_eq!(
        verify_ssad(&recovered, &ssad, b"records").unwrap(),
        [0xDA, 0xC0]
    );

    assert_eq!(code(s.sign_icc_certificate(ca, &fields)), "R1302");
    let long = s.icc_rsa_key(1152, 3, &DRAW).unwrap();
    let too_long = IccCertificateFields {
        modulus: &long.modulus,
        ..fields
    };
    assert_eq!(code(s.sign_icc_certificate(issuer, &too_long)), "R1313");
}

#[test]
fn the_card_opens_its_enciphered_pin() {
    let hsm = hsm();
    let mut session = hsm.open_session().unwrap();
    let s = session.as_mut();
    let pin = pin_1234(s);
    let card = s.icc_rsa_key(1152, 65_537, &DRAW).unwrap();
    let (transport, octets) = open_key(s, "tk", "aes256", KeyUse::Transport);
    let parts: Vec<Vec<u8>> = card
        .components
        .iter()
        .map(|sealed| {
            let mut octets_out = s.export_sealed(sealed, transport).unwrap();
            cbc_decrypt(&AesKey::new(&octets).unwrap(), [0; 16], &mut octets_out).unwrap();
            octets_out[..sealed.clear_length as usize].to_vec()
        })
        .collect();
    assert!(parts.iter().all(|p| p.len() == 72));
    let key = cardwright_rsa::RsaKey::from_primes(&parts[4], &parts[3], 65_537).unwrap();
    assert_eq!(key.modulus(), card.modulus);
    let challenge = [9, 8, 7, 6, 5, 4, 3, 2];
    let sent = s
        .encipher_offline_pin(&pin, &card.modulus, card.exponent, &challenge, &DRAW)
        .unwrap();
    let mut source = cardwright_soft_hsm::entropy::Stream::new(&[1; 32]);
    let clear = key.apply(&sent, &mut source).unwrap();
    assert_eq!(clear[..9], unhex("7F241234FFFFFFFFFF"));
    assert_eq!(clear[9..17], challenge);
}

#[test]
fn draws_do_not_depend_on_session_or_order() {
    let hsm = hsm();
    let draws: Vec<Draw<'_>> = (0..6)
        .map(|order| Draw {
            job: "j",
            order,
            purpose: "icc_key debit",
        })
        .collect();
    let make = |order: &[usize]| {
        let mut session = hsm.open_session().unwrap();
        let mut made: Vec<_> = order
            .iter()
            .map(|&i| {
                let pin = session.generate_pin(4, &draws[i]).unwrap();
                let key = session.icc_rsa_key(512, 3, &draws[i]).unwrap();
                (i, pin, key, session.random(&draws[i], 20).unwrap())
            })
            .collect();
        made.sort_by_key(|m| m.0);
        made
    };
    assert_eq!(make(&[0, 1, 2, 3, 4, 5]), make(&[5, 3, 1, 0, 4, 2]));
    let other = cardwright_soft_hsm::SoftHsm::in_memory([99; 32]).unwrap();
    let key = other
        .open_session()
        .unwrap()
        .icc_rsa_key(512, 3, &draws[0])
        .unwrap();
    assert_ne!(
        key.modulus,
        make(&[0])[0].2.modulus,
        "another site, another key"
    );
}

#[test]
fn keys_have_one_use_and_their_check_values() {
    let hsm = hsm();
    let mut session = hsm.open_session().unwrap();
    let s = session.as_mut();
    let (key, octets) = open_key(s, "one", "tdes2", KeyUse::CardVerification);
    let request = common::request("one", "tdes2", KeyUse::PinEncryption);
    assert_eq!(code(s.bind(&request)), "R1302");
    let request = common::request("one", "aes128", KeyUse::CardVerification);
    assert_eq!(code(s.bind(&request)), "R1301");
    assert_eq!(
        code(s.bind(&common::request("two", "des", KeyUse::Transport))),
        "R1301"
    );
    let other = KeyUse::PinVerificationPvv;
    let twin = hsm.add_test_key(&common::request("twin", "tdes2", other), &octets);
    assert_eq!(code(twin), "R1302");
    let weak = hsm.add_test_key(&common::request("weak", "tdes2", other), &[1; 16]);
    assert_eq!(code(weak), "R1301");
    assert_eq!(s.check_value(key, CheckMethod::Ecb).unwrap().len(), 3);
    assert_eq!(code(s.check_value(key, CheckMethod::Sha256)), "R1314");
    assert_eq!(
        code(s.check_value(cardwright_ports::hsm::KeyHandle(77), CheckMethod::Ecb)),
        "R1303"
    );

    // AES KCV GP 504A77, zero 189956, CMAC 6F2F9BE174 of this project's list.
    let counted: Vec<u8> = (0x40..0x50).collect();
    let (hsm, kmc) = hsm_with("kmc", "aes128", KeyUse::CardIssuance, &counted);
    let mut session = hsm.open_session().unwrap();
    for (method, value) in [
        (CheckMethod::Gp, "504A77"),
        (CheckMethod::Ecb, "189956"),
        (CheckMethod::Cmac, "6F2F9BE174"),
    ] {
        assert_eq!(session.check_value(kmc, method).unwrap(), unhex(value));
    }
}

#[test]
fn changed_blobs_are_refused() {
    let hsm = hsm();
    let mut session = hsm.open_session().unwrap();
    let s = session.as_mut();
    let (transport, _) = open_key(s, "tk", "tdes2", KeyUse::Transport);
    let pin = s.generate_pin(4, &DRAW).unwrap();
    let block = s.card_pin_block(&pin).unwrap();
    let mut longer = block.clone();
    longer.clear_length += 1;
    let mut checked = block.clone();
    checked.check_values.push(1);
    let mut flipped = block.clone();
    flipped.blob[20] ^= 1;
    let as_pin = Sealed {
        blob: pin.0.clone(),
        ..block.clone()
    };
    for changed in [longer, checked, flipped, as_pin] {
        assert_eq!(code(s.export_sealed(&changed, transport)), "R1305");
    }
    let mut pin = pin;
    pin.0[5] ^= 0x80;
    assert_eq!(code(s.reveal_pin(&pin)), "R1305");
    pin.0.clear();
    assert_eq!(code(s.reveal_pin(&pin)), "R1305");
}

#[test]
fn job_keys_open_for_their_job_only_and_are_never_made_twice() {
    let hsm = hsm();
    let mut session = hsm.open_session().unwrap();
    let wrapped = session.new_job_key("a").unwrap();
    assert_ne!(wrapped, session.new_job_key("a").unwrap());
    let key = session.open_job_key("a", &wrapped).unwrap();
    assert_eq!(key.expose().len(), 32);
    assert_eq!(
        key.expose(),
        session.open_job_key("a", &wrapped).unwrap().expose()
    );
    assert_eq!(code(session.open_job_key("b", &wrapped)), "R1305");
}

#[test]
fn two_pins_alike_do_not_look_alike() {
    let hsm = hsm();
    let mut session = hsm.open_session().unwrap();
    let mut seen = std::collections::BTreeMap::new();
    for order in 0..400 {
        let draw = Draw {
            job: "j",
            order,
            purpose: "pin",
        };
        let pin = session.generate_pin(4, &draw).unwrap();
        let clear = session.reveal_pin(&pin).unwrap().expose().to_owned();
        assert!(seen.insert(pin.0, clear).is_none(), "no blob twice");
    }
    let different: std::collections::BTreeSet<_> = seen.values().collect();
    assert!(
        different.len() < seen.len(),
        "400 of 10,000 PINs hold a pair"
    );
}

#[test]
fn nothing_is_recoded_without_a_channel() {
    let hsm = hsm();
    let mut session = hsm.open_session().unwrap();
    let pin = session.generate_pin(4, &DRAW).unwrap();
    let block = session.card_pin_block(&pin).unwrap();
    let nowhere = cardwright_ports::hsm::ChannelId(1);
    assert_eq!(
        code(session.recode(nowhere, &block, DekPadding::None)),
        "R1308"
    );
}
