//! Figures of the compiler and of the editor's server, for `docs/PERFORMANCE.md`.
//!
//!     cargo run --release -p cardwright-lsp --example speed
//!
//! Processor time of this one process (Linux), and behind it the time by the clock, which is less
//! where several processors work and more where others do: medians of so many runs.
//! `speed RUNS PART` measures one part, `speed RUNS changes 0` one change.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program that measures, for people at a terminal"
)]

use cardwright_compiler::project::{MemoryFiles, Project};
use cardwright_compiler::{Environment, Session, build, check, check_language};
use lsp_server::{Connection, Message, Notification, Request};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// That of the program `cardwright`, which is what is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Profiles of the large project.
const PROFILES: usize = 200;
/// Least time of one run.
const ONE_RUN: Duration = Duration::from_millis(250);
/// Profiles and cards in one of its files.
const IN_ONE_FILE: usize = 10;

fn main() {
    let runs = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(15);
    let part = std::env::args().nth(2);
    let wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    let large = large();
    if wanted("large") {
        check_large(&large, runs);
    }
    if wanted("changes") {
        let only = std::env::args().nth(3).and_then(|n| n.parse().ok());
        changes(&large, runs, only);
    }
    if wanted("example") {
        example(runs);
    }
    if wanted("formatter") {
        formatter(runs);
    }
    if wanted("editor") {
        editor(runs);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// How long a thing takes.
struct Took {
    processor: Duration,
    clock: Duration,
}

/// The medians of some runs of a thing. One run repeats it until the kernel's clock, which counts
/// processor time in steps of some milliseconds, can tell; what it gives is dropped within it.
fn median<T>(runs: usize, mut thing: impl FnMut(usize) -> T) -> Took {
    let mut count = 0;
    let (mut processors, mut clocks) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let (wall, start, first) = (Instant::now(), processor(), count);
        while wall.elapsed() < ONE_RUN {
            drop(thing(count));
            count += 1;
        }
        let turns = u32::try_from(count - first).expect("few");
        clocks.push(wall.elapsed() / turns);
        processors.push((processor() - start) / turns);
    }
    let middle = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    Took {
        processor: middle(processors),
        clock: middle(clocks),
    }
}

/// Processor time of all threads of this process: other load on the machine counts little.
fn processor() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    let spent = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

fn say(what: &str, took: &Took, goal: &str) {
    let (processor, clock) = (took.processor.as_secs_f64(), took.clock.as_secs_f64());
    println!(
        "{what:<44} {:>8.2} ms {:>8.2} ms   {goal}",
        processor * 1e3,
        clock * 1e3
    );
}

/// Files of a folder, but for what it writes itself.
fn folder(path: &Path, prefix: &str, mut files: MemoryFiles) -> MemoryFiles {
    for entry in std::fs::read_dir(path).expect("a folder").flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files = folder(&entry.path(), &format!("{name}/"), files);
        } else {
            files = files.with(&name, std::fs::read(entry.path()).expect("a file"));
        }
    }
    files
}

/// The small bank of the tests with so many profiles, each on a card of its own; a file holds ten
/// of both.
fn large() -> MemoryFiles {
    let shared = root().join("tests/cases/codes/shared");
    let keys = root().join("examples/aurora-bank/keys");
    let manifest = "name = \"small\"\nversion = \"1.0.0\"\nsequence = 1\n";
    let mut files = MemoryFiles::new().with("cardwright.toml", manifest);
    files = folder(&shared, "", folder(&keys, "keys/", files));
    for file in 0..PROFILES / IN_ONE_FILE {
        let mut text = "package small\n\nuse std.emv\n".to_owned();
        for n in file * IN_ONE_FILE..(file + 1) * IN_ONE_FILE {
            product(n, &mut text);
        }
        files = files.with(&format!("products_{file:02}.perso"), text.as_bytes());
    }
    files
}

