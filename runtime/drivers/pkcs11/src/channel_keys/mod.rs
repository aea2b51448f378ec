//! Keys of a secure channel inside a token: how a card's keys and its session keys are derived there, and
//! what they do. All are session objects that say that they are sensitive and never leave.
//!
//! SCP02: a session key is its derivation data enciphered by triple DES in CBC mode, which is a derivation
//! of PKCS#11. Its left half, which retail MACs need alone, is the first ciphertext: the same data's first
//! block twice in ECB mode gives it twice, which is single DES.
//!
//! SCP03: a session key is CMAC over two blocks, E(E(head) + context + subkey), which no mechanism of
//! PKCS#11 2.40 makes. E(head) and E(0), of which the subkey is made, are asked of the token; the last
//! encipherment is a derivation, so that what comes out of it stays inside. What is seen here on the way
//! (docs/decisions/0021) is what whoever may encipher with the card's key could ask for.

pub(crate) mod inside;
pub(crate) mod probes;

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Mechanism, Object, Outcome, Session};
use cardwright_standards::cipher::xor;
use cardwright_standards::globalplatform::diversify::{self, kdf3_block, tdes_blocks};
use cardwright_standards::globalplatform::{scp02, scp03};
use cardwright_standards::mac::{Padding, cmac_subkeys, pad};
use zeroize::Zeroizing;

use crate::objects::{self, Flags, Kind, Protection};

/// A triple DES key and its left half twice.
#[derive(Clone, Copy, Debug)]
struct Halves {
    whole: Object,
    left: Object,
}

/// SCP02's session keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TdesKeys {
    enc: Object,
    mac: Halves,
    rmac: Option<Halves>,
}

/// SCP03's session keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AesKeys {
    enc: Object,
    mac: Object,
    rmac: Option<Object>,
}

/// What a derived key may do, and whether it may leave wrapped.
pub(crate) type Sort = (Flags, Protection);

/// What stays inside.
pub(crate) const fn inside(flags: Flags) -> Sort {
    (flags, Protection::Inside)
}

/// Objects that a derivation left in its session, for who cleans up.
pub(crate) type Made = Vec<Object>;

fn derived(
    session: &Session,
    mechanism: Mechanism,
    base: Object,
    (kind, (flags, protection)): (Kind, Sort),
    made: &mut Made,
) -> Outcome<Object> {
    let rows = objects::made(kind, flags, protection, true);
    let object = session.derive(&mechanism, base, &rows)?;
    made.push(object);
    Ok(object)
}

/// Encrypts, whole blocks.
fn ecb(session: &Session, kind: Kind, key: Object, blocks: &[u8]) -> Outcome<Zeroizing<Vec<u8>>> {
    let mechanism = match kind.block() {
        16 => ck::CKM_AES_ECB,
        _ => ck::CKM_DES3_ECB,
    };
    let found = session.encrypt(&Mechanism::Plain(mechanism), key, blocks)?;
    Ok(Zeroizing::new(found))
}

/// What is wrong about an answer of another length than it must have.
fn short(function: &'static str) -> cardwright_pkcs11_raw::Failure {
    cardwright_pkcs11_raw::Failure {
        function,
        value: cardwright_pkcs11_raw::Value::Nonsense("an answer of a wrong length"),
    }
}

/// The data whose encipherments are a card's key `number` of a triple DES master key; `None` where the
/// method is not one of triple DES.
fn tdes_data(
    method: diversify::Diversification,
    kdd: &[u8; 10],
    number: u8,
) -> Option<Zeroizing<Vec<u8>>> {
    let halves = tdes_blocks(method, kdd, number)?;
    Some(Zeroizing::new(halves.as_flattened().to_vec()))
}

/// A card's key out of a triple DES master key.
pub(crate) fn tdes_card_key(
    session: &Session,
    master: Object,
    of: (diversify::Diversification, &[u8; 10], u8),
    sort: Sort,
    made: &mut Made,
) -> Outcome<Option<Object>> {
    tdes_card_object(session, master, of, (Kind::Des2, sort), made)
}

