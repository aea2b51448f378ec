//! A safe face over the C functions of a PKCS#11 module (PKCS#11 2.40).
//!
//! `cryptoki` loads the module and initialises it. All else calls the module's function list by
//! itself: mechanisms that `cryptoki` has no name for, one call where it makes two to learn a
//! length, buffers of a bounded size whatever the module says, the exact return value, and a count
//! of calls by function. All foreign calls of this project's PKCS#11 driver stand in this file.

mod counting;
mod mechanism;
mod template;

use counting::Counting;
pub use counting::{FUNCTIONS, operations};
pub use mechanism::Mechanism;
use template::Template;
pub use template::{Attribute, Content};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_C_INITIALIZE_ARGS, CK_FUNCTION_LIST, CK_OBJECT_HANDLE, CK_RV,
    CK_SESSION_HANDLE, CK_SESSION_INFO, CK_TOKEN_INFO, CK_ULONG, CK_UNAVAILABLE_INFORMATION,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_void};
use std::path::Path;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Constants of the standard.
pub mod ck {
    pub use cryptoki_sys::*;
}

/// Room for the answer of one call; no answer that the driver asks for is longer.
pub const ANSWER_OCTETS_MAX: usize = 16_384;

/// A call that did not give `CKR_OK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The function, such as `C_Sign`.
    pub function: &'static str,
    /// What it returned.
    pub value: Value,
}

/// What a call returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A return value of the standard or of a maker.
    Returned(CK_RV),
    /// The module could not be loaded or lacks a function; in words.
    Module(String),
    /// The answer contradicts itself: longer than its buffer, or a length that can't be.
    Nonsense(&'static str),
}

/// What a call gives.
pub type Outcome<T> = Result<T, Failure>;

/// Most slots of a module.
const SLOTS_MAX: usize = 1_024;

/// A token that is in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFacts {
    /// Slot number.
    pub slot: CK_ULONG,
    /// Label, without trailing spaces.
    pub label: String,
    /// Maker and model.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// Whether the user's PIN is locked.
    pub pin_locked: bool,
}

/// Calls a function of the list: counts it, and turns its return value into a result.
macro_rules! call {
    ($session:expr, $name:ident ( $($argument:expr),* $(,)? )) => {{
        let name = stringify!($name);
        $session.module.counting.count(name);
        // A copy: fields of the list may be unaligned.
        let function = { $session.module.functions.$name };
        match function {
            // SAFETY: the function has the type that the standard gives it; every pointer among
            // the arguments comes from a reference, slice or template that outlives the call, with
            // the length that is passed beside it.
            Some(function) => returned(name, unsafe { function($($argument),*) }),
            None => Err(Failure {
                function: name,
                value: Value::Module("the module does not have it".to_owned()),
            }),
        }
    }};
}

/// A loaded and initialised module. It stays loaded as long as the process lives.
pub struct Module {
    _context: Pkcs11,
    functions: CK_FUNCTION_LIST,
    // Keeps the library in memory as long as its functions are called.
    _library: cryptoki_sys::Pkcs11,
    /// What `C_Initialize` was told.
    parameters: Option<CString>,
    counting: Counting,
}

/// Modules of this process by path: a module is initialised once.
static LOADED: Mutex<BTreeMap<std::path::PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

fn module_failure(function: &'static str, error: &Error) -> Failure {
    Failure {
        function,
        value: Value::Module(error.to_string()),
    }
}

impl Module {
    /// Loads a module, or gives the one that is loaded already.
    ///
    /// # Errors
    /// The library or a function is missing, or `C_Initialize` failed.
    pub fn load(path: &Path) -> Outcome<Arc<Self>> {
        Self::load_with(path, None)
    }

