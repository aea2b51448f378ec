//! Two bundles become a list of changes, product by product.

use crate::{
    load_files,
    reach::Reach,
    side::{Classes, Side},
    tables,
    walk::{At, Raw, Walk},
};
use cardwright_bundle::{Bundle, Environment};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A bundle in a comparison.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Project {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Monotonic version.
    pub sequence: u64,
    /// TEST, else LIVE.
    pub test: bool,
    /// SHA-256, hexadecimal.
    pub digest: String,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// What changed, such as `chip.debit.#9F0D`.
    pub path: String,
    /// The same in words: a data element's name, or `width of format field postcode`.
    pub title: String,
    /// Its sort, such as `flags`, `cvm list`, `key`, `layout item`.
    pub kind: String,
    /// Value or expression before; none for what is new.
    pub old: Option<String>,
    /// Value or expression now; none for what is gone.
    pub new: Option<String>,
    /// What that means: lines with `-` are no longer so, lines with `+` are.
    pub meaning: Vec<String>,
    /// What else is computed from it, and changes with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Where it was written, `file:line:column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// For what products share: those whose cards or papers it reaches, `job/code`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<String>,
}

/// What happened to a product.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProductChanges {
    /// Job.
    pub job: String,
    /// Product code; empty when the job makes one card only.
    pub code: String,
    /// Card.
    pub card: String,
    /// `same`, `changed`, `added` or `removed`.
    pub state: String,
    /// Its changes.
    pub changes: Vec<Change>,
    /// Values of a specimen order that differ; only where both bundles are TEST.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub specimen: Vec<Change>,
}

/// A comparison.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Comparison {
    /// 1.
    pub schema_version: u32,
    /// The old bundle.
    pub old: Project,
    /// The new one.
    pub new: Project,
    /// Whether they are the same octet by octet; sources that were only reformatted are not.
    pub same_bytes: bool,
    /// Whether they mean something else: any change below.
    pub differ: bool,
    /// Whether any card would hold or show something else.
    pub touches_cards: bool,
    /// Product by product.
    pub products: Vec<ProductChanges>,
    /// What products share: keys, formats, layouts, flows, jobs, tables, the project itself.
    pub shared: Vec<Change>,
    /// Sources whose text differs, whether or not it means anything else.
    pub sources: Vec<String>,
}

/// Parts of a content that are compared product by product, or are no meaning by themselves.
const NOT_SHARED: &[&str] = &["cards", "programs", "scenarios", "sources", "spans"];
/// What shared parts are called in paths.
const SHARED_NAMES: &[(&str, &str)] = &[
    ("assets", "asset"),
    ("flows", "flow"),
    ("formats", "format"),
    ("jobs", "job"),
    ("keys", "key"),
    ("layouts", "layout"),
    ("tables", "table"),
];

/// A product's place: job, code, card, and its own entry.
type Product = (String, String, String, Value);

/// Compares two bundles.
#[must_use]
pub fn compare(old: &Bundle, new: &Bundle) -> Comparison {
    let mut classes = Classes::default();
    let mut a = Side::new(old.content(), &mut classes);
    let mut b = Side::new(new.content(), &mut classes);
    load_files::describe(&mut a.content, old);
    load_files::describe(&mut b.content, new);
    let (before, after) = (products(&a), products(&b));
    let mut all = Vec::new();
    for (job, code, card, entry) in &after {
        let was = before.iter().find(|p| p.0 == *job && p.1 == *code);
        let changes = was.map_or_else(Vec::new, |was| {
            product(&a, &b, (&was.2, &was.3), (card, entry))
        });
        let state = match (was, changes.is_empty()) {
            (None, _) => "added",
            (Some(_), true) => "same",
            (Some(_), false) => "changed",
        };
        all.push(changes_of(job, code, card, state, changes));
    }
    for (job, code, card, _) in &before {
        if !after.iter().any(|p| p.0 == *job && p.1 == *code) {
            all.push(changes_of(job, code, card, "removed", Vec::new()));
        }
    }
    let reached: Vec<Reach> = after
        .iter()
        .map(|(job, code, card, _)| Reach::new(&b, job, code, card))
        .collect();
    let (shared, card_shares) = shared(&a, &b, &reached);
    let touches = |p: &ProductChanges| {
        matches!(p.state.as_str(), "added" | "removed")
            || p.changes.iter().any(|c| tables::on_card(&c.path))
    };
    Comparison {
        schema_version: 1,
        old: project(old),
        new: project(new),
        same_bytes: old.digest() == new.digest(),
        differ: !shared.is_empty() || all.iter().any(|p| p.state != "same"),
        touches_cards: card_shares || all.iter().any(touches),
        products: all,
        shared,
        sources: sources(&a, &b),
    }
}

