//! A bundle is hostile until it is loaded: whatever is changed in it, it is refused with a code,
//! before a key, a device or a store is touched, and nothing panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::{
    Bundle, Content, Environment, Limits, Op, PublicKey, Secrecy, SigningKey, Trust, ValueType,
};
use cardwright_runtime::load;
use cardwright_tests::projects;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::OnceLock};

/// A bundle of a few thousand octets: a card with a stripe and two tiny assets.
fn tiny() -> Bundle {
    let source = r#"package tiny
issuer tiny { name = "Tiny"; country = 250; currency = 978; bin = "999992" }
key cvk : tdes2 { use = card_verification }
format orders : fixed_width {
  record order {
    pan    : pan         at 1  width 19
    expiry : date "YYMM" at 20
    name   : text        at 24 width 26
  }
}
card plain for orders.order {
  stripe { track2 = track2(order.pan, order.expiry, 101, cvv(cvk, order.pan, order.expiry, service: 101)) }
  face front { emboss { line 1 = order.pan } }
}
flow line : machine {
  feed { stock = "S"; reject_bin = "reject" }
  stripe
  emboss
}
job daily { input = orders; card = plain; flow = line }
"#;
    let bundle = projects::bundle_of_source(source);
    let asset = |text: &str| ("text/plain".to_owned(), text.as_bytes().to_vec());
    let assets = BTreeMap::from([
        ("a.txt".to_owned(), asset("one asset of twenty-six oct")),
        ("b.txt".to_owned(), asset("two asset of twenty-six oct")),
    ]);
    projects::signed(Bundle::seal(bundle.content().clone(), assets).expect("it seals"))
}

fn code(bytes: &[u8]) -> Option<&'static str> {
    load::load(bytes, &Limits::default(), &Trust::test_only())
        .err()
        .map(|error| error.code)
}

fn refused(bytes: &[u8]) -> bool {
    code(bytes).is_some_and(|code| code.starts_with("R10") || code.starts_with("R11"))
}

/// Runs a check for every number below the end, on all processors; gives those that fail.
fn each(end: usize, check: impl Fn(usize) -> bool + Sync) -> Vec<usize> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let check = &check;
    std::thread::scope(|scope| {
        let work = (0..threads).map(|first| {
            scope.spawn(move || {
                (first..end)
                    .step_by(threads)
                    .filter(|n| !check(*n))
                    .collect::<Vec<_>>()
            })
        });
        let work: Vec<_> = work.collect();
        work.into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect()
    })
}

#[test]
fn the_bundle_itself_is_taken() {
    let bytes = tiny().to_bytes().expect("octets");
    assert_eq!(code(&bytes), None);
    assert!(
        bytes.len() < 16_000,
        "{} octets make the tests below slow",
        bytes.len()
    );
}

#[test]
fn every_truncation_is_refused() {
    let bytes = tiny().to_bytes().expect("octets");
    let taken = each(bytes.len(), |length| refused(&bytes[..length]));
    assert!(
        taken.is_empty(),
        "cut to these lengths it is taken: {taken:?}"
    );
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = tiny().to_bytes().expect("octets");
    let taken = each(bytes.len() * 8, |bit| {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        refused(&changed)
    });
    assert!(
        taken.is_empty(),
        "with these bits flipped it is taken: {taken:?}"
    );
}

#[test]
fn octets_more_at_either_end_are_refused() {
    let bytes = tiny().to_bytes().expect("octets");
    assert_eq!(code(&[&bytes[..], b"\0"].concat()), Some("R1003"));
    assert_eq!(code(&[b"\0", &bytes[..]].concat()), Some("R1001"));
    assert_eq!(code(&[&bytes[..], &bytes[..]].concat()), Some("R1003"));
    assert_eq!(code(b""), Some("R1003"));
}

#[test]
fn swapped_assets_are_refused() {
    let bundle = tiny();
    let bytes = bundle.to_bytes().expect("octets");
    let (one, two) = (
        bundle.asset("a.txt").expect("one"),
        bundle.asset("b.txt").expect("two"),
    );
    let joined = [one, two].concat();
    let at = bytes
        .windows(joined.len())
        .position(|part| part == joined)
        .expect("the assets");
    let mut changed = bytes;
    changed[at..at + joined.len()].copy_from_slice(&[two, one].concat());
    assert_eq!(code(&changed), Some("R1006"));
}

