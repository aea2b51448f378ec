//! `new`: a project folder that checks, tests and builds at once, or one without sources.

use crate::{
    arguments::New,
    failure::{Failure, exit},
    project::write_whole,
    templates, terminal,
};
use std::path::Path;

/// Longest name of a project, characters; the manifest's own limit.
const NAME_MAX: usize = 64;

/// Carries the verb out.
pub(crate) fn run(arguments: &New) -> Result<u8, Failure> {
    let folder = &arguments.name;
    let name = folder
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    check_name(&name)?;
    let template = templates::find(&arguments.template).ok_or_else(|| {
        let what = format!("no template `{}`", arguments.template);
        Failure::new(exit::USAGE, "E0191", what, "see `cardwright new --help`")
    })?;
    refuse_taken(folder)?;
    for (path, text) in template.files {
        let place = folder.join(path);
        let parent = place.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|e| Failure::file(parent, &e))?;
        write_whole(&place, text.replace("{name}", &name).as_bytes())?;
    }
    let shown = folder.display();
    terminal::note(&format!("made {shown} from `{}`; next:", template.name));
    let verbs: &[&str] = match template.name {
        "blank" => &["check"],
        _ => &["check", "test", "build"],
    };
    for verb in verbs {
        terminal::print(&format!("cardwright {verb} {shown}"));
    }
    Ok(0)
}

/// E0191 for what is no name of a project.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let fits = (1..=NAME_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        return Ok(());
    }
    Err(Failure::new(
        exit::USAGE,
        "E0191",
        format!("`{name}` is no name of a project"),
        "take 1 to 64 small letters, digits and hyphens",
    ))
}

/// E0191 for a folder that is there and not empty.
pub(crate) fn refuse_taken(folder: &Path) -> Result<(), Failure> {
    let taken = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => folder.exists(),
    };
    if taken {
        let what = format!("{} is there already and not empty", folder.display());
        return Err(Failure::new(
            exit::ENVIRONMENT,
            "E0191",
            what,
            "choose another name",
        ));
    }
    Ok(())
}
