//! One order: invented from seed and number, and written in the bank's columns.

use crate::{people, pin_block};
use cardwright_standards::{cipher::AesKey, pan};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Issuer identification number of the invented bank; no scheme's range.
const BIN: &str = "999992";

/// An order as the bank sends it.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) pan: String,
    pub(crate) psn: String,
    pub(crate) name: String,
    pub(crate) embossed_name: String,
    pub(crate) product: String,
    pub(crate) expiry: String,
    pub(crate) effective: String,
    pub(crate) pin: String,
    pub(crate) address: [String; 4],
    pub(crate) postcode: String,
    pub(crate) language: String,
    pub(crate) branch: String,
    pub(crate) urgent: bool,
    pub(crate) reference: String,
}

impl Order {
    /// Invents an order.
    pub(crate) fn invent(seed: u64, batch: u32, number: u64, key: &AesKey) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(
            seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(batch) << 40 ^ number,
        );
        let holder = people::holder(&mut random);
        let pan = invent_pan(&mut random, batch, number);
        let pin = random.next_u32();
        let fill = random.next_u64().to_be_bytes();
        let product = pick(
            &mut random,
            &["DEBI", "DEBI", "DUAL", "DUAL", "DUAL", "GOLD"],
        );
        let expiry = pick(&mut random, &["2911", "2912", "3006", "3111"]);
        Self {
            pin: pin_block::enciphered(key, pin, &pan, fill).unwrap_or_default(),
            pan,
            psn: pick(&mut random, &["00", "00", "01"]).into(),
            embossed_name: holder.embossed.into(),
            product: product.into(),
            expiry: expiry.into(),
            effective: "260101".into(),
            address: holder.address,
            postcode: format!("{:05}", random.next_u32() % 100_000),
            language: holder.language.into(),
            branch: format!("{:04}", random.next_u32() % 40 + 1),
            // One express order in a small file, and one among two hundred.
            urgent: number % 200 == 7,
            reference: format!("A{batch:02}{number:09}"),
            name: holder.name,
        }
    }

    /// The record's 324 characters.
    pub(crate) fn line(&self) -> String {
        let [a, b, c, d] = &self.address;
        format!(
            "DT{:<19}{:<2}{:<40}{:<26}{:<4}{:<4}{:<6}{:<32}{a:<40}{b:<40}{c:<40}{d:<40}{:<10}{:<2}\
             {:<4}{:<1}{:<12}",
            self.pan,
            self.psn,
            self.name,
            self.embossed_name,
            self.product,
            self.expiry,
            self.effective,
            self.pin,
            self.postcode,
            self.language,
            self.branch,
            if self.urgent { "Y" } else { "" },
            self.reference,
        )
    }
}

/// A PAN of 16 digits mostly, of 13 to 19 sometimes; batch and number make it the only one.
fn invent_pan(random: &mut ChaCha8Rng, batch: u32, number: u64) -> String {
    let length = match random.next_u32() % 40 {
        0 => 13,
        1 => 19,
        2 => 14,
        3 => 17,
        4 => 18,
        5 => 15,
        _ => 16,
    };
    // 13 digits leave six for the number: there the batch can't show.
    let own = if length < 15 {
        format!("{number:06}")
    } else {
        format!("{batch:02}{number:06}")
    };
    let mut digits = BIN.to_owned();
    while digits.len() + own.len() + 1 < length {
        digits.push(char::from_digit(random.next_u32() % 10, 10).unwrap_or('0'));
    }
    digits.push_str(&own);
    digits.extend(pan::luhn_digit(&digits));
    digits
}

fn pick<'a>(random: &mut ChaCha8Rng, choices: &[&'a str]) -> &'a str {
    let at = random.next_u32() as usize % choices.len().max(1);
    choices.get(at).copied().unwrap_or_default()
}
