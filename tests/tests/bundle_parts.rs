//! Each field of a bundle is checked when it is loaded, or named here as one that may hold anything;
//! and what a bundle says of its own secrecy is not believed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::{
    Bundle, Constant, Content, ItemKind, Node, Op, Program, ScriptPart, Secrecy, ValueType,
};
use cardwright_compiler::project::MemoryFiles;
use cardwright_runtime::load;
use cardwright_tests::{projects, workspace};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// What the bank of the leaks does not have: totals, groups, tables, pages, labels, a script.
const MORE: &str = r#"package bank
use std.layouts.labels

table towns { key = code; code : digits 4; town : text 20; fee : n 4; rows = [("0001", "Berne", 3), ("0002", "Basle", 4)] }
table ranges { key = from..to; from : digits 6; to : digits 6; brand : text 10; rows = [("999990", "999991", "one"), ("999992", "999999", "two")] }

format returns : delimited for orders.order {
  file_name = "returns-{order.branch}.csv"
  break_by  = order.branch
  sort_by   = order.reference
  record group { opens group; number : n 4 = sequence(groups); brand : text = lookup(ranges.brand, "{order.branch}00", else: "") }
  record card {
    number : n 6 = sequence(file)
    town   : text = if listed(towns, order.branch) then lookup(towns.town, order.branch) else ""
    amount : n 8 = order.amount
    bits   : text = hex(if order.urgent then bits(csu, [issuer_approves]) else bits(csu, []))
  }
  record end { closes group; sum : n 12 = sum(card.amount) }
  record trailer { cards : n 6 = count(card); lines : n 6 = sequence(lines) }
}

application member for orders.order {
  aid    = x"F0 00 00 00 92 77 01"
  script = written
  data { #E104 = ndef_message(ndef_text("Member {order.reference}", "en")) }
}
script written {
  variable serial of 4
  command "read" { header = x"00 B0 00 00"; le = 4; capture serial = answer(1); expect = ["9000", "61xx"] }
  command "write" { header = x"00 D6 00 00"; data = [serial, length_of #E104, #E104]; split = offset(200); otherwise = retry 2 }
  command "secret" { header = x"00 D6 00 01"; secret under tk with iso7816_always { reference : pin(iso2) = order.pin } }
}
card chipped : plain {
  chip { platform = native(); applications = [member] }
  face back {
    signature = (8 mm, 19.5 mm, 50 mm, 9 mm)
    print {
      panel "cvv2" = cvv2(cvk, order.pan, order.expiry) at (62 mm, 18 mm)
      panel "note" = "GOLD" at (62 mm, 25 mm) when order.product == "GOLD"
    }
  }
}
layout tags : labels.a4_3x8 for orders.order {
  text { at = (3 mm, 3 mm, 64 mm, 31 mm); shrink = to 5 pt; lines = [order.name, ...order.address] }
}
layout pages : sheet for orders.order {
  table { at = (25 mm, 150 mm, 100 mm, 30 mm); columns = [50 mm, 50 mm]; row ["Branch", order.branch]; row ["In", "haste"] when order.urgent }
  barcode qr { value = order.reference; at = (150 mm, 20 mm); size = 20 mm }
  line { from = (25 mm, 200 mm); to = (100 mm, 200 mm) }
  bar when order.urgent { at = (25 mm, 210 mm, 50 mm, 2 mm) }
  page 2 { text { at = (25 mm, 50 mm, 85 mm, 12 mm); lines = [order.reference] } }
}
flow chips : machine { feed { stock = "BANK"; reject_bin = "reject" }; chip { slots = 1 }; stripe; emboss; print; carrier { layout = pages }; insert { envelope = "C5" } }
rule known for orders.order { require order.branch != "0000" because "no branch {order.branch}" }
job weekly { input = orders; card = chipped; flow = chips; mailer = letter after produced; labels = tags; outputs = [returns, transfer]; accept = [known]; priority = if order.urgent then express else normal }
"#;

fn bank() -> &'static Bundle {
    static BANK: OnceLock<Bundle> = OnceLock::new();
    BANK.get_or_init(|| {
        let manifest = "name = \"bank\"\nversion = \"1.0.0\"\nsequence = 1\n";
        let files = MemoryFiles::new()
            .with("cardwright.toml", manifest)
            .with(
                "shared.perso",
                workspace::read("tests/cases/leaks/shared.perso"),
            )
            .with("more.perso", MORE);
        projects::signed(projects::compile(&files))
    })
}

fn code(content: Content) -> Option<&'static str> {
    let assets = bank().assets().iter().map(|(name, bytes)| {
        let media_type = content.assets.iter().find(|a| a.name == *name);
        let media_type = media_type.map(|a| a.media_type.clone()).unwrap_or_default();
        (name.clone(), (media_type, bytes.clone()))
    });
    let assets: BTreeMap<_, _> = assets.collect();
    let Ok(sealed) = Bundle::seal(content, assets) else {
        return Some("R1004");
    };
    load::accept(sealed).err().map(|error| error.code)
}

/// Loads a changed content, signed as the compiler's own.
fn lie(change: impl FnOnce(&mut Content)) -> Option<&'static str> {
    let mut content = bank().content().clone();
    change(&mut content);
    assert_ne!(content, *bank().content(), "the change changes something");
    code(content)
}

