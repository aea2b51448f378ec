//! Keys by label: made, listed, bound by production, destroyed.

use cardwright_ports::custody::{Exportability, KeyAlgorithm, NewKey};
use cardwright_ports::hsm::{CheckMethod, KeyRequest, KeyUse};

use super::desk::{Desk, new};
use super::rows;
use crate::bench::{Checked, equal, holds};

rows! {
    "custody.generate.tdes2" "generate" "double-length keys of every use, with facts and check values" "the port's own rules" tdes2;
    "custody.generate.tdes3" "generate" "a triple-length key" "the port's own rules" tdes3;
    "custody.generate.aes" "generate" "AES keys of 128, 192 and 256 bits" "the port's own rules" aes;
    "custody.generate.rsa" "generate" "RSA key pairs of 1152 to 4096 bits" "the port's own rules" rsa;
    "custody.generate.p256" "generate" "key pairs on P-256" "the port's own rules" p256;
    "custody.generate.refused" "generate" "a use that is not the algorithm's, labels that can't be, sizes that are none" "the port's own rules" refused;
    "custody.check_value" "check_value" "check values of known keys by every method" "OpenSSL" check_values;
    "custody.production" "generate" "production binds a key that custody made, with the same check value" "the port's own rules" production;
    "custody.production.left" "generate" "a card verification key that custody made makes values; a known one those of psec" "psec 1.3 and OpenSSL" left_half;
    "custody.destroy" "destroy" "a destroyed key is gone, also for a session that holds it" "the port's own rules" destroyed;
    "custody.spread" "spread" "every device of the HSM holds the same keys" "the port's own rules" spread;
    "custody.copy" "copy" "a key that every device has is what it was; a label that no key has" "the port's own rules" copy;
    "custody.public_key" "public_key" "no public half of a symmetric key, of no key" "the port's own rules" public_key;
}

fn spread(desk: &mut Desk<'_>) -> Checked {
    desk.generate(&new(
        "kit.spread@1",
        KeyAlgorithm::Tdes2,
        KeyUse::CardVerification,
    ))?;
    let found = desk.custody.spread();
    let found = desk.kept("spread", found)?;
    holds(found.is_empty(), &format!("{found:?}"))
}

fn copy(desk: &mut Desk<'_>) -> Checked {
    let facts = desk.generate(&new(
        "kit.copy@1",
        KeyAlgorithm::Aes128,
        KeyUse::CardIssuance,
    ))?;
    match desk.custody.copy("kit.copy@1") {
        Ok(found) => holds(found == facts, "another key")?,
        // An HSM of one device.
        refused => desk.refused("copy", refused, &["R1374"], "a key")?,
    }
    let none = desk.custody.copy("kit.nobody@1");
    desk.refused("copy", none, &["R1370", "R1374"], "a label that no key has")
}

/// Made once, known by all calls, refused a second time.
fn made(desk: &mut Desk<'_>, key: &NewKey<'_>) -> Checked {
    let facts = desk.generate(key)?;
    let asked = (key.algorithm, key.usage, key.exportability);
    let told = (facts.algorithm, facts.usage, facts.exportability);
    holds(told == asked, &format!("{}: {facts:?}", key.label))?;
    holds(!facts.check_values.is_empty(), "a key without check value")?;
    for value in &facts.check_values {
        let again = desk.custody.check_value(key.label, value.method);
        let again = desk.kept("check_value", again)?;
        equal(key.label, &again.octets, &value.octets)?;
    }
    let named = desk.custody.key(key.label);
    let named = desk.kept("key", named)?;
    holds(named.as_ref() == Some(&facts), "another key by its name")?;
    let all = desk.custody.keys();
    let all = desk.kept("keys", all)?;
    holds(all.contains(&facts), "a key that is not in the list")?;
    let twice = desk.custody.generate(key);
    desk.refused("generate", twice, &["R1371", "R1345"], "a label twice")
}

fn of_use(algorithm: KeyAlgorithm, usage: KeyUse, exportability: Exportability) -> String {
    let name = KeyUse::NAMES.iter().find(|(u, _)| *u == usage);
    let name = name.map_or("", |(_, name)| name);
    format!("kit.{}.{name}.{exportability:?}@1", algorithm.name())
}

fn tdes2(desk: &mut Desk<'_>) -> Checked {
    let symmetric = |usage: &KeyUse| {
        !matches!(
            usage,
            KeyUse::EmvIssuerPrivate
                | KeyUse::EmvCaPrivate
                | KeyUse::CertificateSigning
                | KeyUse::ContentSigning
                | KeyUse::PackageSigning
                | KeyUse::KeyExchange
        )
    };
    for usage in KeyUse::NAMES.iter().map(|(u, _)| *u).filter(symmetric) {
        for exportability in [Exportability::NonExportable, Exportability::Sensitive] {
            let label = of_use(KeyAlgorithm::Tdes2, usage, exportability);
            let key = NewKey {
                exportability,
                ..new(&label, KeyAlgorithm::Tdes2, usage)
            };
            made(desk, &key)?;
        }
    }
    Ok(())
}

