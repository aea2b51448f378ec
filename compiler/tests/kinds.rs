//! Sources that mean harm, kind by kind: each ends in its code, within 256 MiB, by itself in a
//! process whose heap is bounded (`ulimit -d`). Time is not asserted; with `TIMES=1` each process
//! says how long its check took, by the clock and in processor time of all its threads (Linux):
//!
//!     TIMES=1 cargo test --release -p cardwright-compiler --test kinds -- --nocapture

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests fail loudly; the processes talk by standard output"
)]

use cardwright_compiler::project::{
    FileError, Files, MAX_ASSET_BYTES, MAX_PROJECT_NODES, MemoryFiles, Project,
};
use cardwright_compiler::{Environment, check};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Instant;

/// Largest source that is read, octets.
const WHOLE: usize = 256 << 10;
/// Size of the kinds that are tried at full size: an eighth where nothing is optimised, for all of
/// them together would take minutes then.
const FULL: usize = if cfg!(debug_assertions) {
    WHOLE / 8
} else {
    WHOLE
};
const MANIFEST: &str = "name = \"case\"\nversion = \"1.0.0\"\nsequence = 1\n";
const ORDERS: &str = "format orders : fixed_width {
  record order { pan : pan at 1 width 19; name : text at 20 width 26; kind : digits 1 at 46 }
}
";

/// A kind: its name, what makes it, and a code that must be among the findings; none where the
/// text is not wrong, only large.
type Kind = (&'static str, fn() -> String, Option<&'static str>);

/// A kind of several files: paths and texts.
type Kinds = (
    &'static str,
    fn() -> Vec<(String, String)>,
    Option<&'static str>,
);

/// Kinds that need more than one file.
const OF_SEVERAL: &[Kinds] = &[
    (
        "1,000 files that import each other in a circle",
        circle_of_files,
        None,
    ),
    ("files that each import all others", all_import_all, None),
    ("diamonds of imports, 20 deep", diamonds, None),
    ("20 files without an end", open_files, Some("E0003")),
];

/// What a project of 4 MiB, the most that is read, says over and over: line by line `0`, `1`, `2`
/// stands for the number sign. Each is tried whole, which must end in E0119, and as much of it as
/// the limit of nodes allows, which must end in the code beside it.
const OVER_AND_OVER: &[(&str, Option<&str>)] = &[
    ("card c {a=1}\n", Some("E0105")),
    ("card c {\n", Some("E0003")),
    ("a=1\n", Some("E0103")),
    ("a =\n", Some("E0006")),
    ("a = \"\n", Some("E0011")),
    ("}", Some("E0004")),
    ("{}", Some("E0005")),
    ("let a = 1\n", Some("E0105")),
    ("\tlet a = \"\u{202E}\0\u{2066}\"\n", Some("E0019")),
    ("use a.b\n", Some("E0104")),
    ("use a.b#\n", Some("E0104")),
    ("a b#\n", Some("E0101")),
    ("let a# = b#x\n", Some("E0116")),
    ("let a#=1\n", Some("E0116")),
    ("let a#=[1]\n", Some("E0116")),
    ("let a#=[[],[],[],[],[],[]]\n", Some("E0116")),
    ("let a#=1+1+1+1+1+1+1+1\n", Some("E0116")),
    ("fn a#(x)=x\n", Some("E0116")),
    ("key k#:aes128{use=transport}\n", Some("E0116")),
    ("rule r# for key { require true }\n", None),
    ("format f#:fixed_width{record r{}}\n", None),
    ("profile p#{a=1;b=2;c=3}\n", Some("E0102")),
    ("profile p#{}\n", None),
    ("card c#{}\n", None),
    ("card c# for o.r{}\n", Some("E0106")),
    ("card c# for orders.order{}\n", None),
    ("profile p# for orders.order{}\n", None),
    ("profile p# : p{}\n", None),
    ("layout l# for orders.order{}\n", None),
    ("scenario s#:validation for c{}\n", None),
    (
        "profile \"p_{x}_#\" for x in many{label=x}\n",
        Some("E0141"),
    ),
    (
        "rule r# for key{require true}\nkey k#:aes128{use=transport}\n",
        Some("E0119"),
    ),
    (
        "key k#:aes128{use=transport}\ncard c# for orders.order{}\n",
        None,
    ),
    ("test \"#\"{}\n", None),
    ("job j#{input=orders}\n", None),
    ("job j#{input=orders;card=c;flow=l}\n", None),
    ("\n", None),
    (";", None),
];

