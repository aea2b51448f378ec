//! Mechanisms with their parameters, and their C form.

use crate::ck;
use cryptoki_sys::{
    CK_DES_CBC_ENCRYPT_DATA_PARAMS, CK_ECDH1_DERIVE_PARAMS, CK_GCM_PARAMS,
    CK_KEY_DERIVATION_STRING_DATA, CK_MECHANISM, CK_PRF_DATA_PARAM, CK_RSA_PKCS_OAEP_PARAMS,
    CK_SP800_108_COUNTER_FORMAT, CK_SP800_108_KDF_PARAMS, CK_ULONG,
};
use std::ffi::c_void;
use std::ptr::null_mut;

/// A mechanism with its parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Without parameter.
    Plain(CK_ULONG),
    /// With an initial vector.
    Initial(CK_ULONG, Vec<u8>),
    /// Derivation from data (`CK_KEY_DERIVATION_STRING_DATA`).
    Data(CK_ULONG, Vec<u8>),
    /// AES-GCM with a tag of 16 octets.
    Gcm {
        /// Nonce of 12 octets.
        nonce: Vec<u8>,
        /// Associated data.
        associated: Vec<u8>,
    },
    /// Derivation by triple DES in CBC mode, vector zero.
    TdesCbcData(Vec<u8>),
    /// RSA-OAEP with an empty label, hash and mask alike.
    Oaep {
        /// SHA-256, else SHA-1.
        sha256: bool,
    },
    /// Agreement with a peer's point, the shared x coordinate as it is.
    Ecdh(Vec<u8>),
    /// With a number: a place in bits (`CK_EXTRACT_PARAMS`), or the handle of a second key.
    Number(CK_ULONG, CK_ULONG),
    /// SP 800-108 in counter mode with AES-CMAC: a counter of one octet, then these octets.
    CounterKdf(Vec<u8>),
}

/// The parameter that a mechanism points at.
enum Parameter {
    None,
    Octets,
    Data(Box<CK_KEY_DERIVATION_STRING_DATA>),
    Gcm(Box<CK_GCM_PARAMS>),
    TdesCbcData(Box<CK_DES_CBC_ENCRYPT_DATA_PARAMS>),
    Oaep(Box<CK_RSA_PKCS_OAEP_PARAMS>),
    Ecdh(Box<CK_ECDH1_DERIVE_PARAMS>),
    Number(Box<CK_ULONG>),
    CounterKdf(Box<CounterKdf>),
}

/// The parameters of a derivation by SP 800-108, which point at each other.
struct CounterKdf {
    whole: CK_SP800_108_KDF_PARAMS,
    parts: [CK_PRF_DATA_PARAM; 2],
    format: CK_SP800_108_COUNTER_FORMAT,
}

impl CounterKdf {
    /// `octets` must live as long as the parameters.
    fn new(octets: &[u8]) -> Box<Self> {
        let part = |kind| CK_PRF_DATA_PARAM {
            type_: kind,
            pValue: null_mut(),
            ulValueLen: 0,
        };
        let mut made = Box::new(Self {
            whole: CK_SP800_108_KDF_PARAMS {
                prfType: ck::CKM_AES_CMAC,
                ulNumberOfDataParams: 2,
                pDataParams: null_mut(),
                ulAdditionalDerivedKeys: 0,
                pAdditionalDerivedKeys: null_mut(),
            },
            parts: [
                part(ck::CK_SP800_108_ITERATION_VARIABLE),
                part(ck::CK_SP800_108_BYTE_ARRAY),
            ],
            format: CK_SP800_108_COUNTER_FORMAT {
                bLittleEndian: ck::CK_FALSE,
                ulWidthInBits: 8,
            },
        });
        let format = (&raw mut made.format).cast::<c_void>();
        let [counter, rest] = &mut made.parts;
        counter.pValue = format;
        counter.ulValueLen = size_of::<CK_SP800_108_COUNTER_FORMAT>() as CK_ULONG;
        rest.pValue = octets.as_ptr().cast_mut().cast::<c_void>();
        rest.ulValueLen = octets.len() as CK_ULONG;
        made.whole.pDataParams = made.parts.as_mut_ptr();
        made
    }
}

/// The parameters of RSA-OAEP.
fn oaep(sha256: bool) -> CK_RSA_PKCS_OAEP_PARAMS {
    let (hash, mask) = match sha256 {
        true => (ck::CKM_SHA256, ck::CKG_MGF1_SHA256),
        false => (ck::CKM_SHA_1, ck::CKG_MGF1_SHA1),
    };
    CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: hash,
        mgf: mask,
        source: ck::CKZ_DATA_SPECIFIED,
        pSourceData: null_mut(),
        ulSourceDataLen: 0,
    }
}

