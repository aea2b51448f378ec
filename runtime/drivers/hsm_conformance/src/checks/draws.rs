//! Draws: one label gives one value, in every session and in any order; another label another.

use cardwright_ports::hsm::CardPinFormat;

use super::channels::{SCP02_MAC, spec};
use super::values::pin_1234;
use super::{PAN, checks, draw};
use crate::bench::{Bench, Checked, ask, holds, same_digits};

checks! {
    "draw.random" "random" "one label, one value; another label, another" PORT random;
    "draw.pin" "generate_pin" "one label, one PIN" PORT pin;
    "draw.pin_differs" "generate_pin" "twenty orders have not one PIN" PORT pins_differ;
    "draw.pin_block" "export_pin_block" "one label, one block of format 3" PORT block;
    "draw.pin_field" "card_pin_field" "one label, one field of format 1" PORT field;
    "draw.icc_key" "icc_rsa_key" "one label, one card key; another label, another" PORT icc_key;
    "draw.channel" "begin_channel" "one label, one challenge" PORT channel;
    "draw.offline_pin" "encipher_offline_pin" "one label, one enciphered PIN" PORT offline_pin;
}

fn random(b: &mut Bench<'_>) -> Checked {
    let (one, two) = (draw(1, "number"), draw(2, "number"));
    let first = ask!(b.random(&one, 24));
    let other = ask!(b.random(&two, 24));
    holds(first != other, "two labels, one value")?;
    let elsewhere = ask!(b.random(&draw(1, "another number"), 24));
    holds(first != elsewhere, "two purposes, one value")?;
    b.another_session()?;
    // In the other order.
    let other_again = ask!(b.random(&two, 24));
    let first_again = ask!(b.random(&one, 24));
    b.same_draw("random", &first, &first_again)?;
    b.same_draw("random", &other, &other_again)
}

fn pin(b: &mut Bench<'_>) -> Checked {
    let first = ask!(b.generate_pin(6, &draw(7, "drawn pin")));
    b.another_session()?;
    let again = ask!(b.generate_pin(6, &draw(7, "drawn pin")));
    let (one, two) = (ask!(b.reveal_pin(&first)), ask!(b.reveal_pin(&again)));
    b.same_draw("generate_pin", &true, &same_digits(&one, &two))
}

fn pins_differ(b: &mut Bench<'_>) -> Checked {
    let mut seen = std::collections::BTreeSet::new();
    for order in 0..20 {
        let pin = ask!(b.generate_pin(8, &draw(order, "many pins")));
        let clear = ask!(b.reveal_pin(&pin));
        seen.insert(clear.expose().to_owned());
    }
    // Two of twenty alike among 10^8 come once in 500,000 runs.
    holds(seen.len() == 20, "two orders have one PIN of eight digits")
}

fn block(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let key = b.key("zpk")?;
    let label = draw(3, "block");
    let first = ask!(b.export_pin_block(&pin, key, 3, PAN, &label));
    b.another_session()?;
    let again = ask!(b.export_pin_block(&pin, key, 3, PAN, &label));
    b.same_draw("export_pin_block", &first, &again)
}

fn field(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let key = b.key("tk")?;
    let label = draw(3, "field");
    let first = ask!(b.card_pin_field(&pin, CardPinFormat::Iso1, PAN, &label));
    let first = ask!(b.export_sealed(&first, key));
    b.another_session()?;
    let again = ask!(b.card_pin_field(&pin, CardPinFormat::Iso1, PAN, &label));
    let again = ask!(b.export_sealed(&again, key));
    b.same_draw("card_pin_field", &first, &again)
}

fn icc_key(b: &mut Bench<'_>) -> Checked {
    let first = ask!(b.icc_rsa_key(1024, 3, &draw(1, "drawn key")));
    let other = ask!(b.icc_rsa_key(1024, 3, &draw(2, "drawn key")));
    holds(first.modulus != other.modulus, "two cards, one key")?;
    b.another_session()?;
    let again = ask!(b.icc_rsa_key(1024, 3, &draw(1, "drawn key")));
    b.same_draw("icc_rsa_key", &first.modulus, &again.modulus)
}

fn channel(b: &mut Bench<'_>) -> Checked {
    let key = b.key("kmc")?;
    let spec = spec(SCP02_MAC, key);
    let (channel, first) = ask!(b.begin_channel(&spec, &draw(4, "channel")));
    b.session.close_channel(channel);
    b.another_session()?;
    let (channel, again) = ask!(b.begin_channel(&spec, &draw(4, "channel")));
    b.session.close_channel(channel);
    b.same_draw("begin_channel", &first, &again)
}

fn offline_pin(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let card = b.rsa("icc_pin")?;
    let label = draw(5, "offline pin");
    let first = ask!(b.encipher_offline_pin(&pin, &card.n, card.e, &[1; 8], &label));
    b.another_session()?;
    let again = ask!(b.encipher_offline_pin(&pin, &card.n, card.e, &[1; 8], &label));
    b.same_draw("encipher_offline_pin", &first, &again)
}