fn tdes3(desk: &mut Desk<'_>) -> Checked {
    made(
        desk,
        &new("kit.tdes3@1", KeyAlgorithm::Tdes3, KeyUse::PinEncryption),
    )
}

fn aes(desk: &mut Desk<'_>) -> Checked {
    for (algorithm, usage) in [
        (KeyAlgorithm::Aes128, KeyUse::CardIssuance),
        (KeyAlgorithm::Aes192, KeyUse::Transport),
        (KeyAlgorithm::Aes256, KeyUse::KeyBlockProtection),
        (KeyAlgorithm::Aes256, KeyUse::EmvApplicationCryptogram),
    ] {
        let label = of_use(algorithm, usage, Exportability::Exportable);
        made(desk, &new(&label, algorithm, usage))?;
    }
    Ok(())
}

fn rsa(desk: &mut Desk<'_>) -> Checked {
    for (label, bits, exponent, usage) in [
        ("kit.rsa1152@1", 1_152, 3, KeyUse::EmvIssuerPrivate),
        ("kit.rsa1984@1", 1_984, 3, KeyUse::EmvCaPrivate),
        ("kit.rsa2048@1", 2_048, 65_537, KeyUse::KeyExchange),
        ("kit.rsa4096@1", 4_096, 65_537, KeyUse::CertificateSigning),
    ] {
        made(
            desk,
            &new(label, KeyAlgorithm::Rsa { bits, exponent }, usage),
        )?;
    }
    Ok(())
}

fn p256(desk: &mut Desk<'_>) -> Checked {
    let p256 = KeyAlgorithm::P256;
    made(desk, &new("kit.p256@1", p256, KeyUse::KeyExchange))?;
    made(desk, &new("kit.p256@2", p256, KeyUse::PackageSigning))
}

fn refused(desk: &mut Desk<'_>) -> Checked {
    let cvk = |label| new(label, KeyAlgorithm::Tdes2, KeyUse::CardVerification);
    for (algorithm, usage) in [
        (KeyAlgorithm::Aes128, KeyUse::EmvIssuerPrivate),
        (KeyAlgorithm::P256, KeyUse::EmvIssuerPrivate),
        (KeyAlgorithm::P256, KeyUse::CardVerification),
        (KeyAlgorithm::Tdes2, KeyUse::KeyExchange),
    ] {
        let made = desk.custody.generate(&new("kit.odd@1", algorithm, usage));
        desk.refused(
            "generate",
            made,
            &["R1314"],
            "another use than the algorithm's",
        )?;
    }
    for label in ["", "two words", "bell\u{7}", &"x".repeat(257)] {
        let made = desk.custody.generate(&cvk(label));
        desk.refused("generate", made, &["R1370"], "a label that can't be")?;
    }
    let odd = KeyAlgorithm::Rsa {
        bits: 1_153,
        exponent: 3,
    };
    let made = desk
        .custody
        .generate(&new("kit.odd@1", odd, KeyUse::EmvIssuerPrivate));
    desk.refused("generate", made, &["R1304"], "a size of 1153 bits")?;
    desk.absent("kit.odd@1")
}

fn check_values(desk: &mut Desk<'_>) -> Checked {
    let key = "0123456789ABCDEFFEDCBA9876543210";
    let tdes2 = new("kit.double@1", KeyAlgorithm::Tdes2, KeyUse::PinEncryption);
    desk.known(&tdes2, key)?;
    desk.has("kit.double@1", CheckMethod::Ecb, "08D7B4")?;
    let key = "2B7E151628AED2A6ABF7158809CF4F3C";
    let aes = new("kit.aes@1", KeyAlgorithm::Aes128, KeyUse::CardIssuance);
    desk.known(&aes, key)?;
    desk.has("kit.aes@1", CheckMethod::Cmac, "7AD386C376")?;
    desk.has("kit.aes@1", CheckMethod::Gp, "2CF6A4")?;
    let key = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
    let usage = KeyUse::EmvApplicationCryptogram;
    let aes = new("kit.aes256@1", KeyAlgorithm::Aes256, usage);
    desk.known(&aes, key)?;
    // The same, whether the token enciphers with the key or derives from it.
    desk.has("kit.aes256@1", CheckMethod::Cmac, "377822C093")?;
    desk.has("kit.aes256@1", CheckMethod::Gp, "75E208")?;
    let wrong = desk.custody.check_value("kit.aes@1", CheckMethod::Sha256);
    desk.refused(
        "check_value",
        wrong,
        &["R1314"],
        "a symmetric key as a pair",
    )?;
    let nobody = desk.custody.check_value("kit.nobody@1", CheckMethod::Ecb);
    desk.refused("check_value", nobody, &["R1370"], "a key that is not there")
}

