//! RSA: card keys, EMV's certificates and signed data, certificates of access cards, offline PINs.

use cardwright_ports::hsm::{IccCertificateFields, IccKey, IssuerCertificateFields};
use cardwright_standards::cipher::{TdesKey, ecb_decrypt, strip_80};
use num_bigint_dig::BigUint;

use super::values::pin_1234;
use super::{PAN, checks, draw};
use crate::bench::{Bench, Checked, Stop, ask, equal, holds, reference, refuse};

checks! {
    "rsa.icc_key" "icc_rsa_key" "card keys of 1024 and 1152 bits, exponents 3 and 65537" PORT icc_key;
    "rsa.icc_key_bad" "icc_rsa_key" "sizes and exponents that no card has are refused" PORT icc_key_bad;
    "certificate.icc" "sign_icc_certificate" "an ICC public key certificate, octet for octet" CHAIN icc;
    "certificate.icc_bad" "sign_icc_certificate" "another key, a longer modulus, malformed fields: refused" PORT icc_bad;
    "certificate.static" "sign_static_data" "signed static application data, octet for octet" CHAIN static_data;
    "certificate.static_bad" "sign_static_data" "a key of another use is refused" PORT static_bad;
    "certificate.issuer" "sign_issuer_certificate" "an issuer certificate by a test CA, octet for octet" CHAIN issuer;
    "certificate.issuer_bad" "sign_issuer_certificate" "an issuer's key is no CA's" PORT issuer_bad;
    "certificate.x509" "sign_certificate" "signature of a TBSCertificate, octet for octet" OPENSSL x509;
    "certificate.x509_bad" "sign_certificate" "what is no TBSCertificate is not signed" PORT x509_bad;
    "certificate.content" "sign_certificate" "signature of a security object's attributes, octet for octet" OPENSSL content;
    "certificate.content_bad" "sign_certificate" "a key for contents signs no certificate, a key for certificates no content" PORT content_bad;
    "offline_pin.enciphered" "encipher_offline_pin" "the card opens its PIN and its challenge" CHAIN offline_pin;
    "offline_pin.bad" "encipher_offline_pin" "a short challenge or modulus is refused" PORT offline_pin_bad;
}

fn icc_key(b: &mut Bench<'_>) -> Checked {
    for (order, bits, exponent) in [(1, 1024, 3), (2, 1152, 65_537), (3, 1152, 3)] {
        let key = ask!(b.icc_rsa_key(bits, exponent, &draw(order, "icc key")));
        holds(key.exponent == exponent, "another exponent")?;
        whole(b, &key, bits)?;
    }
    Ok(())
}

/// The five components make the modulus and the exponent that the HSM says.
fn whole(b: &mut Bench<'_>, key: &IccKey, bits: u32) -> Checked {
    let mut numbers = Vec::new();
    for component in &key.components {
        let octets = bits.div_ceil(16);
        holds(
            component.clear_length == octets,
            "a component of another length",
        )?;
        let transport = b.key("tk")?;
        let mut clear = ask!(b.export_sealed(component, transport));
        let tk = b.values.keys.get("tk").map(|k| k.value.as_slice());
        let tk = TdesKey::new(tk.unwrap_or_default()).map_err(reference)?;
        ecb_decrypt(&tk, &mut clear).map_err(reference)?;
        let part = match octets % 8 {
            0 => clear.as_slice(),
            _ => strip_80(&clear).map_err(reference)?,
        };
        numbers.push(BigUint::from_bytes_be(part));
    }
    let [q_inverse, d_q, d_p, q, p] = numbers.as_slice() else {
        return Err(Stop::Wrong("five components are expected".to_owned()));
    };
    let (one, e) = (BigUint::from(1u8), BigUint::from(key.exponent));
    let modulus = BigUint::from_bytes_be(&key.modulus);
    holds(modulus.bits() == bits as usize, "a modulus of another size")?;
    holds(p * q == modulus, "the primes do not make the modulus")?;
    holds((q_inverse * q) % p == one, "q^-1 is wrong")?;
    holds((d_p * &e) % (p - &one) == one, "d mod p-1 is wrong")?;
    holds((d_q * &e) % (q - &one) == one, "d mod q-1 is wrong")
}

fn icc_key_bad(b: &mut Bench<'_>) -> Checked {
    for (bits, exponent) in [(0, 3), (504, 3), (1023, 3), (4096, 3), (1024, 4), (1024, 1)] {
        refuse!(
            b.icc_rsa_key(bits, exponent, &draw(9, "icc key")),
            "such a key"
        );
    }
    Ok(())
}

fn fields<'f>(modulus: &'f [u8], static_data: &'f [u8]) -> IccCertificateFields<'f> {
    IccCertificateFields {
        pan: PAN,
        expiry_mmyy: "1228",
        serial: [0, 0, 2],
        modulus,
        exponent: 3,
        static_data,
    }
}

fn icc(b: &mut Bench<'_>) -> Checked {
    let key = b.key("issuer")?;
    let (modulus, data) = (b.values.octets("icc.modulus"), b.values.octets("static"));
    let made = ask!(b.sign_icc_certificate(key, &fields(&modulus, &data)));
    b.same(&made.certificate, "tag9F46")?;
    b.same(&made.remainder, "tag9F48")
}

fn icc_bad(b: &mut Bench<'_>) -> Checked {
    let (modulus, data) = (b.values.octets("icc.modulus"), b.values.octets("static"));
    let right = fields(&modulus, &data);
    for name in ["ca", "authority", "cvk"] {
        let key = b.key(name)?;
        refuse!(b.sign_icc_certificate(key, &right), "a key of another use");
    }
    let key = b.key("issuer")?;
    let longer = b.rsa("ca")?.n.clone();
    refuse!(
        b.sign_icc_certificate(key, &fields(&longer, &data)),
        "a card key longer than the issuer's"
    );
    for (pan, expiry_mmyy) in [("4761x", "1228"), (PAN, "1328"), (PAN, "122")] {
        let malformed = IccCertificateFields {
            pan,
            expiry_mmyy,
            ..right
        };
        refuse!(b.sign_icc_certificate(key, &malformed), "malformed fields");
    }
    Ok(())
}

