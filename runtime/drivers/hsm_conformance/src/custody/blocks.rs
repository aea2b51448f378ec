//! Key blocks: published ones come in, what goes out is opened by the standards' functions, every
//! changed character is refused.

use cardwright_ports::custody::{Exportability, KeyAlgorithm, NewKey, Wrapping};
use cardwright_ports::hsm::{CheckMethod, KeyUse};
use cardwright_standards::des_keys::set_odd_parity;
use cardwright_standards::keyblock;

use super::desk::{Desk, new, unhex, value};
use super::rows;
use crate::bench::{Checked, Stop, equal, holds, reference};

/// ASC X9 TR-31-2018, A.7.4: protection key, block, key.
const BLOCK_D: [&str; 3] = [
    "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6",
    "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03A457DC34",
    "3F419E1CB7079442AA37474C2EFBF8B8",
];
/// The same, A.7.2.1.
const BLOCK_B: [&str; 3] = [
    "DD7515F2BFC17F85CE48F3CA25CB21F6",
    "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E",
    "3F419E1CB7079442AA37474C2EFBF8B8",
];

rows! {
    "custody.block.d" "unwrap" "a published block of version D, in and out again" "ASC X9 TR-31-2018, A.7.4" version_d;
    "custody.block.b" "unwrap" "a published block of version B, in and out again" "ASC X9 TR-31-2018, A.7.2.1" version_b;
    "custody.block.e" "wrap" "a block of version E, out and in again" "the standards' functions, themselves held by published vectors" version_e;
    "custody.block.checks" "wrap" "check values of the key and of its protection key in a block" "X9.143, KC and KP; the standards' functions" checks;
    "custody.block.changed" "unwrap" "a block changed at any character, and cut, is refused and nothing kept" "ASC X9 TR-31-2018, A.7.4" changed;
    "custody.block.header" "unwrap" "header and key that do not agree" "X9.143" header;
    "custody.block.pairs" "wrap" "RSA and P-256 key pairs in blocks, out and in again" "X9.143, 7.3; the standards' functions" pairs;
}

fn protection(desk: &mut Desk<'_>, label: &str, hex: &str) -> Checked {
    let algorithm = match hex.len() {
        64 => KeyAlgorithm::Aes256,
        _ => KeyAlgorithm::Tdes2,
    };
    let there = desk.custody.key(label);
    if desk.kept("key", there)?.is_none() {
        let key = NewKey {
            exportability: Exportability::NonExportable,
            ..new(label, algorithm, KeyUse::KeyBlockProtection)
        };
        desk.known(&key, hex)?;
    }
    Ok(())
}

fn in_and_out(desk: &mut Desk<'_>, [kbpk, block, key]: [&str; 3]) -> Checked {
    let version = block.get(..1).unwrap_or_default();
    let under = format!("kit.kbpk.{version}@1");
    protection(desk, &under, kbpk)?;
    let (algorithm, method, check) = match version {
        "B" => (KeyAlgorithm::Tdes2, CheckMethod::Ecb, ecb_of(key)),
        _ => (KeyAlgorithm::Aes128, CheckMethod::Cmac, cmac_of(key)),
    };
    let label = format!("kit.zpk.{version}@1");
    let zpk = new(&label, algorithm, KeyUse::PinEncryption);
    let header = block.get(..16).unwrap_or_default();
    let wrapping = Wrapping::KeyBlock { header };
    let expected = value(method, &check?);
    let taken = desk
        .custody
        .unwrap(block.as_bytes(), &under, &wrapping, &zpk, Some(&expected));
    desk.kept("unwrap", taken)?;
    let out = desk.custody.wrap(&label, &under, &wrapping);
    let out = desk.kept("wrap", out)?;
    let text = String::from_utf8(out).map_err(reference)?;
    let opened = keyblock::unwrap(&unhex(kbpk), &text).map_err(reference)?;
    let mut octets = unhex(key);
    if algorithm.has_parity() {
        set_odd_parity(&mut octets);
    }
    equal("the key in the block", &opened.key, &octets)?;
    holds(opened.header.usage == "P0", "another usage")
}

