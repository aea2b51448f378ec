//! Values under the token's storage keys, bound to their purpose.
//!
//! Octets are enciphered inside, with a nonce or vector that is a keyed mark of kind, bound data,
//! content and context, so that the same value for the same card gives the same blob on any lane
//! and any token. Where the token takes many blocks in one call, the cipher is AES in counter mode
//! and the tag a keyed mark over the whole blob, both composed of blocks: sealing many values takes
//! five calls, opening many takes one, and two more where this process has not seen one of them before. Keys that were made inside are wrapped inside and never opened
//! here unless the site allows it; such a blob carries a keyed mark over all of it. Keys of cards that were derived
//! inside are not kept: sealed is how they are derived (`recipe.rs`).

mod blocks;
pub(crate) mod numbers;
mod recipe;

pub(crate) use recipe::issuers;

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Mechanism, Object, Session};
use cardwright_ports::hsm::Sealed;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::capability::{Capability, private_rows};
use crate::composition::{Intent, Way};
use crate::draw::{Stream, joined};
use crate::error::{self, Refused, Trouble, of_failure};
use crate::genuine;
use crate::known::RsaParts;
use crate::objects::{self, Flags, Kind, Place, Protection};
use crate::tool::{Tool, wrong};
use numbers::{Apart, Number};

/// Longest clear value.
pub(crate) const CLEAR_OCTETS_MAX: usize = 4_096;
/// Longest sealed value.
const BLOB_OCTETS_MAX: usize = CLEAR_OCTETS_MAX + 64;
/// Octets by AES-GCM.
const GCM: u8 = 0x11;
/// Octets by AES-CBC and a tag.
const CBC: u8 = 0x12;
/// Octets by AES in counter mode and a tag, both of blocks.
const BLOCKS: u8 = 0x13;
/// One number of a wrapped RSA key.
const RSA_PART: u8 = 0x22;
const NONCE_OCTETS: usize = 12;
const TAG_OCTETS: usize = 16;
/// The kind of blobs that a card's data are.
const OCTETS: &str = "octets";

/// The kind of a key that a sealed value names by block and length.
fn kind_of(block: u8, octets: u8) -> Option<Kind> {
    Some(match (block, octets) {
        (8, 16) => Kind::Des2,
        (8, 24) => Kind::Des3,
        (16, 16 | 24 | 32) => Kind::Aes(usize::from(octets)),
        _ => return None,
    })
}

fn refused(kind: &str) -> Refused {
    error::SEALED.found(format!("a sealed {kind} that does not open"))
}

/// Kind and bound data as one text that no other pair gives.
fn associated(kind: &str, bound: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(kind.len() + bound.len() + 2);
    text.push(GCM);
    text.extend_from_slice(kind.as_bytes());
    text.push(0);
    text.extend_from_slice(bound);
    text
}

/// What a tag is over.
fn tag_text(kind: &str, bound: &[u8], blob: &[u8]) -> Zeroizing<Vec<u8>> {
    joined(&[b"tag", kind.as_bytes(), bound, blob])
}

/// What is public about sealed octets and must not change.
fn bound_of(clear_length: u32, check_values: &[u8]) -> Vec<u8> {
    let mut bound = Vec::with_capacity(4 + check_values.len());
    bound.extend_from_slice(&clear_length.to_be_bytes());
    bound.extend_from_slice(check_values);
    bound
}

/// A value to seal. `bound` must be the same at opening; `context` says for which card or draw it is
/// and is not needed again.
#[derive(Clone, Copy)]
pub(crate) struct Value<'v> {
    pub(crate) bound: &'v [u8],
    pub(crate) context: &'v [u8],
    pub(crate) clear: &'v [u8],
}

/// Octets that are on their way to a card, and what is public about them.
pub(crate) struct Parcel {
    pub(crate) clear: Zeroizing<Vec<u8>>,
    pub(crate) check_values: Vec<u8>,
    pub(crate) context: Vec<u8>,
}

/// Puts values at their places.
fn keep<T>(slots: &mut [Option<T>], places: &[usize], values: Vec<T>) {
    for (place, value) in places.iter().zip(values) {
        if let Some(slot) = slots.get_mut(*place) {
            *slot = Some(value);
        }
    }
}

