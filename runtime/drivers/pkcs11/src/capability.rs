//! What a token really does, tried with published values at every opening.
//!
//! A token's list of mechanisms is not asked: some list what fails at use, some do what they do not
//! list. Each probe works with session objects of published keys. A probe that the token refuses
//! means that it can't do it; one that comes out with another value means that nothing it says can
//! be trusted.

use cardwright_pkcs11_raw::ck::{self, CK_ULONG};
use cardwright_pkcs11_raw::{Attribute, Failure, Mechanism, Object, Outcome, Session, Value};
use cardwright_standards::emv::rsa::public_operation;

use crate::channel_keys::probes as channels;
use crate::custody::probes;
use crate::known::{AES_128, AES_256, COUNTED, COUNTED_TEXT, DOUBLE, RsaParts, unhex};
use crate::objects::{self, Flags, Kind, Place, Protection};
use crate::seal::numbers::{Apart, Number};
use zeroize::Zeroizing;

macro_rules! capabilities {
    ($($name:ident $word:literal $what:literal $source:literal $probe:expr;)*) => {
        /// Something that a token can do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Capability {
            $(#[doc = $what] $name,)*
        }

        /// A capability with the probe that shows it.
        pub struct Probe {
            /// Which.
            pub capability: Capability,
            /// As settings and reports write it.
            pub word: &'static str,
            /// For people.
            pub what: &'static str,
            /// Where the known answer stands.
            pub source: &'static str,
            run: fn(&Session) -> Outcome<bool>,
        }

        /// All probes, in the order in which they are run.
        pub static PROBES: &[Probe] = &[
            $(Probe {
                capability: Capability::$name,
                word: $word,
                what: $what,
                source: $source,
                run: $probe,
            },)*
        ];
    };
}

