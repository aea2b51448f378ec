//! Keys come into the tokens: the driver's own, and those that are brought in. Either all objects of a
//! key are there at the end, in every token, or none is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Attribute, Mechanism, Session};
use cardwright_ports::hsm::{KeyRequest, KeyUse};
use cardwright_standards::des_keys::{has_equal_parts, set_odd_parity};
use cardwright_standards::test_keys;
use zeroize::Zeroizing;

use crate::capability::{Capability, import_rsa, public_rows};
use crate::composition::{Intent, Plan, Way};
use crate::error::{self, Refused, Trouble};
use crate::hsm::{Pkcs11Hsm, Shared};
use crate::known::RsaParts;
use crate::objects::{
    self, DRAW_LABEL, Flags, Kind, LEFT, Place, Protection, SEAL_LABEL, WRAP_LABEL, left_twice,
};
use crate::ring::{check_login, locate, use_name};
use crate::token::Token;

/// Identifier of the driver's own keys.
const OWN_ID: &str = "cardwright.storage";

/// What a key is made of.
enum Material {
    Secret(Kind, Zeroizing<Vec<u8>>),
    Rsa(RsaParts),
}

/// A key object of the driver's own.
struct Own {
    label: &'static str,
    kind: Kind,
    flags: Flags,
}

impl Pkcs11Hsm {
    /// Makes the driver's own keys where there are none: inside a single token; for several
    /// tokens in host memory, if the site allows it, because all must hold the same.
    ///
    /// # Errors
    /// R1337 when some tokens have them and others not; R1336; R1339.
    pub fn prepare(&self) -> Result<(), Refused> {
        let shared = &self.shared;
        let own = own_keys(&shared.plan)?;
        let mut prepared = Vec::new();
        for token in &shared.tokens {
            prepared.push(token.with_session(shared.settings.deadline, |session| {
                let found = labelled(session, SEAL_LABEL)? + labelled(session, DRAW_LABEL)?;
                Ok(found > 0)
            })?);
        }
        match (prepared.contains(&true), prepared.contains(&false)) {
            (true, false) => return Ok(()),
            (true, true) => {
                return Err(error::TOKENS_DIFFER.found("storage keys are in some tokens only"));
            }
            _ => {}
        }
        let alone = shared.tokens.len() == 1;
        if !alone && !shared.plan.host_memory_allowed() {
            let what = "storage keys for several tokens are made in host memory";
            return Err(error::HOST_MEMORY.found(what));
        }
        let labels = own.iter().map(|key| key.label.to_owned()).collect();
        let values = match alone {
            true => Vec::new(),
            false => own
                .iter()
                .map(|key| fresh(key.kind.octets()))
                .collect::<Result<Vec<_>, _>>()?,
        };
        let (own, values) = (Arc::new(own), Arc::new(values));
        shared.everywhere(shared.settings.deadline, labels, move |session| {
            for (place, key) in own.iter().enumerate() {
                make_own(session, key, values.get(place).map(|v| v.as_slice()))?;
            }
            Ok(())
        })
    }

    /// Brings a symmetric key in, such as one of a ceremony, with the attributes of its use.
    ///
    /// # Errors
    /// R1301 for octets that do not fit the request, R1339 when it could not be stored.
    pub fn import_key(&self, request: &KeyRequest, octets: &[u8]) -> Result<(), Refused> {
        let differs = |what: &str| error::KEY_DIFFERS.found(what);
        let kind = Kind::of_algorithm(&request.algorithm);
        let kind = kind.ok_or_else(|| differs("an algorithm that the driver does not know"))?;
        if octets.len() != kind.octets() {
            return Err(differs("octets of another length than the algorithm's"));
        }
        let mut value = Zeroizing::new(octets.to_vec());
        if kind.block() == 8 {
            if has_equal_parts(octets) {
                return Err(differs("a triple DES key with two equal parts"));
            }
            set_odd_parity(&mut value);
        }
        self.shared.store(request, Material::Secret(kind, value))
    }

    /// Brings an RSA private key in.
    ///
    /// # Errors
    /// R1301 for primes that make no key of the request, R1339 when it could not be stored.
    pub fn import_rsa_key(
        &self,
        request: &KeyRequest,
        primes: (&[u8], &[u8]),
    ) -> Result<(), Refused> {
        let parts = RsaParts::from_primes(primes.0, primes.1, request.exponent);
        let parts = parts.filter(|p| p.modulus.len() as u32 * 8 == request.bits);
        let differs = || error::KEY_DIFFERS.found("primes that make no key of the request");
        self.shared
            .store(request, Material::Rsa(parts.ok_or_else(differs)?))
    }

