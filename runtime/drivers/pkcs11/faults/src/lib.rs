//! A PKCS#11 module that wraps another and fails by plan; tests only.
//!
//! `CARDWRIGHT_FAULTS_MODULE` names the real module, `CARDWRIGHT_FAULTS_PLAN` a file that is read at
//! every call, so that a test can change it. Each line of the plan is a fault:
//!
//! ```text
//! FUNCTION CALL ACTION [VALUE] [@SLOT]
//! C_Sign 1 return 48        the first call gives 48 (CKR_DEVICE_ERROR) and does nothing
//! C_Sign 0 return 48        every call does
//! C_Sign 2 after 48         the second call does its work and then gives 48
//! C_Sign 1 delay 500        the first call takes 500 ms longer
//! C_Sign 1 flip 9           bit 9 of its answer is changed
//! C_Sign 1 cut 1            its answer says that it is an octet shorter
//! C_Sign 1 long             its answer says that it is longer than its buffer
//! C_Sign 1 drop             the session is closed before
//! C_Sign 1 logout           the user is logged out before
//! C_Sign 0 return 48 @7     only in slot 7
//! ```
//!
//! Calls are counted from the moment at which the plan got its present text.

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_BYTE, CK_FLAGS, CK_FUNCTION_LIST, CK_MECHANISM, CK_NOTIFY, CK_OBJECT_HANDLE,
    CK_RV, CK_SESSION_HANDLE, CK_SESSION_INFO, CK_SLOT_ID, CK_TOKEN_INFO, CK_ULONG, CK_USER_TYPE,
    CKR_FUNCTION_NOT_SUPPORTED, CKR_LIBRARY_LOAD_FAILED, CKR_OK,
};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Return(CK_RV),
    After(CK_RV),
    Delay(u64),
    Flip(usize),
    Cut(CK_ULONG),
    Long,
    Drop,
    Logout,
}

/// The plan and how often each function was called under it.
#[derive(Default)]
struct Plan {
    text: String,
    calls: BTreeMap<(&'static str, Option<CK_SLOT_ID>), u64>,
}

static PLAN: Mutex<Option<Plan>> = Mutex::new(None);
static REAL: OnceLock<Option<CK_FUNCTION_LIST>> = OnceLock::new();
static OURS: OnceLock<CK_FUNCTION_LIST> = OnceLock::new();

fn action(words: &[&str]) -> Option<Action> {
    let number = || words.get(1)?.parse::<u64>().ok();
    Some(match *words.first()? {
        "return" => Action::Return(number()? as CK_RV),
        "after" => Action::After(number()? as CK_RV),
        "delay" => Action::Delay(number()?),
        "flip" => Action::Flip(number()? as usize),
        "cut" => Action::Cut(number()? as CK_ULONG),
        "long" => Action::Long,
        "drop" => Action::Drop,
        "logout" => Action::Logout,
        _ => return None,
    })
}

/// The faults that this call of a function has.
fn faults(function: &'static str, session: Option<CK_SESSION_HANDLE>) -> Vec<Action> {
    let Some(path) = std::env::var_os("CARDWRIGHT_FAULTS_PLAN") else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if text.is_empty() {
        return Vec::new();
    }
    let mut plan = PLAN.lock().unwrap_or_else(PoisonError::into_inner);
    let plan = plan.get_or_insert_default();
    if plan.text != text {
        plan.text = text;
        plan.calls.clear();
    }
    let mut found = Vec::new();
    let mut counted = BTreeMap::new();
    for line in plan.text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.first() != Some(&function) {
            continue;
        }
        let only = words.iter().find_map(|w| w.strip_prefix('@')?.parse().ok());
        if only.is_some() && only != session.and_then(slot_of) {
            continue;
        }
        let call = *counted.entry(only).or_insert_with(|| {
            let calls = plan.calls.entry((function, only)).or_insert(0);
            *calls += 1;
            *calls
        });
        let wanted: u64 = words.get(1).and_then(|w| w.parse().ok()).unwrap_or(0);
        if wanted == 0 || wanted == call {
            found.extend(words.get(2..).and_then(action));
        }
    }
    found
}

fn real() -> Option<&'static CK_FUNCTION_LIST> {
    REAL.get_or_init(|| {
        let path = std::env::var_os("CARDWRIGHT_FAULTS_MODULE")?;
        // SAFETY: the module that the test names; its initialisers are those of any library.
        let library = unsafe { cryptoki_sys::Pkcs11::new(path) }.ok()?;
        // It stays loaded as long as the process lives.
        let library = Box::leak(Box::new(library));
        let get = library.C_GetFunctionList.as_ref().ok()?;
        let mut list = std::ptr::null_mut();
        // SAFETY: the pointer outlives the call.
        let value = unsafe { get(&raw mut list) };
        if value != CKR_OK || list.is_null() {
            return None;
        }
        // SAFETY: the standard promises a valid list for as long as the library is loaded.
        Some(unsafe { list.read_unaligned() })
    })
    .as_ref()
}

