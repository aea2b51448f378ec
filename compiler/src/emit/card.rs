//! Cards: chip, stripe and faces in one program, and what they must say alike.

mod applications;
mod cap;
mod capacity;
mod content;
mod faces;
mod platform;
mod sides;
mod stripe;
mod twins;

pub(crate) use sides::Sides;

use super::profile::{self, App, Element};
use super::read;
use super::{Context, drawn};
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, KeyChoice, Shared, Typed, Workshop};
use crate::emit::Frame;
use crate::model::{Decl, MEntry, Span, Spans};
use crate::project::Project;
use crate::secrecy::Sink;
use crate::session::{Keeper, Task};
use crate::types::{Lengths, Type};
use cardwright_bundle::{Application, Card, Chip, Face, Program, Stripe};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What others need to know of a card.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Name.
    pub(crate) name: String,
    /// Qualified name.
    pub(crate) qualified: String,
    /// Format and record that it is for.
    pub(crate) record: (String, String),
    /// Applications: name, interfaces, facts.
    pub(crate) applications: Vec<ApplicationFacts>,
    /// Whether it has a stripe, embossing, print.
    pub(crate) stripe: bool,
    /// What a camera can read: `front.line 1`, `back.panel "cvv2"`.
    pub(crate) shown: Vec<String>,
    /// Whether anything is embossed.
    pub(crate) embossed: bool,
    /// Whether anything is printed.
    pub(crate) printed: bool,
    /// Fields whose pictures its faces show.
    pub(crate) pictures: Vec<String>,
    /// Whether all its applications could be lowered; if not, they have said why.
    pub(crate) complete: bool,
    /// Slot of the key that opens the channel.
    pub(crate) channel: Option<u32>,
    /// What the maker of its blank has to put in.
    pub(crate) blank: Option<Blank>,
    /// Slots of the keys that its applications get.
    pub(crate) carried: Vec<u32>,
    /// Where its PINs are drawn.
    pub(crate) drawn: Vec<drawn::Site>,
    /// Where.
    pub(crate) span: Span,
}

/// What a chip's maker puts in for its channel: protocol and option, key, diversification, version.
/// None of them on a native card.
pub(crate) type Blank = Option<(String, u8, u32, String, u8)>;

impl Spans for Facts {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        visit(&mut self.span);
        self.drawn.iter_mut().flatten().for_each(&mut *visit);
        for application in &mut self.applications {
            visit(&mut application.span);
            for (span, _) in &mut application.pin {
                visit(span);
            }
        }
    }
}

/// What scenarios need to know of an application.
#[derive(Clone, Debug)]
pub(crate) struct ApplicationFacts {
    /// Name.
    pub(crate) name: String,
    /// Where it is declared; where its card is, for an application that is not EMV's.
    pub(crate) span: Span,
    /// Whether it is an EMV application; others are in no directory.
    pub(crate) emv: bool,
    /// Whether it is a Type 4 Tag.
    pub(crate) tag: bool,
    /// Whether it is a PIV application.
    pub(crate) access: bool,
    /// Interfaces.
    pub(crate) interfaces: Vec<String>,
    /// Whether the chip has a PIN.
    pub(crate) offline_pin: bool,
    /// The way of that PIN from its field, where it is known.
    pub(crate) pin: Vec<(Span, String)>,
    /// Whether its CVM list asks for an enciphered offline PIN.
    pub(crate) enciphered_pin: bool,
    /// Whether it has a key of its own.
    pub(crate) dynamic: bool,
    /// How terminals deal with it.
    pub(crate) mode: profile::Mode,
    /// Whether it has magnetic stripe mode beside its first mode.
    pub(crate) further: bool,
    /// Qualified names of the keys for dynamic codes: one, or those that orders choose among.
    pub(crate) code_key: Vec<String>,
    /// Whether the issuer has signed its data.
    pub(crate) signed: bool,
    /// Whether certificates were made elsewhere, for a key that it does not have.
    pub(crate) foreign: bool,
    /// Qualified names of the keys for application cryptograms, likewise.
    pub(crate) cryptogram_key: Vec<String>,
}

/// What the elaborator gave for one card.
struct Lowered {
    chip: Option<(Chip, Vec<ApplicationFacts>)>,
    stripe: Option<(Stripe, stripe::Parts)>,
    assets: BTreeMap<String, (String, Vec<u8>)>,
    identity: Identity,
    chip_tracks: Vec<(Element, String)>,
    service: Option<(Typed, Span)>,
    complete: bool,
}

