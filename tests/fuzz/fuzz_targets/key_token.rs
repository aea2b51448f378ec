//! libFuzzer's loop around the body of the same name.
#![no_main]

#[path = "../bodies.rs"]
#[allow(dead_code, reason = "each program uses its body")]
mod bodies;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| bodies::key_token(octets));
