//! Probes of what key custody needs beside production: making keys, wrapping them for whoever
//! receives them, agreement.

use cardwright_pkcs11_raw::ck::{self, CK_ULONG};
use cardwright_pkcs11_raw::{Attribute, Mechanism, Object, Outcome, Session};
use p256::ecdsa::signature::hazmat::PrehashVerifier;

pub(crate) use super::inside::probes::{
    blocks_aes, blocks_aes_counter, blocks_tdes, blocks_variant, components_aes, components_tdes,
    ecdh_inside,
};
use super::pairs::{P256_PARAMETERS, agreement_secret, generate_p256, point_of};
use crate::capability::public_rows;
use crate::known::{AES_128, COUNTED, COUNTED_TEXT, RsaParts, unhex};
use crate::objects::{self, Flags, Kind, Place, Protection};

const SESSION: Place<'static> = Place::Session;

fn generated(session: &Session, mechanism: CK_ULONG, kind: Kind) -> Outcome<Vec<u8>> {
    let rows: Vec<Attribute> =
        objects::generated(kind, Flags::ENCRYPT, SESSION, Protection::Readable)
            .into_iter()
            // What the mechanism says already.
            .filter(|row| ![ck::CKA_CLASS, ck::CKA_KEY_TYPE].contains(&row.kind()))
            .collect();
    let key = session.generate(&Mechanism::Plain(mechanism), &rows)?;
    Ok(objects::value(session, key, kind.octets())?.to_vec())
}

/// Two keys that differ, of the right length. Parity is set where a key leaves: a token need not.
fn generates(session: &Session, mechanism: CK_ULONG, kind: Kind) -> Outcome<bool> {
    let first = generated(session, mechanism, kind)?;
    let second = generated(session, mechanism, kind)?;
    Ok(first != second)
}

pub(crate) fn aes_generate(session: &Session) -> Outcome<bool> {
    Ok(generates(session, ck::CKM_AES_KEY_GEN, Kind::Aes(16))?
        && generates(session, ck::CKM_AES_KEY_GEN, Kind::Aes(32))?)
}

pub(crate) fn tdes2_generate(session: &Session) -> Outcome<bool> {
    generates(session, ck::CKM_DES2_KEY_GEN, Kind::Des2)
}

pub(crate) fn tdes3_generate(session: &Session) -> Outcome<bool> {
    generates(session, ck::CKM_DES3_KEY_GEN, Kind::Des3)
}

pub(crate) fn aes_cbc_pad_wrap(session: &Session) -> Outcome<bool> {
    let readable = (SESSION, Protection::Readable);
    let key = unhex(AES_128);
    let wrapping = objects::import(session, Kind::Aes(16), Flags::WRAP, readable, &key)?;
    let wrappable = (SESSION, Protection::Wrappable);
    let text = unhex(COUNTED_TEXT);
    let inner = objects::import(session, Kind::Aes(16), Flags::ENCRYPT, wrappable, &text)?;
    let mechanism = Mechanism::Initial(ck::CKM_AES_CBC_PAD, vec![0; 16]);
    let found = session.wrap(&mechanism, wrapping, inner)?;
    Ok(found == unhex("69C4E0D86A7B0430D8CDB78070B4C55A9E978E6D16B086570EF794EF97984232"))
}

/// The known RSA key with what a probe asks of it.
fn rsa_key(session: &Session, parts: &RsaParts, flags: Flags) -> Outcome<Object> {
    super::pairs::import_rsa_for(session, parts, (SESSION, Protection::Inside), flags)
}

pub(crate) fn rsa_decrypt(session: &Session) -> Outcome<bool> {
    let Some(parts) = RsaParts::of_the_test() else {
        return Ok(false);
    };
    let key = rsa_key(session, &parts, Flags::DECRYPT)?;
    let text = vec![0x42; parts.modulus.len()];
    let found = session.decrypt(&Mechanism::Plain(ck::CKM_RSA_X_509), key, &text)?;
    // The first octets as Python's pow(text, d, n) gives them.
    Ok(found.starts_with(&unhex("778052E9ABC83CA6")) && found.len() == parts.modulus.len())
}

pub(crate) fn oaep_sha1(session: &Session) -> Outcome<bool> {
    oaep(
        session,
        false,
        concat!(
            "41FAF9C742D57C6C17A96CE9C3E852BD09D16A4F21E07C658A59805F401C4DF1B857DEFF08502A82",
            "5F5832AF8551F5378A018BA31849ACD709F1FA33D458CEF226FC1F22F496B28D446B69C25FAC248E",
            "03BBC46C791EAF2291AFB79DDD159CFE7DC6D46BF9A6182D1CF1E8BC2489EA30"
        ),
    )
}

pub(crate) fn oaep_sha256(session: &Session) -> Outcome<bool> {
    oaep(
        session,
        true,
        concat!(
            "6DEC69D8B5AA14638E938D26700A2C44DB84002D5CF319D3FF808CCBCA6BD96E7468481F10C0B20F",
            "CD0B8AEB635B8F928CB6CB5A9A3B8C5B59E3930A3F86B7844DB5C74709F7F88B7547744E8E5049F9",
            "D7E250D7C09588F28588044AE9EE0F37CAF9701E7F36A9EACFA72E6EA4E7E9BA"
        ),
    )
}

