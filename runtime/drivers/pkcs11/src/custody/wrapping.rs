//! Keys under keys: what the token wraps and unwraps inside, and the forms that pass through host
//! memory where the site allows it.

use cardwright_pkcs11_raw::{Mechanism, ck};
use cardwright_ports::custody::{
    CheckValue, Exportability, KeyAlgorithm, KeyFacts, NewKey, OaepHash, Wrapping,
};
use cardwright_ports::hsm::KeyUse;
use zeroize::Zeroizing;

use super::find::Found;
use super::make::{New, Source, system};
use super::{Custody, blocks, inside, may_leave, private_keys, probes, reveal, rules, steps};
use crate::composition::{Intent, Plan, Way};
use crate::error::{self, Refused, Trouble};
use crate::objects::Flags;
use crate::tool::Tool;
use rules::{MAY_NOT_TRAVEL, WRAPPED, agreed_header, check_version, oaep, received_header};

/// Longest thing that comes in.
const WRAPPED_OCTETS_MAX: usize = 9_999;

/// Both intents of RSA-OAEP: out and in.
fn oaep_intents(hash: OaepHash) -> [Intent; 2] {
    match hash {
        OaepHash::Sha1 => [Intent::OaepSha1Out, Intent::OaepSha1In],
        OaepHash::Sha256 => [Intent::OaepSha256Out, Intent::OaepSha256In],
    }
}

pub(super) fn key_wrap_mechanism(plan: &Plan, padded: bool) -> Mechanism {
    match padded {
        true => plan.key_wrap_pad(),
        false => Mechanism::Plain(ck::CKM_AES_KEY_WRAP),
    }
}

