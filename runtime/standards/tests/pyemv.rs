//! Every case of pyemv's tests that these functions cover: key derivation, cryptograms, secure
//! messaging, cryptogram versions, CVC3, check values.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use cardwright_standards::cipher::{KeyBytes, TdesKey};
use cardwright_standards::emv::cryptogram::{self, AcPadding};
use cardwright_standards::emv::{keys, script};
use cardwright_standards::kcv;
use cardwright_standards::pin::{Pin, block};
use common::{Case, cases, hex, to_hex};

#[test]
fn key_check_value_cases() {
    let cases = cases("pyemv/kcv.json");
    for case in &cases {
        let value = kcv::tdes(&TdesKey::new(&case.octets("key")).unwrap());
        let length = case.number("length").unwrap_or(2) as usize;
        case.check(Ok::<_, ()>(to_hex(&value[..length])));
    }
    assert_eq!(cases.len(), 26);
}

#[test]
fn key_derivation_cases() {
    let cases = cases("pyemv/emv-key-derivation.json");
    for case in &cases {
        case.check(derived(case).map(|key| to_hex(key.expose())));
    }
    assert_eq!(cases.len(), 50);
}

fn derived(case: &Case) -> Result<KeyBytes, ()> {
    let tdes = |name| TdesKey::new(&case.octets(name)).map_err(|_| ());
    let atc = || case.array::<2>("atc").map(u16::from_be_bytes).ok_or(());
    match case.op() {
        "kd.derive_icc_mk_a" => {
            keys::option_a(&tdes("iss_mk")?, &case.digits("pan"), &case.digits("psn"))
                .map_err(|_| ())
        }
        "kd.derive_icc_mk_b" => {
            keys::option_b(&tdes("iss_mk")?, &case.digits("pan"), &case.digits("psn"))
                .map_err(|_| ())
        }
        "kd.derive_common_sk" => {
            keys::common_session(&tdes("icc_mk")?, case.array("r").ok_or(())?).map_err(|_| ())
        }
        "kd.derive_visa_sm_sk" => {
            keys::visa_sm_session(&case.octets("icc_mk"), atc()?).map_err(|_| ())
        }
        "kd.derive_emv2000_tree_sk" => {
            let tree = match case.number("height") {
                Some(16) => keys::Tree::Height16,
                _ => keys::Tree::Height8,
            };
            let iv = if case.text("iv").is_empty() {
                [0; 16]
            } else {
                case.array("iv").ok_or(())?
            };
            keys::emv2000_session(&case.octets("icc_mk"), atc()?, tree, iv).map_err(|_| ())
        }
        op => panic!("unknown case {op}"),
    }
}

#[test]
fn cryptogram_cases() {
    let mut covered = 0;
    for case in cases("pyemv/emv-cryptograms.json") {
        if case.0["in"]["padding_type"].is_object() {
            // A wrong padding argument; here a type that has no wrong value.
            continue;
        }
        case.check(cryptogram_of(&case));
        covered += 1;
    }
    assert_eq!(covered, 19);
}

fn cryptogram_of(case: &Case) -> Result<String, ()> {
    let key = TdesKey::new_double(&case.octets("sk_ac")).map_err(|_| ())?;
    let arqc = || case.array::<8>("arqc").ok_or(());
    match case.op() {
        "ac.generate_ac" => cryptogram::ac(&key, &case.octets("data"), AcPadding::Emv)
            .map(to_hex)
            .map_err(|_| ()),
        "ac.generate_arpc_1" => Ok(to_hex(cryptogram::arpc_1(
            &key,
            arqc()?,
            case.array("arpc_rc").ok_or(())?,
        ))),
        "ac.generate_arpc_2" => {
            let csu = case.array("csu").ok_or(())?;
            cryptogram::arpc_2(&key, arqc()?, csu, &case.octets("prop_auth_data"))
                .map(to_hex)
                .map_err(|_| ())
        }
        op => panic!("unknown case {op}"),
    }
}

