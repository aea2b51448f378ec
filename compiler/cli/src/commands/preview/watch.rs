//! `--watch`: draws again whenever a file of the project changes, until Ctrl-C.

use crate::{failure::Failure, project::collect};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_millis(300);
/// Deepest folder that is looked into.
const DEPTH_MAX: usize = 16;

/// Something that tells of changes.
pub(super) trait Changes {
    /// Waits for the next change; false when there will be none any more.
    fn wait(&mut self) -> bool;
}

/// Draws, and draws again after each change. A project that does not build now is shown and waited
/// for: its author is at work on it.
pub(super) fn watch(
    changes: &mut dyn Changes,
    draw: &mut dyn FnMut() -> Result<(), Failure>,
    show: &mut dyn FnMut(&Failure),
) {
    loop {
        if let Err(failure) = draw() {
            show(&failure);
        }
        if !changes.wait() {
            return;
        }
    }
}

/// Path, time and length of every file.
type Print = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// The files of a project, looked at again and again.
pub(super) struct Files {
    root: PathBuf,
    /// What this very command writes.
    output: PathBuf,
    seen: Print,
}

impl Files {
    pub(super) fn new(root: &Path, output: &Path) -> Self {
        let output = std::fs::canonicalize(output).unwrap_or_else(|_| output.to_path_buf());
        let mut files = Self {
            root: root.to_path_buf(),
            output,
            seen: Print::new(),
        };
        files.seen = files.print();
        files
    }

    fn print(&self) -> Print {
        let mut print = Print::new();
        collect(&self.root, DEPTH_MAX, &mut |path| {
            if path.starts_with(&self.output) {
                return;
            }
            if let Ok(metadata) = std::fs::metadata(path) {
                let facts = (metadata.modified().ok(), metadata.len());
                print.insert(path.to_path_buf(), facts);
            }
        });
        print
    }

    /// Whether something changed since the last look.
    fn changed(&mut self) -> bool {
        let now = self.print();
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}

impl Changes for Files {
    fn wait(&mut self) -> bool {
        while !self.changed() {
            std::thread::sleep(PERIOD);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails loudly")]

    use super::{Changes, Files, watch};
    use crate::failure::{Failure, exit};

    /// So many changes, one after another.
    struct Told(usize);

    impl Changes for Told {
        fn wait(&mut self) -> bool {
            let more = self.0 > 0;
            self.0 = self.0.saturating_sub(1);
            more
        }
    }

    #[test]
    fn every_change_is_drawn_and_an_error_ends_nothing() {
        let (mut drawn, mut shown) = (0, 0);
        let mut draw = || {
            drawn += 1;
            match drawn {
                2 => Err(Failure::new(
                    exit::FINDINGS,
                    "E0199",
                    "half written",
                    "go on",
                )),
                _ => Ok(()),
            }
        };
        watch(&mut Told(3), &mut draw, &mut |_| shown += 1);
        assert_eq!((drawn, shown), (4, 1));
    }

    #[test]
    fn files_that_change_come_or_go_are_seen_and_ours_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("preview");
        std::fs::create_dir(&output).expect("a folder");
        let source = folder.path().join("in.perso");
        std::fs::write(&source, "a").expect("written");
        let mut files = Files::new(folder.path(), &output);
        assert!(!files.changed());
        std::fs::write(output.join("card.png"), "x").expect("written");
        assert!(!files.changed());
        std::fs::write(&source, "ab").expect("written");
        assert!(files.changed() && !files.changed());
        std::fs::remove_file(&source).expect("removed");
        assert!(files.changed() && !files.changed());
    }
}
