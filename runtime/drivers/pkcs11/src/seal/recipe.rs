//! Keys of cards as recipes: which issuer keys, and what is enciphered under them, instead of the keys
//! themselves. A key that was derived inside is not wrapped to be stored; it is derived again when the card's
//! machine needs it.
//!
//! A recipe is `23`, the kind of the keys, and for each key its issuer key's name, use, algorithm and fingerprint, all of it
//! open and no card's; then what is enciphered, which holds PAN and sequence number, sealed. The seal is
//! over the open part, length and check values, too.

use std::sync::Arc;

use cardwright_ports::hsm::{KeyRequest, KeyUse, Sealed};
use zeroize::Zeroizing;

use super::{bound_of, refused, tag_text};
use crate::capability::Capability;
use crate::error::{self, Refused, Trouble};
use crate::genuine::{self, Print};
use crate::objects::{Flags, Kind, Protection};
use crate::ring::{Key, describe, use_name};
use crate::tool::Tool;
use crate::waiting::CardObjects;
use cardwright_pkcs11_raw::Object;

/// Keys by their recipe.
pub(super) const RECIPE: u8 = 0x23;
/// The kind of the sealed part.
const KIND: &str = "recipe of a card's keys";
/// Most keys of a recipe.
const KEYS_MAX: usize = 8;

/// An issuer key of a recipe.
struct Issuer {
    request: KeyRequest,
    fingerprint: Vec<u8>,
}

/// A recipe, taken apart.
struct Parts<'b> {
    kind: Kind,
    issuers: Vec<Issuer>,
    /// The open part.
    header: &'b [u8],
    /// The sealed part.
    sealed: &'b [u8],
}

/// A word with its length before it.
fn word<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, after) = rest.split_first()?;
    let (word, after) = after.split_at_checked(usize::from(*length))?;
    *rest = after;
    Some(word)
}

fn text(rest: &mut &[u8]) -> Option<String> {
    String::from_utf8(word(rest)?.to_vec()).ok()
}

impl<'b> Parts<'b> {
    fn of(blob: &'b [u8]) -> Option<Self> {
        let ([RECIPE, block, octets, count], mut rest) = blob.split_first_chunk::<4>()? else {
            return None;
        };
        let kind = super::kind_of(*block, *octets)?;
        if usize::from(*count) > KEYS_MAX {
            return None;
        }
        let mut issuers = Vec::with_capacity(usize::from(*count));
        for _ in 0..*count {
            let name = text(&mut rest)?;
            let usage = KeyUse::from_name(&text(&mut rest)?)?;
            let algorithm = text(&mut rest)?;
            issuers.push(Issuer {
                request: KeyRequest {
                    name,
                    algorithm,
                    bits: 0,
                    exponent: 0,
                    usage,
                },
                fingerprint: word(&mut rest)?.to_vec(),
            });
        }
        let header = blob.get(..blob.len() - rest.len())?;
        Some(Self {
            kind,
            issuers,
            header,
            sealed: rest,
        })
    }

    fn from(sealed: &'b Sealed) -> Result<Self, Refused> {
        Self::of(&sealed.blob).ok_or_else(|| refused(KIND))
    }
}

/// The open part of a recipe.
fn header(kind: Kind, issuers: &[Arc<Key>]) -> Result<Vec<u8>, Refused> {
    let long = || error::ARGUMENT.found("a key's name that no recipe holds");
    let count = u8::try_from(issuers.len()).map_err(|_| long())?;
    let mut out = vec![RECIPE, kind.block() as u8, kind.octets() as u8, count];
    for key in issuers {
        let (algorithm, ..) = describe(&key.nature);
        let words = [
            key.name.as_bytes(),
            use_name(key.usage).as_bytes(),
            algorithm.as_bytes(),
            &key.fingerprint,
        ];
        for word in words {
            out.push(u8::try_from(word.len()).map_err(|_| long())?);
            out.extend_from_slice(word);
        }
    }
    Ok(out)
}

/// What the sealed part is bound to.
fn bound(clear_length: u32, check_values: &[u8], header: &[u8]) -> Vec<u8> {
    [bound_of(clear_length, check_values).as_slice(), header].concat()
}