    /// Brings the open test key of a request in, which everybody knows.
    ///
    /// # Errors
    /// R1338 for tokens that are not said to hold TEST keys; as the other imports.
    pub fn import_test_key(&self, request: &KeyRequest) -> Result<(), Refused> {
        if !self.shared.settings.test_only {
            let what = "open test keys are for tokens with test_only = true";
            return Err(error::SETTINGS.found(what));
        }
        let refused = |e: test_keys::TestKeyError| error::KEY_DIFFERS.found(e.to_string());
        if request.algorithm == "rsa" {
            let (first, second) =
                test_keys::rsa_primes(&request.name, request.bits, request.exponent)
                    .map_err(refused)?;
            return self.import_rsa_key(request, (&first, &second));
        }
        let octets =
            test_keys::symmetric_key(&request.name, &request.algorithm).map_err(refused)?;
        self.import_key(request, octets.expose())
    }

    /// Removes a key of a request from every token.
    ///
    /// # Errors
    /// R1333 when no token has it.
    pub fn remove_key(&self, request: &KeyRequest) -> Result<(), Refused> {
        match self.shared.destroy(&labels_of(&request.name))? {
            0 => Err(error::KEY_MISSING.found(format!("key {}", request.name))),
            _ => Ok(()),
        }
    }
}

/// The labels of a key's objects. The one that it is listed under goes last when they are removed, so that
/// a key whose removal fails half way can be named again.
pub(crate) fn labels_of(name: &str) -> Vec<String> {
    vec![format!("{name}{LEFT}"), name.to_owned()]
}

/// Random octets of the operating system.
fn fresh(octets: usize) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let mut value = Zeroizing::new(vec![0; octets]);
    getrandom::fill(&mut value)
        .map_err(|e| error::NOT_KEPT.found(format!("the operating system says: {e}")))?;
    Ok(value)
}

/// The driver's own keys that a plan needs.
fn own_keys(plan: &Plan) -> Result<Vec<Own>, Refused> {
    let mut own = vec![Own {
        label: SEAL_LABEL,
        kind: Kind::Aes(32),
        flags: Flags::ENCRYPT.and(Flags::DECRYPT),
    }];
    plan.way(Intent::Sealing, Flags::NONE)?;
    let (kind, flags) = match plan.best(Intent::Draws)?.way {
        Way::Blocks => (Kind::Aes(32), Flags::ENCRYPT),
        Way::Cmac => (Kind::Aes(32), Flags::SIGN),
        _ => (Kind::Generic(32), Flags::SIGN),
    };
    own.push(Own {
        label: DRAW_LABEL,
        kind,
        flags,
    });
    if plan.can(Capability::KeyWrap) || plan.can(Capability::KeyWrapPad) {
        own.push(Own {
            label: WRAP_LABEL,
            kind: Kind::Aes(32),
            flags: Flags::WRAP.and(Flags::UNWRAP),
        });
    }
    Ok(own)
}

/// Makes a key of the driver's own: inside, or of octets.
fn make_own(session: &Session, key: &Own, value: Option<&[u8]>) -> Result<(), Trouble> {
    let place = Place::Token(key.label, OWN_ID);
    if let Some(value) = value {
        let place = (place, Protection::Inside);
        objects::import(session, key.kind, key.flags, place, value)?;
        return Ok(());
    }
    let mechanism = Mechanism::Plain(match key.kind {
        Kind::Generic(_) => ck::CKM_GENERIC_SECRET_KEY_GEN,
        _ => ck::CKM_AES_KEY_GEN,
    });
    let rows: Vec<Attribute> = objects::generated(key.kind, key.flags, place, Protection::Inside)
        .into_iter()
        // What the mechanism says already.
        .filter(|row| ![ck::CKA_CLASS, ck::CKA_KEY_TYPE].contains(&row.kind()))
        .collect();
    session.generate(&mechanism, &rows)?;
    Ok(())
}

