//! Makes the matcher of the language from its grammar: `src/grammar.pest` is read by pest's own
//! reader, checked and optimised by it, and written out as functions over the octets of a text.

#![allow(clippy::print_stdout, reason = "how a build script speaks to cargo")]

mod sets;
mod write;

use pest_meta::optimizer::{OptimizedRule, optimize};
use pest_meta::parser::{Rule, consume_rules, parse};
use pest_meta::validator::validate_pairs;
use std::error::Error;
use std::path::Path;

const GRAMMAR: &str = "src/grammar.pest";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={GRAMMAR}");
    println!("cargo::rerun-if-changed=build");
    let rules = rules(&std::fs::read_to_string(GRAMMAR)?)?;
    let made = write::matcher(&rules)?;
    let folder = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&folder).join("grammar.rs"), made)?;
    Ok(())
}

/// The rules of a grammar, as pest would match them.
fn rules(grammar: &str) -> Result<Vec<OptimizedRule>, Box<dyn Error>> {
    let pairs = parse(Rule::grammar_rules, grammar)?;
    validate_pairs(pairs.clone()).map_err(all)?;
    Ok(optimize(consume_rules(pairs).map_err(all)?))
}

/// All that is wrong with a grammar, as one text.
fn all<E: ToString>(errors: Vec<E>) -> String {
    let errors: Vec<String> = errors.iter().map(E::to_string).collect();
    errors.join("\n")
}
