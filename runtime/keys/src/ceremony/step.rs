//! The state machine: what a ceremony waits for, and what each event makes of it. Pure: the store,
//! the HSM and people are elsewhere.
//!
//! ```text
//! Opening --officers, auditor--> [Splitting: HSM takes the key apart (export)] --> Components
//! Components: for each number: custodian comes --> drawn, printed, confirmed | typed
//!             --> Acting: HSM joins, makes or destroys --> Signing --all sign--> Done
//! any --given up, or too many wrong attempts--> Abandoned
//! ```

use super::codes::{ATTEMPTS, CEREMONY, ROLE, STEP, TYPED};
use super::nouns::{Ceremony, Kind, Line, Part, PartState, Participant, Phase, Signature};
use super::people::{Role, id_of};
use crate::KeysError;
use crate::inventory::CheckText;

/// Wrong attempts at one component, and combinations that failed, before a ceremony ends.
pub const WRONG_MAX: u8 = 3;
/// Fewest octets of a check value that are compared.
const CHECK_DIGITS_MIN: usize = 6;

/// What the HSM is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HsmAct {
    /// Join the components.
    Combine,
    /// Take the key apart.
    Split,
    /// Make the key pair.
    Make,
    /// Destroy the key.
    Destroy,
}

/// What a ceremony waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The next security officer of so many.
    Officer {
        /// Which, from 1.
        number: u8,
        /// Of how many.
        of: u8,
    },
    /// The auditor.
    Auditor,
    /// The custodian of a component.
    Custodian {
        /// Component.
        number: u8,
    },
    /// A component from the HSM.
    Draw {
        /// Component.
        number: u8,
    },
    /// A form from the printer.
    Print {
        /// Component.
        number: u8,
    },
    /// The check value that its custodian reads from the form.
    Confirm {
        /// Component.
        number: u8,
    },
    /// The component that its custodian types.
    Enter {
        /// Component.
        number: u8,
    },
    /// The HSM.
    Hsm(HsmAct),
    /// A signature.
    Sign {
        /// Whose.
        name: String,
        /// As what.
        role: Role,
    },
    /// Nothing: it is over.
    Nothing,
}

/// What happened. Secrets are not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An officer or the auditor came.
    Came {
        /// Who.
        name: String,
        /// As what.
        role: Role,
    },
    /// It goes on after an interruption, in the presence of one who takes part.
    Resumed {
        /// Who.
        name: String,
    },
    /// The HSM has drawn a component.
    Drawn {
        /// Component.
        number: u8,
        /// Its check value.
        check_value: CheckText,
    },
    /// A form is about to be printed.
    Printing {
        /// Component.
        number: u8,
    },
    /// The printer has taken the whole form.
    Printed {
        /// Component.
        number: u8,
    },
    /// A form did not come out, or can't be read.
    Spoiled {
        /// Component.
        number: u8,
    },
    /// Its custodian has typed the check value of a form.
    Confirmed {
        /// Component.
        number: u8,
        /// What was typed.
        typed: String,
    },
    /// A component was typed and sealed.
    Taken {
        /// Component.
        number: u8,
        /// Its check value.
        check_value: CheckText,
    },
    /// An attempt at a component failed.
    Wrong {
        /// Component.
        number: u8,
        /// Why, a code.
        code: String,
    },
    /// The HSM did not join the components.
    NotCombined {
        /// Why, a code.
        code: String,
    },
    /// The HSM has taken the key apart.
    Split {
        /// Check values of the components, in order.
        check_values: Vec<CheckText>,
        /// Those of the key.
        key: Vec<CheckText>,
    },
    /// The HSM has joined, made or destroyed the key.
    Acted {
        /// Check values of the key.
        check_values: Vec<CheckText>,
    },
    /// Somebody has signed the record.
    Signed(Signature),
    /// It is given up.
    GivenUp {
        /// Who.
        name: String,
        /// Why, public words.
        why: String,
    },
}

/// What else is to be done in the same commit, or said after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A component's row goes.
    RemoveComponent(u8),
    /// All rows of components go.
    RemoveComponents,
    /// The person is told that the attempt did not count.
    Refuse(KeysError),
    /// The record is complete: its digest is to be taken.
    Record,
}

