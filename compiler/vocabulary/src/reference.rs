//! The language reference book, made from the tables.

use crate::{
    Attribute, CVM_CODES, CVM_CONDITIONS, CodeList, Coded, FUNCTIONS, Function, Is, KEY_ALGORITHMS,
    KEY_USES, KINDS, Kind, Need, QUIRKS, RUN_FIELDS, Reading, SERVICE_CODE_WORDS, SINKS, Shape,
    SpeaksOf, Takes, Want, bit_fields, data_elements,
};
use std::fmt::Write as _;

/// The book as Markdown.
#[must_use]
pub fn reference_markdown() -> String {
    let mut out = String::from(
        "# Language reference\n\nMade from the vocabulary's tables; change those, not this page: \
         `UPDATE=1 cargo test -p cardwright-vocabulary` writes it anew.\n\n\
         An entry is head words, perhaps `: base`, clauses, `= value` and a block. `<…>` stands \
         for what is to be filled in, `[…]` for a word that may be left out.\n",
    );
    out.push_str("\n## Declarations and blocks\n");
    for kind in KINDS.iter() {
        kind_page(kind, &mut out);
    }
    functions(&mut out);
    sinks(&mut out);
    keys(&mut out);
    quirks(&mut out);
    flags(&mut out);
    coded("Cardholder verification methods", CVM_CODES, &mut out);
    coded(
        "Cardholder verification conditions",
        CVM_CONDITIONS,
        &mut out,
    );
    elements(&mut out);
    out
}

fn quirks(out: &mut String) {
    out.push_str(
        "\n## Quirks of card products\n\nDeclared with a reason, in a profile, an application or a \
         platform: `quirks { le_required = \"the first lot answers 6700 without it\" }`.\n\n\
         | name | meaning |\n|---|---|\n",
    );
    for row in QUIRKS {
        let _ = writeln!(out, "| `{}` | {} |", row.name, cell(row.doc));
    }
}

fn kind_page(kind: &Kind, out: &mut String) {
    let level = if kind.top { "###" } else { "####" };
    let _ = writeln!(out, "\n{level} `{}`\n\n{}", kind.name, kind.doc);
    if !kind.reference.is_empty() {
        let _ = writeln!(out, "\nSource: {}.", kind.reference);
    }
    if !kind.types.is_empty() {
        let _ = writeln!(out, "\nAfter the colon: {}.", ticked(kind.types));
    }
    if kind.inherits {
        let _ = writeln!(
            out,
            "\nBuilds on another: `{} gold : debit`. A base marks attributes `required`, \
             `default` or `final`.",
            kind.name
        );
    }
    match kind.speaks_of {
        SpeaksOf::Nothing => {}
        SpeaksOf::Record => out.push_str("\nSpeaks of a record: `for orders.order`.\n"),
        SpeaksOf::Decl(other) => {
            let _ = writeln!(out, "\nSpeaks of a {other}: `for …`.");
        }
        SpeaksOf::RecordOrKind => {
            out.push_str("\nSpeaks of a record (`for orders.order`) or a kind (`for profile`).\n");
        }
    }
    if kind.attributes.is_empty() {
        return;
    }
    out.push_str("\n| entry | takes | need | meaning |\n|---|---|---|---|\n");
    for row in kind.attributes {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            cell(row.pattern),
            cell(&shape(row.shape)),
            cell(&need(row)),
            cell(&meaning(row)),
        );
    }
}

fn meaning(row: &Attribute) -> String {
    let mut text = row.doc.to_owned();
    for clause in row.clauses {
        let _ = write!(text, "; `{}`: {}", clause.keyword, clause.doc);
    }
    if !row.reference.is_empty() {
        let _ = write!(text, " ({})", row.reference);
    }
    text
}

fn need(row: &Attribute) -> String {
    let many = if row.repeat { ", several" } else { "" };
    match row.need {
        Need::Required => format!("required{many}"),
        Need::Default(value) => format!("default `{value}`{many}"),
        Need::Optional => format!("optional{many}"),
    }
}

/// What stands after the head of a row, in words with Markdown marks.
#[must_use]
pub fn takes_markdown(row: &Attribute) -> String {
    shape(row.shape)
}

fn shape(shape: Shape) -> String {
    match shape {
        Shape::Bare => "nothing".to_owned(),
        Shape::Block(kind) => format!("a block `{kind}`"),
        Shape::BareOrBlock(kind) => format!("a block `{kind}`, or nothing"),
        Shape::Field(_) => "a type, perhaps a value".to_owned(),
        Shape::Part => "a type and its value".to_owned(),
        Shape::Value(is) => value(is),
        Shape::ValueAndBlock(is, kind) => format!("{}, perhaps a block `{kind}`", value(is)),
    }
}

