//! Calls and cards an hour of a token that holds nothing yet: `calls MODULE LABEL PIN [SECONDS]`. TEST only.
#![allow(clippy::print_stdout, reason = "a program for people who measure")]

use cardwright_pkcs11::bench::{Bench, figures};
use cardwright_pkcs11::capability::Capability;
use cardwright_pkcs11::settings::TokenName;
use cardwright_pkcs11::{HostMemory, Pin, Pkcs11Hsm, Settings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let mut next = || {
        words
            .next()
            .ok_or("usage: calls MODULE LABEL PIN [SECONDS]")
    };
    let (module, label, pin) = (next()?, next()?, next()?);
    let seconds = words.next().map_or(Ok(2.0), |text| text.parse())?;
    let tokens = vec![TokenName::Label(label)];
    let mut settings = Settings::new(module.into(), tokens, Pin::new(pin.into_bytes())?);
    settings.host_memory = HostMemory::Allowed;
    settings.test_only = true;
    settings.avoid = vec![
        Capability::TdesDerive,
        Capability::AesDerive,
        Capability::KeyWrapPad,
    ];
    let hsm = Pkcs11Hsm::open(settings)?;
    hsm.prepare()?;
    for row in figures(&mut Bench::new(hsm)?, seconds)? {
        println!(
            "{:<40} {:>14.2} plain {:>14.2}",
            row.name, row.ours, row.plain
        );
    }
    Ok(())
}
