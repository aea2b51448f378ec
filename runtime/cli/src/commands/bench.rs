//! `bench`: figures of this machine, with the peers that are here measured in the same run.
//!
//! One core, one figure after the other. A peer that is not installed is left out, and so is its
//! ratio: a ratio is never made from a figure of another run.

use super::bench_hsm;
use crate::{arguments::Bench, failure::Failure, terminal};
use cardwright_soft_hsm::bench::{self, Figure};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    time::Instant,
};

const PEER_SCRIPT: &str = include_str!("../../../../tests/peers/psec_pyemv.py");

const OPENSSL_SCRIPT: &str = include_str!("../../../../tests/peers/openssl.py");
/// A peer of a figure and what it reaches.
type Peer = (&'static str, f64);

/// A figure beside its peers.
struct Row {
    row: u32,
    figure: Figure,
    peers: BTreeMap<&'static str, f64>,
    goal: Option<Goal>,
    /// What a reader should know about peers that are missing.
    note: &'static str,
}

/// A ratio that is wanted over a peer, and in words.
#[derive(Clone, Copy)]
struct Goal {
    peer: &'static str,
    ratio: f64,
    words: &'static str,
}

const OPENSSL: &str = "openssl";
const AWS_LC: &str = "aws-lc makes keys from 2048 bits on";

impl Row {
    fn new(row: u32, figure: Figure, peers: impl IntoIterator<Item = Peer>) -> Self {
        Self {
            row,
            figure,
            peers: peers.into_iter().collect(),
            goal: None,
            note: "",
        }
    }

    fn goal(mut self, peer: &'static str, ratio: f64, words: &'static str) -> Self {
        self.goal = Some(Goal { peer, ratio, words });
        self
    }

    /// Over the goal's peer, else over the first; larger is better for all but times.
    fn ratio(&self) -> Option<f64> {
        let peer = match self.goal {
            Some(goal) => self.peers.get(goal.peer)?,
            None => self.peers.values().next()?,
        };
        let ratio = self.figure.value / peer;
        let less_is_better = matches!(self.figure.unit, "us" | "ms" | "calls" | "operations");
        Some(if less_is_better { 1.0 / ratio } else { ratio })
    }

    fn holds(&self) -> Option<bool> {
        Some(self.ratio()? >= self.goal?.ratio)
    }

    fn json(&self) -> Value {
        json!({
            "row": self.row, "name": self.figure.name, "value": self.figure.value,
            "unit": self.figure.unit, "peers": self.peers, "ratio": self.ratio(),
            "goal": self.goal.map(|goal| goal.words), "holds": self.holds(), "note": self.note,
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
    let seconds = arguments.seconds;
    if let Some(module) = &arguments.in_token {
        return bench_hsm::in_token(module, seconds);
    }
    let mut rows = Vec::new();
    for (bits, exponent) in bench::KEY_ROWS {
        if wanted(&format!("RSA-{bits} key, e = {exponent}")) {
            rows.push(key_row(bits, exponent, seconds, &rows)?);
        }
    }
    if wanted("RSA-1152 keys, two threads to one") {
        let one = ("one thread", 1.0);
        let row = Row::new(1, bench::two_cores(1152, seconds)?, [one]);
        rows.push(row.goal("one thread", 1.8, "near twice one, on 2 free cores"));
    }
    for bits in [1152, 1408, 1984, 2048] {
        if wanted(&format!("RSA-{bits} private operation")) {
            rows.push(private_row(bits, seconds)?);
        }
    }
    if wanted("triple DES") {
        rows.extend(des_rows(seconds)?);
    }
    if wanted("symmetric data") {
        rows.extend(symmetric_rows(seconds)?);
    }
    if wanted("whole DDA card") {
        rows.extend(card_rows(seconds)?);
    }
    if wanted("start of cardstation") {
        rows.push(start_time()?);
    }
    if wanted("HSM") {
        rows.extend(hsm_rows(seconds)?);
    }
    show(&rows, arguments.json);
    Ok(0)
}

/// What a card costs an HSM, beside a plain and a naive program with the same work.
fn hsm_rows(seconds: f64) -> Result<Vec<Row>, Failure> {
    use super::bench_hsm::{Peer, Unit};
    let measured = match bench_hsm::figures(seconds)? {
        Ok(measured) => measured,
        Err(why) => {
            terminal::note(&format!("no figures of an HSM: {why}"));
            return Ok(Vec::new());
        }
    };
    let row = |measured: bench_hsm::Measured| {
        let figure = Figure {
            name: measured.name,
            value: measured.ours,
            unit: match measured.unit {
                Unit::Operations => "operations",
                Unit::Functions => "calls",
                Unit::Hourly => "cards/h",
            },
        };
        let (peer, words) = match measured.peer {
            Peer::OneLane => ("one lane", "nine tenths of linear"),
            Peer::Plain => ("plain program", "a fifth of a plain program's"),
            Peer::Naive => ("naive program", "a fifth of a naive program's"),
        };
        let row = Row::new(8, figure, [(peer, measured.theirs)]);
        match measured.wanted {
            Some(ratio) => row.goal(peer, ratio, words),
            None => row,
        }
    };
    Ok(measured.into_iter().map(row).collect())
}

/// Keys of one size and exponent a second.
fn key_row(bits: u32, exponent: u32, seconds: f64, before: &[Row]) -> Result<Row, Failure> {
    let figure = bench::key_generation(bits, exponent, seconds)?;
    let number = match (bits, exponent) {
        (1152, 65_537) => 1,
        (_, 3) => 2,
        _ => 3,
    };
    let mut row = Row::new(number, figure, openssl_keys(bits, exponent, seconds));
    if bits < 2048 {
        row.note = AWS_LC;
    }
    row.peers.extend(crate_peers(bits, exponent, seconds)?);
    let with_65537 = format!("RSA-{bits} key, e = 65537");
    let twin = before.iter().find(|r| r.figure.name == with_65537);
    Ok(match (bits, exponent, twin) {
        (_, 3, Some(twin)) => {
            row.peers.insert("e = 65537", twin.figure.value);
            row.goal("e = 65537", 0.98, "no penalty for e = 3")
        }
        (1152, 65_537, _) => row.goal(OPENSSL, 8.0, "8x OpenSSL"),
        (1984, 65_537, _) => row.goal(OPENSSL, 5.0, "5x OpenSSL"),
        _ => row,
    })
}

/// Time of one private operation.
fn private_row(bits: u32, seconds: f64) -> Result<Row, Failure> {
    let figure = bench::private_operation(bits, seconds)?;
    let size = bits.to_string();
    let peer = openssl_library(seconds, &["private", &size]);
    let mut row = Row::new(4, figure, peer.map(|value| (OPENSSL, value)));
    if bits < 2048 {
        row.note = AWS_LC;
    }
    #[cfg(feature = "aws-lc")]
    if bits == 2048 {
        row.peers
            .insert("aws-lc", bench::aws_lc_private(seconds)?.value);
    }
    Ok(match bits {
        1152 | 1408 => row.goal(OPENSSL, 1.5, "1.5x OpenSSL"),
        _ => row,
    })
}

/// Triple DES: much data under one key, many keys, and the few blocks that one card has.
fn des_rows(seconds: f64) -> Result<Vec<Row>, Failure> {
    let octets = bench::DES_OCTETS.to_string();
    let peer = openssl_library(seconds, &["tdes", &octets]).map(|value| (OPENSSL, value));
    let words = "OpenSSL's speed, constant in time";
    let row = |figure| Row::new(5, figure, peer);
    Ok(vec![
        row(bench::des_one_key(seconds)?).goal(OPENSSL, 1.0, words),
        row(bench::des_own_keys(64, seconds)?).goal(OPENSSL, 1.0, words),
        row(bench::des_few_blocks(seconds)?).goal(OPENSSL, 1.0, words),
        row(bench::des_chain(seconds)?),
    ])
}

/// Symmetric data of a card: card by card, many together, in two sessions.
fn symmetric_rows(seconds: f64) -> Result<Vec<Row>, Failure> {
    let peer = python_cards();
    let words = "25x psec + pyemv";
    let row = |figure| Row::new(5, figure, peer).goal("psec + pyemv", 25.0, words);
    let two = Row::new(14, bench::two_sessions(seconds)?, [("one session", 1.0)]);
    Ok(vec![
        row(bench::symmetric_data_generation(seconds)?),
        row(bench::symmetric_together(64, seconds)?),
        two.goal("one session", 1.8, "near twice one, on 2 free cores"),
    ])
}

/// Whole cards with DDA beside their floor, which is their parts by themselves, and beside the
/// same with OpenSSL's RSA.
fn card_rows(seconds: f64) -> Result<Vec<Row>, Failure> {
    let symmetric = 1.0 / bench::symmetric_data_generation(seconds)?.value;
    let signature = bench::private_operation(bench::ISSUER_BITS, seconds)?.value / 1e6;
    let key = 1.0 / bench::key_generation(bench::CHIP_BITS, 65_537, seconds)?.value;
    let (size, issuer) = (bench::CHIP_BITS.to_string(), bench::ISSUER_BITS.to_string());
    let their_signature = openssl_library(seconds, &["private", &issuer]).map(|us| us / 1e6);
    let their_key = openssl_library(seconds, &["keys", &size, "65537"]).map(|rate| 1.0 / rate);
    let mut rows = Vec::new();
    for pooled in [false, true] {
        let number = if pooled { 7 } else { 6 };
        let made = |key: f64| if pooled { 0.0 } else { key };
        let figure = bench::dda_cards(pooled, seconds)?;
        let floor = 1.0 / (symmetric + signature + made(key));
        let row = Row::new(number, figure.clone(), [("floor", floor)]);
        rows.push(row.goal("floor", 0.9, "90 % of the floor"));
        let theirs = their_signature.zip(their_key);
        let theirs = theirs.map(|(signature, key)| 1.0 / (symmetric + signature + made(key)));
        let row = Row::new(number, figure, theirs.map(|rate| (OPENSSL, rate)));
        rows.push(match pooled {
            false => row.goal(OPENSSL, 4.0, "4x with OpenSSL's RSA"),
            true => row,
        });
    }
    Ok(rows)
}

/// Peers that are compiled in.
#[cfg_attr(
    not(any(feature = "peers", feature = "aws-lc")),
    expect(unused_variables, reason = "without peers there is nothing to measure")
)]
fn crate_peers(bits: u32, exponent: u32, seconds: f64) -> Result<Vec<Peer>, Failure> {
    let mut peers = Vec::new();
    #[cfg(feature = "peers")]
    {
        let figure = bench::rsa_crate_key_generation(bits, exponent, seconds)?;
        peers.push(("rsa 0.9", figure.value));
    }
    #[cfg(feature = "aws-lc")]
    if (bits, exponent) == (2048, 65_537) {
        peers.push(("aws-lc", bench::aws_lc_key_generation(seconds)?.value));
    }
    peers.sort_by_key(|(name, _)| *name);
    Ok(peers)
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
            (Some(goal), Some(true)) => format!("holds: {}", goal.words),
            (Some(goal), Some(false)) => format!("FALLS SHORT: {}", goal.words),
            (Some(goal), None) => format!("no peer here: {}", goal.words),
            _ => String::new(),
        };
        terminal::print(&format!(
            "{:>2}  {:<38} {:>10.1} {:<8} {:<34} {ratio:>7}  {}",
            row.row,
            row.figure.name,
            row.figure.value,
            row.figure.unit,
            peers.join(", "),
            [goal.as_str(), row.note].map(str::trim).join("  ").trim()
        ));
    }
}

