//! A bundle's flow as the line of acts that a card passes.

use super::codes::EngineError;
use super::effect::Act;
use cardwright_bundle::{Constant, Flow};

/// One act of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Act.
    pub act: Act,
    /// Index of its station in the flow.
    pub step: u32,
}

/// The line for one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Stock that cards come from.
    pub stock: String,
    /// Bin for rejected cards.
    pub bin: String,
    /// How often a spoilt card is made again by itself, when it surely lies in the bin.
    pub retries: u32,
    /// Acts after the feeder, in order: writing, validation, handling, gate.
    pub moves: Vec<Move>,
}

impl Route {
    /// Makes the line of a flow. Validation comes after the last writing station and before the
    /// carrier; the gate comes last.
    pub fn of_flow(flow: &Flow) -> Result<Self, EngineError> {
        let Some((feeder, stations)) = flow.steps.split_first() else {
            return Err(EngineError::new("R1450", "the flow has no station"));
        };
        let stock = text(&feeder.settings, "stock");
        let Some(stock) = stock.filter(|_| feeder.station == "feed") else {
            return Err(EngineError::new(
                "R1450",
                "the first station feeds no stock",
            ));
        };
        let mut route = Self {
            stock,
            bin: text(&feeder.settings, "reject_bin").unwrap_or_else(|| "reject".to_owned()),
            retries: 0,
            moves: Vec::new(),
        };
        for (step, station) in (1u32..).zip(stations) {
            if let Some(bin) = text(&station.settings, "bin") {
                route.bin = bin;
            }
            if let Some(retries) = number(&station.settings, "retry") {
                route.retries = route.retries.max(retries);
            }
            for act in acts(&station.station, step)? {
                route.append(act, step)?;
            }
        }
        route.close(stations.len())?;
        Ok(route)
    }

    fn append(&mut self, act: Act, step: u32) -> Result<(), EngineError> {
        let validated = self.moves.iter().any(|m| m.act == Act::Validate);
        if act.handles() && !validated {
            self.moves.push(Move {
                act: Act::Validate,
                step,
            });
        } else if validated && !act.handles() {
            let what = format!("`{}` comes after the carrier", act.name());
            return Err(EngineError::new("R1451", what));
        }
        self.moves.push(Move { act, step });
        Ok(())
    }

    fn close(&mut self, stations: usize) -> Result<(), EngineError> {
        let step =
            u32::try_from(stations).map_err(|_| EngineError::new("R1458", "too many stations"))?;
        if !self.moves.iter().any(|m| m.act == Act::Validate) {
            self.moves.push(Move {
                act: Act::Validate,
                step,
            });
        }
        self.moves.push(Move {
            act: Act::CheckGate,
            step,
        });
        Ok(())
    }
}

fn acts(station: &str, step: u32) -> Result<Vec<Act>, EngineError> {
    Ok(match station {
        "chip" => vec![Act::WriteChip { step }],
        "stripe" => vec![Act::Encode { step }, Act::ReadStripe { step }],
        "emboss" => vec![Act::Emboss { step }],
        "print" => vec![Act::Print { step }],
        "vision" => vec![Act::Vision { step }],
        "carrier" => vec![Act::Carrier { step }],
        "insert" => vec![Act::Insert { step }],
        other => {
            let name: String = other.chars().take(40).collect();
            return Err(EngineError::new("R1458", format!("station `{name}`")));
        }
    })
}

fn setting<'a>(settings: &'a [(String, Constant)], name: &str) -> Option<&'a Constant> {
    settings.iter().find(|(n, _)| n == name).map(|(_, v)| v)
}

fn text(settings: &[(String, Constant)], name: &str) -> Option<String> {
    match setting(settings, name) {
        Some(Constant::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

fn number(settings: &[(String, Constant)], name: &str) -> Option<u32> {
    match setting(settings, name) {
        Some(Constant::Number(number)) => u32::try_from(*number).ok(),
        _ => None,
    }
}