#[test]
fn signatures_of_another_bundle_are_refused() {
    let bundle = tiny();
    let mut content = bundle.content().clone();
    content.sequence += 1;
    let other = projects::signed(reseal(&bundle, content));
    let (bytes, other) = (
        bundle.to_bytes().expect("octets"),
        other.to_bytes().expect("octets"),
    );
    let tail = 2 + 32 + 64;
    let mixed = [&bytes[..bytes.len() - tail], &other[other.len() - tail..]].concat();
    assert_eq!(code(&mixed), Some("R1009"));
}

#[test]
fn limits_hold() {
    let bytes = tiny().to_bytes().expect("octets");
    let with = |limits: Limits| {
        load::load(&bytes, &limits, &Trust::test_only())
            .err()
            .map(|error| error.code)
    };
    let usual = Limits::default();
    assert_eq!(
        with(Limits {
            bundle_bytes: bytes.len() - 1,
            ..usual
        }),
        Some("R1007")
    );
    assert_eq!(
        with(Limits {
            content_bytes: 100,
            ..usual
        }),
        Some("R1007")
    );
    assert_eq!(with(Limits { assets: 1, ..usual }), Some("R1007"));
    assert_eq!(
        with(Limits {
            signatures: 0,
            ..usual
        }),
        Some("R1007")
    );
    assert_eq!(with(Limits { nodes: 1, ..usual }), Some("R1007"));
    assert_eq!(
        with(Limits {
            entries: 0,
            ..usual
        }),
        Some("R1007")
    );
    // A length that no file has asks for no memory.
    let mut huge = b"CWB1".to_vec();
    huge.extend_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(code(&huge), Some("R1007"));
}

fn reseal(bundle: &Bundle, content: Content) -> Bundle {
    let assets = bundle.assets().iter().map(|(name, bytes)| {
        let media_type = bundle.content().assets.iter().find(|a| a.name == *name);
        let media_type = media_type.map(|a| a.media_type.clone()).unwrap_or_default();
        (name.clone(), (media_type, bytes.clone()))
    });
    Bundle::seal(content, assets.collect()).expect("it seals")
}

fn signer(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

#[test]
fn trust_counts_different_trusted_people() {
    let bundle = reseal(&tiny(), tiny().content().clone());
    let trust = Trust {
        signers: vec![signer(1).public(), signer(2).public(), signer(3).public()],
        threshold: 2,
        open_test_signer: false,
    };
    let with = |signers: &[u8], trust: &Trust| {
        let mut bundle = bundle.clone();
        signers
            .iter()
            .for_each(|number| bundle.sign(&signer(*number)));
        let bytes = bundle.to_bytes().expect("octets");
        load::load(&bytes, &Limits::default(), trust)
            .err()
            .map(|error| error.code)
    };
    assert_eq!(with(&[], &trust), Some("R1010"), "nobody");
    assert_eq!(with(&[1], &trust), Some("R1010"), "one of two");
    assert_eq!(with(&[1, 1], &trust), Some("R1010"), "one person twice");
    assert_eq!(
        with(&[1, 9], &trust),
        Some("R1010"),
        "one of two is a stranger"
    );
    assert_eq!(with(&[1, 3], &trust), None, "two of three");
    assert_eq!(
        with(&[1, 2, 3, 9], &trust),
        None,
        "a stranger more does no harm"
    );
    let none = Trust {
        signers: Vec::new(),
        threshold: 0,
        open_test_signer: false,
    };
    assert_eq!(
        with(&[1], &none),
        Some("R1010"),
        "a threshold of nothing is one"
    );
    // The open test signer is no person.
    let mut open = projects::signed(bundle.clone());
    open.sign(&signer(1));
    let bytes = open.to_bytes().expect("octets");
    let error = load::load(&bytes, &Limits::default(), &trust)
        .err()
        .map(|error| error.code);
    assert_eq!(error, Some("R1010"));
}

#[test]
fn a_signer_twice_in_the_file_is_refused() {
    let bytes = tiny().to_bytes().expect("octets");
    let signature = &bytes[bytes.len() - 96..];
    let signed = &bytes[..bytes.len() - 98];
    let doubled = [signed, &[0, 2], signature, signature].concat();
    assert_eq!(code(&doubled), Some("R1008"));
}

#[test]
fn live_needs_real_signers() {
    let bundle = tiny();
    let mut content = bundle.content().clone();
    content.environment = Environment::Live;
    let live = projects::signed(reseal(&bundle, content));
    assert_eq!(code(&live.to_bytes().expect("octets")), Some("R1010"));
    // A key of low order, which would verify anything, is no signer either.
    let mut bytes = reseal(&bundle, bundle.content().clone())
        .to_bytes()
        .expect("octets");
    bytes.truncate(bytes.len() - 2);
    let mut low = [0u8; 32];
    low[0] = 1;
    bytes.extend_from_slice(&[0, 1]);
    bytes.extend_from_slice(&PublicKey(low).0);
    bytes.extend_from_slice(&[low, [0; 32]].concat());
    assert_eq!(code(&bytes), Some("R1009"));
}

/// Loads a changed content, signed as the compiler's own.
fn lie(change: impl FnOnce(&mut Content)) -> Option<&'static str> {
    let bundle = small();
    let mut content = bundle.content().clone();
    change(&mut content);
    assert_ne!(content, *bundle.content(), "the change changes something");
    code(
        &projects::signed(reseal(bundle, content))
            .to_bytes()
            .expect("octets"),
    )
}

