//! Acts on a key: who may do what in which state, and what changes by it.

use super::{
    Act, Asked, Changes, Compromise, Export, Inventory, KeyEntry, Origin, PENDING, PERIOD, Pending,
    PendingAct, People, STEP, State, TWO_PEOPLE, UNKNOWN_KEY,
    book::{person, shown},
};
use crate::KeysError;

/// How long one person's word waits for another's, seconds.
pub const WAIT_SECONDS: i64 = 86_400;
/// How far the clock may have been set back between two people's words, seconds.
const CLOCK_SLACK_SECONDS: i64 = 300;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// Label.
    pub label: &'a str,
    /// Public words.
    pub why: &'a str,
    /// Begin of the period; now when none.
    pub from: Option<i64>,
    /// End of the period.
    pub to: Option<i64>,
    /// Jobs that were bound to the key, for a compromise.
    pub jobs: &'a [u64],
}

/// What comes of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done by this commit; a destruction still needs the HSM.
    Done(Changes),
    /// One of two people has asked; another one must ask, too.
    Waits(Changes),
}

impl Inventory {
    /// An act on one key, by the table of states.
    pub fn act(
        &self,
        act: Act,
        wish: &Wish<'_>,
        people: &People<'_>,
    ) -> Result<Outcome, KeysError> {
        let names = people.named()?;
        let mut entry = self.settled(wish.label)?.clone();
        let rule = act.rule();
        if !rule.from.contains(&entry.state) {
            let what = format!(
                "{} is {}; it can't `{}`",
                entry.label(),
                entry.state.name(),
                rule.name
            );
            return Err(STEP.found(what));
        }
        let names = match self.agreed(&mut entry, act, names, people)? {
            Agreed::By(names) => names,
            Agreed::Waits(changes) => return Ok(Outcome::Waits(changes)),
        };
        self.carry_out(&mut entry, act, wish, people.at)?;
        entry.note(people.at, &names, rule.name, wish.why);
        let mut changes = Changes::default();
        changes.changes.push(self.put(&entry)?);
        changes.say(
            &names.join(" and "),
            &format!("key-{}", rule.name),
            detail(&entry, wish.why),
        );
        Ok(Outcome::Done(changes))
    }

    /// An entry on which nothing is pending.
    pub(crate) fn settled(&self, label: &str) -> Result<&KeyEntry, KeysError> {
        let found = self.get(label);
        let entry = found.ok_or_else(|| UNKNOWN_KEY.found(format!("no key `{}`", shown(label))))?;
        match &entry.pending {
            None => Ok(entry),
            Some(_) => Err(PENDING.found(entry.label())),
        }
    }

    /// Whether enough people ask for the same.
    fn agreed(
        &self,
        entry: &mut KeyEntry,
        act: Act,
        mut names: Vec<String>,
        people: &People<'_>,
    ) -> Result<Agreed, KeysError> {
        let asked = entry.asked.take();
        if act.rule().people <= names.len() {
            return Ok(Agreed::By(names));
        }
        let fresh = asked.filter(|a| {
            let age = people.at.saturating_sub(a.at);
            a.act == act && (-CLOCK_SLACK_SECONDS..WAIT_SECONDS).contains(&age)
        });
        match fresh {
            Some(first) if person(&first.who) == person(people.who) => {
                let what = format!("{} has asked for this already", first.who);
                Err(TWO_PEOPLE.found(what))
            }
            Some(first) => {
                names.insert(0, first.who);
                Ok(Agreed::By(names))
            }
            None => {
                entry.asked = Some(Asked {
                    act,
                    who: people.who.trim().to_owned(),
                    at: people.at,
                });
                let mut changes = Changes::default();
                changes.changes.push(self.put(entry)?);
                let what = format!("{} {}: waits for another person", act.name(), entry.label());
                changes.say(people.who, "key-ask", what);
                Ok(Agreed::Waits(changes))
            }
        }
    }