    /// Loads a module whose `C_Initialize` is told something, such as where its database is; or gives the
    /// one that is loaded already.
    ///
    /// # Errors
    /// As [`Module::load`], and when the module was told something else before.
    pub fn load_with(path: &Path, parameters: Option<&str>) -> Outcome<Arc<Self>> {
        let wrong = |what: &str| Failure {
            function: "C_Initialize",
            value: Value::Module(what.to_owned()),
        };
        let parameters = parameters.map(CString::new).transpose();
        let parameters = parameters.map_err(|_| wrong("an octet 00 in its parameters"))?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = loaded.get(path) {
            if parameters.is_some() && parameters != module.parameters {
                return Err(wrong("this process loaded it with other parameters"));
            }
            return Ok(Arc::clone(module));
        }
        let context = Pkcs11::new(path).map_err(|e| module_failure("C_GetFunctionList", &e))?;
        let (library, functions) = function_list(path)?;
        match &parameters {
            Some(parameters) => initialize_with(&functions, parameters)?,
            None => initialize(&context)?,
        }
        let module = Arc::new(Self {
            _context: context,
            functions,
            _library: library,
            parameters,
            counting: Counting::default(),
        });
        loaded.insert(path.to_owned(), Arc::clone(&module));
        Ok(module)
    }

    /// The tokens that are there now. The module is asked by its own functions: `cryptoki` refuses
    /// tokens whose clock tells no time.
    ///
    /// # Errors
    /// The module can't list them.
    pub fn tokens(self: &Arc<Self>) -> Outcome<Vec<TokenFacts>> {
        // As a session that is none yet: calls go through one macro.
        let list = Session::none(self);
        let mut slots: Vec<CK_ULONG> = vec![0; SLOTS_MAX];
        let mut count = SLOTS_MAX as CK_ULONG;
        let present = ck::CK_TRUE;
        call!(
            list,
            C_GetSlotList(present, slots.as_mut_ptr(), &raw mut count)
        )?;
        let slots = usize::try_from(count).ok().and_then(|n| slots.get(..n));
        let slots =
            slots.ok_or_else(|| nonsense("C_GetSlotList", "more slots than were asked for"))?;
        slots.iter().map(|slot| facts(&list, *slot)).collect()
    }

    /// Calls so far by function; those that were never called are left out.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.counting.calls()
    }

    /// Lets at most so many operations begin in a second, over all sessions; none for as many as the
    /// token does. For measuring as if the token were slower.
    pub fn limit(&self, a_second: Option<f64>) {
        self.counting.limit(a_second);
    }

    /// Holds each operation up for so many microseconds, sessions side by side. For measuring as if the
    /// token were behind a network.
    pub fn hold_up(&self, microseconds: u64) {
        self.counting.hold_up(microseconds);
    }
}

/// As the standard has it.
fn initialize(context: &Pkcs11) -> Outcome<()> {
    let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    match context.initialize(arguments) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        Err(e) => Err(module_failure("C_Initialize", &e)),
    }
}

/// The standard's arguments where a module takes a text: it stands in the place of what the standard
/// reserves, and what is reserved comes behind it (NSS calls the text `LibraryParameters`).
#[repr(C)]
struct ArgumentsWithText {
    standard: CK_C_INITIALIZE_ARGS,
    reserved: *mut c_void,
}

/// With a text of the module's own.
fn initialize_with(functions: &CK_FUNCTION_LIST, parameters: &CStr) -> Outcome<()> {
    let function = { functions.C_Initialize };
    let Some(function) = function else {
        return Err(Failure {
            function: "C_Initialize",
            value: Value::Module("the module does not have it".to_owned()),
        });
    };
    let mut arguments = ArgumentsWithText {
        standard: CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags: ck::CKF_OS_LOCKING_OK,
            pReserved: parameters.as_ptr().cast_mut().cast(),
        },
        reserved: null_mut(),
    };
    // SAFETY: the arguments begin as the standard has them, and they and the text outlive the call. A
    // module that reserves the text's place refuses what is not null (PKCS#11 2.40, 5.4).
    let value = unsafe { function((&raw mut arguments).cast()) };
    match value {
        ck::CKR_CRYPTOKI_ALREADY_INITIALIZED => Ok(()),
        value => returned("C_Initialize", value),
    }
}

