//! Prints this HSM's figures on this machine; with `--features peers` those of `rsa` 0.9 beside.
//!
//! `cargo run --release -p cardwright-soft-hsm --features peers --example figures -- 3`
//!
//! With the word `symmetric` behind the seconds it prints the rows on symmetric data only.

use cardwright_soft_hsm::bench::{self, Figure};
use cardwright_soft_hsm::error::Refused;

fn main() -> Result<(), Refused> {
    let seconds = std::env::args()
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or(1.0);
    show(&bench::symmetric_data_generation(seconds)?);
    show(&bench::symmetric_together(64, seconds)?);
    if std::env::args().nth(2).as_deref() == Some("symmetric") {
        return Ok(());
    }
    for (bits, exponent) in bench::KEY_ROWS {
        show(&bench::key_generation(bits, exponent, seconds)?);
        #[cfg(feature = "peers")]
        show(&bench::rsa_crate_key_generation(bits, exponent, seconds)?);
    }
    for bits in [1152, 1408, 1984] {
        show(&bench::private_operation(bits, seconds)?);
    }
    show(&bench::dda_cards(false, seconds)?);
    show(&bench::dda_cards(true, seconds)?);
    show(&bench::des_one_key(seconds)?);
    show(&bench::des_own_keys(64, seconds)?);
    show(&bench::des_own_keys(256, seconds)?);
    show(&bench::des_few_blocks(seconds)?);
    show(&bench::des_chain(seconds)?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example's output")]
fn show(figure: &Figure) {
    println!("{:<44} {:>12.1} {}", figure.name, figure.value, figure.unit);
}
