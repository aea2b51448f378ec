//! One file a verb.

pub(crate) mod audit;
pub(crate) mod bench;
mod bench_hsm;
mod blanks;
pub(crate) mod bundle;
pub(crate) mod calc;
pub(crate) mod card;
pub(crate) mod check;
pub(crate) mod dump;
pub(crate) mod explain;
pub(crate) mod hsm;
pub(crate) mod init;
pub(crate) mod intake;
pub(crate) mod job;
pub(crate) mod keys;
pub(crate) mod pool;
mod production;
pub(crate) mod run;
pub(crate) mod schema;

pub(crate) use blanks::no_chips;

/// Shell completions.
pub(crate) fn completions(shell: clap_complete::Shell) {
    let mut command = <crate::arguments::Arguments as clap::CommandFactory>::command();
    clap_complete::generate(shell, &mut command, "cardstation", &mut std::io::stdout());
}
