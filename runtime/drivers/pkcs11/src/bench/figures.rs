//! Figures of a token: calls for a card, and cards in an hour at the speeds of real HSMs.

use super::{Bench, Cost};
use crate::error::{self, Refused};

/// Operations a second of a slow, a usual and a fast HSM.
const SPEEDS: [f64; 3] = [60.0, 250.0, 2_500.0];
/// Microseconds of an operation of an HSM behind a network.
const HELD_UP: u64 = 5_000;
/// Cards of one batch: `ahead` of a site.
const TOGETHER: u64 = 64;

/// A figure of ours and of the plain program.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// Ours.
    pub ours: f64,
    /// The plain program's, or that of one session.
    pub plain: f64,
    /// Whether the peer is one session and not the plain program.
    pub against_one: bool,
    /// Whether less is better.
    pub less: bool,
    /// The ratio that is wanted, if one is.
    pub wanted: Option<f64>,
}

/// Measures, each figure for so many seconds.
///
/// # Errors
/// The driver's; R1321 when the plain program and the driver make different values.
pub fn figures(bench: &mut Bench, seconds: f64) -> Result<Vec<Figure>, Refused> {
    // Sessions are opened when they are needed first.
    bench.joined(1, TOGETHER, TOGETHER)?;
    let mut rows = Vec::new();
    for (place, together) in [1, 8, TOGETHER, 4 * TOGETHER].into_iter().enumerate() {
        let (made, ours) = bench.joined(1, together, together)?;
        let (expected, plain) = bench.plain(1, together)?;
        if made != expected {
            return Err(error::SELF_TEST.found("a plain program makes other values"));
        }
        rows.push(Figure {
            name: format!("HSM operations a card, {together} together"),
            ours: ours.operations(),
            plain: plain.operations(),
            against_one: false,
            less: true,
            wanted: (place > 1).then_some(5.0),
        });
    }
    rows.push(hourly("HSM as it is", bench, None, seconds)?);
    for speed in SPEEDS {
        let name = format!("HSM of {speed} operations a second");
        rows.push(hourly(&name, bench, Some(speed), seconds)?);
    }
    rows.extend(lanes(bench, seconds)?);
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
                plain: one.clone()?,
                against_one: true,
                less: false,
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
    speed: Option<f64>,
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
            plain = Some(more(plain, bench.plain(first, 4)?.1));
        }
        if !enough(&ours) {
            ours = Some(more(ours, bench.joined(first, TOGETHER, TOGETHER)?.1));
        }
        first += TOGETHER;
    }
    bench.limit(None);
    let an_hour = |cost: Option<Cost>| cost.map(|c| c.an_hour()).unwrap_or_default();
    Ok(Figure {
        name: name.to_owned(),
        ours: an_hour(ours),
        plain: an_hour(plain),
        against_one: false,
        less: false,
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
