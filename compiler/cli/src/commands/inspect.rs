//! `inspect`: what a bundle holds, product by product.
//!
//! What depends on an order, the lengths of data groupings and the number of commands, is taken
//! from a specimen order's rehearsal; a LIVE bundle is only read.

use crate::{
    arguments::{Format, Inspect},
    failure::{Failure, exit},
    project::read_file,
    terminal,
};
use cardwright_bundle::{
    Application, Bundle, Card, Chip, Constant, Content, Environment, Job, Op, Product,
};
use cardwright_rehearsal::{Rehearsal, Rehearsed, SealedOrClear};
use cardwright_review::{Estimate, Reader, Speeds, Work, estimate};
use schemars::JsonSchema;
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};

/// STORE DATA (GlobalPlatform 2.3.1, 11.11).
const STORE_DATA: u8 = 0xE2;
/// Largest file of speeds, octets.
const SPEEDS_MAX: u64 = 64 << 10;

#[derive(Serialize, JsonSchema)]
pub(crate) struct Inspected {
    schema_version: u32,
    name: String,
    version: String,
    sequence: u64,
    test: bool,
    digest: String,
    signatures: usize,
    issuer: String,
    keys: Vec<KeyShown>,
    /// What the estimates take for granted; assumptions where no file gave them.
    speeds: Speeds,
    products: Vec<ProductShown>,
    files: Vec<String>,
    assets: Vec<AssetShown>,
}

#[derive(Serialize, JsonSchema)]
struct KeyShown {
    name: String,
    algorithm: String,
    #[serde(rename = "use")]
    usage: String,
    check_value: String,
}

#[derive(Serialize, JsonSchema)]
struct AssetShown {
    name: String,
    media_type: String,
    octets: u64,
}

