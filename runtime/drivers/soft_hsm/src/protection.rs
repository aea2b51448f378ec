//! What keeps the key file shut: AES-256-GCM under a key from a passphrase or from a key file that
//! stands in another folder. The whole text before the ciphertext is authenticated with it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use cardwright_ports::SecretBytes;
use zeroize::Zeroizing;

use crate::entropy::KeyedHash;
use crate::error::{self, Refused};
use crate::gcm::{Gcm, NONCE_OCTETS, TAG_OCTETS};

/// The first line of a protected file.
pub(crate) const FIRST_LINE: &str = "# TEST KEYS ONLY, enciphered with AES-256-GCM. What opens \
                                     them stands elsewhere. Never put a live key here.\n";
/// The first line of a key file.
const KEY_LINE: &str =
    "# Opens the soft HSM's file. Keep it apart from that file and its copies.\n";
/// Longest key file.
const KEY_FILE_MAX: u64 = 1_024;
/// Fewest characters of a passphrase.
const PASSPHRASE_MIN: usize = 8;
/// Memory of Argon2id for new files, in KiB, and its passes (RFC 9106, second choice).
const MEMORY_KIB: u32 = 65_536;
const PASSES: u32 = 3;
/// Most that a file may ask for, before it is known to be authentic.
const MEMORY_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 16;

/// What a site has to open its key file with.
pub struct Unlock {
    passphrase: Option<SecretBytes>,
    key_file: PathBuf,
}

impl Unlock {
    /// A key file in another folder than the HSM's; made when a new HSM finds none.
    pub fn key_file(path: impl Into<PathBuf>) -> Self {
        Self {
            passphrase: None,
            key_file: path.into(),
        }
    }

    /// A passphrase for new files; files that a key file protects still open with it.
    #[must_use]
    pub fn with_passphrase(self, passphrase: SecretBytes) -> Self {
        Self {
            passphrase: Some(passphrase),
            ..self
        }
    }
}

/// How the file's key is made.
#[derive(Clone, Copy)]
enum Method {
    KeyFile,
    Passphrase { memory_kib: u32, passes: u32 },
}

/// A file's key with what its header says of it.
pub(crate) struct Protection {
    method: Method,
    salt: [u8; 16],
    key: Zeroizing<[u8; 32]>,
}

fn damaged() -> Refused {
    error::KEY_FILE.found("it is damaged")
}

fn random<const N: usize>() -> Result<[u8; N], Refused> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)
        .map_err(|e| error::RANDOMNESS.found(format!("the operating system says: {e}")))?;
    Ok(octets)
}

impl Protection {
    /// For a new file: the passphrase if there is one, else the key file, which is made when it is
    /// not there.
    pub(crate) fn new(unlock: &Unlock) -> Result<Self, Refused> {
        let method = match &unlock.passphrase {
            Some(passphrase) if passphrase.expose().len() < PASSPHRASE_MIN => {
                return Err(error::KEY_FILE.found("a passphrase of fewer than 8 characters"));
            }
            Some(_) => Method::Passphrase {
                memory_kib: MEMORY_KIB,
                passes: PASSES,
            },
            None => {
                if !unlock.key_file.exists() {
                    make_key_file(&unlock.key_file)?;
                }
                Method::KeyFile
            }
        };
        Self::of(method, random()?, unlock)
    }

    fn of(method: Method, salt: [u8; 16], unlock: &Unlock) -> Result<Self, Refused> {
        let key = match (method, &unlock.passphrase) {
            (Method::KeyFile, _) => {
                let secret = read_key_file(&unlock.key_file)?;
                Zeroizing::new(KeyedHash::new(&secret).over(&[b"soft HSM file", &salt]))
            }
            (Method::Passphrase { memory_kib, passes }, Some(passphrase)) => {
                let wrong = |_| error::KEY_FILE.found("its parameters for Argon2 can't be");
                let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(wrong)?;
                let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let mut key = Zeroizing::new([0; 32]);
                argon
                    .hash_password_into(passphrase.expose(), &salt, key.as_mut_slice())
                    .map_err(wrong)?;
                key
            }
            (Method::Passphrase { .. }, None) => {
                return Err(error::KEY_FILE.found(
                    "it opens with a passphrase: set CARDSTATION_HSM_PASSPHRASE or \
                     CARDSTATION_HSM_PASSPHRASE_FILE",
                ));
            }
        };
        Ok(Self { method, salt, key })
    }

    /// The file's text for some content.
    pub(crate) fn seal(&self, content: &str) -> Result<String, Refused> {
        let nonce: [u8; NONCE_OCTETS] = random()?;
        let mut text = self.header(&nonce);
        let mut octets = content.as_bytes().to_vec();
        let tag = Gcm::new(&self.key).encrypt(&nonce, text.as_bytes(), &mut octets);
        octets.extend_from_slice(&tag);
        text.push_str(&hex::encode_upper(&octets));
        text.push_str("\"\n");
        Ok(text)
    }

    /// All that stands before the ciphertext; authenticated as it stands.
    fn header(&self, nonce: &[u8; NONCE_OCTETS]) -> String {
        let method = match self.method {
            Method::KeyFile => "protection = \"key file\"\n".to_owned(),
            Method::Passphrase { memory_kib, passes } => format!(
                "protection = \"passphrase\"\nmemory_kib = {memory_kib}\npasses = {passes}\n"
            ),
        };
        format!(
            "{FIRST_LINE}version = 2\n{method}salt = \"{}\"\nnonce = \"{}\"\ndata = \"",
            hex::encode_upper(self.salt),
            hex::encode_upper(nonce)
        )
    }

