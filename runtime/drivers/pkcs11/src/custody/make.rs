//! Keys come to be: made inside, brought in, or unwrapped inside. Either the whole key is there at the
//! end, in every token and with the same check values, or nothing of it is.

use std::sync::Arc;

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Attribute, Mechanism, Object, Session};
use cardwright_ports::custody::{CheckValue, Exportability, KeyAlgorithm, KeyFacts, NewKey};
use cardwright_ports::hsm::{CheckMethod, KeyUse};
use zeroize::Zeroizing;

use super::find::{self, Found};
use super::pairs::{
    generate_p256, generate_rsa, import_p256, import_rsa_for, p256_public, point_of, private_rows,
    rsa_public, without_kind,
};
use super::steps::not_unwrapped;
use super::{Custody, private_keys, rules};
use crate::capability::Capability;
use crate::composition::{Intent, Plan, Way};
use crate::error::{self, Refused, Trouble};
use crate::known::RsaParts;
use crate::making::{flags_of, labels_of};
use crate::objects::{self, Flags, Kind, LEFT, Place, Protection, left_twice};
use crate::ring::Nature;
use crate::token::Token;
use crate::tool::{Storage, Tool, wrong};

/// What a new key's time is to the deadline of a job: prime searches take long.
pub(super) const PATIENCE: u32 = 12;
/// What a card verification key is derived from: two different blocks, and the first twice.
const HALVES: [[u8; 16]; 2] = [*b"halfleftrighthal", *b"halflefthalfleft"];

/// A key to be, as a job carries it.
#[derive(Clone)]
pub(super) struct New {
    pub(super) label: String,
    pub(super) id: String,
    pub(super) algorithm: KeyAlgorithm,
    pub(super) usage: KeyUse,
    pub(super) exportability: Exportability,
    pub(super) flags: Flags,
}

impl New {
    pub(super) fn of(key: &NewKey<'_>, plan: &Plan) -> Self {
        Self {
            label: key.label.to_owned(),
            id: objects::identifier(key.usage, key.algorithm.name(), key.exportability),
            algorithm: key.algorithm,
            usage: key.usage,
            exportability: key.exportability,
            flags: flags_for(plan, key.usage, key.algorithm),
        }
    }

    /// The kind of a symmetric key.
    fn kind(&self) -> Option<Kind> {
        Kind::of_algorithm(self.algorithm.name())
    }

    /// Whether the left half needs an object of its own.
    pub(super) fn has_left(&self) -> bool {
        objects::needs_left(self.usage) && self.algorithm == KeyAlgorithm::Tdes2
    }

    fn place(&self) -> (Place<'_>, Protection) {
        (
            Place::Token(&self.label, &self.id),
            objects::protection(self.exportability),
        )
    }
}

/// What a key is made of.
pub(super) enum Source {
    /// Nothing yet: the token makes it.
    Generated,
    /// The octets of a symmetric key.
    Octets(Zeroizing<Vec<u8>>),
    /// An RSA key.
    Rsa(RsaParts),
    /// A key on P-256.
    P256(p256::SecretKey),
    /// Made in one token, wrapped under the storage key for all.
    Copied {
        by: Mechanism,
        main: Vec<u8>,
        left: Option<Vec<u8>>,
        point: Option<Vec<u8>>,
    },
    /// Formed in one token, wrapped under the storage key for all, with the check values that it told.
    Formed {
        main: Vec<u8>,
        left: Option<Vec<u8>>,
        values: Vec<CheckValue>,
    },
    /// Wrapped by somebody under a key of the tokens.
    Wrapped {
        mechanism: Mechanism,
        under: String,
        wrapped: Vec<u8>,
    },
}

impl Source {
    /// The check values that a token must tell, where this program knows them.
    fn check_values(&self, new: &New) -> Result<Option<Vec<CheckValue>>, Refused> {
        let values = |methods: &[CheckMethod], of: &dyn Fn(CheckMethod) -> Result<_, Refused>| {
            let value = |method: &CheckMethod| {
                Ok(CheckValue {
                    method: *method,
                    octets: of(*method)?,
                })
            };
            methods.iter().map(value).collect::<Result<_, Refused>>()
        };
        let hashed = |public: &[u8]| values(&[CheckMethod::Sha256], &|_| Ok(hash_value(public)));
        match self {
            Self::Octets(octets) => {
                let methods: &[CheckMethod] = match new.algorithm.has_parity() {
                    true => &[CheckMethod::Ecb],
                    false => &[CheckMethod::Cmac, CheckMethod::Gp],
                };
                let of = |method| rules::key_value(new.algorithm, method, octets);
                values(methods, &of).map(Some)
            }
            Self::Formed { values, .. } => Ok(Some(values.clone())),
            Self::Rsa(parts) => hashed(&parts.modulus).map(Some),
            Self::P256(secret) => hashed(&private_keys::point(secret)).map(Some),
            _ => Ok(None),
        }
    }
}

