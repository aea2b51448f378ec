//! Keys put together and taken apart inside the token: XOR with known data, octets before and behind, a part
//! of the whole. What comes of it is sensitive as what it was made of; no step gives a key out.

mod agreed;
mod blocks;
mod components;
mod formed;
pub(crate) mod probes;

pub(super) use agreed::{agreed, taken};
pub(super) use blocks::{opened, sealed};
pub(super) use components::{joined, taken_apart};
pub(super) use formed::formed;

use std::cell::RefCell;

use cardwright_pkcs11_raw::ck::{self, CK_ULONG};
use cardwright_pkcs11_raw::{Mechanism, Object, Outcome, Session};

use super::find::Found;
use crate::error::Trouble;
use crate::objects::{self, Flags, Kind, Place, Protection};
use crate::tool::Tool;

/// What a key that is a step on the way may do. It may be wrapped, which is how it leaves in a block or goes
/// under the storage key.
const STEP: (Flags, Protection) = (Flags::DERIVE, Protection::Wrappable);

/// Objects that live for one job.
pub(super) struct Moment<'s> {
    pub(super) session: &'s Session,
    made: RefCell<Vec<Object>>,
}

/// Carries a job out whose objects are destroyed behind it. Those of a job in which the token failed go with
/// their session, which is thrown away.
pub(super) fn in_moment<T>(
    session: &Session,
    job: impl FnOnce(&Moment<'_>) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let moment = Moment {
        session,
        made: RefCell::default(),
    };
    let done = job(&moment);
    if matches!(done, Err(Trouble::Token(_))) {
        return done;
    }
    for object in moment.made.into_inner() {
        session.destroy(object)?;
    }
    done
}

impl Moment<'_> {
    fn keep(&self, made: Outcome<Object>) -> Outcome<Object> {
        let object = made?;
        self.made.borrow_mut().push(object);
        Ok(object)
    }

    /// Octets of this program's memory as a key.
    fn import(
        &self,
        kind: Kind,
        (flags, protection): (Flags, Protection),
        octets: &[u8],
    ) -> Outcome<Object> {
        let place = (Place::Session, protection);
        self.keep(objects::import(self.session, kind, flags, place, octets))
    }

    fn derive(
        &self,
        mechanism: &Mechanism,
        base: Object,
        (kind, (flags, protection)): (Kind, (Flags, Protection)),
    ) -> Outcome<Object> {
        let rows = objects::made(kind, flags, protection, true);
        self.keep(self.session.derive(mechanism, base, &rows))
    }

    /// A key XOR known data.
    fn xor(&self, base: Object, data: &[u8], to: (Kind, (Flags, Protection))) -> Outcome<Object> {
        let mechanism = Mechanism::Data(ck::CKM_XOR_BASE_AND_DATA, data.to_vec());
        self.derive(&mechanism, base, to)
    }

    /// Known octets, then those of a key of so many.
    fn before(&self, data: &[u8], (base, octets): (Object, usize)) -> Outcome<Object> {
        let mechanism = Mechanism::Data(ck::CKM_CONCATENATE_DATA_AND_BASE, data.to_vec());
        let kind = Kind::Generic(data.len() + octets);
        self.derive(&mechanism, base, (kind, STEP))
    }

    /// The octets of a key of so many, then known ones.
    fn behind(&self, (base, octets): (Object, usize), data: &[u8]) -> Outcome<Object> {
        let mechanism = Mechanism::Data(ck::CKM_CONCATENATE_BASE_AND_DATA, data.to_vec());
        let kind = Kind::Generic(data.len() + octets);
        self.derive(&mechanism, base, (kind, STEP))
    }

    /// A part of a key, from an octet on.
    fn part(&self, base: Object, first: usize, to: (Kind, (Flags, Protection))) -> Outcome<Object> {
        let bits = first as CK_ULONG * 8;
        let mechanism = Mechanism::Number(ck::CKM_EXTRACT_KEY_FROM_KEY, bits);
        self.derive(&mechanism, base, to)
    }

    /// Eight octets of a key twice, which is single DES under them.
    fn twice(
        &self,
        base: Object,
        first: usize,
        to: (Kind, (Flags, Protection)),
    ) -> Outcome<Object> {
        let half = self.part(base, first, (Kind::Generic(8), STEP))?;
        let mechanism = Mechanism::Number(ck::CKM_CONCATENATE_BASE_AND_KEY, half.0);
        self.derive(&mechanism, half, to)
    }

    /// What a key wraps that is in no need of padding.
    fn unwrap(
        &self,
        mechanism: &Mechanism,
        under: Object,
        (wrapped, kind): (&[u8], Kind),
    ) -> Outcome<Object> {
        let (flags, protection) = STEP;
        // No length beside it: what is wrapped is all of it.
        let rows = objects::made(kind, flags, protection, false);
        self.keep(self.session.unwrap(mechanism, under, wrapped, &rows))
    }

    /// An AES key of 256 bits that enciphers and wraps, made for the moment.
    fn comparing(&self) -> Outcome<Object> {
        let flags = Flags::ENCRYPT.and(Flags::WRAP);
        let rows = objects::generated(Kind::Aes(32), flags, Place::Session, Protection::Inside);
        let rows = super::pairs::without_kind(rows);
        let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_GEN);
        self.keep(self.session.generate(&mechanism, &rows))
    }
}

/// An exportable key as octets of the same session that may be a part of something: its own object says what
/// the key is for, and that is not to be derived from.
fn lifted(tool: &Tool<'_>, moment: &Moment<'_>, key: &Found) -> Result<(Object, usize), Trouble> {
    let octets = key.kind()?.octets();
    let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP);
    let wrapping = tool.wrapping()?;
    let wrapped = moment.session.wrap(&mechanism, wrapping, key.main)?;
    let kind = Kind::Generic(octets);
    let lifted = moment.unwrap(&mechanism, wrapping, (&wrapped, kind))?;
    Ok((lifted, octets))
}
