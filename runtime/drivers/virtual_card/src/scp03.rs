//! Secure channel protocol 03, card side (GlobalPlatform 2.3, amendment D).

use crate::apdu::{Command, Sw};
use crate::crypto::{Cipher, Family, Secret, aes_cmac, pad, same, secret, unpad};
use crate::keys::CardKeys;

/// Option bit 5: the card challenge is pseudo-random.
pub(crate) const PSEUDO_RANDOM: u8 = 0x10;

/// Data derivation constants (amendment D, table 4-1).
mod constant {
    pub(super) const CARD_CRYPTOGRAM: u8 = 0x00;
    pub(super) const HOST_CRYPTOGRAM: u8 = 0x01;
    pub(super) const CARD_CHALLENGE: u8 = 0x02;
    pub(super) const S_ENC: u8 = 0x04;
    pub(super) const S_MAC: u8 = 0x06;
    pub(super) const S_RMAC: u8 = 0x07;
}

/// Key derivation in counter mode (NIST SP 800-108) with CMAC; `length` in octets.
fn derive(key: &[u8], constant: u8, length: usize, context: &[u8]) -> Option<Secret> {
    let bits = u16::try_from(length.checked_mul(8)?).ok()?.to_be_bytes();
    let mut label = [0u8; 12];
    *label.last_mut()? = constant;
    let mut out = Secret::default();
    for counter in 1..=u8::MAX {
        if out.len() >= length {
            break;
        }
        let pieces = [&label[..], &[0], &bits, &[counter], context];
        out.extend_from_slice(&aes_cmac(key, &pieces)?);
    }
    out.truncate(length);
    Some(out)
}

/// The pseudo-random card challenge for a sequence counter and the application's AID.
pub(crate) fn pseudo_random_challenge(
    keys: &CardKeys,
    sequence: [u8; 3],
    aid: &[u8],
) -> Option<Vec<u8>> {
    let context = [&sequence[..], aid].concat();
    Some(derive(&keys.enc, constant::CARD_CHALLENGE, 8, &context)?.to_vec())
}

/// One session's keys, chaining value and counter.
pub(crate) struct Session {
    s_enc: Secret,
    s_mac: Secret,
    s_rmac: Secret,
    dek: Secret,
    chaining: [u8; 16],
    /// Commands since EXTERNAL AUTHENTICATE, the current one included.
    counter: u128,
    /// Quirk: only commands with data are counted.
    counts_data_only: bool,
}

impl Session {
    /// Session keys from both challenges.
    pub(crate) fn derive(
        keys: &CardKeys,
        host: &[u8],
        card: &[u8],
        counts_data_only: bool,
    ) -> Option<Self> {
        let context = [host, card].concat();
        let key = |master: &Secret, label| derive(master, label, master.len(), &context);
        Some(Self {
            s_enc: key(&keys.enc, constant::S_ENC)?,
            s_mac: key(&keys.mac, constant::S_MAC)?,
            s_rmac: key(&keys.mac, constant::S_RMAC)?,
            dek: secret(&keys.dek),
            chaining: [0; 16],
            counter: 0,
            counts_data_only,
        })
    }

    /// Card and host cryptogram.
    pub(crate) fn cryptograms(&self, host: &[u8], card: &[u8]) -> Option<([u8; 8], [u8; 8])> {
        let context = [host, card].concat();
        let make = |label| {
            derive(&self.s_mac, label, 8, &context)?
                .first_chunk()
                .copied()
        };
        Some((
            make(constant::CARD_CRYPTOGRAM)?,
            make(constant::HOST_CRYPTOGRAM)?,
        ))
    }

    /// Checks the C-MAC over the data as sent, then deciphers them when the level asks for it.
    pub(crate) fn open(&mut self, mut command: Command, deciphers: bool) -> Option<Command> {
        let header = command.mac_header(command.data.len());
        let (body, mac) = command.data.split_last_chunk::<8>()?;
        let full = aes_cmac(&self.s_mac, &[&self.chaining, &header, body])?;
        if !same(full.get(..8)?, mac) {
            return None;
        }
        self.chaining = full;
        let clear = if deciphers && !body.is_empty() {
            if !body.len().is_multiple_of(16) {
                return None;
            }
            let icv = self.icv(0x00)?;
            let padded = Cipher::new(Family::Aes, &self.s_enc)?.cbc_decrypt(&icv, body);
            secret(unpad(&padded)?)
        } else {
            secret(body)
        };
        command.cla &= !0x04;
        command.data = clear;
        Some(command)
    }

    /// Counts a command; called before [`Session::open`] for each one but EXTERNAL AUTHENTICATE.
    pub(crate) fn count(&mut self, has_data: bool) {
        if has_data || !self.counts_data_only {
            self.counter = self.counter.wrapping_add(1);
        }
    }

