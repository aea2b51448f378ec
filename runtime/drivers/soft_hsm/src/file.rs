//! The HSM's own file: root secret and keys, enciphered; for TEST keys only, as its first line says.
//!
//! Version 1 had them in clear; such a file is read once and written anew.
//!
//! Written whole into a neighbour, synchronized, renamed over the old one, the folder
//! synchronized: after a power cut either the old or the new file is there. Mode 0600.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use cardwright_ports::custody::Exportability;
use cardwright_ports::hsm::KeyUse;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::entropy::{ROOT_OCTETS, Root};
use crate::error::{self, Refused};
use crate::keys::{KEYS_MAX, Key, Material, Ring, rsa_from_primes, use_name};
use crate::protection::{FIRST_LINE, Protection, Unlock};

/// Version of the content, which was the whole file once.
const VERSION: u32 = 1;
/// A thousand RSA keys fit.
const FILE_OCTETS_MAX: u64 = 5 << 20;
const NAME_OCTETS_MAX: usize = 256;

/// What is in the file.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    root: String,
    #[serde(default, rename = "key", skip_serializing_if = "Vec::is_empty")]
    keys: Vec<StoredKey>,
}

/// One key: `value` for a symmetric one and the scalar of P-256, `p`, `q` and `exponent` for RSA.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    name: String,
    algorithm: String,
    r#use: String,
    /// Empty when it never leaves.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    exportability: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    value: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    p: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    q: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    exponent: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The file's place, and what keeps it shut.
pub(crate) struct Kept {
    path: PathBuf,
    protection: Protection,
}

/// Reads the file; one of version 1 is written anew as it should be.
pub(crate) fn read(path: &Path, unlock: &Unlock) -> Result<(Root, Ring, Kept), Refused> {
    let text = text_of(path)?;
    let path = path.to_owned();
    if text.starts_with(FIRST_LINE) {
        let (protection, content) = Protection::open(&text, unlock)?;
        let (root, ring) = parse(&content)?;
        return Ok((root, ring, Kept { path, protection }));
    }
    let (root, ring) = parse(&text)?;
    let kept = Kept {
        path,
        protection: Protection::new(unlock)?,
    };
    replace(&kept, &root, &ring)?;
    Ok((root, ring, kept))
}

/// Keeps other processes from writing until the guard is dropped. The folder is locked, so that no
/// file is left behind.
pub(crate) fn locked(kept: &Kept) -> Result<File, Refused> {
    let folder = File::open(folder_of(&kept.path)).map_err(write_failed)?;
    folder.lock().map_err(write_failed)?;
    Ok(folder)
}

/// What tells one writing of the file from another: every writing makes a new one.
pub(crate) fn stamp(kept: &Kept) -> Option<(std::time::SystemTime, u64, u64)> {
    let metadata = std::fs::metadata(&kept.path).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let number = 0;
    Some((metadata.modified().ok()?, metadata.len(), number))
}

/// The keys that the file has now; another process may have written it.
pub(crate) fn read_again(kept: &Kept) -> Result<Ring, Refused> {
    let text = text_of(&kept.path)?;
    let content = kept.protection.again(&text)?;
    parse(&content).map(|(_, ring)| ring)
}

fn text_of(path: &Path) -> Result<Zeroizing<String>, Refused> {
    let failed = |e: std::io::Error| error::KEY_FILE.found(format!("reading it failed: {e}"));
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    check_mode(&metadata)?;
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_OCTETS_MAX + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > FILE_OCTETS_MAX {
        return Err(error::KEY_FILE.found("it is longer than any key file"));
    }
    Ok(text)
}

