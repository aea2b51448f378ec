//! The draft: sources, orders and a report, a product for each shape of card.

mod card;
mod line;
mod profile;
mod report;

use crate::{
    Options,
    data::{Application, Card, Channel, Value},
    error::{ImportError, too_much},
    fields::{Fields, Identity, date_of, digits_of, pan_of},
    groupings::{self, Composed, Form},
    limits::FIELDS_MAX,
    read::Kind,
    shapes::Shape,
    specimens::{Replaced, specimen},
};
use cardwright_standards::{tlv, tlv::Tag};
use profile::{Ground, Profile};
use std::collections::BTreeMap;

/// A project's first draft.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Paths and texts of the project's files.
    pub files: Vec<(String, String)>,
    /// What stands in the report: a line each.
    pub report: Vec<String>,
    /// What the products are to hold, for the proof.
    pub products: Vec<Product>,
    /// Names of the applications that are written as profiles.
    pub profiles: Vec<String>,
}

/// A product and the cards that it has to give back.
#[derive(Clone, Debug)]
pub struct Product {
    /// Job that makes it.
    pub job: String,
    /// Its applications.
    pub applications: Vec<String>,
    /// Groupings of each application that the file does not have: counter, keys and PIN of a profile.
    pub added: Vec<Vec<u16>>,
    /// One for each card of the file.
    pub cards: Vec<Expected>,
}

/// A card that an order has to give back.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Number in the file, from 1.
    pub number: usize,
    /// The order, field by field.
    pub order: Vec<(String, String)>,
    /// Groupings of each application, in its order.
    pub groupings: Vec<Vec<(u16, Content)>>,
}

/// What a grouping has to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These octets.
    Octets(Vec<u8>),
    /// A sealed value; the file has this many octets of it.
    Sealed(usize),
    /// What follows from keys that the file does not say.
    Follows(usize),
}

/// An application of a product, ready to be written.
struct Written {
    name: String,
    aid: Vec<u8>,
    composed: Composed,
    /// Whether a terminal reads all of it back: the answer to SELECT is a template A5.
    reads_back: bool,
    /// As a profile, or why it is none.
    profile: Result<Profile, String>,
}

impl Written {
    /// Whether check values are those of the profile's keys, not the file's.
    fn follows(&self) -> bool {
        self.profile.as_ref().is_ok_and(|p| p.checked)
    }

    fn added(&self) -> Vec<u16> {
        let profile = self.profile.as_ref();
        profile.map_or_else(|_| Vec::new(), |p| p.added.clone())
    }
}

/// A product, ready to be written.
struct Plan {
    /// Behind the names of everything, such as `_2`; empty when there is one product.
    suffix: String,
    channel: Channel,
    fields: Fields,
    applications: Vec<Written>,
    ground: Ground,
}

