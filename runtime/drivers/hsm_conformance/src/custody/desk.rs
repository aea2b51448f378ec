//! The desk: key custody of one HSM under test, and what its errors said.

use cardwright_ports::custody::{
    CheckValue, CustodyHsm, Exportability, KeyAlgorithm, KeyCustody, KeyFacts, NewKey,
    SealedComponent,
};
use cardwright_ports::hsm::{CheckMethod, KeyUse};
use cardwright_ports::{HsmError, SecretBytes};
use cardwright_standards::des_keys::set_odd_parity;

use crate::Settings;
use crate::bench::{Checked, Stop, equal, holds};
use crate::report::{Outcome, Row};

/// The published double-length key and others of the kit: none may stand in an error.
const SECRETS: [&str; 5] = [
    "0123456789ABCDEFFEDCBA9876543210",
    "6E2FBA6DFB7F6E8A20A8CB5286EAC485",
    "2B7E151628AED2A6ABF7158809CF4F3C",
    "3F419E1CB7079442AA37474C2EFBF8B8",
    "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6",
];

/// Key custody of one HSM under test.
pub(super) struct Desk<'d> {
    pub(super) hsm: &'d dyn CustodyHsm,
    pub(super) custody: Box<dyn KeyCustody + 'd>,
    settings: &'d Settings<'d>,
    errors: Vec<(&'static str, String)>,
}

/// A label of the kit, so long as it is one of this check.
pub(super) fn new(label: &str, algorithm: KeyAlgorithm, usage: KeyUse) -> NewKey<'_> {
    NewKey {
        label,
        algorithm,
        usage,
        exportability: Exportability::Exportable,
    }
}

/// Octets of hexadecimal text.
pub(super) fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap_or_default()
}

/// A check value by a method.
pub(super) fn value(method: CheckMethod, text: &str) -> CheckValue {
    CheckValue {
        method,
        octets: unhex(text),
    }
}

impl<'d> Desk<'d> {
    pub(super) fn new(
        hsm: &'d dyn CustodyHsm,
        settings: &'d Settings<'d>,
    ) -> Result<Self, HsmError> {
        Ok(Self {
            hsm,
            custody: hsm.open_custody()?,
            settings,
            errors: Vec::new(),
        })
    }

    /// The answer, or the refusal with its intent.
    pub(super) fn kept<T>(
        &mut self,
        intent: &'static str,
        answer: Result<T, HsmError>,
    ) -> Result<T, Stop> {
        answer.map_err(|error| {
            self.errors.push((intent, error.to_string()));
            Stop::Refused { intent, error }
        })
    }

    /// Whether a bad case was refused with one of these codes.
    pub(super) fn refused<T>(
        &mut self,
        intent: &'static str,
        answer: Result<T, HsmError>,
        codes: &[&str],
        why: &str,
    ) -> Checked {
        let Err(error) = answer else {
            return Err(Stop::Wrong(format!("{intent} took {why}")));
        };
        self.errors.push((intent, error.to_string()));
        if self.settings.allows(intent, error.code) {
            return Err(Stop::Refused { intent, error });
        }
        let known = codes.contains(&error.code) && !error.what.is_empty();
        let said = format!("{intent} refused {why} by {error}");
        holds(known && !error.mend.is_empty(), &said)
    }

    /// Makes a key.
    pub(super) fn generate(&mut self, key: &NewKey<'_>) -> Result<KeyFacts, Stop> {
        let made = self.custody.generate(key);
        self.kept("generate", made)
    }

    /// A typed component.
    pub(super) fn typed(
        &mut self,
        ceremony: &str,
        algorithm: KeyAlgorithm,
        clear: &[u8],
    ) -> Result<SealedComponent, Stop> {
        let clear = SecretBytes::new(clear.to_vec());
        let taken = self.custody.take_component(ceremony, algorithm, &clear);
        self.kept("take_component", taken)
    }

    /// Brings a known symmetric key in, by two components.
    pub(super) fn known(&mut self, key: &NewKey<'_>, hex: &str) -> Result<KeyFacts, Stop> {
        let clear = unhex(hex);
        let mut mask: Vec<u8> = (0..clear.len() as u8)
            .map(|n| n.wrapping_mul(37).wrapping_add(21))
            .collect();
        let mut rest: Vec<u8> = clear.iter().zip(&mask).map(|(a, b)| a ^ b).collect();
        if key.algorithm.has_parity() {
            set_odd_parity(&mut mask);
            rest = clear.iter().zip(&mask).map(|(a, b)| a ^ b).collect();
            set_odd_parity(&mut rest);
        }
        let first = self.typed("kit", key.algorithm, &mask)?;
        let second = self.typed("kit", key.algorithm, &rest)?;
        let combined = self.custody.combine("kit", &[first, second], key, None);
        self.kept("combine", combined)
    }

    /// Whether a label names nothing.
    pub(super) fn absent(&mut self, label: &str) -> Checked {
        let found = self.custody.key(label);
        let found = self.kept("key", found)?;
        holds(found.is_none(), &format!("{label} is there"))
    }

    /// Whether a key has a check value.
    pub(super) fn has(&mut self, label: &str, method: CheckMethod, expected: &str) -> Checked {
        let found = self.custody.check_value(label, method);
        let found = self.kept("check_value", found)?;
        equal(label, &found.octets, &unhex(expected))
    }

    pub(super) fn destroy(&mut self, label: &str) -> Checked {
        let gone = self.custody.destroy(label);
        self.kept("destroy", gone)
    }

    /// Destroys what a check left behind: the same octets for two uses are no key.
    pub(super) fn tidied(&mut self) -> Checked {
        let all = self.custody.keys();
        for facts in self.kept("keys", all)? {
            if facts.label.starts_with("kit.") {
                self.destroy(&facts.label)?;
            }
        }
        Ok(())
    }

    /// No key in anything that an error said.
    pub(super) fn secrets_row(&self) -> Row {
        let tells = |text: &str| {
            let text = text.to_uppercase();
            let parts = |secret: &str| -> Vec<String> {
                let octets = unhex(secret);
                octets.windows(6).map(hex::encode_upper).collect()
            };
            SECRETS
                .iter()
                .flat_map(|secret| parts(secret))
                .any(|part| text.contains(&part))
        };
        let outcome = match self.errors.iter().find(|(_, text)| tells(text)) {
            Some((intent, _)) => Outcome::Failed(format!("an error of {intent} holds a key")),
            None => Outcome::Passed,
        };
        Row {
            id: "custody.errors.no_secret",
            intent: "key",
            what: "no error of the whole run holds a key",
            source: "the port",
            outcome,
        }
    }
}