/// What a ceremony waits for.
pub fn wanted(ceremony: &Ceremony) -> Wanted {
    match ceremony.phase {
        Phase::Opening => opening(ceremony),
        Phase::Splitting => Wanted::Hsm(HsmAct::Split),
        Phase::Components => {
            let open = ceremony.parts.iter().find(|p| p.state != PartState::Done);
            open.map_or(Wanted::Hsm(HsmAct::Combine), |part| {
                wanted_of(ceremony.kind, part)
            })
        }
        Phase::Acting => Wanted::Hsm(match ceremony.kind {
            Kind::Destroy => HsmAct::Destroy,
            Kind::KeyPair => HsmAct::Make,
            _ => HsmAct::Combine,
        }),
        Phase::Signing => {
            let signed = |name: &str| ceremony.signatures.iter().any(|s| s.name == name);
            let next = ceremony.participants.iter().find(|p| !signed(&p.name));
            next.map_or(Wanted::Nothing, |p| Wanted::Sign {
                name: p.name.clone(),
                role: p.role,
            })
        }
        Phase::Done | Phase::Abandoned => Wanted::Nothing,
    }
}

fn opening(ceremony: &Ceremony) -> Wanted {
    let there = ceremony.with_role(Role::Officer).count() as u8;
    if there < ceremony.quorum {
        return Wanted::Officer {
            number: there + 1,
            of: ceremony.quorum,
        };
    }
    Wanted::Auditor
}

fn wanted_of(kind: Kind, part: &Part) -> Wanted {
    let number = part.number;
    if part.custodian.is_none() {
        return Wanted::Custodian { number };
    }
    match (kind, part.state) {
        (Kind::Import, _) => Wanted::Enter { number },
        (_, PartState::Waiting) => Wanted::Draw { number },
        (_, PartState::Drawn | PartState::Printing) => Wanted::Print { number },
        _ => Wanted::Confirm { number },
    }
}

/// What an event makes of a ceremony, and what is to be done with it. Events that it does not wait
/// for are refused, and nothing changes.
pub fn step(
    ceremony: &Ceremony,
    event: &Event,
    at: i64,
) -> Result<(Ceremony, Vec<Act>), KeysError> {
    let mut next = ceremony.clone();
    if !ceremony.is_open() {
        return Err(STEP.found(format!("{} is over", ceremony.id)));
    }
    let acts = next.take(event, at)?;
    Ok((next, acts))
}

impl Ceremony {
    fn take(&mut self, event: &Event, at: i64) -> Result<Vec<Act>, KeysError> {
        match event {
            Event::Came { name, role } => self.came(name, *role, at),
            Event::Resumed { name } => {
                self.takes_part(name)?;
                self.say(at, name, "goes on after an interruption".to_owned());
                // A form of which nobody knows whether it came out is never printed again.
                let unknown = self.parts.iter().find(|p| p.state == PartState::Printing);
                match unknown.map(|part| part.number) {
                    Some(number) => self.spoiled(number, at),
                    None => Ok(Vec::new()),
                }
            }
            Event::Drawn {
                number,
                check_value,
            } => {
                self.awaits(&Wanted::Draw { number: *number })?;
                let part = self.part_mut(*number)?;
                part.state = PartState::Drawn;
                part.check_value = Some(check_value.clone());
                let who = part.custodian.clone().unwrap_or_default();
                let what = format!(
                    "component {number} drawn in the HSM, check value {}",
                    check_value.value
                );
                self.say(at, &who, what);
                Ok(Vec::new())
            }
            Event::Printing { number } => self.printing(*number, at),
            Event::Printed { number } => {
                let part = self.part_mut(*number)?;
                if part.state != PartState::Printing {
                    return Err(STEP.found(format!("form of component {number}")));
                }
                part.state = PartState::Printed;
                self.say_of(*number, at, "form printed");
                Ok(Vec::new())
            }
            Event::Spoiled { number } => self.spoiled(*number, at),
            Event::Confirmed { number, typed } => self.confirmed(*number, typed, at),
            Event::Taken {
                number,
                check_value,
            } => self.taken(*number, check_value, at),
            Event::Wrong { number, code } => {
                self.awaits(&Wanted::Enter { number: *number })?;
                self.wrong(*number, code, at)
            }
            Event::NotCombined { code } => self.not_combined(code, at),
            Event::Split { check_values, key } => self.split(check_values, key, at),
            Event::Acted { check_values } => self.acted(check_values, at),
            Event::Signed(signature) => self.signed(signature, at),
            Event::GivenUp { name, why } => {
                let why: String = why.chars().filter(|c| !c.is_control()).take(200).collect();
                self.say(at, name, format!("given up: {why}"));
                self.phase = Phase::Abandoned;
                Ok(vec![Act::RemoveComponents, Act::Record])
            }
        }
    }

    fn awaits(&self, what: &Wanted) -> Result<(), KeysError> {
        let found = wanted(self);
        if found == *what {
            return Ok(());
        }
        Err(STEP.found(format!("{} waits for {found:?}", self.id)))
    }

    fn part_mut(&mut self, number: u8) -> Result<&mut Part, KeysError> {
        let id = self.id.clone();
        let found = self.parts.iter_mut().find(|part| part.number == number);
        found.ok_or_else(|| CEREMONY.found(format!("{id} has no component {number}")))
    }

