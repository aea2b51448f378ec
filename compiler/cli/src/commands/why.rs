//! `why`: what stands behind an output of an order, as a tree.

use crate::{
    arguments::{Format, Why},
    failure::{Failure, exit},
    terminal,
};
use cardwright_rehearsal::{Because, Rehearsal, SecondFile};
use std::{fs::File, io::BufReader, path::Path};

/// Carries the verb out.
pub(crate) fn run(arguments: &Why) -> Result<u8, Failure> {
    let bundle = super::bundle_or_project(&arguments.bundle)?;
    let mut rehearsal = Rehearsal::new(bundle)?;
    let mut orders = open(&arguments.orders)?;
    let mut files = Vec::new();
    for with in &arguments.with {
        let (name, path) = with.split_once('=').ok_or_else(|| {
            let what = format!("`{with}` is not NAME=FILE");
            Failure::new(
                exit::USAGE,
                "R1532",
                what,
                "name a join of the format and its file",
            )
        })?;
        files.push((name.to_owned(), open(Path::new(path))?));
    }
    let seconds: Vec<SecondFile<'_>> = files
        .iter_mut()
        .map(|(name, file)| (name.clone(), file as &mut dyn std::io::BufRead))
        .collect();
    let job = arguments.job.as_deref();
    let output = &arguments.output;
    let why = rehearsal.why(job, &mut orders, seconds, arguments.order, output)?;
    if arguments.format == Format::Json {
        terminal::json(&serde_json::to_value(&why).unwrap_or_default());
        return Ok(0);
    }
    let product = match why.product.as_str() {
        "" => String::new(),
        code => format!(", product {code}"),
    };
    terminal::print(&format!(
        "{}  ({})\norder {} (line {}){product}, card {}\n",
        why.output, why.title, why.order, why.line, why.card
    ));
    for because in &why.because {
        tree(because, "", "");
    }
    if !why.rules.is_empty() {
        terminal::print("\nrules that the order keeps");
        for rule in &why.rules {
            terminal::print(&format!("  {}  {}", rule.place, rule.rule));
        }
    }
    Ok(0)
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let file = File::open(path).map_err(|error| Failure::file(path, &error))?;
    Ok(BufReader::new(file))
}

/// One operation and what it was given, drawn with lines.
fn tree(because: &Because, first: &str, rest: &str) {
    let part = match because.part.as_str() {
        "" => String::new(),
        part => format!("{part}: "),
    };
    let mut line = format!("{first}{part}{}", because.operation);
    if !because.value.is_empty() {
        line.push_str(&format!(" = {}", because.value));
    }
    if because.told_above {
        line.push_str("  (told above)");
    }
    if !because.place.is_empty() {
        line.push_str(&format!("  # {}", because.place));
    }
    terminal::print(&line);
    let last = because.parts.len();
    let under = if last > 0 { "│ " } else { "  " };
    for key in &because.keys {
        terminal::print(&format!("{rest}{under} key {}: {}", key.name, key.usage));
    }
    if let Some(input) = &because.input {
        let line = input
            .line
            .map(|n| format!(", line {n}"))
            .unwrap_or_default();
        let column = input
            .column
            .map(|n| format!(", column {n}"))
            .unwrap_or_default();
        let width = input
            .width
            .map(|n| format!(", {n} character{}", if n == 1 { "" } else { "s" }))
            .unwrap_or_default();
        terminal::print(&format!(
            "{rest}{under} from the order file{line}{column}{width}"
        ));
    }
    for (n, part) in because.parts.iter().enumerate() {
        let (branch, below) = if n + 1 == last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        tree(part, &format!("{rest}{branch}"), &format!("{rest}{below}"));
    }
}