/// What a token says of itself.
fn facts(list: &Session, slot: CK_ULONG) -> Outcome<TokenFacts> {
    let mut info = CK_TOKEN_INFO::default();
    call!(list, C_GetTokenInfo(slot, &raw mut info))?;
    let text = |octets: &[u8]| {
        let text = String::from_utf8_lossy(octets);
        text.trim_end_matches([' ', '\0']).to_owned()
    };
    Ok(TokenFacts {
        slot,
        label: text(&info.label),
        model: format!("{} {}", text(&info.manufacturerID), text(&info.model)),
        serial: text(&info.serialNumber),
        pin_locked: info.flags & ck::CKF_USER_PIN_LOCKED != 0,
    })
}

/// The module's own list of functions. The dynamic loader gives the same library again.
fn function_list(path: &Path) -> Outcome<(cryptoki_sys::Pkcs11, CK_FUNCTION_LIST)> {
    let missing = |what: String| Failure {
        function: "C_GetFunctionList",
        value: Value::Module(what),
    };
    // SAFETY: the same library was loaded a moment ago; its initialisers have run already.
    let library = unsafe { cryptoki_sys::Pkcs11::new(path) };
    let library = library.map_err(|e| missing(e.to_string()))?;
    let Ok(get) = &library.C_GetFunctionList else {
        return Err(missing("it is not there".to_owned()));
    };
    let mut list = null_mut();
    // SAFETY: the function takes a pointer to a pointer, which outlives the call.
    let value = unsafe { get(&raw mut list) };
    returned("C_GetFunctionList", value)?;
    if list.is_null() {
        return Err(missing("it gave nothing".to_owned()));
    }
    // SAFETY: the standard promises that the list is valid as long as the library is loaded, and
    // the library is kept beside the copy. Unaligned: the type is packed on some systems.
    let functions = unsafe { list.read_unaligned() };
    Ok((library, functions))
}

fn returned(function: &'static str, value: CK_RV) -> Outcome<()> {
    if value == ck::CKR_OK {
        return Ok(());
    }
    Err(Failure {
        function,
        value: Value::Returned(value),
    })
}

/// Handle of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Object(pub CK_OBJECT_HANDLE);

/// A session with a token. It belongs to one thread at a time, and is closed when dropped.
pub struct Session {
    module: Arc<Module>,
    handle: CK_SESSION_HANDLE,
    slot: CK_ULONG,
    /// Objects that it made and that outlive it.
    made: RefCell<Vec<Object>>,
}

/// A step of an operation: one `Init` and the call that ends it.
type Step<'a> = &'a mut dyn FnMut(*mut u8, *mut CK_ULONG) -> Outcome<()>;

impl Session {
    /// No session: for calls that need none.
    fn none(module: &Arc<Module>) -> Self {
        Self {
            module: Arc::clone(module),
            handle: 0,
            slot: 0,
            made: RefCell::default(),
        }
    }

    /// Opens a session for reading and writing.
    ///
    /// # Errors
    /// What `C_OpenSession` returned.
    pub fn open(module: &Arc<Module>, slot: CK_ULONG) -> Outcome<Self> {
        let mut session = Self::none(module);
        session.slot = slot;
        let flags = ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION;
        let mut handle = 0;
        call!(
            session,
            C_OpenSession(slot, flags, null_mut(), None, &raw mut handle)
        )?;
        session.handle = handle;
        Ok(session)
    }

    /// Another session with the same token.
    ///
    /// # Errors
    /// What `C_OpenSession` returned.
    pub fn another(&self) -> Outcome<Self> {
        Self::open(&self.module, self.slot)
    }

    /// The objects that outlive the session and that it made since this was asked last.
    pub fn made(&self) -> Vec<Object> {
        self.made.take()
    }

    fn note(&self, template: &[Attribute], object: CK_OBJECT_HANDLE) -> Object {
        if template.iter().any(Attribute::stays) {
            self.made.borrow_mut().push(Object(object));
        }
        Object(object)
    }

