//! Keys that not all tokens hold: what differs, and copies into tokens that lack one. A key moves
//! wrapped under the storage key that all tokens have; one that may not leave its token does not move.

use std::collections::BTreeMap;
use std::sync::Arc;

use cardwright_pkcs11_raw::ck;
use cardwright_ports::custody::{KeyAlgorithm, KeyFacts, NewKey, PublicKey, Spread};

use super::find;
use super::make::{New, PATIENCE, Source, store_in};
use super::{Custody, may_leave, rules};
use crate::composition::{Intent, Plan};
use crate::error::{self, Refused, Trouble};
use crate::making::{in_time, labels_of};
use crate::objects::{Flags, LEFT};
use crate::ring::one;
use crate::token::Token;
use crate::tool::Tool;

impl Custody<'_> {
    /// Keys that are not the same in all tokens, by label. While a token is away nobody knows.
    pub(super) fn spread_of_keys(&self) -> Result<Vec<Spread>, Refused> {
        self.shared.check_state()?;
        let mut all: BTreeMap<String, Vec<(usize, KeyFacts)>> = BTreeMap::new();
        for (place, token) in self.shared.tokens.iter().enumerate() {
            self.shared.ready(token)?;
            let keys: Vec<KeyFacts> = self.asked(token, |tool| {
                let keys = find::all(tool.session()?)?;
                keys.iter().map(|key| find::facts(tool, key)).collect()
            })?;
            for facts in keys {
                let label = facts.label.clone();
                all.entry(label).or_default().push((place, facts));
            }
        }
        let of = |(label, found): (String, Vec<(usize, KeyFacts)>)| {
            let has = |place: &usize| found.iter().any(|(at, _)| at == place);
            let places = 0..self.shared.tokens.len();
            let lacking = places.filter(|place| !has(place));
            let name = |place: usize| self.shared.tokens.get(place).map(|t| t.name().to_string());
            let spread = Spread {
                label,
                lacking: lacking.filter_map(name).collect(),
                differs: found.windows(2).any(|pair| match pair {
                    [(_, a), (_, b)] => a != b,
                    _ => false,
                }),
            };
            (spread.differs || !spread.lacking.is_empty()).then_some(spread)
        };
        Ok(all.into_iter().filter_map(of).collect())
    }

    /// Brings a key into the tokens that lack it. All of them have it afterwards, or those that
    /// had it before.
    pub(super) fn copied_to_all(&self, label: &str) -> Result<KeyFacts, Refused> {
        self.shared.check_state()?;
        let (mut having, mut lacking) = (Vec::new(), Vec::new());
        for token in &self.shared.tokens {
            self.shared.ready(token)?;
            let label = label.to_owned();
            let found = self.asked(token, move |tool| {
                let key = find::named(tool.session()?, &label)?;
                key.map(|key| find::facts(tool, &key)).transpose()
            })?;
            match found {
                Some(facts) => having.push((token, facts)),
                None => lacking.push(token),
            }
        }
        let Some((from, facts)) = having.first() else {
            return Err(rules::LABEL.found(format!("no key {}", rules::shown(label))));
        };
        if let Some((other, _)) = having.iter().find(|(_, other)| other != facts) {
            let what = format!("key {label} in {} and {}", from.name(), other.name());
            return Err(error::TOKENS_DIFFER.found(what));
        }
        if lacking.is_empty() {
            return Ok(facts.clone());
        }
        self.shared.plan.way(Intent::Copies, Flags::NONE)?;
        let new = of_facts(facts, &self.shared.plan);
        let labels = labels_of(label);
        let source = Arc::new(self.wrapped_copy(from, &new)?);
        let deadline = self.shared.settings.deadline.saturating_mul(PATIENCE);
        let mut begun = Vec::new();
        for token in lacking {
            let (of, source) = (new.clone(), Arc::clone(&source));
            begun.push(token);
            let made = in_time(
                token,
                deadline,
                Arc::new(move |session: &_| store_in(session, &of, &source)),
            );
            if let Err(cause) = made {
                let what = format!("{}: {}", cause.code, cause.what);
                let mut refused = error::NOT_KEPT.found(what);
                self.shared.take_back(&begun, &labels, &mut refused);
                return Err(refused);
            }
        }
        let same = self.same_everywhere(&new, Some(facts.check_values.clone()));
        same.map_err(|mut refused| {
            self.shared.take_back(&begun, &labels, &mut refused);
            self.shared.note(&refused);
            refused
        })
    }

    /// A key of one token, wrapped there under the storage key.
    fn wrapped_copy(&self, from: &Arc<Token>, new: &New) -> Result<Source, Refused> {
        let new = new.clone();
        self.asked(from, move |tool| {
            let session = tool.session()?;
            let key = find::present(session, &new.label)?;
            may_leave(&key)?;
            let mechanism = tool.plan.key_wrap_pad();
            let wrapping = tool.wrapping()?;
            let left = match new.has_left() {
                true => {
                    let label = format!("{}{LEFT}", new.label);
                    let found = one(session, ck::CKO_SECRET_KEY, &label)?;
                    let missing = || error::KEY_MISSING.found(format!("key {label}"));
                    Some(session.wrap(&mechanism, wrapping, found.ok_or_else(missing)?)?)
                }
                false => None,
            };
            let point = match (new.algorithm, find::public_key(session, &key)) {
                (KeyAlgorithm::P256, Ok(PublicKey::P256(point))) => Some(point),
                (KeyAlgorithm::P256, Err(trouble)) => return Err(trouble),
                _ => None,
            };
            Ok(Source::Copied {
                main: session.wrap(&mechanism, wrapping, key.main)?,
                by: mechanism,
                left,
                point,
            })
        })
    }

    /// A job in one token, and in no other.
    fn asked<T: Send + 'static>(
        &self,
        token: &Arc<Token>,
        job: impl Fn(&Tool<'_>) -> Result<T, Trouble> + Send + Sync + 'static,
    ) -> Result<T, Refused> {
        let (plan, of) = (Arc::clone(&self.shared.plan), Arc::clone(token));
        let deadline = self.shared.settings.deadline;
        token.with_session(deadline, move |session| {
            job(&Tool::new(session, &plan, &of)?)
        })
    }
}

/// A key as it is, to be made once more.
fn of_facts(facts: &KeyFacts, plan: &Plan) -> New {
    let key = NewKey {
        label: &facts.label,
        algorithm: facts.algorithm,
        usage: facts.usage,
        exportability: facts.exportability,
    };
    New::of(&key, plan)
}
