//! Fast transactions: cryptogram and signature in the answer to GET PROCESSING OPTIONS, or the
//! signature in a record. After public summaries, not compared with a scheme's text; the cryptogram
//! is that of the Common Core.

use super::{Chip, cryptogram, signature};
use crate::apdu::{Answer, sw};
use crate::application::Interface;
use crate::profile::{AIP_DDA, Profile, QUALIFIERS, Reason, record_object};
use crate::tlv::{self, Dol};

/// Card authentication related data.
const RELATED: u32 = 0x9F69;
/// Card transaction qualifiers.
const CARD_QUALIFIERS: u32 = 0x9F6C;
/// Qualifiers, octet 1: EMV mode; signatures also for online transactions.
pub(super) const EMV_MODE: u8 = 0x20;
const SIGN_ONLINE: u8 = 0x01;
/// Qualifiers, octet 2: an online cryptogram is wanted.
const WANTS_ONLINE: u8 = 0x80;
/// Qualifiers, octet 4: the terminal knows fast DDA, version 01.
const FAST_DDA: u8 = 0x80;
/// Longest signature that stands beside AIP and AFL, octets.
const SHORT: usize = 128;

/// What the cryptogram is over (EMV Book 2, 8.1.1), and the signature.
const CRYPTOGRAM: [u32; 8] = [0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37];
const SIGNED: [u32; 3] = [0x9F37, 0x9F02, 0x5F2A];

/// A card that answers fast.
pub(crate) struct Fast {
    /// The card's qualifiers.
    qualifiers: [u8; 2],
    /// Related data as personalized; the card fills in its number and its qualifiers.
    related: Option<Vec<u8>>,
}

/// What goes into the record of the related data.
pub(crate) struct Given {
    related: Vec<u8>,
    signature: Option<Vec<u8>>,
}

impl Fast {
    /// A card whose contactless list asks for the terminal's qualifiers, or nothing.
    pub(crate) fn find(profile: &Profile) -> Result<Option<Self>, Reason> {
        let list = profile.pdol(Interface::Contactless).unwrap_or_default();
        let options = profile.contactless_options();
        let qualifiers = options.and_then(|o| tlv::find(o, CARD_QUALIFIERS));
        // Elsewhere tag 9F66 is a track's bit map: a list never asks for that.
        let (true, Some(qualifiers)) = (list.asks(QUALIFIERS), qualifiers) else {
            return Ok(None);
        };
        let missing = CRYPTOGRAM.into_iter().find(|tag| !list.asks(*tag));
        if let Some(tag) = missing {
            return Err(format!("the PDOL does not ask for {tag:X}"));
        }
        let related = record_object(profile, RELATED).map(<[u8]>::to_vec);
        if let Some(related) = &related
            && !(matches!(related.len(), 7 | 8) && related.first() == Some(&0x01))
        {
            return Err("9F69 is not version 01 of seven or eight octets".into());
        }
        let qualifiers = qualifiers.try_into();
        Ok(Some(Self {
            qualifiers: qualifiers.map_err(|_| "9F6C has not two octets")?,
            related,
        }))
    }
}

impl Given {
    /// The record of the related data with what this transaction gave; other records as they are.
    pub(super) fn put_into(&self, record: Vec<u8>) -> Vec<u8> {
        let Some(objects) = tlv::only(&record, 0x70).and_then(tlv::read_all) else {
            return record;
        };
        if !objects.iter().any(|object| object.tag == RELATED) {
            return record;
        }
        let mut inside = Vec::new();
        for object in objects {
            let value = match object.tag {
                RELATED => &self.related,
                _ => object.value,
            };
            inside.extend(tlv::write(object.tag, value));
        }
        if let Some(signature) = &self.signature {
            inside.extend(tlv::write(0x9F4B, signature));
        }
        tlv::write(0x70, &inside)
    }
}

/// The whole transaction of a fast card, in one answer.
pub(super) fn answer(chip: &mut Chip<'_>, list: &Dol, sent: &[u8]) -> Answer {
    let value = |tag: u32| list.value(sent, tag).unwrap_or_default();
    let [first, second, _, fourth] = *value(QUALIFIERS) else {
        return Err(sw::CONDITIONS);
    };
    if first & EMV_MODE == 0 {
        return Err(sw::CONDITIONS);
    }
    let joined =
        |tags: &[u32]| -> Vec<u8> { tags.iter().flat_map(|t| value(*t).to_vec()).collect() };
    let mut parts = chip.parts()?;
    let asked = match second & WANTS_ONLINE {
        0 => cryptogram::TC,
        _ => cryptogram::ARQC,
    };
    let (kind, made) = cryptogram::single(&mut parts, asked, joined(&CRYPTOGRAM))?;
    let options = parts.payment.options(Interface::Contactless);
    let mut answer = [options.objects.as_slice(), &made].concat();
    let fast = parts.payment.fast.as_ref().ok_or(sw::CONDITIONS)?;
    let online = first & SIGN_ONLINE != 0 || kind == cryptogram::TC;
    let signs = kind != cryptogram::AAC
        && fourth & FAST_DDA != 0
        && online
        && options.aip[0] & AIP_DDA != 0;
    let key = parts.payment.icc_key.as_ref().filter(|_| signs);
    if let (Some(key), Some(template)) = (key, &fast.related) {
        let number: [u8; 8] = parts.entropy.draw();
        let mut related = template.clone();
        let filled = number.iter().take(4).chain(&fast.qualifiers);
        for (place, octet) in related.iter_mut().skip(1).zip(filled) {
            *place = *octet;
        }
        let counter = parts.registers.atc.to_be_bytes();
        let dynamic = [&[2][..], &counter].concat();
        let terminal = [joined(&SIGNED), related.clone()].concat();
        let signed = signature::sign(key, &dynamic, &terminal).ok_or(sw::CONDITIONS)?;
        let mut given = Given {
            related,
            signature: None,
        };
        match key.length <= SHORT {
            true => answer.extend(tlv::write(0x9F4B, &signed)),
            false => given.signature = Some(signed),
        }
        parts.transaction.signed_dynamic_data = true;
        parts.transaction.fast = Some(given);
    }
    Ok(tlv::write(0x77, &answer))
}