/// The issuer keys that a sealed value is derived from, if it is a recipe.
pub(crate) fn issuers(sealed: &Sealed) -> Result<Vec<KeyRequest>, Refused> {
    if sealed.blob.first() != Some(&RECIPE) {
        return Ok(Vec::new());
    }
    let parts = Parts::from(sealed)?;
    Ok(parts.issuers.into_iter().map(|i| i.request).collect())
}

fn print(sealed: &Sealed) -> Print {
    let bound = bound_of(sealed.clear_length, &sealed.check_values);
    genuine::print(&tag_text(KIND, &bound, &sealed.blob), &[])
}

/// The kind of the keys, their issuer keys, and what is enciphered under each.
type Opened = (Kind, Vec<Arc<Key>>, Zeroizing<Vec<u8>>);

impl Tool<'_> {
    /// Seals how keys of a card are derived, one of each issuer key.
    pub(crate) fn seal_recipe(
        &self,
        issuers: &[Arc<Key>],
        (kind, data, context): (Kind, &[u8], &[u8]),
        check_values: Vec<u8>,
    ) -> Result<Sealed, Trouble> {
        let mut blob = header(kind, issuers)?;
        let clear_length = (kind.octets() * issuers.len()) as u32;
        let bound = bound(clear_length, &check_values, &blob);
        blob.extend(self.seal(KIND, (&bound, context), data)?);
        Ok(Sealed {
            blob,
            clear_length,
            check_values,
        })
    }

    /// Refuses a recipe that was changed.
    pub(crate) fn check_recipe(&self, sealed: &Sealed) -> Result<(), Trouble> {
        self.enciphered_data(&Parts::from(sealed)?, sealed)?;
        Ok(())
    }

    /// What is enciphered under the issuer keys.
    fn enciphered_data(
        &self,
        parts: &Parts<'_>,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        if sealed.clear_length as usize != parts.kind.octets() * parts.issuers.len() {
            return Err(refused(KIND).into());
        }
        let bound = bound(sealed.clear_length, &sealed.check_values, parts.header);
        self.open(KIND, &bound, parts.sealed)
    }

    /// The issuer keys of a recipe as they are now, and what is enciphered under them.
    fn opened_recipe(&self, sealed: &Sealed) -> Result<Opened, Trouble> {
        let parts = Parts::from(sealed)?;
        let data = self.enciphered_data(&parts, sealed)?;
        let known = parts.issuers.iter().map(|issuer| {
            let key = self.bound_key(&issuer.request)?;
            match key.fingerprint == issuer.fingerprint {
                true => Ok(key),
                false => Err(replaced(&key, &issuer.fingerprint)),
            }
        });
        let keys = known.collect::<Result<_, Refused>>()?;
        Ok((parts.kind, keys, data))
    }

    /// Derives the keys of a recipe inside.
    pub(crate) fn keys_inside(
        &self,
        sealed: &Sealed,
        flags: Flags,
        protection: Protection,
    ) -> Result<Vec<(Kind, Object)>, Trouble> {
        let (kind, issuers, data) = self.opened_recipe(sealed)?;
        let keys = issuers.iter().map(|issuer| {
            let from = (issuer.kind()?, self.objects(issuer)?.main);
            let key = self.derive(from, (kind, flags, protection), &data)?;
            Ok((kind, key))
        });
        keys.collect()
    }

    /// Leaves the keys of a sealed recipe in the token until their card comes, where they were made in a session
    /// of their own and other sessions see them.
    pub(crate) fn leave_waiting(&self, sealed: &Sealed, keys: Vec<(Kind, Object)>) {
        if !self.plan.can(Capability::SharedObjects) {
            return;
        }
        if let Some((room, at)) = self.own_session()
            && at == self.at()
        {
            let objects = CardObjects::new(keys, at, &room);
            self.waiting().keep(print(sealed), objects);
        }
    }

    /// The keys of a sealed value that wait in the token, for one use.
    pub(crate) fn waiting_keys(&self, sealed: &Sealed) -> Option<Arc<CardObjects>> {
        if sealed.blob.first() != Some(&RECIPE) {
            return None;
        }
        self.waited_for(&print(sealed))
    }
}

fn replaced(key: &Key, then: &[u8]) -> Refused {
    let hex = |octets: &[u8]| {
        octets
            .iter()
            .map(|o| format!("{o:02X}"))
            .collect::<String>()
    };
    error::KEY_DIFFERS.found(format!(
        "key {} has the check value {}; the data of this card were made with {}",
        key.name,
        hex(&key.fingerprint),
        hex(then)
    ))
}