fn static_data(b: &mut Bench<'_>) -> Checked {
    let key = b.key("issuer")?;
    let data = b.values.octets("static");
    let code: [u8; 2] = b.values.octets("dac").try_into().unwrap_or_default();
    let found = ask!(b.sign_static_data(key, code, &data));
    b.same(&found, "tag93")
}

fn static_bad(b: &mut Bench<'_>) -> Checked {
    for name in ["ca", "authority", "tk"] {
        let key = b.key(name)?;
        refuse!(
            b.sign_static_data(key, [0xDA, 0xC1], &[1; 20]),
            "a key of another use"
        );
    }
    Ok(())
}

fn issuer_fields(modulus: &[u8]) -> IssuerCertificateFields<'_> {
    IssuerCertificateFields {
        issuer_identifier: "476173",
        expiry_mmyy: "1230",
        serial: [0, 0, 1],
        modulus,
        exponent: 3,
    }
}

fn issuer(b: &mut Bench<'_>) -> Checked {
    let key = b.key("ca")?;
    let modulus = b.rsa("issuer")?.n.clone();
    let made = ask!(b.sign_issuer_certificate(key, &issuer_fields(&modulus)));
    b.same(&made.certificate, "tag90")?;
    b.same(&made.remainder, "tag92")
}

fn issuer_bad(b: &mut Bench<'_>) -> Checked {
    let modulus = b.rsa("issuer")?.n.clone();
    for name in ["issuer", "authority"] {
        let key = b.key(name)?;
        let fields = issuer_fields(&modulus);
        refuse!(
            b.sign_issuer_certificate(key, &fields),
            "a key of another use"
        );
    }
    Ok(())
}

fn x509(b: &mut Bench<'_>) -> Checked {
    let key = b.key("authority")?;
    let tbs = b.values.octets("tbs");
    let found = ask!(b.sign_certificate(key, &tbs));
    b.same(&found, "tbs.signature")
}

fn x509_bad(b: &mut Bench<'_>) -> Checked {
    let tbs = b.values.octets("tbs");
    let key = b.key("authority")?;
    let cut = tbs.get(..tbs.len() / 2).unwrap_or_default();
    for text in [
        &[][..],
        cut,
        &[0x30, 0x03, 0x02, 0x01, 0x07],
        b"no certificate at all",
    ] {
        refuse!(b.sign_certificate(key, text), "what is no TBSCertificate");
    }
    let key = b.key("issuer")?;
    refuse!(b.sign_certificate(key, &tbs), "a key of another use");
    Ok(())
}

fn content(b: &mut Bench<'_>) -> Checked {
    let key = b.key("content")?;
    let attributes = b.values.octets("lds");
    let found = ask!(b.sign_certificate(key, &attributes));
    b.same(&found, "lds.signature")
}

fn content_bad(b: &mut Bench<'_>) -> Checked {
    let (tbs, attributes) = (b.values.octets("tbs"), b.values.octets("lds"));
    let key = b.key("content")?;
    let cut = attributes.get(..attributes.len() - 1).unwrap_or_default();
    let mut other = attributes.clone();
    // Another content type.
    if let Some(octet) = other.get_mut(22) {
        *octet ^= 1;
    }
    for text in [&tbs[..], cut, &other, b"no attributes at all"] {
        refuse!(b.sign_certificate(key, text), "what is no content's");
    }
    let key = b.key("authority")?;
    refuse!(
        b.sign_certificate(key, &attributes),
        "a key for certificates"
    );
    Ok(())
}

const CHALLENGE: [u8; 8] = [9, 8, 7, 6, 5, 4, 3, 2];

fn offline_pin(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let card = b.rsa("icc_pin")?;
    let label = draw(1, "offline pin");
    let sent = ask!(b.encipher_offline_pin(&pin, &card.n, card.e, &CHALLENGE, &label));
    holds(
        sent.len() == card.n.len(),
        "another length than the modulus",
    )?;
    let number = |octets: &[u8]| BigUint::from_bytes_be(octets);
    let clear = number(&sent).modpow(&number(&card.d), &number(&card.n));
    // The block begins with 7F, so that no octet of it is lost as a leading zero.
    let clear = clear.to_bytes_be();
    let expected = [
        &[0x7F, 0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        &CHALLENGE[..],
    ]
    .concat();
    holds(
        clear.len() == card.n.len(),
        "the block is not as long as the modulus",
    )?;
    equal(
        "enciphered PIN block",
        clear.get(..17).unwrap_or_default(),
        &expected,
    )
}

fn offline_pin_bad(b: &mut Bench<'_>) -> Checked {
    let pin = pin_1234(b)?;
    let card = b.rsa("icc_pin")?;
    let label = draw(1, "offline pin");
    let short = &CHALLENGE[..7];
    refuse!(
        b.encipher_offline_pin(&pin, &card.n, card.e, short, &label),
        "a short challenge"
    );
    refuse!(
        b.encipher_offline_pin(&pin, &[0xFF; 16], 3, &CHALLENGE, &label),
        "a short modulus"
    );
    let mut changed = pin;
    if let Some(octet) = changed.0.last_mut() {
        *octet ^= 1;
    }
    refuse!(
        b.encipher_offline_pin(&changed, &card.n, card.e, &CHALLENGE, &label),
        "a changed PIN"
    );
    Ok(())
}