/// Sixteen sources of a line over and over, as large as sources may be, but with so many nodes at
/// most.
fn sixteen(line: &str, most_nodes: usize) -> Vec<(String, String)> {
    let some: String = (0..100).map(|n| numbered(line, n + 100_000)).collect();
    let nodes = cardwright_dsl::parse(&some).tree.node_count();
    let mut left = most_nodes.saturating_mul(100) / nodes;
    let mut lines = (0..).map(|n| numbered(line, n)).peekable();
    let mut file = |n| {
        let mut text = String::new();
        while let Some(next) = lines.next_if(|l| left > 0 && text.len() + l.len() <= WHOLE) {
            text.push_str(&next);
            left -= 1;
        }
        file_of(n, text)
    };
    let mut files = vec![("head.perso".to_owned(), head())];
    files.extend((0..16).map(&mut file));
    files
}

/// What lines may name: the file of orders, a base, a list of 1,000 words.
fn head() -> String {
    let words: Vec<String> = (0..1_000).map(|n| format!("\"w{n}\"")).collect();
    format!(
        "{ORDERS}let many = [{}]\nprofile p {{ label = \"P\" }}\ncard c {{}}\n",
        words.join(", ")
    )
}

fn numbered(line: &str, n: usize) -> String {
    line.replace('#', &n.to_string())
}

fn file_of(n: usize, text: String) -> (String, String) {
    (format!("f{n}.perso"), text)
}

fn circle_of_files() -> Vec<(String, String)> {
    let file = |n: usize| {
        format!(
            "package p{n}\n\nuse p{0}\n\nlet a = p{0}.a\n",
            (n + 1) % 1_000
        )
    };
    (0..1_000).map(|n| file_of(n, file(n))).collect()
}

fn all_import_all() -> Vec<(String, String)> {
    const FILES: usize = FULL / 1_024;
    let imports: String = (0..FILES).map(|n| format!("use p{n}\n")).collect();
    let file = |n: usize| format!("package p{n}\n\n{imports}\nlet a = p{}.a\n", n / 2);
    (0..FILES).map(|n| file_of(n, file(n))).collect()
}

/// Each level has two packages, and each of them imports both of the level below.
fn diamonds() -> Vec<(String, String)> {
    let mut files = vec![file_of(
        0,
        format!("package l0a\n\n{ORDERS}let v = \"x\"\n"),
    )];
    files.push(file_of(1, "package l0b\n\nlet v = \"y\"\n".to_owned()));
    for level in 1..=20 {
        for (n, side) in ["a", "b"].into_iter().enumerate() {
            let below = level - 1;
            let text = format!(
                "package l{level}{side}\n\nuse l{below}a\nuse l{below}b\n\n\
                 let v = \"{{l{below}a.v}}{{l{below}b.v}}\"\n"
            );
            files.push(file_of(level * 2 + n, text));
        }
    }
    let top = "package top\n\nuse l0a\nuse l20a\n\ncard c for l0a.orders.order {\n  \
               face front { emboss { line 3 = l20a.v } }\n}\n";
    files.push(file_of(42, top.to_owned()));
    files
}

fn open_files() -> Vec<(String, String)> {
    (0..20)
        .map(|n| file_of(n, "card c {\n".repeat(FULL / 128)))
        .collect()
}