    /// Opens a file's text. Nothing in it may be written otherwise than [`Self::seal`] writes it, so
    /// that no octet can be changed unnoticed.
    pub(crate) fn open(text: &str, unlock: &Unlock) -> Result<(Self, Zeroizing<String>), Refused> {
        let (method, salt, nonce, data) = parts(text)?;
        let protection = Self::of(method, salt, unlock)?;
        let content = protection.opened(&nonce, data)?;
        Ok((protection, content))
    }

    /// Opens the text of the same file again, which another process may have written since.
    pub(crate) fn again(&self, text: &str) -> Result<Zeroizing<String>, Refused> {
        let (_, salt, nonce, data) = parts(text)?;
        if salt != self.salt {
            return Err(error::KEY_FILE.found("another file stands in its place"));
        }
        self.opened(&nonce, data)
    }

    fn opened(&self, nonce: &[u8; NONCE_OCTETS], data: &str) -> Result<Zeroizing<String>, Refused> {
        let mut octets = Zeroizing::new(canonical(data)?);
        let (_, tag) = octets
            .split_last_chunk::<TAG_OCTETS>()
            .ok_or_else(damaged)?;
        let tag = *tag;
        let length = octets.len() - TAG_OCTETS;
        octets.truncate(length);
        let header = self.header(nonce);
        Gcm::new(&self.key)
            .decrypt(nonce, header.as_bytes(), &mut octets, &tag)
            .ok_or_else(|| {
                error::KEY_FILE.found("it was changed, or another key or passphrase protects it")
            })?;
        let content = String::from_utf8(std::mem::take(&mut *octets)).map_err(|_| damaged())?;
        Ok(Zeroizing::new(content))
    }
}

/// The parts of a file's text.
type Parts<'t> = (Method, [u8; 16], [u8; NONCE_OCTETS], &'t str);

fn parts(text: &str) -> Result<Parts<'_>, Refused> {
    let mut lines = Lines { rest: text };
    lines.exact(FIRST_LINE)?;
    lines.exact("version = 2\n")?;
    let method = match lines.value("protection = \"", "\"\n")? {
        "key file" => Method::KeyFile,
        "passphrase" => Method::Passphrase {
            memory_kib: lines.number("memory_kib = ", MEMORY_MAX)?,
            passes: lines.number("passes = ", PASSES_MAX)?,
        },
        _ => return Err(damaged()),
    };
    let salt: [u8; 16] = lines.octets("salt = \"")?;
    let nonce: [u8; NONCE_OCTETS] = lines.octets("nonce = \"")?;
    let data = lines.value("data = \"", "\"\n")?;
    match lines.rest.is_empty() {
        true => Ok((method, salt, nonce, data)),
        false => Err(damaged()),
    }
}

/// A text that is read piece by piece, each as it must stand.
struct Lines<'t> {
    rest: &'t str,
}

impl<'t> Lines<'t> {
    fn exact(&mut self, text: &str) -> Result<(), Refused> {
        self.rest = self.rest.strip_prefix(text).ok_or_else(damaged)?;
        Ok(())
    }

    fn value(&mut self, before: &str, after: &str) -> Result<&'t str, Refused> {
        self.exact(before)?;
        let (value, rest) = self.rest.split_once(after).ok_or_else(damaged)?;
        self.rest = rest;
        Ok(value)
    }

    fn number(&mut self, before: &str, most: u32) -> Result<u32, Refused> {
        let text = self.value(before, "\n")?;
        let number: u32 = text.parse().map_err(|_| damaged())?;
        match number.to_string() == text && (1..=most).contains(&number) {
            true => Ok(number),
            false => Err(damaged()),
        }
    }

    fn octets<const N: usize>(&mut self, before: &str) -> Result<[u8; N], Refused> {
        canonical(self.value(before, "\"\n")?)?
            .try_into()
            .map_err(|_| damaged())
    }
}

/// Octets of hexadecimal text in capitals.
fn canonical(text: &str) -> Result<Vec<u8>, Refused> {
    match text.bytes().any(|o| o.is_ascii_lowercase()) {
        true => Err(damaged()),
        false => hex::decode(text).map_err(|_| damaged()),
    }
}

fn key_file_failed(what: &str) -> Refused {
    error::KEY_FILE.found(format!("the key file that opens it: {what}"))
}

/// A new key file, whole or not at all; mode 0600.
fn make_key_file(path: &Path) -> Result<(), Refused> {
    let failed = |e: std::io::Error| key_file_failed(&format!("writing it failed: {e}"));
    let secret = Zeroizing::new(random::<32>()?);
    let text = Zeroizing::new(format!("{KEY_LINE}{}\n", hex::encode_upper(*secret)));
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let neighbour = path.with_extension(format!("{}.new", std::process::id()));
    let _ = std::fs::remove_file(&neighbour);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&neighbour).map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&neighbour, path))
        .and_then(|()| std::fs::remove_file(&neighbour))
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(failed)
}

fn read_key_file(path: &Path) -> Result<Zeroizing<[u8; 32]>, Refused> {
    let failed = |e: std::io::Error| key_file_failed(&format!("reading it failed: {e}"));
    let file = File::open(path).map_err(failed)?;
    crate::file::check_mode(&file.metadata().map_err(failed)?)?;
    let mut text = Zeroizing::new(String::new());
    file.take(KEY_FILE_MAX)
        .read_to_string(&mut text)
        .map_err(failed)?;
    let digits = text
        .strip_prefix(KEY_LINE)
        .and_then(|t| t.strip_suffix('\n'));
    let octets = digits
        .map(hex::decode)
        .and_then(Result::ok)
        .map(Zeroizing::new);
    let secret = octets.and_then(|o| <[u8; 32]>::try_from(o.as_slice()).ok());
    secret
        .map(Zeroizing::new)
        .ok_or_else(|| key_file_failed("it is damaged"))
}
