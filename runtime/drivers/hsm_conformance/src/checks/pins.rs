//! PINs: made, taken in, given out, revealed, for the card.

use cardwright_ports::hsm::SealedPin;
use cardwright_standards::cipher::{AesKey, Block, TdesKey};
use cardwright_standards::pin::block;

use super::values::{pin_1234, pin_long};
use super::{OTHER_PAN, PAN, checks, draw};
use crate::bench::{Bench, Checked, Stop, ask, holds, reference, refuse, same_digits};

checks! {
    "pin.generate" "generate_pin" "PINs of 4 to 12 digits" PORT generate;
    "pin.generate_length" "generate_pin" "PINs of 3 and 13 digits are refused" PORT generate_length;
    "pin.import0" "import_pin_block" "PIN block of format 0, double- and triple-length key" PSEC import0;
    "pin.import1" "import_pin_block" "PIN block of format 1" OPENSSL import1;
    "pin.import3" "import_pin_block" "PIN block of format 3" PSEC import3;
    "pin.import4" "import_pin_block" "PIN block of format 4" PSEC import4;
    "pin.import_other_pan" "import_pin_block" "a block of another PAN is refused" PORT import_other_pan;
    "pin.import_bad" "import_pin_block" "wrong format, length or key is refused" PORT import_bad;
    "pin.export0" "export_pin_block" "PIN block of format 0" PSEC export0;
    "pin.export1" "export_pin_block" "a PIN made here as block of format 1" REFERENCE export1;
    "pin.export3" "export_pin_block" "PIN block of format 3" REFERENCE export3;
    "pin.export4" "export_pin_block" "PIN block of format 4" REFERENCE export4;
    "pin.translation" "export_pin_block" "bound to a PAN: neither format 1 nor another PAN" PORT translation;
    "pin.export_bad" "export_pin_block" "wrong format or key is refused" PORT export_bad;
    "pin.sealed_tampered" "reveal_pin" "a sealed PIN with any octet changed is refused" PORT tampered;
    "pin.sealed_cut" "reveal_pin" "a cut sealed PIN is refused" PORT cut;
    "pin.sealed_differs" "import_pin_block" "one PIN of two cards is sealed to two values" PORT differs;
    "pin.reference_block" "plain_offline_pin" "clear block of format 2" PSEC plain;
    "pin.reveal" "reveal_pin" "a PIN that was taken in is revealed" PSEC reveal;
}

fn generate(b: &mut Bench<'_>) -> Checked {
    for length in 4..=12u8 {
        let pin = ask!(b.generate_pin(length, &draw(u64::from(length), "pin")));
        let clear = ask!(b.reveal_pin(&pin));
        let digits = clear.expose().bytes().all(|d| d.is_ascii_digit());
        let whole = clear.expose().len() == usize::from(length);
        holds(digits && whole, "no PIN of the length that was asked")?;
    }
    Ok(())
}

fn generate_length(b: &mut Bench<'_>) -> Checked {
    for length in [0, 3, 13, 255] {
        refuse!(
            b.generate_pin(length, &draw(1, "pin")),
            "a PIN of that length"
        );
    }
    Ok(())
}

fn import(b: &mut Bench<'_>, key: &str, format: u8, value: &str) -> Checked {
    let key = b.key(key)?;
    let octets = b.values.octets(value);
    let pin = ask!(b.import_pin_block(key, format, &octets, PAN));
    let clear = ask!(b.reveal_pin(&pin));
    holds(clear.expose() == "1234", "another PIN than the block's")
}

fn import0(b: &mut Bench<'_>) -> Checked {
    import(b, "zpk", 0, "pin.block0")?;
    import(b, "zpk3", 0, "pin.block0_3")
}

fn import1(b: &mut Bench<'_>) -> Checked {
    import(b, "zpk", 1, "pin.block1")
}

fn import3(b: &mut Bench<'_>) -> Checked {
    import(b, "zpk", 3, "pin.block3")
}

fn import4(b: &mut Bench<'_>) -> Checked {
    import(b, "zpk_aes", 4, "pin.block4")
}

fn import_other_pan(b: &mut Bench<'_>) -> Checked {
    let key = b.key("zpk")?;
    let octets = b.values.octets("pin.block0");
    refuse!(
        b.import_pin_block(key, 0, &octets, OTHER_PAN),
        "a block of another PAN"
    );
    let octets = b.values.octets("pin.block0_long");
    refuse!(
        b.import_pin_block(key, 0, &octets, OTHER_PAN),
        "a block of another PAN"
    );
    Ok(())
}

fn import_bad(b: &mut Bench<'_>) -> Checked {
    let (zpk, tk) = (b.key("zpk")?, b.key("tk")?);
    let block3 = b.values.octets("pin.block3");
    let block0 = b.values.octets("pin.block0");
    refuse!(
        b.import_pin_block(zpk, 0, &block3, PAN),
        "a block of another format"
    );
    refuse!(
        b.import_pin_block(tk, 0, &block0, PAN),
        "a key of another use"
    );
    refuse!(
        b.import_pin_block(zpk, 2, &block0, PAN),
        "a format for cards only"
    );
    refuse!(
        b.import_pin_block(zpk, 9, &block0, PAN),
        "a format that nobody has"
    );
    refuse!(
        b.import_pin_block(zpk, 0, &block0, "4761739"),
        "a PAN of seven digits"
    );
    for length in [0, 7] {
        let part = block0.get(..length).unwrap_or_default();
        refuse!(b.import_pin_block(zpk, 0, part, PAN), "a short block");
    }
    let long = [block0.as_slice(), &[0; 8]].concat();
    refuse!(b.import_pin_block(zpk, 0, &long, PAN), "a long block");
    Ok(())
}

