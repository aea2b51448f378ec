//! Keys of a card: derived master keys, its RSA key, and the issuer's side of a transaction.

use std::sync::Arc;

use cardwright_ports::hsm::{
    BlobPart, Derivation, Draw, HsmError, IccKey, IccKeyPath, KeyHandle, KeyUse, Sealed,
};
use cardwright_standards::cipher::{AesKey, CipherError, KeyBytes, TdesKey};
use cardwright_standards::emv::cryptogram::{self, AcPadding};
use cardwright_standards::emv::keys::{self, KeyError};
use cardwright_standards::kcv;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Session, draw_context};
use crate::error::{self, Refused};
use crate::keys::Key;

/// Largest ICC modulus (EMV Book 2, B2.1).
const ICC_BITS_MAX: u32 = 1_984;
/// The uses of the three issuer keys behind DGI 8000, in its order.
const CARD_KEY_USES: [KeyUse; 3] = [
    KeyUse::EmvApplicationCryptogram,
    KeyUse::EmvSecureMessagingIntegrity,
    KeyUse::EmvSecureMessagingConfidentiality,
];
/// Three AES-256 keys.
const CARD_KEYS_OCTETS_MAX: usize = 96;

/// A card's session key of either algorithm.
enum SessionKey {
    Tdes(TdesKey),
    Aes(AesKey),
}

/// Keys that are to be derived: under which issuer's key, and of which two blocks each.
pub(super) struct AskedKeys {
    issuers: Vec<Arc<Key>>,
    blocks: Vec<[[u8; 8]; 2]>,
    context: Vec<u8>,
}

/// Derived keys of a card, expanded for their check values.
pub(super) struct MadeKeys {
    keys: Vec<KeyBytes>,
    pub(super) expanded: Vec<TdesKey>,
    context: Vec<u8>,
}

impl AskedKeys {
    fn new(pan: &str, psn: &str) -> Self {
        Self {
            issuers: Vec::with_capacity(CARD_KEY_USES.len()),
            blocks: Vec::with_capacity(CARD_KEY_USES.len()),
            context: key_context(pan, psn),
        }
    }

    fn add(
        &mut self,
        issuer: Arc<Key>,
        derivation: Derivation,
        pan: &str,
        psn: &str,
    ) -> Result<(), Refused> {
        keys::double_length(issuer.tdes()?).map_err(|e| cipher_error(&e))?;
        let blocks = match derivation {
            Derivation::B => keys::option_b_blocks(pan, psn),
            _ => keys::option_a_blocks(pan, psn),
        };
        self.blocks.push(blocks.map_err(|e| key_error(&e))?);
        self.issuers.push(issuer);
        Ok(())
    }

    /// The blocks, two for each key.
    pub(super) fn blocks(&self) -> &[[[u8; 8]; 2]] {
        &self.blocks
    }

    /// The key of each block.
    pub(super) fn keys(&self) -> Result<Vec<&TdesKey>, Refused> {
        let each = self.issuers.iter().flat_map(|issuer| [issuer, issuer]);
        each.map(|issuer| issuer.tdes()).collect()
    }

    /// The keys of the blocks' ciphertexts.
    pub(super) fn made(self, ciphertexts: &[[[u8; 8]; 2]]) -> MadeKeys {
        let keys: Vec<KeyBytes> = ciphertexts
            .iter()
            .map(|halves| keys::from_ciphertexts(*halves))
            .collect();
        let expanded = keys.iter().filter_map(|key| tdes(key).ok()).collect();
        MadeKeys {
            keys,
            expanded,
            context: self.context,
        }
    }
}

fn key_context(pan: &str, psn: &str) -> Vec<u8> {
    [pan.as_bytes(), b"/", psn.as_bytes()].concat()
}

impl Session {
    pub(super) fn card_keys(
        &mut self,
        derivation: Derivation,
        handles: [KeyHandle; 3],
        pan: &str,
        psn: &str,
    ) -> Result<Sealed, Refused> {
        if derivation != Derivation::C {
            let asked = self.asked_card_keys(derivation, handles, pan, psn)?;
            return self.derived(asked);
        }
        let mut derive = |place: usize| -> Result<KeyBytes, Refused> {
            let (Some(handle), Some(usage)) = (handles.get(place), CARD_KEY_USES.get(place)) else {
                return Err(error::ARGUMENT.found("a card has three master keys"));
            };
            let issuer = self.key_for(*handle, *usage)?;
            master_key(&issuer, derivation, pan, psn)
        };
        let keys = [derive(0)?, derive(1)?, derive(2)?];
        let mut check_values = Vec::new();
        for key in &keys {
            check_values.extend_from_slice(&kcv::aes(&aes(key)?));
        }
        self.sealed_keys(&keys, check_values, &key_context(pan, psn))
    }