capabilities! {
    SecretStaysInside "secret_stays_inside" "the value of a sensitive key is not given out" "PKCS#11 2.40, 4.9" secret_stays_inside;
    SharedObjects "shared_session_objects" "objects of one session used in another" "PKCS#11 2.40, 2.6; FIPS 197, C.1" shared_objects;
    TdesEcb "tdes_ecb" "triple DES, block by block" "check value 8BAF47 of GlobalPlatform's test key" tdes_ecb;
    SingleDes "single_des" "single DES as triple DES with two equal halves" "FIPS 81, B.1" single_des;
    AesEcb "aes_ecb" "AES, block by block" "FIPS 197, C.1 and C.3" aes_ecb;
    AesEcbMany "aes_ecb_many" "AES-256, 256 blocks in one call" "FIPS 197, C.3" aes_ecb_many;
    AesCbc "aes_cbc" "AES-256 in CBC mode" "SP 800-38A, F.2.5" aes_cbc;
    AesGcm "aes_gcm" "AES-256 in GCM mode" "the mode's specification, test case 16" aes_gcm;
    AesCmac "aes_cmac" "CMAC with AES" "RFC 4493, example 2" aes_cmac;
    Hmac "hmac_sha256" "HMAC with SHA-256" "RFC 4231, 4.7" hmac;
    TdesDerive "tdes_derive" "derivation by triple DES of data, inside" "EMV Book 2 option A, value of pyemv" tdes_derive;
    AesDerive "aes_derive" "derivation by AES of data, inside" "FIPS 197, C.1" aes_derive;
    KeyWrap "aes_key_wrap" "AES key wrap and unwrap" "RFC 3394, 4.3" key_wrap;
    KeyWrapPad "aes_key_wrap_pad" "AES key wrap with padding and unwrap, of an RSA key" "RFC 5649; modulus of the project's chain" key_wrap_pad;
    KeyWrapKwp "aes_key_wrap_kwp" "AES key wrap with padding by its number in PKCS#11 3.0" "RFC 5649, 6" key_wrap_kwp;
    AesCbcWrap "aes_cbc_wrap" "wrapping by AES in CBC mode" "FIPS 197, C.1" aes_cbc_wrap;
    TdesEcbWrap "tdes_ecb_wrap" "wrapping by triple DES, block by block" "check value 8BAF47 of GlobalPlatform's test key" tdes_ecb_wrap;
    RsaSign "rsa_sign" "raw RSA signatures" "the project's RSA chain, checked with Python" rsa_sign;
    RsaGenerate "rsa_generate" "RSA key pairs of 1152 bits with exponent 3" "sign and open" rsa_generate;
    RsaGenerateF4 "rsa_generate_65537" "RSA key pairs of 1152 bits with exponent 65537" "sign and open" rsa_generate_f4;
    RsaSplit "rsa_split" "the numbers of an RSA key cut out inside" "the project's RSA chain" rsa_split;
    RsaDecrypt "rsa_decrypt" "RSA decryption without padding" "Python's pow" probes::rsa_decrypt;
    RsaOaep "rsa_oaep_sha1" "wrapping and unwrapping by RSA-OAEP with SHA-1" "RFC 8017; enciphered by OpenSSL" probes::oaep_sha1;
    RsaOaep256 "rsa_oaep_sha256" "wrapping and unwrapping by RSA-OAEP with SHA-256" "RFC 8017; enciphered by OpenSSL" probes::oaep_sha256;
    AesGenerate "aes_generate" "AES keys made inside" "two that differ" probes::aes_generate;
    Tdes2Generate "tdes2_generate" "triple DES keys of two keys made inside" "two that differ" probes::tdes2_generate;
    Tdes3Generate "tdes3_generate" "triple DES keys of three keys made inside" "two that differ" probes::tdes3_generate;
    AesCbcPadWrap "aes_cbc_pad_wrap" "wrapping by AES in CBC mode with padding" "FIPS 197, C.1, and OpenSSL" probes::aes_cbc_pad_wrap;
    EcGenerate "ec_generate" "key pairs on P-256 made inside, and ECDSA" "the signature under its own point" probes::ec_generate;
    Ecdh "ecdh" "agreement on P-256" "NIST CAVS 14.1, first example" probes::ecdh;
    TdesCbcDerive "tdes_cbc_derive" "derivation by triple DES in CBC mode, inside" "OpenSSL" probes::tdes_cbc_derive;
    ComponentsTdes "components_tdes" "components of triple DES keys joined inside" "OpenSSL; FIPS 74" probes::components_tdes;
    ComponentsAes "components_aes" "components of AES keys joined inside" "FIPS 197, C.1 and C.3" probes::components_aes;
    BlocksAesCounter "blocks_d_sp800" "key blocks of version D inside, keys by SP 800-108" "TR-31-2018, A.7.4; psec" probes::blocks_aes_counter;
    BlocksAes "blocks_d" "key blocks of version D inside, keys by encrypted data" "TR-31-2018, A.7.4; psec" probes::blocks_aes;
    BlocksTdes "blocks_b" "key blocks of version B inside" "TR-31-2018, A.7.2.1" probes::blocks_tdes;
    BlocksVariant "blocks_a_c" "key blocks of versions A and C inside" "psec" probes::blocks_variant;
    EcdhInside "ecdh_inside" "agreement on P-256 with the derived key inside" "NIST CAVS 14.1, first example; Python, OpenSSL" probes::ecdh_inside;
    ChannelTdes "scp02" "SCP02 with its session keys inside" "pySim, SCP02_Auth_Test and SCP02_Test" channels::channel_tdes;
    ChannelAes "scp03" "SCP03 with its session keys inside, of 128 and 256 bits" "pySim, SCP03_Test_AES128_33 and AES256_33" channels::channel_aes;
    ChannelAes192 "scp03_192" "SCP03 with its session keys inside, of 192 bits" "pySim, SCP03_Test_AES192_33" channels::channel_aes192;
    KeysStayInside "keys_stay_inside" "a key that may not leave does not leave wrapped" "PKCS#11 2.40, 5.13, CKA_EXTRACTABLE" keys_stay_inside;
}

impl Capability {
    /// As settings and reports write it.
    pub fn word(self) -> &'static str {
        let probe = PROBES.iter().find(|p| p.capability == self);
        probe.map_or("", |p| p.word)
    }

    /// By its word.
    pub fn from_word(word: &str) -> Option<Self> {
        let probe = PROBES.iter().find(|p| p.word == word);
        probe.map(|p| p.capability)
    }
}

/// What a probe showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The known answer came.
    Works,
    /// The token refused; in words.
    Refused(String),
    /// Another answer came.
    Wrong,
}

