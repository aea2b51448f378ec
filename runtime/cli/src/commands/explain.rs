//! `explain`: what a code means.

use crate::{
    arguments::Explain,
    failure::{Failure, exit},
    terminal,
};

/// Prints a code's page.
pub(crate) fn run(arguments: &Explain) -> Result<u8, Failure> {
    let wanted = arguments.code.to_uppercase();
    let tables = [
        cardwright_runtime::codes::CODES,
        cardwright_runtime::engine::CODES,
        cardwright_files::codes::CODES,
        cardwright_store::CODES,
        cardwright_machine::CODES,
        cardwright_keys::ceremony::CODES,
        cardwright_keys::exchange::CODES,
        cardwright_keys::inventory::CODES,
        cardwright_keys::issuer::CODES,
        cardwright_pkcs11::CODES,
        cardwright_host_commands::CODES,
        cardwright_soft_hsm::CODES,
        cardwright_virtual_card::CODES,
        cardwright_paper::CODES,
        cardwright_stations::CODES,
    ];
    let found = tables
        .into_iter()
        .flatten()
        .find(|(code, ..)| *code == wanted);
    let Some((code, title, meaning, mend)) = found else {
        return Err(Failure::new(
            exit::FINDINGS,
            "R1297",
            format!("no code `{}` here", arguments.code),
            "compiler codes begin with E: ask `cardwright explain`",
        ));
    };
    terminal::print(&format!(
        "{code}: {title}\n\n{meaning}\n\nWhat to do: {mend}"
    ));
    Ok(0)
}
