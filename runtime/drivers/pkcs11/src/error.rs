//! The codes with which this driver refuses, R1320 to R1339, and those that all HSMs share.

use cardwright_pkcs11_raw::{Failure, Value};
use cardwright_ports::HsmError;

use crate::return_codes;

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
    /// Whether the same call may succeed on another session or token.
    pub retryable: bool,
}

impl Code {
    /// The error, with what was found; never a key, PIN or PAN.
    pub fn found(&self, what: impl Into<String>) -> Refused {
        HsmError {
            code: self.code,
            what: what.into(),
            mend: self.mend,
            retryable: self.retryable,
        }
    }
}

macro_rules! codes {
    ($($name:ident $code:literal $retryable:literal $title:literal $explanation:literal $mend:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: Code = Code {
                code: $code,
                title: $title,
                explanation: $explanation,
                mend: $mend,
                retryable: $retryable,
            };
        )*
        /// Code, title, explanation, mend; for `explain` and the pages.
        pub static CODES: &[(&str, &str, &str, &str)] = &[
            $(($code, $title, $explanation, $mend),)*
        ];
    };
}

codes! {
    MODULE "R1320" false "the PKCS#11 module can't be used"
        "The library named in site.toml could not be loaded or initialised, or it lacks a function that the driver calls."
        "check hsm.module in site.toml and the maker's own set-up of that library for this user";
    SELF_TEST "R1321" false "the token gave a wrong answer to a known question"
        "At opening the driver asks for published values. A token that can't do something says so; this one gave another value, so that nothing from it can be trusted."
        "take the token out of service; check its firmware and the module's version with its maker";
    ERROR_STATE "R1322" false "the HSM is in its error state"
        "An answer was wrong before: a known answer, a signature that its public key does not open, or a check value. The driver gives nothing out afterwards."
        "find the first error in the log, mend its cause, and start the program again";
    LOGIN "R1323" false "the token does not accept the PIN"
        "The PIN is wrong, expired, not set or locked. It is tried once and never again by itself, because some tokens lock after few attempts."
        "compare the PIN with the token's custodian before the next start; a locked PIN is unlocked by the token's security officer";
    PIN_FILE "R1324" false "the PIN can't be read"
        "The file hsm.pin_file or the environment variable is missing, empty or too long, or others than its owner can read the file."
        "make the file with mode 0600, owned by the user that runs the program, with the PIN on its first line";
    NO_TOKEN "R1325" true "the token is not there"
        "No slot has a token of that label, or it was removed while it was used."
        "put the token in, check its cable or network and hsm.tokens in site.toml; lists, reports and acts on the inventory (`keys suspend`, `keys compromise`) work without it";
    SESSION "R1326" true "the session with the token is lost"
        "The token closed the session, logged the user out or forgot a handle, and the site's policy does not allow another login."
        "look at the token's own log; set hsm.relogin in site.toml if the driver may log in again, or start the program again";
    FULL "R1327" true "the token has no room"
        "The token's memory for keys or its number of sessions is used up."
        "remove objects that are no longer used, or lower hsm.sessions in site.toml";
    LATE "R1328" true "the token did not answer in time"
        "A call took longer than hsm.deadline_ms. Its session was given up; the call may still be at work in the token."
        "check the token's load and network; raise hsm.deadline_ms if such a time is normal for it";
    BUSY "R1329" true "all sessions are in use"
        "No session became free within the waiting time. More workers ask than the token has sessions for."
        "raise hsm.sessions as far as the token allows, or run fewer lanes";
    TOKEN "R1330" true "the token failed"
        "The token or its module reports a general failure, or an answer that contradicts itself."
        "look at the token's own log; if it stays, take the token out of service";
    REFUSED "R1331" false "the token refuses the operation"
        "The token does not know the mechanism, or does not allow it with this key."
        "compare the key's attributes with docs/operator/hsm.md, and the capabilities that `cardstation check` lists";
    ANSWER "R1332" false "the token's answer is wrong"
        "A signature is not opened by its public key, or a derived value has a wrong length. The driver is in its error state now."
        "take the token out of service; nothing that it made since its last good self-test should be used";
    KEY_MISSING "R1333" false "the token has no such key"
        "No key object has the label that the bundle names."
        "import or generate the key with its name as label, or correct the bundle; the convention is in docs/operator/hsm.md";
    KEY_TWICE "R1334" false "several keys have one label"
        "Two or more key objects have the label that the bundle names. The driver does not guess which one is meant."
        "remove or rename the object that is no longer used";
    KEY_OPEN "R1335" false "the key is not protected as it must be"
        "The object is not sensitive, or is extractable, or may be used for more than its use needs."
        "make or import the key again with the attributes of its use; see docs/operator/hsm.md";
    HOST_MEMORY "R1336" false "this needs a key in host memory, which the site does not allow"
        "The token can't do the operation inside. The driver could, with a working key in its own wiped memory, but hsm.host_memory in site.toml says no."
        "use a token that can do it inside, or, for TEST only, set host_memory = \"allowed\"";
    TOKENS_DIFFER "R1337" false "the tokens do not hold the same keys"
        "A key has another check value in one token than in the others, or a token came back with other keys. That token is not used."
        "compare the check values of both tokens with the key ceremony's record and load the right key";
    SETTINGS "R1338" false "the settings of the HSM can't be used"
        "The table [hsm] in site.toml lacks something, or names a value that is out of its bounds."
        "correct [hsm] in site.toml; docs/operator/hsm.md explains each line";
    NOT_KEPT "R1339" false "the key was not stored"
        "Making or importing the key failed before all of its objects were there. What had been made was removed again."
        "mend the cause that is named and begin again; nothing of the key is in the token";
}

