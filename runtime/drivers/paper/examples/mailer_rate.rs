//! Measures PIN letters a second on one core: `cargo run --release -p cardwright-paper --example
//! mailer_rate`. Every letter has its own name, reference, barcode and PIN.
#![allow(clippy::print_stdout)]

#[path = "../tests/paper/sheets.rs"]
mod sheets;

use cardwright_paper::PaperDriver;
use cardwright_ports::Paper;
use cardwright_ports::paper::{Mark, Sheet};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (driver, stationery) = (PaperDriver::new(), sheets::stationery());
    let mut pins = sheets::Pins::new(&["4729", "8301", "5566"]);
    for chunk in [1_u64, 100, 1_000, 1_000, 5_000] {
        let letters: Vec<Sheet> = (0..chunk).map(letter).collect();
        let start = Instant::now();
        let pdf = driver.pdf(&stationery, &letters, &mut pins)?;
        let seconds = start.elapsed().as_secs_f64();
        let rate = chunk as f64 / seconds;
        println!(
            "{chunk} pages: {rate:.0} pages/s, {} octets",
            pdf.expose().len()
        );
    }
    Ok(())
}

fn letter(number: u64) -> Sheet {
    let mut sheet = sheets::mailer(number);
    if let Some(Mark::Text { lines, .. }) = sheet.marks.first_mut().map(|placed| &mut placed.mark) {
        for line in lines {
            line.push_str(&format!(" {number}"));
        }
    }
    sheet
}
