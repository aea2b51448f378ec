//! Values on a card's stripe: verification values, PVV, IBM 3624.

use cardwright_ports::hsm::{Ibm3624, SealedPin};

use super::{OTHER_PAN, PAN, checks};
use crate::bench::{Bench, Checked, Stop, ask, holds, refuse};

checks! {
    "cvv.values" "card_verification_value" "CVV, CVV2 in both orders of the expiry, iCVV" PSEC cvv;
    "cvv.wrong_use" "card_verification_value" "no other key makes one" PORT cvv_wrong_use;
    "cvv.malformed" "card_verification_value" "a malformed PAN, expiry or service code is refused" PORT cvv_malformed;
    "pvv.values" "pin_verification_value" "PVV of a PIN of 4 and of 12 digits" PSEC pvv;
    "pvv.bad" "pin_verification_value" "another key and a key index above 6 are refused" PORT pvv_bad;
    "ibm3624.offset" "ibm3624_offset" "offset of a PIN" PSEC offset;
    "ibm3624.natural" "natural_pin" "natural PINs of 4, 6 and 12 digits" PSEC natural;
    "ibm3624.bad_offset" "ibm3624_offset" "another key, table or range is refused" PORT offset_bad;
    "ibm3624.bad_natural" "natural_pin" "another key, length or table is refused" PORT natural_bad;
}

pub(super) const IBM: Ibm3624<'static> = Ibm3624 {
    decimalisation_table: "0123456789012345",
    validation_start: 3,
    validation_length: 12,
    pad: 'F',
};

/// PIN 1234, made at another place for the kit's PAN.
pub(super) fn pin_1234(b: &mut Bench<'_>) -> Result<SealedPin, Stop> {
    let key = b.key("zpk")?;
    let block = b.values.octets("pin.block0");
    Ok(ask!(b.import_pin_block(key, 0, &block, PAN)))
}

/// The kit's PIN of 12 digits.
pub(super) fn pin_long(b: &mut Bench<'_>) -> Result<SealedPin, Stop> {
    let key = b.key("zpk")?;
    let block = b.values.octets("pin.block0_long");
    Ok(ask!(b.import_pin_block(key, 0, &block, PAN)))
}

fn cvv(b: &mut Bench<'_>) -> Checked {
    let key = b.key("cvk")?;
    for (expiry, service, expected) in [
        ("2812", "201", "cvv.track"),
        ("2812", "000", "cvv.printed"),
        ("1228", "000", "cvv.printed_mmyy"),
        ("2812", "999", "cvv.chip"),
    ] {
        let found = ask!(b.card_verification_value(key, PAN, expiry, service));
        b.same_text(&found, expected)?;
    }
    Ok(())
}

fn cvv_wrong_use(b: &mut Bench<'_>) -> Checked {
    for name in ["pvk", "imk_ac", "zpk", "issuer"] {
        let key = b.key(name)?;
        refuse!(
            b.card_verification_value(key, PAN, "2812", "201"),
            "a key of another use"
        );
    }
    Ok(())
}

fn cvv_malformed(b: &mut Bench<'_>) -> Checked {
    let key = b.key("cvk")?;
    for (pan, expiry, service) in [
        ("", "2812", "201"),
        ("47617390010101x9", "2812", "201"),
        (PAN, "281", "201"),
        (PAN, "28/2", "201"),
        (PAN, "2812", "20"),
        (PAN, "2812", "2 1"),
    ] {
        refuse!(
            b.card_verification_value(key, pan, expiry, service),
            "malformed data"
        );
    }
    Ok(())
}

fn pvv(b: &mut Bench<'_>) -> Checked {
    let key = b.key("pvk")?;
    let pin = pin_1234(b)?;
    let found = ask!(b.pin_verification_value(key, PAN, &pin, 1));
    b.same_text(&found, "pin.pvv1")?;
    let pin = pin_long(b)?;
    let found = ask!(b.pin_verification_value(key, PAN, &pin, 3));
    b.same_text(&found, "pin.pvv3_long")
}

fn pvv_bad(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    for name in ["cvk", "pvk_ibm", "zpk"] {
        let key = b.key(name)?;
        refuse!(
            b.pin_verification_value(key, PAN, &pin, 1),
            "a key of another use"
        );
    }
    let key = b.key("pvk")?;
    refuse!(
        b.pin_verification_value(key, PAN, &pin, 10),
        "a key index of two digits"
    );
    refuse!(
        b.pin_verification_value(key, "47617390", &pin, 1),
        "a short PAN"
    );
    let nonsense = SealedPin(vec![0; 24]);
    refuse!(
        b.pin_verification_value(key, PAN, &nonsense, 1),
        "no sealed PIN"
    );
    Ok(())
}

fn offset(b: &mut Bench<'_>) -> Checked {
    let key = b.key("pvk_ibm")?;
    let pin = pin_1234(b)?;
    let found = ask!(b.ibm3624_offset(key, PAN, &pin, &IBM));
    b.same_text(&found, "pin.offset")
}

fn natural(b: &mut Bench<'_>) -> Checked {
    let key = b.key("pvk_ibm")?;
    for (length, expected) in [
        (4, "pin.natural4"),
        (6, "pin.natural6"),
        (12, "pin.natural12"),
    ] {
        let pin = ask!(b.natural_pin(key, PAN, length, &IBM));
        let clear = ask!(b.reveal_pin(&pin));
        b.same_text(clear.expose(), expected)?;
    }
    let pin = ask!(b.natural_pin(key, PAN, 4, &IBM));
    let offset = ask!(b.ibm3624_offset(key, PAN, &pin, &IBM));
    holds(offset == "0000", "the natural PIN has an offset")
}

fn bad_parameters() -> [Ibm3624<'static>; 3] {
    [
        Ibm3624 {
            decimalisation_table: "012345678901234",
            ..IBM
        },
        Ibm3624 {
            decimalisation_table: "012345678901234A",
            ..IBM
        },
        Ibm3624 {
            validation_start: 15,
            ..IBM
        },
    ]
}

fn offset_bad(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let key = b.key("pvk")?;
    refuse!(
        b.ibm3624_offset(key, PAN, &pin, &IBM),
        "a key of another use"
    );
    let key = b.key("pvk_ibm")?;
    for parameters in bad_parameters() {
        refuse!(
            b.ibm3624_offset(key, PAN, &pin, &parameters),
            "bad parameters"
        );
    }
    let nonsense = SealedPin(Vec::new());
    refuse!(
        b.ibm3624_offset(key, OTHER_PAN, &nonsense, &IBM),
        "no sealed PIN"
    );
    Ok(())
}

fn natural_bad(b: &mut Bench<'_>) -> Checked {
    let key = b.key("pvk")?;
    refuse!(b.natural_pin(key, PAN, 4, &IBM), "a key of another use");
    let key = b.key("pvk_ibm")?;
    for parameters in bad_parameters() {
        refuse!(b.natural_pin(key, PAN, 4, &parameters), "bad parameters");
    }
    for length in [0, 3, 13] {
        refuse!(
            b.natural_pin(key, PAN, length, &IBM),
            "a PIN of that length"
        );
    }
    Ok(())
}