#[test]
fn the_bank_itself_is_taken() {
    assert_eq!(code(bank().content().clone()), None);
}

/// Adds nodes to a program, which refer to each other from its end on.
fn add(program: &mut Program, nodes: Vec<(Op, ValueType, Secrecy)>) -> u32 {
    for (op, gives, secrecy) in nodes {
        program.nodes.push(Node {
            op,
            gives,
            secrecy,
            span: 0,
        });
    }
    u32::try_from(program.nodes.len() - 1).expect("small")
}

fn field(name: &str) -> Op {
    Op::Field {
        record: "order".into(),
        field: name.into(),
    }
}

fn apply(function: &str, args: &[u32]) -> Op {
    Op::Apply {
        function: function.into(),
        args: args.to_vec(),
    }
}

fn text(text: &str) -> Op {
    Op::Constant {
        value: Constant::Text(text.into()),
    }
}

fn number(n: i64) -> Op {
    Op::Constant {
        value: Constant::Number(n),
    }
}

/// The card's program and its index.
fn of_card(content: &Content, name: &str) -> usize {
    let card = content.cards.iter().find(|c| c.name == name).expect("it");
    card.program as usize
}

fn next(content: &Content, program: usize) -> u32 {
    u32::try_from(content.programs[program].nodes.len()).expect("small")
}

#[test]
fn fields_that_claim_to_be_less_secret_are_refused() {
    for (name, claimed) in [
        ("pan", Secrecy::Public),
        ("pin", Secrecy::Public),
        ("pin", Secrecy::Cardholder),
    ] {
        let found = lie(|content| {
            let orders = content.formats.iter_mut().find(|f| f.name == "orders");
            let record = &mut orders.expect("orders").records[0];
            let field = record.fields.iter_mut().find(|f| f.name == name);
            field.expect("the field").secrecy = claimed;
        });
        assert_eq!(found, Some("R1102"), "{name} {claimed:?}");
    }
}

/// A mask lowers whole values of cardholder data, and no others.
#[test]
fn masks_that_hide_nothing_do_not_lower() {
    use Secrecy::{Cardholder, Public, Sensitive};
    use ValueType::{Number, Text};
    let lowered = |build: fn(u32) -> Vec<(Op, ValueType, Secrecy)>| {
        lie(|content| {
            let program = of_card(content, "plain");
            let at = next(content, program);
            add(&mut content.programs[program], build(at));
        })
    };
    let whole = |at| {
        vec![
            (field("pan"), Text, Cardholder),
            (apply("last_digits", &[at]), Text, Public),
            (apply("mask", &[at]), Text, Public),
        ]
    };
    assert_eq!(lowered(whole), None, "what the compiler makes");
    let of_a_secret = |at| {
        vec![
            (field("offset"), Text, Sensitive),
            (apply("last_digits", &[at]), Text, Public),
        ]
    };
    assert_eq!(lowered(of_a_secret), Some("R1102"), "a PIN offset");
    let of_a_mask = |at| {
        vec![
            (field("offset"), Text, Sensitive),
            (apply("mask", &[at]), Text, Cardholder),
        ]
    };
    assert_eq!(lowered(of_a_mask), Some("R1102"), "half lowered");
    let of_a_part = |at| {
        vec![
            (field("pan"), Text, Cardholder),
            (number(1), Number, Public),
            (number(4), Number, Public),
            (apply("slice", &[at, at + 1, at + 2]), Text, Cardholder),
            (apply("upper", &[at + 3]), Text, Cardholder),
            (apply("last_digits", &[at + 4]), Text, Public),
        ]
    };
    assert_eq!(lowered(of_a_part), Some("R1102"), "a piece of the PAN");
    let of_a_choice = |at| {
        vec![
            (field("pan"), Text, Cardholder),
            (text("4"), Text, Public),
            (apply("starts", &[at, at + 1]), ValueType::Flag, Cardholder),
            (
                Op::Choose {
                    condition: at + 2,
                    then: at + 1,
                    otherwise: at + 1,
                },
                Text,
                Cardholder,
            ),
            (apply("mask", &[at + 3]), Text, Public),
        ]
    };
    assert_eq!(lowered(of_a_choice), Some("R1102"), "what a PAN decided");
}

