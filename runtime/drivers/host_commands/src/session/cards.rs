//! Keys of cards, sealed octets, and the issuer's side of a transaction.

use cardwright_ports::hsm::{
    BlobPart, DekPadding, Derivation, IccKeyPath, KeyHandle, KeyUse, Sealed,
};

use super::{Session, check_digits, check_pan, value};
use crate::error::{self, Refused};
use crate::layout;

/// The uses of the three issuer keys behind DGI 8000, in its order.
const CARD_KEY_USES: [KeyUse; 3] = [
    KeyUse::EmvApplicationCryptogram,
    KeyUse::EmvSecureMessagingIntegrity,
    KeyUse::EmvSecureMessagingConfidentiality,
];
/// Longest clear value.
const CLEAR_MAX: usize = 4_000;
/// Longest data of a cryptogram, padded.
const DATA_MAX: usize = 248;

fn option_of(derivation: Derivation) -> &'static [u8] {
    match derivation {
        Derivation::A => b"A",
        Derivation::B => b"B",
        Derivation::C => b"C",
    }
}

/// Whether a key's algorithm suits an option.
fn suits(derivation: Derivation, algorithm: &str) -> Result<(), Refused> {
    let aes = algorithm.starts_with("aes");
    match aes == (derivation == Derivation::C) && (aes || algorithm == "tdes2") {
        true => Ok(()),
        false => Err(error::KEY.found(format!("{algorithm} by option {derivation:?}"))),
    }
}

impl Session {
    pub(super) fn card_keys(
        &self,
        derivation: Derivation,
        handles: [KeyHandle; 3],
        pan: &str,
        psn: &str,
    ) -> Result<Sealed, Refused> {
        check_pan(pan)?;
        check_digits(psn, 2, "a PAN sequence number")?;
        let mut blocks = String::new();
        let mut length = 0;
        for (handle, usage) in handles.into_iter().zip(CARD_KEY_USES) {
            let key = self.shared.key_for(handle, usage)?;
            suits(derivation, &key.algorithm)?;
            length += key_octets(&key.algorithm);
            blocks.push_str(&key.block);
        }
        let values = [
            option_of(derivation),
            blocks.as_bytes(),
            pan.as_bytes(),
            psn.as_bytes(),
        ];
        let found = self.shared.call(&layout::DERIVE_CARD_KEYS, &values)?;
        let checks = value(&found, 1)?;
        match checks.len() == 9 {
            true => Ok(self
                .shared
                .sealer()?
                .seal(value(&found, 0)?, length, checks.to_vec())),
            false => Err(error::ANSWER.found("Z0: not three check values")),
        }
    }

    pub(super) fn one_card_key(
        &self,
        derivation: Derivation,
        handle: KeyHandle,
        account: &str,
        sequence: &str,
    ) -> Result<Sealed, Refused> {
        check_pan(account)?;
        check_digits(sequence, 2, "a sequence number")?;
        let key = self.shared.key(handle)?;
        let of_cards = CARD_KEY_USES.iter().chain([&KeyUse::EmvDynamicNumbers]);
        if !of_cards
            .into_iter()
            .any(|usage| key.for_use(*usage).is_ok())
        {
            key.for_use(KeyUse::CardKey)?;
        }
        suits(derivation, &key.algorithm)?;
        let values = [
            option_of(derivation),
            key.block.as_bytes(),
            account.as_bytes(),
            sequence.as_bytes(),
        ];
        let found = self.shared.call(&layout::DERIVE_CARD_KEY, &values)?;
        let checks = value(&found, 1)?;
        let length = key_octets(&key.algorithm);
        match checks.len() == 3 {
            true => Ok(self
                .shared
                .sealer()?
                .seal(value(&found, 0)?, length, checks.to_vec())),
            false => Err(error::ANSWER.found("Z0: not one check value")),
        }
    }

