//! Makes a table of the pages of the E codes, `docs/errors/E….md`, for `cardwright explain`.

use std::fmt::Write as _;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let folder = here.join("../../docs/errors");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if name.starts_with('E') && path.extension().is_some_and(|e| e == "md") {
            pages.push((name.into_owned(), path.canonicalize()?));
        }
    }
    pages.sort();
    let mut table = String::from("static PAGES: &[(&str, &str)] = &[\n");
    for (code, path) in pages {
        println!("cargo::rerun-if-changed={}", path.display());
        let path = path.display().to_string();
        writeln!(table, "    ({code:?}, include_str!({path:?})),")?;
    }
    table.push_str("];\n");
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("pages.rs");
    std::fs::write(out, table)?;
    Ok(())
}
