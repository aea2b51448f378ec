//! OpenSSL as the other side: private keys, signatures, RSA-OAEP, agreement.

use std::path::Path;
use std::process::Command;

use cardwright_ports::custody::{KeyAlgorithm, NewKey, OaepHash, PublicKey, Signing, Wrapping};
use cardwright_ports::hsm::{CheckMethod, KeyUse};

use super::desk::{Desk, new, unhex, value};
use super::rows;
use crate::bench::{Checked, Stop, equal, reference};

const KEK: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
const CLEAR: &str = "2B7E151628AED2A6ABF7158809CF4F3C";
const RSA: KeyAlgorithm = KeyAlgorithm::Rsa {
    bits: 2_048,
    exponent: 65_537,
};
const GENERATE_RSA: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
const GENERATE_P256: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";

rows! {
    "custody.openssl.rsa" "unwrap" "an RSA key of OpenSSL in and out, and what it signs" "OpenSSL" rsa;
    "custody.openssl.p256" "unwrap" "a key of OpenSSL on P-256 in and out, and what it signs" "OpenSSL" p256;
    "custody.openssl.oaep" "unwrap" "RSA-OAEP to and from OpenSSL" "OpenSSL" oaep;
    "custody.openssl.ecdh" "unwrap" "agreement with a key of OpenSSL" "OpenSSL" ecdh;
}