#[test]
fn what_is_sensitive_stands_on_a_face_in_the_cvv2_panel_only() {
    let panel = |change: fn(&mut Content, usize)| {
        lie(|content| {
            let card = content.cards.iter().position(|c| c.name == "chipped");
            change(content, card.expect("the card"));
        })
    };
    let renamed = panel(|content, card| {
        let face = content.cards[card]
            .faces
            .iter_mut()
            .find(|f| !f.print.is_empty());
        face.expect("a face").print[0].name = "note 2".into();
    });
    assert_eq!(renamed, Some("R1103"), "the CVV2 in another panel");
    let track = panel(|content, card| {
        let track = content.cards[card]
            .stripe
            .as_ref()
            .expect("a stripe")
            .track2;
        let face = content.cards[card]
            .faces
            .iter_mut()
            .find(|f| !f.print.is_empty());
        face.expect("a face").print[0].node = track.expect("a track");
    });
    assert_eq!(track, Some("R1103"), "a track in the panel of the CVV2");
}

#[test]
fn no_account_stands_beside_a_pin() {
    for (layout, shown) in [("letter", true), ("tags", true), ("sheet", false)] {
        let found = lie(|content| {
            let at = content.layouts.iter().position(|l| l.name == layout);
            let at = at.expect("the layout");
            let program = content.layouts[at].program as usize;
            let pan = next(content, program);
            let nodes = vec![
                (field("pan"), ValueType::Text, Secrecy::Cardholder),
                (apply("upper", &[pan]), ValueType::Text, Secrecy::Cardholder),
            ];
            let last = add(&mut content.programs[program], nodes);
            for item in &mut content.layouts[at].items {
                if let ItemKind::Text { node, .. } = &mut item.draw {
                    *node = last;
                }
            }
        });
        assert_eq!(found, shown.then_some("R1103"), "{layout}");
    }
}

#[test]
fn a_mailer_is_no_carrier_and_no_label() {
    let job = |change: fn(&mut cardwright_bundle::Job)| {
        lie(|content| {
            let job = content.jobs.iter_mut().find(|j| j.name == "weekly");
            change(job.expect("the job"));
        })
    };
    assert_eq!(job(|j| j.carrier = Some("letter".into())), Some("R1101"));
    assert_eq!(job(|j| j.labels = Some("letter".into())), Some("R1101"));
    let mailer = job(|j| j.mailer.as_mut().expect("a mailer").layout = "sheet".into());
    assert_eq!(mailer, Some("R1101"), "a carrier as mailer");
}

#[test]
fn an_enciphered_pin_is_for_transit_only() {
    let on_the_stripe = lie(|content| {
        let program = of_card(content, "plain");
        let at = next(content, program);
        let nodes = vec![
            (field("pin"), ValueType::Bytes, Secrecy::Sensitive),
            (apply("hex", &[at]), ValueType::Text, Secrecy::Sensitive),
        ];
        let last = add(&mut content.programs[program], nodes);
        let card = content.cards.iter_mut().find(|c| c.name == "plain");
        card.expect("it").stripe.as_mut().expect("a stripe").track2 = Some(last);
    });
    assert_eq!(on_the_stripe, Some("R1103"));
}

