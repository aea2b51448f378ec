//! Fonts of the standard packages, by the names that layouts and faces use.

use super::Context;
use crate::diagnostics::Problem;
use crate::model::Span;
use crate::project::standard_asset;

/// Where the table of fonts stands in the standard packages.
const TABLE: &str = "layouts/fonts/fonts.toml";

/// Puts a font into the bundle under its name; E0809 when there is none of that name.
pub(super) fn add(context: &mut Context<'_>, name: &str, span: Span) {
    if context.assets.contains_key(name) {
        return;
    }
    match bytes(name) {
        Some(bytes) => {
            let asset = ("font/ttf".to_owned(), bytes.to_vec());
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
    file_of(name).and_then(|file| crate::metrics::font_file(&file))
}

fn table() -> toml::Table {
    standard_asset(TABLE)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

fn file_of(name: &str) -> Option<String> {
    let row = table().get(name)?.as_table()?.clone();
    row.get("file")?.as_str().map(str::to_owned)
}

/// Names of all fonts.
fn names() -> Vec<String> {
    table().keys().map(|name| format!("\"{name}\"")).collect()
}
