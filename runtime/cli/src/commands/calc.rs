//! `calc`: calculators for engineers.

use crate::{
    arguments::Calc,
    failure::{Failure, exit},
    terminal,
};
use serde_json::{Map, Value, json};

/// One calculation from the command line, or one a line from standard input.
pub(crate) fn run(arguments: &Calc) -> Result<u8, Failure> {
    if arguments.jsonl {
        let input = std::io::stdin().lock();
        let output = std::io::BufWriter::new(std::io::stdout().lock());
        return match cardwright_calc::run_jsonl(input, output) {
            Ok(()) => Ok(0),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(0),
            Err(error) => Err(Failure::file(
                std::path::Path::new("standard input"),
                &error,
            )),
        };
    }
    let Some(op) = &arguments.op else {
        return Err(Failure::new(
            2,
            "E0091",
            "no operation named",
            "cardstation calc luhn pan=9999920000000029, or `--jsonl`",
        ));
    };
    let mut named = Map::new();
    for argument in &arguments.arguments {
        let Some((name, value)) = argument.split_once('=') else {
            return Err(Failure::new(
                2,
                "E0092",
                "an argument is not name=value",
                "write name=value",
            ));
        };
        // Numbers are numbers in JSON; digits with a leading zero are text.
        let number = value
            .parse::<u64>()
            .ok()
            .filter(|n| n.to_string() == value && value.len() < 4);
        named.insert(
            name.to_owned(),
            number.map_or_else(|| json!(value), |n| json!(n)),
        );
    }
    match cardwright_calc::calc(op, &named) {
        Ok(Value::String(text)) => terminal::print(&text),
        Ok(value) => terminal::json(&value),
        Err(error) => {
            return Err(Failure::new(
                exit::FINDINGS,
                error.code,
                error.message,
                "see the operations in docs/operator/calculators.md",
            ));
        }
    }
    Ok(0)
}
