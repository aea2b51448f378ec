//! AES key wrap, the legacy forms, and which key may leave in which way.

use cardwright_ports::custody::{Exportability, KeyAlgorithm, NewKey, Wrapping};
use cardwright_ports::hsm::{CheckMethod, KeyUse};

use super::desk::{Desk, new, unhex, value};
use super::rows;
use crate::bench::{Checked, equal, holds};

rows! {
    "custody.wrap.rfc3394" "unwrap" "published wrapped keys, in and out again" "RFC 3394, 4.1, 4.3 and 4.6" rfc3394;
    "custody.wrap.changed" "unwrap" "a wrapped key with any octet changed, cut, or of another length" "RFC 3394, 4.3" changed;
    "custody.wrap.padded" "wrap" "RSA key pairs and keys under AES key wrap with padding" "RFC 5649, there and back" padded;
    "custody.legacy" "unwrap" "key under key in ECB and CBC, in and out again" "OpenSSL" legacy;
    "custody.may_leave" "wrap" "which key may leave under which key in which form" "X9.143 and the port's own rules" may_leave;
}

const AES_256: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";

fn rfc3394(desk: &mut Desk<'_>) -> Checked {
    let text = "00112233445566778899AABBCCDDEEFF";
    for (number, kek, wrapped, algorithm, check) in [
        (
            1,
            "000102030405060708090A0B0C0D0E0F",
            "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
            KeyAlgorithm::Aes128,
            text.to_owned(),
        ),
        (
            2,
            AES_256,
            "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7",
            KeyAlgorithm::Aes128,
            text.to_owned(),
        ),
        (
            3,
            AES_256,
            "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
            KeyAlgorithm::Aes256,
            format!("{text}000102030405060708090A0B0C0D0E0F"),
        ),
    ] {
        let kind = match kek.len() {
            32 => KeyAlgorithm::Aes128,
            _ => KeyAlgorithm::Aes256,
        };
        let (under, label) = (format!("kit.kek.{number}@1"), format!("kit.kmc.{number}@1"));
        desk.known(&new(&under, kind, KeyUse::Transport), kek)?;
        let key = new(&label, algorithm, KeyUse::CardIssuance);
        let wrapping = Wrapping::AesKeyWrap { padded: false };
        let reference = desk.typed("kcv", algorithm, &unhex(&check))?.check_value;
        let octets = unhex(wrapped);
        let wrong = value(CheckMethod::Cmac, "010203");
        let taken = desk
            .custody
            .unwrap(&octets, &under, &wrapping, &key, Some(&wrong));
        desk.refused("unwrap", taken, &["R1373"], "another check value")?;
        let taken = desk
            .custody
            .unwrap(&octets, &under, &wrapping, &key, Some(&reference));
        desk.kept("unwrap", taken)?;
        let out = desk.custody.wrap(&label, &under, &wrapping);
        let out = desk.kept("wrap", out)?;
        equal(&label, &out, &octets)?;
    }
    Ok(())
}

fn changed(desk: &mut Desk<'_>) -> Checked {
    desk.known(
        &new("kit.kek.4@1", KeyAlgorithm::Aes256, KeyUse::Transport),
        AES_256,
    )?;
    let wrapped = unhex("64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7");
    let wrapping = Wrapping::AesKeyWrap { padded: false };
    let key = |algorithm| new("kit.kmc.4@1", algorithm, KeyUse::CardIssuance);
    for place in 0..wrapped.len() {
        let mut octets = wrapped.clone();
        if let Some(octet) = octets.get_mut(place) {
            *octet ^= 0x01;
        }
        let aes = key(KeyAlgorithm::Aes128);
        let taken = desk
            .custody
            .unwrap(&octets, "kit.kek.4@1", &wrapping, &aes, None);
        desk.refused("unwrap", taken, &["R1375"], "a changed wrapped key")?;
    }
    for (octets, algorithm) in [
        (wrapped.get(..23), KeyAlgorithm::Aes128),
        (wrapped.get(..16), KeyAlgorithm::Aes128),
        (wrapped.get(..0), KeyAlgorithm::Aes128),
        (wrapped.get(..24), KeyAlgorithm::Aes192),
    ] {
        let octets = octets.unwrap_or_default();
        let key = key(algorithm);
        let taken = desk
            .custody
            .unwrap(octets, "kit.kek.4@1", &wrapping, &key, None);
        desk.refused("unwrap", taken, &["R1375", "R1376"], "another length")?;
    }
    desk.absent("kit.kmc.4@1")
}

