//! `check`: every finding in one run; with `--fix` those that name a definite change are mended.

use crate::{
    arguments::{Check, Format},
    failure::{Failure, exit},
    findings,
    project::{Folder, read_source, write_whole},
    terminal,
};
use cardwright_bundle::Environment;
use cardwright_compiler::diagnostics::{Finding, Fix, Severity, apply};
use cardwright_compiler::emit;
use std::collections::BTreeMap;

/// Most rounds: a change may bring another finding to light, and that one its own change.
const ROUNDS: usize = 20;

/// Carries the verb out.
pub(crate) fn run(arguments: &Check) -> Result<u8, Failure> {
    let folder = Folder::find(arguments.project.as_deref())?;
    if arguments.fix {
        mend(&folder, arguments)?;
    }
    let project = folder.locked_project(arguments.lock.how())?;
    let environment = environment(arguments);
    let checked = emit::check(&project, environment);
    findings::print(&checked.findings, &checked.model.sources, arguments.format);
    if arguments.format == Format::Human {
        let files = checked
            .model
            .sources
            .files
            .iter()
            .filter(|f| !f.standard)
            .count();
        let said = findings::counted(&checked.findings);
        let name = &checked.model.manifest.name;
        let plural = if files == 1 { "" } else { "s" };
        terminal::note(&format!("{name}: {said} in {files} file{plural}"));
    }
    Ok(if checked.is_good() { 0 } else { exit::FINDINGS })
}

fn environment(arguments: &Check) -> Environment {
    match arguments.live {
        true => Environment::Live,
        false => Environment::Test,
    }
}

/// Makes the changes that findings name, until none is left, and says each. One change a file and
/// round: the next is looked for in what the last one left.
fn mend(folder: &Folder, arguments: &Check) -> Result<(), Failure> {
    let mut refused: Vec<(String, Fix)> = Vec::new();
    for _ in 0..ROUNDS {
        let project = folder.locked_project(arguments.lock.how())?;
        let found = emit::check(&project, environment(arguments)).findings;
        let mut chosen: BTreeMap<&str, (&Finding, &Fix)> = BTreeMap::new();
        for finding in &found {
            let Some(fix) = &finding.fix else { continue };
            let one = fix.edits.first().map(|edit| edit.place.file.as_str());
            let within = |file: &str| fix.edits.iter().all(|e| e.place.file == file);
            let Some(file) = one.filter(|file| within(file)) else {
                continue;
            };
            let known = (file.to_owned(), fix.clone());
            if !refused.contains(&known) {
                chosen.entry(file).or_insert((finding, fix));
            }
        }
        if chosen.is_empty() {
            return Ok(());
        }
        for (file, (finding, fix)) in chosen {
            if !change(folder, file, (finding, fix), arguments)? {
                refused.push((file.to_owned(), fix.clone()));
            }
        }
    }
    Ok(())
}

/// Makes one change; false where the file would be no better: broken, or the same.
fn change(
    folder: &Folder,
    file: &str,
    (finding, fix): (&Finding, &Fix),
    arguments: &Check,
) -> Result<bool, Failure> {
    let path = folder.root().join(file);
    let text = read_source(&path)?;
    let mended = apply(&text, fix);
    let broken = |text: &str| cardwright_dsl::parse(text).diagnostics.len();
    if mended == text || broken(&mended) > broken(&text) {
        return Ok(false);
    }
    write_whole(&path, mended.as_bytes())?;
    if arguments.format == Format::Human {
        let grave = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let (line, code) = (finding.place.line, &finding.code);
        terminal::note(&format!("{file}:{line}: {}  ({grave} {code})", fix.title));
    }
    Ok(true)
}