/// How many objects have a label.
fn labelled(session: &Session, label: &str) -> Result<usize, Trouble> {
    let template = [Attribute::octets(ck::CKA_LABEL, label.as_bytes())];
    Ok(session.find(&template, 8)?.len())
}

/// The attributes with which a key is stored: those of its use that the chosen compositions need;
/// a key pair has no kind and signs.
pub(crate) fn flags_of(plan: &Plan, usage: KeyUse, kind: Option<Kind>) -> Flags {
    let allowed = objects::allowed(usage);
    let Some(kind) = kind else {
        return Flags::SIGN;
    };
    let (keys, export) = match kind.block() {
        8 => (Intent::CardKeysTdes, Capability::TdesEcbWrap),
        _ => (Intent::CardKeysAes, Capability::AesCbcWrap),
    };
    if allowed.has(Flags::WRAP) {
        let wrap = match plan.can(export) {
            true => Flags::WRAP,
            false => Flags::NONE,
        };
        return Flags::ENCRYPT.and(wrap);
    }
    if allowed.has(Flags::DERIVE) && usage != KeyUse::CardIssuance {
        return match plan.way(keys, Flags::DERIVE.and(Flags::ENCRYPT)) {
            Ok(Way::Inside) => Flags::DERIVE,
            _ => Flags::ENCRYPT,
        };
    }
    if usage == KeyUse::CardIssuance {
        return issuance_flags(plan, kind);
    }
    allowed.both(Flags::ENCRYPT.and(Flags::DECRYPT))
}

/// A master key of cards' channels derives where channels stay inside. It enciphers, too, where SCP03's
/// derivation asks for blocks, and where the site lets new keys of a card be computed in host memory.
fn issuance_flags(plan: &Plan, kind: Kind) -> Flags {
    let both = Flags::DERIVE.and(Flags::ENCRYPT);
    let (channels, new_keys) = match kind.block() {
        8 => (Intent::of_channels(kind), Intent::PutKeysTdes),
        _ => (Intent::of_channels(kind), Intent::PutKeysAes),
    };
    match (plan.way(channels, both), plan.way(new_keys, both)) {
        (Ok(Way::Inside), Ok(Way::HostMemory)) => both,
        (Ok(Way::Inside), _) if kind.block() == 16 => both,
        (Ok(Way::Inside), _) => Flags::DERIVE,
        _ => Flags::ENCRYPT,
    }
}

impl Shared {
    fn store(&self, request: &KeyRequest, material: Material) -> Result<(), Refused> {
        self.check_state()?;
        let kind = match &material {
            Material::Secret(kind, _) => Some(*kind),
            Material::Rsa(_) => None,
        };
        let flags = flags_of(&self.plan, request.usage, kind);
        let labels = labels_of(&request.name);
        let (request, material) = (request.clone(), Arc::new(material));
        self.everywhere(self.settings.deadline, labels, move |session| {
            store_in(session, &request, &material, flags)?;
            // What the token says of it must be what was asked for.
            locate(session, &request).map(drop)
        })
    }

    /// Does something that makes objects in every token; removes them again when one fails. Nothing is
    /// begun while a token is away.
    pub(crate) fn everywhere(
        &self,
        deadline: Duration,
        labels: Vec<String>,
        make: impl Fn(&Session) -> Result<(), Trouble> + Send + Sync + 'static,
    ) -> Result<(), Refused> {
        let kept =
            |cause: &Refused| error::NOT_KEPT.found(format!("{}: {}", cause.code, cause.what));
        if self.objects_of(&labels).map_err(|cause| kept(&cause))? > 0 {
            let shown = labels.last().map_or("", String::as_str);
            return Err(error::NOT_KEPT.found(format!("an object {shown} is there already")));
        }
        let make = Arc::new(make);
        let mut begun: Vec<&Arc<Token>> = Vec::new();
        for token in &self.tokens {
            begun.push(token);
            let Err(cause) = in_time(token, deadline, Arc::clone(&make)) else {
                continue;
            };
            let mut refused = kept(&cause);
            self.take_back(&begun, &labels, &mut refused);
            return Err(refused);
        }
        Ok(())
    }

    /// Removes what was made, and says in the error what is left when that fails.
    pub(crate) fn take_back(
        &self,
        tokens: &[&Arc<Token>],
        labels: &[String],
        refused: &mut Refused,
    ) {
        for token in tokens {
            if let Err(left) = self.remove(token, labels.to_vec()) {
                let (name, why) = (token.name(), left.what);
                refused.what = format!(
                    "{}; in {name} remains may be left ({why}): destroy the key by its label",
                    refused.what
                );
            }
        }
    }

