//! Tokens for tests: SoftHSM and NSS's softoken in folders of their own, and opencryptoki's soft token.
//!
//! A PKCS#11 module is initialised once for a process and reads its settings from the environment.
//! So each test runs again in a process of its own, whose environment is made here.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cardwright_pkcs11::settings::TokenName;
use cardwright_pkcs11::{HostMemory, Pin, Pkcs11Hsm, Relogin, Settings};
use cardwright_pkcs11_raw::{Module, Session};
use cardwright_ports::HsmError;
use cardwright_ports::hsm::{KeyRequest, KeyUse};

pub const PAN: &str = "4761739001010119";
pub const DOUBLE: &str = "0123456789ABCDEFFEDCBA9876543210";
const GROUND: &str = "CARDWRIGHT_PKCS11_GROUND";
const PIN: &str = "48151623";

/// Where a test stands.
pub struct Ground {
    pub module: PathBuf,
    /// What the module is told when it starts.
    pub parameters: Option<String>,
    pub tokens: Vec<String>,
    pub folder: PathBuf,
    pub pin: String,
}

fn library(names: &[&str], package: &str) -> PathBuf {
    let found = names.iter().map(Path::new).find(|p| p.exists());
    match found {
        Some(path) => path.to_owned(),
        None => panic!("this test needs the package {package}: apt-get install {package}"),
    }
}

pub fn soft_hsm_module() -> PathBuf {
    library(
        &[
            "/usr/lib/softhsm/libsofthsm2.so",
            "/usr/lib64/pkcs11/libsofthsm2.so",
            "/usr/local/lib/softhsm/libsofthsm2.so",
        ],
        "softhsm2",
    )
}

/// The module that fails by plan; it was built with the tests.
pub fn faults_module() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().unwrap();
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("libcardwright_pkcs11_faults")
                && (name.ends_with(".so") || name.ends_with(".dylib"))
        })
        .collect();
    found.sort_by_key(|path| path.metadata().and_then(|m| m.modified()).ok());
    found.pop().expect("cargo builds it with the tests")
}

/// Runs a test with fresh SoftHSM tokens behind the module that fails by plan.
pub fn with_faults(test: &str, tokens: usize, body: impl FnOnce(&Ground)) {
    let plan = tempfile::NamedTempFile::new().unwrap();
    let (module, real) = (faults_module(), soft_hsm_module());
    let environment = [
        ("CARDWRIGHT_FAULTS_MODULE", real.as_path()),
        ("CARDWRIGHT_FAULTS_PLAN", plan.path()),
    ];
    with_soft_hsm_and(test, tokens, &environment, |ground| {
        body(&Ground {
            module,
            parameters: None,
            tokens: ground.tokens.clone(),
            folder: ground.folder.clone(),
            pin: ground.pin.clone(),
        });
    });
}

/// Changes the plan of faults; the count of calls begins anew, also for the same plan.
pub fn plan(faults: &str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::var_os("CARDWRIGHT_FAULTS_PLAN").unwrap();
    let text = match faults {
        "" => String::new(),
        faults => format!("# {number}\n{faults}\n"),
    };
    std::fs::write(path, text).unwrap();
}

fn child(test: &str, environment: &[(&str, &Path)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]);
    for (name, value) in environment {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{test} in its own process: {}\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    // Seen with --nocapture only.
    print!("{text}");
}

/// Runs a test with fresh SoftHSM tokens.
pub fn with_soft_hsm(test: &str, tokens: usize, body: impl FnOnce(&Ground)) {
    with_soft_hsm_and(test, tokens, &[], body);
}

/// The same with more variables in the environment.
pub fn with_soft_hsm_and(
    test: &str,
    tokens: usize,
    more: &[(&str, &Path)],
    body: impl FnOnce(&Ground),
) {
    let labels: Vec<String> = (1..=tokens).map(|n| format!("token {n}")).collect();
    if let Some(folder) = std::env::var_os(GROUND) {
        body(&Ground {
            module: soft_hsm_module(),
            parameters: None,
            tokens: labels,
            folder: folder.into(),
            pin: PIN.to_owned(),
        });
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tokens");
    std::fs::create_dir(&store).unwrap();
    let settings = folder.path().join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        store.display()
    );
    std::fs::write(&settings, text).unwrap();
    soft_hsm_module();
    for label in &labels {
        let status = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", label])
            .args(["--so-pin", "12345678", "--pin", PIN])
            .env("SOFTHSM2_CONF", &settings)
            .output()
            .unwrap_or_else(|e| panic!("this test needs the package softhsm2: {e}"));
        assert!(status.status.success(), "{status:?}");
    }
    let mut environment = vec![
        ("SOFTHSM2_CONF", settings.as_path()),
        (GROUND, folder.path()),
    ];
    environment.extend_from_slice(more);
    child(test, &environment);
}

