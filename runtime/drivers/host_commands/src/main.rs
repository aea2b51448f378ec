//! A payment HSM simulator of Cardwright's own: TEST keys only, no vendor's product.

use std::io::Write;
use std::net::SocketAddr;

use cardwright_host_commands::simulator::{FIRMWARE, Simulator, SimulatorSettings};
use clap::Parser;

/// A payment HSM simulator of Cardwright's own, for tests and trials. TEST KEYS ONLY: its LMK comes
/// from a seed that everybody may know, and nothing that it holds protects a real card.
#[derive(Parser)]
#[command(name = "payment-hsm-simulator")]
struct Arguments {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:1500")]
    listen: SocketAddr,
    /// Characters of the message header.
    #[arg(long, default_value_t = 4)]
    header: usize,
    /// Seed of the TEST LMK, 64 hexadecimal characters.
    #[arg(long)]
    seed: Option<String>,
    /// Calls a second, such as 60, 250 or 2500; as fast as it can when left out.
    #[arg(long)]
    rate: Option<u32>,
    /// Clear PINs may leave (NG).
    #[arg(long)]
    authorised: bool,
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let mut error = std::io::stderr();
    let seed = arguments.seed.map(|seed| {
        let octets = hex::decode(seed).unwrap_or_default();
        <[u8; 32]>::try_from(octets)
    });
    let seed = match seed {
        None => [0x5E; 32],
        Some(Ok(seed)) => seed,
        Some(Err(_)) => {
            let _ = writeln!(error, "--seed takes 64 hexadecimal characters");
            return std::process::ExitCode::from(2);
        }
    };
    let settings = SimulatorSettings {
        address: arguments.listen,
        header: arguments.header,
        lmk: None,
        seed,
        rate: arguments.rate,
        authorised: arguments.authorised,
    };
    let simulator = match Simulator::start(settings) {
        Ok(simulator) => simulator,
        Err(e) => {
            let _ = writeln!(error, "{}: {e}", arguments.listen);
            return std::process::ExitCode::FAILURE;
        }
    };
    let mut out = std::io::stdout();
    let _ = writeln!(
        out,
        "{FIRMWARE}: no vendor's product, nothing here protects a real card"
    );
    let _ = writeln!(
        out,
        "listening on {}, LMK check value {}",
        simulator.address(),
        simulator.lmk().check_value()
    );
    loop {
        std::thread::park();
    }
}