/// Paths of sources whose hashes differ, or that one side only has.
fn sources(a: &Side, b: &Side) -> Vec<String> {
    let all = |side: &Side| -> BTreeMap<String, String> {
        let entries = side.list("sources").iter();
        entries
            .map(|s| (text(s, "path"), text(s, "sha256")))
            .collect()
    };
    let (a, b) = (all(a), all(b));
    let paths: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let differ = paths.into_iter().filter(|p| a.get(*p) != b.get(*p));
    differ.cloned().collect()
}

fn changes_of(
    job: &str,
    code: &str,
    card: &str,
    state: &str,
    changes: Vec<Change>,
) -> ProductChanges {
    ProductChanges {
        job: job.to_owned(),
        code: code.to_owned(),
        card: card.to_owned(),
        state: state.to_owned(),
        changes,
        specimen: Vec::new(),
    }
}

fn project(bundle: &Bundle) -> Project {
    let content = bundle.content();
    Project {
        name: content.name.clone(),
        version: content.version.clone(),
        sequence: content.sequence,
        test: content.environment == Environment::Test,
        digest: hex::encode_upper(bundle.digest()),
    }
}

fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn entries<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    let found = value.get(key).and_then(Value::as_array);
    found.map(Vec::as_slice).unwrap_or_default()
}

fn products(side: &Side) -> Vec<Product> {
    let mut found = Vec::new();
    for job in side.list("jobs") {
        for product in entries(job, "products") {
            let card = text(product, "card");
            found.push((
                text(job, "name"),
                text(product, "code"),
                card,
                product.clone(),
            ));
        }
    }
    found
}

fn by_name<'v>(list: &'v [Value], name: &str) -> Option<&'v Value> {
    list.iter().find(|entry| text(entry, "name") == name)
}

fn number(value: Option<&Value>, key: &str) -> usize {
    let found = value.and_then(|v| v.get(key)).and_then(Value::as_u64);
    found
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(usize::MAX)
}

/// The changes of one product: its card, its stock and its scenarios.
fn product(
    a: &Side,
    b: &Side,
    (old_card, old): (&str, &Value),
    (new_card, new): (&str, &Value),
) -> Vec<Change> {
    let mut walk = Walk::new(a, b);
    let cards = (
        by_name(a.list("cards"), old_card),
        by_name(b.list("cards"), new_card),
    );
    let programs = (number(cards.0, "program"), number(cards.1, "program"));
    let mut at = At::new("", "card");
    at.programs = programs;
    if let (Some(old), Some(new)) = cards {
        for key in ["name", "chip", "stripe", "faces", "pan", "psn", "expiry"] {
            let of = |card: &Value| card.get(key).cloned().unwrap_or_default();
            let mut here = at.child(if key == "name" { "card" } else { key });
            here.owns = !matches!(key, "pan" | "psn" | "expiry");
            walk.value(&here, key, &of(old), &of(new));
        }
        others(&mut walk, &at, old, new);
    }
    let stock = |entry: &Value| entry.get("stock").cloned().unwrap_or_default();
    walk.value(&at.child("stock"), "stock", &stock(old), &stock(new));
    let uses = |entry: &Value| Value::Array(entries(entry, "scenarios").to_vec());
    let mut here = At::new("scenario", "scenario");
    walk.value(&here, "scenarios", &uses(old), &uses(new));
    here.programs = programs;
    here.owns = false;
    for entry in entries(new, "scenarios") {
        let name = text(entry, "scenario");
        let find = |side: &Side| by_name(side.list("scenarios"), &name).cloned();
        if let (Some(old), Some(new)) = (find(a), find(b)) {
            let mut inside = here.clone();
            inside.push(&name);
            walk.value(&inside, "", &old, &new);
        }
    }
    gathered(walk.found)
}