/// Runs a command of opencryptoki that must succeed.
fn ask(program: &str, arguments: &[&str], text: &str) {
    if let Err(said) = tell(program, arguments, text) {
        panic!("{program} {arguments:?}: {said}");
    }
}

/// Runs a command of opencryptoki, with text for its question.
fn tell(program: &str, arguments: &[&str], text: &str) -> Result<(), String> {
    use std::io::Write;
    use std::process::Stdio;
    let mut command = Command::new(program);
    command.args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = command
        .spawn()
        .unwrap_or_else(|e| panic!("this test needs the package opencryptoki ({program}): {e}"));
    let _ = running.stdin.take().unwrap().write_all(text.as_bytes());
    let output = running.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stdout).into_owned()),
    }
}

/// Destroys all objects of a token.
fn empty(module: &Path, label: &str, pin: &[u8]) {
    let module = cardwright_pkcs11_raw::Module::load(module).unwrap();
    let tokens = module.tokens().unwrap();
    let token = tokens.iter().find(|t| t.label == label).unwrap();
    let session = cardwright_pkcs11_raw::Session::open(&module, token.slot).unwrap();
    session.log_in(pin).unwrap();
    loop {
        let found = session.find(&[], 100).unwrap();
        if found.is_empty() {
            return;
        }
        for object in found {
            session.destroy(object).unwrap();
        }
    }
}

/// Runs a test with opencryptoki's soft token, emptied before. There is one on a machine: tests that
/// use it wait for each other.
pub fn with_opencryptoki(test: &str, body: impl FnOnce(&Ground)) {
    let module = library(
        &[
            "/usr/lib/x86_64-linux-gnu/pkcs11/libopencryptoki.so",
            "/usr/lib/aarch64-linux-gnu/pkcs11/libopencryptoki.so",
            "/usr/lib/pkcs11/libopencryptoki.so",
            "/usr/lib64/pkcs11/libopencryptoki.so",
        ],
        "opencryptoki",
    );
    if let Some(folder) = std::env::var_os(GROUND) {
        empty(&module, "cardwright", b"481516");
        body(&Ground {
            module,
            parameters: None,
            tokens: vec!["cardwright".to_owned()],
            folder: folder.into(),
            pin: "481516".to_owned(),
        });
        return;
    }
    let lock = std::env::temp_dir().join("cardwright-opencryptoki.lock");
    let lock = std::fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    let answers = Command::new("pkcsconf").arg("-i").output();
    if !answers.is_ok_and(|o| o.status.success()) {
        // The daemon of its slots goes into the background by itself.
        ask("pkcsslotd", &[], "");
    }
    // Initialised once on a machine: opencryptoki 3.8 can't be initialised anew under a changed PIN. The
    // documented first PIN of the security officer is changed before the user's is set.
    let state = Command::new("pkcsconf").args(["-t", "-c", "3"]).output();
    let state = state.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    if !state.is_ok_and(|s| s.contains("cardwright") && s.contains("|USER_PIN_INITIALIZED|")) {
        let begin = ["-I", "-c", "3", "-S", "87654321"];
        let first = ["-P", "-c", "3", "-S", "87654321", "-n", "76543210"];
        let user = ["-u", "-c", "3", "-S", "76543210", "-n", "481516"];
        ask("pkcsconf", &begin, "cardwright\n");
        ask("pkcsconf", &first, "");
        ask("pkcsconf", &user, "");
    }
    let folder = tempfile::tempdir().unwrap();
    child(test, &[(GROUND, folder.path())]);
}

/// Where the system keeps NSS's softoken.
pub fn nss_module() -> PathBuf {
    library(
        &[
            "/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
            "/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so",
            "/usr/lib/aarch64-linux-gnu/libsoftokn3.so",
            "/usr/lib/aarch64-linux-gnu/nss/libsoftokn3.so",
            "/usr/lib64/libsoftokn3.so",
        ],
        "libnss3",
    )
}

/// Runs a test with a fresh database of NSS's softoken. One process opens one database.
pub fn with_nss(test: &str, body: impl FnOnce(&Ground)) {
    with_nss_and(test, &[], body);
}

