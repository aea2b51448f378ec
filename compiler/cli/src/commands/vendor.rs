//! `vendor`: all packages that a project builds on, copied into its folder, for closed networks.

use crate::{
    arguments::Vendor,
    failure::{Failure, exit},
    findings,
    project::{Folder, write_whole},
    terminal,
};
use cardwright_compiler::{
    diagnostics::{Finding, Place, Severity},
    model::Sources,
    project::{Package, Project},
};
use std::path::{Path, PathBuf};

/// Carries the verb out. Packages that lie in `vendor` already are read from there: take the folder
/// away to fetch them again from where they came.
pub(crate) fn run(arguments: &Vendor) -> Result<u8, Failure> {
    let folder = Folder::find(arguments.project.as_deref())?;
    let project = folder.locked_project(arguments.lock.how())?;
    if !project.troubles.is_empty() {
        findings::note(&troubles(&project), &Sources::default());
        return Err(Failure::errors(project.troubles.len()));
    }
    let vendor = folder.root().join("vendor");
    let mut copied = 0;
    for package in project.packages.iter().filter(|p| !p.is_standard()) {
        copy(package, &vendor)?;
        copied += 1;
        terminal::note(&format!("{}: vendor/{}", package.label(), package.name));
    }
    let names: Vec<&str> = project.packages.iter().map(|p| p.name.as_str()).collect();
    leftovers(&vendor, &names)?;
    terminal::note(&match copied {
        0 => "no packages but the standard ones: nothing to copy".to_owned(),
        1 => "1 package copied; the project now builds without anything outside".to_owned(),
        n => format!("{n} packages copied; the project now builds without anything outside"),
    });
    Ok(0)
}

fn troubles(project: &Project<'_>) -> Vec<Finding> {
    let all = project.troubles.iter().map(|trouble| Finding {
        code: trouble.code.to_owned(),
        severity: Severity::Error,
        message: trouble.message.clone(),
        help: trouble.help.clone(),
        place: Place {
            file: trouble.path.clone(),
            line: 1,
            column: 1,
            end_line: 1,
            end_column: 1,
        },
        labels: Vec::new(),
        path: Vec::new(),
        rule: None,
        fix: None,
    });
    all.collect()
}

/// Writes a package beside its place first, so that nobody ever sees half of one.
fn copy(package: &Package, vendor: &Path) -> Result<(), Failure> {
    let place = vendor.join(&package.name);
    let part = vendor.join(format!(".{}.{}.part", package.name, std::process::id()));
    let failed = |path: &Path, e: std::io::Error| Failure::file(path, &e);
    for path in package.paths() {
        let bytes = package.read(path).map_err(|e| {
            Failure::new(
                exit::ENVIRONMENT,
                "E0120",
                e.to_string(),
                "the package changed while it was copied; try again",
            )
        })?;
        let target: PathBuf = path.split('/').fold(part.clone(), |p, name| p.join(name));
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).map_err(|e| failed(parent, e))?;
        }
        write_whole(&target, &bytes)?;
    }
    if place.exists() {
        std::fs::remove_dir_all(&place).map_err(|e| failed(&place, e))?;
    }
    std::fs::rename(&part, &place).map_err(|e| failed(&place, e))
}

/// Says which folders of `vendor` belong to no package any more; nothing of them is read.
fn leftovers(vendor: &Path, names: &[&str]) -> Result<(), Failure> {
    let Ok(entries) = std::fs::read_dir(vendor) else {
        return Ok(());
    };
    let mut idle: Vec<String> = entries
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !names.contains(&name.as_str()))
        .collect();
    idle.sort();
    for name in idle {
        terminal::note(&format!(
            "vendor/{name} belongs to no package: take it away"
        ));
    }
    Ok(())
}
