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
        .filter(|f| f.path.ends_with(".perso") || !f.text.is_empty())
        .map(|f| (f.path.as_str(), f.text.as_str()))
        .collect();
    let mut listed: Vec<Source> = sorted
        .iter()
        .map(|(path, text)| Source {
            path: (*path).to_owned(),
            sha256: hex::encode_upper(Sha256::digest(text.as_bytes())),
        })
        .collect();
    // A package as a whole: `house@1.2.0` with the digest that the lock pins.
    let packages = context.project.packages.iter();
    listed.extend(packages.filter(|p| !p.is_standard()).map(|p| Source {
        path: p.label(),
        sha256: p.digest.clone(),
    }));
    listed.sort_by(|a, b| a.path.cmp(&b.path));
    let places: BTreeMap<String, u32> = listed
        .iter()
        .zip(0_u32..)
        .map(|(source, at)| (source.path.clone(), at))
        .collect();
    let index = |path: &str| places.get(path).copied().unwrap_or(0);
    context.content.sources = listed;
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