fn slot_of(session: CK_SESSION_HANDLE) -> Option<CK_SLOT_ID> {
    let mut info = CK_SESSION_INFO::default();
    let ask = { real()?.C_GetSessionInfo }?;
    // SAFETY: the pointer outlives the call.
    let value = unsafe { ask(session, &raw mut info) };
    (value == CKR_OK).then_some(info.slotID)
}

/// Where a call puts its answer.
#[derive(Clone, Copy)]
enum Answer {
    None,
    /// Octets, and where their number stands.
    Counted(*mut CK_BYTE, *mut CK_ULONG),
    /// So many octets.
    Fixed(*mut CK_BYTE, CK_ULONG),
    /// A number of objects.
    Number(*mut CK_ULONG),
    /// Attributes.
    Rows(*mut CK_ATTRIBUTE, CK_ULONG),
}

impl Answer {
    /// The octets of the answer and where their number stands.
    fn octets(self) -> (*mut CK_BYTE, CK_ULONG, Option<*mut CK_ULONG>) {
        match self {
            Self::Counted(out, length) if !length.is_null() => {
                // SAFETY: from a caller of the standard's function, which just filled it.
                let octets = unsafe { *length };
                (out, octets, Some(length))
            }
            Self::Fixed(out, length) => (out, length, None),
            Self::Number(length) => (std::ptr::null_mut(), 0, Some(length)),
            Self::Rows(rows, count) => {
                for place in 0..count {
                    // SAFETY: the caller's template has so many rows.
                    let row = unsafe { &mut *rows.add(place as usize) };
                    let none = row.pValue.is_null() || row.ulValueLen == CK_ULONG::MAX;
                    if !none && row.ulValueLen > 0 {
                        let length = std::ptr::addr_of_mut!(row.ulValueLen);
                        return (row.pValue.cast(), row.ulValueLen, Some(length));
                    }
                }
                (std::ptr::null_mut(), 0, None)
            }
            _ => (std::ptr::null_mut(), 0, None),
        }
    }

    fn spoil(self, fault: Action) {
        let (out, length, counted) = self.octets();
        match (fault, counted) {
            (Action::Flip(bit), _) if !out.is_null() && length > 0 => {
                let place = bit / 8 % length as usize;
                // SAFETY: within the answer's octets.
                unsafe { *out.add(place) ^= 1 << (bit % 8) };
            }
            (Action::Cut(octets), Some(counted)) => {
                // SAFETY: the caller's own number.
                unsafe { *counted = (*counted).saturating_sub(octets) };
            }
            (Action::Long, Some(counted)) => {
                // SAFETY: the caller's own number; more than any buffer, and no mark of absence.
                unsafe { *counted = 1 << 30 };
            }
            _ => {}
        }
    }
}

/// Carries a call out with its faults.
fn through(
    function: &'static str,
    session: Option<CK_SESSION_HANDLE>,
    answer: Answer,
    call: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV,
) -> CK_RV {
    let Some(list) = real() else {
        return CKR_LIBRARY_LOAD_FAILED;
    };
    let faults = faults(function, session);
    for fault in &faults {
        match fault {
            Action::Return(value) => return *value,
            Action::Delay(milliseconds) => {
                std::thread::sleep(Duration::from_millis(*milliseconds));
            }
            Action::Drop | Action::Logout => {
                let close = { list.C_CloseSession };
                let logout = { list.C_Logout };
                let end = if *fault == Action::Drop {
                    close
                } else {
                    logout
                };
                if let (Some(end), Some(session)) = (end, session) {
                    // SAFETY: takes a handle by value.
                    let _ = unsafe { end(session) };
                }
            }
            _ => {}
        }
    }
    let mut value = call(list);
    for fault in faults {
        if let Action::After(wanted) = fault {
            value = wanted;
        } else if value == CKR_OK {
            answer.spoil(fault);
        }
    }
    value
}