#[test]
fn a_tag_and_a_script_in_clear_hold_nothing_that_pays() {
    let ndef = lie(|content| {
        let program = of_card(content, "chipped");
        let at = next(content, program);
        let nodes = vec![
            (field("offset"), ValueType::Text, Secrecy::Sensitive),
            (text("en"), ValueType::Text, Secrecy::Public),
            (
                apply("ndef_text", &[at, at + 1]),
                ValueType::Bytes,
                Secrecy::Sensitive,
            ),
        ];
        add(&mut content.programs[program], nodes);
    });
    assert_eq!(ndef, Some("R1103"), "a PIN offset on a tag");
    let script = lie(|content| {
        let program = of_card(content, "chipped");
        let nodes = vec![(field("pin"), ValueType::Bytes, Secrecy::Sensitive)];
        let last = add(&mut content.programs[program], nodes);
        let card = content.cards.iter_mut().find(|c| c.name == "chipped");
        let chip = card.expect("it").chip.as_mut().expect("a chip");
        let script = chip.applications[0].script.as_mut().expect("a script");
        for command in &mut script.commands {
            for part in &mut command.parts {
                if let ScriptPart::Value { node } = part {
                    *node = last;
                }
            }
        }
    });
    assert_eq!(script, Some("R1103"), "a PIN block in a command in clear");
}

/// What may hold anything, with the reason: no code reads it as more than words or colours, or
/// another field decides what it means.
const FREE: &[(&str, &str)] = &[
    (
        ".assets[].length",
        "the sealing of a bundle writes them anew",
    ),
    (
        ".assets[].media_type",
        "the sealing of a bundle writes them anew",
    ),
    (".assets[].name", "the sealing of a bundle writes them anew"),
    (
        ".assets[].sha256",
        "the sealing of a bundle writes them anew",
    ),
    (".schema", "the sealing of a bundle writes them anew"),
    (
        ".cards[].chip.applications[].name",
        "names and titles for people",
    ),
    (
        ".cards[].chip.applications[].script.commands[].title",
        "names and titles for people",
    ),
    (
        ".cards[].chip.applications[].script.name",
        "names and titles for people",
    ),
    (".formats[].joins[].name", "names and titles for people"),
    (".issuer.id", "names and titles for people"),
    (".issuer.name", "names and titles for people"),
    (".jobs[].name", "names and titles for people"),
    (".keys[].name", "names and titles for people"),
    (".layouts[].stock", "names and titles for people"),
    (".layouts[].zones[].name", "names and titles for people"),
    (".name", "names and titles for people"),
    (".sources[].path", "names and titles for people"),
    (".sources[].sha256", "names and titles for people"),
    (".tables[].columns[].name", "names and titles for people"),
    (".tables[].name", "names and titles for people"),
    (".version", "names and titles for people"),
    (
        ".cards[].chip.applications[].applet",
        "a station that does not know the applet says so",
    ),
    (".cards[].chip.applications[].pack", "either way is right"),
    (".formats[].joins[].optional", "either way is right"),
    (".formats[].kind.delimited.heading", "either way is right"),
    (
        ".formats[].records[].fields[].optional",
        "either way is right",
    ),
    (".layouts[].items[].draw.check_digit", "either way is right"),
    (".layouts[].items[].draw.rows[].head", "either way is right"),
    (".layouts[].items[].draw.wrap", "either way is right"),
    (
        ".flows[].steps[].settings[][]",
        "the machine is asked whether it can",
    ),
    (
        ".flows[].steps[].settings[][].number",
        "the machine is asked whether it can",
    ),
    (
        ".flows[].steps[].settings[][].text",
        "the machine is asked whether it can",
    ),
    (
        ".formats[].records[].fields[].field_type.flag.word",
        "any word stands for yes",
    ),
    (".issuer.country", "numbers that data hold as they are"),
    (".issuer.currency", "numbers that data hold as they are"),
    (
        ".jobs[].products[].code",
        "numbers that data hold as they are",
    ),
    (
        ".jobs[].stop_after_rejects",
        "numbers that data hold as they are",
    ),
    (
        ".programs[].nodes[].op.value.bytes",
        "numbers that data hold as they are",
    ),
    (
        ".programs[].nodes[].op.value.number",
        "numbers that data hold as they are",
    ),
    (
        ".programs[].nodes[].op.value.text",
        "numbers that data hold as they are",
    ),
    (".sequence", "numbers that data hold as they are"),
    (
        ".keys[].algorithm",
        "compared with the site's own key when it is bound",
    ),
    (
        ".keys[].bits",
        "compared with the site's own key when it is bound",
    ),
    (
        ".keys[].check_method",
        "compared with the site's own key when it is bound",
    ),
    (
        ".keys[].check_value",
        "compared with the site's own key when it is bound",
    ),
    (
        ".keys[].exponent",
        "compared with the site's own key when it is bound",
    ),
    (
        ".layouts[].items[].draw.colour",
        "the printer has limits of its own",
    ),
    (
        ".layouts[].items[].draw.columns[].width_um",
        "the printer has limits of its own",
    ),
    (
        ".layouts[].items[].draw.leading_mpt",
        "the printer has limits of its own",
    ),
    (
        ".layouts[].items[].draw.padding_um",
        "the printer has limits of its own",
    ),
    (
        ".layouts[].items[].draw.rule_um",
        "the printer has limits of its own",
    ),
    (
        ".layouts[].pages[].items[].draw.leading_mpt",
        "the printer has limits of its own",
    ),
    (
        ".layouts[].pages[].items[].draw.size_mpt",
        "the printer has limits of its own",
    ),
    (
        ".layouts[].zones[].at.height_um",
        "drawn over previews only",
    ),
    (".layouts[].zones[].at.width_um", "drawn over previews only"),
    (".layouts[].zones[].at.x_um", "drawn over previews only"),
    (".layouts[].zones[].at.y_um", "drawn over previews only"),
    (".spans[].column", "for messages"),
    (".spans[].length", "for messages"),
    (".spans[].line", "for messages"),
];