    /// Whether the user is logged in.
    ///
    /// # Errors
    /// What `C_GetSessionInfo` returned.
    pub fn is_logged_in(&self) -> Outcome<bool> {
        let mut info = CK_SESSION_INFO::default();
        call!(self, C_GetSessionInfo(self.handle, &raw mut info))?;
        let state = info.state;
        Ok(state == ck::CKS_RW_USER_FUNCTIONS || state == ck::CKS_RO_USER_FUNCTIONS)
    }

    /// Logs the user in; a user who is logged in already stays so.
    ///
    /// # Errors
    /// What `C_Login` returned.
    pub fn log_in(&self, pin: &[u8]) -> Outcome<()> {
        let length = pin.len() as CK_ULONG;
        let result = call!(
            self,
            C_Login(self.handle, ck::CKU_USER, pin.as_ptr().cast_mut(), length)
        );
        match result {
            Err(Failure {
                value: Value::Returned(v),
                ..
            }) if v == ck::CKR_USER_ALREADY_LOGGED_IN => Ok(()),
            other => other,
        }
    }

    /// Objects that have all these attributes, at most `most`.
    ///
    /// # Errors
    /// What one of the three functions of a search returned.
    pub fn find(&self, template: &[Attribute], most: usize) -> Outcome<Vec<Object>> {
        let mut rows = Template::new(template);
        call!(
            self,
            C_FindObjectsInit(self.handle, rows.pointer(), rows.length())
        )?;
        let mut found: Vec<CK_OBJECT_HANDLE> = vec![0; most];
        let mut count = 0;
        let result = call!(
            self,
            C_FindObjects(
                self.handle,
                found.as_mut_ptr(),
                most as CK_ULONG,
                &raw mut count
            )
        );
        let ended = call!(self, C_FindObjectsFinal(self.handle));
        result?;
        ended?;
        let Some(found) = usize::try_from(count).ok().and_then(|n| found.get(..n)) else {
            return Err(nonsense(
                "C_FindObjects",
                "more objects than were asked for",
            ));
        };
        Ok(found.iter().copied().map(Object).collect())
    }

    /// Values of attributes, each with the most octets that it may have; one that the token does
    /// not give is `None`.
    ///
    /// # Errors
    /// What `C_GetAttributeValue` returned, but for attributes that are secret or unknown.
    pub fn attributes(
        &self,
        object: Object,
        kinds: &[(CK_ULONG, usize)],
    ) -> Outcome<Vec<Option<Zeroizing<Vec<u8>>>>> {
        let tolerated = [
            ck::CKR_ATTRIBUTE_SENSITIVE,
            ck::CKR_ATTRIBUTE_TYPE_INVALID,
            ck::CKR_BUFFER_TOO_SMALL,
        ];
        self.read(object, kinds, &tolerated)
    }

    /// The same where every attribute must be there: a token that says that one is not, but does not
    /// mark which, would else give empty octets for a key.
    ///
    /// # Errors
    /// Whatever `C_GetAttributeValue` returned.
    pub fn all_attributes(
        &self,
        object: Object,
        kinds: &[(CK_ULONG, usize)],
    ) -> Outcome<Vec<Option<Zeroizing<Vec<u8>>>>> {
        self.read(object, kinds, &[])
    }

    fn read(
        &self,
        object: Object,
        kinds: &[(CK_ULONG, usize)],
        tolerated: &[CK_RV],
    ) -> Outcome<Vec<Option<Zeroizing<Vec<u8>>>>> {
        let mut rooms: Vec<Zeroizing<Vec<u8>>> = kinds
            .iter()
            .map(|(_, octets)| Zeroizing::new(vec![0; (*octets).min(ANSWER_OCTETS_MAX)]))
            .collect();
        let mut rows: Vec<CK_ATTRIBUTE> = kinds
            .iter()
            .zip(&mut rooms)
            .map(|((kind, _), room)| CK_ATTRIBUTE {
                type_: *kind,
                pValue: room.as_mut_ptr().cast::<c_void>(),
                ulValueLen: room.len() as CK_ULONG,
            })
            .collect();
        let length = rows.len() as CK_ULONG;
        let result = call!(
            self,
            C_GetAttributeValue(self.handle, object.0, rows.as_mut_ptr(), length)
        );
        match result {
            Ok(()) => {}
            Err(Failure {
                value: Value::Returned(v),
                ..
            }) if tolerated.contains(&v) => {}
            Err(other) => return Err(other),
        }
        let values = rows.iter().zip(rooms).map(|(row, mut room)| {
            let length = row.ulValueLen;
            if length == CK_UNAVAILABLE_INFORMATION {
                return None;
            }
            let length = usize::try_from(length).ok().filter(|n| *n <= room.len())?;
            room.truncate(length);
            Some(room)
        });
        Ok(values.collect())
    }