fn ecb_of(key: &str) -> Result<String, Stop> {
    use cardwright_standards::kcv;
    let found = kcv::check_value(kcv::Algorithm::Tdes, kcv::Method::Ecb, &unhex(key));
    Ok(hex::encode(found.map_err(reference)?))
}

fn cmac_of(key: &str) -> Result<String, Stop> {
    use cardwright_standards::kcv;
    let found = kcv::check_value(kcv::Algorithm::Aes, kcv::Method::Cmac, &unhex(key));
    Ok(hex::encode(found.map_err(reference)?))
}

fn version_d(desk: &mut Desk<'_>) -> Checked {
    in_and_out(desk, BLOCK_D)
}

fn version_b(desk: &mut Desk<'_>) -> Checked {
    in_and_out(desk, BLOCK_B)
}

fn version_e(desk: &mut Desk<'_>) -> Checked {
    let [kbpk, ..] = BLOCK_D;
    protection(desk, "kit.kbpk.D@1", kbpk)?;
    let key = new("kit.e@1", KeyAlgorithm::Aes128, KeyUse::PinEncryption);
    desk.known(&key, "2B7E151628AED2A6ABF7158809CF4F3C")?;
    let wrapping = Wrapping::KeyBlock {
        header: "E0000P0AE00E0000",
    };
    let out = desk.custody.wrap("kit.e@1", "kit.kbpk.D@1", &wrapping);
    let out = desk.kept("wrap", out)?;
    let text = std::str::from_utf8(&out).map_err(reference)?;
    let opened = keyblock::unwrap(&unhex(kbpk), text).map_err(reference)?;
    equal(
        "the key in the block",
        &opened.key,
        &unhex("2B7E151628AED2A6ABF7158809CF4F3C"),
    )?;
    let again = new("kit.e@2", KeyAlgorithm::Aes128, KeyUse::PinEncryption);
    let taken = desk
        .custody
        .unwrap(&out, "kit.kbpk.D@1", &wrapping, &again, None);
    desk.kept("unwrap", taken)?;
    desk.has("kit.e@2", CheckMethod::Cmac, "7AD386C376")
}

fn checks(desk: &mut Desk<'_>) -> Checked {
    let [kbpk, ..] = BLOCK_D;
    protection(desk, "kit.kbpk.D@1", kbpk)?;
    let key = new("kit.kc@1", KeyAlgorithm::Aes128, KeyUse::PinEncryption);
    desk.known(&key, "2B7E151628AED2A6ABF7158809CF4F3C")?;
    // Values of the right form; the HSM writes the true ones.
    let header = "D0000P0AE00E0200KC10010000000000KP10010000000000";
    let wrapping = Wrapping::KeyBlock { header };
    let out = desk.custody.wrap("kit.kc@1", "kit.kbpk.D@1", &wrapping);
    let out = desk.kept("wrap", out)?;
    let text = std::str::from_utf8(&out).map_err(reference)?;
    let opened = keyblock::open(&unhex(kbpk), text, &keyblock::Acceptance::STRICT);
    let opened = opened.map_err(reference)?;
    let both = opened.key_checked && opened.protection_key_checked;
    holds(both, "the block's check values were not compared")
}

