//! `fmt`: lays sources out.

use crate::{
    arguments::Fmt,
    failure::{Failure, exit},
    project::{read_source, sources, write_whole},
    terminal,
};
use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

/// Carries the verb out.
pub(crate) fn run(arguments: &Fmt) -> Result<u8, Failure> {
    let here = [PathBuf::from(".")];
    let paths = if arguments.paths.is_empty() {
        &here[..]
    } else {
        &arguments.paths[..]
    };
    let mut differ = false;
    for path in paths {
        if path == Path::new("-") {
            differ |= standard_input(arguments.check)?;
            continue;
        }
        let files = if path.is_dir() {
            sources(path)
        } else {
            vec![path.clone()]
        };
        for file in files {
            differ |= one(&file, arguments.check)?;
        }
    }
    Ok(if arguments.check && differ {
        exit::FINDINGS
    } else {
        0
    })
}

/// Lays one file out; whether it was not laid out before.
fn one(file: &Path, check: bool) -> Result<bool, Failure> {
    let source = read_source(file)?;
    let laid_out = cardwright_dsl::format(&source);
    if laid_out == source {
        return Ok(false);
    }
    if !check {
        write_whole(file, laid_out.as_bytes())?;
    }
    terminal::print(&file.display().to_string());
    Ok(true)
}

fn standard_input(check: bool) -> Result<bool, Failure> {
    let failed = |e: std::io::Error| Failure::file(Path::new("-"), &e);
    let mut source = String::new();
    let most = cardwright_compiler::project::MAX_SOURCE_BYTES as u64;
    std::io::stdin()
        .take(most)
        .read_to_string(&mut source)
        .map_err(failed)?;
    let laid_out = cardwright_dsl::format(&source);
    if !check {
        std::io::stdout()
            .write_all(laid_out.as_bytes())
            .map_err(failed)?;
    }
    Ok(laid_out != source)
}
