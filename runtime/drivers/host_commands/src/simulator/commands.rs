//! The HSM itself, keys, verification values, data, RSA by PKCS #1.

use cardwright_rsa::generate;
use cardwright_standards::cipher::{AesKey, TdesKey, ecb_decrypt, ecb_encrypt};
use cardwright_standards::keyblock::{self, Header};
use cardwright_standards::{cvv, des_keys, x509};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::lmk::{Opened, System, check_value};
use super::{Core, FIRMWARE, Handled, Handler, at, text};
use crate::layout::{self, Layout, Values, split_keys};

pub(super) const HANDLERS: &[(&Layout, Handler)] = &[
    (&layout::ECHO, echo),
    (&layout::DIAGNOSTICS, diagnostics),
    (&layout::RANDOM, random),
    (&layout::GENERATE_KEY, generate_key),
    (&layout::FORM_KEY, form_key),
    (&layout::IMPORT_KEY, import_key),
    (&layout::EXPORT_KEY, export_key),
    (&layout::CHECK_VALUE, key_check),
    (&layout::GENERATE_CVV, generate_cvv),
    (&layout::VERIFY_CVV, verify_cvv),
    (&layout::ENCIPHER, encipher),
    (&layout::DECIPHER, decipher),
    (&layout::GENERATE_RSA, generate_rsa),
    (&layout::SIGN, sign),
];

fn echo(_: &Core, v: &Values) -> Handled {
    Ok(vec![at(v, 0).to_vec()])
}

fn diagnostics(core: &Core, _: &Values) -> Handled {
    Ok(vec![
        core.lmk.check_value().into_bytes(),
        FIRMWARE.as_bytes().to_vec(),
    ])
}

fn drawn(length: usize) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let mut octets = Zeroizing::new(vec![0; length]);
    getrandom::fill(&mut octets).map_err(|_| "41")?;
    Ok(octets)
}

fn random(_: &Core, v: &Values) -> Handled {
    let length: usize = text(v, 0)?.parse().map_err(|_| "15")?;
    match (1..=256).contains(&length) {
        true => Ok(vec![drawn(length)?.to_vec()]),
        false => Err("01"),
    }
}

fn six(algorithm: char, key: &[u8]) -> Result<Vec<u8>, &'static str> {
    let check = check_value(algorithm, key)?;
    Ok(hex::encode_upper(check.get(..3).unwrap_or_default()).into_bytes())
}

fn one(text: &str) -> Result<char, &'static str> {
    text.chars().next().ok_or("15")
}

fn generate_key(core: &Core, v: &Values) -> Handled {
    let (octets, letter) = match text(v, 1)? {
        "T2" => (16, 'T'),
        "T3" => (24, 'T'),
        "A1" => (16, 'A'),
        "A2" => (24, 'A'),
        "A3" => (32, 'A'),
        _ => return Err("A7"),
    };
    let mut key = drawn(octets)?;
    if letter == 'T' {
        des_keys::set_odd_parity(&mut key);
    }
    let modes = (one(text(v, 2)?)?, one(text(v, 4)?)?);
    let block = core
        .lmk
        .block(text(v, 0)?, letter, modes, text(v, 3)?, &key)?;
    Ok(vec![block.into_bytes(), six(letter, &key)?])
}

fn form_key(core: &Core, v: &Values) -> Handled {
    let keys = split_keys(at(v, 1));
    if text(v, 0)?.parse() != Ok(keys.len()) {
        return Err("03");
    }
    let mut formed: Option<Opened> = None;
    for key in keys {
        let component = core.lmk.open(key, &[])?;
        if !component.header.key_version.starts_with('c') {
            return Err("A9");
        }
        formed = Some(match formed {
            None => component,
            Some(mut so_far) => {
                let fits = so_far.key.len() == component.key.len()
                    && so_far.header.usage == component.header.usage
                    && so_far.header.algorithm == component.header.algorithm;
                if !fits {
                    return Err("B5");
                }
                for (octet, other) in so_far.key.iter_mut().zip(component.key.iter()) {
                    *octet ^= other;
                }
                so_far
            }
        });
    }
    let mut formed = formed.ok_or("03")?;
    let letter = formed.header.algorithm;
    if letter == 'T' {
        // The exclusive or of two keys of odd parity has even parity.
        des_keys::set_odd_parity(&mut formed.key);
        if des_keys::has_equal_parts(&formed.key) {
            return Err("10");
        }
    }
    let modes = (formed.header.mode_of_use, formed.header.exportability);
    let block = core.lmk.block(
        &formed.header.usage,
        letter,
        modes,
        text(v, 2)?,
        &formed.key,
    )?;
    Ok(vec![block.into_bytes(), six(letter, &formed.key)?])
}

fn import_key(core: &Core, v: &Values) -> Handled {
    let transport = core.lmk.open(at(v, 0), &["K0", "K1"])?;
    let block = text(v, 1)?.strip_prefix('R').ok_or("26")?;
    if at(v, 2) != b"S" {
        return Err("26");
    }
    let opened = keyblock::unwrap(&transport.key, block).map_err(|e| match e {
        keyblock::KeyBlockError::Mac => "A4",
        keyblock::KeyBlockError::ProtectionKey(_) => "BB",
        _ => "83",
    })?;
    let header = opened.header;
    let check = six(header.algorithm, &opened.key)?;
    let modes = (header.mode_of_use, header.exportability);
    let block = core.lmk.block(
        &header.usage,
        header.algorithm,
        modes,
        &header.key_version,
        &opened.key,
    )?;
    Ok(vec![block.into_bytes(), check])
}

