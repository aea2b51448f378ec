//! Document identifiers: files of the disk, and texts that the compiler carries itself.

use lsp_types::Uri;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Scheme of texts that are on no disk: sources of the standard packages, pages of codes.
pub(crate) const SCHEME: &str = "cardwright";

/// The path of a `file:` identifier.
pub(crate) fn path_of(uri: &Uri) -> Option<PathBuf> {
    let rest = uri.as_str().strip_prefix("file://")?;
    let path = rest.get(rest.find('/')?..)?;
    let path = decoded(path)?;
    // A drive letter stands behind a slash: `/c:/work`.
    let path = match path.as_bytes() {
        [b'/', letter, b':', ..] if letter.is_ascii_alphabetic() => path.get(1..)?.to_owned(),
        _ => path,
    };
    Some(PathBuf::from(path))
}

/// The identifier of a file.
pub(crate) fn of_path(path: &Path) -> Option<Uri> {
    if !path.is_absolute() {
        // A document that is on no disk: its identifier stands for its path.
        return Uri::from_str(path.to_str()?).ok();
    }
    let text = path.to_string_lossy().replace('\\', "/");
    let slash = if text.starts_with('/') { "" } else { "/" };
    Uri::from_str(&format!("file://{slash}{}", encoded(&text))).ok()
}

/// The identifier of a standard package's source.
pub(crate) fn of_standard(path: &str) -> Option<Uri> {
    Uri::from_str(&format!("{SCHEME}:/std/{}", encoded(path))).ok()
}

/// The identifier of a code's page.
pub(crate) fn of_code(code: &str) -> Option<Uri> {
    Uri::from_str(&format!("{SCHEME}:/codes/{}.md", encoded(code))).ok()
}

/// The text behind an identifier of our own scheme.
pub(crate) fn carried(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix(SCHEME)?.strip_prefix(":/")?;
    let rest = decoded(rest)?;
    if let Some(path) = rest.strip_prefix("std/") {
        let mut all = cardwright_compiler::project::standard_packages();
        return all
            .find(|(known, _)| *known == path)
            .map(|(_, text)| text.to_owned());
    }
    let code = rest.strip_prefix("codes/")?.strip_suffix(".md")?;
    let tables = [
        cardwright_dsl::CODES,
        cardwright_standards::codes::CODES,
        cardwright_compiler::diagnostics::CODES,
        cardwright_compiler::emit::CODES,
    ];
    let mut rows = tables.into_iter().flatten();
    let (code, title, meaning, mend, _) = rows.find(|row| row.0 == code)?;
    Some(format!(
        "# {code}: {title}\n\n{meaning}\n\nWhat to do: {mend}\n"
    ))
}

fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'%' {
            octets.push(octet);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        octets.extend(hex::decode(digits).ok()?);
    }
    String::from_utf8(octets).ok()
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~/".contains(&octet) {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_identifiers_are_the_same_thing() {
        let path = Path::new("/bank é/a b.perso");
        let uri = of_path(path).expect("an identifier");
        assert_eq!(uri.as_str(), "file:///bank%20%C3%A9/a%20b.perso");
        assert_eq!(path_of(&uri).as_deref(), Some(path));
        let drive = Uri::from_str("file:///c%3A/bank/a.perso").expect("an identifier");
        assert_eq!(path_of(&drive), Some(PathBuf::from("c:/bank/a.perso")));
        let other = Uri::from_str("untitled:Untitled-1").expect("an identifier");
        assert_eq!(path_of(&other), None);
    }

    #[test]
    fn carried_texts_are_found() {
        let page = of_code("E0102").and_then(|u| carried(u.as_str()));
        assert!(page.is_some_and(|text| text.starts_with("# E0102: ")));
        let (path, text) = cardwright_compiler::project::standard_packages()
            .next()
            .expect("a package");
        let found = of_standard(path).and_then(|u| carried(u.as_str()));
        assert_eq!(found.as_deref(), Some(text));
        assert_eq!(carried("cardwright:/codes/E9999.md"), None);
        assert_eq!(carried("file:///x"), None);
    }
}
