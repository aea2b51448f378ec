//! The source map: which file and line every node came from.

use super::Context;
use cardwright_bundle::{Source, Span};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Fills in sources, sorted by path, and spans.
pub(super) fn lower(context: &mut Context<'_>) {
    let files = &context.model.sources.files;
    let sorted: BTreeMap<&str, &str> = files
        .iter()
        .map(|f| (f.path.as_str(), f.text.as_str()))
        .collect();
    context.content.sources = sorted
        .iter()
        .map(|(path, text)| Source {
            path: (*path).to_owned(),
            sha256: hex::encode_upper(Sha256::digest(text.as_bytes())),
        })
        .collect();
    let index = |path: &str| {
        let at = sorted.keys().position(|p| *p == path).unwrap_or(0);
        u32::try_from(at).unwrap_or(0)
    };
    let sources = &context.model.sources;
    let made = Span {
        source: 0,
        line: 0,
        column: 0,
        length: 0,
    };
    let rest = context.shared.spans.spans().iter().skip(1).map(|span| {
        let place = sources.place(*span);
        let length = sources.text(*span).chars().count();
        Span {
            source: index(&place.file),
            line: place.line,
            column: place.column,
            length: u32::try_from(length).unwrap_or(u32::MAX),
        }
    });
    context.content.spans = std::iter::once(made).chain(rest).collect();
}