/// Opens what OpenSSL enciphered for the known key, and what the token itself does.
fn oaep(session: &Session, sha256: bool, known: &str) -> Outcome<bool> {
    let Some(parts) = RsaParts::of_the_test() else {
        return Ok(false);
    };
    let mechanism = Mechanism::Oaep { sha256 };
    let key = rsa_key(session, &parts, Flags::UNWRAP)?;
    let opened = |wrapped: &[u8]| -> Outcome<bool> {
        let rows = objects::made(Kind::Aes(16), Flags::ENCRYPT, Protection::Readable, false);
        let found = session.unwrap(&mechanism, key, wrapped, &rows)?;
        Ok(*objects::value(session, found, 16)? == unhex(COUNTED_TEXT))
    };
    if !opened(&unhex(known))? {
        return Ok(false);
    }
    let receiver = receiver(session, &parts.modulus, &parts.exponent)?;
    let wrappable = (SESSION, Protection::Wrappable);
    let text = unhex(COUNTED_TEXT);
    let inner = objects::import(session, Kind::Aes(16), Flags::ENCRYPT, wrappable, &text)?;
    opened(&session.wrap(&mechanism, receiver, inner)?)
}

/// Somebody's public key, for the life of the session, that wraps.
pub(crate) fn receiver(session: &Session, modulus: &[u8], exponent: &[u8]) -> Outcome<Object> {
    let mut rows: Vec<Attribute> = public_rows(SESSION)
        .into_iter()
        .filter(|row| row.kind() != ck::CKA_WRAP)
        .collect();
    rows.push(Attribute::flag(ck::CKA_WRAP, true));
    rows.push(Attribute::octets(ck::CKA_MODULUS, modulus));
    rows.push(Attribute::octets(ck::CKA_PUBLIC_EXPONENT, exponent));
    session.create(&rows)
}

pub(crate) fn ec_generate(session: &Session) -> Outcome<bool> {
    let place = (SESSION, Protection::Inside);
    let (public, private) = generate_p256(session, Flags::SIGN, place)?;
    let point = point_of(session, public)?;
    let hash = [0x42; 32];
    let found = session.sign(&Mechanism::Plain(ck::CKM_ECDSA), private, &hash)?;
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point);
    let signature = p256::ecdsa::Signature::from_slice(&found);
    let (Ok(key), Ok(signature)) = (key, signature) else {
        return Ok(false);
    };
    Ok(key.verify_prehash(&hash, &signature).is_ok())
}

/// NIST's first example of ECDH on P-256 (CAVS 14.1, component test vectors).
pub(crate) fn ecdh(session: &Session) -> Outcome<bool> {
    let (key, point) = first_agreement(session)?;
    let found = agreement_secret(session, key, &point)?;
    Ok(*found == unhex("46FC62106420FF012E54A434FBDD2D25CCC5852060561E68040DD7778997BD7B"))
}

/// The private key of that example, and the other side's point.
pub(super) fn first_agreement(session: &Session) -> Outcome<(Object, Vec<u8>)> {
    let mut rows = vec![
        Attribute::number(ck::CKA_CLASS, ck::CKO_PRIVATE_KEY),
        Attribute::number(ck::CKA_KEY_TYPE, ck::CKK_EC),
        Attribute::octets(ck::CKA_EC_PARAMS, &P256_PARAMETERS),
        Attribute::flag(ck::CKA_SIGN, false),
        Attribute::flag(ck::CKA_DERIVE, true),
    ];
    objects::placed(&mut rows, SESSION);
    objects::protected(&mut rows, Protection::Inside);
    let scalar = "7D7DC5F71EB29DDAF80D6214632EEAE03D9058AF1FB6D22ED80BADB62BC1A534";
    rows.push(Attribute::octets(ck::CKA_VALUE, &unhex(scalar)));
    let key = session.create(&rows)?;
    let point = unhex(concat!(
        "04700C48F77F56584C5CC632CA65640DB91B6BACCE3A4DF6B42CE7CC838833D287",
        "DB71E509E3FD9B060DDB20BA5C51DCC5948D46FBF640DFE0441782CAB85FA4AC"
    ));
    Ok((key, point))
}

/// Two blocks under GlobalPlatform's test key in CBC mode, as `openssl enc -des-ede-cbc` gives them.
pub(crate) fn tdes_cbc_derive(session: &Session) -> Outcome<bool> {
    let readable = (SESSION, Protection::Readable);
    let base = objects::import(
        session,
        Kind::Des2,
        Flags::DERIVE,
        readable,
        &unhex(COUNTED),
    )?;
    let mechanism = Mechanism::TdesCbcData(unhex("01820000000000000000000000000000"));
    let rows = objects::made(Kind::Generic(16), Flags::NONE, Protection::Readable, true);
    let derived = session.derive(&mechanism, base, &rows)?;
    let found = objects::value(session, derived, 16)?;
    Ok(*found == unhex("010B0371D78377B801F2D62AFC671D95"))
}
