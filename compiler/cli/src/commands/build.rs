//! `build`: the bundle.

use crate::{
    arguments::Build,
    failure::Failure,
    project::{Folder, write_whole},
    terminal,
};
use cardwright_bundle::{Environment, SigningKey};
use serde_json::json;

/// Carries the verb out.
pub(crate) fn run(arguments: &Build) -> Result<u8, Failure> {
    let folder = Folder::find(arguments.project.as_deref())?;
    let environment = if arguments.live {
        Environment::Live
    } else {
        Environment::Test
    };
    let (_, mut bundle) = super::built(&folder, environment)?;
    let test = environment == Environment::Test;
    if test {
        // The open test signer means nothing but TEST; it spares newcomers a ceremony.
        bundle.sign(&SigningKey::open_test_signer());
    }
    let content = bundle.content();
    let path = match &arguments.output {
        Some(path) => path.clone(),
        None => folder.root().join(format!("{}.cwb", content.name)),
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
    Ok(0)
}