/// Wrappers of the standard's signatures: name, arguments, session, answer.
macro_rules! wrappers {
    ($($name:ident($($argument:ident: $type:ty),*) $session:expr, $answer:expr;)*) => {
        $(
            #[allow(non_snake_case, reason = "the standard's own name")]
            unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
                through(stringify!($name), $session, $answer, |list| {
                    let function = { list.$name };
                    match function {
                        // SAFETY: the caller's arguments, to the function of the same signature.
                        Some(function) => unsafe { function($($argument),*) },
                        None => CKR_FUNCTION_NOT_SUPPORTED,
                    }
                })
            }
        )*

        /// The real list with our functions in it.
        fn ours(real: &CK_FUNCTION_LIST) -> CK_FUNCTION_LIST {
            let mut list = *real;
            $(list.$name = Some($name);)*
            list.C_GetFunctionList = Some(C_GetFunctionList);
            list
        }
    };
}

type Template = *mut CK_ATTRIBUTE;
type Octets = *mut CK_BYTE;

wrappers! {
    C_Initialize(arguments: *mut c_void) None, Answer::None;
    C_GetSlotList(present: u8, slots: *mut CK_SLOT_ID, count: *mut CK_ULONG) None, Answer::None;
    C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) None, Answer::None;
    C_OpenSession(slot: CK_SLOT_ID, flags: CK_FLAGS, application: *mut c_void, notify: CK_NOTIFY, session: *mut CK_SESSION_HANDLE) None, Answer::None;
    C_CloseSession(session: CK_SESSION_HANDLE) Some(session), Answer::None;
    C_GetSessionInfo(session: CK_SESSION_HANDLE, info: *mut CK_SESSION_INFO) Some(session), Answer::None;
    C_Login(session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: Octets, length: CK_ULONG) Some(session), Answer::None;
    C_FindObjectsInit(session: CK_SESSION_HANDLE, rows: Template, count: CK_ULONG) Some(session), Answer::None;
    C_FindObjects(session: CK_SESSION_HANDLE, objects: *mut CK_OBJECT_HANDLE, most: CK_ULONG, count: *mut CK_ULONG) Some(session), Answer::Number(count);
    C_FindObjectsFinal(session: CK_SESSION_HANDLE) Some(session), Answer::None;
    C_GetAttributeValue(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, rows: Template, count: CK_ULONG) Some(session), Answer::Rows(rows, count);
    C_CreateObject(session: CK_SESSION_HANDLE, rows: Template, count: CK_ULONG, object: *mut CK_OBJECT_HANDLE) Some(session), Answer::None;
    C_DestroyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) Some(session), Answer::None;
    C_GenerateKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, rows: Template, count: CK_ULONG, object: *mut CK_OBJECT_HANDLE) Some(session), Answer::None;
    C_GenerateKeyPair(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, public: Template, publics: CK_ULONG, private: Template, privates: CK_ULONG, first: *mut CK_OBJECT_HANDLE, second: *mut CK_OBJECT_HANDLE) Some(session), Answer::None;
    C_DeriveKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, base: CK_OBJECT_HANDLE, rows: Template, count: CK_ULONG, object: *mut CK_OBJECT_HANDLE) Some(session), Answer::None;
    C_WrapKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, wrapping: CK_OBJECT_HANDLE, key: CK_OBJECT_HANDLE, out: Octets, length: *mut CK_ULONG) Some(session), Answer::Counted(out, length);
    C_UnwrapKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, unwrapping: CK_OBJECT_HANDLE, wrapped: Octets, octets: CK_ULONG, rows: Template, count: CK_ULONG, object: *mut CK_OBJECT_HANDLE) Some(session), Answer::None;
    C_EncryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) Some(session), Answer::None;
    C_Encrypt(session: CK_SESSION_HANDLE, data: Octets, octets: CK_ULONG, out: Octets, length: *mut CK_ULONG) Some(session), Answer::Counted(out, length);
    C_DecryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) Some(session), Answer::None;
    C_Decrypt(session: CK_SESSION_HANDLE, data: Octets, octets: CK_ULONG, out: Octets, length: *mut CK_ULONG) Some(session), Answer::Counted(out, length);
    C_SignInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) Some(session), Answer::None;
    C_Sign(session: CK_SESSION_HANDLE, data: Octets, octets: CK_ULONG, out: Octets, length: *mut CK_ULONG) Some(session), Answer::Counted(out, length);
    C_GenerateRandom(session: CK_SESSION_HANDLE, out: Octets, length: CK_ULONG) Some(session), Answer::Fixed(out, length);
}

/// The standard's entry: the real list with functions that fail by plan.
///
/// # Safety
/// `list` points at a pointer that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    let Some(real) = real() else {
        return CKR_LIBRARY_LOAD_FAILED;
    };
    let ours = OURS.get_or_init(|| ours(real));
    // SAFETY: the caller's pointer. Nobody writes through the one that it gets: the list is constant.
    unsafe { *list = std::ptr::from_ref(ours).cast_mut() };
    CKR_OK
}
