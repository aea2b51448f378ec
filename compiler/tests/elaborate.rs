//! Expressions become the nodes that the bundle's instruction set asks for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that stops says so"
)]
#![allow(clippy::indexing_slicing, reason = "nodes refer to earlier nodes")]

use cardwright_bundle::{Constant, Op, Program, Secrecy};
use cardwright_compiler::diagnostics::Findings;
use cardwright_compiler::elaborate::{Elaborator, Shared, Typed};
use cardwright_compiler::model::{Model, lower};
use cardwright_compiler::project::{MemoryFiles, Project};
use cardwright_compiler::types::{Lengths, Type};

const GROUND: &str = r#"
format orders : fixed_width {
  record order {
    pan     : pan          at 1  width 19
    name    : text         at 20 width 40
    expiry  : date "YYMM"  at 60
    product : an 4         at 64
    pin     : pin_block(iso4, under: zpk_in) at 68 width 32 as hex
    address : text[3]      at 100 width 30 each
  }
}
key zpk_in : aes128 { use = pin_encryption }
key cvk    : tdes2  { use = card_verification }
key pvk    : tdes2  { use = pin_verification_pvv }
let icvv = cvv(cvk, order.pan, order.expiry, service: 999)
fn short(text) = text |> slice(1, 8)
"#;

/// Elaborates `let value = …` over an order.
fn elaborate(expression: &str, want: Option<&Type>) -> Result<(Typed, Program), String> {
    let source = format!("package p\n{GROUND}\nlet value = {expression}\n");
    let files = MemoryFiles::new()
        .with(
            "cardwright.toml",
            "name = \"p\"\nversion = \"1.0.0\"\nsequence = 1\n",
        )
        .with("in.perso", source);
    let project = Project::read(&files);
    let mut findings = Findings::new();
    let model: Model = lower(&project, &mut findings);
    let mut shared = Shared::default();
    let mut elaborator = Elaborator::new(&model, &mut shared, "p.orders", "order");
    let value = model.get("p.value").unwrap().value.as_ref().unwrap();
    let typed = elaborator.phrase(value, want);
    let program = elaborator.finish();
    let found = shared.findings.resolve(&model.sources);
    match typed {
        Some(typed) if found.is_empty() => Ok((typed, program)),
        _ => Err(found
            .iter()
            .map(|f| f.code.clone())
            .collect::<Vec<_>>()
            .join(" ")),
    }
}

fn fine(expression: &str, want: Option<&Type>) -> (Typed, Program) {
    elaborate(expression, want).unwrap_or_else(|codes| panic!("{expression}: {codes}"))
}

fn applied(program: &Program, node: u32) -> (&str, &[u32]) {
    match &program.nodes[node as usize].op {
        Op::Apply { function, args } => (function, args),
        Op::Intent { intent, args, .. } => (intent, args),
        other => panic!("{other:?}"),
    }
}

