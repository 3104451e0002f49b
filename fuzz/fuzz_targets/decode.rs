//! Any bytes, decoded in every way. See `check` in `laws.rs` beside this file for what must hold.

#![no_main]

mod laws;

libfuzzer_sys::fuzz_target!(|data: &[u8]| laws::check(data));
