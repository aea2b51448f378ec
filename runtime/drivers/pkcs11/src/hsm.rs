//! The HSM: one or several tokens with the same keys, examined at opening, and the error state that
//! stops all output.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use cardwright_pkcs11_raw::{Module, Session as RawSession};
use cardwright_ports::custody::{CustodyHsm, KeyCustody};
use cardwright_ports::hsm::{Hsm, HsmInfo, HsmSession, KeyHandle, KeyRequest, Sealed};

use crate::capability::{Capability, PROBES, Shown};
use crate::composition::{Intent, Plan, intents};
use crate::custody::Custody;
use crate::error::{self, Refused, Trouble, of_failure};
use crate::held::Held;
use crate::ring::{Key, Nature, Ring, locate};
use crate::seal::issuers;
use crate::session::Session;
use crate::settings::{Settings, TokenName};
use crate::token::{State, Token};
use crate::tool::Tool;

/// Probing makes RSA keys: so many times a job's deadline.
const EXAMINATION: u32 = 12;

/// An HSM behind a PKCS#11 module.
pub struct Pkcs11Hsm {
    pub(crate) shared: Arc<Shared>,
}

/// What all sessions of one HSM share.
pub(crate) struct Shared {
    pub(crate) tokens: Vec<Arc<Token>>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) settings: Arc<Settings>,
    module: Arc<Module>,
    model: String,
    pub(crate) ring: Arc<RwLock<Ring>>,
    /// What the driver's own keys make of a known text; the same in every token.
    storage: Mutex<Option<Vec<u8>>>,
    /// Sessions of the port that are open.
    pub(crate) lanes: AtomicUsize,
    /// The first wrong answer.
    error: Mutex<Option<String>>,
}

/// One line of what `cardstation check` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Which intent.
    pub intent: Intent,
    /// The composition, or why there is none.
    pub composition: String,
    /// Whether it can be carried out.
    pub possible: bool,
    /// Whether a working key is in host memory.
    pub host_memory: bool,
}

/// How a token fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its name in the settings.
    pub token: String,
    /// `up`, `resting`, or why it is out.
    pub state: String,
    /// Jobs carried out.
    pub served: u64,
    /// Sessions given up because a call did not return.
    pub abandoned: u64,
    /// How many of them still wait for that call.
    pub late: usize,
    /// Logins.
    pub logins: u32,
}

impl Pkcs11Hsm {
    /// Loads the module, logs in to every token and examines it.
    ///
    /// # Errors
    /// R1338 for settings, R1320 for the module, R1325 for a missing token, R1323 for the PIN,
    /// R1321 for a wrong known answer.
    pub fn open(settings: Settings) -> Result<Self, Refused> {
        settings.check()?;
        let parameters = settings.parameters.as_deref();
        let module = Module::load_with(&settings.module, parameters).map_err(|f| {
            let shown = settings.module.display();
            error::MODULE.found(format!("{shown}: {}", of_failure(&f).what))
        })?;
        let settings = Arc::new(settings);
        let ring: Arc<RwLock<Ring>> = Arc::default();
        let tokens: Vec<Arc<Token>> = (0..settings.tokens.len())
            .filter_map(|index| Token::new(index, &module, &settings, &ring))
            .map(Arc::new)
            .collect();
        all_there(&module, &settings.tokens)?;
        let mut shown: Vec<(Capability, Shown)> = Vec::new();
        for token in &tokens {
            let found = examine(token, &settings)?;
            shown = match shown.is_empty() {
                true => found,
                false => both(shown, found),
            };
        }
        let model = module.tokens().map_err(|f| of_failure(&f))?;
        let model = model.into_iter().next().map(|t| t.model);
        let plan = Plan::new(shown, &settings.avoid, settings.host_memory);
        let shared = Shared {
            tokens,
            plan: Arc::new(plan),
            settings,
            module,
            model: model.unwrap_or_default(),
            ring,
            storage: Mutex::new(None),
            lanes: AtomicUsize::new(0),
            error: Mutex::new(None),
        };
        if shared.tokens.len() > 1 {
            for token in &shared.tokens {
                shared.compare_storage(token)?;
            }
        }
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// For each intent the composition that is used, and whether it holds keys in host memory.
    pub fn describe(&self) -> Vec<Description> {
        let line = |intent| match self.shared.plan.best(intent) {
            Ok(best) => Description {
                intent,
                composition: best.name.to_owned(),
                possible: true,
                host_memory: best.host_memory,
            },
            Err(refused) => Description {
                intent,
                composition: refused.what,
                possible: false,
                host_memory: false,
            },
        };
        intents().into_iter().map(line).collect()
    }

    /// Whether the site allows keys in host memory.
    pub fn host_memory_allowed(&self) -> bool {
        self.shared.plan.host_memory_allowed()
    }

    /// Whether keys that say that they may not leave their token do not leave it wrapped, or the site
    /// accepts that they do.
    pub fn keys_stay_inside(&self) -> bool {
        self.shared.settings.accept_wrapping_of_all_keys
            || self.shared.plan.can(Capability::KeysStayInside)
    }

    /// Every probe with what it showed.
    pub fn capabilities(&self) -> &[(Capability, Shown)] {
        self.shared.plan.shown()
    }

    /// Calls of the module so far, by function.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.shared.module.calls()
    }

