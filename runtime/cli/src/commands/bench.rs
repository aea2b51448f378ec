//! `bench`: figures of this machine, with the peers that are here measured in the same run.
//!
//! One core, one figure after the other. A peer that is not installed is left out, and so is its
//! ratio: a ratio is never made from a figure of another run.

use crate::{arguments::Bench, failure::Failure, terminal};
use cardwright_soft_hsm::bench::{self, Figure};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    time::Instant,
};

const PEER_SCRIPT: &str = include_str!("../../../../tests/peers/psec_pyemv.py");

/// A figure beside its peers.
struct Row {
    row: u32,
    figure: Figure,
    peers: BTreeMap<&'static str, f64>,
    /// Ratio that is wanted over the first peer, and in words.
    goal: Option<(f64, &'static str)>,
}

impl Row {
    /// Larger is better for rates, smaller for times.
    fn ratio(&self) -> Option<f64> {
        let peer = *self.peers.values().next()?;
        let ratio = if self.figure.unit.ends_with("/s") {
            self.figure.value / peer
        } else {
            peer / self.figure.value
        };
        Some(ratio)
    }

    fn holds(&self) -> Option<bool> {
        Some(self.ratio()? >= self.goal?.0)
    }

    fn json(&self) -> Value {
        json!({
            "row": self.row, "name": self.figure.name, "value": self.figure.value,
            "unit": self.figure.unit, "peers": self.peers, "ratio": self.ratio(),
            "goal": self.goal.map(|(_, words)| words), "holds": self.holds(),
        })
    }
}

/// Measures.
pub(crate) fn run(arguments: &Bench) -> Result<u8, Failure> {
    let wanted = |name: &str| {
        arguments
            .only
            .as_deref()
            .is_none_or(|only| name.contains(only))
    };
    let mut rows = Vec::new();
    for (bits, exponent) in bench::KEY_ROWS {
        let name = format!("RSA-{bits} key, e = {exponent}");
        if !wanted(&name) {
            continue;
        }
        let figure = bench::key_generation(bits, exponent, arguments.seconds)?;
        let peer = openssl_keys(bits, exponent, arguments.seconds);
        let row = match (bits, exponent) {
            (1152, 65_537) => 1,
            (_, 3) => 2,
            _ => 3,
        };
        let goal = (bits == 1152).then_some((2.6, "2.6x OpenSSL, in place of the best pure Rust"));
        rows.push(Row {
            row,
            figure,
            peers: peer.into_iter().collect(),
            goal,
        });
    }
    for bits in [1152, 1408, 1984] {
        if wanted(&format!("RSA-{bits} private operation")) {
            let figure = bench::private_operation(bits, arguments.seconds)?;
            rows.push(Row {
                row: 4,
                figure,
                peers: BTreeMap::new(),
                goal: None,
            });
        }
    }
    if wanted("symmetric data generation") {
        let figure = bench::symmetric_data_generation(arguments.seconds)?;
        let peers = python_cards().into_iter().collect();
        rows.push(Row {
            row: 5,
            figure,
            peers,
            goal: Some((25.0, "25x psec + pyemv")),
        });
    }
    if wanted("start of cardstation") {
        rows.push(start_time()?);
    }
    show(&rows, arguments.json);
    Ok(0)
}

fn show(rows: &[Row], as_json: bool) {
    if as_json {
        terminal::json(&Value::Array(rows.iter().map(Row::json).collect()));
        return;
    }
    for row in rows {
        let peers: Vec<String> = row
            .peers
            .iter()
            .map(|(name, value)| format!("{name} {value:.1}"))
            .collect();
        let ratio = row.ratio().map(|r| format!("{r:.1}x")).unwrap_or_default();
        let goal = match (row.goal, row.holds()) {
            (Some((_, words)), Some(true)) => format!("holds: {words}"),
            (Some((_, words)), Some(false)) => format!("FALLS SHORT: {words}"),
            (Some((_, words)), None) => format!("no peer here: {words}"),
            _ => String::new(),
        };
        terminal::print(&format!(
            "{:>2}  {:<30} {:>12.1} {:<8} {:<28} {ratio:>7}  {goal}",
            row.row,
            row.figure.name,
            row.figure.value,
            row.figure.unit,
            peers.join(", ")
        ));
    }
}

/// Keys a second of the installed OpenSSL, its start taken off.
fn openssl_keys(bits: u32, exponent: u32, seconds: f64) -> Option<(&'static str, f64)> {
    let time = |arguments: &[&str]| -> Option<f64> {
        let begun = Instant::now();
        let status = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .ok()?;
        status.success().then(|| begun.elapsed().as_secs_f64())
    };
    let bits = bits.to_string();
    let flag = if exponent == 3 { "-3" } else { "-F4" };
    let (mut spent, mut start, mut keys) = (0.0, 0.0, 0.0);
    while spent < seconds {
        start += time(&["version"])?;
        spent += time(&["genrsa", flag, &bits])?;
        keys += 1.0;
    }
    Some(("openssl genrsa", keys / (spent - start).max(0.001)))
}

/// Cards a second of psec and pyemv, when this machine's Python has them.
fn python_cards() -> Option<(&'static str, f64)> {
    let python = std::env::var("CARDWRIGHT_PYTHON").unwrap_or_else(|_| "python3".into());
    let output = Command::new(python)
        .args(["-W", "ignore", "-c", PEER_SCRIPT])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number = text
        .split_whitespace()
        .find_map(|word| word.parse::<f64>().ok())?;
    Some(("psec + pyemv", number))
}

/// Time from start to end of this program when it has nothing to do.
fn start_time() -> Result<Row, Failure> {
    let program = std::env::current_exe()
        .map_err(|e| Failure::file(std::path::Path::new("cardstation"), &e))?;
    let mut best = f64::MAX;
    for _ in 0..20 {
        let begun = Instant::now();
        let _ = Command::new(&program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        best = best.min(begun.elapsed().as_secs_f64());
    }
    let figure = Figure {
        name: "start of cardstation".into(),
        value: best * 1e3,
        unit: "ms",
    };
    let limit = BTreeMap::from([("limit", 50.0)]);
    Ok(Row {
        row: 13,
        figure,
        peers: limit,
        goal: Some((1.0, "50 ms")),
    })
}
