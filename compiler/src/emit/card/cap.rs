//! Load files as they come: `.cap` archives, or components one after another.

use cardwright_standards::globalplatform::load_file::{
    self, COMPONENT_FILES, LOAD_FILE_OCTETS_MAX, LoadFile,
};
use std::io::{Cursor, Read};

/// First octets of a ZIP archive.
const ARCHIVE: &[u8] = b"PK\x03\x04";
/// Most files of an archive.
const FILES_MAX: usize = 256;

/// Reads a load file in either form.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read(octets: &[u8]) -> Result<LoadFile, String> {
    let components;
    let octets = match octets.starts_with(ARCHIVE) {
        true => {
            components = unpack(octets)?;
            &components
        }
        false => octets,
    };
    load_file::arrange(octets).map_err(|e| e.to_string())
}

/// The components of an archive: files `…/javacard/Header.cap` and so on. What they unpack to is
/// bounded.
fn unpack(octets: &[u8]) -> Result<Vec<u8>, String> {
    let broken = |_| "its archive can't be read".to_owned();
    let mut archive = zip::ZipArchive::new(Cursor::new(octets)).map_err(broken)?;
    if archive.len() > FILES_MAX {
        return Err(format!("its archive has more than {FILES_MAX} files"));
    }
    let mut components = Vec::new();
    let mut packages: Option<String> = None;
    for at in 0..archive.len() {
        let file = archive.by_index(at).map_err(broken)?;
        let path = file.name().map_err(broken)?.into_owned();
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let known = |(file, tag): &(&str, u8)| *file == name && !matches!(tag, 11 | 12);
        if !COMPONENT_FILES.iter().any(known) {
            continue;
        }
        if packages.get_or_insert_with(|| folder.to_owned()) != folder {
            return Err("its archive holds the components of several packages".to_owned());
        }
        let room = (LOAD_FILE_OCTETS_MAX + 1).saturating_sub(components.len());
        let room = u64::try_from(room).unwrap_or(0);
        let mut limited = file.take(room);
        limited
            .read_to_end(&mut components)
            .map_err(|_| format!("`{name}` in its archive can't be unpacked"))?;
        if components.len() > LOAD_FILE_OCTETS_MAX {
            return Err(load_file::LoadFileError::TooLong.to_string());
        }
    }
    Ok(components)
}
