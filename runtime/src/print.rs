//! The plan's stable text print: every step of every product, with its secrecy and its source.

use crate::{Loaded, RuntimeError};
use cardwright_bundle::{Card, Constant, Content, Node, Op};
use std::fmt::Write;

/// Prints the plan of all cards of a bundle.
pub fn plan(loaded: &Loaded) -> Result<String, RuntimeError> {
    let content = loaded.content();
    let mut text = String::new();
    for card in &content.cards {
        let program = loaded.program(card.program)?;
        let _ = writeln!(
            text,
            "card {} for {}.{}",
            card.name, program.format, program.record
        );
        for (at, node) in program.nodes.iter().enumerate() {
            let _ = writeln!(text, "  {at:>4}  {}", step(node, content));
        }
        sinks(&mut text, card);
    }
    Ok(text)
}

fn step(node: &Node, content: &Content) -> String {
    let refs = |args: &[u32]| {
        args.iter()
            .map(|id| format!("%{id}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let what = match &node.op {
        Op::Field { record, field } => format!("{record}.{field}"),
        Op::Constant { value } => match value {
            Constant::Text(text) => format!("{text:?}"),
            Constant::Bytes(hex) => format!("x\"{hex}\""),
            Constant::Number(number) => number.to_string(),
            Constant::Flag(flag) => flag.to_string(),
        },
        Op::Apply { function, args } => format!("{function}({})", refs(args)),
        Op::Intent { intent, keys, args } => {
            let names: Vec<&str> = keys
                .iter()
                .filter_map(|key| content.keys.get(*key as usize).map(|k| k.name.as_str()))
                .collect();
            format!("hsm {intent}[{}]({})", names.join(", "), refs(args))
        }
        Op::Listed { table, key } => format!("listed {}[%{key}]", table_name(*table, content)),
        Op::Lookup {
            table,
            column,
            key,
            otherwise,
        } => {
            let name = content.tables.get(*table as usize);
            let name = name.and_then(|t| t.columns.get(*column as usize));
            let name = name.map_or("?", |c| c.name.as_str());
            let rest = otherwise.map_or_else(String::new, |id| format!(" else %{id}"));
            format!(
                "lookup {}.{name}[%{key}]{rest}",
                table_name(*table, content)
            )
        }
        Op::Choose {
            condition,
            then,
            otherwise,
        } => {
            format!("if %{condition} then %{then} else %{otherwise}")
        }
        Op::Count { record } => format!("count({record})"),
        Op::Sum {
            record,
            field,
            digits: 0,
            ..
        } => format!("sum({record}.{field})"),
        Op::Sum {
            record,
            field,
            digits,
            ..
        } => format!("hash_total({record}.{field}, {digits})"),
    };
    format!(
        "{what} : {:?} {:?}{}",
        node.gives,
        node.secrecy,
        source(node.span, content)
    )
}

fn table_name(table: u32, content: &Content) -> &str {
    let table = content.tables.get(table as usize);
    table.map_or("?", |t| t.name.as_str())
}

fn source(span: u32, content: &Content) -> String {
    if span == 0 {
        return String::new();
    }
    content
        .spans
        .get(span as usize)
        .and_then(|span| {
            let source = content.sources.get(span.source as usize)?;
            Some(format!("  # {}:{}:{}", source.path, span.line, span.column))
        })
        .unwrap_or_default()
}

fn sinks(text: &mut String, card: &Card) {
    for application in card.chip.iter().flat_map(|chip| &chip.applications) {
        let when = application.when.map(|id| format!("  when %{id}"));
        let _ = writeln!(
            text,
            "  application {} {}{}",
            application.name,
            application.aid,
            when.unwrap_or_default()
        );
        for dgi in &application.dgis {
            let sealed = if dgi.encrypted { " enciphered" } else { "" };
            let _ = writeln!(
                text,
                "    DGI {:04X} = %{}{sealed}  {}",
                dgi.number, dgi.node, dgi.title
            );
            for field in &dgi.fields {
                let _ = writeln!(text, "      {} = %{}", field.name, field.node);
            }
        }
    }
    if let Some(stripe) = &card.stripe {
        for (name, id) in [("track 1", stripe.track1), ("track 2", stripe.track2)] {
            if let Some(id) = id {
                let _ = writeln!(text, "  {name} = %{id}");
            }
        }
    }
    for face in &card.faces {
        for line in &face.emboss {
            let _ = writeln!(
                text,
                "  {:?} line {} = %{}",
                face.side, line.line, line.node
            );
        }
        for panel in &face.print {
            let _ = writeln!(
                text,
                "  {:?} panel {} = %{}",
                face.side, panel.name, panel.node
            );
        }
    }
}
