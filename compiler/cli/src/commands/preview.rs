//! `preview`: faces, carriers and mailers as PDF and PNG.

mod watch;

use crate::{
    arguments::Preview,
    failure::{Failure, exit},
    project::{Folder, write_whole},
    terminal,
};
use cardwright_bundle::Environment;
use cardwright_compiler::Session;
use cardwright_compiler::emit::{self, TestCase};
use cardwright_rehearsal::{Order, Rehearsal, RehearsalError, Rehearsed, preview};
use std::{collections::BTreeSet, path::Path};

/// Carries the verb out.
pub(crate) fn run(arguments: &Preview) -> Result<u8, Failure> {
    let folder = Folder::find(arguments.project.as_deref())?;
    let default = || folder.root().join("preview");
    let output = arguments.output.clone().unwrap_or_else(default);
    let mut session = Session::default();
    if !arguments.watch {
        return draw(&mut session, &folder, &output, arguments).map(|()| 0);
    }
    let mut files = watch::Files::new(folder.root(), &output);
    terminal::note("drawing again after each change; Ctrl-C ends it");
    let mut again = || draw(&mut session, &folder, &output, arguments);
    watch::watch(&mut files, &mut again, &mut Failure::show);
    Ok(0)
}

/// Builds the project and draws what is wanted; a picture that is as it was is not written.
fn draw(
    session: &mut Session,
    project: &Folder,
    folder: &Path,
    arguments: &Preview,
) -> Result<(), Failure> {
    let (checked, bundle) = super::built_again(session, project, Environment::Test)?;
    let bin = emit::issuer_bin(&checked.model);
    let mut rehearsal = Rehearsal::new(bundle)?;
    rehearsal.photos_below(project.root());
    let (made, trouble) = cards(
        &mut rehearsal,
        &emit::test_cases(&checked.model).0,
        bin.as_deref(),
    );
    let wanted = |name: &str| match arguments.layout.as_deref() {
        None => true,
        Some(layout) => {
            let side = name.strip_suffix("-front").or(name.strip_suffix("-back"));
            name == layout || side == Some(layout)
        }
    };
    let mut drawn = BTreeSet::new();
    for made in &made {
        let new = |name: &str| wanted(name) && !drawn.contains(name);
        let pictures = preview(&rehearsal, made, &new)?;
        if !pictures.is_empty() {
            std::fs::create_dir_all(folder).map_err(|e| Failure::file(folder, &e))?;
        }
        for picture in pictures {
            for (ending, bytes) in [("pdf", &picture.pdf), ("png", &picture.png)] {
                let path = folder.join(format!("{}.{ending}", picture.name));
                if arguments.watch && std::fs::read(&path).is_ok_and(|kept| kept == *bytes) {
                    continue;
                }
                write_whole(&path, bytes)?;
                terminal::print(&path.display().to_string());
            }
            drawn.insert(picture.name);
        }
    }
    match (drawn.is_empty(), trouble) {
        (true, Some(error)) => Err(error.into()),
        (true, None) => Err(Failure::new(
            exit::FINDINGS,
            "E0197",
            "nothing to draw of this name",
            "leave `--layout` out to draw everything",
        )),
        (false, _) => Ok(()),
    }
}

/// The first order that the author wrote for each card, then specimens of all products.
fn cards(
    rehearsal: &mut Rehearsal,
    cases: &[TestCase],
    bin: Option<&str>,
) -> (Vec<Rehearsed>, Option<RehearsalError>) {
    let mut tried = Vec::new();
    // An order that must be refused makes no card.
    for case in cases.iter().filter(|case| !case.rejects) {
        let fields = case.fields.iter().cloned().collect();
        tried.push(rehearsal.order(&Order {
            fields,
            bin: bin.map(str::to_owned),
        }));
    }
    for (job, product) in rehearsal.products() {
        tried.push(rehearsal.specimen(&job, &product, bin));
    }
    let mut made: Vec<Rehearsed> = Vec::new();
    let mut trouble = None;
    for result in tried {
        match result {
            Ok(new) if made.iter().any(|old| old.card == new.card) => {}
            Ok(new) => made.push(new),
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    (made, trouble)
}
