//! PINs in the simulator: drawn, translated, verified.

use cardwright_standards::cipher::{Block, TdesKey};
use cardwright_standards::pin::{Pin, block, pvv};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::lmk::{PIN_CHARACTERS, System};
use super::{Core, Handled, Handler, at, text};
use crate::layout::{self, Layout, Values};

pub(super) const HANDLERS: &[(&Layout, Handler)] = &[
    (&layout::GENERATE_PIN, generate_pin),
    (&layout::PIN_IN, pin_in),
    (&layout::PIN_IN_AES, pin_in_aes),
    (&layout::PIN_OUT, pin_out),
    (&layout::PIN_OUT_AES, pin_out_aes),
    (&layout::PIN_ACROSS, pin_across),
    (&layout::PIN_FROM_TERMINAL, pin_across),
    (&layout::PIN_ACCOUNT, pin_account),
    (&layout::PIN_CLEAR, pin_clear),
    (&layout::GENERATE_PVV, generate_pvv),
    (&layout::VERIFY_PVV, verify_pvv),
    (&layout::VERIFY_PVV_TERMINAL, verify_pvv),
    (&layout::OFFSET, offset),
    (&layout::NATURAL_PIN, natural),
];

type Code = &'static str;

pub(super) fn random(length: usize) -> Result<Zeroizing<Vec<u8>>, Code> {
    use cardwright_rsa::RandomSource;
    let mut octets = Zeroizing::new(vec![0; length]);
    System.fill(&mut octets).map_err(|_| "41")?;
    Ok(octets)
}

/// An account number as PAN: any check digit, which no PIN block looks at.
fn pan_of(account: &[u8]) -> String {
    format!("{}0", String::from_utf8_lossy(account))
}

fn generate_pin(core: &Core, v: &Values) -> Handled {
    let length: usize = text(v, 1)?.parse().map_err(|_| "15")?;
    if !(4..=12).contains(&length) {
        return Err("15");
    }
    let mut digits = Zeroizing::new(Vec::with_capacity(length));
    while digits.len() < length {
        // Octets of 250 and more are thrown away: all digits are equally likely.
        let drawn = random(32)?;
        digits.extend(drawn.iter().filter(|o| **o < 250).map(|o| o % 10));
        digits.truncate(length);
    }
    let pin = Pin::from_values(digits.iter().copied()).map_err(|_| "24")?;
    Ok(vec![core.lmk.pin(&pin, at(v, 0))?])
}

fn eight(text: &[u8]) -> Result<[u8; 8], Code> {
    let octets = hex::decode(text).map_err(|_| "15")?;
    octets.try_into().map_err(|_| "15")
}

/// The PIN of a block under a DES key.
fn decode(key: &TdesKey, enciphered: &[u8], format: &[u8], account: &[u8]) -> Result<Pin, Code> {
    let clear = Zeroizing::new(key.decrypt(eight(enciphered)?));
    let pan = pan_of(account);
    let pin = match format {
        b"01" => block::decode_0(&clear, &pan),
        b"05" => block::decode_1(&clear),
        b"47" => block::decode_3(&clear, &pan),
        _ => return Err("23"),
    };
    pin.map_err(|_| "20")
}

fn encode(key: &TdesKey, pin: &Pin, format: &[u8], account: &[u8]) -> Result<Vec<u8>, Code> {
    let pan = pan_of(account);
    let fill = random(16)?;
    let clear = match format {
        b"01" => block::encode_0(pin, &pan),
        b"05" => {
            let nibbles = Zeroizing::new(fill.iter().map(|o| o & 0x0F).collect::<Vec<u8>>());
            block::encode_1(pin, &nibbles)
        }
        b"47" => {
            let letters = Zeroizing::new(block::letter_fill(&fill).collect::<Vec<u8>>());
            block::encode_3(pin, &pan, &letters)
        }
        _ => return Err("23"),
    };
    let clear = clear.map_err(|_| "20")?;
    Ok(hex::encode_upper(key.encrypt(*clear)).into_bytes())
}

fn pin_in(core: &Core, v: &Values) -> Handled {
    let key = core.lmk.tdes(at(v, 0), "P0")?;
    let pin = decode(&key, at(v, 1), at(v, 2), at(v, 3))?;
    Ok(vec![core.lmk.pin(&pin, at(v, 3))?])
}

fn pin_in_aes(core: &Core, v: &Values) -> Handled {
    let key = core.lmk.aes(at(v, 0), "P0")?;
    let octets = hex::decode(at(v, 1)).map_err(|_| "15")?;
    let octets: [u8; 16] = octets.try_into().map_err(|_| "15")?;
    let pin = block::decipher_4(&key, &octets, text(v, 2)?).map_err(|_| "20")?;
    Ok(vec![core.lmk.pin(&pin, at(v, 3))?])
}

fn pin_out(core: &Core, v: &Values) -> Handled {
    let key = core.lmk.tdes(at(v, 0), "P0")?;
    let pin = core.lmk.pin_of(at(v, 3), at(v, 2))?;
    Ok(vec![encode(&key, &pin, at(v, 1), at(v, 2))?])
}

