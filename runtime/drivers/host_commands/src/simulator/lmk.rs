//! The simulator's local master key: key blocks, sealed octets, PINs under it. A TEST key that
//! comes from a seed.

use cardwright_rsa::{NoRandomness, RandomSource, RsaKey};
use cardwright_standards::cipher::{AesKey, Block, TdesKey};
use cardwright_standards::kcv;
use cardwright_standards::keyblock::{self, Header, OptionalBlock};
use cardwright_standards::mac::Cmac;
use cardwright_standards::pin::Pin;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Characters of a PIN under this LMK.
pub(crate) const PIN_CHARACTERS: usize = 13;
/// Bits of each half of an enciphered PIN.
const HALF: u32 = 26;
/// Rounds over a PIN's two halves.
const ROUNDS: u8 = 10;

/// An error code of a command.
type Code = &'static str;

/// The local master key.
pub struct Lmk {
    key: Zeroizing<[u8; 32]>,
}

/// An opened key block.
pub(crate) struct Opened {
    pub(crate) header: Header,
    pub(crate) key: Zeroizing<Vec<u8>>,
}

/// The operating system's randomness.
pub(crate) struct System;

impl RandomSource for System {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(octets).map_err(|_| NoRandomness)
    }
}

impl Lmk {
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        let mut lmk = Self {
            key: Zeroizing::new(*seed),
        };
        lmk.key = Zeroizing::new(lmk.hash(&[b"LMK of the TEST simulator"]));
        lmk
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_slice()) else {
            return [0; 32];
        };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn sub(&self, purpose: &str) -> [u8; 32] {
        self.hash(&[purpose.as_bytes()])
    }

    /// Check value of the LMK, as NC gives it.
    pub fn check_value(&self) -> String {
        let check = self.hash(&[b"check value"]);
        hex::encode_upper(check.get(..8).unwrap_or_default())
    }

    /// A clear TEST key as key block under this LMK: usage such as `C0`, algorithm `T` or `A`.
    /// The version number is `c1` to `c9` for components.
    pub fn protect(
        &self,
        usage: &str,
        algorithm: char,
        version: &str,
        key: &[u8],
    ) -> Option<String> {
        self.block(usage, algorithm, ('N', 'E'), version, key).ok()
    }

    /// An RSA TEST key as private key under this LMK.
    pub fn protect_rsa(&self, p: &[u8], q: &[u8], exponent: u32) -> Option<Vec<u8>> {
        let key = RsaKey::from_primes(p, q, exponent).ok()?;
        self.private(&key).ok()
    }

    pub(super) fn block(
        &self,
        usage: &str,
        algorithm: char,
        (mode_of_use, exportability): (char, char),
        version: &str,
        key: &[u8],
    ) -> Result<String, Code> {
        let header = Header {
            version: 'D',
            length: 0,
            usage: usage.to_owned(),
            algorithm,
            mode_of_use,
            key_version: version.to_owned(),
            exportability,
            reserved: "00".to_owned(),
            blocks: Vec::<OptionalBlock>::new(),
        };
        let needed = keyblock::fill_octets(&header, key.len()).map_err(|_| "83")?;
        // The same key gives the same block, so that repeated commands give the same answer.
        let fill = self.fill(needed, &[b"block", usage.as_bytes(), key]);
        let block = keyblock::wrap(&self.sub("blocks"), &header, key, &fill).map_err(|_| "83")?;
        Ok(format!("S{block}"))
    }

    fn fill(&self, needed: usize, parts: &[&[u8]]) -> Vec<u8> {
        let label = self.hash(parts);
        let mut fill = Vec::with_capacity(needed + 32);
        let mut counter = 0u32;
        while fill.len() < needed {
            fill.extend_from_slice(&self.hash(&[b"fill", &label, &counter.to_be_bytes()]));
            counter += 1;
        }
        fill.truncate(needed);
        fill
    }

    /// Opens a key block for one of some usages.
    pub(super) fn open(&self, block: &[u8], usages: &[&str]) -> Result<Opened, Code> {
        let block = std::str::from_utf8(block).map_err(|_| "83")?;
        let text = block.strip_prefix('S').ok_or("A1")?;
        let opened = keyblock::unwrap(&self.sub("blocks"), text).map_err(|e| match e {
            keyblock::KeyBlockError::Mac => "A4",
            _ => "83",
        })?;
        match usages.is_empty() || usages.contains(&opened.header.usage.as_str()) {
            true => Ok(Opened {
                header: opened.header,
                key: opened.key,
            }),
            false => Err("A6"),
        }
    }

    /// A triple DES key for one usage.
    pub(super) fn tdes(&self, block: &[u8], usage: &str) -> Result<TdesKey, Code> {
        let opened = self.open(block, &[usage])?;
        match opened.header.algorithm {
            'T' => TdesKey::new(&opened.key).map_err(|_| "27"),
            _ => Err("A7"),
        }
    }

    /// An AES key for one usage.
    pub(super) fn aes(&self, block: &[u8], usage: &str) -> Result<AesKey, Code> {
        let opened = self.open(block, &[usage])?;
        match opened.header.algorithm {
            'A' => AesKey::new(&opened.key).map_err(|_| "27"),
            _ => Err("A7"),
        }
    }

    /// Octets that only this HSM opens; what they are for goes into the fill.
    pub(super) fn token(&self, context: &[u8], clear: &[u8]) -> Result<Vec<u8>, Code> {
        let header = Header::from_text("D0016D0AN00N0000").map_err(|_| "41")?;
        let needed = keyblock::fill_octets(&header, clear.len()).map_err(|_| "80")?;
        let fill = self.fill(needed, &[b"token", context, clear]);
        let token = keyblock::wrap(&self.sub("tokens"), &header, clear, &fill);
        token.map(String::into_bytes).map_err(|_| "80")
    }

    /// Opens a token.
    pub(super) fn clear(&self, token: &[u8]) -> Result<Zeroizing<Vec<u8>>, Code> {
        let token = std::str::from_utf8(token).map_err(|_| "83")?;
        let opened = keyblock::unwrap(&self.sub("tokens"), token).map_err(|_| "A4")?;
        Ok(opened.key)
    }

    /// An RSA private key under the LMK.
    pub(super) fn private(&self, key: &RsaKey) -> Result<Vec<u8>, Code> {
        let mut clear = Zeroizing::new(key.exponent().to_be_bytes().to_vec());
        clear.extend_from_slice(key.p());
        clear.extend_from_slice(key.q());
        self.token(b"RSA", &clear)
    }

    /// Opens an RSA private key.
    pub(super) fn rsa(&self, private: &[u8]) -> Result<RsaKey, Code> {
        let clear = self.clear(private).map_err(|_| "49")?;
        let (exponent, primes) = clear.split_first_chunk::<4>().ok_or("49")?;
        let (p, q) = primes.split_at_checked(primes.len() / 2).ok_or("49")?;
        RsaKey::from_primes(p, q, u32::from_be_bytes(*exponent)).map_err(|_| "49")
    }

    fn round(&self, key: &AesKey, round: u8, account: &[u8], half: u32) -> u32 {
        let mut block = [0u8; 16];
        let octets = account.iter().copied().chain(half.to_be_bytes());
        for (slot, octet) in block.iter_mut().zip(octets) {
            *slot = octet;
        }
        if let Some(first) = block.first_mut() {
            *first ^= round << 4;
        }
        let [a, b, c, d, ..] = key.encrypt(block);
        u32::from_be_bytes([a, b, c, d]) & ((1 << HALF) - 1)
    }

    fn pin_key(&self) -> Result<AesKey, Code> {
        AesKey::new(&self.sub("PINs")).map_err(|_| "13")
    }

    /// A PIN under the LMK, bound to an account number of 12 digits.
    pub(super) fn pin(&self, pin: &Pin, account: &[u8]) -> Result<Vec<u8>, Code> {
        let key = self.pin_key()?;
        let number: u64 = pin.expose().parse().map_err(|_| "24")?;
        let packed = (pin.length() as u64) << 40 | number;
        let mask = (1u64 << HALF) - 1;
        let (mut left, mut right) = ((packed >> HALF) as u32, (packed & mask) as u32);
        for round in 0..ROUNDS {
            let next = left ^ self.round(&key, round, account, right);
            (left, right) = (right, next);
        }
        let enciphered = u64::from(left) << HALF | u64::from(right);
        Ok(format!("{enciphered:0PIN_CHARACTERS$X}").into_bytes())
    }

    /// The PIN of its characters under the LMK and its account number.
    pub(super) fn pin_of(&self, characters: &[u8], account: &[u8]) -> Result<Pin, Code> {
        let key = self.pin_key()?;
        let text = std::str::from_utf8(characters).map_err(|_| "14")?;
        let packed = u64::from_str_radix(text, 16).map_err(|_| "14")?;
        let mask = (1u64 << HALF) - 1;
        let (mut left, mut right) = ((packed >> HALF) as u32, (packed & mask) as u32);
        for round in (0..ROUNDS).rev() {
            let before = right ^ self.round(&key, round, account, left);
            (left, right) = (before, left);
        }
        let packed = u64::from(left) << HALF | u64::from(right);
        let (length, number) = ((packed >> 40) as usize, packed & ((1 << 40) - 1));
        let digits = Zeroizing::new(format!("{number:0length$}"));
        match (4..=12).contains(&length) && digits.len() == length {
            true => Pin::new(&digits).map_err(|_| "14"),
            false => Err("14"),
        }
    }
}

/// Eight octets of check value of a key.
pub(super) fn check_value(algorithm: char, key: &[u8]) -> Result<[u8; 8], Code> {
    match algorithm {
        'T' => Ok(TdesKey::new(key).map_err(|_| "27")?.encrypt([0; 8])),
        'A' => {
            let key = AesKey::new(key).map_err(|_| "27")?;
            let mac: [u8; 16] = Cmac::over(&key, &[&[0; 16]]);
            let mut check = [0; 8];
            for (slot, octet) in check.iter_mut().zip(mac) {
                *slot = octet;
            }
            Ok(check)
        }
        _ => Err("A7"),
    }
}

/// Three octets of check value of a card's key.
pub(super) fn card_check(algorithm: char, key: &[u8]) -> Result<[u8; 3], Code> {
    match algorithm {
        'T' => Ok(kcv::tdes(&TdesKey::new_double(key).map_err(|_| "27")?)),
        _ => Ok(kcv::aes(&AesKey::new(key).map_err(|_| "27")?)),
    }
}
