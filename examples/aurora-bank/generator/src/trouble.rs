//! Bad records, and where they stand in a file.

use crate::record::Order;

/// One kind of bad record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The expiry has passed.
    Expired,
    /// The PAN's check digit is wrong.
    BadLuhn,
    /// The same card as the order before.
    RepeatedCard,
    /// The PIN block is of another key.
    WrongPinBlock,
    /// A product that nobody makes.
    UnknownProduct,
    /// A month that no calendar has.
    BadDate,
}

const ALL: [Trouble; 6] = [
    Trouble::Expired,
    Trouble::BadLuhn,
    Trouble::RepeatedCard,
    Trouble::WrongPinBlock,
    Trouble::UnknownProduct,
    Trouble::BadDate,
];

/// The trouble of an order: one of each kind in a file of 8 to 299 orders, then one bad record
/// among fifty.
pub(crate) fn of(number: u64, count: u64) -> Option<Trouble> {
    let every = if count < 300 { count / 7 } else { 50 };
    let at = number.checked_div(every)?;
    let hit = number.is_multiple_of(every) && number > 1 && (count >= 300 || at <= 6);
    let kind = usize::try_from(at.checked_sub(1)? % ALL.len() as u64).ok()?;
    hit.then(|| ALL.get(kind).copied())?
}

impl Trouble {
    /// Makes an order bad.
    pub(crate) fn spoil(self, order: &mut Order) {
        match self {
            Self::Expired => order.expiry = "2406".into(),
            Self::BadLuhn => {
                let last = order.pan.pop().and_then(|c| c.to_digit(10)).unwrap_or(0);
                order
                    .pan
                    .push(char::from_digit((last + 1) % 10, 10).unwrap_or('0'));
            }
            Self::WrongPinBlock => {
                // Another ciphertext deciphers to something that is no PIN block.
                let half = order.pin.split_off(16);
                order.pin = half + &order.pin;
            }
            Self::UnknownProduct => order.product = "PLAT".into(),
            Self::BadDate => order.expiry = "2913".into(),
            Self::RepeatedCard => {}
        }
    }
}
