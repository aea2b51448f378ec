//! The example bank's stationery is what its generator makes.

#[path = "../../examples/make_aurora_stationery/carrier.rs"]
mod carrier;
#[path = "../../examples/make_aurora_stationery/letterhead.rs"]
mod letterhead;
#[path = "../../examples/make_aurora_stationery/mailer.rs"]
mod mailer;
#[path = "../../examples/make_aurora_stationery/pen.rs"]
mod pen;

use crate::sheets::root;

#[test]
fn the_generator_gives_the_same_bytes() {
    let faces = pen::Faces::read(&root().join("layouts/fonts")).unwrap();
    let assets = root().join("examples/aurora-bank/assets");
    let letter = std::fs::read(assets.join("letter.pdf")).unwrap();
    assert!(mailer::draw(&faces).unwrap() == letter, "run the generator");
    let sheet = std::fs::read(assets.join("carrier.pdf")).unwrap();
    assert!(carrier::draw(&faces).unwrap() == sheet, "run the generator");
}
