//! The bench: one HSM under test, its keys, and what its errors said.

use std::collections::BTreeMap;

use cardwright_ports::hsm::{Hsm, HsmSession, KeyHandle, KeyRequest, KeyUse};
use cardwright_ports::{HsmError, SecretBytes, SecretDigits};

use crate::report::{Outcome, Row};
use crate::values::{RsaParts, Values};
use crate::{ClearKey, KeyLoader, Settings};

/// Why a check did not pass.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// The HSM refused what it should do.
    Refused {
        intent: &'static str,
        error: HsmError,
    },
    /// Something else than expected.
    Wrong(String),
    /// A value that is drawn anew, as the driver's documents say.
    Fresh,
}

/// What a check gives.
pub(crate) type Checked = Result<(), Stop>;

/// One HSM under test.
pub(crate) struct Bench<'b> {
    pub(crate) hsm: &'b dyn Hsm,
    pub(crate) session: Box<dyn HsmSession>,
    pub(crate) values: &'b Values,
    pub(crate) settings: &'b Settings<'b>,
    loader: &'b dyn KeyLoader,
    loaded: BTreeMap<String, Result<(), HsmError>>,
    errors: Vec<(&'static str, String)>,
}

/// Asks the session for an intent; a refusal ends the check.
macro_rules! ask {
    ($bench:ident.$intent:ident($($argument:expr),* $(,)?)) => {{
        let answer = $bench.session.$intent($($argument),*);
        $bench.kept(stringify!($intent), answer)?
    }};
}
/// Asks for what must be refused; an answer ends the check.
macro_rules! refuse {
    ($bench:ident.$intent:ident($($argument:expr),* $(,)?), $why:expr) => {{
        let answer = $bench.session.$intent($($argument),*).map(|_| ());
        $bench.refused(stringify!($intent), answer, $why)?
    }};
}
pub(crate) use {ask, refuse};

impl<'b> Bench<'b> {
    pub(crate) fn new(
        hsm: &'b dyn Hsm,
        session: Box<dyn HsmSession>,
        loader: &'b dyn KeyLoader,
        settings: &'b Settings<'b>,
        values: &'b Values,
    ) -> Self {
        Self {
            hsm,
            session,
            values,
            settings,
            loader,
            loaded: BTreeMap::new(),
            errors: Vec::new(),
        }
    }

    /// Another session of the same HSM in place of the first one.
    pub(crate) fn another_session(&mut self) -> Checked {
        let opened = self.hsm.open_session();
        self.session = self.kept("open_session", opened)?;
        Ok(())
    }

    /// The answer, or the refusal with its intent.
    pub(crate) fn kept<T>(
        &mut self,
        intent: &'static str,
        answer: Result<T, HsmError>,
    ) -> Result<T, Stop> {
        answer.map_err(|error| {
            self.errors.push((intent, error.to_string()));
            Stop::Refused { intent, error }
        })
    }

    /// Whether a bad case was refused. A refusal because the intent is not offered says nothing
    /// about the bad case and ends the check.
    pub(crate) fn refused(
        &mut self,
        intent: &'static str,
        answer: Result<(), HsmError>,
        why: &str,
    ) -> Checked {
        let Err(error) = answer else {
            return Err(Stop::Wrong(format!("{intent} took {why}")));
        };
        self.errors.push((intent, error.to_string()));
        if self.settings.allows(intent, error.code) {
            return Err(Stop::Refused { intent, error });
        }
        let stated = error.code.len() == 5 && error.code.starts_with("R1");
        if !stated || error.what.is_empty() || error.mend.is_empty() {
            return Err(Stop::Wrong(format!(
                "{intent} refused {why} without code, what or mend"
            )));
        }
        Ok(())
    }

    /// The handle of a key of the kit; it is put in when it is asked for first.
    pub(crate) fn key(&mut self, name: &str) -> Result<KeyHandle, Stop> {
        let request = self.request(name)?;
        if !self.loaded.contains_key(name) {
            let loaded = match (self.values.keys.get(name), self.values.rsa.get(name)) {
                (Some(key), _) => self.loader.load(&request, ClearKey::Symmetric(&key.value)),
                (None, Some(key)) => self.loader.load(&request, ClearKey::Rsa(key)),
                _ => return Err(Stop::Wrong(format!("the kit has no key {name}"))),
            };
            self.loaded.insert(name.to_owned(), loaded);
        }
        if let Some(Err(error)) = self.loaded.get(name) {
            let error = error.clone();
            return self.kept("load_key", Err(error));
        }
        Ok(ask!(self.bind(&request)))
    }

