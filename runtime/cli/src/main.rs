//! `cardstation`: the operator's, custodian's and auditor's tool.

mod arguments;
mod commands;
mod failure;
mod site;
mod site_hsm;
mod site_payment;
mod terminal;

use arguments::{Arguments, Command};
use clap::Parser;
use std::process::ExitCode;

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
    // A core file would hold job keys: none is ever written. Where the system refuses the limit,
    // the operator's own settings count.
    let _ = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0);
    let arguments = Arguments::parse();
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| dispatch(arguments))) {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(failure)) => {
            failure.show();
            ExitCode::from(failure.exit)
        }
        Err(_) => ExitCode::from(101),
    }
}

fn dispatch(arguments: Arguments) -> Result<u8, failure::Failure> {
    let site = arguments.site;
    match arguments.command {
        Command::Init(init) => commands::init::run(&init),
        Command::Check(check) => commands::check::run(&site, &check),
        Command::Run(run) => commands::run::run(&site, &run),
        Command::Bundle(bundle) => commands::bundle::run(&site, &bundle),
        Command::Intake(intake) => commands::intake::run(&site, &intake),
        Command::Job(job) => commands::job::run(&site, &job),
        Command::Audit(audit) => commands::audit::run(&site, &audit),
        Command::Hsm(hsm) => commands::hsm::run(&site, &hsm),
        Command::Keys(keys) => commands::keys::run(&site, &keys),
        Command::Card(card) => commands::card::run(&card),
        Command::Calc(calc) => commands::calc::run(&calc),
        Command::Bench(bench) => commands::bench::run(&bench),
        Command::Dump(dump) => commands::dump::run(&site, &dump),
        Command::Explain(explain) => commands::explain::run(&explain),
        Command::Schema(schema) => commands::schema::run(&schema),
        Command::Completions { shell } => {
            commands::completions(shell);
            Ok(0)
        }
    }
}