/// Writes the draft.
pub(crate) fn draft(
    mut notes: Vec<String>,
    kind: Kind,
    shapes: &[Shape<'_>],
    replaced: Replaced,
    options: &Options,
) -> Result<Draft, ImportError> {
    let name = options.name.as_str();
    let mut plans = Vec::new();
    for (at, shape) in (1..).zip(shapes) {
        let suffix = if shapes.len() == 1 {
            String::new()
        } else {
            format!("_{at}")
        };
        let plan = plan(shape, suffix, &mut notes)?;
        plans.push(plan);
    }
    let ground = plans.first().map(|plan| plan.ground);
    let ground = ground.unwrap_or(Ground {
        country: UNITED_STATES,
        currency: UNITED_STATES,
    });
    for plan in &mut plans {
        let directory = plan.applications.iter().any(|a| a.aid == PPSE);
        for written in &mut plan.applications {
            written.profile = as_profile(written, ground, directory, options);
        }
    }
    let shaped = shapes.iter().zip(&plans);
    let products: Vec<Product> = shaped.map(|(shape, plan)| product(shape, plan)).collect();
    let applications = plans.iter().flat_map(|p| &p.applications);
    let profiles = applications.filter(|a| a.profile.is_ok());
    let profiles = profiles.map(|a| a.name.clone()).collect();
    let report = report::report(kind, shapes, &plans, replaced, &notes);
    let package = name.replace('-', "_");
    let mut files = vec![
        ("cardwright.toml".to_owned(), line::manifest(name)),
        ("README.md".to_owned(), report::page(name, &report)),
        (
            "card.perso".to_owned(),
            card::source(&package, &plans, ground),
        ),
        ("line.perso".to_owned(), line::source(&package, &plans)),
        (
            "tests.perso".to_owned(),
            line::tests(&package, &plans, &products),
        ),
    ];
    for (plan, product) in plans.iter().zip(&products) {
        let orders = product.cards.iter().map(|card| card.order.as_slice());
        let path = format!("orders{}.csv", plan.suffix.replace('_', "-"));
        files.push((path, line::orders(&plan.fields, orders)));
    }
    for (path, text) in &mut files {
        if path.ends_with(".perso") {
            *text = cardwright_dsl::format(text);
        }
    }
    Ok(Draft {
        files,
        report,
        products,
        profiles,
    })
}

/// The country, and the dollar, where the file says neither (ISO 3166-1, ISO 4217).
const UNITED_STATES: u16 = 840;

/// AID of the contactless directory (EMV Contactless Book B, 3.3).
const PPSE: &[u8] = b"2PAY.SYS.DDF01";

fn as_profile(
    written: &Written,
    ground: Ground,
    directory: bool,
    options: &Options,
) -> Result<Profile, String> {
    if options.applications_only {
        return Err(String::new());
    }
    match options.kept.get(&written.name) {
        Some(why) => Err(why.clone()),
        None => profile::profile(written, ground, directory),
    }
}

fn plan(shape: &Shape<'_>, suffix: String, notes: &mut Vec<String>) -> Result<Plan, ImportError> {
    let identity = identity(shape);
    let mut fields = Fields::default();
    begin(&mut fields, &identity);
    if !suffix.is_empty() {
        // Orders of a product are told from those of the others by a field of their own.
        let numbers = shape.cards.iter().map(|(number, _)| number.to_string());
        let name = format!("card_of_file{suffix}");
        fields.add(&name, "n 6", "", numbers.collect());
    }
    let mut applications: Vec<Written> = Vec::new();
    let mut channel = None;
    for (at, all) in (1..).zip(shape.applications()) {
        let first = all.first().copied();
        channel = channel.or(first.and_then(|a| a.channel));
        let said = first.map(|a| a.aid.clone()).unwrap_or_default();
        let usable = (5..=16).contains(&said.len()) && !applications.iter().any(|a| a.aid == said);
        let aid = if usable { said } else { placeholder(at) };
        if !usable {
            notes.push(format!(
                "application {at} has no AID of its own in the file: {} stands for it",
                hex::encode_upper(&aid)
            ));
        }
        let composed = groupings::write(&all, &identity, &mut fields);
        let left = |(_, form): &(u16, Form)| matches!(form, Form::LeftOut(_));
        if composed.groupings.iter().all(left) {
            notes.push(format!(
                "application {at} was left out: nothing of it can be written"
            ));
            continue;
        }
        applications.push(Written {
            name: format!("app_{at}{suffix}"),
            aid,
            composed,
            reads_back: reads_back(&all),
            profile: Err(String::new()),
        });
    }
    if applications.is_empty() {
        return Err(crate::error::nothing());
    }
    if fields.all.len() > FIELDS_MAX {
        return Err(too_much("an order", FIELDS_MAX, "fields"));
    }
    Ok(Plan {
        suffix,
        channel: channel.unwrap_or(Channel {
            protocol: 2,
            security_level: 3,
            key_version: 0,
        }),
        ground: Ground {
            country: number(shape, 0x5F28),
            currency: number(shape, 0x9F42),
        },
        fields,
        applications,
    })
}

/// Whether DGI 9102 is what a card answers to SELECT with (EMV CPS).
fn reads_back(applications: &[&Application]) -> bool {
    let groupings = applications.iter().flat_map(|a| &a.groupings);
    let mut answers = groupings.filter(|g| g.number == 0x9102);
    answers.all(|grouping| match &grouping.value {
        Value::Clear(octets) => tlv::parse(octets).is_ok_and(|objects| {
            let one = objects.first().filter(|o| o.tag.value() == 0xA5);
            let again = one.and_then(|o| tlv::build(o.tag, o.value).ok());
            objects.len() == 1 && again.as_ref() == Some(octets)
        }),
        _ => true,
    })
}

/// Proprietary AIDs begin with F (ISO/IEC 7816-5).
fn placeholder(at: usize) -> Vec<u8> {
    let at = u8::try_from(at).unwrap_or(u8::MAX);
    vec![0xF0, 0x00, 0x00, 0x00, 0x99, 0x00, at]
}

/// The fields that each order has: number, expiry, sequence number.
fn begin(fields: &mut Fields, identity: &Identity) {
    // A track of 19 octets has room for a long PAN or for a long tail.
    let most = identity.pan.iter().map(String::len).max().unwrap_or(19);
    fields.add("pan", "pan", format!(" width {most}"), identity.pan.clone());
    let (pattern, dates) = match &identity.expiry {
        Some(dates) => ("date \"YYMMDD\"", dates.clone()),
        None => {
            let dates = (0..identity.pan.len()).map(|at| identity.expiry_yymm(at));
            ("date \"YYMM\"", dates.collect())
        }
    };
    fields.add("expiry", pattern, "", dates);
    if let Some(psn) = &identity.psn {
        fields.add("psn", "digits 2", "", psn.clone());
    }
}

/// The first value of a tag in each application's clear groupings.
fn values_of(card: &Card, tag: u32) -> Vec<Vec<u8>> {
    let Some(tag) = Tag::new(tag) else {
        return Vec::new();
    };
    let groupings = card.applications.iter().flat_map(|a| &a.groupings);
    let mut found = Vec::new();
    for grouping in groupings {
        if let Value::Clear(octets) = &grouping.value
            && let Ok(objects) = tlv::parse(octets)
        {
            let values = objects.iter().filter_map(|o| o.find(tag));
            found.extend(values.map(|o| o.value.to_vec()));
        }
    }
    found
}

/// Number, expiry and sequence number of each card, from whichever application has them.
fn identity(shape: &Shape<'_>) -> Identity {
    let cards = || shape.cards.iter().map(|(number, card)| (*number, *card));
    let first = |card: &Card, tag: u32, read: fn(&[u8]) -> Option<String>| {
        values_of(card, tag).iter().find_map(|value| read(value))
    };
    let psn = |value: &[u8]| digits_of(value).filter(|d| d.len() == 2);
    let pan = cards()
        .map(|(number, card)| first(card, 0x5A, pan_of).unwrap_or_else(|| specimen(16, number)));
    Identity {
        pan: pan.collect(),
        expiry: cards()
            .map(|(_, card)| first(card, 0x5F24, date_of))
            .collect(),
        psn: cards().map(|(_, card)| first(card, 0x5F34, psn)).collect(),
    }
}

/// A number of ISO 3166-1 or 4217, tags 5F28 and 9F42.
fn number(shape: &Shape<'_>, tag: u32) -> u16 {
    let card = shape.cards.first().map(|(_, card)| *card);
    let values = card.map(|card| values_of(card, tag)).unwrap_or_default();
    let code = values.first().map(hex::encode);
    let code = code
        .and_then(|c| c.parse().ok())
        .filter(|c| (1..=999).contains(c));
    code.unwrap_or(UNITED_STATES)
}

fn product(shape: &Shape<'_>, plan: &Plan) -> Product {
    let cards = shape.cards.iter().enumerate().map(|(at, (number, card))| {
        let order = plan.fields.all.iter().map(|field| {
            let value = field.values.get(at).cloned().unwrap_or_default();
            (field.name.clone(), value)
        });
        Expected {
            number: *number,
            order: order.collect(),
            groupings: expected(card, plan),
        }
    });
    Product {
        job: format!("cards{}", plan.suffix),
        applications: plan.applications.iter().map(|a| a.name.clone()).collect(),
        added: plan.applications.iter().map(|a| a.added()).collect(),
        cards: cards.collect(),
    }
}

fn expected(card: &Card, plan: &Plan) -> Vec<Vec<(u16, Content)>> {
    // Applications that were left out have no plan.
    let number = |written: &Written| {
        let name = written.name.strip_prefix("app_")?;
        let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()?.checked_sub(1)
    };
    let of = |written: &Written| {
        let application: Option<&Application> = card.applications.get(number(written)?);
        let groupings = application?
            .groupings
            .iter()
            .zip(&written.composed.groupings);
        let contents = groupings.filter_map(|(grouping, (number, form))| {
            let octets = match &grouping.value {
                Value::Clear(octets) => octets.clone(),
                Value::Sealed { octets, .. } | Value::Transported { octets } => vec![0; *octets],
            };
            let content = match form {
                Form::LeftOut(_) => return None,
                Form::Blob(..) => Content::Sealed(octets.len()),
                Form::Struct(_) => Content::Follows(octets.len()),
                Form::Raw(_) if *number == 0x9000 && written.follows() => {
                    Content::Follows(octets.len())
                }
                _ => Content::Octets(octets),
            };
            Some((*number, content))
        });
        Some(contents.collect())
    };
    plan.applications
        .iter()
        .filter_map(of)
        .collect::<Vec<Vec<_>>>()
}

/// All keys that the applications name, with their uses.
fn keys(plans: &[Plan]) -> BTreeMap<String, &'static str> {
    let mut names: Vec<&str> = Vec::new();
    for (_, form) in forms(plans) {
        let (Form::Blob(_, parts) | Form::Struct(parts)) = form else {
            continue;
        };
        let keys = parts.iter().filter(|(_, ty, _)| !ty.starts_with("pin"));
        names.extend(keys.map(|(.., key)| key.as_str()));
    }
    let mut applications = plans.iter().flat_map(|p| &p.applications);
    if applications.any(|a| a.profile.is_ok()) {
        names.extend(groupings::MASTER_KEYS.map(|(_, key)| key));
    }
    let usage = |key: &str| match key {
        "imk_ac" => "emv.application_cryptogram",
        "imk_smi" => "emv.secure_messaging_integrity",
        "imk_smc" => "emv.secure_messaging_confidentiality",
        _ => "card_key",
    };
    names
        .into_iter()
        .map(|key| (key.to_owned(), usage(key)))
        .collect()
}

fn forms(plans: &[Plan]) -> impl Iterator<Item = &(u16, Form)> {
    let applications = plans.iter().flat_map(|p| &p.applications);
    applications.flat_map(|a| &a.composed.groupings)
}
