//! Envelopes that OpenSSL made, opened with a key that stays with OpenSSL.

use super::*;
use crate::RsaPublicKey;
use std::path::Path;
use std::process::Command;

/// Whoever holds the key is another program: nothing of it is here.
struct Outside<'f> {
    folder: &'f Path,
    public: RsaPublicKey,
}

impl RsaPrivate for Outside<'_> {
    fn public_key(&self) -> &RsaPublicKey {
        &self.public
    }

    fn decrypt_oaep(
        &self,
        hash: OaepHash,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
        std::fs::write(self.folder.join("in.bin"), ciphertext).unwrap();
        let bare = ["pkeyutl", "-decrypt", "-inkey", "krd.key", "-in", "in.bin"];
        let options = ["-pkeyopt", "rsa_padding_mode:none"];
        let block = openssl(self.folder, &[&bare[..], &options].concat());
        crate::oaep_decode(hash, &block)
    }

    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        Err(ExchangeError::Private("not needed here"))
    }
}

fn openssl(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output();
    let output = output.expect("OpenSSL runs: install the package openssl");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {errors}");
    output.stdout
}

#[test]
fn envelopes_of_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let arguments = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "30",
        "-keyout",
        "krd.key",
        "-out",
        "krd.pem",
        "-subj",
        "/CN=device",
    ];
    openssl(folder, &arguments);
    let arguments = ["x509", "-in", "krd.pem", "-outform", "DER"];
    let certificate = Certificate::from_der(&openssl(folder, &arguments)).unwrap();
    let key = Outside {
        folder,
        public: certificate.rsa_key().unwrap(),
    };
    let content = b"what stands in the block, and is no key";
    std::fs::write(folder.join("content.bin"), content).unwrap();
    for cipher in ["-aes128", "-aes192", "-aes256", "-des3"] {
        for digest in ["sha1", "sha256"] {
            let option = format!("rsa_oaep_md:{digest}");
            let arguments = [
                "cms",
                "-encrypt",
                "-binary",
                "-in",
                "content.bin",
                cipher,
                "-recip",
                "krd.pem",
                "-keyopt",
                "rsa_padding_mode:oaep",
                "-keyopt",
                &option,
                "-outform",
                "DER",
            ];
            let streamed = openssl(folder, &[&arguments[..], &["-stream"]].concat());
            // ContentInfo, whose lengths are not told, around EnvelopedData.
            let enveloped = streamed.get(15..streamed.len() - 4).unwrap();
            let opened = open_envelope(enveloped, &certificate, &key);
            assert_eq!(opened.unwrap().as_slice(), content, "{cipher} {digest}");
            let message = openssl(folder, &arguments);
            let info = ContentInfo::from_der(&message).unwrap();
            assert_eq!(info.content_type, ENVELOPED_DATA);
            let enveloped = info.content.to_der().unwrap();
            let opened = open_envelope(&enveloped, &certificate, &key);
            assert_eq!(opened.unwrap().as_slice(), content, "{cipher} {digest}");
        }
    }
}
