//! `dump`: the stable text print of each noun.

use crate::{
    arguments::{Dump, Noun},
    failure::Failure,
    project::{Folder, open_bundle, read_source},
    terminal,
};
use cardwright_bundle::{Bundle, Environment};
use cardwright_compiler::{diagnostics, emit, model};

/// Carries the verb out.
pub(crate) fn run(arguments: &Dump) -> Result<u8, Failure> {
    let path = &arguments.file;
    let text = match arguments.noun {
        Noun::Tree => cardwright_dsl::parse(&read_source(path)?).tree.print(),
        Noun::Model => {
            let folder = Folder::find(Some(path))?;
            let project = folder.project();
            model::print(&cardwright_compiler::check_language(&project).model)
        }
        Noun::Checked => {
            let folder = Folder::find(Some(path))?;
            let project = folder.project();
            let checked = emit::check(&project, Environment::Test);
            let said = diagnostics::human(&checked.findings);
            format!("{}{said}", model::print(&checked.model))
        }
        Noun::Bundle if path.extension().is_some_and(|e| e == "cwb") => {
            content(&open_bundle(path)?)
        }
        Noun::Bundle => {
            let folder = Folder::find(Some(path))?;
            content(&super::built(&folder, Environment::Test)?.1)
        }
    };
    terminal::print(text.trim_end());
    Ok(0)
}

fn content(bundle: &Bundle) -> String {
    serde_json::to_string_pretty(bundle.content()).unwrap_or_default()
}
