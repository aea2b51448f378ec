//! Draws the example bank's stationery: `cargo run -p cardwright-paper --example
//! make_aurora_stationery` writes `letter.pdf` and `carrier.pdf` into the example's assets.

mod carrier;
mod letterhead;
mod mailer;
mod pen;

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let faces = pen::Faces::read(&root.join("layouts/fonts"))?;
    let assets = root.join("examples/aurora-bank/assets");
    std::fs::write(assets.join("letter.pdf"), mailer::draw(&faces)?)?;
    std::fs::write(assets.join("carrier.pdf"), carrier::draw(&faces)?)?;
    Ok(())
}
