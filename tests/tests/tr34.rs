//! TR-34 between two sites of ours, in two passes: the host's key and the device's key each in their
//! HSM, certificates by OpenSSL, whose CMS reads the token too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{
    station::{Said, Station},
    token,
};
use std::path::Path;
use std::process::Command;

fn say(station: &Station, words: &str) -> Said {
    let words: Vec<&str> = words.split_whitespace().collect();
    station.say(&words)
}

fn openssl(folder: &Path, arguments: &str) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("this test needs the package openssl");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {said}");
    output.stdout
}

/// A key pair of a site, with a certificate of the test authority in the folder.
fn pair(station: &Station, folder: &Path, (name, usage, for_what): (&str, &str, &str)) {
    let generate = format!(
        "keys generate tr34.{name} --use {usage} --algorithm rsa --bits 3072 --owner Aurora --who Ada"
    );
    say(station, &generate).expect(0);
    let activate = format!("keys activate tr34.{name}@1 --until 2035-12-01 --who Ben");
    say(station, &activate).expect(0);
    let public = say(station, &format!("keys public-key tr34.{name}@1")).expect(0);
    std::fs::write(folder.join(format!("{name}.pub")), public.out).unwrap();
    let extensions = format!("keyUsage=critical,{for_what}\n");
    std::fs::write(folder.join(format!("{name}.ext")), extensions).unwrap();
    openssl(
        folder,
        &format!(
            "x509 -new -force_pubkey {name}.pub -subj /O=Test/CN={name} -CA ca.pem -CAkey ca.key \
             -days 730 -extfile {name}.ext -out {name}.pem"
        ),
    );
}

/// Host and device with their certificates and a key that is to travel.
fn sides(host: &Station, device: &Station) -> (tempfile::TempDir, String) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout ca.key -out ca.pem -subj \
         /O=Test/CN=ca -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
    );
    pair(
        host,
        folder,
        ("host", "package_signing", "digitalSignature"),
    );
    pair(
        device,
        folder,
        ("device", "key_exchange", "keyEncipherment"),
    );
    let generate = "keys generate aurora.kbpk --use key_block_protection --algorithm aes128 \
                    --exportability exportable --owner Aurora --who Ada";
    say(host, generate).expect(0);
    say(
        host,
        "keys activate aurora.kbpk@1 --until 2035-12-01 --who Ben",
    )
    .expect(0);
    let listed = say(host, "keys list --format json").expect(0).json();
    let keys = listed["keys"].as_array().unwrap();
    let key = keys.iter().find(|k| k["name"] == "aurora.kbpk").unwrap();
    let value = &key["check_values"][0];
    let check = format!(
        "{}:{}",
        value["method"].as_str().unwrap(),
        value["value"].as_str().unwrap()
    );
    (scratch, check)
}

fn both_passes(host: &Station, device: &Station) {
    let (scratch, check) = sides(host, device);
    let folder = scratch.path();
    let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let certificates = format!(
        "--host {} --device {} --authority {}",
        at("host.pem"),
        at("device.pem"),
        at("ca.pem")
    );
    let nonce = |number: u32| {
        let words = format!(
            "keys tr34 nonce --out {} --keep {}",
            at(&format!("random{number}")),
            at(&format!("nonce{number}"))
        );
        say(device, &words).expect(0);
    };
    let send = |number: u32| {
        let words = format!(
            "keys tr34 send aurora.kbpk@1 --host-key tr34.host@1 {certificates} --nonce {} \
             --to device --out {} --who Ada",
            at(&format!("random{number}")),
            at(&format!("token{number}"))
        );
        say(host, &words)
    };
    let receive = |token: &str, number: u32, more: &str| {
        let words = format!(
            "keys tr34 receive {} --device-key tr34.device@1 {certificates} --nonce {} --key \
             aurora.kbpk --use key_block_protection --algorithm aes128 --owner Aurora --from host \
             --who Ada {more}",
            at(token),
            at(&format!("nonce{number}"))
        );
        say(device, &words)
    };
    nonce(1);
    send(1).expect(0);
    // Another's token for another nonce; a changed token; then the nonce is used up.
    nonce(2);
    let said = receive("token1", 2, "");
    assert!(said.err.contains("R1384"), "{}", said.err);
    assert!(!folder.join("nonce2").exists());
    let mut changed = std::fs::read(folder.join("token1")).unwrap();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    std::fs::write(folder.join("changed"), changed).unwrap();
    std::fs::copy(folder.join("nonce1"), folder.join("nonce3")).unwrap();
    let said = receive("changed", 3, "");
    assert!(said.err.contains("R1384"), "{}", said.err);
    // Another check value than the sender told: nothing is kept.
    std::fs::copy(folder.join("nonce1"), folder.join("nonce4")).unwrap();
    let said = receive("token1", 4, "--check-value cmac:0102030405");
    assert!(said.err.contains("R1373"), "{}", said.err);
    // Another use than the header's.
    std::fs::copy(folder.join("nonce1"), folder.join("nonce5")).unwrap();
    let said = receive("token1", 5, "--exportability sensitive");
    assert!(said.err.contains("R1384"), "{}", said.err);
    let said = receive("token1", 1, &format!("--check-value {check}")).expect(0);
    assert!(said.out.contains("aurora.kbpk@1"), "{}", said.out);
    let listed = say(device, "keys list --format json").expect(0).json();
    assert_eq!(listed["keys"].as_array().unwrap().len(), 2, "{listed}");
    for station in [host, device] {
        say(station, "audit verify").expect(0);
    }
    read_by_openssl(folder);
}

/// OpenSSL finds the signature good and the header among what was signed.
fn read_by_openssl(folder: &Path) {
    let enveloped = openssl(
        folder,
        "cms -verify -binary -inform DER -in token1 -CAfile ca.pem -certfile host.pem -purpose any \
         -nointern",
    );
    assert!(enveloped.len() > 400);
    let printed = openssl(folder, "cms -cmsout -print -inform DER -in token1");
    let printed = String::from_utf8_lossy(&printed);
    assert!(printed.contains("envelopedData"), "{printed}");
}

#[test]
fn a_key_travels_between_two_sites() {
    both_passes(&Station::new(), &Station::new());
}

#[test]
fn a_key_travels_between_a_token_and_a_soft_hsm() {
    let with_token = || {
        let station = token::site("host_memory = \"allowed\"\ntest_only = true\n");
        say(&station, "hsm prepare").expect(0);
        station
    };
    both_passes(&with_token(), &Station::new());
    both_passes(&Station::new(), &with_token());
}

#[test]
fn nothing_is_sent_to_a_device_that_is_not_trusted() {
    let (host, device) = (Station::new(), Station::new());
    let (scratch, _) = sides(&host, &device);
    let folder = scratch.path();
    let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 30 -keyout other.key -out other.pem -subj \
         /O=Test/CN=other",
    );
    let nonce = format!("keys tr34 nonce --out {} --keep {}", at("r"), at("n"));
    say(&device, &nonce).expect(0);
    for (authority, receiver) in [("other.pem", "device.pem"), ("ca.pem", "host.pem")] {
        let words = format!(
            "keys tr34 send aurora.kbpk@1 --host-key tr34.host@1 --host {} --device {} \
             --authority {} --nonce {} --to device --out {} --who Ada",
            at("host.pem"),
            at(receiver),
            at(authority),
            at("r"),
            at("token")
        );
        let said = say(&host, &words);
        assert!(said.err.contains("R1384"), "{receiver}: {}", said.err);
        assert!(!folder.join("token").exists());
    }
}