    /// Operations so far: what begins one and what ends it are one call.
    pub fn operations(&self) -> u64 {
        cardwright_pkcs11_raw::operations(&self.calls())
    }

    /// How the tokens fare.
    pub fn status(&self) -> Vec<Status> {
        let line = |token: &Arc<Token>| Status {
            token: token.name().to_string(),
            state: match token.state() {
                State::Up => "up".to_owned(),
                State::Resting(_) => "resting".to_owned(),
                State::Out(why) => format!("out: {why}"),
            },
            served: token.served(),
            abandoned: token.abandoned(),
            late: token.late_calls(),
            logins: token.logins(),
        };
        self.shared.tokens.iter().map(line).collect()
    }
}

impl Hsm for Pkcs11Hsm {
    fn info(&self) -> HsmInfo {
        HsmInfo {
            name: format!("PKCS#11: {}", self.shared.model),
            test_only: self.shared.settings.test_only,
        }
    }

    fn open_session(&self) -> Result<Box<dyn HsmSession>, Refused> {
        self.shared.check_state()?;
        Ok(Box::new(Session::new(Arc::clone(&self.shared))))
    }
}

/// Refuses when tokens are away, and names all of them, and those that are there.
fn all_there(module: &Arc<Module>, wanted: &[TokenName]) -> Result<(), Refused> {
    let found = module.tokens().map_err(|f| of_failure(&f))?;
    let is_there = |name: &&TokenName| {
        found.iter().any(|token| match name {
            TokenName::Label(label) => token.label == *label,
            TokenName::Slot(slot) => token.slot == *slot,
        })
    };
    let (there, away): (Vec<&TokenName>, Vec<&TokenName>) = wanted.iter().partition(is_there);
    let named = |names: &[&TokenName]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        names.join(", ")
    };
    match (away.as_slice(), there.as_slice()) {
        ([], _) => Ok(()),
        (away, []) => Err(error::NO_TOKEN.found(format!("{} away", named(away)))),
        (away, there) => {
            let what = format!("{} away; {} there", named(away), named(there));
            Err(error::NO_TOKEN.found(what))
        }
    }
}

/// Runs all probes in a token.
fn examine(token: &Token, settings: &Settings) -> Result<Vec<(Capability, Shown)>, Refused> {
    let deadline = settings.deadline.saturating_mul(EXAMINATION);
    let found = token.with_session(deadline, |session| {
        let mut found = Vec::new();
        for probe in PROBES {
            let shown = probe.run(session).map_err(|f| Trouble::Token(*f))?;
            found.push((probe.capability, shown));
        }
        Ok(found)
    })?;
    let wrong = PROBES
        .iter()
        .find(|p| found.contains(&(p.capability, Shown::Wrong)));
    if let Some(probe) = wrong {
        return Err(error::SELF_TEST.found(format!(
            "{}: {} ({})",
            token.name(),
            probe.what,
            probe.source
        )));
    }
    let secret = (Capability::SecretStaysInside, Shown::Works);
    if !found.contains(&secret) {
        let what = format!("{} takes no keys for known answers", token.name());
        return Err(error::SELF_TEST.found(what));
    }
    Ok(found)
}

/// What two tokens can both do.
fn both(
    first: Vec<(Capability, Shown)>,
    second: Vec<(Capability, Shown)>,
) -> Vec<(Capability, Shown)> {
    let pick = |((capability, a), (_, b))| match a {
        Shown::Works => (capability, b),
        refused => (capability, refused),
    };
    first.into_iter().zip(second).map(pick).collect()
}

impl CustodyHsm for Pkcs11Hsm {
    fn open_custody(&self) -> Result<Box<dyn KeyCustody + '_>, Refused> {
        self.shared.check_state()?;
        Ok(Box::new(Custody::new(&self.shared)))
    }
}

impl Shared {
    pub(crate) fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// Refuses everything once an answer was wrong.
    pub(crate) fn check_state(&self) -> Result<(), Refused> {
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        match &*error {
            Some(first) => Err(error::ERROR_STATE.found(first.clone())),
            None => Ok(()),
        }
    }

    /// Notes a wrong answer.
    pub(crate) fn note(&self, refused: &Refused) {
        if [error::ANSWER.code, error::SELF_TEST.code].contains(&refused.code) {
            let mut error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
            error.get_or_insert_with(|| format!("{}: {}", refused.code, refused.what));
        }
    }

