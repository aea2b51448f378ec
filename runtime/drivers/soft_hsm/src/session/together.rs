//! Calls of many cards at once: what they have triple DES to do goes through the cipher side by
//! side, each block under its own key. Each answer is what the call by itself would give.

use std::collections::BTreeMap;
use std::sync::Arc;

use cardwright_ports::batch::{CardAnswer, CardCall, PinCall};
use cardwright_ports::hsm::{DekPadding, Derivation, HsmError, KeyHandle, KeyUse, Sealed};
use cardwright_standards::cipher::TdesKey;
use cardwright_standards::pin::pvv;
use cardwright_standards::{cvv, pin::block::Field8};
use zeroize::Zeroizing;

use super::cards::{AskedKeys, MadeKeys};
use super::pins::Leaving;
use super::{Session, check_draw};
use crate::error::{self, Refused};
use crate::keys::{Key, Material};

/// A call up to where it asks for triple DES.
enum Begun {
    /// It asks for none, or failed.
    Done(Result<CardAnswer, HsmError>),
    /// A card verification value: the two blocks before the first step, the sum after it.
    Value(Arc<Key>, [[u8; 8]; 2]),
    /// A PIN verification value.
    Visa(Arc<Key>, Field8),
    /// Octets that go out under a key: whole blocks.
    Out(Arc<Key>, Zeroizing<Vec<u8>>),
    /// Keys of a card.
    Keys(AskedKeys),
    /// Keys of a card that were made; the answer waits for their check values.
    Made(MadeKeys),
}

impl Session {
    /// All calls, answered in their order.
    pub(super) fn together(&mut self, calls: &[CardCall<'_>]) -> Vec<Result<CardAnswer, HsmError>> {
        let begin = |call| self.begin(call).unwrap_or_else(|e| Begun::Done(Err(e)));
        let mut begun: Vec<Begun> = calls.iter().map(begin).collect();
        add_up_values(&mut begun);
        encipher(&mut begun);
        let check_values = check_values(&begun);
        let mut check_values = check_values.as_slice();
        let mut finish = |begun: Begun| match begun {
            Begun::Made(made) => {
                let (own, rest) = check_values
                    .split_at_checked(made.expanded.len())
                    .unwrap_or_default();
                check_values = rest;
                self.sealed_derived(&made, own).map(CardAnswer::Sealed)
            }
            Begun::Done(answer) => answer,
            _ => Err(error::FAULT.found("a call that was not finished")),
        };
        begun.into_iter().map(&mut finish).collect()
    }

    /// A call up to its first block.
    fn begin(&mut self, call: &CardCall<'_>) -> Result<Begun, HsmError> {
        Ok(match call {
            CardCall::CardVerificationValue {
                key,
                pan,
                expiry,
                service_code,
            } => self.begin_value(*key, pan, expiry, service_code)?,
            CardCall::IccMasterKeys {
                derivation: derivation @ (Derivation::A | Derivation::B),
                keys,
                pan,
                psn,
            } => Begun::Keys(self.asked_card_keys(*derivation, *keys, pan, psn)?),
            CardCall::CardKey {
                derivation: derivation @ (Derivation::A | Derivation::B),
                key,
                account,
                sequence,
            } => Begun::Keys(self.asked_card_key(*derivation, *key, account, sequence)?),
            CardCall::ExportSealed { sealed, transport } => {
                self.begin_export(sealed, *transport)?
            }
            CardCall::Pin(PinCall::VerificationValue {
                key,
                pan,
                pin,
                pvki,
            }) => {
                let (key, block) = self.visa_block(*key, pan, pin, *pvki)?;
                Begun::Visa(key, block)
            }
            CardCall::Pin(PinCall::Export {
                pin,
                key,
                format,
                pan,
                label,
            }) => {
                let draw = label.draw();
                check_draw(&draw)?;
                match self.pin_to_export(pin, *key, *format, pan, &draw)? {
                    Leaving::Enciphered(block) => Begun::Done(Ok(CardAnswer::Octets(block))),
                    Leaving::Clear(key, clear) => {
                        Begun::Out(key, Zeroizing::new(clear.as_slice().to_vec()))
                    }
                }
            }
            other => Begun::Done(other.perform(self)),
        })
    }

    fn begin_value(
        &mut self,
        key: KeyHandle,
        pan: &str,
        expiry: &str,
        service_code: &str,
    ) -> Result<Begun, Refused> {
        let key = self.key_for(key, KeyUse::CardVerification)?;
        let refused = |e: cvv::CvvError| error::ARGUMENT.found(e.to_string());
        let tdes = key.tdes()?;
        let blocks = cvv::blocks(pan, expiry, service_code).map_err(refused)?;
        cvv::check_key(tdes).map_err(refused)?;
        Ok(Begun::Value(key, blocks))
    }

    fn begin_export(&mut self, sealed: &Sealed, transport: KeyHandle) -> Result<Begun, Refused> {
        let mut clear = self.open(sealed)?;
        let padding = DekPadding::Iso7816IfNeeded;
        let key = self.transport_key(transport, &mut clear, padding)?;
        Ok(match &key.material {
            Material::Tdes(..) => Begun::Out(key, clear),
            _ => Begun::Done(
                self.encrypt_for(transport, clear, DekPadding::None)
                    .map(CardAnswer::Octets),
            ),
        })
    }
}

/// A key, and the blocks of all values that it makes.
type OfKey = (Arc<Key>, Vec<[[u8; 8]; 2]>);

/// The first step of card verification values, which is single DES: all of one key at once. The
/// sum then stands in the first block.
fn add_up_values(begun: &mut [Begun]) {
    let mut of_keys: BTreeMap<*const Key, OfKey> = BTreeMap::new();
    for call in begun.iter() {
        if let Begun::Value(key, blocks) = call {
            let own = of_keys.entry(Arc::as_ptr(key));
            let (_, all) = own.or_insert_with(|| (Arc::clone(key), Vec::new()));
            all.push(*blocks);
        }
    }
    let mut sums: BTreeMap<*const Key, std::vec::IntoIter<[u8; 8]>> = of_keys
        .into_iter()
        .filter_map(|(at, (key, blocks))| {
            Some((at, cvv::sums(key.tdes().ok()?, &blocks).into_iter()))
        })
        .collect();
    for call in begun {
        if let Begun::Value(key, [first, _]) = call
            && let Some(sum) = sums.get_mut(&Arc::as_ptr(key)).and_then(Iterator::next)
        {
            *first = sum;
        }
    }
}

impl Begun {
    /// The blocks that it has for triple DES, each with its key.
    fn ask<'b>(
        &'b self,
        keys: &mut Vec<&'b TdesKey>,
        blocks: &mut Vec<[u8; 8]>,
    ) -> Result<(), Refused> {
        match self {
            Self::Done(_) | Self::Made(_) => {}
            Self::Value(key, [sum, _]) => {
                keys.push(key.tdes()?);
                blocks.push(*sum);
            }
            Self::Visa(key, block) => {
                keys.push(key.tdes()?);
                blocks.push(**block);
            }
            Self::Out(key, octets) => {
                let key = key.tdes()?;
                let (own, _) = octets.as_chunks::<8>();
                keys.extend(std::iter::repeat_n(key, own.len()));
                blocks.extend_from_slice(own);
            }
            Self::Keys(asked) => {
                keys.extend(asked.keys()?);
                blocks.extend_from_slice(asked.blocks().as_flattened());
            }
        }
        Ok(())
    }

