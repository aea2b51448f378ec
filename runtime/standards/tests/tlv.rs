//! pyemv's TLV cases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod common;

use cardwright_standards::tlv::{self, Tag, Tlv};
use common::{cases, hex, to_hex};
use serde_json::{Map, Value};

/// An indefinite length, which EMV Book 3, annex B2 does not have; pyemv reads it as zero.
const INDEFINITE: &str = "9C80";

#[test]
fn decode_cases() {
    let mut covered = 0;
    for case in cases("pyemv/tlv.json")
        .iter()
        .filter(|case| case.op() == "tlv.decode")
    {
        let data = case.octets("data");
        if case.text("data") == INDEFINITE {
            assert!(tlv::parse(&data).is_err());
            continue;
        }
        match tlv::parse(&data) {
            Ok(objects) if !case.rejected() => {
                let flatten = case.0["in"]["flatten"].as_bool().unwrap_or(false);
                let mut map = Map::new();
                tree(&objects, flatten, &mut map);
                assert_eq!(Value::Object(map), case.0["out"], "{}", case.0);
            }
            Err(_) if case.rejected() => {}
            _ => panic!("{}", case.0),
        }
        covered += 1;
    }
    assert_eq!(covered, 24);
}

fn tree(objects: &[Tlv<'_>], flatten: bool, map: &mut Map<String, Value>) {
    for object in objects {
        if object.tag.is_constructed() && flatten {
            tree(&object.children, flatten, map);
        } else if object.tag.is_constructed() {
            let mut inner = Map::new();
            tree(&object.children, flatten, &mut inner);
            map.insert(object.tag.to_string(), Value::Object(inner));
        } else {
            map.insert(object.tag.to_string(), Value::String(to_hex(object.value)));
        }
    }
}

#[test]
fn encode_cases() {
    let mut covered = 0;
    for case in cases("pyemv/tlv.json")
        .iter()
        .filter(|case| case.op() == "tlv.encode")
    {
        // pyemv's "simple" objects have one length octet up to 255: a tool's own form, not BER.
        if case.0["in"]["simple"].as_bool().unwrap_or(false) {
            continue;
        }
        let result = encode(case.0["in"]["tlv"].as_object().unwrap());
        case.check(result.ok_or(()));
        covered += 1;
    }
    assert_eq!(covered, ENCODED);
}

/// Cases that are not of the "simple" form.
const ENCODED: usize = 11;

fn encode(map: &Map<String, Value>) -> Option<String> {
    let mut octets = Vec::new();
    for (tag, value) in map {
        let tag = Tag::from_hex(tag)?;
        let value = match value {
            Value::Object(inner) => hex(&encode(inner)?),
            text => cardwright_standards::hex::decode(text.as_str()?).ok()?,
        };
        tlv::push(&mut octets, tag, &value).ok()?;
    }
    Some(to_hex(octets))
}