fn padded(desk: &mut Desk<'_>) -> Checked {
    let kek = NewKey {
        exportability: Exportability::NonExportable,
        ..new("kit.kek.5@1", KeyAlgorithm::Aes256, KeyUse::Transport)
    };
    desk.generate(&kek)?;
    let rsa = KeyAlgorithm::Rsa {
        bits: 2_048,
        exponent: 3,
    };
    let wrapping = Wrapping::AesKeyWrap { padded: true };
    for (label, algorithm, usage) in [
        ("kit.out.rsa@1", rsa, KeyUse::CertificateSigning),
        ("kit.out.aes@1", KeyAlgorithm::Aes192, KeyUse::CardIssuance),
        ("kit.out.tdes@1", KeyAlgorithm::Tdes3, KeyUse::PinEncryption),
        (
            "kit.out.cvk@1",
            KeyAlgorithm::Tdes2,
            KeyUse::CardVerification,
        ),
    ] {
        let key = new(label, algorithm, usage);
        let made = desk.generate(&key)?;
        let out = desk.custody.wrap(label, "kit.kek.5@1", &wrapping);
        let out = desk.kept("wrap", out)?;
        desk.destroy(label)?;
        let expected = made.check_values.first();
        let taken = desk
            .custody
            .unwrap(&out, "kit.kek.5@1", &wrapping, &key, expected);
        let taken = desk.kept("unwrap", taken)?;
        holds(taken == made, &format!("{label} came back as {taken:?}"))?;
        let mut changed = out;
        if let Some(octet) = changed.last_mut() {
            *octet ^= 1;
        }
        let other = new("kit.out.changed@1", algorithm, usage);
        let taken = desk
            .custody
            .unwrap(&changed, "kit.kek.5@1", &wrapping, &other, None);
        desk.refused("unwrap", taken, &["R1375"], "a changed wrapped key")?;
    }
    desk.absent("kit.out.changed@1")
}

fn legacy(desk: &mut Desk<'_>) -> Checked {
    let kek = new("kit.kek.6@1", KeyAlgorithm::Tdes2, KeyUse::Transport);
    desk.known(&kek, "0123456789ABCDEFFEDCBA9876543210")?;
    for (label, wrapped, wrapping) in [
        (
            "kit.legacy.ecb@1",
            "812D4F3216FA4A44FB00309EFDDD6BC7",
            Wrapping::LegacyEcb,
        ),
        (
            "kit.legacy.cbc@1",
            "812D4F3216FA4A449F5568892BB06618",
            Wrapping::LegacyCbc,
        ),
    ] {
        let key = NewKey {
            exportability: Exportability::Sensitive,
            ..new(label, KeyAlgorithm::Tdes2, KeyUse::CardVerification)
        };
        let octets = unhex(wrapped);
        let mut changed = octets.clone();
        if let Some(octet) = changed.get_mut(3) {
            *octet ^= 0x10;
        }
        let taken = desk
            .custody
            .unwrap(&changed, "kit.kek.6@1", &wrapping, &key, None);
        desk.refused("unwrap", taken, &["R1376"], "wrong parity")?;
        let short = octets.get(..15).unwrap_or_default();
        let taken = desk
            .custody
            .unwrap(short, "kit.kek.6@1", &wrapping, &key, None);
        desk.refused("unwrap", taken, &["R1376"], "a cut block")?;
        let expected = value(CheckMethod::Ecb, "DC328D");
        let taken = desk
            .custody
            .unwrap(&octets, "kit.kek.6@1", &wrapping, &key, Some(&expected));
        desk.kept("unwrap", taken)?;
        let out = desk.custody.wrap(label, "kit.kek.6@1", &wrapping);
        let out = desk.kept("wrap", out)?;
        equal(label, &out, &octets)?;
    }
    Ok(())
}