/// Check value of a key pair: the first 8 octets of SHA-256 over its public half.
fn hash_value(public: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    Sha256::digest(public).into_iter().take(8).collect()
}

/// The attributes of a new key: what its use needs with the compositions of this plan.
fn flags_for(plan: &Plan, usage: KeyUse, algorithm: KeyAlgorithm) -> Flags {
    let if_can = |capability, flags| match plan.can(capability) {
        true => flags,
        false => Flags::NONE,
    };
    match (usage, algorithm) {
        (KeyUse::Transport, KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3) => Flags::ENCRYPT
            .and(Flags::DECRYPT)
            .and(if_can(Capability::TdesEcbWrap, Flags::WRAP)),
        (KeyUse::Transport, _) if plan.can(Capability::KeyWrap) => {
            Flags::ENCRYPT.and(Flags::WRAP).and(Flags::UNWRAP)
        }
        (KeyUse::Transport, _) => Flags::ENCRYPT
            .and(Flags::DECRYPT)
            .and(if_can(Capability::AesCbcWrap, Flags::WRAP)),
        (KeyUse::KeyBlockProtection, algorithm) => {
            Flags::ENCRYPT.and(blocks_inside(plan, algorithm))
        }
        (KeyUse::KeyExchange, KeyAlgorithm::P256) => Flags::SIGN.and(Flags::DERIVE),
        (KeyUse::KeyExchange, _) => {
            // Decryption gives octets to host memory: only where the site allows that.
            let open = match plan.host_memory_allowed() {
                true => if_can(Capability::RsaDecrypt, Flags::DECRYPT),
                false => Flags::NONE,
            };
            let unwrap = if_can(Capability::RsaOaep, Flags::UNWRAP);
            let unwrap = unwrap.and(if_can(Capability::RsaOaep256, Flags::UNWRAP));
            Flags::SIGN.and(open).and(unwrap)
        }
        _ => flags_of(plan, usage, Kind::of_algorithm(algorithm.name())),
    }
}

/// What a key block's protection key needs for blocks to be made inside.
fn blocks_inside(plan: &Plan, algorithm: KeyAlgorithm) -> Flags {
    let intents: &[Intent] = match algorithm.has_parity() {
        true => &[Intent::KeyBlocksTdes, Intent::KeyBlocksVariant],
        false => &[Intent::KeyBlocksAes],
    };
    let inside =
        |intent: &Intent| matches!(plan.best(*intent), Ok(best) if best.way == Way::Inside);
    match intents.iter().any(inside) {
        true => Flags::DERIVE,
        false => Flags::NONE,
    }
}

/// Fills octets from the operating system.
pub(super) fn system(octets: &mut [u8]) -> Result<(), Refused> {
    getrandom::fill(octets)
        .map_err(|e| error::RANDOMNESS.found(format!("the operating system says: {e}")))
}

/// The operating system for the search for primes.
struct System;

impl cardwright_rsa::RandomSource for System {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), cardwright_rsa::NoRandomness> {
        getrandom::fill(octets).map_err(|_| cardwright_rsa::NoRandomness)
    }
}

fn making(algorithm: KeyAlgorithm, has_left: bool) -> Intent {
    match algorithm {
        KeyAlgorithm::Tdes2 if has_left => Intent::MakeCardVerification,
        KeyAlgorithm::Tdes2 => Intent::MakeTdes2,
        KeyAlgorithm::Tdes3 => Intent::MakeTdes3,
        KeyAlgorithm::Rsa { exponent: 3, .. } => Intent::MakeRsa,
        KeyAlgorithm::Rsa { .. } => Intent::MakeRsaF4,
        KeyAlgorithm::P256 => Intent::MakeP256,
        _ => Intent::MakeAes,
    }
}

