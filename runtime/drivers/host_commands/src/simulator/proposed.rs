//! The commands that are proposals of ours: what a card's data need.

use cardwright_rsa::{generate, raise};
use cardwright_standards::cipher::{AesKey, Block, TdesKey, cbc_encrypt, ecb_encrypt, pad_80};
use cardwright_standards::emv::{cryptogram, keys, oda};
use cardwright_standards::pin::{Pin, block};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::lmk::{System, card_check};
use super::pins::random;
use super::{Core, Handled, Handler, at, text};
use crate::layout::{self, Layout, Values, split_keys};

pub(super) const HANDLERS: &[(&Layout, Handler)] = &[
    (&layout::DERIVE_CARD_KEYS, derive_three),
    (&layout::DERIVE_CARD_KEY, derive_one),
    (&layout::PIN_FIELD, pin_field),
    (&layout::JOIN, join),
    (&layout::RECIPHER, recipher),
    (&layout::SIGN_EMV, sign_emv),
    (&layout::CARD_RSA_KEY, card_rsa_key),
    (&layout::OFFLINE_PIN, offline_pin),
    (&layout::TRACK_VECTOR, track_vector),
    (&layout::VERIFY_TRACK_CODE, verify_track_code),
    (&layout::CHALLENGE, challenge),
];

type Code = &'static str;

/// A card's key and its check value.
fn derive(
    core: &Core,
    (key, usages): (&[u8], &[&str]),
    option: &[u8],
    pan: &str,
    psn: &str,
) -> Result<(Zeroizing<Vec<u8>>, [u8; 3]), Code> {
    let opened = core.lmk.open(key, usages)?;
    let derived = match (option, opened.header.algorithm) {
        (b"A" | b"B", 'T') => {
            let issuer = TdesKey::new(&opened.key).map_err(|_| "27")?;
            match option {
                b"A" => keys::option_a(&issuer, pan, psn),
                _ => keys::option_b(&issuer, pan, psn),
            }
        }
        (b"C", 'A') => {
            let issuer = AesKey::new(&opened.key).map_err(|_| "27")?;
            keys::option_c(&issuer, pan, psn)
        }
        _ => return Err("A7"),
    };
    let derived = derived.map_err(|_| "15")?;
    let check = card_check(opened.header.algorithm, derived.expose())?;
    Ok((Zeroizing::new(derived.expose().to_vec()), check))
}

fn derive_three(core: &Core, v: &Values) -> Handled {
    let (pan, psn) = (text(v, 2)?, text(v, 3)?);
    let mut clear = Zeroizing::new(Vec::with_capacity(96));
    let mut checks = Vec::new();
    let issuers = split_keys(at(v, 1));
    if issuers.len() != 3 {
        return Err("03");
    }
    for (key, usage) in issuers.into_iter().zip(["E0", "E2", "E1"]) {
        let (derived, check) = derive(core, (key, &[usage]), at(v, 0), pan, psn)?;
        clear.extend_from_slice(&derived);
        checks.extend_from_slice(&check);
    }
    let context = [pan.as_bytes(), psn.as_bytes()].concat();
    Ok(vec![core.lmk.token(&context, &clear)?, checks])
}

fn derive_one(core: &Core, v: &Values) -> Handled {
    let (pan, psn) = (text(v, 2)?, text(v, 3)?);
    let usages = ["E0", "E1", "E2", "E4", "E6"];
    let (derived, check) = derive(core, (at(v, 1), &usages), at(v, 0), pan, psn)?;
    let context = [pan.as_bytes(), psn.as_bytes()].concat();
    Ok(vec![core.lmk.token(&context, &derived)?, check.to_vec()])
}

/// A PIN's digits in eight octets, filled with F: one digit an octet, or two.
fn digits_field(pin: &Pin, packed: bool) -> Result<Zeroizing<[u8; 8]>, Code> {
    let mut field = Zeroizing::new([0xFF; 8]);
    let digits = pin.expose().bytes();
    match packed {
        false if pin.length() > 8 => return Err("24"),
        false => {
            for (slot, digit) in field.iter_mut().zip(digits) {
                *slot = digit;
            }
        }
        true => {
            for (at, digit) in digits.enumerate() {
                if let Some(slot) = field.get_mut(at / 2) {
                    let digit = digit & 0x0F;
                    *slot = match at % 2 {
                        0 => digit << 4 | 0x0F,
                        _ => *slot & 0xF0 | digit,
                    };
                }
            }
        }
    }
    Ok(field)
}

fn pin_field(core: &Core, v: &Values) -> Handled {
    let pin = core.lmk.pin_of(at(v, 0), at(v, 1))?;
    let field = match at(v, 2) {
        b"0" => digits_field(&pin, false)?,
        b"1" => block::encode_0(&pin, text(v, 3)?).map_err(|_| "20")?,
        b"2" => {
            let fill = random(16)?;
            let nibbles = Zeroizing::new(fill.iter().map(|o| o & 0x0F).collect::<Vec<u8>>());
            block::encode_1(&pin, &nibbles).map_err(|_| "20")?
        }
        b"3" => block::encode_2(&pin),
        b"4" => digits_field(&pin, true)?,
        b"5" => {
            let mut field = block::encode_2(&pin);
            if let Some(control) = field.first_mut() {
                *control &= 0x0F;
            }
            field
        }
        _ => return Err("23"),
    };
    // The account is in the context: equal PINs of two cards do not look alike.
    Ok(vec![core.lmk.token(at(v, 1), field.as_slice())?])
}

