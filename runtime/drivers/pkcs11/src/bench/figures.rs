//! Figures of a token: calls for a card, and cards in an hour at the speeds of real HSMs.

use super::{Bench, Cost, Manner};
use crate::error::{self, Refused};

/// Operations a second of a slow, a usual and a fast HSM.
const SPEEDS: [f64; 3] = [60.0, 250.0, 2_500.0];
/// Microseconds of an operation of an HSM behind a network.
const HELD_UP: u64 = 5_000;
/// Cards of one batch: `ahead` of a site.
const TOGETHER: u64 = 64;

/// Who did the same work beside this driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A program that keeps its handles and joins nothing.
    Plain,
    /// One that looks each key up at each use, too.
    Naive,
    /// This driver with one session.
    OneLane,
}

/// What is counted for a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// What the token works on: `C_EncryptInit` and `C_Encrypt` are one.
    Operations,
    /// All functions of PKCS#11 that are called.
    Functions,
    /// Cards in an hour.
    Hourly,
}

/// A figure of ours and of a peer.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// In what.
    pub unit: Unit,
    /// Ours.
    pub ours: f64,
    /// The peer's.
    pub theirs: f64,
    /// Who the peer is.
    pub peer: Peer,
    /// The ratio that is wanted, if one is.
    pub wanted: Option<f64>,
}

/// Measures where host memory may hold keys of cards, each figure for so many seconds.
///
/// # Errors
/// The driver's; R1321 when another program and the driver make different values.
pub fn figures(bench: &mut Bench, seconds: f64) -> Result<Vec<Figure>, Refused> {
    let site = ("host memory preferred", Manner::default());
    let mut rows = counts(bench, site, &[1, 8, TOGETHER, 4 * TOGETHER])?;
    rows.extend(speeds(bench, site, seconds)?);
    rows.extend(lanes(bench, seconds)?);
    Ok(rows)
}

/// The same where it may not, and data are made ahead of the machine.
///
/// # Errors
/// As for `figures`.
pub fn figures_inside(bench: &mut Bench, seconds: f64) -> Result<Vec<Figure>, Refused> {
    let manner = Manner {
        through_storage: true,
        looks_up: false,
    };
    let site = ("host memory refused", manner);
    let mut rows = counts(bench, site, &[1, TOGETHER])?;
    rows.extend(speeds(bench, site, seconds)?);
    Ok(rows)
}

/// What a site allows, and how a program works there.
type Site = (&'static str, Manner);

/// Operations and functions for a card, so many cards together.
fn counts(bench: &mut Bench, (site, manner): Site, groups: &[u64]) -> Result<Vec<Figure>, Refused> {
    // Sessions are opened when they are needed first.
    bench.joined(1, TOGETHER, TOGETHER)?;
    let naive = Manner {
        looks_up: true,
        ..manner
    };
    let mut rows = Vec::new();
    for together in groups {
        let (made, ours) = bench.joined(1, *together, *together)?;
        let peers = [(Peer::Plain, manner), (Peer::Naive, naive)];
        for (peer, manner) in peers {
            let (expected, theirs) = bench.plain(1, *together, manner)?;
            if made != expected {
                return Err(error::SELF_TEST.found("another program makes other values"));
            }
            let (unit, word, ours, theirs) = match peer {
                Peer::Naive => {
                    let functions = (ours.functions(), theirs.functions());
                    (Unit::Functions, "functions", functions.0, functions.1)
                }
                _ => {
                    let operations = (ours.operations(), theirs.operations());
                    (Unit::Operations, "operations", operations.0, operations.1)
                }
            };
            rows.push(Figure {
                name: format!("HSM {word} a card, {together} together, {site}"),
                unit,
                ours,
                theirs,
                peer,
                wanted: (*together >= TOGETHER).then_some(5.0),
            });
        }
    }
    Ok(rows)
}

/// Cards in an hour at the speeds of HSMs.
fn speeds(bench: &mut Bench, site: Site, seconds: f64) -> Result<Vec<Figure>, Refused> {
    let mut rows = vec![hourly("HSM as it is", bench, (None, site), seconds)?];
    for speed in SPEEDS {
        let name = format!("HSM of {speed} operations a second");
        rows.push(hourly(&name, bench, (Some(speed), site), seconds)?);
    }
    Ok(rows)
}

/// Cards whose verification values lanes make in an hour, each lane in a session, with an HSM whose
/// operations take their time but do not wait for each other.
fn lanes(bench: &Bench, seconds: f64) -> Result<Vec<Figure>, Refused> {
    bench.hold_up(HELD_UP);
    let one = bench.lanes(1, TOGETHER, seconds);
    let more: Result<Vec<Figure>, Refused> = [2, 4]
        .into_iter()
        .map(|lanes| {
            let ours = bench.lanes(lanes, TOGETHER, seconds)?;
            Ok(Figure {
                name: format!("HSM of {} ms, {lanes} lanes", HELD_UP / 1_000),
                ours,
                theirs: one.clone()?,
                unit: Unit::Hourly,
                peer: Peer::OneLane,
                wanted: Some(0.9 * lanes as f64),
            })
        })
        .collect();
    bench.hold_up(0);
    more
}

/// Cards in an hour with an HSM of some speed.
fn hourly(
    name: &str,
    bench: &mut Bench,
    (speed, (site, manner)): (Option<f64>, Site),
    seconds: f64,
) -> Result<Figure, Refused> {
    bench.limit(speed);
    let mut plain: Option<Cost> = None;
    let mut ours: Option<Cost> = None;
    let enough = |cost: &Option<Cost>| cost.as_ref().is_some_and(|c| c.seconds >= seconds);
    // By turns, so that other load on the machine meets both.
    let mut first = 1;
    while !(enough(&plain) && enough(&ours)) {
        if !enough(&plain) {
            plain = Some(more(plain, bench.plain(first, 4, manner)?.1));
        }
        if !enough(&ours) {
            ours = Some(more(ours, bench.joined(first, TOGETHER, TOGETHER)?.1));
        }
        first += TOGETHER;
    }
    bench.limit(None);
    let an_hour = |cost: Option<Cost>| cost.map(|c| c.an_hour()).unwrap_or_default();
    Ok(Figure {
        name: format!("{name}, {site}"),
        unit: Unit::Hourly,
        ours: an_hour(ours),
        theirs: an_hour(plain),
        peer: Peer::Plain,
        wanted: None,
    })
}

/// Two costs as one; the calls of the later one.
fn more(so_far: Option<Cost>, mut next: Cost) -> Cost {
    if let Some(so_far) = so_far {
        next.cards += so_far.cards;
        next.seconds += so_far.seconds;
    }
    next
}
