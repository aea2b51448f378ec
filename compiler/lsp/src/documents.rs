//! Open documents and the edits that reach them.

use crate::position::Text;
use crate::uri;
use cardwright_dsl::{Parsed, parse};
use lsp_types::{TextDocumentContentChangeEvent, Uri};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest document, octets: what the compiler reads of one source, and room for what an editor
/// may hold for a moment.
const DOCUMENT_MAX: usize = 16 << 20;

/// One open document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) path: PathBuf,
    pub(crate) version: Option<i32>,
    pub(crate) text: Text,
    pub(crate) parsed: Parsed,
}

impl Document {
    pub(crate) fn new(path: PathBuf, version: Option<i32>, text: String) -> Self {
        let parsed = parse(&text);
        Self {
            path,
            version,
            text: Text::new(text),
            parsed,
        }
    }
}

/// All open documents, by path.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    open: BTreeMap<PathBuf, Document>,
}

impl Documents {
    pub(crate) fn open(&mut self, uri: Uri, version: i32, text: String) -> Option<PathBuf> {
        let path = key(&uri)?;
        let document = Document::new(path.clone(), Some(version), text);
        self.open.insert(path.clone(), document);
        Some(path)
    }

    /// Carries edits out, in their order; a range is one of the text that the edits before left.
    pub(crate) fn change(
        &mut self,
        uri: &Uri,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
    ) -> Option<PathBuf> {
        let path = key(uri)?;
        let document = self.open.get_mut(&path)?;
        let mut text = document.text.clone();
        for change in changes {
            text = match change.range {
                None => Text::new(change.text),
                Some(range) => {
                    let (from, to) = (text.offset(range.start), text.offset(range.end));
                    let mut whole = text.as_str().to_owned();
                    whole.replace_range(from..to.max(from), &change.text);
                    Text::new(whole)
                }
            };
            if text.as_str().len() > DOCUMENT_MAX {
                return None;
            }
        }
        document.version = Some(version);
        document.parsed = parse(text.as_str());
        document.text = text;
        Some(path)
    }

    pub(crate) fn close(&mut self, uri: &Uri) -> Option<PathBuf> {
        let path = key(uri)?;
        self.open.remove(&path).map(|document| document.path)
    }

    pub(crate) fn get(&self, path: &Path) -> Option<&Document> {
        self.open.get(path)
    }

    pub(crate) fn by_uri(&self, uri: &Uri) -> Option<&Document> {
        self.open.get(&key(uri)?)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Document> {
        self.open.values()
    }
}

/// A document that is on no disk has its identifier for a path, so that it has no project.
fn key(uri: &Uri) -> Option<PathBuf> {
    Some(uri::path_of(uri).unwrap_or_else(|| PathBuf::from(uri.as_str())))
}
