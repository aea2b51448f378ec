//! Key custody by host commands: keys made (A0, EI), taken in (A6), given out (A8), formed of
//! components (A4). Payment HSMs print components at their own printer and take them at their own
//! console: clear components do not pass here.

use cardwright_ports::custody::{
    CheckValue, CustodyHsm, Exportability, KeyAlgorithm, KeyCustody, KeyFacts, NewKey, PublicKey,
    SealedComponent, Signing, Wrapping,
};
use cardwright_ports::hsm::{
    Certificate, CheckMethod, IssuerCertificateFields, KeyRequest, KeyUse,
};
use cardwright_ports::{HsmError, SecretBytes};

use crate::driver::{HostCommandHsm, Shared, key_of};
use crate::error::{self, Refused};
use crate::keys::{Entry, algorithm_of, usage_of};
use crate::layout;
use crate::session::Session;

/// Fewest octets of check values that are compared.
const CHECK_OCTETS_MIN: usize = 3;

struct Custody<'h> {
    hsm: &'h HostCommandHsm,
}

impl CustodyHsm for HostCommandHsm {
    fn open_custody(&self) -> Result<Box<dyn KeyCustody + '_>, HsmError> {
        Ok(Box::new(Custody { hsm: self }))
    }
}

fn at_the_device() -> Refused {
    error::NOT_OFFERED.found(
        "clear components: payment HSMs print them at their own printer (A2) and take them at their console",
    )
}

fn use_name(usage: KeyUse) -> String {
    let found = KeyUse::NAMES.iter().find(|(u, _)| *u == usage);
    found.map_or(String::new(), |(_, name)| (*name).to_owned())
}

/// Whether two check values agree as far as the shorter one goes.
fn agree(found: &str, expected: Option<&CheckValue>) -> Result<(), Refused> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let found = hex::decode(found).unwrap_or_default();
    let length = found.len().min(expected.octets.len());
    match length >= CHECK_OCTETS_MIN && found.get(..length) == expected.octets.get(..length) {
        true => Ok(()),
        false => Err(error::KEY.found("the key has another check value than expected")),
    }
}

/// The fields of a header that a command can't change: usage, algorithm, mode, and exportability.
fn fixed(header: &str) -> Option<(&str, &str)> {
    Some((header.get(5..9)?, header.get(11..12)?))
}

