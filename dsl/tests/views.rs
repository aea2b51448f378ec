//! The typed views say what a person reads in the source.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may fail by a panic

use cardwright_dsl::ast::{Entry, Expr, ExprKind, File, TextPart};
use cardwright_dsl::{Tree, parse};

/// An expression as fully bracketed text.
fn show(expression: &Expr<'_>) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match expression.kind() {
        ExprKind::Name(segments) => {
            let words = segments.iter().map(|segment| match segment.is_tag {
                true => format!("#{}", segment.text),
                false => segment.text.clone(),
            });
            words.collect::<Vec<_>>().join(".")
        }
        ExprKind::Tag(digits) => format!("#{digits}"),
        ExprKind::Integer(value) => value.to_string(),
        ExprKind::Decimal(digits) => digits,
        ExprKind::Quantity { number, unit } => format!("<{number} {unit}>"),
        ExprKind::Text(parts) => {
            let parts = parts.iter().map(|part| match part {
                TextPart::Literal(text) => format!("{text:?}"),
                TextPart::Embedded(inner) => show(inner),
            });
            format!("text({})", list(parts.collect()))
        }
        ExprKind::Hex(bytes) => format!("{bytes:02X?}"),
        ExprKind::List(items) => {
            let items = items.iter().map(|item| {
                let terms: Vec<String> = item.phrase.terms().iter().map(show).collect();
                format!(
                    "{}{}",
                    if item.spread { "..." } else { "" },
                    terms.join(" ")
                )
            });
            format!("[{}]", list(items.collect()))
        }
        ExprKind::Tuple(members) => format!("tuple({})", list(members.iter().map(show).collect())),
        ExprKind::Record(entries) => {
            let fields = entries.iter().map(|entry| {
                let value = entry.value().and_then(|value| value.single());
                format!("{}={}", entry.word(0).unwrap(), show(&value.unwrap()))
            });
            format!("{{{}}}", list(fields.collect()))
        }
        ExprKind::Call { callee, args } => {
            let args = args.iter().map(|arg| match &arg.name {
                Some(name) => format!("{name}: {}", show(&arg.value)),
                None => show(&arg.value),
            });
            format!("{}({})", show(&callee), list(args.collect()))
        }
        ExprKind::Index { base, index } => format!("{}[{}]", show(&base), show(&index)),
        ExprKind::Pipe { left, right } => format!("({} |> {})", show(&left), show(&right)),
        ExprKind::Binary { op, left, right } => format!("({} {op} {})", show(&left), show(&right)),
        ExprKind::Not(inner) => format!("(not {})", show(&inner)),
        ExprKind::Negate(inner) => format!("(-{})", show(&inner)),
        ExprKind::If {
            condition,
            then,
            otherwise,
        } => {
            format!(
                "(if {} then {} else {})",
                show(&condition),
                show(&then),
                show(&otherwise)
            )
        }
        ExprKind::Paren(inner) => show(&inner),
        ExprKind::Error => "error".to_owned(),
    }
}

fn only_entry(tree: &Tree) -> Entry<'_> {
    File::of(tree).entries()[0]
}