impl Mechanism {
    /// The mechanism's number and its parameter, which points into the mechanism.
    fn parts(&self) -> (CK_ULONG, Parameter) {
        match self {
            Self::Plain(kind) => (*kind, Parameter::None),
            Self::Initial(kind, _) => (*kind, Parameter::Octets),
            Self::Data(kind, data) => (
                *kind,
                Parameter::Data(Box::new(CK_KEY_DERIVATION_STRING_DATA {
                    pData: data.as_ptr().cast_mut(),
                    ulLen: data.len() as CK_ULONG,
                })),
            ),
            Self::Gcm { nonce, associated } => (
                ck::CKM_AES_GCM,
                Parameter::Gcm(Box::new(CK_GCM_PARAMS {
                    pIv: nonce.as_ptr().cast_mut(),
                    ulIvLen: nonce.len() as CK_ULONG,
                    ulIvBits: 8 * nonce.len() as CK_ULONG,
                    pAAD: associated.as_ptr().cast_mut(),
                    ulAADLen: associated.len() as CK_ULONG,
                    ulTagBits: 128,
                })),
            ),
            Self::TdesCbcData(data) => (
                ck::CKM_DES3_CBC_ENCRYPT_DATA,
                Parameter::TdesCbcData(Box::new(CK_DES_CBC_ENCRYPT_DATA_PARAMS {
                    iv: [0; 8],
                    pData: data.as_ptr().cast_mut(),
                    length: data.len() as CK_ULONG,
                })),
            ),
            Self::Oaep { sha256 } => (
                ck::CKM_RSA_PKCS_OAEP,
                Parameter::Oaep(Box::new(oaep(*sha256))),
            ),
            Self::Ecdh(point) => (
                ck::CKM_ECDH1_DERIVE,
                Parameter::Ecdh(Box::new(CK_ECDH1_DERIVE_PARAMS {
                    kdf: ck::CKD_NULL,
                    ulSharedDataLen: 0,
                    pSharedData: null_mut(),
                    ulPublicDataLen: point.len() as CK_ULONG,
                    pPublicData: point.as_ptr().cast_mut(),
                })),
            ),
            Self::Number(kind, number) => (*kind, Parameter::Number(Box::new(*number))),
            Self::CounterKdf(octets) => (
                ck::CKM_SP800_108_COUNTER_KDF,
                Parameter::CounterKdf(CounterKdf::new(octets)),
            ),
        }
    }

    /// Calls with the C form, which lives for the call.
    pub(crate) fn with<T>(&self, call: impl FnOnce(*mut CK_MECHANISM) -> T) -> T {
        let (kind, mut parameter) = self.parts();
        let (pointer, length) = match (&mut parameter, self) {
            (Parameter::Octets, Self::Initial(_, octets)) => {
                (octets.as_ptr().cast_mut().cast::<c_void>(), octets.len())
            }
            (Parameter::Data(data), _) => (
                std::ptr::from_mut(data.as_mut()).cast::<c_void>(),
                size_of::<CK_KEY_DERIVATION_STRING_DATA>(),
            ),
            (Parameter::Gcm(gcm), _) => (
                std::ptr::from_mut(gcm.as_mut()).cast::<c_void>(),
                size_of::<CK_GCM_PARAMS>(),
            ),
            (Parameter::TdesCbcData(data), _) => (
                std::ptr::from_mut(data.as_mut()).cast::<c_void>(),
                size_of::<CK_DES_CBC_ENCRYPT_DATA_PARAMS>(),
            ),
            (Parameter::Oaep(oaep), _) => (
                std::ptr::from_mut(oaep.as_mut()).cast::<c_void>(),
                size_of::<CK_RSA_PKCS_OAEP_PARAMS>(),
            ),
            (Parameter::Ecdh(ecdh), _) => (
                std::ptr::from_mut(ecdh.as_mut()).cast::<c_void>(),
                size_of::<CK_ECDH1_DERIVE_PARAMS>(),
            ),
            (Parameter::Number(number), _) => (
                std::ptr::from_mut(number.as_mut()).cast::<c_void>(),
                size_of::<CK_ULONG>(),
            ),
            (Parameter::CounterKdf(kdf), _) => (
                (&raw mut kdf.whole).cast::<c_void>(),
                size_of::<CK_SP800_108_KDF_PARAMS>(),
            ),
            _ => (null_mut(), 0),
        };
        let mut mechanism = CK_MECHANISM {
            mechanism: kind,
            pParameter: pointer,
            ulParameterLen: length as CK_ULONG,
        };
        call(&raw mut mechanism)
    }
}