impl Probe {
    /// Runs the probe in a session of its own, so that what it leaves behind goes with it.
    ///
    /// # Errors
    /// A failure that says nothing of the capability: the token is gone, or its session.
    pub(crate) fn run(&self, base: &Session) -> Result<Shown, Box<cardwright_pkcs11_raw::Failure>> {
        let mut again = false;
        loop {
            let session = base.another()?;
            let failure = match (self.run)(&session) {
                Ok(true) => return Ok(Shown::Works),
                Ok(false) if self.capability == Capability::KeysStayInside => {
                    let what = "it wraps keys that say CKA_EXTRACTABLE false";
                    return Ok(Shown::Refused(what.to_owned()));
                }
                Ok(false) => return Ok(Shown::Wrong),
                Err(failure) => failure,
            };
            let refused = crate::error::of_failure(&failure);
            match refused.code {
                "R1331" => return Ok(Shown::Refused(refused.what)),
                // Some tokens say so of a mechanism that they do not have: asked twice, believed.
                "R1330" if again => return Ok(Shown::Refused(refused.what)),
                "R1330" => again = true,
                _ => return Err(Box::new(failure)),
            }
        }
    }
}

const READABLE: (Place<'static>, Protection) = (Place::Session, Protection::Readable);

fn key(session: &Session, kind: Kind, flags: Flags, value: &str) -> Outcome<Object> {
    objects::import(session, kind, flags, READABLE, &unhex(value))
}

/// A session key of known octets that may be wrapped.
fn wrappable(session: &Session, kind: Kind, value: &str) -> Outcome<Object> {
    let place = (Place::Session, Protection::Wrappable);
    objects::import(session, kind, Flags::ENCRYPT, place, &unhex(value))
}

fn enciphers(
    session: &Session,
    mechanism: CK_ULONG,
    (kind, value): (Kind, &str),
    text: &str,
    expected: &str,
) -> Outcome<bool> {
    let key = key(session, kind, Flags::ENCRYPT.and(Flags::DECRYPT), value)?;
    let mechanism = Mechanism::Plain(mechanism);
    let found = session.encrypt(&mechanism, key, &unhex(text))?;
    // First the answer: what is cut can't be deciphered, and that would look like a refusal.
    if found != unhex(expected) {
        return Ok(false);
    }
    let back = session.decrypt(&mechanism, key, &found)?;
    Ok(*back == unhex(text))
}

fn secret_stays_inside(session: &Session) -> Outcome<bool> {
    let place = (Place::Session, Protection::Inside);
    let value = unhex(DOUBLE);
    let key = objects::import(session, Kind::Des2, Flags::ENCRYPT, place, &value)?;
    let kinds = [
        (ck::CKA_VALUE, 64),
        (ck::CKA_SENSITIVE, 1),
        (ck::CKA_EXTRACTABLE, 1),
    ];
    let found = session.attributes(key, &kinds)?;
    let is = |place: usize, wanted: &[u8]| {
        let found = found.get(place).and_then(Option::as_ref);
        found.is_some_and(|f| f.as_slice() == wanted)
    };
    Ok(found.first().is_some_and(Option::is_none) && is(1, &[1]) && is(2, &[0]))
}

/// Whether a key that says that it may not leave is refused to each way of wrapping. A token without
/// that way refuses, too, and keeps the key as well. That it leaves is a weakness, no wrong answer.
fn keys_stay_inside(session: &Session) -> Outcome<bool> {
    let place = (Place::Session, Protection::Inside);
    let inner = unhex(AES_128);
    let inner = objects::import(session, Kind::Aes(16), Flags::ENCRYPT, place, &inner)?;
    let wrapping = key(session, Kind::Aes(32), Flags::WRAP, AES_256)?;
    let ways = [
        Mechanism::Plain(ck::CKM_AES_KEY_WRAP),
        Mechanism::Plain(ck::CKM_AES_KEY_WRAP_PAD),
        Mechanism::Plain(ck::CKM_AES_ECB),
        Mechanism::Initial(ck::CKM_AES_CBC, vec![0; 16]),
        Mechanism::Initial(ck::CKM_AES_CBC_PAD, vec![0; 16]),
    ];
    let mut leaves = ways.iter().map(|way| session.wrap(way, wrapping, inner));
    Ok(!leaves.any(|wrapped| wrapped.is_ok()))
}

fn shared_objects(session: &Session) -> Outcome<bool> {
    let key = key(session, Kind::Aes(16), Flags::ENCRYPT, AES_128)?;
    let other = session.another()?;
    let mechanism = Mechanism::Plain(ck::CKM_AES_ECB);
    match other.encrypt(&mechanism, key, &unhex(COUNTED_TEXT)) {
        Ok(found) => Ok(found == unhex("69C4E0D86A7B0430D8CDB78070B4C55A")),
        // It does not find the object there, and nothing else is wrong.
        Err(Failure {
            function,
            value: Value::Returned(ck::CKR_KEY_HANDLE_INVALID | ck::CKR_OBJECT_HANDLE_INVALID),
        }) => Err(Failure {
            function,
            value: Value::Returned(ck::CKR_FUNCTION_NOT_SUPPORTED),
        }),
        Err(other) => Err(other),
    }
}

fn tdes_ecb(session: &Session) -> Outcome<bool> {
    // Two blocks in one call: what the compositions rely on.
    let key = key(
        session,
        Kind::Des2,
        Flags::ENCRYPT.and(Flags::DECRYPT),
        COUNTED,
    )?;
    let mechanism = Mechanism::Plain(ck::CKM_DES3_ECB);
    let found = session.encrypt(&mechanism, key, &[0; 16])?;
    let known = |half: &[u8; 8]| half.starts_with(&[0x8B, 0xAF, 0x47]);
    let (halves, rest) = found.as_chunks::<8>();
    if halves.len() != 2 || !rest.is_empty() || !halves.iter().all(known) {
        return Ok(false);
    }
    let back = session.decrypt(&mechanism, key, &found)?;
    Ok(*back == [0; 16])
}

fn single_des(session: &Session) -> Outcome<bool> {
    let key = (Kind::Des2, "0123456789ABCDEF0123456789ABCDEF");
    let text = "4E6F772069732074";
    enciphers(session, ck::CKM_DES3_ECB, key, text, "3FA40E8A984D4815")
}

fn aes_ecb(session: &Session) -> Outcome<bool> {
    let short = "69C4E0D86A7B0430D8CDB78070B4C55A";
    let long = "8EA2B7CA516745BFEAFC49904B496089";
    let text = COUNTED_TEXT;
    let first = (Kind::Aes(16), AES_128);
    let second = (Kind::Aes(32), AES_256);
    Ok(enciphers(session, ck::CKM_AES_ECB, first, text, short)?
        && enciphers(session, ck::CKM_AES_ECB, second, text, long)?)
}

fn aes_ecb_many(session: &Session) -> Outcome<bool> {
    let blocks = crate::together::CALL_OCTETS / 16;
    let expected = "8EA2B7CA516745BFEAFC49904B496089".repeat(blocks);
    let text = COUNTED_TEXT.repeat(blocks);
    let key = (Kind::Aes(32), AES_256);
    enciphers(session, ck::CKM_AES_ECB, key, &text, &expected)
}

fn aes_cbc(session: &Session) -> Outcome<bool> {
    let value = "603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4";
    let flags = Flags::ENCRYPT.and(Flags::DECRYPT);
    let key = key(session, Kind::Aes(32), flags, value)?;
    let mechanism = Mechanism::Initial(ck::CKM_AES_CBC, unhex(AES_128));
    let text = unhex("6BC1BEE22E409F96E93D7E117393172A");
    let found = session.encrypt(&mechanism, key, &text)?;
    if found != unhex("F58C4C04D6E5F1BA779EABFB5F7BFBD6") {
        return Ok(false);
    }
    let back = session.decrypt(&mechanism, key, &found)?;
    Ok(*back == text)
}

fn aes_gcm(session: &Session) -> Outcome<bool> {
    let value = "FEFFE9928665731C6D6A8F9467308308FEFFE9928665731C6D6A8F9467308308";
    let flags = Flags::ENCRYPT.and(Flags::DECRYPT);
    let key = key(session, Kind::Aes(32), flags, value)?;
    let mechanism = Mechanism::Gcm {
        nonce: unhex("CAFEBABEFACEDBADDECAF888"),
        associated: unhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2"),
    };
    let text = unhex(concat!(
        "D9313225F88406E5A55909C5AFF5269A86A7A9531534F7DA2E4C303D8A318A72",
        "1C3C0C95956809532FCF0E2449A6B525B16AEDF5AA0DE657BA637B39"
    ));
    let expected = unhex(concat!(
        "522DC1F099567D07F47F37A32A84427D643A8CDCBFE5C0C97598A2BD2555D1AA",
        "8CB08E48590DBB3DA7B08B1056828838C5F61E6393BA7A0ABCC9F662",
        "76FC6ECE0F4E1768CDDF8853BB2D551B"
    ));
    let found = session.encrypt(&mechanism, key, &text)?;
    if found != expected {
        return Ok(false);
    }
    let back = session.decrypt(&mechanism, key, &found)?;
    Ok(*back == text)
}

fn aes_cmac(session: &Session) -> Outcome<bool> {
    let value = "2B7E151628AED2A6ABF7158809CF4F3C";
    let key = key(session, Kind::Aes(16), Flags::SIGN, value)?;
    let mechanism = Mechanism::Plain(ck::CKM_AES_CMAC);
    let text = unhex("6BC1BEE22E409F96E93D7E117393172A");
    let found = session.sign(&mechanism, key, &text)?;
    Ok(*found == unhex("070A16B46B4D4144F79BDD9DD04A287C"))
}

fn hmac(session: &Session) -> Outcome<bool> {
    // The long key: some tokens take none that is shorter than the hash.
    let value = [0xAA; 131];
    let kind = Kind::Generic(value.len());
    let key = objects::import(session, kind, Flags::SIGN, READABLE, &value)?;
    let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
    let found = session.sign(&Mechanism::Plain(ck::CKM_SHA256_HMAC), key, text)?;
    let expected = "60E431591EE0B67F0D8A26AACBF5B77F8E0BC6213728C5140546040F0EE37F54";
    Ok(*found == unhex(expected))
}

fn tdes_derive(session: &Session) -> Outcome<bool> {
    let base = key(session, Kind::Des2, Flags::DERIVE, DOUBLE)?;
    // PAN 4761739001010119, sequence number 01: its 16 rightmost digits and their complement.
    let data = unhex("61739001010119019E8C6FFEFEFEE6FE");
    let mechanism = Mechanism::Data(ck::CKM_DES3_ECB_ENCRYPT_DATA, data);
    let rows = objects::made(Kind::Des2, Flags::ENCRYPT, Protection::Readable, true);
    let derived = session.derive(&mechanism, base, &rows)?;
    let found = objects::value(session, derived, 16)?;
    Ok(*found == unhex("80A89B585BBF64C2F12915BF578FABE0"))
}

fn aes_derive(session: &Session) -> Outcome<bool> {
    let base = key(session, Kind::Aes(16), Flags::DERIVE, AES_128)?;
    let mechanism = Mechanism::Data(ck::CKM_AES_ECB_ENCRYPT_DATA, unhex(COUNTED_TEXT));
    let rows = objects::made(Kind::Aes(16), Flags::ENCRYPT, Protection::Readable, true);
    let derived = session.derive(&mechanism, base, &rows)?;
    let found = objects::value(session, derived, 16)?;
    Ok(*found == unhex("69C4E0D86A7B0430D8CDB78070B4C55A"))
}

fn key_wrap(session: &Session) -> Outcome<bool> {
    let wrapping = key(
        session,
        Kind::Aes(32),
        Flags::WRAP.and(Flags::UNWRAP),
        AES_256,
    )?;
    let inner = wrappable(session, Kind::Aes(16), COUNTED_TEXT)?;
    let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP);
    let found = session.wrap(&mechanism, wrapping, inner)?;
    if found != unhex("64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7") {
        return Ok(false);
    }
    let rows = objects::made(Kind::Aes(16), Flags::ENCRYPT, Protection::Readable, false);
    let back = session.unwrap(&mechanism, wrapping, &found, &rows)?;
    let value = objects::value(session, back, 16)?;
    Ok(*value == unhex(COUNTED_TEXT))
}

