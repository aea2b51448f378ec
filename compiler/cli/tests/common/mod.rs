//! Runs the binary and says what came out.

#![allow(clippy::expect_used, reason = "a test fails loudly")]
#![allow(dead_code, reason = "each test file uses what it needs")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a run gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `cardwright` in a folder.
pub(crate) fn cardwright(folder: &Path, arguments: &[&str]) -> Ran {
    ran(command(folder, arguments)
        .output()
        .expect("the binary runs"))
}

/// The command, for tests that set its environment.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardwright"));
    command
        .current_dir(folder)
        .args(arguments)
        .env("NO_COLOR", "1");
    command
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// The example bank.
pub(crate) fn aurora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/aurora-bank")
}

/// A project of one file.
pub(crate) fn project(folder: &Path, source: &str) {
    std::fs::write(
        folder.join("cardwright.toml"),
        "name = \"case\"\nversion = \"1.2.3\"\nsequence = 7\n",
    )
    .expect("written");
    std::fs::write(folder.join("in.perso"), source).expect("written");
}

/// A copy of a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            std::fs::copy(&source, &target).expect("copied");
        }
    }
}