    /// What the three keys of a card are made of by triple DES.
    pub(super) fn asked_card_keys(
        &mut self,
        derivation: Derivation,
        handles: [KeyHandle; 3],
        pan: &str,
        psn: &str,
    ) -> Result<AskedKeys, Refused> {
        let mut asked = AskedKeys::new(pan, psn);
        for (handle, usage) in handles.into_iter().zip(CARD_KEY_USES) {
            let issuer = self.key_for(handle, usage)?;
            asked.add(issuer, derivation, pan, psn)?;
        }
        Ok(asked)
    }

    /// One key of a card, of any issuer master key whose children live on cards.
    pub(super) fn one_card_key(
        &mut self,
        derivation: Derivation,
        handle: KeyHandle,
        account: &str,
        sequence: &str,
    ) -> Result<Sealed, Refused> {
        if derivation != Derivation::C {
            let asked = self.asked_card_key(derivation, handle, account, sequence)?;
            return self.derived(asked);
        }
        let issuer = self.parent_of_cards(handle)?;
        let key = master_key(&issuer, derivation, account, sequence)?;
        let check_value = kcv::aes(&aes(&key)?).to_vec();
        self.sealed_keys(&[key], check_value, &key_context(account, sequence))
    }

    /// What one key of a card is made of by triple DES.
    pub(super) fn asked_card_key(
        &mut self,
        derivation: Derivation,
        handle: KeyHandle,
        account: &str,
        sequence: &str,
    ) -> Result<AskedKeys, Refused> {
        let mut asked = AskedKeys::new(account, sequence);
        let issuer = self.parent_of_cards(handle)?;
        asked.add(issuer, derivation, account, sequence)?;
        Ok(asked)
    }

    fn parent_of_cards(&mut self, handle: KeyHandle) -> Result<Arc<Key>, Refused> {
        let issuer = self.key(handle)?;
        let fits = |usage: &KeyUse| issuer.check_use(*usage).is_ok();
        let of_cards = CARD_KEY_USES.iter().chain([&KeyUse::EmvDynamicNumbers]);
        if !of_cards.into_iter().any(fits) {
            issuer.check_use(KeyUse::CardKey)?;
        }
        Ok(issuer)
    }

    /// Keys of one card, by themselves.
    fn derived(&self, asked: AskedKeys) -> Result<Sealed, Refused> {
        let mut blocks = Zeroizing::new(asked.blocks.clone());
        TdesKey::encrypt_batch(&asked.keys()?, blocks.as_flattened_mut());
        let made = asked.made(&blocks);
        let mut check_values = vec![[0; 8]; made.expanded.len()];
        let expanded: Vec<&TdesKey> = made.expanded.iter().collect();
        TdesKey::encrypt_batch(&expanded, &mut check_values);
        self.sealed_derived(&made, &check_values)
    }

    /// Seals derived keys; the check values are as many whole blocks.
    pub(super) fn sealed_derived(
        &self,
        made: &MadeKeys,
        check_values: &[[u8; 8]],
    ) -> Result<Sealed, Refused> {
        let check_values = check_values.iter().flat_map(|[a, b, c, ..]| [*a, *b, *c]);
        self.sealed_keys(&made.keys, check_values.collect(), &made.context)
    }

    fn sealed_keys(
        &self,
        keys: &[KeyBytes],
        check_values: Vec<u8>,
        context: &[u8],
    ) -> Result<Sealed, Refused> {
        let mut clear = Zeroizing::new(Vec::with_capacity(CARD_KEYS_OCTETS_MAX));
        for key in keys {
            clear.extend_from_slice(key.expose());
        }
        self.seal(&clear, check_values, context)
    }

    /// Puts a blob together. Nothing that was sealed is seen outside.
    pub(super) fn joined(&self, parts: &[BlobPart<'_>]) -> Result<Sealed, HsmError> {
        let length = |part: &BlobPart<'_>| match part {
            BlobPart::Clear(octets) => octets.len(),
            BlobPart::Sealed(sealed) => sealed.clear_length as usize,
        };
        let total: usize = parts.iter().map(length).sum();
        if total > crate::seal::CLEAR_OCTETS_MAX {
            return Err(error::ARGUMENT.found(format!("a blob of {total} octets")));
        }
        // Room for all at once: growing would leave copies behind.
        let mut clear = Zeroizing::new(Vec::with_capacity(total));
        let mut check_values = Vec::new();
        let mut context = Vec::new();
        for part in parts {
            match part {
                BlobPart::Clear(octets) => clear.extend_from_slice(octets),
                BlobPart::Sealed(sealed) => {
                    clear.extend_from_slice(&self.open(sealed)?);
                    check_values.extend_from_slice(&sealed.check_values);
                    context.extend_from_slice(&sealed.blob);
                }
            }
        }
        self.seal(&clear, check_values, &context)
    }