fn small() -> &'static Bundle {
    static SMALL: OnceLock<Bundle> = OnceLock::new();
    SMALL.get_or_init(projects::small)
}

/// The card's program and the first node in it of a kind.
fn node(content: &Content, wanted: impl Fn(&cardwright_bundle::Node) -> bool) -> (usize, usize) {
    let program = content.cards[0].program as usize;
    let at = content.programs[program]
        .nodes
        .iter()
        .position(wanted)
        .expect("such a node");
    (program, at)
}

#[test]
fn a_program_that_lies_is_refused() {
    let secret = |content: &Content| {
        node(content, |n| {
            matches!(n.op, Op::Apply { .. }) && n.secrecy > Secrecy::Public
        })
    };
    let lowered = lie(|content| {
        let (program, at) = secret(content);
        content.programs[program].nodes[at].secrecy = Secrecy::Public;
    });
    assert_eq!(lowered, Some("R1102"), "a secret that claims to be public");
    let field = lie(|content| {
        let (program, at) = node(
            content,
            |n| matches!(&n.op, Op::Field { field, .. } if field == "pan"),
        );
        content.programs[program].nodes[at].secrecy = Secrecy::Public;
    });
    assert_eq!(field, Some("R1102"), "a PAN that claims to be public");
    let typed = lie(|content| {
        let (program, at) = secret(content);
        content.programs[program].nodes[at].gives = ValueType::TextList;
    });
    assert_eq!(typed, Some("R1101"), "a type that it does not give");
    let unknown = lie(|content| {
        let (program, at) = secret(content);
        if let Op::Apply { function, .. } = &mut content.programs[program].nodes[at].op {
            *function = "no_such_function".into();
        }
    });
    assert_eq!(unknown, Some("R1101"), "an unknown function");
    for target in [u32::MAX, 1_000_000] {
        let far = lie(|content| {
            let (program, at) = secret(content);
            if let Op::Apply { args, .. } = &mut content.programs[program].nodes[at].op {
                args[0] = target;
            }
        });
        assert_eq!(far, Some("R1101"), "a node that is not there");
    }
    let own = lie(|content| {
        let (program, at) = secret(content);
        if let Op::Apply { args, .. } = &mut content.programs[program].nodes[at].op {
            args[0] = u32::try_from(at).expect("small");
        }
    });
    assert_eq!(own, Some("R1101"), "a node that refers to itself");
    let arity = lie(|content| {
        let (program, at) = secret(content);
        if let Op::Apply { args, .. } = &mut content.programs[program].nodes[at].op {
            args.clear();
        }
    });
    assert_eq!(arity, Some("R1101"), "operands that are missing");
    let no_field = lie(|content| {
        let (program, at) = node(content, |n| matches!(n.op, Op::Field { .. }));
        if let Op::Field { field, .. } = &mut content.programs[program].nodes[at].op {
            *field = "no_such_field".into();
        }
    });
    assert_eq!(no_field, Some("R1101"), "an unknown field");
    let span = lie(|content| {
        let program = content.cards[0].program as usize;
        content.programs[program].nodes[0].span = u32::MAX;
    });
    assert_eq!(span, Some("R1101"), "a span that is not there");
}