    fn takes_part(&self, name: &str) -> Result<(), KeysError> {
        let same = |p: &&Participant| id_of(&p.name) == id_of(name);
        match self.participants.iter().find(same) {
            Some(_) => Ok(()),
            None => Err(ROLE.found(format!("{name} takes no part in {}", self.id))),
        }
    }

    fn say(&mut self, at: i64, who: &str, what: String) {
        self.log.push(Line {
            at,
            who: who.to_owned(),
            what,
        });
    }

    fn say_of(&mut self, number: u8, at: i64, what: &str) {
        let Ok(part) = self.part(number) else {
            return;
        };
        let value = part.check_value.as_ref().map(|c| c.value.clone());
        let form = match part.forms > 0 {
            true => format!(", form {}", self.form(part)),
            false => String::new(),
        };
        let who = part.custodian.clone().unwrap_or_default();
        let value = value.map_or_else(String::new, |v| format!(", check value {v}"));
        self.say(at, &who, format!("component {number} {what}{form}{value}"));
    }

    fn came(&mut self, name: &str, role: Role, at: i64) -> Result<Vec<Act>, KeysError> {
        if self
            .participants
            .iter()
            .any(|p| id_of(&p.name) == id_of(name))
        {
            return Err(ROLE.found(format!("{name} takes part in {} already", self.id)));
        }
        match (role, wanted(self)) {
            (Role::Officer, Wanted::Officer { .. }) | (Role::Auditor, Wanted::Auditor) => {}
            (Role::Custodian(own), Wanted::Custodian { number }) if own == number => {
                self.part_mut(number)?.custodian = Some(name.to_owned());
            }
            (_, found) => {
                return Err(STEP.found(format!("{} waits for {found:?}", self.id)));
            }
        }
        self.participants.push(Participant {
            name: name.to_owned(),
            role,
        });
        self.say(at, name, format!("takes part as {role}"));
        let officers = self.with_role(Role::Officer).count();
        let audited = !self.auditor || self.with_role(Role::Auditor).count() > 0;
        if self.phase == Phase::Opening && officers == usize::from(self.quorum) && audited {
            self.phase = match self.kind {
                Kind::Generate | Kind::Import => Phase::Components,
                Kind::Export => Phase::Splitting,
                Kind::Destroy | Kind::KeyPair => Phase::Acting,
            };
        }
        Ok(Vec::new())
    }

    fn printing(&mut self, number: u8, at: i64) -> Result<Vec<Act>, KeysError> {
        self.awaits(&Wanted::Print { number })?;
        let part = self.part_mut(number)?;
        if part.state != PartState::Drawn {
            return Err(STEP.found(format!("the form of component {number} may be printed")));
        }
        part.state = PartState::Printing;
        part.forms = part.forms.saturating_add(1);
        self.say_of(number, at, "goes to the printer");
        Ok(Vec::new())
    }

    /// The form counts no more. A drawn component is drawn anew; of a key that was taken apart all
    /// components are, because any of them may lie in the printer's tray.
    fn spoiled(&mut self, number: u8, at: i64) -> Result<Vec<Act>, KeysError> {
        let state = self.part(number)?.state;
        if !matches!(state, PartState::Printing | PartState::Printed) {
            return Err(STEP.found(format!("component {number} has no form")));
        }
        self.say_of(number, at, "form spoiled, to be found and destroyed");
        if self.kind != Kind::Export {
            let part = self.part_mut(number)?;
            part.state = PartState::Waiting;
            part.check_value = None;
            return Ok(vec![Act::RemoveComponent(number)]);
        }
        for part in &mut self.parts {
            part.state = PartState::Waiting;
            part.check_value = None;
        }
        self.say(at, "", "all forms printed so far are void".to_owned());
        self.phase = Phase::Splitting;
        Ok(vec![Act::RemoveComponents])
    }

    fn confirmed(&mut self, number: u8, typed: &str, at: i64) -> Result<Vec<Act>, KeysError> {
        self.awaits(&Wanted::Confirm { number })?;
        let value = self.part(number)?.check_value.clone();
        if !value.is_some_and(|value| same_value(&value, typed)) {
            return self.wrong(number, TYPED.code, at);
        }
        self.part_mut(number)?.state = PartState::Done;
        self.say_of(number, at, "confirmed by its custodian");
        if self.kind == Kind::Export && self.parts.iter().all(|p| p.state == PartState::Done) {
            self.phase = Phase::Signing;
            return Ok(vec![Act::RemoveComponents, Act::Record]);
        }
        Ok(Vec::new())
    }

