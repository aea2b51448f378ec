//! Two sites that send keys to each other, by packages and by TR-34.
#![allow(dead_code, reason = "each test program uses its part")]

use base64::{Engine, prelude::BASE64_STANDARD};
use cardwright_exchange::{Certificate, OaepHash, Trust, tr34::ContentCipher};
use cardwright_keys::exchange::{public_key_der, tr34};
use cardwright_keys::inventory::{Act, NewEntry, Wish};
use cardwright_keys::packages::{self, Opening, Own, Packing, SiteRow};
use cardwright_keys::{Clerk, KeysError, Ledger};
use cardwright_ports::custody::{CustodyHsm, Exportability, KeyAlgorithm};
use cardwright_ports::hsm::KeyUse;
use cardwright_standards::key_policy::Day;
use cardwright_tests::desk::{ADA, DAY_SECONDS, NOW, entry};
use std::path::Path;
use std::process::Command;

pub(crate) const NONCE: [u8; 16] = *b"sixteen of nonce";
pub(crate) const RSA: KeyAlgorithm = KeyAlgorithm::Rsa {
    bits: 3072,
    exponent: 65_537,
};

pub(crate) fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("this test needs the package openssl");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {said}");
}

/// A site: its store and its HSM.
pub(crate) struct Place<'p> {
    pub(crate) name: &'static str,
    pub(crate) store: &'p dyn Ledger,
    pub(crate) hsm: &'p dyn CustodyHsm,
}

impl Place<'_> {
    pub(crate) fn clerk<T>(
        &self,
        act: impl FnOnce(&mut Clerk<'_>) -> Result<T, KeysError>,
    ) -> Result<T, KeysError> {
        let mut custody = self.hsm.open_custody()?;
        act(&mut Clerk::new(self.store, custody.as_mut()))
    }

    /// Makes a key and puts it into use; its label.
    pub(crate) fn made(&self, key: &NewEntry) -> String {
        let made = self.clerk(|clerk| clerk.generate(key, &ADA)).unwrap();
        let label = made.label();
        let wish = Wish {
            label: &label,
            from: Some(NOW - DAY_SECONDS),
            to: Some(NOW + 300 * DAY_SECONDS),
            ..Wish::default()
        };
        self.clerk(|clerk| clerk.act(Act::Activate, &wish, &ADA))
            .unwrap();
        label
    }

    /// The site's own keys, those of TR-34, and one that may leave.
    pub(crate) fn furnished(&self) -> Own {
        for key in Own::keys("key management", KeyAlgorithm::P256, KeyAlgorithm::P256) {
            self.made(&NewEntry {
                period: (Some(NOW - DAY_SECONDS), Some(NOW + 300 * DAY_SECONDS)),
                ..key
            });
        }
        self.made(&entry("t.host", KeyUse::PackageSigning, RSA));
        self.made(&entry("t.device", KeyUse::KeyExchange, RSA));
        self.made(&NewEntry {
            exportability: Exportability::Exportable,
            ..entry("d.out", KeyUse::CardIssuance, KeyAlgorithm::Aes128)
        });
        self.clerk(|clerk| clerk.own_site(self.name, NOW)).unwrap()
    }

    pub(crate) fn trusts(&self, own: &Own) {
        let trust = SiteRow::trust(self.store, &own.identity, &own.fingerprint, &ADA);
        let Ok(packages::Trust::Trusted(changes)) = trust else {
            panic!("two people were there")
        };
        self.store.keep(&changes.into_batch(NOW)).unwrap();
    }

    /// A certificate of one of its keys by the folder's authority.
    pub(crate) fn certified(&self, folder: &Path, (key, what): (&str, &str)) -> Certificate {
        let mut custody = self.hsm.open_custody().unwrap();
        let public = custody.public_key(&format!("{key}@1")).unwrap();
        let text = BASE64_STANDARD.encode(public_key_der(&public).unwrap());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        let name = format!("{}-{key}", self.name);
        std::fs::write(folder.join(format!("{name}.pub")), pem).unwrap();
        let uses = format!("keyUsage=critical,{what}\n");
        std::fs::write(folder.join(format!("{name}.ext")), uses).unwrap();
        openssl(
            folder,
            &format!(
                "x509 -new -force_pubkey {name}.pub -subj /O=Test/CN={name} -CA ca.pem -CAkey ca.key \
                 -days 730 -extfile {name}.ext -outform DER -out {name}.der"
            ),
        );
        Certificate::from_der(&std::fs::read(folder.join(format!("{name}.der"))).unwrap()).unwrap()
    }

    pub(crate) fn pack(&self, number: u64, label: &str) -> Result<Vec<u8>, KeysError> {
        let packing = Packing {
            package: &format!("p{number:016x}"),
            own: self.name,
            to: if self.name == "north" {
                "south"
            } else {
                "north"
            },
            labels: &[label.to_owned()],
            expires_at: NOW + 7 * DAY_SECONDS,
        };
        let mut file = Vec::new();
        self.clerk(|clerk| {
            clerk.pack(&packing, &ADA, &mut |octets| {
                file = octets.to_vec();
                Ok(())
            })
        })?;
        Ok(file)
    }

    pub(crate) fn open(&self, file: &[u8]) -> Result<(), KeysError> {
        let opening = Opening {
            own: self.name,
            file,
        };
        self.clerk(|clerk| clerk.unpack(&opening, &ADA)).map(drop)
    }

    pub(crate) fn keys(&self) -> usize {
        let mut custody = self.hsm.open_custody().unwrap();
        custody.keys().unwrap().len()
    }
}