impl Tool<'_> {
    /// Seals a clear value.
    pub(crate) fn seal(
        &self,
        kind: &str,
        (bound, context): (&[u8], &[u8]),
        clear: &[u8],
    ) -> Result<Vec<u8>, Trouble> {
        let value = Value {
            bound,
            context,
            clear,
        };
        let mut blobs = self.seal_all(kind, &[value])?;
        blobs.pop().ok_or_else(|| wrong("no sealed value").into())
    }

    /// Seals values of one kind, which must be the same at opening.
    pub(crate) fn seal_all(
        &self,
        kind: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<Vec<u8>>, Trouble> {
        let longest = values.iter().map(|value| value.clear.len()).max();
        if let Some(length) = longest.filter(|length| *length > CLEAR_OCTETS_MAX) {
            return Err(error::ARGUMENT
                .found(format!("{length} octets to seal"))
                .into());
        }
        let text = |value: &Value<'_>| {
            let Value {
                bound,
                context,
                clear,
            } = value;
            joined(&[b"seal", kind.as_bytes(), bound, context, clear])
        };
        let texts: Vec<Zeroizing<Vec<u8>>> = values.iter().map(text).collect();
        let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_slice()).collect();
        let marks = self.marks(&texts)?;
        let pairs = values.iter().zip(&marks);
        match self.plan.way(Intent::Sealing, Flags::NONE)? {
            Way::Blocks => self.seal_by_blocks(kind, values, &marks),
            Way::CbcAndMac => pairs
                .map(|(value, mark)| self.seal_by_cbc(kind, value.bound, mark, value.clear))
                .collect(),
            _ => pairs
                .map(|(value, mark)| self.seal_by_gcm(kind, value.bound, mark, value.clear))
                .collect(),
        }
    }

    fn seal_by_gcm(
        &self,
        kind: &str,
        bound: &[u8],
        mark: &[u8; 32],
        clear: &[u8],
    ) -> Result<Vec<u8>, Trouble> {
        let nonce = mark.get(..NONCE_OCTETS).unwrap_or_default().to_vec();
        let mechanism = Mechanism::Gcm {
            nonce: nonce.clone(),
            associated: associated(kind, bound),
        };
        let body = self
            .session()?
            .encrypt(&mechanism, self.storage.seal, clear)?;
        if body.len() != clear.len() + TAG_OCTETS {
            return Err(wrong(format!("{} octets of a sealed value", body.len())).into());
        }
        Ok([&[GCM], nonce.as_slice(), &body].concat())
    }

    fn seal_by_cbc(
        &self,
        kind: &str,
        bound: &[u8],
        mark: &[u8; 32],
        clear: &[u8],
    ) -> Result<Vec<u8>, Trouble> {
        let vector = mark.first_chunk::<16>().copied().unwrap_or_default();
        let mut padded = Zeroizing::new(Vec::with_capacity(clear.len() + 16));
        padded.extend_from_slice(clear);
        cardwright_standards::cipher::pad_80(&mut padded, 16);
        let key = (Kind::Aes(32), self.storage.seal);
        let body = self.cbc(key.0, key.1, (&vector, &padded))?;
        let mut blob = [&[CBC], vector.as_slice(), &body].concat();
        self.add_tag(kind, bound, &mut blob)?;
        Ok(blob)
    }

    /// The tag behind a blob, which is known to be whole from now on.
    fn add_tag(&self, kind: &str, bound: &[u8], blob: &mut Vec<u8>) -> Result<(), Trouble> {
        let text = tag_text(kind, bound, blob);
        let tag = self.tag(&text)?;
        self.keep_known(genuine::print(&text, &tag));
        blob.extend_from_slice(&tag);
        Ok(())
    }

    fn tag(&self, text: &[u8]) -> Result<[u8; TAG_OCTETS], Trouble> {
        let mark = self.mark(text)?;
        Ok(mark.first_chunk().copied().unwrap_or_default())
    }

    /// A blob without its tag, when the tag is right.
    fn tagged<'b>(&self, kind: &str, bound: &[u8], blob: &'b [u8]) -> Result<&'b [u8], Trouble> {
        let Some((body, tag)) = blob.split_last_chunk::<TAG_OCTETS>() else {
            return Err(refused(kind).into());
        };
        let text = tag_text(kind, bound, body);
        let print = genuine::print(&text, tag);
        if self.knows(&print) {
            return Ok(body);
        }
        if !bool::from(self.tag(&text)?.ct_eq(tag)) {
            return Err(refused(kind).into());
        }
        self.keep_known(print);
        Ok(body)
    }

    /// Opens a blob of octets of the same kind and bound data.
    pub(crate) fn open(
        &self,
        kind: &str,
        bound: &[u8],
        blob: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        if blob.len() > BLOB_OCTETS_MAX {
            return Err(refused(kind).into());
        }
        match blob.split_first() {
            Some((&BLOCKS, _)) => {
                let (mut clear, _) = self.open_by_blocks(kind, &[(bound, blob)], &[])?;
                clear.pop().ok_or_else(|| refused(kind).into())
            }
            Some((&GCM, rest)) => self.open_gcm(kind, bound, rest),
            Some((&CBC, _)) => {
                let body = self.tagged(kind, bound, blob)?;
                let Some((vector, body)) = body.get(1..).and_then(|b| b.split_first_chunk::<16>())
                else {
                    return Err(refused(kind).into());
                };
                let mechanism = Mechanism::Initial(ck::CKM_AES_CBC, vector.to_vec());
                let session = self.session()?;
                let mut clear = session.decrypt(&mechanism, self.storage.seal, body)?;
                let length = cardwright_standards::cipher::strip_80(&clear)
                    .map_err(|_| refused(kind))?
                    .len();
                clear.truncate(length);
                Ok(clear)
            }
            _ => Err(refused(kind).into()),
        }
    }

    /// Opens a blob, with a stream of a label for what is to fill a block beside it: where the value was sealed by
    /// blocks, the stream's seed is the seal key's cipher over the label's hash, asked for in the same call.
    pub(crate) fn open_with_stream(
        &self,
        kind: &str,
        (bound, blob): (&[u8], &[u8]),
        label: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, Stream), Trouble> {
        if blob.first() != Some(&BLOCKS) || blob.len() > BLOB_OCTETS_MAX {
            let clear = self.open(kind, bound, blob)?;
            let seed = self.mark(label)?;
            return Ok((clear, Stream::new(&seed)));
        }
        let digest = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(label)));
        let (mut clear, seed) = self.open_by_blocks(kind, &[(bound, blob)], digest.as_slice())?;
        let clear = clear.pop().ok_or_else(|| refused(kind))?;
        let seed = seed.first_chunk().map(|seed| Zeroizing::new(*seed));
        let seed = seed.ok_or_else(|| wrong("no seed of a stream"))?;
        Ok((clear, Stream::new(&seed)))
    }

    fn open_gcm(
        &self,
        kind: &str,
        bound: &[u8],
        rest: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let Some((nonce, body)) = rest.split_first_chunk::<NONCE_OCTETS>() else {
            return Err(refused(kind).into());
        };
        if body.len() < TAG_OCTETS {
            return Err(refused(kind).into());
        }
        let mechanism = Mechanism::Gcm {
            nonce: nonce.to_vec(),
            associated: associated(kind, bound),
        };
        let session = self.session()?;
        match session.decrypt(&mechanism, self.storage.seal, body) {
            Ok(clear) if clear.len() + TAG_OCTETS == body.len() => Ok(clear),
            Ok(_) => Err(wrong("an opened value of a wrong length").into()),
            Err(failure) => {
                // Tokens tell a wrong tag in many ways, some as a general failure. It is asked again
                // in a session of its own, since the failed one may hold half an operation; only when
                // this token opens what it seals, but not this value, is it the value that is wrong.
                let code = of_failure(&failure).code;
                if code != error::REFUSED.code && code != error::TOKEN.code {
                    return Err(failure.into());
                }
                let session = session.another()?;
                match session.decrypt(&mechanism, self.storage.seal, body) {
                    Ok(clear) if clear.len() + TAG_OCTETS == body.len() => Ok(clear),
                    Ok(_) => Err(wrong("an opened value of a wrong length").into()),
                    Err(_) if self.opens_what_it_seals(&session) => Err(refused(kind).into()),
                    Err(failure) => Err(failure.into()),
                }
            }
        }
    }

    /// In a session of its own.
    fn opens_what_it_seals(&self, session: &Session) -> bool {
        let mechanism = Mechanism::Gcm {
            nonce: vec![0; NONCE_OCTETS],
            associated: b"cardwright probe".to_vec(),
        };
        let key = self.storage.seal;
        let tried = session.another().and_then(|session| {
            let sealed = session.encrypt(&mechanism, key, b"probe")?;
            session.decrypt(&mechanism, key, &sealed)
        });
        tried.is_ok_and(|clear| clear.as_slice() == b"probe")
    }

    /// Seals octets for a card.
    pub(crate) fn seal_octets(
        &self,
        clear: &[u8],
        check_values: Vec<u8>,
        context: &[u8],
    ) -> Result<Sealed, Trouble> {
        let parcel = Parcel {
            clear: Zeroizing::new(clear.to_vec()),
            check_values,
            context: context.to_vec(),
        };
        let mut sealed = self.seal_parcels(&[parcel])?;
        sealed.pop().ok_or_else(|| wrong("no sealed value").into())
    }

    /// Seals many values for cards.
    pub(crate) fn seal_parcels(&self, parcels: &[Parcel]) -> Result<Vec<Sealed>, Trouble> {
        let bound = |parcel: &Parcel| bound_of(parcel.clear.len() as u32, &parcel.check_values);
        let bounds: Vec<Vec<u8>> = parcels.iter().map(bound).collect();
        let values = parcels.iter().zip(&bounds).map(|(parcel, bound)| Value {
            bound,
            context: &parcel.context,
            clear: &parcel.clear,
        });
        let values: Vec<Value<'_>> = values.collect();
        let blobs = self.seal_all(OCTETS, &values)?;
        let sealed = parcels.iter().zip(blobs).map(|(parcel, blob)| Sealed {
            blob,
            clear_length: parcel.clear.len() as u32,
            check_values: parcel.check_values.clone(),
        });
        Ok(sealed.collect())
    }

    /// Opens many values that were sealed for cards: those by blocks with one question, and numbers
    /// of one RSA key with one unwrapping.
    pub(crate) fn open_all_sealed(
        &self,
        values: &[Sealed],
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, Trouble> {
        let mut opened: Vec<Option<Zeroizing<Vec<u8>>>> = values.iter().map(|_| None).collect();
        let of = |kind: u8| {
            let of_kind = move |(_, sealed): &(usize, &Sealed)| sealed.blob.first() == Some(&kind);
            values.iter().enumerate().filter(of_kind).unzip()
        };
        let (places, parts): (Vec<usize>, Vec<&Sealed>) = of(RSA_PART);
        if !parts.is_empty() {
            self.may_open_keys()?;
            keep(&mut opened, &places, self.open_rsa_parts(&parts)?);
        }
        let (places, blobs): (Vec<usize>, Vec<&Sealed>) = of(BLOCKS);
        if blobs
            .iter()
            .any(|sealed| sealed.blob.len() > BLOB_OCTETS_MAX)
        {
            return Err(refused(OCTETS).into());
        }
        if !blobs.is_empty() {
            let bound = |sealed: &&Sealed| bound_of(sealed.clear_length, &sealed.check_values);
            let bounds: Vec<Vec<u8>> = blobs.iter().map(bound).collect();
            let pairs = bounds.iter().zip(&blobs);
            let pairs = pairs.map(|(bound, sealed)| (bound.as_slice(), sealed.blob.as_slice()));
            let (found, _) = self.open_by_blocks(OCTETS, &pairs.collect::<Vec<_>>(), &[])?;
            keep(&mut opened, &places, found);
        }
        let each = values.iter().zip(opened).map(|(sealed, known)| {
            let clear = match known {
                Some(clear) => clear,
                None => self.open_other(sealed)?,
            };
            match clear.len() == sealed.clear_length as usize {
                true => Ok(clear),
                false => Err(wrong("an opened value of a wrong length").into()),
            }
        });
        each.collect()
    }

    /// Opens what was sealed for a card, keys that were wrapped only where the site allows it.
    pub(crate) fn open_sealed(&self, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let mut opened = self.open_all_sealed(std::slice::from_ref(sealed))?;
        opened.pop().ok_or_else(|| refused(OCTETS).into())
    }

    fn open_other(&self, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        if Self::is_keys(sealed) {
            self.may_open_keys()?;
            return self.open_keys(sealed);
        }
        let bound = bound_of(sealed.clear_length, &sealed.check_values);
        self.open(OCTETS, &bound, &sealed.blob)
    }

    fn may_open_keys(&self) -> Result<(), Refused> {
        if self.plan.host_memory_allowed() {
            return Ok(());
        }
        let what = "a key that was made inside would be opened into host memory";
        Err(error::HOST_MEMORY.found(what))
    }

    pub(crate) fn wrapping(&self) -> Result<Object, Trouble> {
        let missing = || error::KEY_MISSING.found(objects::WRAP_LABEL);
        Ok(self.storage.wrap.ok_or_else(missing)?)
    }

    /// What the driver's own keys make of known texts: the same in tokens that hold the same keys.
    pub(crate) fn storage_mark(&self) -> Result<Vec<u8>, Trouble> {
        let mut mark = self.seal("storage", (b"", b""), b"cardwright")?;
        if let Some(wrapping) = self
            .storage
            .wrap
            .filter(|_| self.plan.can(Capability::KeyWrap))
        {
            let place = (Place::Session, Protection::Wrappable);
            let key =
                objects::import(self.session()?, Kind::Aes(16), Flags::NONE, place, &[7; 16])?;
            let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP);
            mark.extend(self.session()?.wrap(&mechanism, wrapping, key)?);
            self.session()?.destroy(key)?;
        }
        Ok(mark)
    }

    /// Whether a sealed value is keys that stay inside, by their recipe.
    pub(crate) fn is_keys(sealed: &Sealed) -> bool {
        sealed.blob.first() == Some(&recipe::RECIPE)
    }

    fn open_keys(&self, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let keys = self.keys_inside(sealed, Flags::NONE, Protection::Readable)?;
        let mut clear = Zeroizing::new(Vec::with_capacity(sealed.clear_length as usize));
        for (kind, key) in &keys {
            clear.extend_from_slice(&objects::value(self.session()?, *key, kind.octets())?);
        }
        self.destroy(&keys)?;
        Ok(clear)
    }

    /// Wraps an RSA key that was made inside; gives its five numbers as sealed values, in the
    /// order of DGIs 8201 to 8205.
    pub(crate) fn seal_rsa(&self, key: Object, octets: u32) -> Result<[Sealed; 5], Trouble> {
        let wrapping = self.wrapping()?;
        let mechanism = self.plan.key_wrap_pad();
        let wrapped = self.session()?.wrap(&mechanism, wrapping, key)?;
        let blobs =
            [0, 1, 2, 3, 4].map(|number| [&[RSA_PART, number], wrapped.as_slice()].concat());
        let bound = bound_of(octets, &[]);
        let texts = blobs.each_ref().map(|blob| tag_text(OCTETS, &bound, blob));
        let tags = self.marks(&texts.each_ref().map(|text| text.as_slice()))?;
        let mut sealed = blobs
            .into_iter()
            .zip(texts)
            .zip(&tags)
            .map(|((blob, text), tag)| {
                let tag = tag.get(..TAG_OCTETS).unwrap_or_default();
                self.keep_known(genuine::print(&text, tag));
                Sealed {
                    blob: [blob.as_slice(), tag].concat(),
                    clear_length: octets,
                    check_values: Vec::new(),
                }
            });
        let lacking = || wrong("too few numbers of an RSA key");
        let mut next = || sealed.next().ok_or_else(lacking);
        Ok([next()?, next()?, next()?, next()?, next()?])
    }

    /// Whether a sealed value is a number of an RSA key that was made inside.
    pub(crate) fn is_rsa_part(sealed: &Sealed) -> bool {
        sealed.blob.first() == Some(&RSA_PART)
    }

    /// Which number it is, and the wrapped key; the mark is right.
    fn rsa_part(&self, sealed: &Sealed) -> Result<(u8, Vec<u8>), Trouble> {
        let bound = bound_of(sealed.clear_length, &sealed.check_values);
        let body = self.tagged(OCTETS, &bound, &sealed.blob)?;
        match body.split_first_chunk::<2>() {
            Some(([_, number], wrapped)) => Ok((*number, wrapped.to_vec())),
            None => Err(refused(OCTETS).into()),
        }
    }

    /// A number of an RSA key as an object of the session, with public octets behind it; the key is taken apart
    /// once for its numbers that stand one after another.
    pub(crate) fn rsa_number(
        &self,
        sealed: &Sealed,
        tail: &[u8],
        last: &mut Option<(Vec<u8>, Apart)>,
    ) -> Result<Object, Trouble> {
        let session = self.session()?;
        let (number, wrapped) = self.rsa_part(sealed)?;
        let number = match number {
            0 => Number::QInverse,
            1 => Number::DQ,
            2 => Number::DP,
            3 => Number::Q,
            _ => Number::P,
        };
        let mut apart = match last.take() {
            Some((of, apart)) if of == wrapped => apart,
            other => {
                if let Some((_, apart)) = other {
                    apart.end(session)?;
                }
                self.rsa_apart(&wrapped)?
            }
        };
        let object = apart.number(session, number, tail)?;
        *last = Some((wrapped, apart));
        Ok(object)
    }

    fn rsa_apart(&self, wrapped: &[u8]) -> Result<Apart, Trouble> {
        let rows = private_rows(Place::Session, Protection::Wrappable);
        let mechanism = self.plan.key_wrap_pad();
        let session = self.session()?;
        let key = session.unwrap(&mechanism, self.wrapping()?, wrapped, &rows)?;
        let apart = Apart::of(session, key)?;
        session.destroy(key)?;
        Ok(
            apart
                .ok_or_else(|| wrong("an RSA key in an encoding that was not met at the start"))?,
        )
    }

    /// Opens numbers of wrapped RSA keys. A key is unwrapped once for all its numbers that stand one
    /// after another.
    fn open_rsa_parts(&self, values: &[&Sealed]) -> Result<Vec<Zeroizing<Vec<u8>>>, Trouble> {
        let bodies = values.iter().map(|sealed| self.rsa_part(sealed));
        let bodies: Vec<(u8, Vec<u8>)> = bodies.collect::<Result<_, _>>()?;
        let mut opened: Option<(&[u8], RsaParts)> = None;
        let mut clear = Vec::with_capacity(values.len());
        for (number, wrapped) in &bodies {
            let parts = match opened.take() {
                Some((of, parts)) if of == wrapped.as_slice() => parts,
                _ => self.unwrap_rsa(wrapped)?,
            };
            clear.push(match number {
                0 => parts.q_inverse.clone(),
                1 => parts.d_q.clone(),
                2 => parts.d_p.clone(),
                3 => parts.q.clone(),
                _ => parts.p.clone(),
            });
            opened = Some((wrapped, parts));
        }
        Ok(clear)
    }

    fn unwrap_rsa(&self, wrapped: &[u8]) -> Result<RsaParts, Trouble> {
        let rows = private_rows(Place::Session, Protection::Readable);
        let mechanism = self.plan.key_wrap_pad();
        let session = self.session()?;
        let key = session.unwrap(&mechanism, self.wrapping()?, wrapped, &rows)?;
        let kinds = [
            (ck::CKA_PRIME_1, 256),
            (ck::CKA_PRIME_2, 256),
            (ck::CKA_PUBLIC_EXPONENT, 8),
        ];
        let found = session.all_attributes(key, &kinds)?;
        session.destroy(key)?;
        let lacking = || wrong("an unwrapped RSA key without its primes");
        let mut found = found.into_iter().map(|value| value.ok_or_else(lacking));
        let mut next = || found.next().unwrap_or_else(|| Err(lacking()));
        let (first, second, exponent) = (next()?, next()?, next()?);
        let exponent = exponent
            .iter()
            .fold(0u32, |value, octet| value << 8 | u32::from(*octet));
        // Made anew from the primes: tokens keep them in either order, cards want the larger first.
        Ok(RsaParts::from_primes(&first, &second, exponent).ok_or_else(lacking)?)
    }
}