    /// Makes an object of a template.
    ///
    /// # Errors
    /// What `C_CreateObject` returned.
    pub fn create(&self, template: &[Attribute]) -> Outcome<Object> {
        let mut rows = Template::new(template);
        let mut object = 0;
        call!(
            self,
            C_CreateObject(self.handle, rows.pointer(), rows.length(), &raw mut object)
        )?;
        Ok(self.note(template, object))
    }

    /// Destroys an object.
    ///
    /// # Errors
    /// What `C_DestroyObject` returned.
    pub fn destroy(&self, object: Object) -> Outcome<()> {
        call!(self, C_DestroyObject(self.handle, object.0))
    }

    /// Generates a secret key.
    ///
    /// # Errors
    /// What `C_GenerateKey` returned.
    pub fn generate(&self, mechanism: &Mechanism, template: &[Attribute]) -> Outcome<Object> {
        let mut rows = Template::new(template);
        let mut object = 0;
        mechanism.with(|mechanism| {
            call!(
                self,
                C_GenerateKey(
                    self.handle,
                    mechanism,
                    rows.pointer(),
                    rows.length(),
                    &raw mut object
                )
            )
        })?;
        Ok(self.note(template, object))
    }

    /// Generates a key pair; public half first.
    ///
    /// # Errors
    /// What `C_GenerateKeyPair` returned.
    pub fn generate_pair(
        &self,
        mechanism: &Mechanism,
        public: &[Attribute],
        private: &[Attribute],
    ) -> Outcome<(Object, Object)> {
        let rows = (public, private);
        let (mut public, mut private) = (Template::new(public), Template::new(private));
        let (mut first, mut second) = (0, 0);
        mechanism.with(|mechanism| {
            call!(
                self,
                C_GenerateKeyPair(
                    self.handle,
                    mechanism,
                    public.pointer(),
                    public.length(),
                    private.pointer(),
                    private.length(),
                    &raw mut first,
                    &raw mut second
                )
            )
        })?;
        Ok((self.note(rows.0, first), self.note(rows.1, second)))
    }

    /// Derives a key.
    ///
    /// # Errors
    /// What `C_DeriveKey` returned.
    pub fn derive(
        &self,
        mechanism: &Mechanism,
        base: Object,
        template: &[Attribute],
    ) -> Outcome<Object> {
        let mut rows = Template::new(template);
        let mut object = 0;
        mechanism.with(|mechanism| {
            call!(
                self,
                C_DeriveKey(
                    self.handle,
                    mechanism,
                    base.0,
                    rows.pointer(),
                    rows.length(),
                    &raw mut object
                )
            )
        })?;
        Ok(self.note(template, object))
    }

    /// Wraps a key.
    ///
    /// # Errors
    /// What `C_WrapKey` returned.
    pub fn wrap(&self, mechanism: &Mechanism, wrapping: Object, key: Object) -> Outcome<Vec<u8>> {
        let mut wrapped = answer("C_WrapKey", 4_096, &mut |room, length| {
            mechanism.with(|mechanism| {
                call!(
                    self,
                    C_WrapKey(self.handle, mechanism, wrapping.0, key.0, room, length)
                )
            })
        })?;
        Ok(std::mem::take(&mut *wrapped))
    }

