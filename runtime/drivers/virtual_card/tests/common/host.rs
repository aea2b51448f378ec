//! A personalization host for the tests: SCP02 and SCP03 as the terminal side sees them.

use super::{TEST_KEY, h, send};
use aes::Aes128;
use cardwright_virtual_card::VirtualCard;
use cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use cmac::{Cmac, Mac};
use des::{Des, TdesEde2};

pub(crate) fn pad(data: &[u8], block: usize) -> Vec<u8> {
    let mut out = data.to_vec();
    out.push(0x80);
    while !out.len().is_multiple_of(block) {
        out.push(0);
    }
    out
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(x, y)| x ^ y).collect()
}

pub(crate) fn tdes(key: &[u8], block: &[u8]) -> Vec<u8> {
    let mut out = des::cipher::Array::<u8, _>::try_from(block).unwrap();
    TdesEde2::new_from_slice(key)
        .unwrap()
        .encrypt_block(&mut out);
    out.to_vec()
}

fn single_des(key: &[u8], block: &[u8]) -> Vec<u8> {
    let mut out = des::cipher::Array::<u8, _>::try_from(block).unwrap();
    Des::new_from_slice(&key[..8])
        .unwrap()
        .encrypt_block(&mut out);
    out.to_vec()
}

pub(crate) fn aes(key: &[u8], block: &[u8]) -> Vec<u8> {
    let mut out = des::cipher::Array::<u8, _>::try_from(block).unwrap();
    Aes128::new_from_slice(key).unwrap().encrypt_block(&mut out);
    out.to_vec()
}

fn aes_open(key: &[u8], block: &[u8]) -> Vec<u8> {
    let mut out = des::cipher::Array::<u8, _>::try_from(block).unwrap();
    Aes128::new_from_slice(key).unwrap().decrypt_block(&mut out);
    out.to_vec()
}

pub(crate) fn cbc(
    cipher: fn(&[u8], &[u8]) -> Vec<u8>,
    key: &[u8],
    iv: &[u8],
    data: &[u8],
) -> Vec<u8> {
    let mut chain = iv.to_vec();
    let mut out = Vec::new();
    for block in data.chunks(iv.len()) {
        chain = cipher(key, &xor(block, &chain));
        out.extend_from_slice(&chain);
    }
    out
}

pub(crate) fn retail_mac(key: &[u8], iv: &[u8], data: &[u8]) -> Vec<u8> {
    let padded = pad(data, 8);
    let mut chain = iv.to_vec();
    let blocks: Vec<&[u8]> = padded.chunks(8).collect();
    for (i, block) in blocks.iter().enumerate() {
        let cipher = if i + 1 == blocks.len() {
            tdes
        } else {
            single_des
        };
        chain = cipher(key, &xor(block, &chain));
    }
    chain
}

pub(crate) fn aes_mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = <Cmac<Aes128> as cmac::KeyInit>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

fn kdf(key: &[u8], constant: u8, bits: u16, context: &[u8]) -> Vec<u8> {
    let bits = bits.to_be_bytes();
    let input = [&[0; 11][..], &[constant, 0], &bits, &[1], context].concat();
    aes_mac(key, &input)[..usize::from(u16::from_be_bytes(bits)) / 8].to_vec()
}

/// Sends a command and fetches what waits for GET RESPONSE.
fn talk(card: &mut VirtualCard, apdu: &[u8]) -> (Vec<u8>, u16) {
    let (data, status) = send(card, apdu);
    match status.to_be_bytes() {
        [0x61, length] => send(card, &[0x00, 0xC0, 0x00, 0x00, length]),
        _ => (data, status),
    }
}

/// An open channel.
pub(crate) struct Host {
    scp: u8,
    level: u8,
    enc: Vec<u8>,
    mac: Vec<u8>,
    rmac: Vec<u8>,
    dek: Vec<u8>,
    chain: Vec<u8>,
    encrypt_icv: bool,
    started: bool,
    counter: u128,
    pub(crate) block: u8,
}

impl Host {
    /// INITIALIZE UPDATE and the keys that follow from it.
    pub(crate) fn begin(card: &mut VirtualCard, level: u8, icv: bool) -> (Self, Vec<u8>) {
        let challenge = h("1122334455667788");
        let (answer, status) = talk(card, &h("8050000008112233445566778800"));
        assert_eq!(status, 0x9000);
        let key = h(TEST_KEY);
        let scp = answer[11];
        let mut host = Self {
            scp,
            level,
            enc: vec![],
            mac: vec![],
            rmac: vec![],
            dek: key.clone(),
            chain: vec![0; if scp == 2 { 8 } else { 16 }],
            encrypt_icv: icv,
            started: false,
            counter: 0,
            block: 0,
        };
        let cryptogram = if scp == 2 {
            let session = |constant: &str| {
                let block = [&h(constant)[..], &answer[12..14], &[0; 12]].concat();
                cbc(tdes, &key, &[0; 8], &block)
            };
            host.enc = session("0182");
            host.mac = session("0101");
            host.dek = session("0181");
            let full = |data: Vec<u8>| cbc(tdes, &host.enc, &[0; 8], &pad(&data, 8)).split_off(16);
            assert_eq!(full([&challenge, &answer[12..20]].concat()), answer[20..28]);
            full([&answer[12..20], &challenge].concat())
        } else {
            let context = [&challenge, &answer[13..21]].concat();
            host.enc = kdf(&key, 4, 128, &context);
            host.mac = kdf(&key, 6, 128, &context);
            host.rmac = kdf(&key, 7, 128, &context);
            assert_eq!(kdf(&host.mac, 0, 64, &context), answer[21..29]);
            kdf(&host.mac, 1, 64, &context)
        };
        let head = [0x84, 0x82, level, 0, 0x10];
        let mac = host.seal(&head, &cryptogram);
        (host, [&head[..], &cryptogram, &mac].concat())
    }