/// The DER INTEGER at the start, as an unsigned number.
fn integer(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der {
        [0x02, n @ 0..=0x7F, rest @ ..] => (usize::from(*n), rest),
        [0x02, 0x81, n, rest @ ..] => (usize::from(*n), rest),
        [0x02, 0x82, high, low, rest @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        _ => return None,
    };
    let (number, rest) = rest.split_at_checked(length)?;
    Some((number.strip_prefix(&[0]).unwrap_or(number), rest))
}

/// Modulus and exponent of a public key in DER.
fn public_numbers(der: &[u8]) -> Option<(Vec<u8>, u32)> {
    let body = match der {
        [0x30, 0..=0x7F, rest @ ..] | [0x30, 0x81, _, rest @ ..] => rest,
        [0x30, 0x82, _, _, rest @ ..] => rest,
        _ => return None,
    };
    let (modulus, rest) = integer(body)?;
    let (exponent, rest) = integer(rest)?;
    if !rest.is_empty() || exponent.len() > 4 {
        return None;
    }
    let exponent = exponent.iter().fold(0, |n, o| n << 8 | u32::from(*o));
    Some((modulus.to_vec(), exponent))
}

fn facts(entry: &Entry) -> Option<KeyFacts> {
    let usage = KeyUse::from_name(&entry.r#use)?;
    let algorithm = KeyAlgorithm::from_name(&entry.algorithm, entry.bits(), entry.exponent)?;
    let letter = entry.block.get(12..13).unwrap_or_default();
    let exportability = Exportability::ALL
        .iter()
        .find(|(_, known, _)| letter.starts_with(*known) && entry.algorithm != "rsa")
        .map_or(Exportability::NonExportable, |(e, _, _)| *e);
    let method = match entry.algorithm.as_str() {
        "tdes2" | "tdes3" => CheckMethod::Ecb,
        _ => CheckMethod::Cmac,
    };
    let octets = hex::decode(&entry.check_value).unwrap_or_default();
    let check = (!octets.is_empty()).then_some(CheckValue { method, octets });
    Some(KeyFacts {
        label: entry.name.clone(),
        algorithm,
        usage,
        exportability,
        check_values: check.into_iter().collect(),
    })
}

impl Custody<'_> {
    fn shared(&self) -> &Shared {
        self.hsm.shared()
    }

    fn entry(&self, label: &str) -> Result<Entry, Refused> {
        let found = self.shared().named(label)?;
        found.ok_or_else(|| error::KEY.found(format!("there is no key {label}")))
    }

    /// Refuses a label that is taken, before the HSM makes anything.
    fn free(&self, label: &str) -> Result<(), Refused> {
        match self.shared().named(label)? {
            None => Ok(()),
            Some(_) => Err(error::KEY.found(format!("there is a key {label} already"))),
        }
    }

    fn keep(&self, entry: Entry) -> Result<KeyFacts, Refused> {
        let made = facts(&entry);
        self.shared().add(entry)?;
        made.ok_or_else(|| error::KEY.found("a key without facts"))
    }

    fn symmetric(&self, key: &NewKey<'_>, block: String, check_value: String) -> Entry {
        Entry {
            name: key.label.to_owned(),
            algorithm: key.algorithm.name().to_owned(),
            r#use: use_name(key.usage),
            block,
            check_value,
            modulus: String::new(),
            exponent: 0,
        }
    }

    fn rsa_pair(&self, key: &NewKey<'_>, bits: u32, exponent: u32) -> Result<KeyFacts, Refused> {
        let bits = format!("{bits:04}");
        let [_, e @ ..] = exponent.to_be_bytes();
        let values: [&[u8]; 4] = [b"2", bits.as_bytes(), b"0024", &e];
        let found = self.shared().call(&layout::GENERATE_RSA, &values)?;
        let (public, private) = match found.as_slice() {
            [public, private] => (public, private),
            _ => return Err(error::ANSWER.found("EI: a field is missing")),
        };
        let (modulus, found) = public_numbers(public)
            .filter(|(_, found)| *found == exponent)
            .ok_or_else(|| error::ANSWER.found("EI: no such public key"))?;
        self.keep(Entry {
            name: key.label.to_owned(),
            algorithm: "rsa".to_owned(),
            r#use: use_name(key.usage),
            block: hex::encode_upper(private.as_slice()),
            check_value: String::new(),
            modulus: hex::encode_upper(modulus),
            exponent: found,
        })
    }
}

impl KeyCustody for Custody<'_> {
    fn generate(&mut self, key: &NewKey<'_>) -> Result<KeyFacts, HsmError> {
        self.free(key.label)?;
        if let KeyAlgorithm::Rsa { bits, exponent } = key.algorithm {
            return self.rsa_pair(key, bits, exponent);
        }
        let (algorithm, _) = algorithm_of(key.algorithm.name())
            .ok_or_else(|| error::NOT_OFFERED.found("keys on elliptic curves"))?;
        let (usage, mode) = usage_of(key.usage);
        let letter = Exportability::ALL
            .iter()
            .find(|(e, _, _)| *e == key.exportability)
            .map_or('N', |(_, letter, _)| *letter);
        let (mode, letter) = (mode.to_string(), letter.to_string());
        let values: [&[u8]; 5] = [
            usage.as_bytes(),
            algorithm.as_bytes(),
            mode.as_bytes(),
            b"00",
            letter.as_bytes(),
        ];
        let found = self.shared().call(&layout::GENERATE_KEY, &values)?;
        let (block, check_value) = key_of(&found)?;
        self.keep(self.symmetric(key, block, check_value))
    }

    fn keys(&mut self) -> Result<Vec<KeyFacts>, HsmError> {
        Ok(self.shared().entries()?.iter().filter_map(facts).collect())
    }

    fn key(&mut self, label: &str) -> Result<Option<KeyFacts>, HsmError> {
        Ok(self.shared().named(label)?.as_ref().and_then(facts))
    }

    fn check_value(&mut self, label: &str, method: CheckMethod) -> Result<CheckValue, HsmError> {
        let octets = self.shared().check_value_of(&self.entry(label)?, method)?;
        Ok(CheckValue { method, octets })
    }

    fn public_key(&mut self, label: &str) -> Result<PublicKey, HsmError> {
        let entry = self.entry(label)?;
        match hex::decode(&entry.modulus) {
            Ok(modulus) if !modulus.is_empty() => Ok(PublicKey::Rsa {
                modulus,
                exponent: entry.exponent,
            }),
            _ => Err(error::KEY.found(format!("key {label} has no public half"))),
        }
    }

    fn destroy(&mut self, label: &str) -> Result<(), HsmError> {
        self.shared().remove(label)
    }

    fn new_component(&mut self, _: &str, _: KeyAlgorithm) -> Result<SealedComponent, HsmError> {
        Err(at_the_device())
    }

    fn take_component(
        &mut self,
        _: &str,
        _: KeyAlgorithm,
        _: &SecretBytes,
    ) -> Result<SealedComponent, HsmError> {
        Err(at_the_device())
    }

    fn reveal_component(
        &mut self,
        _: &str,
        _: KeyAlgorithm,
        _: &SealedComponent,
    ) -> Result<SecretBytes, HsmError> {
        Err(at_the_device())
    }

    /// Forms a key of component blocks that the HSM's console or printer command made: a blob is
    /// the block's text.
    fn combine(
        &mut self,
        _: &str,
        components: &[SealedComponent],
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError> {
        self.free(key.label)?;
        let same = |(place, one): (usize, &SealedComponent)| {
            let others = components.iter().skip(place + 1);
            others.into_iter().any(|other| other.blob == one.blob)
        };
        if !(2..=5).contains(&components.len()) || components.iter().enumerate().any(same) {
            return Err(error::ARGUMENT.found("two to five different components make a key"));
        }
        let count = components.len().to_string();
        let blocks: Vec<u8> = components.iter().flat_map(|c| c.blob.clone()).collect();
        let values: [&[u8]; 3] = [count.as_bytes(), &blocks, b"00"];
        let found = self.shared().call(&layout::FORM_KEY, &values)?;
        let (block, check_value) = key_of(&found)?;
        agree(&check_value, expected)?;
        self.keep(self.symmetric(key, block, check_value))
    }

    fn wrap(
        &mut self,
        label: &str,
        under: &str,
        wrapping: &Wrapping<'_>,
    ) -> Result<Vec<u8>, HsmError> {
        let Wrapping::KeyBlock { header } = wrapping else {
            return Err(error::NOT_OFFERED.found("another export than key blocks"));
        };
        let (key, transport) = (self.entry(label)?, self.entry(under)?);
        transport.for_use(KeyUse::Transport)?;
        let wanted = fixed(header).filter(|_| header.len() == 16);
        let (_, exportability) = wanted
            .ok_or_else(|| error::NOT_OFFERED.found("optional blocks in an exported key block"))?;
        let values = [
            transport.block.as_bytes(),
            key.block.as_bytes(),
            b"R",
            exportability.as_bytes(),
        ];
        let found = self.shared().call(&layout::EXPORT_KEY, &values)?;
        let (block, _) = key_of(&found)?;
        match block.strip_prefix('R') {
            Some(block) if fixed(block) == wanted => Ok(block.as_bytes().to_vec()),
            _ => Err(error::ARGUMENT.found("the HSM's key block has another header than asked")),
        }
    }

    fn unwrap(
        &mut self,
        wrapped: &[u8],
        under: &str,
        wrapping: &Wrapping<'_>,
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, HsmError> {
        let Wrapping::KeyBlock { header } = wrapping else {
            return Err(error::NOT_OFFERED.found("another import than key blocks"));
        };
        self.free(key.label)?;
        let block = std::str::from_utf8(wrapped)
            .map_err(|_| error::ARGUMENT.found("a key block that is no text"))?;
        // What policy has accepted is what the HSM opens.
        if !block.starts_with(*header) {
            return Err(error::ARGUMENT.found("another header than the accepted one"));
        }
        let request = KeyRequest {
            name: key.label.to_owned(),
            algorithm: key.algorithm.name().to_owned(),
            bits: 0,
            exponent: 0,
            usage: key.usage,
        };
        let entry = self.shared().imported(&request, under, block)?;
        agree(&entry.check_value, expected)?;
        let octets = key.algorithm.octets();
        if octets.is_none() {
            return Err(error::NOT_OFFERED.found("private keys in key blocks"));
        }
        self.keep(entry)
    }

    fn sign(&mut self, label: &str, what: &Signing<'_>) -> Result<Vec<u8>, HsmError> {
        let Signing::Sha256 { message } = what else {
            return Err(error::NOT_OFFERED.found("issuers' self-certified records"));
        };
        let session = Session::new(std::sync::Arc::clone(self.hsm.shared()));
        session.signed_message(&self.entry(label)?, message)
    }

    fn certify_issuer(
        &mut self,
        authority: &str,
        fields: &IssuerCertificateFields<'_>,
    ) -> Result<Certificate, HsmError> {
        let session = Session::new(std::sync::Arc::clone(self.hsm.shared()));
        session.certified(&self.entry(authority)?, fields)
    }
}
