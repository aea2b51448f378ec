//! Same source, same bytes: in every folder, however files are listed, on any number of threads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::Environment;
use cardwright_compiler::{
    emit::build,
    project::{FileError, Files, Project},
};
use cardwright_tests::projects::{Folder, aurora_folder, copy_folder};
use std::path::Path;

/// A folder whose files come in another order.
struct Shuffled {
    folder: Folder,
    seed: u64,
}

impl Files for Shuffled {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        self.folder.read(path)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let mut names = self.folder.list(folder);
        names.sort();
        // Fisher and Yates, driven by a linear congruential generator (Knuth, MMIX).
        let mut state = self.seed;
        for at in (1..names.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            names.swap(at, (state >> 33) as usize % (at + 1));
        }
        names
    }
}

fn bytes(folder: &Path, seed: u64) -> Vec<u8> {
    let files = Shuffled {
        folder: Folder(folder.to_path_buf()),
        seed,
    };
    let bundle = build(&Project::read(&files), Environment::Test).expect("it builds");
    bundle.to_bytes().expect("it has octets")
}

#[test]
fn two_folders_and_any_listing_give_the_same_bytes() {
    let scratch = tempfile::tempdir().expect("a folder");
    let far = scratch
        .path()
        .join("a much longer path/with a blank/and ünïcode");
    copy_folder(&aurora_folder(), &far);
    let first = bytes(&aurora_folder(), 1);
    for seed in 2..6 {
        assert!(
            bytes(&far, seed) == first,
            "another bundle with listing {seed}"
        );
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let first = bytes(&aurora_folder(), 0);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|seed| scope.spawn(move || bytes(&aurora_folder(), seed)))
            .collect();
        for thread in threads {
            assert!(thread.join().expect("no panic") == first);
        }
    });
}

#[test]
fn nothing_of_the_machine_is_in_the_bundle() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path().join("a-folder-nobody-else-has");
    copy_folder(&aurora_folder(), &folder);
    let octets = bytes(&folder, 3);
    let mut words: Vec<String> = vec!["a-folder-nobody-else-has".into()];
    words.extend(
        ["USER", "HOSTNAME", "HOME"]
            .iter()
            .filter_map(|name| std::env::var(name).ok()),
    );
    // A short name such as `root` or `/` says nothing.
    for word in words.iter().filter(|word| word.len() > 6) {
        let found = octets
            .windows(word.len())
            .any(|part| part == word.as_bytes());
        assert!(!found, "the bundle holds `{word}`");
    }
}
