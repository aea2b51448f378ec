//! Which products something reaches that they share: a key, a table, a layout, a file.

use crate::side::Side;
use serde_json::Value;
use std::collections::BTreeSet;

/// What one product's cards, papers and files use.
#[derive(Default)]
struct Uses {
    programs: BTreeSet<usize>,
    keys: BTreeSet<String>,
    texts: BTreeSet<String>,
}

/// A product's uses: of its card alone, and of all that is made for it.
pub(crate) struct Reach {
    /// `job/code`, or the job alone when it makes one card only.
    product: String,
    card: Uses,
    all: Uses,
}

impl Reach {
    /// Of a product.
    pub(crate) fn new(side: &Side, job: &str, code: &str, card: &str) -> Self {
        let mut own = Uses::default();
        let found = |list: &str, name: &str| -> Option<Value> {
            let mut entries = side.list(list).iter();
            entries.find(|e| text(e, "name") == Some(name)).cloned()
        };
        if let Some(card) = found("cards", card) {
            own.take(side, &card);
        }
        own.follow(side);
        let mut all = Uses::default();
        if let Some(mut job) = found("jobs", job) {
            // Other products' cards and scenarios are none of this one's business.
            let products = job.get_mut("products").and_then(Value::as_array_mut);
            if let Some(products) = products {
                products.retain(|p| text(p, "code") == Some(code));
            }
            all.take(side, &job);
        }
        let named = ["formats", "layouts", "flows", "scenarios", "cards"];
        // What a job names may name more: a format its joins, a layout its fonts.
        for list in named {
            for entry in side.list(list) {
                if text(entry, "name").is_some_and(|name| all.texts.contains(name)) {
                    all.take(side, entry);
                }
            }
        }
        all.follow(side);
        Self {
            product: match code.is_empty() {
                true => job.to_owned(),
                false => format!("{job}/{code}"),
            },
            card: own,
            all,
        }
    }

    /// Whether the card itself uses a thing of a list.
    pub(crate) fn card_uses(&self, list: &str, name: &str) -> bool {
        self.card.has(list, name)
    }

    /// `job/code`, when a thing of a list is used for the product.
    pub(crate) fn product_using(&self, list: &str, name: &str) -> Option<String> {
        self.all.has(list, name).then(|| self.product.clone())
    }
}

impl Uses {
    /// Takes in the programs, key slots and texts of a value. As deep as the bundle's types are.
    fn take(&mut self, side: &Side, value: &Value) {
        match value {
            Value::String(text) => {
                self.texts.insert(text.clone());
            }
            Value::Array(list) => list.iter().for_each(|entry| self.take(side, entry)),
            Value::Object(map) => {
                for (key, entry) in map {
                    match (key.as_str(), entry.as_u64()) {
                        ("program", Some(number)) => {
                            self.programs.extend(usize::try_from(number).ok());
                        }
                        ("issuer" | "key" | "signer" | "transport_key" | "under", Some(slot)) => {
                            self.keys.insert(side.key(slot));
                        }
                        ("keys", None) => self.slots(side, entry),
                        _ => self.take(side, entry),
                    }
                }
            }
            _ => {}
        }
    }

    /// Pairs of a role and a key slot.
    fn slots(&mut self, side: &Side, pairs: &Value) {
        // The issuer's own keys of a card are no pairs, but what PUT KEY needs.
        if pairs.is_object() {
            return self.take(side, pairs);
        }
        let pairs = pairs.as_array().into_iter().flatten();
        let slots = pairs.filter_map(|pair| pair.get(1)?.as_u64());
        self.keys.extend(slots.map(|slot| side.key(slot)));
    }

    /// Takes in what the programs use.
    fn follow(&mut self, side: &Side) {
        for number in &self.programs {
            for step in side.program(*number) {
                let keys = step.head.get("keys").and_then(Value::as_array);
                let keys = keys.into_iter().flatten().filter_map(Value::as_str);
                self.keys.extend(keys.map(str::to_owned));
                let table = step.head.get("table").and_then(Value::as_str);
                self.texts.extend(table.map(str::to_owned));
            }
        }
    }

    fn has(&self, list: &str, name: &str) -> bool {
        match list {
            "keys" => self.keys.contains(name),
            "assets" | "flows" | "formats" | "jobs" | "layouts" | "tables" => {
                self.texts.contains(name)
            }
            _ => false,
        }
    }
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}
