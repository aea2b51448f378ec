//! Calls and cards an hour of a token that holds nothing yet: `calls MODULE LABEL PIN [SECONDS]`. TEST only.
#![allow(clippy::print_stdout, reason = "a program for people who measure")]

use cardwright_pkcs11::bench::{Bench, PREFERRED, REFUSED, figures, figures_inside};
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
    let (module, pin) = (std::path::PathBuf::from(module), pin.into_bytes());
    let opened = |avoid: &[Capability]| -> Result<Bench, cardwright_pkcs11::error::Refused> {
        let tokens = vec![TokenName::Label(label.clone())];
        let mut settings = Settings::new(module.clone(), tokens, Pin::new(pin.clone())?);
        // Test keys are brought in through host memory; what cards get goes the way that is left open.
        settings.host_memory = HostMemory::Allowed;
        settings.test_only = true;
        settings.avoid = avoid.to_vec();
        let hsm = Pkcs11Hsm::open(settings)?;
        hsm.prepare()?;
        Bench::new(hsm)
    };
    let mut inside = opened(&REFUSED)?;
    let of_inside = figures_inside(&mut inside, seconds)?;
    inside.end()?;
    let mut rows = figures(&mut opened(&PREFERRED)?, seconds)?;
    rows.extend(of_inside);
    for row in rows {
        println!(
            "{:<68} {:>14.2} {:?} {:>14.2}",
            row.name, row.ours, row.peer, row.theirs
        );
    }
    Ok(())
}
