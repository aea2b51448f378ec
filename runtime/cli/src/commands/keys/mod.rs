//! `keys`: the key management station. One file a group of verbs.

mod test_certificate;

use crate::{
    arguments::keys::{Keys, KeysVerb},
    failure::Failure,
};
use std::path::Path;

/// Carries a verb out.
pub(crate) fn run(site: &Path, arguments: &Keys) -> Result<u8, Failure> {
    match &arguments.verb {
        KeysVerb::TestCertificate(wanted) => test_certificate::run(wanted),
        KeysVerb::Pool(wanted) => super::pool::run(site, wanted),
    }
}
