//! Calls of the token for a card: a plain program's and this driver's, counted in SoftHSM.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing)]

mod common;

use cardwright_pkcs11::bench::Bench;
use cardwright_pkcs11::capability::Capability;
use cardwright_pkcs11::{HostMemory, Pkcs11Hsm};
use common::{Ground, with_soft_hsm};

/// Operations of the plain program for a card, as docs/PERFORMANCE.md lists them.
const PLAIN: f64 = 25.0;
/// The same with master keys stored between their derivation and the machine.
const STORED: f64 = 34.0;
const CARDS: u64 = 64;

fn bench(ground: &Ground, avoid: &[Capability], host_memory: HostMemory) -> Bench {
    let mut settings = ground.settings();
    settings.avoid = avoid.to_vec();
    settings.host_memory = host_memory;
    let hsm = Pkcs11Hsm::open(settings).unwrap();
    hsm.prepare().unwrap();
    Bench::new(hsm).unwrap()
}

#[test]
fn a_fifth_of_a_plain_programs_calls_or_less() {
    with_soft_hsm("a_fifth_of_a_plain_programs_calls_or_less", 1, |ground| {
        let avoid = [
            Capability::TdesDerive,
            Capability::AesDerive,
            Capability::KeyWrapPad,
        ];
        let mut bench = bench(ground, &avoid, HostMemory::Allowed);
        // Sessions are opened when they are needed first.
        bench.joined(1_000, CARDS, CARDS).unwrap();
        let (plain, of_plain) = bench.plain(1, CARDS).unwrap();
        let (joined, of_joined) = bench.joined(1, CARDS, CARDS).unwrap();
        let (alone, of_alone) = bench.joined(1, 4, 1).unwrap();
        for cost in [&of_plain, &of_joined, &of_alone] {
            println!(
                "{:.2} operations, {:.2} functions a card: {:?}",
                cost.operations(),
                cost.functions(),
                cost.calls
            );
        }
        // The same work.
        assert_eq!(plain, joined);
        assert_eq!(plain[..4], alone);
        assert!((of_plain.operations() - PLAIN).abs() < 1e-9);
        assert!(of_joined.operations() <= PLAIN / 5.0);
        // What it is today, so that it does not grow unseen.
        assert!(of_joined.operations() < 1.8);
        assert!(of_alone.operations() <= 35.0);
        assert!(of_joined.functions() <= of_plain.functions() / 5.0);
        // Nothing is looked for on the way, nobody logs in.
        for name in ["C_FindObjectsInit", "C_Login", "C_OpenSession"] {
            assert!(!of_joined.calls.contains_key(name), "{name}");
        }
    });
}

// Where no working key may be in host memory, each key of a card is an object of its own: that many
// calls no joining takes away. How many is held here, so that it does not grow unseen.
#[test]
fn keys_that_stay_inside_cost_their_calls() {
    with_soft_hsm("keys_that_stay_inside_cost_their_calls", 1, |ground| {
        let mut bench = bench(ground, &[Capability::KeyWrapPad], HostMemory::Allowed);
        let (plain, _) = bench.plain(1, CARDS).unwrap();
        // Sessions are opened when they are needed first.
        bench.joined(1_000, CARDS, CARDS).unwrap();
        let (joined, cost) = bench.joined(1, CARDS, CARDS).unwrap();
        println!("{:.2} operations: {:?}", cost.operations(), cost.calls);
        assert_eq!(plain, joined);
        // A plain program that works in the same way, key by key.
        let (stored, of_stored) = bench.plain_through_storage(1, CARDS).unwrap();
        println!(
            "{:.2} operations: {:?}",
            of_stored.operations(),
            of_stored.calls
        );
        assert_eq!(stored, plain);
        assert!((of_stored.operations() - STORED).abs() < 1e-9);
        assert!(cost.operations() > PLAIN / 5.0);
        assert!(cost.operations() < 17.0);
        assert!(cost.functions() < of_stored.functions());
        // What was made is not destroyed one by one: a session for some cards is closed behind them.
        assert!(
            !cost.calls.contains_key("C_DestroyObject"),
            "{:?}",
            cost.calls
        );
        assert_eq!(cost.calls["C_OpenSession"], cost.calls["C_CloseSession"]);
    });
}
