//! Probes of keys put together and taken apart inside: whole compositions with published values.

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Failure, Mechanism, Object, Outcome, Session, Value};
use cardwright_standards::des_keys::set_odd_parity;
use cardwright_standards::key_wrap;
use cardwright_standards::keyblock::Apart;

use super::super::probes::first_agreement;
use super::agreed::agreed;
use super::blocks::{Derivation, Keys, payload};
use super::formed::FORMED;
use super::{Moment, STEP};
use crate::known::{AES_128, AES_256, COUNTED_TEXT, DOUBLE, unhex};
use crate::objects::{Flags, Kind, Protection};

/// A second component of three published examples, and a third one.
const SECOND: &str = "6E2FBA6DFB7F6E8A20A8CB5286EAC485";
const THIRD: &str = "B0D33BCE9D62E591E3F2A7A8455D6889";

impl<'s> Moment<'s> {
    /// In a session that ends with the probe.
    fn of_probe(session: &'s Session) -> Self {
        Self {
            session,
            made: std::cell::RefCell::default(),
        }
    }
}

/// What a token answers that does something else than these compositions need; nothing is wrong with it.
fn unfit() -> Failure {
    Failure {
        function: "C_DeriveKey",
        value: Value::Returned(ck::CKR_MECHANISM_INVALID),
    }
}

/// Whether a key that was made of a secret one is as secret.
fn stays(session: &Session, key: Object) -> Outcome<()> {
    let found = session.attributes(key, &[(ck::CKA_VALUE, 256), (ck::CKA_SENSITIVE, 1)])?;
    let sensitive = found.get(1).and_then(Option::as_ref);
    let hidden = found.first().is_some_and(Option::is_none);
    match hidden && sensitive.is_some_and(|octet| octet.as_slice() == [1]) {
        true => Ok(()),
        false => Err(unfit()),
    }
}

fn joined(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

/// What a key's octets are, wrapped under a published key (RFC 3394) and opened here.
fn told(moment: &Moment<'_>, key: Object) -> Outcome<Vec<u8>> {
    let known = unhex(AES_128);
    let wrapping = moment.import(Kind::Aes(16), (Flags::WRAP, Protection::Inside), &known)?;
    let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP);
    let wrapped = moment.session.wrap(&mechanism, wrapping, key)?;
    let clear = key_wrap::unwrap(&known, &wrapped);
    Ok(clear.map(|clear| clear.to_vec()).unwrap_or_default())
}