impl Custody<'_> {
    /// Refuses a new key that can't be before anything is drawn or opened.
    pub(super) fn check_new(&self, key: &NewKey<'_>) -> Result<New, Refused> {
        rules::check_label(key.label)?;
        rules::check_use(key.algorithm, key.usage)?;
        if let KeyAlgorithm::Rsa { bits, exponent } = key.algorithm {
            let size = cardwright_rsa::check_size(bits, exponent);
            size.map_err(|e| error::RSA_SIZE.found(e.to_string()))?;
        }
        if self.find(key.label)?.is_some() {
            return Err(rules::LABEL_TAKEN.found(format!("key {} is there", key.label)));
        }
        Ok(New::of(key, &self.shared.plan))
    }

    /// Makes a key.
    pub(super) fn generated(&self, key: &NewKey<'_>) -> Result<KeyFacts, Refused> {
        let new = self.check_new(key)?;
        let plan = &self.shared.plan;
        let intent = making(new.algorithm, new.has_left());
        let alone = self.shared.tokens.len() == 1;
        let inside = plan.way(intent, Flags::NONE)? == Way::Inside;
        let copies = || plan.way(Intent::Copies, Flags::NONE).is_ok();
        if inside && alone {
            return self.keep(&new, Source::Generated);
        }
        if inside && copies() {
            let source = self.copied(&new)?;
            return self.keep(&new, source);
        }
        if !plan.host_memory_allowed() {
            let what = format!("{intent:?}: one key for several tokens is made in host memory");
            return Err(error::HOST_MEMORY.found(what));
        }
        let source = match new.algorithm {
            KeyAlgorithm::Rsa { bits, exponent } => {
                let made = cardwright_rsa::generate(bits, exponent, &mut System);
                let made = made.map_err(|e| error::RANDOMNESS.found(e.to_string()))?;
                let [.., q, p] = made.components();
                let parts = RsaParts::from_primes(p, q, exponent);
                Source::Rsa(parts.ok_or_else(|| error::RSA_SIZE.found("primes without a key"))?)
            }
            KeyAlgorithm::P256 => Source::P256(rules::components::scalar(&mut system)?),
            symmetric => Source::Octets(rules::components::drawn(symmetric, &mut system)?),
        };
        self.keep(&new, source)
    }

    /// Made in one token for the life of a session, and wrapped for all.
    fn copied(&self, new: &New) -> Result<Source, Refused> {
        let new = new.clone();
        self.shared.work(move |tool| {
            let session = tool.session()?;
            let place = (Place::Session, Protection::Wrappable);
            let mechanism = tool.plan.key_wrap_pad();
            let wrapping = tool.wrapping()?;
            let [main, left, public] = generate_in(session, &new, place, None)?;
            let wrap = |key: Object| session.wrap(&mechanism, wrapping, key);
            let point = match (new.algorithm, public) {
                (KeyAlgorithm::P256, Some(public)) => Some(point_of(session, public)?),
                _ => None,
            };
            let source = Source::Copied {
                main: main.map(wrap).transpose()?.unwrap_or_default(),
                left: left.map(wrap).transpose()?,
                by: mechanism.clone(),
                point,
            };
            for object in [main, left, public].into_iter().flatten() {
                session.destroy(object)?;
            }
            Ok(source)
        })
    }

    /// Takes octets in that were opened in host memory.
    pub(super) fn keep_octets(
        &self,
        new: &New,
        octets: Zeroizing<Vec<u8>>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, Refused> {
        rules::check_form(new.algorithm, &octets)?;
        if rules::is_weak(new.algorithm, &octets) {
            return Err(rules::COMPONENT.found("a weak key"));
        }
        if let Some(expected) = expected {
            let found = rules::key_value(new.algorithm, expected.method, &octets)?;
            rules::compare(&new.label, &found, expected)?;
        }
        self.shared.plan.way(Intent::KeysIn, Flags::NONE)?;
        self.keep(new, Source::Octets(octets))
    }

    /// Takes a private key in that was opened in host memory.
    pub(super) fn keep_pair(
        &self,
        new: &New,
        source: Source,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, Refused> {
        if let Some(expected) = expected {
            let public = match &source {
                Source::Rsa(parts) => parts.modulus.clone(),
                Source::P256(secret) => private_keys::point(secret),
                _ => Vec::new(),
            };
            if expected.method != CheckMethod::Sha256 {
                let what = format!("key {} is a key pair, not symmetric", new.label);
                return Err(error::UNSUITABLE.found(what));
            }
            rules::compare(&new.label, &hash_value(&public), expected)?;
        }
        self.shared.plan.way(Intent::KeysIn, Flags::NONE)?;
        self.keep(new, source)
    }

    /// Unwraps once for the life of a session and looks at what came, before anything is kept.
    pub(super) fn tried(
        &self,
        new: &New,
        (mechanism, under, wrapped): (&Mechanism, &str, &[u8]),
        expected: Option<&CheckValue>,
    ) -> Result<(), Refused> {
        let (new, expected) = (new.clone(), expected.cloned());
        let (mechanism, under, wrapped) = (mechanism.clone(), under.to_owned(), wrapped.to_vec());
        self.shared.work(move |tool| {
            let source = (&mechanism, under.as_str(), wrapped.as_slice());
            // Wrappable for the moment: its length may have to be found that way.
            let place = (Place::Session, Protection::Wrappable);
            let main = unwrap_in(tool.session()?, &new, source, place)?;
            let seen = look_at(tool, &new, main, expected.as_ref());
            tool.session()?.destroy(main)?;
            seen
        })
    }

    /// Stores a key in every token; gives what all of them say of it.
    pub(super) fn keep(&self, new: &New, source: Source) -> Result<KeyFacts, Refused> {
        self.shared.check_state()?;
        let deadline = self.shared.settings.deadline.saturating_mul(PATIENCE);
        let labels = labels_of(&new.label);
        let known = source.check_values(new)?;
        let (of, source) = (new.clone(), Arc::new(source));
        self.shared
            .everywhere(deadline, labels.clone(), move |session| {
                store_in(session, &of, &source)
            })?;
        let same = self.same_everywhere(new, known);
        same.map_err(|mut refused| {
            let tokens: Vec<_> = self.shared.tokens.iter().collect();
            self.shared.take_back(&tokens, &labels, &mut refused);
            self.shared.note(&refused);
            refused
        })
    }

    /// What every token says of a key, when all say the same twice and what was asked for. A check value
    /// stands for the key as long as it lives: a wrong one must not come out of one wrong answer.
    pub(super) fn same_everywhere(
        &self,
        new: &New,
        expected: Option<Vec<CheckValue>>,
    ) -> Result<KeyFacts, Refused> {
        let mut known: Option<KeyFacts> = None;
        for token in &self.shared.tokens {
            let facts = self.told_by(token, new)?;
            let wanted = (new.algorithm, new.usage, new.exportability);
            if (facts.algorithm, facts.usage, facts.exportability) != wanted {
                let what = format!("key {} came out as {}", new.label, facts.algorithm.name());
                return Err(error::KEY_DIFFERS.found(what));
            }
            let values = expected.as_ref().unwrap_or(&facts.check_values);
            if *values != facts.check_values || self.told_by(token, new)? != facts {
                let what = format!("the check value of key {} in {}", new.label, token.name());
                return Err(wrong(what));
            }
            if known.as_ref().is_some_and(|known| *known != facts) {
                let what = format!("key {} in {}", new.label, token.name());
                return Err(error::TOKENS_DIFFER.found(what));
            }
            known = Some(facts);
        }
        known.ok_or_else(|| error::NO_TOKEN.found("every token is out"))
    }

    /// What one token says of a key.
    fn told_by(&self, token: &Arc<Token>, new: &New) -> Result<KeyFacts, Refused> {
        let (plan, of) = (Arc::clone(&self.shared.plan), Arc::clone(token));
        let label = new.label.clone();
        token.with_session(self.shared.settings.deadline, move |session| {
            let key = find::present(session, &label)?;
            find::facts(&Tool::new(session, &plan, &of)?, &key)
        })
    }
}

/// Makes the objects of a key: the key, its left half, its public half. `left` is where the left
/// half goes, when not with the key.
fn generate_in(
    session: &Session,
    new: &New,
    (place, protection): (Place<'_>, Protection),
    left: Option<Place<'_>>,
) -> Result<[Option<Object>; 3], Trouble> {
    let flags = new.flags;
    if let Some(kind) = new.kind() {
        if new.has_left() {
            let [main, left] = halves(session, flags, [place, left.unwrap_or(place)], protection)?;
            return Ok([Some(main), Some(left), None]);
        }
        let mechanism = Mechanism::Plain(match kind {
            Kind::Des2 => ck::CKM_DES2_KEY_GEN,
            Kind::Des3 => ck::CKM_DES3_KEY_GEN,
            _ => ck::CKM_AES_KEY_GEN,
        });
        let rows = without_kind(objects::generated(kind, flags, place, protection));
        return Ok([Some(session.generate(&mechanism, &rows)?), None, None]);
    }
    let (public, private) = match new.algorithm {
        KeyAlgorithm::Rsa { bits, exponent } => {
            generate_rsa(session, (bits, exponent), flags, (place, protection))?
        }
        _ => generate_p256(session, flags, (place, protection))?,
    };
    Ok([Some(private), None, Some(public)])
}

/// A key of two different blocks, and one of the first block twice, out of a key of the moment.
fn halves(
    session: &Session,
    flags: Flags,
    places: [Place<'_>; 2],
    protection: Protection,
) -> Result<[Object; 2], Trouble> {
    let rows = objects::generated(
        Kind::Des2,
        Flags::DERIVE,
        Place::Session,
        Protection::Inside,
    );
    let base = session.generate(&Mechanism::Plain(ck::CKM_DES2_KEY_GEN), &without_kind(rows))?;
    let derive = |data: [u8; 16], place: Place<'_>| {
        let rows = objects::template(Kind::Des2, flags, place, protection);
        let mechanism = Mechanism::Data(ck::CKM_DES3_ECB_ENCRYPT_DATA, data.to_vec());
        session.derive(&mechanism, base, &rows)
    };
    let ([whole, twice], [main, left]) = (HALVES, places);
    let left = derive(twice, left)?;
    let made = [derive(whole, main)?, left];
    session.destroy(base)?;
    Ok(made)
}

/// All objects of a key in one token. What it is listed by goes last, as far as can be: a power cut
/// leaves no key that is there by its name but not whole.
pub(super) fn store_in(session: &Session, new: &New, source: &Source) -> Result<(), Trouble> {
    let (place, protection) = new.place();
    let label = format!("{}{LEFT}", new.label);
    let left = Place::Token(&label, &new.id);
    match source {
        Source::Generated => {
            generate_in(session, new, (place, protection), Some(left))?;
        }
        Source::Octets(octets) => {
            let kind = new
                .kind()
                .ok_or_else(|| error::KEY_DIFFERS.found("no kind"))?;
            if let Some(twice) = left_twice(octets).filter(|_| new.has_left()) {
                let place = (left, protection);
                objects::import(session, Kind::Des2, new.flags, place, twice.as_slice())?;
            }
            objects::import(session, kind, new.flags, (place, protection), octets)?;
        }
        Source::Rsa(parts) => {
            if let KeyAlgorithm::Rsa { exponent, .. } = new.algorithm {
                rsa_public(session, place, (&parts.modulus, exponent))?;
            }
            import_rsa_for(session, parts, (place, protection), new.flags)?;
        }
        Source::P256(secret) => {
            p256_public(session, place, &private_keys::point(secret))?;
            import_p256(session, secret, (place, protection), new.flags)?;
        }
        Source::Copied {
            by,
            main,
            left: wrapped_left,
            point,
        } => {
            let missing = || error::KEY_MISSING.found(objects::WRAP_LABEL);
            let wrapping = Storage::find(session)?.wrap.ok_or_else(missing)?;
            let rows = |place| rows_of(new, place, protection);
            if let Some(wrapped) = wrapped_left {
                session.unwrap(by, wrapping, wrapped, &rows(left))?;
            }
            let private = session.unwrap(by, wrapping, main, &rows(place))?;
            public_half(session, new, private, point.as_deref())?;
        }
        Source::Formed {
            main,
            left: wrapped_left,
            ..
        } => {
            let missing = || error::KEY_MISSING.found(objects::WRAP_LABEL);
            let wrapping = Storage::find(session)?.wrap.ok_or_else(missing)?;
            // Symmetric keys are whole units of eight octets: no padding.
            let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP);
            let rows = |place| rows_of(new, place, protection);
            if let Some(wrapped) = wrapped_left {
                session.unwrap(&mechanism, wrapping, wrapped, &rows(left))?;
            }
            session.unwrap(&mechanism, wrapping, main, &rows(place))?;
        }
        Source::Wrapped {
            mechanism,
            under,
            wrapped,
        } => {
            let source = (mechanism, under.as_str(), wrapped.as_slice());
            let key = unwrap_in(session, new, source, (place, protection))?;
            public_half(session, new, key, None)?;
        }
    }
    Ok(())
}

/// Attributes of a key that is unwrapped.
fn rows_of(new: &New, place: Place<'_>, protection: Protection) -> Vec<Attribute> {
    rows_for(new, new.flags, (place, protection))
}

/// The same with other uses than its own, for the moment.
pub(super) fn rows_for(
    new: &New,
    flags: Flags,
    (place, protection): (Place<'_>, Protection),
) -> Vec<Attribute> {
    match (new.kind(), new.algorithm) {
        (Some(kind), _) => objects::template(kind, flags, place, protection),
        (None, KeyAlgorithm::P256) => private_rows(ck::CKK_EC, flags, (place, protection)),
        (None, _) => private_rows(ck::CKK_RSA, flags, (place, protection)),
    }
}

/// Unwraps under a key of the token.
fn unwrap_in(
    session: &Session,
    new: &New,
    (mechanism, under, wrapped): (&Mechanism, &str, &[u8]),
    (place, protection): (Place<'_>, Protection),
) -> Result<Object, Trouble> {
    let under = find::present(session, under)?;
    let rows = rows_of(new, place, protection);
    let done = session.unwrap(mechanism, under.main, wrapped, &rows);
    done.map_err(not_unwrapped)
}

/// The public half beside a private key that came in wrapped.
fn public_half(
    session: &Session,
    new: &New,
    private: Object,
    point: Option<&[u8]>,
) -> Result<(), Trouble> {
    let (place, _) = new.place();
    match (new.algorithm, point) {
        (KeyAlgorithm::Rsa { .. }, _) => {
            let found = pair_nature(session, private)?;
            if let Nature::Rsa { modulus, exponent } = found {
                rsa_public(session, place, (&modulus, exponent))?;
            }
        }
        (_, Some(point)) => {
            p256_public(session, place, point)?;
        }
        _ => {}
    }
    Ok(())
}

/// What a private key turned out to be.
fn pair_nature(session: &Session, object: Object) -> Result<Nature, Trouble> {
    let facts = crate::ring::Facts::read(session, object)?;
    let differs = || error::KEY_DIFFERS.found("a key of a type that the driver does not know");
    Ok(facts.nature(ck::CKO_PRIVATE_KEY).ok_or_else(differs)?)
}

/// Octets of a secret key, by wrapping it under the storage key: tokens do not always tell the
/// length of a key that came in.
pub(super) fn secret_octets(tool: &Tool<'_>, object: Object) -> Result<usize, Trouble> {
    let told = tool
        .session()?
        .attributes(object, &[(ck::CKA_VALUE_LEN, 8)])?;
    let told = told.into_iter().next().flatten().and_then(|octets| {
        let octets = octets.as_slice().try_into().ok()?;
        usize::try_from(ck::CK_ULONG::from_ne_bytes(octets)).ok()
    });
    if let Some(octets @ 1..) = told {
        return Ok(octets);
    }
    let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP);
    let wrapped = tool.session()?.wrap(&mechanism, tool.wrapping()?, object)?;
    // RFC 3394: eight octets longer than the key.
    Ok(wrapped.len().saturating_sub(8))
}

/// Whether a key that was unwrapped for a look is the one that was asked for.
fn look_at(
    tool: &Tool<'_>,
    new: &New,
    main: Object,
    expected: Option<&CheckValue>,
) -> Result<(), Trouble> {
    let nature = match new.kind() {
        Some(kind) => {
            let octets = match kind.block() {
                16 => secret_octets(tool, main)?,
                _ => kind.octets(),
            };
            if octets != kind.octets() {
                let what = format!("{octets} octets where {} has others", new.algorithm.name());
                return Err(rules::PARITY.found(what).into());
            }
            Nature::Secret(kind)
        }
        None => {
            let nature = pair_nature(tool.session()?, main)?;
            let (name, bits, exponent) = crate::ring::describe(&nature);
            if KeyAlgorithm::from_name(name, bits, exponent) != Some(new.algorithm) {
                let what = format!("a key pair that is {name} {bits} {exponent}");
                return Err(error::KEY_DIFFERS.found(what).into());
            }
            nature
        }
    };
    let key = Found {
        label: new.label.clone(),
        main,
        nature,
        algorithm: new.algorithm,
        usage: new.usage,
        exportability: new.exportability,
        flags: new.flags,
    };
    if let Some(expected) = expected {
        let found = find::check_value(tool, &key, expected.method)?;
        rules::compare(&new.label, &found, expected)?;
    }
    Ok(())
}