/// The same as octets of no cipher, to be wrapped: some tokens give a triple DES key odd parity, which its
/// receiver need not expect.
pub(crate) fn tdes_card_octets(
    session: &Session,
    master: Object,
    of: (diversify::Diversification, &[u8; 10], u8),
    made: &mut Made,
) -> Outcome<Option<Object>> {
    let sort = (Flags::NONE, Protection::Wrappable);
    tdes_card_object(session, master, of, (Kind::Generic(16), sort), made)
}

fn tdes_card_object(
    session: &Session,
    master: Object,
    (method, kdd, number): (diversify::Diversification, &[u8; 10], u8),
    wanted: (Kind, Sort),
    made: &mut Made,
) -> Outcome<Option<Object>> {
    let Some(data) = tdes_data(method, kdd, number) else {
        return Ok(None);
    };
    let mechanism = Mechanism::Data(ck::CKM_DES3_ECB_ENCRYPT_DATA, data.to_vec());
    derived(session, mechanism, master, wanted, made).map(Some)
}

/// A subkey of CMAC of an AES key that enciphers (SP 800-38B, 6.1).
fn subkey(zeros: &[u8]) -> Option<Zeroizing<[u8; 16]>> {
    let [whole, _] = cmac_subkeys(*zeros.first_chunk()?);
    Some(Zeroizing::new(whole))
}

/// A card's key out of an AES master key by CMAC over one block.
pub(crate) fn aes_card_key(
    session: &Session,
    (kind, master): (Kind, Object),
    (kdd, number): (&[u8; 10], u8),
    sort: Sort,
    made: &mut Made,
) -> Outcome<Object> {
    let zeros = ecb(session, kind, master, &[0; 16])?;
    let subkey = subkey(&zeros).ok_or_else(|| short("C_Encrypt"))?;
    let parts = 1..=kind.octets().div_ceil(16) as u8;
    let blocks = parts.flat_map(|counter| xor(kdf3_block(kdd, number, counter), *subkey));
    let data = Zeroizing::new(blocks.collect::<Vec<u8>>());
    let mechanism = Mechanism::Data(ck::CKM_AES_ECB_ENCRYPT_DATA, data.to_vec());
    derived(session, mechanism, master, (kind, sort), made)
}

/// A session key of SCP02 from a card's key.
fn tdes_session_key(
    session: &Session,
    card: Object,
    data: &[u8; 16],
    flags: Flags,
    made: &mut Made,
) -> Outcome<Object> {
    let mechanism = Mechanism::TdesCbcData(data.to_vec());
    derived(session, mechanism, card, (Kind::Des2, inside(flags)), made)
}

fn tdes_halves(
    session: &Session,
    card: Object,
    data: &[u8; 16],
    made: &mut Made,
) -> Outcome<Halves> {
    let whole = tdes_session_key(session, card, data, Flags::ENCRYPT, made)?;
    let [first, _] = halves_of(data);
    let twice = [first, first].concat();
    let mechanism = Mechanism::Data(ck::CKM_DES3_ECB_ENCRYPT_DATA, twice);
    let left = derived(
        session,
        mechanism,
        card,
        (Kind::Des2, inside(Flags::ENCRYPT)),
        made,
    )?;
    Ok(Halves { whole, left })
}

fn halves_of(data: &[u8; 16]) -> [[u8; 8]; 2] {
    let (halves, _) = data.as_chunks::<8>();
    match halves {
        [first, second] => [*first, *second],
        _ => [[0; 8]; 2],
    }
}

