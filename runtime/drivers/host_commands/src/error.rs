//! The codes with which this driver refuses, band R13; and what the HSM's own error codes mean.

use cardwright_ports::HsmError;

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

    /// The same for what may succeed when it is asked again.
    pub fn passing(&self, what: impl Into<String>) -> Refused {
        HsmError {
            retryable: true,
            ..self.found(what)
        }
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
    NOT_OFFERED "R1340" "the payment HSM's commands can't do that"
        "The intent needs an operation that no host command offers. It is not done in the host's memory instead."
        "use an HSM that offers it (PKCS#11, or one with personalization commands), or leave it out of the bundle";
    PROPOSED "R1341" "the command's layout is a proposal of ours"
        "No public layout of a command for this is known. The driver has a proposal that our simulator understands; a real HSM needs its own row in the table of layouts."
        "compare the row with your HSM's manual, then set proposed_commands = true; or use another HSM for this";
    CONNECTION "R1342" "the payment HSM is not reached"
        "No connection could be made, it was cut, or the answer did not come before the deadline. A command that is not known to be repeatable is not sent a second time."
        "check address, port, cable and the HSM's state; the call may succeed on another session";
    ANSWER "R1343" "the payment HSM's answer is no answer"
        "The frame, the header, the answer code, a length or a character does not follow the layout. The connection was closed and nothing was taken from the answer."
        "check that header length, PIN length and LMK identifier in the settings are those of the HSM, and that no other program shares the connection";
    REFUSED "R1344" "the payment HSM refused the command"
        "The HSM answered with an error code of its own; the message has the code and what it usually means."
        "mend what the HSM's code names: the key, its usage, the authorised state, a licence, or the data";
    KEY "R1345" "the key is not there or is another one"
        "The key table has no key of that name, or its algorithm, size, use or check value is not what is asked; or the key block's own header says another use."
        "import the key under that name and use (A6), or correct the key table";
    SEALED "R1346" "a sealed value does not open"
        "The value was not sealed by this site's payment HSM for this purpose, or it was changed."
        "use the value with the site that made it; restore the job from its own store";
    ARGUMENT "R1347" "a value has the wrong form or place"
        "An intent was called with a value that its standard or the command does not allow: a length, a character, a PIN block format, or a PIN that would leave its PAN (ISO 9564-1)."
        "correct the value in the source or in the order";
    BUSY "R1348" "no connection to a payment HSM is free"
        "All connections were in use until the time to wait was over. This is back-pressure: more workers than the HSMs can serve."
        "allow more connections if the HSM does, use fewer lanes, or add an HSM";
    IDENTITY "R1349" "this is not the payment HSM that was expected"
        "At the first connection the HSM's diagnostics failed, its LMK check value is another one, or a known answer was wrong. It gets no further command."
        "check which HSM answers at the address and which LMK it holds; report a wrong known answer to its vendor";
}

/// What an HSM's error code usually means, and whether another HSM may do better.
struct Meaning {
    code: &'static str,
    meaning: &'static str,
    passing: bool,
}

macro_rules! meanings {
    ($($code:literal $meaning:literal $passing:literal;)*) => {
        const MEANINGS: &[Meaning] = &[
            $(Meaning { code: $code, meaning: $meaning, passing: $passing },)*
        ];
    };
}

// The public list of the Apache-2.0 codec ut-codec-payshield, in our own words.
meanings! {
    "01" "verification failed, or a key's parity was mended" false;
    "02" "a key of another length than the algorithm's; often a warning" false;
    "03" "a count, mode or encoding is wrong" false;
    "04" "the key type or mode is wrong" false;
    "05" "the length flag, scheme or hash is wrong" false;
    "06" "a length or an exponent is wrong" false;
    "08" "a second key type or an exponent is wrong" false;
    "09" "the padding method is wrong" false;
    "10" "the parity of the first key is wrong" false;
    "11" "the parity of the second key is wrong" false;
    "12" "the user storage is empty" false;
    "13" "the LMK or its identifier is wrong" true;
    "14" "the PIN under the LMK is wrong" false;
    "15" "the input data are wrong" false;
    "16" "the printer is not ready" true;
    "17" "the HSM is not in the authorised state" false;
    "18" "no print format is loaded" false;
    "19" "the Diebold table is wrong" false;
    "20" "the PIN block holds no PIN" false;
    "21" "an index is wrong" false;
    "22" "the account number is wrong" false;
    "23" "the PIN block format is wrong" false;
    "24" "the PIN has fewer than 4 or more than 12 digits" false;
    "25" "the decimalisation table is wrong" false;
    "26" "the key scheme is wrong" false;
    "27" "the key has the wrong length" false;
    "28" "the key type is wrong" false;
    "29" "the key may not be used so" false;
    "30" "the reference number is wrong" false;
    "33" "the storage for key changes is damaged" false;
    "39" "the HSM's fraud detection has struck" false;
    "40" "a checksum of the firmware is wrong" true;
    "41" "the hardware or software has failed" true;
    "42" "the cipher processor has failed" true;
    "47" "the algorithm is not licensed" false;
    "49" "the private key is wrong" false;
    "51" "the message header is wrong" false;
    "52" "the derivation's parameters are wrong" false;
    "67" "the command is not licensed" false;
    "68" "the command is disabled" false;
    "69" "the PIN block format is disabled" false;
    "74" "the digest information is wrong" false;
    "75" "a single-length key in disguise" false;
    "76" "the public key has the wrong length" false;
    "77" "the clear data block is wrong" false;
    "78" "the private key has the wrong length" false;
    "79" "the hash identifier is wrong" false;
    "80" "the data have the wrong length" false;
    "81" "the certificate's header, or the PIN's length, is wrong" false;
    "82" "the check value has the wrong length" false;
    "83" "the key block is malformed" false;
    "84" "the key block's check value is wrong" false;
    "85" "the mask generation function is wrong" false;
    "86" "the PIN is excluded" false;
    "90" "the request was damaged on its way" true;
    "91" "the request's checksum is wrong" true;
    "92" "the request's count is wrong" true;
    "A1" "the LMK schemes do not fit together" false;
    "A2" "the LMK identifiers do not fit together" false;
    "A3" "the key blocks are under different LMKs" false;
    "A4" "the key block is not authentic" false;
    "A5" "the key has the wrong length" false;
    "A6" "the key's usage is wrong" false;
    "A7" "the key's algorithm is wrong" false;
    "A8" "the key's mode of use is wrong" false;
    "A9" "the key's version number is wrong" false;
    "AA" "the key may not be exported so" false;
    "AB" "the number of optional blocks is wrong" false;
    "AC" "an optional block is wrong" false;
    "B0" "the encryption mode is wrong" false;
    "B1" "the authentication mode is wrong" false;
    "B2" "the key block is wrong" false;
    "B5" "the components do not fit together" false;
    "BB" "the wrapping key is wrong" false;
    "BD" "the key types do not fit together" false;
}

/// The refusal that an HSM's error code stands for. Every code has one; unknown codes say so.
pub fn of_hsm(command: &str, code: &str) -> Refused {
    match MEANINGS.iter().find(|m| m.code == code) {
        Some(m) if m.passing => REFUSED.passing(format!("{command}: {code}, {}", m.meaning)),
        Some(m) => REFUSED.found(format!("{command}: {code}, {}", m.meaning)),
        None => REFUSED.found(format!(
            "{command}: {code}, which is not on the public list"
        )),
    }
}
