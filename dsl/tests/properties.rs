//! What holds for every text: a lossless tree, an answer without panic, a stable layout.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may fail by a panic

mod support;

use cardwright_dsl::ast::{Clause, Entry, Expr, ExprKind, File, Phrase, TextPart};
use cardwright_dsl::limits::{NESTING_MAX, SOURCE_BYTES_MAX};
use cardwright_dsl::{Kind, Node, Tree, format, parse};
use proptest::prelude::*;

/// Everything that must hold for any text at all.
fn holds_for_any_text(source: &str) {
    let parsed = parse(source);
    assert_eq!(parsed.tree.text(), source);
    let mut broken = false;
    parsed
        .tree
        .root()
        .walk(&mut |node| broken |= node.kind().is_error());
    assert!(
        !broken || !parsed.diagnostics.is_empty(),
        "an error node without a diagnostic"
    );
    assert!(look_at_everything(&parsed.tree) < 1_000_000);
    let once = format(source);
    assert_eq!(
        format(&once),
        once,
        "formatting twice differs from formatting once"
    );
    assert_eq!(support::comments(&once), support::comments(source));
    if parsed.diagnostics.is_empty() {
        assert_eq!(support::meaning(&once), support::meaning(source));
        assert_eq!(parse(&once).diagnostics, []);
    }
}

/// The source with every space replaced by so many.
fn with_other_spaces(source: &str, widths: &[usize]) -> String {
    let mut spaced = String::new();
    let mut turn = widths.iter().cycle();
    parse(source)
        .tree
        .root()
        .walk(&mut |node| match node.kind() {
            Kind::Whitespace if !in_text(node) => {
                spaced.push_str(&" ".repeat(*turn.next().unwrap()))
            }
            _ if node.is_leaf() => spaced.push_str(node.text()),
            _ => {}
        });
    spaced
}

/// Whether a node is part of a text literal, which the formatter leaves as it is.
fn in_text(node: Node<'_>) -> bool {
    node.parent()
        .is_some_and(|parent| parent.kind() == Kind::Text || in_text(parent))
}

/// Uses every accessor on everything; gives the number of expressions seen.
fn look_at_everything(tree: &Tree) -> usize {
    let file = File::of(tree);
    let _ = (file.package().map(|path| path.text()), file.docs());
    let _: Vec<String> = file
        .imports()
        .iter()
        .map(|import| import.path().text())
        .collect();
    file.entries().into_iter().map(look_at_entry).sum()
}

fn look_at_entry(entry: Entry<'_>) -> usize {
    let _ = (entry.doc(), entry.word(0), entry.has_error(), entry.range());
    let phrases = [Some(entry.head()), entry.base(), entry.value()];
    let phrases: usize = phrases.into_iter().flatten().map(look_at_phrase).sum();
    phrases
        + entry
            .block()
            .into_iter()
            .flatten()
            .map(look_at_entry)
            .sum::<usize>()
}

fn look_at_phrase(phrase: Phrase<'_>) -> usize {
    let _ = (phrase.single(), phrase.range());
    let clauses = phrase.clauses();
    let in_clauses = clauses
        .iter()
        .flat_map(Clause::terms)
        .map(|term| look_at(&term))
        .sum::<usize>();
    in_clauses + phrase.terms().iter().map(look_at).sum::<usize>()
}

fn look_at(expression: &Expr<'_>) -> usize {
    1 + match expression.kind() {
        ExprKind::Text(parts) => parts
            .iter()
            .map(|part| match part {
                TextPart::Literal(_) => 0,
                TextPart::Embedded(inner) => look_at(inner),
            })
            .sum(),
        ExprKind::List(items) => items.iter().map(|item| look_at_phrase(item.phrase)).sum(),
        ExprKind::Tuple(members) => members.iter().map(look_at).sum(),
        ExprKind::Record(entries) => entries.into_iter().map(look_at_entry).sum(),
        ExprKind::Call { callee, args } => {
            look_at(&callee) + args.iter().map(|arg| look_at(&arg.value)).sum::<usize>()
        }
        ExprKind::Index { base, index } => look_at(&base) + look_at(&index),
        ExprKind::Pipe { left, right } | ExprKind::Binary { left, right, .. } => {
            look_at(&left) + look_at(&right)
        }
        ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::Paren(inner) => look_at(&inner),
        ExprKind::If {
            condition,
            then,
            otherwise,
        } => look_at(&condition) + look_at(&then) + look_at(&otherwise),
        _ => 0,
    }
}

/// So many cases; failures are printed, not written beside the source.
fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(count)
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_soup_holds(source in support::soup()) {
        holds_for_any_text(&source);
        if parse(&source).diagnostics.is_empty() {
            prop_assert_eq!(format(&with_other_spaces(&source, &[2, 1, 3])), format(&source));
        }
    }

    #[test]
    fn any_signs_hold(source in "[a1 .,:;=(){}\\[\\]\"#+|>/\n-]{0,40}") {
        holds_for_any_text(&source);
        if parse(&source).diagnostics.is_empty() {
            prop_assert_eq!(format(&with_other_spaces(&source, &[2, 1, 3])), format(&source));
        }
    }

    #[test]
    fn any_characters_hold(source in "[ -~\n\u{e9}]{0,60}") {
        holds_for_any_text(&source);
    }
}

