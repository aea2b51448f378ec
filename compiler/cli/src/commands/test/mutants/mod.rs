//! Mutants: one thing of a compiled bundle changed at a time. A mutation is data: where, what was
//! there, what is there now.

mod constants;
mod things;

use cardwright_bundle::Content;
use serde_json::Value;
use std::collections::BTreeMap;

/// Which part of the bundle a mutant touches: nothing else has to be done again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    Card(String),
    Layout(String),
    Job(String),
    Format(String),
}

/// One changed thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mutant {
    /// JSON pointer into the bundle's content (RFC 6901).
    pub(super) pointer: String,
    pub(super) old: Value,
    pub(super) new: Value,
    /// Index into the source map.
    pub(super) span: u32,
    /// What kind of thing it is.
    pub(super) family: &'static str,
    /// What changes, in words.
    pub(super) what: String,
    pub(super) scope: Scope,
}

impl Mutant {
    /// The content with this change; none when it is no content any more.
    pub(super) fn applied(&self, content: &Value) -> Option<Content> {
        let mut changed = content.clone();
        let place = changed.pointer_mut(&self.pointer)?;
        (*place == self.old).then_some(())?;
        *place = self.new.clone();
        serde_json::from_value(changed).ok()
    }

    /// What a test would need to notice it.
    pub(super) fn advice(&self) -> &'static str {
        match self.family {
            "data element" | "CVM rule" => {
                "expect its value, or keep a `snapshot` of a card that has it"
            }
            "choice" => "add tests whose orders take both sides",
            "key use" => "keep a `snapshot`, or let a scenario use what the key makes",
            "layout item" => "keep a `snapshot` of an order that prints the page",
            "order rule" => "add a test whose order it refuses: `rejected == \"…\"`",
            "optional field" => "add a test with the field left blank",
            "scenario" => "keep a `snapshot`: it lists what was validated",
            _ => "add a test that looks at it, or keep a `snapshot`",
        }
    }

    /// File, line and column of what changed.
    pub(super) fn place(&self, content: &Content) -> String {
        let span = content.spans.get(self.span as usize);
        let span = span.filter(|_| self.span != 0);
        let source = span.and_then(|s| content.sources.get(s.source as usize));
        match (span, source) {
            (Some(span), Some(source)) => {
                format!("{}:{}:{}", source.path, span.line, span.column)
            }
            _ => "made by the compiler".to_owned(),
        }
    }
}

/// Small numbers from a seed (SplitMix64, Steele and others 2014): the same mutants every time.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below a bound; 0 for a bound of 0.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.next().checked_rem(bound).unwrap_or(0)).unwrap_or(0)
    }
}

/// So many mutants at most, evenly from all families, by the seed.
pub(super) fn mutants(content: &Content, most: usize, seed: u64) -> Vec<Mutant> {
    let mut dice = Dice::new(seed);
    let mut all = constants::of(content, &mut dice);
    all.extend(things::of(content));
    all.retain(|m| m.old != m.new);
    let mut families: BTreeMap<&'static str, Vec<Mutant>> = BTreeMap::new();
    for mutant in all {
        families.entry(mutant.family).or_default().push(mutant);
    }
    for family in families.values_mut() {
        for last in (1..family.len()).rev() {
            family.swap(last, dice.below(last + 1));
        }
    }
    let mut chosen = Vec::new();
    while chosen.len() < most {
        let before = chosen.len();
        for family in families.values_mut() {
            if chosen.len() < most {
                chosen.extend(family.pop());
            }
        }
        if chosen.len() == before {
            break;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_dice_are_splitmix64() {
        // Output for seed 1234567, as published with the Rosetta Code task "SplitMix64".
        let mut dice = Dice::new(1_234_567);
        assert_eq!(dice.next(), 6_457_827_717_110_365_317);
        assert_eq!(dice.next(), 3_203_168_211_198_807_973);
    }
}
