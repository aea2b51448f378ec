//! Projects: found above the files that are open, read from the disk with the open documents laid
//! over it, checked at each change.

use crate::disk::Disk;
use crate::documents::Documents;
use crate::position::Text;
use crate::uri;
use cardwright_compiler::model::{SourceFile, Span};
use cardwright_compiler::project::{FileError, Files, MAX_ASSET_BYTES, MemoryFiles, Project};
use cardwright_compiler::{Checked, Environment, Session};
use lsp_types::{Location, Uri};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Name of a project's manifest.
const MANIFEST: &str = "cardwright.toml";
/// Deepest folder below a project's root that is looked into.
const DEPTH_MAX: usize = 16;
/// Most files of a folder tree that are looked at.
const FILES_MAX: usize = 20_000;

/// A project, or a file that belongs to none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Home {
    /// The folder with the manifest.
    Project(PathBuf),
    /// A file by itself.
    Alone(PathBuf),
}

impl Home {
    /// Where a file belongs: to the nearest manifest above it.
    pub(crate) fn of(path: &Path) -> Self {
        let mut above = path.ancestors().skip(1);
        match above.find(|folder| folder.join(MANIFEST).is_file()) {
            // What is on no disk has no folder above it.
            Some(root) if path.is_absolute() => Home::Project(root.to_path_buf()),
            _ => Home::Alone(path.to_path_buf()),
        }
    }

    /// The path of one of its files.
    fn place(&self, inside: &str) -> PathBuf {
        match self {
            Home::Project(root) => root.join(inside),
            Home::Alone(path) => path.clone(),
        }
    }

    /// The name of a path inside it, as the compiler calls it.
    fn inside(&self, path: &Path) -> Option<String> {
        match self {
            Home::Project(root) => slashed(path.strip_prefix(root).ok()?),
            Home::Alone(own) => (own == path).then(|| ALONE.to_owned()),
        }
    }
}

/// What the compiler calls a file that belongs to no project.
const ALONE: &str = "source.perso";

/// What the check of a project gave.
#[derive(Debug)]
pub(crate) struct Analysis {
    pub(crate) home: Home,
    pub(crate) checked: Checked,
    /// The model's sources as editors see them, by the number of the file; only some are asked for.
    shown: Vec<Shown>,
    /// Names of the project's other files: what `file("…")` may say.
    pub(crate) assets: Vec<String>,
}

/// A source as editors see it.
#[derive(Debug, Default)]
struct Shown {
    text: OnceCell<Text>,
    uri: OnceCell<Option<Uri>>,
}

impl Analysis {
    /// Reads and checks a project; a file without one is held against the language only.
    fn of(home: Home, documents: &Documents, session: &mut Session, disk: &mut Disk) -> Self {
        let (checked, assets) = match &home {
            Home::Project(root) => {
                disk.begin();
                let files = Overlay::new(root, documents, Some(disk));
                let checked = session.check(&Project::read(&files), Environment::Test);
                let mut assets = files.list("");
                assets.retain(|name| !name.ends_with(".perso") && name != MANIFEST);
                disk.forget_others();
                (checked, assets)
            }
            Home::Alone(path) => {
                let text = documents.get(path).map_or("", |d| d.text.as_str());
                let manifest = "name = \"alone\"\nversion = \"0.1.0\"\nsequence = 1\n";
                let files = MemoryFiles::new()
                    .with(MANIFEST, manifest)
                    .with(ALONE, text);
                (session.check_language(&Project::read(&files)), Vec::new())
            }
        };
        let sources = checked.model.sources.files.iter();
        let shown = sources.map(|_| Shown::default()).collect();
        Self {
            home,
            checked,
            shown,
            assets,
        }
    }

    /// The number of a file of the project.
    pub(crate) fn file_of(&self, path: &Path) -> Option<u32> {
        let inside = self.home.inside(path)?;
        let mut files = self.checked.model.sources.files.iter();
        let at = files.position(|file| !file.standard && file.path == inside)?;
        u32::try_from(at).ok()
    }

    pub(crate) fn source(&self, file: u32) -> Option<(&SourceFile, &Text)> {
        let source = self.checked.model.sources.file(file)?;
        let shown = self.shown.get(usize::try_from(file).ok()?)?;
        let text = shown.text.get_or_init(|| Text::new(source.text.clone()));
        Some((source, text))
    }

    /// Number of a file by the name that findings give it.
    fn number_of(&self, name: &str) -> Option<usize> {
        let mut files = self.checked.model.sources.files.iter();
        files.position(|file| file.path == name)
    }

    /// The identifier of a source: a file, or a text that the compiler carries.
    pub(crate) fn uri_of(&self, source: &SourceFile) -> Option<Uri> {
        if source.standard {
            return uri::of_standard(&source.path);
        }
        uri::of_path(&self.home.place(&source.path))
    }

    /// The identifier of a file by the name that findings give it.
    pub(crate) fn uri_of_name(&self, name: &str) -> Option<Uri> {
        let known = self.number_of(name).filter(|_| !name.is_empty());
        let known = known.and_then(|at| {
            let source = self.checked.model.sources.files.get(at)?;
            Some((source, self.shown.get(at)?))
        });
        match known {
            Some((source, shown)) => shown.uri.get_or_init(|| self.uri_of(source)).clone(),
            None => {
                let name = if name.is_empty() { MANIFEST } else { name };
                uri::of_path(&self.home.place(name))
            }
        }
    }

