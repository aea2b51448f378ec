//! Data generation: an order becomes everything that its card will hold, once and for all.
//!
//! The result keeps what was drawn (PIN, ICC key), so that a second run of the same order gives
//! the same card, and holds secrets only as the HSM sealed them.

use crate::{
    Loaded, RuntimeError, Value,
    certified::Certified,
    load::broken,
    plan::{BoundKeys, Draws, Fields, Part, Prepared, ReadyKey, Row, RunFacts, Values},
};
use cardwright_bundle::{
    Application, Card, Constant, FaceSide, Node, NodeId, Op, Padding, Program, Script,
    ScriptCommand, ScriptPart, Secrecy,
};
use cardwright_ports::hsm::{HsmSession, Sealed, SealedPin};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroize;

/// A DGI's value.
#[derive(Serialize, Deserialize)]
pub enum DgiValue {
    /// Goes to the card as it is.
    Clear(Vec<u8>),
    /// Sealed by the HSM: ciphertext, clear length, public check values (all three authenticated).
    Sealed(Vec<u8>, u32, Vec<u8>),
}

impl DgiValue {
    /// The sealed value, if it is one.
    pub fn sealed(&self) -> Option<Sealed> {
        match self {
            DgiValue::Clear(_) => None,
            DgiValue::Sealed(blob, clear_length, check_values) => Some(Sealed {
                blob: blob.clone(),
                clear_length: *clear_length,
                check_values: check_values.clone(),
            }),
        }
    }
}

/// A data grouping of one card.
#[derive(Serialize, Deserialize)]
pub struct DgiData {
    /// Data grouping identifier.
    pub number: u16,
    /// Its value.
    pub value: DgiValue,
    /// Padding inside the encryption.
    pub padding: Padding,
    /// Whether it travels in the same command as the one before it.
    pub joined: bool,
    /// Whether a clear value holds sensitive data (a track): outside the card and the machine it
    /// travels under a transport key only.
    pub sensitive: bool,
}

impl DgiData {
    /// The sealed value, if it is one.
    pub fn sealed(&self) -> Option<Sealed> {
        self.value.sealed()
    }
}

/// Values of a script's commands: one for each part, none for a variable.
#[derive(Serialize, Deserialize)]
pub struct ScriptData {
    /// Commands in order.
    pub commands: Vec<Vec<Option<DgiValue>>>,
}

/// An application of one card.
#[derive(Serialize, Deserialize)]
pub struct ApplicationData {
    /// Name in the bundle.
    pub name: String,
    /// DGIs in order.
    pub dgis: Vec<DgiData>,
    /// Data of its script, when it has one.
    pub script: Option<ScriptData>,
    /// Facts as text: `pan`, `psn`, `expiry` as YYMMDD, numbers in decimal, octets in hexadecimal.
    pub facts: BTreeMap<String, String>,
    /// Sealed PIN, when the application has one.
    pub pin: Option<Vec<u8>>,
}

/// A printed panel.
#[derive(Serialize, Deserialize)]
pub struct PanelData {
    /// True on the front.
    pub front: bool,
    /// Name.
    pub name: String,
    /// Text.
    pub text: String,
}

/// Everything that one card will hold. Kept encrypted at rest, wiped when dropped, never printed.
#[derive(Serialize, Deserialize)]
pub struct CardData {
    /// Card name in the bundle.
    pub card: String,
    /// PAN.
    pub pan: String,
    /// PAN sequence number.
    pub psn: String,
    /// Expiry, YYMM.
    pub expiry: String,
    /// Applications in order, without those that this order's card does not have.
    pub applications: Vec<ApplicationData>,
    /// Track 1 between the sentinels.
    pub track1: Option<String>,
    /// Track 2 between the sentinels.
    pub track2: Option<String>,
    /// Embossed lines by number, with side.
    pub emboss: Vec<(bool, u8, String)>,
    /// Printed panels.
    pub panels: Vec<PanelData>,
    /// What was drawn for the order.
    pub draws: Draws,
}

impl Drop for CardData {
    fn drop(&mut self) {
        self.pan.zeroize();
        self.track1.zeroize();
        self.track2.zeroize();
        for panel in &mut self.panels {
            panel.text.zeroize();
        }
        for (_, _, line) in &mut self.emboss {
            line.zeroize();
        }
        for application in &mut self.applications {
            for dgi in &mut application.dgis {
                if let DgiValue::Clear(bytes) = &mut dgi.value {
                    bytes.zeroize();
                }
            }
            let commands = application.script.iter_mut().flat_map(|s| &mut s.commands);
            for value in commands.flatten().flatten() {
                if let DgiValue::Clear(bytes) = value {
                    bytes.zeroize();
                }
            }
            for fact in application.facts.values_mut() {
                fact.zeroize();
            }
        }
    }
}

