//! Files of the disk that were read before: one is read again when its length or time says that it
//! is another.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Largest file that is kept, octets: sources, keys, tables.
const MOST: usize = 1 << 20;
/// A file that was written so shortly before it was read may have been written again at the same
/// time, as far as the disk's clock can tell; it is read anew.
const FRESH: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Seen {
    length: u64,
    written: SystemTime,
    octets: Vec<u8>,
    /// The check in which it was last asked for.
    asked: u32,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    seen: Mutex<HashMap<PathBuf, Seen>>,
    check: u32,
}

impl Disk {
    /// Begins a check.
    pub(crate) fn begin(&mut self) {
        self.check = self.check.wrapping_add(1);
    }

    /// Drops what the check did not ask for.
    pub(crate) fn forget_others(&mut self) {
        let check = self.check;
        let seen = self.seen.get_mut().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, file| file.asked == check);
    }

    /// A file, read if it is not known as it is now.
    pub(crate) fn read(
        &self,
        path: &Path,
        metadata: &Metadata,
        read: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> io::Result<Vec<u8>> {
        let Ok(written) = metadata.modified() else {
            return read();
        };
        let length = metadata.len();
        if let Some(file) = self.lock().get_mut(path)
            && file.length == length
            && file.written == written
        {
            file.asked = self.check;
            return Ok(file.octets.clone());
        }
        let now = SystemTime::now();
        let octets = read()?;
        let settled = now.duration_since(written).is_ok_and(|age| age >= FRESH);
        if settled && octets.len() <= MOST && u64::try_from(octets.len()) == Ok(length) {
            let file = Seen {
                length,
                written,
                octets: octets.clone(),
                asked: self.check,
            };
            self.lock().insert(path.to_path_buf(), file);
        }
        Ok(octets)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
