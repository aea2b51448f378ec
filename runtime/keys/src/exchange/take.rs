//! Taking a key in: whole, with its check value compared, or not at all.

use super::codes::NOT_ALLOWED;
use super::{Carrier, exceptions, header, is_old, kind, refusal, usable};
use crate::inventory::{Inventory, KeyEntry, NewEntry, Origin, People, label};
use crate::{Clerk, KeysError, Ledger};
use cardwright_ports::custody::{KeyCustody, PublicKey, Wrapping};
use cardwright_standards::key_policy::{self, Day, Form};

/// What came, and what it is said to be.
#[derive(Clone, Debug)]
pub struct Taking<'a> {
    /// Key block (text) or octets.
    pub wrapped: &'a [u8],
    /// Form; of a key block the version is read from the block.
    pub form: Form,
    /// Under what.
    pub carrier: Carrier<'a>,
    /// The key as the inventory will have it; origin and version are filled in.
    pub key: NewEntry,
    /// Who sent it.
    pub from: &'a str,
    /// Whether optional blocks that no table knows are accepted.
    pub unknown_blocks: bool,
    /// Name of an exception.
    pub exception: Option<&'a str>,
    /// Today.
    pub today: Day,
}

/// Takes a key in. When anything does not agree, neither HSM nor inventory keeps a trace of it but
/// the audit entries of the attempt.
pub fn take(
    store: &dyn Ledger,
    custody: &mut dyn KeyCustody,
    taking: &Taking<'_>,
    people: &People<'_>,
) -> Result<KeyEntry, KeysError> {
    let inventory = Inventory::read(store)?;
    let under = taking.carrier.under();
    let wrapping = inventory.settled(under)?;
    usable(wrapping, people.at, false)?;
    let (form, text) = match taking.form {
        Form::KeyBlock(_) => {
            let (text, attributes) = header::read(taking.wrapped)?;
            header::acceptable(&attributes, taking.unknown_blocks)?;
            (header::form(attributes.version), text)
        }
        other => (other, String::new()),
    };
    let found = taking
        .exception
        .map(|id| exceptions::find(store, id, taking.from))
        .transpose()?;
    let exception = match &found {
        Some((row, people)) => Some(row.checked(people)?),
        None => None,
    };
    if is_old(form) && exception.is_none() {
        return Err(refusal(key_policy::Refusal::NeedsException(form.name())));
    }
    let kinds = (kind(wrapping.key_algorithm()?), kind(taking.key.algorithm));
    key_policy::may_wrap(kinds.0, kinds.1, form, exception.as_ref(), taking.today)
        .map_err(refusal)?;
    let how = wrapping_of(taking, form, &text)?;
    let mut key = taking.key.clone();
    let version = key.version.unwrap_or(inventory.next_version(&key.name));
    key.version = Some(version);
    key.origin = Origin::Imported {
        from: taking.from.to_owned(),
        under: under.to_owned(),
        form: form.name().to_owned(),
    };
    let group = format!("import {}", label(&key.name, version));
    let made = Clerk::new(store, custody).make(
        std::slice::from_ref(&key),
        (&group, "import"),
        people,
        &mut |custody, new, expected| custody.unwrap(taking.wrapped, under, &how, new, expected),
    )?;
    let none = || NOT_ALLOWED.found("the key is not in the inventory");
    made.into_iter().next().ok_or_else(none)
}

fn wrapping_of<'w>(
    taking: &Taking<'w>,
    form: Form,
    text: &'w str,
) -> Result<Wrapping<'w>, KeysError> {
    Ok(match (form, taking.carrier) {
        (Form::KeyBlock(_), Carrier::Under(_)) => Wrapping::KeyBlock { header: text },
        (Form::AesKeyWrap, Carrier::Under(_)) => Wrapping::AesKeyWrap { padded: false },
        (Form::AesKeyWrapPadded, Carrier::Under(_)) => Wrapping::AesKeyWrap { padded: true },
        (Form::LegacyEcb, Carrier::Under(_)) => Wrapping::LegacyEcb,
        (Form::LegacyCbc, Carrier::Under(_)) => Wrapping::LegacyCbc,
        (Form::RsaOaep, Carrier::Oaep { hash, .. }) => Wrapping::RsaOaep {
            receiver: (&[], 0),
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
        _ => return Err(NOT_ALLOWED.found(format!("{} comes another way", form.name()))),
    })
}