    pub(super) fn joined(&self, parts: &[BlobPart<'_>]) -> Result<Sealed, Refused> {
        let sealer = self.shared.sealer()?;
        let (mut total, mut checks, mut message) = (0usize, Vec::new(), Vec::new());
        for part in parts {
            let (flag, octets) = match part {
                BlobPart::Clear(octets) => {
                    total = total.saturating_add(octets.len());
                    (b'0', *octets)
                }
                BlobPart::Sealed(sealed) => {
                    let token = sealer.token(sealed)?;
                    total = total.saturating_add(sealed.clear_length as usize);
                    checks.extend_from_slice(&sealed.check_values);
                    (b'1', token)
                }
            };
            let length = u16::try_from(octets.len())
                .map_err(|_| error::ARGUMENT.found("a part that is too long"))?;
            message.push(flag);
            message.extend_from_slice(&length.to_be_bytes());
            message.extend_from_slice(octets);
        }
        if total > CLEAR_MAX || message.len() > 16_384 {
            return Err(error::ARGUMENT.found(format!("a blob of {total} octets")));
        }
        let found = self.shared.call(&layout::JOIN, &[&message])?;
        let length = u32::try_from(total).unwrap_or_default();
        Ok(sealer.seal(value(&found, 0)?, length, checks))
    }

    pub(super) fn enciphered(
        &self,
        sealed: &Sealed,
        transport: KeyHandle,
        padding: DekPadding,
    ) -> Result<Vec<u8>, Refused> {
        let token = self.shared.sealer()?.token(sealed)?;
        let key = self.shared.key_for(transport, KeyUse::Transport)?;
        let block = match key.algorithm.as_str() {
            "tdes2" | "tdes3" => 8,
            _ => 16,
        };
        if padding == DekPadding::None && !sealed.clear_length.is_multiple_of(block) {
            return Err(error::ARGUMENT.found("half a block without padding"));
        }
        let padding: &[u8] = match padding {
            DekPadding::None => b"0",
            DekPadding::Iso7816Always => b"1",
            DekPadding::Iso7816IfNeeded => b"2",
            DekPadding::Pkcs7 => b"3",
            DekPadding::Zeros => b"4",
        };
        let values = [token, key.block.as_bytes(), padding];
        let found = self.shared.call(&layout::RECIPHER, &values)?;
        let data = value(&found, 0)?;
        match data.len() >= sealed.clear_length as usize {
            true => Ok(data.to_vec()),
            false => Err(error::ANSWER.found("Z6: fewer octets than were sealed")),
        }
    }

    pub(super) fn ciphered_challenge(
        &self,
        key: &Sealed,
        block: &[u8],
        decipher: bool,
    ) -> Result<Vec<u8>, Refused> {
        let token = self.shared.sealer()?.token(key)?;
        // Only what was derived as a card's own key has a check value of three octets.
        if key.check_values.len() != 3 || block.len() != 16 {
            return Err(error::ARGUMENT.found("a challenge is one block under a card's own key"));
        }
        let direction: &[u8] = if decipher { b"1" } else { b"0" };
        let found = self
            .shared
            .call(&layout::CHALLENGE, &[token, direction, block])?;
        Ok(value(&found, 0)?.to_vec())
    }

    pub(super) fn cryptogram_holds(
        &self,
        path: &IccKeyPath<'_>,
        data: &[u8],
        cryptogram: &[u8],
    ) -> Result<bool, Refused> {
        let (block, card) = self.card(path)?;
        if cryptogram.len() != 8 {
            return Ok(false);
        }
        // The HSM adds no padding to whole blocks: EMV's is the host's to add.
        let mut padded = data.to_vec();
        cardwright_standards::cipher::pad_80(&mut padded, 8);
        if padded.len() > DATA_MAX {
            return Err(error::ARGUMENT.found(format!("{} octets of data", data.len())));
        }
        let atc = path.atc.to_be_bytes();
        let values: [&[u8]; 5] = [block.as_bytes(), &card, &atc, &padded, cryptogram];
        match card.len() == 8 {
            true => self.shared.verify(&layout::VERIFY_ARQC, &values),
            false => self.shared.verify(&layout::VERIFY_ARQC_LONG, &values),
        }
    }

    pub(super) fn issuer_answer(
        &self,
        path: &IccKeyPath<'_>,
        arqc: &[u8],
        status: [u8; 4],
    ) -> Result<Vec<u8>, Refused> {
        let (block, card) = self.card(path)?;
        if arqc.len() != 8 {
            return Err(error::ARGUMENT.found("an ARQC that has not 8 octets"));
        }
        let atc = path.atc.to_be_bytes();
        let values: [&[u8]; 6] = [block.as_bytes(), &card, &atc, arqc, &status, &[]];
        let found = match card.len() == 8 {
            true => self.shared.call(&layout::ARPC, &values)?,
            false => self.shared.call(&layout::ARPC_LONG, &values)?,
        };
        let answer = value(&found, 0)?.get(..4).map(<[u8]>::to_vec);
        answer.ok_or_else(|| error::ANSWER.found("KW: a short answer"))
    }

    /// The issuer's key and the card's PAN and sequence number as KW has them: eight octets for
    /// option A, more for option B and a PAN of over 16 digits.
    fn card(&self, path: &IccKeyPath<'_>) -> Result<(String, Vec<u8>), Refused> {
        check_pan(path.pan)?;
        check_digits(path.psn, 2, "a PAN sequence number")?;
        let key = path.issuer_master_key;
        let key = self.shared.key_for(key, KeyUse::EmvApplicationCryptogram)?;
        suits(path.derivation, &key.algorithm)?;
        if path.derivation == Derivation::C {
            return Err(error::NOT_OFFERED.found("cryptograms by option C"));
        }
        let mut digits = format!("{}{}", path.pan, path.psn);
        let long = path.derivation == Derivation::B && path.pan.len() > 16;
        if !long {
            digits = format!("{digits:0>16}");
            digits.drain(..digits.len().saturating_sub(16));
        } else if !digits.len().is_multiple_of(2) {
            digits.insert(0, '0');
        }
        let card = hex::decode(&digits).unwrap_or_default();
        Ok((key.block, card))
    }

    fn track_key(&self, path: &IccKeyPath<'_>, track: &[u8]) -> Result<String, Refused> {
        check_pan(path.pan)?;
        check_digits(path.psn, 2, "a PAN sequence number")?;
        let key = self
            .shared
            .key_for(path.issuer_master_key, KeyUse::EmvDynamicNumbers)?;
        suits(path.derivation, &key.algorithm)?;
        match path.derivation != Derivation::C && track.len() <= DATA_MAX {
            true => Ok(key.block),
            false => Err(error::ARGUMENT.found("a track that is too long, or option C")),
        }
    }

    pub(super) fn track_vector(
        &self,
        path: &IccKeyPath<'_>,
        track: &[u8],
    ) -> Result<[u8; 2], Refused> {
        let block = self.track_key(path, track)?;
        let option = option_of(path.derivation);
        let (pan, psn) = (path.pan.as_bytes(), path.psn.as_bytes());
        let values = [block.as_bytes(), option, pan, psn, track];
        let found = self.shared.call(&layout::TRACK_VECTOR, &values)?;
        let vector = value(&found, 0)?.try_into();
        vector.map_err(|_| error::ANSWER.found("ZE: another length"))
    }

    pub(super) fn track_code_holds(
        &self,
        path: &IccKeyPath<'_>,
        track: &[u8],
        number: [u8; 4],
        code: [u8; 2],
    ) -> Result<bool, Refused> {
        let block = self.track_key(path, track)?;
        let option = option_of(path.derivation);
        let (pan, psn) = (path.pan.as_bytes(), path.psn.as_bytes());
        let atc = path.atc.to_be_bytes();
        let values = [
            block.as_bytes(),
            option,
            pan,
            psn,
            track,
            &number,
            &atc,
            &code,
        ];
        self.shared.verify(&layout::VERIFY_TRACK_CODE, &values)
    }
}

/// Octets of a card's key under an issuer key of an algorithm.
fn key_octets(algorithm: &str) -> u32 {
    match algorithm {
        "aes192" => 24,
        "aes256" => 32,
        _ => 16,
    }
}
