//! A key that was formed inside, looked at before it is kept: weak parts, check values, its left half; then
//! wrapped under the storage key for all tokens. Two secrets are compared by a cipher of the moment that
//! gives equal blocks for equal octets, and tells nothing else.

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Mechanism, Object};
use cardwright_ports::custody::CheckValue;
use cardwright_ports::hsm::CheckMethod;
use cardwright_standards::cipher::{AesKey, Block};

use super::super::find::{self, Found};
use super::super::make::{New, Source};
use super::super::rules;
use super::Moment;
use crate::error::{self, Trouble};
use crate::objects::{Flags, Kind, Protection};
use crate::ring::Nature;
use crate::tool::Tool;

/// What a formed key may do until it is wrapped: be looked at, and have its parts taken.
pub(super) const FORMED: (Flags, Protection) =
    (Flags::DERIVE.and(Flags::ENCRYPT), Protection::Wrappable);

/// Looks at a key of the session, made with [`FORMED`], and wraps it for all tokens.
pub(in super::super) fn formed(
    tool: &Tool<'_>,
    moment: &Moment<'_>,
    new: &New,
    main: Object,
    expected: Option<&CheckValue>,
) -> Result<Source, Trouble> {
    let kind = kind_of(new)?;
    let key = of_session(new, kind, main);
    if is_weak(tool, moment, (kind, main))? {
        return Err(rules::COMPONENT.found("a weak key").into());
    }
    if let Some(expected) = expected {
        let found = find::check_value(tool, &key, expected.method)?;
        rules::compare(&new.label, &found, expected)?;
    }
    let values = find::facts(tool, &key)?.check_values;
    let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP);
    let wrapping = tool.wrapping()?;
    let left = match new.has_left() {
        true => {
            let left = moment.twice(main, 0, (Kind::Des2, FORMED))?;
            Some(moment.session.wrap(&mechanism, wrapping, left)?)
        }
        false => None,
    };
    Ok(Source::Formed {
        main: moment.session.wrap(&mechanism, wrapping, main)?,
        left,
        values,
    })
}

/// A key of the session as those of the token are.
fn of_session(new: &New, kind: Kind, main: Object) -> Found {
    Found {
        label: new.label.clone(),
        main,
        nature: Nature::Secret(kind),
        algorithm: new.algorithm,
        usage: new.usage,
        exportability: new.exportability,
        flags: FORMED.0,
    }
}

/// A check value of a key of the session.
pub(super) fn value_of(
    tool: &Tool<'_>,
    new: &New,
    main: Object,
    method: CheckMethod,
) -> Result<Vec<u8>, Trouble> {
    let key = of_session(new, kind_of(new)?, main);
    find::check_value(tool, &key, method)
}

/// The kind of a symmetric key to be.
pub(super) fn kind_of(new: &New) -> Result<Kind, Trouble> {
    let none = || error::KEY_DIFFERS.found("a key pair that is put together");
    Ok(Kind::of_algorithm(new.algorithm.name()).ok_or_else(none)?)
}

/// As the rules of octets in host memory have it, of a key inside.
pub(super) fn is_weak(
    tool: &Tool<'_>,
    moment: &Moment<'_>,
    (kind, key): (Kind, Object),
) -> Result<bool, Trouble> {
    if kind.block() == 16 {
        // All octets the same: 256 keys whose block of zeros is soon compared.
        let shown = tool.block16(key, [0; 16])?;
        let same = |octet: u8| {
            let key = AesKey::new(&vec![octet; kind.octets()]);
            key.is_ok_and(|key| key.encrypt([0; 16]) == shown)
        };
        return Ok((0..=u8::MAX).any(same));
    }
    // Never a block under one part alone, which would be single DES to be searched through.
    let comparing = moment.comparing()?;
    let mechanism = Mechanism::Initial(ck::CKM_AES_CBC, vec![0; 16]);
    let mut parts = Vec::new();
    for first in (0..kind.octets()).step_by(8) {
        let twice = moment.twice(key, first, (Kind::Generic(16), FORMED))?;
        let block = moment.session.wrap(&mechanism, comparing, twice)?;
        parts.push(block);
    }
    let known: Vec<u8> = rules::weak_des_parts().flatten().collect();
    let weak = moment
        .session
        .encrypt(&Mechanism::Plain(ck::CKM_AES_ECB), comparing, &known)?;
    let (weak, _) = weak.as_chunks::<16>();
    let equal = parts.windows(2).any(|pair| match pair {
        [a, b] => a == b,
        _ => false,
    });
    Ok(equal
        || parts
            .iter()
            .any(|part| weak.iter().any(|weak| weak == part.as_slice())))
}
