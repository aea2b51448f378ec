//! Giving a key out.

use super::codes::NOT_ALLOWED;
use super::header::{Wish, export_letter, text};
use super::{Carrier, exceptions, is_old, kind, public_kind, refusal, usable};
use crate::inventory::{CheckText, Inventory, KeyEntry, Origin, People};
use crate::{KeysError, Ledger};
use cardwright_ports::custody::{KeyCustody, PublicKey, Wrapping};
use cardwright_standards::key_policy::{self, Day, Form, Held, KeyKind};
use cardwright_standards::keyblock::Attributes;

/// What is to be given out, and how.
#[derive(Clone, Copy, Debug)]
pub struct Giving<'a> {
    /// Label of the key.
    pub label: &'a str,
    /// Form.
    pub form: Form,
    /// Under what.
    pub carrier: Carrier<'a>,
    /// To whom.
    pub to: &'a str,
    /// Mode of use in a block's header.
    pub mode: Option<char>,
    /// Exportability in a block's header; the key's own when none.
    pub exportability: Option<char>,
    /// Optional blocks: identifier and data; `KC` and `KP` need no data.
    pub blocks: &'a [(String, String)],
    /// Name of an exception.
    pub exception: Option<&'a str>,
    /// Today.
    pub today: Day,
}

/// A key that has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Key block (text) or octets.
    pub wrapped: Vec<u8>,
    /// Check values, for the receiver.
    pub check_values: Vec<CheckText>,
    /// Check values of the wrapping key.
    pub under_check_values: Vec<CheckText>,
}

/// Gives a key out. That it leaves is durable before this returns it.
pub fn give(
    store: &dyn Ledger,
    custody: &mut dyn KeyCustody,
    giving: &Giving<'_>,
    people: &People<'_>,
) -> Result<Given, KeysError> {
    let inventory = Inventory::read(store)?;
    let entry = inventory.settled(giving.label)?;
    let under = giving.carrier.under();
    let wrapping_entry = match under.is_empty() {
        true => None,
        false => Some(inventory.settled(under)?),
    };
    if let Some(wrapping) = wrapping_entry {
        usable(wrapping, people.at, true)?;
    }
    let header = allowed(store, giving, entry, wrapping_entry)?;
    let (_, noted) =
        inventory.exported(giving.label, (giving.to, under, giving.form.name()), people)?;
    let how = wrapping(giving, header.as_deref())?;
    // Key pairs of ours are named to the HSM for ECDH only; a receiver's public key needs none.
    let named = match giving.carrier {
        Carrier::Oaep { .. } => "",
        _ => under,
    };
    let wrapped = custody.wrap(giving.label, named, &how)?;
    store.keep(&noted.into_batch(people.at))?;
    Ok(Given {
        wrapped,
        check_values: entry.check_values.clone(),
        under_check_values: wrapping_entry.map_or_else(Vec::new, |e| e.check_values.clone()),
    })
}

/// Policy's word; the header for a key block.
pub(super) fn allowed(
    store: &dyn Ledger,
    giving: &Giving<'_>,
    entry: &KeyEntry,
    wrapping: Option<&KeyEntry>,
) -> Result<Option<String>, KeysError> {
    let found = giving
        .exception
        .map(|id| exceptions::find(store, id, giving.to))
        .transpose()?;
    let exception = match &found {
        Some((row, people)) => Some(row.checked(people)?),
        None => None,
    };
    if is_old(giving.form) && exception.is_none() {
        return Err(refusal(key_policy::Refusal::NeedsException(
            giving.form.name(),
        )));
    }
    let wrapping = wrapping_kind(giving, wrapping)?;
    let algorithm = entry.key_algorithm()?;
    let exception = exception.as_ref();
    key_policy::may_wrap(
        wrapping,
        kind(algorithm),
        giving.form,
        exception,
        giving.today,
    )
    .map_err(refusal)?;
    let held = Wish {
        version: 'D',
        usage: entry.key_use()?,
        algorithm,
        mode: Some('N'),
        exportability: export_letter(entry.key_exportability()?),
        blocks: &[],
    };
    let held = held.attributes()?;
    let header = leaving(giving, entry)?;
    let held = Held {
        came_in: match &entry.origin {
            Origin::Imported { form, .. } => Form::of(form),
            _ => None,
        },
        attributes: &held,
    };
    key_policy::may_leave(&held, giving.form, header.as_ref(), exception, giving.today)
        .map_err(refusal)?;
    Ok(header.as_ref().map(text))
}

/// What the key would be under.
fn wrapping_kind(giving: &Giving<'_>, wrapping: Option<&KeyEntry>) -> Result<KeyKind, KeysError> {
    match (giving.carrier, wrapping) {
        (Carrier::Oaep { receiver, .. }, _) => {
            let none = || NOT_ALLOWED.found("no receiver's public key");
            Ok(public_kind(receiver.ok_or_else(none)?))
        }
        (Carrier::Ecdh { peer, .. }, _) => Ok(public_kind(peer)),
        (Carrier::Under(_), Some(entry)) => Ok(kind(entry.key_algorithm()?)),
        (Carrier::Under(_), None) => Err(NOT_ALLOWED.found("no wrapping key")),
    }
}

/// The header that the key would leave with.
fn leaving(giving: &Giving<'_>, entry: &KeyEntry) -> Result<Option<Attributes>, KeysError> {
    let version = match giving.form {
        Form::KeyBlock(version) => version.letter(),
        // A key token carries the header alone.
        Form::Tr34 => 'D',
        _ => return Ok(None),
    };
    let own = export_letter(entry.key_exportability()?);
    let wish = Wish {
        version,
        usage: entry.key_use()?,
        algorithm: entry.key_algorithm()?,
        mode: giving.mode,
        exportability: giving.exportability.unwrap_or(own),
        blocks: giving.blocks,
    };
    wish.attributes().map(Some)
}

fn wrapping<'w>(giving: &Giving<'w>, header: Option<&'w str>) -> Result<Wrapping<'w>, KeysError> {
    let misfit = || NOT_ALLOWED.found(format!("{} goes another way", giving.form.name()));
    Ok(match (giving.form, giving.carrier) {
        (Form::KeyBlock(_), Carrier::Under(_)) => Wrapping::KeyBlock {
            header: header.ok_or_else(misfit)?,
        },
        (Form::AesKeyWrap, Carrier::Under(_)) => Wrapping::AesKeyWrap { padded: false },
        (Form::AesKeyWrapPadded, Carrier::Under(_)) => Wrapping::AesKeyWrap { padded: true },
        (Form::LegacyEcb, Carrier::Under(_)) => Wrapping::LegacyEcb,
        (Form::LegacyCbc, Carrier::Under(_)) => Wrapping::LegacyCbc,
        (
            Form::RsaOaep,
            Carrier::Oaep {
                receiver: Some(PublicKey::Rsa { modulus, exponent }),
                hash,
                ..
            },
        ) => Wrapping::RsaOaep {
            receiver: (modulus, *exponent),
            hash,
        },
        (
            Form::EcdhKeyWrap,
            Carrier::Ecdh {
                peer: PublicKey::P256(point),
                info,
                ..
            },
        ) => Wrapping::Ecdh { peer: point, info },
        _ => return Err(misfit()),
    })
}