impl CardData {
    /// What was made for an application; none where this order's card does not have it.
    ///
    /// # Errors
    /// R1101 where there are no data though every card has the application.
    pub fn of(&self, application: &Application) -> Result<Option<&ApplicationData>, RuntimeError> {
        let made = self.applications.iter();
        let found = made.into_iter().find(|made| made.name == application.name);
        match (found, application.when) {
            (None, None) => {
                let what = format!("no data for application `{}`", application.name);
                Err(RuntimeError::new(
                    "R1101",
                    what,
                    "make the card's data again",
                ))
            }
            _ => Ok(found),
        }
    }

    /// As octets for the store, which encrypts them, with the labels of the key versions that they
    /// were made with behind them.
    pub fn to_bytes(&self, versions: &[String]) -> Result<Vec<u8>, RuntimeError> {
        postcard::to_allocvec(&(self, versions)).map_err(|_| broken("card data that can't be kept"))
    }

    /// From octets of the store, with the labels behind them; data that an older program kept have
    /// none.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, Option<Vec<String>>), RuntimeError> {
        let unreadable = |_| {
            RuntimeError::new(
                "R1107",
                "kept card data can't be read",
                "restore the job's data",
            )
        };
        let (data, rest) = postcard::take_from_bytes(bytes).map_err(unreadable)?;
        let versions = match rest {
            [] => None,
            rest => Some(postcard::from_bytes(rest).map_err(unreadable)?),
        };
        Ok((data, versions))
    }

    /// The sealed PIN of the first application that has one.
    pub fn pin(&self) -> Option<SealedPin> {
        self.applications
            .iter()
            .find_map(|a| a.pin.clone())
            .map(SealedPin)
    }
}

/// An order whose card data are asked for.
pub struct Asked<'a> {
    /// Its record.
    pub fields: &'a dyn Fields,
    /// Facts of the run.
    pub facts: &'a RunFacts,
    /// Its number in the job.
    pub order: u64,
    /// Keys made ahead that it may take.
    pub ready: Vec<ReadyKey>,
}

/// Makes card data for one card product.
pub struct Datagen<'a> {
    card: &'a Card,
    certified: Certified,
    program: Prepared,
    source: &'a Program,
}

impl<'a> Datagen<'a> {
    /// Prepares a card's program for this site's keys.
    pub fn new(loaded: &'a Loaded, card: &'a Card, keys: &BoundKeys) -> Result<Self, RuntimeError> {
        let source = loaded.program(card.program)?;
        Ok(Self {
            card,
            certified: Certified::new(loaded, card)?,
            program: Prepared::of_parts(source, keys, loaded, vec![wanted(card)])?,
            source,
        })
    }

    /// The ICC keys that each card of this product needs: modulus bits and exponent.
    pub fn icc_keys(&self) -> Vec<(u32, u32)> {
        let nodes = &self.source.nodes;
        let number = |id: &u32| match nodes.get(*id as usize).map(|n| &n.op) {
            Some(Op::Constant {
                value: Constant::Number(number),
            }) => u32::try_from(*number).ok(),
            _ => None,
        };
        let needed = |node: &Node| match &node.op {
            Op::Intent { intent, args, .. } if intent == "rsa.generate" => {
                Some((number(args.first()?)?, number(args.get(1)?)?))
            }
            _ => None,
        };
        nodes.iter().filter_map(needed).collect()
    }

    /// Makes one card's data; every value is drawn now.
    pub fn make(
        &self,
        fields: &dyn Fields,
        facts: &RunFacts,
        session: &mut dyn HsmSession,
        job: &str,
        order: u64,
    ) -> Result<CardData, RuntimeError> {
        let asked = Asked {
            fields,
            facts,
            order,
            ready: Vec::new(),
        };
        let mut made = self.make_all(vec![asked], session, job);
        made.pop()
            .unwrap_or_else(|| Err(broken("a card of nothing")))
    }

