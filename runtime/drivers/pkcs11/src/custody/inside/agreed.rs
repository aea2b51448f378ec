//! An AES key that two sides agree on, derived inside (SP 800-56C, one step with SHA-256), and a key that is
//! unwrapped by it.

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Mechanism, Object, Outcome};
use cardwright_ports::custody::CheckValue;

use super::super::make::{New, Source, secret_octets};
use super::super::rules;
use super::super::steps::not_unwrapped;
use super::formed::{FORMED, formed, kind_of};
use super::{Moment, STEP};
use crate::error::Trouble;
use crate::objects::{Flags, Kind, Protection};
use crate::tool::Tool;

/// Octets of an x-coordinate on P-256, and of what SHA-256 makes.
const OCTETS: usize = 32;
/// The only round of the derivation.
const COUNTER: [u8; 4] = [0, 0, 0, 1];
/// What an agreed key may do. It never leaves.
const AGREED: (Flags, Protection) = (Flags::WRAP.and(Flags::UNWRAP), Protection::Inside);

/// SHA-256 of the counter, the shared x-coordinate and the information, as a key that wraps.
pub(in super::super) fn agreed(
    moment: &Moment<'_>,
    own: Object,
    (peer, info): (&[u8], &[u8]),
) -> Outcome<Object> {
    let shared = Mechanism::Ecdh(peer.to_vec());
    let shared = moment.derive(&shared, own, (Kind::Generic(OCTETS), STEP))?;
    let counted = moment.before(&COUNTER, (shared, OCTETS))?;
    // A token may refuse to put nothing behind a key.
    let whole = match info.is_empty() {
        true => counted,
        false => moment.behind((counted, COUNTER.len() + OCTETS), info)?,
    };
    let hash = Mechanism::Plain(ck::CKM_SHA256_KEY_DERIVATION);
    moment.derive(&hash, whole, (Kind::Aes(OCTETS), AGREED))
}

/// A key that came wrapped, as octets of which the length is asked first: the wrap tells it only within eight.
pub(in super::super) fn taken(
    tool: &Tool<'_>,
    moment: &Moment<'_>,
    (mechanism, under, wrapped): (&Mechanism, Object, &[u8]),
    (new, expected): (&New, Option<&CheckValue>),
) -> Result<Source, Trouble> {
    let wanted = kind_of(new)?;
    let came = (wrapped, Kind::Generic(wanted.octets()));
    let came = moment.unwrap(mechanism, under, came);
    let came = came.map_err(not_unwrapped)?;
    let octets = secret_octets(tool, came)?;
    if octets != wanted.octets() {
        let what = format!("{octets} octets where {} has others", new.algorithm.name());
        return Err(rules::PARITY.found(what).into());
    }
    let key = moment.part(came, 0, (wanted, FORMED))?;
    formed(tool, moment, new, key, expected)
}