    /// The request for a key of the kit.
    pub(crate) fn request(&self, name: &str) -> Result<KeyRequest, Stop> {
        let (algorithm, bits, exponent, usage) =
            match (self.values.keys.get(name), self.values.rsa.get(name)) {
                (Some(key), _) => (key.algorithm.as_str(), 0, 0, &key.r#use),
                (None, Some(key)) => ("rsa", 8 * key.n.len() as u32, key.e, &key.r#use),
                _ => return Err(Stop::Wrong(format!("the kit has no key {name}"))),
            };
        let usage = KeyUse::from_name(usage)
            .ok_or_else(|| Stop::Wrong(format!("the kit's key {name} has no use")))?;
        Ok(KeyRequest {
            name: format!("kit.{name}"),
            algorithm: algorithm.to_owned(),
            bits,
            exponent,
            usage,
        })
    }

    /// An RSA key of the kit.
    pub(crate) fn rsa(&self, name: &str) -> Result<&'b RsaParts, Stop> {
        let found = self.values.rsa.get(name);
        found.ok_or_else(|| Stop::Wrong(format!("the kit has no RSA key {name}")))
    }

    /// Octets against an expected value of the file.
    pub(crate) fn same(&self, found: &[u8], name: &str) -> Checked {
        equal(name, found, &self.values.octets(name))
    }

    /// Digits against an expected value of the file.
    pub(crate) fn same_text(&self, found: &str, name: &str) -> Checked {
        let expected = self.values.text(name);
        if found == expected {
            return Ok(());
        }
        Err(Stop::Wrong(format!("{name}: {found}, not {expected}")))
    }

    /// Whether two draws of one label are the same value, where the driver says that they are.
    pub(crate) fn same_draw<T: PartialEq>(
        &self,
        intent: &'static str,
        first: &T,
        second: &T,
    ) -> Checked {
        match first == second {
            true => Ok(()),
            false if self.settings.fresh_draws.contains(&intent) => Err(Stop::Fresh),
            false => Err(Stop::Wrong(format!("{intent}: one label, two values"))),
        }
    }

    /// No key, no PIN and no PAN in anything that an error said.
    pub(crate) fn secrets_row(&self) -> Row {
        let outcome = match self.errors.iter().find(|(_, text)| self.tells(text)) {
            Some((intent, _)) => {
                Outcome::Failed(format!("an error of {intent} holds a key, a PIN or a PAN"))
            }
            None => Outcome::Passed,
        };
        Row {
            id: "errors.no_secret",
            intent: "bind",
            what: "no error of the whole run holds a key, a PIN or a PAN",
            source: "the port",
            outcome,
        }
    }

    fn tells(&self, text: &str) -> bool {
        let text = text.to_uppercase();
        let symmetric = self.values.keys.values().map(|k| k.value.as_slice());
        let rsa = self
            .values
            .rsa
            .values()
            .flat_map(|k| [&k.d[..], &k.p, &k.q]);
        let keys = symmetric.chain(rsa).flat_map(|key| key.windows(6));
        let mut keys = keys.map(hex::encode_upper);
        let digits = [
            crate::checks::PAN,
            crate::checks::LONG_PAN,
            crate::checks::OTHER_PAN,
            self.values.text("pin.long"),
        ];
        keys.any(|part| text.contains(&part)) || digits.iter().any(|d| text.contains(d))
    }
}

impl Settings<'_> {
    /// Whether a name may be refused with a code.
    pub(crate) fn allows(&self, name: &str, code: &str) -> bool {
        self.may_refuse.contains(&(name, code))
    }
}

/// Octets against octets.
pub(crate) fn equal(name: &str, found: &[u8], expected: &[u8]) -> Checked {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (hex::encode_upper(found), hex::encode_upper(expected));
    Err(Stop::Wrong(format!("{name}: {found}, not {expected}")))
}

/// A statement that must hold.
pub(crate) fn holds(statement: bool, what: &str) -> Checked {
    match statement {
        true => Ok(()),
        false => Err(Stop::Wrong(what.to_owned())),
    }
}

/// An error of the kit's own reference.
pub(crate) fn reference<E: std::fmt::Display>(error: E) -> Stop {
    Stop::Wrong(format!("the kit's reference: {error}"))
}

/// Secrets of two answers, compared.
pub(crate) fn same_digits(a: &SecretDigits, b: &SecretDigits) -> bool {
    a.expose() == b.expose()
}

/// Secret octets of two answers, compared.
pub(crate) fn same_octets(a: &SecretBytes, b: &SecretBytes) -> bool {
    a.expose() == b.expose()
}
