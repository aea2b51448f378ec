//! Makes a table of the standard packages: every file below `profiles/` and `layouts/`, sorted.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let root = here.parent().ok_or("the compiler has no parent folder")?;
    let mut paths = Vec::new();
    for folder in ["profiles", "layouts"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        collect(&root.join(folder), &mut paths)?;
    }
    paths.sort();
    let mut table = String::from("static STANDARD: &[StandardFile] = &[\n");
    for path in paths {
        println!("cargo::rerun-if-changed={}", path.display());
        let inside = path
            .strip_prefix(root)?
            .to_string_lossy()
            .replace('\\', "/");
        writeln!(
            table,
            "    StandardFile {{ path: {inside:?}, bytes: include_bytes!({:?}) }},",
            path.display().to_string()
        )?;
    }
    table.push_str("];\n");
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("standard.rs");
    std::fs::write(out, table)?;
    Ok(())
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Box<dyn std::error::Error>> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