fn changed(desk: &mut Desk<'_>) -> Checked {
    let [kbpk, block, _] = BLOCK_D;
    protection(desk, "kit.kbpk.D@1", kbpk)?;
    let zpk = new("kit.changed@1", KeyAlgorithm::Aes128, KeyUse::PinEncryption);
    let import = |desk: &mut Desk<'_>, block: &str, header: &str| {
        let wrapping = Wrapping::KeyBlock { header };
        let taken = desk
            .custody
            .unwrap(block.as_bytes(), "kit.kbpk.D@1", &wrapping, &zpk, None);
        desk.refused("unwrap", taken, &["R1374", "R1375"], "a changed block")
    };
    let header = block.get(..16).unwrap_or_default();
    for place in 0..block.len() {
        let mut octets = block.as_bytes().to_vec();
        if let Some(octet) = octets.get_mut(place) {
            *octet = if *octet == b'0' { b'1' } else { b'0' };
        }
        let changed = String::from_utf8(octets).map_err(reference)?;
        // Whoever accepts the header as it stands in the block, and whoever knows the true one.
        import(desk, &changed, changed.get(..16).unwrap_or_default())?;
        import(desk, &changed, header)?;
        if place > 0 {
            import(desk, block.get(..place).unwrap_or_default(), header)?;
        }
    }
    desk.absent("kit.changed@1")
}

fn header(desk: &mut Desk<'_>) -> Checked {
    let [kbpk, block, _] = BLOCK_D;
    protection(desk, "kit.kbpk.D@1", kbpk)?;
    let label = "kit.header@1";
    let mut import = |key: &NewKey<'_>, check: Option<&str>, code: &str, why: &str| {
        let header = block.get(..16).unwrap_or_default();
        let wrapping = Wrapping::KeyBlock { header };
        let expected = check.map(|octets| value(CheckMethod::Cmac, octets));
        let taken = desk.custody.unwrap(
            block.as_bytes(),
            "kit.kbpk.D@1",
            &wrapping,
            key,
            expected.as_ref(),
        );
        desk.refused("unwrap", taken, &[code], why)
    };
    let zpk = |algorithm| new(label, algorithm, KeyUse::PinEncryption);
    let (aes, longer) = (KeyAlgorithm::Aes128, KeyAlgorithm::Aes192);
    import(
        &new(label, aes, KeyUse::CardIssuance),
        None,
        "R1374",
        "another use",
    )?;
    import(
        &zpk(KeyAlgorithm::Tdes2),
        None,
        "R1374",
        "another algorithm",
    )?;
    import(&zpk(longer), None, "R1376", "another length")?;
    let freer = NewKey {
        exportability: Exportability::Sensitive,
        ..zpk(aes)
    };
    import(&freer, None, "R1374", "more freedom than its sender gave")?;
    import(&zpk(aes), Some("010203"), "R1373", "another check value")?;
    desk.absent(label)
}

fn pairs(desk: &mut Desk<'_>) -> Checked {
    let [kbpk, ..] = BLOCK_D;
    protection(desk, "kit.kbpk.D@1", kbpk)?;
    let rsa = KeyAlgorithm::Rsa {
        bits: 2_048,
        exponent: 65_537,
    };
    for (label, algorithm, letter) in [
        ("kit.pair.rsa@1", rsa, 'R'),
        ("kit.pair.p256@1", KeyAlgorithm::P256, 'E'),
    ] {
        let key = new(label, algorithm, KeyUse::PackageSigning);
        desk.generate(&key)?;
        let public = desk.custody.public_key(label);
        let public = desk.kept("public_key", public)?;
        let header = format!("D0000S0{letter}S00E0000");
        let wrapping = Wrapping::KeyBlock { header: &header };
        let out = desk.custody.wrap(label, "kit.kbpk.D@1", &wrapping);
        let out = desk.kept("wrap", out)?;
        let text = std::str::from_utf8(&out).map_err(reference)?;
        let opened = keyblock::open(&unhex(kbpk), text, &keyblock::Acceptance::STRICT);
        opened.map_err(reference)?;
        desk.destroy(label)?;
        let taken = desk
            .custody
            .unwrap(&out, "kit.kbpk.D@1", &wrapping, &key, None);
        desk.kept("unwrap", taken)?;
        let again = desk.custody.public_key(label);
        let again = desk.kept("public_key", again)?;
        holds(again == public, "another public half")?;
    }
    Ok(())
}
