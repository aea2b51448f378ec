//! Order files in the columns of the example bank, made by the test that needs them.

use cardwright_standards::{
    cipher::AesKey,
    pan,
    pin::{Pin, block},
    test_keys,
};

/// One order record; each field may be made wrong on its own.
#[derive(Clone, Debug)]
pub struct OrderRecord {
    /// Account number.
    pub pan: String,
    /// Sequence number.
    pub psn: String,
    /// Holder.
    pub name: String,
    /// Line 3, when the bank wants another.
    pub embossed_name: String,
    /// Product.
    pub product: String,
    /// YYMM.
    pub expiry: String,
    /// YYMMDD.
    pub effective: String,
    /// PIN block, format 4, hexadecimal.
    pub pin: String,
    /// Four lines.
    pub address: [String; 4],
    /// Postcode.
    pub postcode: String,
    /// Language.
    pub language: String,
    /// Branch.
    pub branch: String,
    /// `Y` or blank.
    pub urgent: String,
    /// The bank's own number.
    pub reference: String,
}

/// A PAN of the example bank with 16 digits, told apart by its number.
pub fn pan(number: u64) -> String {
    let body = format!("99999277{:07}", number % 10_000_000);
    let digit = pan::luhn_digit(&body).expect("digits");
    format!("{body}{digit}")
}

/// A PIN block of format 4 under the bank's open test key, with a fill that is always the same.
pub fn pin_block(pin: &str, pan: &str) -> String {
    let key = test_keys::symmetric_key("aurora.zpk_in", "aes128").expect("an open key");
    let key = AesKey::new(key.expose()).expect("16 octets");
    let pin = Pin::new(pin).expect("4 to 12 digits");
    let block = block::encipher_4(&key, &pin, pan, *b"\x5A\x17\xC0\xDE\x5A\x17\xC0\xDE");
    hex::encode_upper(block.expect("a PAN"))
}

impl OrderRecord {
    /// A good order with this PIN.
    pub fn good(number: u64, product: &str, pin: &str) -> Self {
        let pan = pan(number);
        Self {
            pin: pin_block(pin, &pan),
            pan,
            psn: "00".into(),
            name: "Ada Lovelace".into(),
            embossed_name: String::new(),
            product: product.into(),
            expiry: "3111".into(),
            effective: "260101".into(),
            address: [
                "1 Rue de l'Étoile".into(),
                String::new(),
                "Lyon".into(),
                String::new(),
            ],
            postcode: "69001".into(),
            language: "en".into(),
            branch: "0001".into(),
            urgent: String::new(),
            reference: format!("C{number:011}"),
        }
    }

    /// The record's 324 characters.
    pub fn line(&self) -> String {
        let [a, b, c, d] = &self.address;
        let mut line = format!("DT{:<19}{:<2}{:<40}", self.pan, self.psn, self.name);
        line += &format!(
            "{:<26}{:<4}{:<4}",
            self.embossed_name, self.product, self.expiry
        );
        line += &format!("{:<6}{:<32}", self.effective, self.pin);
        line += &format!("{a:<40}{b:<40}{c:<40}{d:<40}{:<10}", self.postcode);
        line += &format!("{:<2}{:<4}{:<1}", self.language, self.branch, self.urgent);
        line + &format!("{:<12}", self.reference)
    }
}

/// Header, the lines, and a trailer that counts them, with CR LF.
pub fn file(lines: &[String]) -> Vec<u8> {
    let mut all = vec!["HD0000007720261120".to_owned()];
    all.extend_from_slice(lines);
    all.push(format!("TR{:08}", lines.len()));
    let mut text = all.join("\r\n");
    text.push_str("\r\n");
    text.into_bytes()
}
