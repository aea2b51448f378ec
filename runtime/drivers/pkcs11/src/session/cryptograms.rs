//! The issuer's side of a transaction, and values by a card's key: cryptograms, answers, dynamic codes
//! and card verification values.

use std::sync::Arc;

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Mechanism, Object};
use cardwright_ports::hsm::{Derivation, IccKeyPath, KeyHandle, KeyUse};
use cardwright_standards::cipher::{AesKey, CipherError, KeyBytes, TdesKey, xor};
use cardwright_standards::cvv;
use cardwright_standards::emv::cryptogram::{self, AcPadding};
use cardwright_standards::emv::keys::{self, KeyError};
use cardwright_standards::mac::{Padding, pad};

use super::cards::Blocks;
use super::{Session, halves, kind_of};
use crate::composition::{Intent, Way};
use crate::error::{self, Refused, Trouble};
use crate::objects::{Flags, Kind, Protection};
use crate::ring::Key;
use crate::together::{Job, job};
use crate::tool::{Tool, as_long, wrong};

/// Longest text of a MAC: far beyond any transaction's data.
const TEXT_OCTETS_MAX: usize = 4_096;

/// The vector of a track, and a dynamic code made from it.
type VectorAndCode = ([u8; 2], [u8; 2]);

impl Session {
    pub(super) fn verification_value(
        &self,
        key: KeyHandle,
        pan: &str,
        expiry: &str,
        service_code: &str,
    ) -> Result<Job<String>, Refused> {
        let key = self.key_for(key, KeyUse::CardVerification)?;
        key.double()?;
        let blocks = cvv::blocks(pan, expiry, service_code);
        let [first, second] = blocks.map_err(|e| error::ARGUMENT.found(e.to_string()))?;
        Ok(job(move |tool| {
            tool.plan.way(Intent::CardVerification, key.flags)?;
            let objects = tool.objects(&key)?;
            let missing = || {
                let what = format!("key {0} has no object {0}#left", key.name);
                error::KEY_MISSING.found(what)
            };
            let left = objects.left.ok_or_else(missing)?;
            let inner = tool.block8(left, first)?;
            let result = tool.block8(objects.main, xor(inner, second))?;
            Ok(cvv::value(result).as_str().to_owned())
        }))
    }

    /// The cryptogram over data under a card's session key, eight octets.
    pub(super) fn session_mac(
        &mut self,
        path: &IccKeyPath<'_>,
        data: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        if data.len() > TEXT_OCTETS_MAX {
            return Err(error::ARGUMENT.found(format!("{} octets to authenticate", data.len())));
        }
        let issuer = self.key_for(path.issuer_master_key, KeyUse::EmvApplicationCryptogram)?;
        let kind = kind_of(path.derivation, &issuer)?;
        let blocks = Blocks::of(path.derivation, path.pan, path.psn, kind)?;
        let r = keys::r_of_atc(path.atc);
        let intent = match blocks {
            Blocks::Tdes(_) => Intent::CryptogramsTdes,
            Blocks::Aes(..) => Intent::CryptogramsAes,
        };
        if self.shared.plan.way(intent, issuer.flags)? == Way::HostMemory {
            let card = self.application_key(path.issuer_master_key, &issuer, &blocks)?;
            return match blocks {
                Blocks::Tdes(_) => host_mac_tdes(&card, r, data),
                Blocks::Aes(..) => host_mac_aes(&card, r, data),
            };
        }
        let data = data.to_vec();
        self.work(move |tool| {
            let from = (kind, tool.objects(&issuer)?.main);
            match blocks {
                Blocks::Tdes(_) => mac_tdes(tool, from, &blocks, r, &data),
                Blocks::Aes(..) => mac_aes(tool, from, &blocks, r, &data),
            }
        })
    }

    /// A card's key in host memory: computed once for the transactions of its applications.
    fn application_key(
        &mut self,
        handle: KeyHandle,
        issuer: &Arc<Key>,
        blocks: &Blocks,
    ) -> Result<Arc<KeyBytes>, Refused> {
        self.shared.check_state()?;
        let card = (handle, blocks.data());
        if let Some(known) = self.memory.application_key(&card) {
            return Ok(known);
        }
        let (issuer, blocks) = (Arc::clone(issuer), *blocks);
        let key = self.work(move |tool| {
            let from = (issuer.kind()?, tool.objects(&issuer)?.main);
            blocks.in_host_memory(tool, from)
        })?;
        let key = Arc::new(key);
        self.memory.keep_application_key(card, &key);
        Ok(key)
    }

    pub(super) fn issuer_answer(
        &mut self,
        path: &IccKeyPath<'_>,
        arqc: &[u8],
        card_status_update: [u8; 4],
    ) -> Result<Vec<u8>, Refused> {
        if arqc.len() != 8 {
            return Err(error::ARGUMENT.found("an ARQC that has not 8 octets"));
        }
        // Method 2 is the cryptogram over ARQC and card status update, cut to 4 octets.
        let mac = self.session_mac(path, &[arqc, &card_status_update].concat())?;
        Ok(mac.into_iter().take(4).collect())
    }

