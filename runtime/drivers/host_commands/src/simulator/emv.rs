//! Cryptograms: KQ by the older methods, KW with common session keys.

use cardwright_standards::cipher::TdesKey;
use cardwright_standards::emv::{cryptogram, keys};
use cardwright_standards::mac::{self, Padding};
use subtle::ConstantTimeEq;

use super::{Core, Handled, Handler, at};
use crate::layout::{self, Layout, Values};

pub(super) const HANDLERS: &[(&Layout, Handler)] = &[
    (&layout::VERIFY_ARQC_STATIC, verify_static),
    (&layout::VERIFY_ARQC, verify),
    (&layout::VERIFY_ARQC_LONG, verify_long),
    (&layout::ARPC, arpc),
    (&layout::ARPC_LONG, arpc_long),
];

type Code = &'static str;

/// The card's master key: option A from eight octets of PAN and sequence number, option B from all
/// of them.
fn card_key(core: &Core, key: &[u8], card: &[u8], long: bool) -> Result<TdesKey, Code> {
    let issuer = core.lmk.tdes(key, "E0")?;
    let digits = hex::encode(card);
    if !digits.bytes().all(|d| d.is_ascii_digit()) {
        return Err("15");
    }
    let (pan, psn) = digits
        .split_at_checked(digits.len().saturating_sub(2))
        .ok_or("15")?;
    let derived = match long {
        // A leading zero made the number of digits even.
        true => keys::option_b(&issuer, pan.strip_prefix('0').unwrap_or(pan), psn),
        false => keys::option_a(&issuer, pan, psn),
    };
    let derived = derived.map_err(|_| "15")?;
    TdesKey::new_double(derived.expose()).map_err(|_| "27")
}

fn session_key(master: &TdesKey, atc: &[u8]) -> Result<TdesKey, Code> {
    let atc = atc.try_into().map_err(|_| "15")?;
    let derived = keys::common_session(master, keys::r_of_atc(u16::from_be_bytes(atc)));
    TdesKey::new_double(derived.map_err(|_| "27")?.expose()).map_err(|_| "27")
}

fn compare(key: &TdesKey, data: &[u8], cryptogram: &[u8]) -> Handled {
    if data.is_empty() {
        return Err("81");
    }
    // Whole blocks are taken as they are; others are filled with zeros.
    let expected = mac::retail(key, data, Padding::Zeros).map_err(|_| "27")?;
    match bool::from(expected.ct_eq(cryptogram)) {
        true => Ok(Vec::new()),
        false => Err("01"),
    }
}

fn verify_static(core: &Core, v: &Values) -> Handled {
    // Scheme 0: the card's master key itself; scheme 1 is not offered by this simulator.
    match at(v, 0) {
        b"0" => {
            let key = card_key(core, at(v, 1), at(v, 2), false)?;
            compare(&key, at(v, 5), at(v, 6))
        }
        _ => Err("05"),
    }
}

fn verify(core: &Core, v: &Values) -> Handled {
    let key = session_key(&card_key(core, at(v, 0), at(v, 1), false)?, at(v, 2))?;
    compare(&key, at(v, 3), at(v, 4))
}

fn verify_long(core: &Core, v: &Values) -> Handled {
    let key = session_key(&card_key(core, at(v, 0), at(v, 1), true)?, at(v, 2))?;
    compare(&key, at(v, 3), at(v, 4))
}

fn answer(core: &Core, v: &Values, long: bool) -> Handled {
    let key = session_key(&card_key(core, at(v, 0), at(v, 1), long)?, at(v, 2))?;
    let arqc = at(v, 3).try_into().map_err(|_| "15")?;
    let status: [u8; 4] = at(v, 4).try_into().map_err(|_| "15")?;
    let made = cryptogram::arpc_2(&key, arqc, status, at(v, 5)).map_err(|_| "80")?;
    Ok(vec![made.iter().take(4).copied().chain(status).collect()])
}

fn arpc(core: &Core, v: &Values) -> Handled {
    answer(core, v, false)
}

fn arpc_long(core: &Core, v: &Values) -> Handled {
    answer(core, v, true)
}