    /// Carries a job out in the least loaded token, in another one when that fails.
    pub(crate) fn work<T: Send + 'static>(
        &self,
        job: impl Fn(&Tool<'_>) -> Result<T, Trouble> + Send + Sync + 'static,
    ) -> Result<T, Refused> {
        self.check_state()?;
        let job = Arc::new(job);
        let mut last = error::NO_TOKEN.found("every token is out");
        for token in self.order() {
            if let State::Out(why) = token.state() {
                last = why;
                continue;
            }
            if let Err(refused) = self.bring_back(&token) {
                last = refused;
                continue;
            }
            match self.attempt(&token, &job) {
                Ok(value) => {
                    token.bring_back();
                    return Ok(value);
                }
                Err(refused) => {
                    self.note(&refused);
                    if !refused.retryable {
                        return Err(refused);
                    }
                    if refused.code != error::BUSY.code {
                        token.failed(&refused);
                    }
                    last = refused;
                }
            }
        }
        Err(last)
    }

    /// A session that a lane keeps, with the least loaded token that has one.
    pub(crate) fn hold(self: &Arc<Self>) -> Result<Held, Refused> {
        self.check_state()?;
        let mut last = error::NO_TOKEN.found("every token is out");
        for token in self.order() {
            if let State::Out(why) = token.state() {
                last = why;
                continue;
            }
            let held = self.bring_back(&token).and_then(|()| token.hold());
            match held {
                Ok(hold) => return Ok(Held::new(self, &token, hold)),
                Err(refused) if !refused.retryable => return Err(refused),
                Err(refused) => {
                    if refused.code != error::BUSY.code {
                        token.failed(&refused);
                    }
                    last = refused;
                }
            }
        }
        Err(last)
    }

    /// One token's try; a lost session is replaced once.
    fn attempt<T: Send + 'static>(
        &self,
        token: &Arc<Token>,
        job: &Arc<impl Fn(&Tool<'_>) -> Result<T, Trouble> + Send + Sync + 'static>,
    ) -> Result<T, Refused> {
        let once = || {
            let (plan, token_of, job) =
                (Arc::clone(&self.plan), Arc::clone(token), Arc::clone(job));
            token.with_session(self.settings.deadline, move |session| {
                job(&Tool::new(session, &plan, &token_of)?)
            })
        };
        match once() {
            Err(refused) if refused.code == error::SESSION.code && refused.retryable => once(),
            other => other,
        }
    }

    /// Tokens that are up, the least loaded first; then those that rest.
    fn order(&self) -> Vec<Arc<Token>> {
        let mut tokens = self.tokens.clone();
        tokens.sort_by_key(|t| (!matches!(t.state(), State::Up), t.load(), t.served()));
        tokens
    }

    /// Whether a token can take a key in or lose one: it is there and is the token that it was.
    pub(crate) fn ready(&self, token: &Arc<Token>) -> Result<(), Refused> {
        match token.state() {
            State::Out(why) => Err(why),
            _ => self.bring_back(token),
        }
    }

    /// Lets a token that rested work again, when it is the token that it was.
    fn bring_back(&self, token: &Arc<Token>) -> Result<(), Refused> {
        let State::Resting(since) = token.state() else {
            return Ok(());
        };
        let alone = self.tokens.len() == 1;
        if !alone && Instant::now().saturating_duration_since(since) < self.settings.rest {
            return Err(error::NO_TOKEN.found(format!("{} failed and rests", token.name())));
        }
        token.forget();
        let back = examine(token, &self.settings).and_then(|_| self.compare(token));
        if let Err(refused) = &back {
            self.note(refused);
            if refused.code == error::TOKENS_DIFFER.code {
                token.take_out(refused.clone());
            }
            return back;
        }
        token.bring_back();
        Ok(())
    }