#[test]
fn an_intent_that_lies_is_refused() {
    let first = |content: &Content| node(content, |n| matches!(n.op, Op::Intent { .. }));
    let change = |wrong: fn(&mut String, &mut Vec<u32>, &mut Vec<u32>)| {
        lie(|content| {
            let (program, at) = first(content);
            if let Op::Intent { intent, keys, args } = &mut content.programs[program].nodes[at].op {
                wrong(intent, keys, args);
            }
        })
    };
    assert_eq!(
        change(|intent, _, _| *intent = "export_key".into()),
        Some("R1101")
    );
    assert_eq!(
        change(|_, keys, _| keys.push(0)),
        Some("R1101"),
        "a key too many"
    );
    assert_eq!(
        change(|_, keys, _| keys.iter_mut().for_each(|k| *k = 99)),
        Some("R1101")
    );
    assert_eq!(
        change(|_, _, args| args.push(0)),
        Some("R1101"),
        "an operand too many"
    );
}

#[test]
fn a_sink_above_its_clearance_is_refused() {
    let embossed = lie(|content| {
        let (_, at) = node(content, |n| {
            n.secrecy == Secrecy::Sensitive && n.gives == ValueType::Text
        });
        let face = content.cards[0]
            .faces
            .iter_mut()
            .find(|f| !f.emboss.is_empty());
        face.expect("an embossed face").emboss[0].node = u32::try_from(at).expect("small");
    });
    assert_eq!(embossed, Some("R1103"), "a track on the embossing");
    let clear = lie(|content| {
        let chip = content.cards[0].chip.as_mut().expect("a chip");
        let sealed = chip.applications[0].dgis.iter_mut().find(|d| d.encrypted);
        sealed.expect("a sealed grouping").encrypted = false;
    });
    assert_eq!(clear, Some("R1101"), "a key in clear");
}

#[test]
fn references_that_do_not_hold_are_refused() {
    type Change = fn(&mut Content);
    let wrong: [(&str, Change); 12] = [
        ("program", |c| c.cards[0].program = 999),
        ("channel key", |c| {
            c.cards[0]
                .chip
                .as_mut()
                .unwrap()
                .channel
                .as_mut()
                .unwrap()
                .key = 999
        }),
        ("application identifier", |c| {
            c.cards[0].chip.as_mut().unwrap().applications[0].aid = "F0".into();
        }),
        ("application key", |c| {
            c.cards[0].chip.as_mut().unwrap().applications[0].keys[0].1 = 999;
        }),
        ("flow", |c| c.jobs[0].flow = "none".into()),
        ("input format", |c| c.jobs[0].input = "none".into()),
        ("card", |c| c.jobs[0].products[0].card = "none".into()),
        ("scenario", |c| {
            c.jobs[0].products[0].scenarios[0].scenario = "none".into()
        }),
        ("transport key", |c| {
            c.jobs[0].outputs[0].transport_key = None
        }),
        ("selector", |c| c.jobs[0].selector = 999),
        ("name", |c| c.keys[1].name = c.keys[0].name.clone()),
        ("field width", |c| {
            c.formats[0].records[0].fields[0].width = u32::MAX
        }),
    ];
    for (name, change) in wrong {
        assert_eq!(lie(change), Some("R1101"), "{name}");
    }
}

#[test]
fn content_that_is_not_canonical_is_refused() {
    let bundle = tiny();
    let canonical = serde_json::to_vec(bundle.content()).expect("JSON");
    let pretty = serde_json::to_vec_pretty(bundle.content()).expect("JSON");
    let text = String::from_utf8(canonical.clone()).expect("UTF-8");
    let unknown = text.replacen('{', "{\"surprise\":1,", 1);
    let twice = text.replacen("\"schema\":1", "\"schema\":1,\"schema\":1", 1);
    let escaped = text.replacen("Tiny", "\\u0054iny", 1);
    let schema = text.replacen("\"schema\":1", "\"schema\":2", 1);
    assert_eq!(
        code(&raw(&bundle, &canonical)),
        None,
        "the helper builds good bundles"
    );
    assert_eq!(code(&raw(&bundle, &pretty)), Some("R1005"));
    assert_eq!(code(&raw(&bundle, unknown.as_bytes())), Some("R1004"));
    assert_eq!(code(&raw(&bundle, twice.as_bytes())), Some("R1004"));
    assert_eq!(code(&raw(&bundle, escaped.as_bytes())), Some("R1005"));
    assert_eq!(code(&raw(&bundle, schema.as_bytes())), Some("R1002"));
    let deep = [b"[".repeat(200_000), b"]".repeat(200_000)].concat();
    assert_eq!(code(&raw(&bundle, &deep)), Some("R1004"), "deep nesting");
}

