//! The solution engineer's tool
fn main() {}