/// The published value. NSS has another padding under the older number, and this one under the newer.
fn key_wrap_kwp(session: &Session) -> Outcome<bool> {
    let wrapping = "5840DF6E29B02AF1AB493B705BF16EA1AE8338F4DCC176A8";
    let wrapping = key(session, Kind::Aes(24), Flags::WRAP, wrapping)?;
    let inner = "C37B7E6492584340BED12207808941155068F738";
    let inner = wrappable(session, Kind::Generic(20), inner)?;
    let mechanism = Mechanism::Plain(ck::CKM_AES_KEY_WRAP_KWP);
    let found = session.wrap(&mechanism, wrapping, inner)?;
    Ok(found == unhex("138BDEAA9B8FA7FC61F97742E72248EE5AE6AE5360D1AE6A5F54F373FA543B6A"))
}

fn key_wrap_pad(session: &Session) -> Outcome<bool> {
    let mechanism = match key_wrap_kwp(&session.another()?) {
        Ok(true) => ck::CKM_AES_KEY_WRAP_KWP,
        _ => ck::CKM_AES_KEY_WRAP_PAD,
    };
    let Some(parts) = RsaParts::of_the_test() else {
        return Ok(false);
    };
    let flags = Flags::WRAP.and(Flags::UNWRAP);
    let wrapping = key(session, Kind::Aes(32), flags, AES_256)?;
    let place = (Place::Session, Protection::Wrappable);
    let inner = import_rsa(session, &parts, place)?;
    let mechanism = Mechanism::Plain(mechanism);
    let wrapped = session.wrap(&mechanism, wrapping, inner)?;
    let rows = private_rows(Place::Session, Protection::Readable);
    let back = session.unwrap(&mechanism, wrapping, &wrapped, &rows)?;
    let found = session.all_attributes(back, &[(ck::CKA_MODULUS, 256), (ck::CKA_PRIME_1, 128)])?;
    let same = |place: usize, wanted: &[u8]| {
        let found = found.get(place).and_then(Option::as_ref);
        found.is_some_and(|f| f.as_slice() == wanted)
    };
    // The primes may stand in either order.
    Ok(same(0, &parts.modulus) && (same(1, &parts.p) || same(1, &parts.q)))
}