fn pin_out_aes(core: &Core, v: &Values) -> Handled {
    let key = core.lmk.aes(at(v, 0), "P0")?;
    let pin = core.lmk.pin_of(at(v, 3), at(v, 2))?;
    let fill = random(8)?;
    let fill = fill.first_chunk().copied().unwrap_or_default();
    let block = block::encipher_4(&key, &pin, text(v, 1)?, fill).map_err(|_| "20")?;
    Ok(vec![hex::encode_upper(block).into_bytes()])
}

fn pin_across(core: &Core, v: &Values) -> Handled {
    let (source, destination) = (
        core.lmk.tdes(at(v, 0), "P0")?,
        core.lmk.tdes(at(v, 1), "P0")?,
    );
    let (format, new) = (at(v, 4), at(v, 5));
    // ISO 9564-1: what is bound to a PAN does not leave it.
    if format != b"05" && new == b"05" {
        return Err("69");
    }
    let pin = decode(&source, at(v, 3), format, at(v, 6))?;
    let longest: usize = text(v, 2)?.parse().map_err(|_| "15")?;
    if pin.length() > longest {
        return Err("24");
    }
    Ok(vec![
        format!("{:02}", pin.length()).into_bytes(),
        encode(&destination, &pin, new, at(v, 6))?,
        new.to_vec(),
    ])
}

fn pin_account(core: &Core, v: &Values) -> Handled {
    let pin = core.lmk.pin_of(at(v, 0), at(v, 1))?;
    Ok(vec![core.lmk.pin(&pin, at(v, 2))?])
}

fn pin_clear(core: &Core, v: &Values) -> Handled {
    if !core.settings.authorised {
        return Err("17");
    }
    let pin = core.lmk.pin_of(at(v, 1), at(v, 0))?;
    let clear = format!("{:F<PIN_CHARACTERS$}", pin.expose());
    Ok(vec![
        clear.into_bytes(),
        at(v, 0).iter().rev().copied().collect(),
    ])
}

fn pvv_of(core: &Core, key: &[u8], pin: &Pin, account: &[u8], index: &str) -> Result<String, Code> {
    let key = core.lmk.tdes(key, "V2")?;
    let index = index.parse().map_err(|_| "15")?;
    let value = pvv::pvv(&key, &pan_of(account), pin, index).map_err(|_| "15")?;
    Ok(value.as_str().to_owned())
}

fn generate_pvv(core: &Core, v: &Values) -> Handled {
    let pin = core.lmk.pin_of(at(v, 1), at(v, 2))?;
    let value = pvv_of(core, at(v, 0), &pin, at(v, 2), text(v, 3)?)?;
    Ok(vec![value.into_bytes()])
}

fn verify_pvv(core: &Core, v: &Values) -> Handled {
    let key = core.lmk.tdes(at(v, 0), "P0")?;
    let pin = decode(&key, at(v, 2), at(v, 3), at(v, 4))?;
    let value = pvv_of(core, at(v, 1), &pin, at(v, 4), text(v, 5)?)?;
    match bool::from(value.as_bytes().ct_eq(at(v, 6))) {
        true => Ok(Vec::new()),
        false => Err("01"),
    }
}

/// The natural digits: the enciphered validation data through the decimalisation table.
fn natural_digits(
    key: &TdesKey,
    account: &[u8],
    table: &[u8],
    data: &str,
) -> Result<Vec<u8>, Code> {
    if !table.iter().all(u8::is_ascii_digit) {
        return Err("25");
    }
    let last = account
        .get(7..)
        .and_then(|l| std::str::from_utf8(l).ok())
        .ok_or("22")?;
    let enciphered = key.encrypt(eight(data.replacen('N', last, 1).as_bytes())?);
    let nibbles = enciphered.iter().flat_map(|o| [o >> 4, o & 0x0F]);
    let digits = nibbles.map(|n| table.get(usize::from(n)).map_or(0, |d| d - b'0'));
    Ok(digits.collect())
}

fn offset(core: &Core, v: &Values) -> Handled {
    let key = core.lmk.tdes(at(v, 0), "V1")?;
    let pin = core.lmk.pin_of(at(v, 1), at(v, 3))?;
    let natural = natural_digits(&key, at(v, 3), at(v, 4), text(v, 5)?)?;
    let check: usize = text(v, 2)?.parse().map_err(|_| "15")?;
    if !(4..=12).contains(&check) || pin.length() < check {
        return Err("81");
    }
    let digits = pin.expose().bytes().zip(natural);
    let offset: String = digits
        .map(|(digit, natural)| char::from(b'0' + (10 + digit - b'0' - natural) % 10))
        .collect();
    Ok(vec![format!("{offset:F<12}").into_bytes()])
}

fn natural(core: &Core, v: &Values) -> Handled {
    let key = core.lmk.tdes(at(v, 0), "V1")?;
    let natural = natural_digits(&key, at(v, 3), at(v, 4), text(v, 5)?)?;
    let offset = text(v, 1)?.trim_end_matches('F');
    if !(4..=12).contains(&offset.len()) || !offset.bytes().all(|d| d.is_ascii_digit()) {
        return Err("15");
    }
    let digits = offset
        .bytes()
        .zip(natural)
        .map(|(o, n)| (o - b'0' + n) % 10);
    let pin = Pin::from_values(digits).map_err(|_| "24")?;
    Ok(vec![core.lmk.pin(&pin, at(v, 3))?])
}