#[derive(Serialize, JsonSchema)]
struct ProductShown {
    job: String,
    code: String,
    card: String,
    channel: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    content: Vec<String>,
    applications: Vec<ApplicationShown>,
    stripe: Vec<&'static str>,
    embossed_lines: usize,
    printed_panels: usize,
    /// HSM operations of data generation by kind, counted in the bundle's program.
    hsm_calls: BTreeMap<String, usize>,
    store_data_commands: Option<usize>,
    commands: Option<usize>,
    chip_octets: Option<usize>,
    estimate: Option<Estimate>,
    scenarios: Vec<String>,
    pages: Vec<String>,
    outputs: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct ApplicationShown {
    name: String,
    aid: String,
    interfaces: Vec<String>,
    /// The orders whose cards have it, where not all have.
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<String>,
    groupings: Vec<GroupingShown>,
}

#[derive(Serialize, JsonSchema)]
struct GroupingShown {
    number: String,
    title: String,
    sealed: bool,
    octets: Option<usize>,
}

/// Carries the verb out.
pub(crate) fn run(arguments: &Inspect) -> Result<u8, Failure> {
    let bundle = super::bundle_or_project(&arguments.bundle)?;
    let speeds = match &arguments.speeds {
        Some(path) => read_speeds(path)?,
        None => Speeds::default(),
    };
    let shown = inspect(&bundle, speeds);
    match arguments.format {
        Format::Json => terminal::json(&serde_json::to_value(&shown).unwrap_or_default()),
        Format::Human => human(&shown, arguments.speeds.is_some()),
    }
    Ok(0)
}

/// Reads a file of speeds.
fn read_speeds(path: &Path) -> Result<Speeds, Failure> {
    let text = String::from_utf8_lossy(&read_file(path, SPEEDS_MAX)?).into_owned();
    let read: Result<Speeds, _> = toml::from_str(&text);
    read.map(Speeds::completed).map_err(|error| {
        let what = format!("{}: {}", path.display(), error.message());
        let mend = "its keys are those of docs/schemas/speeds.json";
        Failure::new(exit::USAGE, "E0189", what, mend)
    })
}

fn inspect(bundle: &Bundle, speeds: Speeds) -> Inspected {
    let content = bundle.content();
    let mut rehearsal = match content.environment {
        Environment::Test => Rehearsal::new(bundle.clone()).ok(),
        Environment::Live => None,
    };
    let mut products = Vec::new();
    for job in &content.jobs {
        for product in &job.products {
            let made = rehearsal.as_mut();
            let made = made.and_then(|r| r.specimen(&job.name, &product.code, None).ok());
            if let Some(card) = content.cards.iter().find(|c| c.name == product.card) {
                products.push(product_shown(
                    (content, &speeds),
                    job,
                    product,
                    card,
                    made.as_ref(),
                ));
            }
        }
    }
    Inspected {
        schema_version: 1,
        name: content.name.clone(),
        version: content.version.clone(),
        sequence: content.sequence,
        test: content.environment == Environment::Test,
        digest: hex::encode_upper(bundle.digest()),
        signatures: bundle.signatures().len(),
        issuer: content.issuer.name.clone(),
        keys: content
            .keys
            .iter()
            .map(|key| KeyShown {
                name: key.name.clone(),
                algorithm: key.algorithm.clone(),
                usage: key.usage.clone(),
                check_value: key.check_value.clone(),
            })
            .collect(),
        speeds,
        products,
        files: content
            .formats
            .iter()
            .filter_map(|f| f.file_name.clone())
            .collect(),
        assets: content
            .assets
            .iter()
            .map(|asset| AssetShown {
                name: asset.name.clone(),
                media_type: asset.media_type.clone(),
                octets: asset.length,
            })
            .collect(),
    }
}

fn product_shown(
    (content, speeds): (&Content, &Speeds),
    job: &Job,
    product: &Product,
    card: &Card,
    made: Option<&Rehearsed>,
) -> ProductShown {
    let chip = card.chip.as_ref();
    let exchanges = made.map(|m| m.exchanges.as_slice());
    let stripe = card.stripe.as_ref();
    let tracks = [
        ("track 1", stripe.and_then(|s| s.track1)),
        ("track 2", stripe.and_then(|s| s.track2)),
    ];
    let mailer = job.mailer.as_ref().map(|m| m.layout.clone());
    ProductShown {
        job: job.name.clone(),
        code: product.code.clone(),
        card: card.name.clone(),
        channel: chip.map(|c| {
            let Some(channel) = &c.channel else {
                return "none: its applications are written by scripts".to_owned();
            };
            format!(
                "{} i={:02X} level {:02X}, keys {}",
                channel.protocol, channel.option, channel.security_level, channel.diversification
            )
        }),
        content: chip.map(content_shown).unwrap_or_default(),
        applications: chip
            .map(|c| c.applications.as_slice())
            .unwrap_or_default()
            .iter()
            .map(|application| {
                let when = application.when;
                let when = when.map(|node| Reader::new(content).term(card.program, node));
                application_shown(application, when, made)
            })
            .collect(),
        stripe: tracks
            .into_iter()
            .filter_map(|(name, id)| id.map(|_| name))
            .collect(),
        embossed_lines: card.faces.iter().map(|f| f.emboss.len()).sum(),
        printed_panels: card.faces.iter().map(|f| f.print.len()).sum(),
        hsm_calls: calls(content, card.program),
        store_data_commands: exchanges.map(|all| {
            all.iter()
                .filter(|e| e.header.get(1) == Some(&STORE_DATA))
                .count()
        }),
        commands: exchanges.map(<[_]>::len),
        chip_octets: made.map(|made| octets(made, chip)),
        estimate: made.map(|made| estimate(&work(content, job, product, made), speeds)),
        scenarios: product
            .scenarios
            .iter()
            .map(|s| s.scenario.clone())
            .collect(),
        pages: job.carrier.iter().cloned().chain(mailer).collect(),
        outputs: job.outputs.iter().map(|o| o.format.clone()).collect(),
    }
}

/// What the chip's issuer domain does, in its order.
fn content_shown(chip: &Chip) -> Vec<String> {
    let content = &chip.content;
    let mut lines = Vec::new();
    for deletion in &content.delete {
        let related = if deletion.related {
            " and what depends on it"
        } else {
            ""
        };
        lines.push(format!("delete {}{related}", deletion.aid));
    }
    for load in &content.load {
        let hash = load.hash.as_ref().map(|h| format!(", {h}"));
        let dap = load
            .dap
            .as_ref()
            .map(|d| format!(", signed for {}", d.domain));
        let (hash, dap) = (hash.unwrap_or_default(), dap.unwrap_or_default());
        lines.push(format!(
            "load {} from {}{hash}{dap}",
            load.package, load.asset
        ));
    }
    let installs = chip.applications.iter();
    for (application, install) in installs.filter_map(|a| Some((a, a.install.as_ref()?))) {
        lines.push(format!(
            "install {} from {} of {}, privileges {}",
            application.name, install.module, install.package, install.privileges
        ));
    }
    if let Some(keys) = &content.keys {
        let (version, replaces) = (keys.version, keys.replaces);
        lines.push(format!(
            "put keys of version {version:02X} for {replaces:02X}"
        ));
    }
    lines.extend(
        content
            .life_cycle
            .iter()
            .map(|state| format!("life cycle {state}")),
    );
    lines
}

fn application_shown(
    application: &Application,
    when: Option<String>,
    made: Option<&Rehearsed>,
) -> ApplicationShown {
    let lengths = made
        .map(|m| m.groupings(&application.name))
        .unwrap_or_default();
    let groupings = application.dgis.iter().map(|dgi| GroupingShown {
        number: format!("{:04X}", dgi.number),
        title: dgi.title.clone(),
        sealed: dgi.encrypted,
        octets: lengths
            .iter()
            .find(|(number, _)| *number == dgi.number)
            .map(|(_, length)| match length {
                SealedOrClear::Sealed(octets) | SealedOrClear::Clear(octets) => *octets,
            }),
    });
    ApplicationShown {
        name: application.name.clone(),
        aid: application.aid.clone(),
        interfaces: application.interfaces.clone(),
        when,
        groupings: groupings.collect(),
    }
}

/// HSM operations of a program, by kind.
fn calls(content: &Content, program: u32) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    let program = content.programs.get(program as usize);
    for node in program.map(|p| p.nodes.as_slice()).unwrap_or_default() {
        if let Op::Intent { intent, .. } = &node.op {
            *calls.entry(intent.clone()).or_insert(0) += 1;
        }
    }
    calls
}