    fn taken(
        &mut self,
        number: u8,
        check_value: &CheckText,
        at: i64,
    ) -> Result<Vec<Act>, KeysError> {
        self.awaits(&Wanted::Enter { number })?;
        let part = self.part_mut(number)?;
        part.state = PartState::Done;
        part.check_value = Some(check_value.clone());
        self.say_of(number, at, "taken");
        Ok(Vec::new())
    }

    fn wrong(&mut self, number: u8, code: &str, at: i64) -> Result<Vec<Act>, KeysError> {
        let part = self.part_mut(number)?;
        part.wrong = part.wrong.saturating_add(1);
        let wrong = part.wrong;
        self.say_of(
            number,
            at,
            &format!("attempt {wrong} of {WRONG_MAX} wrong ({code})"),
        );
        if wrong < WRONG_MAX {
            let left = WRONG_MAX - wrong;
            let what = format!("component {number}: {left} more attempts");
            let refused = TYPED.found(what);
            return Ok(vec![Act::Refuse(refused)]);
        }
        Ok(self.ended(at, &format!("component {number}")))
    }

    fn ended(&mut self, at: i64, what: &str) -> Vec<Act> {
        self.say(at, "", format!("ends after {WRONG_MAX} wrong attempts"));
        self.phase = Phase::Abandoned;
        let refused = ATTEMPTS.found(format!("{what}: {} is abandoned", self.id));
        vec![Act::RemoveComponents, Act::Record, Act::Refuse(refused)]
    }

    fn not_combined(&mut self, code: &str, at: i64) -> Result<Vec<Act>, KeysError> {
        self.awaits(&Wanted::Hsm(HsmAct::Combine))?;
        self.wrong = self.wrong.saturating_add(1);
        self.say(
            at,
            "",
            format!("the components did not make the key ({code})"),
        );
        if self.wrong >= WRONG_MAX {
            return Ok(self.ended(at, "joining"));
        }
        // Which component is wrong nobody can tell: all are typed or drawn again.
        for part in &mut self.parts {
            part.state = PartState::Waiting;
            part.check_value = None;
        }
        self.phase = Phase::Components;
        Ok(vec![Act::RemoveComponents])
    }

    fn split(
        &mut self,
        check_values: &[CheckText],
        key: &[CheckText],
        at: i64,
    ) -> Result<Vec<Act>, KeysError> {
        self.awaits(&Wanted::Hsm(HsmAct::Split))?;
        if check_values.len() != self.parts.len() {
            return Err(CEREMONY.found("the HSM gave another number of components"));
        }
        for (part, value) in self.parts.iter_mut().zip(check_values) {
            part.state = PartState::Drawn;
            part.check_value = Some(value.clone());
        }
        self.check_values = key.to_vec();
        self.say(at, "", "the HSM has taken the key apart".to_owned());
        self.phase = Phase::Components;
        Ok(Vec::new())
    }

    fn acted(&mut self, check_values: &[CheckText], at: i64) -> Result<Vec<Act>, KeysError> {
        let Wanted::Hsm(act @ (HsmAct::Combine | HsmAct::Make | HsmAct::Destroy)) = wanted(self)
        else {
            return Err(STEP.found(format!("{} does not wait for the HSM", self.id)));
        };
        self.check_values = check_values.to_vec();
        let values: Vec<String> = check_values
            .iter()
            .map(|c| format!("{} {}", c.method, c.value))
            .collect();
        let verb = match act {
            HsmAct::Combine => "joined",
            HsmAct::Make => "made",
            _ => "destroyed",
        };
        let label = self.key.label();
        let values = values.join(", ");
        self.say(
            at,
            "",
            format!("{label} {verb} in the HSM, check value {values}"),
        );
        self.phase = Phase::Signing;
        Ok(vec![Act::RemoveComponents, Act::Record])
    }

    fn signed(&mut self, signature: &Signature, at: i64) -> Result<Vec<Act>, KeysError> {
        self.awaits(&Wanted::Sign {
            name: signature.name.clone(),
            role: signature.role,
        })?;
        self.signatures.push(signature.clone());
        self.say(at, &signature.name, "signs the record".to_owned());
        if self.signatures.len() == self.participants.len() {
            self.phase = Phase::Done;
        }
        Ok(Vec::new())
    }
}

/// Compares as many digits as the shorter check value has, at least three octets.
pub(crate) fn same_value(value: &CheckText, typed: &str) -> bool {
    let digits = |text: &str| -> String {
        let kept = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        kept.collect::<String>().to_ascii_uppercase()
    };
    let (own, typed) = (digits(&value.value), digits(typed));
    let length = own.len().min(typed.len());
    typed.len() >= CHECK_DIGITS_MIN
        && typed.len() <= own.len()
        && own.get(..length) == typed.get(..length)
}
