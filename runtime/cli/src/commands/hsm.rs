//! `hsm`: what the site's HSM does, and its preparation.

use crate::{
    arguments::{HsmArguments, HsmVerb},
    failure::{Failure, exit},
    site::Site,
    terminal,
};
use cardwright_pkcs11::capability::Shown;
use cardwright_ports::hsm::{KeyRequest, KeyUse};
use std::path::Path;

/// Carries a verb out.
pub(crate) fn run(site: &Path, arguments: &HsmArguments) -> Result<u8, Failure> {
    let site = Site::open(site)?;
    match &arguments.verb {
        HsmVerb::Show => show(&site)?,
        HsmVerb::Prepare => {
            site.hsm()?.pkcs11()?.prepare()?;
            terminal::print("the tokens hold the keys that the driver needs");
        }
        HsmVerb::TestKeys { bundle } => test_keys(&site, bundle)?,
    }
    Ok(0)
}

fn show(site: &Site) -> Result<(), Failure> {
    let hsm = site.hsm()?;
    let hsm = hsm.pkcs11()?;
    for (capability, shown) in hsm.capabilities() {
        let found = match shown {
            Shown::Works => "yes".to_owned(),
            Shown::Wrong => "WRONG ANSWER".to_owned(),
            Shown::Refused(why) => format!("no: {why}"),
        };
        terminal::print(&format!("{:<22} {found}", capability.word()));
    }
    for line in hsm.describe() {
        let memory = match (line.possible, line.host_memory) {
            (false, _) => "NOT POSSIBLE",
            (true, true) => "host memory",
            (true, false) => "inside",
        };
        let intent = format!("{:?}", line.intent);
        terminal::print(&format!("{intent:<22} {memory:<12} {}", line.composition));
    }
    Ok(())
}

/// The open test keys of a TEST bundle, which everybody knows.
fn test_keys(site: &Site, bundle: &Path) -> Result<(), Failure> {
    let loaded = super::bundle::verify(site, &super::bundle::read(bundle)?)?;
    let hsm = site.hsm()?;
    let hsm = hsm.pkcs11()?;
    for slot in &loaded.content().keys {
        let usage = KeyUse::from_name(&slot.usage).ok_or_else(|| {
            let what = format!("the bundle's key {} has an unknown use", slot.name);
            Failure::new(
                exit::TRUST,
                "R1302",
                what,
                "use a station of the bundle's version",
            )
        })?;
        let request = KeyRequest {
            name: slot.name.clone(),
            algorithm: slot.algorithm.clone(),
            bits: slot.bits,
            exponent: slot.exponent,
            usage,
        };
        hsm.import_test_key(&request)?;
        terminal::print(&request.name);
    }
    Ok(())
}