struct Identity {
    pan: Typed,
    psn: Typed,
    expiry: Typed,
}

/// Lowers all cards.
pub(super) fn lower(context: &mut Context<'_>, keeper: Option<&mut Keeper<'_>>) {
    let cards: Vec<&Decl> = context.model.concrete("card").collect();
    let Some(keeper) = keeper else {
        return context.pieces(None, Task::Card, &cards, card);
    };
    context.pieces(Some(&mut *keeper), Task::Card, &cards, faceless);
    context.pieces(Some(keeper), Task::Faces, &cards, sides::made);
    sides::put_on(context);
}

/// Profiles that no card holds and none builds on are checked all the same: a profile says itself
/// what record it speaks of.
pub(super) fn unplaced(context: &mut Context<'_>, keeper: Option<&mut Keeper<'_>>) {
    let model = context.model;
    let bases = model.of_kind("profile").flat_map(|d| &d.bases);
    let bases: HashSet<&String> = bases.collect();
    let alone_stands =
        |d: &&Decl| !bases.contains(&d.qualified) && !context.placed.contains(&d.qualified);
    let profiles: Vec<&Decl> = model.concrete("profile").filter(alone_stands).collect();
    context.pieces(keeper, Task::Unplaced, &profiles, alone);
}

/// A profile by itself. Nothing of it goes into the bundle: its spans neither.
fn alone<'a>(context: &mut Context<'a>, decl: &'a Decl) {
    let Some((format, record)) = &decl.for_record else {
        return;
    };
    let mut shared = Shared::default();
    let frame = Arc::clone(&context.frame);
    let mut elaborator = Elaborator::new(context.model, &mut shared, format, record);
    let lowered = profile::lower(&mut elaborator, &frame, decl, None);
    let program = elaborator.finish();
    let track = lowered.and_then(|(app, _)| app.element("57").cloned());
    context.shared.findings.append(shared.findings);
    if let Some(track) = track {
        stripe::chip_value(context, &program, &track, &decl.name);
    }
}

/// Notes the profiles that a card names.
fn placed(context: &mut Context<'_>, card: &Decl) {
    let model = context.model;
    let list = card.attribute("chip").and_then(|c| c.inner("applications"));
    let names = list.and_then(MEntry::single);
    for name in names.map_or_else(Vec::new, |l| read::items(model, l)) {
        let found = read::declaration(model, name, "profile");
        context.placed.extend(found.map(|d| d.qualified.clone()));
    }
}

/// A whole card, in one program.
fn card<'a>(context: &mut Context<'a>, decl: &'a Decl) {
    made(context, decl, (true, false));
}

/// A card without its faces, which are made by themselves: there is nothing that both rest on.
///
/// Parts of it may have been made for another card. Where there is anything to say it is made again,
/// all of it: what is said tells the way of values, and the other card's may be another.
fn faceless<'a>(context: &mut Context<'a>, decl: &'a Decl) {
    let workshop = made(context, decl, (false, true));
    let Some(workshop) = workshop else { return };
    let spoiled = !context.shared.findings.is_empty();
    let program = context.content.programs.pop();
    workshop.close(program, &mut context.shared, spoiled);
    if spoiled {
        *context = context.apart_again(decl);
        made(context, decl, (false, false));
    }
}

/// Makes a card, with its faces or without, and goes on with steps of other cards or does not.
fn made<'a>(
    context: &mut Context<'a>,
    decl: &'a Decl,
    (with_faces, goes_on): (bool, bool),
) -> Option<Box<Workshop>> {
    let model = context.model;
    let (format, record) = decl.for_record.clone()?;
    let frame = Arc::clone(&context.frame);
    placed(context, decl);
    let mut elaborator = Elaborator::new(model, &mut context.shared, &format, &record);
    if goes_on {
        elaborator.go_on();
    }
    let (lowered, faces) = elaborate(&mut elaborator, context.project, &frame, decl, with_faces);
    let (program, workshop) = elaborator.finish_for_next();
    if let Some(lowered) = &lowered {
        agree(context, decl, &program, lowered);
    }
    if let Some(faces) = &faces {
        sides::check(context, decl, &program, &faces.faces);
    }
    let Some(lowered) = lowered else {
        if workshop.is_some() {
            context.add_program(program);
        }
        return workshop;
    };
    copied(context, &lowered);
    context.assets.extend(lowered.assets.clone());
    let mut sides = Vec::new();
    if let Some(faces) = faces {
        context.assets.extend(faces.assets);
        sides = faces.faces;
    }
    let index = context.add_program(program);
    register(context, decl, (format, record), index, (lowered, sides));
    workshop
}

