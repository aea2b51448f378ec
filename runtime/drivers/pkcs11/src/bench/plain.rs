//! The plain program: what one would write in an afternoon, without its mistakes.
//!
//! For each card 25 operations: the PIN block deciphered (1); PVV (1); three CVVs by single DES and
//! triple DES (6); three master keys derived inside, check value, wrapped under the transport key,
//! destroyed (12); the PIN enciphered as a block (1); the RSA key unwrapped from the pool, wrapped
//! under the transport key, destroyed (3); the certificate signed (1). Keys are found once and their
//! handles kept; nothing is looked for, opened or logged in for a card. A program that makes data ahead and
//! keeps no key in host memory stores each master key in between: nine operations more, 34.
//!
//! The naive program is the same without that thrift: it keeps no handle and looks each key up by class and
//! label at each use, as simple programs do, three calls each time.

use std::time::Instant;

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Attribute, Mechanism, Object, Session};
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

/// How such a program works.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Whether master keys are stored between their derivation and the machine, as in a line that makes
    /// data ahead: wrapped under a storage key, destroyed, unwrapped again.
    pub through_storage: bool,
    /// Whether each key is looked up by its label at each use, instead of once.
    pub looks_up: bool,
}

/// A key of the program: its handle, and what it is looked up by.
struct Own {
    object: Object,
    class: ck::CK_ULONG,
    label: String,
}

/// Keys of the program, and its pool of one key.
struct Program<'s> {
    session: &'s Session,
    zpk: Own,
    pvk: Own,
    cvk: Own,
    cvk_left: Own,
    masters: [Own; 3],
    transport: Own,
    pool: Own,
    pooled: Vec<u8>,
    issuer: Own,
    issuer_octets: usize,
    modulus: Vec<u8>,
    manner: Manner,
}

pub(super) fn run(
    bench: &Bench,
    (first, cards): (u64, u64),
    manner: Manner,
) -> Result<(Vec<CardWork>, Cost), Refused> {
    let shared = &bench.hsm.shared;
    let token = shared.tokens.first();
    let token = token.ok_or_else(|| error::NO_TOKEN.found("no token"))?;
    let modulus = bench.icc.modulus.clone();
    let zpk = TdesKey::new_double(&open_key("zpk", "tdes2")?);
    let zpk = zpk.map_err(|e| error::KEY_DIFFERS.found(e.to_string()))?;
    let module = std::sync::Arc::clone(shared.module());
    let deadline = std::time::Duration::from_secs(24 * 3_600);
    token.with_session(deadline, move |session| {
        // A session of its own, which is not counted: its keys go with it.
        let session = session.another()?;
        let program = Program::new(&session, modulus, manner)?;
        let (before, begun) = (module.calls(), Instant::now());
        let mut made = Vec::new();
        for card in first..first + cards {
            made.push(program.card(&zpk, card)?);
        }
        let cost = Cost::between((&before, module.calls()), cards, begun);
        Ok((made, cost))
    })
}

fn failed(e: impl std::fmt::Display) -> Trouble {
    error::ARGUMENT.found(e.to_string()).into()
}