/// Keys a second of the installed OpenSSL: of its library, where Python finds it, else of its
/// program with the start taken off.
fn openssl_keys(bits: u32, exponent: u32, seconds: f64) -> Option<Peer> {
    let (size, e) = (bits.to_string(), exponent.to_string());
    openssl_library(seconds, &["keys", &size, &e])
        .or_else(|| openssl_program(&size, exponent, seconds))
        .map(|rate| (OPENSSL, rate))
}

/// What OpenSSL's library does, in processor time: one number.
fn openssl_library(seconds: f64, what: &[&str]) -> Option<f64> {
    python(OPENSSL_SCRIPT, &[&[&*seconds.to_string()], what].concat())
}

fn openssl_program(bits: &str, exponent: u32, seconds: f64) -> Option<f64> {
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
    let flag = if exponent == 3 { "-3" } else { "-F4" };
    let (mut spent, mut start, mut keys) = (0.0, 0.0, 0.0);
    while spent < seconds {
        start += time(&["version"])?;
        spent += time(&["genrsa", flag, bits])?;
        keys += 1.0;
    }
    Some(keys / (spent - start).max(0.001))
}

/// Cards a second of psec and pyemv, when this machine's Python has them.
fn python_cards() -> Option<Peer> {
    Some(("psec + pyemv", python(PEER_SCRIPT, &[])?))
}

/// The first number that a script prints, when this machine's Python can run it.
fn python(script: &str, arguments: &[&str]) -> Option<f64> {
    let python = std::env::var("CARDWRIGHT_PYTHON").unwrap_or_else(|_| "python3".into());
    let output = Command::new(python)
        .args(["-W", "ignore", "-c", script])
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace()
        .find_map(|word| word.parse::<f64>().ok())
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
    Ok(Row::new(13, figure, [("limit", 50.0)]).goal("limit", 1.0, "50 ms"))
}
