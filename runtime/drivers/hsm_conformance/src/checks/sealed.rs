//! Sealed octets: made, joined, given out under transport keys, refused when changed.

use cardwright_ports::hsm::{BlobPart, CardPinFormat, DekPadding, Sealed};
use cardwright_standards::cipher::{Block, TdesKey};
use cardwright_standards::pin::block;

use super::values::pin_1234;
use super::{OTHER_PAN, PAN, checks, draw};
use crate::bench::{Bench, Checked, Stop, ask, holds, reference, refuse};

checks! {
    "card_pin.block" "card_pin_block" "reference PIN block under a triple DES transport key" PSEC pin_block;
    "card_pin.fields" "card_pin_field" "the PIN as five kinds of cards keep it" PSEC fields;
    "card_pin.iso1" "card_pin_field" "the PIN in format 1, with random fill" REFERENCE field_iso1;
    "card_pin.other_pan" "card_pin_field" "a PIN bound to a PAN does not go under another" PORT field_other_pan;
    "export.keys" "export_sealed" "sealed octets under tdes3 and AES-256 transport keys" OPENSSL export;
    "export.bad" "export_sealed" "a key of another use is refused" PORT export_bad;
    "export.tampered" "export_sealed" "sealed octets with any octet changed are refused" PORT tampered;
    "export.relabelled" "export_sealed" "a changed length or check value is refused" PORT relabelled;
    "encipher.paddings" "encipher_for_card" "each padding, under triple DES" OPENSSL paddings;
    "encipher.paddings_aes" "encipher_for_card" "each padding, under AES" OPENSSL paddings_aes;
    "encipher.bad" "encipher_for_card" "no padding on half a block, another key: refused" PORT paddings_bad;
    "transport.tracks" "encrypt_for_transport" "a track under tdes2, tdes3 and AES-256" OPENSSL tracks;
    "transport.bad" "encrypt_for_transport" "a key of another use is refused" PORT tracks_bad;
    "join.parts" "join_sealed" "clear and sealed parts as one value" OPENSSL join;
    "join.bad" "join_sealed" "a changed part is refused" PORT join_bad;
}

/// PIN 1234 as reference block.
pub(super) fn reference_block(b: &mut Bench<'_>) -> Result<Sealed, Stop> {
    let pin = pin_1234(b)?;
    Ok(ask!(b.card_pin_block(&pin)))
}

fn pin_block(b: &mut Bench<'_>) -> Checked {
    let sealed = reference_block(b)?;
    holds(sealed.clear_length == 8, "a PIN block has 8 octets")?;
    let key = b.key("tk")?;
    let found = ask!(b.export_sealed(&sealed, key));
    b.same(&found, "field.iso2")
}

fn fields(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let key = b.key("tk")?;
    for (format, expected) in [
        (CardPinFormat::Ascii, "field.ascii"),
        (CardPinFormat::Iso0, "field.iso0"),
        (CardPinFormat::Iso2, "field.iso2"),
        (CardPinFormat::Packed, "field.packed"),
        (CardPinFormat::Plain0, "field.plain0"),
    ] {
        let sealed = ask!(b.card_pin_field(&pin, format, PAN, &draw(1, "field")));
        let found = ask!(b.encipher_for_card(&sealed, key, DekPadding::None));
        b.same(&found, expected)?;
    }
    Ok(())
}

fn field_iso1(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let key = b.key("tk")?;
    let sealed = ask!(b.card_pin_field(&pin, CardPinFormat::Iso1, PAN, &draw(1, "field")));
    let found = ask!(b.encipher_for_card(&sealed, key, DekPadding::None));
    let octets = b.values.keys.get("tk").map(|k| k.value.as_slice());
    let tk = TdesKey::new(octets.unwrap_or_default()).map_err(reference)?;
    let enciphered = found.as_slice().try_into().map_err(reference)?;
    let taken = block::decode_1(&tk.decrypt(enciphered)).map_err(reference)?;
    holds(taken.expose() == "1234", "another PIN in the field")
}

fn field_other_pan(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let label = draw(1, "field");
    refuse!(
        b.card_pin_field(&pin, CardPinFormat::Iso0, OTHER_PAN, &label),
        "another PAN"
    );
    Ok(())
}

fn export(b: &mut Bench<'_>) -> Checked {
    let sealed = reference_block(b)?;
    for (key, expected) in [
        ("tk", "field.iso2"),
        ("tk3", "export.tdes3"),
        ("tk_aes", "export.aes"),
    ] {
        let key = b.key(key)?;
        let found = ask!(b.export_sealed(&sealed, key));
        b.same(&found, expected)?;
    }
    // A session that did not seal it opens it.
    b.another_session()?;
    let key = b.key("tk")?;
    let found = ask!(b.export_sealed(&sealed, key));
    b.same(&found, "field.iso2")
}

fn export_bad(b: &mut Bench<'_>) -> Checked {
    let sealed = reference_block(b)?;
    for name in ["zpk", "kmc", "imk_ac", "issuer"] {
        let key = b.key(name)?;
        refuse!(b.export_sealed(&sealed, key), "a key of another use");
    }
    Ok(())
}