    fn carry_out(
        &self,
        entry: &mut KeyEntry,
        act: Act,
        wish: &Wish<'_>,
        at: i64,
    ) -> Result<(), KeysError> {
        match act {
            Act::Activate => {
                entry.active_from = Some(wish.from.or(entry.active_from).unwrap_or(at).max(at));
                entry.active_to = wish.to.or(entry.active_to);
                self.fits(entry, at)?;
            }
            Act::Resume => self.fits(entry, at)?,
            Act::Suspend => {}
            Act::Retire => entry.active_to = Some(entry.active_to.map_or(at, |to| to.min(at))),
            Act::Compromise => {
                entry.active_to = entry.active_from.map(|from| {
                    let to = entry.active_to.map_or(at, |to| to.min(at));
                    to.max(from)
                });
                entry.compromise = Some(Compromise {
                    at,
                    why: wish.why.to_owned(),
                    under: self.under(&entry.label()),
                    jobs: wish.jobs.to_vec(),
                });
                // A destroyed key stays destroyed; its entry tells what is known now.
                if entry.state == State::Destroyed {
                    return Ok(());
                }
            }
            Act::Destroy => {
                entry.pending = Some(Pending {
                    act: PendingAct::Destroy,
                    group: format!("destroy {}", entry.label()),
                    who: String::new(),
                    at,
                });
                return Ok(());
            }
        }
        entry.state = act.rule().to;
        Ok(())
    }

    /// Whether an entry's period is one, ends in the future, and overlaps no other version's.
    fn fits(&self, entry: &KeyEntry, at: i64) -> Result<(), KeysError> {
        let (from, to) = period(entry);
        if to <= from || to <= at {
            let what = format!(
                "{}: its period would end before it begins, or before now",
                entry.label()
            );
            return Err(PERIOD.found(what));
        }
        let holds = |e: &&KeyEntry| matches!(e.state, State::Active | State::Suspended);
        let overlapped = self
            .versions(&entry.name)
            .filter(|other| other.version != entry.version)
            .filter(holds)
            .find(|other| {
                let (other_from, other_to) = period(other);
                from < other_to && other_from < to
            });
        match overlapped {
            None => Ok(()),
            Some(other) => {
                let what = format!(
                    "{} would be in use together with {}, which is {}",
                    entry.label(),
                    other.label(),
                    other.state.name()
                );
                Err(PERIOD.found(what))
            }
        }
    }

    /// Ends the use of one version and begins that of another, at the same second.
    pub fn replace(
        &self,
        old: &str,
        new: &str,
        wish: &Wish<'_>,
        people: &People<'_>,
    ) -> Result<Changes, KeysError> {
        let names = people.named()?;
        let (old, new) = (self.settled(old)?, self.settled(new)?);
        let at = people.at;
        let switch = wish.from.unwrap_or(at);
        refuse_replacement(old, new, switch, at)?;
        let (mut old, mut new) = (old.clone(), new.clone());
        (old.asked, new.asked) = (None, None);
        old.active_to = Some(switch);
        old.replaced_by = Some(new.label());
        if switch <= at {
            old.state = State::Retired;
        }
        let mut after = self.clone();
        after.set(&old);
        new.active_from = Some(switch);
        new.active_to = wish.to.or(new.active_to);
        after.fits(&new, at)?;
        new.state = State::Active;
        old.note(at, &names, "replace", &format!("by {}", new.label()));
        new.note(
            at,
            &names,
            "activate",
            &format!("in place of {}", old.label()),
        );
        let mut changes = Changes::default();
        changes.changes.push(self.put(&old)?);
        changes.changes.push(self.put(&new)?);
        let what = format!(
            "{} by {} from {switch} on {}",
            old.label(),
            new.label(),
            wish.why
        );
        changes.say(&names.join(" and "), "key-replace", what.trim_end());
        Ok(changes)
    }