impl Custody<'_> {
    pub(super) fn wrapped(
        &self,
        label: &str,
        under: &str,
        wrapping: &Wrapping<'_>,
    ) -> Result<Vec<u8>, Refused> {
        let key = self.found(label)?;
        may_leave(&key)?;
        match wrapping {
            Wrapping::KeyBlock { header } => {
                let under = self.wrapping_key(under, KeyUse::KeyBlockProtection, key.algorithm)?;
                let header = agreed_header(header, key.algorithm, key.usage, key.exportability)?;
                check_version(&header, under.algorithm)?;
                let of = (header.version, key.algorithm);
                let way = blocks::way(&self.shared.plan, &under, of)?;
                self.with_both(&key, &under, move |tool, key, under| match way {
                    Way::Inside => inside::in_moment(tool.session()?, |moment| {
                        inside::sealed(tool, moment, (key, under), &header)
                    }),
                    _ => blocks::seal(tool, key, under, &header),
                })
            }
            Wrapping::AesKeyWrap { padded } => {
                let under = self.wrapping_key(under, KeyUse::Transport, key.algorithm)?;
                check_aes(&under)?;
                if key.algorithm.octets().is_none() && !padded {
                    return Err(MAY_NOT_TRAVEL.found("a private key without padding"));
                }
                let padded = *padded;
                self.with_both(&key, &under, move |tool, key, under| {
                    key_wrap_out(tool, key, under, padded)
                })
            }
            Wrapping::LegacyEcb | Wrapping::LegacyCbc => {
                let cbc = matches!(wrapping, Wrapping::LegacyCbc);
                let under = self.legacy_key(&key, under, cbc)?;
                self.with_both(&key, &under, move |tool, key, under| {
                    tool.plan.way(Intent::LegacyOut, under.flags)?;
                    let octets = reveal::octets(tool, key)?;
                    steps::legacy_out(tool, under, &octets, cbc)
                })
            }
            Wrapping::RsaOaep { receiver, hash } => {
                if !under.is_empty() {
                    return Err(error::ARGUMENT.found("a wrapping key beside a public key"));
                }
                if key.algorithm.octets().is_none() {
                    return Err(MAY_NOT_TRAVEL.found("a private key under RSA-OAEP"));
                }
                self.sealed_for(&key, *receiver, *hash)
            }
            Wrapping::Ecdh { peer, info } => self.sent_by_agreement(&key, (under, peer, info)),
        }
    }

    pub(super) fn unwrapped(
        &self,
        wrapped: &[u8],
        under: &str,
        wrapping: &Wrapping<'_>,
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, Refused> {
        let new = self.check_new(key)?;
        if wrapped.is_empty() || wrapped.len() > WRAPPED_OCTETS_MAX {
            return Err(WRAPPED.found(format!("{} octets", wrapped.len())));
        }
        let mut octets = match wrapping {
            Wrapping::KeyBlock { header } => {
                let octets =
                    match self.opened_block((wrapped, under, header), (&new, key), expected)? {
                        Ok(source) => return self.keep(&new, source),
                        Err(octets) => octets,
                    };
                if key.algorithm.octets().is_none() {
                    let source = private_keys::of_block(key.algorithm, &octets)?;
                    return self.keep_pair(&new, source, expected);
                }
                octets
            }
            Wrapping::AesKeyWrap { padded } => {
                let under = self.wrapping_key(under, KeyUse::Transport, key.algorithm)?;
                match self.key_unwrapped(wrapped, &under, *padded, (&new, expected))? {
                    Ok(facts) => return Ok(facts),
                    Err(octets) => octets,
                }
            }
            Wrapping::LegacyEcb | Wrapping::LegacyCbc => {
                let cbc = matches!(wrapping, Wrapping::LegacyCbc);
                let under = self.wrapping_key(under, KeyUse::Transport, key.algorithm)?;
                let wrapped = wrapped.to_vec();
                let octets = self.with_one(&under, move |tool, under| {
                    tool.plan.way(Intent::LegacyIn, under.flags)?;
                    steps::legacy_in(tool, under, &wrapped, cbc)
                })?;
                // Parity is the only sign that these forms have of the wrong key.
                rules::check_form(key.algorithm, &octets)?;
                octets
            }
            Wrapping::RsaOaep { hash, .. } => {
                match self.opened_by(under, *hash, wrapped, &new, expected)? {
                    Ok(facts) => return Ok(facts),
                    Err(octets) => octets,
                }
            }
            Wrapping::Ecdh { peer, info } => {
                let agreement = (under, *peer, *info);
                match self.taken_by_agreement(wrapped, agreement, (&new, expected))? {
                    Ok(facts) => return Ok(facts),
                    Err(octets) => octets,
                }
            }
        };
        if key.algorithm.octets().is_none() {
            let source = private_keys::of_wrap(key.algorithm, &octets)?;
            return self.keep_pair(&new, source, expected);
        }
        // Authenticated forms carry DES keys of any parity, as X9.143's own example does.
        rules::adjust(key.algorithm, &mut octets);
        self.keep_octets(&new, octets, expected)
    }

    /// Opens AES key wrap: inside, and the key is kept; or into octets.
    fn key_unwrapped(
        &self,
        wrapped: &[u8],
        under: &Found,
        padded: bool,
        (new, expected): (&New, Option<&CheckValue>),
    ) -> Result<Result<KeyFacts, Zeroizing<Vec<u8>>>, Refused> {
        check_aes(under)?;
        let mechanism = key_wrap_mechanism(&self.shared.plan, padded);
        // For what a token does not say or make of a key inside, its octets are needed.
        let apart = new.has_left() || new.algorithm == KeyAlgorithm::P256;
        match self.shared.plan.way(Intent::KeyWrapIn, under.flags)? {
            Way::Inside if !apart => {
                check_wrapped_length(new.algorithm, wrapped)?;
                let source = (mechanism, under.label.as_str(), wrapped);
                self.keep_wrapped(new, source, expected).map(Ok)
            }
            Way::Inside => self.moved(wrapped, under, mechanism, new).map(Err),
            _ => {
                let wrapped = wrapped.to_vec();
                let octets = self.with_one(under, move |tool, under| {
                    steps::key_wrap_in(tool, under, &wrapped, padded)
                })?;
                Ok(Err(octets))
            }
        }
    }

    /// Unwraps inside, after a look at what comes.
    fn keep_wrapped(
        &self,
        new: &New,
        (mechanism, under, wrapped): (Mechanism, &str, &[u8]),
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, Refused> {
        self.tried(new, (&mechanism, under, wrapped), expected)?;
        let source = Source::Wrapped {
            mechanism,
            under: under.to_owned(),
            wrapped: wrapped.to_vec(),
        };
        self.keep(new, source)
    }

    /// Unwrapped inside for the life of a session, and brought into host memory from there.
    fn moved(
        &self,
        wrapped: &[u8],
        under: &Found,
        mechanism: Mechanism,
        new: &New,
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        self.shared.plan.way(Intent::KeysIn, Flags::NONE)?;
        let (wrapped, new) = (wrapped.to_vec(), new.clone());
        self.with_one(under, move |tool, under| {
            steps::moved(tool, under, (&mechanism, &wrapped), &new)
        })
    }

    /// What a key block holds: formed inside, or as octets.
    fn opened_block(
        &self,
        (wrapped, under, header): (&[u8], &str, &str),
        (new, key): (&New, &NewKey<'_>),
        expected: Option<&CheckValue>,
    ) -> Result<Result<Source, Zeroizing<Vec<u8>>>, Refused> {
        let under = self.wrapping_key(under, KeyUse::KeyBlockProtection, key.algorithm)?;
        let header = received_header(header, key)?;
        check_version(&header, under.algorithm)?;
        let of = (header.version, key.algorithm);
        if blocks::way(&self.shared.plan, &under, of)? == Way::Inside {
            let (block, new) = (wrapped.to_vec(), new.clone());
            let expected = expected.cloned();
            let source = self.with_one(&under, move |tool, under| {
                inside::in_moment(tool.session()?, |moment| {
                    let expected = (&new, expected.as_ref());
                    inside::opened(tool, moment, under, (&block, &header), expected)
                })
            })?;
            return Ok(Ok(source));
        }
        let (label, version) = (under.label, header.version);
        let keys = self
            .shared
            .work(move |tool| blocks::opening_keys(tool, &label, version))?;
        blocks::open(&keys, wrapped, &header).map(Err)
    }

    /// The key that wraps, for its only use, no weaker than what it wraps.
    fn wrapping_key(
        &self,
        label: &str,
        usage: KeyUse,
        wrapped: KeyAlgorithm,
    ) -> Result<Found, Refused> {
        let key = self.found(label)?;
        super::pairs::check_use(&key, usage).map_err(|e| MAY_NOT_TRAVEL.found(e.what))?;
        rules::check_strength(wrapped, (&key.label, key.algorithm))?;
        Ok(key)
    }

    /// The key that wraps in ECB or CBC, which needs the exception.
    fn legacy_key(&self, key: &Found, under: &str, cbc: bool) -> Result<Found, Refused> {
        if key.exportability != Exportability::Sensitive {
            let form = if cbc { "CBC" } else { "ECB" };
            return Err(MAY_NOT_TRAVEL.found(format!(
                "key {} leaves in forms of X9.24 only, not in {form}",
                key.label
            )));
        }
        let under = self.wrapping_key(under, KeyUse::Transport, key.algorithm)?;
        match key.algorithm.octets() {
            Some(_) => Ok(under),
            None => Err(MAY_NOT_TRAVEL.found("a private key without a key block")),
        }
    }

    /// RSA-OAEP for somebody's public key (RFC 8017, 7.1).
    fn sealed_for(
        &self,
        key: &Found,
        (modulus, exponent): (&[u8], u32),
        hash: OaepHash,
    ) -> Result<Vec<u8>, Refused> {
        check_receiver(modulus)?;
        let [out, _] = oaep_intents(hash);
        let sha256 = hash == OaepHash::Sha256;
        if self.shared.plan.way(out, Flags::NONE)? == Way::Inside {
            let (modulus, exponent) = (modulus.to_vec(), exponent.to_be_bytes());
            return self.with_one(key, move |tool, key| {
                let receiver = probes::receiver(tool.session()?, &modulus, &exponent)?;
                let mechanism = Mechanism::Oaep { sha256 };
                let wrapped = tool.session()?.wrap(&mechanism, receiver, key.main)?;
                tool.session()?.destroy(receiver)?;
                Ok(wrapped)
            });
        }
        let clear = self.with_one(key, reveal::octets)?;
        sealed_octets((modulus, exponent), hash, &clear)
    }

    /// Opens RSA-OAEP with the private key of a label: inside, and the key is kept; or into octets.
    fn opened_by(
        &self,
        label: &str,
        hash: OaepHash,
        wrapped: &[u8],
        new: &New,
        expected: Option<&CheckValue>,
    ) -> Result<Result<KeyFacts, Zeroizing<Vec<u8>>>, Refused> {
        // One error for everything: its kind must not tell how far the padding went.
        let refused = || WRAPPED.found("RSA-OAEP that does not open");
        let key = self.receiving(label)?;
        if wrapped.len() != key.rsa().map_err(Refused::from)?.0.len() {
            return Err(refused());
        }
        let [_, incoming] = oaep_intents(hash);
        let way = self.shared.plan.way(incoming, key.flags)?;
        let sha256 = hash == OaepHash::Sha256;
        if way == Way::Inside && !new.has_left() {
            let source = (Mechanism::Oaep { sha256 }, label, wrapped);
            let kept = self.keep_wrapped(new, source, expected);
            return kept.map(Ok).map_err(|e| match e.code {
                code if code == WRAPPED.code => refused(),
                _ => e,
            });
        }
        if way == Way::Inside {
            let mechanism = Mechanism::Oaep { sha256 };
            let octets = self.moved(wrapped, &key, mechanism, new);
            return octets.map(Err);
        }
        let wrapped = wrapped.to_vec();
        let block = self.with_one(&key, move |tool, key| {
            steps::raw_decrypted(tool, key, &wrapped)
        })?;
        let octets = oaep::decode(hash, &block).ok_or_else(refused)?;
        Ok(Err(octets))
    }

    /// A key pair that receives keys.
    pub(super) fn receiving(&self, label: &str) -> Result<Found, Refused> {
        let key = self.found(label)?;
        super::pairs::check_use(&key, KeyUse::KeyExchange)
            .map_err(|e| MAY_NOT_TRAVEL.found(e.what))?;
        Ok(key)
    }
}

/// Refuses a receiver whose RSA key is too short.
fn check_receiver(modulus: &[u8]) -> Result<(), Refused> {
    let bits = modulus.len() * 8;
    match bits < rules::RECEIVER_BITS_MIN {
        true => Err(MAY_NOT_TRAVEL.found(format!(
            "a receiver's modulus of {bits} bits, at least {} are needed",
            rules::RECEIVER_BITS_MIN
        ))),
        false => Ok(()),
    }
}

/// RSA-OAEP of octets of this program's memory (RFC 8017, 7.1).
pub(super) fn sealed_octets(
    (modulus, exponent): (&[u8], u32),
    hash: OaepHash,
    clear: &[u8],
) -> Result<Vec<u8>, Refused> {
    check_receiver(modulus)?;
    let mut seed = Zeroizing::new(vec![0; oaep::hash_octets(hash)]);
    system(&mut seed)?;
    let block = oaep::encode(hash, clear, &seed, modulus.len())
        .ok_or_else(|| MAY_NOT_TRAVEL.found("a key that is too long for the modulus"))?;
    cardwright_rsa::raise(modulus, exponent, &block)
        .map_err(|e| error::ARGUMENT.found(e.to_string()))
}

/// AES key wrap out: inside, or composed of blocks.
fn key_wrap_out(
    tool: &Tool<'_>,
    key: &Found,
    under: &Found,
    padded: bool,
) -> Result<Vec<u8>, Trouble> {
    if tool.plan.way(Intent::KeyWrapOut, under.flags)? == Way::Inside {
        let mechanism = key_wrap_mechanism(tool.plan, padded);
        return Ok(tool.session()?.wrap(&mechanism, under.main, key.main)?);
    }
    let octets = reveal::octets(tool, key)?;
    steps::key_wrap_out(tool, under, &octets, padded)
}

fn check_aes(under: &Found) -> Result<(), Refused> {
    match under.algorithm {
        KeyAlgorithm::Aes128 | KeyAlgorithm::Aes192 | KeyAlgorithm::Aes256 => Ok(()),
        _ => Err(MAY_NOT_TRAVEL.found(format!(
            "key {} is {}, AES is needed",
            under.label,
            under.algorithm.name()
        ))),
    }
}

/// A wrapped symmetric key is eight octets longer than the key; tokens do not look at it.
fn check_wrapped_length(algorithm: KeyAlgorithm, wrapped: &[u8]) -> Result<(), Refused> {
    match algorithm.octets() {
        Some(octets) if wrapped.len() != octets + 8 => Err(rules::PARITY.found(format!(
            "{} octets of a wrapped key where {} has {}",
            wrapped.len(),
            algorithm.name(),
            octets + 8
        ))),
        _ => Ok(()),
    }
}