impl<'s> Program<'s> {
    fn new(session: &'s Session, modulus: Vec<u8>, manner: Manner) -> Result<Self, Trouble> {
        let create = |name: &str, class: ck::CK_ULONG, mut rows: Vec<Attribute>| {
            let label = format!("plain.{name}");
            rows.push(Attribute::octets(ck::CKA_LABEL, label.as_bytes()));
            let object = session.create(&rows)?;
            Ok::<Own, Trouble>(Own {
                object,
                class,
                label,
            })
        };
        let secret = |name: &str, kind: Kind, flags: Flags, value: &[u8]| {
            let mut rows = objects::template(kind, flags, Place::Session, Protection::Inside);
            rows.push(Attribute::octets(ck::CKA_VALUE, value));
            create(name, ck::CKO_SECRET_KEY, rows)
        };
        let import = |name: &str, algorithm: &str, flags: Flags| {
            let kind =
                Kind::of_algorithm(algorithm).ok_or_else(|| wrong("an unknown algorithm"))?;
            secret(name, kind, flags, &open_key(name, algorithm)?)
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
        let pooled = session.wrap(&mechanism, pool.object, card_key)?;
        let issuer = rsa("bench.issuer", BITS.1)?;
        let mut of_issuer = private_rows(Place::Session, Protection::Inside);
        of_issuer.extend(issuer.rows());
        Ok(Self {
            session,
            zpk: import("zpk", "tdes2", Flags::ENCRYPT.and(Flags::DECRYPT))?,
            pvk: import("pvk", "tdes2", Flags::ENCRYPT)?,
            cvk: import("cvk", "tdes2", Flags::ENCRYPT)?,
            cvk_left: secret("cvk#left", Kind::Des2, Flags::ENCRYPT, left.as_slice())?,
            masters: [derives("ac")?, derives("smi")?, derives("smc")?],
            transport: import("kek", "aes256", wraps)?,
            pool,
            pooled,
            issuer_octets: issuer.modulus.len(),
            issuer: create("issuer", ck::CKO_PRIVATE_KEY, of_issuer)?,
            modulus,
            manner,
        })
    }

    /// A key's handle for one use.
    fn handle(&self, key: &Own) -> Result<Object, Trouble> {
        if !self.manner.looks_up {
            return Ok(key.object);
        }
        let template = [
            Attribute::number(ck::CKA_CLASS, key.class),
            Attribute::octets(ck::CKA_LABEL, key.label.as_bytes()),
        ];
        let found = self.session.find(&template, 1)?;
        let missing = || error::KEY_MISSING.found(&key.label);
        Ok(found.first().copied().ok_or_else(missing)?)
    }

    fn one_block(&self, key: Object, block: &[u8]) -> Result<[u8; 8], Trouble> {
        let mechanism = Mechanism::Plain(ck::CKM_DES3_ECB);
        let found = self.session.encrypt(&mechanism, key, block)?;
        Ok(found.first_chunk().copied().unwrap_or_default())
    }

    fn verification_value(&self, pan: &str, service_code: &str) -> Result<String, Trouble> {
        let [first, second] = cvv::blocks(pan, EXPIRY, service_code).map_err(failed)?;
        let inner = self.one_block(self.handle(&self.cvk_left)?, &first)?;
        let result = self.one_block(self.handle(&self.cvk)?, &xor(inner, second))?;
        Ok(cvv::value(result).as_str().to_owned())
    }

    /// A master key of the card: its check value, and itself under the transport key.
    fn master(&self, issuer: &Own, pan: &str) -> Result<([u8; 3], Vec<u8>), Trouble> {
        let data = keys::option_a_blocks(pan, SEQUENCE).map_err(failed)?;
        let mechanism =
            Mechanism::Data(ck::CKM_DES3_ECB_ENCRYPT_DATA, data.as_flattened().to_vec());
        let rows = objects::made(Kind::Des2, Flags::ENCRYPT, Protection::Wrappable, true);
        let key = self
            .session
            .derive(&mechanism, self.handle(issuer)?, &rows)?;
        let shown = self.one_block(key, &[0; 8])?;
        let key = match self.manner.through_storage {
            true => self.stored(key)?,
            false => key,
        };
        let mechanism = Mechanism::Initial(ck::CKM_AES_CBC, vec![0; 16]);
        let wrapped = self
            .session
            .wrap(&mechanism, self.handle(&self.transport)?, key)?;
        self.session.destroy(key)?;
        Ok((shown.first_chunk().copied().unwrap_or_default(), wrapped))
    }

    /// A key that was put away and taken out again: three calls.
    fn stored(&self, key: Object) -> Result<Object, Trouble> {
        let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP);
        let pool = self.handle(&self.pool)?;
        let wrapped = self.session.wrap(&mechanism, pool, key)?;
        self.session.destroy(key)?;
        let rows = objects::made(Kind::Des2, Flags::ENCRYPT, Protection::Wrappable, false);
        let pool = self.handle(&self.pool)?;
        Ok(self.session.unwrap(&mechanism, pool, &wrapped, &rows)?)
    }

    fn card(&self, zpk: &TdesKey, card: u64) -> Result<CardWork, Trouble> {
        let pan = pan(card);
        let enciphered = pin_block(zpk, card, &pan)?;
        let mechanism = Mechanism::Plain(ck::CKM_DES3_ECB);
        let clear = self
            .session
            .decrypt(&mechanism, self.handle(&self.zpk)?, &enciphered)?;
        let clear = clear.first_chunk().copied().unwrap_or_default();
        let pin = block::decode_0(&clear, &pan).map_err(failed)?;
        let tested = pvv::block(&pan, &pin, 1).map_err(failed)?;
        let pvv = pvv::value(self.one_block(self.handle(&self.pvk)?, tested.as_slice())?);
        let [cvv, cvv2, icvv] = SERVICE_CODES.map(|code| self.verification_value(&pan, code));
        let [ac, smi, smc] = self
            .masters
            .each_ref()
            .map(|master| self.master(master, &pan));
        let ((first, exported), (second, _), (third, _)) = (ac?, smi?, smc?);
        let out = block::encode_0(&pin, &pan).map_err(failed)?;
        let pin_block = self
            .one_block(self.handle(&self.zpk)?, out.as_slice())?
            .to_vec();
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
        let pool = self.handle(&self.pool)?;
        let key = self.session.unwrap(&mechanism, pool, &self.pooled, &rows)?;
        let wrapped = self
            .session
            .wrap(&mechanism, self.handle(&self.transport)?, key)?;
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
        let certificate =
            self.session
                .sign(&mechanism, self.handle(&self.issuer)?, &signed.block)?;
        Ok(certificate.to_vec())
    }
}