fn key_of(b: &Bench<'_>, name: &str) -> Result<TdesKey, Stop> {
    let key = b.values.keys.get(name).map(|k| k.value.as_slice());
    TdesKey::new(key.unwrap_or_default()).map_err(reference)
}

fn export0(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let long = pin_long(b)?;
    let key = b.key("zpk")?;
    let found = ask!(b.export_pin_block(&pin, key, 0, PAN, &draw(1, "block")));
    b.same(&found, "pin.block0")?;
    let found = ask!(b.export_pin_block(&long, key, 0, PAN, &draw(1, "block")));
    b.same(&found, "pin.block0_long")?;
    let key = b.key("zpk3")?;
    let found = ask!(b.export_pin_block(&pin, key, 0, PAN, &draw(1, "block")));
    b.same(&found, "pin.block0_3")
}

fn export1(b: &mut Bench<'_>) -> Checked {
    let key = b.key("zpk")?;
    let pin = ask!(b.generate_pin(5, &draw(1, "free pin")));
    let found = ask!(b.export_pin_block(&pin, key, 1, PAN, &draw(1, "block")));
    let enciphered: [u8; 8] = found.as_slice().try_into().map_err(reference)?;
    let clear = key_of(b, "zpk")?.decrypt(enciphered);
    let taken = block::decode_1(&clear).map_err(reference)?;
    let revealed = ask!(b.reveal_pin(&pin));
    holds(
        revealed.expose() == taken.expose(),
        "another PIN in the block",
    )
}

fn export3(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let key = b.key("zpk")?;
    let found = ask!(b.export_pin_block(&pin, key, 3, PAN, &draw(1, "block")));
    let enciphered: [u8; 8] = found.as_slice().try_into().map_err(reference)?;
    let clear = key_of(b, "zpk")?.decrypt(enciphered);
    let taken = block::decode_3(&clear, PAN).map_err(reference)?;
    holds(taken.expose() == "1234", "another PIN in the block")
}

fn export4(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let key = b.key("zpk_aes")?;
    let found = ask!(b.export_pin_block(&pin, key, 4, PAN, &draw(1, "block")));
    let enciphered: [u8; 16] = found.as_slice().try_into().map_err(reference)?;
    let octets = b.values.keys.get("zpk_aes").map(|k| k.value.as_slice());
    let aes = AesKey::new(octets.unwrap_or_default()).map_err(reference)?;
    let taken = block::decipher_4(&aes, &enciphered, PAN).map_err(reference)?;
    holds(taken.expose() == "1234", "another PIN in the block")
}

fn translation(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let key = b.key("zpk")?;
    let label = draw(1, "block");
    refuse!(
        b.export_pin_block(&pin, key, 1, PAN, &label),
        "format 1 for a bound PIN"
    );
    refuse!(
        b.export_pin_block(&pin, key, 0, OTHER_PAN, &label),
        "another PAN for a bound PIN"
    );
    refuse!(
        b.export_pin_block(&pin, key, 3, OTHER_PAN, &label),
        "another PAN for a bound PIN"
    );
    // The control: the same PIN under its own PAN goes out.
    ask!(b.export_pin_block(&pin, key, 0, PAN, &label));
    Ok(())
}

fn export_bad(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let (zpk, pvk) = (b.key("zpk")?, b.key("pvk")?);
    let label = draw(1, "block");
    for format in [2, 5, 255] {
        refuse!(
            b.export_pin_block(&pin, zpk, format, PAN, &label),
            "a format that can't be"
        );
    }
    refuse!(
        b.export_pin_block(&pin, pvk, 0, PAN, &label),
        "a key of another use"
    );
    Ok(())
}

fn tampered(b: &mut Bench<'_>) -> Checked {
    let pin = pin_long(b)?;
    for place in 0..pin.0.len() {
        let mut changed = pin.clone();
        if let Some(octet) = changed.0.get_mut(place) {
            *octet ^= 0x10;
        }
        refuse!(b.reveal_pin(&changed), "a changed sealed PIN");
    }
    Ok(())
}

fn cut(b: &mut Bench<'_>) -> Checked {
    let pin = pin_long(b)?;
    let length = pin.0.len();
    for part in [0, 1, length / 2, length.saturating_sub(1)] {
        let part = SealedPin(pin.0.get(..part).unwrap_or_default().to_vec());
        refuse!(b.reveal_pin(&part), "a cut sealed PIN");
        refuse!(b.card_pin_block(&part), "a cut sealed PIN");
        refuse!(b.plain_offline_pin(&part), "a cut sealed PIN");
    }
    Ok(())
}

fn differs(b: &mut Bench<'_>) -> Checked {
    let key = b.key("zpk")?;
    let first = pin_1234(b)?;
    let again = pin_1234(b)?;
    let (one, two) = (ask!(b.reveal_pin(&first)), ask!(b.reveal_pin(&again)));
    holds(same_digits(&one, &two), "one block, two PINs")?;
    // The same digits, taken in without a PAN.
    let block = b.values.octets("pin.block1");
    let other = ask!(b.import_pin_block(key, 1, &block, OTHER_PAN));
    holds(other != first, "who sees sealed PINs learns who shares one")
}

fn plain(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let clear = ask!(b.plain_offline_pin(&pin));
    let expected = [0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    holds(
        clear.expose() == expected,
        "another block than 241234FFFFFFFFFF",
    )
}

fn reveal(b: &mut Bench<'_>) -> Checked {
    let pin = pin_long(b)?;
    let clear = ask!(b.reveal_pin(&pin));
    b.same_text(clear.expose(), "pin.long")
}
