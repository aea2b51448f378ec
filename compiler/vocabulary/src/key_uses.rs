//! What a key may be used for, and what kinds of keys there are.

/// One use.
#[derive(Clone, Copy, Debug)]
pub struct KeyUseRow {
    /// Name in sources and bundles.
    pub name: &'static str,
    /// X9.143 (TR-31) key usage.
    pub tr31: &'static str,
    /// Kinds of key that may have it.
    pub algorithms: &'static [&'static str],
    /// Meaning.
    pub doc: &'static str,
}

const BLOCK: &[&str] = &["tdes2", "tdes3", "aes128", "aes192", "aes256"];
const TDES: &[&str] = &["tdes2", "tdes3"];
const RSA: &[&str] = &["rsa"];

const fn row(
    name: &'static str,
    tr31: &'static str,
    algorithms: &'static [&'static str],
    doc: &'static str,
) -> KeyUseRow {
    KeyUseRow {
        name,
        tr31,
        algorithms,
        doc,
    }
}

/// All uses.
pub static KEY_USES: &[KeyUseRow] = &[
    row(
        "card_issuance",
        "E5",
        BLOCK,
        "master key of the personalization channel (KMC)",
    ),
    row(
        "card_key",
        "E6",
        BLOCK,
        "master key of keys that cards hold beside EMV's: access, management, loyalty",
    ),
    row(
        "card_verification",
        "C0",
        TDES,
        "card verification values: CVV, CVV2, iCVV",
    ),
    row(
        "certificate_signing",
        "S0",
        RSA,
        "authority that certifies keys which access cards make (X.509)",
    ),
    row(
        "content_signing",
        "S0",
        RSA,
        "signs what access cards hold: identifiers, security objects (CMS)",
    ),
    row(
        "emv.application_cryptogram",
        "E0",
        BLOCK,
        "issuer master key for application cryptograms",
    ),
    row(
        "emv.ca_private",
        "S2",
        RSA,
        "private key of a certification authority; test CA only",
    ),
    row(
        "emv.dynamic_numbers",
        "E4",
        TDES,
        "issuer master key for dynamic card verification codes (CVC3)",
    ),
    row(
        "emv.issuer_private",
        "S0",
        RSA,
        "issuer key that signs the chips' certificates",
    ),
    row(
        "emv.secure_messaging_confidentiality",
        "E1",
        BLOCK,
        "issuer master key that enciphers scripts",
    ),
    row(
        "emv.secure_messaging_integrity",
        "E2",
        BLOCK,
        "issuer master key for MACs of scripts",
    ),
    row("pin_encryption", "P0", BLOCK, "PIN blocks in transit"),
    row(
        "pin_verification_ibm3624",
        "V1",
        TDES,
        "IBM 3624 natural PIN and offset",
    ),
    row(
        "pin_verification_pvv",
        "V2",
        TDES,
        "PIN verification values, Visa method",
    ),
    row(
        "transport",
        "K0",
        BLOCK,
        "secrets on the way to another personalizer or machine",
    ),
];

/// Kinds of key: word, and what it is.
pub static KEY_ALGORITHMS: &[(&str, &str)] = &[
    ("tdes2", "triple DES with two keys, 112 bits"),
    ("tdes3", "triple DES with three keys, 168 bits"),
    ("aes128", "AES with 128 bits"),
    ("aes192", "AES with 192 bits"),
    ("aes256", "AES with 256 bits"),
    (
        "rsa",
        "RSA: `rsa(bits, exponent)`, 1024 to 1984 bits (2048 for X.509), exponent 3 or 65537",
    ),
];

/// A use by its name.
#[must_use]
pub fn key_use(name: &str) -> Option<&'static KeyUseRow> {
    KEY_USES.iter().find(|row| row.name == name)
}