/// Who may send keys to whom by TR-34.
pub(crate) struct Papers {
    pub(crate) host: Certificate,
    pub(crate) device: Certificate,
    pub(crate) anchors: Vec<Certificate>,
    /// When the certificates hold: they were made just now.
    pub(crate) now: u64,
}

impl Papers {
    pub(crate) fn trust(&self) -> Trust<'_> {
        Trust {
            anchors: &self.anchors,
            intermediates: &[],
            revocations: &[],
            now: self.now,
        }
    }

    pub(crate) fn today() -> Day {
        Day::new(2026, 11, 18).unwrap()
    }

    pub(crate) fn send(&self, from: &Place<'_>) -> Result<Vec<u8>, KeysError> {
        self.send_fresh(from, Some(&NONCE), self.now)
    }

    /// With the device's nonce, or with this time.
    pub(crate) fn send_fresh(
        &self,
        from: &Place<'_>,
        nonce: Option<&[u8]>,
        now: u64,
    ) -> Result<Vec<u8>, KeysError> {
        let sending = tr34::Sending {
            label: "d.out@1",
            host_key: "t.host@1",
            host: &self.host,
            device: &self.device,
            trust: Trust {
                now,
                ..self.trust()
            },
            nonce,
            cipher: ContentCipher::Aes128,
            hash: OaepHash::Sha256,
            mode: None,
            to: "device",
            today: Self::today(),
        };
        let mut custody = from.hsm.open_custody()?;
        tr34::send(from.store, custody.as_mut(), &sending, &ADA)
    }

    pub(crate) fn receive(&self, at: &Place<'_>, token: &[u8]) -> Result<(), KeysError> {
        self.receive_fresh(at, token, (tr34::Fresh::Nonce(&NONCE), self.now))
    }

    pub(crate) fn receive_fresh(
        &self,
        at: &Place<'_>,
        token: &[u8],
        (fresh, now): (tr34::Fresh<'_>, u64),
    ) -> Result<(), KeysError> {
        let receiving = tr34::Receiving {
            token,
            device_key: "t.device@1",
            device: &self.device,
            host: &self.host,
            trust: Trust {
                now,
                ..self.trust()
            },
            fresh,
            key: NewEntry {
                exportability: Exportability::NonExportable,
                ..entry("d.in", KeyUse::CardIssuance, KeyAlgorithm::Aes128)
            },
            from: "host",
            today: Self::today(),
        };
        let mut custody = at.hsm.open_custody()?;
        tr34::receive(at.store, custody.as_mut(), &receiving, &ADA).map(drop)
    }
}

/// Papers for keys from each of two sites to the other.
pub(crate) fn papers(folder: &Path, one: &Place<'_>, other: &Place<'_>) -> [Papers; 2] {
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout ca.key -out ca.pem -subj \
         /O=Test/CN=ca -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
    );
    openssl(folder, "x509 -in ca.pem -outform DER -out ca.der");
    let ca = std::fs::read(folder.join("ca.der")).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs() + 60;
    [(one, other), (other, one)].map(|(host, device)| Papers {
        host: host.certified(folder, ("t.host", "digitalSignature")),
        device: device.certified(folder, ("t.device", "keyEncipherment")),
        anchors: vec![Certificate::from_der(&ca).unwrap()],
        now,
    })
}