impl TdesKeys {
    /// From a card's keys ENC and MAC.
    pub(crate) fn derive(
        session: &Session,
        [enc, mac]: [Object; 2],
        sequence: [u8; 2],
        responses: bool,
        made: &mut Made,
    ) -> Outcome<Self> {
        let [enc_data, mac_data, rmac_data, _] = scp02::derivation_data(sequence);
        Ok(Self {
            enc: tdes_session_key(session, enc, &enc_data, Flags::ENCRYPT, made)?,
            mac: tdes_halves(session, mac, &mac_data, made)?,
            rmac: match responses {
                true => Some(tdes_halves(session, mac, &rmac_data, made)?),
                false => None,
            },
        })
    }

    /// CBC by ENC from a vector of zeros.
    pub(crate) fn encipher(&self, session: &Session, data: &[u8]) -> Outcome<Vec<u8>> {
        let mechanism = Mechanism::Initial(ck::CKM_DES3_CBC, vec![0; 8]);
        let found = session.encrypt(&mechanism, self.enc, data)?;
        match found.len() == data.len() {
            true => Ok(found),
            false => Err(short("C_Encrypt")),
        }
    }

    /// A retail MAC: single DES through all blocks but the last, which the whole key finishes.
    pub(crate) fn mac(
        &self,
        session: &Session,
        key: scp02::MacKey,
        initial: [u8; 8],
        text: &[u8],
    ) -> Outcome<[u8; 8]> {
        let keys = match key {
            scp02::MacKey::Command => Some(self.mac),
            scp02::MacKey::Response => self.rmac,
        };
        let keys = keys.ok_or_else(|| short("C_DeriveKey"))?;
        let padded = Zeroizing::new(pad::<8>(text, Padding::Bit));
        let (blocks, _) = padded.as_chunks::<8>();
        let Some((last, before)) = blocks.split_last() else {
            return Err(short("C_Encrypt"));
        };
        let mut chain = initial;
        if !before.is_empty() {
            let mechanism = Mechanism::Initial(ck::CKM_DES3_CBC, initial.to_vec());
            let found = session.encrypt(&mechanism, keys.left, before.as_flattened())?;
            chain = *found.last_chunk().ok_or_else(|| short("C_Encrypt"))?;
        }
        one_block8(session, keys.whole, xor(chain, *last))
    }

    /// One block by single DES with the left half of MAC.
    pub(crate) fn vector(&self, session: &Session, block: [u8; 8]) -> Outcome<[u8; 8]> {
        one_block8(session, self.mac.left, block)
    }
}

fn one_block8(session: &Session, key: Object, block: [u8; 8]) -> Outcome<[u8; 8]> {
    let found = ecb(session, Kind::Des2, key, &block)?;
    found.as_slice().try_into().map_err(|_| short("C_Encrypt"))
}

/// SCP02's key for sensitive data from a card's DEK.
pub(crate) fn tdes_dek(
    session: &Session,
    card: Object,
    sequence: [u8; 2],
    flags: Flags,
    made: &mut Made,
) -> Outcome<Object> {
    let [.., data] = scp02::derivation_data(sequence);
    tdes_session_key(session, card, &data, flags, made)
}

impl AesKeys {
    /// From a card's keys ENC and MAC, which may be one, and both challenges.
    pub(crate) fn derive(
        session: &Session,
        (kind, [enc, mac]): (Kind, [Object; 2]),
        context: [u8; 16],
        (responses, deciphers): (bool, bool),
        made: &mut Made,
    ) -> Outcome<Self> {
        let heads = scp03::derivation_heads(kind.octets());
        let each = kind.octets().div_ceil(16);
        let of = |number: usize| heads.iter().skip(number * each).take(each).copied();
        let ways = match deciphers {
            true => Flags::ENCRYPT.and(Flags::DECRYPT),
            false => Flags::ENCRYPT,
        };
        let mut macs = vec![(of(1).collect::<Vec<_>>(), Flags::SIGN)];
        if responses {
            macs.push((of(2).collect(), Flags::SIGN));
        }
        let encs = vec![(of(0).collect::<Vec<_>>(), ways)];
        let mut found = match enc == mac {
            true => cmacs(session, (kind, enc), context, &[encs, macs].concat(), made)?,
            false => {
                let mut found = cmacs(session, (kind, enc), context, &encs, made)?;
                found.extend(cmacs(session, (kind, mac), context, &macs, made)?);
                found
            }
        }
        .into_iter();
        let mut next = || found.next().ok_or_else(|| short("C_DeriveKey"));
        Ok(Self {
            enc: next()?,
            mac: next()?,
            rmac: found.next(),
        })
    }

