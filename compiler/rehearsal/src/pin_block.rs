//! PIN blocks of specimen orders, under the bundle's open test keys.

use cardwright_bundle::{Content, KeySlot};
use cardwright_standards::{
    cipher::{AesKey, Block, TdesKey},
    pin::{PIN_DIGITS_MAX, PIN_DIGITS_MIN, Pin, block},
    test_keys,
};
use cardwright_stations::StationError;

/// The PIN of an order that names none. Everybody's, so nobody's.
pub(crate) const SPECIMEN_PIN: &str = "1234";

/// What a bank draws at random is fixed here: a rehearsal gives the same octets everywhere.
const FILL: [u8; 8] = [0xA5; 8];

/// A PIN field's text: digits become an enciphered block, anything else is one already.
pub(crate) fn text(
    content: &Content,
    (format, key): (u8, u32),
    written: &str,
    pan: &str,
) -> Result<String, StationError> {
    let is_pin = (PIN_DIGITS_MIN..=PIN_DIGITS_MAX).contains(&written.len())
        && written.bytes().all(|b| b.is_ascii_digit());
    if !is_pin {
        return Ok(written.to_owned());
    }
    let slot = content
        .keys
        .get(key as usize)
        .ok_or_else(|| wrong("its key is not there"))?;
    let octets = enciphered(slot, format, written, pan)?;
    Ok(hex::encode_upper(octets))
}

fn enciphered(slot: &KeySlot, format: u8, pin: &str, pan: &str) -> Result<Vec<u8>, StationError> {
    let pin = Pin::new(pin).map_err(wrong)?;
    let key = test_keys::symmetric_key(&slot.name, &slot.algorithm).map_err(wrong)?;
    if format == 4 {
        let key = AesKey::new(key.expose()).map_err(wrong)?;
        return Ok(block::encipher_4(&key, &pin, pan, FILL)
            .map_err(wrong)?
            .to_vec());
    }
    let free = 14usize.saturating_sub(pin.length());
    let clear = match format {
        0 => block::encode_0(&pin, pan),
        1 => block::encode_1(&pin, &vec![0x05; free]),
        3 => block::encode_3(&pin, pan, &vec![0x0A; free]),
        _ => {
            return Err(wrong(format!(
                "no PIN block of format {format} travels in a file"
            )));
        }
    };
    let key = TdesKey::new(key.expose()).map_err(wrong)?;
    Ok(key.encrypt(*clear.map_err(wrong)?).to_vec())
}

fn wrong(why: impl ToString) -> StationError {
    StationError::new(
        "R1192",
        format!("a PIN block can't be made: {}", why.to_string()),
        "give a PIN of 4 to 12 digits, or an enciphered block in hexadecimal",
    )
}