    /// Unwraps a key.
    ///
    /// # Errors
    /// What `C_UnwrapKey` returned.
    pub fn unwrap(
        &self,
        mechanism: &Mechanism,
        unwrapping: Object,
        wrapped: &[u8],
        template: &[Attribute],
    ) -> Outcome<Object> {
        let mut rows = Template::new(template);
        let mut object = 0;
        mechanism.with(|mechanism| {
            call!(
                self,
                C_UnwrapKey(
                    self.handle,
                    mechanism,
                    unwrapping.0,
                    wrapped.as_ptr().cast_mut(),
                    wrapped.len() as CK_ULONG,
                    rows.pointer(),
                    rows.length(),
                    &raw mut object
                )
            )
        })?;
        Ok(self.note(template, object))
    }

    /// Enciphers.
    ///
    /// # Errors
    /// What `C_EncryptInit` or `C_Encrypt` returned.
    pub fn encrypt(&self, mechanism: &Mechanism, key: Object, data: &[u8]) -> Outcome<Vec<u8>> {
        mechanism.with(|m| call!(self, C_EncryptInit(self.handle, m, key.0)))?;
        let (data_at, data_length) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        let mut out = answer("C_Encrypt", data.len() + 64, &mut |room, length| {
            call!(
                self,
                C_Encrypt(self.handle, data_at, data_length, room, length)
            )
        })?;
        Ok(std::mem::take(&mut *out))
    }

    /// Deciphers.
    ///
    /// # Errors
    /// What `C_DecryptInit` or `C_Decrypt` returned.
    pub fn decrypt(
        &self,
        mechanism: &Mechanism,
        key: Object,
        data: &[u8],
    ) -> Outcome<Zeroizing<Vec<u8>>> {
        mechanism.with(|m| call!(self, C_DecryptInit(self.handle, m, key.0)))?;
        let (data_at, data_length) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        answer("C_Decrypt", data.len() + 64, &mut |room, length| {
            call!(
                self,
                C_Decrypt(self.handle, data_at, data_length, room, length)
            )
        })
    }

    /// Signs, or makes a MAC.
    ///
    /// # Errors
    /// What `C_SignInit` or `C_Sign` returned.
    pub fn sign(
        &self,
        mechanism: &Mechanism,
        key: Object,
        data: &[u8],
    ) -> Outcome<Zeroizing<Vec<u8>>> {
        mechanism.with(|m| call!(self, C_SignInit(self.handle, m, key.0)))?;
        let (data_at, data_length) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        answer("C_Sign", 1_024, &mut |room, length| {
            call!(
                self,
                C_Sign(self.handle, data_at, data_length, room, length)
            )
        })
    }

    /// Random octets.
    ///
    /// # Errors
    /// What `C_GenerateRandom` returned.
    pub fn random(&self, octets: &mut [u8]) -> Outcome<()> {
        let length = octets.len() as CK_ULONG;
        call!(
            self,
            C_GenerateRandom(self.handle, octets.as_mut_ptr(), length)
        )
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Zero is no session; one that the token has closed already says so, which is fine.
        if self.handle != 0 {
            let _ = call!(self, C_CloseSession(self.handle));
        }
    }
}

fn nonsense(function: &'static str, what: &'static str) -> Failure {
    Failure {
        function,
        value: Value::Nonsense(what),
    }
}

/// Lets a call fill a buffer and cuts it to the length that the call tells.
fn answer(function: &'static str, octets: usize, step: Step<'_>) -> Outcome<Zeroizing<Vec<u8>>> {
    let mut room = Zeroizing::new(vec![0u8; octets.min(ANSWER_OCTETS_MAX + 64)]);
    let mut length = room.len() as CK_ULONG;
    step(room.as_mut_ptr(), &raw mut length)?;
    let length = usize::try_from(length).ok().filter(|n| *n <= room.len());
    let length = length.ok_or_else(|| nonsense(function, "an answer longer than its buffer"))?;
    room.truncate(length);
    Ok(room)
}
