//! Draws specimens to look at: `cargo run -p cardwright-paper --example specimen -- FOLDER`.

#[path = "../tests/paper/sheets.rs"]
mod sheets;

use cardwright_paper::PaperDriver;
use cardwright_ports::Paper;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name a folder")?);
    let (driver, stationery) = (PaperDriver::new(), sheets::stationery());
    let letters = [sheets::mailer(0), sheets::mailer(1), sheets::card()];
    let mut pins = sheets::Pins::new(&["4729", "830156"]);
    let pdf = driver.pdf(&stationery, &letters, &mut pins)?;
    std::fs::write(folder.join("specimen.pdf"), pdf.expose())?;
    for (number, sheet) in letters.iter().enumerate() {
        let dots = if sheet.width_um > 100_000 { 100 } else { 300 };
        let png = driver.picture(&stationery, sheet, dots)?;
        std::fs::write(folder.join(format!("specimen-{number}.png")), png)?;
    }
    Ok(())
}