/// Octets of all groupings.
fn octets(made: &Rehearsed, chip: Option<&Chip>) -> usize {
    let applications = chip.map(|c| c.applications.as_slice()).unwrap_or_default();
    let groupings = applications.iter().flat_map(|a| made.groupings(&a.name));
    groupings
        .map(|(_, length)| match length {
            SealedOrClear::Sealed(octets) | SealedOrClear::Clear(octets) => octets,
        })
        .sum()
}

/// What a card asks of machine and HSM, as its rehearsal counted it.
fn work(content: &Content, job: &Job, product: &Product, made: &Rehearsed) -> Work {
    let mut calls = BTreeMap::new();
    for (stage, kinds) in &made.calls {
        let scenario = stage.strip_prefix("validation ");
        // Validation may look at some of the cards only.
        let share = scenario.map_or(1.0, |name| {
            let used = product.scenarios.iter().find(|s| s.scenario == name);
            used.map_or(1.0, |s| f64::from(s.sample) / f64::from(s.of.max(1)))
        });
        let stage = scenario.map_or(stage.as_str(), |_| "validation");
        for (kind, count) in kinds {
            let all = calls.entry((stage.to_owned(), kind.clone())).or_insert(0.0);
            *all += share * u32::try_from(*count).map_or(f64::INFINITY, f64::from);
        }
    }
    // A preview's letters have a specimen's PIN; each real one asks the HSM for its own.
    let letters = made.pages.iter();
    let letters = letters.filter(|page| page.sheet.pin_reference.is_some());
    if let Ok(count @ 1..) = u32::try_from(letters.count()) {
        let kind = ("pages".to_owned(), "pin.reveal".to_owned());
        calls.insert(kind, f64::from(count));
    }
    let flow = content.flows.iter().find(|flow| flow.name == job.flow);
    let steps = flow.map(|f| f.steps.as_slice()).unwrap_or_default();
    Work {
        commands: made
            .exchanges
            .iter()
            .map(|e| (e.data_octets, e.answer_octets))
            .collect(),
        calls,
        stations: steps
            .iter()
            .map(|step| {
                let slots = step.settings.iter().find(|(name, _)| name == "slots");
                let slots = slots.and_then(|(_, value)| match value {
                    Constant::Number(number) => u32::try_from(*number).ok(),
                    _ => None,
                });
                (step.station.clone(), slots)
            })
            .collect(),
    }
}

