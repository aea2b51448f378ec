//! pysim's GlobalPlatform vectors: SCP02, and SCP03 with all key lengths and three levels.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use cardwright_standards::cipher::{AesKey, KeyBytes};
use cardwright_standards::globalplatform::initialize::{self, Answer, Protocol};
use cardwright_standards::globalplatform::{CardKeys, Channel, scp03};
use cardwright_standards::kcv;
use common::{hex, read, to_hex};
use serde_json::Value;

fn data() -> Value {
    serde_json::from_str::<Value>(&read("pysim/globalplatform-scp.json")).unwrap()["data"].clone()
}

fn card_keys(parts: [&str; 3]) -> CardKeys {
    let [enc, mac, dek] = parts.map(|key| KeyBytes::new(&hex(key)).unwrap());
    CardKeys { enc, mac, dek }
}

fn open(keys: &CardKeys, option: u8, update: &str, answer: &str, auth: &str) -> Channel {
    let update = hex(update);
    let host: [u8; 8] = update[5..13].try_into().unwrap();
    assert_eq!(initialize::command(update[2], update[3], host), update);
    let answer = Answer::parse(&[hex(answer), vec![0x90, 0x00]].concat())
        .ok()
        .unwrap();
    let level = hex(auth)[2];
    let (channel, command) = Channel::open(keys, option, level, host, &answer)
        .ok()
        .unwrap();
    assert_eq!(to_hex(command), auth);
    channel
}

#[test]
fn scp02() {
    let data = data();
    let module = &data["module"];
    let key = |name: &str| module[name].as_str().unwrap();
    let keys = card_keys([key("KIC"), key("KID"), key("KIK")]);
    let class = &data["classes"]["SCP02_Auth_Test"];
    let list = |name: &str, from: &Value| -> Vec<String> {
        let list = from[name].as_array().unwrap();
        list.iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    let auth = list("test:test_mutual_auth_success", class);
    let answer = class["init_update_resp"].as_str().unwrap();
    let mut channel = open(&keys, 0x15, &auth[0], answer, &auth[1]);
    let commands = list("test:test_mac_command", &data["classes"]["SCP02_Test"]);
    assert_eq!(commands.len(), 8);
    for pair in commands.chunks(2) {
        assert_eq!(to_hex(channel.wrap(&hex(&pair[0])).ok().unwrap()), pair[1]);
    }
    // A changed card cryptogram must be refused.
    let mut changed = hex(answer);
    *changed.last_mut().unwrap() ^= 1;
    let changed = Answer::parse_data(&changed).ok().unwrap();
    let host: [u8; 8] = hex(class["host_challenge"].as_str().unwrap())
        .try_into()
        .unwrap();
    assert!(Channel::open(&keys, 0x15, 0x01, host, &changed).is_err());
}

#[test]
fn scp03_with_all_keys_and_levels() {
    let data = data();
    let plain = &data["classes"]["SCP03_Test"];
    let mut covered = 0;
    for (name, class) in data["classes"].as_object().unwrap() {
        if !name.starts_with("SCP03_Test_") {
            continue;
        }
        let keyset = &data["module"][class["keyset"].as_str().unwrap()];
        let key = |index: usize| keyset[index].as_str().unwrap();
        let keys = card_keys([key(2), key(3), key(4)]);
        let text = |name: &str| class[name].as_str().unwrap();
        let [update, answer, auth] = ["init_upd_cmd", "init_upd_rsp", "ext_auth_cmd"].map(text);
        let mut channel = open(&keys, 0, update, answer, auth);
        let wrap = |channel: &mut Channel, clear: &str, secured: &str| {
            let clear = hex(plain[clear].as_str().unwrap());
            assert_eq!(
                to_hex(channel.wrap(&clear).ok().unwrap()),
                text(secured),
                "{name}"
            );
        };
        wrap(&mut channel, "get_eid_cmd_plain", "get_eid_cmd");
        let answer = [hex(text("get_eid_rsp")), vec![0x90, 0x00]].concat();
        let expected = format!("{}9000", plain["get_eid_rsp_plain"].as_str().unwrap());
        assert_eq!(
            to_hex(channel.unwrap(&answer).ok().unwrap()),
            expected,
            "{name}"
        );
        for case in 1..=4 {
            let clear = format!("case_{case}_apdu_plain");
            wrap(&mut channel, &clear, &format!("case_{case}_apdu"));
        }
        hostile_answers(&keys, class, &answer);
        covered += 1;
    }
    assert_eq!(covered, 9);
}

/// With an R-MAC every changed or cut answer is refused.
fn hostile_answers(keys: &CardKeys, class: &Value, answer: &[u8]) {
    let text = |name: &str| class[name].as_str().unwrap();
    if text("ext_auth_cmd").starts_with("848203") {
        return;
    }
    let fresh = || {
        let [update, answer, auth] = ["init_upd_cmd", "init_upd_rsp", "ext_auth_cmd"].map(text);
        let mut channel = open(keys, 0, update, answer, auth);
        channel.wrap(&hex("80E2910006BF3E035C015A00")).ok().unwrap();
        channel
    };
    for place in 0..answer.len() - 2 {
        let mut changed = answer.to_vec();
        changed[place] ^= 0x10;
        assert!(fresh().unwrap(&changed).is_err());
    }
    for length in 2..answer.len() - 2 {
        assert!(
            fresh()
                .unwrap(&[&answer[..length], &[0x90, 0x00]].concat())
                .is_err()
        );
    }
}

#[test]
fn the_cards_challenge_is_the_predicted_one() {
    // Those cards answer for the ISD-R of an eUICC (SGP.02): A0000005591010FFFFFFFF8900000100.
    let data = data();
    let aid = hex("A0000005591010FFFFFFFF8900000100");
    let mut met = 0;
    for (name, class) in data["classes"].as_object().unwrap() {
        let Some(keyset) = class["keyset"].as_str().filter(|_| name.contains("_AES")) else {
            continue;
        };
        let enc = hex(data["module"][keyset][2].as_str().unwrap());
        let answer = Answer::parse_data(&hex(class["init_upd_rsp"].as_str().unwrap())).ok();
        let Some(Protocol::Scp03(card)) = answer.map(|answer| answer.protocol) else {
            continue;
        };
        let key = AesKey::new(&enc).unwrap();
        let challenge = scp03::pseudo_random_challenge(&key, card.sequence.unwrap(), &aid).unwrap();
        met += usize::from(challenge == card.challenge);
    }
    assert_eq!(met, 9);
}

#[test]
fn check_values_of_the_aes_keys() {
    let data = data();
    let list = &data["classes"]["SCP03_KCV_Test"]["test:test_kcv"];
    let keyset = &data["module"]["KEYSET_AES128"];
    for index in 0..3 {
        let key = AesKey::new(&hex(keyset[index + 2].as_str().unwrap())).unwrap();
        assert_eq!(to_hex(kcv::aes(&key)), list[index].as_str().unwrap());
    }
}

#[test]
fn hostile_answers_to_initialize_update() {
    let whole = hex("000000000000000000003003703EB51047495B249F66C484C1D2EF1948000002");
    assert!(Answer::parse_data(&whole).is_ok());
    for length in 0..whole.len() {
        assert_eq!(
            Answer::parse_data(&whole[..length]).is_ok(),
            length == 29,
            "{length}"
        );
    }
    assert!(Answer::parse(&[0x6A, 0x88]).is_err());
    assert!(Answer::parse(&[0x90]).is_err());
}