fn export_key(core: &Core, v: &Values) -> Handled {
    let transport = core.lmk.open(at(v, 0), &["K0", "K1"])?;
    let key = core.lmk.open(at(v, 1), &[])?;
    if key.header.exportability == 'N' {
        return Err("AA");
    }
    if at(v, 2) != b"R" {
        return Err("26");
    }
    let strength = |header: &Header, octets: usize| match header.algorithm {
        'T' => octets * 4,
        _ => octets * 8,
    };
    let weaker =
        strength(&transport.header, transport.key.len()) < strength(&key.header, key.key.len());
    if weaker {
        return Err("A5");
    }
    let header = Header {
        version: if transport.header.algorithm == 'A' {
            'D'
        } else {
            'B'
        },
        exportability: one(text(v, 3)?)?,
        ..key.header
    };
    let needed = keyblock::fill_octets(&header, key.key.len()).map_err(|_| "83")?;
    let fill = drawn(needed)?;
    let block = keyblock::wrap(&transport.key, &header, &key.key, &fill).map_err(|_| "83")?;
    let check = six(header.algorithm, &key.key)?;
    Ok(vec![format!("R{block}").into_bytes(), check])
}

fn key_check(core: &Core, v: &Values) -> Handled {
    let opened = core.lmk.open(at(v, 0), &[])?;
    let check = hex::encode_upper(check_value(opened.header.algorithm, &opened.key)?);
    let check = match at(v, 1) {
        b"1" => check.get(..6).unwrap_or_default().to_owned(),
        _ => check,
    };
    Ok(vec![check.into_bytes()])
}

fn cvv_of(
    core: &Core,
    key: &[u8],
    pan: &str,
    expiry: &str,
    code: &str,
) -> Result<String, &'static str> {
    let key = core.lmk.tdes(key, "C0")?;
    let value = cvv::cvv(&key, pan, expiry, code).map_err(|_| "15")?;
    Ok(value.as_str().to_owned())
}

fn generate_cvv(core: &Core, v: &Values) -> Handled {
    let value = cvv_of(core, at(v, 0), text(v, 1)?, text(v, 2)?, text(v, 3)?)?;
    Ok(vec![value.into_bytes()])
}

fn verify_cvv(core: &Core, v: &Values) -> Handled {
    let value = cvv_of(core, at(v, 0), text(v, 2)?, text(v, 3)?, text(v, 4)?)?;
    match bool::from(value.as_bytes().ct_eq(at(v, 1))) {
        true => Ok(Vec::new()),
        false => Err("01"),
    }
}

fn data(core: &Core, v: &Values, encrypt: bool) -> Handled {
    let opened = core.lmk.open(at(v, 0), &["D0"])?;
    let mut octets = Zeroizing::new(hex::decode(at(v, 1)).map_err(|_| "35")?);
    let done = match opened.header.algorithm {
        'T' => {
            let key = TdesKey::new(&opened.key).map_err(|_| "27")?;
            match encrypt {
                true => ecb_encrypt(&key, &mut octets),
                false => ecb_decrypt(&key, &mut octets),
            }
        }
        _ => {
            let key = AesKey::new(&opened.key).map_err(|_| "27")?;
            match encrypt {
                true => ecb_encrypt(&key, &mut octets),
                false => ecb_decrypt(&key, &mut octets),
            }
        }
    };
    done.map_err(|_| "06")?;
    Ok(vec![hex::encode_upper(octets.as_slice()).into_bytes()])
}

fn encipher(core: &Core, v: &Values) -> Handled {
    data(core, v, true)
}

fn decipher(core: &Core, v: &Values) -> Handled {
    data(core, v, false)
}

/// A DER INTEGER of an unsigned number.
fn integer(number: &[u8]) -> Vec<u8> {
    let mut body: Vec<u8> = number.iter().copied().skip_while(|o| *o == 0).collect();
    if body.first().is_none_or(|high| *high >= 0x80) {
        body.insert(0, 0);
    }
    der(0x02, &body)
}

fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match body.len() {
        length @ 0..=0x7F => der.push(length as u8),
        length @ 0x80..=0xFF => der.extend_from_slice(&[0x81, length as u8]),
        length => {
            der.push(0x82);
            der.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    der.extend_from_slice(body);
    der
}

fn generate_rsa(core: &Core, v: &Values) -> Handled {
    let bits: u32 = text(v, 1)?.parse().map_err(|_| "04")?;
    let exponent = at(v, 3).iter().fold(0u32, |n, o| n << 8 | u32::from(*o));
    if text(v, 2)?.parse() != Ok(24u32) || !matches!(at(v, 0), b"0" | b"1" | b"2") {
        return Err("06");
    }
    let key = generate(bits, exponent, &mut System).map_err(|_| "04")?;
    let numbers = [integer(key.modulus()), integer(at(v, 3))].concat();
    Ok(vec![der(0x30, &numbers), core.lmk.private(&key)?])
}

fn sign(core: &Core, v: &Values) -> Handled {
    if at(v, 0) != b"06" {
        return Err("05");
    }
    let key = core.lmk.rsa(at(v, 2))?;
    let hash: [u8; 32] = Sha256::digest(at(v, 1)).into();
    let block = x509::signature_block(&hash, key.modulus().len());
    let signature = key.apply(&block, &mut System).map_err(|_| "77")?;
    Ok(vec![signature])
}