fn aes_cbc_wrap(session: &Session) -> Outcome<bool> {
    let wrapping = key(session, Kind::Aes(16), Flags::WRAP, AES_128)?;
    let inner = wrappable(session, Kind::Aes(16), COUNTED_TEXT)?;
    let mechanism = Mechanism::Initial(ck::CKM_AES_CBC, vec![0; 16]);
    let found = session.wrap(&mechanism, wrapping, inner)?;
    Ok(found == unhex("69C4E0D86A7B0430D8CDB78070B4C55A"))
}

fn tdes_ecb_wrap(session: &Session) -> Outcome<bool> {
    let wrapping = key(session, Kind::Des2, Flags::WRAP, COUNTED)?;
    let inner = wrappable(session, Kind::Aes(16), "00000000000000000000000000000000")?;
    let found = session.wrap(&Mechanism::Plain(ck::CKM_DES3_ECB), wrapping, inner)?;
    Ok(found.len() == 16 && found.starts_with(&[0x8B, 0xAF, 0x47]))
}

/// Attributes of an RSA private key that signs.
pub(crate) fn private_rows(place: Place<'_>, protection: Protection) -> Vec<Attribute> {
    let mut rows = vec![
        Attribute::number(ck::CKA_CLASS, ck::CKO_PRIVATE_KEY),
        Attribute::number(ck::CKA_KEY_TYPE, ck::CKK_RSA),
    ];
    objects::placed(&mut rows, place);
    objects::protected(&mut rows, protection);
    rows.push(Attribute::flag(ck::CKA_SIGN, true));
    for attribute in [ck::CKA_DECRYPT, ck::CKA_UNWRAP, ck::CKA_DERIVE] {
        rows.push(Attribute::flag(attribute, false));
    }
    rows
}

