//! The conductor: asks the HSM and the printer, and makes each step durable before the next.
//!
//! Every step is one commit: the ceremony's row by compare-and-set, components, inventory and audit
//! entries together. What the HSM has done and no commit has noted is found and ended by
//! [`Conductor::resume`].

use super::codes::{CEREMONY, FORM, PERSON, TYPED};
use super::form::{self, FormPrinter, Reveal};
use super::nouns::{self, Ceremony, Kind, Part, PartState, Phase, SCHEMA_VERSION, Subject};
use super::people::{self, CUSTODIANS_MAX, Present, Role};
use super::record::{digest, record, signed_text};
use super::step::{Act, Event, HsmAct, Wanted, same_value, step, wanted};
use crate::inventory::{
    self, Changes, CheckText, Inventory, KeyEntry, NewEntry, Origin, People, State, Wish,
    check_text,
};
use crate::{Clerk, KeysError, Ledger};
use cardwright_ports::SecretBytes;
use cardwright_ports::custody::{CheckValue, KeyCustody, SealedComponent};
use cardwright_ports::register::Register;

/// What `start` asks for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is to be done.
    pub kind: Kind,
    /// Name of the site.
    pub site: String,
    /// Whether it is about test keys.
    pub test: bool,
    /// The key; version 0 for the next one.
    pub key: Subject,
    /// Components.
    pub components: u8,
    /// Officers.
    pub quorum: u8,
    /// Whether an auditor watches.
    pub auditor: bool,
    /// The check value that the key must have.
    pub expected: Option<CheckText>,
}

/// How a typed component is checked.
#[derive(Clone, Copy)]
pub enum Check<'a> {
    /// Typed a second time.
    Twice(&'a SecretBytes),
    /// By the check value on its form.
    Value(&'a str),
}

/// Conducts the ceremonies of one site over one session of the HSM.
pub struct Conductor<'a> {
    store: &'a dyn Ledger,
    custody: &'a mut dyn KeyCustody,
}

impl<'a> Conductor<'a> {
    /// Begins work.
    pub fn new(store: &'a dyn Ledger, custody: &'a mut dyn KeyCustody) -> Self {
        Self { store, custody }
    }