/// The value of `a = …`.
fn value(source: &str) -> String {
    let tree = parse(&format!("a = {source}")).tree;
    let phrase = only_entry(&tree).value().unwrap();
    phrase
        .terms()
        .iter()
        .map(show)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn operators_bind_as_the_language_page_says() {
    for (source, meaning) in [
        ("a |> b |> g(4)", "((a |> b) |> g(4))"),
        ("a or b |> f", "((a or b) |> f)"),
        ("a or b and c", "(a or (b and c))"),
        ("not a == b and c", "((not (a == b)) and c)"),
        ("a - b - c", "((a - b) - c)"),
        ("1 + 1..2 + 2", "((1 + 1) .. (2 + 2))"),
        ("-a + b", "((-a) + b)"),
        ("a == -1", "(a == (-1))"),
        ("(a or b) and c", "((a or b) and c)"),
        (
            "if a then b else if c then d else e",
            "(if a then b else (if c then d else e))",
        ),
        (
            "if a == b then c else d |> f",
            "(if (a == b) then c else (d |> f))",
        ),
        ("f(1, by: x)[2]", "f(1, by: x)[2]"),
    ] {
        assert_eq!(value(source), meaning, "{source}");
    }
}

#[test]
fn literals_have_their_values() {
    for (source, meaning) in [
        ("0x92", "146"),
        ("10.00 EUR", "<10.00 EUR>"),
        ("12mm", "<12 mm>"),
        ("12 mmx", "12 mmx"),
        ("\"OCR-B\" 12 pt", "text(\"OCR-B\") <12 pt>"),
        ("x\"A0 00 03\"", "[A0, 00, 03]"),
        ("#5f20", "#5F20"),
        ("chip.#5f20", "chip.#5F20"),
        (
            "\"a {b.c |> d} e\\u{20AC}\\{\"",
            "text(\"a \", (b.c |> d), \" e€{\")",
        ),
        ("[a b, ...c]", "[a b, ...c]"),
        ("(25 mm, 50 mm)", "tuple(<25 mm>, <50 mm>)"),
        ("(a,)", "tuple(a)"),
        ("{ pan = \"1\"; n = 2 }", "{pan=text(\"1\"), n=2}"),
    ] {
        assert_eq!(value(source), meaning, "{source}");
    }
}

#[test]
fn entries_have_their_parts() {
    let source = "/// First.\n/// Second.\n\
                  record order : base.x with a when text(1, 2) == \"DT\" {\n  \
                  pin : pin_block(iso4, under: zpk) at 56 width 32 as hex\n}\n";
    let tree = parse(source).tree;
    let entry = only_entry(&tree);
    assert_eq!(entry.doc().unwrap(), "First.\nSecond.");
    assert_eq!(entry.word(0).unwrap(), "record");
    assert_eq!(entry.word(1).unwrap(), "order");
    assert_eq!(show(&entry.base().unwrap().terms()[0]), "base.x");
    let keywords: Vec<&str> = entry
        .clauses()
        .iter()
        .map(|clause| clause.keyword())
        .collect();
    assert_eq!(keywords, ["with", "when"]);
    let pin = entry.block().unwrap()[0];
    assert_eq!(
        pin.clause("at")
            .unwrap()
            .single()
            .map(|at| show(&at))
            .unwrap(),
        "56"
    );
    assert_eq!(pin.clause("as").unwrap().terms()[0].word().unwrap(), "hex");
    assert_eq!(
        show(&pin.base().unwrap().terms()[0]),
        "pin_block(iso4, under: zpk)"
    );
    assert!(!entry.has_error());
}

#[test]
fn files_have_their_package_and_imports() {
    let tree = parse("//! Docs.\npackage a.b\nuse std.emv\nuse std.cpa // why\nuse = 1\n").tree;
    let file = File::of(&tree);
    assert_eq!(file.docs().unwrap(), "Docs.");
    assert_eq!(file.package().unwrap().text(), "a.b");
    let imports: Vec<String> = file.imports().iter().map(|i| i.path().text()).collect();
    assert_eq!(imports, ["std.emv", "std.cpa"]);
    assert_eq!(file.entries().len(), 1);
}

#[test]
fn a_doc_comment_belongs_only_to_the_entry_right_below() {
    let tree = parse("/// Lost.\n\na = 1\n/// Found.\nb = 2 /// Behind.\nc = 3\n").tree;
    let docs: Vec<Option<String>> = File::of(&tree).entries().iter().map(|e| e.doc()).collect();
    assert_eq!(docs, [None, Some("Found.".to_owned()), None]);
}

#[test]
fn lines_and_columns_count_characters_from_one() {
    let tree = parse("é = 1\nb = 2").tree;
    assert_eq!(tree.line_column(0), (1, 1));
    assert_eq!(tree.line_column(3), (1, 3));
    assert_eq!(tree.line_column(7), (2, 1));
    assert_eq!(tree.line_column(999), (2, 6));
}
