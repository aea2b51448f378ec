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

/// In front of the contacts: what is compared across the card is what was read last.
const STEPS: &str = "{
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
  contact {
    select debit
";

fn bank() -> Plant {
    let bundle = plant::bank_of(|source| {
        let changes = [
            ("use std.profiles.cpa\n", "use std.profiles.cpa\nUSE"),
            ("[debit]\n", "[debit, tap]\n"),
            ("[pse]", "[pse, ppse]"),
            ("{\n  contact {\n    select debit\n", STEPS),
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
fn ended(wrap: fn(VirtualCard) -> Box<dyn CardChannel>) -> Vec<(OrderState, String)> {
    let plant = bank();
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
    let done = ended(|card| Box::new(card));
    assert_eq!(done, vec![(OrderState::Done, String::new()); 2]);
}

/// COMPUTE CRYPTOGRAPHIC CHECKSUM answers another code: nothing of the first mode is wrong.
#[test]
fn a_card_whose_second_mode_lies_is_rejected() {
    let ended = ended(|card| {
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
