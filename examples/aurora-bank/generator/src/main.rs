//! Seeded order files of any size with realistic trouble
fn main() {}