    /// Whether a token that was prepared holds the same keys of the driver's own as the others.
    fn compare_storage(&self, token: &Arc<Token>) -> Result<(), Refused> {
        let (plan, token_of) = (Arc::clone(&self.plan), Arc::clone(token));
        let found =
            token.with_session(
                self.settings.deadline,
                move |session: &RawSession| match Tool::new(session, &plan, &token_of) {
                    Ok(tool) => tool.storage_mark().map(Some),
                    Err(Trouble::Ours(r)) if r.code == error::KEY_MISSING.code => Ok(None),
                    Err(trouble) => Err(trouble),
                },
            )?;
        let mut known = self.storage.lock().unwrap_or_else(PoisonError::into_inner);
        match (known.as_ref(), found) {
            (Some(known), Some(found)) if *known != found => {
                let what = format!("the driver's own keys in {}", token.name());
                Err(error::TOKENS_DIFFER.found(what))
            }
            (None, Some(found)) => {
                *known = Some(found);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether a token holds every bound key with the same check value.
    fn compare(&self, token: &Arc<Token>) -> Result<(), Refused> {
        self.compare_storage(token)?;
        let keys = self
            .ring
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys();
        for key in keys {
            let (request, fingerprint) = (key.request(), key.fingerprint.clone());
            let (found, _) = self.locate_in(token, &request)?;
            if found.1 != fingerprint {
                return Err(differ(&request, token));
            }
        }
        Ok(())
    }

    /// A key in one token, with its fingerprint; and the generation that its handles are of.
    fn locate_in(
        &self,
        token: &Arc<Token>,
        request: &KeyRequest,
    ) -> Result<((crate::ring::Located, Vec<u8>), u64), Refused> {
        let generation = token.generation();
        let (plan, token_of, wanted) = (Arc::clone(&self.plan), Arc::clone(token), request.clone());
        let found = token.with_session(self.settings.deadline, move |session: &RawSession| {
            let located = locate(session, &wanted)?;
            let tool = Tool::new(session, &plan, &token_of)?;
            let fingerprint = fingerprint(&tool, &located)?;
            Ok((located, fingerprint))
        })?;
        Ok((found, generation))
    }

    /// Binds a key: it must be in every token that is up, with one check value.
    pub(crate) fn bind(&self, request: &KeyRequest) -> Result<KeyHandle, Refused> {
        self.check_state()?;
        let known = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = known.find(request)? {
            return Ok(handle);
        }
        drop(known);
        let mut key: Option<Arc<Key>> = None;
        let mut last = error::NO_TOKEN.found("every token is out");
        for token in self.order() {
            if !matches!(token.state(), State::Up) && (key.is_some() || self.tokens.len() > 1) {
                continue;
            }
            let located = self.locate_in(&token, request);
            let ((located, fingerprint), generation) = match located {
                Ok(found) => found,
                Err(refused) if refused.retryable && self.tokens.len() > 1 => {
                    token.failed(&refused);
                    last = refused;
                    continue;
                }
                Err(refused) => return Err(refused),
            };
            let key = key
                .get_or_insert_with(|| Arc::new(Key::new(request, &located, fingerprint.clone())));
            if key.fingerprint != fingerprint || key.flags != located.flags {
                return Err(differ(request, &token));
            }
            key.keep(token.index, generation, located.objects);
        }
        let key = key.ok_or(last)?;
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        // Another session may have been faster.
        match ring.find(request)? {
            Some(handle) => Ok(handle),
            None => ring.add(key),
        }
    }

    /// Binds the issuer keys that sealed values are to be derived from again.
    ///
    /// # Errors
    /// R1333 and others where one is gone or is another; R1305 for a value that was changed.
    pub(crate) fn bind_issuers<'s>(
        &self,
        values: impl IntoIterator<Item = &'s Sealed>,
    ) -> Result<(), Refused> {
        for sealed in values {
            for request in issuers(sealed)? {
                let Err(refused) = self.bind(&request) else {
                    continue;
                };
                if !refused.retryable {
                    // Of a value that was changed nothing is said but that.
                    let own = sealed.clone();
                    self.work(move |tool| tool.check_recipe(&own))?;
                }
                return Err(refused);
            }
        }
        Ok(())
    }

    /// Forgets the keys that wait in tokens; their sessions are closed by threads that may wait.
    pub(crate) fn let_none_wait(&self) {
        for token in &self.tokens {
            if token.waiting().is_empty() || !matches!(token.state(), State::Up) {
                continue;
            }
            let of_it = Arc::clone(token);
            let cleared = token.with_session(self.settings.deadline, move |_| {
                of_it.waiting().clear();
                Ok(())
            });
            // Whatever kept the token from it: they go with the program.
            let _ = cleared;
        }
    }

    pub(crate) fn key(&self, handle: KeyHandle) -> Result<Arc<Key>, Refused> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.get(handle).map(Arc::clone)
    }
}

fn differ(request: &KeyRequest, token: &Token) -> Refused {
    error::TOKENS_DIFFER.found(format!("key {} in {}", request.name, token.name()))
}

/// What tells a key from another of its name: a check value, or the modulus.
fn fingerprint(tool: &Tool<'_>, located: &crate::ring::Located) -> Result<Vec<u8>, Trouble> {
    let kind = match &located.nature {
        Nature::Rsa { modulus, .. } => return Ok(modulus.clone()),
        // Production has no use for such a key.
        Nature::P256 => return Ok(Vec::new()),
        Nature::Secret(kind) => *kind,
    };
    let zeros = vec![0; kind.block()];
    let shown = tool.shown_block((kind, located.flags), located.objects.main, &zeros)?;
    Ok(shown.unwrap_or_default().into_iter().take(3).collect())
}