    /// How many objects have some labels, in all tokens. A token that is away is an error.
    pub(crate) fn objects_of(&self, labels: &[String]) -> Result<usize, Refused> {
        let mut count = 0;
        for token in &self.tokens {
            self.ready(token)?;
            let labels = labels.to_vec();
            count += token.with_session(self.settings.deadline, move |session| {
                check_login(session)?;
                let mut count = 0;
                for label in &labels {
                    count += labelled(session, label)?;
                }
                Ok(count)
            })?;
        }
        Ok(count)
    }

    /// Destroys a key in all tokens, or, while one of them is away, in none.
    pub(crate) fn destroy(&self, labels: &[String]) -> Result<usize, Refused> {
        self.check_state()?;
        self.objects_of(labels)?;
        let mut removed = 0;
        for token in &self.tokens {
            removed += self.remove(token, labels.to_vec())?;
        }
        Ok(removed)
    }

    /// Destroys all objects of some labels; when the session is lost, once more in another one.
    pub(crate) fn remove(&self, token: &Token, labels: Vec<String>) -> Result<usize, Refused> {
        let labels = Arc::new(labels);
        let once = || {
            let labels = Arc::clone(&labels);
            token.with_session(self.settings.deadline, move |session| {
                check_login(session)?;
                let mut removed = 0;
                for label in labels.iter() {
                    let template = [Attribute::octets(ck::CKA_LABEL, label.as_bytes())];
                    for object in session.find(&template, 8)? {
                        session.destroy(object)?;
                        removed += 1;
                    }
                }
                Ok(removed)
            })
        };
        once().or_else(|_| once())
    }
}

/// What somebody waits for, what was done, and what nobody waits for any more.
const AWAITED: u8 = 0;
const DONE: u8 = 1;
const GIVEN_UP: u8 = 2;

/// Makes objects in a session. When it takes too long the call may still be at work in the token, and
/// its objects come to be after everybody has gone: then its thread destroys them itself.
pub(crate) fn in_time(
    token: &Token,
    deadline: Duration,
    make: Arc<impl Fn(&Session) -> Result<(), Trouble> + Send + Sync + 'static>,
) -> Result<(), Refused> {
    let state = Arc::new(AtomicU8::new(AWAITED));
    let turn = |state: &AtomicU8, to| {
        let turned = state.compare_exchange(AWAITED, to, Ordering::SeqCst, Ordering::SeqCst);
        turned.is_ok()
    };
    let seen = Arc::clone(&state);
    let made = token.with_session(deadline, move |session| {
        // What earlier jobs made is none of this one's.
        session.made();
        let made = make(session);
        if !turn(&seen, DONE) {
            // What somebody else has destroyed meanwhile is gone, too: on to the next.
            for object in session.made() {
                let _ = session.destroy(object);
            }
        }
        made
    });
    if made.is_err() {
        turn(&state, GIVEN_UP);
    }
    made
}

/// All objects of a key.
fn store_in(
    session: &Session,
    request: &KeyRequest,
    material: &Material,
    flags: Flags,
) -> Result<(), Trouble> {
    let name = request.name.as_str();
    let id = format!("{}/{}", use_name(request.usage), request.algorithm);
    let id = id.as_str();
    let place = (Place::Token(name, id), Protection::Inside);
    match material {
        Material::Secret(kind, value) => {
            objects::import(session, *kind, flags, place, value)?;
            if objects::needs_left(request.usage)
                && *kind == Kind::Des2
                && let Some(left) = left_twice(value)
            {
                let label = format!("{name}{LEFT}");
                let place = (Place::Token(&label, id), Protection::Inside);
                objects::import(session, Kind::Des2, flags, place, left.as_slice())?;
            }
        }
        Material::Rsa(parts) => {
            import_rsa(session, parts, place)?;
            let mut rows = public_rows(Place::Token(name, id));
            rows.push(Attribute::octets(ck::CKA_MODULUS, &parts.modulus));
            rows.push(Attribute::octets(ck::CKA_PUBLIC_EXPONENT, &parts.exponent));
            session.create(&rows)?;
        }
    }
    Ok(())
}