/// A block's header.
const fn block(header: &'static str) -> Wrapping<'static> {
    Wrapping::KeyBlock { header }
}

const CVK: Wrapping<'static> = block("D0000C0TC00E0000");
const PADDED: Wrapping<'static> = Wrapping::AesKeyWrap { padded: true };

/// Key, wrapping key, form, and what comes of it.
const ATTEMPTS: &[(&str, &str, Wrapping<'static>, &str)] = &[
    ("kit.l.free@1", "kit.l.kbpk@1", CVK, "taken"),
    (
        "kit.l.free@1",
        "kit.l.kbpk@1",
        block("D0000C0TC00N0000"),
        "taken",
    ),
    (
        "kit.l.free@1",
        "kit.l.old@1",
        block("B0000C0TC00E0000"),
        "taken",
    ),
    ("kit.l.loose@1", "kit.l.kek@1", Wrapping::LegacyEcb, "taken"),
    ("kit.l.loose@1", "kit.l.kek@1", Wrapping::LegacyCbc, "taken"),
    ("kit.l.fixed@1", "kit.l.kbpk@1", CVK, "R1374"),
    ("kit.l.free@1", "kit.l.kek@1", Wrapping::LegacyEcb, "R1374"),
    ("kit.l.free@1", "kit.l.kek@1", Wrapping::LegacyCbc, "R1374"),
    ("kit.l.free@1", "kit.l.kek@1", CVK, "R1374"),
    ("kit.l.free@1", "kit.l.kek@1", PADDED, "R1374"),
    (
        "kit.l.free@1",
        "kit.l.loose@1",
        Wrapping::LegacyEcb,
        "R1374",
    ),
    (
        "kit.l.strong@1",
        "kit.l.kek@1",
        Wrapping::LegacyEcb,
        "R1374",
    ),
    (
        "kit.l.stronger@1",
        "kit.l.kbpk@1",
        block("D0000E5AX00E0000"),
        "R1374",
    ),
    (
        "kit.l.free@1",
        "kit.l.kbpk@1",
        block("D0000C0TC00S0000"),
        "R1374",
    ),
    (
        "kit.l.free@1",
        "kit.l.kbpk@1",
        block("D0000P0TE00E0000"),
        "R1374",
    ),
    (
        "kit.l.free@1",
        "kit.l.kbpk@1",
        block("D0000C0AC00E0000"),
        "R1374",
    ),
    (
        "kit.l.free@1",
        "kit.l.kbpk@1",
        block("B0000C0TC00E0000"),
        "R1374",
    ),
    ("kit.l.free@1", "kit.l.old@1", CVK, "R1374"),
    ("kit.l.free@1", "kit.l.kbpk@1", block("nonsense"), "R1374"),
    ("kit.l.free@1", "kit.nobody@1", CVK, "R1370"),
    ("kit.nobody@1", "kit.l.kbpk@1", CVK, "R1370"),
];

fn may_leave(desk: &mut Desk<'_>) -> Checked {
    use Exportability::{Exportable, NonExportable, Sensitive};
    use KeyAlgorithm::{Aes128, Aes256, Tdes2, Tdes3};
    for (label, algorithm, usage, exportability) in [
        (
            "kit.l.kbpk@1",
            Aes128,
            KeyUse::KeyBlockProtection,
            NonExportable,
        ),
        (
            "kit.l.old@1",
            Tdes2,
            KeyUse::KeyBlockProtection,
            NonExportable,
        ),
        ("kit.l.kek@1", Tdes2, KeyUse::Transport, NonExportable),
        (
            "kit.l.fixed@1",
            Tdes2,
            KeyUse::CardVerification,
            NonExportable,
        ),
        ("kit.l.free@1", Tdes2, KeyUse::CardVerification, Exportable),
        ("kit.l.loose@1", Tdes2, KeyUse::CardVerification, Sensitive),
        ("kit.l.strong@1", Tdes3, KeyUse::PinEncryption, Sensitive),
        ("kit.l.stronger@1", Aes256, KeyUse::CardIssuance, Sensitive),
    ] {
        desk.generate(&NewKey {
            label,
            algorithm,
            usage,
            exportability,
        })?;
    }
    for (label, under, wrapping, expected) in ATTEMPTS {
        let done = desk.custody.wrap(label, under, wrapping);
        match *expected {
            "taken" => {
                desk.kept("wrap", done)?;
            }
            code => {
                let why = format!("{label} under {under}: {wrapping:?}");
                desk.refused("wrap", done, &[code], &why)?;
            }
        }
    }
    Ok(())
}