/// A run of `openssl` in a folder; a failure says what it said.
fn openssl(folder: &Path, arguments: &str) -> Result<Vec<u8>, Stop> {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .map_err(|e| Stop::Wrong(format!("this check needs the package openssl: {e}")))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(Stop::Wrong(format!(
            "openssl {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}

fn write(folder: &Path, name: &str, octets: &[u8]) -> Checked {
    std::fs::write(folder.join(name), octets).map_err(reference)
}

/// A private key that OpenSSL made comes in under AES key wrap with padding, as PKCS #8, and goes
/// out as the same PKCS #8 that OpenSSL reads.
fn in_and_out(desk: &mut Desk<'_>, folder: &Path, kind: &str, key: &NewKey<'_>) -> Checked {
    let there = desk.custody.key("kit.peer.kek@1");
    if desk.kept("key", there)?.is_none() {
        let kek = new("kit.peer.kek@1", KeyAlgorithm::Aes256, KeyUse::Transport);
        desk.known(&kek, KEK)?;
    }
    let make = format!("genpkey {kind} -outform DER -out private.der");
    openssl(folder, &make)?;
    let pkcs8 = "pkcs8 -topk8 -nocrypt -inform DER -in private.der -outform DER -out key.p8";
    openssl(folder, pkcs8)?;
    let public = openssl(folder, "pkey -inform DER -in private.der -pubout")?;
    write(folder, "public.pem", &public)?;
    let wrap = "enc -e -id-aes256-wrap-pad -iv A65959A6 -in key.p8 -K";
    let wrapped = openssl(folder, &format!("{wrap} {KEK}"))?;
    let wrapping = Wrapping::AesKeyWrap { padded: true };
    let taken = desk
        .custody
        .unwrap(&wrapped, "kit.peer.kek@1", &wrapping, key, None);
    desk.kept("unwrap", taken)?;
    let again = desk.custody.wrap(key.label, "kit.peer.kek@1", &wrapping);
    write(folder, "again", &desk.kept("wrap", again)?)?;
    let unwrap = "enc -d -id-aes256-wrap-pad -iv A65959A6 -in again -out again.p8 -K";
    openssl(folder, &format!("{unwrap} {KEK}"))?;
    openssl(folder, "pkey -inform DER -in again.p8 -check -noout")?;
    let found = openssl(folder, "pkey -inform DER -in again.p8 -pubout")?;
    equal("the public half", &found, &public)
}

fn signs(desk: &mut Desk<'_>, folder: &Path, label: &str) -> Checked {
    let message = b"what a site says";
    let signed = desk.custody.sign(label, &Signing::Sha256 { message });
    write(folder, "signature", &desk.kept("sign", signed)?)?;
    write(folder, "message", message)?;
    let verify = "dgst -sha256 -verify public.pem -signature signature message";
    openssl(folder, verify).map(drop)
}

fn rsa(desk: &mut Desk<'_>) -> Checked {
    let folder = tempfile::tempdir().map_err(reference)?;
    let key = new("kit.peer.rsa@1", RSA, KeyUse::PackageSigning);
    in_and_out(desk, folder.path(), GENERATE_RSA, &key)?;
    signs(desk, folder.path(), "kit.peer.rsa@1")
}

fn p256(desk: &mut Desk<'_>) -> Checked {
    let folder = tempfile::tempdir().map_err(reference)?;
    let key = new(
        "kit.peer.p256@1",
        KeyAlgorithm::P256,
        KeyUse::PackageSigning,
    );
    in_and_out(desk, folder.path(), GENERATE_P256, &key)?;
    signs(desk, folder.path(), "kit.peer.p256@1")
}

fn oaep(desk: &mut Desk<'_>) -> Checked {
    let folder = tempfile::tempdir().map_err(reference)?;
    let folder = folder.path();
    let key = new("kit.peer.receive@1", RSA, KeyUse::KeyExchange);
    in_and_out(desk, folder, GENERATE_RSA, &key)?;
    let found = desk.custody.public_key("kit.peer.receive@1");
    let PublicKey::Rsa { modulus, exponent } = desk.kept("public_key", found)? else {
        return Err(Stop::Wrong("a point of an RSA key".to_owned()));
    };
    write(folder, "clear", &unhex(CLEAR))?;
    for (hash, named) in [(OaepHash::Sha1, "sha1"), (OaepHash::Sha256, "sha256")] {
        let options = format!("-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{named}");
        let encrypt = format!("pkeyutl -encrypt -pubin -inkey public.pem -in clear {options}");
        let wrapped = openssl(folder, &encrypt)?;
        let incoming = Wrapping::RsaOaep {
            receiver: (&[], 0),
            hash,
        };
        let label = format!("kit.peer.{named}@1");
        let kmc = new(&label, KeyAlgorithm::Aes128, KeyUse::CardIssuance);
        let expected = value(CheckMethod::Cmac, "7AD386C376");
        let taken = desk.custody.unwrap(
            &wrapped,
            "kit.peer.receive@1",
            &incoming,
            &kmc,
            Some(&expected),
        );
        desk.kept("unwrap", taken)?;
        let receiver = (modulus.as_slice(), exponent);
        let out = desk
            .custody
            .wrap(&label, "", &Wrapping::RsaOaep { receiver, hash });
        write(folder, "out", &desk.kept("wrap", out)?)?;
        let decrypt = format!("pkeyutl -decrypt -keyform DER -inkey private.der -in out {options}");
        equal("opened", &openssl(folder, &decrypt)?, &unhex(CLEAR))?;
    }
    Ok(())
}

fn ecdh(desk: &mut Desk<'_>) -> Checked {
    let folder = tempfile::tempdir().map_err(reference)?;
    let folder = folder.path();
    let own = new("kit.peer.agree@1", KeyAlgorithm::P256, KeyUse::KeyExchange);
    desk.generate(&own)?;
    let found = desk.custody.public_key("kit.peer.agree@1");
    let PublicKey::P256(point) = desk.kept("public_key", found)? else {
        return Err(Stop::Wrong("a modulus of P-256".to_owned()));
    };
    // SubjectPublicKeyInfo of P-256 (RFC 5480, 2): fixed octets and the point.
    let mut info = unhex("3059301306072A8648CE3D020106082A8648CE3D030107034200");
    info.extend_from_slice(&point);
    write(folder, "own.der", &info)?;
    openssl(folder, &format!("genpkey {GENERATE_P256} -out peer.pem"))?;
    let peer = openssl(folder, "pkey -in peer.pem -pubout -outform DER")?;
    let peer = peer.last_chunk::<65>().map_or(&[][..], |peer| peer);
    openssl(folder, "pkey -pubin -inform DER -in own.der -out own.pem")?;
    let secret = openssl(folder, "pkeyutl -derive -inkey peer.pem -peerkey own.pem")?;
    let kdf = format!(
        "kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:{} -kdfopt hexinfo:{} -binary SSKDF",
        hex::encode(secret),
        hex::encode(b"site A to site B")
    );
    let shared = openssl(folder, &kdf)?;
    write(folder, "clear", &unhex(CLEAR))?;
    let wrap = "enc -e -id-aes256-wrap-pad -iv A65959A6 -in clear -K";
    let wrapped = openssl(folder, &format!("{wrap} {}", hex::encode(&shared)))?;
    let wrapping = Wrapping::Ecdh {
        peer,
        info: b"site A to site B",
    };
    let kmc = new(
        "kit.peer.agreed@1",
        KeyAlgorithm::Aes128,
        KeyUse::CardIssuance,
    );
    let expected = value(CheckMethod::Cmac, "7AD386C376");
    let taken = desk.custody.unwrap(
        &wrapped,
        "kit.peer.agree@1",
        &wrapping,
        &kmc,
        Some(&expected),
    );
    desk.kept("unwrap", taken)?;
    // Key wrap draws nothing: the same key gives the same octets.
    let out = desk
        .custody
        .wrap("kit.peer.agreed@1", "kit.peer.agree@1", &wrapping);
    equal("wrapped", &desk.kept("wrap", out)?, &wrapped)
}