/// The same behind the module that fails by plan.
pub fn with_nss_faults(test: &str, body: impl FnOnce(&Ground)) {
    let plan = tempfile::NamedTempFile::new().unwrap();
    let (module, real) = (faults_module(), nss_module());
    let environment = [
        ("CARDWRIGHT_FAULTS_MODULE", real.as_path()),
        ("CARDWRIGHT_FAULTS_PLAN", plan.path()),
    ];
    with_nss_and(test, &environment, |ground| {
        body(&Ground {
            module,
            parameters: ground.parameters.clone(),
            tokens: ground.tokens.clone(),
            folder: ground.folder.clone(),
            pin: ground.pin.clone(),
        });
    });
}

fn with_nss_and(test: &str, more: &[(&str, &Path)], body: impl FnOnce(&Ground)) {
    let module = nss_module();
    if let Some(folder) = std::env::var_os(GROUND) {
        let folder = PathBuf::from(folder);
        let database = folder.join("nss");
        body(&Ground {
            module,
            parameters: Some(format!(
                "configdir='sql:{}' certPrefix='' keyPrefix='' secmod='' flags=noModDB \
                 dbTokenDescription='token 1'",
                database.display()
            )),
            tokens: vec!["token 1".to_owned()],
            folder,
            pin: PIN.to_owned(),
        });
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (database, pin) = (folder.path().join("nss"), folder.path().join("pin"));
    std::fs::create_dir(&database).unwrap();
    std::fs::write(&pin, format!("{PIN}\n")).unwrap();
    let made = Command::new("certutil")
        .arg("-N")
        .args(["-d", &format!("sql:{}", database.display())])
        .arg("-f")
        .arg(&pin)
        .output()
        .unwrap_or_else(|e| {
            panic!("this test needs the package libnss3-tools: apt-get install libnss3-tools: {e}")
        });
    assert!(made.status.success(), "{made:?}");
    let mut environment = vec![(GROUND, folder.path())];
    environment.extend_from_slice(more);
    child(test, &environment);
}

impl Ground {
    /// The module, loaded as the driver loads it.
    pub fn load(&self) -> std::sync::Arc<Module> {
        Module::load_with(&self.module, self.parameters.as_deref()).unwrap()
    }

    /// Settings for its tokens: host memory allowed, TEST keys.
    pub fn settings(&self) -> Settings {
        let tokens = self.tokens.iter().cloned().map(TokenName::Label).collect();
        let pin = Pin::new(self.pin.clone().into_bytes()).unwrap();
        let mut settings = Settings::new(self.module.clone(), tokens, pin);
        settings.parameters.clone_from(&self.parameters);
        settings.host_memory = HostMemory::Allowed;
        settings.relogin = Relogin::Always;
        settings.test_only = true;
        settings.deadline = Duration::from_secs(60);
        settings
    }

    pub fn open(&self) -> Pkcs11Hsm {
        Pkcs11Hsm::open(self.settings()).unwrap()
    }

    /// Opened, with the driver's own keys.
    pub fn prepared(&self) -> Pkcs11Hsm {
        let hsm = self.open();
        hsm.prepare().unwrap();
        hsm
    }
}

pub fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

pub fn request(name: &str, algorithm: &str, usage: KeyUse) -> KeyRequest {
    KeyRequest {
        name: name.to_owned(),
        algorithm: algorithm.to_owned(),
        bits: 0,
        exponent: 0,
        usage,
    }
}

pub fn rsa_request(name: &str, bits: u32, exponent: u32, usage: KeyUse) -> KeyRequest {
    KeyRequest {
        bits,
        exponent,
        ..request(name, "rsa", usage)
    }
}

pub fn code<T>(result: Result<T, HsmError>) -> &'static str {
    match result {
        Ok(_) => "accepted",
        Err(e) => e.code,
    }
}

/// The slot of a token of the ground.
pub fn slot(ground: &Ground, place: usize) -> u64 {
    let module = ground.load();
    let tokens = module.tokens().unwrap();
    let label = &ground.tokens[place];
    tokens.iter().find(|t| t.label == *label).unwrap().slot
}

/// A session with a token of the ground, past the driver.
pub fn raw(ground: &Ground, place: usize) -> Session {
    let module = ground.load();
    let session = Session::open(&module, slot(ground, place)).unwrap();
    session.log_in(ground.pin.as_bytes()).unwrap();
    session
}