proptest! {
    #![proptest_config(cases(30))]

    #[test]
    fn mutants_of_the_cases_hold(source in support::mutant()) {
        holds_for_any_text(&source);
    }

    #[test]
    fn layout_does_not_depend_on_spaces(
        source in prop::sample::select(support::sources()),
        widths in prop::collection::vec(1_usize..5, 64),
    ) {
        prop_assume!(parse(&source).diagnostics.is_empty());
        let spaced = with_other_spaces(&source, &widths);
        prop_assert_eq!(format(&spaced), format(&source));
    }
}

/// The declarations of a text.
fn declarations(source: &str) -> Vec<String> {
    let parsed = parse(source);
    let entries = File::of(&parsed.tree).entries();
    let texts = entries
        .into_iter()
        .map(|e| source[e.range().start..e.range().end].to_owned());
    texts.collect()
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn mutants_of_what_ships_hold(source in support::mutant_of(support::shipped())) {
        holds_for_any_text(&source);
    }

    /// Whoever edits a declaration moves no line of another: a review shows the edit alone.
    #[test]
    fn an_edit_moves_only_its_own_declaration(
        source in prop::sample::select(support::shipped()),
        place in any::<prop::sample::Index>(),
        piece in prop::sample::select(vec![
            " ", "\n", "\n\n", "  // a note\n", ";", " x", "x", "_long_word_in_its_place", "1", ", #5A",
        ]),
    ) {
        let before = format(&source);
        let mut at = place.index(before.len());
        while !before.is_char_boundary(at) {
            at -= 1;
        }
        let edited = format!("{}{piece}{}", &before[..at], &before[at..]);
        prop_assume!(parse(&edited).diagnostics.is_empty());
        let (old, new) = (declarations(&before), declarations(&format(&edited)));
        prop_assume!(old.len() == new.len());
        let changed = old.iter().zip(&new).filter(|(old, new)| old != new);
        // Declarations of one line stand in columns with their neighbours.
        let changed = changed.filter(|(old, _)| old.contains('\n')).count();
        prop_assert!(changed <= 1, "{changed} declarations changed");
    }
}

#[test]
fn every_prefix_of_an_example_holds() {
    let source = support::source_of("parse", "every-construct");
    for (end, _) in source.char_indices() {
        let prefix = &source[..end];
        let tree = parse(prefix).tree;
        assert_eq!(tree.text(), prefix);
        look_at_everything(&tree);
        let once = format(prefix);
        assert_eq!(format(&once), once);
    }
}

#[test]
fn work_grows_with_the_text_on_unclosed_nesting() {
    let nodes = |source: &str| parse(source).tree.node_count();
    for unit in ["a { ", "a = [", "a = f(", "a = {", "a = (b + "] {
        let (half, whole) = (unit.repeat(NESTING_MAX / 2), unit.repeat(NESTING_MAX));
        assert!(nodes(&whole) <= 2 * nodes(&half) + 8, "{unit}");
        assert_eq!(parse(&whole).tree.text(), whole);
    }
    for unit in [
        "a {\n",
        "k n {\n",
        "a = [\n",
        "a = \"\n",
        "a = \"{(\"\n",
        "}\n",
        "use\n",
        "( ] )\n",
    ] {
        let source = unit.repeat(400);
        assert_eq!(parse(&source).tree.text(), source, "{unit}");
    }
}

#[test]
fn the_deepest_allowed_source_fits_a_small_stack() {
    let mut source = "a = [f({ ".repeat(NESTING_MAX / 3);
    source += "x";
    source += &" })]".repeat(NESTING_MAX / 3);
    let work = move || {
        holds_for_any_text(&source);
        parse(&source).diagnostics.len()
    };
    let small = std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(work)
        .unwrap();
    assert_eq!(small.join().unwrap(), 0);
}

#[test]
fn limits_are_diagnostics() {
    let codes = |source: &str| -> Vec<&'static str> {
        parse(source)
            .diagnostics
            .iter()
            .map(|diagnostic| diagnostic.code)
            .collect()
    };
    assert_eq!(codes(&"x".repeat(SOURCE_BYTES_MAX + 1)), ["E0020"]);
    assert_eq!(codes(&"[".repeat(NESTING_MAX + 1)), ["E0021"]);
    assert_eq!(codes(&format!("a = b{}", " |> f".repeat(5000))), ["E0022"]);
    assert_eq!(codes(&format!("a = f{}", "(1)".repeat(5000))), ["E0022"]);
    assert_eq!(codes(&format!("a = {}b", "not ".repeat(5000))), ["E0022"]);
    assert_eq!(
        codes(&format!("a = {}d", "if b then c else ".repeat(5000))),
        ["E0022"]
    );
}