    /// CMAC over a text.
    pub(crate) fn cmac(
        &self,
        session: &Session,
        key: scp03::MacKey,
        text: &[u8],
    ) -> Outcome<[u8; 16]> {
        let key = match key {
            scp03::MacKey::Command => Some(self.mac),
            scp03::MacKey::Response => self.rmac,
        };
        let key = key.ok_or_else(|| short("C_DeriveKey"))?;
        let found = session.sign(&Mechanism::Plain(ck::CKM_AES_CMAC), key, text)?;
        found.as_slice().try_into().map_err(|_| short("C_Sign"))
    }

    /// CBC by ENC with the enciphered counter as vector: what CBC from zeros makes of the counter and the
    /// text behind it.
    pub(crate) fn encipher(
        &self,
        session: &Session,
        counter: [u8; 16],
        data: &[u8],
    ) -> Outcome<Vec<u8>> {
        // Room for all at once: growing would leave copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(16 + data.len()));
        text.extend_from_slice(&counter);
        text.extend_from_slice(data);
        let mechanism = Mechanism::Initial(ck::CKM_AES_CBC, vec![0; 16]);
        let found = session.encrypt(&mechanism, self.enc, &text)?;
        match found.split_first_chunk::<16>() {
            Some((_, rest)) if rest.len() == data.len() => Ok(rest.to_vec()),
            _ => Err(short("C_Encrypt")),
        }
    }

    /// The way back.
    pub(crate) fn decipher(
        &self,
        session: &Session,
        counter: [u8; 16],
        data: &[u8],
    ) -> Outcome<Zeroizing<Vec<u8>>> {
        let vector = ecb(session, Kind::Aes(16), self.enc, &counter)?;
        let mechanism = Mechanism::Initial(ck::CKM_AES_CBC, vector.to_vec());
        let found = session.decrypt(&mechanism, self.enc, data)?;
        match found.len() == data.len() {
            true => Ok(found),
            false => Err(short("C_Decrypt")),
        }
    }
}

/// Keys that are CMACs by a card's key over heads and a context of one block each.
fn cmacs(
    session: &Session,
    (kind, card): (Kind, Object),
    context: [u8; 16],
    wanted: &[(Vec<[u8; 16]>, Flags)],
    made: &mut Made,
) -> Outcome<Vec<Object>> {
    let mut asked = vec![[0; 16]];
    asked.extend(wanted.iter().flat_map(|(heads, _)| heads));
    let found = ecb(session, kind, card, asked.as_flattened())?;
    let (found, _) = found.as_chunks::<16>();
    let Some((zeros, mut chain)) = found.split_first() else {
        return Err(short("C_Encrypt"));
    };
    let subkey = subkey(zeros).ok_or_else(|| short("C_Encrypt"))?;
    let last = Zeroizing::new(xor(context, *subkey));
    let mut keys = Vec::with_capacity(wanted.len());
    for (heads, flags) in wanted {
        let (own, rest) = chain
            .split_at_checked(heads.len())
            .ok_or_else(|| short("C_Encrypt"))?;
        chain = rest;
        let data: Zeroizing<Vec<u8>> =
            Zeroizing::new(own.iter().flat_map(|block| xor(*block, *last)).collect());
        let mechanism = Mechanism::Data(ck::CKM_AES_ECB_ENCRYPT_DATA, data.to_vec());
        keys.push(derived(
            session,
            mechanism,
            card,
            (kind, inside(*flags)),
            made,
        )?);
    }
    Ok(keys)
}
