//! `keys`: the key management station. One file a group of verbs.

mod ceremony;
mod custodian;
mod desk;
mod exception;
mod exchange;
mod forms;
mod issuer;
mod life;
mod list;
mod needs;
mod package;
mod present;
mod report;
mod sites;
mod talk;
mod test_certificate;
mod time;
mod tr34;
mod tr34_binding;

pub(crate) use needs::{due_soon, note_job, ready};

use crate::{
    arguments::{
        inventory::InventoryVerb,
        keys::{Keys, KeysVerb},
    },
    failure::Failure,
    site::Site,
};
use cardwright_keys::inventory::Act;
use std::path::Path;

/// Carries a verb out.
pub(crate) fn run(site: &Path, arguments: &Keys) -> Result<u8, Failure> {
    match &arguments.verb {
        KeysVerb::TestCertificate(wanted) => test_certificate::run(wanted),
        KeysVerb::Ceremony { verb } => ceremony::run(&Site::open(site)?, verb),
        KeysVerb::Custodian { verb } => custodian::run(&Site::open(site)?, verb),
        KeysVerb::Export(wanted) => exchange::export(&Site::open(site)?, wanted),
        KeysVerb::Import(wanted) => exchange::import(&Site::open(site)?, wanted),
        KeysVerb::Tr34 { verb } => tr34::run(&Site::open(site)?, verb),
        KeysVerb::PublicKey { key } => exchange::print_public(&Site::open(site)?, key),
        KeysVerb::Exception { verb } => exception::run(&Site::open(site)?, verb),
        KeysVerb::Issuer { verb } => issuer::run(&Site::open(site)?, verb),
        KeysVerb::Ca { verb } => issuer::run_ca(&Site::open(site)?, verb),
        KeysVerb::Pool(wanted) => super::pool::run(site, wanted),
        KeysVerb::Inventory(verb) => inventory(&Site::open(site)?, verb),
    }
}

fn inventory(site: &Site, verb: &InventoryVerb) -> Result<u8, Failure> {
    match verb {
        InventoryVerb::List {
            name,
            state,
            format,
        } => list::list(site, name.as_deref(), state.as_deref(), *format),
        InventoryVerb::Show { key, format } => list::show(site, key, *format),
        InventoryVerb::Generate(wanted) => life::generate(site, wanted),
        InventoryVerb::Adopt {
            key,
            owner,
            zone,
            who,
        } => life::adopt(site, key, (owner, zone), who),
        InventoryVerb::Copy { key, who } => life::copy(site, key, who),
        InventoryVerb::Activate {
            key,
            from,
            until,
            who,
        } => life::activate(site, key, (from.as_ref(), until.as_ref()), who),
        InventoryVerb::Suspend(wanted) => life::live(site, Act::Suspend, wanted),
        InventoryVerb::Resume(wanted) => life::live(site, Act::Resume, wanted),
        InventoryVerb::Retire(wanted) => life::live(site, Act::Retire, wanted),
        InventoryVerb::Replace {
            key,
            by,
            from,
            until,
            who,
        } => life::replace(site, (key, by), (from.as_ref(), until.as_ref()), who),
        InventoryVerb::Compromise(wanted) => life::live(site, Act::Compromise, wanted),
        InventoryVerb::Destroy(wanted) => life::live(site, Act::Destroy, wanted),
        InventoryVerb::Due { days, format } => list::due(site, *days, *format),
        InventoryVerb::Use { key, format } => list::uses(site, key.as_deref(), *format),
        InventoryVerb::Check { format } => list::check(site, *format),
        InventoryVerb::Report { out } => report::run(site, out),
        InventoryVerb::Package { verb } => package::run(site, verb),
        InventoryVerb::Site { verb } => sites::run(site, verb),
    }
}
