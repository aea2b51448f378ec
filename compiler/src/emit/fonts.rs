//! Fonts of the standard packages, by the names that layouts and faces use.

use super::Context;
use crate::diagnostics::Problem;
use crate::model::Span;
use crate::project::standard_asset;
use std::sync::LazyLock;

/// Where the table of fonts stands in the standard packages.
const TABLE: &str = "layouts/fonts/fonts.toml";

/// Puts a font into the bundle under its name; E0809 when there is none of that name.
pub(super) fn add(context: &mut Context<'_>, name: &str, span: Span) {
    if context.assets.contains_key(name) {
        return;
    }
    match bytes(name) {
        Some(bytes) => {
            let octets = match context.apart {
                true => Vec::new(),
                false => bytes.to_vec(),
            };
            let asset = ("font/ttf".to_owned(), octets);
            context.assets.insert(name.to_owned(), asset);
        }
        None => {
            let help = format!("take one of {}", names().join(", "));
            context.push(
                Problem::error("E0809", span, format!("there is no font \"{name}\"")).help(help),
            );
        }
    }
}

/// The octets of a font by its name.
pub(crate) fn bytes(name: &str) -> Option<&'static [u8]> {
    file_of(name).and_then(crate::metrics::font_file)
}

static FONTS: LazyLock<toml::Table> = LazyLock::new(|| {
    standard_asset(TABLE)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
});

fn file_of(name: &str) -> Option<&'static str> {
    FONTS.get(name)?.as_table()?.get("file")?.as_str()
}

/// Names of all fonts.
fn names() -> Vec<String> {
    FONTS.keys().map(|name| format!("\"{name}\"")).collect()
}
