//! The codes of custody that all HSMs share; their pages come from the soft HSM's table.

use cardwright_ports::HsmError;

/// A code that all HSMs share, with what to do.
#[derive(Clone, Copy, Debug)]
pub struct Shared {
    /// Stable code.
    pub code: &'static str,
    /// What to do.
    pub mend: &'static str,
}

impl Shared {
    /// The error, with what was found; never a key.
    pub fn found(&self, what: impl Into<String>) -> HsmError {
        HsmError {
            code: self.code,
            what: what.into(),
            mend: self.mend,
            retryable: false,
        }
    }
}

/// The key is not what was asked for.
pub(crate) const KEY_DIFFERS: Shared = Shared {
    code: "R1301",
    mend: "compare the key declaration of the bundle with the HSM's key list; bind the right key under that name",
};

/// A value has the wrong form.
pub(crate) const ARGUMENT: Shared = Shared {
    code: "R1307",
    mend: "correct the value in the source or in the order",
};

/// Randomness failed.
pub(crate) const RANDOMNESS: Shared = Shared {
    code: "R1312",
    mend: "check the operating system's random number generator",
};

macro_rules! shared {
    ($($name:ident $code:literal $what:literal $mend:literal;)*) => {
        $(
            #[doc = $what]
            pub const $name: Shared = Shared {
                code: $code,
                mend: $mend,
            };
        )*
        /// All of them.
        pub const SHARED: &[Shared] = &[$($name,)*];
    };
}

shared! {
    UNSUITABLE "R1314" "The key can't do that." "declare the key with the algorithm that the operation needs";
    LABEL "R1370" "No key has this label." "list the keys; generate or import the key first, or correct the label";
    LABEL_TAKEN "R1371" "A key has this label already." "take the next version of the key, or destroy the old one by a ceremony first";
    COMPONENT "R1372" "The components do not make this key." "begin the ceremony again with components that were made for it";
    CHECK_VALUE "R1373" "The check value is another one." "compare the check values of all components with their forms and with the sender of the key";
    MAY_NOT_TRAVEL "R1374" "The key may not travel this way." "wrap it under a transport or key block protection key that is at least as strong, with a header that agrees with the key";
    WRAPPED "R1375" "The wrapped key does not open." "compare the check value of the wrapping key with the sender; ask for the key again";
    PARITY "R1376" "Length or parity is wrong." "type the component again from its form; ask the sender for a key with odd parity";
}