    /// The vector of a track, and the code with a terminal's number.
    pub(super) fn dynamic_code(
        &self,
        path: &IccKeyPath<'_>,
        track: &[u8],
        number: [u8; 4],
    ) -> Result<Job<VectorAndCode>, Refused> {
        let issuer = self.key_for(path.issuer_master_key, KeyUse::EmvDynamicNumbers)?;
        if path.derivation == Derivation::C || track.len() > TEXT_OCTETS_MAX {
            return Err(issuer.unsuitable("a triple DES key of 16 octets"));
        }
        let kind = issuer.double()?;
        let blocks = Blocks::of(path.derivation, path.pan, path.psn, kind)?;
        let (track, atc) = (track.to_vec(), path.atc);
        Ok(job(move |tool| {
            let from = (kind, tool.objects(&issuer)?.main);
            let way = tool.plan.way(Intent::CryptogramsTdes, issuer.flags)?;
            let Blocks::Tdes(halves_of) = blocks else {
                return Err(error::ARGUMENT.found("an AES key").into());
            };
            if way == Way::HostMemory {
                let key = tdes(&blocks.in_host_memory(tool, from)?)?;
                let vector = cryptogram::ivcvc3(&key, &track).map_err(|e| short(&e))?;
                let code = cryptogram::cvc3_from_iv(&key, vector, number, atc);
                return Ok((vector, code.to_be_bytes()));
            }
            let pair = Pair::derive(tool, from, halves_of)?;
            let mac = tool.retail(pair.left, pair.whole, &pad::<8>(&track, Padding::Bit))?;
            let [.., high, low] = mac;
            let [a, b, c, d] = number;
            let [counter_high, counter_low] = atc.to_be_bytes();
            let block = [high, low, a, b, c, d, counter_high, counter_low];
            let [.., code_high, code_low] = tool.block8(pair.whole, block)?;
            pair.destroy(tool)?;
            Ok(([high, low], [code_high, code_low]))
        }))
    }
}

/// A double-length key that was derived inside, and its left half twice.
struct Pair {
    left: Object,
    whole: Object,
}

impl Pair {
    fn derive(
        tool: &Tool<'_>,
        from: (Kind, Object),
        blocks: [[u8; 8]; 2],
    ) -> Result<Self, Trouble> {
        let made = (Kind::Des2, Flags::ENCRYPT, Protection::Inside);
        let (left, whole) = halves(blocks);
        Ok(Self {
            left: tool.derive(from, made, &left)?,
            whole: tool.derive(from, made, &whole)?,
        })
    }

    fn destroy(&self, tool: &Tool<'_>) -> Result<(), Trouble> {
        tool.destroy(&[(Kind::Des2, self.left), (Kind::Des2, self.whole)])
    }
}

/// The cryptogram with a card's key in host memory.
fn host_mac_tdes(card: &KeyBytes, r: [u8; 8], data: &[u8]) -> Result<Vec<u8>, Refused> {
    let card = TdesKey::new_double(card.expose()).map_err(|e| short(&e))?;
    let session = keys::common_session(&card, r).map_err(|e| key_error(&e))?;
    let session = TdesKey::new_double(session.expose()).map_err(|e| short(&e))?;
    let mac = cryptogram::ac(&session, data, AcPadding::Emv);
    Ok(mac.map_err(|e| short(&e))?.to_vec())
}

/// The same of option C.
fn host_mac_aes(card: &KeyBytes, r: [u8; 8], data: &[u8]) -> Result<Vec<u8>, Refused> {
    let card = AesKey::new(card.expose()).map_err(|e| short(&e))?;
    let session = keys::common_session_aes(&card, r).map_err(|e| key_error(&e))?;
    let session = AesKey::new(session.expose()).map_err(|e| short(&e))?;
    Ok(cryptogram::ac_aes(&session, data).to_vec())
}

fn mac_tdes(
    tool: &Tool<'_>,
    from: (Kind, Object),
    blocks: &Blocks,
    r: [u8; 8],
    data: &[u8],
) -> Result<Vec<u8>, Trouble> {
    let made = (Kind::Des2, Flags::DERIVE, Protection::Inside);
    let card = tool.derive(from, made, &blocks.data())?;
    let pair = Pair::derive(tool, (Kind::Des2, card), keys::common_session_blocks(r))?;
    let mac = tool.retail(pair.left, pair.whole, &pad::<8>(data, Padding::Bit))?;
    pair.destroy(tool)?;
    tool.destroy(&[(Kind::Des2, card)])?;
    Ok(mac.to_vec())
}

fn mac_aes(
    tool: &Tool<'_>,
    from: (Kind, Object),
    blocks: &Blocks,
    r: [u8; 8],
    data: &[u8],
) -> Result<Vec<u8>, Trouble> {
    let kind = blocks.kind();
    let made = (kind, Flags::DERIVE, Protection::Inside);
    let card = tool.derive(from, made, &blocks.data())?;
    let session_blocks = Blocks::Aes(keys::common_session_blocks_aes(r, kind.octets()), kind);
    let made = (kind, Flags::SIGN, Protection::Inside);
    let session = tool.derive((kind, card), made, &session_blocks.data())?;
    let mechanism = Mechanism::Plain(ck::CKM_AES_CMAC);
    let mac = as_long(tool.session()?.sign(&mechanism, session, data)?, 16)?;
    tool.destroy(&[(kind, card), (kind, session)])?;
    Ok(mac.iter().take(8).copied().collect())
}

fn tdes(key: &KeyBytes) -> Result<TdesKey, Trouble> {
    Ok(TdesKey::new_double(key.expose()).map_err(|e| short(&e))?)
}

fn short(e: &CipherError) -> Refused {
    wrong(e.to_string())
}

fn key_error(e: &KeyError) -> Refused {
    error::UNSUITABLE.found(e.to_string())
}
