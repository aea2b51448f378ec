//! People of acts that need two. Where the site has registered people, each of those who are named
//! types their own secret; a site without them goes by names.

use super::talk::talk;
use crate::{
    arguments::inventory::Who, commands::production::SystemClock, failure::Failure, site::Site,
};
use cardwright_keys::ceremony::{authenticate, people};
use cardwright_ports::{Clock, Store};

/// Lets everybody who is named prove that it is them.
pub(super) fn prove(site: &Site, who: &Who) -> Result<(), Failure> {
    let store = site.store()?;
    if people(&store).map_err(Failure::keys)?.is_empty() {
        return Ok(());
    }
    let mut talk = talk(who.answers.as_deref(), site.test_keys_only())?;
    for name in [Some(&who.who), who.second.as_ref()].into_iter().flatten() {
        let secret = talk.secret(&format!("Secret of {name}: "))?;
        let (present, changes) = authenticate(&store, name, &secret).map_err(Failure::keys)?;
        // A wrong secret is counted before anybody hears of it.
        if !changes.is_empty() {
            store.commit(&changes.into_batch(SystemClock.unix_seconds()))?;
        }
        present.map_err(Failure::keys)?;
    }
    Ok(())
}
