//! Templates: lists of attributes, and their C form, which points into them.

use cryptoki_sys::{CK_ATTRIBUTE, CK_BBOOL, CK_ULONG};
use std::ffi::c_void;
use zeroize::Zeroizing;

/// A value of an attribute; what may be a key is wiped.
pub enum Content {
    /// A truth value.
    Flag(bool),
    /// A number, such as a class.
    Number(CK_ULONG),
    /// Octets.
    Octets(Zeroizing<Vec<u8>>),
}

/// An attribute of a template.
pub struct Attribute {
    kind: CK_ULONG,
    content: Content,
}

impl Attribute {
    /// A truth value.
    pub fn flag(kind: CK_ULONG, value: bool) -> Self {
        Self {
            kind,
            content: Content::Flag(value),
        }
    }

    /// A number.
    pub fn number(kind: CK_ULONG, value: CK_ULONG) -> Self {
        Self {
            kind,
            content: Content::Number(value),
        }
    }

    /// Octets.
    pub fn octets(kind: CK_ULONG, value: &[u8]) -> Self {
        Self {
            kind,
            content: Content::Octets(Zeroizing::new(value.to_vec())),
        }
    }

    /// Whether it says that an object stays in the token.
    pub(crate) fn stays(&self) -> bool {
        self.kind == cryptoki_sys::CKA_TOKEN && matches!(self.content, Content::Flag(true))
    }

    /// Which attribute it is.
    pub fn kind(&self) -> CK_ULONG {
        self.kind
    }
}

/// The C form of a template, which points into it.
pub(crate) struct Template<'t> {
    rows: Vec<CK_ATTRIBUTE>,
    _flags: Vec<CK_BBOOL>,
    _source: std::marker::PhantomData<&'t [Attribute]>,
}

impl<'t> Template<'t> {
    pub(crate) fn new(source: &'t [Attribute]) -> Self {
        // Truth values are octets in C; they need a place of their own that does not move.
        let mut flags: Vec<CK_BBOOL> = source
            .iter()
            .map(|a| CK_BBOOL::from(matches!(a.content, Content::Flag(true))))
            .collect();
        let rows = source.iter().zip(flags.iter_mut()).map(|(a, flag)| {
            let (value, length) = match &a.content {
                Content::Flag(_) => (std::ptr::from_mut(flag).cast::<c_void>(), 1),
                Content::Number(number) => (
                    std::ptr::from_ref(number).cast_mut().cast::<c_void>(),
                    size_of::<CK_ULONG>(),
                ),
                Content::Octets(octets) => {
                    (octets.as_ptr().cast_mut().cast::<c_void>(), octets.len())
                }
            };
            CK_ATTRIBUTE {
                type_: a.kind,
                pValue: value,
                ulValueLen: length as CK_ULONG,
            }
        });
        Self {
            rows: rows.collect(),
            _flags: flags,
            _source: std::marker::PhantomData,
        }
    }

    pub(crate) fn pointer(&mut self) -> *mut CK_ATTRIBUTE {
        self.rows.as_mut_ptr()
    }

    pub(crate) fn length(&self) -> CK_ULONG {
        self.rows.len() as CK_ULONG
    }
}