const KINDS: &[Kind] = &[
    ("200,000 braces", || "{".repeat(200_000), Some("E0021")),
    (
        "200,000 brackets in a value",
        || format!("let a = {}", "[".repeat(200_000)),
        Some("E0021"),
    ),
    (
        "40,000 closing braces",
        || "}".repeat(40_000),
        Some("E0004"),
    ),
    (
        "braces that close and open",
        || "{}".repeat(20_000),
        Some("E0005"),
    ),
    (
        "blocks that nothing closes",
        || "a {\n".repeat(WHOLE / 4),
        Some("E0021"),
    ),
    (
        "unclosed blocks of unindented entries",
        || "card c {\n".repeat(1_000),
        Some("E0003"),
    ),
    (
        "marks of direction and NUL",
        || "let a = \"\u{202E}\0\u{2066}\"\n".repeat(10_000),
        Some("E0019"),
    ),
    (
        "a tab on each line",
        || "\tlet a = 1\n".repeat(3_000),
        Some("E0019"),
    ),
    (
        "20,000 operators",
        || format!("let a = 1{}\n", " + 1".repeat(20_000)),
        Some("E0022"),
    ),
    (
        "20,000 calls behind each other",
        || format!("let a = f{}\n", "(1)".repeat(20_000)),
        Some("E0022"),
    ),
    (
        "10,000 alternatives",
        || format!("let a = {}\"z\"\n", "if b then \"x\" else ".repeat(10_000)),
        Some("E0022"),
    ),
    (
        "a number of 200,000 digits",
        || format!("let a = {}\n", "9".repeat(200_000)),
        Some("E0016"),
    ),
    (
        "octets of 200,000 digits",
        || format!("let a = x\"{}\"\n", "00".repeat(100_000)),
        None,
    ),
    (
        "a text of 200,000 characters",
        || format!("let a = \"{}\"\n", "x".repeat(200_000)),
        None,
    ),
    (
        "a name of 200,000 letters",
        || format!("let {} = 1\n", "x".repeat(200_000)),
        None,
    ),
    (
        "a path of 60,000 names",
        || format!("let a = b{}\n", ".b".repeat(60_000)),
        None,
    ),
    (
        "20,000 placeholders",
        || format!("let a = \"{}\"\n", "{b}".repeat(20_000)),
        None,
    ),
    (
        "20,000 nonsense lines",
        || "@ @ @\n".repeat(20_000),
        Some("E0024"),
    ),
    (
        "quotes that nothing closes",
        || "a = \"\n".repeat(2_000),
        Some("E0011"),
    ),
    ("10,000 entries", || "a=1\n".repeat(10_000), Some("E0103")),
    (
        "3,000 values of one name",
        || "let a = 1\n".repeat(3_000),
        Some("E0105"),
    ),
    (
        "12,000 attributes of one name",
        || format!("card c {{\n{}}}\n", "  a = 1\n".repeat(12_000)),
        None,
    ),
    ("2,000 imports", || "use a.b\n".repeat(2_000), Some("E0104")),
    (
        "a comment of 200,000 characters",
        || format!("// {}\n", "x".repeat(200_000)),
        None,
    ),
    (
        "texts that double",
        || {
            doubling("let a0 = order.name\n", |n| {
                format!("let a{n} = \"{{a{0}}}{{a{0}}}\"\n", n - 1)
            })
        },
        None,
    ),
    (
        "functions that double",
        || {
            doubling("fn a0(x) = x\n", |n| {
                format!("fn a{n}(x) = \"{{a{0}(x)}}{{a{0}(x)}}\"\n", n - 1)
            })
        },
        None,
    ),
    (
        "lists that double",
        || {
            doubling("let a0 = [order.name]\n", |n| {
                format!("let a{n} = [...a{0}, ...a{0}]\n", n - 1)
            })
        },
        None,
    ),
    (
        "conditions that double",
        || {
            doubling("let a0 = order.name\n", |n| {
                format!(
                    "let a{n} = if order.kind == \"{}\" then a{1} else a{1}\n",
                    n % 10,
                    n - 1
                )
            })
        },
        None,
    ),
    (
        "unclosed blocks, at full size",
        || "card c {\n".repeat(FULL / 9),
        Some("E0003"),
    ),
    (
        "quotes that nothing closes, at full size",
        || "a = \"\n".repeat(FULL / 6),
        Some("E0011"),
    ),
    (
        "nonsense lines, at full size",
        || "@ @ @\n".repeat(FULL / 6),
        Some("E0024"),
    ),
    (
        "closing braces, at full size",
        || "}".repeat(FULL),
        Some("E0004"),
    ),
    (
        "braces that close and open, at full size",
        || "{}".repeat(FULL / 2),
        Some("E0005"),
    ),
    (
        "entries, at full size",
        || "a=1\n".repeat(FULL / 4),
        Some("E0103"),
    ),
    (
        "unknown entries of a card, at full size",
        || format!("card c {{\n{}}}\n", "a=1\n".repeat(FULL / 4 - 4)),
        None,
    ),
    (
        "values of one name, at full size",
        || "let a = 1\n".repeat(FULL / 10),
        Some("E0105"),
    ),
    (
        "values that each name the next",
        || {
            (0..FULL / 20).fold(String::new(), |t, n| {
                t + &format!("let a{n} = a{}\n", n + 1)
            })
        },
        None,
    ),
    (
        "unknown imports, at full size",
        || "use a.b\n".repeat(FULL / 8),
        Some("E0111"),
    ),
    (
        "imports of different names, at full size",
        || (0..FULL / 13).fold(String::new(), |t, n| t + &format!("use a.b{n}\n")),
        Some("E0111"),
    ),
    (
        "unknown names among many",
        || (0..FULL / 26).fold(String::new(), |t, n| t + &format!("let a{n} = b{n}x\n")),
        None,
    ),
    (
        "a ladder of bases, at full size",
        long_ladder,
        Some("E0107"),
    ),
    (
        "a circle of bases, at full size",
        long_circle,
        Some("E0107"),
    ),
    ("a base with 3,000 heirs", many_heirs, Some("E0141")),
    ("a ladder of bases that each add", adding, None),
    ("copies of copies", copies, None),
    ("a circle of bases", circle, Some("E0107")),
    ("a ladder of 3,000 bases", ladder, Some("E0107")),
    ("a base with 100 heirs", heirs, None),
    (
        "a value that is made from itself",
        || format!("{ORDERS}let a = b\nlet b = c\nlet c = a\n"),
        Some("E0107"),
    ),
    (
        "a function that calls itself",
        || {
            format!(
                "{ORDERS}fn f(x) = \"{{f(x)}}{{f(x)}}\"\nlet a = f(order.name)\n{}",
                used("a")
            )
        },
        Some("E0107"),
    ),
];