/// E0354: a card that whoever reads it can copy, or that can't answer for its certificates, leaves no
/// factory that works LIVE.
fn copied(context: &mut Context<'_>, lowered: &Lowered) {
    if context.environment != cardwright_bundle::Environment::Live {
        return;
    }
    let facts = lowered.chip.as_ref().map_or(&[][..], |(_, facts)| facts);
    let for_tests = |a: &&ApplicationFacts| a.foreign || (a.signed && !a.dynamic);
    for app in facts.iter().filter(for_tests) {
        let why = if app.foreign {
            "has certificates of a key that is not its own"
        } else {
            "can be copied"
        };
        let message = format!("`{}` {why}: it is for tests, not for LIVE", app.name);
        let help = "give the profile a `dda` block, or build the bundle for TEST";
        context.push(Problem::error("E0354", app.span, message).help(help));
    }
}

fn register(
    context: &mut Context<'_>,
    decl: &Decl,
    record: (String, String),
    program: u32,
    (lowered, faces): (Lowered, Vec<Face>),
) {
    let (chip, applications) = lowered.chip.unzip();
    let channel = chip.as_ref().and_then(|c| Some(c.channel.as_ref()?.key));
    let blank = chip.as_ref().map(|chip| {
        let c = chip.channel.as_ref()?;
        let (protocol, method) = (c.protocol.clone(), c.diversification.clone());
        Some((protocol, c.option, c.key, method, c.key_version))
    });
    let carried = chip.iter().flat_map(|c| &c.applications);
    let carried = carried.flat_map(|a| &a.keys).map(|(_, key)| *key).collect();
    let sides = Sides::of(context, decl, program, &faces);
    context.cards.push(Facts {
        name: decl.name.clone(),
        qualified: decl.qualified.clone(),
        record,
        applications: applications.unwrap_or_default(),
        stripe: lowered.stripe.is_some(),
        shown: sides.shown,
        embossed: sides.embossed,
        printed: sides.printed,
        pictures: sides.pictures,
        complete: lowered.complete,
        channel,
        blank,
        carried,
        drawn: sides.drawn,
        span: decl.span,
    });
    let span = context.shared.spans.id(decl.span);
    context.content.cards.push(Card {
        name: decl.name.clone(),
        program,
        pan: lowered.identity.pan.node,
        psn: lowered.identity.psn.node,
        expiry: lowered.identity.expiry.node,
        chip,
        stripe: lowered.stripe.map(|(stripe, _)| stripe),
        faces,
        span,
    });
}

fn elaborate<'a>(
    elaborator: &mut Elaborator<'a>,
    project: &Project<'_>,
    frame: &Frame,
    decl: &'a Decl,
    with_faces: bool,
) -> (Option<Lowered>, Option<faces::Lowered>) {
    let chip = decl
        .attribute("chip")
        .map(|entry| chip(elaborator, project, frame, decl, entry));
    let stripe = decl
        .attribute("stripe")
        .and_then(|e| stripe::lower(elaborator, decl, e));
    // What is said of the faces is no reason to be silent about the rest.
    let before = elaborator.findings().len();
    let faces = with_faces.then(|| faces::lower(elaborator, project, decl));
    let of_faces = elaborator.findings().split_off(before);
    let apps = chip.as_ref().map_or(&[][..], |c| c.apps.as_slice());
    let identity = identity(elaborator, decl, apps, stripe.as_ref().map(|(_, p)| p));
    for problem in of_faces {
        elaborator.findings().push(problem);
    }
    let Some(identity) = identity else {
        return (None, faces);
    };
    let tracks = |a: &App<'_>| {
        let element = a.element("57")?.clone();
        Some((element, a.decl.name.clone()))
    };
    let service = apps.iter().find_map(|a| {
        let element = a.element("5F30")?;
        Some((element.raw.clone()?, element.span))
    });
    let chip_tracks = apps.iter().filter_map(tracks).collect();
    same_account(elaborator, apps);
    let mut facts: Vec<ApplicationFacts> = apps.iter().map(facts).collect();
    if let Some(chip) = &chip {
        facts.extend(chip.others.iter().map(|a| other_facts(a, decl.span)));
    }
    let complete = chip.as_ref().is_none_or(|c| c.complete);
    let assets = chip.as_ref().map(|chip| chip.assets.clone());
    let lowered = Lowered {
        chip: chip.and_then(|c| Some((c.chip?, facts))),
        stripe,
        assets: assets.unwrap_or_default(),
        identity,
        chip_tracks,
        service,
        complete,
    };
    (Some(lowered), faces)
}

