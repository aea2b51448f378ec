//! `build`: the bundle, or all bundles that the manifest names.

use crate::{
    arguments::Build,
    failure::{Failure, exit},
    findings,
    project::{Folder, write_whole},
    terminal,
};
use cardwright_bundle::{Bundle, Environment, SigningKey};
use cardwright_compiler::{emit, project::Project};
use serde_json::json;
use std::path::PathBuf;

/// Carries the verb out.
pub(crate) fn run(arguments: &Build) -> Result<u8, Failure> {
    let folder = Folder::find(arguments.project.as_deref())?;
    let environment = if arguments.live {
        Environment::Live
    } else {
        Environment::Test
    };
    let project = folder.locked_project(arguments.lock.how())?;
    let checked = emit::check(&project, environment);
    findings::note(&checked.findings, &checked.model.sources);
    let errors = findings::errors(&checked.findings);
    if errors > 0 {
        return Err(Failure::errors(errors));
    }
    let names = wanted(arguments, &project)?;
    let several = names.len() > 1;
    for name in &names {
        let built = match name {
            Some(name) => emit::build_bundle(&project, environment, name),
            None => emit::build(&project, environment),
        };
        let bundle = built.map_err(|found| {
            findings::note(&found, &checked.model.sources);
            Failure::errors(findings::errors(&found))
        })?;
        write(arguments, &folder, bundle, environment, several)?;
    }
    Ok(0)
}

/// Names of the bundles to build; `None` stands for the only one, with all jobs.
fn wanted(arguments: &Build, project: &Project<'_>) -> Result<Vec<Option<String>>, Failure> {
    let known: Vec<&String> = project.manifest.bundles.keys().collect();
    match &arguments.bundle {
        Some(name) if known.contains(&name) => Ok(vec![Some(name.clone())]),
        Some(name) => {
            let names: Vec<&str> = known.iter().map(|n| n.as_str()).collect();
            let has = if names.is_empty() {
                "it has no `[bundles]`".to_owned()
            } else {
                format!("it has: {}", names.join(", "))
            };
            Err(Failure::new(
                exit::USAGE,
                "E0129",
                format!("the manifest has no bundle `{name}`"),
                &has,
            ))
        }
        None if known.is_empty() => Ok(vec![None]),
        None => Ok(known.into_iter().map(|n| Some(n.clone())).collect()),
    }
}

fn write(
    arguments: &Build,
    folder: &Folder,
    mut bundle: Bundle,
    environment: Environment,
    several: bool,
) -> Result<(), Failure> {
    let test = environment == Environment::Test;
    if test {
        // The open test signer means nothing but TEST; it spares newcomers a ceremony.
        bundle.sign(&SigningKey::open_test_signer());
    }
    let content = bundle.content();
    let file = format!("{}.cwb", content.name);
    let path: PathBuf = match &arguments.output {
        Some(place) if several || place.is_dir() => {
            std::fs::create_dir_all(place).map_err(|e| Failure::file(place, &e))?;
            place.join(file)
        }
        Some(path) => path.clone(),
        None => folder.root().join(file),
    };
    write_whole(&path, &bundle.to_bytes()?)?;
    let digest = hex::encode_upper(bundle.digest());
    if arguments.json {
        terminal::json(&json!({
            "schema_version": 1,
            "bundle": path.display().to_string(),
            "digest": digest,
            "version": content.version,
            "test": test,
        }));
    } else {
        let environment = if test { "TEST" } else { "LIVE, not yet signed" };
        terminal::note(&format!(
            "{} {} (sequence {}), {environment}: {}",
            content.name,
            content.version,
            content.sequence,
            path.display()
        ));
        terminal::print(&digest);
    }
    Ok(())
}