#[cfg(unix)]
pub(crate) fn check_mode(metadata: &std::fs::Metadata) -> Result<(), Refused> {
    use std::os::unix::fs::MetadataExt;
    if metadata.mode() & 0o077 != 0 {
        return Err(error::KEY_FILE.found("others than its owner may read it; chmod 600 mends it"));
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn check_mode(_: &std::fs::Metadata) -> Result<(), Refused> {
    Ok(())
}

fn parse(text: &str) -> Result<(Root, Ring), Refused> {
    // The parser's message could quote the line with a key: it is left out.
    let content: Content =
        toml::from_str(text).map_err(|_| error::KEY_FILE.found("it is damaged"))?;
    if content.version != VERSION {
        return Err(error::KEY_FILE.found(format!(
            "it has version {}, this program reads {VERSION}",
            content.version
        )));
    }
    if content.keys.len() > KEYS_MAX {
        return Err(error::KEY_FILE.found(format!("it has more than {KEYS_MAX} keys")));
    }
    let root = octets(&content.root, "root")?;
    let root: [u8; ROOT_OCTETS] = root
        .as_slice()
        .try_into()
        .map_err(|_| error::KEY_FILE.found("its root has another length"))?;
    let mut ring = Ring::default();
    for stored in &content.keys {
        ring.add(stored.key()?)?;
    }
    Ok((Root::new(root), ring))
}

impl StoredKey {
    fn key(&self) -> Result<Key, Refused> {
        if self.name.is_empty() || self.name.len() > NAME_OCTETS_MAX {
            return Err(error::KEY_FILE.found("a key has no name or one that is too long"));
        }
        let usage = KeyUse::from_name(&self.r#use)
            .ok_or_else(|| error::KEY_FILE.found(format!("key {}: unknown use", self.name)))?;
        let material = if self.algorithm == "rsa" {
            let (p, q) = (octets(&self.p, &self.name)?, octets(&self.q, &self.name)?);
            Material::Rsa(rsa_from_primes(&p, &q, self.exponent)?)
        } else if self.algorithm == "p256" {
            let scalar = p256::SecretKey::from_slice(&octets(&self.value, &self.name)?);
            Material::P256(scalar.map_err(|_| {
                error::KEY_FILE.found(format!("key {}: no scalar of P-256", self.name))
            })?)
        } else {
            Material::symmetric(&self.algorithm, &octets(&self.value, &self.name)?)?
        };
        let exportability = self.exportability()?;
        Ok(Key::new(
            &self.name,
            &self.algorithm,
            usage,
            exportability,
            material,
        ))
    }

    fn exportability(&self) -> Result<Exportability, Refused> {
        if self.exportability.is_empty() {
            return Ok(Exportability::NonExportable);
        }
        Exportability::ALL
            .iter()
            .find(|(_, _, word)| *word == self.exportability)
            .map(|(exportability, ..)| *exportability)
            .ok_or_else(|| {
                error::KEY_FILE.found(format!("key {}: unknown exportability", self.name))
            })
    }

    fn of(key: &Key) -> Self {
        let mut stored = Self {
            name: key.name.clone(),
            algorithm: key.algorithm.clone(),
            r#use: use_name(key.usage).to_owned(),
            exportability: Exportability::ALL
                .iter()
                .find(|(e, ..)| *e == key.exportability && *e != Exportability::NonExportable)
                .map_or("", |(_, _, word)| word)
                .to_owned(),
            value: String::new(),
            p: String::new(),
            q: String::new(),
            exponent: 0,
        };
        match &key.material {
            Material::Tdes(value, _) | Material::Aes(value, _) => {
                stored.value = hex::encode_upper(value.expose());
            }
            Material::Rsa(rsa) => {
                stored.p = hex::encode_upper(rsa.p());
                stored.q = hex::encode_upper(rsa.q());
                stored.exponent = rsa.exponent();
            }
            Material::P256(key) => {
                let scalar = Zeroizing::new(key.to_bytes());
                stored.value = hex::encode_upper(*scalar);
            }
        }
        stored
    }
}

fn octets(text: &str, name: &str) -> Result<Zeroizing<Vec<u8>>, Refused> {
    hex::decode(text)
        .map(Zeroizing::new)
        .map_err(|_| error::KEY_FILE.found(format!("{name}: no hexadecimal value")))
}

/// Writes a new file; one that is there already is not touched.
pub(crate) fn create(
    path: &Path,
    unlock: &Unlock,
    root: &Root,
    ring: &Ring,
) -> Result<Kept, Refused> {
    if path.exists() {
        return Err(error::KEY_FILE.found("there is one already"));
    }
    let kept = Kept {
        path: path.to_owned(),
        protection: Protection::new(unlock)?,
    };
    let neighbour = write_neighbour(&kept, root, ring, None)?;
    // A link fails where a rename would overwrite.
    let linked = std::fs::hard_link(&neighbour, path);
    let removed = std::fs::remove_file(&neighbour);
    linked
        .and(removed)
        .and_then(|()| sync_folder(path))
        .map_err(write_failed)?;
    Ok(kept)
}

/// Writes the file anew.
pub(crate) fn replace(kept: &Kept, root: &Root, ring: &Ring) -> Result<(), Refused> {
    renamed(kept, &write_neighbour(kept, root, ring, None)?)
}

/// Writes the file anew without one key.
pub(crate) fn replace_without(
    kept: &Kept,
    root: &Root,
    ring: &Ring,
    label: &str,
) -> Result<(), Refused> {
    renamed(kept, &write_neighbour(kept, root, ring, Some(label))?)
}

fn renamed(kept: &Kept, neighbour: &Path) -> Result<(), Refused> {
    std::fs::rename(neighbour, &kept.path)
        .and_then(|()| sync_folder(&kept.path))
        .map_err(write_failed)
}

fn write_failed(e: std::io::Error) -> Refused {
    error::KEY_FILE.found(format!("writing it failed: {e}"))
}

fn write_neighbour(
    file: &Kept,
    root: &Root,
    ring: &Ring,
    without: Option<&str>,
) -> Result<PathBuf, Refused> {
    let kept = |key: &&std::sync::Arc<Key>| Some(key.name.as_str()) != without;
    let content = Content {
        version: VERSION,
        root: hex::encode_upper(root.expose()),
        keys: ring.iter().filter(kept).map(|k| StoredKey::of(k)).collect(),
    };
    let text = toml::to_string(&content)
        .map(Zeroizing::new)
        .map_err(|_| error::KEY_FILE.found("its content can't be written as TOML"))?;
    let text = file.protection.seal(&text)?;
    // Two processes must not write into one neighbour.
    let neighbour = file
        .path
        .with_extension(format!("{}.new", std::process::id()));
    let _ = std::fs::remove_file(&neighbour);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&neighbour).map_err(write_failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(write_failed)?;
    Ok(neighbour)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}