    pub(super) fn card_rsa_key(
        &self,
        bits: u32,
        exponent: u32,
        draw: &Draw<'_>,
    ) -> Result<IccKey, Refused> {
        if bits > ICC_BITS_MAX {
            return Err(error::RSA_SIZE.found(format!("an ICC modulus of {bits} bits")));
        }
        let mut stream = self.shared.root.draw(draw, "ICC RSA key");
        let key = cardwright_rsa::generate(bits, exponent, &mut stream).map_err(error::of_rsa)?;
        let context = draw_context(draw);
        let [q_inverse, d_q, d_p, q, p] = key.components();
        let seal = |octets: &[u8]| self.seal(octets, Vec::new(), &context);
        Ok(IccKey {
            modulus: key.modulus().to_vec(),
            exponent,
            components: [seal(q_inverse)?, seal(d_q)?, seal(d_p)?, seal(q)?, seal(p)?],
        })
    }

    pub(super) fn cryptogram_holds(
        &mut self,
        path: &IccKeyPath<'_>,
        data: &[u8],
        found: &[u8],
    ) -> Result<bool, Refused> {
        let expected = match self.session_key(path)? {
            SessionKey::Tdes(key) => {
                cryptogram::ac(&key, data, AcPadding::Emv).map_err(|e| cipher_error(&e))?
            }
            SessionKey::Aes(key) => cryptogram::ac_aes(&key, data),
        };
        Ok(expected.as_slice().ct_eq(found).into())
    }

    pub(super) fn issuer_answer(
        &mut self,
        path: &IccKeyPath<'_>,
        arqc: &[u8],
        card_status_update: [u8; 4],
    ) -> Result<Vec<u8>, Refused> {
        let arqc = arqc
            .try_into()
            .map_err(|_| error::ARGUMENT.found("an ARQC that has not 8 octets"))?;
        let answer = match self.session_key(path)? {
            SessionKey::Tdes(key) => cryptogram::arpc_2(&key, arqc, card_status_update, &[]),
            SessionKey::Aes(key) => cryptogram::arpc_2_aes(&key, arqc, card_status_update, &[]),
        };
        answer
            .map(|a| a.to_vec())
            .map_err(|e| error::ARGUMENT.found(e.to_string()))
    }

    /// The vector of a track, and the key that it is made with.
    fn dynamic_code(
        &mut self,
        path: &IccKeyPath<'_>,
        track: &[u8],
    ) -> Result<([u8; 2], TdesKey), Refused> {
        let issuer = self.key_for(path.issuer_master_key, KeyUse::EmvDynamicNumbers)?;
        let key = tdes(&master_key(&issuer, path.derivation, path.pan, path.psn)?)?;
        let vector = cryptogram::ivcvc3(&key, track).map_err(|e| cipher_error(&e))?;
        Ok((vector, key))
    }

    pub(super) fn track_vector(
        &mut self,
        path: &IccKeyPath<'_>,
        track: &[u8],
    ) -> Result<[u8; 2], Refused> {
        Ok(self.dynamic_code(path, track)?.0)
    }

    pub(super) fn dynamic_code_holds(
        &mut self,
        path: &IccKeyPath<'_>,
        track: &[u8],
        number: [u8; 4],
        found: [u8; 2],
    ) -> Result<bool, Refused> {
        let (vector, key) = self.dynamic_code(path, track)?;
        let expected = cryptogram::cvc3_from_iv(&key, vector, number, path.atc);
        Ok(expected.to_be_bytes().ct_eq(&found).into())
    }

    /// The card's session key by EMV's common derivation.
    fn session_key(&mut self, path: &IccKeyPath<'_>) -> Result<SessionKey, Refused> {
        let issuer = self.key_for(path.issuer_master_key, KeyUse::EmvApplicationCryptogram)?;
        let card = master_key(&issuer, path.derivation, path.pan, path.psn)?;
        let r = keys::r_of_atc(path.atc);
        let refused = |e: KeyError| key_error(&e);
        Ok(match path.derivation {
            Derivation::A | Derivation::B => SessionKey::Tdes(tdes(
                &keys::common_session(&tdes(&card)?, r).map_err(refused)?,
            )?),
            Derivation::C => SessionKey::Aes(aes(
                &keys::common_session_aes(&aes(&card)?, r).map_err(refused)?
            )?),
        })
    }
}

fn master_key(
    issuer: &Key,
    derivation: Derivation,
    pan: &str,
    psn: &str,
) -> Result<KeyBytes, Refused> {
    let key = match derivation {
        Derivation::A => keys::option_a(issuer.tdes()?, pan, psn),
        Derivation::B => keys::option_b(issuer.tdes()?, pan, psn),
        Derivation::C => keys::option_c(issuer.aes()?, pan, psn),
    };
    key.map_err(|e| key_error(&e))
}

fn tdes(key: &KeyBytes) -> Result<TdesKey, Refused> {
    TdesKey::new_double(key.expose()).map_err(|e| cipher_error(&e))
}

fn aes(key: &KeyBytes) -> Result<AesKey, Refused> {
    AesKey::new(key.expose()).map_err(|e| cipher_error(&e))
}

fn key_error(e: &KeyError) -> Refused {
    match e {
        KeyError::Key(e) => cipher_error(e),
        _ => error::ARGUMENT.found(e.to_string()),
    }
}

fn cipher_error(e: &CipherError) -> Refused {
    error::UNSUITABLE.found(e.to_string())
}