fn product(n: usize, text: &mut String) {
    let (high, low) = (n / 100, n % 100);
    let _ = write!(
        text,
        "
/// Product {n}.
profile product_{n} : debit {{
  aid    = x\"F0 00 00 00 92 11 {high:02} {low:02}\"
  label  = \"SMALL {n}\"
  action_codes {{
    online  = [oda_not_performed, dda_failed, cvm_failed, expired_application]
  }}
  data {{
    #9F14 = x\"{:02X}\"
    #9F23 = x\"{:02X}\"
  }}
  records {{
    sfi 1 record 1        = [#57]
    sfi 2 record 1 signed = [#5A, #5F24, #5F28, #5F30, #5F34, #9F07, #8E, #9F0D, #9F0E, #9F0F, #9F4A]
    sfi 2 record 2        = [#8C, #8D, #9F08, #9F42, #9F49, #9F14, #9F23]
  }}
}}

card card_{n} : debit_card {{
  chip {{ applications = [product_{n}] }}
}}
",
        n % 16,
        n % 16 + 16,
    );
}

fn check_large(files: &MemoryFiles, runs: usize) {
    let octets: usize = Project::read(files)
        .sources
        .iter()
        .map(|s| s.text.len())
        .sum();
    println!(
        "a project of {PROFILES} profiles and {PROFILES} cards, {} KB",
        octets / 1000
    );
    let found = check(&Project::read(files), Environment::Test).findings;
    let error = cardwright_compiler::diagnostics::Severity::Error;
    assert!(found.iter().all(|f| f.severity != error), "it is right");
    say("  reading", &median(runs, |_| Project::read(files)), "");
    say(
        "  parsing",
        &median(runs, |_| {
            let project = Project::read(files);
            let trees = project
                .sources
                .iter()
                .map(|s| cardwright_dsl::parse(&s.text));
            trees.collect::<Vec<_>>()
        }),
        "",
    );
    say(
        "  language",
        &median(runs, |_| check_language(&Project::read(files))),
        "",
    );
    say(
        "  check",
        &median(runs, |_| check(&Project::read(files), Environment::Test)),
        "goal 100 ms",
    );
}

/// Changes of one line of the large project, in memory: what a session does again.
fn changes(files: &MemoryFiles, runs: usize, only: Option<usize>) {
    use cardwright_compiler::project::Files as _;
    println!("a change of one line of that project, in a session");
    let one = "products_07.perso";
    let all = [
        (
            "a comment above ten products",
            one,
            "profile product_70",
            "// seen\nprofile product_70",
        ),
        (
            "a value of one profile",
            one,
            "#9F14 = x\"06\"",
            "#9F14 = x\"07\"",
        ),
        (
            "one more value of the project",
            one,
            "/// Product 75.",
            "let more = 1\n/// Product 75.",
        ),
        (
            "a value of the base of all",
            "small.perso",
            "tries = 3",
            "tries = 4",
        ),
        (
            "a value of it that all overrule",
            "small.perso",
            "\"SMALL DEBIT\"",
            "\"SMALL CREDIT\"",
        ),
        (
            "a record of it that all overrule",
            "small.perso",
            ", #9F42, #9F49]",
            ", #9F42]",
        ),
        (
            "a comment above it",
            "small.perso",
            "profile debit",
            "// seen\nprofile debit",
        ),
        (
            "a face of the card of all",
            "small.perso",
            "\"MM/YY\"",
            "\"MM-YY\"",
        ),
    ];
    let chosen = all.into_iter().enumerate();
    let chosen = chosen.filter(|(n, _)| only.is_none_or(|only| only == *n));
    for (_, (what, path, old, new)) in chosen {
        let text = String::from_utf8(files.read(path).expect("a file")).expect("text");
        assert!(text.contains(old), "{what}: {old} stands in {path}");
        let other = files.clone().with(path, text.replacen(old, new, 1));
        let mut session = Session::default();
        let _first = session.check(&Project::read(files), Environment::Test);
        let took = median(runs, |n| {
            let files = if n % 2 == 0 { &other } else { files };
            session.check(&Project::read(files), Environment::Test)
        });
        say(&format!("  {what}"), &took, "goal 10 ms");
    }
}

fn aurora() -> MemoryFiles {
    folder(&root().join("examples/aurora-bank"), "", MemoryFiles::new())
}

fn example(runs: usize) {
    let files = aurora();
    println!("the example bank");
    say(
        "  check",
        &median(runs, |_| check(&Project::read(&files), Environment::Test)),
        "",
    );
    let built = median(runs, |_| build(&Project::read(&files), Environment::Test));
    say("  build", &built, "goal 200 ms");
    let bundle = build(&Project::read(&files), Environment::Test).expect("it builds");
    let octets = bundle.to_bytes().expect("octets").len();
    println!("  bundle: {octets} octets                          goal 2,000,000");
}

fn formatter(runs: usize) {
    let files = aurora();
    let mut text = String::new();
    for source in Project::read(&files).sources {
        text.push_str(&source.text);
        text.push('\n');
    }
    let text = text.repeat((256 << 10) / text.len());
    let took = median(runs, |_| cardwright_dsl::format(&text)).processor;
    let speed = text.len() as f64 / took.as_secs_f64() / 1e6;
    println!(
        "formatter: {} KB in {:.1} ms, {speed:.1} MB/s      goal 5 MB/s",
        text.len() / 1000,
        took.as_secs_f64() * 1e3
    );
    let took = median(runs, |_| cardwright_dsl::parse(&text)).processor;
    let speed = text.len() as f64 / took.as_secs_f64() / 1e6;
    println!("parser:    {speed:.1} MB/s");
}

/// From an edit to its diagnostics, through the protocol's messages.
fn editor(runs: usize) {
    println!("the server, from an edit to its findings");
    let bank = root()
        .join("examples/aurora-bank")
        .canonicalize()
        .expect("the example");
    for name in [
        "bank.perso",
        "cards.perso",
        "debit.perso",
        "letters.perso",
        "line.perso",
    ] {
        let took = reaction(&bank.join(name), runs);
        say(&format!("  {name}"), &took, "goal 20 ms");
    }
    let folder = tempfile::tempdir().expect("a folder");
    write_out(&large(), folder.path());
    let took = reaction(&folder.path().join("products_07.perso"), runs);
    say("  one of 200 profiles", &took, "goal 10 ms");
}

fn write_out(files: &MemoryFiles, place: &Path) {
    use cardwright_compiler::project::Files as _;
    for name in files.list("") {
        let path = place.join(&name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, files.read(&name).expect("a file")).expect("written");
    }
}

fn reaction(path: &Path, runs: usize) -> Took {
    let (editor, server) = Connection::memory();
    let thread = std::thread::spawn(move || cardwright_lsp::serve(&server));
    let uri = format!("file://{}", path.display());
    let text = std::fs::read_to_string(path).expect("a source");
    let say = |method: &str, params: Value| {
        let method = method.to_owned();
        let message = Message::Notification(Notification { method, params });
        editor.sender.send(message).expect("it listens");
    };
    let ask = |id: i32, method: &str| {
        let request = Request::new(id.into(), method.to_owned(), json!({ "capabilities": {} }));
        editor
            .sender
            .send(Message::Request(request))
            .expect("it listens");
    };
    ask(1, "initialize");
    editor.receiver.recv().expect("it answers");
    let document = json!({ "uri": uri, "languageId": "perso", "version": 1, "text": text });
    say("textDocument/didOpen", json!({ "textDocument": document }));
    ask(2, "workspace/symbol");
    wait(&editor);
    // A digit of the label or of a comment comes and goes.
    let line = text.lines().count() / 2;
    let at = json!({ "line": line, "character": 0 });
    let took = median(runs, |n| {
        let (range, new) = match n % 2 {
            0 => (json!({ "start": at, "end": at }), "// seen\n"),
            _ => (
                json!({ "start": at, "end": { "line": line + 1, "character": 0 } }),
                "",
            ),
        };
        let version = i32::try_from(n).expect("small") + 2;
        let changes = json!([{ "range": range, "text": new }]);
        let document = json!({ "uri": uri, "version": version });
        say(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": changes }),
        );
        ask(version + 10, "workspace/symbol");
        wait(&editor);
    });
    ask(100_000, "shutdown");
    wait(&editor);
    say("exit", Value::Null);
    thread.join().expect("no panic");
    took
}

/// Until the answer to the last question comes, behind all that was published.
fn wait(editor: &Connection) {
    while let Ok(message) = editor.receiver.recv() {
        if matches!(message, Message::Response(_)) {
            return;
        }
    }
}
