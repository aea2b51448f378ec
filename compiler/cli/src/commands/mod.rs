//! One file a verb.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod doc;
pub(crate) mod dump;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod keygen;
pub(crate) mod new;
pub(crate) mod preview;
pub(crate) mod schema;
pub(crate) mod sign;
pub(crate) mod test;
pub(crate) mod vendor;
pub(crate) mod verify;
pub(crate) mod why;

use crate::{
    failure::Failure,
    findings,
    project::{Folder, open_bundle},
};
use cardwright_bundle::{Bundle, Environment};
use cardwright_compiler::{Checked, Session, emit};
use std::path::Path;

/// Shell completions.
pub(crate) fn completions(shell: clap_complete::Shell) {
    let mut command = <crate::arguments::Arguments as clap::CommandFactory>::command();
    clap_complete::generate(shell, &mut command, "cardwright", &mut std::io::stdout());
}

/// Checks and builds a project; findings go to standard error.
pub(crate) fn built(
    folder: &Folder,
    environment: Environment,
) -> Result<(Checked, Bundle), Failure> {
    built_again(&mut Session::default(), folder, environment)
}

/// The same, for the next time in a session.
pub(crate) fn built_again(
    session: &mut Session,
    folder: &Folder,
    environment: Environment,
) -> Result<(Checked, Bundle), Failure> {
    let project = folder.project();
    let checked = session.check(&project, environment);
    findings::note(&checked.findings, &checked.model.sources);
    let errors = findings::errors(&checked.findings);
    if errors > 0 {
        return Err(Failure::errors(errors));
    }
    let bundle = emit::build_checked(&checked, &project, environment).map_err(|found| {
        findings::note(&found, &checked.model.sources);
        Failure::errors(findings::errors(&found))
    })?;
    Ok((checked, bundle))
}

/// A bundle, or a project that is built in memory for test keys.
pub(crate) fn bundle_or_project(path: &Path) -> Result<Bundle, Failure> {
    if path.is_dir() {
        let folder = Folder::find(Some(path))?;
        return Ok(built(&folder, Environment::Test)?.1);
    }
    open_bundle(path)
}