/// A signed bundle around any octets in the place of the content.
fn raw(bundle: &Bundle, content: &[u8]) -> Vec<u8> {
    let mut bytes = b"CWB1".to_vec();
    bytes.extend_from_slice(&u32::try_from(content.len()).expect("small").to_be_bytes());
    bytes.extend_from_slice(content);
    bundle
        .assets()
        .values()
        .for_each(|asset| bytes.extend_from_slice(asset));
    use sha2::Digest;
    let digest: [u8; 32] = sha2::Sha256::digest(&bytes).into();
    let signature = SigningKey::open_test_signer().sign(&digest);
    bytes.extend_from_slice(&[0, 1]);
    bytes.extend_from_slice(&signature.signer.0);
    bytes.extend_from_slice(&signature.bytes);
    bytes
}

/// Changes the nth value of a tree, counted through it.
fn mutate(value: &mut Value, at: &mut usize, kind: u8) -> bool {
    if *at == 0 {
        *value = mutant(value, kind);
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| mutate(item, at, kind)),
        Value::Object(map) => map.values_mut().any(|item| mutate(item, at, kind)),
        _ => false,
    }
}

fn mutant(value: &Value, kind: u8) -> Value {
    match (kind, value) {
        (0, _) => Value::Null,
        (1, Value::Number(n)) => json!(n.as_u64().unwrap_or(0).wrapping_add(1)),
        (2, Value::Number(_)) => json!(u32::MAX),
        (3, Value::Number(_)) => json!(0),
        (1, Value::String(_)) => json!(""),
        (2, Value::String(text)) => json!(format!("{text}{text}")),
        (3, Value::String(_)) => json!("\u{0}\u{202E}00"),
        (1, Value::Array(_)) => json!([]),
        (2, Value::Array(items)) => Value::Array([&items[..], &items[..]].concat()),
        (3, Value::Array(items)) => Value::Array(items.iter().rev().cloned().collect()),
        (1, Value::Bool(flag)) => json!(!flag),
        (_, Value::Object(map)) => {
            let skip = usize::from(kind) % map.len().max(1);
            let kept = map.iter().enumerate().filter(|(n, _)| *n != skip);
            Value::Object(
                kept.map(|(_, (name, item))| (name.clone(), item.clone()))
                    .collect(),
            )
        }
        _ => json!(-1),
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// Correctly signed nonsense: taken or refused, but nothing panics, and what is taken can be
    /// shown.
    #[test]
    fn signed_nonsense_never_panics(place in any::<prop::sample::Index>(), kind in 0u8..6) {
        static TREE: OnceLock<Value> = OnceLock::new();
        let tree = TREE.get_or_init(|| serde_json::to_value(small().content()).expect("JSON"));
        let mut changed = tree.clone();
        mutate(&mut changed, &mut place.index(count(tree)), kind);
        let bytes = match serde_json::from_value::<Content>(changed.clone()) {
            Ok(content) => {
                let sealed = projects::signed(reseal(small(), content));
                sealed.to_bytes().expect("octets")
            }
            Err(_) => raw(small(), &serde_json::to_vec(&changed).expect("JSON")),
        };
        match load::load(&bytes, &Limits::default(), &Trust::test_only()) {
            Ok(loaded) => {
                let _ = cardwright_runtime::print::plan(&loaded);
            }
            Err(error) => {
                prop_assert!(error.code.starts_with("R10") || error.code.starts_with("R11"));
            }
        }
    }

    /// Any octets at all.
    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..400), magic in any::<bool>()) {
        let bytes = if magic { [b"CWB1", &noise[..]].concat() } else { noise };
        prop_assert!(refused(&bytes));
    }
}
