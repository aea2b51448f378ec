//! The plain program: what one would write in an afternoon, without its mistakes.
//!
//! For each card 25 operations: the PIN block deciphered (1); PVV (1); three CVVs by single DES and
//! triple DES (6); three master keys derived inside, check value, wrapped under the transport key,
//! destroyed (12); the PIN enciphered as a block (1); the RSA key unwrapped from the pool, wrapped
//! under the transport key, destroyed (3); the certificate signed (1). Keys are found once and their
//! handles kept; nothing is looked for, opened or logged in for a card. A program that makes data ahead and
//! keeps no key in host memory stores each master key in between: nine operations more, 34.

use std::time::Instant;

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Mechanism, Object, Session};
use cardwright_standards::cipher::{TdesKey, xor};
use cardwright_standards::cvv;
use cardwright_standards::emv::certificates::{IccCertificate, icc_block};
use cardwright_standards::emv::keys;
use cardwright_standards::pin::{block, pvv};
use cardwright_standards::test_keys;

use super::{
    BITS, Bench, CardWork, Cost, EXPIRY, SEQUENCE, SERVICE_CODES, STATIC_DATA, open_key, pan,
    pin_block,
};
use crate::capability::{import_rsa, private_rows};
use crate::error::{self, Refused, Trouble};
use crate::known::RsaParts;
use crate::objects::{self, Flags, Kind, Place, Protection, left_twice};
use crate::tool::wrong;

/// Handles that the program keeps, and its pool of one key.
struct Program<'s> {
    session: &'s Session,
    zpk: Object,
    pvk: Object,
    cvk: Object,
    cvk_left: Object,
    masters: [Object; 3],
    transport: Object,
    pool: Object,
    pooled: Vec<u8>,
    issuer: Object,
    issuer_octets: usize,
    modulus: Vec<u8>,
    /// Whether master keys are stored between their derivation and the machine, as in a line that makes
    /// data ahead: wrapped under a storage key, destroyed, unwrapped again.
    through_storage: bool,
}

pub(super) fn run(
    bench: &Bench,
    (first, cards): (u64, u64),
    through_storage: bool,
) -> Result<(Vec<CardWork>, Cost), Refused> {
    let shared = &bench.hsm.shared;
    let token = shared.tokens.first();
    let token = token.ok_or_else(|| error::NO_TOKEN.found("no token"))?;
    let modulus = bench.icc.modulus.clone();
    let zpk = TdesKey::new_double(&open_key("zpk", "tdes2")?);
    let zpk = zpk.map_err(|e| error::KEY_DIFFERS.found(e.to_string()))?;
    let module = std::sync::Arc::clone(shared.module());
    let deadline = std::time::Duration::from_secs(24 * 3_600);
    let (made, before, begun) = token.with_session(deadline, move |session| {
        let mut program = Program::new(session, modulus)?;
        program.through_storage = through_storage;
        let (before, begun) = (module.calls(), Instant::now());
        let mut made = Vec::new();
        for card in first..first + cards {
            made.push(program.card(&zpk, card)?);
        }
        Ok((made, before, begun))
    })?;
    Ok((made, bench.cost(cards, &before, begun)))
}

fn failed(e: impl std::fmt::Display) -> Trouble {
    error::ARGUMENT.found(e.to_string()).into()
}