    /// An authenticated channel.
    pub(crate) fn open(card: &mut VirtualCard, level: u8, icv: bool) -> Self {
        let (host, authenticate) = Self::begin(card, level, icv);
        assert_eq!(send(card, &authenticate).1, 0x9000);
        host
    }

    fn seal(&mut self, head: &[u8], data: &[u8]) -> Vec<u8> {
        if self.scp == 2 {
            let icv = if self.started && self.encrypt_icv {
                single_des(&self.mac, &self.chain)
            } else {
                self.chain.clone()
            };
            self.started = true;
            self.chain = retail_mac(&self.mac, &icv, &[head, data].concat());
        } else {
            let input = [&self.chain, head, data].concat();
            self.chain = aes_mac(&self.mac, &input);
        }
        self.chain[..8].to_vec()
    }

    /// Secures a command with a short Lc.
    pub(crate) fn wrap(&mut self, head: [u8; 4], data: &[u8]) -> Vec<u8> {
        let [cla, ins, p1, p2] = head;
        self.counter += 1;
        if self.level & 1 == 0 {
            return [&head[..], &[data.len() as u8], data].concat();
        }
        let hidden = self.level & 2 != 0 && !data.is_empty();
        let cla = cla | 4;
        if self.scp == 2 {
            let mac = self.seal(&[cla, ins, p1, p2, data.len() as u8 + 8], data);
            let sent = match hidden {
                true => cbc(tdes, &self.enc, &[0; 8], &pad(data, 8)),
                false => data.to_vec(),
            };
            return [&[cla, ins, p1, p2, sent.len() as u8 + 8], &sent[..], &mac].concat();
        }
        let sent = if hidden {
            let icv = aes(&self.enc, &self.counter.to_be_bytes());
            cbc(aes, &self.enc, &icv, &pad(data, 16))
        } else {
            data.to_vec()
        };
        let head = [cla, ins, p1, p2, sent.len() as u8 + 8];
        let mac = self.seal(&head, &sent);
        [&head[..], &sent, &mac].concat()
    }

    /// Checks an answer's R-MAC and opens its data.
    pub(crate) fn unwrap(&self, answer: &[u8]) -> Vec<u8> {
        let (rest, status) = answer.split_at(answer.len() - 2);
        if self.level & 0x10 == 0 {
            return rest.to_vec();
        }
        let (data, mac) = rest.split_at(rest.len() - 8);
        let input = [&self.chain, data, status].concat();
        assert_eq!(aes_mac(&self.rmac, &input)[..8], *mac, "R-MAC");
        if self.level & 0x20 == 0 || data.is_empty() {
            return data.to_vec();
        }
        let mut icv = self.counter.to_be_bytes();
        icv[0] |= 0x80;
        let mut chain = aes(&self.enc, &icv);
        let mut clear = Vec::new();
        for block in data.chunks(16) {
            clear.extend(xor(&aes_open(&self.enc, block), &chain));
            chain = block.to_vec();
        }
        let end = clear.iter().rposition(|o| *o == 0x80).unwrap();
        clear.truncate(end);
        clear
    }

    /// A value under the data encryption key; the caller has padded it.
    pub(crate) fn hide(&self, value: &[u8]) -> Vec<u8> {
        if self.scp == 2 {
            value
                .chunks(8)
                .flat_map(|block| tdes(&self.dek, block))
                .collect()
        } else {
            cbc(aes, &self.dek, &[0; 16], value)
        }
    }

    /// Sends STORE DATA with the next block number and gives the status word; a good answer has to
    /// carry what the level promises.
    pub(crate) fn store(&mut self, card: &mut VirtualCard, p1: u8, data: &[u8]) -> u16 {
        let apdu = self.wrap([0x80, 0xE2, p1, self.block], data);
        self.block = self.block.wrapping_add(1);
        let (data, status) = send(card, &apdu);
        if status == 0x9000 {
            let answer = [&data[..], &status.to_be_bytes()].concat();
            assert!(self.unwrap(&answer).is_empty());
        }
        status
    }
}

/// A grouping as it travels.
pub(crate) fn grouping(number: u16, value: &[u8]) -> Vec<u8> {
    let length = match value.len() {
        short @ 0..=254 => vec![short as u8],
        long => vec![0xFF, (long >> 8) as u8, long as u8],
    };
    [&number.to_be_bytes()[..], &length, value].concat()
}

/// Whether a grouping is secret.
pub(crate) fn is_secret(number: u16) -> bool {
    number & 0xF000 == 0x8000
}

/// Personalizes the selected application, one grouping a command or cut where it does not fit.
pub(crate) fn personalize(
    card: &mut VirtualCard,
    host: &mut Host,
    groups: &[(u16, Vec<u8>)],
) -> Vec<(u16, u16)> {
    let block = if host.scp == 2 { 8 } else { 16 };
    let mut statuses = Vec::new();
    for (i, (number, value)) in groups.iter().enumerate() {
        let secret = is_secret(*number);
        let value = match (secret, value.len() % block) {
            (false, _) => value.clone(),
            (true, 0) => host.hide(value),
            (true, _) => host.hide(&pad(value, block)),
        };
        let whole = grouping(*number, &value);
        let parts: Vec<&[u8]> = whole.chunks(223).collect();
        for (k, part) in parts.iter().enumerate() {
            let last = i + 1 == groups.len() && k + 1 == parts.len();
            let p1 = if secret { 0x60 } else { 0 } | if last { 0x80 } else { 0 };
            statuses.push((*number, host.store(card, p1, part)));
        }
    }
    statuses
}
