//! What is done with arbitrary octets: bodies of the fuzz targets, run by the normal tests as well.
//!
//! Each body reads the octets as a partner's input. It must not panic, and what it accepts must be
//! the same when it is written and read again.

use cardwright_exchange::issuer::ca_keys::CaKeys;
use cardwright_exchange::issuer::ecc::EccIssuerCertificate;
use cardwright_exchange::issuer::import::CertificateFile;
use cardwright_exchange::issuer::request::{self, OpenRequest};
use cardwright_exchange::tr34::{self, Binding, Expected, Receiver};
use cardwright_exchange::{
    Certificate, ExchangeError, OaepHash, Purpose, RevocationList, RsaPrivate, RsaPublicKey, Trust,
    oaep_decode,
};
use cardwright_standards::keyblock::{
    self, Acceptance, Attributes, Header, OptionalBlock, Version, private_key_form,
};
use cardwright_standards::legacy_wrap::{self, LegacyForm};
use cardwright_standards::{emv::certificates, key_wrap};
use zeroize::Zeroizing;

/// A target's name and body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("ca_keys", ca_keys),
    ("certificate", certificate),
    ("issuer_certificate", issuer_certificate),
    ("key_block", key_block),
    ("key_token", key_token),
    ("request", issuer_request),
    ("wrapped_key", wrapped_key),
];

const KBPK: [u8; 16] = *b"\xFE\x01key of no bank";

/// A key block: header, optional blocks, attributes, and the block as a whole.
pub fn key_block(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    if let Ok(header) = Header::of_block(text)
        && let Ok(attributes) = Attributes::parse(&header)
    {
        let again = attributes.header();
        assert_eq!(again.blocks, header.blocks);
        assert_eq!(Attributes::parse(&again), Ok(attributes.clone()));
        for block in &attributes.optional {
            assert!(header.blocks.contains(&OptionalBlock::from(block)));
        }
    }
    let every = Acceptance {
        versions: &Version::ALL,
        unknown_blocks: true,
        components: true,
        odd_combinations: true,
    };
    if let Ok(opened) = keyblock::open(&KBPK, text, &every) {
        let whole = keyblock::unwrap(&KBPK, text);
        let fill = whole.map(|it| it.fill).unwrap_or_default();
        let header = Header::from_text(&opened.header_text);
        let again = header.and_then(|it| keyblock::wrap(&KBPK, &it, &opened.key, &fill));
        assert_eq!(again.ok().as_deref(), Some(text));
    }
    let _ = private_key_form(octets);
}

/// Wrapped keys of every form, and OAEP blocks.
pub fn wrapped_key(octets: &[u8]) {
    if let Ok(key) = key_wrap::unwrap(&KBPK, octets) {
        assert_eq!(key_wrap::wrap(&KBPK, &key).ok().as_deref(), Some(octets));
    }
    if let Ok(key) = key_wrap::unwrap_padded(&KBPK, octets) {
        assert_eq!(
            key_wrap::wrap_padded(&KBPK, &key).ok().as_deref(),
            Some(octets)
        );
    }
    for form in [LegacyForm::Ecb, LegacyForm::Cbc([0; 8])] {
        if let Ok(key) = legacy_wrap::unwrap(form, &KBPK, octets) {
            assert_eq!(
                legacy_wrap::wrap(form, &KBPK, &key).ok().as_deref(),
                Some(octets)
            );
        }
    }
    for hash in [OaepHash::Sha1, OaepHash::Sha256] {
        if let Ok(message) = oaep_decode(hash, octets) {
            assert!(message.len() < octets.len());
        }
    }
}