    /// Notes that a copy of a key leaves the HSM. The commit comes before the copy is handed over.
    pub fn exported(
        &self,
        label: &str,
        (to, under, form): (&str, &str, &str),
        people: &People<'_>,
    ) -> Result<(KeyEntry, Changes), KeysError> {
        let names = people.named()?;
        let mut entry = self.settled(label)?.clone();
        if !entry.state.allows().export {
            let what = format!(
                "{label} is {}; it leaves the HSM no more",
                entry.state.name()
            );
            return Err(STEP.found(what));
        }
        if entry.exportability == "non_exportable" {
            return Err(STEP.found(format!("{label} is not exportable")));
        }
        entry.exports.push(Export {
            at: people.at,
            who: names.join(" and "),
            to: to.to_owned(),
            under: under.to_owned(),
            form: form.to_owned(),
        });
        entry.note(people.at, &names, "export", to);
        let mut changes = Changes::default();
        changes.changes.push(self.put(&entry)?);
        let what = format!("{label} to {to}, {form}, under {under}");
        changes.say(&names.join(" and "), "key-export", what);
        Ok((entry, changes))
    }

    /// Notes that a key is brought into tokens of the site's own HSM that lack it.
    pub(crate) fn copied(&self, label: &str, people: &People<'_>) -> Result<Changes, KeysError> {
        let names = people.named()?;
        let mut entry = self.settled(label)?.clone();
        if !entry.state.allows().export {
            let what = format!("{label} is {}; it is not copied", entry.state.name());
            return Err(STEP.found(what));
        }
        entry.note(people.at, &names, "copy", "");
        let mut changes = Changes::default();
        changes.changes.push(self.put(&entry)?);
        let what = format!("{label} into the tokens that lack it");
        changes.say(&names.join(" and "), "key-copy", what);
        Ok(changes)
    }

    /// Labels of the keys that are or were wrapped under one.
    pub fn under(&self, label: &str) -> Vec<String> {
        let wrapped = |e: &&KeyEntry| {
            let came = match &e.origin {
                Origin::Imported { under, .. } | Origin::Package { under, .. } => under == label,
                _ => false,
            };
            came || e.exports.iter().any(|x| x.under == label)
        };
        self.entries()
            .filter(wrapped)
            .map(KeyEntry::label)
            .collect()
    }
}

enum Agreed {
    By(Vec<String>),
    Waits(Changes),
}

/// Begin and end; without them from and to eternity.
fn period(entry: &KeyEntry) -> (i64, i64) {
    (
        entry.active_from.unwrap_or(i64::MIN),
        entry.active_to.unwrap_or(i64::MAX),
    )
}

fn refuse_replacement(
    old: &KeyEntry,
    new: &KeyEntry,
    switch: i64,
    at: i64,
) -> Result<(), KeysError> {
    let (from, to) = (old.label(), new.label());
    if old.name != new.name || old.version == new.version {
        return Err(STEP.found(format!("{to} is no other version of {from}")));
    }
    if old.usage != new.usage {
        return Err(STEP.found(format!("{to} has another use than {from}")));
    }
    if old.state != State::Active || new.state != State::PreActive {
        let what = format!(
            "{from} is {} and {to} is {}; an active key is replaced by a pre-active one",
            old.state.name(),
            new.state.name()
        );
        return Err(STEP.found(what));
    }
    let late = old.active_to.is_some_and(|end| end < switch);
    if switch < at || old.active_from.is_some_and(|begin| switch < begin) || late {
        let what = format!("{from} is not in use at the second in which {to} would begin");
        return Err(PERIOD.found(what));
    }
    Ok(())
}

fn detail(entry: &KeyEntry, why: &str) -> String {
    let mut text = format!("{} is {}", entry.label(), entry.state.name());
    if let Some(compromise) = &entry.compromise
        && entry.history.last().is_some_and(|s| s.act == "compromise")
    {
        let under = compromise.under.join(", ");
        text.push_str(&format!(
            "; under it: {}",
            if under.is_empty() { "none" } else { &under }
        ));
    }
    if !why.is_empty() {
        text.push_str(": ");
        text.push_str(why);
    }
    text.chars().take(2_000).collect()
}