/// All places of a tree, the numbers in lists left out, with one way there for each occurrence.
fn places(value: &Value, path: &str, way: &[Step], found: &mut BTreeMap<String, Vec<Vec<Step>>>) {
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let mut way = way.to_vec();
                way.push(Step::Item(at));
                places(item, &format!("{path}[]"), &way, found);
            }
        }
        Value::Object(map) => {
            for (name, item) in map {
                let mut way = way.to_vec();
                way.push(Step::Field(name.clone()));
                places(item, &format!("{path}.{name}"), &way, found);
            }
        }
        Value::Null => {}
        _ => found.entry(path.to_owned()).or_default().push(way.to_vec()),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Item(usize),
    Field(String),
}

fn at<'v>(value: &'v mut Value, way: &[Step]) -> &'v mut Value {
    way.iter().fold(value, |value, step| match step {
        Step::Item(n) => &mut value[*n],
        Step::Field(name) => &mut value[name.as_str()],
    })
}

/// Absurd values in the place of one.
fn absurd(value: &Value) -> Vec<Value> {
    match value {
        Value::Number(_) => vec![
            json!(u32::MAX),
            json!(65_535),
            json!(255),
            json!(0),
            json!(-1),
        ],
        Value::String(text) => vec![
            json!("no such thing"),
            json!(""),
            json!(format!("{text}{}", "0".repeat(70_000))),
        ],
        Value::Bool(flag) => vec![json!(!flag)],
        _ => vec![Value::Null],
    }
}

#[test]
fn each_field_is_checked_or_free() {
    let tree = serde_json::to_value(bank().content()).expect("JSON");
    let mut all = BTreeMap::new();
    places(&tree, "", &[], &mut all);
    let mut taken = BTreeSet::new();
    for (path, ways) in &all {
        let mut refused = false;
        // The first, the last, and some between stand for all.
        let step = (ways.len() / 3).max(1);
        for way in ways.iter().step_by(step).chain(ways.last()) {
            let mut changed = tree.clone();
            let value = at(&mut changed, way).clone();
            for instead in absurd(&value) {
                *at(&mut changed, way) = instead;
                refused |= match serde_json::from_value::<Content>(changed.clone()) {
                    Ok(content) => code(content).is_some(),
                    Err(_) => !value.is_number() && !value.is_boolean(),
                };
                if refused {
                    break;
                }
            }
            if refused {
                break;
            }
        }
        if !refused {
            taken.insert(path.as_str());
        }
    }
    let free: BTreeSet<&str> = FREE.iter().map(|(path, _)| *path).collect();
    let unknown: Vec<_> = taken.difference(&free).collect();
    assert!(
        unknown.is_empty(),
        "taken with anything in it:\n{unknown:#?}"
    );
    let checked: Vec<_> = free.difference(&taken).collect();
    assert!(checked.is_empty(), "no longer free: {checked:?}");
}