    /// How many blocks it has asked for.
    fn count(&self) -> usize {
        match self {
            Self::Done(_) | Self::Made(_) => 0,
            Self::Value(..) | Self::Visa(..) => 1,
            Self::Out(_, octets) => octets.len() / 8,
            Self::Keys(asked) => 2 * asked.blocks().len(),
        }
    }

    /// What comes of the blocks' ciphertexts.
    fn answered(self, blocks: &[[u8; 8]]) -> Self {
        let first = blocks.first().copied().unwrap_or_default();
        Self::Done(Ok(match self {
            Self::Done(_) | Self::Made(_) => return self,
            Self::Value(..) => CardAnswer::Text(cvv::value(first).as_str().to_owned()),
            Self::Visa(..) => CardAnswer::Text(pvv::value(first).as_str().to_owned()),
            Self::Out(..) => CardAnswer::Octets(blocks.as_flattened().to_vec()),
            Self::Keys(asked) => {
                let (pairs, _) = blocks.as_chunks::<2>();
                return Self::Made(asked.made(pairs));
            }
        }))
    }
}

/// Triple DES of all calls at once; their answers stand where they stood.
fn encipher(begun: &mut Vec<Begun>) {
    let mut keys = Vec::new();
    let mut blocks = Zeroizing::new(Vec::with_capacity(begun.iter().map(Begun::count).sum()));
    let mut refused = Vec::new();
    for (place, call) in begun.iter().enumerate() {
        if let Err(error) = call.ask(&mut keys, &mut blocks) {
            refused.push((place, error));
        }
    }
    TdesKey::encrypt_batch(&keys, &mut blocks);
    // A call that is refused here has asked for no block.
    for (place, error) in refused {
        if let Some(call) = begun.get_mut(place) {
            *call = Begun::Done(Err(error));
        }
    }
    let mut rest = blocks.as_slice();
    let answer = |call: Begun| {
        let (own, later) = rest.split_at_checked(call.count()).unwrap_or_default();
        rest = later;
        call.answered(own)
    };
    *begun = std::mem::take(begun).into_iter().map(answer).collect();
}

/// The zeros under all new keys at once.
fn check_values(begun: &[Begun]) -> Vec<[u8; 8]> {
    let keys: Vec<&TdesKey> = begun
        .iter()
        .flat_map(|call| match call {
            Begun::Made(made) => made.expanded.as_slice(),
            _ => &[],
        })
        .collect();
    let mut blocks = vec![[0; 8]; keys.len()];
    TdesKey::encrypt_batch(&keys, &mut blocks);
    blocks
}
