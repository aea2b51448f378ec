//! Components inside: the first becomes a key of the token, each further one is joined to it by XOR. This
//! program's memory holds one component at a time, as it was typed or is printed, and never the key.

use cardwright_custody_rules::components::{self, check_count};
use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Mechanism, Object};
use cardwright_standards::key_wrap;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::super::find::Found;
use super::super::make::{New, system};
use super::super::rules;
use super::formed::{FORMED, is_weak, kind_of};
use super::{Moment, STEP, lifted};
use crate::error::Trouble;
use crate::objects::{Flags, Kind, Protection};
use crate::tool::{Tool, wrong};

/// Draws of components before the search for some that are not weak is given up.
const DRAWS_MAX: usize = 16;

/// The key of components that differ; `open` gives one of them clear.
pub(in super::super) fn joined<C>(
    moment: &Moment<'_>,
    new: &New,
    parts: &[C],
    mut open: impl FnMut(&C) -> Result<Zeroizing<Vec<u8>>, Trouble>,
) -> Result<Object, Trouble> {
    check_count(parts.len())?;
    let kind = kind_of(new)?;
    let mut sum = None;
    let mut seen: Vec<[u8; 32]> = Vec::with_capacity(parts.len());
    for part in parts {
        let clear = open(part)?;
        let print = Sha256::digest(&*clear).into();
        if seen.contains(&print) {
            return Err(rules::COMPONENT.found("the same component twice").into());
        }
        seen.push(print);
        sum = Some(match sum {
            None => moment.import(kind, FORMED, &clear)?,
            Some(sum) => moment.xor(sum, &clear, (kind, FORMED))?,
        });
    }
    // An even number of DES components has even parity; the token sets it, as its probe showed.
    let none = || rules::COMPONENT.found("no components");
    Ok(sum.ok_or_else(none)?)
}

/// Components whose XOR an exportable key is. All but the last are drawn, one after the other; the last is
/// what is missing to the key, formed inside. `seal` takes each as it comes.
pub(in super::super) fn taken_apart<T>(
    tool: &Tool<'_>,
    moment: &Moment<'_>,
    key: &Found,
    count: usize,
    seal: impl Fn(&[u8]) -> Result<T, Trouble>,
) -> Result<Vec<T>, Trouble> {
    check_count(count)?;
    let kind = key.kind()?;
    let (whole, octets) = lifted(tool, moment, key)?;
    for _ in 0..DRAWS_MAX {
        let mut rest = whole;
        let mut parts = Vec::with_capacity(count);
        for place in 1..count {
            let mut random =
                |octets: &mut [u8]| -> Result<(), Trouble> { Ok(moment.session.random(octets)?) };
            let part = components::drawn(key.algorithm, &mut random)?;
            let to = match place + 1 == count {
                true => (kind, FORMED),
                false => (Kind::Generic(octets), STEP),
            };
            rest = moment.xor(rest, &part, to)?;
            parts.push(seal(&part)?);
        }
        if is_weak(tool, moment, (kind, rest))? {
            continue;
        }
        // The last is a component like the others: it is printed, and no key.
        let last = given_out(moment, rest, octets)?;
        parts.push(seal(&last)?);
        return Ok(parts);
    }
    let what = "sixteen weak components one after another";
    Err(crate::error::RANDOMNESS.found(what).into())
}

/// A component of the token in this program's memory.
fn given_out(
    moment: &Moment<'_>,
    component: Object,
    octets: usize,
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let mut key = Zeroizing::new([0; 32]);
    system(key.as_mut_slice())?;
    let place = (Flags::WRAP, Protection::Inside);
    let wrapping = moment.import(Kind::Aes(32), place, key.as_slice())?;
    let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP);
    let wrapped = moment.session.wrap(&mechanism, wrapping, component)?;
    match key_wrap::unwrap(key.as_slice(), &wrapped) {
        Ok(clear) if clear.len() == octets => Ok(clear),
        _ => Err(wrong("a component that does not open as it was wrapped").into()),
    }
}
