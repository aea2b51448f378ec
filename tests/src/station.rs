//! The built programs, a site for them to work at, and what they said.

use crate::{projects, workspace};
use cardwright_machine::{Ledger, LedgerAudit};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};
use tempfile::TempDir;

/// A built program of the workspace. `CARDWRIGHT_PROGRAMS` names their folder; without it they are
/// built first, beside the tests.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| match std::env::var_os("CARDWRIGHT_PROGRAMS") {
        Some(folder) => folder.into(),
        None => built(),
    });
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} is not built", path.display());
    path
}

fn built() -> PathBuf {
    // …/target/debug/deps/end_to_end-0123: the programs stand in target/debug.
    let own = std::env::current_exe().expect("the test's own path");
    let folder = own
        .parent()
        .and_then(Path::parent)
        .expect("below the target folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "-p", "cardstation", "-p", "cardwright"]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    build
        .arg("--target-dir")
        .arg(folder.parent().expect("the target folder"));
    let status = build
        .current_dir(workspace::root())
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the programs can't be built");
    folder.to_path_buf()
}

/// What a program said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Exit code; none when it was killed.
    pub code: Option<i32>,
    /// Data.
    pub out: String,
    /// Words.
    pub err: String,
}

impl Said {
    /// Ends the test when the exit code is another one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.out,
            self.err
        );
        self
    }

    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }
}

/// A site in a scratch folder, with the example bank's bundle.
pub struct Station {
    scratch: TempDir,
}

impl Station {
    /// Makes a site.
    pub fn new() -> Self {
        let station = Self {
            scratch: tempfile::tempdir().expect("a folder"),
        };
        let site = station.site();
        let path = site.to_string_lossy().into_owned();
        let made = Command::new(program("cardstation"))
            .args(["init", &path])
            .output();
        assert!(made.expect("cardstation runs").status.success());
        std::fs::write(station.bundle(), projects::aurora_bytes()).expect("the bundle");
        station
    }

    /// Another site with the same HSM, store and machine.
    pub fn twin(&self) -> Self {
        let scratch = tempfile::tempdir().expect("a folder");
        projects::copy_folder(self.scratch.path(), scratch.path());
        Self { scratch }
    }

    /// A path in the scratch folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The site folder.
    pub fn site(&self) -> PathBuf {
        self.path("site")
    }

    /// The bundle.
    pub fn bundle(&self) -> PathBuf {
        self.path("aurora.cwb")
    }

    /// Writes a file into the scratch folder.
    pub fn write(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, octets).expect("a file");
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("cardstation"));
        command.arg("--site").arg(self.site()).args(arguments);
        command.env_remove("CARDSTATION_SITE").stdin(Stdio::null());
        // The token of a site whose HSM is SoftHSM.
        let token = self.path("softhsm2.conf");
        if token.is_file() {
            command.env("SOFTHSM2_CONF", token);
        }
        command
    }

    /// Runs `cardstation` to its end.
    pub fn say(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().expect("cardstation runs");
        Said {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Arguments of `run` for a file and a folder of results.
    pub fn run_arguments(&self, orders: &Path, out: &str, more: &[&str]) -> Vec<String> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let mut arguments = vec!["run".to_owned(), "--bundle".into(), text(self.bundle())];
        arguments.extend(["--orders".into(), text(orders.to_path_buf())]);
        arguments.extend(["--out".into(), text(self.path(out))]);
        arguments.extend(more.iter().map(|s| (*s).to_owned()));
        arguments
    }

    /// The whole line in one go.
    pub fn run(&self, orders: &Path, out: &str, more: &[&str]) -> Said {
        let arguments = self.run_arguments(orders, out, more);
        self.say(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Begins a program and leaves it running.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("cardstation runs")
    }

    /// The report of a folder of results.
    pub fn report(&self, out: &str) -> Value {
        let text = std::fs::read_to_string(self.path(out).join("report.json")).expect("a report");
        serde_json::from_str(&text).expect("JSON")
    }

    /// What the machine's own ledger adds up to.
    pub fn machine(&self) -> LedgerAudit {
        Ledger::audit(&self.site().join("machine")).expect("a ledger")
    }

    /// Lines of the machine's own ledger.
    pub fn machine_lines(&self) -> Vec<Value> {
        let path = self.site().join("machine/ledger.jsonl");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}

impl Default for Station {
    fn default() -> Self {
        Self::new()
    }
}