impl<'s> Program<'s> {
    fn new(session: &'s Session, modulus: Vec<u8>) -> Result<Self, Trouble> {
        let inside = (Place::Session, Protection::Inside);
        let import = |name: &str, algorithm: &str, flags: Flags| -> Result<Object, Trouble> {
            let kind =
                Kind::of_algorithm(algorithm).ok_or_else(|| wrong("an unknown algorithm"))?;
            let octets = open_key(name, algorithm)?;
            Ok(objects::import(session, kind, flags, inside, &octets)?)
        };
        let derives = |name: &str| import(name, "tdes2", Flags::DERIVE);
        let wraps = Flags::WRAP.and(Flags::UNWRAP);
        let left = left_twice(&open_key("cvk", "tdes2")?).ok_or_else(|| wrong("a short key"))?;
        let pool = import("pool", "aes256", wraps)?;
        let rsa = |name: &str, bits: u32| -> Result<RsaParts, Trouble> {
            let (p, q) = test_keys::rsa_primes(name, bits, 3).map_err(failed)?;
            let parts = RsaParts::from_primes(&p, &q, 3);
            Ok(parts.ok_or_else(|| wrong("primes that make no key"))?)
        };
        let wrappable = (Place::Session, Protection::Wrappable);
        let card_key = import_rsa(session, &rsa("bench.card", BITS.0)?, wrappable)?;
        let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP_PAD);
        let pooled = session.wrap(&mechanism, pool, card_key)?;
        let issuer = rsa("bench.issuer", BITS.1)?;
        Ok(Self {
            session,
            zpk: import("zpk", "tdes2", Flags::ENCRYPT.and(Flags::DECRYPT))?,
            pvk: import("pvk", "tdes2", Flags::ENCRYPT)?,
            cvk: import("cvk", "tdes2", Flags::ENCRYPT)?,
            cvk_left: objects::import(
                session,
                Kind::Des2,
                Flags::ENCRYPT,
                inside,
                left.as_slice(),
            )?,
            masters: [derives("ac")?, derives("smi")?, derives("smc")?],
            transport: import("kek", "aes256", wraps)?,
            pool,
            pooled,
            issuer_octets: issuer.modulus.len(),
            issuer: import_rsa(session, &issuer, inside)?,
            modulus,
            through_storage: false,
        })
    }

    fn one_block(&self, key: Object, block: &[u8]) -> Result<[u8; 8], Trouble> {
        let mechanism = Mechanism::Plain(ck::CKM_DES3_ECB);
        let found = self.session.encrypt(&mechanism, key, block)?;
        Ok(found.first_chunk().copied().unwrap_or_default())
    }

    fn verification_value(&self, pan: &str, service_code: &str) -> Result<String, Trouble> {
        let [first, second] = cvv::blocks(pan, EXPIRY, service_code).map_err(failed)?;
        let inner = self.one_block(self.cvk_left, &first)?;
        let result = self.one_block(self.cvk, &xor(inner, second))?;
        Ok(cvv::value(result).as_str().to_owned())
    }

    /// A master key of the card: its check value, and itself under the transport key.
    fn master(&self, issuer: Object, pan: &str) -> Result<([u8; 3], Vec<u8>), Trouble> {
        let data = keys::option_a_blocks(pan, SEQUENCE).map_err(failed)?;
        let mechanism =
            Mechanism::Data(ck::CKM_DES3_ECB_ENCRYPT_DATA, data.as_flattened().to_vec());
        let rows = objects::made(Kind::Des2, Flags::ENCRYPT, Protection::Wrappable, true);
        let key = self.session.derive(&mechanism, issuer, &rows)?;
        let shown = self.one_block(key, &[0; 8])?;
        let key = match self.through_storage {
            true => self.stored(key)?,
            false => key,
        };
        let mechanism = Mechanism::Initial(ck::CKM_AES_CBC, vec![0; 16]);
        let wrapped = self.session.wrap(&mechanism, self.transport, key)?;
        self.session.destroy(key)?;
        Ok((shown.first_chunk().copied().unwrap_or_default(), wrapped))
    }

    /// A key that was put away and taken out again: three calls.
    fn stored(&self, key: Object) -> Result<Object, Trouble> {
        let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP);
        let wrapped = self.session.wrap(&mechanism, self.pool, key)?;
        self.session.destroy(key)?;
        let rows = objects::made(Kind::Des2, Flags::ENCRYPT, Protection::Wrappable, false);
        Ok(self
            .session
            .unwrap(&mechanism, self.pool, &wrapped, &rows)?)
    }

    fn card(&self, zpk: &TdesKey, card: u64) -> Result<CardWork, Trouble> {
        let pan = pan(card);
        let enciphered = pin_block(zpk, card, &pan)?;
        let mechanism = Mechanism::Plain(ck::CKM_DES3_ECB);
        let clear = self.session.decrypt(&mechanism, self.zpk, &enciphered)?;
        let clear = clear.first_chunk().copied().unwrap_or_default();
        let pin = block::decode_0(&clear, &pan).map_err(failed)?;
        let tested = pvv::block(&pan, &pin, 1).map_err(failed)?;
        let pvv = pvv::value(self.one_block(self.pvk, tested.as_slice())?);
        let [cvv, cvv2, icvv] = SERVICE_CODES.map(|code| self.verification_value(&pan, code));
        let [ac, smi, smc] = self.masters.map(|master| self.master(master, &pan));
        let ((first, exported), (second, _), (third, _)) = (ac?, smi?, smc?);
        let out = block::encode_0(&pin, &pan).map_err(failed)?;
        let pin_block = self.one_block(self.zpk, out.as_slice())?.to_vec();
        self.icc_key()?;
        Ok(CardWork {
            values: [pvv.as_str().to_owned(), cvv?, cvv2?, icvv?],
            check_values: [first, second, third].concat(),
            exported,
            pin_block,
            certificate: self.certificate(card, &pan)?,
        })
    }

    /// The next RSA key of the pool under the transport key.
    fn icc_key(&self) -> Result<Vec<u8>, Trouble> {
        let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP_PAD);
        let rows = private_rows(Place::Session, Protection::Wrappable);
        let key = self
            .session
            .unwrap(&mechanism, self.pool, &self.pooled, &rows)?;
        let wrapped = self.session.wrap(&mechanism, self.transport, key)?;
        self.session.destroy(key)?;
        Ok(wrapped)
    }

    fn certificate(&self, card: u64, pan: &str) -> Result<Vec<u8>, Trouble> {
        let [.., a, b, c] = card.to_be_bytes();
        let fields = IccCertificate {
            pan,
            expiry_mmyy: "1228",
            serial: [a, b, c],
            modulus: &self.modulus,
            exponent: 3,
            static_data: STATIC_DATA,
        };
        let signed = icc_block(&fields, self.issuer_octets).map_err(failed)?;
        let mechanism = Mechanism::Plain(ck::CKM_RSA_X_509);
        let certificate = self.session.sign(&mechanism, self.issuer, &signed.block)?;
        Ok(certificate.to_vec())
    }
}
