//! Secure channel protocol 02, card side (GlobalPlatform 2.3.1, appendix E).

use crate::apdu::Command;
use crate::crypto::{Cipher, Family, Secret, full_tdes_mac, retail_mac, same, unpad};
use crate::keys::CardKeys;
use zeroize::Zeroizing;

/// Option bit 5: the chaining value is enciphered before it starts the next C-MAC.
const ICV_ENCRYPTION: u8 = 0x10;

/// One session's keys and chaining value.
pub(crate) struct Session {
    s_enc: Secret,
    s_mac: Secret,
    s_dek: Secret,
    /// Last C-MAC; none before EXTERNAL AUTHENTICATE.
    last_mac: Option<[u8; 8]>,
    encrypt_icv: bool,
}

impl Session {
    /// Session keys for a sequence counter (E.4.1): encryption of constant, counter and zeros.
    pub(crate) fn derive(keys: &CardKeys, sequence: u16, option: u8) -> Option<Self> {
        let derive = |key: &Secret, constant: u16| {
            let mut block = [0u8; 16];
            let start = [constant.to_be_bytes(), sequence.to_be_bytes()].concat();
            crate::crypto::xor(&mut block, &start);
            Some(Cipher::new(Family::Tdes, key)?.cbc_encrypt(&[], &block))
        };
        Some(Self {
            s_enc: derive(&keys.enc, 0x0182)?,
            s_mac: derive(&keys.mac, 0x0101)?,
            s_dek: derive(&keys.dek, 0x0181)?,
            last_mac: None,
            encrypt_icv: option & ICV_ENCRYPTION != 0,
        })
    }

    /// The pseudo-random card challenge: left six octets of a C-MAC over the application's AID.
    pub(crate) fn pseudo_random_challenge(&self, aid: &[u8]) -> Option<Vec<u8>> {
        Some(retail_mac(&self.s_mac, &[], aid)?.get(..6)?.to_vec())
    }

    /// Card and host cryptogram (E.4.2); `card` is the sequence counter and the card challenge.
    pub(crate) fn cryptograms(&self, host: &[u8], card: &[u8]) -> Option<([u8; 8], [u8; 8])> {
        Some((
            full_tdes_mac(&self.s_enc, &[host, card].concat())?,
            full_tdes_mac(&self.s_enc, &[card, host].concat())?,
        ))
    }

    /// Checks the C-MAC, which is over the clear data with their length plus eight, and
    /// deciphers the data first when the level asks for it. Nothing when anything is wrong.
    pub(crate) fn open(&mut self, mut command: Command, deciphers: bool) -> Option<Command> {
        let (body, mac) = command.data.split_last_chunk::<8>()?;
        let clear: Secret = if deciphers && !body.is_empty() {
            if !body.len().is_multiple_of(8) {
                return None;
            }
            let padded = Cipher::new(Family::Tdes, &self.s_enc)?.cbc_decrypt(&[], body);
            Zeroizing::new(unpad(&padded)?.to_vec())
        } else {
            crate::crypto::secret(body)
        };
        let icv = match (self.last_mac, self.encrypt_icv) {
            (None, _) => vec![0; 8],
            (Some(mac), false) => mac.to_vec(),
            (Some(mac), true) => Cipher::des_left(&self.s_mac)?.ecb_encrypt(&mac).to_vec(),
        };
        let mut input: Secret = Zeroizing::new(command.mac_header(clear.len() + 8));
        input.extend_from_slice(&clear);
        let expected = retail_mac(&self.s_mac, &icv, &input)?;
        if !same(&expected, mac) {
            return None;
        }
        self.last_mac = Some(expected);
        command.cla &= !0x04;
        command.data = clear;
        Some(command)
    }

    /// Deciphers sensitive data under the session's data encryption key.
    pub(crate) fn decipher(&self, text: &[u8]) -> Option<Secret> {
        let whole = !text.is_empty() && text.len().is_multiple_of(8);
        let cipher = Cipher::new(Family::Tdes, &self.s_dek)?;
        whole.then(|| cipher.ecb_decrypt(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    fn keys() -> CardKeys {
        let key = h("404142434445464748494A4B4C4D4E4F");
        CardKeys::new(&key, &key, &key)
    }

    /// Values made with the formulas of GlobalPlatformPro for K = 4041…4F, counter 0003.
    #[test]
    fn session_keys_and_cryptograms() {
        let session = Session::derive(&keys(), 3, 0x15).unwrap();
        assert_eq!(
            session.s_enc.to_vec(),
            h("C39AC2D18F94A22B14C04DBB8CF69B7F")
        );
        assert_eq!(
            session.s_mac.to_vec(),
            h("D527FB5519C316C9C876E016D80BAEBA")
        );
        assert_eq!(
            session.s_dek.to_vec(),
            h("F5352F994F0CAE5DB807D08AE3E055DB")
        );
        let (card, host) = session
            .cryptograms(&h("0102030405060708"), &h("0003A1A2A3A4A5A6"))
            .unwrap();
        assert_eq!(card.to_vec(), h("FCFECD429498A7AA"));
        assert_eq!(host.to_vec(), h("1FB90FEC8F106C53"));
        assert_eq!(
            session.decipher(&h("7E620023B5D857F2")).unwrap().to_vec(),
            h("241234FFFFFFFFFF")
        );
    }

    /// Same source: EXTERNAL AUTHENTICATE at level 03, then an enciphered STORE DATA.
    #[test]
    fn chained_and_enciphered_commands() {
        for (option, store_data) in [
            (0x15, "84E280001017A6ED1C4601970093F34DB5B35FB3A0"),
            (0x05, "84E280001017A6ED1C460197004ED48BB9B04FC2F3"),
        ] {
            let mut session = Session::derive(&keys(), 3, option).unwrap();
            let first = h("84820300101FB90FEC8F106C53DB182CBC52836D1D");
            let opened = session
                .open(Command::parse(&first).unwrap(), false)
                .unwrap();
            assert_eq!(opened.data.to_vec(), h("1FB90FEC8F106C53"));
            let opened = session
                .open(Command::parse(&h(store_data)).unwrap(), true)
                .unwrap();
            assert_eq!((opened.cla, opened.data.to_vec()), (0x80, h("9010020303")));
        }
    }
}