fn join(core: &Core, v: &Values) -> Handled {
    let mut rest = at(v, 0);
    let mut clear = Zeroizing::new(Vec::with_capacity(4_096));
    let mut context = Vec::new();
    while let Some((head, behind)) = rest.split_first_chunk::<3>() {
        let [flag, high, low] = *head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (part, behind) = behind.split_at_checked(length).ok_or("80")?;
        match flag {
            b'0' => clear.extend_from_slice(part),
            b'1' => {
                clear.extend_from_slice(&core.lmk.clear(part)?);
                context.extend_from_slice(part);
            }
            _ => return Err("15"),
        }
        rest = behind;
    }
    match rest.is_empty() && clear.len() <= 4_096 {
        true => Ok(vec![core.lmk.token(&context, &clear)?]),
        false => Err("80"),
    }
}

fn recipher(core: &Core, v: &Values) -> Handled {
    let mut clear = core.lmk.clear(at(v, 0))?;
    let transport = core.lmk.open(at(v, 1), &["K0"])?;
    let block = if transport.header.algorithm == 'T' {
        8
    } else {
        16
    };
    let aligned = clear.len().is_multiple_of(block);
    match at(v, 2) {
        b"0" if !aligned => return Err("80"),
        b"1" => pad_80(&mut clear, block),
        b"2" if !aligned => pad_80(&mut clear, block),
        b"3" => {
            let missing = block - clear.len() % block;
            let length = clear.len() + missing;
            clear.resize(length, u8::try_from(missing).map_err(|_| "80")?);
        }
        b"4" if !aligned => {
            let length = clear.len().next_multiple_of(block);
            clear.resize(length, 0);
        }
        b"0" | b"2" | b"4" => {}
        _ => return Err("15"),
    }
    let done = match block {
        8 => {
            let key = TdesKey::new(&transport.key).map_err(|_| "27")?;
            ecb_encrypt(&key, &mut clear)
        }
        _ => {
            let key = AesKey::new(&transport.key).map_err(|_| "27")?;
            cbc_encrypt(&key, [0; 16], &mut clear)
        }
    };
    done.map_err(|_| "80")?;
    Ok(vec![std::mem::take(&mut *clear)])
}

fn sign_emv(core: &Core, v: &Values) -> Handled {
    let key = core.lmk.rsa(at(v, 2))?;
    let block = at(v, 1);
    let format = match at(v, 0) {
        b"C" => 0x02,
        b"S" => 0x03,
        b"I" => 0x04,
        _ => return Err("04"),
    };
    // Nothing but a block of Book 2 is signed.
    let whole = block.len() == key.modulus().len()
        && block.starts_with(&[0x6A, format])
        && block.ends_with(&[0xBC]);
    match whole {
        true => Ok(vec![key.apply(block, &mut System).map_err(|_| "77")?]),
        false => Err("77"),
    }
}

fn card_rsa_key(core: &Core, v: &Values) -> Handled {
    let bits: u32 = text(v, 0)?.parse().map_err(|_| "04")?;
    let exponent: u32 = text(v, 1)?.parse().map_err(|_| "06")?;
    if bits > 1_984 {
        return Err("04");
    }
    let key = generate(bits, exponent, &mut System).map_err(|_| "04")?;
    let mut fields = vec![key.modulus().to_vec()];
    for part in key.components() {
        fields.push(core.lmk.token(key.modulus(), part)?);
    }
    Ok(fields)
}

fn offline_pin(core: &Core, v: &Values) -> Handled {
    let pin = core.lmk.pin_of(at(v, 0), at(v, 1))?;
    let modulus = at(v, 2);
    let exponent: u32 = text(v, 3)?.parse().map_err(|_| "06")?;
    let challenge = at(v, 4).try_into().map_err(|_| "15")?;
    let fill = random(modulus.len())?;
    let clear = oda::pin_encipherment_block(&pin, challenge, &fill, modulus.len());
    let sent = raise(modulus, exponent, &clear.map_err(|_| "76")?);
    Ok(vec![sent.map_err(|_| "76")?])
}

fn track_key(core: &Core, v: &Values) -> Result<TdesKey, Code> {
    let (derived, _) = derive(
        core,
        (at(v, 0), &["E4"]),
        at(v, 1),
        text(v, 2)?,
        text(v, 3)?,
    )?;
    TdesKey::new_double(&derived).map_err(|_| "27")
}

fn track_vector(core: &Core, v: &Values) -> Handled {
    let vector = cryptogram::ivcvc3(&track_key(core, v)?, at(v, 4)).map_err(|_| "15")?;
    Ok(vec![vector.to_vec()])
}

fn verify_track_code(core: &Core, v: &Values) -> Handled {
    let key = track_key(core, v)?;
    let number = at(v, 5).try_into().map_err(|_| "15")?;
    let atc = u16::from_be_bytes(at(v, 6).try_into().map_err(|_| "15")?);
    let expected = cryptogram::cvc3(&key, at(v, 4), number, atc).map_err(|_| "15")?;
    match bool::from(expected.to_be_bytes().as_slice().ct_eq(at(v, 7))) {
        true => Ok(Vec::new()),
        false => Err("01"),
    }
}

fn challenge(core: &Core, v: &Values) -> Handled {
    let key = AesKey::new(&core.lmk.clear(at(v, 0))?).map_err(|_| "27")?;
    let block: [u8; 16] = at(v, 2).try_into().map_err(|_| "15")?;
    Ok(vec![match at(v, 1) {
        b"0" => key.encrypt(block).to_vec(),
        _ => key.decrypt(block).to_vec(),
    }])
}