    fn clerk(&mut self) -> Clerk<'_> {
        Clerk::new(self.store, &mut *self.custody)
    }

    /// A ceremony as it stands.
    pub fn ceremony(&self, id: &str) -> Result<Ceremony, KeysError> {
        self.load(id).map(|(_, ceremony)| ceremony)
    }

    fn load(&self, id: &str) -> Result<(u64, Ceremony), KeysError> {
        let row = self.store.register_row(Register::Ceremonies, id)?;
        let shown: String = id.chars().filter(|c| !c.is_control()).take(40).collect();
        let row = row.ok_or_else(|| CEREMONY.found(format!("no ceremony `{shown}`")))?;
        Ok((row.version, Ceremony::from_row(&row.id, &row.body)?))
    }

    /// Who typed a secret. A wrong attempt is counted before it is refused.
    pub fn authenticate(
        &self,
        name: &str,
        secret: &SecretBytes,
        at: i64,
    ) -> Result<Present, KeysError> {
        let (present, changes) = people::authenticate(self.store, name, secret)?;
        self.commit(changes, at)?;
        present
    }

    fn commit(&self, changes: Changes, at: i64) -> Result<(), KeysError> {
        if changes.is_empty() {
            return Ok(());
        }
        Ok(self.store.keep(&changes.into_batch(at))?)
    }

    /// Opens a ceremony in the presence of its first officer.
    pub fn open(&mut self, plan: &Plan, officer: &Present, at: i64) -> Result<Ceremony, KeysError> {
        officer.check(Role::Officer)?;
        let inventory = Inventory::read(self.store)?;
        let key = self.checked(plan, &inventory)?;
        let count = nouns::ceremonies(self.store)?.len();
        let mut ceremony = Ceremony {
            schema_version: SCHEMA_VERSION,
            id: format!("ceremony-{:04}", count + 1),
            kind: plan.kind,
            site: plan.site.clone(),
            test: plan.test,
            key,
            quorum: plan.quorum,
            auditor: plan.auditor,
            expected: plan.expected.clone(),
            participants: Vec::new(),
            phase: Phase::Opening,
            parts: Vec::new(),
            wrong: 0,
            check_values: Vec::new(),
            log: Vec::new(),
            digest: None,
            recorded: 0,
            signatures: Vec::new(),
        };
        if plan.kind.has_components() {
            ceremony.parts = (1..=plan.components).map(new_part).collect();
        }
        let came = Event::Came {
            name: officer.name().to_owned(),
            role: Role::Officer,
        };
        let (ceremony, _) = step(&ceremony, &came, at)?;
        let mut changes = Changes::default();
        changes.changes.push(ceremony.put(0)?);
        let what = format!(
            "{}: {} {}, {} components, {} officers",
            ceremony.id,
            ceremony.kind.name(),
            ceremony.key.label(),
            ceremony.parts.len(),
            ceremony.quorum
        );
        changes.say(officer.name(), "ceremony-open", what);
        self.commit(changes, at)?;
        Ok(ceremony)
    }

    /// The key of a plan, if the plan can be carried out.
    fn checked(&self, plan: &Plan, inventory: &Inventory) -> Result<Subject, KeysError> {
        let wrong = |what: String| Err(CEREMONY.found(what));
        let mut key = plan.key.clone();
        if !(2..=CUSTODIANS_MAX).contains(&plan.quorum) {
            return wrong(format!(
                "{} officers; 2 to {CUSTODIANS_MAX} open it",
                plan.quorum
            ));
        }
        if plan.kind.has_components() && !(2..=CUSTODIANS_MAX).contains(&plan.components) {
            let found = plan.components;
            return wrong(format!(
                "{found} components; a key has 2 to {CUSTODIANS_MAX}"
            ));
        }
        if matches!(plan.kind, Kind::Export | Kind::Destroy) {
            return existing(plan, inventory, key);
        }
        if key.version == 0 {
            key.version = inventory.next_version(&key.name);
        }
        let algorithm = key.key_algorithm()?;
        key.key_use()?;
        key.key_exportability()?;
        if algorithm.octets().is_some() != plan.kind.has_components() {
            let (kind, name) = (plan.kind.name(), algorithm.name());
            return wrong(format!("a ceremony `{kind}` for a key of algorithm {name}"));
        }
        if inventory.get(&key.label()).is_some() {
            return wrong(format!("{} is there already", key.label()));
        }
        // The inventory's own rules, before people are called together.
        let people = People {
            who: "plan",
            second: None,
            at: 0,
        };
        inventory.announce(&[new_entry(&key, "plan", &[], None)?], "plan", &people)?;
        Ok(key)
    }

    /// Takes an event, with what belongs into the same commit.
    fn apply(
        &mut self,
        id: &str,
        event: &Event,
        also: Changes,
        at: i64,
    ) -> Result<Ceremony, KeysError> {
        let (version, before) = self.load(id)?;
        let (mut ceremony, acts) = step(&before, event, at)?;
        let mut changes = also;
        let mut refused = None;
        for act in acts {
            match act {
                Act::RemoveComponent(number) => changes.changes.extend(nouns::remove_components(
                    self.store,
                    &before,
                    Some(number),
                )?),
                Act::RemoveComponents => changes
                    .changes
                    .extend(nouns::remove_components(self.store, &before, None)?),
                Act::Refuse(error) => refused = Some(error),
                Act::Record => {
                    ceremony.recorded = ceremony.log.len();
                    ceremony.digest = Some(digest(&record(&ceremony))?);
                }
            }
        }
        for line in ceremony.log.iter().skip(before.log.len()) {
            let who = if line.who.is_empty() {
                "keys"
            } else {
                &line.who
            };
            changes.say(who, "ceremony-step", format!("{id}: {}", line.what));
        }
        if let (None, Some(digest)) = (&before.digest, &ceremony.digest) {
            changes.say("keys", "ceremony-record", format!("{id}: {digest}"));
        }
        changes.changes.push(ceremony.put(version)?);
        self.commit(changes, at)?;
        refused.map_or(Ok(ceremony), Err)
    }

    /// Lets an officer, the auditor or the custodian of the next component in.
    pub fn came(
        &mut self,
        id: &str,
        present: &Present,
        role: Role,
        at: i64,
    ) -> Result<Ceremony, KeysError> {
        present.check(role)?;
        let event = Event::Came {
            name: present.name().to_owned(),
            role,
        };
        self.apply(id, &event, Changes::default(), at)
    }

    /// Goes on after an interruption in the presence of one who takes part: ends what the HSM has
    /// done and no commit has noted, and voids a form of which nobody knows whether it came out.
    pub fn resume(&mut self, id: &str, present: &Present, at: i64) -> Result<Ceremony, KeysError> {
        let ceremony = self.ceremony(id)?;
        if !ceremony.is_open() {
            return Ok(ceremony);
        }
        let people = People {
            who: present.name(),
            second: None,
            at,
        };
        let takes_part = |p: &nouns::Participant| p.name == present.name();
        if !ceremony.participants.iter().any(takes_part) {
            let what = format!("{} takes no part in {id}", present.name());
            return Err(super::codes::ROLE.found(what));
        }
        self.clerk().recover(&people)?;
        let event = Event::Resumed {
            name: present.name().to_owned(),
        };
        self.apply(id, &event, Changes::default(), at)
    }

    /// Has the HSM draw the component of a custodian who is present.
    pub fn draw(&mut self, id: &str, custodian: &Present, at: i64) -> Result<Ceremony, KeysError> {
        let (_, ceremony) = self.load(id)?;
        let Wanted::Draw { number } = wanted(&ceremony) else {
            return Err(super::codes::STEP.found(format!("{id} waits for no component")));
        };
        own(&ceremony, number, custodian)?;
        let algorithm = ceremony.key.key_algorithm()?;
        let sealed = self.custody.new_component(id, algorithm)?;
        let event = Event::Drawn {
            number,
            check_value: check_text(&sealed.check_value),
        };
        let also = self.kept(id, number, &sealed)?;
        self.apply(id, &event, also, at)
    }

    fn kept(&self, id: &str, number: u8, sealed: &SealedComponent) -> Result<Changes, KeysError> {
        let mut changes = Changes::default();
        let change = nouns::keep_component(self.store, id, number, sealed)?;
        changes.changes.push(change);
        Ok(changes)
    }

    /// Prints the form of a component in the presence of its custodian. What does not come out
    /// whole is spoiled.
    pub fn print(
        &mut self,
        id: &str,
        custodian: &Present,
        printer: &mut dyn FormPrinter,
        at: i64,
    ) -> Result<Ceremony, KeysError> {
        let (_, ceremony) = self.load(id)?;
        let Wanted::Print { number } = wanted(&ceremony) else {
            return Err(super::codes::STEP.found(format!("{id} waits for no form")));
        };
        own(&ceremony, number, custodian)?;
        let algorithm = ceremony.key.key_algorithm()?;
        let sealed = nouns::kept_component(self.store, id, number)?;
        let ceremony = self.apply(id, &Event::Printing { number }, Changes::default(), at)?;
        let part = ceremony.part(number)?;
        let printed = self
            .custody
            .reveal_component(id, algorithm, &sealed)
            .map_err(KeysError::from)
            .and_then(|clear| {
                let mut source = Reveal {
                    clear: Some(&clear),
                };
                let sheet = form::sheet(&ceremony, part);
                printer.print(&ceremony.form(part), &sheet, &mut source)
            });
        match printed {
            Ok(()) => self.apply(id, &Event::Printed { number }, Changes::default(), at),
            Err(error) => {
                self.apply(id, &Event::Spoiled { number }, Changes::default(), at)?;
                Err(FORM.found(format!("{}: {}", error.code, error.what)))
            }
        }
    }

    /// Takes the check value that a custodian reads from the form.
    pub fn confirm(
        &mut self,
        id: &str,
        custodian: &Present,
        typed: &str,
        at: i64,
    ) -> Result<Ceremony, KeysError> {
        let (_, ceremony) = self.load(id)?;
        let Wanted::Confirm { number } = wanted(&ceremony) else {
            return Err(super::codes::STEP.found(format!("{id} waits for no check value")));
        };
        own(&ceremony, number, custodian)?;
        let typed = typed.chars().take(64).collect();
        self.apply(
            id,
            &Event::Confirmed { number, typed },
            Changes::default(),
            at,
        )
    }

    /// A custodian says that the form can't be read.
    pub fn spoiled(
        &mut self,
        id: &str,
        custodian: &Present,
        at: i64,
    ) -> Result<Ceremony, KeysError> {
        let (_, ceremony) = self.load(id)?;
        let Wanted::Confirm { number } = wanted(&ceremony) else {
            return Err(super::codes::STEP.found(format!("{id} waits for no form")));
        };
        own(&ceremony, number, custodian)?;
        self.apply(id, &Event::Spoiled { number }, Changes::default(), at)
    }

    /// Takes the component that a custodian has typed, checked by what they typed beside it.
    pub fn enter(
        &mut self,
        id: &str,
        custodian: &Present,
        (clear, check): (&SecretBytes, Check<'_>),
        at: i64,
    ) -> Result<Ceremony, KeysError> {
        let (_, ceremony) = self.load(id)?;
        let Wanted::Enter { number } = wanted(&ceremony) else {
            return Err(super::codes::STEP.found(format!("{id} waits for no component")));
        };
        own(&ceremony, number, custodian)?;
        let algorithm = ceremony.key.key_algorithm()?;
        let sealed = self
            .custody
            .take_component(id, algorithm, clear)
            .map_err(KeysError::from);
        let sealed = sealed.and_then(|sealed| {
            let agrees = match check {
                Check::Twice(again) => again.expose() == clear.expose(),
                Check::Value(typed) => same_value(&check_text(&sealed.check_value), typed),
            };
            agrees.then_some(sealed).ok_or_else(|| {
                TYPED.found(format!(
                    "component {number} is not what was typed beside it"
                ))
            })
        });
        match sealed {
            Ok(sealed) => {
                let event = Event::Taken {
                    number,
                    check_value: check_text(&sealed.check_value),
                };
                let also = self.kept(id, number, &sealed)?;
                self.apply(id, &event, also, at)
            }
            Err(error) => {
                let code = error.code.to_owned();
                let event = Event::Wrong { number, code };
                match self.apply(id, &event, Changes::default(), at) {
                    // The last attempt's own words tell that the ceremony has ended.
                    Err(ended) if ended.code == super::codes::ATTEMPTS.code => Err(ended),
                    Err(refused) if refused.code != TYPED.code => Err(refused),
                    _ => Err(error),
                }
            }
        }
    }

    /// What a custodian typed is no component at all; it counts as an attempt.
    pub fn mistyped(
        &mut self,
        id: &str,
        custodian: &Present,
        at: i64,
    ) -> Result<Ceremony, KeysError> {
        let (_, ceremony) = self.load(id)?;
        let Wanted::Enter { number } = wanted(&ceremony) else {
            return Err(super::codes::STEP.found(format!("{id} waits for no component")));
        };
        own(&ceremony, number, custodian)?;
        let code = TYPED.code.to_owned();
        self.apply(id, &Event::Wrong { number, code }, Changes::default(), at)
    }

    /// Lets the HSM act, when it is time. Gives the ceremony as it stands then.
    pub fn act(&mut self, id: &str, at: i64) -> Result<Ceremony, KeysError> {
        let (_, ceremony) = self.load(id)?;
        let Wanted::Hsm(act) = wanted(&ceremony) else {
            return Err(super::codes::STEP.found(format!("{id} does not wait for the HSM")));
        };
        match act {
            HsmAct::Combine | HsmAct::Make => self.make(&ceremony, act, at),
            HsmAct::Split => self.split(&ceremony, at),
            HsmAct::Destroy => self.destroy(&ceremony, at),
        }
    }

    fn make(&mut self, ceremony: &Ceremony, act: HsmAct, at: i64) -> Result<Ceremony, KeysError> {
        let id = ceremony.id.as_str();
        let label = ceremony.key.label();
        // After a power cut the clerk may have entered the key already.
        let own = Origin::Ceremony {
            ceremony: id.to_owned(),
        };
        let inventory = Inventory::read(self.store)?;
        if let Some(entry) = inventory.get(&label)
            && entry.origin == own
            && entry.pending.is_none()
        {
            let check_values = entry.check_values.clone();
            return self.apply(id, &Event::Acted { check_values }, Changes::default(), at);
        }
        let mut sealed = Vec::new();
        if act == HsmAct::Combine {
            for part in &ceremony.parts {
                sealed.push(nouns::kept_component(self.store, id, part.number)?);
            }
        }
        let holders: Vec<String> = match act {
            HsmAct::Combine => ceremony
                .parts
                .iter()
                .filter_map(|p| p.custodian.clone())
                .collect(),
            _ => Vec::new(),
        };
        let entry = new_entry(&ceremony.key, id, &holders, ceremony.expected.as_ref())?;
        let (who, second) = officers(ceremony)?;
        let people = People {
            who,
            second: Some(second),
            at,
        };
        let mut hand = |custody: &mut dyn KeyCustody,
                        key: &cardwright_ports::custody::NewKey<'_>,
                        expected: Option<&CheckValue>| match act {
            HsmAct::Combine => custody.combine(id, &sealed, key, expected),
            _ => custody.generate(key),
        };
        let begun = self.clerk().begin(
            std::slice::from_ref(&entry),
            id,
            Changes::default(),
            &people,
            &mut hand,
        );
        let facts = match begun {
            Ok((_, facts)) => facts,
            Err(error) if act == HsmAct::Combine && is_refusal(error.code) => {
                let code = error.code.to_owned();
                self.apply(id, &Event::NotCombined { code }, Changes::default(), at)?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        let entered = Inventory::read(self.store)?.entered(&facts, id, "ceremony")?;
        let check_values = facts
            .first()
            .map(|f| f.check_values.iter().map(check_text).collect());
        let event = Event::Acted {
            check_values: check_values.unwrap_or_default(),
        };
        self.apply(id, &event, entered, at)
    }

    fn split(&mut self, ceremony: &Ceremony, at: i64) -> Result<Ceremony, KeysError> {
        let id = ceremony.id.as_str();
        let label = ceremony.key.label();
        let (who, second) = officers(ceremony)?;
        let people = People {
            who,
            second: Some(second),
            at,
        };
        let form = format!("{} components", ceremony.parts.len());
        let inventory = Inventory::read(self.store)?;
        let (entry, mut also) = inventory.exported(&label, ("custodians", "", &form), &people)?;
        let components = self.custody.split(id, &label, ceremony.parts.len())?;
        for (part, component) in ceremony.parts.iter().zip(&components) {
            let change = nouns::keep_component(self.store, id, part.number, component)?;
            also.changes.push(change);
        }
        let event = Event::Split {
            check_values: components
                .iter()
                .map(|c| check_text(&c.check_value))
                .collect(),
            key: entry.check_values,
        };
        self.apply(id, &event, also, at)
    }

    fn destroy(&mut self, ceremony: &Ceremony, at: i64) -> Result<Ceremony, KeysError> {
        let label = ceremony.key.label();
        let (who, second) = officers(ceremony)?;
        let people = People {
            who,
            second: Some(second),
            at,
        };
        self.clerk().recover(&people)?;
        let entry = |store| -> Result<KeyEntry, KeysError> {
            let inventory = Inventory::read(store)?;
            let found = inventory.get(&label).cloned();
            found.ok_or_else(|| CEREMONY.found(format!("no key {label}")))
        };
        if entry(self.store)?.state != State::Destroyed {
            let wish = Wish {
                label: &label,
                why: &ceremony.id,
                ..Wish::default()
            };
            self.clerk().act(inventory::Act::Destroy, &wish, &people)?;
        }
        let check_values = entry(self.store)?.check_values;
        let event = Event::Acted { check_values };
        self.apply(&ceremony.id, &event, Changes::default(), at)
    }

    /// Signs the record for a person who is present.
    pub fn sign(&mut self, id: &str, present: &Present, at: i64) -> Result<Ceremony, KeysError> {
        let (_, ceremony) = self.load(id)?;
        let Wanted::Sign { name, role } = wanted(&ceremony) else {
            return Err(super::codes::STEP.found(format!("{id} waits for no signature")));
        };
        if name != present.name() {
            return Err(PERSON.found(format!("the record waits for {name}")));
        }
        let digest = ceremony.digest.clone().unwrap_or_default();
        let text = signed_text(&digest, &name, role);
        let event = Event::Signed(present.signature(&text, role, at));
        self.apply(id, &event, Changes::default(), at)
    }

    /// Gives a ceremony up: its components go, and a key that the HSM has of it without an entry in
    /// the inventory, too.
    pub fn abandon(
        &mut self,
        id: &str,
        officer: &Present,
        why: &str,
        at: i64,
    ) -> Result<Ceremony, KeysError> {
        officer.check(Role::Officer)?;
        let people = People {
            who: officer.name(),
            second: None,
            at,
        };
        self.clerk().recover(&people)?;
        let event = Event::GivenUp {
            name: officer.name().to_owned(),
            why: why.to_owned(),
        };
        self.apply(id, &event, Changes::default(), at)
    }
}

/// Whether an error says that the components are wrong, and not that the HSM can't work now.
fn is_refusal(code: &str) -> bool {
    matches!(code, "R1372" | "R1373" | "R1302" | "R1301" | "R1356")
}

/// Refuses anybody but the holder of a component.
fn own(ceremony: &Ceremony, number: u8, present: &Present) -> Result<(), KeysError> {
    let holder = ceremony.part(number)?.custodian.as_deref();
    if holder == Some(present.name()) {
        return Ok(());
    }
    let what = format!("component {number} is not for {}", present.name());
    Err(super::codes::ROLE.found(what))
}

/// The first two officers, in whose names the inventory acts.
fn officers(ceremony: &Ceremony) -> Result<(&str, &str), KeysError> {
    let mut officers = ceremony.with_role(Role::Officer).map(|p| p.name.as_str());
    match (officers.next(), officers.next()) {
        (Some(one), Some(other)) => Ok((one, other)),
        _ => Err(super::codes::ROLE.found("two officers are needed")),
    }
}

fn new_part(number: u8) -> Part {
    Part {
        number,
        state: PartState::Waiting,
        custodian: None,
        check_value: None,
        forms: 0,
        wrong: 0,
    }
}

/// The key of a plan that is about one that is there.
fn existing(plan: &Plan, inventory: &Inventory, key: Subject) -> Result<Subject, KeysError> {
    let label = key.label();
    let entry = inventory.settled(&label)?;
    let allowed = match plan.kind {
        Kind::Export => entry.state.allows().export && entry.exportability != "non_exportable",
        _ => inventory::Act::Destroy.rule().from.contains(&entry.state),
    };
    if !allowed {
        let (state, kind) = (entry.state.name(), plan.kind.name());
        let what = format!(
            "{label} is {state} and {}; no ceremony `{kind}` of it",
            entry.exportability
        );
        return Err(CEREMONY.found(what));
    }
    let asymmetric = entry.key_algorithm()?.octets().is_none();
    if plan.kind == Kind::Export && asymmetric {
        return Err(CEREMONY.found(format!("{label} is a key pair and has no components")));
    }
    Ok(Subject {
        name: entry.name.clone(),
        version: entry.version,
        owner: entry.owner.clone(),
        zone: entry.zone.clone(),
        usage: entry.usage.clone(),
        algorithm: entry.algorithm.clone(),
        bits: entry.bits,
        exponent: entry.exponent,
        exportability: entry.exportability.clone(),
    })
}

fn new_entry(
    key: &Subject,
    ceremony: &str,
    holders: &[String],
    expected: Option<&CheckText>,
) -> Result<NewEntry, KeysError> {
    Ok(NewEntry {
        name: key.name.clone(),
        version: Some(key.version),
        owner: key.owner.clone(),
        usage: key.key_use()?,
        algorithm: key.key_algorithm()?,
        exportability: key.key_exportability()?,
        zone: key.zone.clone(),
        origin: Origin::Ceremony {
            ceremony: ceremony.to_owned(),
        },
        custodians: holders.to_vec(),
        period: (None, None),
        check_values: expected.cloned().into_iter().collect(),
        transient: false,
    })
}