struct ChipLowered<'a> {
    chip: Option<Chip>,
    apps: Vec<App<'a>>,
    /// Applications that are not EMV's.
    others: Vec<Application>,
    /// Load files and signatures.
    assets: content::Assets,
    complete: bool,
}

fn chip<'a>(
    elaborator: &mut Elaborator<'a>,
    project: &Project<'_>,
    frame: &Frame,
    decl: &'a Decl,
    entry: &'a MEntry,
) -> ChipLowered<'a> {
    let native = platform::is_native(entry);
    let opened = match native {
        true => None,
        false => platform::channel(elaborator, frame, entry),
    };
    let (mut channel, quirks) = match opened {
        Some((channel, quirks)) => (Some(channel), quirks),
        None => (None, Vec::new()),
    };
    let applications::Listed {
        apps,
        mut applications,
        others,
        complete,
    } = applications::lower(elaborator, frame, decl, entry);
    // What is broken has said so: what follows from it is not said again.
    if complete {
        platform::shared_keys(elaborator, &apps);
        platform::identifiers(elaborator, &applications, entry.span);
        twins::check(elaborator, &apps);
        capacity::check(elaborator, &apps, entry);
        applications.extend(platform::directories(elaborator, entry, &apps));
    }
    let deviating = (channel.as_mut(), quirks.as_slice());
    let short = platform::habits(elaborator, deviating, &mut applications, entry.span);
    if short {
        platform::short_commands(elaborator, &apps);
    }
    if native {
        platform::only_scripts(elaborator, &applications, entry.span);
    }
    if let Some(channel) = &channel {
        platform::enciphered_enough(elaborator, channel, &applications, entry.span);
    }
    let mut assets = content::Assets::new();
    let managed = (channel.as_ref(), applications.as_mut_slice());
    let content = content::lower(elaborator, project, frame, entry, managed, &mut assets);
    let chip = (native || channel.is_some()).then_some(Chip {
        channel,
        applications,
        content,
    });
    ChipLowered {
        assets,
        chip,
        apps,
        others,
        complete,
    }
}

fn wrong_record(elaborator: &mut Elaborator<'_>, card: &Decl, profile: &Decl, span: Span) {
    let message = format!(
        "`{}` is not for the record that `{}` is for",
        profile.name, card.name
    );
    elaborator.findings().push(
        Problem::error("E0912", span, message)
            .label(profile.span, "declared here")
            .help("write the same `for format.record` at both"),
    );
}

fn names_of(key: &KeyChoice) -> Vec<String> {
    key.names().into_iter().map(str::to_owned).collect()
}

fn facts(app: &App<'_>) -> ApplicationFacts {
    let cryptogram = app.masters.as_ref().map(|m| &m.keys[0]);
    let code = std::iter::once(app)
        .chain(&app.further)
        .find(|mode| mode.mode == profile::Mode::Magstripe);
    ApplicationFacts {
        name: app.decl.name.clone(),
        span: app.decl.span,
        emv: true,
        tag: false,
        access: false,
        interfaces: app.interfaces.clone(),
        offline_pin: app.offline_pin.is_some(),
        pin: app
            .offline_pin
            .as_ref()
            .map(|(pin, _)| crate::secrecy::way(&pin.path))
            .unwrap_or_default(),
        enciphered_pin: app.cvm.rules.iter().any(|r| r.is_enciphered_offline_pin()),
        dynamic: app.dda.is_some(),
        mode: app.mode,
        further: !app.further.is_empty(),
        code_key: code
            .and_then(|mode| mode.cvc3.as_ref())
            .map(|c| names_of(&c.key))
            .unwrap_or_default(),
        signed: app.sda.is_some(),
        foreign: app.foreign,
        cryptogram_key: cryptogram.map(names_of).unwrap_or_default(),
    }
}

