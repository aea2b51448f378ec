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

/// The test authority, which both sides trust, in a folder.
fn authority(folder: &Path) {
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout ca.key -out ca.pem -subj \
         /O=Test/CN=ca -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
    );
}

/// A key of the host that may leave.
fn key_that_travels(host: &Station) {
    let generate = "keys generate aurora.kbpk --use key_block_protection --algorithm aes128 \
                    --exportability exportable --owner Aurora --who Ada";
    say(host, generate).expect(0);
    say(
        host,
        "keys activate aurora.kbpk@1 --until 2035-12-01 --who Ben",
    )
    .expect(0);
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
    authority(folder);
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
    key_that_travels(host);
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

/// A key pair of a site whose certificate request OpenSSL's authority answers.
fn certified(station: &Station, folder: &Path, (name, usage): (&str, &str)) {
    let generate = format!(
        "keys generate tr34.{name} --use {usage} --algorithm rsa --bits 3072 --owner Aurora --who Ada"
    );
    say(station, &generate).expect(0);
    let request = folder.join(format!("{name}.req"));
    let request = request.to_string_lossy();
    let ask = |subject: &str, out: &str| {
        let words = ["keys", "tr34", "request"];
        let label = format!("tr34.{name}@1");
        let more = [&label, "--subject", subject, "--out", out, "--who", "Ada"];
        station.say(&[&words[..], &more[..]].concat())
    };
    // A key that is not in use yet, and a subject that is none.
    let subject = format!("CN={name},O=Test");
    assert!(ask(&subject, &request).err.contains("R1384"));
    let activate = format!("keys activate tr34.{name}@1 --until 2035-12-01 --who Ben");
    say(station, &activate).expect(0);
    assert!(ask("nobody", &request).err.contains("R1384"));
    assert!(!folder.join(format!("{name}.req")).exists());
    ask(&subject, &request).expect(0);
    openssl(
        folder,
        &format!("req -inform DER -in {name}.req -verify -noout"),
    );
    openssl(
        folder,
        &format!(
            "x509 -req -inform DER -in {name}.req -CA ca.pem -CAkey ca.key -CAcreateserial -days 730 \
             -copy_extensions copy -out {name}.pem"
        ),
    );
}

/// Verbs of one host and one device, with the files of their folder.
struct Bound<'s> {
    host: &'s Station,
    device: &'s Station,
    folder: &'s Path,
}

impl Bound<'_> {
    fn at(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn own(&self) -> String {
        let (device, ca) = (self.at("device.pem"), self.at("ca.pem"));
        format!("--device-key tr34.device@1 --device {device} --authority {ca} --who Ada")
    }

    fn bind(&self, host: &str) -> Said {
        let token = self.at(&format!("{host}.ct"));
        if !self.folder.join(format!("{host}.ct")).exists() {
            let words = format!(
                "keys tr34 credential tr34.{host}@1 --certificate {} --out {token} --who Ada",
                self.at(&format!("{host}.pem"))
            );
            say(self.host, &words).expect(0);
        }
        let words = format!("keys tr34 bind {token} {}", self.own());
        say(self.device, &words)
    }

    fn nonce(&self, number: u32) -> (String, String) {
        let (token, kept) = (
            self.at(&format!("r{number}")),
            self.at(&format!("n{number}")),
        );
        let words = format!("keys tr34 nonce --out {token} --keep {kept}");
        say(self.device, &words).expect(0);
        (token, kept)
    }

    fn sides(&self, host: &str) -> String {
        format!(
            "--host {} --device {} --authority {}",
            self.at(&format!("{host}.pem")),
            self.at("device.pem"),
            self.at("ca.pem")
        )
    }

    /// One pass from a host; the token's name.
    fn send(&self, host: &str, name: &str) -> String {
        let token = self.at(name);
        let words = format!(
            "keys tr34 send aurora.kbpk@1 --host-key tr34.{host}@1 {} --one-pass --to device --out {token} \
             --who Ada",
            self.sides(host)
        );
        say(self.host, &words).expect(0);
        token
    }

    fn receive(&self, host: &str, token: &str, more: &str) -> Said {
        let words = format!(
            "keys tr34 receive {token} --device-key tr34.device@1 {} {more} --key aurora.kbpk --use \
             key_block_protection --algorithm aes128 --owner Aurora --from {host} --who Ada",
            self.sides(host)
        );
        say(self.device, &words)
    }

    fn bound_to(&self) -> Option<String> {
        let listed = say(self.device, "keys tr34 bindings --format json")
            .expect(0)
            .json();
        let rows = listed["bindings"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{listed}");
        rows[0]["binding"]["host"].as_str().map(str::to_owned)
    }
}

fn life_of_a_binding(host: &Station, device: &Station) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    authority(folder);
    for name in ["host", "host2"] {
        certified(host, folder, (name, "package_signing"));
    }
    certified(host, folder, ("authority", "certificate_signing"));
    certified(device, folder, ("device", "key_exchange"));
    key_that_travels(host);
    let all = Bound {
        host,
        device,
        folder,
    };
    // One pass needs a device that is bound.
    let first = all.send("host", "first");
    let said = all.receive("host", &first, "--one-pass 3600");
    assert!(
        said.err.contains("R1384") && said.err.contains("not bound"),
        "{}",
        said.err
    );
    let said = all.bind("host").expect(0);
    assert!(said.out.contains("bound to"), "{}", said.out);
    let certificate = all.bound_to().unwrap();
    // Bound to one host, it binds itself to no other and takes nothing from another.
    let said = all.bind("host2");
    assert!(said.err.contains("R1384"), "{}", said.err);
    let other = all.send("host2", "other");
    let said = all.receive("host2", &other, "--one-pass 3600");
    assert!(said.err.contains("bound to another host"), "{}", said.err);
    // The key in one pass, and the same token again.
    all.receive("host", &first, "--one-pass 3600").expect(0);
    let said = all.receive("host", &first, "--one-pass 3600");
    assert!(
        said.err.contains("R1384") && said.err.contains("later"),
        "{}",
        said.err
    );
    let late = all.receive("host", &first, "--one-pass 0");
    assert!(late.err.contains("R1384"), "{}", late.err);
    unbound_by_the_host(&all);
    rebound(&all, &certificate);
    for station in [host, device] {
        say(station, "keys check").expect(0);
        say(station, "audit verify").expect(0);
    }
}