/// The keys of FIPS 197, C.1 and C.3, each of two components.
pub(crate) fn components_aes(session: &Session) -> Outcome<bool> {
    let moment = Moment::of_probe(session);
    for (key, shown) in [
        (unhex(AES_128), "69C4E0D86A7B0430D8CDB78070B4C55A"),
        (unhex(AES_256), "8EA2B7CA516745BFEAFC49904B496089"),
    ] {
        let kind = Kind::Aes(key.len());
        let first = unhex(COUNTED_TEXT).repeat(key.len() / 16);
        let sum = moment.import(kind, FORMED, &first)?;
        let sum = moment.xor(sum, &joined(&first, &key), (kind, FORMED))?;
        stays(session, sum)?;
        let mechanism = Mechanism::Plain(ck::CKM_AES_ECB);
        let found = session.encrypt(&mechanism, sum, &unhex(COUNTED_TEXT))?;
        if found != unhex(shown) || told(&moment, sum)? != key {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Three components, and the parity of their sum; then its parts, each twice.
pub(crate) fn components_tdes(session: &Session) -> Outcome<bool> {
    let moment = Moment::of_probe(session);
    let parts = [DOUBLE, SECOND, THIRD].map(unhex);
    let [first, second, third] = &parts;
    let mut octets = joined(first, second);
    let sum = moment.import(Kind::Des2, FORMED, first)?;
    let two = moment.xor(sum, second, (Kind::Des2, FORMED))?;
    let three = moment.xor(two, third, (Kind::Des2, FORMED))?;
    stays(session, three)?;
    for (key, shown) in [(two, "483DCC"), (three, "869E95")] {
        let mechanism = Mechanism::Plain(ck::CKM_DES3_ECB);
        let found = session.encrypt(&mechanism, key, &[0; 8])?;
        if !found.starts_with(&unhex(shown)) {
            return Ok(false);
        }
    }
    set_odd_parity(&mut octets);
    if told(&moment, two)? != octets {
        return Err(unfit());
    }
    let comparing = moment.comparing()?;
    let mechanism = Mechanism::Initial(ck::CKM_AES_CBC, vec![0; 16]);
    for (place, half) in octets.chunks(8).enumerate() {
        let twice = moment.twice(two, place * 8, (Kind::Generic(16), FORMED))?;
        let found = session.wrap(&mechanism, comparing, twice)?;
        if session.encrypt(&mechanism, comparing, &half.repeat(2))? != found {
            return Ok(false);
        }
        let single = moment.twice(two, place * 8, (Kind::Des2, FORMED))?;
        if told(&moment, single)? != half.repeat(2) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A published block: protection key, block, key.
struct Known {
    protection: (Kind, &'static str),
    block: &'static str,
    key: &'static str,
}

/// ASC X9 TR-31-2018, A.7.4.
const BLOCK_D: Known = Known {
    protection: (
        Kind::Aes(32),
        "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6",
    ),
    block: concat!(
        "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D2",
        "07E2E417C07156A27E8E31DA05F7425509593D03A457DC34"
    ),
    key: "3F419E1CB7079442AA37474C2EFBF8B8",
};
/// The same, A.7.2.1.
const BLOCK_B: Known = Known {
    protection: (Kind::Des2, "DD7515F2BFC17F85CE48F3CA25CB21F6"),
    block: "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E",
    key: "3F419E1CB7079442AA37474C2EFBF8B8",
};
/// psec's tests of `wrap`.
const BLOCK_D_192: Known = Known {
    protection: (
        Kind::Aes(24),
        "414141414141414141414141414141414242424242424242",
    ),
    block: concat!(
        "D0112P0TE00N000066E25ECFF78340A9BECA0FACE02B237BEEBFB471878E6961",
        "447C6846E87B837CEA79C4B002F529FF8D4B64153F92551B"
    ),
    key: "3F49607FE70D0DE47F3FFDA4416904AE",
};
const BLOCK_A: Known = Known {
    protection: (
        Kind::Des3,
        "414141414141414142424242424242424343434343434343",
    ),
    block: "A0088P0TE00N0000BE68D9503F582CDFC5FD1D110193567F49E65C593EEA2BB1F551D9DC8B1314141E7D02B8",
    key: "87C6A82824F58CFB894475DD179EE74B",
};
const BLOCK_C: Known = Known {
    protection: (
        Kind::Des3,
        "414141414141414142424242424242424343434343434343",
    ),
    block: "C0088P0TE00N0000576CFFB05604879FA1D029CBB6524DADD869A901E16DB321A20BFD1BD201024CD0B9F2A5",
    key: "C98CEDD84E993D6BE65115A754E907A6",
};

impl Known {
    /// Opened inside, and made again with the same fill; refused with another MAC.
    fn holds(&self, session: &Session, derivation: Derivation) -> Outcome<bool> {
        let moment = Moment::of_probe(session);
        let Ok(mut apart) = Apart::of(self.block) else {
            return Ok(false);
        };
        let (kind, value) = self.protection;
        let flags = Flags::DERIVE.and(Flags::ENCRYPT);
        let under = moment.import(kind, (flags, Protection::Inside), &unhex(value))?;
        let keys = Keys::derive(&moment, (kind, under), apart.version, derivation)?;
        let Some(found) = keys.open(&moment, &apart)? else {
            return Ok(false);
        };
        stays(session, found)?;
        let whole = (found, apart.data.len());
        if keys.length(&moment, whole, &[24, 32, 16])? != Some(16) {
            return Ok(false);
        }
        let key = moment.part(found, 2, (Kind::Generic(16), STEP))?;
        if told(&moment, key)? != unhex(self.key) {
            return Ok(false);
        }
        // What stands behind length and key; nothing of a published block is secret.
        let fill_octets = apart.data.len() - 18;
        let fill = match self.fill(&moment, found, fill_octets)? {
            Some(fill) => fill,
            None => return Ok(false),
        };
        let framed = payload(&moment, (key, 16), &fill)?;
        let made = keys.seal(&moment, apart.version, &apart.header_text, framed)?;
        if made != (apart.data.clone(), apart.mac.clone()) {
            return Ok(false);
        }
        if let Some(octet) = apart.mac.first_mut() {
            *octet ^= 1;
        }
        Ok(keys.open(&moment, &apart)?.is_none())
    }

    /// The fill, out of the whole payload.
    fn fill(
        &self,
        moment: &Moment<'_>,
        payload: Object,
        octets: usize,
    ) -> Outcome<Option<Vec<u8>>> {
        // Key wrap takes eight octets at a time.
        let whole = told(moment, payload)?;
        let fill = whole.get(18..).map(<[u8]>::to_vec);
        Ok(fill.filter(|fill| fill.len() == octets))
    }
}

/// Version D, keys by the token's SP 800-108.
pub(crate) fn blocks_aes_counter(session: &Session) -> Outcome<bool> {
    Ok(BLOCK_D.holds(session, Derivation::Counter)?
        && BLOCK_D_192.holds(session, Derivation::Counter)?)
}

/// Version D, keys by encryption of data.
pub(crate) fn blocks_aes(session: &Session) -> Outcome<bool> {
    if !BLOCK_D.holds(session, Derivation::ByData)? {
        return Ok(false);
    }
    match BLOCK_D_192.holds(session, Derivation::ByData)? {
        true => Ok(true),
        // Some tokens cut a key of 192 bits elsewhere out of two blocks.
        false => Err(unfit()),
    }
}

/// Version B.
pub(crate) fn blocks_tdes(session: &Session) -> Outcome<bool> {
    BLOCK_B.holds(session, Derivation::ByData)
}

/// Versions A and C.
pub(crate) fn blocks_variant(session: &Session) -> Outcome<bool> {
    Ok(BLOCK_A.holds(session, Derivation::Variant)?
        && BLOCK_C.holds(session, Derivation::Variant)?)
}

/// NIST's first example of ECDH on P-256, the derivation by Python's hashlib, a key wrapped by OpenSSL. The
/// longest information is among them.
pub(crate) fn ecdh_inside(session: &Session) -> Outcome<bool> {
    let moment = Moment::of_probe(session);
    let (own, point) = first_agreement(session)?;
    let text = unhex(COUNTED_TEXT);
    let inner = moment.import(Kind::Aes(16), FORMED, &text)?;
    let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP);
    for (info, known) in [
        (
            Vec::new(),
            "6CCFA06C763C619BD6DC76C4CA7757A5FD063C9C4E6379A6",
        ),
        (
            b"site A to site B".to_vec(),
            "FDD6A7D6E37256AA5D15A4255E1D827F8830744A1E17A7CF",
        ),
        (
            vec![0x42; 4096],
            "081347B54D696840984A363E861D348A56E8AB8038C6D802",
        ),
    ] {
        let under = agreed(&moment, own, (&point, &info))?;
        stays(session, under)?;
        let wrapped = session.wrap(&mechanism, under, inner)?;
        if wrapped != unhex(known) {
            return Ok(false);
        }
        let came = moment.unwrap(&mechanism, under, (&wrapped, Kind::Generic(16)))?;
        stays(session, came)?;
        let key = moment.part(came, 0, (Kind::Aes(16), FORMED))?;
        if told(&moment, key)? != text {
            return Ok(false);
        }
    }
    Ok(true)
}