/// A value that is asked for, so that it is made.
fn used(name: &str) -> String {
    format!("card c for orders.order {{ face front {{ emboss {{ line 3 = {name} }} }} }}\n")
}

/// A ladder of which each rung names the one below twice.
fn doubling(first: &str, rung: fn(usize) -> String) -> String {
    const RUNGS: usize = 64;
    let mut text = format!("{ORDERS}{first}");
    for n in 1..=RUNGS {
        text.push_str(&rung(n));
    }
    let last = if first.starts_with("fn") {
        format!("a{RUNGS}(order.name)")
    } else {
        format!("a{RUNGS}")
    };
    text + &used(&last)
}

/// Two lists of 1,000 words, and a copy for each pair.
fn copies() -> String {
    let words: Vec<String> = (0..1_000).map(|n| format!("\"w{n}\"")).collect();
    let words = words.join(", ");
    format!(
        "let one = [{words}]\nlet two = [{words}]\nprofile p_{{x}}_{{y}} for x in one for y in two {{ label = x }}\n"
    )
}

fn long_ladder() -> String {
    let mut text = "profile p0 { label = \"x\" }\n".to_owned();
    for n in 1..FULL / 26 {
        let _ = writeln!(text, "profile p{n}:p{} {{}}", n - 1);
    }
    text
}

