//! A test authority and its certificates, made by OpenSSL, and private keys in memory.
#![allow(dead_code, reason = "each test program uses its part")]

use cardwright_exchange::{
    Certificate, ExchangeError, OaepHash, Random, RevocationList, RsaPrivate, RsaPublicKey, Trust,
    UnixSeconds,
};
use cardwright_standards::key_policy::Day;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// A folder with what OpenSSL made.
pub(crate) struct Pki {
    folder: tempfile::TempDir,
}

/// An RSA private key in memory, for tests.
pub(crate) struct TestKey {
    key: rsa::RsaPrivateKey,
    public: RsaPublicKey,
}

impl TestKey {
    pub(crate) fn read(path: &Path) -> Self {
        let pem = std::fs::read_to_string(path).expect("the key file");
        let key = rsa::RsaPrivateKey::from_pkcs8_pem(&pem).expect("PKCS#8");
        let (n, e) = (key.n().to_bytes_be(), key.e().to_bytes_be());
        let public = RsaPublicKey::new(&n, &e).expect("a public key");
        Self { key, public }
    }
}

impl RsaPrivate for TestKey {
    fn public_key(&self) -> &RsaPublicKey {
        &self.public
    }

    fn decrypt_oaep(
        &self,
        hash: OaepHash,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
        // The crate's own SHA-1 is of another generation; the bare operation serves.
        if hash == OaepHash::Sha1 {
            return cardwright_exchange::oaep_decode(hash, &self.raw(ciphertext)?);
        }
        let padding = rsa::Oaep::new::<rsa::sha2::Sha256>();
        let clear = self.key.decrypt(padding, ciphertext);
        clear
            .map(Zeroizing::new)
            .map_err(|_| ExchangeError::Recipient)
    }

    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        use rsa::sha2::Digest;
        let hash = rsa::sha2::Sha256::digest(data);
        let scheme = rsa::Pkcs1v15Sign::new::<rsa::sha2::Sha256>();
        let signature = self.key.sign(scheme, &hash);
        signature.map_err(|_| ExchangeError::Private("rsa"))
    }

    fn raw(&self, block: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        let number = rsa::BigUint::from_bytes_be(block);
        let none: Option<&mut rsa::rand_core::OsRng> = None;
        let result = rsa::hazmat::rsa_decrypt_and_check(&self.key, none, &number);
        let result = result
            .map_err(|_| ExchangeError::Private("rsa"))?
            .to_bytes_be();
        let mut padded = vec![0; self.public.modulus().len() - result.len()];
        padded.extend(result);
        Ok(padded)
    }
}

/// A generator with a fixed beginning.
pub(crate) struct Counter(pub(crate) u64);

impl Random for Counter {
    fn fill(&mut self, to: &mut [u8]) -> Result<(), ExchangeError> {
        for octet in to {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *octet = (self.0 >> 56) as u8;
        }
        Ok(())
    }
}

/// Runs OpenSSL; what it wrote.
pub(crate) fn openssl(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output();
    let output = output.expect("OpenSSL runs: install the package openssl");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {errors}");
    output.stdout
}

impl Pki {
    /// One authority for hosts and devices, another that nobody knows, and their certificates.
    pub(crate) fn get() -> &'static Self {
        static PKI: OnceLock<Pki> = OnceLock::new();
        PKI.get_or_init(Self::make)
    }

    fn make() -> Self {
        let pki = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        for name in ["ca", "stranger_ca"] {
            pki.authority(name);
        }
        for (name, ca, usage) in [
            ("kdh", "ca", "digitalSignature"),
            ("kdh2", "ca", "digitalSignature"),
            ("krd", "ca", "keyEncipherment"),
            ("krd2", "ca", "keyEncipherment"),
            ("stranger", "stranger_ca", "digitalSignature"),
        ] {
            pki.leaf(name, ca, usage, "rsa:2048");
        }
        pki.leaf("krd3072", "ca", "keyEncipherment", "rsa:3072");
        pki.revoke("kdh2");
        pki
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn authority(&self, name: &str) {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        let subject = format!("/O=Test keys only/CN={name}");
        let arguments = [
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "3650",
            "-keyout",
            &key,
            "-out",
            &certificate,
            "-subj",
            &subject,
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
        ];
        openssl(self.folder(), &arguments);
        self.to_der(name);
    }

    fn leaf(&self, name: &str, ca: &str, usage: &str, algorithm: &str) {
        let (key, request) = (format!("{name}.key"), format!("{name}.csr"));
        let (certificate, extensions) = (format!("{name}.pem"), format!("{name}.ext"));
        let subject = format!("/O=Test keys only/CN={name}");
        let text = format!("keyUsage=critical,{usage}\n");
        std::fs::write(self.path(&extensions), text).expect("a file");
        let arguments = [
            "req", "-new", "-newkey", algorithm, "-nodes", "-keyout", &key, "-out", &request,
            "-subj", &subject,
        ];
        openssl(self.folder(), &arguments);
        let (ca_certificate, ca_key) = (format!("{ca}.pem"), format!("{ca}.key"));
        let arguments = [
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &ca_certificate,
            "-CAkey",
            &ca_key,
            "-days",
            "730",
            "-CAcreateserial",
            "-extfile",
            &extensions,
            "-out",
            &certificate,
        ];
        openssl(self.folder(), &arguments);
        self.to_der(name);
    }

    fn to_der(&self, name: &str) {
        let (pem, der) = (format!("{name}.pem"), format!("{name}.der"));
        let arguments = ["x509", "-in", &pem, "-outform", "DER", "-out", &der];
        openssl(self.folder(), &arguments);
    }

    /// A revocation list of `ca` with one certificate on it.
    fn revoke(&self, name: &str) {
        let text = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\n\
                    default_crl_days=30\ncertificate=ca.pem\nprivate_key=ca.key\ncrl_extensions=e\n\
                    [e]\nauthorityKeyIdentifier=keyid\n";
        std::fs::write(self.path("ca.cnf"), text).expect("a file");
        std::fs::write(self.path("index.txt"), "").expect("a file");
        let certificate = format!("{name}.pem");
        openssl(
            self.folder(),
            &["ca", "-config", "ca.cnf", "-revoke", &certificate],
        );
        openssl(
            self.folder(),
            &["ca", "-config", "ca.cnf", "-gencrl", "-out", "crl.pem"],
        );
        let arguments = [
            "crl", "-in", "crl.pem", "-outform", "DER", "-out", "crl.der",
        ];
        openssl(self.folder(), &arguments);
    }

    pub(crate) fn certificate(&self, name: &str) -> Certificate {
        let octets = std::fs::read(self.path(&format!("{name}.der"))).expect("a certificate");
        Certificate::from_der(&octets).expect("a certificate")
    }

    pub(crate) fn key(&self, name: &str) -> TestKey {
        TestKey::read(&self.path(&format!("{name}.key")))
    }

    pub(crate) fn revocations(&self) -> RevocationList {
        let octets = std::fs::read(self.path("crl.der")).expect("a list");
        RevocationList::from_der(&octets).expect("a list")
    }
}

/// Now, as OpenSSL had it.
pub(crate) fn now() -> UnixSeconds {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a clock").as_secs() + 5
}

pub(crate) fn today() -> Day {
    Day::new(2026, 11, 23).expect("a day")
}

pub(crate) fn trust(anchors: &[Certificate]) -> Trust<'_> {
    Trust {
        anchors,
        intermediates: &[],
        revocations: &[],
        now: now(),
    }
}