    /// Makes the data of many cards of this product at once, in their order: the HSM gets each kind
    /// of call for all of them together. ICC keys are taken from those made ahead first; the data's
    /// draws say which.
    pub fn make_all(
        &self,
        asked: Vec<Asked<'_>>,
        session: &mut dyn HsmSession,
        job: &str,
    ) -> Vec<Result<CardData, RuntimeError>> {
        let (mut draws, asked): (Vec<Draws>, Vec<_>) = asked
            .into_iter()
            .map(|a| (Draws::with_keys(a.ready), (a.fields, a.facts, a.order)))
            .unzip();
        let places = asked.into_iter().zip(&mut draws);
        let mut rows: Vec<Row<'_>> = places
            .map(|((fields, facts, order), draws)| Row {
                fields,
                facts,
                order,
                draws,
            })
            .collect();
        let values = self.program.run_rows(&mut rows, &mut Some(session), job);
        let cards = values.iter().zip(draws);
        cards
            .map(|(values, draws)| self.collect(values, draws))
            .collect()
    }

    fn collect(&self, values: &Values, draws: Draws) -> Result<CardData, RuntimeError> {
        let card = self.card;
        let text = |id: u32| values.text(id).map(str::to_owned);
        let stripe = card.stripe.as_ref();
        let track = |id: Option<u32>| id.map(text).transpose();
        let mut emboss = Vec::new();
        let mut panels = Vec::new();
        for face in &card.faces {
            let front = face.side == FaceSide::Front;
            for line in &face.emboss {
                emboss.push((front, line.line, text(line.node)?));
            }
            for panel in &face.print {
                let shown = panel.when.map(|id| values.flag(id)).transpose()?;
                if shown == Some(false) {
                    continue;
                }
                let (name, text) = (panel.name.clone(), text(panel.node)?);
                panels.push(PanelData { front, name, text });
            }
        }
        let expiry = values
            .get(card.expiry)?
            .date()
            .ok_or_else(|| broken("an expiry"))?;
        Ok(CardData {
            card: card.name.clone(),
            pan: text(card.pan)?,
            psn: text(card.psn)?,
            expiry: expiry.format("YYMM"),
            applications: self.applications(values)?,
            track1: track(stripe.and_then(|s| s.track1))?,
            track2: track(stripe.and_then(|s| s.track2))?,
            emboss,
            panels,
            draws,
        })
    }

    fn applications(&self, values: &Values) -> Result<Vec<ApplicationData>, RuntimeError> {
        let chip = self.card.chip.as_ref();
        let applications = chip
            .map(|chip| chip.applications.as_slice())
            .unwrap_or_default();
        let mut made = Vec::with_capacity(applications.len());
        for (number, application) in applications.iter().enumerate() {
            if let Some(when) = application.when
                && !values.flag(when)?
            {
                continue;
            }
            let mut dgis = Vec::with_capacity(application.dgis.len());
            for dgi in &application.dgis {
                if let Some(when) = dgi.when
                    && !values.flag(when)?
                {
                    continue;
                }
                let value = match values.get(dgi.node)? {
                    Value::Bytes(bytes) if !dgi.encrypted => DgiValue::Clear(bytes.clone()),
                    Value::Sealed(sealed) if dgi.encrypted => DgiValue::Sealed(
                        sealed.blob.clone(),
                        sealed.clear_length,
                        sealed.check_values.clone(),
                    ),
                    _ => return Err(broken("a DGI of another type")),
                };
                let secrecy = self.source.nodes.get(dgi.node as usize).map(|n| n.secrecy);
                let sensitive = secrecy >= Some(Secrecy::Sensitive);
                let padding = dgi.padding;
                dgis.push(DgiData {
                    number: dgi.number,
                    value,
                    padding,
                    joined: dgi.joined,
                    sensitive,
                });
            }
            let mut facts = BTreeMap::new();
            let mut pin = None;
            for (name, id) in &application.facts {
                match values.get(*id)? {
                    Value::Pin(sealed) => pin = Some(sealed.0.clone()),
                    value => {
                        facts.insert(name.clone(), fact(value)?);
                    }
                }
            }
            let said = |name: &str| facts.get(name).map(String::as_str);
            let (pan, expiry) = (said("pan"), said("expiry"));
            self.certified.check(number, pan, expiry)?;
            made.push(ApplicationData {
                name: application.name.clone(),
                dgis,
                script: application
                    .script
                    .as_ref()
                    .map(|script| script_data(script, values))
                    .transpose()?,
                facts,
                pin,
            });
        }
        Ok(made)
    }
}

/// What of a certificate the order decides.
#[derive(Serialize, Deserialize)]
pub struct CertificateData {
    /// Serial number.
    pub serial: Vec<u8>,
    /// Parts of the holder's name.
    pub name: Vec<(String, String)>,
    /// First day: year, month, day.
    pub not_before: (u16, u8, u8),
    /// Last day.
    pub not_after: (u16, u8, u8),
}