fn value(is: Is) -> String {
    match is {
        Is::Call(names) => format!("{}`(…)`", ticked(names)),
        Is::CallOrRef(names, kinds) => {
            format!("{}`(…)`, or a {}", ticked(names), kinds.join(" or a "))
        }
        Is::Colour => "a colour".to_owned(),
        Is::Expr(want, sink) => {
            let ends = sink.map_or_else(String::new, |s| format!(", for {}", s.words()));
            format!("{}{ends}", wanted(want))
        }
        Is::Element => "a data element's value".to_owned(),
        Is::File => "`file(\"…\")`".to_owned(),
        Is::Flags(set) => format!("flags `{set}`"),
        Is::Font => "a font and its size".to_owned(),
        Is::Hex(least, most) if least == most => format!("{least} octets"),
        Is::Hex(least, most) => format!("{least} to {most} octets"),
        Is::Key(uses) => format!("a key for {}", ticked(uses)),
        Is::KeyByOrder(uses) => format!(
            "a key for {}, or one of several: `if … then … else …`",
            ticked(uses)
        ),
        Is::KeyUse => "a key use".to_owned(),
        Is::Length => "a length".to_owned(),
        Is::Code(CodeList::Countries) => "a country: `FR` or `250`".to_owned(),
        Is::Code(CodeList::Currencies) => "a currency: `EUR` or `978`".to_owned(),
        Is::Number(least, most) => format!("a number, {least} to {most}"),
        Is::Point => "`(x, y)`".to_owned(),
        Is::Place => "`(x, y)` or `(x, y, width, height)`".to_owned(),
        Is::Rect => "`(x, y, width, height)`".to_owned(),
        Is::Record => "`{ field = value; … }`".to_owned(),
        Is::Ref(kinds) => format!("a {}", kinds.join(" or ")),
        Is::RefList(kinds) => format!("a list of {}", kinds.join(" or ")),
        Is::RefListWhen(kinds) => format!(
            "a list of {}, each perhaps with `when` and a condition",
            kinds.join(" or ")
        ),
        Is::Named(words, kinds) => {
            format!("a list of {}, or a {}", ticked(words), kinds.join(" or a "))
        }
        Is::TagList => "tags".to_owned(),
        Is::Text(most) => format!("a text, at most {most}"),
        Is::TextList => "texts".to_owned(),
        Is::Truth => "`true` or `false`".to_owned(),
        Is::Word(words) => format!("one of {}", ticked(words)),
        Is::WordList(words) => format!("some of {}", ticked(words)),
        Is::Readings => "things on the card".to_owned(),
        Is::Any => "see there".to_owned(),
    }
}

fn wanted(want: Want) -> String {
    match want {
        Want::Choice(words) => {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("one of {}", ticked(&words))
        }
        Want::Condition => "a condition".to_owned(),
        Want::Date => "a date".to_owned(),
        Want::Lines => "lines".to_owned(),
        Want::Octets => "octets".to_owned(),
        Want::Pin => "a PIN".to_owned(),
        Want::ServiceCode => "a service code".to_owned(),
        Want::Text(most) => format!("text, at most {most}"),
        Want::Track1 => "track 1".to_owned(),
        Want::Track2 => "track 2".to_owned(),
    }
}

fn functions(out: &mut String) {
    out.push_str(
        "\n## Functions\n\n`a |> f(b)` is `f(a, b)`; a key never comes through a pipe. Arguments \
         with a colon are given by name.\n\n| function | meaning |\n|---|---|\n",
    );
    for row in FUNCTIONS {
        let _ = writeln!(
            out,
            "| `{}` | {} |",
            cell(&signature(row)),
            cell(&function_doc(row))
        );
    }
    out.push_str("\n### What the run knows\n\n| field | meaning |\n|---|---|\n");
    for field in RUN_FIELDS {
        let _ = writeln!(out, "| `run.{}` | {} |", field.name, cell(field.doc));
    }
}

/// A function as it is called, with what it takes and what stands for what is left out.
#[must_use]
pub fn signature(row: &Function) -> String {
    let mut text = format!("{}(", row.name);
    for (n, param) in row.params.iter().enumerate() {
        if n > 0 {
            text.push_str(", ");
        }
        text.push_str(param.name);
        if param.named {
            text.push_str(": …");
        }
        if let Some(default) = param.default {
            let _ = write!(text, " = {default}");
        }
    }
    if row.variadic {
        text.push_str(", …");
    }
    text.push(')');
    text
}

