//! `doc`: a project's own documentation, and the reference book, as one HTML file each.

mod book;
mod card_content;
mod content;

use crate::{
    arguments::Doc,
    failure::{Failure, exit},
    project::{Folder, write_whole},
    terminal,
};
use cardwright_bundle::Environment;
use minijinja::{AutoEscape, Environment as Templates, context};
use std::path::PathBuf;

const PAGE: &str = include_str!("doc/page.html");
const STYLE: &str = include_str!("doc/style.css");

/// Carries the verb out.
pub(crate) fn run(arguments: &Doc) -> Result<u8, Failure> {
    let (name, html, root) = if arguments.reference {
        let markdown = cardwright_vocabulary::reference_markdown();
        let book = book::html(&markdown);
        let contents = minijinja::Value::from(minijinja::value::Serde(book::contents(&markdown)));
        let book = minijinja::Value::from_safe_string(book);
        let value = context! { style => STYLE, book, contents };
        ("reference.html", render(&value)?, PathBuf::from("."))
    } else {
        let folder = Folder::find(arguments.project.as_deref())?;
        let (_, bundle) = super::built(&folder, Environment::Test)?;
        let project = minijinja::Value::from(minijinja::value::Serde(content::project(&bundle)));
        let value = context! { style => STYLE, project };
        ("index.html", render(&value)?, folder.root().join("doc"))
    };
    let folder = arguments.output.clone().unwrap_or(root);
    std::fs::create_dir_all(&folder).map_err(|e| Failure::file(&folder, &e))?;
    let path = folder.join(name);
    write_whole(&path, html.as_bytes())?;
    terminal::print(&path.display().to_string());
    Ok(0)
}

fn render(value: &minijinja::Value) -> Result<String, Failure> {
    let mut templates = Templates::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.render_str(PAGE, value).map_err(|error| {
        let what = format!("the page can't be made: {error}");
        Failure::new(exit::BUG, "E0192", what, "report this as a bug")
    })
}