fn request(name: &str, algorithm: &str, usage: KeyUse) -> KeyRequest {
    KeyRequest {
        name: name.to_owned(),
        algorithm: algorithm.to_owned(),
        bits: 0,
        exponent: 0,
        usage,
    }
}

fn production(desk: &mut Desk<'_>) -> Checked {
    let usage = KeyUse::EmvApplicationCryptogram;
    let facts = desk.generate(&new("kit.imk@1", KeyAlgorithm::Tdes2, usage))?;
    let session = desk.hsm.open_session();
    let mut session = desk.kept("open_session", session)?;
    let bound = session.bind(&request("kit.imk@1", "tdes2", usage));
    let handle = desk.kept("bind", bound)?;
    let found = session.check_value(handle, CheckMethod::Ecb);
    let found = desk.kept("check_value", found)?;
    let expected = facts.check_values.first().map(|v| v.octets.clone());
    equal("kit.imk@1", &found, &expected.unwrap_or_default())?;
    let other = session.bind(&request("kit.imk@1", "tdes2", KeyUse::CardVerification));
    desk.refused("bind", other, &["R1302"], "another use")?;
    let none = session.bind(&request("kit.imk@9", "tdes2", usage));
    desk.refused("bind", none, &["R1370", "R1333"], "a key that is not there")
}

fn left_half(desk: &mut Desk<'_>) -> Checked {
    let cvk = |label| new(label, KeyAlgorithm::Tdes2, KeyUse::CardVerification);
    desk.generate(&cvk("kit.cvk@1"))?;
    desk.known(&cvk("kit.cvk@2"), "0123456789ABCDEFFEDCBA9876543210")?;
    let session = desk.hsm.open_session();
    let mut session = desk.kept("open_session", session)?;
    let mut values = Vec::new();
    for label in ["kit.cvk@1", "kit.cvk@2"] {
        let bound = session.bind(&request(label, "tdes2", KeyUse::CardVerification));
        let handle = desk.kept("bind", bound)?;
        let found = session.card_verification_value(handle, "4123456789012345", "8701", "101");
        values.push(desk.kept("card_verification_value", found)?);
    }
    let known = values.last().map(String::as_str);
    holds(known == Some("561"), &format!("{known:?}, not 561"))?;
    let made = values.first().map_or(0, String::len);
    holds(made == 3, "no value of a key that was made")
}

fn destroyed(desk: &mut Desk<'_>) -> Checked {
    let usage = KeyUse::PinVerificationPvv;
    desk.generate(&new("kit.pvk@1", KeyAlgorithm::Tdes2, usage))?;
    desk.generate(&new("kit.pvk@2", KeyAlgorithm::Tdes2, usage))?;
    let session = desk.hsm.open_session();
    let mut session = desk.kept("open_session", session)?;
    let wanted = request("kit.pvk@1", "tdes2", usage);
    let bound = session.bind(&wanted);
    let handle = desk.kept("bind", bound)?;
    let there = session.check_value(handle, CheckMethod::Ecb);
    desk.kept("check_value", there)?;
    desk.destroy("kit.pvk@1")?;
    desk.absent("kit.pvk@1")?;
    let again = desk.custody.destroy("kit.pvk@1");
    desk.refused("destroy", again, &["R1370"], "a key that is gone")?;
    let held = session.check_value(handle, CheckMethod::Ecb);
    desk.refused(
        "check_value",
        held,
        &["R1303"],
        "a handle of a key that is gone",
    )?;
    let bound = session.bind(&wanted);
    desk.refused("bind", bound, &["R1370", "R1333"], "a key that is gone")?;
    let other = desk.custody.key("kit.pvk@2");
    let other = desk.kept("key", other)?;
    holds(other.is_some(), "its next version is gone too")
}

fn public_key(desk: &mut Desk<'_>) -> Checked {
    desk.generate(&new("kit.secret@1", KeyAlgorithm::Tdes2, KeyUse::Transport))?;
    let found = desk.custody.public_key("kit.secret@1");
    desk.refused("public_key", found, &["R1314"], "a symmetric key")?;
    let found = desk.custody.public_key("kit.nobody@1");
    desk.refused("public_key", found, &["R1370"], "a key that is not there")
}