fn function_doc(row: &Function) -> String {
    let mut text = row.doc.to_owned();
    for param in row.params {
        match param.takes {
            Takes::Key([]) => {}
            Takes::Key(uses) => {
                let _ = write!(text, "; key for {}", ticked(uses));
            }
            Takes::Word(words) => {
                let _ = write!(text, "; {}: {}", param.name, ticked(words));
            }
            Takes::ConstNumber(least, most) => {
                let _ = write!(text, "; {}: {least} to {most}", param.name);
            }
            _ => {}
        }
    }
    text
}

fn sinks(out: &mut String) {
    out.push_str(
        "\n## Sinks\n\nA value reaches a sink below its secrecy only through a named operation \
         that lowers it.\n\n| sink | takes at most | otherwise |\n|---|---|---|\n",
    );
    for row in SINKS {
        let pan = if row.takes_pan { "" } else { ", never the PAN" };
        let level = row.clearance.word();
        let _ = writeln!(
            out,
            "| {} | {level}{pan} | {} |",
            row.words,
            cell(row.advice)
        );
    }
}

fn keys(out: &mut String) {
    out.push_str("\n## Keys\n\n| algorithm | meaning |\n|---|---|\n");
    for (name, doc) in KEY_ALGORITHMS {
        let _ = writeln!(out, "| `{name}` | {} |", cell(doc));
    }
    out.push_str("\n| use | X9.143 | algorithms | meaning |\n|---|---|---|---|\n");
    for row in KEY_USES {
        let algorithms = row.algorithms.join(", ");
        let _ = writeln!(
            out,
            "| `{}` | {} | {algorithms} | {} |",
            row.name,
            row.tr31,
            cell(row.doc)
        );
    }
}

fn flags(out: &mut String) {
    out.push_str(
        "\n## Named bits\n\nA value is written as a list of words: `[dda, cda]`; where bits count, the \
         number stands beside the word: `[priority(2)]`. Where no data element says which field is \
         meant, `bits(FIELD, [\u{2026}])` gives its octets.\n",
    );
    for field in bit_fields() {
        let tags: Vec<String> = field.tags.iter().map(|t| format!("#{t:02X}")).collect();
        let place = if tags.is_empty() {
            String::new()
        } else {
            format!("{}; ", tags.join(", "))
        };
        let _ = writeln!(
            out,
            "\n### `{}`: {} ({place}{})\n\n| word | octet | bits | meaning |\n|---|---|---|---|",
            field.name, field.title, field.reference
        );
        for row in field.rows {
            let (word, bits) = match row.reading {
                Reading::Bit => (row.word.to_owned(), format!("{:02X}", row.mask)),
                Reading::Code(code) => {
                    let bits = format!("{code:02X} of {:02X}", row.mask);
                    (row.word.to_owned(), bits)
                }
                Reading::Number => (
                    format!("{}(n)", row.word),
                    format!("number in {:02X}", row.mask),
                ),
            };
            let _ = writeln!(
                out,
                "| `{word}` | {} | {bits} | {} |",
                row.octet,
                cell(row.text)
            );
        }
    }
    out.push_str(
        "\n## Service codes\n\nThree digits, or three words: \
         `[international_chip, normal_authorization, no_restrictions]` is 201 (ISO/IEC 7813).\n\n\
         | word | digit | is | meaning |\n|---|---|---|---|\n",
    );
    for row in SERVICE_CODE_WORDS {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            row.word,
            row.place,
            row.digit,
            cell(row.text)
        );
    }
}

fn coded(title: &str, rows: &[Coded], out: &mut String) {
    let _ = writeln!(
        out,
        "\n## {title}\n\n| word | code | meaning |\n|---|---|---|"
    );
    for row in rows {
        let _ = writeln!(
            out,
            "| `{}` | {:02X} | {} |",
            row.word,
            row.code,
            cell(row.doc)
        );
    }
}

fn elements(out: &mut String) {
    out.push_str(
        "\n## Data elements\n\nBy tag or by name. Lengths in octets; for an element of the \
         terminal, what a data object list asks for.\n\n\
         | tag | name | meaning | format | length | from |\n|---|---|---|---|---|---|\n",
    );
    for e in data_elements() {
        let length = if e.min == e.max {
            e.min.to_string()
        } else {
            format!("{} to {}", e.min, e.max)
        };
        let from = if e.scheme.is_empty() {
            e.source.clone()
        } else {
            format!("{}, {}", e.source, e.scheme)
        };
        let _ = writeln!(
            out,
            "| `#{}` | `{}` | {} | {} | {length} | {from} |",
            e.tag,
            e.name,
            cell(&e.title),
            e.format
        );
    }
}

fn ticked(words: &[&str]) -> String {
    let ticked: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    ticked.join(", ")
}

/// Text that stands in a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