/// Certificates and revocation lists.
pub fn certificate(octets: &[u8]) {
    if let Ok(certificate) = Certificate::from_der(octets) {
        assert_eq!(certificate.to_der().as_deref(), Ok(octets));
        let anchors = [certificate.clone()];
        let trust = Trust {
            anchors: &anchors,
            intermediates: &anchors,
            revocations: &[],
            now: 1_800_000_000,
        };
        let _ = trust.check(&certificate, Purpose::Sign);
        let _ = (
            certificate.rsa_key(),
            certificate.p256_point(),
            certificate.subject(),
        );
    }
    let _ = RevocationList::from_der(octets);
}

/// A partner's key without a private half: what follows a signature that holds is not reached, what
/// comes before it is.
struct NoKey(RsaPublicKey);

impl RsaPrivate for NoKey {
    fn public_key(&self) -> &RsaPublicKey {
        &self.0
    }
    fn decrypt_oaep(&self, _: OaepHash, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
        Ok(Zeroizing::new(vec![7; 16]))
    }
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        Err(ExchangeError::Private("it is not here"))
    }
}

/// TR-34 tokens of every kind.
pub fn key_token(octets: &[u8]) {
    const HOST: &[u8] = include_bytes!("corpus/certificate/kdh.der");
    const DEVICE: &[u8] = include_bytes!("corpus/certificate/krd.der");
    const AUTHORITY: &[u8] = include_bytes!("corpus/certificate/ca.der");
    let read = |octets| Certificate::from_der(octets).ok();
    let (Some(kdh), Some(krd), Some(ca)) = (read(HOST), read(DEVICE), read(AUTHORITY)) else {
        return;
    };
    let Ok(public) = krd.rsa_key() else {
        return;
    };
    let anchors = [ca];
    let trust = Trust {
        anchors: &anchors,
        intermediates: &[],
        revocations: &[],
        // The middle of the corpus's certificates.
        now: kdh.not_after() - 86_400,
    };
    let key = NoKey(public);
    let receiver = Receiver {
        krd: &krd,
        key: &key,
        bound_kdh: &kdh,
        trust,
    };
    let _ = tr34::open_key_token(&receiver, octets, Expected::Nonce(&[0; 8]));
    let last = Expected::Time {
        window: u64::MAX,
        last: None,
    };
    let _ = tr34::open_key_token(&receiver, octets, last);
    let _ = tr34::open_credential(octets, &trust, Purpose::Sign);
    if let Ok(nonce) = tr34::open_random_token(octets) {
        assert_eq!(tr34::random_token(&nonce).as_deref(), Ok(octets));
    }
    let binding = Binding {
        krd: &krd,
        kdh: &kdh,
    };
    let _ = tr34::open_unbind(&binding, octets, &[0; 8], &trust);
    let _ = tr34::open_rebind(&binding, octets, &[0; 8], &trust);
}

/// Requests for issuer certificates: both files, one behind the other, the first with its length.
pub fn issuer_request(octets: &[u8]) {
    let Some(([high, low], rest)) = octets.split_first_chunk::<2>() else {
        return;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (pkcs10, record) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    let asked = OpenRequest {
        pkcs10: pkcs10.to_vec(),
        record: record.to_vec(),
    };
    let _ = request::read(&asked);
}

/// Issuer certificates: data objects, recovery, elliptic curves.
pub fn issuer_certificate(octets: &[u8]) {
    if let Ok(file) = CertificateFile::from_tlv(octets) {
        let again = file.to_tlv().unwrap_or_default();
        assert_eq!(CertificateFile::from_tlv(&again), Ok(file.clone()));
        let modulus = vec![0xC5; file.certificate.len()];
        let parts = (&file.certificate, &file.remainder, &file.exponent);
        let _ = certificates::recover_issuer_certificate(&modulus, 3, parts.0, parts.1, parts.2);
    }
    let _ = EccIssuerCertificate::recover(octets, &[0x11; 32]);
}

/// Files of CA keys.
pub fn ca_keys(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    if let Ok(keys) = CaKeys::parse(text) {
        assert_eq!(CaKeys::parse(&keys.to_text()), Ok(keys.clone()));
    }
}
