//! Cards of two contactless modes through the whole line: made, validated in each mode, let go; and a
//! card whose second mode lies stays inside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_ports::{
    CardChannel, Store,
    binding::Unwatched,
    store::{OrderQuery, OrderState},
};
use cardwright_runtime::{engine::End, load};
use cardwright_store::MemoryStore;
use cardwright_tests::plant::{self, Noon, Plant, TrickCard, Work};
use cardwright_virtual_card::VirtualCard;

const TAP: &str = r#"
use std.profiles.two_modes
key imk_cvc3 : tdes2 { use = emv.dynamic_numbers }
profile tap : two_modes.fast_contactless for orders.order {
  aid      = x"F0 00 00 00 92 10 20"
  label    = "SMALL TAP"
  services = service
  keys     { ac = imk_ac; smi = imk_smi; smc = imk_smc; derivation = option_a }
  dda      { key = rsa(1152, 3); certified_by = issuer_rsa; same_key_as = debit }
  quirks   { record_of_255 = "the issuer key has 1984 bits" }
  data {
    #5A   = order.pan
    #57   = track2(order.pan, order.expiry, services, chip_cvv)
    #5F24 = order.expiry
    #5F34 = order.psn
    #9F6C = [online_pin, signature]
  }
  magstripe {
    cvc3 { key = imk_cvc3 }
    data { #9F6B = track2(order.pan, order.expiry, services, two_modes.tail) }
  }
}
"#;

/// Behind the contacts: the last transaction is a fast one, whose answer has no PAN of its own.
const STEPS: &str = "}
  contactless {
    select tap magstripe
    read records
    expect data matches source
    purchase 10.00 EUR expect cvc3 signed_by imk_cvc3
    select tap
    read records
    expect data matches source
    authenticate offline fdda
    purchase 10.00 EUR expect arqc signed_by imk_ac
  }
  stripe { expect track2";

/// Magnetic stripe mode read last, and not held against its source.
const READ_ONLY: &str = "}
  contactless {
    select tap magstripe
    read records
  }
  stripe { expect track2";

/// What is compared across the card.
const ACROSS: &str = "cross  { expect chip.pan == stripe.pan and chip.expiry == stripe.expiry; \
expect chip.service_code == stripe.service_code }";

fn bank(steps: &str) -> Plant {
    let bundle = plant::bank_of(|source| {
        let changes = [
            ("use std.profiles.cpa\n", "use std.profiles.cpa\nUSE"),
            ("[debit]\n", "[debit, tap]\n"),
            ("[pse]", "[pse, ppse]"),
            ("}\n  stripe { expect track2", steps),
            ("cross  { expect chip.pan == stripe.pan }", ACROSS),
        ];
        let (used, rest) = TAP.trim_start().split_once('\n').expect("a line");
        let mut source = source;
        for (from, to) in changes {
            assert!(source.contains(from), "{from}");
            source = source.replace(from, &to.replace("USE", &format!("{used}\n")));
        }
        source + rest
    });
    let mut plant = Plant::new();
    plant.loaded = load::accept(bundle).expect("it loads");
    plant
}

/// States and codes of the orders of a job that has ended.
fn ended(steps: &str, wrap: fn(VirtualCard) -> Box<dyn CardChannel>) -> Vec<(OrderState, String)> {
    let plant = bank(steps);
    let store = MemoryStore::new();
    let job = plant.take(&store, 2);
    let machine = plant.machine(wrap);
    let work = Work {
        job,
        hsm: &plant.hsm,
        binding: &Unwatched,
        store: &store,
        machine: &machine,
        clock: &Noon,
    };
    let end = plant.run(&work).expect("a run").end;
    assert_eq!(end, End::Done);
    let query = OrderQuery {
        limit: 10,
        ..OrderQuery::default()
    };
    let rows = store.orders(job, &query).expect("orders");
    let rows = rows.into_iter().map(|row| row.status);
    rows.map(|s| (s.state, s.code.unwrap_or_default()))
        .collect()
}

#[test]
fn both_modes_are_validated_before_a_card_leaves() {
    let done = ended(STEPS, |card| Box::new(card));
    assert_eq!(done, vec![(OrderState::Done, String::new()); 2]);
}

/// COMPUTE CRYPTOGRAPHIC CHECKSUM answers another code: nothing of the first mode is wrong.
#[test]
fn a_card_whose_second_mode_lies_is_rejected() {
    let ended = ended(STEPS, |card| {
        let lie = |_: usize, command: &[u8], mut answer: Vec<u8>| {
            if command.get(1) == Some(&0x2A) && answer.len() > 8 {
                answer[6] ^= 0x01;
            }
            Ok(answer)
        };
        Box::new(TrickCard::new(card, lie).with_field())
    });
    assert_eq!(ended, vec![(OrderState::Rejected, "R1228".to_owned()); 2]);
}

/// The track of magnetic stripe mode has another PAN (then another expiry, another service code) than
/// the application over the contacts and the stripe: only the comparison across the card sees it.
#[test]
fn every_mode_that_was_read_is_compared_across_the_card() {
    let fine = ended(READ_ONLY, |card| Box::new(card));
    assert_eq!(fine, vec![(OrderState::Done, String::new()); 2]);
    // Places in the track: digits of the PAN, of the expiry, of the service code.
    let pan = ended(READ_ONLY, |card| lying_track::<3>(card));
    let expiry = ended(READ_ONLY, |card| lying_track::<9>(card));
    let service = ended(READ_ONLY, |card| lying_track::<11>(card));
    for found in [pan, expiry, service] {
        assert_eq!(found, vec![(OrderState::Rejected, "R1258".to_owned()); 2]);
    }
}

/// A card that gives another octet at a place of tag 9F6B.
fn lying_track<const PLACE: usize>(card: VirtualCard) -> Box<dyn CardChannel> {
    let lie = |_: usize, command: &[u8], mut answer: Vec<u8>| {
        let track = answer.windows(2).position(|tag| tag == [0x9F, 0x6B]);
        if let (Some(track), Some(0xB2)) = (track, command.get(1)) {
            answer[track + 3 + PLACE] ^= 0x10;
        }
        Ok(answer)
    };
    Box::new(TrickCard::new(card, lie).with_field())
}