#[test]
fn cvc3_cases() {
    let cases = cases("pyemv/emv-cvc3.json");
    for case in &cases {
        let key = TdesKey::new_double(&case.octets("icc_cvc3")).map_err(|_| ());
        case.check(key.and_then(|key| {
            let un = case.array("un").ok_or(())?;
            let atc = u16::from_be_bytes(case.array("atc").ok_or(())?);
            let value = cryptogram::cvc3(&key, &case.octets("track_template"), un, atc);
            value.map(|value| format!("{value:05}")).map_err(|_| ())
        }));
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn secure_messaging_cases() {
    let cases = cases("pyemv/emv-secure-messaging.json");
    for case in &cases {
        case.check(secure_messaging(case));
    }
    assert_eq!(cases.len(), 22);
}

fn secure_messaging(case: &Case) -> Result<String, ()> {
    let tdes = |name| TdesKey::new(&case.octets(name)).map_err(|_| ());
    let pin = |name| Pin::new(&case.digits(name)).map_err(|_| ());
    match case.op() {
        "sm.generate_command_mac" => script::command_mac(&tdes("sk_smi")?, &case.octets("command"))
            .map(to_hex)
            .map_err(|_| ()),
        "sm.encrypt_command_data" => {
            let encryption = match case.text("encryption_type") {
                "VISA" => script::Encryption::Visa,
                "MASTERCARD" => script::Encryption::Mastercard,
                _ => script::Encryption::Emv,
            };
            script::encrypt_command_data(&tdes("sk_smc")?, &case.octets("command_data"), encryption)
                .map(to_hex)
                .map_err(|_| ())
        }
        "sm.format_iso9564_2_pin_block" => Ok(to_hex(*block::encode_2(&pin("pin")?))),
        "sm.format_vis_pin_block" => {
            let mk = case.array("icc_mk_ac").ok_or(())?;
            let current = if case.text("current_pin").is_empty() {
                None
            } else {
                Some(pin("current_pin")?)
            };
            Ok(to_hex(*script::visa_pin_block(
                &mk,
                &pin("pin")?,
                current.as_ref(),
            )))
        }
        op => panic!("unknown case {op}"),
    }
}

/// What a cryptogram version is made of; the rows are those of the schemes' public descriptions.
struct Version {
    session: Session,
    script: Session,
    padding: AcPadding,
    arpc_2: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Session {
    /// Master key itself for cryptograms, Visa's key for scripts.
    VisaMaster,
    /// Common session key.
    Common,
    /// Mastercard's key.
    Mastercard,
}

fn version(name: &str) -> Version {
    let (session, padding, arpc_2) = match name {
        "VisaCVN10" => (Session::VisaMaster, AcPadding::Visa, false),
        "VisaCVN18" => (Session::Common, AcPadding::Emv, true),
        "VisaCVN22" => (Session::Common, AcPadding::Emv, true),
        "MasterCardCVN16" | "MasterCardCVN17" | "InteracCVN133" => {
            (Session::Mastercard, AcPadding::Emv, false)
        }
        "MasterCardCVN20" | "MasterCardCVN21" => (Session::Common, AcPadding::Emv, false),
        _ => panic!("unknown version {name}"),
    };
    // Version 18 has EMV's key for cryptograms and Visa's for scripts.
    let script = if name == "VisaCVN18" {
        Session::VisaMaster
    } else {
        session
    };
    Version {
        session,
        script,
        padding,
        arpc_2,
    }
}

#[test]
fn cryptogram_version_cases() {
    let cases = cases("pyemv/emv-cryptogram-versions.json");
    for case in &cases {
        let mut op = case.op().split('.').skip(1);
        let name = op.next().unwrap();
        case.check(by_version(case, name, op.next().unwrap()));
    }
    assert_eq!(cases.len(), 26);
}

fn by_version(case: &Case, name: &str, function: &str) -> Result<String, ()> {
    let version = version(name);
    let mk = |name: &str| hex(case.0["in"]["self"][name].as_str().unwrap());
    let atc = case.array::<2>("tag_9f36").map(u16::from_be_bytes);
    let ac = || case.array::<8>("tag_9f26").unwrap();
    match function {
        "generate_ac" => {
            let tail = if version.arpc_2 { "tag_9f10" } else { "cvr" };
            let names = [
                "tag_9f02", "tag_9f03", "tag_9f1a", "tag_95", "tag_5f2a", "tag_9a", "tag_9c",
                "tag_9f37", "tag_82", "tag_9f36", tail,
            ];
            let data: Vec<u8> = names.iter().flat_map(|name| case.octets(name)).collect();
            let key = session_for_ac(&version, &mk("icc_mk_ac"), case);
            cryptogram::ac(&key, &data, version.padding)
                .map(to_hex)
                .map_err(|_| ())
        }
        "generate_arpc" if version.arpc_2 => {
            let key = session_for_ac(&version, &mk("icc_mk_ac"), case);
            cryptogram::arpc_2(&key, ac(), case.array("csu").unwrap(), &[])
                .map(to_hex)
                .map_err(|_| ())
        }
        "generate_arpc" => {
            // Mastercard 17 answers under the master key.
            let key = match name {
                "MasterCardCVN17" => TdesKey::new(&mk("icc_mk_ac")).unwrap(),
                _ => session_for_ac(&version, &mk("icc_mk_ac"), case),
            };
            Ok(to_hex(cryptogram::arpc_1(
                &key,
                ac(),
                case.array("arpc_rc").unwrap(),
            )))
        }
        "generate_command_mac" => {
            let key = session_for_script(&version, &mk("icc_mk_smi"), ac(), atc);
            let header = case.octets("command_header");
            let command = [header, atc.unwrap().to_be_bytes().to_vec(), ac().to_vec()].concat();
            script::command_mac(&key, &command)
                .map(to_hex)
                .map_err(|_| ())
        }
        "generate_pin_change_command" => Ok(pin_change(case, name, &version)),
        other => panic!("unknown function {other}"),
    }
}

fn pin_change(case: &Case, name: &str, version: &Version) -> String {
    let mk = |name: &str| hex(case.0["in"]["self"][name].as_str().unwrap());
    let atc = case.array::<2>("tag_9f36").map(u16::from_be_bytes);
    let ac = case.array::<8>("tag_9f26").unwrap();
    let pin = Pin::new(&case.digits("pin")).unwrap();
    let current = case.digits("current_pin");
    let current = (!current.is_empty()).then(|| Pin::new(&current).unwrap());
    let visa = name.starts_with("Visa");
    let p2 = if current.is_some() { 0x01 } else { 0x02 };
    // Version 22 takes EMV's block where the card does not ask for the current PIN.
    let (block, encryption) = if name == "VisaCVN22" && current.is_none() {
        (block::encode_2(&pin), script::Encryption::Visa)
    } else if visa {
        let mk = mk("icc_mk_ac").try_into().unwrap();
        (
            script::visa_pin_block(&mk, &pin, current.as_ref()),
            script::Encryption::Visa,
        )
    } else {
        (block::encode_2(&pin), script::Encryption::Mastercard)
    };
    let smc = session_for_script(version, &mk("icc_mk_smc"), ac, atc);
    let data = script::encrypt_command_data(&smc, &*block, encryption).unwrap();
    let header = vec![0x84, 0x24, 0x00, p2, data.len() as u8 + 8];
    let atc_octets = atc
        .map(|atc| atc.to_be_bytes().to_vec())
        .unwrap_or_default();
    let smi = session_for_script(version, &mk("icc_mk_smi"), ac, atc);
    // Interac's MAC covers header and data only.
    let input = match name {
        "InteracCVN133" => [header.clone(), data.clone()].concat(),
        _ => [header.clone(), atc_octets, ac.to_vec(), data.clone()].concat(),
    };
    let mac = script::command_mac(&smi, &input).unwrap();
    to_hex([header, data, mac.to_vec()].concat())
}

fn session_for_ac(version: &Version, mk: &[u8], case: &Case) -> TdesKey {
    let atc = || u16::from_be_bytes(case.array("tag_9f36").unwrap());
    let key = TdesKey::new(mk).unwrap();
    let session = match version.session {
        Session::VisaMaster => return key,
        Session::Common => keys::common_session(&key, keys::r_of_atc(atc())),
        Session::Mastercard => {
            keys::mastercard_session(&key, atc(), case.array("tag_9f37").unwrap())
        }
    };
    TdesKey::new(session.unwrap_or_else(|_| panic!("session")).expose()).unwrap()
}

fn session_for_script(version: &Version, mk: &[u8], ac: [u8; 8], atc: Option<u16>) -> TdesKey {
    let key = TdesKey::new(mk).unwrap();
    let session = match version.script {
        Session::VisaMaster => keys::visa_sm_session(mk, atc.unwrap()),
        _ => keys::common_session(&key, ac),
    };
    TdesKey::new(session.unwrap_or_else(|_| panic!("session")).expose()).unwrap()
}