/// Parts of a card that are younger than this list.
fn others(walk: &mut Walk<'_>, at: &At, old: &Value, new: &Value) {
    let known = [
        "name", "chip", "stripe", "faces", "pan", "psn", "expiry", "program", "span",
    ];
    let keys = |card: &Value| -> Vec<String> {
        let map = card.as_object();
        map.map(|m| m.keys().cloned().collect()).unwrap_or_default()
    };
    let mut all = keys(old);
    all.extend(keys(new));
    all.sort();
    all.dedup();
    for key in all.iter().filter(|key| !known.contains(&key.as_str())) {
        let of = |card: &Value| card.get(key).cloned().unwrap_or_default();
        walk.value(&at.child(key), key, &of(old), &of(new));
    }
}

/// What products share, and whether the cards themselves use any of it.
fn shared(a: &Side, b: &Side, reached: &[Reach]) -> (Vec<Change>, bool) {
    let keys = |side: &Side| -> Vec<String> {
        let map = side.content.as_object();
        map.map(|m| m.keys().cloned().collect()).unwrap_or_default()
    };
    let mut all = keys(a);
    let more: Vec<String> = keys(b)
        .into_iter()
        .filter(|key| !all.contains(key))
        .collect();
    all.extend(more);
    let mut changes = Vec::new();
    let mut on_cards = false;
    for key in all.iter().filter(|key| !NOT_SHARED.contains(&key.as_str())) {
        let mut walk = Walk::new(a, b);
        let named = SHARED_NAMES.iter().find(|(of, _)| of == key);
        let kinds = tables::KINDS.iter().find(|(of, _)| of == key);
        let at = At::new(
            named.map_or(key.as_str(), |(_, name)| name),
            kinds.map_or("project", |(_, kind)| kind),
        );
        let of = |side: &Side| {
            let mut value = side.content.get(key).cloned().unwrap_or_default();
            if key == "jobs" {
                without_products(&mut value);
            }
            value
        };
        let (old, new) = (of(a), of(b));
        walk.value(&at, key, &old, &new);
        for mut change in gathered(walk.found) {
            if let Some(name) = owner(b, key, &change.path) {
                let uses = |r: &Reach| r.product_using(key, &name);
                change.products = reached.iter().filter_map(uses).collect();
                on_cards |= reached.iter().any(|r| r.card_uses(key, &name));
            }
            changes.push(change);
        }
    }
    (changes, on_cards)
}

fn without_products(jobs: &mut Value) {
    for job in jobs.as_array_mut().into_iter().flatten() {
        if let Some(job) = job.as_object_mut() {
            job.remove("products");
        }
    }
}

/// The entry of a shared list that a path speaks of.
fn owner(side: &Side, list: &str, path: &str) -> Option<String> {
    let rest = path.split_once('.').map_or("", |(_, rest)| rest);
    let own =
        |name: &String| rest == name || rest.strip_prefix(name).is_some_and(|r| r.starts_with('.'));
    // The longest name that fits: names may have points in them.
    let names = side.list(list).iter().map(|entry| text(entry, "name"));
    names.filter(own).max_by_key(String::len)
}

/// Brings together what has one cause.
fn gathered(found: Vec<Raw>) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    let mut causes: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    let (own, other): (Vec<Raw>, Vec<Raw>) = found.into_iter().partition(|raw| raw.own);
    for raw in own.into_iter().chain(other) {
        let area = |path: &str| path.rsplit_once('.').map(|(area, _)| area.to_owned());
        let known = raw
            .cause
            .and_then(|cause| causes.get(&cause))
            .filter(|_| !raw.own);
        if let Some(known) = known {
            let near = known.iter().find(|n| {
                let path = changes
                    .get(**n)
                    .map(|c| c.path.as_str())
                    .unwrap_or_default();
                area(path) == area(&raw.path)
            });
            if let Some(change) = near.or(known.first()).and_then(|n| changes.get_mut(*n))
                && change.path != raw.path
                && !change.also.contains(&raw.path)
            {
                change.also.push(raw.path);
            }
            continue;
        }
        let record = |c: &&mut Change| c.kind == "record" && area(&c.path) == area(&raw.path);
        if raw.reordered
            && !raw.own
            && let Some(change) = changes.iter_mut().find(record)
        {
            change.also.push(raw.path);
            continue;
        }
        if let Some(cause) = raw.cause {
            causes.entry(cause).or_default().push(changes.len());
        }
        changes.push(Change {
            path: raw.path,
            title: raw.title,
            kind: raw.kind.to_owned(),
            old: raw.old,
            new: raw.new,
            meaning: raw.meaning,
            also: Vec::new(),
            place: raw.place,
            products: Vec::new(),
        });
    }
    changes
}
