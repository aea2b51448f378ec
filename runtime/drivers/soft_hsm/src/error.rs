//! The codes with which this HSM refuses, band R13; one table for errors and for their pages.

use cardwright_ports::HsmError;
use cardwright_rsa::RsaError;

/// What this crate's functions fail with.
pub type Refused = HsmError;

/// A code with its texts.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// Stable code.
    pub code: &'static str,
    /// A few words.
    pub title: &'static str,
    /// What it means, for the page of the code.
    pub explanation: &'static str,
    /// What to do.
    pub mend: &'static str,
}

impl Code {
    /// The error, with what was found; never a key, PIN or PAN.
    pub fn found(&self, what: impl Into<String>) -> Refused {
        HsmError {
            code: self.code,
            what: what.into(),
            mend: self.mend,
            retryable: false,
        }
    }
}

/// An RSA operation's reason under this HSM's codes.
pub fn of_rsa(reason: RsaError) -> Refused {
    match reason {
        RsaError::Size(what) => RSA_SIZE.found(what),
        RsaError::Argument(what) => ARGUMENT.found(what),
        RsaError::Randomness(what) => RANDOMNESS.found(what),
        RsaError::Fault => FAULT.found(reason.to_string()),
    }
}

macro_rules! codes {
    ($($name:ident $code:literal $title:literal $explanation:literal $mend:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: Code = Code {
                code: $code,
                title: $title,
                explanation: $explanation,
                mend: $mend,
            };
        )*
        /// Code, title, explanation, mend; for `explain` and the pages.
        pub static CODES: &[(&str, &str, &str, &str)] = &[
            $(($code, $title, $explanation, $mend),)*
        ];
    };
}

codes! {
    KEY_DIFFERS "R1301" "the key is not what the bundle asks for"
        "A key of that name exists in the HSM, but its algorithm, modulus size or exponent differs from the request in the bundle."
        "compare the key declaration of the bundle with the HSM's key list; bind the right key under that name";
    KEY_USE "R1302" "the key has another use"
        "Each key has one use, fixed when it is bound first. The same key was asked for, or an operation was tried, with another use."
        "declare one key for each use; a CVK is no PIN key and an issuer key signs nothing but ICC data";
    KEY_HANDLE "R1303" "no key has this handle"
        "A handle belongs to the HSM that gave it and means nothing elsewhere."
        "bind the key in this HSM before it is used";
    RSA_SIZE "R1304" "this RSA size is not supported"
        "Moduli have 512 to 4096 bits, a multiple of 8, and the public exponent is 3 or 65537 (EMV Book 2, B2.1). An ICC key has at most 1984 bits."
        "choose a modulus of 1152 to 1984 bits and exponent 3 or 65537";
    SEALED "R1305" "a sealed value does not open"
        "The blob was not sealed by this HSM for this purpose, or it was changed. Each HSM has its own storage key."
        "use the value with the site that made it; restore the job from its own store";
    PIN_BLOCK "R1306" "the PIN block is not a PIN block"
        "After decipherment the control nibble, length, digits or fill do not follow ISO 9564-1, or the PAN is another one. The PIN key, the format or the PAN of the order is wrong."
        "check the PIN key's check value with the sender, the declared format and the PAN of the order";
    ARGUMENT "R1307" "a value has the wrong form"
        "An intent was called with a value of a length or character set that its standard does not allow."
        "correct the value in the source or in the order";
    CHANNEL "R1308" "the channel is not in that state"
        "The channel is unknown or closed, or a command was wrapped before the card was authenticated, or the protocol is not supported."
        "open the channel again from INITIALIZE UPDATE";
    CARD "R1309" "the card's answer does not hold"
        "The card's cryptogram, status word or response MAC is not what the keys give: another card key, another diversification, or an answer that was changed."
        "check the card's key version and diversification in the profile; take the card out of the line";
    KEY_FILE "R1310" "the key file can't be used"
        "The soft HSM's file is missing, changed, of another version, readable for others, or can't be written; or what opens it, the key file or the passphrase, is missing or another one."
        "restore hsm/soft-hsm.toml and unlock/soft-hsm.key of the site from their copies, or set CARDSTATION_HSM_PASSPHRASE to the right passphrase, or make a new site with cardstation init";
    SELF_TEST "R1311" "a known answer is wrong"
        "At opening, the HSM computes published values. One came out wrong, so that nothing from it can be trusted."
        "do not use this build; compile again and report the name of the failed test";
    RANDOMNESS "R1312" "randomness failed"
        "The operating system gave no entropy, or a search for a prime found none in a thousand windows."
        "check the operating system's random number generator";
    CERTIFICATE "R1313" "the certificate can't be made"
        "The sizes do not fit: an ICC key is longer than its issuer's, a field is malformed, or the issuer's key is not an RSA key."
        "check that CA, issuer and ICC keys go down in size, and the fields of the certificate";
    UNSUITABLE "R1314" "the key can't do that"
        "The operation needs another algorithm: option C needs AES, options A and B triple DES, a PIN block of format 4 needs AES."
        "declare the key with the algorithm that the operation needs";
    FAULT "R1315" "a private operation came out wrong"
        "Each RSA result is checked with the public key before it leaves. A wrong one could give the key away and is thrown away."
        "run the job again on another machine; test this one's memory";
    TRANSLATION "R1316" "this PIN block translation is not allowed"
        "A PIN that came in bound to its PAN (formats 0, 3 and 4) may not go out in format 1, which is bound to none, and not under another PAN (ISO 9564-1)."
        "ask for format 0, 3 or 4 with the PAN of the order";
    LABEL "R1370" "no key has this label"
        "A key of the key management is named by its label, logical name and version. This HSM has none of that label, or the label has a form that no key can have."
        "list the keys; generate or import the key first, or correct the label";
    LABEL_TAKEN "R1371" "a key has this label already"
        "A label names one key for ever. The new key was not made and nothing was changed."
        "take the next version of the key, or destroy the old one by a ceremony first";
    COMPONENT "R1372" "the components do not make this key"
        "A component belongs to another ceremony or algorithm, was changed, stands twice in the list, or there are fewer than two or more than five. Or the key that they give is weak. Nothing was kept."
        "begin the ceremony again with components that were made for it";
    CHECK_VALUE "R1373" "the check value is another one"
        "The key has another check value than was expected: a component or the key itself is not the one that its owner meant. Nothing was kept."
        "compare the check values of all components with their forms and with the sender of the key";
    MAY_NOT_TRAVEL "R1374" "the key may not travel this way"
        "The key is not exportable, or the key that should wrap it is weaker than it or has another use, or the header of the block says another use or algorithm than the key has, or the wrapping can't carry such a key."
        "wrap it under a transport or key block protection key that is at least as strong, with a header that agrees with the key";
    WRAPPED "R1375" "the wrapped key does not open"
        "It was wrapped under another key, or it was changed, or it is too short or malformed, or its header is not the one that was accepted. Nothing was kept."
        "compare the check value of the wrapping key with the sender; ask for the key again";
    PARITY "R1376" "length or parity is wrong"
        "A component or key has another length than its algorithm, or is a DES key with an octet whose number of ones is even. A mistyped character shows here first. Nothing was kept."
        "type the component again from its form; ask the sender for a key with odd parity";
}