/// Attributes of an RSA public key that verifies.
pub(crate) fn public_rows(place: Place<'_>) -> Vec<Attribute> {
    let mut rows = vec![
        Attribute::number(ck::CKA_CLASS, ck::CKO_PUBLIC_KEY),
        Attribute::number(ck::CKA_KEY_TYPE, ck::CKK_RSA),
        Attribute::flag(ck::CKA_PRIVATE, false),
        Attribute::flag(ck::CKA_VERIFY, true),
        Attribute::flag(ck::CKA_ENCRYPT, false),
        Attribute::flag(ck::CKA_WRAP, false),
    ];
    objects::placed(&mut rows, place);
    rows
}

/// Brings an RSA private key in.
pub(crate) fn import_rsa(
    session: &Session,
    parts: &RsaParts,
    (place, protection): (Place<'_>, Protection),
) -> Outcome<Object> {
    let mut rows = private_rows(place, protection);
    rows.extend(parts.rows());
    session.create(&rows)
}

fn rsa_sign(session: &Session) -> Outcome<bool> {
    let Some(parts) = RsaParts::of_the_test() else {
        return Ok(false);
    };
    let place = (Place::Session, Protection::Inside);
    let key = import_rsa(session, &parts, place)?;
    let text = vec![0x42; parts.modulus.len()];
    let found = session.sign(&Mechanism::Plain(ck::CKM_RSA_X_509), key, &text)?;
    let opened = public_operation(&parts.modulus, 3, &found);
    // The first octets as Python's pow(text, d, n) gives them.
    Ok(found.starts_with(&unhex("778052E9ABC83CA6")) && opened.is_ok_and(|t| t == text))
}

/// Makes an RSA key pair for the life of the session.
pub(crate) fn generate_rsa(
    session: &Session,
    (bits, exponent): (u32, u32),
    (place, protection): (Place<'_>, Protection),
) -> Outcome<(Object, Object)> {
    let mut public = public_rows(place);
    let exponent = exponent.to_be_bytes();
    let first = exponent.iter().position(|o| *o != 0).unwrap_or(3);
    let octets = exponent.get(first..).unwrap_or_default();
    public.push(Attribute::number(
        ck::CKA_MODULUS_BITS,
        CK_ULONG::from(bits),
    ));
    public.push(Attribute::octets(ck::CKA_PUBLIC_EXPONENT, octets));
    let private: Vec<Attribute> = private_rows(place, protection)
        .into_iter()
        // What the mechanism says already; some tokens refuse to hear it twice.
        .filter(|row| ![ck::CKA_CLASS, ck::CKA_KEY_TYPE].contains(&row.kind()))
        .collect();
    let public: Vec<Attribute> = public
        .into_iter()
        .filter(|row| ![ck::CKA_CLASS, ck::CKA_KEY_TYPE].contains(&row.kind()))
        .collect();
    let mechanism = Mechanism::Plain(ck::CKM_RSA_PKCS_KEY_PAIR_GEN);
    session.generate_pair(&mechanism, &public, &private)
}

fn rsa_generate(session: &Session) -> Outcome<bool> {
    generates_rsa(session, 3)
}

fn rsa_generate_f4(session: &Session) -> Outcome<bool> {
    generates_rsa(session, 65_537)
}

/// All five numbers of the known key, cut out and wrapped, are what they are.
fn rsa_split(session: &Session) -> Outcome<bool> {
    let Some(parts) = RsaParts::of_the_test() else {
        return Ok(false);
    };
    let place = (Place::Session, Protection::Wrappable);
    let private = import_rsa(session, &parts, place)?;
    let Some(mut apart) = Apart::of(session, private)? else {
        return Err(cardwright_pkcs11_raw::Failure {
            function: "C_WrapKey",
            value: cardwright_pkcs11_raw::Value::Returned(ck::CKR_FUNCTION_NOT_SUPPORTED),
        });
    };
    let flags = Flags::WRAP.and(Flags::DECRYPT);
    let wrapping = key(session, Kind::Aes(16), flags, AES_128)?;
    let expected = [
        (Number::P, &parts.p),
        (Number::Q, &parts.q),
        (Number::DP, &parts.d_p),
        (Number::DQ, &parts.d_q),
        (Number::QInverse, &parts.q_inverse),
    ];
    for (number, expected) in expected {
        // 56 octets, and padding to whole blocks.
        let tail = [0x80, 0, 0, 0, 0, 0, 0, 0];
        let object = apart.number(session, number, &tail)?;
        let mechanism = Mechanism::Initial(ck::CKM_AES_CBC, vec![0; 16]);
        let wrapped = session.wrap(&mechanism, wrapping, object)?;
        let found = session.decrypt(&mechanism, wrapping, &wrapped)?;
        let wanted = Zeroizing::new([expected.as_slice(), &tail].concat());
        if found != wanted {
            return Ok(false);
        }
    }
    Ok(true)
}

fn generates_rsa(session: &Session, exponent: u32) -> Outcome<bool> {
    let place = (Place::Session, Protection::Wrappable);
    let (public, private) = generate_rsa(session, (1_152, exponent), place)?;
    let found = session.all_attributes(public, &[(ck::CKA_MODULUS, 256)])?;
    let Some(modulus) = found.into_iter().next().flatten() else {
        return Ok(false);
    };
    let text = vec![0x42; modulus.len()];
    let signed = session.sign(&Mechanism::Plain(ck::CKM_RSA_X_509), private, &text)?;
    let opened = public_operation(&modulus, exponent, &signed);
    Ok(modulus.len() == 144 && opened.is_ok_and(|t| t == text))
}