fn tampered(b: &mut Bench<'_>) -> Checked {
    let sealed = reference_block(b)?;
    let key = b.key("tk")?;
    for place in 0..sealed.blob.len() {
        let mut changed = sealed.clone();
        if let Some(octet) = changed.blob.get_mut(place) {
            *octet ^= 0x04;
        }
        refuse!(b.export_sealed(&changed, key), "changed sealed octets");
    }
    let length = sealed.blob.len();
    for part in [0, 1, length / 2, length.saturating_sub(1)] {
        let blob = sealed.blob.get(..part).unwrap_or_default().to_vec();
        let part = Sealed {
            blob,
            ..sealed.clone()
        };
        refuse!(b.export_sealed(&part, key), "cut sealed octets");
    }
    Ok(())
}

fn relabelled(b: &mut Bench<'_>) -> Checked {
    let sealed = reference_block(b)?;
    let key = b.key("tk")?;
    let mut longer = sealed.clone();
    longer.clear_length += 8;
    let mut shorter = sealed.clone();
    shorter.clear_length -= 1;
    let mut checked = sealed.clone();
    checked.check_values = vec![1, 2, 3];
    for changed in [longer, shorter, checked] {
        refuse!(
            b.export_sealed(&changed, key),
            "sealed octets with another label"
        );
    }
    // What was sealed as a PIN is no block for a card.
    let pin = pin_1234(b)?;
    let disguised = Sealed {
        blob: pin.0,
        ..sealed
    };
    refuse!(
        b.export_sealed(&disguised, key),
        "a sealed PIN as octets for a card"
    );
    Ok(())
}

fn padded(b: &mut Bench<'_>, key: &str, rows: &[(DekPadding, &str)]) -> Checked {
    let sealed = reference_block(b)?;
    let key = b.key(key)?;
    for (padding, expected) in rows {
        let found = ask!(b.encipher_for_card(&sealed, key, *padding));
        b.same(&found, expected)?;
    }
    Ok(())
}

fn paddings(b: &mut Bench<'_>) -> Checked {
    let rows = [
        (DekPadding::None, "field.iso2"),
        (DekPadding::Iso7816IfNeeded, "field.iso2"),
        (DekPadding::Zeros, "field.iso2"),
        (DekPadding::Iso7816Always, "pad.always"),
        (DekPadding::Pkcs7, "pad.pkcs7"),
    ];
    padded(b, "tk", &rows)
}

fn paddings_aes(b: &mut Bench<'_>) -> Checked {
    let rows = [
        (DekPadding::Iso7816IfNeeded, "export.aes"),
        (DekPadding::Iso7816Always, "export.aes"),
        (DekPadding::Zeros, "pad.zeros_aes"),
        (DekPadding::Pkcs7, "pad.pkcs7_aes"),
    ];
    padded(b, "tk_aes", &rows)
}

fn paddings_bad(b: &mut Bench<'_>) -> Checked {
    let sealed = reference_block(b)?;
    let zpk = b.key("zpk")?;
    refuse!(
        b.encipher_for_card(&sealed, zpk, DekPadding::None),
        "a key of another use"
    );
    let key = b.key("tk_aes")?;
    refuse!(
        b.encipher_for_card(&sealed, key, DekPadding::None),
        "half a block without padding"
    );
    Ok(())
}

fn tracks(b: &mut Bench<'_>) -> Checked {
    let track = b.values.octets("track");
    for (key, expected) in [
        ("tk", "track.tdes"),
        ("tk3", "track.tdes3"),
        ("tk_aes", "track.aes"),
    ] {
        let key = b.key(key)?;
        let found = ask!(b.encrypt_for_transport(&track, key));
        b.same(&found, expected)?;
    }
    Ok(())
}

fn tracks_bad(b: &mut Bench<'_>) -> Checked {
    for name in ["zpk", "cvk", "issuer"] {
        let key = b.key(name)?;
        refuse!(
            b.encrypt_for_transport(&[1; 8], key),
            "a key of another use"
        );
    }
    Ok(())
}

fn join(b: &mut Bench<'_>) -> Checked {
    let sealed = reference_block(b)?;
    let parts = [
        BlobPart::Clear(&[0x80, 0x10, 0x08]),
        BlobPart::Sealed(&sealed),
        BlobPart::Clear(&[0x82, 0x01]),
    ];
    let joined = ask!(b.join_sealed(&parts));
    holds(joined.clear_length == 13, "13 octets were joined")?;
    holds(
        joined.check_values == sealed.check_values,
        "other check values than the parts'",
    )?;
    let key = b.key("tk")?;
    let found = ask!(b.export_sealed(&joined, key));
    b.same(&found, "join.tdes")
}

fn join_bad(b: &mut Bench<'_>) -> Checked {
    let sealed = reference_block(b)?;
    let mut changed = sealed.clone();
    if let Some(octet) = changed.blob.last_mut() {
        *octet ^= 1;
    }
    let parts = [BlobPart::Sealed(&sealed), BlobPart::Sealed(&changed)];
    refuse!(b.join_sealed(&parts), "a changed part");
    Ok(())
}
