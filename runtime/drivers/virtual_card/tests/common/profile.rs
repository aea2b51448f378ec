//! Applications for the tests, from the golden card's groupings; certificates are made anew where
//! static data change.

use super::h;
use num_bigint_dig::BigUint;
use sha1::{Digest, Sha1};

pub(crate) type Groups = Vec<(u16, Vec<u8>)>;

pub(crate) fn rsa_vectors() -> serde_json::Value {
    serde_json::from_str(include_str!(
        "../../../../../tests/vectors/project/vectors_rsa.json"
    ))
    .unwrap()
}

pub(crate) fn golden() -> Groups {
    let file: serde_json::Value = serde_json::from_str(include_str!(
        "../../../../../tests/vectors/project/vectors_perso.json"
    ))
    .unwrap();
    file["dgis"]
        .as_array()
        .unwrap()
        .iter()
        .map(|grouping| {
            let number = u16::from_str_radix(grouping["dgi"].as_str().unwrap(), 16).unwrap();
            (number, h(grouping["clear"].as_str().unwrap()))
        })
        .collect()
}

/// Changes groupings; what was not there comes first, so that the last one stays last.
pub(crate) fn with(mut groups: Groups, changes: &[(u16, Vec<u8>)]) -> Groups {
    for (number, value) in changes {
        match groups.iter_mut().find(|(n, _)| n == number) {
            Some((_, old)) => *old = value.clone(),
            None => groups.insert(0, (*number, value.clone())),
        }
    }
    groups
}

pub(crate) fn without(mut groups: Groups, number: u16) -> Groups {
    groups.retain(|(n, _)| *n != number);
    groups
}

fn tlv(tag: &str, value: &[u8]) -> Vec<u8> {
    let length = match value.len() {
        short @ 0..=127 => vec![short as u8],
        long => vec![0x81, long as u8],
    };
    [&h(tag)[..], &length, value].concat()
}

fn private(key: &serde_json::Value, block: &[u8]) -> Vec<u8> {
    let number = |name: &str| BigUint::from_bytes_be(&h(key[name].as_str().unwrap()));
    let signed = BigUint::from_bytes_be(block).modpow(&number("d"), &number("n"));
    let octets = signed.to_bytes_be();
    [vec![0; block.len() - octets.len()], octets].concat()
}

/// An ICC certificate (EMV Book 2, 6.1) by the golden issuer, and its remainder.
fn certify(key: &str, static_data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let vectors = rsa_vectors();
    let modulus = h(vectors[key]["n"].as_str().unwrap());
    let room = 128 - 42;
    let (left, right) = modulus.split_at(room.min(modulus.len()));
    let mut left = left.to_vec();
    left.resize(room, 0xBB);
    let body = [
        &h("04 4761739001010119FFFF 1228 000007 0101")[..],
        &[modulus.len() as u8, 1],
        &left,
    ]
    .concat();
    let hash = Sha1::digest([&body[..], right, &[3], static_data].concat());
    let block = [&[0x6A], &body[..], &hash, &[0xBC]].concat();
    (private(&vectors["issuer"], &block), right.to_vec())
}

/// The golden application with another AIP, CVM list or counters, certified anew. With `pin_key`
/// it has a key of its own for the PIN.
pub(crate) fn certified(aip: [u8; 2], cvm_rules: &str, pin_key: bool) -> Groups {
    let mut groups = golden();
    let record =
        |groups: &Groups, number: u16| groups.iter().find(|(n, _)| *n == number).unwrap().1.clone();
    let text = hex::encode_upper(record(&groups, 0x0201));
    let list = format!("{}{cvm_rules}", "0".repeat(16));
    let list = format!("8E{:02X}{list}", list.len() / 2);
    let body = text[4..].replace("8E0C000000000000000041031E03", &list);
    let signed = h(&body);
    groups = with(groups, &[(0x0201, tlv("70", &signed))]);
    let options = record(&groups, 0x9104);
    let options = [&[0x82, 2][..], &aip, &options[4..]].concat();
    let (certificate, remainder) = certify("icc", &[&signed[..], &aip].concat());
    let icc = [
        tlv("9F46", &certificate),
        tlv("9F47", &[3]),
        tlv("9F48", &remainder),
    ]
    .concat();
    groups = with(groups, &[(0x0302, tlv("70", &icc)), (0x9104, options)]);
    if pin_key {
        let (certificate, remainder) = certify("icc_pin", &[]);
        let pin = [
            tlv("9F2D", &certificate),
            tlv("9F2E", &[3]),
            tlv("9F2F", &remainder),
        ]
        .concat();
        let vectors = rsa_vectors();
        let part = |name: &str| h(vectors["icc_pin"][name].as_str().unwrap());
        groups = with(
            groups,
            &[
                (0x0303, tlv("70", &pin)),
                (0x8301, part("qinv")),
                (0x8302, part("dq")),
                (0x8303, part("dp")),
                (0x8304, part("q")),
                (0x8305, part("p")),
            ],
        );
    }
    groups
}