/// The host lets it go; then it takes nothing from anybody, until it is bound again.
fn unbound_by_the_host(all: &Bound<'_>) {
    let (random, kept) = all.nonce(1);
    let token = all.at("unbind");
    let words = format!(
        "keys tr34 unbind {} --host-key tr34.host@1 --nonce {random} --out {token} --who Ada",
        all.sides("host")
    );
    say(all.host, &words).expect(0);
    verified(all.folder, "unbind", "host");
    let unbound = |kept: &str, token: &str| {
        let words = format!("keys tr34 unbound {token} {} --nonce {kept}", all.own());
        say(all.device, &words)
    };
    // Another nonce, a changed token, a rebind in its place.
    let (_, other) = all.nonce(2);
    assert!(unbound(&other, &token).err.contains("R1384"));
    let mut changed = std::fs::read(&token).unwrap();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    std::fs::write(all.at("changed"), changed).unwrap();
    std::fs::copy(&kept, all.at("again")).unwrap();
    assert!(
        unbound(&all.at("again"), &all.at("changed"))
            .err
            .contains("R1384")
    );
    assert!(!all.folder.join("again").exists() && all.bound_to().is_some());
    let said = unbound(&kept, &token).expect(0);
    assert!(said.out.contains("bound to nobody"), "{}", said.out);
    assert_eq!(all.bound_to(), None);
    let more = all.send("host", "more");
    let said = all.receive("host", &more, "--one-pass 3600");
    assert!(said.err.contains("was unbound"), "{}", said.err);
    all.bind("host").expect(0);
}

/// The host gives it on, the authority gives it back; the authority's token works once.
fn rebound(all: &Bound<'_>, first: &str) {
    let (random, kept) = all.nonce(3);
    let token = all.at("rebind");
    let words = format!(
        "keys tr34 rebind {} --new-host {} --host-key tr34.host@1 --nonce {random} --out {token} --who Ada",
        all.sides("host"),
        all.at("host2.pem")
    );
    say(all.host, &words).expect(0);
    verified(all.folder, "rebind", "host");
    let words = format!("keys tr34 rebound {token} {} --nonce {kept}", all.own());
    say(all.device, &words).expect(0);
    let second = all.bound_to().unwrap();
    assert_ne!(second, first);
    let by = format!(
        "--authority-key tr34.authority@1 --authority-certificate {}",
        all.at("authority.pem")
    );
    let back = all.at("back");
    let words = format!(
        "keys tr34 rebind {} --new-host {} {by} --out {back} --who Ada",
        all.sides("host2"),
        all.at("host.pem")
    );
    say(all.host, &words).expect(0);
    verified(all.folder, "back", "authority");
    let signed = format!("--signed-by {}", all.at("authority.pem"));
    let rebound = || {
        let words = format!("keys tr34 rebound {back} {} {signed}", all.own());
        say(all.device, &words)
    };
    // The new host's own signature is not the authority's.
    let wrong = format!(
        "keys tr34 rebound {back} {} --signed-by {}",
        all.own(),
        all.at("host2.pem")
    );
    assert!(say(all.device, &wrong).err.contains("R1384"));
    rebound().expect(0);
    assert_eq!(all.bound_to().unwrap(), first);
    assert!(rebound().err.contains("used before"));
    // The authority ends it.
    let end = all.at("end");
    let words = format!(
        "keys tr34 unbind {} {by} --out {end} --who Ada",
        all.sides("host")
    );
    say(all.host, &words).expect(0);
    let words = format!("keys tr34 unbound {end} {} {signed}", all.own());
    say(all.device, &words).expect(0);
    assert_eq!(all.bound_to(), None);
}

/// OpenSSL finds the signature good.
fn verified(folder: &Path, token: &str, signer: &str) {
    openssl(
        folder,
        &format!(
            "cms -verify -binary -inform DER -in {token} -CAfile ca.pem -certfile {signer}.pem -purpose \
             any -nointern -out content"
        ),
    );
}

#[test]
fn a_device_in_a_soft_hsm_is_bound_to_a_host_in_a_token() {
    life_of_a_binding(&with_token(), &Station::new());
}

#[test]
fn a_device_in_a_token_is_bound_to_a_host_in_a_soft_hsm() {
    life_of_a_binding(&Station::new(), &with_token());
}

/// A site whose keys are in SoftHSM.
fn with_token() -> Station {
    let station = token::site("host_memory = \"allowed\"\ntest_only = true\n");
    say(&station, "hsm prepare").expect(0);
    station
}