fn long_circle() -> String {
    let mut text = String::new();
    for n in 0..FULL / 26 {
        let _ = writeln!(text, "profile p{n}:p{} {{}}", (n + 1) % (FULL / 26));
    }
    text
}

/// 200 attributes, inherited 3,000 times.
fn many_heirs() -> String {
    let mut text = format!("{ORDERS}profile p {{\n");
    for n in 0..200 {
        let _ = writeln!(text, "  data {{ #9F{n:02X} = x\"00\" }}");
    }
    text.push_str("}\n");
    for n in 0..3_000 {
        let _ = writeln!(text, "profile q{n} : p {{ }}");
    }
    text
}

/// Rungs of 100 attributes each.
fn adding() -> String {
    let mut text = ORDERS.to_owned();
    for rung in 0..FULL / 8_192 {
        let base = if rung == 0 {
            String::new()
        } else {
            format!(" : p{}", rung - 1)
        };
        let _ = writeln!(text, "profile p{rung}{base} {{");
        for n in 0..100 {
            let _ = writeln!(text, "  a{rung}_{n} = 1");
        }
        text.push_str("}\n");
    }
    text
}

fn circle() -> String {
    let mut text = String::new();
    for n in 0..1_000 {
        let _ = writeln!(text, "profile p{n} : p{} {{ }}", (n + 1) % 1_000);
    }
    text
}

fn ladder() -> String {
    let mut text = "profile p0 { label = \"x\" }\n".to_owned();
    for n in 1..3_000 {
        let _ = writeln!(text, "profile p{n} : p{} {{ }}", n - 1);
    }
    text
}

fn heirs() -> String {
    let mut text = format!("{ORDERS}profile p {{\n");
    for n in 0..50 {
        let _ = writeln!(text, "  a{n} = 1");
    }
    text.push_str("}\n");
    for n in 0..100 {
        let _ = writeln!(text, "profile q{n} : p {{ }}");
    }
    text
}

/// A file that says that it has 100 MB, and must not be read.
struct Huge;

impl Files for Huge {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        match path {
            "cardwright.toml" => Ok(MANIFEST.into()),
            "huge.perso" => Err(FileError::too_large(path, 100_000_000, MAX_ASSET_BYTES)),
            _ => Err(FileError::missing(path)),
        }
    }

    fn list(&self, _: &str) -> Vec<String> {
        vec!["huge.perso".to_owned()]
    }

    fn package(&self, path: &str) -> Result<Box<dyn Files>, FileError> {
        Err(FileError::missing(path))
    }
}

/// Codes of what a check finds.
fn codes(files: &dyn Files) -> BTreeSet<String> {
    let found = check(&Project::read(files), Environment::Test).findings;
    found.into_iter().map(|f| f.code).collect()
}

/// A project that is tried.
struct Case {
    name: String,
    files: Box<dyn Fn() -> Vec<(String, String)>>,
    code: Option<&'static str>,
}