fn other_facts(application: &Application, span: Span) -> ApplicationFacts {
    ApplicationFacts {
        name: application.name.clone(),
        span,
        emv: false,
        tag: application.applet == "ndef",
        access: application.applet == "piv",
        interfaces: application.interfaces.clone(),
        offline_pin: application.facts.iter().any(|(name, _)| name == "pin"),
        pin: Vec::new(),
        enciphered_pin: false,
        dynamic: false,
        mode: profile::Mode::Emv,
        further: false,
        code_key: Vec::new(),
        signed: false,
        foreign: false,
        cryptogram_key: Vec::new(),
    }
}

/// All applications of a card speak of one account.
fn same_account(elaborator: &mut Elaborator<'_>, apps: &[App<'_>]) {
    let node = |app: &App<'_>, tag: &str| Some(app.element(tag)?.raw.as_ref()?.node);
    for (at, app) in apps.iter().enumerate() {
        // The first that an order gets beside it: one finding for each application.
        let mut before = apps.iter().take(at);
        let first = before.find(|first| applications::on_one_card(elaborator, first, app));
        let Some(first) = first else { continue };
        for tag in ["5A", "5F24", "5F34"] {
            if node(first, tag) != node(app, tag) {
                let message = format!(
                    "#{tag} of `{}` is not the one of `{}` on the same card",
                    app.decl.name, first.decl.name
                );
                let span = app.element(tag).map_or(app.decl.span, |e| e.span);
                elaborator.findings().push(
                    Problem::error("E0332", span, message).help("write the same field in both"),
                );
            }
        }
    }
}

/// PAN, sequence number, expiry: as the card says, else as the chip, else as the stripe.
fn identity<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &'a Decl,
    apps: &[App<'_>],
    stripe: Option<&stripe::Parts>,
) -> Option<Identity> {
    let mut own = |name: &str, want: Type| {
        let entry = decl.attribute(name)?;
        let value = elaborator.phrase(entry.value.as_ref()?, Some(&want))?;
        let what = format!("`{name}` of the card");
        elaborator.sink(&value, Sink::CardIdentity, &what, entry.span);
        Some(value)
    };
    let pan = own("pan", Type::PAN);
    let psn = own("psn", Type::Digits(Lengths::exactly(2)));
    let expiry = own("expiry", Type::Date);
    let asked = [
        ("5A", pan.is_none()),
        ("5F34", psn.is_none()),
        ("5F24", expiry.is_none()),
    ];
    for (tag, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        applications::one_identity(elaborator, apps, tag, decl.span);
    }
    let chip = |tag: &str| apps.iter().find_map(|a| a.element(tag)?.raw.clone());
    let track = stripe.and_then(|p| p.track2.as_ref().or(p.track1.as_ref()));
    let pan = pan
        .or_else(|| chip("5A"))
        .or_else(|| track.map(|t| t.pan.clone()));
    let expiry = expiry
        .or_else(|| chip("5F24"))
        .or_else(|| track.map(|t| t.expiry.clone()));
    let psn = psn
        .or_else(|| chip("5F34"))
        .unwrap_or_else(|| elaborator.text("00", decl.span));
    let (Some(pan), Some(expiry)) = (pan, expiry) else {
        // Where chip or stripe are broken, they have said so.
        if !elaborator.findings().has_errors() {
            elaborator.findings().push(
                Problem::error("E0301", decl.span, "the card has no PAN or no expiry")
                    .help("write `pan = order.pan` and `expiry = order.expiry` into the card"),
            );
        }
        return None;
    };
    Some(Identity { pan, psn, expiry })
}

/// Chip, stripe and faces say the same.
fn agree(context: &mut Context<'_>, decl: &Decl, program: &Program, lowered: &Lowered) {
    for (element, name) in &lowered.chip_tracks {
        stripe::chip_value(context, program, element, name);
    }
    if let Some((_, parts)) = &lowered.stripe {
        let chip = lowered.service.as_ref();
        stripe::check(
            context,
            program,
            parts,
            &lowered.identity.pan,
            &lowered.identity.expiry,
        );
        if lowered.complete {
            stripe::service_code(context, program, parts, chip, decl.span);
        }
    }
}