fn human(shown: &Inspected, measured: bool) {
    let environment = if shown.test { "TEST" } else { "LIVE" };
    terminal::print(&format!(
        "{} {} (sequence {}) for {}, {environment}, {} signature{}\ndigest {}\n",
        shown.name,
        shown.version,
        shown.sequence,
        shown.issuer,
        shown.signatures,
        if shown.signatures == 1 { "" } else { "s" },
        shown.digest
    ));
    for key in &shown.keys {
        terminal::print(&format!(
            "key    {:<24} {:<8} {:<40} {}",
            key.name, key.algorithm, key.usage, key.check_value
        ));
    }
    if !measured && shown.test {
        terminal::print("\nEstimates rest on assumed speeds; give yours by `--speeds FILE`.");
    }
    shown.products.iter().for_each(product_human);
    if !shown.files.is_empty() {
        terminal::print(&format!("\nfiles  {}", shown.files.join(", ")));
    }
    for asset in &shown.assets {
        terminal::print(&format!(
            "asset  {:<24} {:>8}  {}",
            asset.name, asset.octets, asset.media_type
        ));
    }
}

fn estimate_human(estimate: &Estimate, octets: Option<usize>) {
    let octets = octets.unwrap_or_default();
    let travelling = estimate.apdu_octets;
    terminal::print(&format!(
        "  octets       {octets} in groupings, {travelling} travel to the chip and back"
    ));
    for call in &estimate.calls {
        terminal::print(&format!(
            "  hsm          {:>5} x {:<22} {:<10} {:>7.1} ms",
            call.count, call.kind, call.stage, call.milliseconds
        ));
    }
    for resource in &estimate.resources {
        terminal::print(&format!(
            "  {:<12} {:>8.2} s a card, {} at once: {:>6.0} cards an hour",
            resource.name, resource.seconds_per_card, resource.at_once, resource.cards_per_hour
        ));
    }
    terminal::print(&format!(
        "  estimate     {:.0} cards an hour; the bottleneck is {}",
        estimate.cards_per_hour, estimate.bottleneck
    ));
}

fn product_human(product: &ProductShown) {
    let code = if product.code.is_empty() {
        "every order"
    } else {
        product.code.as_str()
    };
    terminal::print(&format!(
        "\nproduct {code} of {}: card {}",
        product.job, product.card
    ));
    if let Some(channel) = &product.channel {
        terminal::print(&format!("  channel      {channel}"));
    }
    for line in &product.content {
        terminal::print(&format!("  content      {line}"));
    }
    for application in &product.applications {
        terminal::print(&format!(
            "  application  {} {} {}",
            application.name,
            application.aid,
            application.interfaces.join(", ")
        ));
        if let Some(when) = &application.when {
            terminal::print(&format!("    when {when}"));
        }
        for grouping in &application.groupings {
            let octets = grouping
                .octets
                .map_or_else(|| "?".to_owned(), |n| n.to_string());
            let sealed = if grouping.sealed { "sealed" } else { "" };
            let line = format!(
                "    {}  {octets:>4}  {sealed:<6}  {}",
                grouping.number, grouping.title
            );
            terminal::print(line.trim_end());
        }
    }
    if !product.stripe.is_empty() {
        terminal::print(&format!("  stripe       {}", product.stripe.join(", ")));
    }
    terminal::print(&format!(
        "  faces        {} embossed lines, {} printed panels",
        product.embossed_lines, product.printed_panels
    ));
    if let (Some(all), Some(store)) = (product.commands, product.store_data_commands) {
        terminal::print(&format!(
            "  commands     {all}, of which {store} STORE DATA"
        ));
    }
    match &product.estimate {
        Some(estimate) => estimate_human(estimate, product.chip_octets),
        None => product.hsm_calls.iter().for_each(|(name, count)| {
            terminal::print(&format!("  hsm          {count:>3} x {name}"));
        }),
    }
    let lists = [
        ("scenarios", &product.scenarios),
        ("pages", &product.pages),
        ("outputs", &product.outputs),
    ];
    for (name, list) in lists {
        if !list.is_empty() {
            terminal::print(&format!("  {name:<11}  {}", list.join(", ")));
        }
    }
}