    /// Secures an answer: enciphers the data when asked, then appends the R-MAC. Status words
    /// that tell of an error go out bare.
    pub(crate) fn close(&self, data: &[u8], status: Sw, enciphers: bool) -> Option<Vec<u8>> {
        let status = status.to_be_bytes();
        if !matches!(status, [0x90, 0x00] | [0x62 | 0x63, _]) {
            return Some([data, &status].concat());
        }
        let mut out = if enciphers && !data.is_empty() {
            let icv = self.icv(0x80)?;
            Cipher::new(Family::Aes, &self.s_enc)?
                .cbc_encrypt(&icv, &pad(data, 16))
                .to_vec()
        } else {
            data.to_vec()
        };
        let mac = aes_cmac(&self.s_rmac, &[&self.chaining, &out, &status])?;
        out.extend_from_slice(mac.get(..8)?);
        out.extend_from_slice(&status);
        Some(out)
    }

    fn icv(&self, first: u8) -> Option<Secret> {
        let mut block = self.counter.to_be_bytes();
        *block.first_mut()? |= first;
        Some(Cipher::new(Family::Aes, &self.s_enc)?.ecb_encrypt(&block))
    }

    /// Deciphers sensitive data under the static data encryption key: CBC, IV zero.
    pub(crate) fn decipher(&self, text: &[u8]) -> Option<Secret> {
        let whole = !text.is_empty() && text.len().is_multiple_of(16);
        let cipher = Cipher::new(Family::Aes, &self.dek)?;
        whole.then(|| cipher.cbc_decrypt(&[], text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    /// Recorded sessions of real cards, from pySim's tests: three key lengths, levels 03, 11, 33.
    #[test]
    fn sessions_that_pysim_recorded() {
        let file: serde_json::Value = serde_json::from_str(include_str!(
            "../../../../tests/vectors/pysim/globalplatform-scp.json"
        ))
        .unwrap();
        let data = &file["data"];
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let mut seen = 0;
        for (name, class) in data["classes"].as_object().unwrap() {
            let Some(set) = class["keyset"].as_str() else {
                continue;
            };
            let set = &data["module"][set];
            let key = |i: usize| h(&text(&set[i]));
            let keys = CardKeys::new(&key(2), &key(3), &key(4));
            let host = h(&text(&class["init_upd_cmd"]))[5..13].to_vec();
            let answer = h(&text(&class["init_upd_rsp"]));
            let (card, cryptogram) = (&answer[13..21], &answer[21..29]);
            let mut session = Session::derive(&keys, &host, card, false).unwrap();
            let (expected_card, expected_host) = session.cryptograms(&host, card).unwrap();
            assert_eq!(expected_card, cryptogram, "{name}");
            // These cards are eUICCs; the challenge is made over their root domain's AID.
            let aid = h("A0000005591010FFFFFFFF8900000100");
            let counter = answer[29..32].try_into().unwrap();
            let challenge = pseudo_random_challenge(&keys, counter, &aid).unwrap();
            assert_eq!(challenge, card, "{name}");

            let command = |key: &str| Command::parse(&h(&text(&class[key]))).unwrap();
            let level = command("ext_auth_cmd").p1;
            let opened = session.open(command("ext_auth_cmd"), false).unwrap();
            assert_eq!(opened.data.to_vec(), expected_host, "{name}");
            for key in ["get_eid", "case_1", "case_2", "case_3", "case_4"] {
                let (sent, plain) = if key == "get_eid" {
                    ("get_eid_cmd".to_owned(), "get_eid_cmd_plain".to_owned())
                } else {
                    (format!("{key}_apdu"), format!("{key}_apdu_plain"))
                };
                let plain = h(&text(&data["classes"]["SCP03_Test"][plain]));
                let plain = Command::parse(&plain).unwrap();
                let sent = command(&sent);
                session.count(sent.data.len() > 8);
                let opened = session.open(sent, level & 2 != 0).expect(name);
                assert_eq!(opened.data.to_vec(), plain.data.to_vec(), "{name} {key}");
                if key == "get_eid" && level & 0x10 != 0 {
                    let answer = h(&text(&data["classes"]["SCP03_Test"]["get_eid_rsp_plain"]));
                    let closed = session.close(&answer, 0x9000, level & 0x20 != 0).unwrap();
                    assert_eq!(closed, h(&(text(&class["get_eid_rsp"]) + "9000")), "{name}");
                }
            }
            seen += 1;
        }
        assert_eq!(seen, 9);
    }

    /// Values made with the formulas of GlobalPlatformPro for K = 4041…4F.
    #[test]
    fn cryptograms_of_the_test_key() {
        let key = h("404142434445464748494A4B4C4D4E4F");
        let keys = CardKeys::new(&key, &key, &key);
        let (host, card) = (h("0102030405060708"), h("A1A2A3A4A5A6A7A8"));
        let session = Session::derive(&keys, &host, &card, false).unwrap();
        let (c, h2) = session.cryptograms(&host, &card).unwrap();
        assert_eq!(c.to_vec(), h("D5EE72813EA0C6AC"));
        assert_eq!(h2.to_vec(), h("5E2AF174FD9D89F5"));
    }
}
