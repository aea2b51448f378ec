//! States of a key, what each allows, and the acts that lead from one to another
//! (after NIST SP 800-57 part 1, section 7).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a key stands in its life.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Made or taken in, not yet used.
    PreActive,
    /// In use, within its period.
    Active,
    /// Taken out of use for a time.
    Suspended,
    /// Its period is over: what was made with it can still be opened and checked.
    Retired,
    /// Gone from the HSM; only the entry stays.
    Destroyed,
    /// Somebody who must not may know it.
    Compromised,
}

/// What a state lets be done with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Enciphering, signing, MACs, wrapping: new cards and new files.
    pub protect: bool,
    /// Deciphering, checking, unwrapping what was made before.
    pub process: bool,
    /// Leaving the HSM, wrapped.
    pub export: bool,
}

impl State {
    /// All with their names and with what they allow.
    pub const ALL: [(State, &'static str, Allowed); 6] = [
        (State::PreActive, "pre_active", allowed(false, false, true)),
        (State::Active, "active", allowed(true, true, true)),
        (State::Suspended, "suspended", allowed(false, false, false)),
        (State::Retired, "retired", allowed(false, true, false)),
        (State::Destroyed, "destroyed", allowed(false, false, false)),
        (
            State::Compromised,
            "compromised",
            allowed(false, false, false),
        ),
    ];

    fn row(self) -> &'static (State, &'static str, Allowed) {
        let row = Self::ALL.iter().find(|row| row.0 == self);
        row.unwrap_or(const { &(State::Destroyed, "destroyed", allowed(false, false, false)) })
    }

    /// Name in rows and reports.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// What may be done with a key in this state.
    pub fn allows(self) -> Allowed {
        self.row().2
    }
}

const fn allowed(protect: bool, process: bool, export: bool) -> Allowed {
    Allowed {
        protect,
        process,
        export,
    }
}

/// An act that changes a key's state.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Into use.
    Activate,
    /// Out of use for a time.
    Suspend,
    /// Into use again.
    Resume,
    /// Out of use for good.
    Retire,
    /// It is known, or may be, to somebody who must not know it.
    Compromise,
    /// Out of the HSM.
    Destroy,
}

/// A rule of the table of acts.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Act.
    pub act: Act,
    /// Its name, also in the audit log.
    pub name: &'static str,
    /// States that it can follow.
    pub from: &'static [State],
    /// State that it leads to.
    pub to: State,
    /// Different people that it needs.
    pub people: usize,
}

/// The table. A key that was destroyed can still turn out to have been compromised: it stays
/// destroyed, and its entry says so.
pub const RULES: [Rule; 6] = {
    use State as S;
    [
        rule(Act::Activate, "activate", &[S::PreActive], S::Active, 1),
        rule(Act::Suspend, "suspend", &[S::Active], S::Suspended, 1),
        rule(Act::Resume, "resume", &[S::Suspended], S::Active, 2),
        rule(
            Act::Retire,
            "retire",
            &[S::Active, S::Suspended],
            S::Retired,
            1,
        ),
        rule(
            Act::Compromise,
            "compromise",
            &[
                S::PreActive,
                S::Active,
                S::Suspended,
                S::Retired,
                S::Destroyed,
            ],
            S::Compromised,
            2,
        ),
        rule(
            Act::Destroy,
            "destroy",
            &[S::PreActive, S::Retired, S::Compromised],
            S::Destroyed,
            2,
        ),
    ]
};

const fn rule(
    act: Act,
    name: &'static str,
    from: &'static [State],
    to: State,
    people: usize,
) -> Rule {
    Rule {
        act,
        name,
        from,
        to,
        people,
    }
}

impl Act {
    /// Its row.
    pub fn rule(self) -> &'static Rule {
        let [activate, suspend, resume, retire, compromise, destroy] = &RULES;
        match self {
            Act::Activate => activate,
            Act::Suspend => suspend,
            Act::Resume => resume,
            Act::Retire => retire,
            Act::Compromise => compromise,
            Act::Destroy => destroy,
        }
    }

    /// Name.
    pub fn name(self) -> &'static str {
        self.rule().name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_act_stands_in_its_own_row() {
        for rule in RULES {
            assert_eq!(rule.act.rule().name, rule.name);
            assert!(!rule.from.contains(&rule.to), "{}", rule.name);
        }
    }

    #[test]
    fn states_have_the_names_that_rows_have() {
        for (state, name, _) in State::ALL {
            assert_eq!(serde_json::json!(state), serde_json::json!(name));
        }
    }

    // NIST SP 800-57 part 1 rev. 5, section 7: only active keys protect; deactivated ones process.
    #[test]
    fn only_active_keys_protect_and_retired_ones_process() {
        for (state, _, allowed) in State::ALL {
            assert_eq!(allowed.protect, state == State::Active);
            let processes = matches!(state, State::Active | State::Retired);
            assert_eq!(allowed.process, processes);
        }
    }
}