impl CertificateData {
    /// From a script's data.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RuntimeError> {
        postcard::from_bytes(bytes).map_err(|_| broken("a certificate's data"))
    }
}

/// What a card's data are collected from: nothing else is worked out.
fn wanted(card: &Card) -> Part {
    let mut always = vec![card.pan, card.psn, card.expiry];
    let mut parts = Vec::new();
    let stripe = card.stripe.iter();
    always.extend(stripe.flat_map(|s| [s.track1, s.track2]).flatten());
    for face in &card.faces {
        always.extend(face.emboss.iter().map(|line| line.node));
        parts.extend(face.print.iter().map(|panel| leaf(panel.when, panel.node)));
    }
    let chip = card.chip.iter();
    parts.extend(chip.flat_map(|chip| &chip.applications).map(of_application));
    Part {
        when: None,
        nodes: always,
        parts,
    }
}

fn leaf(when: Option<NodeId>, node: NodeId) -> Part {
    Part {
        when,
        nodes: vec![node],
        ..Part::default()
    }
}

fn of_application(application: &Application) -> Part {
    let mut nodes: Vec<NodeId> = application.facts.iter().map(|(_, id)| *id).collect();
    let commands = application.script.iter().flat_map(|s| &s.commands);
    let leaves = commands.flat_map(|command| ScriptPart::leaves(&command.parts));
    nodes.extend(leaves.flat_map(ScriptPart::nodes));
    let dgis = application.dgis.iter();
    Part {
        when: application.when,
        nodes,
        parts: dgis.map(|dgi| leaf(dgi.when, dgi.node)).collect(),
    }
}

fn script_data(script: &Script, values: &Values) -> Result<ScriptData, RuntimeError> {
    let part = |part: &ScriptPart| match part {
        ScriptPart::Variable { .. } => Ok(None),
        ScriptPart::Value { node } => match values.get(*node)? {
            Value::Bytes(bytes) => Ok(Some(DgiValue::Clear(bytes.clone()))),
            _ => Err(broken("a script's value of another type")),
        },
        ScriptPart::Secret { node, .. } => match values.get(*node)? {
            Value::Sealed(sealed) => Ok(Some(DgiValue::Sealed(
                sealed.blob.clone(),
                sealed.clear_length,
                sealed.check_values.clone(),
            ))),
            _ => Err(broken("a script's secret of another type")),
        },
        ScriptPart::Object { .. }
        | ScriptPart::SignedIdentifier { .. }
        | ScriptPart::SecurityObject { .. } => Err(broken("data objects too deep")),
        ScriptPart::Certificate {
            serial,
            name,
            not_before,
            not_after,
            ..
        } => {
            let serial = match values.get(*serial)? {
                Value::Bytes(bytes) => bytes.clone(),
                _ => return Err(broken("a serial number of another type")),
            };
            let parts = name.iter();
            let parts = parts.map(|(part, id)| Ok((part.clone(), values.text(*id)?.to_owned())));
            let data = CertificateData {
                serial,
                name: parts.collect::<Result<_, RuntimeError>>()?,
                not_before: day(values, *not_before)?,
                not_after: day(values, *not_after)?,
            };
            let octets = postcard::to_allocvec(&data);
            octets
                .map(|octets| Some(DgiValue::Clear(octets)))
                .map_err(|_| broken("a certificate's data"))
        }
    };
    let command = |command: &ScriptCommand| {
        let leaves = ScriptPart::leaves(&command.parts);
        leaves.into_iter().map(part).collect()
    };
    let commands: Result<Vec<_>, RuntimeError> = script.commands.iter().map(command).collect();
    Ok(ScriptData {
        commands: commands?,
    })
}

fn day(values: &Values, id: u32) -> Result<(u16, u8, u8), RuntimeError> {
    let date = values.get(id)?.date().ok_or_else(|| broken("a date"))?;
    let number = |format: &str| date.format(format).parse::<u16>().unwrap_or(0);
    let small = |format: &str| u8::try_from(number(format)).unwrap_or(0);
    Ok((number("YYYY"), small("MM"), small("DD")))
}

fn fact(value: &Value) -> Result<String, RuntimeError> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Date(date) => Ok(date.format("YYMMDD")),
        Value::Bytes(bytes) => Ok(hex::encode_upper(bytes)),
        Value::Flag(flag) => Ok(flag.to_string()),
        _ => Err(broken("a fact of another type")),
    }
}