fn constant(program: &Program, node: u32) -> Constant {
    match &program.nodes[node as usize].op {
        Op::Constant { value } => value.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_date_by_pattern_is_text_of_the_patterns_length() {
    let (typed, program) = fine("order.expiry |> \"MM/YY\"", None);
    assert_eq!(typed.ty, Type::Text(Lengths::exactly(5)));
    let (name, args) = applied(&program, typed.node);
    assert_eq!(name, "format_date");
    assert_eq!(constant(&program, args[1]), Constant::Text("MM/YY".into()));
}

#[test]
fn a_service_code_is_three_digits_however_it_is_written() {
    let three = Type::Digits(Lengths::exactly(3));
    for written in ["201", "\"201\""] {
        let (typed, program) = fine(written, Some(&three));
        assert_eq!(constant(&program, typed.node), Constant::Text("201".into()));
    }
    let (typed, program) = fine("7", Some(&three));
    assert_eq!(constant(&program, typed.node), Constant::Text("007".into()));
    assert_eq!(elaborate("\"20\"", Some(&three)).unwrap_err(), "E0204");
    assert_eq!(elaborate("2010", Some(&three)).unwrap_err(), "E0204");
}

#[test]
fn the_verification_values_differ_in_their_service_codes() {
    // Card verification values: 000 is printed, 999 is the chip's.
    for (call, service) in [("cvv2", "000"), ("icvv", "999")] {
        let (typed, program) = fine(&format!("{call}(cvk, order.pan, order.expiry)"), None);
        assert_eq!(typed.secrecy, Secrecy::Sensitive);
        assert_eq!(typed.ty, Type::Digits(Lengths::exactly(3)));
        let (name, args) = applied(&program, typed.node);
        assert_eq!(name, "cvv");
        assert_eq!(constant(&program, args[2]), Constant::Text(service.into()));
    }
}

#[test]
fn equal_values_are_one_node() {
    let (typed, program) = fine("\"{icvv}{icvv}\"", None);
    let (name, args) = applied(&program, typed.node);
    assert_eq!(name, "concat_text");
    assert_eq!(args[0], args[1]);
    let (_, again) = fine("\"{icvv}{icvv(cvk, order.pan, order.expiry)}\"", None);
    assert_eq!(again.nodes.len(), program.nodes.len());
}

#[test]
fn a_pin_block_becomes_a_pin_inside_the_hsm_only() {
    let (typed, program) = fine("order.pin", Some(&Type::Pin));
    assert_eq!(typed.secrecy, Secrecy::Secret);
    let (name, args) = applied(&program, typed.node);
    assert_eq!(name, "pin.import");
    assert_eq!(constant(&program, args[2]), Constant::Number(4));
    let (pvv, program) = fine("pvv(pvk, order.pan, order.pin)", None);
    let (_, args) = applied(&program, pvv.node);
    assert_eq!(applied(&program, args[1]).0, "pin.import");
}

#[test]
fn track_2_has_an_equivalent_in_octets() {
    let track = "track2(order.pan, order.expiry, 201, \"1{icvv}\")";
    let (text, program) = fine(track, None);
    assert_eq!(applied(&program, text.node).0, "track2");
    // 19 digits, separator, 4 of expiry, 3 of service code, 4 of discretionary data.
    assert_eq!(text.ty.lengths().unwrap().max, 31);
    let (octets, program) = fine(track, Some(&Type::bytes()));
    assert_eq!(applied(&program, octets.node).0, "track2_equivalent");
}

#[test]
fn a_branch_is_as_secret_as_its_condition() {
    let (typed, _) = fine("if icvv == \"000\" then \"a\" else \"b\"", None);
    assert_eq!(typed.secrecy, Secrecy::Sensitive);
    let (typed, _) = fine("if order.product == \"GOLD\" then \"a\" else \"bc\"", None);
    assert_eq!(typed.secrecy, Secrecy::Public);
    assert_eq!(typed.ty, Type::Text(Lengths { min: 1, max: 2 }));
}

#[test]
fn named_operations_lower() {
    for lowered in ["mask(order.pan)", "order.pan |> last_digits"] {
        assert_eq!(fine(lowered, None).0.secrecy, Secrecy::Public);
    }
    let (typed, _) = fine("order.pan |> slice(1, 6)", None);
    assert_eq!(typed.secrecy, Secrecy::Cardholder);
    assert!(typed.shows_pan);
}

#[test]
fn lengths_are_carried_to_the_place() {
    let room = Type::Text(Lengths::up_to(27));
    assert_eq!(elaborate("order.name", Some(&room)).unwrap_err(), "E0204");
    assert_eq!(
        elaborate("upper(order.name)", Some(&room)).unwrap_err(),
        "E0204"
    );
    assert!(elaborate("short(order.name)", Some(&room)).is_ok());
    let (grouped, _) = fine("order.pan |> slice(1, 16) |> groups(4)", None);
    assert_eq!(grouped.ty.lengths().unwrap().max, 19);
    let (lines, _) = fine("[order.name, ...order.address]", None);
    assert_eq!(
        lines.ty,
        Type::Lines {
            count: 4,
            each: Lengths { min: 0, max: 40 }
        }
    );
}

#[test]
fn constants_fold() {
    let (typed, program) = fine("\"ab{7}\" |> upper |> ascii", None);
    assert_eq!(
        constant(&program, typed.node),
        Constant::Bytes("414237".into())
    );
    let (typed, program) = fine("20 + 3 - 1", None);
    assert_eq!(constant(&program, typed.node), Constant::Number(22));
}

#[test]
fn flags_and_object_lists_become_octets() {
    // EMV Book 3, Annex C1 and C5; Annex A for the lengths of terminal data.
    let aip = "[dda, cardholder_verification, terminal_risk_management]";
    let (typed, program) = fine(aip, Some(&Type::Flags("aip")));
    assert_eq!(
        constant(&program, typed.node),
        Constant::Bytes("3800".into())
    );
    let (typed, program) = fine("[#9F02, unpredictable_number]", Some(&Type::Dol));
    assert_eq!(
        constant(&program, typed.node),
        Constant::Bytes("9F02069F3704".into())
    );
    let (typed, program) = fine("[#82]", Some(&Type::TagList));
    assert_eq!(constant(&program, typed.node), Constant::Bytes("82".into()));
    assert_eq!(
        elaborate("[ddaa]", Some(&Type::Flags("aip"))).unwrap_err(),
        "E0207"
    );
}

#[test]
fn comparisons_use_what_the_instruction_set_has() {
    let (typed, program) = fine("order.expiry >= run.date", None);
    let (name, args) = applied(&program, typed.node);
    assert_eq!(name, "not");
    assert_eq!(applied(&program, args[0]).0, "date_before");
    assert_eq!(
        elaborate("order.pin == \"1234\"", None).unwrap_err(),
        "E1001"
    );
    assert_eq!(
        elaborate("order.name < order.product", None).unwrap_err(),
        "E0202"
    );
}

#[test]
fn every_node_refers_to_earlier_ones_only() {
    let (_, program) = fine(
        "if is_blank(order.name) then \"{icvv}\" else short(order.name)",
        None,
    );
    for (n, node) in program.nodes.iter().enumerate() {
        let args: Vec<u32> = match &node.op {
            Op::Apply { args, .. } | Op::Intent { args, .. } => args.clone(),
            Op::Choose {
                condition,
                then,
                otherwise,
            } => vec![*condition, *then, *otherwise],
            _ => Vec::new(),
        };
        assert!(args.iter().all(|a| (*a as usize) < n));
    }
}