macro_rules! shared {
    ($($name:ident $code:literal $mend:literal;)*) => {
        $(
            /// A code that all HSMs share.
            pub(crate) const $name: Code = Code {
                code: $code,
                title: "",
                explanation: "",
                mend: $mend,
                retryable: false,
            };
        )*
    };
}

shared! {
    KEY_DIFFERS "R1301" "compare the key declaration of the bundle with the HSM's key list; bind the right key under that name";
    KEY_USE "R1302" "declare one key for each use; a CVK is no PIN key and an issuer key signs nothing but ICC data";
    KEY_HANDLE "R1303" "bind the key in this HSM before it is used";
    RSA_SIZE "R1304" "choose a modulus of 1152 to 1984 bits and exponent 3 or 65537";
    SEALED "R1305" "use the value with the site that made it; restore the job from its own store";
    PIN_BLOCK "R1306" "check the PIN key's check value with the sender, the declared format and the PAN of the order";
    ARGUMENT "R1307" "correct the value in the source or in the order";
    CHANNEL "R1308" "open the channel again from INITIALIZE UPDATE";
    CARD "R1309" "check the card's key version and diversification in the profile; take the card out of the line";
    RANDOMNESS "R1312" "check the operating system's random number generator";
    CERTIFICATE "R1313" "check that CA, issuer and ICC keys go down in size, and the fields of the certificate";
    UNSUITABLE "R1314" "declare the key with the algorithm that the operation needs";
    TRANSLATION "R1316" "ask for format 0, 3 or 4 with the PAN of the order";
}

/// Why a job on a token ended: the token's failure, or ours.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// A call did not give `CKR_OK`; its session may hold a half operation.
    Token(Failure),
    /// Something else; the session is fine.
    Ours(Refused),
    /// A job among many waits for an answer; never leaves them.
    Later,
    /// A job among many must be done alone; never leaves them.
    Alone,
    /// A job in a room has made its objects and goes on with all the others; never leaves them.
    Outside,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Token(failure)
    }
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        Self::Ours(refused)
    }
}

impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Token(failure) => of_failure(&failure),
            Trouble::Ours(refused) => refused,
            Trouble::Later | Trouble::Alone | Trouble::Outside => {
                TOKEN.found("a job that was left half done")
            }
        }
    }
}

/// The error of a failed call.
pub fn of_failure(failure: &Failure) -> Refused {
    match &failure.value {
        Value::Returned(value) => {
            let meaning = return_codes::meaning(*value);
            let name = return_codes::name(*value);
            meaning
                .code
                .found(format!("{} gave {name}", failure.function))
        }
        Value::Module(what) => MODULE.found(format!("{}: {what}", failure.function)),
        Value::Nonsense(what) => TOKEN.found(format!("{}: {what}", failure.function)),
    }
}
