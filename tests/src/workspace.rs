//! The workspace's own files, as text.

use std::path::{Path, PathBuf};

/// The workspace's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("the tests stand in the workspace")
        .to_path_buf()
}

/// A file of the workspace, as text; octets of hostile cases that are no text are replaced.
pub fn read(path: &str) -> String {
    let octets = std::fs::read(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    String::from_utf8_lossy(&octets).into_owned()
}

/// Paths of all files below the root that end so, with forward slashes, sorted; build results and
/// hidden folders left out.
pub fn files(ending: &str) -> Vec<String> {
    files_below("", ending)
}

/// As [`files`], below one folder of the workspace.
pub fn files_below(folder: &str, ending: &str) -> Vec<String> {
    let root = root();
    let mut found = Vec::new();
    collect(&root.join(folder), &mut |path| {
        let inside = path.strip_prefix(&root).expect("below the root");
        let inside = inside.to_string_lossy().replace('\\', "/");
        if inside.ends_with(ending) {
            found.push(inside);
        }
    });
    found.sort();
    found
}

/// Visits every file below a folder, in no order; build results and hidden folders left out.
pub fn collect(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                collect(&path, visit);
            }
        } else {
            visit(&path);
        }
    }
}

/// Visits every file below a folder, in no order, hidden ones too.
pub fn collect_all(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect_all(&path, visit);
        } else {
            visit(&path);
        }
    }
}