    /// The text of a file by the name that findings give it.
    pub(crate) fn text_of_name(&self, name: &str) -> Option<&Text> {
        let number = u32::try_from(self.number_of(name)?).ok()?;
        Some(self.source(number)?.1)
    }

    /// The place of a span, for editors.
    pub(crate) fn location(&self, span: Span) -> Option<Location> {
        let (source, text) = self.source(span.file)?;
        Some(Location {
            uri: self.uri_of(source)?,
            range: text.span_range(span),
        })
    }
}

/// The analyses of all homes that have an open document.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// Each with what is kept from check to check.
    analyses: BTreeMap<Home, (Analysis, Session, Disk)>,
}

impl Workspace {
    /// Checks a home anew.
    pub(crate) fn analyse(&mut self, home: &Home, documents: &Documents) -> &Analysis {
        // A check that breaks off leaves nothing behind.
        let kept = self.analyses.remove(home);
        let (mut session, mut disk) = kept.map(|(_, s, disk)| (s, disk)).unwrap_or_default();
        let analysis = Analysis::of(home.clone(), documents, &mut session, &mut disk);
        let all = (analysis, session, disk);
        &self.analyses.entry(home.clone()).or_insert(all).0
    }

    pub(crate) fn forget(&mut self, home: &Home) {
        self.analyses.remove(home);
    }

    pub(crate) fn get(&self, home: &Home) -> Option<&Analysis> {
        self.analyses.get(home).map(|(analysis, ..)| analysis)
    }

    pub(crate) fn homes(&self) -> Vec<Home> {
        self.analyses.keys().cloned().collect()
    }
}

/// The disk below a folder, and the open documents over it.
struct Overlay<'d> {
    root: &'d Path,
    documents: &'d Documents,
    /// What was read before; none where that is not worth it.
    disk: Option<&'d Disk>,
    /// All files, once they were looked for.
    all: OnceLock<Vec<String>>,
}

impl<'d> Overlay<'d> {
    fn new(root: &'d Path, documents: &'d Documents, disk: Option<&'d Disk>) -> Self {
        Self {
            root,
            documents,
            disk,
            all: OnceLock::new(),
        }
    }

    fn look(&self, folder: &str) -> Vec<String> {
        let mut found = Vec::new();
        let top = self.root.join(folder);
        collect(&top, DEPTH_MAX, &mut |path| {
            found.extend(path.strip_prefix(self.root).ok().and_then(slashed));
            found.len() < FILES_MAX
        });
        let open = self.documents.all().map(|d| d.path.as_path());
        let open = open.filter(|path| path.starts_with(&top));
        found.extend(open.filter_map(|path| slashed(path.strip_prefix(self.root).ok()?)));
        found.sort();
        found.dedup();
        found
    }
}

impl Files for Overlay<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let place = self.root.join(path);
        if let Some(document) = self.documents.get(&place) {
            return Ok(document.text.as_str().as_bytes().to_vec());
        }
        let Ok(metadata) = std::fs::metadata(&place) else {
            return Err(FileError::missing(path));
        };
        let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        if length > MAX_ASSET_BYTES {
            return Err(FileError::too_large(path, length, MAX_ASSET_BYTES));
        }
        let read = || std::fs::read(&place);
        let octets = match self.disk {
            Some(disk) => disk.read(&place, &metadata, read),
            None => read(),
        };
        octets.map_err(|e| FileError::because(path, &e.to_string()))
    }

    fn list(&self, folder: &str) -> Vec<String> {
        match folder {
            "" => self.all.get_or_init(|| self.look(folder)).clone(),
            _ => self.look(folder),
        }
    }

    fn package(&self, path: &str) -> Result<Box<dyn Files>, FileError> {
        saved(self.root, path)
    }
}

/// A package's folder on the disk: what lies beside the project is read as it was saved.
struct Saved {
    root: PathBuf,
}

impl Files for Saved {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let documents = Documents::default();
        Overlay::new(&self.root, &documents, None).read(path)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let documents = Documents::default();
        Overlay::new(&self.root, &documents, None).list(folder)
    }

    fn package(&self, path: &str) -> Result<Box<dyn Files>, FileError> {
        saved(&self.root, path)
    }
}

fn saved(root: &Path, path: &str) -> Result<Box<dyn Files>, FileError> {
    let root = std::fs::canonicalize(root.join(path)).map_err(|_| FileError::missing(path))?;
    Ok(Box::new(Saved { root }))
}

/// Shows every file below a folder, but for hidden folders and `target`, until told to stop.
fn collect(folder: &Path, depth: usize, visit: &mut dyn FnMut(&Path) -> bool) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return true;
    };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.');
        let go_on = match entry.file_type() {
            Ok(kind) if kind.is_dir() && !hidden && name != "target" => {
                collect(&entry.path(), depth, visit)
            }
            Ok(kind) if !kind.is_dir() && !hidden => visit(&entry.path()),
            _ => true,
        };
        if !go_on {
            return false;
        }
    }
    true
}

fn slashed(path: &Path) -> Option<String> {
    let parts = path.components().map(|c| c.as_os_str().to_str());
    let parts: Option<Vec<&str>> = parts.collect();
    Some(parts?.join("/"))
}