fn cases() -> Vec<Case> {
    let one = KINDS.iter().map(|&(name, make, code)| Case {
        name: name.to_owned(),
        files: Box::new(move || {
            let source = make();
            assert!(source.len() <= WHOLE, "{name} is a source that is read");
            vec![("in.perso".to_owned(), source)]
        }),
        code,
    });
    let several = OF_SEVERAL.iter().map(|&(name, make, code)| Case {
        name: name.to_owned(),
        files: Box::new(make),
        code,
    });
    let whole = OVER_AND_OVER.iter().map(|(line, _)| Case {
        name: format!("4 MiB of {line:?}"),
        files: Box::new(|| sixteen(line, usize::MAX)),
        code: Some("E0119"),
    });
    let limited = OVER_AND_OVER.iter().map(|(line, code)| Case {
        name: format!("{line:?}, to the limit"),
        files: Box::new(|| sixteen(line, MAX_PROJECT_NODES - 12_000)),
        code: *code,
    });
    let all = one.chain(several).chain(whole).chain(limited);
    all.collect()
}

/// Not a test of its own: what the processes do that the other test starts.
#[test]
fn one_kind() {
    answer();
}

/// Checks the kind that the environment names, and says what was found.
pub(crate) fn answer() {
    let Ok(wanted) = std::env::var("KIND") else {
        return;
    };
    let case = cases().into_iter().find(|case| case.name == wanted);
    let manifest = MemoryFiles::new().with("cardwright.toml", MANIFEST);
    let files = (case.expect("a kind").files)().into_iter();
    let files = files.fold(manifest, |files, (path, text)| {
        files.with(&path, text.into_bytes())
    });
    let start = Instant::now();
    let found: Vec<String> = codes(&files).into_iter().collect();
    println!(
        "\nFOUND {}ms,{}ms {}",
        start.elapsed().as_millis(),
        processor() / 1_000_000,
        found.join(" ")
    );
}

/// Nanoseconds that all threads of this process have worked; none where the system does not say.
fn processor() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task");
    let spent = threads
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
    spent.sum()
}

#[test]
fn every_kind_ends_in_its_code_within_its_memory() {
    let own = std::env::current_exe().expect("this program");
    let mut wrong = String::new();
    for Case { name, code, .. } in cases() {
        if std::env::var("ONLY").is_ok_and(|only| !name.contains(&only)) {
            continue;
        }
        // 256 MiB of heap and stacks, in units of 1,024 octets.
        let output = Command::new("sh")
            .args([
                "-c",
                "ulimit -d 262144 && exec \"$0\" --exact one_kind --nocapture",
            ])
            .arg(&own)
            .env("KIND", &name)
            .env("RUST_BACKTRACE", "0")
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = said.lines().find_map(|l| l.strip_prefix("FOUND "));
        let Some((took, found)) = line.and_then(|l| l.split_once(' ')) else {
            let why = String::from_utf8_lossy(&output.stderr);
            let _ = writeln!(wrong, "{name}: no answer, {}: {why}", output.status);
            continue;
        };
        if std::env::var_os("TIMES").is_some() {
            println!("{name:<50} {took:>15}   {found}");
        }
        if let Some(code) = code
            && !found.split(' ').any(|f| f == code)
        {
            let _ = writeln!(wrong, "{name}: {code} is expected, found {found}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_is_too_large_is_not_read() {
    assert!(codes(&Huge).contains("E0111"));
    let large = MemoryFiles::new()
        .with("cardwright.toml", MANIFEST)
        .with("in.perso", " ".repeat(WHOLE + 1).as_bytes());
    assert!(codes(&large).contains("E0111"));
    let mut many = MemoryFiles::new().with("cardwright.toml", MANIFEST);
    for n in 0..1_001 {
        many = many.with(&format!("f{n}.perso"), "".as_bytes());
    }
    assert!(codes(&many).contains("E0111"));
    let mut together = MemoryFiles::new().with("cardwright.toml", MANIFEST);
    for n in 0..17 {
        together = together.with(&format!("f{n}.perso"), " ".repeat(WHOLE).as_bytes());
    }
    assert!(codes(&together).contains("E0111"));
    let octets = MemoryFiles::new()
        .with("cardwright.toml", MANIFEST)
        .with("in.perso", [0xFF, 0xFE, 0x00].as_slice());
    assert!(codes(&octets).contains("E0111"));
}
