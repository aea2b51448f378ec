//! `cardwright`: the solution engineer's tool.

mod arguments;
mod codes;
mod commands;
mod failure;
mod findings;
mod project;
mod templates;
mod terminal;

use arguments::{Arguments, Command};
use clap::Parser;
use std::process::ExitCode;

/// A check makes and drops many small things on all processors: this is quicker at it than the
/// system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A panic is a bug of ours: say so, with the code that scripts know, and without the message,
    // which might hold data.
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map(|l| format!("{}:{}", l.file(), l.line()));
        terminal::note(&format!(
            "this is a bug of Cardwright ({}); please report it",
            place.unwrap_or_default()
        ));
    }));
    let arguments = Arguments::parse();
    match std::panic::catch_unwind(|| dispatch(&arguments.command)) {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(failure)) => {
            failure.show();
            ExitCode::from(failure.exit)
        }
        Err(_) => ExitCode::from(failure::exit::BUG),
    }
}

fn dispatch(command: &Command) -> Result<u8, failure::Failure> {
    match command {
        Command::New(new) => commands::new::run(new),
        Command::Check(check) => commands::check::run(check),
        Command::Build(build) => commands::build::run(build),
        Command::Keygen(keygen) => commands::keygen::run(keygen),
        Command::Sign(sign) => commands::sign::run(sign),
        Command::Verify(verify) => commands::verify::run(verify),
        Command::Fmt(fmt) => commands::fmt::run(fmt),
        Command::Test(test) => commands::test::run(test),
        Command::Preview(preview) => commands::preview::run(preview),
        Command::Vendor(vendor) => commands::vendor::run(vendor),
        Command::Diff(diff) => commands::diff::run(diff),
        Command::Why(why) => commands::why::run(why),
        Command::Schema(schema) => commands::schema::run(schema),
        Command::Doc(doc) => commands::doc::run(doc),
        Command::Import(import) => commands::import::run(import),
        Command::Inspect(inspect) => commands::inspect::run(inspect),
        Command::Explain(explain) => commands::explain::run(explain),
        Command::Dump(dump) => commands::dump::run(dump),
        Command::Lsp { .. } => Ok(cardwright_lsp::serve_stdio()),
        Command::Completions { shell } => {
            commands::completions(*shell);
            Ok(0)
        }
    }
}
